//! Behaviour of a whole vault on real files.

mod care;
mod processes;
mod records;
mod secrecy;
mod tampering;
mod together;
mod wiping;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use rand_core::{TryCryptoRng, TryRng};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

const PASSPHRASE: &[u8] = b"an invented passphrase";

/// Counts bytes, so that a test can be repeated exactly.
struct CountingRng(u8);

impl TryRng for CountingRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for byte in target {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for CountingRng {}

/// A directory that is removed at the end, with the home inside it not made yet.
fn new_home() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    (directory, home)
}

fn create_at(home: &Path) -> Result<Vault, VaultError> {
    let derivation = KeyDerivation::fast_for_tests();
    Vault::create(home, PASSPHRASE, derivation, &mut CountingRng(0))
}

fn new_vault() -> (TempDir, Vault) {
    let (directory, home) = new_home();
    let vault = create_at(&home).unwrap();
    (directory, vault)
}

/// One record in a transaction of its own, its group being its key.
fn put(vault: &mut Vault, collection: Collection, key: &[u8], value: &[u8]) {
    let stored: Result<(), VaultError> =
        vault.transaction(|transaction| transaction.put(collection, key, key, 0, value));
    stored.unwrap();
}

/// The closed vault's database without any of the vault's protection.
fn raw_database(home: &Path) -> Connection {
    Connection::open(home.join(DATABASE_FILE)).unwrap()
}

/// Everything every file of the home holds.
fn raw_bytes(home: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(home).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
