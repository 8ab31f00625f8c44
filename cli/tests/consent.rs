//! Consents through the real program: what is said before they are recorded and before they are
//! withdrawn, and whose rights follow.

mod support;

use serde_json::Value;
use support::{Home, World, grant, refused, sync_all};

const TEAM: &str = "Eingliederung";

fn give<'a>(case: &'a str, shares: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = [
        "--json",
        "consent",
        "give",
        case,
        "--read",
        shares,
        "--form",
        "paper",
        // What a consent covers is counted here; `access` goes along in a test of its own.
        "--reads-unrecorded",
    ];
    [&words[..], more].concat()
}

/// Records a consent on Berger's device; returns its identifier.
fn given(world: &World, case: &str, shares: &str) -> String {
    let answer = world.berger.run(&give(case, shares, &["--yes"])).json();
    assert_eq!(answer["done"], "given");
    answer["consent"].as_str().unwrap().to_owned()
}

fn explained(home: &Home, case: &str, section: &str) -> String {
    let words = ["share", "explain", case, section, "--for", "Iseli"];
    home.run(&words).ok().stdout
}

fn consents(home: &Home, case: &str) -> Value {
    home.run(&["--json", "consent", case]).json()
}

#[test]
fn before_a_consent_is_recorded_it_says_who_will_read_what_and_that_the_past_goes_along() {
    let world = World::new();
    let case = world.open_case();
    let shares = format!("function,plan={TEAM}");
    let words = give(&case, &shares, &["--until", "30.06.2099"]);
    let dry = [&words[1..], &["--dry-run"]].concat();
    let said = world.berger.run(&dry).ok().stdout;
    for part in [
        "1 person will read function, plan: Urs Iseli (IV-Stelle).",
        "Eingliederung (IV-Stelle, iv)",
        "history goes along",
        "also what was written before today",
        "30.06.2099",
        "cannot be taken back",
        "Nothing was done",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let data = world
        .berger
        .run(&[&words[..], &["--dry-run"]].concat())
        .json();
    assert_eq!(data["schema_version"], 1);
    assert_eq!(data["done"], "dry_run");
    assert_eq!(data["shares"][1]["role"], "read");
    assert_eq!(data["valid_until"], "2099-06-30");
    // Who cannot be asked has not agreed.
    refused(&world.berger.run(&words), 2, "confirmation_missing");
    assert_eq!(
        consents(&world.berger, &case)["consents"]["given"],
        serde_json::json!([])
    );
    assert!(explained(&world.berger, &case, "plan").starts_with("No:"));
}

#[test]
fn a_right_by_consent_names_it_and_ends_with_it_while_the_law_stays() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan", "read").json();
    let shares = format!("function,plan={TEAM}");
    let id = given(&world, &case, &shares);
    let name = &id[..8];
    assert!(explained(&world.berger, &case, "function").contains(&format!("consent {name}")));
    sync_all(&world);
    let iseli = &world.iseli;
    iseli.run(&["section", "show", &case, "function"]).ok();
    let why = explained(&world.berger, &case, "function");
    assert!(why.starts_with("Yes:"), "{why}");
    let covers = format!("Consent {name} (given by: client) covers it from");
    assert!(why.contains(&covers), "{why}");
    let list = world.berger.run(&["consent", &case]).ok().stdout;
    let covered = list.lines().filter(|line| line.contains("covered"));
    assert_eq!(covered.count(), 2, "{list}");
    assert!(list.contains(name) && list.contains("paper"), "{list}");

    // Whom it is about, what stays and why, before anything is done.
    let dry = ["consent", "withdraw", &case, "1", "--dry-run"];
    let said = world.berger.run(&dry).ok().stdout;
    for part in [
        "Will no longer read `function`: Urs Iseli (IV-Stelle).",
        "Can still read `plan`, by AVG35a1: Urs Iseli (IV-Stelle).",
        "What was delivered to them before stays readable to them",
        "Nothing was done",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let withdraw = ["--json", "consent", "withdraw", &case, name];
    refused(&world.berger.run(&withdraw), 2, "confirmation_missing");
    assert!(explained(&world.berger, &case, "function").starts_with("Yes:"));
    let done = world.berger.run(&[&withdraw[..], &["--yes"]].concat());
    let data = done.json();
    assert_eq!(
        (&data["done"], &data["schema_version"]),
        (&"withdrawn".into(), &1.into())
    );
    assert_eq!(data["sections"][0]["section"], "function");
    sync_all(&world);
    let why = explained(&world.berger, &case, "function");
    assert!(why.starts_with("No longer:"), "{why}");
    assert!(why.contains("it was withdrawn on"), "{why}");
    let plan = explained(&world.berger, &case, "plan");
    assert!(
        plan.starts_with("Yes:") && plan.contains("AVG35a1"),
        "{plan}"
    );
    let list = consents(&world.berger, &case);
    assert_eq!(list["coverage"][0]["covers_today"], false);
    assert_eq!(list["consents"]["withdrawn"].as_array().unwrap().len(), 1);
    let again = world.berger.run(&[&withdraw[..], &["--yes"]].concat());
    assert_eq!(again.json()["done"], "nothing");

    // Consent again: the right comes back with the new one.
    let new = given(&world, &case, &format!("function={TEAM}"));
    sync_all(&world);
    let why = explained(&world.berger, &case, "function");
    assert!(why.starts_with("Yes:") && why.contains(&new[..8]), "{why}");
}

#[test]
fn a_part_is_withdrawn_offline_and_the_rest_stays() {
    let mut world = World::new();
    let case = world.open_case();
    given(&world, &case, &format!("function,plan={TEAM}"));
    sync_all(&world);
    world.stop_relay();
    let only = format!("function={TEAM}");
    let words = [
        "--json", "consent", "withdraw", &case, "1", "--only", &only, "--yes",
    ];
    let data = world.berger.run(&words).json();
    assert_eq!(data["sections"].as_array().unwrap().len(), 1);
    // The same again is no news, and what else rests on the consent stays.
    let again = ["consent", "withdraw", &case, "1", "--only", &only, "--yes"];
    let said = world.berger.run(&again).ok().stdout;
    assert!(said.contains("This part of consent"), "{said}");
    let list = consents(&world.berger, &case);
    let today = |position: usize| list["coverage"][position]["covers_today"].clone();
    assert_eq!((today(0), today(1)), (false.into(), true.into()), "{list}");
    let waiting = world.berger.run(&["--json", "status"]).json();
    let waiting = waiting["waiting_decisions"].as_array().unwrap().len();
    assert_eq!(waiting, 1);
    let elsewhere = format!("tasks={TEAM}");
    let words = [
        "--json", "consent", "withdraw", &case, "1", "--only", &elsewhere, "--yes",
    ];
    assert_ne!(world.berger.run(&words).exit, 0);
}

#[test]
fn what_is_personal_is_typed_or_read_and_never_stands_on_the_command_line() {
    let world = World::new();
    let case = world.open_case();
    let share = format!("plan={TEAM}");
    for on_the_line in [&["Lejla"][..], &["--name", "Lejla"], &["--text", "Lejla"]] {
        let more = [on_the_line, &["--representative", "--yes"]].concat();
        let run = world.berger.run(&give(&case, &share, &more));
        refused(&run, 2, "value_on_command_line");
        assert!(!run.stderr.contains("Lejla"), "{}", run.stderr);
    }
    let unnamed = give(&case, &share, &["--representative", "--yes"]);
    refused(&world.berger.run(&unnamed), 2, "value_missing");
    let words = give(&case, &share, &["--representative", "--from", "-", "--yes"]);
    let typed = "Lejla Hadžić\nVollmacht im Ordner 3\n";
    world.berger.type_in(&words, typed).json();
    let list = world.berger.run(&["consent", &case]).ok().stdout;
    assert!(list.contains("Lejla Hadžić, representative"), "{list}");
    assert!(list.contains("Vollmacht im Ordner 3"), "{list}");
    let shown = world
        .berger
        .run(&["section", "show", &case, "consent"])
        .ok()
        .stdout;
    assert!(shown.contains("Lejla Hadžić"), "{shown}");
}

#[test]
fn what_is_not_clear_is_refused_and_nothing_is_recorded() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core", "read").json();
    let share = format!("plan={TEAM}");
    let cases: [(&str, &[&str], &str); 6] = [
        (TEAM, &[], "format"),
        ("genome=Eingliederung", &[], "unknown_section"),
        ("plan=Nobody", &[], "not_found"),
        (&share, &["--until", "01.01.2020"], "past"),
        (&share, &["--valid-from", "01.01.2099"], "future"),
        (&share, &["--until", "31.02.2099"], "no_such_day"),
    ];
    for (shares, more, code) in cases {
        let words = give(&case, shares, &[more, &["--yes"]].concat());
        let run = world.berger.run(&words);
        assert_eq!(run.error()["code"], code, "{}", run.stderr);
    }
    let mut nodded = give(&case, &share, &["--yes"]);
    nodded[7] = "nod";
    refused(&world.berger.run(&nodded), 2, "unknown_code");
    let unknown = ["--json", "consent", "withdraw", &case, "1", "--yes"];
    let run = world.berger.run(&unknown);
    assert_eq!(run.error()["code"], "not_found");
    assert_eq!(
        consents(&world.berger, &case)["coverage"],
        serde_json::json!([])
    );
    // Another institution sees neither whether there are consents, nor records any.
    sync_all(&world);
    let asked = world.iseli.run(&["--json", "consent", &case]);
    refused(&asked, 5, "not_found");
    let foreign = give(&case, "core=RAV Team", &["--yes"]);
    refused(&world.iseli.run(&foreign), 5, "no_right");
    given(&world, &case, &share);
}

#[test]
fn the_end_of_a_right_is_not_dropped_while_its_consent_is_withdrawn() {
    let world = World::new();
    let case = world.open_case();
    given(&world, &case, &format!("function={TEAM}"));
    grant(&world, &case, "plan", "read").json();
    sync_all(&world);
    let berger = &world.berger;
    let only_waiting = || {
        let list = berger.run(&["--json", "decision"]).json();
        let decisions = list["decisions"].as_array().unwrap().clone();
        assert_eq!(decisions.len(), 1, "{list}");
        decisions[0]["id"].as_str().unwrap().to_owned()
    };
    // Control: the end of a right by law is dropped.
    let by_law = ["share", "withdraw", &case, "plan", "--from", TEAM, "--yes"];
    berger.run(&by_law).ok();
    let drop = |id: &str| berger.run(&["--json", "decision", "drop", id, "--yes"]);
    assert_eq!(drop(&only_waiting()).json()["done"], "dropped");

    let withdraw = ["consent", "withdraw", &case, "1", "--yes"];
    let said = berger.run(&withdraw).ok().stdout;
    assert!(said.contains("It ended for"), "{said}");
    assert!(said.contains(": function."), "{said}");
    let id = only_waiting();
    let refusal = drop(&id);
    refused(&refusal, 6, "consent_withdrawn");
    assert!(
        refusal.error()["next"]
            .as_str()
            .unwrap()
            .contains("consent give"),
        "{}",
        refusal.stderr
    );
    assert_eq!(only_waiting(), id, "it still waits");

    // Who agrees again gives a new consent; the end of the old right still goes out, and the new
    // right stands.
    let new = given(&world, &case, &format!("function={TEAM}"));
    sync_all(&world);
    let why = explained(berger, &case, "function");
    assert!(why.starts_with("Yes:") && why.contains(&new[..8]), "{why}");
    let decided = berger.run(&["--json", "decision"]).json();
    assert_eq!(decided["decisions"], serde_json::json!([]));
}

#[test]
fn a_right_without_a_known_basis_is_refused_and_a_list_of_ones_own_says_which_are_known() {
    let world = World::new();
    let case = world.open_case();
    let berger = &world.berger;
    let grant = [
        "--json",
        "share",
        "grant",
        &case,
        "--section",
        "plan",
        "--to",
        TEAM,
    ];
    let read = ["--role", "read", "--yes"];
    let without = berger.run(&[&grant[..], &read].concat());
    refused(&without, 2, "basis");
    let next = without.error()["next"].as_str().unwrap().to_owned();
    assert!(
        next.contains("--basis") && next.contains("consent give"),
        "{next}"
    );
    let on = |basis: &str| berger.run(&[&grant[..], &read, &["--basis", basis]].concat());
    refused(&on("LASoc12"), 2, "basis");
    let list = berger.run(&["--json", "share", "bases"]).json();
    assert_eq!(list["is_own"], false);
    assert_eq!(list["bases"][0]["checked"], false);

    let own = world.directory.path().join("own.json");
    let text = |code: &str| {
        format!(
            r#"{{"schema_version": 1, "bases": [{{"code": "{code}", "de": "Sozialhilfe", "fr": "aide sociale"}}]}}"#
        )
    };
    std::fs::write(&own, text("LA Soc")).unwrap();
    let check = ["--json", "share", "bases", "--check", own.to_str().unwrap()];
    refused(&berger.run(&check), 2, "code");
    std::fs::write(&own, text("LASoc12")).unwrap();
    assert_eq!(berger.run(&check).json()["bases"][0]["code"], "LASoc12");
    std::fs::copy(&own, list["own_file"].as_str().unwrap()).unwrap();
    assert_eq!(on("lasoc12").json()["basis"], "LASoc12");
    refused(&on("AVG35a1"), 2, "basis");
    let why = explained(berger, &case, "plan");
    assert!(
        why.contains("Chain: legal basis LASoc12 (Sozialhilfe) → missing: `read`"),
        "by the list of one's own: {why}"
    );
    sync_all(&world);
    let why = explained(berger, &case, "plan");
    let chain = "the current key, wrapped to them.";
    assert!(why.contains(chain), "{why}");
    let nothing = explained(berger, &case, "function");
    assert!(nothing.contains("Chain: missing: a consent"), "{nothing}");
    assert!(
        nothing.contains("nahtlos consent give CASE --read function"),
        "{nothing}"
    );
}

#[test]
fn a_consent_is_narrowed_extended_and_replaced_and_a_right_may_be_added_that_names_it() {
    let world = World::new();
    let case = world.open_case();
    let berger = &world.berger;
    let scan = world.directory.path().join("scan");
    std::fs::write(&scan, "abc").unwrap();
    let how = [
        "--yes",
        "--purpose",
        "planning",
        "--explained-in",
        "bs",
        "--withdrawable-said",
        "--paper",
        scan.to_str().unwrap(),
        "--interpreter",
        "--from",
        "-",
    ];
    let shares = format!("function,plan={TEAM}");
    let told = berger
        .type_in(&give(&case, &shares, &how), "Lejla Hadžić\nim Ordner")
        .json();
    let first = told["consent"].as_str().unwrap()[..8].to_owned();
    let list = berger.run(&["consent", "list", &case]).ok().stdout;
    for part in [
        "planning",
        "bs",
        "Lejla Hadžić",
        "given",
        "im Ordner",
        "ba7816bf8f01cfea",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    sync_all(&world);

    let only = format!("plan={TEAM}");
    let narrow = ["--json", "consent", "narrow", &case, "1", "--only", &only];
    let dry = berger
        .run(&[&narrow[1..], &["--dry-run"]].concat())
        .ok()
        .stdout;
    assert!(
        dry.contains("Will no longer read `plan`: Urs Iseli"),
        "{dry}"
    );
    refused(&berger.run(&narrow), 2, "confirmation_missing");
    let narrowed = berger.run(&[&narrow[..], &["--yes"]].concat()).json();
    assert_eq!(narrowed["done"], "narrowed");
    let journal = format!("journal={TEAM}");
    let extend = [
        "--json", "consent", "extend", &case, "1", "--write", &journal, "--form", "verbal", "--yes",
    ];
    let extended = berger.run(&extend).json();
    assert_eq!(extended["shares"][0]["role"], "write");
    refused(&berger.run(&extend), 2, "already");
    sync_all(&world);
    assert!(explained(berger, &case, "plan").starts_with("No longer:"));
    assert!(explained(berger, &case, "journal").contains(&format!("consent {first}")));

    let by_hand = |section: &'static str| {
        let basis = format!("consent {first}");
        let grant = [
            "--json",
            "share",
            "grant",
            &case,
            "--section",
            section,
            "--to",
            TEAM,
        ];
        berger.run(&[&grant[..], &["--role", "write", "--basis", &basis, "--yes"]].concat())
    };
    refused(&by_hand("plan"), 2, "not_covered");
    assert_eq!(by_hand("function").json()["done"], "granted");

    let replaces = give(
        &case,
        "function=Eingliederung",
        &["--replaces", &first, "--yes"],
    );
    let replaced = berger.run(&replaces).json();
    assert!(replaced["replaces"].as_str().unwrap().starts_with(&first));
    sync_all(&world);
    assert!(explained(berger, &case, "journal").starts_with("No longer:"));
    assert!(explained(berger, &case, "function").starts_with("Yes:"));
    let list = berger.run(&["consent", &case]).ok().stdout;
    for part in [
        "narrowed on",
        "extended on",
        "superseded on",
        "replaced on",
        "covered",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[test]
fn a_last_day_that_was_brought_forward_is_the_one_that_is_told_everywhere() {
    let world = World::new();
    let case = world.open_case();
    let berger = &world.berger;
    let shares = format!("plan={TEAM}");
    let given = give(&case, &shares, &["--until", "30.06.2099", "--yes"]);
    berger.run(&given).ok();
    sync_all(&world);
    assert!(
        explained(berger, &case, "plan").contains("30.06.2099"),
        "control"
    );
    let narrow = ["consent", "narrow", &case, "1", "--until", "31.12.2098"];
    berger.run(&[&narrow[..], &["--yes"]].concat()).ok();
    sync_all(&world);
    let told = explained(berger, &case, "plan");
    assert!(told.contains("31.12.2098"), "{told}");
    assert!(!told.contains("30.06.2099"), "{told}");
    let to = world.file("export");
    let export = ["subject", "export", &case, "--language", "de", "--to", &to];
    berger.run(&export).ok();
    let page = std::fs::read_dir(&to).unwrap();
    let html = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "html");
    let mut pages = page.map(|file| file.unwrap().path()).filter(html);
    let page = std::fs::read_to_string(pages.next().unwrap()).unwrap();
    assert_eq!(page.matches("30.06.2099").count(), 0, "{page}");
    assert!(page.matches("31.12.2098").count() >= 2, "{page}");
}

#[test]
fn a_dry_run_refuses_what_the_run_refuses_with_the_same_code() {
    let world = World::new();
    let case = world.open_case();
    let berger = &world.berger;
    let shares = format!("function,plan={TEAM}");
    let words = give(&case, &shares, &["--until", "30.06.2098", "--yes"]);
    berger.run(&words).json();
    sync_all(&world);
    let again = give(&case, "function=Eingliederung", &[]);
    for (what, terms, code) in [
        ("narrow", "--until 01.01.2020", "past"),
        ("narrow", "--until 30.06.2099", "not_less"),
        ("narrow", "--until 01.01.2098 --stated 01.01.2097", "future"),
        ("withdraw", "--stated 01.01.2097", "future"),
        ("extend", "--until 30.06.2097 --form paper", "not_later"),
    ] {
        for how in ["--dry-run", "--yes"] {
            let mut words = vec!["--json", "consent", what, case.as_str(), "1", how];
            words.extend(terms.split(' '));
            refused(&berger.run(&words), 2, code);
        }
    }
    let replaces = [&again[..], &["--replaces", "1", "--dry-run"]].concat();
    let preview = berger.run(&replaces).json();
    let ends = &preview["ends_with_replaced"]["sections"];
    assert_eq!(ends[0]["keep"][0], "Urs Iseli (IV-Stelle)", "{ends}");
    assert_eq!(ends[1]["lose"][0], "Urs Iseli (IV-Stelle)", "{ends}");
    let said = berger.run(&replaces[1..]).ok().stdout;
    for part in [
        "stands in place of consent",
        "Will no longer read `plan`: Urs Iseli (IV-Stelle).",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }

    // What was narrowed says what a withdrawal says: who reads on, and that the next sync ends it.
    grant(&world, &case, "plan", "read").json();
    sync_all(&world);
    let only = format!("plan={TEAM}");
    let narrow = ["consent", "narrow", &case, "1", "--only", &only, "--yes"];
    let said = berger.run(&narrow).ok();
    let said = format!("{}{}", said.stdout, said.stderr);
    for part in [
        "Can still read `plan`, by AVG35a1: Urs Iseli (IV-Stelle).",
        "The rights end with the next `nahtlos sync`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

const CONSENT_FILE: &str = r#"{
  "schema_version": 1,
  "form": "paper",
  "withdrawable_notice": "given",
  "shares": [
    {"for": "Eingliederung", "purpose": "planning"}
  ]
}"#;

#[test]
fn a_case_is_opened_with_its_consent_in_one_command_or_not_at_all() {
    let world = World::new();
    let berger = &world.berger;
    let (case_file, file) = (
        world.directory.path().join("case.json"),
        world.directory.path().join("consent.json"),
    );
    std::fs::write(&case_file, support::CASE_FILE).unwrap();
    let open = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let files = [
            "--from",
            case_file.to_str().unwrap(),
            "--consent",
            file.to_str().unwrap(),
        ];
        berger.run(&[&["--json", "case", "open"], &files[..], more].concat())
    };
    let cases = || {
        let list = berger.run(&["--json", "case", "list"]).json();
        list["cases"].as_array().unwrap().len()
    };
    // A mistake is named with line, place, reason and remedy, and nothing is kept.
    for (wrong, code, place) in [
        (
            CONSENT_FILE.replace("\"purpose\"", "\"sections\": [\"diagnosis\"], \"purpose\""),
            "unknown_section",
            "line 6, $.shares[0].sections[0]",
        ),
        (
            CONSENT_FILE.replace("Eingliederung", "Nobody"),
            "not_found",
            "line 6, $.shares[0].for",
        ),
        (
            CONSENT_FILE.replace("paper", "nod"),
            "unknown_code",
            "line 3, $.form",
        ),
        (
            CONSENT_FILE.replace("\"purpose\"", "\"sections\": [\"ident\"], \"purpose\""),
            "not_shared",
            "line 6",
        ),
    ] {
        let refusal = open(&wrong, &["--yes"]);
        refused(&refusal, 2, code);
        assert!(
            refusal.stderr.contains(place),
            "{place}: {}",
            refusal.stderr
        );
        assert_eq!(cases(), 0, "{code}");
    }
    refused(&open(CONSENT_FILE, &[]), 2, "confirmation_missing");
    let dry = open(CONSENT_FILE, &["--dry-run"]).json();
    assert_eq!(dry["done"], "dry_run");
    assert_eq!(cases(), 0, "nothing is half done");

    let opened = open(CONSENT_FILE, &["--yes"]).json();
    assert_eq!(opened["done"], "opened");
    let case = opened["case_number"].as_str().unwrap();
    let shared = |section: &str| {
        let shares = opened["shares"].as_array().unwrap();
        let found = shares.iter().find(|share| share["section"] == section);
        found.map(|share| share["role"].as_str().unwrap().to_owned())
    };
    // As the matrix says for a disability insurance.
    assert_eq!(shared("core").as_deref(), Some("read"));
    assert_eq!(shared("plan").as_deref(), Some("write"));
    assert_eq!(opened["shares"][0]["people"][0], "Urs Iseli (IV-Stelle)");
    sync_all(&world);
    world.iseli.run(&["section", "show", case, "plan"]).ok();
    let why = explained(berger, case, "plan");
    assert!(why.contains("given by: client"), "{why}");
}

#[test]
fn a_consent_from_a_file_with_an_unknown_section_leaves_the_case_as_it_was() {
    let world = World::new();
    let case = world.open_case();
    let berger = &world.berger;
    let give = ["--json", "consent", "give", &case, "--yes", "--file", "-"];
    let wrong = CONSENT_FILE.replace(
        "\"purpose\"",
        "\"sections\": [\"plan\", \"x\"], \"purpose\"",
    );
    let refusal = berger.type_in(&give, &wrong);
    refused(&refusal, 2, "unknown_section");
    assert!(
        refusal.stderr.contains("line 6, $.shares[0].sections[1]"),
        "{}",
        refusal.stderr
    );
    assert_eq!(
        consents(berger, &case)["consents"]["given"],
        serde_json::json!([])
    );
    assert!(explained(berger, &case, "plan").starts_with("No:"));
    assert_eq!(
        berger.type_in(&give, CONSENT_FILE).json()["done"],
        "given",
        "control"
    );
}

#[test]
fn exported_consents_verify_without_a_home_and_a_changed_word_shows() {
    let world = World::new();
    let case = world.open_case();
    given(&world, &case, &format!("function={TEAM}"));
    sync_all(&world);
    let file = world.directory.path().join("consents.json");
    let file = file.to_str().unwrap();
    let export = ["--json", "consent", "export", &case, "--to", file];
    assert_eq!(world.berger.run(&export).json()["events"], 1);
    refused(&world.berger.run(&export), 1, "file");
    // Somebody who has the program and the file, and nothing else.
    let nobody = Home::new(world.directory.path(), "nobody");
    let verified = nobody.run(&["--json", "consent", "verify", file]).json();
    assert_eq!(verified["holds"], true);
    let institution = verified["verified"]["institutions"][0].clone();
    assert_eq!(institution["name_in_file"], "RAV Langnau");
    let fingerprint = institution["fingerprint"].as_str().unwrap();
    let of = |institution: &str| {
        nobody.run(&[
            "--json",
            "consent",
            "verify",
            file,
            "--institution",
            institution,
        ])
    };
    assert_eq!(of(fingerprint).json()["holds"], true);
    let other = verified["verified"]["events"][0]["signed_by"]
        .as_str()
        .unwrap();
    refused(&of(other), 1, "other_institution");
    let page = nobody.run(&["consent", "verify", file]).ok().stdout;
    assert!(
        page.contains("Whether the file holds all of them"),
        "{page}"
    );
    assert!(!page.contains("by the file's word"), "{page}");
    let text = std::fs::read_to_string(file).unwrap();
    // Somebody else's case: the event was signed in this one.
    let id = verified["verified"]["case"].as_str().unwrap();
    let stated = format!("\"case\": \"{id}\",\n  \"written_at\"");
    let moved = text.replace(&stated, &stated.replace(id, &"0".repeat(32)));
    assert_ne!(moved, text, "control");
    std::fs::write(file, moved).unwrap();
    let moved = nobody.run(&["--json", "consent", "verify", file]);
    assert_eq!(moved.exit, 1, "{}", moved.stdout);
    assert!(moved.stdout.contains("another case"), "{}", moved.stdout);
    std::fs::write(
        file,
        text.replace("\"form\": \"paper\"", "\"form\": \"verbal\""),
    )
    .unwrap();
    let changed = nobody.run(&["--json", "consent", "verify", file]);
    assert_eq!(changed.exit, 1, "{}", changed.stdout);
    assert!(
        changed.stdout.contains("not over what stands there"),
        "{}",
        changed.stdout
    );
    std::fs::write(file, "{}").unwrap();
    refused(
        &nobody.run(&["--json", "consent", "verify", file]),
        2,
        "not_a_proof",
    );
}

#[test]
fn who_gets_a_section_to_read_records_what_they_read_unless_that_is_left_out_aloud() {
    let world = World::new();
    let case = world.open_case();
    let read = format!("core={TEAM}");
    let give = ["consent", "give", &case, "--read", &read, "--form", "paper"];
    let said = world.berger.run(&[&give[..], &["--dry-run"]].concat()).ok();
    assert!(
        said.stdout.contains("`access` goes along"),
        "{}",
        said.stdout
    );
    let loud = ["--reads-unrecorded", "--dry-run"];
    let said = world.berger.run(&[&give[..], &loud].concat()).ok().stdout;
    assert!(said.contains("ATTENTION: what"), "{said}");
    assert!(!said.contains("`access` goes along"), "{said}");

    world.berger.run(&[&give[..], &["--yes"]].concat()).ok();
    let list = consents(&world.berger, &case);
    let sections: Vec<&str> = list["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["section"].as_str().unwrap())
        .collect();
    assert_eq!(sections, ["core", "access"], "{list}");
    // The same line once more is no second consent.
    let again = [&["--json"], &give[..], &["--yes"]].concat();
    refused(&world.berger.run(&again), 6, "recorded_already");
    let aloud = [&give[..], &["--again", "--dry-run"]].concat();
    world.berger.run(&aloud).ok();
    // What is added to it needs no second right.
    let more = ["--json", "consent", "extend", &case, "1", "--read"];
    let plan = format!("plan={TEAM}");
    let more = [&more[..], &[&plan, "--form", "paper", "--yes"]].concat();
    let extended = world.berger.run(&more).json();
    assert_eq!(
        extended["shares"].as_array().unwrap().len(),
        1,
        "{extended}"
    );
    sync_all(&world);
    world.iseli.run(&["section", "show", &case, "core"]).ok();
    sync_all(&world);
    let log = world.berger.run(&["--json", "case", "access-log", &case]);
    assert!(log.json().to_string().contains("Iseli"), "{}", log.stdout);
}
