//! What the program does with bad input, through the binary: a typed error with a stable code, what
//! happened, why and the next step; the documented exit code; no panic; nothing written in part;
//! nothing typed lost. What the relay does with bad requests stands in `bad_requests.rs`.

mod story;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use nahtlos_casework::fields::{Ahvn13, Field};
use serde_json::{Value, json};
use story::{
    BERGER, CASE_FILE, Device, Ended, Homes, PASSPHRASE, Stage, disk, ended, exit, write_private,
};

const CASE: &str = "mosimann";
const SECTIONS: [&str; 5] = ["core", "function", "journal", "plan", "tasks"];

/// A founded network, and a case on the one device of it.
fn desk(homes: Homes) -> (Stage, Device) {
    let stage = Stage::new(homes, &[]);
    let berger = stage.found("home", &BERGER);
    berger.done(&["case", "open", "--from", CASE_FILE]);
    (stage, berger)
}

/// All that a device holds, as it tells it.
fn state(device: &Device) -> Value {
    let sections = SECTIONS.map(|section| device.json(&["section", "export", CASE, section]));
    let status = device.json(&["status"]);
    json!({
        "sections": sections,
        "cases": status["cases"],
        "undelivered": status["undelivered_edits"],
        "held": status["held"],
    })
}

/// What `doctor` says of the vault alone.
fn vault_is_sound(device: &Device) -> bool {
    let doctor = device.run(&["doctor", "--json"]);
    let answer: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let checks = answer["checks"].as_array().unwrap();
    let vault = checks.iter().find(|check| check["check"] == "vault");
    vault.unwrap()["sound"] == true
}

/// Every file of a home with its bytes.
fn bytes_of(home: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    disk::files(home)
        .into_iter()
        .map(|file| (file.clone(), std::fs::read(file).unwrap()))
        .collect()
}

/// A copy of a device's home, to be damaged.
fn copy_of(device: &Device, home: &Path) -> Device {
    std::fs::create_dir(home).unwrap();
    for (file, bytes) in bytes_of(&device.home) {
        std::fs::write(home.join(file.file_name().unwrap()), bytes).unwrap();
    }
    Device {
        home: home.to_owned(),
        ..device.clone()
    }
}

/// Refused with this code, in people's form too: what, why, and a line that begins with `Next: `.
#[track_caller]
fn refused_in_both_forms(device: &Device, words: &[&str], exit: i32, code: &str) -> Value {
    let error = device.refused(words, exit, code);
    let told = device.run(words).expect_exit(exit, words);
    assert_eq!(told.stdout, "", "{words:?}");
    let lines: Vec<&str> = told.stderr.lines().collect();
    let what = lines.first().unwrap();
    assert!(what.starts_with("nahtlos: "), "{}", told.stderr);
    assert!(
        lines.last().unwrap().starts_with("Next: "),
        "{}",
        told.stderr
    );
    error
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let (_stage, berger) = desk(Homes::Real);
    let before = bytes_of(&berger.home);
    let stranger = Device {
        passphrase: berger.home.with_file_name("guess"),
        ..berger.clone()
    };
    for (guess, code) in [
        ("sechs geratene Worte", "passphrase_wrong"),
        (&PASSPHRASE[1..], "passphrase_wrong"),
        ("", "passphrase_empty"),
    ] {
        write_private(&stranger.passphrase, guess);
        let error = refused_in_both_forms(&stranger, &["status"], exit::LOCKED, code);
        assert!(guess.is_empty() || !error.to_string().contains(guess));
    }
    write_private(&stranger.passphrase, "noch ein Versuch");
    let words = ["journal", "add", CASE, "--json"];
    let typed = stranger.type_in(&words, "Was ich schreiben wollte.");
    typed.is_refusal(exit::LOCKED, "passphrase_wrong", &words);
    stranger.refused(&["sync"], exit::LOCKED, "passphrase_wrong");
    assert!(
        bytes_of(&berger.home) == before,
        "no byte of the home changed"
    );
    berger.done(&["case", "show", CASE]);
}

#[test]
fn a_damaged_vault_is_refused_wherever_the_damage_lies_and_is_left_as_it_is() {
    let (stage, berger) = desk(Homes::Quick);
    let whole = std::fs::read(berger.home.join("vault.sqlite")).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    for round in 0..24 {
        let damaged = copy_of(&berger, &stage.path(&format!("damaged-{round}")));
        let file = damaged.home.join("vault.sqlite");
        let mut bytes = whole.clone();
        match round {
            0 => bytes.truncate(whole.len() / 2),
            1 => bytes.clear(),
            2 => bytes[..100].fill(0x55),
            _ => {
                // Spread over the whole file, in every page once.
                for page in bytes.chunks_mut(4096) {
                    let at = 97 + round * 160;
                    if let Some(byte) = page.get_mut(at) {
                        *byte ^= 0x41;
                    }
                }
            }
        }
        std::fs::write(&file, &bytes).unwrap();
        for words in [&["status"][..], &["section", "export", CASE, "plan"]] {
            let answer = damaged.run(&[words, &["--json"]].concat());
            if answer.exit == exit::DONE {
                harmless += 1;
                continue;
            }
            noticed += 1;
            let code = error_code(&answer);
            // Damage to the name of a record hides it: it is then not found, and `doctor` says why.
            let exits = match code.as_str() {
                "vault_damaged" | "vault_unknown_format" => [exit::FAILED; 2],
                "vault_not_found" => [exit::LOCKED; 2],
                "not_found" => [exit::FAILED, exit::NO_RIGHT],
                _ => panic!("{round}: {answer:?}"),
            };
            assert!(exits.contains(&answer.exit), "{round}: {answer:?}");
            answer.is_refusal(answer.exit, &code, words);
        }
        let doctor = damaged.run(&["doctor", "--json"]);
        assert_ne!(doctor.exit, exit::DONE, "{round}: doctor finds it");
    }
    assert!(noticed > harmless, "{noticed} noticed, {harmless} not");
    assert!(vault_is_sound(&berger));
}

fn error_code(answer: &Ended) -> String {
    let error: Value = serde_json::from_str(answer.stderr.trim()).expect(&answer.stderr);
    error["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn an_unknown_format_version_is_not_guessed_at() {
    let (stage, berger) = desk(Homes::Quick);
    let newer = copy_of(&berger, &stage.path("newer"));
    let database = rusqlite::Connection::open(newer.home.join("vault.sqlite")).unwrap();
    database.pragma_update(None, "user_version", 2).unwrap();
    drop(database);
    let before = bytes_of(&newer.home);
    let error = refused_in_both_forms(&newer, &["status"], exit::FAILED, "vault_unknown_format");
    assert!(
        error["why"].as_str().unwrap().contains("format 2"),
        "{error}"
    );
    assert!(
        bytes_of(&newer.home) == before,
        "a newer vault is left alone"
    );

    let words = ["case", "open", "--json"];
    let file = r#"{"schema_version": 2, "person": {"official_name": "Neuer"}}"#;
    let answer = berger.type_in(&words, file);
    answer.is_refusal(exit::USAGE, &error_code(&answer), &words);
    assert!(
        answer.stderr.contains("schema_version"),
        "{}",
        answer.stderr
    );
    assert_eq!(berger.json(&["status"])["cases"], 1);

    stage.relay.stop();
    let database = rusqlite::Connection::open(stage.path("relay/relay.sqlite")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let refused = stage.relay.check();
    assert_eq!(refused.exit, exit::FAILED, "{refused:?}");
    assert!(refused.stderr.contains("newer"), "{}", refused.stderr);
}

#[test]
fn a_case_or_section_one_may_not_see_is_like_one_that_does_not_exist() {
    let (stage, berger) = desk(Homes::Quick);
    let introduction = [
        "IV-Stelle Bern",
        "iv",
        "IV-Stelle Eingliederung",
        "Marc Iseli",
        "officer",
    ];
    let iseli = stage.join(&berger, "iseli", &introduction);
    berger.done(&["sync"]);
    iseli.done(&["sync"]);
    berger.done(&["sync"]);
    let number = berger.json(&["case", "list"])["cases"][0]["case_number"].clone();
    let number = number.as_str().unwrap();
    for case in [CASE, number, "nobody"] {
        for command in [
            &["case", "show"][..],
            &["section", "list"],
            &["journal"],
            &["conflict", "list"],
            &["share", "list"],
        ] {
            let words = [command, &[case]].concat();
            let error = refused_in_both_forms(&iseli, &words, exit::FAILED, "not_found");
            let told = error.to_string().replace(case, "");
            assert!(!told.contains("Ruth") && !told.contains("BE-2"), "{told}");
        }
    }
    let words = ["journal", "add", CASE, "--json"];
    let typed = iseli.type_in(&words, "Eintrag im falschen Fall.");
    typed.is_refusal(exit::FAILED, "not_found", &words);
    let grant = [
        "share",
        "grant",
        CASE,
        "--section",
        "core",
        "--to",
        introduction[2],
        "--role",
        "read",
        "--basis",
        "AVG35a1",
        "--yes",
    ];
    iseli.refused(&grant, exit::FAILED, "not_found");

    // Unknown sections, teams and entries on the device that has the case.
    for (words, exit, code) in [
        (
            &["section", "show", CASE, "medical"][..],
            exit::NO_RIGHT,
            "not_found",
        ),
        (
            &["section", "show", CASE, "Medizin!"],
            exit::USAGE,
            "unknown_section",
        ),
        (&["task", "done", CASE, "99"], exit::FAILED, "not_found"),
        (
            &["plan", "step", "approve", CASE, "9.9"],
            exit::FAILED,
            "not_found",
        ),
        (
            &["conflict", "show", CASE, "aaaaaa"],
            exit::CONFLICT,
            "not_found",
        ),
    ] {
        let answer = berger.run(&[words, &["--json"]].concat());
        assert_eq!(error_code(&answer), code, "{answer:?}");
        refused_in_both_forms(&berger, words, exit, code);
    }
    // The control: what is shared is found.
    berger.done(&grant);
    berger.done(&["sync"]);
    iseli.done(&["sync"]);
    iseli.done(&["case", "show", CASE]);
}

#[test]
fn a_value_that_is_none_of_its_field_is_refused_and_nothing_changes() {
    let (_stage, berger) = desk(Homes::Quick);
    let before = state(&berger);
    let long = "a".repeat(10_001);
    let fields: [(&[&str], &str); 17] = [
        (&["case", "set", CASE, "birth"], "31.02.1982"),
        (&["case", "set", CASE, "birth"], "1982-13"),
        (&["case", "set", CASE, "phone"], "12"),
        (&["case", "set", CASE, "phone"], "079 555 01 4x"),
        (&["case", "set", CASE, "email"], "ruth at example"),
        (&["case", "set", CASE, "sex"], "7"),
        (&["case", "set", CASE, "official_name"], "Mosi\u{7}mann"),
        (&["case", "set", CASE, "phase"], "finished"),
        (&["plan", "step", "set", CASE, "1.1", "due"], "31.04.2027"),
        (&["plan", "step", "set", CASE, "1.1", "due"], "next week"),
        (&["plan", "goal", "set", CASE, "1", "priority"], "4"),
        (&["plan", "goal", "set", CASE, "1", "status"], "perfect"),
        (
            &["plan", "set", CASE, "job_search_suspended"],
            "01.02.2027/31.07.2027",
        ),
        (&["task", "set", CASE, "1", "due"], "2027-02-30"),
        (&["journal", "add", CASE], ""),
        (&["journal", "add", CASE], &long),
        (&["task", "add", CASE], "zwei\nZeilen"),
    ];
    for (words, value) in fields {
        let words = [words, &["--json"]].concat();
        let answer = berger.type_in(&words, value);
        let error = answer.is_refusal(exit::USAGE, &error_code(&answer), &words);
        // Said once on a terminal, never repeated: what was typed may be about a client.
        let told = error.to_string();
        assert!(value.len() < 4 || !told.contains(value), "{told}");
        assert!(!error["why"].as_str().unwrap().is_empty(), "{told}");
    }
    let on_the_line: [&[&str]; 8] = [
        &["plan", "step", "payers", CASE, "1.1", "RAV Langnau=60"],
        &["plan", "step", "payers", CASE, "1.1", "RAV Langnau=99"],
        &["plan", "step", "wait", CASE, "1.1", "--for", "1.1"],
        &["plan", "sign", CASE, "--for", "client", "--yes"],
        &[
            "plan",
            "review",
            CASE,
            "--outcome",
            "adapt",
            "--rating",
            "1=3",
            "--from",
            CASE_FILE,
        ],
        &["plan", "step", "payers", CASE, "1.1", "RAV Langnau"],
        &["section", "diff", CASE, "plan", "--since", "gestern"],
        &[
            "task",
            "add",
            CASE,
            "--due",
            "30.02.2027",
            "--from",
            CASE_FILE,
        ],
    ];
    for words in on_the_line {
        let answer = berger.run(&[words, &["--json"]].concat());
        refused_in_both_forms(&berger, words, exit::USAGE, &error_code(&answer));
    }
    assert_eq!(state(&berger), before);
    assert!(vault_is_sound(&berger));
    // The control: the same fields take what is right.
    berger.done_with(&["case", "set", CASE, "phone"], "079 555 01 43");
    berger.done_with(&["plan", "step", "set", CASE, "1.1", "due"], "30.04.2027");
}

#[test]
fn a_case_file_with_errors_opens_no_case_and_names_every_place() {
    let (stage, berger) = desk(Homes::Quick);
    let file = json!({
        "schema_version": 1,
        "person": { "official_name": "Zbinden", "birth": "30.02.1990" },
        "contact": {
            "address": { "street": "Dorfplatz", "postcode": 999, "town": "Trub" },
            "phone": "12",
        },
        "ident": { "ahvn13": "756.1234.5678.90" },
    });
    let words = ["case", "open", "--json"];
    let answer = berger.type_in(&words, &file.to_string());
    let error = answer.is_refusal(exit::USAGE, &error_code(&answer), &words);
    let details = error["details"].to_string();
    for place in ["birth", "postcode", "phone", "ident"] {
        assert!(details.contains(place), "{place}: {details}");
    }
    assert!(
        !details.contains("1234"),
        "an AHV number is not repeated: {details}"
    );
    let garbage = stage.path("garbage");
    let deep = "[".repeat(200_000);
    for bytes in [
        &b""[..],
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b"null",
        deep.as_bytes(),
        &[b' '; 5 * 1024 * 1024],
    ] {
        std::fs::write(&garbage, bytes).unwrap();
        let words = [
            "case",
            "open",
            "--from",
            garbage.to_str().unwrap(),
            "--json",
        ];
        let answer = berger.run(&words);
        answer.is_refusal(exit::USAGE, &error_code(&answer), &words);
    }
    assert_eq!(berger.json(&["status"])["cases"], 1, "no case was opened");
}

/// The field itself, in each way a number can be wrong; a case file with one is tested above.
#[test]
fn an_invalid_ahv_number_is_refused_with_reason_and_remedy() {
    for (number, code) in [
        ("756.1234.5678.90", "check_digit"),
        ("7561234567890", "check_digit"),
        ("756.9876.543", "length"),
        ("123.4567.8901.23", "country"),
        ("756.1234.5678.9x", "character"),
    ] {
        let Err(error) = Ahvn13::parse(number) else {
            panic!("{number} is accepted");
        };
        assert_eq!(error.code, code, "{number}");
        assert!(!error.reason.is_empty() && !error.remedy.is_empty());
        assert!(
            !error.to_string().contains(number),
            "the number is not repeated"
        );
    }
    for number in ["756.1234.5678.97", "7569217076985", "756 0000 0100 70"] {
        assert!(Ahvn13::parse(number).is_ok(), "{number}");
    }
}

/// Runs a command that may write no file beyond a number of KiB: as on a full disk, the write
/// fails in the middle. (SIGXFSZ is ignored, so that the program sees the error.)
fn run_with_little_room(device: &Device, kib: u64, words: &[&str], typed: &Path) -> Ended {
    let mut command = Command::new("bash");
    device.prepare(&mut command);
    command
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"",
            "bash",
        ])
        .arg(kib.to_string())
        .arg(env!("CARGO_BIN_EXE_story-nahtlos"))
        .args(words)
        .stdin(std::fs::File::open(typed).unwrap());
    ended(command.output().unwrap())
}

#[test]
fn a_disk_that_is_full_keeps_what_was_there_and_loses_nothing_typed() {
    let (stage, berger) = desk(Homes::Quick);
    let typed = stage.path("typed");
    // Random letters, so that no compression makes room.
    let noise: String = std::iter::successors(Some(7_u32), |last| {
        Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
    .map(|number| char::from(b'a' + (number >> 24) as u8 % 26))
    .take(9_000)
    .collect();
    std::fs::write(&typed, &noise).unwrap();
    let vault_bytes = std::fs::metadata(berger.home.join("vault.sqlite"))
        .unwrap()
        .len();
    let words = ["journal", "add", CASE, "--from", "-", "--json"];
    let (mut failed, mut done) = (0, 0);
    let mut before = state(&berger);
    // From no room at all to almost enough; the write-ahead log is a file of its own.
    for kib in [0, 1, 4, 8, 12, 16, vault_bytes / 1024] {
        let answer = run_with_little_room(&berger, kib, &words, &typed);
        if answer.exit == exit::DONE {
            done += 1;
            before = state(&berger);
            continue;
        }
        failed += 1;
        let code = error_code(&answer);
        assert!(
            ["disk_full", "vault_io"].contains(&code.as_str()),
            "{kib}: {answer:?}"
        );
        answer.is_refusal(exit::FAILED, &code, &words);
        assert_eq!(state(&berger), before, "{kib} KiB");
    }
    assert!(failed >= 4, "{failed}");
    assert!(vault_is_sound(&berger));
    // With room, what was typed goes in: it was never taken away.
    let words = ["journal", "add", CASE, "--from", typed.to_str().unwrap()];
    berger.done(&words);
    let journal = berger.json(&["section", "show", CASE, "journal"]);
    let entries = journal["content"]["entries"].as_array().unwrap();
    let found = entries
        .iter()
        .filter(|entry| entry["text"] == noise.as_str());
    assert_eq!(found.count(), done + 1, "each success is there once");
    berger.done(&["sync"]);
}

#[test]
fn an_export_that_does_not_fit_leaves_no_half_file() {
    let (stage, berger) = desk(Homes::Quick);
    let file = stage.path("plan.json");
    let to = file.to_str().unwrap();
    let words = ["section", "export", CASE, "plan", "--to", to, "--json"];
    let nothing = Path::new("/dev/null");
    // The vault needs no room to be read; the export is larger than one KiB.
    let answer = run_with_little_room(&berger, 1, &words, nothing);
    answer.is_refusal(exit::FAILED, "file", &words);
    assert!(!file.exists(), "half an export is worse than none");
    berger.done(&["section", "export", CASE, "plan", "--to", to]);
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(whole["content"]["goals"].is_object());
    // A file that is there is never overwritten.
    let again = ["section", "export", CASE, "core", "--to", to];
    refused_in_both_forms(&berger, &again, exit::FAILED, "file");

    // Nor is there an invitation of which nobody has the text.
    let invite = ["institution", "invite", "--to", to];
    refused_in_both_forms(&berger, &invite, exit::FAILED, "file");
    let invite = ["member", "invite", "--team", "RAV", "--to", to];
    refused_in_both_forms(&berger, &invite, exit::FAILED, "file");
    let open = &berger.json(&["status"])["open_invitations"];
    assert_eq!(open, &json!([]));

    // An answer that nobody could take is not said to be given.
    let mut command = berger.command();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let output = command
        .args(["section", "export", CASE, "plan", "--json"])
        .stdout(full.unwrap())
        .output()
        .unwrap();
    let answer = ended(output);
    answer.is_refusal(exit::FAILED, "output", &["section", "export"]);
}

#[test]
fn without_a_relay_everything_but_sync_works_and_sync_says_that_edits_are_safe() {
    let (stage, berger) = desk(Homes::Quick);
    berger.done(&["sync"]);
    stage.relay.stop();
    berger.done_with(&["journal", "add", CASE], "Ohne Netz geschrieben.");
    let error = refused_in_both_forms(&berger, &["sync"], exit::NO_RELAY, "relay_unreachable");
    assert!(
        error["message"].as_str().unwrap().contains("safe"),
        "{error}"
    );
    assert_eq!(berger.json(&["status"])["undelivered_edits"], 1);
    assert!(vault_is_sound(&berger));
    assert_eq!(berger.run(&["doctor"]).exit, exit::NO_RELAY);
    // Joining needs the relay once; the invitation is not used up by a try without it.
    let invitation = stage.path("invitation");
    let to = invitation.to_str().unwrap();
    berger.done(&["institution", "invite", "--to", to]);
    let guest = stage.device("guest");
    let join = [
        "institution",
        "join",
        "--invitation",
        to,
        "--institution",
        "IV-Stelle Bern",
        "--kind",
        "iv",
        "--team",
        "Eingliederung",
        "--person",
        "Marc Iseli",
        "--function",
        "officer",
    ];
    guest.refused(&join, exit::NO_RELAY, "relay_unreachable");
}

/// Answers every connection with the same bytes, as a login page of a hotel does.
fn something_else(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut device in listener.incoming().flatten() {
            let mut request = [0; 64 * 1024];
            let _whatever_it_says = device.read(&mut request);
            let _gone = device.write_all(answer);
        }
    });
    address
}

#[test]
fn something_that_is_no_relay_is_not_believed() {
    let (stage, berger) = desk(Homes::Quick);
    // That it was read today is handed over with this sync, so that below only the entry waits.
    let _read = state(&berger);
    berger.done(&["sync"]);
    berger.done_with(&["journal", "add", CASE], "Im Hotel geschrieben.");
    let before = state(&berger);
    let answers: [(&[u8], &[i32]); 6] = [
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n<html></html",
            &[exit::FAILED],
        ),
        (
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            &[exit::FAILED, exit::NO_RELAY],
        ),
        (
            b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
            &[exit::NO_RELAY],
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n\x98\xff\xff",
            &[exit::NO_RELAY],
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            &[exit::FAILED, exit::NO_RELAY],
        ),
        (b"", &[exit::NO_RELAY]),
    ];
    for (answer, exits) in answers {
        stage.line.lead_to(something_else(answer));
        let ended = berger.run(&["sync", "--json"]);
        assert!(exits.contains(&ended.exit), "{answer:?}: {ended:?}");
        ended.is_refusal(ended.exit, &error_code(&ended), &["sync"]);
        assert_eq!(berger.json(&["status"])["undelivered_edits"], 1);
    }
    assert_eq!(state(&berger), before);
    stage.line.lead_to(stage.relay.address());
    berger.done(&["sync"]);
    assert_eq!(berger.json(&["status"])["undelivered_edits"], 0);
}
