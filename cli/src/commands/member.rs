//! `nahtlos member`.

use std::path::Path;

use nahtlos_client::{ClientError, Directory, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::founding::{self, Answers};
use super::institution::{NOT_ADMITTED_YET, file_for_invitation, hand_over, read_invitation};
use crate::arguments::{IntroductionOptions, MemberCommand, MemberRole};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<MemberCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(MemberCommand::List) => list(context),
        Some(MemberCommand::Invite {
            team,
            role,
            note,
            to,
        }) => {
            let mut nahtlos = context.open()?;
            let team = own_team(&nahtlos, &team)?;
            let (role, may) = match role {
                MemberRole::Read => (Role::Read, "read its cases"),
                MemberRole::Write => (Role::Write, "edit and share its cases"),
                MemberRole::Manage => (
                    Role::Manage,
                    "edit and share its cases and invite colleagues",
                ),
            };
            let team_name = team_with_institution(&nahtlos, &team)?;
            let to = file_for_invitation(to.as_deref())?;
            let invitation = nahtlos.invite_person(&team, role, &note)?;
            let answer = hand_over(&invitation, to, "nahtlos member join --invitation FILE")?;
            Ok(answer.note(format!("Invitation for {team_name}; may {may}.")))
        }
        Some(MemberCommand::Join {
            invitation,
            introduction,
            from,
        }) => join(context, &invitation, &introduction, from.as_deref()),
    }
}

/// One of one's own institution's teams: others are not ours to invite into.
fn own_team(nahtlos: &Nahtlos, input: &str) -> Result<SpaceId, ClientError> {
    let own = nahtlos.identity().institution.map(|id| id.to_string());
    let mut directory: Directory = nahtlos.directory()?;
    directory
        .teams
        .retain(|_, card| Some(&card.institution) == own.as_ref());
    directory.find_team(input)
}

/// The team's name after its institution's, as the directory has them.
fn team_with_institution(nahtlos: &Nahtlos, team: &SpaceId) -> Result<String, ClientError> {
    let directory = nahtlos.directory()?;
    let institution = nahtlos.identity().institution;
    Ok(match institution {
        Some(id) => format!(
            "{} {}",
            directory.institution_name(&id),
            directory.name(team)
        ),
        None => directory.name(team),
    })
}

fn join(
    context: &Context,
    source: &Path,
    options: &IntroductionOptions,
    from: Option<&Path>,
) -> Result<Answer, Failure> {
    let invitation = read_invitation(source)?;
    let answers = Answers::of_member(options, from)?;
    let mut transport = context.transport(&invitation.url)?;
    let (mut nahtlos, introduction) = founding::prepare_member(context, answers)?;
    nahtlos
        .join_as_person(&mut transport, &invitation, &introduction)
        .map_err(founding::failed)?;
    founding::completed(&mut nahtlos)?;
    let data = json!({
        "person": introduction.name,
        "enrolment": "waiting_for_admission",
        "home": context.home,
    });
    let page = Page::default()
        .line(format!("{} asked to join.", introduction.name))
        .fields([
            ("device", Some(nahtlos.device_fingerprint())),
            ("home", Some(context.home.display().to_string())),
        ]);
    Ok(Answer::new(data, page).note(NOT_ADMITTED_YET))
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let directory = context.open()?.directory()?;
    let rows = directory
        .people
        .values()
        .map(|card| {
            let institution = directory.institutions.get(&card.institution);
            let team = card.team.as_ref().and_then(|id| directory.teams.get(id));
            vec![
                card.name.clone(),
                card.function.clone(),
                team.map_or_else(String::new, |card| card.name.clone()),
                institution.map_or_else(String::new, |card| card.name.clone()),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["person", "function", "team", "institution"],
        rows,
        "Nobody has published a card yet: run `nahtlos sync`.",
    );
    Ok(Answer::new(
        json!({ "people": json::value(&directory.people) }),
        page,
    ))
}
