//! What was decided offline meets what others decided meanwhile: nothing is signed blindly.

use nahtlos_casework::SectionKind;
use nahtlos_casework::legal::LegalBases;
use nahtlos_client::ClientError;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::share::Terms;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::wire::{Item, ItemKind, PushItem, SyncResponse};
use nahtlos_tests::{Home, Passing, World};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const TASKS: SectionKind = SectionKind::Tasks;

/// Two colleagues of the RAV who both manage a case, and the IV, which reads its tasks.
fn world() -> (World, Home, Home, Home, String) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Write);
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &TASKS, IV_TEAM, Role::Read, "AVG35a1");
    berger.sync();
    iseli.sync();
    luthi.sync();
    (world, berger, luthi, iseli, number)
}

fn iv_team(home: &Home) -> SpaceId {
    let directory = home.nahtlos.directory().unwrap();
    directory.find_team(IV_TEAM).unwrap()
}

fn withdraw(home: &mut Home, number: &str, reason: Reason) {
    let case = home.nahtlos.find_case(number).unwrap();
    let team = iv_team(home);
    let ending = home.nahtlos.withdrawal(&case, &TASKS, &team).unwrap();
    home.nahtlos.end(&ending, reason).unwrap();
}

fn role_of(home: &Home, number: &str) -> Option<&'static str> {
    let case = home.nahtlos.find_case(number).unwrap();
    let team = iv_team(home);
    home.nahtlos
        .explain_share(&case, &TASKS, &team, &LegalBases::provided())
        .unwrap()
        .role
}

fn why_not(home: &Home, number: &str) -> Vec<String> {
    let case = home.nahtlos.find_case(number).unwrap();
    let team = iv_team(home);
    home.nahtlos
        .explain_share(&case, &TASKS, &team, &LegalBases::provided())
        .unwrap()
        .sentences
}

/// Story 14.
#[test]
fn story_14_yesterdays_grant_meets_todays_removal_and_a_person_is_asked() {
    let (_world, mut berger, mut luthi, mut iseli, number) = world();
    berger.share(&number, &TASKS, IV_TEAM, Role::Write, "AVG35a1");
    withdraw(&mut luthi, &number, Reason::ConflictOfInterest);
    luthi.sync();

    let report = berger.sync();
    assert_eq!(role_of(&berger, &number), None);
    assert!(
        report
            .notices
            .iter()
            .any(|notice| notice.contains("decide again")),
        "{report:?}"
    );
    let decisions = berger.nahtlos.decisions().unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].state, "returned");
    assert_eq!(
        berger.nahtlos.status().unwrap().returned_decisions,
        decisions
    );
    let reason = decisions[0].reason.clone().unwrap();
    assert!(
        reason.contains("Beat Lüthi removed IV-Stelle Bern Team 1 here"),
        "{reason}"
    );
    // It stays there over syncs, and nothing is signed by itself.
    berger.sync();
    assert_eq!(berger.nahtlos.decisions().unwrap(), decisions);
    iseli.sync();
    luthi.sync();
    assert_eq!(role_of(&luthi, &number), None);
    let said = why_not(&luthi, &number).join(" ");
    assert!(
        said.contains("was ended on") && said.contains("by Beat Lüthi"),
        "{said}"
    );

    // Decided again, knowing of the removal, it is made.
    berger
        .nahtlos
        .retry_decision(&decisions[0].id[..8])
        .unwrap();
    assert_eq!(berger.nahtlos.decisions().unwrap()[0].state, "waiting");
    berger.sync();
    assert!(berger.nahtlos.decisions().unwrap().is_empty());
    assert_eq!(role_of(&berger, &number), Some("write"));
}

#[test]
fn a_grant_that_nobody_contradicted_is_made_on_a_log_that_moved_on() {
    let (_world, mut berger, mut luthi, mut iseli, number) = world();
    berger.share(&number, &TASKS, IV_TEAM, Role::Write, "AVG35a1");
    // The log moves, about somebody else.
    let person = "Marc Iseli";
    luthi.share(&number, &TASKS, person, Role::Read, "AVG35a1");
    luthi.sync();
    berger.sync();
    assert!(berger.nahtlos.decisions().unwrap().is_empty());
    assert_eq!(role_of(&berger, &number), Some("write"));
    iseli.sync();
}

#[test]
fn a_decision_that_came_back_can_be_dropped_and_one_that_waits_taken_back() {
    let (_world, mut berger, mut luthi, _iseli, number) = world();
    berger.share(&number, &TASKS, IV_TEAM, Role::Write, "AVG35a1");
    withdraw(&mut luthi, &number, Reason::Unstated);
    luthi.sync();
    berger.sync();
    let returned = berger.nahtlos.decisions().unwrap();
    berger.nahtlos.drop_decision(&returned[0].id).unwrap();
    assert!(berger.nahtlos.decisions().unwrap().is_empty());
    let unknown = berger.nahtlos.drop_decision(&returned[0].id).unwrap_err();
    assert_eq!(unknown.code(), "not_found");

    berger.share(&number, &TASKS, IV_TEAM, Role::Read, "AVG35a1");
    let waiting = berger.nahtlos.decisions().unwrap();
    assert_eq!(waiting[0].state, "waiting");
    berger.nahtlos.drop_decision(&waiting[0].id).unwrap();
    berger.sync();
    assert_eq!(role_of(&berger, &number), None);
}

#[test]
fn a_removal_that_became_pointless_is_simply_done() {
    let (_world, mut berger, mut luthi, _iseli, number) = world();
    withdraw(&mut berger, &number, Reason::BasisEnded);
    withdraw(&mut luthi, &number, Reason::BasisEnded);
    luthi.sync();
    let report = berger.sync();
    assert!(report.notices.is_empty(), "{report:?}");
    assert!(berger.nahtlos.decisions().unwrap().is_empty());
    assert_eq!(role_of(&berger, &number), None);
}

/// An administrator of the guardian keeps the right to reduce what others hold in a section, but who
/// left the team that reads it is not served what comes next there: no operation of theirs can follow it.
#[test]
fn a_decision_about_a_log_that_is_not_served_any_more_goes_back_and_is_not_sent_for_ever() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Manage);
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &TASKS, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    luthi.sync();
    iseli.sync();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let tasks = case.section(&TASKS).unwrap();
    let to_iv = MemberId::Space(iv_team(&berger));
    let grants = berger.nahtlos.grants_of(&tasks);
    let grant = grants.iter().find(|grant| grant.member == to_iv).unwrap();
    let identity = berger.nahtlos.identity();
    let leaving = Ending::Member(identity.team.unwrap(), identity.person.unwrap());
    berger.nahtlos.end(&leaving, Reason::Left).unwrap();
    berger.sync();

    let reduce = |home: &mut Home| home.nahtlos.set_role(&tasks, &grant.id, Role::Read);
    reduce(&mut berger).unwrap();
    luthi.sync();
    luthi.share(&number, &TASKS, "Marc Iseli", Role::Read, "AVG35a1");
    luthi.sync();
    let report = berger.sync();
    let told = |notice: &String| notice.contains("does not serve this to your device");
    assert!(report.notices.iter().any(told), "{report:?}");
    let decisions = berger.nahtlos.decisions().unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].state, "returned");
    let reason = decisions[0].reason.clone().unwrap();
    assert!(reason.contains("not served"), "{reason}");
    assert_eq!(berger.sync().requests, 1, "nothing is sent any more");

    // Something that lies further on in that log arrives by itself: it follows nothing here.
    reduce(&mut luthi).unwrap();
    let mut further_on = sync_and_take_operation(&world, &mut luthi);
    assert_eq!(role_of(&luthi, &number), Some("read"), "control");
    reduce(&mut berger).unwrap();
    let mut adds = |answer: &mut SyncResponse| {
        answer.items.extend(further_on.take());
        Passing::Arrives
    };
    let synced = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut adds);
    let held = synced.unwrap().held;
    assert!(held.contains(&("forked_or_gap".to_owned(), 1)), "{held:?}");
    let decisions = berger.nahtlos.decisions().unwrap();
    assert!(decisions.iter().all(|one| one.state == "returned"));
    assert_eq!(berger.sync().requests, 1, "nothing is sent any more");
}

/// The last operation that a device pushes in a sync, as the relay would serve it.
fn sync_and_take_operation(world: &World, home: &mut Home) -> Option<Item> {
    let (mut pushed, mut results) = (Vec::new(), Vec::new());
    let synced = home.sync_over(
        world,
        &mut |request| {
            pushed.extend(request.push.clone());
            Passing::Arrives
        },
        &mut |answer| {
            results.extend(answer.results.clone());
            Passing::Arrives
        },
    );
    synced.unwrap();
    let mut answered = pushed.into_iter().zip(results).rev();
    answered.find_map(|(pushed, result)| {
        let PushItem::Operation { bytes, wraps, .. } = pushed else {
            return None;
        };
        Some(Item {
            kind: ItemKind::Operation,
            bytes,
            wraps,
            receipt: result.receipt?,
        })
    })
}

#[test]
fn a_founding_that_the_relay_refuses_for_good_is_named_once_and_not_sent_for_ever() {
    let (_world, mut berger, ..) = world();
    berger.nahtlos.hostile_second_person().unwrap();
    let report = berger.sync();
    let said = report.notices.join(" ");
    assert!(
        said.contains("refused by the relay for good (invalid)"),
        "{said}"
    );
    let held = berger.nahtlos.held_lines().unwrap();
    assert!(
        held.iter()
            .any(|line| line.reason == "founding_refused" && line.space.is_some()),
        "{held:?}"
    );
    let report = berger.sync();
    assert!(report.notices.is_empty(), "{report:?}");
    assert_eq!(report.requests, 1, "an idle sync again");
}

#[test]
fn several_decisions_of_which_one_is_refused_or_breaks_off_are_none() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let _iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let team = berger.nahtlos.directory().unwrap();
    let team = team.find_member("IV-Stelle Bern Team 1").unwrap();
    let terms = Terms::new(Role::Read, "AVG35a1");
    let waiting = |home: &Home| home.nahtlos.status().unwrap().waiting_decisions.len();
    let before = waiting(&berger);

    let refused = berger.nahtlos.all_or_nothing(|nahtlos| {
        nahtlos.grant(&case, &SectionKind::Core, &team, &terms)?;
        nahtlos.grant(&case, &SectionKind::Ident, &team, &terms)
    });
    assert_eq!(refused.unwrap_err().code(), "not_found");
    assert_eq!(waiting(&berger), before);
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        berger.nahtlos.all_or_nothing(|nahtlos| {
            nahtlos.grant(&case, &SectionKind::Core, &team, &terms)?;
            assert_eq!(nahtlos.status()?.waiting_decisions.len(), 0, "a defect");
            Ok::<(), ClientError>(())
        })
    }));
    assert!(broken.is_err());
    assert_eq!(waiting(&berger), before);

    let granted = berger.nahtlos.all_or_nothing(|nahtlos| {
        nahtlos.grant(&case, &SectionKind::Core, &team, &terms)?;
        nahtlos.grant(&case, &SectionKind::Plan, &team, &terms)
    });
    granted.unwrap();
    let berger = world.closed_and_reopened(berger);
    assert_eq!(waiting(&berger), before + 2, "control");
}

/// She is served nothing of the section any more: the relay would only ever say that its log moved on.
#[test]
fn what_somebody_decided_who_was_removed_meanwhile_comes_back_and_is_not_sent_for_ever() {
    let (world, mut berger, mut luthi, _, number) = world();
    withdraw(&mut luthi, &number, Reason::BasisEnded);
    let team = berger.nahtlos.identity().team.unwrap();
    let person = luthi.nahtlos.identity().person.unwrap();
    let leaving = Ending::Member(team, person);
    berger.nahtlos.end(&leaving, Reason::Left).unwrap();
    berger.sync();
    withdraw(&mut berger, &number, Reason::BasisEnded);
    berger.sync();

    luthi.sync();
    let decisions = luthi.nahtlos.decisions().unwrap();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0].state, "returned");
    let (idle, pushed) = luthi.sync_and_list_pushed(&world);
    assert_eq!((idle.requests, pushed.len()), (1, 0));
}
