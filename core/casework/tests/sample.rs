//! Invented cases: always the same for a seed, as large as a measured one, and valid throughout.

use std::collections::BTreeSet;

use nahtlos_casework::fields::{Ahvn13, Field};
use nahtlos_casework::sample::Sample;
use nahtlos_casework::{CaseFile, SectionKind};

/// Cases that a test looks at: enough for both languages and both kinds of household.
const CASES: u64 = 12;

#[test]
fn a_seed_makes_the_same_case_again_and_another_one_another() {
    let of = |seed, number| Sample::generate(seed, number).unwrap();
    assert_eq!(of(1, 7), of(1, 7));
    assert_ne!(of(1, 7), of(1, 8));
    assert_ne!(of(1, 7), of(2, 7));
}

#[test]
fn a_case_has_ten_sections_some_436_changes_and_fourteen_months_by_four_people() {
    let mut codes = BTreeSet::new();
    let mut changes = 0;
    for number in 1..=CASES {
        let sample = Sample::generate(1, number).unwrap();
        let sections: BTreeSet<SectionKind> = sample.edits().map(|edit| edit.section()).collect();
        assert_eq!(sections.len(), 10, "{sections:?}");
        codes.extend(sections.iter().map(SectionKind::code));
        assert!(
            (400..=470).contains(&sample.changes.len()),
            "{}",
            sample.changes.len()
        );
        changes += sample.changes.len() as u64;
        assert!(sample.changes.is_sorted_by_key(|change| change.at));
        let first = sample.changes.first().unwrap().at.seconds();
        let days = (sample.changes.last().unwrap().at.seconds() - first) / 86_400;
        assert!((400..=430).contains(&days), "{days}");
        let authors: BTreeSet<usize> = sample.changes.iter().map(|change| change.author).collect();
        assert_eq!(authors.len(), 4);
        // The journal runs beside the rest, not behind it.
        let half = sample.changes.len() / 2;
        let of_journal = |part: &[nahtlos_casework::sample::SampleChange]| {
            part.iter()
                .filter(|change| change.edit.section() == SectionKind::Journal)
                .count()
        };
        let (early, late) = sample.changes.split_at(half);
        assert!(of_journal(early) > 20 && of_journal(late) > 20);
    }
    let mean = changes / CASES;
    assert!((425..=460).contains(&mean), "{mean}");
    assert!(codes.contains("social") && codes.contains("migration"));
}

#[test]
fn every_change_applies_and_the_case_file_opens_with_the_same_content() {
    let mut languages = BTreeSet::new();
    for number in 1..=CASES {
        let sample = Sample::generate(3, number).unwrap();
        let file = sample.case_file().unwrap();
        assert!(
            file.get("other_values").is_none(),
            "{:#}",
            file["other_values"]
        );
        let read = CaseFile::parse(&file.to_string()).unwrap();
        let mut next = 0u64;
        let edits = read.edits(&mut || {
            next += 1;
            nahtlos_casework::fields::EntryId::from_random(next.to_be_bytes())
        });
        assert_eq!(next, 0, "every entry brings its identifier along");
        assert!(edits.len() > 250);
        let ahvn13 = file["ident"]["ahvn13"].as_str().unwrap();
        assert!(
            Ahvn13::parse(ahvn13).is_ok() && ahvn13.starts_with("7560000"),
            "{ahvn13}"
        );
        let phone = file["contact"]["phone"].as_str().unwrap();
        assert!(phone.starts_with("+4179555"), "{phone}");
        assert!(
            file["contact"]["email"]
                .as_str()
                .unwrap()
                .ends_with("@example.com")
        );
        languages.insert(file["contact"]["correspondence_language"].to_string());
        let written_by: BTreeSet<String> = file["journal"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["written_by"]["institution"].to_string())
            .collect();
        assert!(written_by.len() > 1, "several institutions write");
    }
    assert_eq!(languages.len(), 2, "German and French");
}

#[test]
fn a_history_can_be_read_and_applied_again() {
    let sample = Sample::generate(5, 1).unwrap();
    let history = sample.history().to_string();
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let changes = history["changes"].as_array().unwrap();
    assert_eq!(changes.len(), sample.changes.len());
    for (change, told) in sample.changes.iter().zip(changes) {
        let edit: nahtlos_casework::Edit = serde_json::from_value(told["edit"].clone()).unwrap();
        assert_eq!(edit, change.edit);
    }
}
