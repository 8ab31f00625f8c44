//! Erasures in closed sections: who manages one erases it, nobody else does, and not before it is closed. A
//! relay that lies serves what was in them all the same.

use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::{Draft, Effect};

use super::Town;
use crate::desk::{Desk, section_containers, task};
use crate::world::{Device, World};

pub fn write() {
    let mut town = Town::new(41);
    let groups = town.groups_of_one();
    let [by_manager, by_writer, of_open, in_time, too_late, voided] = [
        "tasks",
        "journal",
        "plan",
        "labour",
        "education",
        "function",
    ]
    .map(|code| town.section(code));
    let (team, person_b) = (town.one.team, town.person_b);
    let Town {
        world, a1, b1, c1, ..
    } = &mut town;
    let tasks = section_containers("tasks");
    let replica = world.replica.clone();
    let mut at_c = Desk::new(world, c1, by_manager, tasks);
    let written = at_c.write(world, &replica, c1, task("t1", "by C"));
    world.accept_envelope(&written);

    close(world, a1, by_manager);
    let ordered = erasure(world, a1, by_manager, Some("retention_ended"));
    world.accept_envelope(&ordered);
    // C says that C's copy is gone, once the section is erased.
    let said = erasure(world, c1, by_manager, None);
    world.accept_envelope(&said);

    close(world, a1, by_writer);
    let untrue = erasure(world, c1, by_writer, Some("ordered"));
    world.accept_envelope(&untrue);

    let early = erasure(world, a1, of_open, Some("ordered"));
    world.accept_envelope(&early);
    close(world, a1, of_open);

    close(world, a1, voided);
    let word = erasure(world, a1, voided, Some("a_code_of_a_newer_list"));
    world.accept_envelope(&word);
    let void = Effect::Void {
        envelopes: vec![word.id()],
        grants: Vec::new(),
    };
    world.act(a1, Draft::new().effect(void), Some(voided));

    // B manages through the team, says so in time of one section, and of another after leaving.
    for section in [in_time, too_late] {
        close(world, a1, section);
    }
    let word = erasure(world, b1, in_time, Some("persons_request"));
    world.accept_envelope(&word);
    let late = erasure(world, b1, too_late, Some("persons_request"));
    let remove = Effect::Remove {
        grant: None,
        member: Some(person_b.into()),
        reason: 1,
    };
    let epoch = world.fresh(Some(team));
    world.act(a1, Draft::new().effect(remove).epoch(epoch), Some(team));
    world.accept_envelope(&late);
    world.write_bundle("erased", a1, Some(&groups));
}

fn close(world: &mut World, who: &Device, section: SpaceId) {
    world.act(who, Draft::new().effect(Effect::Close {}), Some(section));
}

/// By what everybody knows now.
fn erasure(world: &mut World, who: &Device, section: SpaceId, reason: Option<&str>) -> Envelope {
    let replica = world.replica.clone();
    let seed = world.current_seed(section);
    let mut desk = Desk::new(world, who, section, section_containers("tasks"));
    desk.count_from(7);
    desk.erase_section(world, &replica, who, &seed, reason)
}
