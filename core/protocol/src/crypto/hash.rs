//! Labelled SHA-256.

use sha2::{Digest, Sha256};

/// SHA-256(`label` ‖ parts…), FIPS 180-4.
///
/// No lengths are mixed in: every part but the last must have a length fixed by the label's object
/// type, otherwise bytes could move between neighbouring parts and keep the hash. Labels end in a
/// zero byte and none is a prefix of another, so different labels never meet either.
#[must_use]
pub fn hash(label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(label);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[test]
    fn the_fips_180_4_example_gives_its_digest() {
        assert_eq!(
            HEXLOWER.encode(&hash(b"a", &[b"b", b"c"])),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn another_label_gives_another_hash() {
        assert_eq!(hash(b"one\0", &[b"x"]), hash(b"one\0", &[b"x"]));
        assert_ne!(hash(b"one\0", &[b"x"]), hash(b"two\0", &[b"x"]));
    }
}
