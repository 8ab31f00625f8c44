//! Commands about consents.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Answered, TypedValue};

/// How a consent came about.
#[derive(Clone, Debug, Default, Args)]
pub struct ConsentManner {
    /// What it is for: coordination, clarification, planning, measure, placement, benefits
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Option<String>,
    /// The language in which it was explained, e.g. de or bs
    #[arg(long, value_name = "LANGUAGE")]
    pub explained_in: Option<String>,
    /// The scan of the paper: its SHA-256 is recorded, the scan itself is not
    #[arg(long, value_name = "FILE")]
    pub paper: Option<PathBuf>,
    /// It was said that a consent can be withdrawn at any time
    #[arg(long)]
    pub withdrawable_said: bool,
    /// The form of words that was used, with its version
    #[arg(long, value_name = "WORDS")]
    pub template: Option<String>,
    /// Somebody interpreted, whose name is asked for (a line of its own with `--from`)
    #[arg(long)]
    pub interpreter: bool,
    /// Do not let them record what they read (section `access`): nobody can tell the client then
    #[arg(long)]
    pub reads_unrecorded: bool,
    /// Somebody was there as a witness, whose name is asked for (a line of its own with `--from`)
    #[arg(long)]
    pub witness: bool,
}

/// A new consent.
#[derive(Debug, Args)]
pub struct ConsentGive {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Sections, separated by commas, and the team or person who reads them; once for each of them
    #[arg(
        long = "read",
        value_name = "SECTION,…=TEAM OR PERSON",
        required_unless_present_any = ["write", "file"]
    )]
    pub read: Vec<String>,
    /// The same for sections they read and edit
    #[arg(long = "write", value_name = "SECTION,…=TEAM OR PERSON")]
    pub write: Vec<String>,
    /// How it was given: paper, device, verbal
    #[arg(long, value_name = "FORM", required_unless_present = "file")]
    pub form: Option<String>,
    /// Everything from a JSON file, a share without sections as the default matrix proposes
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["read", "write", "form", "valid_from", "until", "once", "representative", "from", "purpose", "explained_in", "paper", "withdrawable_said", "template", "interpreter", "witness"])]
    pub file: Option<PathBuf>,
    /// First day; today, where it is missing
    #[arg(long, value_name = "DATE")]
    pub valid_from: Option<String>,
    /// Last day; 12 months after the first, where it is missing
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// To be told once, not for as long as it holds: it ends after 30 days, where no last day is named
    #[arg(long)]
    pub once: bool,
    /// An earlier consent in whose place it stands: the rights that rest on that one end
    #[arg(long, value_name = "CONSENT")]
    pub replaces: Option<String>,
    /// Record it although the same one is recorded already
    #[arg(long)]
    pub again: bool,
    /// A representative gave it, whose name is asked for (the first line with `--from`)
    #[arg(long)]
    pub representative: bool,
    /// How it came about.
    #[command(flatten)]
    pub manner: ConsentManner,
    /// Names that are asked for, one a line in the order representative, interpreter, witness, and a note.
    #[command(flatten)]
    pub note: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// A withdrawal.
#[derive(Debug, Args)]
pub struct ConsentWithdraw {
    /// Number or name, or the beginning of either
    pub case: String,
    /// The consent: its number in `nahtlos consent CASE`, or the beginning of its identifier
    pub consent: String,
    /// Only this part of it; everything, where it is missing
    #[arg(long = "only", value_name = "SECTION,…=TEAM OR PERSON")]
    pub only: Vec<String>,
    /// The day on which it was said; today, where it is missing
    #[arg(long, value_name = "DATE")]
    pub stated: Option<String>,
    /// A note.
    #[command(flatten)]
    pub note: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// Less than before.
#[derive(Debug, Args)]
pub struct ConsentNarrow {
    /// Number or name, or the beginning of either
    pub case: String,
    /// The consent: its number in `nahtlos consent CASE`, or the beginning of its identifier
    pub consent: String,
    /// What is taken out of it
    #[arg(
        long = "only",
        value_name = "SECTION,…=TEAM OR PERSON",
        required_unless_present = "until"
    )]
    pub only: Vec<String>,
    /// The new last day of all that stays in it, earlier than before
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// The day on which it was said; today, where it is missing
    #[arg(long, value_name = "DATE")]
    pub stated: Option<String>,
    /// A note.
    #[command(flatten)]
    pub note: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// More than before.
#[derive(Debug, Args)]
pub struct ConsentExtend {
    /// Number or name, or the beginning of either
    pub case: String,
    /// The consent: its number in `nahtlos consent CASE`, or the beginning of its identifier
    pub consent: String,
    /// Further sections, separated by commas, and the team or person who reads them
    #[arg(
        long = "read",
        value_name = "SECTION,…=TEAM OR PERSON",
        required_unless_present_any = ["write", "until"]
    )]
    pub read: Vec<String>,
    /// The same for sections they read and edit
    #[arg(long = "write", value_name = "SECTION,…=TEAM OR PERSON")]
    pub write: Vec<String>,
    /// The new last day of all of it, later than before
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// How it was given: paper, device, verbal
    #[arg(long, value_name = "FORM")]
    pub form: String,
    /// How it came about.
    #[command(flatten)]
    pub manner: ConsentManner,
    /// Names that are asked for, one a line in the order interpreter, witness, and a note.
    #[command(flatten)]
    pub note: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What can be done with consents.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Lists what a client allowed and took back; the same as `nahtlos consent CASE`
    List {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Records what a client allows, and lets exactly those teams and people open exactly those sections
    Give(Box<ConsentGive>),
    /// Records that a client allows less, and ends exactly the rights that rest on what is taken out
    Narrow(ConsentNarrow),
    /// Records that a client allows more, or for longer
    Extend(Box<ConsentExtend>),
    /// Records what a client takes back, and ends exactly the rights that rest on that consent
    Withdraw(ConsentWithdraw),
    /// Writes the consents of a case to a file that verifies by itself, unencrypted: with every event the
    /// signature of the device that recorded it, and the logs that say whose device that was
    Export {
        /// Number or name, or the beginning of either
        case: String,
        /// Write to this file (made new, for you alone)
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Verifies such a file from itself alone: needs no home, no relay and no network. Exit status 1 where
    /// something in it does not hold
    Verify {
        /// The file
        file: PathBuf,
        /// The institution that must have recorded them: its fingerprint or id as it is known from elsewhere
        #[arg(long, value_name = "FINGERPRINT")]
        institution: Option<String>,
    },
}
