//! Who changed what of a section when, and what differs between two states.

use nahtlos_casework::{SectionKind, names_of};
use nahtlos_client::acting::SectionAuthors;
use nahtlos_client::vouching::SnapshotSigners;
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_document::{
    ChangeHash, Difference, Document, DocumentError, HistoryEntry, Path, Value,
};
use serde_json::json;

use super::names::Names;
use super::sync::count;
use super::{case_title, section_of};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json as as_json};

/// Which two states to compare.
pub struct Span {
    /// The state this change made.
    pub before: Option<String>,
    /// The state at the beginning of this day.
    pub since: Option<String>,
    /// Up to this change.
    pub after: Option<String>,
}

/// Digits of a change's hash that a list shows.
const SHORT: usize = 8;
/// Names of changed fields that fit a line.
const LABELS_MAX: usize = 3;

struct Section {
    nahtlos: Nahtlos,
    case: Case,
    kind: SectionKind,
    document: Document,
    authors: SectionAuthors,
}

impl Section {
    fn open(context: &Context, case: &str, section: &str) -> Result<Self, Failure> {
        let nahtlos = context.open()?;
        let case = nahtlos.find_case(case)?;
        let kind = section_of(&case, section)?;
        let document = nahtlos.section_document(&case, &kind)?;
        let authors = nahtlos.section_authors(&case, &kind)?;
        Ok(Self {
            nahtlos,
            case,
            kind,
            document,
            authors,
        })
    }

    /// Changes by people: the genesis, which every device makes for itself, is none.
    fn changes(&self) -> Vec<HistoryEntry> {
        let mut changes = self.document.history();
        changes.retain(|change| change.actor != nahtlos_document::GENESIS_ACTOR);
        changes
    }

    fn who(&self, change: &HistoryEntry) -> String {
        let author = self.authors.get(change.actor.as_bytes());
        author.map_or_else(
            || "unknown".into(),
            |author| author.display_name.to_string(),
        )
    }

    /// Names of the fields a change touched.
    fn what(&self, change: &HistoryEntry) -> Result<Vec<String>, Failure> {
        let differences = self
            .document
            .difference(&change.dependencies, &[change.hash])
            .map_err(refused)?;
        let mut labels: Vec<String> = Vec::new();
        for difference in &differences {
            let label = label(&self.kind, &difference.path);
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        Ok(labels)
    }

    fn find(&self, input: &str) -> Result<ChangeHash, Failure> {
        let wanted = input.trim().to_lowercase();
        let found: Vec<ChangeHash> = self
            .changes()
            .iter()
            .map(|change| change.hash)
            .filter(|hash| wanted.len() >= 4 && hash.to_string().starts_with(&wanted))
            .collect();
        match found.as_slice() {
            [hash] => Ok(*hash),
            [] => Err(ClientError::NotFound {
                what: "change",
                input: input.to_owned(),
            }
            .into()),
            several => Err(ClientError::Ambiguous {
                what: "changes",
                input: input.to_owned(),
                matches: several.iter().map(ToString::to_string).collect(),
            }
            .into()),
        }
    }
}

/// Lists the newest changes.
pub fn history(
    context: &Context,
    case: &str,
    section: &str,
    limit: usize,
) -> Result<Answer, Failure> {
    let section = Section::open(context, case, section)?;
    let changes = section.changes();
    let first = changes.len().saturating_sub(limit);
    let mut rows = Vec::new();
    let mut data = Vec::new();
    for change in changes.iter().skip(first) {
        let who = section.who(change);
        let what = section.what(change)?;
        let hash = change.hash.to_string();
        data.push(json!({
            "change": hash,
            "time_seconds": change.time_seconds,
            "author": section.authors.get(change.actor.as_bytes()),
            "fields": what,
        }));
        rows.push(vec![
            hash.chars().take(SHORT).collect(),
            dates::seconds(change.time_seconds),
            who,
            in_short(&what),
        ]);
    }
    let signers = section
        .nahtlos
        .snapshot_signers(&section.case, &section.kind)?;
    let title = case_title(&section.nahtlos, &section.case)?;
    let page = Page::default()
        .title(format!("{title} · {}", section.kind.titles()[2]))
        .table(
            &["change", "when", "by", "what"],
            rows,
            "Nobody has written anything yet.",
        );
    let data = json!({
        "section": section.kind.code(),
        "changes_in_all": changes.len(),
        "changes": data,
        "snapshot": as_json::value(&signers),
    });
    let answer = Answer::new(data, page);
    Ok(match signers {
        Some(signers) => answer.note(stood_for(&signers)),
        None => answer,
    })
}

/// The relay keeps edits for a time. Who came later has the signatures of the snapshot for them.
fn stood_for(signers: &SnapshotSigners) -> String {
    let attested = match signers.attested_by.as_slice() {
        [] => "nobody".to_owned(),
        names => names.join(", "),
    };
    format!(
        "{} here from a snapshot: {} made and signed it, attested by {attested}. What it says of who wrote \
         what is their word; devices that were there before have each edit with its author's signature.",
        count(signers.edits, "edit is", "edits are"),
        signers.made_by
    )
}

/// Shows what differs between two states.
pub fn difference(
    context: &Context,
    case: &str,
    section: &str,
    span: &Span,
) -> Result<Answer, Failure> {
    let section = Section::open(context, case, section)?;
    let changes = section.changes();
    let whole = span.before.is_some() || span.since.is_some();
    let after = match (&span.after, changes.last()) {
        (Some(input), _) => vec![section.find(input)?],
        (None, Some(last)) if !whole => vec![last.hash],
        (None, _) => section.document.heads(),
    };
    let before = match (&span.before, &span.since) {
        (Some(input), _) => vec![section.find(input)?],
        (None, Some(day)) => {
            let start = dates::start_of_day_seconds(day)?;
            let earlier = changes.iter().filter(|change| change.time_seconds < start);
            earlier.map(|change| change.hash).collect()
        }
        (None, None) => {
            let last = changes.iter().find(|change| after.contains(&change.hash));
            last.map_or_else(Vec::new, |change| change.dependencies.clone())
        }
    };
    let differences = section
        .document
        .difference(&before, &after)
        .map_err(refused)?;
    let names = Names::of_case(&section.nahtlos, &section.case);
    let title = case_title(&section.nahtlos, &section.case)?;
    let page = Page::default().title(format!("{title} · {}", section.kind.titles()[2]));
    let page = differences_table(page, &section.kind, &section.document, &differences, &names);
    let data: Vec<_> = differences.iter().map(to_json).collect();
    Ok(Answer::new(
        json!({ "section": section.kind.code(), "differences": data }),
        page,
    ))
}

/// What differs, field by field.
pub fn differences_table(
    page: Page,
    kind: &SectionKind,
    document: &Document,
    differences: &[Difference],
    names: &Names,
) -> Page {
    let rows = differences
        .iter()
        .map(|found| {
            vec![
                subject(kind, document, &found.path),
                shown(found.before.as_ref(), names),
                shown(found.after.as_ref(), names),
            ]
        })
        .collect();
    page.table(&["field", "before", "after"], rows, "Nothing differs.")
}

/// A difference for programs.
pub fn to_json(difference: &Difference) -> serde_json::Value {
    json!({
        "path": difference.path.to_string(),
        "before": difference.before.as_ref().map(Value::to_json),
        "after": difference.after.as_ref().map(Value::to_json),
    })
}

/// A field's name, and the field's path where a newer version made it.
fn label(kind: &SectionKind, path: &Path) -> String {
    let steps: Vec<String> = path.keys().iter().map(ToString::to_string).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    match names_of(kind, &steps) {
        Some(names) => names[2].to_owned(),
        None => path.to_string(),
    }
}

/// A field's name and the entry it lies in.
fn subject(kind: &SectionKind, document: &Document, path: &Path) -> String {
    let name = label(kind, path);
    let read = document.read();
    let mut entry = path.clone();
    while let Some((parent, _)) = entry.split_last() {
        let title = read
            .text(parent.join("title"))
            .or_else(|| read.text(parent.join("statement")));
        if let Some(title) = title {
            return format!("{name} of \"{title}\"");
        }
        entry = parent;
    }
    name
}

fn shown(value: Option<&Value>, names: &Names) -> String {
    match value {
        None => String::new(),
        // A file would fill the screen.
        Some(Value::Bytes(bytes)) => count(bytes.len() as u64, "byte", "bytes"),
        Some(value) => match (value.as_str(), value.as_bool()) {
            (Some(text), _) => names.in_text(text),
            (None, Some(true)) => "yes".into(),
            (None, Some(false)) => "no".into(),
            (None, None) => value.to_json().to_string(),
        },
    }
}

fn in_short(labels: &[String]) -> String {
    let first: Vec<&str> = labels.iter().take(LABELS_MAX).map(String::as_str).collect();
    let more = labels.len().saturating_sub(first.len());
    if more == 0 {
        first.join(", ")
    } else {
        format!("{} and {more} more", first.join(", "))
    }
}

fn refused(error: DocumentError) -> Failure {
    ClientError::from(error).into()
}
