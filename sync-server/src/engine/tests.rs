//! A store that fails where it is told to: memory never runs ahead of the disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{
    DeviceId, InvitationId, ItemId, RecipientId, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::claim::{Claim, ClaimRequest};
use nahtlos_protocol::wire::{ItemResult, JournalMark, PushItem, Status};

use super::{Asked, Engine, EngineError, Question, Served, identity, read};
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    Carry, Delivery, Facts, Found, Identity, NewItem, Reader, Related, Store, StoreError,
    StoredItem,
};

#[path = "../../tests/relay/world.rs"]
#[allow(dead_code, reason = "the tests over HTTP use the rest")]
mod world;

mod pruning;

use world::{TestDevice, World, push_envelope};

const WORKS: u8 = 0;
const COMMIT_FAILS: u8 = 1;
const DELIVERY_FAILS: u8 = 2;
const DELIVERY_PANICS: u8 = 3;
const BEGIN_FAILS: u8 = 4;

impl Engine {
    /// What is new, and where the journal stood. What is answered without the disk, the disk says too.
    async fn news(
        &self,
        device: DeviceId,
        cursor: u64,
        max_bytes: u32,
        pushed: BTreeSet<ItemId>,
    ) -> Result<(Served, JournalMark), EngineError> {
        let (asked, mark) = self.ask(device, cursor, max_bytes, &pushed);
        let served = match asked {
            Asked::Nothing(served) => {
                let now_ms = self.now_ms();
                let question =
                    Question::new(&read(&self.shared.world), device, cursor, max_bytes, now_ms);
                let from_disk = self.answer(question, pushed, ()).await?.0;
                assert!(from_disk.items.is_empty() && !from_disk.more);
                assert_eq!(from_disk.cursor, served.cursor);
                served
            }
            Asked::Something(question) => self.answer(question, pushed, ()).await?.0,
        };
        Ok((served, mark))
    }
}

struct Faulty {
    store: SqliteStore,
    fault: Arc<AtomicU8>,
}

impl Faulty {
    fn fault(&self) -> u8 {
        self.fault.load(Ordering::SeqCst)
    }

    fn fail_if(&self, fault: u8) -> Result<(), StoreError> {
        if self.fault() == fault {
            return Err(StoreError::Full(None));
        }
        Ok(())
    }
}

impl Reader for Faulty {
    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.store.identity()
    }
    fn facts(&self) -> Result<Facts, StoreError> {
        self.store.facts()
    }
    fn each_operation(
        &self,
        visit: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.store.each_operation(visit)
    }
    fn find(&self, id: &ItemId) -> Result<Option<Found>, StoreError> {
        self.store.find(id)
    }
    fn item(&self, sequence: u64) -> Result<Option<StoredItem>, StoreError> {
        self.store.item(sequence)
    }
    fn sequences_after(&self, after: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.store.sequences_after(after, limit)
    }
    fn log_places(&self, space: &SpaceId, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
        self.store.log_places(space, from, to)
    }
    fn envelope_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.store.envelope_places(space)
    }
    fn held_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.store.held_places(space)
    }
    fn is_erased(&self, space: &SpaceId) -> Result<bool, StoreError> {
        self.store.is_erased(space)
    }
    fn erasures_by(&self, space: &SpaceId, author: &DeviceId) -> Result<u64, StoreError> {
        self.store.erasures_by(space, author)
    }
    fn kept_for(&self, author: &DeviceId) -> Result<(u64, u64), StoreError> {
        self.store.kept_for(author)
    }
    fn ancestors(&self, sequence: u64, from: u64) -> Result<Vec<Related>, StoreError> {
        self.store.ancestors(sequence, from)
    }
    fn children(&self, sequence: u64) -> Result<Vec<Related>, StoreError> {
        self.store.children(sequence)
    }
    fn open_snapshots(&self) -> Result<Vec<u64>, StoreError> {
        self.store.open_snapshots()
    }
    fn chain_at(&self, number: u64) -> Result<Option<ItemId>, StoreError> {
        self.store.chain_at(number)
    }
    fn delivered_places(&self, feed: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.store.delivered_places(feed)
    }
    fn deliveries(
        &self,
        feed: &SpaceId,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.deliveries(feed, after, up_to, limit)
    }
    fn wraps(&self, operation: u64, recipients: &[RecipientId]) -> Result<Vec<Wrap>, StoreError> {
        self.store.wraps(operation, recipients)
    }
}

impl Store for Faulty {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.fail_if(BEGIN_FAILS)?;
        self.store.begin()
    }
    fn commit(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.fail_if(COMMIT_FAILS) {
            self.store.roll_back();
            return Err(error);
        }
        self.store.commit()
    }
    fn roll_back(&mut self) {
        self.store.roll_back();
    }
    fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        self.store.put_identity(identity)
    }
    fn put_item(&mut self, item: &NewItem<'_>) -> Result<(), StoreError> {
        self.store.put_item(item)
    }
    fn put_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.store.put_receipt(sequence, receipt)
    }
    fn replace_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.store.replace_receipt(sequence, receipt)
    }
    fn erase_content(&mut self, space: &SpaceId) -> Result<usize, StoreError> {
        self.store.erase_content(space)
    }
    fn put_wrap(&mut self, operation: u64, wrap: &Wrap) -> Result<(), StoreError> {
        self.store.put_wrap(operation, wrap)
    }
    fn promote(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.store.promote(sequence)
    }
    fn drop_body(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.store.drop_body(sequence)
    }
    fn put_body_back(
        &mut self,
        space: &SpaceId,
        sequence: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.store.put_body_back(space, sequence, bytes)
    }
    fn settle(&mut self, snapshot: u64) -> Result<(), StoreError> {
        self.store.settle(snapshot)
    }
    fn put_delivery(&mut self, feed: &SpaceId, delivery: Delivery) -> Result<(), StoreError> {
        self.fail_if(DELIVERY_FAILS)?;
        assert_ne!(self.fault(), DELIVERY_PANICS, "the defect of this test");
        self.store.put_delivery(feed, delivery)
    }
    fn put_carry(
        &mut self,
        space: &SpaceId,
        feed: &SpaceId,
        carry: Carry,
    ) -> Result<(), StoreError> {
        self.store.put_carry(space, feed, carry)
    }
    fn put_membership(
        &mut self,
        member: &SpaceId,
        group: &SpaceId,
        since: u64,
    ) -> Result<(), StoreError> {
        self.store.put_membership(member, group, since)
    }
    fn remove_membership(&mut self, member: &SpaceId, group: &SpaceId) -> Result<(), StoreError> {
        self.store.remove_membership(member, group)
    }
    fn put_usage(&mut self, institution: &SpaceId, bytes: u64) -> Result<(), StoreError> {
        self.store.put_usage(institution, bytes)
    }
    fn put_joined(&mut self, invitation: &InvitationId, item: &ItemId) -> Result<(), StoreError> {
        self.store.put_joined(invitation, item)
    }
    fn probe(&mut self, now_ms: u64) -> Result<(), StoreError> {
        self.fail_if(COMMIT_FAILS)?;
        self.store.probe(now_ms)
    }
    fn close(&mut self) -> Result<(), StoreError> {
        self.store.close()
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.store.reader()
    }
}

struct Setting {
    clock: Arc<AtomicU64>,
    engine: Engine,
    fault: Arc<AtomicU8>,
    world: World,
    a1: TestDevice,
    network: SpaceId,
    institution: SpaceId,
    team: SpaceId,
    section: SpaceId,
    directory: tempfile::TempDir,
}

impl Setting {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("relay.sqlite"), None).unwrap();
        let fault = Arc::new(AtomicU8::new(WORKS));
        let mut store = Faulty {
            store,
            fault: Arc::clone(&fault),
        };
        let seed = Secret32::from_bytes([5; 32]);
        let claim_key = *SigningKey::from_seed(&seed).verifying_key().as_bytes();
        let identity = identity(&mut store, 1_000, |_| Ok(Some(claim_key))).unwrap();
        let clock = Arc::new(AtomicU64::new(5_000));
        let read = Arc::clone(&clock);
        let (limits, metrics) = (Limits::default(), Arc::<Metrics>::default());
        let engine = Engine::start(
            Box::new(store),
            identity,
            limits,
            metrics,
            Arc::new(move || read.load(Ordering::SeqCst)),
        )
        .unwrap();
        let claim = Claim {
            url: String::new(),
            relay: VerifyingKeyBytes(*engine.relay_key().as_bytes()),
            seed,
        };
        let (mut world, a1) = (World::new(), TestDevice::new(1));
        let a = world.institution(&a1);
        let network = world.network(&a1, engine.relay_key(), a.institution);
        let section = world.section(&a1, a.team);
        let request = ClaimRequest::sign(&claim, network, world.take());
        engine.claim(request).await.unwrap().unwrap();
        Self {
            engine,
            fault,
            world,
            a1,
            clock,
            network,
            institution: a.institution,
            team: a.team,
            section,
            directory,
        }
    }

    async fn push(&self, items: Vec<PushItem>) -> Result<Vec<ItemResult>, EngineError> {
        let approaching = self.engine.approaching();
        self.engine.push(self.a1.id, items, approaching).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_at_any_point_nothing_is_known_and_the_same_push_is_accepted_later() {
    let mut setting = Setting::new().await;
    let faults = [
        (COMMIT_FAILS, EngineError::StorageFull),
        (DELIVERY_FAILS, EngineError::StorageFull),
        (BEGIN_FAILS, EngineError::StorageFull),
        (DELIVERY_PANICS, EngineError::Internal),
    ];
    for (number, (fault, expected)) in (1..).zip(faults) {
        let envelope = setting
            .world
            .envelope(&setting.a1, setting.section, number, &[]);
        // An operation too, so that logs and indexes would change.
        let team = setting.world.logs[&setting.section].grants()[0].member;
        let nahtlos_protocol::space::state::MemberId::Space(team) = team else {
            panic!("a team");
        };
        setting.world.section(&setting.a1, team);
        let mut push = setting.world.take();
        push.push(push_envelope(&envelope));
        let mark = setting.engine.journal_mark();

        setting.fault.store(fault, Ordering::SeqCst);
        assert_eq!(setting.push(push.clone()).await, Err(expected));
        assert_eq!(setting.engine.journal_mark(), mark);
        if fault == COMMIT_FAILS {
            assert_eq!(
                setting.engine.probe().await,
                Err(EngineError::StorageFull),
                "not ready"
            );
        }
        let news = setting
            .engine
            .news(setting.a1.id, mark.sequence, 1 << 20, BTreeSet::new())
            .await;
        assert!(news.unwrap().0.items.is_empty(), "reading goes on");

        setting.fault.store(WORKS, Ordering::SeqCst);
        assert_eq!(setting.engine.probe().await, Ok(()));
        let results = setting.push(push).await.unwrap();
        for result in &results {
            assert_eq!(result.status, Status::Accepted);
            let receipt = result.receipt.as_ref().unwrap();
            assert!(receipt.sequence > mark.sequence);
            assert_eq!(
                receipt.verify(&result.id, setting.engine.relay_key()),
                Ok(())
            );
        }
    }
    setting.engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_refuses_and_does_not_hang() {
    let mut setting = Setting::new().await;
    let envelope = setting.world.envelope(&setting.a1, setting.section, 1, &[]);
    setting.engine.stop();
    let refused = setting.push(vec![push_envelope(&envelope)]).await;
    assert_eq!(refused, Err(EngineError::Internal));
}

/// As many answers are being read as there are readers, and whoever waited for them has gone.
#[tokio::test(flavor = "multi_thread")]
#[allow(
    clippy::await_holding_lock,
    clippy::readonly_write_lock,
    reason = "what reads runs on other threads, and is to wait"
)]
async fn a_request_that_is_given_up_does_not_take_the_reader_of_the_next_one() {
    let setting = Setting::new().await;
    let device = setting.a1.id;
    let ask = || setting.engine.news(device, 0, 1 << 20, BTreeSet::new());
    let nothing = BTreeSet::new();
    {
        // Nobody can look anything up meanwhile, so that no reading ends.
        let Asked::Something(_) = setting.engine.ask(device, 0, 1 << 20, &nothing).0 else {
            panic!("control: there is something to read");
        };
        let questions: Vec<_> = (0..super::READERS)
            .map(|_| setting.engine.ask(device, 0, 1 << 20, &nothing).0)
            .collect();
        let blocked = setting.engine.shared.world.write().unwrap();
        for asked in questions {
            let Asked::Something(question) = asked else {
                panic!("there is something to read");
            };
            let reading = setting.engine.answer(question, BTreeSet::new(), ());
            let given_up = tokio::time::timeout(std::time::Duration::from_millis(50), reading);
            assert!(given_up.await.is_err(), "control: it has not ended");
        }
        assert!(super::lock(&setting.engine.shared.readers).is_empty());
        let free = setting.engine.shared.reader_permits.available_permits();
        assert_eq!(free, 0, "whoever comes now waits");
        drop(blocked);
    }
    let (served, _) = ask().await.unwrap();
    assert!(!served.items.is_empty());
}

/// Reading panics once; the reader is there for the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_given_back_after_a_defect() {
    let setting = Setting::new().await;
    for _ in 0..=super::READERS {
        let failed: Result<(), _> = setting.engine.read_store(|_| panic!("a defect")).await;
        assert_eq!(failed, Err(EngineError::Internal));
    }
    let chain = setting.engine.read_store(|reader| reader.chain_at(1)).await;
    assert!(chain.unwrap().is_some());
}
