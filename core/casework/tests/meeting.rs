//! The section of a round table: decisions and what they make, minutes that several write, closing.

mod support;

use nahtlos_casework::decision::{Decision, Outcome};
use nahtlos_casework::edit::{
    FormChange, FormEdit, MarkClosing, PlanEdit, ScalarValue, StepRef, TaskEdit, TaskField, Wording,
};
use nahtlos_casework::fields::EntryId;
use nahtlos_casework::view::{FormView, PlanView, TaskView, TasksView};
use nahtlos_casework::{Choice, ConflictKind, Edit, Rule, SectionKind, resolve};
use support::{
    BERGER, ISELI, KELLER, Replica, SOMMER, at, at_field, authors, field, id, listed, replicas,
    sync,
};

const STEP: StepRef = StepRef {
    goal: EntryId::from_random([1; 8]),
    step: EntryId::from_random([3; 8]),
};

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
