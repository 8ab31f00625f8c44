//! What each command does, one file a thing.

mod access_log;
mod administrator;
mod attachment;
mod attention;
mod bundle;
mod bundle_open;
mod case;
mod case_erase;
mod case_export;
mod case_handover;
mod case_import;
mod case_open;
mod case_process;
mod case_take_over;
mod conflict;
mod conflict_inbox;
mod consent;
mod consent_change;
mod consent_give;
mod consent_proof;
mod consent_terms;
mod consent_withdraw;
mod decision;
mod device;
mod device_breach;
mod device_join;
mod device_restore;
mod device_revoke;
mod device_wipe;
mod disclosing;
mod dispute;
mod doctor;
mod draft;
mod ending;
mod enquiry;
mod entries;
mod founding;
mod function;
mod held;
mod held_news;
mod held_page;
mod institution;
mod institution_merge;
mod institution_policy;
mod institution_show;
mod invitation;
mod journal;
mod key;
mod list;
mod meeting;
mod meeting_call;
mod meeting_print;
mod member;
mod member_role;
mod names;
mod network;
mod newcomer;
mod open_invitation;
mod pages;
mod paper;
pub mod paper_words;
mod plan;
mod plan_extras;
mod plan_print;
mod plan_print_words;
mod plan_version;
mod plan_version_pages;
mod printed_page;
mod reads_recorded;
mod recovery;
mod recovery_print;
mod sample;
mod search;
mod section;
mod section_erase;
mod section_fields;
mod section_form;
mod section_history;
mod share;
mod share_slice;
mod step;
mod subject;
mod subject_page;
mod subject_sections;
mod subject_words;
mod sync;
mod task;
mod task_list;
mod team;
pub mod values;
mod vault;
mod withdrawal;

use std::process::ExitCode;

use clap::CommandFactory;
use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::Edit;
use nahtlos_client::{Case, ClientError, Nahtlos};
use serde_json::json;

use crate::arguments::{Arguments, Command, DocsOptions, command_line_reference, manual_pages};
use crate::context::Context;
use crate::demo::DemoOptions;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page};

/// Runs one command.
///
/// # Errors
/// What a person is told where it fails.
pub fn run(context: &Context, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Network { command } => network::run(context, command),
        Command::Institution { command } => institution::run(context, command),
        Command::Team { command } => team::run(context, command),
        Command::Member { command } => member::run(context, command),
        Command::Device { command } => device::run(context, command),
        Command::Key { command } => key::run(context, command),
        Command::Recovery { command } => recovery::run(context, command),
        Command::Vault { command } => vault::run(context, command),
        Command::Bundle { command } => bundle::run(context, command),
        Command::Case { filter, command } => case::run(context, filter, command),
        Command::Enquiry { command } => enquiry::run(context, command),
        Command::Search { words, limit } => search::run(context, &words, limit),
        Command::Section { command } => section::run(context, command),
        Command::Attachment { command } => attachment::run(context, command),
        Command::Plan { command } => plan::run(context, command),
        Command::Journal { case, command } => journal::run(context, case, command),
        Command::Function { case, command } => function::run(context, case, command),
        Command::Task { case, command } => task::run(context, case, command),
        Command::Meeting { command } => meeting::run(context, command),
        Command::Share { command } => share::run(context, command),
        Command::Consent { case, command } => consent::run(context, case, command),
        Command::Subject { command } => subject::run(context, command),
        Command::Conflict { command } => conflict::run(context, command),
        Command::Decision { command } => decision::run(context, command),
        Command::Sync { all } => sync::sync(context, all),
        Command::Status => sync::status(context),
        Command::Doctor { acknowledge } => doctor::run(context, acknowledge),
        Command::Held { command } => held::run(context, command),
        Command::Draft { command } => draft::run(context, command),
        Command::Demo(options) => Ok(demo(&options)),
        Command::List { command } => list::run(context, command),
        Command::Sample { command } => sample::run(&command),
        Command::Completions { shell } => Ok(completions(shell)),
        Command::Docs(options) => docs(&options),
    }
}

/// The demo tells its story itself, while it happens.
fn demo(options: &DemoOptions) -> Answer {
    let told = crate::demo::run(options) == ExitCode::SUCCESS;
    Answer::told(if told { Exit::Done } else { Exit::Failed })
}

fn completions(shell: clap_complete::Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "nahtlos", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Answer::new(
        json!({ "script": script }),
        Page::default().verbatim(script),
    )
}

fn docs(options: &DocsOptions) -> Result<Answer, Failure> {
    if let Some(directory) = &options.man {
        manual_pages(directory).map_err(|error| Failure::file("written", directory, &error))?;
        let said = format!("Manual pages written to {}.", directory.display());
        return Ok(Answer::sentence(json!({ "directory": directory }), said));
    }
    let reference = command_line_reference();
    Ok(Answer::new(
        json!({ "markdown": reference }),
        Page::default().verbatim(reference),
    ))
}

/// What a written edit is followed by.
const NOT_DELIVERED_YET: &str = "Stored on this device; `nahtlos sync` delivers it.";

/// Makes one edit of a case.
fn edit(nahtlos: &mut Nahtlos, case: &Case, edit: Edit) -> Result<(), Failure> {
    Ok(nahtlos.edit_case(&case.id.to_string(), &[edit])?)
}

/// Several things that could be meant.
fn ambiguous(what: &'static str, input: &str, matches: impl Iterator<Item = String>) -> Failure {
    Failure::from(ClientError::Ambiguous {
        what,
        input: input.to_owned(),
        matches: matches.collect(),
    })
}

/// Reads a section's code.
fn section_kind(code: &str) -> Result<SectionKind, Failure> {
    Ok(SectionKind::parse(code)?)
}

/// The section of a case that is meant: by its code, or by the beginning of one such as `measure`
/// where the case has one of that kind.
fn section_of(case: &Case, typed: &str) -> Result<SectionKind, Failure> {
    let wanted = typed.trim();
    let beginning = format!("{wanted}/");
    let mut found = case
        .sections
        .keys()
        .filter(|kind| kind.code() == wanted || kind.code().starts_with(&beginning));
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind.clone()),
        // Of slices of one section for one institution the newest is meant.
        (Some(first), Some(second)) if one_series(case, &beginning) => {
            let newest = found.fold(first.max(second), Ord::max);
            Ok(newest.clone())
        }
        (Some(_), Some(_)) => {
            let all = case.sections.keys().map(SectionKind::code);
            Err(ambiguous(
                "sections",
                typed,
                all.filter(|code| code.starts_with(&beginning)),
            ))
        }
        _ => section_kind(wanted),
    }
}

/// Whether all sections that begin so are slices of one section for one institution.
fn one_series(case: &Case, beginning: &str) -> bool {
    let kinds = case.sections.keys();
    let mut meant = kinds.filter(|kind| kind.code().starts_with(beginning));
    let Some(first) = meant.next().and_then(SectionKind::as_slice) else {
        return false;
    };
    meant.all(|kind| {
        let slice = kind.as_slice();
        slice.is_some_and(|slice| slice.follows_or_precedes(first))
    })
}

/// Number of a case and the name it goes by, for headings.
fn case_title(nahtlos: &Nahtlos, case: &Case) -> Result<String, Failure> {
    let id = case.id.to_string();
    let line = nahtlos.cases()?.into_iter().find(|line| line.id == id);
    let summary = line.map(|line| line.summary).unwrap_or_default();
    let parts: Vec<String> = [summary.case_number, summary.display_name]
        .into_iter()
        .flatten()
        .collect();
    Ok(if parts.is_empty() {
        format!("Case {}", id.get(..8).unwrap_or(&id))
    } else {
        parts.join(" · ")
    })
}
