//! `nahtlos case handover` and `nahtlos case recuse`.

use indicatif::{ProgressBar, ProgressStyle};
use nahtlos_client::handover::{HandoverPlan, LedByOther, OrderedHandover};
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::{Value, json};

use super::ending;
use super::sync::count;
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::{Answered, CaseHandover};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// Codes of a column, before it says how many more there are.
const CODES_SHOWN_MAX: usize = 4;

pub fn handover(context: &Context, options: &CaseHandover) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    if let (Some(from), Some(to)) = (&options.from, &options.to) {
        let directory = nahtlos.directory()?;
        if directory.find_person(from)? == directory.find_person(to)? {
            return Err(same_person());
        }
    }
    match (&options.from, &options.to) {
        (Some(from), None) => cancel(&mut nahtlos, from, options.answered),
        (Some(from), Some(to)) if options.order => {
            order(&mut nahtlos, (from, to), options.answered)
        }
        (Some(from), Some(to)) => {
            let directory = nahtlos.directory()?;
            let (from, to) = (directory.find_person(from)?, directory.find_person(to)?);
            let cases = named(&nahtlos, &options.cases)?;
            let plan = nahtlos.plan_handover(&from, &to, &cases)?;
            carry_out(&mut nahtlos, &[(None, plan)], options.answered)
        }
        (None, _) => ordered(&mut nahtlos, options),
    }
}

fn same_person() -> Failure {
    Failure::new(
        Exit::Usage,
        "same_person",
        "Both are the same person; nothing was handed over.",
        "A hand-over is from one person to another.",
        "Name the deputy with `--to PERSON`: `nahtlos member` lists who there is.",
    )
}

fn named(nahtlos: &Nahtlos, inputs: &[String]) -> Result<Vec<Case>, Failure> {
    let each = inputs.iter();
    each.map(|input| Ok(nahtlos.find_case(input)?)).collect()
}

/// What was ordered, and is for this person to carry out.
fn ordered(nahtlos: &mut Nahtlos, options: &CaseHandover) -> Result<Answer, Failure> {
    let own = nahtlos.identity().person.map(|id| id.to_string());
    let orders = nahtlos.ordered_handovers()?;
    let cases = named(nahtlos, &options.cases)?;
    let mut plans = Vec::new();
    for order in orders
        .into_iter()
        .filter(|order| Some(&order.to_id) == own.as_ref())
    {
        let from = SpaceId::from_hex(&order.from_id);
        let to = SpaceId::from_hex(&order.to_id);
        if let Some((from, to)) = from.zip(to) {
            let plan = nahtlos.plan_handover(&from, &to, &cases)?;
            plans.push((Some(order), plan));
        }
    }
    let unreached = nahtlos.orders_out_of_reach()?;
    if plans.is_empty() && !unreached.is_empty() {
        let page = unreached.iter().map(out_of_reach);
        let page = page.fold(Page::default(), Page::line);
        let data =
            json!({ "done": "nothing", "plans": [], "out_of_reach": json::value(&unreached) });
        return Ok(Answer::new(data, page.line(WHO_READS_HANDS_OVER)).exit(
            if options.answered.dry_run {
                Exit::Done
            } else {
                Exit::PartlyHeld
            },
        ));
    }
    if plans.is_empty() {
        return Ok(Answer::sentence(
            json!({ "done": "nothing", "plans": [] }),
            "No hand-over to you is ordered. `nahtlos case handover --from PERSON --to PERSON` hands over \
             without an order.",
        ));
    }
    carry_out(nahtlos, &plans, options.answered)
}

/// What is left where an order reached somebody who reads none of the cases.
const WHO_READS_HANDS_OVER: &str = "Tell who ordered it. Somebody who reads the cases hands them over \
     (`nahtlos case handover --from PERSON --to PERSON`), or they are ordered to somebody of that team.";

/// An order that this device cannot carry out.
pub fn out_of_reach(order: &OrderedHandover) -> String {
    format!(
        "{} ordered on {} that you take over the cases of {from}; this device reads none that {from} leads: you are in \
         none of their teams.",
        order
            .ordered_by
            .as_deref()
            .unwrap_or("Somebody unknown here"),
        dates::moment(order.ordered_at_ms),
        from = order.from,
    )
}

/// Nothing is handed over: because there is nothing, or because this device reads none of the cases.
fn unless_read(nahtlos: &Nahtlos, plans: &[Planned]) -> Vec<String> {
    let mut said = Vec::new();
    let is_none = |plan: &HandoverPlan| plan.excluded.is_empty() && plan.led_by_others.is_empty();
    for (_, plan) in plans.iter().filter(|(_, plan)| is_none(plan)) {
        said.push(format!(
            "This device reads no case that {} leads; others may.",
            plan.from
        ));
        if nahtlos.may_order_handover() && !plan.is_in_their_team {
            said.push(format!(
                "An order to {to} would come to nothing: {to} is in no team of {}'s. Name somebody who is: \
                 `nahtlos member`.",
                plan.from,
                to = plan.to,
            ));
        } else if nahtlos.may_order_handover() {
            let (from, to) = &plan.named_in_command;
            said.push(format!(
                "You administer the institution: order it, and {}'s device, which reads them, carries it out: \
                 `nahtlos case handover --from \"{from}\" --to \"{to}\" --order`.",
                plan.to
            ));
        }
    }
    if plans.iter().any(|(_, plan)| !plan.excluded.is_empty()) {
        said.push("No case is handed over: each stays, and the table says why.".to_owned());
    }
    said
}

type Planned = (Option<OrderedHandover>, HandoverPlan);

fn carry_out(
    nahtlos: &mut Nahtlos,
    plans: &[Planned],
    answered: Answered,
) -> Result<Answer, Failure> {
    let page = plans.iter().fold(Page::default(), page);
    let data = |done: &str| -> Value {
        let plans: Vec<Value> = plans
            .iter()
            .map(|(order, plan)| json!({ "order": json::value(order), "plan": json::value(plan) }))
            .collect();
        json!({ "done": done, "plans": plans })
    };
    let all: usize = plans.iter().map(|(_, plan)| plan.cases.len()).sum();
    if all == 0 {
        let said = unless_read(nahtlos, plans);
        let answer = Answer::new(data("nothing"), said.into_iter().fold(page, Page::line));
        let stays = |(_, plan): &Planned| {
            !plan.excluded.is_empty() || plan.led_by_others.iter().any(|one| !one.is_done)
        };
        return Ok(if !answered.dry_run && plans.iter().any(stays) {
            answer.exit(Exit::PartlyHeld)
        } else {
            answer
        });
    }
    if let Some(answer) = ending::unless_confirmed(answered, page, "Hand them over?", data)? {
        return Ok(answer);
    }
    let handed = hand_over_each(nahtlos, plans, all)?;
    let mut data = data("handed_over");
    data["handed_over"] = handed.into();
    let kept: usize = plans.iter().map(|(_, plan)| plan.excluded.len()).sum();
    let mut answer = Answer::sentence(
        data,
        format!("Handed over: {}.", count(handed, "case", "cases")),
    );
    if kept > 0 {
        answer = answer
            .note(format!(
                "{} as before: the same command with `--dry-run` says why.",
                count(kept as u64, "case stays", "cases stay")
            ))
            .exit(Exit::PartlyHeld);
    }
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// Each case in a step of its own: where it breaks off, what is done stays done.
fn hand_over_each(nahtlos: &mut Nahtlos, plans: &[Planned], all: usize) -> Result<u64, Failure> {
    let bar = ProgressBar::new(all as u64).with_message("cases");
    bar.set_style(
        ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut handed = 0;
    for (_, plan) in plans {
        for case in &plan.cases {
            let done = nahtlos.hand_over(plan, case).map_err(|error| {
                bar.finish_and_clear();
                broke_off(error, handed, all)
            })?;
            handed += u64::from(done);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(handed)
}

fn broke_off(error: ClientError, handed: u64, all: usize) -> Failure {
    let mut failure = Failure::from(error);
    failure.why = format!(
        "{} {handed} of {all} cases are handed over, each of them whole; the others stay as they were.",
        failure.why
    );
    failure.next = format!(
        "{} Then run the same command again for the rest.",
        failure.next
    );
    failure
}

fn page(page: Page, planned: &Planned) -> Page {
    let (order, plan) = planned;
    let mut page = page.title(format!(
        "From {} to {} ({})",
        plan.from, plan.to, plan.to_institution
    ));
    if let Some(order) = order {
        let by = order
            .ordered_by
            .as_deref()
            .unwrap_or("somebody unknown here");
        page = page.line(format!(
            "Ordered by {by} on {}.",
            dates::moment(order.ordered_at_ms)
        ));
    }
    let rows = plan
        .cases
        .iter()
        .map(|one| {
            vec![
                name_of(&one.case, &one.case_number),
                one.client.clone().unwrap_or_default(),
                codes(&one.new_keys),
                codes(&one.raised),
                codes(&one.not_shared),
            ]
        })
        .collect();
    page = page.table(
        &[
            "handed over",
            "client",
            "new keys",
            "will manage",
            "cannot open",
        ],
        rows,
        "No case would be handed over.",
    );
    let excluded = plan
        .excluded
        .iter()
        .map(|one| {
            vec![
                name_of(&one.case, &one.case_number),
                one.client.clone().unwrap_or_default(),
                one.because.sentence().to_owned(),
            ]
        })
        .collect();
    if !plan.excluded.is_empty() {
        page = page.table(&["stays", "client", "because"], excluded, "");
    }
    let told = remarks(plan);
    told.into_iter().fold(page, Page::line)
}

/// What the tables do not say.
fn remarks(plan: &HandoverPlan) -> Vec<String> {
    let mut remarks: Vec<String> = plan.led_by_others.iter().map(led_by_other).collect();
    let has = |of: fn(&nahtlos_client::handover::HandoverCase) -> &Vec<String>| {
        plan.cases.iter().any(|one| !of(one).is_empty())
    };
    if !plan.cases.is_empty() && !has(|one| &one.new_keys) {
        remarks.push(format!(
            "{} may still read them, so the keys stay: `nahtlos member remove PERSON --team TEAM` ends that, \
             and every section gets a new key then.",
            plan.from
        ));
    }
    if has(|one| &one.stays_by_name) {
        remarks.push(format!(
            "What was shared with {} by name stays: `nahtlos share withdraw CASE --from PERSON` ends it.",
            plan.from
        ));
    }
    if has(|one| &one.not_shared) {
        remarks.push(format!(
            "A hand-over shares nothing: what {} cannot open is shared with `nahtlos share grant CASE`.",
            plan.to
        ));
    }
    remarks
}

fn led_by_other(one: &LedByOther) -> String {
    let number = name_of(&one.case, &one.case_number);
    let named = match &one.client {
        Some(client) => format!("{number} {client}"),
        None => number,
    };
    match (&one.lead, one.is_done) {
        (Some(lead), true) => format!("{named} is led by {lead} already."),
        (Some(lead), false) => format!("{named} is led by {lead}; it stays so."),
        (None, _) => format!("{named} is led by nobody; it stays so."),
    }
}

fn name_of(id: &str, number: &Option<String>) -> String {
    let short = || format!("({})", id.get(..8).unwrap_or(id));
    number.clone().unwrap_or_else(short)
}

fn codes(codes: &[String]) -> String {
    let shown: Vec<&str> = codes
        .iter()
        .take(CODES_SHOWN_MAX)
        .map(String::as_str)
        .collect();
    match codes.len().saturating_sub(CODES_SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Says on a person's card to whom their cases go.
fn order(
    nahtlos: &mut Nahtlos,
    (from, to): (&str, &str),
    answered: Answered,
) -> Result<Answer, Failure> {
    let directory = nahtlos.directory()?;
    let (from, to) = (directory.find_person(from)?, directory.find_person(to)?);
    let (from_name, to_name) = (directory.name(&from), directory.name(&to));
    if !nahtlos.is_in_a_team_of(&to, &from)? {
        return Err(not_in_their_team(&from_name, &to_name));
    }
    let page = Page::default().line(format!(
        "An order that {to_name} takes over the cases of {from_name}: {to_name}'s device lists them and \
         carries it out. Everybody in the network sees the order, and nobody which cases they are."
    ));
    let data = |done: &str| json!({ "done": done, "from": from_name, "to": to_name });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Order it?", data)? {
        return Ok(answer);
    }
    nahtlos.order_handover(&from, Some(&to))?;
    let said = format!("Ordered: the cases of {from_name} go to {to_name}.");
    Ok(Answer::sentence(data("ordered"), said).note(
        "`nahtlos sync` makes it known; they carry it out with `nahtlos case handover --ordered`.",
    ))
}

fn not_in_their_team(from: &str, to: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_in_their_team",
        format!("{to} is in no team of {from}'s; nothing was ordered."),
        "A hand-over opens no case to anybody: their device reads none that it could take over, and the cases would \
         stay as they are.",
        format!(
            "Order it to somebody of {from}'s team: `nahtlos member` lists who is where. Or let somebody who reads the \
             cases hand them over, without an order: `nahtlos case handover --from \"{from}\" --to \"{to}\"`."
        ),
    )
}

fn cancel(nahtlos: &mut Nahtlos, from: &str, answered: Answered) -> Result<Answer, Failure> {
    let directory = nahtlos.directory()?;
    let from = directory.find_person(from)?;
    let name = directory.name(&from);
    let data = |done: &str| json!({ "done": done, "from": name });
    let page = Page::default().line(format!(
        "The order about the cases of {name} is taken back."
    ));
    if let Some(answer) = ending::unless_confirmed(answered, page, "Take it back?", data)? {
        return Ok(answer);
    }
    nahtlos.order_handover(&from, None)?;
    let said = format!("Taken back: the order about the cases of {name}.");
    Ok(Answer::sentence(data("taken_back"), said)
        .note("What was handed over stays. `nahtlos sync` makes it known."))
}

pub fn recuse(context: &Context, case: &str, person: &str, lift: bool) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let directory = nahtlos.directory()?;
    let person = directory.find_person(person)?;
    let name = directory.name(&person);
    nahtlos
        .recuse(&case, &person, !lift)
        .map_err(|error| not_recused(error, &name))?;
    let title = case_title(&nahtlos, &case)?;
    let (done, said) = if lift {
        ("lifted", format!("{title}: {name} is recused no more."))
    } else {
        (
            "recused",
            format!("{title}: {name} has a conflict of interest; it is never handed over to them."),
        )
    };
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "person": name, "done": done }),
        said,
    )
    .note(NOT_DELIVERED_YET))
}

fn not_recused(error: ClientError, name: &str) -> Failure {
    match error {
        ClientError::NothingToChange => Failure::new(
            Exit::Failed,
            "nothing_to_change",
            format!(
                "{name} has no mark of a conflict of interest in this case; nothing was changed."
            ),
            "It was lifted before, or was never set.",
            "`nahtlos case show CASE` shows who has one.",
        ),
        ClientError::NoRight { action, .. } if action.starts_with("lift the mark") => Failure::new(
            Exit::NoRight,
            "no_right",
            format!("{name} cannot lift a mark about themselves; nothing was changed."),
            "Whether there is a conflict of interest still is for somebody else to say.",
            "Ask a colleague who works on the case: `nahtlos case recuse CASE PERSON --lift` on their device.",
        ),
        other => other.into(),
    }
}
