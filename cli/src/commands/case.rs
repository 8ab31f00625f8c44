//! `nahtlos case`.

use nahtlos_casework::edit::{CoreKey, IdentKey};
use nahtlos_casework::fields::{Date, Field, PartialDate};
use nahtlos_casework::searching::Search;
use nahtlos_casework::view::{CoreView, DisputesView, IdentView};
use nahtlos_casework::{Conflict, SectionKind, conflicts};
use nahtlos_client::status::Status;
use nahtlos_client::{Case, CaseLine, Nahtlos};
use serde_json::json;

use super::conflict::undecided;
use super::entries::shown;
use super::names::Names;
use super::pages::{core_fields, ident_fields};
use super::section_history::history;
use super::sync::count;
use super::values::{CaseKey, case_edit, case_key, refuse_not_typed};
use super::{
    NOT_DELIVERED_YET, access_log, case_erase, case_export, case_handover, case_import, case_open,
    case_process, case_title, device_wipe,
};
use crate::arguments::{CaseCommand, CaseFilter, TypedValue};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// Of the list of cases.
pub const HEADERS: [&str; 8] = [
    "case",
    "name",
    "born",
    "phase",
    "next due",
    "new",
    "waiting",
    "conflicts",
];

/// Where in a row the phase stands.
const PHASE_COLUMN: usize = 3;

const NO_CASE: &str =
    "No case yet: `nahtlos case open` opens one; shared ones arrive with `nahtlos sync`.";

pub fn run(
    context: &Context,
    filter: CaseFilter,
    command: Option<CaseCommand>,
) -> Result<Answer, Failure> {
    match command {
        None => list(context, &filter),
        Some(CaseCommand::List { filter }) => list(context, &filter),
        Some(CaseCommand::Open { source }) => case_open::open(context, &source),
        Some(CaseCommand::Show { case }) => show(context, &case),
        Some(CaseCommand::Set { case, field, value }) => set(context, &case, &field, &value),
        Some(CaseCommand::History {
            case,
            section,
            limit,
        }) => history(context, &case, &section, limit),
        Some(CaseCommand::AccessLog { case, format, to }) => {
            access_log::access_log(context, &case, format, to.as_deref())
        }
        Some(CaseCommand::Phase { case, phase }) => {
            case_process::phase(context, &case, phase.as_deref())
        }
        Some(CaseCommand::Close(closing)) => case_process::close(context, &closing),
        Some(CaseCommand::Erase(erasure)) => case_erase::erase(context, &erasure),
        Some(CaseCommand::Reopen(reopening)) => case_process::reopen(context, &reopening),
        Some(CaseCommand::Competence { case, command }) => {
            case_process::competence(context, case, command)
        }
        Some(CaseCommand::Export(options)) => case_export::export(context, &options),
        Some(CaseCommand::Import(options)) => case_import::import(context, &options),
        Some(CaseCommand::Handover(options)) => case_handover::handover(context, &options),
        Some(CaseCommand::Recuse { case, person, lift }) => {
            case_handover::recuse(context, &case, &person, lift)
        }
    }
}

fn list(context: &Context, filter: &CaseFilter) -> Result<Answer, Failure> {
    if filter.erased {
        return case_erase::list(context);
    }
    let nahtlos = context.open()?;
    let mut cases = nahtlos.cases()?;
    let unfiltered = cases.len();
    if let Some(wanted) = &filter.filter {
        // Without a word it is no filter.
        if !wanted.trim().is_empty() {
            let search = Search::parse(wanted)?;
            cases.retain(|line| search.is_in(&line.text()));
        }
    }
    let all = cases.len();
    if !filter.all {
        let today = nahtlos.today()?;
        cases.retain(|line| !line.summary.is_over() || calls_for_work(line, today));
    }
    let hidden = all - cases.len();
    let mut to_be_erased = 0;
    let mut rows = Vec::new();
    let decided = nahtlos.erasures_decided()?;
    for line in &cases {
        let mut cells = row(line);
        if decided.contains(&line.id) {
            to_be_erased += 1;
            if let Some(phase) = cells.get_mut(PHASE_COLUMN) {
                phase.push_str(" (erasure decided)");
            }
        }
        rows.push(cells);
    }
    let waits = match unfiltered {
        0 => waits_to_be_let_in(&nahtlos.status()?),
        _ => None,
    };
    let empty = waits.unwrap_or_else(|| match hidden {
        0 if unfiltered > 0 => format!(
            "None of {} has these words: `nahtlos search` looks into the journals, too.",
            count(unfiltered as u64, "case", "cases")
        ),
        0 => NO_CASE.to_owned(),
        _ => "No open case.".to_owned(),
    });
    let page = Page::default().table(&HEADERS, rows, &empty);
    let data = json!({ "cases": json::value(&cases), "closed_not_listed": hidden });
    let mut answer = Answer::new(data, page);
    if let Some(note) = case_process::hidden(hidden) {
        answer = answer.note(note);
    }
    if to_be_erased > 0 {
        answer = answer.note(
            "An erasure is decided: the next `nahtlos sync` carries it out, for everybody and for good. \
             `nahtlos case erase CASE --take-back` takes it back.",
        );
    }
    if let Some(ended) = ended(&nahtlos)? {
        answer = answer
            .note(ended)
            .note("What is listed is what had arrived until then; see `nahtlos status`.");
    }
    Ok(match nahtlos.cases_not_arrived()? {
        0 => answer,
        1 => answer.note("1 case has not fully arrived yet and is not listed."),
        more => answer.note(format!(
            "{more} cases have not fully arrived yet and are not listed."
        )),
    })
}

/// Why nothing arrives here any more, where it does not.
fn ended(nahtlos: &Nahtlos) -> Result<Option<String>, Failure> {
    if let Some(revoked) = nahtlos.own_revocation()? {
        return Ok(Some(device_wipe::in_words(&revoked)));
    }
    if let Some(removed) = nahtlos.own_removal()? {
        return Ok(Some(device_wipe::removal_in_words(&removed)));
    }
    let left = nahtlos.own_institution_left()?;
    Ok(left.as_ref().map(device_wipe::institution_left_in_words))
}

/// On a device that is not let in yet: what it waits for, and what is to be done.
fn waits_to_be_let_in(status: &Status) -> Option<String> {
    match status.enrolment {
        "new" => Some(
            "This device belongs to nobody yet: answer an invitation (`nahtlos member join --invitation FILE`), add \
             it as another device of yours (`nahtlos device join --invitation FILE`), or found a network (`nahtlos \
             network found`)."
                .into(),
        ),
        "unanswered" => Some(
            "Founding or joining has begun and the relay has not answered: `nahtlos sync` goes on with it."
                .into(),
        ),
        "waiting_for_admission" => Some(format!(
            "This device waits to be let in: cases are opened and arrive only then. Who invited you runs `nahtlos \
             sync`, where your institution asks for it after comparing words with you (`nahtlos member waiting` on \
             their device; yours are: {}); then run `nahtlos sync` here.",
            status.device_words
        )),
        "waiting_for_confirmation" => Some(format!(
            "This device is added and waits to be let in: cases arrive only then. Another administrator than who \
             added it compares words with you (yours are: {}) and confirms it: `nahtlos member waiting` on their \
             device; then run `nahtlos sync` here.",
            status.device_words
        )),
        _ => None,
    }
}

/// Whether something is to be done in a case though it is closed: a task is due, people disagree, somebody
/// wrote something, or something waits to be delivered.
fn calls_for_work(line: &CaseLine, today: Date) -> bool {
    let is_due = line.summary.next_due.is_some_and(|due| due <= today);
    is_due || line.summary.conflicts > 0 || line.unread > 0 || line.undelivered > 0
}

/// One case of the list.
pub fn row(line: &CaseLine) -> Vec<String> {
    let summary = &line.summary;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |number: u64| {
        if number == 0 {
            String::new()
        } else {
            number.to_string()
        }
    };
    let short = || format!("({})", line.id.get(..8).unwrap_or(&line.id));
    vec![
        summary.case_number.clone().unwrap_or_else(short),
        text(&summary.display_name),
        born(&summary.birth).unwrap_or_default(),
        text(&summary.phase),
        summary
            .next_due
            .map_or_else(String::new, |day| day.to_string()),
        number(line.unread),
        number(line.undelivered),
        number(summary.conflicts as u64),
    ]
}

fn born(birth: &Option<String>) -> Option<String> {
    let text = birth.as_ref()?;
    Some(PartialDate::parse(text).map_or_else(|_| text.clone(), |date| date.to_string()))
}

fn show(context: &Context, case: &str) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let case = match nahtlos.find_case(case) {
        Ok(found) => found,
        Err(error) => return case_erase::show(context, &nahtlos, case, error),
    };
    let id = case.id.to_string();
    let line = nahtlos.cases()?.into_iter().find(|line| line.id == id);
    let core = match nahtlos.section_document(&case, &SectionKind::Core) {
        Ok(document) => Some(CoreView::read(&document)),
        Err(_) => None,
    };
    let ident = match nahtlos.section_document(&case, &SectionKind::Ident) {
        Ok(document) => Some(IdentView::read(&document)),
        Err(_) => None,
    };
    let names = Names::of_case(&nahtlos, &case);
    let mut page = Page::default().title(case_title(&nahtlos, &case)?);
    let erasure = case_erase::decided(&nahtlos, &case)?;
    if let Some(erasure) = &erasure {
        page = page.line(erasure.as_str());
    }
    page = undecided(page, &conflicts_in_core(&nahtlos, &case), &names);
    page = match &core {
        Some(core) => page.fields(core_fields(
            core,
            &names,
            &disputes(&nahtlos, &case, &SectionKind::Core),
        )),
        None => page.line("The core data of this case is not shared with you."),
    };
    let process = nahtlos.process(&case).ok();
    if let Some(process) = &process {
        page = case_process::process_page(page, process, &names, nahtlos.today()?);
    }
    if let Some(ident) = &ident {
        let contested = disputes(&nahtlos, &case, &SectionKind::Ident);
        page = page.fields(ident_fields(ident, &names, &contested));
    }
    let sections = sections(&nahtlos, &case);
    page = page.table(
        &["section", "you may", "opens"],
        sections
            .iter()
            .map(|(code, role, notice)| {
                vec![
                    code.clone(),
                    role.clone(),
                    notice.clone().unwrap_or_else(|| "yes".into()),
                ]
            })
            .collect(),
        "No section is shared with you.",
    );
    if let Some(line) = &line {
        page = page.fields([
            (
                "new from others",
                (line.unread > 0).then(|| line.unread.to_string()),
            ),
            (
                "not delivered",
                (line.undelivered > 0).then(|| line.undelivered.to_string()),
            ),
            (
                "not with the relay yet",
                (line.carried > 0).then(|| format!("{} of others, by a bundle", line.carried)),
            ),
            ("next due", line.summary.next_due.map(|day| day.to_string())),
            ("from the anonymous enquiry", line.enquiry.clone()),
        ]);
    }
    let data = json!({
        "case": json::value(&line),
        "core": json::value(&core),
        "ident": json::value(&ident),
        "process": json::value(&process),
        "erasure_decided": erasure.is_some(),
        "sections": sections
            .iter()
            .map(|(code, role, notice)| json!({ "section": code, "role": role, "notice": notice }))
            .collect::<Vec<_>>(),
    });
    nahtlos.mark_read(&case)?;
    let answer = Answer::new(data, page);
    let conflicts = line.map_or(0, |line| line.summary.conflicts);
    if conflicts == 0 {
        return Ok(answer);
    }
    Ok(answer
        .note("Something was decided differently by two people: `nahtlos conflict list CASE`."))
}

/// What was decided differently at once about the core data; nothing where they do not open.
fn conflicts_in_core(nahtlos: &Nahtlos, case: &Case) -> Vec<Conflict> {
    let kind = SectionKind::Core;
    let document = nahtlos.section_document_unrecorded(case, &kind).ok();
    let both = document.zip(nahtlos.section_authors(case, &kind).ok());
    both.map_or_else(Vec::new, |(document, authors)| {
        conflicts(&document, &kind, &authors)
    })
}

/// What the person contests in a section; nothing where it does not open.
pub fn disputes(nahtlos: &Nahtlos, case: &Case, kind: &SectionKind) -> DisputesView {
    let document = nahtlos.section_document_unrecorded(case, kind).ok();
    let document = document.filter(DisputesView::is_marked);
    let authors = nahtlos.section_authors(case, kind).ok();
    let both = document.zip(authors);
    both.map_or_else(DisputesView::default, |(document, authors)| {
        DisputesView::read(&document, &authors)
    })
}

/// Code, own right, and why it does not open where it does not; of slices the newest.
pub fn sections(nahtlos: &Nahtlos, case: &Case) -> Vec<(String, String, Option<String>)> {
    let sections = case.sections.iter();
    sections
        .filter(|(kind, _)| !case.is_followed(kind))
        .map(|(kind, space)| {
            let role = nahtlos.own_role(space).unwrap_or("nothing");
            let lost = super::section::lost_copy(nahtlos, case, kind)
                .ok()
                .flatten();
            let notice = match (lost, nahtlos.section_document_unrecorded(case, kind)) {
                (Some(lost), _) if lost.erased => {
                    Some("no: not shared any more, erased here".into())
                }
                (Some(_), Ok(_)) => Some("an old copy: not shared any more".into()),
                (_, Ok(_)) => None,
                (_, Err(error)) => Some(error.to_string()),
            };
            (kind.code(), role.to_owned(), notice)
        })
        .collect()
}

fn set(context: &Context, case: &str, field: &str, value: &TypedValue) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let key = case_key(field)?;
    refuse_not_typed(key)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    // Before anybody types a number: is there a section for it?
    if matches!(key, CaseKey::Ident(_)) && not_opened(&nahtlos, &case, &SectionKind::Ident) {
        return Err(no_ident(key.label()));
    }
    let label = key.label();
    let question = format!("New value of {label}");
    let typed = input::replacement(value, &question, current(&nahtlos, &case, key).as_deref())?;
    let edit = case_edit(key, typed.as_deref())?;
    let done = if typed.is_some() { "set" } else { "emptied" };
    super::edit(&mut nahtlos, &case, edit)?;
    let title = case_title(&nahtlos, &case)?;
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "field": key.code(), "done": done }),
        format!("{title}: {label} {done}."),
    )
    .note(NOT_DELIVERED_YET))
}

/// What a field says now, in words, where its section opens.
fn current(nahtlos: &Nahtlos, case: &Case, key: CaseKey) -> Option<String> {
    let truth = |value: Option<bool>| value.map(|yes| if yes { "yes" } else { "no" }.to_owned());
    let key = match key {
        CaseKey::Ident(key) => {
            let document = nahtlos.section_document(case, &SectionKind::Ident).ok()?;
            let ident = IdentView::read(&document);
            return match key {
                IdentKey::Ahvn13 => shown(&ident.ahvn13),
                IdentKey::Zemis => shown(&ident.zemis),
            };
        }
        CaseKey::Core(key) => key,
    };
    let core = CoreView::read(&nahtlos.section_document(case, &SectionKind::Core).ok()?);
    match key {
        CoreKey::CaseNumber => shown(&core.case_number),
        CoreKey::Phase => shown(&core.phase),
        // Not typed, so never emptied either.
        CoreKey::Lead => None,
        CoreKey::OfficialName => shown(&core.official_name),
        CoreKey::FirstName => shown(&core.first_name),
        CoreKey::CallName => shown(&core.call_name),
        CoreKey::Birth => shown(&core.birth),
        CoreKey::Sex => shown(&core.sex),
        CoreKey::Address => shown(&core.address),
        CoreKey::Phone => shown(&core.phone),
        CoreKey::Email => shown(&core.email),
        CoreKey::PreferredChannel => shown(&core.preferred_channel),
        CoreKey::VoicemailAllowed => truth(core.voicemail_allowed),
        CoreKey::CorrespondenceLanguage => shown(&core.correspondence_language),
        CoreKey::Interpreter => shown(&core.interpreter),
    }
}

/// Whether the case has no such section, as far as who manages it can know; to others it is just not
/// shared.
fn not_opened(nahtlos: &Nahtlos, case: &Case, kind: &SectionKind) -> bool {
    let core = case.sections.get(&SectionKind::Core);
    let role = core.and_then(|space| nahtlos.own_role(space));
    !case.sections.contains_key(kind) && role == Some("manage")
}

fn no_ident(label: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "section_not_opened",
        format!("This case has no section for the {label} yet; nothing was stored."),
        "Such numbers stand in the section `ident`, which a case gets only where a legal basis for \
         them exists (AHVG art. 153b–153d).",
        "Open it with `nahtlos section open CASE ident`, then run the command again.",
    )
}
