//! Failures between this device and the relay.

use nahtlos_client::TransportError;
use nahtlos_client::refusal::Refusal;

use super::Failure;
use crate::exit::Exit;

/// What a person is told when no usable answer came.
pub(super) fn transport(code: &str, error: &TransportError) -> Failure {
    let say =
        |exit, what: String, why: String, next: &str| Failure::new(exit, code, what, why, next);
    match error {
        TransportError::Unreachable { url, reason } => say(
            Exit::RelayUnreachable,
            format!("The relay {url} was not reached. Everything you typed is safe on this device."),
            format!("The network says: {reason}."),
            "Go on working; run `nahtlos sync` when you are online again. `nahtlos doctor` looks \
             for what is wrong.",
        ),
        TransportError::BrokeOff { url, reason } => say(
            Exit::RelayUnreachable,
            format!("The exchange with the relay {url} broke off. Everything you typed is safe on this device."),
            format!("The network says: {reason}. The next sync asks for less at a time."),
            "Run `nahtlos sync` again; if this goes on, where the line is better.",
        ),
        TransportError::Certificate { reason } => say(
            Exit::Failed,
            "The relay's certificate is not trusted, so nothing was sent.".into(),
            format!("The check says: {reason}."),
            "Ask the relay's operator for its certificate authority and run the command with \
             `--tls-ca FILE`.",
        ),
        TransportError::CertificateFile { path, reason } => say(
            Exit::Usage,
            format!("The certificate file {path} cannot be used."),
            format!("{reason}."),
            "Name a PEM file that holds the relay's certificate authority with `--tls-ca FILE`.",
        ),
        TransportError::PlainHttp { url } => say(
            Exit::Failed,
            format!("The address {url} is not encrypted, so nothing was sent."),
            "Plain HTTP is allowed to this machine only.".into(),
            "Ask the relay's operator for an address that begins with https://.",
        ),
        TransportError::TooLarge | TransportError::NotARelay { .. } => say(
            Exit::Failed,
            "What answered does not speak as a relay.".into(),
            "Another program, a proxy or a login page of the network answered. Your edits are safe here.".into(),
            "Check your network (a browser may show a login page), then run `nahtlos doctor`.",
        ),
    }
}

/// What a person is told when the relay answered with a refusal of the whole request.
pub(super) fn refused(refusal: Refusal, code: &str, detail: &str) -> Failure {
    let detail = detail.trim_end_matches('.');
    let next = match refusal {
        Refusal::CannotNow => {
            return Failure::new(
                Exit::RelayUnreachable,
                code,
                "The relay cannot answer now. Everything you typed is safe on this device.",
                format!("It says: {detail}."),
                "Run `nahtlos sync` again in a few minutes; if it stays so, tell the relay's operator.",
            );
        }
        Refusal::AlreadyClaimed => {
            "This relay already serves a network: ask there for an invitation, or start a new relay."
        }
        Refusal::ClaimRefused => {
            "Ask the relay's operator for its claim, then run the command again."
        }
        Refusal::InvitationUnknown => {
            return invitation(
                code,
                "The relay does not know this invitation (yet).",
                "It arrives there with the next sync of whoever made it; or it is of another relay.",
                "Ask who invited you to run `nahtlos sync`; then run this command again.",
            );
        }
        Refusal::InvitationUsed => {
            return invitation(
                code,
                "Somebody has answered this invitation already; it is good for one newcomer.",
                "If that was not you, somebody else has read it.",
                "Tell who invited you: they see in `nahtlos member waiting` and `nahtlos member` who came, \
                 can remove them, and make a new invitation.",
            );
        }
        Refusal::InvitationExpired => {
            return invitation(
                code,
                "This invitation has run out.",
                "Invitations are good for two weeks.",
                "Ask who invited you for a new one.",
            );
        }
        Refusal::UnsupportedVersion => {
            "Update nahtlos, then run the command again; `nahtlos --version` shows the one you have."
        }
        Refusal::Clock => {
            "Set this machine's clock, then run the command again; `nahtlos doctor` compares it."
        }
        _ => "Run `nahtlos doctor`; if it finds nothing, send its answer to the relay's operator.",
    };
    Failure::new(
        Exit::Failed,
        code,
        "The relay refused the request. Nothing you typed is lost.",
        format!("It says: {detail}."),
        next,
    )
}

fn invitation(code: &str, what: &str, why: &str, next: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        code,
        format!("{what} Nothing was done."),
        why,
        next,
    )
}

#[cfg(test)]
mod tests {
    use nahtlos_client::ClientError;

    use super::*;

    fn of(code: &str, detail: &str) -> Failure {
        ClientError::refused(code, detail).into()
    }

    #[test]
    fn a_relay_that_cannot_now_is_told_from_one_that_does_not_want_to() {
        for code in [
            "http_503",
            "busy",
            "storage_full",
            "storage_failed",
            "internal",
            "timeout",
            "rate_limited",
        ] {
            assert_eq!(of(code, "no").exit, Exit::RelayUnreachable, "{code}");
        }
        for code in ["already_claimed", "invitation_used", "malformed_request"] {
            assert_eq!(of(code, "no").exit, Exit::Failed, "{code}");
        }
    }

    #[test]
    fn an_invitation_that_is_unknown_used_or_run_out_is_told_apart() {
        let codes = ["unknown", "used", "expired"];
        let told = codes.map(|code| of(&format!("invitation_{code}"), "no"));
        let words = [
            "does not know",
            "answered this invitation already",
            "run out",
        ];
        for (failure, words) in told.iter().zip(words) {
            assert!(failure.what.contains(words), "{}", failure.what);
            assert!(failure.what.ends_with("Nothing was done."));
            assert_eq!(failure.exit, Exit::Failed);
        }
    }

    #[test]
    fn what_the_relay_says_ends_with_one_full_stop() {
        assert_eq!(of("busy", "Wait.").why, "It says: Wait.");
    }
}
