//! `nahtlos held`: edits that do not count because their author's right had ended, and what could
//! not be delivered or applied. Nothing of it is lost.

use std::path::Path;

use nahtlos_client::Nahtlos;
use nahtlos_client::held::{HeldEnvelope, HeldPreview};
use nahtlos_client::status::HeldLine;
use serde_json::{Value, json};

use super::names::Names;
use super::section_history::{differences_table, to_json};
use super::sync::count;
use super::{ending, section_kind};
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
                why(one),
            ]
        })
        .collect();
    let other_rows = other
        .iter()
        .map(|line| {
            vec![
                line.space
                    .as_deref()
                    .map_or_else(String::new, |space| place_of(nahtlos, space)),
                line.sentence.clone(),
                match line.edits.len() {
                    0 => "from others".to_owned(),
                    edits => count(edits as u64, "edit of yours", "edits of yours"),
                },
            ]
        })
        .collect();
    let mut page = Page::default();
    if !edits.is_empty() {
        page = page.table(
            &[
                "held",
                "section",
                "by",
                "typed",
                "what",
                "why it does not count",
            ],
            rows,
            "",
        );
    }
    if !other.is_empty() || edits.is_empty() {
        page = page.table(&["section", "why", "what"], other_rows, "Nothing is held.");
    }
    let data = json!({ "held": json::value(&other), "edits": json::value(&edits) });
    let mut answer = Answer::new(data, page);
    if edits.iter().any(|one| one.may_adopt && is_open(one)) {
        answer = answer.note(
            "`nahtlos held show ID` shows what it would change; `nahtlos held adopt ID` takes it \
             over, `nahtlos held discard ID` decides that it does not count.",
        );
    } else if edits.iter().any(|one| one.own) {
        answer = answer.note(
            "What you wrote is kept. Who manages the section decides with `nahtlos held`; ask the case lead.",
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
    let preview = nahtlos.held_show(id)?;
    let id = short(&preview.envelope.id);
    let page = preview_page(nahtlos, &preview)?;
    let answer = Answer::new(preview_data(&preview), page);
    Ok(if preview.envelope.may_adopt {
        answer.note(format!(
            "Take it over with `nahtlos held adopt {id}`, or decide that it does not count with \
             `nahtlos held discard {id}`."
        ))
    } else {
        answer.note("Who manages the section decides about it; nothing of it is lost.")
    })
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
    // Before anybody types a reason.
    nahtlos.check_discard(id)?;
    let preview = nahtlos.held_show(id)?;
    let data = |done: &str| {
        let mut data = preview_data(&preview);
        data["done"] = done.into();
        data
    };
    let page = preview_page(nahtlos, &preview)?
        .line("It will count for nobody. Its author keeps what they wrote, and sees that it was discarded where they may still read the section.");
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

fn preview_page(nahtlos: &Nahtlos, preview: &HeldPreview) -> Result<Page, Failure> {
    let one = &preview.envelope;
    let page = Page::default()
        .title(place_of(nahtlos, &one.space))
        .fields([
            ("by", Some(who(one))),
            ("typed", one.typed_at_ms.map(dates::moment)),
            ("arrived", one.received_at_ms.map(dates::moment)),
            ("held because", Some(why(one))),
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
        ])
        .line("What it would change, against what counts now:");
    let (Some(kind), Some(case)) = (&preview.section, &one.case) else {
        return Ok(page);
    };
    let case = nahtlos.find_case(case)?;
    let document = nahtlos.section_document(&case, &section_kind(&kind.code())?)?;
    let names = Names::of_case(nahtlos, &case);
    Ok(differences_table(
        page,
        kind,
        &document,
        &preview.differences,
        &names,
    ))
}

fn preview_data(preview: &HeldPreview) -> Value {
    let differences: Vec<Value> = preview.differences.iter().map(to_json).collect();
    json!({
        "edit": json::value(&preview.envelope),
        "with": json::value(&preview.with),
        "differences": differences,
    })
}

fn export(nahtlos: &Nahtlos, to: &Path) -> Result<Answer, Failure> {
    let held = nahtlos.set_aside_edits()?;
    // A copied home sends nothing any more: what was typed in it goes out this way.
    let kept = match nahtlos.other_copy()? {
        Some(_) => nahtlos.undelivered()?,
        None => Vec::new(),
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

fn who(one: &HeldEnvelope) -> String {
    match (one.own, one.institution.as_str()) {
        (true, _) => "you".into(),
        (false, "") => format!("{} (institution not confirmed)", one.author),
        (false, institution) => format!("{} ({institution})", one.author),
    }
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

/// Whether nobody has decided about it yet, as far as this device knows.
pub fn is_open(one: &HeldEnvelope) -> bool {
    let is_discarded = one.discarded.is_some() || one.reason == "voided";
    !one.adopting && !is_discarded
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
