//! Versions of a plan as people read them.

use nahtlos_casework::fields::{Party, Stored};
use nahtlos_casework::plan_version::{
    PlanContent, PlanDifference, PlanVersions, SignatureView, VersionStatus, VersionView,
    difference,
};

use super::names::Names;
use super::pages::{when, who};
use crate::output::{Page, dates};

/// Below the plan: its versions, and what has changed since the one in force.
pub fn versions_page(page: Page, versions: &PlanVersions, names: &Names) -> Page {
    let mut page = page;
    if let Some(version) = versions.in_force() {
        page = page.title(standing(version, !versions.changed.is_empty()));
        page = if versions.changed.is_empty() {
            page.line("The plan says what was agreed to.")
        } else {
            differences_table(page, &versions.changed, names).line(
                "What was signed stays as it is; the changes need a new version: `nahtlos plan propose CASE`.",
            )
        };
    }
    if versions.versions.is_empty() {
        return page;
    }
    page = page.title("Versions").table(
        &["version", "code", "proposed", "status", "still to sign"],
        versions
            .versions
            .iter()
            .map(|one| version_row(one, names))
            .collect(),
        "",
    );
    if versions
        .versions
        .iter()
        .any(|version| version.shares_number)
    {
        page = page.line(
            "Two versions have one number: they were proposed at the same time. Propose a new one, so that one stands.",
        );
    }
    let of_versions = versions.versions.iter().flat_map(|one| &one.signatures);
    doubts_page(page, of_versions.chain(&versions.strays), names)
}

fn standing(version: &VersionView, changed: bool) -> String {
    let day = version.agreed_at.map_or_else(String::new, dates::time);
    // The day alone, as people speak of an agreement.
    let day = day.split(' ').next().unwrap_or_default();
    if changed {
        format!(
            "Changed since the agreement of {day} (version {})",
            version.number
        )
    } else {
        format!("Agreed on {day} (version {})", version.number)
    }
}

fn version_row(version: &VersionView, names: &Names) -> Vec<String> {
    let status = match version.doubt {
        Some(doubt) => format!("{}: {}", version.status.texts()[2], doubt.texts()[2]),
        None => version.status.texts()[2].to_owned(),
    };
    let missing: Vec<String> = version
        .missing()
        .map(|party| party_name(party, names))
        .collect();
    let missing = match version.status {
        VersionStatus::Proposed => missing.join(", "),
        _ => String::new(),
    };
    vec![
        version.number.to_string(),
        version.code.clone(),
        format!("{} {}", when(&version.origin), who(&version.origin)),
        status,
        missing,
    ]
}

/// Signatures that do not count, and why.
fn doubts_page<'a>(
    page: Page,
    signatures: impl Iterator<Item = &'a SignatureView>,
    names: &Names,
) -> Page {
    let rows: Vec<Vec<String>> = signatures
        .filter_map(|signature| {
            Some(vec![
                when(&signature.origin),
                who(&signature.origin),
                signed_for(signature, names),
                signature.doubt?.texts()[2].to_owned(),
            ])
        })
        .collect();
    if rows.is_empty() {
        return page;
    }
    page.title("Signatures that do not count")
        .table(&["when", "by", "for", "why"], rows, "")
}

fn signed_for(signature: &SignatureView, names: &Names) -> String {
    let party = signature.party.as_ref();
    party.map_or_else(|| "?".into(), |party| party_name(party, names))
}

/// One version: where it stands, who signed it, and what it says.
pub fn version_page(page: Page, version: &VersionView, names: &Names) -> Page {
    let compared = if version.is_compared {
        "yes, it is what the plan said then"
    } else {
        "no, what it was made of is not here; the signatures over its text decide"
    };
    let page = page.fields([
        ("status", Some(version.status.texts()[2].to_owned())),
        (
            "why",
            version.doubt.map(|doubt| doubt.texts()[2].to_owned()),
        ),
        ("code", Some(version.code.clone())),
        ("hash of the text", Some(version.text_hash.to_string())),
        ("compared", Some(compared.to_owned())),
        ("lead", Some(names.institution(version.lead.as_str()))),
        (
            "proposed",
            Some(format!(
                "{} {}",
                when(&version.origin),
                who(&version.origin)
            )),
        ),
        ("in agreement since", version.agreed_at.map(dates::time)),
    ]);
    let parties = version.parties.iter().map(|one| {
        let signed = one.signed_at.map_or_else(|| "not yet".into(), dates::time);
        vec![party_name(&one.party, names), signed]
    });
    let page = page
        .title("Who must agree")
        .table(&["who", "signed"], parties.collect(), "");
    let page = page.title("Signatures").table(
        &["when", "for", "how", "by", "counts"],
        version
            .signatures
            .iter()
            .map(|one| signature_row(one, names))
            .collect(),
        "No signature yet: `nahtlos plan sign CASE`.",
    );
    // What it says: all that differs from a plan that says nothing.
    let said = difference(&PlanContent::default(), version.text.content());
    let rows = said.iter().map(|one| {
        vec![
            place(one),
            label(one),
            names.in_text(one.after.as_deref().unwrap_or_default()),
        ]
    });
    page.title("What it says")
        .table(&["where", "what", "says"], rows.collect(), "")
}

fn signature_row(signature: &SignatureView, names: &Names) -> Vec<String> {
    let method = signature
        .method
        .map_or_else(String::new, |method| method.to_string());
    let proof = signature
        .paper
        .map(|paper| format!("paper {}", paper.code()));
    let note = signature.note.as_ref().map(ToString::to_string);
    let how: Vec<String> = [Some(method), proof, note].into_iter().flatten().collect();
    let person = signature.person.as_ref();
    vec![
        signature.at.map_or_else(String::new, dates::time),
        signed_for(signature, names),
        how.join("\n"),
        person.map_or_else(
            || who(&signature.origin),
            |person| names.person(person.as_str()),
        ),
        signature
            .doubt
            .map_or("yes", |doubt| doubt.texts()[2])
            .to_owned(),
    ]
}

/// What differs, line by line.
pub fn differences_table(page: Page, differences: &[PlanDifference], names: &Names) -> Page {
    let rows = differences.iter().map(|one| {
        let text = |value: &Option<String>| {
            value
                .as_deref()
                .map_or_else(String::new, |text| names.in_text(text))
        };
        vec![place(one), label(one), text(&one.before), text(&one.after)]
    });
    page.table(&["where", "what", "agreed", "now"], rows.collect(), "")
}

fn place(one: &PlanDifference) -> String {
    let parts = [one.goal.as_deref(), one.entry.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.join(" › ")
}

fn label(one: &PlanDifference) -> String {
    let label = one.label.map(|names| names[2].to_owned());
    label.unwrap_or_else(|| one.path.last().cloned().unwrap_or_default())
}

/// Who agrees, in words.
pub fn party_name(party: &Party, names: &Names) -> String {
    match party {
        Party::Client => "client".into(),
        Party::Institution(institution) => names.institution(institution.as_str()),
    }
}

/// Who pays, for a stored text.
pub fn payers_in_words(text: &str, names: &Names) -> String {
    names.payers(&Stored::read(text))
}

/// Who is responsible, for a stored text.
pub fn responsible_in_words(text: &str, names: &Names) -> String {
    names.responsible(&Stored::read(text))
}
