//! Cases are handed over: which are not and why, what goes with it, and each whole or not at all.

use nahtlos_casework::SectionKind;
use nahtlos_casework::view::CoreView;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::handover::{Exclusion, HandoverPlan};
use nahtlos_client::share::Terms;
use nahtlos_client::vault::Fault;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

const CORE: SectionKind = SectionKind::Core;

/// Berger leads two cases; Lüthi is in her team; Iseli works for another institution.
struct Office {
    world: World,
    berger: Home,
    luthi: Home,
    iseli: Home,
    numbers: Vec<String>,
}

fn office(role: Role) -> Office {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", role);
    let numbers = vec![berger.open_example_case(), berger.open_example_case()];
    berger.sync();
    luthi.sync();
    iseli.sync();
    Office {
        world,
        berger,
        luthi,
        iseli,
        numbers,
    }
}

fn person(home: &Home) -> SpaceId {
    home.nahtlos.identity().person.unwrap()
}

fn lead(home: &Home, number: &str) -> String {
    let case = home.nahtlos.find_case(number).unwrap();
    let document = home.nahtlos.section_document(&case, &CORE).unwrap();
    let core = CoreView::read(&document);
    core.lead.unwrap().known().unwrap().person.to_string()
}

impl Office {
    fn plan(&self, by: &Home, to: &Home) -> HandoverPlan {
        let (from, to) = (person(&self.berger), person(to));
        by.nahtlos.plan_handover(&from, &to, &[]).unwrap()
    }

    fn remove_berger_from_her_team(&mut self) {
        let team = self.berger.nahtlos.identity().team.unwrap();
        let ending = Ending::Member(team, person(&self.berger));
        self.luthi.nahtlos.end(&ending, Reason::Left).unwrap();
    }

    /// Iseli's team reads and writes the first case's core, and no other section.
    fn share_core_of_the_first(&mut self) {
        let team = self.iseli.nahtlos.identity().team.unwrap();
        let case = self.berger.nahtlos.find_case(&self.numbers[0]).unwrap();
        let terms = Terms::new(Role::Write, "IVG68bis2");
        self.berger
            .nahtlos
            .grant(&case, &CORE, &team, &terms)
            .unwrap();
        self.berger.sync();
        self.iseli.sync();
    }
}

fn because(plan: &HandoverPlan) -> Vec<Exclusion> {
    plan.excluded.iter().map(|one| one.because).collect()
}

#[test]
fn who_only_writes_in_the_team_hands_over_and_who_only_reads_does_not() {
    for (role, expected) in [(Role::Manage, 2), (Role::Write, 2), (Role::Read, 0)] {
        let office = office(role);
        let plan = office.plan(&office.luthi, &office.luthi);
        assert_eq!(plan.cases.len(), expected, "{role:?}");
        if expected == 0 {
            assert_eq!(because(&plan), [Exclusion::NotYours; 2]);
        }
    }
}

#[test]
fn a_conflict_of_interest_keeps_a_case_where_it_is_until_the_mark_is_taken_away() {
    let mut office = office(Role::Manage);
    let case = office.berger.nahtlos.find_case(&office.numbers[0]).unwrap();
    let luthi = person(&office.luthi);
    office.berger.nahtlos.recuse(&case, &luthi, true).unwrap();
    office.berger.sync();
    office.luthi.sync();
    for by in [&office.berger, &office.luthi] {
        let plan = office.plan(by, &office.luthi);
        assert_eq!(plan.cases.len(), 1);
        assert_eq!(because(&plan), [Exclusion::ConflictOfInterest]);
    }
    let own = office.luthi.nahtlos.recuse(&case, &luthi, false);
    assert_eq!(own.unwrap_err().code(), "no_right", "not of oneself");
    office.luthi.sync();
    assert_eq!(
        because(&office.plan(&office.luthi, &office.luthi)),
        [Exclusion::ConflictOfInterest]
    );
    office.berger.nahtlos.recuse(&case, &luthi, false).unwrap();
    let again = office.berger.nahtlos.recuse(&case, &luthi, false);
    assert_eq!(again.unwrap_err().code(), "nothing_to_change");
    office.berger.sync();
    office.luthi.sync();
    assert_eq!(office.plan(&office.luthi, &office.luthi).cases.len(), 2);
}

#[test]
fn a_hand_over_to_another_institution_shares_nothing_and_lets_it_manage_what_it_reads() {
    let mut office = office(Role::Manage);
    assert_eq!(
        because(&office.plan(&office.berger, &office.iseli)),
        [Exclusion::NotShared; 2],
        "it reads nothing yet"
    );
    office.share_core_of_the_first();
    let plan = office.plan(&office.berger, &office.iseli);
    assert_eq!(because(&plan), [Exclusion::NotShared]);
    let one = &plan.cases[0];
    assert_eq!(one.raised, ["core"]);
    assert!(one.not_shared.contains(&"journal".to_owned()), "{one:?}");
    assert!(!one.not_shared.contains(&"core".to_owned()), "{one:?}");
    assert!(one.new_keys.is_empty(), "Berger reads on: {one:?}");
    assert!(office.berger.nahtlos.hand_over(&plan, one).unwrap());
    office.berger.sync();
    office.iseli.sync();
    let case = office.iseli.nahtlos.find_case(&office.numbers[0]).unwrap();
    let space = case.section(&CORE).unwrap();
    assert_eq!(office.iseli.nahtlos.own_role(&space), Some("manage"));
    assert_eq!(
        lead(&office.iseli, &office.numbers[0]),
        person(&office.iseli).to_string()
    );
    assert_eq!(case.sections.len(), 1, "nothing else was shared");
    // The earlier lead's team goes on reading: nothing of its right ended.
    assert_eq!(office.berger.nahtlos.own_role(&space), Some("manage"));
}

/// The program ends at any moment: each case is handed over with its new keys, or not at all, and the
/// same command goes on.
#[test]
fn a_crash_while_cases_are_handed_over_leaves_each_whole_and_the_next_run_does_the_rest() {
    for keeps in [false, true] {
        for after in 0..2 {
            let mut office = office(Role::Manage);
            office.remove_berger_from_her_team();
            let plan = office.plan(&office.luthi, &office.luthi);
            assert_eq!(plan.cases.len(), 2);
            assert!(
                plan.cases.iter().all(|one| one.new_keys.len() > 3),
                "{plan:?}"
            );
            let before = office.luthi.nahtlos.rotations_left().unwrap().len();
            assert_eq!(before, 0);
            let fault = Some(Fault::Crash { after, keeps });
            office.luthi.nahtlos.vault_mut().set_fault(fault);
            let mut handed = plan.cases.iter();
            let crashed =
                handed.try_for_each(|one| office.luthi.nahtlos.hand_over(&plan, one).map(drop));
            assert!(crashed.is_err(), "control");
            office.luthi = office.world.closed_and_reopened(office.luthi);

            let done = after + u64::from(keeps);
            let own = person(&office.luthi).to_string();
            let mut whole = 0;
            for one in &plan.cases {
                let number = one.case_number.as_ref().unwrap();
                whole += u64::from(lead(&office.luthi, number) == own);
            }
            assert_eq!(whole, done, "after {after}, {keeps}");
            let keys = office.luthi.nahtlos.rotations_left().unwrap().len();
            assert_eq!(keys as u64, done * plan.cases[0].new_keys.len() as u64);

            let rest = office.plan(&office.luthi, &office.luthi);
            assert_eq!(rest.cases.len() as u64, 2 - done);
            for one in &rest.cases {
                assert!(office.luthi.nahtlos.hand_over(&rest, one).unwrap());
            }
            assert!(office.plan(&office.luthi, &office.luthi).cases.is_empty());
        }
    }
}

#[test]
fn after_a_hand_over_the_one_who_left_opens_nothing_that_is_written_in_any_section() {
    let mut office = office(Role::Manage);
    office.remove_berger_from_her_team();
    let plan = office.plan(&office.luthi, &office.luthi);
    for one in &plan.cases {
        office.luthi.nahtlos.hand_over(&plan, one).unwrap();
    }
    office.luthi.sync();
    assert!(
        office.luthi.nahtlos.rotations_left().unwrap().is_empty(),
        "all made"
    );
    let number = office.numbers[0].clone();
    let stored = office.world.stored_envelopes(&office.luthi, &number, &CORE);
    let last = &stored[stored.len() - 1..];
    assert_eq!(office.world.opens(&office.luthi, last), [true], "control");
    assert_eq!(
        office.world.opens(&office.berger, last),
        [false],
        "who leads it now"
    );
    assert!(
        office.world.opens(&office.berger, &stored[..1])[0],
        "what she had stays"
    );
}

#[test]
fn a_case_that_somebody_handed_over_meanwhile_is_left_alone() {
    let mut office = office(Role::Manage);
    let plan = office.plan(&office.luthi, &office.luthi);
    for one in &plan.cases {
        assert!(office.luthi.nahtlos.hand_over(&plan, one).unwrap());
        assert!(
            !office.luthi.nahtlos.hand_over(&plan, one).unwrap(),
            "done already"
        );
    }
}

#[test]
fn an_order_is_given_by_who_manages_the_institution_and_taken_back() {
    let mut office = office(Role::Write);
    let (berger, luthi) = (person(&office.berger), person(&office.luthi));
    let refused = office.luthi.nahtlos.order_handover(&berger, Some(&luthi));
    assert_eq!(refused.unwrap_err().code(), "no_right");
    let iseli = person(&office.iseli);
    let refused = office.berger.nahtlos.order_handover(&berger, Some(&iseli));
    assert_eq!(
        refused.unwrap_err().code(),
        "not_found",
        "of another institution"
    );
    office
        .berger
        .nahtlos
        .order_handover(&berger, Some(&luthi))
        .unwrap();
    office.berger.sync();
    office.luthi.sync();
    let orders = office.luthi.nahtlos.ordered_handovers().unwrap();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].ordered_by.as_deref(), Some("Anna Berger"));
    assert_eq!(
        (orders[0].cases, orders[0].to_id.clone()),
        (2, luthi.to_string())
    );
    office.berger.nahtlos.order_handover(&berger, None).unwrap();
    office.berger.sync();
    office.luthi.sync();
    assert!(office.luthi.nahtlos.ordered_handovers().unwrap().is_empty());
}

/// Who orders reads no log of cases: an older program gives the order all the same.
#[test]
fn an_order_to_somebody_of_another_team_is_told_to_them_and_to_nobody_else() {
    let mut office = office(Role::Write);
    let team = office.berger.nahtlos.found_team("Team Süd").unwrap();
    office.berger.sync();
    let invited = office
        .berger
        .nahtlos
        .invite_person(&team, Role::Write, "Süd");
    office.berger.sync();
    let mut south = office.world.home("south");
    let introduction = nahtlos_client::Introduction {
        name: "Pia Süd".into(),
        function: "officer".into(),
    };
    let transport = &mut office.world.transport();
    south
        .nahtlos
        .join_as_person(transport, &invited.unwrap(), &introduction)
        .unwrap();
    for home in [&mut office.luthi, &mut south] {
        office.berger.sync();
        home.sync();
    }
    let (luthi, pia) = (person(&office.luthi), person(&south));
    let berger = &mut office.berger.nahtlos;
    assert!(berger.is_in_a_team_of(&luthi, &luthi).unwrap());
    assert!(!berger.is_in_a_team_of(&pia, &luthi).unwrap());
    berger.order_handover(&luthi, Some(&pia)).unwrap();
    office.berger.sync();
    office.luthi.sync();
    south.sync();
    let told = south.nahtlos.orders_out_of_reach().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].from, "Beat Lüthi");
    for other in [&office.berger, &office.luthi] {
        assert_eq!(other.nahtlos.orders_out_of_reach().unwrap(), []);
    }
    let berger = &mut office.berger.nahtlos;
    berger.order_handover(&luthi, None).unwrap();
    office.berger.sync();
    south.sync();
    assert_eq!(
        south.nahtlos.orders_out_of_reach().unwrap(),
        [],
        "taken back"
    );
}
