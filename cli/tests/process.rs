//! How a case is led, through the real program: journals, phases, closing, who leads and who pays.

#[path = "process/erasing.rs"]
mod erasing;
mod support;

use support::{Home, Run, World, refused};

fn add(home: &Home, words: &[&str], text: &str) -> String {
    let words = [
        &["--json", "journal", "add", "ruth"],
        words,
        &["--from", "-"],
    ]
    .concat();
    let entry = home.type_in(&words, text).json();
    entry["entry"].as_str().unwrap().to_owned()
}

fn listed(home: &Home, words: &[&str]) -> Vec<String> {
    let words = [&["--json", "journal", "list", "ruth"], words].concat();
    let list = home.run(&words).json();
    let entries = list["content"]["entries"].as_array().unwrap();
    let texts = entries
        .iter()
        .map(|entry| entry["text"].as_str().unwrap().to_owned());
    texts.collect()
}

fn share(world: &World, sections: &str) {
    for home in [&world.berger, &world.iseli] {
        home.run(&["sync"]).ok();
    }
    world
        .berger
        .run(&[
            "share",
            "grant",
            "ruth",
            "--section",
            sections,
            "--to",
            "Eingliederung",
            "--role",
            "write",
            "--basis",
            "AVG35a1",
            "--yes",
        ])
        .ok();
    for home in [&world.berger, &world.iseli] {
        home.run(&["sync"]).ok();
    }
}

#[test]
fn a_journal_is_listed_by_kind_day_and_text_and_shows_what_was_corrected_by_whom() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let at = ["--kind", "call", "--at", "31.03.2027 23:59"];
    let wrong = add(home, &at, "Zeugnis bis 3. April");
    add(
        home,
        &["--kind", "mail", "--at", "01.04.2027 00:00"],
        "Zeugnis ist da",
    );
    let correct = [
        "--json",
        "journal",
        "correct",
        "ruth",
        &wrong[..6],
        "--from",
        "-",
    ];
    let corrected = home.type_in(&correct, "Zeugnis bis 4. April").json();
    assert_eq!(corrected["corrects"], wrong.as_str());

    let all = listed(home, &[]);
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(listed(home, &["--kind", "mail"]), ["Zeugnis ist da"]);
    let calls = listed(home, &["--kind", "call", "--filter", "ZEUGNIS"]);
    assert_eq!(
        calls.len(),
        2,
        "the correction has kind and time of what it corrects"
    );
    let day = ["--since", "01.04.2027", "--until", "01.04.2027"];
    assert_eq!(listed(home, &day), ["Zeugnis ist da"]);
    assert!(listed(home, &["--until", "31.12.2025"]).is_empty());

    let shown = home
        .run(&["journal", "show", "ruth", &wrong[..6]])
        .ok()
        .stdout;
    assert!(shown.contains("Zeugnis bis 3. April"), "{shown}");
    let by = shown
        .lines()
        .find(|line| line.starts_with("corrected by"))
        .unwrap();
    assert!(by.contains("Anna Berger") && by.contains(&corrected["entry"].as_str().unwrap()[..5]));
    let list = home.run(&["journal", "ruth"]).ok().stdout;
    assert!(list.contains("(corrected by Anna Berger"), "{list}");
    let nothing = home
        .run(&["journal", "list", "ruth", "--filter", "nichts davon"])
        .ok();
    assert!(
        nothing.stdout.contains("None of 4 entries"),
        "{}",
        nothing.stdout
    );

    for (words, code) in [
        (&["list", "ruth", "--kind", "rumour"][..], "unknown_code"),
        (&["list", "ruth", "--since", "31.02.2027"], "no_such_day"),
        (&["list", "ruth", "--until", "soon"], "format"),
        (
            &["add", "ruth", "--kind", "rumour", "--from", "-"],
            "unknown_code",
        ),
        (&["add", "ruth", "--at", "25:00", "--from", "-"], "format"),
        (
            &[
                "correct",
                "ruth",
                &wrong[..6],
                "--kind",
                "rumour",
                "--from",
                "-",
            ],
            "unknown_code",
        ),
        (
            &["correct", "ruth", &wrong[..6], "--from", "-", "Text"],
            "value_on_command_line",
        ),
    ] {
        let words = [&["--json", "journal"], words].concat();
        let run = home.type_in(&words, "Text");
        assert_eq!(run.exit, 2, "{words:?}: {}", run.stderr);
        assert_eq!(run.error()["code"], code, "{words:?}");
    }
    refused(
        &home.run(&["--json", "journal", "show", "ruth", "zzzzz"]),
        1,
        "not_found",
    );
    let too_long = "ä".repeat(10_001);
    for text in ["", "   ", &too_long] {
        let run = home.type_in(
            &[
                "--json",
                "journal",
                "add",
                "ruth",
                "--internal",
                "--from",
                "-",
            ],
            text,
        );
        assert_eq!(run.exit, 2, "{}", run.stderr);
        let run = home.type_in(&correct, text);
        assert_eq!(run.exit, 2, "{}", run.stderr);
    }
    assert_eq!(listed(home, &[]).len(), 4, "nothing of it was stored");
    assert!(listed(home, &["--internal"]).is_empty());
    let sections = home.run(&["section", "list", "ruth"]).ok().stdout;
    assert!(
        !sections.contains("internal/"),
        "nothing was founded: {sections}"
    );
    let longest = "ä".repeat(10_000);
    add(home, &["--internal"], &longest);
    assert_eq!(listed(home, &["--internal"]), [longest], "control");
}

#[test]
fn internal_notes_are_founded_on_first_use_and_no_other_institution_learns_of_them() {
    let world = World::new();
    world.open_case();
    share(&world, "core,journal");
    let (berger, iseli) = (&world.berger, &world.iseli);
    let empty = iseli.run(&["journal", "list", "ruth", "--internal"]).ok();
    assert!(
        empty.stdout.contains("No note of your institution yet"),
        "{}",
        empty.stdout
    );
    let note = add(
        iseli,
        &["--internal", "--kind", "decision"],
        "Nur für uns: RAD beiziehen",
    );
    add(iseli, &[], "Für alle: Termin vereinbart");
    let correct = [
        "--json",
        "journal",
        "correct",
        "ruth",
        &note[..6],
        "--internal",
        "--from",
        "-",
    ];
    iseli
        .type_in(&correct, "Nur für uns: RAD ist beigezogen")
        .json();
    let shared = [
        "--json",
        "journal",
        "correct",
        "ruth",
        &note[..6],
        "--from",
        "-",
    ];
    refused(&iseli.type_in(&shared, "x"), 1, "not_found");
    for home in [iseli, berger, iseli, berger] {
        home.run(&["sync"]).ok();
    }
    assert_eq!(listed(iseli, &["--internal"]).len(), 2);
    assert!(
        listed(berger, &["--internal"]).is_empty(),
        "their own, and none"
    );
    assert!(listed(berger, &[]).contains(&"Für alle: Termin vereinbart".to_owned()));
    for words in [
        &["section", "list", "ruth"][..],
        &["journal", "ruth"],
        &["case", "show", "ruth"],
    ] {
        let shown = berger.run(words).ok().stdout;
        assert!(
            !shown.contains("internal/") && !shown.contains("Nur für uns"),
            "{shown}"
        );
    }
    add(berger, &["--internal"], "Nur für das RAV");
    assert_eq!(listed(berger, &["--internal"]), ["Nur für das RAV"]);
    berger.run(&["sync"]).ok();
    iseli.run(&["sync"]).ok();
    assert_eq!(listed(iseli, &["--internal"]).len(), 2);
}

#[test]
fn a_phase_follows_on_another_one_and_a_consent_moves_it_on() {
    let world = World::new();
    let file =
        r#"{"schema_version": 1, "person": {"official_name": "Mosimann", "first_name": "Ruth"}}"#;
    let home = &world.berger;
    home.type_in(&["case", "open", "--yes", "--from", "-"], file)
        .ok();
    let phase = || home.run(&["--json", "case", "phase", "ruth"]).json();
    assert_eq!(phase()["phase"], "reported");
    let shown = home.run(&["case", "phase", "ruth"]).ok().stdout;
    assert!(
        shown.contains("when a consent is recorded: `nahtlos consent give CASE`"),
        "{shown}"
    );
    for (to, code) in [
        ("consented", "no_basis"),
        ("running", "not_from_here"),
        ("closed", "close"),
        ("reported", "unchanged"),
        ("soon", "unknown_code"),
        ("", "unknown_code"),
    ] {
        let run = home.run(&["--json", "case", "phase", "ruth", to]);
        refused(&run, 2, code);
    }
    let by_field = home.type_in(
        &["--json", "case", "set", "ruth", "phase", "--from", "-"],
        "running",
    );
    refused(&by_field, 2, "not_typed");
    refused(
        &home.run(&["--json", "case", "set", "ruth", "phase", "--empty"]),
        2,
        "not_typed",
    );
    refused(
        &home.run(&["--json", "case", "set", "ruth", "lead", "--empty"]),
        2,
        "set_by_program",
    );
    assert_eq!(phase()["phase"], "reported");
    home.run(&["case", "phase", "ruth", "preclarified"]).ok();
    home.run(&["sync"]).ok();
    let given = home
        .run(&[
            "consent",
            "give",
            "ruth",
            "--read",
            "core=Eingliederung",
            "--form",
            "paper",
            "--yes",
        ])
        .ok();
    let said = format!("{}{}", given.stdout, given.stderr);
    assert!(said.contains("phase `consented`"), "{said}");
    assert_eq!(phase()["phase"], "consented");
}

/// Files of another case, of a spreadsheet and of a hand: nobody has consented in the case that is opened from them.
#[test]
fn no_file_says_that_the_person_of_a_new_case_has_consented() {
    let world = World::new();
    let home = &world.berger;
    for (number, said) in ["consented", "running", "closed", "deleted"]
        .iter()
        .enumerate()
    {
        let file = format!(
            r#"{{"schema_version": 1, "phase": "{said}", "person": {{"official_name": "Zaugg{number}", "first_name": "Ruth"}}}}"#
        );
        let opened = home
            .type_in(&["case", "open", "--yes", "--from", "-"], &file)
            .ok();
        let told = format!("{}{}", opened.stdout, opened.stderr);
        assert!(told.contains(&format!("The file says `{said}`")), "{told}");
        assert!(told.contains("nahtlos consent give CASE"), "{told}");
        let case = format!("zaugg{number}");
        let phase = home.run(&["--json", "case", "phase", &case]).json();
        assert_eq!(phase["phase"], "preclarified", "{said}");
        for next in ["consented", "running"] {
            let moved = home.run(&["--json", "case", "phase", &case, next]);
            refused(
                &moved,
                2,
                if next == "consented" {
                    "no_basis"
                } else {
                    "not_from_here"
                },
            );
        }
    }
    for early in ["reported", "preclarified"] {
        let file = format!(
            r#"{{"schema_version": 1, "phase": "{early}", "person": {{"official_name": "{early}"}}}}"#
        );
        let opened = home
            .type_in(&["case", "open", "--yes", "--from", "-"], &file)
            .ok();
        assert!(
            !opened.stderr.contains("The file says"),
            "{}",
            opened.stderr
        );
        let phase = home.run(&["--json", "case", "phase", early]).json();
        assert_eq!(phase["phase"], early);
    }
    let table = world.directory.path().join("cases.csv");
    let rows = "official_name,first_name,phase\nTabelle,Eva,running\nTabelle,Urs,reported\n";
    std::fs::write(&table, rows).unwrap();
    let words = [
        "--json",
        "case",
        "import",
        "--from",
        table.to_str().unwrap(),
    ];
    let numbers = home.run(&words).json()["case_numbers"].clone();
    for (position, expected) in ["preclarified", "reported"].iter().enumerate() {
        let number = numbers[position].as_str().unwrap();
        let phase = home.run(&["--json", "case", "phase", number]).json();
        assert_eq!(phase["phase"], *expected);
        let sections = home.run(&["--json", "section", "list", number]).ok().stdout;
        assert!(
            sections.contains("\"access\""),
            "reading is recorded: {sections}"
        );
    }
}

fn close(home: &Home, words: &[&str]) -> Run {
    home.run(&[&["--json", "case", "close", "ruth"], words].concat())
}

#[test]
fn closing_lists_what_is_open_asks_and_hides_the_case_from_the_list() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    refused(
        &close(home, &["--reason", "because", "--yes"]),
        2,
        "unknown_code",
    );
    refused(&close(home, &["--reason", "other", "--yes"]), 2, "missing");
    refused(
        &close(home, &["--reason", "pension"]),
        2,
        "confirmation_missing",
    );
    let seen = close(home, &["--reason", "pension", "--dry-run"]).json();
    assert_eq!(seen["done"], "dry_run");
    assert_eq!(seen["open"]["tasks"].as_array().unwrap().len(), 2);
    assert_eq!(seen["open"]["steps"][0]["title"], "Arbeitsversuch");
    assert!(seen["open"]["undelivered"].as_u64().unwrap() > 0);
    let page = home
        .run(&["case", "close", "ruth", "--reason", "pension", "--dry-run"])
        .ok();
    for word in [
        "Arbeitszeugnisse einholen",
        "Arbeitsversuch",
        "nahtlos sync",
    ] {
        assert!(page.stdout.contains(word), "{word}: {}", page.stdout);
    }
    let cases = |words: &[&str]| {
        home.run(&[&["--json", "case", "list"], words].concat())
            .json()
    };
    assert_eq!(
        cases(&[])["cases"].as_array().unwrap().len(),
        1,
        "nothing is closed yet"
    );
    for task in ["1", "2"] {
        home.run(&["task", "done", "ruth", task]).ok();
    }
    let note = world.directory.path().join("note");
    std::fs::write(&note, "Umzug ins Tessin").unwrap();
    let note = note.to_str().unwrap();
    let closed = close(home, &["--reason", "other", "--note", note, "--yes"]).json();
    assert_eq!(closed["follow_up"].as_array().unwrap().len(), 3);
    assert_eq!(closed["open"]["tasks"].as_array().unwrap().len(), 0);

    let undelivered = cases(&[]);
    assert_eq!(
        undelivered["cases"].as_array().unwrap().len(),
        1,
        "it is not delivered yet"
    );
    home.run(&["sync"]).ok();
    let open = cases(&[]);
    assert_eq!(open["cases"].as_array().unwrap().len(), 0);
    assert_eq!(open["closed_not_listed"], 1);
    let all = cases(&["--all"]);
    assert_eq!(all["cases"][0]["phase"], "closed");
    assert_eq!(all["closed_not_listed"], 0);
    let said = home.run(&["case"]).ok();
    let said = format!("{}{}", said.stdout, said.stderr);
    assert!(said.contains("nahtlos case list --all"), "{said}");
    let shown = home.run(&["case", "show", "ruth"]).ok().stdout;
    assert!(shown.contains("Anna Berger: another reason"), "{shown}");

    refused(
        &close(home, &["--reason", "pension", "--yes"]),
        2,
        "unchanged",
    );
    refused(
        &home.run(&["--json", "case", "reopen", "ruth", "--reason", "pension"]),
        2,
        "unknown_code",
    );
    home.run(&["case", "reopen", "ruth", "--reason", "job_lost"])
        .ok();
    assert_eq!(cases(&[])["cases"].as_array().unwrap().len(), 1);
    let tasks = home.run(&["--json", "task", "ruth"]).json();
    let tasks = tasks["content"]["tasks"].as_array().unwrap();
    let cancelled = tasks.iter().filter(|task| task["status"] == "cancelled");
    assert_eq!(cancelled.count(), 3);
}

#[test]
fn who_pays_by_decision_is_listed_shown_with_the_case_and_corrected_by_a_new_one() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let empty = home.run(&["case", "competence", "ruth"]).ok().stdout;
    assert!(empty.contains("Nothing was decided yet"), "{empty}");
    let record = |words: &[&str]| {
        let fixed = ["--json", "case", "competence", "add", "ruth", "--from", "-"];
        home.type_in(&[&fixed, words].concat(), "Eingliederung geht vor Rente.")
    };
    let payer = [
        "--kind",
        "payer",
        "--institution",
        "IV-Stelle",
        "--by",
        "Runder Tisch",
    ];
    let words = [
        &payer[..],
        &["--since", "01.01.2020", "--for", "Arbeitsversuch"],
    ]
    .concat();
    let first = record(&words).json()["decision"]
        .as_str()
        .unwrap()
        .to_owned();
    let until = [
        "--since",
        "01.01.2020",
        "--until",
        "31.12.2199",
        "--corrects",
        &first[..6],
    ];
    record(&[&payer[..], &until].concat()).ok();
    let lead = [
        "--kind",
        "lead",
        "--institution",
        "IV-Stelle",
        "--by",
        "Amtsleitung",
    ];
    let lead = record(&[&lead[..], &["--since", "01.01.2020"]].concat()).ok();
    assert!(
        lead.stderr.contains("nahtlos case handover"),
        "{}",
        lead.stderr
    );
    let list = home.run(&["--json", "case", "competence", "ruth"]).json();
    assert_eq!(list["competences"].as_array().unwrap().len(), 3);
    let shown = home.run(&["case", "show", "ruth"]).ok().stdout;
    assert!(
        shown.contains("31.12.2199") && !shown.contains("Arbeitsversuch"),
        "{shown}"
    );

    for (words, code) in [
        (
            [
                "--kind",
                "boss",
                "--institution",
                "IV-Stelle",
                "--by",
                "X",
                "--since",
                "01.01.2027",
            ],
            "unknown_code",
        ),
        (
            [
                "--kind",
                "lead",
                "--institution",
                "Nobody",
                "--by",
                "X",
                "--since",
                "01.01.2027",
            ],
            "not_found",
        ),
        (
            [
                "--kind",
                "lead",
                "--institution",
                "IV-Stelle",
                "--by",
                "",
                "--since",
                "01.01.2027",
            ],
            "empty",
        ),
        (
            [
                "--kind",
                "lead",
                "--institution",
                "IV-Stelle",
                "--by",
                "X",
                "--since",
                "31.02.2027",
            ],
            "no_such_day",
        ),
    ] {
        let run = record(&words);
        assert_eq!(run.error()["code"], code, "{words:?}: {}", run.stderr);
    }
    let backwards = [
        &payer[..],
        &["--since", "02.01.2027", "--until", "01.01.2027"],
    ]
    .concat();
    refused(&record(&backwards), 2, "order");
    let future = [
        &payer[..],
        &["--since", "02.01.2027", "--decided", "31.12.2199"],
    ]
    .concat();
    refused(&record(&future), 2, "future");
    let list = home.run(&["--json", "case", "competence", "ruth"]).json();
    assert_eq!(
        list["competences"].as_array().unwrap().len(),
        3,
        "nothing of it was stored"
    );
}

#[test]
fn a_dry_run_of_proposing_and_signing_refuses_what_the_run_would_refuse() {
    // The case file has a plan; the institution that it is shared with leads nothing.
    let world = World::new();
    world.open_case();
    share(&world, "core,plan");
    let plan = |home: &Home, words: &[&str], how: &str| {
        home.run(&[&["--json", "plan"], words, &["ruth", how]].concat())
    };
    for how in ["--yes", "--dry-run"] {
        refused(&plan(&world.iseli, &["propose"], how), 5, "no_right");
        refused(&plan(&world.berger, &["sign"], how), 1, "not_found");
    }
    let goals = plan(&world.berger, &["propose"], "--dry-run");
    let goals = goals.json();
    assert_eq!(
        (&goals["done"], &goals["version"]),
        (&"dry_run".into(), &1.into())
    );
    let none = world
        .berger
        .run(&["--json", "plan", "sign", "ruth", "--dry-run"]);
    refused(&none, 1, "not_found");

    plan(&world.berger, &["propose"], "--yes").json();
    let dry = plan(&world.berger, &["sign"], "--dry-run").json();
    assert_eq!(
        (&dry["done"], &dry["version"]),
        (&"dry_run".into(), &1.into())
    );
    plan(&world.berger, &["sign"], "--yes").json();
    for how in ["--yes", "--dry-run"] {
        for words in ["propose", "sign"] {
            let run = plan(&world.berger, &[words], how);
            assert_ne!(run.exit, 0, "{words} {how}: {}", run.stdout);
            run.error();
        }
    }
}
