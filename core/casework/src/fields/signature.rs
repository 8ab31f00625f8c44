//! Who signs a version of the plan, and how; and a device's signature as it stands in an entry.

use std::fmt;

use super::{Field, FieldError, InstitutionId, coded_enum, field_as_string};

coded_enum! {
    /// How a version of the plan was agreed to.
    SignatureMethod, "method", "write one of device_key, paper, verbal" {
        DeviceKey = "device_key",
        Paper = "paper",
        Verbal = "verbal",
    }
}

/// A party to a version of the plan. Stored `client` or the institution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The person the case is about, or who represents them.
    Client,
    /// An institution that leads or is named responsible.
    Institution(InstitutionId),
}

impl Party {
    /// True for who can sign with a device key: the institutions of the network. The client, and a body
    /// that does not use this program, sign on paper or agree by word of mouth.
    pub fn has_devices(&self) -> bool {
        matches!(self, Self::Institution(institution) if institution.is_of_network())
    }
}

impl InstitutionId {
    /// True for an institution of the network, whose identifier is that of its space (64 small
    /// hexadecimal digits); false for a body that a case names and that does not use this program.
    pub fn is_of_network(&self) -> bool {
        let text = self.as_str();
        text.len() == 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }
}

/// A device's signature over the other fields of an entry, with what it takes to verify it (PROTOCOL §30), in
/// base64. What it says is not looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntrySignature(String);

/// What the longest signature with its heads takes: 12 KiB in base64.
const SIGNATURE_CHARS_MAX: usize = 16_384;

impl Field for EntrySignature {
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

impl fmt::Display for EntrySignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

field_as_string!(EntrySignature);

impl Field for Party {
    const NAME: &'static str = "party";

    fn parse(input: &str) -> Result<Self, FieldError> {
        match input.trim() {
            "client" => Ok(Self::Client),
            institution => InstitutionId::parse(institution)
                .map(Self::Institution)
                .map_err(|_| {
                    FieldError::new(
                        Self::NAME,
                        "format",
                        "this names neither the client nor an institution",
                        "write client, or the institution",
                    )
                }),
        }
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => formatter.write_str("client"),
            Self::Institution(institution) => institution.fmt(formatter),
        }
    }
}

field_as_string!(Party);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn an_institution_of_the_network_has_devices_and_others_have_none() {
        let network = Party::parse(&"0a".repeat(32)).unwrap();
        assert_round_trip(&network);
        assert!(network.has_devices());
        for other in ["client", "pflegeheim", &"0A".repeat(32)] {
            let party = Party::parse(other).unwrap();
            assert_round_trip(&party);
            assert!(!party.has_devices(), "{other}");
        }
        assert_eq!(refusal::<Party>("a b"), "format");
        SignatureMethod::ALL.iter().for_each(assert_round_trip);
    }

    #[test]
    fn a_signature_is_base64() {
        assert_round_trip(&EntrySignature::parse("aGVsbG8=").unwrap());
        for wrong in ["", "no base64!", &"a".repeat(SIGNATURE_CHARS_MAX + 1)] {
            assert_eq!(refusal::<EntrySignature>(wrong), "format");
        }
    }
}
