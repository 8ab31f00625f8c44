//! The relay through its real socket, with hand-made devices.
#![allow(missing_docs)]

mod claim;
mod client;
mod durability;
mod feeds;
mod join;
mod refusals;
mod sync;
mod tls;
mod world;
