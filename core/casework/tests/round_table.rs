//! An offline round table in Langnau, four people edit at once.

mod support;

use nahtlos_casework::edit::{
    PlanEdit, ScalarValue, StepField, StepRef, TaskEdit, TaskField, Wording,
};
use nahtlos_casework::fields::{PayerShares, StepStatus, Stored, TaskStatus};
use nahtlos_casework::view::{PlanView, TasksView};
use nahtlos_casework::{Choice, ConflictKind, Edit, ResolveError, Rule, SectionKind, resolve};
use support::{
    BERGER, ISELI, KELLER, Replica, SOMMER, at, at_field, authors, field, id, listed, merged,
    orders, replicas, sync,
};

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

/// The goal in two wordings, and the choice of each that settles it.
fn choice_of(replica: &Replica, words: &str) -> Edit {
    let list = listed(replica, &SectionKind::Plan);
    let conflict = at_field(&list, "statement");
    let ConflictKind::Wordings { alternatives, .. } = &conflict.kind else {
        panic!("not a conflict of wordings");
    };
    let is_it = |side: &nahtlos_casework::Alternative| {
        side.value
            .as_text()
            .is_some_and(|text| text.contains(words))
    };
    let position = alternatives.iter().position(is_it).unwrap();
    resolve(conflict, Choice::Alternative(position)).unwrap()
}

fn statement(replica: &Replica) -> String {
    let view = PlanView::read(&replica.document, &authors());
    view.goals[0].statement.as_ref().unwrap().to_string()
}

fn wordings(replica: &Replica) -> Vec<String> {
    let list = listed(replica, &SectionKind::Plan);
    let of_goal = list
        .iter()
        .filter(|one| one.path.last().unwrap() == "statement");
    let mut texts: Vec<String> = of_goal
        .flat_map(|conflict| match &conflict.kind {
            ConflictKind::Wordings { alternatives, .. } => alternatives.clone(),
            _ => panic!("not a conflict of wordings"),
        })
        .map(|side| side.value.as_text().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

const SPITEX: &str = "Frau M. findet eine Stelle in der Spitex. Sie arbeitet zuerst 40 %.";
const FIRM: &str = "Frau M. findet eine feste Stelle in der Pflege. Sie arbeitet zuerst 40 %.";

#[test]
fn two_who_settle_a_wording_at_once_and_choose_alike_agree_on_that_very_text() {
    let mut replicas = plan_after_the_meeting();
    sync(&mut replicas);
    for person in [BERGER, ISELI, KELLER] {
        let choice = choice_of(&replicas[person], "Spitex");
        let json = serde_json::to_string(&choice).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&json).unwrap(), choice);
        replicas[person].apply(&choice, 40);
    }
    sync(&mut replicas);
    for replica in &replicas {
        assert_eq!(statement(replica), SPITEX);
        assert_eq!(wordings(replica), [""; 0]);
    }
    // It goes on as one text in which several may write.
    replicas[SOMMER].apply(&reword(SPITEX, &SPITEX.replace("40", "50")), 41);
    replicas[ISELI].apply(
        &reword(SPITEX, &SPITEX.replace("Spitex", "Spitex Emmental")),
        41,
    );
    sync(&mut replicas);
    let both = SPITEX
        .replace("40", "50")
        .replace("Spitex", "Spitex Emmental");
    assert_eq!(statement(&replicas[KELLER]), both);
    assert_eq!(wordings(&replicas[KELLER]), [""; 0]);
}

#[test]
fn two_who_settle_a_wording_at_once_and_choose_differently_are_asked_again_with_two_whole_texts() {
    let mut replicas = plan_after_the_meeting();
    sync(&mut replicas);
    let (spitex, firm) = (
        choice_of(&replicas[BERGER], "Spitex"),
        choice_of(&replicas[ISELI], "feste"),
    );
    replicas[BERGER].apply(&spitex, 40);
    replicas[ISELI].apply(&firm, 40);
    sync(&mut replicas);
    for replica in &replicas {
        assert!([SPITEX, FIRM].contains(&statement(replica).as_str()));
        assert_eq!(wordings(replica), [SPITEX, FIRM]);
    }
    let again = choice_of(&replicas[SOMMER], "Spitex");
    replicas[SOMMER].apply(&again, 41);
    sync(&mut replicas);
    for replica in &replicas {
        assert_eq!(statement(replica), SPITEX);
        assert_eq!(wordings(replica), [""; 0]);
    }
}

#[test]
fn a_wording_typed_into_the_old_text_while_another_settles_it_is_shown_and_not_lost() {
    let mut replicas = plan_after_the_meeting();
    sync(&mut replicas);
    let before = statement(&replicas[SOMMER]);
    let typed = "Frau M. zieht nach Bern. Sie arbeitet zuerst 40 %.";
    replicas[SOMMER].apply(&reword(&before, typed), 40);
    let choice = choice_of(&replicas[BERGER], "Spitex");
    replicas[BERGER].apply(&choice, 40);
    sync(&mut replicas);
    for replica in &replicas {
        assert_eq!(wordings(replica), [SPITEX, typed]);
    }
}
