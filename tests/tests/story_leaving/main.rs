//! Story S3, a caseworker leaves, through the real programs: one relay process, one home for each device,
//! sockets and files. The hand-over is of the story's 63 cases; what needs one case has one.

mod after_pruning;
mod opened_by_custodians;
mod ordered_by_who_reads_nothing;
mod scene;
#[path = "../story/mod.rs"]
mod story;
mod two_leads;

use scene::*;
use story::exit;

#[test]
fn story_s3_a_caseworker_leaves_and_her_deputy_takes_over() {
    let story = Leaving::begin(CASES);
    let Leaving {
        stage,
        lanz,
        ruegg,
        trachsel,
        wyss,
        iseli,
        numbers,
    } = &story;

    // Rüegg's laptop has edits of eight cases that nobody has; then she is removed, and everything gets a
    // new key.
    let (late, conflicts) = (
        &numbers[1..=LATE_EDITS],
        &numbers[CASES - CONFLICTS_OF_INTEREST..],
    );
    for number in late {
        note(ruegg, number, LATE);
    }
    for number in conflicts {
        wyss.done(&["case", "recuse", number, "Trachsel"]);
    }
    sync(&[wyss, lanz, trachsel]);
    let dry = lanz
        .done(&["member", "remove", "Rüegg", "--team", TEAM, "--dry-run"])
        .stdout;
    assert!(
        dry.contains("leads 63 cases") && dry.contains("1 device"),
        "{dry}"
    );
    let removed = story.remove_ruegg();
    // The team, the institution, the network, and six sections of each case.
    assert_eq!(removed["rotation"]["rotated"], 3 + 6 * CASES, "{removed}");

    // 1: the custodian orders it; the deputy's device lists it: 63 cases, of which two are excluded.
    lanz.done(&[
        "case", "handover", "--from", "Rüegg", "--to", "Trachsel", "--order", "--yes",
    ]);
    sync(&[lanz, trachsel]);
    let status = trachsel.json(&["status"]);
    assert_eq!(
        status["attention"][0]["code"], "handover_ordered",
        "{status}"
    );
    let listed = trachsel.json(&["case", "handover", "--ordered", "--dry-run"]);
    assert_eq!(listed["plans"][0]["order"]["ordered_by"], "Eva Lanz");
    let plan = &listed["plans"][0]["plan"];
    let (handed, kept) = numbers.split_at(CASES - CONFLICTS_OF_INTEREST);
    assert_eq!(codes(plan, "cases"), handed);
    assert_eq!(codes(plan, "excluded"), kept);
    for one in plan["excluded"].as_array().unwrap() {
        assert_eq!(one["because"], "conflict_of_interest");
    }
    let words = ["case", "handover", "--from", "Rüegg", "--to", "Trachsel"];
    let same = trachsel.json(&[&words[..], &["--dry-run"]].concat());
    assert_eq!(same["plans"][0]["plan"], *plan);
    assert_eq!(led_by(trachsel, "Nora Rüegg"), *numbers, "nothing was done");

    // 2: carried out; a second run finds nothing left.
    let done = trachsel.run(&["case", "handover", "--ordered", "--yes"]);
    let done = done.expect_exit(exit::HELD, &["two cases stay"]);
    assert!(
        done.stdout.contains("Handed over: 61 cases."),
        "{}",
        done.stdout
    );
    let again = trachsel.run(&["case", "handover", "--ordered", "--yes", "--json"]);
    let again = again.expect_exit(exit::HELD, &["two cases stay"]);
    assert!(
        again.stdout.contains(r#""done": "nothing""#),
        "{}",
        again.stdout
    );
    sync(&[trachsel, lanz, wyss, iseli]);
    for device in [trachsel, lanz, wyss] {
        assert_eq!(led_by(device, "Ueli Trachsel"), handed);
        assert_eq!(led_by(device, "Nora Rüegg"), kept);
    }
    let old = entries(trachsel, "Mosimann");
    let old = old.iter().find(|one| one["text"] == EARLY).unwrap();
    assert!(old.to_string().contains("Nora Rüegg"), "{old}");
    note(trachsel, "Mosimann", AFTER);
    sync(&[trachsel, wyss]);
    assert!(has(wyss, "Mosimann", AFTER), "control");

    // 4: the laptop syncs two days later. What the relay had accepted stays; its late edits are held and
    // offered; later ones are refused.
    let told = ruegg.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    stderr_says(&told, "No longer permitted");
    assert!(!has(ruegg, "Mosimann", AFTER), "nothing newer");
    let words = ["journal", "add", &late[0], "--json"];
    ruegg
        .type_in(&words, "Zu spät")
        .is_refusal(exit::NO_RIGHT, "no_right", &words);
    let told = trachsel.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    stderr_says(&told, "held");
    let waiting = held(trachsel);
    assert_eq!(waiting.len(), LATE_EDITS, "{waiting:?}");
    for one in &waiting {
        assert_eq!(one["author"], "Nora Rüegg");
        trachsel.done(&["held", "adopt", one["id"].as_str().unwrap(), "--yes"]);
    }
    sync(&[trachsel, wyss]);
    assert!(late.iter().all(|number| has(wyss, number, LATE)));
    assert!(has(wyss, "Mosimann", EARLY));
    let before = ruegg.json(&["device", "wipe", "--dry-run"]);
    assert_eq!(before["loses_something"], false, "{before}");
    assert_eq!(before["wipe"]["held_elsewhere"], LATE_EDITS);
    ruegg.done(&["device", "wipe", "--yes"]);
    assert!(!ruegg.home.exists());

    let markers = [EARLY, LATE, AFTER, "Mosimann", "Rüegg", &numbers[0]].map(str::to_owned);
    nothing_stands_on_any_disk(
        stage,
        &["device-1", "device-2", "device-4", "device-5"],
        &markers,
    );
}
