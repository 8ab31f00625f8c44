//! Risks and reviews of a plan.

use nahtlos_document::{Document, Path};
use serde::Serialize;

use crate::author::{AuthorOf, Origin};
use crate::edit::{REVIEW, RISK};
use crate::fields::{
    Date, EntryId, GoalRatings, LongText, ReviewOutcome, RiskStatus, Severity, Stored,
};
use crate::rules::{Violation, immutable_entries_named};
use crate::view::{Fields, stored};

/// What may go wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RiskView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// What may go wrong.
    pub description: Option<Stored<LongText>>,
    /// How heavily it weighs.
    pub severity: Option<Stored<Severity>>,
    /// What is done about it.
    pub response: Option<Stored<LongText>>,
    /// Whether it is still to be watched.
    pub status: Option<Stored<RiskStatus>>,
}

/// One review of the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// The day.
    pub date: Option<Stored<Date>>,
    /// Who took part.
    pub participants: Option<Stored<LongText>>,
    /// How goals stood.
    pub ratings: Option<Stored<GoalRatings>>,
    /// What was decided.
    pub outcome: Option<Stored<ReviewOutcome>>,
    /// What else is to be known about it.
    pub note: Option<Stored<LongText>>,
    /// Who recorded it.
    pub origin: Origin,
}

/// In the order in which they were written.
pub(super) fn risks(document: &Document, plan: Option<&Fields>) -> Vec<RiskView> {
    let entries = plan.into_iter().flatten();
    let mut risks: Vec<RiskView> = entries
        .filter_map(|(name, value)| {
            let (id, fields) = (name.strip_prefix(RISK)?, Some(value.as_map()?));
            Some(RiskView {
                id: Stored::read(id),
                description: stored(fields, "description"),
                severity: stored(fields, "severity"),
                response: stored(fields, "response"),
                status: stored(fields, "status"),
            })
        })
        .collect();
    let reader = document.read();
    risks.sort_by_cached_key(|risk| {
        let id = risk.id.canonical();
        let name = format!("{RISK}{id}");
        (reader.writing_place(["plan", name.as_str()]), id)
    });
    risks
}

/// Newest first.
pub(super) fn reviews(
    document: &Document,
    authors: &dyn AuthorOf,
) -> (Vec<ReviewView>, Vec<Violation>) {
    let container = Path::from_iter(["plan"]);
    let (entries, violations) = immutable_entries_named(document, &container, authors, REVIEW);
    let mut reviews: Vec<ReviewView> = entries
        .into_iter()
        .filter_map(|entry| {
            let fields = Some(&entry.fields);
            Some(ReviewView {
                id: Stored::read(entry.id.strip_prefix(REVIEW)?),
                date: stored(fields, "date"),
                participants: stored(fields, "participants"),
                ratings: stored(fields, "ratings"),
                outcome: stored(fields, "outcome"),
                note: stored(fields, "note"),
                origin: Origin::of_entry(authors, &entry),
            })
        })
        .collect();
    reviews.sort_by_key(|review| {
        let day = review.date.as_ref().map(Stored::canonical);
        (std::cmp::Reverse(day), review.id.canonical())
    });
    (reviews, violations)
}
