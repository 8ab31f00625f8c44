//! `nahtlos institution merge`: two institutions become one, by the same command on the devices of all who
//! have a part in it.

use nahtlos_client::ClientError;
use nahtlos_client::institution_merging::{InstitutionMerge, LeftOver, MergeStep};
use serde_json::json;

use super::ending;
use crate::arguments::Answered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn merge(
    context: &Context,
    from: &str,
    into: &str,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let (from, into) = (
        directory.find_institution(from)?,
        directory.find_institution(into)?,
    );
    let merge = nahtlos
        .preview_institution_merge(&from, &into)
        .map_err(|error| not_merged(error, &directory.institution_name(&from)))?;
    let data = |done: &str| json!({ "done": done, "merge": json::value(&merge) });
    let page = page(&merge);
    // Who administers it is told what is left to them, not to call themselves.
    let own = nahtlos.identity().institution;
    let own = own.filter(|_| nahtlos.may_order_handover());
    let own = own.map(|id| directory.institution_name(&id));
    let left = merge
        .left
        .iter()
        .map(|left| left_to(left, own.as_ref(), &merge));
    let left: Vec<String> = left.collect();
    if merge.yours.is_empty() && !answered.dry_run {
        let answer = Answer::new(
            data(if left.is_empty() { "merged" } else { "nothing" }),
            page,
        );
        let answer = left.iter().fold(answer, |answer, line| answer.note(line));
        return Ok(match left.is_empty() {
            true => answer.note(format!("{} is merged into {}.", merge.from, merge.into)),
            false => answer.exit(Exit::PartlyHeld),
        });
    }
    let page = left.iter().fold(page, |page, line| page.line(line.clone()));
    if let Some(answer) = ending::unless_confirmed(answered, page, "Do your part of it?", data)? {
        return Ok(answer);
    }
    nahtlos
        .merge_institutions(&from, &into)
        .map_err(|error| not_merged(error, &directory.institution_name(&from)))?;
    let said: Vec<String> = merge.yours.iter().map(|step| done(*step, &merge)).collect();
    let answer = Answer::sentence(data("decided"), said.join(" ")).note(ending::WITH_NEXT_SYNC);
    Ok(left.iter().fold(answer, |answer, line| answer.note(line)))
}

fn page(merge: &InstitutionMerge) -> Page {
    let InstitutionMerge { from, into, .. } = merge;
    let listed = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
    let yours: Vec<String> = merge.yours.iter().map(|step| todo(*step, merge)).collect();
    Page::default()
        .title(format!("{from} becomes one with {into}"))
        .fields([
            ("come in", listed(&merge.to_come_in)),
            ("came in", listed(&merge.came_in)),
            ("come to look after it", listed(&merge.to_look_after)),
            ("yours now", listed(&yours)),
        ])
        .line(format!(
            "Nobody reads more by that, or less: what is shared with a team stays shared with it, and the teams stay \
             teams. People of {from} stay in the network as people of {into}."
        ))
        .line(format!(
            "A case keeps the institution that opened it, because its id is made of it: cases of {from} go on under \
             its name, which says what it is now. They are led, shared and handed over as before. What {from} \
             signed is verified with its log, which stays."
        ))
}

fn todo(step: MergeStep, merge: &InstitutionMerge) -> String {
    let InstitutionMerge { from, into, .. } = merge;
    match step {
        MergeStep::Announce => format!("say that {from} goes on as {into}"),
        MergeStep::LookAfter => format!("let the administrators of {into} administer {from}"),
        MergeStep::ComeIn => format!("take the teams of {from} in"),
        MergeStep::EndPart => format!("end {from}'s own part in the network"),
    }
}

fn done(step: MergeStep, merge: &InstitutionMerge) -> String {
    let InstitutionMerge { from, into, .. } = merge;
    match step {
        MergeStep::Announce => format!("{from} says that it goes on as {into}."),
        MergeStep::LookAfter => {
            format!(
                "{from} is looked after by {}, too.",
                merge.to_look_after.join(", ")
            )
        }
        MergeStep::ComeIn => format!("{into} takes in: {}.", merge.to_come_in.join(", ")),
        MergeStep::EndPart => {
            format!("{from} takes part in the network by {into} alone from then on.")
        }
    }
}

fn left_to(left: &LeftOver, own: Option<&String>, merge: &InstitutionMerge) -> String {
    if own.is_some_and(|own| left.to.contains(own)) {
        return format!(
            "Left to you, once the steps before it are delivered: {}. Run `nahtlos sync`, then the same command again.",
            todo(left.step, merge)
        );
    }
    format!(
        "Left to an administrator of {}: {}. They run: `nahtlos institution merge \"{}\" --into \"{}\"`, before and \
         after `nahtlos sync`.",
        left.to.join(" or "),
        todo(left.step, merge),
        merge.from,
        merge.into
    )
}

fn not_merged(error: ClientError, from: &str) -> Failure {
    match error {
        ClientError::NotFound { input, .. } => Failure::new(
            Exit::Failed,
            "not_found",
            format!("{input} cannot be merged; nothing was decided."),
            "Two different institutions of this network become one, and one that was merged stays merged.",
            "See who takes part: `nahtlos institution`.",
        ),
        ClientError::LastManager => Failure::new(
            Exit::NoRight,
            "last_manager",
            format!("{from} alone manages the network; its part was not ended."),
            "Nobody could let an institution in or end its part any more.",
            "Let the other one manage it first: `nahtlos network manager INSTITUTION`, then `nahtlos sync`.",
        ),
        other => other.into(),
    }
}
