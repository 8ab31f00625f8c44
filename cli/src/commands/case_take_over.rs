//! What a case file brings along, and what of it stays behind.

use nahtlos_casework::{CaseFile, SectionKind};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_document::{Document, Path};

use super::entries::with_new_ids;
use super::sync::count;
use crate::failure::Failure;

/// What is not taken over from a file, as a sentence; nothing where all of it is.
pub fn left_behind(file: &CaseFile) -> Option<String> {
    let left: Vec<String> = file
        .left_behind()
        .iter()
        .map(|left| {
            let (one, several) = words(left.what);
            count(left.count as u64, one, several)
        })
        .collect();
    (!left.is_empty()).then(|| {
        format!(
            "Not taken over, because it is of the earlier case alone: {}. Keep the file.",
            left.join(", ")
        )
    })
}

fn words(what: &str) -> (&'static str, &'static str) {
    match what {
        "consents" => ("consent", "consents"),
        "readings" => ("record of who read it", "records of who read it"),
        "versions" => ("version of the plan", "versions of the plan"),
        "signatures" => ("signature of the plan", "signatures of the plan"),
        "approvals" => ("approval of a step", "approvals of steps"),
        "closings" => ("closing", "closings"),
        "competences" => ("competence decision", "competence decisions"),
        "slices" => ("slice for somebody", "slices for somebody"),
        "conflicts" => (
            "conflict (the file has one value each)",
            "conflicts (the file has one value each)",
        ),
        "sections_not_readable" => (
            "section that was not readable where the file was made",
            "sections that were not readable where the file was made",
        ),
        "disputes" => (
            "mark of what the person contests",
            "marks of what the person contests",
        ),
        _ => ("other part", "other parts"),
    }
}

/// Marks in a new case what the person contests, as the file says; how many marks found no place.
///
/// # Errors
/// As [`Nahtlos::edit_case`].
pub fn mark_disputes(
    nahtlos: &mut Nahtlos,
    case: &Case,
    file: &CaseFile,
) -> Result<usize, Failure> {
    if file.disputes() == 0 {
        return Ok(0);
    }
    let documents: Vec<(SectionKind, Document)> = case
        .sections
        .keys()
        .filter_map(|kind| {
            let document = nahtlos.section_document_unrecorded(case, kind).ok()?;
            Some((kind.clone(), document))
        })
        .collect();
    let exists = |section: &SectionKind, place: &Path| {
        let document = documents.iter().find(|(kind, _)| kind == section);
        document.is_some_and(|(_, document)| document.read().exists(place))
    };
    let (edits, without_place) = with_new_ids(|new_id| file.dispute_edits(new_id, &exists))?;
    if !edits.is_empty() {
        nahtlos.edit_case(&case.id.to_string(), &edits)?;
    }
    Ok(without_place)
}
