//! The claim: how a new relay gets its network. On its first start the relay writes a claim file;
//! who holds it founds the one network the relay serves. Also the text form of one-time secrets.

use data_encoding::{BASE32_NOPAD, Specification};
use minicbor::{Decode, Decoder, Encode};
use sha2::{Digest, Sha256};

use super::sync::PushItem;
use crate::PROTOCOL_VERSION;
use crate::codec;
use crate::crypto::label;
use crate::crypto::secret::Secret32;
use crate::crypto::signature::{Signature, SigningKey, VerifyingKey};
use crate::identifier::{InvitationId, Nonce, SignatureBytes, SpaceId, VerifyingKeyBytes};

/// What the claim file holds, as one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where the relay is reached.
    pub url: String,
    /// The relay's signing key.
    pub relay: VerifyingKeyBytes,
    /// Seed of the one-time claim key.
    pub seed: Secret32,
}

/// `POST /v1/claim`: `[network, signature, push[]]`. The signature by the claim key covers
/// label ‖ relay key ‖ network id, so the claim is bound to this network's founding operation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ClaimRequest {
    /// The network to be served.
    #[n(0)]
    pub network: SpaceId,
    /// By the claim key.
    #[n(1)]
    pub signature: SignatureBytes,
    /// The founding logs, the network's last.
    #[n(2)]
    pub push: Vec<PushItem>,
}

impl ClaimRequest {
    /// Signs a claim for a network.
    #[must_use]
    pub fn sign(claim: &Claim, network: SpaceId, push: Vec<PushItem>) -> Self {
        let key = SigningKey::from_seed(&claim.seed);
        let message = [claim.relay.0, network.0].concat();
        let signature = SignatureBytes(*key.sign(label::CLAIM_SIGN, &message).as_bytes());
        Self {
            network,
            signature,
            push,
        }
    }

    /// Whether the holder of the claim signed it for this relay.
    #[must_use]
    pub fn is_signed_by(&self, claim: &VerifyingKey, relay: &VerifyingKey) -> bool {
        let message = [*relay.as_bytes(), self.network.0].concat();
        claim
            .verify(
                label::CLAIM_SIGN,
                &message,
                &Signature::from_bytes(self.signature.0),
            )
            .is_ok()
    }
}

/// An invitation as one line of text, to be handed over by a second channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationText {
    /// Where the relay is reached.
    pub url: String,
    /// The relay's signing key.
    pub relay: VerifyingKeyBytes,
    /// The network.
    pub network: SpaceId,
    /// The space that invites: a team (for a person) or the network (for an institution).
    pub inviting: SpaceId,
    /// The institution that will be the newcomer's guardian, where a person is invited.
    pub guardian: Option<SpaceId>,
    /// Seed of the one-time invitation key.
    pub seed: Secret32,
}

impl InvitationText {
    /// The invitation's public key, which stands in the inviting operation.
    #[must_use]
    pub fn invitation(&self) -> InvitationId {
        InvitationId(*SigningKey::from_seed(&self.seed).verifying_key().as_bytes())
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct ClaimBody {
    #[n(0)]
    version: u8,
    #[n(1)]
    url: String,
    #[n(2)]
    relay: VerifyingKeyBytes,
    #[n(3)]
    seed: VerifyingKeyBytes,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct InvitationBody {
    #[n(0)]
    version: u8,
    #[n(1)]
    url: String,
    #[n(2)]
    relay: VerifyingKeyBytes,
    #[n(3)]
    network: SpaceId,
    #[n(4)]
    inviting: SpaceId,
    #[n(5)]
    guardian: Option<SpaceId>,
    #[n(6)]
    seed: VerifyingKeyBytes,
}

/// Why a line of text is not a claim or an invitation.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum TextError {
    /// Another kind of text.
    #[error("the text does not begin with {expected}")]
    OtherKind {
        /// The prefix looked for.
        expected: &'static str,
    },
    /// A character is wrong or missing.
    #[error("the text was mistyped or cut off")]
    Mistyped,
    /// Written by a newer program.
    #[error("the text was written by a newer version")]
    NeedsNewer,
}

const CLAIM_PREFIX: &str = "nahtlos-claim-";
const INVITATION_PREFIX: &str = "nahtlos-invite-";
/// A text stands for at most so many bytes.
pub(super) const TEXT_BYTES_MAX: usize = 1024;
const CHECKSUM_BYTES: usize = 4;

impl std::fmt::Display for Claim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = ClaimBody {
            version: 1,
            url: self.url.clone(),
            relay: self.relay,
            seed: VerifyingKeyBytes(*self.seed.expose()),
        };
        formatter.write_str(&to_text(CLAIM_PREFIX, &codec::encode(&body)))
    }
}

impl std::str::FromStr for Claim {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let body: ClaimBody = read_text(CLAIM_PREFIX, text, TEXT_BYTES_MAX)?;
        let seed = Secret32::from_bytes(body.seed.0);
        Ok(Self {
            url: body.url,
            relay: body.relay,
            seed,
        })
    }
}

impl std::fmt::Display for InvitationText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = InvitationBody {
            version: 1,
            url: self.url.clone(),
            relay: self.relay,
            network: self.network,
            inviting: self.inviting,
            guardian: self.guardian,
            seed: VerifyingKeyBytes(*self.seed.expose()),
        };
        formatter.write_str(&to_text(INVITATION_PREFIX, &codec::encode(&body)))
    }
}

impl std::str::FromStr for InvitationText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let body: InvitationBody = read_text(INVITATION_PREFIX, text, TEXT_BYTES_MAX)?;
        Ok(Self {
            url: body.url,
            relay: body.relay,
            network: body.network,
            inviting: body.inviting,
            guardian: body.guardian,
            seed: Secret32::from_bytes(body.seed.0),
        })
    }
}

/// `prefix ‖ base32(bytes ‖ first 4 bytes of SHA-256(prefix ‖ bytes))`, lower case.
pub(super) fn to_text(prefix: &str, bytes: &[u8]) -> String {
    let mut checked = bytes.to_vec();
    checked.extend_from_slice(&checksum(prefix, bytes));
    format!("{prefix}{}", BASE32_NOPAD.encode(&checked).to_lowercase())
}

/// Reads [`to_text`]; spaces, line breaks and upper case do not matter. The body is of at most
/// `bytes_max`. Its version is looked at before its form: that of a newer one is not known here.
pub(super) fn read_text<T>(
    prefix: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<T, TextError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    let bytes = checked_bytes(prefix, text, bytes_max)?;
    if version_of(&bytes).is_some_and(|version| version != PROTOCOL_VERSION) {
        return Err(TextError::NeedsNewer);
    }
    codec::decode(&bytes, bytes_max).map_err(|_| TextError::Mistyped)
}

fn version_of(body: &[u8]) -> Option<u8> {
    let mut body = Decoder::new(body);
    body.array().ok()?;
    body.u8().ok()
}

/// What a text stands for, held against its checksum.
fn checked_bytes(prefix: &'static str, text: &str, bytes_max: usize) -> Result<Vec<u8>, TextError> {
    let text: String = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let body = text
        .strip_prefix(prefix)
        .ok_or(TextError::OtherKind { expected: prefix })?;
    if body.len() > 2 * bytes_max {
        return Err(TextError::Mistyped);
    }
    let encoding = lower_case_base32().ok_or(TextError::Mistyped)?;
    let bytes = encoding
        .decode(body.as_bytes())
        .map_err(|_| TextError::Mistyped)?;
    let split = bytes
        .len()
        .checked_sub(CHECKSUM_BYTES)
        .ok_or(TextError::Mistyped)?;
    let (body, found) = bytes.split_at(split);
    if found == checksum(prefix, body) && body.len() <= bytes_max {
        Ok(body.to_vec())
    } else {
        Err(TextError::Mistyped)
    }
}

fn lower_case_base32() -> Option<data_encoding::Encoding> {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().ok()
}

fn checksum(prefix: &str, bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::new()
        .chain_update(prefix.as_bytes())
        .chain_update(bytes)
        .finalize();
    let mut checksum = [0; CHECKSUM_BYTES];
    for (target, source) in checksum.iter_mut().zip(digest) {
        *target = source;
    }
    checksum
}

/// Random bytes for a founding operation's nonce.
#[must_use]
pub fn nonce(rng: &mut dyn rand_core::CryptoRng) -> Nonce {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    Nonce(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            url: "https://relay.example:8443".into(),
            relay: VerifyingKeyBytes([3; 32]),
            seed: Secret32::from_bytes([4; 32]),
        }
    }

    #[test]
    fn a_claim_survives_being_copied_with_line_breaks_and_capitals() {
        let text = claim().to_string();
        let copied = format!(" {}\n{} ", &text[..40].to_uppercase(), &text[40..]);
        assert_eq!(copied.parse::<Claim>(), Ok(claim()));
    }

    #[test]
    fn a_mistyped_cut_or_foreign_text_is_refused_each_in_its_own_way() {
        let text = claim().to_string();
        for position in CLAIM_PREFIX.len()..text.len() {
            let mut mistyped = text.clone().into_bytes();
            mistyped[position] = if mistyped[position] == b'a' {
                b'b'
            } else {
                b'a'
            };
            let mistyped = String::from_utf8(mistyped).unwrap();
            assert_eq!(mistyped.parse::<Claim>(), Err(TextError::Mistyped));
        }
        assert_eq!(text[..60].parse::<Claim>(), Err(TextError::Mistyped));
        assert_eq!(
            text.parse::<InvitationText>(),
            Err(TextError::OtherKind {
                expected: INVITATION_PREFIX
            })
        );
    }
}
