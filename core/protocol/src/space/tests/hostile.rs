//! Logs made to divide replicas or to keep them busy.

use super::*;

/// Counts how often another log is looked at.
struct Counting<'a>(&'a Logs, std::cell::Cell<usize>);

impl authority::Logs for Counting<'_> {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.1.set(self.1.get() + 1);
        self.0.get(space).cloned()
    }
}

#[test]
fn many_grants_to_one_member_on_every_level_do_not_multiply_the_work() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let (section, _) = world.section(&a1, one.team);
    let looks = |world: &World| {
        let counting = Counting(&world.logs, std::cell::Cell::new(0));
        assert!(authority::right(&counting, &a1.id, &section).at_least(Role::Manage));
        let state = &world.logs[&section];
        let _ = authority::path_heads(&counting, &a1.id, state);
        recipients::effective_recipients(&counting, state, View::NEWEST, &Suspended::new())
            .unwrap();
        counting.1.get()
    };
    let before = looks(&world);
    for (space, member) in [(section, one.team), (one.team, one.person)] {
        let mut again = Draft::new();
        for _ in 0..30 {
            again = again.effect(world.add(member, Role::Read));
        }
        world.act(&a1, again, Some(space));
    }
    assert_eq!(world.logs[&section].grants().len(), 31, "control");
    assert_eq!(looks(&world), before);
}

#[test]
fn an_author_admitted_after_what_is_referred_to_is_unknown_to_everybody() {
    let mut world = World::new();
    let (a1, a2) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let old = world.logs[&one.person].head().unwrap();
    let shorter = world.logs.clone();
    let admit = world.add_device(&a2, Some(one.person));
    world.act(&a1, Draft::new().effect(admit), Some(one.person));
    let create = world.create(Kind::Section, None, None);
    let found = |reference| {
        let founding = Operation {
            version: 1,
            suite: 2,
            space: None,
            index: 0,
            previous: None,
            author: a2.id,
            claimed_at_ms: 0,
            references: vec![reference],
            effects: vec![create.clone()],
        };
        SignedOperation::sign(founding, &a2.keys.signing)
    };
    let replay = |logs: &Logs, signed| {
        SpaceState::found(signed, logs, Signatures::Verify).map(|state| state.length())
    };
    // Who has only what is referred to and who has more say the same: otherwise a relay would
    // accept what other devices never can, and every log that refers to it would end there.
    let forged = found(old);
    assert_eq!(replay(&shorter, &forged), Err(ReplayError::UnknownAuthor));
    assert_eq!(
        replay(&world.logs, &forged),
        Err(ReplayError::UnknownAuthor)
    );
    let newer = world.logs[&one.person].head().unwrap();
    assert_eq!(replay(&world.logs, &found(newer)), Ok(1), "control");
}
