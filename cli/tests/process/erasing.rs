//! Erasing a case, through the real program.

use super::{close, share};
use crate::support::{Home, Run, World, refused};

fn erase(home: &Home, words: &[&str]) -> Run {
    home.run(&[&["--json", "case", "erase", "ruth"], words].concat())
}

/// The number of the only case, as the list says.
fn number(home: &Home) -> (String, String) {
    let list = home.run(&["--json", "case", "list", "--all"]).json();
    let case = &list["cases"][0];
    let text = |field: &str| case[field].as_str().unwrap().to_owned();
    (text("case_number"), text("id"))
}

#[test]
fn a_case_is_erased_with_its_number_typed_back_and_everybody_sees_who_has_confirmed() {
    let world = World::new();
    world.open_case();
    share(&world, "core,journal");
    let (berger, iseli) = (&world.berger, &world.iseli);
    let (case, id) = number(berger);
    let mistake = ["--reason", "opened_by_mistake"];
    let not_closed = erase(berger, &mistake);
    refused(&not_closed, 2, "not_closed");
    assert!(
        not_closed.stderr.contains("nahtlos case close ruth"),
        "{}",
        not_closed.stderr
    );
    close(berger, &["--reason", "opened_by_mistake", "--yes"]).ok();
    let not_delivered = erase(berger, &mistake);
    refused(&not_delivered, 2, "not_synchronised");
    let next = not_delivered.error()["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("Run `nahtlos sync`"), "{next}");
    share_nothing_but_sync(&world);

    // What it would do, and what it does not reach.
    refused(
        &erase(berger, &["--reason", "retention_ended"]),
        2,
        "retention",
    );
    refused(&erase(iseli, &mistake), 5, "no_right");
    let dry = [
        "case",
        "erase",
        "ruth",
        "--reason",
        "opened_by_mistake",
        "--dry-run",
    ];
    let seen = berger.run(&dry).ok();
    for word in [
        case.as_str(),
        "journal",
        "Iseli",
        "Not reached",
        "bundles",
        "--dry-run",
    ] {
        assert!(seen.stdout.contains(word), "{word}: {}", seen.stdout);
    }
    let unasked = erase(berger, &mistake);
    refused(&unasked, 2, "confirmation_missing");
    assert!(unasked.stderr.contains("--confirm"), "{}", unasked.stderr);
    let other = [&mistake[..], &["--confirm", "BE-2026-001-AA-0009-X"]].concat();
    refused(&erase(berger, &other), 2, "confirmation_differs");
    assert_eq!(
        berger.run(&["--json", "decision"]).json()["decisions"],
        serde_json::json!([])
    );

    let typed = [&mistake[..], &["--confirm", &case]].concat();
    // Decided, seen everywhere, and taken back whole.
    refused(&erase(berger, &["--take-back"]), 2, "not_decided");
    erase(berger, &typed).ok();
    let shown = berger.run(&["--json", "case", "show", "ruth"]).json();
    assert_eq!(shown["erasure_decided"], true);
    let text = |words: &[&str]| {
        let run = berger.run(words).ok();
        run.stdout + &run.stderr
    };
    for words in [
        &["case", "show", "ruth"][..],
        &["case", "list", "--all"],
        &["status"],
    ] {
        let said = text(words);
        assert!(
            said.contains("--take-back") && said.contains("decided"),
            "{words:?}: {said}"
        );
    }
    let back = erase(berger, &["--take-back"]).json();
    assert_eq!(back["done"], "taken_back");
    assert_eq!(
        berger.run(&["--json", "decision"]).json()["decisions"],
        serde_json::json!([])
    );
    for words in [
        &["case", "show", "ruth"][..],
        &["case", "list", "--all"],
        &["status"],
    ] {
        assert!(!text(words).contains("--take-back"), "{words:?}");
    }
    share_nothing_but_sync(&world);
    assert_eq!(number(iseli).1, id, "nothing was erased");
    let said = erase(berger, &typed).ok();
    assert_eq!(said.json()["erasure"]["case"], id.as_str());
    berger.run(&["sync"]).ok();
    let list = berger.run(&["--json", "case", "list", "--erased"]).json();
    assert_eq!(list["erased"][0]["id"], id.as_str());
    let shown = berger.run(&["case", "show", &id[..8]]).ok().stdout;
    for word in [
        "irrtümlich eröffnet",
        "ouvert par erreur",
        "Iseli",
        "not confirmed",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(
        !shown.contains("Mosimann") && !shown.contains(&case),
        "{shown}"
    );
    refused(
        &berger.run(&["--json", "case", "show", "ruth"]),
        1,
        "not_found",
    );
    let log = berger.run(&["--json", "case", "access-log", &id]);
    refused(&log, 1, "case_erased");

    let told = iseli.run(&["sync"]).ok();
    assert!((told.stdout + &told.stderr).contains("erased a case"));
    assert_eq!(
        iseli.run(&["--json", "case", "list", "--all"]).json()["cases"],
        serde_json::json!([])
    );
    berger.run(&["sync"]).ok();
    let shown = berger.run(&["case", "show", &id]).ok().stdout;
    assert!(!shown.contains("not confirmed"), "{shown}");
}

/// Berger attaches a letter to the journal, which Iseli reads; then the case is erased.
#[test]
fn an_attached_file_is_saved_on_both_devices_and_given_back_by_neither_once_its_case_is_erased() {
    let world = World::new();
    world.open_case();
    share(&world, "core,journal");
    let (berger, iseli) = (&world.berger, &world.iseli);
    let (case, id) = number(berger);
    let letter = world.file("brief.txt");
    std::fs::write(&letter, "Einladung zum Gespräch").unwrap();
    let added = berger
        .run(&["--json", "attachment", "add", "ruth", "journal", &letter])
        .json();
    let file = added["attachment"].as_str().unwrap().to_owned();
    share_nothing_but_sync(&world);
    for (home, to) in [(berger, "berger.txt"), (iseli, "iseli.txt")] {
        let to = world.file(to);
        home.run(&["attachment", "save", "ruth", &file, "--to", &to])
            .ok();
        assert_eq!(
            std::fs::read_to_string(&to).unwrap(),
            "Einladung zum Gespräch"
        );
    }
    close(berger, &["--reason", "opened_by_mistake", "--yes"]).ok();
    share_nothing_but_sync(&world);
    erase(
        berger,
        &["--reason", "opened_by_mistake", "--confirm", &case],
    )
    .ok();
    share_nothing_but_sync(&world);
    for home in [berger, iseli] {
        let to = world.file("danach.txt");
        for words in [
            vec!["--json", "attachment", "save", &id, &file, "--to", &to],
            vec!["--json", "attachment", "list", &id],
            vec!["--json", "attachment", "remove", &id, &file, "--yes"],
        ] {
            refused(&home.run(&words), 1, "case_erased");
        }
        assert!(!std::path::Path::new(&to).exists());
    }
}

/// Both devices have all that the other has.
fn share_nothing_but_sync(world: &World) {
    for home in [&world.berger, &world.iseli, &world.berger] {
        home.run(&["sync"]).ok();
    }
}

#[test]
fn a_retention_list_of_ones_own_counts_and_a_wrong_one_erases_nothing() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    home.run(&["sync"]).ok();
    close(home, &["--reason", "moved_away", "--yes"]).ok();
    home.run(&["sync"]).ok();
    let ended = ["--reason", "retention_ended", "--dry-run"];
    refused(&erase(home, &ended), 2, "retention");
    let provided = include_str!("../../../core/casework/data/retention.json");
    let file = home.path.join("retention.json");
    let at_once = provided.replace("\"years_otherwise\": 10", "\"years_otherwise\": 0");
    std::fs::write(&file, at_once).unwrap();
    erase(home, &ended).ok();
    std::fs::write(&file, provided.replace("\"years\": 15", "\"years\": 1500")).unwrap();
    refused(&erase(home, &ended), 2, "years");
}
