//! Closing a case and opening it again, and what is decided about who leads and who pays.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{
    Closing, CompetenceDecision, CoreEdit, Edit, MarkClosing, Reopening, TaskEdit, TaskField,
};
use nahtlos_casework::fields::{
    ClosingReason, Date, EntryId, Field, FieldError, Line, LongText, Phase, ReopeningReason,
    Responsible, Stored, TaskStatus,
};
use nahtlos_casework::phase::{Gate, judge, transition};
use nahtlos_casework::view::{CoreView, PlanView, ProcessView, TasksView};
use nahtlos_protocol::identifier::SpaceId;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::cases::{Case, hex};
use crate::consent::short_name;
use crate::edits::{NewEdits, TypedEdit};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;

const CLOSE: &str = "close this case";
const REOPEN: &str = "open this case again";
const DECIDE: &str = "record who leads or pays";
/// How long after the closing the person is asked how they are.
const FOLLOW_UP_MONTHS: [i32; 3] = [3, 6, 12];
/// What makes a follow-up task's identifier from the case, the day of the closing and the months.
const FOLLOW_UP_LABEL: &[u8] = b"nahtlos/task/follow-up\0";

/// What is still open in a case that is to be closed. About a client: nothing of it belongs into a log.
#[derive(Clone, PartialEq, Serialize)]
pub struct OpenMatters {
    /// Tasks that are neither done nor cancelled.
    pub tasks: Vec<OpenMatter>,
    /// Steps of the plan that have not ended.
    pub steps: Vec<OpenMatter>,
    /// Consents that hold, with their last day.
    pub consents: Vec<OpenMatter>,
    /// Institutions that can read something.
    pub readers: Vec<String>,
    /// Edits that are held and wait for somebody.
    pub held: usize,
    /// Conflicts that nobody has settled.
    pub conflicts: usize,
    /// Edits of this device that are not delivered.
    pub undelivered: u64,
    /// Sections that this device cannot write: what others do there after the closing is not shown.
    pub not_marked: Vec<String>,
}

/// One of them.
#[derive(Clone, PartialEq, Serialize)]
pub struct OpenMatter {
    /// What it is called.
    pub title: String,
    /// When it is due or ends.
    pub day: Option<Date>,
    /// How far it is.
    pub status: Option<String>,
}

impl OpenMatters {
    /// Whether nothing is open. That others read is no such thing.
    pub fn is_empty(&self) -> bool {
        let counts = [
            self.held,
            self.conflicts,
            self.tasks.len(),
            self.steps.len(),
        ];
        counts.iter().all(|count| *count == 0) && self.consents.is_empty() && self.undelivered == 0
    }
}

/// A case that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedCase {
    /// The record of it.
    pub closing: EntryId,
    /// The days of the tasks to ask how the person is.
    pub follow_up: Vec<Date>,
}

impl Nahtlos {
    /// What is still open in a case, to be looked at before it is closed.
    ///
    /// # Errors
    /// As [`Self::close_case`].
    pub fn open_matters(&self, case: &Case) -> Result<OpenMatters, ClientError> {
        self.closable_from(case)?;
        let id = hex(&case.id);
        let held = self.held_list()?;
        let waits = |held: &&crate::held::HeldEnvelope| held.case.as_ref() == Some(&id);
        let mut undelivered = 0;
        for space in case.sections.values() {
            undelivered += self.pending_edits(space)?.len() as u64;
        }
        Ok(OpenMatters {
            tasks: self.open_tasks(case),
            steps: self.unfinished_steps(case)?,
            consents: self.consents_in_force(case)?,
            readers: self.institutions_that_read(case)?,
            held: held.iter().filter(waits).count(),
            conflicts: self.open_conflicts(case)?.len(),
            undelivered,
            not_marked: case
                .sections
                .iter()
                .filter(|(kind, space)| MarkClosing::is_set_in(kind) && !self.can_mark(space))
                .map(|(kind, _)| kind.code())
                .collect(),
        })
    }

    /// Closes a case with a reason, makes the follow-up tasks, and marks the closing in every section that
    /// this device may write: what somebody does there without knowing of it is shown to all. In one
    /// transaction; works offline. Nobody's right ends by it.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution leads; [`ClientError::Field`] where the case is
    /// closed already, or the reason lacks its note. Nothing is changed then.
    pub fn close_case(
        &mut self,
        case: &Case,
        reason: ClosingReason,
        note: Option<LongText>,
    ) -> Result<ClosedCase, ClientError> {
        self.closable_from(case)?;
        let (id, date) = (random::entry_id(), self.today()?);
        let closing = Closing {
            id,
            date,
            reason,
            note,
        };
        let close = Edit::Core(CoreEdit::Close(closing));
        close.validate()?;
        let follow_up: Vec<(Date, i32)> = FOLLOW_UP_MONTHS
            .iter()
            .filter(|_| reason.is_followed_up())
            .filter_map(|months| Some((date.plus_months(*months)?, *months)))
            .collect();
        let mut new = Vec::new();
        for (kind, space) in &case.sections {
            let mut edits = Vec::new();
            match kind {
                SectionKind::Core => edits.push(close.clone()),
                SectionKind::Tasks if self.can_mark(space) => {
                    edits.extend(self.follow_up_edits(case, space, date, &follow_up)?);
                    edits.push(mark(kind, id, false));
                }
                _ if MarkClosing::is_set_in(kind) && self.can_mark(space) => {
                    edits.push(mark(kind, id, false));
                }
                _ => {}
            }
            self.add_edits(&mut new, space, edits)?;
        }
        self.keep_edits(new)?;
        let tasks = case.sections.get(&SectionKind::Tasks);
        let has_tasks = tasks.is_some_and(|space| self.can_mark(space));
        Ok(ClosedCase {
            closing: id,
            follow_up: follow_up
                .into_iter()
                .filter(|_| has_tasks)
                .map(|(day, _)| day)
                .collect(),
        })
    }

    /// Opens a closed case again; the follow-up tasks that nobody has begun are cancelled.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution leads; [`ClientError::Field`] where the case is
    /// not closed, or the reason lacks its note. Nothing is changed then.
    pub fn reopen_case(
        &mut self,
        case: &Case,
        reason: ReopeningReason,
        note: Option<LongText>,
    ) -> Result<(), ClientError> {
        self.check_reopening(case)?;
        let process = self.process_unrecorded(case)?;
        let reopening = Reopening {
            id: random::entry_id(),
            date: self.today()?,
            reason,
            note,
        };
        let reopen = Edit::Core(CoreEdit::Reopen(reopening));
        reopen.validate()?;
        let mut new = Vec::new();
        for (kind, space) in &case.sections {
            let mut edits = Vec::new();
            if *kind == SectionKind::Core {
                edits.push(reopen.clone());
            }
            if MarkClosing::is_set_in(kind) && self.can_mark(space) {
                let document = self.working_document(space)?;
                let marked = process
                    .closings
                    .iter()
                    .filter_map(|closing| closing.id.known());
                let open = marked.filter(|closing| MarkClosing::stands_in(&document, closing));
                edits.extend(open.map(|closing| mark(kind, *closing, true)));
                if *kind == SectionKind::Tasks {
                    edits.extend(cancelled(&case.id.0, &process, &TasksView::read(&document)));
                }
            }
            self.add_edits(&mut new, space, edits)?;
        }
        self.keep_edits(new)
    }

    /// Records who leads or pays, from when on, and who decided it. It changes neither the lead nor anybody's
    /// access: a hand-over does.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution leads; [`ClientError::Field`] for days that do not
    /// fit. Nothing is changed then.
    pub fn record_competence(
        &mut self,
        case: &Case,
        decision: &CompetenceDecision,
    ) -> Result<(), ClientError> {
        self.check_competence(case, decision.decided_on)?;
        let edit = Edit::Core(CoreEdit::RecordCompetence(Box::new(decision.clone())));
        self.edit_case(&hex(&case.id), &[edit])
    }

    /// Whether [`Self::reopen_case`] would be refused, before anybody says why.
    ///
    /// # Errors
    /// As there.
    pub fn check_reopening(&self, case: &Case) -> Result<(), ClientError> {
        let from = self.settled_phase(case, REOPEN)?;
        require_gate(from, Phase::Reopened, Gate::Reopening)
    }

    /// Whether [`Self::record_competence`] would be refused, before anybody says why it was decided.
    ///
    /// # Errors
    /// As there.
    pub fn check_competence(&self, case: &Case, decided_on: Date) -> Result<(), ClientError> {
        self.require_lead(case, DECIDE)?;
        if decided_on > self.today()? {
            return Err(FieldError::new(
                "decided_on",
                "future",
                "the day of the decision lies in the future",
                "record it when it was decided; from when on it holds may lie in the future",
            )
            .into());
        }
        Ok(())
    }

    /// The phase, if the case can be closed from there.
    fn closable_from(&self, case: &Case) -> Result<Phase, ClientError> {
        let from = self.settled_phase(case, CLOSE)?;
        require_gate(from, Phase::Closed, Gate::Closing)?;
        Ok(from)
    }

    /// Whether this device may write a section and has its content, to set a mark in it.
    fn can_mark(&self, space: &SpaceId) -> bool {
        self.require_writable(space).is_ok() && self.working_document(space).is_ok()
    }

    fn add_edits(
        &self,
        new: &mut Vec<NewEdits>,
        space: &SpaceId,
        edits: Vec<Edit>,
    ) -> Result<(), ClientError> {
        if edits.is_empty() {
            return Ok(());
        }
        let edits: Vec<TypedEdit> = edits.into_iter().map(TypedEdit::Case).collect();
        new.push(self.make_edits(space, &edits)?);
        Ok(())
    }

    /// The follow-up tasks, for the person who leads. Two who close the case on one day make the same ones;
    /// one that was cancelled is open again.
    fn follow_up_edits(
        &self,
        case: &Case,
        tasks: &SpaceId,
        closed_on: Date,
        days: &[(Date, i32)],
    ) -> Result<Vec<Edit>, ClientError> {
        let known = TasksView::read(&self.working_document(tasks)?);
        let core = self.working_document(&case.section(&SectionKind::Core)?)?;
        let lead = CoreView::read(&core).lead;
        let lead = lead.as_ref().and_then(Stored::known);
        let responsible =
            lead.map(|lead| Responsible::Person(lead.institution.clone(), lead.person.clone()));
        let mut edits = Vec::new();
        for (due, months) in days {
            let id = follow_up_id(&case.id.0, closed_on, *months);
            let is_known = |task: &&nahtlos_casework::view::TaskView| task.id.known() == Some(&id);
            if let Some(task) = known.tasks.iter().find(is_known) {
                if !task.deleted && !task.is_open() {
                    edits.push(set_status(id, TaskStatus::Open));
                }
                continue;
            }
            let title = format!(
                "Nachfrage {months} Monate nach Abschluss · Suivi {months} mois après la clôture"
            );
            edits.push(Edit::Tasks(TaskEdit::Add {
                id,
                title: Line::parse(&title)?,
                responsible: responsible.clone(),
                due: Some(*due),
                priority: None,
                checklist: Vec::new(),
            }));
        }
        Ok(edits)
    }

    fn open_tasks(&self, case: &Case) -> Vec<OpenMatter> {
        let Ok(document) = self.section_document(case, &SectionKind::Tasks) else {
            return Vec::new();
        };
        let tasks = TasksView::read(&document);
        let open = tasks.open().map(|task| OpenMatter {
            title: task
                .title
                .as_ref()
                .map_or_else(String::new, Stored::to_string),
            day: task.due.as_ref().and_then(Stored::known).copied(),
            status: task.status.as_ref().map(Stored::canonical),
        });
        open.collect()
    }

    fn unfinished_steps(&self, case: &Case) -> Result<Vec<OpenMatter>, ClientError> {
        let Ok(document) = self.section_document(case, &SectionKind::Plan) else {
            return Ok(Vec::new());
        };
        let authors = self.section_authors(case, &SectionKind::Plan)?;
        let plan = PlanView::read(&document, &authors);
        let steps = plan.goals.iter().flat_map(|goal| &goal.steps);
        let unfinished = steps.filter(|step| step.is_unfinished());
        let unfinished = unfinished.map(|step| OpenMatter {
            title: step
                .title
                .as_ref()
                .map_or_else(String::new, Stored::to_string),
            day: [&step.end, &step.due]
                .into_iter()
                .find_map(|day| day.as_ref()?.known().copied()),
            status: step.status.as_ref().map(Stored::canonical),
        });
        Ok(unfinished.collect())
    }

    fn consents_in_force(&self, case: &Case) -> Result<Vec<OpenMatter>, ClientError> {
        let today = self.today()?;
        let mut found: Vec<OpenMatter> = Vec::new();
        for coverage in self.consents(case)?.coverage() {
            let title = short_name(&coverage.consent);
            if coverage.is_in_force_on(today) && !found.iter().any(|one| one.title == title) {
                found.push(OpenMatter {
                    title,
                    day: coverage.until,
                    status: None,
                });
            }
        }
        Ok(found)
    }

    fn institutions_that_read(&self, case: &Case) -> Result<Vec<String>, ClientError> {
        let own = self
            .shared_directory()?
            .institution_name(&self.institution()?);
        let mut readers: Vec<String> = Vec::new();
        for section in self.shares(case)? {
            let of_others = section.grants.into_iter().map(|grant| grant.institution);
            readers.extend(of_others.filter(|one| !one.is_empty() && *one != own));
        }
        readers.sort();
        readers.dedup();
        Ok(readers)
    }
}

fn mark(section: &SectionKind, closing: EntryId, reopened: bool) -> Edit {
    Edit::MarkClosing(MarkClosing {
        section: section.clone(),
        closing,
        reopened,
    })
}

fn set_status(id: EntryId, status: TaskStatus) -> Edit {
    let field = TaskField::Status(status);
    Edit::Tasks(TaskEdit::Set { id, field })
}

/// The follow-up tasks of all closings that nobody has begun.
fn cancelled(case: &[u8; 16], process: &ProcessView, tasks: &TasksView) -> Vec<Edit> {
    let days = process
        .closings
        .iter()
        .filter_map(|closing| closing.date.as_ref()?.known());
    let ids: Vec<EntryId> = days
        .flat_map(|day| FOLLOW_UP_MONTHS.map(|months| follow_up_id(case, *day, months)))
        .collect();
    let not_begun = tasks.open().filter_map(|task| {
        let status = task.status.as_ref().and_then(Stored::known);
        let id = task.id.known().filter(|id| ids.contains(id))?;
        (status == Some(&TaskStatus::Open)).then_some(*id)
    });
    let mut not_begun: Vec<EntryId> = not_begun.collect();
    not_begun.dedup();
    not_begun
        .into_iter()
        .map(|id| set_status(id, TaskStatus::Cancelled))
        .collect()
}

/// Refuses where the table has no such step behind this gate.
fn require_gate(from: Phase, to: Phase, gate: Gate) -> Result<(), ClientError> {
    match transition(from, to) {
        Some(row) if row.gate == gate => Ok(()),
        _ => Ok(judge(from, to, true)?),
    }
}

fn follow_up_id(case: &[u8; 16], closed_on: Date, months: i32) -> EntryId {
    let digest = Sha256::new()
        .chain_update(FOLLOW_UP_LABEL)
        .chain_update(case)
        .chain_update(closed_on.canonical())
        .chain_update(months.to_be_bytes())
        .finalize();
    let mut bytes = [0; 8];
    for (place, byte) in bytes.iter_mut().zip(digest) {
        *place = byte;
    }
    EntryId::from_random(bytes)
}
