//! The section `access`: what a device records by itself, and what of it counts.

mod support;

use nahtlos_casework::access::{
    AccessView, DeviceKind, Disclosure, DisclosureForm, ReadView, Reading,
};
use nahtlos_casework::edit::Edit;
use nahtlos_casework::{Rule, SectionKind};
use nahtlos_document::Path;
use support::{Replica, at, authors, field, id, replicas};

const ACCESS: SectionKind = SectionKind::Access;

fn reading(sections: &[SectionKind]) -> Reading {
    Reading {
        sections: sections.to_vec(),
        first: at(1),
        last: at(7),
        times: 3,
        device: DeviceKind::Computer,
        purpose: Some(field("Standortgespräch")),
    }
}

fn edits(reading: &Reading, number: u8) -> Vec<Edit> {
    let mut next = number;
    reading.edits(&mut || {
        next += 1;
        id(next - 1)
    })
}

fn view(replica: &Replica) -> AccessView {
    AccessView::read(&replica.document, &authors())
}

fn who(read: &ReadView) -> &str {
    read.by.person.as_str()
}

#[test]
fn a_reading_says_who_what_when_on_what_and_for_what() {
    let [_, mut iseli, ..] = replicas(&ACCESS);
    for edit in edits(&reading(&[SectionKind::Core, SectionKind::Plan]), 1) {
        edit.validate().unwrap();
        iseli.apply(&edit, 60);
    }
    let disclosure = Disclosure {
        to: field("SUVA Bern"),
        sections: vec![SectionKind::Function],
        basis: field("ATSG32"),
        at: at(9),
        form: DisclosureForm::Printed,
    };
    for edit in disclosure.edits(&mut || id(9)) {
        iseli.apply(&edit, 61);
    }
    let view = view(&iseli);
    let [read] = view.reads.as_slice() else {
        panic!("one reading");
    };
    assert_eq!((who(read), read.by.institution.as_str()), ("iseli", "iv"));
    assert_eq!(read.sections, ["core", "plan"]);
    assert_eq!((read.first, read.last), (Some(at(1)), Some(at(7))));
    assert_eq!((read.times, read.device.as_deref()), (3, Some("computer")));
    assert_eq!(read.purpose.as_deref(), Some("Standortgespräch"));
    assert_eq!(
        read.handed_over_at,
        Some(at(60)),
        "an hour after it was read"
    );
    let [disclosed] = view.disclosures.as_slice() else {
        panic!("one disclosure");
    };
    assert_eq!(
        (disclosed.to.as_str(), disclosed.basis.as_str()),
        ("SUVA Bern", "ATSG32")
    );
    assert_eq!(disclosed.form.as_deref(), Some("printed"));
    assert_eq!((view.unverified, view.violations.len()), (0, 0));
}

#[test]
fn many_sections_with_long_codes_go_into_several_entries_and_none_is_lost() {
    let long = |number: usize| SectionKind::Measure(format!("{number:064}"));
    let sections: Vec<SectionKind> = (0..60).map(long).collect();
    let [mut berger, ..] = replicas(&ACCESS);
    let made = edits(&reading(&sections), 1);
    assert!(made.len() > 1, "one line holds 2,000 characters");
    for edit in &made {
        edit.validate().unwrap();
        berger.apply(edit, 1);
    }
    let mut read: Vec<String> = view(&berger)
        .reads
        .into_iter()
        .flat_map(|read| read.sections)
        .collect();
    read.sort();
    let wanted: Vec<String> = sections.iter().map(SectionKind::code).collect();
    assert_eq!(read, wanted);
    assert!(edits(&reading(&[]), 1).is_empty(), "nothing was read");
}

/// Sommer's program is modified: she writes that Berger read, removes what Iseli wrote, and rewrites it.
#[test]
fn nobody_says_of_somebody_else_that_they_read_or_that_they_did_not() {
    let [_, mut iseli, mut sommer, _] = replicas(&ACCESS);
    for edit in edits(&reading(&[SectionKind::Medical]), 1) {
        iseli.apply(&edit, 1);
    }
    sommer.pull(&iseli);
    sommer.tamper(|editor| {
        let entry = Path::from_iter(["records".to_owned(), id(8).to_string()]);
        editor.put_map(&entry)?;
        editor.put(entry.join("list"), "reads")?;
        editor.put(entry.join("sections"), "finance")?;
        editor.put(entry.join("by"), "berger")?;
        editor.put(entry.join("person"), "berger")
    });
    sommer.tamper(|editor| {
        let entry = Path::from_iter(["records".to_owned(), id(1).to_string()]);
        editor.put(entry.join("sections"), "core")
    });
    sommer.tamper(|editor| {
        let entry = Path::from_iter(["records".to_owned(), id(1).to_string()]);
        editor.delete(entry)
    });
    let view = view(&sommer);
    let mut all: Vec<(&str, Vec<String>)> = view
        .reads
        .iter()
        .map(|read| (who(read), read.sections.clone()))
        .collect();
    all.sort();
    assert_eq!(
        all,
        [
            ("iseli", vec!["medical".to_owned()]),
            ("sommer", vec!["finance".to_owned()])
        ]
    );
    assert!(
        view.violations
            .iter()
            .all(|one| one.rule == Rule::EntriesAreImmutable)
    );
    assert!(!view.violations.is_empty(), "it is told");
}

#[test]
fn an_entry_whose_author_nobody_verified_is_counted_and_not_shown() {
    let [mut berger, mut iseli, ..] = replicas(&ACCESS);
    for edit in edits(&reading(&[SectionKind::Core]), 1) {
        berger.apply(&edit, 1);
    }
    for edit in edits(&reading(&[SectionKind::Plan]), 2) {
        iseli.apply(&edit, 1);
    }
    berger.pull(&iseli);
    let mut known = authors();
    known.retain(|_, author| author.person.as_str() != "iseli");
    let view = AccessView::read(&berger.document, &known);
    assert_eq!(view.reads.len(), 1);
    assert_eq!(who(&view.reads[0]), "berger");
    assert_eq!(view.unverified, 1);
}
