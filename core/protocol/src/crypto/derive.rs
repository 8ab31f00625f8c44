//! Labelled HKDF-SHA256 (RFC 5869).

use hkdf::Hkdf;
use sha2::Sha256;

use super::secret::Secret32;

/// HKDF-SHA256 with an empty salt, the input `secret`, info = `label` ‖ context parts…, 32 bytes.
///
/// As in [`super::hash::hash`], every context part but the last must have a length fixed by the
/// label.
#[must_use]
pub fn derive(secret: &Secret32, label: &[u8], context: &[&[u8]]) -> Secret32 {
    let mut output = Secret32::zeroed();
    expand(&[], secret.expose(), label, context, output.expose_mut());
    output
}

/// HKDF-SHA256: extracts from `salt` and `input`, expands info = `label` ‖ context parts… into
/// `output`, whose length is checked when the program is compiled (at most 255 × 32 bytes).
pub(crate) fn expand<const BYTES: usize>(
    salt: &[u8],
    input: &[u8],
    label: &[u8],
    context: &[&[u8]],
    output: &mut [u8; BYTES],
) {
    const { assert!(BYTES <= 255 * 32, "RFC 5869 ends at 255 blocks") };
    let mut info = Vec::with_capacity(context.len() + 1);
    info.push(label);
    info.extend_from_slice(context);
    #[allow(clippy::expect_used, reason = "fails on length alone, asserted above")]
    Hkdf::<Sha256>::new(Some(salt), input)
        .expand_multi_info(&info, output)
        .expect("length asserted at compile time");
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn rfc_5869_case_1_gives_its_output() {
        let mut output = [0; 42];
        expand(
            &hex("000102030405060708090a0b0c"),
            &[0x0b; 22],
            &hex("f0f1f2f3"),
            &[&hex("f4f5"), &hex("f6f7f8f9")],
            &mut output,
        );
        assert_eq!(
            HEXLOWER.encode(&output),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn rfc_5869_case_3_without_salt_and_info_gives_its_output() {
        let mut output = [0; 42];
        expand(&[], &[0x0b; 22], &[], &[], &mut output);
        assert_eq!(
            HEXLOWER.encode(&output),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn another_secret_label_or_context_derives_another_key() {
        let secret = Secret32::from_bytes([1; 32]);
        let key = derive(&secret, b"one\0", &[b"context"]);
        assert_eq!(key, derive(&secret, b"one\0", &[b"context"]));
        assert_ne!(key, derive(&secret, b"two\0", &[b"context"]));
        assert_ne!(key, derive(&secret, b"one\0", &[b"Context"]));
        let other = Secret32::from_bytes([2; 32]);
        assert_ne!(key, derive(&other, b"one\0", &[b"context"]));
    }
}
