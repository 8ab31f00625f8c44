//! Points in time.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// A point in time in whole seconds, UTC. Stored and shown as RFC 3339 `2027-03-31T08:15:00Z`; read
/// with any offset. Showing it in Europe/Zurich is the caller's part: this crate has no time zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtcTime(jiff::Timestamp);

impl UtcTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Outside the years 0–9999.
    pub fn from_seconds(seconds: i64) -> Result<Self, FieldError> {
        jiff::Timestamp::from_second(seconds)
            .ok()
            .filter(|time| time.as_second() >= FIRST_SECOND)
            .map(Self)
            .ok_or_else(refused)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }
}

/// 0000-01-01T00:00:00Z: earlier years have no four digits.
const FIRST_SECOND: i64 = -62_167_219_200;

fn refused() -> FieldError {
    FieldError::new(
        UtcTime::NAME,
        "format",
        "this is not a point in time",
        "write date, time and offset, e.g. 2027-03-31T10:15:00+02:00",
    )
}

impl Field for UtcTime {
    const NAME: &'static str = "time";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let time: jiff::Timestamp = input.trim().parse().map_err(|_| refused())?;
        Self::from_seconds(time.as_second())
    }

    fn canonical(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

field_as_string!(UtcTime);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn a_time_with_offset_is_stored_in_utc() {
        let time = UtcTime::parse("2027-03-31T10:15:00+02:00").unwrap();
        assert_eq!(time.canonical(), "2027-03-31T08:15:00Z");
        for wrong in [
            "",
            "2027-03-31",
            "2027-03-31T10:15:00",
            "2027-02-30T10:15:00Z",
            "10:15",
        ] {
            assert_eq!(refusal::<UtcTime>(wrong), "format", "{wrong}");
        }
        assert!(UtcTime::from_seconds(i64::MAX).is_err());
        assert!(UtcTime::from_seconds(FIRST_SECOND).is_ok());
        assert!(UtcTime::from_seconds(FIRST_SECOND - 1).is_err());
    }

    proptest! {
        #[test]
        fn times_round_trip(seconds in FIRST_SECOND..253_000_000_000) {
            assert_round_trip(&UtcTime::from_seconds(seconds).unwrap());
        }
    }
}
