//! What the relay keeps, behind two traits: [`Reader`] for answering and [`Store`] for the one
//! writer. [`sqlite`] implements them; [`conformance`] is the test suite every implementation
//! must pass.
//!
//! A journal *item* (operation, envelope, join request) has the sequence number of its receipt. A
//! *delivery* puts an item into a feed under a delivery number of the same counter: its own
//! number when it is new, a later one when it becomes visible to more devices afterwards.

mod schema;
pub mod sqlite;

#[cfg(test)]
pub(crate) mod conformance;

use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{
    DeviceId, InvitationId, ItemId, JournalId, RecipientId, SpaceId,
};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::ItemKind;

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left on the disk, or the configured limit is reached.
    #[error("the disk is full")]
    Full(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The database or the disk failed.
    #[error("the database failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored is not what this program stored.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// A newer program wrote the database.
    #[error("the database has format {found}, this program knows {known}")]
    NeedsNewer {
        /// Format found.
        found: i64,
        /// Newest format known here.
        known: i64,
    },
}

/// How much of a space a feed carries, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carry {
    /// The log's first operations only, this many: what references needed.
    Prefix(u64),
    /// The log, as it grows.
    Log,
    /// The log, and the logs of all that are beneath its members.
    Tree,
    /// Everything, wraps and envelopes included.
    Content,
}

/// An item to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// Place in the journal.
    pub sequence: u64,
    /// What it is.
    pub kind: ItemKind,
    /// Hash of its bytes.
    pub id: ItemId,
    /// The space it belongs to; for a join request the inviting one.
    pub space: SpaceId,
    /// For an operation its index in the log.
    pub log_index: Option<u64>,
    /// Exact bytes.
    pub bytes: &'a [u8],
    /// The journal's hash chain including this item.
    pub chain: ItemId,
    /// Came back with the receipt of an earlier place.
    pub offered: bool,
    /// For an envelope what stays known of it without its bytes.
    pub envelope: Option<NewEnvelope<'a>>,
}

/// What stays known of an envelope without its bytes.
#[derive(Clone, Copy, Debug)]
pub struct NewEnvelope<'a> {
    /// What it holds.
    pub kind: EnvelopeKind,
    /// Who signed it.
    pub author: DeviceId,
    /// It waits in the held lane.
    pub held: bool,
    /// The places of its parents.
    pub parents: &'a [u64],
}

/// What is known of a stored envelope without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownEnvelope {
    /// What it holds.
    pub kind: EnvelopeKind,
    /// Who signed it.
    pub author: DeviceId,
    /// It waits in the held lane.
    pub held: bool,
}

/// An envelope in the graph of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Related {
    /// Place in the journal.
    pub sequence: u64,
    /// Hash of its bytes.
    pub id: ItemId,
    /// What is known of it.
    pub envelope: KnownEnvelope,
    /// Its bytes are here.
    pub has_body: bool,
}

/// Where a stored item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Place in the journal.
    pub sequence: u64,
    /// What it is.
    pub kind: ItemKind,
    /// The space it belongs to.
    pub space: SpaceId,
    /// For an envelope.
    pub envelope: Option<KnownEnvelope>,
}

/// A stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredItem {
    /// Hash of its bytes.
    pub id: ItemId,
    /// What it is.
    pub kind: ItemKind,
    /// The space it belongs to.
    pub space: SpaceId,
    /// Exact bytes; none where a snapshot covers them and they were dropped.
    pub bytes: Option<Vec<u8>>,
    /// For an envelope.
    pub envelope: Option<KnownEnvelope>,
    /// Came back with the receipt of an earlier place.
    pub offered: bool,
    /// The encoded receipt; empty only within the transaction that stores the item.
    pub receipt: Vec<u8>,
    /// The journal's hash chain including this item.
    pub chain: ItemId,
}

/// An item's delivery in a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// Delivery number.
    pub number: u64,
    /// The item's place in the journal.
    pub item: u64,
}

/// What the relay is, besides its items.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Seed of the relay's signing key. Kept in the database, which only its owner can read.
    pub seed: [u8; 32],
    /// This life of the journal.
    pub journal: JournalId,
    /// The number up to which it is one with every journal before it, as far as is known.
    pub began_after: u64,
    /// Whether journals came before it: the store went back at least once.
    pub had_earlier: bool,
    /// Public half of the claim key.
    pub claim_key: [u8; 32],
    /// The network, once claimed.
    pub network: Option<SpaceId>,
    /// This database is a restored backup that has not been started yet.
    pub restored: bool,
}

/// Shows no seed.
impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("journal", &self.journal)
            .field("began_after", &self.began_after)
            .field("network", &self.network)
            .field("restored", &self.restored)
            .finish_non_exhaustive()
    }
}

/// Small facts loaded once at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Highest number of an item or delivery.
    pub last_number: u64,
    /// The hash chain at the last item.
    pub chain: Option<ItemId>,
    /// Space, feed, how much.
    pub carried: Vec<(SpaceId, SpaceId, Carry)>,
    /// Member, group, last number before the membership.
    pub memberships: Vec<(SpaceId, SpaceId, u64)>,
    /// Last delivery number of each feed.
    pub feed_heads: Vec<(SpaceId, u64)>,
    /// Bytes stored for each institution.
    pub usage: Vec<(SpaceId, u64)>,
    /// Used invitations and the join request under each.
    pub joined: Vec<(InvitationId, ItemId)>,
}

/// Reads; sees what is committed, or, on a [`Store`], also what its open transaction wrote.
pub trait Reader: Send {
    /// What the relay is; none in a new store.
    ///
    /// # Errors
    /// [`StoreError`], as for every method here.
    fn identity(&self) -> Result<Option<Identity>, StoreError>;
    /// Everything that is kept in memory but the logs.
    ///
    /// # Errors
    /// [`StoreError`].
    fn facts(&self) -> Result<Facts, StoreError>;
    /// Calls `visit` with the bytes of every operation in journal order.
    ///
    /// # Errors
    /// [`StoreError`], or the first error `visit` returns.
    fn each_operation(
        &self,
        visit: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
    /// Where an item is, if it is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find(&self, id: &ItemId) -> Result<Option<Found>, StoreError>;
    /// The item at a place of the journal.
    ///
    /// # Errors
    /// [`StoreError`].
    fn item(&self, sequence: u64) -> Result<Option<StoredItem>, StoreError>;
    /// The places of the items after `after`, ascending, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sequences_after(&self, after: u64, limit: usize) -> Result<Vec<u64>, StoreError>;
    /// The places of a space's operations with `from <= index < to`, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    fn log_places(&self, space: &SpaceId, from: u64, to: u64) -> Result<Vec<u64>, StoreError>;
    /// The places of a space's envelopes whose bytes are here, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    fn envelope_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError>;
    /// The places of a space's envelopes in the held lane, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    fn held_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError>;
    /// Whether the content of a space was erased by [`Store::erase_content`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn is_erased(&self, space: &SpaceId) -> Result<bool, StoreError>;
    /// How many erasures of a device are stored in a space.
    ///
    /// # Errors
    /// [`StoreError`].
    fn erasures_by(&self, space: &SpaceId, author: &DeviceId) -> Result<u64, StoreError>;
    /// How many envelopes of a device, and bytes of them, are kept though it has no right to them
    /// now: those in the held lane, and its word that it erased its copy, but where the whole space was
    /// erased.
    ///
    /// # Errors
    /// [`StoreError`].
    fn kept_for(&self, author: &DeviceId) -> Result<(u64, u64), StoreError>;
    /// All that an envelope builds on, directly or through others, as far as it was stored at the
    /// place `from` or after it, ascending by place. (A parent is stored before what names it.)
    ///
    /// # Errors
    /// [`StoreError`].
    fn ancestors(&self, sequence: u64, from: u64) -> Result<Vec<Related>, StoreError>;
    /// The envelopes that name this one as a parent, ascending by place.
    ///
    /// # Errors
    /// [`StoreError`].
    fn children(&self, sequence: u64) -> Result<Vec<Related>, StoreError>;
    /// The places of snapshots that are not settled.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_snapshots(&self) -> Result<Vec<u64>, StoreError>;
    /// The hash chain at the last item up to a number; none before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn chain_at(&self, number: u64) -> Result<Option<ItemId>, StoreError>;
    /// The places of every item a feed ever delivered, ascending, each once.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delivered_places(&self, feed: &SpaceId) -> Result<Vec<u64>, StoreError>;
    /// A feed's deliveries with `after < number <= up_to`, ascending, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn deliveries(
        &self,
        feed: &SpaceId,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;
    /// The wraps beside an operation for these recipients.
    ///
    /// # Errors
    /// [`StoreError`].
    fn wraps(&self, operation: u64, recipients: &[RecipientId]) -> Result<Vec<Wrap>, StoreError>;
}

/// Writes, between [`Store::begin`] and [`Store::commit`] or [`Store::roll_back`].
pub trait Store: Reader {
    /// Begins a transaction.
    ///
    /// # Errors
    /// [`StoreError`]; then no transaction is open. Every method here may fail so.
    fn begin(&mut self) -> Result<(), StoreError>;
    /// Makes everything since [`Store::begin`] durable: when it returns, a power cut loses nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing since `begin` is stored, and no transaction is open.
    fn commit(&mut self) -> Result<(), StoreError>;
    /// Forgets everything since [`Store::begin`]. Harmless where no transaction is open.
    fn roll_back(&mut self);
    /// Stores what the relay is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError>;
    /// Stores an item, without its receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_item(&mut self, item: &NewItem<'_>) -> Result<(), StoreError>;
    /// Stores an item's receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError>;
    /// Puts the receipt of an earlier place in the stead of an item's own, or where it has none yet.
    ///
    /// # Errors
    /// [`StoreError`].
    fn replace_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError>;
    /// Stores a wrap beside an operation, unless one for that recipient is there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_wrap(&mut self, operation: u64, wrap: &Wrap) -> Result<(), StoreError>;
    /// Takes an envelope out of the held lane.
    ///
    /// # Errors
    /// [`StoreError`].
    fn promote(&mut self, sequence: u64) -> Result<(), StoreError>;
    /// Drops the bytes of an item; everything else that is known of it stays.
    ///
    /// # Errors
    /// [`StoreError`].
    fn drop_body(&mut self, sequence: u64) -> Result<(), StoreError>;
    /// Drops the bytes of all envelopes of a space but erasures, of which there is one at least, and all wraps
    /// beside its operations; says how many envelopes that were. Everything else that is known of them stays. Once
    /// it is committed no file of the store holds them; where somebody reads meanwhile, after a later commit.
    ///
    /// # Errors
    /// [`StoreError`].
    fn erase_content(&mut self, space: &SpaceId) -> Result<usize, StoreError>;
    /// Puts the bytes of an envelope back that were dropped, and notes that there may be something to
    /// drop again of what the snapshots of its space cover.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_body_back(
        &mut self,
        space: &SpaceId,
        sequence: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError>;
    /// Notes that nothing is left to drop of what a snapshot covers.
    ///
    /// # Errors
    /// [`StoreError`].
    fn settle(&mut self, snapshot: u64) -> Result<(), StoreError>;
    /// Delivers an item in a feed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_delivery(&mut self, feed: &SpaceId, delivery: Delivery) -> Result<(), StoreError>;
    /// Stores how much of a space a feed carries, more or less than before.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_carry(
        &mut self,
        space: &SpaceId,
        feed: &SpaceId,
        carry: Carry,
    ) -> Result<(), StoreError>;
    /// Stores that a group is a member of another, and the last number before it was; replaces what
    /// was stored of the two.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_membership(
        &mut self,
        member: &SpaceId,
        group: &SpaceId,
        since: u64,
    ) -> Result<(), StoreError>;
    /// Forgets that a group is a member of another.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_membership(&mut self, member: &SpaceId, group: &SpaceId) -> Result<(), StoreError>;
    /// Stores how many bytes an institution has used.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_usage(&mut self, institution: &SpaceId, bytes: u64) -> Result<(), StoreError>;
    /// Stores that an invitation was answered.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_joined(&mut self, invitation: &InvitationId, item: &ItemId) -> Result<(), StoreError>;
    /// Writes and commits something small, to see whether writing works.
    ///
    /// # Errors
    /// [`StoreError`].
    fn probe(&mut self, now_ms: u64) -> Result<(), StoreError>;
    /// Tidies up before the program ends.
    ///
    /// # Errors
    /// [`StoreError`].
    fn close(&mut self) -> Result<(), StoreError>;
    /// Opens a reader for another thread.
    ///
    /// # Errors
    /// [`StoreError`].
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}
