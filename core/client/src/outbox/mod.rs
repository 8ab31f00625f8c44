//! What waits to be sent, where it is kept, and what was known of the logs when it was typed.
//!
//! What was typed is sealed at push, one envelope per section however many edits ([`sealing`]). Sealed
//! bytes are stored before they are sent and sent again unchanged until the relay has answered, so a
//! lost acknowledgement never makes a second envelope. Then the edits are published ([`delivered`]), or
//! held and shown ([`refused`]). What was typed upon something that does not count in the end goes on
//! without it ([`upon_held`]).

mod batch;
mod bundled;
mod delivered;
mod refused;
mod sealing;
mod upon_held;

use std::collections::BTreeSet;

use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{LogHead, authority};

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, SealedRecord};
use crate::vault::Collection;

pub(crate) use delivered::{Delivery, put_arrived};
pub(crate) use refused::{as_typed_key, held_aside_key, keep_as_typed, put_set_aside};
pub(crate) use sealing::random_salt;

/// Group of sealed envelopes in `Collection::Sealed`.
pub(crate) const ENVELOPES: &[u8] = b"envelope";
/// Group of founding operations in `Collection::Sealed`.
pub(crate) const OPERATIONS: &[u8] = b"operation";
/// Group in `Collection::Setting`: spaces that have something in the outbox.
pub(crate) const OUTBOX_SPACES: &[u8] = b"outbox-spaces";
/// Group in `Collection::Held`: one's own edits that were refused.
pub(crate) const SET_ASIDE: &[u8] = b"set-aside";

impl Nahtlos {
    /// Sealed bytes not answered yet, operations first.
    pub(crate) fn unanswered(&self) -> Result<Vec<(Vec<u8>, SealedRecord)>, ClientError> {
        let mut records = Vec::new();
        for group in [OPERATIONS, ENVELOPES] {
            for (key, bytes) in self.vault.list(Collection::Sealed, group)? {
                records.push((key, records::decode(&bytes)?));
            }
        }
        Ok(records)
    }

    /// Spaces with a sealed envelope that has not been answered.
    pub(crate) fn sealed_spaces(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut sealed = BTreeSet::new();
        for (_, bytes) in self.vault.list(Collection::Sealed, ENVELOPES)? {
            if let SealedRecord::Envelope { bytes, .. } = records::decode(&bytes)?
                && let Ok(envelope) = Envelope::decode(&bytes)
            {
                sealed.insert(envelope.header().space);
            }
        }
        Ok(sealed)
    }

    /// Spaces with edits that are in no sealed envelope yet.
    pub(crate) fn spaces_to_seal(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let sealed = self.sealed_spaces()?;
        let spaces = self.vault.list(Collection::Setting, OUTBOX_SPACES)?;
        let spaces = spaces
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key));
        Ok(spaces.filter(|space| !sealed.contains(space)).collect())
    }

    /// Remembers what this device knows of the logs while it may still write what waits in its
    /// outbox: should the coming sync bring the end of its right, that is what the edits were typed
    /// by.
    pub(crate) fn remember_access_heads(&mut self) -> Result<(), ClientError> {
        let mut known = Vec::new();
        for (key, before) in self.vault.list(Collection::Setting, OUTBOX_SPACES)? {
            let Some(space) = SpaceId::from_slice(&key) else {
                continue;
            };
            let logs = self.logs();
            let right = authority::right(&logs, &self.device_id, &space);
            let Some(state) = logs.load(&space)?.filter(|_| right.at_least(Role::Write)) else {
                continue;
            };
            let mut heads = authority::path_heads(&logs, &self.device_id, &state);
            heads.extend(state.head().map(|head| (space, head)));
            let heads: Vec<LogHead> = heads.into_values().collect();
            let value = records::encode(&heads);
            if value != before {
                known.push((space, value));
            }
        }
        if known.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            for (space, value) in &known {
                transaction.put(Collection::Setting, OUTBOX_SPACES, &space.0, 0, value)?;
            }
            Ok(())
        })
    }

    fn heads_when_typed(&self, space: &SpaceId) -> Result<Vec<LogHead>, ClientError> {
        match self.vault.get(Collection::Setting, &space.0)? {
            Some(bytes) if !bytes.is_empty() => records::decode(&bytes),
            _ => Ok(Vec::new()),
        }
    }
}
