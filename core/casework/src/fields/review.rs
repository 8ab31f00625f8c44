//! What a review of a plan says, and how far a risk is.

use std::collections::BTreeMap;
use std::fmt;

use super::{EntryId, Field, FieldError, coded_enum, field_as_string};

/// More goals than any plan has.
const RATINGS_MAX: usize = 200;

coded_enum! {
    /// What a review decided about the plan.
    ReviewOutcome, "outcome", "write one of continue, adapt, stop" {
        Continue = "continue",
        Adapt = "adapt",
        Stop = "stop",
    }
}

coded_enum! {
    /// Whether a risk is still to be watched.
    RiskStatus, "risk_status", "write one of open, closed" {
        Open = "open",
        Closed = "closed",
    }
}

coded_enum! {
    /// How a goal stands: from −2, much worse, over 0, as expected, to 2, much better.
    Rating, "rating", "write one of -2, -1, 0, 1, 2" {
        MuchWorse = "-2",
        Worse = "-1",
        AsExpected = "0",
        Better = "1",
        MuchBetter = "2",
    }
}

/// A rating for each goal that was looked at. Stored `<goal>=-1;<goal>=2` in the order of the goals'
/// identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GoalRatings(BTreeMap<EntryId, Rating>);

impl GoalRatings {
    /// From ratings in any order.
    ///
    /// # Errors
    /// `empty` for none, `duplicate` for a goal rated twice, `too_many` for more than 200.
    pub fn new(ratings: impl IntoIterator<Item = (EntryId, Rating)>) -> Result<Self, FieldError> {
        let mut by_goal = BTreeMap::new();
        for (goal, rating) in ratings {
            if by_goal.insert(goal, rating).is_some() {
                return Err(refused("duplicate", "a goal is rated twice"));
            }
            if by_goal.len() > RATINGS_MAX {
                return Err(refused("too_many", "more than 200 goals are rated"));
            }
        }
        if by_goal.is_empty() {
            return Err(refused("empty", "no goal is rated"));
        }
        Ok(Self(by_goal))
    }

    /// Goals and ratings.
    pub fn iter(&self) -> impl Iterator<Item = (&EntryId, Rating)> {
        self.0.iter().map(|(goal, rating)| (goal, *rating))
    }
}

fn refused(code: &'static str, reason: &'static str) -> FieldError {
    FieldError::new(
        GoalRatings::NAME,
        code,
        reason,
        "rate each goal once, from -2 to 2, e.g. 1=1;2=-1",
    )
}

impl Field for GoalRatings {
    const NAME: &'static str = "ratings";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let part = |part: &str| {
            let (goal, rating) = part
                .split_once('=')
                .ok_or_else(|| refused("format", "a part is not goal=rating"))?;
            let goal = EntryId::parse(goal)
                .map_err(|_| refused("format", "a part does not begin with a goal"))?;
            Ok((goal, Rating::parse(rating)?))
        };
        let parts: Result<Vec<_>, FieldError> = input.split(';').map(part).collect();
        Self::new(parts?)
    }

    fn canonical(&self) -> String {
        let parts: Vec<String> = self
            .iter()
            .map(|(goal, rating)| format!("{goal}={rating}"))
            .collect();
        parts.join(";")
    }
}

impl fmt::Display for GoalRatings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.canonical())
    }
}

field_as_string!(GoalRatings);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn ratings_go_from_minus_two_to_two_and_each_goal_has_one() {
        let goal = |number| EntryId::from_random([number; 8]);
        let ratings = [(goal(2), Rating::Worse), (goal(1), Rating::MuchBetter)];
        assert_round_trip(&GoalRatings::new(ratings).unwrap());
        let (first, second) = (goal(1), goal(1));
        assert_eq!(
            refusal::<GoalRatings>(&format!("{first}=1;{second}=0")),
            "duplicate"
        );
        assert_eq!(
            refusal::<GoalRatings>(&format!("{first}=3")),
            "unknown_code"
        );
        assert_eq!(refusal::<GoalRatings>(""), "format");
        assert_eq!(GoalRatings::new([]).unwrap_err().code, "empty");
        ReviewOutcome::ALL.iter().for_each(assert_round_trip);
        RiskStatus::ALL.iter().for_each(assert_round_trip);
        Rating::ALL.iter().for_each(assert_round_trip);
    }
}
