//! How to reach somebody.

use std::fmt;

use super::{Field, FieldError, coded_enum, field_as_string, hidden_debug};

coded_enum! {
    /// How a person prefers to be reached.
    ContactChannel, "preferred_channel", "write one of phone, message, mail, letter, in_person, representative" {
        Phone = "phone",
        Message = "message",
        Mail = "mail",
        Letter = "letter",
        InPerson = "in_person",
        Representative = "representative",
    }
}

/// A telephone number, stored as E.164 (`+41344021122`). A number with a leading 0 is Swiss. Shown
/// `+41 34 402 11 22`; numbers of other countries are shown as stored.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

impl Field for Phone {
    const NAME: &'static str = "phone";

    fn parse(input: &str) -> Result<Self, FieldError> {
        // "+41 (0)34 …" is how many people write it; the bracketed zero is not dialled.
        let compact: String = input
            .replace("(0)", "")
            .chars()
            .filter(|c| !matches!(c, ' ' | '\u{a0}' | '.' | '-' | '/' | '(' | ')' | '\''))
            .collect();
        let international = match (
            compact.strip_prefix('+'),
            compact.strip_prefix("00"),
            compact.strip_prefix('0'),
        ) {
            (Some(rest), _, _) | (None, Some(rest), _) => rest.to_owned(),
            (None, None, Some(national)) => format!("41{national}"),
            (None, None, None) => {
                return Err(refused("prefix", "the number begins with neither + nor 0"));
            }
        };
        if !international.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused("character", "a telephone number has digits only"));
        }
        if !(7..=15).contains(&international.len()) || international.starts_with('0') {
            return Err(refused(
                "length",
                "an international number has 7 to 15 digits and does not begin with 0",
            ));
        }
        if let Some(national) = international.strip_prefix("41")
            && (national.len() != 9 || national.starts_with('0'))
        {
            return Err(refused(
                "length",
                "a Swiss number has nine digits after +41 or the leading 0",
            ));
        }
        Ok(Self(format!("+{international}")))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

fn refused(code: &'static str, reason: &'static str) -> FieldError {
    FieldError::new(
        Phone::NAME,
        code,
        reason,
        "write it as 034 402 11 22 or, for another country, with + and the country's number",
    )
}

impl fmt::Display for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.starts_with("+41") {
            return formatter.write_str(&self.0);
        }
        for (position, character) in self.0.chars().enumerate() {
            if matches!(position, 3 | 5 | 8 | 10) {
                formatter.write_str(" ")?;
            }
            write!(formatter, "{character}")?;
        }
        Ok(())
    }
}

hidden_debug!(Phone);
field_as_string!(Phone);

/// An e-mail address: a simple check for typing errors, not a proof that it exists. At most 254
/// characters (RFC 5321), one `@`, a domain with a dot. The domain is stored in small letters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Field for Email {
    const NAME: &'static str = "email";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim();
        let Some((local, domain)) = text.split_once('@') else {
            return Err(bad_email("the address has no @"));
        };
        if text.len() > 254 || local.len() > 64 {
            return Err(bad_email("the address is too long"));
        }
        if !is_local_part(local) {
            return Err(bad_email(
                "the part before the @ has a character that cannot be there",
            ));
        }
        if !is_domain(domain) {
            return Err(bad_email("the part after the @ is no domain"));
        }
        Ok(Self(format!("{local}@{}", domain.to_lowercase())))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

fn is_local_part(local: &str) -> bool {
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c))
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}

fn bad_email(reason: &'static str) -> FieldError {
    FieldError::new(Email::NAME, "format", reason, "write it as name@example.ch")
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

hidden_debug!(Email);
field_as_string!(Email);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn a_swiss_number_is_read_in_every_usual_form() {
        for input in [
            "034 402 11 22",
            "+41344021122",
            "0041 34 402 11 22",
            "+41 (0)34 402 11 22",
            "034/402.11-22",
        ] {
            let phone = Phone::parse(input).unwrap();
            assert_eq!(phone.canonical(), "+41344021122");
            assert_eq!(phone.to_string(), "+41 34 402 11 22");
        }
        assert_round_trip(&Phone::parse("+4915112345678").unwrap());
    }

    #[test]
    fn wrong_numbers_are_refused() {
        assert_eq!(refusal::<Phone>("34 402 11 22"), "prefix");
        assert_eq!(refusal::<Phone>(""), "prefix");
        assert_eq!(refusal::<Phone>("034 402 11 2"), "length");
        assert_eq!(refusal::<Phone>("034 402 11 222"), "length");
        assert_eq!(refusal::<Phone>("+1234567890123456"), "length");
        assert_eq!(refusal::<Phone>("+123456"), "length");
        assert_eq!(refusal::<Phone>("034 402 11 AB"), "character");
    }

    #[test]
    fn addresses_are_checked_for_typing_errors() {
        let email = Email::parse(" ruth.mosimann@Example.CH ").unwrap();
        assert_eq!(email.to_string(), "ruth.mosimann@example.ch");
        assert_round_trip(&email);
        for wrong in [
            "",
            "ruth",
            "@example.ch",
            "ruth@",
            "ruth@example",
            "a@b@c.ch",
            "a b@c.ch",
            "a@-c.ch",
            ".a@c.ch",
            "a..b@c.ch",
            "a@c..ch",
        ] {
            assert_eq!(refusal::<Email>(wrong), "format", "{wrong}");
        }
        assert_eq!(
            refusal::<Email>(&format!("{}@c.ch", "a".repeat(65))),
            "format"
        );
        assert!(Email::parse(&format!("{}@c.ch", "a".repeat(64))).is_ok());
    }

    proptest! {
        #[test]
        fn phones_round_trip(number in "0[1-9][0-9]{8}|\\+[1-9][0-9]{6,14}") {
            if let Ok(phone) = Phone::parse(&number) { assert_round_trip(&phone); }
        }
        #[test]
        fn no_input_panics(input in "\\PC{0,40}") {
            let _ = Phone::parse(&input);
            let _ = Email::parse(&input);
        }
    }
}
