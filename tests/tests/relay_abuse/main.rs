//! What the relay, a process of its own, does for somebody who means it harm: connections that drip,
//! hang or never end, answers nobody takes, floods, crowds, and a full disk. In each the abuser is let
//! go or refused, the relay's memory stays within what its options say, and an honest device works
//! during and after.
//!
//! A normal run sends a hundred thousand items; a million, and ten times the connections:
//!
//! ```sh
//! NAHTLOS_ABUSE=all cargo test --workspace --test relay_abuse -- --nocapture
//! ```
//!
//! Linux only: memory and open files are read from `/proc`, the disk fills up by `LD_PRELOAD`.

#![cfg(target_os = "linux")]

mod bodies;
#[path = "../../../sync-server/tests/relay/client.rs"]
#[allow(dead_code, reason = "the relay's own tests use the rest")]
mod client;
mod crowds;
#[path = "../disk/fault.rs"]
#[allow(dead_code, reason = "the tests of single faults use the rest")]
mod fault;
mod flood;
mod full_disk;
mod scene;
mod slow;
mod unread;
#[path = "../../../sync-server/tests/relay/world.rs"]
#[allow(dead_code, reason = "the relay's own tests use the rest")]
mod world;
