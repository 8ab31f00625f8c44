//! How one record is named and sealed.
//!
//! A row shows its collection, its position and two tags. A tag is the first 16 bytes of
//! HMAC-SHA256 (RFC 2104) under the tag key over *label ‖ collection (1 byte) ‖ group or key*, so
//! equal names in two collections or two vaults have unrelated tags.
//!
//! The value column is *nonce (24) ‖ ciphertext ‖ authentication tag (16)*, XChaCha20-Poly1305 with
//! a random nonce over *key length (4, little-endian) ‖ key ‖ value*. The associated data is
//! [`RECORD_LABEL`] ‖ collection (1) ‖ group tag (16) ‖ key tag (16) ‖ position (8, little-endian):
//! a value that was moved to another row does not open.
//!
//! What this does not notice: a row that was deleted, or replaced by its own earlier bytes.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hkdf::{Hkdf, HkdfExtract};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::collection::Collection;
use super::error::{DamagedPart, VaultError};
use super::header::VaultKey;

const RECORD_KEY_LABEL: &[u8] = b"nahtlos/v1/vault/record-key";
const TAG_KEY_LABEL: &[u8] = b"nahtlos/v1/vault/tag-key";
const GROUP_TAG_LABEL: &[u8] = b"nahtlos/v1/vault/group-tag";
const KEY_TAG_LABEL: &[u8] = b"nahtlos/v1/vault/key-tag";
const RECORD_LABEL: &[u8] = b"nahtlos/v1/vault/record";
const NONCE_BYTES: usize = 24;
const AUTHENTICATION_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;

/// Longest key or group, in bytes.
pub const NAME_LIMIT_BYTES: usize = 4 * 1024;
/// Largest value, in bytes.
pub const VALUE_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// A keyed hash that stands for a group or a key.
pub(super) type NameTag = [u8; 16];

/// Where a record stands; part of what its seal authenticates.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) collection: Collection,
    pub(super) group_tag: NameTag,
    pub(super) key_tag: NameTag,
    pub(super) position: i64,
}

impl Place {
    fn associated_data(&self) -> Vec<u8> {
        [
            RECORD_LABEL,
            &[self.collection.number()],
            &self.group_tag,
            &self.key_tag,
            &self.position.to_le_bytes(),
        ]
        .concat()
    }

    fn damaged(&self) -> VaultError {
        VaultError::damaged(DamagedPart::Record(self.collection))
    }
}

/// A record that was opened.
pub(super) struct OpenedRecord {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Names and seals the records of one vault.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    tag_key: Zeroizing<[u8; 32]>,
}

impl Sealer {
    pub(super) fn new(vault_key: &VaultKey) -> Result<Self, VaultError> {
        let record_key = subkey(vault_key, RECORD_KEY_LABEL)?;
        Ok(Sealer {
            cipher: XChaCha20Poly1305::new((&*record_key).into()),
            tag_key: subkey(vault_key, TAG_KEY_LABEL)?,
        })
    }

    /// The tag of a group; [`VaultError::TooLarge`] above [`NAME_LIMIT_BYTES`].
    pub(super) fn group_tag(
        &self,
        collection: Collection,
        group: &[u8],
    ) -> Result<NameTag, VaultError> {
        self.name_tag(GROUP_TAG_LABEL, collection, group)
    }

    /// The tag of a key; [`VaultError::TooLarge`] above [`NAME_LIMIT_BYTES`].
    pub(super) fn key_tag(
        &self,
        collection: Collection,
        key: &[u8],
    ) -> Result<NameTag, VaultError> {
        self.name_tag(KEY_TAG_LABEL, collection, key)
    }

    /// Seals a record under a new random nonce.
    pub(super) fn seal(
        &self,
        place: &Place,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        require_at_most(key, NAME_LIMIT_BYTES)?;
        require_at_most(value, VALUE_LIMIT_BYTES)?;
        let too_large = || VaultError::TooLarge {
            actual_bytes: value.len(),
            limit_bytes: VALUE_LIMIT_BYTES,
        };
        let key_length = u32::try_from(key.len()).map_err(|_| too_large())?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(VaultError::NoRandomness)?;
        // Its final size from the start: growing would leave a copy of the value behind.
        let mut sealed = Vec::with_capacity(
            NONCE_BYTES + LENGTH_BYTES + key.len() + value.len() + AUTHENTICATION_BYTES,
        );
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&key_length.to_le_bytes());
        sealed.extend_from_slice(key);
        sealed.extend_from_slice(value);
        let plaintext = sealed.get_mut(NONCE_BYTES..).unwrap_or_default();
        let tag = self
            .cipher
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &place.associated_data(),
                plaintext.into(),
            )
            .map_err(|_| too_large())?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens the value column of the row at `place`; [`VaultError::Damaged`] when it was written
    /// for another place or altered.
    pub(super) fn open(&self, place: &Place, sealed: &[u8]) -> Result<OpenedRecord, VaultError> {
        let (nonce, rest) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(|| place.damaged())?;
        let (ciphertext, tag) = rest
            .split_last_chunk::<AUTHENTICATION_BYTES>()
            .ok_or_else(|| place.damaged())?;
        let mut plaintext = ciphertext.to_vec();
        self.cipher
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &place.associated_data(),
                plaintext.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| place.damaged())?;
        split_record(plaintext).ok_or_else(|| place.damaged())
    }

    /// HKDF-Extract (RFC 5869) is HMAC with the salt as the key.
    fn name_tag(
        &self,
        label: &[u8],
        collection: Collection,
        name: &[u8],
    ) -> Result<NameTag, VaultError> {
        require_at_most(name, NAME_LIMIT_BYTES)?;
        let mut mac = HkdfExtract::<Sha256>::new(Some(self.tag_key.as_slice()));
        mac.input_ikm(label);
        mac.input_ikm(&[collection.number()]);
        mac.input_ikm(name);
        let (hash, _) = mac.finalize();
        let mut tag = NameTag::default();
        for (target, source) in tag.iter_mut().zip(hash) {
            *target = source;
        }
        Ok(tag)
    }
}

/// HKDF-SHA256 (RFC 5869) of the vault key without salt; it fails only for outputs above 8 KiB.
fn subkey(vault_key: &VaultKey, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, vault_key.as_slice())
        .expand(label, key.as_mut())
        .map_err(|_| VaultError::damaged(DamagedPart::Header))?;
    Ok(key)
}

/// Takes key and value apart in the plaintext's own memory and wipes what is left of it.
fn split_record(mut plaintext: Vec<u8>) -> Option<OpenedRecord> {
    let (length, rest) = plaintext.split_first_chunk::<LENGTH_BYTES>()?;
    let key_length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let key = rest.get(..key_length)?.to_vec();
    let value_start = LENGTH_BYTES + key_length;
    let value_length = plaintext.len().checked_sub(value_start)?;
    plaintext.copy_within(value_start.., 0);
    plaintext.get_mut(value_length..)?.zeroize();
    plaintext.truncate(value_length);
    Some(OpenedRecord {
        key,
        value: plaintext,
    })
}

fn require_at_most(bytes: &[u8], limit_bytes: usize) -> Result<(), VaultError> {
    if bytes.len() > limit_bytes {
        return Err(VaultError::TooLarge {
            actual_bytes: bytes.len(),
            limit_bytes,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(seed: u8) -> Sealer {
        Sealer::new(&Zeroizing::new([seed; 32])).unwrap()
    }

    fn place() -> Place {
        Place {
            collection: Collection::Document,
            group_tag: [1; 16],
            key_tag: [2; 16],
            position: 3,
        }
    }

    fn is_damaged_document(outcome: Result<OpenedRecord, VaultError>) -> bool {
        matches!(
            outcome,
            Err(VaultError::Damaged {
                what: DamagedPart::Record(Collection::Document)
            })
        )
    }

    #[test]
    fn a_sealed_record_opens_again() {
        for (key, value) in [
            (&b""[..], &b""[..]),
            (b"k", b""),
            (b"", b"v"),
            (b"key", b"value"),
        ] {
            let sealed = sealer(1).seal(&place(), key, value).unwrap();
            let opened = sealer(1).open(&place(), &sealed).unwrap();
            assert_eq!((&opened.key[..], &opened.value[..]), (key, value));
        }
    }

    #[test]
    fn a_record_of_format_1_opens_for_ever() {
        // Calculated by an independent implementation: vault key 01.., nonce 02...
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let collection = Collection::Document;
        let group_tag = sealer(1).group_tag(collection, b"group").unwrap();
        assert_eq!(group_tag[..], hex("70abbb411b035af1b8579498bd758e63"));
        let key_tag = sealer(1).key_tag(collection, b"key").unwrap();
        assert_eq!(key_tag[..], hex("d9bc96180ef2d8ec77b25d7ed0cd1c34"));
        let place = Place {
            collection,
            group_tag,
            key_tag,
            position: -3,
        };
        let sealed = hex(concat!(
            "020202020202020202020202020202020202020202020202",
            "fa741e874b885691db886430ffe38839b93480fd27d717682c1ead36"
        ));
        let opened = sealer(1).open(&place, &sealed).unwrap();
        assert_eq!(
            (&opened.key[..], &opened.value[..]),
            (&b"key"[..], &b"value"[..])
        );
    }

    #[test]
    fn a_record_altered_shortened_or_sealed_by_another_vault_does_not_open() {
        let sealed = sealer(1).seal(&place(), b"key", b"value").unwrap();
        for position in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[position] ^= 1;
            assert!(is_damaged_document(sealer(1).open(&place(), &bad)));
            assert!(is_damaged_document(
                sealer(1).open(&place(), &sealed[..position])
            ));
        }
        assert!(is_damaged_document(sealer(2).open(&place(), &sealed)));
        assert!(sealer(1).open(&place(), &sealed).is_ok());
    }

    #[test]
    fn every_part_of_the_place_is_authenticated() {
        let sealed = sealer(1).seal(&place(), b"key", b"value").unwrap();
        let elsewhere = [
            Place {
                group_tag: [9; 16],
                ..place()
            },
            Place {
                key_tag: [9; 16],
                ..place()
            },
            Place {
                position: -3,
                ..place()
            },
        ];
        for other in elsewhere {
            assert!(is_damaged_document(sealer(1).open(&other, &sealed)));
        }
        let collection = Collection::Outbox;
        assert!(matches!(
            sealer(1).open(
                &Place {
                    collection,
                    ..place()
                },
                &sealed
            ),
            Err(VaultError::Damaged {
                what: DamagedPart::Record(Collection::Outbox)
            })
        ));
        assert!(sealer(1).open(&place(), &sealed).is_ok());
    }

    #[test]
    fn the_same_record_is_never_sealed_to_the_same_bytes() {
        let first = sealer(1).seal(&place(), b"key", b"value").unwrap();
        let second = sealer(1).seal(&place(), b"key", b"value").unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn a_name_has_unrelated_tags_in_each_collection_vault_and_role() {
        let one = sealer(1);
        let tag = one.key_tag(Collection::Case, b"name").unwrap();
        assert_eq!(tag, sealer(1).key_tag(Collection::Case, b"name").unwrap());
        assert_ne!(tag, sealer(2).key_tag(Collection::Case, b"name").unwrap());
        assert_ne!(tag, one.key_tag(Collection::Label, b"name").unwrap());
        assert_ne!(tag, one.group_tag(Collection::Case, b"name").unwrap());
    }

    #[test]
    fn a_name_or_value_above_its_limit_is_refused() {
        let long = vec![0; NAME_LIMIT_BYTES + 1];
        let outcome = sealer(1).key_tag(Collection::Case, &long);
        assert!(matches!(outcome, Err(VaultError::TooLarge { .. })));
        let limit = &long[..NAME_LIMIT_BYTES];
        assert!(sealer(1).key_tag(Collection::Case, limit).is_ok());
        let outcome = require_at_most(b"four", 3);
        assert!(matches!(outcome, Err(VaultError::TooLarge { .. })));
    }
}
