//! What is asked at a terminal, through the real program at a pseudo-terminal: nothing is asked for that is
//! refused afterwards, and a pasted text keeps its lines.

#![cfg(target_os = "linux")]

mod support;

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use support::{Home, PASSPHRASE, World, found_arguments, refused, unreachable_claim};

/// How long the program may take for what comes next.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The program at a pseudo-terminal, which `script` (util-linux) gives it.
struct Dialogue {
    child: Child,
    shown: Receiver<Vec<u8>>,
    /// Everything that was shown.
    text: String,
    /// How much of it was answered.
    answered: usize,
}

impl Dialogue {
    fn begin(home: &Home, words: &[&str], with_passphrase: bool) -> Self {
        let quoted = words.iter().map(|word| format!("'{word}'"));
        let quoted = quoted.collect::<Vec<_>>().join(" ");
        let line = format!("'{}' {quoted}", env!("CARGO_BIN_EXE_nahtlos"));
        let mut command = std::process::Command::new("script");
        command
            .args(["-q", "-e", "-f", "-c", &line, "/dev/null"])
            .env_remove("NAHTLOS_PASSPHRASE_COMMAND")
            .env_remove("NAHTLOS_PASSPHRASE_FILE")
            .env("NAHTLOS_HOME", &home.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if with_passphrase {
            command.env("NAHTLOS_PASSPHRASE_FILE", &home.passphrase);
        }
        let mut child = command.spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            shown,
            text: String::new(),
            answered: 0,
        }
    }

    /// Waits for a question, and types the answer.
    fn answer(&mut self, question: &str, answer: &str) {
        while !self.text[self.answered..].contains(question) {
            let Ok(piece) = self.shown.recv_timeout(ANSWER_TIMEOUT) else {
                panic!("{question:?} was not asked: {}", self.text);
            };
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
        self.answered = self.text.len();
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(answer.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// All that was shown, and the exit status.
    fn end(mut self) -> (String, i32) {
        while let Ok(piece) = self.shown.recv_timeout(ANSWER_TIMEOUT) {
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
        let exit = self.child.wait().unwrap().code().unwrap();
        (self.text, exit)
    }
}

#[test]
fn a_report_that_is_pasted_in_several_lines_is_kept_with_all_of_them() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    home.run(&["section", "open", "ruth", "medical"]).ok();
    let mut dialogue = Dialogue::begin(
        home,
        &["section", "add", "ruth", "medical", "reports"],
        true,
    );
    dialogue.answer("date (", "17.03.2027\n");
    dialogue.answer("kind (", "report\n");
    dialogue.answer("written by (", "Dr. Muster\n");
    dialogue.answer("text (", "Erste Zeile.\n\nZweite Zeile.\n.\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    assert!(!text.contains("the rest was not taken"), "{text}");
    let shown = home.run(&["--json", "section", "show", "ruth", "medical"]);
    let shown = shown.json();
    let report = &shown["content"]["lists"]["reports"][0]["fields"]["text"];
    assert!(
        report
            .to_string()
            .contains("Erste Zeile.\\n\\nZweite Zeile."),
        "{shown}"
    );
}

#[test]
fn nobody_types_a_case_or_an_entry_that_is_refused_afterwards() {
    // Keller left the team; the institution of Iseli may read the journal only.
    let world = World::new();
    world.open_case();
    let keller = world.colleague("keller", "write");
    let grant = support::grant(&world, "ruth", "journal", "read");
    grant.ok();
    let leave = ["member", "remove", "keller", "--team", "RAV Team", "--yes"];
    world.berger.run(&leave).ok();
    for home in [&world.berger, &keller, &world.iseli] {
        home.run(&["sync"]);
    }
    let (text, exit) = Dialogue::begin(&keller, &["case", "open"], true).end();
    assert_eq!(exit, 5, "{text}");
    assert!(!text.contains("Official name"), "{text}");

    let add = ["journal", "add", "ruth", "--kind", "call"];
    let number = world.iseli.run(&["--json", "case"]).json()["cases"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let add = [&add[..2], &[number.as_str()], &add[3..]].concat();
    let (text, exit) = Dialogue::begin(&world.iseli, &add, true).end();
    assert_eq!(exit, 5, "{text}");
    assert!(!text.contains("Journal entry"), "{text}");
    // Without a terminal the same is said.
    let add = [&["--json"][..], &add, &["--from", "-"]].concat();
    refused(&world.iseli.type_in(&add, "Notiz"), 5, "no_right");
}

#[test]
fn a_passphrase_that_is_too_short_is_refused_before_it_is_typed_again() {
    let world = tempfile::tempdir().unwrap();
    let home = Home::new(world.path(), "new");
    let claim = unreachable_claim(world.path());
    let mut dialogue = Dialogue::begin(&home, &found_arguments(&claim), false);
    dialogue.answer("Choose a passphrase", "zu kurz\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 2, "{text}");
    assert!(text.contains("too short"), "{text}");
    assert!(!text.contains("The same again"), "{text}");
    // Control: a long one is asked for twice.
    let mut dialogue = Dialogue::begin(&home, &found_arguments(&claim), false);
    dialogue.answer("Choose a passphrase", &format!("{PASSPHRASE}\n"));
    dialogue.answer("The same again", "drei andere Worte\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 2, "{text}");
    assert!(text.contains("differ"), "{text}");
}

/// A case comes back as a file, for another person; and the journal of one client is named for another's case.
#[test]
fn who_opens_an_export_or_adds_rows_of_another_case_is_told_what_that_means_before_anything_is_kept()
 {
    let world = World::new();
    let number = world.open_case();
    let home = &world.berger;
    home.run(&["journal", "ruth"]).ok();
    for _ in 0..2 {
        home.run(&["sync"]).ok();
    }
    let to = world.file("ruth.json");
    home.run(&["case", "export", "ruth", "--to", &to]).ok();
    let text = std::fs::read_to_string(&to).unwrap();
    let other = world.file("kunz.json");
    std::fs::write(&other, text.replace("Mosimann", "Kunz")).unwrap();
    let cases = || {
        let list = home.run(&["--json", "case"]).json();
        list["cases"].as_array().unwrap().len()
    };
    let mut dialogue = Dialogue::begin(home, &["case", "open", "--from", &other], true);
    dialogue.answer("Open the case without it?", "n\n");
    let (text, _) = dialogue.end();
    assert!(
        text.contains("Not taken over") && text.contains("of who read it"),
        "{text}"
    );
    assert!(text.contains("No case was opened."), "{text}");
    assert_eq!(cases(), 1);
    let mut dialogue = Dialogue::begin(home, &["case", "open", "--from", &other], true);
    dialogue.answer("Open the case without it?", "y\n");
    dialogue.end();
    assert_eq!(cases(), 2, "control");

    let rows = world.file("journal.csv");
    let export = [
        "case", "export", &number, "--format", "csv", "--list", "journal", "--to", &rows,
    ];
    home.run(&export).ok();
    std::fs::write(
        &other,
        r#"{"schema_version": 1, "person": {"official_name": "Zaugg"}}"#,
    )
    .unwrap();
    home.run(&["case", "open", "--from", &other]).ok();
    let import = [
        "case", "import", "zaugg", "--list", "journal", "--from", &rows,
    ];
    let entries = || {
        let journal = home.run(&["--json", "journal", "zaugg"]).json();
        journal["content"]["entries"].as_array().unwrap().len()
    };
    let mut dialogue = Dialogue::begin(home, &import, true);
    dialogue.answer("all the same?", "n\n");
    let (text, exit) = dialogue.end();
    assert_ne!(exit, 0, "{text}");
    assert!(text.contains("come from another case"), "{text}");
    assert_eq!(entries(), 0);
}
