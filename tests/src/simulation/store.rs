//! The relay's real store on a disk that fails: at any of its effects the relay ends, or the disk is
//! full for a while.

use std::sync::{Arc, Mutex, PoisonError};

use nahtlos_protocol::identifier::{DeviceId, InvitationId, ItemId, RecipientId, SpaceId};
use nahtlos_protocol::space::Wrap;
use nahtlos_relay::store::sqlite::SqliteStore;
use nahtlos_relay::store::{
    Carry, Delivery, Facts, Found, Identity, NewItem, Reader, Related, Store, StoreError,
    StoredItem,
};

/// What happens at the disk, counted in effects (beginnings, writes, commits) from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskFault {
    /// Nothing.
    #[default]
    None,
    /// The relay ends at the effect after so many. A commit at which it ends is kept if `keeps`.
    Crash {
        /// Effects that go well before.
        after: u64,
        /// Whether a commit is on the disk although nobody is told.
        keeps: bool,
    },
    /// The disk is full from the effect after so many, until it is set to [`DiskFault::None`].
    Full {
        /// Effects that go well before.
        after: u64,
    },
}

/// The disk of one relay, in the hands of the simulation.
#[derive(Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    fault: DiskFault,
    crashed: bool,
    happened: bool,
}

impl Disk {
    /// What happens from now on.
    pub fn set(&self, fault: DiskFault) {
        let mut state = self.lock();
        state.fault = fault;
        state.happened = false;
    }

    /// Whether the relay has ended at an effect.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.lock().crashed
    }

    /// Whether a fault has struck since it was set.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.lock().happened
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One effect: whether it is done.
    fn effect(&self) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.crashed {
            return Err(ended());
        }
        match &mut state.fault {
            DiskFault::None => Ok(()),
            DiskFault::Crash { after, .. } | DiskFault::Full { after } if *after > 0 => {
                *after -= 1;
                Ok(())
            }
            DiskFault::Crash { .. } => {
                (state.crashed, state.happened) = (true, true);
                Err(ended())
            }
            DiskFault::Full { .. } => {
                state.happened = true;
                Err(StoreError::Full(None))
            }
        }
    }

    fn keeps_commit(&self) -> bool {
        matches!(self.lock().fault, DiskFault::Crash { keeps: true, .. })
    }
}

fn ended() -> StoreError {
    StoreError::Failed("the simulated relay has ended".into())
}

/// The store.
pub struct SimulatedStore {
    inner: SqliteStore,
    disk: Disk,
}

impl SimulatedStore {
    /// The store on a disk.
    #[must_use]
    pub fn new(inner: SqliteStore, disk: Disk) -> Self {
        Self { inner, disk }
    }

    fn effect(&self) -> Result<(), StoreError> {
        self.disk.effect()
    }
}

impl Reader for SimulatedStore {
    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.inner.identity()
    }
    fn facts(&self) -> Result<Facts, StoreError> {
        self.inner.facts()
    }
    fn each_operation(
        &self,
        visit: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner.each_operation(visit)
    }
    fn find(&self, id: &ItemId) -> Result<Option<Found>, StoreError> {
        self.inner.find(id)
    }
    fn item(&self, sequence: u64) -> Result<Option<StoredItem>, StoreError> {
        self.inner.item(sequence)
    }
    fn sequences_after(&self, after: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.inner.sequences_after(after, limit)
    }
    fn log_places(&self, space: &SpaceId, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
        self.inner.log_places(space, from, to)
    }
    fn envelope_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.inner.envelope_places(space)
    }
    fn held_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.inner.held_places(space)
    }
    fn is_erased(&self, space: &SpaceId) -> Result<bool, StoreError> {
        self.inner.is_erased(space)
    }
    fn erasures_by(&self, space: &SpaceId, author: &DeviceId) -> Result<u64, StoreError> {
        self.inner.erasures_by(space, author)
    }
    fn kept_for(&self, author: &DeviceId) -> Result<(u64, u64), StoreError> {
        self.inner.kept_for(author)
    }
    fn ancestors(&self, sequence: u64, from: u64) -> Result<Vec<Related>, StoreError> {
        self.inner.ancestors(sequence, from)
    }
    fn children(&self, sequence: u64) -> Result<Vec<Related>, StoreError> {
        self.inner.children(sequence)
    }
    fn open_snapshots(&self) -> Result<Vec<u64>, StoreError> {
        self.inner.open_snapshots()
    }
    fn chain_at(&self, number: u64) -> Result<Option<ItemId>, StoreError> {
        self.inner.chain_at(number)
    }
    fn delivered_places(&self, feed: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.inner.delivered_places(feed)
    }
    fn deliveries(
        &self,
        feed: &SpaceId,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.inner.deliveries(feed, after, up_to, limit)
    }
    fn wraps(&self, operation: u64, recipients: &[RecipientId]) -> Result<Vec<Wrap>, StoreError> {
        self.inner.wraps(operation, recipients)
    }
}

impl Store for SimulatedStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.begin()
    }
    fn commit(&mut self) -> Result<(), StoreError> {
        match self.effect() {
            Ok(()) => self.inner.commit(),
            Err(error) => {
                if self.disk.keeps_commit() {
                    self.inner.commit()?;
                } else {
                    self.inner.roll_back();
                }
                Err(error)
            }
        }
    }
    fn roll_back(&mut self) {
        self.inner.roll_back();
    }
    fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_identity(identity)
    }
    fn put_item(&mut self, item: &NewItem<'_>) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_item(item)
    }
    fn put_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_receipt(sequence, receipt)
    }
    fn replace_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.replace_receipt(sequence, receipt)
    }
    fn put_wrap(&mut self, operation: u64, wrap: &Wrap) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_wrap(operation, wrap)
    }
    fn promote(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.promote(sequence)
    }
    fn erase_content(&mut self, space: &SpaceId) -> Result<usize, StoreError> {
        self.effect()?;
        self.inner.erase_content(space)
    }
    fn drop_body(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.drop_body(sequence)
    }
    fn put_body_back(
        &mut self,
        space: &SpaceId,
        sequence: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_body_back(space, sequence, bytes)
    }
    fn settle(&mut self, snapshot: u64) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.settle(snapshot)
    }
    fn put_delivery(&mut self, feed: &SpaceId, delivery: Delivery) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_delivery(feed, delivery)
    }
    fn put_carry(
        &mut self,
        space: &SpaceId,
        feed: &SpaceId,
        carry: Carry,
    ) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_carry(space, feed, carry)
    }
    fn put_membership(
        &mut self,
        member: &SpaceId,
        group: &SpaceId,
        since: u64,
    ) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_membership(member, group, since)
    }
    fn remove_membership(&mut self, member: &SpaceId, group: &SpaceId) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.remove_membership(member, group)
    }
    fn put_usage(&mut self, institution: &SpaceId, bytes: u64) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_usage(institution, bytes)
    }
    fn put_joined(&mut self, invitation: &InvitationId, item: &ItemId) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.put_joined(invitation, item)
    }
    fn probe(&mut self, now_ms: u64) -> Result<(), StoreError> {
        self.effect()?;
        self.inner.probe(now_ms)
    }
    fn close(&mut self) -> Result<(), StoreError> {
        self.inner.close()
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
}
