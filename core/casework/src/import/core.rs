//! Person, contact and bodies of a case file.

use super::reading::{Object, Reading};
use crate::edit::{CoreEdit, CoreField};
use crate::record::{Address, Body};

pub(super) fn read_core(root: &mut Object<'_>, reading: &mut Reading) -> Vec<CoreEdit> {
    let mut edits = Vec::new();
    let phase = root.optional(reading, "phase").map(CoreField::Phase);
    edits.extend(phase.map(CoreEdit::Set));
    read_person(root, reading, &mut edits);
    read_contact(root, reading, &mut edits);
    read_bodies(root, reading, &mut edits);
    edits
}

fn read_person(root: &mut Object<'_>, reading: &mut Reading, edits: &mut Vec<CoreEdit>) {
    let Some(node) = root.take("person") else {
        reading.error("$.person", "missing", "this field is missing", "add it");
        return;
    };
    let Some(mut person) = reading.object(node) else {
        return;
    };
    let fields = [
        person
            .required(reading, "official_name")
            .map(CoreField::OfficialName),
        person
            .optional(reading, "first_name")
            .map(CoreField::FirstName),
        person
            .optional(reading, "call_name")
            .map(CoreField::CallName),
        person.optional(reading, "birth").map(CoreField::Birth),
        person.optional(reading, "sex").map(CoreField::Sex),
    ];
    edits.extend(fields.into_iter().flatten().map(CoreEdit::Set));
    person.finish(reading);
}

fn read_contact(root: &mut Object<'_>, reading: &mut Reading, edits: &mut Vec<CoreEdit>) {
    let Some(mut contact) = root.object(reading, "contact") else {
        return;
    };
    let address = contact
        .object(reading, "address")
        .and_then(|address| read_address(address, reading));
    let fields = [
        address.map(CoreField::Address),
        contact.optional(reading, "phone").map(CoreField::Phone),
        contact.optional(reading, "email").map(CoreField::Email),
        contact
            .optional(reading, "preferred_channel")
            .map(CoreField::PreferredChannel),
        contact
            .flag(reading, "voicemail_allowed")
            .map(CoreField::VoicemailAllowed),
        contact
            .optional(reading, "correspondence_language")
            .map(CoreField::CorrespondenceLanguage),
        contact
            .optional(reading, "interpreter")
            .map(CoreField::Interpreter),
    ];
    edits.extend(fields.into_iter().flatten().map(CoreEdit::Set));
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
