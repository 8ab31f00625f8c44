//! Every way in which a right ends or an edit is taken out, each in a section of its own.

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::{Draft, Effect, History, Role};

use super::Town;
use crate::desk::{Desk, section_containers, task};
use crate::world::{NOW_MS, add_as};

pub fn write() {
    let mut town = Town::new(6);
    let sections: [SpaceId; 6] = std::array::from_fn(|_| town.section("tasks"));
    let [voided, closed, reduced, reading, cloned, unbuilt] = sections;
    let expiring = expiring_section(&mut town);
    void(&mut town, voided);
    close(&mut town, closed);
    reduce(&mut town, reduced);
    expire(&mut town, expiring);
    read_only(&mut town, reading);
    clone(&mut town, cloned);
    custodian_removes(&mut town, unbuilt);
    let groups = town.groups_of_one();
    town.world.write_bundle("ends/all", &town.a1, Some(&groups));
    let custodian = [town.person_k, town.two.institution, town.network];
    town.world
        .write_bundle("ends/custodian", &town.k1, Some(&custodian));
}

/// A voids C's first edit, and so the second, which builds on it.
fn void(town: &mut Town, section: SpaceId) {
    let Town { world, a1, c1, .. } = town;
    let mut at_c = Desk::new(world, c1, section, section_containers("tasks"));
    let replica = world.replica.clone();
    let first = at_c.write(world, &replica, c1, task("t1", "breaks readers"));
    let second = at_c.write(world, &replica, c1, task("t2", "builds on it"));
    world.accept_envelope(&first);
    world.accept_envelope(&second);
    let mut at_a = Desk::new(world, a1, section, section_containers("tasks"));
    let third = at_a.write(world, &replica, a1, task("t3", "does not"));
    world.accept_envelope(&third);
    let void = Effect::Void {
        envelopes: vec![first.id()],
        grants: Vec::new(),
    };
    world.act(a1, Draft::new().effect(void), Some(section));
}

/// A closes; C's edit from before counts provisionally, the one from after is held. Access is still
/// withdrawn afterwards.
fn close(town: &mut Town, section: SpaceId) {
    let team = town.two.team;
    let Town { world, a1, c1, .. } = town;
    let mut at_c = Desk::new(world, c1, section, section_containers("tasks"));
    let before = world.replica.clone();
    let first = at_c.write(world, &before, c1, task("t1", "in time"));
    world.accept_envelope(&first);
    world.act(a1, Draft::new().effect(Effect::Close {}), Some(section));
    let second = at_c.write(world, &before, c1, task("t2", "too late"));
    world.accept_envelope(&second);
    let mut at_once = Desk::new(world, c1, section, section_containers("tasks"));
    at_once.count_from(2);
    let after = world.replica.clone();
    let third = at_once.write(world, &after, c1, task("t3", "knew it"));
    world.accept_envelope(&third);
    let remove = Effect::Remove {
        grant: None,
        member: Some(team.into()),
        reason: 5,
    };
    world.act(a1, Draft::new().effect(remove), Some(section));
}

/// T2 may only read from now on.
fn reduce(town: &mut Town, section: SpaceId) {
    let team = town.two.team;
    let Town { world, a1, c1, .. } = town;
    let mut at_c = Desk::new(world, c1, section, section_containers("tasks"));
    let before = world.replica.clone();
    let reduce = Effect::SetRole {
        grant: world.grant_of(section, team),
        role: Role::Read,
    };
    world.act(a1, Draft::new().effect(reduce), Some(section));
    let late = at_c.write(world, &before, c1, task("t1", "C may only read now"));
    world.accept_envelope(&late);
    // Raised again: what C writes by the new role counts without the held one.
    let grant = world.grant_of(section, team);
    let raise = Effect::SetRole {
        grant,
        role: Role::Write,
    };
    world.act(a1, Draft::new().effect(raise), Some(section));
    let mut anew = Desk::new(world, c1, section, section_containers("tasks"));
    anew.count_from(1);
    let now = world.replica.clone();
    let good = anew.write(world, &now, c1, task("t2", "C writes again"));
    world.accept_envelope(&good);
}

/// A section in which T2's grant runs out.
fn expiring_section(town: &mut Town) -> SpaceId {
    let section = town.own_section("tasks");
    let team = town.two.team;
    let world = &mut town.world;
    let mut add = add_as(world.grant_id(), team, Role::Write, History::Full);
    if let Effect::Add { not_after_ms, .. } = &mut add {
        *not_after_ms = Some(NOW_MS - 1);
    }
    let current = world.current_seed(section);
    let draft = Draft::new().effect(add).wrap_missing(current);
    world.act(&town.a1, draft, Some(section));
    section
}

/// B, who only happens to sync, ends it.
fn expire(town: &mut Town, section: SpaceId) {
    let team = town.two.team;
    let Town { world, b1, c1, .. } = town;
    let mut at_c = Desk::new(world, c1, section, section_containers("tasks"));
    let before = world.replica.clone();
    let first = at_c.write(world, &before, c1, task("t1", "before anybody ended it"));
    world.accept_envelope(&first);
    let expire = Effect::Expire {
        grant: world.grant_of(section, team),
    };
    world.act(b1, Draft::new().effect(expire), Some(section));
    let second = at_c.write(world, &before, c1, task("t2", "after"));
    world.accept_envelope(&second);
}

/// B was made a reader and writes nevertheless, with a relay that does not mind.
fn read_only(town: &mut Town, section: SpaceId) {
    let (team, person_b) = (town.one.team, town.person_b);
    let Town { world, a1, b1, .. } = town;
    let reduce = Effect::SetRole {
        grant: world.grant_of(team, person_b),
        role: Role::Read,
    };
    world.act(a1, Draft::new().effect(reduce), Some(team));
    let replica = world.replica.clone();
    let mut at_b = Desk::new(world, b1, section, section_containers("tasks"));
    let never = at_b.write(world, &replica, b1, task("t1", "B only reads"));
    world.accept_envelope(&never);
}

/// A copied vault: two edits of D with one number, and one of C on both.
fn clone(town: &mut Town, section: SpaceId) {
    let Town { world, c1, d1, .. } = town;
    let replica = world.replica.clone();
    let mut one = Desk::new(world, d1, section, section_containers("tasks"));
    let mut other = Desk::new(world, d1, section, section_containers("tasks"));
    let first = one.write(world, &replica, d1, task("t1", "the vault"));
    let second = other.write(world, &replica, d1, task("t2", "its copy"));
    let mut at_c = Desk::new(world, c1, section, section_containers("tasks"));
    for envelope in [&first, &second] {
        world.accept_envelope(envelope);
        at_c.receive(world, envelope);
    }
    let third = at_c.write(world, &replica, c1, task("t3", "on both"));
    world.accept_envelope(&third);
}

/// A keyless custodian removes D from T2; D's edits before and after, nothing built on them.
fn custodian_removes(town: &mut Town, section: SpaceId) {
    let (team, person_d) = (town.two.team, town.person_d);
    let Town { world, d1, k1, .. } = town;
    let before = world.replica.clone();
    let mut at_d = Desk::new(world, d1, section, section_containers("tasks"));
    let first = at_d.write(world, &before, d1, task("t1", "in time"));
    world.accept_envelope(&first);
    let remove = Effect::Remove {
        grant: None,
        member: Some(person_d.into()),
        reason: 8,
    };
    world.act(k1, Draft::new().effect(remove), Some(team));
    let second = at_d.write(world, &before, d1, task("t2", "too late"));
    world.accept_envelope(&second);
}
