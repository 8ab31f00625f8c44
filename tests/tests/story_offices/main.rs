//! Offices change, through the real programs: who administers an institution, which institutions manage the
//! network, and two institutions that become one.

mod administrators;
mod merging;
mod network;
mod scene;
#[path = "../story/mod.rs"]
mod story;
