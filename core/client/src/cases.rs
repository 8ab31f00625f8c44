//! Cases: a case is the set of sections that bear its id in their sealed labels.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{
    Canton, CaseNumber, Date, DeviceCode, Field, InstitutionId, PersonId, Phase,
};
use nahtlos_casework::record::Lead;
use nahtlos_casework::view::CaseSummary;
use nahtlos_casework::{Conflict, SECTIONS_WITH_CONTENT, SectionKind};
use nahtlos_document::Document;
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use nahtlos_protocol::space::effect::Effect;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Draft, Logs, Prepared, authority};
use serde::{Deserialize, Serialize};

use crate::documents::TypedEdit;
use crate::error::ClientError;
use crate::found::create;
use crate::intents::{add_space, seal_basis};
use crate::nahtlos::{Nahtlos, put_device};
use crate::random;
use crate::records::{self, LabelRecord};
use crate::vault::Collection;

/// A case as a list shows it, from its sealed summary.
#[derive(Clone, Serialize, Deserialize)]
pub struct CaseLine {
    /// Hexadecimal case id.
    pub id: String,
    /// Number, name, phase, next due …
    #[serde(flatten)]
    pub summary: CaseSummary,
    /// Sections this device knows of the case: code and hexadecimal space id.
    pub sections: BTreeMap<String, String>,
    /// Changes by others since the case was last shown.
    pub unread: u64,
    /// Edits typed here that are not delivered yet.
    pub undelivered: u64,
}

/// One open case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its id.
    pub id: Nonce,
    /// Its sections.
    pub sections: BTreeMap<SectionKind, SpaceId>,
}

impl Case {
    /// The space of a section.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where this device knows of no such section: it was not shared, or
    /// does not exist.
    pub fn section(&self, kind: &SectionKind) -> Result<SpaceId, ClientError> {
        self.sections
            .get(kind)
            .copied()
            .ok_or_else(|| ClientError::NotFound {
                what: "section shared with you",
                input: kind.code(),
            })
    }
}

impl Nahtlos {
    /// Opens a case: makes its sections, each with a key of its own, managed by one's team, and
    /// fills them. Works offline.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], or an edit that is not valid: then nothing is kept.
    pub fn open_case(&mut self, edits: &[Edit]) -> Result<CaseNumber, ClientError> {
        for edit in edits {
            edit.validate()?;
        }
        let number = self.next_case_number()?;
        let case = random::nonce(&mut random::system());
        let mut prepared = Vec::new();
        let mut labels = Vec::new();
        for kind in &SECTIONS_WITH_CONTENT {
            let label = LabelRecord {
                kind: kind.code(),
                case,
            };
            let section = self.found_section(&label)?;
            labels.push((section.state.id(), label));
            prepared.push(section);
        }
        let mut device = self.device.clone();
        device.cases_opened += 1;
        self.store_own(&prepared, |transaction| {
            for (space, label) in &labels {
                let value = records::encode(label);
                transaction.put(Collection::Label, &label.case.0, &space.0, 0, &value)?;
            }
            put_device(transaction, &device)
        })?;
        self.device = device;
        let mut all = self.opening_edits(number)?;
        all.extend(edits.iter().cloned());
        self.edit_case(&hex(&case), &all)?;
        Ok(number)
    }

    fn found_section(&self, label: &LabelRecord) -> Result<Prepared, ClientError> {
        let team = self.device.team.ok_or(ClientError::NotEnrolled)?;
        let mut epoch = self.fresh_epoch();
        epoch.label = Some(records::encode(label));
        let grant = random::grant_id();
        let basis = seal_basis(&epoch.seed, &grant, LEAD_BASIS);
        let draft = Draft::new()
            .effect(create(Kind::Section, self.device.institution, None))
            .effect(add_space(grant, team, Role::Manage, basis, None))
            .epoch(epoch);
        self.prepare(draft, &[], None)
    }

    /// Number, phase and lead of a new case.
    fn opening_edits(&self, number: CaseNumber) -> Result<Vec<Edit>, ClientError> {
        let lead = Lead {
            institution: InstitutionId::parse(&self.institution()?.to_string())?,
            person: PersonId::parse(&self.person()?.to_string())?,
            since: self.today()?,
            until: None,
        };
        let set = |field| Edit::Core(CoreEdit::Set(field));
        Ok(vec![
            set(CoreField::CaseNumber(number)),
            set(CoreField::Phase(Phase::Reported)),
            set(CoreField::Lead(lead)),
        ])
    }

    /// Today in Switzerland.
    pub fn today(&self) -> Result<Date, ClientError> {
        let millis = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        let timestamp =
            jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap_or(jiff::tz::TimeZone::UTC);
        let date = timestamp.to_zoned(zone).date();
        Ok(Date::new(date.year(), date.month(), date.day())?)
    }

    /// A number no other device can make: the institution's place in the network, a code from the
    /// team's and person's places in their logs, and a counter of this device.
    fn next_case_number(&self) -> Result<CaseNumber, ClientError> {
        let directory = self.directory()?;
        let canton = directory
            .network
            .map_or_else(|| "BE".to_owned(), |card| card.canton);
        let network = self.network()?;
        let institution = self.institution()?;
        let team = self.device.team.ok_or(ClientError::NotEnrolled)?;
        let place = |space: &SpaceId, member: SpaceId| self.place(space, member);
        let number = place(&network, institution).and_then(|place| u16::try_from(place + 1).ok());
        let letter = |place: Option<usize>| {
            place
                .and_then(|place| CODE_ALPHABET.chars().nth(place))
                .ok_or(ClientError::NoCaseNumber)
        };
        let code = [
            letter(place(&institution, team))?,
            letter(place(&team, self.person()?))?,
        ];
        let counter =
            u16::try_from(self.device.cases_opened + 1).map_err(|_| ClientError::NoCaseNumber)?;
        let (year, _, _) = self.today()?.parts();
        Ok(CaseNumber::make(
            Canton::parse(&canton)?,
            u16::try_from(year).map_err(|_| ClientError::NoCaseNumber)?,
            number.ok_or(ClientError::NoCaseNumber)?,
            DeviceCode::parse(&code.iter().collect::<String>())?,
            counter,
        )?)
    }

    /// The place of a member among all grants to member spaces there ever were: never reused.
    fn place(&self, space: &SpaceId, member: SpaceId) -> Option<usize> {
        let state = self.logs().state(space)?;
        let mut members = Vec::new();
        for grant in state.grants() {
            if let MemberId::Space(id) = grant.member
                && !members.contains(&id)
            {
                members.push(id);
            }
        }
        members.iter().position(|id| *id == member)
    }

    /// All cases this device knows, from their sealed summaries: no document is opened.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn cases(&self) -> Result<Vec<CaseLine>, ClientError> {
        let mut lines = Vec::new();
        for (_, bytes) in self.vault.list_all(Collection::Summary)? {
            let line: CaseLine =
                serde_json::from_slice(&bytes).map_err(|error| ClientError::DamagedRecord {
                    reason: error.to_string(),
                })?;
            lines.push(line);
        }
        lines.sort_by(|left, right| {
            (&left.summary.case_number, &left.id).cmp(&(&right.summary.case_number, &right.id))
        });
        Ok(lines)
    }

    /// The case whose number or name begins with, or whose name holds, what was typed.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_case(&self, input: &str) -> Result<Case, ClientError> {
        let wanted = input.trim().to_lowercase();
        let lines = self.cases()?;
        let number = |line: &CaseLine| {
            line.summary
                .case_number
                .clone()
                .unwrap_or_default()
                .to_lowercase()
        };
        let name = |line: &CaseLine| {
            line.summary
                .display_name
                .clone()
                .unwrap_or_default()
                .to_lowercase()
        };
        let tests: [&dyn Fn(&CaseLine) -> bool; 4] = [
            &|line| number(line) == wanted || line.id == wanted || name(line) == wanted,
            &|line| number(line).starts_with(&wanted),
            &|line| {
                name(line)
                    .split_whitespace()
                    .any(|part| part.starts_with(&wanted))
            },
            &|line| name(line).contains(&wanted) || number(line).contains(&wanted),
        ];
        for test in tests {
            let found: Vec<&CaseLine> = lines.iter().filter(|line| test(line)).collect();
            match found.as_slice() {
                _ if wanted.is_empty() => {}
                [] => {}
                [line] => return self.case(&line.id),
                several => {
                    return Err(ClientError::Ambiguous {
                        what: "cases",
                        input: input.to_owned(),
                        matches: several
                            .iter()
                            .map(|line| {
                                line.summary
                                    .case_number
                                    .clone()
                                    .unwrap_or_else(|| line.id.clone())
                            })
                            .collect(),
                    });
                }
            }
        }
        Err(ClientError::NotFound {
            what: "case",
            input: input.to_owned(),
        })
    }

    fn case(&self, id: &str) -> Result<Case, ClientError> {
        let not_found = || ClientError::NotFound {
            what: "case",
            input: id.to_owned(),
        };
        let id = Nonce::from_hex(id).ok_or_else(not_found)?;
        let mut sections = BTreeMap::new();
        for (space, bytes) in self.vault.list(Collection::Label, &id.0)? {
            let label: LabelRecord = records::decode(&bytes)?;
            if let Some(space) = SpaceId::from_slice(&space) {
                sections.insert(SectionKind::from_code(&label.kind), space);
            }
        }
        if sections.is_empty() {
            Err(not_found())
        } else {
            Ok(Case { id, sections })
        }
    }

    /// Edits a case. Edits of several sections are grouped; each section's are all or nothing.
    ///
    /// # Errors
    /// [`ClientError::NoRight`], [`ClientError::Edit`] and others.
    pub fn edit_case(&mut self, case: &str, edits: &[Edit]) -> Result<(), ClientError> {
        let case = self.find_case_or_id(case)?;
        let mut by_section: BTreeMap<SectionKind, Vec<TypedEdit>> = BTreeMap::new();
        for edit in edits {
            by_section
                .entry(edit.section())
                .or_default()
                .push(TypedEdit::Case(edit.clone()));
        }
        // All are looked at before the first is made.
        for kind in by_section.keys() {
            self.require_writable(&case.section(kind)?)?;
        }
        for (kind, edits) in &by_section {
            self.edit_space(&case.section(kind)?, edits)?;
        }
        Ok(())
    }

    fn find_case_or_id(&self, input: &str) -> Result<Case, ClientError> {
        self.case(input).or_else(|_| self.find_case(input))
    }

    /// A section's document as a person sees it: what counts and one's own undelivered edits.
    /// Marks what others wrote as read.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the section is not shared, [`ClientError::NoKey`].
    pub fn section_document(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<Document, ClientError> {
        self.working_document(&case.section(kind)?)
    }

    /// Who stands behind each automerge actor of a section's document.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn section_authors(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<BTreeMap<[u8; 16], nahtlos_casework::Author>, ClientError> {
        self.authors(&case.section(kind)?)
    }

    /// Marks what others wrote in a case as seen.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn mark_read(&mut self, case: &Case) -> Result<(), ClientError> {
        let mut changed = Vec::new();
        for space in case.sections.values() {
            let mut record = self.document_record(space)?;
            if record.unread > 0 {
                record.unread = 0;
                changed.push((*space, record));
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            changed.iter().try_for_each(|(space, record)| {
                crate::apply::put_document(transaction, space, record)
            })
        })?;
        self.refresh_summary(&case.id)
    }

    /// All conflicts of a case that nobody has settled.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn conflicts(&self, case: &Case) -> Result<Vec<Conflict>, ClientError> {
        let mut found = Vec::new();
        for (kind, space) in &case.sections {
            let Ok(document) = self.working_document(space) else {
                continue;
            };
            found.extend(nahtlos_casework::conflicts(
                &document,
                kind,
                &self.authors(space)?,
            ));
        }
        Ok(found)
    }

    /// After an edit: the summary of the case this space belongs to.
    pub(crate) fn refresh_summary_of(&mut self, space: &SpaceId) -> Result<(), ClientError> {
        match self.vault.get(Collection::Label, &space.0)? {
            Some(bytes) => {
                let label: LabelRecord = records::decode(&bytes)?;
                self.refresh_summary(&label.case)
            }
            None => Ok(()),
        }
    }

    /// After a sync: opens the labels of sections that became readable, refreshes the summaries of
    /// what changed, and publishes cards that waited.
    pub(crate) fn refresh_after_sync(
        &mut self,
        spaces: &BTreeSet<SpaceId>,
    ) -> Result<(), ClientError> {
        let mut labels = Vec::new();
        for space in spaces {
            if self.vault.get(Collection::Label, &space.0)?.is_some() {
                continue;
            }
            let Some(state) = self
                .logs()
                .state(space)
                .filter(|state| state.kind() == Kind::Section)
            else {
                continue;
            };
            let role = authority::right(&self.logs(), &self.device_id, &state.id()).role;
            if role.is_some()
                && let Ok(label) = self.label(space)
            {
                labels.push((*space, label));
            }
        }
        if !labels.is_empty() {
            self.commit(|transaction| {
                for (space, label) in &labels {
                    let value = records::encode(label);
                    transaction.put(Collection::Label, &label.case.0, &space.0, 0, &value)?;
                }
                Ok(())
            })?;
            // Envelopes that waited for the label (which says how the document is born) go on.
            let opened: BTreeSet<SpaceId> = labels.iter().map(|(space, _)| *space).collect();
            self.apply_waiting(&opened)?;
        }
        let mut cases = BTreeSet::new();
        for space in spaces {
            if let Some(bytes) = self.vault.get(Collection::Label, &space.0)? {
                let label: LabelRecord = records::decode(&bytes)?;
                cases.insert(label.case);
            }
        }
        self.refresh_summaries(&cases)?;
        self.publish_waiting_cards()
    }

    fn refresh_summary(&mut self, case: &Nonce) -> Result<(), ClientError> {
        self.refresh_summaries(&BTreeSet::from([*case]))
    }

    fn refresh_summaries(&mut self, cases: &BTreeSet<Nonce>) -> Result<(), ClientError> {
        let mut lines = Vec::new();
        for id in cases {
            if let Ok(case) = self.case(&hex(id)) {
                lines.push((*id, self.summarise(&case)?));
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            for (id, line) in &lines {
                let value = serde_json::to_vec(line).map_err(|error| ClientError::Document {
                    reason: error.to_string(),
                })?;
                transaction.put(Collection::Summary, b"", &id.0, 0, &value)?;
            }
            Ok(())
        })
    }

    fn summarise(&self, case: &Case) -> Result<CaseLine, ClientError> {
        let document = |kind: &SectionKind| {
            let space = case.sections.get(kind)?;
            self.working_document(space).ok()
        };
        let (core, plan, tasks) = (
            document(&SectionKind::Core),
            document(&SectionKind::Plan),
            document(&SectionKind::Tasks),
        );
        let authors = match case.sections.get(&SectionKind::Plan) {
            Some(space) => self.authors(space)?,
            None => BTreeMap::new(),
        };
        let conflicts = self.conflicts(case)?.len();
        let (mut unread, mut undelivered) = (0, 0);
        for space in case.sections.values() {
            unread += self.document_record(space)?.unread;
            undelivered += self.pending_edits(space)?.len() as u64;
        }
        Ok(CaseLine {
            id: hex(&case.id),
            summary: CaseSummary::read(
                core.as_ref(),
                plan.as_ref(),
                tasks.as_ref(),
                &authors,
                conflicts,
            ),
            sections: case
                .sections
                .iter()
                .map(|(kind, space)| (kind.code(), space.to_string()))
                .collect(),
            unread,
            undelivered,
        })
    }
}

/// What the lead's own grant on a section rests on.
const LEAD_BASIS: &str = "lead";
/// Places in logs as one character of a device code.
const CODE_ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn hex(id: &Nonce) -> String {
    id.to_string()
}

/// Whether an effect founds a space; used by tests that look at stored bytes.
#[must_use]
pub fn is_founding(effect: &Effect) -> bool {
    matches!(effect, Effect::Create { .. })
}
