//! What stands in a plan beside its goals and steps: dependencies, reviews, risks.

use nahtlos_casework::edit::{PlanEdit, RiskField, StepRef};
use nahtlos_casework::fields::{Date, Field};

use crate::support::{field, id};
use crate::table::{BERGER, ISELI, KELLER, SOMMER, STEP, Table};
use nahtlos_casework::{Edit, Rule};

#[test]
fn a_step_never_waits_for_itself_and_a_circle_of_two_people_shows() {
    use nahtlos_casework::view::PlanView;
    let mut table = Table::new();
    let depends = |step: u8, on: u8| {
        Edit::Plan(PlanEdit::AddDependency {
            at: StepRef {
                goal: id(1),
                step: id(step),
            },
            on: id(on),
        })
    };
    for (step, on) in [(4, 3), (4, 4)] {
        let refused = table.replicas[BERGER].try_apply(&depends(step, on), 1);
        assert_eq!(refused.unwrap_err().code(), "circle");
    }
    let missing = table.replicas[BERGER].try_apply(&depends(4, 99), 1);
    assert_eq!(missing.unwrap_err().code(), "missing");
    let remove = Edit::Plan(PlanEdit::RemoveDependency {
        at: STEP,
        on: id(4),
    });
    table.replicas[BERGER].apply(&remove, 1);
    table.sync();
    table.replicas[BERGER].apply(&depends(3, 4), 1);
    table.replicas[ISELI].apply(&depends(4, 3), 1);
    table.sync();
    let plan = PlanView::read(&table.replicas[KELLER].document, &table.authors);
    assert!(
        plan.goals[0]
            .steps
            .iter()
            .all(|step| step.waits_in_a_circle)
    );
    table.replicas[KELLER].apply(&remove, 1);
    let plan = PlanView::read(&table.replicas[KELLER].document, &table.authors);
    assert!(
        !plan.goals[0]
            .steps
            .iter()
            .any(|step| step.waits_in_a_circle)
    );
}

#[test]
fn a_review_is_kept_as_it_was_recorded_and_a_heavier_risk_moves_no_number() {
    use nahtlos_casework::edit::Review;
    use nahtlos_casework::view::PlanView;
    let mut table = Table::new();
    let review = |goal: u8| {
        Edit::Plan(PlanEdit::AddReview {
            id: id(60),
            review: Review {
                date: Date::parse("2027-03-12").unwrap(),
                participants: field("Frau M., Berger, Iseli"),
                ratings: Some(field(&format!("{}=-1", id(goal)))),
                outcome: field("adapt"),
                note: None,
            },
        })
    };
    let missing = table.replicas[BERGER].try_apply(&review(99), 1);
    assert_eq!(missing.unwrap_err().code(), "missing");
    table.replicas[BERGER].apply(&review(1), 1);
    let heavier = PlanEdit::AddRisk {
        id: id(61),
        description: field("Wohnung gekündigt"),
        fields: vec![RiskField::Severity(field("3"))],
    };
    table.apply(BERGER, heavier);
    table.sync();
    let name = format!("review:{}", id(60));
    table.replicas[SOMMER].tamper(|editor| editor.put(["plan", &name, "outcome"], "stop"));
    table.sync();
    let plan = PlanView::read(&table.replicas[KELLER].document, &table.authors);
    assert_eq!(
        plan.reviews[0].outcome.as_ref().unwrap().canonical(),
        "adapt"
    );
    assert_eq!(plan.violations[0].rule, Rule::EntriesAreImmutable);
    let risks: Vec<String> = plan
        .risks
        .iter()
        .map(|risk| risk.description.as_ref().unwrap().canonical())
        .collect();
    assert_eq!(risks, ["Rückfall", "Wohnung gekündigt"]);
}
