//! Commands about cases and their sections.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Answered, TypedValue};

/// Which cases to list.
#[derive(Clone, Debug, Default, Args)]
pub struct CaseFilter {
    /// Only cases whose number, name or phase holds this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

/// What a case is opened with.
#[derive(Clone, Debug, Default, Args)]
pub struct CaseOpen {
    /// The case file.
    #[command(flatten)]
    pub file: TypedValue,
    /// Open it even if there is a case of this name and birth already
    #[arg(long)]
    pub yes: bool,
}

/// What can be done with cases.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// Lists cases
    List {
        /// Which.
        #[command(flatten)]
        filter: CaseFilter,
    },
    /// Opens a case: from a JSON file, or by asking for name, birth and telephone
    Open {
        /// The case file.
        #[command(flatten)]
        source: CaseOpen,
    },
    /// Shows a case: who it is about, its sections, what is new, due or in conflict
    Show {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Sets a field of the core data, or of the section `ident`; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// official_name, first_name, call_name, birth, sex, phone, email, address, phase, …; of
        /// `ident`: ahvn13, zemis
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Who changed what of a section, when
    History {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        #[arg(default_value = "core")]
        section: String,
        /// How many changes, the newest last
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
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
}

/// What can be done with sections.
#[derive(Debug, Subcommand)]
pub enum SectionCommand {
    /// Lists the sections of a case that you can open
    List {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Opens a section that not every case has, e.g. `ident` for the AHV number; nobody but your team sees it until you share it
    Open {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code: ident
        section: String,
    },
    /// Shows a section
    Show {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code: core, ident, function, plan, journal, tasks, consent
        section: String,
    },
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
