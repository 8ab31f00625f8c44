//! Who left keeps their devices until somebody ends them: they are listed, reported and revoked like any
//! other, and say themselves how it stands.

mod support;

use support::devices::own_fingerprint;
use support::{Home, World, refused, sync_all, with};

/// A colleague who had a case on their device and was removed from the only team they were in; Berger knows.
fn left(world: &World) -> (Home, String) {
    let trachsel = world.colleague("Beat Trachsel", "write");
    let case = world.open_case();
    sync_all(world);
    trachsel.run(&["sync"]).ok();
    let remove = ["member", "remove", "Trachsel", "--team", "RAV Team"];
    let remove = with(&remove, &["--reason", "left", "--now", "--yes"]);
    world.berger.run(&remove).ok();
    world.berger.run(&["sync"]).ok();
    (trachsel, case)
}

#[test]
fn the_device_of_somebody_who_left_is_listed_reported_and_revoked_with_when_they_were_removed() {
    let world = World::new();
    let (trachsel, case) = left(&world);
    let device = own_fingerprint(&trachsel);

    let list = ["--json", "device", "list", "--person", "Trachsel"];
    let listed = world.berger.run(&list).json();
    let line = &listed["devices"][0];
    assert_eq!(line["fingerprint"], device.as_str(), "{listed}");
    assert_eq!(line["state"], "live");
    assert_eq!(line["member_removed"]["from"], "RAV Team");
    assert_eq!(line["member_removed"]["reason"], "left");
    assert_eq!(line["member_removed"]["by"], "Anna Berger");
    assert_eq!(listed["devices"].as_array().unwrap().len(), 1, "{listed}");
    let page = world.berger.run(&["device"]).ok().stdout;
    assert!(page.contains("member removed"), "{page}");
    let oneself = ["--json", "case", "handover", "--from", "Trachsel", "--to"];
    let oneself = world.berger.run(&with(&oneself, &["Beat Trachsel"]));
    refused(&oneself, 2, "same_person");
    world.iseli.run(&["sync"]).ok();
    // Their card stands; that they work here is said nowhere any more.
    let line = |home: &Home, command: &[&str], of: &str| {
        let shown = home.run(command).ok().stdout;
        let line = shown.lines().find(|line| line.contains(of));
        line.unwrap_or_else(|| panic!("{of} in {shown}")).to_owned()
    };
    for home in [&world.berger, &world.iseli] {
        let gone = line(home, &["member"], "Beat Trachsel");
        assert!(gone.contains("left RAV Team on "), "{gone}");
        assert!(!line(home, &["member"], "Anna Berger").contains("left"));
        let team = line(home, &["network", "list"], "RAV Team");
        assert!(team.contains("Beat Trachsel (officer, left)"), "{team}");
        assert!(team.contains("Anna Berger (officer)"), "{team}");
    }
    let team = line(&world.berger, &["team"], "RAV Team");
    assert!(team.contains(" 1 "), "one member: {team}");
    let institution = world.berger.run(&["--json", "institution", "show"]).json();
    assert_eq!(institution["people"], 1);
    let nobody = ["--json", "device", "list", "--person", "Niemand"];
    refused(&world.berger.run(&nobody), 1, "not_found");

    let report = ["--json", "device", "breach-report", "Trachsel"];
    let report = world.berger.run(&report).json();
    assert_eq!(report["device"], device.as_str());
    assert_eq!(report["member_removed"]["reason"], "left");
    let sections = report["sections"].as_array().unwrap();
    let journal = sections.iter().find(|one| one["section"] == "journal");
    let journal = journal.unwrap();
    assert_eq!(journal["case_number"], case.as_str(), "{report}");
    assert!(journal["until"]["at_ms"].is_u64(), "{journal}");
    let groups = report["groups"].as_array().unwrap();
    let network = groups.iter().find(|one| one["kind"] == "network");
    assert_eq!(network.unwrap()["name"], "IIZ Bern");
    let page = world.berger.run(&["device", "breach-report", "Trachsel"]);
    assert!(page.ok().stdout.contains("no member any more"));

    let revoke = ["device", "revoke", "Trachsel", "--lost", "--now"];
    let dry = world.berger.run(&with(&revoke, &["--dry-run"])).ok().stdout;
    assert!(
        dry.contains(&device) && dry.contains("no member any more"),
        "{dry}"
    );
    world.berger.run(&with(&revoke, &["--yes"])).ok();
    let listed = world.berger.run(&list).json();
    assert_eq!(listed["devices"][0]["state"], "revoked", "{listed}");
    // It is told, by the relay.
    let told = trachsel.run(&["sync"]);
    assert_eq!(told.exit, 3, "{}", told.stderr);
    assert!(told.stderr.contains("was revoked on"), "{}", told.stderr);
}

#[test]
fn a_colleague_learns_of_the_end_of_a_device_of_somebody_who_left() {
    let world = World::new();
    let (trachsel, _) = left(&world);
    let second = world.colleague("Vera Zaugg", "write");
    let state = || {
        let list = ["--json", "device", "list", "--person", "Trachsel"];
        second.run(&list).json()["devices"][0]["state"].clone()
    };
    assert_eq!(state(), "live", "control");
    let device = own_fingerprint(&trachsel);
    let revoke = ["device", "revoke", &device[..9], "--lost", "--yes"];
    world.berger.run(&revoke).ok();
    for home in [&world.berger, &second] {
        home.run(&["sync"]).ok();
    }
    assert_eq!(state(), "revoked");
}

#[test]
fn who_left_gets_no_device_by_a_colleague_and_is_told_what_is_to_be_done_instead() {
    let world = World::new();
    let (_, _) = left(&world);
    let file = world.directory.path().join("for");
    let file = file.to_str().unwrap();
    let add = ["--json", "device", "add", "--for", "Trachsel", "--to", file];
    let run = world.berger.run(&add);
    refused(&run, 5, "no_right");
    let why = run.error()["why"].to_string();
    assert!(why.contains("invite them to one as somebody new"), "{why}");
    // Control: who is here and has a device is sent to its end.
    let add = with(&add[..4], &["Iseli", "--to", file]);
    refused(&world.berger.run(&add), 5, "no_right");
    let _colleague = world.colleague("Vera Zaugg", "write");
    let add = with(&add[..4], &["Zaugg", "--to", file]);
    refused(&world.berger.run(&add), 1, "has_devices");
}

#[test]
fn the_device_of_who_left_says_so_and_is_wiped_with_the_command_that_ends_it() {
    let world = World::new();
    let (trachsel, case) = left(&world);
    let status = trachsel.run(&["--json", "status"]).json();
    assert_eq!(status["enrolment"], "enrolled", "control: it does not know");
    let told = trachsel.run(&["sync"]);
    assert_eq!(told.exit, 3, "{}", told.stderr);
    let parts = [
        "no member of RAV Team any more since ",
        ", by Anna Berger (left)",
        "stays readable here",
        "sent as held",
        "nahtlos held export --to FILE",
        "nahtlos device wipe",
    ];
    for part in parts {
        assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
    }
    let status = trachsel.run(&["--json", "status"]).json();
    assert_eq!(status["enrolment"], "removed");
    assert_eq!(status["attention"][0]["code"], "removed", "{status}");
    let page = trachsel.run(&["status"]).ok().stdout;
    assert!(page.contains("no member any more"), "{page}");
    assert!(page.contains("nothing more arrives"), "{page}");
    let cases = trachsel.run(&["case"]).ok();
    assert!(cases.stdout.contains(&case), "{}", cases.stdout);
    let since = "no member of RAV Team any more since ";
    assert!(cases.stderr.contains(since), "{}", cases.stderr);
    // Control: nobody else is told so.
    for home in [&world.berger, &world.iseli] {
        let cases = home.run(&["case"]).ok();
        assert!(!cases.stderr.contains("any more"), "{}", cases.stderr);
        let status = home.run(&["status"]).ok().stdout;
        assert!(!status.contains("nothing more arrives"), "{status}");
    }
    let journal = trachsel.run(&["journal", &case]).ok().stdout;
    let journal = journal.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(journal.contains("You are a member of no team"), "{journal}");
    let dry = trachsel.run(&["device", "wipe", "--dry-run"]).ok().stdout;
    assert!(dry.contains("no member of RAV Team any more"), "{dry}");
    let device = own_fingerprint(&trachsel);
    let wiped = trachsel.run(&["device", "wipe", "--yes"]).ok();
    assert!(
        wiped
            .stderr
            .contains(&format!("nahtlos device revoke {device}")),
        "{}",
        wiped.stderr
    );
    let revoke = ["device", "revoke", &device, "--yes"];
    world.berger.run(&revoke).ok();
}

#[test]
fn who_leaves_one_team_and_stays_in_another_is_told_once_by_whom_and_what_it_means() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let _stays = world.colleague("Vera Zaugg", "write");
    world.berger.run(&["team", "create", "Team Bern"]).ok();
    world
        .berger
        .run(&["institution", "administrator", "Trachsel", "--yes"])
        .ok();
    sync_all(&world);
    trachsel.run(&["sync"]).ok();
    let remove = ["member", "remove", "Trachsel", "--team", "RAV Team"];
    let dry = world.berger.run(&with(&remove, &["--dry-run"])).ok().stdout;
    assert!(!dry.contains("member remove` ends each"), "{dry}");
    let command = "nahtlos institution administrator PERSON --remove";
    assert!(dry.contains(command), "{dry}");
    world
        .berger
        .run(&with(&remove, &["--reason", "left", "--yes"]))
        .ok();
    world.berger.run(&["sync"]).ok();

    let told = trachsel.run(&["sync"]).ok().stderr;
    let sentence = "you are in the team RAV Team no longer: Anna Berger ended it on ";
    for part in [
        sentence,
        "(left)",
        "stays readable here",
        "nahtlos held export",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("device wipe"), "they stay: {told}");
    let again = trachsel.run(&["sync"]).ok().stderr;
    assert!(!again.contains(sentence), "once: {again}");
    let status = trachsel.run(&["status"]).ok().stdout;
    assert!(status.contains("RAV Team (no longer)"), "{status}");
    let row = status.lines().find(|line| line.contains("no longer in"));
    let row = row.unwrap_or_else(|| panic!("{status}"));
    assert!(row.contains("RAV Team since "), "{row}");
    assert!(row.contains(", by Anna Berger (left)"), "{row}");
    assert!(!status.contains("nothing more arrives"), "{status}");
    let left = trachsel.run(&["--json", "status"]).json();
    assert_eq!(left["enrolment"], "enrolled", "{left}");
    assert_eq!(left["teams_left"][0]["by"], "Anna Berger", "{left}");
    let others = world.berger.run(&["status"]).ok().stdout;
    assert!(!others.contains("no longer"), "{others}");
}

#[test]
fn the_people_of_an_institution_that_left_are_told_at_each_sync_by_whom_and_what_becomes_of_their_work()
 {
    let world = World::new();
    let open = ["--json", "case", "open", "--yes", "--from", "-"];
    let case = world.iseli.type_in(&open, support::CASE_FILE).json();
    let case = case["case_number"].as_str().unwrap().to_owned();
    world.iseli.run(&["sync"]).ok();
    let remove = ["institution", "remove", "IV-Stelle", "--yes"];
    world.berger.run(&remove).ok();
    world.berger.run(&["sync"]).ok();
    let status = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(status["enrolment"], "enrolled", "control: it does not know");

    let sentence = "IV-Stelle takes no part in the network any more since ";
    for _ in 0..2 {
        let told = world.iseli.run(&["sync"]);
        assert_eq!(told.exit, 3, "{}", told.stderr);
        for part in [
            sentence,
            ", by Anna Berger (RAV Langnau)",
            "stays readable here",
            "nahtlos held export --to FILE",
            "nahtlos device wipe",
        ] {
            assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
        }
    }
    let status = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(status["enrolment"], "outside", "{status}");
    assert_eq!(status["attention"][0]["code"], "institution_left");
    assert_eq!(status["institution_left"]["institution"], "IV-Stelle");
    let page = world.iseli.run(&["status"]).ok().stdout;
    assert!(page.contains("nothing more arrives"), "{page}");
    let cases = world.iseli.run(&["case"]).ok();
    assert!(cases.stdout.contains(&case), "{}", cases.stdout);
    assert!(cases.stderr.contains(sentence), "{}", cases.stderr);

    // Nobody else is told that they left.
    let told = world.berger.run(&["sync"]).ok().stderr;
    assert!(!told.contains("takes no part"), "{told}");
    let status = world.berger.run(&["--json", "status"]).json();
    assert_eq!(status["enrolment"], "enrolled", "{status}");
    assert!(status["institution_left"].is_null(), "{status}");
}

#[test]
fn two_of_one_name_are_told_apart_in_each_list_by_what_the_commands_take() {
    let world = World::new();
    let _one = world.colleague("Urs Keller", "write");
    let file = world.directory.path().join("second.invitation");
    let file = file.to_str().unwrap();
    let invite = ["member", "invite", "--team", "RAV Team", "--to", file];
    world.berger.run(&invite).ok();
    world.berger.run(&["sync"]).ok();
    let two = Home::new(world.directory.path(), "second");
    let join = ["member", "join", "--invitation", file, "--person"];
    two.run(&with(&join, &["Urs Keller", "--function", "officer"]))
        .ok();
    world.berger.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    world.berger.run(&["sync"]).ok();
    for list in [&["member"][..], &["device"]] {
        let shown = world.berger.run(list).ok().stdout;
        let lines: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains("Urs Keller"))
            .collect();
        assert_eq!(lines.len(), 2, "{shown}");
        let id = |line: &str| line.split("(id ").nth(1).unwrap()[..8].to_owned();
        assert_ne!(id(lines[0]), id(lines[1]), "{shown}");
        assert!(!shown.contains("Anna Berger (id"), "{shown}");
        let devices = ["--json", "device", "list", "--person", &id(lines[0])];
        let found = world.berger.run(&devices).json();
        assert_eq!(found["devices"].as_array().unwrap().len(), 1, "{found}");
        // What is shown works as it is pasted, and of another id nobody is found.
        let pasted = format!("Urs Keller (id {})", id(lines[1]));
        let devices = ["--json", "device", "list", "--person", &pasted];
        let found = world.berger.run(&devices).json();
        assert_eq!(found["devices"].as_array().unwrap().len(), 1, "{found}");
        let remove = ["--json", "member", "remove", &pasted, "--team", "RAV Team"];
        world.berger.run(&with(&remove, &["--dry-run"])).ok();
        let remove = ["--json", "member", "remove", "Urs Keller (id 00000000)"];
        let none = world
            .berger
            .run(&with(&remove, &["--team", "RAV Team", "--dry-run"]));
        refused(&none, 1, "not_found");
    }
    // A command that a message gives names them so that it can be run.
    let person = |place: usize| {
        let devices = world.berger.run(&["--json", "device"]).json();
        let devices = devices["devices"].as_array().unwrap().clone();
        let mut ids = devices.iter().filter(|line| line["person"] == "Urs Keller");
        ids.nth(place).unwrap()["person_id"].as_str().unwrap()[..8].to_owned()
    };
    let (from, to) = (person(0), person(1));
    let hand_over = ["case", "handover", "--from", &from, "--to", &to];
    let said = world
        .berger
        .run(&with(&hand_over, &["--dry-run"]))
        .ok()
        .stdout;
    let command = format!("--from \"{from}\" --to \"{to}\" --order");
    assert!(said.contains(&command), "{said}");
    world
        .berger
        .run(&with(&hand_over, &["--order", "--yes"]))
        .ok();
}

#[test]
fn people_and_cases_are_found_without_accents_and_cases_of_one_name_are_told_apart() {
    let world = World::new();
    let _muller = world.colleague("Zoé Müller", "write");
    let _ruegg = world.colleague("Beat Rüegg", "write");
    let devices = |name: &str| {
        let words = ["--json", "device", "list", "--person", name];
        let found = world.berger.run(&words).json();
        found["devices"].as_array().unwrap().len()
    };
    assert_eq!((devices("muller"), devices("RUEGG")), (1, 1));
    let hand_over = ["case", "handover", "--from", "zoe muller", "--to", "ruegg"];
    let said = world.berger.run(&with(&hand_over, &["--dry-run"])).ok();
    assert!(
        said.stdout.contains("From Zoé Müller to Beat Rüegg"),
        "{}",
        said.stdout
    );

    let open = ["--json", "case", "open", "--yes", "--from", "-"];
    let named = |first: &str, year: &str| {
        let file = support::CASE_FILE
            .replace("Ruth", first)
            .replace("1982", year);
        let opened = world.berger.type_in(&open, &file).json();
        opened["case_number"].as_str().unwrap().to_owned()
    };
    let accent = named("Zoé", "1990");
    let show = |name: &str| world.berger.run(&["--json", "case", "show", name]);
    assert!(show("zoe").ok().stdout.contains(&accent));
    // As it stands it comes first; the other is found with its accent.
    let plain = named("Zoe", "1971");
    assert!(show("zoe").ok().stdout.contains(&plain));
    assert!(show("Zoé").ok().stdout.contains(&accent));
    let several = show("Mosimann");
    refused(&several, 1, "ambiguous");
    let details = several.error()["details"].to_string();
    for part in [&accent, &plain, "born 1990", "born 1971"] {
        assert!(details.contains(part), "{part}: {details}");
    }
}

#[test]
fn a_hand_over_says_who_leads_already_and_what_stays_and_an_order_goes_to_somebody_of_the_team() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let case = world.open_case();
    for home in [&world.berger, &trachsel] {
        home.run(&["sync"]).ok();
    }
    world
        .berger
        .run(&["case", "recuse", &case, "Trachsel"])
        .ok();
    for home in [&world.berger, &trachsel] {
        home.run(&["sync"]).ok();
    }
    let hand_over = ["case", "handover", "--from", "Berger", "--to", "Trachsel"];
    let named = with(&hand_over, &["--cases", &case, "--yes"]);
    let stays = world.berger.run(&named);
    assert_eq!(stays.exit, 3, "{}", stays.stdout);
    assert!(
        stays.stdout.contains("conflict of interest"),
        "{}",
        stays.stdout
    );
    let lift = ["--json", "case", "recuse", &case, "Trachsel", "--lift"];
    refused(&trachsel.run(&lift), 5, "no_right");
    world.berger.run(&lift).ok();
    refused(&world.berger.run(&lift), 1, "nothing_to_change");
    world.berger.run(&named).ok();
    let again = world.berger.run(&named).ok();
    assert!(
        again.stdout.contains("is led by Beat Trachsel already"),
        "{}",
        again.stdout
    );
    assert!(!again.stdout.contains("reads no case"), "{}", again.stdout);

    // Berger's second team, with somebody who is in no team of Trachsel's.
    world.berger.run(&["team", "create", "Team Süd"]).ok();
    world.berger.run(&["sync"]).ok();
    let file = world.file("south.invitation");
    let invite = ["member", "invite", "--team", "Team Süd", "--to", &file];
    world.berger.run(&invite).ok();
    world.berger.run(&["sync"]).ok();
    let south = Home::new(world.directory.path(), "south");
    let join = [
        "member",
        "join",
        "--invitation",
        &file,
        "--person",
        "Pia Süd",
    ];
    south.run(&with(&join, &["--function", "officer"])).ok();
    for home in [&world.berger, &south, &world.berger, &south] {
        home.run(&["sync"]).ok();
    }
    let order = [
        "--json", "case", "handover", "--order", "--from", "Trachsel",
    ];
    let order = with(&order, &["--yes", "--to"]);
    refused(
        &world.berger.run(&with(&order, &["Pia"])),
        1,
        "not_in_their_team",
    );
    world.berger.run(&with(&order, &["Berger"])).ok();
}

#[test]
fn who_administers_and_is_in_no_team_is_told_what_that_leaves_them_before_anything_ends() {
    let world = World::new();
    let keller = world.colleague("Urs Keller", "write");
    let _zaugg = world.colleague("Vera Zaugg", "write");
    let administrator = ["institution", "administrator", "Keller"];
    let preview = with(&administrator, &["--remove", "--dry-run"]);
    world.berger.run(&with(&administrator, &["--yes"])).ok();
    for home in [&world.berger, &keller] {
        home.run(&["sync"]).ok();
    }
    let in_a_team = world.berger.run(&preview).ok().stdout;
    assert!(
        in_a_team.contains("stay as they are"),
        "control: {in_a_team}"
    );
    let remove = ["member", "remove", "Keller", "--team", "RAV Team", "--yes"];
    world.berger.run(&remove).ok();
    for home in [&world.berger, &keller] {
        home.run(&["sync"]);
    }
    let alone = world.berger.run(&preview).ok().stdout;
    assert!(alone.contains("membership of RAV Langnau ends"), "{alone}");
    assert!(!alone.contains("stay as they are"), "{alone}");
    // He could stand for no device of hers, so he is not told to end the one she has.
    let device = ["--json", "device", "add", "--for", "Zaugg"];
    refused(&keller.run(&device), 5, "no_right");
}
