//! Signing an entry of a document as a device of one's institution, so that it verifies by itself later
//! (PROTOCOL §30).

use std::collections::BTreeMap;

use data_encoding::BASE64;
use nahtlos_casework::fields::{EntrySignature, Field};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::statement::{Statement, StatementError, StatementKind, StatementSignature};

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// The signature over an entry's fields, by this device as it belongs to its institution now: the heads of
    /// the logs that say so go along.
    pub(crate) fn sign_entry(
        &self,
        kind: StatementKind,
        space: &SpaceId,
        entry: &str,
        fields: &BTreeMap<String, String>,
    ) -> Result<EntrySignature, ClientError> {
        let institution = self.institution()?;
        let logs = self.logs();
        let state = logs.load(&institution)?.ok_or(ClientError::NotEnrolled)?;
        let mut heads = authority::path_heads(&logs, &self.device_id, &state);
        heads.extend(state.head().map(|head| (institution, head)));
        let statement = Statement {
            kind,
            space: *space,
            entry,
            fields,
        };
        let heads = heads.into_values().collect();
        let signed = statement.sign(self.device_id, &self.keys.signing, self.now_ms(), heads);
        Ok(EntrySignature::parse(&BASE64.encode(&signed.to_bytes()))?)
    }
}

/// Reads a signature as it stands in an entry; nothing in it is verified yet.
pub(crate) fn read_signature(text: &str) -> Result<StatementSignature, StatementError> {
    let bytes = BASE64.decode(text.as_bytes());
    StatementSignature::from_bytes(&bytes.map_err(|_| StatementError::Malformed)?)
}
