//! Refusals as problem documents (RFC 9457), each with a stable code.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::engine::{ClaimRefusal, EngineError, JoinRefusal};

/// Every code the relay answers with. The word is stable; the text beside it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// No `Authorization: Bearer` header.
    TokenMissing,
    /// Not a token, or not signed by the device it names.
    TokenMalformed,
    /// The token's time is over; the answer carries the relay's signed time.
    TokenExpired,
    /// The token is from the relay's future; the answer carries the relay's signed time.
    ClockSkew,
    /// The token was issued for another relay.
    OtherRelay,
    /// The device belongs to no institution of this network (yet).
    DeviceUnknown,
    /// Too many requests; `Retry-After` says when.
    RateLimited,
    /// The request cannot be decoded.
    MalformedRequest,
    /// The request is of a protocol version this relay does not speak.
    UnsupportedVersion,
    /// More items in one request than allowed.
    TooManyItems,
    /// The body is above its limit.
    BodyTooLarge,
    /// The request did not arrive or end in time.
    Timeout,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The relay serves a network already.
    AlreadyClaimed,
    /// The claim is not this relay's, or its founding logs are not good.
    ClaimRefused,
    /// No such invitation.
    InvitationUnknown,
    /// The invitation was answered before.
    InvitationUsed,
    /// The invitation's time is over.
    InvitationExpired,
    /// Too much waits already.
    Busy,
    /// The disk is full.
    StorageFull,
    /// The storage failed.
    StorageFailed,
    /// A defect was caught.
    Internal,
}

impl Code {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.parts().1.as_u16()
    }

    fn parts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::TokenMissing => ("token_missing", S::UNAUTHORIZED, "No token"),
            Self::TokenMalformed => ("token_malformed", S::UNAUTHORIZED, "Not a valid token"),
            Self::TokenExpired => ("token_expired", S::UNAUTHORIZED, "The token has expired"),
            Self::ClockSkew => ("clock_skew", S::UNAUTHORIZED, "The clocks differ"),
            Self::OtherRelay => ("other_relay", S::UNAUTHORIZED, "A token for another relay"),
            Self::DeviceUnknown => ("device_unknown", S::UNAUTHORIZED, "The device is unknown"),
            Self::RateLimited => ("rate_limited", S::TOO_MANY_REQUESTS, "Too many requests"),
            Self::MalformedRequest => ("malformed_request", S::BAD_REQUEST, "Not a valid request"),
            Self::UnsupportedVersion => (
                "unsupported_version",
                S::BAD_REQUEST,
                "Another protocol version",
            ),
            Self::TooManyItems => ("too_many_items", S::PAYLOAD_TOO_LARGE, "Too many items"),
            Self::BodyTooLarge => ("body_too_large", S::PAYLOAD_TOO_LARGE, "Too large"),
            Self::Timeout => ("timeout", S::REQUEST_TIMEOUT, "Out of time"),
            Self::NotFound => ("not_found", S::NOT_FOUND, "No such path"),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                S::METHOD_NOT_ALLOWED,
                "Another method",
            ),
            Self::AlreadyClaimed => ("already_claimed", S::CONFLICT, "Claimed already"),
            Self::ClaimRefused => ("claim_refused", S::FORBIDDEN, "The claim is refused"),
            Self::InvitationUnknown => ("invitation_unknown", S::NOT_FOUND, "No such invitation"),
            Self::InvitationUsed => ("invitation_used", S::CONFLICT, "The invitation was used"),
            Self::InvitationExpired => {
                ("invitation_expired", S::GONE, "The invitation has expired")
            }
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE, "Busy"),
            Self::StorageFull => ("storage_full", S::SERVICE_UNAVAILABLE, "The disk is full"),
            Self::StorageFailed => (
                "storage_failed",
                S::SERVICE_UNAVAILABLE,
                "The storage failed",
            ),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "A defect"),
        }
    }
}

/// A refusal with what is to be said about it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: String,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A refusal; `detail` says what happened and what to do.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            headers: Vec::new(),
        }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// As a response.
    pub(crate) fn into_response(self) -> Response<Body> {
        let (word, status, title) = self.code.parts();
        let document = Document {
            r#type: format!("urn:nahtlos:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code: word,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::StorageFull => Self::new(
                Code::StorageFull,
                "The relay's disk is full; nothing of this request was stored. Your edits are safe on your device: sync again later.",
            )
            .header("retry-after", "60".into()),
            EngineError::StorageFailed => Self::new(
                Code::StorageFailed,
                "The relay's storage failed; nothing of this request was stored. Your edits are safe on your device: sync again later.",
            ),
            EngineError::Busy => Self::new(Code::Busy, "Too much waits already: sync again later.")
                .header("retry-after", "2".into()),
            EngineError::Internal => Self::new(
                Code::Internal,
                "The relay could not finish the request. Sync again; tell its operator if it stays so.",
            ),
        }
    }
}

impl From<JoinRefusal> for Problem {
    fn from(refusal: JoinRefusal) -> Self {
        match refusal {
            JoinRefusal::Unknown => Self::new(
                Code::InvitationUnknown,
                "The relay knows no such invitation. Ask who invited you to sync first.",
            ),
            JoinRefusal::Used => Self::new(
                Code::InvitationUsed,
                "Somebody answered this invitation before. Ask for a new one, and say so: it may have been intercepted.",
            ),
            JoinRefusal::Expired => Self::new(
                Code::InvitationExpired,
                "The invitation has expired. Ask for a new one.",
            ),
        }
    }
}

impl From<ClaimRefusal> for Problem {
    fn from(refusal: ClaimRefusal) -> Self {
        match refusal {
            ClaimRefusal::AlreadyClaimed => Self::new(
                Code::AlreadyClaimed,
                "This relay serves a network already. Ask its network for an invitation.",
            ),
            other => Self::new(
                Code::ClaimRefused,
                format!(
                    "Nothing was stored: {other}. Run `nahtlos-relay claim` for the claim of this relay."
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_word_and_a_status_of_refusal() {
        let all = [
            Code::TokenMissing,
            Code::TokenMalformed,
            Code::TokenExpired,
            Code::ClockSkew,
            Code::OtherRelay,
            Code::DeviceUnknown,
            Code::RateLimited,
            Code::MalformedRequest,
            Code::UnsupportedVersion,
            Code::TooManyItems,
            Code::BodyTooLarge,
            Code::Timeout,
            Code::NotFound,
            Code::MethodNotAllowed,
            Code::AlreadyClaimed,
            Code::ClaimRefused,
            Code::InvitationUnknown,
            Code::InvitationUsed,
            Code::InvitationExpired,
            Code::Busy,
            Code::StorageFull,
            Code::StorageFailed,
            Code::Internal,
        ];
        let words: std::collections::BTreeSet<_> = all.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), all.len());
        assert!(all.iter().all(|code| code.status() >= 400));
    }
}
