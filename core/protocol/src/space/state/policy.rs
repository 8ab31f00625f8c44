//! How an institution admits: the rules in force, what was proposed, and when each of it was said.

use crate::identifier::DeviceId;

/// How an institution admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many administrators it takes to make one: 1 or 2.
    pub administrators: u8,
    /// Whether who answers an invitation is let in only after somebody compared their words with them.
    /// No rule of replay: a comparison is made by people, so honest programs ask for it.
    pub compares: bool,
}

impl Policy {
    /// What holds until an institution says something else.
    pub const FIRST: Self = Self {
        administrators: 1,
        compares: false,
    };

    /// Whether it takes two administrators to make one.
    #[must_use]
    pub fn takes_two(self) -> bool {
        self.administrators > 1
    }
}

/// What an administrator said about how the institution admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// Index of the operation.
    pub at: u64,
    /// Its author.
    pub by: DeviceId,
    /// What it says.
    pub policy: Policy,
    /// Whether it holds from then on; otherwise it waits for another administrator to say the same.
    pub takes_effect: bool,
}
