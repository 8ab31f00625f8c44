//! Who is let in, who reads what, and what people decide differently, through the real program.

mod support;

use support::{World, grant, refused, sync_all};

#[test]
fn a_grant_says_first_who_will_read_and_what_goes_along() {
    let world = World::new();
    let case = world.open_case();
    let words = [
        "share",
        "grant",
        &case,
        "--section",
        "core,plan",
        "--to",
        "Eingliederung",
        "--role",
        "read",
        "--basis",
        "AVG35a1",
    ];
    let dry: Vec<&str> = words.iter().copied().chain(["--dry-run"]).collect();
    let preview = world.berger.run(&dry).ok().stdout;
    assert!(
        preview.contains("1 person will read: Urs Iseli (IV-Stelle)."),
        "{preview}"
    );
    assert!(
        preview.contains("Eingliederung (IV-Stelle, iv)"),
        "{preview}"
    );
    assert!(
        preview.contains("history goes along") && preview.contains("changes"),
        "{preview}"
    );
    let asked: Vec<&str> = ["--json"].into_iter().chain(words).collect();
    refused(&world.berger.run(&asked), 2, "confirmation_missing");
    let shares = world.berger.run(&["--json", "share", "list", &case]).json();
    assert_eq!(
        shares["shares"][0]["grants"].as_array().unwrap().len(),
        1,
        "nothing was shared"
    );
    for (option, value, code) in [("--until", "01.01.2020", "past"), ("--basis", " ", "basis")] {
        let mut wrong: Vec<&str> = ["--json"]
            .into_iter()
            .chain(words)
            .chain(["--yes"])
            .collect();
        match wrong.iter().position(|word| *word == option) {
            Some(position) => wrong[position + 1] = value,
            None => wrong.extend([option, value]),
        }
        refused(&world.berger.run(&wrong), 2, code);
    }
}

#[test]
fn rights_decide_what_the_other_institution_opens_and_edits() {
    let world = World::new();
    let case = world.open_case();
    assert_eq!(
        grant(&world, &case, "core,plan", "read").json()["done"],
        "granted"
    );
    sync_all(&world);
    let iseli = &world.iseli;
    assert!(
        iseli
            .run(&["plan", "show", &case])
            .ok()
            .stdout
            .contains("Pflege")
    );
    refused(&iseli.run(&["--json", "journal", &case]), 5, "not_found");
    let edit = iseli.type_in(
        &["--json", "plan", "set", &case, "situation", "--from", "-"],
        "x",
    );
    refused(&edit, 5, "no_right");
    refused(
        &iseli.run(&[
            "--json",
            "share",
            "grant",
            &case,
            "--section",
            "plan",
            "--to",
            "RAV Team",
            "--role",
            "read",
            "--basis",
            "AVG35a1",
            "--yes",
        ]),
        5,
        "no_right",
    );
    let explained = |section: &str| {
        let run = world
            .berger
            .run(&["share", "explain", &case, section, "--for", "Iseli"]);
        run.ok().stdout
    };
    assert!(explained("plan").starts_with("Yes:") && explained("plan").contains("AVG35a1"));
    assert!(explained("journal").starts_with("No:"));
    let key = world
        .berger
        .run(&["--json", "key", "explain", &case, "plan"])
        .json();
    assert_eq!(key["key"]["wrapped_to"].as_array().unwrap().len(), 2);
    let matrix = world.berger.run(&["share", "list", &case]).ok().stdout;
    let row = |section: &str| {
        matrix
            .lines()
            .find(|line| line.trim().starts_with(section))
            .unwrap()
    };
    assert!(
        row("plan").contains("read") && row("journal").contains('–'),
        "{matrix}"
    );
    let doctor = world.iseli.run(&["--json", "doctor"]);
    assert!(
        doctor.stdout.contains("is the relay of your network"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn what_two_people_decide_differently_waits_for_a_person() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan,tasks", "write").json();
    sync_all(&world);
    let due = ["plan", "step", "set", &case, "1.1", "due", "--from", "-"];
    world.berger.type_in(&due, "31.03.2027").ok();
    world.iseli.type_in(&due, "30.04.2027").ok();
    world
        .berger
        .run(&["task", "delete", &case, "1", "--yes"])
        .ok();
    world.iseli.run(&["task", "done", &case, "1"]).ok();
    sync_all(&world);
    let list = world.iseli.run(&["--json", "conflict"]).json();
    assert_eq!(list["conflicts"].as_array().unwrap().len(), 2, "{list}");
    let met = &list["meetings"][0];
    assert_eq!(
        met["people"],
        serde_json::json!(["Anna Berger", "Urs Iseli"])
    );
    assert!(!met["conflicts"].as_array().unwrap().is_empty(), "{list}");
    let shown = world.iseli.run(&["conflict", "show", &case, "1"]).ok();
    for part in ["31.03.2027", "30.04.2027", "Anna Berger", "Urs Iseli"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    // What is advised can be run as it stands, with a number put in.
    let advised = shown
        .stderr
        .split('`')
        .nth(1)
        .unwrap()
        .replace("NUMBER", "2");
    let words: Vec<&str> = advised.split(' ').skip(1).collect();
    refused(
        &world
            .iseli
            .run(&["--json", "conflict", "resolve", &case, "1", "--restore"]),
        2,
        "choice_does_not_fit",
    );
    let ninth = ["--json", "conflict", "resolve", &case, "1", "--take", "9"];
    refused(&world.iseli.run(&ninth), 2, "no_such_alternative");
    let zeroth = ["--json", "conflict", "resolve", &case, "1", "--take", "0"];
    refused(&world.iseli.run(&zeroth), 2, "no_such_alternative");
    world.iseli.run(&words).ok();
    refused(
        &world
            .iseli
            .run(&["--json", "conflict", "show", &case, "zzzz"]),
        6,
        "not_found",
    );
    world
        .iseli
        .run(&["conflict", "resolve", &case, "1", "--restore"])
        .ok();
    sync_all(&world);
    let settled = world
        .berger
        .run(&["--json", "conflict", "list", &case])
        .json();
    assert_eq!(settled["conflicts"], serde_json::json!([]));
}

#[test]
fn what_was_shared_waits_for_the_sync_and_is_not_shared_twice() {
    let world = World::new();
    let case = world.open_case();
    let explained = || {
        let words = ["share", "explain", &case, "plan", "--for", "Iseli"];
        world.berger.run(&words).ok().stdout
    };
    let waiting = || {
        let status = world.berger.run(&["--json", "status"]).json();
        status["waiting_decisions"].clone()
    };
    assert!(explained().starts_with("No:"), "control");
    assert_eq!(
        grant(&world, &case, "plan", "write").json()["done"],
        "granted"
    );
    let waiting_once = waiting();
    let said = explained();
    let expected = "Not yet: Urs Iseli cannot see `plan`.\n\
                    Granted by Anna Berger on AVG35a1; it takes effect with the next sync.\n\
                    Chain: legal basis AVG35a1 (";
    assert!(said.starts_with(expected), "{said}");
    let missing = "→ missing: `write` for Eingliederung, granted by Anna Berger, which goes out with the next sync →";
    assert!(said.contains(missing), "{said}");
    for role in ["write", "read"] {
        assert_eq!(grant(&world, &case, "plan", role).json()["done"], "nothing");
    }
    assert_eq!(waiting(), waiting_once);
    sync_all(&world);
    assert!(explained().starts_with("Yes:"));
    let again = grant(&world, &case, "plan", "write");
    assert_eq!(again.json()["done"], "nothing");
    let mixed = grant(&world, &case, "plan,tasks", "write");
    assert_eq!(mixed.json()["done"], "granted");
    let shares = world.berger.run(&["--json", "share", "list", &case]).json();
    let grants = |section: &str| {
        let rows = shares["shares"].as_array().unwrap();
        let row = rows.iter().find(|row| row["section"] == section).unwrap();
        row["grants"].as_array().unwrap().len()
    };
    assert_eq!((grants("plan"), grants("tasks")), (2, 2));
}

#[test]
fn answers_say_what_a_right_a_basis_and_a_decision_mean() {
    let world = World::new();
    let case = world.open_case();
    let run = |words: &[&str]| world.berger.run(words);
    for (role, may) in [
        ("read", "may read its cases."),
        ("write", "may edit and share its cases."),
        ("manage", "and invite colleagues."),
    ] {
        let words = ["member", "invite", "--team", "RAV Team", "--role", role];
        let invited = run(&words).ok().stderr;
        assert!(invited.contains("for RAV Langnau RAV Team; "), "{invited}");
        assert!(invited.contains(may), "{invited}");
    }
    let words = |basis: &'static str| {
        let grant = [
            "--json",
            "share",
            "grant",
            &case,
            "--section",
            "plan",
            "--to",
            "Iseli",
        ];
        let terms = ["--role", "read", "--dry-run", "--basis", basis];
        run(&[&grant[..], &terms].concat())
    };
    // The code as the list writes it, and a mistyped one is refused with the list.
    assert_eq!(words("avg35A1BIS").json()["basis"], "AVG35a1bis");
    for unknown in ["AVG35a9", "consent of 12.03.2027"] {
        let refusal = words(unknown);
        refused(&refusal, 2, "basis");
        assert!(refusal.stderr.contains("AVG35a1bis"), "{}", refusal.stderr);
    }
    refused(&words("consent abcdefgh"), 2, "not_covered");
    let explained = run(&["key", "explain"]).ok().stdout;
    assert!(explained.contains("When somebody's right ends, the section gets a new key"));
    assert!(run(&["key"]).ok().stdout.contains("keys so far"));
}

#[test]
fn a_section_that_does_not_exist_is_told_from_one_that_is_not_shared() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core", "write").json();
    sync_all(&world);
    let words = ["--json", "section", "show", &case, "ident"];
    let lead = world.berger.run(&words);
    refused(&lead, 1, "section_not_opened");
    assert!(lead.stderr.contains("This case has no section `ident`."));
    // What is advised can be run as it stands.
    let advised = lead.error()["next"].as_str().unwrap().to_owned();
    let advised: Vec<&str> = advised
        .split('`')
        .nth(1)
        .unwrap()
        .split(' ')
        .skip(1)
        .collect();
    refused(&world.iseli.run(&words), 5, "not_found");
    world.berger.run(&advised).ok();
    world.berger.run(&words).json();
}

#[test]
fn settling_a_conflict_says_what_holds_now() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan,tasks", "write").json();
    sync_all(&world);
    let due = ["plan", "step", "set", &case, "1.1", "due", "--from", "-"];
    world.berger.type_in(&due, "31.03.2027").ok();
    world.iseli.type_in(&due, "30.04.2027").ok();
    let delete = ["task", "delete", &case, "1", "--yes"];
    world.berger.run(&delete).ok();
    world.iseli.run(&["task", "done", &case, "1"]).ok();
    sync_all(&world);
    let settle = |words: &[&str]| {
        let resolve = ["conflict", "resolve", &case, "1"];
        let words: Vec<&str> = resolve.iter().chain(words).copied().collect();
        world.iseli.run(&words).ok().stdout
    };
    let shown = world
        .iseli
        .run(&["conflict", "show", &case, "1"])
        .ok()
        .stdout;
    let row = shown.lines().find(|line| line.contains("30.04.2027"));
    let number = row.unwrap().split_whitespace().next().unwrap();
    let settled = settle(&["--take", number]);
    assert!(settled.contains("settled: due of "), "{settled}");
    assert!(
        settled.trim_end().ends_with("is now 30.04.2027."),
        "{settled}"
    );
    let settled = settle(&["--restore"]);
    assert!(settled.trim_end().ends_with("is back."), "{settled}");
}

#[test]
fn a_goal_in_two_wordings_shows_both_whole_and_two_who_settle_it_alike_agree() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan", "write").json();
    sync_all(&world);
    let reword = |home: &support::Home, text: &str| {
        let words = ["plan", "goal", "reword", &case, "1", "--from", "-"];
        home.type_in(&words, text).ok();
    };
    let (bakery, joinery) = (
        "Eine Lehrstelle als Bäcker finden.",
        "Eine Lehre als Schreiner antreten.",
    );
    reword(&world.berger, bakery);
    reword(&world.iseli, joinery);
    sync_all(&world);
    let number = |home: &support::Home| {
        let shown = home.run(&["plan", "show", &case]).ok().stdout;
        assert!(shown.contains("Goal 1: 2 wordings, not settled"), "{shown}");
        for wording in [bakery, joinery] {
            assert!(shown.contains(&format!("\"{wording}\"")), "{shown}");
        }
        let row = shown.lines().find(|line| line.contains(bakery)).unwrap();
        row.trim().split('.').next().unwrap().to_owned()
    };
    for home in [&world.berger, &world.iseli] {
        let take = ["conflict", "resolve", &case, "1", "--take", &number(home)];
        home.run(&take).ok();
    }
    sync_all(&world);
    for home in [&world.berger, &world.iseli] {
        let shown = home.run(&["plan", "show", &case]).ok().stdout;
        assert!(shown.contains(&format!("Goal 1: {bakery}")), "{shown}");
        assert!(!shown.contains("Schreiner"), "{shown}");
        let list = home.run(&["--json", "conflict", "list", &case]).json();
        assert_eq!(list["conflicts"], serde_json::json!([]));
    }
}
