//! Numbers of the person in a case file.

use super::reading::{Object, Reading};
use crate::edit::{Edit, IdentEdit, IdentField, IdentKey};
use crate::fields::EntryId;
use crate::record::LocalId;

/// The numbers, local ones without identifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NewIdent {
    fields: Vec<IdentField>,
    local_ids: Vec<(Option<EntryId>, LocalId)>,
}

impl NewIdent {
    pub(super) fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let fields = self.fields.iter().cloned().map(IdentEdit::Set);
        let mut edits: Vec<Edit> = fields.map(Edit::Ident).collect();
        edits.extend(self.local_ids.iter().map(|(id, local_id)| {
            Edit::Ident(IdentEdit::AddLocalId {
                id: id.unwrap_or_else(&mut *new_id),
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
    let keys = IdentKey::ALL.iter().map(|key| (*key, key.code()));
    let fields = ident.fields(reading, keys, IdentField::from_typed);
    let mut local_ids = Vec::new();
    for node in ident.list(reading, "local_ids") {
        let Some(mut entry) = reading.object(node) else {
            continue;
        };
        let id = entry.identifier(reading, "local_ids");
        let institution = entry.required(reading, "institution");
        let number = entry.required(reading, "number");
        entry.finish(reading);
        if let (Some(institution), Some(number)) = (institution, number) {
            let local_id = LocalId {
                institution,
                number,
            };
            local_ids.push((id, local_id));
        }
    }
    ident.finish(reading);
    NewIdent { fields, local_ids }
}
