//! A running relay: data directory, claim file, engine, listeners.

use std::fs::{DirBuilder, TryLockError};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nahtlos_protocol::crypto::secret::Secret32;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::claim_file::{self, public_half};
use crate::config::{CONNECTIONS_PER_ADDRESS, Config};
use crate::engine::{Engine, StartError, identity, random};
use crate::http::tls::TlsError;
use crate::http::{self, App, Crowd, Terms};
use crate::lock::DirectoryLock;
use crate::metrics::Metrics;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// How often the relay looks for what may be dropped.
const PRUNING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Open connections of operators' programs.
const OPERATORS_CONNECTIONS_MAX: u32 = 32;

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Another relay runs on this directory.
    #[error("another relay is running on {}", path.display())]
    AlreadyRunning {
        /// The data directory.
        path: PathBuf,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Plain HTTP would leave the machine.
    #[error("plain HTTP on {address}, which is not loopback, was not allowed")]
    PlainHttp {
        /// The address.
        address: SocketAddr,
    },
    /// The store does not open or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not start.
    #[error("{0}")]
    Start(String),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No thread or runtime could be started.
    #[error("the runtime does not start: {0}")]
    Runtime(#[source] std::io::Error),
}

impl From<StartError> for RelayError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => Self::Store(error),
            other => Self::Start(other.to_string()),
        }
    }
}

/// A relay within an async runtime.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it serves `/metrics`, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    /// The URL devices use.
    pub url: String,
    /// The claim, while the relay has no network.
    pub claim: Option<String>,
    app: Arc<App>,
    crowds: Vec<Crowd>,
    stopping: watch::Sender<bool>,
    config: Config,
    _lock: DirectoryLock,
}

impl Relay {
    /// Starts a relay; when it returns, the relay answers.
    ///
    /// # Errors
    /// [`RelayError`]; nothing runs then.
    pub async fn start(config: Config) -> Result<Self, RelayError> {
        let tls = config.tls.as_ref().map(http::tls::acceptor).transpose()?;
        if tls.is_none() && !config.listen.ip().is_loopback() && !config.allow_plain_http {
            return Err(RelayError::PlainHttp {
                address: config.listen,
            });
        }
        let lock = prepare_directory(&config)?;
        let (listener, address) = listen(config.listen).await?;
        let operators = match config.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("{scheme}://{address}"));
        let metrics = Arc::new(Metrics::default());
        let (engine, claim) = start_engine(&config, &url, Arc::clone(&metrics))?;
        let path = config.claim_file();
        let app = Arc::new(App::new(
            engine,
            Arc::clone(&metrics),
            config.limits.clone(),
            Box::new(move || claim_file::remove(&path)),
        ));
        let (stopping, stop) = watch::channel(false);
        let mut limits = config.limits.clone();
        if tls.is_some() {
            let default = CONNECTIONS_PER_ADDRESS.min(limits.connections_max);
            limits.connections_per_address_max.get_or_insert(default);
        }
        let serving = Crowd::new(&limits, Arc::clone(&metrics));
        let mut crowds = vec![serving.clone()];
        let devices = Terms::new(http::routes(Arc::clone(&app)), serving, tls, &limits);
        tokio::spawn(http::accept(listener, devices, stop.clone()));
        tokio::spawn(prune_daily(Arc::clone(&app), stop.clone()));
        let metrics_address = operators.as_ref().map(|(_, address)| *address);
        if let Some((listener, _)) = operators {
            limits.connections_max = OPERATORS_CONNECTIONS_MAX;
            limits.connections_per_address_max = None;
            let own = Crowd::new(&limits, Arc::default());
            crowds.push(own.clone());
            let operators = Terms::new(http::operator_routes(Arc::clone(&app)), own, None, &limits);
            tokio::spawn(http::accept(listener, operators, stop));
        }
        Ok(Self {
            address,
            metrics_address,
            url,
            claim,
            app,
            crowds,
            stopping,
            config,
            _lock: lock,
        })
    }

    /// Stops accepting, answers what is running, finishes the commits and tidies up.
    pub async fn stop(self) {
        let _all_gone_already = self.stopping.send(true);
        for crowd in &self.crowds {
            crowd.drained(self.config.limits.shutdown_timeout).await;
        }
        let app = Arc::clone(&self.app);
        let stopped = tokio::task::spawn_blocking(move || app.engine.stop()).await;
        if stopped.is_err() {
            tracing::error!("the engine ended by a defect");
        }
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.app.metrics)
    }
}

/// A relay on a runtime and thread of its own, for programs that have no runtime. Dropping it
/// stops it.
pub struct RunningRelay {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it serves `/metrics`, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    /// The URL devices use.
    pub url: String,
    /// The claim, while the relay has no network.
    pub claim: Option<String>,
    metrics: Arc<Metrics>,
    runtime: Option<(tokio::runtime::Runtime, Relay)>,
}

impl RunningRelay {
    /// Starts a relay and returns when it answers. Must not be called within an async runtime.
    ///
    /// # Errors
    /// [`RelayError`]; nothing runs then.
    pub fn start(config: Config) -> Result<Self, RelayError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("relay")
            .build()
            .map_err(RelayError::Runtime)?;
        let relay = runtime.block_on(Relay::start(config))?;
        Ok(Self {
            address: relay.address,
            metrics_address: relay.metrics_address,
            url: relay.url.clone(),
            claim: relay.claim.clone(),
            metrics: relay.metrics(),
            runtime: Some((runtime, relay)),
        })
    }

    /// Durable commits so far; each is one fsync.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.metrics.commits()
    }

    /// Journals begun because the store had gone back by itself.
    #[must_use]
    pub fn journal_renewals(&self) -> u64 {
        self.metrics.journal_renewals()
    }

    /// Stops it and waits until everything is tidied up.
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        if let Some((runtime, relay)) = self.runtime.take() {
            runtime.block_on(relay.stop());
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        }
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// Creates the data directory, for its owner only, and keeps other relays out.
fn prepare_directory(config: &Config) -> Result<DirectoryLock, RelayError> {
    let failed = |source| RelayError::File {
        path: config.data.clone(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data)
        .map_err(failed)?;
    std::fs::set_permissions(&config.data, std::fs::Permissions::from_mode(0o700))
        .map_err(failed)?;
    DirectoryLock::acquire(&config.data).map_err(|refused| match refused {
        TryLockError::WouldBlock => RelayError::AlreadyRunning {
            path: config.data.clone(),
        },
        TryLockError::Error(source) => failed(source),
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), RelayError> {
    let failed = |source| RelayError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn start_engine(
    config: &Config,
    url: &str,
    metrics: Arc<Metrics>,
) -> Result<(Engine, Option<String>), RelayError> {
    let limit = config.limits.database_bytes_max;
    let mut store: Box<dyn Store> = Box::new(SqliteStore::open(&config.database(), limit)?);
    let path = config.claim_file();
    let mut claim_seed = None;
    let identity = identity(&mut *store, now_ms(), |known| {
        // The file's claim goes on, if it is still the one the database knows.
        let written = claim_file::read(&path).map(|claim| claim.seed);
        let still_good = written.filter(|seed| Some(public_half(seed)) == known);
        let seed = match still_good {
            Some(seed) => seed,
            None => Secret32::from_bytes(random()?),
        };
        let key = public_half(&seed);
        claim_seed = Some(seed);
        Ok(Some(key))
    })?;
    let claim = match claim_seed {
        Some(seed) => Some(claim_file::write(&path, url, &identity, seed)?),
        None => {
            claim_file::remove(&path);
            None
        }
    };
    let limits = config.limits.clone();
    let engine = Engine::start(store, identity, limits, metrics, Arc::new(now_ms))?;
    Ok((engine, claim))
}

/// Drops what snapshots cover, at the start and once a day.
async fn prune_daily(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        match app.engine.prune().await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "edits that a snapshot covers were dropped"),
            Err(error) => tracing::warn!(%error, "pruning failed; it is tried again tomorrow"),
        }
        let waited = tokio::time::timeout(PRUNING_INTERVAL, stop.wait_for(|stop| *stop)).await;
        if waited.is_ok() {
            return;
        }
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
