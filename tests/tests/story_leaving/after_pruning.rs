//! Step 2, later: the relay has dropped the edits that a snapshot covers, those of who left among them.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::scene::*;
use crate::story::{Stage, text_of};

/// Long notes that together outweigh what a snapshot is made for.
const LONG_NOTES: u64 = 10;
const LONG_NOTE_CHARACTERS: usize = 9_900;
const PRUNING_TIMEOUT: Duration = Duration::from_secs(30);

/// A text that does not compress: letters by a linear congruence.
fn long_note(number: u64) -> String {
    let mut state = number.wrapping_add(1);
    let mut letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from_u32(0x4e00 + (state >> 33) as u32 % 20_000).unwrap()
    };
    (0..LONG_NOTE_CHARACTERS).map(|_| letter()).collect()
}

/// Edits whose bytes the relay has no more.
fn dropped(stage: &Stage) -> i64 {
    let file = stage.path("relay").join("relay.sqlite");
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let lacking = "SELECT count(*) FROM envelope WHERE kind = 1 AND sequence NOT IN (SELECT sequence FROM body)";
    connection.query_row(lacking, [], |row| row.get(0)).unwrap()
}

fn wait_until_dropped(stage: &Stage) {
    let begun = Instant::now();
    while dropped(stage) == 0 {
        assert!(begun.elapsed() < PRUNING_TIMEOUT, "nothing was dropped");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// 2: Trachsel goes on writing; his device makes a snapshot, Iseli's attests it, and the relay drops what it
/// covers. Who joins the team then reads what Rüegg wrote, under her name, by the word of those two.
#[test]
fn story_s3_after_pruning_her_entries_still_show_her_by_the_word_of_who_signed_the_snapshot() {
    let mut story = Leaving::people(TEAM, &["--retention-days", "0"]);
    story.open_cases(1);
    share_with_iv(&story.ruegg, "journal");
    sync(&story.everybody());
    sync(&story.everybody());
    let devices = [&story.trachsel, &story.iseli, &story.lanz].map(Clone::clone);
    let [trachsel, iseli, lanz] = &devices;
    assert!(has(iseli, "Mosimann", EARLY), "control");
    story.remove_ruegg();
    sync(&[trachsel]);
    let hand_over = ["case", "handover", "--from", "Rüegg", "--to", "Trachsel"];
    trachsel.done(&[&hand_over[..], &["--yes"]].concat());
    sync(&[trachsel, iseli, lanz]);
    story.stage.relay.stop();
    story.stage.relay.restart();
    assert_eq!(dropped(&story.stage), 0, "control: no snapshot yet");

    for number in 0..LONG_NOTES {
        note(trachsel, "Mosimann", &long_note(number));
    }
    for _ in 0..2 {
        sync(&[trachsel, iseli]);
    }
    story.stage.relay.stop();
    story.stage.relay.restart();
    wait_until_dropped(&story.stage);

    let file = text_of(&story.stage.path("invitation-late"));
    let invite = ["member", "invite", "--team", TEAM, "--to", &file];
    lanz.done(&[&invite[..], &["--role", "write"]].concat());
    sync(&[lanz]);
    let luethi = story.stage.device("device-6");
    let join = ["member", "join", "--invitation", &file];
    let words = ["--person", "Beat Lüthi", "--function", "officer"];
    luethi.done(&[&join[..], &words].concat());
    sync(&[lanz, &luethi, trachsel, &luethi]);
    let read = entries(&luethi, "Mosimann");
    let early = read.iter().find(|one| one["text"] == EARLY).unwrap();
    assert!(early.to_string().contains("Nora Rüegg"), "{early}");
    assert_eq!(read, entries(trachsel, "Mosimann"), "and all the rest");

    // Her device says whose word that is; a device that has the originals needs nobody's.
    let history = ["section", "history", "Mosimann", "journal"];
    let signers = luethi.json(&history)["snapshot"].clone();
    assert_eq!(signers["made_by"], "Ueli Trachsel", "{signers}");
    assert_eq!(signers["attested_by"][0], "Marc Iseli", "{signers}");
    let told = luethi.done(&history);
    stderr_says(
        &told,
        "Ueli Trachsel made and signed it, attested by Marc Iseli",
    );
    assert!(trachsel.json(&history)["snapshot"].is_null(), "control");
    assert!(
        luethi.run(&["doctor"]).exit == 0,
        "{:?}",
        luethi.run(&["doctor"])
    );
    note(&luethi, "Mosimann", AFTER);
    sync(&[&luethi, trachsel]);
    assert!(has(trachsel, "Mosimann", AFTER));
}
