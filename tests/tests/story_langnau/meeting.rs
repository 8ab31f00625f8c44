//! The round table itself: called by Berger, minuted by several people without a network, with a decision that becomes a task.

use serde_json::Value;

use super::scene::Who::{self, Berger, Iseli, Keller, Sommer};
use super::scene::{CASE, Langnau, text};
use super::story::{exit, text_of};

const INVITATION: &str = r#"{
  "place": "RAV Langnau, ohne Netz", "purpose": "Standortgespräch",
  "invitees": [{ "who": "Ruth Mosimann" }],
  "agenda": [{ "point": "Stand der Dinge", "planned": 30 }, { "point": "Wie weiter", "planned": 40 }]
}"#;
const BEFORE: &str = "Die Anmeldung liegt vor.";
/// Found by the search of what stands in clear.
pub const BY_BERGER: &str = "Begrüssung und Ziele.";
pub const BY_ISELI: &str = "Es fehlt ein Bericht des Hausarztes.";
pub const DECISION: &str = "Bericht beim Hausarzt einholen";

/// Calls it, for the three by the consent, which is extended by it.
pub fn call(story: &mut Langnau) {
    let at = ["meeting", "call", CASE, "--at", "31.03.2027 14:00"];
    let mut words = at.to_vec();
    for who in [Iseli, Sommer, Keller] {
        words.extend(["--invite", who.introduction()[2]]);
    }
    let berger = story.device(Berger).clone();
    let unsaid = [&words[..], &["--yes"]].concat();
    berger.refused(&unsaid, exit::USAGE, "form");
    words.extend(["--form", "verbal", "--yes", "--json"]);
    let called = berger
        .type_in(&words, INVITATION)
        .expect_exit(exit::DONE, &words);
    let called: Value = serde_json::from_str(&called.stdout).unwrap();
    story.meeting = Some(text(&called["section"]).to_owned());
    let first = point(story, Berger, 0);
    berger.done_with(&["meeting", "minutes", CASE, "--point", &first], BEFORE);
    story.sync(&[Berger, Iseli, Sommer, Keller, Berger]);
    let section = text(&called["section"]);
    for who in [Iseli, Sommer, Keller] {
        let words = ["share", "explain", CASE, section, "--for", who.name()];
        let why = berger.json(&words)["explanation"].clone();
        assert_eq!(text(&why["role"]), "write", "{why}");
        assert!(why.to_string().contains("consent"), "{why}");
    }
}

/// Offline like everything else of the seventy minutes.
pub fn hold(story: &Langnau) {
    for (who, said) in [
        (Berger, format!("{BY_BERGER} {BEFORE}")),
        (Iseli, format!("{BEFORE} {BY_ISELI}")),
    ] {
        let first = point(story, who, 0);
        // Both have read what stands there, and write around it.
        let words = ["meeting", "minutes", CASE, "--point", &first, "--replace"];
        story.device(who).done_with(&words, &said);
    }
    let second = point(story, Sommer, 1);
    let words = ["meeting", "minutes", CASE, "--point", &second];
    story
        .device(Sommer)
        .done_with(&words, "Schritt für Schritt.");
    let words = ["meeting", "decide", CASE, "--task", "--due", "30.04.2027"];
    let words = [&words[..], &["--responsible", Iseli.name()]].concat();
    story.device(Keller).done_with(&words, DECISION);
    for (position, invitee) in list(story, Berger, "invitees").iter().enumerate() {
        let who = text(&invitee["id"]);
        let came = if position == 0 { "absent" } else { "attended" };
        let words = ["meeting", "attend", CASE, "--who", who, "--as", came];
        story.device(Berger).done(&words);
    }
}

/// Everybody has the same round table, with everybody's words, and one task of its decision.
pub fn assert_all_have_it(story: &Langnau) {
    let section = story.meeting.as_deref().unwrap();
    let reference = story.section(Berger, section);
    for who in Who::ALL {
        assert_eq!(story.section(who, section), reference, "{who:?}");
        let agenda = list(story, who, "agenda");
        let minutes: Vec<&str> = agenda
            .iter()
            .map(|point| text(&point["fields"]["minutes"]))
            .collect();
        let together = format!("{BY_BERGER} {BEFORE} {BY_ISELI}");
        assert!(minutes.contains(&together.as_str()), "{minutes:?}");
        assert!(minutes.contains(&"Schritt für Schritt."), "{minutes:?}");
        let [decision] = <[Value; 1]>::try_from(list(story, who, "decisions")).unwrap();
        let tasks = story.view(who, "tasks");
        let tasks = tasks["tasks"].as_array().unwrap();
        let of_decision: Vec<&Value> = tasks
            .iter()
            .filter(|task| task["title"] == DECISION)
            .collect();
        assert_eq!(of_decision.len(), 1, "{tasks:?}");
        assert_eq!(of_decision[0]["id"], decision["fields"]["task"]);
        let link = format!("{section}/{}", text(&decision["id"]));
        assert_eq!(of_decision[0]["links"][0], link);
    }
    let mine = story.device(Iseli).json(&["task", "list", "--mine"]);
    assert!(mine.to_string().contains(DECISION), "{mine}");
}

/// Seventy minutes were not too long; the minutes are printed.
pub fn close(story: &Langnau) {
    let berger = story.device(Berger);
    let closed = berger.json(&["meeting", "close", CASE, "--length", "70"]);
    assert_eq!(closed["is_longer_than_it_should"], false, "{closed}");
    assert_eq!(
        (&closed["without_attendance"], &closed["without_minutes"]),
        (&0.into(), &0.into())
    );
    let page = story.stage.path("minutes.html");
    berger.done(&["meeting", "print", CASE, "--to", &text_of(&page)]);
    let printed = std::fs::read_to_string(&page).unwrap();
    for said in [BY_BERGER, BY_ISELI, DECISION, Iseli.name()] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    std::fs::remove_file(page).unwrap();
    story.sync(&[Berger, Iseli, Sommer, Keller]);
}

fn list(story: &Langnau, who: Who, list: &str) -> Vec<Value> {
    let content = story.device(who).json(&["meeting", "show", CASE])["content"].clone();
    content["lists"][list].as_array().unwrap().clone()
}

/// A point of the agenda by its id, as all devices name it.
fn point(story: &Langnau, who: Who, position: usize) -> String {
    let titles = ["Stand der Dinge", "Wie weiter"];
    let agenda = list(story, who, "agenda");
    let is_it = |point: &&Value| point["fields"]["point"] == titles[position];
    text(&agenda.iter().find(is_it).expect("the point")["id"]).to_owned()
}
