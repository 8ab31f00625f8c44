//! Rows of a table: a case for each, or entries of one list of a case.
//!
//! Each row is read like the same entry in a case file, so that the same rules hold and the same errors are
//! told, with the row's line and the column instead of a place in JSON.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::core::read_core;
use super::form::read_entry as read_form_entry;
use super::reading::{Node, Reading};
use super::sections::{NewEntry, NewTask, behind_what_they_correct, read_entry, read_task};
use super::table::{Row, Table, at};
use super::{ImportError, SectionFile};
use crate::edit::{CoreEdit, Edit};
use crate::fields::{EntryId, Field, FieldError, UtcTime};
use crate::form::{CORRECTION_OF, FormList, Keeps, ValueType, form_of};
use crate::section::SectionKind;

/// Most rows for one case: a section is one document, which everybody who reads it keeps whole.
pub const ROWS_OF_A_CASE_MAX: usize = 10_000;
/// Errors after which nobody reads on.
const ERRORS_MAX: usize = 100;
/// Columns of a case, each with the object of a case file that it stands in.
const CASE_COLUMNS: [(&str, &[&str]); 18] = [
    ("official_name", &["person"]),
    ("first_name", &["person"]),
    ("call_name", &["person"]),
    ("birth", &["person"]),
    ("sex", &["person"]),
    ("street", &["contact", "address"]),
    ("house_number", &["contact", "address"]),
    ("extra_line", &["contact", "address"]),
    ("postcode", &["contact", "address"]),
    ("town", &["contact", "address"]),
    ("country", &["contact", "address"]),
    ("phone", &["contact"]),
    ("email", &["contact"]),
    ("preferred_channel", &["contact"]),
    ("voicemail_allowed", &["contact"]),
    ("correspondence_language", &["contact"]),
    ("interpreter", &["contact"]),
    ("phase", &[]),
];
const JOURNAL_COLUMNS: [&str; 7] = [
    "id",
    "at",
    "kind",
    "text",
    CORRECTION_OF,
    "written_by",
    "written_at",
];
const TASK_COLUMNS: [&str; 9] = [
    "id",
    "title",
    "responsible",
    "due",
    "priority",
    "status",
    "reminder",
    "checklist",
    "links",
];
/// The column of an exported list that says what the person contests.
const CONTESTED: &str = "contested";
/// How a line of a checklist begins that was ticked off, or was not.
const TICKED: [(&str, bool); 3] = [("[x] ", true), ("[X] ", true), ("[ ] ", false)];

/// What the rows of a table are.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsOf {
    /// Cases.
    Cases,
    /// Entries of the journal.
    Journal,
    /// Tasks.
    Tasks,
    /// Entries of a list of a section that is described by a table.
    Entries(SectionKind, ListRef),
}

/// A list of a table.
#[derive(Debug, Clone, Copy)]
pub struct ListRef(pub(crate) &'static FormList);

impl PartialEq for ListRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

/// Rows that were read without any error.
#[derive(Debug, Clone, PartialEq)]
pub struct RowsFile {
    rows_of: RowsOf,
    content: Content,
    /// The identifiers that entries bring along, each with its line.
    identifiers: Vec<(EntryId, usize)>,
    len: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Cases(Vec<(usize, Vec<CoreEdit>)>),
    Journal(Vec<NewEntry>),
    Tasks(Vec<NewTask>),
    Section(SectionFile),
}

impl RowsOf {
    /// Reads `cases`, `journal`, `tasks`, or a section and one of its lists, as `labour.employments`.
    ///
    /// # Errors
    /// `unknown_list`.
    pub fn parse(name: &str) -> Result<Self, FieldError> {
        match name.trim() {
            "cases" => return Ok(Self::Cases),
            "journal" => return Ok(Self::Journal),
            "tasks" => return Ok(Self::Tasks),
            _ => {}
        }
        let unknown = |remedy: String| {
            FieldError::new("list", "unknown_list", "there is no such list", remedy)
        };
        let general = || {
            unknown(
                "write journal, tasks, or a section and its list, as labour.employments".to_owned(),
            )
        };
        let (section, list) = name.trim().split_once('.').ok_or_else(general)?;
        let section = SectionKind::parse(section)?;
        let form = form_of(&section)
            .filter(|_| section != SectionKind::Access)
            .ok_or_else(general)?;
        let list = form.list(list).ok_or_else(|| {
            let codes: Vec<String> = form
                .lists
                .iter()
                .map(|list| format!("{section}.{}", list.code))
                .collect();
            unknown(format!("write one of {}", codes.join(", ")))
        })?;
        Ok(Self::Entries(section, ListRef(list)))
    }

    /// The section that the rows are part of; none for cases.
    pub fn section(&self) -> Option<SectionKind> {
        match self {
            Self::Cases => None,
            Self::Journal => Some(SectionKind::Journal),
            Self::Tasks => Some(SectionKind::Tasks),
            Self::Entries(section, _) => Some(section.clone()),
        }
    }

    /// The columns that may stand in the header, in the order in which they are written.
    pub fn columns(&self) -> Vec<&'static str> {
        match self {
            Self::Cases => CASE_COLUMNS.iter().map(|(name, _)| *name).collect(),
            Self::Journal => JOURNAL_COLUMNS.to_vec(),
            Self::Tasks => TASK_COLUMNS.to_vec(),
            Self::Entries(_, ListRef(list)) => {
                let correction = (list.keeps == Keeps::Records).then_some(CORRECTION_OF);
                let fields = list.fields.iter().map(|field| field.code);
                let written = ["written_by", "written_at"];
                ["id"]
                    .into_iter()
                    .chain(fields)
                    .chain(correction)
                    .chain(written)
                    .collect()
            }
        }
    }

    /// Its columns that hold points in time.
    pub fn times(&self) -> Vec<&'static str> {
        let mut times = vec!["written_at"];
        match self {
            Self::Cases | Self::Tasks => {}
            Self::Journal => times.push("at"),
            Self::Entries(_, ListRef(list)) => {
                let fields = list.fields.iter();
                let of_time = fields.filter(|field| field.value == ValueType::Time);
                times.extend(of_time.map(|field| field.code));
            }
        }
        times
    }

    /// The columns of an exported list: where the person contests one of its entries, with what they say.
    pub fn columns_of(&self, case_file: &Json) -> Vec<&'static str> {
        let mut columns = self.columns();
        if !self.said_of(case_file).is_empty() {
            columns.push(CONTESTED);
        }
        columns
    }

    /// What the person contests in the section: the steps of the place, and what they say. Settled marks say nothing
    /// any more.
    fn said_of(&self, case_file: &Json) -> Vec<(Vec<String>, String)> {
        let section = self
            .section()
            .map(|section| section.code())
            .unwrap_or_default();
        let marks = case_file
            .get("reference")
            .and_then(|reference| reference.get("disputes")?.get(&section));
        let marks = marks.and_then(Json::as_array).into_iter().flatten();
        let standing = marks.filter(|mark| {
            mark.get("settled")
                .and_then(Json::as_array)
                .is_none_or(Vec::is_empty)
        });
        standing
            .map(|mark| {
                let path = mark
                    .get("path")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten();
                let path = path
                    .filter_map(|step| step.as_str().map(str::to_owned))
                    .collect();
                (path, cell(mark.get("text")))
            })
            .collect()
    }

    /// The list of an exported case ([`crate::export`]) as rows below [`Self::columns_of`].
    pub fn rows(&self, case_file: &Json) -> Vec<Vec<String>> {
        let said = self.said_of(case_file);
        let said_of = |entry: &Json| {
            let id = cell(entry.get("id"));
            let of_entry = said.iter().filter(|(path, _)| path.contains(&id));
            of_entry
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        };
        let further = |code: &str| {
            let sections = case_file.get("further").and_then(Json::as_array)?;
            sections
                .iter()
                .find(|section| section.get("section").and_then(Json::as_str) == Some(code))
        };
        let list = match self {
            Self::Cases => None,
            Self::Journal => case_file.get("journal"),
            Self::Tasks => case_file.get("tasks"),
            Self::Entries(section, ListRef(list)) => {
                let code = section.code();
                let section = case_file.get(&code).or_else(|| further(&code));
                section.and_then(|section| section.get(list.code))
            }
        };
        let entries = list.and_then(Json::as_array).into_iter().flatten();
        let columns = self.columns_of(case_file);
        entries
            .map(|entry| {
                let cell_of = |column: &&str| match *column {
                    CONTESTED => said_of(entry),
                    column => cell(entry.get(column)),
                };
                columns.iter().map(cell_of).collect()
            })
            .collect()
    }
}

/// A value of a case file in a cell: a checklist and links line by line, of an author the name.
fn cell(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(lines)) => {
            let lines = lines.iter().map(|line| {
                if line.is_string() {
                    return cell(Some(line));
                }
                let done = line.get("done").and_then(Json::as_bool) == Some(true);
                let mark = if done { "[x] " } else { "[ ] " };
                format!("{mark}{}", cell(line.get("text")))
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Some(Json::Object(fields)) => cell(fields.get("name")),
        Some(Json::Bool(truth)) => if *truth { "yes" } else { "no" }.to_owned(),
        Some(other) => other.to_string(),
    }
}

impl RowsFile {
    /// Reads a table as a whole or not at all.
    ///
    /// # Errors
    /// The errors of the file, each with its line and column; the first hundred of them.
    pub fn parse(rows_of: RowsOf, bytes: &[u8]) -> Result<Self, Vec<ImportError>> {
        Self::parse_with_times(rows_of, bytes, &|_| None)
    }

    /// The same, where points in time may also be written as `time` reads them: this crate has no time zones.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_times(
        rows_of: RowsOf,
        bytes: &[u8],
        time: &dyn Fn(&str) -> Option<UtcTime>,
    ) -> Result<Self, Vec<ImportError>> {
        let mut columns = rows_of.columns();
        if rows_of != RowsOf::Cases {
            columns.push(CONTESTED);
        }
        let table = Table::parse(bytes, &columns)?;
        if rows_of != RowsOf::Cases && table.rows.len() > ROWS_OF_A_CASE_MAX {
            let reason = format!("more than {ROWS_OF_A_CASE_MAX} rows do not belong into one case");
            return Err(vec![at(1, "", "too_many", reason, "split the file")]);
        }
        let mut reader = RowReader {
            table: &table,
            reading: Reading::default(),
            identifiers: Vec::new(),
            times: rows_of.times(),
            time,
        };
        let content = reader.content(&rows_of);
        let (mut errors, identifiers) = (reader.reading.errors, reader.identifiers);
        errors.truncate(ERRORS_MAX);
        match errors.is_empty() {
            true => Ok(Self {
                rows_of,
                content,
                identifiers,
                len: table.rows.len(),
            }),
            false => Err(errors),
        }
    }

    /// What the rows are.
    pub fn rows_of(&self) -> &RowsOf {
        &self.rows_of
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is only a header.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// For each case its line and the edits that make it.
    pub fn cases(&self) -> Vec<(usize, Vec<Edit>)> {
        let Content::Cases(cases) = &self.content else {
            return Vec::new();
        };
        let edits = |edits: &Vec<CoreEdit>| edits.iter().cloned().map(Edit::Core).collect();
        cases
            .iter()
            .map(|(line, core)| (*line, edits(core)))
            .collect()
    }

    /// The edits that add the rows to a case.
    ///
    /// `new_id` makes a new random identifier at each call.
    pub fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        match &self.content {
            Content::Cases(_) => Vec::new(),
            Content::Journal(entries) => entries.iter().map(|entry| entry.edit(new_id)).collect(),
            Content::Tasks(tasks) => tasks.iter().flat_map(|task| task.edits(new_id)).collect(),
            Content::Section(file) => file.edits(new_id),
        }
    }

    /// The rows that name an entry which `exists` in the case already: of the journal and tasks nothing is
    /// written over.
    pub fn existing(&self, exists: impl Fn(&EntryId) -> bool) -> Vec<ImportError> {
        if matches!(self.content, Content::Section(_)) {
            return Vec::new();
        }
        let existing = self.identifiers.iter().filter(|(id, _)| exists(id));
        existing
            .take(ERRORS_MAX)
            .map(|(_, line)| {
                at(
                    *line,
                    "id",
                    "exists",
                    "the case has an entry with this identifier already",
                    "take the row out; to add it once more, empty its `id`",
                )
            })
            .collect()
    }
}

impl RowsFile {
    /// How many rows of the journal or of tasks bring an identifier along, as exported ones do.
    pub fn brought_along(&self) -> usize {
        match self.content {
            Content::Journal(_) | Content::Tasks(_) => self.identifiers.len(),
            Content::Cases(_) | Content::Section(_) => 0,
        }
    }

    /// Who wrote the rows of a journal, as they say.
    pub fn writers(&self) -> BTreeSet<String> {
        let Content::Journal(entries) = &self.content else {
            return BTreeSet::new();
        };
        let writers = entries.iter().filter_map(NewEntry::written_by);
        writers.map(ToString::to_string).collect()
    }
}

struct RowReader<'a> {
    table: &'a Table,
    reading: Reading,
    identifiers: Vec<(EntryId, usize)>,
    /// Columns that hold points in time.
    times: Vec<&'static str>,
    time: &'a dyn Fn(&str) -> Option<UtcTime>,
}

impl RowReader<'_> {
    fn content(&mut self, rows_of: &RowsOf) -> Content {
        match rows_of {
            RowsOf::Cases => {
                let mut cases = Vec::new();
                let table = self.table;
                for row in &table.rows {
                    let object = case_object(&self.cells(row));
                    let core = self.read(row.line, &object, |node, reading| {
                        let mut object = reading.object(node)?;
                        let core = read_core(&mut object, reading);
                        object.finish(reading);
                        Some(core)
                    });
                    cases.extend(core.map(|core| (row.line, core)));
                }
                Content::Cases(cases)
            }
            RowsOf::Journal => {
                let entries = self.entries(&|cells: &Map<String, Json>| json!(cells), read_entry);
                Content::Journal(self.ordered(entries))
            }
            RowsOf::Tasks => {
                let tasks = self.entries(&task_object, read_task);
                Content::Tasks(tasks.into_iter().map(|(_, task)| task).collect())
            }
            RowsOf::Entries(section, ListRef(list)) => {
                let object = |cells: &Map<String, Json>| form_object(list, cells);
                let entries = self.entries(&object, |node, reading| {
                    read_form_entry(node, reading, section, list, true)
                });
                let entries = entries.into_iter().map(|(_, entry)| entry).collect();
                Content::Section(SectionFile::of_entries(section.clone(), entries))
            }
        }
    }

    /// Reads each row as an entry, and keeps account of the identifiers that it brings along.
    fn entries<T>(
        &mut self,
        object: &dyn Fn(&Map<String, Json>) -> Json,
        read: impl Fn(Node<'_>, &mut Reading) -> Option<T>,
    ) -> Vec<(usize, T)> {
        let (mut entries, table) = (Vec::new(), self.table);
        for row in &table.rows {
            let object = object(&self.cells(row));
            let id = object.get("id").and_then(Json::as_str);
            let id = id.and_then(|id| EntryId::parse(id).ok());
            self.identifiers.extend(id.map(|id| (id, row.line)));
            let entry = self.read(row.line, &object, &read);
            entries.extend(entry.map(|entry| (row.line, entry)));
        }
        entries
    }

    /// Reads one row; its errors get its line, and the column instead of a path.
    fn read<T>(
        &mut self,
        line: usize,
        object: &Json,
        read: impl Fn(Node<'_>, &mut Reading) -> Option<T>,
    ) -> Option<T> {
        let before = self.reading.errors.len();
        // Enough errors were told.
        if before >= ERRORS_MAX {
            return None;
        }
        let read = read(Node::root(object), &mut self.reading);
        for error in self.reading.errors.iter_mut().skip(before) {
            error.line = Some(line);
            error.path = column_of(&error.path);
        }
        read
    }

    /// Corrections behind what they correct; their errors get their lines.
    fn ordered(&mut self, entries: Vec<(usize, NewEntry)>) -> Vec<NewEntry> {
        let before = self.reading.errors.len();
        let entries = entries.into_iter();
        let entries = entries
            .map(|(line, entry)| (line.to_string(), entry))
            .collect();
        let ordered = behind_what_they_correct(entries, &mut self.reading, NewEntry::ids);
        for error in self.reading.errors.iter_mut().skip(before) {
            let line = error.path.split('.').next();
            error.line = line.and_then(|line| line.parse().ok());
            error.path = column_of(&error.path);
        }
        ordered
    }

    /// The cells that say something, by their columns.
    fn cells(&self, row: &Row) -> Map<String, Json> {
        let named = self.table.header.iter().zip(&row.cells);
        named
            // What the person contests is marked in the section, and nobody says it for them by a table.
            .filter(|(name, cell)| !cell.trim().is_empty() && name.as_str() != CONTESTED)
            .map(|(name, cell)| {
                let is_time = self.times.contains(&name.as_str());
                let time = is_time.then(|| (self.time)(cell)).flatten();
                let cell = time.map_or_else(|| cell.clone(), |time| time.canonical());
                (name.clone(), json!(cell))
            })
            .collect()
    }
}

/// The last name in a path: `$.contact.address.town` is the column `town`, and what is missing in an object
/// that no column says is told of that object.
fn column_of(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or(path);
    let name = last.split('[').next().unwrap_or(last);
    match name {
        "$" => "row".to_owned(),
        name => name.to_owned(),
    }
}

/// A case as the object of a case file.
fn case_object(cells: &Map<String, Json>) -> Json {
    let mut case = json!({ "person": {} });
    for (name, places) in CASE_COLUMNS {
        let Some(cell) = cells.get(name) else {
            continue;
        };
        let mut object = &mut case;
        for place in places {
            object = &mut object[*place];
        }
        object[name] = match name {
            "voicemail_allowed" => truth(cell),
            _ => cell.clone(),
        };
    }
    case
}

/// Yes and no in three languages; anything else as it stands, to be refused.
fn truth(cell: &Json) -> Json {
    let typed = cell.as_str().unwrap_or_default();
    match ValueType::Truth.read("truth_value", typed) {
        Ok(value) => json!(value),
        Err(_) => cell.clone(),
    }
}

fn task_object(cells: &Map<String, Json>) -> Json {
    let mut task = cells.clone();
    if let Some(lines) = cells.get("checklist").and_then(Json::as_str) {
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<Json> = lines
            .map(|line| {
                let ticked = TICKED
                    .iter()
                    .find_map(|(mark, done)| Some((line.strip_prefix(mark)?, *done)));
                let (text, done) = ticked.unwrap_or((line, false));
                json!({ "text": text, "done": done })
            })
            .collect();
        task.insert("checklist".to_owned(), Json::Array(lines));
    }
    if let Some(links) = cells.get("links").and_then(Json::as_str) {
        let links = links.lines().map(str::trim).filter(|link| !link.is_empty());
        task.insert("links".to_owned(), links.map(Json::from).collect());
    }
    Json::Object(task)
}

fn form_object(list: &FormList, cells: &Map<String, Json>) -> Json {
    let mut entry = cells.clone();
    for field in list
        .fields
        .iter()
        .filter(|field| field.value == ValueType::Truth)
    {
        if let Some(cell) = cells.get(field.code) {
            entry.insert(field.code.to_owned(), truth(cell));
        }
    }
    Json::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> impl FnMut() -> EntryId {
        let mut next = 0u64;
        move || {
            next += 1;
            EntryId::from_random(next.to_be_bytes())
        }
    }

    fn parse(list: &str, text: &str) -> Result<RowsFile, Vec<ImportError>> {
        RowsFile::parse(RowsOf::parse(list).unwrap(), text.as_bytes())
    }

    fn refused(list: &str, text: &str) -> Vec<(Option<usize>, String, &'static str)> {
        let errors = parse(list, text).unwrap_err();
        errors
            .into_iter()
            .map(|error| {
                assert!(!error.reason.is_empty() && !error.remedy.is_empty());
                (error.line, error.path, error.code)
            })
            .collect()
    }

    #[test]
    fn rows_of_people_make_a_case_each() {
        let file = parse(
            "cases",
            "official_name;first_name;birth;phone;town;postcode;voicemail_allowed\n\
             Hadžić;Lejla;17.05.1982;079 555 01 42;Neuchâtel;2000;non\nMosimann;;;;;;\n",
        )
        .unwrap();
        let cases = file.cases();
        assert_eq!(cases.len(), 2);
        let lines: Vec<usize> = cases.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3]);
        assert_eq!(
            cases[0].1.len(),
            6,
            "an address is one value: {:?}",
            cases[0].1
        );
        assert_eq!(cases[1].1.len(), 1);
        cases
            .iter()
            .flat_map(|(_, edits)| edits)
            .for_each(|edit| edit.validate().unwrap());
    }

    #[test]
    fn every_wrong_cell_is_named_by_line_and_column_and_nothing_is_read() {
        let told = refused(
            "cases",
            "official_name,birth,street,voicemail_allowed\nA,1982-02-30,,\n,1982,,\nB,,Weg,perhaps\n",
        );
        let expected = [
            (2, "birth", "no_such_day"),
            (3, "official_name", "missing"),
            (4, "town", "missing"),
            (4, "voicemail_allowed", "type"),
        ];
        for (line, column, code) in expected {
            assert!(
                told.contains(&(Some(line), column.to_owned(), code)),
                "{line} {column}: {told:?}"
            );
        }
        assert_eq!(told.len(), expected.len(), "{told:?}");
        assert_eq!(
            refused("tasks", "title,due,status\nx,31.02.2026,late\n"),
            [
                (Some(2), "due".to_owned(), "no_such_day"),
                (Some(2), "status".to_owned(), "unknown_code")
            ]
        );
        assert_eq!(
            refused("journal", "kind,color\nnote,red\n")[0].2,
            "unknown_column"
        );
        assert_eq!(
            refused("journal", "kind\nnote\n"),
            [(Some(2), "text".to_owned(), "missing")]
        );
    }

    #[test]
    fn a_correction_may_stand_above_what_it_corrects_and_must_correct_something() {
        let text = "id,kind,text,correction_of\naaaaaaaaaaajg,note,later,aaaaaaaaaaaje\naaaaaaaaaaaje,note,first,\n";
        let file = parse("journal", text).unwrap();
        assert_eq!(file.edits(&mut ids()).len(), 2);
        let first = EntryId::parse("aaaaaaaaaaaje").unwrap();
        let existing = file.existing(|id| *id == first);
        assert_eq!((existing.len(), existing[0].line), (1, Some(3)));
        assert!(file.existing(|_| false).is_empty(), "control");
        let lonely = "kind,text,correction_of\nnote,x,\nnote,later,aaaaaaaaaaaje\n";
        assert_eq!(
            refused("journal", lonely),
            [(Some(3), CORRECTION_OF.to_owned(), "no_such_entry")]
        );
    }

    #[test]
    fn entries_of_a_section_are_added_or_changed_by_their_identifier() {
        let file = parse(
            "education.languages",
            "language,native,speaking\nbs,oui,\nfr,nein,B1\n",
        )
        .unwrap();
        assert_eq!(file.edits(&mut ids()).len(), 2);
        let told = refused(
            "education.languages",
            "language,speaking\nxx1,B1\nfr,fluent\n",
        );
        assert_eq!(
            told.iter().map(|error| error.0).collect::<Vec<_>>(),
            [Some(2), Some(3)]
        );
        let changed = "id,language,speaking\naaaaaaaaaaagc,fr,B2\n";
        let edits = parse("education.languages", changed)
            .unwrap()
            .edits(&mut ids());
        assert!(format!("{edits:?}").contains("Change"), "{edits:?}");
        assert_eq!(
            RowsOf::parse("education.songs").unwrap_err().code,
            "unknown_list"
        );
        assert_eq!(
            RowsOf::parse("access.reads").unwrap_err().code,
            "unknown_list"
        );
    }

    #[test]
    fn a_checklist_stands_line_by_line_in_its_cell() {
        let file = parse("tasks", "title,checklist\nx,\"[x] one\n[ ] two\nthree\"\n").unwrap();
        let edits = file.edits(&mut ids());
        assert_eq!(
            edits.len(),
            2,
            "the task, and one line ticked off: {edits:?}"
        );
        let linked = "title,reminder,links\nx,22.02.2028,\"meeting/m1\nmeeting/m2\"\n";
        let edits = parse("tasks", linked).unwrap().edits(&mut ids());
        assert_eq!(edits.len(), 4, "the task, its reminder, two links");
        let wrong = "title,reminder,links\nx,22.02.2028,core/x\n";
        assert_eq!(refused("tasks", wrong)[0].2, "format");
    }

    #[test]
    fn one_case_takes_ten_thousand_rows_and_no_more() {
        let rows = |count: usize| format!("kind,text\n{}", "note,x\n".repeat(count));
        assert_eq!(
            parse("journal", &rows(ROWS_OF_A_CASE_MAX)).unwrap().len(),
            ROWS_OF_A_CASE_MAX
        );
        assert_eq!(
            refused("journal", &rows(ROWS_OF_A_CASE_MAX + 1))[0].2,
            "too_many"
        );
    }
}
