//! Closed lists and small values of the consent ledger.

use super::coded_enum;

coded_enum! {
    /// What an event of the consent ledger says. An event of a newer version is kept and shown as not
    /// understood. That a consent ran out is no event: it follows from its days.
    ConsentEventKind, "consent_event",
    "write one of given, narrowed, extended, withdrawn, superseded" {
        Given = "given",
        Narrowed = "narrowed",
        Extended = "extended",
        Withdrawn = "withdrawn",
        Superseded = "superseded",
    }
}

coded_enum! {
    /// How a consent was given.
    ConsentForm, "form", "write one of paper, device, verbal" {
        Paper = "paper",
        Device = "device",
        Verbal = "verbal",
    }
}

coded_enum! {
    /// What a share is for (purpose limitation).
    Purpose, "purpose",
    "write one of coordination, clarification, planning, measure, placement, benefits" {
        /// Working together on the case: the purpose where none is named.
        Coordination = "coordination",
        /// Finding out what somebody is entitled to, or able to do.
        Clarification = "clarification",
        /// Making the integration plan.
        Planning = "planning",
        /// Carrying a measure out.
        Measure = "measure",
        /// Finding and keeping a job or apprenticeship.
        Placement = "placement",
        /// Who pays what.
        Benefits = "benefits",
    }
}

coded_enum! {
    /// Which way a share goes.
    Direction, "direction", "write receives or exchanges" {
        /// The receiver reads.
        Receives = "receives",
        /// The receiver reads, and what they write goes to the others who read.
        Exchanges = "exchanges",
    }
}

coded_enum! {
    /// Whether something is told once, or for as long as the consent holds.
    Recurrence, "recurrence", "write once or recurring" {
        Once = "once",
        Recurring = "recurring",
    }
}

coded_enum! {
    /// Whether the person was told that a consent can be withdrawn at any time.
    WithdrawalNotice, "withdrawable_notice", "write given or not_given" {
        Given = "given",
        NotGiven = "not_given",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn the_lists_are_closed() {
        ConsentEventKind::ALL.iter().for_each(assert_round_trip);
        ConsentForm::ALL.iter().for_each(assert_round_trip);
        Purpose::ALL.iter().for_each(assert_round_trip);
        Direction::ALL.iter().for_each(assert_round_trip);
        Recurrence::ALL.iter().for_each(assert_round_trip);
        WithdrawalNotice::ALL.iter().for_each(assert_round_trip);
        assert_eq!(refusal::<ConsentEventKind>("expired"), "unknown_code");
        assert_eq!(refusal::<ConsentForm>("nod"), "unknown_code");
        assert_eq!(refusal::<Purpose>("curiosity"), "unknown_code");
    }
}
