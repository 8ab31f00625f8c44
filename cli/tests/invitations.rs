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
