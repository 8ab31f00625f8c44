//! A device's keys: two pairs, both from one 32-byte master seed that is born on the device.

use rand_core::CryptoRng;

use super::{
    derive::derive,
    hash::hash,
    kem::{KemPublicKey, KemSecretKey},
    label,
    secret::Secret32,
    signature::{SigningKey, VerifyingKey},
};

/// A device's master seed: all that a backup (24 words, or shares) has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSeed(Secret32);

impl DeviceSeed {
    /// Draws the seed of a new device.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// Takes over a seed read from the vault or a backup.
    #[must_use]
    pub fn from_secret(secret: Secret32) -> Self {
        Self(secret)
    }

    /// The seed, to be stored in the vault or a backup.
    #[must_use]
    pub fn as_secret(&self) -> &Secret32 {
        &self.0
    }

    /// Derives both secret keys, the same ones every time.
    #[must_use]
    pub fn keys(&self) -> DeviceKeys {
        DeviceKeys {
            signing: SigningKey::from_seed(&derive(&self.0, label::DEVICE_SIGN, &[])),
            kem: KemSecretKey::from_seed(&derive(&self.0, label::DEVICE_KEM, &[])),
        }
    }
}

/// A device's secret keys.
#[derive(Debug)]
pub struct DeviceKeys {
    /// Signs operations, envelopes and requests.
    pub signing: SigningKey,
    /// Opens wraps addressed to this device.
    pub kem: KemSecretKey,
}

impl DeviceKeys {
    /// The public halves.
    #[must_use]
    pub fn public_keys(&self) -> DevicePublicKeys {
        DevicePublicKeys {
            verifying: self.signing.verifying_key(),
            kem: self.kem.public_key(),
        }
    }
}

/// A device's public keys, both parsed and valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePublicKeys {
    /// Verifies what the device signs.
    pub verifying: VerifyingKey,
    /// What seeds are wrapped to.
    pub kem: KemPublicKey,
}

impl DevicePublicKeys {
    /// SHA-256("nahtlos/v1/device\0" ‖ Ed25519 key (32 bytes) ‖ X-Wing key (1,216 bytes)).
    ///
    /// Over both keys, so that nobody can enrol another's signing key with a KEM key of their own.
    #[must_use]
    pub fn device_id(&self) -> [u8; 32] {
        hash(
            label::DEVICE,
            &[self.verifying.as_bytes(), self.kem.as_bytes()],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_random::TestRandom;
    use data_encoding::HEXLOWER;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_same_seed_gives_the_same_device() {
        let seed = DeviceSeed::random(&mut TestRandom::new(1));
        let again = DeviceSeed::from_secret(seed.as_secret().clone());
        assert_eq!(seed.keys().public_keys(), again.keys().public_keys());

        let other = DeviceSeed::random(&mut TestRandom::new(2));
        assert_ne!(
            seed.keys().public_keys().device_id(),
            other.keys().public_keys().device_id()
        );
    }

    /// Computed with another implementation (Python's hmac). A paper backup restores the same device
    /// only as long as these never change.
    #[test]
    fn the_derivations_of_version_1_never_change() {
        let seed = Secret32::from_bytes(core::array::from_fn(|i| i as u8));
        let secret = |hex: &str| {
            let bytes = HEXLOWER.decode(hex.as_bytes()).unwrap();
            Secret32::from_bytes(bytes.try_into().unwrap())
        };
        let keys = DeviceSeed::from_secret(seed).keys().public_keys();
        let signing = SigningKey::from_seed(&secret(
            "1958d376c9087082003f69c70081a13f249497ca40ac8ef0d4f3af149ea44caa",
        ));
        let kem = KemSecretKey::from_seed(&secret(
            "c75bca155e35c4ec9673e27fecbc544a6b16a53a6f2c0b569306dbc467be52ff",
        ));
        assert_eq!(keys.verifying, signing.verifying_key());
        assert_eq!(keys.kem, kem.public_key());
    }

    #[test]
    fn the_device_id_is_the_hash_of_label_and_both_keys() {
        let keys = DeviceSeed::random(&mut TestRandom::new(1))
            .keys()
            .public_keys();
        let mut bytes = b"nahtlos/v1/device\0".to_vec();
        bytes.extend_from_slice(keys.verifying.as_bytes());
        bytes.extend_from_slice(keys.kem.as_bytes());
        assert_eq!(keys.device_id(), <[u8; 32]>::from(Sha256::digest(&bytes)));
    }

    #[test]
    fn a_device_with_one_key_exchanged_has_another_id() {
        let own = DeviceSeed::random(&mut TestRandom::new(1))
            .keys()
            .public_keys();
        let foreign = DeviceSeed::random(&mut TestRandom::new(2))
            .keys()
            .public_keys();
        let mixed = DevicePublicKeys {
            verifying: own.verifying,
            kem: foreign.kem.clone(),
        };
        assert_ne!(mixed.device_id(), own.device_id());
        assert_ne!(mixed.device_id(), foreign.device_id());
    }

    #[test]
    fn printed_device_keys_show_no_secret() {
        let seed = DeviceSeed::random(&mut TestRandom::new(1));
        assert_eq!(format!("{seed:?}"), "DeviceSeed(Secret32(..))");
        assert_eq!(
            format!("{:?}", seed.keys()),
            "DeviceKeys { signing: SigningKey(..), kem: KemSecretKey(..) }"
        );
    }
}
