//! Person, contact and bodies of a case file.

use super::reading::{Object, Reading};
use crate::edit::{CoreEdit, CoreField, CoreKey};
use crate::record::{Address, Body};

pub(super) fn read_core(root: &mut Object<'_>, reading: &mut Reading) -> Vec<CoreEdit> {
    let mut fields = root.fields(reading, of_group("case"), CoreField::from_typed);
    read_person(root, reading, &mut fields);
    read_contact(root, reading, &mut fields);
    let mut edits: Vec<CoreEdit> = fields.into_iter().map(CoreEdit::Set).collect();
    read_bodies(root, reading, &mut edits);
    edits
}

/// The fields that lie in one map of the section, which is one object of the file (`case`: the file itself).
/// Number and lead are those of the device that opens the case; an address is an object of its own.
fn of_group(group: &'static str) -> impl Iterator<Item = (CoreKey, &'static str)> {
    let keys = CoreKey::ALL.iter().copied();
    keys.filter(|key| !matches!(key, CoreKey::CaseNumber | CoreKey::Lead | CoreKey::Address))
        .filter_map(move |key| match key.steps() {
            [in_group, name] if *in_group == group => Some((key, *name)),
            _ => None,
        })
}

fn read_person(root: &mut Object<'_>, reading: &mut Reading, fields: &mut Vec<CoreField>) {
    let Some(node) = root.take("person") else {
        reading.error("$.person", "missing", "this field is missing", "add it");
        return;
    };
    let Some(mut person) = reading.object(node) else {
        return;
    };
    if !person.has("official_name") {
        let path = format!("{}.official_name", person.path());
        reading.error(path, "missing", "this field is missing", "add it");
    }
    fields.extend(person.fields(reading, of_group("person"), CoreField::from_typed));
    person.finish(reading);
}

fn read_contact(root: &mut Object<'_>, reading: &mut Reading, fields: &mut Vec<CoreField>) {
    let Some(mut contact) = root.object(reading, "contact") else {
        return;
    };
    let address = contact
        .object(reading, "address")
        .and_then(|address| read_address(address, reading));
    fields.extend(address.map(CoreField::Address));
    fields.extend(contact.fields(reading, of_group("contact"), CoreField::from_typed));
    contact.finish(reading);
}

fn read_address(mut address: Object<'_>, reading: &mut Reading) -> Option<Address> {
    let street = address.optional(reading, "street");
    let house_number = address.optional(reading, "house_number");
    let extra_line = address.optional(reading, "extra_line");
    let postcode = address.optional(reading, "postcode");
    let town = address.required(reading, "town");
    let country = address.optional(reading, "country");
    address.finish(reading);
    Some(Address {
        street,
        house_number,
        extra_line,
        postcode,
        town: town?,
        country,
    })
}

fn read_bodies(root: &mut Object<'_>, reading: &mut Reading, edits: &mut Vec<CoreEdit>) {
    for node in root.list(reading, "bodies") {
        let Some(mut entry) = reading.object(node) else {
            continue;
        };
        let institution = entry.required(reading, "institution");
        let kind = entry.required(reading, "kind");
        let name = entry.required(reading, "name");
        let contact = entry.optional(reading, "contact");
        entry.finish(reading);
        if let (Some(institution), Some(kind), Some(name)) = (institution, kind, name) {
            edits.push(CoreEdit::SetBody {
                institution,
                body: Body {
                    kind,
                    name,
                    contact,
                },
            });
        }
    }
}
