//! `nahtlos plan propose`, `sign`, `diff`, and `show --version`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{InstitutionId, LongText, Party};
use nahtlos_casework::plan_version::{
    PlanContent, VersionStatus, VersionView, difference as differing,
};
use nahtlos_client::plan_versions::{Agreeing, VersionChoice};
use nahtlos_client::{Case, ClientError, Nahtlos};
use serde_json::json;

use super::names::Names;
use super::plan_version_pages::{differences_table, party_name, version_page};
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::Answered;
use crate::arguments::{PlanSign, VersionOf};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn propose(context: &Context, case: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let title = case_title(&nahtlos, &case)?;
    // What the run would refuse is refused before anybody is asked, and in a dry run too.
    let preview = nahtlos.preview_plan_version(&case)?;
    if answered.dry_run {
        let data = json!({ "done": "dry_run", "version": preview.number });
        let said = format!(
            "{title}: what the plan says now would be version {}. Nothing was done (--dry-run).",
            preview.number
        );
        return Ok(Answer::sentence(data, said));
    }
    if !answered.yes
        && !input::confirm(&format!(
            "{title}: keep what the plan says now as a version to be signed?"
        ))?
    {
        return Ok(Answer::sentence(
            json!({ "done": "nothing" }),
            "Nothing was proposed.",
        ));
    }
    let proposed = nahtlos.propose_plan_version(&case)?;
    let (number, code) = (proposed.number, proposed.code);
    let data = json!({
        "case": case.id.to_string(), "done": "proposed", "version": number, "code": code,
    });
    let said = format!("{title}: version {number} proposed, code {code}.");
    Ok(Answer::sentence(data, said)
        .note(format!(
            "Sign it: `nahtlos plan sign CASE`. For the client: `nahtlos plan print CASE --version \
             {number} --to FILE`."
        ))
        .note(NOT_DELIVERED_YET))
}

pub fn sign(context: &Context, words: &PlanSign) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.note)?;
    refuse_half_said(words)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.version.case)?;
    let names = Names::of_case(&nahtlos, &case);
    let choice = VersionChoice {
        number: words.version.number,
        code: words.version.code.clone(),
    };
    let agreeing = match &words.party {
        None => Agreeing::OwnInstitution,
        Some(who) => {
            let party = party(who, &names)?;
            nahtlos.check_plan_agreement(&case, &choice, &party)?;
            agreeing(words, party)?
        }
    };
    let title = case_title(&nahtlos, &case)?;
    let (number, party) = nahtlos.preview_plan_signature(&case, &choice, &agreeing)?;
    if words.answered.dry_run {
        let data = json!({ "done": "dry_run", "version": number, "party": party });
        let said = format!(
            "{title}: version {number} would be signed by {}. Nothing was done (--dry-run).",
            party_name(&party, &names)
        );
        return Ok(Answer::sentence(data, said));
    }
    if !words.answered.yes && !confirmed(&nahtlos, &case, &title, &agreeing)? {
        return Ok(Answer::sentence(
            json!({ "done": "nothing" }),
            "Nothing was signed.",
        ));
    }
    let signed = nahtlos.sign_plan_version(&case, &choice, &agreeing)?;
    let missing: Vec<String> = signed
        .missing
        .iter()
        .map(|party| party_name(party, &names))
        .collect();
    let data = json!({
        "case": case.id.to_string(), "done": "signed", "version": signed.number,
        "party": signed.party, "in_force": signed.is_in_force, "missing": signed.missing,
    });
    let party = party_name(&signed.party, &names);
    let standing = if signed.is_in_force {
        "It is in force.".to_owned()
    } else if missing.is_empty() {
        "All have signed; see `nahtlos plan show CASE` for why it is not in force.".to_owned()
    } else {
        format!("Still to sign: {}.", missing.join(", "))
    };
    let said = format!(
        "{title}: version {} signed by {party}. {standing}",
        signed.number
    );
    Ok(Answer::sentence(data, said).note(NOT_DELIVERED_YET))
}

/// Somebody else's agreement needs its proof.
fn refuse_half_said(words: &PlanSign) -> Result<(), Failure> {
    if words.party.is_some() && words.paper.is_none() && !words.verbal {
        return Err(Failure::new(
            Exit::Usage,
            "proof_missing",
            "It is not said how they agreed; nothing was signed.",
            "What others agreed to is recorded with its proof.",
            "Add `--paper SCAN --code CODE` for a signed paper, or `--verbal` for what was said.",
        ));
    }
    Ok(())
}

fn confirmed(
    nahtlos: &Nahtlos,
    case: &Case,
    title: &str,
    agreeing: &Agreeing,
) -> Result<bool, Failure> {
    let changed = !nahtlos.plan_versions(case)?.changed.is_empty();
    let hint = if changed {
        " The plan has changed since the last agreement: `nahtlos plan diff CASE`."
    } else {
        ""
    };
    let question = match agreeing {
        Agreeing::OwnInstitution => {
            format!("{title}: sign this version of the plan for your institution?{hint}")
        }
        _ => format!("{title}: record that this version of the plan was agreed to?{hint}"),
    };
    input::confirm(&question)
}

fn agreeing(words: &PlanSign, party: Party) -> Result<Agreeing, Failure> {
    if let Some(scan) = &words.paper {
        let note = match words.note.from {
            Some(_) => Some(note(words)?),
            None => None,
        };
        let hash = crate::scan::hash_of(scan)?;
        return Ok(Agreeing::Paper { party, hash, note });
    }
    let note = note(words)?;
    Ok(Agreeing::Verbal { party, note })
}

fn note(words: &PlanSign) -> Result<LongText, Failure> {
    input::text(&words.note, "note", "When and to whom they agreed")
}

fn party(who: &str, names: &Names) -> Result<Party, Failure> {
    let responsible = names.parse_responsible(who)?;
    Ok(match responsible.institution() {
        None => Party::Client,
        Some(institution) => Party::Institution(InstitutionId::clone(institution)),
    })
}

pub fn show(context: &Context, words: &VersionOf) -> Result<Answer, Failure> {
    let (nahtlos, case) = opened(context, words)?;
    let names = Names::of_case(&nahtlos, &case);
    let version = chosen(&nahtlos, &case, words, newest)?;
    let title = case_title(&nahtlos, &case)?;
    let page = Page::default().title(format!(
        "{title} · integration plan, version {}",
        version.number
    ));
    let data = json!({
        "case": case.id.to_string(), "version": json::value(&version),
        "text": version.text.render(),
    });
    Ok(Answer::new(data, version_page(page, &version, &names)))
}

pub fn difference(context: &Context, words: &VersionOf) -> Result<Answer, Failure> {
    let (nahtlos, case) = opened(context, words)?;
    let names = Names::of_case(&nahtlos, &case);
    let version = chosen(&nahtlos, &case, words, in_force_or_newest)?;
    let document = nahtlos.section_document(&case, &SectionKind::Plan)?;
    let now = PlanContent::of(&document.read());
    let differences = differing(version.text.content(), &now);
    let title = case_title(&nahtlos, &case)?;
    let number = version.number;
    let page = Page::default().title(format!("{title} · plan since version {number}"));
    let page = if differences.is_empty() {
        page.line(format!("The plan says what version {number} says."))
    } else {
        differences_table(page, &differences, &names)
    };
    let data = json!({
        "case": case.id.to_string(), "version": number, "code": version.code,
        "status": version.status, "differences": json::value(&differences),
    });
    Ok(Answer::new(data, page))
}

fn opened(context: &Context, words: &VersionOf) -> Result<(Nahtlos, Case), Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    Ok((nahtlos, case))
}

/// The version that is meant; `otherwise` where neither number nor code is given.
pub fn chosen(
    nahtlos: &Nahtlos,
    case: &Case,
    words: &VersionOf,
    otherwise: fn(&[VersionView]) -> Option<&VersionView>,
) -> Result<VersionView, Failure> {
    let versions = nahtlos.plan_versions(case)?.versions;
    if versions.is_empty() {
        return Err(Failure::new(
            Exit::Failed,
            "no_version",
            "This plan has no version yet.",
            "A version is what people sign; the lead's institution proposes it.",
            "The lead runs `nahtlos plan propose CASE`; the plan itself: `nahtlos plan show CASE`.",
        ));
    }
    let plain = |code: &str| code.replace('-', "").to_lowercase();
    let fits = |version: &&VersionView| {
        let number = words.number.is_none_or(|number| number == version.number);
        let code = words.code.as_deref();
        number && code.is_none_or(|code| plain(code) == plain(&version.code))
    };
    if words.number.is_none() && words.code.is_none() {
        let found = otherwise(&versions).cloned();
        return found.ok_or_else(|| not_found(words).into());
    }
    let fitting: Vec<&VersionView> = versions.iter().filter(fits).collect();
    match fitting.as_slice() {
        [version] => Ok((*version).clone()),
        [] => Err(not_found(words).into()),
        several => Err(two_of_one_number(several)),
    }
}

fn not_found(words: &VersionOf) -> ClientError {
    let number = words.number.map(|number| number.to_string());
    ClientError::NotFound {
        what: "version of the plan",
        input: number.or_else(|| words.code.clone()).unwrap_or_default(),
    }
}

fn two_of_one_number(several: &[&VersionView]) -> Failure {
    let mut failure = Failure::new(
        Exit::Conflict,
        "ambiguous",
        "Two versions have this number.",
        "They were proposed at the same time, without knowing of each other:",
        "Name the one that is meant with `--code CODE`; then propose a new version, so that one stands.",
    );
    failure.details = several
        .iter()
        .map(|version| format!("{} ({})", version.code, version.status.texts()[2]))
        .collect();
    failure
}

/// The newest version that counts; of two with its number none.
pub fn newest(versions: &[VersionView]) -> Option<&VersionView> {
    let sound = || versions.iter().filter(|version| version.doubt.is_none());
    let number = sound().map(|version| version.number).max()?;
    let mut of_number = sound().filter(|version| version.number == number);
    let first = of_number.next();
    if of_number.next().is_some() {
        None
    } else {
        first
    }
}

fn in_force_or_newest(versions: &[VersionView]) -> Option<&VersionView> {
    let mut all = versions.iter();
    let in_force = all.find(|version| version.status == VersionStatus::InForce);
    in_force.or_else(|| newest(versions))
}
