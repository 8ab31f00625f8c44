//! `nahtlos institution policy`: how the institution admits.

use nahtlos_client::ClientError;
use nahtlos_client::administrators::AdministratorLine;
use nahtlos_client::institution_policy::PolicyLine;
use serde_json::json;

use super::ending;
use crate::arguments::{Answered, YesOrNo};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn policy(
    context: &Context,
    administrators: Option<u8>,
    compare: Option<YesOrNo>,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let present = nahtlos.institution_policy()?;
    if administrators.is_none() && compare.is_none() {
        return Ok(shown(&present));
    }
    let (base_administrators, base_compares) = said_last(&present);
    let asked = administrators.unwrap_or(base_administrators);
    let compares = compare.map_or(base_compares, |compare| compare == YesOrNo::Yes);
    let takes_two = present.administrators > 1;
    let page = Page::default()
        .line(format!("How {} admits from then on:", present.institution))
        .fields(in_words(asked, compares));
    let alone = (asked > 1 && !takes_two)
        .then(|| left_alone(&present))
        .flatten();
    let page = alone.into_iter().fold(page, |page, says| page.line(says));
    let data = |done: &str| {
        json!({
            "done": done, "administrators": asked, "compares": compares, "before": json::value(&present),
        })
    };
    if let Some(answer) = ending::unless_confirmed(answered, page, "Say so?", data)? {
        return Ok(answer);
    }
    nahtlos.say_policy(asked, compares).map_err(not_said)?;
    let proposed = present.proposed.as_ref();
    let seconds = proposed.is_some_and(|proposed| {
        proposed.can_second && (proposed.administrators, proposed.compares) == (asked, compares)
    });
    let drops = (present.administrators, present.compares) == (asked, compares);
    let (done, said) = match (takes_two, seconds, drops) {
        (true, false, false) => ("proposed", "It is proposed with the next `nahtlos sync`."),
        (true, _, true) => (
            "dropped",
            "What was proposed is dropped with the next `nahtlos sync`.",
        ),
        _ => ("decided", "It holds with the next `nahtlos sync`."),
    };
    let mut answer = Answer::sentence(data(done), said);
    if let Some(says) = alone {
        answer = answer.note(says);
    }
    Ok(match done {
        "proposed" => answer.note(
            "It takes two administrators: another one has to run the same command, and `nahtlos sync`.",
        ),
        _ => answer,
    })
}

/// What it means that nobody but who acts, and a recovery key, could confirm anybody.
fn left_alone(policy: &PolicyLine) -> Option<&'static str> {
    let mut people = policy.people.iter().filter(|line| !line.is_recovery);
    let (_, second) = (people.next(), people.next());
    second.is_none().then_some(
        "One person administers it besides the recovery key: until custodians use that key nobody can confirm \
         another one, nor switch this off again. Make a second administrator first: `nahtlos institution \
         administrator PERSON`, then `nahtlos sync`; what was decided here since the last sync is taken back by \
         `nahtlos decision drop ID`.",
    )
}

/// What one option leaves as it is: what was said here last, decided or proposed, and not yet in force.
fn said_last(policy: &PolicyLine) -> (u8, bool) {
    if let Some(decided) = &policy.decided {
        return (decided.administrators, decided.compares);
    }
    let own = policy.proposed.as_ref();
    match own.filter(|proposed| !proposed.can_second) {
        Some(proposed) => (proposed.administrators, proposed.compares),
        None => (policy.administrators, policy.compares),
    }
}

fn shown(policy: &PolicyLine) -> Answer {
    let mut page = Page::default()
        .line(format!("How {} admits:", policy.institution))
        .fields(in_words(policy.administrators, policy.compares))
        .table(
            &["administrator", ""],
            policy.people.iter().map(row).collect(),
            "",
        );
    if let Some(decided) = &policy.decided {
        page = page
            .line("Said here, for the next `nahtlos sync`:")
            .fields(in_words(decided.administrators, decided.compares));
    }
    if let Some(proposed) = &policy.proposed {
        page = page
            .line(format!("{} proposed:", proposed.by))
            .fields(in_words(proposed.administrators, proposed.compares));
    }
    let answer = Answer::new(json!({ "policy": json::value(policy) }), page);
    let Some(proposed) = &policy.proposed else {
        return answer;
    };
    let compare = if proposed.compares { "yes" } else { "no" };
    let present = if policy.compares { "yes" } else { "no" };
    answer.note(if proposed.can_second {
        format!(
            "It holds once you say the same: `nahtlos institution policy --administrators {} --compare \
             {compare}`. To drop it: `--administrators {} --compare {present}`.",
            proposed.administrators, policy.administrators
        )
    } else {
        format!(
            "It waits for another administrator. To drop it: `nahtlos institution policy --administrators {} \
             --compare {present}`.",
            policy.administrators
        )
    })
}

/// An administrator in a table.
pub fn row(line: &AdministratorLine) -> Vec<String> {
    let what = match (line.waits, line.manages) {
        (true, _) => "waits to be confirmed: `nahtlos member waiting`",
        (false, true) => "",
        (false, false) => "changes members and devices alone",
    };
    vec![line.name.clone(), what.to_owned()]
}

/// How an institution admits.
pub fn in_words(administrators: u8, compares: bool) -> [(&'static str, Option<String>); 2] {
    let made_by = match administrators {
        1 => "one administrator makes another one",
        _ => "two administrators make another one",
    };
    let newcomers = match compares {
        true => "let in once their words were compared with them",
        false => "let in by who invited them, at the next sync",
    };
    [
        ("administrators", Some(made_by.to_owned())),
        ("newcomers", Some(newcomers.to_owned())),
    ]
}

fn not_said(error: ClientError) -> Failure {
    match error {
        ClientError::NothingToChange => Failure::new(
            Exit::Failed,
            "nothing_to_change",
            "Your institution admits like that already; nothing was decided.",
            "The policy is the one you named, and nothing is proposed.",
            "See it: `nahtlos institution policy`.",
        ),
        ClientError::NoRight { .. } => no_right(error),
        other => other.into(),
    }
}

/// With who administers it as the next step.
pub fn no_right(error: ClientError) -> Failure {
    let mut failure = Failure::from(error);
    failure.next = "See who administers your institution: `nahtlos institution policy`.".into();
    failure
}
