//! Admission: somebody answered an invitation of ours. Their founding operations are judged here as
//! the relay will judge them, offered to it, and the newcomer is added.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::identifier::{InvitationId, SpaceId};
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Draft, Logs, SpaceState};
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::device::DeviceInvitation;
use nahtlos_protocol::wire::join::JoinRequest;

use crate::device_admission::has_device;
use crate::directory::{DirectoryEdit, PersonCard};
use crate::error::ClientError;
use crate::intents::{Outcome, Round, Source};
use crate::joining::Introduction;
use crate::logs;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{self, Intent, InvitationRecord};
use crate::vault::Collection;

/// Whom a decision admits.
pub(crate) struct Newcomer {
    /// As they introduced themselves.
    pub name: String,
    /// The card to publish for a person admitted to a team.
    pub card: Option<(SpaceId, PersonCard)>,
}

/// Operations of others to be offered first. A newcomer's founding makes no epoch, so there is no
/// wrap beside them.
pub(crate) type Offered = Vec<OfferedOperation>;

/// One of them, and the key of the join request it came with.
pub(crate) struct OfferedOperation {
    pub request: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl Nahtlos {
    /// Somebody answered an invitation of ours: offers their founding operations and adds them.
    pub(crate) fn prepare_admission(
        &self,
        key: &[u8],
        intent: &Intent,
        round: &mut Round,
    ) -> Result<Outcome, ClientError> {
        let Intent::Admit { request } = intent else {
            return Ok(Outcome::Done);
        };
        let Ok(request) = JoinRequest::decode(request) else {
            return Ok(Outcome::Done);
        };
        let invitation = request.invitation();
        let Some(bytes) = self.vault.get(Collection::Invitation, &invitation.0)? else {
            // A colleague's invitation, or one of another device of this person: theirs to complete.
            let state = self.logs().load(&request.body().inviting)?;
            let is_in = state.is_some_and(|state| has_device(&state, &request));
            return Ok(if is_in { Outcome::Done } else { Outcome::Waits });
        };
        let record: InvitationRecord = records::decode(&bytes)?;
        if record.withdrawn == Some(true) {
            return Ok(Outcome::Fails(format!(
                "somebody answered the invitation for {} that was taken back on this device; nobody was let in",
                record.note
            )));
        }
        if record.is_refused() {
            // Nobody is let in by it any more, although the relay may serve the request once more.
            return Ok(Outcome::Done);
        }
        if let Ok(of_device) = record.text.parse::<DeviceInvitation>() {
            let source = Source::Intent(key.to_vec(), intent.clone());
            return self.prepare_device_admission(source, &request, &of_device, &record, round);
        }
        let text: InvitationText = record.text.parse()?;
        let body = request.body();
        let logs = self.logs_below(&round.above);
        let Some(state) = logs
            .state(&body.inviting)
            .filter(|_| body.inviting == text.inviting)
        else {
            return Ok(Outcome::Waits);
        };
        let Some(open) = state.invitations().get(&invitation) else {
            return Ok(Outcome::Waits);
        };
        let Some(introduction) = Introduction::open(&text.seed, &body.introduction) else {
            return Ok(Outcome::Fails(
                "somebody answered your invitation in a form that cannot be read; invite them again".into(),
            ));
        };
        let card = card_for(&text, body.newcomer, &introduction);
        if open.used.is_some() {
            // Admitted, but this device did not see the answer: what follows is still to be done.
            let is_named = state.grants().iter().any(|grant| {
                grant.member == MemberId::Space(body.newcomer) && grant.basis.is_some()
            });
            return Ok(Outcome::Admitted {
                invitation,
                card: card.filter(|_| !is_named && open.used_by() == Some(body.newcomer)),
            });
        }
        let grant = random::grant_id();
        // Who may not write the directory lets the log say the name: who may makes it a card.
        let basis = text
            .guardian
            .filter(|_| !self.may_write_cards())
            .and_then(|guardian| self.introduction_for_log(&guardian, &grant, &introduction));
        let newcomer = Newcomer {
            card: card.filter(|_| basis.is_none()),
            name: introduction.name,
        };
        let mut operations = Vec::new();
        if let Err(reason) = self.judge_newcomer(&request, &text, &mut round.above, &mut operations)
        {
            return Ok(Outcome::Fails(format!(
                "the answer of {} to an invitation is not valid ({reason}); invite again",
                newcomer.name
            )));
        }
        if self.waits_for_comparison(&request, &record) {
            round.notices.push(waits_to_be_compared(&newcomer.name));
            return Ok(Outcome::Waits);
        }
        let add = Effect::Add {
            grant,
            member: Member::Space { id: body.newcomer },
            role: open.role,
            history: History::Full,
            basis,
            not_after_ms: None,
            invitation: Some(body.proof.clone()),
        };
        let logs = self.logs_below(&round.above);
        let Some(draft) = self.with_keys(Draft::new().effect(add), &state, &logs) else {
            return Ok(Outcome::Waits);
        };
        let source = Source::Intent(key.to_vec(), intent.clone());
        let outcome = self.sign_decided(source, draft, &logs, &state, Some(newcomer))?;
        if matches!(outcome, Outcome::Prepared(_)) {
            round.offered.extend(operations);
        }
        // Who was invited can only be invited again.
        Ok(match outcome {
            Outcome::GoesBack(reason) => Outcome::Fails(format!(
                "somebody who answered an invitation of yours was not admitted: {reason}; invite them again"
            )),
            outcome => outcome,
        })
    }

    /// Lays a newcomer's founding over the logs; fails, in words, where it is not valid or not what
    /// was invited.
    fn judge_newcomer(
        &self,
        request: &JoinRequest,
        text: &InvitationText,
        above: &mut BTreeMap<SpaceId, Arc<SpaceState>>,
        operations: &mut Offered,
    ) -> Result<(), String> {
        self.replay_newcomer(request, above, operations)?;
        if self.is_who_was_invited(request, text.guardian, above) {
            Ok(())
        } else {
            Err("it founds something else than was invited".into())
        }
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
            let logs = self.logs_below(above);
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
        let logs = self.logs_below(above);
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
        self.documents.forget_directory();
        Ok(())
    }

    /// Whom we invited is in: closes the invitation and publishes the newcomer's card.
    pub(crate) fn complete_invitation(
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
            self.publish_card(edit)?;
        }
        Ok(())
    }
}

/// What is said while a newcomer's words are to be compared.
pub(crate) fn waits_to_be_compared(name: &str) -> String {
    format!(
        "{name} answered an invitation of yours and is let in once you have compared their words with them: see 'nahtlos member waiting'"
    )
}

/// A person admitted to a team gets a card from who invited; an institution writes its own.
fn card_for(
    text: &InvitationText,
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
            recovery: None,
            handover: None,
        },
    ))
}
