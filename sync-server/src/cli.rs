//! The `nahtlos-relay` program: what operators type. Exit codes: 0 ok, 1 failed, 2 usage.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use nahtlos_protocol::space::replay::Signatures;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::claim_file;
use crate::config::{CLAIM_FILE, Config, DATABASE_FILE, TlsFiles};
use crate::engine::{check_journal, load};
use crate::limit_options::LimitOptions;
use crate::relay::{Relay, RelayError};
use crate::store::sqlite::SqliteStore;
use crate::store::{Reader, StoreError};

/// The blind relay of a Nahtlos network: orders, stores and serves what it cannot read.
#[derive(Parser, Debug)]
#[command(name = "nahtlos-relay", version)]
pub struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the relay until it is told to stop (SIGTERM, SIGINT).
    Serve(Box<Serve>),
    /// Show the claim: the text with which the network is founded at this relay.
    Claim {
        /// The relay's data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Copy the database to a file, also while the relay runs. A relay started on such a copy says so
    /// to its devices, which offer again what it lacks. Do not copy the file by other means.
    Backup {
        /// The relay's data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The file to write; must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Check the database: the file, every signature, the journal's hash chain, every receipt.
    Check {
        /// The relay's data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(Args, Debug)]
struct Serve {
    /// Directory for everything the relay keeps.
    #[arg(long, value_name = "DIR", env = "NAHTLOS_RELAY_DATA")]
    data: PathBuf,
    /// Address and port to listen on.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8750",
        env = "NAHTLOS_RELAY_LISTEN"
    )]
    listen: SocketAddr,
    /// PEM file with the certificate chain.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve /metrics on this address, for example 127.0.0.1:0.
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
    /// The URL devices use, where a proxy stands before the relay.
    #[arg(long, value_name = "URL", env = "NAHTLOS_RELAY_PUBLIC_URL")]
    public_url: Option<String>,
    /// Allow plain HTTP on other addresses than loopback: only behind a proxy that speaks TLS.
    #[arg(long)]
    allow_plain_http: bool,
    /// Days for which edits stay after a snapshot that covers them was checked by somebody else.
    /// Ids and receipts stay for ever; a restored backup begins the days anew.
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 180,
        env = "NAHTLOS_RELAY_RETENTION_DAYS"
    )]
    retention_days: u32,
    #[command(flatten)]
    limits: LimitOptions,
}

/// Runs the program.
pub fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let program = match Program::try_parse_from(arguments) {
        Ok(program) => program,
        Err(error) => {
            let _closed_output = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match program.command {
        Command::Serve(serve) => run_serve(*serve),
        Command::Claim { data } => show_claim(&data),
        Command::Backup { data, to } => back_up(&data, &to),
        Command::Check { data } => check(&data),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut errors = std::io::stderr();
            let _closed = writeln!(errors, "nahtlos-relay: {}", failure.what);
            let _closed = writeln!(errors, "  {}", failure.next);
            ExitCode::from(1)
        }
    }
}

/// What happened and why, and what to do next.
struct Failure {
    what: String,
    next: String,
}

impl Failure {
    fn new(what: impl Display, next: impl Into<String>) -> Self {
        Self {
            what: what.to_string(),
            next: next.into(),
        }
    }
}

fn run_serve(serve: Serve) -> Result<(), Failure> {
    start_log();
    let mut config = Config::new(serve.data, serve.listen);
    config.tls = serve
        .tls_cert
        .zip(serve.tls_key)
        .map(|(certificate, key)| TlsFiles { certificate, key });
    config.metrics_listen = serve.metrics_listen;
    config.public_url = serve.public_url;
    config.allow_plain_http = serve.allow_plain_http;
    config.limits = serve.limits.limits(serve.retention_days);
    let data = config.data.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                format!("the runtime does not start: {error}"),
                "Check the limits of threads and files (ulimit -a).",
            )
        })?;
    runtime.block_on(serve_until_told(config, &data))
}

async fn serve_until_told(config: Config, data: &Path) -> Result<(), Failure> {
    // Listened for before anybody is told that the relay runs: a signal that came in between would
    // end it without its last tidying up.
    let signals = Signals::new();
    let relay = Relay::start(config)
        .await
        .map_err(|error| start_failure(&error, data))?;
    say(format!("listening on {}", relay.url));
    if let Some(address) = relay.metrics_address {
        say(format!("metrics on http://{address}/metrics"));
    }
    if relay.claim.is_some() {
        say(format!(
            "no network yet: found one with the claim in {}/claim (`nahtlos network found --claim FILE …`)",
            data.display()
        ));
    }
    signals.first().await;
    tracing::info!("stopping");
    relay.stop().await;
    Ok(())
}

/// What tells the relay to stop.
struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Signals {
    /// From here on neither ends the process by itself.
    fn new() -> Self {
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
        }
    }

    async fn first(self) {
        tokio::select! {
            () = received(self.terminate) => {}
            () = received(self.interrupt) => {}
        }
    }
}

async fn received(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn start_failure(error: &RelayError, data: &Path) -> Failure {
    let next = match error {
        RelayError::PlainHttp { .. } => "Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy, or say --allow-plain-http.".into(),
        RelayError::AlreadyRunning { .. } => "Stop the other relay first, or give another --data directory.".into(),
        RelayError::Listen { .. } => "Choose another address or port with --listen.".into(),
        RelayError::File { .. } => "Check that this user may write there.".into(),
        RelayError::Tls(_) => "Check the files given by --tls-cert and --tls-key.".into(),
        RelayError::Store(error) => store_advice(error, data),
        RelayError::Start(_) | RelayError::Runtime(_) => "Try again; report it if it stays so.".into(),
    };
    Failure::new(format!("the relay does not start: {error}"), next)
}

fn store_advice(error: &StoreError, data: &Path) -> String {
    match error {
        StoreError::Full(_) => "Make room on the disk, then start again: nothing is lost.".into(),
        StoreError::NeedsNewer { .. } => "Install the newer nahtlos-relay.".into(),
        StoreError::Damaged { .. } => format!(
            "Run `nahtlos-relay check --data {}`, then restore the last backup: devices offer again what it lacks.",
            data.display()
        ),
        StoreError::Failed(_) => "Check the disk and the files' permissions.".into(),
    }
}

fn show_claim(data: &Path) -> Result<(), Failure> {
    let serve = format!("nahtlos-relay serve --data {}", data.display());
    if !data.join(DATABASE_FILE).exists() {
        return Err(Failure::new(
            format!("no relay has run in {} yet", data.display()),
            format!("Start it first: `{serve}`."),
        ));
    }
    let Some(claim) = claim_file::read(&data.join(CLAIM_FILE)) else {
        let store = open_to_read(data)?;
        let claimed = store
            .identity()
            .is_ok_and(|identity| identity.is_some_and(|identity| identity.network.is_some()));
        return Err(if claimed {
            Failure::new(
                "this relay serves a network already, its claim was used",
                "Ask somebody of the network for an invitation: `nahtlos institution invite`.",
            )
        } else {
            Failure::new(
                "the claim file is missing or damaged",
                format!("Start the relay again, which writes a new one: `{serve}`."),
            )
        });
    };
    say(&claim);
    let mut errors = std::io::stderr();
    let _closed = writeln!(
        errors,
        "Whoever holds this text founds the network at {}: `nahtlos network found`, then paste it.\nIt works once. Hand it over by a channel you trust.",
        claim.url
    );
    Ok(())
}

fn back_up(data: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        return Err(Failure::new(
            format!("{} exists already", to.display()),
            "Choose another name; a backup overwrites nothing.",
        ));
    }
    let store = open_to_read(data)?;
    let partial = to.with_added_extension("partial");
    let copied = store.back_up(&partial).and_then(|()| {
        std::fs::rename(&partial, to).map_err(|error| StoreError::Failed(Box::new(error)))
    });
    if let Err(error) = copied {
        let _was_never_written = std::fs::remove_file(&partial);
        return Err(Failure::new(
            format!("the backup failed: {error}"),
            "Check that there is room and that this user may write there, then run it again.",
        ));
    }
    say(format!(
        "backed up to {}; it holds the relay's signing key: keep it as safe as the relay",
        to.display()
    ));
    Ok(())
}

fn check(data: &Path) -> Result<(), Failure> {
    let store = open_to_read(data)?;
    let damaged = |error: StoreError| {
        Failure::new(
            format!("the database is not good: {error}"),
            "Stop the relay, keep this directory, and restore the last backup: devices offer again what it lacks.",
        )
    };
    store.check_file().map_err(damaged)?;
    let identity = store.identity().map_err(damaged)?.ok_or_else(|| {
        Failure::new(
            "the database says nothing about its relay",
            "Start the relay once.",
        )
    })?;
    let world = load(&store, &identity, Signatures::Verify).map_err(damaged)?;
    let items = check_journal(&store, &identity).map_err(damaged)?;
    say(format!(
        "good: {items} items, {} logs, journal at {}",
        world.logs.len(),
        world.last_number
    ));
    Ok(())
}

fn open_to_read(data: &Path) -> Result<SqliteStore, Failure> {
    let file = data.join(DATABASE_FILE);
    SqliteStore::open_to_read(&file).map_err(|error| {
        let next = match &error {
            StoreError::NeedsNewer { .. } => store_advice(&error, data),
            _ => "Check --data: it is the directory given to `nahtlos-relay serve`.".into(),
        };
        Failure::new(format!("{} does not open: {error}", file.display()), next)
    })
}

/// The program's own output; a closed pipe is no reason to stop a relay.
fn say(line: impl Display) {
    let mut output = std::io::stdout();
    let _closed = writeln!(output, "{line}");
    let _closed = output.flush();
}

/// Log lines to stderr: ids only, never people, never content.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("NAHTLOS_RELAY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _set_by_somebody_else = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // It would report a log that cannot be written (its disk is full) to that same log, and
        // panic when it cannot: in the middle of a commit.
        .log_internal_errors(false)
        .try_init();
}
