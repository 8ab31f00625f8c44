//! The domain of interinstitutional cooperation. In progress.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod fields;
pub mod matrix;
pub mod record;
pub mod role;
mod section;

pub use section::{SECTIONS_WITH_CONTENT, SectionKind, containers};
