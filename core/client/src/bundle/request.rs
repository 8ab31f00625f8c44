//! What a device has, so that another one can write just what it lacks. It goes by stick or mail like the
//! bundle that answers it, and is a hint: whoever makes one up gets sealed bytes they could have had anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};

use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{EnvelopeId, OperationId, SpaceId};
use nahtlos_protocol::limits::{BUNDLE_PART_BYTES_MAX, REQUEST_ENVELOPES_MAX};
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::bundle::{BUNDLE_VERSION, KnownEnvelopes, KnownLog, RequestHead};
use serde::Serialize;

use super::file::{FileKind, FileReader, FileWriter};
use super::{BundleError, BundleOrigin};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::Collection;

/// Parts of envelope ids that are read of a request: 10 million envelopes.
const PARTS_MAX: usize = 1_000;

/// What another device has.
#[derive(Clone, Debug)]
pub struct BundleRequest {
    head: RequestHead,
    logs: BTreeMap<SpaceId, KnownLog>,
    envelopes: BTreeSet<EnvelopeId>,
}

/// What a request says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requested {
    /// Logs that it names.
    pub logs: u64,
    /// Envelopes that it names.
    pub envelopes: u64,
}

impl BundleRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(input: impl Read) -> Result<Self, BundleError> {
        let mut reader = FileReader::begin(BufReader::new(input), FileKind::Request)?;
        let first = reader.next()?.ok_or(BundleError::Damaged)?;
        let head: Result<RequestHead, _> = codec::decode(&first, BUNDLE_PART_BYTES_MAX);
        let (mut envelopes, mut parts) = (BTreeSet::new(), 0);
        while let Some(part) = reader.next()? {
            parts += 1;
            let known: KnownEnvelopes =
                codec::decode(&part, BUNDLE_PART_BYTES_MAX).map_err(|_| BundleError::Damaged)?;
            if parts > PARTS_MAX {
                return Err(BundleError::Damaged);
            }
            envelopes.extend(known.ids);
        }
        let head = head.map_err(|_| BundleError::Damaged)?;
        if head.version != BUNDLE_VERSION {
            return Err(BundleError::NeedsNewer);
        }
        let logs = head.logs.iter().map(|log| (log.space, *log)).collect();
        Ok(Self {
            head,
            logs,
            envelopes,
        })
    }

    /// The network it is of.
    pub(super) fn network(&self) -> SpaceId {
        self.head.network
    }

    /// Whether its writer has an operation, and the wraps beside it as far as they matter there.
    pub(super) fn has_operation(&self, space: &SpaceId, index: u64, has_wraps: bool) -> bool {
        let log = self.logs.get(space);
        log.is_some_and(|log| index < log.length && (log.opens || !has_wraps))
    }

    /// Whether its writer has an envelope.
    pub(super) fn has_envelope(&self, id: &EnvelopeId) -> bool {
        self.envelopes.contains(id)
    }
}

impl Nahtlos {
    /// Writes what this device has, for somebody who is to write a bundle of the rest. It holds ids and
    /// lengths, no name and no content.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; [`BundleError::Io`]; where the vault cannot be read.
    pub fn write_bundle_request(&self, output: &mut dyn Write) -> Result<Requested, ClientError> {
        let network = self.network()?;
        let mut logs = Vec::new();
        for space in self.known_spaces()? {
            logs.extend(self.known_log(&space)?);
        }
        let envelopes = self.known_envelopes()?;
        let requested = Requested {
            logs: logs.len() as u64,
            envelopes: envelopes.len() as u64,
        };
        let head = RequestHead {
            version: BUNDLE_VERSION,
            network,
            device: self.device_id,
            made_at_ms: self.now_ms(),
            logs,
        };
        let mut write = || {
            let mut writer = FileWriter::begin(output, FileKind::Request)?;
            writer.part(&codec::encode(&head))?;
            for some in envelopes.chunks(REQUEST_ENVELOPES_MAX) {
                let ids = some.to_vec();
                writer.part(&codec::encode(&KnownEnvelopes { ids }))?;
            }
            writer.finish()
        };
        let written: std::io::Result<()> = write();
        written.map_err(BundleError::Io)?;
        Ok(requested)
    }

    /// Who asks, for a sentence.
    #[must_use]
    pub fn request_origin(&self, request: &BundleRequest) -> BundleOrigin {
        BundleOrigin {
            by: self.author_in_words(&request.head.device),
            made_at_ms: request.head.made_at_ms,
            is_whole: true,
        }
    }

    /// Every space whose log is here, ascending.
    pub(super) fn known_spaces(&self) -> Result<Vec<SpaceId>, ClientError> {
        let mut spaces = BTreeSet::new();
        for (_, bytes) in self.vault.list_all(Collection::Operation)? {
            spaces.extend(SignedOperation::decode(&bytes).map(|signed| signed.space()));
        }
        Ok(spaces.into_iter().collect())
    }

    /// What is here of a log, as far as a relay acknowledged it: what is only carried is brought again.
    fn known_log(&self, space: &SpaceId) -> Result<Option<KnownLog>, ClientError> {
        let Some(state) = self.logs().state(space) else {
            return Ok(None);
        };
        let mut length = 0;
        while let Some(record) = state.operation(length) {
            let id = OperationId(record.id.0);
            if self.vault.contains(Collection::Carried, &id.0)? {
                break;
            }
            length += 1;
        }
        let current = state.current_epoch().filter(|_| self.reads(space));
        let opens = current.is_none_or(|epoch| self.key_ring().open(space, &epoch.key_id).is_ok());
        Ok(Some(KnownLog {
            space: *space,
            length,
            opens,
        }))
    }

    /// Every envelope that is here, ascending.
    fn known_envelopes(&self) -> Result<Vec<EnvelopeId>, ClientError> {
        let mut known = BTreeSet::new();
        for space in self.known_spaces()? {
            known.extend(self.envelopes_of_space(&space)?);
        }
        Ok(known.into_iter().collect())
    }
}
