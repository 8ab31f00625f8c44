//! The section `ident` as it reads now.

use std::collections::BTreeMap;

use nahtlos_document::Document;
use serde::Serialize;

use super::{map_at, root_of, stored, stored_value};
use crate::fields::{Ahvn13, Stored, ZemisNumber};
use crate::record::LocalId;

/// The section `ident`. Of conflicting values it holds the winner; the conflicts are listed apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentView {
    /// AHV number.
    pub ahvn13: Option<Stored<Ahvn13>>,
    /// ZEMIS number.
    pub zemis: Option<Stored<ZemisNumber>>,
    /// Numbers under which institutions know the person, by the entries' identifiers.
    pub local_ids: BTreeMap<String, Stored<LocalId>>,
}

impl IdentView {
    /// Reads a document of the section `ident`.
    pub fn read(document: &Document) -> Self {
        let root = root_of(document);
        let ident = map_at(&root, "ident");
        Self {
            ahvn13: stored(ident, "ahvn13"),
            zemis: stored(ident, "zemis"),
            local_ids: map_at(&root, "local_ids")
                .into_iter()
                .flatten()
                .map(|(id, value)| (id.clone(), stored_value(value)))
                .collect(),
        }
    }
}
