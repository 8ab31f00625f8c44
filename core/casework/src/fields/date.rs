//! Dates of the real calendar, whole or partly known.

use std::fmt;

use super::{Field, FieldError, field_as_string, hidden_debug};

/// Years outside are typing errors, not people or plans.
const YEARS: std::ops::RangeInclusive<i16> = 1850..=2199;

/// A day. Read as `2027-03-31` or `31.03.2027`, stored ISO 8601, shown `31.03.2027`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// A day of the calendar.
    ///
    /// # Errors
    /// `year` outside 1850–2199, or no such day.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self, FieldError> {
        check_year(Self::NAME, year)?;
        jiff::civil::Date::new(year, month, day)
            .map(Self)
            .map_err(|_| no_such_day(Self::NAME))
    }

    /// Year, month 1–12, day 1–31.
    pub fn parts(self) -> (i16, i8, i8) {
        (self.0.year(), self.0.month(), self.0.day())
    }

    /// So many days later, earlier where it is negative; none outside 1850–2199.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        let span = jiff::Span::new().try_days(days).ok()?;
        Self::of(self.0.checked_add(span).ok()?)
    }

    /// The same day so many months later, or the last day of that month; none outside 1850–2199.
    pub fn plus_months(self, months: i32) -> Option<Self> {
        let span = jiff::Span::new().try_months(months).ok()?;
        Self::of(self.0.checked_add(span).ok()?)
    }

    /// Days from this one to another, negative where the other is earlier.
    pub fn days_until(self, other: Self) -> i32 {
        let days = self.0.until(other.0).map(|span| span.get_days());
        days.unwrap_or_default()
    }

    fn of(day: jiff::civil::Date) -> Option<Self> {
        Self::new(day.year(), day.month(), day.day()).ok()
    }
}

impl Field for Date {
    const NAME: &'static str = "date";

    fn parse(input: &str) -> Result<Self, FieldError> {
        match parse_parts(Self::NAME, input)? {
            (year, Some(month), Some(day)) => Self::new(year, month, day),
            _ => Err(FieldError::new(
                Self::NAME,
                "incomplete",
                "the date lacks a month or a day",
                "write year, month and day, e.g. 31.03.2027",
            )),
        }
    }

    fn canonical(&self) -> String {
        let (year, month, day) = self.parts();
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(formatter, "{day:02}.{month:02}.{year:04}")
    }
}

field_as_string!(Date);

/// A birth date as eCH-0044 `datePartiallyKnown`: year, year and month, or a whole day. Stored
/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; shown `1982`, `05.1982` or `17.05.1982`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartialDate {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

impl PartialDate {
    /// The year, and month and day where they are known.
    pub fn parts(self) -> (i16, Option<i8>, Option<i8>) {
        (self.year, self.month, self.day)
    }
}

impl Field for PartialDate {
    const NAME: &'static str = "birth";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let (year, month, day) = parse_parts(Self::NAME, input)?;
        check_year(Self::NAME, year)?;
        // A missing part is checked as the first: what is known must exist in the calendar.
        jiff::civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1))
            .map_err(|_| no_such_day(Self::NAME))?;
        Ok(Self { year, month, day })
    }

    fn canonical(&self) -> String {
        match (self.month, self.day) {
            (Some(month), Some(day)) => format!("{:04}-{month:02}-{day:02}", self.year),
            (Some(month), None) => format!("{:04}-{month:02}", self.year),
            _ => format!("{:04}", self.year),
        }
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.month, self.day) {
            (Some(month), Some(day)) => write!(formatter, "{day:02}.{month:02}.{:04}", self.year),
            (Some(month), None) => write!(formatter, "{month:02}.{:04}", self.year),
            _ => write!(formatter, "{:04}", self.year),
        }
    }
}

hidden_debug!(PartialDate);
field_as_string!(PartialDate);

type Parts = (i16, Option<i8>, Option<i8>);

/// ISO order with `-`, or day first with `.`; the year always has four digits.
fn parse_parts(field: &'static str, input: &str) -> Result<Parts, FieldError> {
    let text = input.trim();
    let pieces: Vec<&str> = if text.contains('.') {
        text.rsplit('.').collect()
    } else {
        text.split('-').collect()
    };
    match pieces.as_slice() {
        [year] => Ok((number(field, year, 4, 4)?, None, None)),
        [year, month] => Ok((
            number(field, year, 4, 4)?,
            Some(small(field, month, text)?),
            None,
        )),
        [year, month, day] => Ok((
            number(field, year, 4, 4)?,
            Some(small(field, month, text)?),
            Some(small(field, day, text)?),
        )),
        _ => Err(bad_format(field)),
    }
}

/// A month or day: two digits in ISO order, one or two in the form with dots.
fn small(field: &'static str, piece: &str, whole: &str) -> Result<i8, FieldError> {
    let least = if whole.contains('.') { 1 } else { 2 };
    let value = number(field, piece, least, 2)?;
    i8::try_from(value).map_err(|_| no_such_day(field))
}

fn number(field: &'static str, piece: &str, least: usize, most: usize) -> Result<i16, FieldError> {
    let fits = (least..=most).contains(&piece.len()) && piece.bytes().all(|b| b.is_ascii_digit());
    if !fits {
        return Err(bad_format(field));
    }
    piece.parse().map_err(|_| bad_format(field))
}

fn check_year(field: &'static str, year: i16) -> Result<(), FieldError> {
    if YEARS.contains(&year) {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        "year",
        format!(
            "the year is not between {} and {}",
            YEARS.start(),
            YEARS.end()
        ),
        "write the year with four digits",
    ))
}

fn bad_format(field: &'static str) -> FieldError {
    FieldError::new(
        field,
        "format",
        "this is not a date",
        "write it as 31.03.2027 or 2027-03-31",
    )
}

fn no_such_day(field: &'static str) -> FieldError {
    FieldError::new(
        field,
        "no_such_day",
        "the calendar has no such day",
        "check day and month",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn both_written_forms_mean_the_same_day() {
        let iso = Date::parse("2027-03-31").unwrap();
        assert_eq!(Date::parse("31.03.2027").unwrap(), iso);
        assert_eq!(Date::parse("31.3.2027").unwrap(), iso);
        assert_eq!(iso.canonical(), "2027-03-31");
        assert_eq!(iso.to_string(), "31.03.2027");
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for wrong in [
            "2027-02-29",
            "31.04.2027",
            "2027-13-01",
            "2027-00-10",
            "0.1.2027",
        ] {
            assert_eq!(refusal::<Date>(wrong), "no_such_day", "{wrong}");
        }
        assert!(Date::parse("2028-02-29").is_ok());
    }

    #[test]
    fn dates_in_other_forms_are_refused() {
        for wrong in [
            "",
            "31/03/2027",
            "31.03.27",
            "2027-3-31",
            "1.2.3.2027",
            "2027-03-31T10:00",
        ] {
            assert_eq!(refusal::<Date>(wrong), "format", "{wrong}");
        }
        assert_eq!(refusal::<Date>("2027-03"), "incomplete");
        assert_eq!(refusal::<Date>("0044-03-15"), "year");
        assert_eq!(refusal::<Date>("2200-01-01"), "year");
        assert!(Date::parse("1850-01-01").is_ok());
        assert!(Date::parse("2199-12-31").is_ok());
    }

    #[test]
    fn a_birth_may_be_known_in_part() {
        for (input, shown) in [
            ("1982", "1982"),
            ("1982-05", "05.1982"),
            ("05.1982", "05.1982"),
            ("1982-05-17", "17.05.1982"),
        ] {
            let birth = PartialDate::parse(input).unwrap();
            assert_eq!(birth.to_string(), shown);
            assert_round_trip(&birth);
        }
        assert_eq!(refusal::<PartialDate>("1982-13"), "no_such_day");
        assert_eq!(refusal::<PartialDate>("1983-02-29"), "no_such_day");
        assert_eq!(refusal::<PartialDate>("82"), "format");
    }

    proptest! {
        #[test]
        fn every_real_day_round_trips(year in 1850i16..=2199, month in 1i8..=12, day in 1i8..=31) {
            if let Ok(date) = Date::new(year, month, day) {
                assert_round_trip(&date);
                assert_round_trip(&PartialDate::parse(&date.canonical()).unwrap());
            } else {
                prop_assert!(day > 28);
            }
        }
    }
}
