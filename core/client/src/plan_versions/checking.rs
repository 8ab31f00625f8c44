//! Whether a signature under a version of the plan is what it claims to be, from replayed logs alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::fields::{DeviceId as DeviceRef, Field, PersonId, UtcTime};
use nahtlos_casework::plan_version::{SignatureCheck, SignatureDoubt, SignedEntry, Signer};
use nahtlos_document::ChangeHash;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::{Logs, Role, authority};
use nahtlos_protocol::statement::{Statement, StatementError, StatementKind, StatementSignature};

use crate::acting::Acted;
use crate::logs::LogView;
use crate::nahtlos::Nahtlos;
use crate::statements::read_signature;

/// Verifies signatures under the versions of one plan.
pub(super) struct EntryCheck<'a> {
    nahtlos: &'a Nahtlos,
    plan: SpaceId,
    logs: LogView<'a>,
    /// Which changes of a device in the plan count as an institution's.
    acted: RefCell<BTreeMap<(DeviceId, SpaceId), Acted>>,
}

impl Nahtlos {
    pub(super) fn entry_check(&self, plan: SpaceId) -> EntryCheck<'_> {
        EntryCheck {
            nahtlos: self,
            plan,
            logs: self.logs(),
            acted: RefCell::default(),
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
        if !self.acted(&signed.device, institution, entry.change) {
            return Err(SignatureDoubt::NoLongerCertified);
        }
        self.signer(&signed, &institution)
            .ok_or(SignatureDoubt::NotCertified)
    }
}

impl EntryCheck<'_> {
    /// Whether the institution's it still was when it came: the heads that a statement names are whatever the
    /// signer chose, and who has left knows old ones.
    fn acted(&self, device: &DeviceId, institution: SpaceId, change: &ChangeHash) -> bool {
        let mut known = self.acted.borrow_mut();
        let acted = known.entry((*device, institution)).or_insert_with(|| {
            let acted = self
                .nahtlos
                .acted_for(&institution, device, &self.plan, Role::Read);
            acted.unwrap_or(Acted::By(BTreeSet::new()))
        });
        acted.includes(change)
    }

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
