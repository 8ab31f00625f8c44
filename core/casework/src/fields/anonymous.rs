//! Text that must not name anybody, as far as a program can tell.

use std::fmt;

use super::{Field, FieldError, LongText, field_as_string, hidden_debug};

/// Characters that such a text may have: enough for what the codes do not say.
const ANONYMOUS_MAX_CHARS: usize = 500;
/// Digits of an AHV number, and what it begins with (AHVN13).
const AHV_DIGITS: usize = 13;
const AHV_BEGINNING: &str = "756";
/// Digits of a Swiss telephone number with its leading zero.
const NATIONAL_PHONE_DIGITS: usize = 10;
/// Fewest digits of a telephone number behind a `+` or `00`.
const FOREIGN_PHONE_DIGITS_MIN: usize = 7;
/// How a Swiss telephone number without its zero is grouped: 79 123 45 67.
const PHONE_GROUPS: [usize; 4] = [2, 3, 2, 2];
/// From how many digits on a number in one piece is taken for one that an office gave to somebody.
const LONG_NUMBER_DIGITS_MIN: usize = 8;
/// Characters between two groups of one number: `079 / 123`.
const SEPARATOR_CHARS_MAX: usize = 3;

/// A short text in which nothing recognisable names a person: no AHV number, e-mail address, telephone
/// number, day (it may be a birth), case number or other long number. 1–500 characters, NFC.
///
/// What a program cannot recognise, a name above all, is left to who writes it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnonymousText(String);

impl AnonymousText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for AnonymousText {
    const NAME: &'static str = "anonymous_text";
    const CHARACTERS_MAX: Option<usize> = Some(ANONYMOUS_MAX_CHARS);

    fn parse(input: &str) -> Result<Self, FieldError> {
        let rename = |error| FieldError {
            field: Self::NAME,
            ..error
        };
        let text = LongText::parse(input).map_err(rename)?.canonical();
        if text.chars().count() > ANONYMOUS_MAX_CHARS {
            return Err(FieldError::new(
                Self::NAME,
                "too_long",
                format!("the text has more than {ANONYMOUS_MAX_CHARS} characters"),
                "shorten it: what is known by codes need not stand in it",
            ));
        }
        match Trace::in_text(&text) {
            Some(trace) => Err(trace.refusal()),
            None => Ok(Self(text)),
        }
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for AnonymousText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

hidden_debug!(AnonymousText);
field_as_string!(AnonymousText);

/// What leads to a person and can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    AhvNumber,
    Email,
    Phone,
    Day,
    CaseNumber,
    LongNumber,
}

impl Trace {
    /// The first one that is found.
    fn in_text(text: &str) -> Option<Self> {
        let numbers = numbers(text);
        let any = |test: &dyn Fn(&Number) -> bool| numbers.iter().any(test);
        if has_email(text) {
            return Some(Self::Email);
        }
        // A case number holds digits that would be taken for something else.
        if has_case_number(text) {
            return Some(Self::CaseNumber);
        }
        if any(&Number::holds_ahv_number) {
            return Some(Self::AhvNumber);
        }
        if any(&Number::holds_day) || has_worded_day(text) {
            return Some(Self::Day);
        }
        if any(&Number::holds_phone) {
            return Some(Self::Phone);
        }
        any(&Number::is_long).then_some(Self::LongNumber)
    }

    fn refusal(self) -> FieldError {
        let (code, reason, remedy) = match self {
            Self::AhvNumber => (
                "ahv_number",
                "the text holds what looks like an AHV number",
                "leave it out: nothing in an anonymous text may lead to the person",
            ),
            Self::Email => (
                "email",
                "the text holds what looks like an e-mail address",
                "leave it out: nothing in an anonymous text may lead to the person",
            ),
            Self::Phone => (
                "phone",
                "the text holds what looks like a telephone number",
                "leave it out: nothing in an anonymous text may lead to the person",
            ),
            Self::Day => (
                "day",
                "the text holds a day, which may be that of somebody's birth",
                "write the month or the year, or how long ago it was",
            ),
            Self::CaseNumber => (
                "case_number",
                "the text holds a case number",
                "leave it out: nothing in an anonymous text may lead to the person",
            ),
            Self::LongNumber => (
                "long_number",
                "the text holds a number of eight digits or more, as offices give them to people",
                "leave it out, or write an amount with apostrophes (12'000'000)",
            ),
        };
        FieldError::new(AnonymousText::NAME, code, reason, remedy)
    }
}

/// Groups of digits with little between them: `+41 34 402 11 22`, `12.03.1982`, `756.1234.5678.97`.
struct Number {
    /// Whether a `+` stands before it.
    has_plus: bool,
    groups: Vec<String>,
    /// What stands between the groups, one fewer than there are groups.
    separators: Vec<String>,
}

/// Every number of a text, in its order.
fn numbers(text: &str) -> Vec<Number> {
    let mut found: Vec<Number> = Vec::new();
    let mut between = String::new();
    let mut in_group = false;
    for character in text.chars() {
        if !character.is_ascii_digit() {
            if in_group {
                between.clear();
            }
            in_group = false;
            between.push(character);
            continue;
        }
        if in_group {
            let group = found.last_mut().and_then(|number| number.groups.last_mut());
            if let Some(group) = group {
                group.push(character);
            }
            continue;
        }
        in_group = true;
        match found.last_mut() {
            Some(number) if is_separator(&between) => {
                number.separators.push(between.clone());
                number.groups.push(character.to_string());
            }
            _ => found.push(Number {
                has_plus: between.ends_with('+'),
                groups: vec![character.to_string()],
                separators: Vec::new(),
            }),
        }
    }
    found
}

/// What may stand inside a number that people write in groups. An apostrophe groups amounts.
fn is_separator(between: &str) -> bool {
    let is_one = |character: char| {
        character.is_whitespace() || matches!(character, '.' | '/' | '-' | '–' | '(' | ')')
    };
    between.chars().count() <= SEPARATOR_CHARS_MAX && between.chars().all(is_one)
}

impl Number {
    /// The digits from each group on, to the end.
    fn tails(&self) -> impl Iterator<Item = (usize, String)> {
        (0..self.groups.len())
            .map(|first| (first, self.groups.iter().skip(first).cloned().collect()))
    }

    fn holds_ahv_number(&self) -> bool {
        let begins = |digits: &str| digits.starts_with(AHV_BEGINNING) && digits.len() >= AHV_DIGITS;
        self.tails().any(|(_, digits)| begins(&digits))
    }

    fn holds_phone(&self) -> bool {
        let group_length = |at: usize| self.groups.get(at).map_or(0, String::len);
        self.tails().any(|(first, digits)| {
            let abroad = digits.strip_prefix("00");
            let has_national = digits.starts_with('0') && abroad.is_none();
            let grouped = (0..)
                .zip(PHONE_GROUPS)
                .all(|(step, length)| group_length(first + step) == length);
            (first == 0 && self.has_plus && digits.len() >= FOREIGN_PHONE_DIGITS_MIN)
                || abroad.is_some_and(|rest| rest.len() >= FOREIGN_PHONE_DIGITS_MIN)
                // 0.25 0.50 0.75 is none: its first group has one digit.
                || (has_national
                    && group_length(first) > 1
                    && digits.len() >= NATIONAL_PHONE_DIGITS)
                || grouped
        })
    }

    /// Day, month and year, or the other way round.
    fn holds_day(&self) -> bool {
        (0..self.groups.len()).any(|first| {
            let group = |step: usize| self.groups.get(first + step).map_or("", String::as_str);
            let between = |step: usize| {
                self.separators
                    .get(first + step)
                    .map_or("", |one| one.trim())
            };
            let is_joined = [between(0), between(1)]
                .iter()
                .all(|one| matches!(*one, "." | "/" | "-" | "–"));
            let is_within = |text: &str, last: u32| {
                text.len() <= 2
                    && text
                        .parse()
                        .is_ok_and(|number: u32| (1..=last).contains(&number))
            };
            let is_year = |text: &str| text.len() == 2 || text.len() == 4;
            let [one, two, three] = [group(0), group(1), group(2)];
            is_joined
                && ((is_within(one, 31) && is_within(two, 12) && is_year(three))
                    || (one.len() == 4 && is_within(two, 12) && is_within(three, 31)))
        })
    }

    fn is_long(&self) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.len() >= LONG_NUMBER_DIGITS_MIN)
    }
}

fn has_email(text: &str) -> bool {
    let written_out = ["(at)", "[at]", "(ät)"];
    let lower = text.to_lowercase();
    let has_both_sides = |word: &str| {
        let sides = word.split_once('@');
        sides.is_some_and(|(name, host)| {
            name.ends_with(|last: char| last.is_alphanumeric())
                && host.starts_with(|first: char| first.is_alphanumeric())
        })
    };
    lower.split_whitespace().any(has_both_sides) || written_out.iter().any(|at| lower.contains(at))
}

/// `BE-2026-031-A7-0042`, mistyped as well: canton, year, institution, device, counter.
fn has_case_number(text: &str) -> bool {
    let mut words =
        text.split(|character: char| !(character.is_alphanumeric() || character == '-'));
    words.any(|word| {
        let parts: Vec<&str> = word.split('-').collect();
        let is_number = |part: &str| part.chars().all(|digit| digit.is_ascii_digit());
        let [canton, year, institution, _, counter, ..] = parts.as_slice() else {
            return false;
        };
        let lengths = [canton.len(), year.len(), institution.len()];
        lengths == [2, 4, 3]
            && [year, institution, counter]
                .into_iter()
                .all(|part| is_number(part))
    })
}

/// `12. März 1982`, `1er mars 82`, `3 May 1990`.
fn has_worded_day(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|character: char| character.is_whitespace() || matches!(character, '.' | ',' | '\''))
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(3).any(|window| {
        let [day, month, year] = window else {
            return false;
        };
        let day = day.strip_suffix("er").unwrap_or(day);
        let is_day = day.parse().is_ok_and(|day: u32| (1..=31).contains(&day));
        let year: String = year.chars().take_while(char::is_ascii_digit).collect();
        is_day && MONTHS.contains(month) && matches!(year.len(), 2 | 4)
    })
}

/// German, French and English, and what they are shortened to.
const MONTHS: [&str; 53] = [
    "januar",
    "jänner",
    "janvier",
    "january",
    "jan",
    "februar",
    "février",
    "fevrier",
    "february",
    "feb",
    "fév",
    "märz",
    "maerz",
    "mars",
    "march",
    "mär",
    "mar",
    "april",
    "avril",
    "apr",
    "avr",
    "mai",
    "may",
    "juni",
    "juin",
    "june",
    "jun",
    "juli",
    "juillet",
    "july",
    "jul",
    "august",
    "août",
    "aout",
    "aug",
    "september",
    "septembre",
    "sept",
    "sep",
    "oktober",
    "octobre",
    "october",
    "okt",
    "oct",
    "november",
    "novembre",
    "nov",
    "dezember",
    "décembre",
    "decembre",
    "december",
    "dez",
    "dec",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn what_leads_to_a_person_is_refused_however_it_is_grouped() {
        for (text, code) in [
            ("AHV 756.1234.5678.97", "ahv_number"),
            ("ahv:7561234567897", "ahv_number"),
            ("756 1234 5678 97, siehe Dossier", "ahv_number"),
            ("mistyped 756.1234.5678.90", "ahv_number"),
            ("Filiale 12 756-1234-5678-97", "ahv_number"),
            ("schreibt an ruth.m@example.ch", "email"),
            ("ruth.m (at) example.ch", "email"),
            ("Tel. 034 402 11 22", "phone"),
            ("034/402 11 22", "phone"),
            ("0344021122", "phone"),
            ("+41 34 402 11 22", "phone"),
            ("+41 (0)34 402 11 22", "phone"),
            ("0041344021122", "phone"),
            ("erreichbar 79 123 45 67", "phone"),
            ("+49 170 1234567", "phone"),
            ("geb. 17.05.1982", "day"),
            ("geb. 17. 5. 82", "day"),
            ("1982-05-17", "day"),
            ("17/05/1982", "day"),
            ("née le 1er mars 1982", "day"),
            ("geboren am 12. März 1982, ledig", "day"),
            ("12.März 1982", "day"),
            ("born 3 May 1990", "day"),
            ("siehe BE-2026-001-BA-001-Y", "case_number"),
            ("Dossier BE-2026-031-A7-0042-V", "case_number"),
            ("Police 20471193", "long_number"),
        ] {
            let inside = format!("Seit Monaten krank, {text} und mehr.");
            for text in [text, &inside] {
                let refused = AnonymousText::parse(text).err().map(|error| error.code);
                assert_eq!(refused, Some(code), "{text}");
            }
        }
    }

    #[test]
    fn facts_with_numbers_are_taken() {
        for text in [
            "Seit März 2026 krankgeschrieben, 50 Prozent ab Mai",
            "3 Kinder, Schulden von rund 12'000 Franken, 2 Betreibungen",
            "Arbeitete 2004 bis 2019 und 2020 bis 2024 in der Pflege",
            "Pensum 0.5 bis 0.8, früher 1.0",
            "Pensen 0.25, 0.50, 0.75 und 0.10",
            "Deutsch A2.1, Französisch B1",
            "Depuis janvier 2025; 2 enfants, 8 et 12 ans",
            "Lohn 1'250'000.50",
            "am 12. März begann die Krankheit",
            "24 Stunden / 7 Tage",
            "nur @home, kein Büro",
        ] {
            let taken =
                AnonymousText::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_round_trip(&taken);
        }
    }

    #[test]
    fn it_has_at_most_500_characters_and_hides_itself() {
        assert!(AnonymousText::parse(&"ä".repeat(500)).is_ok());
        assert_eq!(refusal::<AnonymousText>(&"ä".repeat(501)), "too_long");
        assert_eq!(refusal::<AnonymousText>(&"a".repeat(2_001)), "too_long");
        for empty in ["", "  \n "] {
            assert_eq!(refusal::<AnonymousText>(empty), "empty");
        }
        assert_eq!(refusal::<AnonymousText>("a\u{7}b"), "control_character");
        let text = AnonymousText::parse("müde").unwrap();
        assert_eq!(format!("{text:?}"), "AnonymousText(hidden)");
        let error = AnonymousText::parse("Tel. 034 402 11 22").unwrap_err();
        assert_eq!(error.field, "anonymous_text");
        assert!(!error.to_string().contains("402"), "{error}");
    }
}
