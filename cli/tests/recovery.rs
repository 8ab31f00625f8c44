//! The recovery key, through the program: S3's last step. A team that nobody can open any more is opened
//! by two of three custodians, the other institution is told, and what is not enough is refused by name.

mod support;

use support::{CASE_FILE, Home, Run, World, refused};

const BERN: &str = "Team Bern";

/// Two teams, three custodians of the first, Rüegg alone in the second, which shares a case.
struct Scene {
    world: World,
    keller: Home,
    trachsel: Home,
    ruegg: Home,
    case: String,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let keller = world.colleague("Keller", "write");
        let trachsel = world.colleague("Trachsel", "write");
        world.berger.run(&["team", "create", BERN]).ok();
        let file = world.directory.path().join("ruegg.invitation");
        let file = file.to_str().unwrap();
        let invite = [
            "member", "invite", "--team", BERN, "--role", "manage", "--to", file,
        ];
        world.berger.run(&invite).ok();
        world.berger.run(&["sync"]).ok();
        let ruegg = Home::new(world.directory.path(), "Rüegg");
        let join = [
            "member",
            "join",
            "--invitation",
            file,
            "--person",
            "Rüegg",
            "--function",
            "officer",
        ];
        ruegg.run(&join).ok();
        let scene = Self {
            world,
            keller,
            trachsel,
            ruegg,
            case: String::new(),
        };
        scene.sync_all();
        scene
    }

    fn homes(&self) -> [&Home; 5] {
        let Self {
            world,
            keller,
            trachsel,
            ruegg,
            ..
        } = self;
        [&world.berger, keller, trachsel, ruegg, &world.iseli]
    }

    fn sync_all(&self) {
        for _ in 0..2 {
            for home in self.homes() {
                home.run(&["sync"]);
            }
        }
    }

    fn set_up(&self, more: &[&str]) -> Run {
        let words = [
            "--json",
            "recovery",
            "setup",
            "--threshold",
            "2",
            "--of",
            "3",
            "--custodian",
            "Anna Berger",
            "--custodian",
            "Keller",
            "--custodian",
            "Trachsel",
        ];
        self.world.berger.run(&[&words, more].concat())
    }

    /// Rüegg's own case, its journal shared with the other institution; Berger is in that team no more.
    fn left_alone(mut self) -> Self {
        let leave = ["member", "remove", "Anna Berger", "--team", BERN, "--yes"];
        self.ruegg.run(&leave).ok();
        self.sync_all();
        let open = ["--json", "case", "open", "--yes", "--from", "-"];
        let opened = self.ruegg.type_in(&open, CASE_FILE).json();
        self.case = opened["case_number"].as_str().unwrap().to_owned();
        self.ruegg.run(&["sync"]).ok();
        let grant = [
            "share",
            "grant",
            &self.case,
            "--section",
            "journal",
            "--to",
            "Eingliederung",
            "--role",
            "read",
            "--basis",
            "AVG35a1",
            "--yes",
        ];
        self.ruegg.run(&grant).ok();
        self.sync_all();
        self
    }

    /// What the reference says that a command answers.
    fn example(&self, place: usize) -> String {
        plain(&examples()[place].1)
    }

    fn run_example(&self, place: usize) -> String {
        let (command, _) = &examples()[place];
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        plain(&self.world.berger.run(&words).ok().stdout)
    }

    /// A custodian's share for Berger, in a file.
    fn share(&self, home: &Home, name: &str) -> String {
        let file = self.world.directory.path().join(format!("{name}.share"));
        let file = file.to_str().unwrap().to_owned();
        let words = ["recovery", "share", "--for", "Anna Berger", "--to", &file];
        let run = home.run(&words).ok();
        assert!(run.stderr.contains("by voice"), "{}", run.stderr);
        file
    }
}

/// Commands of the reference about recovery, each with its answer.
fn examples() -> Vec<(String, String)> {
    let reference = nahtlos::command_line_reference();
    let blocks = reference.split("```text\n").skip(1);
    let examples = blocks.filter_map(|block| {
        let example = block.split("\n```").next()?.strip_prefix("$ ")?;
        let (command, answer) = example.split_once('\n')?;
        let is_ours = command.starts_with("nahtlos recovery ");
        is_ours.then(|| (command.to_owned(), answer.to_owned()))
    });
    let examples: Vec<_> = examples.collect();
    assert_eq!(examples.len(), 3);
    examples
}

/// Without what only draws columns.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_team_whose_only_person_is_gone_is_opened_by_two_of_three_and_everybody_is_told() {
    let scene = Scene::new();
    assert_eq!(scene.run_example(0), scene.example(0));
    let dry = scene.set_up(&["--dry-run"]).json();
    assert_eq!(
        dry["setup"]["covered"].as_array().unwrap().len(),
        3,
        "{dry}"
    );
    let berger = &scene.world.berger;
    let none = berger.run(&["recovery"]).ok().stdout;
    assert!(
        none.contains("no recovery key"),
        "a dry run makes none: {none}"
    );
    scene.set_up(&["--yes"]).json();
    scene.sync_all();
    let scene = scene.left_alone();
    let berger = &scene.world.berger;

    let list = berger.run(&["--json", "recovery"]).json();
    let line = &list["recovery"][0];
    assert_eq!(
        (&line["threshold"], &line["is_present"]),
        (&2.into(), &true.into())
    );
    let words = |place: usize| line["custodians"][place]["check_words"].as_str().unwrap();
    for (place, home) in [berger, &scene.keller, &scene.trachsel]
        .into_iter()
        .enumerate()
    {
        let own = home.run(&["--json", "recovery", "verify"]).json();
        assert_eq!(own["check_words"], words(place));
    }
    refused(
        &scene.ruegg.run(&["--json", "recovery", "verify"]),
        5,
        "recovery_no_custodian",
    );
    refused(
        &scene.world.iseli.run(&["--json", "recovery", "verify"]),
        1,
        "recovery_not_set_up",
    );

    // One share is not enough, and the case is out of reach.
    let recover = |more: &[&str]| {
        let words = [
            "--json",
            "recovery",
            "use",
            "--for",
            "Anna Berger",
            "--team",
            BERN,
        ];
        berger.run(&[&words, more].concat())
    };
    let run = recover(&["--yes"]);
    refused(&run, 1, "shares_too_few");
    let error = run.error();
    for (part, name) in [("why", "Anna Berger"), ("next", "Keller, Trachsel")] {
        assert!(error[part].to_string().contains(name), "{error}");
    }
    let closed = berger.run(&["journal", &scene.case]);
    assert_ne!(closed.exit, 0, "{}", closed.stdout);

    let not_in_it = |home: &Home| {
        let shown = home.run(&["team", "show", BERN]).ok().stdout;
        assert!(shown.contains("manages"), "Rüegg is in it: {shown}");
        assert!(!shown.contains("Anna Berger"), "{shown}");
    };
    not_in_it(berger);
    not_in_it(&scene.world.iseli);
    assert!(!row(berger, &["team"], BERN).contains("yours"));

    // Rüegg's device is gone; Keller hands over.
    std::fs::remove_dir_all(&scene.ruegg.path).unwrap();
    let share = scene.share(&scene.keller, "keller");
    let verified = berger.run(&["recovery", "verify", "--share", &share]).ok();
    assert!(
        verified
            .stdout
            .contains("Anna Berger and Keller are right, and enough")
    );
    assert!(
        verified.stderr.contains("Nothing was opened"),
        "{}",
        verified.stderr
    );
    let dry = recover(&["--share", &share, "--dry-run"]).json();
    assert_eq!(dry["custodians"].as_array().unwrap().len(), 2);
    assert_ne!(
        berger.run(&["journal", &scene.case]).exit,
        0,
        "nothing was opened so far"
    );
    let words = [
        "recovery", "use", "--for", "Berger", "--team", "Bern", "--share", &share, "--yes",
    ];
    let done = berger.run(&words).ok();
    assert_eq!(plain(&done.stdout), scene.example(2));
    assert!(done.stderr.contains("make a new one"), "{}", done.stderr);
    let journal = berger.run(&["journal", &scene.case]).ok().stdout;
    assert!(journal.contains("Erstgespräch."), "{journal}");

    let told = scene.world.iseli.run(&["sync"]).ok();
    let sentence = "the recovery key of RAV Langnau was used: Anna Berger was let into Team Bern";
    assert!(told.stderr.contains(sentence), "{}", told.stderr);
    // Every list says that she is in it, and how she came in.
    scene.keller.run(&["sync"]).ok();
    for home in [berger, &scene.keller, &scene.world.iseli] {
        let shown = row(home, &["team", "show", BERN], "Anna Berger");
        assert!(shown.contains("manages"), "{shown}");
        assert!(shown.contains("let in by the recovery key"), "{shown}");
        let counted = row(home, &["team"], BERN);
        let words: Vec<&str> = counted.split_whitespace().collect();
        assert!(words.contains(&"2"), "Rüegg and she: {counted}");
        let member = row(home, &["member"], "Anna Berger");
        assert!(member.contains(BERN), "{member}");
        let network = row(home, &["network", "list"], BERN);
        assert!(network.contains("Anna Berger (officer)"), "{network}");
        let explain = [
            "share",
            "explain",
            &scene.case,
            "journal",
            "--for",
            "Anna Berger",
        ];
        let explained = home.run(&explain);
        let explained = format!("{}{}", explained.stdout, explained.stderr);
        if home.path == berger.path {
            let again = "They are in Team Bern again: let in by the recovery key on ";
            assert!(explained.contains(again), "{explained}");
        }
    }
    let own = row(berger, &["team"], BERN);
    assert!(own.contains("yours, you manage it"), "{own}");
    assert!(!row(&scene.keller, &["team"], BERN).contains("yours"));
    let status = plain(&berger.run(&["status"]).ok().stdout);
    let place = "Team Bern (manages, let in by the recovery key)";
    assert!(status.contains(place), "{status}");
    let uses = scene.world.iseli.run(&["--json", "recovery"]).json();
    assert_eq!(uses["uses"][0]["person"], "Anna Berger");
    assert!(uses["uses"][0]["claimed_at_ms"].is_u64());
    let page = berger.run(&["recovery"]).ok();
    assert!(page.stderr.contains("make a new one"), "{}", page.stderr);
    let doctor = berger.run(&["doctor"]);
    assert_eq!(doctor.exit, 1, "{}", doctor.stdout);
    assert!(
        doctor.stdout.contains("nahtlos recovery setup"),
        "{}",
        doctor.stdout
    );

    // The new set: the share of the old one is refused by its custodian's name.
    scene.set_up(&["--yes"]).json();
    for _ in 0..2 {
        for home in [berger, &scene.keller, &scene.trachsel] {
            home.run(&["sync"]).ok();
        }
    }
    let run = recover(&["--share", &share, "--yes"]);
    refused(&run, 1, "share_other_set");
    assert!(run.error()["message"].to_string().contains("Keller"));
    let page = berger.run(&["recovery"]).ok();
    assert!(!page.stderr.contains("make a new one"), "{}", page.stderr);
    berger.run(&["doctor"]).ok();
}

#[test]
fn shares_that_are_wrong_cut_or_for_somebody_else_and_sets_that_are_none_are_refused() {
    let scene = Scene::new();
    let berger = &scene.world.berger;
    refused(
        &berger.run(&["--json", "recovery", "verify"]),
        1,
        "recovery_not_set_up",
    );
    let one = [
        "--json",
        "recovery",
        "setup",
        "--threshold",
        "2",
        "--of",
        "3",
        "--custodian",
        "Keller",
    ];
    refused(&berger.run(&one), 2, "recovery_numbers");
    let high = [
        "--json",
        "recovery",
        "setup",
        "--threshold",
        "3",
        "--of",
        "2",
        "--custodian",
        "Keller",
        "--custodian",
        "Trachsel",
    ];
    refused(&berger.run(&high), 2, "recovery_numbers");
    let twice = [
        "--json",
        "recovery",
        "setup",
        "--threshold",
        "2",
        "--of",
        "2",
        "--custodian",
        "Keller",
        "--custodian",
        "Keller",
    ];
    refused(&berger.run(&twice), 1, "recovery_custodian");
    let setup = [
        "--threshold",
        "2",
        "--of",
        "2",
        "--custodian",
        "Keller",
        "--custodian",
        "Trachsel",
    ];
    let setup = [&["--json", "recovery", "setup"], &setup[..]].concat();
    refused(&scene.keller.run(&setup), 5, "no_right");
    scene.set_up(&["--yes"]).json();
    scene.sync_all();

    let verify = |file: &str| berger.run(&["--json", "recovery", "verify", "--share", file]);
    let good = scene.share(&scene.keller, "keller");
    verify(&good).json();
    let text = std::fs::read_to_string(&good).unwrap();
    let cut = scene.world.directory.path().join("cut.share");
    std::fs::write(&cut, &text[..text.len() / 2]).unwrap();
    refused(&verify(cut.to_str().unwrap()), 2, "text_mistyped");
    std::fs::write(&cut, "nahtlos-paper-abc").unwrap();
    refused(&verify(cut.to_str().unwrap()), 2, "text_other_kind");
    // Another index: the text is whole, and the share not the published one.
    let mut share: nahtlos_protocol::wire::share::ShareText = text.parse().unwrap();
    share.index = 3;
    std::fs::write(&cut, share.to_string()).unwrap();
    let run = verify(cut.to_str().unwrap());
    refused(&run, 1, "share_wrong");
    assert!(run.error()["message"].to_string().contains("Trachsel"));
    // Sealed for Berger, not for Trachsel.
    let run = scene
        .trachsel
        .run(&["--json", "recovery", "verify", "--share", &good]);
    refused(&run, 1, "share_not_for_this_device");
    assert!(run.error()["message"].to_string().contains("Keller"));
    // A team that was founded later.
    berger.run(&["team", "create", "Team Thun"]).ok();
    scene.sync_all();
    let words = [
        "--json", "recovery", "use", "--for", "Keller", "--team", "Thun", "--share", &good, "--yes",
    ];
    refused(&berger.run(&words), 1, "recovery_not_covered");
    berger.run(&["recovery", "cover", "Thun"]).ok();
    scene.sync_all();
    berger.run(&words).ok();
}

#[test]
fn who_is_let_into_an_institution_whose_only_administrator_is_gone_administers_it() {
    let mut scene = Scene::new();
    scene.set_up(&["--yes"]).json();
    scene.sync_all();
    std::fs::remove_dir_all(&scene.world.berger.path).unwrap();
    let file = scene.world.directory.path().join("trachsel.share");
    let file = file.to_str().unwrap().to_owned();
    let hand_over = ["recovery", "share", "--for", "Keller", "--to", &file];
    scene.trachsel.run(&hand_over).ok();
    let found = ["--json", "team", "create", "Team Emme"];
    refused(&scene.keller.run(&found), 5, "no_right");
    let recover = |scene: &Scene, more: &[&str]| {
        let words = ["recovery", "use", "--for", "Keller", "--institution"];
        let words = [&words[..], &["--share", &file], more].concat();
        scene.keller.run(&words)
    };
    let dry = recover(&scene, &["--dry-run"]).ok().stdout;
    assert!(dry.contains("administer RAV Langnau"), "{dry}");
    assert!(!dry.contains("all of its cases"), "{dry}");
    scene.world.stop_relay();
    let offline = recover(&scene, &["--yes", "--json"]);
    refused(&offline, 20, "relay_unreachable");
    let next = offline.error()["next"].to_string();
    assert!(next.contains("this command again"), "{next}");
    scene.world.start_relay();
    for _ in 0..2 {
        let done = recover(&scene, &["--yes"]).ok().stdout;
        assert!(done.contains("was let into RAV Langnau"), "{done}");
    }
    let (keller, trachsel) = (&scene.keller, &scene.trachsel);

    // An administrator as any other: founds, ends devices, makes a new key; nothing comes back.
    keller.run(&found).json();
    let revoke = [
        "device",
        "revoke",
        "Anna Berger",
        "--lost",
        "--now",
        "--yes",
    ];
    keller.run(&revoke).ok();
    let policy = keller.run(&["--json", "institution", "policy"]).json();
    let people = policy["policy"]["people"].as_array().unwrap();
    let line = people.iter().find(|line| line["name"] == "Keller");
    let line = line.unwrap_or_else(|| panic!("{people:?}"));
    assert_eq!(
        (&line["manages"], &line["waits"]),
        (&true.into(), &false.into())
    );
    let others = people.iter().filter(|line| line["name"] == "Trachsel");
    assert_eq!(others.count(), 0, "who handed over a share gained nothing");
    let set_up = [
        "--json",
        "recovery",
        "setup",
        "--threshold",
        "2",
        "--of",
        "2",
        "--custodian",
        "Keller",
        "--custodian",
        "Trachsel",
        "--yes",
    ];
    // The earlier key opens teams that Keller does not manage: it does not end for them unsaid.
    let would_end = keller.run(&set_up);
    refused(&would_end, 1, "recovery_would_end");
    // All of them at once, so that nobody runs it once for each.
    let next = would_end.error()["next"].as_str().unwrap().to_owned();
    assert!(
        next.contains("`--without \"RAV Team\" --without \"Team Bern\"`"),
        "{next}"
    );
    let set_up = [
        &set_up[..],
        &["--without", "RAV Team", "--without", "Team Bern"],
    ]
    .concat();
    keller.run(&set_up).json();
    for home in [keller, trachsel, keller] {
        home.run(&["sync"]).ok();
    }
    let decisions = keller.run(&["decision"]).ok().stdout;
    assert!(!decisions.contains("Recovery key"), "{decisions}");
    trachsel.run(&["recovery", "verify"]).ok();
    // Who was let in to read and to administer is one person.
    let uses = trachsel.run(&["recovery"]).ok().stdout;
    assert!(uses.contains("Keller was let in"), "{uses}");
    assert!(!uses.contains("Keller, Keller"), "{uses}");
}

/// The words on a printed share.
fn printed(page: &str) -> Vec<String> {
    let words = page.lines().filter_map(|line| {
        let word = line.trim().strip_prefix("<li>")?.strip_suffix("</li>")?;
        Some(word.to_owned())
    });
    words.collect()
}

#[test]
fn a_printed_share_opens_a_team_when_the_custodians_devices_are_gone_and_a_slip_is_told_by_its_place()
 {
    let scene = Scene::new();
    scene.set_up(&["--yes"]).json();
    scene.sync_all();
    let page = |home: &Home, name: &str| {
        let file = scene.world.directory.path().join(format!("{name}.html"));
        let words = ["--json", "recovery", "print", file.to_str().unwrap()];
        (home.run(&words), file)
    };
    let (none, file) = page(&scene.ruegg, "ruegg");
    refused(&none, 5, "recovery_no_custodian");
    assert!(!file.exists());
    let mut words = Vec::new();
    for (name, home) in [("keller", &scene.keller), ("trachsel", &scene.trachsel)] {
        let (made, file) = page(home, name);
        let made = made.json();
        let html = std::fs::read_to_string(&file).unwrap();
        let list = home.run(&["--json", "recovery"]).json();
        for part in [
            &made["set"],
            &made["check_words"],
            &list["recovery"][0]["set"],
        ] {
            assert!(html.contains(part.as_str().unwrap()), "{part}");
        }
        let again = page(home, name).0;
        assert_eq!(again.exit, 1, "an existing file is not overwritten");
        words.push(printed(&html));
    }
    let [keller, trachsel] = words.as_slice() else {
        panic!("two pages");
    };
    assert_eq!((keller.len(), trachsel.len()), (24, 24));

    let scene = scene.left_alone();
    let berger = &scene.world.berger;
    for home in [&scene.ruegg, &scene.keller, &scene.trachsel] {
        std::fs::remove_dir_all(&home.path).unwrap();
    }
    let verify = |index: &str, words: &[String]| {
        let command = ["--json", "recovery", "verify", "--printed", index];
        berger.type_in(&command, &words.join(" "))
    };
    let right = verify("2", keller).json();
    assert_eq!(right["custodians"][0], "Keller");
    assert_eq!(right["enough"], true, "with Berger's own: {right}");
    let mut exchanged = keller.clone();
    let second = (1..24).find(|place| keller[*place] != keller[0]).unwrap();
    exchanged.swap(0, second);
    let run = verify("2", &exchanged);
    refused(&run, 2, "share_words");
    let message = run.error()["message"].to_string();
    assert!(
        message.contains("Keller") && message.contains("changed places"),
        "{message}"
    );
    let run = verify("2", &keller[..23]);
    refused(&run, 2, "share_words");
    for (index, custodian) in [("3", "Trachsel"), ("9", "has no share 9")] {
        let run = verify(index, keller);
        refused(&run, 1, "share_wrong");
        let message = run.error()["message"].to_string();
        assert!(message.contains(custodian), "{message}");
        // It may be a page of an earlier set: the page says of which one.
        let set = berger.run(&["--json", "recovery"]).json()["recovery"][0]["set"].clone();
        let why = run.error()["why"].to_string();
        assert!(why.contains(set.as_str().unwrap()), "{why}");
        assert!(!message.contains("handed") && !why.contains("changed on the way"));
    }
    let few = berger.run(&[
        "--json", "recovery", "use", "--for", "Berger", "--team", "Bern", "--yes",
    ]);
    let next = few.error()["next"].to_string();
    assert!(next.contains("--printed NUMBER"), "{next}");

    let recover = |more: &[&str], typed: &str| {
        let words = [
            "--json", "recovery", "use", "--for", "Berger", "--team", "Bern", "--yes",
        ];
        berger.type_in(&[&words, more].concat(), typed)
    };
    let both = [keller.as_slice(), trachsel.as_slice()].concat().join("\n");
    let other_order = recover(&["--printed", "3", "--printed", "2"], &both);
    refused(&other_order, 1, "share_wrong");
    assert_ne!(
        berger.run(&["journal", &scene.case]).exit,
        0,
        "nothing was opened"
    );
    let done = recover(&["--printed", "2", "--printed", "3"], &both).json();
    assert_eq!(done["custodians"].as_array().unwrap().len(), 3, "{done}");
    let journal = berger.run(&["journal", &scene.case]).ok().stdout;
    assert!(journal.contains("Erstgespräch."), "{journal}");
}

#[test]
fn a_new_key_that_would_leave_a_team_without_any_is_not_made_unless_the_team_is_named() {
    // Rüegg, alone in the team, has lost the only device; Berger, who is in it no longer, makes a new key.
    let scene = Scene::new();
    scene.set_up(&["--yes"]).json();
    scene.sync_all();
    let scene = scene.left_alone();
    std::fs::remove_dir_all(&scene.ruegg.path).unwrap();
    let berger = &scene.world.berger;

    for more in [
        &["--yes"][..],
        &["--dry-run"],
        &["--yes", "--without", "RAV Team"],
    ] {
        let run = scene.set_up(more);
        refused(&run, 1, "recovery_would_end");
        let error = run.error();
        assert!(error["message"].to_string().contains(BERN), "{error}");
        let next = error["next"].to_string();
        for command in [
            "nahtlos recovery use",
            "--without",
            "nahtlos recovery cover",
        ] {
            assert!(next.contains(command), "{next}");
        }
    }
    let decisions = berger.run(&["--json", "decision"]).json();
    assert_eq!(
        decisions["decisions"].as_array().unwrap().len(),
        0,
        "{decisions}"
    );

    // The keys of that team are left to nobody: a recovery key stands in it, and nobody can ask it.
    let revoke = ["--json", "device", "revoke", "Rüegg", "--lost", "--now"];
    let revoked = berger.run(&[&revoke[..], &["--yes"]].concat());
    let left = revoked.json()["left_to_others"].clone();
    let of_team = left.as_array().unwrap().iter();
    let of_team = of_team.filter(|one| one["name"] == BERN);
    let writers: Vec<_> = of_team.map(|one| &one["writers"]).collect();
    assert_eq!(writers, [&serde_json::json!([])], "{left}");

    // The earlier key opens the team still, as the message says; then the new one covers it.
    let share = scene.share(&scene.keller, "keller");
    let words = ["recovery", "use", "--for", "Anna Berger", "--team", BERN];
    let words = [&words[..], &["--share", &share, "--yes"]].concat();
    berger.run(&words).ok();
    let made = scene.set_up(&["--yes"]).json();
    let covered = made["setup"]["covered"].to_string();
    assert!(covered.contains(BERN), "{made}");
}

#[test]
fn a_team_whose_manager_is_there_is_left_out_by_name_and_covered_by_them_afterwards() {
    let scene = Scene::new();
    scene.set_up(&["--yes"]).json();
    scene.sync_all();
    let scene = scene.left_alone();
    let made = scene.set_up(&["--yes", "--without", BERN]).json();
    assert_eq!(made["setup"]["no_longer_covered"][0], BERN, "{made}");
    scene.sync_all();
    scene.ruegg.run(&["recovery", "cover", BERN]).ok();
    scene.sync_all();
    let list = scene.world.berger.run(&["--json", "recovery"]).json();
    let line = &list["recovery"][0];
    assert!(line["covered"].to_string().contains(BERN), "{list}");
    assert_eq!(line["not_covered"].as_array().unwrap().len(), 0, "{list}");
}

#[test]
fn a_first_key_of_who_does_not_manage_every_team_says_aloud_which_it_does_not_open() {
    let scene = Scene::new();
    let scene = scene.left_alone();
    let made = scene.set_up(&["--yes"]);
    assert!(made.stderr.contains("ATTENTION"), "{}", made.stderr);
    assert!(made.stderr.contains(BERN), "{}", made.stderr);
    let made = made.json();
    assert_eq!(made["setup"]["not_covered"][0], BERN, "{made}");
    scene.sync_all();
    scene.ruegg.run(&["recovery", "cover", BERN]).ok();
    scene.sync_all();
    // Control: once all are covered, nothing is said.
    let list = scene.world.berger.run(&["--json", "recovery"]).json();
    let line = &list["recovery"][0];
    assert_eq!(line["not_covered"].as_array().unwrap().len(), 0, "{list}");
}

/// The line of a page that names something.
fn row(home: &Home, command: &[&str], of: &str) -> String {
    let shown = home.run(command).ok().stdout;
    let line = shown.lines().find(|line| line.contains(of));
    line.unwrap_or_else(|| panic!("{of} in {shown}")).to_owned()
}

#[test]
fn who_was_removed_from_the_team_on_their_card_is_listed_in_the_other_one_alone() {
    let scene = Scene::new();
    let berger = &scene.world.berger;
    let team = berger.run(&["--json", "status"]).json()["team"].clone();
    let team = team.as_str().unwrap();
    let both = row(berger, &["member"], "Anna Berger");
    assert!(both.contains(team) && both.contains(BERN), "{both}");
    let role = [
        "member", "role", "Keller", "--team", team, "--role", "manage", "--yes",
    ];
    berger.run(&role).ok();
    scene.sync_all();
    let remove = ["member", "remove", "Anna Berger", "--team", team, "--yes"];
    scene.keller.run(&remove).ok();
    scene.sync_all();
    for home in [berger, &scene.keller] {
        let gone = row(home, &["member"], "Anna Berger");
        let left = format!("administers; left {team} on ");
        assert!(gone.contains(BERN) && gone.contains(&left), "{gone}");
        let shown = home.run(&["team", "show", team]).ok().stdout;
        assert!(!shown.contains("Anna Berger"), "{shown}");
        assert!(shown.contains("Keller"), "control: {shown}");
    }
    assert!(!row(berger, &["team"], team).contains("yours"));
    let status = berger.run(&["--json", "status"]).json();
    let teams = status["teams"].as_array().unwrap();
    assert_eq!(teams.len(), 1, "{status}");
    assert_eq!(
        (&teams[0]["team"], &teams[0]["role"]),
        (&BERN.into(), &"manage".into())
    );

    // What is covered already is said to be.
    scene.set_up(&["--yes"]).json();
    scene.sync_all();
    let cover = scene.ruegg.run(&["recovery", "cover", BERN]).ok().stdout;
    assert!(cover.contains("already; nothing was decided"), "{cover}");
}
