//! Looking at the relay without changing anything here: for `nahtlos doctor`.

use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::limits;
use nahtlos_protocol::wire::{SYNC_PATH, SyncRequest, SyncResponse};

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::sync::signed_difference;
use crate::transport::{Transport, TransportError};

/// What the relay answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RelayProbe {
    /// The relay's clock minus this device's, in milliseconds.
    pub clock_offset_ms: i64,
    /// Whether the relay has something for this device.
    pub has_news: bool,
}

/// The spaces this device is part of, once it is enrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The person.
    pub person: Option<SpaceId>,
    /// The person's institution.
    pub institution: Option<SpaceId>,
    /// The person's team.
    pub team: Option<SpaceId>,
    /// The network.
    pub network: Option<SpaceId>,
}

impl Nahtlos {
    /// Which spaces this device is part of.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            person: self.device.person,
            institution: self.device.institution,
            team: self.device.team,
            network: self.device.network,
        }
    }

    /// Asks the relay for as little as possible and checks who answers. Stores nothing.
    ///
    /// # Errors
    /// As [`Nahtlos::sync`].
    pub fn probe(&self, transport: &mut dyn Transport) -> Result<RelayProbe, ClientError> {
        self.network()?;
        let position = self.sync_record()?;
        let body = codec::encode(&SyncRequest {
            version: PROTOCOL_VERSION,
            cursor: position.cursor,
            journal_mark: position.mark,
            push: Vec::new(),
            max_bytes: 1,
        });
        let token = self.token(position.clock_offset_ms)?;
        let mut answer = transport.post(SYNC_PATH, Some(&token), &body)?;
        if let Some(relay_ms) = self.relay_time(&answer, &token) {
            let offset_ms = signed_difference(relay_ms, self.now_ms());
            answer = transport.post(SYNC_PATH, Some(&self.token(offset_ms)?), &body)?;
        }
        if answer.status != 200 {
            return Err(ClientError::of_refusal(&answer));
        }
        let response: SyncResponse = codec::decode(&answer.body, limits::SYNC_RESPONSE_BYTES_MAX)
            .map_err(|error| TransportError::NotARelay {
            reason: error.to_string(),
        })?;
        let relay = self.relay_key().ok_or(ClientError::OtherRelay)?;
        if !response.is_signed_by(&relay, &self.device_id()) {
            return Err(ClientError::OtherRelay);
        }
        Ok(RelayProbe {
            clock_offset_ms: signed_difference(response.time_ms, self.now_ms()),
            has_news: response.more || !response.items.is_empty(),
        })
    }
}
