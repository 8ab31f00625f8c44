//! Who sees what, and that it comes once.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::{Draft, Kind, Role};
use nahtlos_protocol::wire::{Item, ItemKind, Status, VerdictCode};

use crate::client::{Client, Setting, ids};
use crate::world::{TestDevice, push_envelope};

fn envelopes(items: &[Item]) -> Vec<ItemId> {
    let envelopes = items.iter().filter(|item| item.kind == ItemKind::Envelope);
    envelopes.map(crate::client::item_id).collect()
}

/// A section with `count` edits by A, pushed.
fn section_with_edits(setting: &mut Setting, count: u64) -> (SpaceId, Vec<ItemId>) {
    let section = setting.world.section(&setting.a1, setting.a.team);
    let mut push = setting.world.take();
    let mut edits = Vec::new();
    for number in 1..=count {
        let envelope = setting.world.envelope(&setting.a1, section, number, &[]);
        edits.push(envelope.id().into());
        push.push(push_envelope(&envelope));
    }
    setting.client.push(&setting.a1, push);
    (section, edits)
}

#[test]
fn a_team_that_is_granted_a_section_sees_all_of_it_once_and_nobody_else_sees_any() {
    let mut setting = Setting::new();
    let (b1, c1) = (TestDevice::new(2), TestDevice::new(3));
    let (b, mut b_client) = setting.second_institution(&b1);
    let (_, mut c_client) = setting.second_institution(&c1);
    let (section, edits) = section_with_edits(&mut setting, 5);
    let (_, other_edits) = section_with_edits(&mut setting, 3);

    // Before the grant nobody but A's team sees an envelope, nor the section's log.
    let mut b_items = b_client.sync(&b1, Vec::new()).1;
    let mut c_items = c_client.sync(&c1, Vec::new()).1;
    assert!(envelopes(&b_items).is_empty());
    let founding: ItemId = setting.world.logs[&section].operation(0).unwrap().id.into();
    assert!(!ids(&b_items).contains(&founding));

    setting
        .world
        .add_member(&setting.a1, section, b.team, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let late = setting.world.envelope(&setting.a1, section, 6, &[]);
    setting.client.push(&setting.a1, vec![push_envelope(&late)]);

    let new = b_client.sync(&b1, Vec::new()).1;
    let expected: Vec<ItemId> = edits.iter().copied().chain([late.id().into()]).collect();
    assert_eq!(envelopes(&new), expected);
    assert_eq!(ids(&new).iter().filter(|id| **id == founding).count(), 1);
    b_items.extend(new);
    let adding: ItemId = setting.world.logs[&section].operation(1).unwrap().id.into();
    let position = ids(&b_items).iter().position(|id| *id == adding).unwrap();
    let wraps = &b_items[position].wraps;
    assert_eq!(wraps.len(), 1, "B's own and no other");
    assert_eq!(wraps[0].recipient, b.team.into());
    // B can replay everything it was given, in the order it was given.
    let mut logs = crate::world::Logs::new();
    for item in b_items
        .iter()
        .filter(|item| item.kind == ItemKind::Operation)
    {
        crate::world::replay(&mut logs, &item.bytes);
    }
    assert_eq!(logs[&section].head(), setting.world.logs[&section].head());

    // B answers (with the key its wrap holds), A receives.
    b1.hold(&setting.a1);
    let answer = setting.world.envelope(&b1, section, 1, &[late.id()]);
    b_client.push(&b1, vec![push_envelope(&answer)]);
    let received = setting.client.sync(&setting.a1, Vec::new()).1;
    assert_eq!(envelopes(&received), [ItemId::from(answer.id())]);

    c_items.extend(c_client.sync(&c1, Vec::new()).1);
    assert!(envelopes(&c_items).is_empty());
    let seen = ids(&c_items);
    assert!(!seen.contains(&founding));
    assert!(
        !other_edits
            .iter()
            .any(|edit| envelopes(&b_items).contains(edit))
    );
    // The control: a new device of A's sees all of them.
    let mut fresh = Client::new(setting.client.address, setting.client.relay);
    let all: BTreeSet<_> = envelopes(&fresh.sync(&setting.a1, Vec::new()).1)
        .into_iter()
        .collect();
    assert_eq!(all.len(), 5 + 3 + 2);
}

#[test]
fn who_joins_a_team_late_receives_what_the_team_had_once() {
    let mut setting = Setting::new();
    let (_, edits) = section_with_edits(&mut setting, 5);
    let (d1, other_team_only) = (TestDevice::new(4), TestDevice::new(5));
    let d = setting.world.person(&d1, setting.a.institution);
    let e = setting
        .world
        .person(&other_team_only, setting.a.institution);
    let create = setting
        .world
        .create(Kind::Team, Some(setting.a.institution), None);
    let manage = setting.world.add(setting.a.person, Role::Manage);
    let (add_d, add_e) = (
        setting.world.add(d, Role::Write),
        setting.world.add(e, Role::Write),
    );
    let epoch = setting.world.epoch(&setting.a1);
    let draft = Draft::new()
        .effect(create)
        .effect(manage)
        .effect(add_d)
        .effect(add_e)
        .epoch(epoch);
    let second = setting.world.act(&setting.a1, draft, None);
    setting
        .world
        .add_member(&setting.a1, setting.a.institution, second, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);

    let mut client = Client::new(setting.client.address, setting.client.relay);
    let before = client.sync(&d1, Vec::new()).1;
    assert!(envelopes(&before).is_empty());
    setting
        .world
        .add_member(&setting.a1, setting.a.team, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    assert_eq!(envelopes(&client.sync(&d1, Vec::new()).1), edits);
    // The same for a device of that person that begins only now.
    let mut fresh = Client::new(setting.client.address, setting.client.relay);
    assert_eq!(envelopes(&fresh.read_in_small_pages(&d1)), edits);
    // The colleague in the other team still sees none.
    let mut colleague = Client::new(setting.client.address, setting.client.relay);
    let seen = colleague.sync(&other_team_only, Vec::new()).1;
    assert!(!seen.is_empty());
    assert!(envelopes(&seen).is_empty());
}

#[test]
fn a_keyless_custodian_sees_logs_without_wraps_and_no_content_until_added_to_a_team() {
    let mut setting = Setting::new();
    let k1 = TestDevice::new(4);
    let k = setting.world.person(&k1, setting.a.institution);
    let add = setting.world.add(k, Role::Administer);
    setting.world.act(
        &setting.a1,
        Draft::new().effect(add),
        Some(setting.a.institution),
    );
    // The institution's own content, and the team's.
    let mut push = setting.world.take();
    let of_institution = setting
        .world
        .envelope(&setting.a1, setting.a.institution, 1, &[]);
    let of_team = setting.world.envelope(&setting.a1, setting.a.team, 1, &[]);
    push.push(push_envelope(&of_institution));
    push.push(push_envelope(&of_team));
    setting.client.push(&setting.a1, push);

    let mut client = Client::new(setting.client.address, setting.client.relay);
    let items = client.sync(&k1, Vec::new()).1;
    assert!(envelopes(&items).is_empty());
    let mut wraps = items.iter().flat_map(|item| &item.wraps);
    assert!(
        wraps.all(|wrap| wrap.recipient == k1.id.into()),
        "only the person's own"
    );
    let team_log = setting.world.logs[&setting.a.team].head().unwrap();
    assert!(
        ids(&items).contains(&team_log.operation.into()),
        "to administer it"
    );

    setting
        .world
        .add_member(&setting.a1, setting.a.team, k, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let items = client.sync(&k1, Vec::new()).1;
    let seen: BTreeSet<_> = envelopes(&items).into_iter().collect();
    let expected: BTreeSet<ItemId> = [of_institution.id().into(), of_team.id().into()].into();
    assert_eq!(seen, expected);
    let mut wraps = items.iter().flat_map(|item| &item.wraps);
    assert!(wraps.any(|wrap| wrap.recipient == k.into()));
}

#[test]
fn the_networks_feed_names_institutions_and_not_every_person_in_them() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, mut b_client) = setting.second_institution(&b1);
    b_client.sync(&b1, Vec::new());
    // A takes in one more person, after B has synced: none of B's business.
    let d1 = TestDevice::new(4);
    let d = setting.world.person(&d1, setting.a.institution);
    setting
        .world
        .add_member(&setting.a1, setting.a.team, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    assert!(b_client.sync(&b1, Vec::new()).1.is_empty());
    // Until both share a section: then B can verify D's edits.
    let (section, _) = section_with_edits(&mut setting, 1);
    setting
        .world
        .add_member(&setting.a1, section, b.team, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let person: ItemId = setting.world.logs[&d].operation(0).unwrap().id.into();
    let items = b_client.sync(&b1, Vec::new()).1;
    assert_eq!(ids(&items).iter().filter(|id| **id == person).count(), 1);
}

#[test]
fn an_idle_exchange_stays_below_a_kibibyte_whatever_is_owned() {
    let mut setting = Setting::new();
    for _ in 0..30 {
        section_with_edits(&mut setting, 2);
    }
    setting.client.sync(&setting.a1, Vec::new());
    let commits = setting.commits();
    let answer = setting.client.request(&setting.a1, Vec::new(), 1 << 20);
    let response = crate::client::read_response(&answer);
    assert!(response.items.is_empty() && !response.more);
    assert_eq!(response.cursor, setting.client.cursor);
    assert_eq!(setting.commits(), commits);
    assert!(
        answer.bytes_both_ways < 1024,
        "{} bytes",
        answer.bytes_both_ways
    );
}

#[test]
fn after_its_end_a_grant_serves_nothing_until_it_is_renewed() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, mut b_client) = setting.second_institution(&b1);
    let (section, mut edits) = section_with_edits(&mut setting, 2);
    b_client.sync(&b1, Vec::new());
    let grant = |setting: &mut Setting, end: Option<u64>| {
        let mut add = setting.world.add(b.team, Role::Read);
        if let nahtlos_protocol::space::Effect::Add { not_after_ms, .. } = &mut add {
            *not_after_ms = end;
        }
        let key_id = setting.world.logs[&section].current_epoch().unwrap().key_id;
        let draft = Draft::new()
            .effect(add)
            .wrap_missing(setting.a1.held(&key_id));
        setting.world.act(&setting.a1, draft, Some(section));
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
    };
    grant(&mut setting, Some(crate::client::now_ms() + 700));
    assert_eq!(envelopes(&b_client.sync(&b1, Vec::new()).1), edits);
    std::thread::sleep(std::time::Duration::from_millis(800));
    let late = setting.world.envelope(&setting.a1, section, 3, &[]);
    setting.client.push(&setting.a1, vec![push_envelope(&late)]);
    assert!(envelopes(&b_client.sync(&b1, Vec::new()).1).is_empty());
    let mut fresh = Client::new(setting.client.address, setting.client.relay);
    assert!(envelopes(&fresh.sync(&b1, Vec::new()).1).is_empty());
    // Renewed, what was missed comes after all.
    grant(&mut setting, None);
    edits.push(late.id().into());
    assert_eq!(envelopes(&b_client.sync(&b1, Vec::new()).1), edits);
}

/// Each time D comes back, the whole section is delivered to D again.
#[test]
fn who_takes_a_right_away_and_gives_it_back_again_and_again_uses_up_a_day() {
    let mut setting = Setting::with(|config| config.limits.device_items_per_day_max = 500);
    section_with_edits(&mut setting, 400);
    let d = setting
        .world
        .person(&TestDevice::new(4), setting.a.institution);
    let team = setting.a.team;
    let mut verdicts = Vec::new();
    for _ in 0..25 {
        setting.world.add_member(&setting.a1, team, d, Role::Write);
        let epoch = setting.world.epoch(&setting.a1);
        let removal = crate::ends::removal(d.into());
        let draft = Draft::new().effect(removal).epoch(epoch);
        setting.world.act(&setting.a1, draft, Some(team));
        let push = setting.world.take();
        let (results, _) = setting.client.sync(&setting.a1, push);
        verdicts.extend(
            results
                .into_iter()
                .map(|result| (result.status, result.code)),
        );
    }
    let accepted = (Status::Accepted, None);
    assert_eq!(
        verdicts[..5],
        [accepted; 5],
        "control: once or twice is nothing"
    );
    assert!(verdicts.contains(&(Status::Rejected, Some(VerdictCode::Quota))));
}
