//! Step 2: the client's consent, recorded on Berger's tablet, and the rights that follow from it and from nothing else.

use serde_json::json;

use super::scene::Who::{self, Berger, Iseli, Keller, Sommer};
use super::scene::{ACCESS, CASE, Langnau, text};
use super::story::exit;

/// `core plan labour journal tasks` for all three, `function` for the IV and the coach.
pub fn record(story: &Langnau) -> String {
    let berger = story.device(Berger);
    berger.done(&["section", "open", CASE, "labour"]);
    let mut words: Vec<String> = ["consent", "give", CASE].map(str::to_owned).to_vec();
    for who in [Iseli, Sommer, Keller] {
        for (option, role) in [("--read", "read"), ("--write", "write")] {
            let sections = who.shared().into_iter();
            let sections = sections.filter(|(section, of)| *of == role && *section != ACCESS);
            let sections: Vec<&str> = sections.map(|(section, _)| section).collect();
            let team = who.introduction()[2];
            words.extend([option.to_owned(), format!("{}={team}", sections.join(","))]);
        }
    }
    words.extend(["--form", "device", "--withdrawable-said", "--yes"].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    text(&berger.json(&words)["consent"]).to_owned()
}

pub fn assert_function_is_not_for_social_aid(story: &Langnau) {
    let explain = |who: Who| {
        let words = ["share", "explain", CASE, "function", "--for", who.name()];
        story.device(Berger).json(&words)["explanation"].clone()
    };
    let no = explain(Sommer);
    assert!(no["role"].is_null() && no["holds_key"] == false, "{no}");
    assert!(
        text(&no["sentences"][0]).starts_with("No: Eva Sommer cannot see"),
        "{no}"
    );
    assert_eq!(no["grants"], json!([]));
    for (who, role) in [(Iseli, "write"), (Keller, "read")] {
        let yes = explain(who);
        assert_eq!(
            (text(&yes["role"]), &yes["holds_key"]),
            (role, &true.into()),
            "{yes}"
        );
        assert!(yes.to_string().contains("consent"), "{yes}");
    }
    // Who may only read, may not write.
    let words = ["case", "set", CASE, "phone", "--json"];
    let refused = story.device(Iseli).type_in(&words, "079 555 01 43");
    refused.is_refusal(exit::NO_RIGHT, "no_right", &words);
    // A right that no consent covers is not given, to anybody.
    let words = ["share", "grant", CASE, "--section", "function", "--to"];
    let to = [Sommer.introduction()[2], "--role", "read", "--yes"];
    assert_ne!(
        story.device(Berger).run(&[&words[..], &to].concat()).exit,
        exit::DONE
    );
}
