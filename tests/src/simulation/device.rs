//! One device of the simulation: its home, its replica while the program runs, its clock.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use nahtlos_client::Nahtlos;
use nahtlos_protocol::crypto::device_key::DeviceSeed;

use crate::PASSPHRASE;

/// One device.
pub struct Device {
    /// How the story calls it.
    pub name: String,
    /// Its directory.
    pub home: PathBuf,
    /// The replica; none while it syncs, when the simulation lends it out.
    pub replica: Option<Nahtlos>,
    /// Which relay it reaches: 0 is the one all return to.
    pub relay: usize,
    /// Whether it reaches none at present.
    pub cut_off: bool,
    /// By how much its clock is wrong, milliseconds.
    pub skew_ms: Arc<AtomicI64>,
    /// The device whose home this one is a copy of.
    pub copy_of: Option<usize>,
    /// Whether it came after the run had begun.
    pub newcomer: bool,
    /// Whether its owner does what the program never would.
    pub hostile: bool,
    /// Whose it is, as the story calls that person's first device.
    pub owner: String,
    /// Whether it never comes back. Whoever has it has its keys.
    pub gone: bool,
    /// The seed of a device that lies in no home: on paper, or split among custodians.
    pub seed: Option<DeviceSeed>,
    time: Arc<AtomicU64>,
}

impl Device {
    /// Opens a home that lies there.
    ///
    /// # Panics
    /// Where the home does not open.
    #[must_use]
    pub fn open(name: &str, home: PathBuf, time: &Arc<AtomicU64>) -> Self {
        let replica = Nahtlos::open(&home, PASSPHRASE).expect("the home opens");
        Self::with(name, home, replica, time)
    }

    /// A device whose replica is open.
    #[must_use]
    pub fn with(name: &str, home: PathBuf, replica: Nahtlos, time: &Arc<AtomicU64>) -> Self {
        let mut device = Self::bare(name, home, time);
        device.replica = Some(device.clocked(replica));
        device
    }

    /// A device that lies in no home.
    #[must_use]
    pub fn of_seed(name: &str, owner: &str, seed: DeviceSeed, time: &Arc<AtomicU64>) -> Self {
        let mut device = Self::bare(name, PathBuf::new(), time);
        owner.clone_into(&mut device.owner);
        device.gone = true;
        device.seed = Some(seed);
        device
    }

    fn bare(name: &str, home: PathBuf, time: &Arc<AtomicU64>) -> Self {
        Self {
            name: name.to_owned(),
            home,
            replica: None,
            relay: 0,
            cut_off: false,
            skew_ms: Arc::new(AtomicI64::new(0)),
            copy_of: None,
            newcomer: false,
            hostile: false,
            owner: name.to_owned(),
            gone: false,
            seed: None,
            time: Arc::clone(time),
        }
    }

    /// Ends the program, wherever it is, and starts it again.
    ///
    /// # Panics
    /// Where the home does not open again: then something durable is damaged.
    pub fn restart(&mut self) {
        drop(self.replica.take());
        let replica = Nahtlos::open(&self.home, PASSPHRASE).expect("the home opens again");
        self.replica = Some(self.clocked(replica));
    }

    fn clocked(&self, mut replica: Nahtlos) -> Nahtlos {
        let (time, skew) = (Arc::clone(&self.time), Arc::clone(&self.skew_ms));
        replica.set_clock(Box::new(move || {
            let skew = skew.load(Ordering::SeqCst);
            time.load(Ordering::SeqCst).saturating_add_signed(skew)
        }));
        replica
    }
}
