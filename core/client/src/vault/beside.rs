//! A way into an open vault beside the one who works with it.

use std::sync::{Arc, Mutex, Weak};

use super::collection::Collection;
use super::error::VaultError;
use super::seal::Sealer;
use super::transaction::{RecordList, Records, Transaction};
use super::{Database, Vault, locked};

/// Notes in a vault what a person types while a command that has the vault open asks them. It ends with the vault,
/// unless it is told to keep it open.
pub(crate) struct Beside {
    database: Weak<Mutex<Database>>,
    sealer: Arc<Sealer>,
    kept_open: Option<Arc<Mutex<Database>>>,
}

impl Vault {
    /// A way in beside this one.
    pub(crate) fn beside(&self) -> Beside {
        Beside {
            database: Arc::downgrade(&self.database),
            sealer: Arc::clone(&self.sealer),
            kept_open: None,
        }
    }
}

impl Beside {
    /// Keeps the database and its home until this is dropped.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] where it was closed meanwhile.
    pub(crate) fn keep_open(&mut self) -> Result<(), VaultError> {
        self.kept_open = Some(self.database()?);
        Ok(())
    }

    /// As [`Vault::list_all`].
    pub(crate) fn list_all(&self, collection: Collection) -> Result<RecordList, VaultError> {
        let database = self.database()?;
        let held = locked(&database);
        Records {
            connection: &held.connection,
            sealer: &self.sealer,
        }
        .list_all(collection)
    }

    /// As [`Vault::note`].
    pub(crate) fn note(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let database = self.database()?;
        let held = locked(&database);
        let begun = held.connection.unchecked_transaction()?;
        let transaction = Transaction::new(&begun, &self.sealer);
        change(&transaction)?;
        if transaction.has_failed() {
            return Err(VaultError::TransactionFailed);
        }
        Ok(begun.commit()?)
    }

    fn database(&self) -> Result<Arc<Mutex<Database>>, VaultError> {
        self.database.upgrade().ok_or(VaultError::NotFound)
    }
}
