//! Published test vectors for every primitive this crate calls, run through our own functions
//! wherever those can take the input. Where the files come from: `tests/vectors/primitives/README.md`.
//!
//! Every file is run with the number of vectors it must hold, so that an empty one fails, and every
//! group of vectors that must pass stands beside one that must be refused.

use core::convert::Infallible;

use data_encoding::HEXLOWER;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

mod chacha20_poly1305;
mod ed25519;
mod hkdf_sha256;
mod hpke;
mod ml_kem_768;
mod x25519;
mod x_wing;

/// Reads one file of vectors.
fn read(file: &str) -> Value {
    let path = format!(
        "{}/../../tests/vectors/primitives/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&text).unwrap()
}

/// One test of a Wycheproof file, with the group that it is in.
struct WycheproofTest {
    group: Value,
    test: Value,
}

impl WycheproofTest {
    /// All of a file, which must be `count`.
    fn all(file: &str, count: usize) -> Vec<Self> {
        let content = read(file);
        let tests: Vec<Self> = array(&content["testGroups"])
            .iter()
            .flat_map(|group| {
                array(&group["tests"]).iter().map(|test| Self {
                    group: group.clone(),
                    test: test.clone(),
                })
            })
            .collect();
        assert_eq!(tests.len(), count, "vectors in {file}");
        assert_eq!(content["numberOfTests"], count, "vectors in {file}");
        tests
    }

    /// The bytes of a field written in hexadecimal digits.
    fn bytes(&self, field: &str) -> Vec<u8> {
        bytes(&self.test[field])
    }

    /// The number that names this test in Wycheproof.
    fn id(&self) -> u64 {
        self.test["tcId"].as_u64().unwrap()
    }

    fn comment(&self) -> &str {
        self.test["comment"].as_str().unwrap_or("")
    }

    /// `valid`, `invalid` or `acceptable`.
    fn result(&self) -> &str {
        self.test["result"].as_str().unwrap()
    }

    fn has_flag(&self, flag: &str) -> bool {
        array(&self.test["flags"])
            .iter()
            .any(|found| found.as_str() == Some(flag))
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn fixed_bytes<const LENGTH: usize>(value: &Value) -> [u8; LENGTH] {
    bytes(value).try_into().unwrap()
}

/// Gives the randomness a vector was made with, once, and panics when asked for more: what is drawn
/// must be exactly what the specification draws.
struct FixedRandom(Vec<u8>);

impl TryRng for FixedRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("a vector's randomness is drawn as bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("a vector's randomness is drawn as bytes")
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(destination.len());
        destination.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for FixedRandom {}
