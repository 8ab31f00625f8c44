//! Case numbers, made offline.

use std::fmt;

use super::{Canton, Field, FieldError, field_as_string, hidden_debug};

/// The order of ISO 7064 MOD 37,36.
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const YEARS: std::ops::RangeInclusive<u16> = 2000..=2199;
const INSTITUTIONS: std::ops::RangeInclusive<u16> = 1..=999;
const COUNTERS: std::ops::RangeInclusive<u16> = 1..=9999;

/// Two letters or digits that the institution's log gives to one device, so that two devices never
/// make the same number while offline. Stored in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceCode([u8; 2]);

impl Field for DeviceCode {
    const NAME: &'static str = "device_code";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let upper = input.trim().to_ascii_uppercase();
        <[u8; 2]>::try_from(upper.as_bytes())
            .ok()
            .filter(|code| code.iter().all(u8::is_ascii_alphanumeric))
            .map(Self)
            .ok_or_else(|| {
                FieldError::new(
                    Self::NAME,
                    "format",
                    "a device code has two letters or digits",
                    "copy it from the institution's device list, e.g. A7",
                )
            })
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for DeviceCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        write!(formatter, "{first}{second}")
    }
}

field_as_string!(DeviceCode);

/// `BE-2026-031-A7-0042-U`: canton, year, institution, device code, counter, check character.
///
/// The check character is ISO 7064 MOD 37,36 over the fifteen letters and digits before it. It
/// detects every single wrong character. Of exchanged neighbours it misses, in one state of 36, two
/// characters that follow each other in the alphabet (`01` for `10`); the standard's hybrid systems
/// all have this gap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseNumber {
    canton: Canton,
    year: u16,
    institution: u16,
    device_code: DeviceCode,
    counter: u16,
}

impl CaseNumber {
    /// Makes a number.
    ///
    /// `year` 2000–2199, `institution` 1–999 (its number in the network), `counter` 1–9999.
    ///
    /// # Errors
    /// A part outside its range.
    pub fn make(
        canton: Canton,
        year: u16,
        institution: u16,
        device_code: DeviceCode,
        counter: u16,
    ) -> Result<Self, FieldError> {
        let part = if !YEARS.contains(&year) {
            "the year is not between 2000 and 2199"
        } else if !INSTITUTIONS.contains(&institution) {
            "the institution is not between 001 and 999"
        } else if !COUNTERS.contains(&counter) {
            "the counter is not between 0001 and 9999"
        } else {
            return Ok(Self {
                canton,
                year,
                institution,
                device_code,
                counter,
            });
        };
        Err(FieldError::new(
            Self::NAME,
            "range",
            part,
            "copy the case number as it is listed",
        ))
    }

    /// The canton.
    pub const fn canton(&self) -> Canton {
        self.canton
    }

    /// The year in which the case was opened.
    pub const fn year(&self) -> u16 {
        self.year
    }

    /// The institution's number in its network, 1–999.
    pub const fn institution(&self) -> u16 {
        self.institution
    }

    /// The device that made the number.
    pub const fn device_code(&self) -> DeviceCode {
        self.device_code
    }

    /// The device's counter, 1–9999.
    pub const fn counter(&self) -> u16 {
        self.counter
    }

    fn without_check(&self) -> String {
        format!(
            "{}-{:04}-{:03}-{}-{:04}",
            self.canton.code(),
            self.year,
            self.institution,
            self.device_code,
            self.counter
        )
    }
}

impl Field for CaseNumber {
    const NAME: &'static str = "case_number";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let upper = input.trim().to_ascii_uppercase();
        let parts: Vec<&str> = upper.split('-').collect();
        let [canton, year, institution, device_code, counter, check] = parts.as_slice() else {
            return Err(bad_format());
        };
        // The check character first: a mistyped canton is a typing error, not an unknown canton.
        let body = [*canton, year, institution, device_code, counter].concat();
        let expected = check_character(&body).ok_or_else(bad_format)?;
        let digits = [(year, 4), (institution, 3), (counter, 4)];
        let shaped = digits.iter().all(|(part, length)| is_digits(part, *length))
            && canton.len() == 2
            && check.len() == 1;
        if !shaped {
            return Err(bad_format());
        }
        if !check.starts_with(expected) {
            return Err(FieldError::new(
                Self::NAME,
                "check_character",
                "the last character does not fit the others, so a character is mistyped",
                "compare each character with the source; BE-2026-031-A7-0042 must end as it was issued",
            ));
        }
        Self::make(
            Canton::parse(canton)?,
            year.parse().map_err(|_| bad_format())?,
            institution.parse().map_err(|_| bad_format())?,
            DeviceCode::parse(device_code)?,
            counter.parse().map_err(|_| bad_format())?,
        )
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

fn is_digits(part: &str, length: usize) -> bool {
    part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn bad_format() -> FieldError {
    FieldError::new(
        CaseNumber::NAME,
        "format",
        "this is not a case number",
        "write it as canton-year-institution-device-counter-check, like BE-2026-031-A7-0042-?",
    )
}

/// ISO 7064 MOD 37,36: `P ← 36`; for each character `S ← (P + value) mod 36` (36 for 0),
/// `P ← 2 S mod 37`; the check value makes `P + value ≡ 1 (mod 36)`. Nothing for a character outside
/// the alphabet.
fn check_character(body: &str) -> Option<char> {
    let mut product = 36usize;
    for byte in body.bytes() {
        let value = ALPHABET.iter().position(|&letter| letter == byte)?;
        let sum = match (product + value) % 36 {
            0 => 36,
            sum => sum,
        };
        product = (sum * 2) % 37;
    }
    ALPHABET
        .get((37 - product) % 36)
        .map(|&letter| char::from(letter))
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.without_check();
        let compact = body.replace('-', "");
        // Every part is of the alphabet, so the check always exists.
        let check = check_character(&compact).unwrap_or('0');
        write!(formatter, "{body}-{check}")
    }
}

hidden_debug!(CaseNumber);
field_as_string!(CaseNumber);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    fn number(institution: u16, code: &str, counter: u16) -> CaseNumber {
        CaseNumber::make(
            Canton::Be,
            2026,
            institution,
            DeviceCode::parse(code).unwrap(),
            counter,
        )
        .unwrap()
    }

    #[test]
    fn the_check_character_is_the_standards() {
        // ISO 7064 MOD 37,36, published example (GRid, ISRC working group): A1-2425GABC1234002-M.
        assert_eq!(check_character("A12425GABC1234002"), Some('M'));
        assert_eq!(check_character("a"), None);
    }

    #[test]
    fn a_case_number_has_the_domains_form() {
        let text = number(31, "a7", 42).to_string();
        assert!(text.starts_with("BE-2026-031-A7-0042-"), "{text}");
        assert_eq!(text.len(), 21);
        assert_eq!(
            CaseNumber::parse(&text.to_lowercase()),
            Ok(number(31, "A7", 42))
        );
    }

    #[test]
    fn wrong_numbers_are_refused_with_what_is_wrong() {
        let right = number(31, "A7", 42).to_string();
        let (body, check) = right.split_at(20);
        let other = if check == "0" { "1" } else { "0" };
        assert_eq!(
            refusal::<CaseNumber>(&format!("{body}{other}")),
            "check_character"
        );
        for wrong in [
            "",
            "BE",
            "BE-2026-31-A7-0042-K",
            "BE-2026-031-A7-0042",
            "BE-2026-031-Ä7-0042-K",
        ] {
            assert_eq!(refusal::<CaseNumber>(wrong), "format", "{wrong}");
        }
        let code = DeviceCode::parse("A7").unwrap();
        for (year, institution, counter) in [
            (1999, 1, 1),
            (2200, 1, 1),
            (2026, 0, 1),
            (2026, 1000, 1),
            (2026, 1, 0),
            (2026, 1, 10_000),
        ] {
            let made = CaseNumber::make(Canton::Be, year, institution, code, counter);
            assert_eq!(made.unwrap_err().code, "range");
        }
        assert_eq!(refusal::<DeviceCode>("A"), "format");
        assert_eq!(refusal::<DeviceCode>("A77"), "format");
    }

    proptest! {
        #[test]
        fn numbers_round_trip(institution in 1u16..=999, code in "[0-9A-Z]{2}", counter in 1u16..=9999) {
            assert_round_trip(&number(institution, &code, counter));
        }

        #[test]
        fn every_single_wrong_character_is_detected(
            institution in 1u16..=999, code in "[0-9A-Z]{2}", counter in 1u16..=9999,
            position in 0usize..21, letter in 0usize..36,
        ) {
            let mut text = number(institution, &code, counter).to_string().into_bytes();
            prop_assume!(text[position] != b'-' && text[position] != ALPHABET[letter]);
            text[position] = ALPHABET[letter];
            prop_assert!(CaseNumber::parse(&String::from_utf8(text).unwrap()).is_err());
        }

        #[test]
        fn exchanged_neighbours_are_detected_but_for_the_standards_gap(
            institution in 1u16..=999, code in "[0-9A-Z]{2}", counter in 1u16..=9999,
            position in 0usize..20,
        ) {
            let mut text = number(institution, &code, counter).to_string().into_bytes();
            let next = if text[position + 1] == b'-' { position + 2 } else { position + 1 };
            prop_assume!(text[position] != b'-' && text[position] != text[next]);
            text.swap(position, next);
            if CaseNumber::parse(std::str::from_utf8(&text).unwrap()).is_ok() {
                let value = |at: usize| ALPHABET.iter().position(|&l| l == text[at]).unwrap();
                prop_assert_eq!(value(position).abs_diff(value(next)), 1);
            }
        }
    }

    #[test]
    fn fewer_than_one_exchange_in_a_hundred_goes_unseen() {
        let (mut exchanges, mut unseen) = (0u32, 0u32);
        for counter in 1..=9999 {
            let text = number(31, "A7", counter).to_string().into_bytes();
            for at in 15..18 {
                let mut exchanged = text.clone();
                exchanged.swap(at, at + 1);
                if exchanged != text {
                    exchanges += 1;
                    unseen += u32::from(
                        CaseNumber::parse(std::str::from_utf8(&exchanged).unwrap()).is_ok(),
                    );
                }
            }
        }
        assert!(exchanges > 20_000);
        assert!(unseen * 100 < exchanges, "{unseen} of {exchanges}");
    }
}
