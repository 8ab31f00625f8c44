//! Commands about lists of names.

use std::path::PathBuf;

use clap::Subcommand;

/// Run by `cli/tests/interchange.rs`.
const CHECK_EXAMPLE: &str = "$ nahtlos list check communes.json";

/// What can be done with lists of names.
#[derive(Debug, Subcommand)]
pub enum ListCommand {
    /// Shows a list: communes, permits or institution_kinds
    Show {
        /// communes, permits or institution_kinds
        #[arg(value_name = "NAME")]
        name: String,
        /// The names that are valid on this day, instead of all of them with their times
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
    },
    /// Says whether a list of your own can be used, and where to put it
    #[command(after_long_help = CHECK_EXAMPLE)]
    Check {
        /// The JSON file, or `-` for standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
}
