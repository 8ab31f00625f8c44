//! Rules that only an odd history shows: each would go unnoticed in the other worlds.

use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{GrantId, ItemId, SpaceId};
use nahtlos_protocol::space::effect::HealedOperation;
use nahtlos_protocol::space::{Draft, Effect, History, Kind, Prepared, Role};

use super::removal::rotate;
use super::{Town, join};
use crate::desk::{Desk, section_containers, task};
use crate::world::{Device, Replica, World, add_as};

/// An institution's stale key is the network's business as it is; and who began an epoch and left by the
/// same operation knows it, though nobody else did.
pub fn write_keys() {
    let mut town = Town::new(11);
    let (left, rotated) = (town.own_section("tasks"), town.own_section("tasks"));
    let groups = town.groups_of_one();
    let (person_c, person_d, network) = (town.two.person, town.person_d, town.network);
    let Town {
        world, a1, c1, d1, ..
    } = &mut town;

    // C has a new key of its own, so institution 2's is stale; the network wraps to it all the same.
    rotate(world, c1, person_c);
    rotate(world, a1, network);

    // D manages two sections, and leaves both with a new key that it made itself.
    for section in [left, rotated] {
        join(world, a1, section, person_d, Role::Manage);
        let leave = remove(world.grant_of(section, person_d));
        let epoch = world.fresh(Some(section));
        let draft = Draft::new().effect(leave).epoch(epoch);
        world.act(d1, draft, Some(section));
    }
    rotate(world, a1, rotated);
    let now = world.replica.clone();
    let mut at_a = Desk::new(world, a1, rotated, section_containers("tasks"));
    let first = at_a.write(world, &now, a1, task("t1", "D does not know this key"));
    world.accept_envelope(&first);
    world.write_bundle("edges/keys", a1, Some(&groups));
}

/// D manages a section through team T3 and writes there through T2. C ends D's part in T3; D adds K by
/// what it knew before. That D still writes does not make it a manager: K is passed over, and what K
/// writes is nobody's right. In another section D's right ends in the section's own log, after the
/// addition: that stands. And an edit of somebody who never could write is vouched for.
pub fn write_rights() {
    let mut town = Town::new(12);
    let (doubtful, ordered, vouched) = (
        town.section("tasks"),
        town.own_section("tasks"),
        town.section("tasks"),
    );
    let groups = town.groups_of_one();
    let team_three = third_team(&mut town);
    backdated_by_a_former_manager(&mut town, doubtful, team_three);
    ended_in_the_same_log(&mut town, ordered);
    vouched_for_a_reader(&mut town, vouched);
    town.world
        .write_bundle("edges/rights", &town.a1, Some(&groups));
}

/// C manages T3, D writes in it.
fn third_team(town: &mut Town) -> SpaceId {
    let (institution, person_c, person_d) = (town.two.institution, town.two.person, town.person_d);
    let Town { world, c1, .. } = town;
    let create = world.create(Kind::Team, Some(institution), None);
    let manage = world.add(person_c, Role::Manage);
    let write = world.add(person_d, Role::Write);
    let epoch = world.fresh(None);
    let draft = [create, manage, write]
        .into_iter()
        .fold(Draft::new(), Draft::effect);
    world.act(c1, draft.epoch(epoch), None)
}

fn backdated_by_a_former_manager(town: &mut Town, section: SpaceId, team: SpaceId) {
    let (person_d, person_k) = (town.person_d, town.person_k);
    let Town {
        world,
        a1,
        c1,
        d1,
        k1,
        ..
    } = town;
    join(world, a1, section, team, Role::Manage);
    let before = world.replica.clone();
    let leave = remove(world.grant_of(team, person_d));
    let epoch = world.fresh(Some(team));
    world.act(c1, Draft::new().effect(leave).epoch(epoch), Some(team));

    let grant = world.grant_id();
    let current = world.current_seed(section);
    let backdated = Draft::new()
        .effect(add_as(grant, person_k, Role::Write, History::Full))
        .wrap_missing(current);
    let backdated = world.prepare(&before, d1, backdated, Some(section));
    world.accept(&backdated.operation, backdated.wraps);
    let with_k = world.replica.clone();
    let mut at_k = Desk::new(world, k1, section, section_containers("tasks"));
    let first = at_k.write(
        world,
        &with_k,
        k1,
        task("t1", "by K, whom nobody stands for"),
    );
    world.accept_envelope(&first);

    let epoch = world.fresh(Some(section));
    let pass_over = Draft::new()
        .passing_over([grant].into_iter().collect())
        .epoch(epoch);
    world.act(a1, pass_over, Some(section));
    let now = world.replica.clone();
    let mut at_a = Desk::new(world, a1, section, section_containers("tasks"));
    let second = at_a.write(world, &now, a1, task("t2", "not for K"));
    world.accept_envelope(&second);
}

fn ended_in_the_same_log(town: &mut Town, section: SpaceId) {
    let (person_d, person_k) = (town.person_d, town.person_k);
    let Town {
        world, a1, d1, k1, ..
    } = town;
    join(world, a1, section, person_d, Role::Manage);
    join(world, d1, section, person_k, Role::Write);
    let leave = remove(world.grant_of(section, person_d));
    let epoch = world.fresh(Some(section));
    let draft = Draft::new().effect(leave).epoch(epoch);
    world.act(a1, draft, Some(section));
    let now = world.replica.clone();
    let mut at_k = Desk::new(world, k1, section, section_containers("tasks"));
    let edit = at_k.write(world, &now, k1, task("t1", "by K, added before D left"));
    world.accept_envelope(&edit);
}

fn vouched_for_a_reader(town: &mut Town, section: SpaceId) {
    let person_k = town.person_k;
    let Town { world, a1, k1, .. } = town;
    join(world, a1, section, person_k, Role::Read);
    let now = world.replica.clone();
    let mut at_k = Desk::new(world, k1, section, section_containers("tasks"));
    let first = at_k.write(world, &now, k1, task("t1", "by K, who only reads"));
    world.accept_envelope(&first);
    let mut at_a = Desk::new(world, a1, section, section_containers("tasks"));
    at_a.receive(world, &first);
    let second = at_a.write(world, &now, a1, task("t2", "A builds on it"));
    world.accept_envelope(&second);
    let mut alone = Desk::new(world, k1, section, section_containers("tasks"));
    alone.count_from(1);
    let third = alone.write(world, &now, k1, task("t3", "by K, and nobody builds on it"));
    world.accept_envelope(&third);
}

/// The relay forgets that A let D write, and that D has a second device. B lets D write in the same place,
/// and D's first device makes a new key in the other one. What names the lost operations stands for the
/// logs as far as the forks; the second device's signatures verify once the branch is healed.
pub fn write_branches() {
    let mut town = Town::new(13);
    let section = town.own_section("tasks");
    let groups = town.groups_of_one();
    let (person_d, network) = (town.person_d, town.network);
    let d2 = Device::new(6);
    let tasks = section_containers("tasks");
    let Town {
        world, a1, b1, d1, ..
    } = &mut town;
    let start = world.replica.clone();

    let current = world.current_seed(section);
    let add = world.add(person_d, Role::Write);
    let draft = Draft::new().effect(add).wrap_missing(current);
    let lost_grant = lose(world, a1, section, draft);
    let current = world.current_seed(person_d);
    let add = world.add_device(&d2, Some(person_d));
    let draft = Draft::new().effect(add).wrap_missing(current);
    let lost_device = lose(world, d1, person_d, draft);
    let on_branch = world.replica.clone();
    let mut at_d = Desk::new(world, d1, section, tasks);
    let first = at_d.write(world, &on_branch, d1, task("t1", "D, by the lost grant"));
    let mut at_d2 = Desk::new(world, &d2, section, tasks);
    let second = at_d2.write(
        world,
        &on_branch,
        &d2,
        task("t2", "D's lost device, by the branch"),
    );

    let lost: [ItemId; 2] = [&lost_grant, &lost_device].map(|lost| lost.operation.id().into());
    let receipts = lost.map(|id| world.receipt(id));
    world.restore_without(&lost);
    world.replica = start;
    join(world, b1, section, person_d, Role::Write);
    rotate(world, d1, person_d);
    heal(
        world,
        a1,
        section,
        network,
        &lost_grant,
        codec::encode(&receipts[0]),
    );
    heal(
        world,
        d1,
        person_d,
        network,
        &lost_device,
        codec::encode(&receipts[1]),
    );
    for edit in [&first, &second] {
        world.accept_envelope(edit);
    }

    // A knows both heals; D writes by B's grant; D's second device names the healed log.
    rotate(world, a1, section);
    let now = world.replica.clone();
    let mut again = Desk::new(world, d1, section, tasks);
    again.count_from(1);
    let third = again.write(world, &now, d1, task("t3", "D, by the grant that stands"));
    world.accept_envelope(&third);
    let mut with_healed = Desk::new(world, &d2, section, tasks);
    with_healed.count_from(1);
    with_healed.also_names = vec![person_d];
    let fourth = with_healed.write(world, &now, &d2, task("t4", "D's lost device, by the heal"));
    world.accept_envelope(&fourth);
    // B never had what was lost.
    world.forget_lost();
    world.write_bundle("edges/branches", b1, Some(&groups));
}

/// Taken in by the relay, to be forgotten by it.
fn lose(world: &mut World, who: &Device, space: SpaceId, draft: Draft) -> Prepared {
    let replica: Replica = world.replica.clone();
    let made = world.prepare(&replica, who, draft, Some(space));
    world.accept(&made.operation, made.wraps.clone());
    made
}

fn heal(
    world: &mut World,
    who: &Device,
    space: SpaceId,
    network: SpaceId,
    lost: &Prepared,
    receipt: Vec<u8>,
) {
    let branch = vec![HealedOperation {
        operation: lost.operation.bytes().to_vec(),
        receipt,
    }];
    let draft = Draft::new().effect(Effect::Heal { branch }).after(network);
    world.act(who, draft, Some(space));
}

fn remove(grant: GrantId) -> Effect {
    Effect::Remove {
        grant: Some(grant),
        member: None,
        reason: 7,
    }
}
