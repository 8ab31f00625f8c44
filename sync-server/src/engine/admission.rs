//! The two ways in: the claim, which founds the network, and the join lane for whoever was invited.

use std::collections::BTreeSet;

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::{Kind, Logs};
use nahtlos_protocol::wire::ItemKind;
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::wire::join::JoinRequest;

use super::candidate::Candidate;
use super::stage::{Incoming, Outcome, Pusher, Refusal, Stage, Verdict};
use crate::store::StoreError;

/// Why a join request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JoinRefusal {
    /// The inviting space has no such invitation.
    #[error("there is no such invitation")]
    Unknown,
    /// Somebody answered it before, or was added by it.
    #[error("the invitation was used before")]
    Used,
    /// Its time is over.
    #[error("the invitation has expired")]
    Expired,
}

/// Why a claim is refused; nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimRefusal {
    /// The relay serves a network already.
    #[error("this relay serves a network already")]
    AlreadyClaimed,
    /// Not signed by this relay's claim.
    #[error("the signature is not by this relay's claim")]
    BadSignature,
    /// One of the founding items is not good.
    #[error("item {position} of the founding logs is not good: {word}")]
    Item {
        /// Position in the push, from 0.
        position: usize,
        /// The verdict's word.
        word: &'static str,
    },
    /// The network named is not among the items, or is not a network.
    #[error("the founding logs do not hold the network")]
    NoNetwork,
    /// The network names another relay's key.
    #[error("the network names another relay's key")]
    OtherRelay,
}

impl Stage<'_> {
    /// Judges one pushed item.
    pub(super) fn accept(
        &mut self,
        pusher: Pusher,
        candidate: &Candidate,
    ) -> Result<Verdict, StoreError> {
        let (id, outcome) = match candidate {
            Candidate::Operation {
                signed,
                wraps,
                receipt,
            } => (
                signed.id().into(),
                self.accept_operation(pusher, signed, wraps, receipt.as_ref()),
            ),
            Candidate::Envelope {
                envelope,
                verified_by,
                receipt,
            } => (
                envelope.id().into(),
                self.accept_envelope(pusher, envelope, verified_by.as_ref(), receipt.as_ref()),
            ),
            Candidate::Question { id } => (*id, self.answer_question(pusher, id)),
            Candidate::Bad { id, code } => (*id, Ok(Outcome::Rejected(*code))),
        };
        let outcome = match outcome {
            Ok(outcome) | Err(Refusal::Item(outcome)) => outcome,
            Err(Refusal::Store(error)) => return Err(error),
        };
        Ok(Verdict { id, outcome })
    }

    /// Takes a join request under an open invitation: one each, the same bytes as often as sent.
    pub(super) fn accept_join(
        &mut self,
        request: &JoinRequest,
    ) -> Result<Result<Outcome, JoinRefusal>, StoreError> {
        let invitation = request.invitation();
        if let Some(taken) = self.view().joined(&invitation) {
            return Ok(match self.find(&taken)? {
                Some(found) if taken == request.id() => Ok(Outcome::Duplicate(found.sequence)),
                _ => Err(JoinRefusal::Used),
            });
        }
        let inviting = request.body().inviting;
        let open = self
            .view()
            .state(&inviting)
            .and_then(|state| state.invitations().get(&invitation).cloned());
        let Some(open) = open else {
            return Ok(Err(JoinRefusal::Unknown));
        };
        if open.used.is_some() {
            return Ok(Err(JoinRefusal::Used));
        }
        if open.not_after_ms < self.now_ms {
            return Ok(Err(JoinRefusal::Expired));
        }
        let feeds = self.join_feeds(inviting, &open.invited_by);
        let item = Incoming {
            kind: ItemKind::JoinRequest,
            id: request.id(),
            space: inviting,
            log_index: None,
            bytes: request.bytes(),
            envelope: None,
            receipt: None,
        };
        let sequence = self.store_item(&item, &feeds)?;
        self.store.put_joined(&invitation, &request.id())?;
        self.top.joined.insert(invitation, request.id());
        Ok(Ok(Outcome::Accepted(sequence)))
    }

    /// The inviting space's devices see the request; so does who invited, where that is a
    /// custodian outside the space.
    fn join_feeds(&self, inviting: SpaceId, invited_by: &DeviceId) -> BTreeSet<SpaceId> {
        let mut feeds = BTreeSet::from([inviting]);
        if !self.view().groups_of(invited_by).contains_key(&inviting) {
            feeds.extend(self.view().person(invited_by));
        }
        feeds
    }

    /// Takes all founding items or none.
    pub(super) fn accept_claim(
        &mut self,
        request: &ClaimRequest,
        candidates: &[Candidate],
        claim_key: Option<&VerifyingKey>,
        relay: &VerifyingKey,
    ) -> Result<Result<Vec<Verdict>, ClaimRefusal>, StoreError> {
        if self.view().network().is_some() {
            return Ok(Err(ClaimRefusal::AlreadyClaimed));
        }
        if !claim_key.is_some_and(|key| request.is_signed_by(key, relay)) {
            return Ok(Err(ClaimRefusal::BadSignature));
        }
        let mut verdicts = Vec::new();
        for (position, candidate) in candidates.iter().enumerate() {
            let verdict = self.accept(Pusher::Claim, candidate)?;
            if let Some(word) = refused(&verdict.outcome) {
                return Ok(Err(ClaimRefusal::Item { position, word }));
            }
            verdicts.push(verdict);
        }
        let network = self
            .view()
            .state(&request.network)
            .filter(|state| state.kind() == Kind::Network);
        let Some(network) = network else {
            return Ok(Err(ClaimRefusal::NoNetwork));
        };
        if network.relay_key() != Some(relay) {
            return Ok(Err(ClaimRefusal::OtherRelay));
        }
        self.top.network = Some(request.network);
        Ok(Ok(verdicts))
    }
}

fn refused(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Accepted(_) | Outcome::Duplicate(_) => None,
        Outcome::Held(_, code) | Outcome::HeldBefore(_, code) => Some(code.word()),
        Outcome::StaleAccess => Some("stale_access"),
        Outcome::MissingParents(_) => Some("missing_parents"),
        Outcome::Rejected(code) => Some(code.word()),
    }
}
