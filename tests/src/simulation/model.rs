//! Who may read what, said once more and shortly: by the logs that the relay keeps, somebody reads a
//! space who holds a right with keys in it, or in a space that does. Nothing of the product's own
//! answers to that question is used; only that the logs replay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Effect, History, Kind, Logs, Role, SignedOperation, SpaceState};
use nahtlos_relay::store::Reader;
use nahtlos_relay::store::sqlite::SqliteStore;

use crate::model::replica::Replica;

/// What a relay keeps, replayed.
pub struct Model {
    replica: Replica,
    /// Every log that replayed, by its space.
    pub spaces: BTreeMap<SpaceId, Arc<SpaceState>>,
    /// Every operation, and its number in the relay's journal.
    operations: BTreeMap<ItemId, u64>,
    /// The same, in the journal's order.
    journal: Vec<SignedOperation>,
    /// Those that carry a branch back, with its operations.
    healed: BTreeMap<ItemId, Vec<ItemId>>,
    /// The last number of the relay's journal at which a device was in a group or read a section.
    last_in: BTreeMap<(DeviceId, SpaceId), u64>,
    /// The same of a group that a section was shared with.
    last_shared: BTreeMap<(SpaceId, SpaceId), u64>,
}

impl Model {
    /// Replays what a relay keeps.
    ///
    /// # Errors
    /// What does not replay: the relay should not have taken it.
    pub fn of(
        store: &SqliteStore,
        devices: &[DeviceId],
        sections: &[SpaceId],
        since: u64,
    ) -> Result<Self, String> {
        let network = store.identity().map_err(|error| error.to_string())?;
        let network = network.and_then(|identity| identity.network);
        let mut model = Self {
            replica: Replica::empty(network),
            spaces: BTreeMap::new(),
            operations: BTreeMap::new(),
            journal: Vec::new(),
            healed: BTreeMap::new(),
            last_in: BTreeMap::new(),
            last_shared: BTreeMap::new(),
        };
        let mut spaces = BTreeSet::new();
        let mut refused = None;
        let read = store.each_operation(&mut |number, bytes| {
            let signed = SignedOperation::decode(&bytes);
            let id = signed.as_ref().map(|signed| ItemId::from(signed.id()));
            model.operations.extend(id.map(|id| (id, number)));
            let carried = signed
                .as_ref()
                .map(|signed| (signed.id().into(), carried(signed)));
            model.healed.extend(carried.ok());
            let changes = signed.as_ref().is_ok_and(changes_access);
            if number > since && changes {
                model.note_until(number - 1, devices, sections);
            }
            model.journal.extend(signed.as_ref().ok().cloned());
            match signed.map(|signed| (signed.space(), model.replica.deliver(&signed))) {
                Ok((space, Ok(true))) => {
                    spaces.insert(space);
                }
                Ok((space, said)) => refused = Some(format!("{space}: {said:?}")),
                Err(error) => refused = Some(error.to_string()),
            }
            Ok(())
        });
        read.map_err(|error| error.to_string())?;
        if let Some(refused) = refused {
            return Err(refused);
        }
        let known = spaces.iter();
        model.spaces = known
            .filter_map(|space| Some((*space, model.replica.state(space)?)))
            .collect();
        model.note_until(u64::MAX, devices, sections);
        Ok(model)
    }

    /// Who is in which group, and reads which section, up to a number.
    fn note_until(&mut self, number: u64, devices: &[DeviceId], sections: &[SpaceId]) {
        for section in sections {
            let mut groups = vec![*section];
            while let Some(group) = groups.pop() {
                for device in devices {
                    if self.role(device, &group).is_some() {
                        self.last_in.insert((*device, group), number);
                    }
                }
                let below = self.key_holding_groups(&group);
                for one in &below {
                    self.last_shared.insert((*one, *section), number);
                }
                groups.extend(below);
            }
        }
        let network = self.replica.network();
        for institution in network.map_or(Vec::new(), |network| self.key_holding_groups(&network)) {
            for device in devices {
                if self.role(device, &institution).is_some() {
                    self.last_in.insert((*device, institution), number);
                }
            }
        }
        // Who is in a group that a section is not shared with any more, is there all the same.
        let shared: BTreeSet<SpaceId> = self.last_shared.keys().map(|(group, _)| *group).collect();
        for (group, device) in shared
            .iter()
            .flat_map(|group| devices.iter().map(move |device| (group, device)))
        {
            if self.role(device, group).is_some() {
                self.last_in.insert((*device, *group), number);
            }
        }
    }

    fn key_holding_groups(&self, space: &SpaceId) -> Vec<SpaceId> {
        let Some(state) = self.replica.state(space) else {
            return Vec::new();
        };
        let held = state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys());
        held.filter_map(|grant| match grant.member {
            MemberId::Space(below) => Some(below),
            MemberId::Device(_) => None,
        })
        .collect()
    }

    /// Whether a device read a section after a number; or is since then in a group that it was shared
    /// with after that number, or that had it as `known` says: a group's past belongs to its members.
    #[must_use]
    pub fn came_later(
        &self,
        device: &DeviceId,
        section: &SpaceId,
        number: u64,
        known: &BTreeSet<ItemId>,
    ) -> bool {
        let last = |group: &SpaceId| self.last_in.get(&(*device, *group)).copied().unwrap_or(0);
        if last(section) > number {
            return true;
        }
        let mut groups = self
            .last_shared
            .iter()
            .filter(|((_, shared), _)| shared == section);
        groups.any(|((group, _), until)| {
            let had = *until > number || self.is_shared_as_known(group, section, known);
            last(group) > number && had
        })
    }

    /// What somebody knows who has these operations: with a `Heal`, those of the branch that it carries.
    #[must_use]
    pub fn with_branches(&self, known: &BTreeSet<ItemId>) -> BTreeSet<ItemId> {
        let healed = self.healed.iter().filter(|(heal, _)| known.contains(heal));
        let carried = healed.flat_map(|(_, branch)| branch.iter().copied());
        known.iter().copied().chain(carried).collect()
    }

    /// Whether a device may read the network because its institution's key is still one that it was given:
    /// what is beneath an institution is that one's own business, and others take its key as it is.
    #[must_use]
    pub fn reads_the_network_by_an_old_key(
        &self,
        device: &DeviceId,
        space: &SpaceId,
        known: &BTreeSet<ItemId>,
    ) -> bool {
        if self.replica.network() != Some(*space) {
            return false;
        }
        let mut institutions = self.members_as_known(space, known).into_iter();
        institutions.any(|institution| {
            let MemberId::Space(institution) = institution else {
                return false;
            };
            let Some(state) = self.replica.state(&institution) else {
                return false;
            };
            let epoch = state.epoch_at(known_length(&state, known));
            let began = epoch.and_then(|epoch| state.operation(epoch.began_at));
            let began = began.and_then(|began| self.operations.get(&began.id.into()));
            let last = self.last_in.get(&(*device, institution));
            last.zip(began).is_some_and(|(last, began)| last >= began)
        })
    }

    fn is_shared_as_known(
        &self,
        group: &SpaceId,
        space: &SpaceId,
        known: &BTreeSet<ItemId>,
    ) -> bool {
        let mut below = self.members_as_known(space, known).into_iter();
        below.any(|member| match member {
            MemberId::Space(below) => {
                below == *group || self.is_shared_as_known(group, &below, known)
            }
            MemberId::Device(_) => false,
        })
    }

    /// Whether an operation stands in one of the logs.
    #[must_use]
    pub fn has(&self, operation: &ItemId) -> bool {
        self.operations.contains_key(operation)
    }

    /// The last number in the relay's journal that somebody knows of who has these operations.
    #[must_use]
    pub fn last_of(&self, known: &BTreeSet<ItemId>) -> u64 {
        let numbers = known.iter().filter_map(|id| self.operations.get(id));
        numbers.max().copied().unwrap_or(0)
    }

    /// Of the operations that somebody was served, those that replay by themselves. What rests on one that a
    /// relay left out waits for it: nobody can judge it, nor act upon it.
    #[must_use]
    pub fn judged(&self, served: &BTreeSet<ItemId>) -> BTreeSet<ItemId> {
        let mut replica = Replica::empty(self.replica.network());
        let mut judged = BTreeSet::new();
        for signed in &self.journal {
            let id = signed.id().into();
            if served.contains(&id) && replica.deliver(signed).is_ok_and(|taken| taken) {
                judged.insert(id);
            }
        }
        judged
    }

    /// Whether a device reads a space from its beginning: by rights that all cover the past, and that were
    /// given before anybody's `from now` cut it off.
    #[must_use]
    pub fn reads_all(&self, device: &DeviceId, space: &SpaceId) -> bool {
        let Some(state) = self.replica.state(space) else {
            return false;
        };
        let mut held = state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .filter(|grant| grant.history == History::Full)
            .filter(|grant| !was_cut_off_before(&state, grant));
        held.any(|grant| match grant.member {
            MemberId::Device(other) => other == *device,
            MemberId::Space(below) => self.reads_all(device, &below),
        })
    }

    /// Whether a device reads a space as somebody sees it who knows these operations only.
    #[must_use]
    pub fn read_as_known(
        &self,
        device: &DeviceId,
        space: &SpaceId,
        known: &BTreeSet<ItemId>,
    ) -> bool {
        let mut members = self.members_as_known(space, known).into_iter();
        members.any(|member| match member {
            MemberId::Device(other) => other == *device,
            MemberId::Space(below) => self.read_as_known(device, &below, known),
        })
    }

    /// Whether a right that leads from a device to a space ended or was reduced there, or in a group below:
    /// what was written under it waits, whatever right the device was given since.
    #[must_use]
    pub fn has_lost_a_right(&self, device: &DeviceId, space: &SpaceId) -> bool {
        let Some(state) = self.replica.state(space) else {
            return false;
        };
        state.grants().iter().any(|grant| match grant.member {
            MemberId::Device(other) => other == *device && has_ended(grant, &state),
            MemberId::Space(below) => {
                let ever = self.has_ever_been_in(device, &below);
                ever && (has_ended(grant, &state) || self.has_lost_a_right(device, &below))
            }
        })
    }

    fn has_ever_been_in(&self, device: &DeviceId, space: &SpaceId) -> bool {
        let state = self.replica.state(space);
        state.is_some_and(|state| {
            let mut members = state.grants().iter().map(|grant| grant.member);
            members.any(|member| match member {
                MemberId::Device(other) => other == *device,
                MemberId::Space(below) => self.has_ever_been_in(device, &below),
            })
        })
    }

    /// Whether a space is open to writing, as somebody sees it who knows these operations only.
    #[must_use]
    pub fn is_open_as_known(&self, space: &SpaceId, known: &BTreeSet<ItemId>) -> bool {
        let state = self.replica.state(space);
        state.is_some_and(|state| !state.is_closed_at(known_length(&state, known)))
    }

    /// Who holds keys in a space, by the operations of its log up to the first unknown one.
    fn members_as_known(&self, space: &SpaceId, known: &BTreeSet<ItemId>) -> Vec<MemberId> {
        let Some(state) = self.replica.state(space) else {
            return Vec::new();
        };
        let length = known_length(&state, known);
        let held = state.grants().iter().filter(|grant| {
            grant.is_live_at(length)
                && grant.is_confirmed_at(length)
                && grant.role_at(length).holds_keys()
        });
        held.map(|grant| grant.member).collect()
    }

    /// Whether a device's person is in an institution of the network, with or without keys: the relay
    /// serves content to nobody else, whatever is granted to them.
    #[must_use]
    pub fn is_admitted(&self, device: &DeviceId) -> bool {
        let holding = |member: MemberId| {
            let spaces = self.spaces.iter().filter(move |(_, state)| {
                let mut grants = state.live_grants();
                state.kind() != Kind::Section && grants.any(|grant| grant.member == member)
            });
            spaces.map(|(space, _)| *space)
        };
        let mut waiting: Vec<SpaceId> = holding(MemberId::Device(*device)).collect();
        let mut seen = BTreeSet::new();
        while let Some(group) = waiting.pop() {
            if Some(group) == self.replica.network() {
                return true;
            }
            if seen.insert(group) {
                waiting.extend(holding(MemberId::Space(group)));
            }
        }
        false
    }

    /// The strongest role with keys that a device has in a space, over all paths.
    #[must_use]
    pub fn role(&self, device: &DeviceId, space: &SpaceId) -> Option<Role> {
        let state = self.replica.state(space)?;
        let held = state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys());
        held.filter_map(|grant| match grant.member {
            MemberId::Device(other) => (other == *device).then_some(grant.role),
            MemberId::Space(below) => match self.role(device, &below)? {
                Role::Read => Some(Role::Read),
                _ => Some(grant.role),
            },
        })
        .max()
    }
}

/// Whether somebody was let in `from now` before a grant was given: no key leads across that.
fn was_cut_off_before(state: &SpaceState, grant: &Grant) -> bool {
    let given_at = grant.sponsors.first().map_or(0, |sponsor| sponsor.at);
    let mut epochs = state.epochs().iter();
    epochs.any(|epoch| epoch.cut && epoch.began_at <= given_at)
}

fn has_ended(grant: &Grant, state: &SpaceState) -> bool {
    !grant.is_live_at(state.length()) || !grant.changes.is_empty()
}

/// The operations of the branches that an operation carries back.
fn carried(signed: &SignedOperation) -> Vec<ItemId> {
    let effects = signed.operation().effects.iter();
    let branches = effects.filter_map(|effect| match effect {
        Effect::Heal { branch } => Some(branch),
        _ => None,
    });
    let lost = branches.flatten();
    let lost = lost.filter_map(|one| SignedOperation::decode(&one.operation).ok());
    lost.map(|signed| signed.id().into()).collect()
}

/// How much of a log somebody has.
fn known_length(state: &SpaceState, known: &BTreeSet<ItemId>) -> u64 {
    let mut length = 0;
    while let Some(operation) = state.operation(length)
        && known.contains(&operation.id.into())
    {
        length += 1;
    }
    length
}

fn changes_access(operation: &SignedOperation) -> bool {
    let effects = operation.operation().effects.iter();
    let mut changes = effects.filter(|effect| {
        !matches!(
            effect,
            Effect::Epoch { .. }
                | Effect::Wrap { .. }
                | Effect::Link { .. }
                | Effect::BadWrap { .. }
        )
    });
    changes.next().is_some()
}
