//! `nahtlos institution`.

use std::path::Path;

use nahtlos_casework::fields::Name;
use nahtlos_client::ending::WHAT_STAYS_READABLE;
use nahtlos_client::institution_leaving::OwnLeaving;
use nahtlos_client::{ClientError, Directory, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::ending;
use super::founding::{self, Answers};
use super::sync::count;
use super::values::parse;
use super::{
    administrator, institution_merge, institution_policy, institution_show, invitation, network,
};
use crate::arguments::{Answered, FounderOptions, InstitutionCommand};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<InstitutionCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(InstitutionCommand::List) => list(context),
        Some(InstitutionCommand::Invite { note, handing_over }) => {
            let mut nahtlos = context.open()?;
            let hand_over = invitation::HandOver::prepare(&handing_over)?;
            let invitation = nahtlos.invite_institution(&note)?;
            invitation::to_newcomer(
                hand_over,
                &invitation,
                "nahtlos institution join --invitation FILE",
            )
        }
        Some(InstitutionCommand::Join {
            invitation,
            founder,
        }) => join(context, &invitation, &founder),
        Some(InstitutionCommand::Rename { name }) => rename(context, &name),
        Some(InstitutionCommand::Merge {
            institution,
            into,
            answered,
        }) => institution_merge::merge(context, &institution, &into, answered),
        Some(InstitutionCommand::Leave { answered }) => leave(context, answered),
        Some(InstitutionCommand::Policy {
            administrators,
            compare,
            answered,
        }) => institution_policy::policy(context, administrators, compare, answered),
        Some(InstitutionCommand::Show { institution }) => {
            institution_show::show(context, institution.as_deref())
        }
        Some(InstitutionCommand::Administrator {
            person,
            remove: false,
            answered,
        }) => administrator::add(context, &person, answered),
        Some(InstitutionCommand::Administrator {
            person,
            remove: true,
            answered,
        }) => administrator::remove(context, &person, answered),
        Some(InstitutionCommand::Remove {
            institution,
            answered,
        }) => remove(context, &institution, answered),
    }
}

/// What is said after a newcomer asked to join.
pub const NOT_ADMITTED_YET: &str = "You are admitted as soon as who invited you has synced; \
     then run `nahtlos sync` here.";

/// Where the inviting institution compares words.
pub const READ_YOUR_WORDS: &str = "If they call you to compare words, read the six words above to them: \
     `nahtlos status` shows them again.";

fn join(context: &Context, source: &Path, options: &FounderOptions) -> Result<Answer, Failure> {
    let invitation = invitation::read(source)?;
    let answers = Answers::of_founder(options)?;
    let mut transport = context.transport(&invitation.url)?;
    let (mut nahtlos, founder) = founding::prepare_founder(context, answers)?;
    nahtlos
        .join_as_institution(&mut transport, &invitation, &founder)
        .map_err(founding::failed)?;
    founding::completed(&mut nahtlos)?;
    let data = json!({
        "institution": founder.institution.name,
        "team": founder.team,
        "person": founder.introduction.name,
        "enrolment": "waiting_for_admission",
        "home": context.home,
    });
    let page = Page::default()
        .line(format!("{} asked to join.", founder.institution.name))
        .fields([
            ("team", Some(founder.team)),
            ("person", Some(founder.introduction.name)),
            ("device", Some(nahtlos.device_fingerprint())),
            ("home", Some(context.home.display().to_string())),
        ]);
    Ok(Answer::new(data, page).note(NOT_ADMITTED_YET))
}

fn rename(context: &Context, name: &str) -> Result<Answer, Failure> {
    let name: Name = parse("institution", name)?;
    let before = context.open()?.rename_institution(name.as_str())?;
    let data = json!({ "institution": name.as_str(), "before": before });
    let said = format!("{before} is called {name} from now on.");
    Ok(Answer::sentence(data, said).note(NAMES_WITH_NEXT_SYNC))
}

/// What a new name is followed by.
pub const NAMES_WITH_NEXT_SYNC: &str =
    "`nahtlos sync` makes it known; keys and rights stay as they are.";

fn remove(context: &Context, input: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let institution = directory.find_institution(input)?;
    let name = directory.institution_name(&institution);
    let leaving = nahtlos
        .preview_institution_leaving(&institution)
        .map_err(|error| not_removed(error, &name))?;
    let page = Page::default()
        .title(format!("{name} leaves the network"))
        .fields([
            ("teams", Some(leaving.teams.join(", "))),
            (
                "ends with it",
                Some(count(
                    leaving.grants_ended,
                    "right in a section of yours",
                    "rights in sections of yours",
                )),
            ),
            (
                "left to others",
                (leaving.left_to_others > 0).then(|| {
                    count(
                        leaving.left_to_others,
                        "section that others manage stays shared with it until they sync",
                        "sections that others manage stay shared with it until they sync",
                    )
                }),
            ),
        ])
        .line(WHAT_STAYS_READABLE);
    let data = |done: &str| json!({ "done": done, "leaving": json::value(&leaving) });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Remove it?", data)? {
        return Ok(answer);
    }
    nahtlos.remove_institution(&institution)?;
    let said = format!("Removed: {name} from the network.");
    Ok(Answer::sentence(data("removed"), said).note(ending::WITH_NEXT_SYNC))
}

fn not_removed(error: ClientError, name: &str) -> Failure {
    match error {
        ClientError::NotFound { .. } => Failure::new(
            Exit::Failed,
            "not_found",
            format!("{name} is not in the network any more; nothing was done."),
            "It was removed before.",
            "See who is: `nahtlos institution`.",
        ),
        ClientError::LastManager => network::alone_manages(name),
        ClientError::NoRight { .. } => {
            let mut failure = Failure::from(error);
            failure.next =
                "Ask an institution that manages the network: `nahtlos network`. What you shared \
                            yourself you end with `nahtlos share withdraw CASE --from TEAM`."
                    .into();
            failure
        }
        other => other.into(),
    }
}

fn leave(context: &Context, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    if let Some(failure) = is_merged(&nahtlos)? {
        return Err(failure);
    }
    let leaving = nahtlos
        .preview_own_leaving()
        .map_err(|error| not_removed(error, "Your institution"))?;
    let page = leaving_page(&leaving);
    let data = |done: &str| json!({ "done": done, "leaving": json::value(&leaving) });
    if !leaving.signs_itself && !answered.dry_run {
        return Err(cannot_sign(&leaving));
    }
    if let Some(answer) = ending::unless_confirmed(answered, page, "Leave it?", data)? {
        return Ok(answer);
    }
    nahtlos.leave_network()?;
    let said = format!("Decided: {} leaves the network.", leaving.institution);
    let mut answer = Answer::sentence(data("decided"), said).note(ending::WITH_NEXT_SYNC);
    if leaving.undelivered > 0 {
        answer = answer.note(format!(
            "That sync delivers first what was typed on this device: {}.",
            count(leaving.undelivered, "edit", "edits")
        ));
    }
    if leaving.other_devices > 0 {
        answer = answer.note(
            "Let the other devices of your people sync before: what was typed there and is not delivered reaches nobody \
             afterwards.",
        );
    }
    Ok(answer)
}

/// Of an institution that was merged nobody is cut off: its part ends in another way.
fn is_merged(nahtlos: &Nahtlos) -> Result<Option<Failure>, Failure> {
    let directory = nahtlos.directory()?;
    let Some(own) = nahtlos.identity().institution else {
        return Ok(None);
    };
    let now = directory.goes_on_as(&own);
    let (from, into) = (
        directory.institution_own_name(&own),
        directory.institution_own_name(&now),
    );
    Ok((now != own).then(|| {
        Failure::new(
            Exit::Failed,
            "merged",
            format!("{from} was merged into {into}; nothing was done."),
            "Its people take part in the network by that one, and its own part ends without cutting anybody off.",
            format!(
                "See what is left of it, and to whom: `nahtlos institution merge \"{from}\" --into \"{into}\" \
                 --dry-run`."
            ),
        )
    }))
}

fn leaving_page(leaving: &OwnLeaving) -> Page {
    let some =
        |number: u64, one: &str, several: &str| (number > 0).then(|| count(number, one, several));
    let signed_by = match (leaving.signs_itself, leaving.signed_by.is_empty()) {
        (true, _) => "you can".to_owned(),
        (false, false) => leaving.signed_by.join(", "),
        (false, true) => "nobody: yours alone manages the network".to_owned(),
    };
    Page::default()
        .title(format!("{} leaves the network", leaving.institution))
        .fields([
            ("teams", Some(leaving.teams.join(", "))),
            (
                "leads",
                some(
                    leaving.cases_led,
                    "case, which nobody of the network can take over afterwards: `nahtlos case handover` before",
                    "cases, which nobody of the network can take over afterwards: `nahtlos case handover` before",
                ),
            ),
            (
                "shared by it",
                some(
                    leaving.shared_by_it,
                    "section, which stays with those who hold it",
                    "sections, which stay with those who hold them",
                ),
            ),
            (
                "shared with it",
                some(
                    leaving.shared_with_it,
                    "section: what was delivered stays readable, and the relay delivers nothing more",
                    "sections: what was delivered stays readable, and the relay delivers nothing more",
                ),
            ),
            (
                "not delivered",
                some(
                    leaving.undelivered,
                    "edit typed on this device: the sync that leaves delivers it first",
                    "edits typed on this device: the sync that leaves delivers them first",
                ),
            ),
            (
                "other devices",
                some(
                    leaving.other_devices,
                    "of its people: let it sync before, else what was typed there and is not delivered reaches nobody",
                    "of its people: let each sync before, else what was typed there and is not delivered reaches nobody",
                ),
            ),
            ("who can sign it", Some(signed_by)),
        ])
        .line(
            "The relay takes and gives nothing of content to its people from then on. What others share with \
             its teams ends when those who manage it sync the next time, with new keys.",
        )
}

/// Whom to ask. Replay knows no institution that ends its own part: see ADR 0037.
fn cannot_sign(leaving: &OwnLeaving) -> Failure {
    let OwnLeaving {
        institution,
        signed_by,
        ..
    } = leaving;
    if signed_by.is_empty() {
        return Failure::new(
            Exit::NoRight,
            "last_manager",
            format!("{institution} cannot leave: it alone manages the network. Nothing was done."),
            "Nobody could let anybody in or end anything afterwards.",
            "Let another institution manage it first: `nahtlos network manager INSTITUTION`, then `nahtlos sync`. Where \
             nobody is to go on: what you shared you end with `nahtlos share withdraw CASE --from TEAM`, an institution's \
             part with `nahtlos institution remove NAME`.",
        );
    }
    Failure::new(
        Exit::NoRight,
        "no_right",
        format!("You cannot sign that {institution} leaves; nothing was done."),
        format!(
            "Who manages the network ends an institution's part in it: {}.",
            signed_by.join(", ")
        ),
        format!(
            "Ask them for `nahtlos institution remove \"{institution}\"`. See first what it means: \
             `nahtlos institution leave --dry-run`."
        ),
    )
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let own = nahtlos.identity().institution.map(|id| id.to_string());
    let rows = directory
        .institutions
        .iter()
        .map(|(id, card)| {
            let is_in = SpaceId::from_hex(id).is_some_and(|id| nahtlos.is_in_network(&id));
            let space = SpaceId::from_hex(id);
            let now = space.map(|id| directory.goes_on_as(&id));
            let asks = space.and_then(|id| directory.says_it_goes_on_as(&id));
            let mark = match (own.as_deref() == Some(id), is_in) {
                _ if now != space => format!("merged into {}", named(&directory, now)),
                _ if asks.is_some() => {
                    format!("asks to be merged into {}", named(&directory, asks))
                }
                (_, false) => "left".to_owned(),
                (true, true) => "yours".to_owned(),
                (false, true) => String::new(),
            };
            vec![card.name.clone(), card.kind.clone(), mark]
        })
        .collect();
    let page = Page::default().table(
        &["institution", "kind", ""],
        rows,
        "No institution has published its card yet: run `nahtlos sync`.",
    );
    let data = json!({ "institutions": json::value(&directory.institutions) });
    Ok(Answer::new(data, page))
}

fn named(directory: &Directory, institution: Option<SpaceId>) -> String {
    institution.map_or_else(String::new, |id| directory.institution_name(&id))
}
