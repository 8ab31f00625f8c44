//! Conflicts as they came about: those of one case whose sides were written on one day belong to one meeting,
//! and are settled best by the people who sat there.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::fields::UtcTime;
use nahtlos_casework::{Conflict, ConflictKind, Origin};
use serde_json::{Value, json};

use super::pages::who;
use crate::output::dates;

/// Conflicts of one case that came of one meeting.
pub struct Meeting {
    /// The latest time at which a side of one of them was written, by its author's clock; nothing where no time
    /// is known.
    pub at: Option<UtcTime>,
    /// Who wrote the sides.
    pub people: BTreeSet<String>,
    /// In the order in which they were given.
    pub conflicts: Vec<Conflict>,
}

impl Meeting {
    /// In one line: the day, and who was there.
    pub fn title(&self) -> String {
        let people: Vec<&str> = self.people.iter().map(String::as_str).collect();
        match self.at {
            Some(at) => format!("{}: {}", day(at), people.join(", ")),
            None => people.join(", "),
        }
    }

    /// For programs.
    pub fn data(&self, case: &str) -> Value {
        let ids = self
            .conflicts
            .iter()
            .map(|conflict| conflict.id.to_string());
        json!({
            "case": case,
            "day": self.at.map(day),
            "people": self.people,
            "conflicts": ids.collect::<Vec<_>>(),
        })
    }
}

/// The conflicts of a case by the meeting that they came of, the latest first.
pub fn by_meeting(conflicts: Vec<Conflict>) -> Vec<Meeting> {
    let mut meetings: BTreeMap<Option<String>, Meeting> = BTreeMap::new();
    for conflict in conflicts {
        let at = sides(&conflict).filter_map(|side| side.at).max();
        let meeting = meetings.entry(at.map(day)).or_insert_with(|| Meeting {
            at,
            people: BTreeSet::new(),
            conflicts: Vec::new(),
        });
        meeting.at = meeting.at.max(at);
        meeting.people.extend(sides(&conflict).map(who));
        meeting.conflicts.push(conflict);
    }
    let mut meetings: Vec<Meeting> = meetings.into_values().collect();
    meetings.sort_by_key(|meeting| std::cmp::Reverse(meeting.at));
    meetings
}

/// Who wrote each side, when.
fn sides(conflict: &Conflict) -> impl Iterator<Item = &Origin> {
    let (ending, alternatives) = match &conflict.kind {
        ConflictKind::Values { alternatives } | ConflictKind::Wordings { alternatives, .. } => {
            (None, alternatives)
        }
        ConflictKind::DeletedMeanwhile {
            deleted_by, edits, ..
        } => (Some(deleted_by), edits),
        ConflictKind::ClosedMeanwhile { closed_by, edits } => (Some(closed_by), edits),
    };
    ending
        .into_iter()
        .chain(alternatives.iter().map(|side| &side.origin))
}

/// The day in Switzerland.
fn day(at: UtcTime) -> String {
    let time = dates::time(at);
    time.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use nahtlos_casework::edit::ScalarValue;
    use nahtlos_casework::fields::Field;
    use nahtlos_casework::{Alternative, Author, ConflictId, SectionKind};

    use super::*;

    const MORNING: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;

    fn side(person: &str, seconds: i64) -> Origin {
        Origin {
            acted_for: None,
            author: Some(Author {
                device: Field::parse("device").unwrap(),
                person: Field::parse(person).unwrap(),
                institution: Field::parse("soz").unwrap(),
                display_name: Field::parse(person).unwrap(),
            }),
            at: Some(UtcTime::from_seconds(seconds).unwrap()),
            change: String::new(),
            taken_over: None,
        }
    }

    fn conflict(number: u8, sides: &[(&str, i64)]) -> Conflict {
        let alternatives = sides.iter().map(|(person, seconds)| Alternative {
            value: ScalarValue::Bool(true),
            field: None,
            origin: side(person, *seconds),
        });
        Conflict {
            id: ConflictId::parse(&format!("{number:02x}").repeat(8)).unwrap(),
            section: SectionKind::Plan,
            path: vec!["plan".into()],
            label: None,
            entry: None,
            kind: ConflictKind::Values {
                alternatives: alternatives.collect(),
            },
            changes: Vec::new(),
        }
    }

    #[test]
    fn what_was_written_on_one_day_came_of_one_meeting_the_latest_first() {
        let meetings = by_meeting(vec![
            conflict(1, &[("Berger", MORNING), ("Iseli", MORNING + 60)]),
            conflict(
                2,
                &[("Keller", MORNING - 9 * DAY), ("Sommer", MORNING + DAY)],
            ),
            conflict(3, &[("Sommer", MORNING + 600), ("Berger", MORNING)]),
        ]);
        let shown: Vec<(usize, Vec<&str>)> = meetings
            .iter()
            .map(|meeting| {
                let people = meeting.people.iter().map(String::as_str).collect();
                (meeting.conflicts.len(), people)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (1, vec!["Keller", "Sommer"]),
                (2, vec!["Berger", "Iseli", "Sommer"])
            ]
        );
        assert!(meetings[1].title().ends_with(": Berger, Iseli, Sommer"));
    }
}
