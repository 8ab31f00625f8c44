//! The passphrase, the backup and the check of a device's vault, through the real program.

mod support;

use std::path::{Path, PathBuf};

use nahtlos_client::Nahtlos;
use nahtlos_client::vault::KeyDerivation;
use support::{Home, PASSPHRASE, Run, World, refused};

const NEW_PASSPHRASE: &str = "vier ganz andere Worte";

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// `nahtlos key passphrase` with the new one in a file.
fn change(home: &Home, new: &str) -> Run {
    let file = home.passphrase.with_extension("new");
    write_private(&file, &format!("{new}\n"));
    let mut command = home.command();
    command.env("NAHTLOS_NEW_PASSPHRASE_FILE", &file);
    Run::of(
        command
            .args(["--json", "key", "passphrase"])
            .output()
            .unwrap(),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An enrolled home with a case and an edit that was not delivered.
fn scene() -> (World, String) {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let typed = ["journal", "add", &case, "--kind", "call", "--from", "-"];
    world.berger.type_in(&typed, "Nicht zugestellt.").ok();
    (world, case)
}

fn back_up(world: &World, name: &str) -> PathBuf {
    let file = world.directory.path().join(name);
    world.berger.run(&["vault", "backup", text(&file)]).ok();
    file
}

/// A home beside Berger's, with the same passphrase.
fn other_home(world: &World, name: &str) -> Home {
    Home::new(world.directory.path(), name)
}

#[test]
fn a_changed_passphrase_opens_the_vault_and_the_earlier_one_does_not() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    home.make_vault(world.path());
    let changed = change(&home, NEW_PASSPHRASE);
    let said = changed.stderr.clone();
    let data = changed.json();
    assert_eq!(
        (&data["changed"], &data["earlier_overwritten"]),
        (&true.into(), &true.into())
    );
    assert!(said.contains("destroy them"), "{said}");
    refused(&home.run(&["--json", "status"]), 4, "passphrase_wrong");
    write_private(&home.passphrase, NEW_PASSPHRASE);
    home.run(&["status"]).ok();
}

#[test]
fn a_new_passphrase_that_is_short_empty_the_same_or_missing_changes_nothing() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    refused(&change(&home, NEW_PASSPHRASE), 4, "vault_not_found");
    home.make_vault(world.path());
    refused(&change(&home, "kurz"), 2, "passphrase_short");
    refused(&change(&home, ""), 4, "passphrase_empty");
    refused(&change(&home, PASSPHRASE), 2, "passphrase_same");
    let asked = home.run(&["--json", "key", "passphrase"]);
    refused(&asked, 4, "passphrase_missing");
    assert!(asked.stderr.contains("NAHTLOS_NEW_PASSPHRASE_FILE"));
    let mut failing = home.command();
    failing.env("NAHTLOS_NEW_PASSPHRASE_COMMAND", "exit 3");
    let failing = failing.args(["--json", "key", "passphrase"]).output();
    refused(&Run::of(failing.unwrap()), 4, "passphrase_source");
    home.run(&["status"]).ok();
    write_private(&home.passphrase, "nicht diese Worte");
    refused(&change(&home, NEW_PASSPHRASE), 4, "passphrase_wrong");
}

#[test]
fn a_weakly_protected_passphrase_is_protected_better_at_the_next_command_which_says_so() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::protected(world.path(), "home");
    let weak = KeyDerivation {
        memory_kib: 19 * 1024,
        iterations: 2,
        lanes: 1,
    };
    drop(Nahtlos::create(&home.path, PASSPHRASE.as_bytes(), weak).unwrap());
    let first = home.run(&["--json", "vault", "check"]).ok();
    assert!(
        first
            .stderr
            .contains("64 MiB, 3 passes, 1 lane; it was 19 MiB, 2 passes, 1 lane"),
        "{}",
        first.stderr
    );
    let derivation = &first.json()["derivation"];
    assert_eq!(derivation["memory_kib"], 64 * 1024);
    let second = home.run(&["vault", "check"]).ok();
    assert!(!second.stderr.contains("stronger"), "{}", second.stderr);
}

#[test]
fn a_backup_is_written_to_a_new_private_file_or_into_a_directory() {
    let (world, _) = scene();
    let file = back_up(&world, "berger.backup");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
    let before = std::fs::read(&file).unwrap();
    let again = world
        .berger
        .run(&["--json", "vault", "backup", text(&file)]);
    refused(&again, 1, "file");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let directory = world.directory.path().join("stick");
    std::fs::create_dir(&directory).unwrap();
    let into = world
        .berger
        .run(&["--json", "vault", "backup", text(&directory)]);
    let made = into.json()["file"].as_str().unwrap().to_owned();
    assert!(
        made.contains("/stick/nahtlos-20") && made.ends_with("Z.backup"),
        "{made}"
    );
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    let nowhere = world.directory.path().join("no/such/file");
    let nowhere = world
        .berger
        .run(&["--json", "vault", "backup", text(&nowhere)]);
    refused(&nowhere, 1, "file");
}

#[test]
fn a_backup_waits_for_the_command_that_is_running() {
    let (world, _) = scene();
    let held = Nahtlos::open(&world.berger.path, PASSPHRASE.as_bytes()).unwrap();
    let file = world.directory.path().join("berger.backup");
    refused(&world.berger.run(&["--json", "status"]), 4, "vault_in_use");
    let mut command = world.berger.command();
    let mut waiting = command
        .args(["--json", "vault", "backup", text(&file)])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(waiting.try_wait().unwrap().is_none(), "it waits");
    assert!(!file.exists());
    drop(held);
    assert!(waiting.wait().unwrap().success());
    assert!(file.exists());
}

#[test]
fn a_restored_backup_is_read_and_exported_and_says_what_to_do_next() {
    let (world, case) = scene();
    let file = back_up(&world, "berger.backup");
    let old = other_home(&world, "restored");
    let run = old.run(&["--json", "vault", "restore", text(&file)]).ok();
    assert!(run.stderr.contains("never acts again"), "{}", run.stderr);
    let data = run.json();
    assert_eq!(data["undelivered_edits"], 1);
    assert!(data["backup"]["made_at_ms"].is_u64(), "{data}");

    let journal = old.run(&["journal", &case]).ok().stdout;
    assert!(journal.contains("Nicht zugestellt."), "{journal}");
    let status = old.run(&["status"]).ok().stdout;
    assert!(status.contains("restored from a backup") && status.contains("--home NEW_DIR"));
    // As a further device of the same person, never as somebody new.
    for part in ["nahtlos device restore --paper", "nahtlos device add --for"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert!(!status.contains("member join"), "{status}");
    for command in [
        &["--json", "sync"][..],
        &["--json", "institution", "invite"],
    ] {
        refused(&old.run(command), 1, "restored");
    }
    let typing = [
        "--json", "journal", "add", &case, "--kind", "call", "--from", "-",
    ];
    refused(&old.type_in(&typing, "Danach."), 1, "restored");
    let doctor = old.run(&["--json", "doctor"]);
    assert_eq!(doctor.exit, 1, "{}", doctor.stdout);
    assert!(doctor.stdout.contains("restored_backup") && !doctor.stdout.contains("\"relay\""));
    let export = world.directory.path().join("typed.json");
    old.run(&["held", "export", "--to", text(&export)]).ok();
    let exported = std::fs::read_to_string(&export).unwrap();
    assert!(exported.contains("Nicht zugestellt."), "{exported}");
    // The device itself goes on.
    world.berger.run(&["sync"]).ok();
    assert_eq!(world.berger.run(&["doctor"]).ok().exit, 0);
}

#[test]
fn nothing_but_a_whole_backup_is_restored_and_only_where_there_is_no_vault() {
    let (world, _) = scene();
    let file = back_up(&world, "berger.backup");
    let good = std::fs::read(&file).unwrap();
    let home = other_home(&world, "restored");
    let restore = |file: &Path| home.run(&["--json", "vault", "restore", text(file)]);
    let over = world
        .berger
        .run(&["--json", "vault", "restore", text(&file)]);
    refused(&over, 1, "vault_exists");
    refused(&restore(&world.directory.path().join("no-such")), 1, "file");
    refused(&restore(world.directory.path()), 1, "file");
    for bytes in [&good[..good.len() / 2], &[], b"no database at all"] {
        std::fs::write(&file, bytes).unwrap();
        refused(&restore(&file), 1, "vault_damaged");
    }
    std::fs::write(&file, &good).unwrap();
    write_private(&home.passphrase, "nicht diese Worte");
    refused(&restore(&file), 4, "passphrase_wrong");
    assert!(!home.path.join("vault.sqlite").exists());
    write_private(&home.passphrase, PASSPHRASE);
    restore(&file).ok();
    refused(&restore(&file), 1, "vault_exists");
    let second = other_home(&world, "second");
    second.run(&["vault", "restore", text(&file)]).ok();
}

#[test]
fn a_check_names_what_is_damaged_by_its_kind_and_ends_with_1() {
    let (world, _) = scene();
    let sound = world.berger.run(&["--json", "vault", "check"]).json();
    assert_eq!(sound["sound"], true);
    for (number, of) in [
        ("logs", 3),
        ("operations", 5),
        ("receipts", 5),
        ("records", 50),
    ] {
        assert!(sound[number].as_u64().unwrap() >= of, "{number}: {sound}");
    }
    let database = rusqlite::Connection::open(world.berger.path.join("vault.sqlite")).unwrap();
    let count = |collection: u8| -> i64 {
        let sql = "SELECT count(*) FROM record WHERE collection = ?1";
        database
            .query_row(sql, [collection], |row| row.get(0))
            .unwrap()
    };
    let (outbox, receipts) = (count(7), count(16));
    assert!(outbox > 0 && receipts > 1);
    // One edit that was not delivered, and a receipt.
    database
        .execute_batch(
            "UPDATE record SET position = position + 1 WHERE collection = 7;
             UPDATE record SET value = zeroblob(80) WHERE collection = 16 AND key_tag =
               (SELECT min(key_tag) FROM record WHERE collection = 16)",
        )
        .unwrap();
    drop(database);
    let run = world.berger.run(&["vault", "check"]);
    assert_eq!(run.exit, 1, "{}", run.stdout);
    for line in [
        "1 edit typed here and not delivered did not open",
        "1 receipt of the relay did not open",
    ] {
        assert!(run.stdout.contains(line), "{line} in {}", run.stdout);
    }
    assert!(
        run.stderr.contains("Copy the whole home directory"),
        "{}",
        run.stderr
    );
    assert!(!run.stdout.contains("Nicht zugestellt"));
    let doctor = world.berger.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("`nahtlos vault check`"),
        "{}",
        doctor.stdout
    );
    // A backup of it is made, and says so.
    let file = world.directory.path().join("damaged.backup");
    let backup = world
        .berger
        .run(&["--json", "vault", "backup", text(&file)]);
    assert_eq!(backup.exit, 1, "{}", backup.stderr);
    assert!(
        backup.stdout.contains("\"damaged_records\": 2"),
        "{}",
        backup.stdout
    );
    assert!(file.exists());
}

/// The command lines and answers in the reference, in order.
fn examples() -> Vec<(String, String)> {
    let reference = nahtlos::command_line_reference();
    let blocks = reference.split("```text\n").skip(1);
    let examples = blocks.filter_map(|block| {
        let example = block.split("\n```").next()?.strip_prefix("$ ")?;
        let (command, answer) = example.split_once('\n')?;
        Some((command.to_owned(), answer.to_owned()))
    });
    examples.collect()
}

/// Numbers and paths differ from world to world.
fn masked(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let path = word.contains('/') || word.starts_with("restored");
        let number = word.bytes().all(|byte| byte.is_ascii_digit());
        match (path, number) {
            (true, _) => "PATH",
            (_, true) => "N",
            _ => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_examples_in_the_reference_were_run() {
    let (world, _) = scene();
    let file = world.directory.path().join("berger.backup");
    let old = other_home(&world, "restored");
    let mut run = 0;
    for (command, answer) in examples() {
        let words: Vec<&str> = command.split(' ').collect();
        let output = match words.as_slice() {
            ["nahtlos", "vault", "check"] => world.berger.run(&["vault", "check"]),
            ["nahtlos", "vault", "backup", _] => {
                world.berger.run(&["vault", "backup", text(&file)])
            }
            ["nahtlos", "--home", _, "vault", "restore", _] => {
                old.run(&["vault", "restore", text(&file)])
            }
            ["nahtlos", "key", "passphrase"] => {
                let new = world.directory.path().join("new");
                write_private(&new, PASSPHRASE);
                let file = other_home(&world, "key").passphrase;
                write_private(&file, NEW_PASSPHRASE);
                let mut there_and_back = world.berger.command();
                there_and_back.env("NAHTLOS_NEW_PASSPHRASE_FILE", &file);
                let there = there_and_back.args(["key", "passphrase"]).output();
                let mut back = world.berger.command();
                back.env("NAHTLOS_PASSPHRASE_FILE", &file)
                    .env("NAHTLOS_NEW_PASSPHRASE_FILE", &new);
                Run::of(back.args(["key", "passphrase"]).output().unwrap()).ok();
                Run::of(there.unwrap())
            }
            _ => continue,
        };
        let said = output.ok().stdout;
        assert_eq!(masked(&said), masked(&answer), "{command}\n{said}");
        run += 1;
    }
    assert_eq!(run, 4, "each of the four");
}
