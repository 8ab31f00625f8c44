//! Who gets a section to read also gets `access` to write: what they read is recorded there, by themselves, for the
//! client to see.

use nahtlos_casework::SectionKind;
use nahtlos_client::consent::ConsentShare;
use nahtlos_client::{Case, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;

use crate::failure::Failure;

/// What goes along with a consent, or does not.
pub struct Along {
    /// All shares, those of `access` last.
    pub shares: Vec<ConsentShare>,
    /// What is to be said of it before it is recorded.
    pub said: Option<String>,
}

/// The shares of a consent, and `access` for everybody who reads something by it and whose kind of institution
/// records what it reads. `known` have it by this consent already.
///
/// # Errors
/// Where the directory cannot be read.
pub fn with_access(
    nahtlos: &Nahtlos,
    case: &Case,
    shares: Vec<ConsentShare>,
    known: &[SpaceId],
    left_out: bool,
) -> Result<Along, Failure> {
    let mut unrecorded: Vec<&ConsentShare> = Vec::new();
    let mut never: Vec<SpaceId> = Vec::new();
    for share in &shares {
        let member = share.member;
        let records = |one: &ConsentShare| {
            one.member == member && one.section == SectionKind::Access && one.role >= Role::Write
        };
        let is_known = known.contains(&member)
            || unrecorded.iter().any(|one| one.member == member)
            || shares.iter().any(records);
        // A right to `access` alone lets nobody read about the person.
        if is_known || share.section == SectionKind::Access || never.contains(&member) {
            continue;
        }
        match can_record(nahtlos, &member)? {
            true => unrecorded.push(share),
            false => never.push(member),
        }
    }
    let never = never_recorded(nahtlos, case, &never)?;
    if unrecorded.is_empty() {
        return Ok(Along {
            shares,
            said: never,
        });
    }
    let also = never.map_or_else(String::new, |never| format!(" {never}"));
    let directory = nahtlos.directory()?;
    let names: Vec<String> = unrecorded
        .iter()
        .map(|share| directory.name(&share.member))
        .collect();
    let names = names.join(", ");
    if left_out {
        let said = format!(
            "ATTENTION: what {names} read will be recorded nowhere (--reads-unrecorded): nobody will be able to tell the \
             client who read what.{also}"
        );
        return Ok(Along {
            shares,
            said: Some(said),
        });
    }
    if !manages_access(nahtlos, case) {
        let said = format!(
            "ATTENTION: what {names} read will be recorded nowhere: you do not manage a section `access` of this case. Its \
             lead opens it (`nahtlos section open {} access`) and shares it.{also}",
            case.id
        );
        return Ok(Along {
            shares,
            said: Some(said),
        });
    }
    let along = unrecorded.iter().map(|share| ConsentShare {
        section: SectionKind::Access,
        member: share.member,
        role: Role::Write,
        purpose: share.purpose,
    });
    let along: Vec<ConsentShare> = along.collect();
    let mut shares: Vec<ConsentShare> = shares
        .into_iter()
        .filter(|share| {
            let is_more =
                |one: &ConsentShare| one.member == share.member && one.section == share.section;
            !along.iter().any(is_more)
        })
        .collect();
    shares.extend(along);
    Ok(Along {
        shares,
        said: Some(format!(
            "`access` goes along for {names}: what they read is recorded there, for the client to see \
             (`--reads-unrecorded` leaves it out).{also}"
        )),
    })
}

/// What is to be said of those to whom the matrix gives no `access`: coaches, providers and employers.
fn never_recorded(
    nahtlos: &Nahtlos,
    case: &Case,
    members: &[SpaceId],
) -> Result<Option<String>, Failure> {
    if members.is_empty() {
        return Ok(None);
    }
    let directory = nahtlos.directory()?;
    let names: Vec<String> = members
        .iter()
        .map(|member| directory.name(member))
        .collect();
    let mut said = format!(
        "What {} read is recorded nowhere: `access` does not go along for coaches, providers and employers.",
        names.join(", ")
    );
    let may_get_it = |member: &SpaceId| nahtlos.preview_grant(case, &SectionKind::Access, member);
    let team = members.iter().find(|member| may_get_it(member).is_ok());
    if let Some(team) = team.filter(|_| manages_access(nahtlos, case)) {
        said.push_str(&format!(
            " To have it recorded let the consent name it (`--write access=\"{}\"`): they then see, too, who else reads.",
            directory.name(team)
        ));
    }
    Ok(Some(said))
}

/// Whether the matrix lets them record what they read.
fn can_record(nahtlos: &Nahtlos, member: &SpaceId) -> Result<bool, Failure> {
    let proposals = nahtlos.proposals(&[SectionKind::Access], member)?;
    Ok(proposals.iter().any(|one| one.role >= Role::Write))
}

fn manages_access(nahtlos: &Nahtlos, case: &Case) -> bool {
    let access = case.sections.get(&SectionKind::Access);
    access.and_then(|space| nahtlos.own_role(space)) == Some("manage")
}

/// What is to be said of a right by law that lets them read and record nothing.
///
/// # Errors
/// Where the directory cannot be read.
pub fn unrecorded_by_grant(
    nahtlos: &Nahtlos,
    case: &Case,
    kinds: &[SectionKind],
    member: &SpaceId,
    basis: &str,
) -> Result<Option<String>, Failure> {
    if kinds.contains(&SectionKind::Access) || !can_record(nahtlos, member)? {
        return Ok(None);
    }
    if nahtlos
        .is_granted(case, &SectionKind::Access, member, Role::Write, None)
        .unwrap_or(false)
    {
        return Ok(None);
    }
    let name = nahtlos.directory()?.name(member);
    Ok(Some(format!(
        "ATTENTION: what {name} read is recorded nowhere, and the client cannot be told. Let them record it: \
         `nahtlos share grant {} --section access --to \"{name}\" --role write --basis \"{basis}\"`.",
        case.id
    )))
}
