//! An offline round table in Langnau, four people edit at once.

mod support;

use nahtlos_casework::decision::{Decision, Outcome};
use nahtlos_casework::edit::{
    FormChange, FormEdit, MarkClosing, PlanEdit, ScalarValue, StepField, StepRef, TaskEdit,
    TaskField, Wording,
};
use nahtlos_casework::fields::{PayerShares, StepStatus, Stored, TaskStatus};
use nahtlos_casework::view::{FormView, PlanView, TaskView, TasksView};
use nahtlos_casework::{
    Choice, Conflict, ConflictKind, Edit, ResolveError, Rule, SectionKind, conflicts, resolve,
};
use support::{Replica, at, authors, field, id, merged, orders, replicas, sync};

const BERGER: usize = 0;
const ISELI: usize = 1;
const SOMMER: usize = 2;
const KELLER: usize = 3;

const GOAL: u8 = 1;
const STEP: StepRef = StepRef {
    goal: nahtlos_casework::fields::EntryId::from_random([GOAL; 8]),
    step: nahtlos_casework::fields::EntryId::from_random([3; 8]),
};
const STATEMENT: &str = "Frau M. findet eine Stelle in der Pflege. Sie arbeitet zuerst 40 %.";

fn reword(before: &str, after: &str) -> Edit {
    Edit::Plan(PlanEdit::RewordGoal {
        id: id(GOAL),
        before: Wording::new(before),
        after: field(after),
    })
}

fn set_step(value: StepField) -> Edit {
    Edit::Plan(PlanEdit::SetStep {
        at: STEP,
        field: value,
    })
}

fn approve(shares: &str) -> Edit {
    Edit::Plan(PlanEdit::ApproveStep {
        at: STEP,
        id: id(9),
        payers: field(shares),
    })
}

/// The plan as everybody has it when the meeting begins.
fn plan_before_the_meeting() -> [support::Replica; 4] {
    let mut replicas = replicas(&SectionKind::Plan);
    let berger = &mut replicas[BERGER];
    berger.apply(
        &Edit::Plan(PlanEdit::AddGoal {
            id: id(GOAL),
            statement: field(STATEMENT),
            fields: vec![],
        }),
        0,
    );
    berger.apply(
        &Edit::Plan(PlanEdit::AddStep {
            at: STEP,
            title: field("Arbeitsversuch im Pflegeheim"),
            fields: vec![StepField::Status(StepStatus::Requested)],
        }),
        1,
    );
    sync(&mut replicas);
    replicas
}

fn plan_after_the_meeting() -> [Replica; 4] {
    let mut replicas = plan_before_the_meeting();
    replicas[BERGER].apply(
        &reword(
            STATEMENT,
            "Frau M. findet eine feste Stelle in der Pflege. Sie arbeitet zuerst 40 %.",
        ),
        10,
    );
    replicas[KELLER].apply(
        &reword(
            STATEMENT,
            "Frau M. findet eine Stelle in der Spitex. Sie arbeitet zuerst 40 %.",
        ),
        11,
    );
    replicas[ISELI].apply(&set_step(StepField::Due(field("31.03.2027"))), 12);
    replicas[SOMMER].apply(&set_step(StepField::Due(field("30.04.2027"))), 13);
    replicas[ISELI].apply(&set_step(StepField::Payers(field("iv=100"))), 14);
    replicas[ISELI].apply(&approve("iv=100"), 15);
    replicas[SOMMER].apply(&set_step(StepField::Payers(field("iv=50;soz=50"))), 16);
    replicas
}

fn listed(replica: &Replica, section: &SectionKind) -> Vec<Conflict> {
    conflicts(&replica.document, section, &authors())
}

fn at_field<'a>(conflicts: &'a [Conflict], last_step: &str) -> &'a Conflict {
    conflicts
        .iter()
        .find(|conflict| conflict.path.last().is_some_and(|step| step == last_step))
        .unwrap()
}

#[test]
fn in_any_order_of_merging_everybody_sees_the_same_plan_and_the_same_conflicts() {
    let replicas = plan_after_the_meeting();
    let expected = merged(&replicas, [KELLER, BERGER, SOMMER, ISELI]);
    let view = PlanView::read(&expected.document, &authors());
    let list = serde_json::to_value(listed(&expected, &SectionKind::Plan)).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 3, "{list:#}");
    assert_eq!(orders().len(), 24);
    for order in orders() {
        let replica = merged(&replicas, order);
        assert_eq!(PlanView::read(&replica.document, &authors()), view);
        let other = serde_json::to_value(listed(&replica, &SectionKind::Plan)).unwrap();
        assert_eq!(other, list);
    }
}

#[test]
fn the_reworded_goal_holds_both_edits_and_shows_both_wordings() {
    let replica = merged(&plan_after_the_meeting(), [0, 1, 2, 3]);
    let view = PlanView::read(&replica.document, &authors());
    let statement = view.goals[0].statement.as_ref().unwrap().to_string();
    assert!(statement.contains("feste"), "{statement}");
    assert!(statement.contains("Spitex"), "{statement}");

    let list = listed(&replica, &SectionKind::Plan);
    let conflict = at_field(&list, "statement");
    let ConflictKind::Wordings {
        merged,
        alternatives,
    } = &conflict.kind
    else {
        panic!("not a soft conflict");
    };
    assert_eq!(*merged, statement);
    assert_eq!(conflict.label.unwrap()[0], "Ziel");
    let sides: Vec<(String, Option<_>)> = alternatives
        .iter()
        .map(|side| {
            let author = side.origin.author.as_ref().unwrap();
            (author.person.to_string(), side.origin.at)
        })
        .collect();
    assert!(sides.contains(&("berger".to_owned(), Some(at(10)))));
    assert!(sides.contains(&("keller".to_owned(), Some(at(11)))));
}

#[test]
fn due_date_and_payers_stand_in_the_inbox_with_values_authors_and_times() {
    let replica = merged(&plan_after_the_meeting(), [0, 1, 2, 3]);
    let list = listed(&replica, &SectionKind::Plan);
    for (name, label, iseli, sommer, minutes) in [
        ("due", "fällig am", "2027-03-31", "2027-04-30", (12, 13)),
        ("payers", "Kostenträger", "iv=100", "iv=50;soz=50", (14, 16)),
    ] {
        let conflict = at_field(&list, name);
        assert_eq!(conflict.label.unwrap()[0], label);
        assert_eq!(
            conflict.entry.as_deref(),
            Some("Arbeitsversuch im Pflegeheim")
        );
        let ConflictKind::Values { alternatives } = &conflict.kind else {
            panic!("not a conflict of values");
        };
        let mut sides: Vec<_> = alternatives
            .iter()
            .map(|side| {
                let person = side.origin.author.as_ref().unwrap().person.to_string();
                (person, side.value.clone(), side.origin.at.unwrap())
            })
            .collect();
        sides.sort_by(|left, right| left.0.cmp(&right.0));
        let text = |value: &str| ScalarValue::Text(value.to_owned());
        assert_eq!(
            sides,
            [
                ("iseli".to_owned(), text(iseli), at(minutes.0)),
                ("sommer".to_owned(), text(sommer), at(minutes.1)),
            ]
        );
    }
}

#[test]
fn a_step_is_approved_only_while_nobody_disputes_who_pays_it() {
    let replicas = plan_after_the_meeting();
    let status = |replica: &Replica| {
        PlanView::read(&replica.document, &authors()).goals[0].steps[0]
            .status
            .clone()
    };
    assert_eq!(
        status(&replicas[ISELI]),
        Some(Stored::Known(StepStatus::Approved))
    );
    let mut both = merged(&replicas, [0, 1, 2, 3]);
    assert_eq!(status(&both), Some(Stored::Known(StepStatus::Requested)));
    // Chosen: the IV pays everything, which it has approved.
    let list = listed(&both, &SectionKind::Plan);
    let payers = at_field(&list, "payers");
    let ConflictKind::Values { alternatives } = &payers.kind else {
        panic!("not a conflict of values");
    };
    let whole = ScalarValue::Text("iv=100".to_owned());
    let position = alternatives
        .iter()
        .position(|side| side.value == whole)
        .unwrap();
    both.apply(&resolve(payers, Choice::Alternative(position)).unwrap(), 30);
    assert_eq!(status(&both), Some(Stored::Known(StepStatus::Approved)));
    // Chosen afterwards: half each. The old approval does not cover it.
    both.apply(&set_step(StepField::Payers(field("iv=50;soz=50"))), 31);
    assert_eq!(status(&both), Some(Stored::Known(StepStatus::Requested)));
}

#[test]
fn a_settled_conflict_is_gone_for_everybody() {
    let mut replicas = plan_after_the_meeting();
    sync(&mut replicas);
    let list = listed(&replicas[BERGER], &SectionKind::Plan);
    for conflict in &list {
        let edit = resolve(conflict, Choice::Alternative(1)).unwrap();
        let json = serde_json::to_string(&edit).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&json).unwrap(), edit);
        replicas[BERGER].apply(&edit, 40);
        assert_eq!(
            resolve(conflict, Choice::Alternative(7)),
            Err(ResolveError::NoSuchAlternative {
                chosen: 7,
                available: 2
            })
        );
        assert_eq!(
            resolve(conflict, Choice::Restore),
            Err(ResolveError::ChoiceDoesNotFit)
        );
    }
    sync(&mut replicas);
    for replica in &replicas {
        assert_eq!(listed(replica, &SectionKind::Plan).len(), 0);
    }
}

#[test]
fn a_merged_wording_that_reads_well_is_acknowledged_and_a_third_wording_asks_again() {
    let mut replicas = plan_after_the_meeting();
    let mut late = replicas[SOMMER].clone();
    sync(&mut replicas);
    let list = listed(&replicas[BERGER], &SectionKind::Plan);
    let edit = resolve(at_field(&list, "statement"), Choice::AsItIs).unwrap();
    replicas[BERGER].apply(&edit, 50);
    assert_eq!(listed(&replicas[BERGER], &SectionKind::Plan).len(), 2);
    late.apply(
        &reword(
            STATEMENT,
            "Frau M. findet eine Stelle im Spital. Sie arbeitet zuerst 40 %.",
        ),
        51,
    );
    replicas[BERGER].pull(&late);
    assert_eq!(listed(&replicas[BERGER], &SectionKind::Plan).len(), 3);
}

#[test]
fn a_task_deleted_by_one_and_completed_by_another_is_shown_as_that() {
    let mut replicas = replicas(&SectionKind::Tasks);
    let add = |number: u8, title: &str| {
        Edit::Tasks(TaskEdit::Add {
            id: id(number),
            title: field(title),
            responsible: Some(field("stellwerk/keller")),
            due: Some(field("15.02.2027")),
            priority: None,
            checklist: vec![],
        })
    };
    for number in [1, 2, 3] {
        replicas[BERGER].apply(&add(number, "Arbeitszeugnisse einholen"), i64::from(number));
    }
    sync(&mut replicas);
    let done = |number| {
        Edit::Tasks(TaskEdit::Set {
            id: id(number),
            field: TaskField::Status(TaskStatus::Done),
        })
    };
    let delete = |number| Edit::Tasks(TaskEdit::Delete { id: id(number) });
    replicas[KELLER].apply(&add(4, "Spitex Langnau anfragen"), 20);
    replicas[KELLER].apply(&add(5, "Probetag vereinbaren"), 21);
    replicas[KELLER].apply(&done(1), 22);
    replicas[SOMMER].apply(&delete(1), 23);
    // Control: deleted by one who knew that it was done, and deleted while nobody touched it.
    replicas[SOMMER].apply(&done(2), 24);
    replicas[SOMMER].apply(&delete(2), 25);
    replicas[SOMMER].apply(&delete(3), 26);

    let expected = TasksView::read(&merged(&replicas, [0, 1, 2, 3]).document);
    assert_eq!(expected.tasks.len(), 5);
    assert_eq!(expected.open().count(), 2);
    for order in orders() {
        let mut replica = merged(&replicas, order);
        assert_eq!(TasksView::read(&replica.document), expected);
        let list = listed(&replica, &SectionKind::Tasks);
        let [conflict] = list.as_slice() else {
            panic!("{} conflicts", list.len());
        };
        let ConflictKind::DeletedMeanwhile {
            deleted_by,
            edits,
            completed,
        } = &conflict.kind
        else {
            panic!("not a deletion");
        };
        assert!(completed);
        assert_eq!(
            deleted_by.author.as_ref().unwrap().person.as_str(),
            "sommer"
        );
        assert_eq!(edits.len(), 1);
        assert_eq!(
            edits[0].origin.author.as_ref().unwrap().person.as_str(),
            "keller"
        );
        let kept = resolve(conflict, Choice::AsItIs).unwrap();
        let restored = resolve(conflict, Choice::Restore).unwrap();
        let mut other = replica.clone();
        replica.apply(&kept, 30);
        assert_eq!(listed(&replica, &SectionKind::Tasks).len(), 0);
        other.apply(&restored, 30);
        assert_eq!(listed(&other, &SectionKind::Tasks).len(), 0);
        assert_eq!(
            TasksView::read(&other.document)
                .tasks
                .iter()
                .filter(|t| t.deleted)
                .count(),
            2
        );
    }
}

#[test]
fn only_an_institution_that_pays_can_approve_a_step() {
    let mut replicas = plan_before_the_meeting();
    let refused = replicas[ISELI]
        .try_apply(&approve("iv=100"), 2)
        .unwrap_err();
    assert_eq!(refused.code(), "no_payer");
    replicas[BERGER].apply(&set_step(StepField::Payers(field("iv=100"))), 3);
    sync(&mut replicas);
    let refused = replicas[SOMMER]
        .try_apply(&approve("iv=100"), 4)
        .unwrap_err();
    assert_eq!(refused.code(), "not_entitled");
    assert!(
        refused
            .to_string()
            .contains("only an institution that pays")
    );
    let refused = replicas[ISELI]
        .try_apply(&approve("iv=50;soz=50"), 5)
        .unwrap_err();
    assert_eq!(refused.code(), "changed");
    // Control: who pays may.
    replicas[ISELI].apply(&approve("iv=100"), 6);
    let view = PlanView::read(&replicas[ISELI].document, &authors());
    assert_eq!(view.goals[0].steps[0].approvals.len(), 1);
    assert!(view.violations.is_empty());
}

#[test]
fn an_approval_that_a_modified_program_wrote_counts_for_nothing() {
    let mut replicas = plan_before_the_meeting();
    replicas[BERGER].apply(&set_step(StepField::Payers(field("iv=100"))), 3);
    sync(&mut replicas);
    replicas[ISELI].apply(&approve("iv=100"), 6);
    replicas[SOMMER].pull(&replicas[ISELI].clone());
    let step = format!("goals/{}/steps/{}", STEP.goal, STEP.step);
    let path = |rest: &str| nahtlos_document::Path::parse(&format!("{step}/{rest}"));
    // Sommer approves in the name of the IV, sets the status, and rewrites Iseli's approval.
    replicas[SOMMER].tamper(|editor| {
        editor.put_map(path("approvals/forged"))?;
        editor.put(path("approvals/forged/institution"), "iv")?;
        editor.put(path("approvals/forged/payers"), "iv=100")
    });
    replicas[SOMMER].tamper(|editor| editor.put(path("status"), "approved"));
    let real = id(9).to_string();
    replicas[SOMMER]
        .tamper(|editor| editor.put(path(&format!("approvals/{real}/payers")), "iv=50;soz=50"));
    sync(&mut replicas);
    for replica in &replicas {
        let view = PlanView::read(&replica.document, &authors());
        let approvals = &view.goals[0].steps[0].approvals;
        assert_eq!(approvals.len(), 1);
        assert_eq!(approvals[0].institution.as_str(), "iv");
        assert_eq!(
            approvals[0].payers,
            Some(Stored::Known(field::<PayerShares>("iv=100")))
        );
        let mut rules: Vec<Rule> = view
            .violations
            .iter()
            .map(|violation| {
                assert_eq!(
                    violation.by.author.as_ref().unwrap().person.as_str(),
                    "sommer"
                );
                violation.rule
            })
            .collect();
        rules.sort();
        assert_eq!(
            rules,
            [
                Rule::OnlyPayersApprove,
                Rule::ApprovalIsNoStatus,
                Rule::EntriesAreImmutable,
            ]
        );
        assert!(listed(replica, &SectionKind::Plan).is_empty());
    }
}

fn decision(text: Option<&str>, task: Option<u8>) -> Decision {
    Decision {
        meeting: "m1".into(),
        id: id(1),
        text: text.map(field),
        responsible: None,
        due: None,
        task: task.map(id),
        step: None,
    }
}

/// Each person's copy of the round table and of the tasks.
struct Table {
    meeting: [Replica; 4],
    tasks: [Replica; 4],
    kind: SectionKind,
}

impl Table {
    fn new() -> Self {
        let kind = SectionKind::Meeting("m1".into());
        Self {
            meeting: replicas(&kind),
            tasks: replicas(&SectionKind::Tasks),
            kind,
        }
    }

    fn view(&self, person: usize) -> FormView {
        FormView::read(&self.meeting[person].document, &self.kind, &authors())
    }

    fn tasks(&self, person: usize) -> TasksView {
        TasksView::read(&self.tasks[person].document)
    }

    fn decide(&mut self, person: usize, decision: &Decision, minute: i64) -> Outcome {
        let (view, tasks) = (self.view(person), self.tasks(person));
        let decided = decision.edits(&view, Some(&tasks), None).unwrap();
        for edit in &decided.edits {
            match edit.section() {
                SectionKind::Tasks => self.tasks[person].apply(edit, minute),
                _ => self.meeting[person].apply(edit, minute),
            }
        }
        decided.task
    }

    fn sync(&mut self) {
        sync(&mut self.meeting);
        sync(&mut self.tasks);
    }
}

#[test]
fn a_decision_that_is_changed_again_and_again_is_one_task() {
    let mut table = Table::new();
    let made = table.decide(
        BERGER,
        &decision(Some("Bericht einholen\nbeim Arzt"), Some(7)),
        1,
    );
    assert_eq!(made, Outcome::Made);
    table.sync();
    // Somebody else says it again, and says more.
    let again = Decision {
        due: Some(field("2027-04-30")),
        ..decision(Some("Zwei Berichte einholen"), Some(8))
    };
    assert_eq!(table.decide(ISELI, &again, 2), Outcome::Changed);
    assert_eq!(table.decide(ISELI, &again, 3), Outcome::Stays);
    assert_eq!(
        table.decide(ISELI, &decision(None, Some(9)), 4),
        Outcome::Stays
    );
    table.sync();
    for person in [BERGER, SOMMER] {
        let [task] = <[TaskView; 1]>::try_from(table.tasks(person).tasks).unwrap();
        assert_eq!(task.id.known(), Some(&id(7)));
        assert_eq!(task.title.unwrap().canonical(), "Zwei Berichte einholen");
        assert_eq!(task.due.unwrap().canonical(), "2027-04-30");
        assert_eq!(task.links[0].canonical(), format!("meeting/m1/{}", id(1)));
        assert_eq!(table.view(person).lists["decisions"].len(), 1);
    }
    // A title that somebody gave the task, and its deletion, stay.
    let title = TaskField::Title(field("Berichte"));
    let renamed = Edit::Tasks(TaskEdit::Set {
        id: id(7),
        field: title,
    });
    table.tasks[SOMMER].apply(&renamed, 5);
    table.sync();
    assert_eq!(
        table.decide(BERGER, &decision(Some("Drei Berichte"), None), 6),
        Outcome::Stays
    );
    table.tasks[SOMMER].apply(&Edit::Tasks(TaskEdit::Delete { id: id(7) }), 7);
    table.sync();
    assert_eq!(
        table.decide(BERGER, &decision(Some("Vier Berichte"), Some(8)), 8),
        Outcome::Deleted
    );
    table.sync();
    let [task] = <[TaskView; 1]>::try_from(table.tasks(ISELI).tasks).unwrap();
    assert_eq!(task.title.unwrap().canonical(), "Berichte");
    assert!(task.deleted);
}

#[test]
fn two_who_make_a_task_of_one_decision_at_once_see_both_tasks_and_a_conflict() {
    let mut table = Table::new();
    table.decide(BERGER, &decision(Some("Bericht einholen"), None), 1);
    table.sync();
    assert_eq!(
        table.decide(BERGER, &decision(None, Some(7)), 2),
        Outcome::Made
    );
    assert_eq!(
        table.decide(ISELI, &decision(None, Some(8)), 2),
        Outcome::Made
    );
    table.sync();
    for person in [BERGER, ISELI, SOMMER, KELLER] {
        assert_eq!(table.tasks(person).tasks.len(), 2);
        let found = listed(&table.meeting[person], &table.kind);
        let ConflictKind::Values { alternatives } = &at_field(&found, "task").kind else {
            panic!("two values");
        };
        assert_eq!(alternatives.len(), 2);
    }
}

#[test]
fn a_step_of_a_decision_is_made_once_and_a_new_decision_says_something() {
    let mut table = Table::new();
    let with_step = |text: Option<&str>| Decision {
        step: Some(STEP),
        ..decision(text, None)
    };
    let first = with_step(Some("Schnuppern"));
    let decided = first.edits(&table.view(BERGER), None, None).unwrap();
    assert_eq!(decided.step, Outcome::Made);
    assert_eq!(decided.edits.len(), 2);
    for edit in &decided.edits {
        if edit.section() == table.kind {
            table.meeting[BERGER].apply(edit, 1);
        }
    }
    // It is the plan's own from then on; where the plan cannot be seen, nothing is said of it.
    let [mut plan, ..] = replicas(&SectionKind::Plan);
    let read = |plan: &Replica| PlanView::read(&plan.document, &authors());
    let again = |plan: Option<&PlanView>| {
        let decided = with_step(None).edits(&table.view(BERGER), None, plan);
        let decided = decided.unwrap();
        (decided.step, decided.edits.len())
    };
    assert_eq!(again(None), (Outcome::Missing, 0));
    assert_eq!(again(Some(&read(&plan))), (Outcome::Missing, 0));
    let goal = PlanEdit::AddGoal {
        id: STEP.goal,
        statement: field("Eine Stelle"),
        fields: vec![],
    };
    plan.apply(&Edit::Plan(goal), 1);
    assert_eq!(again(Some(&read(&plan))), (Outcome::Missing, 0));
    for edit in decided
        .edits
        .iter()
        .filter(|edit| edit.section() != table.kind)
    {
        plan.apply(edit, 2);
    }
    assert_eq!(again(Some(&read(&plan))), (Outcome::Stays, 0));
    let refused = |decision: &Decision, table: &Table| {
        decision
            .edits(&table.view(BERGER), None, None)
            .unwrap_err()
            .code
    };
    assert_eq!(refused(&decision(None, None), &table), "nothing_changed");
    let other = Decision {
        id: id(2),
        ..decision(None, Some(7))
    };
    assert_eq!(refused(&other, &table), "missing");
    let delete = FormEdit {
        section: table.kind.clone(),
        change: FormChange::Delete { id: id(1) },
    };
    table.meeting[BERGER].apply(&Edit::Form(delete), 2);
    assert_eq!(refused(&decision(None, Some(7)), &table), "deleted");
}

fn closed(kind: &SectionKind) -> Edit {
    Edit::MarkClosing(MarkClosing::of_meeting(kind.clone()))
}

fn agenda(kind: &SectionKind, change: FormChange) -> Edit {
    Edit::Form(FormEdit {
        section: kind.clone(),
        change,
    })
}

#[test]
fn minutes_that_somebody_wrote_while_another_closed_the_round_table_are_kept_and_shown() {
    let mut table = Table::new();
    let kind = table.kind.clone();
    let point = FormChange::Add {
        list: "agenda".into(),
        id: id(2),
        correction_of: None,
        values: [("point".to_owned(), ScalarValue::Text("Wie weiter".into()))].into(),
    };
    table.meeting[BERGER].apply(&agenda(&kind, point), 1);
    table.sync();
    let minutes = |before: &str, after: &str| {
        let change = FormChange::Reword {
            id: id(2),
            field: "minutes".into(),
            before: Wording::new(before),
            after: field(after),
        };
        agenda(&kind, change)
    };
    table.meeting[BERGER].apply(&closed(&kind), 2);
    table.meeting[ISELI].apply(&minutes("", "Es fehlt ein Bericht."), 3);
    table.sync();
    for person in [BERGER, ISELI, SOMMER, KELLER] {
        let found = listed(&table.meeting[person], &kind);
        let [conflict] = found.as_slice() else {
            panic!("{} conflicts", found.len());
        };
        assert!(conflict.is_of_closed_meeting());
        let ConflictKind::ClosedMeanwhile { closed_by, edits } = &conflict.kind else {
            panic!("closed meanwhile");
        };
        let by = |origin: &nahtlos_casework::Origin| {
            let author = origin.author.as_ref().unwrap();
            (author.display_name.to_string(), origin.at)
        };
        assert_eq!(by(closed_by), ("berger".into(), Some(at(2))));
        let [edit] = edits.as_slice() else {
            panic!("{} edits", edits.len());
        };
        assert_eq!(by(&edit.origin), ("iseli".into(), Some(at(3))));
        assert_eq!(
            edit.value,
            ScalarValue::Text("Es fehlt ein Bericht.".into())
        );
    }
    // Settled by one, it is gone for all; who knows that it is closed may write, and it is no conflict.
    let found = listed(&table.meeting[SOMMER], &kind);
    let settled = resolve(&found[0], Choice::AsItIs).unwrap();
    table.meeting[SOMMER].apply(&settled, 4);
    let more = minutes("Es fehlt ein Bericht.", "Es fehlt ein Bericht des Arztes.");
    table.meeting[KELLER].apply(&more, 5);
    table.sync();
    for person in [BERGER, ISELI, KELLER] {
        assert!(listed(&table.meeting[person], &kind).is_empty());
    }
}

#[test]
fn a_round_table_is_closed_apart_from_its_case() {
    let kind = SectionKind::Meeting("m1".into());
    let [mut berger, mut iseli, ..] = replicas(&kind);
    let of_case = MarkClosing {
        section: kind.clone(),
        closing: id(9),
        reopened: false,
    };
    berger.apply(&Edit::MarkClosing(of_case), 1);
    let place = FormChange::Set {
        values: [(
            "place".to_owned(),
            Some(ScalarValue::Text("Langnau".into())),
        )]
        .into(),
    };
    iseli.apply(&agenda(&kind, place), 1);
    berger.pull(&iseli);
    let found = listed(&berger, &kind);
    assert_eq!(found.len(), 1);
    assert!(!found[0].is_of_closed_meeting());
    // Closed again by one who may not have looked: what was done meanwhile waits until somebody says that it was seen.
    let [mut berger, mut iseli, ..] = replicas(&kind);
    berger.apply(&closed(&kind), 1);
    let place = FormChange::Set {
        values: [("place".to_owned(), Some(ScalarValue::Text("Bern".into())))].into(),
    };
    iseli.apply(&agenda(&kind, place), 1);
    berger.pull(&iseli);
    let before = listed(&berger, &kind);
    assert_eq!(before.len(), 1);
    berger.apply(&closed(&kind), 2);
    let after = listed(&berger, &kind);
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].id, before[0].id);
    let ConflictKind::ClosedMeanwhile { closed_by, .. } = &after[0].kind else {
        panic!("closed meanwhile");
    };
    assert_eq!(
        closed_by.at,
        Some(at(1)),
        "the first closing, not a later one"
    );
    berger.apply(&resolve(&after[0], Choice::AsItIs).unwrap(), 3);
    berger.apply(&closed(&kind), 4);
    assert!(listed(&berger, &kind).is_empty());
}

/// Sommer's program is modified: it makes her own decision name a task that came of something else.
#[test]
fn a_decision_that_names_a_task_which_does_not_come_of_it_changes_nothing_there() {
    let mut table = Table::new();
    let own = TaskEdit::Add {
        id: id(5),
        title: field("Rente anmelden"),
        responsible: None,
        due: Some(field("2027-01-31")),
        priority: None,
        checklist: vec![],
    };
    table.tasks[BERGER].apply(&Edit::Tasks(own), 1);
    let text = "Rente anmelden";
    table.decide(SOMMER, &decision(Some(text), None), 1);
    let task = nahtlos_document::Path::from_iter(["entries", &id(1).to_string(), "task"]);
    table.meeting[SOMMER].tamper(|editor| editor.put(task, id(5).to_string().as_str()));
    table.sync();
    let before = table.tasks(BERGER);
    let changed = Decision {
        due: Some(field("2029-12-31")),
        responsible: Some(field("client")),
        ..decision(Some("Nicht mehr nötig"), None)
    };
    assert_eq!(table.decide(BERGER, &changed, 2), Outcome::NotLinked);
    assert_eq!(table.tasks(BERGER), before);
    // A link to another decision, or to another round table, is none to this one.
    for link in [
        nahtlos_casework::fields::TaskLink::Decision("m1".into(), id(2)),
        nahtlos_casework::fields::TaskLink::Decision("m2".into(), id(1)),
    ] {
        let link = TaskEdit::Link {
            id: id(5),
            to: link,
        };
        table.tasks[BERGER].apply(&Edit::Tasks(link), 3);
        assert_eq!(table.decide(BERGER, &changed, 3), Outcome::NotLinked);
    }
    assert_eq!(table.tasks(BERGER).tasks[0].title, before.tasks[0].title);
    assert_eq!(table.tasks(BERGER).tasks[0].due, before.tasks[0].due);
    // Asked for a task, it gets one of its own, and that one follows it.
    assert_eq!(
        table.decide(BERGER, &decision(None, Some(7)), 4),
        Outcome::Made
    );
    let later = Decision {
        due: Some(field("2028-06-30")),
        ..decision(None, None)
    };
    assert_eq!(table.decide(BERGER, &later, 5), Outcome::Changed);
    let of = |table: &Table, number: u8| {
        let tasks = table.tasks(BERGER).tasks.into_iter();
        let mut tasks = tasks.filter(|task| task.id.known() == Some(&id(number)));
        tasks.next().unwrap().due.unwrap().canonical()
    };
    assert_eq!(
        (of(&table, 5), of(&table, 7)),
        ("2027-01-31".into(), "2028-06-30".into())
    );
}

#[test]
fn a_task_that_cannot_be_seen_is_not_said_to_stay_and_what_is_said_again_is_not_written_again() {
    let mut table = Table::new();
    let full = Decision {
        due: Some(field("2027-04-30")),
        responsible: Some(field("client")),
        ..decision(Some("Bericht einholen"), Some(7))
    };
    table.decide(BERGER, &full, 1);
    sync(&mut table.meeting);
    // Iseli has the round table already, and not yet the tasks.
    assert_eq!(table.decide(ISELI, &full, 2), Outcome::Missing);
    let nowhere = full.edits(&table.view(ISELI), None, None).unwrap();
    assert_eq!(nowhere.task, Outcome::Missing);
    assert!(nowhere.edits.is_empty(), "all of it stands there");
    // One who says it again makes no conflict with one who says something else at the same time.
    let other = Decision {
        due: Some(field("2027-05-31")),
        ..decision(None, None)
    };
    table.decide(ISELI, &full, 3);
    table.decide(SOMMER, &other, 3);
    table.sync();
    assert!(listed(&table.meeting[KELLER], &table.kind).is_empty());
    let due = table.view(KELLER).lists["decisions"][0].fields["due"]
        .shown
        .clone();
    assert!(due.contains("2027"), "{due}");
}

/// Who shows a decision by its author shows whose words it has now, too.
#[test]
fn a_decision_that_somebody_changed_does_not_stand_under_its_first_authors_name_alone() {
    let mut table = Table::new();
    table.decide(BERGER, &decision(Some("Rente anmelden"), None), 1);
    table.sync();
    let people = |table: &Table| {
        let view = table.view(KELLER);
        let entry = &view.lists["decisions"][0];
        let name =
            |origin: &nahtlos_casework::Origin| origin.author.as_ref().unwrap().person.to_string();
        let changed: Vec<String> = entry.changed.iter().map(name).collect();
        (name(entry.origin.as_ref().unwrap()), changed)
    };
    assert_eq!(people(&table), ("berger".into(), vec![]));
    table.decide(SOMMER, &decision(Some("Keine Rente anmelden"), None), 2);
    table.sync();
    assert_eq!(people(&table), ("berger".into(), vec!["sommer".into()]));
    let due = Decision {
        due: Some(field("2027-04-30")),
        ..decision(None, None)
    };
    table.decide(ISELI, &due, 3);
    table.sync();
    let both = vec!["sommer".to_owned(), "iseli".to_owned()];
    assert_eq!(people(&table), ("berger".into(), both));
}

/// A point of the agenda with minutes that everybody has.
fn with_minutes(table: &mut Table, number: u8, minutes: &str) {
    let values = [("point", "Wie weiter"), ("minutes", minutes)];
    let values = values.map(|(code, text)| (code.to_owned(), ScalarValue::Text(text.into())));
    let point = FormChange::Add {
        list: "agenda".into(),
        id: id(number),
        correction_of: None,
        values: values.into(),
    };
    let kind = table.kind.clone();
    table.meeting[BERGER].apply(&agenda(&kind, point), 1);
    table.sync();
}

#[test]
fn minutes_that_somebody_typed_into_a_point_that_another_deleted_are_a_conflict_and_come_back() {
    let mut table = Table::new();
    let kind = table.kind.clone();
    for number in [2, 3] {
        with_minutes(&mut table, number, "Es fehlt ein Bericht.");
    }
    let typed = |number: u8, before: &str, after: &str| {
        let change = FormChange::Reword {
            id: id(number),
            field: "minutes".into(),
            before: Wording::new(before),
            after: field(after),
        };
        agenda(&kind, change)
    };
    let delete = |number: u8| agenda(&kind, FormChange::Delete { id: id(number) });
    let (before, after) = ("Es fehlt ein Bericht.", "Es fehlt ein Bericht des Arztes.");
    table.meeting[ISELI].apply(&typed(2, before, after), 2);
    table.meeting[SOMMER].apply(&delete(2), 3);
    // Control: deleted by one who had read what was typed.
    table.meeting[SOMMER].apply(&typed(3, before, after), 4);
    table.meeting[SOMMER].apply(&delete(3), 5);
    table.sync();
    for person in [BERGER, ISELI, SOMMER, KELLER] {
        let found = listed(&table.meeting[person], &kind);
        let [conflict] = found.as_slice() else {
            panic!("{} conflicts", found.len());
        };
        let ConflictKind::DeletedMeanwhile {
            deleted_by, edits, ..
        } = &conflict.kind
        else {
            panic!("deleted meanwhile");
        };
        let by =
            |origin: &nahtlos_casework::Origin| origin.author.as_ref().unwrap().person.to_string();
        assert_eq!(by(deleted_by), "sommer");
        let [edit] = edits.as_slice() else {
            panic!("{} edits", edits.len());
        };
        assert_eq!(edit.field.as_deref(), Some("minutes"));
        assert_eq!(edit.value, ScalarValue::Text(after.into()));
        assert_eq!(by(&edit.origin), "iseli");
    }
    let found = listed(&table.meeting[KELLER], &kind);
    let restored = resolve(&found[0], Choice::Restore).unwrap();
    table.meeting[KELLER].apply(&restored, 6);
    table.sync();
    assert!(listed(&table.meeting[BERGER], &kind).is_empty());
    let view = table.view(BERGER);
    let mut standing = view.lists["agenda"].iter().filter(|one| !one.deleted);
    assert_eq!(standing.next().unwrap().fields["minutes"].shown, after);
    assert!(standing.next().is_none());
}

/// Sommer's program is modified: it takes a point out altogether.
#[test]
fn an_entry_that_a_modified_program_takes_out_is_seen_as_it_was_with_who_did_it() {
    let mut table = Table::new();
    with_minutes(&mut table, 2, "Es fehlt ein Bericht.");
    with_minutes(&mut table, 3, "Bleibt.");
    let change = FormChange::Delete { id: id(3) };
    let deleted = agenda(&table.kind, change);
    table.meeting[ISELI].apply(&deleted, 2);
    table.sync();
    assert!(
        table.view(BERGER).violations.is_empty(),
        "marked, not taken out"
    );
    let point = nahtlos_document::Path::from_iter(["entries", &id(2).to_string()]);
    table.meeting[SOMMER].tamper(|editor| editor.delete(point));
    table.sync();
    for person in [BERGER, ISELI, KELLER] {
        let view = table.view(person);
        let agenda = &view.lists["agenda"];
        assert_eq!(agenda.len(), 2);
        let kept = agenda.iter().find(|one| one.id.known() == Some(&id(2)));
        let kept = kept.unwrap();
        assert_eq!(kept.fields["minutes"].shown, "Es fehlt ein Bericht.");
        let author =
            |origin: &nahtlos_casework::Origin| origin.author.as_ref().unwrap().person.to_string();
        assert_eq!(author(kept.origin.as_ref().unwrap()), "berger");
        let [violation] = view.violations.as_slice() else {
            panic!("{:?}", view.violations);
        };
        assert_eq!(violation.rule, Rule::EntriesAreMarkedDeleted);
        assert_eq!(author(&violation.by), "sommer");
        assert_eq!(violation.path, ["entries".to_owned(), id(2).to_string()]);
    }
}
