//! What this client reads that somebody else wrote, beyond the forms of the protocol, as functions
//! over bytes: for the tests that try it with hostile input, and only there.

use std::io::Cursor;

use nahtlos_protocol::identifier::SpaceId;

use crate::bundle::file::{FileKind, FileReader, FileWriter};
use crate::bundle::{BundleError, examine};
use crate::directory::{InstitutionCard, NetworkCard, PersonCard, TeamCard};
use crate::error::ClientError;
use crate::joining::Introduction;
use crate::records::{self, LabelRecord};

use crate::transport::Answer;

/// A section's label, as it stands sealed in its first epoch: the code of its kind.
#[must_use]
pub fn label(bytes: &[u8]) -> Option<String> {
    let label: LabelRecord = records::decode(bytes).ok()?;
    let _case = label.case();
    Some(label.kind)
}

/// What a newcomer says of themselves in a join request.
#[must_use]
pub fn introduction(bytes: &[u8]) -> Option<Introduction> {
    serde_json::from_slice(bytes).ok()
}

/// How many of the directory's kinds of cards this is.
#[must_use]
pub fn cards(bytes: &[u8]) -> usize {
    let read = [
        serde_json::from_slice::<NetworkCard>(bytes).is_ok(),
        serde_json::from_slice::<InstitutionCard>(bytes).is_ok(),
        serde_json::from_slice::<TeamCard>(bytes).is_ok(),
        serde_json::from_slice::<PersonCard>(bytes).is_ok(),
    ];
    read.into_iter().filter(|read| *read).count()
}

/// What a relay's refusal says to a person.
#[must_use]
pub fn refusal(status: u16, body: &[u8]) -> String {
    let answer = Answer {
        status,
        body: body.to_vec(),
        relay_time: None,
    };
    ClientError::of_refusal(&answer).to_string()
}

/// The parts of a bundle file; of a file that is not whole, why not.
///
/// # Errors
/// What a person is told.
pub fn bundle_parts(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    parts(bytes, FileKind::Bundle)
}

/// The same of a request.
///
/// # Errors
/// What a person is told.
pub fn request_parts(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    parts(bytes, FileKind::Request)
}

fn parts(bytes: &[u8], kind: FileKind) -> Result<Vec<Vec<u8>>, String> {
    let read = || {
        let mut reader = FileReader::begin(bytes, kind)?;
        let mut parts = Vec::new();
        while let Some(part) = reader.next()? {
            parts.push(part);
        }
        Ok(parts)
    };
    read().map_err(|error: BundleError| error.to_string())
}

/// Why a file is refused as a whole as a bundle of a network, before any of its items is looked at.
#[must_use]
pub fn bundle_refused(bytes: &[u8], network: &SpaceId) -> Option<&'static str> {
    let examined = examine(&mut Cursor::new(bytes), network);
    examined.err().map(|error| error.code())
}

/// A bundle file of these parts, whatever they are.
#[must_use]
pub fn bundle_of(parts: &[Vec<u8>]) -> Vec<u8> {
    file_of(parts, FileKind::Bundle)
}

/// A request of these parts, whatever they are.
#[must_use]
pub fn request_of(parts: &[Vec<u8>]) -> Vec<u8> {
    file_of(parts, FileKind::Request)
}

fn file_of(parts: &[Vec<u8>], kind: FileKind) -> Vec<u8> {
    let mut file = Vec::new();
    let mut write = || {
        let mut writer = FileWriter::begin(&mut file, kind)?;
        parts.iter().try_for_each(|part| writer.part(part))?;
        writer.finish()
    };
    let written: std::io::Result<()> = write();
    written.map_or_else(|_| Vec::new(), |()| file)
}
