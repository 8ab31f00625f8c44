//! `nahtlos section`.

use nahtlos_casework::access::DisclosureForm;
use nahtlos_casework::form::form_of;
use nahtlos_casework::matrix::{ManagedBy, managed_by};
use nahtlos_casework::view::{
    AttachmentsView, CoreView, DisputesView, FormView, FunctionView, IdentView, JournalView,
    PlanView, TasksView,
};
use nahtlos_casework::{SectionKind, conflicts};
use nahtlos_client::erasing::LostSection;
use nahtlos_client::{Case, Nahtlos};
use serde_json::{Value, json};

use super::attachment::attachments_page;
use super::conflict::undecided;
use super::consent::consent_page;
use super::disclosing::Disclosing;
use super::dispute::disputes_page;
use super::names::Names;
use super::pages::{core_fields, function_page, ident_fields, journal_page, plan_page, tasks_page};
use super::plan_version_pages::versions_page;
use super::section_erase::how_it_ended;
use super::section_fields::{fields, form_page};
use super::section_form;
use super::section_history::{Span, difference, history};
use super::{NOT_DELIVERED_YET, case, case_title, entries::new_id, section_kind, section_of};
use crate::arguments::{SectionCommand, SectionExport};
use crate::context::{Context, write_private_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: SectionCommand) -> Result<Answer, Failure> {
    match command {
        SectionCommand::List { case } => list(context, &case),
        SectionCommand::Open { case, section } => open(context, &case, &section),
        SectionCommand::Show { case, section } => {
            let nahtlos = context.open()?;
            let case = nahtlos.find_case(&case)?;
            let kind = section_of(&case, &section)?;
            show_section(&nahtlos, &case, &kind)
        }
        SectionCommand::Fields { section } => fields(&section),
        SectionCommand::Edit(edit) => section_form::run(context, edit),
        SectionCommand::Erase {
            case,
            section,
            answered,
        } => super::section_erase::run(context, &case, &section, answered),
        SectionCommand::Export(export) => self::export(context, &export),
        SectionCommand::History {
            case,
            section,
            limit,
        } => history(context, &case, &section, limit),
        SectionCommand::Diff {
            case,
            section,
            before,
            since,
            after,
        } => {
            let span = Span {
                before,
                since,
                after,
            };
            difference(context, &case, &section, &span)
        }
    }
}

fn open(context: &Context, case: &str, section: &str) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let kind = &new_kind(&nahtlos, section)?;
    nahtlos.open_section(&case, kind)?;
    let title = case_title(&nahtlos, &case)?;
    let code = kind.code();
    let mut answer = Answer::sentence(
        json!({ "case": case.id.to_string(), "section": code, "done": "opened" }),
        format!("{title}: section `{code}` opened; only your team holds its key."),
    );
    if *kind == SectionKind::Ident {
        answer = answer.note(
            "An AHV number is used only on a legal basis (AHVG art. 153b–153d), and never by \
             providers or employers: name the basis when you share it.",
        );
    }
    if *kind == SectionKind::Medical {
        answer = answer.note(
            "The team that needs it manages it: share it with `nahtlos share grant CASE --section \
             medical --role manage`, then give your own team's access back with `nahtlos share \
             withdraw`, before anybody writes in it.",
        );
    }
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// A section that is to be opened: `measure`, `meeting` and `employer` alone get a new identifier,
/// `internal` is one's own institution's.
fn new_kind(nahtlos: &Nahtlos, typed: &str) -> Result<SectionKind, Failure> {
    Ok(match typed.trim() {
        "measure" => SectionKind::Measure(new_id()?.to_string()),
        "meeting" => SectionKind::Meeting(new_id()?.to_string()),
        "employer" => SectionKind::Employer(new_id()?.to_string()),
        "internal" => SectionKind::Internal(nahtlos.own_institution_id()?),
        code => section_kind(code)?,
    })
}

/// Shows a section of a case; also what `plan show`, `journal CASE` and `task CASE` do.
pub fn show(context: &Context, case: &str, kind: &SectionKind) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    show_section(&nahtlos, &case, kind)
}

/// The same of an open device.
///
/// # Errors
/// As [`show`].
pub fn show_section(nahtlos: &Nahtlos, case: &Case, kind: &SectionKind) -> Result<Answer, Failure> {
    refuse_not_opened(nahtlos, case, kind)?;
    let title = format!("{} · {}", case_title(nahtlos, case)?, kind.titles()[2]);
    let mut page = Page::default().title(title);
    let lost = lost_copy(nahtlos, case, kind)?;
    if let Some(lost) = &lost {
        let code = kind.code();
        if lost.erased {
            return Err(erased(lost));
        }
        page = page.line(how_it_ended(lost)).line(format!(
            "What stands here is this device's old copy: nothing newer arrives. `nahtlos section erase {} {code}` erases it.",
            case.id
        ));
    }
    if let Some(slice) = kind.as_slice() {
        let institution = Names::new(nahtlos).institution(slice.institution().as_str());
        let of = slice.of();
        page = page.line(format!(
            "A slice: a part of `{of}`, written for {institution} by the team that leads the case. It follows \
             `{of}`; nobody edits it."
        ));
    }
    let (view, page) = read(nahtlos, case, kind, page)?;
    let slice = kind.as_slice().map(|slice| {
        json!({
            "of": slice.of(),
            "institution": slice.institution(),
            "number": slice.number(),
        })
    });
    let data = json!({
        "case": case.id.to_string(),
        "section": kind.code(),
        "slice": slice,
        "content": view,
        "no_longer_shared": lost,
    });
    Ok(Answer::new(data, page))
}

/// The old copy of a section that is not shared any more, or that it was erased.
pub fn lost_copy(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
) -> Result<Option<LostSection>, Failure> {
    let (id, code) = (case.id.to_string(), kind.code());
    let mut lost = nahtlos.lost_sections()?.into_iter();
    Ok(lost.find(|one| one.case == id && one.section == code))
}

/// The refusal of a copy that was erased here.
pub fn erased(lost: &LostSection) -> Failure {
    Failure::new(
        Exit::NoRight,
        "erased",
        format!(
            "Your copy of `{}` was erased on this device; there is nothing to show.",
            lost.section
        ),
        how_it_ended(lost),
        "The case lead's team can share it again; it arrives with `nahtlos sync` then.",
    )
}

/// Who manages the case knows of all its sections: one that is missing does not exist. To others it
/// is just not shared.
pub fn refuse_not_opened(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
) -> Result<(), Failure> {
    let core = case.sections.get(&SectionKind::Core);
    let manages = core.and_then(|space| nahtlos.own_role(space)) == Some("manage");
    // Of a section that another team manages one may know nothing.
    let knows = manages && managed_by(kind) == Some(ManagedBy::Lead);
    if case.sections.contains_key(kind) || !knows {
        return Ok(());
    }
    let (id, code) = (case.id.to_string(), kind.code());
    let line = nahtlos.cases()?.into_iter().find(|line| line.id == id);
    let number = line.and_then(|line| line.summary.case_number);
    Err(Failure::new(
        Exit::Failed,
        "section_not_opened",
        format!("This case has no section `{code}`."),
        "",
        format!(
            "`nahtlos section open {} {code}` opens one.",
            number.unwrap_or(id)
        ),
    ))
}

/// A section's content, for programs and people.
pub fn read(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
    page: Page,
) -> Result<(Value, Page), Failure> {
    let document = nahtlos.section_document(case, kind)?;
    let authors = nahtlos.section_authors(case, kind)?;
    let names = Names::of_case(nahtlos, case);
    let disputes = DisputesView::read(&document, &authors);
    let conflicts = conflicts(&document, kind, &authors);
    let page = undecided(disputes_page(page, kind, &disputes), &conflicts, &names);
    let attachments = AttachmentsView::read(&document, kind, &authors);
    let (mut content, page) = match kind {
        SectionKind::Core => {
            let view = CoreView::read(&document);
            let page = page.fields(core_fields(&view, &names, &disputes));
            (json::value(&view), page)
        }
        SectionKind::Ident => {
            let view = IdentView::read(&document);
            let page = page.fields(ident_fields(&view, &names, &disputes));
            (json::value(&view), page)
        }
        SectionKind::Function => {
            let view = FunctionView::read(&document, &authors);
            let page = function_page(page, &view, &disputes);
            (json::value(&view), page)
        }
        SectionKind::Journal => {
            let view = JournalView::read(&document, &authors);
            let page = journal_page(page, &view, &disputes);
            (json::value(&view), page)
        }
        SectionKind::Tasks => {
            let view = TasksView::read(&document);
            let page = tasks_page(page, &view, &names, &disputes);
            (json::value(&view), page)
        }
        SectionKind::Plan => {
            let view = PlanView::read(&document, &authors);
            let versions = nahtlos.plan_versions(case)?;
            let page = plan_page(page, &view, &names, (&disputes, &conflicts));
            let page = versions_page(page, &versions, &names);
            let mut content = json::value(&view);
            if let Some(fields) = content.as_object_mut() {
                fields.insert("versions".into(), json::value(&versions));
            }
            (content, page)
        }
        SectionKind::Consent => {
            let view = nahtlos.consents(case)?;
            let page = consent_page(page, nahtlos, &view)?;
            (json::value(&view), page)
        }
        _ if form_of(kind).is_some() => {
            let view = FormView::read(&document, kind, &authors);
            let page = form_page(page, kind, &view, &names, (&disputes, &conflicts));
            (json::value(&view), page)
        }
        // Of a newer version: shown as it stands.
        _ => {
            let value = document.export_json();
            let text = serde_json::to_string_pretty(&value).unwrap_or_default();
            (value, page.line(text))
        }
    };
    if let Some(fields) = content
        .as_object_mut()
        .filter(|_| !disputes.disputes.is_empty())
    {
        fields.insert("disputes".into(), json::value(&disputes.disputes));
    }
    if let Some(fields) = content
        .as_object_mut()
        .filter(|_| !attachments.attachments.is_empty())
    {
        fields.insert("attachments".into(), json::value(&attachments.attachments));
    }
    Ok((content, attachments_page(page, &attachments)))
}

fn list(context: &Context, case: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let sections = case::sections(&nahtlos, &case);
    let rows = sections
        .iter()
        .map(|(code, role, notice)| {
            let opens = notice.clone().unwrap_or_else(|| "yes".into());
            vec![code.clone(), role.clone(), opens]
        })
        .collect();
    let page = Page::default().title(case_title(&nahtlos, &case)?).table(
        &["section", "you may", "opens"],
        rows,
        "No section is shared with you.",
    );
    let data: Vec<Value> = sections
        .iter()
        .map(|(code, role, notice)| json!({ "section": code, "role": role, "notice": notice }))
        .collect();
    Ok(Answer::new(json!({ "sections": data }), page))
}

fn export(context: &Context, export: &SectionExport) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let form = DisclosureForm::Exported;
    let disclosing = match export.to {
        Some(_) => Disclosing::begin(context, &nahtlos, &export.disclosed, form)?,
        None => Disclosing::named(&export.disclosed, form)?,
    };
    let case = nahtlos.find_case(&export.case)?;
    let kind = section_of(&case, &export.section)?;
    if let Some(lost) = lost_copy(&nahtlos, &case, &kind)?.filter(|lost| lost.erased) {
        return Err(erased(&lost));
    }
    let document = nahtlos.section_document(&case, &kind)?;
    let content = document.export_json();
    let data = json!({ "section": kind.code(), "content": content });
    let Some(path) = &export.to else {
        let text = json::render(&data);
        let answer = Answer::new(data, Page::default().verbatim(format!("{text}\n")));
        return match export.disclosed.recipient {
            // To be looked at, or for the next program.
            None => Ok(answer),
            Some(_) => disclosing.record(&mut nahtlos, &case, vec![kind], answer),
        };
    };
    let bytes = if export.automerge {
        document.export_automerge()
    } else {
        format!("{}\n", json::render(&data)).into_bytes()
    };
    write_private_file(path, &bytes)?;
    let said = format!(
        "{} bytes of `{}` in {}.",
        bytes.len(),
        kind.code(),
        path.display()
    );
    let answer = Answer::sentence(
        json!({ "file": path, "bytes": bytes.len(), "automerge": export.automerge }),
        said,
    )
    .note("The file is not encrypted: delete it when it has served.");
    disclosing.record(&mut nahtlos, &case, vec![kind], answer)
}
