//! A disk that fails where a simulation says so. In programs it never does, and this is nothing.

#[cfg(feature = "test-key-derivation")]
pub use simulated::Fault;

#[cfg(not(feature = "test-key-derivation"))]
#[derive(Default)]
pub(super) struct Disk {}

#[cfg(not(feature = "test-key-derivation"))]
impl Disk {
    pub(super) fn before_commit(&mut self) -> Result<(), super::VaultError> {
        Ok(())
    }

    pub(super) fn after_commit(&mut self) -> Result<(), super::VaultError> {
        Ok(())
    }
}

#[cfg(feature = "test-key-derivation")]
pub(super) use simulated::Disk;

#[cfg(feature = "test-key-derivation")]
mod simulated {
    use std::io;

    use crate::vault::{Vault, VaultError};

    /// What happens to the disk, counted in transactions from now.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// The program ends after so many transactions. With `keeps`, the next one is on the disk and
        /// nobody was told; else it is not.
        Crash {
            /// Transactions that go well before.
            after: u64,
            /// Whether the next one is kept.
            keeps: bool,
        },
        /// After so many transactions the disk is full for the following ones.
        Full {
            /// Transactions that go well before.
            after: u64,
            /// Transactions that fail.
            failing: u64,
        },
    }

    /// The disk of one vault.
    #[derive(Default)]
    pub struct Disk {
        fault: Option<Fault>,
        crashed: bool,
        happened: bool,
    }

    impl Disk {
        pub(in crate::vault) fn before_commit(&mut self) -> Result<(), VaultError> {
            if self.crashed {
                return Err(ended());
            }
            match &mut self.fault {
                None => Ok(()),
                Some(Fault::Crash { after, .. } | Fault::Full { after, .. }) if *after > 0 => {
                    *after -= 1;
                    Ok(())
                }
                Some(Fault::Crash { keeps, .. }) => {
                    (self.crashed, self.happened) = (true, true);
                    if *keeps { Ok(()) } else { Err(ended()) }
                }
                Some(Fault::Full { failing, .. }) => {
                    if *failing == 0 {
                        self.fault = None;
                        return Ok(());
                    }
                    *failing -= 1;
                    self.happened = true;
                    Err(VaultError::DiskFull)
                }
            }
        }

        pub(in crate::vault) fn after_commit(&mut self) -> Result<(), VaultError> {
            if self.crashed { Err(ended()) } else { Ok(()) }
        }
    }

    fn ended() -> VaultError {
        VaultError::Io(io::Error::other("the simulated program has ended"))
    }

    impl Vault {
        /// Lets the disk fail, or be sound again.
        pub fn set_fault(&mut self, fault: Option<Fault>) {
            let disk = self.disk.get_mut();
            disk.fault = fault;
            disk.happened = false;
        }

        /// Whether the fault has struck since it was set.
        pub fn has_failed(&self) -> bool {
            self.disk.borrow().happened
        }

        /// Whether the simulated program has ended: nothing it does from then on is kept.
        pub fn has_crashed(&self) -> bool {
            self.disk.borrow().crashed
        }
    }
}
