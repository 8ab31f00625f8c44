//! Reading a bundle with a paper's words and nothing else: no home, no relay. The paper's device is made
//! once more in a directory that goes with it, takes the file in as any device would, and shows what its
//! person could read when the file was written.

use std::io::{Read, Seek};
use std::path::Path;

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::identifier::RecipientId;
use nahtlos_protocol::wire::bundle::BundleHead;
use nahtlos_protocol::wire::paper::PaperText;

use super::BundleError;
use super::importing::{Imported, examine};
use crate::borrowed::{Borrowed, Place};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::wrap_key;
use crate::vault::Collection;

/// A bundle that was opened, until this is dropped. It is read; nothing in it is ever sent.
pub struct OpenedBundle {
    borrowed: Borrowed,
    imported: Imported,
}

impl OpenedBundle {
    /// Opens a bundle as the device that a paper's words make. In `directory`, which is this call's alone,
    /// an encrypted working copy lies until this is dropped; its key is in memory only.
    ///
    /// # Errors
    /// [`ClientError::Bundle`]: [`BundleError::NotForThisPaper`] where the file says nothing of the paper's
    /// person; where the directory cannot be written.
    pub fn open<R: Read + Seek>(
        input: &mut R,
        directory: &Path,
        seed: &DeviceSeed,
        text: &PaperText,
    ) -> Result<Self, ClientError> {
        let head = examine(input, &text.network)?;
        let place = Place {
            url: text.url.clone(),
            relay: text.relay,
            network: text.network,
        };
        let mut borrowed = Borrowed::open(directory, seed, &place)?;
        let reader = borrowed.replica()?;
        reader.keep_keys_for_this_device(&head)?;
        let imported = reader.take_bundle(input, &head)?;
        let belonging = reader.own_belonging().map_err(|error| match error {
            ClientError::PaperUnknown => BundleError::NotForThisPaper.into(),
            other => other,
        })?;
        reader.be_who(belonging.person, belonging.institution, belonging.team)?;
        Ok(Self { borrowed, imported })
    }

    /// The replica, for reading.
    ///
    /// # Errors
    /// Never while this is open.
    pub fn replica(&mut self) -> Result<&mut Nahtlos, ClientError> {
        self.borrowed.replica()
    }

    /// Who wrote the file, and what of it was refused.
    #[must_use]
    pub fn imported(&self) -> &Imported {
        &self.imported
    }
}

impl Nahtlos {
    /// The key of the reader's own person, which whoever wrote the file wrapped to this device. It is
    /// compared with the key id of a replayed log when it is opened, as every wrap.
    fn keep_keys_for_this_device(&mut self, head: &BundleHead) -> Result<(), ClientError> {
        let own = RecipientId::from(self.device_id);
        let keys: Vec<_> = head
            .keys
            .iter()
            .filter(|key| key.wrap.recipient == own)
            .collect();
        self.commit(|transaction| {
            for key in keys {
                let name = wrap_key(&key.space, &key.key_id.0, &own);
                let (group, bytes) = (&key.key_id.0, &key.wrap.bytes);
                transaction.put(Collection::Wrap, group, &name, 0, bytes)?;
            }
            Ok(())
        })
    }
}

impl std::fmt::Debug for OpenedBundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OpenedBundle")
            .field("imported", &self.imported)
            .finish_non_exhaustive()
    }
}
