//! `nahtlos institution`.

use std::path::Path;

use serde_json::json;

use super::founding::{self, Answers};
use super::invitation;
use crate::arguments::{FounderOptions, InstitutionCommand};
use crate::context::Context;
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
    }
}

/// What is said after a newcomer asked to join.
pub const NOT_ADMITTED_YET: &str = "You are admitted as soon as who invited you has synced; \
     then run `nahtlos sync` here.";

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
