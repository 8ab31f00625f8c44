//! The RFC 8439 vector for the cipher we call, and every way a message must not open.

use chacha20poly1305::Tag;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

#[path = "two_key_collision.rs"]
mod two_key_collision;

const LABEL: &[u8] = b"test/message\0";
const HEADER: &[u8] = b"header";
const SALT: [u8; SALT_BYTES] = [3; SALT_BYTES];

fn key(byte: u8) -> Secret32 {
    Secret32::from_bytes([byte; 32])
}

fn sealed(plaintext: &[u8]) -> Sealed {
    seal(&key(1), &SALT, LABEL, HEADER, plaintext).unwrap()
}

fn open_with(
    content_key: &Secret32,
    header: &[u8],
    message: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open(
        content_key,
        &SALT,
        LABEL,
        header,
        &message.commitment,
        &message.ciphertext,
    )
}

#[test]
fn the_rfc_8439_vector_seals_and_opens() {
    // RFC 8439 §2.8.2.
    let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce: [u8; 12] = hex("070000004041424344454647").try_into().unwrap();
    let aad = hex("50515253c0c1c2c3c4c5c6c7");
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let cipher = ChaCha20Poly1305::new_from_slice(&key).unwrap();
    let mut buffer = plaintext.to_vec();
    cipher
        .encrypt_in_place(&nonce.into(), &aad, &mut buffer)
        .unwrap();
    assert_eq!(
        HEXLOWER.encode(&buffer),
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
         3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
    );
    cipher
        .decrypt_in_place(&nonce.into(), &aad, &mut buffer)
        .unwrap();
    assert_eq!(buffer, plaintext);
}

#[test]
fn a_sealed_message_opens_and_hides_its_length() {
    let message = sealed(b"short");
    assert_eq!(message.ciphertext.len(), 256 + TAG_BYTES);
    assert_eq!(
        sealed(b"somewhat longer").ciphertext.len(),
        message.ciphertext.len()
    );
    assert_eq!(*open_with(&key(1), HEADER, &message).unwrap(), b"short");
}

#[test]
fn the_bytes_follow_the_documented_derivation() {
    let mut okm = [0; 76];
    let header_hash = Sha256::digest(HEADER);
    hkdf::Hkdf::<Sha256>::new(Some(&SALT), &[1; 32])
        .expand(&[LABEL, &header_hash].concat(), &mut okm)
        .unwrap();
    let message = sealed(b"short");
    assert_eq!(message.commitment, okm[44..]);

    let mut buffer = super::super::padding::pad(b"short").unwrap();
    let nonce: [u8; 12] = okm[32..44].try_into().unwrap();
    ChaCha20Poly1305::new_from_slice(&okm[..32])
        .unwrap()
        .encrypt_in_place(&nonce.into(), &[HEADER, &okm[44..]].concat(), &mut buffer)
        .unwrap();
    assert_eq!(message.ciphertext, buffer);
}

#[test]
fn a_message_does_not_open_with_another_key_salt_label_or_header() {
    let message = sealed(b"short");
    assert!(open_with(&key(1), HEADER, &message).is_ok());

    let refused = Err(OpenError::Commitment);
    assert_eq!(open_with(&key(2), HEADER, &message), refused);
    assert_eq!(open_with(&key(1), b"Header", &message), refused);
    assert_eq!(open_with(&key(1), b"", &message), refused);
    let (commitment, ciphertext) = (&message.commitment, &message.ciphertext);
    let other_salt = [4; SALT_BYTES];
    assert_eq!(
        open(&key(1), &other_salt, LABEL, HEADER, commitment, ciphertext),
        refused
    );
    let other_label = b"test/another\0";
    assert_eq!(
        open(&key(1), &SALT, other_label, HEADER, commitment, ciphertext),
        refused
    );
}

#[test]
fn a_changed_commitment_is_refused_before_the_ciphertext_is_looked_at() {
    let mut message = sealed(b"short");
    // With the right commitment this ciphertext fails as such: the order of the checks shows.
    message.ciphertext.truncate(3);
    assert_eq!(
        open_with(&key(1), HEADER, &message),
        Err(OpenError::Authentication)
    );
    for position in 0..COMMITMENT_BYTES {
        let mut changed = message.clone();
        changed.commitment[position] ^= 1;
        assert_eq!(
            open_with(&key(1), HEADER, &changed),
            Err(OpenError::Commitment)
        );
    }
}

#[test]
fn a_message_with_a_changed_byte_does_not_open() {
    let message = sealed(b"short");
    for position in 0..message.ciphertext.len() {
        let mut changed = message.clone();
        changed.ciphertext[position] ^= 1;
        assert_eq!(
            open_with(&key(1), HEADER, &changed),
            Err(OpenError::Authentication)
        );
    }
    for length in [0, 15, 16, 271] {
        let mut truncated = message.clone();
        truncated.ciphertext.truncate(length);
        assert_eq!(
            open_with(&key(1), HEADER, &truncated),
            Err(OpenError::Authentication)
        );
    }
}

#[test]
fn a_header_and_commitment_are_both_authenticated_by_the_cipher() {
    let message = sealed(b"short");
    let keys = MessageKeys::derive(&key(1), &SALT, LABEL, HEADER);
    let opens = |associated_data: &[u8]| {
        let mut buffer = message.ciphertext.clone();
        keys.cipher()
            .decrypt_in_place(&keys.nonce, associated_data, &mut buffer)
            .is_ok()
    };
    assert!(opens(&[HEADER, &message.commitment].concat()));
    assert!(!opens(HEADER));
    assert!(!opens(&message.commitment));
    assert!(!opens(&[b"Header", message.commitment.as_slice()].concat()));
    assert!(!opens(&[HEADER, &[0; COMMITMENT_BYTES]].concat()));
}

#[test]
fn a_sealer_that_pads_wrongly_is_refused() {
    let keys = MessageKeys::derive(&key(1), &SALT, LABEL, HEADER);
    let seal_raw = |padded: &[u8]| {
        let mut ciphertext = padded.to_vec();
        keys.cipher()
            .encrypt_in_place(&keys.nonce, &keys.associated_data(HEADER), &mut ciphertext)
            .unwrap();
        Sealed {
            commitment: keys.commitment,
            ciphertext,
        }
    };
    let mut padded = super::super::padding::pad(b"short").unwrap();
    assert_eq!(seal_raw(&padded), sealed(b"short"));
    assert_eq!(
        open_with(&key(1), HEADER, &seal_raw(&padded[..9])),
        Err(OpenError::Padding(PaddingError::Length))
    );
    padded[255] = 1;
    assert_eq!(
        open_with(&key(1), HEADER, &seal_raw(&padded)),
        Err(OpenError::Padding(PaddingError::Filling))
    );
}

/// The attack the commitment is there for: one ciphertext, two readers, two texts.
#[test]
fn a_ciphertext_that_opens_under_two_keys_opens_for_one_reader_only() {
    let first = MessageKeys::derive(&key(1), &SALT, LABEL, HEADER);
    let second = MessageKeys::derive(&key(2), &SALT, LABEL, HEADER);
    let associated_data = first.associated_data(HEADER);
    // 256 bytes: a payload of 252 and no filling, so that the padding is right for the first key.
    let mut ciphertext = 252_u32.to_le_bytes().to_vec();
    ciphertext.resize(256, 0);
    first
        .cipher()
        .encrypt_in_place(&first.nonce, &associated_data, &mut ciphertext)
        .unwrap();
    ciphertext.truncate(256);
    let tag = two_key_collision::make_collide(
        [&first, &second].map(|keys| (keys.key.expose(), &keys.nonce)),
        &associated_data,
        &mut ciphertext,
    );

    // The control: the bare cipher opens it under both keys, to different texts.
    let texts = [&first, &second].map(|keys| {
        let mut text = ciphertext.clone();
        keys.cipher()
            .decrypt_inout_detached(
                &keys.nonce,
                &associated_data,
                text.as_mut_slice().into(),
                &Tag::from(tag),
            )
            .unwrap();
        text
    });
    assert_ne!(texts[0], texts[1]);

    ciphertext.extend_from_slice(&tag);
    let message = Sealed {
        commitment: first.commitment,
        ciphertext,
    };
    assert_eq!(
        open_with(&key(1), HEADER, &message).unwrap()[..],
        texts[0][4..]
    );
    assert_eq!(
        open_with(&key(2), HEADER, &message),
        Err(OpenError::Commitment)
    );
    // Nor with the second reader's commitment: it is part of what the tag covers.
    let relabelled = Sealed {
        commitment: second.commitment,
        ciphertext: message.ciphertext,
    };
    assert_eq!(
        open_with(&key(2), HEADER, &relabelled),
        Err(OpenError::Authentication)
    );
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        plaintext in proptest::collection::vec(any::<u8>(), 0..6000),
        header in proptest::collection::vec(any::<u8>(), 0..300),
        salt in any::<[u8; 32]>(),
    ) {
        let message = seal(&key(1), &salt, LABEL, &header, &plaintext).unwrap();
        let opened = open(
            &key(1), &salt, LABEL, &header, &message.commitment, &message.ciphertext,
        ).unwrap();
        prop_assert_eq!(&*opened, &plaintext);
    }
}
