//! The vault: everything one device keeps, sealed record by record in one SQLite database.
//!
//! A home directory (0700) holds `vault.sqlite`, while open its write-ahead log, and `vault.lock`
//! (all 0600). The passphrase opens a random vault key ([`KeyDerivation`], layout in `header.rs`);
//! keys derived from it name and seal the records (layout in `seal.rs`). In clear stand only the
//! number and size of records, the number of their [`Collection`], their positions and which of
//! them share a group; no name, key, group or content.
//!
//! A transaction is atomic, and on the disk when it returns.

mod backup;
mod beside;
mod check;
mod collection;
mod error;
mod fault;
mod header;
mod lock;
mod passphrase;
mod private_files;
mod restore;
mod schema;
mod seal;
#[cfg(test)]
mod tests;
mod transaction;
mod wipe;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::CryptoRng;
use rusqlite::{Connection, TransactionBehavior};

pub(crate) use beside::Beside;
pub use check::CheckReport;
pub use collection::Collection;
pub use error::{DamagedPart, VaultError};
#[cfg(feature = "test-key-derivation")]
pub use fault::Fault;
pub use header::KeyDerivation;
pub use passphrase::{EarlierHeader, Strengthened};
pub use seal::{NAME_LIMIT_BYTES, VALUE_LIMIT_BYTES};
pub use transaction::{RecordList, Transaction};

use header::VaultKey;
use lock::HomeLock;
use schema::Content;
use seal::Sealer;
use transaction::Records;

const DATABASE_FILE: &str = "vault.sqlite";
/// What SQLite adds to the name of the database for its own files.
const DATABASE_COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// One device's open store. It holds its home alone: a second [`Vault::open`] of the same home,
/// from whatever process, is refused with [`VaultError::InUse`] until this one is dropped.
pub struct Vault {
    /// Shared with who notes beside ([`Beside`]) what a person types meanwhile.
    database: Arc<Mutex<Database>>,
    sealer: Arc<Sealer>,
    vault_key: VaultKey,
    home: PathBuf,
    disk: RefCell<fault::Disk>,
    /// Whether transactions are parts of one that was begun around them.
    is_within_one: bool,
    strengthened: Option<Strengthened>,
}

/// The open database, and the lock that keeps the home for it alone.
struct Database {
    // Fields drop in this order: the database is closed before the home is free for others.
    connection: Connection,
    lock: HomeLock,
}

/// A defect while it was held leaves nothing half written: what was begun is undone.
fn locked(database: &Mutex<Database>) -> MutexGuard<'_, Database> {
    database.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vault {
    /// Makes a vault with a new random key in `home`, which is made 0700 if it is missing.
    /// A creation that was interrupted earlier is taken up again.
    ///
    /// # Errors
    /// [`VaultError::EmptyPassphrase`], [`VaultError::DerivationRefused`],
    /// [`VaultError::AlreadyExists`], [`VaultError::InUse`], [`VaultError::DiskFull`],
    /// [`VaultError::Io`]; [`VaultError::Damaged`] or [`VaultError::UnknownFormat`] when a database
    /// is there that is not a vault of this format. Nothing that exists is ever overwritten.
    pub fn create(
        home: &Path,
        passphrase: &[u8],
        derivation: KeyDerivation,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vault, VaultError> {
        header::require_passphrase(passphrase)?;
        derivation.require_accepted()?;
        private_files::make_private_directory(home)?;
        let lock = HomeLock::acquire(home)?;
        let file = home.join(DATABASE_FILE);
        // Made before SQLite opens it: SQLite's own files copy the mode of the database.
        drop(private_files::open_private_file(&file)?);
        private_files::sync_directory(home)?;
        let mut connection = schema::connect(&file)?;
        if schema::inspect(&connection)? == Content::Vault {
            return Err(VaultError::AlreadyExists);
        }

        let vault_key = header::make_vault_key(rng);
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let header = header::wrap(&vault_key, passphrase, derivation, salt, nonce)?;
        schema::make_durable(&connection)?;
        schema::lay_out(&mut connection, &header)?;
        Vault::assemble(connection, vault_key, home, lock)
    }

    /// Opens the vault in `home`.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] when there is none (or its creation was interrupted),
    /// [`VaultError::WrongPassphrase`], [`VaultError::EmptyPassphrase`], [`VaultError::InUse`],
    /// [`VaultError::Damaged`], [`VaultError::UnknownFormat`],
    /// [`VaultError::DerivationRefused`] for stored parameters out of bounds,
    /// [`VaultError::DiskFull`], [`VaultError::Io`]; [`VaultError::Wiped`] where a wiping had been
    /// interrupted, which is finished now.
    ///
    /// Where the derivation is weaker than a new vault's, the key is wrapped anew with that one
    /// ([`Vault::strengthened`] says so); where this fails, the vault opens all the same.
    pub fn open(home: &Path, passphrase: &[u8]) -> Result<Vault, VaultError> {
        header::require_passphrase(passphrase)?;
        let file = home.join(DATABASE_FILE);
        require_present(&file)?;
        private_files::restrict_directory(home)?;
        let lock = HomeLock::acquire(home)?;
        restrict_database(home)?;
        let connection = schema::connect(&file)?;
        if schema::inspect(&connection)? == Content::Nothing {
            return Err(VaultError::NotFound);
        }
        let header = schema::read_header(&connection)?;
        if wipe::is_wiped(&header) {
            wipe::go_on(connection, home, lock)?;
            return Err(VaultError::Wiped);
        }
        let vault_key = header::unwrap(&header, passphrase)?;
        schema::make_durable(&connection)?;
        let mut vault = Vault::assemble(connection, vault_key, home, lock)?;
        vault.strengthen(header::derivation_of(&header)?, passphrase);
        Ok(vault)
    }

    /// The value stored under `key`, if there is one.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when the record does not open, [`VaultError::Io`].
    pub fn get(&self, collection: Collection, key: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        self.read(|records| records.get(collection, key))
    }

    /// Whether a record stands under `key`, without opening it.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn contains(&self, collection: Collection, key: &[u8]) -> Result<bool, VaultError> {
        self.read(|records| records.contains(collection, key))
    }

    /// How many records a collection has, without opening them.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn count(&self, collection: Collection) -> Result<u64, VaultError> {
        self.read(|records| records.count(collection))
    }

    /// Whether nothing was stored yet.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn is_empty(&self) -> Result<bool, VaultError> {
        self.read(|records| records.is_empty())
    }

    /// Keys and values of one group, by position and then by key.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn list(&self, collection: Collection, group: &[u8]) -> Result<RecordList, VaultError> {
        self.read(|records| records.list(collection, group))
    }

    /// The highest position in a group; none where the group is empty.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn last_position(
        &self,
        collection: Collection,
        group: &[u8],
    ) -> Result<Option<i64>, VaultError> {
        self.read(|records| records.last_position(collection, group))
    }

    /// Keys and values of a whole collection, by position and then by key, over all groups.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn list_all(&self, collection: Collection) -> Result<RecordList, VaultError> {
        self.read(|records| records.list_all(collection))
    }

    /// The same of those that open, and how many do not: for what must go on although a record is damaged.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn list_all_that_open(
        &self,
        collection: Collection,
    ) -> Result<(RecordList, u64), VaultError> {
        self.read(|records| records.list_all_that_open(collection))
    }

    /// Runs `change` and keeps all it wrote, on the disk, when this returns `Ok`; keeps nothing
    /// when `change` returns `Err` or panics, or when a write or the commit fails.
    ///
    /// # Errors
    /// What `change` returns, and [`VaultError::DiskFull`], [`VaultError::Io`],
    /// [`VaultError::TransactionFailed`] from the vault.
    pub fn transaction<T, E: From<VaultError>>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.is_within_one {
            return self.part(change);
        }
        let mut held = locked(&self.database);
        let database = held
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(VaultError::from)?;
        let transaction = Transaction::new(&database, &self.sealer);
        let outcome = change(&transaction)?;
        if transaction.has_failed() {
            return Err(VaultError::TransactionFailed.into());
        }
        self.disk.get_mut().before_commit()?;
        database.commit().map_err(VaultError::from)?;
        self.disk.get_mut().after_commit()?;
        Ok(outcome)
    }

    /// The same for a note that is made while others look at this vault: small, and nothing that a
    /// cache in memory stands for. Within a transaction that was begun it is a part of that one.
    ///
    /// # Errors
    /// As [`Vault::transaction`]; nothing is kept then.
    pub(crate) fn note(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let held = self.database();
        if self.is_within_one {
            return change(&Transaction::new(&held.connection, &self.sealer));
        }
        let database = held.connection.unchecked_transaction()?;
        let transaction = Transaction::new(&database, &self.sealer);
        change(&transaction)?;
        if transaction.has_failed() {
            return Err(VaultError::TransactionFailed);
        }
        self.disk.borrow_mut().before_commit()?;
        database.commit()?;
        self.disk.borrow_mut().after_commit()
    }

    /// Whether a transaction was begun that [`Vault::transaction`]s are parts of.
    pub(crate) fn is_within_one(&self) -> bool {
        self.is_within_one
    }

    /// Begins a transaction: what [`Vault::transaction`] does from now on is on the disk together
    /// with [`Vault::end`], or not at all.
    pub(crate) fn begin(&mut self) -> Result<(), VaultError> {
        self.database()
            .connection
            .execute_batch("BEGIN IMMEDIATE")?;
        self.is_within_one = true;
        Ok(())
    }

    /// Keeps everything since [`Vault::begin`].
    ///
    /// # Errors
    /// As [`Vault::transaction`]; nothing is kept then.
    pub(crate) fn end(&mut self) -> Result<(), VaultError> {
        self.is_within_one = false;
        if self.database().connection.is_autocommit() {
            // SQLite ended it by itself, after a failure that somebody passed over.
            return Err(VaultError::TransactionFailed);
        }
        let ended = self
            .disk
            .get_mut()
            .before_commit()
            .and_then(|()| Ok(self.database().connection.execute_batch("COMMIT")?));
        if ended.is_err() {
            self.undo();
        }
        ended?;
        self.disk.get_mut().after_commit()
    }

    /// Keeps nothing since [`Vault::begin`].
    pub(crate) fn undo(&mut self) {
        self.is_within_one = false;
        let held = self.database();
        if !held.connection.is_autocommit() {
            // Where even this fails, nothing is kept either: the log beside the database says so.
            let _undone_by_the_next_start = held.connection.execute_batch("ROLLBACK");
        }
    }

    /// One of several transactions that are kept together.
    fn part<T, E: From<VaultError>>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut held = locked(&self.database);
        if held.connection.is_autocommit() {
            return Err(VaultError::TransactionFailed.into());
        }
        let database = held.connection.savepoint().map_err(VaultError::from)?;
        let transaction = Transaction::new(&database, &self.sealer);
        let outcome = change(&transaction)?;
        if transaction.has_failed() {
            return Err(VaultError::TransactionFailed.into());
        }
        database.commit().map_err(VaultError::from)?;
        Ok(outcome)
    }

    /// Opens every record and lets SQLite check its file.
    ///
    /// # Errors
    /// Damage is in the report; an error means that reading could not go on.
    pub fn check(&self) -> Result<CheckReport, VaultError> {
        self.check_each(&mut |_, _, _| {})
    }

    /// The same, and shows each record that opens: its collection, key and value.
    ///
    /// # Errors
    /// As [`Vault::check`].
    pub(crate) fn check_each(
        &self,
        visit: &mut check::Visitor<'_>,
    ) -> Result<CheckReport, VaultError> {
        check::check(&self.database().connection, &self.sealer, visit)
    }

    /// The directory this vault is in.
    pub fn home(&self) -> &Path {
        &self.home
    }

    fn assemble(
        connection: Connection,
        vault_key: VaultKey,
        home: &Path,
        lock: HomeLock,
    ) -> Result<Vault, VaultError> {
        Ok(Vault {
            database: Arc::new(Mutex::new(Database { connection, lock })),
            sealer: Arc::new(Sealer::new(&vault_key)?),
            vault_key,
            home: home.to_path_buf(),
            disk: RefCell::default(),
            is_within_one: false,
            strengthened: None,
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Records<'_>) -> T) -> T {
        read(&Records {
            connection: &self.database().connection,
            sealer: &self.sealer,
        })
    }

    /// For one step: it must not be asked for again while it is held.
    fn database(&self) -> MutexGuard<'_, Database> {
        locked(&self.database)
    }
}

/// Shows no key, no passphrase and no path.
impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Says that nothing is there before any file is made, so that a mistyped home leaves no trace.
fn require_present(file: &Path) -> Result<(), VaultError> {
    match std::fs::metadata(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(VaultError::NotFound),
        Err(error) => Err(error.into()),
    }
}

fn restrict_database(home: &Path) -> Result<(), VaultError> {
    private_files::restrict_file(&home.join(DATABASE_FILE))?;
    for companion in DATABASE_COMPANIONS {
        match private_files::restrict_file(&home.join(format!("{DATABASE_FILE}{companion}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
