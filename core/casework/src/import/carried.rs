//! What an exported file says beside the content of its case: what the person disputes is taken over, where what is
//! disputed was; the rest is of that case alone, and is counted so that nobody takes it for taken over.

use nahtlos_document::Path;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::reading::{Node, Object, Reading};
use super::source::Source;
use crate::edit::{DisputeChange, DisputeEdit, Edit};
use crate::fields::{Date, EntryId, LongText};
use crate::section::SectionKind;

/// Something of a file that is not taken over, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftBehind {
    /// What: `consents`, `readings`, `versions`, `signatures`, `approvals`, `closings`, `competences`, `slices`,
    /// `conflicts`, `sections_not_readable` or `disputes`.
    pub what: &'static str,
    /// How many.
    pub count: usize,
}

/// What the person disputes, as a file says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewDispute {
    section: SectionKind,
    id: Option<EntryId>,
    path: Vec<String>,
    said: Said,
    settled: Vec<Said>,
}

/// What was said of a dispute, on which day, and who recorded it.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    text: LongText,
    stated_at: Date,
    source: Option<Source>,
}

/// What a file says beside the content.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Carried {
    pub(super) disputes: Vec<NewDispute>,
    pub(super) left: Vec<LeftBehind>,
}

impl NewDispute {
    /// Whether what is disputed is there.
    pub(super) fn stands(&self, exists: &dyn Fn(&SectionKind, &Path) -> bool) -> bool {
        exists(&self.section, &self.path.iter().cloned().collect())
    }

    pub(super) fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let id = self.id.unwrap_or_else(&mut *new_id);
        let edit = |said: &Said, change| {
            let section = self.section.clone();
            Source::of(
                said.source.as_ref(),
                Edit::Dispute(DisputeEdit { section, change }),
            )
        };
        let stated = DisputeChange::State {
            id,
            path: self.path.clone(),
            text: self.said.text.clone(),
            stated_at: self.said.stated_at,
        };
        let mut edits = vec![edit(&self.said, stated)];
        for end in &self.settled {
            let settled = DisputeChange::Settle {
                id: new_id(),
                dispute: id,
                text: end.text.clone(),
                stated_at: end.stated_at,
            };
            edits.push(edit(end, settled));
        }
        edits
    }
}

/// Reads it out of a whole file, in which `reference` is for readers: what cannot be read there is counted, and
/// refuses nothing.
pub(super) fn read_carried(file: &Json) -> Carried {
    let reference = file.get("reference");
    let (mut disputes, mut unreadable) = (Vec::new(), 0);
    let of_sections = reference.and_then(|reference| reference.get("disputes"));
    for (code, marks) in of_sections.and_then(Json::as_object).into_iter().flatten() {
        // A slice shows the marks of the section that it is a part of.
        if code.starts_with("slice/") {
            continue;
        }
        for mark in marks.as_array().into_iter().flatten() {
            match read_dispute(code, mark) {
                Some(dispute) => disputes.push(dispute),
                None => unreadable += 1,
            }
        }
    }
    let plan = file.get("plan");
    let list = |of: Option<&Json>, name: &str| {
        let list = of.and_then(|of| of.get(name)).and_then(Json::as_array);
        list.map_or(0, Vec::len)
    };
    let steps = |goal: &Json| {
        let steps = goal
            .get("steps")
            .and_then(Json::as_array)
            .into_iter()
            .flatten();
        steps
            .map(|step| list(Some(step), "approvals"))
            .sum::<usize>()
    };
    let goals = plan
        .and_then(|plan| plan.get("goals"))
        .and_then(Json::as_array);
    let process = reference.and_then(|reference| reference.get("process"));
    let process = |names: &[&str]| {
        let kept = process.and_then(Json::as_object).into_iter().flatten();
        kept.filter(|(name, _)| names.iter().any(|beginning| name.starts_with(beginning)))
            .count()
    };
    let fields = reference.and_then(Json::as_object);
    let slices = fields
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with("slice/"));
    let conflicts = reference
        .and_then(|reference| reference.get("conflicts"))
        .and_then(Json::as_u64);
    let counts = [
        ("consents", consents(reference)),
        ("readings", entries_of(reference, "access", "records")),
        ("versions", list(plan, "versions")),
        ("signatures", list(plan, "signatures")),
        ("approvals", goals.into_iter().flatten().map(steps).sum()),
        ("closings", process(&[crate::edit::CLOSING])),
        ("competences", process(&[crate::edit::COMPETENCE])),
        ("slices", slices.count()),
        (
            "conflicts",
            conflicts
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(0),
        ),
        (
            "sections_not_readable",
            list(reference, "not_readable_here"),
        ),
        ("disputes", unreadable),
    ];
    let left = counts.into_iter().filter(|(_, count)| *count > 0);
    Carried {
        disputes,
        left: left
            .map(|(what, count)| LeftBehind { what, count })
            .collect(),
    }
}

fn entries_of(reference: Option<&Json>, section: &str, map: &str) -> usize {
    let entries = reference.and_then(|reference| reference.get(section)?.get(map)?.as_object());
    entries.map_or(0, Map::len)
}

/// Consents that were given: not what became of them.
fn consents(reference: Option<&Json>) -> usize {
    let events =
        reference.and_then(|reference| reference.get("consent")?.get("events")?.as_object());
    let given = |event: &&Json| event.get("kind").and_then(Json::as_str) == Some("given");
    events.map_or(0, |events| events.values().filter(given).count())
}

fn read_dispute(section: &str, mark: &Json) -> Option<NewDispute> {
    let section = SectionKind::parse(section).ok()?;
    let mut reading = Reading::default();
    let mut object = reading.object(Node::root(mark))?;
    let id = object.identifier(&mut reading, "disputes");
    let path = object.list(&mut reading, "path");
    let path: Vec<String> = path
        .iter()
        .filter_map(|step| step.json().as_str().map(str::to_owned))
        .collect();
    let settled = object.list(&mut reading, "settled");
    let mut ends = Vec::new();
    for end in settled {
        let mut end = reading.object(end)?;
        ends.push(read_said(&mut end, &mut reading)?);
    }
    let said = read_said(&mut object, &mut reading)?;
    let dispute = NewDispute {
        section,
        id,
        path,
        said,
        settled: ends,
    };
    let mut edits = dispute
        .edits(&mut || EntryId::from_random([0; 8]))
        .into_iter();
    (reading.errors.is_empty() && edits.all(|edit| edit.validate().is_ok())).then_some(dispute)
}

fn read_said(object: &mut Object<'_>, reading: &mut Reading) -> Option<Said> {
    Some(Said {
        text: object.required(reading, "text")?,
        stated_at: object.required(reading, "stated_at")?,
        source: Source::take(object, reading),
    })
}
