//! What a task comes from or is about.

use std::fmt;

use super::reference::is_reference;
use super::{EntryId, Field, FieldError, field_as_string};

/// Something that a task is linked to, in the same case. Whoever reads the task may be unable to open it.
///
/// Stored and shown as `journal/<entry>`, `step/<goal>/<step>`, `meeting/<meeting>` or
/// `meeting/<meeting>/<decision>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskLink {
    /// An entry of the shared journal.
    Journal(EntryId),
    /// A step of the plan, with its goal.
    Step(EntryId, EntryId),
    /// A round table.
    Meeting(String),
    /// A decision of a round table.
    Decision(String, EntryId),
}

impl Field for TaskLink {
    const NAME: &'static str = "link";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let parts: Vec<&str> = input.trim().split('/').collect();
        let id = |text: &str| EntryId::parse(text).ok();
        let link = match parts.as_slice() {
            ["journal", entry] => id(entry).map(Self::Journal),
            ["step", goal, step] => id(goal)
                .zip(id(step))
                .map(|(goal, step)| Self::Step(goal, step)),
            ["meeting", meeting] if is_reference(meeting) => {
                Some(Self::Meeting((*meeting).to_owned()))
            }
            ["meeting", meeting, decision] if is_reference(meeting) => {
                id(decision).map(|decision| Self::Decision((*meeting).to_owned(), decision))
            }
            _ => None,
        };
        link.ok_or_else(|| {
            FieldError::new(
                Self::NAME,
                "format",
                "a task is linked to a journal entry, a step or a round table",
                "write journal/<entry>, step/<goal>/<step> or meeting/<id>",
            )
        })
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for TaskLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(entry) => write!(formatter, "journal/{entry}"),
            Self::Step(goal, step) => write!(formatter, "step/{goal}/{step}"),
            Self::Meeting(meeting) => write!(formatter, "meeting/{meeting}"),
            Self::Decision(meeting, decision) => write!(formatter, "meeting/{meeting}/{decision}"),
        }
    }
}

field_as_string!(TaskLink);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn links_lead_to_entries_steps_and_round_tables_and_nowhere_else() {
        let [one, two] = [1, 2].map(|number| EntryId::from_random([number; 8]));
        for link in [
            TaskLink::Journal(one),
            TaskLink::Step(one, two),
            TaskLink::Meeting("m-1".into()),
            TaskLink::Decision("m-1".into(), two),
        ] {
            assert_round_trip(&link);
        }
        for wrong in [
            "",
            "journal",
            "journal/x",
            "step/a",
            "meeting/",
            "meeting/a b",
            "core/x",
        ] {
            assert_eq!(refusal::<TaskLink>(wrong), "format", "{wrong}");
        }
    }
}
