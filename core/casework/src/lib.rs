//! The domain of interinstitutional cooperation: what a case file holds, how it is edited, what
//! conflicts, and which rules hold inside a section.
//!
//! - [`fields`] and [`record`]: values that cannot be wrong.
//! - [`SectionKind`], [`role`], [`matrix`]: the parts of a case file and who may do what by default.
//! - [`slice`]: parts of a section for those who do not read it whole.
//! - [`form`]: the tables of the sections that have no code of their own.
//! - [`Edit`]: everything a person can do, as data that can be stored and applied again.
//! - [`view`]: typed views of a section's document.
//! - [`CaseFile`]: a new case from a JSON file; [`export`]: a case as such a file.
//! - [`access`]: who read what, and what was disclosed to whom.
//! - [`calendar`]: tasks as other programs' calendars read them; [`decision`]: what a round table decides.
//! - [`phase`]: from which phase a case goes on to which.
//! - [`plan_version`]: versions of the plan, who signed them, and what has changed since.
//! - [`conflicts`] and [`resolve`]: what people decided differently, and the edit that settles it.
//!
//! Pure: no keys, no I/O, no clock, no randomness. Times and random identifiers come as arguments;
//! who wrote what comes from the caller through [`AuthorOf`].
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod access;
mod author;
pub mod calendar;
mod code_names;
mod conflict;
pub mod decision;
pub mod edit;
pub mod export;
pub mod fields;
pub mod form;
pub mod import;
mod labels;
pub mod legal;
pub mod matrix;
pub mod phase;
pub mod plan_version;
pub mod record;
pub mod retention;
pub mod role;
mod rules;
pub mod sample;
pub mod searching;
mod section;
pub mod slice;
pub mod view;

pub use author::{Author, AuthorOf, Origin, TakenOver};
pub use code_names::{code_names, is_called};
pub use conflict::{
    Alternative, Choice, Conflict, ConflictId, ConflictKind, ResolveError, conflicts, resolve,
};
pub use edit::{ApplyError, Edit};
pub use import::consent::{ConsentFile, ConsentFileShare, May};
pub use import::{
    CASE_FILE_BYTES_MAX, CASE_FILE_SCHEMA_VERSION, CaseFile, ImportError, LeftBehind, SectionFile,
};
pub use labels::{Names, names_of};
pub use rules::{Rule, Violation};
pub use section::{PLAIN_SECTIONS, SECTIONS_OPENED_AT_ONCE, SectionKind, containers};
