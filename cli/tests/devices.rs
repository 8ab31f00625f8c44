//! One person with several devices, through the program: added, listed, refused, revoked.

mod support;

use serde_json::Value;
use support::devices::{devices, invited, own_fingerprint, second};
use support::{Home, World, refused};

#[test]
fn a_second_device_shows_the_person_and_their_cases_and_both_list_both() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let phone = second(&world, "Mobile");

    let journal = phone.run(&["journal", &case]).ok().stdout;
    assert!(journal.contains("Erstgespräch."), "{journal}");
    let status = phone.run(&["--json", "status"]).json();
    assert_eq!(status["person"], "Anna Berger");
    assert_eq!(status["team"], "RAV Team");
    assert_eq!(status["enrolment"], "enrolled");
    let entry = [
        "journal",
        "add",
        case.as_str(),
        "--kind",
        "call",
        "--from",
        "-",
    ];
    phone.type_in(&entry, "Vom zweiten Gerät notiert.").ok();
    phone.run(&["sync"]).ok();
    world.berger.run(&["sync"]).ok();
    let journal = world.berger.run(&["--json", "journal", &case]);
    let journal = journal.json().to_string();
    assert!(journal.contains("Vom zweiten Gerät notiert."), "{journal}");
    assert!(journal.contains("Anna Berger"), "{journal}");

    for (home, this) in [(&world.berger, Value::Null), (&phone, "Mobile".into())] {
        let devices = devices(home);
        assert_eq!(devices.len(), 2, "{devices:?}");
        for line in &devices {
            assert_eq!(line["person"], "Anna Berger");
            assert_eq!(line["state"], "live");
        }
        let own = devices.iter().find(|line| line["this"] == true).unwrap();
        assert_eq!(own["name"], this);
    }
    // What the second one wrote was seen here.
    let seen = devices(&world.berger);
    let seen = seen.iter().find(|line| line["this"] == false).unwrap();
    assert!(seen["heard_at_ms"].is_u64(), "{seen}");
    let page = world.berger.run(&["device"]).ok().stdout;
    assert!(
        page.contains("Mobile") && page.contains("this device"),
        "{page}"
    );
    phone.run(&["doctor"]).ok();
}

#[test]
fn an_invitation_of_the_other_kind_a_mistyped_or_used_one_is_refused_with_the_next_command() {
    let world = World::new();
    let file = invited(&world);
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.trim();
    let team = world.directory.path().join("team.invitation");
    let team = team.to_str().unwrap();
    world
        .berger
        .run(&["member", "invite", "--team", "RAV Team", "--to", team])
        .ok();
    let phone = Home::new(world.directory.path(), "phone");
    let join = |arguments: &[&str]| {
        let words = [&["--json", "device", "join"], arguments].concat();
        phone.run(&words)
    };

    let run = join(&[team]);
    refused(&run, 1, "other_invitation");
    assert!(
        run.error()["next"]
            .to_string()
            .contains("nahtlos device add")
    );
    let member = ["--json", "member", "join", "--invitation", file.as_str()];
    let member = [&member[..], &["--person", "X", "--function", "coach"]].concat();
    let run = phone.run(&member);
    refused(&run, 1, "other_invitation");
    assert!(
        run.error()["next"]
            .to_string()
            .contains("nahtlos device join")
    );
    let mistyped = &text[..text.len() - 1];
    refused(&join(&[mistyped]), 2, "text_mistyped");
    refused(&join(&["nahtlos-somethingelse"]), 2, "text_other_kind");
    assert!(!phone.path.exists(), "nothing was made");

    // The text itself, then once more from another home.
    join(&[text, "--name", "Mobile"]).json();
    let thief = Home::new(world.directory.path(), "thief");
    let run = thief.run(&["--json", "device", "join", text]);
    refused(&run, 1, "invitation_used");
    // The same again, or another that the relay does not take, leaves what waits as it is.
    let again = join(&[text, "--name", "Mobile"]).json();
    assert_eq!(again["enrolment"], "waiting_for_admission");
    let unknown = world.directory.path().join("unknown.invitation");
    let unknown = unknown.to_str().unwrap();
    world.berger.run(&["device", "add", "--to", unknown]).ok();
    refused(&join(&[unknown]), 1, "invitation_unknown");
    refused(&phone.run(&["--json", "sync"]), 4, "not_admitted");
    let next = run.error()["next"].to_string();
    assert!(next.contains("nahtlos device revoke"), "{next}");
    world.berger.run(&["sync"]).ok();
    phone.run(&["sync"]).ok();
    let status = phone.run(&["--json", "status"]).json();
    assert_eq!(status["person"], "Anna Berger");
    refused(&join(&[text]), 1, "already_enrolled");
    // Who is somebody already joins as nobody else.
    let run = world.iseli.run(&["--json", "device", "join", text]);
    refused(&run, 1, "already_enrolled");
}

#[test]
fn a_revoked_second_device_receives_nothing_more_and_the_first_goes_on() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["sync"]).ok();
    let phone = second(&world, "Mobile");
    let fingerprint = devices(&phone);
    let own = fingerprint
        .iter()
        .find(|line| line["this"] == true)
        .unwrap();
    let fingerprint = own["fingerprint"].as_str().unwrap();
    // Two devices: the person alone names none of them.
    let revoke = |which: &str| {
        let words = ["--json", "device", "revoke", which, "--lost", "--yes"];
        world.berger.run(&words)
    };
    refused(&revoke("Anna Berger"), 1, "ambiguous");
    revoke(&fingerprint[..9]).json();
    world.berger.run(&["sync"]).ok();
    let entry = [
        "journal",
        "add",
        case.as_str(),
        "--kind",
        "call",
        "--from",
        "-",
    ];
    world.berger.type_in(&entry, "Nach dem Verlust.").ok();
    world.berger.run(&["sync"]).ok();
    phone.run(&["sync"]);
    let lost = phone.run(&["journal", &case]).stdout;
    assert!(lost.contains("Erstgespräch."), "control: {lost}");
    assert!(!lost.contains("Nach dem Verlust."), "{lost}");
    let kept = world.berger.run(&["journal", &case]).ok().stdout;
    assert!(kept.contains("Nach dem Verlust."), "{kept}");
    let page = world.berger.run(&["device", "list"]).ok().stdout;
    assert!(page.contains("revoked"), "{page}");
    // One live device is left: the person names it.
    let words = ["device", "revoke", "Anna Berger", "--dry-run"];
    let dry = world.berger.run(&words).ok().stdout;
    assert!(dry.contains("only device"), "{dry}");
}

#[test]
fn a_lost_phone_is_ended_by_the_name_that_its_owner_gave_it_and_by_nobody_else() {
    let world = World::new();
    let _phone = second(&world, "Phone");
    let colleague = world.colleague("Vera Zaugg", "write");
    let named = ["--json", "device", "revoke", "phone", "--lost", "--dry-run"];
    refused(&colleague.run(&named), 1, "not_found");
    let said = world.berger.run(&named).json();
    assert_eq!(said["device"]["name"], "Phone", "{said}");
    let own = own_fingerprint(&world.berger);
    assert_ne!(said["device"]["fingerprint"], own.as_str(), "{said}");
}
