//! Which key epochs has a space had, to whom is each wrapped, and which links lead back from it?

use std::collections::BTreeMap;

use crate::crypto::kem::KemPublicKey;
use crate::identifier::{DeviceId, KeyId, RecipientId};
use crate::space::effect::Recipient;

/// A key epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// Commits to the seed.
    pub key_id: KeyId,
    /// For wraps from the spaces above.
    pub kem: Option<KemPublicKey>,
    /// The epoch before.
    pub previous: Option<KeyId>,
    /// The previous seed, sealed under this epoch.
    pub link: Option<Vec<u8>>,
    /// What the section is, sealed under this epoch.
    pub label: Option<Vec<u8>>,
    /// Everybody it was wrapped to, by recipient; later `Wrap`s included.
    pub recipients: BTreeMap<RecipientId, WrapRecord>,
    /// Index of the operation that began it.
    pub began_at: u64,
    /// Who began it, and so knows its seed.
    pub began_by: DeviceId,
    /// No link ever leads from here or later to what was before.
    pub cut: bool,
    /// Links that were supplied later, each to an earlier epoch.
    pub links: Vec<LinkRecord>,
    /// Recipients that reported that their wrap does not open, and the index of the report.
    pub bad_wraps: BTreeMap<RecipientId, u64>,
}

impl Epoch {
    /// Every link that leads back from this epoch: the one it began with, and later ones.
    pub fn links_back(&self) -> impl Iterator<Item = (KeyId, &[u8])> {
        let own = self.previous.zip(self.link.as_deref());
        let later = self.links.iter();
        own.into_iter()
            .chain(later.map(|record| (record.previous, record.link.as_slice())))
    }
}

/// A history link that was supplied later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// The epoch it leads back to.
    pub previous: KeyId,
    /// That epoch's seed, sealed under the one that bears the link.
    pub link: Vec<u8>,
    /// Index of the operation.
    pub at: u64,
}

/// One wrap of an epoch.
#[derive(Clone, Copy, Debug)]
pub struct WrapRecord {
    /// What the operation signed.
    pub recipient: Recipient,
    /// Index of that operation.
    pub at: u64,
}
