//! What two people decided differently, for a person to settle.
//!
//! A merge never decides silently: concurrent values of one field, the same sentence reworded by two,
//! a task or entry deleted and a case closed while somebody worked on it are listed with all values, authors
//! and times.

mod closing;

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE32_NOPAD;
use nahtlos_document::{ChangeHash, ConflictingValue, Document, Path, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::author::{AuthorOf, Origin};
use crate::edit::{
    Acknowledge, ChooseValue, Edit, FormChange, FormEdit, MarkClosing, PlanEdit, RISK, ScalarValue,
    TaskEdit, Wording,
};
use crate::fields::reference::is_reference;
use crate::fields::{EntryId, Field, FieldError, LongText, TaskStatus, field_as_string};
use crate::form::{DELETED, LIST, ValueType, form_of};
use crate::labels::{self, Names};
use crate::rules::steps_of;
use crate::section::SectionKind;
use crate::view::is_settable_status;

/// Identifier of a conflict: the same on every device that sees the same conflict, another as soon as
/// another change takes part in it. 16 small letters and digits: base 32 of the first 10 bytes of
/// SHA-256(`"nahtlos/v1/conflict\0"` ‖ section code ‖ 0 ‖ path ‖ 0 ‖ kind ‖ change hashes ascending).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConflictId(String);

impl ConflictId {
    fn new(section: &SectionKind, path: &Path, kind: u8, changes: &BTreeSet<ChangeHash>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"nahtlos/v1/conflict\0");
        hash.update(section.code());
        hash.update([0]);
        hash.update(path.to_string());
        hash.update([0, kind]);
        for change in changes {
            hash.update(change.as_bytes());
        }
        let digest = hash.finalize();
        let start: Vec<u8> = digest.iter().copied().take(10).collect();
        Self(BASE32_NOPAD.encode(&start).to_ascii_lowercase())
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for ConflictId {
    const NAME: &'static str = "conflict";

    fn parse(input: &str) -> Result<Self, FieldError> {
        if input.len() == 16 && is_reference(input) {
            return Ok(Self(input.to_ascii_lowercase()));
        }
        Err(FieldError::new(
            Self::NAME,
            "format",
            "a conflict's identifier has 16 letters and digits",
            "copy it from the list of conflicts",
        ))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

impl std::fmt::Display for ConflictId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

field_as_string!(ConflictId);

/// Something that people decided differently at the same time.
#[derive(Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// Its identifier.
    pub id: ConflictId,
    /// The section.
    pub section: SectionKind,
    /// The field or entry, step by step from the root.
    pub path: Vec<String>,
    /// German, French and English label of the field; nothing for one of a newer version.
    pub label: Option<Names>,
    /// Title or wording of the entry it lies in.
    pub entry: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub kind: ConflictKind,
    /// The changes it consists of.
    pub changes: Vec<String>,
}

impl Conflict {
    /// Whether a round table was closed, and not its case.
    pub fn is_of_closed_meeting(&self) -> bool {
        let mark = self.path.last();
        matches!(self.kind, ConflictKind::ClosedMeanwhile { .. })
            && mark.is_some_and(|mark| MarkClosing::is_of_meeting(mark))
    }
}

/// The four kinds of conflict.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConflictKind {
    /// Several values of one field; the first is the one that views show.
    Values {
        /// All of them.
        alternatives: Vec<Alternative>,
    },
    /// The same sentence reworded by several people. The merged text holds everybody's edits.
    Wordings {
        /// The text as it reads now.
        merged: String,
        /// Each side's whole text.
        alternatives: Vec<Alternative>,
    },
    /// A task or entry was deleted while somebody else worked on it.
    DeletedMeanwhile {
        /// Who deleted it.
        deleted_by: Origin,
        /// What others did to it without knowing.
        edits: Vec<Alternative>,
        /// True if one of them completed it: "deleted, completed meanwhile".
        completed: bool,
    },
    /// The case, or this round table, was closed while somebody else worked on it.
    ClosedMeanwhile {
        /// Who closed it.
        closed_by: Origin,
        /// What others did in this section without knowing.
        edits: Vec<Alternative>,
    },
}

/// One side of a conflict.
#[derive(Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// The value as stored.
    pub value: ScalarValue,
    /// For what was done to a deleted task or in a closed case: the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Who wrote it, when.
    pub origin: Origin,
}

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The value or wording at this position is to stand alone.
    Alternative(usize),
    /// It was seen and stays as it is: a merged text, a deletion, what was done in a closed case.
    AsItIs,
    /// The deleted task comes back.
    Restore,
}

/// Why a choice does not fit a conflict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such alternative.
    #[error("the conflict has {available} alternatives, not number {chosen}")]
    NoSuchAlternative {
        /// The position chosen, from 0.
        chosen: usize,
        /// How many there are.
        available: usize,
    },
    /// This kind of conflict is settled in another way.
    #[error("this kind of conflict is not settled in this way")]
    ChoiceDoesNotFit,
    /// The wording chosen breaks a rule of its field.
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// All conflicts of a section's document that nobody has settled yet, ordered by path.
pub fn conflicts(
    document: &Document,
    section: &SectionKind,
    authors: &dyn AuthorOf,
) -> Vec<Conflict> {
    // A slice says what its source says: who refreshes it next settles it, and nobody is asked.
    if section.as_slice().is_some() {
        return Vec::new();
    }
    let search = Search {
        document,
        section,
        authors,
    };
    let mut found = search.values();
    match section {
        SectionKind::Plan => found.extend(search.wordings(&search.goals())),
        SectionKind::Tasks => found.extend(search.deletions("tasks")),
        _ if form_of(section).is_some() => {
            found.extend(search.wordings(&search.texts_of_entries()));
            found.extend(search.deletions("entries"));
        }
        _ => {}
    }
    found.extend(search.closings());
    let seen: BTreeSet<String> = document
        .read()
        .keys(Path::from_iter(["acknowledged"]))
        .into_iter()
        .collect();
    found.retain(|conflict| !seen.contains(conflict.id.as_str()));
    found.sort_by(|left, right| (&left.path, &left.id).cmp(&(&right.path, &right.id)));
    found
}

/// The edit that settles a conflict by a choice.
///
/// # Errors
/// [`ResolveError`].
pub fn resolve(conflict: &Conflict, choice: Choice) -> Result<Edit, ResolveError> {
    match (&conflict.kind, choice) {
        (ConflictKind::Values { alternatives }, Choice::Alternative(position)) => {
            Ok(Edit::ChooseValue(ChooseValue {
                section: conflict.section.clone(),
                path: conflict.path.clone(),
                value: alternative(alternatives, position)?.value.clone(),
                changes: conflict.changes.clone(),
            }))
        }
        (
            ConflictKind::Wordings {
                merged,
                alternatives,
            },
            Choice::Alternative(position),
        ) => settle(conflict, merged, alternative(alternatives, position)?),
        (
            ConflictKind::Wordings { .. }
            | ConflictKind::DeletedMeanwhile { .. }
            | ConflictKind::ClosedMeanwhile { .. },
            Choice::AsItIs,
        ) => Ok(acknowledge(conflict)),
        (ConflictKind::DeletedMeanwhile { .. }, Choice::Restore) => {
            let id = entry_id(conflict)?;
            Ok(match conflict.section {
                SectionKind::Tasks => Edit::Tasks(TaskEdit::Restore { id }),
                _ => of_form(conflict, FormChange::Restore { id }),
            })
        }
        _ => Err(ResolveError::ChoiceDoesNotFit),
    }
}

fn alternative(
    alternatives: &[Alternative],
    position: usize,
) -> Result<&Alternative, ResolveError> {
    alternatives
        .get(position)
        .ok_or(ResolveError::NoSuchAlternative {
            chosen: position,
            available: alternatives.len(),
        })
}

/// Also where the text reads like this already: whoever chooses otherwise at the same time must find out.
fn settle(conflict: &Conflict, merged: &str, chosen: &Alternative) -> Result<Edit, ResolveError> {
    let ScalarValue::Text(text) = &chosen.value else {
        return Err(ResolveError::ChoiceDoesNotFit);
    };
    let (id, before) = (entry_id(conflict)?, Wording::new(merged));
    let after = LongText::parse(text)?;
    if conflict.section == SectionKind::Plan {
        return Ok(Edit::Plan(PlanEdit::SettleGoal { id, before, after }));
    }
    let field = conflict.path.last().cloned().unwrap_or_default();
    let change = FormChange::Settle {
        id,
        field,
        before,
        after,
    };
    Ok(of_form(conflict, change))
}

fn of_form(conflict: &Conflict, change: FormChange) -> Edit {
    Edit::Form(FormEdit {
        section: conflict.section.clone(),
        change,
    })
}

fn acknowledge(conflict: &Conflict) -> Edit {
    Edit::Acknowledge(Acknowledge {
        section: conflict.section.clone(),
        conflict: conflict.id.clone(),
        changes: conflict.changes.clone(),
    })
}

/// The entry is the second step of the path: `goals/<id>/statement`, `tasks/<id>`, `entries/<id>`.
fn entry_id(conflict: &Conflict) -> Result<EntryId, ResolveError> {
    let id = conflict.path.get(1).ok_or(ResolveError::ChoiceDoesNotFit)?;
    Ok(EntryId::parse(id)?)
}

struct Search<'a> {
    document: &'a Document,
    section: &'a SectionKind,
    authors: &'a dyn AuthorOf,
}

impl Search<'_> {
    fn values(&self) -> Vec<Conflict> {
        let mut found = Vec::new();
        for conflict in self.document.conflicts() {
            let steps = steps_of(&conflict.path);
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            let is_step_status = matches!(steps.as_slice(), ["goals", _, "steps", _, "status"]);
            if steps.first() == Some(&"acknowledged") || labels::is_immutable(self.section, &steps)
            {
                continue;
            }
            let mut changes = BTreeSet::new();
            let mut alternatives: Vec<Alternative> = Vec::new();
            for value in &conflict.values {
                if *self.section == SectionKind::Plan
                    && is_step_status
                    && !is_settable_status(value)
                {
                    continue;
                }
                let Some(scalar) = ScalarValue::from_value(&value.value) else {
                    continue;
                };
                changes.insert(value.change);
                alternatives.push(Alternative {
                    value: scalar,
                    field: None,
                    origin: Origin::of(self.authors, value),
                });
            }
            let differ = alternatives
                .windows(2)
                .any(|pair| matches!(pair, [left, right] if left.value != right.value));
            if differ {
                let kind = ConflictKind::Values { alternatives };
                found.push(self.conflict(&conflict.path, 0, &changes, kind));
            }
        }
        found
    }

    /// The collaborative texts of a plan.
    fn goals(&self) -> Vec<Path> {
        let goals = self.document.read().keys(Path::from_iter(["goals"]));
        let statement = |goal: &String| Path::from_iter(["goals", goal.as_str(), "statement"]);
        goals.iter().map(statement).collect()
    }

    /// The collaborative texts of a section that is described by a table.
    fn texts_of_entries(&self) -> Vec<Path> {
        let lists = form_of(self.section).map_or(&[][..], |form| form.lists);
        let mut codes: Vec<&str> = Vec::new();
        for field in lists.iter().flat_map(|list| list.fields) {
            if field.value == ValueType::Wording && !codes.contains(&field.code) {
                codes.push(field.code);
            }
        }
        if codes.is_empty() {
            return Vec::new();
        }
        let reader = self.document.read();
        let mut texts = Vec::new();
        for id in reader.keys(Path::from_iter(["entries"])) {
            let entry = Path::from_iter(["entries", id.as_str()]);
            let paths = codes.iter().map(|code| entry.join(*code));
            texts.extend(paths.filter(|path| reader.exists(path)));
        }
        texts
    }

    fn wordings(&self, texts: &[Path]) -> Vec<Conflict> {
        let mut found = Vec::new();
        for soft in self.document.soft_text_conflicts_in(texts) {
            let changes = soft.wordings.iter().map(|side| side.change).collect();
            let alternatives = soft
                .wordings
                .iter()
                .map(|side| Alternative {
                    value: ScalarValue::Text(side.text.clone()),
                    field: None,
                    origin: Origin::new(self.authors, &side.actor, &side.change, side.time_seconds),
                })
                .collect();
            let kind = ConflictKind::Wordings {
                merged: soft.merged,
                alternatives,
            };
            found.push(self.conflict(&soft.path, 1, &changes, kind));
        }
        found
    }

    /// Entries of a map that bear a mark of deletion, and that somebody worked on without knowing.
    fn deletions(&self, container: &str) -> Vec<Conflict> {
        let reader = self.document.read();
        let mut dependencies = None;
        let mut found = Vec::new();
        for id in reader.keys(Path::from_iter([container])) {
            let path = Path::from_iter([container, id.as_str()]);
            let marks: Vec<ConflictingValue> = reader
                .get_all(path.join(DELETED))
                .into_iter()
                .filter(|mark| mark.value == Value::Bool(true))
                .collect();
            let Some(mark) = marks.first() else {
                continue;
            };
            let dependencies = dependencies.get_or_insert_with(|| dependencies_of(self.document));
            // What the deleting person knew: their change and everything it builds on.
            let known = ancestors(dependencies, marks.iter().map(|mark| mark.change));
            let mut unknown: Vec<(String, ConflictingValue)> = self
                .field_values(&path)
                .into_iter()
                .filter(|(_, value)| !known.contains(&value.change))
                .collect();
            unknown.extend(self.typed_into_texts(&path, &marks, &known));
            if unknown.is_empty() {
                continue;
            }
            let changes = marks
                .iter()
                .map(|mark| mark.change)
                .chain(unknown.iter().map(|(_, value)| value.change))
                .collect();
            let done = Value::String(TaskStatus::Done.canonical());
            let kind = ConflictKind::DeletedMeanwhile {
                deleted_by: Origin::of(self.authors, mark),
                completed: unknown
                    .iter()
                    .any(|(field, value)| field == "status" && value.value == done),
                edits: unknown
                    .iter()
                    .filter_map(|(field, value)| {
                        Some(Alternative {
                            value: scalar_or_text(&value.value)?,
                            field: Some(field.clone()),
                            origin: Origin::of(self.authors, value),
                        })
                    })
                    .collect(),
            };
            found.push(self.conflict(&path, 2, &changes, kind));
        }
        found
    }

    /// Every value of every field of a task or entry, those of a checklist included, by field.
    fn field_values(&self, task: &Path) -> Vec<(String, ConflictingValue)> {
        let reader = self.document.read();
        let mut values = Vec::new();
        for field in reader.keys(task) {
            if [DELETED, LIST, "checklist"].contains(&field.as_str()) {
                continue;
            }
            for value in reader.get_all(task.join(field.as_str())) {
                values.push((field.clone(), value));
            }
        }
        let checklist = task.join("checklist");
        for line in reader.keys(&checklist) {
            for value in reader.get_all(checklist.join(line.as_str()).join("done")) {
                values.push(("checklist".to_owned(), value));
            }
        }
        values
    }

    /// What was typed into the collaborative texts of an entry in changes that are not among the known ones: the
    /// text itself was made long before, so its value does not say so. Changes are looked at one by one only where
    /// a text reads otherwise than at the marks.
    fn typed_into_texts(
        &self,
        entry: &Path,
        marks: &[ConflictingValue],
        known: &BTreeSet<ChangeHash>,
    ) -> Vec<(String, ConflictingValue)> {
        let reader = self.document.read();
        let marks: Vec<ChangeHash> = marks.iter().map(|mark| mark.change).collect();
        let Ok(at_marks) = self.document.read_at(&marks) else {
            return Vec::new();
        };
        let fields = reader.keys(entry).into_iter();
        let typed_into: Vec<String> = fields
            .filter(|field| {
                let mut values = reader.get_all(entry.join(field.as_str())).into_iter();
                let is_known_text = values
                    .any(|one| matches!(one.value, Value::Text(_)) && known.contains(&one.change));
                let text = entry.join(field.as_str());
                is_known_text && reader.text(&text) != at_marks.text(&text)
            })
            .collect();
        if typed_into.is_empty() {
            return Vec::new();
        }
        let mut typed = Vec::new();
        let history = self.document.history().into_iter();
        for change in history.filter(|change| !known.contains(&change.hash)) {
            let (Ok(after), Ok(before)) = (
                self.document.read_at(&[change.hash]),
                self.document.read_at(&change.dependencies),
            ) else {
                continue;
            };
            for field in &typed_into {
                let text = entry.join(field.as_str());
                let now = after.text(&text);
                if let Some(now) = now.filter(|now| before.text(&text).as_ref() != Some(now)) {
                    let value = ConflictingValue {
                        value: Value::String(now),
                        actor: change.actor,
                        change: change.hash,
                        time_seconds: change.time_seconds,
                    };
                    typed.push((field.clone(), value));
                }
            }
        }
        typed
    }

    fn conflict(
        &self,
        path: &Path,
        kind_code: u8,
        changes: &BTreeSet<ChangeHash>,
        kind: ConflictKind,
    ) -> Conflict {
        let steps = steps_of(path);
        let borrowed: Vec<&str> = steps.iter().map(String::as_str).collect();
        let label = match kind_code {
            2 => Some([
                "gelöscht, inzwischen bearbeitet",
                "supprimée, modifiée entre-temps",
                "deleted, edited meanwhile",
            ]),
            3 => Some([
                "abgeschlossen, inzwischen bearbeitet",
                "clôturé, modifié entre-temps",
                "closed, edited meanwhile",
            ]),
            _ => labels::names_of(self.section, &borrowed),
        };
        Conflict {
            id: ConflictId::new(self.section, path, kind_code, changes),
            section: self.section.clone(),
            label,
            entry: self.entry_title(&borrowed),
            path: steps,
            kind,
            changes: changes.iter().map(ToString::to_string).collect(),
        }
    }

    fn entry_title(&self, steps: &[&str]) -> Option<String> {
        let title = match steps {
            ["tasks", task, ..] => Path::from_iter(["tasks", task, "title"]),
            ["goals", goal, "steps", step, ..] => {
                Path::from_iter(["goals", goal, "steps", step, "title"])
            }
            ["goals", goal, ..] => Path::from_iter(["goals", goal, "statement"]),
            ["entries", id, ..] => self.name_of_entry(id)?,
            ["plan", risk, ..] if risk.starts_with(RISK) => {
                Path::from_iter(["plan", risk, "description"])
            }
            _ => return None,
        };
        self.document.read().text(title)
    }

    /// What an entry of a list is called by: the first field of its list.
    fn name_of_entry(&self, id: &str) -> Option<Path> {
        let entry = Path::from_iter(["entries", id]);
        let list = self.document.read().text(entry.join(LIST))?;
        let first = form_of(self.section)?.list(&list)?.fields.first()?;
        Some(entry.join(first.code))
    }
}

fn scalar_or_text(value: &Value) -> Option<ScalarValue> {
    match value {
        Value::Text(text) => Some(ScalarValue::Text(text.clone())),
        other => ScalarValue::from_value(other),
    }
}

type Dependencies = BTreeMap<ChangeHash, Vec<ChangeHash>>;

fn dependencies_of(document: &Document) -> Dependencies {
    document
        .history()
        .into_iter()
        .map(|entry| (entry.hash, entry.dependencies))
        .collect()
}

/// The changes and everything they build on.
fn ancestors(
    dependencies: &Dependencies,
    changes: impl Iterator<Item = ChangeHash>,
) -> BTreeSet<ChangeHash> {
    let mut waiting: Vec<ChangeHash> = changes.collect();
    let mut known = BTreeSet::new();
    while let Some(change) = waiting.pop() {
        if known.insert(change) {
            waiting.extend(dependencies.get(&change).into_iter().flatten());
        }
    }
    known
}
