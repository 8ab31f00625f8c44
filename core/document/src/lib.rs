//! automerge, hardened: the only crate of the workspace that names it.
//!
//! A [`Document`] is the content of one section: a tree of maps that several authors edit offline
//! and at once. This crate knows nothing of spaces, keys or people; ids are plain bytes.
//!
//! - [`Document::edit`] runs targeted edits as one change, or changes nothing.
//! - [`Document::apply`] is the gate for foreign changes: an authorised author may be hostile or
//!   broken, and automerge is not hardened against it. All or nothing, with bounded work.
//! - [`Document::history`], [`Document::difference`] and [`Document::conflicts`] say who changed
//!   what when, and what two authors decided differently.
//!
//! Every result is a pure function of the set of applied changes: two replicas that hold the same
//! changes return the same answers in the same order. Wall times are advisory and decide nothing.
//!
//! Memory: a batch that [`GateLimits`] lets through, or a snapshot that [`SnapshotLimits`] lets
//! through, takes at most 768 MiB beside the document while it is looked at, whatever it holds (a
//! test passes in the most that the limits allow). Nothing catches an allocation that fails, so the
//! limits are all there is: they are checked on the raw bytes, before the engine sees them.
//!
//! The gate catches panics, so every program that links this crate keeps `panic = "unwind"`. The
//! library installs no panic hook; programs do, and theirs prints no content.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod actor;
mod ancestry;
mod change;
mod chunk;
mod columns;
mod conflict;
mod deletion;
mod difference;
mod document;
mod editor;
mod error;
mod gate;
mod history;
mod lineage;
mod operations;
mod path;
mod reader;
mod snapshot;
mod text_conflict;
mod value;

pub use actor::Actor;
pub use change::{ChangeHash, EncodedChange};
pub use conflict::{ConflictingValue, FieldConflict};
pub use deletion::{DeletedWhileEdited, MadeEntry, Responsible};
pub use difference::Difference;
pub use document::{Document, GENESIS_ACTOR};
pub use editor::{Editor, is_field_name};
pub use error::{
    ApplyStage, ChangeRefusal, DocumentError, EditError, EngineError, GateError, WriteError,
};
pub use gate::{Applied, GateLimits};
pub use history::HistoryEntry;
pub use path::{Key, Path};
pub use reader::{Reader, WritingPlace};
pub use snapshot::{Snapshot, SnapshotError, SnapshotLimits};
pub use text_conflict::{SoftTextConflict, Wording};
pub use value::Value;

/// Deepest nesting of containers, of the root's entries (depth 1) downwards.
///
/// Reading a document recurses once per level; the limit keeps a hostile change from exhausting
/// the stack, which no `catch_unwind` stops.
pub const MAXIMUM_DEPTH: usize = 32;
