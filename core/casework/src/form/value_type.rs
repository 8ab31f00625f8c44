//! What may stand in a field of a table.

use nahtlos_document::Value;

use crate::code_names;
use crate::edit::ScalarValue;
use crate::fields::{
    AnonymousText, Commune, CountryCode, Date, Email, Field, FieldError, JournalKind, JournalText,
    LanguageCode, LanguageLevel, Line, LongText, Minutes, Name, PartialDate, Percent, Permit,
    Phone, ProblemArea, Rappen, Responsible, Severity, Times, Uid, UtcTime,
};
use crate::labels::Names;
use crate::record::Address;

/// A closed list of codes with German, French and English names. A code of a newer version is kept
/// and shown as it stands.
pub type CodeList = &'static [(&'static str, Names)];

/// Generates [`ValueType`] and what each type reads, stores and shows.
macro_rules! value_types {
    ($( $(#[$doc:meta])* $Variant:ident($Type:ty) ),+ $(,)?) => {
        /// What may stand in a field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ValueType {
            $( $(#[$doc])* $Variant, )+
            /// Yes or no.
            Truth,
            /// One code of a list.
            Code(CodeList),
            /// A text that several people reword, each word of everybody's kept.
            Wording,
        }

        impl ValueType {
            /// The stored form of what was typed or stands in a file.
            fn canonical(self, code: &'static str, text: &str) -> Result<String, FieldError> {
                let stored = match self {
                    $( Self::$Variant => <$Type>::parse_typed(text).map(|value| value.canonical()), )+
                    Self::Wording => LongText::parse(text).map(|value| value.canonical()),
                    Self::Truth => Err(not_a_truth_value(code)),
                    Self::Code(codes) => canonical_code(codes, code, text),
                };
                stored.map_err(|error| FieldError { field: code, ..error })
            }

            /// A stored text as people read it, and whether this version understands it.
            fn shown_text(self, stored: &str) -> (String, bool) {
                match self {
                    $( Self::$Variant => <$Type>::parse(stored).map_or_else(
                        |_| (stored.to_owned(), false),
                        |value| (value.to_string(), true),
                    ), )+
                    Self::Code(codes) => {
                        (stored.to_owned(), codes.iter().any(|entry| entry.0 == stored))
                    }
                    Self::Wording => (stored.to_owned(), true),
                    Self::Truth => (stored.to_owned(), false),
                }
            }
        }
    };
}

value_types! {
    /// A name of 1 to 100 characters.
    Name(Name),
    /// One line of 1 to 2,000 characters.
    Line(Line),
    /// A text of 1 to 2,000 characters.
    Text(LongText),
    /// A text of 1 to 10,000 characters.
    Report(JournalText),
    /// A text of 1 to 500 characters in which nothing recognisable names a person.
    AnonymousText(AnonymousText),
    /// A day.
    Date(Date),
    /// A day, a month or a year.
    PartialDate(PartialDate),
    /// A point in time.
    Time(UtcTime),
    /// A length of time, 1 to 600 minutes.
    Minutes(Minutes),
    /// How many times, 1 to 10,000.
    Times(Times),
    /// 0 to 100 %.
    Percent(Percent),
    /// An amount in Rappen.
    Amount(Rappen),
    /// A country, `stateless` or `unknown`.
    Country(CountryCode),
    /// A language.
    Language(LanguageCode),
    /// How well somebody knows a language.
    LanguageLevel(LanguageLevel),
    /// A residence permit.
    Permit(Permit),
    /// A commune by its BFS number.
    Commune(Commune),
    /// A postal address.
    Address(Address),
    /// A telephone number.
    Phone(Phone),
    /// An e-mail address.
    Email(Email),
    /// A company's number.
    Uid(Uid),
    /// A problem area or resource.
    ProblemArea(ProblemArea),
    /// How heavily something weighs, 0 to 3.
    Severity(Severity),
    /// What an entry reports: call, visit, …
    JournalKind(JournalKind),
    /// The client, an institution, or a person of one.
    Responsible(Responsible),
}

impl ValueType {
    /// Reads what was typed. Yes and no are read in three languages.
    ///
    /// # Errors
    /// Where it is not one of the type; the error names `code`, the field.
    pub fn read(self, code: &'static str, typed: &str) -> Result<ScalarValue, FieldError> {
        if self != Self::Truth {
            return self.canonical(code, typed).map(ScalarValue::Text);
        }
        match typed.trim().to_lowercase().as_str() {
            "yes" | "y" | "true" | "ja" | "oui" => Ok(ScalarValue::Bool(true)),
            "no" | "n" | "false" | "nein" | "non" => Ok(ScalarValue::Bool(false)),
            _ => Err(not_a_truth_value(code)),
        }
    }

    /// The one form in which a value is stored.
    pub(crate) fn stored(
        self,
        code: &'static str,
        value: &ScalarValue,
    ) -> Result<Value, FieldError> {
        match value {
            ScalarValue::Bool(truth) if self == Self::Truth => Ok(Value::Bool(*truth)),
            ScalarValue::Bool(_) => Err(FieldError::new(
                code,
                "type",
                "this field is not answered by true or false",
                "write its value in quotation marks",
            )),
            ScalarValue::Integer(number) => {
                self.canonical(code, &number.to_string()).map(Value::String)
            }
            ScalarValue::Text(text) => self.canonical(code, text).map(Value::String),
        }
    }

    /// A stored value as people read it, and whether this version understands it.
    pub(crate) fn shown(self, value: &Value) -> (String, bool) {
        match (self, value) {
            (Self::Truth, Value::Bool(true)) => ("yes".to_owned(), true),
            (Self::Truth, Value::Bool(false)) => ("no".to_owned(), true),
            (_, value) => match value.as_str() {
                Some(text) => self.shown_text(text),
                None => (value.to_json().to_string(), false),
            },
        }
    }

    /// What to write, in a few words.
    pub fn hint(self) -> String {
        let hint = match self {
            Self::Date => "31.03.2027 or 2027-03-31",
            Self::PartialDate => "2027, 2027-03 or 31.03.2027",
            Self::Time => "31.03.2027 14:30",
            Self::Minutes => "minutes, 1 to 600",
            Self::Times => "how many times, 1 to 10,000",
            Self::Percent => "0 to 100",
            Self::Amount => "francs, e.g. 1250.50",
            Self::Country => "two letters, e.g. CH; stateless; unknown",
            Self::Language => "two letters, e.g. de",
            Self::LanguageLevel => "A0 A1.1 A1.2 A1 A2.1 A2.2 A2 B1 B2 C1 C2",
            Self::Permit => "B C Ci F G L N S or 02 to 13",
            Self::Commune => "BFS number, 1 to 6999",
            Self::Address => "Dorfstrasse 12a, 3550 Langnau",
            Self::Phone => "034 402 11 22",
            Self::Email => "name@example.ch",
            Self::Uid => "CHE-109.322.551",
            Self::ProblemArea => {
                return ProblemArea::ALL
                    .iter()
                    .map(|area| area.code())
                    .collect::<Vec<_>>()
                    .join(" ");
            }
            Self::Severity => "0 none, 1 light, 2 marked, 3 heavy",
            Self::JournalKind => "call visit mail meeting note decision event",
            Self::Responsible => "client, an institution, or institution/person",
            Self::Truth => "yes or no",
            Self::Code(codes) => {
                return codes
                    .iter()
                    .map(|entry| entry.0)
                    .collect::<Vec<_>>()
                    .join(" ");
            }
            Self::Name => "up to 100 characters",
            Self::Report => "text, up to 10,000 characters",
            Self::AnonymousText => {
                "text, up to 500 characters, nothing in it by which somebody could be recognised"
            }
            Self::Line | Self::Text | Self::Wording => "text, up to 2,000 characters",
        };
        hint.to_owned()
    }
}

fn canonical_code(codes: CodeList, field: &'static str, text: &str) -> Result<String, FieldError> {
    let wanted = text.trim();
    let own = codes
        .iter()
        .find(|entry| entry.0.eq_ignore_ascii_case(wanted));
    let mut called = codes
        .iter()
        .filter(|entry| code_names::is_called(&entry.1, wanted));
    let found = match (own, called.next(), called.next()) {
        (Some(own), _, _) => Some(own),
        (None, called, None) => called,
        _ => None,
    };
    found.map(|entry| entry.0.to_owned()).ok_or_else(|| {
        let codes = codes.iter().map(|(code, names)| (*code, Some(names)));
        code_names::unknown_code(field, codes)
    })
}

fn not_a_truth_value(field: &'static str) -> FieldError {
    FieldError::new(
        field,
        "type",
        "this is neither yes nor no",
        "write yes or no; in a file true or false without quotation marks",
    )
}
