//! `nahtlos meeting call`: the section of a round table, and the right of those who take part, at once.
//!
//! Taking part in a case is no basis by itself (ADR 0042). A law is named; or the one consent by which somebody works
//! on the case is extended by this round table, and the ledger says so: then `share explain` names it, and the right ends
//! with that consent like any other.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, FormChange, FormEdit, NewValues, ScalarValue};
use nahtlos_casework::fields::{ConsentForm, EntryId, Field, UtcTime};
use nahtlos_casework::record::ConsentDetails;
use nahtlos_client::consent::{ConsentExtension, ConsentShare, consent_in, short_name};
use nahtlos_client::share::{GrantPreview, Terms};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::case_open::Stopped;
use super::entries::new_id;
use super::meeting::{id_of, meetings, text_of};
use super::section_form::from_file;
use super::share::{basis, with_institution};
use super::sync::count;
use super::values::parse_option;
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::MeetingCall;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

/// What somebody's right to a round table rests on.
enum Basis {
    Law(String),
    Consent(EntryId),
}

pub fn call(context: &Context, new: &MeetingCall) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.file)?;
    let at = dates::parse_time(&new.at)?;
    let form: Option<ConsentForm> = parse_option("form", new.form.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&new.case)?;
    if !new.again {
        refuse_called_already(&nahtlos, &case, at)?;
    }
    let kind = SectionKind::Meeting(new_id()?.to_string());
    let directory = nahtlos.directory()?;
    let mut invited: Vec<(SpaceId, Basis)> = Vec::new();
    for typed in &new.invite {
        let member = directory.find_member(typed)?;
        if invited.iter().all(|(known, _)| *known != member) {
            let basis = basis_for(
                context,
                &nahtlos,
                &case,
                &member,
                typed,
                new.basis.as_deref(),
            )?;
            invited.push((member, basis));
        }
    }
    let mut changes = match &new.file.from {
        Some(source) => from_file(&kind, &input::read_text(source)?)?,
        None => Vec::new(),
    };
    let at = ScalarValue::Text(at.canonical());
    let values = NewValues::from([("at".to_owned(), Some(at))]);
    changes.insert(0, FormChange::Set { values });
    let opened = nahtlos.all_or_nothing(|nahtlos| {
        let meeting = Meeting {
            case: &case,
            kind: &kind,
            form,
        };
        carry_out(nahtlos, &meeting, &invited, changes, new)
    });
    match opened {
        Ok(answer) | Err(Stopped::Answered(answer)) => Ok(*answer),
        Err(Stopped::Failed(failure)) => Err(*failure),
    }
}

/// The same line once more would call everybody twice.
fn refuse_called_already(nahtlos: &Nahtlos, case: &Case, at: UtcTime) -> Result<(), Failure> {
    let stands = Some(at.canonical());
    let of_case = meetings(nahtlos, case);
    let mut of_case = of_case.iter();
    let Some((kind, _)) = of_case.find(|(_, view)| text_of(view, "at") == stands) else {
        return Ok(());
    };
    Err(Failure::new(
        Exit::Conflict,
        "called_already",
        format!(
            "A round table at {} is called already; nothing was done.",
            dates::time(at)
        ),
        "",
        format!(
            "See it: `nahtlos meeting show {} --meeting {}`. To call another one at the same time, run the command again \
             with `--again`.",
            case.id,
            id_of(kind)
        ),
    ))
}

/// A round table that is being called.
struct Meeting<'a> {
    case: &'a Case,
    kind: &'a SectionKind,
    /// How the client agreed, where that was said.
    form: Option<ConsentForm>,
}

fn carry_out(
    nahtlos: &mut Nahtlos,
    meeting: &Meeting<'_>,
    invited: &[(SpaceId, Basis)],
    mut changes: Vec<FormChange>,
    new: &MeetingCall,
) -> Result<Box<Answer>, Stopped> {
    let id = meeting.case.id.to_string();
    nahtlos.open_section(meeting.case, meeting.kind)?;
    let case = nahtlos.find_case(&id)?;
    let mut previews = Vec::new();
    for (member, _) in invited {
        let preview = nahtlos.preview_grant(&case, meeting.kind, member)?;
        changes.push(invitee(&preview)?);
        previews.push(preview);
    }
    let edits: Vec<Edit> = changes
        .into_iter()
        .map(|change| {
            Edit::Form(FormEdit {
                section: meeting.kind.clone(),
                change,
            })
        })
        .collect();
    nahtlos.edit_case(&id, &edits)?;
    share(nahtlos, &case, meeting, invited)?;
    let title = case_title(nahtlos, &case)?;
    let data = |done: &str| {
        json!({
            "case": id, "section": meeting.kind.code(), "done": done,
            "invited": json::value(&previews),
        })
    };
    let page = page(&title, meeting, invited, &previews);
    if new.answered.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Err(Stopped::answered(Answer::new(data("dry_run"), page)));
    }
    // Who invites nobody shares nothing.
    if !new.answered.yes && !invited.is_empty() {
        page.show_before_asking();
        if !input::confirm("Call it and share it?")? {
            let said = "No round table was called, nothing was shared.";
            return Err(Stopped::answered(Answer::sentence(data("nothing"), said)));
        }
    }
    let invited = count(invited.len() as u64, "team or person", "teams or people");
    let said = format!(
        "{title}: round table called (`{}`), {invited} invited.",
        meeting.kind
    );
    Ok(Box::new(
        Answer::sentence(data("called"), said).note(NOT_DELIVERED_YET),
    ))
}

fn invitee(preview: &GrantPreview) -> Result<FormChange, Failure> {
    let text = |code: &str, value: &str| (code.to_owned(), ScalarValue::Text(value.to_owned()));
    let mut values = BTreeMap::from([text("who", &preview.member), text("attendance", "invited")]);
    if !preview.institution.is_empty() {
        values.extend([text("of", &preview.institution)]);
    }
    Ok(FormChange::Add {
        list: "invitees".to_owned(),
        id: new_id()?,
        correction_of: None,
        values,
    })
}

/// By law at once; by a consent through its extension, which is recorded as what the client said.
fn share(
    nahtlos: &mut Nahtlos,
    case: &Case,
    meeting: &Meeting<'_>,
    invited: &[(SpaceId, Basis)],
) -> Result<(), Stopped> {
    let mut by_consent: BTreeMap<EntryId, Vec<ConsentShare>> = BTreeMap::new();
    for (member, basis) in invited {
        match basis {
            Basis::Law(code) => {
                nahtlos.grant(case, meeting.kind, member, &Terms::new(Role::Write, code))?;
            }
            Basis::Consent(consent) => by_consent.entry(*consent).or_default().push(ConsentShare {
                section: meeting.kind.clone(),
                member: *member,
                role: Role::Write,
                purpose: None,
            }),
        }
    }
    for (consent, shares) in by_consent {
        let form = meeting.form.ok_or_else(form_missing)?;
        let extension = ConsentExtension {
            consent,
            shares,
            valid_until: None,
            form,
            details: ConsentDetails::default(),
            note: None,
        };
        nahtlos.consent_extend(case, &extension)?;
    }
    Ok(())
}

fn page(
    title: &str,
    meeting: &Meeting<'_>,
    invited: &[(SpaceId, Basis)],
    previews: &[GrantPreview],
) -> Page {
    let rows = previews.iter().zip(invited).map(|(preview, (_, basis))| {
        let basis = match basis {
            Basis::Law(code) => code.clone(),
            Basis::Consent(consent) => {
                let form = meeting
                    .form
                    .map_or_else(String::new, |form| format!(" ({form})"));
                format!("consent {}, extended{form}", short_name(consent))
            }
        };
        vec![with_institution(preview), preview.people.join(", "), basis]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let people: BTreeSet<&String> = previews.iter().flat_map(|one| &one.people).collect();
    let extends = invited
        .iter()
        .any(|(_, basis)| matches!(basis, Basis::Consent(_)));
    let mut page = Page::default()
        .title(format!("{title} · round table"))
        .line(format!(
            "{} will read and edit it, and nothing else by it.",
            count(people.len() as u64, "person", "people")
        ))
        .table(
            &["invited", "people", "rests on"],
            rows,
            "Nobody is invited yet.",
        );
    if extends {
        page = page.line("By calling it you record that the client agreed to who comes.");
    }
    page
}

fn basis_for(
    context: &Context,
    nahtlos: &Nahtlos,
    case: &Case,
    member: &SpaceId,
    typed: &str,
    stated: Option<&str>,
) -> Result<Basis, Failure> {
    let wanted = match stated {
        Some(text) => {
            let stated = basis(&context.legal_bases()?, Some(text))?;
            match consent_in(&stated) {
                Some(name) => Some(name.to_owned()),
                None => return Ok(Basis::Law(stated)),
            }
        }
        None => None,
    };
    let today = nahtlos.today()?;
    let coverage = nahtlos.consents(case)?.coverage();
    let member = member.to_string();
    let consents: BTreeSet<EntryId> = coverage
        .iter()
        .filter(|one| one.share.member.as_str() == member && one.is_in_force_on(today))
        .map(|one| one.consent)
        .filter(|consent| {
            wanted
                .as_ref()
                .is_none_or(|name| *name == short_name(consent))
        })
        .collect();
    let mut found = consents.iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(Basis::Consent(*only)),
        (Some(_), Some(_)) => Err(several(typed, &consents)),
        (None, _) => Err(none(typed, wanted.as_deref())),
    }
}

/// Nobody records by default what a client said.
fn form_missing() -> Failure {
    Failure::new(
        Exit::Usage,
        "form",
        "No round table was called: it would extend the client's consent, and nothing says how they agreed.",
        "The extension stands in the ledger of consents as what the client said.",
        "Ask the client, then add `--form verbal`, `--form paper` or `--form device`; or name a law: `--basis CODE`.",
    )
}

/// There may well be a consent: for another team, or of another name.
fn none(typed: &str, wanted: Option<&str>) -> Failure {
    let consent = match wanted {
        Some(name) => format!("the consent {name} is not in force for {typed}"),
        None => format!("no consent that is in force names {typed} themselves"),
    };
    Failure::new(
        Exit::Usage,
        "basis",
        format!("No round table was called: {consent}."),
        "Who takes part reads what is written there, and that rests on a consent that names their team, or on a law.",
        "See the consents with `nahtlos consent CASE` and invite a team that one of them names; or name a law \
         (`--basis CODE`), or record the client's consent: `nahtlos consent give CASE`.",
    )
}

fn several(typed: &str, consents: &BTreeSet<EntryId>) -> Failure {
    let mut failure = Failure::new(
        Exit::Usage,
        "several_consents",
        format!("No round table was called: several consents let {typed} work on this case."),
        "One of them is extended by the round table:",
        "Name it, e.g. `--basis \"consent NAME\"`.",
    );
    failure.details = consents.iter().map(short_name).collect();
    failure
}
