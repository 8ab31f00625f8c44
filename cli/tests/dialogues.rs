//! What is asked at a terminal, through the real program at a pseudo-terminal: nothing is asked for that is
//! refused afterwards, and a pasted text keeps its lines.

#![cfg(target_os = "linux")]

mod support;

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use support::{Home, PASSPHRASE, World, found_arguments, refused, unreachable_claim, with};

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

    /// Ends it at once, as a battery does.
    fn kill(mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        for child in std::fs::read_to_string(children)
            .unwrap()
            .split_whitespace()
        {
            let killed = std::process::Command::new("kill")
                .args(["-9", child])
                .status();
            assert!(killed.unwrap().success());
        }
        self.child.wait().unwrap();
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

/// What is kept as drafts on this device.
fn drafts(home: &Home) -> Vec<serde_json::Value> {
    let list = home.run(&["--json", "draft"]).json();
    list["drafts"].as_array().unwrap().clone()
}

/// Whether the words stand somewhere in the files of a home as they were typed.
fn stands_in_clear(home: &Home, words: &str) -> bool {
    let files = std::fs::read_dir(&home.path).unwrap();
    let mut contents = files.filter_map(|file| std::fs::read(file.unwrap().path()).ok());
    contents.any(|content| {
        content
            .windows(words.len())
            .any(|window| window == words.as_bytes())
    })
}

/// How much a command that is running has written.
fn written(home: &Home) -> u64 {
    let log = std::fs::metadata(home.path.join("vault.sqlite-wal"));
    log.map_or(0, |log| log.len())
}

fn journal_texts(home: &Home, case: &str) -> Vec<String> {
    let journal = home.run(&["--json", "journal", case]).json();
    let entries = journal["content"]["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["text"].as_str().unwrap().to_owned())
        .collect()
}

/// A new client is written down at the desk. At the last question the telephone rings, and somebody types Ctrl-C.
#[test]
fn who_is_interrupted_at_the_last_question_of_a_dialogue_goes_on_with_all_answers() {
    let world = World::new();
    let home = &world.berger;
    let mut dialogue = Dialogue::begin(home, &["case", "open"], true);
    dialogue.answer("Official name:", "Habegger\n");
    dialogue.answer("First name", "Luca\n");
    dialogue.answer("Born", "31.12.1990\n");
    dialogue.answer("Telephone", "031 123 45 67\n");
    dialogue.answer("(empty", "\u{3}");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 130, "{text}");
    assert!(text.contains("Interrupted: nothing"), "{text}");
    assert!(
        text.contains("`nahtlos case open` goes on with it"),
        "{text}"
    );
    let cases = || home.run(&["--json", "case"]).json()["cases"].clone();
    assert_eq!(cases(), serde_json::json!([]));
    assert_eq!(drafts(home)[0]["answers"].as_array().unwrap().len(), 4);
    assert!(!stands_in_clear(home, "Habegger"));
    let said = home.run(&["status"]).ok();
    assert!(said.stdout.contains("1 draft"), "{}", said.stdout);
    let wipe = home.run(&["device", "wipe", "--dry-run"]).ok();
    assert!(
        wipe.stdout.contains("typed and not stored"),
        "{}",
        wipe.stdout
    );
    // It is nobody else's.
    home.run(&["sync"]).ok();
    world.iseli.run(&["sync"]).ok();
    assert!(drafts(&world.iseli).is_empty());
    assert_eq!(drafts(home).len(), 1);

    let mut dialogue = Dialogue::begin(home, &["case", "open"], true);
    dialogue.answer("Go on with it?", "\n");
    dialogue.answer("Official name [Habegger]:", "\n");
    dialogue.answer("First name (may be empty) [Luca]:", ".\n");
    dialogue.answer("[31.12.1990]:", "01.01.1991\n");
    dialogue.answer("[031 123 45 67]:", "\n");
    dialogue.answer("(empty", "\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    let number = cases()[0]["id"].as_str().unwrap().to_owned();
    let shown = home.run(&["case", "show", &number]).ok().stdout;
    assert!(
        shown.contains("Habegger") && shown.contains("01.01.1991"),
        "{shown}"
    );
    assert!(!shown.contains("Luca"), "{shown}");
    assert!(drafts(home).is_empty(), "it is stored");
    assert!(!home.run(&["status"]).ok().stdout.contains("draft"));
}

/// A report of the week is typed in the train, line by line, and the battery ends; then Ctrl-C in the middle of a line.
#[test]
fn a_text_is_kept_line_by_line_also_when_the_program_is_killed() {
    let world = World::new();
    let number = world.open_case();
    let home = &world.berger;
    let add = ["journal", "add", "ruth", "--kind", "note"];
    let mut dialogue = Dialogue::begin(home, &add, true);
    dialogue.answer("Journal entry", "");
    let before = written(home);
    dialogue.answer("", "Erste Zeile.\n");
    // The home is in use meanwhile: nobody else can look into it.
    for _ in 0..500 {
        if written(home) > before {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    dialogue.kill();
    assert_eq!(drafts(home)[0]["answers"][0]["text"], "Erste Zeile.");
    let is_stored = |text: &str| {
        journal_texts(home, "ruth")
            .iter()
            .any(|one| one.contains(text))
    };
    assert!(!is_stored("Erste Zeile."));

    let mut dialogue = Dialogue::begin(home, &add, true);
    dialogue.answer("Go on with it?", "y\n");
    dialogue.answer("Journal entry", "Zweite Zeile.\nhalb\u{3}");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 130, "{text}");
    assert!(text.contains("Erste Zeile."), "it is shown: {text}");

    // Another name of the same case, and another kind of entry: one is the same command, the other is not.
    let same = ["journal", "add", number.as_str(), "--kind", "note"];
    let mut dialogue = Dialogue::begin(home, &["journal", "add", "ruth", "--kind", "call"], true);
    dialogue.answer("Journal entry", "Ein Anruf.\n.\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    assert!(!text.contains("Go on with it?"), "{text}");
    assert_eq!(drafts(home).len(), 1, "the other one stays");
    let mut dialogue = Dialogue::begin(home, &same, true);
    dialogue.answer("Go on with it?", "y\n");
    dialogue.answer("Journal entry", "Schluss.\n.\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    let whole = "Erste Zeile.\nZweite Zeile.\nhalb\nSchluss.".to_owned();
    assert!(journal_texts(home, "ruth").contains(&whole));
    assert!(drafts(home).is_empty());
}

/// A text is too long for its field, another one is refused late, and one is discarded.
#[test]
fn what_is_refused_or_declined_at_the_end_waits_until_it_is_discarded() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let mut dialogue = Dialogue::begin(home, &["task", "add", "ruth"], true);
    dialogue.answer("What is to be done", &format!("{}\n", "x".repeat(2_100)));
    dialogue.answer("more than 2000 characters", "\u{3}");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 130, "{text}");
    assert!(text.contains("kept as a draft"), "{text}");
    let shown = home.run(&["draft", "show", "1", "--answer", "1"]).ok();
    assert_eq!(shown.stdout.trim(), "x".repeat(2_100));
    refused(
        &home.run(&["--json", "draft", "show", "1", "--answer", "2"]),
        2,
        "not_found",
    );
    refused(&home.run(&["--json", "draft", "show", "7"]), 1, "not_found");

    // Begun anew beside it.
    let mut dialogue = Dialogue::begin(home, &["task", "add", "ruth"], true);
    dialogue.answer("Go on with it?", "n\n");
    dialogue.answer("Discard it for good?", "n\n");
    dialogue.answer("What is to be done", "Kurz\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    assert_eq!(drafts(home).len(), 1, "what was not discarded stays");
    let mut dialogue = Dialogue::begin(home, &["task", "add", "ruth"], true);
    dialogue.answer("Go on with it?", "n\n");
    dialogue.answer("Discard it for good?", "y\n");
    dialogue.answer("What is to be done", "Zwei\n");
    dialogue.end();
    assert!(drafts(home).is_empty());

    // A no at the very end: what was typed stays.
    let give = [
        "consent",
        "give",
        "ruth",
        "--read",
        "plan=Eingliederung",
        "--form",
        "verbal",
    ];
    let mut dialogue = Dialogue::begin(home, &give, true);
    dialogue.answer("Note", "Am Telefon gesagt\n");
    dialogue.answer("[y/N]", "n\n");
    let (text, _) = dialogue.end();
    assert!(text.contains("kept as a draft"), "{text}");
    assert_eq!(drafts(home)[0]["answers"][0]["text"], "Am Telefon gesagt");
    let mut dialogue = Dialogue::begin(home, &give, true);
    dialogue.answer("Go on with it?", "\n");
    dialogue.answer("[Am Telefon gesagt]", "\n");
    dialogue.answer("[y/N]", "y\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    let consents = home.run(&["--json", "consent", "ruth"]).ok().stdout;
    assert!(consents.contains("Am Telefon gesagt"), "{consents}");
    assert!(drafts(home).is_empty());
    // What comes from a file is kept by who wrote it.
    let long = world.file("long.txt");
    std::fs::write(&long, "x".repeat(2_100)).unwrap();
    refused(
        &home.run(&["--json", "task", "add", "ruth", "--from", &long]),
        2,
        "too_long",
    );
    assert!(drafts(home).is_empty());
}

/// The RAV asks the IV without a name; who sits at the IV looks into the program two days later.
#[test]
fn an_enquiry_and_its_answer_are_announced_to_who_has_to_do_something_and_to_nobody_else() {
    let world = World::new();
    let (asks, asked) = (&world.berger, &world.iseli);
    let facts = r#"{"question": "joint", "age": "35_49", "permit": "swiss", "work": "incapable"}"#;
    let send = ["enquiry", "send", "--to", "Eingliederung", "--yes"];
    asks.type_in(&with(&send, &["--from", "-"]), facts).ok();
    let waits = |home: &Home, words: &str| {
        let sync = home.run(&["sync"]).ok().stderr;
        let status = home.run(&["status"]).ok().stdout;
        assert_eq!(
            sync.contains(words),
            status.contains(words),
            "{sync}{status}"
        );
        status.contains(words)
    };
    assert!(!waits(asks, "enquiry"), "who asked has nothing to do");
    assert!(waits(asked, "waits for your team's answer"));
    let id = asked.run(&["--json", "enquiry"]).json()["enquiries"][0]["id"].clone();
    let answer = ["enquiry", "answer", id.as_str().unwrap(), "--as", "more"];
    asked
        .type_in(&with(&answer, &["--from", "-"]), "Seit wann?")
        .ok();
    assert!(!waits(asked, "waits for your team's answer"));
    assert!(waits(asks, "wants to know more"));
}

/// Somebody describes the situation in several lines, too long at first; and does not know the codes of the program.
#[test]
fn a_wrong_value_is_asked_for_again_with_its_limit_or_its_codes_and_a_pasted_text_keeps_its_lines()
{
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let mut dialogue = Dialogue::begin(home, &["plan", "set", "ruth", "situation"], true);
    let line = "x".repeat(1_200);
    dialogue.answer("at most 2,000 characters", &format!("{line}\n{line}\n.\n"));
    dialogue.answer("stays in the draft", "Kurz:\nzwei Zeilen.\n.\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    let plan = || home.run(&["--json", "plan", "show", "ruth"]).json();
    assert!(
        plan().to_string().contains("Kurz:\\nzwei Zeilen."),
        "{}",
        plan()
    );
    assert!(drafts(home).is_empty());

    // A goal, then what the client says of it, pasted; and a code that nobody knows.
    home.type_in(
        &["plan", "goal", "add", "ruth", "--from", "-"],
        "Eine Lehrstelle",
    )
    .ok();
    let mut dialogue = Dialogue::begin(
        home,
        &["plan", "goal", "set", "ruth", "1", "client_words"],
        true,
    );
    dialogue.answer("at most 2,000", "Ich will\nes versuchen.\n.\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    assert!(plan().to_string().contains("Ich will\\nes versuchen."));
    let mut dialogue = Dialogue::begin(home, &["plan", "set", "ruth", "target"], true);
    dialogue.answer("Write one of first_labour_market (", "");
    dialogue.answer("", "irgendwohin\n");
    dialogue.answer("not one of the known codes", "Erster Arbeitsmarkt\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    assert!(
        plan().to_string().contains("first_labour_market"),
        "{}",
        plan()
    );

    let mut dialogue = Dialogue::begin(home, &["task", "add", "ruth"], true);
    dialogue.answer("What is to be done", "Erste Zeile\nZweite Zeile\n");
    dialogue.answer("has a line break", "Eine Zeile\n");
    let (text, exit) = dialogue.end();
    assert_eq!(exit, 0, "{text}");
    assert!(!text.contains("the rest was not taken"), "{text}");
}

/// The German and French words of the lists are in everybody's head, the codes are not.
#[test]
fn the_names_of_codes_are_taken_in_three_languages_and_refused_ones_name_each_code() {
    let world = World::new();
    world.open_case();
    let home = &world.berger;
    let add = |kind: &str| {
        let words = [
            "--json", "journal", "add", "ruth", "--kind", kind, "--from", "-",
        ];
        home.type_in(&words, "Termin")
    };
    for (kind, code) in [
        ("entretien", "meeting"),
        ("VISITE", "visit"),
        ("evenement", "event"),
        ("E-Mail", "mail"),
    ] {
        add(kind).ok();
        let journal = home.run(&["--json", "journal", "ruth"]).json();
        let entries = journal["content"]["entries"].as_array().unwrap();
        assert!(
            entries.iter().any(|entry| entry["kind"] == code),
            "{kind}: {journal}"
        );
    }
    let refused = add("Plauderei").error();
    assert_eq!(refused["code"], "unknown_code");
    let next = refused["next"].as_str().unwrap();
    assert!(next.contains("visit (Besuch, visite)"), "{next}");

    let give = [
        "--json",
        "consent",
        "give",
        "ruth",
        "--read",
        "plan=Eingliederung",
        "--yes",
    ];
    home.run(&with(&give, &["--form", "papier"])).ok();
    let consents = home.run(&["--json", "consent", "ruth"]).ok().stdout;
    assert!(consents.contains("\"paper\""), "{consents}");
    home.type_in(&["case", "set", "ruth", "Vorname", "--from", "-"], "Rita")
        .ok();
    let shown = home
        .run(&["section", "show", "mosimann", "Stammdaten"])
        .ok()
        .stdout;
    assert!(shown.contains("Rita"), "{shown}");
    // In a file, too.
    let file = world.file("kunz.json");
    let case = r#"{"schema_version": 1, "person": {"official_name": "Kunz"}, "plan": {"target": "Erster Arbeitsmarkt"}}"#;
    std::fs::write(&file, case).unwrap();
    home.run(&["case", "open", "--from", &file]).ok();
    let plan = home.run(&["--json", "plan", "show", "kunz"]).ok().stdout;
    assert!(plan.contains("first_labour_market"), "{plan}");
}
