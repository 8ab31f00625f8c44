//! The section `ident`, with the AHV number: opened where a case needs it, shared by legal basis, a
//! closed book to everybody else; and what the program says to a wrong number.

mod story;

use nahtlos_casework::edit::{Edit, IdentEdit, IdentField};
use nahtlos_casework::fields::Field;
use nahtlos_casework::view::IdentView;
use nahtlos_casework::{CaseFile, SectionKind};
use nahtlos_client::share::Terms;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World, bytes_below, holds};
use story::{BERGER, CASE_FILE, Device, Homes, Stage, exit};

const DIGITS: &str = "7561234567897";
const SHOWN: &str = "756.1234.5678.97";
const CASE: &str = "mosimann";

fn number(digits: &str) -> Edit {
    Edit::Ident(IdentEdit::Set(IdentField::Ahvn13(
        Field::parse(digits).unwrap(),
    )))
}

/// The AHV number as this home reads it.
fn read(home: &Home, case: &str) -> Result<String, &'static str> {
    let case = home.nahtlos.find_case(case).map_err(|error| error.code())?;
    let document = home
        .nahtlos
        .section_document(&case, &SectionKind::Ident)
        .map_err(|error| error.code())?;
    let number = IdentView::read(&document).ahvn13.ok_or("empty")?;
    Ok(number.to_string())
}

fn open_section(home: &mut Home, case: &str, kind: &SectionKind) -> Result<(), &'static str> {
    let case = home.nahtlos.find_case(case).unwrap();
    home.nahtlos
        .open_section(&case, kind)
        .map_err(|error| error.code())
}

#[test]
fn an_ahv_number_is_read_by_who_has_a_legal_basis_and_by_nobody_else() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut keller = world.colleague(&mut berger, "keller", "Urs Keller", Role::Write);
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
    let case = berger.open_example_case();
    for team in ["IV-Stelle Bern Team 1", "Sozialdienst Team 1"] {
        berger.share(&case, &SectionKind::Core, team, Role::Read, "AVG35a1");
    }
    // A case has no such section of itself.
    assert_eq!(read(&berger, &case), Err("not_found"));
    assert_eq!(
        berger
            .nahtlos
            .edit_case(&case, &[number(DIGITS)])
            .unwrap_err()
            .code(),
        "not_found"
    );

    // Offline: opened, filled, shared; the program ends and starts again before the sync.
    open_section(&mut berger, &case, &SectionKind::Ident).unwrap();
    berger.nahtlos.edit_case(&case, &[number(DIGITS)]).unwrap();
    berger.share(
        &case,
        &SectionKind::Ident,
        "IV-Stelle Bern Team 1",
        Role::Read,
        "AHVG153c",
    );
    let mut berger = world.closed_and_reopened(berger);
    assert_eq!(read(&berger, &case).as_deref(), Ok(SHOWN));
    let report = berger.sync();
    assert!(report.notices.is_empty(), "{report:?}");
    for home in [&mut keller, &mut iseli, &mut sommer] {
        let report = home.sync();
        assert!(report.held.is_empty(), "{report:?}");
    }

    // The team and the IV read it; the basis stands with the grant.
    assert_eq!(read(&keller, &case).as_deref(), Ok(SHOWN));
    assert_eq!(read(&iseli, &case).as_deref(), Ok(SHOWN));
    let shared = iseli.nahtlos.find_case(&case).unwrap();
    let shares = iseli.nahtlos.shares(&shared).unwrap();
    let ident = shares.iter().find(|row| row.section == "ident").unwrap();
    let bases: Vec<&str> = ident
        .grants
        .iter()
        .filter_map(|grant| grant.basis.as_deref())
        .collect();
    assert!(bases.contains(&"AHVG153c"), "{bases:?}");
    let space = shared.section(&SectionKind::Ident).unwrap();
    assert!(!iseli.nahtlos.openable_epochs(&space).is_empty());

    // Social aid knows the case, and of this section nothing.
    assert_eq!(read(&sommer, &case), Err("not_found"));
    assert!(sommer.nahtlos.openable_epochs(&space).is_empty());
    let core = shared.section(&SectionKind::Core).unwrap();
    assert!(
        !sommer.nahtlos.openable_epochs(&core).is_empty(),
        "control: the core is shared"
    );

    // Lists and disks do not show it; the same search finds it in the export.
    let lists = serde_json::to_string(&berger.nahtlos.cases().unwrap()).unwrap();
    let own = berger.nahtlos.find_case(&case).unwrap();
    let export = berger
        .nahtlos
        .section_document(&own, &SectionKind::Ident)
        .unwrap()
        .export_json()
        .to_string();
    for form in [DIGITS, SHOWN] {
        assert!(!holds(lists.as_bytes(), form));
        assert!(!holds(&world.relay_bytes(), form));
        assert!(!holds(&bytes_below(&berger.path), form));
        assert!(!holds(&bytes_below(&iseli.path), form));
    }
    assert!(holds(export.as_bytes(), DIGITS), "control");

    // Reading is not writing, neither by the right nor around it.
    let refused = iseli.nahtlos.edit_case(&case, &[number("7569217076985")]);
    assert_eq!(refused.unwrap_err().code(), "no_right");
}

#[test]
fn an_older_program_keeps_what_is_edited_in_a_section_it_does_not_know_and_shows_it_once_updated() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut keller = world.colleague(&mut berger, "keller", "Urs Keller", Role::Write);
    keller.nahtlos.unlearn_section(Some("ident"));
    let case = berger.open_example_case();
    open_section(&mut berger, &case, &SectionKind::Ident).unwrap();
    berger.nahtlos.edit_case(&case, &[number(DIGITS)]).unwrap();
    berger.sync();
    let report = keller.sync();
    let lines: Vec<&str> = report.held.iter().map(|held| held.0.as_str()).collect();
    assert_eq!(lines, ["newer_section"]);
    assert_eq!(
        keller.journal(&case).len(),
        2,
        "the rest of the case is read"
    );

    // The update, and the next that arrives in the section.
    let mut keller = world.closed_and_reopened(keller);
    let edit = number("7569217076985");
    berger.nahtlos.edit_case(&case, &[edit]).unwrap();
    berger.sync();
    let report = keller.sync();
    assert!(report.held.is_empty(), "{report:?}");
    assert_eq!(read(&keller, &case), read(&berger, &case));
}

#[test]
fn a_section_is_opened_once_and_only_by_the_team_that_leads_the_case() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut keller = world.colleague(&mut berger, "keller", "Urs Keller", Role::Write);
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
    let case = berger.open_example_case();
    let core = SectionKind::Core;
    let team = "IV-Stelle Bern Team 1";
    berger.share(&case, &core, team, Role::Manage, "AVG35a1");
    let team = "Sozialdienst Team 1";
    berger.share(&case, &core, team, Role::Write, "AVG35a1");
    berger.sync();
    for home in [&mut keller, &mut iseli, &mut sommer] {
        home.sync();
    }
    let ident = SectionKind::Ident;
    // Neither who writes the core nor, of another institution, who manages it.
    assert_eq!(open_section(&mut sommer, &case, &ident), Err("no_right"));
    assert_eq!(open_section(&mut iseli, &case, &ident), Err("no_right"));
    assert_eq!(
        open_section(&mut berger, &case, &SectionKind::Unknown("genetics".into())),
        Err("section_not_filled")
    );
    assert_eq!(
        open_section(&mut berger, &case, &SectionKind::Plan),
        Err("section_exists")
    );
    assert_eq!(read(&berger, &case), Err("not_found"), "nothing was kept");

    // The control: a colleague of the team opens it, and everybody there fills it.
    open_section(&mut keller, &case, &ident).unwrap();
    assert_eq!(
        open_section(&mut keller, &case, &ident),
        Err("section_exists")
    );
    keller.sync();
    berger.sync();
    assert_eq!(
        open_section(&mut berger, &case, &ident),
        Err("section_exists")
    );
    berger.nahtlos.edit_case(&case, &[number(DIGITS)]).unwrap();
    berger.sync();
    keller.sync();
    assert_eq!(read(&keller, &case).as_deref(), Ok(SHOWN));
    assert!(berger.nahtlos.status().unwrap().foreign_sections == 0);
}

#[test]
fn a_case_file_with_a_number_opens_the_section_and_one_without_does_not() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut open = |ident: &str| {
        let json =
            format!(r#"{{"schema_version": 1, "person": {{"official_name": "Mosimann"}}{ident}}}"#);
        let edits = CaseFile::parse(&json)
            .unwrap()
            .edits(&mut || unreachable!());
        let case = berger.nahtlos.open_case(&edits).unwrap().to_string();
        let sections = berger.nahtlos.find_case(&case).unwrap().sections.len();
        (sections, read(&berger, &case))
    };
    assert_eq!(open(""), (5, Err("not_found")));
    let with = format!(r#", "ident": {{"ahvn13": "{SHOWN}"}}"#);
    assert_eq!(open(&with), (6, Ok(SHOWN.to_owned())));
    let report = berger.sync();
    assert!(report.notices.is_empty(), "{report:?}");
}

/// Refused with a code, naming the field and what to do, and not repeating the number.
#[track_caller]
fn refuses(device: &Device, typed: &str, code: &str) {
    let words = ["case", "set", CASE, "ahvn13", "--json"];
    let answer = device.type_in(&words, typed);
    let error = answer.is_refusal(exit::USAGE, code, &words);
    assert!(error["message"].as_str().unwrap().contains("ahvn13"));
    assert!(!error["why"].as_str().unwrap().is_empty());
    assert!(!error.to_string().contains(typed), "{error}");
}

#[test]
fn the_program_refuses_a_wrong_ahv_number_and_shows_a_right_one() {
    let stage = Stage::new(Homes::Quick, &[]);
    let berger = stage.found("home", &BERGER);
    berger.done(&["case", "open", "--from", CASE_FILE]);
    let set = ["case", "set", CASE, "ahvn13"];

    let json = [&set[..], &["--json"]].concat();
    let answer = berger.type_in(&json, SHOWN);
    let error = answer.is_refusal(exit::FAILED, "section_not_opened", &json);
    let next = error["next"].as_str().unwrap();
    assert!(next.contains("section open mosimann ident"), "{next}");
    berger.done(&["section", "open", CASE, "ident"]);
    let again = ["section", "open", CASE, "ident"];
    berger.refused(&again, exit::FAILED, "section_exists");
    let unknown = ["section", "open", CASE, "genetics"];
    berger.refused(&unknown, exit::USAGE, "unknown_section");

    refuses(&berger, "7561234567890", "check_digit");
    refuses(&berger, "756.1234.5678.90", "check_digit");
    refuses(&berger, "756.9876.543", "length");
    refuses(&berger, "123.4567.8901.23", "country");
    refuses(&berger, "756.1234.5678.9x", "character");
    for on_the_line in [&[DIGITS][..], &["--ahvn13", DIGITS], &["--value", DIGITS]] {
        let words = [&set[..], on_the_line].concat();
        let error = berger.refused(&words, exit::USAGE, "value_on_command_line");
        assert!(!error.to_string().contains(DIGITS));
    }
    let ident = berger.json(&["section", "export", CASE, "ident"]);
    assert_eq!(ident["content"]["ident"], serde_json::json!({}));

    for (typed, shown) in [
        (DIGITS, SHOWN),
        ("756.9217.0769.85", "756.9217.0769.85"),
        ("756 0000 0100 70", "756.0000.0100.70"),
    ] {
        berger.done_with(&set, typed);
        for show in [
            &["section", "show", CASE, "ident"][..],
            &["case", "show", CASE],
        ] {
            let told = berger.done(show).stdout;
            assert!(told.contains(shown), "{show:?}: {told}");
        }
        let ident = berger.json(&["section", "show", CASE, "ident"]);
        let digits = shown.replace('.', "");
        assert_eq!(ident["content"]["ahvn13"], digits.as_str());
    }
    berger.done_with(&["case", "set", CASE, "zemis"], "12345678.9");
    let told = berger.done(&["section", "show", CASE, "ident"]).stdout;
    assert!(told.contains("12345678.9"), "{told}");
    let list = berger.done(&["case"]).stdout;
    for shown in ["756.", "7569", "12345678"] {
        assert!(!list.contains(shown), "a list shows no number: {list}");
    }
    berger.done(&["case", "set", CASE, "ahvn13", "--empty"]);
    let ident = berger.json(&["section", "show", CASE, "ident"]);
    assert!(ident["content"]["ahvn13"].is_null());
}

#[test]
fn identifiers_are_never_granted_to_a_provider_whatever_basis_is_stated() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let _iv = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let _provider = world.institution(&mut berger, "keller", "Urs Keller", "Stellwerk", "provider");
    let number = berger.open_example_case();
    let case = berger.nahtlos.find_case(&number).unwrap();
    if case.section(&SectionKind::Ident).is_err() {
        berger
            .nahtlos
            .open_section(&case, &SectionKind::Ident)
            .unwrap();
    }
    let case = berger.nahtlos.find_case(&number).unwrap();
    let mut grant = |to: &str| {
        let member = berger.nahtlos.directory().unwrap().find_member(to).unwrap();
        let (kind, role) = (SectionKind::Ident, nahtlos_protocol::space::Role::Read);
        berger
            .nahtlos
            .grant(&case, &kind, &member, &Terms::new(role, "AHVG153c"))
    };
    for to in ["Stellwerk Team 1", "Urs Keller"] {
        assert_eq!(grant(to).unwrap_err().code(), "no_right", "{to}");
    }
    assert!(grant("IV-Stelle Bern Team 1").is_ok(), "control");
}
