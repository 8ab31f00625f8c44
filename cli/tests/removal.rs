//! Rights that end: sections withdrawn, roles reduced, people and devices removed, new keys.

#[path = "removal/leaving.rs"]
mod leaving;
mod support;

use support::{Home, World, grant, refused, sync_all, with};

/// Case number, with `sections` shared with Iseli's team for writing and delivered.
fn shared(world: &World, sections: &str) -> String {
    let case = world.open_case();
    // Without the core data a case has no number or name on the other device.
    grant(world, &case, "core", "read").json();
    grant(world, &case, sections, "write").json();
    sync_all(world);
    case
}

fn reads(home: &Home, case: &str, section: &str, text: &str) -> bool {
    let run = home.run(&["section", "show", case, section]);
    run.exit == 0 && run.stdout.contains(text)
}

#[test]
fn a_withdrawal_says_first_who_will_no_longer_read_and_does_nothing_unasked() {
    let world = World::new();
    let case = shared(&world, "plan,journal");
    let words = [
        "share",
        "withdraw",
        &case,
        "plan",
        "--from",
        "Eingliederung",
    ];
    let dry = world.berger.run(&with(&words, &["--dry-run"])).ok().stdout;
    assert!(
        dry.contains("Urs Iseli") && dry.contains("AVG35a1"),
        "{dry}"
    );
    assert!(dry.contains("stays readable to them"), "{dry}");
    assert!(dry.contains("Nothing was done"), "{dry}");
    refused(
        &world.berger.run(&with(&["--json"], &words)),
        2,
        "confirmation_missing",
    );
    let waiting = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(waiting["decisions"], serde_json::json!([]));
    let done = world.berger.run(&with(&words, &["--json", "--yes"])).json();
    assert_eq!(done["done"], "withdrawn");
    let waiting = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(waiting["decisions"].as_array().unwrap().len(), 1);
}

#[test]
fn who_lost_a_section_keeps_what_they_read_and_receives_nothing_of_what_follows() {
    let world = World::new();
    let case = shared(&world, "plan,journal");
    world
        .berger
        .run(&[
            "share",
            "withdraw",
            &case,
            "plan",
            "--from",
            "Eingliederung",
            "--yes",
            "--reason",
            "basis-ended",
        ])
        .ok();
    sync_all(&world);
    let typed = ["plan", "set", &case, "situation", "--from", "-"];
    world
        .berger
        .type_in(&typed, "Seit dem Entzug geschrieben.")
        .ok();
    sync_all(&world);
    assert!(
        reads(&world.berger, &case, "plan", "Seit dem Entzug"),
        "control"
    );
    assert!(!reads(&world.iseli, &case, "plan", "Seit dem Entzug"));
    assert!(
        reads(&world.iseli, &case, "journal", "Erstgespräch"),
        "the other section stays"
    );
    let edit = world.iseli.type_in(&with(&["--json"], &typed), "Trotzdem.");
    refused(&edit, 5, "no_right");
    let explained = world
        .berger
        .run(&["share", "explain", &case, "plan", "--for", "Eingliederung"])
        .ok()
        .stdout;
    assert!(
        explained.contains("No longer:") && explained.contains("Anna Berger"),
        "{explained}"
    );
}

#[test]
fn a_right_that_rests_on_one_law_ends_and_the_one_by_another_stays() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan", "read").json();
    world
        .berger
        .run(&[
            "share",
            "grant",
            &case,
            "--section",
            "plan",
            "--to",
            "Eingliederung",
            "--role",
            "write",
            "--basis",
            "SHG19b",
            "--yes",
        ])
        .ok();
    sync_all(&world);
    let words = [
        "share",
        "withdraw",
        &case,
        "plan",
        "--from",
        "Eingliederung",
        "--basis",
    ];
    let dry = with(&words, &["SHG19b", "--dry-run"]);
    let dry = world.berger.run(&dry).ok().stdout;
    assert!(dry.contains("read (Eingliederung, AVG35a1)"), "{dry}");
    let other = world
        .berger
        .run(&with(&words, &["SHG8", "--yes", "--json"]));
    refused(&other, 1, "not_found");
    world
        .berger
        .run(&with(
            &words,
            &["SHG19b", "--yes", "--reason", "basis-ended"],
        ))
        .ok();
    sync_all(&world);
    assert!(reads(&world.iseli, &case, "plan", "Pflege"));
    let typed = ["--json", "plan", "set", &case, "situation", "--from", "-"];
    refused(&world.iseli.type_in(&typed, "x"), 5, "no_right");
}

#[test]
fn nothing_to_withdraw_names_what_was_perhaps_meant() {
    let world = World::new();
    let case = shared(&world, "plan");
    let withdraw = |section: &str, from: &str| {
        let words = [
            "--json", "share", "withdraw", &case, section, "--from", from, "--yes",
        ];
        world.berger.run(&words)
    };
    refused(&withdraw("journal", "Eingliederung"), 1, "not_found");
    let by_team = withdraw("plan", "Urs Iseli");
    refused(&by_team, 1, "held_by_team");
    assert!(
        by_team.stderr.contains("Eingliederung"),
        "{}",
        by_team.stderr
    );
    refused(&withdraw("plan", "RAV Team"), 5, "last_manager");
    let foreign = [
        "--json", "share", "withdraw", &case, "plan", "--from", "RAV Team", "--yes",
    ];
    refused(&world.iseli.run(&foreign), 5, "no_right");
}

#[test]
fn a_role_is_reduced_and_raised_again() {
    let world = World::new();
    let case = shared(&world, "plan");
    let typed = ["--json", "plan", "set", &case, "situation", "--from", "-"];
    let role = |role: &str, more: &str| {
        world.berger.run(&[
            "--json",
            "share",
            "role",
            &case,
            "plan",
            role,
            "--for",
            "Eingliederung",
            more,
        ])
    };
    assert_eq!(role("read", "--dry-run").json()["done"], "dry_run");
    assert_eq!(role("write", "--yes").json()["done"], "nothing");
    assert_eq!(role("read", "--yes").json()["done"], "changed");
    sync_all(&world);
    refused(&world.iseli.type_in(&typed, "x"), 5, "no_right");
    assert_eq!(role("write", "--yes").json()["done"], "changed");
    sync_all(&world);
    world.iseli.type_in(&typed, "Wieder.").json();
    refused(
        &world.iseli.run(&[
            "--json",
            "share",
            "role",
            &case,
            "plan",
            "manage",
            "--for",
            "Eingliederung",
            "--yes",
        ]),
        5,
        "no_right",
    );
}

#[test]
fn a_closed_section_is_read_and_not_written() {
    let world = World::new();
    let case = shared(&world, "plan");
    let close = ["share", "close", &case, "plan"];
    let dry = world.berger.run(&with(&close, &["--dry-run"])).ok().stdout;
    assert!(dry.contains("Nothing was done"), "{dry}");
    refused(
        &world.iseli.run(&with(&close, &["--json", "--yes"])),
        5,
        "no_right",
    );
    world.berger.run(&with(&close, &["--yes"])).ok();
    sync_all(&world);
    for home in [&world.berger, &world.iseli] {
        assert!(reads(home, &case, "plan", "Pflege"));
        let typed = ["--json", "plan", "set", &case, "situation", "--from", "-"];
        let edit = home.type_in(&typed, "x");
        refused(&edit, 5, "section_closed");
        // What can still be done, and who to ask; not the advice to ask for a right.
        let next = edit.error()["next"].as_str().unwrap().to_owned();
        for part in ["section show", "share withdraw", "RAV Team (RAV Langnau)"] {
            assert!(next.contains(part), "{part}: {next}");
        }
    }
    let list = world.berger.run(&["share", "list", &case]).ok().stdout;
    let row = |section: &str| {
        let mut rows = list
            .lines()
            .filter(|line| line.trim_start().starts_with(section));
        rows.next().unwrap().to_owned()
    };
    assert!(row("plan").contains("read (closed)"), "{list}");
    assert!(row("plan").contains("read, withdraw (closed)"), "{list}");
    assert!(!row("plan").contains("write"), "{list}");
    assert!(row("journal").contains("manage"), "control: {list}");
    // The lead is told the same where they would share it, and can still withdraw it.
    refused(&grant(&world, &case, "plan", "read"), 5, "section_closed");
    let withdraw = [
        "share",
        "withdraw",
        &case,
        "plan",
        "--from",
        "Eingliederung",
        "--yes",
    ];
    world.berger.run(&withdraw).ok();
}

#[test]
fn an_end_that_waits_for_the_next_sync_is_named_where_a_right_is_explained() {
    let world = World::new();
    let case = shared(&world, "plan,journal");
    let explained = |section: &str, member: &str| {
        let words = ["share", "explain", &case, section, "--for", member];
        world.berger.run(&words).ok().stdout
    };
    let waits = "is decided, and goes out with the next sync";
    assert!(!explained("plan", "Urs Iseli").contains(waits), "control");
    let words = [
        "share",
        "withdraw",
        &case,
        "plan",
        "--from",
        "Eingliederung",
        "--yes",
    ];
    world.berger.run(&words).ok();
    for member in ["Eingliederung", "Urs Iseli"] {
        let said = explained("plan", member);
        assert!(said.starts_with("Yes:") && said.contains(waits), "{said}");
    }
    assert!(!explained("journal", "Eingliederung").contains(waits));
    let words = [
        "share",
        "role",
        &case,
        "journal",
        "read",
        "--for",
        "Eingliederung",
        "--yes",
    ];
    world.berger.run(&words).ok();
    let said = explained("journal", "Eingliederung");
    assert!(
        said.contains(waits) && said.contains("let Eingliederung read"),
        "{said}"
    );
    world
        .berger
        .run(&["share", "close", &case, "core", "--yes"])
        .ok();
    assert!(explained("core", "Eingliederung").contains("close the section core"));
    sync_all(&world);
    for section in ["plan", "journal", "core"] {
        let said = explained(section, "Eingliederung");
        assert!(!said.contains(waits), "{section}: {said}");
    }
}

/// Every end of a right says the same of what stays readable.
#[test]
fn all_ends_of_rights_say_in_the_same_words_what_stays_readable() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let case = shared(&world, "plan,journal");
    trachsel.run(&["sync"]).ok();
    let same = "What was delivered to them before stays readable to them. What is sealed after the relay \
                has the end of their right is not: the key is renewed with the next edit at the latest, \
                at once with `nahtlos key rotate`.";
    let ends: [&[&str]; 3] = [
        &[
            "share",
            "withdraw",
            &case,
            "plan",
            "--from",
            "Eingliederung",
        ],
        &["member", "remove", "Trachsel", "--team", "RAV Team"],
        &["device", "revoke", "Beat Trachsel", "--lost"],
    ];
    for words in ends {
        for more in ["--dry-run", "--yes"] {
            let run = world.berger.run(&with(words, &[more])).ok();
            let said = format!("{}{}", run.stdout, run.stderr);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(same), "{words:?} {more}: {said}");
            for other in ["same step", "next write", "read already", "at their next"] {
                assert!(!said.contains(other), "{other}: {said}");
            }
        }
    }
    sync_all(&world);
    let words = ["share", "explain", &case, "plan", "--for", "Eingliederung"];
    let said = world.berger.run(&words).ok().stdout;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(same), "{said}");
}

#[test]
fn a_colleague_who_leaves_the_team_receives_nothing_more() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let case = world.open_case();
    sync_all(&world);
    trachsel.run(&["sync"]).ok();
    assert!(
        reads(&trachsel, &case, "journal", "Erstgespräch"),
        "control"
    );
    let remove = ["member", "remove", "Trachsel", "--team", "RAV Team"];
    let dry = world.berger.run(&with(&remove, &["--dry-run"])).ok().stdout;
    assert!(
        dry.contains("Beat Trachsel") && dry.contains("stays readable to them"),
        "{dry}"
    );
    refused(
        &trachsel.run(&[
            "--json", "member", "remove", "Berger", "--team", "RAV Team", "--yes",
        ]),
        5,
        "no_right",
    );
    world
        .berger
        .run(&with(&remove, &["--yes", "--reason", "left"]))
        .ok();
    world.berger.run(&["sync"]).ok();
    let entry = ["journal", "add", &case, "--kind", "call", "--from", "-"];
    world.berger.type_in(&entry, "Nach dem Austritt.").ok();
    world.berger.run(&["sync"]).ok();
    trachsel.run(&["sync"]);
    assert!(!reads(&trachsel, &case, "journal", "Nach dem Austritt"));
    let again = world.berger.run(&with(&remove, &["--yes", "--json"]));
    refused(&again, 1, "not_found");
}

#[test]
fn a_lost_device_is_revoked_and_everything_it_held_gets_a_new_key_at_once() {
    let world = World::new();
    let trachsel = world.colleague("Beat Trachsel", "write");
    let case = world.open_case();
    sync_all(&world);
    trachsel.run(&["sync"]).ok();
    let revoke = ["device", "revoke", "Beat Trachsel", "--lost"];
    let dry = world.berger.run(&with(&revoke, &["--dry-run"])).ok().stdout;
    assert!(
        dry.contains("only device") && dry.contains("renews all of these keys at once"),
        "{dry}"
    );
    let epochs = || {
        let key = world
            .berger
            .run(&["--json", "key", "explain", &case, "journal"])
            .json();
        key["key"]["epochs"].as_u64().unwrap()
    };
    let before = epochs();
    let done = world
        .berger
        .run(&with(&revoke, &["--now", "--yes", "--json"]));
    assert!([0, 3].contains(&done.exit), "{}", done.stderr);
    world.berger.run(&["sync"]).ok();
    assert!(epochs() > before, "no new key was made");
    refused(
        &world
            .berger
            .run(&["--json", "device", "revoke", "nobody", "--yes"]),
        1,
        "not_found",
    );
}

#[test]
fn new_keys_are_made_for_a_section_a_case_or_everything_and_nobody_loses_access() {
    let world = World::new();
    let case = shared(&world, "plan");
    let rotate = ["key", "rotate", &case, "plan"];
    let dry = world
        .berger
        .run(&with(&rotate, &["--dry-run", "--json"]))
        .json();
    assert_eq!(dry["keys"]["left"], 1);
    let done = world
        .berger
        .run(&with(&rotate, &["--yes", "--json"]))
        .json();
    assert_eq!(done["rotation"]["rotated"], 1);
    let typed = ["plan", "set", &case, "situation", "--from", "-"];
    world
        .berger
        .type_in(&typed, "Unter dem neuen Schlüssel.")
        .ok();
    sync_all(&world);
    assert!(reads(
        &world.iseli,
        &case,
        "plan",
        "Unter dem neuen Schlüssel"
    ));
    let all = world
        .berger
        .run(&["--json", "key", "rotate", "--all", "--yes"])
        .json();
    assert!(all["rotation"]["rotated"].as_u64().unwrap() > 1, "{all}");
    let usage = world.berger.run(&["key", "rotate", "--yes"]);
    assert_eq!(usage.exit, 2, "{}", usage.stderr);
    let foreign = world
        .iseli
        .run(&["--json", "key", "rotate", &case, "journal", "--yes"]);
    refused(&foreign, 5, "not_found");
}

#[test]
fn without_the_relay_a_withdrawal_waits_and_can_be_taken_back() {
    let mut world = World::new();
    let case = shared(&world, "plan");
    world.stop_relay();
    world
        .berger
        .run(&[
            "share",
            "withdraw",
            &case,
            "--from",
            "Eingliederung",
            "--yes",
        ])
        .ok();
    refused(
        &world.berger.run(&["--json", "sync"]),
        20,
        "relay_unreachable",
    );
    let list = world.berger.run(&["--json", "decision"]).json();
    let waiting = list["decisions"].as_array().unwrap();
    assert_eq!(waiting.len(), 2, "core and plan: {list}");
    for decision in waiting {
        assert_eq!(decision["state"], "waiting");
        let id = decision["id"].as_str().unwrap();
        let drop = ["decision", "drop", &id[..8], "--yes"];
        world.berger.run(&drop).ok();
    }
    let list = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(list["decisions"], serde_json::json!([]));
}

#[test]
fn who_is_let_in_from_now_on_opens_nothing_written_before() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core", "read").json();
    let words = [
        "share",
        "grant",
        &case,
        "--section",
        "journal",
        "--to",
        "Eingliederung",
        "--role",
        "read",
        "--basis",
        "AVG35a1",
        "--from-now",
    ];
    let too_early = world.berger.run(&with(&["--json"], &words));
    refused(&too_early, 1, "not_delivered");
    sync_all(&world);
    let dry = world.berger.run(&with(&words, &["--dry-run"])).ok().stdout;
    assert!(dry.contains("no key to what was written before"), "{dry}");
    world.berger.run(&with(&words, &["--yes"])).ok();
    world.berger.run(&["sync"]).ok();
    // What builds on the past cannot be applied there: it is held, and said.
    assert_eq!(world.iseli.run(&["sync"]).exit, 3);
    assert!(
        reads(&world.berger, &case, "journal", "Erstgespräch"),
        "control"
    );
    assert!(!reads(&world.iseli, &case, "journal", "Erstgespräch"));
    let explained = world
        .berger
        .run(&[
            "share",
            "explain",
            &case,
            "journal",
            "--for",
            "Eingliederung",
        ])
        .ok()
        .stdout;
    assert!(explained.contains("nothing written before"), "{explained}");
}

#[test]
fn an_old_copy_says_that_it_is_old_and_an_erased_one_does_not_look_empty() {
    // Iseli reads the plan, loses it, still has the old copy, then erases it.
    let world = World::new();
    let case = shared(&world, "plan,journal");
    let show = ["--json", "section", "show", &case, "plan"];
    let before = world.iseli.run(&show).json();
    assert_eq!(before["no_longer_shared"], serde_json::Value::Null);
    let words = ["share", "withdraw", &case, "plan", "--from"];
    let withdraw = with(&words, &["Eingliederung", "--yes"]);
    world.berger.run(&withdraw).ok();
    sync_all(&world);

    let said = world.iseli.run(&["section", "show", &case, "plan"]).ok();
    let said = said.stdout;
    assert!(
        said.contains("not shared with you any more since") && said.contains("old copy"),
        "{said}"
    );
    assert!(said.contains("section erase"), "{said}");
    let list = world.iseli.run(&["section", "list", &case]).ok().stdout;
    assert!(list.contains("an old copy"), "{list}");

    let erase = ["section", "erase", &case, "plan", "--yes"];
    world.iseli.run(&erase).ok();
    refused(&world.iseli.run(&show), 5, "erased");
    let export = ["--json", "section", "export", &case, "plan"];
    refused(&world.iseli.run(&export), 5, "erased");
    let list = world.iseli.run(&["section", "list", &case]).ok().stdout;
    assert!(list.contains("erased here"), "{list}");
    assert!(reads(&world.iseli, &case, "journal", "Erstgespräch"));
}

#[test]
fn a_team_that_was_merged_is_refused_as_a_recipient_and_the_team_that_took_over_is_named() {
    let world = World::new();
    let case = world.open_case();
    world.berger.run(&["team", "create", "Team Süd"]).ok();
    world.berger.run(&["sync"]).ok();
    let merge = ["team", "merge", "Team Süd", "--into", "RAV Team", "--yes"];
    world.berger.run(&merge).ok();
    world.berger.run(&["sync"]).ok();
    let grant = |more: &[&str]| {
        let words = [
            "share",
            "grant",
            &case,
            "--section",
            "journal",
            "--to",
            "Süd",
        ];
        let terms = ["--role", "read", "--basis", "AVG35a1", "--json"];
        world.berger.run(&[&words[..], &terms, more].concat())
    };
    for more in ["--dry-run", "--yes"] {
        let run = grant(&[more]);
        refused(&run, 1, "team_merged");
        let error = run.error();
        assert!(error["message"].to_string().contains("RAV Team"), "{error}");
        assert!(error["next"].to_string().contains("RAV Team"), "{error}");
    }
}

#[test]
fn a_colleague_comes_to_manage_a_team_and_back_and_who_manages_it_alone_stays() {
    let world = World::new();
    let zaugg = world.colleague("Vera Zaugg", "write");
    let berger = &world.berger;
    let role = |home: &Home, person: &str, role: &str, more: &[&str]| {
        let words = ["--json", "member", "role", person, "--team", "RAV Team"];
        home.run(&[&words[..], &["--role", role], more].concat())
    };
    let invites = |home: &Home| {
        let file = world.file("someone");
        let invite = ["member", "invite", "--team", "RAV Team", "--to", &file];
        let _made_before = std::fs::remove_file(&file);
        home.run(&invite).exit == 0
    };
    let sync = || {
        for home in [berger, &zaugg, berger] {
            home.run(&["sync"]);
        }
    };
    // Who may not raise anybody: a writer, themselves neither; nor another institution.
    assert!(!invites(&zaugg), "control");
    for more in ["--dry-run", "--yes"] {
        refused(&role(&zaugg, "Zaugg", "manage", &[more]), 5, "no_right");
        refused(&role(&zaugg, "Berger", "read", &[more]), 5, "no_right");
        refused(
            &role(&world.iseli, "Zaugg", "manage", &[more]),
            1,
            "not_found",
        );
        refused(&role(berger, "Iseli", "manage", &[more]), 1, "not_found");
    }
    // The last one who manages it is named, with what is to be done first.
    let remove = ["--json", "member", "remove", "Berger", "--team", "RAV Team"];
    for run in [
        role(berger, "Berger", "write", &["--dry-run"]),
        role(berger, "Berger", "read", &["--yes"]),
        berger.run(&with(&remove, &["--yes"])),
    ] {
        refused(&run, 5, "last_manager");
        let error = run.error();
        let what = error["message"].as_str().unwrap();
        assert!(
            what.contains("Anna Berger alone manages RAV Team"),
            "{what}"
        );
        let next = error["next"].as_str().unwrap();
        let raise = "nahtlos member role PERSON --team \"RAV Team\" --role manage";
        assert!(next.contains(raise), "{next}");
        assert!(next.contains("nahtlos member invite --team"), "{next}");
    }

    refused(
        &role(berger, "Zaugg", "manage", &[]),
        2,
        "confirmation_missing",
    );
    let dry = ["member", "role", "Zaugg", "--team", "RAV Team"];
    let dry = berger.run(&with(&dry, &["--role", "manage", "--dry-run"]));
    let dry = dry.ok().stdout;
    assert!(dry.contains("`write` becomes `manage`"), "{dry}");
    assert!(dry.contains("Nothing was done"), "{dry}");
    let waiting = berger.run(&["--json", "decision"]).json();
    assert_eq!(waiting["decisions"], serde_json::json!([]));
    let done = role(berger, "Zaugg", "manage", &["--yes"]).json();
    assert_eq!(done["done"], "changed");
    sync();
    assert!(invites(&zaugg), "who manages invites");
    let again = role(berger, "Zaugg", "manage", &["--yes"]).json();
    assert_eq!(again["done"], "nothing", "{again}");

    // Two lower each other without knowing of it: one stays.
    role(berger, "Zaugg", "write", &["--yes"]).json();
    role(&zaugg, "Berger", "write", &["--yes"]).json();
    sync();
    assert!(invites(berger) && !invites(&zaugg), "one manages still");
    let back = zaugg.run(&["--json", "decision"]).json();
    assert_eq!(back["decisions"][0]["state"], "returned", "{back}");

    // Lowered to reading: what they type in the team's cases is refused before it is typed.
    let case = world.open_case();
    sync();
    let add = ["--json", "plan", "goal", "add", &case, "--from", "-"];
    zaugg.type_in(&add, "Deutsch B1.").json();
    sync();
    role(berger, "Zaugg", "read", &["--yes"]).json();
    sync();
    refused(&zaugg.type_in(&add, ""), 5, "no_right");
    assert!(
        reads(&zaugg, &case, "plan", "Deutsch B1."),
        "they still read"
    );
}
