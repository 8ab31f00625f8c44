//! `nahtlos member role`: what somebody who is in a team may do there.

use nahtlos_protocol::identifier::GrantId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::ending::{self, WITH_NEXT_SYNC};
use super::member::{last_manager, not_a_member, own_team};
use super::withdrawal::grants_to_change;
use crate::arguments::{Answered, MemberRole};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn role(
    context: &Context,
    (person, team): (&str, &str),
    role: MemberRole,
    answered: Answered,
) -> Result<Answer, Failure> {
    let wanted = match role {
        MemberRole::Read => Role::Read,
        MemberRole::Write => Role::Write,
        MemberRole::Manage => Role::Manage,
    };
    let mut nahtlos = context.open()?;
    let team = own_team(&nahtlos, team)?;
    let directory = nahtlos.directory()?;
    let person = directory.find_person(person)?;
    let (name, team_name) = (directory.person_name(&person), directory.name(&team));
    let held = nahtlos.memberships(&team, &person)?;
    if held.is_empty() {
        return Err(not_a_member(&name, &team_name));
    }
    let changed = grants_to_change(&held, wanted);
    let data = |done: &str| {
        json!({
            "done": done, "person": person.to_string(), "team": team.to_string(), "role": wanted.word(),
            "changed": json::value(&changed),
        })
    };
    if changed.is_empty() {
        let said = format!(
            "{name} may {} in {team_name} already; nothing was changed.",
            wanted.word()
        );
        return Ok(Answer::sentence(data("nothing"), said));
    }
    let grants: Vec<GrantId> = changed
        .iter()
        .filter_map(|line| GrantId::from_hex(&line.id))
        .collect();
    // What the run would refuse is refused before anybody is asked, and in a dry run too.
    let refused = |failure: Failure| match failure.code.as_str() {
        "last_manager" => last_manager(failure, &name, &team_name),
        _ => failure,
    };
    nahtlos
        .check_role(&team, &grants, wanted)
        .map_err(|error| refused(error.into()))?;
    let page = changed.iter().fold(
        Page::default().title(format!("{name} in {team_name}")),
        |page, line| page.line(format!("`{}` becomes `{}`.", line.role, wanted.word())),
    );
    let page = page.line(meaning(wanted));
    if let Some(answer) = ending::unless_confirmed(answered, page, "Change it?", data)? {
        return Ok(answer);
    }
    nahtlos
        .all_or_nothing(|nahtlos| {
            grants
                .iter()
                .try_for_each(|grant| nahtlos.set_role(&team, grant, wanted))
        })
        .map_err(|error| refused(error.into()))?;
    let said = format!("{name} may {} in {team_name} from now on.", wanted.word());
    Ok(Answer::sentence(data("changed"), said).note(WITH_NEXT_SYNC))
}

fn meaning(role: Role) -> &'static str {
    match role {
        Role::Read => {
            "They may then read the team's cases; what they type there from then on is held and does not count."
        }
        Role::Manage => {
            "They may then also invite colleagues, remove them, you too, and change what others may do there."
        }
        _ => "They may then edit and share the team's cases, and let nobody into the team.",
    }
}
