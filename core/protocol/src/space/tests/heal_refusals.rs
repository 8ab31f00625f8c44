//! What is no lost branch, and who may carry one.

use super::heal::{Fork, before_a_fork};
use super::*;

const UNPROVED: &str = "an operation of the branch bears no receipt of this network's relay";

fn tried(f: &mut Fork, by: &TestDevice) -> Result<u64, ReplayError> {
    let heal = f.heal();
    let state = f.o.world.attempt_draft(by, heal, f.o.section)?;
    Ok(state.length())
}

fn refused(reason: &'static str) -> Result<u64, ReplayError> {
    Err(contradiction("Heal", reason))
}

#[test]
fn story_11_a_branch_that_a_removed_manager_signed_afterwards_changes_nothing() {
    // B manages the section and is removed; then B signs a branch from before that.
    let mut f = before_a_fork();
    let [b1, r1] = [2, 3].map(TestDevice::new);
    let [b, r] = [&b1, &r1].map(|device| f.o.world.person(device, f.o.one.institution));
    f.o.world.join(&f.o.a1, f.o.section, b, Role::Manage);
    f.o.world.join(&f.o.a1, f.o.section, r, Role::Read);
    f.lost = f.o.world.other();
    let end = draft([remove_member(b)]);
    f.o.world.act(&f.o.a1, end, Some(f.o.section));

    let effects = draft([remove_member(f.o.one.team), remove_member(f.o.two.team)]);
    let made = f.lost.act(&b1, effects, Some(f.o.section));
    let mut accomplice = TestRelay::new(66);
    f.branch = vec![accomplice.receive(&made.operation)];
    assert_eq!(tried(&mut f, &r1), refused(UNPROVED));
    // The receipt of another operation does not fit either.
    let mut relay = TestRelay::new(1);
    let other = f.o.world.rotate(&f.o.a1, f.o.section);
    f.branch[0].receipt = relay.receive(&other.operation).receipt;
    assert_eq!(tried(&mut f, &r1), refused(UNPROVED));
    assert_eq!(
        f.o.world.right(&f.o.a1, f.o.section).role,
        Some(Role::Manage)
    );
    // Control: with the relay's receipt for it, it is a lost branch.
    f.branch = vec![relay.receive(&made.operation)];
    assert_eq!(tried(&mut f, &r1), Ok(7));
}

#[test]
fn story_12_a_device_without_any_right_left_carries_the_only_copy() {
    let mut f = before_a_fork();
    f.lose_for(vec![remove_member(f.o.two.team)]);
    let x1 = TestDevice::new(6);
    let x = f.o.world.person(&x1, f.o.one.institution);
    f.o.world.join(&f.o.a1, f.o.section, x, Role::Read);
    f.o.world
        .act(&f.o.a1, draft([remove_member(x)]), Some(f.o.section));
    assert_eq!(
        f.o.world.right(&x1, f.o.section),
        authority::Right::default()
    );
    let draft = f.heal().after(x);
    f.o.world.act(&x1, draft, Some(f.o.section));
    assert_eq!(f.o.world.right(&f.o.c1, f.o.section).role, None);
    // Somebody nobody ever admitted cannot.
    let nobody = TestDevice::new(99);
    assert_eq!(tried(&mut f, &nobody), Err(ReplayError::UnknownAuthor));
}

#[test]
fn receipts_of_every_key_the_network_had_named_prove_and_of_later_ones_do_not() {
    let mut f = before_a_fork();
    f.lose_for(vec![remove_member(f.o.two.team)]);
    let old = f.o.world.logs.clone();
    let next = TestRelay::new(2);
    let key = VerifyingKeyBytes(*next.signing.verifying_key().as_bytes());
    let effects = draft([Effect::SetRelay { key }]);
    f.o.world.act(&f.o.a1, effects, Some(f.network));
    let a1 = TestDevice::new(1);
    assert_eq!(tried(&mut f, &a1), Ok(3), "by the key before");
    let made = SignedOperation::decode(&f.branch[0].operation).unwrap();
    let mut relay = next;
    f.branch = vec![relay.receive(&made)];
    assert_eq!(tried(&mut f, &a1), Ok(3), "by the new key");
    // An author who does not come after the naming cannot use it, whatever the replica has.
    let mut behind = f.o.world.other();
    behind.logs = old;
    let heal = behind.prepare(&a1, f.heal(), Some(f.o.section));
    assert!(matches!(
        heal,
        Err(AuthorError::Replay(ReplayError::Contradiction {
            reason: UNPROVED,
            ..
        }))
    ));
}

#[test]
fn a_heal_comes_after_the_network_it_is_proved_by() {
    let mut f = before_a_fork();
    f.lose_for(vec![remove_member(f.o.two.team)]);
    let branch = f.branch.clone();
    let heal = vec![Effect::Heal { branch }];
    let unnamed = contradiction("Heal", "it does not come after the network's log");
    let silent = f.o.world.attempt(&f.o.a1, heal, f.o.section);
    assert_eq!(refusal(silent), unnamed);
    let a1 = TestDevice::new(1);
    assert_eq!(tried(&mut f, &a1), Ok(3), "control");
    f.o.world.logs.network = None;
    assert_eq!(tried(&mut f, &a1), Err(unnamed));
}

#[test]
fn what_is_not_lost_is_not_healed() {
    let mut f = before_a_fork();
    let a1 = TestDevice::new(1);
    let made = f.lose_for(vec![remove_member(f.o.two.team)]);
    assert_eq!(tried(&mut f, &a1), Ok(3), "control");
    f.o.world.take(&made);
    assert_eq!(
        tried(&mut f, &a1),
        refused("an operation of the branch is not lost")
    );
    f.branch.clear();
    assert_eq!(
        tried(&mut f, &a1),
        refused("the branch does not begin on this log")
    );
}

#[test]
fn a_branch_is_one_unbroken_and_readable_run_of_this_spaces_operations() {
    let mut f = before_a_fork();
    let a1 = TestDevice::new(1);
    let void = |number| Effect::Void {
        envelopes: vec![EnvelopeId([number; 32])],
        grants: vec![],
    };
    for number in 1..=3 {
        f.lose_for(vec![void(number)]);
    }
    assert_eq!(tried(&mut f, &a1), Ok(3), "control");
    let whole = f.branch.clone();
    f.branch = vec![whole[0].clone(), whole[2].clone()];
    assert_eq!(tried(&mut f, &a1), Err(ReplayError::NotNext));
    f.branch = vec![whole[0].clone(), whole[0].clone()];
    let twice = "an operation of the branch is named twice";
    assert_eq!(tried(&mut f, &a1), refused(twice));
    let unreadable = "an operation of the branch is not readable";
    f.branch = whole.clone();
    f.branch[1].operation.push(0);
    assert_eq!(tried(&mut f, &a1), refused(unreadable));
    f.branch = whole.clone();
    f.branch[1].receipt.pop();
    assert_eq!(tried(&mut f, &a1), refused(unreadable));
    // Another space's operation, receipted by the relay.
    let other = f.o.world.rotate(&f.o.a1, f.o.one.team);
    f.branch = vec![f.relay.receive(&other.operation)];
    assert_eq!(tried(&mut f, &a1), refused(UNPROVED));
}

#[test]
fn a_branch_is_replayed_like_any_log_where_it_left_this_one() {
    let mut f = before_a_fork();
    let a1 = TestDevice::new(1);
    // The relay lied, or was not up to date: it receipted what no replay accepts.
    let effects = vec![remove_member(f.o.one.team)];
    let bad = forged(&f.lost, &f.o.c1, f.o.section, |_| {}, effects);
    f.branch = vec![f.relay.receive(&bad)];
    assert_eq!(tried(&mut f, &a1), Err(not_entitled("Remove")));
    let (signer, effects) = (TestDevice::new(66), vec![remove_member(f.o.two.team)]);
    let author = f.o.a1.id;
    let change = |operation: &mut Operation| operation.author = author;
    let bad = forged(&f.lost, &signer, f.o.section, change, effects.clone());
    f.branch = vec![f.relay.receive(&bad)];
    assert_eq!(tried(&mut f, &a1), Err(ReplayError::BadSignature));
    let good = forged(&f.lost, &f.o.a1, f.o.section, |_| {}, effects);
    f.branch = vec![f.relay.receive(&good)];
    assert_eq!(tried(&mut f, &a1), Ok(3), "control");
}

#[test]
fn a_branch_that_refers_to_what_is_unknown_here_waits() {
    let mut f = before_a_fork();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let b = f.lost.person(&b1, f.o.one.institution);
    let add = f.lost.add(b, Role::Read);
    f.lose_for(vec![add]);
    let waits = tried(&mut f, &a1);
    assert!(matches!(waits, Err(ReplayError::UnknownReference(_))));
    let person = f.lost.logs[&b].clone();
    f.o.world.logs.insert(b, person);
    assert_eq!(tried(&mut f, &a1), Ok(3), "control");
}
