//! Snapshots vouch for nothing: one over what counts, attested and disputed; one over a held edit.
//! And D, who was removed, says that its copy is erased.

use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::space::{Draft, Effect};

use super::Town;
use super::removal::rotate;
use crate::desk::{Desk, section_containers, task};

pub fn write() {
    let mut town = Town::new(9);
    let section = town.section("tasks");
    let tasks = section_containers("tasks");
    let groups = town.groups_of_one();
    let (team, person_d) = (town.two.team, town.person_d);
    let Town {
        world,
        a1,
        b1,
        c1,
        d1,
        ..
    } = &mut town;
    let old = world.replica.clone();
    let mut at_a = Desk::new(world, a1, section, tasks);
    let mut at_b = Desk::new(world, b1, section, tasks);
    let mut at_c = Desk::new(world, c1, section, tasks);
    let mut at_d = Desk::new(world, d1, section, tasks);
    let first = at_a.write(world, &old, a1, task("t1", "by A"));
    at_c.receive(world, &first);
    let second = at_c.write(world, &old, c1, task("t2", "by C"));
    for envelope in [&first, &second] {
        world.accept_envelope(envelope);
        at_b.receive(world, envelope);
        at_d.receive(world, envelope);
    }
    at_a.receive(world, &second);
    let covering = at_a.snapshot(world, &old, a1);
    world.accept_envelope(&covering);
    let attest = at_c.say(world, &old, c1, EnvelopeKind::Attest, &covering);
    world.accept_envelope(&attest);
    let dispute = at_b.say(world, &old, b1, EnvelopeKind::Dispute, &covering);
    world.accept_envelope(&dispute);

    // D is removed and writes late; C, who does not know better, covers it with a snapshot.
    let held_under = world.current_seed(section);
    let remove = Effect::Remove {
        grant: Some(world.grant_of(team, person_d)),
        member: None,
        reason: 1,
    };
    let epoch = world.fresh(Some(team));
    world.act(c1, Draft::new().effect(remove).epoch(epoch), Some(team));
    rotate(world, a1, section);
    let new = world.replica.clone();
    let third = at_a.write(world, &new, a1, task("t3", "by A, who knows"));
    world.accept_envelope(&third);
    let late = at_d.write(world, &old, d1, task("t4", "by D too late"));
    world.accept_envelope(&late);
    at_c.receive(world, &late);
    let over_held = at_c.snapshot(world, &old, c1);
    world.accept_envelope(&over_held);

    // D's device has the operation that removed it, and nothing newer.
    let mut told = old.clone();
    let team_log = new.logs[&team].clone();
    told.logs.insert(team, team_log);
    let erasure = at_d.erase(world, &told, d1, &held_under);
    world.accept_envelope(&erasure);
    world.write_bundle("snapshots", a1, Some(&groups));
}
