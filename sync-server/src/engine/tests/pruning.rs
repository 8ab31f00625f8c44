//! What may be dropped, and when; the relay's clock is the test's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, ItemId};
use nahtlos_protocol::space::{Draft, Effect, Role};
use nahtlos_protocol::wire::{Item, JournalMark, PushItem, Status};

use super::Setting;
use super::world::{TestDevice, push_envelope, seal};
use crate::engine::check_journal;
use crate::store::sqlite::SqliteStore;
use crate::store::{Reader, StoreError};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A section that A and B's institution read: two edits, a snapshot of both, and one edit beside.
struct Case {
    setting: Setting,
    b1: TestDevice,
    covered: Vec<EnvelopeId>,
    snapshot: EnvelopeId,
    beside: EnvelopeId,
}

impl Case {
    async fn new() -> Self {
        let mut setting = Setting::new().await;
        let b1 = TestDevice::new(2);
        let b = setting.world.institution(&b1);
        let (network, section) = (setting.network, setting.section);
        let a1 = &setting.a1;
        let world = &mut setting.world;
        world.add_member(a1, network, b.institution, Role::Read);
        world.add_member(a1, section, b.team, Role::Read);
        b1.hold(a1);
        let first = world.envelope(a1, section, 1, &[]);
        let second = world.envelope(a1, section, 2, &[first.id()]);
        let beside = world.envelope(a1, section, 4, &[first.id()]);
        let mut push = world.take();
        push.extend([&first, &second, &beside].map(push_envelope));
        let mut case = Self {
            covered: vec![first.id(), second.id()],
            snapshot: first.id(),
            beside: beside.id(),
            b1,
            setting,
        };
        case.push(push).await;
        let a1 = TestDevice::new(1);
        a1.hold(&case.setting.a1);
        case.snapshot = case.say(&a1, EnvelopeKind::Snapshot, &[second.id()]).await;
        case
    }

    async fn push(&self, push: Vec<PushItem>) {
        for result in self.setting.push(push).await.unwrap() {
            assert_eq!(result.status, Status::Accepted, "{result:?}");
        }
    }

    /// A device says something about the section's edits.
    async fn say(
        &mut self,
        device: &TestDevice,
        kind: EnvelopeKind,
        parents: &[EnvelopeId],
    ) -> EnvelopeId {
        let mut header = self.setting.world.header(device, self.setting.section, 9);
        header.kind = kind;
        header.parents = parents.to_vec();
        let envelope = seal(device, &header);
        self.push(vec![push_envelope(&envelope)]).await;
        envelope.id()
    }

    async fn attest_by_b(&mut self) {
        let b1 = TestDevice::new(2);
        b1.hold(&self.b1);
        self.say(&b1, EnvelopeKind::Attest, &[self.snapshot]).await;
    }

    fn pass_days(&self, days: u64) {
        self.setting
            .clock
            .fetch_add(days * DAY_MS, Ordering::SeqCst);
    }

    async fn pruned(&self) -> usize {
        self.setting.engine.prune().await.unwrap()
    }

    /// The edits and snapshots that a device which begins anew receives.
    async fn newcomer(&self) -> BTreeSet<EnvelopeId> {
        self.served().await.into_keys().collect()
    }

    async fn served(&self) -> BTreeMap<EnvelopeId, Item> {
        let engine = &self.setting.engine;
        let news = engine.news(self.b1.id, 0, 1 << 20, BTreeSet::new()).await;
        let items = news.unwrap().0.items.into_iter();
        items
            .filter_map(|item| Some((Envelope::decode(&item.bytes).ok()?.id(), item)))
            .collect()
    }

    fn check(&self) -> Result<u64, StoreError> {
        let path = self.setting.directory.path().join("relay.sqlite");
        let store = SqliteStore::open_to_read(&path).unwrap();
        let identity = store.identity().unwrap().unwrap();
        check_journal(&store, &identity)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attested_snapshot_replaces_what_it_covers_once_the_window_has_passed() {
    let mut case = Case::new().await;
    case.pass_days(200);
    assert_eq!(case.pruned().await, 0, "nobody attested");
    case.attest_by_b().await;
    case.pass_days(179);
    assert_eq!(case.pruned().await, 0, "the window is open");
    assert!(
        case.newcomer()
            .await
            .is_superset(&case.covered.iter().copied().collect())
    );
    case.pass_days(1);
    assert_eq!(case.pruned().await, 2);
    assert_eq!(case.pruned().await, 0, "once");

    let seen = case.newcomer().await;
    assert!(seen.contains(&case.snapshot) && seen.contains(&case.beside));
    assert!(case.covered.iter().all(|covered| !seen.contains(covered)));
    assert!(case.check().is_ok());
    // What builds on a dropped edit is taken, and the edit itself is known.
    let a1 = &case.setting.a1;
    let next = case
        .setting
        .world
        .envelope(a1, case.setting.section, 10, &case.covered[1..]);
    case.push(vec![push_envelope(&next)]).await;
    let id = ItemId::from(case.covered[0]);
    let path = case.setting.directory.path().join("relay.sqlite");
    let store = SqliteStore::open_to_read(&path).unwrap();
    let place = store.find(&id).unwrap().unwrap().sequence;
    let item = store.item(place).unwrap().unwrap();
    assert!(item.bytes.is_none() && !item.receipt.is_empty());
    // What no snapshot covers must be there.
    let beside = store.find(&ItemId::from(case.snapshot)).unwrap().unwrap();
    let damage = rusqlite::Connection::open(&path).unwrap();
    let damaged = damage.execute(
        "DELETE FROM body WHERE sequence = ?1",
        [i64::try_from(beside.sequence).unwrap()],
    );
    assert_eq!(damaged.unwrap(), 1);
    assert!(case.check().is_err());
}

/// A device that holds what was dropped offers it again after a restore; others cannot begin with the
/// snapshot, and get it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_and_is_offered_again_is_served_again_and_dropped_again() {
    let mut case = Case::new().await;
    let mut held = case.served().await;
    held.retain(|id, _| case.covered.contains(id));
    assert_eq!(held.len(), 2, "control");
    case.attest_by_b().await;
    case.pass_days(180);
    assert_eq!(case.pruned().await, 2);
    let dropped: BTreeSet<EnvelopeId> = case.covered.iter().copied().collect();
    assert!(case.newcomer().await.is_disjoint(&dropped), "control");

    let plain = held.values().map(|item| PushItem::Envelope {
        bytes: item.bytes.clone(),
        receipt: None,
    });
    let answers = case.setting.push(plain.collect()).await.unwrap();
    assert!(answers.iter().all(|one| one.status == Status::Duplicate));
    assert!(
        case.newcomer().await.is_disjoint(&dropped),
        "an answer that was lost brings nothing back"
    );
    let offered = held.values().map(|item| PushItem::Envelope {
        bytes: item.bytes.clone(),
        receipt: Some(item.receipt.clone()),
    });
    let answers = case.setting.push(offered.collect()).await.unwrap();
    assert!(answers.iter().all(|one| one.status == Status::Duplicate));
    assert!(case.newcomer().await.is_superset(&dropped));
    assert!(case.check().is_ok());
    assert_eq!(case.pruned().await, 2, "while the snapshot stands");
    assert!(case.newcomer().await.is_disjoint(&dropped));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attest_of_the_same_institution_is_not_enough_where_another_has_access() {
    let mut case = Case::new().await;
    let d1 = TestDevice::new(4);
    let world = &mut case.setting.world;
    let a1 = &case.setting.a1;
    let d = world.person(&d1, case.setting.institution);
    world.add_member(a1, case.setting.team, d, Role::Write);
    let push = world.take();
    case.push(push).await;
    d1.hold(&case.setting.a1);
    case.say(&d1, EnvelopeKind::Attest, &[case.snapshot]).await;
    case.pass_days(400);
    assert_eq!(case.pruned().await, 0);
    // Once the other institution has left the section, another person is enough.
    let section = case.setting.section;
    let member = case.setting.world.logs[&section].grants()[1].member;
    let draft = Draft::new().effect(Effect::Remove {
        grant: None,
        member: Some(member.recipient()),
        reason: 0,
    });
    let a1 = &case.setting.a1;
    case.setting.world.act(a1, draft, Some(section));
    let push = case.setting.world.take();
    case.push(push).await;
    assert_eq!(case.pruned().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_or_something_voided_beneath_stops_it() {
    let mut case = Case::new().await;
    case.attest_by_b().await;
    let b1 = TestDevice::new(2);
    b1.hold(&case.b1);
    let dispute = case.say(&b1, EnvelopeKind::Dispute, &[case.snapshot]).await;
    case.pass_days(400);
    assert_eq!(case.pruned().await, 0, "disputed");
    let void = |case: &mut Case, envelope: EnvelopeId| {
        let (envelopes, grants) = (vec![envelope], Vec::new());
        let draft = Draft::new().effect(Effect::Void { envelopes, grants });
        let a1 = &case.setting.a1;
        case.setting
            .world
            .act(a1, draft, Some(case.setting.section));
        case.setting.world.take()
    };
    // A manager refuses the dispute, but voids an edit that the snapshot covers.
    let first = case.covered[0];
    let (on_dispute, on_edit) = (void(&mut case, dispute), void(&mut case, first));
    case.push([on_dispute, on_edit].concat()).await;
    assert_eq!(case.pruned().await, 0, "voided beneath");
    // The control: without that it goes.
    let mut other = Case::new().await;
    other.attest_by_b().await;
    let b1 = TestDevice::new(2);
    b1.hold(&other.b1);
    let dispute = other
        .say(&b1, EnvelopeKind::Dispute, &[other.snapshot])
        .await;
    let push = void(&mut other, dispute);
    other.push(push).await;
    other.pass_days(400);
    assert_eq!(other.pruned().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_journal_begins_the_window_anew() {
    let mut case = Case::new().await;
    case.attest_by_b().await;
    case.pass_days(400);
    let mark = case.setting.engine.journal_mark();
    let ahead = JournalMark {
        sequence: mark.sequence + 1,
        ..mark
    };
    let device = case.setting.a1.id;
    let engine = &case.setting.engine;
    engine.compare_mark(&device, ahead).await.unwrap();
    assert_ne!(case.setting.engine.journal_mark().journal, mark.journal);
    assert_eq!(case.pruned().await, 0);
    case.pass_days(180);
    assert_eq!(case.pruned().await, 2);
}
