//! What travels between a device and the relay: [`sync`] messages, [`token`]s, [`receipt`]s, the
//! [`claim`] that founds a network at a relay, [`join`] requests of newcomers, and those of a further
//! [`device`] of one person; what stands on a [`paper`] beside its words; and a custodian's
//! [`share`] of a recovery key. And what a [`bundle`] file carries where there is no relay.

pub mod bundle;
pub mod claim;
pub mod device;
pub mod join;
pub mod paper;
pub mod receipt;
pub mod share;
pub mod sync;
#[cfg(test)]
mod tests;
pub mod token;

pub use receipt::{Batch, JournalMark, Receipt};
pub use sync::{
    Item, ItemKind, ItemResult, PushItem, Status, SyncRequest, SyncResponse, VerdictCode,
};
pub use token::{Token, TokenError};

/// Path of the sync endpoint.
pub const SYNC_PATH: &str = "/v1/sync";
/// Path of the join lane.
pub const JOIN_PATH: &str = "/v1/join";
/// Path where a network is founded.
pub const CLAIM_PATH: &str = "/v1/claim";
/// Media type of every binary message.
pub const MEDIA_TYPE: &str = "application/vnd.nahtlos+cbor";
