//! A relay, an institution that owns many cases, and another one that was granted all of them and
//! writes in all of them.

use nahtlos_client::share::Terms;
use std::path::Path;

use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

use crate::case_edits::{CHANGES_PER_AUTHOR, everywhere, official_name};
use crate::proxy::CountingProxy;
use crate::sampling::{milliseconds, timed};

/// Sections of one case.
pub const SECTIONS_PER_CASE: usize = 5;

/// One network with many cases.
pub struct Network {
    /// The relay.
    pub world: World,
    /// Counts what devices exchange with it.
    pub proxy: CountingProxy,
    /// The device that opened the cases.
    pub owner: Home,
    /// A device of another institution, whose team was granted every section of every case.
    pub other: Home,
    /// Hexadecimal ids of the cases, in the order they were opened.
    pub cases: Vec<String>,
    /// How long it took to make all this.
    pub built: Built,
}

/// What building cost, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Built {
    /// Opening one case offline, on average.
    pub open_case_ms: f64,
    /// The owner's first sync of one case, on average.
    pub push_case_ms: f64,
    /// Deciding and pushing the grants of one case, on average.
    pub grant_case_ms: f64,
    /// What the other one writes in it and pushes, on average.
    pub write_case_ms: f64,
    /// The other device's first sync of one case, on average.
    pub receive_case_ms: f64,
}

impl Network {
    /// Builds it.
    ///
    /// # Panics
    /// Where any step fails.
    pub fn new(parent: &Path, cases: usize) -> Self {
        let world = World::below(parent);
        let proxy = CountingProxy::new(world.relay().address);
        let mut owner = world.found("owner", "Anna Berger", "RAV Langnau", "alv");
        let mut other = world.institution(&mut owner, "other", "Marc Iseli", "IV Bern", "iv");
        #[allow(clippy::cast_precision_loss)]
        let per_case = |(time, ()): (std::time::Duration, ())| milliseconds(time) / cases as f64;
        let open_case_ms = per_case(timed(|| {
            (0..cases).for_each(|number| open_case(&mut owner, number));
        }));
        let push_case_ms = per_case(timed(|| sync_to_the_end(&mut owner)));
        let lines = owner.nahtlos.cases().expect("a readable vault");
        let cases: Vec<String> = lines.into_iter().map(|line| line.id).collect();
        let grant_case_ms = per_case(timed(|| {
            share_all(&mut owner, &cases);
            sync_to_the_end(&mut owner);
        }));
        let receive_case_ms = per_case(timed(|| sync_to_the_end(&mut other)));
        let write_case_ms = per_case(timed(|| {
            write_everywhere(&mut other, &cases);
            sync_to_the_end(&mut other);
        }));
        sync_to_the_end(&mut owner);
        let received = other.nahtlos.cases().expect("a readable vault");
        assert_eq!(received.len(), cases.len(), "every case was granted");
        assert!(
            received
                .iter()
                .all(|line| line.sections.len() == SECTIONS_PER_CASE),
            "with every section"
        );
        Self {
            world,
            proxy,
            owner,
            other,
            cases,
            built: Built {
                open_case_ms,
                push_case_ms,
                grant_case_ms,
                write_case_ms,
                receive_case_ms,
            },
        }
    }

    /// Closes the owner's home and opens it again, as the next command of a person would.
    pub fn with_owner_reopened(self) -> Self {
        let Self {
            world,
            proxy,
            owner,
            other,
            cases,
            built,
        } = self;
        drop(owner);
        let owner = world.reopen("owner");
        Self {
            world,
            proxy,
            owner,
            other,
            cases,
            built,
        }
    }

    /// Sections of each device's cases.
    pub fn sections(&self) -> usize {
        self.cases.len() * SECTIONS_PER_CASE
    }
}

fn open_case(home: &mut Home, number: usize) {
    let mut edits = everywhere(number as u64, CHANGES_PER_AUTHOR);
    edits.push(official_name(number));
    home.nahtlos.open_case(&edits).expect("a valid case");
}

/// The second author of every document.
fn write_everywhere(home: &mut Home, cases: &[String]) {
    for (number, case) in (1_000_000..).zip(cases) {
        let edits = everywhere(number, CHANGES_PER_AUTHOR);
        home.nahtlos.edit_case(case, &edits).expect("a writer");
    }
}

fn share_all(home: &mut Home, cases: &[String]) {
    share(home, cases, "IV Bern Team 1");
}

/// Grants every section of these cases to a team.
pub fn share(home: &mut Home, cases: &[String], team: &str) {
    let directory = home.nahtlos.directory().expect("a directory");
    let team = directory.find_member(team).expect("the team");
    for case in cases {
        let case = home.nahtlos.find_case(case).expect("the case");
        for kind in case.sections.keys() {
            home.nahtlos
                .grant(&case, kind, &team, &Terms::new(Role::Write, "AVG35a1"))
                .expect("a manager");
        }
    }
}

/// Syncs until nothing is left to push or pull: one sync has a bounded number of rounds.
pub fn sync_to_the_end(home: &mut Home) {
    for _ in 0..100 {
        let report = home.sync();
        assert!(report.notices.is_empty(), "{report:?}");
        assert!(report.held.is_empty(), "{report:?}");
        if report.requests == 1 {
            return;
        }
    }
    panic!("a sync that never ends");
}
