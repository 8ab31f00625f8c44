//! What was decided about a case as a whole: closings, reopenings, and who leads or pays.

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::stored;
use crate::author::{AuthorOf, Origin};
use crate::edit::{CLOSING, COMPETENCE, REOPENING};
use crate::fields::{
    ClosingReason, CompetenceKind, Date, EntryId, Field, InstitutionId, Line, LongText, Phase,
    ReopeningReason, Stored,
};
use crate::rules::{ImmutableEntry, Violation, immutable_entries_named};

/// What the core data say of how the case was led.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProcessView {
    /// The phase; `reported` where none is written.
    pub phase: Stored<Phase>,
    /// Who said so, when; nothing where nobody has.
    pub phase_since: Option<Origin>,
    /// Whether several people said something different at the same time.
    pub phase_is_disputed: bool,
    /// Closings, newest first.
    pub closings: Vec<EndingView<ClosingReason>>,
    /// Reopenings, newest first.
    pub reopenings: Vec<EndingView<ReopeningReason>>,
    /// Who leads and who pays, the latest decision first.
    pub competences: Vec<CompetenceView>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// A closing or reopening.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndingView<R: Field + Serialize> {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// The day.
    pub date: Option<Stored<Date>>,
    /// Why.
    pub reason: Option<Stored<R>>,
    /// What else is to be known about it.
    pub note: Option<Stored<LongText>>,
    /// Who recorded it, when.
    pub origin: Origin,
}

/// A decision about who leads, or pays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompetenceView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// What it settles.
    pub kind: Option<Stored<CompetenceKind>>,
    /// Which institution.
    pub institution: Option<Stored<InstitutionId>>,
    /// For what, where it is not for the whole case.
    pub subject: Option<Stored<Line>>,
    /// From this day on.
    pub since: Option<Stored<Date>>,
    /// The last day, where there is one.
    pub until: Option<Stored<Date>>,
    /// The day on which it was decided.
    pub decided_on: Option<Stored<Date>>,
    /// Who decided it.
    pub decided_by: Option<Stored<Line>>,
    /// Why.
    pub grounds: Option<Stored<LongText>>,
    /// The decision that it corrects.
    pub correction_of: Option<Stored<EntryId>>,
    /// Those that correct it.
    pub corrected_by: Vec<Stored<EntryId>>,
    /// Who recorded it, when.
    pub origin: Origin,
}

impl ProcessView {
    /// Reads a document of the section `core`.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let mut violations = Vec::new();
        let mut entries = |prefix: &str| {
            let container = Path::from_iter(["case"]);
            let (entries, broken) = immutable_entries_named(document, &container, authors, prefix);
            violations.extend(broken);
            entries
        };
        let (closings, reopenings) = (entries(CLOSING), entries(REOPENING));
        let competences = entries(COMPETENCE);
        let phases = document.read().get_all(Path::from_iter(["case", "phase"]));
        let phase = phases.first().and_then(|phase| phase.value.as_str());
        Self {
            phase: phase.map_or(Stored::Known(Phase::Reported), Stored::read),
            phase_since: phases.first().map(|phase| Origin::of(authors, phase)),
            phase_is_disputed: phases.iter().any(|phase| {
                let first = phases.first();
                first.is_some_and(|first| first.value != phase.value)
            }),
            closings: endings(&closings, CLOSING, authors),
            reopenings: endings(&reopenings, REOPENING, authors),
            competences: competences_of(&competences, authors),
            violations,
        }
    }

    /// What decides who leads or pays on a day, corrected decisions left out.
    pub fn competences_on(&self, day: Date) -> impl Iterator<Item = &CompetenceView> {
        self.competences.iter().filter(move |decision| {
            let known =
                |date: &Option<Stored<Date>>| date.as_ref().and_then(Stored::known).copied();
            let begun = known(&decision.since).is_some_and(|since| since <= day);
            let over = known(&decision.until).is_some_and(|until| until < day);
            begun && !over && decision.corrected_by.is_empty()
        })
    }
}

fn endings<R: Field + Serialize>(
    entries: &[ImmutableEntry],
    prefix: &str,
    authors: &dyn AuthorOf,
) -> Vec<EndingView<R>> {
    let mut endings: Vec<EndingView<R>> = entries
        .iter()
        .filter_map(|entry| {
            let fields = Some(&entry.fields);
            Some(EndingView {
                id: Stored::read(entry.id.strip_prefix(prefix)?),
                date: stored(fields, "date"),
                reason: stored(fields, "reason"),
                note: stored(fields, "note"),
                origin: Origin::of(authors, &entry.created),
            })
        })
        .collect();
    endings.sort_by_key(|ending| std::cmp::Reverse((ending.origin.at, ending.id.canonical())));
    endings
}

fn competences_of(entries: &[ImmutableEntry], authors: &dyn AuthorOf) -> Vec<CompetenceView> {
    let mut found: Vec<CompetenceView> = entries
        .iter()
        .filter_map(|entry| {
            let fields = Some(&entry.fields);
            Some(CompetenceView {
                id: Stored::read(entry.id.strip_prefix(COMPETENCE)?),
                kind: stored(fields, "kind"),
                institution: stored(fields, "institution"),
                subject: stored(fields, "subject"),
                since: stored(fields, "since"),
                until: stored(fields, "until"),
                decided_on: stored(fields, "decided_on"),
                decided_by: stored(fields, "decided_by"),
                grounds: stored(fields, "grounds"),
                correction_of: stored(fields, "correction_of"),
                corrected_by: Vec::new(),
                origin: Origin::of(authors, &entry.created),
            })
        })
        .collect();
    let corrections: Vec<(Stored<EntryId>, Stored<EntryId>)> = found
        .iter()
        .filter_map(|decision| Some((decision.correction_of.clone()?, decision.id.clone())))
        .collect();
    for decision in &mut found {
        let of = corrections
            .iter()
            .filter(|(corrected, _)| *corrected == decision.id);
        decision.corrected_by = of.map(|(_, by)| by.clone()).collect();
    }
    found.sort_by_key(|decision| {
        let day = decision.decided_on.as_ref().map(Stored::canonical);
        std::cmp::Reverse((day, decision.origin.at, decision.id.canonical()))
    });
    found
}
