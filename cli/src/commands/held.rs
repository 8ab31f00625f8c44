//! `nahtlos held`: edits that do not count because their author's right had ended, and what could
//! not be delivered or applied. Nothing of it is lost.

use std::path::Path;

use nahtlos_client::Nahtlos;
use nahtlos_client::fate::Fate;
use nahtlos_client::held::{HeldEnvelope, HeldPreview};
use nahtlos_client::revocation::Revocation;
use nahtlos_client::status::HeldLine;
use serde_json::{Value, json};

use super::names::Names;
use super::section_history::{differences_table, to_json};
use super::sync::count;
use super::{conflict, ending, held_news, section_kind};
use crate::arguments::{Answered, HeldCommand, TypedValue};
use crate::context::{Context, write_private_file};
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

/// Characters of an identifier that lists show.
const SHOWN: usize = 8;

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
                line.id.as_deref().map(short).unwrap_or_default(),
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
    for warning in edits.iter().filter(|one| is_open(one)).filter_map(warning) {
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
    let preview = nahtlos.held_show(id)?;
    let id = short(&preview.envelope.id);
    let page = preview_page(nahtlos, &preview)?;
    let answer = Answer::new(preview_data(&preview), page);
    Ok(
        if preview.envelope.own && !preview.envelope.fate.is_waiting() {
            answer.note(format!(
                "`nahtlos held discard {id}` puts it away; nothing is sent."
            ))
        } else if preview.envelope.may_adopt {
            answer.note(format!(
            "Take it over with `nahtlos held adopt {id}`, or decide that it does not count with \
             `nahtlos held discard {id}`."
        ))
        } else {
            answer.note("Who manages the section decides about it; nothing of it is lost.")
        },
    )
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

/// What was decided, or that nothing was.
fn decision(fate: Fate) -> &'static str {
    held_news::decided(fate).unwrap_or("not yet: whoever manages the section decides")
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
    let preview = nahtlos.held_show(id)?;
    let data = |done: &str| {
        let mut data = preview_data(&preview);
        data["done"] = done.into();
        data
    };
    let page = preview_page(nahtlos, &preview)?
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
    nahtlos.held_discard(&preview.envelope.id, &reason)?;
    let said = format!(
        "Discarded: what {} wrote does not count.",
        who(&preview.envelope)
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

fn preview_page(nahtlos: &Nahtlos, preview: &HeldPreview) -> Result<Page, Failure> {
    let one = &preview.envelope;
    let page = Page::default()
        .title(place_of(nahtlos, &one.space))
        .fields([
            ("by", Some(who(one))),
            ("typed", one.typed_at_ms.map(dates::moment)),
            ("arrived", one.received_at_ms.map(dates::moment)),
            ("held because", Some(why(one))),
            ("decided", one.own.then(|| decision(one.fate).to_owned())),
            (
                "comes with it",
                (!preview.with.is_empty()).then(|| {
                    let with: Vec<String> = preview
                        .with
                        .iter()
                        .map(|other| format!("{} by {}", short(&other.id), who(other)))
                        .collect();
                    with.join(", ")
                }),
            ),
        ]);
    let page = match warning(one) {
        Some(warning) => page.line(warning),
        None => page,
    };
    let page = page.line("What it would change, against what counts now:");
    let (Some(kind), Some(case)) = (&preview.section, &one.case) else {
        return Ok(page);
    };
    let case = nahtlos.find_case(case)?;
    let document = nahtlos.section_document(&case, &section_kind(&kind.code())?)?;
    let names = Names::of_case(nahtlos, &case);
    let (differences, conflicts) = (&preview.differences, &preview.conflicts);
    let page = if differences.is_empty() && !conflicts.is_empty() {
        page.line("No value that is shown now; but it does not agree with what was written since:")
    } else {
        differences_table(page, kind, &document, differences, &names)
    };
    if conflicts.is_empty() {
        return Ok(page);
    }
    let page = page.line(format!(
        "It makes {} that somebody has to settle (`nahtlos conflict`):",
        count(conflicts.len() as u64, "conflict", "conflicts")
    ));
    Ok(conflict::table_of(page, conflicts, &names))
}

fn preview_data(preview: &HeldPreview) -> Value {
    let differences: Vec<Value> = preview.differences.iter().map(to_json).collect();
    json!({
        "edit": json::value(&preview.envelope),
        "with": json::value(&preview.with),
        "differences": differences,
        "conflicts": json::value(&preview.conflicts),
    })
}

fn export(nahtlos: &Nahtlos, to: &Path) -> Result<Answer, Failure> {
    let held = nahtlos.own_edits_kept()?;
    // A copied or restored home sends nothing any more: what was typed in it goes out this way.
    let sends_nothing = nahtlos.other_copy()?.is_some() || nahtlos.restored_backup()?.is_some();
    let kept = if sends_nothing {
        nahtlos.undelivered()?
    } else {
        Vec::new()
    };
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

/// Who wrote it, and on which device where its right has ended: then nobody knows who had it in hand.
pub fn who(one: &HeldEnvelope) -> String {
    let author = match (one.own, one.institution.as_str()) {
        (true, _) if one.by_this_device => return "you".into(),
        (true, _) if one.device_revoked.is_some() => "in your name".into(),
        (true, _) => "you".into(),
        (false, "") => format!("{} (institution not confirmed)", one.author),
        (false, institution) => format!("{} ({institution})", one.author),
    };
    match (&one.device_revoked, one.own) {
        (Some(revoked), _) => format!("{author}, on {}", device_in_words(&one.device, revoked)),
        (None, true) => format!("{author}, on {}", one.device),
        (None, false) => author,
    }
}

/// A device whose right ended: `4ZQX-…, revoked as lost on 22.11.2026 10:00`.
pub fn device_in_words(device: &str, revoked: &Revocation) -> String {
    let lost = if revoked.is_lost() { " as lost" } else { "" };
    format!("{device}, revoked{lost} on {}", dates::moment(revoked.at_ms()))
}

/// What to do before it is taken over, where somebody else may have typed it.
fn warning(one: &HeldEnvelope) -> Option<String> {
    let revoked = one.device_revoked.as_ref()?;
    if one.by_this_device || !one.fate.is_waiting() {
        return None;
    }
    let whose = if one.own { "your" } else { "their" };
    let ask = if one.own {
        "take over only what you typed yourself".to_owned()
    } else {
        format!("ask {} what they typed before you take it over", one.author)
    };
    Some(format!(
        "It was written on {}. Whoever has that device and its passphrase can write in {whose} name: {ask}.",
        device_in_words(&one.device, revoked)
    ))
}

fn why(one: &HeldEnvelope) -> String {
    if one.adopting {
        return "taken over; the next sync tells the others".into();
    }
    if let Some(reason) = &one.discarded {
        return format!("you discarded it: {reason}");
    }
    one.sentence.to_string()
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

/// Case number and section, where this device knows them.
pub fn place_of(nahtlos: &Nahtlos, space: &str) -> String {
    let cases = nahtlos.cases().unwrap_or_default();
    cases
        .iter()
        .find_map(|case| {
            let (code, _) = case.sections.iter().find(|(_, id)| *id == space)?;
            let number = case.summary.case_number.as_deref().unwrap_or(&case.id);
            Some(format!("{number} {code}"))
        })
        .unwrap_or_default()
}

fn short(id: &str) -> String {
    id.chars().take(SHOWN).collect()
}
