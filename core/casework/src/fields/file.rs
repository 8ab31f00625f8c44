//! What a file that is attached to a section is called, of which type it is, and its bytes.

use std::fmt;

use data_encoding::BASE64;

use super::text::{Shape, parse_text};
use super::{Digest, Field, FieldError, field_as_string, hidden_debug};

/// Characters of a file's name, and bytes: what common file systems take, with room for a suffix.
const NAME_MAX_CHARS: usize = 120;
const NAME_MAX_BYTES: usize = 240;
/// Characters of either half of a media type (RFC 6838, section 4.2).
const MEDIA_TYPE_PART_MAX_CHARS: usize = 127;
/// Punctuation that may stand in either half behind the first character.
const MEDIA_TYPE_PUNCTUATION: &str = "!#$&-^_.+";
/// Names that a file cannot have on Windows, whatever stands behind a full stop.
const DEVICE_NAMES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name of a file: 1–120 characters on one line, NFC, that a file may have on every system and that looks
/// like what it is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for FileName {
    const NAME: &'static str = "file_name";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let shape = Shape {
            field: Self::NAME,
            max_chars: NAME_MAX_CHARS,
            line_breaks: false,
        };
        let name = parse_text(input, &shape)?;
        let refused =
            |code, reason: &str| Err(FieldError::new(Self::NAME, code, reason, OTHER_NAME));
        if name.len() > NAME_MAX_BYTES {
            return refused("too_long", "the name has more than 240 bytes");
        }
        if name.contains(is_separator) {
            return refused(
                "separator",
                "a name has none of / \\ : * ? \" < > |: they mean something else to a system",
            );
        }
        if name.chars().any(is_unseen) {
            return refused(
                "control_character",
                "the name has a character that nobody can see, or that turns the direction",
            );
        }
        if name.starts_with('.') || name.ends_with('.') {
            return refused("full_stop", "the name begins or ends with a full stop");
        }
        if is_device_name(&name) {
            return refused("reserved", "a system keeps this name for a device");
        }
        Ok(Self(name))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

const OTHER_NAME: &str = "give it another one with `--name`";

fn is_separator(character: char) -> bool {
    matches!(
        character,
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'
    )
}

/// Beyond what no text may have: what takes no room, with which two names look the same.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}'
    )
}

fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_ascii_lowercase();
    let numbered = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"))
        .is_some_and(|number| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()));
    numbered || DEVICE_NAMES.contains(&stem.as_str())
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

hidden_debug!(FileName);
field_as_string!(FileName);

/// A media type without parameters (RFC 6838), e.g. `application/pdf`. It says what somebody took the file for;
/// nothing is opened by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(String);

impl MediaType {
    /// What the end of a name says; `application/octet-stream` where it says nothing.
    pub fn of_name(name: &FileName) -> Self {
        let ending = name.as_str().rsplit_once('.').map_or("", |(_, end)| end);
        let code = match ending.to_ascii_lowercase().as_str() {
            "pdf" => "application/pdf",
            "txt" => "text/plain",
            "csv" => "text/csv",
            "json" => "application/json",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "tif" | "tiff" => "image/tiff",
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "odt" => "application/vnd.oasis.opendocument.text",
            "eml" => "message/rfc822",
            _ => "application/octet-stream",
        };
        Self(code.to_owned())
    }
}

impl Field for MediaType {
    const NAME: &'static str = "media_type";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim().to_ascii_lowercase();
        let halves = text.split_once('/');
        if halves.is_some_and(|(kind, subtype)| is_part(kind) && is_part(subtype)) {
            return Ok(Self(text));
        }
        Err(FieldError::new(
            Self::NAME,
            "format",
            "this is no media type",
            "write one as application/pdf or image/png, without parameters, or leave it out",
        ))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

fn is_part(part: &str) -> bool {
    let begins = |first: char| first.is_ascii_alphanumeric();
    part.len() <= MEDIA_TYPE_PART_MAX_CHARS
        && part.starts_with(begins)
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || MEDIA_TYPE_PUNCTUATION.contains(c))
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

field_as_string!(MediaType);

/// The bytes of a file; in JSON as base64.
#[derive(Clone, PartialEq, Eq)]
pub struct FileBytes(Vec<u8>);

impl FileBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Their hash.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// How many.
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Field for FileBytes {
    const NAME: &'static str = "bytes";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let bytes = BASE64.decode(input.trim().as_bytes());
        bytes.map(Self).map_err(|_| {
            FieldError::new(
                Self::NAME,
                "format",
                "this is not base64",
                "write the file's bytes as base64 (RFC 4648, with padding)",
            )
        })
    }

    fn canonical(&self) -> String {
        BASE64.encode(&self.0)
    }
}

impl fmt::Display for FileBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.canonical())
    }
}

hidden_debug!(FileBytes);
field_as_string!(FileBytes);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn a_name_is_one_that_a_file_can_have_everywhere() {
        for name in [
            "Arztbericht Rhizarthrose.pdf",
            "Zürcher_2027-03.docx",
            "a",
            "console.txt",
            "com10.txt",
            "a..b",
            "-rf",
        ] {
            assert_round_trip(&FileName::parse(name).unwrap());
        }
        for (name, code) in [
            ("", "empty"),
            ("  ", "empty"),
            ("../x", "separator"),
            ("a/b.pdf", "separator"),
            ("a\\b.pdf", "separator"),
            ("C:x", "separator"),
            ("a?", "separator"),
            ("..", "full_stop"),
            (".bashrc", "full_stop"),
            ("a.", "full_stop"),
            ("a\nb.pdf", "line_break"),
            ("a\0b.pdf", "control_character"),
            ("a\tb.pdf", "control_character"),
            ("a\u{1b}[2Jb.pdf", "control_character"),
            ("fdp\u{202e}exe.pdf", "control_character"),
            ("a\u{200b}b.pdf", "control_character"),
            ("a\u{200f}b.pdf", "control_character"),
            ("NUL", "reserved"),
            ("con.txt", "reserved"),
            ("LPT1.pdf", "reserved"),
        ] {
            assert_eq!(refusal::<FileName>(name), code, "{name:?}");
        }
    }

    #[test]
    fn the_longest_name_is_taken_and_one_more_is_refused() {
        assert!(FileName::parse(&"a".repeat(120)).is_ok());
        assert_eq!(refusal::<FileName>(&"a".repeat(121)), "too_long");
        assert!(FileName::parse(&"é".repeat(120)).is_ok(), "240 bytes");
        assert_eq!(
            refusal::<FileName>(&format!("{}€", "é".repeat(119))),
            "too_long"
        );
        assert_eq!(refusal::<FileName>(&"a".repeat(1_000_000)), "too_long");
    }

    #[test]
    fn a_media_type_has_two_halves_of_the_registrys_characters() {
        for text in ["application/pdf", "image/svg+xml", "a/b", "text/x.y-z_1"] {
            assert_round_trip(&MediaType::parse(text).unwrap());
        }
        assert_eq!(
            MediaType::parse("Image/PNG").unwrap().to_string(),
            "image/png"
        );
        let longest = format!("a/{}", "b".repeat(127));
        assert!(MediaType::parse(&longest).is_ok());
        for wrong in [
            "",
            "pdf",
            "/pdf",
            "application/",
            "a/b/c",
            "a b/c",
            "text/plain; charset=utf-8",
            "a/\u{202e}b",
            "-a/b",
            &format!("{longest}b"),
        ] {
            assert_eq!(refusal::<MediaType>(wrong), "format", "{wrong}");
        }
        let of = |name| MediaType::of_name(&FileName::parse(name).unwrap()).to_string();
        assert_eq!(of("Bericht.PDF"), "application/pdf");
        assert_eq!(of("Bericht"), "application/octet-stream");
        assert_eq!(of("Bericht.exe"), "application/octet-stream");
    }

    #[test]
    fn bytes_round_trip_and_neither_they_nor_a_name_stand_in_debug_output() {
        for bytes in [vec![], vec![0], b"Rhizarthrose".to_vec()] {
            assert_round_trip(&FileBytes::from(bytes));
        }
        for wrong in ["=", "YQ", "YQ=", "ä"] {
            assert_eq!(refusal::<FileBytes>(wrong), "format");
        }
        let shown = format!(
            "{:?} {:?}",
            FileBytes::from(b"Ruth".to_vec()),
            FileName::parse("Ruth.pdf").unwrap()
        );
        assert_eq!(shown, "FileBytes(hidden) FileName(hidden)");
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_stays_within_its_directory(input in ".{0,130}") {
            if let Ok(name) = FileName::parse(&input) {
                assert_round_trip(&name);
                let path = std::path::Path::new("d").join(name.as_str());
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("d")));
            }
        }
    }
}
