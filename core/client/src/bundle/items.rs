//! What one item of a bundle is, by its own bytes: which object, whose, for which space, and whether a
//! relay of this network acknowledged it.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::limits::BUNDLE_PART_BYTES_MAX;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::bundle::BundleItem;
use nahtlos_protocol::wire::{Item, ItemKind, Receipt};

use super::BundleError;

/// A decoded item.
pub(super) struct Brought {
    pub id: ItemId,
    pub item: BundleItem,
    /// What can be read of it; none of an item of a newer program.
    pub object: Option<Object>,
}

/// What was signed.
pub(super) enum Object {
    Operation(Box<SignedOperation>),
    Envelope(Box<Envelope>),
}

impl Brought {
    /// Reads one part of a file.
    pub fn read(part: &[u8]) -> Result<Self, BundleError> {
        let item: BundleItem =
            codec::decode(part, BUNDLE_PART_BYTES_MAX).map_err(|_| BundleError::Damaged)?;
        let object = match item.kind {
            ItemKind::Operation => {
                let signed = SignedOperation::decode(&item.bytes).ok();
                signed.map(Box::new).map(Object::Operation)
            }
            ItemKind::Envelope if item.wraps.is_empty() => {
                let envelope = Envelope::decode(&item.bytes).ok();
                envelope.map(Box::new).map(Object::Envelope)
            }
            ItemKind::Envelope | ItemKind::JoinRequest => return Err(BundleError::Damaged),
        };
        let id = id_of(item.kind, &item.bytes).ok_or(BundleError::Damaged)?;
        Ok(Self { id, item, object })
    }

    /// As a sync would have served it.
    pub fn served(self, receipt: Receipt) -> Item {
        Item {
            kind: self.item.kind,
            bytes: self.item.bytes,
            wraps: self.item.wraps,
            receipt,
        }
    }
}

impl Object {
    /// The device that signed it, by its own word.
    pub fn author(&self) -> DeviceId {
        match self {
            Self::Operation(signed) => signed.operation().author,
            Self::Envelope(envelope) => envelope.header().author_device,
        }
    }

    /// The space it is of.
    pub fn space(&self) -> SpaceId {
        match self {
            Self::Operation(signed) => signed.space(),
            Self::Envelope(envelope) => envelope.header().space,
        }
    }
}

/// The id of an item; none of a kind that no bundle carries.
pub(super) fn id_of(kind: ItemKind, bytes: &[u8]) -> Option<ItemId> {
    match kind {
        ItemKind::Operation => Some(ItemId(hash(label::OPERATION, &[bytes]))),
        ItemKind::Envelope => Some(ItemId(hash(label::ENVELOPE, &[bytes]))),
        ItemKind::JoinRequest => None,
    }
}
