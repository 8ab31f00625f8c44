//! Invitations as people hand them over, through the program.

mod support;

use support::{Home, World, refused};

/// Reads a code of half blocks as a camera would: light squares on a dark screen.
fn scanned(page: &str) -> String {
    let is_drawn = |line: &&str| line.chars().any(|drawn| "█▀▄".contains(drawn));
    let lines: Vec<Vec<char>> = page
        .lines()
        .filter(is_drawn)
        .map(|line| line.chars().collect())
        .collect();
    let width = lines.iter().map(Vec::len).max().unwrap();
    let is_light = |x: usize, y: usize| {
        let drawn = lines[y / 2].get(x).copied().unwrap_or(' ');
        drawn == '█' || drawn == if y.is_multiple_of(2) { '▀' } else { '▄' }
    };
    // Some points to a square, as on a screen.
    const POINTS: usize = 4;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(
        width * POINTS,
        lines.len() * 2 * POINTS,
        |x, y| {
            if is_light(x / POINTS, y / POINTS) {
                255
            } else {
                0
            }
        },
    );
    let found = image.detect_grids();
    assert_eq!(found.len(), 1, "one code:\n{page}");
    found[0].decode().unwrap().1
}

#[test]
fn an_invitation_scanned_from_the_screen_lets_a_newcomer_in_and_a_second_one_is_told_that_it_was_used()
 {
    let world = World::new();
    let run = world
        .berger
        .run(&["member", "invite", "--team", "RAV Team", "--qr"])
        .ok();
    let text = run.stdout.lines().next().unwrap();
    assert!(text.starts_with("nahtlos-invite-"), "{text}");
    let scanned = scanned(&run.stdout);
    assert_eq!(scanned.to_lowercase(), text, "the whole text");
    for line in run.stdout.lines().skip(1) {
        assert!(line.chars().count() <= 80, "it fits into a terminal");
    }

    let ask = |name: &str| {
        let home = Home::new(world.directory.path(), name);
        let join = ["--json", "member", "join", "--invitation", "-"];
        let join = [
            &join[..],
            &["--person", "Rolf Zaugg", "--function", "officer"],
        ]
        .concat();
        home.type_in(&join, &scanned)
    };
    let early = ask("early");
    refused(&early, 1, "invitation_unknown");
    assert!(early.error()["next"].to_string().contains("nahtlos sync"));
    world.berger.run(&["sync"]).ok();
    assert_eq!(ask("zaugg").json()["enrolment"], "waiting_for_admission");
    let second = ask("second");
    refused(&second, 1, "invitation_used");
    let next = second.error()["next"].to_string();
    assert!(next.contains("nahtlos member waiting"), "{next}");
}

#[test]
fn a_code_goes_beside_a_file_and_is_no_part_of_what_programs_read() {
    let world = World::new();
    let file = world.directory.path().join("for-the-phone");
    let file = file.to_str().unwrap();
    let run = world
        .berger
        .run(&["device", "add", "--qr", "--to", file])
        .ok();
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(scanned(&run.stdout).to_lowercase(), text.trim());
    let invite = ["--json", "institution", "invite", "--qr"];
    let told = world.berger.run(&invite).json();
    let text = told["invitation"].as_str().unwrap();
    assert!(text.starts_with("nahtlos-invite-"), "{text}");
    assert!(!told.to_string().contains('█'));
}

#[test]
fn an_invitation_that_went_to_the_wrong_address_is_taken_back_and_whoever_answers_it_is_not_let_in()
{
    let world = World::new();
    let invite = |note: &str| {
        let file = world.file(note);
        let words = ["member", "invite", "--team", "RAV Team", "--note", note];
        world
            .berger
            .run(&[&words[..], &["--to", &file]].concat())
            .ok();
        file
    };
    let (wrong, right) = (invite("Pia Egger"), invite("Urs Keller"));
    let listed = || {
        let listed = world.berger.run(&["--json", "member", "invitations"]);
        listed.json()["invitations"].as_array().unwrap().clone()
    };
    let before = listed();
    assert_eq!(before.len(), 2);
    assert!(
        before.iter().all(|one| one["role"].is_null()),
        "not delivered"
    );
    world.berger.run(&["sync"]).ok();
    let id = |note: &str| {
        let listed = listed();
        let one = listed.iter().find(|one| one["note"] == note);
        one.unwrap()["id"].as_str().unwrap()[..12].to_owned()
    };
    let page = world.berger.run(&["member", "invitations"]).ok().stdout;
    for part in ["Pia Egger", "Urs Keller", "RAV Team", "write"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (number, kept) = (id("Pia Egger"), id("Urs Keller"));
    let withdraw = ["--json", "member", "withdraw-invitation"];
    let withdraw = |number: &str, how: &str| {
        let words = [&withdraw[..], &[number, how]].concat();
        world.berger.run(&words)
    };
    refused(&withdraw("zz", "--yes"), 1, "not_found");
    withdraw(&number, "--dry-run").ok();
    assert_eq!(listed().len(), 2, "only looked at");
    assert_eq!(withdraw(&number, "--yes").json()["done"], "withdrawn");
    refused(&withdraw(&number, "--yes"), 1, "not_found");
    let status = world.berger.run(&["status"]).ok().stdout;
    assert!(!status.contains("Pia Egger"), "{status}");
    assert!(status.contains("Urs Keller"), "{status}");

    // Whoever found the text answers it, and reads nothing; the other invitation goes on.
    let answer = |file: &str, name: &str| {
        let home = Home::new(world.directory.path(), name);
        let words = ["member", "join", "--invitation", file, "--person", name];
        home.run(&[&words[..], &["--function", "officer"]].concat())
            .ok();
        home
    };
    let (finder, keller) = (answer(&wrong, "Finder"), answer(&right, "Keller"));
    let case = world.open_case();
    let told = world.berger.run(&["sync"]);
    let said = "the invitation for Pia Egger that was taken back";
    assert!(told.stderr.contains(said), "{}", told.stderr);
    assert!(!told.stderr.contains("Urs Keller"), "{}", told.stderr);
    for home in [&finder, &keller, &world.berger, &finder, &keller] {
        home.run(&["sync"]);
    }
    keller.run(&["case", "show", &case]).ok();
    let read = finder.run(&["--json", "case", "show", &case]);
    assert_ne!(read.exit, 0, "{}", read.stdout);
    let people = world.berger.run(&["member", "list"]).ok().stdout;
    assert!(!people.contains("Finder"), "{people}");
    assert!(people.contains("Keller"), "{people}");
    // Who was let in is removed, not uninvited.
    refused(&withdraw(&kept, "--yes"), 1, "not_found");
    let again = world.berger.run(&["sync"]);
    assert!(!again.stderr.contains(said), "told once: {}", again.stderr);
}

#[test]
fn who_answered_an_invitation_and_waits_to_be_compared_is_let_go_with_it() {
    let world = World::new();
    let compare = ["institution", "policy", "--compare", "yes", "--yes"];
    world.berger.run(&compare).ok();
    let file = world.file("egger");
    let invite = ["member", "invite", "--team", "RAV Team", "--to", &file];
    world.berger.run(&invite).ok();
    world.berger.run(&["sync"]).ok();
    let finder = Home::new(world.directory.path(), "finder");
    let join = [
        "member",
        "join",
        "--invitation",
        &file,
        "--person",
        "Finder",
    ];
    finder
        .run(&[&join[..], &["--function", "officer"]].concat())
        .ok();
    world.berger.run(&["sync"]);
    let listed = world
        .berger
        .run(&["--json", "member", "invitations"])
        .json();
    assert_eq!(listed["invitations"][0]["answered"], true, "{listed}");
    let id = listed["invitations"][0]["id"].as_str().unwrap();
    let withdraw = ["--json", "member", "withdraw-invitation", id, "--yes"];
    world.berger.run(&withdraw).ok();
    let waiting = world.berger.run(&["--json", "member", "waiting"]).json();
    assert_eq!(waiting["waiting"], serde_json::json!([]));
    world.berger.run(&["sync"]).ok();
    finder.run(&["sync"]);
    let people = world.berger.run(&["member", "list"]).ok().stdout;
    assert!(!people.contains("Finder"), "{people}");
}
