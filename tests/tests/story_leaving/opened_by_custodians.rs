//! Step 5: a team that nobody can open any more.

use crate::scene::*;
use crate::story::{exit, text_of};

/// 5: Rüegg was alone in a team of hers; Lanz, who founded it, had left it, and the recovery key covers it.
#[test]
fn story_s3_a_case_that_only_her_vanished_team_could_open_is_opened_by_two_of_three_custodians() {
    const HER_TEAM: &str = "Fachstelle Wohnen";
    let story = Leaving::people(HER_TEAM, &[]);
    let Leaving {
        stage,
        lanz,
        ruegg,
        trachsel,
        wyss,
        iseli,
        ..
    } = &story;
    let everybody = story.everybody();
    let set_up = [
        "recovery",
        "setup",
        "--threshold",
        "2",
        "--of",
        "3",
        "--yes",
    ];
    let custodians = [
        "--custodian",
        "Lanz",
        "--custodian",
        "Trachsel",
        "--custodian",
        "Wyss",
    ];
    lanz.done(&[&set_up[..], &custodians].concat());
    sync(&everybody);
    sync(&everybody);
    for custodian in [lanz, trachsel, wyss] {
        custodian.done(&["recovery", "verify"]);
    }
    ruegg.done(&["member", "remove", "Lanz", "--team", HER_TEAM, "--yes"]);
    sync(&everybody);
    open_case(stage, ruegg, "Mosimann");
    note(ruegg, "Mosimann", EARLY);
    sync(&[ruegg]);
    share_with_iv(ruegg, "core,journal");
    sync(&everybody);
    assert!(has(iseli, "Mosimann", EARLY), "control");

    // Her laptop is gone. No custodian reads the case, and one share opens nothing.
    std::fs::remove_dir_all(&ruegg.home).unwrap();
    for custodian in [lanz, trachsel, wyss] {
        custodian.refused(&["case", "show", "Mosimann"], exit::FAILED, "not_found");
    }
    let words = [
        "recovery", "use", "--for", "Lanz", "--team", HER_TEAM, "--yes",
    ];
    lanz.refused(&words, exit::FAILED, "shares_too_few");
    let share = text_of(&stage.path("trachsel.share"));
    trachsel.done(&["recovery", "share", "--for", "Lanz", "--to", &share]);
    let with_share = ["--share", share.as_str()];
    let dry = ["recovery", "verify", "--share", &share];
    assert!(
        lanz.done(&dry)
            .stdout
            .contains("Eva Lanz and Ueli Trachsel are right, and enough")
    );
    lanz.refused(&["case", "show", "Mosimann"], exit::FAILED, "not_found");

    lanz.done(&[&words[..], &with_share].concat());
    assert!(has(lanz, "Mosimann", EARLY));
    note(lanz, "Mosimann", AFTER);
    sync(&[lanz]);
    // The other institution is told, once, and finds it listed; it reads what comes.
    let told = iseli.done(&["sync"]);
    let sentence = format!(
        "the recovery key of Sozialdienst Oberes Emmental was used: Eva Lanz was let into {HER_TEAM}"
    );
    stderr_says(&told, &sentence);
    let again = iseli.done(&["sync"]).stderr;
    assert!(!again.contains("was used"), "once: {again}");
    let uses = iseli.json(&["recovery"])["uses"].clone();
    assert_eq!(uses.as_array().unwrap().len(), 1, "{uses}");
    assert_eq!(uses[0]["person"], "Eva Lanz");
    assert_eq!(uses[0]["group"], HER_TEAM);
    assert!(has(iseli, "Mosimann", AFTER));

    let markers = [EARLY, AFTER, "Mosimann", "Rüegg"].map(str::to_owned);
    nothing_stands_on_any_disk(
        stage,
        &["device-1", "device-2", "device-4", "device-5"],
        &markers,
    );
}
