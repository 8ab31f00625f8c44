//! `nahtlos share withdraw`, `share role` and `share close`: less than before.

use nahtlos_casework::SectionKind;
use nahtlos_casework::legal::LegalBases;
use nahtlos_client::ending::{Ending, WHAT_STAYS_READABLE};
use nahtlos_client::share::GrantLine;
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::ending::{self, End, WITH_NEXT_SYNC};
use super::{case_title, section_kind};
use crate::arguments::{Answered, SectionRole, ShareWithdraw};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn withdraw(context: &Context, request: &ShareWithdraw) -> Result<Answer, Failure> {
    let named = super::share::sections(&request.sections)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&request.case)?;
    let member = nahtlos.directory()?.find_member(&request.from)?;
    let kinds = if named.is_empty() {
        sections_of(&nahtlos, &case, &member)?
    } else {
        named.clone()
    };
    // All are looked at before the first ends.
    let mut ends = Vec::new();
    for kind in &kinds {
        match end_of(&nahtlos, &case, kind, &member, request.basis.as_deref())? {
            Some(end) => ends.push(end),
            None if named.is_empty() => {}
            None => return Err(nothing_to_end(&nahtlos, &case, kind, &member, request)?),
        }
    }
    if ends.is_empty() {
        let first = kinds.first().cloned().unwrap_or(SectionKind::Core);
        return Err(nothing_to_end(&nahtlos, &case, &first, &member, request)?);
    }
    let page = ending::page(case_title(&nahtlos, &case)?, &ends);
    let data = |done: &str| ending::data(done, &ends);
    if let Some(answer) = ending::unless_confirmed(request.answered, page, "Withdraw?", data)? {
        return Ok(answer);
    }
    ending::carry_out(&mut nahtlos, &ends, ending::reason(request.reason))?;
    let said = format!(
        "Withdrawn: {} from {}.",
        ending::sections(ends.len()),
        nahtlos.directory()?.name(&member)
    );
    Ok(Answer::sentence(data("withdrawn"), said)
        .note(WHAT_STAYS_READABLE)
        .note(WITH_NEXT_SYNC))
}

pub fn role(
    context: &Context,
    case: &str,
    section: &str,
    member: &str,
    role: SectionRole,
    answered: Answered,
) -> Result<Answer, Failure> {
    let kind = section_kind(section)?;
    let wanted = match role {
        SectionRole::Read => Role::Read,
        SectionRole::Write => Role::Write,
        SectionRole::Manage => Role::Manage,
    };
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let member = nahtlos.directory()?.find_member(member)?;
    let space = case.section(&kind)?;
    let held = nahtlos.grants_held_by(&case, &kind, &member)?;
    let changed = grants_to_change(&held, wanted);
    let name = nahtlos.directory()?.name(&member);
    let data = |done: &str| json!({ "done": done, "role": wanted.word(), "changed": json::value(&changed) });
    if held.is_empty() {
        return Err(holds_nothing(&name, &kind));
    }
    if changed.is_empty() {
        let said = format!(
            "{name} may {} this already; nothing was changed.",
            wanted.word()
        );
        return Ok(Answer::sentence(data("nothing"), said));
    }
    if wanted < Role::Manage && changed.iter().any(may_manage) {
        nahtlos.refuse_while_lead_is_disputed(&case)?;
    }
    let page = changed.iter().fold(
        Page::default().title(case_title(&nahtlos, &case)?),
        |page, line| {
            let basis = line.basis.as_deref().unwrap_or("not readable here");
            page.line(format!(
                "{name}: `{}` becomes `{}` in {} (basis: {basis}).",
                line.role,
                wanted.word(),
                kind.code()
            ))
        },
    );
    let page = page.line(match wanted {
        Role::Read => "What they type there from then on is held and does not count.",
        Role::Manage => "They may then share it with others and withdraw it, from you too.",
        _ => "They may then edit it, and not share it.",
    });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Change it?", data)? {
        return Ok(answer);
    }
    nahtlos.all_or_nothing(|nahtlos| {
        for line in &changed {
            let grant = GrantId::from_hex(&line.id).ok_or_else(|| unreadable(&line.id))?;
            nahtlos.set_role(&space, &grant, wanted)?;
        }
        Ok::<(), Failure>(())
    })?;
    let said = format!("{name} may {} {} from now on.", wanted.word(), kind.code());
    Ok(Answer::sentence(data("changed"), said).note(WITH_NEXT_SYNC))
}

pub fn close(
    context: &Context,
    case: &str,
    section: &str,
    answered: Answered,
) -> Result<Answer, Failure> {
    let kind = section_kind(section)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    nahtlos.check_close(&case, &kind)?;
    let data = |done: &str| json!({ "done": done, "section": kind.code() });
    let page = Page::default()
        .title(case_title(&nahtlos, &case)?)
        .line(format!(
            "Nobody will write in {} any more, you neither.",
            kind.code()
        ))
        .line("It stays readable for those who may read it now, and access can still be withdrawn.")
        .line(
            "What somebody typed offline and has not delivered by then is held and does not count.",
        )
        .line("A closed section is never opened again.");
    if let Some(answer) = ending::unless_confirmed(answered, page, "Close it for good?", data)? {
        return Ok(answer);
    }
    nahtlos.close_section(&case, &kind)?;
    let said = format!("{} will be closed.", kind.code());
    Ok(Answer::sentence(data("closed"), said).note(WITH_NEXT_SYNC))
}

/// Sections of the case that somebody holds by a grant of their own.
fn sections_of(
    nahtlos: &Nahtlos,
    case: &Case,
    member: &SpaceId,
) -> Result<Vec<SectionKind>, ClientError> {
    let mut kinds = Vec::new();
    for kind in case.sections.keys() {
        if !nahtlos.grants_held_by(case, kind, member)?.is_empty() {
            kinds.push(kind.clone());
        }
    }
    Ok(kinds)
}

/// What ends in one section; `None` where the member holds no such right of its own.
fn end_of(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
    member: &SpaceId,
    basis: Option<&str>,
) -> Result<Option<End>, Failure> {
    let held = nahtlos.grants_held_by(case, kind, member)?;
    let (ending, rest): (Vec<GrantLine>, Vec<GrantLine>) =
        held.into_iter().partition(|line| rests_on(line, basis));
    if ending.is_empty() {
        return Ok(None);
    }
    if ending.iter().any(may_manage) {
        nahtlos.refuse_while_lead_is_disputed(case)?;
    }
    let space = case.section(kind)?;
    let whole = Ending::Member(space, *member);
    let (endings, mut preview) = if rest.is_empty() {
        (vec![whole], nahtlos.preview_end(&whole)?)
    } else {
        let grants = ending.iter().map(|line| {
            let id = GrantId::from_hex(&line.id).ok_or_else(|| unreadable(&line.id))?;
            Ok(Ending::Grant(space, id))
        });
        let grants = grants.collect::<Result<Vec<_>, Failure>>()?;
        let previews = grants.iter().map(|grant| nahtlos.preview_end(grant));
        let previews = previews.collect::<Result<Vec<_>, _>>()?;
        let preview = previews.into_iter().next();
        (grants, preview.ok_or_else(|| unreadable("grant"))?)
    };
    let explained = nahtlos.explain_share(case, kind, member, &LegalBases::provided())?;
    let ends = |line: &GrantLine| ending.iter().any(|ended| ended.id == line.id);
    let stays = explained
        .grants
        .into_iter()
        .filter(|line| line.state != "waits_for_sync" && !ends(line))
        .collect();
    preview.ends = ending;
    Ok(Some(End {
        endings,
        preview,
        stays,
    }))
}

fn may_manage(line: &GrantLine) -> bool {
    line.role == Role::Manage.word()
}

fn rests_on(line: &GrantLine, basis: Option<&str>) -> bool {
    basis.is_none_or(|wanted| {
        line.basis
            .as_deref()
            .is_some_and(|stated| stated.trim().eq_ignore_ascii_case(wanted.trim()))
    })
}

/// Those above a lower role; for a higher one the strongest, unless it is as strong already.
pub fn grants_to_change(held: &[GrantLine], wanted: Role) -> Vec<GrantLine> {
    let above: Vec<GrantLine> = held
        .iter()
        .filter(|line| rank(line.role) > rank(wanted.word()))
        .cloned()
        .collect();
    if !above.is_empty() {
        return above;
    }
    let strongest = held.iter().max_by_key(|line| rank(line.role));
    strongest
        .filter(|line| rank(line.role) < rank(wanted.word()))
        .cloned()
        .into_iter()
        .collect()
}

fn rank(word: &str) -> usize {
    let words = ["read", "write", "manage"];
    words.iter().position(|known| *known == word).unwrap_or(0)
}

/// Why nothing can be withdrawn, and what was perhaps meant.
fn nothing_to_end(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
    member: &SpaceId,
    request: &ShareWithdraw,
) -> Result<Failure, Failure> {
    let name = nahtlos.directory()?.name(member);
    let held = nahtlos.grants_held_by(case, kind, member)?;
    if let (Some(_), false) = (&request.basis, held.is_empty()) {
        return Ok(Failure::new(
            Exit::Failed,
            "not_found",
            format!(
                "No right of {name} in {} rests on this basis; nothing was done.",
                kind.code()
            ),
            "Each right ends by itself: a member keeps what rests on another basis.",
            "See what their rights rest on: `nahtlos share explain CASE SECTION --for MEMBER`.",
        ));
    }
    let explained = nahtlos.explain_share(case, kind, member, &LegalBases::provided())?;
    let waits = explained
        .grants
        .iter()
        .find(|line| line.state == "waits_for_sync");
    if let Some(line) = waits {
        return Ok(Failure::new(
            Exit::Failed,
            "not_delivered",
            format!(
                "The right of {} has not been delivered yet; nothing was done.",
                line.member
            ),
            "It waits on this device for the next sync.",
            "Take it back with `nahtlos decision drop ID`; `nahtlos decision` shows the ID.",
        ));
    }
    if let Some(line) = explained.grants.first() {
        return Ok(Failure::new(
            Exit::Failed,
            "held_by_team",
            format!(
                "{name} has no right of their own in {}; nothing was done.",
                kind.code()
            ),
            format!("They have it as a member of {}.", line.member),
            "Withdraw it from the team (`--from TEAM`), or end the membership: \
             `nahtlos member remove PERSON --team TEAM --dry-run`.",
        ));
    }
    Ok(holds_nothing(&name, kind))
}

fn holds_nothing(name: &str, kind: &SectionKind) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("{name} has no right in {}; nothing was done.", kind.code()),
        "There is nothing to withdraw or change.",
        "See who has which right: `nahtlos share list CASE`.",
    )
}

fn unreadable(id: &str) -> Failure {
    Failure::from(ClientError::NotFound {
        what: "grant",
        input: id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(role: &'static str, basis: &str) -> GrantLine {
        GrantLine {
            id: basis.into(),
            state: "live",
            member: "Team".into(),
            outside: false,
            institution: "IV".into(),
            role,
            basis: Some(basis.into()),
            granted_by: "Anna Berger".into(),
            granted_at_ms: 0,
            not_after_ms: None,
            delivered: true,
            people: Vec::new(),
        }
    }

    fn changed(held: &[GrantLine], wanted: Role) -> Vec<String> {
        let lines = grants_to_change(held, wanted);
        lines.into_iter().map(|line| line.id).collect()
    }

    #[test]
    fn a_lower_role_changes_every_stronger_right_and_a_higher_one_the_strongest() {
        let held = [
            line("read", "law"),
            line("write", "consent"),
            line("manage", "lead"),
        ];
        assert_eq!(changed(&held, Role::Read), ["consent", "lead"]);
        assert_eq!(changed(&held, Role::Write), ["lead"]);
        assert_eq!(changed(&held[..2], Role::Manage), ["consent"]);
        assert!(changed(&held, Role::Manage).is_empty());
        assert!(changed(&[], Role::Read).is_empty());
    }

    #[test]
    fn a_basis_is_matched_as_it_was_stated() {
        assert!(rests_on(&line("read", "AVG35a1"), None));
        assert!(rests_on(&line("read", "AVG35a1"), Some(" avg35a1 ")));
        assert!(!rests_on(&line("read", "AVG35a1"), Some("AVG35a")));
    }
}
