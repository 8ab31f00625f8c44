//! Commands about this device's vault.

use std::path::PathBuf;

use clap::Subcommand;

/// What can be done with the vault.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Writes a backup of this device's vault into one new file.
    ///
    /// It is encrypted as the vault is and opens with the passphrase of today. While another command
    /// runs in this home, it waits for its end, a minute at most. An existing file is never
    /// overwritten; the new one can be read by you alone. Into a directory, it gets a name with the
    /// time. Every record of it is read back before it gets its name; killed before,
    /// it leaves an empty file of that name and one that ends in `.partial`: delete both. Exit status: 0 made; 1 not made,
    /// or made of a vault in which records are damaged (it says so); 4 wrong passphrase, no vault, or
    /// in use.
    #[command(after_long_help = BACKUP_EXAMPLE)]
    Backup {
        /// The file to write, or a directory for it
        #[arg(value_name = "FILE|DIR")]
        to: PathBuf,
    },
    /// Puts a backup into the home that `--home` names, to be read there.
    ///
    /// The home must hold no vault; name a directory of its own, since the new device will want the
    /// usual one. What the backup holds can be read and exported there; it never
    /// writes, sends or receives again, since the device it was made on may have gone on meanwhile. To
    /// work again, come back as a new device with a new home: with your paper (`device restore`), or by who
    /// administers your institution (`device add --for`). What you could open comes to it then; what was typed
    /// before the backup and never delivered is exported from here and typed again. Nobody can be
    /// invited by a restored home: a network, institution or team needs a second person who may. Exit
    /// status: 0 restored; 1 not restored, or restored with damaged records (it says so); 4 wrong
    /// passphrase.
    #[command(after_long_help = RESTORE_EXAMPLE)]
    Restore {
        /// The file that `vault backup` wrote
        backup: PathBuf,
    },
    /// Opens every record, replays every log and verifies every receipt.
    ///
    /// It changes nothing and names what is damaged by its kind, never by what it says. Deleted
    /// records, and records put back to their own earlier state, are not noticed. Exit status: 0
    /// everything is whole; 1 something is damaged; 4 wrong passphrase, no vault, or in use.
    #[command(after_long_help = CHECK_EXAMPLE)]
    Check,
}

/// Each of these was run, by `cli/tests/vault_care.rs`, which holds them to what the program says.
pub const PASSPHRASE_EXAMPLE: &str = "\
$ nahtlos key passphrase
The passphrase is changed.";

const BACKUP_EXAMPLE: &str = "\
$ nahtlos vault backup /media/stick/berger.backup
The backup is in /media/stick/berger.backup: 118 records, all of them read back.";

const RESTORE_EXAMPLE: &str = "\
$ nahtlos --home restored vault restore /media/stick/berger.backup
The backup is in restored: 118 records can be read there.";

const CHECK_EXAMPLE: &str = "\
$ nahtlos vault check
The vault is whole.
records     117
logs        12 with 21 operations
receipts    27
passphrase  64 MiB, 3 passes, 1 lane";
