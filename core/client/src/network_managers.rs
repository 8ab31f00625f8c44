//! Which institutions manage the network: they let others in and end an institution's part in it. At first
//! it is the one that founded it.

use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::MemberId;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// What an institution does in the network beside managing it: it writes its own cards.
const TAKES_PART: Role = Role::Write;

impl Nahtlos {
    /// Institutions that manage the network, by its log.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; where the vault cannot be read.
    pub fn network_managers(&self) -> Result<Vec<SpaceId>, ClientError> {
        let state = self.logs().load(&self.network()?)?;
        let grants = state.iter().flat_map(|state| state.live_grants());
        let managing = grants.filter(|grant| grant.is_confirmed() && grant.role == Role::Manage);
        let mut found: Vec<SpaceId> = managing
            .filter_map(|grant| match grant.member {
                MemberId::Space(member) => Some(member),
                MemberId::Device(_) => None,
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Whether this device could let an institution manage the network, or end that.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where it is not in the network; [`ClientError::NothingToChange`];
    /// [`ClientError::NoRight`] where this device does not manage the network; [`ClientError::LastManager`].
    pub fn check_network_manager(
        &self,
        institution: &SpaceId,
        manages: bool,
    ) -> Result<(), ClientError> {
        self.network_grants_to_change(institution, manages)?;
        Ok(())
    }

    /// Lets an institution manage the network, too, or ends that: it takes part as before. Decided now,
    /// carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::check_network_manager`].
    pub fn set_network_manager(
        &mut self,
        institution: &SpaceId,
        manages: bool,
    ) -> Result<(), ClientError> {
        let network = self.network()?;
        let grants = self.network_grants_to_change(institution, manages)?;
        let role = if manages { Role::Manage } else { TAKES_PART };
        self.all_or_nothing(|this| {
            let mut each = grants.iter();
            each.try_for_each(|grant| this.set_role(&network, grant, role))
        })
    }

    /// To make it one, one of its grants is raised; to end it, each that manages is reduced.
    fn network_grants_to_change(
        &self,
        institution: &SpaceId,
        manages: bool,
    ) -> Result<Vec<GrantId>, ClientError> {
        let network = self.network()?;
        let state = self
            .logs()
            .load(&network)?
            .ok_or(ClientError::NotAdmitted)?;
        self.require_manager(&network, "say who manages the network")?;
        let theirs: Vec<_> = state
            .live_grants()
            .filter(|grant| grant.member == MemberId::Space(*institution))
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .collect();
        if theirs.is_empty() {
            return Err(ClientError::NotFound {
                what: "institution of this network",
                input: self.directory()?.institution_name(institution),
            });
        }
        let managing: Vec<GrantId> = theirs
            .iter()
            .filter(|grant| grant.role == Role::Manage)
            .map(|grant| grant.id)
            .collect();
        if manages != managing.is_empty() {
            return Err(ClientError::NothingToChange);
        }
        if manages {
            return Ok(theirs.iter().take(1).map(|grant| grant.id).collect());
        }
        if self.network_managers()?.len() < 2 {
            return Err(ClientError::LastManager);
        }
        Ok(managing)
    }
}
