//! The held lane: who could write when they wrote, and cannot any more.

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, KeyId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::{Draft, Effect, Role};
use nahtlos_protocol::wire::{ItemResult, PushItem, Status, VerdictCode};

use crate::client::{Client, Setting};
use crate::ends::{colleague, edit, envelopes, fresh, removal, remove, section};
use crate::world::{Institution, TestDevice, push_envelope, seal};

fn told(result: &ItemResult) -> (Status, Option<VerdictCode>) {
    (result.status, result.code)
}

const ENDED: (Status, Option<VerdictCode>) = (Status::Held, Some(VerdictCode::AccessEnded));

fn rejected(code: VerdictCode) -> (Status, Option<VerdictCode>) {
    (Status::Rejected, Some(code))
}

/// A section that A's team manages, B's team and D (a person of A's institution) write, and what D
/// wrote offline before A ended D's grant.
struct Case {
    setting: Setting,
    section: SpaceId,
    b1: TestDevice,
    b: Institution,
    b_client: Client,
    d1: TestDevice,
    d_client: Client,
    base: ItemId,
    offline: Vec<Envelope>,
}

impl Case {
    /// D's offline edits: two in a row.
    fn new() -> Self {
        let mut setting = Setting::new();
        let (b1, d1) = (TestDevice::new(2), TestDevice::new(4));
        let (b, mut b_client) = setting.second_institution(&b1);
        let d = colleague(&mut setting, &d1);
        let section = section(&mut setting);
        for member in [b.team, d] {
            setting
                .world
                .add_member(&setting.a1, section, member, Role::Write);
        }
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
        let base = edit(&mut setting, section, 1);
        d1.hold(&setting.a1);
        let first = setting
            .world
            .envelope(&d1, section, 1, &[EnvelopeId(base.0)]);
        let second = setting.world.envelope(&d1, section, 2, &[first.id()]);
        let mut d_client = fresh(&setting);
        d_client.sync(&d1, Vec::new());
        b_client.sync(&b1, Vec::new());
        Self {
            setting,
            section,
            b1,
            b,
            b_client,
            d1,
            d_client,
            base,
            offline: vec![first, second],
        }
    }

    /// A removes D from the section and from the team.
    fn ended() -> Self {
        let mut case = Self::new();
        let d = case.setting.world.logs[&case.section]
            .grants()
            .last()
            .unwrap()
            .member;
        let (section, team) = (case.section, case.setting.a.team);
        remove(&mut case.setting, section, d.recipient());
        remove(&mut case.setting, team, d.recipient());
        case.b_client.sync(&case.b1, Vec::new());
        case.setting.client.sync(&case.setting.a1, Vec::new());
        case
    }

    fn push(&mut self, envelope: &Envelope) -> ItemResult {
        self.d_client.push_one(&self.d1, push_envelope(envelope))
    }
}

#[test]
fn an_edit_by_somebody_removed_meanwhile_waits_for_a_manager_who_adopts_it() {
    let mut case = Case::ended();
    let offline = case.offline.clone();
    let held: Vec<ItemId> = offline.iter().map(|edit| edit.id().into()).collect();
    // The second first: what it builds on is not known.
    let second = case.push(&offline[1]);
    assert_eq!(second.status, Status::MissingParents);
    let first = case.push(&offline[0]);
    assert_eq!(told(&first), ENDED);
    let again = case.push(&offline[0]);
    assert_eq!(
        told(&again),
        (Status::Duplicate, Some(VerdictCode::AccessEnded)),
        "a lost answer is given again"
    );
    assert_eq!(again.receipt, first.receipt);
    assert!(first.receipt.is_some());
    assert_eq!(told(&case.push(&offline[1])), ENDED);

    // Managers see it, writers do not, and neither does its author (who knows it).
    let (setting, section) = (&mut case.setting, case.section);
    let seen = envelopes(&setting.client.sync(&setting.a1, Vec::new()).1);
    assert_eq!(seen, held);
    assert!(case.b_client.sync(&case.b1, Vec::new()).1.is_empty());
    assert!(envelopes(&fresh(setting).sync(&case.d1, Vec::new()).1).is_empty());
    setting.restart();
    let seen = envelopes(&fresh(setting).sync(&setting.a1, Vec::new()).1);
    assert_eq!(seen, [&[case.base][..], &held].concat());

    // Named as a parent, both are edits like any other, and come first.
    let next = edit(setting, section, 2);
    let adopting = setting
        .world
        .envelope(&setting.a1, section, 3, &[offline[1].id()]);
    setting
        .client
        .push(&setting.a1, vec![push_envelope(&adopting)]);
    case.b_client.address = setting.client.address;
    let seen = envelopes(&case.b_client.sync(&case.b1, Vec::new()).1);
    assert_eq!(seen, [next, held[0], held[1], adopting.id().into()]);
    let all = envelopes(&fresh(setting).sync(&case.b1, Vec::new()).1);
    case.d_client.address = setting.client.address;
    let adopted = case.push(&offline[0]);
    assert_eq!(told(&adopted), (Status::Duplicate, None));
    assert!(held.iter().all(|id| all.contains(id)));
}

#[test]
fn only_who_was_entitled_under_an_epoch_of_the_space_is_held() {
    let mut case = Case::ended();
    let first = case.offline[0].clone();
    // A stranger to the section, who somehow holds the key.
    let c1 = TestDevice::new(6);
    let (_, mut c_client) = case.setting.second_institution(&c1);
    c1.hold(&case.setting.a1);
    let foreign = case.setting.world.envelope(&c1, case.section, 1, &[]);
    let answer = c_client.push_one(&c1, push_envelope(&foreign));
    assert_eq!(told(&answer), rejected(VerdictCode::NotEntitled));
    // Another space's epoch.
    let other = section(&mut case.setting);
    let other = case.setting.world.logs[&other].current_epoch().unwrap();
    let key_id: KeyId = other.key_id;
    case.d1.hold(&case.setting.a1);
    let mut header = first.header().clone();
    header.key_id = key_id;
    let elsewhere = seal(&case.d1, &header);
    // The relay may have lost it, as far as it knows: it asks for the log.
    let answer = case.push(&elsewhere);
    assert_eq!(told(&answer), (Status::MissingParents, None));
    assert_eq!(answer.missing, [ItemId(case.section.0)]);
    // About snapshots nobody without access has a say.
    let mut header = first.header().clone();
    header.kind = EnvelopeKind::Snapshot;
    let snapshot = seal(&case.d1, &header);
    assert_eq!(
        told(&case.push(&snapshot)),
        rejected(VerdictCode::NotEntitled)
    );
    // Somebody else's edit is not theirs to hand in.
    case.b1.hold(&case.setting.a1);
    let others = case.setting.world.envelope(&case.b1, case.section, 1, &[]);
    let answer = case.push(&others);
    assert_eq!(told(&answer), rejected(VerdictCode::NotAdmitted));
    assert_eq!(told(&case.push(&first)), ENDED);
}

#[test]
fn a_reduced_or_closed_right_is_said_so_and_one_by_another_path_is_sealed_again() {
    let mut case = Case::new();
    let (setting, section) = (&mut case.setting, case.section);
    // D writes by its team's grant too: with its own grant gone, the old bytes no longer count by
    // rule 1 through that alone.
    let act = |setting: &mut Setting, effect: Effect| {
        setting
            .world
            .act(&setting.a1, Draft::new().effect(effect), Some(section));
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
    };
    let grants = setting.world.logs[&section].grants().to_vec();
    let (b_grant, team_grant) = (grants[1].id, grants[0].id);
    case.b1.hold(&setting.a1);
    let of_b = setting.world.envelope(&case.b1, section, 1, &[]);
    act(
        setting,
        Effect::SetRole {
            grant: b_grant,
            role: Role::Read,
        },
    );
    let answer = case.b_client.push_one(&case.b1, push_envelope(&of_b));
    assert_eq!(
        told(&answer),
        (Status::Held, Some(VerdictCode::AccessReduced))
    );
    // Raised by a new grant: what was sealed by the old one is sealed again.
    let reduced = setting.world.envelope(&case.b1, section, 2, &[]);
    let answer = case.b_client.push_one(&case.b1, push_envelope(&reduced));
    assert_eq!(told(&answer), rejected(VerdictCode::NotEntitled));
    setting
        .world
        .add_member(&setting.a1, section, case.b.team, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let mut header = of_b.header().clone();
    header.author_sequence = 2;
    let old_path = seal(&case.b1, &header);
    let answer = case.b_client.push_one(&case.b1, push_envelope(&old_path));
    assert_eq!(answer.status, Status::StaleAccess);
    let good = setting.world.envelope(&case.b1, section, 2, &[]);
    let answer = case.b_client.push_one(&case.b1, push_envelope(&good));
    assert_eq!(answer.status, Status::Accepted);

    assert_eq!(grants[0].id, team_grant);
    act(setting, Effect::Close {});
    let answer = case.push(&case.offline[0].clone());
    assert_eq!(told(&answer), (Status::Held, Some(VerdictCode::Closed)));
}

#[test]
fn a_device_keeps_only_so_much_in_the_held_lane() {
    let mut case = Case::ended();
    let template = case.offline[0].header().clone();
    let mut push = Vec::new();
    for number in 0..=limits::HELD_ITEMS_PER_DEVICE_MAX {
        let mut header = template.clone();
        header.author_sequence = 10 + number;
        header.salt = nahtlos_protocol::envelope::header::Salt(case.setting.world.bytes());
        push.push(push_envelope(&seal(&case.d1, &header)));
    }
    let (results, _) = case.d_client.sync(&case.d1, push);
    let (last, kept) = results.split_last().unwrap();
    assert!(kept.iter().all(|result| told(result) == ENDED));
    assert_eq!(told(last), rejected(VerdictCode::Quota));
    // Another device has its own.
    let (b_team, section) = (case.b.team, case.section);
    case.b1.hold(&case.setting.a1);
    let of_b = case.setting.world.envelope(&case.b1, section, 1, &[]);
    remove(&mut case.setting, section, b_team.into());
    let answer = case.b_client.push_one(&case.b1, push_envelope(&of_b));
    assert_eq!(told(&answer), ENDED);
}

#[test]
fn who_becomes_a_manager_sees_what_was_held_before() {
    let mut case = Case::ended();
    let first = case.offline[0].clone();
    assert_eq!(told(&case.push(&first)), ENDED);
    assert!(case.b_client.sync(&case.b1, Vec::new()).1.is_empty());
    let setting = &mut case.setting;
    let grant = setting.world.logs[&case.section]
        .grants()
        .iter()
        .find(|grant| grant.member.recipient() == case.b.team.into())
        .unwrap()
        .id;
    let raise = Effect::SetRole {
        grant,
        role: Role::Manage,
    };
    setting
        .world
        .act(&setting.a1, Draft::new().effect(raise), Some(case.section));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let seen = envelopes(&case.b_client.sync(&case.b1, Vec::new()).1);
    assert_eq!(seen, [ItemId::from(first.id())]);
}

#[test]
fn what_a_lost_device_hands_in_is_shown_to_its_persons_other_device_and_to_no_other_writer() {
    let mut setting = Setting::new();
    let (b1, d1, d2) = (TestDevice::new(2), TestDevice::new(4), TestDevice::new(5));
    let (b, mut b_client) = setting.second_institution(&b1);
    let d = colleague(&mut setting, &d1);
    let admit = setting.world.add_device(&d2, Some(d));
    setting.world.act(&d1, Draft::new().effect(admit), Some(d));
    let push = setting.world.take();
    let mut d1_client = fresh(&setting);
    d1_client.push(&d1, push);
    let section = section(&mut setting);
    for member in [b.team, d] {
        setting
            .world
            .add_member(&setting.a1, section, member, Role::Write);
    }
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let base = edit(&mut setting, section, 1);
    d1.hold(&setting.a1);
    let typed = setting
        .world
        .envelope(&d1, section, 1, &[EnvelopeId(base.0)]);

    // The first device is lost: the second removes it.
    let epoch = setting.world.epoch(&d1);
    let draft = Draft::new().effect(removal(d1.id.into())).epoch(epoch);
    setting.world.act(&d2, draft, Some(d));
    let push = setting.world.take();
    let mut d2_client = fresh(&setting);
    d2_client.push(&d2, push);
    d2_client.sync(&d2, Vec::new());
    b_client.sync(&b1, Vec::new());
    setting.client.sync(&setting.a1, Vec::new());

    assert_eq!(told(&d1_client.push_one(&d1, push_envelope(&typed))), ENDED);
    let only = [ItemId::from(typed.id())];
    let seen =
        |client: &mut Client, device: &TestDevice| envelopes(&client.sync(device, Vec::new()).1);
    assert_eq!(seen(&mut d2_client, &d2), only);
    assert!(seen(&mut b_client, &b1).is_empty(), "another writer");
    assert!(seen(&mut d1_client, &d1).is_empty(), "the lost device");
    assert_eq!(
        seen(&mut setting.client, &setting.a1),
        only,
        "control: a manager"
    );
    // A device that is added later is shown it too.
    let d3 = TestDevice::new(6);
    let admit = setting.world.add_device(&d3, Some(d));
    setting.world.act(&d2, Draft::new().effect(admit), Some(d));
    let push = setting.world.take();
    d2_client.push(&d2, push);
    assert!(seen(&mut fresh(&setting), &d3).contains(&only[0]));
}

#[test]
fn somebody_whose_access_ended_may_say_that_the_copy_is_erased() {
    let mut case = Case::ended();
    let mut header = case.offline[0].header().clone();
    header.kind = EnvelopeKind::Erasure;
    header.parents.clear();
    let erased = seal(&case.d1, &header);
    assert_eq!(case.push(&erased).status, Status::Accepted);
    let seen = envelopes(&case.b_client.sync(&case.b1, Vec::new()).1);
    assert_eq!(seen, [ItemId::from(erased.id())]);
    // Who reads has erased nothing.
    case.b1.hold(&case.setting.a1);
    let mut header = case.setting.world.header(&case.b1, case.section, 1);
    header.kind = EnvelopeKind::Erasure;
    let untrue = seal(&case.b1, &header);
    let answer = case.b_client.push_one(&case.b1, push_envelope(&untrue));
    assert_eq!(told(&answer), rejected(VerdictCode::NotEntitled));
}

fn question(id: ItemId) -> PushItem {
    PushItem::Question { id }
}

const VOIDED: Option<VerdictCode> = Some(VerdictCode::Voided);

#[test]
fn an_author_who_is_served_nothing_any_more_is_told_what_became_of_their_edits() {
    // D hands in two edits, one on the other, after the end; A takes the first over, later both.
    let mut case = Case::ended();
    let offline = case.offline.clone();
    let [first, second] = [0, 1].map(|number: usize| ItemId::from(offline[number].id()));
    let ask = |case: &mut Case, id| case.d_client.push_one(&case.d1, question(id));
    assert_eq!(
        told(&ask(&mut case, first)),
        rejected(VerdictCode::NotEntitled)
    );
    let kept = case.push(&offline[0]);
    assert_eq!(told(&case.push(&offline[1])), ENDED);
    let answer = ask(&mut case, first);
    assert_eq!((told(&answer), answer.id), (ENDED, first));
    assert_eq!(answer.receipt, kept.receipt);

    let (setting, section) = (&mut case.setting, case.section);
    edit(setting, section, 2);
    let adopting = setting
        .world
        .envelope(&setting.a1, section, 3, &[offline[0].id()]);
    setting
        .client
        .push(&setting.a1, vec![push_envelope(&adopting)]);
    assert_eq!(told(&ask(&mut case, first)), (Status::Duplicate, None));
    assert_eq!(told(&ask(&mut case, second)), ENDED, "not this one");
    case.setting.restart();
    case.d_client.address = case.setting.client.address;
    assert_eq!(told(&ask(&mut case, first)), (Status::Duplicate, None));
    assert_eq!(told(&ask(&mut case, second)), ENDED);
}

#[test]
fn an_author_is_told_that_an_edit_or_what_it_builds_on_was_voided() {
    let mut case = Case::ended();
    let offline = case.offline.clone();
    for edit in &offline {
        assert_eq!(told(&case.push(edit)), ENDED);
    }
    let setting = &mut case.setting;
    let void = Effect::Void {
        envelopes: vec![offline[0].id()],
        grants: Vec::new(),
    };
    let draft = Draft::new().effect(void);
    setting.world.act(&setting.a1, draft, Some(case.section));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    for edit in &offline {
        let asked = question(edit.id().into());
        let answer = case.d_client.push_one(&case.d1, asked);
        assert_eq!(told(&answer), (Status::Held, VOIDED));
        let pushed_again = case.push(edit);
        assert_eq!(told(&pushed_again), (Status::Duplicate, VOIDED));
    }
}

#[test]
fn whoever_is_not_the_author_learns_no_more_than_about_an_id_that_nothing_has() {
    // A manages the section and has the edit, B writes there, C is a stranger; D wrote it.
    let mut case = Case::ended();
    let first = case.offline[0].clone();
    assert_eq!(told(&case.push(&first)), ENDED);
    let c1 = TestDevice::new(6);
    let (_, mut c_client) = case.setting.second_institution(&c1);
    let held = question(first.id().into());
    let nothing = question(ItemId([0x5a; 32]));
    let operation = case.setting.world.logs[&case.section].head().unwrap();
    let hear = |client: &mut Client, device: &TestDevice| {
        let unknown = client.push_one(device, nothing.clone());
        assert_eq!(told(&unknown), rejected(VerdictCode::NotEntitled));
        for asked in [held.clone(), question(operation.operation.into())] {
            let answer = client.push_one(device, asked);
            assert_eq!(told(&answer), told(&unknown));
            assert_eq!((answer.receipt, answer.missing), (None, Vec::new()));
        }
    };
    hear(&mut case.setting.client, &case.setting.a1);
    hear(&mut case.b_client, &case.b1);
    hear(&mut c_client, &c1);
    let control = case.d_client.push_one(&case.d1, held);
    assert_eq!(told(&control), ENDED, "control: its author");
}

#[test]
fn questions_count_as_items_and_what_is_asked_about_is_served_all_the_same() {
    let mut setting = Setting::with(|config| config.limits.device_items_per_day_max = 30);
    let section = section(&mut setting);
    let own = edit(&mut setting, section, 1);
    let mut client = fresh(&setting);
    let (results, items) = client.sync(&setting.a1, vec![question(own)]);
    assert_eq!(told(&results[0]), (Status::Duplicate, None));
    assert_eq!(envelopes(&items), [own], "who asks may not have it");
    let (results, _) = client.sync(&setting.a1, vec![question(own); 31]);
    assert_eq!(told(&results[0]), (Status::Duplicate, None), "control");
    assert_eq!(told(&results[30]), rejected(VerdictCode::Quota));
}
