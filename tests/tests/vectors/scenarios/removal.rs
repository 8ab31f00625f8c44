//! D is removed from T2. What D wrote in time counts as long as nobody who knows of the end writes
//! without it; what D writes late is held, and A adopts it.

use nahtlos_protocol::space::{Draft, Effect};

use super::Town;
use crate::desk::{Desk, section_containers, task};

pub fn write() {
    let mut town = Town::new(2);
    let section = town.section("tasks");
    let tasks = section_containers("tasks");
    let old = town.world.replica.clone();
    let groups = town.groups_of_one();
    let Town {
        world,
        a1,
        c1,
        d1,
        person_d,
        two,
        ..
    } = &mut town;
    let mut at_a = Desk::new(world, a1, section, tasks);
    let mut at_c = Desk::new(world, c1, section, tasks);
    let mut at_d = Desk::new(world, d1, section, tasks);

    // D's first edit, on which C builds; D's second, on which nobody does.
    let first = at_d.write(world, &old, d1, task("t1", "by D, and C builds on it"));
    world.accept_envelope(&first);
    at_c.receive(world, &first);
    let second = at_c.write(world, &old, c1, task("t2", "by C"));
    world.accept_envelope(&second);
    at_d.receive(world, &second);
    let third = at_d.write(world, &old, d1, task("t3", "by D in time"));
    world.accept_envelope(&third);

    // C removes D, with a new key of the team.
    let remove = Effect::Remove {
        grant: Some(world.grant_of(two.team, *person_d)),
        member: None,
        reason: 1,
    };
    let epoch = world.fresh(Some(two.team));
    world.act(c1, Draft::new().effect(remove).epoch(epoch), Some(two.team));
    world.write_bundle("removal/provisional", a1, Some(&groups));

    // A knows of it, rotates, and writes without D's third edit, which the relay withheld.
    rotate(world, a1, section);
    let new = world.replica.clone();
    at_a.receive(world, &first);
    at_a.receive(world, &second);
    let fourth = at_a.write(world, &new, a1, task("t4", "by A, who knows"));
    world.accept_envelope(&fourth);
    // D, who does not know, writes late, without the third: its vault was opened again.
    let mut at_d = Desk::new(world, d1, section, tasks);
    at_d.count_from(2);
    at_d.receive(world, &first);
    at_d.receive(world, &second);
    let fifth = at_d.write(world, &old, d1, task("t5", "by D too late"));
    world.accept_envelope(&fifth);
    world.write_bundle("removal/held", a1, Some(&groups));

    // A adopts the late one.
    at_a.receive(world, &fifth);
    let sixth = at_a.write(world, &new, a1, task("t6", "adopts D's late edit"));
    world.accept_envelope(&sixth);
    world.write_bundle("removal/adopted", a1, Some(&groups));

    // D's device with everything the relay has opens nothing new.
    world.write_bundle("removal/removed_device", d1, None);
}

/// A new epoch that links back.
pub fn rotate(
    world: &mut crate::world::World,
    who: &crate::world::Device,
    space: nahtlos_protocol::identifier::SpaceId,
) {
    let epoch = world.fresh(Some(space));
    world.act(who, Draft::new().epoch(epoch), Some(space));
}
