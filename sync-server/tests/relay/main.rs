//! The relay through its real socket, with hand-made devices.
#![allow(missing_docs)]

mod claim;
mod client;
mod world;
