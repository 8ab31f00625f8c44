//! Admission of a further device of this person: it answered an invitation that this very device made.
//! What it asks is judged here; the person's key is wrapped to it, and with that it opens what the
//! person opens.

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, InvitationId};
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Draft, Logs, SpaceState};
use nahtlos_protocol::wire::device::{DeviceInvitation, DeviceRequestError};
use nahtlos_protocol::wire::join::JoinRequest;

use crate::admission::{Newcomer, waits_to_be_compared};
use crate::error::ClientError;
use crate::intents::{Outcome, Round, Source, seal_basis};
use crate::joining::Introduction;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{Intent, InvitationRecord};

/// Why a device that asks is not let in.
#[derive(Debug, thiserror::Error)]
enum NotAdded {
    #[error("another device had answered the same invitation")]
    UsedBefore,
    #[error("it was not let in within the hour for which the invitation was good")]
    Late,
    #[error("it was revoked before, and a revoked device is not taken in again")]
    Revoked,
    #[error("it is a device of {0}")]
    OfSomebodyElse(String),
    #[error("it did not say how it is called in a form that can be read")]
    Unreadable,
    #[error(transparent)]
    Request(#[from] DeviceRequestError),
}

/// A device that asks, and is to be let in.
struct Asking {
    id: DeviceId,
    member: Member,
    /// As its person calls it; may be empty.
    name: String,
}

impl Nahtlos {
    /// A device answered an invitation of ours to be a further one of this person.
    pub(crate) fn prepare_device_admission(
        &self,
        source: Source,
        request: &JoinRequest,
        invitation: &DeviceInvitation,
        record: &InvitationRecord,
        round: &mut Round,
    ) -> Result<Outcome, ClientError> {
        let above = round.above.clone();
        let logs = self.logs_below(&above);
        let Some(state) = logs
            .state(&invitation.person)
            .filter(|state| state.invitations().contains_key(&request.invitation()))
        else {
            return Ok(Outcome::Waits);
        };
        if has_device(&state, request) {
            // Let in, but this device did not see the answer.
            return Ok(Outcome::Admitted {
                invitation: request.invitation(),
                card: None,
            });
        }
        let is_used = record.completed || is_being_used(round, &request.invitation());
        let asking = match self.judge_device(request, invitation, record, &state, is_used)? {
            Ok(asking) => asking,
            Err(reason) => return Ok(Outcome::Fails(not_added(&reason.to_string()))),
        };
        let is_own = Some(invitation.person) == self.device.person;
        let described = if is_own {
            asking.described("your device")
        } else {
            let directory = self.shared_directory()?;
            asking.described(&format!(
                "a new device of {}",
                directory.person_name(&invitation.person)
            ))
        };
        if self.waits_for_comparison(request, record) {
            round.notices.push(waits_to_be_compared(&described));
            return Ok(Outcome::Waits);
        }
        let draft = if is_own {
            self.device_draft(&asking.member, &asking.name, &state, &logs)
        } else {
            match self.draft_for_colleague(&asking.member, &state, &logs)? {
                Ok(draft) => Some(draft),
                Err(reason) => return Ok(Outcome::Fails(not_added(&reason))),
            }
        };
        let Some(draft) = draft else {
            return Ok(Outcome::Waits);
        };
        let newcomer = Newcomer {
            name: described,
            card: None,
        };
        let outcome = self.sign_decided(source, draft, &logs, &state, Some(newcomer))?;
        // Who was invited can only be invited again.
        Ok(match outcome {
            Outcome::GoesBack(reason) => Outcome::Fails(not_added(&reason)),
            outcome => outcome,
        })
    }

    fn judge_device(
        &self,
        request: &JoinRequest,
        invitation: &DeviceInvitation,
        record: &InvitationRecord,
        state: &SpaceState,
        is_used: bool,
    ) -> Result<Result<Asking, NotAdded>, ClientError> {
        if is_used {
            return Ok(Err(NotAdded::UsedBefore));
        }
        if self.relay_now_ms()? > record.not_after_ms {
            return Ok(Err(NotAdded::Late));
        }
        let (id, member) = match request.device() {
            Ok(found) => found,
            Err(error) => return Ok(Err(error.into())),
        };
        if state.devices().contains_key(&id) {
            return Ok(Err(NotAdded::Revoked));
        }
        if let Some(owner) = self.owner_of(&id)? {
            return Ok(Err(NotAdded::OfSomebodyElse(owner)));
        }
        let introduction = Introduction::open(&invitation.seed, &request.body().introduction);
        Ok(match introduction {
            Some(introduction) => Ok(Asking {
                id,
                member,
                name: introduction.name,
            }),
            None => Err(NotAdded::Unreadable),
        })
    }

    /// The colleague whose device it is, as far as their logs are here; the relay knows the others.
    fn owner_of(&self, device: &DeviceId) -> Result<Option<String>, ClientError> {
        for person in self.people_of_institution()? {
            let state = self.logs().load(&person)?;
            if state.is_some_and(|state| state.devices().contains_key(device)) {
                return Ok(Some(self.shared_directory()?.person_name(&person)));
            }
        }
        Ok(None)
    }

    /// Adds the device, with the person's key wrapped to it. Its name is sealed under that key. None
    /// where this device does not hold what it takes.
    pub(crate) fn device_draft(
        &self,
        member: &Member,
        name: &str,
        state: &SpaceState,
        logs: &dyn Logs,
    ) -> Option<Draft> {
        let grant = random::grant_id();
        let add = |seed: &_| Effect::Add {
            grant,
            member: member.clone(),
            role: Role::Manage,
            history: History::Full,
            basis: (!name.is_empty())
                .then(|| seal_basis(seed, &grant, name))
                .flatten(),
            not_after_ms: None,
            invitation: None,
        };
        if self.is_stale(logs, state) {
            let epoch = self.next_epoch(state)?;
            return Some(Draft::new().effect(add(&epoch.seed)).epoch(epoch));
        }
        let seed = self.seed_to_hand_on(state)?;
        Some(Draft::new().effect(add(&seed)).wrap_missing(seed))
    }
}

impl Asking {
    fn described(&self, whose: &str) -> String {
        let fingerprint = Fingerprint::of(&self.id.0);
        match self.name.as_str() {
            "" => format!("{whose} {fingerprint}"),
            name => format!("{whose} {name} ({fingerprint})"),
        }
    }
}

/// Whether the device that a request names is one of the person's already.
pub(crate) fn has_device(state: &SpaceState, request: &JoinRequest) -> bool {
    let device = MemberId::Device(DeviceId(request.body().newcomer.0));
    state.live_grants().any(|grant| grant.member == device)
}

/// Whether a device is being let in by the same invitation just now: the log does not say which one a
/// device came by.
fn is_being_used(round: &Round, invitation: &InvitationId) -> bool {
    round.decided.iter().any(|decided| match &decided.source {
        Source::Intent(_, Intent::Admit { request }) => {
            JoinRequest::decode(request).is_ok_and(|other| other.invitation() == *invitation)
        }
        Source::Intent(..) | Source::Upkeep(_) => false,
    })
}

fn not_added(reason: &str) -> String {
    format!(
        "a device that answered an invitation of yours was not added: {reason}; if it was the right one, run 'nahtlos device add' again"
    )
}
