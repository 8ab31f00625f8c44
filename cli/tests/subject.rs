//! What the person whom a case is about may ask for, through the real program: who read what, and a page with
//! everything that this device can read.

#[path = "subject/for_people.rs"]
mod for_people;
mod support;

use std::path::Path;

use serde_json::Value;
use support::{World, grant, refused, sync_all};

/// Berger writes a diagnosis that is shared with nobody; Iseli reads core data and journal, and records that.
fn scene() -> (World, String) {
    let world = World::new();
    let number = world.open_case();
    let berger = &world.berger;
    berger.run(&["section", "open", "ruth", "medical"]).ok();
    let add = [
        "section",
        "add",
        "ruth",
        "medical",
        "diagnoses",
        "--from",
        "-",
    ];
    berger
        .type_in(&add, r#"{"diagnosis": "Rhizarthrose beidseits"}"#)
        .ok();
    let journal = ["journal", "add", "ruth", "--kind", "call", "--from", "-"];
    berger
        .type_in(&journal, "Termin <script>alert('x')</script> vereinbart")
        .ok();
    berger.run(&["sync"]).ok();
    grant(&world, "ruth", "core,journal,access", "write").ok();
    sync_all(&world);
    world
        .iseli
        .run(&["--occasion", "Standortgespräch", "journal", "ruth"])
        .ok();
    sync_all(&world);
    (world, number)
}

fn exported(directory: &Path, number: &str) -> (String, Value) {
    let read = |name: String| std::fs::read_to_string(directory.join(name)).unwrap();
    let data = serde_json::from_str(&read(format!("{number}.json"))).unwrap();
    (read(format!("{number}.html")), data)
}

#[test]
fn the_access_log_names_who_read_and_who_was_given_what_as_text_json_and_csv() {
    let (world, _) = scene();
    let log = ["--json", "case", "access-log", "ruth"];
    let log = world.berger.run(&log).json();
    assert_eq!(log["state"], "recorded");
    let reads = log["reads"].as_array().unwrap();
    let read = reads.iter().find(|read| read["person"] == "Urs Iseli");
    let read = read.unwrap_or_else(|| panic!("{reads:?}"));
    assert_eq!(read["institution"], "IV-Stelle");
    assert_eq!(read["function"], "officer");
    assert_eq!(read["sections"], serde_json::json!(["journal"]));
    assert_eq!(read["purpose"], "Standortgespräch");
    assert_eq!(read["late"], false);
    let given = log["disclosures"].as_array().unwrap();
    assert!(
        given.iter().any(|one| one["to"] == "Eingliederung"
            && one["basis"] == "AVG35a1"
            && one["sections"] == serde_json::json!(["core", "journal", "access"])),
        "{given:?}"
    );
    let text = world
        .berger
        .run(&["case", "access-log", "ruth"])
        .ok()
        .stdout;
    for part in [
        "Urs Iseli (officer, IV-Stelle)",
        "Standortgespräch",
        "AVG35a1",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let file = world.directory.path().join("log.csv");
    let csv = ["case", "access-log", "ruth", "--format", "csv", "--to"];
    let csv = [&csv[..], &[file.to_str().unwrap()]].concat();
    world.berger.run(&csv).ok();
    let rows = std::fs::read_to_string(&file).unwrap();
    assert!(rows.starts_with("\"kind\",\"who\""), "{rows}");
    assert!(rows.contains("\"read\",\"Urs Iseli\""), "{rows}");
    refused(
        &world.berger.run(&[&["--json"][..], &csv[..]].concat()),
        1,
        "file",
    );
}

#[test]
fn a_person_receives_all_that_this_device_can_read_and_nothing_else_in_their_language() {
    let (world, number) = scene();
    let directory = world.directory.path().join("hin/fuer-ruth");
    let to = directory.to_str().unwrap();
    let german = ["subject", "export", "ruth", "--language", "de", "--to", to];
    world.berger.run(&german).ok();
    let (page, data) = exported(&directory, &number);
    for part in [
        "<html lang=\"de-CH\">",
        "Auskunft über Ihre Daten",
        "Rhizarthrose beidseits",
        "Termin &lt;script&gt;",
        "Urs Iseli (IV-Stelle)",
        "Standortgespräch",
        "AVG35a1",
        "Interne Notizen der anderen Stellen",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("<script>"), "text is text");
    assert_eq!(data["schema_version"], 1);
    assert_eq!(data["case_number"], number.as_str());
    assert!(data["sections"]["medical"].is_object());
    assert!(!data["reads"].as_array().unwrap().is_empty());

    // Iseli may not read the diagnosis: no trace of it.
    let of_iseli = world.directory.path().join("pour-ruth");
    let to = of_iseli.to_str().unwrap();
    let french = ["subject", "export", "ruth", "--language", "fr", "--to", to];
    world.iseli.run(&french).ok();
    let (page, data) = exported(&of_iseli, &number);
    assert!(
        page.contains("<html lang=\"fr-CH\">") && page.contains("Renseignements sur vos données")
    );
    assert!(
        page.contains("Termin &lt;script&gt;"),
        "what he may read is in it"
    );
    for text in [page, data.to_string()] {
        assert!(!text.contains("Rhizarthrose"), "{text}");
        assert!(
            text.contains("jamais été partagées"),
            "what is missing is said"
        );
    }
    assert!(data["sections"]["medical"].is_null());

    // That it was made is recorded, and reaches the lead.
    sync_all(&world);
    let log = world
        .berger
        .run(&["--json", "case", "access-log", "ruth"])
        .json();
    let made: Vec<&str> = log["disclosures"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["source"] == "entry" && one["form"] == "exported")
        .map(|one| one["by"].as_str().unwrap())
        .collect();
    assert_eq!(made.len(), 2, "{log}");
    assert!(made.contains(&"Urs Iseli"));
}

#[test]
fn the_files_are_private_and_nothing_that_exists_is_overwritten() {
    let world = World::new();
    let number = world.open_case();
    let directory = world.directory.path().join("auskunft");
    let to = directory.to_str().unwrap();
    let export = [
        "--json",
        "subject",
        "export",
        "ruth",
        "--language",
        "de",
        "--to",
        to,
    ];
    let run = world.berger.run(&export).ok();
    assert_eq!(run.json()["recorded"], true);
    let (before, _) = exported(&directory, &number);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        for name in ["html", "json"] {
            assert_eq!(mode(&directory.join(format!("{number}.{name}"))), 0o600);
        }
    }
    std::fs::remove_file(directory.join(format!("{number}.json"))).unwrap();
    let again = world.berger.run(&export);
    refused(&again, 1, "file");
    assert_eq!(
        std::fs::read_to_string(directory.join(format!("{number}.html"))).unwrap(),
        before
    );
    assert!(
        !directory.join(format!("{number}.json")).exists(),
        "both or none"
    );
    for language in ["en", "deu", ""] {
        let wrong = [
            "subject",
            "export",
            "ruth",
            "--language",
            language,
            "--to",
            to,
        ];
        assert_eq!(world.berger.run(&wrong).exit, 2, "{language}");
    }
}

#[test]
fn what_the_person_disputes_is_marked_where_it_is_shown_until_it_is_settled() {
    let world = World::new();
    let number = world.open_case();
    let journal = ["journal", "add", "ruth", "--kind", "call", "--from", "-"];
    world
        .berger
        .type_in(&journal, "hat den Termin verpasst")
        .ok();
    world.berger.run(&["sync"]).ok();
    grant(&world, "ruth", "core,journal", "write").ok();
    sync_all(&world);
    let entries = world.iseli.run(&["--json", "journal", "ruth"]).json();
    let entry = entries["content"]["entries"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let add = ["--json", "subject", "dispute", "add", "ruth"];
    let of_name = [&add[..], &["core", "official_name", "--from", "-"]].concat();
    world.iseli.type_in(&of_name, "Ich heisse anders.").ok();
    let of_entry = [
        &add[..],
        &[
            "journal",
            &entry[..5],
            "--said",
            "12.03.2026",
            "--from",
            "-",
        ],
    ]
    .concat();
    world.iseli.type_in(&of_entry, "Ich war da.").ok();

    let wrong = [&add[..], &["core", "death", "--from", "-"]].concat();
    refused(&world.iseli.type_in(&wrong, "x"), 2, "no_such_place");
    let future = [
        &add[..],
        &[
            "core",
            "official_name",
            "--said",
            "31.12.2199",
            "--from",
            "-",
        ],
    ]
    .concat();
    refused(&world.iseli.type_in(&future, "x"), 2, "future");
    assert_ne!(
        world.iseli.type_in(&of_name, "").exit,
        0,
        "nothing was said"
    );
    let list = ["--json", "subject", "dispute", "list", "ruth"];
    let marks = world.iseli.run(&list).json();
    assert_eq!(
        marks["disputes"]["core"].as_array().unwrap().len(),
        1,
        "{marks}"
    );

    sync_all(&world);
    let shown = world
        .berger
        .run(&["section", "show", "ruth", "core"])
        .ok()
        .stdout;
    for part in ["contested", "Ich heisse anders.", "Urs Iseli"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let shown = world.berger.run(&["journal", "ruth"]).ok().stdout;
    assert!(
        shown.contains("(contested)") && shown.contains("12.03.2026"),
        "{shown}"
    );
    // Wherever the value goes.
    let seen = |words: &[&str]| world.berger.run(words).ok().stdout;
    let task = ["task", "ruth"];
    let id = world.berger.run(&[&["--json"], &task[..]].concat()).json();
    let id = id["content"]["tasks"][0]["id"].as_str().unwrap().to_owned();
    let of_task = [
        "subject", "dispute", "add", "ruth", "tasks", &id, "--from", "-",
    ];
    world
        .berger
        .type_in(&of_task, "Das war nie abgemacht.")
        .ok();
    let show = seen(&["case", "show", "ruth"]);
    let name = show
        .lines()
        .find(|line| line.contains("official name"))
        .unwrap();
    assert!(name.contains("(contested)"), "{show}");
    assert!(
        !show
            .lines()
            .any(|line| line.contains("first name") && line.contains("(contested)")),
        "{show}"
    );
    for words in [
        &["task", "list"][..],
        &["task", "ruth"],
        &["search", "Erstgespräch"],
    ] {
        assert!(seen(words).contains("(contested)"), "{words:?}");
    }
    assert!(
        !seen(&["search", "verpasst"]).contains("(contested)"),
        "control"
    );
    assert!(seen(&["task", "show", "ruth", &id]).contains("Das war nie abgemacht."));
    assert!(seen(&["journal", "show", "ruth", &entry]).contains("Ich war da."));
    for (list, said) in [
        (&["--list", "journal"][..], &["Ich war da."][..]),
        (&["--list", "tasks"], &["Das war nie abgemacht."]),
        (
            &[],
            &[
                "Ich war da.",
                "Das war nie abgemacht.",
                "Ich heisse anders.",
                "person/official_name",
            ],
        ),
    ] {
        let to = world.file(&format!(
            "{}.csv",
            list.len() + said.len() * 7 + list.concat().len()
        ));
        let export = ["case", "export", "ruth", "--format", "csv", "--to", &to];
        world.berger.run(&[&export[..], list].concat()).ok();
        let table = std::fs::read_to_string(&to).unwrap();
        for said in said {
            assert!(table.contains(said), "{said} in {table}");
        }
    }
    let directory = world.directory.path().join("auskunft");
    let to = directory.to_str().unwrap();
    let export = ["subject", "export", "ruth", "--language", "de", "--to", to];
    world.berger.run(&export).ok();
    let (page, data) = exported(&directory, &number);
    assert!(
        page.contains("bestritten") && page.contains("Ich heisse anders."),
        "{page}"
    );
    assert_eq!(
        data["sections"]["core"]["disputes"][0]["settled"],
        serde_json::json!([])
    );

    let mark = marks["disputes"]["journal"][0]["id"].as_str().unwrap();
    let settle = [
        "subject", "dispute", "settle", "ruth", "journal", mark, "--from", "-",
    ];
    world
        .berger
        .type_in(&settle, "Der Eintrag wurde berichtigt.")
        .ok();
    // Twice: both stand, and that is said; never before it was contested.
    let again = world.berger.type_in(&settle, "Sie ist einverstanden.").ok();
    assert!(again.stderr.contains("settled already"), "{}", again.stderr);
    let early = [&settle[..6], &["--said", "11.03.2026", "--from", "-"]].concat();
    let early = [&["--json"], &early[..]].concat();
    refused(&world.berger.type_in(&early, "x"), 2, "before_dispute");
    sync_all(&world);
    let shown = world.iseli.run(&["journal", "ruth"]).ok().stdout;
    assert!(!shown.contains("(contested)"), "{shown}");
    assert!(
        shown.contains("Der Eintrag wurde berichtigt."),
        "the mark stays: {shown}"
    );
    let shown = world
        .iseli
        .run(&["--json", "section", "show", "ruth", "core"])
        .json();
    let left = shown["content"]["disputes"].as_array().unwrap();
    assert_eq!(left.len(), 1, "the other one stands");
    assert_eq!(left[0]["settled"], serde_json::json!([]));
}

/// Iseli reads the core data and the plan, and may write neither.
#[test]
fn who_only_reads_a_section_neither_marks_there_nor_settles() {
    let world = World::new();
    world.open_case();
    let goal = ["plan", "goal", "add", "ruth", "--from", "-"];
    world
        .berger
        .type_in(&goal, "Ich arbeite im Sommer wieder.")
        .ok();
    world.berger.run(&["sync"]).ok();
    grant(&world, "ruth", "core,plan", "read").ok();
    sync_all(&world);
    let add = [
        "--json",
        "subject",
        "dispute",
        "add",
        "ruth",
        "core",
        "official_name",
        "--from",
        "-",
    ];
    // Also before anything is typed.
    for typed in ["Ich heisse anders.", ""] {
        refused(&world.iseli.type_in(&add, typed), 5, "no_right");
    }
    world.berger.type_in(&add, "Ich heisse anders.").ok();
    sync_all(&world);
    let list = ["--json", "subject", "dispute", "list", "ruth"];
    let seen = world.iseli.run(&list).json();
    assert_eq!(seen["disputes"]["core"][0]["text"], "Ich heisse anders.");
    let mark = seen["disputes"]["core"][0]["id"].as_str().unwrap();
    let settle = [
        "--json", "subject", "dispute", "settle", "ruth", "core", mark, "--from", "-",
    ];
    for typed in ["stimmt doch", ""] {
        refused(&world.iseli.type_in(&settle, typed), 5, "no_right");
    }
    let seen = world.berger.run(&list).json();
    assert_eq!(
        seen["disputes"]["core"][0]["settled"],
        serde_json::json!([])
    );

    // The paper that the client takes along says it, too.
    let goal = world.berger.run(&["--json", "plan", "show", "ruth"]).json();
    let goal = goal["content"]["goals"][0]["id"].as_str().unwrap();
    let add = [
        "--json", "subject", "dispute", "add", "ruth", "plan", goal, "--from", "-",
    ];
    world
        .berger
        .type_in(&add, "Das <b>wollte</b> ich nie.")
        .ok();
    world.berger.run(&["plan", "propose", "ruth", "--yes"]).ok();
    let paper = world.directory.path().join("plan.html");
    let print = [
        "plan",
        "print",
        "ruth",
        "--language",
        "de",
        "--to",
        paper.to_str().unwrap(),
    ];
    world.berger.run(&print).ok();
    let page = std::fs::read_to_string(&paper).unwrap();
    assert!(page.contains("<h2>Bestritten</h2>"), "{page}");
    assert!(
        page.contains("Das &lt;b&gt;wollte&lt;/b&gt; ich nie."),
        "{page}"
    );
}

/// Berger sends one section to a court and takes the plan along to a physician; what stays with him is a reading.
#[test]
fn what_leaves_the_program_is_recorded_with_whom_it_goes_to_and_on_what_basis() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    home.run(&["plan", "propose", "ruth", "--yes"]).ok();
    let file = |name: &str| world.file(name);
    let (own, court, page) = (file("own.json"), file("court.json"), file("plan.html"));
    let export = ["section", "export", "ruth", "journal", "--to"];
    let told = home.run(&[&export[..], &[own.as_str()]].concat()).ok();
    assert!(told.stderr.contains("--for WHO"), "{}", told.stderr);
    let known = || home.run(&["--json", "case", "access-log", "ruth"]).json();
    assert_eq!(known()["disclosures"].as_array().unwrap().len(), 0);

    let half = [&export[..], &["x.json", "--for", "Gericht"]].concat();
    assert_eq!(home.run(&half).exit, 2, "to somebody, on nothing");
    let empty = file("empty.json");
    let empty = [&export[..], &[&empty, "--for", " ", "--basis", "ZGB"]].concat();
    assert_eq!(home.run(&empty).exit, 2);
    assert!(
        !world.directory.path().join("empty.json").exists(),
        "nothing half done"
    );

    let to_court = [
        "--for",
        "Gerichtskreis Emmental",
        "--basis",
        "Editionsverfügung",
    ];
    home.run(&[&export[..], &[court.as_str()], &to_court[..]].concat())
        .ok();
    let print = [
        "plan",
        "print",
        "ruth",
        "--to",
        &page,
        "--for",
        "Dr. Aebi",
        "--basis",
        "Wunsch der Klientin",
    ];
    home.run(&print).ok();
    let log = known();
    let given = log["disclosures"].as_array().unwrap();
    assert_eq!(given.len(), 2, "{given:?}");
    let of = |to: &str| given.iter().find(|one| one["to"] == to).unwrap();
    let court = of("Gerichtskreis Emmental");
    assert_eq!(court["sections"], serde_json::json!(["journal"]));
    assert_eq!(court["basis"], "Editionsverfügung");
    assert_eq!(of("Dr. Aebi")["sections"], serde_json::json!(["plan"]));
    home.run(&["sync"]).ok();
    let log = known();
    let reads = log["reads"].as_array().unwrap();
    let occasions: Vec<&str> = reads
        .iter()
        .filter_map(|read| read["purpose"].as_str())
        .collect();
    for occasion in ["export to a file", "page to print"] {
        assert!(occasions.contains(&occasion), "{reads:?}");
    }
}

/// Iseli read core data and journal until Berger ended it; he never saw the consents, and hands an extract over.
#[test]
fn who_lost_a_case_hands_over_an_old_copy_that_says_so_and_claims_nothing_of_consents_or_access() {
    let (world, number) = scene();
    let end = [
        "share",
        "withdraw",
        "ruth",
        "core",
        "journal",
        "access",
        "--from",
        "Eingliederung",
        "--yes",
    ];
    let page_of = |home: &support::Home, name: &str, language: &str| {
        let directory = world.directory.path().join(name);
        let to = directory.to_str().unwrap();
        home.run(&[
            "subject",
            "export",
            "ruth",
            "--language",
            language,
            "--to",
            to,
        ])
        .ok();
        exported(&directory, &number)
    };
    let (before, _) = page_of(&world.iseli, "vorher", "de");
    assert!(
        !before.contains("Alte Kopie") && !before.contains("nicht der heutige Stand"),
        "control"
    );
    assert!(
        before.contains("Die Einwilligungen sind hier nicht lesbar"),
        "{before}"
    );
    assert!(
        !before.contains("Es ist keine Einwilligung festgehalten"),
        "{before}"
    );
    world.berger.run(&end).ok();
    world.berger.run(&["sync"]).ok();
    // What he read since is not taken any more: a sync of his says so.
    world.iseli.run(&["sync"]);
    let (page, data) = page_of(&world.iseli, "nachher", "de");
    for part in [
        "dies ist nicht der heutige Stand",
        "Alte Kopie: Dieser Bereich wird mit dieser Stelle nicht mehr geteilt",
        "Wer zu Bereichen Zugang hat, die mit dieser Stelle nicht mehr geteilt werden",
        "Die Einwilligungen sind hier nicht lesbar",
        "was galt, als die Freigabe endete",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for untrue in [
        "Es ist keine Einwilligung festgehalten",
        "Es steht da, was heute gilt",
    ] {
        assert!(!page.contains(untrue), "{untrue} in {page}");
    }
    let rights = page.split("Wer heute Zugang hat").nth(1).unwrap();
    let rights = rights.split("Was wem bekannt").next().unwrap();
    assert!(
        !rights.contains("<td>"),
        "ended access is nobody's of today: {rights}"
    );
    assert_eq!(data["old_copies"], serde_json::json!(["core", "journal"]));
    assert_eq!(data["consents_readable"], false);
    let (page, _) = page_of(&world.iseli, "apres", "fr");
    assert!(
        page.contains("ceci n&#39;est pas l&#39;état actuel")
            || page.contains("ceci n'est pas l'état actuel"),
        "{page}"
    );

    // Who leads the case sees everything as it stands today, and that there is no consent.
    let (page, data) = page_of(&world.berger, "berger", "de");
    assert!(!page.contains("Alte Kopie"), "{page}");
    assert!(
        page.contains("Es ist keine Einwilligung festgehalten"),
        "control"
    );
    assert_eq!(data["not_recorded"], serde_json::json!([]));
}

/// The IV was given core data and journal, and no right to write in the section `access`.
#[test]
fn whose_readings_are_recorded_nowhere_is_named_to_the_client_and_to_who_leads() {
    let world = World::new();
    let number = world.open_case();
    world.berger.run(&["sync"]).ok();
    grant(&world, "ruth", "core,journal", "write").ok();
    sync_all(&world);
    world.iseli.run(&["journal", "ruth"]).ok();
    sync_all(&world);
    let log = world.berger.run(&["case", "access-log", "ruth"]).ok();
    assert!(
        log.stderr.contains("Not recorded is what these read") && log.stderr.contains("IV-Stelle"),
        "{}",
        log.stderr
    );
    let directory = world.directory.path().join("auskunft");
    let to = directory.to_str().unwrap();
    world
        .berger
        .run(&["subject", "export", "ruth", "--language", "de", "--to", to])
        .ok();
    let (page, _) = exported(&directory, &number);
    assert!(
        page.contains("wird nicht festgehalten; fragen Sie dort nach: IV-Stelle"),
        "{page}"
    );
    grant(&world, "ruth", "access", "write").ok();
    sync_all(&world);
    let log = world
        .berger
        .run(&["--json", "case", "access-log", "ruth"])
        .json();
    assert_eq!(log["not_recorded"], serde_json::json!([]), "control");
}
