//! The round trip: what is pushed, what is judged, what comes back.

use nahtlos_protocol::identifier::{EnvelopeId, ItemId, SpaceId};
use nahtlos_protocol::space::{Draft, Operation, Role, SignedOperation};
use nahtlos_protocol::wire::{ItemKind, PushItem, Status, VerdictCode};

use crate::client::{Client, Setting, ids};
use crate::world::{TestDevice, push_envelope, push_item, seal};

fn rejected(code: VerdictCode) -> (Status, Option<VerdictCode>) {
    (Status::Rejected, Some(code))
}

#[test]
fn what_one_device_pushes_another_of_the_team_receives_with_its_wraps() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let b = setting.world.person(&b1, setting.a.institution);
    setting
        .world
        .add_member(&setting.a1, setting.a.team, b, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let section = setting.world.section(&setting.a1, setting.a.team);
    let envelope = setting.world.envelope(&setting.a1, section, 1, &[]);
    let mut push = setting.world.take();
    push.push(push_envelope(&envelope));
    setting.client.push(&setting.a1, push);

    let mut other = Client::new(setting.client.address, setting.client.relay);
    let (_, items) = other.sync(&b1, Vec::new());
    let received = ids(&items);
    assert!(received.contains(&envelope.id().into()));
    // Everything comes after what it needs, so replay never waits.
    let mut logs = crate::world::Logs::new();
    for item in items.iter().filter(|item| item.kind == ItemKind::Operation) {
        crate::world::replay(&mut logs, &item.bytes);
    }
    assert_eq!(
        logs[&section].head(),
        setting.world.logs[&section].head(),
        "the section's log"
    );
    // The team's wrap of the section comes along, and the person's wrap of the team; no others.
    let epoch_of = |space: SpaceId| {
        let operation = setting.world.logs[&space].operation(0).unwrap().id;
        let position = received.iter().position(|id| *id == operation.into());
        items[position.unwrap()].wraps.clone()
    };
    assert_eq!(epoch_of(section).len(), 1);
    assert_eq!(epoch_of(section)[0].recipient, setting.a.team.into());
    assert!(epoch_of(setting.a.team).is_empty(), "wrapped to B later");
    let wraps = |recipient: SpaceId| {
        let all = items.iter().flat_map(|item| &item.wraps);
        all.filter(|wrap| wrap.recipient == recipient.into())
            .count()
    };
    assert_eq!(wraps(b), 1);
    assert_eq!(wraps(setting.a.person), 0);
    // Nothing comes twice, and then nothing at all.
    let distinct: std::collections::BTreeSet<_> = received.iter().collect();
    assert_eq!(distinct.len(), received.len());
    assert!(other.sync(&b1, Vec::new()).1.is_empty());
}

#[test]
fn the_same_item_again_is_a_duplicate_with_the_earliest_receipt() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let envelope = push_envelope(&setting.world.envelope(&setting.a1, section, 1, &[]));
    let mut push = setting.world.take();
    push.push(envelope.clone());
    push.push(envelope);
    let (first, _) = setting.client.sync(&setting.a1, push.clone());
    let (again, _) = setting.client.sync(&setting.a1, push);
    let statuses: Vec<_> = first.iter().map(|result| result.status).collect();
    assert_eq!(
        statuses,
        [Status::Accepted, Status::Accepted, Status::Duplicate],
        "also within one push"
    );
    assert_eq!(first[1].receipt, first[2].receipt);
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(again.status, Status::Duplicate);
        assert_eq!(again.receipt, first.receipt);
    }
}

#[test]
fn of_two_operations_on_one_head_the_later_one_is_told_that_the_log_moved() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, _) = setting.second_institution(&b1);
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let mut draft = |role| {
        setting
            .world
            .member_draft(&setting.a1, section, b.team, role)
    };
    let (one, other) = (draft(Role::Read), draft(Role::Write));
    let prepare = |draft: Draft| {
        let prepared = setting.world.prepare(&setting.a1, draft, Some(section));
        push_item(&prepared)
    };
    let (one, other) = (prepare(one), prepare(other));
    let won = setting.client.push_one(&setting.a1, one);
    assert_eq!(won.status, Status::Accepted);
    let lost = setting.client.push_one(&setting.a1, other);
    assert_eq!((lost.status, lost.code), rejected(VerdictCode::LogMoved));
}

#[test]
fn an_edit_on_unknown_parents_names_them_and_the_rest_of_the_push_is_taken() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let first = setting.world.envelope(&setting.a1, section, 1, &[]);
    let second = setting
        .world
        .envelope(&setting.a1, section, 2, &[first.id()]);
    let unknown = setting
        .world
        .envelope(&setting.a1, section, 3, &[EnvelopeId([9; 32])]);
    let mut push = setting.world.take();
    push.extend([&unknown, &second, &first, &second].map(push_envelope));
    let (results, _) = setting.client.sync(&setting.a1, push);
    let told: Vec<_> = results[1..]
        .iter()
        .map(|result| (result.status, result.missing.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (Status::MissingParents, vec![ItemId([9; 32])]),
            (Status::MissingParents, vec![first.id().into()]),
            (Status::Accepted, vec![]),
            (Status::Accepted, vec![]),
        ]
    );
}

#[test]
fn a_parent_in_another_section_is_no_parent() {
    let mut setting = Setting::new();
    let (one, other) = (
        setting.world.section(&setting.a1, setting.a.team),
        setting.world.section(&setting.a1, setting.a.team),
    );
    let parent = setting.world.envelope(&setting.a1, one, 1, &[]);
    let child = setting
        .world
        .envelope(&setting.a1, other, 1, &[parent.id()]);
    let mut push = setting.world.take();
    push.extend([&parent, &child].map(push_envelope));
    let (results, _) = setting.client.sync(&setting.a1, push);
    assert_eq!(results[2].status, Status::Accepted);
    assert_eq!(results[3].status, Status::MissingParents);
}

#[test]
fn an_edit_under_an_older_epoch_is_told_to_seal_again() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let old = setting.world.envelope(&setting.a1, section, 1, &[]);
    let epoch = setting.world.epoch(&setting.a1);
    let draft = Draft::new().epoch(epoch);
    setting.world.act(&setting.a1, draft, Some(section));
    let new = setting.world.envelope(&setting.a1, section, 1, &[]);
    let mut push = setting.world.take();
    push.extend([&old, &new].map(push_envelope));
    let (results, _) = setting.client.sync(&setting.a1, push);
    assert_eq!(results[2].status, Status::StaleAccess);
    assert_eq!(results[3].status, Status::Accepted);
}

#[test]
fn an_edit_that_names_too_little_access_is_told_to_seal_again() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let mut header = setting.world.header(&setting.a1, section, 1);
    header.access_heads.retain(|head| head.space == section);
    // The section's founding refers to the path already, so this one is enough.
    let enough = seal(&setting.a1, &header);
    header.access_heads.clear();
    let nothing = seal(&setting.a1, &header);
    let mut push = setting.world.take();
    push.extend([&enough, &nothing].map(push_envelope));
    let (results, _) = setting.client.sync(&setting.a1, push);
    assert_eq!(results[1].status, Status::Accepted);
    let told = (results[2].status, results[2].code);
    assert_eq!(told, rejected(VerdictCode::Invalid));
}

#[test]
fn who_is_no_member_cannot_write_even_with_the_key() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, mut client) = setting.second_institution(&b1);
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    b1.hold(&setting.a1);
    let stolen = setting.world.envelope(&b1, section, 1, &[]);
    let told = client.push_one(&b1, push_envelope(&stolen));
    assert_eq!((told.status, told.code), rejected(VerdictCode::NotEntitled));
    // A reader cannot write either; a writer can.
    for (role, expected) in [
        (Role::Read, Status::Rejected),
        (Role::Write, Status::Accepted),
    ] {
        setting.world.add_member(&setting.a1, section, b.team, role);
        // A second grant needs no wrap: the team has one.
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
        let envelope = setting.world.envelope(&b1, section, 1, &[]);
        let told = client.push_one(&b1, push_envelope(&envelope));
        assert_eq!(told.status, expected);
    }
}

#[test]
fn swapped_missing_or_added_wraps_are_a_mismatch() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, _) = setting.second_institution(&b1);
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let draft = setting
        .world
        .member_draft(&setting.a1, section, b.team, Role::Read);
    let good = setting.world.prepare(&setting.a1, draft, Some(section));
    let mut swapped = good.clone();
    swapped.wraps[0].bytes[5] ^= 1;
    let mut missing = good.clone();
    missing.wraps.clear();
    let mut added = good.clone();
    added.wraps.push(added.wraps[0].clone());
    for bad in [swapped, missing, added] {
        let told = setting.client.push_one(&setting.a1, push_item(&bad));
        assert_eq!(
            (told.status, told.code),
            rejected(VerdictCode::WrapMismatch)
        );
    }
    let told = setting.client.push_one(&setting.a1, push_item(&good));
    assert_eq!(told.status, Status::Accepted);
}

#[test]
fn an_epoch_that_overlooks_a_newer_key_of_a_member_is_not_exact() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, _) = setting.second_institution(&b1);
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let draft = setting
        .world
        .member_draft(&setting.a1, section, b.team, Role::Read);
    let old = setting.world.prepare(&setting.a1, draft, Some(section));
    // Meanwhile B's team changes its key.
    let epoch = setting.world.epoch(&b1);
    setting
        .world
        .act(&b1, Draft::new().epoch(epoch), Some(b.team));
    let push = setting.world.take();
    let mut client = Client::new(setting.client.address, setting.client.relay);
    client.push(&b1, push);
    let told = setting.client.push_one(&setting.a1, push_item(&old));
    assert_eq!((told.status, told.code), rejected(VerdictCode::NotExact));
    setting
        .world
        .add_member(&setting.a1, section, b.team, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
}

#[test]
fn bad_bytes_are_refused_one_by_one_with_their_own_code() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let good = setting.world.envelope(&setting.a1, section, 1, &[]);
    let mut forged = good.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let state = setting.world.logs[&section].clone();
    let unsigned = |change: &dyn Fn(&mut Operation)| {
        let mut operation = Operation {
            version: 1,
            suite: 2,
            space: Some(section),
            index: state.length(),
            previous: state.head().map(|head| head.operation),
            author: setting.a1.id,
            claimed_at_ms: 0,
            references: Vec::new(),
            effects: Vec::new(),
        };
        change(&mut operation);
        let signed = SignedOperation::sign(operation, &setting.a1.keys.signing);
        PushItem::Operation {
            bytes: signed.bytes().to_vec(),
            wraps: Vec::new(),
            receipt: None,
        }
    };
    let envelope = |bytes: Vec<u8>| PushItem::Envelope {
        bytes,
        receipt: None,
    };
    let push = vec![
        envelope(b"nonsense".to_vec()),
        envelope(vec![0; nahtlos_protocol::limits::ENVELOPE_BYTES_MAX + 1]),
        envelope(forged),
        unsigned(&|operation| operation.version = 2),
        unsigned(&|_| {}),
        unsigned(&|operation| operation.index += 1),
        unsigned(&|operation| {
            let (envelopes, grants) = (Vec::new(), Vec::new());
            operation.effects = vec![nahtlos_protocol::space::Effect::Void { envelopes, grants }];
        }),
        push_envelope(&good),
    ];
    let (results, _) = setting.client.sync(&setting.a1, push);
    let told: Vec<_> = results
        .iter()
        .map(|result| (result.status, result.code))
        .collect();
    assert_eq!(
        told,
        [
            rejected(VerdictCode::Malformed),
            rejected(VerdictCode::TooLarge),
            rejected(VerdictCode::BadSignature),
            rejected(VerdictCode::NeedsNewer),
            rejected(VerdictCode::Invalid),
            (Status::MissingParents, None),
            rejected(VerdictCode::Invalid),
            (Status::Accepted, None),
        ]
    );
}

#[test]
fn a_device_belongs_to_one_person() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    setting.world.person(&b1, setting.a.institution);
    setting.world.person(&b1, setting.a.institution);
    let push = setting.world.take();
    let (results, _) = setting.client.sync(&setting.a1, push);
    assert_eq!(results[0].status, Status::Accepted);
    let told = (results[1].status, results[1].code);
    assert_eq!(told, rejected(VerdictCode::Invalid));
}

#[test]
fn a_long_backlog_comes_in_pages_each_item_once() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let mut push = setting.world.take();
    let mut edits: Vec<ItemId> = Vec::new();
    for number in 1..=40 {
        let envelope = setting.world.envelope(&setting.a1, section, number, &[]);
        edits.push(envelope.id().into());
        push.push(push_envelope(&envelope));
    }
    setting.client.push(&setting.a1, push);
    let mut reader = Client::new(setting.client.address, setting.client.relay);
    let (mut pages, mut received) = (0, Vec::new());
    loop {
        let answer = reader.request(&setting.a1, Vec::new(), 4_000);
        let response = crate::client::read_response(&answer);
        received.extend(ids(&response.items));
        reader.cursor = response.cursor;
        pages += 1;
        if !response.more {
            break;
        }
        assert!(!response.items.is_empty(), "a page always brings something");
    }
    assert!(pages > 5, "{pages} pages");
    let times = |item: &ItemId| received.iter().filter(|id| *id == item).count();
    assert!(edits.iter().all(|edit| times(edit) == 1));
    let log = &setting.world.logs[&section];
    assert_eq!(times(&log.head().unwrap().operation.into()), 1);
}

#[test]
fn an_edit_of_somebody_admitted_in_the_same_push_is_verified_too() {
    let mut setting = Setting::new();
    let section = setting.world.section(&setting.a1, setting.a.team);
    let d1 = TestDevice::new(4);
    let d = setting.world.person(&d1, setting.a.institution);
    setting
        .world
        .add_member(&setting.a1, setting.a.team, d, Role::Write);
    d1.hold(&setting.a1);
    let good = setting.world.envelope(&d1, section, 1, &[]);
    let mut forged = good.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut push = setting.world.take();
    push.push(PushItem::Envelope {
        bytes: forged,
        receipt: None,
    });
    push.push(push_envelope(&good));
    let (results, _) = setting.client.sync(&setting.a1, push);
    let told = (results[3].status, results[3].code);
    assert_eq!(told, rejected(VerdictCode::BadSignature));
    assert_eq!(results[4].status, Status::Accepted);
}
