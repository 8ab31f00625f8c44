//! Which spaces hold something that waits, so that a log or key that arrives leads to them alone and
//! nothing else that is held is looked through.

use nahtlos_protocol::identifier::SpaceId;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`: spaces with envelopes that are no part of their document yet and may
/// still become one; key = `w` ‖ space.
const WAITING_SPACES: &[u8] = b"waiting-spaces";

impl Nahtlos {
    /// Spaces in which something waits that an arriving log or key may free.
    pub(crate) fn spaces_waiting_for_keys(&self) -> Result<Vec<SpaceId>, ClientError> {
        let spaces = self.vault.list(Collection::Setting, WAITING_SPACES)?;
        Ok(spaces
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key.get(1..)?))
            .collect())
    }
}

fn waiting_key(space: &SpaceId) -> Vec<u8> {
    [b"w".as_slice(), &space.0].concat()
}

/// Notes whether anything waits in a space.
pub(crate) fn put_waiting_space(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    is_anything_waiting: bool,
) -> Result<(), ClientError> {
    let key = waiting_key(space);
    if is_anything_waiting {
        transaction.put(Collection::Setting, WAITING_SPACES, &key, 0, b"")?;
    } else {
        transaction.delete(Collection::Setting, &key)?;
    }
    Ok(())
}
