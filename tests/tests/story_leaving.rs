//! Story S3, a caseworker leaves, through the real programs: one relay process, one home for each device,
//! sockets and files. Three cases stand for the story's 63.

mod story;

use serde_json::Value;
use story::{CASE_FILE, Device, Ended, Homes, Stage, disk, exit, text_of};

const TEAM: &str = "Sozialdienst Team Nord";
const IV_TEAM: &str = "IV-Stelle Eingliederung";
const EARLY: &str = "Noch vor dem Austritt geschrieben und geliefert";
const LATE: &str = "Zuletzt auf dem Laptop notiert, nie geliefert";
const AFTER: &str = "Nach der Übergabe notiert";

/// Rüegg leads three cases; Trachsel is her deputy, Wyss a colleague, Lanz the custodian who founded the
/// institution. The IV reads the first case's core.
struct Leaving {
    stage: Stage,
    lanz: Device,
    ruegg: Device,
    trachsel: Device,
    wyss: Device,
    iseli: Device,
    numbers: Vec<String>,
}

impl Leaving {
    fn begin() -> Self {
        let stage = Stage::new(Homes::Quick, &[]);
        let words = [
            "Sozialdienst Oberes Emmental",
            "soz",
            TEAM,
            "Eva Lanz",
            "custodian",
        ];
        let lanz = stage.found("device-1", &words);
        let words = ["IV-Stelle Bern", "iv", IV_TEAM, "Marc Iseli", "officer"];
        let iseli = stage.join(&lanz, "device-2", &words);
        sync(&[&lanz, &iseli]);
        let ruegg = colleague(&stage, &lanz, "device-3", "Nora Rüegg");
        let trachsel = colleague(&stage, &lanz, "device-4", "Ueli Trachsel");
        let wyss = colleague(&stage, &lanz, "device-5", "Pia Wyss");
        sync(&[&lanz, &ruegg, &trachsel, &wyss, &iseli]);
        let example = std::fs::read_to_string(CASE_FILE).unwrap();
        for (number, name) in ["Mosimann", "Gerber", "Zaugg"].into_iter().enumerate() {
            let file = stage.path(&format!("case-{number}.json"));
            story::write_private(&file, &example.replace("Mosimann", name));
            ruegg.done(&["case", "open", "--from", &text_of(&file)]);
        }
        ruegg.done(&["sync"]);
        let numbers = led_by(&ruegg, "Nora Rüegg");
        assert_eq!(numbers.len(), 3);
        let grant = [
            "share",
            "grant",
            "Mosimann",
            "--section",
            "core,plan",
            "--to",
            IV_TEAM,
        ];
        let terms = ["--role", "write", "--basis", "IVG68bis2", "--yes"];
        ruegg.done(&[&grant[..], &terms].concat());
        note(&ruegg, "Mosimann", EARLY);
        sync(&[&ruegg, &lanz, &trachsel, &wyss, &iseli, &ruegg]);
        Self {
            stage,
            lanz,
            ruegg,
            trachsel,
            wyss,
            iseli,
            numbers,
        }
    }

    fn remove_ruegg(&self) -> Value {
        let words = [
            "member", "remove", "Rüegg", "--team", TEAM, "--reason", "left",
        ];
        self.lanz.json(&[&words[..], &["--now", "--yes"]].concat())
    }
}

fn sync(devices: &[&Device]) {
    for device in devices {
        device.done(&["sync"]);
    }
}

fn colleague(stage: &Stage, inviting: &Device, name: &str, person: &str) -> Device {
    let file = text_of(&stage.path(&format!("invitation-{name}")));
    let invite = [
        "member", "invite", "--team", TEAM, "--role", "manage", "--to", &file,
    ];
    inviting.done(&invite);
    inviting.done(&["sync"]);
    let device = stage.device(name);
    let words = ["member", "join", "--invitation", &file, "--person", person];
    device.done(&[&words[..], &["--function", "lead"]].concat());
    inviting.done(&["sync"]);
    device.done(&["sync"]);
    device
}

fn note(device: &Device, case: &str, text: &str) {
    device.done_with(&["journal", "add", case], text);
}

fn entries(device: &Device, case: &str) -> Vec<Value> {
    let shown = device.json(&["section", "show", case, "journal"]);
    shown["content"]["entries"].as_array().unwrap().clone()
}

fn has(device: &Device, case: &str, text: &str) -> bool {
    entries(device, case).iter().any(|one| one["text"] == text)
}

/// Numbers of the cases that somebody leads, as the pages of their cases say.
fn led_by(device: &Device, person: &str) -> Vec<String> {
    let listed = device.json(&["case"]);
    let cases = listed["cases"].as_array().unwrap().iter();
    let numbers = cases.map(|one| one["case_number"].as_str().unwrap().to_owned());
    numbers
        .filter(|number| {
            let shown = device.done(&["case", "show", number]).stdout;
            let lead = shown.lines().find(|line| line.starts_with("case lead"));
            lead.unwrap().contains(person)
        })
        .collect()
}

fn codes(plan: &Value, of: &str) -> Vec<String> {
    let all = plan[of].as_array().unwrap().iter();
    let codes = all.map(|one| one["case_number"].as_str().unwrap().to_owned());
    codes.collect()
}

fn held(device: &Device) -> Vec<Value> {
    device.json(&["held"])["edits"].as_array().unwrap().clone()
}

fn stderr_says(ended: &Ended, text: &str) {
    assert!(ended.stderr.contains(text), "{text}\n{}", ended.stderr);
}

#[test]
fn story_s3_a_caseworker_leaves_and_her_deputy_takes_over() {
    let story = Leaving::begin();
    let Leaving {
        stage,
        lanz,
        ruegg,
        trachsel,
        wyss,
        iseli,
        numbers,
    } = &story;

    // Rüegg's laptop has an edit that nobody has; then she is removed, and everything gets a new key.
    note(ruegg, "Gerber", LATE);
    wyss.done(&["case", "recuse", "Zaugg", "Trachsel"]);
    sync(&[wyss, lanz, trachsel]);
    let dry = lanz
        .done(&["member", "remove", "Rüegg", "--team", TEAM, "--dry-run"])
        .stdout;
    assert!(
        dry.contains("leads 3 cases") && dry.contains("1 device"),
        "{dry}"
    );
    let removed = story.remove_ruegg();
    // The team, the institution, the network, and five sections of each case.
    assert_eq!(removed["rotation"]["rotated"], 18, "{removed}");

    // 1: the custodian orders it; the deputy's device lists it, without the case of a conflict of interest.
    lanz.done(&[
        "case", "handover", "--from", "Rüegg", "--to", "Trachsel", "--order", "--yes",
    ]);
    sync(&[lanz, trachsel]);
    let status = trachsel.json(&["status"]);
    assert_eq!(
        status["attention"][0]["code"], "handover_ordered",
        "{status}"
    );
    let listed = trachsel.json(&["case", "handover", "--ordered", "--dry-run"]);
    assert_eq!(listed["plans"][0]["order"]["ordered_by"], "Eva Lanz");
    let plan = &listed["plans"][0]["plan"];
    assert_eq!(codes(plan, "cases"), numbers[..2]);
    assert_eq!(codes(plan, "excluded"), numbers[2..]);
    assert_eq!(plan["excluded"][0]["because"], "conflict_of_interest");
    let same = trachsel.json(&[
        "case",
        "handover",
        "--from",
        "Rüegg",
        "--to",
        "Trachsel",
        "--dry-run",
    ]);
    assert_eq!(same["plans"][0]["plan"], *plan);
    assert_eq!(led_by(trachsel, "Nora Rüegg").len(), 3, "nothing was done");

    // 2: carried out; a second run finds nothing left.
    let done = trachsel.run(&["case", "handover", "--ordered", "--yes"]);
    let done = done.expect_exit(exit::HELD, &["one case stays"]);
    assert!(
        done.stdout.contains("Handed over: 2 cases."),
        "{}",
        done.stdout
    );
    let again = trachsel.json(&["case", "handover", "--ordered", "--yes"]);
    assert_eq!(again["done"], "nothing");
    sync(&[trachsel, lanz, wyss, iseli]);
    for device in [trachsel, lanz, wyss] {
        assert_eq!(led_by(device, "Ueli Trachsel"), numbers[..2]);
        assert_eq!(led_by(device, "Nora Rüegg"), numbers[2..]);
    }
    let old = entries(trachsel, "Mosimann");
    let old = old.iter().find(|one| one["text"] == EARLY).unwrap();
    assert!(old.to_string().contains("Nora Rüegg"), "{old}");
    note(trachsel, "Mosimann", AFTER);
    sync(&[trachsel, wyss]);
    assert!(has(wyss, "Mosimann", AFTER), "control");

    // 4: the laptop syncs two days later. Its late edit is held and offered; later ones are refused.
    let told = ruegg.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    stderr_says(&told, "No longer permitted");
    assert!(!has(ruegg, "Mosimann", AFTER), "nothing newer");
    let late = ["journal", "add", "Gerber", "--json"];
    ruegg
        .type_in(&late, "Zu spät")
        .is_refusal(exit::NO_RIGHT, "no_right", &late);
    let told = trachsel.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    stderr_says(&told, "held");
    let waiting = held(trachsel);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0]["author"], "Nora Rüegg");
    trachsel.done(&["held", "adopt", waiting[0]["id"].as_str().unwrap(), "--yes"]);
    sync(&[trachsel, wyss]);
    assert!(has(wyss, "Gerber", LATE));
    let before = ruegg.json(&["device", "wipe", "--dry-run"]);
    assert_eq!(before["loses_something"], false, "{before}");
    assert_eq!(before["wipe"]["held_elsewhere"], 1);
    ruegg.done(&["device", "wipe", "--yes"]);
    assert!(!ruegg.home.exists());

    let mut places: Vec<_> = stage.relay.everything().into();
    places.extend(["device-1", "device-2", "device-4", "device-5"].map(|name| stage.path(name)));
    let markers = [EARLY, LATE, AFTER, "Mosimann", "Rüegg", &numbers[0]].map(str::to_owned);
    let (found, bytes) = disk::search(&places, &markers);
    assert_eq!(found, [""; 0]);
    assert!(bytes > 100_000, "only {bytes} bytes were searched");
}

#[test]
fn story_s3_two_hand_overs_at_the_same_time_are_one_conflict_for_all_and_cost_nobody_access() {
    let story = Leaving::begin();
    let Leaving {
        lanz,
        ruegg,
        trachsel,
        wyss,
        iseli,
        ..
    } = &story;
    // 3: Wyss, offline, signs that the IV takes the case over, as Iseli proposed; Trachsel hands it to himself.
    wyss.done(&[
        "case", "handover", "--from", "Rüegg", "--to", "Iseli", "--cases", "Mosimann", "--yes",
    ]);
    trachsel.done(&[
        "case", "handover", "--from", "Rüegg", "--to", "Trachsel", "--cases", "Mosimann", "--yes",
    ]);
    sync(&[trachsel, wyss, lanz, iseli, ruegg, trachsel, wyss]);
    let mut ids = Vec::new();
    for device in [lanz, ruegg, trachsel, wyss, iseli] {
        let listed = device.json(&["conflict", "list", "Mosimann"]);
        let conflicts = listed["conflicts"].as_array().unwrap();
        let about_lead = conflicts
            .iter()
            .filter(|one| one["conflict"]["path"] == serde_json::json!(["case", "lead"]));
        let found: Vec<&Value> = about_lead.collect();
        assert_eq!(found.len(), 1, "{listed}");
        ids.push(found[0]["conflict"]["id"].clone());
        assert_eq!(
            found[0]["conflict"]["alternatives"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the same one for all");
    let id = ids[0].as_str().unwrap();
    let shown = iseli.done(&["conflict", "show", "Mosimann", id]).stdout;
    assert!(
        shown.contains("Ueli Trachsel") && shown.contains("Marc Iseli"),
        "{shown}"
    );
    assert!(shown.contains("keeps its duties"), "{shown}");
    // Nobody lost access, and the IV, which is to lead, may let others in.
    for device in [ruegg, trachsel, wyss, iseli] {
        let text = format!("Weiter offen für {}", device.home.display());
        let typed = device.type_in(&["plan", "set", "Mosimann", "situation"], &text);
        typed.expect_exit(exit::DONE, &["plan", "set"]);
    }
    sync(&[ruegg, trachsel, wyss, iseli]);
    // While it is in conflict nobody hands it over once more; settled, it is one lead for all.
    let words = [
        "case",
        "handover",
        "--from",
        "Trachsel",
        "--to",
        "Wyss",
        "--cases",
        "Mosimann",
        "--dry-run",
    ];
    let plan = &lanz.json(&words)["plans"][0]["plan"];
    assert_eq!(plan["excluded"][0]["because"], "lead_in_conflict", "{plan}");
    lanz.done(&["sync"]);
    let listed = lanz.json(&["conflict", "show", "Mosimann", id]);
    let values = listed["conflict"]["alternatives"].as_array().unwrap();
    let trachsels = values.iter().position(|one| {
        let by = &one["origin"]["author"];
        by.to_string().contains("Trachsel") || one["origin"].to_string().contains("Trachsel")
    });
    let number = (trachsels.unwrap() + 1).to_string();
    lanz.done(&["conflict", "resolve", "Mosimann", id, "--take", &number]);
    sync(&[lanz, iseli, trachsel, wyss]);
    for device in [lanz, trachsel, wyss, iseli] {
        let led = led_by(device, "Ueli Trachsel");
        assert_eq!(led.len(), 1, "{led:?}");
    }
}
