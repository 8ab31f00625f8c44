//! Who manages a closed section says that it is erased: the relay drops what it has of it, for good.

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, SpaceId};
use nahtlos_protocol::space::{Draft, Effect, Role};
use nahtlos_protocol::wire::{Item, ItemResult, PushItem, Status, VerdictCode};

use crate::client::{Client, Setting, ids};
use crate::ends::{colleague, edit, envelopes, fresh, removal, section};
use crate::offers::{back_up, offered, receipted, restore};
use crate::world::{TestDevice, push_envelope, seal};

fn told(result: &ItemResult) -> (Status, Option<VerdictCode>) {
    (result.status, result.code)
}

const NOT_ENTITLED: (Status, Option<VerdictCode>) =
    (Status::Rejected, Some(VerdictCode::NotEntitled));

/// A section that A's team manages and B's team writes, with one edit of each; D, a colleague of A's, writes
/// through the team.
struct Case {
    setting: Setting,
    section: SpaceId,
    b1: TestDevice,
    b_client: Client,
    d1: TestDevice,
    d_client: Client,
    by_a: ItemId,
    by_b: Envelope,
    by_b_pushed: PushItem,
}

impl Case {
    fn new() -> Self {
        let mut setting = Setting::new();
        let (b1, d1) = (TestDevice::new(2), TestDevice::new(4));
        let (b, mut b_client) = setting.second_institution(&b1);
        let section = section(&mut setting);
        setting
            .world
            .add_member(&setting.a1, section, b.team, Role::Write);
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
        colleague(&mut setting, &d1);
        let by_a = edit(&mut setting, section, 1);
        for device in [&b1, &d1] {
            device.hold(&setting.a1);
        }
        b_client.sync(&b1, Vec::new());
        let by_b = setting
            .world
            .envelope(&b1, section, 1, &[EnvelopeId(by_a.0)]);
        let pushed = push_envelope(&by_b);
        let receipt = receipted(&mut b_client, &b1, &pushed);
        let by_b_pushed = offered(&pushed, &receipt);
        let mut d_client = fresh(&setting);
        d_client.sync(&d1, Vec::new());
        Self {
            setting,
            section,
            b1,
            b_client,
            d1,
            d_client,
            by_a,
            by_b,
            by_b_pushed,
        }
    }

    fn close(&mut self) -> PushItem {
        let (setting, section) = (&mut self.setting, self.section);
        let close = Draft::new().effect(Effect::Close {});
        setting.world.act(&setting.a1, close, Some(section));
        let push = setting.world.take().remove(0);
        let receipt = receipted(&mut setting.client, &setting.a1, &push);
        offered(&push, &receipt)
    }

    fn closed() -> Self {
        let mut case = Self::new();
        case.close();
        case
    }

    /// By the device of this number, as it knows the section now.
    fn erasure(&mut self, by: u8, number: u64) -> Envelope {
        let by = TestDevice::new(by);
        by.hold(&self.setting.a1);
        let mut header = self.setting.world.header(&by, self.section, number);
        header.kind = EnvelopeKind::Erasure;
        seal(&by, &header)
    }

    /// A says that the section is erased; returns what offers it again.
    fn erase(&mut self) -> PushItem {
        let erasure = self.erasure(1, 9);
        let pushed = push_envelope(&erasure);
        let receipt = receipted(&mut self.setting.client, &self.setting.a1, &pushed);
        offered(&pushed, &receipt)
    }

    /// What somebody of B's who begins with nothing is served.
    fn all_for_b(&self) -> Vec<Item> {
        fresh(&self.setting).sync(&self.b1, Vec::new()).1
    }

    fn wraps_for_b(&self) -> usize {
        let log: Vec<ItemId> = (0..self.setting.world.logs[&self.section].length())
            .filter_map(|index| self.setting.world.logs[&self.section].operation(index))
            .map(|record| record.id.into())
            .collect();
        let items = self.all_for_b();
        let known = ids(&items);
        assert!(log.iter().all(|id| known.contains(id)), "the whole log");
        let of_section = items.iter().zip(&known).filter(|(_, id)| log.contains(id));
        of_section.map(|(item, _)| item.wraps.len()).sum()
    }
}

#[test]
fn who_manages_a_closed_section_erases_what_the_relay_has_of_it_but_the_log() {
    let mut case = Case::closed();
    assert_eq!(
        envelopes(&case.all_for_b()),
        [case.by_a, case.by_b.id().into()]
    );
    assert!(case.wraps_for_b() > 0, "control");
    case.erase();
    let seen = envelopes(&case.b_client.sync(&case.b1, Vec::new()).1);
    assert_eq!(seen.len(), 1, "all who read it are told");
    assert_eq!(
        envelopes(&case.all_for_b()),
        seen,
        "and nothing else is there"
    );
    assert_eq!(case.wraps_for_b(), 0);
    case.setting.restart();
    assert_eq!(envelopes(&case.all_for_b()), seen);
    assert_eq!(case.wraps_for_b(), 0);
}

#[test]
fn nobody_else_erases_a_section_and_nobody_an_open_one() {
    let mut case = Case::new();
    let before = case.erasure(1, 9);
    let push = |case: &mut Case, erasure: &Envelope| {
        let (a1, client) = (&case.setting.a1, &mut case.setting.client);
        told(&client.push_one(a1, push_envelope(erasure)))
    };
    assert_eq!(push(&mut case, &before), NOT_ENTITLED, "it is open");
    case.close();
    assert_eq!(
        push(&mut case, &before),
        NOT_ENTITLED,
        "it names no closing"
    );
    // B writes and manages nothing; whoever pushes it.
    let by_b = case.erasure(2, 2);
    let answer = case.b_client.push_one(&case.b1, push_envelope(&by_b));
    assert_eq!(told(&answer), NOT_ENTITLED);
    assert_eq!(push(&mut case, &by_b), NOT_ENTITLED);
    // B signs in A's name.
    let forged = {
        let a1 = &case.setting.a1;
        let mut header = case.setting.world.header(a1, case.section, 9);
        header.kind = EnvelopeKind::Erasure;
        seal(&case.b1, &header)
    };
    let answer = case.b_client.push_one(&case.b1, push_envelope(&forged));
    let bad_signature = (Status::Rejected, Some(VerdictCode::BadSignature));
    assert_eq!(told(&answer), bad_signature);
    assert_eq!(envelopes(&case.all_for_b()).len(), 2, "all is there still");
    assert!(case.wraps_for_b() > 0);
}

#[test]
fn who_managed_it_once_erases_nothing_any_more() {
    let mut case = Case::closed();
    let by_d = case.erasure(4, 1);
    let setting = &mut case.setting;
    let d = setting.world.logs[&setting.a.team]
        .grants()
        .last()
        .unwrap()
        .member;
    let team = setting.a.team;
    let epoch = setting.world.epoch(&setting.a1);
    let remove = Draft::new().effect(removal(d.recipient())).epoch(epoch);
    setting.world.act(&setting.a1, remove, Some(team));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    // It is taken for what it may say: that D's own copy is gone.
    let answer = case.d_client.push_one(&case.d1, push_envelope(&by_d));
    assert_eq!(told(&answer), (Status::Accepted, None));
    assert_eq!(envelopes(&case.all_for_b()).len(), 3);
    assert!(case.wraps_for_b() > 0);
}

#[test]
fn nothing_of_an_erased_section_is_taken_in_again_but_words_about_its_erasure() {
    let mut case = Case::new();
    let late = case
        .setting
        .world
        .envelope(&case.b1, case.section, 2, &[case.by_b.id()]);
    case.close();
    case.erase();
    let again = case.by_b_pushed.clone();
    let answer = case.b_client.push_one(&case.b1, again);
    assert_eq!(answer.status, Status::Duplicate, "its id is known");
    let answer = case.b_client.push_one(&case.b1, push_envelope(&late));
    assert_eq!(told(&answer), NOT_ENTITLED);
    assert_eq!(envelopes(&case.all_for_b()).len(), 1);

    let mut said = Vec::new();
    for number in 3..11 {
        let receipt = case.erasure(2, number);
        let answer = case.b_client.push_one(&case.b1, push_envelope(&receipt));
        assert_eq!(told(&answer), (Status::Accepted, None), "{number}");
        said.push(ItemId::from(receipt.id()));
    }
    let one_more = case.erasure(2, 11);
    let answer = case.b_client.push_one(&case.b1, push_envelope(&one_more));
    let quota = (Status::Rejected, Some(VerdictCode::Quota));
    assert_eq!(told(&answer), quota);
    let (a1, client) = (&case.setting.a1, &mut case.setting.client);
    let seen = envelopes(&client.sync(a1, Vec::new()).1);
    assert!(said.iter().all(|id| seen.contains(id)), "managers see them");
}

#[test]
fn a_relay_that_went_back_behind_the_erasure_carries_it_out_again() {
    let mut case = Case::new();
    let backup = back_up(&case.setting);
    let close = case.close();
    let erasure = case.erase();
    restore(&mut case.setting, &backup);
    case.b_client.address = case.setting.client.address;
    assert_eq!(envelopes(&case.all_for_b()).len(), 2, "all is there again");
    // Whoever holds the word offers it again with its receipt, and first what it comes after.
    let answer = case.b_client.push_one(&case.b1, erasure.clone());
    assert_eq!(answer.status, Status::MissingParents);
    for item in [close, erasure] {
        let answer = case.b_client.push_one(&case.b1, item);
        assert_eq!(told(&answer), (Status::Accepted, None));
    }
    assert_eq!(envelopes(&case.all_for_b()).len(), 1);
    assert_eq!(case.wraps_for_b(), 0);
}
