//! Consents through the real program: what is said before they are recorded and before they are
//! withdrawn, and whose rights follow.

mod support;

use serde_json::Value;
use support::{Home, World, grant, refused, sync_all};

const TEAM: &str = "Eingliederung";

fn give<'a>(case: &'a str, shares: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = [
        "--json", "consent", "give", case, "--read", shares, "--form", "paper",
    ];
    [&words[..], more].concat()
}

/// Records a consent on Berger's device; returns its identifier.
fn given(world: &World, case: &str, shares: &str) -> String {
    let answer = world.berger.run(&give(case, shares, &["--yes"])).json();
    assert_eq!(answer["done"], "given");
    answer["consent"].as_str().unwrap().to_owned()
}

fn explained(home: &Home, case: &str, section: &str) -> String {
    let words = ["share", "explain", case, section, "--for", "Iseli"];
    home.run(&words).ok().stdout
}

fn consents(home: &Home, case: &str) -> Value {
    home.run(&["--json", "consent", case]).json()
}

#[test]
fn before_a_consent_is_recorded_it_says_who_will_read_what_and_that_the_past_goes_along() {
    let world = World::new();
    let case = world.open_case();
    let shares = format!("function,plan={TEAM}");
    let words = give(&case, &shares, &["--until", "30.06.2099"]);
    let dry = [&words[1..], &["--dry-run"]].concat();
    let said = world.berger.run(&dry).ok().stdout;
    for part in [
        "1 person will read function, plan: Urs Iseli (IV-Stelle).",
        "Eingliederung (IV-Stelle, iv)",
        "history goes along",
        "also what was written before today",
        "30.06.2099",
        "cannot be taken back",
        "Nothing was done",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let data = world
        .berger
        .run(&[&words[..], &["--dry-run"]].concat())
        .json();
    assert_eq!(data["schema_version"], 1);
    assert_eq!(data["done"], "dry_run");
    assert_eq!(data["shares"][1]["role"], "read");
    assert_eq!(data["valid_until"], "2099-06-30");
    // Who cannot be asked has not agreed.
    refused(&world.berger.run(&words), 2, "confirmation_missing");
    assert_eq!(
        consents(&world.berger, &case)["consents"]["given"],
        serde_json::json!([])
    );
    assert!(explained(&world.berger, &case, "plan").starts_with("No:"));
}

#[test]
fn a_right_by_consent_names_it_and_ends_with_it_while_the_law_stays() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan", "read").json();
    let shares = format!("function,plan={TEAM}");
    let id = given(&world, &case, &shares);
    let name = &id[..8];
    assert!(explained(&world.berger, &case, "function").contains(&format!("consent {name}")));
    sync_all(&world);
    let iseli = &world.iseli;
    iseli.run(&["section", "show", &case, "function"]).ok();
    let why = explained(&world.berger, &case, "function");
    assert!(why.starts_with("Yes:"), "{why}");
    let covers = format!("Consent {name} (given by: client) covers it from");
    assert!(why.contains(&covers), "{why}");
    let list = world.berger.run(&["consent", &case]).ok().stdout;
    let covered = list.lines().filter(|line| line.contains("covered"));
    assert_eq!(covered.count(), 2, "{list}");
    assert!(list.contains(name) && list.contains("paper"), "{list}");

    // Whom it is about, what stays and why, before anything is done.
    let dry = ["consent", "withdraw", &case, "1", "--dry-run"];
    let said = world.berger.run(&dry).ok().stdout;
    for part in [
        "Will no longer read `function`: Urs Iseli (IV-Stelle).",
        "Can still read `plan`, by AVG35a1: Urs Iseli (IV-Stelle).",
        "What was delivered to them before stays readable to them",
        "Nothing was done",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let withdraw = ["--json", "consent", "withdraw", &case, name];
    refused(&world.berger.run(&withdraw), 2, "confirmation_missing");
    assert!(explained(&world.berger, &case, "function").starts_with("Yes:"));
    let done = world.berger.run(&[&withdraw[..], &["--yes"]].concat());
    let data = done.json();
    assert_eq!(
        (&data["done"], &data["schema_version"]),
        (&"withdrawn".into(), &1.into())
    );
    assert_eq!(data["sections"][0]["section"], "function");
    sync_all(&world);
    let why = explained(&world.berger, &case, "function");
    assert!(why.starts_with("No longer:"), "{why}");
    assert!(why.contains("it was withdrawn on"), "{why}");
    let plan = explained(&world.berger, &case, "plan");
    assert!(
        plan.starts_with("Yes:") && plan.contains("AVG35a1"),
        "{plan}"
    );
    let list = consents(&world.berger, &case);
    assert_eq!(list["coverage"][0]["covers_today"], false);
    assert_eq!(list["consents"]["withdrawn"].as_array().unwrap().len(), 1);
    let again = world.berger.run(&[&withdraw[..], &["--yes"]].concat());
    assert_eq!(again.json()["done"], "nothing");

    // Consent again: the right comes back with the new one.
    let new = given(&world, &case, &format!("function={TEAM}"));
    sync_all(&world);
    let why = explained(&world.berger, &case, "function");
    assert!(why.starts_with("Yes:") && why.contains(&new[..8]), "{why}");
}

#[test]
fn a_part_is_withdrawn_offline_and_the_rest_stays() {
    let mut world = World::new();
    let case = world.open_case();
    given(&world, &case, &format!("function,plan={TEAM}"));
    sync_all(&world);
    world.stop_relay();
    let only = format!("function={TEAM}");
    let words = [
        "--json", "consent", "withdraw", &case, "1", "--only", &only, "--yes",
    ];
    let data = world.berger.run(&words).json();
    assert_eq!(data["sections"].as_array().unwrap().len(), 1);
    let list = consents(&world.berger, &case);
    let today = |position: usize| list["coverage"][position]["covers_today"].clone();
    assert_eq!((today(0), today(1)), (false.into(), true.into()), "{list}");
    let waiting = world.berger.run(&["--json", "status"]).json();
    let waiting = waiting["waiting_decisions"].as_array().unwrap().len();
    assert_eq!(waiting, 1);
    let elsewhere = format!("tasks={TEAM}");
    let words = [
        "--json", "consent", "withdraw", &case, "1", "--only", &elsewhere, "--yes",
    ];
    assert_ne!(world.berger.run(&words).exit, 0);
}

#[test]
fn what_is_personal_is_typed_or_read_and_never_stands_on_the_command_line() {
    let world = World::new();
    let case = world.open_case();
    let share = format!("plan={TEAM}");
    for on_the_line in [&["Lejla"][..], &["--name", "Lejla"], &["--text", "Lejla"]] {
        let more = [on_the_line, &["--representative", "--yes"]].concat();
        let run = world.berger.run(&give(&case, &share, &more));
        refused(&run, 2, "value_on_command_line");
        assert!(!run.stderr.contains("Lejla"), "{}", run.stderr);
    }
    let unnamed = give(&case, &share, &["--representative", "--yes"]);
    refused(&world.berger.run(&unnamed), 2, "value_missing");
    let words = give(&case, &share, &["--representative", "--from", "-", "--yes"]);
    let typed = "Lejla Hadžić\nVollmacht im Ordner 3\n";
    world.berger.type_in(&words, typed).json();
    let list = world.berger.run(&["consent", &case]).ok().stdout;
    assert!(list.contains("Lejla Hadžić, representative"), "{list}");
    assert!(list.contains("Vollmacht im Ordner 3"), "{list}");
    let shown = world
        .berger
        .run(&["section", "show", &case, "consent"])
        .ok()
        .stdout;
    assert!(shown.contains("Lejla Hadžić"), "{shown}");
}

#[test]
fn what_is_not_clear_is_refused_and_nothing_is_recorded() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core", "read").json();
    let share = format!("plan={TEAM}");
    let cases: [(&str, &[&str], &str); 6] = [
        (TEAM, &[], "format"),
        ("genome=Eingliederung", &[], "unknown_section"),
        ("plan=Nobody", &[], "not_found"),
        (&share, &["--until", "01.01.2020"], "past"),
        (&share, &["--valid-from", "01.01.2099"], "future"),
        (&share, &["--until", "31.02.2099"], "no_such_day"),
    ];
    for (shares, more, code) in cases {
        let words = give(&case, shares, &[more, &["--yes"]].concat());
        let run = world.berger.run(&words);
        assert_eq!(run.error()["code"], code, "{}", run.stderr);
    }
    let mut nodded = give(&case, &share, &["--yes"]);
    nodded[7] = "nod";
    refused(&world.berger.run(&nodded), 2, "unknown_code");
    let unknown = ["--json", "consent", "withdraw", &case, "1", "--yes"];
    let run = world.berger.run(&unknown);
    assert_eq!(run.error()["code"], "not_found");
    assert_eq!(
        consents(&world.berger, &case)["coverage"],
        serde_json::json!([])
    );
    // Another institution sees neither whether there are consents, nor records any.
    sync_all(&world);
    let asked = world.iseli.run(&["--json", "consent", &case]);
    refused(&asked, 5, "not_found");
    let foreign = give(&case, "core=RAV Team", &["--yes"]);
    refused(&world.iseli.run(&foreign), 5, "no_right");
    given(&world, &case, &share);
}

#[test]
fn the_end_of_a_right_is_not_dropped_while_its_consent_is_withdrawn() {
    let world = World::new();
    let case = world.open_case();
    given(&world, &case, &format!("function={TEAM}"));
    grant(&world, &case, "plan", "read").json();
    sync_all(&world);
    let berger = &world.berger;
    let only_waiting = || {
        let list = berger.run(&["--json", "decision"]).json();
        let decisions = list["decisions"].as_array().unwrap().clone();
        assert_eq!(decisions.len(), 1, "{list}");
        decisions[0]["id"].as_str().unwrap().to_owned()
    };
    // Control: the end of a right by law is dropped.
    let by_law = ["share", "withdraw", &case, "plan", "--from", TEAM, "--yes"];
    berger.run(&by_law).ok();
    let drop = |id: &str| berger.run(&["--json", "decision", "drop", id, "--yes"]);
    assert_eq!(drop(&only_waiting()).json()["done"], "dropped");

    let withdraw = ["consent", "withdraw", &case, "1", "--yes"];
    berger.run(&withdraw).ok();
    let id = only_waiting();
    let refusal = drop(&id);
    refused(&refusal, 6, "consent_withdrawn");
    assert!(
        refusal.error()["next"]
            .as_str()
            .unwrap()
            .contains("consent give"),
        "{}",
        refusal.stderr
    );
    assert_eq!(only_waiting(), id, "it still waits");

    // Who agrees again gives a new consent; the end of the old right still goes out, and the new
    // right stands.
    let new = given(&world, &case, &format!("function={TEAM}"));
    sync_all(&world);
    let why = explained(berger, &case, "function");
    assert!(why.starts_with("Yes:") && why.contains(&new[..8]), "{why}");
    let decided = berger.run(&["--json", "decision"]).json();
    assert_eq!(decided["decisions"], serde_json::json!([]));
}
