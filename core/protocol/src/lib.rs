//! What Nahtlos clients and the relay both speak: devices, spaces, operations, epochs, envelopes
//! and sync messages. No I/O, no automerge, no plaintext of a case.
//!
//! Reading order: [`identifier`] → [`space`] (who may do what) → [`envelope`] (sealed content) →
//! [`wire`] (what travels). [`statement`] is what verifies by itself, beside the content. [`crypto`] is
//! used by all. `docs/PROTOCOL.md` gives every byte.
//!
//! The feature `content` compiles what opens and seals content (epoch secrets, unwrapping, the
//! AEAD). The relay is built without it: it verifies signatures and authority, and holds no code
//! that could open an envelope.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod codec;
pub mod counting;
pub mod crypto;
pub mod envelope;
pub mod erasing;
pub mod identifier;
pub mod limits;
pub mod space;
pub mod statement;
pub mod wire;

/// Version byte of every serialised form of protocol version 1.
pub const PROTOCOL_VERSION: u8 = 1;
