//! Anonymous enquiries: coded facts without a name, from one institution to one team of another, and the
//! answers. Each is a space of its own and part of no case: whoever opens it learns of no case, and who opens a
//! case learns of no enquiry.

use std::collections::BTreeMap;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, FormChange, FormEdit, NewValues, ScalarValue};
use nahtlos_casework::fields::{Field, FieldError, InstitutionId};
use nahtlos_casework::view::{EnquiryView, FormView};
use nahtlos_document::Document;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use crate::cases::{Case, CaseLine, hex};
use crate::edits::{put_edits, put_lines};
use crate::ending::{Ending, Reason};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::opening::put_label;
use crate::random;
use crate::records::{Intent, LabelRecord};
use crate::vault::Collection;

/// What the grant of an enquiry rests on: it holds nothing about a person who could be known.
pub(crate) const ENQUIRY_BASIS: &str = "enquiry";
/// The field of an institution's own notes that names the enquiry from which their case was opened.
const ENQUIRY_FIELD: &str = "enquiry";
/// Hexadecimal characters by which an enquiry is found.
const ID_BEGINNING_MIN: usize = 4;
const SEND: &str = "send an enquiry";
const ANSWER: &str = "answer this enquiry";
const TELL_MORE: &str = "tell more about this enquiry";
const WITHDRAW: &str = "withdraw this enquiry";

/// The fields of new facts or of an answer, by their codes.
pub type EnquiryValues = BTreeMap<String, ScalarValue>;

/// An enquiry as this device knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Enquiry {
    /// Hexadecimal id; it leads to no case.
    pub id: String,
    /// Whether one's own institution sent it; else it was asked.
    pub is_own: bool,
    /// Institution that asks, as the directory names it.
    pub from: String,
    /// Team that is asked, with its institution; none where it was withdrawn before it went out.
    pub to: Option<String>,
    /// Whether it waits for the next sync, or was withdrawn.
    pub state: EnquiryState,
    /// Edits typed here that are not delivered yet.
    pub undelivered: u64,
    /// The case that one's own institution opened from it: its hexadecimal id.
    pub case: Option<String>,
    /// What it says and what was answered.
    pub content: EnquiryView,
}

/// Whether the team that is asked can read an enquiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EnquiryState {
    /// It goes out with the next sync.
    WaitsForSync,
    /// It was sent.
    Sent,
    /// It is not shared any more.
    Withdrawn,
}

impl EnquiryState {
    /// The stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WaitsForSync => "waits_for_sync",
            Self::Sent => "sent",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Who would read an enquiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnquiryPreview {
    /// The team.
    pub team: String,
    /// Its institution.
    pub institution: String,
    /// Its people, each with the institution in parentheses.
    pub people: Vec<String>,
}

impl CaseLine {
    /// Whether this is no case but an anonymous enquiry, which stands alone.
    pub(crate) fn is_enquiry(&self) -> bool {
        let code = SectionKind::Enquiry.code();
        !self.sections.is_empty() && self.sections.keys().all(|section| *section == code)
    }
}

impl Nahtlos {
    /// Who would read an enquiry.
    ///
    /// # Errors
    /// As [`Self::send_enquiry`], but for the facts.
    pub fn preview_enquiry(&self, team: &SpaceId) -> Result<EnquiryPreview, ClientError> {
        self.require_writer_in_own_team(SEND)?;
        self.require_team_elsewhere(team)?;
        let directory = self.directory()?;
        let institution = self.confirmed_institution(team);
        Ok(EnquiryPreview {
            team: directory.name(team),
            institution: institution.map_or_else(String::new, |id| directory.institution_name(&id)),
            people: self.people_with_institution(team, &directory),
        })
    }

    /// Sends an enquiry to one team of another institution; returns its id. It goes out with the next
    /// sync. What it says is checked field by field; that nobody can be known from it is up to who writes.
    ///
    /// # Errors
    /// [`ClientError::Field`] for facts that are not those of an enquiry, a recognisable trace of a person
    /// among them; [`ClientError::NoRight`] for a team of one's own institution, or where this device may
    /// only read in its own; [`ClientError::NotFound`] where it is no team. Nothing is kept then.
    pub fn send_enquiry(
        &mut self,
        team: &SpaceId,
        facts: EnquiryValues,
    ) -> Result<String, ClientError> {
        if self.is_enrolment_unanswered()? {
            return Err(ClientError::NotEnrolled);
        }
        self.require_writer_in_own_team(SEND)?;
        self.require_team_elsewhere(team)?;
        let edit = added("facts", facts);
        edit.validate()?;
        let label = LabelRecord {
            kind: SectionKind::Enquiry.code(),
            home: self.institution()?,
            nonce: random::nonce(&mut random::system()),
        };
        self.all_or_nothing(|nahtlos| {
            let space = nahtlos.found_enquiry(&label, edit)?;
            let intent = Intent::Grant {
                space,
                grant: random::grant_id(),
                member: *team,
                role: Role::Write,
                basis: ENQUIRY_BASIS.to_owned(),
                not_after_ms: None,
                history: History::Full,
            };
            nahtlos.decide(intent, &space)?;
            Ok(hex(&label.case()))
        })
    }

    fn found_enquiry(&mut self, label: &LabelRecord, facts: Edit) -> Result<SpaceId, ClientError> {
        let first = |_: &SpaceId| Ok(vec![facts]);
        let (section, edits) = self.new_section(&SectionKind::Enquiry, label, first)?;
        let (space, case) = (edits.space, label.case());
        let labels = [(space, label.clone())];
        let line = self.summarise_new(&case, &labels, std::slice::from_ref(&edits))?;
        self.store_own(&[section], |transaction| {
            put_label(transaction, &space, label)?;
            put_edits(transaction, &edits, 0)?;
            put_lines(transaction, &[(case, line)])
        })?;
        self.remember_edited(vec![edits]);
        Ok(space)
    }

    /// The enquiries that this device's institution sent or was asked, by id.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn enquiries(&self) -> Result<Vec<Enquiry>, ClientError> {
        let mut lines = self.case_lines()?;
        lines.retain(CaseLine::is_enquiry);
        lines.sort_by(|left, right| left.id.cmp(&right.id));
        let mut found = Vec::new();
        for line in &lines {
            found.extend(self.read_enquiry(line)?);
        }
        Ok(found)
    }

    /// The enquiry whose id begins like this.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_enquiry(&self, input: &str) -> Result<Enquiry, ClientError> {
        let wanted = input.trim().to_lowercase();
        let mut lines = self.case_lines()?;
        lines.retain(|line| {
            let is_named = wanted.len() >= ID_BEGINNING_MIN && line.id.starts_with(&wanted);
            is_named && line.is_enquiry()
        });
        let not_found = || ClientError::NotFound {
            what: "anonymous enquiry",
            input: input.to_owned(),
        };
        match lines.as_slice() {
            [line] => self.read_enquiry(line)?.ok_or_else(not_found),
            [] => Err(not_found()),
            several => Err(ClientError::Ambiguous {
                what: "anonymous enquiries",
                input: input.to_owned(),
                matches: several.iter().map(|line| line.id.clone()).collect(),
            }),
        }
    }

    /// None where its copy was erased here.
    fn read_enquiry(&self, line: &CaseLine) -> Result<Option<Enquiry>, ClientError> {
        let case = self.case(&line.id)?;
        let space = case.section(&SectionKind::Enquiry)?;
        if self.is_erased(&space)? && !self.reads(&space) {
            return Ok(None);
        }
        let label = self.label(&space)?;
        let home = InstitutionId::parse(&label.home.to_string())?;
        let document = self.document_to_read(&space)?;
        let authors = self.authors(&space)?;
        let directory = self.shared_directory()?;
        let is_own = label.home == self.institution()?;
        let (state, asked) = self.who_is_asked(&space, &label.home)?;
        let asked = asked.map(|team| {
            let institution = self.confirmed_institution(&team);
            let institution =
                institution.map_or_else(String::new, |id| directory.institution_name(&id));
            format!("{} ({institution})", directory.name(&team))
        });
        Ok(Some(Enquiry {
            id: line.id.clone(),
            is_own,
            from: directory.institution_name(&label.home),
            to: asked,
            state,
            undelivered: line.undelivered,
            case: self.case_opened_from(&line.id)?,
            content: EnquiryView::read(&document, &authors, &home),
        }))
    }

    /// The team that an enquiry went or goes to, and whether it can be read there.
    fn who_is_asked(
        &self,
        space: &SpaceId,
        home: &SpaceId,
    ) -> Result<(EnquiryState, Option<SpaceId>), ClientError> {
        let state = self.section_state(space)?;
        let logs = self.logs();
        // The guardian stands in the team's own founding, whatever became of its membership since.
        let elsewhere = |member: &MemberId| match member {
            MemberId::Space(team) => {
                let guardian = logs.state(team).and_then(|state| state.guardian());
                (guardian != Some(*home)).then_some(*team)
            }
            MemberId::Device(_) => None,
        };
        let waiting = self.waiting_intents()?;
        let ends = |team: &SpaceId| {
            waiting.iter().any(|record| match &record.intent {
                Intent::Remove {
                    space: of, member, ..
                } => of == space && *member == Some((*team).into()),
                _ => false,
            })
        };
        let mut live = state.live_grants();
        if let Some(team) = live.find_map(|grant| elsewhere(&grant.member)) {
            let is_over = ends(&team) || !self.reads(space);
            let known = if is_over {
                EnquiryState::Withdrawn
            } else {
                EnquiryState::Sent
            };
            return Ok((known, Some(team)));
        }
        let goes_out = waiting.iter().find_map(|record| match &record.intent {
            Intent::Grant {
                space: of, member, ..
            } if of == space => Some(*member),
            _ => None,
        });
        if goes_out.is_some() {
            return Ok((EnquiryState::WaitsForSync, goes_out));
        }
        let mut ever = state.grants().iter();
        let asked = ever.find_map(|grant| elsewhere(&grant.member));
        Ok((EnquiryState::Withdrawn, asked))
    }

    /// Answers an enquiry that one's own institution was asked.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] for one's own enquiry, or one that was withdrawn; [`ClientError::Field`] for
    /// an answer that is none, or that declines or asks for more without saying why or what.
    pub fn answer_enquiry(
        &mut self,
        enquiry: &Enquiry,
        answer: EnquiryValues,
    ) -> Result<(), ClientError> {
        if enquiry.is_own {
            return Err(no_right(ANSWER, "your own institution sent it"));
        }
        require_sent(enquiry, ANSWER)?;
        let code = answer.get("answer");
        let is_accepted = code == Some(&ScalarValue::Text("accept".to_owned()));
        if !is_accepted && !answer.contains_key("text") {
            return Err(FieldError::new(
                "text",
                "missing",
                "who is declined, or asked for more, must read why or what",
                "say it in a few words, without anything by which somebody could be known",
            )
            .into());
        }
        self.edit_case(&enquiry.id, &[added("answers", answer)])
    }

    /// Tells more about an enquiry that one's own institution sent.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] for another's enquiry, or one that was withdrawn; [`ClientError::Field`] for
    /// a text that leads to somebody.
    pub fn add_to_enquiry(&mut self, enquiry: &Enquiry, text: &str) -> Result<(), ClientError> {
        require_own(enquiry, TELL_MORE)?;
        require_sent(enquiry, TELL_MORE)?;
        let text = ScalarValue::Text(text.to_owned());
        let values = EnquiryValues::from([("text".to_owned(), text)]);
        self.edit_case(&enquiry.id, &[added("additions", values)])
    }

    /// Withdraws an enquiry. Before it went out nobody is ever served it; later nothing newer of it.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] for another's enquiry, or one that was withdrawn already.
    pub fn withdraw_enquiry(&mut self, enquiry: &Enquiry) -> Result<(), ClientError> {
        require_own(enquiry, WITHDRAW)?;
        if enquiry.state == EnquiryState::Withdrawn {
            return Err(no_right(WITHDRAW, "it was withdrawn already"));
        }
        let space = self.case(&enquiry.id)?.section(&SectionKind::Enquiry)?;
        let home = self.institution()?;
        let (_, Some(team)) = self.who_is_asked(&space, &home)? else {
            return Err(no_right(WITHDRAW, "nobody was asked"));
        };
        if enquiry.state == EnquiryState::Sent {
            return self.end(&Ending::Member(space, team), Reason::Unstated);
        }
        let mut waiting = self.waiting_intents()?;
        waiting.retain(
            |record| matches!(&record.intent, Intent::Grant { space: of, .. } if *of == space),
        );
        self.commit(|transaction| {
            for record in &waiting {
                transaction.delete(Collection::Intent, &record.id.0)?;
            }
            Ok(())
        })
    }

    /// Notes in a case from which of one's enquiries it was opened: in one's own institution's notes, of which
    /// nobody else has a key.
    ///
    /// # Errors
    /// As [`Self::open_section`]; [`ClientError::NoRight`] for another's enquiry.
    pub fn note_enquiry_of(&mut self, case: &Case, enquiry: &Enquiry) -> Result<(), ClientError> {
        require_own(enquiry, "open a case from this enquiry")?;
        let values = NewValues::from([(
            ENQUIRY_FIELD.to_owned(),
            Some(ScalarValue::Text(enquiry.id.clone())),
        )]);
        self.edit_notes(case, FormChange::Set { values })
    }

    /// The case that was opened from an enquiry.
    fn case_opened_from(&self, enquiry: &str) -> Result<Option<String>, ClientError> {
        let mut lines = self.case_lines()?.into_iter();
        let found = lines.find(|line| line.enquiry.as_deref() == Some(enquiry));
        Ok(found.map(|line| line.id))
    }

    fn require_team_elsewhere(&self, team: &SpaceId) -> Result<(), ClientError> {
        let kind = self.logs().state(team).map(|state| state.kind());
        if kind != Some(Kind::Team) {
            return Err(ClientError::NotFound {
                what: "team",
                input: self.shared_directory()?.name(team),
            });
        }
        self.refuse_where_merged(team)?;
        match self.confirmed_institution(team) {
            Some(institution) if institution != self.institution()? => Ok(()),
            Some(_) => Err(no_right(SEND, "the team belongs to your own institution")),
            None => Err(no_right(SEND, "no institution confirms this team")),
        }
    }
}

/// From which enquiry the case of an institution's own notes was opened.
pub(crate) fn enquiry_in(document: &Document, notes: &SectionKind) -> Option<String> {
    let nobody = |_: &[u8; 16]| None;
    let view = FormView::read(document, notes, &nobody);
    match &view.fields.get(ENQUIRY_FIELD)?.stored {
        ScalarValue::Text(id) => Some(id.clone()),
        _ => None,
    }
}

/// A record of this list.
fn added(list: &str, values: EnquiryValues) -> Edit {
    let change = FormChange::Add {
        list: list.to_owned(),
        id: random::entry_id(),
        correction_of: None,
        values,
    };
    form_edit(SectionKind::Enquiry, change)
}

fn form_edit(section: SectionKind, change: FormChange) -> Edit {
    Edit::Form(FormEdit { section, change })
}

fn require_own(enquiry: &Enquiry, action: &'static str) -> Result<(), ClientError> {
    match enquiry.is_own {
        true => Ok(()),
        false => Err(no_right(action, "another institution sent it")),
    }
}

fn require_sent(enquiry: &Enquiry, action: &'static str) -> Result<(), ClientError> {
    match enquiry.state {
        EnquiryState::Withdrawn => Err(no_right(action, "it was withdrawn")),
        EnquiryState::Sent | EnquiryState::WaitsForSync => Ok(()),
    }
}

fn no_right(action: &'static str, reason: &str) -> ClientError {
    ClientError::NoRight {
        action,
        reason: reason.to_owned(),
    }
}
