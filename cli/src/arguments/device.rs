//! Commands about this device.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What can be done with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Lists devices of your institution's people, with fingerprints to compare by voice
    List,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Lists the keys this device has a path to, and which it holds
    List,
    /// Explains how keys decide who reads; for a section, who holds its key
    Explain {
        /// Number or name, or the beginning of either
        #[arg(requires = "section")]
        case: Option<String>,
        /// Section code
        section: Option<String>,
    },
}

/// What can be done with what is held.
#[derive(Debug, Subcommand)]
pub enum HeldCommand {
    /// Lists what is held and why
    List,
    /// Writes your own refused edits to a file, unencrypted
    Export {
        /// The file (made new, for you alone), or `-` for standard output
        #[arg(long, value_name = "FILE|-")]
        to: PathBuf,
    },
}

/// Where the reference goes.
#[derive(Debug, Args)]
pub struct DocsOptions {
    /// Write manual pages into this directory instead of printing Markdown
    #[arg(long, value_name = "DIR")]
    pub man: Option<PathBuf>,
}
