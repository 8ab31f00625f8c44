//! `nahtlos case erase`, and what is left to be told of a case that was erased.

use nahtlos_casework::retention::{Retention, reason_names};
use nahtlos_client::case_erasing::ordering::ErasurePreview;
use nahtlos_client::case_erasing::telling::{DeviceWord, ErasedCase};
use nahtlos_client::{Case, ClientError, Nahtlos};
use serde_json::json;

use super::case_title;
use super::share::former_rows;
use super::sync::count;
use crate::arguments::CaseErase;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

/// Said before and after: what no order reaches.
const NOT_REACHED: [&str; 3] = [
    "Not reached, and not recalled by anything: devices that never sync again, printed pages, exported files, bundles, \
     backups of devices and of the relay, slices and sections whose readers lost access before, other institutions' \
     own notes, and what people know.",
    "The relay drops what it stores of the sections at once, and keeps their logs (who had access, without content). \
     That it does, and that a device did, is their word.",
    "What somebody typed in this case and did not deliver stays with them, as held, until they put it away.",
];

pub fn erase(context: &Context, request: &CaseErase) -> Result<Answer, Failure> {
    let retention = context.retention()?;
    let mut nahtlos = context.open()?;
    let case = match nahtlos.find_case(&request.case) {
        Ok(case) => case,
        Err(error) => return Err(erased_or(&nahtlos, &request.case, error)),
    };
    if request.take_back {
        let sections = nahtlos.take_erasure_back(&case)?;
        let data =
            json!({ "done": "taken_back", "case": case.id.to_string(), "sections": sections });
        let title = case_title(&nahtlos, &case)?;
        return Ok(Answer::sentence(
            data,
            format!("{title} is not erased: the decision is taken back."),
        ));
    }
    let reason = request.reason.as_deref().unwrap_or_default();
    let preview = nahtlos
        .preview_case_erasure(&case, reason, &retention)
        .map_err(|error| refused(&request.case, error))?;
    let data = |done: &str| json!({ "done": done, "erasure": json::value(&preview) });
    let page = preview_page(&preview, &retention);
    if request.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Ok(Answer::new(data("dry_run"), page));
    }
    let reference = preview.number.as_deref().unwrap_or(&preview.case);
    match &request.confirm {
        Some(typed) => require_same(reference, typed)?,
        None if input::may_ask() => {
            page.show_before_asking();
            let typed = input::ask_line(&format!(
                "This cannot be undone. To erase it, type its number ({reference})"
            ))?;
            require_same(reference, &typed)?;
        }
        None => return Err(not_confirmed(&request.case, reason, reference)),
    }
    let erased = nahtlos.erase_case(&case, reason, &retention)?;
    let said = format!(
        "Decided: {reference} is erased with the next `nahtlos sync`, for everybody and for good."
    );
    Ok(Answer::sentence(data("decided"), said)
        .note(format!(
            "Afterwards only its identifier names it: {}. Note it down with your own records.",
            erased.case
        ))
        .note(format!(
            "Until then `nahtlos case erase {} --take-back` takes it back, whole.",
            request.case
        ))
        .note("`nahtlos case list --erased` shows whose devices have confirmed it."))
}

/// Cases that were erased.
pub fn list(context: &Context) -> Result<Answer, Failure> {
    let retention = context.retention()?;
    let nahtlos = context.open()?;
    let erased = nahtlos.erased_cases()?;
    let rows = erased.iter().map(|one| {
        vec![
            short(one),
            one.erased_at_ms.map_or_else(String::new, dates::moment),
            by(one),
            reason(&retention, one.reason.as_deref()),
            format!("{} of {}", one.confirmed(), one.devices.len()),
            match one.own_edits {
                0 => String::new(),
                edits => count(edits as u64, "edit of yours", "edits of yours"),
            },
        ]
    });
    let page = Page::default().table(
        &[
            "case",
            "erased",
            "by",
            "reason",
            "devices confirmed",
            "held here",
        ],
        rows.collect(),
        "No case was erased here.",
    );
    let data = json!({ "erased": json::value(&erased) });
    let answer = Answer::new(data, page);
    Ok(match erased.is_empty() {
        true => answer,
        false => answer.note("`nahtlos case show CASE` names the devices that have not confirmed."),
    })
}

/// For `case show`: an erased case, where there is no other one of this name.
///
/// # Errors
/// What was said of the name, where no case of it was erased.
pub fn show(
    context: &Context,
    nahtlos: &Nahtlos,
    typed: &str,
    not_found: ClientError,
) -> Result<Answer, Failure> {
    let Ok(erased) = nahtlos.find_erased_case(typed) else {
        return Err(not_found.into());
    };
    let retention = context.retention()?;
    let names = erased
        .reason
        .as_deref()
        .map(|code| reason_names(&retention, code));
    let page = Page::default()
        .title(format!("Erased case {}", short(&erased)))
        .fields([
            ("erased", erased.erased_at_ms.map(dates::moment)),
            ("by", Some(by(&erased))),
            (
                "reason",
                names.map(|[de, fr, en]| format!("{en} · {de} · {fr}")),
            ),
            ("on this device", Some(dates::moment(erased.here_at_ms))),
            (
                "held here",
                (erased.own_edits > 0).then(|| {
                    format!(
                        "{}: `nahtlos held export --to FILE`",
                        count(erased.own_edits as u64, "edit of yours", "edits of yours")
                    )
                }),
            ),
        ])
        .table(
            &[
                "whose device",
                "device",
                "last heard of before",
                "their copy",
            ],
            erased.devices.iter().map(word_row).collect(),
            "No device is known that could read it.",
        )
        .line(NOT_REACHED.first().copied().unwrap_or_default());
    Ok(Answer::new(json!({ "erased": json::value(&erased) }), page))
}

/// For commands about a case that is not found: it may have been erased.
pub fn erased_or(nahtlos: &Nahtlos, typed: &str, error: ClientError) -> Failure {
    match nahtlos.find_erased_case(typed) {
        Ok(erased) => Failure::new(
            Exit::Failed,
            "case_erased",
            format!("The case {} was erased.", short(&erased)),
            "Everything that stood in it is gone, who read it and what was disclosed too.",
            format!(
                "`nahtlos case show {}` says when, by whom and who has confirmed.",
                short(&erased)
            ),
        ),
        Err(_) => error.into(),
    }
}

fn preview_page(preview: &ErasurePreview, retention: &Retention) -> Page {
    let reference = preview.number.as_deref().unwrap_or(&preview.case);
    let ends = preview.retention_ends.map(|day| day.to_string());
    let mut page = Page::default()
        .title(format!("Erase {reference}"))
        .fields([
            ("closed", Some(preview.closed_on.to_string())),
            ("to be kept until", ends),
            ("reason", Some(reason(retention, Some(&preview.reason)))),
            ("sections", Some(preview.sections.join(", "))),
            (
                "held there",
                (preview.held > 0).then(|| {
                    count(
                        preview.held as u64,
                        "change, undecided: it goes too",
                        "changes, undecided: they go too",
                    )
                }),
            ),
        ])
        .table(
            &["whose device", "device", "last heard of", ""],
            preview
                .devices
                .iter()
                .map(|word| {
                    let mut row = word_row(word);
                    row.pop();
                    row.push("erases its copy when it syncs".into());
                    row
                })
                .collect(),
            "No device can read it.",
        );
    if !preview.stay.is_empty() {
        let rows = preview
            .stay
            .iter()
            .map(|one| vec![one.section.clone(), one.managers.join(", ")]);
        page = page.table(
            &["stays", "managed by, who alone can erase it"],
            rows.collect(),
            "",
        );
    }
    if !preview.former.is_empty() {
        let headers = ["lost access before", "section", "since", "their copy"];
        page = page.table(&headers, former_rows(&preview.former), "");
    }
    if !preview.disclosed.is_empty() {
        let rows = preview.disclosed.iter().map(|one| {
            vec![
                one.to.clone(),
                one.form.clone().unwrap_or_default(),
                one.sections.join(", "),
                one.at.map_or_else(String::new, |at| at.to_string()),
            ]
        });
        page = page.table(&["given to", "as", "sections", "when"], rows.collect(), "");
    }
    NOT_REACHED.into_iter().fold(page, Page::line)
}

fn word_row(word: &DeviceWord) -> Vec<String> {
    let institution = word.institution.as_ref();
    let institution = institution.map_or_else(String::new, |name| format!(", {name}"));
    let this = if word.this { " (this one)" } else { "" };
    vec![
        format!("{}{institution}", word.person),
        format!("{}{this}", word.device),
        word.heard_at_ms
            .map_or_else(|| "not known".into(), dates::moment),
        match word.confirmed_at_ms {
            Some(at_ms) if word.confirmed() => format!("erased, {}", dates::moment(at_ms)),
            _ if word.confirmed() => "erased".into(),
            _ => "not confirmed".into(),
        },
    ]
}

fn by(erased: &ErasedCase) -> String {
    let institution = erased.institution.as_ref();
    institution.map_or_else(
        || erased.by.clone(),
        |institution| format!("{}, {institution}", erased.by),
    )
}

fn short(erased: &ErasedCase) -> String {
    erased.id.clone().unwrap_or_else(|| "unknown".into())
}

fn reason(retention: &Retention, code: Option<&str>) -> String {
    let names = code.map(|code| reason_names(retention, code));
    names.map_or_else(|| "not known here".into(), |[_, _, en]| en)
}

fn require_same(reference: &str, typed: &str) -> Result<(), Failure> {
    if typed.trim().eq_ignore_ascii_case(reference) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "confirmation_differs",
        "Nothing was done: what was typed is not the number of the case.",
        format!("The case is {reference}; an erasure cannot be undone, so the number is compared."),
        "Look at the case with `nahtlos case show CASE`, then run the command again.",
    ))
}

fn not_confirmed(case: &str, reason: &str, reference: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "confirmation_missing",
        "Nothing was done: an erasure cannot be undone, and nobody can be asked here.",
        "The number of the case has to be typed back.",
        format!(
            "See what it would do with `nahtlos case erase {case} --reason {reason} --dry-run`; then add \
             `--confirm {reference}`."
        ),
    )
}

/// Why it may not be, with the next command for this very case.
fn refused(typed: &str, error: ClientError) -> Failure {
    let code = error.code();
    let mut failure = Failure::from(error);
    match code {
        "not_closed" => {
            failure.next = format!("`nahtlos case close {typed} --reason CODE` closes it first.");
        }
        "not_synchronised" => {
            failure.next = format!("Run `nahtlos sync`, then `nahtlos case erase {typed}` again.");
        }
        _ => {}
    }
    failure
}

/// What stands above a case whose erasure is decided and not carried out.
pub fn decided(nahtlos: &Nahtlos, case: &Case) -> Result<Option<String>, Failure> {
    let decided = nahtlos.is_erasure_decided(case)?;
    Ok(decided.then(|| {
        let reference = case.id.to_string();
        format!(
            "The erasure of this case is decided: the next `nahtlos sync` carries it out, for everybody and for good. \
             `nahtlos case erase {reference} --take-back` takes it back."
        )
    }))
}

/// Whether a case is among those of this device, for who types its number.
pub fn find(nahtlos: &Nahtlos, typed: &str) -> Result<Case, Failure> {
    nahtlos
        .find_case(typed)
        .map_err(|error| erased_or(nahtlos, typed, error))
}
