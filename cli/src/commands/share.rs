//! `nahtlos share`.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::legal::LegalBases;
use nahtlos_client::consent::consent_in;
use nahtlos_client::erasing::FormerMember;
use nahtlos_client::share::{GrantLine, GrantPreview, SectionShares, Terms};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::reads_recorded::unrecorded_by_grant;
use super::sync::count;
use super::{case_title, section_kind, share_slice, withdrawal};
use crate::arguments::{ShareCommand, ShareGrant, ShareRole};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, command: ShareCommand) -> Result<Answer, Failure> {
    match command {
        ShareCommand::Grant(grant) => self::grant(context, &grant),
        ShareCommand::Slice(slice) => share_slice::run(context, &slice),
        ShareCommand::Withdraw(request) => withdrawal::withdraw(context, &request),
        ShareCommand::Role {
            case,
            section,
            member,
            role,
            answered,
        } => withdrawal::role(context, &case, &section, &member, role, answered),
        ShareCommand::Close {
            case,
            section,
            answered,
        } => withdrawal::close(context, &case, &section, answered),
        ShareCommand::List { case } => list(context, &case),
        ShareCommand::Bases { check } => bases(context, check.as_deref()),
        ShareCommand::Explain {
            case,
            section,
            member,
        } => explain(context, &case, &section, &member),
    }
}

fn grant(context: &Context, new: &ShareGrant) -> Result<Answer, Failure> {
    let kinds = sections(&new.sections)?;
    let bases = context.legal_bases()?;
    let basis = basis(&bases, new.basis.as_deref())?;
    let basis = basis.as_str();
    let mut until = new.until.as_deref().map(dates::end_of_day_ms).transpose()?;
    let role = match new.role {
        ShareRole::Read => Role::Read,
        ShareRole::Write => Role::Write,
    };
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&new.case)?;
    let member = nahtlos.directory()?.find_member(&new.to)?;
    refuse_past(&nahtlos, new.until.as_deref())?;
    if new.from_now {
        refuse_undelivered(&nahtlos, &case)?;
    }
    // All are looked at before the first is granted.
    for kind in &kinds {
        // It ends with what it rests on at the latest.
        let basis_ends = nahtlos.basis_ends_ms(&case, kind, &member, basis)?;
        until = until.into_iter().chain(basis_ends).min();
    }
    let previews = kinds
        .iter()
        .map(|kind| nahtlos.preview_grant(&case, kind, &member))
        .collect::<Result<Vec<_>, _>>()?;
    let (held, kinds) = split_held(&nahtlos, &case, kinds, &member, role, until)?;
    let mut page = preview_page(
        &case_title(&nahtlos, &case)?,
        &previews,
        role,
        &basis_shown(&bases, basis),
        until,
        new,
    );
    let unrecorded = unrecorded_by_grant(&nahtlos, &case, &kinds, &member, basis)?;
    if let Some(said) = &unrecorded {
        page = page.line(said.clone());
    }
    let data = |done: &str| {
        json!({
            "done": done,
            "role": role.word(),
            "basis": basis,
            "not_after_ms": until,
            "from_now": new.from_now,
            "sections": json::value(&previews),
        })
    };
    if kinds.is_empty() {
        let said = format!(
            "They may already {} these; nothing was changed.",
            role.word()
        );
        return Ok(Answer::sentence(data("nothing"), said));
    }
    if new.answered.dry_run {
        return Ok(Answer::new(
            data("dry_run"),
            page.line("Nothing was done (--dry-run)."),
        ));
    }
    if !new.answered.yes {
        page.show_before_asking();
        if !input::confirm("Share?")? {
            return Ok(Answer::sentence(data("nothing"), "Nothing was shared."));
        }
        page = Page::default();
    }
    let terms = Terms::new(role, basis).until(until);
    let terms = if new.from_now {
        terms.from_now()
    } else {
        terms
    };
    nahtlos.all_or_nothing(|nahtlos| {
        let mut kinds = kinds.iter();
        kinds.try_for_each(|kind| nahtlos.grant(&case, kind, &member, &terms))
    })?;
    let page = page.line(format!(
        "Shared {} with {}.",
        count(kinds.len() as u64, "section", "sections"),
        previews.first().map_or_else(String::new, with_institution)
    ));
    let mut answer = Answer::new(data("granted"), page);
    if let Some(said) = unrecorded.filter(|_| new.answered.yes) {
        answer = answer.note(said);
    }
    if !held.is_empty() {
        answer = answer.note(format!(
            "They may already {} {}; nothing was changed there.",
            role.word(),
            held.iter()
                .map(SectionKind::code)
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    Ok(answer.note("It takes effect with the next `nahtlos sync`."))
}

/// What they hold already, and what is to be granted.
fn split_held(
    nahtlos: &Nahtlos,
    case: &Case,
    kinds: Vec<SectionKind>,
    member: &SpaceId,
    role: Role,
    until: Option<u64>,
) -> Result<(Vec<SectionKind>, Vec<SectionKind>), Failure> {
    let (mut held, mut open) = (Vec::new(), Vec::new());
    for kind in kinds {
        if nahtlos.is_granted(case, &kind, member, role, until)? {
            held.push(kind);
        } else {
            open.push(kind);
        }
    }
    Ok((held, open))
}

fn preview_page(
    title: &str,
    previews: &[GrantPreview],
    role: Role,
    basis: &str,
    until: Option<u64>,
    new: &ShareGrant,
) -> Page {
    let first = previews.first();
    let member = first.map_or_else(String::new, with_institution);
    let people = first.map_or(&[][..], |preview| &preview.people);
    let verb = if role == Role::Write {
        "read and edit"
    } else {
        "read"
    };
    let rows = previews
        .iter()
        .map(|preview| {
            vec![
                preview.section.clone(),
                if new.from_now {
                    "no".to_owned()
                } else {
                    history(preview)
                },
                preview.already.unwrap_or("").to_owned(),
            ]
        })
        .collect();
    let mut page = Page::default().title(title).line(format!(
        "{} will {verb}: {}.",
        count(people.len() as u64, "person", "people"),
        if people.is_empty() {
            member.clone()
        } else {
            people.join(", ")
        }
    ));
    if let Some(line) = beyond_matrix(previews) {
        page = page.line(line);
    }
    page
        .fields([
            ("to", Some(member)),
            ("basis", Some(basis.to_owned())),
            ("until", until.map(dates::moment)),
        ])
        .table(
            &["section", "its history goes along", "may already"],
            rows,
            "",
        )
        .line(if new.from_now {
            "They receive no key to what was written before, and see of new changes only what does \
             not build on it: meant for a conflict of interest, not for working together. Nobody who \
             is let in later receives that key either, also without --from-now."
        } else if previews.iter().any(|preview| preview.past_is_cut_off) {
            "Where it says \"at most\", somebody was let in with --from-now before: nobody who comes \
             later receives a key to what was written until then. What was written since goes along, \
             as far as it does not build on that."
        } else {
            "Their devices can open the section with its whole history."
        })
        .line("What was delivered cannot be taken back, also if the right ends later.")
}

/// Said aloud where a provider or a social enterprise gets a whole section that others of its kind get in part.
pub fn beyond_matrix(previews: &[GrantPreview]) -> Option<String> {
    let beyond: Vec<&GrantPreview> = previews
        .iter()
        .filter(|preview| preview.beyond_matrix)
        .collect();
    let whom: BTreeSet<String> = beyond
        .iter()
        .map(|preview| with_institution(preview))
        .collect();
    let sections: BTreeSet<&str> = beyond
        .iter()
        .map(|preview| preview.section.as_str())
        .collect();
    (!beyond.is_empty()).then(|| {
        format!(
            "More than a provider usually receives: {}, to {}. They would read all of it, with its history, and not only \
             their own lines: is that what was allowed? For a part of `core` or `plan`: `nahtlos share slice --help`.",
            sections.into_iter().collect::<Vec<_>>().join(", "),
            whom.into_iter().collect::<Vec<_>>().join(", "),
        )
    })
}

/// How much of a section's history goes along.
pub fn history(preview: &GrantPreview) -> String {
    if preview.only_a_slice {
        return "no: a slice".into();
    }
    let changes = count(preview.history_changes, "change", "changes");
    if preview.past_is_cut_off {
        format!("at most {changes}")
    } else {
        changes
    }
}

/// Whom, with the institution that confirms them: a team of another institution may bear the same
/// name.
pub fn with_institution(preview: &GrantPreview) -> String {
    match preview.institution.as_str() {
        "" => format!("{} (institution not confirmed)", preview.member),
        institution => format!("{} ({institution}, {})", preview.member, preview.kind),
    }
}

pub fn sections(codes: &[String]) -> Result<Vec<SectionKind>, Failure> {
    let mut kinds = Vec::new();
    for code in codes {
        let kind = section_kind(code)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

/// What a right rests on: a known code, as the list writes it, or a consent by its name.
pub fn basis(bases: &LegalBases, text: Option<&str>) -> Result<String, Failure> {
    let text = text.unwrap_or_default().trim();
    if let Some(basis) = bases.find(text) {
        return Ok(basis.code.clone());
    }
    if consent_in(text).is_some() {
        return Ok(text.to_owned());
    }
    let codes: Vec<&str> = bases.iter().map(|basis| basis.code.as_str()).collect();
    let what = match text {
        "" => "A right rests on a consent or a law, and none was named; nothing was shared.",
        _ => "This is neither a known legal basis nor a consent; nothing was shared.",
    };
    Err(Failure::new(
        Exit::Usage,
        "basis",
        what,
        format!(
            "Known codes: {}. `nahtlos share bases` says what they stand for, and how to use a list of your own.",
            codes.join(", ")
        ),
        "Name a code with `--basis CODE`; or record what the client allows: `nahtlos consent give CASE \
         --read SECTION=MEMBER --form FORM`.",
    ))
}

/// What a basis stands for, beside it.
pub fn basis_shown(bases: &LegalBases, basis: &str) -> String {
    match bases.find(basis) {
        Some(known) => format!("{} ({} · {})", known.code, known.de, known.fr),
        None => basis.to_owned(),
    }
}

/// The codes that a right may rest on.
fn bases(context: &Context, check: Option<&std::path::Path>) -> Result<Answer, Failure> {
    let bases = match check {
        Some(file) => crate::context::legal_bases_in(file)?,
        None => context.legal_bases()?,
    };
    let rows = bases.iter().map(|basis| {
        let checked = if basis.checked { "yes" } else { "no" };
        let cells = [&basis.code, &basis.de, &basis.fr].map(Clone::clone);
        [&cells[..], &[checked.to_owned()]].concat()
    });
    let list: Vec<serde_json::Value> = bases.iter().map(json::value).collect();
    let own = context.legal_bases_file();
    let page = Page::default()
        .table(&["code", "Deutsch", "Français", "checked"], rows.collect(), "")
        .line(
            "The texts say what a code stands for; they are not the law. Where nobody has compared one \
             with the law in force, it says so under `checked`.",
        );
    let data =
        json!({ "bases": list, "own_file": own.display().to_string(), "is_own": own.exists() });
    Ok(Answer::new(data, page).note(format!(
        "A list of your own stands in place of this one: put it in {}.",
        own.display()
    )))
}

/// What was typed before and is not delivered would be sealed after the cut, and so go along.
fn refuse_undelivered(nahtlos: &Nahtlos, case: &Case) -> Result<(), Failure> {
    let id = case.id.to_string();
    let line = nahtlos.cases()?.into_iter().find(|line| line.id == id);
    let undelivered = line.map_or(0, |line| line.undelivered);
    if undelivered == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "not_delivered",
        format!(
            "{} not delivered yet; nothing was shared.",
            count(
                undelivered,
                "edit of this case is",
                "edits of this case are"
            )
        ),
        "What goes out after a grant `--from-now` can be read by whoever is let in, also where it was typed before.",
        "Run `nahtlos sync`, then this command again.",
    ))
}

fn refuse_past(nahtlos: &Nahtlos, until: Option<&str>) -> Result<(), Failure> {
    let Some(until) = until else {
        return Ok(());
    };
    let day: nahtlos_casework::fields::Date = super::values::parse("until", until)?;
    if day >= nahtlos.today()? {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "past",
        "The last day of the right lies in the past; nothing was shared.",
        "Such a right would never begin.",
        "Name a later day with `--until`.",
    ))
}

fn list(context: &Context, case: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let shares = nahtlos.shares(&case)?;
    let former = nahtlos.former_members(&case)?;
    let mut page = matrix(Page::default().title(case_title(&nahtlos, &case)?), &shares);
    if !former.is_empty() {
        page = page.table(
            &["no longer", "section", "since", "their copy"],
            former_rows(&former),
            "",
        );
    }
    let data = json!({ "shares": json::value(&shares), "former": json::value(&former) });
    Ok(Answer::new(data, page))
}

/// Who lost a section, and whether their devices said that they erased it.
pub fn former_rows(former: &[FormerMember]) -> Vec<Vec<String>> {
    let copy = |one: &FormerMember| match (one.erased, one.devices) {
        (0, _) => "erasure not confirmed".to_owned(),
        (erased, devices) if erased < devices => format!("erased on {erased} of {devices} devices"),
        _ => "erased".to_owned(),
    };
    let rows = former.iter().map(|one| {
        vec![
            one.member.clone(),
            one.section.clone(),
            dates::moment(one.ended.ended_at_ms),
            copy(one),
        ]
    });
    rows.collect()
}

/// Sections down, members across.
fn matrix(page: Page, shares: &[SectionShares]) -> Page {
    // A team of one that left and one of a new institution of the same name are two.
    let name = |grant: &GrantLine| match (grant.institution.as_str(), grant.outside) {
        ("", _) => grant.member.clone(),
        (institution, false) => format!("{} ({institution})", grant.member),
        (institution, true) => format!("{} ({institution}, left)", grant.member),
    };
    let mut members: Vec<String> = Vec::new();
    for grant in shares.iter().flat_map(|row| &row.grants) {
        let member = name(grant);
        if !members.contains(&member) {
            members.push(member);
        }
    }
    let waits = shares
        .iter()
        .flat_map(|row| &row.grants)
        .any(|grant| !grant.delivered);
    let rows = shares
        .iter()
        .map(|row| {
            let mut cells = vec![row.section.clone()];
            cells.extend(members.iter().map(|member| {
                let roles: Vec<String> = row
                    .grants
                    .iter()
                    .filter(|grant| name(grant) == *member)
                    .map(|grant| {
                        let mark = if grant.delivered { "" } else { "*" };
                        format!("{}{mark}", may(row, grant.role))
                    })
                    .collect();
                if roles.is_empty() {
                    "–".into()
                } else {
                    roles.join(", ")
                }
            }));
            cells
        })
        .collect();
    let mut headers = vec!["section"];
    headers.extend(members.iter().map(String::as_str));
    let page = page.table(&headers, rows, "No section is shared with you.");
    let page = if shares.iter().any(|row| row.closed) {
        page.line(
            "closed: nobody writes there or is let in any more; who managed it can withdraw access \
             (`nahtlos share withdraw CASE SECTION --from MEMBER`)",
        )
    } else {
        page
    };
    if waits {
        return page.line("* takes effect with the next sync");
    }
    page
}

/// What somebody granted this role can do there now.
fn may(row: &SectionShares, role: &'static str) -> &'static str {
    match (row.closed, role) {
        (false, _) | (true, "administer") => role,
        (true, "manage") => "read, withdraw (closed)",
        (true, _) => "read (closed)",
    }
}

fn explain(context: &Context, case: &str, section: &str, member: &str) -> Result<Answer, Failure> {
    let kind = section_kind(section)?;
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let member = nahtlos.directory()?.find_member(member)?;
    let explanation = nahtlos.explain_share(&case, &kind, &member, &context.legal_bases()?)?;
    let page = explanation
        .sentences
        .iter()
        .fold(Page::default(), |page, sentence| page.line(sentence));
    Ok(Answer::new(
        json!({ "explanation": json::value(&explanation) }),
        page,
    ))
}
