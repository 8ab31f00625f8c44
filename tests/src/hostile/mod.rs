//! Every place where bytes from elsewhere come in, as a function over bytes, with what must hold
//! whatever they are. Three things run them: `tests/tests/hostile_corpus.rs` (every kept input),
//! `tests/tests/hostile_properties.rs` (random and mutated ones) and `tests/fuzz.sh` (led by coverage).
//!
//! Beyond "does not panic": what is accepted encodes to the bytes it came from, limits hold, memory
//! stays below a multiple of the input, replay and counting say the same in every order, and a
//! refused change leaves the document as it was.

pub mod attack;
mod bundle;
mod casework;
mod client;
mod codec;
mod columns;
mod content;
mod document;
pub mod family;
pub mod fixture;
mod graph;
pub mod largest;
mod log;
pub mod memory;
mod relay;
pub mod seeds;
mod source;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// One place where bytes from elsewhere come in.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name: the fuzz target and the directory of its corpus.
    pub name: &'static str,
    /// What its bytes are, and where they come in.
    pub reads: &'static str,
    /// Bytes of the longest input that is worth trying.
    pub input_bytes_max: usize,
    /// What it may allocate at once: so many bytes and so many for each byte of the input.
    pub memory: (usize, usize),
    run: fn(&[u8]),
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Every entry. What a decoder allocates for a byte is bounded by the smallest encoding of its
/// elements: an item to be pushed has six bytes, and about 200 in memory.
pub const ENTRIES: &[Entry] = &[
    entry(
        "operation",
        "a signed operation: sync, join, claim, healed branches",
        16 * KIB,
        128,
        codec::operation,
    ),
    entry(
        "operation_body",
        "an operation's body with every effect, signed by whoever sent it",
        16 * KIB,
        128,
        codec::operation_body,
    ),
    entry(
        "envelope",
        "a sealed envelope and its header",
        16 * KIB,
        64,
        codec::envelope,
    ),
    entry(
        "header",
        "an envelope's header alone",
        16 * KIB,
        64,
        codec::header,
    ),
    entry(
        "payload",
        "what is sealed in an envelope of changes",
        16 * KIB,
        128,
        content::payload,
    ),
    entry(
        "snapshot_payload",
        "what is sealed in a snapshot, attest and dispute",
        16 * KIB,
        128,
        content::snapshot_payload,
    ),
    entry(
        "sealed",
        "ciphertext of envelopes, labels and introductions under a known key, padding",
        8 * KIB,
        64,
        content::sealed,
    ),
    entry(
        "wrap",
        "hybrid and symmetric wraps, history links",
        4 * KIB,
        64,
        content::wraps,
    ),
    entry(
        "public_key",
        "Ed25519 and X-Wing public keys",
        2 * KIB,
        64,
        content::public_keys,
    ),
    entry(
        "token",
        "a device's token, and the relay's time beside a refused one",
        2 * KIB,
        64,
        relay::token,
    ),
    entry(
        "sync_request",
        "the body of POST /v1/sync",
        32 * KIB,
        256,
        relay::sync_request,
    ),
    entry(
        "sync_response",
        "the relay's answer, and the items of a reader bundle",
        32 * KIB,
        256,
        relay::sync_response,
    ),
    entry(
        "receipt",
        "a receipt and a journal mark",
        4 * KIB,
        64,
        relay::receipt,
    ),
    entry(
        "claim_request",
        "the body of POST /v1/claim",
        32 * KIB,
        256,
        relay::claim_request,
    ),
    entry(
        "join",
        "the body of POST /v1/join and its answer",
        8 * KIB,
        256,
        relay::join,
    ),
    entry(
        "texts",
        "claim, invitation, paper, share and fingerprint as typed or scanned text",
        4 * KIB,
        128,
        text::texts,
    ),
    entry(
        "client",
        "what members put into labels, cards and introductions, and a relay into refusals",
        8 * KIB,
        256,
        client::untrusted,
    ),
    entry(
        "bundle",
        "a bundle file and a request for one, as they are and as parts with a right digest",
        32 * KIB,
        512,
        bundle::files,
    ),
    entry(
        "case_file",
        "a case file from another program",
        32 * KIB,
        1024,
        casework::case_file,
    ),
    entry(
        "tables",
        "a table, a list of names or of periods from another program, and what is searched for",
        16 * KIB,
        1024,
        casework::tables,
    ),
    entry(
        "fields",
        "every field that is typed, imported or stored by somebody else",
        KIB,
        1024,
        casework::fields,
    ),
    Entry {
        memory: (64 * MIB, 4096),
        ..entry(
            "change",
            "one automerge change",
            16 * KIB,
            0,
            document::change,
        )
    },
    Entry {
        memory: (128 * MIB, 4096),
        ..entry(
            "gate",
            "batches of changes through the gate, then everything that reads",
            16 * KIB,
            0,
            document::gate,
        )
    },
    Entry {
        memory: (128 * MIB, 4096),
        ..entry(
            "snapshot",
            "a snapshot's document, then everything that reads",
            32 * KIB,
            0,
            document::snapshot,
        )
    },
    Entry {
        memory: (64 * MIB, 4096),
        ..entry(
            "log",
            "any log: steps and signed hostile operations, replayed in every order",
            KIB,
            0,
            log::replay_any,
        )
    },
    Entry {
        memory: (64 * MIB, 4096),
        ..entry(
            "graph",
            "any graph of envelopes, counted in every order",
            KIB,
            0,
            graph::count_any,
        )
    },
];

const fn entry(
    name: &'static str,
    reads: &'static str,
    input_bytes_max: usize,
    memory_for_each_byte: usize,
    run: fn(&[u8]),
) -> Entry {
    let memory = (MIB, memory_for_each_byte);
    Entry {
        name,
        reads,
        input_bytes_max,
        memory,
        run,
    }
}

impl Entry {
    /// The entry of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ENTRIES.iter().find(|entry| entry.name == name)
    }

    /// This entry with another function: how the tests see that a broken one is found out.
    #[must_use]
    pub fn instead(self, run: fn(&[u8])) -> Self {
        Self { run, ..self }
    }

    /// Passes the input in and checks all that must hold.
    ///
    /// # Errors
    /// What did not hold, or what panicked.
    pub fn check(&self, input: &[u8]) -> Result<(), String> {
        let (base, for_each_byte) = self.memory;
        let allowed = base.saturating_add(for_each_byte.saturating_mul(input.len()));
        let (ran, used) = memory::highest(|| catch_unwind(AssertUnwindSafe(|| (self.run)(input))));
        ran.map_err(|panic| match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(other) => other.downcast::<&str>().map_or_else(
                |_| "a panic without words".into(),
                |message| (*message).to_owned(),
            ),
        })?;
        if used > allowed {
            return Err(format!(
                "{used} bytes allocated for {} of input",
                input.len()
            ));
        }
        Ok(())
    }
}
