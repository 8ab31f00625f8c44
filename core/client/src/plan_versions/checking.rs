//! Whether a signature under a version of the plan is what it claims to be, from replayed logs alone.

use nahtlos_casework::fields::{DeviceId as DeviceRef, Field, PersonId, UtcTime};
use nahtlos_casework::plan_version::{SignatureCheck, SignatureDoubt, SignedEntry, Signer};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::{Logs, authority};
use nahtlos_protocol::statement::{Statement, StatementError, StatementKind, StatementSignature};

use crate::logs::LogView;
use crate::nahtlos::Nahtlos;
use crate::statements::read_signature;

/// Verifies signatures under the versions of one plan.
pub(super) struct EntryCheck<'a> {
    plan: SpaceId,
    logs: LogView<'a>,
}

impl Nahtlos {
    pub(super) fn entry_check(&self, plan: SpaceId) -> EntryCheck<'_> {
        EntryCheck {
            plan,
            logs: self.logs(),
        }
    }
}

impl SignatureCheck for EntryCheck<'_> {
    fn check(&self, entry: &SignedEntry<'_>) -> Result<Signer, SignatureDoubt> {
        let signed = read_signature(entry.signature).map_err(doubt_of)?;
        let institution =
            SpaceId::from_hex(entry.institution.as_str()).ok_or(SignatureDoubt::NotCertified)?;
        let statement = Statement {
            kind: StatementKind::PlanSignature,
            space: self.plan,
            entry: entry.id,
            fields: entry.fields,
        };
        statement
            .verify(&signed, &institution, &self.logs)
            .map_err(doubt_of)?;
        self.signer(&signed, &institution)
            .ok_or(SignatureDoubt::NotCertified)
    }
}

impl EntryCheck<'_> {
    fn signer(&self, signed: &StatementSignature, institution: &SpaceId) -> Option<Signer> {
        let home = self.logs.state(institution)?;
        let person = authority::person_of(&self.logs, &signed.device, &home)?;
        let seconds = i64::try_from(signed.signed_at_ms / 1000).ok()?;
        Some(Signer {
            device: DeviceRef::parse(&signed.device.to_string()).ok()?,
            person: PersonId::parse(&person.to_string()).ok()?,
            at: UtcTime::from_seconds(seconds).ok()?,
        })
    }
}

fn doubt_of(error: StatementError) -> SignatureDoubt {
    match error {
        StatementError::NeedsNewer | StatementError::Malformed => SignatureDoubt::Unreadable,
        StatementError::UnknownLog => SignatureDoubt::NotYetKnown,
        StatementError::BadSignature => SignatureDoubt::BadSignature,
        StatementError::UnknownSigner | StatementError::NotOfTheInstitution => {
            SignatureDoubt::NotCertified
        }
    }
}
