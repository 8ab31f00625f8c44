//! `nahtlos recovery`.

use std::path::{Path, PathBuf};

use nahtlos_client::recovery::setup::RecoverySetup;
use nahtlos_client::recovery::using::Rehearsed;
use nahtlos_client::recovery::{RecoveryError, RecoveryLine, RecoveryUse, TypedShare};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::wire::claim::TextError;
use nahtlos_protocol::wire::share::ShareText;
use serde_json::json;

use super::ending::unless_confirmed;
use super::recovery_print;
use crate::arguments::{Answered, RecoveryCommand};
use crate::context::{Context, write_private_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, command: Option<RecoveryCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(RecoveryCommand::List) => list(context),
        Some(RecoveryCommand::Setup {
            threshold,
            of,
            custodian,
            without,
            answered,
        }) => set_up(context, threshold, of, (&custodian, &without), answered),
        Some(RecoveryCommand::Cover { team }) => cover(context, &team),
        Some(RecoveryCommand::Share { recipient, to }) => share(context, &recipient, &to),
        Some(RecoveryCommand::Print { page }) => recovery_print::print(context, &page),
        Some(RecoveryCommand::Verify { share, printed }) => verify(context, &share, &printed),
        Some(RecoveryCommand::Use {
            person,
            team,
            institution,
            share,
            printed,
            answered,
        }) => {
            let groups = Groups { team, institution };
            recover(context, &person, &groups, (&share, &printed), answered)
        }
    }
}

/// Into what somebody is to be let.
struct Groups {
    team: Vec<String>,
    institution: bool,
}

impl Groups {
    fn find(&self, nahtlos: &Nahtlos) -> Result<Vec<SpaceId>, Failure> {
        let directory = nahtlos.directory()?;
        let mut groups = Vec::new();
        for team in &self.team {
            groups.push(directory.find_team(team)?);
        }
        if self.institution {
            groups.extend(nahtlos.identity().institution);
        }
        Ok(groups)
    }
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let (lines, uses) = (nahtlos.recovery_lines()?, nahtlos.recovery_uses()?);
    let mut page = Page::default();
    for line in lines.iter().filter(|line| line.is_present) {
        page = described(page, line);
    }
    if !lines.iter().any(|line| line.is_present) {
        page = page.line(
            "Your institution has no recovery key: a team whose people lose all their devices is lost. \
             See `nahtlos recovery setup --help`.",
        );
    }
    let rows: Vec<Vec<String>> = uses.iter().map(use_row).collect();
    if !rows.is_empty() {
        let head = ["used", "recovery key of", "for", "what"];
        page = page.table(&head, rows, "");
    }
    let data = json!({ "recovery": json::value(&lines), "uses": json::value(&uses) });
    let mut answer = Answer::new(data, page);
    let is_used = |line: &RecoveryLine| line.is_present && !line.uses.is_empty();
    if lines.iter().any(is_used) {
        answer = answer.note(NEW_SET);
    }
    Ok(answer)
}

fn use_row(one: &RecoveryUse) -> Vec<String> {
    let place = match &one.case {
        Some(case) => format!("{case} {}", one.group),
        None => one.group.clone(),
    };
    let let_in = |person| format!("{person} was let in");
    let what = one.person.as_ref().map(let_in);
    vec![
        dates::moment(one.claimed_at_ms),
        one.institution.clone(),
        place,
        what.unwrap_or_else(|| one.did.sentence().to_owned()),
    ]
}

/// What follows each use.
const NEW_SET: &str = "This recovery key was used: make a new one, `nahtlos recovery setup`. Until then \
     whoever saw these shares can use it again.";

fn described(page: Page, line: &RecoveryLine) -> Page {
    let rows = line.custodians.iter().map(|custodian| {
        vec![
            custodian.index.to_string(),
            custodian.name.clone(),
            custodian.check_words.clone(),
            match (custodian.state, custodian.is_own) {
                ("left", _) => "left your institution: make a new recovery key",
                ("other_devices", _) => "has other devices since: make a new recovery key",
                (_, true) => "yours",
                (_, false) => "",
            }
            .to_owned(),
        ]
    });
    page.line(format!(
        "{} of {} shares open the recovery key of {} ({}).",
        line.threshold,
        line.custodians.len(),
        line.institution,
        line.set
    ))
    .table(
        &["share", "custodian", "check words", ""],
        rows.collect(),
        "",
    )
    .fields([
        ("covers", Some(line.covered.join(", "))),
        ("does not cover", listed(&line.not_covered)),
    ])
}

fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

fn set_up(
    context: &Context,
    threshold: u8,
    of: usize,
    (custodians, without): (&[String], &[String]),
    answered: Answered,
) -> Result<Answer, Failure> {
    if custodians.len() != of {
        return Err(Failure::new(
            Exit::Usage,
            "recovery_numbers",
            format!(
                "{of} shares and {} custodians do not fit; nothing was made.",
                custodians.len()
            ),
            "Each custodian holds one share.",
            "Name each with `--custodian PERSON`, and as many as `--of` says.",
        ));
    }
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let mut people = Vec::new();
    for custodian in custodians {
        people.push(directory.find_member(custodian)?);
    }
    let mut left_out = Vec::new();
    for team in without {
        left_out.push(directory.find_team(team)?);
    }
    let setup = nahtlos.preview_recovery(threshold, &people, &left_out)?;
    let names: Vec<String> = people.iter().map(|person| directory.name(person)).collect();
    let page = setup_page(threshold, &names, &setup);
    let data = |done: &str| {
        json!({
            "done": done, "threshold": threshold, "custodians": names, "setup": json::value(&setup),
        })
    };
    if let Some(answer) = unless_confirmed(answered, page, "Make it?", data)? {
        return Ok(answer);
    }
    nahtlos.set_up_recovery(threshold, &people, &left_out)?;
    let answer = Answer::sentence(data("decided"), "It is made with the next `nahtlos sync`.");
    let answer = not_opened(&setup).into_iter().fold(answer, Answer::note);
    Ok(answer
        .note(
            "Then let each custodian run `nahtlos sync` and `nahtlos recovery verify`: the check words there \
             must be those that `nahtlos recovery` shows here.",
        )
        .note(if setup.replaces {
            "The earlier recovery key ends with that: its shares open nothing that is sealed later."
        } else {
            "A team founded later is not covered: `nahtlos recovery cover TEAM`."
        }))
}

/// Said after it is made, too: who answers with `--yes` sees no preview.
fn not_opened(setup: &RecoverySetup) -> Option<String> {
    let teams = listed(&setup.not_covered)?;
    Some(format!(
        "ATTENTION: it does not open {teams}, which you do not manage: should everybody there lose their devices, the \
         cases are lost. After the next `nahtlos sync` of both, who manages such a team runs `nahtlos recovery cover TEAM`."
    ))
}

fn setup_page(threshold: u8, names: &[String], setup: &RecoverySetup) -> Page {
    let shares = names.iter().enumerate();
    let shares: Vec<(String, Option<String>)> = shares
        .map(|(place, name)| (format!("share {}", place + 1), Some(name.clone())))
        .collect();
    let mut page = Page::default()
        .line(format!(
            "A recovery key: {threshold} of {} shares open it.",
            names.len()
        ))
        .fields(
            shares
                .iter()
                .map(|(label, name)| (label.as_str(), name.clone())),
        )
        .fields([
            ("covers", Some(setup.covered.join(", "))),
            ("does not cover", listed(&setup.not_covered)),
        ]);
    if !setup.not_covered.is_empty() {
        page = page.line(
            "Who manages a team that is not covered can have it covered: `nahtlos recovery cover TEAM`.",
        );
    }
    page
}

fn cover(context: &Context, team: &str) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let team = directory.find_team(team)?;
    let is_new = nahtlos.cover_by_recovery(&team)?;
    let name = directory.name(&team);
    let said = match is_new {
        true => format!("{name} is covered by the recovery key with the next `nahtlos sync`."),
        false => {
            format!("{name} is covered by the present recovery key already; nothing was decided.")
        }
    };
    let data = json!({ "covered": name, "was_covered": !is_new });
    Ok(Answer::sentence(data, said))
}

fn share(context: &Context, recipient: &str, to: &Path) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let recipient = directory.find_member(recipient)?;
    let text = nahtlos.hand_over_share(&recipient)?;
    write_private_file(to, format!("{text}\n").as_bytes())?;
    let name = directory.name(&recipient);
    let data = json!({ "for": name, "file": to, "share": text.index });
    let said = format!(
        "Your share is in {}: only {name}'s devices open it.",
        to.display()
    );
    Ok(Answer::sentence(data, said).note(format!(
        "Make sure by voice that {name} asked for it, and for what, before you send it."
    )))
}

fn verify(context: &Context, files: &[PathBuf], printed: &[u8]) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    if let (true, [index]) = (files.is_empty(), printed) {
        let typed = recovery_print::typed(&nahtlos, &[*index])?;
        let names: Vec<&String> = typed.iter().map(|share| &share.custodian).collect();
        let (enough, together) = with_own_share(&nahtlos, &typed)?;
        let name = names.first().map_or("", |name| name.as_str());
        let said = format!("The printed share of {name} is right. {together}");
        let data = json!({ "share": index, "custodians": names, "enough": enough });
        return Ok(Answer::sentence(data, said).note("Nothing was opened, and nobody was told."));
    }
    if files.is_empty() && printed.is_empty() {
        let words = nahtlos.check_own_share()?;
        let said = format!("Your share opens here and is the right one. Its check words: {words}");
        return Ok(Answer::sentence(json!({ "check_words": words }), said));
    }
    let rehearsed = rehearsed(&nahtlos, files, printed)?;
    let said = format!(
        "The shares of {} are right, and enough: {} are needed.",
        and(&rehearsed.custodians),
        rehearsed.threshold
    );
    let data = json!({ "custodians": rehearsed.custodians, "threshold": rehearsed.threshold });
    Ok(Answer::sentence(data, said).note("Nothing was opened, and nobody was told."))
}

/// Whether a printed share and one's own, where there is one, are enough; in words.
fn with_own_share(nahtlos: &Nahtlos, typed: &[TypedShare]) -> Result<(bool, String), Failure> {
    match nahtlos.rehearse_with_printed(&[], typed) {
        Ok(rehearsed) => Ok((
            true,
            format!(
                "Those of {} are enough: {} are needed.",
                and(&rehearsed.custodians),
                rehearsed.threshold
            ),
        )),
        Err(ClientError::Recovery(RecoveryError::TooFew {
            have, threshold, ..
        })) => Ok((
            false,
            format!(
                "By itself it opens nothing: {} of {threshold} shares are here ({}).",
                have.len(),
                and(&have)
            ),
        )),
        Err(error) => Err(error.into()),
    }
}

fn recover(
    context: &Context,
    person: &str,
    groups: &Groups,
    (files, printed): (&[PathBuf], &[u8]),
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let person = directory.find_member(person)?;
    let groups = groups.find(&nahtlos)?;
    nahtlos.check_covered(&groups)?;
    nahtlos.check_of_institution(&person)?;
    let rehearsed = rehearsed(&nahtlos, files, printed)?;
    let name = directory.name(&person);
    let names: Vec<String> = groups.iter().map(|group| directory.name(group)).collect();
    let given = what_it_gives(&name, &nahtlos, &groups)?.into_iter();
    let page = given
        .fold(Page::default(), Page::line)
        .fields([("shares of", Some(rehearsed.custodians.join(", ")))])
        .line(
            "It stands there for good: your people, and every institution that shares a case with them, \
             are told.",
        );
    let data = |done: &str| {
        json!({
            "done": done, "person": name, "groups": names, "custodians": rehearsed.custodians,
        })
    };
    if let Some(answer) = unless_confirmed(answered, page, "Let them in?", data)? {
        return Ok(answer);
    }
    let mut transport = context.transport_of(&nahtlos)?;
    let recovered = nahtlos
        .use_recovery(
            &context.home,
            &rehearsed,
            &person,
            &groups,
            &mut transport,
            &mut |_| {},
        )
        .map_err(said_again)?;
    let said = format!(
        "{} was let into {}.",
        recovered.person,
        and(&recovered.groups)
    );
    let mut answer = Answer::sentence(data("recovered"), said);
    for notice in &recovered.notices {
        answer = answer.note(format!("Note: {notice}."));
    }
    Ok(answer.note(NEW_SET))
}

/// Nothing of the key is kept, so no later sync goes on with it.
fn said_again(error: ClientError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.exit == Exit::RelayUnreachable {
        failure.what = "The relay was not reached, or not to the end: it is not known that anybody was let in.".into();
        failure.next = "Run this command again when the relay is reached, with the same shares: nothing of the recovery \
                        key is kept, so `nahtlos sync` does not go on with it."
            .into();
    }
    failure
}

/// What whoever is let in may do, of the institution and of teams apart.
fn what_it_gives(
    name: &str,
    nahtlos: &Nahtlos,
    groups: &[SpaceId],
) -> Result<Vec<String>, Failure> {
    let directory = nahtlos.directory()?;
    let institution = nahtlos.identity().institution;
    let teams = groups.iter().filter(|group| Some(**group) != institution);
    let teams: Vec<String> = teams.map(|team| directory.name(team)).collect();
    let mut lines = Vec::new();
    if let Some(institution) = institution.filter(|institution| groups.contains(institution)) {
        lines.push(format!(
            "{name} will administer {}: invite and remove people, revoke devices, found teams, and read no case \
             by that.",
            directory.name(&institution)
        ));
    }
    match teams.len() {
        0 => {}
        1 => lines.push(format!(
            "{name} will manage {} and read all of its cases.",
            and(&teams)
        )),
        _ => lines.push(format!(
            "{name} will manage {} and read all of their cases.",
            and(&teams)
        )),
    }
    Ok(lines)
}

fn rehearsed(nahtlos: &Nahtlos, files: &[PathBuf], printed: &[u8]) -> Result<Rehearsed, Failure> {
    let given = read_shares(files)?;
    let typed = recovery_print::typed(nahtlos, printed)?;
    Ok(nahtlos.rehearse_with_printed(&given, &typed)?)
}

fn read_shares(files: &[PathBuf]) -> Result<Vec<ShareText>, Failure> {
    let mut shares = Vec::new();
    for file in files {
        let text = input::read_text(file)?;
        shares.push(text.parse().map_err(|error| no_share(file, error))?);
    }
    Ok(shares)
}

fn no_share(file: &Path, error: TextError) -> Failure {
    let code = match error {
        TextError::OtherKind { .. } => "text_other_kind",
        TextError::Mistyped => "text_mistyped",
        TextError::NeedsNewer => "needs_newer",
    };
    Failure::new(
        Exit::Usage,
        code,
        format!("{} holds no whole share; nothing was done.", file.display()),
        "A share begins with nahtlos-share-, and is one text from its first to its last character.",
        "Let the custodian write it again: `nahtlos recovery share --for YOU --to FILE`.",
    )
}

/// `A, B and C`.
fn and(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}
