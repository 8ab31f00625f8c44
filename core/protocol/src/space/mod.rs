//! Spaces: the one mechanism for everything that has members.
//!
//! A space is a hash-chained log of signed [`operation`]s and a sequence of key epochs. Persons,
//! teams, institutions, the network and the sections of a case are all spaces. [`replay`] turns a
//! log into a [`SpaceState`]; [`authority`] answers who may do what; [`recipients`] answers whom
//! an epoch must be wrapped to; [`author`] prepares the next operation of one's own.

#[cfg(any(test, feature = "content"))]
pub mod author;
pub mod authority;
pub mod effect;
mod end_effects;
mod epoch_effects;
mod healing;
pub mod kind;
mod member_effects;
pub mod operation;
pub mod past;
mod policy_effects;
pub mod recipients;
pub mod replay;
pub mod staleness;
pub mod standing;
pub mod state;
#[cfg(test)]
pub(crate) mod tests;

#[cfg(any(test, feature = "content"))]
pub use author::{Author, Draft, EpochSecrets, NewEpoch, Prepared};
pub use authority::{Knowledge, Logs, Right};
pub use effect::{Effect, History, Member, Recipient, WrapMethod};
pub use healing::HealedBranch;
pub use kind::{Kind, Role};
pub use member_effects::{admission_message, invitation_message};
pub use operation::{LogHead, Operation, SignedOperation};
pub use policy_effects::is_another;
pub use recipients::Wrap;
pub use replay::ReplayError;
pub use standing::Suspended;
pub use state::{Epoch, Grant, Policy, PolicyRecord, SpaceState};
