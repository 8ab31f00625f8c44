//! Intents: what a person decided, carried out at the next sync against the newest logs. An intent
//! is never signed blindly: it is prepared anew each time, and what can no longer be done comes
//! back as a notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::identifier::{GrantId, InvitationId, SpaceId};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::{Draft, Logs, NewEpoch, Prepared, SpaceState, recipients};
use nahtlos_protocol::wire::join::JoinRequest;

use crate::directory::{DirectoryEdit, PersonCard};
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::ingest::JOIN_REQUESTS;
use crate::joining::Introduction;
use crate::logs::{self, Overlay};
use crate::nahtlos::{Nahtlos, put_prepared};
use crate::random;
use crate::records::{self, Intent, IntentRecord, InvitationRecord};
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
    /// The name of whom it admits.
    pub admitted: Option<String>,
    /// The card to publish for a person admitted to a team.
    card: Option<(SpaceId, PersonCard)>,
}

/// Operations of others to be offered first, with their wraps.
pub(crate) type Offered = Vec<OfferedOperation>;

/// One of them, and the key of the join request it came with.
pub(crate) struct OfferedOperation {
    pub request: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// What came of one intent.
enum Outcome {
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
        if let Intent::Admit { request } = intent {
            return self.prepare_admission(key, request, above, offered);
        }
        let logs = Overlay {
            below: self.logs(),
            above,
        };
        let space = match intent {
            Intent::Grant { space, .. }
            | Intent::Invite { space, .. }
            | Intent::FirstEpoch { space }
            | Intent::WrapMissing { space } => *space,
            Intent::AddTeam { institution, .. } => *institution,
            Intent::Admit { .. } => return Ok(Outcome::Done),
        };
        let Some(state) = logs.state(&space) else {
            return Ok(Outcome::Waits);
        };
        let draft = match intent {
            Intent::Grant {
                grant,
                member,
                role,
                basis,
                not_after_ms,
                ..
            } => {
                if has_grant(&state, grant) {
                    return Ok(Outcome::Done);
                }
                let Some(seed) = self.seed_to_hand_on(&state) else {
                    return Ok(Outcome::Waits);
                };
                let basis = seal_basis(&seed, grant, basis);
                let add = add_space(*grant, *member, *role, basis, *not_after_ms);
                Draft::new().effect(add).wrap_missing(seed)
            }
            Intent::Invite {
                invitation,
                role,
                not_after_ms,
                ..
            } => {
                if state.invitations().contains_key(invitation) {
                    return Ok(Outcome::Done);
                }
                Draft::new().effect(Effect::Invite {
                    invitation: *invitation,
                    role: *role,
                    not_after_ms: *not_after_ms,
                })
            }
            Intent::FirstEpoch { .. } => {
                if state.current_epoch().is_some() {
                    return Ok(Outcome::Done);
                }
                let seed = EpochSeed::random(&mut random::system());
                self.seeds.put(&seed);
                Draft::new().epoch(NewEpoch {
                    seed,
                    previous: None,
                    label: None,
                })
            }
            Intent::AddTeam { team, grant, .. } => {
                if has_grant(&state, grant) {
                    return Ok(Outcome::Done);
                }
                let Some(seed) = self.seed_to_hand_on(&state) else {
                    return Ok(Outcome::Waits);
                };
                let add = add_space(*grant, *team, Role::Read, None, None);
                Draft::new().effect(add).wrap_missing(seed)
            }
            Intent::WrapMissing { .. } => {
                let at = nahtlos_protocol::space::authority::At::Newest;
                let missing = recipients::missing_wraps(&logs, &state, state.length(), at)
                    .map_err(ReplayError::from)?;
                if missing.is_empty() {
                    return Ok(Outcome::Done);
                }
                let Some(seed) = self.seed_to_hand_on(&state) else {
                    return Ok(Outcome::Waits);
                };
                Draft::new().wrap_missing(seed)
            }
            Intent::Admit { .. } => return Ok(Outcome::Done),
        };
        self.sign_decided(key, intent, draft, &logs, &state, None, None)
    }

    #[allow(clippy::too_many_arguments)]
    fn sign_decided(
        &self,
        key: &[u8],
        intent: &Intent,
        draft: Draft,
        logs: &Overlay<'_>,
        state: &SpaceState,
        admitted: Option<String>,
        card: Option<(SpaceId, PersonCard)>,
    ) -> Result<Outcome, ClientError> {
        let ring = self.key_ring();
        let author = self.author();
        let mut rng = random::system();
        match draft.prepare(logs, &ring, &author, &mut rng, Some(state)) {
            Ok(prepared) => Ok(Outcome::Prepared(Box::new(Decided {
                key: key.to_vec(),
                intent: intent.clone(),
                prepared,
                admitted,
                card,
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

    /// Somebody answered an invitation of ours: offers their founding operations and adds them.
    fn prepare_admission(
        &self,
        key: &[u8],
        request: &[u8],
        above: &mut BTreeMap<SpaceId, Arc<SpaceState>>,
        offered: &mut Offered,
    ) -> Result<Outcome, ClientError> {
        let Ok(request) = JoinRequest::decode(request) else {
            return Ok(Outcome::Done);
        };
        let invitation = request.invitation();
        let Some(bytes) = self.vault.get(Collection::Invitation, &invitation.0)? else {
            // A colleague's invitation: theirs to complete.
            return Ok(Outcome::Waits);
        };
        let record: InvitationRecord = records::decode(&bytes)?;
        let text: nahtlos_protocol::wire::claim::InvitationText = record.text.parse()?;
        let body = request.body();
        let logs = Overlay {
            below: self.logs(),
            above,
        };
        let Some(state) = logs
            .state(&body.inviting)
            .filter(|_| body.inviting == text.inviting)
        else {
            return Ok(Outcome::Waits);
        };
        let Some(open) = state.invitations().get(&invitation) else {
            return Ok(Outcome::Waits);
        };
        let role = open.role;
        let Some(introduction) = Introduction::open(&text.seed, &body.introduction) else {
            return Ok(Outcome::GoesBack(
                "a join request could not be read; invite again".into(),
            ));
        };
        if open.used_by.is_some() {
            // Admitted, but this device did not see the answer: what follows is still to be done.
            let card = self.card_for(&text, body.newcomer, &introduction);
            return Ok(Outcome::Admitted {
                invitation,
                card: card.filter(|_| open.used_by == Some(body.newcomer)),
            });
        }
        let mut operations = Vec::new();
        if let Err(reason) = self.replay_newcomer(&request, above, &mut operations) {
            return Ok(Outcome::GoesBack(format!(
                "the join request of {} is not valid ({reason}); invite again",
                introduction.name
            )));
        }
        if !self.is_who_was_invited(&request, text.guardian, above) {
            return Ok(Outcome::GoesBack(format!(
                "who answered the invitation as {} is not what was invited; invite again",
                introduction.name
            )));
        }
        let Some(seed) = self.seed_to_hand_on(&state) else {
            return Ok(Outcome::Waits);
        };
        let add = Effect::Add {
            grant: random::grant_id(),
            member: Member::Space { id: body.newcomer },
            role,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: Some(body.proof.clone()),
        };
        let card = self.card_for(&text, body.newcomer, &introduction);
        let logs = Overlay {
            below: self.logs(),
            above,
        };
        let intent = Intent::Admit {
            request: request.bytes().to_vec(),
        };
        let draft = Draft::new().effect(add).wrap_missing(seed);
        let outcome = self.sign_decided(
            key,
            &intent,
            draft,
            &logs,
            &state,
            Some(introduction.name),
            card,
        )?;
        if matches!(outcome, Outcome::Prepared(_)) {
            offered.extend(operations);
        }
        Ok(outcome)
    }

    /// Verifies a newcomer's founding operations and lays them over the logs.
    fn replay_newcomer(
        &self,
        request: &JoinRequest,
        above: &mut BTreeMap<SpaceId, Arc<SpaceState>>,
        operations: &mut Offered,
    ) -> Result<(), String> {
        for bytes in &request.body().operations {
            let signed = SignedOperation::decode(&bytes.0).map_err(|error| error.to_string())?;
            let logs = Overlay {
                below: self.logs(),
                above,
            };
            operations.push(OfferedOperation {
                request: request.id().0.to_vec(),
                bytes: bytes.0.clone(),
            });
            if self.logs().contains(&signed) {
                continue;
            }
            let state = match logs.state(&signed.space()) {
                Some(state) => (*state).clone().append(&signed, &logs, Signatures::Verify),
                None => SpaceState::found(&signed, &logs, Signatures::Verify),
            }
            .map_err(|error| error.to_string())?;
            above.insert(state.id(), Arc::new(state));
        }
        Ok(())
    }

    /// Whether the newcomer is what was invited: founded by the request's own operations, of the
    /// invited kind, and, for a person, of the institution that invites.
    fn is_who_was_invited(
        &self,
        request: &JoinRequest,
        guardian: Option<SpaceId>,
        above: &BTreeMap<SpaceId, Arc<SpaceState>>,
    ) -> bool {
        let newcomer = request.body().newcomer;
        let founded = request.body().operations.iter().any(|bytes| {
            SignedOperation::decode(&bytes.0)
                .is_ok_and(|signed| signed.operation().index == 0 && signed.space() == newcomer)
        });
        let logs = Overlay {
            below: self.logs(),
            above,
        };
        let wanted = if guardian.is_some() {
            Kind::Person
        } else {
            Kind::Institution
        };
        founded
            && logs
                .state(&newcomer)
                .is_some_and(|state| state.kind() == wanted && state.guardian() == guardian)
    }

    /// A person admitted to a team gets a card from who invited; an institution writes its own.
    fn card_for(
        &self,
        text: &nahtlos_protocol::wire::claim::InvitationText,
        newcomer: SpaceId,
        introduction: &Introduction,
    ) -> Option<(SpaceId, PersonCard)> {
        let institution = text.guardian?;
        Some((
            newcomer,
            PersonCard {
                name: introduction.name.clone(),
                function: introduction.function.clone(),
                institution: institution.to_string(),
                team: Some(text.inviting.to_string()),
            },
        ))
    }

    /// The current epoch's seed, where this device holds it.
    pub(crate) fn current_seed(&self, state: &SpaceState) -> Option<EpochSeed> {
        let epoch = state.current_epoch()?;
        self.key_ring().open(&state.id(), &epoch.key_id).ok()
    }

    /// The current epoch's seed, to be wrapped to further members.
    fn seed_to_hand_on(&self, state: &SpaceState) -> Option<EpochSeed> {
        let epoch = state.current_epoch()?;
        let ring = self.key_ring();
        ring.open_to_hand_on(&state.id(), &epoch.key_id).ok()
    }

    /// The relay refused a newcomer's operation for good: the request is given up.
    pub(crate) fn give_up_request(&mut self, key: &[u8]) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete(Collection::Intent, key)?;
            Ok(())
        })
    }

    /// The relay has stored a newcomer's operation that we offered: it stands in our logs now.
    pub(crate) fn store_offered(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let Ok(signed) = SignedOperation::decode(bytes) else {
            return Ok(());
        };
        if self.logs().contains(&signed) {
            return Ok(());
        }
        // What does not replay comes by the feed, or never: it must not end the sync.
        let Ok(state) = self.logs().replay(&signed) else {
            return Ok(());
        };
        self.commit(|transaction| logs::store(transaction, &signed))?;
        self.cache.set(state);
        Ok(())
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
        match invitation {
            Some(invitation) => self.complete_invitation(&invitation, decided.card),
            None => Ok(()),
        }
    }

    /// Whom we invited is in: closes the invitation and publishes the newcomer's card.
    fn complete_invitation(
        &mut self,
        invitation: &InvitationId,
        card: Option<(SpaceId, PersonCard)>,
    ) -> Result<(), ClientError> {
        if let Some(bytes) = self.vault.get(Collection::Invitation, &invitation.0)? {
            let mut record: InvitationRecord = records::decode(&bytes)?;
            record.completed = true;
            let value = records::encode(&record);
            self.commit(|transaction| {
                transaction.put(Collection::Invitation, b"", &invitation.0, 0, &value)?;
                Ok(())
            })?;
        }
        if let Some((person, card)) = card {
            let edit = DirectoryEdit::Person {
                id: person.to_string(),
                card,
            };
            let network = self.network()?;
            self.edit_space(&network, &[TypedEdit::Directory(edit)])?;
        }
        Ok(())
    }

    /// The relay refused it for good; a person decides again.
    pub(crate) fn intent_refused(
        &mut self,
        decided: &Decided,
        _reason: &str,
    ) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete(Collection::Intent, &decided.key)?;
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
