//! A team that nobody can open any more is opened with the institution's recovery key: two of three
//! custodians put their shares together, somebody is let in, and every institution that shares a case
//! with that team is told. Fewer shares, wrong ones and those of an earlier set open nothing.

use std::convert::Infallible;

use nahtlos_casework::SectionKind;
use nahtlos_client::ClientError;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::recovery::using::{Recovered, Rehearsed};
use nahtlos_client::recovery::{RecoveryAct, RecoveryError, SHARES_MAX};
use nahtlos_client::share::Terms;
use nahtlos_protocol::crypto::kem::KemPublicKey;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{DeviceId, KeyId, Nonce, SpaceId};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::effect::Member;
use nahtlos_protocol::space::{Effect, Role, SignedOperation, Wrap};
use nahtlos_protocol::wire::share::ShareText;
use nahtlos_tests::{Home, World, note};
use rand_core::{TryCryptoRng, TryRng};

const JOURNAL: SectionKind = SectionKind::Journal;
const BERN: &str = "Team Bern";
const IV_TEAM: &str = "IV-Stelle Team 1";

/// An institution with two teams and another one beside it.
struct Scene {
    world: World,
    /// Manages the institution and the first team.
    berger: Home,
    keller: Home,
    trachsel: Home,
    /// Alone in the second team.
    ruegg: Home,
    /// Of the other institution.
    iseli: Home,
    /// Of the second team, its journal shared with the other institution.
    case: String,
}

impl Scene {
    /// The recovery key is set up while Berger still manages both teams; then Berger leaves the second.
    fn new() -> Self {
        let world = World::new();
        let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
        let iseli = world.institution(&mut berger, "iseli", "Urs Iseli", "IV-Stelle", "iv");
        let keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
        let trachsel = world.colleague(&mut berger, "trachsel", "Rolf Trachsel", Role::Write);
        let team = berger.nahtlos.found_team(BERN).unwrap();
        berger.sync();
        let invitation = berger
            .nahtlos
            .invite_person(&team, Role::Manage, "Rüegg")
            .unwrap();
        berger.sync();
        let mut ruegg = world.home("ruegg");
        let introduction = nahtlos_client::Introduction {
            name: "Rita Rüegg".into(),
            function: "officer".into(),
        };
        ruegg
            .nahtlos
            .join_as_person(&mut world.transport(), &invitation, &introduction)
            .unwrap();
        berger.sync();
        ruegg.sync();
        let mut scene = Self {
            world,
            berger,
            keller,
            trachsel,
            ruegg,
            iseli,
            case: String::new(),
        };
        scene.sync_all();
        scene.set_up(2, &["Anna Berger", "Eva Keller", "Rolf Trachsel"]);
        let berger = scene.person("Anna Berger");
        let leaves = Ending::Member(scene.team(BERN), berger);
        scene.ruegg.nahtlos.end(&leaves, Reason::Left).unwrap();
        scene.sync_all();
        scene.case = scene.ruegg.open_example_case();
        let case = scene.case.clone();
        scene.ruegg.nahtlos.edit_case(&case, &[note(1)]).unwrap();
        scene.ruegg.sync();
        for kind in [SectionKind::Core, JOURNAL] {
            scene
                .ruegg
                .share(&case, &kind, IV_TEAM, Role::Write, "AVG35a1");
        }
        scene.sync_all();
        scene
    }

    fn sync_all(&mut self) {
        for _ in 0..2 {
            for home in [
                &mut self.berger,
                &mut self.keller,
                &mut self.trachsel,
                &mut self.ruegg,
                &mut self.iseli,
            ] {
                home.sync();
            }
        }
    }

    fn person(&self, name: &str) -> SpaceId {
        self.berger
            .nahtlos
            .directory()
            .unwrap()
            .find_member(name)
            .unwrap()
    }

    fn team(&self, name: &str) -> SpaceId {
        self.berger
            .nahtlos
            .directory()
            .unwrap()
            .find_team(name)
            .unwrap()
    }

    fn set_up(&mut self, threshold: u8, custodians: &[&str]) {
        let people: Vec<SpaceId> = custodians.iter().map(|name| self.person(name)).collect();
        self.berger
            .nahtlos
            .set_up_recovery(threshold, &people, &[])
            .unwrap();
        self.sync_all();
    }

    /// Keller's share for Berger.
    fn kellers_share(&self) -> ShareText {
        let berger = self.person("Anna Berger");
        self.keller.nahtlos.hand_over_share(&berger).unwrap()
    }

    fn recover(&mut self, rehearsed: &Rehearsed, person: &str) -> Result<Recovered, ClientError> {
        let (person, team) = (self.person(person), self.team(BERN));
        let (path, mut transport) = (self.berger.path.clone(), self.world.transport());
        self.berger.nahtlos.use_recovery(
            &path,
            rehearsed,
            &person,
            &[team],
            &mut transport,
            &mut |_| {},
        )
    }

    fn journal(&self) -> Vec<Envelope> {
        self.world
            .stored_envelopes(&self.ruegg, &self.case, &JOURNAL)
    }
}

fn error(result: Result<impl std::fmt::Debug, ClientError>) -> RecoveryError {
    match result {
        Err(ClientError::Recovery(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn all(opens: &[bool]) -> bool {
    !opens.is_empty() && opens.iter().all(|opens| *opens)
}

fn none(opens: &[bool]) -> bool {
    !opens.is_empty() && opens.iter().all(|opens| !*opens)
}

#[test]
fn a_team_that_nobody_can_open_is_opened_by_two_of_three_and_the_other_institution_is_told() {
    let mut scene = Scene::new();
    let stored = scene.journal();
    for (name, home) in [("Berger", &scene.berger), ("Keller", &scene.keller)] {
        assert!(none(&scene.world.opens(home, &stored)), "{name} alone");
        assert!(home.nahtlos.find_case(&scene.case).is_err(), "{name}");
    }
    let line = scene.berger.nahtlos.recovery_lines().unwrap().remove(0);
    assert!(line.covered.iter().any(|team| team == BERN), "{line:?}");
    assert_eq!((line.threshold, line.not_covered.len()), (2, 0));
    // Each custodian's words are those that everybody sees.
    for (index, home) in [&scene.berger, &scene.keller, &scene.trachsel]
        .into_iter()
        .enumerate()
    {
        let own = home.nahtlos.check_own_share().unwrap();
        assert_eq!(own, line.custodians[index].check_words);
    }
    let told = |report: nahtlos_client::SyncReport| {
        let mut notices = report.notices.into_iter();
        notices.any(|notice| notice.contains("recovery key of RAV Langnau was used"))
    };
    assert!(!told(scene.iseli.sync()), "control: not used yet");

    // Rüegg's only device is gone.
    let (rueggs, ruegg_journal) = (scene.ruegg.path.clone(), scene.ruegg.journal(&scene.case));
    let rehearsed = scene
        .berger
        .nahtlos
        .rehearse_recovery(&[scene.kellers_share()])
        .unwrap();
    assert_eq!(rehearsed.custodians, ["Anna Berger", "Eva Keller"]);
    assert!(
        none(&scene.world.opens(&scene.berger, &stored)),
        "a rehearsal opens nothing"
    );
    assert!(!told(scene.iseli.sync()), "and tells nobody");
    let recovered = scene.recover(&rehearsed, "Anna Berger").unwrap();
    assert_eq!(recovered.groups, [BERN]);
    assert!(rueggs.exists());

    assert_eq!(scene.berger.journal(&scene.case), ruegg_journal);
    assert!(all(&scene.world.opens(&scene.berger, &stored)));
    let case = scene.case.clone();
    scene.berger.nahtlos.edit_case(&case, &[note(2)]).unwrap();
    scene.berger.sync();
    assert!(told(scene.iseli.sync()), "the other institution is told");
    assert!(!told(scene.iseli.sync()), "once");
    assert!(
        scene
            .iseli
            .journal(&case)
            .contains(&"Anna Berger: entry 2".to_owned())
    );
    let uses = scene.iseli.nahtlos.recovery_uses().unwrap();
    let shown: Vec<_> = uses
        .iter()
        .map(|one| {
            (
                one.institution.as_str(),
                one.group.as_str(),
                one.person.as_deref(),
            )
        })
        .collect();
    assert_eq!(shown, [("RAV Langnau", BERN, Some("Anna Berger"))]);
    // Nothing of the key stays.
    assert!(!scene.berger.path.join("borrowed").exists());
}

/// Two custodians whose program does more than let somebody in: in one section they write and add a
/// person, in another, which the other institution does not share, they add one.
#[test]
fn what_the_recovery_key_does_in_a_section_is_told_to_all_who_share_it_and_to_nobody_else() {
    let mut scene = Scene::new();
    let told = |report: nahtlos_client::SyncReport| {
        let about = |notice: &String| notice.contains("recovery key of RAV Langnau was used");
        let mut told: Vec<String> = report.notices.into_iter().filter(about).collect();
        told.sort();
        told
    };
    assert_eq!(told(scene.iseli.sync()), [""; 0], "control: not used yet");
    let share = scene.kellers_share();
    let rehearsed = scene.berger.nahtlos.rehearse_recovery(&[share]).unwrap();
    let (case, team) = (scene.case.clone(), scene.team(BERN));
    let keller = scene.person("Eva Keller");
    let path = scene.berger.path.clone();
    let act = |member: &mut nahtlos_client::Nahtlos| {
        member.edit_case(&case, &[note(7)])?;
        let found = member.find_case(&case)?;
        for kind in [JOURNAL, SectionKind::Plan] {
            member.grant(&found, &kind, &keller, &Terms::new(Role::Read, "none"))?;
        }
        Ok(())
    };
    let transport = &mut scene.world.transport();
    let berger = &scene.berger.nahtlos;
    let done = berger.hostile_recovery(&path, &rehearsed, &team, transport, act);
    done.unwrap();
    scene.keller.sync();

    let number = scene.ruegg.nahtlos.cases().unwrap()[0]
        .summary
        .case_number
        .clone()
        .unwrap();
    let wrote = format!("something was written in the case {number} (journal)");
    let let_in = |sections: &str| format!("Eva Keller was let into the case {number} ({sections})");
    for (home, sections) in [
        (&mut scene.iseli, "journal"),
        (&mut scene.ruegg, "journal, plan"),
    ] {
        let first = told(home.sync());
        assert_eq!(first.len(), 2, "{first:?}");
        for (sentence, expected) in first.iter().zip([let_in(sections), wrote.clone()]) {
            assert!(sentence.contains(&expected), "{sentence}");
        }
        assert_eq!(told(home.sync()), [""; 0], "once");
    }
    let uses = scene.iseli.nahtlos.recovery_uses().unwrap();
    let shown: Vec<_> = uses
        .iter()
        .map(|one| (one.group.as_str(), one.did, one.person.as_deref()))
        .collect();
    let expected = [
        ("journal", RecoveryAct::LetIn, Some("Eva Keller")),
        ("journal", RecoveryAct::Wrote, None),
    ];
    assert!(
        expected.iter().all(|one| shown.contains(one)) && shown.len() == 2,
        "{shown:?}"
    );
    assert!(
        uses.iter()
            .all(|one| one.case.as_ref() == Some(&number) && one.claimed_at_ms > 0)
    );
    // Berger, whose institution it is and who shares none of it, is asked for a new set by nothing yet.
    scene.berger.sync();
    assert_eq!(scene.berger.nahtlos.recovery_uses().unwrap(), []);
}

type Act = dyn Fn(&mut nahtlos_client::Nahtlos, &SpaceId) -> Result<(), ClientError>;

/// A device that syncs renews keys and makes snapshots by itself: nobody wrote anything.
#[test]
fn what_the_program_does_by_itself_with_a_recovery_key_is_listed_and_accuses_nobody_of_writing() {
    let snapshot: &Act = &|member, journal| member.hostile_snapshot(journal, &|_| {}).map(drop);
    let new_key: &Act = &|member, journal| member.hostile_change(journal, Vec::new(), true);
    for (act, what) in [(snapshot, "snapshot"), (new_key, "new key")] {
        let mut scene = Scene::new();
        let share = scene.kellers_share();
        let rehearsed = scene.berger.nahtlos.rehearse_recovery(&[share]).unwrap();
        let (case, team) = (scene.case.clone(), scene.team(BERN));
        let path = scene.berger.path.clone();
        let transport = &mut scene.world.transport();
        let upkeep = |member: &mut nahtlos_client::Nahtlos| {
            let journal = member.find_case(&case)?.section(&JOURNAL)?;
            act(member, &journal)
        };
        let berger = &scene.berger.nahtlos;
        let done = berger.hostile_recovery(&path, &rehearsed, &team, transport, upkeep);
        done.unwrap();
        for home in [&mut scene.iseli, &mut scene.ruegg] {
            let told = home.sync().notices;
            let about = told.iter().filter(|notice| notice.contains("recovery key"));
            assert_eq!(about.count(), 0, "{what}: {told:?}");
        }
        let uses = scene.ruegg.nahtlos.recovery_uses().unwrap();
        let uses = uses.iter().map(|one| (one.group.as_str(), one.did));
        let uses: Vec<_> = uses.collect();
        assert_eq!(uses, [("journal", RecoveryAct::Upkeep)], "{what}");
    }
}

#[test]
fn below_the_threshold_nothing_opens_and_it_is_said_whose_shares_are_missing() {
    let scene = Scene::new();
    let berger = &scene.berger.nahtlos;
    let expected = RecoveryError::TooFew {
        have: vec!["Anna Berger".into()],
        threshold: 2,
        missing: vec!["Eva Keller".into(), "Rolf Trachsel".into()],
    };
    assert_eq!(error(berger.rehearse_recovery(&[])), expected);
    // The same share twice is one.
    let own = berger
        .hand_over_share(&scene.person("Anna Berger"))
        .unwrap();
    assert_eq!(error(berger.rehearse_recovery(&[own])), expected);
    // Who is no custodian has none, and takes two.
    let ruegg = &scene.ruegg.nahtlos;
    assert_eq!(error(ruegg.check_own_share()), RecoveryError::NoCustodian);
    let person = scene.person("Rita Rüegg");
    let shares =
        [&scene.keller, &scene.trachsel].map(|home| home.nahtlos.hand_over_share(&person).unwrap());
    let one = error(ruegg.rehearse_recovery(&shares[..1]));
    assert!(matches!(one, RecoveryError::TooFew { ref have, .. } if have == &["Eva Keller"]));
    assert!(ruegg.rehearse_recovery(&shares).is_ok(), "control");
    // What was sealed for Rüegg is nothing to Berger, nor to whoever reads it on the way.
    let theirs = error(berger.rehearse_recovery(&shares));
    let custodian = "Eva Keller".to_owned();
    assert_eq!(theirs, RecoveryError::NotForThisDevice { custodian });
    // Nor does a custodian's whole vault open the team, with all that the relay and the directory hold.
    let stored = scene.journal();
    for home in [&scene.berger, &scene.keller, &scene.trachsel] {
        assert!(none(&scene.world.opens(home, &stored)));
    }
}

#[test]
fn a_wrong_share_is_refused_by_its_custodians_name() {
    let scene = Scene::new();
    let good = scene.kellers_share();
    let berger = &scene.berger.nahtlos;
    let wrong = |text: ShareText| error(berger.rehearse_recovery(&[text]));
    let of = |name: &str| RecoveryError::WrongShare {
        custodian: name.to_owned(),
    };
    let mut changed = good.clone();
    changed.sealed[0].bytes[1150] ^= 1;
    assert_eq!(wrong(changed), of("Eva Keller"));
    let moved = ShareText {
        index: 3,
        ..good.clone()
    };
    assert_eq!(wrong(moved), of("Rolf Trachsel"));
    // A custodian who seals something else than their share, as a share is sealed.
    let forged = forged_share(&scene, &good);
    assert_eq!(wrong(forged), of("Eva Keller"));
    let outside = ShareText {
        index: 9,
        ..good.clone()
    };
    assert!(matches!(wrong(outside), RecoveryError::WrongShare { .. }));
    assert!(berger.rehearse_recovery(&[good]).is_ok(), "control");
}

/// Other bytes, sealed to Berger's device under the published commitment of Keller's share.
fn forged_share(scene: &Scene, good: &ShareText) -> ShareText {
    let device = scene.berger.nahtlos.device_id();
    let operations = scene.world.stored_operations();
    let operations = operations
        .iter()
        .filter_map(|bytes| SignedOperation::decode(bytes).ok());
    let (mut nonce, mut kem) = (Nonce([0; 16]), None);
    for signed in operations {
        for effect in &signed.operation().effects {
            match effect {
                Effect::Create { nonce: own, .. } if signed.space() == good.set => nonce = *own,
                Effect::Add {
                    member: Member::Device { keys, .. },
                    ..
                } if keys.device_id() == device => {
                    kem = Some(KemPublicKey::from_bytes(&keys.kem).unwrap());
                }
                _ => {}
            }
        }
    }
    let directory = scene.berger.nahtlos.directory().unwrap();
    let card = &directory.people[&good.set.to_string()];
    let published = &card.recovery.as_ref().unwrap().shares[1].commitment;
    let commitment = KeyId(SpaceId::from_hex(published).unwrap().0);
    let info = wrap_info(&nonce, &commitment, device.into(), key_of(&device));
    let (rng, secret) = (&mut Counting(0), Secret32::from_bytes([7; 32]));
    ShareText {
        sealed: vec![Wrap {
            recipient: device.into(),
            bytes: wrap::wrap_hybrid(rng, &kem.unwrap(), &info, &secret).unwrap(),
        }],
        ..good.clone()
    }
}

fn key_of(device: &DeviceId) -> KeyId {
    KeyId(device.0)
}

/// Enough for a forger.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for byte in target {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

#[test]
fn after_a_new_set_the_old_shares_open_nothing_new_and_a_former_custodian_has_none() {
    let mut scene = Scene::new();
    let old_share = scene.kellers_share();
    let old = scene
        .berger
        .nahtlos
        .rehearse_recovery(std::slice::from_ref(&old_share))
        .unwrap();
    // It is used, so that Berger manages the team again, and replaced, as after each use.
    scene.recover(&old, "Anna Berger").unwrap();
    let before = scene.journal();
    let opens = |scene: &Scene, key: &Rehearsed, envelopes: &[Envelope]| -> Vec<bool> {
        let trial = scene.world.with_all_wraps(key.key_trial());
        envelopes
            .iter()
            .map(|envelope| trial.opens(envelope))
            .collect()
    };
    assert!(all(&opens(&scene, &old, &before)), "control");
    let line = scene.berger.nahtlos.recovery_lines().unwrap().remove(0);
    assert_eq!(line.uses.len(), 1, "a new set is asked for");

    scene.set_up(2, &["Anna Berger", "Eva Keller", "Rita Rüegg"]);
    let lines = scene.berger.nahtlos.recovery_lines().unwrap();
    let present: Vec<bool> = lines.iter().map(|line| line.is_present).collect();
    assert_eq!(present, [true, false]);
    assert_eq!(lines[0].uses, []);
    assert!(lines[0].covered.iter().any(|team| team == BERN));
    let case = scene.case.clone();
    scene.berger.nahtlos.edit_case(&case, &[note(2)]).unwrap();
    scene.sync_all();
    let stored = scene.journal();
    let new = &stored[before.len()..];
    assert!(none(&opens(&scene, &old, new)), "replaced");
    assert!(
        all(&opens(&scene, &old, &before)),
        "what it could open stays"
    );
    let rehearsed = scene
        .berger
        .nahtlos
        .rehearse_recovery(&[scene.kellers_share()])
        .unwrap();
    assert!(
        all(&opens(&scene, &rehearsed, &stored)),
        "the new one opens all"
    );

    let earlier = error(scene.berger.nahtlos.rehearse_recovery(&[old_share]));
    let custodian = Some("Eva Keller".to_owned());
    assert_eq!(
        earlier,
        RecoveryError::OtherSet {
            given: 1,
            custodian
        }
    );
    let former = error(scene.trachsel.nahtlos.check_own_share());
    assert_eq!(former, RecoveryError::NoCustodian);
    // Who kept the old key does nothing with it.
    let late = error(scene.recover(&old, "Rolf Trachsel"));
    assert!(matches!(late, RecoveryError::NotLetIn { .. }), "{late}");
    let foreign = error(scene.recover(&rehearsed, "Urs Iseli"));
    let person = "Urs Iseli".to_owned();
    assert_eq!(foreign, RecoveryError::NotOfInstitution { person });
    assert!(
        scene.recover(&rehearsed, "Rolf Trachsel").is_ok(),
        "control"
    );
    assert!(
        scene.ruegg.nahtlos.check_own_share().is_ok(),
        "a new custodian"
    );
    // One who leaves is no custodian to count on: it is said.
    let states = |scene: &Scene| -> Vec<&str> {
        let line = scene.berger.nahtlos.recovery_lines().unwrap().remove(0);
        line.custodians.iter().map(|one| one.state).collect()
    };
    assert_eq!(states(&scene), ["holds", "holds", "holds"]);
    let leaves = Ending::Member(scene.team(BERN), scene.person("Rita Rüegg"));
    scene.berger.nahtlos.end(&leaves, Reason::Left).unwrap();
    let lost = scene.keller.nahtlos.device_id().to_string();
    let lost = scene.berger.nahtlos.device_to_revoke(&lost).unwrap();
    scene.berger.nahtlos.end(&lost, Reason::DeviceLost).unwrap();
    scene.berger.sync();
    scene.berger.sync();
    assert_eq!(states(&scene), ["holds", "other_devices", "left"]);
}

#[test]
fn a_team_founded_later_is_covered_by_who_manages_it_and_not_before() {
    let mut scene = Scene::new();
    let team = scene.berger.nahtlos.found_team("Team Thun").unwrap();
    scene.sync_all();
    let line = |scene: &Scene| scene.berger.nahtlos.recovery_lines().unwrap().remove(0);
    assert_eq!(line(&scene).not_covered, ["Team Thun"]);
    let group = "Team Thun".to_owned();
    let not = error(scene.berger.nahtlos.check_covered(&[team]));
    assert_eq!(not, RecoveryError::NotCovered { group });
    let no_right = scene.keller.nahtlos.cover_by_recovery(&team);
    assert!(
        matches!(no_right, Err(ClientError::NoRight { .. })),
        "{no_right:?}"
    );
    scene.berger.nahtlos.cover_by_recovery(&team).unwrap();
    scene.sync_all();
    assert_eq!(line(&scene).not_covered, Vec::<String>::new());
    scene.berger.nahtlos.check_covered(&[team]).unwrap();
}

#[test]
fn a_set_that_is_none_and_a_custodian_who_can_hold_no_share_are_refused() {
    let mut scene = Scene::new();
    let people = ["Anna Berger", "Eva Keller", "Rolf Trachsel"].map(|name| scene.person(name));
    let foreign = scene.person("Urs Iseli");
    let bern = scene.team(BERN);
    let recovery = scene.berger.nahtlos.recovery_lines().unwrap().len();
    let mut refused = |threshold: u8, custodians: &[SpaceId]| {
        error(
            scene
                .berger
                .nahtlos
                .set_up_recovery(threshold, custodians, &[]),
        )
    };
    for (threshold, count) in [(1, 3), (4, 3), (2, 1)] {
        let numbers = refused(threshold, &people[..count]);
        assert_eq!(numbers, RecoveryError::Numbers { threshold, count });
    }
    let many = vec![people[0]; usize::from(SHARES_MAX) + 1];
    assert!(matches!(refused(2, &many), RecoveryError::Numbers { .. }));
    for (custodian, part) in [
        (people[0], "twice"),
        (foreign, "your institution"),
        (bern, "your institution"),
    ] {
        let why = refused(2, &[people[0], people[1], custodian]);
        assert!(
            matches!(&why, RecoveryError::Custodian { reason, .. } if reason.contains(part)),
            "{why}"
        );
    }
    let keller = scene.keller.nahtlos.set_up_recovery(2, &people, &[]);
    assert!(
        matches!(keller, Err(ClientError::NoRight { .. })),
        "{keller:?}"
    );
    let none = error(scene.iseli.nahtlos.hand_over_share(&foreign));
    assert_eq!(none, RecoveryError::NoSet);
    assert_eq!(
        scene.berger.nahtlos.recovery_lines().unwrap().len(),
        recovery
    );
    // Berger is in that team no more: it is left out by name, or no new key is made.
    let unsaid = error(scene.berger.nahtlos.set_up_recovery(2, &people, &[]));
    let groups = vec![BERN.to_owned()];
    assert_eq!(unsaid, RecoveryError::WouldEnd { groups });
    let set_up = |scene: &mut Scene| scene.berger.nahtlos.set_up_recovery(2, &people, &[bern]);
    // Two that are decided at once would not end each other.
    set_up(&mut scene).unwrap();
    assert_eq!(error(set_up(&mut scene)), RecoveryError::Waits);
    scene.sync_all();
    set_up(&mut scene).unwrap();
    scene.sync_all();
    let lines = scene.berger.nahtlos.recovery_lines().unwrap();
    assert_eq!(lines.iter().filter(|line| line.is_present).count(), 1);
}
