//! Splitting a recovery device's seed (Shamir over GF(256), `vsss-rs`) and putting it together again.
//! The scheme notices no wrong share, so each has a published commitment that it is held against.

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::SpaceId;
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::comparing::first_words;
use crate::random;

/// The fewest shares that may open anything: with one, there would be nothing to split.
pub const THRESHOLD_MIN: u8 = 2;
/// The most shares of one set.
pub const SHARES_MAX: u8 = 10;
/// Words that custodians read to each other.
const CHECK_WORDS: usize = 3;

/// One share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// From 1: where the polynomial is known.
    pub index: u8,
    /// Its value there.
    pub secret: Secret32,
}

impl Share {
    /// What is published of it. A share is 32 random bytes: nobody finds it from this.
    pub fn commitment(&self, set: &SpaceId) -> [u8; 32] {
        let parts: [&[u8]; 3] = [&set.0, &[self.index], self.secret.expose()];
        hash(label::RECOVERY_SHARE, &parts)
    }
}

/// Splits a seed; none for numbers that make no set.
pub(crate) fn split(seed: &DeviceSeed, threshold: u8, count: u8) -> Option<Vec<Share>> {
    if !(THRESHOLD_MIN..=count).contains(&threshold) || count > SHARES_MAX {
        return None;
    }
    let secret = seed.as_secret().expose();
    let split = Gf256::split_bytes(threshold.into(), count.into(), secret, random::system());
    let split: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(split.ok()?);
    split.iter().map(|bytes| share(bytes)).collect()
}

/// Puts shares together that were held against their commitments; none where they are too few to be
/// put together at all. Fewer than the threshold make another seed, so the caller compares the device.
pub(crate) fn combine(shares: &[Share]) -> Option<DeviceSeed> {
    let parts = shares.iter().map(|share| {
        let mut bytes = Vec::with_capacity(1 + Secret32::BYTES);
        bytes.push(share.index);
        bytes.extend_from_slice(share.secret.expose());
        bytes
    });
    let parts: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(parts.collect());
    let combined = Zeroizing::new(Gf256::combine_bytes(parts.as_slice()).ok()?);
    let secret: [u8; Secret32::BYTES] = combined.as_slice().try_into().ok()?;
    Some(DeviceSeed::from_secret(Secret32::from_bytes(secret)))
}

/// Words of a commitment, by which two people hear that they speak of the same share.
pub(crate) fn check_words(commitment: &[u8; 32]) -> String {
    first_words(commitment, CHECK_WORDS)
}

fn share(bytes: &[u8]) -> Option<Share> {
    let (index, secret) = bytes.split_first()?;
    Some(Share {
        index: *index,
        secret: Secret32::from_bytes(secret.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> DeviceSeed {
        DeviceSeed::random(&mut random::system())
    }

    #[test]
    fn any_shares_of_the_threshold_make_the_seed_and_fewer_make_another() {
        for (threshold, count) in [(2, 3), (3, 5), (2, 2)] {
            let seed = seed();
            let shares = split(&seed, threshold, count).unwrap();
            assert_eq!(shares.len(), usize::from(count));
            let indices: Vec<u8> = shares.iter().map(|share| share.index).collect();
            assert_eq!(indices, (1..=count).collect::<Vec<u8>>());
            let enough = usize::from(threshold);
            for first in 0..=shares.len() - enough {
                let mut some = shares[first..first + enough].to_vec();
                assert_eq!(combine(&some), Some(seed.clone()));
                some.reverse();
                assert_eq!(combine(&some), Some(seed.clone()), "in any order");
            }
            assert_eq!(combine(&shares), Some(seed.clone()), "all of them");
            let fewer = combine(&shares[..enough - 1]);
            assert_ne!(fewer, Some(seed), "{threshold} of {count}");
        }
    }

    #[test]
    fn the_sum_of_two_shares_is_what_the_field_says() {
        // A line over GF(256) through (1, y1) and (2, y2): at 0 it is 3·y1/… = y1·2/(2−1) + y2·1/(1−2),
        // with 1 − 2 = 1 xor 2 = 3: y1·(2/3) + y2·(1/3). 1/3 = 0xf6 and 2/3 = 0xf7 in AES's field.
        let shares = [(1, 1), (2, 0)].map(|(index, byte)| Share {
            index,
            secret: Secret32::from_bytes([byte; 32]),
        });
        let expected = DeviceSeed::from_secret(Secret32::from_bytes([0xf7; 32]));
        assert_eq!(combine(&shares), Some(expected));
    }

    #[test]
    fn a_set_of_one_of_too_many_or_with_too_high_a_threshold_is_none() {
        for (threshold, count) in [(1, 3), (0, 3), (4, 3), (2, 1), (2, SHARES_MAX + 1)] {
            assert_eq!(
                split(&seed(), threshold, count),
                None,
                "{threshold} {count}"
            );
        }
        assert!(split(&seed(), 2, SHARES_MAX).is_some(), "control");
    }

    #[test]
    fn a_commitment_is_of_one_share_of_one_set() {
        let shares = split(&seed(), 2, 3).unwrap();
        let (set, other) = (SpaceId([1; 32]), SpaceId([2; 32]));
        let commitment = shares[0].commitment(&set);
        assert_eq!(shares[0].clone().commitment(&set), commitment);
        assert_ne!(shares[1].commitment(&set), commitment);
        assert_ne!(shares[0].commitment(&other), commitment);
        let moved = Share {
            index: 2,
            ..shares[0].clone()
        };
        assert_ne!(moved.commitment(&set), commitment);
    }

    #[test]
    fn check_words_are_the_first_bits_of_a_commitment() {
        assert_eq!(check_words(&[0; 32]), "abandon abandon abandon");
        assert_eq!(check_words(&[0xff; 32]), "zoo zoo zoo");
        // 11 bits: 00000000001 is the second word.
        let mut commitment = [0; 32];
        commitment[1] = 0b0010_0000;
        assert_eq!(check_words(&commitment), "ability abandon abandon");
    }
}
