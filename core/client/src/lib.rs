//! One device's replica of Nahtlos: the sealed store, and what works on it.
//!
//! [`vault`] keeps everything a device holds in one encrypted database.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod vault;
