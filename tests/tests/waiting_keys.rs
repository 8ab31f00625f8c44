//! Why somebody holds no key: added by somebody without keys, let in from now on, run out, ended.
//! Each is a typed notice, and each has its way on.

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::share::Terms;
use nahtlos_client::{ClientError, KeyNotice};
use nahtlos_protocol::identifier::GrantId;
use nahtlos_protocol::space::effect::{History, Member};
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_tests::Home;
use nahtlos_tests::scene::{IV_TEAM, Scene, newcomer, scene, type_notes};

const JOURNAL: SectionKind = SectionKind::Journal;

fn add(grant: u8, member: nahtlos_protocol::identifier::SpaceId, role: Role) -> Effect {
    Effect::Add {
        grant: GrantId([grant; 16]),
        member: Member::Space { id: member },
        role,
        history: History::Full,
        basis: None,
        not_after_ms: None,
        invitation: None,
    }
}

/// Keller administers Berger's institution and only reads in her team; she adds Iseli to the team.
fn quietly_added(scene: &mut Scene) {
    let (team, institution) = {
        let identity = scene.berger.nahtlos.identity();
        (identity.team.unwrap(), identity.institution.unwrap())
    };
    let keller = scene.keller.nahtlos.identity().person.unwrap();
    let iseli = scene.iseli.nahtlos.identity().person.unwrap();
    let administer = add(1, keller, Role::Administer);
    let berger = &mut scene.berger.nahtlos;
    berger
        .hostile_change(&institution, vec![administer], false)
        .unwrap();
    scene.berger.sync();
    scene.keller.sync();
    let quiet = add(2, iseli, Role::Write);
    scene
        .keller
        .nahtlos
        .hostile_change(&team, vec![quiet], false)
        .unwrap();
    scene.sync_all();
    scene.sync_all();
}

#[test]
fn what_a_keyless_custodian_adds_waits_until_a_key_holder_compared_the_fingerprint() {
    let mut scene = scene();
    let number = scene.berger.open_example_case();
    scene.berger.sync();
    quietly_added(&mut scene);
    let stored = scene
        .world
        .stored_envelopes(&scene.berger, &number, &JOURNAL);
    assert!(
        scene
            .world
            .opens(&scene.iseli, &stored)
            .iter()
            .all(|opens| !*opens)
    );

    let waiting = scene.berger.nahtlos.waiting_members().unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let found = &waiting[0];
    assert_eq!(found.reason, "waits_for_confirmation");
    assert_eq!(
        (found.member.as_str(), found.added_by.as_str()),
        ("Marc Iseli", "Eva Keller")
    );
    assert!(found.can_confirm && found.can_refuse);
    let wrong = scene.berger.nahtlos.confirm(&found.grant, "0000 0000 0000");
    assert!(matches!(wrong, Err(ClientError::OtherFingerprint)));
    scene
        .berger
        .nahtlos
        .confirm(&found.grant[..8], &found.fingerprint)
        .unwrap();
    scene.berger.sync();
    assert!(scene.berger.nahtlos.waiting_members().unwrap().is_empty());
    let opened = scene.world.opens(&scene.iseli, &stored);
    assert!(
        opened.iter().all(|opens| *opens),
        "control: confirmed, he holds the key"
    );
}

#[test]
fn a_member_who_waits_can_be_refused() {
    let mut scene = scene();
    quietly_added(&mut scene);
    let waiting = scene.berger.nahtlos.waiting_members().unwrap();
    scene.berger.nahtlos.refuse(&waiting[0].grant).unwrap();
    scene.berger.sync();
    assert!(scene.berger.nahtlos.waiting_members().unwrap().is_empty());
    let team = scene.berger.nahtlos.identity().team.unwrap();
    let grants = scene.berger.nahtlos.grants_of(&team);
    assert!(grants.iter().all(|grant| grant.id != GrantId([2; 16])));
    let gone = scene.berger.nahtlos.refuse(&waiting[0].grant).unwrap_err();
    assert_eq!(gone.code(), "not_found");
}

/// Story 9.
#[test]
fn who_is_let_in_from_now_on_never_gets_a_key_to_what_was_before() {
    let mut scene = scene();
    let sommer = "Sozialdienst Team 1";
    let mut soz = {
        let berger = &mut scene.berger;
        scene
            .world
            .institution(berger, "sommer", "Eva Sommer", "Sozialdienst", "soz")
    };
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[1]);
    scene.sync_all();
    let before = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &JOURNAL);
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    let team = scene
        .berger
        .nahtlos
        .directory()
        .unwrap()
        .find_team(sommer)
        .unwrap();
    scene
        .berger
        .nahtlos
        .grant(
            &case,
            &JOURNAL,
            &team,
            &Terms::new(Role::Read, "AVG35a1").from_now(),
        )
        .unwrap();
    scene.berger.sync();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2]);
    // Helpful holders sync and supply whatever is missing.
    for _ in 0..3 {
        scene.sync_all();
        soz.sync();
    }
    let stored = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &JOURNAL);
    let opened = scene.world.opens(&soz, &stored);
    let (old, new) = opened.split_at(before.len());
    assert!(old.iter().all(|opens| !*opens), "{opened:?}");
    assert!(
        !new.is_empty() && new.iter().all(|opens| *opens),
        "{opened:?}"
    );
    assert_eq!(
        soz.nahtlos.key_notice(&scene.journal),
        Some(KeyNotice::CutBefore)
    );
    assert_eq!(
        scene.notes(&scene.iseli),
        [1, 2],
        "control: who was there reads on"
    );
}

/// Story 8.
#[test]
fn who_joins_a_team_from_now_on_cannot_derive_what_the_team_once_read() {
    let mut scene = scene();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[1]);
    scene.sync_all();
    let iv = scene.iseli.nahtlos.identity().team.unwrap();
    let ending = Ending::Member(scene.journal, iv);
    scene
        .berger
        .nahtlos
        .end(&ending, Reason::BasisEnded)
        .unwrap();
    scene.sync_all();
    let mut full = joined_other_team(&mut scene, "Full Person");
    let mut late = joined_other_team(&mut scene, "Late Person");
    for (home, from_now) in [(&full, false), (&late, true)] {
        let person = home.nahtlos.identity().person.unwrap();
        let iseli = &mut scene.iseli.nahtlos;
        iseli
            .add_member(&iv, &person, Role::Write, from_now)
            .unwrap();
        scene.iseli.sync();
    }
    full.sync();
    late.sync();
    let stored = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &JOURNAL);
    let opens = scene.world.opens(&late, &stored);
    assert!(opens.iter().all(|opens| !*opens), "{opens:?}");
    // THREATS: with the team's whole past one could, if the relay handed it over; it does not.
    let opens = scene.world.opens(&full, &stored);
    assert!(opens.iter().any(|opens| *opens), "control");
    assert_eq!(full.nahtlos.own_role(&scene.journal), None);
}

fn joined_other_team(scene: &mut Scene, name: &str) -> Home {
    let iseli = &mut scene.iseli;
    let team = iseli
        .nahtlos
        .found_team(&format!("Team of {name}"))
        .unwrap();
    iseli.sync();
    let invitation = iseli
        .nahtlos
        .invite_person(&team, Role::Write, name)
        .unwrap();
    iseli.sync();
    let mut home = scene.world.home(name);
    let introduction = nahtlos_client::Introduction {
        name: name.into(),
        function: "officer".into(),
    };
    let mut transport = scene.world.transport();
    home.nahtlos
        .join_as_person(&mut transport, &invitation, &introduction)
        .unwrap();
    iseli.sync();
    home.sync();
    iseli.sync();
    home
}

#[test]
fn a_grant_that_has_run_out_is_ended_by_the_next_writer_and_says_so() {
    let mut scene = scene();
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    let tasks = case.section(&SectionKind::Tasks).unwrap();
    let team = scene
        .berger
        .nahtlos
        .directory()
        .unwrap()
        .find_team(IV_TEAM)
        .unwrap();
    let kind = SectionKind::Tasks;
    let berger = &mut scene.berger.nahtlos;
    berger
        .grant(
            &case,
            &kind,
            &team,
            &Terms::new(Role::Read, "AVG35a1").until(Some(1)),
        )
        .unwrap();
    scene.berger.sync();
    let grants = scene.berger.nahtlos.grants_of(&tasks);
    assert_eq!(grants.len(), 1, "the lead's own: {grants:?}");
    // A grant that still runs stays.
    let in_a_year = 4_000_000_000_000;
    let berger = &mut scene.berger.nahtlos;
    berger
        .grant(
            &case,
            &kind,
            &team,
            &Terms::new(Role::Read, "AVG35a1").until(Some(in_a_year)),
        )
        .unwrap();
    scene.sync_all();
    scene.berger.sync();
    assert_eq!(scene.berger.nahtlos.grants_of(&tasks).len(), 2, "control");
    assert_eq!(scene.iseli.nahtlos.own_role(&tasks), Some("read"));
}

#[test]
fn who_lost_a_right_is_told_since_when_and_by_whom() {
    let mut scene = scene();
    assert_eq!(
        scene.iseli.nahtlos.key_notice(&scene.journal),
        None,
        "control"
    );
    let iv = scene.iseli.nahtlos.identity().team.unwrap();
    let ending = Ending::Member(scene.journal, iv);
    scene
        .berger
        .nahtlos
        .end(&ending, Reason::BasisEnded)
        .unwrap();
    scene.sync_all();
    let notice = scene.iseli.nahtlos.key_notice(&scene.journal).unwrap();
    assert_eq!(notice.word(), "ended");
    let said = scene.iseli.nahtlos.key_explanation(&scene.journal, notice);
    assert!(said.contains("Anna Berger"), "{said}");
    let mut huber = newcomer(&mut scene, "Rosa Huber");
    huber.sync();
    let nowhere = nahtlos_protocol::identifier::SpaceId([9; 32]);
    let stranger = huber.nahtlos.key_notice(&nowhere);
    assert_eq!(stranger, Some(KeyNotice::NotGranted));
}

/// No link leads across a cut, whatever history was granted: that is said before, and to who waits.
#[test]
fn who_is_let_in_with_the_whole_history_after_a_cut_reads_from_the_cut_on_and_is_told_so() {
    let mut scene = scene();
    let mut invited = |name: &str, person: &str, institution: &str| {
        let berger = &mut scene.berger;
        let home = scene
            .world
            .institution(berger, name, person, institution, "soz");
        let directory = berger.nahtlos.directory().unwrap();
        let team = directory.find_team(&format!("{institution} Team 1"));
        (home, team.unwrap())
    };
    let (_, sommer) = invited("sommer", "Eva Sommer", "Sozialdienst");
    let (mut winter, late) = invited("winter", "Ida Winter", "Beistandschaft");
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[1]);
    scene.sync_all();
    let before = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &JOURNAL);
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    let preview = |scene: &Scene| {
        let preview = scene.berger.nahtlos.preview_grant(&case, &JOURNAL, &late);
        let preview = preview.unwrap();
        (preview.past_is_cut_off, preview.history_changes > 0)
    };
    assert_eq!(preview(&scene), (false, true), "control");
    let full = Terms::new(Role::Write, "AVG35a1");
    for (team, terms) in [(&sommer, full.from_now()), (&late, full)] {
        let berger = &mut scene.berger.nahtlos;
        berger.grant(&case, &JOURNAL, team, &terms).unwrap();
        scene.berger.sync();
    }
    assert_eq!(
        preview(&scene),
        (true, true),
        "what was written since goes along"
    );
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2]);
    for _ in 0..3 {
        scene.sync_all();
        winter.sync();
    }
    let stored = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &JOURNAL);
    let opened = scene.world.opens(&winter, &stored);
    let (old, new) = opened.split_at(before.len());
    assert!(old.iter().all(|opens| !*opens), "{opened:?}");
    assert!(!new.is_empty() && new.iter().all(|opens| *opens));
    assert_eq!(
        winter.nahtlos.key_notice(&scene.journal),
        Some(KeyNotice::CutBefore)
    );
}
