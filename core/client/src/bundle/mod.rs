//! Bundle files: the same signed objects that a sync exchanges, by USB stick or mail.
//!
//! A device writes what it has ([`exporting`]): all of it, some cases, or what another device says it
//! lacks ([`request`]). Another one takes it in ([`importing`]). What bears the relay's receipt goes
//! through the same door as what a sync brings. What no relay has acknowledged yet is *carried*
//! ([`carried`]): shown ([`overlay`]), never counted and never built upon, and brought to the relay with
//! the next sync, verbatim. With a paper's words a file is read where there is no home ([`opening`]).
//!
//! Whoever hands a file over is trusted no more than a relay: everything in it proves itself.

mod carried;
mod exporting;
pub(crate) mod file;
mod importing;
mod items;
mod opening;
mod overlay;
mod request;

use serde::Serialize;

pub(crate) use carried::{delete_carried, forget_carried};
pub use exporting::{BundleScope, Exported};
#[cfg(feature = "test-key-derivation")]
pub(crate) use importing::examine;
pub use importing::{Imported, Refusal};
pub use opening::OpenedBundle;
pub use request::{BundleRequest, Requested};

/// Why a file was not taken in. Nothing was changed by it.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Something else than a bundle.
    #[error("this is no bundle of nahtlos")]
    NotABundle,
    /// Something else than a request, where one was expected.
    #[error("this is no request for a bundle of nahtlos")]
    NotARequest,
    /// A bundle where a request was expected.
    #[error("this is a bundle, not a request for one")]
    IsBundle,
    /// A request where a bundle was expected.
    #[error("this is a request for a bundle, not a bundle")]
    IsRequest,
    /// Cut short or changed.
    #[error("the file is not whole: it was cut short or changed on the way")]
    Damaged,
    /// Of another version.
    #[error("a newer nahtlos wrote this file")]
    NeedsNewer,
    /// Of a network that this device is not in.
    #[error("the file is of another network")]
    OtherNetwork,
    /// More that no relay has acknowledged than a device carries for others.
    #[error("the file holds more that no relay has acknowledged than this device carries")]
    TooMuchCarried,
    /// Nothing in the file says whose paper this is.
    #[error("the file holds nothing for this paper")]
    NotForThisPaper,
    /// The file cannot be read or written.
    #[error("the file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
}

impl BundleError {
    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotABundle | Self::IsRequest => "not_a_bundle",
            Self::NotARequest | Self::IsBundle => "not_a_request",
            Self::Damaged => "bundle_damaged",
            Self::NeedsNewer => "needs_newer",
            Self::OtherNetwork => "bundle_other_network",
            Self::TooMuchCarried => "bundle_too_much_carried",
            Self::NotForThisPaper => "bundle_not_for_paper",
            Self::Io(_) => "file",
        }
    }
}

/// Who wrote a file and when, by its own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleOrigin {
    /// The person whose device it is, as the directory names them; else the device's fingerprint.
    pub by: String,
    /// By that device's clock, Unix milliseconds.
    pub made_at_ms: u64,
    /// Whether it holds all that the device had.
    pub is_whole: bool,
}

/// What a file brought that no relay has acknowledged yet, of one author in one section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CarriedLine {
    /// The author, as the directory names them.
    pub author: String,
    /// Hexadecimal id of the space it is for.
    pub space: String,
    /// Signed envelopes of edits.
    pub edits: u64,
    /// Whether the section itself is new to the relay.
    pub is_new_section: bool,
    /// When the first of it came in here, Unix milliseconds.
    pub since_ms: u64,
    /// `shown`; `waits` for what has not arrived here; `may_not_write` (any more, by what is known here);
    /// `refused` by the relay.
    pub state: &'static str,
}
