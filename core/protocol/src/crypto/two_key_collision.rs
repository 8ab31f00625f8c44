//! Builds a ChaCha20-Poly1305 ciphertext that authenticates under two keys.
//!
//! Poly1305 (RFC 8439 §2.5) is a polynomial in a secret `r` over the integers modulo
//! p = 2¹³⁰ − 5, plus a secret `s` modulo 2¹²⁸. Who knows both keys can solve for one 16-byte block
//! so that both tags are equal ("Partitioning Oracle Attacks", Len, Grubbs, Ristenpart, 2021, §4).

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce};

/// Position of the block that is solved for, and of the one that is varied until a solution fits.
const FREE_BLOCK: usize = 32;
const VARIED_BLOCK: usize = 16;

/// Changes two blocks of `ciphertext` (a multiple of 16 bytes) and returns the tag that is right
/// under both keys.
pub(super) fn make_collide(
    keys: [(&[u8; 32], &Nonce); 2],
    associated_data: &[u8],
    ciphertext: &mut [u8],
) -> [u8; 16] {
    let [first, second] = keys.map(|(key, nonce)| OneTimeKey::of(key, nonce));
    for attempt in 0..1000_u64 {
        ciphertext[VARIED_BLOCK..VARIED_BLOCK + 8].copy_from_slice(&attempt.to_le_bytes());
        // The free block as the number 2¹²⁸ (block of zeros) plays no part in the sum: subtract it.
        ciphertext[FREE_BLOCK..FREE_BLOCK + 16].fill(0);
        let blocks = poly1305_blocks(associated_data, ciphertext);
        let position = associated_data.len().div_ceil(16) + FREE_BLOCK / 16;
        let power = (blocks.len() - position) as u32;
        let factors = [&first, &second].map(|key| key.r.power(power));
        let sums = [(&first, factors[0]), (&second, factors[1])].map(|(key, factor)| {
            let sum = key.evaluate(&blocks);
            sum.subtract(blocks[position].multiply(factor)).add(key.s)
        });
        let divisor = factors[0].subtract(factors[1]).inverse();
        // The tags need only agree modulo 2¹²⁸, so the sums may differ by its small multiples.
        for multiple in 0..4_u128 {
            let difference = sums[1].subtract(sums[0]).add(Number::new(multiple, 0));
            let solution = difference.multiply(divisor);
            if solution.high != 1 {
                continue;
            }
            ciphertext[FREE_BLOCK..FREE_BLOCK + 16].copy_from_slice(&solution.low.to_le_bytes());
            let tags = [&first, &second].map(|key| key.tag(associated_data, ciphertext));
            if tags[0] == tags[1] {
                return tags[0];
            }
        }
    }
    panic!("no collision in 1000 attempts");
}

/// RFC 8439 §2.8: associated data and ciphertext, zero-filled, then both lengths; each block with
/// a one above its 16 bytes.
fn poly1305_blocks(associated_data: &[u8], ciphertext: &[u8]) -> Vec<Number> {
    let mut bytes = associated_data.to_vec();
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes.extend_from_slice(ciphertext);
    bytes.extend_from_slice(&(associated_data.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(ciphertext.len() as u64).to_le_bytes());
    bytes
        .chunks_exact(16)
        .map(|block| Number::new(1, u128::from_le_bytes(block.try_into().unwrap())))
        .collect()
}

/// The Poly1305 key of one message: the first 32 bytes of ChaCha20's block 0.
struct OneTimeKey {
    r: Number,
    s: Number,
}

impl OneTimeKey {
    fn of(key: &[u8; 32], nonce: &Nonce) -> Self {
        let block = chacha20_block_zero(key, nonce);
        let half =
            |range: core::ops::Range<usize>| u128::from_le_bytes(block[range].try_into().unwrap());
        Self {
            r: Number::new(0, half(0..16) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff),
            s: Number::new(0, half(16..32)),
        }
    }

    fn evaluate(&self, blocks: &[Number]) -> Number {
        blocks.iter().fold(Number::new(0, 0), |sum, block| {
            sum.add(*block).multiply(self.r)
        })
    }

    fn tag(&self, associated_data: &[u8], ciphertext: &[u8]) -> [u8; 16] {
        self.evaluate(&poly1305_blocks(associated_data, ciphertext))
            .low
            .wrapping_add(self.s.low)
            .to_le_bytes()
    }
}

/// ChaCha20's first block (RFC 8439 §2.3), which the AEAD takes its Poly1305 key from.
fn chacha20_block_zero(key: &[u8; 32], nonce: &Nonce) -> [u8; 64] {
    let mut bytes = b"expand 32-byte k".to_vec();
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(nonce);
    let start: [u32; 16] = core::array::from_fn(|word| {
        u32::from_le_bytes(bytes[4 * word..4 * word + 4].try_into().unwrap())
    });
    let mut state = start;
    for _ in 0..10 {
        for column in 0..4 {
            quarter_round(&mut state, [column, column + 4, column + 8, column + 12]);
        }
        for column in 0..4 {
            let diagonal = |row: usize| 4 * row + (column + row) % 4;
            quarter_round(&mut state, [0, 1, 2, 3].map(diagonal));
        }
    }
    let mut block = [0; 64];
    for (word, output) in block.chunks_exact_mut(4).enumerate() {
        output.copy_from_slice(&state[word].wrapping_add(start[word]).to_le_bytes());
    }
    block
}

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (target, other, rotated, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]
    {
        state[target] = state[target].wrapping_add(state[other]);
        state[rotated] = (state[rotated] ^ state[target]).rotate_left(bits);
    }
}

/// `high` · 2¹²⁸ + `low`, always below p = 2¹³⁰ − 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    high: u128,
    low: u128,
}

impl Number {
    const PRIME: Self = Self {
        high: 3,
        low: u128::MAX - 4,
    };

    fn new(high: u128, low: u128) -> Self {
        Self { high, low }.reduced()
    }

    fn reduced(mut self) -> Self {
        while (self.high, self.low) >= (Self::PRIME.high, Self::PRIME.low) {
            self = self.minus(Self::PRIME);
        }
        self
    }

    fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self {
            high: self.high - other.high - u128::from(borrow),
            low,
        }
    }

    fn add(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self::new(self.high + other.high + u128::from(carry), low)
    }

    fn subtract(self, other: Self) -> Self {
        self.add(Self::PRIME.minus(other).reduced())
    }

    fn bit(self, position: u32) -> bool {
        if position < 128 {
            self.low >> position & 1 == 1
        } else {
            self.high >> (position - 128) & 1 == 1
        }
    }

    fn multiply(self, other: Self) -> Self {
        (0..130).rev().fold(Self::new(0, 0), |product, position| {
            let doubled = product.add(product);
            if other.bit(position) {
                doubled.add(self)
            } else {
                doubled
            }
        })
    }

    fn power(self, exponent: u32) -> Self {
        (0..exponent).fold(Self::new(0, 1), |product, _| product.multiply(self))
    }

    /// By Fermat: the power p − 2.
    fn inverse(self) -> Self {
        let exponent = Self::PRIME.minus(Self::new(0, 2));
        (0..130).rev().fold(Self::new(0, 1), |product, position| {
            let squared = product.multiply(product);
            if exponent.bit(position) {
                squared.multiply(self)
            } else {
                squared
            }
        })
    }
}

#[test]
fn the_poly1305_of_this_module_is_the_ciphers() {
    let (key, nonce) = ([7; 32], Nonce::from([8; 12]));
    let mut sealed = vec![9; 64];
    ChaCha20Poly1305::new(&key.into())
        .encrypt_in_place(&nonce, b"associated data", &mut sealed)
        .unwrap();
    let tag = sealed.split_off(64);
    assert_eq!(
        OneTimeKey::of(&key, &nonce).tag(b"associated data", &sealed)[..],
        tag
    );
}
