//! Refusals of a whole request (problem+json, RFC 9457): the relay's words for them are read here and
//! nowhere else.

use crate::error::ClientError;
use crate::transport::Answer;

/// Why the relay refused a request as a whole, as far as it matters what to do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot answer now: busy, full, or failed.
    CannotNow,
    /// The relay serves a network already.
    AlreadyClaimed,
    /// Not the relay's claim.
    ClaimRefused,
    /// The relay does not know the invitation: whoever made it may not have synced yet.
    InvitationUnknown,
    /// Somebody answered the invitation before.
    InvitationUsed,
    /// The invitation has run out.
    InvitationExpired,
    /// Another version of the protocol.
    UnsupportedVersion,
    /// One of the two clocks is wrong.
    Clock,
    /// Any other, also one that this version does not know.
    Other,
}

impl Refusal {
    /// The relay's stable words.
    fn of(code: &str) -> Self {
        match code {
            "busy" | "storage_full" | "storage_failed" | "internal" | "timeout"
            | "rate_limited" => Self::CannotNow,
            "already_claimed" => Self::AlreadyClaimed,
            "claim_refused" => Self::ClaimRefused,
            "invitation_unknown" => Self::InvitationUnknown,
            "invitation_used" => Self::InvitationUsed,
            "invitation_expired" => Self::InvitationExpired,
            "unsupported_version" => Self::UnsupportedVersion,
            "clock_skew" | "token_expired" => Self::Clock,
            other if other.starts_with("http_5") => Self::CannotNow,
            _ => Self::Other,
        }
    }

    /// Whether the same request may be taken later.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(self, Self::CannotNow | Self::InvitationUnknown)
    }
}

impl ClientError {
    /// A refusal by its stable code, with the relay's own words.
    #[must_use]
    pub fn refused(code: &str, detail: &str) -> Self {
        Self::Refused {
            refusal: Refusal::of(code),
            code: code.to_owned(),
            detail: detail.to_owned(),
        }
    }

    /// A refusal as it stands in an answer.
    pub(crate) fn of_refusal(answer: &Answer) -> Self {
        #[derive(serde::Deserialize)]
        struct Problem {
            #[serde(default)]
            code: String,
            #[serde(default)]
            detail: String,
            #[serde(default)]
            title: String,
        }
        let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) else {
            let detail = format!("status {} without an explanation", answer.status);
            return Self::refused(&format!("http_{}", answer.status), &detail);
        };
        let detail = match problem.detail.as_str() {
            "" => &problem.title,
            _ => &problem.detail,
        };
        match problem.code.as_str() {
            "device_unknown" => Self::NotAdmitted,
            "other_relay" => Self::OtherRelay,
            code => Self::refused(code, detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> ClientError {
        ClientError::of_refusal(&Answer {
            status,
            body: body.as_bytes().to_vec(),
            relay_time: None,
        })
    }

    #[test]
    fn a_refusal_is_read_from_its_stable_code_and_keeps_the_relays_words() {
        let used = read(
            409,
            r#"{"code": "invitation_used", "title": "Used", "detail": "By A."}"#,
        );
        assert!(matches!(
            used,
            ClientError::Refused { refusal: Refusal::InvitationUsed, detail, .. } if detail == "By A."
        ));
        let titled = read(400, r#"{"code": "new_word", "title": "Something new"}"#);
        assert!(matches!(
            titled,
            ClientError::Refused { refusal: Refusal::Other, code, detail }
                if code == "new_word" && detail == "Something new"
        ));
        let unknown = read(401, r#"{"code": "device_unknown"}"#);
        assert!(matches!(unknown, ClientError::NotAdmitted));
        let other = read(401, r#"{"code": "other_relay"}"#);
        assert!(matches!(other, ClientError::OtherRelay));
    }

    #[test]
    fn what_is_no_explanation_is_told_by_its_status() {
        let busy = read(503, "<html>");
        assert!(matches!(
            busy,
            ClientError::Refused {
                refusal: Refusal::CannotNow,
                ..
            }
        ));
        let none = read(418, "<html>");
        assert!(matches!(
            none,
            ClientError::Refused {
                refusal: Refusal::Other,
                ..
            }
        ));
    }

    #[test]
    fn only_what_may_be_otherwise_later_is_kept_to_be_sent_again() {
        for code in ["invitation_unknown", "rate_limited", "storage_full", "busy"] {
            assert!(Refusal::of(code).may_pass(), "{code}");
        }
        for code in [
            "invitation_used",
            "invitation_expired",
            "claim_refused",
            "x",
        ] {
            assert!(!Refusal::of(code).may_pass(), "{code}");
        }
    }
}
