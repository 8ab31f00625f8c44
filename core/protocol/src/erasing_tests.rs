//! Who erases a section, and until when their word stands.

use super::erases_section;
use crate::identifier::SpaceId;
use crate::space::authority::{self, At, Knowledge, View};
use crate::space::operation::LogHead;
use crate::space::standing::{Position, ReceivedBefore, Suspended};
use crate::space::tests::making::{Offices, TestRelay, draft, offices, remove_member};
use crate::space::tests::world::TestDevice;
use crate::space::{Effect, Role};

/// Team one manages the section and team two writes there; B reads and writes through team one.
struct Case {
    o: Offices,
    b1: TestDevice,
    b: SpaceId,
    relay: TestRelay,
}

impl Case {
    fn new() -> Self {
        let mut o = offices();
        let b1 = TestDevice::new(2);
        let b = o.world.person(&b1, o.one.institution);
        o.world.join(&o.a1, o.one.team, b, Role::Write);
        Self {
            o,
            b1,
            b,
            relay: TestRelay::new(1),
        }
    }

    /// An operation of A, receipted.
    fn decide(&mut self, effect: Effect, space: SpaceId) {
        let made = self.o.world.act(&self.o.a1, draft([effect]), Some(space));
        self.relay.receive(&made.operation);
    }

    fn close(&mut self) {
        self.decide(Effect::Close {}, self.o.section);
    }

    /// What a device's access heads come after, sealed now.
    fn knows(&self, device: &TestDevice) -> Knowledge {
        let logs = &self.o.world.logs;
        let state = &logs[&self.o.section];
        let path = authority::path_heads(logs, &device.id, state);
        let heads: Vec<LogHead> = path.into_values().chain(state.head()).collect();
        Knowledge::of(logs, &heads).unwrap()
    }

    fn erases(&self, device: &TestDevice, knew: &Knowledge) -> bool {
        self.erases_in(device, knew, View::NEWEST)
    }

    fn erases_in(&self, device: &TestDevice, knew: &Knowledge, since: View<'_>) -> bool {
        let logs = &self.o.world.logs;
        let state = &logs[&self.o.section];
        erases_section(logs, state, &device.id, knew, since, &Suspended::new())
    }

    fn erased_when_received(&self, device: &TestDevice, knew: &Knowledge, at: Position) -> bool {
        let before = ReceivedBefore {
            position: at,
            receipts: &self.relay,
        };
        self.erases_in(device, knew, View::at(At::Lengths(&before)))
    }
}

#[test]
fn who_manages_a_closed_section_erases_it_and_nobody_else() {
    let mut case = Case::new();
    let open = case.knows(&case.o.a1);
    assert!(!case.erases(&case.o.a1, &open), "the section is open");
    case.close();
    let a_knows = case.knows(&case.o.a1);
    assert!(case.erases(&case.o.a1, &a_knows));
    let b_knows = case.knows(&case.b1);
    assert!(
        case.erases(&case.b1, &b_knows),
        "writes in the team that manages it"
    );
    let c_knows = case.knows(&case.o.c1);
    assert!(!case.erases(&case.o.c1, &c_knows), "only wrote there");
    let stranger = TestDevice::new(9);
    assert!(!case.erases(&stranger, &a_knows), "is no member");
}

#[test]
fn an_erasure_that_names_no_closing_erases_nothing_though_the_section_was_closed_since() {
    let mut case = Case::new();
    let before = case.knows(&case.o.a1);
    case.close();
    assert!(!case.erases(&case.o.a1, &before));
}

#[test]
fn who_lost_the_right_to_manage_erases_nothing_by_old_heads_but_what_they_ordered_before_stands() {
    let mut case = Case::new();
    case.close();
    let b_knows = case.knows(&case.b1);
    let ordered = case.relay.next_place();
    case.decide(remove_member(case.b), case.o.one.team);
    let late = case.relay.next_place();
    assert!(!case.erases(&case.b1, &b_knows), "by the newest logs");
    assert!(case.erased_when_received(&case.b1, &b_knows, ordered));
    assert!(!case.erased_when_received(&case.b1, &b_knows, late));
}

#[test]
fn who_only_reads_in_the_team_that_manages_erases_nothing() {
    let mut case = Case::new();
    let r1 = TestDevice::new(7);
    let reader = case.o.world.person(&r1, case.o.one.institution);
    let team = case.o.one.team;
    case.o.world.join(&case.o.a1, team, reader, Role::Read);
    case.close();
    let knows = case.knows(&r1);
    assert!(!case.erases(&r1, &knows));
}

#[test]
fn no_person_team_or_network_is_erased() {
    let mut case = Case::new();
    let team = case.o.one.team;
    case.decide(Effect::Close {}, team);
    let logs = &case.o.world.logs;
    let state = &logs[&team];
    let path = authority::path_heads(logs, &case.o.a1.id, state);
    let heads: Vec<LogHead> = path.into_values().chain(state.head()).collect();
    let knew = Knowledge::of(logs, &heads).unwrap();
    let a1 = &case.o.a1.id;
    assert!(!erases_section(
        logs,
        state,
        a1,
        &knew,
        View::NEWEST,
        &Suspended::new()
    ));
}
