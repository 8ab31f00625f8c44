//! A relay restored from a backup forgets a removal. C, who never saw it, writes on; A, who has the
//! lost branch with its receipts, heals the log.

use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::effect::HealedOperation;
use nahtlos_protocol::space::{Draft, Effect};

use super::Town;
use super::removal::rotate;
use crate::desk::{Desk, section_containers, task};

pub fn write() {
    let mut town = Town::new(7);
    let section = town.section("tasks");
    let tasks = section_containers("tasks");
    let groups = town.groups_of_one();
    let groups_of_two = town.groups_of_two();
    let (team, network) = (town.two.team, town.network);
    let Town { world, a1, c1, .. } = &mut town;
    let start = world.replica.clone();
    let mut at_a = Desk::new(world, a1, section, tasks);
    let mut at_c = Desk::new(world, c1, section, tasks);
    let first = at_a.write(world, &start, a1, task("t1", "before the fork"));
    world.accept_envelope(&first);
    at_c.receive(world, &first);

    // A removes T2 and rotates, twice, and writes under the last key.
    let remove = Effect::Remove {
        grant: None,
        member: Some(team.into()),
        reason: 4,
    };
    let epoch = world.fresh(Some(section));
    let replica = world.replica.clone();
    let lost_one = world.prepare(
        &replica,
        a1,
        Draft::new().effect(remove).epoch(epoch),
        Some(section),
    );
    world.accept(&lost_one.operation, lost_one.wraps.clone());
    let epoch = world.fresh(Some(section));
    let replica = world.replica.clone();
    let lost_two = world.prepare(&replica, a1, Draft::new().epoch(epoch), Some(section));
    world.accept(&lost_two.operation, lost_two.wraps.clone());
    let on_branch = world.replica.clone();
    let second = at_a.write(world, &on_branch, a1, task("t2", "on the lost branch"));
    world.accept_envelope(&second);

    let lost: [ItemId; 3] = [
        lost_one.operation.id().into(),
        lost_two.operation.id().into(),
        second.id().into(),
    ];
    let receipts = lost.map(|id| world.receipt(id));
    world.restore_without(&lost);
    world.replica = start;

    // C rotates in the same place and writes.
    rotate(world, c1, section);
    let other_side = world.replica.clone();
    let third = at_c.write(
        world,
        &other_side,
        c1,
        task("t3", "by C, who saw no removal"),
    );
    world.accept_envelope(&third);
    world.offer_again(&second, receipts[2].clone());
    world.write_bundle("healed/forked", a1, Some(&groups));

    let branch: Vec<HealedOperation> = [&lost_one, &lost_two]
        .iter()
        .zip(&receipts)
        .map(|(lost, receipt)| HealedOperation {
            operation: lost.operation.bytes().to_vec(),
            receipt: codec::encode(receipt),
        })
        .collect();
    let heal = Draft::new().effect(Effect::Heal { branch }).after(network);
    let replica = world.replica.clone();
    let healed = world.prepare(&replica, a1, heal, Some(section));
    world.accept(&healed.operation, Vec::new());
    rotate(world, a1, section);
    let now = world.replica.clone();
    let fourth = at_a.write(world, &now, a1, task("t4", "after the heal"));
    world.accept_envelope(&fourth);
    let fifth = at_c.write(world, &other_side, c1, task("t5", "by C, too late"));
    world.accept_envelope(&fifth);
    world.write_bundle("healed/healed", a1, Some(&groups));
    world.forget_lost();
    world.write_bundle("healed/other_side", c1, Some(&groups_of_two));
}
