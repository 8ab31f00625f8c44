//! From which phase a case goes on to which, and what must hold for it (DOMAIN §4).
//!
//! The table is data: what it does not name is refused. What a gate asks for the caller knows; this module
//! says which one there is, and what a person is told.

use crate::fields::{FieldError, Phase};
use crate::labels::Names;

use Gate::{Basis, Closing, Decision, Erasure, Reopening};
use Phase::{
    Archived, Assessed, Closed, Closing as BeingClosed, Consented, Deleted, Paused, Planned,
    Preclarified, Reopened, Reported, Running,
};

/// What must hold before a case goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The decision of who leads, and nothing else.
    Decision,
    /// A consent that holds, or a law on which somebody else reads: from here on personal data leave the
    /// institution that the case was reported to.
    Basis,
    /// Everything that is still open was looked at, and a reason is given.
    Closing,
    /// A reason is given.
    Reopening,
    /// What the case holds is erased.
    Erasure,
}

/// One step that a case may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// From this phase.
    pub from: Phase,
    /// To this one.
    pub to: Phase,
    /// If this holds.
    pub gate: Gate,
}

const fn row(from: Phase, to: Phase, gate: Gate) -> Transition {
    Transition { from, to, gate }
}

/// Every step that there is: forwards, one back where something was mistyped or has to be done again, and
/// over phases that a small case does not have. None leads past `consented`.
pub const TRANSITIONS: &[Transition] = &[
    row(Reported, Preclarified, Decision),
    row(Reported, Consented, Basis),
    row(Reported, BeingClosed, Decision),
    row(Reported, Closed, Closing),
    row(Preclarified, Reported, Decision),
    row(Preclarified, Consented, Basis),
    row(Preclarified, BeingClosed, Decision),
    row(Preclarified, Closed, Closing),
    row(Consented, Preclarified, Decision),
    row(Consented, Assessed, Decision),
    row(Consented, Planned, Decision),
    row(Consented, BeingClosed, Decision),
    row(Consented, Closed, Closing),
    row(Assessed, Consented, Decision),
    row(Assessed, Planned, Decision),
    row(Assessed, BeingClosed, Decision),
    row(Assessed, Closed, Closing),
    row(Planned, Assessed, Decision),
    row(Planned, Running, Decision),
    row(Planned, BeingClosed, Decision),
    row(Planned, Closed, Closing),
    row(Running, Planned, Decision),
    row(Running, Paused, Decision),
    row(Running, BeingClosed, Decision),
    row(Running, Closed, Closing),
    row(Paused, Running, Decision),
    row(Paused, BeingClosed, Decision),
    row(Paused, Closed, Closing),
    // A closing that is called off: to where the case was. It may never have been consented to.
    row(BeingClosed, Reported, Decision),
    row(BeingClosed, Preclarified, Decision),
    row(BeingClosed, Consented, Basis),
    row(BeingClosed, Assessed, Basis),
    row(BeingClosed, Planned, Basis),
    row(BeingClosed, Running, Basis),
    row(BeingClosed, Paused, Basis),
    row(BeingClosed, Closed, Closing),
    row(Closed, Reopened, Reopening),
    row(Closed, Archived, Decision),
    // What was consented to before the closing may have ended since.
    row(Reopened, Preclarified, Decision),
    row(Reopened, Consented, Basis),
    row(Reopened, Assessed, Basis),
    row(Reopened, Planned, Basis),
    row(Reopened, Running, Basis),
    row(Reopened, BeingClosed, Decision),
    row(Reopened, Closed, Closing),
    row(Archived, Reopened, Reopening),
    row(Archived, Deleted, Erasure),
];

/// The phase in which a case begins, whatever the file says from which it is opened: no step was taken in it yet,
/// and nobody has consented to it. What was consented to in another case says nothing of this one.
pub const fn of_new_case(said: Phase) -> Phase {
    match said {
        Reported | Preclarified => said,
        _ => Preclarified,
    }
}

/// The step between two phases; none where there is none.
pub fn transition(from: Phase, to: Phase) -> Option<&'static Transition> {
    TRANSITIONS
        .iter()
        .find(|row| row.from == from && row.to == to)
}

/// The steps from a phase, in the order of the table.
pub fn next(from: Phase) -> impl Iterator<Item = &'static Transition> {
    TRANSITIONS.iter().filter(move |row| row.from == from)
}

/// Whether a person who leads may say that a case is in another phase now. `has_basis` says whether a
/// consent holds, or somebody else reads by a law.
///
/// # Errors
/// Why not, and what to do.
pub fn judge(from: Phase, to: Phase, has_basis: bool) -> Result<(), FieldError> {
    if from == to {
        let reason = format!("the case is {} already", to.names()[2]);
        return Err(refused("unchanged", reason, "nothing is to be done"));
    }
    let Some(row) = transition(from, to) else {
        let to = to.names()[2];
        let reason = format!("a case that is {} cannot be {to} next", from.names()[2]);
        return Err(refused("not_from_here", reason, ways_from(from)));
    };
    match row.gate {
        Gate::Decision => Ok(()),
        Gate::Basis if has_basis => Ok(()),
        Gate::Basis => Err(refused(
            "no_basis",
            "no consent holds, and nobody else reads by a law: until then nothing personal leaves your institution",
            "record the consent with `nahtlos consent give CASE`, which moves the case on by itself, or share by \
             a law: `nahtlos share grant CASE --basis CODE`",
        )),
        Gate::Closing => Err(refused(
            "close",
            "a case is closed with a reason, after a look at what is still open",
            "close it with `nahtlos case close CASE --reason CODE`",
        )),
        Gate::Reopening => Err(refused(
            "reopen",
            "a closed case is opened again with a reason",
            "open it with `nahtlos case reopen CASE --reason CODE`",
        )),
        Gate::Erasure => Err(refused(
            "erase",
            "a case is deleted when what it holds is erased, not by its phase",
            "erase it with `nahtlos case erase CASE --reason CODE`",
        )),
    }
}

fn ways_from(from: Phase) -> String {
    let codes: Vec<&str> = next(from).map(|row| row.to.code()).collect();
    match codes.is_empty() {
        true => "nothing follows on it".to_owned(),
        false => format!("from here it goes on to {}", codes.join(", ")),
    }
}

fn refused(code: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> FieldError {
    FieldError::new("phase", code, reason, remedy)
}

impl Phase {
    /// German, French and English.
    pub const fn names(self) -> Names {
        match self {
            Reported => ["gemeldet", "annoncé", "reported"],
            Preclarified => ["vorabgeklärt", "préclarifié", "preclarified"],
            Consented => ["eingewilligt", "consenti", "consented"],
            Assessed => ["abgeklärt", "évalué", "assessed"],
            Planned => ["geplant", "planifié", "planned"],
            Running => ["in Umsetzung", "en cours", "running"],
            Paused => ["unterbrochen", "suspendu", "paused"],
            BeingClosed => ["im Abschluss", "en clôture", "closing"],
            Closed => ["abgeschlossen", "clôturé", "closed"],
            Reopened => ["wiedereröffnet", "rouvert", "reopened"],
            Archived => ["archiviert", "archivé", "archived"],
            Deleted => ["gelöscht", "supprimé", "deleted"],
        }
    }

    /// Whether nothing personal may leave the institution yet that the case was reported to, but by a
    /// consent or a law.
    pub const fn is_before_consent(self) -> bool {
        matches!(self, Reported | Preclarified)
    }

    /// Whether nobody works on the case any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Closed | Archived | Deleted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Everything that can be reached, without steps through one of the gates.
    fn reached(without: Gate) -> BTreeSet<Phase> {
        let mut known = BTreeSet::from([Reported]);
        let mut waiting = vec![Reported];
        while let Some(from) = waiting.pop() {
            for row in next(from).filter(|row| row.gate != without) {
                if known.insert(row.to) {
                    waiting.push(row.to);
                }
            }
        }
        known
    }

    #[test]
    fn a_case_goes_through_all_phases_of_the_domain_in_their_order() {
        let way = [
            Reported,
            Preclarified,
            Consented,
            Assessed,
            Planned,
            Running,
            Paused,
            Running,
            BeingClosed,
            Closed,
            Reopened,
            Running,
            Closed,
            Archived,
            Deleted,
        ];
        for pair in way.windows(2) {
            assert!(transition(pair[0], pair[1]).is_some(), "{pair:?}");
        }
        for phase in Phase::ALL {
            assert_eq!(next(*phase).count() == 0, *phase == Deleted, "{phase}");
            assert!(phase.names().iter().all(|name| !name.is_empty()));
        }
    }

    #[test]
    fn no_way_leads_to_work_with_others_but_through_a_consent_or_a_law() {
        let without = reached(Gate::Basis);
        for phase in [Consented, Assessed, Planned, Running, Paused] {
            assert!(!without.contains(&phase), "{phase}");
        }
        assert!(without.contains(&Closed), "a report may come to nothing");
        let all = reached(Gate::Erasure);
        assert_eq!(all.len(), Phase::ALL.len() - 1, "control: all but deleted");
    }

    #[test]
    fn every_pair_of_phases_is_judged_by_the_table_alone() {
        for from in Phase::ALL {
            for to in Phase::ALL {
                let found = transition(*from, *to).map(|row| row.gate);
                let code = |has_basis| judge(*from, *to, has_basis).err().map(|error| error.code);
                let expected = match found {
                    _ if from == to => [Some("unchanged"); 2],
                    None => [Some("not_from_here"); 2],
                    Some(Gate::Decision) => [None; 2],
                    Some(Gate::Basis) => [Some("no_basis"), None],
                    Some(Gate::Closing) => [Some("close"); 2],
                    Some(Gate::Reopening) => [Some("reopen"); 2],
                    Some(Gate::Erasure) => [Some("erase"); 2],
                };
                assert_eq!([code(false), code(true)], expected, "{from} {to}");
            }
        }
    }

    #[test]
    fn each_step_stands_in_the_table_once_and_a_refusal_names_those_there_are() {
        for row in TRANSITIONS {
            let same = TRANSITIONS
                .iter()
                .filter(|other| (other.from, other.to) == (row.from, row.to));
            assert_eq!(same.count(), 1, "{row:?}");
        }
        let refusal = judge(Reported, Running, true).unwrap_err();
        assert!(
            refusal.remedy.contains("preclarified, consented"),
            "{}",
            refusal.remedy
        );
        assert!(!refusal.remedy.contains("running"), "{}", refusal.remedy);
    }
}
