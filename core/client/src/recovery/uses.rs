//! What was done with recovery keys, wherever it was: in the groups that a key covers, and in the sections
//! that these lead. It stands in logs and documents; each device tells its person once.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::{Epoch, Grant, MemberId};
use serde::Serialize;

use super::Known;
use crate::authorship::{Trace, put_looked_at};
use crate::cases::hex;
use crate::directory::Directory;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::Collection;

/// Cases that a sentence names; of more it says how many they are.
const CASES_NAMED_MAX: usize = 3;

/// Something was done with a recovery key: it stands in a log, or in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveryUse {
    /// Whose recovery key.
    pub institution: String,
    /// Where: a team, an institution or a person; of a case, its section.
    pub group: String,
    /// The case of a section: its number, else its id; none elsewhere, and where the section's label is
    /// closed to this device.
    pub case: Option<String>,
    /// What.
    pub did: RecoveryAct,
    /// Who was let in, where somebody was.
    pub person: Option<String>,
    /// As the operation claims; of something written, when the relay took it. Unix milliseconds.
    pub claimed_at_ms: u64,
    /// What was told of is not told of again.
    #[serde(skip)]
    item: ItemId,
}

/// What a recovery key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryAct {
    /// Somebody was added.
    LetIn,
    /// Who has access was changed: a role, somebody removed or confirmed, a group closed.
    ChangedAccess,
    /// An envelope with an edit, a file or an erasure was sealed.
    Wrote,
    /// What each program does by itself when it syncs: it renews a key, or seals what was written by others
    /// as a snapshot, or says that such a one is right.
    Upkeep,
}

impl RecoveryAct {
    /// In words, where nobody was let in.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LetIn => "somebody was let in",
            Self::ChangedAccess => "who has access was changed",
            Self::Wrote => "something was written",
            Self::Upkeep => "upkeep, by the program itself: nobody wrote or was let in",
        }
    }
}

impl Nahtlos {
    /// What was done with any institution's recovery key, as far as this device has the logs.
    ///
    /// # Errors
    /// As [`Self::recovery_lines`].
    pub fn recovery_uses(&self) -> Result<Vec<RecoveryUse>, ClientError> {
        let mut uses = Vec::new();
        for known in self.recovery_known()? {
            uses.extend(self.uses_of(&known)?);
        }
        uses.sort_by_key(|one| one.claimed_at_ms);
        Ok(uses)
    }

    /// What was done with one recovery key.
    pub(super) fn uses_of(&self, known: &Known) -> Result<Vec<RecoveryUse>, ClientError> {
        let traces = self.traces_of_recovery(known)?.into_iter();
        let places: BTreeSet<SpaceId> = traces.map(|(_, trace)| trace.space).collect();
        let mut uses = Vec::new();
        for space in places {
            uses.extend(self.uses_in(known, &space)?);
        }
        uses.sort_by_key(|one| one.claimed_at_ms);
        Ok(uses)
    }

    /// Uses that were not told of on this device yet, as sentences; each once. Only what came since the
    /// last time is looked at.
    pub(crate) fn tell_recovery_uses(&mut self) -> Result<Vec<String>, ClientError> {
        let (mut new, mut looked_at) = (Vec::new(), Vec::new());
        for known in self.recovery_known()? {
            let traces = self.traces_of_recovery(&known)?.into_iter();
            let came: Vec<(DeviceId, SpaceId)> = traces
                .filter(|(_, trace)| trace.is_new)
                .map(|(device, trace)| (device, trace.space))
                .collect();
            let places: BTreeSet<SpaceId> = came.iter().map(|(_, space)| *space).collect();
            for space in places {
                for one in self.uses_in(&known, &space)? {
                    let is_told = self.vault.contains(Collection::Recovery, &one.item.0)?;
                    if one.did != RecoveryAct::Upkeep && !is_told {
                        new.push(one);
                    }
                }
            }
            looked_at.extend(came);
        }
        if looked_at.is_empty() {
            return Ok(Vec::new());
        }
        self.commit(|transaction| {
            for (device, space) in &looked_at {
                put_looked_at(transaction, device, space)?;
            }
            for one in &new {
                transaction.put(Collection::Recovery, b"told", &one.item.0, 0, b"")?;
            }
            Ok(())
        })?;
        Ok(sentences(&new))
    }

    /// Where each of the member's devices left something, but for its own log.
    fn traces_of_recovery(&self, known: &Known) -> Result<Vec<(DeviceId, Trace)>, ClientError> {
        let mut traces = Vec::new();
        for device in self.devices_of_recovery(known)? {
            let elsewhere = self.traces_of(&device)?.into_iter();
            let elsewhere = elsewhere.filter(|trace| trace.space != known.person);
            traces.extend(elsewhere.map(|trace| (device, trace)));
        }
        Ok(traces)
    }

    fn devices_of_recovery(&self, known: &Known) -> Result<BTreeSet<DeviceId>, ClientError> {
        let member = self.logs().load(&known.person)?;
        Ok(member.map_or_else(BTreeSet::new, |member| {
            member.devices().keys().copied().collect()
        }))
    }

    fn uses_in(&self, known: &Known, space: &SpaceId) -> Result<Vec<RecoveryUse>, ClientError> {
        let directory = self.shared_directory()?;
        let devices = self.devices_of_recovery(known)?;
        let Some(state) = self.logs().load(space)? else {
            return Ok(Vec::new());
        };
        let (group, case) = self.place_in_words(&state, &directory)?;
        let told_as = |did, person, claimed_at_ms, item| RecoveryUse {
            institution: directory.institution_name(&known.institution),
            group: group.clone(),
            case: case.clone(),
            did,
            person,
            claimed_at_ms,
            item,
        };
        let (mut uses, mut seen) = (Vec::new(), BTreeSet::new());
        for history in state.histories() {
            for index in 0..history.length() {
                let record = history.operation(index);
                let Some(record) = record.filter(|record| devices.contains(&record.author)) else {
                    continue;
                };
                // What stands before a fork stands in both.
                if !seen.insert(record.id) {
                    continue;
                }
                let person = added_at(history, index, &directory);
                let did = match &person {
                    Some(_) => RecoveryAct::LetIn,
                    None if is_key_upkeep(history, index) => RecoveryAct::Upkeep,
                    None => RecoveryAct::ChangedAccess,
                };
                uses.push(told_as(did, person, record.claimed_at_ms, record.id.into()));
            }
        }
        for (envelope, fact) in self.facts(space)? {
            if devices.contains(&fact.author) {
                let item = ItemId::from(envelope);
                let receipt = self.receipts().receipt(&item);
                let at_ms = receipt.map_or(0, |receipt| receipt.accepted_at_ms);
                uses.push(told_as(written(fact.kind), None, at_ms, item));
            }
        }
        Ok(uses)
    }

    /// A place as a sentence names it, and its case.
    fn place_in_words(
        &self,
        state: &SpaceState,
        directory: &Directory,
    ) -> Result<(String, Option<String>), ClientError> {
        if state.kind() != Kind::Section {
            return Ok((directory.name(&state.id()), None));
        }
        let Ok(label) = self.label(&state.id()) else {
            let name = "a section that this device cannot open".to_owned();
            return Ok((name, None));
        };
        let line = self.stored_line(&label.case())?;
        let number = line.and_then(|line| line.summary.case_number);
        let kind = SectionKind::from_code(&label.kind);
        let case = number.unwrap_or_else(|| hex(&label.case()));
        Ok((kind.code(), Some(case)))
    }
}

/// What an envelope of this kind is to people.
fn written(kind: EnvelopeKind) -> RecoveryAct {
    match kind {
        EnvelopeKind::Changes | EnvelopeKind::Blob | EnvelopeKind::Erasure => RecoveryAct::Wrote,
        EnvelopeKind::Snapshot | EnvelopeKind::Attest | EnvelopeKind::Dispute => {
            RecoveryAct::Upkeep
        }
    }
}

/// Whether an operation only renewed, wrapped or linked a key, or reported a wrap.
fn is_key_upkeep(state: &SpaceState, index: u64) -> bool {
    let touches_rights = |grant: &Grant| {
        grant.ended.is_some_and(|end| end.at == index)
            || grant.changes.iter().any(|change| change.at == index)
            || grant.sponsors.iter().any(|sponsor| sponsor.at == index)
    };
    let mut devices = state.devices().values();
    let mut invitations = state.invitations().values();
    let changes = state.grants().iter().any(touches_rights)
        || state.closed_at() == Some(index)
        || state.voided().values().any(|at| *at == index)
        || devices.any(|device| device.added_at == index)
        || invitations.any(|one| one.invited_at == index);
    let touches_keys = |epoch: &Epoch| {
        epoch.began_at == index
            || epoch.recipients.values().any(|wrap| wrap.at == index)
            || epoch.links.iter().any(|link| link.at == index)
            || epoch.bad_wraps.values().any(|at| *at == index)
    };
    !changes && state.epochs().iter().any(touches_keys)
}

/// Who was added by an operation of a log.
fn added_at(state: &SpaceState, index: u64, directory: &Directory) -> Option<String> {
    let grants = state.grants().iter();
    let added = grants.filter(|grant| grant.added_at == index);
    // Who comes to administer an institution as well is added twice.
    let members: BTreeSet<SpaceId> = added
        .filter_map(|grant| match grant.member {
            MemberId::Space(member) => Some(member),
            MemberId::Device(_) => None,
        })
        .collect();
    let names: Vec<String> = members
        .iter()
        .map(|member| directory.name(member))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// One sentence for each thing done in a group, and in a case; cases are counted where they are many.
fn sentences(uses: &[RecoveryUse]) -> Vec<String> {
    type What<'a> = (&'a str, RecoveryAct, Option<&'a str>);
    let mut in_groups: BTreeSet<(What<'_>, &str)> = BTreeSet::new();
    let mut in_cases: BTreeMap<What<'_>, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for one in uses {
        let what = (one.institution.as_str(), one.did, one.person.as_deref());
        match &one.case {
            None => {
                in_groups.insert((what, &one.group));
            }
            Some(case) => {
                let sections = in_cases.entry(what).or_default().entry(case).or_default();
                sections.insert(&one.group);
            }
        }
    }
    let of_groups = in_groups
        .into_iter()
        .map(|(what, group)| (what, group.to_owned()));
    let of_cases = in_cases.into_iter().flat_map(|(what, cases)| {
        let places = if cases.len() > CASES_NAMED_MAX {
            vec![format!("sections of {} cases", cases.len())]
        } else {
            let named = cases.into_iter().map(|(case, sections)| {
                let sections: Vec<&str> = sections.into_iter().collect();
                format!("the case {case} ({})", sections.join(", "))
            });
            named.collect()
        };
        places.into_iter().map(move |place| (what, place))
    });
    of_groups
        .chain(of_cases)
        .map(|((institution, did, person), place)| sentence(institution, did, person, &place))
        .collect()
}

fn sentence(institution: &str, did: RecoveryAct, person: Option<&str>, place: &str) -> String {
    let what = match (did, person) {
        (RecoveryAct::LetIn, Some(person)) => format!("{person} was let into {place}"),
        (RecoveryAct::LetIn, None) => format!("somebody was let into {place}"),
        (RecoveryAct::ChangedAccess, _) => format!("who has access to {place} was changed"),
        (RecoveryAct::Wrote, _) => format!("something was written in {place}"),
        (RecoveryAct::Upkeep, _) => format!("{place}: {}", did.sentence()),
    };
    format!(
        "the recovery key of {institution} was used: {what} ('nahtlos recovery' shows when); after each use its institution makes a new set"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_section(case: &str, section: &str, did: RecoveryAct) -> RecoveryUse {
        RecoveryUse {
            institution: "RAV Langnau".into(),
            group: section.into(),
            case: Some(case.into()),
            did,
            person: None,
            claimed_at_ms: 1,
            item: ItemId([1; 32]),
        }
    }

    #[test]
    fn the_sections_of_a_case_are_one_sentence_and_of_many_cases_it_says_how_many() {
        let mut uses = vec![
            in_section("2026-0001", "plan", RecoveryAct::Wrote),
            in_section("2026-0001", "journal", RecoveryAct::Wrote),
            in_section("2026-0001", "journal", RecoveryAct::ChangedAccess),
        ];
        let said = sentences(&uses);
        assert_eq!(said.len(), 2);
        assert!(said.iter().any(|one| {
            one.contains("something was written in the case 2026-0001 (journal, plan)")
        }));
        for number in 2..=4 {
            uses.push(in_section(
                &format!("2026-000{number}"),
                "core",
                RecoveryAct::Wrote,
            ));
        }
        let said = sentences(&uses);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said.iter().any(|one| one.contains("sections of 4 cases")));
    }
}
