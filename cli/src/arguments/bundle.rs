//! Commands about bundle files.

use std::path::PathBuf;

use clap::Subcommand;

/// What can be done with bundles.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Writes what this device has into one new file, for a USB stick or a mail.
    ///
    /// It holds the same signed objects that a sync exchanges, with the relay's receipts, and what was typed
    /// here and is not with the relay. Sections stay sealed: who has no key to them reads none. What stands
    /// open is who has which right where, by numbers, and when and how much was written. Changes of
    /// access that wait for the next sync are not in it. An existing file is never overwritten. Exit status: 0
    /// written; 1 not written; 3 written, but something typed here could not be sealed (it says so).
    #[command(after_long_help = EXPORT_EXAMPLE)]
    Export {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Of sections only those of this case; may be given several times
        #[arg(long = "case", value_name = "CASE")]
        cases: Vec<String>,
        /// Only what the device lacks that wrote this request
        #[arg(long = "for", value_name = "REQUEST")]
        request: Option<PathBuf>,
    },
    /// Writes what this device has, so that another one can write a bundle of the rest.
    ///
    /// The file holds numbers, no names and no content. Hand it over; the answer is made with `bundle export
    /// --for`. An existing file is never overwritten.
    #[command(after_long_help = REQUEST_EXAMPLE)]
    Request {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Takes in a bundle that somebody handed over.
    ///
    /// As often and in any order as you like: what is here already stays as it is. Everything in it is checked
    /// as what a sync brings; who handed it over is not trusted. What the relay does not have yet is shown, and
    /// does not count before the relay has it; this device brings it there with its next sync. Exit
    /// status: 0 taken in; 1 not whole, or of another network: nothing was changed; 3 taken in, but for what
    /// it says it refused.
    #[command(after_long_help = IMPORT_EXAMPLE)]
    Import {
        /// The bundle
        file: PathBuf,
    },
    /// Shows what is in a bundle, with a paper's words and without any home or relay.
    ///
    /// It shows what the paper's person could read when the bundle was written. The key file holds the paper's
    /// text (it begins with nahtlos-paper-); the 24 words are asked for, or read from standard input, or stand
    /// in the file after the text. Nothing stays on this machine. Exit status: 0 shown; 1 the bundle is not
    /// whole, or holds nothing for this paper; 2 the text or the words are not a paper's.
    #[command(after_long_help = OPEN_EXAMPLE)]
    Open {
        /// The bundle
        file: PathBuf,
        /// The file with the paper's text
        #[arg(long, value_name = "KEYFILE")]
        key: PathBuf,
        /// Show all of this case instead of the list of cases
        #[arg(long, value_name = "CASE")]
        case: Option<String>,
    },
}

const EXPORT_EXAMPLE: &str = "\
$ nahtlos bundle export --to /media/stick/berger.bundle
The bundle is in /media/stick/berger.bundle: 21 changes of access and 8 signed edits. The relay does not have 1 of them yet.";

const REQUEST_EXAMPLE: &str = "\
$ nahtlos bundle request --to /media/stick/keller.request
The request is in /media/stick/keller.request. On the other device: `nahtlos bundle export --to FILE --for /media/stick/keller.request`.";

const IMPORT_EXAMPLE: &str = "\
$ nahtlos bundle import /media/stick/berger.bundle
written by                   Anna Berger, 01.09.2026 14:30
new here                     3 signed edits, 0 changes of access
the relay does not have yet  1 signed edit of Anna Berger";

const OPEN_EXAMPLE: &str = "\
$ nahtlos bundle open berger.bundle --key paper.txt
$ nahtlos bundle open berger.bundle --key paper.txt --case BE-2026-001-BA-001-Y";
