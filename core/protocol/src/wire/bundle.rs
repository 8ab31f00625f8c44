//! What stands in a bundle file, and in the request for one: the same signed objects that a sync
//! brings, for a stick or a mail where there is no relay. How the parts follow each other in the file,
//! and what finds damage, is the client's (`core/client/src/bundle/file.rs`).

use minicbor::{Decode, Encode};

use super::receipt::Receipt;
use super::sync::ItemKind;
use crate::identifier::{DeviceId, EnvelopeId, KeyId, SpaceId};
use crate::space::Wrap;

/// The version of both forms.
pub const BUNDLE_VERSION: u8 = 1;

/// The first part of a bundle file. Nothing in it is signed: what relies on it is said beside each field.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BundleHead {
    /// 1.
    #[n(0)]
    pub version: u8,
    /// The network the items are of. A reader of another one refuses the file.
    #[n(1)]
    pub network: SpaceId,
    /// The device that wrote the file, by its own word: for people.
    #[n(2)]
    pub device: DeviceId,
    /// When, by that device's clock, Unix milliseconds: for people.
    #[n(3)]
    pub made_at_ms: u64,
    /// Whether it holds all that the device had: for people.
    #[n(4)]
    pub is_whole: bool,
    /// The current key of the writer's person, once more for each of that person's devices: a paper
    /// device is given no wraps by a relay that it never syncs with.
    #[cbor(
        n(5),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::BUNDLE_KEYS_MAX }>"
    )]
    pub keys: Vec<BundleKey>,
}

/// An epoch wrapped to a device by whoever wrote the file. The seed is compared with the key id, and the
/// key id stands in a log that is replayed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BundleKey {
    /// Whose epoch.
    #[n(0)]
    pub space: SpaceId,
    /// The epoch.
    #[n(1)]
    pub key_id: KeyId,
    /// Hybrid, for a device.
    #[n(2)]
    pub wrap: Wrap,
}

/// Every further part of a bundle file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BundleItem {
    /// An operation or an envelope; nothing else.
    #[n(0)]
    pub kind: ItemKind,
    /// Exact bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    /// For an operation: the wraps at hand. Empty beside an envelope.
    #[n(2)]
    pub wraps: Vec<Wrap>,
    /// The relay's; none where no relay had the item when the file was written.
    #[n(3)]
    pub receipt: Option<Receipt>,
}

/// The first part of a request: what its writer has of each log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RequestHead {
    /// 1.
    #[n(0)]
    pub version: u8,
    /// The network.
    #[n(1)]
    pub network: SpaceId,
    /// Who asks, by its own word.
    #[n(2)]
    pub device: DeviceId,
    /// When, by that device's clock, Unix milliseconds.
    #[n(3)]
    pub made_at_ms: u64,
    /// Ascending by space.
    #[n(4)]
    pub logs: Vec<KnownLog>,
}

/// How much somebody has of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KnownLog {
    /// Whose log.
    #[n(0)]
    pub space: SpaceId,
    /// Its number of operations there.
    #[n(1)]
    pub length: u64,
    /// False where that device reads the space and its current epoch does not open: operations with wraps
    /// are carried once more.
    #[n(2)]
    pub opens: bool,
}

/// Every further part of a request: envelopes that its writer has, ascending.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KnownEnvelopes {
    /// Their ids.
    #[cbor(
        n(0),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::REQUEST_ENVELOPES_MAX }>"
    )]
    pub ids: Vec<EnvelopeId>,
}
