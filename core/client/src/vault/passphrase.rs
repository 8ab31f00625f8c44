//! Changing what opens the vault key: another passphrase, or a stronger derivation of the same one.
//!
//! Both replace the one header in one transaction, so after a crash anywhere the vault opens with
//! the earlier one or with the new one. Records stay as they are: a copy of the home that was made
//! before opens with the earlier passphrase, and who has both knows the key of later copies too.

use super::error::VaultError;
use super::header::{self, KeyDerivation};
use super::{Vault, schema};

/// What became of the header that the earlier passphrase opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierHeader {
    /// It was overwritten in the vault's files.
    Overwritten,
    /// The new one counts, but the disk did not let the earlier one be overwritten yet: its bytes are
    /// in the files until the vault is opened and closed once without a failure.
    Lingers,
}

/// A derivation that was replaced by a stronger one when the vault was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strengthened {
    /// What it was.
    pub from: KeyDerivation,
    /// What it is now.
    pub to: KeyDerivation,
}

impl Vault {
    /// Wraps the vault key with another passphrase.
    ///
    /// # Errors
    /// [`VaultError::EmptyPassphrase`], [`VaultError::DerivationRefused`],
    /// [`VaultError::DiskFull`], [`VaultError::Io`], [`VaultError::TransactionFailed`] inside a
    /// transaction; the earlier passphrase then stays valid. After [`VaultError::Unsure`] one of
    /// the two is valid.
    pub fn change_passphrase(
        &mut self,
        new_passphrase: &[u8],
        derivation: KeyDerivation,
    ) -> Result<EarlierHeader, VaultError> {
        if self.is_within_one {
            return Err(VaultError::TransactionFailed);
        }
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        getrandom::fill(&mut salt).map_err(VaultError::NoRandomness)?;
        getrandom::fill(&mut nonce).map_err(VaultError::NoRandomness)?;
        let header = header::wrap(&self.vault_key, new_passphrase, derivation, salt, nonce)?;
        self.disk.get_mut().before_commit()?;
        schema::replace_header(&self.database().connection, &header)?;
        self.disk.get_mut().after_commit()?;
        // The change is durable: a failure from here on must not be told as one of the change.
        Ok(match schema::settle(&self.database().connection) {
            Ok(()) => EarlierHeader::Overwritten,
            Err(_) => EarlierHeader::Lingers,
        })
    }

    /// What the passphrase is derived with now.
    ///
    /// # Errors
    /// [`VaultError::Damaged`], [`VaultError::Io`].
    pub fn derivation(&self) -> Result<KeyDerivation, VaultError> {
        header::derivation_of(&schema::read_header(&self.database().connection)?)
    }

    /// Whether opening this vault made its derivation stronger.
    #[must_use]
    pub fn strengthened(&self) -> Option<Strengthened> {
        self.strengthened
    }

    /// Wraps the key anew where its derivation is weaker than a new vault's.
    pub(super) fn strengthen(&mut self, from: KeyDerivation, passphrase: &[u8]) {
        let Some(to) = from.strengthened() else {
            return;
        };
        // A full disk must not keep anybody from reading: the next opening tries again.
        if self.change_passphrase(passphrase, to).is_ok() {
            self.strengthened = Some(Strengthened { from, to });
        }
    }
}
