//! Sealed content: [`header`] (clear, signed, authenticated), [`sealed`] (the whole envelope and,
//! with the feature `content`, sealing and opening), [`graph`] (the blind merge).

pub mod graph;
pub mod header;
pub mod sealed;
#[cfg(test)]
mod tests;

pub use graph::{Graph, GraphError};
pub use header::{EnvelopeKind, Header};
pub use sealed::{Envelope, EnvelopeError};
#[cfg(any(test, feature = "content"))]
pub use sealed::{OpenError, Payload};
