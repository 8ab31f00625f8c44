//! Dates and times as people in Switzerland write them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use nahtlos_casework::fields::{Date as FieldDate, Field, FieldError, UtcTime};

const FORMAT: &str = "%d.%m.%Y %H:%M";

/// Europe/Zurich; its rules are part of the program, for machines that have none.
fn zone() -> TimeZone {
    TimeZone::get("Europe/Zurich").unwrap_or(TimeZone::UTC)
}

/// Unix milliseconds as dd.mm.yyyy hh:mm.
pub fn moment(unix_ms: u64) -> String {
    i64::try_from(unix_ms)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .map_or_else(|| "unknown".into(), |time| shown(&time))
}

/// Unix milliseconds as ISO 8601 in UTC, for programs: `2026-07-01T12:00:00Z`.
pub fn iso(unix_ms: u64) -> String {
    i64::try_from(unix_ms)
        .ok()
        .and_then(|millis| Timestamp::from_second(millis / 1000).ok())
        .map_or_else(String::new, |time| time.to_string())
}

/// Unix seconds as dd.mm.yyyy hh:mm.
pub fn seconds(unix_seconds: i64) -> String {
    Timestamp::from_second(unix_seconds).map_or_else(|_| "unknown".into(), |time| shown(&time))
}

/// A stored time as dd.mm.yyyy hh:mm.
pub fn time(time: UtcTime) -> String {
    seconds(time.seconds())
}

/// A stored time in Swiss time with its offset, `2026-09-08T10:30:00+02:00`: for tables, in which people read it and
/// from which a program reads the same point in time. Anything else as it is.
pub fn local_with_offset(stored: &str) -> String {
    match UtcTime::parse(stored).map(|time| Timestamp::from_second(time.seconds())) {
        Ok(Ok(time)) => time
            .to_zoned(zone())
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string(),
        _ => stored.to_owned(),
    }
}

/// The last millisecond of a day in Switzerland.
///
/// # Errors
/// Where this is no day.
pub fn end_of_day_ms(input: &str) -> Result<u64, FieldError> {
    let day = civil(FieldDate::parse(input)?)?;
    let next = day.tomorrow().map_err(|_| no_day())?;
    Ok(start_ms(next)?.saturating_sub(1))
}

/// The first second of a day in Switzerland.
///
/// # Errors
/// Where this is no day.
pub fn start_of_day_seconds(input: &str) -> Result<i64, FieldError> {
    let day = civil(FieldDate::parse(input)?)?;
    let millis = start_ms(day)?;
    Ok(i64::try_from(millis / 1000).unwrap_or(i64::MAX))
}

/// `31.03.2027 14:30` or `31.03.2027` in Swiss time, or RFC 3339 with offset.
///
/// # Errors
/// Where it is neither.
pub fn parse_time(input: &str) -> Result<UtcTime, FieldError> {
    if let Ok(time) = UtcTime::parse(input) {
        return Ok(time);
    }
    let refused = || {
        FieldError::new(
            "at",
            "format",
            "this is not a point in time",
            "write it as 31.03.2027 14:30",
        )
    };
    let (day, clock) = input
        .trim()
        .split_once([' ', 'T'])
        .unwrap_or((input, "12:00"));
    let day = civil(FieldDate::parse(day).map_err(|_| refused())?)?;
    let (hour, minute) = clock.trim().split_once(':').ok_or_else(refused)?;
    let number = |text: &str| text.parse::<i8>().map_err(|_| refused());
    let time =
        jiff::civil::Time::new(number(hour)?, number(minute)?, 0, 0).map_err(|_| refused())?;
    let zoned = DateTime::from_parts(day, time)
        .to_zoned(zone())
        .map_err(|_| refused())?;
    UtcTime::from_seconds(zoned.timestamp().as_second())
}

fn shown(time: &Timestamp) -> String {
    time.to_zoned(zone()).strftime(FORMAT).to_string()
}

fn civil(date: FieldDate) -> Result<Date, FieldError> {
    let (year, month, day) = date.parts();
    Date::new(year, month, day).map_err(|_| no_day())
}

fn start_ms(day: Date) -> Result<u64, FieldError> {
    let zoned = day.to_zoned(zone()).map_err(|_| no_day())?;
    Ok(u64::try_from(zoned.timestamp().as_millisecond()).unwrap_or(0))
}

fn no_day() -> FieldError {
    FieldError::new(
        "date",
        "format",
        "this is not a day",
        "write it as 31.03.2027",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_swiss_time_in_summer_and_winter() {
        assert_eq!(moment(1_782_907_200_000), "01.07.2026 14:00");
        assert_eq!(moment(1_798_804_800_000), "01.01.2027 13:00");
        assert_eq!(moment(u64::MAX), "unknown");
        assert_eq!(iso(1_782_907_200_999), "2026-07-01T12:00:00Z");
        assert_eq!(iso(u64::MAX), "");
    }

    #[test]
    fn a_right_until_a_day_ends_with_that_day() {
        let end = end_of_day_ms("30.06.2026").unwrap();
        assert_eq!(moment(end), "30.06.2026 23:59");
        assert_eq!(moment(end + 1), "01.07.2026 00:00");
        assert!(end_of_day_ms("31.06.2026").is_err());
        assert_eq!(
            seconds(start_of_day_seconds("2026-07-01").unwrap()),
            "01.07.2026 00:00"
        );
    }

    #[test]
    fn a_time_is_read_as_it_is_shown() {
        for text in [
            "31.03.2027 14:30",
            "2027-03-31 14:30",
            "2027-03-31T14:30:00+02:00",
        ] {
            assert_eq!(
                time(parse_time(text).unwrap()),
                "31.03.2027 14:30",
                "{text}"
            );
        }
        for wrong in [
            "",
            "31.02.2027 14:30",
            "31.03.2027 24:30",
            "14:30",
            "31.03.2027 14.30",
        ] {
            assert_eq!(parse_time(wrong).unwrap_err().field, "at", "{wrong}");
        }
    }
}
