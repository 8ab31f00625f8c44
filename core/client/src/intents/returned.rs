//! Decisions as a person sees them: those that wait for the next sync, and those that came back.

use nahtlos_protocol::identifier::Nonce;
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use super::{INTENTS, put_intent};
use crate::cases::hex;
use crate::error::ClientError;
use crate::held::discard_key;
use crate::nahtlos::Nahtlos;
use crate::records::{self, Intent, IntentRecord, ReturnedRecord};
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Intent`: decisions that a person must take again.
const RETURNED: &[u8] = b"returned";

/// A decision that is not carried out yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Hexadecimal; a unique beginning is enough to name it.
    pub id: String,
    /// What was decided, in words.
    pub what: String,
    /// `waiting` for the next sync, or `returned` to the person.
    pub state: &'static str,
    /// Why it came back.
    pub reason: Option<String>,
    /// When it was decided, Unix milliseconds.
    pub decided_at_ms: u64,
}

/// Keeps a decision that came back, in place of the one that waited.
pub(crate) fn put_returned(
    transaction: &Transaction<'_>,
    record: &ReturnedRecord,
) -> Result<(), ClientError> {
    let (id, value) = (&record.record.id.0, records::encode(record));
    let position = i64::try_from(record.record.decided_at_ms).unwrap_or(i64::MAX);
    transaction.put(Collection::Intent, RETURNED, id, position, &value)?;
    Ok(())
}

impl Nahtlos {
    /// Decisions that wait for the next sync, and those that came back, oldest first.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn decisions(&self) -> Result<Vec<Decision>, ClientError> {
        let mut decisions = Vec::new();
        for record in self.returned_decisions()? {
            let mut decision = self.decision(&record.record, "returned")?;
            decision.reason = Some(record.reason);
            decisions.push(decision);
        }
        for record in self.waiting_intents()? {
            decisions.push(self.decision(&record, "waiting")?);
        }
        decisions.sort_by_key(|decision| decision.decided_at_ms);
        Ok(decisions)
    }

    /// Decides again what came back: on the logs as they are now.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn retry_decision(&mut self, id: &str) -> Result<Decision, ClientError> {
        self.require_not_restored()?;
        let returned = self.returned_decisions()?;
        let ids = returned.iter().map(|record| record.record.id);
        let id = find(ids, id)?;
        let found = returned.into_iter().find(|record| record.record.id == id);
        let mut record = found.ok_or_else(|| not_found(&hex(&id)))?.record;
        if let Some(space) = record.intent.space() {
            record.decided_at = self.heads_decided_at(&record.intent, &space)?;
        }
        record.decided_at_ms = self.now_ms();
        self.commit(|transaction| put_intent(transaction, &record))?;
        self.decision(&record, "waiting")
    }

    /// Drops a decision: one that came back, or one that waits for the next sync.
    ///
    /// # Errors
    /// As [`Self::check_drop`]; nothing is changed then.
    pub fn drop_decision(&mut self, id: &str) -> Result<Decision, ClientError> {
        let record = self.droppable(id)?;
        let dropped = self.check_drop(id)?;
        self.commit(|transaction| {
            transaction.delete(Collection::Intent, &record.id.0)?;
            // What is not discarded after all is open again, here too.
            if let Intent::Void { envelope, .. } = &record.intent {
                transaction.delete(Collection::Counting, &discard_key(envelope))?;
            }
            Ok(())
        })?;
        if let Some(space) = record.intent.space() {
            self.documents.forget(&space);
        }
        Ok(dropped)
    }

    /// The decision that [`Self::drop_decision`] would drop.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`]; what this program needs to go on by
    /// itself (a first key, a team of one's own) is not to be dropped and is not found.
    /// [`ClientError::ConsentIsWithdrawn`] where a right would go on without its consent: the
    /// withdrawal stands in the ledger, and what is recorded there is not taken back.
    pub fn check_drop(&self, id: &str) -> Result<Decision, ClientError> {
        let record = self.droppable(id)?;
        if let Some(consent) = self.consent_that_forbids_dropping(&record)? {
            return Err(ClientError::ConsentIsWithdrawn { consent });
        }
        let wanted = hex(&record.id);
        let decisions = self.decisions()?.into_iter();
        let mut decisions = decisions.filter(|one| one.id == wanted);
        decisions.next().ok_or_else(|| not_found(&wanted))
    }

    /// A decision that a person took, by the beginning of its identifier.
    fn droppable(&self, id: &str) -> Result<IntentRecord, ClientError> {
        let mut records = self.waiting_intents()?;
        records.retain(|record| is_a_choice(&record.intent));
        let returned = self.returned_decisions()?.into_iter();
        records.extend(returned.map(|returned| returned.record));
        let id = find(records.iter().map(|record| record.id), id)?;
        let found = records.into_iter().find(|record| record.id == id);
        found.ok_or_else(|| not_found(&hex(&id)))
    }

    pub(crate) fn returned_decisions(&self) -> Result<Vec<ReturnedRecord>, ClientError> {
        let returned = self.vault.list(Collection::Intent, RETURNED)?;
        returned
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
    }

    /// Decisions that wait for the next sync.
    pub(crate) fn waiting_intents(&self) -> Result<Vec<IntentRecord>, ClientError> {
        let intents = self.vault.list(Collection::Intent, INTENTS)?;
        intents
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
    }

    fn decision(
        &self,
        record: &IntentRecord,
        state: &'static str,
    ) -> Result<Decision, ClientError> {
        Ok(Decision {
            id: hex(&record.id),
            what: self.describe_intent(&record.intent)?,
            state,
            reason: None,
            decided_at_ms: record.decided_at_ms,
        })
    }

    /// What was decided, in words.
    pub(crate) fn describe_intent(&self, intent: &Intent) -> Result<String, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let place = intent.space().map_or_else(String::new, |space| {
            let label = self.label(&space).ok();
            label.map_or_else(
                || directory.name(&space),
                |label| {
                    let line = self.stored_line(&label.case()).ok().flatten();
                    match line.and_then(|line| line.summary.case_number) {
                        Some(number) => format!("the section {} of {number}", label.kind),
                        None => format!("the section {}", label.kind),
                    }
                },
            )
        });
        let holder = |grant| {
            let state = intent.space().and_then(|space| self.logs().state(&space));
            let member = state.and_then(|state| Some(state.grant(grant)?.member));
            match member {
                Some(MemberId::Space(member)) => directory.name(&member),
                Some(MemberId::Device(_)) => "a device".into(),
                None => "a member".into(),
            }
        };
        Ok(match intent {
            Intent::Grant { member, role, .. } => {
                let member = directory.name(member);
                format!("share {place} with {member} ({})", role.word())
            }
            Intent::Invite { .. } => format!("make an invitation to {place} valid"),
            Intent::Admit { .. } => "admit a newcomer".into(),
            Intent::FirstEpoch { .. } => "make a first key".into(),
            Intent::AddTeam { team, .. } => format!("add the team {}", directory.name(team)),
            Intent::WrapMissing { .. } => "hand a key to those who lack it".into(),
            Intent::Remove {
                grant: Some(grant), ..
            } => format!("end a right of {} in {place}", holder(grant)),
            Intent::Remove { member, .. } => {
                let space = member.map(|member| nahtlos_protocol::identifier::SpaceId(member.0));
                let known = space.filter(|space| self.logs().state(space).is_some());
                let member =
                    known.map_or_else(|| "a device".into(), |member| directory.name(&member));
                format!("remove {member} from {place}")
            }
            Intent::SetRole { grant, role, .. } => {
                format!("let {} {} in {place}", holder(grant), role.word())
            }
            Intent::Close { .. } => format!("close {place}"),
            Intent::Erase { .. } => format!("erase {place} for everybody"),
            Intent::Confirm { grant, .. } => format!("confirm {} in {place}", holder(grant)),
            Intent::Refuse { grant, .. } => format!("refuse {} in {place}", holder(grant)),
            Intent::Rotate { .. } => format!("make a new key of {place}"),
            Intent::Void { .. } => format!("discard a held edit in {place}"),
            Intent::Policy { .. } => format!("say how {place} admits"),
            Intent::AddAdministrator { person, .. } => {
                format!("let {} administer {place}", directory.name(person))
            }
            Intent::AddDevice { name, .. } if name.is_empty() => "add a device of yours".into(),
            Intent::AddDevice { name, .. } => format!("add your device {name}"),
        })
    }
}

/// Whether a person chose it, so that they may also take it back.
pub(super) fn is_a_choice(intent: &Intent) -> bool {
    !matches!(
        intent,
        Intent::Admit { .. }
            | Intent::FirstEpoch { .. }
            | Intent::WrapMissing { .. }
            | Intent::AddTeam { .. }
    )
}

fn find(ids: impl Iterator<Item = Nonce>, input: &str) -> Result<Nonce, ClientError> {
    let wanted = input.trim().to_lowercase();
    let found: Vec<Nonce> = ids
        .filter(|id| !wanted.is_empty() && hex(id).starts_with(&wanted))
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(not_found(input)),
        several => Err(ClientError::Ambiguous {
            what: "decisions",
            input: input.to_owned(),
            matches: several.iter().map(hex).collect(),
        }),
    }
}

fn not_found(input: &str) -> ClientError {
    ClientError::NotFound {
        what: "decision",
        input: input.to_owned(),
    }
}
