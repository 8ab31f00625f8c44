//! A log that forked: the relay forgot a decision about access, and another took its place before
//! anybody who knew the first one came by.

use nahtlos_casework::SectionKind;
use nahtlos_client::rotation::Rotation;
use nahtlos_client::{ClientError, KeyNotice};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{Item, ItemKind, PushItem};
use nahtlos_tests::{Home, Passing, World, note};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const SOCIAL_TEAM: &str = "Sozialdienst Langnau Team 1";

struct Office {
    world: World,
    berger: Home,
    /// A colleague of Berger's, who may do what she may.
    keller: Home,
    iseli: Home,
    aebi: Home,
    number: String,
}

fn office() -> Office {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let aebi = world.institution(
        &mut berger,
        "aebi",
        "Lea Aebi",
        "Sozialdienst Langnau",
        "sozialhilfe",
    );
    let mut keller = world.colleague(&mut berger, "keller", "Rita Keller", Role::Manage);
    let number = berger.open_example_case();
    for team in [IV_TEAM, SOCIAL_TEAM] {
        berger.share(&number, &SectionKind::Core, team, Role::Read, "AVG35a1");
    }
    berger.sync();
    keller.sync();
    Office {
        world,
        berger,
        keller,
        iseli,
        aebi,
        number,
    }
}

fn journal_of(home: &Home, number: &str) -> SpaceId {
    let case = home.nahtlos.find_case(number).unwrap();
    case.section(&SectionKind::Journal).unwrap()
}

fn share_journal(home: &mut Home, number: &str, team: &str, basis: &str) {
    home.share(number, &SectionKind::Journal, team, Role::Write, basis);
}

/// The line breaks before anything that changes a log goes out.
fn sync_until_something_is_decided(world: &World, home: &mut Home) -> ClientError {
    let broken = home.sync_over(
        world,
        &mut |request| {
            let decides =
                |item: &PushItem| matches!(item, PushItem::Operation { receipt: None, .. });
            if request.push.iter().any(decides) {
                Passing::Breaks
            } else {
                Passing::Arrives
            }
        },
        &mut |_| Passing::Arrives,
    );
    broken.unwrap_err()
}

fn rotate_team(world: &World, home: &mut Home) {
    let status = home.nahtlos.status().unwrap();
    let directory = home.nahtlos.directory().unwrap();
    let team = directory.find_team(&status.team.unwrap()).unwrap();
    let rotation = Rotation::Spaces(vec![team]);
    let report = home
        .nahtlos
        .rotate_now(&mut world.transport(), &rotation, &mut |_| {})
        .unwrap();
    assert_eq!(report.keys.rotated, 1, "{report:?}");
}

/// With whom the journal is shared, as the log says.
fn shared_with(home: &Home, number: &str) -> Vec<String> {
    let case = home.nahtlos.find_case(number).unwrap();
    let shares = home.nahtlos.shares(&case).unwrap();
    let journal = shares.iter().find(|one| one.section == "journal");
    let text = serde_json::to_string(&journal.unwrap()).unwrap();
    [IV_TEAM, SOCIAL_TEAM]
        .into_iter()
        .filter(|team| text.contains(team))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_lost_decision_is_carried_back_and_all_devices_stand_on_one_log() {
    let Office {
        mut world,
        mut berger,
        mut keller,
        mut iseli,
        mut aebi,
        number,
    } = office();
    let backup = world.back_up_relay();
    // Berger shares the journal with the IV; the relay forgets it, and Keller, who never heard of
    // it, shares it with the social service instead.
    share_journal(&mut berger, &number, IV_TEAM, "AVG35a1");
    berger.sync();
    iseli.sync();
    assert_eq!(shared_with(&berger, &number), [IV_TEAM]);
    world.go_back_to(&backup);
    share_journal(&mut keller, &number, SOCIAL_TEAM, "SHG8");
    keller.sync();
    assert!(keller.nahtlos.forks().unwrap().is_empty(), "control");

    let report = berger.sync();
    let incidents = berger.nahtlos.incidents().unwrap();
    assert_eq!(incidents.last().map(|one| one.forks), Some(1), "{report:?}");
    assert!(
        berger.nahtlos.forks().unwrap().is_empty(),
        "healed in the same sync: {report:?}"
    );
    // Keller's decision stands; Berger's waits for somebody to decide it anew.
    assert_eq!(shared_with(&berger, &number), [SOCIAL_TEAM]);
    let lost = berger.nahtlos.lost_additions().unwrap();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost.first().unwrap().name.as_deref(), Some(IV_TEAM));

    keller.sync();
    assert_eq!(shared_with(&keller, &number), [SOCIAL_TEAM]);
    assert_eq!(keller.nahtlos.lost_additions().unwrap(), lost);
    // Everybody goes on together, and the decision is made anew.
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    share_journal(&mut berger, &number, IV_TEAM, "AVG35a1");
    let report = berger.sync();
    assert!(report.held.is_empty(), "{report:?}");
    keller.sync();
    iseli.sync();
    aebi.sync();
    assert!(keller.nahtlos.lost_additions().unwrap().is_empty());
    for home in [&keller, &iseli, &aebi] {
        assert_eq!(home.journal(&number), berger.journal(&number));
    }
    // What was sealed on the lost branch is open to who reads today.
    let reopened = world.closed_and_reopened(keller);
    assert_eq!(reopened.journal(&number), berger.journal(&number));
    assert_eq!(shared_with(&reopened, &number), [IV_TEAM, SOCIAL_TEAM]);
}

#[test]
fn what_other_logs_did_after_a_lost_decision_is_put_back_once_it_is_carried() {
    let Office {
        mut world,
        mut berger,
        mut keller,
        mut iseli,
        number,
        ..
    } = office();
    let backup = world.back_up_relay();
    // Berger's team invites somebody, and then shares the journal: the grant comes after the team's
    // log. The relay forgets both; Keller invites somebody else.
    let team = |home: &Home| {
        let directory = home.nahtlos.directory().unwrap();
        let name = home.nahtlos.status().unwrap().team.unwrap();
        directory.find_team(&name).unwrap()
    };
    let berger_team = team(&berger);
    berger
        .nahtlos
        .invite_person(&berger_team, Role::Write, "Somebody")
        .unwrap();
    berger.sync();
    share_journal(&mut berger, &number, IV_TEAM, "AVG35a1");
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    world.go_back_to(&backup);
    let keller_team = team(&keller);
    keller
        .nahtlos
        .invite_person(&keller_team, Role::Write, "Somebody else")
        .unwrap();
    keller.sync();

    let report = berger.sync();
    assert!(berger.nahtlos.forks().unwrap().is_empty(), "{report:?}");
    let incidents = berger.nahtlos.incidents().unwrap();
    let incident = incidents.last().unwrap();
    assert_eq!((incident.forks, incident.waiting), (1, 0), "{incident:?}");
    assert_eq!(shared_with(&berger, &number), [IV_TEAM]);
    iseli.sync();
    keller.sync();
    assert_eq!(iseli.journal(&number), berger.journal(&number));
    assert_eq!(keller.journal(&number), berger.journal(&number));
    let reopened = world.closed_and_reopened(berger);
    assert_eq!(shared_with(&reopened, &number), [IV_TEAM]);
}

#[test]
fn nothing_is_written_in_a_forked_space_until_it_is_healed() {
    let Office {
        mut world,
        mut berger,
        mut keller,
        number,
        ..
    } = office();
    let backup = world.back_up_relay();
    share_journal(&mut berger, &number, IV_TEAM, "AVG35a1");
    berger.sync();
    world.go_back_to(&backup);
    share_journal(&mut keller, &number, SOCIAL_TEAM, "SHG8");
    keller.sync();

    // The line breaks before the branch is carried back.
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let broken = sync_until_something_is_decided(&world, &mut berger);
    assert_eq!(broken.code(), "relay_unreachable");
    let mut berger = world.closed_and_reopened(berger);
    let forks = berger.nahtlos.forks().unwrap();
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!(
        forks.first().unwrap().space,
        journal_of(&berger, &number).to_string()
    );
    let refused = berger.nahtlos.edit_case(&number, &[note(2)]);
    assert_eq!(refused.unwrap_err().code(), "forked");
    assert_eq!(
        berger.nahtlos.status().unwrap().undelivered_edits,
        1,
        "what was typed before is kept"
    );

    berger.sync();
    assert!(berger.nahtlos.forks().unwrap().is_empty());
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    let report = berger.sync();
    assert!(report.held.is_empty(), "{report:?}");
    keller.sync();
    assert_eq!(keller.journal(&number).len(), 4);
}

/// A removal in a team's log may be what was lost. The sections above name nothing of it, and would be
/// wrapped to the team as the relay serves it now.
#[test]
fn what_stands_above_a_forked_team_waits_too() {
    let Office {
        mut world,
        mut berger,
        mut keller,
        number,
        ..
    } = office();
    let journal = journal_of(&berger, &number);
    let backup = world.back_up_relay();
    rotate_team(&world, &mut berger);
    world.go_back_to(&backup);
    rotate_team(&world, &mut keller);
    assert_eq!(berger.nahtlos.key_notice(&journal), None, "control");

    let broken = sync_until_something_is_decided(&world, &mut berger);
    assert_eq!(broken.code(), "relay_unreachable");
    let forks = berger.nahtlos.forks().unwrap();
    assert!(forks.iter().all(|fork| fork.space != journal.to_string()));
    let notice = berger.nahtlos.key_notice(&journal);
    assert_eq!(notice, Some(KeyNotice::Forked));
    // Typing goes on; it is sealed once the team's log is one again.
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let report = berger.sync();
    assert_eq!(report.envelopes_delivered, 1, "{report:?}");
    assert_eq!(berger.nahtlos.key_notice(&journal), None);
    // What stood above on the lost branch, wrapped to the team's lost key, is carried back too.
    for _ in 0..2 {
        keller.sync();
        berger.sync();
    }
    for home in [&berger, &keller] {
        assert_eq!(home.nahtlos.forks().unwrap(), []);
        assert_eq!(home.journal(&number).len(), berger.journal(&number).len());
    }
}

#[test]
fn story_11_a_branch_without_receipts_is_no_fork_and_changes_nothing() {
    let Office {
        world,
        mut berger,
        keller,
        number,
        ..
    } = office();
    // A copy of Keller's home signs a decision that the relay never sees …
    drop(keller);
    world.copy_home("keller", "forger");
    let mut forger = world.reopen("forger");
    share_journal(&mut forger, &number, SOCIAL_TEAM, "SHG8");
    let mut forged = Vec::new();
    let kept = forger.sync_over(
        &world,
        &mut |request| {
            for item in &request.push {
                if let PushItem::Operation { bytes, .. } = item {
                    forged.push(bytes.clone());
                }
            }
            if forged.is_empty() {
                Passing::Arrives
            } else {
                Passing::Breaks
            }
        },
        &mut |_| Passing::Arrives,
    );
    assert_eq!(kept.unwrap_err().code(), "relay_unreachable");
    let [forged] = forged.as_slice() else {
        panic!("one operation");
    };
    // … and which a reader is handed, in the place of one that the relay has proved.
    share_journal(&mut berger, &number, IV_TEAM, "AVG35a1");
    berger.sync();
    berger.nahtlos.pull_everything_again().unwrap();
    let served = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut |answer| {
        let other = answer.items.first().map(|item| item.receipt.clone());
        answer.items.extend(other.map(|receipt| Item {
            kind: ItemKind::Operation,
            bytes: forged.clone(),
            wraps: Vec::new(),
            receipt,
        }));
        Passing::Arrives
    });
    let report = served.unwrap();
    assert_eq!(report.held, [("forked_or_gap".to_owned(), 1)]);
    assert!(berger.nahtlos.forks().unwrap().is_empty());
    assert!(berger.nahtlos.incidents().unwrap().is_empty());
    assert_eq!(shared_with(&berger, &number), [IV_TEAM]);
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    assert_eq!(berger.sync().envelopes_delivered, 1, "nothing is blocked");
}
