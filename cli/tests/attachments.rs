//! Files that belong to a section, through the real program.

mod support;

use std::path::{Path, PathBuf};

use nahtlos_casework::fields::Digest;
use serde_json::Value;
use support::{Home, World, grant, refused, sync_all};

const REPORT: &[u8] = b"%PDF-1.7 Rhizarthrose beidseits, Bericht";

/// Ruth's case; Iseli writes in core data and journal, and does not read `medical`.
fn scene() -> World {
    let world = World::new();
    world.open_case();
    world
        .berger
        .run(&["section", "open", "ruth", "medical"])
        .ok();
    world.berger.run(&["sync"]).ok();
    grant(&world, "ruth", "core,journal,access", "write").ok();
    sync_all(&world);
    world
}

fn file(world: &World, name: &str, bytes: &[u8]) -> PathBuf {
    let path = world.directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn add(home: &Home, section: &str, path: &Path) -> Value {
    let path = path.to_str().unwrap();
    home.run(&["--json", "attachment", "add", "ruth", section, path])
        .json()
}

fn list(home: &Home) -> Value {
    home.run(&["--json", "attachment", "list", "ruth"]).json()["attachments"].clone()
}

#[test]
fn files_that_two_colleagues_add_offline_reach_both_and_who_lacks_the_key_sees_nothing() {
    let world = scene();
    let report = file(&world, "bericht.pdf", REPORT);
    let letter = file(&world, "brief.txt", b"Sehr geehrte Frau Mosimann");
    let diagnosis = file(&world, "diagnose.pdf", b"M18.0 Rhizarthrose");
    let added = add(&world.berger, "journal", &report);
    assert_eq!(added["content"], "here");
    add(&world.iseli, "journal", &letter);
    add(&world.berger, "medical", &diagnosis);
    sync_all(&world);
    sync_all(&world);
    let names = |home: &Home| -> Vec<String> {
        let files = list(home)["journal"].clone();
        let files = files.as_array().unwrap();
        let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
        files.iter().map(name).collect()
    };
    assert_eq!(names(&world.berger), ["bericht.pdf", "brief.txt"]);
    assert_eq!(names(&world.iseli), ["bericht.pdf", "brief.txt"]);
    let of_iseli = list(&world.iseli);
    assert!(of_iseli["medical"].is_null());
    assert!(!of_iseli.to_string().contains("diagnose"), "{of_iseli}");
    let hidden = list(&world.berger)["medical"][0]["id"].clone();
    let hidden = hidden.as_str().unwrap();
    let save = ["--json", "attachment", "save", "ruth", hidden];
    refused(&world.iseli.run(&save), 1, "not_found");
    let shown = world
        .iseli
        .run(&["section", "show", "ruth", "journal"])
        .ok();
    assert!(shown.stdout.contains("bericht.pdf"), "{}", shown.stdout);

    let changed = ["section", "diff", "ruth", "journal"];
    let changed = world.iseli.run(&changed).ok().stdout;
    for bytes in ["37,80,68,70", "83,101,104"] {
        assert!(!changed.contains(bytes), "no bytes on a screen: {changed}");
    }
    assert!(changed.contains("bytes"), "{changed}");

    // Saved, as it was, for its owner alone, and never over another file; that it was read is recorded.
    let id = added["attachment"].as_str().unwrap();
    let to = world.directory.path().join("gespeichert.pdf");
    let save = ["--json", "attachment", "save", "ruth", &id[..6], "--to"];
    let save = [&save[..], &[to.to_str().unwrap()]].concat();
    let disclosed = ["--for", "Arztdienst", "--basis", "IVG 59"];
    let saved = world
        .iseli
        .run(&[&save[..], &disclosed[..]].concat())
        .json();
    assert_eq!(saved["recorded"], true, "{saved}");
    assert_eq!(std::fs::read(&to).unwrap(), REPORT);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&to).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::write(&to, "mine").unwrap();
    refused(&world.iseli.run(&save), 1, "file");
    assert_eq!(std::fs::read(&to).unwrap(), b"mine");
    sync_all(&world);
    let log = ["--json", "case", "access-log", "ruth"];
    let log = world.berger.run(&log).json();
    let reads = log["reads"].as_array().unwrap();
    assert!(
        reads.iter().any(|read| read["person"] == "Urs Iseli"
            && read["sections"].to_string().contains("journal")),
        "{reads:?}"
    );
    let given = log["disclosures"].as_array().unwrap();
    let to_the_doctor = given.iter().find(|one| one["to"] == "Arztdienst");
    assert_eq!(
        to_the_doctor.unwrap()["sections"],
        serde_json::json!(["journal"]),
        "{given:?}"
    );
    // Into a directory by its own name.
    let directory = world.directory.path().join("ablage");
    std::fs::create_dir(&directory).unwrap();
    let to = directory.to_str().unwrap();
    let save = ["attachment", "save", "ruth", id, "--to", to];
    world.berger.run(&save).ok();
    assert_eq!(
        std::fs::read(directory.join("bericht.pdf")).unwrap(),
        REPORT
    );

    // Nothing of it stands in the clear in a home or at the relay.
    for (path, bytes) in all_files(world.directory.path()) {
        let is_own = path
            .extension()
            .is_some_and(|end| end == "pdf" || end == "txt");
        for text in ["bericht.pdf", "Rhizarthrose"] {
            let found = bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes());
            assert!(is_own || !found, "{text} in {}", path.display());
        }
    }
}

fn all_files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else if path.is_file() {
            files.push((path.clone(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    files
}

#[test]
fn a_large_file_is_recorded_and_verified_and_a_removed_one_is_shown_no_more() {
    let world = scene();
    let berger = &world.berger;
    let scan: Vec<u8> = (0..40_000_u32).map(|number| (number % 251) as u8).collect();
    let path = file(&world, "mrt.zip", &scan);
    let path = path.to_str().unwrap();
    let add_scan = ["--json", "attachment", "add", "ruth", "medical", path];
    let run = berger.run(&add_scan);
    refused(&run, 2, "too_large");
    let said = run.error().to_string();
    for part in ["40000", "32768", "--only-record"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(list(berger)["medical"].is_null(), "nothing half applied");
    let note = file(&world, "notiz.txt", "Ablage RAV, Band 3".as_bytes());
    let record = ["--only-record", "--note", note.to_str().unwrap()];
    let recorded = berger.run(&[&add_scan[..], &record[..]].concat()).json();
    assert_eq!(recorded["content"], "recorded");
    assert_eq!(recorded["sha256"], Digest::of(&scan).to_string());
    let id = recorded["attachment"].as_str().unwrap();
    refused(
        &berger.run(&["--json", "attachment", "save", "ruth", id]),
        1,
        "recorded",
    );
    let verify = ["--json", "attachment", "verify", "ruth", id];
    let same = berger.run(&[&verify[..], &[path]].concat()).json();
    assert_eq!(same["same"], true);
    let mut other = scan.clone();
    other[39_999] ^= 1;
    let other = file(&world, "anderes.zip", &other);
    let other = other.to_str().unwrap();
    refused(
        &berger.run(&[&verify[..], &[other]].concat()),
        1,
        "other_file",
    );

    // Wrong names and types are refused with a reason.
    let small = file(&world, "klein.txt", b"klein");
    let small = small.to_str().unwrap();
    let add_small = ["--json", "attachment", "add", "ruth", "core", small];
    for (more, code) in [
        (["--name", "../klein.txt"], "separator"),
        (["--name", "klein\u{202e}fdp.exe"], "control_character"),
        (["--type", "text"], "format"),
    ] {
        refused(&berger.run(&[&add_small[..], &more[..]].concat()), 2, code);
    }
    for section in ["consent", "access"] {
        let add = ["--json", "attachment", "add", "ruth", section, small];
        let run = berger.run(&add);
        refused(&run, 2, "no_attachments_here");
    }
    let missing = [
        "--json",
        "attachment",
        "add",
        "ruth",
        "core",
        "nirgends.pdf",
    ];
    refused(&berger.run(&missing), 1, "file");

    let named = ["--name", "Notiz.txt", "--type", "text/plain"];
    let added = berger.run(&[&add_small[..], &named[..]].concat()).json();
    let id = added["attachment"].as_str().unwrap();
    let remove = ["--json", "attachment", "remove", "ruth", id];
    refused(&berger.run(&remove), 2, "confirmation_missing");
    let planned = berger.run(&[&remove[..], &["--dry-run"]].concat()).json();
    assert_eq!(planned["done"], "dry_run");
    assert_eq!(list(berger)["core"][0]["name"], "Notiz.txt");
    let yes = [&remove[..], &["--yes", "--from", "-"]].concat();
    let done = berger.type_in(&yes, "falscher Fall").json();
    assert_eq!(done["done"], "removed");
    assert!(list(berger)["core"].is_null());
    sync_all(&world);
    let all = ["--json", "attachment", "list", "ruth", "core", "--all"];
    let all = world.iseli.run(&all).json()["attachments"]["core"].clone();
    assert_eq!(all[0]["content"], "removed");
    assert_eq!(all[0]["removed"][0]["reason"], "falscher Fall");
    refused(
        &berger.run(&["--json", "attachment", "save", "ruth", id]),
        1,
        "removed",
    );
    refused(&berger.type_in(&yes, "noch einmal"), 2, "removed");
}

#[test]
fn a_case_is_exported_and_opened_again_with_its_files_and_the_person_receives_them() {
    let world = scene();
    let report = file(&world, "bericht.pdf", REPORT);
    add(&world.berger, "journal", &report);
    let exported = world.directory.path().join("fall.json");
    let exported = exported.to_str().unwrap();
    let export = ["case", "export", "ruth", "--to", exported];
    world.berger.run(&export).ok();
    let open = ["--json", "case", "open", "--from", exported, "--yes"];
    let opened = world.berger.run(&open).json();
    let number = opened["case_number"]
        .as_str()
        .or_else(|| opened["number"].as_str())
        .unwrap_or_else(|| panic!("{opened}"));
    let files = ["--json", "attachment", "list", number];
    let files = world.berger.run(&files).json();
    let copy = &files["attachments"]["journal"][0];
    assert_eq!(copy["name"], "bericht.pdf", "{files}");
    assert_eq!(copy["content"], "here");
    let to = world.directory.path().join("auskunft");
    let to = to.to_str().unwrap();
    let german = ["--json", "subject", "export", number, "--language", "de"];
    let given = world
        .berger
        .run(&[&german[..], &["--to", to]].concat())
        .json();
    let data = std::fs::read_to_string(given["data"].as_str().unwrap()).unwrap();
    let data: Value = serde_json::from_str(&data).unwrap();
    let of_person = &data["sections"]["journal"]["attachments"][0];
    let bytes = data_encoding::BASE64.encode(REPORT);
    assert_eq!(of_person["bytes"], bytes.as_str());
    let page = std::fs::read_to_string(given["page"].as_str().unwrap()).unwrap();
    assert!(page.contains("bericht.pdf"), "{page}");
    assert!(!page.contains(&bytes), "a page shows no bytes");
}
