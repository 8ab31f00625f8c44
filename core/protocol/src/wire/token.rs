//! Tokens: a device's self-issued, minutes-long proof that it is itself, for one relay. Sent with
//! each request as `Authorization: Bearer <base64url>`; costs no round trip.
//!
//! Bytes: `[[version, device, relay key, issued_at_ms, expires_at_ms], signature (64)]`.

use data_encoding::BASE64URL_NOPAD;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::PROTOCOL_VERSION;
use crate::codec::{self, CodecError};
use crate::crypto::label;
use crate::crypto::signature::{Signature, SigningKey, VerifyingKey};
use crate::identifier::{DeviceId, SignatureBytes, VerifyingKeyBytes};
use crate::limits;

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Token {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// The device that issued it.
    #[n(1)]
    pub device: DeviceId,
    /// The relay it is for: another relay refuses it.
    #[n(2)]
    pub relay: VerifyingKeyBytes,
    /// Unix milliseconds by the device's clock, corrected by the relay's signed time.
    #[n(3)]
    pub issued_at_ms: u64,
    /// Unix milliseconds.
    #[n(4)]
    pub expires_at_ms: u64,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Signed {
    #[n(0)]
    token: Token,
    #[n(1)]
    signature: SignatureBytes,
}

/// Why a token is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum TokenError {
    /// Not a token.
    #[error("not a token")]
    Malformed,
    /// Not a token.
    #[error("not a token: {0}")]
    Codec(#[from] CodecError),
    /// Issued for another relay.
    #[error("issued for another relay")]
    OtherRelay,
    /// Its time is over, or claims a longer life than allowed.
    #[error("expired")]
    Expired,
    /// Issued in the relay's future: the device's clock is wrong.
    #[error("issued in the future")]
    NotYetValid,
    /// Not signed by the device it names.
    #[error("the signature does not verify")]
    BadSignature,
}

/// How long a token lives, in milliseconds.
pub const TOKEN_LIFETIME_MS: u64 = 5 * 60 * 1000;

impl Token {
    /// Issues a token as the text of a header.
    #[must_use]
    pub fn issue(
        device: DeviceId,
        signing: &SigningKey,
        relay: &VerifyingKey,
        now_ms: u64,
    ) -> String {
        let token = Self {
            version: PROTOCOL_VERSION,
            device,
            relay: VerifyingKeyBytes(*relay.as_bytes()),
            issued_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(TOKEN_LIFETIME_MS),
        };
        let signature = signing.sign(label::REQUEST_SIGN, &codec::encode(&token));
        let signature = SignatureBytes(*signature.as_bytes());
        BASE64URL_NOPAD.encode(&codec::encode(&Signed { token, signature }))
    }

    /// Reads a token's text and checks everything but who may use it. `key_of` finds the device's
    /// verifying key; none means the relay does not know the device.
    ///
    /// # Errors
    /// [`TokenError`]; an unknown device is [`TokenError::BadSignature`].
    pub fn verify(
        text: &str,
        relay: &VerifyingKey,
        now_ms: u64,
        key_of: impl FnOnce(&DeviceId) -> Option<VerifyingKey>,
    ) -> Result<Self, TokenError> {
        let (token, signature) = Self::read(text, relay, now_ms)?;
        let key = key_of(&token.device).ok_or(TokenError::BadSignature)?;
        token.check_signature(&signature, &key)?;
        Ok(token)
    }

    /// Reads a token's text and checks all that changes with time, but not its signature: for whoever
    /// knows that this very text was verified before.
    ///
    /// # Errors
    /// [`TokenError`], but for [`TokenError::BadSignature`].
    pub fn read(
        text: &str,
        relay: &VerifyingKey,
        now_ms: u64,
    ) -> Result<(Self, SignatureBytes), TokenError> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| TokenError::Malformed)?;
        let Signed { token, signature } = codec::decode(&bytes, 1024)?;
        if token.version != PROTOCOL_VERSION {
            return Err(TokenError::Malformed);
        }
        if token.relay.0 != *relay.as_bytes() {
            return Err(TokenError::OtherRelay);
        }
        if token.issued_at_ms > now_ms.saturating_add(limits::TOKEN_SKEW_MS_MAX) {
            return Err(TokenError::NotYetValid);
        }
        let lifetime_ms = token.expires_at_ms.saturating_sub(token.issued_at_ms);
        if token.expires_at_ms < now_ms || lifetime_ms > limits::TOKEN_LIFETIME_MS_MAX {
            return Err(TokenError::Expired);
        }
        Ok((token, signature))
    }

    /// Checks that the device with this key signed the token.
    ///
    /// # Errors
    /// [`TokenError::BadSignature`].
    pub fn check_signature(
        &self,
        signature: &SignatureBytes,
        key: &VerifyingKey,
    ) -> Result<(), TokenError> {
        let signature = Signature::from_bytes(signature.0);
        key.verify(label::REQUEST_SIGN, &codec::encode(self), &signature)
            .map_err(|_| TokenError::BadSignature)
    }
}

/// Name of the header that carries the relay's signed time beside a refused token.
pub const TIME_HEADER: &str = "nahtlos-time";

/// The relay's time as the text of [`TIME_HEADER`]: `<Unix ms, decimal>.<base64url signature>`. The
/// signature covers label ‖ time (u64 BE) ‖ SHA-256(text of the refused token), so that an old
/// answer cannot set a clock back. A device uses it for its tokens only.
#[must_use]
pub fn sign_time(relay: &SigningKey, time_ms: u64, refused_token: &str) -> String {
    let signature = relay.sign(label::RESPONSE_SIGN, &time_message(time_ms, refused_token));
    let signature = BASE64URL_NOPAD.encode(signature.as_bytes());
    format!("{time_ms}.{signature}")
}

/// Reads [`sign_time`]'s text: the relay's time in Unix milliseconds, or none where it is not the
/// relay's answer to this token.
#[must_use]
pub fn read_time(text: &str, relay: &VerifyingKey, refused_token: &str) -> Option<u64> {
    let (time, signature) = text.split_once('.')?;
    let time_ms: u64 = time.parse().ok()?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    let signature = Signature::from_bytes(signature.try_into().ok()?);
    let message = time_message(time_ms, refused_token);
    relay
        .verify(label::RESPONSE_SIGN, &message, &signature)
        .ok()
        .map(|()| time_ms)
}

fn time_message(time_ms: u64, refused_token: &str) -> Vec<u8> {
    let mut message = time_ms.to_be_bytes().to_vec();
    message.extend_from_slice(&Sha256::digest(refused_token.as_bytes()));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relays_signed_time_is_read_only_for_the_token_it_answers() {
        let (relay, other) = (key(1), key(2));
        let text = sign_time(&relay, 1_700_000_000_000, "token");
        let read = |text: &str, relay: &SigningKey, token: &str| {
            read_time(text, &relay.verifying_key(), token)
        };
        assert_eq!(read(&text, &relay, "token"), Some(1_700_000_000_000));
        assert_eq!(read(&text, &relay, "another"), None);
        assert_eq!(read(&text, &other, "token"), None);
        assert_eq!(read(&text.replacen('7', "8", 1), &relay, "token"), None);
        assert_eq!(read("17", &relay, "token"), None);
    }
    use crate::crypto::secret::Secret32;

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(&Secret32::from_bytes([number; 32]))
    }

    #[test]
    fn a_token_is_good_for_its_device_relay_and_minutes_only() {
        let (device, relay) = (key(1), key(2));
        let issued = 1_000_000_000;
        let text = Token::issue(DeviceId([7; 32]), &device, &relay.verifying_key(), issued);
        let check = |relay: &SigningKey, now_ms, key: Option<SigningKey>| {
            Token::verify(&text, &relay.verifying_key(), now_ms, |_| {
                key.map(|key| key.verifying_key())
            })
        };
        assert!(check(&relay, issued, Some(key(1))).is_ok());
        assert_eq!(
            check(&key(3), issued, Some(key(1))),
            Err(TokenError::OtherRelay)
        );
        assert_eq!(
            check(&relay, issued, Some(key(3))),
            Err(TokenError::BadSignature)
        );
        assert_eq!(check(&relay, issued, None), Err(TokenError::BadSignature));
        let late = issued + TOKEN_LIFETIME_MS + 1;
        assert_eq!(check(&relay, late, Some(key(1))), Err(TokenError::Expired));
        let early = issued - limits::TOKEN_SKEW_MS_MAX - 1;
        assert_eq!(
            check(&relay, early, Some(key(1))),
            Err(TokenError::NotYetValid)
        );
    }
}
