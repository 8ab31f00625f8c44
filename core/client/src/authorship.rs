//! Where each device left something that it signed: the spaces, by device. Kept with every operation that
//! is replayed and every envelope that is verified, so that nobody has to look through all logs for the
//! traces of one device.

use nahtlos_protocol::identifier::{DeviceId, SpaceId};

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`, ‖ device; key = `w` ‖ device ‖ space, value = [`NEW`] or [`LOOKED_AT`].
const WROTE: &[u8] = b"wrote:";
/// Something came since somebody looked.
const NEW: &[u8] = &[1];
/// Nothing did.
const LOOKED_AT: &[u8] = &[0];

/// A space in which a device left something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub space: SpaceId,
    /// Whether something came since it was looked at.
    pub is_new: bool,
}

/// Keeps that a device signed something in a space.
pub(crate) fn note_author(
    transaction: &Transaction<'_>,
    device: &DeviceId,
    space: &SpaceId,
) -> Result<(), ClientError> {
    let known = transaction.get(Collection::Setting, &key(device, space))?;
    if known.as_deref() == Some(NEW) {
        return Ok(());
    }
    put(transaction, device, space, NEW)
}

/// Keeps that the traces of a device in a space were looked at.
pub(crate) fn put_looked_at(
    transaction: &Transaction<'_>,
    device: &DeviceId,
    space: &SpaceId,
) -> Result<(), ClientError> {
    put(transaction, device, space, LOOKED_AT)
}

impl Nahtlos {
    /// Where a device left something, as far as it arrived here.
    pub(crate) fn traces_of(&self, device: &DeviceId) -> Result<Vec<Trace>, ClientError> {
        let stored = self.vault.list(Collection::Setting, &group(device))?;
        let traces = stored.iter().filter_map(|(key, value)| {
            Some(Trace {
                space: SpaceId::from_slice(key.get(1 + device.0.len()..)?)?,
                is_new: value == NEW,
            })
        });
        Ok(traces.collect())
    }
}

fn put(
    transaction: &Transaction<'_>,
    device: &DeviceId,
    space: &SpaceId,
    value: &[u8],
) -> Result<(), ClientError> {
    let (group, key) = (group(device), key(device, space));
    transaction.put(Collection::Setting, &group, &key, 0, value)?;
    Ok(())
}

fn group(device: &DeviceId) -> Vec<u8> {
    [WROTE, &device.0].concat()
}

fn key(device: &DeviceId, space: &SpaceId) -> Vec<u8> {
    [b"w".as_slice(), &device.0, &space.0].concat()
}
