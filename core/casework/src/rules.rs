//! Rules inside a section, evaluated at reading.
//!
//! Keys cannot enforce them: whoever may write a section can write anything into it. So every device
//! evaluates them from the verified author of each change and keeps the entitled value; what the
//! writing program refuses is a courtesy only.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{ChangeHash, ConflictingValue, Document, HistoryEntry, Path, Reader, Value};
use serde::Serialize;

use crate::author::{AuthorOf, Origin};
use crate::fields::InstitutionId;

/// How many overwritten values are searched for the last entitled one.
const MAX_VALUES_BACK: usize = 64;

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Only an institution that pays a step may approve it.
    OnlyPayersApprove,
    /// A step is approved by its payers' approvals, never by its status.
    ApprovalIsNoStatus,
    /// Journal entries, assessments, approvals, events of the consent ledger and records of other
    /// sections are never changed.
    EntriesAreImmutable,
    /// Entries of a list are marked as deleted, never taken out.
    EntriesAreMarkedDeleted,
    /// Only the institution that opened the case records consents.
    OnlyHomeRecordsConsent,
    /// Only people of one institution write in its notes.
    NotesOfOneInstitution,
    /// In an anonymous enquiry the institution that sent it describes, and the other one answers.
    OneAsksTheOtherAnswers,
    /// What stands under a name that no program gives a field is no part of what is agreed to.
    NamesFitThePlan,
}

impl Rule {
    /// German, French and English.
    pub const fn texts(self) -> [&'static str; 3] {
        match self {
            Self::OnlyPayersApprove => [
                "nicht berechtigt: nur wer einen Schritt bezahlt, kann ihn bewilligen",
                "non autorisé: seul l'organisme payeur peut approuver une étape",
                "not entitled: only an institution that pays a step may approve it",
            ],
            Self::ApprovalIsNoStatus => [
                "nicht berechtigt: bewilligt wird durch die Kostenträger, nicht durch einen Status",
                "non autorisé: l'approbation vient des payeurs, pas d'un statut",
                "not entitled: a step is approved by its payers, not by a status",
            ],
            Self::OnlyHomeRecordsConsent => [
                "nicht berechtigt: Einwilligungen hält die Stelle fest, die den Fall eröffnet hat",
                "non autorisé: les consentements sont consignés par l'organisme qui a ouvert le cas",
                "not entitled: only the institution that opened the case records consents",
            ],
            Self::NotesOfOneInstitution => [
                "nicht berechtigt: in diesen Notizen schreibt nur die Stelle, der sie gehören",
                "non autorisé: seul l'organisme concerné écrit dans ses notes",
                "not entitled: only the institution whose notes they are writes in them",
            ],
            Self::OneAsksTheOtherAnswers => [
                "nicht berechtigt: die anfragende Stelle beschreibt, die angefragte antwortet",
                "non autorisé: l'organisme demandeur décrit, l'organisme sollicité répond",
                "not entitled: the institution that asks describes, the one that is asked answers",
            ],
            Self::NamesFitThePlan => [
                "kein Feld des Plans: unter diesem Namen schreibt kein unverändertes Programm etwas hinein",
                "pas un champ du plan: aucun programme non modifié n'écrit sous ce nom",
                "no field of the plan: no unmodified program writes anything under this name",
            ],
            Self::EntriesAreMarkedDeleted => [
                "nicht berechtigt: ein Eintrag wird als gelöscht bezeichnet, nicht entfernt",
                "non autorisé: une entrée est marquée comme supprimée, pas retirée",
                "not entitled: an entry is marked as deleted, never taken out",
            ],
            Self::EntriesAreImmutable => [
                "nicht berechtigt: ein Eintrag wird nicht geändert, sondern berichtigt",
                "non autorisé: une entrée ne se modifie pas, elle se rectifie",
                "not entitled: an entry is never changed, a correction is a new one",
            ],
        }
    }
}

/// A change that its author was not entitled to. It counts for nothing; the entitled value is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// Where, step by step from the root.
    pub path: Vec<String>,
    /// Whose change it is.
    pub by: Origin,
}

impl Violation {
    pub(crate) fn new(rule: Rule, path: &Path, by: Origin) -> Self {
        Self {
            rule,
            path: steps_of(path),
            by,
        }
    }
}

/// An entry as it was first written.
pub(crate) struct ImmutableEntry {
    pub(crate) id: String,
    pub(crate) path: Path,
    pub(crate) fields: BTreeMap<String, Value>,
    pub(crate) created: ConflictingValue,
}

/// The entries of a map whose entries are never changed, and who changed one nevertheless.
///
/// An entry is what stood in it after the change that made it. One that a modified program deleted or
/// replaced as a whole is not found here but by [`permanent_entries`].
pub(crate) fn immutable_entries(
    document: &Document,
    container: &Path,
    authors: &dyn AuthorOf,
) -> (Vec<ImmutableEntry>, Vec<Violation>) {
    immutable_entries_named(document, container, authors, "")
}

/// The same for the entries whose names begin with `prefix`, in a map that holds others too.
pub(crate) fn immutable_entries_named(
    document: &Document,
    container: &Path,
    authors: &dyn AuthorOf,
    prefix: &str,
) -> (Vec<ImmutableEntry>, Vec<Violation>) {
    let reader = document.read();
    let standing = Standing::read(document, container, prefix);
    let mut entries = Vec::new();
    let mut violations = Vec::new();
    for (id, path, created) in standing.entries {
        if standing.untouched.contains(&id)
            && let Value::Map(fields) = created.value.clone()
        {
            entries.push(ImmutableEntry {
                id,
                path,
                fields,
                created,
            });
            continue;
        }
        let Some(fields) = fields_at(document, &path, &created.change) else {
            continue;
        };
        let now = created.value.as_map();
        let names = fields
            .keys()
            .chain(now.into_iter().flat_map(BTreeMap::keys));
        let mut changed: Vec<ConflictingValue> = names
            .flat_map(|name| reader.get_all(path.join(name.as_str())))
            .filter(|value| value.change != created.change)
            .collect();
        changed.dedup_by_key(|value| value.change);
        violations.extend(changed.iter().map(|value| {
            Violation::new(Rule::EntriesAreImmutable, &path, Origin::of(authors, value))
        }));
        entries.push(ImmutableEntry {
            id,
            path,
            fields,
            created,
        });
    }
    violations.dedup();
    (entries, violations)
}

/// The entries of a map as they stand there now.
struct Standing {
    entries: Vec<(String, Path, ConflictingValue)>,
    /// Those that nobody has touched since they were made: what stands in them is what was written.
    untouched: BTreeSet<String>,
}

impl Standing {
    /// Reading a state of the past costs for each entry as much as opening the section. It can be spared
    /// where every operation of the change that made an entry is still to be seen, as the entry itself or as
    /// the only value of one of its fields: then nothing of it was taken out or written over.
    fn read(document: &Document, container: &Path, prefix: &str) -> Self {
        let reader = document.read();
        let mut entries = Vec::new();
        let mut whole = Vec::new();
        let mut seen: BTreeMap<ChangeHash, u64> = BTreeMap::new();
        for id in reader.keys(container) {
            if !id.starts_with(prefix) {
                continue;
            }
            let path = container.join(id.as_str());
            let values = reader.get_all(&path);
            let is_alone = values.len() == 1;
            let Some(created) = values.into_iter().next() else {
                continue;
            };
            if let Some(operations) = visible_operations(&reader, &path, &created)
                && is_alone
            {
                let sum = seen.entry(created.change).or_default();
                *sum = sum.saturating_add(operations);
                whole.push((id.clone(), created.change));
            }
            entries.push((id, path, created));
        }
        seen.retain(|change, operations| document.operation_count(change) == Some(*operations));
        let untouched = whole
            .into_iter()
            .filter(|(_, change)| seen.contains_key(change))
            .map(|(id, _)| id)
            .collect();
        Self { entries, untouched }
    }
}

/// How many operations of the change that made an entry can be seen in it; nothing where something of
/// another change stands in it, or a value that is more than one operation or changes without being
/// replaced.
fn visible_operations(reader: &Reader<'_>, path: &Path, created: &ConflictingValue) -> Option<u64> {
    let fields = created.value.as_map()?;
    for name in fields.keys() {
        let values = reader.get_all(path.join(name.as_str()));
        let [value] = values.as_slice() else {
            return None;
        };
        let is_one_operation = !matches!(
            value.value,
            Value::Map(_) | Value::List(_) | Value::Text(_) | Value::Counter(_)
        );
        if value.change != created.change || !is_one_operation {
            return None;
        }
    }
    u64::try_from(fields.len()).ok()?.checked_add(1)
}

/// Like [`immutable_entries`] for a section that holds nothing else; entries that were deleted or
/// replaced as a whole come back as they were written.
pub(crate) fn permanent_entries(
    document: &Document,
    container: &Path,
    authors: &dyn AuthorOf,
) -> (Vec<ImmutableEntry>, Vec<Violation>) {
    let (mut entries, mut violations) = immutable_entries(document, container, authors);
    let mut removed_by: BTreeMap<String, Origin> = BTreeMap::new();
    let mut first_written: BTreeMap<String, ConflictingValue> = BTreeMap::new();
    for change in unexplained_changes(document, &entries) {
        let (Ok(after), Ok(before)) = (
            document.read_at(&[change.hash]),
            document.read_at(&change.dependencies),
        ) else {
            continue;
        };
        for id in before.keys(container) {
            let path = container.join(id.as_str());
            // Whoever wrote the entry anew removed what stood there as well.
            let now = after.get_all(&path);
            if now.first().is_none_or(|value| value.change == change.hash) {
                let by = Origin::new(authors, &change.actor, &change.hash, change.time_seconds);
                removed_by.entry(id).or_insert(by);
            }
        }
        for id in after.keys(container) {
            let value = after
                .get_all(container.join(id.as_str()))
                .into_iter()
                .next();
            if let Some(value) = value.filter(|value| value.change == change.hash) {
                first_written.entry(id).or_insert(value);
            }
        }
    }
    for (id, created) in first_written {
        let Some(by) = removed_by.remove(&id) else {
            continue;
        };
        let path = container.join(id.as_str());
        let Some(fields) = fields_at(document, &path, &created.change) else {
            continue;
        };
        entries.retain(|entry| entry.id != id);
        violations.push(Violation::new(Rule::EntriesAreImmutable, &path, by));
        entries.push(ImmutableEntry {
            id,
            path,
            fields,
            created,
        });
    }
    (entries, violations)
}

/// Like [`permanent_entries`] for the entries whose names begin with `prefix`, in a map of a section that holds
/// much else. The history is searched only where an entry that was once made does not stand there any more.
pub(crate) fn permanent_entries_named(
    document: &Document,
    container: &Path,
    authors: &dyn AuthorOf,
    prefix: &str,
) -> (Vec<ImmutableEntry>, Vec<Violation>) {
    let (entries, violations) = immutable_entries_named(document, container, authors, prefix);
    let stands = |name: &str, change: &ChangeHash| {
        let mut entries = entries.iter();
        entries.any(|entry| entry.id == name && entry.created.change == *change)
    };
    let made = document.made_entries(container.clone());
    let mut made = made.iter().filter(|made| made.name.starts_with(prefix));
    if made.all(|made| stands(&made.name, &made.made_by.change)) {
        return (entries, violations);
    }
    let (mut entries, mut violations) = permanent_entries(document, container, authors);
    entries.retain(|entry| entry.id.starts_with(prefix));
    let beginning = container.keys().len();
    violations.retain(|violation| {
        let name = violation.path.get(beginning);
        name.is_some_and(|name| name.starts_with(prefix))
    });
    (entries, violations)
}

/// The entries of a ledger, in the order in which they were written: a map that only people of `home` add to
/// and nobody changes.
///
/// An entry is what the first entitled change under its identifier wrote, whatever anybody did to it
/// before, after or beside it. The history is walked whole: a ledger is short, and an event that is
/// hidden by another's concurrent one must not be lost.
pub(crate) fn ledger_entries(
    document: &Document,
    container: &Path,
    authors: &dyn AuthorOf,
    home: &InstitutionId,
) -> (Vec<ImmutableEntry>, Vec<Violation>) {
    let mut entries: Vec<ImmutableEntry> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut violations = Vec::new();
    for change in document.history() {
        // The genesis, which every device makes for itself.
        if change.dependencies.is_empty() {
            continue;
        }
        let by = Origin::new(authors, &change.actor, &change.hash, change.time_seconds);
        if by.acted_for.as_ref() != Some(home) {
            violations.push(Violation::new(Rule::OnlyHomeRecordsConsent, container, by));
            continue;
        }
        let written = written_entries(document, container, &change);
        let operations: usize = written.iter().map(|entry| entry.fields.len() + 1).sum();
        let is_new = |entry: &ImmutableEntry| !known.contains(&entry.id);
        let adds_only = u64::try_from(operations).is_ok_and(|sum| sum == change.operation_count)
            && written.iter().all(is_new);
        if !adds_only {
            violations.push(Violation::new(Rule::EntriesAreImmutable, container, by));
        }
        for entry in written {
            if known.insert(entry.id.clone()) {
                entries.push(entry);
            }
        }
    }
    (entries, violations)
}

/// The entries that a change made where it saw none.
fn written_entries(
    document: &Document,
    container: &Path,
    change: &HistoryEntry,
) -> Vec<ImmutableEntry> {
    let (Ok(after), Ok(before)) = (
        document.read_at(&[change.hash]),
        document.read_at(&change.dependencies),
    ) else {
        return Vec::new();
    };
    let mut written = Vec::new();
    for id in after.keys(container) {
        let path = container.join(id.as_str());
        let Some(created) = after.get_all(&path).into_iter().next() else {
            continue;
        };
        if created.change != change.hash || before.exists(&path) {
            continue;
        }
        if let Value::Map(fields) = created.value.clone() {
            written.push(ImmutableEntry {
                id,
                path,
                fields,
                created,
            });
        }
    }
    written
}

/// The changes that did something else than write the entries that stand there: adding an entry makes
/// one operation for it and one for each of its fields. Keeps the search through the history, which
/// is long, to the few changes that need it.
fn unexplained_changes(document: &Document, entries: &[ImmutableEntry]) -> Vec<HistoryEntry> {
    let mut explained: BTreeMap<ChangeHash, u64> = BTreeMap::new();
    for entry in entries {
        let operations = u64::try_from(entry.fields.len() + 1).unwrap_or(u64::MAX);
        let sum = explained.entry(entry.created.change).or_default();
        *sum = sum.saturating_add(operations);
    }
    document
        .history()
        .into_iter()
        .filter(|change| {
            !change.dependencies.is_empty()
                && explained.get(&change.hash) != Some(&change.operation_count)
        })
        .collect()
}

fn fields_at(
    document: &Document,
    path: &Path,
    change: &ChangeHash,
) -> Option<BTreeMap<String, Value>> {
    match document.read_at(&[*change]).ok()?.get(path)? {
        Value::Map(fields) => Some(fields),
        _ => None,
    }
}

/// The value of a field that an entitled author wrote, and the values of others.
///
/// Of concurrent values the first entitled one; where all were written by authors who are not
/// entitled, what stood there before them.
pub(crate) fn entitled_value(
    document: &Document,
    path: &Path,
    is_entitled: &dyn Fn(&ConflictingValue) -> bool,
) -> (Option<ConflictingValue>, Vec<ConflictingValue>) {
    let mut refused: Vec<ConflictingValue> = Vec::new();
    let mut values = document.read().get_all(path);
    for _ in 0..MAX_VALUES_BACK {
        let (entitled, others): (Vec<_>, Vec<_>) = values.into_iter().partition(is_entitled);
        let before = others
            .first()
            .and_then(|value| document.change(&value.change));
        refused.extend(others);
        if let Some(value) = entitled.into_iter().next() {
            return (Some(value), refused);
        }
        let earlier = before.and_then(|change| {
            let then = document.read_at(change.dependencies()).ok()?;
            Some(then.get_all(path))
        });
        match earlier {
            Some(earlier) if !earlier.is_empty() => values = earlier,
            _ => break,
        }
    }
    (None, refused)
}

pub(crate) fn steps_of(path: &Path) -> Vec<String> {
    path.keys().iter().map(ToString::to_string).collect()
}
