//! B is removed from T1. With a relay that lies about nothing but order, B adds two readers by what
//! it knew before: suspended, until A decides.

use nahtlos_protocol::identifier::KeyId;
use nahtlos_protocol::space::{Draft, Effect, History, Role};

use super::Town;
use crate::desk::{Desk, section_containers, task};
use crate::world::add_as;

pub fn write() {
    let mut town = Town::new(8);
    let section = town.own_section("tasks");
    let tasks = section_containers("tasks");
    let groups = town.groups_of_one();
    let (team, person_b) = (town.one.team, town.person_b);
    let (added, refused) = (town.person_d, town.two.team);
    let network = town.network;
    let Town {
        world, a1, b1, d1, ..
    } = &mut town;
    let before = world.replica.clone();
    let mut at_a = Desk::new(world, a1, section, tasks);

    let remove = Effect::Remove {
        grant: Some(world.grant_of(team, person_b)),
        member: None,
        reason: 6,
    };
    let epoch = world.fresh(Some(team));
    world.act(a1, Draft::new().effect(remove).epoch(epoch), Some(team));
    let (first, second) = (world.grant_id(), world.grant_id());
    let current = world.current_seed(section);
    let backdated = Draft::new()
        .effect(add_as(first, added, Role::Read, History::Full))
        .effect(add_as(second, refused, Role::Write, History::Full))
        .wrap_missing(current);
    let backdated = world.prepare(&before, b1, backdated, Some(section));
    world.accept(&backdated.operation, backdated.wraps);

    // A rotates, and says whom it passes over.
    let epoch = world.fresh(Some(section));
    let pass_over = Draft::new()
        .passing_over([first, second].into_iter().collect())
        .epoch(epoch);
    world.act(a1, pass_over, Some(section));
    let now = world.replica.clone();
    let edit = at_a.write(world, &now, a1, task("t1", "not for who is suspended"));
    world.accept_envelope(&edit);
    world.write_bundle("suspended/suspended", a1, Some(&groups));

    let void = Effect::Void {
        envelopes: Vec::new(),
        grants: vec![second],
    };
    let confirm = Effect::Confirm {
        grant: first,
        key_id: None,
    };
    let current: KeyId = world
        .state(section)
        .current_epoch()
        .expect("an epoch")
        .key_id;
    let current = world.seeds.get(&current);
    let decide = Draft::new()
        .effect(void)
        .effect(confirm)
        .wrap_missing(current);
    world.act(a1, decide, Some(section));
    world.write_bundle("suspended/decided", a1, Some(&groups));
    world.write_bundle("suspended/added", d1, Some(&[added, network]));
}
