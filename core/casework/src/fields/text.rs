//! Text people type: names, one-line titles, longer text, journal entries.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{Field, FieldError, field_as_string, hidden_debug};

/// Characters a name may have.
const NAME_MAX_CHARS: usize = 100;
/// Characters a number that an institution gives may have.
const LOCAL_NUMBER_MAX_CHARS: usize = 50;
/// Characters any text but a journal entry may have.
const TEXT_MAX_CHARS: usize = 2_000;
/// Characters a journal entry may have.
const JOURNAL_MAX_CHARS: usize = 10_000;

/// What a text of one kind may contain.
pub(super) struct Shape {
    pub(super) field: &'static str,
    pub(super) max_chars: usize,
    pub(super) line_breaks: bool,
}

/// Normalises to NFC, unifies line ends, trims, and refuses what nobody can see.
pub(super) fn parse_text(input: &str, shape: &Shape) -> Result<String, FieldError> {
    // NFC may shorten, never lengthen by more than a small factor; this bounds the work first.
    if input.len() > shape.max_chars.saturating_mul(16) {
        return Err(too_long(shape));
    }
    let unified = input.replace("\r\n", "\n").replace('\r', "\n");
    let composed: String = unified.nfc().collect();
    let text = composed.trim();
    if text.is_empty() {
        return Err(FieldError::new(
            shape.field,
            "empty",
            "the text is empty",
            "write at least one character",
        ));
    }
    if text.chars().count() > shape.max_chars {
        return Err(too_long(shape));
    }
    if text.contains('\n') && !shape.line_breaks {
        return Err(FieldError::new(
            shape.field,
            "line_break",
            "the text has a line break",
            "write it on one line",
        ));
    }
    if text.chars().any(|c| c != '\n' && is_invisible(c)) {
        return Err(FieldError::new(
            shape.field,
            "control_character",
            "the text has a control character that nobody can see",
            "remove tabs and control characters, or type the text anew",
        ));
    }
    Ok(text.to_owned())
}

fn too_long(shape: &Shape) -> FieldError {
    FieldError::new(
        shape.field,
        "too_long",
        format!("the text has more than {} characters", shape.max_chars),
        "shorten it or split it",
    )
}

/// Control characters, and the ones that reorder what stands around them: with those a name could be
/// shown as somebody else's.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident, $field:literal, $max:expr, $line_breaks:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Field for $name {
            const NAME: &'static str = $field;
            const CHARACTERS_MAX: Option<usize> = Some($max);

            fn parse(input: &str) -> Result<Self, FieldError> {
                let shape = Shape { field: $field, max_chars: $max, line_breaks: $line_breaks };
                parse_text(input, &shape).map(Self)
            }

            fn canonical(&self) -> String {
                self.0.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        hidden_debug!($name);
        field_as_string!($name);
    };
}

text_type!(
    /// A name: 1–100 characters on one line, NFC.
    Name, "name", NAME_MAX_CHARS, false
);
text_type!(
    /// The number under which an institution knows a person, as it writes it: 1–50 characters on one
    /// line, NFC.
    LocalNumber, "local_number", LOCAL_NUMBER_MAX_CHARS, false
);
text_type!(
    /// One line: 1–2,000 characters, NFC.
    Line, "line", TEXT_MAX_CHARS, false
);
text_type!(
    /// Text that may have several lines: 1–2,000 characters, NFC, `\n` as line end.
    LongText, "text", TEXT_MAX_CHARS, true
);
text_type!(
    /// The text of a journal entry: 1–10,000 characters, NFC, `\n` as line end.
    JournalText, "journal_text", JOURNAL_MAX_CHARS, true
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn a_decomposed_name_is_stored_composed() {
        let name = Name::parse("Zu\u{308}rcher").unwrap();
        assert_eq!(name.as_str(), "Z\u{fc}rcher");
    }

    #[test]
    fn text_at_the_limit_is_taken_and_one_more_character_is_refused() {
        for (limit, read) in [
            (100, |t: &str| Name::parse(t).map(|_| ())),
            (2_000, |t: &str| Line::parse(t).map(|_| ())),
            (2_000, |t: &str| LongText::parse(t).map(|_| ())),
            (10_000, |t: &str| JournalText::parse(t).map(|_| ())),
        ] as [(usize, fn(&str) -> Result<(), FieldError>); 4]
        {
            assert!(read(&"é".repeat(limit)).is_ok());
            assert_eq!(read(&"é".repeat(limit + 1)).unwrap_err().code, "too_long");
            assert_eq!(read(&"é".repeat(limit * 20)).unwrap_err().code, "too_long");
        }
    }

    #[test]
    fn empty_and_invisible_text_is_refused() {
        assert_eq!(refusal::<Name>("  \n "), "empty");
        assert_eq!(refusal::<Name>("a\u{7}b"), "control_character");
        assert_eq!(refusal::<LongText>("a\tb"), "control_character");
        assert_eq!(refusal::<Name>("a\u{202E}b"), "control_character");
        assert_eq!(refusal::<Name>("Anna\nMeier"), "line_break");
    }

    #[test]
    fn line_breaks_of_other_systems_are_unified() {
        assert_eq!(LongText::parse("a\r\nb\rc").unwrap().as_str(), "a\nb\nc");
    }

    #[test]
    fn debug_output_does_not_show_the_text() {
        assert_eq!(
            format!("{:?}", Name::parse("Mosimann").unwrap()),
            "Name(hidden)"
        );
    }

    proptest! {
        #[test]
        fn what_parses_also_parses_from_its_display(input in "\\PC{0,120}") {
            if let Ok(name) = Name::parse(&input) { assert_round_trip(&name); }
            if let Ok(text) = LongText::parse(&input) { assert_round_trip(&text); }
        }
    }
}
