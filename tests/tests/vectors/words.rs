//! The stable words of PROTOCOL for what the reference says in types.

use nahtlos_protocol::codec::CodecError;
use nahtlos_protocol::envelope::EnvelopeError;
use nahtlos_protocol::space::operation::OperationError;
use nahtlos_protocol::space::{Kind, ReplayError, Role};

/// A replay's verdict (PROTOCOL §11).
pub fn error_word(error: &ReplayError) -> &'static str {
    match error {
        ReplayError::NotNext => "not_next",
        ReplayError::UnknownReference(_) => "unknown_reference",
        ReplayError::MissingLog(_) => "missing_log",
        ReplayError::BadReferences => "bad_references",
        ReplayError::UnknownAuthor => "unknown_author",
        ReplayError::BadSignature => "bad_signature",
        ReplayError::NotEntitled { .. } => "not_entitled",
        ReplayError::BadFounding { .. } => "bad_founding",
        ReplayError::Contradiction { .. } => "contradiction",
        ReplayError::NotExact => "not_exact",
        ReplayError::NeedsNewer { .. } => "needs_newer",
        ReplayError::LimitReached { .. } => "limit_reached",
    }
}

/// Why bytes are not an operation (PROTOCOL §2, §19).
pub fn operation_word(error: &OperationError) -> &'static str {
    match error {
        OperationError::NeedsNewer { .. } => "needs_newer",
        OperationError::TooMany { .. } => "too_large",
        OperationError::Codec(error) => codec_word(error),
    }
}

/// Why bytes are not an envelope, or not its author's.
pub fn envelope_word(error: &EnvelopeError) -> &'static str {
    match error {
        EnvelopeError::NeedsNewer { .. } => "needs_newer",
        EnvelopeError::Codec(error) => codec_word(error),
        EnvelopeError::BadHeader { .. } => "malformed",
        EnvelopeError::BadSignature => "bad_signature",
    }
}

/// Why bytes are not what they should be.
pub fn codec_word(error: &CodecError) -> &'static str {
    match error {
        CodecError::TooLong { .. } => "too_large",
        _ => "malformed",
    }
}

pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Person => "person",
        Kind::Team => "team",
        Kind::Institution => "institution",
        Kind::Network => "network",
        Kind::Section => "section",
    }
}

pub fn role_word(role: Role) -> &'static str {
    role.word()
}
