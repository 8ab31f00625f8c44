//! Newcomers for whom somebody must stand: shown, confirmed after comparing a fingerprint, refused.

mod support;

use serde_json::Value;
use support::{Home, World, grant, refused, sync_all, with};

fn reads(home: &Home, case: &str, section: &str, text: &str) -> bool {
    let run = home.run(&["section", "show", case, section]);
    run.exit == 0 && run.stdout.contains(text)
}

/// What `member waiting` shows as JSON, by the name of what it is in.
fn waiting(home: &Home) -> Vec<(String, Value)> {
    let list = home.run(&["--json", "member", "waiting"]).json();
    let rows = list["waiting"].as_array().unwrap().iter();
    let named = rows.map(|row| (row["in_space"].as_str().unwrap().to_owned(), row.clone()));
    named.collect()
}

fn of<'a>(waiting: &'a [(String, Value)], section: &str) -> &'a Value {
    let found = waiting.iter().find(|(place, _)| place == section);
    &found
        .unwrap_or_else(|| panic!("{section} in {waiting:?}"))
        .1
}

/// Trachsel, who managed, was removed; the relay was restored from a backup that did not know it yet and
/// took two grants of his. Berger's device brought the removal back.
fn suspended() -> (World, Home, String) {
    let mut world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "manage");
    let case = world.open_case();
    grant(&world, &case, "core", "read").json();
    sync_all(&world);
    trachsel.run(&["sync"]).ok();
    let backup = world.back_up_relay();
    let remove = [
        "member", "remove", "Trachsel", "--team", "RAV Team", "--yes",
    ];
    world.berger.run(&remove).ok();
    world.berger.run(&["sync"]).ok();
    world.restore_relay(&backup);
    // The restored relay gives out numbers of its journal again: what comes at a number above the
    // removal's is late.
    let opening = ["case", "open", "--yes", "--from", "-"];
    world.iseli.type_in(&opening, support::CASE_FILE).ok();
    world.iseli.run(&["sync"]).ok();
    trachsel
        .run(&[
            "share",
            "grant",
            &case,
            "--section",
            "plan,journal",
            "--to",
            "Eingliederung",
            "--role",
            "read",
            "--basis",
            "AVG35a1",
            "--yes",
        ])
        .ok();
    trachsel.run(&["sync"]);
    for home in [&world.berger, &world.berger, &world.iseli, &world.berger] {
        home.run(&["sync"]);
    }
    (world, trachsel, case)
}

/// Both sync; what Trachsel wrote after his removal may be held.
fn sync_both(world: &World) {
    for home in [&world.berger, &world.iseli, &world.berger, &world.iseli] {
        let run = home.run(&["sync"]);
        assert!([0, 3].contains(&run.exit), "{}{}", run.stdout, run.stderr);
    }
}

/// Neither who was added nor who added them decides; they are told who does.
fn assert_not_theirs(home: &Home, number: &str) {
    home.run(&["sync"]);
    let list = waiting(home);
    let may = |row: &Value| row["can_confirm"] == true || row["can_refuse"] == true;
    assert!(!list.iter().any(|(_, row)| may(row)), "{list:?}");
    let confirm = ["--json", "member", "confirm", number, "--fingerprint", "x"];
    let refuse = ["--json", "member", "refuse", number, "--yes"];
    for words in [&confirm[..], &refuse] {
        let run = home.run(words);
        refused(&run, 5, "no_right");
        let error = run.error();
        assert!(
            error["why"].to_string().contains("somebody who manages it"),
            "{error}"
        );
        assert!(
            error["next"].to_string().contains("nahtlos member waiting"),
            "{error}"
        );
    }
}

#[test]
fn of_two_grants_by_somebody_removed_one_is_confirmed_by_fingerprint_and_one_refused() {
    let (world, trachsel, case) = suspended();
    let (berger, iseli) = (&world.berger, &world.iseli);
    let typed = |section: &[&str], text: &str| {
        let words = [section, &["--from", "-"]].concat();
        berger.type_in(&words, text).ok();
    };
    let entry = ["journal", "add", case.as_str(), "--kind", "call"];
    let situation = ["plan", "set", case.as_str(), "situation"];
    typed(&entry, "Vor dem Entscheid notiert.");
    typed(&situation, "Vor dem Entscheid geplant.");
    sync_both(&world);

    // Shown: who, where, by whom, why, and what is next.
    let list = berger.run(&["member", "waiting"]).ok();
    for part in [
        "Eingliederung",
        "plan",
        "journal",
        "Beat Trachsel",
        "had no right any more",
    ] {
        assert!(list.stdout.contains(part), "{part}: {}", list.stdout);
    }
    for part in [
        "nahtlos status",
        "member confirm NUMBER",
        "member refuse NUMBER",
    ] {
        assert!(list.stderr.contains(part), "{part}: {}", list.stderr);
    }
    let status = berger.run(&["status"]).ok().stdout;
    assert!(status.contains("nahtlos member waiting"), "{status}");
    let found = waiting(berger);
    assert_eq!(found.len(), 2, "{found:?}");
    for section in ["plan", "journal"] {
        assert_eq!(of(&found, section)["reason"], "suspended");
        assert_eq!(of(&found, section)["can_confirm"], true);
        assert!(
            !reads(iseli, &case, section, "Vor dem Entscheid"),
            "{section}"
        );
        assert!(
            reads(berger, &case, section, "Vor dem Entscheid"),
            "control"
        );
    }
    assert!(reads(iseli, &case, "core", "Mosimann"), "control");

    for home in [iseli, &trachsel] {
        assert_not_theirs(home, of(&found, "plan")["grant"].as_str().unwrap());
    }

    // What is compared stands on the other's own device.
    let plan = of(&found, "plan")["grant"].as_str().unwrap();
    let journal = of(&found, "journal")["grant"].as_str().unwrap();
    let theirs = iseli.run(&["--json", "status"]).json();
    let fingerprint = theirs["team_fingerprint"].as_str().unwrap().to_owned();
    assert!(iseli.run(&["status"]).ok().stdout.contains(&fingerprint));
    assert_eq!(of(&found, "plan")["fingerprint"], fingerprint.as_str());

    let confirm = ["--json", "member", "confirm", &plan[..8], "--fingerprint"];
    let own = berger.run(&["--json", "status"]).json();
    let other = own["team_fingerprint"].as_str().unwrap();
    let wrong = berger.run(&with(&confirm, &[other]));
    refused(&wrong, 5, "other_fingerprint");
    let said = wrong.error().to_string();
    assert!(said.contains("nobody was confirmed"), "{said}");
    assert!(said.contains("member refuse"), "{said}");
    let unasked = berger.run(&["--json", "member", "confirm", &plan[..8]]);
    assert_eq!(unasked.exit, 2, "{}", unasked.stderr);
    assert!(
        unasked.error()["next"]
            .to_string()
            .contains("--fingerprint"),
        "{}",
        unasked.stderr
    );
    let nobody = berger.run(&["--json", "member", "confirm", "ffff", "--fingerprint", "x"]);
    refused(&nobody, 1, "not_found");
    assert_eq!(waiting(berger).len(), 2, "nothing was decided");

    // As people write what they hear.
    let heard = fingerprint
        .replace('-', " ")
        .replace('0', "o")
        .to_lowercase();
    let done = berger.run(&with(&confirm, &[&heard])).json();
    assert_eq!(done["done"], "confirmed");
    let refuse = ["member", "refuse", &journal[..8]];
    refused(
        &berger.run(&with(&["--json"], &refuse)),
        2,
        "confirmation_missing",
    );
    let dry = berger.run(&with(&refuse, &["--dry-run"])).ok().stdout;
    assert!(
        dry.contains("Eingliederung") && dry.contains("Nothing was done"),
        "{dry}"
    );
    let done = berger.run(&with(&refuse, &["--yes"])).ok();
    assert!(
        done.stdout.contains("Refused: Eingliederung in journal"),
        "{}",
        done.stdout
    );
    assert!(done.stderr.contains("nahtlos sync"), "{}", done.stderr);
    sync_both(&world);

    typed(&entry, "Nach dem Entscheid notiert.");
    typed(&situation, "Nach dem Entscheid geplant.");
    sync_both(&world);
    assert_eq!(waiting(berger), []);
    for text in ["Pflege", "Nach dem Entscheid geplant"] {
        assert!(reads(iseli, &case, "plan", text), "confirmed: {text}");
    }
    for text in ["Vor dem Entscheid notiert", "Nach dem Entscheid notiert"] {
        assert!(!reads(iseli, &case, "journal", text), "refused: {text}");
        assert!(reads(berger, &case, "journal", text), "control");
    }
    let late = berger.run(&with(&["--json"], &with(&refuse, &["--yes"])));
    refused(&late, 1, "not_found");
}
