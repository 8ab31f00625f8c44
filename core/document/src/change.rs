//! One author's change: its hash and its encoded form.

use std::fmt;

use crate::actor::write_hexadecimal;
use crate::chunk::Chunk;
use crate::gate::{GateLimits, parse_change};
use crate::{Actor, ChangeRefusal, columns};

/// SHA-256 of a change's chunk type, length and data, as automerge defines it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash(pub [u8; 32]);

impl ChangeHash {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn to_engine(self) -> automerge::ChangeHash {
        automerge::ChangeHash(self.0)
    }
}

impl From<automerge::ChangeHash> for ChangeHash {
    fn from(hash: automerge::ChangeHash) -> ChangeHash {
        ChangeHash(hash.0)
    }
}

impl fmt::Display for ChangeHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hexadecimal(&self.0, formatter)
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChangeHash({self})")
    }
}

/// One encoded change: exactly one uncompressed automerge chunk of type 1.
///
/// Bytes: magic `85 6f 4a 83` ‖ checksum (4) ‖ type `01` ‖ length (unsigned LEB128) ‖ data
/// (automerge storage format, "change chunks").
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedChange {
    bytes: Vec<u8>,
    hash: ChangeHash,
    actor: Actor,
    seq: u64,
    dependencies: Vec<ChangeHash>,
    time_seconds: i64,
}

impl EncodedChange {
    /// Reads a stored change under the gate's own limits. Whether it fits a document, only
    /// [`crate::Document::apply`] can say.
    ///
    /// # Errors
    /// The refusals of the gate that need no document.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<EncodedChange, ChangeRefusal> {
        let limits = GateLimits::default();
        limits.check_change_size(&bytes)?;
        let chunk = Chunk::parse(&bytes)?;
        columns::check(chunk.data, &limits)?;
        let change = parse_change(&bytes)?;
        EncodedChange::from_engine(&change).ok_or(ChangeRefusal::ActorLength)
    }

    /// The encoded chunk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoded chunk.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The change's hash.
    pub fn hash(&self) -> ChangeHash {
        self.hash
    }

    /// The actor that made it.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// Its position among its actor's changes, from 1.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The heads it was made on, ascending.
    pub fn dependencies(&self) -> &[ChangeHash] {
        &self.dependencies
    }

    /// Seconds since 1970-01-01T00:00:00Z by its author's clock; advisory.
    pub fn time_seconds(&self) -> i64 {
        self.time_seconds
    }

    /// `None` if its actor id is not one of ours.
    pub(crate) fn from_engine(change: &automerge::Change) -> Option<EncodedChange> {
        Some(EncodedChange {
            bytes: change.raw_bytes().to_vec(),
            hash: change.hash().into(),
            actor: Actor::from_engine(change.actor_id())?,
            seq: change.seq(),
            dependencies: sorted(change.deps()),
            time_seconds: change.timestamp(),
        })
    }
}

impl fmt::Debug for EncodedChange {
    /// Without the bytes: they hold what people typed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EncodedChange")
            .field("hash", &self.hash)
            .field("actor", &self.actor)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

pub(crate) fn sorted(hashes: &[automerge::ChangeHash]) -> Vec<ChangeHash> {
    let mut hashes: Vec<ChangeHash> = hashes.iter().map(|hash| (*hash).into()).collect();
    hashes.sort_unstable();
    hashes
}

pub(crate) fn to_engine(hashes: &[ChangeHash]) -> Vec<automerge::ChangeHash> {
    hashes.iter().map(|hash| hash.to_engine()).collect()
}
