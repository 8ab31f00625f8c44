//! `nahtlos meeting`: round tables that are called and held; [`super::meeting_call`] calls them.

use std::path::Path;

use nahtlos_casework::access::DisclosureForm;
use nahtlos_casework::decision::{Decision, Outcome};
use nahtlos_casework::edit::{
    Edit, FormChange, FormEdit, MarkClosing, NewValues, ScalarValue, StepRef, Wording,
};
use nahtlos_casework::fields::{Date, EntryId, Field, LongText, Minutes, UtcTime};
use nahtlos_casework::form::Form;
use nahtlos_casework::view::{DisputesView, EntryView, FormView, PlanView, TasksView};
use nahtlos_casework::{Conflict, SectionKind, conflicts};
use nahtlos_client::{Case, ClientError, Nahtlos};
use serde_json::json;

use super::disclosing::Disclosing;
use super::dispute::Contested;
use super::entries::{find, known_id, new_id};
use super::meeting_print::{self, Standing};
use super::names::Names;
use super::plan_print_words::Language;
use super::section::{erased, lost_copy, show_section};
use super::section_erase::how_it_ended;
use super::section_fields::{name_of, numbered, table};
use super::values::{parse, parse_option};
use super::{NOT_DELIVERED_YET, case_title, meeting_call};
use crate::arguments::{DisclosedTo, MeetingCommand, MeetingDecide, MeetingOf, TypedValue};
use crate::context::{Context, write_private_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates};

/// Minutes that a round table should not be longer than (DOMAIN §1).
const LENGTH_MINUTES_MAX: u16 = 90;

pub fn run(context: &Context, command: MeetingCommand) -> Result<Answer, Failure> {
    match command {
        MeetingCommand::Call(new) => meeting_call::call(context, &new),
        MeetingCommand::List { case } => list(context, &case),
        MeetingCommand::Show(of) => {
            let table = Table::open(context, &of)?;
            show_section(&table.nahtlos, &table.case, &table.kind)
        }
        MeetingCommand::Minutes {
            of,
            point,
            replace,
            append,
            text,
        } => minutes(context, &of, &point, (replace, append), &text),
        MeetingCommand::Attend {
            of,
            who,
            attendance,
        } => attend(context, &of, &who, &attendance),
        MeetingCommand::Decide(new) => decide(context, &new),
        MeetingCommand::Close { of, length } => close(context, &of, &length),
        MeetingCommand::Print {
            of,
            language,
            to,
            disclosed,
        } => print(context, &of, language.as_deref(), &to, &disclosed),
    }
}

/// One round table of a case.
struct Table {
    nahtlos: Nahtlos,
    case: Case,
    kind: SectionKind,
    form: &'static Form,
    view: FormView,
}

impl Table {
    /// For who looks at it: that they did is recorded.
    fn open(context: &Context, of: &MeetingOf) -> Result<Self, Failure> {
        let table = Self::find(context, of)?;
        table.nahtlos.note_reading(&table.case, &table.kind);
        Ok(table)
    }

    fn find(context: &Context, of: &MeetingOf) -> Result<Self, Failure> {
        let nahtlos = context.open()?;
        let case = nahtlos.find_case(&of.case)?;
        let meetings = meetings(&nahtlos, &case);
        let named: Vec<_> = (1..)
            .zip(&meetings)
            .map(|(number, (kind, _))| (number.to_string(), id_of(kind), kind))
            .collect();
        let kind = match (&of.meeting, named.as_slice()) {
            (Some(typed), named) => (*find("round table", typed, named)?).clone(),
            (None, [(_, _, only)]) => (*only).clone(),
            (None, []) => {
                return Err(ClientError::NotFound {
                    what: "round table",
                    input: of.case.clone(),
                }
                .into());
            }
            (None, several) => {
                let all = several.iter().map(|(_, id, _)| format!("--meeting {id}"));
                return Err(super::ambiguous("round tables", &of.case, all));
            }
        };
        let form = table(&kind)?;
        let view = view_of(&nahtlos, &case, &kind)?;
        Ok(Self {
            nahtlos,
            case,
            kind,
            form,
            view,
        })
    }

    /// An entry of one of its lists, by its number in `meeting show` or its id.
    fn entry(&self, list: &str, what: &'static str, typed: &str) -> Result<EntryView, Failure> {
        let entries: Vec<_> = numbered(self.form, &self.view)
            .into_iter()
            .filter(|(_, of, _)| of.code == list)
            .map(|(number, _, entry)| (number.to_string(), entry.id.canonical(), entry))
            .collect();
        Ok((*find(what, typed, &entries)?).clone())
    }

    /// Before anybody types: may they write here, and where else they ask for something?
    fn require_writable(&self, further: &[SectionKind]) -> Result<(), Failure> {
        for kind in std::iter::once(&self.kind).chain(further) {
            let space = self.case.section(kind)?;
            self.nahtlos.require_writable(&space)?;
        }
        Ok(())
    }

    /// As commands name it: a case may have several.
    fn named(&self) -> String {
        let id: String = id_of(&self.kind).chars().take(5).collect();
        format!("{} --meeting {id}", self.case.id)
    }

    /// Its case and its time: a case may have several.
    fn title(&self) -> Result<String, Failure> {
        let case = case_title(&self.nahtlos, &self.case)?;
        let at = text_of(&self.view, "at").and_then(|text| UtcTime::parse(&text).ok());
        let at = at.map_or_else(|| id_of(&self.kind), |at| format!("of {}", dates::time(at)));
        Ok(format!("{case}, round table {at}"))
    }

    /// What nobody has settled in it yet.
    fn conflicts(&self) -> Result<Vec<Conflict>, Failure> {
        let document = self
            .nahtlos
            .section_document_unrecorded(&self.case, &self.kind)?;
        let authors = self.nahtlos.section_authors(&self.case, &self.kind)?;
        Ok(conflicts(&document, &self.kind, &authors))
    }

    /// The minutes of a point in two wordings that nobody has chosen from.
    fn conflict_of_minutes(&self, point: &EntryView) -> Result<Option<Conflict>, Failure> {
        let id = point.id.canonical();
        let path = ["entries", id.as_str(), "minutes"];
        let mut conflicts = self.conflicts()?.into_iter();
        Ok(conflicts.find(|conflict| {
            let steps: Vec<&str> = conflict.path.iter().map(String::as_str).collect();
            steps == path
        }))
    }

    fn edit(&self, change: FormChange) -> Edit {
        Edit::Form(FormEdit {
            section: self.kind.clone(),
            change,
        })
    }

    /// All of it, or nothing.
    fn write(&mut self, edits: &[Edit], done: &str) -> Result<Answer, Failure> {
        if !edits.is_empty() {
            self.nahtlos.edit_case(&self.case.id.to_string(), edits)?;
        }
        let title = self.title()?;
        let data = json!({
            "case": self.case.id.to_string(),
            "section": self.kind.code(),
            "done": done,
        });
        Ok(Answer::sentence(data, format!("{title}: {done}.")).note(NOT_DELIVERED_YET))
    }
}

/// The round tables of a case that can be opened, by their time; who shows one records that it was read.
pub fn meetings(nahtlos: &Nahtlos, case: &Case) -> Vec<(SectionKind, FormView)> {
    let kinds = case.sections.keys();
    let kinds = kinds.filter(|kind| matches!(kind, SectionKind::Meeting(_)));
    let mut meetings: Vec<(SectionKind, FormView)> = kinds
        .filter_map(|kind| Some((kind.clone(), view_of(nahtlos, case, kind).ok()?)))
        .collect();
    meetings.sort_by_cached_key(|(kind, view)| (text_of(view, "at"), kind.code()));
    meetings
}

fn view_of(nahtlos: &Nahtlos, case: &Case, kind: &SectionKind) -> Result<FormView, Failure> {
    let document = nahtlos.section_document_unrecorded(case, kind)?;
    let authors = nahtlos.section_authors(case, kind)?;
    Ok(FormView::read(&document, kind, &authors))
}

pub fn text_of(view: &FormView, field: &str) -> Option<String> {
    match &view.fields.get(field)?.stored {
        ScalarValue::Text(text) => Some(text.clone()),
        _ => None,
    }
}

pub fn id_of(kind: &SectionKind) -> String {
    match kind {
        SectionKind::Meeting(id) => id.clone(),
        other => other.code(),
    }
}

fn standing<'a>(view: &'a FormView, list: &str) -> impl Iterator<Item = &'a EntryView> {
    let entries = view.lists.get(list).into_iter().flatten();
    entries.filter(|entry| !entry.deleted)
}

fn list(context: &Context, case: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let meetings = meetings(&nahtlos, &case);
    let mut told = Vec::new();
    let rows = (1..)
        .zip(&meetings)
        .map(|(number, (kind, view)): (usize, _)| {
            nahtlos.note_reading(&case, kind);
            let at = text_of(view, "at").and_then(|text| UtcTime::parse(&text).ok());
            let place = text_of(view, "place").unwrap_or_default();
            let length = text_of(view, "length");
            let invited = standing(view, "invitees").count();
            let came = standing(view, "invitees");
            let came = came
                .filter(|one| has_code(one, "attendance", "attended"))
                .count();
            let decisions = standing(view, "decisions").count();
            told.push(json!({
                "section": kind.code(), "at": at, "place": place, "length_minutes": length,
                "invited": invited, "attended": came, "decisions": decisions,
                "is_longer_than_it_should": is_too_long(view),
            }));
            let mark = if is_too_long(view) { " (over 90)" } else { "" };
            vec![
                number.to_string(),
                id_of(kind).chars().take(5).collect(),
                at.map_or_else(String::new, dates::time),
                place,
                format!("{came}/{invited}"),
                decisions.to_string(),
                length.map_or_else(String::new, |minutes| format!("{minutes} min{mark}")),
            ]
        });
    let headers = ["no", "id", "when", "where", "came", "decisions", "length"];
    let rows = rows.collect();
    let none = "No round table that you can open: `nahtlos meeting call CASE --at TIME` calls one.";
    let page = Page::default()
        .title(case_title(&nahtlos, &case)?)
        .table(&headers, rows, none);
    let data = json!({ "case": case.id.to_string(), "meetings": told });
    Ok(Answer::new(data, page))
}

fn has_code(entry: &EntryView, field: &str, code: &str) -> bool {
    let value = entry.fields.get(field).map(|value| &value.stored);
    value == Some(&ScalarValue::Text(code.to_owned()))
}

fn is_too_long(view: &FormView) -> bool {
    let minutes = text_of(view, "length").and_then(|text| text.parse::<u16>().ok());
    minutes.is_some_and(|minutes| minutes > LENGTH_MINUTES_MAX)
}

fn minutes(
    context: &Context,
    of: &MeetingOf,
    point: &str,
    (replace, append): (bool, bool),
    text: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(text)?;
    let mut table = Table::open(context, of)?;
    let entry = table.entry("agenda", "point of the agenda", point)?;
    table.require_writable(&[])?;
    let before = match entry.fields.get("minutes").map(|value| &value.stored) {
        Some(ScalarValue::Text(text)) => text.clone(),
        _ => String::new(),
    };
    if !before.is_empty() {
        if text.from.is_some() && !replace && !append {
            return Err(has_minutes(&table.named()));
        }
        // Whoever writes on decides what stands there: two wordings that nobody chose from would be gone.
        if !replace && let Some(conflict) = table.conflict_of_minutes(&entry)? {
            return Err(two_wordings(&table.case, &conflict));
        }
        if text.from.is_none() && input::may_ask() {
            Page::default()
                .line(if replace {
                    "The minutes of this point say now; what you type takes their place:"
                } else {
                    "The minutes of this point say now; what you type goes below them (`--replace`: in their place):"
                })
                .line(before.as_str())
                .show_before_asking();
        }
    }
    let below = !before.is_empty() && !replace;
    let most = LongText::CHARACTERS_MAX.map(|most| match below {
        true => most.saturating_sub(before.chars().count() + 2),
        false => most,
    });
    let after: LongText = input::text_read(text, "Minutes of this point", most, |typed| {
        Ok(match below {
            true => parse("minutes", &format!("{before}\n\n{}", typed.trim()))?,
            false => parse("minutes", typed)?,
        })
    })?;
    let done = match (before.is_empty(), below) {
        (true, _) => "minutes written",
        (false, true) => "minutes written below what stood there",
        (false, false) => "minutes replaced; `nahtlos section history` has what stood there",
    };
    let before = Wording::new(before);
    let change = FormChange::Reword {
        id: known_id(&entry.id)?,
        field: "minutes".to_owned(),
        before,
        after,
    };
    let edit = table.edit(change);
    table.write(&[edit], done)
}

fn two_wordings(case: &Case, conflict: &Conflict) -> Failure {
    let id = conflict.id.as_str().get(..6).unwrap_or_default();
    Failure::new(
        Exit::Conflict,
        "two_wordings",
        "Two people wrote the minutes of this point at the same time, and nobody has settled it; nothing was changed.",
        "Writing on would take one of the two away.",
        format!(
            "See both: `nahtlos conflict show {} {id}`. Settle it, then write.",
            case.id
        ),
    )
}

fn has_minutes(table: &str) -> Failure {
    Failure::new(
        Exit::Conflict,
        "has_minutes",
        "This point has minutes already; nothing was changed.",
        "Somebody may have written them since you looked.",
        format!(
            "See them with `nahtlos meeting show {table}`; then add `--append` to put the new text below them, or \
             `--replace` to put it in their place."
        ),
    )
}

fn attend(
    context: &Context,
    of: &MeetingOf,
    who: &str,
    attendance: &str,
) -> Result<Answer, Failure> {
    let mut table = Table::open(context, of)?;
    let entry = table.entry("invitees", "invitee", who)?;
    let list = table.form.list("invitees");
    let name = list.map_or_else(String::new, |list| name_of(list, &entry));
    let value = ScalarValue::Text(attendance.to_owned());
    let change = FormChange::Change {
        id: known_id(&entry.id)?,
        values: NewValues::from([("attendance".to_owned(), Some(value))]),
    };
    let edit = table.edit(change);
    table.write(&[edit], &format!("{name}: {attendance}"))
}

fn decide(context: &Context, new: &MeetingDecide) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.text)?;
    let due: Option<Date> = parse_option("due", new.due.as_deref())?;
    let mut table = Table::open(context, &new.of)?;
    let known = new.decision.as_deref();
    let known = known
        .map(|typed| table.entry("decisions", "decision of the round table", typed))
        .transpose()?;
    let further = [
        new.task.then_some(SectionKind::Tasks),
        new.step.is_some().then_some(SectionKind::Plan),
    ];
    let further: Vec<SectionKind> = further.into_iter().flatten().collect();
    table.require_writable(&further)?;
    let names = Names::of_case(&table.nahtlos, &table.case);
    let responsible = new.responsible.as_deref();
    let responsible = responsible
        .map(|who| names.parse_responsible(who))
        .transpose()?;
    let goal = new.step.as_deref();
    let goal = goal.map(|goal| goal_of(&table, goal)).transpose()?;
    let text = match (&known, &new.text.from) {
        (Some(_), None) => None,
        _ => Some(input::text(&new.text, "decision", "What was decided")?),
    };
    let id = match &known {
        Some(entry) => known_id(&entry.id)?,
        None => new_id()?,
    };
    let step = goal.map(|goal| {
        Ok::<_, Failure>(StepRef {
            goal,
            step: new_id()?,
        })
    });
    let decision = Decision {
        meeting: id_of(&table.kind),
        id,
        text,
        responsible,
        due,
        task: new.task.then(new_id).transpose()?,
        step: step.transpose()?,
    };
    let tasks = table
        .nahtlos
        .section_document_unrecorded(&table.case, &SectionKind::Tasks)
        .map(|document| TasksView::read(&document));
    let plan = plan_of(&table).ok();
    let decided = decision.edits(&table.view, tasks.ok().as_ref(), plan.as_ref())?;
    let done = [
        Some(match (&known, decided.edits.is_empty()) {
            (None, _) => "decision recorded",
            (Some(_), false) => "decision changed",
            (Some(_), true) => "nothing changed",
        }),
        became(decided.task, &TASK_SAID),
        became(decided.step, &STEP_SAID),
    ];
    let done: Vec<&str> = done.into_iter().flatten().collect();
    let mut answer = table.write(&decided.edits, &done.join(", "))?;
    answer.data["decision"] = json!(id.to_string());
    Ok(answer)
}

/// What is said of a task or step that was made, changed, left as it is, deleted before, is not to be seen here, or
/// does not come of the decision.
type OutcomeWords = [&'static str; 6];

const TASK_SAID: OutcomeWords = [
    "a task made of it",
    "its task changed with it",
    "its task stays as it is",
    "its task was deleted and stays so",
    "the task that it names cannot be seen on this device and was not changed",
    "the task that it names does not come of it and was not changed",
];
const STEP_SAID: OutcomeWords = [
    "a step of the plan made of it",
    "its step changed with it",
    "its step stays as it is in the plan",
    "its step was deleted and stays so",
    "the step that it names cannot be seen in the plan on this device",
    "the step that it names does not come of it",
];

fn became(
    outcome: Outcome,
    [made, changed, stays, deleted, missing, not_linked]: &OutcomeWords,
) -> Option<&'static str> {
    Some(match outcome {
        Outcome::None => return None,
        Outcome::Made => made,
        Outcome::Changed => changed,
        Outcome::Stays => stays,
        Outcome::Deleted => deleted,
        Outcome::Missing => missing,
        Outcome::NotLinked => not_linked,
    })
}

fn plan_of(table: &Table) -> Result<PlanView, Failure> {
    let (nahtlos, case) = (&table.nahtlos, &table.case);
    let document = nahtlos.section_document_unrecorded(case, &SectionKind::Plan)?;
    let authors = nahtlos.section_authors(case, &SectionKind::Plan)?;
    Ok(PlanView::read(&document, &authors))
}

/// The goal that is meant, by its number in the plan or the beginning of its id.
fn goal_of(table: &Table, typed: &str) -> Result<EntryId, Failure> {
    let plan = plan_of(table)?;
    let goals: Vec<_> = (1..)
        .zip(&plan.goals)
        .map(|(number, goal): (usize, _)| (number.to_string(), goal.id.canonical(), &goal.id))
        .collect();
    Ok(known_id(find("goal", typed, &goals)?)?)
}

fn close(context: &Context, of: &MeetingOf, length: &str) -> Result<Answer, Failure> {
    let length: Minutes = parse("length", length)?;
    let mut table = Table::open(context, of)?;
    let value = ScalarValue::Text(length.canonical());
    let values = NewValues::from([("length".to_owned(), Some(value))]);
    let length_edit = table.edit(FormChange::Set { values });
    let mark = Edit::MarkClosing(MarkClosing::of_meeting(table.kind.clone()));
    let mut answer = table.write(&[length_edit, mark], &format!("it took {length}"))?;
    table.view = view_of(&table.nahtlos, &table.case, &table.kind)?;
    let (view, named) = (&table.view, table.named());
    if is_too_long(view) {
        answer = answer.note(
            "A round table should take at most 90 minutes: what was left may be for two people, not for all.",
        );
    }
    let unmarked = standing(view, "invitees");
    let unmarked = unmarked.filter(|one| {
        !["attended", "absent", "declined"]
            .iter()
            .any(|code| has_code(one, "attendance", code))
    });
    let unmarked = unmarked.count();
    if unmarked > 0 {
        answer = answer.note(format!(
            "Of {unmarked} of the invitees nothing says whether they came: `nahtlos meeting attend {named} --who NUMBER --as attended`."
        ));
    }
    let unwritten = standing(view, "agenda").filter(|point| {
        let minutes = point.fields.get("minutes");
        minutes.is_none_or(|minutes| minutes.shown.trim().is_empty())
    });
    let unwritten = unwritten.count();
    if unwritten > 0 {
        answer = answer.note(format!(
            "{unwritten} of the points have no minutes: `nahtlos meeting minutes {named} --point NUMBER`."
        ));
    }
    let written_meanwhile = table.conflicts()?;
    let written_meanwhile = written_meanwhile.iter().any(Conflict::is_of_closed_meeting);
    if written_meanwhile {
        answer = answer.note(
            "Somebody wrote in it without knowing that it was closed, and nobody has looked at that yet: `nahtlos conflict list CASE`.",
        );
    }
    answer.data["written_meanwhile"] = json!(written_meanwhile);
    answer.data["length_minutes"] = json!(length.canonical());
    answer.data["is_longer_than_it_should"] = json!(is_too_long(view));
    answer.data["without_attendance"] = json!(unmarked);
    answer.data["without_minutes"] = json!(unwritten);
    Ok(answer)
}

fn print(
    context: &Context,
    of: &MeetingOf,
    language: Option<&str>,
    to: &Path,
    disclosed: &DisclosedTo,
) -> Result<Answer, Failure> {
    let mut table = Table::find(context, of)?;
    let form = DisclosureForm::Printed;
    let disclosing = Disclosing::begin(context, &table.nahtlos, disclosed, form)?;
    let names = Names::of_case(&table.nahtlos, &table.case);
    let lost = lost_copy(&table.nahtlos, &table.case, &table.kind)?;
    if let Some(lost) = lost.as_ref().filter(|lost| lost.erased) {
        return Err(erased(lost));
    }
    let title = case_title(&table.nahtlos, &table.case)?;
    let document = table.nahtlos.section_document(&table.case, &table.kind)?;
    let authors = table.nahtlos.section_authors(&table.case, &table.kind)?;
    let disputes = DisputesView::read(&document, &authors);
    let (language, which) = Language::for_client(&table.nahtlos, &table.case, language);
    let html = meeting_print::html(
        &title,
        (&table.kind, table.form),
        &table.view,
        &Contested::of(&document, &disputes),
        &Standing {
            conflicts: table.conflicts()?,
            is_old_copy: lost.is_some(),
        },
        &names,
        language,
    );
    write_private_file(to, html.as_bytes())?;
    let data = json!({
        "case": table.case.id.to_string(), "section": table.kind.code(), "file": to,
        "bytes": html.len(), "language": language.code(),
    });
    let said = format!("{}: the minutes are in {}.", table.title()?, to.display());
    let mut answer = Answer::sentence(data, said);
    if let Some(lost) = &lost {
        answer = answer.note(how_it_ended(lost)).note(
            "What is printed is this device's old copy: nothing newer arrives. The page says so.",
        );
    }
    let answer = answer
        .note(which)
        .note("Print it from a browser. The file is not encrypted: delete it when it has served.");
    let sections = vec![table.kind.clone()];
    disclosing.record(&mut table.nahtlos, &table.case, sections, answer)
}
