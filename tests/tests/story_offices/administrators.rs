//! Who administers an institution: made, ended, told, and said wherever people look for it.

use serde_json::Value;

use crate::scene::*;
use crate::story::{Device, Ended, text_of};

fn administrator(home: &Device, name: &str, more: &[&str]) -> Ended {
    json(
        home,
        &[&["institution", "administrator", name], more].concat(),
    )
}

fn add(home: &Device, name: &str) -> Ended {
    administrator(home, name, &["--yes"])
}

fn remove(home: &Device, name: &str) -> Ended {
    administrator(home, name, &["--remove", "--yes"])
}

/// Names of who administers one's institution, as `institution show` says it.
fn administrators(home: &Device) -> Vec<String> {
    let shown = json(home, &["institution", "show"]).json();
    let all = shown["administrators"].as_array().unwrap().iter();
    let counts = all.filter(|one| one["waits"] == false);
    counts
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

fn marked(home: &Device, name: &str) -> String {
    let listed = home.run(&["member", "list"]).ok().stdout;
    let line = listed.lines().find(|line| line.contains(name)).unwrap();
    match line {
        line if line.contains("waits to administer") => "waits",
        line if line.contains("administers") => "administers",
        _ => "",
    }
    .to_owned()
}

fn may_found_teams(home: &Device) -> bool {
    home.run(&["team", "create", "Probe"]).exit == 0
}

#[test]
fn an_administrator_is_removed_by_another_one_and_told_and_the_last_one_stays() {
    let office = Office::new();
    let berger = &office.berger;
    let keller = office.colleague("Keller", "write");
    let all = [berger, &keller];
    sync(&all);
    let unseen = administrator(berger, "Iseli", &["--dry-run"]);
    refused(&unseen, 5, "no_right");
    refused(
        &administrator(berger, "Berger", &["--dry-run"]),
        1,
        "nothing_to_change",
    );
    refused(
        &administrator(&keller, "Keller", &["--dry-run"]),
        5,
        "no_right",
    );
    refused(&remove(berger, "Keller"), 1, "not_found");
    refused(&remove(berger, "Berger"), 5, "last_administrator");
    assert_eq!(
        (marked(berger, "Berger"), marked(berger, "Keller")),
        ("administers".into(), "".into())
    );

    add(berger, "Keller").json();
    sync(&all);
    assert_eq!(administrators(&keller), ["Anna Berger", "Keller"]);
    assert_eq!(
        marked(&office.iseli, "Urs Iseli"),
        "administers",
        "of another institution"
    );
    let before = administrator(&keller, "Berger", &["--remove", "--dry-run"]).json();
    assert_eq!(before["end"]["remaining"][0], "Keller", "{before}");
    assert_eq!(before["end"]["stays_in"][0], "RAV Team");
    assert_eq!(administrators(&keller).len(), 2, "nothing was done");

    remove(&keller, "Berger").json();
    keller.run(&["sync"]).ok();
    let news = told(&berger.run(&["sync"]));
    assert!(
        news.contains("you administer RAV Langnau no longer: Keller ended it"),
        "{news}"
    );
    let again = told(&berger.run(&["sync"]));
    assert!(!again.contains("no longer"), "once: {again}");
    assert!(!may_found_teams(berger));
    refused(&add(berger, "Berger"), 5, "no_right");
    sync(&all);
    assert_eq!(administrators(berger), ["Keller"]);
    assert_eq!(
        (marked(berger, "Berger"), marked(berger, "Keller")),
        ("".into(), "administers".into())
    );
    // What she had by her team is hers still.
    let case = office.open_case();
    sync(&all);
    assert!(keller.run(&["case", "show", &case]).exit == 0);
    refused(&remove(&keller, "Keller"), 5, "last_administrator");
}

#[test]
fn where_it_takes_two_the_last_but_one_stays_and_a_new_one_reads_the_words_that_their_status_shows()
{
    let office = Office::new();
    let berger = &office.berger;
    let keller = office.colleague("Keller", "write");
    let trachsel = office.colleague("Trachsel", "write");
    let all = [berger, &keller, &trachsel];
    sync(&all);
    add(berger, "Keller").json();
    sync(&all);
    json(
        berger,
        &["institution", "policy", "--administrators", "2", "--yes"],
    )
    .json();
    sync(&all);
    refused(&remove(berger, "Keller"), 5, "last_administrator");
    refused(&remove(berger, "Berger"), 5, "last_administrator");

    let dry = administrator(berger, "Trachsel", &["--dry-run"]).json();
    assert_eq!(dry["takes_two"], true);
    add(berger, "Trachsel").json();
    sync(&all);
    assert_eq!(marked(&keller, "Trachsel"), "waits");
    let list = json(&keller, &["member", "waiting"]).json()["waiting"].clone();
    let status = json(&trachsel, &["status"]).json();
    assert_eq!(list[0]["words"], status["person_words"], "{list}");
    assert_ne!(status["person_words"], status["device_words"]);
    let page = trachsel.run(&["status"]).ok().stdout;
    assert!(
        page.contains(status["person_words"].as_str().unwrap()),
        "{page}"
    );
    let (number, words) = (
        list[0]["grant"].as_str().unwrap(),
        list[0]["words"].as_str().unwrap(),
    );
    json(&keller, &["member", "confirm", number, "--words", words]).json();
    sync(&all);
    assert_eq!(administrators(berger).len(), 3);
    // One ends it: that is quick.
    remove(berger, "Keller").json();
    sync(&all);
    assert_eq!(administrators(&trachsel), ["Anna Berger", "Trachsel"]);
    assert!(!may_found_teams(&keller) && may_found_teams(&trachsel));
}

#[test]
fn where_it_takes_two_a_colleagues_new_device_is_let_in_only_when_both_have_said_so_and_nobody_is_told_sooner()
 {
    let office = Office::new();
    let berger = &office.berger;
    let keller = office.colleague("Keller", "write");
    let trachsel = office.colleague("Trachsel", "write");
    let case = office.open_case();
    let all = [berger, &keller, &trachsel];
    sync(&all);
    add(berger, "Keller").json();
    sync(&all);
    json(
        berger,
        &["institution", "policy", "--administrators", "2", "--yes"],
    )
    .json();
    sync(&[berger, &keller]);
    berger
        .run(&["device", "revoke", "Trachsel", "--lost", "--yes"])
        .ok();
    berger.run(&["sync"]).ok();
    let file = &text_of(&office.stage.path("phone.invitation"));
    json(
        berger,
        &["device", "add", "--for", "Trachsel", "--to", file],
    )
    .json();
    berger.run(&["sync"]).ok();
    let phone = office.stage.device("phone");
    phone.run(&["device", "join", file]).ok();
    berger.run(&["sync"]).ok();
    let words = json(&phone, &["status"]).json()["device_words"].clone();
    let words = words.as_str().unwrap();
    let number = |home: &Device| -> Value {
        json(home, &["member", "waiting"]).json()["waiting"][0].clone()
    };
    let first = number(berger);
    let confirm = [
        "member",
        "confirm",
        first["grant"].as_str().unwrap(),
        "--words",
        words,
    ];
    let said = berger.run(&confirm).ok();
    assert!(
        said.stdout
            .contains("once another administrator has confirmed it"),
        "{}",
        said.stdout
    );
    let synced = json(berger, &["sync"]);
    assert_eq!(
        synced.json()["admitted"],
        Value::Array(vec![]),
        "{}",
        synced.stdout
    );
    let notices = synced.json()["notices"].to_string();
    assert!(notices.contains("is not let in yet"), "{notices}");

    let said = told(&phone.run(&["sync"]));
    assert!(said.contains("not let in yet"), "{said}");
    let status = json(&phone, &["status"]).json();
    assert_eq!(status["enrolment"], "waiting_for_confirmation");
    let page = phone.run(&["status"]).ok().stdout;
    assert!(
        page.contains("another administrator has to confirm this device"),
        "{page}"
    );
    keller.run(&["sync"]).ok();
    let second = number(&keller);
    assert_eq!(second["member"], "a new device of Trachsel");
    assert_eq!(second["words"], words);
    let confirm = [
        "member",
        "confirm",
        second["grant"].as_str().unwrap(),
        "--words",
        words,
    ];
    keller.run(&confirm).ok();
    sync(&[&keller, &phone, berger]);
    sync(&[&phone]);
    assert_eq!(json(&phone, &["status"]).json()["enrolment"], "enrolled");
    assert!(phone.run(&["case", "show", &case]).exit == 0);
}
