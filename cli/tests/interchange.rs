//! Cases go out to files and come in from files, through the real program: whole, private, and only what one
//! can read.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{Home, World, grant, sync_all};

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Checks that a run was refused; the error.
#[track_caller]
fn refused(run: &support::Run, exit: i32, code: &str) -> Value {
    support::refused(run, exit, code);
    run.error()
}

fn export(home: &Home, case: &str, to: &str, more: &[&str]) -> support::Run {
    home.run(&[&["--json", "case", "export", case, "--to", to][..], more].concat())
}

#[test]
fn an_exported_case_is_private_opens_again_with_the_same_content_and_is_never_written_over() {
    let world = World::new();
    let number = world.open_case();
    let home = &world.berger;
    let to = world.file("ruth.json");
    let told = export(home, "ruth", &to, &[]).json();
    assert_eq!(told["sections"].as_array().unwrap().len(), 6);
    assert_eq!(told["not_readable_here"], json!([]));
    let known = home.run(&["--json", "case", "access-log", "ruth"]);
    assert!(!known.stdout.contains("Gerichtskreis"), "control");
    let given = [
        "--for",
        "Gerichtskreis Emmental",
        "--basis",
        "Editionsverfügung",
    ];
    export(home, "ruth", &world.file("court.json"), &given).json();
    let known = home.run(&["--json", "case", "access-log", "ruth"]);
    assert!(known.stdout.contains("Gerichtskreis"), "{}", known.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&to).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = fs::read(&to).unwrap();
    refused(&export(home, "ruth", &to, &[]), 1, "file");
    assert_eq!(fs::read(&to).unwrap(), before, "not written over");

    // The same person once more: asked for on purpose.
    let again = home
        .run(&["--json", "case", "open", "--from", &to, "--yes"])
        .json();
    let second = again["case_number"].as_str().unwrap();
    assert_ne!(second, number);
    let to = world.file("second.json");
    export(home, second, &to, &[]).json();
    let (mut first, mut second) = (
        serde_json::from_slice::<Value>(&before).unwrap(),
        read(Path::new(&to)),
    );
    for file in [&mut first, &mut second] {
        file.as_object_mut().unwrap().remove("reference");
        for list in ["journal", "function"] {
            for entry in file[list].as_array_mut().unwrap() {
                let by = entry["written_by"]["name"].as_str().unwrap().to_owned();
                assert!(by.starts_with("Anna Berger"), "{by}");
                let entry = entry.as_object_mut().unwrap();
                entry.remove("written_by");
                entry.remove("written_at");
            }
        }
    }
    assert_eq!(first, second);
}

/// Berger leads Ruth's case; Iseli, who reads and writes the journal, notes something that Ruth contests; a round table
/// is called whose points nobody has minuted.
#[test]
fn an_export_with_marks_and_a_round_table_opens_again_and_says_who_wrote_what_and_what_stays_behind()
 {
    let world = World::new();
    let number = world.open_case();
    grant(&world, &number, "core,journal", "write").ok();
    sync_all(&world);
    let add = ["journal", "add", &number, "--kind", "note", "--from", "-"];
    world.iseli.type_in(&add, "Sie kam zu spät.").ok();
    sync_all(&world);
    let home = &world.berger;
    let journal = home
        .run(&["--json", "journal", "list", "ruth", "--filter", "zu spät"])
        .json();
    let entry = journal["content"]["entries"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let dispute = |section: &str, what: &str, text: &str| {
        let add = [
            "subject", "dispute", "add", "ruth", section, what, "--from", "-",
        ];
        home.type_in(&add, text).ok();
    };
    dispute("core", "first_name", "Ich heisse Rut.");
    dispute("journal", &entry, "Der Zug fiel aus.");
    home.run(&["section", "open", "ruth", "meeting/standort-1"])
        .ok();
    let add = [
        "section",
        "add",
        "ruth",
        "meeting/standort-1",
        "agenda",
        "--from",
        "-",
    ];
    home.type_in(&add, r#"{"point": "Wie weiter"}"#).ok();
    sync_all(&world);
    let to = world.file("ruth.json");
    export(home, "ruth", &to, &[]).json();

    let open = ["--json", "case", "open", "--from", &to, "--yes"];
    let opened = home.run(&open);
    assert!(
        opened.stderr.contains("Not taken over"),
        "{}",
        opened.stderr
    );
    assert!(
        opened
            .stderr
            .contains("2 marks of what the person contests"),
        "{}",
        opened.stderr
    );
    let data = opened.json();
    let second = data["case_number"].as_str().unwrap().to_owned();
    assert_eq!(data["disputes"], json!({ "marked": 2, "without_place": 0 }));
    assert!(
        data["left_behind"].to_string().contains("readings"),
        "{data}"
    );
    let marks = home
        .run(&["--json", "subject", "dispute", "list", &second])
        .json();
    assert_eq!(marks["disputes"]["core"][0]["text"], "Ich heisse Rut.");
    assert_eq!(
        marks["disputes"]["journal"][0]["path"],
        json!(["entries", entry])
    );
    let shown = home.run(&["journal", &second]).ok().stdout;
    let line = shown
        .lines()
        .find(|line| line.contains("Sie kam zu spät."))
        .unwrap();
    assert!(
        line.contains("(contested)") && line.contains("Iseli"),
        "{shown}"
    );
    assert!(
        shown.contains("as a file says; taken over by Anna Berger"),
        "{shown}"
    );
    let again = world.file("again.json");
    export(home, &second, &again, &[]).json();
    let (first, second) = (read(Path::new(&to)), read(Path::new(&again)));
    assert_eq!(
        first["further"][0]["agenda"][0]["point"],
        second["further"][0]["agenda"][0]["point"]
    );
    assert_eq!(first.get("other_values"), second.get("other_values"));
}

/// The exported journal of one client is named for another one's case.
#[test]
fn rows_of_another_case_are_added_only_where_that_is_said_and_keep_who_wrote_them() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let other = world.file("other.json");
    fs::write(
        &other,
        r#"{"schema_version": 1, "person": {"official_name": "Käser"}}"#,
    )
    .unwrap();
    home.run(&["case", "open", "--from", &other]).ok();
    let to = world.file("journal.csv");
    export(home, "ruth", &to, &["--format", "csv", "--list", "journal"]).json();
    let import = [
        "--json", "case", "import", "käser", "--list", "journal", "--from", &to,
    ];
    for run in [
        home.run(&import),
        home.run(&support::with(&import, &["--yes"])),
    ] {
        let error = refused(&run, 6, "another_case");
        assert!(error.to_string().contains("Anna Berger"), "{error}");
    }
    let entries = || home.run(&["--json", "journal", "käser"]).json()["content"]["entries"].clone();
    assert_eq!(entries(), json!([]), "nothing was added");
    home.run(&support::with(&import, &["--from-another-case"]))
        .json();
    let added = entries();
    assert!(!added.as_array().unwrap().is_empty());
    assert_eq!(
        added[0]["origin"]["taken_over"]["written_by"],
        "Anna Berger"
    );
    // Rows that somebody typed bring nothing along.
    let typed = world.file("typed.csv");
    fs::write(
        &typed,
        "kind;text;at\nnote;Getippt;01.10.2026 09:00\ncall;Ohne Zeit;02.10.2026\n",
    )
    .unwrap();
    home.run(&[
        "case", "import", "käser", "--list", "journal", "--from", &typed,
    ])
    .ok();
    let times: Vec<String> = entries()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["at"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        times.contains(&"2026-10-01T07:00:00Z".to_owned()),
        "{times:?}"
    );
    let error = refused(
        &{
            fs::write(&typed, "kind;text;at\nnote;x;morgen\n").unwrap();
            home.run(&[
                "--json", "case", "import", "käser", "--list", "journal", "--from", &typed,
            ])
        },
        2,
        "format",
    );
    assert!(
        error["details"].to_string().contains("line 2, at"),
        "{error}"
    );
    let local = world.file("local.csv");
    export(
        home,
        "käser",
        &local,
        &["--format", "csv", "--list", "journal"],
    )
    .json();
    let text = fs::read_to_string(&local).unwrap();
    assert!(text.contains("2026-10-01T09:00:00+02:00"), "{text}");
}

#[test]
fn who_was_given_one_section_exports_that_one_and_is_told_nothing_of_the_others() {
    let world = World::new();
    let number = world.open_case();
    for section in ["core", "journal"] {
        grant(&world, &number, section, "read").ok();
    }
    sync_all(&world);
    let to = world.file("iseli.json");
    let told = export(&world.iseli, &number, &to, &[]).json();
    assert_eq!(told["sections"], json!(["core", "journal"]));
    let file = read(Path::new(&to));
    assert!(file.get("journal").is_some() && file.get("person").is_some());
    for section in ["plan", "tasks", "function"] {
        assert!(file.get(section).is_none(), "{section}");
    }
    let error = export(
        &world.iseli,
        &number,
        &world.file("t.csv"),
        &["--format", "csv", "--list", "tasks"],
    );
    assert_ne!(error.exit, 0, "{}", error.stdout);
    assert!(!Path::new(&world.file("t.csv")).exists());
    let control = export(&world.berger, &number, &world.file("b.json"), &[]).json();
    assert_eq!(control["sections"].as_array().unwrap().len(), 6, "control");
}

#[test]
fn a_list_goes_out_as_a_table_and_rows_of_a_table_come_in_whole_or_not_at_all() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let table = world.file("tasks.csv");
    fs::write(
        &table,
        "title;due;checklist\n=SUM(A1);31.01.2027;\"[x] eins\nzwei\"\nZweite;;\n",
    )
    .unwrap();
    let add = [
        "case",
        "import",
        "ruth",
        "--list",
        "tasks",
        "--from",
        table.as_str(),
    ];
    let json_add = [&["--json"][..], &add].concat();
    let before = home.run(&["--json", "task", "ruth"]).json();
    let dry = home.run(&support::with(&json_add, &["--dry-run"])).json();
    assert_eq!((&dry["done"], &dry["rows"]), (&json!("dry_run"), &json!(2)));
    assert_eq!(
        home.run(&["--json", "task", "ruth"]).json(),
        before,
        "nothing was kept"
    );
    home.run(&json_add).json();
    let to = world.file("out.csv");
    export(home, "ruth", &to, &["--format", "csv", "--list", "tasks"]).json();
    let text = fs::read_to_string(&to).unwrap();
    assert!(text.starts_with("\"id\",\"title\","), "{text}");
    // Lines of a checklist have no order of their own.
    for cell in ["\"'=SUM(A1)\"", "[x] eins", "[ ] zwei"] {
        assert!(text.contains(cell), "{cell} in {text}");
    }
    // The same rows once more: they have identifiers now, and nothing is written over.
    let again = home.run(&[
        "--json", "case", "import", "ruth", "--list", "tasks", "--from", &to,
    ]);
    let error = refused(&again, 2, "exists");
    assert!(error["details"].to_string().contains("line 2"), "{error}");
    // Without them they are new ones.
    let whole = world.file("whole.csv");
    export(home, "ruth", &whole, &["--format", "csv"]).json();
    let text = fs::read_to_string(&whole).unwrap();
    assert!(text.starts_with(
        "\"section\",\"list\",\"entry\",\"field\",\"value\",\"written_by\",\"written_at\"\r\n"
    ));
    for stands in [
        "\"person.official_name\"",
        "\"journal\"",
        "\"checklist\"",
        "\"goals.steps\"",
    ] {
        assert!(text.contains(stands), "{stands}");
    }
}

#[test]
fn a_table_with_errors_changes_nothing_and_names_line_and_column() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let cases = || {
        home.run(&["--json", "case"]).json()["cases"]
            .as_array()
            .unwrap()
            .len()
    };
    let table = world.file("people.csv");
    let import = ["--json", "case", "import", "--from", table.as_str()];
    for (content, code, named) in [
        (
            &b"official_name,birth\nMeier,1982\nHuber,1982-02-30\n"[..],
            "no_such_day",
            "line 3, birth",
        ),
        (&b"official_name\nM\xfcller\n"[..], "encoding", "line 2"),
        (&b"\xff\xfeo\0f\0"[..], "encoding", "line 1"),
        (&b"official_name\n\"Meier\n"[..], "quotation", "line 2"),
        (&b"name\nMeier\n"[..], "unknown_column", "line 1, name"),
        (&b""[..], "empty", "line 1"),
    ] {
        fs::write(&table, content).unwrap();
        let error = refused(&home.run(&import), 2, code);
        assert!(error["details"].to_string().contains(named), "{error}");
        assert_eq!(cases(), 1);
    }
    fs::write(&table, "official_name\n").unwrap();
    refused(&home.run(&import), 2, "empty");
    // Of whom there is a case already, or a row further up.
    fs::write(
        &table,
        "official_name,first_name,birth\nMosimann,Ruth,17.05.1982\nMeier,,\nMeier,,\n",
    )
    .unwrap();
    let error = refused(&home.run(&import), 6, "case_exists");
    let details = error["details"].to_string();
    assert!(
        details.contains("line 2") && details.contains("line 4"),
        "{error}"
    );
    let yes = support::with(&import, &["--yes"]);
    refused(&home.run(&yes), 6, "case_exists");
    assert_eq!(cases(), 1, "nor by the word that a script always says");
    fs::write(
        &table,
        "official_name,first_name,birth\nHadžić,Lejla,1990\nMeier,,\n",
    )
    .unwrap();
    let opened = home.run(&import).json();
    assert_eq!(opened["case_numbers"].as_array().unwrap().len(), 2);
    assert_eq!(cases(), 3);
    refused(&home.run(&import), 6, "case_exists");
    home.run(&support::with(&import, &["--second-cases", "--dry-run"]))
        .ok();
    assert_eq!(cases(), 3);
    // Accents do not matter for finding them again.
    for filter in ["--filter", "--search"] {
        let found = home
            .run(&["--json", "case", "list", filter, "hadzic"])
            .json();
        assert_eq!(found["cases"].as_array().unwrap().len(), 1);
    }
    let none = home
        .run(&["--json", "case", "list", "--filter", "hadzicz"])
        .json();
    assert_eq!(none["cases"], json!([]));
}

#[test]
fn invented_cases_are_written_once_and_open_like_others() {
    let world = World::new();
    let home = &world.berger;
    let to = world.file("samples");
    let generate = [
        "--json",
        "sample",
        "generate",
        "--cases",
        "2",
        "--seed",
        "1",
        "--to",
        &to,
        "--history",
    ];
    let told = home.run(&generate).json();
    assert_eq!(told["cases"], 2);
    let mut names: Vec<String> = fs::read_dir(&to)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "case-000001.history.json",
            "case-000001.json",
            "case-000002.history.json",
            "case-000002.json"
        ]
    );
    refused(&home.run(&generate), 1, "file");
    let opened = home
        .run(&[
            "--json",
            "case",
            "open",
            "--from",
            &format!("{to}/case-000001.json"),
        ])
        .json();
    assert_eq!(opened["sections"].as_array().unwrap().len(), 11);
}

#[test]
fn a_list_of_ones_own_takes_the_place_of_the_one_that_comes_with_the_program() {
    let world = World::new();
    let home = &world.berger;
    let shown = |more: &[&str]| {
        let told = home.run(&[&["--json", "list", "show", "communes"][..], more].concat());
        let codes = told.json()["entries"].as_array().unwrap().clone();
        codes
            .iter()
            .map(|entry| entry["code"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(shown(&["--on", "2020-12-31"]).contains(&"6412".to_owned()));
    assert!(!shown(&["--on", "01.01.2021"]).contains(&"6412".to_owned()));
    let own = world.file("own.json");
    let wrong = r#"{"schema_version": 1, "list": "communes", "entries": [
        {"code": "351", "de": "Bern", "fr": "Berne", "canton": "BR"}]}"#;
    fs::write(&own, wrong).unwrap();
    let error = refused(
        &home.run(&["--json", "list", "check", &own]),
        2,
        "unknown_code",
    );
    assert!(
        error["details"]
            .to_string()
            .contains("line 2, $.entries[0].canton"),
        "{error}"
    );
    fs::write(&own, wrong.replace("BR", "BE")).unwrap();
    let place = home.run(&["--json", "list", "check", &own]).json()["place"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::create_dir(Path::new(&place).parent().unwrap()).unwrap();
    fs::copy(&own, &place).unwrap();
    assert_eq!(shown(&[]), ["351"]);
    fs::write(&place, "{").unwrap();
    refused(
        &home.run(&["--json", "list", "show", "communes"]),
        2,
        "syntax",
    );
    refused(
        &home.run(&["--json", "list", "show", "rivers"]),
        2,
        "unknown_code",
    );
    fs::remove_file(&place).unwrap();
    // What is shown can be edited and put in its place, as it is.
    for name in ["communes", "permits", "institution_kinds"] {
        let shown = home.run(&["--json", "list", "show", name]).ok().stdout;
        let file = world.file(&format!("{name}-shown.json"));
        fs::write(&file, &shown).unwrap();
        home.run(&["list", "check", &file]).ok();
    }
    // One that is broken is not passed over in silence.
    home.run(&["doctor"]).ok();
    fs::write(home.path.join("lists/permits.json"), "{").unwrap();
    let run = home.run(&["--json", "doctor"]);
    assert!(
        run.stdout.contains("list of names") && run.stdout.contains("permits.json"),
        "{}",
        run.stdout
    );
    assert_ne!(run.exit, 0);
}
