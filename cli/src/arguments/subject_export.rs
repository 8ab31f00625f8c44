//! Commands for whom a case is about.

use std::path::PathBuf;

use clap::Subcommand;

const EXPORT_EXAMPLE: &str = "\
$ nahtlos subject export Mosimann --language fr --to mosimann
For the client to read: mosimann/BE-2026-031-A7-0042-K.html
For programs: mosimann/BE-2026-031-A7-0042-K.json";

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
        #[arg(long, value_name = "LANGUAGE", value_parser = ["de", "fr"])]
        language: String,
        /// The directory in which the two files are made, for you alone; it is made where it is missing
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}
