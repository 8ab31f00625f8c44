//! Closed lists of the consent ledger.

use super::coded_enum;

coded_enum! {
    /// What an event of the consent ledger says. DOMAIN §6 has more; an event of a newer version is
    /// kept and shown as not understood.
    ConsentEventKind, "consent_event", "write one of given, withdrawn" {
        Given = "given",
        Withdrawn = "withdrawn",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn both_lists_are_closed() {
        ConsentEventKind::ALL.iter().for_each(assert_round_trip);
        ConsentForm::ALL.iter().for_each(assert_round_trip);
        assert_eq!(refusal::<ConsentEventKind>("superseded"), "unknown_code");
        assert_eq!(refusal::<ConsentForm>("nod"), "unknown_code");
    }
}
