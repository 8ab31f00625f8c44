//! What the person whom a case is about disputes in a section.

use std::collections::BTreeMap;

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::stored;
use crate::author::{AuthorOf, Origin};
use crate::edit::{DISPUTE, DISPUTE_END, STEP_SEPARATOR};
use crate::fields::{Date, EntryId, LongText, Stored};
use crate::rules::{ImmutableEntry, Violation, permanent_entries_named};

/// The disputes of a section.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DisputesView {
    /// By the day on which they were stated, then by identifier; settled ones stay.
    pub disputes: Vec<DisputeView>,
    /// Changes of marks that counted for nothing.
    pub violations: Vec<Violation>,
}

/// One dispute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisputeView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// What is disputed, step by step from the root.
    pub path: Vec<String>,
    /// What the person says.
    pub text: Option<Stored<LongText>>,
    /// The day on which they said it.
    pub stated_at: Option<Stored<Date>>,
    /// Who recorded it, when.
    pub origin: Origin,
    /// How it was settled, by each who recorded that; none while it stands.
    pub settled: Vec<SettledView>,
}

/// The end of a dispute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettledView {
    /// How.
    pub text: Option<Stored<LongText>>,
    /// The day.
    pub stated_at: Option<Stored<Date>>,
    /// Who recorded it, when.
    pub origin: Origin,
}

impl DisputesView {
    /// Reads the marks of a section's document.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let container = Path::from_iter(["acknowledged"]);
        let (stated, mut violations) =
            permanent_entries_named(document, &container, authors, DISPUTE);
        let (ends, more) = permanent_entries_named(document, &container, authors, DISPUTE_END);
        violations.extend(more);
        let mut settled: BTreeMap<String, Vec<SettledView>> = BTreeMap::new();
        for end in &ends {
            let dispute: Option<Stored<EntryId>> = stored(Some(&end.fields), "dispute");
            if let Some(dispute) = dispute {
                let end = settled_view(end, authors);
                settled.entry(dispute.canonical()).or_default().push(end);
            }
        }
        let mut disputes: Vec<DisputeView> = stated
            .iter()
            .map(|entry| dispute_view(entry, authors, &mut settled))
            .collect();
        disputes.sort_by_key(|dispute| {
            let day = dispute.stated_at.as_ref().map(Stored::canonical);
            (day, dispute.id.canonical())
        });
        Self {
            disputes,
            violations,
        }
    }

    /// Those that stand.
    pub fn standing(&self) -> impl Iterator<Item = &DisputeView> {
        self.disputes
            .iter()
            .filter(|dispute| dispute.settled.is_empty())
    }

    /// Whether a section may hold marks, without reading them: for lists over many cases.
    pub fn is_marked(document: &Document) -> bool {
        let names = document.read().keys(Path::from_iter(["acknowledged"]));
        names.iter().any(|name| name.starts_with(DISPUTE))
    }

    /// Whether this place, or what it lies in, is disputed.
    pub fn marks(&self, path: &[&str]) -> bool {
        self.standing().any(|dispute| {
            let mut steps = dispute.path.iter().zip(path);
            dispute.path.len() <= path.len() && steps.all(|(one, other)| one == other)
        })
    }

    /// What the person says of this place, and of what lies in it or around it; nothing where that is undisputed.
    pub fn said_of(&self, path: &[&str]) -> Vec<String> {
        let concerning = self.standing().filter(|dispute| {
            let mut both = dispute.path.iter().zip(path);
            both.all(|(one, other)| one == other)
        });
        let texts = concerning.filter_map(|dispute| dispute.text.as_ref());
        texts.map(Stored::canonical).collect()
    }

    /// Whether something at this place, above or beneath it, is disputed.
    pub fn concerns(&self, path: &[&str]) -> bool {
        self.standing().any(|dispute| {
            let mut both = dispute.path.iter().zip(path);
            both.all(|(one, other)| one == other)
        })
    }
}

fn dispute_view(
    entry: &ImmutableEntry,
    authors: &dyn AuthorOf,
    settled: &mut BTreeMap<String, Vec<SettledView>>,
) -> DisputeView {
    let fields = Some(&entry.fields);
    let id: Stored<EntryId> = Stored::read(entry.id.strip_prefix(DISPUTE).unwrap_or(&entry.id));
    let path: Option<Stored<LongText>> = stored(fields, "path");
    let path = path.as_ref().map_or_else(String::new, Stored::canonical);
    DisputeView {
        settled: settled.remove(&id.canonical()).unwrap_or_default(),
        id,
        path: path.split(STEP_SEPARATOR).map(str::to_owned).collect(),
        text: stored(fields, "text"),
        stated_at: stored(fields, "stated_at"),
        origin: Origin::of_entry(authors, entry),
    }
}

fn settled_view(entry: &ImmutableEntry, authors: &dyn AuthorOf) -> SettledView {
    let fields = Some(&entry.fields);
    SettledView {
        text: stored(fields, "text"),
        stated_at: stored(fields, "stated_at"),
        origin: Origin::of_entry(authors, entry),
    }
}
