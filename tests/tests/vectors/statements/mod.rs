//! Statements (PROTOCOL §30): their bytes, and which of them hold by the logs.

mod bytes;
mod held;

use nahtlos_protocol::statement::{StatementError, StatementKind};

/// An entry's identifier.
const ENTRY: &str = "aebagbafaydqq";

fn kind_of(number: u64) -> StatementKind {
    match number {
        1 => StatementKind::ConsentEvent,
        2 => StatementKind::PlanSignature,
        other => panic!("{other} is no kind"),
    }
}

fn word(error: StatementError) -> &'static str {
    match error {
        StatementError::NeedsNewer => "needs_newer",
        StatementError::Malformed => "malformed",
        StatementError::UnknownLog => "unknown_log",
        StatementError::UnknownSigner => "unknown_signer",
        StatementError::BadSignature => "bad_signature",
        StatementError::NotOfTheInstitution => "not_of_the_institution",
    }
}
