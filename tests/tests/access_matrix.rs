//! The access matrix, cell by cell: one team for each column, the sections of one case, grants as
//! the matrix proposes them, and then what the keys of each device open of the ciphertext that the
//! relay stores. First without any consent, legal basis or invitation, then with them: what is open
//! by condition stays shut without it.

use std::collections::BTreeMap;

use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::ConsentForm;
use nahtlos_casework::matrix::{Access, Condition, Party, default_access, proposal};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::role::InstitutionKind as Kind;
use nahtlos_casework::slice::slice_rule;
use nahtlos_casework::{PLAIN_SECTIONS, SectionKind};
use nahtlos_client::audit::KeyTrial;
use nahtlos_client::consent::{ConsentShare, NewConsent};
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};
use serde_json::json;

/// The columns of the matrix but the lead's, each an institution of its own; and one that has none.
/// A coach is a coach whatever the institution.
const COLUMNS: [(&str, &str, Party); 10] = [
    ("RAV Bern", "alv", Party::Institution(Kind::Alv)),
    ("IV-Stelle Bern", "iv", Party::Institution(Kind::Iv)),
    ("Sozialdienst", "soz", Party::Institution(Kind::Soz)),
    ("BIZ Langnau", "biz", Party::Institution(Kind::Biz)),
    ("Migrationsdienst", "mig", Party::Institution(Kind::Mig)),
    ("Suva", "uv", Party::Institution(Kind::Uv)),
    ("Kurswerk", "provider", Party::Institution(Kind::Provider)),
    ("Pflegeheim", "employer", Party::Institution(Kind::Employer)),
    ("Stellwerk", "provider", Party::Coach),
    (
        "Steuergruppe",
        "steuerung",
        Party::Institution(Kind::Steuerung),
    ),
];
const LEAD: &str = "RAV Langnau";
const MEDICAL_TEAM: &str = "IV-Stelle Bern";
/// Whose measure is the first one, and who is invited to the round table.
const OWN_MEASURE_OF: &str = "Kurswerk";
const INVITED: [&str; 2] = ["Sozialdienst", "Stellwerk"];

struct Desk {
    name: &'static str,
    party: Party,
    home: Home,
}

struct Network {
    world: World,
    case: String,
    /// The lead first, then a desk for each column.
    desks: Vec<Desk>,
    edits: u64,
}

/// What a device has of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Nothing,
    Reads,
    Writes,
}

impl Network {
    fn new() -> Self {
        let world = World::new();
        let mut lead = world.found("lead", "Anna Berger", LEAD, "alv");
        let mut desks = Vec::new();
        for (position, (name, kind, party)) in COLUMNS.into_iter().enumerate() {
            let person = format!("Person {position}");
            let home =
                world.institution(&mut lead, &format!("home-{position}"), &person, name, kind);
            desks.push(Desk { name, party, home });
        }
        let number = lead.open_example_case();
        let case = lead.nahtlos.find_case(&number).unwrap().id.to_string();
        let (name, party, home) = (LEAD, Party::Lead, lead);
        desks.insert(0, Desk { name, party, home });
        let mut network = Self {
            world,
            case,
            desks,
            edits: 0,
        };
        network.open_sections();
        network
    }

    fn desk(&mut self, name: &str) -> &mut Desk {
        let found = self.desks.iter_mut().find(|desk| desk.name == name);
        found.unwrap()
    }

    fn case_of(&self, nahtlos: &Nahtlos) -> Option<Case> {
        nahtlos.find_case(&self.case).ok()
    }

    fn sync(&mut self) {
        for _ in 0..2 {
            for desk in &mut self.desks {
                let report = desk.home.sync();
                assert!(report.held.is_empty(), "{}: {report:?}", desk.name);
            }
        }
    }

    /// Every section that the lead's team opens; the medical one is handed to the team that needs it,
    /// before anybody writes in it.
    fn open_sections(&mut self) {
        let case = self.case.clone();
        let lead = &mut self.desk(LEAD).home;
        for kind in sections() {
            let found = lead.nahtlos.find_case(&case).unwrap();
            if !found.sections.contains_key(&kind) {
                lead.nahtlos.open_section(&found, &kind).unwrap();
            }
        }
        lead.share(
            &case,
            &SectionKind::Medical,
            &team(MEDICAL_TEAM),
            Role::Manage,
            "IVG68bis2",
        );
        self.sync();
        let lead = &mut self.desk(LEAD).home.nahtlos;
        let found = lead.find_case(&case).unwrap();
        let own = lead.directory().unwrap().find_member(&team(LEAD)).unwrap();
        let medical = found.section(&SectionKind::Medical).unwrap();
        lead.end(&Ending::Member(medical, own), Reason::Replaced)
            .unwrap();
        self.sync();
    }

    /// Grants what the matrix proposes on these conditions.
    fn grant(&mut self, conditions: &[Condition]) {
        let case = self.case.clone();
        for kind in sections() {
            for position in 0..self.desks.len() {
                let (name, party) = (self.desks[position].name, self.desks[position].party);
                let Some(proposed) = proposal(&kind, party) else {
                    continue;
                };
                let manager = if kind == SectionKind::Medical {
                    MEDICAL_TEAM
                } else {
                    LEAD
                };
                let applies = conditions.contains(&proposed.condition)
                    && is_meant(&kind, name, proposed.condition)
                    && name != manager;
                if !applies {
                    continue;
                }
                let role = if proposed.writes {
                    Role::Write
                } else {
                    Role::Read
                };
                let basis = match proposed.condition {
                    Condition::Law => "AHVG153c",
                    Condition::Consent => "consent on paper of 05.10.2026",
                    _ => "AVG35a1",
                };
                let manager = &mut self.desk(manager).home;
                manager.share(&case, &kind, &team(name), role, basis);
            }
        }
        self.sync();
    }

    /// Everybody tries to write once in every section; says who could.
    fn write_everywhere(&mut self) -> BTreeMap<(SectionKind, &'static str), bool> {
        let mut written = BTreeMap::new();
        let case = self.case.clone();
        for kind in sections() {
            for desk in &mut self.desks {
                self.edits += 1;
                let tried = desk
                    .home
                    .nahtlos
                    .edit_case(&case, &[some_edit(&kind, self.edits)]);
                if let Err(error) = &tried {
                    let codes = ["no_right", "not_found", "no_key"];
                    assert!(
                        codes.contains(&error.code()),
                        "{kind} {}: {error}",
                        desk.name
                    );
                }
                written.insert((kind.clone(), desk.name), tried.is_ok());
            }
        }
        self.sync();
        written
    }

    fn trials(&self) -> Vec<KeyTrial> {
        let trials = self.desks.iter();
        trials
            .map(|desk| self.world.trial_with_all_wraps(&desk.home))
            .collect()
    }

    /// The device from which one looks a section up: one that has it.
    fn holder(&self, kind: &SectionKind) -> &Home {
        let name = if *kind == SectionKind::Medical {
            MEDICAL_TEAM
        } else {
            LEAD
        };
        let desk = self.desks.iter().find(|desk| desk.name == name);
        &desk.unwrap().home
    }

    /// Compares every cell with what the keys open of what the relay stores.
    fn check(&mut self, conditions: &[Condition]) {
        let written = self.write_everywhere();
        let trials = self.trials();
        let (mut open, mut shut) = (0, 0);
        for kind in sections() {
            let stored = self
                .world
                .stored_envelopes(self.holder(&kind), &self.case, &kind);
            assert!(!stored.is_empty(), "{kind}: nothing to try");
            for (desk, trial) in self.desks.iter().zip(&trials) {
                let expected = expected(&kind, desk.name, desk.party, conditions);
                let opened = stored
                    .iter()
                    .filter(|envelope| trial.opens(envelope))
                    .count();
                let all = if expected == Cell::Nothing {
                    0
                } else {
                    stored.len()
                };
                assert_eq!(opened, all, "{kind} {}: {expected:?}", desk.name);
                let wrote = written[&(kind.clone(), desk.name)];
                assert_eq!(
                    wrote,
                    expected == Cell::Writes,
                    "{kind} {}: {expected:?}",
                    desk.name
                );
                match expected {
                    Cell::Nothing => shut += 1,
                    _ => open += 1,
                }
            }
        }
        assert!(
            open > 60 && shut > 60,
            "{open} open, {shut} shut: both are tried"
        );
    }
}

/// The sections but `internal/<institution>`, which each institution opens itself.
fn sections() -> Vec<SectionKind> {
    let parts = ["measure/m1", "measure/m2", "meeting/t1", "employer/e1"];
    let parts = parts.iter().map(|code| SectionKind::parse(code).unwrap());
    PLAIN_SECTIONS.into_iter().chain(parts).collect()
}

fn team(institution: &str) -> String {
    format!("{institution} Team 1")
}

/// Whether a condition can be met by this institution: the first measure is the provider's own, the
/// second somebody else's, and not everybody is invited.
fn is_meant(kind: &SectionKind, name: &str, condition: Condition) -> bool {
    match condition {
        Condition::Own => kind.code() == "measure/m1" && name == OWN_MEASURE_OF,
        Condition::Invitation => INVITED.contains(&name),
        _ => true,
    }
}

/// What the matrix says of a cell where these conditions are met, read from the table's words and not
/// from what it proposes.
fn expected(kind: &SectionKind, name: &str, party: Party, conditions: &[Condition]) -> Cell {
    let met = |condition: Condition, cell: Cell| {
        let is_met = conditions.contains(&condition) && is_meant(kind, name, condition);
        if is_met { cell } else { Cell::Nothing }
    };
    match default_access(kind, party).unwrap() {
        // Whoever opened the medical section writes in it, by managing it.
        Access::Write => Cell::Writes,
        // Who reads the accesses adds their own.
        Access::Read if *kind == SectionKind::Access => Cell::Writes,
        Access::Read => Cell::Reads,
        Access::ReadWithConsent => met(Condition::Consent, Cell::Reads),
        Access::WriteWithConsent => met(Condition::Consent, Cell::Writes),
        Access::ReadByLaw => met(Condition::Law, Cell::Reads),
        Access::WriteOwn => met(Condition::Own, Cell::Writes),
        Access::Participant => met(Condition::Invitation, Cell::Writes),
        Access::ReadOfMinors => met(Condition::Minor, Cell::Reads),
        // A slice is a document of its own: of the section itself nothing opens.
        Access::None | Access::Slice(_) | Access::SliceWithConsent(_) | Access::OwnNotes => {
            Cell::Nothing
        }
    }
}

/// An edit that anybody who may write in the section can make.
fn some_edit(kind: &SectionKind, number: u64) -> Edit {
    let id = nahtlos_casework::fields::EntryId::from_random(number.to_be_bytes());
    let form = |list: &str, values: serde_json::Value| {
        let change = json!({ "add": { "list": list, "id": id, "values": values } });
        json!({ "form": { "section": kind.code(), "change": change } })
    };
    let edit = match kind {
        SectionKind::Core => {
            json!({ "core": { "set": { "call_name": format!("Ruth {number}") } } })
        }
        SectionKind::Ident => json!({ "ident": { "set": { "zemis": number.to_string() } } }),
        SectionKind::Function => json!({ "function": { "add_assessment": { "id": id,
            "assessment": { "capacity": "40", "from": "2026-10-05", "basis": "Arbeitsversuch" } } } }),
        SectionKind::Plan => {
            json!({ "plan": { "set": { "situation": format!("Lage {number}") } } })
        }
        SectionKind::Journal => json!({ "journal": { "add_entry": {
            "id": id, "kind": "note", "text": "Notiz" } } }),
        SectionKind::Tasks => json!({ "tasks": { "add": { "id": id, "title": "Anrufen" } } }),
        SectionKind::Consent => json!({ "consent": { "id": id, "event": { "given": {
            "giver": { "kind": "client" }, "valid_from": "2026-10-05", "form": "paper",
            "scope": [{ "section": "social", "member": "m", "institution": "i" }] } } } }),
        SectionKind::Labour => form("employments", json!({ "employer": "Spitex" })),
        SectionKind::Education => form("degrees", json!({ "title": "SRK-Kurs" })),
        SectionKind::Medical => form("diagnoses", json!({ "diagnosis": "F43.2" })),
        SectionKind::Social => form("debts", json!({ "creditor": "Steueramt" })),
        SectionKind::Finance => form("allowances", json!({ "kind": "other", "payer": "ALK" })),
        SectionKind::Migration => form("nationalities", json!({ "country": "CH" })),
        SectionKind::Protection => form("measures", json!({ "kind": "other" })),
        SectionKind::Measure(_) => form(
            "attendance",
            json!({ "date": "2026-10-05", "presence": "present" }),
        ),
        SectionKind::Internal(_) => form("notes", json!({ "kind": "note", "text": "Intern" })),
        SectionKind::Meeting(_) => form("agenda", json!({ "point": "Stand" })),
        SectionKind::Access => form("reads", json!({ "sections": "core" })),
        SectionKind::Employer(_) => form("contacts", json!({ "kind": "call", "text": "Telefon" })),
        SectionKind::Enquiry | SectionKind::Slice(_) | SectionKind::Unknown(_) => unreachable!(),
    };
    serde_json::from_value(edit).unwrap()
}

#[test]
fn for_every_role_and_section_the_keys_open_what_the_matrix_says_and_nothing_else() {
    let mut network = Network::new();
    let unconditional = [Condition::TakingPart];
    network.grant(&unconditional);
    network.check(&unconditional);
    let conditional = [
        Condition::Consent,
        Condition::Law,
        Condition::Own,
        Condition::Invitation,
        Condition::Minor,
    ];
    network.grant(&conditional);
    network.check(&[&unconditional[..], &conditional].concat());
}

#[test]
fn notes_of_an_institution_open_for_its_own_people_alone_and_are_shared_with_nobody_else() {
    let mut network = Network::new();
    network.grant(&[Condition::TakingPart, Condition::Own]);
    let case = network.case.clone();
    let mut notes: Vec<(&'static str, SectionKind, SpaceId)> = Vec::new();
    for desk in &mut network.desks {
        let nahtlos = &mut desk.home.nahtlos;
        let own = SectionKind::Internal(nahtlos.own_institution_id().unwrap());
        if default_access(&own, desk.party) != Some(Access::OwnNotes) {
            continue;
        }
        let found = nahtlos.find_case(&case).unwrap();
        nahtlos.open_section(&found, &own).unwrap();
        let again = nahtlos.open_section(&found, &own).unwrap_err();
        assert_eq!(again.code(), "section_exists");
        nahtlos.edit_case(&case, &[some_edit(&own, 7)]).unwrap();
        let found = nahtlos.find_case(&case).unwrap();
        notes.push((desk.name, own.clone(), found.section(&own).unwrap()));
    }
    let institutions: Vec<&str> = notes.iter().map(|(name, ..)| *name).collect();
    assert_eq!(
        institutions,
        [
            "RAV Bern",
            "IV-Stelle Bern",
            "Sozialdienst",
            "BIZ Langnau",
            "Migrationsdienst",
            "Suva",
            "Kurswerk"
        ]
    );

    // Nobody opens another's, and nobody shares their own with others.
    let (_, of_iv, _) = notes[1].clone();
    let lead = &mut network.desk(LEAD).home.nahtlos;
    let found = lead.find_case(&case).unwrap();
    assert_eq!(
        lead.open_section(&found, &of_iv).unwrap_err().code(),
        "no_right"
    );
    let iv = &mut network.desk(MEDICAL_TEAM).home.nahtlos;
    let found = iv.find_case(&case).unwrap();
    let terms = nahtlos_client::share::Terms::new(Role::Read, "AVG35a1");
    for (with, allowed) in [(LEAD, false), ("Sozialdienst", false), (MEDICAL_TEAM, true)] {
        let member = iv.directory().unwrap().find_member(&team(with)).unwrap();
        let granted = iv.grant(&found, &of_iv, &member, &terms);
        assert_eq!(granted.is_ok(), allowed, "{with}");
    }
    network.sync();

    let trials = network.trials();
    for (of, kind, space) in &notes {
        let desk = network.desks.iter().find(|desk| desk.name == *of).unwrap();
        let stored = network.world.stored_envelopes(&desk.home, &case, kind);
        assert!(!stored.is_empty(), "{of}");
        for (desk, trial) in network.desks.iter().zip(&trials) {
            let opened = stored
                .iter()
                .filter(|envelope| trial.opens(envelope))
                .count();
            let expected = if desk.name == *of { stored.len() } else { 0 };
            assert_eq!(opened, expected, "{of}'s notes, tried by {}", desk.name);
            // The others do not even know that there are such notes.
            let known = network.case_of(&desk.home.nahtlos);
            let knows =
                known.is_some_and(|case| case.sections.values().any(|known| known == space));
            assert_eq!(
                knows,
                desk.name == *of,
                "{of}'s notes, known to {}",
                desk.name
            );
        }
    }
}

/// The cells that say `slice`: each is written, and opens for whom it was written and for nobody else. (The
/// coaches' note needs a team of coaches; which fields it holds is tested where slices are made.)
#[test]
fn a_slice_opens_for_whom_it_was_written_and_the_section_of_which_it_is_a_part_stays_shut() {
    let mut network = Network::new();
    let case = network.case.clone();
    network.write_everywhere();
    let mut written: Vec<(&'static str, SectionKind, SectionKind)> = Vec::new();
    let mut refused = 0;
    let cells: Vec<(&'static str, Party)> = COLUMNS
        .iter()
        .filter(|(_, _, party)| *party != Party::Coach)
        .map(|(name, _, party)| (*name, *party))
        .collect();
    for kind in sections() {
        for (name, party) in &cells {
            let lead = &mut network.desk(LEAD).home.nahtlos;
            let found = lead.find_case(&case).unwrap();
            let member = lead.directory().unwrap().find_member(&team(name)).unwrap();
            let Some(rule) = slice_rule(&kind, *party) else {
                let shared = lead.share_slice(&found, &kind, &member, Some("AVG35a1"));
                assert_eq!(shared.unwrap_err().code(), "no_right", "{kind} {name}");
                refused += 1;
                continue;
            };
            if rule.needs_consent {
                let shared = lead.share_slice(&found, &kind, &member, Some("AVG35a1"));
                assert_eq!(shared.unwrap_err().code(), "not_covered", "{kind} {name}");
                let new = consent_for(lead, &kind, member);
                lead.consent_give(&found, &new).unwrap();
            }
            let basis = (!rule.needs_consent).then_some("AVG35a1");
            let slice = lead.share_slice(&found, &kind, &member, basis).unwrap();
            written.push((*name, kind.clone(), slice));
        }
    }
    assert!(written.len() >= 9 && refused > 60, "{written:?}");
    network.sync();
    let trials = network.trials();
    for (of, kind, slice) in &written {
        let sliced = network
            .world
            .stored_envelopes(network.holder(kind), &case, slice);
        let whole = network
            .world
            .stored_envelopes(network.holder(kind), &case, kind);
        assert!(!sliced.is_empty() && !whole.is_empty(), "{slice}");
        for (desk, trial) in network.desks.iter().zip(&trials) {
            let opened = sliced.iter().filter(|one| trial.opens(one)).count();
            let reads = desk.name == *of || desk.name == LEAD;
            let expected = if reads { sliced.len() } else { 0 };
            assert_eq!(opened, expected, "{slice} tried by {}", desk.name);
            let is_open = whole.iter().any(|one| trial.opens(one));
            assert_eq!(is_open, desk.name == LEAD, "{kind} tried by {}", desk.name);
        }
    }
}

/// A consent that names one section for one team.
fn consent_for(lead: &Nahtlos, kind: &SectionKind, member: SpaceId) -> NewConsent {
    NewConsent {
        giver: Giver::Client,
        shares: vec![ConsentShare {
            section: kind.clone(),
            member,
            role: Role::Read,
            purpose: None,
        }],
        valid_from: lead.today().unwrap(),
        valid_until: None,
        form: ConsentForm::Paper,
        details: ConsentDetails::default(),
        replaces: None,
        note: None,
    }
}
