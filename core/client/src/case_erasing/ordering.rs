//! What erasing a case would do, whether this person may, and the decision. It is carried out at the next sync:
//! each section is closed, and once all are, this device says that they are erased.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Date, Field, FieldError};
use nahtlos_casework::retention::{ErasureReason, Retention};
use nahtlos_casework::role::InstitutionKind;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::envelope::snapshot::ErasurePayload;
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use nahtlos_protocol::space::{SpaceState, authority};
use serde::Serialize;

use super::telling::DeviceWord;
use crate::cases::{Case, hex};
use crate::clones::put_sent;
use crate::erasing::FormerMember;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::outbox::ENVELOPES;
use crate::reading::DisclosureLine;
use crate::records::{self, Intent, IntentRecord, LabelRecord, SealedRecord};
use crate::vault::Collection;

const ERASE: &str = "erase this case";

/// What erasing a case would do.
#[derive(Clone, Debug, Serialize)]
pub struct ErasurePreview {
    /// Hexadecimal case id: all that is left to name it by afterwards.
    pub case: String,
    /// Its number, where it has one: what is typed back.
    pub number: Option<String>,
    /// When it was closed last.
    pub closed_on: Date,
    /// The first day on which it need not be kept any more.
    pub retention_ends: Option<Date>,
    /// The code of the reason.
    pub reason: String,
    /// The sections that are erased.
    pub sections: Vec<String>,
    /// Sections that others manage: they are not erased by this.
    pub stay: Vec<StayingSection>,
    /// Devices of those who can read it now, this one included. Each destroys its copy when it syncs.
    pub devices: Vec<DeviceWord>,
    /// Members who lost a section before: their copies are not reached.
    pub former: Vec<FormerMember>,
    /// What was disclosed outside of any right, as far as it was written down: paper, files, extracts.
    pub disclosed: Vec<DisclosureLine>,
    /// Edits that are held there and wait for a decision: they are destroyed, but for what their own authors
    /// keep as they typed it.
    pub held: usize,
}

/// A section of the case that this device does not manage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StayingSection {
    /// Its code.
    pub section: String,
    /// Who manages it.
    pub managers: Vec<String>,
}

impl Nahtlos {
    /// What erasing a case for this reason would do.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this person does not manage the case; [`ClientError::Field`] where the case is
    /// not closed, the reason is none, the case has to be kept still, or something typed or decided here is not
    /// delivered. Nothing is changed by any of them.
    pub fn preview_case_erasure(
        &self,
        case: &Case,
        reason: &str,
        retention: &Retention,
    ) -> Result<ErasurePreview, ClientError> {
        let reason = retention.reason(reason)?;
        let closed_on = self.day_of_closing(case)?;
        self.require_manages_core(case)?;
        let retention_ends = retention.ends(self.own_kind()?, closed_on);
        require_kept_long_enough(reason, retention_ends, self.today()?)?;
        self.require_nothing_waits(case)?;
        let (mut sections, mut stay) = (BTreeSet::new(), Vec::new());
        let mut devices: BTreeMap<String, DeviceWord> = BTreeMap::new();
        for (space, label) in self.spaces_of_case(case)? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            if !self.manages_closed_or_open(&space) {
                stay.push(StayingSection {
                    section: label.kind,
                    managers: self.managers_of_space(&space)?,
                });
                continue;
            }
            sections.insert(label.kind);
            for word in self.participants(&state)? {
                devices.entry(word.device.clone()).or_insert(word);
            }
        }
        let id = hex(&case.id);
        let held = self.held_list()?;
        let disclosed = self.access_log(case)?.disclosures.into_iter();
        let line = self.stored_line(&case.id)?;
        Ok(ErasurePreview {
            case: id.clone(),
            number: line.and_then(|line| line.summary.case_number),
            closed_on,
            retention_ends,
            reason: reason.code.clone(),
            sections: sections.into_iter().collect(),
            stay,
            devices: devices.into_values().collect(),
            former: self.former_members(case)?,
            disclosed: disclosed.filter(|one| one.source == "entry").collect(),
            held: held
                .iter()
                .filter(|one| one.case.as_ref() == Some(&id))
                .count(),
        })
    }

    /// Decides that a case is erased; carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::preview_case_erasure`].
    pub fn erase_case(
        &mut self,
        case: &Case,
        reason: &str,
        retention: &Retention,
    ) -> Result<ErasurePreview, ClientError> {
        self.require_sending()?;
        let preview = self.preview_case_erasure(case, reason, retention)?;
        let mut decided = Vec::new();
        for (space, _) in self.spaces_of_case(case)? {
            if self.manages_closed_or_open(&space) {
                let intent = Intent::Erase {
                    space,
                    case: case.id,
                    reason: preview.reason.clone(),
                };
                decided.push(self.decision_about(intent, &space)?);
            }
        }
        self.commit(|transaction| {
            decided
                .iter()
                .try_for_each(|record| put_intent(transaction, record))
        })?;
        Ok(preview)
    }

    /// Whether it is decided here, and not carried out yet, that a case is erased.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn is_erasure_decided(&self, case: &Case) -> Result<bool, ClientError> {
        Ok(!self.erasure_decisions(case)?.is_empty())
    }

    /// Takes the decision back that a case is erased, in all its sections at once.
    ///
    /// # Errors
    /// [`ClientError::Field`] where nothing of it waits; nothing is changed then, nor where a part of it was sent
    /// already: a case is never erased by halves.
    pub fn take_erasure_back(&mut self, case: &Case) -> Result<usize, ClientError> {
        let decided = self.erasure_decisions(case)?;
        if decided.is_empty() {
            return Err(FieldError::new(
                "case",
                "not_decided",
                "no erasure of it waits for the next sync",
                "what was carried out cannot be taken back",
            )
            .into());
        }
        for record in &decided {
            self.check_drop(&hex(&record.id))?;
        }
        let sealed = self.sealed_spaces()?;
        let begun = decided
            .iter()
            .filter_map(|record| record.intent.space())
            .any(|space| {
                let state = self.logs().load(&space).ok().flatten();
                sealed.contains(&space) || state.is_some_and(|state| state.closed_at().is_some())
            });
        if begun {
            return Err(FieldError::new(
                "case",
                "begun",
                "a sync has begun to carry it out",
                "`nahtlos sync` carries out the rest",
            )
            .into());
        }
        self.commit(|transaction| {
            for record in &decided {
                transaction.delete(Collection::Intent, &record.id.0)?;
            }
            Ok(())
        })?;
        Ok(decided.len())
    }

    /// Hexadecimal ids of the cases whose erasure is decided here and not carried out yet.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn erasures_decided(&self) -> Result<BTreeSet<String>, ClientError> {
        let waiting = self.waiting_intents()?.into_iter();
        let cases = waiting.filter_map(|record| match record.intent {
            Intent::Erase { case, .. } => Some(hex(&case)),
            _ => None,
        });
        Ok(cases.collect())
    }

    fn erasure_decisions(&self, case: &Case) -> Result<Vec<IntentRecord>, ClientError> {
        let mut waiting = self.waiting_intents()?;
        waiting.retain(
            |record| matches!(&record.intent, Intent::Erase { case: of, .. } if *of == case.id),
        );
        Ok(waiting)
    }

    /// Says that sections are erased whose closing the relay has taken in, where all that was decided together
    /// can be said.
    pub(crate) fn say_what_is_erased(&mut self) -> Result<(), ClientError> {
        let mut cases: BTreeMap<Nonce, Vec<(SpaceId, String)>> = BTreeMap::new();
        for record in self.waiting_intents()? {
            if let Intent::Erase {
                space,
                case,
                reason,
            } = record.intent
            {
                cases.entry(case).or_default().push((space, reason));
            }
        }
        if cases.is_empty() {
            return Ok(());
        }
        let sealed = self.sealed_spaces()?;
        for spaces in cases.into_values() {
            let mut said = Vec::new();
            for (space, reason) in &spaces {
                let Some(state) = self.logs().load(space)? else {
                    continue;
                };
                if state.closed_at().is_none() || self.is_forked(space) {
                    said.clear();
                    break;
                }
                if !sealed.contains(space) && !self.is_section_erased(space)? {
                    said.extend(self.word_about(&state, reason)?);
                }
            }
            self.keep_words(&said)?;
        }
        Ok(())
    }

    fn word_about(
        &self,
        state: &SpaceState,
        reason: &str,
    ) -> Result<Option<Envelope>, ClientError> {
        let Some((header, seed)) = self.erasure_header(state)? else {
            return Ok(None);
        };
        let payload = ErasurePayload {
            reason: Some(reason.to_owned()),
            ..ErasurePayload::default()
        };
        Envelope::seal_erasure(&header, &payload, &seed, &self.keys.signing)
            .map(Some)
            .map_err(|error| ClientError::Document {
                reason: error.to_string(),
            })
    }

    fn keep_words(&mut self, words: &[Envelope]) -> Result<(), ClientError> {
        if words.is_empty() {
            return Ok(());
        }
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        self.commit(|transaction| {
            for word in words {
                put_sent(transaction, &word.id().into())?;
                let record = SealedRecord::Envelope {
                    bytes: word.bytes().to_vec(),
                    edits: Vec::new(),
                };
                let (key, value) = (word.id().0, records::encode(&record));
                transaction.put(Collection::Sealed, ENVELOPES, &key, now, &value)?;
            }
            Ok(())
        })
    }

    /// Every section of a case that this device knows, also where several bear one code.
    pub(crate) fn spaces_of_case(
        &self,
        case: &Case,
    ) -> Result<Vec<(SpaceId, LabelRecord)>, ClientError> {
        let labels = self.vault.list(Collection::Label, &case.id.0)?;
        let spaces = labels.iter().filter_map(|(key, bytes)| {
            let space = SpaceId::from_slice(key)?;
            Some(records::decode(bytes).map(|label| (space, label)))
        });
        spaces.collect()
    }

    /// Whether this device manages a space; closing takes that from nobody.
    pub(crate) fn manages_closed_or_open(&self, space: &SpaceId) -> bool {
        authority::right(&self.logs(), &self.device_id, space).manages
    }

    fn require_manages_core(&self, case: &Case) -> Result<(), ClientError> {
        let core = case.section(&SectionKind::Core)?;
        if self.manages_closed_or_open(&core) {
            return Ok(());
        }
        let managers = self.managers_of_space(&core)?.join(", ");
        Err(ClientError::NoRight {
            action: ERASE,
            reason: format!("only who manages its core data does: {managers}"),
        })
    }

    /// The day of the last closing.
    fn day_of_closing(&self, case: &Case) -> Result<Date, ClientError> {
        let process = self.process_unrecorded(case)?;
        let is_over = process.phase.known().is_some_and(|phase| phase.is_over());
        let last = process.closings.first();
        let day = last.and_then(|closing| closing.date.as_ref()?.known().copied());
        match day.filter(|_| is_over && !process.phase_is_disputed) {
            Some(day) => Ok(day),
            None => Err(FieldError::new(
                "case",
                "not_closed",
                "only a closed case is erased",
                "close it first: `nahtlos case close CASE --reason CODE`",
            )
            .into()),
        }
    }

    /// Nothing that was typed or decided here may be on its way.
    fn require_nothing_waits(&self, case: &Case) -> Result<(), ClientError> {
        let waits = |reason: &str| {
            ClientError::from(FieldError::new(
                "case",
                "not_synchronised",
                reason,
                "run `nahtlos sync` first",
            ))
        };
        let sealed = self.sealed_spaces()?;
        let intents = self.waiting_intents()?;
        for (space, _) in self.spaces_of_case(case)? {
            if !self.pending_edits(&space)?.is_empty() || sealed.contains(&space) {
                return Err(waits(
                    "something typed here in this case is not delivered yet",
                ));
            }
            let about = |record: &&IntentRecord| record.intent.space() == Some(space);
            match intents.iter().find(about).map(|record| &record.intent) {
                Some(Intent::Erase { .. }) => {
                    return Err(waits(
                        "that was decided already, and waits for the next `nahtlos sync`",
                    ));
                }
                Some(_) => {
                    return Err(waits(
                        "a change of access there waits to be sent (`nahtlos decision` shows it)",
                    ));
                }
                None => {}
            }
            if self.is_forked(&space) {
                return Err(waits(
                    "the log of one of its sections has forked, which a sync heals",
                ));
            }
        }
        Ok(())
    }

    /// The kind of this person's institution, which leads the case.
    fn own_kind(&self) -> Result<Option<InstitutionKind>, ClientError> {
        let directory = self.shared_directory()?;
        let card = directory.institutions.get(&self.institution()?.to_string());
        Ok(card.and_then(|card| InstitutionKind::parse(&card.kind).ok()))
    }

    fn managers_of_space(&self, space: &SpaceId) -> Result<Vec<String>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let state = self.logs().load(space)?;
        Ok(state.map_or_else(Vec::new, |state| self.managers_of(&state, &directory)))
    }
}

/// A reason that holds only after the retention is no reason before.
fn require_kept_long_enough(
    reason: &ErasureReason,
    ends: Option<Date>,
    today: Date,
) -> Result<(), FieldError> {
    let is_over = ends.is_some_and(|ends| ends <= today);
    if is_over || !reason.after_retention_only {
        return Ok(());
    }
    let until = ends.map_or_else(
        || "longer than the calendar goes".to_owned(),
        |day| format!("until {day}"),
    );
    Err(FieldError::new(
        "erasure_reason",
        "retention",
        format!("the case has to be kept {until}"),
        "wait, or name a reason that holds before: `ordered`, `opened_by_mistake` or `persons_request`",
    ))
}
