//! Commands about sections.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Answered, DisclosedTo, TypedValue};

/// Changes of a section that is described by its fields and lists.
#[derive(Debug, Subcommand)]
pub enum SectionEdit {
    /// Sets a field of a section; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code, e.g. labour
        section: String,
        /// Field, as `section fields` names it
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Adds an entry to a list of a section: from a JSON file, or by asking for its fields
    Add {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code, e.g. finance
        section: String,
        /// List, as `section fields` names it
        list: String,
        /// The entry: one JSON object with its fields.
        #[command(flatten)]
        entry: TypedValue,
    },
    /// Sets a field of an entry, or rewords a text that several people write
    Change {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// Number as `section show` lists it (in a round table with its list: agenda.1), or the beginning of its id
        entry: String,
        /// Field, as `section fields` names it
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Deletes an entry for everybody; `section restore` brings it back
    Delete {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// Number as `section show` lists it (in a round table with its list: agenda.1), or the beginning of its id
        entry: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Brings a deleted entry back
    Restore {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// Number as `section show` lists it (in a round table with its list: agenda.1), or the beginning of its id
        entry: String,
    },
    /// Sets fields and adds, changes or deletes entries from a JSON file, all of it or nothing
    ///
    /// One object: fields by their codes (`null` empties one), lists by theirs. An entry without `id` is
    /// new; with the `id` that `section show --json` gives, its fields are changed, and `"deleted": true`
    /// deletes it. `section fields` says which codes there are.
    Fill {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// The JSON file, or `-` for standard input
        #[arg(long, value_name = "FILE|-")]
        from: PathBuf,
    },
}

/// Where and how to export a section.
#[derive(Debug, Args)]
pub struct SectionExport {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Section code
    pub section: String,
    /// The whole document with its history, as any automerge reader opens it; else JSON
    #[arg(long)]
    pub automerge: bool,
    /// Write to this file (made new, for you alone), instead of standard output
    #[arg(long, value_name = "FILE", required_if_eq("automerge", "true"))]
    pub to: Option<PathBuf>,
    /// Who gets the file.
    #[command(flatten)]
    pub disclosed: DisclosedTo,
}

/// What can be done with sections.
#[derive(Debug, Subcommand)]
pub enum SectionCommand {
    /// Lists the sections of a case that you can open
    List {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Opens a section that not every case has; nobody but your team sees it until you share it
    ///
    /// `ident` for the AHV number, labour, education, medical, social, finance, migration, protection, access;
    /// `measure`, `meeting` and `employer` as often as there are some, each with an identifier of its own (or
    /// one that you choose: `measure/kurs-1`); `internal` for the notes of your institution, which every
    /// institution that takes part opens itself. The others are opened by the team that leads the case.
    Open {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
    },
    /// Shows a section
    Show {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code, as `section list` shows it; `measure` alone where there is one
        section: String,
    },
    /// Says which fields and lists a section has, and what may stand in them
    Fields {
        /// Section code, e.g. labour or meeting
        section: String,
    },
    /// Sets, adds, changes, deletes: the sections that `section fields` describes.
    #[command(flatten)]
    Edit(SectionEdit),
    /// Erases your copy of a section that is not shared with you any more, and says so to who manages it
    Erase {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Exports a section unencrypted
    Export(SectionExport),
    /// Who changed what, when
    History {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// How many changes, the newest last
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
    /// What differs between two states; by default what the last change did
    Diff {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// The state that this change made (its beginning, from `section history`)
        #[arg(long, value_name = "CHANGE", conflicts_with = "since")]
        before: Option<String>,
        /// The state at the beginning of this day
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
        /// Up to this change instead of now
        #[arg(long, value_name = "CHANGE")]
        after: Option<String>,
    },
}
