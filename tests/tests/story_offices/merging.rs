//! Two institutions become one.

use serde_json::Value;

use crate::scene::*;
use crate::story::{Device, disk, exit};

const THIRD_TEAM: &str = "Sozialdienst Team";
const MERGE: [&str; 5] = ["institution", "merge", "IV-Stelle", "--into", "RAV"];
const BEFORE: &str = "Vor dem Zusammenschluss geschrieben";
const LATE_OF_FIRST: &str = "Offline getippt von der ersten Seite";
const LATE_OF_SECOND: &str = "Offline getippt von der zweiten Seite";
const AFTER: &str = "Nach dem Zusammenschluss geschrieben";

fn note(device: &Device, case: &str, text: &str) {
    device.done_with(&["journal", "add", case], text);
}

fn has(device: &Device, case: &str, text: &str) -> bool {
    author_of(device, case, text).is_some()
}

/// What the entry of this text says of itself.
fn author_of(device: &Device, case: &str, text: &str) -> Option<String> {
    let shown = device.json(&["section", "show", case, "journal"]);
    let entries = shown["content"]["entries"].as_array().unwrap().clone();
    let found = entries.into_iter().find(|one| one["text"] == text);
    found.map(|one| one.to_string())
}

fn share(device: &Device, case: &str, team: &str) {
    let grant = [
        "share",
        "grant",
        case,
        "--section",
        "core,journal",
        "--to",
        team,
    ];
    let terms = ["--role", "write", "--basis", "IVG68bis2", "--yes"];
    device.done(&[&grant[..], &terms].concat());
}

fn steps(merge: &Value, of: &str) -> Vec<String> {
    let all = merge["merge"][of].as_array().unwrap().iter();
    let word = |one: &Value| {
        let step = if one.is_string() { one } else { &one["step"] };
        step.as_str().unwrap().to_owned()
    };
    all.map(word).collect()
}

fn merge(device: &Device, more: &[&str]) -> Value {
    device.json(&[&MERGE[..], more].concat())
}

/// Iseli's and Brand's institution goes on as Berger's; Sommer's stands beside.
struct Offices {
    office: Office,
    brand: Device,
    sommer: Device,
    /// Berger's, shared with Iseli's team.
    of_berger: String,
    /// Iseli's, shared with Sommer's team.
    shared: String,
    /// Iseli's own.
    unshared: String,
}

impl Offices {
    fn new() -> Self {
        let office = Office::new();
        let words = ["Sozialdienst", "soz", THIRD_TEAM, "Eva Sommer", "officer"];
        let sommer = office.stage.join(&office.berger, "sommer", &words);
        let brand = office.colleague_of(&office.iseli, IV_TEAM, "Rolf Brand", "manage");
        let (berger, iseli) = (&office.berger, &office.iseli);
        sync(&[berger, iseli, &brand, &sommer]);
        let of_berger = office.open_case_on(berger, "Mosimann");
        let shared = office.open_case_on(iseli, "Gerber");
        let unshared = office.open_case_on(iseli, "Zaugg");
        for (device, case) in [(berger, &of_berger), (iseli, &shared), (iseli, &unshared)] {
            note(device, case, BEFORE);
        }
        sync(&[berger, iseli]);
        share(berger, &of_berger, IV_TEAM);
        share(iseli, &shared, THIRD_TEAM);
        sync(&[berger, iseli, &brand, &sommer]);
        Self {
            office,
            brand,
            sommer,
            of_berger,
            shared,
            unshared,
        }
    }

    fn everybody(&self) -> [&Device; 4] {
        [
            &self.office.berger,
            &self.office.iseli,
            &self.brand,
            &self.sommer,
        ]
    }

    /// Each of those concerned does their part, and only that.
    fn merge(&self) {
        let (berger, iseli) = (&self.office.berger, &self.office.iseli);
        let dry = merge(iseli, &["--dry-run"]);
        assert_eq!(steps(&dry, "yours"), ["announce", "look_after"], "{dry}");
        assert_eq!(steps(&dry, "left"), ["come_in", "end_part"], "{dry}");
        let early = berger.run(&[&MERGE[..], &["--yes"]].concat());
        let early = early.expect_exit(exit::HELD, &["nothing was announced"]);
        assert!(
            early
                .stderr
                .contains("Left to an administrator of IV-Stelle"),
            "{}",
            early.stderr
        );
        let words = ["team", "rename", IV_TEAM, "Eingliederung Bern"];
        berger.refused(&words, exit::FAILED, "not_found");

        merge(iseli, &["--yes"]);
        sync(&[iseli, berger]);
        // What one says on its card alone gives it no name of another one's, and that one no right.
        let listed = berger.done(&["institution"]).stdout;
        assert!(
            listed.contains("asks to be merged into RAV Langnau"),
            "{listed}"
        );
        assert!(!berger.done(&["member"]).stdout.contains("now RAV"));
        berger.refused(&words, exit::FAILED, "not_found");
        let dry = merge(berger, &["--dry-run"]);
        assert_eq!(steps(&dry, "yours"), ["come_in"], "{dry}");
        merge(berger, &["--yes"]);
        sync(&[berger, iseli]);
        merge(berger, &["--yes"]);
        sync(&[berger]);
        let done = merge(berger, &["--yes"]);
        assert_eq!(done["done"], "merged", "{done}");
        sync(&[iseli]);
        iseli.refused(&["institution", "leave", "--yes"], exit::FAILED, "merged");
    }
}

#[test]
fn two_institutions_become_one_and_all_who_could_read_still_do_and_nobody_else() {
    let offices = Offices::new();
    let Offices {
        office,
        brand,
        sommer,
        of_berger,
        shared,
        unshared,
    } = &offices;
    let (berger, iseli) = (&office.berger, &office.iseli);
    // Both sides have typed something that is not delivered.
    note(brand, shared, LATE_OF_FIRST);
    note(brand, of_berger, LATE_OF_FIRST);
    note(sommer, shared, LATE_OF_SECOND);
    offices.merge();
    sync(&offices.everybody());
    sync(&offices.everybody());

    for device in offices.everybody() {
        let listed = device.done(&["institution"]).stdout;
        assert!(listed.contains("merged into RAV Langnau"), "{listed}");
        let network = device.done(&["network"]).stdout;
        assert!(
            network.contains("IV-Stelle (merged into RAV Langnau)"),
            "{network}"
        );
        assert!(!network.contains("(left)"), "{network}");
        assert_eq!(device.json(&["status"])["held"], Value::Array(Vec::new()));
    }
    // Whose institution became another one's part is told its name of today wherever it is named as theirs.
    for device in [iseli, brand] {
        let status = device.json(&["status"]);
        assert_eq!(status["institution"], "IV-Stelle (now RAV Langnau)");
        assert_eq!(
            status["enrolment"], "enrolled",
            "they left nothing: {status}"
        );
        for list in [&["member"][..], &["team"], &["institution", "show"]] {
            let shown = device.done(list).stdout;
            assert!(shown.contains("IV-Stelle (now RAV Langnau)"), "{shown}");
        }
    }
    for device in [berger, sommer] {
        let status = device.json(&["status"])["institution"].to_string();
        assert!(!status.contains("now"), "{status}");
    }
    // What was typed before arrives, on both sides, and what is typed from then on.
    for device in [iseli, brand, sommer] {
        for text in [BEFORE, LATE_OF_FIRST, LATE_OF_SECOND] {
            assert!(has(device, shared, text), "{text}");
        }
    }
    assert!(has(berger, of_berger, LATE_OF_FIRST));
    note(iseli, shared, AFTER);
    note(sommer, shared, "Antwort");
    note(berger, of_berger, AFTER);
    note(brand, unshared, AFTER);
    sync(&offices.everybody());
    assert!(
        author_of(sommer, shared, AFTER)
            .unwrap()
            .contains("Urs Iseli")
    );
    assert!(has(brand, shared, "Antwort") && has(brand, of_berger, AFTER));
    assert!(has(iseli, unshared, AFTER));
    // Nobody reads more: the second's people nothing of the first's, the third's what was shared with them.
    for (device, case) in [
        (berger, shared),
        (berger, unshared),
        (sommer, unshared),
        (sommer, of_berger),
    ] {
        device.refused(&["case", "show", case], exit::FAILED, "not_found");
    }
    // They go on working: a new case, shared with somebody.
    let new = office.open_case_on(brand, "Wenger");
    sync(&[brand]);
    share(brand, &new, THIRD_TEAM);
    sync(&[brand, sommer]);
    assert!(sommer.run(&["case", "show", &new]).exit == exit::DONE);

    // The second's administrator looks after the first's people, teams and orders.
    berger.done(&["team", "rename", IV_TEAM, "Eingliederung Bern"]);
    let order = [
        "case", "handover", "--from", "Iseli", "--to", "Brand", "--order", "--yes",
    ];
    berger.done(&order);
    sync(&[berger, sommer, brand]);
    let teams = sommer.done(&["team"]).stdout;
    assert!(teams.contains("Eingliederung Bern"), "{teams}");
    let told = told(&brand.run(&["sync"]));
    assert!(
        told.contains("Anna Berger ordered that you take over"),
        "{told}"
    );
    berger.done(&["device", "revoke", "Iseli", "--lost", "--yes"]);
    sync(&[berger, brand, sommer]);
    let ended = iseli.run(&["sync"]);
    assert_ne!(ended.exit, exit::DONE, "{ended:?}");
    assert!(has(brand, shared, AFTER));
}

/// Somebody comes to the third institution long after: what the first signed is verified with its log.
#[test]
fn who_comes_after_two_institutions_became_one_verifies_what_the_first_signed() {
    let offices = Offices::new();
    let (sommer, shared) = (&offices.sommer, &offices.shared);
    offices.merge();
    sync(&offices.everybody());
    let office = &offices.office;
    let kunz = office.colleague_of(sommer, THIRD_TEAM, "Lea Kunz", "write");
    sync(&[sommer, &kunz]);
    let entry = author_of(&kunz, shared, BEFORE).unwrap();
    assert!(entry.contains("Urs Iseli"), "{entry}");
    let shown = kunz.done(&["case", "show", shared]).stdout;
    assert!(shown.contains("Urs Iseli"), "{shown}");
    assert!(
        kunz.done(&["institution"])
            .stdout
            .contains("merged into RAV Langnau")
    );
    let doctor = kunz.run(&["doctor"]);
    assert_eq!(doctor.exit, exit::DONE, "{}", doctor.stdout);
    note(&kunz, shared, AFTER);
    sync(&[&kunz, &office.iseli]);
    assert!(has(&office.iseli, shared, AFTER));

    let markers = [BEFORE, AFTER, "Gerber", "Zaugg", "Kunz"].map(str::to_owned);
    let mut places: Vec<_> = office.stage.relay.everything().into();
    for name in ["berger", "iseli", "Rolf Brand", "sommer", "Lea Kunz"] {
        places.push(office.stage.path(name));
    }
    let (found, bytes) = disk::search(&places, &markers);
    assert_eq!(found, [""; 0]);
    assert!(bytes > 100_000, "only {bytes} bytes were searched");
}
