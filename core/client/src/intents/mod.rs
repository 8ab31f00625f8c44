//! Intents: what a person decided, carried out at the next sync against the newest logs. An intent
//! is never signed blindly: it is prepared anew each time ([`steps`]), and what was overtaken by
//! somebody else's decision ([`rechecking`]) or can no longer be done goes back to the person
//! ([`returned`]).

mod rechecking;
pub mod returned;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::identifier::{GrantId, InvitationId, Nonce, RecipientId, SpaceId};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::{Draft, Logs, Prepared, SpaceState, Suspended};
use nahtlos_protocol::wire::join::JoinRequest;

use crate::admission::{Newcomer, Offered};
use crate::directory::PersonCard;
use crate::error::ClientError;
use crate::ingest::JOIN_REQUESTS;
use crate::logs::Overlay;
use crate::nahtlos::{Nahtlos, put_stored};
use crate::random;
use crate::records::{self, Intent, IntentRecord, ReturnedRecord};
use crate::vault::Collection;

use returned::put_returned;

/// Group of intents in `Collection::Intent`.
pub(crate) const INTENTS: &[u8] = b"intents";

/// Operations prepared for one request. An admission offers up to
/// [`nahtlos_protocol::limits::JOIN_OPERATIONS_MAX`] more, and a request takes
/// [`nahtlos_protocol::limits::PUSH_ITEMS_MAX`].
const DECIDED_MAX: usize = 200;
/// Bytes of operations and wraps prepared for one request.
const DECIDED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Why a decision goes back to a person who lost the right meanwhile.
const NO_LONGER_YOURS: &str = "it is no longer yours to make";

/// Where an operation on its way to the relay comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A decision; the key of its record.
    Intent(Vec<u8>, Intent),
    /// This device looks after the space.
    Upkeep(SpaceId),
}

/// An operation on its way to the relay.
pub(crate) struct Decided {
    pub source: Source,
    pub prepared: Prepared,
    /// Whom it admits, where it does.
    pub newcomer: Option<Newcomer>,
}

/// What is being prepared for one request.
#[derive(Default)]
pub(crate) struct Round {
    /// States after what was prepared, laid over the logs.
    pub above: BTreeMap<SpaceId, Arc<SpaceState>>,
    pub offered: Offered,
    pub decided: Vec<Decided>,
    /// Things a person should know.
    pub notices: Vec<String>,
    bytes: usize,
}

impl Round {
    /// Whether the rest waits for the next request, to be prepared on the logs as they are then.
    pub fn is_full(&self) -> bool {
        self.decided.len() >= DECIDED_MAX || self.bytes > DECIDED_BYTES_MAX
    }

    fn add(&mut self, decided: Decided) {
        let prepared = &decided.prepared;
        self.bytes += pushed_bytes(prepared);
        self.above
            .insert(prepared.state.id(), Arc::new(prepared.state.clone()));
        self.decided.push(decided);
    }
}

/// What came of one intent.
pub(crate) enum Outcome {
    Prepared(Box<Decided>),
    /// Nothing is left to do.
    Done,
    /// Carried out earlier, without our having seen the answer.
    Admitted {
        invitation: InvitationId,
        card: Option<(SpaceId, PersonCard)>,
    },
    /// Cannot be done yet.
    Waits,
    /// A person must decide again; what is returned to them is kept.
    GoesBack(String),
    /// It came to nothing: said once.
    Fails(String),
}

/// What is to be done about an intent now.
pub(crate) enum Step {
    Make(Box<Draft>),
    /// Nothing is left to do.
    Done,
    /// Cannot be done yet.
    Waits,
    /// Not possible as it stands.
    GoesBack(String),
}

impl Nahtlos {
    /// Records a decision; it is carried out at the next sync.
    pub(crate) fn decide(&mut self, intent: Intent, space: &SpaceId) -> Result<(), ClientError> {
        let record = self.decision_about(intent, space)?;
        self.commit(|transaction| put_intent(transaction, &record))
    }

    /// A decision made now, not kept yet. A home that sends nothing any more takes none: it would wait
    /// for ever.
    pub(crate) fn decision_about(
        &self,
        intent: Intent,
        space: &SpaceId,
    ) -> Result<IntentRecord, ClientError> {
        if returned::is_a_choice(&intent) {
            self.require_sending()?;
        }
        Ok(IntentRecord {
            id: random::nonce(&mut random::system()),
            decided_at: self.heads_decided_at(&intent, space)?,
            intent,
            decided_at_ms: self.now_ms(),
        })
    }

    /// Prepares everything that was decided and can be done now, after what keys need by themselves.
    /// Seeds made on the way are durable before anything is sent.
    /// That one's own institution leaves is prepared only `with_leaving`.
    pub(crate) fn carry_out_intents(
        &mut self,
        with_leaving: bool,
    ) -> Result<(Offered, Vec<Decided>, Vec<String>), ClientError> {
        let mut round = Round::default();
        self.look_after_spaces(&mut round)?;
        let (mut finished, mut admitted, mut returned) = (Vec::new(), Vec::new(), Vec::new());
        for (key, record) in self.open_intents()? {
            if round.is_full() {
                break;
            }
            // The relay takes nothing of its people afterwards: everything else goes before.
            if self.is_own_leaving(&record.intent) && !with_leaving {
                continue;
            }
            match self.prepare_intent(&key, &record, &mut round)? {
                Outcome::Prepared(one) => round.add(*one),
                Outcome::Done => finished.push(key),
                Outcome::Admitted { invitation, card } => {
                    finished.push(key);
                    admitted.push((invitation, card));
                }
                Outcome::Waits => {}
                Outcome::GoesBack(reason) => {
                    let what = self.describe_intent(&record.intent)?;
                    round.notices.push(format!(
                        "a change of access that you decided was not made ({what}): {reason}; it waits for you to decide again"
                    ));
                    returned.push(ReturnedRecord { record, reason });
                }
                Outcome::Fails(reason) => {
                    round.notices.push(reason);
                    finished.push(key);
                }
            }
        }
        self.commit(|transaction| {
            for key in &finished {
                transaction.delete(Collection::Intent, key)?;
            }
            for record in &returned {
                put_returned(transaction, record)?;
            }
            Ok(())
        })?;
        for (invitation, card) in admitted {
            self.complete_invitation(&invitation, card)?;
        }
        Ok((round.offered, round.decided, round.notices))
    }

    /// Whether a decision ends the part of this device's own institution in the network.
    fn is_own_leaving(&self, intent: &Intent) -> bool {
        let own = self.device.institution.map(RecipientId::from);
        matches!(intent, Intent::Remove { space, member, .. }
            if Some(*space) == self.device.network && member.is_some() && *member == own)
    }

    /// Whether such a decision waits.
    pub(crate) fn leaves_the_network(&self) -> Result<bool, ClientError> {
        let waiting = self.waiting_intents()?;
        Ok(waiting
            .iter()
            .any(|record| self.is_own_leaving(&record.intent)))
    }

    fn open_intents(&self) -> Result<Vec<(Vec<u8>, IntentRecord)>, ClientError> {
        let mut open = Vec::new();
        for (key, bytes) in self.vault.list(Collection::Intent, JOIN_REQUESTS)? {
            let record = IntentRecord {
                id: Nonce([0; 16]),
                intent: Intent::Admit { request: bytes },
                decided_at: Vec::new(),
                decided_at_ms: 0,
            };
            open.push((key, record));
        }
        for (key, bytes) in self.vault.list(Collection::Intent, INTENTS)? {
            open.push((key, records::decode(&bytes)?));
        }
        Ok(open)
    }

    fn prepare_intent(
        &self,
        key: &[u8],
        record: &IntentRecord,
        round: &mut Round,
    ) -> Result<Outcome, ClientError> {
        let Some(space) = record.intent.space() else {
            return self.prepare_admission(key, &record.intent, round);
        };
        let logs = self.logs_below(&round.above);
        let Some(state) = logs.state(&space) else {
            return Ok(Outcome::Waits);
        };
        if self.is_forked(&space) {
            return Ok(Outcome::Waits);
        }
        if self.is_founding_refused(&state)? {
            let reason = "the relay refused the space it is about".into();
            return Ok(Outcome::GoesBack(reason));
        }
        match self.next_step(&record.intent, &state, &logs)? {
            Step::Make(draft) => {
                if let Some(reason) = self.overtaken(record, &state, &logs)? {
                    return Ok(Outcome::GoesBack(reason));
                }
                if let Some(reason) = self.consent_objection(&record.intent)? {
                    return Ok(Outcome::GoesBack(reason));
                }
                let source = Source::Intent(key.to_vec(), record.intent.clone());
                self.sign_decided(source, *draft, &logs, &state, None)
            }
            Step::Done => Ok(Outcome::Done),
            Step::Waits => Ok(Outcome::Waits),
            Step::GoesBack(reason) => Ok(Outcome::GoesBack(reason)),
        }
    }

    /// Makes the operation, or says why that is not possible on these logs.
    pub(crate) fn sign_decided(
        &self,
        source: Source,
        draft: Draft,
        logs: &Overlay<'_>,
        state: &SpaceState,
        newcomer: Option<Newcomer>,
    ) -> Result<Outcome, ClientError> {
        if self.is_forked(&state.id()) {
            return Ok(Outcome::Waits);
        }
        if self.has_lost_every_right(&source, logs, state) {
            return Ok(Outcome::GoesBack(NO_LONGER_YOURS.into()));
        }
        let draft = draft.passing_over(self.passed_over(&source, logs, state));
        let ring = self.key_ring();
        let author = self.author();
        let mut rng = random::system();
        match draft.prepare(logs, &ring, &author, &mut rng, Some(state)) {
            Ok(prepared) => Ok(Outcome::Prepared(Box::new(Decided {
                source,
                prepared,
                newcomer,
            }))),
            Err(AuthorError::Replay(
                ReplayError::MissingLog(_) | ReplayError::UnknownReference(_),
            )) => Ok(Outcome::Waits),
            Err(AuthorError::Replay(ReplayError::NotEntitled { .. })) => {
                Ok(Outcome::GoesBack(NO_LONGER_YOURS.into()))
            }
            Err(error) => Ok(Outcome::GoesBack(format!("it is not possible: {error}"))),
        }
    }

    /// Whether a person's decision has no right behind it any more. An operation refers to the logs on its
    /// author's path: where none is left it would not name the log that says so, and replay would not
    /// see it. (A `Confirm` may come from a space above.)
    fn has_lost_every_right(
        &self,
        source: &Source,
        logs: &Overlay<'_>,
        state: &SpaceState,
    ) -> bool {
        let right = authority::right(logs, &self.device_id, &state.id());
        matches!(source, Source::Intent(_, intent) if !matches!(intent, Intent::Confirm { .. }))
            && right.role.is_none()
            && !right.changes_members()
    }

    /// Suspended grants, but for those that the decision is about: they are confirmed or end.
    fn passed_over(&self, source: &Source, logs: &Overlay<'_>, state: &SpaceState) -> Suspended {
        let mut suspended = self.suspended_in(logs, state);
        suspended.retain(|id| match source {
            Source::Intent(_, Intent::Confirm { grant, .. }) => id != grant,
            Source::Intent(_, Intent::Remove { grant, member, .. }) => {
                let known = state.grant(id).map(|known| known.member.recipient());
                *grant != Some(*id) && (member.is_none() || known != *member)
            }
            Source::Intent(..) | Source::Upkeep(_) => true,
        });
        suspended
    }

    /// What this device does by itself for a space: what is not possible now is not done.
    pub(crate) fn sign_upkeep(
        &self,
        space: &SpaceId,
        draft: Draft,
        round: &mut Round,
    ) -> Result<(), ClientError> {
        let outcome = {
            let logs = self.logs_below(&round.above);
            let Some(state) = logs.state(space) else {
                return Ok(());
            };
            self.sign_decided(Source::Upkeep(*space), draft, &logs, &state, None)?
        };
        if let Outcome::Prepared(one) = outcome {
            round.add(*one);
        }
        Ok(())
    }

    /// Our logs with what was prepared before laid over them.
    pub(crate) fn logs_below<'a>(
        &'a self,
        above: &'a BTreeMap<SpaceId, Arc<SpaceState>>,
    ) -> Overlay<'a> {
        Overlay {
            below: self.logs(),
            above,
        }
    }

    /// The current epoch's seed, where this device holds it.
    pub(crate) fn current_seed(&self, state: &SpaceState) -> Option<EpochSeed> {
        let epoch = state.current_epoch()?;
        self.key_ring().open(&state.id(), &epoch.key_id).ok()
    }

    /// The current epoch's seed, to be wrapped to further members.
    pub(crate) fn seed_to_hand_on(&self, state: &SpaceState) -> Option<EpochSeed> {
        let epoch = state.current_epoch()?;
        let ring = self.key_ring();
        ring.open_to_hand_on(&state.id(), &epoch.key_id).ok()
    }

    /// The relay has stored the operations: they stand in our logs now. One transaction for as many
    /// as go together; an admission goes alone, because a card is published after it.
    pub(crate) fn intents_done(&mut self, done: Vec<Decided>) -> Result<(), ClientError> {
        let mut together = Vec::new();
        for decided in done {
            if matches!(decided.source, Source::Intent(_, Intent::Admit { .. })) {
                self.store_decided(std::mem::take(&mut together))?;
                self.intent_done(decided)?;
            } else {
                together.push(decided);
            }
        }
        self.store_decided(together)
    }

    fn store_decided(&mut self, together: Vec<Decided>) -> Result<(), ClientError> {
        self.commit(|transaction| {
            for decided in &together {
                put_stored(transaction, &decided.prepared)?;
                decided.source.forget(transaction)?;
            }
            Ok(())
        })?;
        for decided in together {
            self.cache.set(decided.prepared.state);
        }
        self.documents.forget_directory();
        Ok(())
    }

    /// The relay has stored the operation: it stands in our log now.
    fn intent_done(&mut self, decided: Decided) -> Result<(), ClientError> {
        let invitation = match &decided.source {
            Source::Intent(_, Intent::Admit { request }) => JoinRequest::decode(request)
                .ok()
                .map(|request| request.invitation()),
            _ => None,
        };
        self.commit(|transaction| {
            put_stored(transaction, &decided.prepared)?;
            decided.source.forget(transaction)
        })?;
        self.cache.set(decided.prepared.state);
        self.documents.forget_directory();
        match invitation {
            Some(invitation) => {
                let card = decided.newcomer.and_then(|newcomer| newcomer.card);
                self.complete_invitation(&invitation, card)
            }
            None => Ok(()),
        }
    }

    /// The relay refused for good what somebody who answered an invitation sent.
    pub(crate) fn give_up_intent(&mut self, key: &[u8]) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete(Collection::Intent, key)?;
            Ok(())
        })
    }

    /// Whether a log has this length and nothing is here that would follow it.
    pub(crate) fn is_log_still(&self, space: &SpaceId, length: u64) -> Result<bool, ClientError> {
        let waiting = self.waiting_operations()?;
        // One behind a gap waits for what is not served, like this device; one that is next may wait for
        // another log.
        let mut here = waiting.iter().filter(|(one, _)| one.space() == *space);
        let waits = here.any(|(one, _)| {
            let refused = self.logs().replay(one).err();
            matches!(
                refused,
                Some(ReplayError::UnknownReference(_) | ReplayError::MissingLog(_))
            )
        });
        let state = self.logs().load(space)?;
        let here = state.map_or(0, |state| state.length());
        let goes_on = waits || self.needs_newer(space)? || self.is_forked(space);
        Ok(here == length && !goes_on)
    }

    /// The relay refused an operation for good: what a person decided goes back to them.
    pub(crate) fn decided_refused(
        &mut self,
        decided: &Decided,
        reason: String,
    ) -> Result<(), ClientError> {
        match &decided.source {
            Source::Upkeep(space) => self.upkeep_refused(space),
            Source::Intent(key, Intent::Admit { .. }) => self.give_up_intent(key),
            Source::Intent(key, _) => {
                let Some(bytes) = self.vault.get(Collection::Intent, key)? else {
                    return Ok(());
                };
                let record: IntentRecord = records::decode(&bytes)?;
                self.commit(|transaction| {
                    put_returned(transaction, &ReturnedRecord { record, reason })
                })
            }
        }
    }
}

impl Source {
    /// What is done is decided no longer.
    fn forget(&self, transaction: &crate::vault::Transaction<'_>) -> Result<(), ClientError> {
        match self {
            // Closed is only half of what was decided.
            Self::Intent(_, Intent::Erase { .. }) | Self::Upkeep(_) => {}
            Self::Intent(key, _) => {
                transaction.delete(Collection::Intent, key)?;
            }
        }
        Ok(())
    }
}

fn pushed_bytes(prepared: &Prepared) -> usize {
    let wraps = prepared.wraps.iter().map(|wrap| wrap.bytes.len());
    prepared.operation.bytes().len() + wraps.sum::<usize>()
}

pub(crate) fn put_intent(
    transaction: &crate::vault::Transaction<'_>,
    record: &IntentRecord,
) -> Result<(), ClientError> {
    // In the order in which it was decided, also within one millisecond: a member space is rotated
    // before those above it.
    let last = transaction.last_position(Collection::Intent, INTENTS)?;
    let decided = i64::try_from(record.decided_at_ms).unwrap_or(i64::MAX / 1000);
    let decided = decided.saturating_mul(1000);
    let position = last.map_or(decided, |last| decided.max(last.saturating_add(1)));
    let value = records::encode(record);
    transaction.put(Collection::Intent, INTENTS, &record.id.0, position, &value)?;
    Ok(())
}

/// An `Add` of a member space with its whole history.
pub(crate) fn add_space(
    grant: GrantId,
    member: SpaceId,
    role: Role,
    basis: Option<Vec<u8>>,
    not_after_ms: Option<u64>,
) -> Effect {
    Effect::Add {
        grant,
        member: Member::Space { id: member },
        role,
        history: History::Full,
        basis,
        not_after_ms,
        invitation: None,
    }
}

/// Seals a grant's legal basis or consent under the space's current epoch.
pub(crate) fn seal_basis(seed: &EpochSeed, grant: &GrantId, basis: &str) -> Option<Vec<u8>> {
    epoch_secret::seal_label(seed, &mut random::system(), &grant.0, basis.as_bytes()).ok()
}
