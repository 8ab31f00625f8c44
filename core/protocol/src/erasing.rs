//! Which erasures say that a whole section is erased.
//!
//! An erasure by a device that lost a section says that its own copy is gone. One by a device that *manages*
//! a *closed* section says that the section itself is: the relay drops what it stores of it, every device
//! that reads it destroys its copy and its keys, and what is served again later is not taken. Like every rule
//! of this crate it asks signed data and receipts alone, so that a relay that reads nothing can carry it out
//! and cannot make it up.

use crate::identifier::DeviceId;
use crate::space::authority::{Knowledge, Logs, View};
use crate::space::kind::{Kind, Role};
use crate::space::standing::{self, Suspended};
use crate::space::state::SpaceState;

/// Whether an erasure by this author, who knew this much, erases the whole section: by what its access heads
/// come after the section was closed and the author managed it, and in the view `since` the author's right to
/// manage has not ended. The caller asks of the newest logs, and of the logs as they had been received before
/// the erasure: one of both is enough, since who ordered it in their time may leave later.
///
/// Closing takes no right to manage away. A `Void` does not take an erasure back: nobody could give back what
/// was destroyed by it.
#[must_use]
pub fn erases_section(
    logs: &dyn Logs,
    state: &SpaceState,
    author: &DeviceId,
    knew: &Knowledge,
    since: View<'_>,
    suspended: &Suspended,
) -> bool {
    let known = knew.length(&state.id()).unwrap_or(0);
    state.kind() == Kind::Section
        && state.is_closed_at(known)
        && standing::remaining_content_role(logs, author, state, knew, since, suspended)
            >= Some(Role::Manage)
}

#[cfg(test)]
#[path = "erasing_tests.rs"]
mod tests;
