//! Signing what is recorded in the ledger.

use nahtlos_casework::edit::{ConsentEdit, ConsentEvent};
use nahtlos_casework::fields::{EntryId, Field};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::statement::StatementKind;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// An event of a ledger, signed by this device.
    pub(super) fn signed_event(
        &self,
        ledger: &SpaceId,
        id: EntryId,
        event: ConsentEvent,
    ) -> Result<ConsentEdit, ClientError> {
        let (kind, fields) = (StatementKind::ConsentEvent, event.fields());
        let signature = self.sign_entry(kind, ledger, &id.canonical(), &fields)?;
        Ok(ConsentEdit {
            id,
            event,
            signature: Some(signature),
        })
    }
}
