//! The join lane: what somebody invited, who has no right yet, may send. The relay takes exactly
//! one join request of at most 4 KiB under an open invitation, and shows it to the devices of the
//! inviting space.

use minicbor::{Decode, Encode};

use super::claim::InvitationText;
use super::receipt::Receipt;
use super::sync::Status;
use crate::PROTOCOL_VERSION;
use crate::codec::{self, CodecError};
use crate::crypto::hash::hash;
use crate::crypto::label;
use crate::crypto::signature::{Signature, SigningKey, VerifyingKey};
use crate::identifier::{InvitationId, ItemId, SignatureBytes, SpaceId};
use crate::limits;
use crate::space::effect::InvitationProof;
use crate::space::invitation_message;

/// `[[version, inviting, newcomer, proof, operations[], introduction], signature]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JoinBody {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// The space that invited.
    #[n(1)]
    pub inviting: SpaceId,
    /// The person or institution that wants to be added.
    #[n(2)]
    pub newcomer: SpaceId,
    /// What the adding operation will carry.
    #[n(3)]
    pub proof: InvitationProof,
    /// The newcomer's founding operations, in order, without epochs (a space without an epoch is
    /// wrapped to through its devices, and makes its own once it is admitted).
    #[cbor(
        n(4),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::JOIN_OPERATIONS_MAX }>"
    )]
    pub operations: Vec<OperationBytes>,
    /// Name and function, sealed under the invitation's seed: only who invited can read them.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub introduction: Vec<u8>,
}

/// A signed operation's exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct OperationBytes(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

#[derive(Encode, Decode)]
#[cbor(array)]
struct Signed {
    #[cbor(n(0), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[n(1)]
    signature: SignatureBytes,
}

/// A join request in its exact bytes; its signature by the invitation's key was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    bytes: Vec<u8>,
    body: JoinBody,
    id: ItemId,
}

/// Why bytes are not a join request.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum JoinError {
    /// Not a join request, or above 4 KiB.
    #[error("not a join request: {0}")]
    Codec(#[from] CodecError),
    /// Not signed by the invitation it names.
    #[error("not signed by the invitation")]
    BadSignature,
    /// A newer program wrote it.
    #[error("needs a newer nahtlos")]
    NeedsNewer,
    /// Too many operations or too long an introduction.
    #[error("more than a join request may hold")]
    TooMuch,
}

impl JoinRequest {
    /// Signs a join request under an invitation.
    ///
    /// # Errors
    /// [`JoinError::TooMuch`] or [`JoinError::Codec`] where it would exceed its limits.
    pub fn sign(
        invitation: &InvitationText,
        newcomer: SpaceId,
        operations: Vec<Vec<u8>>,
        introduction: Vec<u8>,
    ) -> Result<Self, JoinError> {
        let key = SigningKey::from_seed(&invitation.seed);
        let message = invitation_message(invitation.inviting, newcomer);
        let proof = InvitationProof {
            invitation: invitation.invitation(),
            signature: SignatureBytes(*key.sign(label::INVITATION_SIGN, &message).as_bytes()),
        };
        let body = codec::encode(&JoinBody {
            version: PROTOCOL_VERSION,
            inviting: invitation.inviting,
            newcomer,
            proof,
            operations: operations.into_iter().map(OperationBytes).collect(),
            introduction,
        });
        let signature = SignatureBytes(*key.sign(label::JOIN_SIGN, &body).as_bytes());
        Self::decode(&codec::encode(&Signed { body, signature }))
    }

    /// Reads a join request and verifies that the invitation's key signed it.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, JoinError> {
        let signed: Signed = codec::decode(bytes, limits::JOIN_REQUEST_BYTES_MAX)?;
        let body: JoinBody = codec::decode(&signed.body, limits::JOIN_REQUEST_BYTES_MAX)?;
        if body.version != PROTOCOL_VERSION {
            return Err(JoinError::NeedsNewer);
        }
        if body.operations.len() > limits::JOIN_OPERATIONS_MAX
            || body.introduction.len() > limits::INTRODUCTION_BYTES_MAX
        {
            return Err(JoinError::TooMuch);
        }
        let key = VerifyingKey::from_bytes(&body.proof.invitation.0)
            .map_err(|_| JoinError::BadSignature)?;
        let signature = Signature::from_bytes(signed.signature.0);
        key.verify(label::JOIN_SIGN, &signed.body, &signature)
            .map_err(|_| JoinError::BadSignature)?;
        let id = ItemId(hash(label::JOIN, &[bytes]));
        Ok(Self {
            bytes: bytes.to_vec(),
            body,
            id,
        })
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &JoinBody {
        &self.body
    }

    /// The invitation it answers.
    #[must_use]
    pub fn invitation(&self) -> InvitationId {
        self.body.proof.invitation
    }

    /// SHA-256(label ‖ exact bytes).
    #[must_use]
    pub fn id(&self) -> ItemId {
        self.id
    }
}

/// The relay's answer to `POST /v1/join`: `[status, receipt]`. Refusals are problem documents.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JoinAnswer {
    /// `Accepted`, or `Duplicate` where exactly these bytes were taken before.
    #[n(0)]
    pub status: Status,
    /// The receipt of the stored request.
    #[n(1)]
    pub receipt: Receipt,
}
