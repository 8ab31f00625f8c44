//! Signing what is recorded in the ledger.

use nahtlos_casework::edit::{ConsentEdit, ConsentEvent};
use nahtlos_casework::fields::{CaseId, EntryId, Field};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::statement::StatementKind;

use crate::cases::{Case, hex};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// An event of a ledger, signed by this device. It names the case, so that a file cannot show it as
    /// another client's.
    pub(super) fn signed_event(
        &self,
        case: &Case,
        ledger: &SpaceId,
        id: EntryId,
        event: ConsentEvent,
    ) -> Result<ConsentEdit, ClientError> {
        let mut edit = ConsentEdit {
            case: Some(CaseId::parse(&hex(&case.id))?),
            ..ConsentEdit::new(id, event)
        };
        let (kind, fields) = (StatementKind::ConsentEvent, edit.fields());
        edit.signature = Some(self.sign_entry(kind, ledger, &id.canonical(), &fields)?);
        Ok(edit)
    }
}
