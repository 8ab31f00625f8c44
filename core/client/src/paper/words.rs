//! The 24 words of a paper device: its master seed in BIP-39's English list, with that standard's
//! checksum. Nothing is derived from words by a passphrase: they are the seed.

use bip39::{Error, Language, Mnemonic};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::secret::Secret32;
use zeroize::{Zeroize, Zeroizing};

/// Words of one paper.
pub const WORDS: usize = 24;

/// Why words do not make the device of a paper. No word is ever part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Too few or too many.
    #[error("there are {found} words instead of 24")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A word that stands in no list.
    #[error("word {position} is none of the list")]
    Unknown {
        /// From 1.
        position: usize,
    },
    /// All words but one are the paper's.
    #[error("word {position} is another one than the paper's")]
    WrongWord {
        /// From 1.
        position: usize,
    },
    /// The words are the paper's, and two of them changed places.
    #[error("words {first} and {second} are exchanged")]
    Exchanged {
        /// From 1.
        first: usize,
        /// From 1, above the first.
        second: usize,
    },
    /// Several words or places are wrong: the words contradict their checksum.
    #[error("the words contradict each other: several of them, or their order, are wrong")]
    Checksum,
    /// Whole, but of another paper.
    #[error("these are the words of another paper")]
    OtherPaper,
}

/// The words of a seed, in their order.
#[must_use]
pub fn of_seed(seed: &DeviceSeed) -> Vec<&'static str> {
    let mnemonic = Mnemonic::from_entropy_in(Language::English, seed.as_secret().expose());
    mnemonic.map_or_else(|_| Vec::new(), |words| words.words().collect())
}

/// Whether a word, in lower case, stands in the list.
#[must_use]
pub fn is_known(word: &str) -> bool {
    Language::English.find_word(word).is_some()
}

/// The words of a secret of 32 bytes, as those of a seed.
pub(crate) fn of_secret(secret: &Secret32) -> Vec<&'static str> {
    of_seed(&DeviceSeed::from_secret(secret.clone()))
}

/// The seed that the words of a paper make. Where they do not make the paper's device, looks for the one
/// slip that explains it, so that a person knows where to look again.
///
/// # Errors
/// [`WordsError`].
pub fn read(typed: &str, device: &Fingerprint) -> Result<DeviceSeed, WordsError> {
    let is_of = |seed: &DeviceSeed| device.matches(&seed.keys().public_keys().device_id());
    read_right(typed, &is_of)
}

/// The same for any secret of which it is known whether it is the right one.
pub(crate) fn read_secret(
    typed: &str,
    is_right: &dyn Fn(&Secret32) -> bool,
) -> Result<Secret32, WordsError> {
    let seed = read_right(typed, &|seed| is_right(seed.as_secret()))?;
    Ok(seed.as_secret().clone())
}

fn read_right(
    typed: &str,
    is_right: &dyn Fn(&DeviceSeed) -> bool,
) -> Result<DeviceSeed, WordsError> {
    let typed = Zeroizing::new(typed.to_lowercase());
    let words: Vec<&str> = typed.split_whitespace().collect();
    if words.len() != WORDS {
        return Err(WordsError::Count { found: words.len() });
    }
    if let Some(position) = words.iter().position(|word| !is_known(word)) {
        return Err(WordsError::Unknown {
            position: position + 1,
        });
    }
    let as_typed = seed_of(&words);
    match as_typed {
        Ok(seed) if is_right(&seed) => Ok(seed),
        _ => Err(slip(&words, is_right).unwrap_or(match as_typed {
            Ok(_) => WordsError::OtherPaper,
            Err(_) => WordsError::Checksum,
        })),
    }
}

/// The one exchange of two words, or the one wrong word, without which they would be the right ones.
fn slip(words: &[&str], is_right: &dyn Fn(&DeviceSeed) -> bool) -> Option<WordsError> {
    let makes_it = |words: &[&str]| seed_of(words).is_ok_and(|seed| is_right(&seed));
    for second in 1..words.len() {
        for first in 0..second {
            let mut tried = words.to_vec();
            tried.swap(first, second);
            if makes_it(&tried) {
                let (first, second) = (first + 1, second + 1);
                return Some(WordsError::Exchanged { first, second });
            }
        }
    }
    for position in 0..words.len() {
        let mut tried = words.to_vec();
        for word in Language::English.word_list() {
            if let Some(place) = tried.get_mut(position) {
                *place = word;
            }
            if makes_it(&tried) {
                let position = position + 1;
                return Some(WordsError::WrongWord { position });
            }
        }
    }
    None
}

fn seed_of(words: &[&str]) -> Result<DeviceSeed, Error> {
    let text = Zeroizing::new(words.join(" "));
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &text)?;
    let (mut entropy, bytes) = mnemonic.to_entropy_array();
    let first = entropy.first_chunk::<{ Secret32::BYTES }>().copied();
    entropy.zeroize();
    let secret = first
        .filter(|_| bytes == Secret32::BYTES)
        .map(Secret32::from_bytes);
    secret
        .map(DeviceSeed::from_secret)
        .ok_or(Error::BadWordCount(words.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(number: u8) -> DeviceSeed {
        DeviceSeed::from_secret(Secret32::from_bytes([number; 32]))
    }

    fn paper(number: u8) -> Fingerprint {
        Fingerprint::of(&seed(number).keys().public_keys().device_id())
    }

    /// From the test vectors of BIP-39 (Trezor's `vectors.json`): 32 bytes of 00, 7f, 80 and ff.
    #[test]
    fn words_are_those_of_the_standard() {
        let published = [
            (0x00, format!("{}art", "abandon ".repeat(23))),
            (
                0x7f,
                format!(
                    "{}title",
                    "legal winner thank year wave sausage worth useful ".repeat(3)
                )
                .replace("useful title", "title"),
            ),
            (
                0x80,
                format!(
                    "{}bless",
                    "letter advice cage absurd amount doctor acoustic avoid ".repeat(3)
                )
                .replace("avoid bless", "bless"),
            ),
            (0xff, format!("{}vote", "zoo ".repeat(23))),
        ];
        for (byte, words) in published {
            assert_eq!(of_seed(&seed(byte)).join(" "), words, "{byte:02x}");
            let read = read(&words, &paper(byte)).unwrap();
            assert_eq!(read, seed(byte));
        }
    }

    #[test]
    fn words_typed_in_capitals_and_on_several_lines_are_read() {
        let typed = of_seed(&seed(9)).join("\n  ").to_uppercase();
        assert_eq!(read(&typed, &paper(9)), Ok(seed(9)));
    }

    #[test]
    fn each_slip_is_told_by_where_to_look_again() {
        let random: [u8; 32] = core::array::from_fn(|place| (place as u8).wrapping_mul(37) ^ 0x5a);
        let seed = DeviceSeed::from_secret(Secret32::from_bytes(random));
        let device = Fingerprint::of(&seed.keys().public_keys().device_id());
        let words = of_seed(&seed);
        let told = |words: &[&str]| read(&words.join(" "), &device).unwrap_err();
        assert_eq!(read(&words.join(" "), &device), Ok(seed), "control");

        assert_eq!(told(&words[..23]), WordsError::Count { found: 23 });
        let mut unknown = words.clone();
        unknown[6] = "nahtlos";
        assert_eq!(told(&unknown), WordsError::Unknown { position: 7 });
        for position in [0, 11, 23] {
            let mut wrong = words.clone();
            wrong[position] = if wrong[position] == "zoo" {
                "able"
            } else {
                "zoo"
            };
            let position = position + 1;
            assert_eq!(told(&wrong), WordsError::WrongWord { position });
        }
        for (first, second) in [(0, 1), (3, 20), (22, 23)] {
            let mut exchanged = words.clone();
            exchanged.swap(first, second);
            let (first, second) = (first + 1, second + 1);
            assert_eq!(told(&exchanged), WordsError::Exchanged { first, second });
        }
        let mut several = words.clone();
        several[1..20].reverse();
        assert_eq!(told(&several), WordsError::Checksum);
        let other = of_seed(&super::tests::seed(3));
        assert_eq!(told(&other), WordsError::OtherPaper);
    }
}
