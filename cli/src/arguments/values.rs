//! Values that are typed at a prompt or come from a file, and never from the command line.

use std::path::PathBuf;

use clap::Args;

/// A value about a client.
#[derive(Clone, Debug, Default, Args)]
pub struct TypedValue {
    /// Read it from this file, or from standard input with `-`, instead of being asked
    #[arg(long, value_name = "FILE|-")]
    pub from: Option<PathBuf>,
    /// Empty the field (commands that change one)
    #[arg(long, conflicts_with = "from")]
    pub empty: bool,
    /// Refused with an explanation.
    #[arg(
        long = "value",
        aliases = ["text", "title", "statement", "reason", "name", "first-name", "official-name", "birth", "phone", "email", "ahvn13", "zemis"],
        hide = true,
        num_args = 0..=1,
        default_missing_value = "",
        value_name = "NEVER"
    )]
    pub tempting_option: Option<String>,
    /// Refused with an explanation.
    #[arg(hide = true, num_args = 0.., value_name = "NEVER")]
    pub tempting_value: Vec<String>,
}

impl TypedValue {
    /// Whether somebody put the value on the command line.
    pub fn is_on_command_line(&self) -> bool {
        self.tempting_option.is_some() || !self.tempting_value.is_empty()
    }
}

/// For commands that ask before they act.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Answered {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Only say what would be done
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// Who gets what is written out of the program.
#[derive(Clone, Debug, Default, Args)]
pub struct DisclosedTo {
    /// Who gets the file: recorded in the case's section `access`
    #[arg(long = "for", value_name = "WHO", requires = "basis")]
    pub recipient: Option<String>,
    /// On what that rests: a code of `nahtlos share bases`, or words
    #[arg(long, value_name = "BASIS", requires = "recipient")]
    pub basis: Option<String>,
}
