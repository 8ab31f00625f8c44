//! The blind relay: it orders, merges, stores and serves ciphertext, and holds no code that could
//! open it. It is trusted for availability only.
//!
//! Reading order: [`config`] → `engine` (what is accepted, and who sees it) → [`store`] (what is
//! kept) → `http` (what is answered) → [`relay`] (a running relay) → [`cli`] (the program).
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod claim_file;
pub mod cli;
pub mod config;
mod descriptors;
mod engine;
mod entropy;
mod http;
#[cfg(feature = "in-process")]
pub mod in_process;
mod limit_options;
mod lock;
pub mod metrics;
pub mod relay;
pub mod store;

pub use cli::run;
pub use config::{Config, Limits, TlsFiles};
pub use http::problem::Code;
pub use relay::{Relay, RelayError, RunningRelay};
