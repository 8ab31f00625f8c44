//! A case that is erased for everybody: who manages its closed sections says so, every device that learns of it
//! destroys what it holds of them, and the relay drops what it stores ([`nahtlos_protocol::erasing`]).
//!
//! [`ordering`] says what erasing a case would do, and decides it; [`carrying_out`] destroys what this device
//! holds once the word stands; [`telling`] says which cases were erased, and whose devices have confirmed it.
//! What somebody typed and had not delivered is never destroyed by somebody else's word: it is set aside, and
//! shown to them until they put it away.

mod carrying_out;
pub mod ordering;
pub mod telling;

use minicbor::{Decode, Encode};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::envelope::{EnvelopeKind, Header};
use nahtlos_protocol::erasing::erases_section;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, KeyId, Nonce, SpaceId};
use nahtlos_protocol::space::authority::{At, View};
use nahtlos_protocol::space::standing::ReceivedBefore;
use nahtlos_protocol::space::{LogHead, Logs, SpaceState, authority};
use nahtlos_protocol::{PROTOCOL_VERSION, crypto::suite::Suite};

use crate::counting::{Fact, KnowledgeCache};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::outbox::random_salt;
use crate::records;
use crate::vault::Collection;

/// Group in `Collection::Setting` of [`ErasedRecord`]; key = `z` ‖ space.
const ERASED_SECTIONS: &[u8] = b"erased-sections";
/// Why edits are set aside that were typed in a case that is erased.
pub(crate) const CASE_ERASED: &str = "case_erased";

/// A section that is erased: all that this device keeps of it beside its log. Nothing in it is about the
/// person the case was about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ErasedRecord {
    #[n(0)]
    pub version: u8,
    /// The case; none where this device could not open what the section was.
    #[n(1)]
    pub case: Option<Nonce>,
    /// The envelope by which somebody who managed it said so.
    #[n(2)]
    pub by: EnvelopeId,
    /// Its code of a reason, where this device could open it.
    #[n(3)]
    pub reason: Option<String>,
    /// When this device destroyed what it held, by its own clock, Unix milliseconds.
    #[n(4)]
    pub erased_at_ms: u64,
    /// Devices of those who could read it then, as far as this one knew them.
    #[n(5)]
    pub heard: Vec<HeardDevice>,
}

/// A device, and when the relay had taken in something of it last, as far as that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct HeardDevice {
    #[n(0)]
    pub device: DeviceId,
    #[n(1)]
    pub at_ms: Option<u64>,
}

impl Nahtlos {
    /// Whether a section was erased by who managed it, as this device has carried out.
    pub(crate) fn is_section_erased(&self, space: &SpaceId) -> Result<bool, ClientError> {
        Ok(self
            .vault
            .contains(Collection::Setting, &record_key(space))?)
    }

    /// Every section that was erased.
    pub(crate) fn erased_sections(&self) -> Result<Vec<(SpaceId, ErasedRecord)>, ClientError> {
        let stored = self.vault.list(Collection::Setting, ERASED_SECTIONS)?;
        let sections = stored.iter().filter_map(|(key, bytes)| {
            let space = key.get(1..).and_then(SpaceId::from_slice)?;
            Some(records::decode(bytes).map(|record| (space, record)))
        });
        sections.collect()
    }

    /// The first word of somebody who managed a closed section that it is erased.
    fn word_that_erases(
        &self,
        state: &SpaceState,
    ) -> Result<Option<(EnvelopeId, Fact)>, ClientError> {
        if state.closed_at().is_none() {
            return Ok(None);
        }
        let mut words = self.facts(&state.id())?;
        words.retain(|(_, fact)| fact.kind == EnvelopeKind::Erasure);
        let receipts = self.receipts();
        words.sort_by_key(|(id, _)| {
            (
                receipts.place(&(*id).into()).is_none(),
                receipts.place(&(*id).into()),
                *id,
            )
        });
        let mut known = KnowledgeCache::default();
        Ok(words
            .into_iter()
            .find(|(id, fact)| self.erases(state, id, fact, &mut known)))
    }

    /// Whether an erasure erases the whole section: its author manages it by the newest logs, or did when the
    /// relay received it.
    pub(crate) fn erases(
        &self,
        state: &SpaceState,
        id: &EnvelopeId,
        fact: &Fact,
        known: &mut KnowledgeCache,
    ) -> bool {
        let logs = self.logs();
        let Some(knew) = known.of(&logs, &fact.access_heads) else {
            return false;
        };
        let suspended = self.suspended(state);
        let stands =
            |since: View<'_>| erases_section(&logs, state, &fact.author, &knew, since, &suspended);
        let receipts = self.receipts();
        stands(View::NEWEST)
            || receipts.place(&(*id).into()).is_some_and(|position| {
                let before = ReceivedBefore {
                    position,
                    receipts: &receipts,
                };
                stands(View::at(At::Lengths(&before)))
            })
    }

    /// The header of this device's next erasure in a space, and what it is sealed under: the last epoch that
    /// this device holds. None where it never opened one.
    pub(crate) fn erasure_header(
        &self,
        state: &SpaceState,
    ) -> Result<Option<(Header, EpochSeed)>, ClientError> {
        let logs = self.logs();
        let held = state.epochs().iter().rev().find_map(|epoch| {
            let seed = self.key_ring().open(&state.id(), &epoch.key_id).ok()?;
            Some((epoch.key_id, seed))
        });
        let Some((key_id, seed)) = held else {
            return Ok(None);
        };
        let mut heads = authority::path_heads(&logs, &self.device_id, state);
        heads.extend(state.head().map(|head| (state.id(), head)));
        let person = logs.state(&self.person()?);
        let own = person.as_ref().and_then(|person| person.head());
        heads.extend(own.map(|head| (head.space, head)));
        let header = self.header_of_erasure(state, key_id, heads.into_values().collect())?;
        Ok(Some((header, seed)))
    }

    fn header_of_erasure(
        &self,
        state: &SpaceState,
        key_id: KeyId,
        mut access_heads: Vec<LogHead>,
    ) -> Result<Header, ClientError> {
        access_heads.sort_unstable();
        let record = self.document_record(&state.id())?;
        Ok(Header {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            kind: EnvelopeKind::Erasure,
            space: state.id(),
            key_id,
            author_device: self.device_id,
            author_sequence: record.own_sequence.saturating_add(1),
            access_heads,
            parents: Vec::new(),
            salt: random_salt(),
        })
    }
}

pub(crate) fn record_key(space: &SpaceId) -> Vec<u8> {
    [b"z".as_slice(), &space.0].concat()
}
