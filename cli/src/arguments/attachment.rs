//! `nahtlos attachment`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Answered, DisclosedTo, TypedValue};

const ADD_EXAMPLE: &str = "\
$ nahtlos attachment add Mosimann medical bericht.pdf
Added: bericht.pdf, 21,344 bytes.
$ nahtlos attachment add Mosimann medical mrt.zip --only-record --note ablage.txt";

const SAVE_EXAMPLE: &str = "\
$ nahtlos attachment save Mosimann aebag --to bericht.pdf
Saved as bericht.pdf: 21,344 bytes of the size and hash that the case says.";

const VERIFY_EXAMPLE: &str = "\
$ nahtlos attachment verify Mosimann aebag mrt.zip
The file is the one that the case names.";

const LIST_EXAMPLE: &str = "$ nahtlos attachment list Mosimann medical";

const REMOVE_EXAMPLE: &str = "$ nahtlos attachment remove Mosimann aebag --dry-run";

/// A file that is added to a section.
#[derive(Debug, Args)]
pub struct AttachmentAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Section code: who reads the section reads the file
    pub section: String,
    /// The file, up to 32 KiB
    pub file: PathBuf,
    /// What it is called in the case, where that is not the file's own name; the shell keeps what you type here
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Its media type, e.g. application/pdf; by the name's ending where it is left out. Nothing is opened by it
    #[arg(long = "type", value_name = "TYPE")]
    pub media_type: Option<String>,
    /// Read a note about it from this file, or from standard input with `-`
    #[arg(long, value_name = "FILE|-")]
    pub note: Option<PathBuf>,
    /// Record name, type, size and hash, without the bytes: for a file of any size that stays in your institution's
    /// own filing. Whoever is given the file can verify it
    #[arg(long)]
    pub only_record: bool,
}

/// A file that is written out of a case.
#[derive(Debug, Args)]
pub struct AttachmentSave {
    /// Number or name, or the beginning of either
    pub case: String,
    /// The beginning of the attachment's identifier
    #[arg(value_name = "ATTACHMENT")]
    pub id: String,
    /// Where to; a directory, or a file that does not exist. By its name into the current directory where it is left out
    #[arg(long, value_name = "PATH")]
    pub to: Option<PathBuf>,
    /// Who gets the file.
    #[command(flatten)]
    pub disclosed: DisclosedTo,
}

/// What can be done with files that belong to a section.
#[derive(Debug, Subcommand)]
pub enum AttachmentCommand {
    /// Adds a file to a section
    ///
    /// It is never changed: another version is another file. Its bytes stay in the section's history when it is
    /// removed.
    #[command(after_long_help = ADD_EXAMPLE)]
    Add(AttachmentAdd),
    /// Lists the files of a case, or of one section
    #[command(after_long_help = LIST_EXAMPLE)]
    List {
        /// Number or name, or the beginning of either
        case: String,
        /// Section code
        section: Option<String>,
        /// Removed ones too
        #[arg(long)]
        all: bool,
    },
    /// Writes a file out of a case, for its owner alone, never over another one
    ///
    /// It is refused where size or hash is not what the case says. Nothing is opened: look at it with a program
    /// that you trust with files of strangers.
    #[command(after_long_help = SAVE_EXAMPLE)]
    Save(AttachmentSave),
    /// Says whether a file that you were given is the one that a case names, by size and hash
    #[command(after_long_help = VERIFY_EXAMPLE)]
    Verify {
        /// Number or name, or the beginning of either
        case: String,
        /// The beginning of the attachment's identifier
        #[arg(value_name = "ATTACHMENT")]
        id: String,
        /// The file that you were given
        file: PathBuf,
    },
    /// Removes a file from a section: it is shown no more. Its bytes stay in the section's history
    #[command(after_long_help = REMOVE_EXAMPLE)]
    Remove {
        /// Number or name, or the beginning of either
        case: String,
        /// The beginning of the attachment's identifier
        #[arg(value_name = "ATTACHMENT")]
        id: String,
        /// Why, which is asked for. Everybody who reads the section reads it.
        #[command(flatten)]
        reason: TypedValue,
        /// Ask or not.
        #[command(flatten)]
        answered: Answered,
    },
}
