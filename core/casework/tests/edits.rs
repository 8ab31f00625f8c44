//! Typed edits: what they accept, what they refuse, and that they can be applied again.

mod support;

use nahtlos_casework::edit::{
    Acknowledge, Assessment, ChecklistLine, ChooseValue, CoreEdit, CoreField, CoreKey,
    FunctionEdit, JournalEdit, PlanEdit, ScalarValue, StepField, StepRef, TaskEdit, TaskField,
    TaskKey, Wording,
};
use nahtlos_casework::fields::{
    Capacity, Field, JournalKind, Phase, StepStatus, Stored, TaskStatus,
};
use nahtlos_casework::view::{
    CaseSummary, CoreView, FunctionView, JournalView, PlanView, TasksView,
};
use nahtlos_casework::{Edit, Rule, SectionKind, conflicts};
use nahtlos_document::Path;
use support::{at, authors, field, id, replicas, sync};

fn core(edit: CoreEdit) -> Edit {
    Edit::Core(edit)
}

#[test]
fn core_fields_are_set_shown_and_cleared() {
    let [mut berger, ..] = replicas(&SectionKind::Core);
    for edit in [
        CoreEdit::Set(CoreField::OfficialName(field("Mosimann"))),
        CoreEdit::Set(CoreField::FirstName(field("Ruth"))),
        CoreEdit::Set(CoreField::Birth(field("1982"))),
        CoreEdit::Set(CoreField::Phase(Phase::Consented)),
        CoreEdit::Set(CoreField::VoicemailAllowed(true)),
        CoreEdit::Set(CoreField::Phone(field("034 402 11 22"))),
        CoreEdit::SetBody {
            institution: field("iv"),
            body: field(r#"{"kind":"iv","name":"IV-Stelle Kanton Bern"}"#),
        },
    ] {
        berger.apply(&core(edit), 1);
    }
    let view = CoreView::read(&berger.document);
    assert_eq!(view.display_name().as_deref(), Some("Ruth Mosimann"));
    assert_eq!(view.phase, Some(Stored::Known(Phase::Consented)));
    assert_eq!(view.voicemail_allowed, Some(true));
    assert_eq!(view.bodies.len(), 1);
    berger.apply(&core(CoreEdit::Clear(CoreKey::Phone)), 2);
    assert_eq!(CoreView::read(&berger.document).phone, None);
    let json = serde_json::to_value(CoreView::read(&berger.document)).unwrap();
    assert_eq!(json["birth"], "1982");
}

#[test]
fn every_edit_round_trips_through_json_and_unknown_ones_are_refused() {
    let step = StepRef {
        goal: id(1),
        step: id(2),
    };
    let edits = [
        core(CoreEdit::Set(CoreField::Address(field(
            r#"{"town":"Langnau"}"#,
        )))),
        core(CoreEdit::Clear(CoreKey::Email)),
        Edit::Function(FunctionEdit::AddAssessment {
            id: id(1),
            assessment: assessment("2026-09-01", Some("2026-12-31")),
        }),
        journal(1, "Gespräch", None),
        Edit::Tasks(TaskEdit::SetChecked {
            id: id(1),
            line: id(2),
            checked: true,
        }),
        Edit::Plan(PlanEdit::ApproveStep {
            at: step,
            id: id(3),
            payers: field("iv=100"),
        }),
        Edit::Plan(PlanEdit::RewordGoal {
            id: id(1),
            before: Wording::new("a"),
            after: field("b"),
        }),
        Edit::ChooseValue(ChooseValue {
            section: SectionKind::Plan,
            path: vec!["plan".into(), "situation".into()],
            value: ScalarValue::Text("x".into()),
            changes: vec![],
        }),
        Edit::Acknowledge(Acknowledge {
            section: SectionKind::Tasks,
            conflict: field("abcdefghijklmnop"),
            changes: vec![],
        }),
    ];
    for edit in edits {
        let json = serde_json::to_string(&edit).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&json).unwrap(), edit, "{json}");
        assert!(edit.section().has_content());
        edit.validate().unwrap();
    }
    for wrong in [
        r#"{"genetics":{}}"#,
        r#"{"core":{"set":{"shoe_size":"42"}}}"#,
        r#"{"core":{"set":{"birth":"1982-13"}}}"#,
        r#"{"tasks":{"delete":{"id":"aaaaaaaaaaaaa","why":"x"}}}"#,
        r#"{"tasks":{"delete":{"id":"not an id"}}}"#,
        r#"{}"#,
    ] {
        assert!(serde_json::from_str::<Edit>(wrong).is_err(), "{wrong}");
    }
    // Control: the accepted form of the first.
    assert!(serde_json::from_str::<Edit>(r#"{"core":{"set":{"birth":"1982-12"}}}"#).is_ok());
}

#[test]
fn debug_output_of_an_edit_names_no_person() {
    let edit = core(CoreEdit::Set(CoreField::OfficialName(field("Mosimann"))));
    assert!(!format!("{edit:?}").contains("Mosimann"));
    let edit = journal(1, "Diagnose Burn-out", None);
    assert!(!format!("{edit:?}").contains("Burn-out"));
}

fn assessment(from: &str, to: Option<&str>) -> Assessment {
    Assessment {
        capacity: Capacity::new(40).unwrap(),
        from: field(from),
        to: to.map(field),
        basis: field("Arbeitsversuch"),
        hours_per_day: None,
        limits: Some(field("kein schweres Heben")),
        adaptations: None,
    }
}

#[test]
fn assessments_of_several_institutions_stand_beside_each_other() {
    let mut replicas = replicas(&SectionKind::Function);
    for (position, replica) in replicas.iter_mut().enumerate().take(2) {
        let edit = Edit::Function(FunctionEdit::AddAssessment {
            id: id(u8::try_from(position).unwrap()),
            assessment: assessment("2026-09-01", None),
        });
        replica.apply(&edit, 1);
    }
    sync(&mut replicas);
    let view = FunctionView::read(&replicas[3].document, &authors());
    assert_eq!(view.assessments.len(), 2);
    let institution = |n: usize| {
        view.assessments[n]
            .origin
            .author
            .clone()
            .unwrap()
            .institution
    };
    assert_eq!(institution(0).as_str(), "rav");
    assert_eq!(institution(1).as_str(), "iv");
    assert!(conflicts(&replicas[3].document, &SectionKind::Function, &authors()).is_empty());

    let backwards = Edit::Function(FunctionEdit::AddAssessment {
        id: id(8),
        assessment: assessment("2026-09-02", Some("2026-09-01")),
    });
    assert_eq!(
        replicas[0].try_apply(&backwards, 2).unwrap_err().code(),
        "order"
    );
}

fn journal(number: u8, text: &str, correction_of: Option<u8>) -> Edit {
    Edit::Journal(JournalEdit::AddEntry {
        id: id(number),
        at: None,
        kind: JournalKind::Call,
        text: field(text),
        correction_of: correction_of.map(id),
    })
}

#[test]
fn a_journal_entry_that_a_modified_program_rewrote_reads_as_it_was_written() {
    let mut replicas = replicas(&SectionKind::Journal);
    replicas[0].apply(&journal(1, "Frau M. sagt zu.", None), 1);
    replicas[0].apply(&journal(2, "Berichtigung", Some(1)), 2);
    assert_eq!(
        replicas[0]
            .try_apply(&journal(3, "x", Some(9)), 3)
            .unwrap_err()
            .code(),
        "missing"
    );
    sync(&mut replicas);
    let text = Path::from_iter(["entries".to_owned(), id(1).to_string(), "text".to_owned()]);
    replicas[2].tamper(|editor| editor.put(&text, "Frau M. lehnt ab."));
    let link = Path::from_iter([
        "entries".to_owned(),
        id(2).to_string(),
        "correction_of".to_owned(),
    ]);
    replicas[2].tamper(|editor| editor.delete(&link));
    sync(&mut replicas);
    for replica in &replicas {
        let view = JournalView::read(&replica.document, &authors());
        assert_eq!(view.entries.len(), 2);
        assert_eq!(
            view.entries[0].text.as_ref().unwrap().to_string(),
            "Frau M. sagt zu."
        );
        assert_eq!(view.entries[0].at, Some(Stored::Known(at(1))));
        assert_eq!(view.entries[1].correction_of, Some(Stored::Known(id(1))));
        let [violation] = view.violations.as_slice() else {
            panic!("{} violations", view.violations.len());
        };
        assert_eq!(violation.rule, Rule::EntriesAreImmutable);
        assert_eq!(
            violation.by.author.as_ref().unwrap().person.as_str(),
            "sommer"
        );
    }
}

#[test]
fn a_journal_entry_that_a_modified_program_deleted_or_replaced_comes_back() {
    let mut replicas = replicas(&SectionKind::Journal);
    // Two entries in one change, so that the change is explained in part only.
    let author = replicas[0].author.clone();
    let (first, second) = (journal(1, "Zusage", None), journal(2, "Absage", None));
    replicas[0].tamper_with(|editor| {
        first.apply(editor, &author, at(1)).unwrap();
        second.apply(editor, &author, at(1)).unwrap();
    });
    replicas[0].apply(&journal(3, "Probetag", None), 2);
    sync(&mut replicas);
    let before = JournalView::read(&replicas[1].document, &authors());
    assert!(before.violations.is_empty());
    let path = |number: u8, rest: &str| Path::parse(&format!("entries/{}/{rest}", id(number)));
    // Sommer deletes one while adding another, and writes a second one anew.
    let (cover, author) = (journal(4, "Telefon", None), replicas[2].author.clone());
    replicas[2].tamper_with(|editor| {
        editor.delete(path(1, "")).unwrap();
        cover.apply(editor, &author, at(5)).unwrap();
    });
    replicas[2].tamper_with(|editor| editor.delete(path(3, "")).unwrap());
    replicas[2].tamper_with(|editor| {
        editor.put_map(path(3, "")).unwrap();
        editor.put(path(3, "text"), "Kein Probetag").unwrap();
    });
    sync(&mut replicas);
    for replica in &replicas {
        let view = JournalView::read(&replica.document, &authors());
        assert_eq!(view.entries.len(), 4);
        for entry in &before.entries {
            assert!(view.entries.contains(entry));
        }
        assert_eq!(view.violations.len(), 2);
        for violation in &view.violations {
            assert_eq!(violation.rule, Rule::EntriesAreImmutable);
            assert_eq!(
                violation.by.author.as_ref().unwrap().person.as_str(),
                "sommer"
            );
        }
    }
}

#[test]
fn what_a_modified_program_adds_to_a_journal_entry_is_not_shown_and_is_told() {
    let mut replicas = replicas(&SectionKind::Journal);
    // Made in one change: what happens to one of them is no matter of the other.
    let author = replicas[0].author.clone();
    replicas[0].tamper_with(|editor| {
        for number in [1, 2, 3] {
            let entry = journal(number, "Zusage", None);
            entry.apply(editor, &author, at(1)).unwrap();
        }
    });
    sync(&mut replicas);
    let before = JournalView::read(&replicas[1].document, &authors());
    let path = |number: u8, name: &str| Path::parse(&format!("entries/{}/{name}", id(number)));
    replicas[2].tamper(|editor| editor.put(path(1, "correction_of"), id(2).to_string().as_str()));
    replicas[2].tamper(|editor| editor.put(path(2, "mood"), "sunny"));
    sync(&mut replicas);
    for replica in &replicas {
        let view = JournalView::read(&replica.document, &authors());
        assert_eq!(view.entries, before.entries);
        let touched: Vec<&str> = view
            .violations
            .iter()
            .map(|violation| violation.path[1].as_str())
            .collect();
        let (first, second) = (id(1).to_string(), id(2).to_string());
        assert_eq!(touched, [first.as_str(), second.as_str()]);
    }
}

#[test]
fn a_status_of_a_newer_version_survives_an_older_ones_edit() {
    let [mut berger, ..] = replicas(&SectionKind::Tasks);
    berger.apply(&add_task(1), 1);
    let task = Path::from_iter(["tasks".to_owned(), id(1).to_string()]);
    let (status, extra) = (task.join("status"), task.join("mood"));
    berger.tamper(|editor| {
        editor.put(&status, "delegated")?;
        editor.put(&extra, "sunny")
    });
    let set = Edit::Tasks(TaskEdit::Set {
        id: id(1),
        field: TaskField::Title(field("Neuer Titel")),
    });
    berger.apply(&set, 2);
    let view = TasksView::read(&berger.document);
    assert_eq!(
        view.tasks[0].status,
        Some(Stored::Unknown("delegated".into()))
    );
    assert!(view.tasks[0].is_open());
    assert_eq!(
        serde_json::to_value(&view).unwrap()["tasks"][0]["status"],
        "delegated"
    );
    assert_eq!(
        berger.document.read().text(&extra).as_deref(),
        Some("sunny")
    );
}

fn add_task(number: u8) -> Edit {
    Edit::Tasks(TaskEdit::Add {
        id: id(number),
        title: field("Zeugnisse einholen"),
        responsible: None,
        due: Some(field("2027-01-31")),
        priority: None,
        checklist: vec![],
    })
}

#[test]
fn a_deleted_task_takes_no_edit_until_it_is_restored() {
    let [mut berger, ..] = replicas(&SectionKind::Tasks);
    let set = Edit::Tasks(TaskEdit::Set {
        id: id(1),
        field: TaskField::Status(TaskStatus::Done),
    });
    assert_eq!(berger.try_apply(&set, 1).unwrap_err().code(), "missing");
    berger.apply(&add_task(1), 1);
    berger.apply(&Edit::Tasks(TaskEdit::Delete { id: id(1) }), 2);
    assert_eq!(berger.try_apply(&set, 3).unwrap_err().code(), "deleted");
    assert_eq!(TasksView::read(&berger.document).open().count(), 0);
    berger.apply(&Edit::Tasks(TaskEdit::Restore { id: id(1) }), 4);
    berger.apply(&set, 5);
    assert_eq!(
        TasksView::read(&berger.document).tasks[0].status,
        Some(Stored::Known(TaskStatus::Done))
    );
    let clear = Edit::Tasks(TaskEdit::Clear {
        id: id(1),
        field: TaskKey::Status,
    });
    assert_eq!(berger.try_apply(&clear, 6).unwrap_err().code(), "required");
    assert_eq!(
        berger.try_apply(&add_task(1), 7).unwrap_err().code(),
        "write"
    );
}

#[test]
fn a_step_is_neither_approved_by_status_nor_ended_without_reason() {
    let mut berger = plan_with_step();
    let at = StepRef {
        goal: id(1),
        step: id(2),
    };
    let status = |status| {
        Edit::Plan(PlanEdit::SetStep {
            at,
            field: StepField::Status(status),
        })
    };
    let refusal = |edit: &Edit| edit.validate().unwrap_err().code;
    assert_eq!(refusal(&status(StepStatus::Approved)), "use_approve");
    assert_eq!(refusal(&status(StepStatus::Aborted)), "reason_missing");
    let end = |status| {
        Edit::Plan(PlanEdit::EndStep {
            at,
            status,
            reason: field("Stelle gefunden"),
        })
    };
    assert_eq!(refusal(&end(StepStatus::Done)), "not_an_end");
    berger.apply(&status(StepStatus::Running), 2);
    berger.apply(&end(StepStatus::Aborted), 3);
    let view = PlanView::read(&berger.document, &authors());
    let (_, step) = view.step(&id(2)).unwrap();
    assert_eq!(step.status, Some(Stored::Known(StepStatus::Aborted)));
    assert_eq!(step.reason.as_ref().unwrap().to_string(), "Stelle gefunden");
}

fn plan_with_step() -> support::Replica {
    let [mut berger, ..] = replicas(&SectionKind::Plan);
    berger.apply(
        &Edit::Plan(PlanEdit::AddGoal {
            id: id(1),
            statement: field("Eine Stelle"),
            fields: vec![],
        }),
        1,
    );
    berger.apply(
        &Edit::Plan(PlanEdit::AddStep {
            at: StepRef {
                goal: id(1),
                step: id(2),
            },
            title: field("Bewerben"),
            fields: vec![StepField::ReviewAt(field("2027-02-01"))],
        }),
        1,
    );
    berger
}

#[test]
fn a_rewording_made_on_another_text_is_refused_instead_of_taking_words_back() {
    let mut berger = plan_with_step();
    let reword = |before: &str, after: &str| {
        Edit::Plan(PlanEdit::RewordGoal {
            id: id(1),
            before: Wording::new(before),
            after: field(after),
        })
    };
    berger.apply(&reword("Eine Stelle", "Eine feste Stelle"), 2);
    let refused = berger.try_apply(&reword("Eine Stelle", "Eine Lehre"), 3);
    assert_eq!(refused.unwrap_err().code(), "changed");
}

#[test]
fn an_edit_applied_to_another_copy_makes_the_same_entry() {
    let edit = journal(1, "Telefon mit der Spitex", None);
    let [mut first, mut second, ..] = replicas(&SectionKind::Journal);
    let stored = serde_json::to_string(&edit).unwrap();
    first.apply(&edit, 5);
    second.apply(&serde_json::from_str(&stored).unwrap(), 5);
    assert_eq!(first.document.export_json(), second.document.export_json());
}

#[test]
fn immutable_entries_cannot_be_settled_by_choosing_a_value() {
    let choose = |path: &[&str]| {
        Edit::ChooseValue(ChooseValue {
            section: SectionKind::Journal,
            path: path.iter().map(|step| (*step).to_owned()).collect(),
            value: ScalarValue::Text("x".into()),
            changes: vec![],
        })
    };
    let refused = choose(&["entries", "a", "text"]).validate().unwrap_err();
    assert_eq!(refused.code, "not_of_this_field");
}

#[test]
fn a_summary_holds_what_a_list_needs() {
    let plan = plan_with_step();
    let [mut core_replica, ..] = replicas(&SectionKind::Core);
    core_replica.apply(
        &core(CoreEdit::Set(CoreField::OfficialName(field("Mosimann")))),
        1,
    );
    core_replica.apply(
        &core(CoreEdit::Set(CoreField::Lead(field(
            r#"{"institution":"rav","person":"berger","since":"2026-09-01"}"#,
        )))),
        1,
    );
    let [mut tasks, ..] = replicas(&SectionKind::Tasks);
    tasks.apply(&add_task(1), 1);
    let summary = CaseSummary::read(
        Some(&core_replica.document),
        Some(&plan.document),
        Some(&tasks.document),
        &authors(),
        2,
    );
    assert_eq!(summary.display_name.as_deref(), Some("Mosimann"));
    assert_eq!(summary.lead_person.as_deref(), Some("berger"));
    assert_eq!(
        summary.next_due.map(|day| day.canonical()).as_deref(),
        Some("2027-01-31")
    );
    assert_eq!(
        (summary.open_tasks, summary.open_goals, summary.conflicts),
        (1, 1, 2)
    );
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<CaseSummary>(&json).unwrap(), summary);
    assert!(!format!("{summary:?}").contains("Mosimann"));
    assert_eq!(
        CaseSummary::read(None, None, None, &authors(), 0),
        CaseSummary::default()
    );
}

#[test]
fn a_checklist_grows_to_100_lines_and_links_of_two_people_stand_beside_each_other() {
    let mut four = replicas(&SectionKind::Tasks);
    let task = id(1);
    let add = TaskEdit::Add {
        id: task,
        title: field("Bericht"),
        responsible: None,
        due: None,
        priority: None,
        checklist: Vec::new(),
    };
    four[0].apply(&Edit::Tasks(add), 1);
    sync(&mut four);
    let line = |number: u8| {
        Edit::Tasks(TaskEdit::AddLine {
            id: task,
            line: ChecklistLine {
                id: id(number),
                text: field("Zeile"),
            },
        })
    };
    for number in 0..100 {
        four[0].apply(&line(number), 2);
    }
    let refused = four[0].try_apply(&line(100), 3).unwrap_err();
    assert_eq!(refused.code(), "too_many");
    let link = |to: &str| {
        Edit::Tasks(TaskEdit::Link {
            id: task,
            to: field(to),
        })
    };
    let unlink = |to: &str| {
        Edit::Tasks(TaskEdit::Unlink {
            id: task,
            to: field(to),
        })
    };
    four[1].apply(&link("meeting/m1"), 4);
    four[2].apply(&link("meeting/m2"), 4);
    four[3].apply(&link("meeting/m1"), 4);
    sync(&mut four);
    for replica in &four {
        let view = TasksView::read(&replica.document);
        let links: Vec<String> = view.tasks[0]
            .links
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(links, ["meeting/m1", "meeting/m2"]);
        assert_eq!(view.tasks[0].checklist.len(), 100);
        assert!(conflicts(&replica.document, &SectionKind::Tasks, &authors()).is_empty());
    }
    four[0].apply(&unlink("meeting/m1"), 5);
    let again = four[0].try_apply(&unlink("meeting/m1"), 6).unwrap_err();
    assert_eq!(again.code(), "missing");
    let view = TasksView::read(&four[0].document);
    assert_eq!(view.tasks[0].links.len(), 1);
}

fn add_goal(number: u8, statement: &str) -> Edit {
    Edit::Plan(PlanEdit::AddGoal {
        id: id(number),
        statement: field(statement),
        fields: Vec::new(),
    })
}

fn goals(replica: &support::Replica) -> Vec<String> {
    let view = PlanView::read(&replica.document, &authors());
    let statements = view.goals.iter();
    statements
        .map(|goal| goal.statement.as_ref().unwrap().to_string())
        .collect()
}

#[test]
fn goals_steps_and_tasks_keep_their_numbers_when_one_is_added_or_given_a_date() {
    let [mut berger, ..] = replicas(&SectionKind::Plan);
    // All in one second, and the identifiers say nothing about the order.
    for (number, statement) in [(7, "Alpha"), (3, "Beta"), (9, "Gamma"), (1, "Delta")] {
        let before = goals(&berger);
        berger.apply(&add_goal(number, statement), 1);
        assert_eq!(goals(&berger)[..before.len()], before, "none has moved");
    }
    let written = ["Alpha", "Beta", "Gamma", "Delta"];
    assert_eq!(goals(&berger), written);
    for (goal, priority) in [(9, "1"), (1, "2")] {
        let edit = PlanEdit::SetGoal {
            id: id(goal),
            field: nahtlos_casework::edit::GoalField::Priority(field(priority)),
        };
        berger.apply(&Edit::Plan(edit), 1);
    }
    assert_eq!(goals(&berger), written, "a priority moves no number");
    for (step, title) in [(5, "Eins"), (2, "Zwei"), (8, "Drei")] {
        let at = StepRef {
            goal: id(7),
            step: id(step),
        };
        let edit = PlanEdit::AddStep {
            at,
            title: field(title),
            fields: match title {
                "Drei" => vec![StepField::Start(field("2026-01-01"))],
                _ => Vec::new(),
            },
        };
        berger.apply(&Edit::Plan(edit), 1);
    }
    let view = PlanView::read(&berger.document, &authors());
    let steps = view.goals[0].steps.iter();
    let titles: Vec<String> = steps
        .map(|step| step.title.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(titles, ["Eins", "Zwei", "Drei"]);

    let [mut berger, ..] = replicas(&SectionKind::Tasks);
    for number in [7, 3, 9] {
        berger.apply(&add_task(number), 1);
    }
    let due = TaskEdit::Set {
        id: id(9),
        field: TaskField::Due(field("2026-01-01")),
    };
    berger.apply(&Edit::Tasks(due), 1);
    let view = TasksView::read(&berger.document);
    let ids: Vec<_> = view
        .tasks
        .iter()
        .map(|task| *task.id.known().unwrap())
        .collect();
    assert_eq!(ids, [id(7), id(3), id(9)]);
}

#[test]
fn goals_that_two_add_at_once_have_the_same_numbers_for_everybody_and_older_ones_keep_theirs() {
    let mut replicas = replicas(&SectionKind::Plan);
    replicas[0].apply(&add_goal(9, "Lehrstelle"), 50);
    sync(&mut replicas);
    // The one whose clock goes an hour behind does not come before what she had seen.
    replicas[0].apply(&add_goal(2, "Deutsch"), 1);
    replicas[1].apply(&add_goal(1, "Wohnung"), 2);
    sync(&mut replicas);
    let shown = goals(&replicas[0]);
    assert_eq!(shown[0], "Lehrstelle");
    assert_eq!(shown.len(), 3);
    for replica in &replicas {
        assert_eq!(goals(replica), shown);
    }
    replicas[2].apply(&add_goal(0, "Schulden"), 1);
    sync(&mut replicas);
    assert_eq!(goals(&replicas[3])[..3], shown, "a later one comes last");
}
