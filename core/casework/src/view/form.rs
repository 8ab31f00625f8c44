//! A section that is described by a table ([`crate::form`]) as it reads now.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{ConflictingValue, Document, Path, Value, WritingPlace};
use serde::Serialize;

use super::order::WrittenOrder;
use super::{Fields, flag, map_at, root_of, stored};
use crate::author::{AuthorOf, Origin, TakenOver};
use crate::edit::{SOURCE_AT, SOURCE_BY, ScalarValue};
use crate::fields::{EntryId, Field, InstitutionId, Stored};
use crate::form::{CORRECTION_OF, DELETED, FormField, Keeps, LIST, form_of};
use crate::rules::{ImmutableEntry, Rule, Violation, permanent_entries};
use crate::section::SectionKind;

/// A section that is described by a table. Of conflicting values it holds the winner; the conflicts
/// are listed apart. What this version does not know (a field, a list, a code) stands in it as it is
/// stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormView {
    /// The fields that have a value, by code.
    pub fields: BTreeMap<String, FieldView>,
    /// The lists by code; every list of the table, and those of a newer version. Entries
    /// in the order in which they were written, records in that of their authors' clocks.
    pub lists: BTreeMap<String, Vec<EntryView>>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// The value of one field.
#[derive(Clone, PartialEq)]
pub struct FieldView {
    /// As it is stored.
    pub stored: ScalarValue,
    /// As people read it.
    pub shown: String,
    /// Whether this version understands it.
    pub is_known: bool,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntryView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Its place among everything in the section's lists, in the order of writing, from 1.
    #[serde(skip)]
    pub number: usize,
    #[serde(skip)]
    written: Option<WritingPlace>,
    /// Its fields that have a value, by code.
    pub fields: BTreeMap<String, FieldView>,
    /// The record that it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction_of: Option<Stored<EntryId>>,
    /// Marked as deleted.
    pub deleted: bool,
    /// Who wrote it first, when.
    pub origin: Option<Origin>,
    /// Who wrote what stands in its fields since, oldest first: what it says now is not the first author's word
    /// alone. Not who typed in a collaborative text; the section's history says that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Origin>,
}

impl std::fmt::Debug for FieldView {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FieldView(hidden)")
    }
}

impl Serialize for FieldView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

impl FormView {
    /// Reads a document of the section; empty for one that has no table.
    pub fn read(document: &Document, section: &SectionKind, authors: &dyn AuthorOf) -> Self {
        let root = root_of(document);
        let form = form_of(section);
        let fields = map_at(&root, "fields").into_iter().flatten();
        let mut view = Self {
            fields: fields
                .filter_map(|(code, value)| {
                    let field = form.and_then(|form| form.field(code));
                    Some((code.clone(), field_view(field, value)?))
                })
                .collect(),
            lists: BTreeMap::new(),
            violations: Vec::new(),
        };
        for list in form.map_or(&[][..], |form| form.lists) {
            view.lists.insert(list.code.to_owned(), Vec::new());
        }
        view.read_entries(document, section, &root, authors);
        view.read_records(document, section, authors);
        view.number(section);
        view
    }

    fn read_entries(
        &mut self,
        document: &Document,
        section: &SectionKind,
        root: &Fields,
        authors: &dyn AuthorOf,
    ) {
        let reader = document.read();
        for (id, value) in map_at(root, "entries").into_iter().flatten() {
            let Some(fields) = value.as_map() else {
                continue;
            };
            let path = Path::from_iter(["entries", id.as_str()]);
            let created = reader.get_all(&path).into_iter().next();
            let origin = created.as_ref().map(|value| Origin {
                taken_over: TakenOver::of(fields),
                ..Origin::of(authors, value)
            });
            let made_by = created.map(|value| value.change);
            let mut since: Vec<ConflictingValue> = reader
                .keys(&path)
                .into_iter()
                .flat_map(|field| reader.get_all(path.join(field.as_str())))
                .filter(|value| Some(value.change) != made_by)
                .collect();
            since.sort_by_key(|value| (value.time_seconds, value.change));
            since.dedup_by_key(|value| value.change);
            let changed = since.iter().map(|value| Origin::of(authors, value));
            let by = (origin, changed.collect());
            let written = reader.writing_place(&path);
            self.push(section, Keeps::Entries, (id, written), fields, by);
        }
        if section.as_slice().is_none() {
            self.bring_back_removed(document, section, authors);
        }
    }

    /// Entries are marked as deleted and never taken out. One that a modified program took out stands here as it
    /// was last, with who did that. The history is searched only where one is missing.
    fn bring_back_removed(
        &mut self,
        document: &Document,
        section: &SectionKind,
        authors: &dyn AuthorOf,
    ) {
        let container = Path::from_iter(["entries"]);
        let reader = document.read();
        let made = document.made_entries(container.clone()).into_iter();
        let mut missing: BTreeSet<String> = made
            .map(|made| made.name)
            .filter(|name| !reader.exists(container.join(name.as_str())))
            .collect();
        if missing.is_empty() {
            return;
        }
        for change in document.history() {
            let (Ok(after), Ok(before)) = (
                document.read_at(&[change.hash]),
                document.read_at(&change.dependencies),
            ) else {
                continue;
            };
            let removed: Vec<String> = missing
                .iter()
                .filter(|id| {
                    let path = container.join(id.as_str());
                    before.exists(&path) && !after.exists(&path)
                })
                .cloned()
                .collect();
            for id in removed {
                missing.remove(&id);
                let path = container.join(id.as_str());
                let stood = before.get_all(&path).into_iter().next();
                let origin = stood.as_ref().map(|value| Origin::of(authors, value));
                if let Some(fields) = stood.as_ref().and_then(|value| value.value.as_map()) {
                    let entry = (id.as_str(), before.writing_place(&path));
                    self.push(section, Keeps::Entries, entry, fields, (origin, Vec::new()));
                }
                let by = Origin::new(authors, &change.actor, &change.hash, change.time_seconds);
                let violation = Violation::new(Rule::EntriesAreMarkedDeleted, &path, by);
                self.violations.push(violation);
            }
        }
    }

    /// Records of the section's own institution only, where the section is the notes of one; who
    /// wrote one is who signed it, so nobody writes one in another's name.
    fn read_records(&mut self, document: &Document, section: &SectionKind, authors: &dyn AuthorOf) {
        let keeps_records = form_of(section)
            .is_some_and(|form| form.lists.iter().any(|list| list.keeps == Keeps::Records));
        if !keeps_records {
            return;
        }
        let container = Path::from_iter(["records"]);
        let (entries, violations) = permanent_entries(document, &container, authors);
        self.violations.extend(violations);
        let mut written: Vec<(ImmutableEntry, Origin)> = entries
            .into_iter()
            .map(|entry| {
                let origin = Origin::of_entry(authors, &entry);
                (entry, origin)
            })
            .collect();
        written.sort_by(|(left, left_by), (right, right_by)| {
            (left_by.at, &left.id).cmp(&(right_by.at, &right.id))
        });
        let is_tied = |pair: &[(ImmutableEntry, Origin)]| matches!(pair, [(_, left), (_, right)] if left.at == right.at);
        if written.windows(2).any(is_tied) {
            let order = WrittenOrder::of(document);
            written.sort_by_key(|(_, by)| order.place(by));
        }
        let reader = document.read();
        for (entry, origin) in written {
            if let Some(rule) = rule_against(section, &origin) {
                self.violations
                    .push(Violation::new(rule, &entry.path, origin));
                continue;
            }
            let fields: &Fields = &entry.fields;
            let by = (Some(origin), Vec::new());
            let written = reader.writing_place(&entry.path);
            self.push(section, Keeps::Records, (&entry.id, written), fields, by);
        }
    }

    /// All of it numbered through in the order in which it was written: an entry that is added moves no number.
    /// The entries of a list stand in that order, too; records in that of their authors' clocks.
    fn number(&mut self, section: &SectionKind) {
        let all = self.lists.values_mut().flatten();
        let mut all: Vec<&mut EntryView> = all.collect();
        all.sort_by_cached_key(|entry| (entry.written, entry.id.canonical()));
        for (number, entry) in (1..).zip(all) {
            entry.number = number;
        }
        let form = form_of(section);
        for (code, entries) in &mut self.lists {
            let list = form.and_then(|form| form.list(code));
            if list.is_none_or(|list| list.keeps == Keeps::Entries) {
                entries.sort_by_key(|entry| entry.number);
            }
        }
    }

    fn push(
        &mut self,
        section: &SectionKind,
        keeps: Keeps,
        (id, written): (&str, Option<WritingPlace>),
        fields: &Fields,
        (origin, changed): (Option<Origin>, Vec<Origin>),
    ) {
        let code = fields.get(LIST).and_then(Value::as_str).unwrap_or_default();
        let form = form_of(section);
        let list = form.and_then(|form| form.list(code));
        let list = list.filter(|list| list.keeps == keeps);
        let values = fields.iter().filter_map(|(code, value)| {
            if [LIST, DELETED, CORRECTION_OF, SOURCE_BY, SOURCE_AT].contains(&code.as_str()) {
                return None;
            }
            let field = list.and_then(|list| list.field(code));
            Some((code.clone(), field_view(field, value)?))
        });
        let entry = EntryView {
            id: Stored::read(id),
            number: 0,
            written,
            fields: values.collect(),
            correction_of: stored(Some(fields), CORRECTION_OF),
            deleted: flag(Some(fields), DELETED).unwrap_or(false),
            origin,
            changed,
        };
        // One that claims another kind of list than it stands in is of no list that is known.
        let code = match (form.and_then(|form| form.list(code)), list) {
            (Some(_), None) => "unknown",
            _ => code,
        };
        self.lists.entry(code.to_owned()).or_default().push(entry);
    }
}

/// The rule that an author breaks by writing in a section at all.
pub(super) fn rule_against(section: &SectionKind, origin: &Origin) -> Option<Rule> {
    let SectionKind::Internal(institution) = section else {
        return None;
    };
    let own = InstitutionId::parse(institution).ok()?;
    (origin.acted_for.as_ref() != Some(&own)).then_some(Rule::NotesOfOneInstitution)
}

/// Nothing for what is no single value: it is of a newer version, and stands in the export.
fn field_view(field: Option<&FormField>, value: &Value) -> Option<FieldView> {
    let stored = match value {
        Value::Text(text) => ScalarValue::Text(text.clone()),
        other => ScalarValue::from_value(other)?,
    };
    let (shown, is_known) = match field {
        Some(field) => field.value.shown(value),
        None => {
            let text = value.as_str().map(str::to_owned);
            (text.unwrap_or_else(|| value.to_json().to_string()), false)
        }
    };
    Some(FieldView {
        stored,
        shown,
        is_known,
    })
}
