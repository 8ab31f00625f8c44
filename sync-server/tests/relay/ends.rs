//! Rights that end: whoever was removed is told so, and is served nothing newer.

use nahtlos_protocol::identifier::{ItemId, RecipientId, SpaceId};
use nahtlos_protocol::space::{Draft, Effect, Kind, Role, Suspended, staleness};
use nahtlos_protocol::wire::{Item, ItemKind, Status, VerdictCode};

use crate::client::{Client, Setting, ids, item_id, now_ms};
use crate::world::{Logs, TestDevice, push_envelope, push_item, replay};

pub fn envelopes(items: &[Item]) -> Vec<ItemId> {
    let envelopes = items.iter().filter(|item| item.kind == ItemKind::Envelope);
    envelopes.map(item_id).collect()
}

/// Every end of a right in these tests: all grants of a member, with the new epoch where the
/// author holds keys.
pub fn remove(setting: &mut Setting, space: SpaceId, member: RecipientId) -> ItemId {
    let epoch = setting.world.epoch(&setting.a1);
    let draft = Draft::new().effect(removal(member)).epoch(epoch);
    setting.world.act(&setting.a1, draft, Some(space));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    setting.world.logs[&space].head().unwrap().operation.into()
}

pub fn removal(member: RecipientId) -> Effect {
    Effect::Remove {
        grant: None,
        member: Some(member),
        reason: 1,
    }
}

/// A person of A's team, who may write.
pub fn colleague(setting: &mut Setting, device: &TestDevice) -> SpaceId {
    let person = setting.world.person(device, setting.a.institution);
    setting
        .world
        .add_member(&setting.a1, setting.a.team, person, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    person
}

pub fn section(setting: &mut Setting) -> SpaceId {
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    section
}

/// A edits, after rotating the space where somebody has left it.
pub fn edit(setting: &mut Setting, space: SpaceId, number: u64) -> ItemId {
    let state = &setting.world.logs[&space];
    if staleness::is_stale(&setting.world.logs, state, &Suspended::new()).unwrap() {
        let epoch = setting.world.epoch(&setting.a1);
        let draft = Draft::new().epoch(epoch);
        setting.world.act(&setting.a1, draft, Some(space));
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
    }
    let envelope = setting.world.envelope(&setting.a1, space, number, &[]);
    setting
        .client
        .push(&setting.a1, vec![push_envelope(&envelope)]);
    envelope.id().into()
}

pub fn fresh(setting: &Setting) -> Client {
    Client::new(setting.client.address, setting.client.relay)
}

/// Replays everything in the order it came; panics where something is missing.
fn replayed(items: &[Item]) -> Logs {
    let mut logs = Logs::new();
    for item in items.iter().filter(|item| item.kind == ItemKind::Operation) {
        replay(&mut logs, &item.bytes);
    }
    logs
}

#[test]
fn a_team_removed_from_a_section_is_told_so_and_is_served_nothing_newer() {
    let mut setting = Setting::new();
    let (b1, c1) = (TestDevice::new(2), TestDevice::new(3));
    let (b, mut b_client) = setting.second_institution(&b1);
    let (c, mut c_client) = setting.second_institution(&c1);
    let section = section(&mut setting);
    for team in [b.team, c.team] {
        setting
            .world
            .add_member(&setting.a1, section, team, Role::Write);
    }
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let before = edit(&mut setting, section, 1);
    let mut b_items = b_client.sync(&b1, Vec::new()).1;
    assert_eq!(envelopes(&b_items), [before]);
    c_client.sync(&c1, Vec::new());

    let removal = remove(&mut setting, section, b.team.into());
    let after = edit(&mut setting, section, 2);
    setting
        .world
        .add_member(&setting.a1, section, setting.a.person, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);

    let new = b_client.sync(&b1, Vec::new()).1;
    assert_eq!(ids(&new), [removal], "the operation that removed it");
    assert!(new[0].wraps.is_empty());
    b_items.extend(new);
    assert_eq!(
        replayed(&b_items)[&section].head().unwrap().operation,
        nahtlos_protocol::identifier::OperationId(removal.0)
    );
    // A device that begins anew gets no more, and no content at all.
    for restart in [false, true] {
        if restart {
            setting.restart();
        }
        let items = fresh(&setting).sync(&b1, Vec::new()).1;
        let seen = ids(&items);
        assert!(seen.contains(&removal));
        assert!(!seen.contains(&after) && envelopes(&items).is_empty());
        assert_eq!(
            replayed(&items)[&section].length(),
            setting.world.logs[&section].length() - 1
        );
    }
    // The control: the other team has it all.
    c_client.address = setting.client.address;
    let items = c_client.sync(&c1, Vec::new()).1;
    assert_eq!(envelopes(&items), [after]);
    assert_eq!(ids(&items)[0], removal);
    // What B may not know of: people of teams with which it shares nothing any more.
    let d1 = TestDevice::new(4);
    colleague(&mut setting, &d1);
    b_client.address = setting.client.address;
    assert!(b_client.sync(&b1, Vec::new()).1.is_empty());
    assert!(!c_client.sync(&c1, Vec::new()).1.is_empty());
}

#[test]
fn a_person_removed_from_its_last_team_learns_it_and_nothing_more() {
    let mut setting = Setting::new();
    let (d1, e1) = (TestDevice::new(4), TestDevice::new(5));
    let d = colleague(&mut setting, &d1);
    colleague(&mut setting, &e1);
    let shared = section(&mut setting);
    let before = edit(&mut setting, shared, 1);
    let (mut d_client, mut e_client) = (fresh(&setting), fresh(&setting));
    let mut d_items = d_client.sync(&d1, Vec::new()).1;
    assert_eq!(envelopes(&d_items), [before]);
    e_client.sync(&e1, Vec::new());

    let team = setting.a.team;
    let removal = remove(&mut setting, team, d.into());
    let after = edit(&mut setting, shared, 2);
    let later = section(&mut setting);
    let founding: ItemId = setting.world.logs[&later].operation(0).unwrap().id.into();

    let new = d_client.sync(&d1, Vec::new()).1;
    assert_eq!(ids(&new).last(), Some(&removal));
    assert!(envelopes(&new).is_empty());
    d_items.extend(new);
    setting.restart();
    for client in [&mut d_client, &mut e_client] {
        client.address = setting.client.address;
    }
    let team = &replayed(&d_items)[&setting.a.team];
    assert_eq!(team.length(), setting.world.logs[&setting.a.team].length());
    assert!(d_client.sync(&d1, Vec::new()).1.is_empty());
    let again = fresh(&setting).sync(&d1, Vec::new()).1;
    assert!(envelopes(&again).is_empty());
    assert!(ids(&again).contains(&removal) && !ids(&again).contains(&founding));
    let own: RecipientId = d1.id.into();
    assert!(
        again
            .iter()
            .flat_map(|item| &item.wraps)
            .all(|wrap| wrap.recipient == own)
    );
    replayed(&again);
    // Its operations are not taken, whatever they say.
    let admit = setting.world.add_device(&TestDevice::new(6), Some(d));
    let draft = Draft::new().effect(admit);
    let prepared = setting.world.prepare(&d1, draft, Some(d));
    let told = d_client.push_one(&d1, push_item(&prepared));
    assert_eq!(
        (told.status, told.code),
        (Status::Rejected, Some(VerdictCode::NotAdmitted))
    );
    // The control: the colleague goes on.
    let items = e_client.sync(&e1, Vec::new()).1;
    assert_eq!(envelopes(&items), [after]);
    assert!(ids(&items).contains(&founding));
    // Taken in again, it has everything.
    setting
        .world
        .add_member(&setting.a1, setting.a.team, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let seen = envelopes(&d_client.sync(&d1, Vec::new()).1);
    assert_eq!(seen, [before, after]);
}

#[test]
fn a_revoked_device_is_served_its_own_persons_log_up_to_its_end_and_may_write_nothing() {
    let mut setting = Setting::new();
    let (d1, d2) = (TestDevice::new(4), TestDevice::new(5));
    let d = colleague(&mut setting, &d1);
    let admit = setting.world.add_device(&d2, Some(d));
    setting.world.act(&d1, Draft::new().effect(admit), Some(d));
    let push = setting.world.take();
    let mut d1_client = fresh(&setting);
    d1_client.push(&d1, push);
    let mut d2_client = fresh(&setting);
    d2_client.sync(&d2, Vec::new());
    let shared = section(&mut setting);

    // The first device removes the second.
    let epoch = setting.world.epoch(&d1);
    let draft = Draft::new().effect(removal(d2.id.into())).epoch(epoch);
    setting.world.act(&d1, draft, Some(d));
    let push = setting.world.take();
    d1_client.push(&d1, push);
    let removed = setting.world.logs[&d].head().unwrap();
    let after = edit(&mut setting, shared, 1);
    let rotation = setting.world.epoch(&d1);
    setting
        .world
        .act(&d1, Draft::new().epoch(rotation), Some(d));
    let push = setting.world.take();
    d1_client.push(&d1, push);

    for mut client in [d2_client, fresh(&setting)] {
        let items = client.sync(&d2, Vec::new()).1;
        let own = ids(&items);
        assert_eq!(own.last(), Some(&removed.operation.into()));
        assert!(envelopes(&items).is_empty());
        assert!(items.iter().all(|item| item.wraps.is_empty()));
        let logs = replayed(&items);
        assert_eq!(logs[&d].length(), removed.index + 1);
        assert!(!logs.contains_key(&shared) && !logs.contains_key(&setting.network));
        assert!(client.sync(&d2, Vec::new()).1.is_empty());
    }
    // Neither does it write, nor hand in what others wrote.
    let own = {
        let admit = setting.world.add_device(&TestDevice::new(6), Some(d));
        let draft = Draft::new().effect(admit);
        setting.world.prepare(&d1, draft, Some(d))
    };
    let told = fresh(&setting).push_one(&d2, push_item(&own));
    assert_eq!(
        (told.status, told.code),
        (Status::Rejected, Some(VerdictCode::NotAdmitted))
    );
    let told = d1_client.push_one(&d1, push_item(&own));
    assert_eq!(told.status, Status::Accepted, "the control");
    // The person's other device is served as before.
    let all = envelopes(&fresh(&setting).sync(&d1, Vec::new()).1);
    assert_eq!(all, [after]);
}

#[test]
fn of_several_grants_the_strongest_that_stands_decides() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, mut client) = setting.second_institution(&b1);
    let section = section(&mut setting);
    for role in [Role::Read, Role::Write] {
        setting.world.add_member(&setting.a1, section, b.team, role);
    }
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    client.sync(&b1, Vec::new());
    let grants: Vec<_> = setting.world.logs[&section].grants().to_vec();
    let end = |setting: &mut Setting, position: usize| {
        let draft = Draft::new().effect(Effect::Remove {
            grant: Some(grants[position].id),
            member: None,
            reason: 3,
        });
        setting.world.act(&setting.a1, draft, Some(section));
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
    };
    end(&mut setting, 1);
    let first = edit(&mut setting, section, 1);
    assert_eq!(envelopes(&client.sync(&b1, Vec::new()).1), [first]);
    end(&mut setting, 2);
    let epoch = setting.world.epoch(&setting.a1);
    setting
        .world
        .act(&setting.a1, Draft::new().epoch(epoch), Some(section));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    edit(&mut setting, section, 2);
    let last = client.sync(&b1, Vec::new()).1;
    assert_eq!(last.len(), 1, "the operation that removed it");
    assert!(envelopes(&fresh(&setting).sync(&b1, Vec::new()).1).is_empty());
}

#[test]
fn whoever_changes_teams_misses_nothing_and_a_new_device_neither() {
    let mut setting = Setting::new();
    let d1 = TestDevice::new(4);
    let d = colleague(&mut setting, &d1);
    // Something the institution's feed carries, between the two memberships.
    let (team, institution) = (setting.a.team, setting.a.institution);
    let between = edit(&mut setting, institution, 1);
    let create = setting
        .world
        .create(Kind::Team, Some(setting.a.institution), None);
    let (manage, add) = (
        setting.world.add(setting.a.person, Role::Manage),
        setting.world.add(d, Role::Write),
    );
    let epoch = setting.world.epoch(&setting.a1);
    let draft = Draft::new()
        .effect(create)
        .effect(manage)
        .effect(add)
        .epoch(epoch);
    let second = setting.world.act(&setting.a1, draft, None);
    setting
        .world
        .add_member(&setting.a1, setting.a.institution, second, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let before = ids(&fresh(&setting).sync(&d1, Vec::new()).1);
    assert!(before.contains(&between));
    remove(&mut setting, team, d.into());
    let after = ids(&fresh(&setting).sync(&d1, Vec::new()).1);
    let missed: Vec<_> = before.iter().filter(|id| !after.contains(id)).collect();
    assert!(missed.is_empty(), "{} items", missed.len());
}

#[test]
fn who_a_custodian_added_has_the_content_once_a_key_holder_confirms() {
    let mut setting = Setting::new();
    let (k1, d1) = (TestDevice::new(4), TestDevice::new(5));
    let k = setting.world.person(&k1, setting.a.institution);
    let administer = setting.world.add(k, Role::Administer);
    setting.world.act(
        &setting.a1,
        Draft::new().effect(administer),
        Some(setting.a.institution),
    );
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let shared = section(&mut setting);
    let first = edit(&mut setting, shared, 1);

    let d = setting.world.person(&d1, setting.a.institution);
    let add = setting.world.add(d, Role::Write);
    setting
        .world
        .act(&k1, Draft::new().effect(add), Some(setting.a.team));
    let push = setting.world.take();
    let mut k_client = fresh(&setting);
    k_client.push(&k1, push);
    let mut client = fresh(&setting);
    let items = client.sync(&d1, Vec::new()).1;
    assert!(!items.is_empty() && envelopes(&items).is_empty());

    let team = &setting.world.logs[&setting.a.team];
    let (grant, key_id) = (
        team.grants().last().unwrap().id,
        team.current_epoch().unwrap().key_id,
    );
    let draft = Draft::new()
        .effect(Effect::Confirm {
            grant,
            key_id: None,
        })
        .wrap_missing(setting.a1.held(&key_id));
    setting.world.act(&setting.a1, draft, Some(setting.a.team));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let items = client.sync(&d1, Vec::new()).1;
    assert_eq!(envelopes(&items), [first]);
    let mut wraps = items.iter().flat_map(|item| &item.wraps);
    assert!(wraps.any(|wrap| wrap.recipient == d.into()));
}

#[test]
fn a_grant_that_ran_out_anywhere_on_the_path_serves_nothing_and_ends_by_the_relays_clock() {
    let mut setting = Setting::new();
    let d1 = TestDevice::new(4);
    let d = setting.world.person(&d1, setting.a.institution);
    let shared = setting.world.section(&setting.a1, setting.a.team);
    let add = |setting: &mut Setting, end: Option<u64>| {
        let mut add = setting.world.add(d, Role::Write);
        if let Effect::Add { not_after_ms, .. } = &mut add {
            *not_after_ms = end;
        }
        let key_id = setting.world.logs[&setting.a.team]
            .current_epoch()
            .unwrap()
            .key_id;
        let draft = Draft::new()
            .effect(add)
            .wrap_missing(setting.a1.held(&key_id));
        setting.world.act(&setting.a1, draft, Some(setting.a.team));
        let push = setting.world.take();
        setting.client.push(&setting.a1, push);
    };
    let end_ms = now_ms() + 1_500;
    add(&mut setting, Some(end_ms));
    let first = edit(&mut setting, shared, 1);
    let mut client = fresh(&setting);
    assert_eq!(envelopes(&client.sync(&d1, Vec::new()).1), [first]);
    let grant = setting.world.logs[&setting.a.team]
        .grants()
        .last()
        .unwrap()
        .id;
    // An author whose clock runs ahead is refused until the relay's has come there.
    let expire = setting.world.prepare_at(
        &setting.a1,
        Draft::new().effect(Effect::Expire { grant }),
        Some(setting.a.team),
        end_ms + 10_000,
    );
    let told = setting.client.push_one(&setting.a1, push_item(&expire));
    assert_eq!(
        (told.status, told.code),
        (Status::Rejected, Some(VerdictCode::Invalid))
    );
    while now_ms() <= end_ms {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let second = edit(&mut setting, shared, 2);
    assert!(client.sync(&d1, Vec::new()).1.is_empty());
    assert!(envelopes(&fresh(&setting).sync(&d1, Vec::new()).1).is_empty());
    // Renewed, nothing is missing.
    add(&mut setting, None);
    let seen = envelopes(&client.sync(&d1, Vec::new()).1);
    assert!(seen.contains(&second));
    let expire = setting.world.prepare_at(
        &setting.a1,
        Draft::new().effect(Effect::Expire { grant }),
        Some(setting.a.team),
        end_ms + 10_000,
    );
    let told = setting.client.push_one(&setting.a1, push_item(&expire));
    assert_eq!(told.status, Status::Accepted);
}

#[test]
fn an_institution_removed_from_the_network_is_told_so_and_writes_no_more() {
    let mut setting = Setting::new();
    let (b1, c1) = (TestDevice::new(2), TestDevice::new(3));
    let (b, mut b_client) = setting.second_institution(&b1);
    let (_, mut c_client) = setting.second_institution(&c1);
    let shared = section(&mut setting);
    setting
        .world
        .add_member(&setting.a1, shared, b.team, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let edit_before = edit(&mut setting, shared, 1);
    let mut b_items = b_client.sync(&b1, Vec::new()).1;
    c_client.sync(&c1, Vec::new());

    let network = setting.network;
    let removal = remove(&mut setting, network, b.institution.into());
    let d1 = TestDevice::new(4);
    setting.second_institution(&d1);
    let after = edit(&mut setting, network, 1);

    let new = b_client.sync(&b1, Vec::new()).1;
    assert!(ids(&new).contains(&removal));
    b_items.extend(new);
    let own = setting.world.logs[&network].operation(0).unwrap().id;
    assert!(ids(&b_items).contains(&own.into()));
    let known = replayed(&b_items)[&network].head().unwrap().operation;
    assert_eq!(ItemId::from(known), removal, "and nothing newer");
    let again = fresh(&setting).sync(&b1, Vec::new()).1;
    assert!(envelopes(&again).is_empty(), "content is for the network's");
    let known = replayed(&again)[&network].head().unwrap().operation;
    assert_eq!(ItemId::from(known), removal);
    // It still holds its grant in the section, and is no member of the network.
    b1.hold(&setting.a1);
    let written = setting.world.envelope(&b1, shared, 1, &[]);
    let told = b_client.push_one(&b1, push_envelope(&written));
    assert_eq!(
        (told.status, told.code),
        (Status::Rejected, Some(VerdictCode::NotAdmitted))
    );
    // The control: the third institution reads on.
    let seen = c_client.sync(&c1, Vec::new()).1;
    assert!(ids(&seen).contains(&removal) && envelopes(&seen).contains(&after));
    let all = envelopes(&fresh(&setting).sync(&setting.a1, Vec::new()).1);
    assert!(all.contains(&edit_before));
}

#[test]
fn a_team_that_left_its_institution_verifies_what_it_still_shares() {
    let mut setting = Setting::new();
    let d1 = TestDevice::new(4);
    let d = setting.world.person(&d1, setting.a.institution);
    // D's own team, which D manages, in A's institution.
    let create = setting
        .world
        .create(Kind::Team, Some(setting.a.institution), None);
    let manage = setting.world.add(d, Role::Manage);
    let epoch = setting.world.epoch(&d1);
    let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
    let team = setting.world.act(&d1, draft, None);
    let institution = setting.a.institution;
    setting
        .world
        .add_member(&setting.a1, institution, team, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    // A section that D's person reads by a grant of its own, beside the team.
    let shared = section(&mut setting);
    setting
        .world
        .add_member(&setting.a1, shared, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let mut client = fresh(&setting);
    let mut items = client.sync(&d1, Vec::new()).1;
    // The team leaves; D joins A's team at the same time.
    let removal = remove(&mut setting, institution, team.into());
    let a_team = setting.a.team;
    setting
        .world
        .add_member(&setting.a1, a_team, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let after = edit(&mut setting, shared, 1);
    items.extend(client.sync(&d1, Vec::new()).1);
    for seen in [items, fresh(&setting).sync(&d1, Vec::new()).1] {
        assert!(ids(&seen).contains(&removal) && envelopes(&seen).contains(&after));
        let logs = replayed(&seen);
        assert_eq!(logs[&shared].head(), setting.world.logs[&shared].head());
        assert_eq!(logs[&a_team].head(), setting.world.logs[&a_team].head());
    }
}

#[test]
fn who_comes_back_into_the_network_receives_what_their_own_grants_brought_meanwhile() {
    let mut setting = Setting::new();
    let d1 = TestDevice::new(4);
    let d = colleague(&mut setting, &d1);
    // Another institution's section, which only D's person reads here.
    let b1 = TestDevice::new(2);
    let (b, mut b_client) = setting.second_institution(&b1);
    let shared = setting.world.section(&b1, b.team);
    setting.world.add_member(&b1, shared, d, Role::Read);
    let push = setting.world.take();
    b_client.push(&b1, push);
    let mut client = fresh(&setting);
    client.sync(&d1, Vec::new());
    let team = setting.a.team;
    remove(&mut setting, team, d.into());
    let envelope = setting.world.envelope(&b1, shared, 1, &[]);
    b_client.push(&b1, vec![push_envelope(&envelope)]);
    let outside = client.sync(&d1, Vec::new()).1;
    assert!(envelopes(&outside).is_empty(), "in no institution");
    setting.world.add_member(&setting.a1, team, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let meanwhile: ItemId = envelope.id().into();
    assert_eq!(envelopes(&client.sync(&d1, Vec::new()).1), [meanwhile]);
    assert!(client.sync(&d1, Vec::new()).1.is_empty());
}

#[test]
fn a_team_that_comes_back_receives_what_its_grants_brought_meanwhile() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, mut client) = setting.second_institution(&b1);
    let shared = section(&mut setting);
    setting
        .world
        .add_member(&setting.a1, shared, b.team, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    client.sync(&b1, Vec::new());
    // B's institution leaves the network, and comes back.
    let network = setting.network;
    remove(&mut setting, network, b.institution.into());
    let meanwhile = edit(&mut setting, shared, 1);
    let outside = client.sync(&b1, Vec::new()).1;
    assert!(envelopes(&outside).is_empty(), "in no institution");
    setting
        .world
        .add_member(&setting.a1, network, b.institution, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    assert_eq!(envelopes(&client.sync(&b1, Vec::new()).1), [meanwhile]);
    assert!(client.sync(&b1, Vec::new()).1.is_empty());
}

/// D is in two teams; the second is in no institution any more, and D leaves the first.
#[test]
fn who_comes_back_through_one_team_receives_what_another_one_was_granted_meanwhile() {
    let mut setting = Setting::new();
    let (institution, team) = (setting.a.institution, setting.a.team);
    let d1 = TestDevice::new(4);
    let d = colleague(&mut setting, &d1);
    let b1 = TestDevice::new(2);
    let (b, mut b_client) = setting.second_institution(&b1);
    let create = setting.world.create(Kind::Team, Some(institution), None);
    let manage = setting.world.add(d, Role::Manage);
    let epoch = setting.world.epoch(&d1);
    let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
    let second = setting.world.act(&d1, draft, None);
    setting
        .world
        .add_member(&setting.a1, institution, second, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let mut client = fresh(&setting);
    client.sync(&d1, Vec::new());
    remove(&mut setting, institution, second.into());
    remove(&mut setting, team, d.into());
    client.sync(&d1, Vec::new());

    // Meanwhile B's institution grants the second team a section, and B writes there.
    let shared = setting.world.section(&b1, b.team);
    setting.world.add_member(&b1, shared, second, Role::Read);
    let push = setting.world.take();
    b_client.push(&b1, push);
    let envelope = setting.world.envelope(&b1, shared, 1, &[]);
    b_client.push(&b1, vec![push_envelope(&envelope)]);
    let meanwhile: ItemId = envelope.id().into();
    let outside = client.sync(&d1, Vec::new()).1;
    assert!(envelopes(&outside).is_empty(), "in no institution");
    setting.world.add_member(&setting.a1, team, d, Role::Write);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    assert_eq!(envelopes(&client.sync(&d1, Vec::new()).1), [meanwhile]);
    assert!(client.sync(&d1, Vec::new()).1.is_empty());
}
