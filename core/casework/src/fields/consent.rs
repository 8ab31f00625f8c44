//! Closed lists and small values of the consent ledger.

use std::fmt;

use super::{Field, FieldError, coded_enum, field_as_string};

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

/// SHA-256 of a scan, by which the paper is found and recognised: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperHash(String);

impl PaperHash {
    /// Of the bytes of a scan.
    pub fn of(scan: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        Self(data_encoding::HEXLOWER.encode(&Sha256::digest(scan)))
    }
}

impl Field for PaperHash {
    const NAME: &'static str = "paper_sha256";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim().to_ascii_lowercase();
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text));
        }
        Err(FieldError::new(
            Self::NAME,
            "format",
            "a SHA-256 has 64 hexadecimal digits",
            "take what `sha256sum FILE` prints for the scan",
        ))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for PaperHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

field_as_string!(PaperHash);

/// A signature over an event, with what it takes to verify it (PROTOCOL §30), in base64. What it says is not
/// looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSignature(String);

/// Far above what a signature with its heads takes.
const SIGNATURE_CHARS_MAX: usize = 16_384;

impl Field for EventSignature {
    const NAME: &'static str = "signature";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if (1..=SIGNATURE_CHARS_MAX).contains(&input.len()) && input.bytes().all(is_base64) {
            return Ok(Self(input.to_owned()));
        }
        Err(FieldError::new(
            Self::NAME,
            "format",
            "this is not base64",
            "leave it as the device made it",
        ))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for EventSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

field_as_string!(EventSignature);

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

    #[test]
    fn a_scan_is_named_by_its_sha_256_and_a_signature_is_base64() {
        let hash = PaperHash::parse(&"AB12".repeat(16)).unwrap();
        assert_eq!(hash.canonical(), "ab12".repeat(16));
        assert_round_trip(&hash);
        assert_eq!(
            PaperHash::of(b"abc").canonical(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        for wrong in ["", "ab12", &"xy12".repeat(16), &"ab12".repeat(17)] {
            assert_eq!(refusal::<PaperHash>(wrong), "format", "{wrong}");
        }
        assert_round_trip(&EventSignature::parse("aGVsbG8=").unwrap());
        for wrong in ["", "no base64!", &"a".repeat(SIGNATURE_CHARS_MAX + 1)] {
            assert_eq!(refusal::<EventSignature>(wrong), "format");
        }
    }
}
