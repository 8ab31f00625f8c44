//! Commands about who sees what, and about conflicts.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::values::Answered;

const SLICE_EXAMPLE: &str = "\
$ nahtlos share slice mosimann function --to 'Holzbau AG' --yes
Slice of `function` shared with Holzbau AG Team 1 (Holzbau AG, employer).";

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
    /// What it rests on: the code of a legal basis (`nahtlos share bases`), or a consent of the case that covers
    /// it, as "consent NAME"
    #[arg(long, value_name = "CODE OR CONSENT")]
    pub basis: Option<String>,
    /// Last day of the right
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// Only what is written from now on: no key ever leads them, or anybody let in later, to the section's history
    #[arg(long)]
    pub from_now: bool,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// A slice that is shared.
#[derive(Debug, Args)]
pub struct ShareSlice {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Section code
    pub section: String,
    /// A team or a person of the network, never a whole institution
    #[arg(long, value_name = "TEAM OR PERSON")]
    pub to: String,
    /// What it rests on: the code of a legal basis (`nahtlos share bases`), or "consent NAME"; without it, the
    /// consent of the case that covers the section for them
    #[arg(long, value_name = "CODE OR CONSENT")]
    pub basis: Option<String>,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What somebody may do with a section they hold already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SectionRole {
    /// Opens it.
    Read,
    /// Opens and edits it.
    Write,
    /// Also shares it and withdraws it.
    Manage,
}

/// Why a right ends: a code that everybody with the section sees, never words about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReasonCode {
    /// They left the team or institution.
    Left,
    /// The device is lost or stolen.
    DeviceLost,
    /// The client withdrew the consent.
    ConsentWithdrawn,
    /// The legal basis ended.
    BasisEnded,
    /// The case is closed.
    CaseClosed,
    /// A conflict of interest.
    ConflictOfInterest,
    /// Somebody else took over.
    Replaced,
    /// A key or device is in wrong hands.
    Compromised,
}

/// A right that ends.
#[derive(Debug, Args)]
pub struct ShareWithdraw {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Section codes; without any: every section of the case that they hold
    #[arg(value_name = "SECTION")]
    pub sections: Vec<String>,
    /// The team or person whose right ends
    #[arg(long, value_name = "TEAM OR PERSON")]
    pub from: String,
    /// Only what rests on this basis, as it was stated; what rests on another stays
    #[arg(long, value_name = "CODE OR TEXT")]
    pub basis: Option<String>,
    /// Why, as a code
    #[arg(long, value_enum)]
    pub reason: Option<ReasonCode>,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What can be done with rights.
#[derive(Debug, Subcommand)]
pub enum ShareCommand {
    /// Lets a team or person open sections; says first how many people will read them
    Grant(ShareGrant),
    /// Writes a part of a section for a provider or employer who does not read the section itself: as much
    /// as the matrix lets them have, without its history; it follows the section from then on
    #[command(after_long_help = SLICE_EXAMPLE)]
    Slice(ShareSlice),
    /// Ends the right of a team or person to sections; says first who will no longer read, and what
    /// stays
    Withdraw(ShareWithdraw),
    /// Changes what a team or person may do with a section they hold
    Role {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// The team or person whose right changes
        #[arg(long = "for", value_name = "TEAM OR PERSON")]
        member: String,
        /// What they may do from then on
        #[arg(value_enum)]
        role: SectionRole,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Closes a section for good: it stays readable and nobody writes there any more
    Close {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// The legal bases that a right may rest on, with what their codes stand for
    Bases {
        /// Only check this list: is it one that can be put in place of the present one?
        #[arg(long, value_name = "FILE")]
        check: Option<std::path::PathBuf>,
    },
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
    /// Lists conflicts of all cases, or of one, by the meeting that they came of: the day on which they were written
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
