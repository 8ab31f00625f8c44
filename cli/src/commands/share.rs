//! `nahtlos share`.

use nahtlos_casework::SectionKind;
use nahtlos_client::erasing::FormerMember;
use nahtlos_client::share::{GrantPreview, SectionShares, Terms};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::sync::count;
use super::{case_title, section_kind, withdrawal};
use crate::arguments::{ShareCommand, ShareGrant, ShareRole};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, command: ShareCommand) -> Result<Answer, Failure> {
    match command {
        ShareCommand::Grant(grant) => self::grant(context, &grant),
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
        ShareCommand::Explain {
            case,
            section,
            member,
        } => explain(context, &case, &section, &member),
    }
}

/// Codes of legal bases as practice cites them (AVG, IVG, AVIG, AVIV, AMG, SHG, ATSG, AHVG). Another
/// basis, a consent for example, is stated in words.
const KNOWN_BASES: [&str; 11] = [
    "AVG35a1",
    "AVG35a1bis",
    "IVG68bis2",
    "IVG68bis3",
    "AVIG85f",
    "AVIV119d",
    "AMG14",
    "SHG8",
    "SHG19b",
    "ATSG32",
    "AHVG153c",
];

/// Characters a stated basis may have.
const BASIS_CHARS_MAX: usize = 200;

fn grant(context: &Context, new: &ShareGrant) -> Result<Answer, Failure> {
    let kinds = sections(&new.sections)?;
    let basis = basis(&new.basis)?;
    let until = new.until.as_deref().map(dates::end_of_day_ms).transpose()?;
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
    let previews = kinds
        .iter()
        .map(|kind| nahtlos.preview_grant(&case, kind, &member))
        .collect::<Result<Vec<_>, _>>()?;
    let (held, kinds) = split_held(&nahtlos, &case, kinds, &member, role, until)?;
    let mut page = preview_page(&case_title(&nahtlos, &case)?, &previews, role, basis, new);
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
    Page::default()
        .title(title)
        .line(format!(
            "{} will {verb}: {}.",
            count(people.len() as u64, "person", "people"),
            if people.is_empty() {
                member.clone()
            } else {
                people.join(", ")
            }
        ))
        .fields([
            ("to", Some(member)),
            ("basis", Some(basis_shown(basis))),
            ("until", new.until.clone()),
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

/// How much of a section's history goes along.
pub fn history(preview: &GrantPreview) -> String {
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

fn basis(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    if text.is_empty()
        || text.chars().count() > BASIS_CHARS_MAX
        || text.chars().any(char::is_control)
    {
        return Err(Failure::new(
            Exit::Usage,
            "basis",
            "The basis of the right is missing or not readable; nothing was shared.",
            format!(
                "Every right rests on a consent or a law, stated in 1 to {BASIS_CHARS_MAX} characters."
            ),
            "Name it with `--basis`, e.g. `--basis AVG35a1` or `--basis \"consent of 12.03.2027\"`.",
        ));
    }
    Ok(text)
}

/// A mistyped code is seen before it is recorded.
fn basis_shown(basis: &str) -> String {
    if KNOWN_BASES.contains(&basis) {
        return basis.to_owned();
    }
    format!("{basis} (in words; not a known code)")
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
fn former_rows(former: &[FormerMember]) -> Vec<Vec<String>> {
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
    let name = |member: &str, institution: &str| match institution {
        "" => member.to_owned(),
        institution => format!("{member} ({institution})"),
    };
    let mut members: Vec<String> = Vec::new();
    for grant in shares.iter().flat_map(|row| &row.grants) {
        let member = name(&grant.member, &grant.institution);
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
                    .filter(|grant| name(&grant.member, &grant.institution) == *member)
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
    let explanation = nahtlos.explain_share(&case, &kind, &member)?;
    let page = explanation
        .sentences
        .iter()
        .fold(Page::default(), |page, sentence| page.line(sentence));
    Ok(Answer::new(
        json!({ "explanation": json::value(&explanation) }),
        page,
    ))
}
