//! Looking at the plan together: what was found, what was decided.

use nahtlos_document::{Editor, Path};
use serde::{Deserialize, Serialize};

use super::prefixed_path;
use crate::edit::field_set::ToStored;
use crate::edit::{ApplyError, entry_path, require};
use crate::fields::{Date, EntryId, GoalRatings, LongText, ReviewOutcome};

/// How the name of a review begins in `plan`.
pub(crate) const REVIEW: &str = "review:";

/// One review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The day.
    pub date: Date,
    /// Who took part, as people write it.
    pub participants: LongText,
    /// How goals stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratings: Option<GoalRatings>,
    /// What was decided.
    pub outcome: ReviewOutcome,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

impl Review {
    pub(super) fn add(&self, editor: &mut Editor<'_>, id: &EntryId) -> Result<(), ApplyError> {
        for (goal, _) in self.ratings.iter().flat_map(GoalRatings::iter) {
            require(editor, &entry_path("goals", goal), "goal that is rated")?;
        }
        let review: Path = prefixed_path(REVIEW, id);
        editor.put_map(&review)?;
        editor.put(review.join("date"), self.date.to_stored())?;
        editor.put(review.join("participants"), self.participants.to_stored())?;
        if let Some(ratings) = &self.ratings {
            editor.put(review.join("ratings"), ratings.to_stored())?;
        }
        editor.put(review.join("outcome"), self.outcome.to_stored())?;
        if let Some(note) = &self.note {
            editor.put(review.join("note"), note.to_stored())?;
        }
        Ok(())
    }
}
