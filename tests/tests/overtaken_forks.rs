//! Forks and lost items that one device cannot mend: it leaves them to others and works on, whether the
//! relay is honest or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::{LogHead, Role};
use nahtlos_protocol::wire::{
    Item, ItemKind, ItemResult, PushItem, Status, SyncRequest, SyncResponse, VerdictCode,
};
use nahtlos_tests::liar::Liar;
use nahtlos_tests::{Home, World, is_offered_again, note};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn id_of(item: &PushItem) -> ItemId {
    match item {
        PushItem::Operation { bytes, .. } => SignedOperation::decode(bytes).unwrap().id().into(),
        PushItem::Envelope { bytes, .. } => Envelope::decode(bytes).unwrap().id().into(),
        PushItem::Question { id } => *id,
    }
}

fn told(item: &PushItem, status: Status, code: Option<VerdictCode>) -> ItemResult {
    ItemResult {
        id: id_of(item),
        status,
        code,
        receipt: None,
        missing: Vec::new(),
    }
}

/// Keeps from the relay what `is_kept`, and answers it with this verdict.
fn keep_back(
    said: &SyncRequest,
    answer: &mut SyncResponse,
    is_kept: impl Fn(&PushItem) -> bool,
    (status, code): (Status, Option<VerdictCode>),
) {
    let mut real = std::mem::take(&mut answer.results).into_iter();
    let results = said.push.iter().map(|item| {
        if is_kept(item) {
            told(item, status, code)
        } else {
            real.next().unwrap()
        }
    });
    answer.results = results.collect();
}

fn is_operation(item: &PushItem) -> bool {
    matches!(item, PushItem::Operation { receipt: None, .. })
}

/// Whether an item is an operation of a log that comes after this one.
fn comes_after(item: &Item, head: &LogHead) -> bool {
    item.kind == ItemKind::Operation && {
        let operation = SignedOperation::decode(&item.bytes).unwrap();
        operation.space() == head.space && operation.operation().index > head.index
    }
}

/// Berger's journal, and her colleagues Keller, Moser and Huber.
struct Office {
    world: World,
    berger: Home,
    keller: Home,
    moser: Home,
    huber: Home,
    number: String,
}

fn office() -> Office {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut keller = world.colleague(&mut berger, "keller", "Rita Keller", Role::Manage);
    let mut moser = world.colleague(&mut berger, "moser", "Urs Moser", Role::Manage);
    let mut huber = world.colleague(&mut berger, "huber", "Rosa Huber", Role::Manage);
    let number = berger.open_example_case();
    for _ in 0..2 {
        for home in [&mut berger, &mut keller, &mut moser, &mut huber] {
            home.sync();
        }
    }
    Office {
        world,
        berger,
        keller,
        moser,
        huber,
        number,
    }
}

/// The relay forgets what Keller did in her own log, and Berger revokes her device there. Huber joins the two
/// histories first, and the relay withholds from Moser what he wrote.
#[test]
fn a_fork_that_others_joined_out_of_sight_holds_nothing_up_and_can_be_noted() {
    let Office {
        mut world,
        mut berger,
        mut keller,
        mut moser,
        mut huber,
        number,
    } = office();
    let person = keller.nahtlos.identity().person.unwrap();
    let team = berger.nahtlos.identity().team.unwrap();
    let backup = world.back_up_relay();
    keller.nahtlos.invite_device().unwrap();
    keller.sync();
    moser.sync();
    huber.sync();
    world.go_back_to(&backup);
    let device = keller.nahtlos.device_id().to_string();
    let ending = berger.nahtlos.device_to_revoke(&device[..12]).unwrap();
    berger.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    berger.sync();
    let ending = Ending::Member(team, person);
    berger.nahtlos.end(&ending, Reason::Left).unwrap();
    berger.sync();

    let revoked = berger.nahtlos.log_head(&person).unwrap();

    huber.sync();
    assert_eq!(huber.nahtlos.forks().unwrap(), [], "control: joined");
    let liar = Liar::instead_of_the_relay_of(&mut world);
    liar.lies_both_ways(
        moser.nahtlos.device_id(),
        |_| {},
        move |_, answer| answer.items.retain(|item| !comes_after(item, &revoked)),
    );
    let report = moser.sync();
    let forks = moser.nahtlos.forks().unwrap();
    assert_eq!(forks.len(), 1, "{report:?}");
    assert_eq!(forks[0].space, person.to_string());
    assert!(forks[0].sentence.contains("not serve"), "{forks:?}");

    moser.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let report = moser.sync();
    assert_eq!(report.envelopes_delivered, 1, "{report:?}");
    berger.sync();
    assert_eq!(berger.journal(&number), moser.journal(&number));
    let noted = moser.nahtlos.acknowledge_incidents().unwrap();
    assert_eq!((noted.incidents, noted.forks), (1, 1), "{noted:?}");
    let (idle, pushed) = moser.sync_and_list_pushed(&world);
    assert_eq!((idle.requests, pushed.len()), (1, 0), "control: it rests");
    // Once a day, and when a person wants it, it is tried again.
    let tries = |home: &mut Home| {
        let (_, pushed) = home.sync_and_list_pushed(&world);
        pushed.iter().filter(|item| is_operation(item)).count()
    };
    moser.nahtlos.pull_everything_again().unwrap();
    assert_eq!((tries(&mut moser), tries(&mut moser)), (1, 0));
    moser.nahtlos.set_clock(Box::new(|| now_ms() + DAY_MS));
    assert_eq!((tries(&mut moser), tries(&mut moser)), (1, 0));

    // Who is served the log sees that it was joined, although Keller left the team: her institution is
    // her guardian.
    liar.is_honest();
    moser.nahtlos.pull_everything_again().unwrap();
    moser.sync();
    assert_eq!(moser.nahtlos.forks().unwrap(), []);
    let head = moser.nahtlos.log_head(&person);
    assert!(head.is_some());
    assert_eq!(head, huber.nahtlos.log_head(&person));
}

#[test]
fn a_false_word_that_a_fork_was_joined_already_is_not_believed_for_long() {
    let Office {
        mut world,
        mut berger,
        mut keller,
        number,
        ..
    } = office();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&SectionKind::Journal).unwrap();
    let begin_key = |world: &World, home: &mut Home| {
        let rotation = nahtlos_client::rotation::Rotation::Spaces(vec![journal]);
        let rotated = home
            .nahtlos
            .rotate_now(&mut world.transport(), &rotation, &mut |_| {});
        assert_eq!(rotated.unwrap().keys.rotated, 1);
    };
    let backup = world.back_up_relay();
    begin_key(&world, &mut berger);
    world.go_back_to(&backup);
    begin_key(&world, &mut keller);
    let liar = Liar::instead_of_the_relay_of(&mut world);
    let moved = (Status::Rejected, Some(VerdictCode::LogMoved));
    liar.lies_both_ways(
        berger.nahtlos.device_id(),
        |request| request.push.retain(|item| !is_operation(item)),
        move |said, answer| keep_back(said, answer, is_operation, moved),
    );
    let report = berger.sync();
    let forks = berger.nahtlos.forks().unwrap();
    assert_eq!(forks.len(), 1, "control: {report:?}");
    assert!(forks[0].sentence.contains("operator"), "{forks:?}");
    assert!(report.requests < 20, "{report:?}");
    let open = berger.nahtlos.acknowledge_incidents().unwrap_err();
    assert_eq!(open.code(), "incident_open");

    liar.is_honest();
    berger.sync();
    assert_eq!(berger.nahtlos.forks().unwrap(), []);
    assert_eq!(berger.nahtlos.acknowledge_incidents().unwrap().forks, 0);
}

/// Berger's edits, which the relay forgets.
fn with_lost_edits() -> (World, Home) {
    let mut world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.sync();
    let backup = world.back_up_relay();
    for entry in 1..=3 {
        berger.nahtlos.edit_case(&number, &[note(entry)]).unwrap();
        berger.sync();
    }
    world.go_back_to(&backup);
    (world, berger)
}

/// What was offered again and kept from the relay, which says that this is so.
fn refuse_offers(
    liar: &Liar,
    device: nahtlos_protocol::identifier::DeviceId,
    verdict: (Status, Option<VerdictCode>),
) {
    liar.lies_both_ways(
        device,
        |request| request.push.retain(|item| !is_offered_again(item)),
        move |said, answer| keep_back(said, answer, is_offered_again, verdict),
    );
}

#[test]
fn what_a_relay_refuses_for_good_is_noted_as_missing() {
    let (mut world, mut berger) = with_lost_edits();
    let liar = Liar::instead_of_the_relay_of(&mut world);
    let invalid = (Status::Rejected, Some(VerdictCode::Invalid));
    refuse_offers(&liar, berger.nahtlos.device_id(), invalid);
    berger.sync();
    let incident = berger.nahtlos.incidents().unwrap().pop().unwrap();
    assert_eq!((incident.refused, incident.waiting), (3, 0), "control");
    let noted = berger.nahtlos.acknowledge_incidents().unwrap();
    assert_eq!((noted.incidents, noted.refused), (1, 3));
    let incident = berger.nahtlos.incidents().unwrap().pop().unwrap();
    assert_eq!(incident.refused, 3, "it stays in the history");
    assert!(incident.acknowledged_at_ms.is_some());
}

#[test]
fn what_nobody_brought_the_rest_of_in_a_month_is_noted_as_missing_and_stays_on_offer() {
    let (mut world, mut berger) = with_lost_edits();
    let liar = Liar::instead_of_the_relay_of(&mut world);
    let lacks = (Status::MissingParents, None);
    refuse_offers(&liar, berger.nahtlos.device_id(), lacks);
    berger.sync();
    let (_, pushed) = berger.sync_and_list_pushed(&world);
    assert!(pushed.is_empty(), "control: nothing came since");
    let open = berger.nahtlos.acknowledge_incidents().unwrap_err();
    assert_eq!(open.code(), "incident_open", "others may bring it");
    berger
        .nahtlos
        .set_clock(Box::new(|| now_ms() + 31 * DAY_MS));
    let noted = berger.nahtlos.acknowledge_incidents().unwrap();
    assert_eq!((noted.incidents, noted.waiting), (1, 3));

    liar.is_honest();
    let (_, pushed) = berger.sync_and_list_pushed(&world);
    assert_eq!(
        pushed.iter().filter(|item| is_offered_again(item)).count(),
        3
    );
    let incident = berger.nahtlos.incidents().unwrap().pop().unwrap();
    assert_eq!((incident.taken_back, incident.waiting), (3, 0));
}

/// With each answer it serves something, so that what it lacks might be there now.
#[test]
fn a_relay_that_lacks_the_same_again_and_again_does_not_keep_a_device() {
    let (mut world, mut berger) = with_lost_edits();
    let liar = Liar::instead_of_the_relay_of(&mut world);
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let mut served: Option<Item> = None;
    // It would go on for ever: the test must not.
    let is_over = |requests: &AtomicUsize| requests.load(Ordering::SeqCst) > 60;
    let over = Arc::clone(&requests);
    let kept = move |item: &PushItem| is_offered_again(item) && !is_over(&over);
    let withheld = kept.clone();
    liar.lies_both_ways(
        berger.nahtlos.device_id(),
        move |request| request.push.retain(|item| !withheld(item)),
        move |said, answer| {
            keep_back(said, answer, &kept, (Status::MissingParents, None));
            if served.is_none() {
                served = answer.items.first().cloned();
            }
            if counted.fetch_add(1, Ordering::SeqCst) < 60 {
                answer.items.extend(served.clone());
            }
        },
    );
    let report = berger.sync();
    assert!(requests.load(Ordering::SeqCst) < 30, "{report:?}");
    assert!(
        report
            .notices
            .iter()
            .any(|notice| notice.contains("several times")),
        "{report:?}"
    );
    liar.is_honest();
    berger.sync();
    let incident = berger.nahtlos.incidents().unwrap().pop().unwrap();
    assert_eq!((incident.taken_back, incident.waiting), (3, 0));
}
