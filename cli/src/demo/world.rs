//! The cast: one relay, four institutions, five devices with a home directory each.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use nahtlos_client::transport::Answer as TransportAnswer;
use nahtlos_client::vault::KeyDerivation;
use nahtlos_client::{
    ClientError, Founder, HttpTransport, InstitutionCard, Introduction, Nahtlos, NetworkCard,
    SyncReport, Transport, TransportError,
};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::claim::Claim;
use nahtlos_protocol::wire::{Item, SYNC_PATH, SyncResponse};
use nahtlos_protocol::{codec, limits};
use nahtlos_relay::{Config, RunningRelay};
use zeroize::Zeroizing;

use super::DemoError;

/// The seven devices, in the order of [`World::homes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Leads the case, RAV Langnau.
    Berger,
    /// Berger's deputy, in the same team.
    Trachsel,
    /// IV-Stelle Bern.
    Iseli,
    /// Sozialdienst Oberes Emmental.
    Sommer,
    /// Coach of the provider Stellwerk.
    Keller,
    /// Leads the second case, another social service.
    Ruegg,
    /// The employer, who receives a slice.
    Gerber,
}

impl Who {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Berger,
        Self::Trachsel,
        Self::Iseli,
        Self::Sommer,
        Self::Keller,
        Self::Ruegg,
        Self::Gerber,
    ];

    /// Those who work on the first case.
    pub const ROUND_TABLE: [Self; 5] = [
        Self::Berger,
        Self::Trachsel,
        Self::Iseli,
        Self::Sommer,
        Self::Keller,
    ];

    /// Whose device a second implementation is handed.
    pub const READER: Self = Self::Iseli;

    /// First and last name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Berger => "Anna Berger",
            Self::Trachsel => "Beat Trachsel",
            Self::Iseli => "Marc Iseli",
            Self::Sommer => "Eva Sommer",
            Self::Keller => "Urs Keller",
            Self::Ruegg => "Nora Rüegg",
            Self::Gerber => "Jan Gerber",
        }
    }

    /// Last name.
    pub fn last_name(self) -> &'static str {
        self.name().rsplit(' ').next().unwrap_or_default()
    }

    /// Name of the home directory.
    pub fn directory(self) -> String {
        // Typed by people, in any shell.
        self.last_name().to_lowercase().replace('ü', "ue")
    }

    /// The institution and its kind.
    pub const fn institution(self) -> (&'static str, &'static str) {
        match self {
            Self::Berger | Self::Trachsel => ("RAV Langnau", "alv"),
            Self::Iseli => ("IV-Stelle Bern", "iv"),
            Self::Sommer => ("Sozialdienst Oberes Emmental", "soz"),
            Self::Keller => ("Stellwerk", "provider"),
            Self::Ruegg => ("Sozialdienst Burgdorf", "soz"),
            Self::Gerber => ("Holzbau AG", "employer"),
        }
    }

    /// The function that the directory shows.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Berger | Self::Ruegg => "lead",
            Self::Trachsel => "deputy",
            Self::Iseli | Self::Sommer => "officer",
            Self::Gerber => "employer",
            Self::Keller => "coach",
        }
    }

    fn introduction(self) -> Introduction {
        Introduction {
            name: self.name().into(),
            function: self.function().into(),
        }
    }

    fn founder(self) -> Founder {
        let (name, kind) = self.institution();
        Founder {
            introduction: self.introduction(),
            institution: InstitutionCard {
                name: name.into(),
                kind: kind.into(),
                merged_into: None,
            },
            team: self.team(),
        }
    }

    /// The team.
    pub fn team(self) -> String {
        format!("{} Team 1", self.institution().0)
    }
}

/// One device.
pub struct Home {
    /// Whose it is.
    pub who: Who,
    /// Its replica, unlocked.
    pub nahtlos: Nahtlos,
    transport: HttpTransport,
}

impl Home {
    /// Syncs, and gives everything the relay served.
    ///
    /// # Errors
    /// As [`Nahtlos::sync`].
    pub fn sync_recorded(&mut self) -> Result<Vec<Item>, ClientError> {
        let mut recorder = Recorder {
            transport: &mut self.transport,
            items: Vec::new(),
        };
        self.nahtlos.sync(&mut recorder, &mut |_| {})?;
        Ok(recorder.items)
    }

    /// Syncs with the relay.
    ///
    /// # Errors
    /// As [`Nahtlos::sync`].
    pub fn sync(&mut self) -> Result<SyncReport, ClientError> {
        self.nahtlos.sync(&mut self.transport, &mut |_| {})
    }
}

/// Listens to what the relay serves.
struct Recorder<'a> {
    transport: &'a mut HttpTransport,
    items: Vec<Item>,
}

impl Transport for Recorder<'_> {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<TransportAnswer, TransportError> {
        let answer = self.transport.post(path, token, body)?;
        if path == SYNC_PATH
            && let Ok(response) =
                codec::decode::<SyncResponse>(&answer.body, limits::SYNC_RESPONSE_BYTES_MAX)
        {
            self.items.extend(response.items);
        }
        Ok(answer)
    }
}

/// Everything that runs.
pub struct World {
    /// Where it all lies.
    pub directory: PathBuf,
    /// The homes, as [`Who::ALL`].
    pub homes: Vec<Home>,
    /// Where the relay listens; stays the same when it is restarted.
    pub address: SocketAddr,
    relay: Option<RunningRelay>,
    passphrase: Zeroizing<String>,
    /// The seed of [`Who::READER`]'s device, for the second reader.
    reader_seed: DeviceSeed,
}

impl World {
    /// A directory with a passphrase and a running relay, and no homes yet.
    ///
    /// # Errors
    /// [`DemoError::NotEmpty`], [`DemoError::File`], [`DemoError::Relay`].
    pub fn new(directory: &Path) -> Result<(Self, Claim), DemoError> {
        prepare_directory(directory)?;
        let passphrase = new_passphrase()?;
        write_private(&directory.join(PASSPHRASE_FILE), &passphrase)?;
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let relay = RunningRelay::start(Config::new(directory.join(RELAY_DIRECTORY), any_port))?;
        let claim = relay.claim.as_deref().unwrap_or_default().parse();
        let claim: Claim = claim.map_err(ClientError::from)?;
        let world = Self {
            directory: directory.to_owned(),
            homes: Vec::new(),
            address: relay.address,
            relay: Some(relay),
            passphrase,
            reader_seed: new_seed()?,
        };
        Ok((world, claim))
    }

    /// The seed of [`Who::READER`]'s device, which was made for this demo.
    pub fn reader_seed(&self) -> &DeviceSeed {
        &self.reader_seed
    }

    /// The relay's data directory.
    pub fn relay_directory(&self) -> PathBuf {
        self.directory.join(RELAY_DIRECTORY)
    }

    /// The relay's database.
    pub fn relay_database(&self) -> PathBuf {
        Config::new(self.relay_directory(), self.address).database()
    }

    /// The file with the passphrase of all homes.
    pub fn passphrase_file(&self) -> PathBuf {
        self.directory.join(PASSPHRASE_FILE)
    }

    /// One person's home directory.
    pub fn home_directory(&self, who: Who) -> PathBuf {
        self.directory.join(who.directory())
    }

    /// One person's device.
    ///
    /// # Errors
    /// [`DemoError::NoHome`] before it was made or after all were locked.
    pub fn home(&mut self, who: Who) -> Result<&mut Home, DemoError> {
        let found = self.homes.iter_mut().find(|home| home.who == who);
        found.ok_or(DemoError::NoHome { who })
    }

    /// The devices of those who work on the first case.
    pub fn round_table(&self) -> impl Iterator<Item = &Home> {
        let homes = self.homes.iter();
        homes.filter(|home| Who::ROUND_TABLE.contains(&home.who))
    }

    /// Switches the relay off; the devices are offline then.
    pub fn stop_relay(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop();
        }
    }

    /// Switches the relay on again, at the same address.
    ///
    /// # Errors
    /// [`DemoError::Relay`], as when another program took the port meanwhile.
    pub fn start_relay(&mut self) -> Result<(), DemoError> {
        let config = Config::new(self.relay_directory(), self.address);
        self.relay = Some(RunningRelay::start(config)?);
        Ok(())
    }

    /// Locks every home: all keys leave memory.
    pub fn lock_homes(&mut self) {
        self.homes.clear();
    }

    /// Whether a locked home opens with this passphrase, or with its own where none is given.
    pub fn opens(&self, who: Who, passphrase: Option<&str>) -> Result<Nahtlos, ClientError> {
        let passphrase = passphrase.unwrap_or(&self.passphrase);
        Nahtlos::open(&self.home_directory(who), passphrase.as_bytes())
    }

    /// Founds the network, and lets everybody else join by invitation.
    ///
    /// # Errors
    /// [`DemoError::Client`].
    pub fn found(&mut self, claim: &Claim) -> Result<(), DemoError> {
        let mut berger = self.new_home(Who::Berger)?;
        let network = NetworkCard {
            name: "IIZ Bern".into(),
            canton: "BE".into(),
        };
        let founder = Who::Berger.founder();
        berger
            .nahtlos
            .found_network(&mut berger.transport, claim, &network, &founder)?;
        berger.sync()?;
        let others = [
            Who::Iseli,
            Who::Sommer,
            Who::Keller,
            Who::Ruegg,
            Who::Gerber,
        ];
        for who in others {
            let home = self.join_as_institution(&mut berger, who)?;
            self.homes.push(home);
        }
        let deputy = self.join_as_colleague(&mut berger, Who::Trachsel)?;
        self.homes.insert(0, deputy);
        self.homes.insert(0, berger);
        Ok(())
    }

    fn join_as_institution(&self, inviter: &mut Home, who: Who) -> Result<Home, DemoError> {
        let (institution, _) = who.institution();
        let invitation = inviter.nahtlos.invite_institution(institution)?;
        inviter.sync()?;
        let mut home = self.new_home(who)?;
        home.nahtlos
            .join_as_institution(&mut home.transport, &invitation, &who.founder())?;
        inviter.sync()?;
        home.sync()?;
        inviter.sync()?;
        Ok(home)
    }

    fn join_as_colleague(&self, inviter: &mut Home, who: Who) -> Result<Home, DemoError> {
        let team = inviter.nahtlos.directory()?.find_team(&who.team())?;
        let invitation = inviter
            .nahtlos
            .invite_person(&team, Role::Write, who.name())?;
        inviter.sync()?;
        let mut home = self.new_home(who)?;
        home.nahtlos
            .join_as_person(&mut home.transport, &invitation, &who.introduction())?;
        inviter.sync()?;
        home.sync()?;
        Ok(home)
    }

    fn new_home(&self, who: Who) -> Result<Home, DemoError> {
        let directory = self.home_directory(who);
        let passphrase = self.passphrase.as_bytes();
        let derivation = KeyDerivation::default();
        let url = format!("http://{}", self.address);
        let nahtlos = if who == Who::READER {
            Nahtlos::create_with_seed(&directory, passphrase, derivation, &self.reader_seed)?
        } else {
            Nahtlos::create(&directory, passphrase, derivation)?
        };
        Ok(Home {
            who,
            nahtlos,
            transport: HttpTransport::new(&url, None).map_err(ClientError::from)?,
        })
    }
}

const PASSPHRASE_FILE: &str = "passphrase";
const RELAY_DIRECTORY: &str = "relay";

/// Makes the directory, for its owner only; refuses one that holds something.
fn prepare_directory(directory: &Path) -> Result<(), DemoError> {
    let failed = |source| DemoError::File {
        path: directory.to_owned(),
        source,
    };
    if let Ok(mut entries) = std::fs::read_dir(directory) {
        if entries.next().is_some() {
            return Err(DemoError::NotEmpty {
                path: directory.to_owned(),
            });
        }
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)
}

/// Four groups of five letters and digits: 100 bits.
fn new_passphrase() -> Result<Zeroizing<String>, DemoError> {
    let mut random = Zeroizing::new([0; 20]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| DemoError::NoRandomness)?;
    let letters = Zeroizing::new(BASE32_NOPAD.encode(random.as_slice()).to_lowercase());
    let groups: Vec<&str> = (0..4)
        .filter_map(|group| letters.get(group * 5..group * 5 + 5))
        .collect();
    Ok(Zeroizing::new(groups.join("-")))
}

fn new_seed() -> Result<DeviceSeed, DemoError> {
    let mut random = Zeroizing::new([0; Secret32::BYTES]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| DemoError::NoRandomness)?;
    Ok(DeviceSeed::from_secret(Secret32::from_bytes(*random)))
}

pub fn write_private(path: &Path, text: &str) -> Result<(), DemoError> {
    let failed = |source| DemoError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    writeln!(file, "{text}").map_err(failed)
}
