//! A client's commands, each of them killed or failing at every point.

use std::os::unix::process::ExitStatusExt;

use nahtlos_casework::fields::ClosingReason;
use serde_json::Value;

use crate::fault::{Log, Point, Watched, chosen};
use crate::story::exit;
use crate::theatre::{IV_TEAM, Kept, Shown, Theatre, beside, run, said};

/// Points of one command that a normal run takes.
const MOST: usize = 10;

/// One command of the script.
struct Act {
    who: &'static str,
    words: Vec<String>,
    typed: &'static str,
}

impl Act {
    fn new(who: &'static str, words: &[&str], typed: &'static str) -> Self {
        Self {
            who,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            typed,
        }
    }

    /// What reaches the relay may come to an end in parts, each of which is whole.
    fn is_sync(&self) -> bool {
        self.words == ["sync"]
    }
}

/// What came of a command.
struct Ended {
    /// None where a signal ended it.
    exit: Option<i32>,
    stderr: String,
    log: Log,
}

fn play(theatre: &Theatre, watched: &Watched, act: &Act, point: Option<Point>) -> Ended {
    let mut command = theatre.command(act.who);
    command.args(&act.words).arg("--json");
    watched.arm(&mut command, point);
    let output = run(&mut command, act.typed);
    let stderr = said(&output);
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ended {
        exit: output.status.code().or_else(|| {
            assert_eq!(output.status.signal(), Some(9), "{stderr}");
            None
        }),
        stderr,
        log: watched.log(),
    }
}

/// What devices show before and after a command that met no fault, and after all had synced.
struct Expected {
    before: Shown,
    after: Shown,
    in_the_end: [Shown; 2],
}

/// Runs one command at all chosen points, from the same state each time, and then without a fault.
fn try_act(theatre: &mut Theatre, act: &Act) {
    let kept = theatre.keep(&["berger", "iseli"]);
    let watched = Watched::new(
        &theatre.directory(act.who),
        &beside(&theatre.world, "watched"),
    );
    let before = theatre.shown(act.who);
    let plain = play(theatre, &watched, act, None);
    assert_eq!(
        plain.exit,
        Some(exit::DONE),
        "{:?} {}",
        act.words,
        plain.stderr
    );
    let after = theatre.shown(act.who);
    let expected = Expected {
        before,
        after,
        in_the_end: theatre.converge(),
    };
    if !act.is_sync() {
        assert_ne!(
            expected.before, expected.after,
            "{:?} does something",
            act.words
        );
    }

    // A command that has ended is on the disk.
    theatre.put_back(&kept);
    play(theatre, &watched, act, None);
    watched.cut_power();
    assert_eq!(
        theatre.shown(act.who),
        expected.after,
        "{:?}, then no power",
        act.words
    );

    let points = plain.log.points();
    let taken = chosen(&format!("{}: {:?}", act.who, act.words), points, MOST);
    let (all, mut came) = (taken.len(), 0);
    for point in taken {
        theatre.put_back(&kept);
        came += usize::from(try_point(theatre, &watched, act, point, &expected));
    }
    // The number of the last calls differs a little from run to run: random ids fill other pages.
    assert!(
        came * 10 >= all * 9,
        "{:?}: {came} of {all} came",
        act.words
    );
    put_back_and_play(theatre, &kept, &watched, act);
}

fn put_back_and_play(theatre: &mut Theatre, kept: &Kept, watched: &Watched, act: &Act) {
    theatre.put_back(kept);
    let plain = play(theatre, watched, act, None);
    assert_eq!(plain.exit, Some(exit::DONE), "{}", plain.stderr);
}

/// Returns whether the point came.
fn try_point(
    theatre: &Theatre,
    watched: &Watched,
    act: &Act,
    point: Point,
    expected: &Expected,
) -> bool {
    let at = format!("{}: {:?}: {point}", act.who, act.words);
    let ended = play(theatre, watched, act, Some(point));
    if point.fault == crate::fault::Fault::PowerCut {
        watched.cut_power();
    }
    let shown = theatre.shown(act.who);
    if ended.log.has_failed() {
        assert_eq!(ended.exit.is_none(), point.fault.kills(), "{at}");
    }
    let kept = shown.lost_nothing_of(&expected.before, &expected.after);
    assert!(kept, "{at}: {shown:#?}");
    if !act.is_sync() {
        let is_done = shown == expected.after;
        assert!(
            is_done || shown == expected.before,
            "{at}: in part\n{shown:#?}\n{}",
            ended.stderr
        );
        judge_exit(&ended, is_done, &at);
        if !is_done {
            // As a person would: once more.
            let again = play(theatre, watched, act, None);
            assert_eq!(again.exit, Some(exit::DONE), "{at}: {}", again.stderr);
            assert_eq!(theatre.shown(act.who), expected.after, "{at}");
        }
    } else if let Some(exit) = ended.exit.filter(|exit| *exit != exit::DONE) {
        refusal(&ended.stderr, exit, &at);
    }
    assert_eq!(theatre.converge(), expected.in_the_end, "{at}");
    ended.log.has_failed()
}

/// What the command said about itself is so.
fn judge_exit(ended: &Ended, is_done: bool, at: &str) {
    match ended.exit {
        Some(exit::DONE) => assert!(is_done, "{at}: it said that it was done"),
        Some(exit) => {
            let error = refusal(&ended.stderr, exit, at);
            let unsure = error["code"] == "vault_unsure";
            assert!(
                !is_done || unsure,
                "{at}: it said that nothing was stored\n{error}"
            );
        }
        None => {}
    }
}

/// The error of a command that a disk failed: its code and exit are documented, and it says what
/// became of what was typed.
fn refusal(stderr: &str, exit: i32, at: &str) -> Value {
    let answer: Value = serde_json::from_str(stderr.trim()).expect(at);
    let error = answer["error"].clone();
    let code = error["code"].as_str().unwrap();
    assert!(
        ["disk_full", "vault_io", "vault_unsure", "file_not_written"].contains(&code),
        "{at}: {error}"
    );
    assert_eq!(exit, exit::FAILED, "{at}: {error}");
    assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
    assert!(error["next"].as_str().unwrap().len() > 10, "{error}");
    error
}

#[test]
fn a_client_killed_or_with_a_failing_disk_at_any_point_of_what_is_done_offline_keeps_what_it_said()
{
    let mut theatre = Theatre::new();
    let number = theatre.number.clone();
    let case_file = crate::story::CASE_FILE;
    let script = [
        Act::new(
            "berger",
            &["journal", "add", &number, "--from", "-"],
            "Sie hat angerufen.",
        ),
        Act::new(
            "berger",
            &["case", "open", "--yes", "--from", case_file],
            "",
        ),
        Act::new(
            "berger",
            &[
                "share",
                "grant",
                &number,
                "--section",
                "plan,tasks",
                "--to",
                IV_TEAM,
                "--role",
                "write",
                "--basis",
                "AVG35a1",
                "--yes",
            ],
            "",
        ),
        Act::new(
            "berger",
            &[
                "share", "withdraw", &number, "core", "--from", IV_TEAM, "--yes",
            ],
            "",
        ),
    ];
    for act in &script {
        try_act(&mut theatre, act);
    }
}

#[test]
fn a_client_killed_or_with_a_failing_disk_at_any_point_of_a_sync_loses_nothing_and_comes_to_the_same()
 {
    let mut theatre = Theatre::new();
    let number = theatre.number.clone();
    let case_file = crate::story::CASE_FILE;
    let watched = Watched::new(
        &theatre.directory("berger"),
        &beside(&theatre.world, "watched"),
    );
    // New keys, a new case, edits and a grant to send …
    let typed = [
        Act::new(
            "berger",
            &["journal", "add", &number, "--from", "-"],
            "Sie hat angerufen.",
        ),
        Act::new(
            "berger",
            &["case", "open", "--yes", "--from", case_file],
            "",
        ),
        Act::new(
            "berger",
            &[
                "share",
                "grant",
                &number,
                "--section",
                "plan",
                "--to",
                IV_TEAM,
                "--role",
                "write",
                "--basis",
                "AVG35a1",
                "--yes",
            ],
            "",
        ),
    ];
    for act in &typed {
        assert_eq!(play(&theatre, &watched, act, None).exit, Some(exit::DONE));
    }
    try_act(&mut theatre, &Act::new("berger", &["sync"], ""));
    // … and to receive.
    try_act(&mut theatre, &Act::new("iseli", &["sync"], ""));
}

#[test]
fn a_client_killed_or_with_a_failing_disk_while_a_case_is_erased_has_it_as_a_whole_or_not_at_all() {
    let mut theatre = Theatre::new();
    let number = theatre.number.clone();
    let mut berger = theatre.world.reopen("berger");
    let case = berger.nahtlos.find_case(&number).unwrap();
    let mistake = ClosingReason::OpenedByMistake;
    berger.nahtlos.close_case(&case, mistake, None).unwrap();
    berger.sync();
    let mut iseli = theatre.world.reopen("iseli");
    iseli.sync();
    drop((berger, iseli));
    let words = ["case", "erase", &number, "--reason", "opened_by_mistake"];
    let words = [&words[..], &["--confirm", &number]].concat();
    // The decision, what destroys this device's copy and the relay's, and the colleague's copy.
    try_act(&mut theatre, &Act::new("berger", &words, ""));
    try_act(&mut theatre, &Act::new("berger", &["sync"], ""));
    try_act(&mut theatre, &Act::new("iseli", &["sync"], ""));
    for who in ["berger", "iseli"] {
        assert!(!theatre.shown(who).has_case(&number), "{who}");
    }
}
