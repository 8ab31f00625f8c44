//! A lost device: which one is meant, what comes of it afterwards, and whose word that is.

mod support;

use support::devices::{devices, own_fingerprint, second};
use support::{Home, World, refused, with};

fn note(home: &Home, case: &str, text: &str) {
    let words = ["journal", "add", case, "--kind", "call", "--from", "-"];
    home.type_in(&words, text).ok();
}

/// Berger's phone, which has the case, is revoked as lost; then somebody types on it and it syncs.
fn typed_on_a_lost_phone(world: &World) -> (String, String, Home) {
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let phone = second(world, "Mobile");
    let device = own_fingerprint(&phone);
    let revoke = ["device", "revoke", &device, "--lost", "--now", "--yes"];
    world.berger.run(&revoke).ok();
    note(&phone, &case, "Vom Finder getippt.");
    assert_eq!(phone.run(&["sync"]).exit, 3);
    (case, device, phone)
}

#[test]
fn what_comes_from_a_lost_device_is_never_told_as_ones_own_without_saying_so() {
    let world = World::new();
    let (_, device, phone) = typed_on_a_lost_phone(&world);
    let own = phone.run(&["held"]).ok().stdout;
    assert!(!own.contains("in your name"), "control: on itself: {own}");

    let told = world.berger.run(&["sync"]);
    assert_eq!(told.exit, 3, "{}", told.stderr);
    for part in [
        "in your name",
        &device,
        "revoked as lost on",
        "only what you typed",
    ] {
        assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
    }
    assert!(!told.stderr.contains("of yours"), "{}", told.stderr);
    let list = world.berger.run(&["--json", "held"]).json();
    let edit = &list["edits"][0];
    assert_eq!(edit["device"], device.as_str());
    assert_eq!(edit["device_revoked"]["reason"], "device_lost", "{edit}");
    assert_eq!(edit["own"], true);
    let id = edit["id"].as_str().unwrap();
    let show = ["held", "show", id];
    let adopt = ["held", "adopt", id, "--dry-run"];
    for words in [&["held"][..], &show, &adopt, &["status"]] {
        let run = world.berger.run(words).ok();
        let said = format!("{}{}", run.stdout, run.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [&device, "revoked as lost on"] {
            assert!(said.contains(part), "{words:?} {part}: {said}");
        }
    }
}

#[test]
fn what_comes_from_two_lost_devices_of_ones_own_is_told_for_each_by_its_fingerprint() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let lost = ["Mobile", "Tablet"].map(|name| second(&world, name));
    for home in &lost {
        home.run(&["sync"]).ok();
    }
    let devices = [own_fingerprint(&lost[0]), own_fingerprint(&lost[1])];
    for device in &devices {
        let revoke = ["device", "revoke", device, "--lost", "--yes"];
        world.berger.run(&revoke).ok();
    }
    world.berger.run(&["sync"]).ok();
    for home in &lost {
        note(home, &case, "Vom Finder getippt.");
        assert_eq!(home.run(&["sync"]).exit, 3);
    }
    let told = world.berger.run(&["sync"]).stderr;
    let sentences = told.lines().filter(|line| line.contains("in your name"));
    let sentences: Vec<&str> = sentences.collect();
    assert_eq!(sentences.len(), 2, "one for each: {told}");
    for (device, other) in [(&devices[0], &devices[1]), (&devices[1], &devices[0])] {
        let its = |line: &&&str| line.contains(device.as_str());
        let of_it: Vec<_> = sentences.iter().filter(its).collect();
        assert_eq!(of_it.len(), 1, "{told}");
        assert!(!of_it[0].contains(other.as_str()), "{told}");
        assert!(of_it[0].contains("1 change"), "{told}");
    }
}

#[test]
fn a_colleague_is_told_on_which_lost_device_a_held_change_was_written() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    trachsel.run(&["sync"]).ok();
    let device = own_fingerprint(&trachsel);
    let revoke = ["device", "revoke", "Trachsel", "--lost", "--yes"];
    world.berger.run(&revoke).ok();
    world.berger.run(&["sync"]).ok();
    note(&trachsel, &case, "Vom Finder getippt.");
    trachsel.run(&["sync"]);
    let told = world.berger.run(&["sync"]);
    for part in [device.as_str(), "revoked as lost on", "ask them"] {
        assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
    }
    let list = world.berger.run(&["--json", "held"]).json();
    let id = list["edits"][0]["id"].as_str().unwrap();
    let shown = world.berger.run(&["held", "show", id]).ok().stdout;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [device.as_str(), "revoked as lost on", "ask Beat Trachsel"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn the_device_that_a_person_has_by_now_is_revoked_and_not_the_one_that_was_known_before() {
    // Since the deputy's last sync Berger has added a phone and ended the device that the deputy knows.
    let world = World::new();
    let deputy = world.colleague("Vera Zaugg", "manage");
    let administrator = ["institution", "administrator", "Zaugg", "--yes"];
    world.berger.run(&administrator).ok();
    for home in [&world.berger, &deputy] {
        home.run(&["sync"]).ok();
    }
    let old = own_fingerprint(&world.berger);
    let phone = second(&world, "Mobile");
    let new = own_fingerprint(&phone);
    let revoke = ["device", "revoke", &old, "--yes"];
    phone.run(&revoke).ok();
    phone.run(&["sync"]).ok();
    let stale = devices(&deputy);
    let known = stale.iter().filter(|line| line["person"] == "Anna Berger");
    let known: Vec<&str> = known
        .map(|line| line["fingerprint"].as_str().unwrap())
        .collect();
    assert_eq!(
        known,
        [old.as_str()],
        "control: the deputy knows the old one"
    );

    let revoke = [
        "--json",
        "device",
        "revoke",
        "Anna Berger",
        "--lost",
        "--now",
        "--yes",
    ];
    let run = deputy.run(&revoke);
    assert!([0, 3].contains(&run.exit), "{}", run.stderr);
    let words = phone.run(&["--json", "status"]).json()["device_words"].clone();
    assert!(
        run.stderr.contains(words.as_str().unwrap()),
        "{}",
        run.stderr
    );
    let data: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(data["device"]["fingerprint"], new.as_str(), "{data}");
    let again = deputy.run(&revoke);
    refused(&again, 1, "already_revoked");
}

#[test]
fn without_the_relay_a_person_does_not_name_a_device_to_revoke_at_once_and_a_fingerprint_does() {
    let mut world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let device = own_fingerprint(&trachsel);
    world.stop_relay();
    let revoke = |which: &str| {
        let words = [
            "--json", "device", "revoke", which, "--lost", "--now", "--yes",
        ];
        world.berger.run(&words)
    };
    let run = revoke("Trachsel");
    refused(&run, 20, "relay_unreachable");
    assert!(run.error()["next"].to_string().contains("fingerprint"));
    let waits = || {
        let list = world.berger.run(&["--json", "decision"]).json();
        list["decisions"].as_array().unwrap().len()
    };
    assert_eq!(waits(), 0, "nothing was decided");
    let run = revoke(&device);
    refused(&run, 20, "relay_unreachable");
    let error = run.error();
    let said = error["message"].as_str().unwrap();
    assert!(
        said.contains("NOT revoked yet") && said.contains(&device),
        "{said}"
    );
    assert!(
        error["next"].to_string().contains("nahtlos sync"),
        "{error}"
    );
    let once = waits();
    assert!(once > 0);
    refused(&revoke(&device), 20, "relay_unreachable");
    assert_eq!(waits(), once, "said again, decided once");
    let remove = [
        "--json", "member", "remove", "Trachsel", "--team", "RAV Team",
    ];
    let remove = || world.berger.run(&with(&remove, &["--now", "--yes"]));
    let run = remove();
    refused(&run, 20, "relay_unreachable");
    assert!(
        run.error()["message"]
            .to_string()
            .contains("NOT removed yet")
    );
    let both = waits();
    remove();
    assert_eq!(waits(), both, "said again, decided once");
    world.start_relay();
    world.berger.run(&["sync"]).ok();
    let listed = devices(&world.berger);
    let line = listed
        .iter()
        .find(|line| line["fingerprint"] == device.as_str());
    assert_eq!(line.unwrap()["state"], "revoked");
}

#[test]
fn a_device_that_was_revoked_says_so_when_it_is_revoked_again_and_by_its_own_status() {
    let world = World::new();
    let (case, device, phone) = typed_on_a_lost_phone(&world);
    let again = [
        "--json",
        "device",
        "revoke",
        &device[..9],
        "--lost",
        "--yes",
    ];
    let run = world.berger.run(&again);
    refused(&run, 1, "already_revoked");
    let said = run.error()["message"].to_string();
    for part in [device.as_str(), "since", "Anna Berger", "device lost"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let status = phone.run(&["--json", "status"]).json();
    assert_eq!(status["enrolment"], "revoked");
    let page = phone.run(&["status"]).ok().stdout;
    assert!(!page.contains("enrolled"), "{page}");
    let add = ["--json", "journal", "add", &case, "--from", "-"];
    let run = phone.type_in(&add, "Noch einmal.");
    refused(&run, 5, "no_right");
    let said = run.error().to_string();
    for part in ["was revoked", "nahtlos device wipe"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("not shared"), "{said}");
    let journal = phone.run(&["journal", &case]).ok().stdout;
    let journal = journal.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(journal.contains("Erstgespräch."), "control: {journal}");
    assert!(journal.contains("This device was revoked"), "{journal}");
    assert!(!journal.contains("not shared"), "{journal}");
    // It was told nothing of what was added or ended since: it claims nothing about it.
    let wipe = phone.run(&["--json", "device", "wipe", "--dry-run"]).json();
    assert_eq!(wipe["wipe"]["only_device"], serde_json::Value::Null);
    let page = phone.run(&["device", "wipe", "--dry-run"]).ok().stdout;
    assert!(!page.contains("no other device"), "{page}");
}

#[test]
fn a_preview_with_new_keys_now_does_not_say_that_they_come_later() {
    let world = World::new();
    let _trachsel = world.colleague("Beat Trachsel", "write");
    let ends: [&[&str]; 2] = [
        &["device", "revoke", "Beat Trachsel", "--lost", "--dry-run"],
        &[
            "member",
            "remove",
            "Trachsel",
            "--team",
            "RAV Team",
            "--dry-run",
        ],
    ];
    for words in ends {
        let said = |words: &[&str]| {
            let text = world.berger.run(words).ok().stdout;
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let later = "with the next edit at the latest";
        assert!(said(words).contains(later), "control");
        let now = said(&with(words, &["--now"]));
        assert!(!now.contains(later) && !now.contains("at once"), "{now}");
        assert!(now.contains("renewed now"), "{now}");
    }
}

#[test]
fn who_may_not_end_a_device_is_sent_to_who_administers_and_not_to_a_case_lead() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let file = world.directory.path().join("nobody");
    let file = file.to_str().unwrap();
    let run = trachsel.run(&["--json", "device", "revoke", "Anna Berger", "--yes"]);
    refused(&run, 5, "no_right");
    let next = run.error()["next"].to_string();
    assert!(next.contains("administers your institution"), "{next}");
    assert!(!next.contains("case lead"), "{next}");

    // A team is the matter of who manages it, and an administrator is sent there too.
    let invite = |home: &Home, team: &str| {
        let words = ["--json", "member", "invite", "--team", team, "--to", file];
        let run = home.run(&words);
        refused(&run, 5, "no_right");
        run.error()
    };
    world.berger.run(&["team", "create", "Team Emme"]).ok();
    let promoted = ["institution", "administrator", "Trachsel", "--yes"];
    for error in [invite(&trachsel, "RAV Team"), {
        world.berger.run(&promoted).ok();
        world.berger.run(&["sync"]).ok();
        trachsel.run(&["sync"]).ok();
        invite(&trachsel, "Team Emme")
    }] {
        let (why, next) = (error["why"].to_string(), error["next"].to_string());
        assert!(why.contains("Anna Berger manages "), "{why}");
        assert!(next.contains("manage the team"), "{next}");
        assert!(!next.contains("administers your institution"), "{next}");
    }
    assert!(!std::path::Path::new(file).exists());
    let oneself = ["--json", "device", "add", "--for", "Trachsel", "--to", file];
    let run = trachsel.run(&oneself);
    refused(&run, 2, "oneself");
    let next = run.error()["next"].to_string();
    assert!(next.contains("`nahtlos device add`"), "{next}");
}

#[test]
fn what_was_typed_and_not_delivered_is_exported_before_a_home_is_wiped() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let phone = second(&world, "Mobile");
    let revoke = [
        "device",
        "revoke",
        &own_fingerprint(&phone),
        "--now",
        "--yes",
    ];
    world.berger.run(&revoke).ok();
    note(&phone, &case, "Vom Finder getippt.");
    note(&phone, &case, "Nie abgeschickt.");
    let page = phone.run(&["device", "wipe", "--dry-run"]).ok().stdout;
    assert!(page.contains("held export"), "{page}");
    let kept = phone.run(&["held", "export", "--to", "-"]).ok().stdout;
    for text in ["Vom Finder getippt.", "Nie abgeschickt."] {
        assert!(kept.contains(text), "{text}: {kept}");
    }
    assert_eq!(phone.run(&["sync"]).exit, 3);
    let kept = phone.run(&["held", "export", "--to", "-"]).ok().stdout;
    assert!(kept.contains("Nie abgeschickt."), "as held: {kept}");
    // What the relay took is nothing to keep.
    note(&world.berger, &case, "Noch nicht abgeschickt.");
    let export = || {
        world
            .berger
            .run(&["held", "export", "--to", "-"])
            .ok()
            .stdout
    };
    assert!(export().contains("Noch nicht abgeschickt."));
    world.berger.run(&["sync"]);
    assert!(!export().contains("Noch nicht abgeschickt."));
}

#[test]
fn two_people_of_one_name_are_told_apart_by_their_ids_and_two_institutions_are_not_called_the_same()
{
    const NAME: &str = "Beat Trachsel";
    let world = World::new();
    let first = world.colleague(NAME, "write");
    let file = world.directory.path().join("second.invitation");
    let file = file.to_str().unwrap();
    let invite = ["member", "invite", "--team", "RAV Team", "--to", file];
    world.berger.run(&invite).ok();
    world.berger.run(&["sync"]).ok();
    let other = Home::new(world.directory.path(), "second");
    let join = ["member", "join", "--invitation", file, "--person", NAME];
    other.run(&with(&join, &["--function", "officer"])).ok();
    for home in [&world.berger, &other, &world.berger] {
        home.run(&["sync"]).ok();
    }
    let line = |home: &Home| {
        let own = own_fingerprint(home);
        let mut all = devices(&world.berger).into_iter();
        all.find(|line| line["fingerprint"] == own.as_str())
            .unwrap()
    };
    let id = |home: &Home| line(home)["person_id"].as_str().unwrap()[..8].to_owned();
    let revoke = |who: &str| {
        world
            .berger
            .run(&["--json", "device", "revoke", who, "--yes"])
    };
    let remove = |who: &str| {
        let words = ["--json", "member", "remove", who, "--team", "RAV Team"];
        world.berger.run(&with(&words, &["--dry-run"]))
    };
    for run in [revoke(NAME), remove(NAME)] {
        refused(&run, 1, "ambiguous");
        let error = run.error();
        let said = error["message"].to_string();
        assert!(!said.contains("several person"), "{said}");
        let details = error["details"].to_string();
        for home in [&first, &other] {
            assert!(details.contains(&id(home)), "{details}");
        }
    }
    assert_eq!(remove(&id(&other)).json()["done"], "dry_run");
    revoke(&id(&other)).json();
    world.berger.run(&["sync"]).ok();
    assert_eq!(line(&other)["state"], "revoked");
    assert_eq!(line(&first)["state"], "live", "control");

    let rename = |name: &str| world.iseli.run(&["--json", "institution", "rename", name]);
    refused(&rename("rav langnau "), 2, "institution_exists");
    rename("IV Bern").json();
    rename("iv bern").json();
}

/// Berger administers the institution and is in its team no more; Zaugg and Trachsel are.
fn custodian_outside_the_team(world: &World) -> (Home, Home) {
    let zaugg = world.colleague("Vera Zaugg", "manage");
    let trachsel = world.colleague("Beat Trachsel", "write");
    zaugg
        .type_in(
            &["--json", "case", "open", "--yes", "--from", "-"],
            support::CASE_FILE,
        )
        .ok();
    zaugg.run(&["sync"]).ok();
    let remove = ["member", "remove", "Berger", "--team", "RAV Team", "--yes"];
    zaugg.run(&remove).ok();
    for home in [&zaugg, &trachsel, &world.berger, &zaugg] {
        home.run(&["sync"]).ok();
    }
    (zaugg, trachsel)
}

#[test]
fn a_custodian_outside_the_team_is_told_what_they_do_not_see_and_who_of_the_team_makes_keys_and_report()
 {
    let world = World::new();
    let (zaugg, trachsel) = custodian_outside_the_team(&world);
    let device = own_fingerprint(&trachsel);
    let revoke = ["device", "revoke", &device, "--lost", "--now"];
    let dry = world.berger.run(&with(&revoke, &["--dry-run"])).ok();
    let done = world.berger.run(&with(&revoke, &["--yes"]));
    let report = format!("nahtlos device breach-report {device}");
    for said in [plain(&dry.stdout), plain(&done.stderr)] {
        for part in [
            "you are not in RAV Team",
            "(Vera Zaugg)",
            "nahtlos key rotate --all",
            &report,
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let page = world.berger.run(&["device", "breach-report"]).ok();
    for part in ["NOT in this report", "(Vera Zaugg)", "key rotate --all"] {
        assert!(page.stderr.contains(part), "{part}: {}", page.stderr);
    }
    assert!(
        page.stdout.contains("the cases of RAV Team"),
        "{}",
        page.stdout
    );
    assert!(!page.stdout.contains("never held a key"), "{}", page.stdout);
    let here = ["--json", "device", "breach-report", &device];
    let seen = world.berger.run(&here).json();
    let unseen = &seen["teams_out_of_sight"];
    assert_eq!(unseen[0]["team"], "RAV Team");
    assert_eq!(unseen[0]["people"], serde_json::json!(["Vera Zaugg"]));

    // Zaugg does as it says: the report is whole there, and every section gets its key.
    zaugg.run(&["sync"]).ok();
    let before = zaugg.run(&here).json();
    assert_eq!(before["teams_out_of_sight"], serde_json::json!([]));
    let sections = before["sections"].as_array().unwrap().len();
    assert!(sections > seen["sections"].as_array().unwrap().len());
    zaugg.run(&["key", "rotate", "--all", "--yes"]).ok();
    let after = zaugg.run(&here).json();
    let renewed = after["sections"].as_array().unwrap().iter();
    let renewed = renewed.filter(|one| !one["new_key_since"].is_null());
    assert_eq!(renewed.count(), sections, "{after}");
}

#[test]
fn a_custodian_who_removes_somebody_from_a_team_they_are_not_in_is_told_who_makes_its_new_keys() {
    let world = World::new();
    let (zaugg, _trachsel) = custodian_outside_the_team(&world);
    let remove = [
        "member", "remove", "Trachsel", "--team", "RAV Team", "--now",
    ];
    let done = world.berger.run(&with(&remove, &["--yes"]));
    let said = plain(&done.stderr);
    for part in [
        "you are not in RAV Team",
        "(Vera Zaugg)",
        "key rotate --all",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        !said.contains("breach-report"),
        "no device was lost: {said}"
    );
    // Who is in the team makes them and is told nothing of the kind.
    zaugg.run(&["sync"]).ok();
    zaugg.run(&["key", "rotate", "--all", "--yes"]).ok();
}

#[test]
fn the_last_with_a_device_leaves_a_team_only_where_that_is_meant() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "manage");
    let remove = ["member", "remove", "Berger", "--team", "RAV Team"];
    let dry = world.berger.run(&with(&remove, &["--dry-run"])).ok().stdout;
    assert!(
        !dry.contains("Nobody with a device is left"),
        "control: Trachsel has one: {dry}"
    );
    let device = own_fingerprint(&trachsel);
    let revoke = ["device", "revoke", &device, "--lost"];
    let dry = world.berger.run(&with(&revoke, &["--dry-run"])).ok().stdout;
    assert!(
        !dry.contains("Nobody with a device"),
        "Berger has one: {dry}"
    );
    world.berger.run(&with(&revoke, &["--yes"])).ok();
    world.berger.run(&["sync"]).ok();

    let dry = plain(&world.berger.run(&with(&remove, &["--dry-run"])).ok().stdout);
    for part in [
        "Nobody with a device is left in RAV Team",
        "no recovery key",
        "lost for good",
    ] {
        assert!(dry.contains(part), "{part}: {dry}");
    }
    let own = own_fingerprint(&world.berger);
    let only = ["device", "revoke", &own, "--lost", "--dry-run"];
    let only = plain(&world.berger.run(&only).ok().stdout);
    assert!(
        only.contains("Nobody with a device is left in RAV Team"),
        "{only}"
    );

    let refusal = world.berger.run(&with(&remove, &["--yes", "--json"]));
    refused(&refusal, 1, "last_with_a_device");
    let next = refusal.error()["next"].to_string();
    assert!(
        next.contains("member invite") && next.contains("--last"),
        "{next}"
    );
    let waits = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(
        waits["decisions"].as_array().map_or(0, Vec::len),
        0,
        "{waits}"
    );
    world.berger.run(&with(&remove, &["--yes", "--last"])).ok();
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
