//! What must be true once all is quiet.

use std::collections::BTreeMap;

use nahtlos_casework::SectionKind;
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;

use super::model::Model;
use super::scene::SCENE;
use super::world::{Typed, World};

/// The sections of the case.
const SECTIONS: [SectionKind; 2] = [SectionKind::Core, SectionKind::Journal];

impl World {
    /// Looks at everything once all is quiet.
    pub fn check(&mut self) {
        let model = match Model::of(&self.relays[0].store()) {
            Ok(model) => model,
            Err(refused) => {
                self.fail(format!("what the relay keeps does not replay: {refused}"));
                return;
            }
        };
        for kind in SECTIONS {
            let Some(space) = self.space_of(&kind) else {
                self.fail(format!("nobody knows the section {}", kind.code()));
                continue;
            };
            self.check_logs(&model, &space);
            self.check_documents(&model, &kind, &space);
            self.check_typed(&model, &kind, &space);
        }
    }

    /// The space of a section, from whoever knows it.
    fn space_of(&self, kind: &SectionKind) -> Option<SpaceId> {
        let replicas = self.devices.iter().filter_map(|one| one.replica.as_ref());
        let mut spaces = replicas.filter_map(|replica| {
            let case = replica.find_case(&SCENE.case).ok()?;
            case.section(kind).ok()
        });
        spaces.next()
    }

    /// Devices that the model lets read a space, with their roles.
    fn readers(&self, model: &Model, space: &SpaceId) -> Vec<(usize, Role)> {
        let devices = self.devices.iter().enumerate();
        let readers = devices.filter_map(|(place, device)| {
            let id = device.replica.as_ref()?.device_id();
            Some((place, model.role(&id, space)?))
        });
        readers.collect()
    }

    /// Everybody who reads a space has its whole log, and those of everybody it is shared with.
    fn check_logs(&mut self, model: &Model, space: &SpaceId) {
        for (device, _) in self.readers(model, space) {
            let Some(replica) = &self.devices[device].replica else {
                continue;
            };
            let here = replica.log_head(space);
            let there = model.spaces.get(space).and_then(|state| state.head());
            if here != there {
                let name = &self.devices[device].name;
                let text = format!("{name} has another log than the relay: {here:?}, {there:?}");
                self.fail(text);
            }
        }
    }

    /// Everybody who reads a section has the same document.
    fn check_documents(&mut self, model: &Model, kind: &SectionKind, space: &SpaceId) {
        let mut documents: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (device, _) in self.readers(model, space) {
            let device = &self.devices[device];
            let Some(replica) = &device.replica else {
                continue;
            };
            let shown = match document(replica, kind) {
                Ok(text) => text,
                Err(error) => format!("no document: {}", error.code()),
            };
            documents
                .entry(shown)
                .or_default()
                .push(device.name.clone());
        }
        if documents.len() > 1 {
            self.fail(format!("{}: documents differ: {documents:#?}", kind.code()));
        }
        self.coverage.count("checked: documents");
    }

    /// Nothing that was acknowledged is lost; what its author may write counts.
    fn check_typed(&mut self, model: &Model, kind: &SectionKind, space: &SpaceId) {
        let readers = self.readers(model, space);
        let shown = readers.first().and_then(|(device, _)| {
            let replica = self.devices[*device].replica.as_ref()?;
            document(replica, kind).ok()
        });
        let shown = shown.unwrap_or_default();
        let typed: Vec<Typed> = self.typed.clone();
        for one in typed.iter().filter(|one| one.kind == *kind) {
            let text = format!("\"{}\"", one.text);
            if shown.contains(&text) {
                self.coverage.count("typed: counts");
                continue;
            }
            let name = self.devices[one.device].name.clone();
            match self.kept(one) {
                Some(how) => self.coverage.count(format!("typed: {how}")),
                None => {
                    self.fail(format!("\"{}\", typed by {name}, is lost", one.text));
                    continue;
                }
            }
            let writes = readers
                .iter()
                .any(|(device, role)| *device == one.device && *role >= Role::Write);
            let closed = model.spaces.get(space).and_then(|state| state.closed_at());
            if writes && closed.is_none() && !self.is_explained(one) {
                let text = &one.text;
                self.fail(format!(
                    "\"{text}\" of {name}, who may write, does not count"
                ));
            }
        }
    }

    /// Where its author's device keeps an edit that is not in the document.
    fn kept(&self, one: &Typed) -> Option<&'static str> {
        let replica = self.devices[one.device].replica.as_ref()?;
        let text = format!("\"{}\"", one.text);
        let json = |value: &dyn std::fmt::Debug| format!("{value:?}").replace("\\\"", "\"");
        let aside = replica.held_lines().ok()?;
        if json(&aside).contains(&text) {
            return Some("set aside");
        }
        let waiting = replica.undelivered().ok()?;
        if json(&waiting).contains(&text) {
            return Some("undelivered");
        }
        for held in replica.held_list().ok()? {
            let Ok(preview) = replica.held_show(&held.id) else {
                continue;
            };
            if json(&preview.differences).contains(&text) {
                return Some("held");
            }
        }
        None
    }

    /// Whether something other than the author's right keeps an edit from counting: somebody voided it
    /// or what it builds on, or the copy of a device sends nothing any more.
    fn is_explained(&self, one: &Typed) -> bool {
        let Some(replica) = self.devices[one.device].replica.as_ref() else {
            return false;
        };
        let copied = replica.other_copy().is_ok_and(|copy| copy.is_some());
        let held = replica.held_list().unwrap_or_default();
        let voided = held
            .iter()
            .any(|held| matches!(held.reason.as_str(), "voided" | "builds_on_voided"));
        let aside = replica.set_aside_edits().unwrap_or_default();
        copied || voided || aside.iter().any(|line| line.reason == "builds_on_held")
    }
}

fn document(replica: &Nahtlos, kind: &SectionKind) -> Result<String, ClientError> {
    let case = replica.find_case(&SCENE.case)?;
    let document = replica.section_document(&case, kind)?;
    Ok(document.export_json().to_string())
}
