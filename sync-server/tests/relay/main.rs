//! The relay through its real socket, with hand-made devices.
#![allow(
    missing_docs,
    reason = "a test program has no readers of its documentation"
)]

mod claim;
mod client;
mod durability;
mod ends;
mod erased;
mod feeds;
mod held;
mod join;
mod limits;
mod offers;
mod refusals;
mod statements;
mod sync;
mod tls;
mod world;
