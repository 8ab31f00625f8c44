//! Step 1: Berger asks the IV and the social aid without a name, both answer, and nothing personal has left her device,
//! also when she has opened the case.

use serde_json::{Value, json};

use super::scene::Who::{self, Berger, Iseli, Keller, Sommer};
use super::scene::{Langnau, text};
use super::story::{CASE_FILE, exit};

/// Found by the search of what stands in clear.
pub const FACT: &str = "Seit Monaten erschöpft, möchte in der Pflege bleiben";
pub const ANSWER: &str = "Wir klären die Eingliederung gern gemeinsam";

/// What the case says of the client; each too long to stand in an id or a time by chance.
const PERSONAL: [&str; 7] = [
    "Mosimann",
    "Ruth",
    "1982-05-17",
    "17.05.1982",
    "Marktstrasse",
    "555 01 42",
    "example.ch",
];

/// Asks both, and returns the enquiry from which the case is opened.
pub fn ask(story: &Langnau) -> String {
    let facts = json!({
        "question": "joint", "age": "35_49", "permit": "swiss", "work": "incapable",
        "psychic": 2, "text": FACT,
    });
    // What leads to her is refused before anything is sent.
    let send = |who: Who| ["enquiry", "send", "--to", who.introduction()[2], "--yes"];
    let mut traced = facts.clone();
    traced["text"] = json!("Ruth, geboren am 17.05.1982");
    let refused = story
        .device(Berger)
        .type_in(&send(Iseli), &traced.to_string());
    assert_eq!(refused.exit, exit::USAGE, "{refused:?}");
    for who in [Iseli, Sommer] {
        story
            .device(Berger)
            .done_with(&send(who), &facts.to_string());
    }
    story.sync(&[Berger, Iseli, Sommer, Keller]);
    assert_eq!(enquiries(story, Keller), [Value::Null; 0]);

    for (who, answer) in [(Iseli, ANSWER), (Sommer, "Ja")] {
        let [asked] = <[Value; 1]>::try_from(enquiries(story, who)).unwrap();
        assert_eq!(asked["is_own"], false, "{asked}");
        let id = text(&asked["id"]);
        let shown = story.device(who).done(&["enquiry", "show", id]).stdout;
        assert!(
            shown.contains(FACT) && shown.contains("RAV Langnau"),
            "{shown}"
        );
        let words = ["enquiry", "answer", id, "--as", "accept"];
        story.device(who).done_with(&words, answer);
    }
    story.sync(&[Iseli, Sommer, Berger]);
    let answered = enquiries(story, Berger);
    assert_eq!(answered.len(), 2);
    for enquiry in &answered {
        let shown = ["enquiry", "show", text(&enquiry["id"])];
        let shown = story.device(Berger).done(&shown).stdout;
        assert!(shown.contains("accepted"), "{shown}");
    }
    let of_iv = |one: &&Value| one.to_string().contains(Iseli.introduction()[2]);
    let chosen = answered.iter().find(of_iv).expect("the IV was asked");
    text(&chosen["id"]).to_owned()
}

/// Opens the case from it: nobody else reads anything of it, nor learns that there is one.
pub fn open_case(story: &Langnau, enquiry: &str) -> String {
    let words = ["enquiry", "case", enquiry, "--from", CASE_FILE];
    story
        .device(Iseli)
        .refused(&words, exit::NO_RIGHT, "no_right");
    let opened = story.device(Berger).json(&words);
    let number = text(&opened["case_number"]).to_owned();
    story.sync(&[Berger, Iseli, Sommer, Keller, Berger]);
    let everything = |who: Who| -> String {
        let asked = [
            &["case", "list"][..],
            &["enquiry"],
            &["key", "list"],
            &["status"],
        ];
        let said = asked.map(|words| story.device(who).json(words).to_string());
        said.concat()
    };
    assert!(everything(Berger).contains(&number), "control");
    for who in [Iseli, Sommer, Keller] {
        let cases = story.device(who).json(&["case", "list"]);
        assert_eq!(cases["cases"], json!([]), "{who:?}");
        let said = everything(who);
        for personal in PERSONAL.iter().chain([&number.as_str()]) {
            assert!(!said.contains(personal), "{who:?}: {personal} in {said}");
        }
        let asked = usize::from(who != Keller);
        assert_eq!(story.keys_held(who).len(), asked, "{who:?}");
    }
    number
}

fn enquiries(story: &Langnau, who: Who) -> Vec<Value> {
    let listed = story.device(who).json(&["enquiry"]);
    listed["enquiries"].as_array().unwrap().clone()
}
