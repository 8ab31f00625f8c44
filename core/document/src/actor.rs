//! Who made a change, as automerge sees it: a random-looking 16-byte id per device and run.

use std::fmt;

use sha2::{Digest, Sha256};

/// Domain label of [`Actor::derive`].
const ACTOR_LABEL: &[u8] = b"nahtlos/v1/actor\0";

/// An automerge actor: 16 bytes.
///
/// It is an ordering and uniqueness device only. Who really wrote a change is what the signature
/// of the envelope around it says; the gate refuses an actor that is not that author's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor([u8; 16]);

impl Actor {
    /// The first 16 bytes of SHA-256(`"nahtlos/v1/actor\0"` ‖ space (32) ‖ device (32) ‖ run nonce (16)).
    ///
    /// The run nonce is new at every opening of the vault: a vault restored from a backup would
    /// otherwise use sequence numbers twice.
    pub fn derive(space: &[u8; 32], device: &[u8; 32], run_nonce: &[u8; 16]) -> Actor {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(ACTOR_LABEL)
            .chain_update(space)
            .chain_update(device)
            .chain_update(run_nonce)
            .finalize()
            .into();
        let mut actor = [0; 16];
        for (to, from) in actor.iter_mut().zip(digest) {
            *to = from;
        }
        Actor(actor)
    }

    /// The actor with exactly these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Actor {
        Actor(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// `None` unless the id has exactly 16 bytes, as every actor of ours has.
    pub(crate) fn from_engine(id: &automerge::ActorId) -> Option<Actor> {
        id.to_bytes().try_into().ok().map(Actor)
    }

    pub(crate) fn to_engine(self) -> automerge::ActorId {
        automerge::ActorId::from(self.0)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hexadecimal(&self.0, formatter)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Actor({self})")
    }
}

pub(crate) fn write_hexadecimal(bytes: &[u8], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes
        .iter()
        .try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_depends_on_space_device_and_run() {
        let actor = Actor::derive(&[1; 32], &[2; 32], &[3; 16]);
        assert_eq!(actor, Actor::derive(&[1; 32], &[2; 32], &[3; 16]));
        assert_ne!(actor, Actor::derive(&[9; 32], &[2; 32], &[3; 16]));
        assert_ne!(actor, Actor::derive(&[1; 32], &[9; 32], &[3; 16]));
        assert_ne!(actor, Actor::derive(&[1; 32], &[2; 32], &[9; 16]));
    }

    #[test]
    fn an_actor_is_the_documented_hash() {
        let mut input = b"nahtlos/v1/actor\0".to_vec();
        input.extend([1; 32]);
        input.extend([2; 32]);
        input.extend([3; 16]);
        let expected = Sha256::digest(&input);
        let actor = Actor::derive(&[1; 32], &[2; 32], &[3; 16]);
        assert_eq!(actor.as_bytes(), &expected[..16]);
        assert_eq!(Actor::from_bytes(*actor.as_bytes()), actor);
    }
}
