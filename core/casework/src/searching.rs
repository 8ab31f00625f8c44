//! Finding text as people remember it: whatever its case and its accents.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use crate::fields::FieldError;

/// More words than anybody looks for at once.
const WORDS_MAX: usize = 20;
/// Characters of an excerpt before what was found, and in all.
const EXCERPT_BEFORE: usize = 40;
const EXCERPT_CHARS: usize = 120;

/// What is looked for: words that all stand in one text, each anywhere in a word of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Search(Vec<String>);

impl std::fmt::Debug for Search {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Search(hidden)")
    }
}

impl Search {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `empty` without any letter or digit, `too_many` for more than 20 words.
    pub fn parse(typed: &str) -> Result<Self, FieldError> {
        let words: Vec<String> = folded(typed)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let refused = |code, reason, remedy| Err(FieldError::new("search", code, reason, remedy));
        if !words
            .iter()
            .flat_map(|word| word.chars())
            .any(char::is_alphanumeric)
        {
            return refused(
                "empty",
                "there is nothing to look for",
                "write a word or a part of one",
            );
        }
        if words.len() > WORDS_MAX {
            return refused(
                "too_many",
                "these are more than 20 words",
                "write fewer of them",
            );
        }
        Ok(Self(words))
    }

    /// Whether all words stand in the text.
    pub fn is_in(&self, text: &str) -> bool {
        let text = folded(text);
        self.0.iter().all(|word| text.contains(word.as_str()))
    }

    /// The text around the first word, in one line.
    pub fn excerpt(&self, text: &str) -> String {
        let found = self
            .0
            .iter()
            .filter_map(|word| folded(text).find(word.as_str()))
            .min()
            .unwrap_or(0);
        let (mut length, mut position) = (0_usize, 0_usize);
        for character in text.chars() {
            if length >= found {
                break;
            }
            fold(character, &mut |folded| length += folded.len_utf8());
            position += 1;
        }
        let skipped = position.saturating_sub(EXCERPT_BEFORE);
        let shown: String = text.chars().skip(skipped).take(EXCERPT_CHARS).collect();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let before = if skipped > 0 { "… " } else { "" };
        let is_cut = text.chars().count() > skipped + EXCERPT_CHARS;
        format!("{before}{shown}{}", if is_cut { " …" } else { "" })
    }
}

/// A text in the form in which texts are compared: small letters without accents.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        // Most of what people write here, and most of what a search over all cases costs.
        let plain = rest.bytes().take_while(u8::is_ascii).count();
        let (ascii, others) = rest.split_at(plain);
        let from = folded.len();
        folded.push_str(ascii);
        if let Some(new) = folded.get_mut(from..) {
            new.make_ascii_lowercase();
        }
        let mut characters = others.chars();
        if let Some(character) = characters.next() {
            fold(character, &mut |character| folded.push(character));
        }
        rest = characters.as_str();
    }
    folded
}

/// Small letters without accents. Letters that no accent makes of others go to those that people type for
/// them.
fn fold(character: char, push: &mut impl FnMut(char)) {
    if character.is_ascii() {
        return push(character.to_ascii_lowercase());
    }
    for small in character.to_lowercase() {
        let plain = match small {
            'ß' => "ss",
            'æ' => "ae",
            'œ' => "oe",
            'đ' | 'ð' => "d",
            'ł' => "l",
            'ø' => "o",
            'ı' => "i",
            '’' | '‘' | 'ʼ' => "'",
            '\u{a0}' | '\u{202f}' => " ",
            other => {
                decompose_canonical(other, |part| {
                    if !is_combining_mark(part) {
                        push(part);
                    }
                });
                continue;
            }
        };
        plain.chars().for_each(&mut *push);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(typed: &str, text: &str) -> bool {
        Search::parse(typed).unwrap().is_in(text)
    }

    #[test]
    fn a_text_is_found_whatever_its_case_and_accents() {
        for (typed, text) in [
            ("hadzic", "Lejla Hadžić"),
            ("HADŽIĆ", "lejla hadžic"),
            ("muller", "Zoë Müller"),
            ("zoe mull", "Müller Zoë"),
            ("strasse", "Hauptstraße"),
            ("geneve", "Gene\u{300}ve, GENÈVE"),
            ("n'diaye", "Awa N’Diaye"),
            ("dordevic", "Đorđević"),
            ("oeuvre", "œuvre"),
            ("40 %", "zu 40\u{a0}% arbeiten"),
        ] {
            assert!(finds(typed, text), "{typed} in {text}");
        }
        for (typed, text) in [
            ("hadzic lejla x", "Lejla Hadžić"),
            ("mueller", "Müller"),
            ("zo e", "Zoa"),
        ] {
            assert!(!finds(typed, text), "{typed} in {text}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for nothing in ["", " \n", "…", "\u{301}"] {
            assert_eq!(Search::parse(nothing).unwrap_err().code, "empty");
        }
        assert!(Search::parse(&"a ".repeat(WORDS_MAX)).is_ok());
        assert_eq!(
            Search::parse(&"a ".repeat(WORDS_MAX + 1)).unwrap_err().code,
            "too_many"
        );
    }

    #[test]
    fn an_excerpt_is_one_line_around_what_was_found() {
        let text = format!(
            "{}\nGespräch mit Frau Hadžić am Montag.\n{}",
            "ä ".repeat(200),
            "ö ".repeat(200)
        );
        let excerpt = Search::parse("hadzic").unwrap().excerpt(&text);
        assert!(excerpt.contains("Frau Hadžić am Montag."), "{excerpt}");
        assert!(excerpt.starts_with('…') && excerpt.ends_with('…') && !excerpt.contains('\n'));
        assert_eq!(Search::parse("kurz").unwrap().excerpt("Kurz"), "Kurz");
    }

    proptest! {
        #[test]
        fn a_part_of_any_text_is_found_in_it(text in "[a-zA-Zäöüéèžćđß ]{1,40}[a-z]", from in 0usize..20, count in 1usize..20) {
            let part: String = text.chars().skip(from).take(count).collect();
            if let Ok(search) = Search::parse(&part) {
                prop_assert!(search.is_in(&text));
                let excerpt = search.excerpt(&text);
                prop_assert!(!excerpt.is_empty());
            }
        }
    }
}
