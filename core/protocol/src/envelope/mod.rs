//! Sealed content: [`header`] (clear, signed, authenticated) and [`sealed`] (the whole envelope and,
//! with the feature `content`, sealing and opening). The parents in the headers make a space's
//! envelopes a graph that the relay merges without a look inside.

pub mod header;
pub mod sealed;
#[cfg(any(test, feature = "content"))]
pub mod snapshot;
#[cfg(test)]
mod tests;

pub use header::{EnvelopeKind, Header};
pub use sealed::{Envelope, EnvelopeError};
#[cfg(any(test, feature = "content"))]
pub use sealed::{OpenError, Payload};
