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
        let (mut envelopes, mut parts, mut is_sound) = (BTreeSet::new(), 0, true);
        while let Some(part) = reader.next()? {
            parts += 1;
            let known = codec::decode::<KnownEnvelopes>(&part, BUNDLE_PART_BYTES_MAX);
            is_sound &= known.is_ok() && parts <= PARTS_MAX;
            // What refuses the file in the end takes no memory until then.
            envelopes.extend(
                known
                    .ok()
                    .filter(|_| is_sound)
                    .into_iter()
                    .flat_map(|known| known.ids),
            );
        }
        // Only a file that came through whole says something about itself.
        let head = head.map_err(|_| BundleError::Damaged)?;
        if head.version != BUNDLE_VERSION {
            return Err(BundleError::NeedsNewer);
        }
        if !is_sound {
            return Err(BundleError::Damaged);
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
        let is_erased = self.is_section_erased(space)?;
        let opens = is_erased
            || current.is_none_or(|epoch| self.key_ring().open(space, &epoch.key_id).is_ok());
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

#[cfg(test)]
mod tests {
    use super::*;
    use nahtlos_protocol::identifier::DeviceId;

    fn read(version: u8, further: &[Vec<u8>]) -> Result<BundleRequest, BundleError> {
        let head = RequestHead {
            version,
            network: SpaceId([1; 32]),
            device: DeviceId([2; 32]),
            made_at_ms: 3,
            logs: Vec::new(),
        };
        let mut file = Vec::new();
        let mut writer = FileWriter::begin(&mut file, FileKind::Request).unwrap();
        writer.part(&codec::encode(&head)).unwrap();
        for part in further {
            writer.part(part).unwrap();
        }
        writer.finish().unwrap();
        BundleRequest::read(file.as_slice())
    }

    /// PROTOCOL §29: as of a bundle, the version in the head comes before what it may have changed.
    #[test]
    fn a_request_of_a_newer_program_is_said_to_be_one_whatever_its_other_parts_are() {
        let ids = vec![EnvelopeId([4; 32])];
        let known = codec::encode(&KnownEnvelopes { ids });
        let other = vec![0x80];
        assert!(read(1, std::slice::from_ref(&known)).is_ok(), "control");
        let newer = read(2, &[known.clone(), other.clone()]);
        assert!(matches!(newer, Err(BundleError::NeedsNewer)));
        let unsound = read(1, &[known.clone(), other]);
        assert!(matches!(unsound, Err(BundleError::Damaged)));
        assert!(read(1, &vec![known.clone(); PARTS_MAX]).is_ok());
        let too_many = read(1, &vec![known; PARTS_MAX + 1]);
        assert!(matches!(too_many, Err(BundleError::Damaged)));
    }
}
