//! `nahtlos member`.

use std::path::Path;

use nahtlos_client::ending::{Ending, WHAT_STAYS_READABLE};
use nahtlos_client::{ClientError, Directory, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::ending::{self, End, WITH_NEXT_SYNC};
use super::founding::{self, Answers};
use super::institution::NOT_ADMITTED_YET;
use super::{invitation, newcomer};
use crate::arguments::{Answered, IntroductionOptions, MemberCommand, MemberRole, ReasonCode};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<MemberCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(MemberCommand::List) => list(context),
        Some(MemberCommand::Waiting) => newcomer::list(context),
        Some(MemberCommand::Confirm {
            newcomer,
            fingerprint,
        }) => newcomer::confirm(context, &newcomer, fingerprint),
        Some(MemberCommand::Refuse { newcomer, answered }) => {
            newcomer::refuse(context, &newcomer, answered)
        }
        Some(MemberCommand::Remove {
            person,
            team,
            reason,
            answered,
        }) => remove(context, &person, &team, reason, answered),
        Some(MemberCommand::Invite {
            team,
            role,
            note,
            handing_over,
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
            let hand_over = invitation::HandOver::prepare(&handing_over)?;
            let invitation = nahtlos.invite_person(&team, role, &note)?;
            let command = "nahtlos member join --invitation FILE";
            let answer = invitation::to_newcomer(hand_over, &invitation, command)?;
            Ok(answer.note(format!("Invitation for {team_name}; may {may}.")))
        }
        Some(MemberCommand::Join {
            invitation,
            introduction,
            from,
        }) => join(context, &invitation, &introduction, from.as_deref()),
    }
}

fn remove(
    context: &Context,
    person: &str,
    team: &str,
    reason: Option<ReasonCode>,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let team = own_team(&nahtlos, team)?;
    let directory = nahtlos.directory()?;
    let person = directory.find_member(person)?;
    let (name, team_name) = (directory.name(&person), directory.name(&team));
    let ends = match End::of(&nahtlos, Ending::Member(team, person)) {
        Ok(end) => [end],
        Err(failure) if failure.code == "not_found" => {
            return Err(not_a_member(&name, &team_name));
        }
        Err(failure) => return Err(failure),
    };
    let page = ending::page(format!("{name} leaves {team_name}"), &ends)
        .line("What was shared with them by name stays: `nahtlos share withdraw CASE --from PERSON` ends it.");
    let data = |done: &str| ending::data(done, &ends);
    if let Some(answer) = ending::unless_confirmed(answered, page, "Remove them?", data)? {
        return Ok(answer);
    }
    ending::carry_out(&mut nahtlos, &ends, ending::reason(reason))?;
    let said = format!("Removed: {name} from {team_name}.");
    Ok(Answer::sentence(data("removed"), said)
        .note(WHAT_STAYS_READABLE)
        .note(WITH_NEXT_SYNC))
}

fn not_a_member(person: &str, team: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("{person} is no member of {team}; nothing was done."),
        "They left it already, work in another team, or have not been admitted yet.",
        "See who works where: `nahtlos member`. What waits for the next sync: `nahtlos decision`.",
    )
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
    let invitation = invitation::read(source)?;
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
