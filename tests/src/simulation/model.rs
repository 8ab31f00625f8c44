//! Who may read what, said once more and shortly: by the logs that the relay keeps, somebody reads a
//! space who holds a right with keys in it, or in a space that does. Nothing of the product's own
//! answers to that question is used; only that the logs replay.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, Role, SignedOperation, SpaceState};
use nahtlos_relay::store::Reader;
use nahtlos_relay::store::sqlite::SqliteStore;

use crate::model::replica::Replica;

/// What a relay keeps, replayed.
pub struct Model {
    replica: Replica,
    /// Every log that replayed, by its space.
    pub spaces: BTreeMap<SpaceId, Arc<SpaceState>>,
}

impl Model {
    /// Replays what a relay keeps.
    ///
    /// # Errors
    /// What does not replay: the relay should not have taken it.
    pub fn of(store: &SqliteStore) -> Result<Self, String> {
        let network = store.identity().map_err(|error| error.to_string())?;
        let network = network.and_then(|identity| identity.network);
        let mut replica = Replica::empty(network);
        let mut spaces = BTreeMap::new();
        let mut refused = None;
        let read = store.each_operation(&mut |_, bytes| {
            let signed = SignedOperation::decode(&bytes);
            match signed.map(|signed| (signed.space(), replica.deliver(&signed))) {
                Ok((space, Ok(true))) => {
                    spaces.insert(space, ());
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
        let known = spaces.keys();
        let spaces = known
            .filter_map(|space| Some((*space, replica.state(space)?)))
            .collect();
        Ok(Self { replica, spaces })
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
