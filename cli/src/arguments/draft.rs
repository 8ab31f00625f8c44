//! Commands about drafts.

use clap::Subcommand;

use super::values::Answered;

const SHOW_EXAMPLE: &str = "\
$ nahtlos draft show 1
$ nahtlos draft show 1 --answer 1";

/// What can be done with drafts.
#[derive(Debug, Subcommand)]
pub enum DraftCommand {
    /// Lists what was typed for changes that were not stored, with the command that goes on with each
    ///
    /// A draft is kept when a command that asked you failed, was interrupted (Ctrl-C) or got a no at the end. It
    /// stays on this device, encrypted, and is delivered to nobody. The same command typed again offers it.
    #[command(after_long_help = "$ nahtlos draft list")]
    List,
    /// Shows what was typed
    #[command(after_long_help = SHOW_EXAMPLE)]
    Show {
        /// The number of the draft
        draft: u32,
        /// Print this answer alone, as it was typed: to write it into a file
        #[arg(long, value_name = "NUMBER")]
        answer: Option<usize>,
    },
    /// Discards a draft for good
    #[command(after_long_help = "$ nahtlos draft discard 1 --yes")]
    Discard {
        /// The number of the draft
        draft: u32,
        /// Whether it was asked for already.
        #[command(flatten)]
        answered: Answered,
    },
}
