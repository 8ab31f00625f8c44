//! Step 1, as it is told: the custodian who signs the order reads no case.

use crate::scene::*;
use crate::story::{Device, exit};

fn reads_nothing(device: &Device) {
    let listed = device.json(&["case"]);
    assert_eq!(listed["cases"].as_array().unwrap().len(), 0, "{listed}");
    device.refused(&["case", "show", "Mosimann"], exit::FAILED, "not_found");
}

/// 1: Lanz manages the institution and is in no team. She orders; Trachsel's device is told, lists and carries
/// out; she reads nothing before, meanwhile or afterwards.
#[test]
fn story_s3_who_reads_nothing_orders_a_hand_over_and_the_deputys_device_is_told_and_carries_it_out()
{
    let mut story = Leaving::people(TEAM, &[]);
    story.lanz_reads_nothing();
    story.open_cases(CLIENTS.len());
    let Leaving {
        stage,
        lanz,
        ruegg,
        trachsel,
        wyss,
        iseli,
        numbers,
    } = &story;
    reads_nothing(lanz);
    wyss.done(&["case", "recuse", &numbers[2], "Trachsel"]);
    sync(&[wyss, trachsel, lanz]);

    // She is told why her device finds none, and what she can do; the deputy is told nothing yet.
    let hand_over = ["case", "handover", "--from", "Rüegg", "--to", "Trachsel"];
    let told = lanz.done(&[&hand_over[..], &["--dry-run"]].concat()).stdout;
    assert!(
        told.contains("reads no case that Nora Rüegg leads"),
        "{told}"
    );
    assert!(told.contains("--order`"), "{told}");
    let before = trachsel.done(&["sync"]).stderr;
    assert!(!before.contains("handover"), "control: {before}");
    lanz.done(&[&hand_over[..], &["--order", "--yes"]].concat());
    sync(&[lanz]);
    let told = trachsel.done(&["sync"]);
    stderr_says(
        &told,
        "Eva Lanz ordered that you take over the cases of Nora Rüegg: 2 cases",
    );
    stderr_says(&told, "`nahtlos case handover --ordered --dry-run`");

    // She ends Rüegg's right, too. No key of the cases is hers to make, and it says whose.
    let words = [
        "member", "remove", "Rüegg", "--team", TEAM, "--now", "--yes",
    ];
    let removed = lanz.run(&words);
    assert!(removed.exit == exit::DONE || removed.exit == exit::HELD);
    stderr_says(&removed, "left to Pia Wyss, Ueli Trachsel: 1");
    sync(&[lanz, trachsel]);
    let listed = trachsel.json(&["case", "handover", "--ordered", "--dry-run"]);
    assert_eq!(listed["plans"][0]["order"]["ordered_by"], "Eva Lanz");
    let plan = &listed["plans"][0]["plan"];
    assert_eq!(codes(plan, "cases"), numbers[..2]);
    assert_eq!(plan["excluded"][0]["because"], "conflict_of_interest");

    // 2: the sections have new keys that Rüegg's laptop does not hold.
    trachsel
        .run(&["case", "handover", "--ordered", "--yes"])
        .expect_exit(exit::HELD, &["one case stays"]);
    sync(&[trachsel, wyss, lanz, iseli]);
    assert_eq!(led_by(wyss, "Ueli Trachsel"), numbers[..2]);
    note(trachsel, "Mosimann", AFTER);
    sync(&[trachsel, wyss]);
    assert!(has(wyss, "Mosimann", AFTER), "control");
    let _told_that_it_ended = ruegg.run(&["sync"]);
    assert!(has(ruegg, "Mosimann", EARLY), "what she had");
    assert!(!has(ruegg, "Mosimann", AFTER));
    let quiet = trachsel.done(&["sync"]).stderr;
    assert!(!quiet.contains("ordered"), "carried out: {quiet}");
    reads_nothing(lanz);

    let markers = [EARLY, AFTER, "Mosimann", "Rüegg", &numbers[0]].map(str::to_owned);
    let homes = ["device-1", "device-3", "device-4", "device-5"];
    nothing_stands_on_any_disk(stage, &homes, &markers);
}
