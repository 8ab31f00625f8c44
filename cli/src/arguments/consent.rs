//! Commands about consents.

use clap::{Args, Subcommand};

use super::values::{Answered, TypedValue};

/// A new consent.
#[derive(Debug, Args)]
pub struct ConsentGive {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Sections, separated by commas, and the team or person who reads them; once for each of them
    #[arg(
        long = "read",
        value_name = "SECTION,…=TEAM OR PERSON",
        required_unless_present = "write"
    )]
    pub read: Vec<String>,
    /// The same for sections they read and edit
    #[arg(long = "write", value_name = "SECTION,…=TEAM OR PERSON")]
    pub write: Vec<String>,
    /// How it was given: paper, device, verbal
    #[arg(long, value_name = "FORM")]
    pub form: String,
    /// First day; today, where it is missing
    #[arg(long, value_name = "DATE")]
    pub valid_from: Option<String>,
    /// Last day; 12 months after the first, where it is missing
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// A representative gave it, whose name is asked for (the first line with `--from`)
    #[arg(long)]
    pub representative: bool,
    /// The representative's name, and a note.
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

/// What can be done with consents.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Records what a client allows, and lets exactly those teams and people open exactly those sections
    Give(ConsentGive),
    /// Records what a client takes back, and ends exactly the rights that rest on that consent
    Withdraw(ConsentWithdraw),
}
