//! Bundles, through the program: two devices whose relay is not there hand each other a stick, read each
//! other's edits, and agree with everybody once there is a relay; files that are none are refused in words; a
//! paper opens one on a machine that has no home.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Home, Run, World, grant, refused, sync_all, with};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn add_note(home: &Home, case: &str, note: &str) {
    let words = ["journal", "add", case, "--kind", "note", "--from", "-"];
    home.type_in(&words, note).ok();
}

fn journal(home: &Home, case: &str) -> String {
    home.run(&["journal", case]).ok().stdout
}

struct Stick {
    world: World,
    case: String,
}

impl Stick {
    /// Two institutions at one journal, everything synced, and then no relay.
    fn new() -> Self {
        let mut world = World::new();
        let case = world.open_case();
        world.berger.run(&["sync"]).ok();
        grant(&world, &case, "core,journal", "write").ok();
        sync_all(&world);
        world.stop_relay();
        Self { world, case }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.directory.path().join(name)
    }

    fn export(&self, home: &Home, name: &str, more: &[&str]) -> Run {
        let path = self.path(name);
        home.run(&with(
            &["--json", "bundle", "export", "--to", text(&path)],
            more,
        ))
    }

    fn import(&self, home: &Home, name: &str) -> Run {
        let path = self.path(name);
        home.run(&["--json", "bundle", "import", text(&path)])
    }
}

#[test]
fn two_devices_without_a_relay_exchange_edits_by_stick_and_all_agree_once_there_is_one() {
    let mut stick = Stick::new();
    let case = stick.case.clone();
    let (berger, iseli) = (&stick.world.berger, &stick.world.iseli);
    add_note(berger, &case, "Berger was here");
    add_note(iseli, &case, "Iseli was here");
    assert_eq!(berger.run(&["sync"]).exit, 20, "there is no relay");

    let exported = stick.export(berger, "berger.bundle", &[]).json();
    assert_eq!(
        (&exported["pending"], &exported["not_sealed"]),
        (&1.into(), &0.into())
    );
    let run = stick.import(iseli, "berger.bundle");
    let imported = run.json();
    assert_eq!(imported["pending"], 1);
    assert_eq!(imported["origin"]["by"], "Anna Berger");
    assert!(
        run.stderr.contains("does not count before"),
        "{}",
        run.stderr
    );
    assert!(journal(iseli, &case).contains("Berger was here"));
    let shown = iseli.run(&["case", "show", &case]).ok().stdout;
    assert!(shown.contains("1 of others, by a bundle"), "{shown}");
    let status = iseli.run(&["status"]).ok().stdout;
    assert!(status.contains("1 signed edit of Anna Berger"), "{status}");

    stick.export(iseli, "iseli.bundle", &[]).json();
    assert_eq!(stick.import(berger, "iseli.bundle").json()["pending"], 1);
    assert!(journal(berger, &case).contains("Iseli was here"));
    // The same stick once more.
    assert_eq!(stick.import(berger, "iseli.bundle").json()["pending"], 0);

    stick.world.start_relay();
    let (berger, iseli) = (&stick.world.berger, &stick.world.iseli);
    let synced = iseli.run(&["--json", "sync"]).json();
    assert_eq!(synced["carried_delivered"], 1, "Iseli brings Berger's edit");
    sync_all(&stick.world);
    for home in [berger, iseli] {
        let journal = journal(home, &case);
        for said in ["Berger was here", "Iseli was here"] {
            assert_eq!(journal.matches(said).count(), 1, "{journal}");
        }
        let status = home.run(&["--json", "status"]).json();
        assert_eq!(status["carried"], Value::Array(Vec::new()));
        assert_eq!(status["undelivered_edits"], 0);
        home.run(&["doctor"]).ok();
    }
}

#[test]
fn a_request_is_answered_with_what_its_writer_lacks() {
    let stick = Stick::new();
    let (berger, iseli) = (&stick.world.berger, &stick.world.iseli);
    let request = stick.path("iseli.request");
    iseli
        .run(&["bundle", "request", "--to", text(&request)])
        .ok();
    add_note(berger, &stick.case, "one more");
    let whole = stick.export(berger, "whole.bundle", &[]).json();
    let part = stick
        .export(berger, "part.bundle", &["--for", text(&request)])
        .json();
    assert_eq!(part["for"]["by"], "Urs Iseli");
    assert!(part["envelopes"].as_u64() < whole["envelopes"].as_u64());
    let size = |name: &str| std::fs::metadata(stick.path(name)).unwrap().len();
    assert!(size("part.bundle") < size("whole.bundle"));
    stick.import(iseli, "part.bundle").json();
    assert!(journal(iseli, &stick.case).contains("one more"));
    let of_case = stick
        .export(berger, "case.bundle", &["--case", &stick.case])
        .json();
    assert_eq!(of_case["pending"], 1);
}

#[test]
fn a_file_that_is_no_bundle_is_not_whole_or_in_the_way_is_said_in_words() {
    let stick = Stick::new();
    let (berger, iseli) = (&stick.world.berger, &stick.world.iseli);
    stick.export(berger, "good.bundle", &[]).json();
    let good = std::fs::read(stick.path("good.bundle")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(stick.path("good.bundle"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    refused(&stick.export(berger, "good.bundle", &[]), 1, "file");
    assert_eq!(
        std::fs::read(stick.path("good.bundle")).unwrap(),
        good,
        "it is as it was"
    );

    std::fs::write(stick.path("cut.bundle"), &good[..good.len() - 9]).unwrap();
    let run = stick.import(iseli, "cut.bundle");
    refused(&run, 1, "bundle_damaged");
    assert!(
        run.error()["message"]
            .to_string()
            .contains("nothing was changed")
    );
    std::fs::write(stick.path("letter.pdf"), b"%PDF-1.7").unwrap();
    refused(&stick.import(iseli, "letter.pdf"), 1, "not_a_bundle");
    let request = stick.path("a.request");
    iseli
        .run(&["bundle", "request", "--to", text(&request)])
        .ok();
    let run = stick.import(iseli, "a.request");
    refused(&run, 1, "not_a_bundle");
    assert!(run.error()["next"].to_string().contains("--for"));
    let bundle = stick.path("good.bundle");
    let run = stick.export(berger, "new.bundle", &["--for", text(&bundle)]);
    refused(&run, 1, "not_a_request");
    let letter = stick.path("letter.pdf");
    let run = stick.export(berger, "new.bundle", &["--for", text(&letter)]);
    refused(&run, 1, "not_a_request");
    assert!(!stick.path("new.bundle").exists());
    refused(&stick.import(iseli, "nowhere.bundle"), 1, "file");
    refused(&stick.import(iseli, "."), 1, "file");
    let newer = [b"nahtlos-bundle-v2\n", good.as_slice()].concat();
    std::fs::write(stick.path("newer.bundle"), newer).unwrap();
    refused(&stick.import(iseli, "newer.bundle"), 1, "needs_newer");
    stick.import(iseli, "good.bundle").json();
}

#[test]
fn a_paper_opens_a_bundle_on_a_machine_without_a_home() {
    let mut world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let page = world.directory.path().join("paper.html");
    let paper = support::paper::make(&world.berger, &page);
    world.berger.run(&["sync"]).ok();
    add_note(&world.berger, &case, "before the flood");
    let bundle = world.directory.path().join("berger.bundle");
    world
        .berger
        .run(&["bundle", "export", "--to", text(&bundle)])
        .ok();
    let trachsel = world.colleague("Trachsel", "write");
    for home in [&world.berger, &trachsel, &world.berger, &trachsel] {
        home.run(&["sync"]).ok();
    }
    let colleagues = world.directory.path().join("trachsel.bundle");
    trachsel
        .run(&["bundle", "export", "--to", text(&colleagues)])
        .ok();
    world.stop_relay();
    std::fs::remove_dir_all(&world.berger.path).unwrap();

    let key = world.directory.path().join("paper.txt");
    std::fs::write(&key, &paper.text).unwrap();
    let nobody = Home::new(world.directory.path(), "nobody");
    let open = |more: &[&str], typed: &str| {
        let words = ["bundle", "open", text(&bundle), "--key", text(&key)];
        nobody.type_in(&with(&words, more), typed)
    };
    let typed = paper.words.join(" ");
    let run = open(&[], &typed).ok();
    assert!(
        run.stdout.contains(&case) && run.stdout.contains("Mosimann"),
        "{}",
        run.stdout
    );
    let run = open(&["--case", &case], &typed).ok();
    for said in [
        "before the flood",
        "Erstgespräch.",
        "Arbeitszeugnisse einholen",
        "Arbeitsversuch",
    ] {
        assert!(run.stdout.contains(said), "{said}\n{}", run.stdout);
    }
    let shown = open(&["--json"], &typed).json();
    let journal = shown["cases"][0]["sections"]["journal"].to_string();
    assert!(journal.contains("before the flood"), "{journal}");
    assert!(!nobody.path.exists(), "no home is made");

    // A colleague's, of the same team and case, is for their devices.
    let words = [
        "--json",
        "bundle",
        "open",
        text(&colleagues),
        "--key",
        text(&key),
    ];
    let run = nobody.type_in(&words, &typed);
    refused(&run, 1, "bundle_not_for_paper");
    assert!(run.error()["why"].to_string().contains("own devices"));

    let mut wrong = paper.words.clone();
    wrong.swap(0, 1);
    refused(&open(&["--json"], &wrong.join(" ")), 2, "words_exchanged");
    // The words in the file, after the text.
    std::fs::write(&key, format!("{}\n{typed}\n", paper.text)).unwrap();
    open(&[], "").ok();
    std::fs::write(&key, "no paper").unwrap();
    refused(&open(&["--json"], &typed), 2, "text_other_kind");
}
