//! What can go wrong, one type per subject. No error holds content a person typed: paths are
//! field names and ids.

use std::fmt;

use thiserror::Error;

use crate::{Actor, ChangeHash, Path};

/// An error of the document engine, kept as the source of ours.
#[derive(Debug)]
pub struct EngineError(Box<dyn std::error::Error + Send + Sync>);

impl EngineError {
    pub(crate) fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
        EngineError(source.into())
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the document engine refused")
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// Why stored bytes are no document, or a state of it cannot be read.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// No bytes at all: a lost file must never become an empty document.
    #[error("the saved document is empty")]
    Empty,
    /// The bytes are not exactly one document chunk with a correct checksum.
    #[error("the saved document is damaged: {0}")]
    Chunk(&'static str),
    /// The engine could not read the document, or its heads did not verify.
    #[error("the saved document does not verify")]
    Unreadable(#[source] EngineError),
    /// The engine panicked while reading the document.
    #[error("reading the saved document failed inside the engine")]
    Panicked,
    /// The saved document holds changes whose dependencies are missing.
    #[error("the saved document lacks {missing} changes that others depend on")]
    Orphans {
        /// Number of missing dependencies.
        missing: usize,
    },
    /// An actor of the saved document does not have 16 bytes.
    #[error("the saved document holds an actor id that is not 16 bytes long")]
    ForeignActor,
    /// A state was asked for by a change that this document does not hold.
    #[error("change {0} is unknown in this document")]
    UnknownChange(ChangeHash),
    /// A container path that cannot be created.
    #[error("the container path {0} is not valid")]
    InvalidContainer(Path),
}

/// Why one write was refused. The whole edit is then rolled back.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The path, or the container it lies in, does not exist.
    #[error("{0} does not exist")]
    Missing(Path),
    /// Something is already there, and creating it again would hide it.
    #[error("{0} exists already")]
    AlreadyExists(Path),
    /// A container would have to be created implicitly outside any entry. Two authors doing that
    /// at once would hide one author's entries, so fixed containers come with the genesis.
    #[error("{0} is no container of this document")]
    NoContainer(Path),
    /// A container stands there; a plain value must not replace it.
    #[error("{0} holds entries and cannot be replaced by a plain value")]
    HoldsEntries(Path),
    /// Not a collaborative text.
    #[error("{0} is not a collaborative text")]
    NotText(Path),
    /// Not a counter.
    #[error("{0} is not a counter")]
    NotCounter(Path),
    /// Not a list.
    #[error("{0} is not a list")]
    NotList(Path),
    /// An empty path or field name, one with a slash or control character, or longer than 256 bytes.
    #[error("a field name is empty, too long or holds a slash or control character")]
    InvalidField,
    /// A position outside the text or list.
    #[error("position {position} lies outside {path}, which has {length} elements")]
    OutOfRange {
        /// The text or list.
        path: Path,
        /// The position asked for, in unicode scalar values or list elements.
        position: usize,
        /// Its length in the same unit.
        length: usize,
    },
    /// Deeper than [`crate::MAXIMUM_DEPTH`].
    #[error("{0} is nested too deeply")]
    TooDeep(Path),
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<automerge::AutomergeError> for WriteError {
    fn from(source: automerge::AutomergeError) -> WriteError {
        WriteError::Engine(EngineError::new(source))
    }
}

/// Why an edit was not made. The document is unchanged.
#[derive(Debug, Error)]
pub enum EditError<E> {
    /// The caller's closure refused.
    #[error(transparent)]
    Refused(E),
    /// The document still has the genesis actor; an edit under it would fork the genesis.
    #[error("no actor is set for this document")]
    NoActor,
    /// The change would be larger than any gate accepts.
    #[error("one edit makes a change of {bytes} bytes, at most {maximum_bytes} are allowed")]
    TooManyBytes {
        /// Size of the encoded change.
        bytes: usize,
        /// The limit.
        maximum_bytes: usize,
    },
    /// The change would have more operations than any gate accepts.
    #[error("one edit makes {operations} operations, at most {maximum} are allowed")]
    TooManyOperations {
        /// Operations of the change; each character of a text is one.
        operations: u64,
        /// The limit.
        maximum: u64,
    },
    /// The engine did not return the change it had just made.
    #[error("the engine lost the change it made")]
    Lost,
}

/// Why a batch of foreign changes was refused. The document is unchanged.
#[derive(Debug, Error)]
pub enum GateError {
    /// More changes than the limit.
    #[error("a batch of {changes} changes, at most {maximum} are allowed")]
    TooManyChanges {
        /// Changes in the batch.
        changes: usize,
        /// The limit.
        maximum: usize,
    },
    /// More bytes than the limit.
    #[error("a batch of {bytes} bytes, at most {maximum_bytes} are allowed")]
    TooManyBytes {
        /// Bytes in the batch.
        bytes: usize,
        /// The limit.
        maximum_bytes: usize,
    },
    /// More operations than the limit.
    #[error("a batch of more than {maximum} operations")]
    TooManyOperations {
        /// The limit.
        maximum: u64,
    },
    /// One change is not acceptable.
    #[error("change {index} of the batch: {refusal}")]
    Change {
        /// Zero-based position in the batch.
        index: usize,
        /// Why.
        #[source]
        refusal: ChangeRefusal,
    },
    /// The engine refused the batch.
    #[error("the document engine refused the batch while {stage}")]
    Engine {
        /// What it was doing.
        stage: ApplyStage,
        /// Its reason.
        #[source]
        source: EngineError,
    },
    /// The engine panicked on a clone, which was dropped.
    #[error("the document engine failed while {stage}")]
    Panicked {
        /// What it was doing.
        stage: ApplyStage,
    },
    /// After applying, changes still wait for dependencies.
    #[error("after applying, {missing} dependencies are missing")]
    Orphans {
        /// Number of missing dependencies.
        missing: usize,
    },
    /// After applying, the document could not be saved and loaded with equal heads.
    #[error("the batch would leave a document that cannot be stored")]
    NotStorable,
}

impl GateError {
    /// A stable, short name for records, tests and translation.
    pub fn code(&self) -> &'static str {
        match self {
            GateError::TooManyChanges { .. } => "batch_too_many_changes",
            GateError::TooManyBytes { .. } => "batch_too_large",
            GateError::TooManyOperations { .. } => "batch_too_many_operations",
            GateError::Change { refusal, .. } => refusal.code(),
            GateError::Engine { .. } => "engine_refused",
            GateError::Panicked { .. } => "engine_failed",
            GateError::Orphans { .. } => "orphans",
            GateError::NotStorable => "not_storable",
        }
    }

    /// Zero-based position of the change that is to blame, where one alone is.
    pub fn change_index(&self) -> Option<usize> {
        match self {
            GateError::Change { index, .. } => Some(*index),
            _ => None,
        }
    }
}

/// What the engine was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyStage {
    /// Applying the batch to a clone.
    Applying,
    /// Saving the clone, loading and reading it again.
    Verifying,
}

impl fmt::Display for ApplyStage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ApplyStage::Applying => "applying",
            ApplyStage::Verifying => "verifying",
        })
    }
}

/// Why one change is not acceptable.
#[derive(Debug, Error)]
pub enum ChangeRefusal {
    /// Larger than the limit.
    #[error("{bytes} bytes, at most {maximum_bytes} are allowed")]
    TooLarge {
        /// Size of the change.
        bytes: usize,
        /// The limit.
        maximum_bytes: usize,
    },
    /// Shorter than a chunk header, or another magic number than `85 6f 4a 83`.
    #[error("not an automerge chunk")]
    NotAChunk,
    /// A compressed change, a whole document, a bundle or something unknown.
    #[error("chunk type {0}, only type 1 (an uncompressed change) is allowed")]
    ChunkType(u8),
    /// The length field is not minimal or does not end exactly at the last byte.
    #[error("the chunk's length does not match its bytes")]
    Length,
    /// The checksum is wrong.
    #[error("the chunk's checksum is wrong")]
    Checksum,
    /// The change's header or columns are malformed.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// A count or run length above its limit.
    #[error("too many {what}: at most {maximum} are allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        maximum: u64,
    },
    /// The engine could not decode the change.
    #[error("the engine cannot decode it")]
    Undecodable(#[source] EngineError),
    /// The engine panicked while decoding the change.
    #[error("decoding it fails inside the engine")]
    DecodingPanicked,
    /// An actor id that is not 16 bytes.
    #[error("its actor id is not 16 bytes long")]
    ActorLength,
    /// The actor is not one that this author may use here.
    #[error("actor {0} is not one of its author's")]
    ActorNotAllowed(Actor),
    /// It refers to an actor of which neither the document nor the batch has a change.
    #[error("it refers to the unknown actor {0}")]
    UnknownActor(Actor),
    /// It depends on a change that neither the document nor the batch before it holds.
    #[error("it depends on the unknown change {0}")]
    UnknownDependency(ChangeHash),
    /// Not the next sequence number of its actor, or not built on that actor's last change.
    #[error("sequence number {found}, its actor's next is {expected} and builds on the one before")]
    Sequence {
        /// The next one.
        expected: u64,
        /// The one it bears.
        found: u64,
    },
    /// Its operations do not follow the ones it builds on, or lie beyond the document's limit.
    #[error("its operations begin at {found}, expected is {expected}")]
    OperationCounter {
        /// One above the highest operation it builds on.
        expected: u64,
        /// The one it bears.
        found: u64,
    },
    /// An operation that no document of ours contains, or that does not fit its object.
    #[error("operation {operation} is not acceptable: {reason}")]
    Operation {
        /// Zero-based position in the change.
        operation: usize,
        /// Why.
        reason: &'static str,
    },
    /// The document would not reproduce the change's bytes.
    #[error("its encoding is not canonical")]
    NotCanonical,
}

impl ChangeRefusal {
    /// A stable, short name for records, tests and translation.
    pub fn code(&self) -> &'static str {
        match self {
            ChangeRefusal::TooLarge { .. } => "change_too_large",
            ChangeRefusal::NotAChunk => "not_a_chunk",
            ChangeRefusal::ChunkType(_) => "chunk_type",
            ChangeRefusal::Length => "chunk_length",
            ChangeRefusal::Checksum => "chunk_checksum",
            ChangeRefusal::Malformed(_) => "change_malformed",
            ChangeRefusal::TooMany { .. } => "change_too_many",
            ChangeRefusal::Undecodable(_) => "change_undecodable",
            ChangeRefusal::DecodingPanicked => "change_decoding_failed",
            ChangeRefusal::ActorLength => "actor_length",
            ChangeRefusal::ActorNotAllowed(_) => "actor_not_allowed",
            ChangeRefusal::UnknownActor(_) => "actor_unknown",
            ChangeRefusal::UnknownDependency(_) => "dependency_unknown",
            ChangeRefusal::Sequence { .. } => "sequence",
            ChangeRefusal::OperationCounter { .. } => "operation_counter",
            ChangeRefusal::Operation { .. } => "operation",
            ChangeRefusal::NotCanonical => "not_canonical",
        }
    }
}
