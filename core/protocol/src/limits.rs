//! Every limit of the protocol, in one place. Sizes are bytes unless the name says otherwise.

/// A signed operation, without the wraps that travel beside it.
pub const OPERATION_BYTES_MAX: usize = 256 * 1024;
/// Effects in one operation.
pub const EFFECTS_MAX: usize = 64;
/// References to other logs in one operation or envelope header.
pub const REFERENCES_MAX: usize = 2048;
/// Spaces whose logs one operation can come after, all references together.
pub const KNOWN_SPACES_MAX: usize = 20_000;
/// Recipients of one epoch or one `Wrap` effect.
pub const RECIPIENTS_MAX: usize = 2048;
/// Grants a space can have had in its life.
pub const GRANTS_MAX: usize = 20_000;
/// Operations of one space's log.
pub const LOG_LENGTH_MAX: u64 = 1_000_000;
/// A sealed label or a sealed basis.
pub const SEALED_LABEL_BYTES_MAX: usize = 2048;

/// Lost branches that may be carried back into one log.
pub const HEALED_BRANCHES_MAX: usize = 64;
/// A receipt as a whole.
pub const RECEIPT_BYTES_MAX: usize = 1024;

/// An envelope as a whole.
pub const ENVELOPE_BYTES_MAX: usize = 17 * 1024 * 1024;
/// An envelope's clear header.
pub const ENVELOPE_HEADER_BYTES_MAX: usize = 256 * 1024;
/// Parents of one envelope: how many concurrent heads can be merged by one edit.
pub const PARENTS_MAX: usize = 1024;
/// Changes within one envelope of edits.
pub const CHANGES_PER_ENVELOPE_MAX: usize = 5_000;
/// Run nonces one envelope may introduce.
pub const RUN_NONCES_MAX: usize = 1_000;
/// automerge heads in a snapshot, an attest or a dispute.
pub const DOCUMENT_HEADS_MAX: usize = 10_000;
/// Actors of a snapshot's document.
pub const SNAPSHOT_ACTORS_MAX: usize = 100_000;
/// Envelopes one snapshot covers.
pub const SNAPSHOT_COVERED_MAX: usize = 200_000;
/// The document in a snapshot after expansion.
pub const SNAPSHOT_DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The plaintext within an envelope before padding.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A sync request as a whole.
pub const SYNC_REQUEST_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A sync response as a whole; a client's `max_bytes` is clamped to it.
pub const SYNC_RESPONSE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Items one sync request may push.
pub const PUSH_ITEMS_MAX: usize = 2_000;
/// Items one response may carry.
pub const RESPONSE_ITEMS_MAX: usize = 5_000;
/// Envelopes of one device that the relay keeps in the held lane.
pub const HELD_ITEMS_PER_DEVICE_MAX: u64 = 200;
/// Bytes of one device's envelopes that the relay keeps in the held lane.
pub const HELD_BYTES_PER_DEVICE_MAX: u64 = 4 * 1024 * 1024;
/// A join request as a whole: the only thing the relay stores for somebody without a right.
pub const JOIN_REQUEST_BYTES_MAX: usize = 4 * 1024;
/// Operations in a join request.
pub const JOIN_OPERATIONS_MAX: usize = 8;
/// The sealed introduction (name and function) in a join request.
pub const INTRODUCTION_BYTES_MAX: usize = 1024;
/// A token is refused when it claims to live longer, in milliseconds.
pub const TOKEN_LIFETIME_MS_MAX: u64 = 10 * 60 * 1000;
/// How far a token's issue time may lie in the relay's future, in milliseconds.
pub const TOKEN_SKEW_MS_MAX: u64 = 2 * 60 * 1000;
/// Merkle path length of a receipt: batches of up to 2^20 items.
pub const RECEIPT_PATH_MAX: usize = 20;

/// One part of a bundle file or of a request for one: an envelope or an operation with what travels
/// beside it.
pub const BUNDLE_PART_BYTES_MAX: usize = 18 * 1024 * 1024;
/// Keys in the head of a bundle file.
pub const BUNDLE_KEYS_MAX: usize = 2048;
/// Envelopes named in one part of a request.
pub const REQUEST_ENVELOPES_MAX: usize = 10_000;

/// The signature beside a statement, with the heads it names.
pub const STATEMENT_SIGNATURE_BYTES_MAX: usize = 12 * 1024;
