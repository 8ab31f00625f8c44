//! Who asks: the token each request carries. It costs no round trip, and no body is read before
//! it was found good.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::DeviceId;
use nahtlos_protocol::wire::token::{TIME_HEADER, Token, TokenError, sign_time};

use super::App;
use super::problem::{Code, Problem};

/// The device that sent a request: admitted, or once admitted.
pub(super) fn authenticate(app: &App, headers: &HeaderMap) -> Result<DeviceId, Problem> {
    let text = bearer(headers)?;
    let now_ms = app.engine.now_ms();
    let mut known = true;
    let verified =
        Token::read(text, app.engine.relay_key(), now_ms).and_then(|(token, signature)| {
            let key = app.engine.known_key(&token.device);
            known = key.is_some();
            let key = key.ok_or(TokenError::BadSignature)?;
            app.tokens
                .verify_once(text, &key, || token.check_signature(&signature, &key))?;
            Ok(token)
        });
    let with_time = |problem: Problem| {
        let time = sign_time(app.engine.signing_key(), now_ms, text);
        problem.header(TIME_HEADER, time)
    };
    match verified {
        Ok(token) => Ok(token.device),
        Err(TokenError::BadSignature) if !known => Err(Problem::new(
            Code::DeviceUnknown,
            "This device belongs to no institution of this network yet. Wait until whoever invited you has added you and synced.",
        )),
        Err(TokenError::Expired) => Err(with_time(Problem::new(
            Code::TokenExpired,
            "The token has expired. Issue a new one by the time in the header nahtlos-time.",
        ))),
        Err(TokenError::NotYetValid) => Err(with_time(Problem::new(
            Code::ClockSkew,
            "The token is from the future. Issue a new one by the time in the header nahtlos-time, and set the device's clock.",
        ))),
        Err(TokenError::OtherRelay) => Err(Problem::new(
            Code::OtherRelay,
            "The token was issued for another relay. Check the relay's address.",
        )),
        Err(TokenError::Malformed | TokenError::Codec(_) | TokenError::BadSignature) => Err(
            Problem::new(Code::TokenMalformed, "This is not a token of that device."),
        ),
    }
}

/// Texts of tokens whose signature was verified, and the keys by which. A device sends one with many
/// requests: the same text need not be verified twice by the same key. All that changes with time, and
/// whose key it is, is asked again.
#[derive(Default)]
pub(crate) struct VerifiedTokens(Mutex<HashSet<(String, [u8; 32])>>);

/// Forgotten all together above this many: some megabytes.
const VERIFIED_TOKENS_MAX: usize = 10_000;

impl VerifiedTokens {
    fn verify_once(
        &self,
        text: &str,
        key: &VerifyingKey,
        verify: impl FnOnce() -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = (text.to_owned(), *key.as_bytes());
        if known().contains(&verified) {
            return Ok(());
        }
        verify()?;
        let mut known = known();
        if known.len() >= VERIFIED_TOKENS_MAX {
            known.clear();
        }
        known.insert(verified);
        Ok(())
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| {
            Problem::new(
                Code::TokenMissing,
                "Send the header Authorization: Bearer with a token of the device.",
            )
        })
}

#[cfg(test)]
mod tests {
    use nahtlos_protocol::crypto::secret::Secret32;
    use nahtlos_protocol::crypto::signature::SigningKey;

    use super::*;

    fn key(seed: u8) -> VerifyingKey {
        SigningKey::from_seed(&Secret32::from_bytes([seed; 32])).verifying_key()
    }

    #[test]
    fn a_token_that_was_found_good_is_verified_once_by_one_key_and_one_that_was_not_each_time() {
        let tokens = VerifiedTokens::default();
        let mut verified = 0;
        let mut ask = |text: &str, seed: u8, good: bool| {
            tokens.verify_once(text, &key(seed), || {
                verified += 1;
                good.then_some(()).ok_or(TokenError::BadSignature)
            })
        };
        assert_eq!(ask("bad", 1, false), Err(TokenError::BadSignature));
        assert_eq!(ask("bad", 1, false), Err(TokenError::BadSignature));
        assert_eq!(ask("good", 1, true), Ok(()));
        assert_eq!(ask("good", 1, false), Ok(()), "not asked again");
        assert_eq!(ask("goof", 1, false), Err(TokenError::BadSignature));
        assert_eq!(ask("good", 2, false), Err(TokenError::BadSignature));
        assert_eq!(verified, 5);
    }

    #[test]
    fn more_tokens_than_are_kept_are_forgotten_and_verified_again() {
        let tokens = VerifiedTokens::default();
        let key = key(1);
        for number in 0..=VERIFIED_TOKENS_MAX {
            let verified = tokens.verify_once(&number.to_string(), &key, || Ok(()));
            verified.unwrap();
        }
        assert_eq!(tokens.0.lock().unwrap().len(), 1);
        let refused = tokens.verify_once("0", &key, || Err(TokenError::BadSignature));
        assert!(refused.is_err());
    }
}
