//! The paper, through the program: made, given back, listed, brought back by, refused, revoked; and what
//! a device is called.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{Home, Run, World, refused};

/// What stands on a page.
struct Paper {
    words: Vec<String>,
    text: String,
    fingerprint: String,
}

fn read_page(page: &Path) -> Paper {
    let html = std::fs::read_to_string(page).unwrap();
    let words = html.lines().filter_map(|line| {
        let word = line.trim().strip_prefix("<li>")?.strip_suffix("</li>")?;
        Some(word.to_owned())
    });
    let between = |from: &str, to: &str| {
        let rest = html.split(from).nth(1).unwrap();
        rest.split(to).next().unwrap().to_owned()
    };
    Paper {
        words: words.collect(),
        text: between("<p class=\"text\">", "</p>"),
        fingerprint: between(", fingerprint ", "</p>"),
    }
}

/// Makes a paper and gives back what is asked for, as `answer` says it.
fn make_with(home: &Home, page: &Path, answer: impl Fn(&Paper, usize) -> String) -> Run {
    make_as(home, &["--json"], page, answer)
}

fn make_as(
    home: &Home,
    options: &[&str],
    page: &Path,
    answer: impl Fn(&Paper, usize) -> String,
) -> Run {
    let mut child = home
        .command()
        .args(options)
        .args(["key", "paper", page.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while stderr.read_line(&mut line).unwrap() > 0 {
        if let Some(place) = line.trim().strip_prefix("Word ") {
            let place: usize = place.trim_end_matches(':').parse().unwrap();
            let word = answer(&read_page(page), place);
            writeln!(stdin, "{word}").unwrap();
        }
        said.push_str(&line);
        line.clear();
    }
    let output = child.wait_with_output().unwrap();
    let mut run = Run::of(output);
    run.stderr = said;
    run
}

fn make(world: &World, name: &str) -> Paper {
    let page = world.directory.path().join(name);
    let run = make_with(&world.berger, &page, |paper, place| {
        paper.words[place - 1].to_uppercase()
    });
    let made = run.json();
    let paper = read_page(&page);
    assert_eq!(paper.words.len(), 24);
    assert_eq!(made["device"], paper.fingerprint.as_str());
    assert_eq!(run.stderr.matches("Word ").count(), 4, "{}", run.stderr);
    assert!(run.stderr.contains("Delete"), "{}", run.stderr);
    for shown in [&run.stdout, &run.stderr] {
        let is_shown = |word: &String| shown.contains(&format!(" {word} "));
        assert!(
            paper.words.iter().filter(|word| is_shown(word)).count() < 4,
            "{shown}"
        );
    }
    world.berger.run(&["sync"]).ok();
    paper
}

fn restore(home: &Home, paper: &Paper, words: &[String]) -> Run {
    let arguments = [
        "--json",
        "device",
        "restore",
        "--name",
        "Laptop",
        "--paper",
        &paper.text,
    ];
    home.type_in(&arguments, &words.join(" "))
}

fn devices(home: &Home) -> Vec<Value> {
    let list = home.run(&["--json", "device", "list"]).json();
    list["devices"].as_array().unwrap().clone()
}

#[test]
fn a_paper_is_a_device_of_ones_own_and_brings_its_person_back_on_a_new_machine() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let paper = make(&world, "paper.html");
    let page = world.directory.path().join("paper.html");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&page).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("Anna Berger") && html.contains("@media print"));
    for from_elsewhere in ["http:", "https:", "<script", "<link", "src=", "url("] {
        assert!(!html.contains(from_elsewhere), "{from_elsewhere}");
    }
    let listed = devices(&world.berger);
    let of_paper = |line: &&Value| line["fingerprint"] == paper.fingerprint.as_str();
    let line = listed.iter().find(of_paper).unwrap();
    assert_eq!(
        (&line["name"], &line["state"]),
        (&"Paper".into(), &"live".into())
    );

    // The only device is gone.
    std::fs::remove_dir_all(&world.berger.path).unwrap();
    let laptop = Home::new(world.directory.path(), "laptop");
    let run = restore(&laptop, &paper, &paper.words);
    let back = run.json();
    assert_eq!(back["person"], "Anna Berger");
    assert_eq!(back["paper"], paper.fingerprint.as_str());
    assert_eq!(back["other_devices"].as_array().unwrap().len(), 1);
    assert!(
        run.stderr.contains("nahtlos device revoke"),
        "{}",
        run.stderr
    );
    let journal = laptop.run(&["journal", &case]).ok().stdout;
    assert!(journal.contains("Erstgespräch."), "{journal}");
    laptop.run(&["doctor"]).ok();
    // A home that is somebody's is not made another's.
    refused(
        &restore(&laptop, &paper, &paper.words),
        1,
        "already_enrolled",
    );

    // The paper is ended like any device, and then brings nobody back.
    let words = ["--json", "device", "revoke", &paper.fingerprint, "--yes"];
    laptop.run(&words).json();
    laptop.run(&["sync"]).ok();
    let other = Home::new(world.directory.path(), "other");
    let run = restore(&other, &paper, &paper.words);
    refused(&run, 5, "paper_revoked");
    assert!(run.error()["next"].to_string().contains("newer paper"));
    let left = other.run(&["--json", "status"]).json();
    assert_eq!(left["enrolment"], "new");
}

#[test]
fn words_that_are_not_the_papers_are_refused_by_where_to_look_before_a_home_is_made() {
    let world = World::new();
    let paper = make(&world, "paper.html");
    let laptop = Home::new(world.directory.path(), "laptop");
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut words = paper.words.clone();
        change(&mut words);
        restore(&laptop, &paper, &words)
    };
    let told = |run: &Run, code: &str, part: &str| {
        refused(run, 2, code);
        let message = run.error()["message"].to_string();
        assert!(message.contains(part), "{message}");
        // Messages are English, and so are the words: two in their order would be no accident.
        for pair in paper.words.windows(2) {
            assert!(!run.stderr.contains(&pair.join(" ")), "words are told");
        }
        for typed in ["quetschkommode", "zoo"] {
            assert!(!run.stderr.contains(typed), "what was typed is told");
        }
    };
    let run = changed(&|words| {
        words.pop();
    });
    told(&run, "words_count", "23 words");
    let run = changed(&|words| words[6] = "Quetschkommode".into());
    told(&run, "word_unknown", "Word 7");
    let other = if paper.words[2] == "zoo" {
        "able"
    } else {
        "zoo"
    };
    let run = changed(&|words| words[2] = other.into());
    told(&run, "word_wrong", "Word 3");
    let (first, second) = (
        4,
        (5..24)
            .find(|at| paper.words[*at] != paper.words[4])
            .unwrap(),
    );
    let run = changed(&|words| words.swap(first, second));
    let places = format!("Words {} and {}", first + 1, second + 1);
    told(&run, "words_exchanged", &places);
    let run = changed(&|words| words[1..20].reverse());
    told(&run, "words_checksum", "not the words of a paper");
    let second = make(&world, "second.html");
    let run = restore(&laptop, &paper, &second.words);
    told(&run, "other_paper", "another paper");
    let cut = Paper {
        text: paper.text[..60].to_owned(),
        words: Vec::new(),
        fingerprint: String::new(),
    };
    refused(&restore(&laptop, &cut, &paper.words), 2, "text_mistyped");
    let none = laptop.run(&["--json", "device", "restore", "--paper"]);
    refused(&none, 2, "paper_text_missing");
    assert!(!laptop.path.exists(), "nothing was made");
    restore(&laptop, &paper, &paper.words).json();
}

#[test]
fn a_paper_whose_words_are_not_given_back_is_not_made() {
    let world = World::new();
    let page = world.directory.path().join("paper.html");
    let run = make_with(&world.berger, &page, |_, _| "wrong".into());
    refused(&run, 1, "words_not_given_back");
    assert!(!page.exists(), "the page was deleted");
    world.berger.run(&["sync"]).ok();
    assert_eq!(devices(&world.berger).len(), 1);
    // A slip of the tongue is no reason to begin anew.
    let tries = std::cell::Cell::new(0);
    let run = make_with(&world.berger, &page, |paper, place| {
        tries.set(tries.get() + 1);
        let is_wrong = tries.get() % 2 == 1;
        if is_wrong {
            "wrong".into()
        } else {
            paper.words[place - 1].clone()
        }
    });
    run.json();
    // The page that is there already is another paper's.
    let run = make_with(&world.berger, &page, |_, _| String::new());
    refused(&run, 1, "file");
}

#[test]
fn a_device_is_renamed_and_all_devices_of_the_person_call_it_so() {
    let world = World::new();
    let paper = make(&world, "paper.html");
    let rename = |home: &Home, device: &str, name: &str| {
        home.run(&["--json", "device", "rename", device, name])
    };
    let renamed = rename(&world.berger, "Paper", "Tresor").json();
    assert_eq!(
        (&renamed["before"], &renamed["name"]),
        (&"Paper".into(), &"Tresor".into())
    );
    let renamed = rename(&world.berger, &paper.fingerprint[..9], "Safe").json();
    assert_eq!(renamed["before"], "Tresor");
    world.berger.run(&["sync"]).ok();
    let laptop = Home::new(world.directory.path(), "laptop");
    restore(&laptop, &paper, &paper.words).json();
    for home in [&world.berger, &laptop] {
        home.run(&["sync"]).ok();
        let listed = devices(home);
        let names: Vec<&Value> = listed.iter().map(|line| &line["name"]).collect();
        assert!(names.contains(&&Value::from("Safe")), "{names:?}");
        assert!(names.contains(&&Value::from("Laptop")), "{names:?}");
    }
    refused(&rename(&world.berger, "Tresor", "X"), 1, "not_found");
    let own = devices(&world.berger);
    let own = own[0]["fingerprint"].as_str().unwrap();
    refused(&rename(&world.iseli, own, "X"), 1, "not_found");
    refused(&rename(&world.berger, "Safe", ""), 2, "empty");
}

/// Commands of the reference, each with its answer.
fn example(of: &str) -> String {
    let reference = nahtlos::command_line_reference();
    let mut blocks = reference.split("```text\n").skip(1);
    let block = blocks.find_map(|block| {
        let example = block.split("\n```").next()?.strip_prefix("$ ")?;
        let (command, answer) = example.split_once('\n')?;
        command.starts_with(of).then(|| answer.to_owned())
    });
    masked(&block.unwrap())
}

/// Numbers, paths and fingerprints differ from world to world.
fn masked(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let is_fingerprint = bare.len() == 19 && bare.split('-').count() == 4;
        let is_number = bare.bytes().all(|byte| byte.is_ascii_digit());
        let is_path = word.contains('/') || bare.ends_with(".html") || bare == "restored";
        if is_fingerprint || is_number || is_path {
            "X"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_examples_in_the_reference_were_run() {
    let world = World::new();
    let page = world.directory.path().join("paper.html");
    let run = make_as(&world.berger, &[], &page, |paper, place| {
        paper.words[place - 1].clone()
    });
    let asked = run
        .stderr
        .lines()
        .take_while(|line| !line.starts_with("It is good"));
    let said = asked
        .chain(run.stdout.lines())
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(masked(&said), example("nahtlos key paper"), "{said}");
    world.berger.run(&["sync"]).ok();
    let (paper, text) = (read_page(&page), world.directory.path().join("paper.txt"));
    std::fs::write(&text, &paper.text).unwrap();
    let laptop = Home::new(world.directory.path(), "restored");
    let words = [
        "device",
        "restore",
        "--paper",
        text.to_str().unwrap(),
        "--name",
        "Laptop",
    ];
    let said = laptop.type_in(&words, &paper.words.join(" ")).ok().stdout;
    assert_eq!(masked(&said), example("nahtlos device restore"), "{said}");
}

/// S4: the phone is lost with what was typed on it since the last sync; its owner has a paper, and nobody
/// else to let them in.
#[test]
fn a_lost_phone_is_ended_by_who_came_back_by_paper_and_what_was_typed_on_it_is_held() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let phone = world.colleague("Keller", "write");
    let page = world.directory.path().join("paper.html");
    make_with(&phone, &page, |paper, place| paper.words[place - 1].clone()).json();
    phone.run(&["sync"]).ok();
    let paper = read_page(&page);
    let entry = ["journal", "add", &case, "--kind", "call", "--from", "-"];
    phone.type_in(&entry, "Vom Handy vor dem Verlust.").ok();

    let laptop = Home::new(world.directory.path(), "laptop");
    let back = restore(&laptop, &paper, &paper.words).json();
    let lost = back["other_devices"][0]["fingerprint"].as_str().unwrap();
    let revoke = [
        "--json", "device", "revoke", lost, "--lost", "--now", "--yes",
    ];
    laptop.run(&revoke).json();
    laptop.run(&["sync"]).ok();
    laptop.type_in(&entry, "Vom Laptop danach.").ok();
    laptop.run(&["sync"]).ok();

    // Found and switched on: its entry arrives as held, and it receives nothing newer.
    phone.run(&["sync"]);
    let own = phone.run(&["journal", &case]).stdout;
    assert!(!own.contains("Vom Laptop danach."), "{own}");
    laptop.run(&["sync"]);
    let held = laptop.run(&["--json", "held"]).json();
    let held = held["edits"].as_array().unwrap();
    assert_eq!(held.len(), 1, "{held:?}");
    let before = laptop.run(&["journal", &case]).stdout;
    assert!(
        !before.contains("vor dem Verlust"),
        "held, not counting: {before}"
    );
    let id = held[0]["id"].as_str().unwrap();
    laptop.run(&["--json", "held", "adopt", id, "--yes"]).json();
    for home in [&laptop, &world.berger] {
        home.run(&["sync"]).ok();
        let journal = home.run(&["journal", &case]).ok().stdout;
        for line in ["Vom Handy vor dem Verlust.", "Vom Laptop danach."] {
            assert!(journal.contains(line), "{journal}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_page_whose_words_are_never_given_back_does_not_outlive_ctrl_c() {
    let world = World::new();
    let page = world.directory.path().join("interrupted.html");
    let mut child = world
        .berger
        .command()
        .args(["key", "paper", page.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("Word ") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it asks");
    }
    assert!(page.exists(), "control");
    // Waiting for a child closes what it reads, which would answer the questions before the signal does.
    let kept_open = child.stdin.take();
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(kept_open);
    assert!(!page.exists());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    assert!(said.contains("no paper was made"), "{said}");
    let beside = std::fs::read_dir(world.directory.path()).unwrap();
    let left = beside.filter(|one| {
        let name = one.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".partial")
    });
    assert_eq!(left.count(), 0);
}
