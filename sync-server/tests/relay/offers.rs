//! What a relay that went back has lost is offered again.

use std::path::{Path, PathBuf};

use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::effect::HealedOperation;
use nahtlos_protocol::space::{Draft, Effect, Prepared, Role};
use nahtlos_protocol::wire::{Item, JournalMark, PushItem, Receipt, Status, VerdictCode};
use nahtlos_relay::RunningRelay;

use crate::client::{Client, Setting, config, ids};
use crate::durability::run;
use crate::ends::{colleague, edit, envelopes, fresh, removal, remove, section};
use crate::world::{Institution, TestDevice, push_envelope, push_item};

fn data(setting: &Setting) -> PathBuf {
    setting.directory.path().join("data")
}

/// A copy of the running relay's database, as `backup` makes it.
pub fn back_up(setting: &Setting) -> PathBuf {
    back_up_as(setting, "backup.sqlite")
}

fn back_up_as(setting: &Setting, name: &str) -> PathBuf {
    let to = setting.directory.path().join(name);
    let data = data(setting);
    let arguments = [
        "backup",
        "--data",
        data.to_str().unwrap(),
        "--to",
        to.to_str().unwrap(),
    ];
    assert_eq!(run(&arguments).0, Some(0));
    to
}

/// A copy of the database's file, made while the relay was down: nothing marks it as one.
fn raw_copy(setting: &mut Setting) -> PathBuf {
    setting.relay.take().unwrap().stop();
    let copy = setting.directory.path().join("raw.sqlite");
    std::fs::copy(data(setting).join("relay.sqlite"), &copy).unwrap();
    let relay = RunningRelay::start(config(&setting.directory)).unwrap();
    setting.client.address = relay.address;
    setting.relay = Some(relay);
    copy
}

/// Starts the relay on a copy of its database.
pub fn restore(setting: &mut Setting, copy: &Path) {
    setting.relay.take().unwrap().stop();
    let data = data(setting);
    for name in ["relay.sqlite-wal", "relay.sqlite-shm"] {
        let _not_there = std::fs::remove_file(data.join(name));
    }
    std::fs::copy(copy, data.join("relay.sqlite")).unwrap();
    let relay = RunningRelay::start(config(&setting.directory)).unwrap();
    setting.client.address = relay.address;
    setting.relay = Some(relay);
}

fn check(setting: &Setting) {
    let data = data(setting);
    let (code, _, error) = run(&["check", "--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{error}");
}

pub fn offered(item: &PushItem, own: &Receipt) -> PushItem {
    let mut item = item.clone();
    match &mut item {
        PushItem::Operation { receipt, .. } | PushItem::Envelope { receipt, .. } => {
            *receipt = Some(own.clone());
        }
        PushItem::Question { .. } => panic!("a question has no receipt"),
    }
    item
}

/// Pushes one item and returns its receipt.
pub fn receipted(client: &mut Client, device: &TestDevice, item: &PushItem) -> Receipt {
    let result = client.push_one(device, item.clone());
    assert_eq!(result.status, Status::Accepted, "{result:?}");
    result.receipt.unwrap()
}

fn find(items: &[Item], id: ItemId) -> &Item {
    let position = ids(items).iter().position(|found| *found == id).unwrap();
    &items[position]
}

/// A section of A's team that B's team writes, and a backup of that.
struct Case {
    setting: Setting,
    section: SpaceId,
    b1: TestDevice,
    b: Institution,
    b_client: Client,
    backup: PathBuf,
}

impl Case {
    fn new() -> Self {
        let mut setting = Setting::new();
        let b1 = TestDevice::new(2);
        let (b, mut b_client) = setting.second_institution(&b1);
        let section = section(&mut setting);
        setting
            .world
            .add_member(&setting.a1, section, b.team, Role::Write);
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
        b1.hold(&setting.a1);
        b_client.sync(&b1, Vec::new());
        let backup = back_up(&setting);
        Self {
            setting,
            section,
            b1,
            b,
            b_client,
            backup,
        }
    }

    /// A removes B from the section and begins a new epoch; not pushed yet.
    fn removal(&mut self) -> Prepared {
        let epoch = self.setting.world.epoch(&self.setting.a1);
        let draft = Draft::new()
            .effect(removal(self.b.team.into()))
            .epoch(epoch);
        let a1 = &self.setting.a1;
        self.setting.world.prepare(a1, draft, Some(self.section))
    }

    fn restore(&mut self) {
        let backup = self.backup.clone();
        restore(&mut self.setting, &backup);
        self.b_client.address = self.setting.client.address;
    }
}

#[test]
fn after_a_restore_an_edit_from_before_a_removal_returns_to_its_place() {
    let mut case = Case::new();
    let written = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 1, &[]));
    let unseen = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 2, &[]));
    let edit_receipt = receipted(&mut case.b_client, &case.b1, &written);
    let removal = case.removal();
    let removed = push_item(&removal);
    let setting = &mut case.setting;
    let removal_receipt = receipted(&mut setting.client, &setting.a1, &removed);
    let old = setting.client.mark.unwrap();
    case.restore();

    let setting = &mut case.setting;
    setting.client.sync(&setting.a1, Vec::new());
    let new = setting.client.mark.unwrap();
    assert!(new.journal > old.journal);
    assert_eq!(new.began_after, new.sequence);
    assert!(new.began_after < edit_receipt.sequence);
    // The removal first; then the edit that came before it.
    let offers = vec![
        offered(&removed, &removal_receipt),
        offered(&written, &edit_receipt),
        offered(&unseen, &edit_receipt),
    ];
    let (results, _) = setting.client.sync(&setting.a1, offers);
    assert_eq!(results[0].status, Status::Accepted);
    assert_eq!(results[0].receipt, Some(removal_receipt.clone()));
    assert_eq!(results[1].status, Status::Accepted);
    assert_eq!(results[1].receipt, Some(edit_receipt.clone()));
    // The control: another item under that receipt is an edit of somebody removed.
    assert_eq!(
        (results[2].status, results[2].code),
        (Status::Held, Some(VerdictCode::AccessEnded))
    );
    assert_eq!(results[2].receipt.as_ref().unwrap().journal, new.journal);
    let items = fresh(setting).sync(&setting.a1, Vec::new()).1;
    let returned = find(&items, results[1].id);
    assert_eq!(returned.receipt, edit_receipt);
    assert_eq!(find(&items, results[0].id).receipt, removal_receipt);
    // B learns again that it was removed.
    let seen = ids(&case.b_client.sync(&case.b1, Vec::new()).1);
    assert!(seen.is_empty() || seen == [results[0].id]);
    let seen = ids(&fresh(setting).sync(&case.b1, Vec::new()).1);
    assert!(seen.contains(&results[0].id));
    check(setting);
    setting.restart();
    let (again, _) = setting
        .client
        .sync(&setting.a1, vec![offered(&written, &edit_receipt)]);
    assert_eq!(again[0].status, Status::Duplicate);
    assert_eq!(again[0].receipt, Some(edit_receipt));
}

#[test]
fn what_was_held_returns_to_the_held_lane() {
    let mut case = Case::new();
    let late = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 1, &[]));
    let removal = case.removal();
    let removed = push_item(&removal);
    let setting = &mut case.setting;
    let removal_receipt = receipted(&mut setting.client, &setting.a1, &removed);
    let held = case.b_client.push_one(&case.b1, late.clone());
    assert_eq!(held.status, Status::Held);
    let held_receipt = held.receipt.unwrap();
    case.restore();
    let offers = vec![
        offered(&removed, &removal_receipt),
        offered(&late, &held_receipt),
    ];
    let setting = &mut case.setting;
    let (results, _) = setting.client.sync(&setting.a1, offers);
    assert_eq!(results[0].status, Status::Accepted);
    assert_eq!(results[1].status, Status::Held);
    assert_eq!(results[1].receipt, Some(held_receipt));
}

/// Whoever lost the answer to it has no receipt, and hands it in again before anybody offers it with one.
#[test]
fn what_came_back_without_its_receipt_gets_it_and_leaves_the_held_lane() {
    let mut case = Case::new();
    let written = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 1, &[]));
    let late = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 2, &[]));
    let edit_receipt = receipted(&mut case.b_client, &case.b1, &written);
    let removal = case.removal();
    let removed = push_item(&removal);
    let setting = &mut case.setting;
    let removal_receipt = receipted(&mut setting.client, &setting.a1, &removed);
    let late_receipt = case.b_client.push_one(&case.b1, late.clone()).receipt;
    case.restore();

    let setting = &mut case.setting;
    let removed_anew = receipted(&mut setting.client, &setting.a1, &removed);
    assert_ne!(removed_anew, removal_receipt, "control");
    for item in [&written, &late] {
        let held = case.b_client.push_one(&case.b1, item.clone());
        let code = Some(VerdictCode::AccessEnded);
        assert_eq!((held.status, held.code), (Status::Held, code));
    }
    let mut other = fresh(setting);
    let served = envelopes(&other.sync(&setting.a1, Vec::new()).1);
    assert_eq!(served.len(), 2, "control: a manager sees what is held");

    let offers = vec![
        offered(&removed, &removal_receipt),
        offered(&written, &edit_receipt),
        offered(&late, &late_receipt.clone().unwrap()),
    ];
    let (results, _) = setting.client.sync(&setting.a1, offers);
    let told: Vec<_> = results.iter().map(|one| (one.status, one.code)).collect();
    let after_the_end = Some(VerdictCode::AccessEnded);
    assert_eq!(
        told,
        [
            (Status::Duplicate, None),
            (Status::Duplicate, None),
            (Status::Duplicate, after_the_end)
        ],
        "what came after the end stays held"
    );
    let earlier = [Some(removal_receipt), Some(edit_receipt), late_receipt];
    for (result, receipt) in results.iter().zip(&earlier) {
        assert_eq!(&result.receipt, receipt);
    }
    // Who had them hears of the earlier receipts, and so does who comes later.
    let seen = other.sync(&setting.a1, Vec::new()).1;
    let new = fresh(setting).sync(&setting.a1, Vec::new()).1;
    for items in [seen, new] {
        for (result, receipt) in results.iter().zip(&earlier) {
            let found = &find(&items, result.id).receipt;
            assert_eq!(Some(found), receipt.as_ref());
        }
    }
    check(setting);
    setting.restart();
    let offers = vec![offered(&written, earlier[1].as_ref().unwrap())];
    let (again, _) = setting.client.sync(&setting.a1, offers);
    assert_eq!((again[0].status, again[0].code), (Status::Duplicate, None));
    assert_eq!(again[0].receipt, earlier[1]);
    other.address = setting.client.address;
    let served = other.sync(&setting.a1, Vec::new()).1;
    assert!(served.is_empty(), "once: {:?}", ids(&served));
}

#[test]
fn each_device_brings_back_its_own_wraps() {
    let mut case = Case::new();
    let epoch = case.setting.world.epoch(&case.setting.a1);
    let draft = Draft::new().epoch(epoch);
    let a1 = &case.setting.a1;
    let prepared = case.setting.world.prepare(a1, draft, Some(case.section));
    assert_eq!(prepared.wraps.len(), 2);
    let item = push_item(&prepared);
    let receipt = receipted(&mut case.setting.client, &case.setting.a1, &item);
    case.restore();
    let setting = &mut case.setting;
    let with = |wraps: &[nahtlos_protocol::space::Wrap]| PushItem::Operation {
        bytes: prepared.operation.bytes().to_vec(),
        wraps: wraps.to_vec(),
        receipt: Some(receipt.clone()),
    };
    let (own, of_b): (Vec<_>, Vec<_>) = prepared
        .wraps
        .iter()
        .cloned()
        .partition(|wrap| wrap.recipient == setting.a.team.into());
    let mut foreign = own.clone();
    foreign[0].bytes[3] ^= 1;
    let (results, _) = setting.client.sync(
        &setting.a1,
        vec![with(&foreign), with(&own), with(&foreign), with(&of_b)],
    );
    let told: Vec<_> = results
        .iter()
        .map(|result| (result.status, result.code))
        .collect();
    let mismatch = (Status::Rejected, Some(VerdictCode::WrapMismatch));
    assert_eq!(
        told,
        [
            mismatch,
            (Status::Accepted, None),
            mismatch,
            (Status::Duplicate, None)
        ]
    );
    for (device, expected) in [(&setting.a1, &own), (&case.b1, &of_b)] {
        let items = fresh(setting).sync(device, Vec::new()).1;
        assert_eq!(&find(&items, results[1].id).wraps, expected);
    }
}

#[test]
fn a_log_that_forked_is_healed_by_somebody_without_any_right() {
    let mut case = Case::new();
    // D was in A's team: no device of an institution any more, but once enrolled.
    let d1 = TestDevice::new(4);
    let d = colleague(&mut case.setting, &d1);
    let team = case.setting.a.team;
    remove(&mut case.setting, team, d.into());
    std::fs::remove_file(&case.backup).unwrap();
    case.backup = back_up(&case.setting);
    let lost = case.removal();
    let setting = &mut case.setting;
    let receipt = receipted(&mut setting.client, &setting.a1, &push_item(&lost));
    case.restore();
    // Somebody who does not know takes the place.
    let setting = &mut case.setting;
    let e1 = TestDevice::new(5);
    let e = setting.world.person(&e1, setting.a.institution);
    let add = setting.world.add(e, Role::Administer);
    setting
        .world
        .act(&setting.a1, Draft::new().effect(add), Some(case.section));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let told = setting
        .client
        .push_one(&setting.a1, offered(&push_item(&lost), &receipt));
    assert_eq!(
        (told.status, told.code),
        (Status::Rejected, Some(VerdictCode::LogMoved))
    );

    let heal = |receipt: &Receipt| {
        let branch = vec![HealedOperation {
            operation: lost.operation.bytes().to_vec(),
            receipt: codec::encode(receipt),
        }];
        Draft::new()
            .effect(Effect::Heal { branch })
            .after(setting.network)
    };
    let healing = setting
        .world
        .prepare(&d1, heal(&receipt), Some(case.section));
    let mut d_client = fresh(setting);
    let told = d_client.push_one(&d1, push_item(&healing));
    assert_eq!(told.status, Status::Accepted, "{told:?}");
    let healed: ItemId = told.id;
    // B is removed by it, and told so.
    setting
        .world
        .logs
        .insert(case.section, healing.state.clone().into());
    let seen = fresh(setting).sync(&case.b1, Vec::new()).1;
    assert!(ids(&seen).contains(&healed));
    let after = edit(setting, case.section, 1);
    assert!(envelopes(&fresh(setting).sync(&case.b1, Vec::new()).1).is_empty());
    let all = envelopes(&fresh(setting).sync(&setting.a1, Vec::new()).1);
    assert!(all.contains(&after));
    check(setting);
}

#[test]
fn a_database_that_went_back_by_itself_begins_a_new_journal_at_once() {
    let mut setting = Setting::new();
    let section = section(&mut setting);
    edit(&mut setting, section, 1);
    // The control: a restart alone changes nothing.
    let before = setting.client.mark.unwrap();
    setting.restart();
    setting.client.sync(&setting.a1, Vec::new());
    assert_eq!(setting.client.mark, Some(before));
    let copy = raw_copy(&mut setting);
    let lost = push_envelope(&setting.world.envelope(&setting.a1, section, 2, &[]));
    let receipt = receipted(&mut setting.client, &setting.a1, &lost);
    let ahead = setting.client.mark.unwrap();
    restore(&mut setting, &copy);

    let other = push_envelope(&setting.world.envelope(&setting.a1, section, 3, &[]));
    let next = receipted(&mut setting.client, &setting.a1, &other);
    let mark = setting.client.mark.unwrap();
    assert!(mark.journal > ahead.journal && next.journal == mark.journal);
    assert_eq!(mark.began_after, 0, "nobody knows when the copy was made");
    assert_eq!(setting.relay.as_ref().unwrap().journal_renewals(), 1);
    let back = setting
        .client
        .push_one(&setting.a1, offered(&lost, &receipt));
    assert_eq!(
        (back.status, back.receipt),
        (Status::Accepted, Some(receipt))
    );
    // On the word of a device it is not done again and again.
    setting.client.mark = Some(JournalMark {
        sequence: u64::MAX >> 1,
        ..mark
    });
    setting.client.sync(&setting.a1, Vec::new());
    assert_eq!(setting.client.mark.unwrap().journal, mark.journal);
    assert_eq!(setting.relay.as_ref().unwrap().journal_renewals(), 1);
    check(&setting);
}

#[test]
fn the_word_of_somebody_who_has_left_begins_no_new_journal() {
    let mut setting = Setting::new();
    let d1 = TestDevice::new(4);
    let person = colleague(&mut setting, &d1);
    let mut client = fresh(&setting);
    client.sync(&d1, Vec::new());
    let team = setting.a.team;
    remove(&mut setting, team, person.into());
    setting.client.sync(&setting.a1, Vec::new());
    let mark = setting.client.mark.unwrap();
    let ahead = JournalMark {
        sequence: mark.sequence + 1_000,
        ..mark
    };
    client.mark = Some(ahead);
    client.sync(&d1, Vec::new());
    assert_eq!(client.mark.unwrap().journal, mark.journal);
    setting.client.mark = Some(ahead);
    setting.client.sync(&setting.a1, Vec::new());
    assert_ne!(
        setting.client.mark.unwrap().journal,
        mark.journal,
        "control"
    );
}

#[test]
fn a_receipt_for_a_number_still_to_come_proves_that_the_database_went_back() {
    let mut setting = Setting::new();
    let section = section(&mut setting);
    let copy = raw_copy(&mut setting);
    let lost = push_envelope(&setting.world.envelope(&setting.a1, section, 2, &[]));
    let receipt = receipted(&mut setting.client, &setting.a1, &lost);
    restore(&mut setting, &copy);
    setting.client.mark = None;
    let back = setting
        .client
        .push_one(&setting.a1, offered(&lost, &receipt));
    assert_eq!(back.status, Status::Accepted);
    assert!(setting.client.mark.unwrap().journal > receipt.journal);
    assert_eq!(back.receipt, Some(receipt));
}

/// The copy went on for a while before somebody came who had a receipt from before.
#[test]
fn a_receipt_for_what_the_journal_does_not_have_proves_that_the_database_went_back() {
    let mut setting = Setting::new();
    let section = section(&mut setting);
    let copy = raw_copy(&mut setting);
    let lost = push_envelope(&setting.world.envelope(&setting.a1, section, 1, &[]));
    let receipt = receipted(&mut setting.client, &setting.a1, &lost);
    restore(&mut setting, &copy);
    setting.client.mark = None;
    let next = push_envelope(&setting.world.envelope(&setting.a1, section, 2, &[]));
    let next_receipt = receipted(&mut setting.client, &setting.a1, &next);
    let (known, _) = setting
        .client
        .sync(&setting.a1, vec![offered(&next, &next_receipt)]);
    assert_eq!(known[0].status, Status::Duplicate);
    let mark = setting.client.mark.unwrap();
    assert_eq!(
        (mark.journal, mark.sequence),
        (receipt.journal, receipt.sequence),
        "control: the number was given a second time"
    );
    let back = setting
        .client
        .push_one(&setting.a1, offered(&lost, &receipt));
    assert_eq!(back.receipt, Some(receipt), "its old place");
    assert!(setting.client.mark.unwrap().journal > mark.journal);
}

/// Readers ask of a late edit whether it was received before its author's right ended, by the places of
/// both. Numbered in a journal that had ended, it would seem to come before an end from a later one.
#[test]
fn a_receipt_of_a_later_journal_proves_that_the_one_here_had_ended() {
    let mut case = Case::new();
    let late = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 1, &[]));
    let raw = raw_copy(&mut case.setting);
    let ended = case.setting.client.mark.unwrap().journal;
    case.restore();
    let removed = push_item(&case.removal());
    let setting = &mut case.setting;
    let removal_receipt = receipted(&mut setting.client, &setting.a1, &removed);
    assert!(removal_receipt.journal > ended, "control");

    restore(setting, &raw);
    case.b_client.address = setting.client.address;
    setting.client.mark = None;
    setting.client.sync(&setting.a1, Vec::new());
    assert_eq!(setting.client.mark.unwrap().journal, ended, "control");
    let back = setting
        .client
        .push_one(&setting.a1, offered(&removed, &removal_receipt));
    assert_eq!(back.receipt, Some(removal_receipt.clone()));
    let held = case.b_client.push_one(&case.b1, late);
    assert_eq!(held.status, Status::Held);
    assert!(held.receipt.unwrap().place() > removal_receipt.place());
}

/// Restored twice: the second time from a backup that was made after the first. A device that heard
/// of neither must offer what the first restore had lost.
#[test]
fn after_two_restores_the_mark_covers_what_either_has_lost() {
    let mut case = Case::new();
    let lost = push_envelope(&case.setting.world.envelope(&case.b1, case.section, 1, &[]));
    let receipt = receipted(&mut case.b_client, &case.b1, &lost);
    case.restore();
    let setting = &mut case.setting;
    setting.client.sync(&setting.a1, Vec::new());
    let first = setting.client.mark.unwrap();
    assert_eq!(
        first.began_after, first.sequence,
        "control: the gap is exact"
    );
    // The numbers given since reach beyond the lost one.
    for number in 2..6 {
        let edit = setting
            .world
            .envelope(&setting.a1, case.section, number, &[]);
        receipted(&mut setting.client, &setting.a1, &push_envelope(&edit));
    }
    case.backup = back_up_as(&case.setting, "second.sqlite");
    case.restore();
    let setting = &mut case.setting;
    setting.client.sync(&setting.a1, Vec::new());
    let second = setting.client.mark.unwrap();
    assert!(second.journal > first.journal);
    assert!(second.sequence >= receipt.sequence, "control");
    assert!(second.began_after < receipt.sequence, "{second:?}");
    check(setting);
}
