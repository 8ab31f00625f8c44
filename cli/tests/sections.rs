//! The sections that a table describes, through the real program: opened, filled, changed, shown; and
//! what it says to values and files that do not fit.

mod support;

use serde_json::{Value, json};
use support::{Home, World, grant, refused, sync_all};

fn typed(home: &Home, words: &[&str], text: &str) -> support::Run {
    home.type_in(&[words, &["--from", "-"]].concat(), text)
}

fn content(home: &Home, section: &str) -> Value {
    home.run(&["--json", "section", "show", "ruth", section])
        .json()["content"]
        .clone()
}

#[test]
fn a_section_is_opened_set_filled_changed_and_shown_and_another_institution_reads_it() {
    let world = World::new();
    let number = world.open_case();
    let home = &world.berger;
    let set = ["--json", "section", "set", "ruth", "labour", "occupation"];
    let error = typed(home, &set, "Pflegehelferin");
    refused(&error, 1, "section_not_opened");
    let next = error.error()["next"].as_str().unwrap().to_owned();
    assert!(
        next.contains("section open") && next.contains("labour"),
        "{next}"
    );

    home.run(&["section", "open", "ruth", "labour"]).ok();
    typed(home, &set, "Pflegehelferin").ok();
    let workload = ["section", "set", "ruth", "labour", "availability"];
    typed(home, &workload, "60 %").ok();
    let entry = r#"{"employer": "Spitex Region Emmental", "from": "2019", "workload": 80}"#;
    typed(
        home,
        &["section", "add", "ruth", "labour", "employments"],
        entry,
    )
    .ok();
    let labour = content(home, "labour");
    assert_eq!(labour["fields"]["availability"], "60");
    let id = labour["lists"]["employments"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    typed(
        home,
        &["section", "change", "ruth", "labour", "1", "to"],
        "03.2024",
    )
    .ok();
    typed(
        home,
        &["section", "change", "ruth", "labour", &id[..5], "work"],
        "Pflege",
    )
    .ok();

    let file = json!({
        "job_search_duty": "suspended",
        "framework_from": "01.03.2026",
        "framework_to": "2028-02-29",
        "availability": null,
        "employments": [
            { "id": id, "reason_ended": "Erschöpfung" },
            { "employer": "Pflegeheim Lindenhof", "from": "2012-08", "to": "2018-12" },
        ],
    });
    let filled = typed(
        home,
        &["--json", "section", "fill", "ruth", "labour"],
        &file.to_string(),
    );
    assert_eq!(filled.json()["added"].as_array().unwrap().len(), 1);
    let labour = content(home, "labour");
    assert_eq!(labour["fields"]["framework_to"], "2028-02-29");
    assert!(labour["fields"]["availability"].is_null());
    let employments = labour["lists"]["employments"].as_array().unwrap();
    assert_eq!(employments.len(), 2);
    let spitex = employments
        .iter()
        .find(|entry| entry["id"] == id.as_str())
        .unwrap();
    for (field, value) in [
        ("to", "2024-03"),
        ("work", "Pflege"),
        ("reason_ended", "Erschöpfung"),
    ] {
        assert_eq!(spitex["fields"][field], value, "{field}");
    }
    let page = home.run(&["section", "show", "ruth", "labour"]).ok().stdout;
    for shown in [
        "Pflegehelferin",
        "01.03.2026",
        "80 %",
        "why it ended",
        "Anna Berger",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }

    home.run(&["section", "delete", "ruth", "labour", &id[..6], "--yes"])
        .ok();
    let gone = [
        "--json",
        "section",
        "change",
        "ruth",
        "labour",
        &id[..6],
        "work",
    ];
    refused(&typed(home, &gone, "Pflege HF"), 6, "deleted");
    home.run(&["section", "restore", "ruth", "labour", &id[..6]])
        .ok();
    typed(home, &gone, "Pflege HF").ok();
    home.run(&["section", "set", "ruth", "labour", "occupation", "--empty"])
        .ok();
    assert!(content(home, "labour")["fields"]["occupation"].is_null());

    // The IV reads it once it is shared, and does not write.
    grant(&world, &number, "core,labour", "read").ok();
    sync_all(&world);
    let read = content(&world.iseli, "labour");
    assert_eq!(read, content(home, "labour"));
    refused(&typed(&world.iseli, &set, "Koch"), 5, "no_right");
    let history = home
        .run(&["--json", "section", "history", "ruth", "labour"])
        .json();
    assert!(
        history.to_string().contains("availability in per cent"),
        "{history}"
    );
}

#[test]
fn minutes_are_reworded_records_stay_and_a_section_is_named_by_its_beginning() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    home.run(&["section", "open", "ruth", "meeting"]).ok();
    let file = r#"{"at": "2026-10-20T12:00:00Z", "place": "Langnau", "length": 90,
        "invitees": [{"who": "Herr Iseli", "of": "IV-Stelle", "attendance": "invited"}],
        "agenda": [{"point": "Arbeitsversuch"}]}"#;
    typed(home, &["section", "fill", "ruth", "meeting"], file).ok();
    // Each list of a round table counts for itself: a bare number could be of any.
    let bare = ["section", "change", "ruth", "meeting", "1", "minutes"];
    let bare = [&["--json"], &bare[..], &["--from", "-"]].concat();
    refused(&home.type_in(&bare, "Beginn."), 1, "not_found");
    let reword = [
        "section", "change", "ruth", "meeting", "agenda.1", "minutes",
    ];
    typed(home, &reword, "Beginn am 11. Januar.").ok();
    typed(home, &reword, "Beginn am 11. Januar mit 40 %.").ok();
    let decision = r#"{"decision": "IV zahlt.", "due": "31.10.2026", "responsible": "client"}"#;
    typed(
        home,
        &["section", "add", "ruth", "meeting", "decisions"],
        decision,
    )
    .ok();
    let meeting = content(home, "meeting");
    assert_eq!(
        meeting["lists"]["agenda"][0]["fields"]["minutes"],
        "Beginn am 11. Januar mit 40 %."
    );
    let page = home
        .run(&["section", "show", "ruth", "meeting"])
        .ok()
        .stdout;
    assert!(
        page.contains("20.10.2026 14:00") && page.contains("31.10.2026"),
        "{page}"
    );

    home.run(&["section", "open", "ruth", "measure/kurs-1"])
        .ok();
    let day = r#"{"date": "2026-10-05", "presence": "absent"}"#;
    typed(
        home,
        &["section", "add", "ruth", "measure", "attendance"],
        day,
    )
    .ok();
    let json = [
        "--json", "section", "change", "ruth", "measure", "1", "presence",
    ];
    refused(&typed(home, &json, "sick"), 2, "never_changed");
    let delete = home.run(&[
        "--json", "section", "delete", "ruth", "measure", "1", "--yes",
    ]);
    refused(&delete, 2, "never_changed");
    let id = content(home, "measure")["lists"]["attendance"][0]["id"].clone();
    let correction = json!({ "attendance": [
        { "date": "2026-10-05", "presence": "sick", "correction_of": id },
    ] });
    typed(
        home,
        &["section", "fill", "ruth", "measure"],
        &correction.to_string(),
    )
    .ok();
    assert_eq!(
        content(home, "measure")["lists"]["attendance"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // A second one: now the beginning alone says too little.
    home.run(&["section", "open", "ruth", "measure"]).ok();
    let both = home.run(&["--json", "section", "show", "ruth", "measure"]);
    assert_eq!(both.error()["code"], "ambiguous");

    home.run(&["section", "open", "ruth", "internal"]).ok();
    let note = r#"{"kind": "note", "text": "Nur für das RAV."}"#;
    typed(home, &["section", "add", "ruth", "internal", "notes"], note).ok();
    let page = home
        .run(&["section", "show", "ruth", "internal"])
        .ok()
        .stdout;
    assert!(page.contains("Nur für das RAV."), "{page}");
}

#[test]
fn what_does_not_fit_is_refused_with_place_reason_and_remedy_and_nothing_is_stored() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    home.run(&["section", "open", "ruth", "finance"]).ok();
    let before = content(home, "finance");
    let undelivered = home.run(&["--json", "status"]).json()["undelivered_edits"].clone();
    let fill = ["--json", "section", "fill", "ruth", "finance"];
    let file = r#"{"note": "gut", "allowances": [
        {"kind": "wage", "payer": "Spitex", "from": "2026-03-01", "to": "2026-02-28"},
        {"kind": "gift", "payer": "x", "amount": "12.345"},
        {"payer": "x", "salary": 1},
        {"id": "aebagbafaydqq", "payer": null}]}"#;
    let error = typed(home, &fill, file);
    refused(&error, 2, "order");
    let details: Vec<String> = serde_json::from_value(error.error()["details"].clone()).unwrap();
    for (place, words) in [
        ("$.allowances[0].to", "the last day is before the first"),
        ("$.allowances[1].kind", "write one of unemployment"),
        ("$.allowances[1].amount", "francs"),
        ("$.allowances[2].kind", "this field is missing"),
        ("$.allowances[2].salary", "no such field"),
        ("$.allowances[3].payer", "must have it"),
    ] {
        let detail = details
            .iter()
            .find(|detail| detail.contains(&format!(", {place}:")));
        let detail = detail.unwrap_or_else(|| panic!("{place} in {details:?}"));
        assert!(detail.contains(words) && detail.contains(';'), "{detail}");
    }
    assert_eq!(details.len(), 6, "{details:?}");
    // An entry that does not exist: the field before it is not stored either.
    let file = r#"{"note": "gut", "allowances": [{"id": "aebagbafaydqq", "payer": "IV"}]}"#;
    refused(&typed(home, &fill, file), 1, "missing");
    refused(&typed(home, &fill, "{\n \"note\": }"), 2, "syntax");
    let set = ["--json", "section", "set", "ruth", "finance"];
    refused(
        &typed(home, &[&set[..], &["salary"]].concat(), "1"),
        2,
        "unknown_field",
    );
    let add = ["--json", "section", "add", "ruth", "finance"];
    refused(
        &typed(home, &[&add[..], &["gifts"]].concat(), "{}"),
        2,
        "unknown_list",
    );
    let known = r#"{"id": "aebagbafaydqq", "kind": "wage", "payer": "x"}"#;
    refused(
        &typed(home, &[&add[..], &["allowances"]].concat(), known),
        2,
        "not_new",
    );
    let core = ["--json", "section", "set", "ruth", "core", "phone"];
    refused(&typed(home, &core, "034"), 2, "no_table");
    let on_the_line = home.run(&[&set[..], &["note", "geheim"]].concat());
    refused(&on_the_line, 2, "value_on_command_line");
    assert_eq!(content(home, "finance"), before);
    assert_eq!(
        home.run(&["--json", "status"]).json()["undelivered_edits"],
        undelivered
    );
    // The control.
    typed(home, &fill, r#"{"note": "gut"}"#).ok();
    assert_eq!(content(home, "finance")["fields"]["note"], "gut");
}

#[test]
fn the_program_says_what_every_section_holds_in_three_languages() {
    let home = Home::new(tempfile::tempdir().unwrap().path(), "nobody");
    for (section, word) in [
        ("labour", "délai-cadre du"),
        ("education", "Abschluss"),
        ("medical", "diagnostic"),
        ("social", "Betreuungspflichten"),
        ("finance", "payer"),
        ("migration", "right to work"),
        ("protection", "Kontaktverbote"),
        ("measure", "présence"),
        ("internal", "Notizen"),
        ("meeting", "procès-verbal"),
        ("access", "communications"),
        ("employer", "Anpassung"),
    ] {
        let told = home.run(&["section", "fields", section]).ok().stdout;
        assert!(told.contains(word), "{word} in {told}");
        let data = home.run(&["--json", "section", "fields", section]).json();
        assert_eq!(data["section"], section);
    }
    refused(
        &home.run(&["--json", "section", "fields", "plan"]),
        2,
        "no_table",
    );
    refused(
        &home.run(&["--json", "section", "fields", "soul"]),
        2,
        "unknown_section",
    );
}
