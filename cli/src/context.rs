//! What every command needs: the home, the vault in it, and the way to the relay.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::{AppStrategy, AppStrategyArgs};
use nahtlos_casework::fields::{Field, Line};
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::retention::Retention;
use nahtlos_client::reading::UnrecordedReadings;
use nahtlos_client::vault::{KeyDerivation, Strengthened, VaultError};
use nahtlos_client::{ClientError, HttpTransport, Nahtlos};

use crate::arguments::GlobalOptions;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase::{self, Passphrase};

/// The surroundings of one command.
#[derive(Debug)]
pub struct Context {
    /// This device's home directory.
    pub home: PathBuf,
    /// What named it, in words.
    home_source: &'static str,
    /// Certificates to trust for the relay.
    pub tls_ca: Option<PathBuf>,
    /// Said after whatever the command says.
    notices: RefCell<Vec<String>>,
    /// For what the person reads; recorded with it.
    purpose: Option<Line>,
    /// What could not be recorded as read.
    unrecorded: RefCell<Vec<UnrecordedReadings>>,
}

/// Characters of a new vault's passphrase: guesses at a copied vault are limited by nothing but the
/// derivation's cost. An empty one is refused by the vault itself.
const PASSPHRASE_CHARACTERS_MIN: usize = 12;

/// The client's words for a vault that another program has open, and for one that is not there.
const IN_USE: &str = "vault_in_use";
const NOT_FOUND: &str = "vault_not_found";

/// How long a backup waits for another command to end, and how often it looks.
const FREE_TIMEOUT: Duration = Duration::from_secs(60);
const FREE_PAUSE: Duration = Duration::from_millis(200);

/// A list of legal bases of one's own, in a home.
const LEGAL_BASES_FILE: &str = "legal-bases.json";
/// A list of one's own of how long cases are kept, in a home.
const RETENTION_FILE: &str = "retention.json";
/// The database in a home, by which a home is known.
const VAULT_FILE: &str = "vault.sqlite";

impl Context {
    /// From the options of every command; `home_typed` where the home stands on the command line, not
    /// in the environment.
    ///
    /// # Errors
    /// Where no home directory can be found.
    pub fn new(options: &GlobalOptions, home_typed: bool) -> Result<Self, Failure> {
        if options.passphrase.is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "passphrase_on_command_line",
                "A passphrase does not belong on the command line; nothing was done.",
                "The shell keeps it in its history, and others on this machine see it in the list of processes.",
                "Set NAHTLOS_PASSPHRASE_FILE or NAHTLOS_PASSPHRASE_COMMAND, or type it when you are \
                 asked. Then choose another passphrase: this one has been seen.",
            ));
        }
        let (home, home_source) = match &options.home {
            Some(home) if home_typed => (home.clone(), "`--home` names it"),
            Some(home) => (home.clone(), "NAHTLOS_HOME names it"),
            None => (
                default_home()?,
                "it is the default, as neither `--home` nor NAHTLOS_HOME names another",
            ),
        };
        Ok(Self {
            home,
            home_source,
            tls_ca: options.tls_ca.clone(),
            notices: RefCell::default(),
            purpose: options.occasion.as_deref().map(Line::parse).transpose()?,
            unrecorded: RefCell::default(),
        })
    }

    /// Whether a vault was ever made here.
    pub fn has_vault(&self) -> bool {
        self.home.join(VAULT_FILE).exists()
    }

    /// Unlocks the vault. A home without one is named before anybody is asked for a passphrase.
    ///
    /// # Errors
    /// Where there is none, or it does not open.
    pub fn open(&self) -> Result<Nahtlos, Failure> {
        self.require_vault()?;
        self.unlock(&passphrase::for_opening()?)
    }

    /// As [`Self::open`]; while another command has the vault open, waits for its end.
    ///
    /// # Errors
    /// As [`Self::open`]; in use where the other command takes longer than a minute.
    pub fn open_when_free(&self) -> Result<Nahtlos, Failure> {
        self.require_vault()?;
        let passphrase = passphrase::for_opening()?;
        let asked = Instant::now();
        loop {
            match self.unlock(&passphrase) {
                Err(failure) if failure.code == IN_USE && asked.elapsed() < FREE_TIMEOUT => {
                    std::thread::sleep(FREE_PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Unlocks the vault with a passphrase at hand.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<Nahtlos, Failure> {
        let mut nahtlos = Nahtlos::open(&self.home, passphrase)?;
        if let Some(Strengthened { from, to }) = nahtlos.vault_mut().strengthened() {
            self.notices.borrow_mut().push(format!(
                "The protection of this vault's passphrase was made stronger, to what new vaults have: {}; \
                 it was {}. The passphrase stays the same.",
                derivation_in_words(to),
                derivation_in_words(from)
            ));
        }
        nahtlos.set_reading_purpose(self.purpose.clone());
        crate::drafting::vault_is_open(&nahtlos);
        self.unrecorded
            .borrow_mut()
            .push(nahtlos.unrecorded_readings());
        Ok(nahtlos)
    }

    /// Whether the person said for what they read.
    pub fn has_occasion(&self) -> bool {
        self.purpose.is_some()
    }

    /// What is to be said after the command's own answer.
    pub fn take_notices(&self) -> Vec<String> {
        let mut notices = self.notices.take();
        notices.extend(
            self.unrecorded
                .take()
                .iter()
                .flat_map(UnrecordedReadings::take),
        );
        notices
    }

    /// Where a list of legal bases of one's own stands.
    pub fn legal_bases_file(&self) -> PathBuf {
        self.home.join(LEGAL_BASES_FILE)
    }

    /// The legal bases that rights may rest on: a list of one's own in the home, else the one that comes with
    /// the program.
    ///
    /// # Errors
    /// Where the list cannot be read: a right must not rest on what somebody else meant by a code.
    pub fn legal_bases(&self) -> Result<LegalBases, Failure> {
        let file = self.legal_bases_file();
        match file.exists() {
            true => legal_bases_in(&file),
            false => Ok(LegalBases::provided()),
        }
    }

    /// How long cases are kept and why they may be erased: a list of one's own in the home, else the one that
    /// comes with the program.
    ///
    /// # Errors
    /// Where the list cannot be read: nothing is erased by what somebody else meant.
    pub fn retention(&self) -> Result<Retention, Failure> {
        let file = self.home.join(RETENTION_FILE);
        if !file.exists() {
            return Ok(Retention::provided());
        }
        let text = crate::input::read_text(&file)?;
        Retention::parse(&text).map_err(|error| {
            Failure::new(
                Exit::Usage,
                error.code,
                format!("The list of retention periods in {} is not usable.", file.display()),
                format!("{}; {}.", error.reason, error.remedy),
                "Correct it, then run the command again; or take it away to use the list that comes with the program.",
            )
        })
    }

    /// A home without a vault is named.
    ///
    /// # Errors
    /// Where there is none.
    pub fn require_vault(&self) -> Result<(), Failure> {
        if !self.has_vault() {
            let mut failure = Failure::from(ClientError::Vault(VaultError::NotFound));
            failure.why = format!(
                "The home is {}: {}. This device has not founded or joined anything there.",
                self.home.display(),
                self.home_source
            );
            return Err(failure);
        }
        Ok(())
    }

    /// Unlocks the vault, or makes one: for founding and joining, which may be tried again.
    ///
    /// # Errors
    /// Where it does not open or cannot be made, or the new passphrase is too short.
    pub fn open_or_create(&self) -> Result<Nahtlos, Failure> {
        if self.has_vault() {
            match self.unlock(&passphrase::for_opening()?) {
                // Its making was interrupted before anything was stored: made again below.
                Err(failure) if failure.code == NOT_FOUND => {}
                other => return other,
            }
        }
        let passphrase = passphrase::for_a_new_vault()?;
        require_long(&passphrase)?;
        Ok(Nahtlos::create(
            &self.home,
            &passphrase,
            KeyDerivation::default(),
        )?)
    }

    /// The way to a relay.
    ///
    /// # Errors
    /// Where its address or the certificate file is not usable.
    pub fn transport(&self, url: &str) -> Result<HttpTransport, Failure> {
        HttpTransport::new(url, self.tls_ca.as_deref())
            .map_err(|error| ClientError::Transport(error).into())
    }

    /// The way to the relay of an enrolled device.
    ///
    /// # Errors
    /// Where this device is not enrolled, and as [`Self::transport`].
    pub fn transport_of(&self, nahtlos: &Nahtlos) -> Result<HttpTransport, Failure> {
        let url = nahtlos.relay_url().ok_or(ClientError::NotEnrolled)?;
        self.transport(url)
    }
}

/// For people: `64 MiB, 3 passes, 1 lane`.
pub fn derivation_in_words(derivation: KeyDerivation) -> String {
    let KeyDerivation {
        memory_kib,
        iterations,
        lanes,
    } = derivation;
    let lanes = if lanes == 1 {
        "1 lane".into()
    } else {
        format!("{lanes} lanes")
    };
    format!("{} MiB, {iterations} passes, {lanes}", memory_kib / 1024)
}

/// Refuses a new passphrase that is guessed too soon.
///
/// # Errors
/// Where it is too short.
pub fn require_long(passphrase: &[u8]) -> Result<(), Failure> {
    let characters = String::from_utf8_lossy(passphrase).chars().count();
    if characters == 0 || characters >= PASSPHRASE_CHARACTERS_MIN {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "passphrase_short",
        "The passphrase is too short; nothing was made or changed.",
        "At least 12 characters: whoever copies this device's files can try as often as they like.",
        "Run the command again with a passphrase of several words.",
    ))
}

fn default_home() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_app_strategy(AppStrategyArgs {
        top_level_domain: "ch".into(),
        author: "nahtlos".into(),
        app_name: "nahtlos".into(),
    });
    strategy.map(|strategy| strategy.data_dir()).map_err(|_| {
        Failure::new(
            Exit::Usage,
            "no_home",
            "No home directory was found for this user.",
            "The environment does not say where it is.",
            "Name one with `--home DIR` or NAHTLOS_HOME.",
        )
    })
}

/// The legal bases of a file.
///
/// # Errors
/// Where it is not such a list.
pub fn legal_bases_in(file: &Path) -> Result<LegalBases, Failure> {
    let text = crate::input::read_text(file)?;
    LegalBases::parse(&text).map_err(|error| {
        Failure::new(
            Exit::Usage,
            error.code,
            format!("The list of legal bases in {} is not usable.", file.display()),
            format!("{}; {}.", error.reason, error.remedy),
            "Correct it, check it with `nahtlos share bases --check FILE`, then run the command again; \
             or take it away to use the list that comes with the program.",
        )
    })
}

/// A file that did not exist, for its owner alone. Under its name it is there whole or not at all, also
/// where the program is killed: until then it is written beside it, under another name.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    beside: PathBuf,
    file: std::fs::File,
}

impl NewFile {
    /// Makes the file beside, empty. Made before what it is for is done, it keeps a path that cannot be
    /// written from being noticed too late.
    ///
    /// # Errors
    /// Where it exists already or cannot be made.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file("written", path, &error);
        if path.file_name().is_none() || std::fs::symlink_metadata(path).is_ok() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let number = getrandom::u64().map_err(|error| failed(std::io::Error::other(error)))?;
        let beside = path.with_file_name(format!(".nahtlos-{number:016x}.partial"));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&beside).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file,
        })
    }

    /// Lets `write` write it, durably.
    ///
    /// # Errors
    /// What `write` returns, and where there is no room; then no file is left.
    pub fn fill<T, E: Into<Failure>>(
        self,
        write: impl FnOnce(&mut dyn std::io::Write) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let mut output = std::io::BufWriter::new(&self.file);
        let written = write(&mut output).map_err(Into::into)?;
        let flushed = output.into_inner().map_err(|error| error.into_error());
        flushed
            .map(|_| ())
            .and_then(|()| self.put_in_place())
            .map_err(|error| Failure::file("written", &self.path, &error))?;
        Ok(written)
    }

    /// Writes everything, durably.
    ///
    /// # Errors
    /// Where there is no room; then no file is left.
    pub fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        use std::io::Write;
        self.file
            .write_all(bytes)
            .and_then(|()| self.put_in_place())
            .map_err(|error| Failure::file("written", &self.path, &error))
    }

    /// Gives it its name, where nothing has that name meanwhile. A stick has no second names: there it is
    /// renamed.
    fn put_in_place(&self) -> std::io::Result<()> {
        self.file.sync_all()?;
        match std::fs::hard_link(&self.beside, &self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                if std::fs::symlink_metadata(&self.path).is_ok() {
                    return Err(std::io::ErrorKind::AlreadyExists.into());
                }
                std::fs::rename(&self.beside, &self.path)
            }
            linked => linked,
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _gone_already_where_it_was_renamed = std::fs::remove_file(&self.beside);
    }
}

/// Writes a file that did not exist, for its owner alone, whole or not at all.
///
/// # Errors
/// Where it exists already or cannot be written.
pub fn write_private_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    NewFile::create(path)?.write(bytes)
}

/// Whether a file or directory is readable by its owner alone; `None` where it does not exist or
/// the platform has no such rights.
pub fn is_private(path: &Path) -> Option<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        Some(mode & 0o077 == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
