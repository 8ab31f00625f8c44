//! `nahtlos key`.

use std::collections::{BTreeMap, BTreeSet};

use indicatif::{ProgressBar, ProgressStyle};
use nahtlos_client::out_of_sight::TeamOutOfSight;
use nahtlos_client::rotation::{LeftToOthers, Rotated, Rotation, RotationReport};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::sync::count;
use super::{ending, paper, section_kind, sync, vault};
use crate::arguments::{Answered, KeyCommand};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

/// Names in a sentence about keys that are left to somebody.
const NAMES_SHOWN_MAX: usize = 8;

const EXPLANATION: &str = "\
Each section of a case is encrypted with a key of its own. The relay stores only what is encrypted
and holds no key. Who is granted a section gets its key sealed to their team's or person's key, and
those are sealed to their people's devices: this device opens a section where such a chain leads to
it. When somebody's right ends, the section gets a new key at the latest with the next write: who
left opens nothing of what follows. What they received before, and its key, they keep.

  this device -> you -> your team -> section

`nahtlos key list` shows which keys are held here, `nahtlos key explain CASE SECTION` who holds one.";

pub fn run(context: &Context, command: Option<KeyCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(KeyCommand::List) => list(context),
        Some(KeyCommand::Passphrase) => vault::change_passphrase(context),
        Some(KeyCommand::Paper { page, name }) => paper::make(context, &page, &name),
        Some(KeyCommand::Explain {
            case: Some(case),
            section: Some(section),
        }) => explain(context, &case, &section),
        Some(KeyCommand::Rotate {
            case,
            section,
            all: _,
            answered,
        }) => rotate(context, case.as_deref(), section.as_deref(), answered),
        Some(KeyCommand::Explain { .. }) => Ok(Answer::sentence(
            json!({ "explanation": EXPLANATION }),
            EXPLANATION,
        )),
    }
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let keys = context.open()?.key_lines()?;
    let rows = keys
        .iter()
        .map(|line| {
            vec![
                line.space.clone(),
                line.kind.to_owned(),
                line.state.replace('_', " "),
                line.epochs.to_string(),
                line.wrapped_to.join(", "),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["key of", "kind", "here", "keys so far", "sealed to"],
        rows,
        "No key is held yet.",
    );
    Ok(Answer::new(json!({ "keys": json::value(&keys) }), page))
}

fn explain(context: &Context, case: &str, section: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let kind = section_kind(section)?;
    let case = nahtlos.find_case(case)?;
    let space = case.section(&kind)?.to_string();
    let line = nahtlos
        .key_lines()?
        .into_iter()
        .find(|line| line.id == space);
    let line = line.ok_or_else(|| ClientError::NotFound {
        what: "section",
        input: kind.code(),
    })?;
    let here = match (&line.explanation, line.state) {
        (None, _) => "yes: this device holds the current key".to_owned(),
        (Some(reason), "held") => format!("yes, the current key; but {reason}"),
        (Some(reason), _) => format!("no: {reason}"),
    };
    let page = Page::default()
        .title(format!("Key of {}", line.space))
        .fields([
            ("held here", Some(here)),
            ("sealed to", Some(line.wrapped_to.join(", "))),
            ("keys so far", Some(line.epochs.to_string())),
        ]);
    let page = page.line("Everybody in that list can open the section; the relay cannot.");
    Ok(Answer::new(json!({ "key": json::value(&line) }), page))
}

/// Without a case: everything.
fn rotate(
    context: &Context,
    case: Option<&str>,
    section: Option<&str>,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let rotation = Rotation::Spaces(spaces(&nahtlos, case, section)?);
    let preview = nahtlos.preview_rotation(&rotation)?;
    let left = nahtlos.left_to_others(&rotation)?;
    let data = |done: &str| json!({ "done": done, "keys": json::value(&preview) });
    if preview.left == 0 {
        return Err(nothing_to_rotate());
    }
    let page = Page::default().line(format!(
        "{} made. Nobody loses or gains access by that.",
        count(preview.left, "new key is", "new keys are")
    ));
    let page = others(page, preview);
    if let Some(answer) = ending::unless_confirmed(answered, page, "Make them?", data)? {
        return Ok(answer);
    }
    let rotated = rotate_with_bar(context, &mut nahtlos, &rotation)?;
    let mut data = data("rotated");
    data["rotation"] = json::value(&rotated.keys);
    data["left_to_others"] = json::value(&left);
    Ok(told(
        Answer::new(data, Page::default().line(in_words(&rotated))),
        &rotated,
        &left,
    ))
}

fn spaces(
    nahtlos: &Nahtlos,
    case: Option<&str>,
    section: Option<&str>,
) -> Result<Vec<SpaceId>, Failure> {
    match (case, section) {
        (Some(case), Some(section)) => {
            let kind = section_kind(section)?;
            Ok(vec![nahtlos.find_case(case)?.section(&kind)?])
        }
        (Some(case), None) => Ok(nahtlos
            .find_case(case)?
            .sections
            .values()
            .copied()
            .collect()),
        (None, _) => {
            let lines = nahtlos.key_lines()?;
            let groups = lines
                .iter()
                .filter(|line| matches!(line.kind, "person" | "team" | "section"));
            Ok(groups
                .filter_map(|line| SpaceId::from_hex(&line.id))
                .collect())
        }
    }
}

/// Rotates, with a bar where standard error is a terminal. What is left goes on at the next sync.
///
/// # Errors
/// As [`Nahtlos::rotate_now`].
pub fn rotate_with_bar(
    context: &Context,
    nahtlos: &mut Nahtlos,
    rotation: &Rotation,
) -> Result<Rotated, Failure> {
    let mut transport = context.transport_of(nahtlos)?;
    let bar = ProgressBar::new(0).with_message("new keys");
    bar.set_style(
        ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let report = nahtlos.rotate_now(&mut transport, rotation, &mut |progress| {
        bar.set_length(progress.spaces);
        bar.set_position(progress.rotated);
    });
    bar.finish_and_clear();
    Ok(report?)
}

/// The same after an end that was decided: where the relay is not reached, that comes first, since
/// whoever reads "Revoked" goes to bed.
pub fn rotate_after_end(
    context: &Context,
    nahtlos: &mut Nahtlos,
    rotation: &Rotation,
    not_yet: &str,
) -> Result<Rotated, Failure> {
    rotate_with_bar(context, nahtlos, rotation).map_err(|mut failure| {
        if failure.exit == Exit::RelayUnreachable {
            failure.why = format!("The relay was not reached. {}", failure.why);
            failure.what = format!("{not_yet} It is decided, and queued on this device.");
            failure.next = "The next `nahtlos sync` that reaches the relay carries it out and makes the new keys: \
                            run it as soon as there is a network. `nahtlos decision` shows what waits."
                .into();
        }
        failure
    })
}

/// What came of it, one sentence.
pub fn in_words(rotated: &Rotated) -> String {
    count(
        rotated.keys.rotated,
        "new key was made.",
        "new keys were made.",
    )
}

/// With what the sync has to tell, and what is left to others or to the next one.
pub fn told(answer: Answer, rotated: &Rotated, others: &[LeftToOthers]) -> Answer {
    let mut answer = sync::noted(answer, &rotated.notices);
    let report = rotated.keys;
    if report.not_ours > 0 {
        answer = answer.note(format!(
            "{} not yours to make: who is in a team makes the team's at their next sync, and who writes in a \
             section makes that one's with the next edit there.",
            count(report.not_ours, "more is", "more are")
        ));
    }
    for sentence in by_writers(others) {
        answer = answer.note(sentence);
    }
    if report.left == 0 {
        return answer;
    }
    answer
        .note(format!(
            "{} for the next `nahtlos sync`, which goes on by itself.",
            count(report.left, "more waits", "more wait")
        ))
        .exit(Exit::PartlyHeld)
}

/// The teams whose cases this device does not see: what is to be done there, and by whom. `held` says how
/// their key was had, `then` what to run there besides.
pub fn out_of_sight(unseen: &[TeamOutOfSight], held: &str, then: &str) -> Vec<String> {
    unseen
        .iter()
        .map(|one| {
            let team = &one.team;
            let who = match one.people.as_slice() {
                [] => format!(
                    "Nobody in {team} who may write has a device: `nahtlos recovery` says whether a recovery key opens it."
                ),
                people => format!(
                    "Let one of them do it now ({}): `nahtlos sync`, then `nahtlos key rotate --all`{then}.",
                    people.join(", ")
                ),
            };
            format!(
                "{held} of {team}, and with it the sections of {team}'s cases: you are not in {team}, so this device \
                 does not see which they are and makes no new keys for them. Until somebody of {team} does, each \
                 gets one only with the next edit in it. {who}"
            )
        })
        .collect()
}

/// How many keys are left to whom, each group of writers once.
fn by_writers(others: &[LeftToOthers]) -> Vec<String> {
    let mut groups: BTreeMap<String, (u64, BTreeSet<&str>)> = BTreeMap::new();
    for one in others.iter().filter(|one| !one.closed) {
        let who = match one.writers.as_slice() {
            [] => "nobody known here who writes there and has a device".to_owned(),
            writers => writers.join(", "),
        };
        let (number, names) = groups.entry(who).or_default();
        *number += 1;
        names.extend(one.name.as_deref());
    }
    let each = groups.into_iter();
    each.map(|(who, (number, names))| {
        let names: Vec<&str> = names.into_iter().take(NAMES_SHOWN_MAX).collect();
        let of = if names.is_empty() {
            String::new()
        } else {
            format!(" ({})", names.join(", "))
        };
        format!("  left to {who}: {number}{of}")
    })
    .collect()
}

fn others(page: Page, report: RotationReport) -> Page {
    if report.not_ours == 0 {
        return page;
    }
    page.line(format!(
        "{} left alone: you may not write there.",
        count(report.not_ours, "more is", "more are")
    ))
}

fn nothing_to_rotate() -> Failure {
    Failure::new(
        Exit::NoRight,
        "no_right",
        "You have no right to make a new key there; nothing was done.",
        "Only who may write in a section makes keys for it, and a closed section gets none.",
        "See your right: `nahtlos key list`. Ask somebody who writes there.",
    )
}
