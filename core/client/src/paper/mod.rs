//! A paper device: a further device of a person whose secret is 24 words on paper and lies on no disk.
//! It is made here, written down, and only then listed; [`restoring`] brings a person back with it.

pub mod restoring;
pub mod words;

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::identifier::{DeviceId, SignatureBytes, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::effect::{DeviceKeys, Member};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{admission_message, authority};
use nahtlos_protocol::wire::paper::PaperText;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;

/// A paper that was drawn and is not listed yet. It is in memory alone.
#[derive(Debug)]
pub struct Paper {
    seed: DeviceSeed,
    person: SpaceId,
    text: PaperText,
}

impl Paper {
    /// The 24 words, in their order.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        words::of_seed(&self.seed)
    }

    /// What has to stand beside the words: no secret.
    #[must_use]
    pub fn text(&self) -> &PaperText {
        &self.text
    }

    /// Fingerprint of the device, as `device list` will show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.text.device.to_string()
    }
}

impl Nahtlos {
    /// Draws a paper of this person. Nothing is stored: [`Self::list_paper`] does that, once it is
    /// written down.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::NotAdmitted`]; [`ClientError::NoRight`] where this
    /// device was revoked.
    pub fn draw_paper(&self) -> Result<Paper, ClientError> {
        self.require_sending()?;
        let person = self.person()?;
        if !self.device.admitted {
            return Err(ClientError::NotAdmitted);
        }
        let right = authority::right(&self.logs(), &self.device_id, &person);
        if !right.at_least(Role::Manage) {
            return Err(ClientError::NoRight {
                action: "make a paper",
                reason: "this device was revoked".into(),
            });
        }
        let relay = self.relay_key().ok_or(ClientError::NotEnrolled)?;
        let url = self.device.relay_url.clone();
        let seed = DeviceSeed::random(&mut random::system());
        let device = seed.keys().public_keys().device_id();
        Ok(Paper {
            person,
            text: PaperText {
                url: url.ok_or(ClientError::NotEnrolled)?,
                relay: VerifyingKeyBytes(*relay.as_bytes()),
                network: self.network()?,
                device: Fingerprint::of(&device),
            },
            seed,
        })
    }

    /// Adds a paper to this person's devices, under a name that these see. Decided now, carried out at
    /// the next sync.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn list_paper(&mut self, paper: &Paper, name: &str) -> Result<(), ClientError> {
        let intent = Intent::AddDevice {
            space: paper.person,
            member: agreed_member(&paper.seed, &paper.person),
            name: name.to_owned(),
        };
        self.decide(intent, &paper.person)
    }
}

/// A device's keys, and its consent to be one of a person.
fn agreed_member(seed: &DeviceSeed, person: &SpaceId) -> Member {
    let keys = seed.keys();
    let public = keys.public_keys();
    let message = admission_message(Some(*person), DeviceId(public.device_id()));
    let signature = keys.signing.sign(label::ADMISSION_SIGN, &message);
    Member::Device {
        keys: DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        },
        countersignature: SignatureBytes(*signature.as_bytes()),
    }
}
