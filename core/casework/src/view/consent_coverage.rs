//! Which shares the consent ledger covers on a day: given, less what was taken back, for as long as it
//! holds.

use serde::Serialize;

use super::consent::{ChangedView, ConsentView, GivenView};
use crate::fields::{ConsentEventKind, Date, EntryId, MemberId, PartialDate, Stored};
use crate::record::{ConsentScope, ConsentScopes, Giver};
use crate::section::SectionKind;

/// Age at which a person decides alone (ZGB art. 14).
const OF_AGE_YEARS: i16 = 18;

/// A share and the consent that covers, or covered, it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Which section for whom.
    #[serde(flatten)]
    pub share: ConsentScope,
    /// The consent.
    pub consent: EntryId,
    /// First day.
    pub since: Date,
    /// Last day, where one was set.
    pub until: Option<Date>,
    /// Whether the last day is the one before the person comes of age.
    pub ends_with_coming_of_age: bool,
    /// The day on which it was withdrawn, or the share taken out.
    pub withdrawn_at: Option<Date>,
    /// The day from which another consent stands in its place.
    pub superseded_at: Option<Date>,
}

impl Coverage {
    /// Whether it covers the share on this day. On the day of its withdrawal it does not any more.
    pub fn is_in_force_on(&self, day: Date) -> bool {
        self.since <= day
            && self.until.is_none_or(|until| day <= until)
            && self.withdrawn_at.is_none_or(|withdrawn| day < withdrawn)
            && self.superseded_at.is_none_or(|replaced| day < replaced)
    }
}

impl ConsentView {
    /// Every share that a consent covers or covered, by consent.
    ///
    /// A consent whose scope or first day this version cannot read covers nothing.
    pub fn coverage(&self) -> Vec<Coverage> {
        self.given
            .iter()
            .flat_map(|given| self.coverage_of(given))
            .collect()
    }

    /// Whether this version reads all that decides how long a consent holds: no event of a newer version is
    /// about it, and each of its days can be read. What it does not read may well have prolonged it.
    pub fn is_understood(&self, consent: &EntryId) -> bool {
        let mut newer = self.not_understood_about.iter();
        if newer.any(|about| about.as_ref().is_none_or(|about| about == consent)) {
            return false;
        }
        let first = self.given(consent).into_iter();
        let first = first.filter_map(|given| given.valid_until.as_ref());
        let changed = self.changes_of(consent);
        let mut days = first.chain(changed.filter_map(|changed| changed.valid_until.as_ref()));
        days.all(|day| day.known().is_some())
    }

    /// The consents that cover a share on a day.
    pub fn covering(&self, section: &SectionKind, member: &MemberId, day: Date) -> Vec<Coverage> {
        let mut coverage = self.coverage();
        coverage.retain(|coverage| {
            coverage.share.section == *section
                && coverage.share.member == *member
                && coverage.is_in_force_on(day)
        });
        coverage
    }

    /// The day on which the representatives' consents that hold on this day end because the person comes
    /// of age; none where there is no such consent.
    pub fn coming_of_age_ends(&self, day: Date) -> Option<Date> {
        let coverage = self.coverage();
        let ends = coverage
            .iter()
            .filter(|coverage| coverage.ends_with_coming_of_age && coverage.is_in_force_on(day));
        let days = ends.filter_map(|coverage| coverage.until?.plus_days(1));
        days.min()
    }

    /// Whether this consent was given by a representative of somebody who was not of age then.
    fn ends_with_age(&self, given: &GivenView, since: Date) -> Option<Date> {
        let giver = given.giver.as_ref().and_then(Stored::known);
        let represented = matches!(giver, Some(Giver::Representative { .. }));
        let of_age = self.comes_of_age.filter(|_| represented)?;
        of_age.end_of_what_is_allowed_on(since)
    }

    fn coverage_of(&self, given: &GivenView) -> Vec<Coverage> {
        let scope = given.scope.as_ref().and_then(Stored::known);
        let since = given.valid_from.as_ref().and_then(Stored::known);
        let (Some(scope), Some(since), Some(consent)) = (scope, since, given.id.known()) else {
            return Vec::new();
        };
        let mut shares: Vec<(ConsentScope, Date)> =
            scope.iter().map(|share| (share.clone(), *since)).collect();
        for changed in self.changes_of(consent) {
            let more = changed.scope.as_ref().and_then(Stored::known);
            let (ConsentEventKind::Extended, Some(more)) = (changed.kind, more) else {
                continue;
            };
            let Some(stated) = changed.stated_at.as_ref().and_then(Stored::known) else {
                continue;
            };
            let new = more
                .iter()
                .filter(|share| !shares.iter().any(|(known, _)| known == *share));
            let new: Vec<_> = new.map(|share| (share.clone(), *stated)).collect();
            shares.extend(new);
        }
        let (until, ends_with_coming_of_age) = self.last_day(given, consent, *since);
        shares
            .into_iter()
            .map(|(share, since)| Coverage {
                consent: *consent,
                since,
                until,
                ends_with_coming_of_age,
                withdrawn_at: self.withdrawn_at(consent, &share, since),
                superseded_at: self.superseded_at(consent, since),
                share,
            })
            .collect()
    }

    /// The last day as the latest event says, and whether it is the one before the person comes of age.
    /// A day that cannot be read is no reason to cover for ever.
    fn last_day(&self, given: &GivenView, consent: &EntryId, since: Date) -> (Option<Date>, bool) {
        let known_or_first = |until: &Stored<Date>| until.known().copied().unwrap_or(since);
        let changes = self
            .changes_of(consent)
            .filter_map(|changed| changed.valid_until.as_ref())
            .map(known_or_first);
        let stated = given.valid_until.as_ref().map(known_or_first);
        let stated = changes.last().or(stated);
        match self.ends_with_age(given, since).and_then(day_before) {
            Some(last) if stated.is_none_or(|stated| last < stated) => (Some(last), true),
            _ => (stated, false),
        }
    }

    /// The first day on which a share of a consent was taken back. Where a withdrawal cannot be read
    /// whole, it takes back more rather than less.
    fn withdrawn_at(&self, consent: &EntryId, share: &ConsentScope, since: Date) -> Option<Date> {
        let takes = |scope: Option<&Stored<_>>| {
            let part = scope.and_then(Stored::known);
            part.is_none_or(|part: &ConsentScopes| part.contains(share))
        };
        let day = |stated: Option<&Stored<Date>>| {
            let stated = stated.and_then(Stored::known);
            stated.copied().unwrap_or(since)
        };
        let withdrawn = self.withdrawn.iter().filter(|withdrawn| {
            let of = withdrawn.consent.as_ref().and_then(Stored::known);
            of == Some(consent) && takes(withdrawn.scope.as_ref())
        });
        let narrowed = self.changes_of(consent).filter(|changed| {
            let kind = changed.kind == ConsentEventKind::Narrowed;
            kind && changed.scope.is_some() && takes(changed.scope.as_ref())
        });
        let withdrawn = withdrawn.map(|withdrawn| day(withdrawn.stated_at.as_ref()));
        let narrowed = narrowed.map(|changed| day(changed.stated_at.as_ref()));
        withdrawn.chain(narrowed).min()
    }

    fn superseded_at(&self, consent: &EntryId, since: Date) -> Option<Date> {
        let is_replaced = |changed: &&ChangedView| changed.kind == ConsentEventKind::Superseded;
        let day = |changed: &ChangedView| {
            let stated = changed.stated_at.as_ref().and_then(Stored::known);
            stated.copied().unwrap_or(since)
        };
        self.changes_of(consent).filter(is_replaced).map(day).min()
    }
}

/// When somebody comes of age: one day, or between two where only the year or the month of birth is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComingOfAge {
    /// The first day that it can be: from then on the person is asked.
    pub earliest: Date,
    /// The last day that it can be: until then the person may be under age.
    pub latest: Date,
}

impl ComingOfAge {
    /// By what is known of the birth.
    pub fn of(birth: PartialDate) -> Option<Self> {
        let (year, month, day) = birth.parts();
        let earliest = coming_of_age(birth)?;
        let (year, last_month) = (year.checked_add(OF_AGE_YEARS)?, month.unwrap_or(12));
        let latest = match day {
            Some(_) => earliest,
            None => (28..=31)
                .rev()
                .find_map(|day| Date::new(year, last_month, day).ok())?,
        };
        Some(Self { earliest, latest })
    }

    /// The day on which what a representative allows on this day ends; none where the person is of age for sure.
    pub fn end_of_what_is_allowed_on(self, day: Date) -> Option<Date> {
        [self.earliest, self.latest]
            .into_iter()
            .find(|end| day < *end)
    }
}

/// The day on which somebody comes of age. Where only the year or the month of birth is known, the earliest
/// day that it can be: from then on the person is asked.
pub fn coming_of_age(birth: PartialDate) -> Option<Date> {
    let (year, month, day) = birth.parts();
    let (year, month, day) = (
        year.checked_add(OF_AGE_YEARS)?,
        month.unwrap_or(1),
        day.unwrap_or(1),
    );
    // Who was born on the 29th of February is of age with the last of February.
    Date::new(year, month, day)
        .or_else(|_| Date::new(year, month, day - 1))
        .ok()
}

fn day_before(day: Date) -> Option<Date> {
    day.plus_days(-1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Field;

    #[test]
    fn a_person_comes_of_age_on_the_earliest_day_that_the_known_birth_allows() {
        for (birth, expected) in [
            ("2010-05-17", "2028-05-17"),
            ("2008-02-29", "2026-02-28"),
            ("2010-05", "2028-05-01"),
            ("2010", "2028-01-01"),
        ] {
            let day = coming_of_age(PartialDate::parse(birth).unwrap()).unwrap();
            assert_eq!(day.canonical(), expected, "{birth}");
        }
    }

    #[test]
    fn of_whom_only_the_year_is_known_may_be_under_age_until_its_end() {
        let day = |text: &str| Date::parse(text).unwrap();
        for (birth, earliest, latest) in [
            ("2010-05-17", "2028-05-17", "2028-05-17"),
            ("2008-02", "2026-02-01", "2026-02-28"),
            ("2010-02", "2028-02-01", "2028-02-29"),
            ("2008", "2026-01-01", "2026-12-31"),
        ] {
            let of_age = ComingOfAge::of(PartialDate::parse(birth).unwrap()).unwrap();
            assert_eq!(
                (of_age.earliest, of_age.latest),
                (day(earliest), day(latest))
            );
        }
        let of_age = ComingOfAge::of(PartialDate::parse("2008").unwrap()).unwrap();
        for (given, end) in [
            ("2025-12-31", Some("2026-01-01")),
            ("2026-01-01", Some("2026-12-31")),
            ("2026-12-30", Some("2026-12-31")),
            ("2026-12-31", None),
        ] {
            let ends = of_age.end_of_what_is_allowed_on(day(given));
            assert_eq!(ends, end.map(day), "{given}");
        }
    }
}
