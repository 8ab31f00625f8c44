//! Who asks: the token each request carries. It costs no round trip, and no body is read before
//! it was found good.

use axum::http::{HeaderMap, header};
use nahtlos_protocol::identifier::DeviceId;
use nahtlos_protocol::wire::token::{TIME_HEADER, Token, TokenError, sign_time};

use super::App;
use super::problem::{Code, Problem};

/// The device that sent a request: admitted, or once admitted.
pub(super) fn authenticate(app: &App, headers: &HeaderMap) -> Result<DeviceId, Problem> {
    let text = bearer(headers)?;
    let now_ms = app.engine.now_ms();
    let mut known = true;
    let verified = Token::verify(text, app.engine.relay_key(), now_ms, |device| {
        let key = app.engine.known_key(device);
        known = key.is_some();
        key
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
