//! Who wrote an entry of a file, and when, as the file says.

use serde_json::Value as Json;

use super::reading::{Object, Reading};
use crate::edit::{Edit, TakenOverEdit};
use crate::fields::{Line, UtcTime};

/// Who wrote an entry, and when.
pub(super) const WRITTEN: [&str; 2] = ["written_by", "written_at"];
/// In `written_by`: who took the entry over before this file was made. Then the name is said by an earlier file.
pub(crate) const TAKEN_OVER_BY: &str = "taken_over_by";

/// What a file says of who wrote an entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    written_by: Line,
    written_at: Option<UtcTime>,
}

impl Source {
    /// Takes it out of an entry; none where the file names nobody.
    pub(super) fn take(entry: &mut Object<'_>, reading: &mut Reading) -> Option<Self> {
        let [by, at] = WRITTEN;
        let written_at = entry.optional(reading, at);
        let node = entry.take(by)?;
        let name = match node.json() {
            Json::Object(author) => {
                let text = |name: &str| author.get(name).and_then(Json::as_str);
                let name = text("name")?;
                let institution =
                    text("institution").filter(|_| !author.contains_key(TAKEN_OVER_BY));
                institution.map_or_else(|| name.to_owned(), |of| format!("{name} ({of})"))
            }
            Json::String(name) => name.clone(),
            _ => return None,
        };
        Some(Self {
            written_by: reading.value_of(&node.path, &name)?,
            written_at,
        })
    }

    /// The edit that adds the entry, with what the file says of who wrote it.
    pub(super) fn of(source: Option<&Self>, edit: Edit) -> Edit {
        match source {
            None => edit,
            Some(source) => Edit::TakenOver(TakenOverEdit {
                edit: Box::new(edit),
                written_by: source.written_by.clone(),
                written_at: source.written_at,
            }),
        }
    }

    /// Who wrote it.
    pub(super) fn written_by(&self) -> &Line {
        &self.written_by
    }
}
