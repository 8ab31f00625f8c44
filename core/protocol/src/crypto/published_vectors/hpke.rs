//! RFC 9180's vector for DHKEM(X25519) and the HPKE working group's for X-Wing, both with HKDF-SHA256
//! and ChaCha20-Poly1305: through the library, since [`crate::crypto::wrap`] puts a label before the
//! info. X-Wing's keys are ours.

use ::hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305 as HpkeCipher,
    kdf::HkdfSha256, kem::X25519HkdfSha256, kem::XWing, setup_receiver, setup_sender_with_rng,
};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use serde_json::Value;
use sha2::Sha256;

use super::{FixedRandom, array, bytes, fixed_bytes, read};
use crate::crypto::{kem::KemSecretKey, secret::Secret32};

const FILE: &str = "hpke.json";
const COUNT: usize = 2;
const MESSAGES: usize = 3;

fn vector(kem: u16) -> Value {
    let vectors = read(FILE);
    assert_eq!(array(&vectors).len(), COUNT, "vectors in {FILE}");
    let vector = array(&vectors)
        .iter()
        .find(|vector| vector["kem_id"] == kem)
        .unwrap()
        .clone();
    // Base mode, HKDF-SHA256, ChaCha20-Poly1305.
    let suite = ["mode", "kdf_id", "aead_id"].map(|field| vector[field].as_u64().unwrap());
    assert_eq!(suite, [0, 1, 3]);
    assert_eq!(array(&vector["encryptions"]).len(), MESSAGES);
    vector
}

#[test]
fn the_rfc_9180_vector_seals_and_opens() {
    let vector = vector(X25519HkdfSha256::KEM_ID);
    let (secret, public) = X25519HkdfSha256::derive_keypair(&bytes(&vector["ikmR"]));
    assert_eq!(secret.to_bytes()[..], clamped(&bytes(&vector["skRm"])));
    seals_its_messages::<X25519HkdfSha256>(&vector, &public);
    opens_its_messages::<X25519HkdfSha256>(&vector, &secret);
}

#[test]
fn the_hpke_vector_of_x_wing_seals_and_opens_with_our_keys() {
    let vector = vector(XWing::KEM_ID);
    let secret = KemSecretKey::from_seed(&Secret32::from_bytes(fixed_bytes(&vector["skRm"])));
    let (derived, _) = XWing::derive_keypair(&bytes(&vector["ikmR"]));
    assert!(derived == *secret.as_hpke());
    seals_its_messages::<XWing>(&vector, &secret.public_key().to_hpke().unwrap());
    opens_its_messages::<XWing>(&vector, secret.as_hpke());
}

/// The second implementation that other vectors are checked with is itself right.
#[test]
fn the_key_schedule_of_this_module_gives_the_published_keys() {
    for kem in [X25519HkdfSha256::KEM_ID, XWing::KEM_ID] {
        let vector = vector(kem);
        let schedule =
            |info: &[u8]| KeySchedule::derive(kem, &bytes(&vector["shared_secret"]), info);
        let published = schedule(&bytes(&vector["info"]));
        assert_eq!(published.key[..], bytes(&vector["key"]));
        assert_eq!(published.base_nonce[..], bytes(&vector["base_nonce"]));
        let other = schedule(b"another");
        assert_ne!(other.key, published.key);
        assert_ne!(other.base_nonce, published.base_nonce);
        for (sequence, message) in (0..).zip(array(&vector["encryptions"])) {
            let sealed = published.seal(sequence, &bytes(&message["aad"]), &bytes(&message["pt"]));
            assert_eq!(sealed, bytes(&message["ct"]));
        }
    }
}

fn seals_its_messages<K: Kem>(vector: &Value, recipient: &K::PublicKey) {
    let mut random = FixedRandom(bytes(&vector["ikmE"]));
    let (encapsulation, mut context) = setup_sender_with_rng::<HpkeCipher, HkdfSha256, K>(
        &OpModeS::Base,
        recipient,
        &bytes(&vector["info"]),
        &mut random,
    )
    .unwrap();
    assert_eq!(random.0, b"", "all of the randomness is used");
    assert_eq!(encapsulation.to_bytes()[..], bytes(&vector["enc"]));
    for message in array(&vector["encryptions"]) {
        let sealed = context.seal(&bytes(&message["pt"]), &bytes(&message["aad"]));
        assert_eq!(sealed.unwrap(), bytes(&message["ct"]));
    }
}

fn opens_its_messages<K: Kem>(vector: &Value, recipient: &K::PrivateKey) {
    let receiver = |info: &[u8], encapsulation: &[u8]| {
        let encapsulation = K::EncappedKey::from_bytes(encapsulation).unwrap();
        setup_receiver::<HpkeCipher, HkdfSha256, K>(&OpModeR::Base, recipient, &encapsulation, info)
            .unwrap()
    };
    let (info, encapsulation) = (bytes(&vector["info"]), bytes(&vector["enc"]));
    let mut context = receiver(&info, &encapsulation);
    for message in array(&vector["encryptions"]) {
        let (sealed, associated_data) = (bytes(&message["ct"]), bytes(&message["aad"]));
        let mut changed = sealed.clone();
        changed[0] ^= 1;
        // A message that does not open leaves the sequence number where it was.
        assert!(context.open(&changed, &associated_data).is_err());
        assert!(context.open(&sealed, b"another").is_err());
        assert_eq!(
            context.open(&sealed, &associated_data).unwrap(),
            bytes(&message["pt"])
        );
    }

    let first = &array(&vector["encryptions"])[0];
    let (sealed, associated_data) = (bytes(&first["ct"]), bytes(&first["aad"]));
    let opens = |info: &[u8], encapsulation: &[u8]| {
        receiver(info, encapsulation)
            .open(&sealed, &associated_data)
            .is_ok()
    };
    let mut changed = encapsulation.clone();
    changed[0] ^= 1;
    assert!(opens(&info, &encapsulation));
    assert!(!opens(b"another", &encapsulation));
    assert!(!opens(&info, &changed));
}

/// RFC 9180 §7.1.2: a library may clamp an X25519 key when it reads or derives one.
fn clamped(secret: &[u8]) -> [u8; 32] {
    curve25519_dalek::scalar::clamp_integer(secret.try_into().unwrap())
}

/// RFC 9180 §5.1 in base mode, with HKDF-SHA256 and ChaCha20-Poly1305, written a second time.
pub(super) struct KeySchedule {
    key: [u8; 32],
    base_nonce: [u8; 12],
}

impl KeySchedule {
    pub(super) fn derive(kem: u16, shared_secret: &[u8], info: &[u8]) -> Self {
        let kem = kem.to_be_bytes();
        let suite = [b"HPKE", kem.as_slice(), &[0, 1], &[0, 3]].concat();
        let labelled =
            |label: &[u8], input: &[u8]| [b"HPKE-v1", suite.as_slice(), label, input].concat();
        let extract = |salt: &[u8], label: &[u8], input: &[u8]| {
            Hkdf::<Sha256>::extract(Some(salt), &labelled(label, input))
        };
        let context = [
            [0].as_slice(),
            &extract(b"", b"psk_id_hash", b"").0,
            &extract(b"", b"info_hash", info).0,
        ]
        .concat();
        let (_, secret) = extract(shared_secret, b"secret", b"");
        let expand = |label: &[u8], output: &mut [u8]| {
            let length = u16::try_from(output.len()).unwrap().to_be_bytes();
            let info = [length.as_slice(), &labelled(label, &context)].concat();
            secret.expand(&info, output).unwrap();
        };
        let mut keys = Self {
            key: [0; 32],
            base_nonce: [0; 12],
        };
        expand(b"key", &mut keys.key);
        expand(b"base_nonce", &mut keys.base_nonce);
        keys
    }

    pub(super) fn seal(&self, sequence: u64, associated_data: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut buffer = plaintext.to_vec();
        ChaCha20Poly1305::new(&self.key.into())
            .encrypt_in_place(&self.nonce(sequence), associated_data, &mut buffer)
            .unwrap();
        buffer
    }

    pub(super) fn open(
        &self,
        sequence: u64,
        associated_data: &[u8],
        sealed: &[u8],
    ) -> Option<Vec<u8>> {
        let mut buffer = sealed.to_vec();
        ChaCha20Poly1305::new(&self.key.into())
            .decrypt_in_place(&self.nonce(sequence), associated_data, &mut buffer)
            .ok()
            .map(|()| buffer)
    }

    /// The base nonce XOR the sequence number.
    fn nonce(&self, sequence: u64) -> Nonce {
        let mut nonce = self.base_nonce;
        for (byte, counted) in nonce[4..].iter_mut().zip(sequence.to_be_bytes()) {
            *byte ^= counted;
        }
        nonce.into()
    }
}
