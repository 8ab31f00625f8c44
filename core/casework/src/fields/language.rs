//! Languages and how well somebody knows them.

use std::fmt;

use super::{Field, FieldError, coded_enum, field_as_string};

/// ISO 639-1, two letters each.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu \
cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id \
ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi \
mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd \
se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa \
wo xh yi yo za zh zu";

/// A language of ISO 639-1, stored and shown in small letters: `de`, `ti`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanguageCode(&'static str);

impl LanguageCode {
    /// The two letters.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Field for LanguageCode {
    const NAME: &'static str = "language";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let wanted = input.trim();
        LANGUAGES
            .split(' ')
            .find(|code| code.eq_ignore_ascii_case(wanted))
            .map(Self)
            .ok_or_else(|| {
                FieldError::new(
                    Self::NAME,
                    "unknown_code",
                    "this is no language code of ISO 639-1",
                    "write the two letters, e.g. de, fr, ti, uk",
                )
            })
    }

    fn canonical(&self) -> String {
        self.0.to_owned()
    }
}

impl fmt::Display for LanguageCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

field_as_string!(LanguageCode);

coded_enum! {
    /// CEFR level, ordered from nothing to mastery. A part level comes before its whole level: who
    /// has `A1` has `A1.1` and `A1.2` behind them.
    LanguageLevel, "language_level", "write one of A0 A1.1 A1.2 A1 A2.1 A2.2 A2 B1 B2 C1 C2" {
        A0 = "A0",
        A1Part1 = "A1.1",
        A1Part2 = "A1.2",
        A1 = "A1",
        A2Part1 = "A2.1",
        A2Part2 = "A2.2",
        A2 = "A2",
        B1 = "B1",
        B2 = "B2",
        C1 = "C1",
        C2 = "C2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn levels_are_ordered_as_the_framework_orders_them() {
        let codes: Vec<_> = LanguageLevel::ALL
            .iter()
            .map(|level| level.code())
            .collect();
        assert_eq!(codes.join(" "), "A0 A1.1 A1.2 A1 A2.1 A2.2 A2 B1 B2 C1 C2");
        assert!(LanguageLevel::ALL.is_sorted());
        assert!(LanguageLevel::A2Part2 < LanguageLevel::A2);
        for level in LanguageLevel::ALL {
            assert_round_trip(level);
        }
        for wrong in ["", "A3", "A1.3", "B1.1", "C"] {
            assert_eq!(refusal::<LanguageLevel>(wrong), "unknown_code");
        }
    }

    #[test]
    fn languages_are_two_letters_of_the_list() {
        assert_eq!(LANGUAGES.split(' ').count(), 183);
        for code in LANGUAGES.split(' ') {
            assert_round_trip(&LanguageCode::parse(code).unwrap());
        }
        assert_eq!(LanguageCode::parse(" DE ").unwrap().as_str(), "de");
        for wrong in ["", "d", "deu", "xx", "de fr"] {
            assert_eq!(refusal::<LanguageCode>(wrong), "unknown_code");
        }
    }
}
