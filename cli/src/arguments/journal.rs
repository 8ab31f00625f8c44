//! Commands about journals.

use clap::{Args, Subcommand};

use super::values::TypedValue;

/// Parsed by the tests beside it, as every example is.
const ADD_EXAMPLE: &str = "\
$ nahtlos journal add Mosimann --kind call --from call.txt
$ nahtlos journal add Mosimann --internal --from note.txt";
const LIST_EXAMPLE: &str = "\
$ nahtlos journal list Mosimann --kind call --kind visit --since 01.09.2026 --filter Zeugnis
$ nahtlos journal list Mosimann --internal";
const SHOW_EXAMPLE: &str = "$ nahtlos journal show Mosimann k3x7q";
const CORRECT_EXAMPLE: &str = "$ nahtlos journal correct Mosimann k3x7q --from correction.txt";

/// A new journal entry.
#[derive(Debug, Args)]
pub struct JournalAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// call, visit, mail, meeting, note, decision, event
    #[arg(long, value_name = "KIND", default_value = "note")]
    pub kind: String,
    /// When it happened, e.g. "31.03.2027 14:30"; now, where it is missing
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Write it into your institution's own notes, which nobody else can open
    #[arg(long)]
    pub internal: bool,
    /// The text.
    #[command(flatten)]
    pub text: TypedValue,
}

/// Which entries to list.
#[derive(Clone, Debug, Default, Args)]
pub struct JournalList {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Only entries of this kind; several may be named
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Only what happened on this day or later
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only what happened on this day or earlier
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// Only entries whose text holds this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Your institution's own notes
    #[arg(long)]
    pub internal: bool,
}

/// A correction of an entry.
#[derive(Debug, Args)]
pub struct JournalCorrect {
    /// Number or name, or the beginning of either
    pub case: String,
    /// The beginning of the entry's identifier, from `nahtlos journal list CASE`
    pub entry: String,
    /// Another kind than the corrected entry's
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// When it really happened; as the corrected entry says, where it is missing
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The entry stands in your institution's own notes
    #[arg(long)]
    pub internal: bool,
    /// The text that is to be read in its place.
    #[command(flatten)]
    pub text: TypedValue,
}

/// What can be done with a journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Adds an entry; its text is asked for. Entries never change: a correction is a new entry
    #[command(after_long_help = ADD_EXAMPLE)]
    Add(JournalAdd),
    /// Lists entries, by when it happened, and by whom they were corrected
    #[command(after_long_help = LIST_EXAMPLE)]
    List(JournalList),
    /// Shows one entry whole, with what corrects it
    #[command(after_long_help = SHOW_EXAMPLE)]
    Show {
        /// Number or name, or the beginning of either
        case: String,
        /// The beginning of the entry's identifier, from `nahtlos journal list CASE`
        entry: String,
        /// The entry stands in your institution's own notes
        #[arg(long)]
        internal: bool,
    },
    /// Corrects an entry by a new one, which names it; what was written stays and shows as corrected
    #[command(after_long_help = CORRECT_EXAMPLE)]
    Correct(JournalCorrect),
}
