//! A long case is still read in a moment.

mod support;

use std::time::Instant;

use nahtlos_casework::edit::{JournalEdit, TaskEdit, TaskField};
use nahtlos_casework::fields::{EntryId, JournalKind, TaskStatus};
use nahtlos_casework::view::{JournalView, TasksView};
use nahtlos_casework::{Edit, SectionKind, conflicts};
use support::{authors, field, replicas};

/// Far above what a release build needs, far below what a quadratic reading would take.
const LIMIT_MS: u128 = 5_000;

#[test]
fn a_journal_of_a_thousand_entries_and_three_hundred_tasks_are_read_in_a_moment() {
    let [mut berger, ..] = replicas(&SectionKind::Journal);
    let [mut keller, ..] = replicas(&SectionKind::Tasks);
    for number in 0..1_000u64 {
        let edit = Edit::Journal(JournalEdit::AddEntry {
            id: EntryId::from_random(number.to_be_bytes()),
            at: None,
            kind: JournalKind::Note,
            text: field("Telefon mit dem Betrieb, Probetag am Montag."),
            correction_of: None,
        });
        berger.apply(&edit, 1);
    }
    for number in 0..300u64 {
        let id = EntryId::from_random(number.to_be_bytes());
        for edit in [
            TaskEdit::Add {
                id,
                title: field("Probetag vereinbaren"),
                responsible: None,
                due: None,
                priority: None,
                checklist: vec![],
            },
            TaskEdit::Set {
                id,
                field: TaskField::Status(TaskStatus::Done),
            },
            TaskEdit::Delete { id },
        ] {
            keller.apply(&Edit::Tasks(edit), 1);
        }
    }
    let started = Instant::now();
    let view = JournalView::read(&berger.document, &authors());
    let journal_ms = started.elapsed().as_millis();
    assert_eq!((view.entries.len(), view.violations.len()), (1_000, 0));

    let started = Instant::now();
    assert_eq!(TasksView::read(&keller.document).tasks.len(), 300);
    let found = conflicts(&keller.document, &SectionKind::Tasks, &authors());
    let tasks_ms = started.elapsed().as_millis();
    assert!(found.is_empty());
    assert!(journal_ms < LIMIT_MS, "{journal_ms} ms");
    assert!(tasks_ms < LIMIT_MS, "{tasks_ms} ms");
}
