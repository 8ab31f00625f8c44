//! Who read what of a case, and what was disclosed to whom: from the case's section `access`, and from the
//! signed logs of its sections, which say what was granted to whom, when and on what.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::access::{AccessView, DisclosureView, ReadView};
use nahtlos_casework::fields::UtcTime;
use nahtlos_casework::{Author, SectionKind};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::Grant;
use serde::Serialize;

use super::{ReadingRecord, device_kind, group_of};
use crate::cases::Case;
use crate::directory::Directory;
use crate::erasing::EndedAccess;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::opening::LEAD_BASIS;
use crate::records;
use crate::share::GrantLine;
use crate::vault::Collection;

/// Who read what of a case, and what was disclosed to whom.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccessLog {
    /// Whether readings are recorded in this case.
    pub state: LogState,
    /// What was read, by the first time.
    pub reads: Vec<ReadLine>,
    /// What was disclosed, by time.
    pub disclosures: Vec<DisclosureLine>,
    /// Entries of which nobody can say who wrote them: they are not among the others.
    pub unverified: usize,
    /// Attempts to change or remove an entry: it stays as it was written.
    pub tampered: usize,
    /// Institutions that read, or could, and never might write in the section `access`: what they read is recorded
    /// nowhere but on their own devices.
    pub not_recorded: Vec<String>,
}

/// Whether readings are recorded in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// In its section `access`, by this device too.
    Recorded,
    /// In its section `access`, which this device reads and does not write in: its own reading stays on it.
    ReadOnly,
    /// No section `access` is open to this device: what others read is not known here, and one's own reading
    /// stays on this device.
    NotHere,
}

/// Somebody read something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadLine {
    /// Who, by their business card.
    pub person: String,
    /// Their function's code, where the card says it.
    pub function: String,
    /// Their institution.
    pub institution: String,
    /// Codes of the sections.
    pub sections: Vec<String>,
    /// The first time, by the reader's clock.
    pub first: Option<UtcTime>,
    /// The last time.
    pub last: Option<UtcTime>,
    /// How many times.
    pub times: u64,
    /// Code of the kind of device.
    pub device: Option<String>,
    /// For what, where it was said.
    pub purpose: Option<String>,
    /// When the reader's device handed it over, by its clock; none while it has not.
    pub handed_over_at: Option<UtcTime>,
    /// Whether it came later than the day after the reading: it was read offline.
    pub late: bool,
}

/// Something was disclosed to somebody.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DisclosureLine {
    /// `right` where the section's signed log says it, else `entry`: written down by who did it.
    pub source: &'static str,
    /// To whom.
    pub to: String,
    /// Their institution, where it is confirmed.
    pub to_institution: String,
    /// Codes of the sections.
    pub sections: Vec<String>,
    /// `read`, `write` or `manage`, of a right.
    pub role: Option<&'static str>,
    /// On what it rests; none where it cannot be opened here.
    pub basis: Option<String>,
    /// Code of the form, of an entry.
    pub form: Option<String>,
    /// Who did it.
    pub by: String,
    /// Their institution, of an entry.
    pub by_institution: String,
    /// When, by that person's clock.
    pub at: Option<UtcTime>,
    /// Until when the right holds at the latest, Unix milliseconds.
    pub not_after_ms: Option<u64>,
    /// How the right ended; none while it stands.
    pub ended: Option<EndedAccess>,
    /// When it was written down, of an entry.
    pub handed_over_at: Option<UtcTime>,
    /// Whether it was written down later than the day after.
    pub late: bool,
}

impl Nahtlos {
    /// Who read what of a case, and what was disclosed to whom, as far as this device may know it.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn access_log(&self, case: &Case) -> Result<AccessLog, ClientError> {
        let directory = self.shared_directory()?;
        let mut log = AccessLog {
            state: LogState::NotHere,
            reads: Vec::new(),
            disclosures: self.rights_given(case, &directory)?,
            unverified: 0,
            tampered: 0,
            not_recorded: Vec::new(),
        };
        log.not_recorded = self.not_recorded(case, &log.disclosures)?;
        let kind = SectionKind::Access;
        if let Ok(document) = self.section_document_unrecorded(case, &kind) {
            let view = AccessView::read(&document, &self.section_authors(case, &kind)?);
            log.state = match self.access_to_write(case) {
                Some(_) => LogState::Recorded,
                None => LogState::ReadOnly,
            };
            log.unverified = view.unverified;
            log.tampered = view.violations.len();
            let reads = view.reads.into_iter();
            log.reads = reads.map(|read| read_line(read, &directory)).collect();
            let entries = view.disclosures.into_iter();
            log.disclosures
                .extend(entries.map(|entry| disclosure_line(entry, &directory)));
        }
        log.reads.extend(self.own_waiting(case)?);
        log.reads.sort_by_key(|read| read.first);
        log.disclosures.sort_by_key(|disclosure| disclosure.at);
        Ok(log)
    }

    /// Institutions of whom no reading is handed over, by the rights that are known here, ended ones included.
    fn not_recorded(
        &self,
        case: &Case,
        disclosures: &[DisclosureLine],
    ) -> Result<Vec<String>, ClientError> {
        let access = SectionKind::Access.code();
        let (mut reading, mut recorded) = (BTreeSet::new(), BTreeSet::new());
        let mut note = |institution: &str, section: &str, role: &str| {
            if institution.is_empty() {
                return;
            }
            if section != access {
                reading.insert(institution.to_owned());
            } else if role != Role::Read.word() {
                recorded.insert(institution.to_owned());
            }
        };
        for row in self.shares(case)? {
            for grant in &row.grants {
                note(&grant.institution, &row.section, grant.role);
            }
        }
        for right in disclosures {
            for section in &right.sections {
                note(
                    &right.to_institution,
                    section,
                    right.role.unwrap_or_default(),
                );
            }
        }
        Ok(reading.difference(&recorded).cloned().collect())
    }

    /// What was read here and is not handed over.
    fn own_waiting(&self, case: &Case) -> Result<Vec<ReadLine>, ClientError> {
        let mut waiting = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Setting, &group_of(&case.id))? {
            let record: ReadingRecord = records::decode(&bytes)?;
            if record.times == 0 {
                continue;
            }
            let author = self.case_author()?;
            let read = ReadView {
                id: nahtlos_casework::fields::Stored::Unknown(String::new()),
                by: author,
                sections: vec![record.section],
                first: time(record.first_ms),
                last: time(record.last_ms),
                times: u16::try_from(record.times).unwrap_or(u16::MAX),
                device: Some(device_kind().code().to_owned()),
                purpose: record.purpose,
                handed_over_at: None,
            };
            waiting.push(read_line(read, &*self.shared_directory()?));
        }
        Ok(waiting)
    }

    /// The rights that were given in the sections known here, ended ones included, each with all sections that
    /// were given together. What a team has by having opened the case is no disclosure.
    fn rights_given(
        &self,
        case: &Case,
        directory: &Directory,
    ) -> Result<Vec<DisclosureLine>, ClientError> {
        let mut together: BTreeMap<String, DisclosureLine> = BTreeMap::new();
        for (kind, space) in &case.sections {
            let Some(state) = self.logs().load(space)? else {
                continue;
            };
            for grant in state
                .grants()
                .iter()
                .filter(|grant| grant.role.holds_keys())
            {
                let line = self.grant_line(&state, grant, directory);
                if line.basis.as_deref() == Some(LEAD_BASIS) {
                    continue;
                }
                let one = self.right_line(&state, grant, line, directory);
                let key = format!(
                    "{:?}\0{}\0{}\0{:?}\0{:?}\0{:?}\0{:?}\0{}",
                    one.at,
                    one.to,
                    one.to_institution,
                    one.role,
                    one.basis,
                    one.not_after_ms,
                    one.ended,
                    one.by
                );
                let known = together.entry(key).or_insert(one);
                known.sections.push(kind.code());
            }
        }
        Ok(together.into_values().collect())
    }

    fn right_line(
        &self,
        state: &SpaceState,
        grant: &Grant,
        line: GrantLine,
        directory: &Directory,
    ) -> DisclosureLine {
        let ended = grant.ended.as_ref();
        DisclosureLine {
            source: "right",
            to: line.member,
            to_institution: line.institution,
            sections: Vec::new(),
            role: Some(line.role),
            basis: line.basis,
            form: None,
            by: line.granted_by,
            by_institution: String::new(),
            at: time(line.granted_at_ms),
            not_after_ms: line.not_after_ms,
            ended: ended.map(|end| self.end_in_words(end, state, directory)),
            handed_over_at: None,
            late: false,
        }
    }
}

fn read_line(read: ReadView, directory: &Directory) -> ReadLine {
    let late = is_late(read.last, read.handed_over_at);
    ReadLine {
        function: function_of(&read.by, directory),
        institution: institution_of(&read.by, directory),
        person: read.by.display_name.to_string(),
        sections: read.sections,
        first: read.first,
        last: read.last,
        times: u64::from(read.times),
        device: read.device,
        purpose: read.purpose,
        handed_over_at: read.handed_over_at,
        late,
    }
}

fn disclosure_line(entry: DisclosureView, directory: &Directory) -> DisclosureLine {
    DisclosureLine {
        source: "entry",
        to: entry.to,
        to_institution: String::new(),
        sections: entry.sections,
        role: None,
        basis: Some(entry.basis),
        form: entry.form,
        by: entry.by.display_name.to_string(),
        by_institution: institution_of(&entry.by, directory),
        at: entry.at,
        not_after_ms: None,
        ended: None,
        late: is_late(entry.at, entry.handed_over_at),
        handed_over_at: entry.handed_over_at,
    }
}

fn function_of(author: &Author, directory: &Directory) -> String {
    let card = directory.people.get(author.person.as_str());
    card.map_or_else(String::new, |card| card.function.clone())
}

fn institution_of(author: &Author, directory: &Directory) -> String {
    SpaceId::from_hex(author.institution.as_str()).map_or_else(
        || author.institution.to_string(),
        |id| directory.institution_name(&id),
    )
}

/// Whether something was handed over later than the day after it happened.
fn is_late(at: Option<UtcTime>, handed_over_at: Option<UtcTime>) -> bool {
    let day = |time: UtcTime| {
        let ms = u64::try_from(time.seconds())
            .unwrap_or(0)
            .saturating_mul(1000);
        Nahtlos::day_of(ms).ok()
    };
    let next_day = at.and_then(day).and_then(|day| day.plus_days(1));
    let arrived = handed_over_at.and_then(day);
    next_day
        .zip(arrived)
        .is_some_and(|(next, arrived)| arrived > next)
}

fn time(unix_ms: u64) -> Option<UtcTime> {
    UtcTime::from_seconds(i64::try_from(unix_ms / 1000).ok()?).ok()
}
