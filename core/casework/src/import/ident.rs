//! Numbers of the person in a case file.

use super::reading::{Object, Reading};
use crate::edit::{Edit, IdentEdit, IdentField};
use crate::fields::EntryId;
use crate::record::LocalId;

/// The numbers, local ones without identifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NewIdent {
    fields: Vec<IdentField>,
    local_ids: Vec<LocalId>,
}

impl NewIdent {
    pub(super) fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let fields = self.fields.iter().cloned().map(IdentEdit::Set);
        let mut edits: Vec<Edit> = fields.map(Edit::Ident).collect();
        edits.extend(self.local_ids.iter().map(|local_id| {
            Edit::Ident(IdentEdit::AddLocalId {
                id: new_id(),
                local_id: local_id.clone(),
            })
        }));
        edits
    }
}

pub(super) fn read_ident(root: &mut Object<'_>, reading: &mut Reading) -> NewIdent {
    let Some(mut ident) = root.object(reading, "ident") else {
        return NewIdent::default();
    };
    let fields = [
        ident.optional(reading, "ahvn13").map(IdentField::Ahvn13),
        ident.optional(reading, "zemis").map(IdentField::Zemis),
    ];
    let fields = fields.into_iter().flatten().collect();
    let mut local_ids = Vec::new();
    for node in ident.list(reading, "local_ids") {
        let Some(mut entry) = reading.object(node) else {
            continue;
        };
        let institution = entry.required(reading, "institution");
        let number = entry.required(reading, "number");
        entry.finish(reading);
        if let (Some(institution), Some(number)) = (institution, number) {
            local_ids.push(LocalId {
                institution,
                number,
            });
        }
    }
    ident.finish(reading);
    NewIdent { fields, local_ids }
}
