//! `nahtlos consent export` and `consent verify`.

use std::io::Read;
use std::path::Path;

use nahtlos_client::consent::{FILE_BYTES_MAX, Proof, ProofError, ProvenEvent, Verified};
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use serde_json::json;

use super::case_title;
use super::sync::count;
use crate::context::{Context, NewFile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

pub fn export(context: &Context, case: &str, to: &Path) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let proof = nahtlos.prove_consents(&case)?;
    // What cannot be verified now is said now, not when somebody needs it.
    let verified = proof.verify();
    let text = serde_json::to_string_pretty(&proof)
        .map_err(|error| Failure::file("written", to, &std::io::Error::other(error)))?;
    NewFile::create(to)?.write(text.as_bytes())?;
    let data = json!({
        "case": case.id.to_string(),
        "events": verified.events.len(),
        "bytes": text.len(),
        "verified": json::value(&verified),
    });
    let page = Page::default()
        .title(case_title(&nahtlos, &case)?)
        .line(format!(
            "{} written. The file is not encrypted: it holds what the client allowed, and to whom.",
            count(verified.events.len() as u64, "event was", "events were"),
        ));
    let answer = Answer::new(data, page).note(format!(
        "Whoever has the file alone verifies it: `nahtlos consent verify {}`.",
        to.display()
    ));
    let missing = verified.events.iter().filter(|event| !event.holds).count();
    if missing == 0 {
        return Ok(answer);
    }
    Ok(answer.note(format!(
        "{} not verify ({}): `nahtlos consent verify {}` says which.",
        count(missing as u64, "event does", "events do"),
        first_problem(&verified),
        to.display()
    )))
}

pub fn verify(file: &Path, institution: Option<&str>) -> Result<Answer, Failure> {
    let text = read_whole(file)?;
    let proof = Proof::parse(&text).map_err(|error| refused(file, &error))?;
    let verified = proof.verify();
    if let Some(wanted) = institution {
        require_institution(&verified, wanted)?;
    }
    let holds = verified.holds();
    let data = json!({ "holds": holds, "verified": json::value(&verified) });
    let mut page = Page::default().title("Consents of a case").fields([
        ("case", Some(case_in_words(&verified))),
        ("written at", Some(proof.written_at.clone())),
    ]);
    for institution in &verified.institutions {
        let name = institution.name_in_file.as_deref().unwrap_or("not named");
        page = page.line(format!(
            "Kept by the institution {} ({name}, by the file's own word): compare the fingerprint with what \
             you know of it from elsewhere, or give it with `--institution`.",
            institution.fingerprint
        ));
    }
    let rows = verified
        .events
        .iter()
        .map(|event| row(event, &proof))
        .collect();
    page = page.table(
        &["event", "what", "signed", "by the device", "verdict"],
        rows,
        "",
    );
    let said = match holds {
        true => {
            "Each event stands as a device of that institution signed it. Whether the file holds all of them nobody can see from it: \
             what was withdrawn since it was written, or was left out, is not in it."
        }
        false => "Not everything in the file holds.",
    };
    let answer = Answer::new(data, page.line(said));
    Ok(if holds {
        answer
    } else {
        answer.exit(Exit::Failed)
    })
}

/// The case, and whether who signed said so.
fn case_in_words(verified: &Verified) -> String {
    match verified.case_is_signed {
        true => verified.case.clone(),
        false => format!(
            "{} (by the file's word: not every event in it was signed together with its case)",
            verified.case
        ),
    }
}

fn row(event: &ProvenEvent, proof: &Proof) -> Vec<String> {
    let person = event.person.as_ref();
    let person = person.and_then(|person| proof.names.get(person));
    let device = event.signed_by.clone().unwrap_or_default();
    vec![
        event.id.chars().take(8).collect(),
        event.kind.clone(),
        event.signed_at_ms.map_or_else(String::new, dates::moment),
        match person {
            Some(name) => format!("{device} ({name})"),
            None => device,
        },
        event.problem.clone().unwrap_or_else(|| "holds".to_owned()),
    ]
}

/// Everything in the file must be of the institution that somebody means.
fn require_institution(verified: &Verified, wanted: &str) -> Result<(), Failure> {
    let wanted = wanted.trim();
    let fingerprint = wanted.parse::<Fingerprint>().map(|one| one.to_string());
    let is_meant = |id: &str, shown: &str| {
        id.eq_ignore_ascii_case(wanted) || fingerprint.as_deref() == Ok(shown)
    };
    let mut institutions = verified.institutions.iter();
    if !verified.institutions.is_empty()
        && institutions.all(|one| is_meant(&one.id, &one.fingerprint))
    {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "other_institution",
        "The file is of another institution than the one named.",
        "Whoever made it may have made an institution of their own to sign it.",
        "Ask whoever gave it to you, or compare the fingerprint that \
         `nahtlos consent verify FILE` shows.",
    ))
}

fn first_problem(verified: &Verified) -> String {
    let mut problems = verified
        .events
        .iter()
        .filter_map(|event| event.problem.clone());
    problems.next().unwrap_or_default()
}

/// One byte more than is accepted is enough to refuse it.
fn read_whole(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| Failure::file("read", file, &error))?;
    Ok(text)
}

fn refused(file: &Path, error: &ProofError) -> Failure {
    let next = match error {
        ProofError::NeedsNewer => "Update nahtlos, then run the command again.",
        ProofError::NotAProof { .. } => "Give a file that `nahtlos consent export` wrote.",
    };
    Failure::new(
        Exit::Usage,
        match error {
            ProofError::NeedsNewer => "needs_newer",
            ProofError::NotAProof { .. } => "not_a_proof",
        },
        format!("{} was not verified.", file.display()),
        error.to_string(),
        next,
    )
}
