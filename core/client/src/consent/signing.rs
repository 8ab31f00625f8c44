//! Signing what is recorded in the ledger, so that it verifies by itself later (PROTOCOL §30).

use data_encoding::BASE64;
use nahtlos_casework::edit::{ConsentEdit, ConsentEvent};
use nahtlos_casework::fields::{EntryId, EventSignature, Field};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::statement::{Statement, StatementKind};

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// An event of a ledger, signed by this device as it belongs to its institution now: the heads of the logs
    /// that say so go along.
    pub(super) fn signed_event(
        &self,
        ledger: &SpaceId,
        id: EntryId,
        event: ConsentEvent,
    ) -> Result<ConsentEdit, ClientError> {
        let institution = self.institution()?;
        let logs = self.logs();
        let state = logs.load(&institution)?.ok_or(ClientError::NotEnrolled)?;
        let mut heads = authority::path_heads(&logs, &self.device_id, &state);
        heads.extend(state.head().map(|head| (institution, head)));
        let (entry, fields) = (id.canonical(), event.fields());
        let statement = Statement {
            kind: StatementKind::ConsentEvent,
            space: *ledger,
            entry: &entry,
            fields: &fields,
        };
        let heads = heads.into_values().collect();
        let signed = statement.sign(self.device_id, &self.keys.signing, self.now_ms(), heads);
        let text = BASE64.encode(&signed.to_bytes());
        Ok(ConsentEdit {
            id,
            event,
            signature: Some(EventSignature::parse(&text)?),
        })
    }
}
