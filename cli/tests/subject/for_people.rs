//! The pages for the client, read as a person reads them.

use super::exported;
use crate::support::{World, sync_all};

/// What a page says to people: its text, without the frame, style and the code of a signed version.
fn said(page: &str) -> String {
    let body = page.split("</style>").nth(1).unwrap();
    let body = match body.find("<p class=\"hash\">") {
        Some(at) => [&body[..at], body[at..].split_once("</p>").unwrap().1].concat(),
        None => body.to_owned(),
    };
    let mut text = String::new();
    let mut inside = false;
    for letter in body.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push('\n');
            }
            letter if !inside => text.push(letter),
            _ => {}
        }
    }
    text
}

/// Nothing that only programs read: JSON, codes with an underscore, identifiers in hexadecimal digits or letters.
#[track_caller]
fn assert_for_people(page: &str) {
    let text = said(page);
    for line in text.lines() {
        assert!(
            !line.contains('{') && !line.contains("&quot;kind"),
            "JSON: {line}"
        );
        for word in line.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            assert!(!word.contains('_'), "a code: {line}");
            let hexadecimal =
                word.len() >= 16 && word.chars().all(|letter| letter.is_ascii_hexdigit());
            assert!(!hexadecimal, "an identifier: {line}");
        }
        for english in [
            " since ",
            "valid until",
            "Bytes |",
            "in progress",
            "client",
            "unknown",
            " yes",
            "purpose",
        ] {
            assert!(!line.contains(english), "English: {line}");
        }
    }
}

/// A case in which every field is filled, with consents, a version of the plan and a mark, read in German and French.
#[test]
fn a_filled_case_is_read_in_german_and_french_without_codes_json_or_identifiers() {
    let world = World::new();
    let home = &world.berger;
    let mut file = nahtlos_casework::sample::filled_case_file("rav");
    let further = file["further"].as_array_mut().unwrap();
    further.retain(|section| {
        !section["section"]
            .as_str()
            .unwrap()
            .starts_with("internal/")
    });
    let path = world.file("filled.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let opened = home
        .run(&["--json", "case", "open", "--from", &path])
        .json();
    let number = opened["case_number"].as_str().unwrap().to_owned();
    home.run(&["sync"]).ok();
    let give = [
        "consent",
        "give",
        &number,
        "--read",
        "plan=Eingliederung",
        "--write",
        "journal=Eingliederung",
        "--form",
        "verbal",
        "--yes",
    ];
    home.run(&give).ok();
    sync_all(&world);
    let until = [
        "consent",
        "extend",
        &number,
        "1",
        "--read",
        "tasks=Eingliederung",
        "--form",
        "verbal",
        "--yes",
    ];
    home.run(&until).ok();
    home.run(&[
        "consent",
        "withdraw",
        &number,
        "1",
        "--only",
        "plan=Eingliederung",
        "--yes",
    ])
    .ok();
    let marks = [
        "subject",
        "dispute",
        "add",
        &number,
        "plan",
        "aaaaaaaaaaasc",
        "--from",
        "-",
    ];
    home.type_in(&marks, "Da war ich nie.").ok();
    let marks = [
        "subject",
        "dispute",
        "add",
        &number,
        "core",
        "first_name",
        "--from",
        "-",
    ];
    home.type_in(&marks, "Ich heisse Rut.").ok();
    let proposed = home
        .run(&["--json", "plan", "propose", &number, "--yes"])
        .json();
    let code = proposed["code"].as_str().unwrap().to_owned();
    let sign = [
        "plan", "sign", &number, "--for", "client", "--verbal", "--code", &code, "--yes", "--from",
        "-",
    ];
    home.type_in(&sign, "am 23.11. am Schalter").ok();
    home.type_in(
        &[
            "journal",
            "add",
            &number,
            "--kind",
            "note",
            "--internal",
            "--from",
            "-",
        ],
        "Nur für uns.",
    )
    .ok();
    sync_all(&world);
    let exported_in = |language: &str| {
        let directory = world.directory.path().join(language);
        let to = directory.to_str().unwrap().to_owned();
        home.run(&[
            "subject",
            "export",
            &number,
            "--language",
            language,
            "--to",
            &to,
        ])
        .ok();
        exported(&directory, &number).0
    };
    let german = exported_in("de");
    assert_for_people(&german);
    for part in [
        "erster Arbeitsmarkt",
        "psychische Gesundheit",
        "Bosnisch",
        "40 %",
        "Bosnien und Herzegowina",
        "Einwilligung 1",
        "erweitert",
        "widerrufen",
        "Schritt «Schnuppern»",
        "«Schnuppern»",
        "Da war ich nie.",
        "Ruth (bestritten)",
        "«Eine Stelle von 50 %»: besser als erwartet",
        "weiterführen",
        "Nur für uns.",
        "Niederlassungsbewilligung",
        "berichtigt einen früheren Eintrag: 08.09.2026",
        "Fassung 1",
        "Invalidenversicherung",
    ] {
        assert!(german.contains(part), "{part} in {}", said(&german));
    }
    let french = exported_in("fr");
    assert_for_people(&french);
    for part in [
        "premier marché du travail",
        "santé psychique",
        "bosniaque",
        "téléphone",
        "Consentement 1",
        "étendu",
        "retiré",
        "mieux que prévu",
        "poursuivre",
        "Version 1",
        "assurance-invalidité",
        "droit d&#39;accès",
    ] {
        assert!(french.contains(part), "{part} in {}", said(&french));
    }
    for german in [
        "Auskunftsrecht",
        "betroffene Person",
        "Einschätzung",
        "Aufgabe ",
        "Ziel ",
    ] {
        assert!(
            !said(&french).contains(german),
            "{german} in {}",
            said(&french)
        );
    }

    // Without a language, papers are in the client's: French, and that is said.
    let paper = |command: &[&str], name: &str| {
        let to = world.file(name);
        let told = home.run(&[command, &["--to", &to]].concat()).ok();
        (std::fs::read_to_string(&to).unwrap(), told.stderr)
    };
    let (plan, told) = paper(&["plan", "print", &number], "plan.html");
    assert!(plan.contains("<html lang=\"fr-CH\">"), "{plan}");
    assert!(
        told.contains("French, the client's language of correspondence"),
        "{told}"
    );
    assert_for_people(&plan);
    assert!(
        plan.contains("«Schnuppern»") && plan.contains("Da war ich nie."),
        "{plan}"
    );
    let (minutes, _) = paper(&["meeting", "print", &number], "table.html");
    assert!(minutes.contains("<h1>Table ronde"), "{minutes}");
    assert!(minutes.contains("personne concernée"), "{minutes}");
    assert_for_people(&minutes);
    let (plan, told) = paper(&["plan", "print", &number, "--language", "de"], "de.html");
    assert!(
        plan.contains("<html lang=\"de-CH\">") && told.contains("in German."),
        "{told}"
    );
    assert_for_people(&plan);
}
