//! How an institution admits, through the program: words that are compared, administrators that two make,
//! and a colleague's new device.

mod support;

use serde_json::Value;
use support::{Home, Run, World, paper, refused};

fn policy(home: &Home, more: &[&str]) -> Run {
    home.run(&[&["--json", "institution", "policy"], more].concat())
}

/// Says it, and syncs.
fn say(home: &Home, more: &[&str]) -> Value {
    let said = policy(home, &[more, &["--yes"]].concat()).json();
    home.run(&["sync"]).ok();
    said
}

fn waiting(home: &Home) -> Vec<Value> {
    let list = home.run(&["--json", "member", "waiting"]).json();
    list["waiting"].as_array().unwrap().clone()
}

/// The number of the one who waits, and why.
fn the_one(home: &Home) -> (String, String) {
    let waiting = waiting(home);
    let [one] = waiting.as_slice() else {
        panic!("one waits: {waiting:?}");
    };
    let text = |field: &str| one[field].as_str().unwrap().to_owned();
    (text("grant"), text("reason"))
}

fn words_of(home: &Home) -> String {
    let status = home.run(&["--json", "status"]).json();
    status["device_words"].as_str().unwrap().to_owned()
}

fn confirm(home: &Home, number: &str, words: &str) -> Run {
    home.run(&["--json", "member", "confirm", number, "--words", words])
}

/// Keller answers an invitation of Berger's, and Berger has synced since.
fn asks_to_join(world: &World, name: &str) -> Home {
    let file = world.directory.path().join(format!("{name}.invitation"));
    let file = file.to_str().unwrap();
    let invite = ["member", "invite", "--team", "RAV Team", "--to", file];
    world.berger.run(&invite).ok();
    world.berger.run(&["sync"]).ok();
    let home = Home::new(world.directory.path(), name);
    let join = ["member", "join", "--invitation", file, "--person", name];
    let said = home
        .run(&[&join[..], &["--function", "officer"]].concat())
        .ok();
    assert!(said.stdout.contains(&words_of(&home)), "{}", said.stdout);
    let synced = world.berger.run(&["sync"]).ok();
    let told = format!("{}{}", synced.stdout, synced.stderr);
    if policy(&world.berger, &[]).json()["policy"]["compares"] == true {
        assert!(told.contains("nahtlos member waiting"), "{told}");
    }
    home
}

fn is_in(home: &Home) -> bool {
    home.run(&["sync"]).exit == 0
}

#[test]
fn a_newcomer_waits_until_their_words_were_compared_where_the_institution_asks_for_it() {
    let world = World::new();
    let berger = &world.berger;
    let example = berger.run(&["institution", "policy"]).ok().stdout;
    let plain = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    let help = berger.run(&["institution", "policy", "--help"]).ok().stdout;
    let shown = help.split("$ nahtlos institution policy\n").nth(1).unwrap();
    assert_eq!(plain(&example), plain(shown), "as the help shows it");
    let early = asks_to_join(&world, "Rolf Zaugg");
    assert!(is_in(&early), "control: off at first");

    say(berger, &["--compare", "yes"]);
    let keller = asks_to_join(&world, "Keller");
    let synced = keller.run(&["--json", "sync"]);
    refused(&synced, 4, "not_admitted");
    let error = synced.error();
    assert!(error["next"].to_string().contains("words"), "{error}");
    // Who waits is not sent to open a case.
    for list in [&["case"][..], &["case", "list", "--all"]] {
        let cases = keller.run(list).ok().stdout;
        for part in [
            "waits to be let in",
            "nahtlos member waiting",
            "nahtlos sync",
        ] {
            assert!(cases.contains(part), "{part}: {cases}");
        }
        assert!(cases.contains(&words_of(&keller)), "{cases}");
        assert!(!cases.contains("case open"), "{cases}");
    }
    let cases = early.run(&["case"]).ok().stdout;
    assert!(cases.contains("No case yet"), "control: {cases}");
    let (number, reason) = the_one(berger);
    assert_eq!(reason, "waits_for_comparison");
    let list = berger.run(&["member", "waiting"]).ok();
    assert!(list.stdout.contains(&words_of(&keller)), "{}", list.stdout);
    assert!(list.stdout.contains("this device"), "{}", list.stdout);
    assert!(!list.stderr.contains("\"you\""), "{}", list.stderr);
    // A newcomer's screen shows words of theirs as a person too: not they are compared.
    let shown = keller.run(&["--json", "status"]).json();
    if let Some(person) = shown["person_words"].as_str() {
        refused(&confirm(berger, &number, person), 5, "other_fingerprint");
    }
    assert!(
        list.stderr.contains("member confirm NUMBER --words"),
        "{}",
        list.stderr
    );

    let wrong = confirm(berger, &number, &words_of(&early));
    refused(&wrong, 5, "other_fingerprint");
    let said = wrong.error()["message"].to_string();
    assert!(said.contains("neither the words nor"), "{said}");
    berger.run(&["sync"]).ok();
    assert!(!is_in(&keller), "nothing was compared yet");
    confirm(berger, &number, &words_of(&keller).to_uppercase()).json();
    berger.run(&["sync"]).ok();
    assert!(is_in(&keller));
    assert!(waiting(berger).is_empty());
    let people = berger.run(&["member"]).ok().stdout;
    assert!(people.contains("Keller"), "{people}");
}

#[test]
fn a_newcomer_with_other_words_is_refused_and_a_new_invitation_lets_the_right_one_in() {
    let world = World::new();
    let berger = &world.berger;
    say(berger, &["--compare", "yes"]);
    let thief = asks_to_join(&world, "Keller");
    let (number, _) = the_one(berger);
    let refused = berger.run(&["member", "refuse", &number, "--yes"]).ok();
    assert!(!refused.stderr.contains("decision"), "{}", refused.stderr);
    assert_stays_out(berger, &thief);
    // What the institution asks for later is about others.
    say(berger, &["--compare", "no"]);
    assert_stays_out(berger, &thief);
    say(berger, &["--compare", "yes"]);
    let right = asks_to_join(&world, "Trachsel");
    let (number, _) = the_one(berger);
    let said = ["member", "confirm", &number, "--words", &words_of(&right)];
    let said = berger.run(&said).ok();
    assert!(!said.stderr.contains("decision"), "{}", said.stderr);
    berger.run(&["sync"]).ok();
    assert!(is_in(&right), "control");
}

/// Nobody is let in by a sync, and nobody is said to wait or to have answered.
fn assert_stays_out(home: &Home, refused: &Home) {
    for _ in 0..2 {
        let synced = home.run(&["--json", "sync"]);
        assert_eq!(synced.json()["admitted"], serde_json::json!([]));
        let told = format!("{}{}", synced.stdout, synced.stderr);
        assert!(!told.contains("invitation"), "{told}");
        assert!(!is_in(refused));
    }
    assert!(waiting(home).is_empty());
}

#[test]
fn a_further_device_of_ones_own_is_compared_too_and_one_that_the_paper_brings_is_not() {
    let world = World::new();
    let berger = &world.berger;
    say(berger, &["--compare", "yes"]);
    let page = world.directory.path().join("paper.html");
    let paper = paper::make(berger, &page);
    berger.run(&["sync"]).ok();
    let file = world.directory.path().join("device.invitation");
    let file = file.to_str().unwrap();
    berger.run(&["device", "add", "--to", file]).ok();
    berger.run(&["sync"]).ok();
    let laptop = Home::new(world.directory.path(), "laptop");
    laptop
        .run(&["device", "join", file, "--name", "Laptop"])
        .ok();
    berger.run(&["sync"]).ok();
    assert!(!is_in(&laptop));
    let (number, _) = the_one(berger);
    confirm(berger, &number, &words_of(&laptop)).json();
    berger.run(&["sync"]).ok();
    assert!(is_in(&laptop));

    let back = Home::new(world.directory.path(), "back");
    let restore = [
        "--json",
        "device",
        "restore",
        "--paper",
        paper.text.as_str(),
    ];
    let restored = back.type_in(&restore, &paper.words.join(" ")).json();
    assert_eq!(
        restored["person"], "Anna Berger",
        "both ends were in one hand"
    );
}

fn administers(home: &Home) -> bool {
    let founded = home.run(&["team", "create", "Probe"]);
    founded.exit == 0
}

#[test]
fn where_it_takes_two_an_administrator_counts_once_a_second_one_agreed_and_so_does_switching_it_off()
 {
    let world = World::new();
    let berger = &world.berger;
    let keller = world.colleague("Keller", "write");
    let trachsel = world.colleague("Trachsel", "write");
    let sync = || {
        for home in [berger, &keller, &trachsel, berger, &keller, &trachsel] {
            home.run(&["sync"]).ok();
        }
    };
    let add = |home: &Home, name: &str| {
        home.run(&["--json", "institution", "administrator", name, "--yes"])
    };
    sync();
    let alone = policy(berger, &["--administrators", "2", "--yes"]);
    refused(&alone, 5, "no_right");
    refused(&add(&keller, "Trachsel"), 5, "no_right");
    add(berger, "Keller").json();
    sync();
    let people = policy(&keller, &[]).json()["policy"]["people"].clone();
    assert_eq!(people.as_array().unwrap().len(), 2, "{people}");
    assert!(
        people
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["waits"] == false)
    );
    say(berger, &["--administrators", "2"]);
    sync();

    add(berger, "Trachsel").json();
    sync();
    assert!(!administers(&trachsel), "one word is not enough");
    refused(&add(berger, "Trachsel"), 1, "nothing_to_change");
    let (number, reason) = the_one(&keller);
    assert_eq!(reason, "waits_for_second");
    assert_eq!(waiting(&keller)[0]["words_of"], "person");
    let list = keller.run(&["member", "waiting"]).ok().stdout;
    assert!(!list.contains("this device"), "{list}");
    let status = trachsel.run(&["--json", "status"]).json();
    let fingerprint = status["person_fingerprint"].as_str().unwrap().to_owned();
    let own = confirm(berger, &number, &fingerprint);
    refused(&own, 5, "no_right");
    assert!(
        own.error()["why"]
            .to_string()
            .contains("Another administrator")
    );
    confirm(&keller, &number, &fingerprint).json();
    sync();
    sync();
    assert!(administers(&trachsel));
    assert!(waiting(&keller).is_empty() && waiting(berger).is_empty());

    let off = say(berger, &["--administrators", "1"]);
    assert_eq!(off["done"], "proposed");
    let again = say(berger, &["--administrators", "1"]);
    assert_eq!(
        again["done"], "proposed",
        "the same person is not another one"
    );
    sync();
    let shown = policy(&keller, &[]).json()["policy"].clone();
    assert_eq!(
        (&shown["administrators"], &shown["proposed"]["by"]),
        (&Value::from(2), &Value::from("Anna Berger"))
    );
    let page = keller.run(&["institution", "policy"]).ok();
    assert!(
        page.stderr.contains("--administrators 1 --compare no"),
        "{}",
        page.stderr
    );
    let agreed = say(&keller, &["--administrators", "1"]);
    assert_eq!(agreed["done"], "decided");
    sync();
    let shown = policy(berger, &[]).json()["policy"].clone();
    assert_eq!(shown["administrators"], 1);
    assert_eq!(shown["proposed"], Value::Null);
}

#[test]
fn a_colleague_without_devices_gets_a_new_one_by_an_administrator_who_compared_its_words() {
    let world = World::new();
    let berger = &world.berger;
    let keller = world.colleague("Keller", "write");
    let trachsel = world.colleague("Trachsel", "write");
    let case = world.open_case();
    for home in [berger, &keller, &trachsel] {
        home.run(&["sync"]).ok();
    }
    let note = ["journal", "add", &case, "--kind", "call", "--from", "-"];
    keller.type_in(&note, "Vor dem Verlust.").ok();
    keller.run(&["sync"]).ok();
    let file = world.directory.path().join("keller.invitation");
    let file = file.to_str().unwrap();
    let invite = ["--json", "device", "add", "--for", "Keller", "--to", file];
    refused(&berger.run(&invite), 1, "has_devices");
    assert!(
        !std::path::Path::new(file).exists(),
        "no empty file is left"
    );

    berger
        .run(&["device", "revoke", "Keller", "--lost", "--now", "--yes"])
        .ok();
    let note = ["journal", "add", &case, "--kind", "call", "--from", "-"];
    keller.type_in(&note, "Nach dem Verlust.").ok();
    refused(&trachsel.run(&invite), 5, "no_right");
    berger.run(&invite).json();
    berger.run(&["sync"]).ok();
    let phone = Home::new(world.directory.path(), "phone");
    phone.run(&["device", "join", file, "--name", "Handy"]).ok();
    berger.run(&["sync"]).ok();
    assert!(!is_in(&phone), "nothing was compared yet");
    let (number, _) = the_one(berger);
    berger.run(&["member", "refuse", &number, "--yes"]).ok();
    assert_stays_out(berger, &phone);

    std::fs::remove_file(file).unwrap();
    berger.run(&invite).json();
    berger.run(&["sync"]).ok();
    let phone = Home::new(world.directory.path(), "phone-2");
    phone.run(&["device", "join", file, "--name", "Handy"]).ok();
    berger.run(&["sync"]).ok();
    let (number, reason) = the_one(berger);
    assert_eq!(reason, "waits_for_comparison");
    refused(
        &confirm(berger, &number, &words_of(&trachsel)),
        5,
        "other_fingerprint",
    );
    confirm(berger, &number, &words_of(&phone)).json();
    berger.run(&["sync"]).ok();

    let first = phone.run(&["sync"]).ok();
    let news = trachsel.run(&["sync"]).ok();
    berger.run(&["sync"]).ok();
    let second = phone.run(&["sync"]).ok();
    let told = format!(
        "{}{}{}{}",
        first.stdout, first.stderr, second.stdout, second.stderr
    );
    assert!(
        told.contains("was revoked as lost: the last of it that the relay has is from "),
        "{told}"
    );
    assert!(told.contains("has not arrived"), "{told}");
    let shown = phone.run(&["journal", &case]).ok().stdout;
    assert!(shown.contains("Vor dem Verlust."), "{shown}");
    assert!(!shown.contains("Nach dem Verlust."), "{shown}");
    phone.type_in(&note, "Vom neuen Gerät.").ok();
    phone.run(&["sync"]).ok();
    berger.run(&["sync"]).ok();
    let shown = berger.run(&["journal", &case]).ok().stdout;
    assert!(shown.contains("Vom neuen Gerät."), "{shown}");

    // Everybody else is told who let it in; once.
    let told = format!("{}{}", news.stdout, news.stderr);
    assert!(
        told.contains("a new device of Keller (") && told.contains("was let in by Anna Berger"),
        "{told}"
    );
    let again = trachsel.run(&["sync"]).ok();
    assert!(!again.stderr.contains("was let in by"), "{}", again.stderr);
}

#[test]
fn what_was_said_before_the_sync_stays_where_only_the_other_part_is_said_anew() {
    let world = World::new();
    let berger = &world.berger;
    let keller = world.colleague("Urs Keller", "write");
    let add = ["institution", "administrator", "Keller", "--yes"];
    berger.run(&add).ok();
    berger.run(&["sync"]).ok();
    keller.run(&["sync"]).ok();

    policy(berger, &["--compare", "yes", "--yes"]).json();
    let said = policy(berger, &["--administrators", "2", "--yes"]).json();
    assert_eq!(
        (&said["administrators"], &said["compares"]),
        (&2.into(), &true.into())
    );
    let waits = policy(berger, &[]).json();
    assert_eq!(waits["policy"]["decided"]["compares"], true, "{waits}");
    assert_eq!(
        waits["policy"]["compares"], false,
        "not before the sync: {waits}"
    );
    let page = berger.run(&["institution", "policy"]).ok().stdout;
    assert!(page.contains("for the next `nahtlos sync`"), "{page}");
    let decisions = berger.run(&["--json", "decision"]).json();
    assert_eq!(
        decisions["decisions"].as_array().unwrap().len(),
        1,
        "{decisions}"
    );
    berger.run(&["sync"]).ok();
    let holds = policy(berger, &[]).json();
    let policy_now = &holds["policy"];
    assert_eq!(
        (&policy_now["administrators"], &policy_now["compares"]),
        (&2.into(), &true.into())
    );
    assert!(policy_now["decided"].is_null(), "{holds}");

    // A proposal of one's own goes on likewise; what is said back before the sync is no decision any more.
    say(berger, &["--administrators", "1"]);
    say(berger, &["--compare", "no"]);
    let proposed = &policy(berger, &[]).json()["policy"]["proposed"];
    assert_eq!(
        (&proposed["administrators"], &proposed["compares"]),
        (&1.into(), &false.into())
    );
    keller.run(&["sync"]).ok();
    say(&keller, &["--administrators", "1", "--compare", "no"]);
    berger.run(&["sync"]).ok();
    policy(berger, &["--compare", "yes", "--yes"]).json();
    policy(berger, &["--compare", "no", "--yes"]).json();
    let decisions = berger.run(&["--json", "decision"]).json();
    assert_eq!(
        decisions["decisions"].as_array().unwrap().len(),
        0,
        "{decisions}"
    );
    berger.run(&["sync"]).ok();
    assert_eq!(policy(berger, &[]).json()["policy"]["compares"], false);
}

#[test]
fn who_waits_although_one_administrator_is_enough_by_now_is_not_said_to_wait_for_a_key() {
    let world = World::new();
    let berger = &world.berger;
    let keller = world.colleague("Urs Keller", "write");
    let zaugg = world.colleague("Rolf Zaugg", "write");
    berger
        .run(&["institution", "administrator", "Keller", "--yes"])
        .ok();
    berger.run(&["sync"]).ok();
    say(berger, &["--administrators", "2"]);
    berger
        .run(&["institution", "administrator", "Zaugg", "--yes"])
        .ok();
    say(berger, &["--administrators", "1"]);
    keller.run(&["sync"]).ok();
    say(&keller, &["--administrators", "1"]);
    berger.run(&["sync"]).ok();
    let page = berger.run(&["member", "waiting"]).ok().stdout;
    assert!(page.contains("Rolf Zaugg"), "{page}");
    assert!(!page.contains("holds no key"), "Berger holds it: {page}");
    assert!(page.contains("any administrator may now"), "{page}");
    let status = zaugg.run(&["--json", "status"]).json();
    let words = status["person_words"].as_str().unwrap();
    let (number, _) = the_one(berger);
    confirm(berger, &number, words).ok();
    berger.run(&["sync"]).ok();
    zaugg.run(&["sync"]).ok();
    assert!(administers(&zaugg), "any one of them may, as it says");
}

#[test]
fn one_administrator_alone_with_a_recovery_key_is_told_before_it_takes_two() {
    let world = World::new();
    let berger = &world.berger;
    let keller = world.colleague("Urs Keller", "write");
    let setup = [
        "recovery",
        "setup",
        "--threshold",
        "2",
        "--of",
        "2",
        "--custodian",
    ];
    let setup = [&setup[..], &["Berger", "--custodian", "Keller", "--yes"]].concat();
    berger.run(&setup).ok();
    berger.run(&["sync"]).ok();
    let two = ["institution", "policy", "--administrators", "2"];
    let dry = berger.run(&[&two[..], &["--dry-run"]].concat()).ok().stdout;
    assert!(dry.contains("Make a second administrator first"), "{dry}");
    let add = ["institution", "administrator", "Keller", "--yes"];
    berger.run(&add).ok();
    berger.run(&["sync"]).ok();
    keller.run(&["sync"]).ok();
    let said = berger.run(&[&two[..], &["--yes"]].concat()).ok();
    assert!(!said.stderr.contains("Make a second"), "{}", said.stderr);
}
