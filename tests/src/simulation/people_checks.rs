//! What must be true at the end of worlds with people, beside what must be true in all.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Effect, Kind, SignedOperation};
use nahtlos_relay::store::Reader;

use super::model::Model;
use super::people_scene::OWN_TEAM;
use super::scene::SCENE;
use super::world::{Typed, World};

impl World {
    /// The spaces of all people that a relay keeps, where people have several devices: whose devices were
    /// whose has to be known of them, whatever is shared with them.
    pub(super) fn spaces_of_people(&self) -> Vec<SpaceId> {
        let mut found = Vec::new();
        if self.people.is_none() {
            return found;
        }
        let _as_far_as_it_reads = self.relays[0].store().each_operation(&mut |_, bytes| {
            let Ok(signed) = SignedOperation::decode(&bytes) else {
                return Ok(());
            };
            let mut effects = signed.operation().effects.iter();
            let founds = |effect: &Effect| matches!(effect, Effect::Create { kind, .. } if *kind == Kind::Person);
            if effects.any(founds) {
                found.push(signed.space());
            }
            Ok(())
        });
        found
    }

    /// What the one relay keeps at present, replayed.
    pub(super) fn present_model(&self) -> Option<Model> {
        let store = self.relays[0].store();
        Model::of(&store, &[], &[], u64::MAX).ok()
    }

    /// Looks at what people did, in worlds with people.
    pub(super) fn check_people(&mut self, model: &Model) {
        if self.people.is_none() {
            return;
        }
        self.check_devices(model);
        self.check_revoked(model);
        self.check_told_of_recovery(model);
        self.check_one_lead(model);
    }

    /// Whoever reads the case knows which devices of their institution stand.
    fn check_devices(&mut self, model: &Model) {
        let Some(journal) = self.space_of(&SectionKind::Journal) else {
            return;
        };
        let mut wrong = Vec::new();
        for (place, _) in self.readers(model, &journal) {
            let device = &self.devices[place];
            let lines = device.replica.as_ref().and_then(|one| one.devices().ok());
            for line in lines.unwrap_or_default() {
                let mut ids = self.device_ids.iter();
                let Some(id) = ids.find(|id| id.to_string() == line.id) else {
                    continue;
                };
                let stands = model.stands(id);
                if stands != (line.state == "live") {
                    let (name, state) = (&device.name, line.state);
                    wrong.push(format!(
                        "{name} says {state} of {}, stands: {stands}",
                        line.id
                    ));
                }
            }
        }
        self.coverage.count("checked: devices");
        for text in wrong {
            self.fail(text);
        }
    }

    /// A revocation that was acknowledged is carried out, or whoever decided it is told that it is not.
    fn check_revoked(&mut self, model: &Model) {
        let revoked = self
            .people
            .as_ref()
            .map_or(&[][..], |people| &people.revoked);
        let mut wrong = Vec::new();
        for (by, ended) in revoked {
            let device = &self.devices[*by];
            let Some(replica) = device.replica.as_ref().filter(|_| self.is_enrolled(*by)) else {
                continue;
            };
            let status = replica.status().ok();
            let told = status.is_none_or(|status| {
                !status.waiting_decisions.is_empty() || !status.returned_decisions.is_empty()
            });
            // A person may drop what came back.
            let told = told || self.coverage.of("work: drop decision") > 0;
            if model.stands(&self.device_ids[*ended]) && !told {
                let ended = &self.devices[*ended].name;
                wrong.push(format!("{ended} stands, which {} revoked", device.name));
            }
        }
        for text in wrong {
            self.fail(text);
        }
    }

    /// Whoever reads what a team reads sees each use of a recovery key in its log.
    fn check_told_of_recovery(&mut self, model: &Model) {
        let (Some(team), Some(people)) = (self.known_as(OWN_TEAM), &self.people) else {
            return;
        };
        let keys = people.recovery_keys.iter();
        let keys: BTreeSet<DeviceId> = keys.map(|place| self.device_ids[*place]).collect();
        let used = model.operations_by(&team, &keys);
        let Some(journal) = self.space_of(&SectionKind::Journal).filter(|_| used > 0) else {
            return;
        };
        let mut wrong = Vec::new();
        for (place, _) in self.readers(model, &journal) {
            let device = &self.devices[place];
            let Some(replica) = &device.replica else {
                continue;
            };
            let shared = model.reaches(&journal, &team);
            let own = replica.log_head(&team).is_some();
            if !shared && !own {
                continue;
            }
            let listed = replica.recovery_uses().unwrap_or_default();
            let listed = listed.iter();
            let listed = listed.filter(|one| one.group == OWN_TEAM && one.case.is_none());
            let listed = listed.count();
            if listed != used {
                wrong.push(format!(
                    "{} sees {listed} of {used} uses of a recovery key",
                    device.name
                ));
            }
        }
        self.coverage.count("checked: uses of a recovery key");
        for text in wrong {
            self.fail(text);
        }
    }

    /// Everybody who reads the core from its beginning sees the same conflicts there, about who leads too.
    fn check_one_lead(&mut self, model: &Model) {
        let Some(core) = self.space_of(&SectionKind::Core) else {
            return;
        };
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (place, _) in self.readers(model, &core) {
            let device = &self.devices[place];
            let Some(replica) = &device.replica else {
                continue;
            };
            let waits = replica
                .undelivered()
                .map_or(true, |waits| !waits.is_empty());
            let copied = replica.other_copy().map_or(true, |copy| copy.is_some());
            let reads = model.reads_all(&replica.device_id(), &core);
            if waits || copied || !reads || replica.key_notice(&core).is_some() {
                continue;
            }
            let conflicts = replica.find_case(&SCENE.case);
            let conflicts = conflicts.and_then(|case| replica.conflicts(&case));
            let Ok(conflicts) = conflicts else {
                continue;
            };
            let of_core = conflicts
                .iter()
                .filter(|one| one.section == SectionKind::Core);
            let ids: Vec<String> = of_core.map(|one| format!("{:?}", one.id)).collect();
            seen.entry(ids.join(" "))
                .or_default()
                .push(device.name.clone());
        }
        if seen.keys().any(|ids| !ids.is_empty()) {
            self.coverage.count("checked: a conflict stands");
        }
        if seen.len() > 1 {
            self.fail(format!("conflicts differ: {seen:#?}"));
        }
    }

    /// Where an edit is, whose author's device is gone and that does not count: it is held for others, or
    /// somebody decided otherwise about it.
    pub(super) fn kept_though_gone(
        &self,
        one: &Typed,
        model: &Model,
        space: &SpaceId,
    ) -> Option<&'static str> {
        let text = format!("\"{}\"", one.text);
        let here = self.devices.iter().filter(|device| !device.gone);
        for replica in here.filter_map(|device| device.replica.as_ref()) {
            for held in replica.held_list().unwrap_or_default() {
                let shown = replica.held_show(&held.id).map(|shown| shown.differences);
                if format!("{shown:?}").contains(&text) {
                    return Some("held, its device gone");
                }
            }
        }
        let id = self.device_ids[one.device];
        let people = self.people.as_ref()?;
        let discarded = people.discarded.iter().any(|shown| shown.contains(&text));
        let decided = discarded || self.coverage.of("work: void") > 0;
        (decided || model.has_lost_a_right(&id, space)).then_some("not taken over, its device gone")
    }
}

impl Model {
    /// Whether a device stands in its person's log.
    pub(super) fn stands(&self, device: &DeviceId) -> bool {
        self.people_with(device, true) > 0
    }

    /// Whether a device stood in its person's log and does not any more.
    pub(super) fn has_ended(&self, device: &DeviceId) -> bool {
        self.people_with(device, false) > 0 && !self.stands(device)
    }

    fn people_with(&self, device: &DeviceId, live: bool) -> usize {
        let of_people = self.spaces.values();
        let of_people = of_people.filter(|state| state.kind() == Kind::Person);
        let named = of_people.filter(|state| {
            let mut grants = state.grants().iter();
            grants.any(|grant| {
                let is_live = grant.is_live_at(state.length()) && grant.is_confirmed();
                grant.member == MemberId::Device(*device) && (is_live || !live)
            })
        });
        named.count()
    }

    /// How many operations of a log these devices made.
    fn operations_by(&self, space: &SpaceId, devices: &BTreeSet<DeviceId>) -> usize {
        let Some(state) = self.spaces.get(space) else {
            return 0;
        };
        let operations = (0..state.length()).filter_map(|index| state.operation(index));
        operations
            .filter(|operation| devices.contains(&operation.author))
            .count()
    }

    /// Whether a space is shared with a group at present.
    fn reaches(&self, space: &SpaceId, group: &SpaceId) -> bool {
        let Some(state) = self.spaces.get(space) else {
            return false;
        };
        let mut grants = state.live_grants();
        grants.any(|grant| grant.member == MemberId::Space(*group))
    }
}
