//! Commands for whom a case is about.

use std::path::PathBuf;

use clap::Subcommand;

use super::values::{PAGE_LANGUAGES, TypedValue};

const EXPORT_EXAMPLE: &str = "\
$ nahtlos subject export Mosimann --language fr --to mosimann
For the client to read: mosimann/BE-2026-031-A7-0042-K.html
For programs: mosimann/BE-2026-031-A7-0042-K.json";

const DISPUTE_EXAMPLE: &str = "\
$ nahtlos subject dispute add Mosimann core first_name --from said.txt
Marked as contested: first name.
$ nahtlos subject dispute add Mosimann journal aebagb --said 12.03.2027
$ nahtlos subject dispute settle Mosimann core aebagbafaydqq";

/// What the person says is not true.
#[derive(Debug, Subcommand)]
pub enum DisputeCommand {
    /// Lists what the person disputes, settled marks included
    List {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Marks a field or an entry as contested (bestritten, contesté): whoever sees the value sees the mark
    Add {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// A field's code, the beginning of an entry's identifier, or both: ENTRY/FIELD
        #[arg(value_name = "FIELD|ENTRY")]
        what: String,
        /// The day on which the person said so; today where it is left out
        #[arg(long, value_name = "DAY")]
        said: Option<String>,
        /// What the person says.
        #[command(flatten)]
        text: TypedValue,
    },
    /// Says how a dispute was settled: corrected, or the person agrees. The mark stays in the history
    Settle {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: String,
        /// The beginning of the mark's identifier
        #[arg(value_name = "MARK")]
        dispute: String,
        /// The day on which it was settled; today where it is left out
        #[arg(long, value_name = "DAY")]
        said: Option<String>,
        /// How it was settled.
        #[command(flatten)]
        text: TypedValue,
    },
}

/// What can be done for whom a case is about.
#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    /// What the person may ask for: everything of their case that this device can read, in a page to read and
    /// a file for programs.
    ///
    /// In it are the sections, the consents and legal bases, who has access today, every disclosure and every
    /// reading that is known here, offline ones included. What could not be included is listed: sections that
    /// do not open here, internal notes of other institutions, what stands in other systems. Both files
    /// are written, or none; that the export was made is recorded in the case.
    #[command(after_long_help = EXPORT_EXAMPLE)]
    Export {
        /// Number or name, or the beginning of either
        case: String,
        /// Language of the page
        #[arg(long, value_name = "LANGUAGE", value_parser = PAGE_LANGUAGES)]
        language: String,
        /// The directory in which the two files are made, for you alone; it is made where it is missing
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// What the person says is not true: marks that go wherever the value goes
    #[command(after_long_help = DISPUTE_EXAMPLE)]
    Dispute {
        /// What to do.
        #[command(subcommand)]
        command: DisputeCommand,
    },
}
