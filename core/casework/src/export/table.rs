//! An exported case as one table: a row for each value.

use serde_json::{Map, Value as Json};

/// One row: section, list, entry, field, value, who wrote the entry, when.
type Row = Vec<String>;

/// Where a value stands.
#[derive(Clone, Default)]
struct Place {
    section: String,
    list: String,
    entry: String,
    field: String,
    written_by: String,
    written_at: String,
}

/// The values of a case file ([`super::case_file`]) in the order in which they stand in it, without what it
/// says for its readers alone, and at the end what the person disputes.
pub fn rows(file: &Json) -> Vec<Row> {
    let mut rows = Vec::new();
    let Some(fields) = file.as_object() else {
        return rows;
    };
    for (name, value) in fields {
        let at = |section: &str| Place {
            section: section.to_owned(),
            ..Place::default()
        };
        match name.as_str() {
            "schema_version" | "reference" => {}
            "phase" | "person" | "contact" | "bodies" => {
                value_rows(value, at("core"), name, &mut rows)
            }
            "function" | "journal" | "tasks" => list_rows(value, &at(name), "", &mut rows),
            "further" => {
                for section in value.as_array().into_iter().flatten() {
                    let code = section
                        .get("section")
                        .and_then(Json::as_str)
                        .unwrap_or_default();
                    if let Some(fields) = section.as_object() {
                        object_rows(fields, &at(code), &mut rows);
                    }
                }
            }
            "attachments" => attachment_rows(value, &mut rows),
            "other_values" => other_rows(value, &mut rows),
            section => {
                if let Some(fields) = value.as_object() {
                    object_rows(fields, &at(section), &mut rows);
                }
            }
        }
    }
    dispute_rows(file, &mut rows);
    rows
}

/// What the person disputes: whoever is given the values is given the marks.
fn dispute_rows(file: &Json, rows: &mut Vec<Row>) {
    let disputes = file
        .pointer("/reference/disputes")
        .and_then(Json::as_object);
    for (section, marks) in disputes.into_iter().flatten() {
        let place = Place {
            section: section.clone(),
            ..Place::default()
        };
        for mark in marks.as_array().into_iter().flatten() {
            let Some(fields) = mark.as_object() else {
                continue;
            };
            let mut fields = fields.clone();
            let steps = mark.get("path").and_then(Json::as_array);
            let path: Vec<String> = steps.into_iter().flatten().map(text).collect();
            fields.insert("path".to_owned(), Json::String(path.join("/")));
            let mark = Json::Object(fields);
            list_rows(&Json::Array(vec![mark]), &place, "disputes", rows);
        }
    }
}

/// What attachments are; their bytes stand in the file, not in a table.
fn attachment_rows(value: &Json, rows: &mut Vec<Row>) {
    for entry in value.as_array().into_iter().flatten() {
        let Some(fields) = entry.as_object() else {
            continue;
        };
        let mut fields = fields.clone();
        fields.remove("content");
        let section = fields.get("section").map(text).unwrap_or_default();
        let place = Place {
            section,
            ..Place::default()
        };
        list_rows(
            &Json::Array(vec![fields.into()]),
            &place,
            "attachments",
            rows,
        );
    }
}

fn object_rows(fields: &Map<String, Json>, place: &Place, rows: &mut Vec<Row>) {
    for (name, value) in fields {
        // Each row says them.
        if !["id", "section", "written_by", "written_at"].contains(&name.as_str()) {
            value_rows(value, place.clone(), name, rows);
        }
    }
}

fn value_rows(value: &Json, mut place: Place, name: &str, rows: &mut Vec<Row>) {
    let field = match place.field.is_empty() {
        true => name.to_owned(),
        false => format!("{}.{name}", place.field),
    };
    match value {
        Json::Object(fields) => {
            place.field = field;
            object_rows(fields, &place, rows);
        }
        Json::Array(entries) if entries.iter().any(Json::is_object) => {
            list_rows(value, &place, name, rows);
        }
        Json::Array(values) => {
            place.field = field;
            let values: Vec<String> = values.iter().map(text).collect();
            rows.push(place.row(values.join("; ")));
        }
        single => {
            place.field = field;
            rows.push(place.row(text(single)));
        }
    }
}

/// The entries of a list; a list inside an entry is named behind the one that the entry is of, and its
/// entries say which entry they lie in.
fn list_rows(value: &Json, around: &Place, name: &str, rows: &mut Vec<Row>) {
    let list = match around.list.is_empty() {
        true => name.to_owned(),
        false => format!("{}.{name}", around.list),
    };
    for (position, entry) in value.as_array().into_iter().flatten().enumerate() {
        let Some(fields) = entry.as_object() else {
            continue;
        };
        let named = |name: &str| entry.get(name).map(text);
        let own = named("id").or_else(|| named("institution"));
        let place = Place {
            section: around.section.clone(),
            list: list.clone(),
            entry: own.unwrap_or_else(|| (position + 1).to_string()),
            field: String::new(),
            written_by: entry
                .pointer("/written_by/name")
                .map_or_else(|| around.written_by.clone(), text),
            written_at: named("written_at").unwrap_or_else(|| around.written_at.clone()),
        };
        if !around.entry.is_empty() {
            let mut part = place.clone();
            part.field = "part_of".to_owned();
            rows.push(part.row(around.entry.clone()));
        }
        object_rows(fields, &place, rows);
    }
}

fn other_rows(value: &Json, rows: &mut Vec<Row>) {
    for other in value.as_array().into_iter().flatten() {
        let named = |name: &str| other.get(name).map(text).unwrap_or_default();
        let path = other.get("path").and_then(Json::as_array);
        let path: Vec<String> = path.into_iter().flatten().map(text).collect();
        let place = Place {
            section: named("section"),
            list: "other_values".to_owned(),
            field: path.join("/"),
            ..Place::default()
        };
        rows.push(place.row(named("value")));
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

impl Place {
    fn row(self, value: String) -> Row {
        vec![
            self.section,
            self.list,
            self.entry,
            self.field,
            value,
            self.written_by,
            self.written_at,
        ]
    }
}
