//! Who may read what, said once more and shortly: by the logs that the relay keeps, somebody reads a
//! space who holds a right with keys in it, or in a space that does. Nothing of the product's own
//! answers to that question is used; only that the logs replay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{History, Logs, Role, SignedOperation, SpaceState};
use nahtlos_relay::store::Reader;
use nahtlos_relay::store::sqlite::SqliteStore;

use crate::model::replica::Replica;

/// What a relay keeps, replayed.
pub struct Model {
    replica: Replica,
    /// Every log that replayed, by its space.
    pub spaces: BTreeMap<SpaceId, Arc<SpaceState>>,
    /// Who read which space last: the number of the relay's journal.
    last_read: BTreeMap<(DeviceId, SpaceId), u64>,
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
    ) -> Result<Self, String> {
        let network = store.identity().map_err(|error| error.to_string())?;
        let network = network.and_then(|identity| identity.network);
        let mut model = Self {
            replica: Replica::empty(network),
            spaces: BTreeMap::new(),
            last_read: BTreeMap::new(),
        };
        let mut spaces = BTreeSet::new();
        let mut refused = None;
        let read = store.each_operation(&mut |number, bytes| {
            let signed = SignedOperation::decode(&bytes);
            match signed.map(|signed| (signed.space(), model.replica.deliver(&signed))) {
                Ok((space, Ok(true))) => {
                    spaces.insert(space);
                }
                Ok((space, said)) => refused = Some(format!("{space}: {said:?}")),
                Err(error) => refused = Some(error.to_string()),
            }
            for device in devices {
                for section in sections {
                    if model.role(device, section).is_some() {
                        model.last_read.insert((*device, *section), number);
                    }
                }
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
        Ok(model)
    }

    /// The number of the relay's journal at which a device last read a section; 0 where it never did.
    #[must_use]
    pub fn last_read(&self, device: &DeviceId, section: &SpaceId) -> u64 {
        let number = self.last_read.get(&(*device, *section));
        number.copied().unwrap_or(0)
    }

    /// Whether a device reads a space from its beginning: by rights that all cover the past.
    #[must_use]
    pub fn reads_all(&self, device: &DeviceId, space: &SpaceId) -> bool {
        let Some(state) = self.replica.state(space) else {
            return false;
        };
        let mut held = state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .filter(|grant| grant.history == History::Full);
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
        let Some(state) = self.replica.state(space) else {
            return false;
        };
        let mut length = 0;
        while let Some(operation) = state.operation(length)
            && known.contains(&operation.id.into())
        {
            length += 1;
        }
        let mut held = state.grants().iter().filter(|grant| {
            grant.is_live_at(length)
                && grant.is_confirmed_at(length)
                && grant.role_at(length).holds_keys()
        });
        held.any(|grant| match grant.member {
            MemberId::Device(other) => other == *device,
            MemberId::Space(below) => self.read_as_known(device, &below, known),
        })
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
