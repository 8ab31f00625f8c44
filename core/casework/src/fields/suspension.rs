//! For how long the duty to look for work is suspended.

use std::fmt;

use super::{Date, Field, FieldError, LongText, field_as_string};

/// Months for which no reason is asked.
const MONTHS_WITHOUT_REASON: i64 = 3;

/// First and last day of a suspension, and why it is longer than three months. Stored
/// `2027-01-01/2027-03-31`, with a reason `2027-01-01/2027-06-30 accident`; one value, so that two
/// people never make one period of two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Suspension {
    from: Date,
    until: Date,
    reason: Option<LongText>,
}

impl Suspension {
    /// Checks a suspension.
    ///
    /// # Errors
    /// `order` for a last day before the first, `reason_missing` for more than three months without a
    /// reason.
    pub fn new(from: Date, until: Date, reason: Option<LongText>) -> Result<Self, FieldError> {
        if until < from {
            return Err(refused(
                "order",
                "the last day is before the first",
                "check both days",
            ));
        }
        if reason.is_none() && until > last_day_without_reason(from)? {
            return Err(refused(
                "reason_missing",
                "a suspension of more than three months needs a reason",
                "write the reason after the two days, e.g. 01.01.2027/30.06.2027 accident",
            ));
        }
        Ok(Self {
            from,
            until,
            reason,
        })
    }

    /// First day.
    pub const fn from(&self) -> Date {
        self.from
    }

    /// Last day.
    pub const fn until(&self) -> Date {
        self.until
    }

    /// Why it is so long.
    pub const fn reason(&self) -> Option<&LongText> {
        self.reason.as_ref()
    }

    fn written(&self, day: impl Fn(Date) -> String) -> String {
        let days = format!("{}/{}", day(self.from), day(self.until));
        match &self.reason {
            Some(reason) => format!("{days} {reason}"),
            None => days,
        }
    }
}

/// The day before the same day three months later.
fn last_day_without_reason(from: Date) -> Result<Date, FieldError> {
    let (year, month, day) = from.parts();
    // In two steps: a span of months with one negative unit is negative as a whole.
    let last = jiff::civil::Date::new(year, month, day)
        .and_then(|first| first.checked_add(jiff::Span::new().months(MONTHS_WITHOUT_REASON)))
        .and_then(|after| after.yesterday());
    let last = last.map_err(|_| {
        refused(
            "no_such_day",
            "this is no day that can be counted with",
            "name another day",
        )
    })?;
    Date::new(last.year(), last.month(), last.day())
}

fn refused(code: &'static str, reason: &'static str, remedy: &'static str) -> FieldError {
    FieldError::new(Suspension::NAME, code, reason, remedy)
}

impl Field for Suspension {
    const NAME: &'static str = "job_search_suspended";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim();
        let (days, reason) = match text.split_once(char::is_whitespace) {
            Some((days, reason)) => (days, Some(LongText::parse(reason)?)),
            None => (text, None),
        };
        let (from, until) = days.split_once('/').ok_or_else(|| {
            refused(
                "format",
                "this is not a first and a last day",
                "write both with a slash between, e.g. 01.01.2027/31.03.2027",
            )
        })?;
        Self::new(Date::parse(from)?, Date::parse(until)?, reason)
    }

    fn canonical(&self) -> String {
        self.written(|day| day.canonical())
    }
}

impl fmt::Display for Suspension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written(|day| day.to_string()))
    }
}

field_as_string!(Suspension);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn three_months_need_no_reason_and_a_day_more_does() {
        for short in [
            "01.01.2027/31.03.2027",
            "2027-01-31/2027-04-29",
            "2027-05-05/2027-05-05",
        ] {
            assert_round_trip(&Suspension::parse(short).unwrap());
        }
        assert_eq!(
            refusal::<Suspension>("01.01.2027/01.04.2027"),
            "reason_missing"
        );
        let long = Suspension::parse("01.01.2027/01.04.2027 accident, see report").unwrap();
        assert_round_trip(&long);
        assert_eq!(long.reason().unwrap().as_str(), "accident, see report");
        assert_eq!(
            long.canonical(),
            "2027-01-01/2027-04-01 accident, see report"
        );
    }

    #[test]
    fn days_that_do_not_fit_are_refused() {
        assert_eq!(refusal::<Suspension>("02.01.2027/01.01.2027"), "order");
        assert_eq!(refusal::<Suspension>("01.01.2027"), "format");
        assert_eq!(refusal::<Suspension>(""), "format");
        assert_eq!(
            refusal::<Suspension>("31.02.2027/01.03.2027"),
            "no_such_day"
        );
    }
}
