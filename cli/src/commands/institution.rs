//! `nahtlos institution`.

use std::path::{Path, PathBuf};

use nahtlos_client::ClientError;
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::device::DeviceInvitation;
use serde_json::json;

use super::founding::{self, Answers};
use crate::arguments::{FounderOptions, InstitutionCommand};
use crate::context::{Context, NewFile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<InstitutionCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(InstitutionCommand::List) => list(context),
        Some(InstitutionCommand::Invite { note, to }) => {
            let mut nahtlos = context.open()?;
            let to = file_for_invitation(to.as_deref())?;
            let invitation = nahtlos.invite_institution(&note)?;
            hand_over(
                &invitation,
                to,
                "nahtlos institution join --invitation FILE",
            )
        }
        Some(InstitutionCommand::Join {
            invitation,
            founder,
        }) => join(context, &invitation, &founder),
    }
}

/// Where an invitation goes: a file that cannot be made is noticed before there is an invitation
/// that nobody has.
pub struct InvitationFile(PathBuf, NewFile);

/// Makes the file for an invitation, where one is named.
pub fn file_for_invitation(to: Option<&Path>) -> Result<Option<InvitationFile>, Failure> {
    to.map(|path| Ok(InvitationFile(path.to_owned(), NewFile::create(path)?)))
        .transpose()
}

impl InvitationFile {
    /// Writes the invitation; the answer says where it is.
    pub fn write(self, text: &str) -> Result<Answer, Failure> {
        let Self(path, file) = self;
        file.write(format!("{text}\n").as_bytes())?;
        let said = format!("The invitation is in {}.", path.display());
        Ok(Answer::sentence(json!({ "file": path }), said))
    }
}

/// An invitation as the answer: on standard output or in a file of one's own.
pub fn hand_over(
    invitation: &InvitationText,
    to: Option<InvitationFile>,
    command: &str,
) -> Result<Answer, Failure> {
    let text = invitation.to_string();
    let answer = match to {
        Some(file) => file.write(&text)?,
        None => Answer::sentence(json!({ "invitation": text }), text),
    };
    Ok(answer
        .note("It is good for one newcomer and two weeks, once you have run `nahtlos sync`.")
        .note(format!(
            "Hand it over where nobody else reads it; they type: {command}"
        )))
}

/// Reads an invitation.
pub fn read_invitation(source: &Path) -> Result<InvitationText, Failure> {
    let text = input::read_text(source)?;
    if text.parse::<DeviceInvitation>().is_ok() {
        return Err(Failure::new(
            Exit::Failed,
            "other_invitation",
            "This invitation is for a further device of somebody who is in already; nothing was done.",
            "People, institutions and devices join by different commands.",
            "If you are that person, use `nahtlos device join FILE` on the new device.",
        ));
    }
    Ok(text.parse().map_err(ClientError::Text)?)
}

/// What is said after a newcomer asked to join.
pub const NOT_ADMITTED_YET: &str = "You are admitted as soon as who invited you has synced; \
     then run `nahtlos sync` here.";

fn join(context: &Context, source: &Path, options: &FounderOptions) -> Result<Answer, Failure> {
    let invitation = read_invitation(source)?;
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

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let own = nahtlos.identity().institution.map(|id| id.to_string());
    let rows = directory
        .institutions
        .iter()
        .map(|(id, card)| {
            let mark = if own.as_deref() == Some(id) {
                "yours"
            } else {
                ""
            };
            vec![card.name.clone(), card.kind.clone(), mark.to_owned()]
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
