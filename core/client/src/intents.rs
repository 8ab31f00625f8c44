//! Intents: what a person decided, carried out at the next sync against the newest logs. An intent
//! is never signed blindly: it is prepared anew each time, and what can no longer be done comes
//! back as a notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::identifier::{GrantId, InvitationId, SpaceId};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::authority::View;
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::{Draft, Logs, Prepared, SpaceState, Suspended, recipients};
use nahtlos_protocol::wire::join::JoinRequest;

use crate::admission::{Newcomer, Offered};
use crate::directory::PersonCard;
use crate::error::ClientError;
use crate::ingest::JOIN_REQUESTS;
use crate::logs::Overlay;
use crate::nahtlos::{Nahtlos, put_prepared};
use crate::random;
use crate::records::{self, Intent, IntentRecord};
use crate::vault::Collection;

/// Group of intents in `Collection::Intent`.
pub(crate) const INTENTS: &[u8] = b"intents";

/// Operations prepared for one request. An admission offers up to
/// [`nahtlos_protocol::limits::JOIN_OPERATIONS_MAX`] more, and a request takes
/// [`nahtlos_protocol::limits::PUSH_ITEMS_MAX`].
const DECIDED_MAX: usize = 200;
/// Bytes of operations and wraps prepared for one request.
const DECIDED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An operation made from an intent, on its way to the relay.
pub(crate) struct Decided {
    /// Key of the intent's record.
    pub key: Vec<u8>,
    pub intent: Intent,
    pub prepared: Prepared,
    /// Whom it admits, where it does.
    pub newcomer: Option<Newcomer>,
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
    /// A person must decide again.
    GoesBack(String),
}

/// What is to be done about an intent now.
enum Step {
    Make(Draft),
    /// Nothing is left to do.
    Done,
    /// Cannot be done yet.
    Waits,
}

impl Nahtlos {
    /// Records a decision; it is carried out at the next sync.
    pub(crate) fn decide(&mut self, intent: Intent, space: &SpaceId) -> Result<(), ClientError> {
        let record = IntentRecord {
            id: random::nonce(&mut random::system()),
            intent,
            decided_at: self.logs().state(space).and_then(|state| state.head()),
            decided_at_ms: self.now_ms(),
        };
        self.commit(|transaction| put_intent(transaction, &record))
    }

    /// Prepares everything that was decided and can be done now. Seeds made on the way are durable
    /// before anything is sent.
    pub(crate) fn carry_out_intents(
        &mut self,
    ) -> Result<(Offered, Vec<Decided>, Vec<String>), ClientError> {
        let (mut offered, mut decided, mut notices) = (Vec::new(), Vec::new(), Vec::new());
        let (mut finished, mut admitted) = (Vec::new(), Vec::new());
        let mut above: BTreeMap<SpaceId, Arc<SpaceState>> = BTreeMap::new();
        let mut bytes = 0;
        for (key, intent) in self.open_intents()? {
            // What does not fit one request is prepared for the next, on the logs as they are then.
            if decided.len() >= DECIDED_MAX || bytes > DECIDED_BYTES_MAX {
                break;
            }
            let outcome = self.prepare_intent(&key, &intent, &mut above, &mut offered)?;
            match outcome {
                Outcome::Prepared(one) => {
                    bytes += pushed_bytes(&one.prepared);
                    above.insert(
                        one.prepared.state.id(),
                        Arc::new(one.prepared.state.clone()),
                    );
                    decided.push(*one);
                }
                Outcome::Done => finished.push(key),
                Outcome::Admitted { invitation, card } => {
                    finished.push(key);
                    admitted.push((invitation, card));
                }
                Outcome::Waits => {}
                Outcome::GoesBack(reason) => {
                    notices.push(reason);
                    finished.push(key);
                }
            }
        }
        self.commit(|transaction| {
            for key in &finished {
                transaction.delete(Collection::Intent, key)?;
            }
            Ok(())
        })?;
        for (invitation, card) in admitted {
            self.complete_invitation(&invitation, card)?;
        }
        Ok((offered, decided, notices))
    }

    fn open_intents(&self) -> Result<Vec<(Vec<u8>, Intent)>, ClientError> {
        let mut open = Vec::new();
        for (key, bytes) in self.vault.list(Collection::Intent, JOIN_REQUESTS)? {
            open.push((key, Intent::Admit { request: bytes }));
        }
        for (key, bytes) in self.vault.list(Collection::Intent, INTENTS)? {
            let record: IntentRecord = records::decode(&bytes)?;
            open.push((key, record.intent));
        }
        Ok(open)
    }

    fn prepare_intent(
        &self,
        key: &[u8],
        intent: &Intent,
        above: &mut BTreeMap<SpaceId, Arc<SpaceState>>,
        offered: &mut Offered,
    ) -> Result<Outcome, ClientError> {
        let space = match intent {
            Intent::Grant { space, .. }
            | Intent::Invite { space, .. }
            | Intent::FirstEpoch { space }
            | Intent::WrapMissing { space } => space,
            Intent::AddTeam { institution, .. } => institution,
            Intent::Admit { request } => {
                return self.prepare_admission(key, request, above, offered);
            }
        };
        let logs = self.logs_below(above);
        let Some(state) = logs.state(space) else {
            return Ok(Outcome::Waits);
        };
        match self.next_step(intent, &state, &logs)? {
            Step::Make(draft) => self.sign_decided(key, intent, draft, &logs, &state, None),
            Step::Done => Ok(Outcome::Done),
            Step::Waits => Ok(Outcome::Waits),
        }
    }

    /// What an intent asks for on the logs as they are now.
    fn next_step(
        &self,
        intent: &Intent,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Result<Step, ClientError> {
        Ok(match intent {
            Intent::Grant { grant, .. } | Intent::AddTeam { grant, .. }
                if has_grant(state, grant) =>
            {
                Step::Done
            }
            Intent::Grant {
                grant,
                member,
                role,
                basis,
                not_after_ms,
                ..
            } => self.step_with_wraps(state, |draft, seed| {
                let basis = seal_basis(seed, grant, basis);
                draft.effect(add_space(*grant, *member, *role, basis, *not_after_ms))
            }),
            Intent::AddTeam { team, grant, .. } => self.step_with_wraps(state, |draft, _| {
                draft.effect(add_space(*grant, *team, Role::Read, None, None))
            }),
            Intent::Invite { invitation, .. } if state.invitations().contains_key(invitation) => {
                Step::Done
            }
            Intent::Invite {
                invitation,
                role,
                not_after_ms,
                ..
            } => Step::Make(Draft::new().effect(Effect::Invite {
                invitation: *invitation,
                role: *role,
                not_after_ms: *not_after_ms,
            })),
            Intent::FirstEpoch { .. } if state.current_epoch().is_some() => Step::Done,
            Intent::FirstEpoch { .. } => Step::Make(Draft::new().epoch(self.fresh_epoch())),
            Intent::WrapMissing { .. } => {
                let missing =
                    recipients::missing_wraps(logs, state, View::NEWEST, &Suspended::new())
                        .map_err(ReplayError::from)?;
                if missing.is_empty() {
                    Step::Done
                } else {
                    self.step_with_wraps(state, |draft, _| draft)
                }
            }
            // Prepared apart, in `prepare_admission`.
            Intent::Admit { .. } => Step::Waits,
        })
    }

    /// A step after which the current epoch is wrapped to whoever lacks it; waits for its seed.
    fn step_with_wraps(
        &self,
        state: &SpaceState,
        draft: impl FnOnce(Draft, &EpochSeed) -> Draft,
    ) -> Step {
        match self.seed_to_hand_on(state) {
            Some(seed) => Step::Make(draft(Draft::new(), &seed).wrap_missing(seed)),
            None => Step::Waits,
        }
    }

    /// Makes the operation, or says why that is not possible on these logs.
    pub(crate) fn sign_decided(
        &self,
        key: &[u8],
        intent: &Intent,
        draft: Draft,
        logs: &Overlay<'_>,
        state: &SpaceState,
        newcomer: Option<Newcomer>,
    ) -> Result<Outcome, ClientError> {
        let ring = self.key_ring();
        let author = self.author();
        let mut rng = random::system();
        match draft.prepare(logs, &ring, &author, &mut rng, Some(state)) {
            Ok(prepared) => Ok(Outcome::Prepared(Box::new(Decided {
                key: key.to_vec(),
                intent: intent.clone(),
                prepared,
                newcomer,
            }))),
            Err(AuthorError::Replay(
                ReplayError::MissingLog(_) | ReplayError::UnknownReference(_),
            )) => Ok(Outcome::Waits),
            Err(AuthorError::Replay(ReplayError::NotEntitled { .. })) => Ok(Outcome::GoesBack(
                "a change of access you decided is no longer yours to make; decide again".into(),
            )),
            Err(error) => Ok(Outcome::GoesBack(format!(
                "a change of access you decided is not possible ({error}); decide again"
            ))),
        }
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
            if matches!(decided.intent, Intent::Admit { .. }) {
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
                put_prepared(transaction, &decided.prepared)?;
                transaction.delete(Collection::Intent, &decided.key)?;
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
        let invitation = match &decided.intent {
            Intent::Admit { request } => JoinRequest::decode(request)
                .ok()
                .map(|request| request.invitation()),
            _ => None,
        };
        self.commit(|transaction| {
            put_prepared(transaction, &decided.prepared)?;
            transaction.delete(Collection::Intent, &decided.key)?;
            Ok(())
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

    /// The relay refused for good what this intent asks for: a person decides, or invites, again.
    pub(crate) fn give_up_intent(&mut self, key: &[u8]) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete(Collection::Intent, key)?;
            Ok(())
        })
    }

    /// Decisions that wait for the next sync.
    pub(crate) fn waiting_intents(&self) -> Result<Vec<IntentRecord>, ClientError> {
        let intents = self.vault.list(Collection::Intent, INTENTS)?;
        intents
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
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
    let position = i64::try_from(record.decided_at_ms).unwrap_or(i64::MAX);
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

fn has_grant(state: &SpaceState, grant: &GrantId) -> bool {
    state.grants().iter().any(|known| known.id == *grant)
}
