//! `nahtlos member`.

use std::collections::BTreeMap;
use std::path::Path;

use nahtlos_client::ending::{Ending, WHAT_STAYS_READABLE};
use nahtlos_client::former_people::MemberRemoval;
use nahtlos_client::leaving::Leaving;
use nahtlos_client::out_of_sight::TeamWithoutDevice;
use nahtlos_client::rotation::{Rotation, RotationReport};
use nahtlos_client::team_people::TeamPeople;
use nahtlos_client::{ClientError, Directory, Nahtlos, PersonCard};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::device_revoke::nobody_left;
use super::ending::{self, End, WITH_NEXT_SYNC};
use super::founding::{self, Answers};
use super::institution::{NOT_ADMITTED_YET, READ_YOUR_WORDS};
use super::sync::count;
use super::{invitation, key, member_role, newcomer, open_invitation};
use crate::arguments::{Answered, IntroductionOptions, MemberCommand, MemberRole, ReasonCode};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

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
        Some(MemberCommand::Invitations) => open_invitation::list(context),
        Some(MemberCommand::WithdrawInvitation {
            invitation,
            answered,
        }) => open_invitation::withdraw(context, &invitation, answered),
        Some(MemberCommand::Remove {
            person,
            team,
            reason,
            now,
            last,
            answered,
        }) => {
            let options = Removal { reason, now, last };
            remove(context, (&person, &team), options, answered)
        }
        Some(MemberCommand::Role {
            person,
            team,
            role,
            answered,
        }) => member_role::role(context, (&person, &team), role, answered),
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

/// Of a team, with its own commands alone.
pub fn last_manager(failure: Failure, name: &str, team: &str) -> Failure {
    Failure {
        what: format!("{name} alone manages {team}; nothing was decided."),
        why: "Nobody could let anybody into it any more.".into(),
        next: format!(
            "Let somebody else manage it first, who is in it (`nahtlos member role PERSON --team \"{team}\" --role manage`) or \
             is invited (`nahtlos member invite --team \"{team}\" --role manage --to FILE`, and they answer it); then \
             `nahtlos sync`, then this command again."
        ),
        ..failure
    }
}

/// How somebody is removed.
#[derive(Clone, Copy)]
struct Removal {
    reason: Option<ReasonCode>,
    now: bool,
    /// Also where nobody with a device is left.
    last: bool,
}

fn remove(
    context: &Context,
    (person, team): (&str, &str),
    Removal { reason, now, last }: Removal,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let team = own_team(&nahtlos, team)?;
    let directory = nahtlos.directory()?;
    let person = directory.find_member(person)?;
    let (name, team_name) = (directory.name(&person), directory.name(&team));
    let ends = match End::of(&nahtlos, Ending::Member(team, person)) {
        Ok(end) if now => [end.renewed_now()],
        Ok(end) => [end],
        Err(failure) if failure.code == "not_found" => {
            return Err(not_a_member(&name, &team_name));
        }
        Err(failure) if failure.code == "last_manager" => {
            return Err(last_manager(failure, &name, &team_name));
        }
        Err(failure) => return Err(failure),
    };
    let rotation = Rotation::LostBy {
        person,
        out_of: team,
    };
    let keys = nahtlos.preview_rotation(&rotation)?;
    let others = nahtlos.left_to_others(&rotation)?;
    let leaving = nahtlos.preview_leaving(&person, &team)?;
    let page = ending::page(format!("{name} leaves {team_name}"), &ends);
    let page = cascade(page, &name, &leaving, keys, now);
    let unseen = nahtlos.teams_out_of_sight(&rotation)?;
    let unseen_in_words = key::out_of_sight(&unseen, &format!("{name} had the key"), "");
    let page = unseen_in_words
        .iter()
        .fold(page, |page, one| page.line(one.clone()));
    let without = nahtlos.left_without_device(&team, &person)?;
    if let Some(without) = without.as_ref().filter(|_| answered.yes && !last) {
        return Err(nobody_would_be_left(&name, without));
    }
    let page = without
        .iter()
        .fold(page, |page, one| page.line(nobody_left(one)));
    let data = |done: &str| {
        let mut data = ending::data(done, &ends);
        data["keys"] = json::value(&keys);
        data["left_to_others"] = json::value(&others);
        data["leaving"] = json::value(&leaving);
        data["teams_out_of_sight"] = json::value(&unseen);
        data["team_without_device"] = json::value(&without);
        data
    };
    if let Some(answer) = ending::unless_confirmed(answered, page, "Remove them?", data)? {
        return Ok(answer);
    }
    ending::carry_out(&mut nahtlos, &ends, ending::reason(reason)).map_err(
        |failure| match failure.code.as_str() {
            "last_manager" => last_manager(failure, &name, &team_name),
            _ => failure,
        },
    )?;
    let said = format!("Removed: {name} from {team_name}.");
    if !now {
        return Ok(Answer::sentence(data("removed"), said)
            .note(WHAT_STAYS_READABLE)
            .note(WITH_NEXT_SYNC));
    }
    let not_yet = format!("NOT removed yet at the relay: {name} from {team_name}.");
    let rotated = key::rotate_after_end(context, &mut nahtlos, &rotation, &not_yet)?;
    let mut data = data("removed");
    data["rotation"] = json::value(&rotated.keys);
    let page = Page::default().line(said).line(key::in_words(&rotated));
    let answer = key::told(Answer::new(data, page), &rotated, &others);
    Ok(unseen_in_words.into_iter().fold(answer, Answer::note))
}

/// Of a removal that nobody is asked about.
fn nobody_would_be_left(name: &str, without: &TeamWithoutDevice) -> Failure {
    let team = &without.team;
    Failure::new(
        Exit::Failed,
        "last_with_a_device",
        format!("{name} is the last in {team} who has a device; nothing was decided."),
        nobody_left(without),
        format!(
            "Let somebody else into {team} first: `nahtlos member invite --team \"{team}\" --role manage --to FILE`, and \
             wait until they are in and have synced. Where that is meant, the same command with `--last`."
        ),
    )
}

/// What else hangs on it, and what is left to do.
fn cascade(page: Page, name: &str, leaving: &Leaving, keys: RotationReport, now: bool) -> Page {
    let mut page = page.line(format!(
        "{} renewed{}{}.",
        count(keys.left, "key of yours is", "keys of yours are"),
        if now {
            " now"
        } else {
            " with the next edit there, at once with `--now`"
        },
        match keys.not_ours {
            0 => String::new(),
            others => format!("; {others} more are left to others"),
        }
    ));
    if leaving.cases_led > 0 {
        page = page.line(format!(
            "{name} leads {} here, and goes on leading them by name until they are handed over: `nahtlos case \
             handover --from PERSON --to PERSON`.",
            count(leaving.cases_led, "case", "cases")
        ));
    }
    if !leaving.stays_in.is_empty() {
        page = page.line(format!(
            "{name} stays in {}: `nahtlos member remove` ends each.",
            leaving.stays_in.join(", ")
        ));
    }
    if let Some(institution) = &leaving.administers {
        page = page.line(format!(
            "{name} goes on administering {institution}, or waits to: `nahtlos institution administrator PERSON \
             --remove` ends it."
        ));
    }
    if leaving.sections_by_name > 0 {
        page = page.line(format!(
            "{} shared with them by name and stay: `nahtlos share withdraw CASE --from PERSON` ends it.",
            count(leaving.sections_by_name, "section is", "sections are")
        ));
    }
    if leaving.devices > 0 {
        page = page.line(format!(
            "{}: `nahtlos device revoke` ends each. What they type there and deliver late is held for you to decide.",
            count(
                leaving.devices,
                "device stays theirs",
                "devices stay theirs"
            )
        ));
    }
    page
}

pub fn not_a_member(person: &str, team: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("{person} is no member of {team}; nothing was done."),
        "They left it already, work in another team, or have not been admitted yet.",
        "See who works where: `nahtlos member`. What waits for the next sync: `nahtlos decision`.",
    )
}

/// One of one's own institution's teams: others are not ours to invite into.
pub fn own_team(nahtlos: &Nahtlos, input: &str) -> Result<SpaceId, ClientError> {
    let own = nahtlos.identity().institution;
    let mut directory: Directory = nahtlos.directory()?;
    let institutions = directory.clone();
    directory.teams.retain(|_, card| {
        let institution = SpaceId::from_hex(&card.institution);
        institution.is_some_and(|id| Some(id) == own || Some(institutions.goes_on_as(&id)) == own)
    });
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
        "words": nahtlos.device_words(),
        "home": context.home,
    });
    let page = Page::default()
        .line(format!("{} asked to join.", introduction.name))
        .fields([
            ("device", Some(nahtlos.device_fingerprint())),
            ("words", Some(nahtlos.device_words())),
            ("home", Some(context.home.display().to_string())),
        ]);
    Ok(Answer::new(data, page)
        .note(NOT_ADMITTED_YET)
        .note(READ_YOUR_WORDS))
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let mut administering = BTreeMap::new();
    for id in directory.institutions.keys() {
        let institution = SpaceId::from_hex(id);
        // An institution whose log is not here says nothing about its people.
        let known = institution.and_then(|id| nahtlos.administrators_of(&id).ok());
        for line in known.into_iter().flatten() {
            administering.insert(line.id, (id.clone(), line.waits));
        }
    }
    let administers = |id: &str, card: &PersonCard| match administering.get(id) {
        Some((of, true)) if *of == card.institution => "waits to administer",
        Some((of, false)) if *of == card.institution => "administers",
        _ => "",
    };
    let left = left(&nahtlos, &directory)?;
    let people_of = nahtlos.people_of_teams()?;
    let stands = |id: &str, card: &PersonCard| match left.get(id) {
        Some(removal) => format!("left {} on {}", removal.from, dates::moment(removal.at_ms)),
        None => {
            let left = team_of_card_left(&directory, &people_of, id, card);
            let left = left.map(|(team, at_ms)| format!("left {team} on {}", dates::moment(at_ms)));
            let administers = Some(administers(id, card).to_owned()).filter(|one| !one.is_empty());
            let said: Vec<String> = administers.into_iter().chain(left).collect();
            said.join("; ")
        }
    };
    let rows = directory
        .people
        .iter()
        .map(|(id, card)| {
            vec![
                directory.told_apart(id),
                card.function.clone(),
                teams_of(&directory, &people_of, id, card).join(", "),
                institution_of(&directory, &card.institution),
                stands(id, card),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["person", "function", "team", "institution", ""],
        rows,
        "Nobody has published a card yet: run `nahtlos sync`.",
    );
    let mut people = json::value(&directory.people);
    for (id, card) in &directory.people {
        people[id]["administers"] = (administers(id, card) == "administers").into();
        people[id]["left"] = json::value(&left.get(id));
        let places = people_of
            .iter()
            .filter_map(|(team, known)| Some((team, known.person(id)?)));
        let places = places.map(|(team, one)| {
            json!({ "team": team, "role": one.role, "joined": json::value(&one.joined), "since_ms": one.since_ms })
        });
        people[id]["teams"] = places.collect();
        let has_card =
            SpaceId::from_hex(id).is_some_and(|id| !directory.without_card.contains(&id));
        people[id]["has_card"] = has_card.into();
    }
    Ok(Answer::new(json!({ "people": people }), page))
}

/// The teams that somebody is in, by name. Where the log of the one on their card is not here, the card's word
/// stands.
fn teams_of(
    directory: &Directory,
    people_of: &BTreeMap<String, TeamPeople>,
    person: &str,
    card: &PersonCard,
) -> Vec<String> {
    let name = |team: &String| directory.teams.get(team).map(|card| card.name.clone());
    let unseen = card
        .team
        .iter()
        .filter(|team| !people_of.contains_key(*team));
    let unseen = unseen.filter_map(name);
    let seen = people_of
        .iter()
        .filter(|(_, known)| known.person(person).is_some());
    unseen
        .chain(seen.filter_map(|(team, _)| name(team)))
        .collect()
}

/// The team on somebody's card, where they are in it no longer, and when they left it. Who is in the team that
/// took it over has left nothing.
fn team_of_card_left(
    directory: &Directory,
    people_of: &BTreeMap<String, TeamPeople>,
    person: &str,
    card: &PersonCard,
) -> Option<(String, u64)> {
    let id = card.team.as_ref()?;
    let at_ms = people_of.get(id)?.left.get(person)?;
    let team = directory.teams.get(id)?;
    let into = team
        .merged_into
        .as_ref()
        .and_then(|into| people_of.get(into));
    let goes_on = into.is_some_and(|into| into.person(person).is_some());
    (!goes_on).then(|| (team.name.clone(), *at_ms))
}

/// The institution that a card names, with what it is now.
pub fn institution_of(directory: &Directory, id: &str) -> String {
    let known = SpaceId::from_hex(id).filter(|_| directory.institutions.contains_key(id));
    known.map_or_else(String::new, |id| directory.institution_name(&id))
}

/// People whose card stands although they are members of nothing any more, by id.
pub fn left(
    nahtlos: &Nahtlos,
    directory: &Directory,
) -> Result<BTreeMap<String, MemberRemoval>, Failure> {
    let mut left = BTreeMap::new();
    for id in directory.people.keys() {
        let Some(person) = SpaceId::from_hex(id) else {
            continue;
        };
        if let Some(removal) = nahtlos.member_removal(&person)? {
            left.insert(id.clone(), removal);
        }
    }
    Ok(left)
}
