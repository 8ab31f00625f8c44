//! Randomness that a simulation makes of its seed, for tests only: the same seed gives the same keys,
//! ids and salts, so that a run can be repeated byte for byte.

use std::cell::RefCell;
use std::convert::Infallible;

use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, OperationId};
use nahtlos_protocol::space::operation::SignedOperation;
use rand_core::{Rng as _, TryCryptoRng, TryRng, UnwrapErr};
use sha2::{Digest, Sha256};

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::SealedRecord;
use crate::vault::Collection;

thread_local! {
    static SEEDED: RefCell<Option<Seeded>> = const { RefCell::new(None) };
}

/// SHA-256(seed ‖ counter), one block after the other.
#[derive(Clone, Copy)]
struct Seeded {
    seed: u64,
    counter: u64,
}

/// From now on everything this thread makes at random comes from `seed`.
pub fn seed_this_thread(seed: u64) {
    SEEDED.with_borrow_mut(|seeded| *seeded = Some(Seeded { seed, counter: 0 }));
}

/// From now on this thread asks the operating system again.
pub fn unseed_this_thread() {
    SEEDED.with_borrow_mut(|seeded| *seeded = None);
}

/// The operating system's random number generator, unless this thread was seeded.
pub(crate) struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        SEEDED.with_borrow_mut(|seeded| match seeded {
            Some(seeded) => seeded.fill(target),
            None => UnwrapErr(getrandom::SysRng).fill_bytes(target),
        });
        Ok(())
    }
}

impl TryCryptoRng for Random {}

impl Seeded {
    fn fill(&mut self, target: &mut [u8]) {
        for chunk in target.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(b"nahtlos simulation")
                .chain_update(self.seed.to_be_bytes())
                .chain_update(self.counter.to_be_bytes())
                .finalize();
            self.counter += 1;
            for (byte, random) in chunk.iter_mut().zip(block) {
                *byte = random;
            }
        }
    }
}

impl Nahtlos {
    /// Of these operations those that are stored here: in their logs, set aside, or waiting. What an answer
    /// brought is known to its reader from then on, even where the program ended over it.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn operations_stored(&self, wanted: &[ItemId]) -> Result<Vec<ItemId>, ClientError> {
        let logs = self.vault.list_all(Collection::Operation)?;
        let logs = logs
            .iter()
            .filter_map(|(_, bytes)| SignedOperation::decode(bytes).ok());
        let waiting = self.waiting_operations()?.into_iter();
        let stored = logs.chain(waiting.map(|(operation, _)| operation));
        let mut stored: Vec<ItemId> = stored.map(|operation| operation.id().into()).collect();
        stored.retain(|id| wanted.contains(id));
        for id in wanted {
            if self.lost_operation(&OperationId(id.0))?.is_some() {
                stored.push(*id);
            }
        }
        Ok(stored)
    }

    /// What is sealed here and not answered yet.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn sealed_envelopes(&self) -> Result<Vec<Envelope>, ClientError> {
        let unanswered = self.unanswered()?.into_iter();
        let sealed = unanswered.filter_map(|(_, record)| match record {
            SealedRecord::Envelope { bytes, .. } => Envelope::decode(&bytes).ok(),
            SealedRecord::Operation { .. } => None,
        });
        Ok(sealed.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seeded_thread_makes_the_same_again_and_another_seed_something_else() {
        let made = |seed| {
            seed_this_thread(seed);
            let bytes = crate::random::nonce(&mut crate::random::system());
            unseed_this_thread();
            bytes
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
        let unseeded = || crate::random::nonce(&mut crate::random::system());
        assert_ne!(unseeded(), unseeded());
    }
}
