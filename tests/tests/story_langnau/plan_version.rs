//! Version 1 is signed by three institutions and the client, on paper; an older copy that was
//! edited offline changes nothing of it and shows as the difference. Then, who may not sign.

use serde_json::Value;

use super::offline::Targets;
use super::scene::Who::{self, Berger, Iseli, Keller, Sommer};
use super::scene::{CASE, Langnau, text};
use super::story::{exit, text_of};

/// How Keller rewords goal 2 while offline.
const KELLER_GOAL: &str = "Frau Mosimann kennt ihre Belastungsgrenzen und spricht sie früh an.";

pub fn sign_and_change(story: &Langnau, targets: &Targets) {
    name_the_responsible(story, targets);
    story.sync(&[Iseli, Berger, Keller, Sommer, Iseli]);
    refuse_proposals(story);
    let code = propose(story);
    // Keller's copy is older: the version has not reached it.
    let goal = goal_2(story);
    story
        .device(Keller)
        .done_with(&["plan", "goal", "reword", CASE, &goal], KELLER_GOAL);
    story.sync(&[Berger, Iseli, Sommer]);
    sign(story, &code);
    story.sync(&[Sommer, Iseli, Berger, Sommer, Iseli]);
    assert_in_force(story, &[Berger, Iseli, Sommer]);
    for who in [Berger, Iseli, Sommer] {
        assert_eq!(differences(story, who), [Value::Null; 0], "{who:?}");
    }
    let signed = version(story, Berger);

    story.sync(&[Keller, Berger, Iseli, Sommer]);
    assert_in_force(story, &Who::ALL);
    for who in Who::ALL {
        assert_eq!(version(story, who), signed, "{who:?} sees another version");
        let differences = differences(story, who);
        let [only] = differences.as_slice() else {
            panic!("{who:?}: {differences:?}");
        };
        assert_eq!(
            only["path"],
            serde_json::json!(["goals", goal, "statement"])
        );
        assert_eq!(only["after"], KELLER_GOAL);
    }
    assert_people_read_it(story, &code);
    next_version(story);
}

/// Three institutions of the network and the client are named responsible.
fn name_the_responsible(story: &Langnau, targets: &Targets) {
    let plan = story.view(Berger, "plan");
    let goals = plan["goals"].as_array().unwrap();
    let steps = goals
        .iter()
        .flat_map(|goal| goal["steps"].as_array().unwrap());
    for step in steps {
        let id = text(&step["id"]);
        let who = match text(&step["title"]) {
            title if title.starts_with("Standort") => Berger.name(),
            title if title.starts_with("Bewerbung") => "client",
            title if title.starts_with("Coaching") => "Sozialdienst Oberes Emmental",
            _ => {
                assert_eq!(id, targets.step);
                "IV-Stelle Bern"
            }
        };
        let words = ["plan", "step", "set", CASE, id, "responsible"];
        story.device(Berger).done_with(&words, who);
    }
}

/// Only the lead proposes, and nobody signs what is not there.
fn refuse_proposals(story: &Langnau) {
    let propose = ["plan", "propose", CASE, "--yes"];
    let refused = story
        .device(Sommer)
        .refused(&propose, exit::NO_RIGHT, "no_right");
    assert!(
        text(&refused["why"]).contains("leads the case"),
        "{refused}"
    );
    let sign = ["plan", "sign", CASE, "--yes"];
    story
        .device(Iseli)
        .refused(&sign, exit::FAILED, "not_found");
}

fn propose(story: &Langnau) -> String {
    let words = ["plan", "propose", CASE, "--yes"];
    let proposed = story.device(Berger).json(&words);
    assert_eq!(proposed["version"], 1, "{proposed}");
    let again = story
        .device(Berger)
        .refused(&words, exit::USAGE, "unchanged");
    assert!(text(&again["why"]).contains("version 1"), "{again}");
    text(&proposed["code"]).to_owned()
}

/// Everybody signs on their own device; Berger records the client's paper.
fn sign(story: &Langnau, code: &str) {
    let words = ["plan", "sign", CASE, "--yes"];
    for (who, left) in [(Sommer, 3), (Iseli, 3), (Berger, 3)] {
        let signed = story.device(who).json(&words);
        assert_eq!(signed["in_force"], false, "{signed}");
        assert_eq!(
            signed["missing"].as_array().unwrap().len(),
            left,
            "{signed}"
        );
    }
    let again = story
        .device(Iseli)
        .refused(&words, exit::USAGE, "already_signed");
    assert!(text(&again["why"]).contains("there already"), "{again}");
    // Keller's institution is named nowhere, and Keller has not even the version.
    story
        .device(Keller)
        .refused(&words, exit::FAILED, "not_found");

    let page = story.stage.path("plan-fr.html");
    let page = text_of(&page);
    let print = ["plan", "print", CASE, "--language", "fr", "--to", &page];
    story.device(Berger).done(&print);
    let html = std::fs::read_to_string(&page).unwrap();
    for told in [
        "Plan d'intégration",
        "lang=\"fr-CH\"",
        code,
        "Signature",
        "@media print",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    std::fs::remove_file(&page).unwrap();

    let scan = story.stage.path("scan.pdf");
    std::fs::write(&scan, b"%PDF the signed paper").unwrap();
    let scan = text_of(&scan);
    let paper = |code: &str, who: &str| {
        let words = [
            "plan",
            "sign",
            CASE,
            "--for",
            who,
            "--paper",
            &scan,
            "--code",
            code,
            "--version",
            "1",
            "--yes",
        ];
        words.map(str::to_owned).to_vec()
    };
    let before = story.section(Berger, "plan");
    let refused = |who: Who, words: Vec<String>, exit: i32, error: &str| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        story.device(who).refused(&words, exit, error)
    };
    // A paper that shows another state of the plan; a paper for an institution that has devices; a paper
    // that another institution records.
    let other = refused(
        Berger,
        paper("0000-0000", "client"),
        exit::USAGE,
        "other_heads",
    );
    assert!(
        text(&other["message"]).contains("code") && text(&other["why"]).contains(code),
        "{other}"
    );
    let for_iv = paper(code, "IV-Stelle Bern");
    refused(Berger, for_iv, exit::NO_RIGHT, "no_right");
    refused(Sommer, paper(code, "client"), exit::NO_RIGHT, "no_right");
    assert_eq!(story.section(Berger, "plan"), before, "nothing was written");

    let words = paper(code, "client");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    story.device(Berger).done(&words);
    std::fs::remove_file(scan).unwrap();
}

fn assert_in_force(story: &Langnau, people: &[Who]) {
    for who in people {
        let version = version(story, *who);
        assert_eq!(version["status"], "in_force", "{who:?}: {version}");
        let parties = version["parties"].as_array().unwrap();
        assert_eq!(parties.len(), 4, "{version}");
        for signature in version["signatures"].as_array().unwrap() {
            assert!(signature["doubt"].is_null(), "{signature}");
        }
    }
}

/// The one version there is.
fn version(story: &Langnau, who: Who) -> Value {
    let plan = story.view(who, "plan");
    let versions = plan["versions"]["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 1, "{plan}");
    versions[0].clone()
}

fn differences(story: &Langnau, who: Who) -> Vec<Value> {
    let answer = story.device(who).json(&["plan", "diff", CASE]);
    answer["differences"].as_array().unwrap().clone()
}

fn goal_2(story: &Langnau) -> String {
    let plan = story.view(Keller, "plan");
    let goals = plan["goals"].as_array().unwrap();
    let is_it = |goal: &&Value| text(&goal["statement"]).contains("Belastungsgrenzen");
    text(&goals.iter().find(is_it).unwrap()["id"]).to_owned()
}

fn assert_people_read_it(story: &Langnau, code: &str) {
    let shown = story.device(Iseli).done(&["plan", "show", CASE]).stdout;
    for told in [
        "Changed since the agreement of",
        "(version 1)",
        "früh an",
        code,
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let words = ["plan", "show", CASE, "--version", "1"];
    let version = story.device(Sommer).done(&words).stdout;
    for told in ["in force", "paper", "Arbeitsplatz"] {
        assert!(version.contains(told), "{told}: {version}");
    }
    assert!(!version.contains("früh"), "{version}");
}

/// What Keller changed needs a new version; until it is signed the first one stands.
fn next_version(story: &Langnau) {
    let propose = ["plan", "propose", CASE, "--yes"];
    assert_eq!(story.device(Berger).json(&propose)["version"], 2);
    story.sync(&[Berger, Iseli, Sommer, Keller]);
    for who in Who::ALL {
        let plan = story.view(who, "plan");
        let versions = plan["versions"]["versions"].as_array().unwrap();
        let statuses: Vec<&str> = versions.iter().map(|one| text(&one["status"])).collect();
        assert_eq!(statuses, ["in_force", "proposed"], "{who:?}");
    }
}
