//! Commands about who sees what, and about conflicts.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::values::Answered;

/// What somebody may do with a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShareRole {
    /// Opens it.
    Read,
    /// Opens and edits it.
    Write,
}

/// A new grant.
#[derive(Debug, Args)]
pub struct ShareGrant {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Section codes, separated by commas
    #[arg(
        long = "section",
        value_name = "SECTION",
        required = true,
        value_delimiter = ','
    )]
    pub sections: Vec<String>,
    /// A team or a person of the network, never a whole institution
    #[arg(long, value_name = "TEAM OR PERSON")]
    pub to: String,
    /// What they may do
    #[arg(long, value_enum)]
    pub role: ShareRole,
    /// Legal basis or consent it rests on: a code (AVG35a1, IVG68bis2, …) or words
    #[arg(long, value_name = "CODE OR TEXT")]
    pub basis: String,
    /// Last day of the right
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What can be done with rights.
#[derive(Debug, Subcommand)]
pub enum ShareCommand {
    /// Lets a team or person open sections; says first how many people will read them
    Grant(ShareGrant),
    /// Who can open which section
    List {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Why somebody can or cannot see a section
    Explain {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// A team or person of the network
        #[arg(long = "for", value_name = "TEAM OR PERSON")]
        member: String,
    },
}

/// What can be done with conflicts. A conflict is named by the beginning of its identifier.
#[derive(Debug, Subcommand)]
pub enum ConflictCommand {
    /// Lists conflicts of all cases, or of one
    List {
        /// Number or name, or the beginning of either
        case: Option<String>,
    },
    /// Shows all values of a conflict with authors and times
    Show {
        /// Number or name, or the beginning of either
        case: String,
        /// Which conflict
        conflict: String,
    },
    /// Settles a conflict for everybody
    #[command(group(ArgGroup::new("choice").required(true).args(["take", "as_it_is", "restore"])))]
    Resolve {
        /// Number or name, or the beginning of either
        case: String,
        /// Which conflict
        conflict: String,
        /// Take the value or wording with this number in `conflict show`
        #[arg(long, value_name = "NUMBER")]
        take: Option<usize>,
        /// It was seen and stays as it is: a merged text, a deletion
        #[arg(long)]
        as_it_is: bool,
        /// Bring the deleted task back
        #[arg(long)]
        restore: bool,
    },
}
