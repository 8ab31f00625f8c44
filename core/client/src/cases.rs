//! Cases: a case is the set of sections that bear its id in their sealed labels.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::edit::Edit;
use nahtlos_casework::searching::folded;
use nahtlos_casework::view::CaseSummary;
use nahtlos_casework::{Conflict, SectionKind};
use nahtlos_document::Document;
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use serde::{Deserialize, Serialize};

use crate::acting::SectionAuthors;
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
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
    /// Edits of others that a bundle brought and the relay does not have yet.
    #[serde(default)]
    pub carried: u64,
    /// Open conflicts by section code; sections without one are left out.
    #[serde(default)]
    pub conflicts_by_section: BTreeMap<String, usize>,
    /// The anonymous enquiry from which one's own institution opened the case: its hexadecimal id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enquiry: Option<String>,
}

/// Hexadecimal characters by which a case without number and name is found, as lists show them.
const ID_BEGINNING_MIN: usize = 8;

impl CaseLine {
    /// What a list shows of the case, as one text to search in: number, name, birth and phase.
    pub fn text(&self) -> String {
        let summary = &self.summary;
        let parts = [
            &summary.case_number,
            &summary.display_name,
            &summary.birth,
            &summary.phase,
        ];
        let parts = parts.into_iter().flatten().map(String::as_str);
        parts.collect::<Vec<_>>().join(" ")
    }

    /// What tells the case from others of the same name: its number, or its id without one; whom it is about, and
    /// the year of their birth, as far as this device reads them.
    pub fn told_apart(&self) -> String {
        let summary = &self.summary;
        let number = summary.case_number.as_ref().unwrap_or(&self.id);
        let year = summary.birth.as_deref().and_then(|birth| birth.get(..4));
        match (&summary.display_name, year) {
            (None, _) => number.clone(),
            (Some(name), None) => format!("{number}  {name}"),
            (Some(name), Some(year)) => format!("{number}  {name}, born {year}"),
        }
    }

    /// Whether there is anything to name the case by, or its core is not shared with this device.
    fn has_arrived(&self) -> bool {
        let named = self.summary.case_number.is_some() || self.summary.display_name.is_some();
        named || !self.sections.contains_key(&SectionKind::Core.code())
    }
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
    /// [`ClientError::NotShared`] where this device knows of no such section.
    pub fn section(&self, kind: &SectionKind) -> Result<SpaceId, ClientError> {
        self.sections
            .get(kind)
            .copied()
            .ok_or_else(|| ClientError::NotShared {
                section: kind.code(),
            })
    }

    /// Whether a section is a slice that a later one has followed.
    pub fn is_followed(&self, kind: &SectionKind) -> bool {
        let Some(slice) = kind.as_slice() else {
            return false;
        };
        let mut slices = self.sections.keys().filter_map(SectionKind::as_slice);
        slices.any(|other| other.follows_or_precedes(slice) && other.number() > slice.number())
    }
}

impl Nahtlos {
    /// All cases this device knows, from their sealed summaries: no document is opened. A case whose
    /// core is known but has not arrived is left out: see [`Self::cases_not_arrived`].
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn cases(&self) -> Result<Vec<CaseLine>, ClientError> {
        let mut lines = self.case_lines()?;
        lines.retain(|line| line.has_arrived() && !line.is_enquiry());
        for line in &mut lines {
            line.summary.conflicts = self.conflicts_to_settle(line);
        }
        lines.sort_by(|left, right| {
            (&left.summary.case_number, &left.id).cmp(&(&right.summary.case_number, &right.id))
        });
        Ok(lines)
    }

    /// Conflicts in sections that are shared with this device still: those in an old copy were perhaps settled long ago.
    fn conflicts_to_settle(&self, line: &CaseLine) -> usize {
        let counts = line.conflicts_by_section.iter();
        let shared = counts.filter(|(code, _)| {
            let space = line.sections.get(*code);
            let space = space.and_then(|space| SpaceId::from_hex(space));
            space.is_some_and(|space| self.reads(&space))
        });
        shared.map(|(_, conflicts)| conflicts).sum()
    }

    /// How many cases are known here only by the keys of their sections: whoever opened them has not
    /// delivered the content.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn cases_not_arrived(&self) -> Result<usize, ClientError> {
        let lines = self.case_lines()?;
        Ok(lines.iter().filter(|line| !line.has_arrived()).count())
    }

    /// Every line, also of cases that have not arrived, and of anonymous enquiries, which are no cases.
    pub(crate) fn case_lines(&self) -> Result<Vec<CaseLine>, ClientError> {
        let mut lines = Vec::new();
        for (_, bytes) in self.vault.list_all(Collection::Summary)? {
            let line: CaseLine =
                serde_json::from_slice(&bytes).map_err(|error| ClientError::DamagedRecord {
                    reason: error.to_string(),
                })?;
            lines.push(line);
        }
        Ok(lines)
    }

    /// The case whose number or name begins with, or whose name holds, what was typed; or the
    /// beginning of its id, for one whose core is not shared with this device.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_case(&self, input: &str) -> Result<Case, ClientError> {
        let wanted = input.trim().to_lowercase();
        // A whole id needs no list.
        if let Ok(case) = self.case(&wanted) {
            return Ok(case);
        }
        let lines = self.cases()?;
        let plain = folded(input.trim());
        let text = |text: &Option<String>| text.clone().unwrap_or_default().to_lowercase();
        let number = |line: &CaseLine| text(&line.summary.case_number);
        let name = |line: &CaseLine| text(&line.summary.display_name);
        let beginning = wanted.trim_matches(['(', ')']);
        let begins = |name: &str, wanted: &str| {
            let mut parts = name.split_whitespace();
            parts.any(|part| part.starts_with(wanted))
        };
        // As it stands before what differs by accents alone.
        let tests: [&dyn Fn(&CaseLine) -> bool; 8] = [
            &|line| number(line) == wanted || line.id == wanted || name(line) == wanted,
            &|line| folded(&name(line)) == plain,
            &|line| number(line).starts_with(&wanted),
            &|line| begins(&name(line), &wanted),
            &|line| begins(&folded(&name(line)), &plain),
            &|line| name(line).contains(&wanted) || number(line).contains(&wanted),
            &|line| folded(&name(line)).contains(&plain),
            &|line| beginning.len() >= ID_BEGINNING_MIN && line.id.starts_with(beginning),
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
                        matches: several.iter().map(|line| line.told_apart()).collect(),
                    });
                }
            }
        }
        Err(ClientError::NotFound {
            what: "case",
            input: input.to_owned(),
        })
    }

    pub(crate) fn case(&self, id: &str) -> Result<Case, ClientError> {
        let not_found = || ClientError::NotFound {
            what: "case",
            input: id.to_owned(),
        };
        let id = Nonce::from_hex(id).ok_or_else(not_found)?;
        let mut sections = BTreeMap::new();
        for (space, bytes) in self.vault.list(Collection::Label, &id.0)? {
            let label: LabelRecord = records::decode(&bytes)?;
            if let Some(space) = SpaceId::from_slice(&space) {
                // Of several ledgers of consents every device names the same.
                let kind = SectionKind::from_code(&label.kind);
                let named = sections.entry(kind).or_insert(space);
                *named = (*named).min(space);
            }
        }
        if sections.is_empty() {
            Err(not_found())
        } else {
            Ok(Case { id, sections })
        }
    }

    /// Edits a case. All edits are made, or none.
    ///
    /// # Errors
    /// [`ClientError::NoRight`], [`ClientError::Edit`] and others; nothing is changed then.
    pub fn edit_case(&mut self, case: &str, edits: &[Edit]) -> Result<(), ClientError> {
        let case = self.find_case_or_id(case)?;
        let mut by_section: BTreeMap<SectionKind, Vec<TypedEdit>> = BTreeMap::new();
        for edit in edits {
            by_section
                .entry(edit.section())
                .or_default()
                .push(TypedEdit::Case(edit.clone()));
        }
        let mut new = Vec::new();
        for (kind, edits) in &by_section {
            new.push(self.make_edits(&case.section(kind)?, edits)?);
        }
        self.keep_edits(new)
    }

    fn find_case_or_id(&self, input: &str) -> Result<Case, ClientError> {
        self.case(input).or_else(|_| self.find_case(input))
    }

    /// A section's document as a person sees it: what counts, one's own undelivered edits, and what a bundle
    /// brought that no relay has acknowledged.
    /// It is taken to be shown to a person, and recorded as read ([`crate::reading`]). That others' changes are
    /// not new any more is said by [`Self::mark_read`].
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the section is not shared, [`ClientError::NoKey`].
    pub fn section_document(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<Document, ClientError> {
        let document = self.section_document_unrecorded(case, kind)?;
        self.note_reading(case, kind);
        Ok(document)
    }

    /// The same for what no person is shown: whether it opens, a name that stands for an identifier, a
    /// comparison. It is not recorded as read.
    ///
    /// # Errors
    /// As [`Self::section_document`].
    pub fn section_document_unrecorded(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<Document, ClientError> {
        let space = case.section(kind)?;
        self.with_carried(&space, self.working_document(&space)?)
    }

    /// Who stands behind each automerge actor of a section's document.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn section_authors(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<SectionAuthors, ClientError> {
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
        self.all_or_nothing(|nahtlos| {
            nahtlos.commit(|transaction| {
                changed.iter().try_for_each(|(space, record)| {
                    crate::apply::put_document(transaction, space, record)
                })
            })?;
            nahtlos.refresh_summary(&case.id, &BTreeSet::new())
        })
    }

    /// All conflicts of a case that nobody has settled, to be shown to a person: the sections whose values
    /// stand in them are recorded as read.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn conflicts(&self, case: &Case) -> Result<Vec<Conflict>, ClientError> {
        let found = self.open_conflicts(case)?;
        for kind in case.sections.keys() {
            if found.iter().any(|conflict| conflict.section == *kind) {
                self.note_reading(case, kind);
            }
        }
        Ok(found)
    }

    pub(crate) fn open_conflicts(&self, case: &Case) -> Result<Vec<Conflict>, ClientError> {
        let mut found = Vec::new();
        for (kind, space) in &case.sections {
            if !self.reads(space) {
                continue;
            }
            if let Ok(document) = self.document_to_read(space) {
                let authors = self.authors(space)?;
                found.extend(nahtlos_casework::conflicts(&document, kind, &authors));
            }
        }
        Ok(found)
    }
}

pub(crate) fn hex(id: &Nonce) -> String {
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(section: &str, number: Option<&str>) -> CaseLine {
        CaseLine {
            id: "5e7fbe41".into(),
            summary: CaseSummary {
                case_number: number.map(str::to_owned),
                ..CaseSummary::default()
            },
            sections: BTreeMap::from([(section.to_owned(), "00".to_owned())]),
            unread: 0,
            undelivered: 0,
            carried: 0,
            conflicts_by_section: BTreeMap::new(),
            enquiry: None,
        }
    }

    #[test]
    fn a_case_with_an_empty_core_has_not_arrived_and_one_without_a_core_is_just_not_shared() {
        assert!(!line("core", None).has_arrived());
        assert!(line("core", Some("BE-2026-001-BA-001-Y")).has_arrived());
        assert!(line("function", None).has_arrived());
    }
}
