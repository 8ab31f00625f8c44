//! Every failure says what happened, why, and what to do, with a stable code and exit status, and
//! changes nothing.

mod support;

use nahtlos::Exit;
use nahtlos::failure::Failure;
use nahtlos_client::vault::{DamagedPart, VaultError};
use nahtlos_client::{ClientError, KeyNotice, TransportError};
use support::{CASE_FILE, Home, found_arguments, unreachable_claim};

fn codes(run: &support::Run) -> (i32, String) {
    let error = run.error();
    (run.exit, error["code"].as_str().unwrap().to_owned())
}

#[test]
fn a_home_without_a_vault_is_named_before_anybody_is_asked_for_a_passphrase() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "nobody");
    std::fs::remove_file(&home.passphrase).unwrap();
    for command in [
        "status", "case", "sync", "network", "held", "key", "device", "conflict",
    ] {
        let run = home.run(&["--json", command]);
        assert_eq!(codes(&run), (4, "vault_not_found".into()), "{command}");
    }
    assert!(!home.path.exists(), "looking makes nothing");
}

#[test]
fn the_passphrase_decides_whether_a_vault_opens() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    home.make_vault(world.path());
    home.run(&["status"]).ok();
    let mut from_command = home.command();
    from_command.env_remove("NAHTLOS_PASSPHRASE_FILE").env(
        "NAHTLOS_PASSPHRASE_COMMAND",
        format!("echo {}", support::PASSPHRASE),
    );
    assert!(
        from_command
            .arg("status")
            .output()
            .unwrap()
            .status
            .success()
    );

    std::fs::write(&home.passphrase, "zwei Worte").unwrap();
    let wrong = home.run(&["--json", "status"]);
    assert_eq!(codes(&wrong), (4, "passphrase_wrong".into()));
    std::fs::write(&home.passphrase, "").unwrap();
    assert_eq!(
        codes(&home.run(&["--json", "status"])),
        (4, "passphrase_empty".into())
    );
    std::fs::remove_file(&home.passphrase).unwrap();
    assert_eq!(
        codes(&home.run(&["--json", "status"])),
        (4, "passphrase_source".into())
    );
    let nobody = home
        .command()
        .env_remove("NAHTLOS_PASSPHRASE_FILE")
        .args(["--json", "status"])
        .output()
        .unwrap();
    assert_eq!(
        codes(&support::Run::of(nobody)),
        (4, "passphrase_missing".into())
    );
}

#[test]
fn a_passphrase_on_the_command_line_is_refused() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    let run = home.run(&["--json", "--passphrase", "geheim", "status"]);
    assert_eq!(codes(&run), (2, "passphrase_on_command_line".into()));
    assert!(!run.stderr.contains("geheim"));
}

#[test]
fn a_vault_in_use_by_another_command_is_left_alone() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    home.make_vault(world.path());
    let held = nahtlos_client::Nahtlos::open(&home.path, support::PASSPHRASE.as_bytes()).unwrap();
    assert_eq!(
        codes(&home.run(&["--json", "status"])),
        (4, "vault_in_use".into())
    );
    drop(held);
    home.run(&["status"]).ok();
}

#[test]
fn a_damaged_vault_is_said_to_be_damaged_and_is_not_touched() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    home.make_vault(world.path());
    let file = home.path.join("vault.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..64].fill(0x55);
    std::fs::write(&file, &bytes).unwrap();
    let run = home.run(&["--json", "status"]);
    assert_eq!(codes(&run), (1, "vault_damaged".into()));
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let doctor = home.run(&["--json", "doctor"]);
    assert_eq!(doctor.exit, 1);
    assert!(
        doctor.stdout.contains("\"sound\": false"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn founding_without_a_relay_keeps_the_home_and_what_was_answered() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    let claim = unreachable_claim(world.path());
    let mut first = found_arguments(&claim);
    first.insert(0, "--json");
    let failed = home.run(&first);
    assert_eq!(codes(&failed), (20, "relay_unreachable".into()));
    let next = failed.error()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("same command again"), "{next}");
    // Again, without repeating the answers: they were kept, so the relay is tried again.
    let again = [
        "--json", "network", "found", "--claim", &claim, "--canton", "BE", "--name", "N",
    ];
    assert_eq!(codes(&home.run(&again)), (20, "relay_unreachable".into()));
    // A home that was never asked misses them.
    let other = Home::new(world.path(), "other");
    assert_eq!(codes(&other.run(&again)), (2, "value_missing".into()));
    // Neither a file nor what is typed is read before it could be stored.
    let empty = home.run(&["--json", "case", "open", "--from", "/dev/null"]);
    assert_eq!(codes(&empty), (4, "not_enrolled".into()));
    let text = home.type_in(&["--json", "case", "open", "--from", "-"], CASE_FILE);
    assert_eq!(codes(&text), (4, "not_enrolled".into()));
}

#[test]
fn what_is_not_valid_when_founding_is_refused_before_a_home_is_made() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    let claim = unreachable_claim(world.path());
    for (option, wrong) in [
        ("--canton", "XX"),
        ("--kind", "nasa"),
        ("--function", "boss"),
        ("--person", ""),
    ] {
        let mut arguments = found_arguments(&claim);
        let position = arguments.iter().position(|word| *word == option).unwrap();
        arguments[position + 1] = wrong;
        arguments.insert(0, "--json");
        let run = home.run(&arguments);
        assert_eq!(run.exit, 2, "{option}: {}", run.stderr);
        let field = option.trim_start_matches("--");
        assert!(
            run.error()["message"].as_str().unwrap().contains(field),
            "{option}"
        );
    }
    let mistyped = world.path().join("mistyped");
    let text = std::fs::read_to_string(&claim).unwrap();
    std::fs::write(&mistyped, &text[..text.len() - 2]).unwrap();
    let mut arguments = found_arguments(mistyped.to_str().unwrap());
    arguments.insert(0, "--json");
    assert_eq!(codes(&home.run(&arguments)), (2, "text_mistyped".into()));
    std::fs::write(&mistyped, "hello").unwrap();
    assert_eq!(codes(&home.run(&arguments)), (2, "text_other_kind".into()));
    assert!(!home.path.exists());
}

#[test]
fn a_value_about_a_client_on_the_command_line_is_refused_and_not_repeated() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    for command in [
        &["case", "open", "--name", "Mosimann"][..],
        &["case", "open", "Mosimann"],
        &["case", "set", "x", "official_name", "Mosimann"],
        &["case", "set", "x", "official_name", "--value", "Mosimann"],
        &["journal", "add", "x", "--text", "Mosimann"],
        &["journal", "add", "x", "Frau", "Mosimann"],
        &["task", "add", "x", "--title", "Mosimann"],
        &["task", "add", "x", "Mosimann"],
        &["plan", "goal", "add", "x", "Mosimann"],
        &[
            "plan",
            "goal",
            "reword",
            "x",
            "1",
            "--statement",
            "Mosimann",
        ],
        &["plan", "step", "add", "x", "1", "Mosimann"],
        &[
            "plan", "step", "end", "x", "1.1", "--as", "aborted", "--reason", "Mosimann",
        ],
        &["plan", "set", "x", "situation", "Mosimann"],
    ] {
        let mut arguments = vec!["--json"];
        arguments.extend(command);
        let run = home.run(&arguments);
        assert_eq!(
            codes(&run),
            (2, "value_on_command_line".into()),
            "{command:?}"
        );
        assert!(!run.stderr.contains("Mosimann"), "{command:?}");
    }
}

#[test]
fn a_wrong_command_is_usage_in_both_forms() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    for command in [
        &["cas"][..],
        &[],
        &["case", "show"],
        &["share", "grant", "x", "--section", "core"],
        &["conflict", "resolve", "x", "1"],
        &["conflict", "resolve", "x", "1", "--take", "1", "--restore"],
        &["task", "delete", "x", "1", "--yes", "--dry-run"],
        &["section", "export", "x", "plan", "--automerge"],
    ] {
        assert_eq!(home.run(command).exit, 2, "{command:?}");
        let mut with_json = vec!["--json"];
        with_json.extend(command);
        assert_eq!(
            codes(&home.run(&with_json)),
            (2, "usage".into()),
            "{command:?}"
        );
    }
    assert!(home.run(&["--help"]).ok().stdout.contains("share"));
    assert!(home.run(&["--version"]).ok().stdout.starts_with("nahtlos "));
}

#[test]
fn each_family_of_errors_has_its_exit_status() {
    let unreachable = || TransportError::Unreachable {
        url: "https://relay".into(),
        reason: "refused".into(),
    };
    let refused = |code: &str| ClientError::refused(code, "no");
    let cases: Vec<(ClientError, Exit)> = vec![
        (
            ClientError::Vault(VaultError::WrongPassphrase),
            Exit::Locked,
        ),
        (ClientError::Vault(VaultError::InUse), Exit::Locked),
        (ClientError::Vault(VaultError::DiskFull), Exit::Failed),
        (
            ClientError::Vault(VaultError::Damaged {
                what: DamagedPart::Header,
            }),
            Exit::Failed,
        ),
        (
            ClientError::Vault(VaultError::UnknownFormat {
                found: 9,
                supported: 1,
            }),
            Exit::Failed,
        ),
        (ClientError::NotEnrolled, Exit::Locked),
        (ClientError::NotAdmitted, Exit::Locked),
        (ClientError::AlreadyEnrolled, Exit::Failed),
        (ClientError::OtherRelay, Exit::Failed),
        (ClientError::NeedsNewer, Exit::Failed),
        (
            ClientError::NotShared {
                section: "plan".into(),
            },
            Exit::NoRight,
        ),
        (
            ClientError::OtherInvitation {
                for_institution: true,
            },
            Exit::Failed,
        ),
        (
            ClientError::Closed {
                managers: vec!["RAV Team (RAV Langnau)".into()],
            },
            Exit::NoRight,
        ),
        (ClientError::NoKey(KeyNotice::NotGranted), Exit::NoRight),
        (ClientError::NoKey(KeyNotice::Pending), Exit::Locked),
        (
            ClientError::NoRight {
                action: "share this section",
                reason: "you hold `read` here".into(),
            },
            Exit::NoRight,
        ),
        (
            ClientError::Edit(nahtlos_casework::ApplyError::Changed {
                what: "who pays the step",
            }),
            Exit::Conflict,
        ),
        (
            ClientError::Transport(unreachable()),
            Exit::RelayUnreachable,
        ),
        (refused("http_503"), Exit::RelayUnreachable),
        (refused("claimed"), Exit::Failed),
    ];
    for (error, exit) in cases {
        let code = error.code();
        let failure = Failure::from(error);
        assert_eq!(failure.exit, exit, "{code}");
        assert!(failure.what.ends_with('.'), "{code}: {}", failure.what);
        assert!(!failure.next.is_empty(), "{code}");
        for jargon in ["epoch", "envelope", "wrap", "space id", "automerge"] {
            let words = format!("{} {} {}", failure.what, failure.why, failure.next);
            assert!(!words.contains(jargon), "{code}: {words}");
        }
    }
}

#[test]
fn a_short_passphrase_makes_no_vault() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    let claim = unreachable_claim(world.path());
    let arguments = found_arguments(&claim);
    let mut found = vec!["--json"];
    found.extend(arguments.iter().map(|word| &word[..]));
    std::fs::write(&home.passphrase, "elf Zeichen\n").unwrap();
    let run = home.run(&found);
    assert_eq!(codes(&run), (2, "passphrase_short".into()));
    assert!(!home.path.join("vault.sqlite").exists());
    std::fs::write(&home.passphrase, "zwölf Zeiche\n").unwrap();
    assert_eq!(home.run(&found).exit, 20, "control: a vault was made");
    assert!(home.path.join("vault.sqlite").exists());
}

#[test]
fn a_home_without_a_vault_is_named_with_who_named_it() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "nobody");
    let why = |run: &support::Run| run.error()["why"].as_str().unwrap().to_owned();
    let environment = why(&home.run(&["--json", "status"]));
    assert!(
        environment.contains(&format!("{}: NAHTLOS_HOME names it", home.path.display())),
        "{environment}"
    );
    let other = world.path().join("other");
    let other = other.to_str().unwrap();
    let typed = why(&home.run(&["--json", "--home", other, "status"]));
    assert!(
        typed.contains(&format!("{other}: `--home` names it")),
        "{typed}"
    );
}

#[test]
fn a_file_that_is_missing_is_said_in_words() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    let run = home.run(&["--json", "member", "join", "--invitation", "none.txt"]);
    assert_eq!(codes(&run), (1, "file".into()));
    assert_eq!(run.error()["why"], "There is no such file.");
}

#[test]
fn the_program_alone_shows_its_help_and_so_does_help() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "home");
    // The environment names a home: to the parser an option is there.
    let alone = home.run(&[]);
    assert_eq!(alone.exit, 2);
    assert!(alone.stdout.is_empty());
    assert!(alone.stderr.contains("Exchanges with the relay"));
    assert!(!alone.stderr.contains("docs"), "{}", alone.stderr);
    let section = home.run(&["section"]);
    assert!(section.stderr.contains("Exports a section unencrypted"));
    let help = home.run(&["help"]);
    assert_eq!(help.exit, 0);
    assert_eq!(help.stdout, home.run(&["--help"]).stdout);
    let of_command = home.run(&["help", "case", "open"]);
    assert_eq!(
        of_command.stdout,
        home.run(&["case", "open", "--help"]).stdout
    );
    assert!(of_command.stdout.contains("--from"));
}

#[test]
fn a_second_case_of_one_person_is_opened_only_where_that_is_meant() {
    let world = support::World::new();
    let open = |yes: &[&str], file: &str| {
        let words = [&["--json", "case", "open", "--from", "-"], yes].concat();
        world.berger.type_in(&words, file)
    };
    let first = open(&[], CASE_FILE).json();
    let number = first["case_number"].as_str().unwrap();
    let second = open(&[], CASE_FILE);
    assert_eq!(codes(&second), (6, "case_exists".into()));
    assert_eq!(
        second.error()["message"],
        format!("You have a case of Ruth Mosimann, 17.05.1982 already: {number}.")
    );
    let other_birth = CASE_FILE.replace("17.05.1982", "18.05.1982");
    assert_eq!(open(&[], &other_birth).exit, 0, "control: another person");
    assert_eq!(open(&["--yes"], CASE_FILE).exit, 0, "control: meant");
    let cases = world.berger.run(&["--json", "case"]).json();
    assert_eq!(cases["cases"].as_array().unwrap().len(), 3);
}
