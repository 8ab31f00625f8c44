//! Wiping a home: what would be lost is said first, then the key that opens the vault is destroyed, and
//! then its files.

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::state::{Grant, MemberId};
use serde::Serialize;

use crate::error::ClientError;
use crate::former_people::MemberRemoval;
use crate::nahtlos::Nahtlos;
use crate::outbox::OUTBOX_SPACES;
use crate::revocation::Revocation;
use crate::vault::Collection;

/// What wiping this home would destroy for good, because nobody else has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WipePreview {
    /// Short fingerprint of this device.
    pub device: String,
    /// How its right ended; none where it is still a device of its person, and stays one.
    pub revoked: Option<Revocation>,
    /// How its person ceased to be a member of any team; none while they are one.
    pub removed: Option<MemberRemoval>,
    /// Whether its institution takes no part in the network any more: nothing that waits is ever delivered.
    pub institution_left: bool,
    /// Whether the person has no other device: then nothing brings them back but a paper or an
    /// invitation. None where its right has ended: it was told nothing of what was added or ended since.
    pub only_device: Option<bool>,
    /// Edits typed here that the relay has not confirmed, by section.
    pub undelivered: Vec<UndeliveredEdits>,
    /// Edits that the relay refused, and that stand nowhere but here.
    pub refused_edits: u64,
    /// Edits of one's own that wait for a manager's decision: the managers have them too.
    pub held_elsewhere: u64,
    /// Changes of one's own that were discarded: nobody else is shown them, and what was typed is kept here.
    pub discarded: u64,
    /// Drafts: what was typed and not stored.
    pub drafts: u64,
    /// Changes of access that were decided here and are not carried out, in words.
    pub decisions: Vec<String>,
    /// Invitations made here that nobody answered: whoever answers them is let in by no other device.
    pub open_invitations: Vec<String>,
}

/// Edits of one section that only this device has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndeliveredEdits {
    /// Hexadecimal space id.
    pub space: String,
    /// How many.
    pub edits: u64,
}

impl WipePreview {
    /// Whether nobody else has something that would be destroyed.
    #[must_use]
    pub fn loses_something(&self) -> bool {
        !self.undelivered.is_empty()
            || self.refused_edits > 0
            || self.discarded > 0
            || self.drafts > 0
            || !self.decisions.is_empty()
            || !self.open_invitations.is_empty()
    }
}

impl Nahtlos {
    /// What wiping this home would destroy.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn preview_wipe(&self) -> Result<WipePreview, ClientError> {
        let status = self.status()?;
        let mut undelivered = Vec::new();
        for (key, _) in self.vault.list(Collection::Setting, OUTBOX_SPACES)? {
            let Some(space) = SpaceId::from_slice(&key) else {
                continue;
            };
            let edits = self.pending_edits(&space)?.len() as u64;
            if edits > 0 {
                undelivered.push(UndeliveredEdits {
                    space: space.to_string(),
                    edits,
                });
            }
        }
        let held = self.held_list()?;
        let discarded = held.iter().filter(|one| one.own && one.fate.is_discarded());
        let waiting = held.iter().filter(|one| one.own && one.fate.is_waiting());
        let refused = status.held.iter().map(|line| line.edits.len() as u64);
        let returned = status.returned_decisions.into_iter();
        let decisions = status.waiting_decisions.into_iter();
        let only_device = match status.revoked {
            Some(_) => None,
            None => Some(self.is_only_device()?),
        };
        Ok(WipePreview {
            device: self.device_fingerprint(),
            revoked: status.revoked,
            removed: status.removed,
            institution_left: status.institution_left.is_some(),
            only_device,
            undelivered,
            refused_edits: refused.sum(),
            held_elsewhere: waiting.count() as u64,
            discarded: discarded.count() as u64,
            drafts: self.drafts()?.len() as u64,
            decisions: decisions
                .chain(returned.map(|decision| decision.what))
                .collect(),
            open_invitations: status.open_invitations,
        })
    }

    /// Whether no other device stands for the person.
    fn is_only_device(&self) -> Result<bool, ClientError> {
        let Some(person) = self.device.person else {
            return Ok(false);
        };
        let is_other = |grant: &Grant| {
            let own = MemberId::Device(self.device_id);
            grant.member != own && grant.is_confirmed()
        };
        let state = self.logs().load(&person)?;
        Ok(state.is_some_and(|state| !state.live_grants().any(is_other)))
    }

    /// Destroys this home: the vault's wrapped key, so that nothing in its files opens any more, whatever
    /// the passphrase; then the files. Where that breaks off after the key, the next opening removes what
    /// is left. Backups and copies of the home that lie elsewhere are not reached.
    ///
    /// # Errors
    /// [`ClientError::Vault`]. Before the key is destroyed nothing is lost.
    pub fn wipe(self) -> Result<(), ClientError> {
        let Self { vault, .. } = self;
        Ok(vault.wipe()?)
    }
}
