//! A change of the passphrase and a backup, each killed or failing at every point.

use crate::fault::{Fault, Log, Point, Watched, chosen};
use crate::story::{exit, write_private};
use crate::theatre::{Kept, Theatre, beside, run, said};
use nahtlos_client::ClientError;
use nahtlos_client::Nahtlos;
use nahtlos_client::vault::VaultError;
use nahtlos_tests::PASSPHRASE;

/// Points that a normal run takes: each turns passphrases into keys several times.
const MOST: usize = 12;

const NEW_PASSPHRASE: &str = "five other synthetic words of a test";

struct Ended {
    exit: Option<i32>,
    stderr: String,
    log: Log,
}

fn play(theatre: &Theatre, watched: &Watched, words: &[&str], point: Option<Point>) -> Ended {
    let new = beside(&theatre.world, "new-passphrase");
    write_private(&new, NEW_PASSPHRASE);
    let mut command = theatre.command("berger");
    command.args(words).arg("--json");
    command.env("NAHTLOS_NEW_PASSPHRASE_FILE", new);
    watched.arm(&mut command, point);
    let output = run(&mut command, "");
    let stderr = said(&output);
    assert!(!stderr.contains("panicked"), "{stderr}");
    if point.is_some_and(|point| point.fault == Fault::PowerCut) {
        watched.cut_power();
    }
    Ended {
        exit: output.status.code(),
        stderr,
        log: watched.log(),
    }
}

/// Which passphrase opens Berger's vault: exactly one, and everything in it is whole.
fn opens_with_the_new_one(theatre: &Theatre, at: &str) -> bool {
    let home = theatre.directory("berger");
    let open = |passphrase: &[u8]| match Nahtlos::open(&home, passphrase) {
        Ok(mut nahtlos) => {
            let report = nahtlos.vault_mut().check().unwrap();
            assert!(report.is_sound(), "{at}: {report:?}");
            true
        }
        Err(ClientError::Vault(VaultError::WrongPassphrase)) => false,
        Err(other) => panic!("{at}: {other}"),
    };
    let (earlier, new) = (open(PASSPHRASE), open(NEW_PASSPHRASE.as_bytes()));
    assert!(earlier != new, "{at}: {earlier} and {new}");
    new
}

fn try_change(theatre: &mut Theatre, kept: &Kept, watched: &Watched, point: Point) {
    let at = format!("key passphrase: {point}");
    theatre.put_back_files(kept);
    let ended = play(theatre, watched, &["key", "passphrase"], Some(point));
    let is_changed = opens_with_the_new_one(theatre, &at);
    if ended.log.has_failed() {
        assert_eq!(ended.exit.is_none(), point.fault.kills(), "{at}");
    }
    match ended.exit {
        Some(exit::DONE) => assert!(is_changed, "{at}: it said that it was changed"),
        Some(exit::FAILED) if is_changed => {
            let unsure = ended.stderr.contains("vault_unsure");
            let lingers = ended.stderr.contains("The new passphrase counts");
            assert!(unsure || lingers, "{at}: {}", ended.stderr);
        }
        Some(exit::FAILED) => {
            let told = ["stays valid", "vault_unsure", "vault_io", "disk_full"];
            let told = told.iter().any(|said| ended.stderr.contains(said));
            assert!(told, "{at}: {}", ended.stderr);
        }
        Some(other) => panic!("{at}: {other} {}", ended.stderr),
        None => {}
    }
}

#[test]
fn a_change_of_the_passphrase_killed_or_failing_at_any_point_leaves_one_of_the_two() {
    let mut theatre = Theatre::new();
    let kept = theatre.keep(&["berger"]);
    theatre.world.stop_relay();
    let watched = Watched::new(
        &theatre.directory("berger"),
        &beside(&theatre.world, "watched"),
    );
    let plain = play(&theatre, &watched, &["key", "passphrase"], None);
    assert_eq!(plain.exit, Some(exit::DONE), "{}", plain.stderr);
    assert!(opens_with_the_new_one(&theatre, "control"));
    let points = plain.log.points();
    for point in chosen("key passphrase", points, MOST) {
        try_change(&mut theatre, &kept, &watched, point);
    }
}

#[test]
fn a_backup_killed_or_failing_at_any_point_is_whole_or_is_none() {
    let mut theatre = Theatre::new();
    let kept = theatre.keep(&["berger"]);
    theatre.world.stop_relay();
    // What is watched is where the backup goes.
    let stick = beside(&theatre.world, "stick");
    std::fs::create_dir(&stick).unwrap();
    let watched = Watched::new(&stick, &beside(&theatre.world, "watched"));
    let file = stick.join("berger.backup");
    let words = ["vault", "backup", file.to_str().unwrap()];
    let plain = play(&theatre, &watched, &words, None);
    assert_eq!(plain.exit, Some(exit::DONE), "{}", plain.stderr);
    let restored = beside(&theatre.world, "restored");
    let is_whole = || {
        let _none_yet = std::fs::remove_dir_all(&restored);
        let report = Nahtlos::restore(&restored, &file, PASSPHRASE);
        report.is_ok_and(|report| report.is_sound() && Nahtlos::open(&restored, PASSPHRASE).is_ok())
    };
    assert!(is_whole(), "control");
    let points = plain.log.points();
    for point in chosen("vault backup", points, MOST) {
        let at = format!("vault backup: {point}");
        theatre.put_back_files(&kept);
        std::fs::remove_dir_all(&stick).unwrap();
        std::fs::create_dir(&stick).unwrap();
        let ended = play(&theatre, &watched, &words, Some(point));
        let whole = is_whole();
        let left = std::fs::metadata(&file).map_or(0, |file| file.len());
        assert!(whole || left == 0, "{at}: a part of a backup has its name");
        match ended.exit {
            Some(exit::DONE) => assert!(whole, "{at}: it said that it was made"),
            Some(exit::FAILED) => assert!(!ended.stderr.is_empty(), "{at}"),
            Some(other) => panic!("{at}: {other} {}", ended.stderr),
            None => assert!(point.fault.kills(), "{at}"),
        }
    }
}
