//! Invitations that this device made and nobody was let in by yet, and taking one back: who reads a text that
//! went to the wrong person could answer it. Only the device that made an invitation lets anybody in by it, so
//! what it notes here is all that is needed; the relay is told nothing.

use nahtlos_protocol::identifier::{InvitationId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::device::DeviceInvitation;
use nahtlos_protocol::wire::join::JoinRequest;
use serde::Serialize;

use crate::error::ClientError;
use crate::ingest::JOIN_REQUESTS;
use crate::nahtlos::Nahtlos;
use crate::records::{self, InvitationRecord};
use crate::vault::Collection;

/// An invitation of this device by which nobody was let in yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenInvitation {
    /// Hexadecimal id: the invitation's public key.
    pub id: String,
    /// For whom, as its maker noted it.
    pub note: String,
    /// Hexadecimal id of what it leads into: a team, the network, or the person whose device it brings.
    pub space: String,
    /// Its name.
    pub into: String,
    /// Whether it brings a further device of a person.
    pub of_device: bool,
    /// `read`, `write` or `manage`; none before the invitation reached the relay, and for a device.
    pub role: Option<&'static str>,
    /// Until when the relay takes an answer, Unix milliseconds.
    pub not_after_ms: u64,
    /// Whether somebody answered it and waits for their words to be compared.
    pub answered: bool,
}

impl Nahtlos {
    /// Invitations that this device made, that nobody was let in by yet and that are not over, the one that ends
    /// first first.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn invitations(&self) -> Result<Vec<OpenInvitation>, ClientError> {
        let answered = self.answers_here()?;
        let directory = self.shared_directory().unwrap_or_default();
        let mut open = Vec::new();
        for (_, bytes) in self.vault.list_all(Collection::Invitation)? {
            let record: InvitationRecord = records::decode(&bytes)?;
            let is_answered = |id: &InvitationId| answered.iter().any(|(_, answers)| answers == id);
            let (id, space, of_device) = leads(&record)?;
            let is_over = record.not_after_ms <= self.now_ms() && !is_answered(&id);
            if record.completed || is_over {
                continue;
            }
            let state = self.logs().load(&space)?;
            let in_log = state
                .as_ref()
                .and_then(|state| state.invitations().get(&id));
            if in_log.is_some_and(|invitation| invitation.used.is_some()) {
                continue;
            }
            let role = in_log.filter(|_| !of_device).map(|open| open.role);
            open.push(OpenInvitation {
                id: SpaceId(id.0).to_string(),
                note: record.note,
                space: space.to_string(),
                into: directory.name(&space),
                of_device,
                role: role.map(Role::word),
                not_after_ms: record.not_after_ms,
                answered: is_answered(&id),
            });
        }
        open.sort_by(|left, right| {
            (left.not_after_ms, &left.id).cmp(&(right.not_after_ms, &right.id))
        });
        Ok(open)
    }

    /// Takes an invitation back: from now on nobody is let in by it, whoever answers it, and whoever has answered
    /// it and waits is let go. A later answer is told at a sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where no open invitation of this device has this id, also where somebody was let
    /// in by it.
    pub fn withdraw_invitation(&mut self, id: &str) -> Result<OpenInvitation, ClientError> {
        let mut open = self.invitations()?;
        open.retain(|one| one.id == id);
        let not_found = || ClientError::NotFound {
            what: "open invitation",
            input: id.to_owned(),
        };
        let open = open.pop().ok_or_else(not_found)?;
        let key = SpaceId::from_hex(&open.id).ok_or_else(not_found)?;
        let bytes = self.vault.get(Collection::Invitation, &key.0)?;
        let mut record: InvitationRecord = records::decode(&bytes.ok_or_else(not_found)?)?;
        record.completed = true;
        record.refused = Some(true);
        record.withdrawn = Some(true);
        let answers = self.answers_here()?;
        self.commit(|transaction| {
            let value = records::encode(&record);
            transaction.put(Collection::Invitation, b"", &key.0, 0, &value)?;
            for (request, _) in answers.iter().filter(|(_, answers)| answers.0 == key.0) {
                transaction.delete(Collection::Intent, request)?;
            }
            Ok(())
        })?;
        Ok(open)
    }

    /// Join requests that wait on this device, and the invitation that each answers.
    fn answers_here(&self) -> Result<Vec<(Vec<u8>, InvitationId)>, ClientError> {
        let stored = self.vault.list(Collection::Intent, JOIN_REQUESTS)?;
        let requests = stored.into_iter().filter_map(|(_, bytes)| {
            let request = JoinRequest::decode(&bytes).ok()?;
            Some((request.id().0.to_vec(), request.invitation()))
        });
        Ok(requests.collect())
    }
}

/// An invitation's id, what it leads into, and whether it brings a device.
fn leads(record: &InvitationRecord) -> Result<(InvitationId, SpaceId, bool), ClientError> {
    if let Ok(text) = record.text.parse::<DeviceInvitation>() {
        return Ok((text.invitation(), text.person, true));
    }
    let text: InvitationText = record.text.parse()?;
    Ok((text.invitation(), text.inviting, false))
}
