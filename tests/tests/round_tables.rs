//! Round tables and the tasks that come of them, through the real programs: who takes part reads and nobody
//! else, decisions become tasks and steps in one command, and the end of a consent ends the right to the table. And the
//! commands of an enquiry, with which a case may begin.

#[path = "round_tables/keys.rs"]
mod keys;
mod story;

use serde_json::Value;
use story::{CASE_FILE, Device, Homes, Stage, exit};

const CASE: &str = "mosimann";
const IV_TEAM: &str = "IV-Stelle Eingliederung";
const AID_TEAM: &str = "Sozialdienst Team Nord";
const INVITATION: &str = r#"{
  "place": "RAV Langnau", "purpose": "Standortgespräch <Pflege>",
  "invitees": [{ "who": "Ruth Mosimann" }],
  "agenda": [{ "point": "Stand der Dinge", "planned": 20 }, { "point": "Wie weiter" }],
  "documents": [{ "document": "Zeugnis 2024" }]
}"#;

struct Scene {
    stage: Stage,
    berger: Device,
    iseli: Device,
    sommer: Device,
    consent: String,
}

impl Scene {
    /// Berger leads; Iseli works on the case by consent, Sommer by law.
    fn begin() -> Self {
        let stage = Stage::new(Homes::Quick, &[]);
        let berger = stage.found("device-1", &story::BERGER);
        let words = ["IV-Stelle Bern", "iv", IV_TEAM, "Marc Iseli", "officer"];
        let iseli = stage.join(&berger, "device-2", &words);
        let words = ["Sozialdienst", "soz", AID_TEAM, "Eva Sommer", "officer"];
        let sommer = stage.join(&berger, "device-3", &words);
        berger.done(&["case", "open", "--from", CASE_FILE]);
        let mut scene = Self {
            stage,
            berger,
            iseli,
            sommer,
            consent: String::new(),
        };
        scene.sync();
        let (read, write) = (format!("core={IV_TEAM}"), format!("plan,tasks={IV_TEAM}"));
        let given = scene.berger.json(&[
            "consent", "give", CASE, "--read", &read, "--write", &write, "--form", "paper", "--yes",
        ]);
        scene.consent = text(&given["consent"]).to_owned();
        let law = [
            "--to", AID_TEAM, "--role", "write", "--basis", "AVG35a1", "--yes",
        ];
        let words = ["share", "grant", CASE, "--section", "core,plan,tasks"];
        scene.berger.done(&[&words[..], &law].concat());
        scene.sync();
        scene
    }

    fn sync(&self) {
        for device in [
            &self.berger,
            &self.iseli,
            &self.sommer,
            &self.berger,
            &self.iseli,
        ] {
            device.run(&["sync"]);
        }
    }

    fn call(&self) {
        let words = [
            "meeting",
            "call",
            CASE,
            "--at",
            "31.03.2027 14:00",
            "--invite",
            IV_TEAM,
            "--form",
            "verbal",
            "--yes",
        ];
        self.berger.done_with(&words, INVITATION);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn meetings(device: &Device) -> Vec<Value> {
    let listed = device.json(&["meeting", "list", CASE]);
    listed["meetings"].as_array().unwrap().clone()
}

fn content(device: &Device) -> Value {
    device.json(&["meeting", "show", CASE])["content"].clone()
}

fn rights(device: &Device, section: &str) -> Vec<String> {
    let shares = device.json(&["share", "list", CASE])["shares"].clone();
    let rows = shares.as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["section"] == section)
        .expect("the section");
    let grants = row["grants"].as_array().unwrap();
    grants
        .iter()
        .map(|grant| text(&grant["member"]).to_owned())
        .collect()
}

#[test]
fn only_who_takes_part_reads_a_round_table_and_its_decisions_become_tasks_and_steps() {
    let scene = Scene::begin();
    let Scene {
        berger,
        iseli,
        sommer,
        ..
    } = &scene;
    // Nobody is let in without a basis, and what is only looked at keeps nothing.
    let words = [
        "meeting",
        "call",
        CASE,
        "--at",
        "31.03.2027 14:00",
        "--invite",
        AID_TEAM,
        "--yes",
    ];
    let why = berger.refused(&words, exit::USAGE, "basis");
    let said = text(&why["message"]);
    assert!(said.contains("no consent that is in force names"), "{said}");
    // There is one, which is for another team.
    let named = format!("consent {}", &scene.consent[..8]);
    let by_name = [&words[..], &["--basis", &named]].concat();
    let why = berger.refused(&by_name, exit::USAGE, "basis");
    let said = text(&why["message"]);
    let expected = format!("is not in force for {AID_TEAM}");
    assert!(said.contains(&expected), "{said}");
    let words = [
        "meeting",
        "call",
        CASE,
        "--at",
        "31.03.2027 14:00",
        "--invite",
        IV_TEAM,
        "--dry-run",
    ];
    // What a client said is recorded by nobody's default.
    berger.refused(&words, exit::USAGE, "form");
    let words = [&words[..], &["--form", "verbal"]].concat();
    let said = berger.done(&words).stdout;
    assert!(
        said.contains("Marc Iseli") && said.contains(&scene.consent[..8]),
        "{said}"
    );
    let words = ["meeting", "call", CASE, "--at", "morgen", "--yes"];
    berger.refused(&words, exit::USAGE, "format");
    let words = ["meeting", "call", CASE, "--at", "31.03.2027 14:00", "--yes"];
    for wrong in [
        r#"{ "place": ["RAV"] }"#,
        r#"{ "wo": "RAV" }"#,
        r#"{ "agenda": [{ "planned": 20 }] }"#,
        r#"{ "agenda": [{ "point": "x", "planned": 0 }] }"#,
    ] {
        let refused = berger.type_in(&words, wrong);
        assert_eq!(refused.exit, exit::USAGE, "{wrong}: {refused:?}");
    }
    assert!(meetings(berger).is_empty());
    // Only who leads calls one.
    iseli.refused(&words, exit::NO_RIGHT, "no_right");
    assert!(meetings(iseli).is_empty());
    scene.call();
    scene.sync();

    let [meeting] = <[Value; 1]>::try_from(meetings(berger)).unwrap();
    let section = text(&meeting["section"]).to_owned();
    assert_eq!(meeting["invited"], 2);
    assert_eq!(rights(berger, &section), ["RAV Langnau Beratung", IV_TEAM]);
    assert_eq!(meetings(iseli).len(), 1);
    assert!(meetings(sommer).is_empty());
    sommer.refused(&["meeting", "show", CASE], exit::FAILED, "not_found");
    let keys = sommer.json(&["section", "list", CASE])["sections"].to_string();
    assert!(keys.contains("plan") && !keys.contains("meeting"), "{keys}");

    // Two write the minutes of one point at once: each word stays.
    let point = text(&content(berger)["lists"]["agenda"][0]["id"]).to_owned();
    let words = ["meeting", "minutes", CASE, "--point", &point];
    // The first point is number 1, whoever is invited.
    let by_number = ["meeting", "minutes", CASE, "--point", "1"];
    berger.done_with(&by_number, "Die Anmeldung liegt vor.");
    scene.sync();
    // What somebody wrote is not replaced by a text whose author may not have read it.
    let unread = [&words[..], &["--json"]].concat();
    let refused = iseli.type_in(&unread, "Ganz anders.");
    refused.is_refusal(exit::CONFLICT, "has_minutes", &unread);
    let agenda = content(iseli)["lists"]["agenda"].clone();
    assert_eq!(agenda[0]["fields"]["minutes"], "Die Anmeldung liegt vor.");
    let added = [&words[..], &["--append"]].concat();
    let words = [&words[..], &["--replace"]].concat();
    let said = berger.done_with(&words, "Heute: Die Anmeldung liegt vor.");
    assert!(
        said.stdout
            .contains("round table of 31.03.2027 14:00: minutes replaced"),
        "{}",
        said.stdout
    );
    iseli.done_with(&words, "Die Anmeldung liegt vor, es fehlt ein Bericht.");
    scene.sync();
    scene.sync();
    for device in [berger, iseli] {
        let agenda = content(device)["lists"]["agenda"].clone();
        let minutes = text(&agenda[0]["fields"]["minutes"]).to_owned();
        let merged = "Heute: Die Anmeldung liegt vor, es fehlt ein Bericht";
        assert!(minutes.starts_with(merged), "{minutes}");
        let others = agenda[1]["fields"]["minutes"].as_str().unwrap_or_default();
        assert_eq!(others, "", "only the point that was named");
    }
    // Writing on would settle what both wrote at once without anybody's having chosen.
    let unread = [&added[..], &["--json"]].concat();
    let refused = iseli.type_in(&unread, "Nachtrag.");
    let refusal = refused.is_refusal(exit::CONFLICT, "two_wordings", &unread);
    assert!(refusal.to_string().contains("conflict show"), "{refusal}");

    // One command: the decision, a task and a step, each naming the other.
    let words = [
        "meeting",
        "decide",
        CASE,
        "--task",
        "--step",
        "1",
        "--responsible",
        "Marc Iseli",
        "--due",
        "30.04.2027",
    ];
    iseli.done_with(&words, "Bericht einholen\nbeim Hausarzt");
    for (option, number) in [("--step", "99"), ("--decision", "99")] {
        let words = ["meeting", "decide", CASE, option, number, "--json"];
        let refused = iseli.type_in(&words, "Ins Leere");
        let error = refused
            .is_refusal(exit::FAILED, "not_found", &words)
            .to_string();
        assert!(!error.contains("nahtlos decision"), "{error}");
    }
    scene.sync();
    let decisions = content(berger)["lists"]["decisions"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(decisions.len(), 1, "nothing is half applied");
    let decision = &decisions[0];
    let listed = sommer.json(&["task", "list"]);
    let is_it = |one: &&Value| one["task"]["id"] == decision["fields"]["task"];
    let all = listed["tasks"].as_array().unwrap();
    let task = &all.iter().find(is_it).expect("the task")["task"];
    assert_eq!(task["title"], "Bericht einholen");
    assert_eq!(task["due"], "2027-04-30");
    assert_eq!(
        task["links"][0],
        format!("{section}/{}", text(&decision["id"]))
    );
    let plan = sommer.json(&["section", "show", CASE, "plan"])["content"].clone();
    let step = text(&decision["fields"]["step"])
        .split_once('/')
        .unwrap()
        .1
        .to_owned();
    let steps = plan["goals"][0]["steps"].as_array().unwrap();
    let step = steps
        .iter()
        .find(|one| one["id"] == step)
        .expect("the step");
    assert_eq!(step["title"], "Bericht einholen");

    // Changed by somebody else later, it is the same task with another day, and the same step.
    let named = text(&decision["id"]).to_owned();
    let words = [
        "meeting",
        "decide",
        CASE,
        "--decision",
        &named,
        "--task",
        "--step",
        "1",
        "--due",
        "31.05.2027",
    ];
    berger.done(&words);
    let said = berger.done(&words).stdout;
    for outcome in [
        "nothing changed",
        "its task stays as it is",
        "its step stays as it is in the plan",
    ] {
        assert!(said.contains(outcome), "{said}");
    }
    scene.sync();
    let listed = sommer.json(&["task", "list"]);
    let of_decision: Vec<&Value> = listed["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["task"]["title"] == "Bericht einholen")
        .collect();
    assert_eq!(of_decision.len(), 1);
    assert_eq!(of_decision[0]["task"]["due"], "2027-05-31");
    let plan = sommer.json(&["section", "show", CASE, "plan"])["content"].clone();
    assert_eq!(
        plan["goals"][0]["steps"].as_array().unwrap().len(),
        steps.len()
    );
    let words = ["meeting", "decide", CASE, "--decision", &named];
    berger.refused(&words, exit::USAGE, "nothing_changed");

    // Who came, and that it took too long.
    let who = content(berger)["lists"]["invitees"].clone();
    let who = who.as_array().unwrap().iter();
    let ruth = who
        .clone()
        .find(|one| one["fields"]["who"] == "Ruth Mosimann")
        .unwrap();
    let words = [
        "meeting",
        "attend",
        CASE,
        "--who",
        text(&ruth["id"]),
        "--as",
        "attended",
    ];
    berger.done(&words);
    for wrong in ["0", "601", "lang"] {
        let words = ["meeting", "close", CASE, "--length", wrong];
        assert_eq!(berger.run(&words).exit, exit::USAGE, "{wrong}");
    }
    for (length, is_longer) in [("90", false), ("91", true)] {
        let closed = berger.json(&["meeting", "close", CASE, "--length", length]);
        assert_eq!(closed["is_longer_than_it_should"], is_longer, "{length}");
        assert_eq!(closed["without_attendance"], 1);
        assert_eq!(closed["without_minutes"], 1);
    }
    assert_eq!(meetings(berger)[0]["attended"], 1);

    // Closed by one while another still writes: both see it, with what was written.
    berger.done(&["meeting", "close", CASE, "--length", "90"]);
    let agenda = content(iseli)["lists"]["agenda"].clone();
    let mut points = agenda.as_array().unwrap().iter();
    let other = points.find(|other| text(&other["id"]) != point).unwrap();
    let words = ["meeting", "minutes", CASE, "--point", text(&other["id"])];
    let late = "Im April schauen wir wieder.";
    iseli.done_with(&words, late);
    scene.sync();
    let closed = |device: &Device| -> Vec<String> {
        let listed = device.json(&["conflict", "list", CASE])["conflicts"].clone();
        let listed = listed.as_array().unwrap().iter();
        listed
            .map(|line| &line["conflict"])
            .filter(|conflict| conflict["kind"] == "closed_meanwhile")
            .map(|conflict| text(&conflict["id"]).to_owned())
            .collect()
    };
    let [conflict] = <[String; 1]>::try_from(closed(berger)).unwrap();
    assert_eq!(closed(iseli), [conflict.as_str()]);
    assert_eq!(closed(sommer), [""; 0]);
    let shown = berger.done(&["conflict", "show", CASE, &conflict]).stdout;
    assert!(
        shown.contains("Anna Berger closed the round table")
            && shown.contains(late)
            && shown.contains("Marc Iseli"),
        "{shown}"
    );
    // Closed once more, and printed, before anybody has looked at it: it stands there, with who wrote it.
    let again = berger.json(&["meeting", "close", CASE, "--length", "85"]);
    assert_eq!(again["written_meanwhile"], true);
    assert_eq!(closed(berger), [conflict.as_str()]);
    let open = scene.stage.path("open.html");
    berger.done(&["meeting", "print", CASE, "--to", &story::text_of(&open)]);
    let open = std::fs::read_to_string(&open).unwrap();
    let (_, open) = open
        .split_once("Noch nicht bereinigt")
        .expect("the conflict");
    assert!(open.contains(late) && open.contains("Marc Iseli"), "{open}");
    iseli.done(&["conflict", "resolve", CASE, &conflict, "--as-it-is"]);
    scene.sync();
    assert_eq!(closed(berger), [""; 0]);

    // The two wordings of the first point are left: once they are settled, a page says nothing of conflicts.
    let listed = berger.json(&["conflict", "list", CASE])["conflicts"].clone();
    for line in listed.as_array().unwrap() {
        let conflict = &line["conflict"];
        assert_eq!(conflict["kind"], "wordings");
        berger.done(&[
            "conflict",
            "resolve",
            CASE,
            text(&conflict["id"]),
            "--as-it-is",
        ]);
    }
    for (language, word) in [("de", "Beschlüsse"), ("fr", "décisions")] {
        let file = scene.stage.path(&format!("minutes-{language}.html"));
        let to = story::text_of(&file);
        let words = [
            "meeting",
            "print",
            CASE,
            "--language",
            language,
            "--to",
            &to,
        ];
        berger.done(&words);
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(
            page.contains(word) && page.contains("Bericht einholen<br>beim Hausarzt"),
            "{page}"
        );
        assert!(page.contains("&lt;Pflege&gt;") && !page.contains("<Pflege>"));
        assert!(!page.contains("Noch nicht bereinigt") && !page.contains("Pas encore"));
        assert!(!page.contains("Alte Kopie") && !page.contains("Copie ancienne"));
        assert_ne!(
            berger.run(&words).exit,
            exit::DONE,
            "nothing is overwritten"
        );
    }
    let logged = || berger.json(&["case", "access-log", CASE]).to_string();
    assert!(!logged().contains("Ruth Mosimann, Papier"));
    let handed = story::text_of(&scene.stage.path("handed.html"));
    let words = ["meeting", "print", CASE, "--to", &handed];
    berger.refused(
        &[&words[..], &["--for", "Ruth Mosimann, Papier"]].concat(),
        exit::USAGE,
        "usage",
    );
    let to = ["--for", "Ruth Mosimann, Papier", "--basis", "Auskunft"];
    let printed = berger.json(&[&words[..], &to].concat());
    assert_eq!(printed["recorded"], true, "{printed}");
    assert!(logged().contains("Ruth Mosimann, Papier"));
    // What is added later stands below what others wrote.
    let below = ["meeting", "minutes", CASE, "--point", "2", "--append"];
    berger.done_with(&below, "Nachtrag.");
    let agenda = content(berger)["lists"]["agenda"].clone();
    let both = format!("{late}\n\nNachtrag.");
    assert_eq!(agenda[1]["fields"]["minutes"], both);
    // The consent ends, and with it the right to the table; by law nothing changes.
    berger.done(&["consent", "withdraw", CASE, &scene.consent, "--yes"]);
    scene.sync();
    assert_eq!(rights(berger, &section), ["RAV Langnau Beratung"]);
    assert!(rights(berger, "tasks").contains(&AID_TEAM.to_owned()));
    let words = ["meeting", "decide", CASE, "--json"];
    let refused = iseli.type_in(&words, "Zu spät");
    refused.is_refusal(exit::NO_RIGHT, "no_right", &words);
    // Nobody is asked for a text that would be refused: nothing is typed here, and the right is what is missed.
    iseli.refused(&["meeting", "decide", CASE], exit::NO_RIGHT, "no_right");
    let words = ["meeting", "minutes", CASE, "--point", &point];
    iseli.refused(&words, exit::NO_RIGHT, "no_right");
    let words = ["meeting", "minutes", CASE, "--point", &point];
    berger.refused(&words, exit::USAGE, "value_missing");
    let decisions = content(berger)["lists"]["decisions"].clone();
    assert_eq!(decisions.as_array().unwrap().len(), 1);
    // What Iseli still has is an old copy: the page says so, and its tasks are not listed as if they were work.
    let old = scene.stage.path("old.html");
    iseli.done(&["meeting", "print", CASE, "--to", &story::text_of(&old)]);
    let old = std::fs::read_to_string(&old).unwrap();
    assert!(old.contains("Alte Kopie"), "{old}");
    let listed = iseli.json(&["task", "list"]);
    assert_eq!(listed["tasks"], Value::Array(Vec::new()));
    assert_eq!(listed["left_out"][0]["why"], "no_longer_shared", "{listed}");
    let listed = sommer.json(&["task", "list"]);
    assert_eq!(listed["left_out"], Value::Array(Vec::new()), "control");
}

#[test]
fn tasks_of_all_cases_are_listed_ticked_off_and_go_into_a_calendar_without_names() {
    let stage = Stage::new(Homes::Quick, &[]);
    let berger = stage.found("device-1", &story::BERGER);
    let opened = berger.json(&["case", "open", "--from", CASE_FILE]);
    let number = text(&opened["case_number"]).to_owned();
    let add = |title: &str, options: &[&str]| {
        let words = [&["task", "add", CASE][..], options, &["--json"]].concat();
        let ended = berger
            .type_in(&words, title)
            .expect_exit(exit::DONE, &words);
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        text(&answer["task"]).to_owned()
    };
    let late = add(
        "Überfällig; bald",
        &["--due", "01.03.2020", "--responsible", "Anna Berger"],
    );
    let next = add("Später, und lang", &["--due", "29.02.2028"]);
    let titles = |options: &[&str]| -> Vec<String> {
        let listed = berger.json(&[&["task", "list"][..], options].concat());
        let tasks = listed["tasks"].as_array().unwrap();
        tasks
            .iter()
            .map(|one| text(&one["task"]["title"]).to_owned())
            .collect()
    };
    assert_eq!(titles(&[])[0], "Überfällig; bald");
    assert!(titles(&[]).contains(&"Später, und lang".to_owned()));
    // Nobody is responsible for the other one.
    assert_eq!(titles(&["--mine"])[0], "Überfällig; bald");
    assert!(!titles(&["--mine"]).contains(&"Später, und lang".to_owned()));
    let of_institution = titles(&["--of", "RAV Langnau"]);
    assert_eq!(of_institution, titles(&["--mine"]));
    assert_eq!(
        titles(&["--of", "client"]),
        ["Arbeitszeugnisse der letzten zwei Stellen einholen"]
    );
    berger.refused(
        &["task", "list", "--mine", "--of", "client"],
        exit::USAGE,
        "usage",
    );
    let overdue = titles(&["--overdue"]);
    assert_eq!(overdue[0], "Überfällig; bald");
    assert!(!overdue.contains(&"Später, und lang".to_owned()));
    assert_eq!(titles(&["--due-before", "01.03.2020"]), [""; 0]);
    assert_eq!(
        titles(&["--due-before", "02.03.2020"]),
        ["Überfällig; bald"]
    );
    berger.refused(
        &["task", "list", "--due-before", "bald"],
        exit::USAGE,
        "format",
    );

    berger.done_with(&["task", "item", CASE, &late], "Formular drucken");
    let words = ["task", "check", CASE, &late];
    berger.refused(&[&words[..], &["2"]].concat(), exit::FAILED, "not_found");
    berger.done(&[&words[..], &["1"]].concat());
    let shown = berger.json(&["task", "show", CASE, &late])["task"].clone();
    assert_eq!(shown["checklist"][0]["done"], true);
    berger.done_with(&["task", "set", CASE, &next, "reminder"], "22.02.2028");
    let words = ["task", "link", CASE, &next, "--to", "core/x"];
    berger.refused(&words, exit::USAGE, "format");

    let file = stage.path("tasks.ics");
    let to = story::text_of(&file);
    let told = berger.json(&["task", "calendar", "--to", &to]);
    let calendar = std::fs::read_to_string(&file).unwrap().replace("\r\n ", "");
    assert_eq!(
        calendar.matches("BEGIN:VEVENT").count() as u64,
        told["tasks"].as_u64().unwrap()
    );
    let lines: Vec<&str> = calendar.split("\r\n").collect();
    let summary = format!("SUMMARY:{number}: Später\\, und lang");
    for expected in [
        summary.as_str(),
        "DTSTART;VALUE=DATE:20280229",
        "TRIGGER:-P6DT16H",
    ] {
        assert!(lines.contains(&expected), "{expected}: {calendar}");
    }
    for name in ["Mosimann", "Anna Berger", "Formular"] {
        assert!(!calendar.contains(name), "{name}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_ne!(
        berger.run(&["task", "calendar", "--to", &to]).exit,
        exit::DONE,
        "not overwritten"
    );
    let bare = stage.path("bare.ics");
    let bare_to = story::text_of(&bare);
    berger.done(&["task", "calendar", "--without-titles", "--to", &bare_to]);
    let bare = std::fs::read_to_string(&bare).unwrap();
    assert!(bare.contains(&number) && !bare.contains("Später"), "{bare}");
    let empty = stage.path("empty.ics");
    let empty_to = story::text_of(&empty);
    let before = ["task", "calendar", "--due-before", "01.01.2000"];
    let none = [&before[..], &["--to", &empty_to]].concat();
    assert_eq!(berger.json(&none)["tasks"], 0);
    assert!(!empty.exists(), "a calendar has entries");
    berger.done(&["task", "done", CASE, &late]);
    // What has ended since is cancelled in the calendar that it went into, under the same name.
    berger.done(&["task", "done", CASE, &next]);
    let ended = stage.path("ended.ics");
    let told_again = berger.json(&["task", "calendar", "--to", &story::text_of(&ended)]);
    assert_eq!((&told["over"], &told_again["over"]), (&0.into(), &1.into()));
    let ended = std::fs::read_to_string(&ended)
        .unwrap()
        .replace("\r\n ", "");
    let of_next = |calendar: &str| -> String {
        let mut events = calendar.split("BEGIN:VEVENT");
        let event = events.find(|event| event.contains(&format!("UID:{next}.")));
        event.expect("the task").to_owned()
    };
    assert!(of_next(&calendar).contains("STATUS:CONFIRMED"));
    assert!(of_next(&ended).contains("STATUS:CANCELLED"), "{ended}");
    assert!(!ended.contains("Überfällig"), "what is past is left alone");
    let before = ["--due-before", "02.03.2020"];
    assert_eq!(titles(&before), [""; 0]);
    assert_eq!(
        titles(&[&before[..], &["--all"]].concat()),
        ["Überfällig; bald"]
    );
}

#[test]
fn an_enquiry_is_sent_answered_and_becomes_a_case_on_the_command_line() {
    let stage = Stage::new(Homes::Quick, &[]);
    let berger = stage.found("device-1", &story::BERGER);
    let words = ["IV-Stelle Bern", "iv", IV_TEAM, "Marc Iseli", "officer"];
    let iseli = stage.join(&berger, "device-2", &words);
    let sync = || {
        for device in [&berger, &iseli, &berger, &iseli] {
            device.run(&["sync"]);
        }
    };
    sync();
    let send = ["enquiry", "send", "--to", IV_TEAM, "--json"];
    let sent = [&send[..], &["--yes"]].concat();
    let facts =
        r#"{ "question": "joint", "age": "35_49", "psychic": 2, "text": "Seit dem Winter müde" }"#;
    let traced = facts.replace("Seit dem Winter", "Tel. 034 402 11 22,");
    assert_eq!(berger.run(&sent).exit, exit::USAGE, "nobody can be asked");
    assert_eq!(berger.type_in(&sent, &traced).exit, exit::USAGE);
    let unasked = berger.type_in(&send, facts);
    // Who reads it is said before.
    assert_eq!(unasked.exit, exit::USAGE);
    assert!(
        unasked.stderr.contains("Marc Iseli") && unasked.stderr.contains("confirmation_missing"),
        "{}",
        unasked.stderr
    );
    let listed = |device: &Device| device.json(&["enquiry"])["enquiries"].clone();
    assert_eq!(listed(&berger), Value::Array(Vec::new()));
    let answer = berger.type_in(&sent, facts).expect_exit(exit::DONE, &sent);
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
    let id = text(&answer["enquiry"])[..8].to_owned();
    assert_eq!(answer["people"][0], "Marc Iseli (IV-Stelle Bern)");
    sync();

    assert_eq!(listed(&iseli)[0]["is_own"], false);
    let declined = ["enquiry", "answer", &id, "--as", "decline"];
    assert_eq!(
        iseli.type_in(&declined, "geb. 17.05.1982").exit,
        exit::USAGE
    );
    iseli.done_with(&["enquiry", "answer", &id, "--as", "accept"], "Gerne");
    let words = ["enquiry", "case", &id, "--from", CASE_FILE];
    iseli.refused(&words, exit::NO_RIGHT, "no_right");
    sync();
    let shown = berger.done(&["enquiry", "show", &id]).stdout;
    assert!(
        shown.contains("accepted") && shown.contains("Gerne"),
        "{shown}"
    );
    let opened = berger.json(&words);
    let number = text(&opened["case_number"]);
    berger.refused(&words, exit::CONFLICT, "case_exists");
    let case = berger.json(&["case", "show", number])["case"].clone();
    assert!(text(&case["enquiry"]).starts_with(&id));
    let shown = berger.json(&["enquiry", "show", &id])["enquiry"].clone();
    assert_eq!(shown["case"], case["id"]);
    sync();
    assert_eq!(
        iseli.json(&["case", "list"])["cases"],
        Value::Array(Vec::new())
    );
    assert_eq!(listed(&iseli)[0].get("case"), Some(&Value::Null));
    berger.done(&["enquiry", "withdraw", &id, "--yes"]);
    assert!(
        berger
            .done(&["enquiry", "list"])
            .stdout
            .contains("withdrawn")
    );
}
