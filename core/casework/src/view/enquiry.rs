//! An anonymous enquiry as it reads now.

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::form::{EntryView, FormView};
use super::order::WrittenOrder;
use crate::author::AuthorOf;
use crate::edit::ScalarValue;
use crate::fields::InstitutionId;
use crate::rules::{Rule, Violation};
use crate::section::SectionKind;

/// An anonymous enquiry: what one institution says of somebody without naming them, and what another answers.
///
/// Only what people of the institution that sent it wrote describes; only what others wrote answers. Both
/// are never changed once they are written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnquiryView {
    /// The coded facts; none where they have not arrived.
    pub facts: Option<EntryView>,
    /// What the institution that sent it told later, in the order in which it was written.
    pub additions: Vec<EntryView>,
    /// Answers, in the order in which they were written.
    pub answers: Vec<EntryView>,
    /// How it stands.
    pub status: EnquiryStatus,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// How an enquiry stands, by its last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EnquiryStatus {
    /// Nobody has answered.
    Open,
    /// The other institution wants to know more.
    MoreWanted,
    /// It was asked for more, and told.
    MoreTold,
    /// The other institution takes part.
    Accepted,
    /// The other institution declines.
    Declined,
    /// An answer of a newer version.
    Unknown,
}

impl EnquiryStatus {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::MoreWanted => "more_wanted",
            Self::MoreTold => "more_told",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Unknown => "unknown",
        }
    }
}

impl EnquiryView {
    /// Reads an enquiry's document; `home` is the institution that sent it.
    pub fn read(document: &Document, authors: &dyn AuthorOf, home: &InstitutionId) -> Self {
        let FormView {
            mut lists,
            mut violations,
            ..
        } = FormView::read(document, &SectionKind::Enquiry, authors);
        let mut entitled = |code: &str, by_home: bool| {
            let (kept, others): (Vec<_>, Vec<_>) = lists
                .remove(code)
                .unwrap_or_default()
                .into_iter()
                .partition(|entry| is_by(entry, home) == Some(by_home));
            let broken = others.into_iter().filter_map(|entry| {
                let path = Path::from_iter(["records".to_owned(), entry.id.canonical()]);
                Some(Violation::new(
                    Rule::OneAsksTheOtherAnswers,
                    &path,
                    entry.origin?,
                ))
            });
            violations.extend(broken);
            kept
        };
        let mut facts = entitled("facts", true).into_iter();
        let facts = facts.next();
        let additions = entitled("additions", true);
        let answers = entitled("answers", false);
        Self {
            status: status(&WrittenOrder::of(document), &additions, &answers),
            facts,
            additions,
            answers,
            violations,
        }
    }
}

/// Whether somebody wrote it for this institution; none where nobody vouches for its author.
fn is_by(entry: &EntryView, home: &InstitutionId) -> Option<bool> {
    let acted_for = entry.origin.as_ref()?.acted_for.as_ref()?;
    Some(acted_for == home)
}

fn status(order: &WrittenOrder, additions: &[EntryView], answers: &[EntryView]) -> EnquiryStatus {
    let Some(last) = answers.last() else {
        return EnquiryStatus::Open;
    };
    let place = |entry: &EntryView| entry.origin.as_ref().map(|origin| order.place(origin));
    let told_since = additions
        .last()
        .is_some_and(|told| place(told) > place(last));
    let answer = last.fields.get("answer").map(|answer| &answer.stored);
    match answer {
        Some(ScalarValue::Text(code)) => match code.as_str() {
            "accept" => EnquiryStatus::Accepted,
            "decline" => EnquiryStatus::Declined,
            "more" if told_since => EnquiryStatus::MoreTold,
            "more" => EnquiryStatus::MoreWanted,
            _ => EnquiryStatus::Unknown,
        },
        _ => EnquiryStatus::Unknown,
    }
}
