//! What a modified client could sign although the rules forbid it, for tests only: the honest client
//! prepares nothing that its own replay refuses.

use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::crypto::suite::Suite;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::operation::{Operation, SignedOperation};
use nahtlos_protocol::space::{Effect, authority};

use crate::nahtlos::Nahtlos;
use crate::outbox::random_salt;

impl Nahtlos {
    /// A token for the relay, as a sync sends it.
    pub fn request_token(&self) -> Option<String> {
        let offset_ms = self.sync_record().ok()?.clock_offset_ms;
        self.token(offset_ms).ok()
    }

    /// An operation at the end of a log with these effects, signed by this device, whatever it may.
    pub fn forbidden_operation(&self, space: &SpaceId, effects: Vec<Effect>) -> Option<Vec<u8>> {
        let logs = self.logs();
        let state = logs.load(space).ok()??;
        let heads = authority::path_heads(&logs, &self.device_id, &state);
        let operation = Operation {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            space: Some(*space),
            index: state.length(),
            previous: state.head().map(|head| head.operation),
            author: self.device_id,
            claimed_at_ms: self.now_ms(),
            references: heads.into_values().collect(),
            effects,
        };
        let signed = SignedOperation::sign(operation, &self.keys.signing);
        Some(signed.bytes().to_vec())
    }

    /// An envelope of changes under the newest epoch whose seed this device has, signed by it, whatever
    /// it may.
    pub fn forbidden_envelope(&self, space: &SpaceId, change: &[u8]) -> Option<Vec<u8>> {
        let logs = self.logs();
        let state = logs.load(space).ok()??;
        let ring = self.key_ring();
        let mut epochs = state.epochs().iter().rev();
        let (key_id, seed) =
            epochs.find_map(|epoch| Some((epoch.key_id, ring.open(space, &epoch.key_id).ok()?)))?;
        let mut heads = authority::path_heads(&logs, &self.device_id, &state);
        heads.extend(state.head().map(|head| (*space, head)));
        let header = Header {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            kind: EnvelopeKind::Changes,
            space: *space,
            key_id,
            author_device: self.device_id,
            author_sequence: 1_000_000 + self.now_ms(),
            access_heads: heads.into_values().collect(),
            parents: Vec::new(),
            salt: random_salt(),
        };
        let payload = Payload {
            run_nonces: vec![self.run_nonce],
            changes: vec![Change(change.to_vec())],
        };
        let sealed = Envelope::seal(&header, &payload, &seed, &self.keys.signing);
        Some(sealed.ok()?.bytes().to_vec())
    }
}
