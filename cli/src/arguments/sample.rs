//! Commands about invented cases.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Run by `cli/tests/interchange.rs`.
const GENERATE_EXAMPLE: &str = "$ nahtlos sample generate --cases 10 --seed 1 --to samples";

/// Which cases to invent, and where they go.
#[derive(Clone, Debug, Args)]
pub struct SampleGenerate {
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub cases: u64,
    /// The same number makes the same cases again
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// A directory that does not exist yet
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// With each case also its history: every change with author and time
    #[arg(long)]
    pub history: bool,
}

/// What can be done with invented cases.
#[derive(Debug, Subcommand)]
pub enum SampleCommand {
    /// Writes invented cases of fourteen months, in German and French, as `case open --from` reads them
    #[command(after_long_help = GENERATE_EXAMPLE)]
    Generate(SampleGenerate),
}
