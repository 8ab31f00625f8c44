//! File descriptors: every connection takes one, and so do the database's files. A relay that ran out
//! of them could not open its database any more, so connections get what is left, not the other way.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the database, its readers, listeners, the log and connections on their way out take, with
/// room to spare.
const OWN_DESCRIPTORS: u64 = 128;

/// Raises the process's limit as far as it may, and says how many connections fit into it.
pub(crate) fn make_room_for(connections: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::from(connections).saturating_add(OWN_DESCRIPTORS);
    let Some(soft) = limit.current.filter(|soft| *soft < needed) else {
        return connections;
    };
    let wanted = limit.maximum.map_or(needed, |hard| hard.min(needed));
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    let have = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(_not_allowed) => soft,
    };
    fitting(connections, have)
}

/// Connections that fit beside what the relay needs itself; one always does.
fn fitting(connections: u32, descriptors: u64) -> u32 {
    let room = descriptors.saturating_sub(OWN_DESCRIPTORS).max(1);
    u32::try_from(room).map_or(connections, |room| room.min(connections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_the_database_leaves() {
        assert_eq!(fitting(1024, 20_000), 1024);
        assert_eq!(fitting(1024, 1024), 1024 - 128);
        assert_eq!(fitting(1024, 10), 1);
    }
}
