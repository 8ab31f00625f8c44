//! `nahtlos held`: edits that do not count because their author's right had ended, and what could
//! not be delivered or applied. Nothing of it is lost.

use std::path::Path;

use nahtlos_client::Nahtlos;
use nahtlos_client::fate::Fate;
use nahtlos_client::held::HeldEnvelope;
use nahtlos_client::status::HeldLine;
use serde_json::json;

use super::held_page::{
    Looked, decision, place_of, preview_data, preview_page, short, warning, who, why,
};
use super::sync::count;
use super::{ending, held_news};
use crate::arguments::{Answered, HeldCommand, TypedValue};
use crate::context::{Context, write_private_file};
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, command: Option<HeldCommand>) -> Result<Answer, Failure> {
    let mut nahtlos = match &command {
        Some(HeldCommand::Discard { reason, .. }) => {
            input::refuse_command_line(reason)?;
            context.open()?
        }
        _ => context.open()?,
    };
    match command {
        None | Some(HeldCommand::List) => list(&nahtlos),
        Some(HeldCommand::Show { held }) => show(&nahtlos, &held),
        Some(HeldCommand::Adopt { held, answered }) => adopt(&mut nahtlos, &held, answered),
        Some(HeldCommand::Discard {
            held,
            reason,
            answered,
        }) => discard(&mut nahtlos, &held, &reason, answered),
        Some(HeldCommand::Export { to }) => export(&nahtlos, &to),
    }
}

fn list(nahtlos: &Nahtlos) -> Result<Answer, Failure> {
    let edits = nahtlos.held_list()?;
    let other = nahtlos.held_lines()?;
    let rows = edits
        .iter()
        .map(|one| {
            vec![
                short(&one.id),
                place_of(nahtlos, &one.space),
                who(one),
                one.typed_at_ms.map(dates::moment).unwrap_or_default(),
                one.edits
                    .map_or_else(|| "?".into(), |edits| count(edits, "edit", "edits")),
                standing(one),
            ]
        })
        .collect();
    let other_rows = other
        .iter()
        .map(|line| {
            let decided = line.fate.and_then(held_news::decided);
            vec![
                // What never left this device has no id: it is exported, there is nothing to decide.
                line.id.as_deref().map_or_else(|| "–".into(), short),
                line.space
                    .as_deref()
                    .map_or_else(String::new, |space| place_of(nahtlos, space)),
                decided.map_or_else(|| line.sentence.clone(), str::to_owned),
                match line.edits.len() {
                    0 => line.author.as_deref().map_or_else(
                        || "from others".to_owned(),
                        |author| format!("from {author}"),
                    ),
                    edits => count(edits as u64, "edit of yours", "edits of yours"),
                },
            ]
        })
        .collect();
    let mut page = Page::default();
    if !edits.is_empty() {
        page = page.table(
            &["held", "section", "by", "typed", "what", "how it stands"],
            rows,
            "",
        );
    }
    if !other.is_empty() || edits.is_empty() {
        page = page.table(
            &["held", "section", "why", "what"],
            other_rows,
            "Nothing is held.",
        );
    }
    let data = json!({ "held": json::value(&other), "edits": json::value(&edits) });
    let mut answer = Answer::new(data, page);
    let warnings: std::collections::BTreeSet<String> = edits
        .iter()
        .filter(|one| is_open(one))
        .filter_map(warning)
        .collect();
    for warning in warnings {
        answer = answer.note(warning);
    }
    if edits.iter().any(|one| one.may_adopt && is_open(one)) {
        answer = answer.note(
            "`nahtlos held show ID` shows what it would change; `nahtlos held adopt ID` takes it \
             over, `nahtlos held discard ID` decides that it does not count.",
        );
    } else if edits.iter().any(|one| one.own && one.fate.is_waiting()) {
        answer = answer.note(
            "What you wrote is kept. Who manages the section decides with `nahtlos held`; ask the case lead.",
        );
    }
    let decided =
        |own: bool, fate: Option<Fate>| own && fate.is_some_and(|fate| !fate.is_waiting());
    if edits.iter().any(|one| decided(one.own, Some(one.fate)))
        || other.iter().any(|line| decided(true, line.fate))
    {
        answer = answer.note(
            "What was decided about your own is put away with `nahtlos held discard ID`; nothing is sent for it.",
        );
    }
    if other.iter().any(|line| !line.edits.is_empty()) {
        answer = answer.note(
            "`nahtlos held export --to FILE` writes your own refused edits, as you typed them.",
        );
    }
    Ok(answer)
}

fn show(nahtlos: &Nahtlos, id: &str) -> Result<Answer, Failure> {
    if let Some(line) = nahtlos.held_aside(id)? {
        return Ok(show_aside(nahtlos, &line));
    }
    let looked = Looked::at(nahtlos, id)?;
    let one = looked.envelope();
    let id = short(&one.id);
    let answer = Answer::new(looked.data(), looked.page(nahtlos)?);
    Ok(if one.own && !one.fate.is_waiting() {
        answer.note(format!(
            "`nahtlos held discard {id}` puts it away; nothing is sent."
        ))
    } else if one.adopting {
        answer.note(format!(
            "`nahtlos sync` tells the others; until then `nahtlos held discard {id}` decides otherwise."
        ))
    } else if one.may_adopt && one.discarded.is_some() {
        answer.note(ending::WITH_NEXT_SYNC)
    } else if one.may_adopt && matches!(looked, Looked::Closed(_)) {
        answer.note(format!(
            "Decide that it does not count with `nahtlos held discard {id}`."
        ))
    } else if one.may_adopt {
        answer.note(format!(
            "Take it over with `nahtlos held adopt {id}`, or decide that it does not count with \
             `nahtlos held discard {id}`."
        ))
    } else {
        answer.note("Who manages the section decides about it; nothing of it is lost.")
    })
}

/// One's own in a section whose copy was erased here.
fn show_aside(nahtlos: &Nahtlos, line: &HeldLine) -> Answer {
    let fate = line.fate.unwrap_or(Fate::Waiting);
    let edits = line.edits.len() as u64;
    let space = line.space.as_deref().unwrap_or_default();
    let page = Page::default()
        .title(place_of(nahtlos, space))
        .fields([
            ("by", Some("you".to_owned())),
            ("what", Some(count(edits, "edit", "edits"))),
            ("held because", Some(line.sentence.clone())),
            ("decided", Some(decision(fate).to_owned())),
        ])
        .line("The copy of that section was erased here; what you typed yourself is kept.");
    Answer::new(json!({ "aside": json::value(line) }), page)
        .note("`nahtlos held export --to FILE` writes what you typed.")
}

fn adopt(nahtlos: &mut Nahtlos, id: &str, answered: Answered) -> Result<Answer, Failure> {
    let preview = nahtlos.held_show(id)?;
    let data = |done: &str| {
        let mut data = preview_data(&preview);
        data["done"] = done.into();
        data
    };
    if preview.envelope.adopting {
        let said = "It is taken over already; nothing was changed.";
        return Ok(Answer::sentence(data("nothing"), said).note("`nahtlos sync` tells the others."));
    }
    let page = preview_page(nahtlos, &preview)?
        .line("It will count for everybody, under its author's name; the log shows that you took it over.");
    if let Some(answer) = ending::unless_confirmed(answered, page, "Take it over?", data)? {
        return Ok(answer);
    }
    nahtlos.held_adopt(&preview.envelope.id)?;
    let said = format!("Taken over: what {} wrote counts.", who(&preview.envelope));
    Ok(Answer::sentence(data("adopted"), said).note("`nahtlos sync` tells the others."))
}

fn discard(
    nahtlos: &mut Nahtlos,
    id: &str,
    reason: &TypedValue,
    answered: Answered,
) -> Result<Answer, Failure> {
    if let Some((id, space, fate)) = own_decided(nahtlos, id)? {
        return put_away(nahtlos, &id, &space, fate, answered);
    }
    // Before anybody types a reason.
    nahtlos.check_discard(id)?;
    let looked = Looked::at(nahtlos, id)?;
    let data = |done: &str| {
        let mut data = looked.data();
        data["done"] = done.into();
        data
    };
    let page = looked.page(nahtlos)?
        .line("It will count for nobody. Its author keeps what they wrote, and their next sync tells them that it was discarded.");
    if answered.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Ok(Answer::new(data("dry_run"), page));
    }
    if !answered.yes {
        page.show_before_asking();
    }
    let reason = input::new_value(reason, "Why it does not count (kept on this device)")?;
    if !answered.yes && !input::confirm("Discard it?")? {
        return Ok(Answer::sentence(data("nothing"), "Nothing was done."));
    }
    nahtlos.held_discard(&looked.envelope().id, &reason)?;
    let said = format!(
        "Discarded: what {} wrote does not count.",
        who(looked.envelope())
    );
    Ok(Answer::sentence(data("discarded"), said).note(ending::WITH_NEXT_SYNC))
}

/// One's own that was decided about, or whose copy was erased here: full id, section, fate. None where
/// no single one is meant.
fn own_decided(nahtlos: &Nahtlos, id: &str) -> Result<Option<(String, String, Fate)>, Failure> {
    if let Some(line) = nahtlos.held_aside(id)? {
        let space = line.space.unwrap_or_default();
        let found = line.id.zip(line.fate);
        return Ok(found.map(|(id, fate)| (id, space, fate)));
    }
    let wanted = id.trim().to_lowercase();
    let mut found = nahtlos.held_list()?;
    found.retain(|one| one.id.starts_with(&wanted));
    let one = found.pop().filter(|_| found.is_empty());
    let one = one.filter(|one| one.own && !one.fate.is_waiting());
    Ok(one.map(|one| (one.id, one.space, one.fate)))
}

/// There is nothing left to decide: no reason is asked for, and nothing is sent.
fn put_away(
    nahtlos: &mut Nahtlos,
    id: &str,
    space: &str,
    fate: Fate,
    answered: Answered,
) -> Result<Answer, Failure> {
    let data = |done: &str| json!({ "id": id, "fate": json::value(&fate), "done": done });
    let page = Page::default()
        .title(place_of(nahtlos, space))
        .fields([
            ("by", Some("you".to_owned())),
            ("decided", Some(decision(fate).to_owned())),
        ])
        .line("It is listed no more, and what you typed there is no longer kept apart for you. Nothing is sent.");
    if let Some(answer) = ending::unless_confirmed(answered, page, "Put it away?", data)? {
        return Ok(answer);
    }
    nahtlos.held_discard(id, "")?;
    Ok(Answer::sentence(
        data("put_away"),
        "Put away. Nothing is sent for it.",
    ))
}

fn export(nahtlos: &Nahtlos, to: &Path) -> Result<Answer, Failure> {
    let held = nahtlos.own_edits_kept()?;
    // Also where the next sync would send it: this is how it is kept before a home is wiped.
    let kept = nahtlos.undelivered()?;
    let data = json!({ "held": json::value(&held), "undelivered": json::value(&kept) });
    let text = json::render(&data);
    if to.as_os_str() == "-" {
        return Ok(Answer::new(
            data,
            Page::default().verbatim(format!("{text}\n")),
        ));
    }
    write_private_file(to, format!("{text}\n").as_bytes())?;
    let held = held.iter().map(|line: &HeldLine| line.edits.len());
    let edits: usize = held.chain(kept.iter().map(|one| one.edits.len())).sum();
    let said = format!(
        "{} in {}.",
        count(edits as u64, "edit is", "edits are"),
        to.display()
    );
    Ok(
        Answer::sentence(json!({ "file": to, "edits": edits }), said)
            .note("The file is not encrypted: delete it when it has served."),
    )
}

/// What became of one's own, or why it does not count.
fn standing(one: &HeldEnvelope) -> String {
    let decided = held_news::decided(one.fate).filter(|_| one.own);
    decided.map_or_else(|| why(one), str::to_owned)
}

/// Whether nobody has decided about it yet, as far as this device knows.
pub fn is_open(one: &HeldEnvelope) -> bool {
    !one.adopting && one.discarded.is_none() && one.fate.is_waiting()
}
