//! Two institutions work on one case through the real program.

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::{World, refused};

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
    let said = home.run(&["case", "--filter", "nobody"]).ok().stdout;
    assert!(said.contains("None of 1 case has these words"), "{said}");
    assert!(!said.contains("No case yet"), "{said}");

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
        (&["case", "set", "ruth", "phase"], "soon", "phase"),
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
        "AVG35a1",
        "--yes",
    ]);
    refused(&to_nobody, 1, "not_found");
    let team = home.run(&["--json", "member", "invite", "--team", "Eingliederung"]);
    refused(&team, 1, "not_found");
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
        (&["conflict"], "conflicts meetings schema_version"),
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
fn a_goal_that_is_changed_is_named_with_its_number_and_its_old_words() {
    let world = World::new();
    let case = world.open_case();
    let typed = |words: &[&str], text: &str| {
        let words = [words, &["--from", "-"]].concat();
        world.berger.type_in(&words, text).ok().stdout
    };
    for goal in ["Lehrstelle als Schreiner", "Deutsch lernen"] {
        typed(&["plan", "goal", "add", &case], goal);
    }
    let shown = world.berger.run(&["plan", "show", &case]).ok().stdout;
    // One stands in the case as it was opened.
    let titles: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("Goal "))
        .collect();
    assert_eq!(
        titles[1..],
        ["Goal 2: Lehrstelle als Schreiner", "Goal 3: Deutsch lernen"]
    );
    let said = typed(
        &["plan", "goal", "reword", &case, "3"],
        "Deutsch lernen bis zum Herbst",
    );
    assert!(said.contains("goal 3 ("), "{said}");
    let words = "\"Deutsch lernen\" is now \"Deutsch lernen bis zum Herbst\"";
    assert!(said.contains(words), "{said}");
    let said = typed(&["plan", "set", &case, "situation"], "Ganz neu.");
    assert!(said.contains("situation changed"), "{said}");
    let said = typed(&["plan", "set", &case, "situation"], "Noch neuer.");
    assert!(said.contains("before: \"Ganz neu.\""), "{said}");
}

/// Each command with nothing typed: whoever may not is told so before they are asked for a text.
#[test]
fn who_may_not_change_a_plan_or_how_a_case_goes_on_is_told_before_they_type_why() {
    let world = World::new();
    let case = world.open_case();
    let risk = ["plan", "risk", "add", &case, "--from", "-"];
    world.berger.type_in(&risk, "Der Kurs fällt aus.").ok();
    support::grant(&world, &case, "core,plan", "read").json();
    support::sync_all(&world);
    let typed: [&[&str]; 10] = [
        &["plan", "set", &case, "situation"],
        &["plan", "goal", "add", &case],
        &["plan", "goal", "reword", &case, "1"],
        &["plan", "goal", "set", &case, "1", "measure_of_success"],
        &["plan", "risk", "add", &case],
        &["plan", "risk", "set", &case, "1", "description"],
        &["plan", "step", "add", &case, "1"],
        &["plan", "step", "set", &case, "1.1", "title"],
        &["plan", "step", "end", &case, "1.1", "--as", "aborted"],
        &["plan", "review", &case, "--outcome", "continue"],
    ];
    let nothing = |words: &[&str]| {
        let words = [&["--json"], words, &["--from", "-"]].concat();
        world.iseli.type_in(&words, "")
    };
    for words in typed {
        refused(&nothing(words), 5, "no_right");
    }
    // The institution that leads does these.
    let close = ["--json", "case", "close", &case, "--reason", "other"];
    let close = [&close[..], &["--note", "-", "--yes"]].concat();
    refused(&world.iseli.type_in(&close, ""), 5, "no_right");
    let reopen = ["--json", "case", "reopen", &case, "--reason", "other"];
    let reopen = [&reopen[..], &["--note", "-"]].concat();
    refused(&world.iseli.type_in(&reopen, ""), 5, "no_right");
    let decided = ["case", "competence", "add", &case, "--kind", "lead"];
    let decided = [
        &decided[..],
        &["--institution", "IV-Stelle", "--since", "01.04.2027"],
        &["--by", "Runder Tisch"],
    ]
    .concat();
    refused(&nothing(&decided), 5, "no_right");
    // Who may is told what else is known before: here, that there is nothing to agree to and to open again.
    let agree = ["--json", "plan", "sign", &case, "--for", "client"];
    let agree = [&agree[..], &["--verbal", "--yes", "--from", "-"]].concat();
    refused(&world.berger.type_in(&agree, ""), 1, "not_found");
    assert_ne!(world.berger.type_in(&reopen, "").error()["field"], "note");
    // Control: who may is asked for it.
    let add = ["--json", "plan", "goal", "add", &case, "--from", "-"];
    let asked = world.berger.type_in(&add, "");
    assert_eq!(asked.exit, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("statement"), "{}", asked.stderr);

    // A version of the plan, agreed to by word of mouth by who reads only.
    let propose = ["plan", "propose", &case, "--yes"];
    world.berger.run(&propose).ok();
    support::sync_all(&world);
    refused(&world.iseli.type_in(&agree, ""), 5, "no_right");
    let asked = world.berger.type_in(&agree, "");
    assert!(asked.stderr.contains("note"), "control: {}", asked.stderr);
}
