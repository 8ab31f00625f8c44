//! What was decided differently is settled, and the plan is signed. Then, an older copy that was edited
//! offline, and who may not approve.

use nahtlos_casework::edit::{Edit, PlanEdit, StepField, StepRef, Wording};
use nahtlos_casework::fields::{Digest, EntryId, Field, LongText, Party, Responsible, Stored};
use nahtlos_casework::plan_version::{PlanVersions, VersionStatus};
use nahtlos_casework::view::PlanView;
use nahtlos_casework::{ApplyError, Choice, SectionKind, resolve};
use nahtlos_client::ClientError;
use nahtlos_client::plan_versions::{Agreeing, VersionChoice};

use super::DemoError;
use super::narrator::Narrator;
use super::story::{Targets, institution, known, missing, sync_all, sync_until_quiet};
use super::world::{Who, World};

/// Who agrees to the plan, beside the client.
const SIGNERS: [Who; 3] = [Who::Berger, Who::Iseli, Who::Sommer];
/// How Keller rewords the second goal.
const REWORDED: (&str, &str) = ("spricht sie am Arbeitsplatz an", "spricht sie früh an");

/// Settles, proposes, signs.
///
/// # Errors
/// [`DemoError`].
pub fn tell(
    world: &mut World,
    targets: &Targets,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("Berger settles what concerns the plan, and all sign version 1")?;
    settle(world, targets)?;
    sync_until_quiet(world, &mut 0)?;
    let berger = &mut world.home(Who::Berger)?.nahtlos;
    let case = berger.find_case(&targets.number)?;
    let proposed = berger.propose_plan_version(&case)?;
    narrator.say(format!(
        "Version {} is proposed; its code {} stands on the page that is printed for the client.",
        proposed.number, proposed.code
    ))?;
    sync_all(world, &SIGNERS)?;
    let goal = reword_in_an_older_copy(world, targets)?;
    let choice = VersionChoice {
        number: Some(proposed.number),
        code: Some(proposed.code),
    };
    sign(world, targets, &choice)?;
    for _ in 0..2 {
        sync_all(world, &SIGNERS)?;
    }
    let mut in_force = true;
    for who in SIGNERS {
        let versions = versions(world, who, targets)?;
        in_force &= is_in_force(&versions) && versions.changed.is_empty();
    }
    narrator.claim(
        "RAV, IV and social aid signed by their devices, the client on paper: it is in force for all three.",
        in_force,
    )?;
    sync_until_quiet(world, &mut 0)?;
    let (mut unchanged, mut differences) = (true, Vec::new());
    for who in Who::ROUND_TABLE {
        let versions = versions(world, who, targets)?;
        unchanged &= is_in_force(&versions);
        let paths = versions.changed.into_iter().map(|one| one.path);
        differences.push(paths.collect::<Vec<_>>());
    }
    let expected = vec![vec!["goals".to_owned(), goal, "statement".to_owned()]];
    narrator.claim(
        "Keller, offline with an older copy, reworded goal 2: version 1 stands as it was signed.",
        unchanged,
    )?;
    narrator.claim(
        "All five devices say \"changed since the agreement\", of goal 2 and of nothing else.",
        differences.len() == Who::ROUND_TABLE.len()
            && differences.iter().all(|found| *found == expected),
    )?;
    refuse_approval(world, targets, narrator)
}

/// Berger takes Sommer's date and Iseli's split, and lets the wording stand. The deleted task stays for whoever
/// goes on with what the demo leaves.
fn settle(world: &mut World, targets: &Targets) -> Result<(), DemoError> {
    let berger = &mut world.home(Who::Berger)?.nahtlos;
    let case = berger.find_case(&targets.number)?;
    for conflict in berger.conflicts(&case)? {
        let by = |who: Who| {
            let place = targets.side_of(&conflict, who);
            place.map(Choice::Alternative)
        };
        let choice = if targets.is_reworded_goal(&conflict) {
            Some(Choice::AsItIs)
        } else if targets.is_due_date(&conflict) {
            by(Who::Sommer)
        } else if targets.is_split(&conflict) {
            by(Who::Iseli)
        } else {
            None
        };
        if let Some(choice) = choice {
            let edit = resolve(&conflict, choice).map_err(|_| missing("side of a conflict"))?;
            berger.edit_case(&targets.number, &[edit])?;
        }
    }
    name_the_responsible(world, targets)
}

/// The institutions that sign, as the directory knows them: the case file named them by its own codes.
fn name_the_responsible(world: &mut World, targets: &Targets) -> Result<(), DemoError> {
    let berger = &mut world.home(Who::Berger)?.nahtlos;
    let plan = plan_of(berger, targets)?;
    let of = |berger: &_, who| institution(berger, who).map(Responsible::Institution);
    let mut edits = Vec::new();
    for goal in &plan.goals {
        for step in &goal.steps {
            let title = step
                .title
                .as_ref()
                .map(Stored::canonical)
                .unwrap_or_default();
            let responsible = match title.split(' ').next() {
                Some("Standortgespräch") => of(berger, Who::Berger)?,
                Some("Arbeitsversuch") => of(berger, Who::Iseli)?,
                Some("Coaching") => of(berger, Who::Sommer)?,
                _ => Responsible::Client,
            };
            let at = StepRef {
                goal: known(&goal.id)?,
                step: known(&step.id)?,
            };
            let field = StepField::Responsible(responsible);
            edits.push(Edit::Plan(PlanEdit::SetStep { at, field }));
        }
    }
    Ok(berger.edit_case(&targets.number, &edits)?)
}

fn plan_of(nahtlos: &nahtlos_client::Nahtlos, targets: &Targets) -> Result<PlanView, DemoError> {
    let case = nahtlos.find_case(&targets.number)?;
    let document = nahtlos.section_document(&case, &SectionKind::Plan)?;
    let authors = nahtlos.section_authors(&case, &SectionKind::Plan)?;
    Ok(PlanView::read(&document, &authors))
}

/// Keller's device has not heard of the version. Gives the goal.
fn reword_in_an_older_copy(world: &mut World, targets: &Targets) -> Result<String, DemoError> {
    let keller = &mut world.home(Who::Keller)?.nahtlos;
    let plan = plan_of(keller, targets)?;
    let (from, to) = REWORDED;
    let found = plan.goals.iter().find_map(|goal| {
        let statement = goal.statement.as_ref().map(Stored::canonical)?;
        let Stored::Known(id) = &goal.id else {
            return None;
        };
        statement.contains(from).then_some((*id, statement))
    });
    let (id, statement): (EntryId, String) = found.ok_or(missing("goal"))?;
    let after = LongText::parse(&statement.replacen(from, to, 1))?;
    let before = Wording::new(statement);
    let edit = PlanEdit::RewordGoal { id, before, after };
    keller.edit_case(&targets.number, &[Edit::Plan(edit)])?;
    Ok(id.canonical())
}

/// Each on their own device; Berger records the client's paper by the hash of its scan.
fn sign(world: &mut World, targets: &Targets, choice: &VersionChoice) -> Result<(), DemoError> {
    let paper = Agreeing::Paper {
        party: Party::Client,
        hash: Digest::from_bytes([0x5c; 32]),
        note: None,
    };
    let own = SIGNERS.map(|who| (who, Agreeing::OwnInstitution));
    for (who, agreeing) in own.into_iter().chain([(Who::Berger, paper)]) {
        let nahtlos = &mut world.home(who)?.nahtlos;
        let case = nahtlos.find_case(&targets.number)?;
        nahtlos.sign_plan_version(&case, choice, &agreeing)?;
    }
    Ok(())
}

fn versions(world: &mut World, who: Who, targets: &Targets) -> Result<PlanVersions, DemoError> {
    let nahtlos = &world.home(who)?.nahtlos;
    let case = nahtlos.find_case(&targets.number)?;
    Ok(nahtlos.plan_versions(&case)?)
}

/// Version 1 is the only one, and all four have signed it.
fn is_in_force(versions: &PlanVersions) -> bool {
    let [version] = versions.versions.as_slice() else {
        return false;
    };
    version.status == VersionStatus::InForce
        && version.parties.len() == SIGNERS.len() + 1
        && version.signatures.iter().all(|one| one.doubt.is_none())
}

fn refuse_approval(
    world: &mut World,
    targets: &Targets,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let approval = targets.approval()?;
    let sommer = &mut world.home(Who::Sommer)?.nahtlos;
    let refused = sommer.edit_case(&targets.number, std::slice::from_ref(&approval));
    let undelivered = sommer.status()?.undelivered_edits;
    let rule = match refused {
        Err(ClientError::Edit(ApplyError::NotEntitled { rule, .. })) => Some(rule),
        _ => None,
    };
    narrator.claim(
        format!(
            "Sommer approves the step that the IV pays. Refused: {}.",
            rule.unwrap_or("no")
        ),
        rule.is_some() && undelivered == 0,
    )?;
    let iseli = &mut world.home(Who::Iseli)?.nahtlos;
    Ok(iseli.edit_case(&targets.number, &[approval])?)
}
