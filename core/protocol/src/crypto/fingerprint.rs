//! A short form of a device, relay or space id, for people to read to each other.

use core::{fmt, str::FromStr};
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use thiserror::Error;

/// The first 80 bits of an id as four groups of four characters, `7K3M-92QD-0V5X-C8AT`.
///
/// Crockford's base 32: digits and capital letters without I, L, O and U. To build an id with a
/// given fingerprint takes about 2⁸⁰ hashes. Somebody may build two ids *of their own* with equal
/// fingerprints (2⁴⁰), so a fingerprint confirms an id already received, it never replaces one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

impl Fingerprint {
    /// Bytes of the id it shows.
    pub const BYTES: usize = 10;
    /// Longest text accepted: room for spaces and hyphens anywhere.
    pub const MAX_TEXT_BYTES: usize = 64;

    /// The fingerprint of an id.
    #[must_use]
    pub fn of(id: &[u8; 32]) -> Self {
        let mut bytes = [0; Self::BYTES];
        for (byte, id_byte) in bytes.iter_mut().zip(id) {
            *byte = *id_byte;
        }
        Self(bytes)
    }

    /// The bytes it shows, as they stand in a text.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    /// A fingerprint as it stood in a text.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Whether this is the fingerprint of `id`.
    #[must_use]
    pub fn matches(&self, id: &[u8; 32]) -> bool {
        *self == Self::of(id)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = CROCKFORD.encode(&self.0);
        for (position, character) in text.chars().enumerate() {
            if position > 0 && position % 4 == 0 {
                formatter.write_str("-")?;
            }
            write!(formatter, "{character}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Accepts small letters, spaces and hyphens anywhere, and O for 0, I or L for 1.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(InvalidFingerprint);
        }
        CROCKFORD
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(InvalidFingerprint)
    }
}

/// The text is not four groups of four characters of the alphabet.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a fingerprint has 16 letters and digits in groups of four, such as 7K3M-92QD-0V5X-C8AT")]
pub struct InvalidFingerprint;

static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    specification
        .translate
        .from
        .push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    specification
        .translate
        .to
        .push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    specification.ignore.push_str("- ");
    #[allow(clippy::expect_used, reason = "a constant, read by every test below")]
    specification.encoding().expect("a valid alphabet")
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id() -> [u8; 32] {
        core::array::from_fn(|position| (position as u8).wrapping_mul(37).wrapping_add(11))
    }

    #[test]
    fn a_fingerprint_is_four_groups_of_four() {
        assert_eq!(Fingerprint::of(&[0; 32]).to_string(), "0000-0000-0000-0000");
        assert_eq!(
            Fingerprint::of(&[0xff; 32]).to_string(),
            "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
        );
    }

    #[test]
    fn a_fingerprint_typed_carelessly_is_still_read() {
        let fingerprint = Fingerprint::of(&id());
        let text = fingerprint.to_string();
        for variant in [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            format!("  {text} "),
            text.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(variant.parse(), Ok(fingerprint), "{variant}");
        }
        assert!(fingerprint.matches(&id()));
    }

    #[test]
    fn a_text_that_is_no_fingerprint_is_refused() {
        for text in [
            "",
            "7K3M",
            "7K3M-92QD-0V5X-C8A",
            "7K3M-92QD-0V5X-C8AT-0",
            "7K3M-92QD-0V5X-C8AT-0000-0000",
            "7K3M-92QD-0V5X-C8AU",
            "7K3M_92QD_0V5X_C8AT",
            "7K3M-92QD-0V5X-C8AÄ",
            &" ".repeat(100),
        ] {
            assert_eq!(
                text.parse::<Fingerprint>(),
                Err(InvalidFingerprint),
                "{text}"
            );
        }
        assert!("7K3M-92QD-0V5X-C8AT".parse::<Fingerprint>().is_ok());
    }

    #[test]
    fn another_id_has_another_fingerprint() {
        let mut other = id();
        other[9] ^= 1;
        assert!(!Fingerprint::of(&id()).matches(&other));
    }

    proptest! {
        #[test]
        fn a_fingerprint_survives_a_round_trip(id in any::<[u8; 32]>()) {
            let fingerprint = Fingerprint::of(&id);
            prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }

        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,80}") {
            let _ = text.parse::<Fingerprint>();
        }
    }
}
