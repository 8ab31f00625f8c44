//! What did a sync do, and how far is one?

use crate::former_people::TeamLeft;

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SyncReport {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of request and response bodies.
    pub body_bytes: u64,
    /// Operations received and replayed.
    pub operations_received: u64,
    /// Envelopes received.
    pub envelopes_received: u64,
    /// Envelopes applied to documents.
    pub envelopes_applied: u64,
    /// Envelopes of one's own that the relay has stored.
    pub envelopes_delivered: u64,
    /// Changes of access that the relay has stored.
    pub operations_delivered: u64,
    /// What bundles brought from others, and this device brought to the relay.
    pub carried_delivered: u64,
    /// What stays here and why: stable reason and number.
    pub held: Vec<(String, u64)>,
    /// Newcomers admitted by this device.
    pub admitted: Vec<String>,
    /// Things a person should know.
    pub notices: Vec<String>,
    /// Teams from which somebody else removed this device's person, while they stay in another one; each once.
    pub teams_left: Vec<TeamLeft>,
}

/// How far a sync is, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Items received so far.
    pub received: u64,
    /// Items delivered so far.
    pub delivered: u64,
}
