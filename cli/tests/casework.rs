//! Two institutions work on one case through the real program.

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::{Run, World};

#[track_caller]
fn refused(run: &Run, exit: i32, code: &str) {
    assert_eq!(
        (run.exit, run.error()["code"].as_str().unwrap()),
        (exit, code),
        "{}",
        run.stderr
    );
}

fn grant(world: &World, case: &str, sections: &str, role: &str) -> Run {
    world.berger.run(&[
        "--json",
        "share",
        "grant",
        case,
        "--section",
        sections,
        "--to",
        "Eingliederung",
        "--role",
        role,
        "--basis",
        "AVG35a1",
        "--yes",
    ])
}

fn sync_all(world: &World) {
    for home in [&world.berger, &world.iseli, &world.berger, &world.iseli] {
        home.run(&["sync"]).ok();
    }
}

#[test]
fn a_case_is_opened_shown_and_edited_offline() {
    let mut world = World::new();
    world.stop_relay();
    let number = world.open_case();
    let (home, typed) = (&world.berger, |words: &[&str], text: &str| {
        let mut words = words.to_vec();
        words.extend(["--from", "-"]);
        world.berger.type_in(&words, text)
    });
    let list = home.run(&["--json", "case"]).json();
    assert_eq!(list["cases"][0]["display_name"], "Ruth Mosimann");
    assert_eq!(list["cases"][0]["case_number"], number.as_str());
    let none = home.run(&["--json", "case", "--filter", "nobody"]).json();
    assert_eq!(none["cases"], serde_json::json!([]));

    typed(&["case", "set", "ruth", "call_name"], "Ruthli").ok();
    typed(
        &["plan", "goal", "reword", "ruth", "1"],
        "Eine Stelle ohne Schicht finden.",
    )
    .ok();
    typed(&["plan", "goal", "set", "ruth", "1", "due"], "31.03.2027").ok();
    typed(&["plan", "goal", "set", "ruth", "1", "priority"], "1").ok();
    typed(
        &["plan", "goal", "add", "ruth", "--priority", "2"],
        "Deutsch B1.",
    )
    .ok();
    typed(
        &["plan", "step", "add", "ruth", "1", "--payers", "RAV=100"],
        "Kurs",
    )
    .ok();
    typed(
        &[
            "journal",
            "add",
            "ruth",
            "--kind",
            "call",
            "--at",
            "01.10.2026 14:30",
        ],
        "Telefon.",
    )
    .ok();
    typed(
        &["task", "add", "ruth", "--responsible", "Berger"],
        "Arzt anrufen",
    )
    .ok();
    home.run(&["task", "done", "ruth", "1"]).ok();
    home.run(&["plan", "step", "approve", "ruth", "1.2"]).ok();

    let plan = home.run(&["--json", "plan", "show", "ruth"]).json();
    let goals = &plan["content"]["goals"];
    assert_eq!(goals.as_array().unwrap().len(), 2);
    let text = home.run(&["plan", "show", "ruth"]).ok().stdout;
    assert!(text.contains("Eine Stelle ohne Schicht finden."), "{text}");
    assert!(
        text.contains("31.03.2027") && text.contains("approved: RAV Langnau"),
        "{text}"
    );
    let journal = home.run(&["journal", "ruth"]).ok().stdout;
    assert!(
        journal.contains("01.10.2026 14:30  Anna Berger  call"),
        "{journal}"
    );
    let tasks = home.run(&["--json", "task", "ruth"]).json();
    let done = |task: &Value| task["status"] == "done";
    assert!(
        tasks["content"]["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .any(done)
    );
    let history = home
        .run(&["--json", "section", "history", "ruth", "core"])
        .json();
    assert_eq!(
        history["changes"].as_array().unwrap().last().unwrap()["fields"][0],
        "call name"
    );
    let difference = home.run(&["section", "diff", "ruth", "core"]).ok().stdout;
    assert!(
        difference.contains("call name") && difference.contains("Ruthli"),
        "{difference}"
    );
    refused(&home.run(&["--json", "sync"]), 20, "relay_unreachable");
    assert!(
        home.run(&["--json", "status"]).json()["undelivered_edits"]
            .as_u64()
            .unwrap()
            > 9
    );
    let doctor = home.run(&["--json", "doctor"]);
    assert_eq!(doctor.exit, 20, "{}", doctor.stdout);
}

#[test]
fn a_value_that_is_not_valid_names_the_field_and_the_remedy_and_changes_nothing() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let before = home.run(&["--json", "status"]).json()["undelivered_edits"].clone();
    for (command, text, field) in [
        (&["case", "set", "ruth", "birth"][..], "31.02.1982", "birth"),
        (&["case", "set", "ruth", "phone"], "ring ring", "phone"),
        (
            &["case", "set", "ruth", "permit_until"],
            "soon",
            "permit_until",
        ),
        (
            &["plan", "goal", "set", "ruth", "1", "due"],
            "30.02.2027",
            "due",
        ),
        (
            &["plan", "step", "set", "ruth", "1.1", "status"],
            "approved",
            "step_status",
        ),
        (&["task", "set", "ruth", "1", "priority"], "9", "priority"),
        (&["journal", "add", "ruth"], "", "text"),
        (&["task", "add", "ruth"], "", "title"),
    ] {
        let mut words = vec!["--json"];
        words.extend(command);
        words.extend(["--from", "-"]);
        let run = home.type_in(&words, text);
        let error = run.error();
        assert_eq!(run.exit, 2, "{command:?}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("`{field}`")),
            "{command:?}: {message}"
        );
        assert!(error["next"].as_str().unwrap().len() > 20, "{error}");
        assert!(text.is_empty() || !run.stderr.contains(&format!("\"{text}\"")));
    }
    for command in [
        &[
            "--json",
            "task",
            "add",
            "ruth",
            "--due",
            "31.02.2027",
            "--from",
            "/dev/null",
        ][..],
        &[
            "--json",
            "journal",
            "add",
            "ruth",
            "--at",
            "noon",
            "--from",
            "/dev/null",
        ],
        &["--json", "plan", "step", "payers", "ruth", "1.1", "RAV=99"],
        &[
            "--json",
            "case",
            "set",
            "ruth",
            "shoe_size",
            "--from",
            "/dev/null",
        ],
        &[
            "--json",
            "case",
            "set",
            "ruth",
            "case_number",
            "--from",
            "/work",
        ],
    ] {
        assert_ne!(home.run(command).exit, 0, "{command:?}");
    }
    assert_eq!(
        home.run(&["--json", "status"]).json()["undelivered_edits"],
        before
    );
}

#[test]
fn a_case_file_with_errors_opens_no_case_and_names_every_place() {
    let world = World::new();
    let file = r#"{"schema_version": 1, "person": {"official_name": "", "birth": "31.02.1982"}}"#;
    let run = world
        .berger
        .type_in(&["--json", "case", "open", "--from", "-"], file);
    let error = run.error();
    assert_eq!(run.exit, 2);
    let details = error["details"].to_string();
    assert!(details.contains("$.person.birth") && details.contains("$.person.official_name"));
    assert_eq!(
        world.berger.run(&["--json", "case"]).json()["cases"],
        serde_json::json!([])
    );
}

#[test]
fn unknown_and_unclear_names_are_told_apart() {
    let world = World::new();
    world.open_case();
    world.open_case();
    let home = &world.berger;
    refused(
        &home.run(&["--json", "case", "show", "nobody"]),
        1,
        "not_found",
    );
    refused(
        &home.run(&["--json", "case", "show", "ruth"]),
        1,
        "ambiguous",
    );
    let numbers = home.run(&["--json", "case"]).json();
    let number = numbers["cases"][1]["case_number"]
        .as_str()
        .unwrap()
        .to_owned();
    home.run(&["case", "show", &number]).ok();
    refused(
        &home.run(&["--json", "task", "done", &number, "9"]),
        1,
        "not_found",
    );
    refused(
        &home.run(&["--json", "section", "show", &number, "soul"]),
        2,
        "unknown_section",
    );
    refused(
        &home.run(&["--json", "section", "show", &number, "medical"]),
        5,
        "not_found",
    );
    let to_nobody = home.run(&[
        "--json",
        "share",
        "grant",
        &number,
        "--section",
        "core",
        "--to",
        "Bundesrat",
        "--role",
        "read",
        "--basis",
        "x",
        "--yes",
    ]);
    refused(&to_nobody, 1, "not_found");
    let team = home.run(&["--json", "member", "invite", "--team", "Eingliederung"]);
    refused(&team, 1, "not_found");
}

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
            "x",
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
fn exports_are_new_files_for_their_owner_alone() {
    let world = World::new();
    let case = world.open_case();
    let file = world.directory.path().join("plan.automerge");
    let path = file.to_str().unwrap();
    let words = [
        "--json",
        "section",
        "export",
        &case,
        "plan",
        "--automerge",
        "--to",
        path,
    ];
    world.berger.run(&words).json();
    assert_eq!(std::fs::read(&file).unwrap()[..4], [0x85, 0x6f, 0x4a, 0x83]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    refused(&world.berger.run(&words), 1, "file");
    let json = world
        .berger
        .run(&["section", "export", &case, "plan"])
        .json();
    assert!(json["content"]["goals"].is_object());
}

#[test]
fn somebody_who_stops_reading_is_no_failure() {
    let world = World::new();
    for _ in 0..2 {
        world.open_case();
    }
    let mut child = world
        .berger
        .command()
        .args(["--json", "case"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn nothing_is_coloured_where_nobody_sees_it() {
    let world = World::new();
    world.open_case();
    for words in [
        &["case", "show", "ruth"][..],
        &["network"],
        &["case", "show", "nobody"],
    ] {
        let run = world.berger.run(words);
        assert!(
            !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
            "{words:?}"
        );
    }
}

/// The shape of every answer: programs rely on these names. More may be added within a version.
#[test]
fn json_answers_keep_their_shape() {
    let world = World::new();
    let case = world.open_case();
    let answer = |words: &[&str]| {
        let mut with_json = vec!["--json"];
        with_json.extend(words);
        world.berger.run(&with_json).json()
    };
    for (words, expected) in [
        (
            &["network"][..],
            "institutions network people schema_version teams",
        ),
        (&["institution"], "institutions schema_version"),
        (&["team"], "schema_version teams"),
        (&["member"], "people schema_version"),
        (&["device"], "devices schema_version"),
        (&["key"], "keys schema_version"),
        (&["case"], "cases schema_version"),
        (
            &["case", "show", &case],
            "case core schema_version sections",
        ),
        (&["section", "list", &case], "schema_version sections"),
        (
            &["section", "show", &case, "plan"],
            "case content schema_version section",
        ),
        (
            &["section", "history", &case, "plan"],
            "changes changes_in_all schema_version section",
        ),
        (
            &["section", "diff", &case, "plan"],
            "differences schema_version section",
        ),
        (&["share", "list", &case], "schema_version shares"),
        (&["conflict"], "conflicts schema_version"),
        (&["held"], "held schema_version"),
        (&["doctor"], "checks schema_version sound"),
        (
            &["sync"],
            "admitted body_bytes conflicts envelopes_applied envelopes_delivered \
             envelopes_received held notices operations_delivered operations_received requests \
             schema_version undelivered_edits",
        ),
        (
            &["status"],
            "cases conflicts device enrolment held home institution network open_invitations \
             person relay relay_went_back schema_version synced_at_ms team undelivered_edits \
             unread waiting_decisions",
        ),
    ] {
        let answer = answer(words);
        for key in expected.split_whitespace() {
            assert!(answer.get(key).is_some(), "{words:?} lacks {key}: {answer}");
        }
    }
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
    assert_eq!(
        explained().trim(),
        "Not yet: granted by Anna Berger on AVG35a1; it takes effect with the next sync."
    );
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
fn an_empty_input_leaves_the_field_and_only_the_option_empties_it() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let name = || {
        let shown = home.run(&["--json", "case", "show", "ruth"]).json();
        shown["core"]["official_name"].clone()
    };
    let before = name();
    for empty in ["", " \n\t\n"] {
        let words = ["--json", "case", "set", "ruth", "official_name"];
        let run = home.type_in(&[&words[..], &["--from", "-"]].concat(), empty);
        refused(&run, 2, "input_empty");
        assert!(run.stderr.contains("--empty"), "{}", run.stderr);
    }
    assert_eq!(name(), before);
    assert!(!before.is_null());
    home.run(&["case", "set", "ruth", "official_name", "--empty"])
        .ok();
    assert!(name().is_null());
    let run = home.run(&["--json", "journal", "add", "ruth", "--empty"]);
    refused(&run, 2, "nothing_to_empty");
}

#[test]
fn a_text_with_tabs_and_an_empty_line_is_written_whole_and_counted() {
    let world = World::new();
    world.open_case();
    let words = ["journal", "add", "ruth", "--from", "-"];
    let run = world.berger.type_in(&words, "Guten\tTag\n\nGruss").ok();
    assert!(
        run.stdout.contains("3 lines, 16 characters"),
        "{}",
        run.stdout
    );
    let shown = world.berger.run(&["journal", "ruth"]).ok().stdout;
    assert!(shown.contains("Guten Tag"), "{shown}");
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
    for (basis, in_words) in [("AVG35a1bis", false), ("AVG35a9", true)] {
        let words = [
            "share",
            "grant",
            &case,
            "--section",
            "plan",
            "--to",
            "Iseli",
            "--role",
            "read",
            "--dry-run",
            "--basis",
            basis,
        ];
        let preview = run(&words).ok().stdout;
        assert_eq!(
            preview.contains(&format!("{basis} (in words; not a known code)")),
            in_words,
            "{preview}"
        );
    }
    let explained = run(&["key", "explain"]).ok().stdout;
    assert!(explained.contains("makes no new key when somebody's right ends"));
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
