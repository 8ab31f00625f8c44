//! A device that lives in no home: its seed was brought here for one errand. Its replica is sealed under
//! a passphrase that nobody knows, in a directory that goes with it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::{SpaceId, VerifyingKeyBytes};

use crate::error::ClientError;
use crate::nahtlos::{Nahtlos, put_device};
use crate::random;
use crate::vault::{KeyDerivation, VaultError};

/// In the home of the device that does the errand.
const DIRECTORY: &str = "borrowed";

/// Where a network is reached.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub url: String,
    pub relay: VerifyingKeyBytes,
    pub network: SpaceId,
}

/// The replica, until the errand is done.
pub(crate) struct Borrowed {
    /// None once it is being put away.
    replica: Option<Nahtlos>,
    directory: PathBuf,
}

impl Borrowed {
    /// Makes the replica of a device of a network. One that an interrupted errand left is removed.
    pub fn open(home: &Path, seed: &DeviceSeed, place: &Place) -> Result<Self, ClientError> {
        let directory = home.join(DIRECTORY);
        remove(&directory)?;
        let passphrase = Secret32::random(&mut random::system());
        let derivation = derivation();
        // Whatever fails from here on, the directory goes.
        let mut borrowed = Self {
            replica: None,
            directory,
        };
        let directory = &borrowed.directory;
        let mut replica =
            Nahtlos::create_with_seed(directory, passphrase.expose(), derivation, seed)?;
        replica.be_where(place)?;
        borrowed.replica = Some(replica);
        Ok(borrowed)
    }

    /// The replica.
    pub fn replica(&mut self) -> Result<&mut Nahtlos, ClientError> {
        self.replica.as_mut().ok_or(ClientError::NotEnrolled)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.replica = None;
        // Where it cannot be removed, what is left opens for nobody, and the next errand tries again.
        let _as_far_as_it_goes = remove(&self.directory);
    }
}

impl Nahtlos {
    /// A device that belongs to somebody already, and learns from the relay to whom.
    fn be_where(&mut self, place: &Place) -> Result<(), ClientError> {
        let mut device = self.device.clone();
        device.network = Some(place.network);
        device.relay_url = Some(place.url.clone());
        device.relay_key = Some(place.relay);
        self.commit(|transaction| put_device(transaction, &device))?;
        self.device = device;
        Ok(())
    }

    /// The person, institution and team of this device, once their logs are here.
    pub(crate) fn be_who(
        &mut self,
        person: SpaceId,
        institution: SpaceId,
        team: SpaceId,
    ) -> Result<(), ClientError> {
        let mut device = self.device.clone();
        device.person = Some(person);
        device.institution = Some(institution);
        device.team = Some(team);
        self.commit(|transaction| put_device(transaction, &device))?;
        self.device = device;
        self.documents.forget_directory();
        Ok(())
    }
}

/// The passphrase is 256 random bits that are nowhere: the derivation is the usual one all the same, but in
/// tests, where many errands are done.
fn derivation() -> KeyDerivation {
    #[cfg(any(test, feature = "test-key-derivation"))]
    return KeyDerivation::fast_for_tests();
    #[cfg(not(any(test, feature = "test-key-derivation")))]
    KeyDerivation::default()
}

fn remove(directory: &Path) -> Result<(), ClientError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(VaultError::from(error).into()),
        _ => Ok(()),
    }
}
