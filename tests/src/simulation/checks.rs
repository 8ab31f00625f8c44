//! What must be true once all is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nahtlos_casework::SectionKind;
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::{DeviceId, ItemId, KeyId, SpaceId};
use nahtlos_protocol::space::Role;
use nahtlos_relay::store::Reader;

use super::model::Model;
use super::observer::{Holder, Sealed};
use super::scene::SCENE;
use super::world::{Typed, World};

/// The sections of the case.
const SECTIONS: [SectionKind; 2] = [SectionKind::Core, SectionKind::Journal];

impl World {
    /// Looks at everything once all is quiet.
    pub fn check(&mut self) {
        let known = SECTIONS.iter().filter_map(|kind| self.space_of(kind));
        let mut spaces: Vec<SpaceId> = known.collect();
        spaces.extend(self.spaces_of_people());
        let (store, ids) = (self.relays[0].store(), &self.device_ids);
        let model = match Model::of(&store, ids, &spaces, self.scene_until) {
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
            self.count_held(&space);
        }
        self.check_people(&model);
        self.check_observers(&model);
    }

    /// Nobody who may not read could open anything, with every key and byte they could ever have: neither
    /// what was sealed before a right they never had, nor what was sealed by somebody who knew that
    /// their right had ended.
    fn check_observers(&mut self, model: &Model) {
        let store = self.relays[0].store();
        // What was sealed by somebody who stood on a branch that was lost, was for those who read there.
        let seen = self.seen.operations.iter();
        let lost: BTreeSet<ItemId> = seen.filter(|id| !model.has(id)).copied().collect();
        // By what their author was served, of which several were sealed by the same.
        let mut judged: BTreeMap<*const BTreeSet<ItemId>, BTreeSet<ItemId>> = BTreeMap::new();
        for place in 0..self.devices.len() {
            let Some(holder) = self.holder(place) else {
                continue;
            };
            let device = holder.device();
            let mut reached = self.seen.reachable(&holder);
            if self.leaks {
                reached.extend(self.everybodys_keys());
            }
            let (mut open, mut closed, mut left_out, mut wrong) = (0, 0, 0, Vec::new());
            for (id, sealed) in &self.seen.envelopes {
                let (space, known) = (&sealed.space, &*sealed.known);
                let found = store.find(&(*id).into()).ok().flatten();
                let taken_at = found.map(|found| found.sequence);
                let may = !known.is_disjoint(&lost)
                    || !self.is_entitled(model, sealed)
                    || may_read(model, &device, space, taken_at, known);
                // A relay that left something out kept from the author what rests on that, too.
                let mut waits = |sealed: &Sealed| {
                    let served = Arc::as_ptr(&sealed.known);
                    self.lied_to.contains(&sealed.device) && {
                        let judged = judged.entry(served).or_insert_with(|| model.judged(known));
                        may_read(model, &device, space, taken_at, judged)
                            || !self.is_reached_as_known(model, &holder, sealed, judged)
                    }
                };
                match (may, reached.contains(&sealed.key_id)) {
                    (true, _) => open += 1,
                    (false, false) => closed += 1,
                    // They came to the key by what a relay kept from the author: nobody could know.
                    (false, true) if !self.is_reached_as_known(model, &holder, sealed, known) => {
                        open += 1;
                    }
                    (false, true) if waits(sealed) => left_out += 1,
                    (false, true) => {
                        let by = &self.devices[sealed.device].name;
                        let state = model.spaces.get(space);
                        let kind = state.map(|state| format!("{:?}", state.kind()));
                        let kind = kind.unwrap_or_default().to_lowercase();
                        wrong.push(format!("{id} by {by} in {kind} {space}"));
                    }
                }
            }
            let name = self.devices[place].name.clone();
            if let Some(first) = wrong.first() {
                let count = wrong.len();
                self.fail(format!("{name} could open {count} forbidden: {first}"));
            }
            let counts = [
                ("may be opened", open),
                ("stays closed", closed),
                ("its author waited for what was left out", left_out),
            ];
            for (what, count) in counts {
                if count > 0 {
                    self.coverage.count(format!("observer: {what}"));
                }
            }
        }
    }

    /// Key ids of every epoch that any home holds, for the control of this very check.
    fn everybodys_keys(&self) -> BTreeSet<KeyId> {
        let homes = self.devices.iter().filter_map(|one| one.replica.as_ref());
        let seeds = homes.flat_map(Nahtlos::stored_seeds);
        seeds.map(|seed| KeyId(seed.key_id())).collect()
    }

    /// Whose keys there are to try.
    fn holder(&self, place: usize) -> Option<Holder<'_>> {
        let device = &self.devices[place];
        let home = device.replica.as_ref().map(Holder::Home);
        home.or_else(|| device.seed.as_ref().map(Holder::of_seed))
    }

    /// Whoever writes without a right, or after the end, has no key but an old one.
    fn is_entitled(&self, model: &Model, sealed: &Sealed) -> bool {
        let author = self.device_ids[sealed.device];
        model.read_as_known(&author, &sealed.space, &sealed.known)
            && model.is_open_as_known(&sealed.space, &sealed.known)
    }

    fn is_reached_as_known(
        &self,
        model: &Model,
        holder: &Holder<'_>,
        sealed: &Sealed,
        known: &BTreeSet<ItemId>,
    ) -> bool {
        if self.leaks {
            return true;
        }
        let known = model.with_branches(known);
        let reached = self.seen.reachable_as_known(holder, &known);
        reached.contains(&sealed.key_id)
    }

    /// The space of a section, from whoever knows it.
    pub(super) fn space_of(&self, kind: &SectionKind) -> Option<SpaceId> {
        let replicas = self.devices.iter().filter_map(|one| one.replica.as_ref());
        let mut spaces = replicas.filter_map(|replica| {
            let case = replica.find_case(&SCENE.case).ok()?;
            case.section(kind).ok()
        });
        spaces.next()
    }

    /// Devices that the model lets read a space and the relay serves, with their roles.
    pub(super) fn readers(&self, model: &Model, space: &SpaceId) -> Vec<(usize, Role)> {
        let devices = self.devices.iter().enumerate();
        let here = devices.filter(|(_, device)| !device.gone);
        let readers = here.filter_map(|(place, device)| {
            let id = device.replica.as_ref()?.device_id();
            let role = model.role(&id, space)?;
            model.is_admitted(&id).then_some((place, role))
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
            if shows_its_own(replica, model, space) {
                self.coverage.count("checked: a document of its own");
                continue;
            }
            // In a closed section nobody begins a new epoch: who was let in too late waits for a key.
            let state = model.spaces.get(space);
            let closed = state.is_some_and(|state| state.closed_at().is_some());
            if closed && waits_for_key(replica, space) {
                self.coverage.count("checked: closed before its key came");
                continue;
            }
            let people = self.people.as_ref();
            let cut_short = people.is_some_and(|people| people.cut_short.contains(&device.owner));
            if cut_short && replica.key_notice(space).is_some() {
                self.coverage
                    .count("checked: lost before its keys were given");
                continue;
            }
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
            self.tell_what_readers_have(model, space);
            self.fail(format!("{}: documents differ: {documents:#?}", kind.code()));
        }
        self.coverage.count("checked: documents");
    }

    /// What each reader has of a section, for the story of a failure.
    fn tell_what_readers_have(&mut self, model: &Model, space: &SpaceId) {
        for (place, role) in self.readers(model, space) {
            let device = &self.devices[place];
            let Some(replica) = &device.replica else {
                continue;
            };
            let case = replica.find_case(&SCENE.case);
            let sections = case.map(|case| case.sections.into_keys().collect::<Vec<_>>());
            let status = replica.status().ok();
            let foreign = status.map_or(0, |status| status.foreign_sections);
            let reached = self.seen.reachable(&Holder::Home(replica));
            let could_open = replica
                .epoch_in(space)
                .is_some_and(|key| reached.contains(&key));
            let text = format!(
                "  {} ({role:?}): could open: {could_open}, sections {sections:?}, foreign {foreign}, key: {:?}, {:?}, held: {:?}",
                device.name,
                replica.key_notice(space),
                replica.counting_of(space),
                replica.held_lines().ok(),
            );
            self.story.tell(text);
        }
    }

    /// For which reasons something is held at the end.
    fn count_held(&mut self, space: &SpaceId) {
        let replicas = self.devices.iter().filter_map(|one| one.replica.as_ref());
        let held = replicas.flat_map(|replica| replica.held_reasons_of(space));
        let held: BTreeMap<_, _> = held.collect();
        for reason in held.values() {
            self.coverage.count(format!("held: {reason}"));
        }
    }

    /// Nothing that was acknowledged is lost; what its author may write counts.
    fn check_typed(&mut self, model: &Model, kind: &SectionKind, space: &SpaceId) {
        let readers = self.readers(model, space);
        let replicas = readers
            .iter()
            .filter_map(|(device, _)| self.devices[*device].replica.as_ref());
        let (own, common): (Vec<_>, Vec<_>) =
            replicas.partition(|replica| shows_its_own(replica, model, space));
        // Who was let in after the past was cut off shows less.
        let mut all = common
            .iter()
            .chain(&own)
            .filter(|replica| model.reads_all(&replica.device_id(), space));
        let shown = all.find_map(|replica| document(replica, kind).ok());
        let shown = shown.unwrap_or_default();
        let typed: Vec<Typed> = self.typed.clone();
        for one in typed.iter().filter(|one| one.kind == *kind) {
            let text = format!("\"{}\"", one.text);
            if shown.contains(&text) {
                self.coverage.count("typed: counts");
                continue;
            }
            let name = self.devices[one.device].name.clone();
            let kept = if self.devices[one.device].gone {
                self.kept_though_gone(one, model, space)
            } else {
                self.kept(one)
            };
            let kept = kept.or_else(|| self.kept_by_copy(one));
            match kept.or_else(|| self.is_left_to_others(one)) {
                Some(how) => self.coverage.count(format!("typed: {how}")),
                None => {
                    self.tell_where(one, space);
                    self.fail(format!("\"{}\", typed by {name}, is lost", one.text));
                    continue;
                }
            }
            let writes = readers
                .iter()
                .any(|(device, role)| *device == one.device && *role >= Role::Write);
            let closed = model.spaces.get(space).and_then(|state| state.closed_at());
            if writes && closed.is_none() && !self.is_explained(one, model, space) {
                let text = &one.text;
                self.fail(format!(
                    "\"{text}\" of {name}, who may write, does not count"
                ));
            }
        }
    }

    /// Where its author's device keeps an edit that is not in the document.
    pub(super) fn kept(&self, one: &Typed) -> Option<&'static str> {
        let replica = self.devices[one.device].replica.as_ref()?;
        let text = format!("\"{}\"", one.text);
        let says = |value: serde_json::Result<String>| value.is_ok_and(|json| json.contains(&text));
        if says(serde_json::to_string(&replica.held_lines().ok()?)) {
            return Some("set aside");
        }
        if says(serde_json::to_string(&replica.undelivered().ok()?)) {
            return Some("undelivered");
        }
        for held in replica.held_list().ok()? {
            let Ok(preview) = replica.held_show(&held.id) else {
                continue;
            };
            if format!("{:?}", preview.differences).contains(&text) {
                return Some("held");
            }
        }
        // Who lost the section keeps what they had, and learns no more about it.
        let own = document(replica, &one.kind).ok()?;
        own.contains(&text).then_some("in the author's copy")
    }

    /// What its author's device says about a section, for the story of a failure.
    fn tell_where(&mut self, one: &Typed, space: &SpaceId) {
        let Some(replica) = self.devices[one.device].replica.as_ref() else {
            return;
        };
        let mut lines = vec![format!("own role: {:?}", replica.own_role(space))];
        for (id, standing, applied) in replica.counting_of(space) {
            lines.push(format!("{id}: {standing}, applied: {applied}"));
        }
        for held in replica.held_list().unwrap_or_default() {
            let shown = replica.held_show(&held.id).map(|shown| shown.differences);
            lines.push(format!("held {}: {}: {shown:?}", held.id, held.reason));
        }
        for line in replica.held_lines().unwrap_or_default() {
            lines.push(format!("{line:?}"));
        }
        for line in lines {
            self.story.tell(format!("  {line}"));
        }
    }

    /// What was typed before a home was copied is in both.
    fn kept_by_copy(&self, one: &Typed) -> Option<&'static str> {
        let mut devices = self.devices.iter().enumerate();
        let (copy, _) = devices.find(|(_, device)| device.copy_of == Some(one.device))?;
        let typed = Typed {
            device: copy,
            ..one.clone()
        };
        self.kept(&typed)
    }

    /// Who lost the section and erased their copy of what they had delivered left it to others, who may have
    /// discarded it.
    fn is_left_to_others(&self, one: &Typed) -> Option<&'static str> {
        let erased = &self.erased;
        erased.contains(&one.text).then_some("erased by its author")
    }

    /// Whether something other than the author's right keeps an edit from counting: somebody voided it
    /// or what it builds on, the right it was written under has ended and another was given since, or the
    /// copy of a device sends nothing any more.
    fn is_explained(&self, one: &Typed, model: &Model, space: &SpaceId) -> bool {
        let Some(replica) = self.devices[one.device].replica.as_ref() else {
            return false;
        };
        let copied = replica.other_copy().is_ok_and(|copy| copy.is_some());
        let held = replica.held_list().unwrap_or_default();
        let voided = held
            .iter()
            .any(|held| matches!(held.reason.as_str(), "voided" | "builds_on_voided"));
        let text = format!("\"{}\"", one.text);
        let lost = model.has_lost_a_right(&replica.device_id(), space);
        let late = lost
            && held.iter().any(|held| {
                let shown = replica.held_show(&held.id);
                ["access_ended", "access_reduced"].contains(&held.reason.as_str())
                    && shown.is_ok_and(|shown| format!("{:?}", shown.differences).contains(&text))
            });
        let aside = replica.set_aside_edits().unwrap_or_default();
        // What is erased with a section that was lost is known by its reason alone.
        let aside = aside.iter().any(|line| match line.reason.as_str() {
            "builds_on_held" | "voided" | "builds_on_voided" => true,
            "access_ended" | "access_reduced" => lost,
            _ => false,
        });
        copied || voided || late || aside
    }
}

/// Whether a device may read what somebody sealed who knew these operations, and what the relay took in under
/// this number, if at all.
fn may_read(
    model: &Model,
    device: &DeviceId,
    space: &SpaceId,
    taken_at: Option<u64>,
    known: &BTreeSet<ItemId>,
) -> bool {
    // What no relay took in was sealed after whatever its author knew.
    let sealed_at = taken_at.unwrap_or_else(|| model.last_of(known));
    model.came_later(device, space, sealed_at, known)
        || model.reads_the_network_by_an_old_key(device, space, known)
        || model.role(device, space).is_some()
        || model.read_as_known(device, space, known)
}

pub(super) fn document(replica: &Nahtlos, kind: &SectionKind) -> Result<String, ClientError> {
    let case = replica.find_case(&SCENE.case)?;
    let document = replica.section_document_unrecorded(&case, kind)?;
    Ok(document.export_json().to_string())
}

/// Who reads only what is new, or sends nothing any more, shows something else than the others.
fn shows_its_own(replica: &Nahtlos, model: &Model, space: &SpaceId) -> bool {
    let undelivered = replica
        .undelivered()
        .is_ok_and(|waiting| !waiting.is_empty());
    let copied = replica.other_copy().is_ok_and(|copy| copy.is_some());
    // Nor can it report a key that does not open: it says that it waits, and a new home reads all.
    let waits = copied && (replica.adopts_still(space) || waits_for_key(replica, space));
    undelivered || waits || !model.reads_all(&replica.device_id(), space)
}

fn waits_for_key(replica: &Nahtlos, space: &SpaceId) -> bool {
    let lines = replica.held_lines().unwrap_or_default();
    let waits = lines.iter().any(|line| line.reason == "pending");
    waits || replica.key_notice(space).is_some()
}
