//! Who holds which key: a cut, a junk epoch, and a device that a custodian replaced.

use nahtlos_protocol::crypto::epoch_secret;
use nahtlos_protocol::identifier::{SpaceId, WrapHash};
use nahtlos_protocol::space::effect::Member;
use nahtlos_protocol::space::{
    Draft, Effect, History, Operation, Recipient, Role, SignedOperation, Wrap, recipients,
};

use super::removal::rotate;
use super::{Town, join};
use crate::desk::{Desk, section_containers, task};
use crate::world::{Device, World, add_as};

/// B is added to a section from now: B opens the cut and what came later.
pub fn write_from_now() {
    let mut town = Town::new(3);
    // D stands for somebody from elsewhere: T2 has no part in this section.
    let section = town.own_section("tasks");
    let groups = [town.person_d, town.network];
    let person_d = town.person_d;
    let Town { world, a1, d1, .. } = &mut town;
    let tasks = section_containers("tasks");
    let mut at_a = Desk::new(world, a1, section, tasks);
    let before = world.replica.clone();
    let first = at_a.write(world, &before, a1, task("t1", "before the cut"));
    world.accept_envelope(&first);
    rotate(world, a1, section);

    let grant = world.grant_id();
    let mut cut = world.fresh(None);
    cut.cut = true;
    let key_id = nahtlos_protocol::identifier::KeyId(cut.seed.key_id());
    let again = world.seeds.get(&key_id);
    let draft = Draft::new()
        .effect(add_as(grant, person_d, Role::Read, History::FromNow))
        .epoch(cut)
        .effect_after_epoch(Effect::Confirm {
            grant,
            key_id: Some(key_id),
        })
        .wrap_missing(again);
    world.act(a1, draft, Some(section));
    let now = world.replica.clone();
    let second = at_a.write(world, &now, a1, task("t2", "after the cut"));
    world.accept_envelope(&second);
    rotate(world, a1, section);
    let later = world.replica.clone();
    let third = at_a.write(world, &later, a1, task("t3", "two epochs on"));
    world.accept_envelope(&third);
    world.write_bundle("from_now/newcomer", d1, Some(&groups));
    let own = town.groups_of_one();
    town.world
        .write_bundle("from_now/before", &town.a1, Some(&own));
}

/// C begins an epoch whose wrap for T1 is junk. B reports it, A rotates without the junk seed, and C
/// supplies the link.
pub fn write_junk_epoch() {
    let mut town = Town::new(4);
    let section = town.section("tasks");
    let groups = town.groups_of_one();
    let team = town.one.team;
    let Town {
        world, a1, b1, c1, ..
    } = &mut town;
    let tasks = section_containers("tasks");
    let mut at_c = Desk::new(world, c1, section, tasks);
    let start = world.replica.clone();
    let first = at_c.write(world, &start, c1, task("t1", "before"));
    world.accept_envelope(&first);

    let junk = junk_epoch(world, c1, section, team);
    let under_junk = world.replica.clone();
    let second = at_c.write(world, &under_junk, c1, task("t2", "under the junk epoch"));
    world.accept_envelope(&second);
    let report = Effect::BadWrap {
        key_id: junk,
        recipient: team.into(),
    };
    world.act(b1, Draft::new().effect(report), Some(section));
    let unlinked = world.fresh(None);
    world.act(a1, Draft::new().epoch(unlinked), Some(section));
    let current = world
        .state(section)
        .current_epoch()
        .expect("an epoch")
        .key_id;
    let link = Effect::Link {
        key_id: current,
        previous: junk,
        link: epoch_secret::seal_history_link(&world.seeds.get(&current), &world.seeds.get(&junk)),
    };
    world.act(c1, Draft::new().effect(link), Some(section));
    let now = world.replica.clone();
    let third = at_c.write(world, &now, c1, task("t3", "everybody reads on"));
    world.accept_envelope(&third);
    world.write_bundle("junk_epoch", a1, Some(&groups));
}

/// Signs an epoch by hand whose wrap for one recipient holds junk.
fn junk_epoch(
    world: &mut World,
    who: &Device,
    space: SpaceId,
    victim: SpaceId,
) -> nahtlos_protocol::identifier::KeyId {
    let epoch = world.fresh(Some(space));
    let replica = world.replica.clone();
    let honest = world.prepare(&replica, who, Draft::new().epoch(epoch), Some(space));
    let mut wraps = honest.wraps;
    let mut operation: Operation = honest.operation.operation().clone();
    let Some(Effect::Epoch {
        key_id,
        recipients: listed,
        ..
    }) = operation.effects.first_mut()
    else {
        panic!("the draft holds an epoch");
    };
    let key_id = *key_id;
    spoil(listed, &mut wraps, victim);
    let signed = SignedOperation::sign(operation, &who.keys.signing);
    world.accept(&signed, wraps);
    key_id
}

fn spoil(listed: &mut [Recipient], wraps: &mut [Wrap], victim: SpaceId) {
    let recipient = victim.into();
    for wrap in wraps.iter_mut().filter(|wrap| wrap.recipient == recipient) {
        wrap.bytes.fill(0x66);
        let hash: WrapHash = recipients::wrap_hash(&wrap.bytes);
        for entry in listed.iter_mut().filter(|entry| entry.id == recipient) {
            entry.wrap = hash;
        }
    }
}

/// K, a custodian, revokes C's only device and adds another; nobody is left inside, so D, a writer
/// of the team above, confirms it. T2 goes on meanwhile.
pub fn write_custodian() {
    let mut town = Town::new(5);
    let section = town.section("tasks");
    let c2 = Device::new(6);
    let person_c = town.two.person;
    let (team, network) = (town.two.team, town.network);
    let institution = town.two.institution;
    let groups = [person_c, team, institution, network];
    let Town {
        world, c1, d1, k1, ..
    } = &mut town;
    let tasks = section_containers("tasks");
    let mut at_d = Desk::new(world, d1, section, tasks);
    let old = world.replica.clone();
    let first = at_d.write(world, &old, d1, task("t1", "by D"));
    world.accept_envelope(&first);

    join(world, c1, institution, team, Role::Read);
    let revoke = Effect::Remove {
        grant: None,
        member: Some(c1.id.into()),
        reason: 2,
    };
    world.act(k1, Draft::new().effect(revoke), Some(person_c));
    let replace = world.add_device(&c2, Some(person_c));
    let Effect::Add {
        grant,
        member: Member::Device { .. },
        ..
    } = &replace
    else {
        panic!("a device is added");
    };
    let grant = *grant;
    world.act(k1, Draft::new().effect(replace), Some(person_c));
    // Nobody is in the person's space now: T2 wraps around it.
    rotate(world, d1, team);
    world.write_bundle("custodian/waiting", &c2, Some(&groups));

    let confirm = Effect::Confirm {
        grant,
        key_id: None,
    };
    let draft = Draft::new().effect(confirm);
    let draft = draft.after(team).after(institution);
    world.act(d1, draft, Some(person_c));
    rotate(world, d1, team);
    rotate(world, d1, section);
    let now = world.replica.clone();
    let second = at_d.write(
        world,
        &now,
        d1,
        task("t2", "C reads this with a new device"),
    );
    world.accept_envelope(&second);
    // C's new device begins an epoch of C's own.
    rotate(world, &c2, person_c);
    world.write_bundle("custodian/confirmed", &c2, Some(&groups));
}
