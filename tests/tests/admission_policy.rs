//! Where an institution says that it takes two administrators to make one: every device and the relay hold
//! to it, the recovery key can be one of the two, and a colleague without devices is let in by two.

use nahtlos_client::ClientError;
use nahtlos_client::ending::Reason;
use nahtlos_client::repair::WaitingGrant;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_tests::{Home, World, note};

/// Berger founded the office; Keller and Trachsel work in her team.
struct Office {
    world: World,
    berger: Home,
    keller: Home,
    trachsel: Home,
}

impl Office {
    fn new() -> Self {
        let world = World::new();
        let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
        let keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
        let trachsel = world.colleague(&mut berger, "trachsel", "Rolf Trachsel", Role::Write);
        let mut office = Self {
            world,
            berger,
            keller,
            trachsel,
        };
        office.sync_all();
        office
    }

    /// Berger and Keller administer it, and it takes two.
    fn of_two() -> Self {
        let mut office = Self::new();
        let keller = office.person("Eva Keller");
        office.berger.nahtlos.add_administrator(&keller).unwrap();
        office.sync_all();
        office.berger.nahtlos.say_policy(2, false).unwrap();
        office.sync_all();
        office
    }

    fn sync_all(&mut self) {
        for _ in 0..2 {
            for home in [&mut self.berger, &mut self.keller, &mut self.trachsel] {
                home.sync();
            }
        }
    }

    fn person(&self, name: &str) -> SpaceId {
        let directory = self.berger.nahtlos.directory().unwrap();
        directory.find_person(name).unwrap()
    }
}

fn the_one(home: &Home) -> WaitingGrant {
    let mut waiting = home.nahtlos.waiting_members().unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    waiting.remove(0)
}

fn takes_two(home: &Home) -> bool {
    home.nahtlos.institution_policy().unwrap().administrators == 2
}

fn administers(home: &Home, name: &str) -> bool {
    let people = home.nahtlos.institution_policy().unwrap().people;
    people.iter().any(|line| line.name == name && !line.waits)
}

#[test]
fn an_administrator_whom_one_program_adds_and_confirms_does_not_replay_and_one_whom_it_adds_waits_everywhere()
 {
    let mut office = Office::of_two();
    let institution = office.berger.nahtlos.identity().institution.unwrap();
    let trachsel = office.person("Rolf Trachsel");
    let grant = nahtlos_protocol::identifier::GrantId([7; 16]);
    let add = Effect::Add {
        grant,
        member: Member::Space { id: trachsel },
        role: Role::Manage,
        history: History::Full,
        basis: None,
        not_after_ms: None,
        invitation: None,
    };
    let confirm = Effect::Confirm {
        grant,
        key_id: None,
    };
    let forced =
        office
            .berger
            .nahtlos
            .hostile_change(&institution, vec![add.clone(), confirm], false);
    assert!(forced.is_err(), "it does not even replay where it was made");
    let control = office
        .berger
        .nahtlos
        .hostile_change(&institution, vec![add], false);
    control.unwrap();
    office.sync_all();
    for home in [&office.berger, &office.keller, &office.trachsel] {
        assert!(!administers(home, "Rolf Trachsel"));
    }
    let waiting = the_one(&office.keller);
    assert_eq!(
        (waiting.reason, waiting.can_confirm),
        ("waits_for_second", true)
    );
    assert!(!the_one(&office.berger).can_confirm);
    office
        .keller
        .nahtlos
        .confirm(&waiting.grant, &waiting.words)
        .unwrap();
    office.sync_all();
    for home in [&office.berger, &office.keller, &office.trachsel] {
        assert!(administers(home, "Rolf Trachsel"));
    }
}

#[test]
fn two_who_propose_the_same_offline_have_said_it_both_and_two_who_add_the_same_person_are_no_second()
 {
    let mut office = Office::of_two();
    office.berger.nahtlos.say_policy(1, false).unwrap();
    office.keller.nahtlos.say_policy(1, false).unwrap();
    office.sync_all();
    assert!(!takes_two(&office.berger) && !takes_two(&office.trachsel));

    let mut office = Office::of_two();
    let trachsel = office.person("Rolf Trachsel");
    office.berger.nahtlos.add_administrator(&trachsel).unwrap();
    office.keller.nahtlos.add_administrator(&trachsel).unwrap();
    office.sync_all();
    assert!(takes_two(&office.berger));
    assert!(
        !administers(&office.trachsel, "Rolf Trachsel"),
        "nobody confirmed"
    );
}

#[test]
fn where_it_takes_two_a_colleagues_new_device_waits_for_another_administrator() {
    let mut office = Office::of_two();
    let case = office.berger.open_example_case();
    office.berger.nahtlos.edit_case(&case, &[note(1)]).unwrap();
    office.sync_all();
    let person = office.person("Rolf Trachsel");
    let early = office.berger.nahtlos.invite_device_for(&person);
    assert!(
        matches!(early, Err(ClientError::HasDevices { .. })),
        "{early:?}"
    );
    let lost = office.trachsel.nahtlos.device_id().to_string();
    let ending = office.berger.nahtlos.device_to_revoke(&lost).unwrap();
    office
        .berger
        .nahtlos
        .end(&ending, Reason::DeviceLost)
        .unwrap();
    office.berger.sync();
    let invitation = office.berger.nahtlos.invite_device_for(&person).unwrap();
    office.berger.sync();
    let mut phone = office.world.home("phone");
    let mut transport = office.world.transport();
    phone
        .nahtlos
        .join_as_device(&mut transport, &invitation, "Handy")
        .unwrap();
    office.berger.sync();
    let compared = the_one(&office.berger);
    assert_eq!(compared.reason, "waits_for_comparison");
    let words = phone.nahtlos.device_words();
    office
        .berger
        .nahtlos
        .confirm(&compared.grant, &words)
        .unwrap();
    office.berger.sync();
    let _nothing_for_it_yet = phone.try_sync();
    assert!(phone.nahtlos.find_case(&case).is_err(), "one is not enough");

    office.keller.sync();
    let second = the_one(&office.keller);
    assert_eq!(
        (second.reason, second.can_confirm),
        ("waits_for_second", true)
    );
    assert!(!the_one(&office.berger).can_confirm);
    office
        .keller
        .nahtlos
        .confirm(&second.grant, &words)
        .unwrap();
    for _ in 0..2 {
        office.keller.sync();
        phone.sync();
        office.berger.sync();
    }
    let case = phone.nahtlos.find_case(&case);
    assert!(case.is_ok(), "{case:?}");
    assert!(office.keller.nahtlos.waiting_members().unwrap().is_empty());
}

#[test]
fn the_recovery_key_is_the_second_administrator_where_the_other_one_is_gone() {
    let mut office = Office::new();
    let people: Vec<SpaceId> = ["Anna Berger", "Eva Keller", "Rolf Trachsel"]
        .map(|name| office.person(name))
        .into();
    let alone = office.berger.nahtlos.say_policy(2, false);
    assert!(
        matches!(alone, Err(ClientError::NoRight { .. })),
        "{alone:?}"
    );
    office
        .berger
        .nahtlos
        .set_up_recovery(2, &people, &[])
        .unwrap();
    office.sync_all();
    office.berger.nahtlos.say_policy(2, false).unwrap();
    office.sync_all();
    let institution = office.berger.nahtlos.identity().institution.unwrap();
    office.berger.nahtlos.add_administrator(&people[1]).unwrap();
    office.sync_all();
    assert!(!administers(&office.keller, "Eva Keller"));
    let share = office.trachsel.nahtlos.hand_over_share(&people[0]).unwrap();
    let rehearsed = office.berger.nahtlos.rehearse_recovery(&[share]).unwrap();
    let mut transport = office.world.transport();
    let home = office.berger.path.clone();
    office
        .berger
        .nahtlos
        .use_recovery(
            &home,
            &rehearsed,
            &people[1],
            &[institution],
            &mut transport,
            &mut |_| {},
        )
        .unwrap();
    office.sync_all();
    assert!(administers(&office.keller, "Eva Keller"));
    assert!(takes_two(&office.keller));
}
