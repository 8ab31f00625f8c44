//! History links that are supplied later, and reports of wraps that do not open.

use super::*;

/// A section whose second epoch does not lead back to the first, and A, who holds both seeds.
fn unlinked() -> (Offices, KeyId, KeyId, Effect) {
    let mut o = offices();
    let first = o.world.current_seed(&o.a1, o.section).unwrap();
    let number = o.world.next();
    let second = o.a1.fresh(number);
    let (old, new) = (KeyId(first.key_id()), KeyId(second.seed.key_id()));
    let link = Effect::Link {
        key_id: new,
        previous: old,
        link: epoch_secret::seal_history_link(&second.seed, &first),
    };
    o.world
        .act(&o.a1, Draft::new().epoch(second), Some(o.section));
    (o, old, new, link)
}

#[test]
fn a_missing_link_is_supplied_once_and_leads_back() {
    let (mut o, old, new, link) = unlinked();
    // C comes later, with nothing but the second epoch.
    o.c1.seeds.borrow_mut().remove(&old);
    o.world.wraps.retain(|wrap| !wrap.is_of(&old));
    assert!(o.world.opens(&o.c1, o.section));
    assert!(!o.c1.holds(&old), "control: nothing leads back yet");
    o.world.act(&o.a1, draft([link.clone()]), Some(o.section));
    o.world.open_all(&o.c1);
    assert!(o.c1.holds(&old) && o.c1.holds(&new));
    let again = refusal(o.world.attempt(&o.c1, vec![link], o.section));
    assert_eq!(again, contradiction("Link", "it is linked already"));
}

#[test]
fn a_link_leads_from_the_current_epoch_to_an_earlier_one_in_the_right_form() {
    let (mut o, old, new, good) = unlinked();
    let with = |key_id, previous, length| Effect::Link {
        key_id,
        previous,
        link: vec![0; length],
    };
    let unusable = "it is not for the current epoch, or that is stale";
    let bad = [
        (with(old, old, 48), unusable),
        (with(new, new, 48), "there is no such earlier epoch"),
        (
            with(new, KeyId([1; 32]), 48),
            "there is no such earlier epoch",
        ),
        (with(new, old, 47), "it is not of the right form"),
    ];
    for (effect, reason) in bad {
        let refused = refusal(o.world.attempt(&o.a1, vec![effect], o.section));
        assert_eq!(refused, contradiction("Link", reason));
    }
    let x1 = TestDevice::new(3);
    o.world.person(&x1, o.one.institution);
    let tried = o.world.attempt(&x1, vec![good.clone()], o.section);
    assert_eq!(refusal(tried), not_entitled("Link"));
    assert!(o.world.attempt(&o.a1, vec![good], o.section).is_ok());
}

#[test]
fn the_link_an_epoch_began_with_is_not_supplied_again() {
    let mut o = offices();
    let first = o.world.current_seed(&o.a1, o.section).unwrap();
    o.world.rotate(&o.a1, o.section);
    let second = o.world.current_seed(&o.a1, o.section).unwrap();
    let link = Effect::Link {
        key_id: KeyId(second.key_id()),
        previous: KeyId(first.key_id()),
        link: epoch_secret::seal_history_link(&second, &first),
    };
    let refused = refusal(o.world.attempt(&o.a1, vec![link], o.section));
    assert_eq!(refused, contradiction("Link", "it is linked already"));
}

#[test]
fn story_9_no_link_leads_across_a_cut_nor_from_a_stale_epoch() {
    let mut o = offices();
    let first = o.world.current_seed(&o.a1, o.section).unwrap();
    let number = o.world.next();
    let cut = NewEpoch {
        cut: true,
        ..o.a1.fresh(number)
    };
    o.world.act(&o.a1, Draft::new().epoch(cut), Some(o.section));
    let to = |o: &Offices, previous: &EpochSeed| {
        let current = o.world.current_seed(&o.a1, o.section).unwrap();
        Effect::Link {
            key_id: KeyId(current.key_id()),
            previous: KeyId(previous.key_id()),
            link: epoch_secret::seal_history_link(&current, previous),
        }
    };
    let across = to(&o, &first);
    let crossing = contradiction("Link", "no link leads across a cut");
    let refused = refusal(o.world.attempt(&o.a1, vec![across], o.section));
    assert_eq!(refused, crossing);
    // Two epochs later it is still refused; within what came after the cut it is not.
    let after_cut = o.world.current_seed(&o.a1, o.section).unwrap();
    let number = o.world.next();
    o.world.act(
        &o.a1,
        Draft::new().epoch(o.a1.fresh(number)),
        Some(o.section),
    );
    let refused = refusal(o.world.attempt(&o.a1, vec![to(&o, &first)], o.section));
    assert_eq!(refused, crossing);
    let within = vec![to(&o, &after_cut)];
    let taken = o.world.attempt(&o.a1, within.clone(), o.section);
    assert!(taken.is_ok(), "control");
    o.world
        .act(&o.a1, draft([remove_member(o.two.team)]), Some(o.section));
    let refused = refusal(o.world.attempt(&o.a1, within, o.section));
    let unusable = "it is not for the current epoch, or that is stale";
    assert_eq!(refused, contradiction("Link", unusable));
}

#[test]
fn a_wrap_that_does_not_open_is_reported_once_by_whom_it_is_for() {
    let mut o = offices();
    let [b1, r1] = [2, 3].map(TestDevice::new);
    let [b, r] = [&b1, &r1].map(|device| o.world.person(device, o.one.institution));
    o.world.join(&o.a1, o.one.team, b, Role::Read);
    o.world.join(&o.a1, o.one.team, r, Role::Read);
    let key_id = o.world.logs[&o.one.team].current_epoch().unwrap().key_id;
    let report = |key_id, recipient| vec![Effect::BadWrap { key_id, recipient }];
    let mut tried = |device, key_id, recipient: RecipientId| {
        let taken = o
            .world
            .attempt(device, report(key_id, recipient), o.one.team);
        taken.map(|state| state.length())
    };
    assert_eq!(
        tried(&r1, key_id, b.into()),
        Err(not_entitled("BadWrap")),
        "R is not inside B"
    );
    let none = contradiction("BadWrap", "there is no such wrap of the current epoch");
    assert_eq!(tried(&b1, key_id, b1.id.into()), Err(none.clone()));
    assert_eq!(tried(&b1, KeyId([1; 32]), b.into()), Err(none));
    assert_eq!(tried(&b1, key_id, b.into()), Ok(4));
    assert_eq!(o.world.staleness(o.one.team), None, "control");
    let effects = draft(report(key_id, b.into()));
    o.world.act(&b1, effects, Some(o.one.team));
    assert_eq!(
        o.world.staleness(o.one.team),
        Some(Staleness::BadWrap {
            recipient: b.into()
        })
    );
    let again = refusal(o.world.attempt(&b1, report(key_id, b.into()), o.one.team));
    assert_eq!(again, contradiction("BadWrap", "it was reported before"));
    // The next writer's epoch ends it.
    o.world.rotate(&o.a1, o.one.team);
    assert_eq!(o.world.staleness(o.one.team), None);
    assert!(o.world.opens(&b1, o.one.team));
}

/// A branch with an epoch of its own was carried back; the epoch's seed, and a link to it.
fn healed_epoch() -> (super::heal::Fork, EpochSeed) {
    let mut f = super::heal::before_a_fork();
    let a1 = TestDevice::new(1);
    let epoch = f.lost.new_epoch(&f.o.a1, f.o.section);
    let seed = epoch.seed.clone();
    f.lose(&a1, Draft::new().epoch(epoch), f.o.section);
    f.carry();
    (f, seed)
}

/// Begins an epoch in the log and tries to link it to the lost one.
fn try_link(
    f: &mut super::heal::Fork,
    next: NewEpoch,
    lost: &EpochSeed,
) -> Result<(), ReplayError> {
    let link = Effect::Link {
        key_id: KeyId(next.seed.key_id()),
        previous: KeyId(lost.key_id()),
        link: epoch_secret::seal_history_link(&next.seed, lost),
    };
    f.o.world
        .act(&f.o.a1, Draft::new().epoch(next), Some(f.o.section));
    let tried = f.o.world.attempt(&f.o.a1, vec![link], f.o.section);
    tried.map(|_| ())
}

fn crossing() -> Result<(), ReplayError> {
    Err(contradiction("Link", "no link leads across a cut"))
}

#[test]
fn a_link_leads_back_to_an_epoch_of_a_healed_branch_but_not_across_a_cut_since_the_fork() {
    for cut in [false, true] {
        let (mut f, lost) = healed_epoch();
        let number = f.o.world.next();
        let next = NewEpoch {
            cut,
            ..f.o.a1.fresh(number)
        };
        let expected = if cut { crossing() } else { Ok(()) };
        assert_eq!(try_link(&mut f, next, &lost), expected);
    }
}

#[test]
fn a_cut_later_on_a_branch_that_goes_on_from_a_healed_one_is_a_cut_for_both() {
    for cut in [false, true] {
        let (mut f, lost) = healed_epoch();
        f.branch.clear();
        let later = NewEpoch {
            cut,
            ..f.o.a1.fresh(f.o.world.next())
        };
        let a1 = TestDevice::new(1);
        f.lose(&a1, Draft::new().epoch(later), f.o.section);
        f.carry();
        let state = &f.o.world.logs[&f.o.section];
        assert_eq!(state.branches().len(), 2, "both hold the earlier epoch");
        let next = f.o.a1.fresh(f.o.world.next());
        let expected = if cut { crossing() } else { Ok(()) };
        assert_eq!(try_link(&mut f, next, &lost), expected);
    }
}
