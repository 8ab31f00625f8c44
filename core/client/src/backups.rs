//! Backups of a home, and homes that were put back from one.
//!
//! A backup holds the device's own key. Were it used again, two histories would bear one name: what
//! the device wrote after the backup, and what the restored one writes. So a backup bears a mark
//! from the moment it is made, and a home with that mark is read and never acts: it makes no token,
//! signs nothing that leaves it, and takes no edit and no decision. Who restored it joins anew with
//! another home, as a new device.

use std::path::Path;

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::{DEVICE_KEY, Nahtlos};
use crate::records::{self, DeviceRecord};
use crate::vault::{CheckReport, Collection, Transaction, Vault};

/// Key in `Collection::Notice`.
const BACKUP: &[u8] = b"backup";

/// This is a backup, not the home itself: `Collection::Notice`.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
struct BackupRecord {
    /// By the clock of the device that made it, Unix milliseconds; none where the restored file was
    /// not made by [`Nahtlos::back_up`].
    #[n(0)]
    made_at_ms: Option<u64>,
}

/// This home was restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoredBackup {
    /// When the backup was made, by that device's clock, Unix milliseconds; none where the file was a
    /// plain copy.
    pub made_at_ms: Option<u64>,
    /// What this means and what to do now.
    pub sentence: &'static str,
}

impl Nahtlos {
    /// Writes a backup of this home to a new file (0600): a consistent copy, however much else this
    /// program is doing. Returns what reading it back found.
    ///
    /// # Errors
    /// As [`Vault::back_up`]; no file is left then.
    pub fn back_up(&self, file: &Path) -> Result<CheckReport, ClientError> {
        let made_at_ms = Some(self.now_ms());
        self.vault
            .back_up(file, |transaction| put_backup(transaction, made_at_ms))
    }

    /// Puts a backup into a home that has no vault. What it holds can be read there, and what was
    /// typed and not delivered can be exported; it never acts as the device it was made on.
    ///
    /// # Errors
    /// As [`Vault::restore`], and [`ClientError::DamagedRecord`] where the record of the device does
    /// not open, without which nothing can be read. The home holds no vault then.
    pub fn restore(
        home: &Path,
        backup: &Path,
        passphrase: &[u8],
    ) -> Result<CheckReport, ClientError> {
        Vault::restore(home, backup, passphrase, |transaction| {
            let device = transaction.get(Collection::Identity, DEVICE_KEY)?;
            let device = device.ok_or_else(|| ClientError::DamagedRecord {
                reason: "the backup holds no device".into(),
            })?;
            records::decode::<DeviceRecord>(&device)?;
            put_backup(transaction, None)
        })
    }

    /// The backup this home was restored from; none where it is a device's own home.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn restored_backup(&self) -> Result<Option<RestoredBackup>, ClientError> {
        let Some(bytes) = self.vault.get(Collection::Notice, BACKUP)? else {
            return Ok(None);
        };
        let record: BackupRecord = records::decode(&bytes)?;
        Ok(Some(RestoredBackup {
            made_at_ms: record.made_at_ms,
            sentence: "this home was restored from a backup: what is in it can be read, but it writes nothing, sends nothing and receives nothing, so that nothing is ever said twice in this device's name",
        }))
    }

    pub(crate) fn require_not_restored(&self) -> Result<(), ClientError> {
        if self.vault.contains(Collection::Notice, BACKUP)? {
            return Err(ClientError::Restored);
        }
        Ok(())
    }
}

/// Marks a copy. The mark of a backup of a restored backup stays the first one.
fn put_backup(transaction: &Transaction<'_>, made_at_ms: Option<u64>) -> Result<(), ClientError> {
    if transaction.get(Collection::Notice, BACKUP)?.is_none() {
        let value = records::encode(&BackupRecord { made_at_ms });
        transaction.put(Collection::Notice, b"", BACKUP, 0, &value)?;
    }
    Ok(())
}
