//! A statement: named fields that the device signs which recorded them, so that they verify by themselves
//! and for ever: beside the document they stand in, after it was compacted, and after the signer has left
//! (PROTOCOL §30).

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::codec::{self, CodecError};
use crate::crypto::label;
use crate::crypto::signature::{Signature, SigningKey};
use crate::identifier::{DeviceId, SignatureBytes, SpaceId};
use crate::limits;
use crate::space::authority::{self, At, Knowledge};
use crate::space::kind::Kind;
use crate::space::{LogHead, Logs};

/// The version of both forms.
pub const STATEMENT_VERSION: u8 = 1;

/// What is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// An event of a case's consent ledger: kind 1.
    ConsentEvent,
    /// That a version of an integration plan is agreed to: kind 2.
    PlanSignature,
}

impl StatementKind {
    const fn number(self) -> u8 {
        match self {
            Self::ConsentEvent => 1,
            Self::PlanSignature => 2,
        }
    }
}

/// What is signed, but for who signed it when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// What is stated.
    pub kind: StatementKind,
    /// The section it stands in.
    pub space: SpaceId,
    /// The entry there.
    pub entry: &'a str,
    /// What the entry says: each field by its name.
    pub fields: &'a BTreeMap<String, String>,
}

/// A signature over a statement, with what it takes to find the signer's key and right: `[version, device,
/// signed_at_ms, heads, signature]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StatementSignature {
    /// 1.
    #[n(0)]
    pub version: u8,
    /// Who signed.
    #[n(1)]
    pub device: DeviceId,
    /// When, by that device's clock, Unix milliseconds.
    #[n(2)]
    pub signed_at_ms: u64,
    /// Heads of the institution's log and of every log through which the device holds its right there,
    /// ascending by space.
    #[cbor(
        n(3),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::REFERENCES_MAX }>"
    )]
    pub heads: Vec<LogHead>,
    /// Over the statement with the fields above.
    #[n(4)]
    pub signature: SignatureBytes,
}

#[derive(Encode)]
#[cbor(array)]
struct Body<'a> {
    #[n(0)]
    version: u8,
    #[n(1)]
    kind: u8,
    #[n(2)]
    space: SpaceId,
    #[n(3)]
    entry: &'a str,
    #[n(4)]
    fields: Vec<BodyField<'a>>,
    #[n(5)]
    device: DeviceId,
    #[n(6)]
    signed_at_ms: u64,
    #[n(7)]
    heads: &'a Vec<LogHead>,
}

#[derive(Encode)]
#[cbor(array)]
struct BodyField<'a> {
    #[n(0)]
    name: &'a str,
    #[n(1)]
    value: &'a str,
}

/// Why a statement does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The signature is of a form that this version does not know.
    #[error("it is signed in a form that needs a newer nahtlos")]
    NeedsNewer,
    /// The signature is not in its form.
    #[error("what stands for its signature is none")]
    Malformed,
    /// A log that the signer referred to is missing, or says something else at that place.
    #[error("a log that the signer referred to is missing or another one")]
    UnknownLog,
    /// No log names the signer's key.
    #[error("no log names the key of the device that signed")]
    UnknownSigner,
    /// It was signed by another key, or says something else now.
    #[error("the signature is not over what stands there")]
    BadSignature,
    /// The device did not belong to the institution then.
    #[error("the device that signed did not belong to the institution then")]
    NotOfTheInstitution,
}

impl Statement<'_> {
    /// The bytes that are signed.
    #[must_use]
    pub fn message(&self, device: DeviceId, signed_at_ms: u64, heads: &Vec<LogHead>) -> Vec<u8> {
        let fields = self.fields.iter();
        codec::encode(&Body {
            version: STATEMENT_VERSION,
            kind: self.kind.number(),
            space: self.space,
            entry: self.entry,
            fields: fields
                .map(|(name, value)| BodyField { name, value })
                .collect(),
            device,
            signed_at_ms,
            heads,
        })
    }

    /// Signs it as a device of an institution. `heads` are those of the institution's log and of the logs
    /// through which the device holds its right there.
    #[must_use]
    pub fn sign(
        &self,
        device: DeviceId,
        key: &SigningKey,
        signed_at_ms: u64,
        mut heads: Vec<LogHead>,
    ) -> StatementSignature {
        heads.sort_unstable();
        let message = self.message(device, signed_at_ms, &heads);
        let signature = key.sign(label::STATEMENT_SIGN, &message);
        StatementSignature {
            version: STATEMENT_VERSION,
            device,
            signed_at_ms,
            heads,
            signature: SignatureBytes(*signature.as_bytes()),
        }
    }

    /// Whether it was signed, as it stands here, by a device that belonged to this institution when it
    /// signed. What became of the device since makes no difference.
    ///
    /// # Errors
    /// [`StatementError`] says what does not hold.
    pub fn verify(
        &self,
        signed: &StatementSignature,
        institution: &SpaceId,
        logs: &dyn Logs,
    ) -> Result<(), StatementError> {
        if !signed
            .heads
            .is_sorted_by(|one, next| one.space < next.space)
        {
            return Err(StatementError::Malformed);
        }
        let knowledge =
            Knowledge::of(logs, &signed.heads).map_err(|_| StatementError::UnknownLog)?;
        let key = authority::verifying_key(logs, &signed.device, &knowledge)
            .ok_or(StatementError::UnknownSigner)?;
        let message = self.message(signed.device, signed.signed_at_ms, &signed.heads);
        let signature = Signature::from_bytes(signed.signature.0);
        key.verify(label::STATEMENT_SIGN, &message, &signature)
            .map_err(|_| StatementError::BadSignature)?;
        let state = logs
            .state(institution)
            .filter(|state| state.kind() == Kind::Institution);
        let length = knowledge.length(institution);
        let role = state.zip(length).and_then(|(state, length)| {
            let at = At::Known(&knowledge);
            authority::right_in(logs, &signed.device, &state, length, at).role
        });
        role.map(|_| ()).ok_or(StatementError::NotOfTheInstitution)
    }
}

impl StatementSignature {
    /// The bytes that stand beside the statement.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`StatementError::NeedsNewer`], [`StatementError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        match codec::decode::<Self>(bytes, limits::STATEMENT_SIGNATURE_BYTES_MAX) {
            Ok(signed) if signed.version == STATEMENT_VERSION => Ok(signed),
            Ok(_) | Err(CodecError::UnknownVariant) => Err(StatementError::NeedsNewer),
            Err(_) => Err(StatementError::Malformed),
        }
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
