//! Crashes and failing disks at every single point: the programs are killed, cut from power, or told
//! that the disk is full or broken, at the n-th sync, write and change of a name of a scripted run.
//! Afterwards everything that was acknowledged is there, nothing is there in part, and all devices
//! come to the same.
//!
//! A normal run takes some of the points, others each time. All of them:
//!
//! ```sh
//! NAHTLOS_DISK_FAULTS=all cargo test --workspace --test disk -- --nocapture
//! ```
//!
//! Linux only: the faults are made by `LD_PRELOAD`, the trace by `strace`.

#![cfg(target_os = "linux")]

mod acknowledging;
mod beginning;
mod client;
mod fault;
mod passphrase;
mod relay;
mod served;
#[path = "../story/mod.rs"]
mod story;
mod theatre;
