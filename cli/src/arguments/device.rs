//! Commands about this device.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::invitation::HandingOver;
use super::values::{Answered, TypedValue};

/// Each of these was run, by `cli/tests/paper.rs`, which holds them to what the program says.
const PAPER_EXAMPLE: &str = "\
$ nahtlos key paper paper.html
The page is in paper.html. Print it now, then type these words from the print. Until they are given back it is no paper and brings nobody back: if you stop before that, delete the page and its print.
Word 4:
Word 9:
Word 17:
Word 22:
The paper is made: Paper, a device of yours with the fingerprint 7K3M-92QD-0V5X-C8AT.";

const RESTORE_EXAMPLE: &str = "\
$ nahtlos device restore --paper paper.txt --name Laptop
Anna Berger is back on this device.
device       XNY6-V6YX-NTJC-NNVF
brought by   Paper (7K3M-92QD-0V5X-C8AT)
home         restored";

/// Run by `tests/tests/story_lost_phone.rs`, which holds these to what the program says.
const REVOKE_EXAMPLE: &str = "\
$ nahtlos device revoke 4ZQX --lost --now --yes
Revoked: 4ZQX-N23J-7K0M-1PWB, a device of Urs Keller.
14 new keys were made.";

const BREACH_EXAMPLE: &str = "\
$ nahtlos device breach-report --format csv --to breach.csv
The report is in breach.csv.";

const WIPE_EXAMPLE: &str = "\
$ nahtlos device wipe --yes
Wiped: the key of this home is destroyed and its files are removed (HOME).";

/// What can be done with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Lists devices of your institution's people, with fingerprints to compare by voice.
    ///
    /// Those of people who left are listed too, with when they were removed. "last wrote" is when the relay
    /// took in the newest thing that was written on a device, as far as it reached this one: a device that only
    /// reads is not heard of. Exit status: 0 listed; 1 nobody of this name has or had a device here.
    List {
        /// Of this person alone, also of one who left
        #[arg(long, value_name = "PERSON")]
        person: Option<String>,
    },
    /// Invites a further device of your own, which will read and write all that you do; or the new device
    /// of a colleague who has none left.
    ///
    /// With `--for`, who administers the institution and works with the colleague in a team lets a new device in
    /// as theirs. All their devices must be revoked first: who has one adds a further one themselves. The new
    /// device is let in once you compared its six words with them, by telephone or in person (`member
    /// waiting`); everybody in your institution is told. No case gets a new key for it. Exit status: 0 the
    /// invitation is made; 1 they have a device still; 5 it is not yours to do.
    Add {
        /// The colleague whose new device it is
        #[arg(long = "for", value_name = "PERSON")]
        colleague: Option<String>,
        /// Where the invitation goes.
        #[command(flatten)]
        handing_over: HandingOver,
    },
    /// Makes this a further device of yours, by an invitation of one that you have
    Join {
        /// The invitation: the text, a file that holds it, or `-` for standard input
        #[arg(value_name = "TEXT|FILE|-")]
        invitation: String,
        /// What you call this device; your other devices see it, and a colleague who lets it in
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Calls a device of yours by another name; your other devices see it, colleagues do not
    Rename {
        /// Its name, or the beginning of its fingerprint or id as `device list` shows it
        #[arg(value_name = "DEVICE")]
        device: String,
        /// The new name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Brings you back on a new device by the 24 words of your paper.
    ///
    /// The words are asked for one after the other and not shown, or read from standard input; they are
    /// never an argument. A word that is in no list, a wrong one, and two that are exchanged are each
    /// told by their place. The paper lets this device in as one of yours, which takes a minute and the
    /// relay; nothing of the paper stays here. If it breaks off, run the same command again. Exit status:
    /// 0 you are back; 1 not, or the relay does not know the paper; 2 the words or the text are not the
    /// paper's; 5 the paper was revoked; 20 the relay was not reached.
    #[command(after_long_help = RESTORE_EXAMPLE)]
    Restore {
        /// The text that stands on the paper below the words, or a file that holds it; without either
        /// it is asked for
        #[arg(long, value_name = "TEXT|FILE", required = true, num_args = 0..=1, default_missing_value = "")]
        paper: String,
        /// What you call this device; your other devices see it, colleagues do not
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Ends the right of a device, as when it is lost: it receives nothing more.
    ///
    /// With `--now`, which needs the relay, it syncs first (a person may have another device by now), the device
    /// is refused from then on, and everything it could open and you may write in gets a new key in the same
    /// run; where that breaks off, the next `nahtlos sync` goes on. What is left to others is said with who
    /// they are: a team's key is made at the next sync of its people, a section's with the next edit there. Of a
    /// team that you are not in, this device sees no case: it says who of the team is to run `nahtlos key rotate
    /// --all` and to make the breach report. A device of somebody who left is revoked like any
    /// other. Exit status: 0 revoked, and with `--now` every key of yours is new; 1 no such device, or it is
    /// revoked already; 3 revoked, and some keys wait for the next sync; 5 you do not administer its person's
    /// institution; 20 the relay was not reached: the next sync revokes a device that was named by its
    /// fingerprint or id, and of a person's nothing was done.
    #[command(after_long_help = REVOKE_EXAMPLE)]
    Revoke {
        /// The beginning of its fingerprint or id as `device list` shows it, or the person who has
        /// only this one
        #[arg(value_name = "DEVICE OR PERSON")]
        device: String,
        /// It is lost or stolen
        #[arg(long)]
        lost: bool,
        /// Make new keys of everything it could open at once, not only at the next write there
        #[arg(long)]
        now: bool,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Tells what somebody who has a device can read: sections, clients, since when, until when.
    ///
    /// By the keys that came to it, whatever became of the rights; each section with the strongest role it
    /// had, since when it held a key, until when the relay served it, and since when there is a new key
    /// that it has no way to. Clients and sections are named as far as you may read them; a section that this
    /// device knows and may not read is counted. Cases of a team that you are not in are not in the report: it names
    /// the team, and who of it can make the report ("teams_out_of_sight" in JSON). Times with a star are by somebody's own clock, the others by the relay's. CSV: one
    /// line for a section, times in UTC, columns case_number, client, section, role, since, content_since
    /// (what was written from then on can be read), until, new_key_since, case_id, space_id, device; a
    /// cell that a spreadsheet would run as a formula begins with an apostrophe. JSON: the same names, with
    /// "sections", "groups" (teams and institutions whose keys it had), "revoked", "heard_at_ms"; a time is
    /// {"at_ms", "by_relay"}. Exit status: 0 made; 1 no such device of your institution, or several.
    #[command(after_long_help = BREACH_EXAMPLE)]
    BreachReport {
        /// The beginning of its fingerprint or id as `device list` shows it, or the person who ever had
        /// only this one; where it is missing, the only device that was revoked as lost
        #[arg(value_name = "DEVICE OR PERSON")]
        device: Option<String>,
        /// In which form
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
        /// Write it to this file (made new, for you alone) instead of standard output
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Destroys what is on this device: first its key, then its files; says first what would be lost.
    ///
    /// Lost for good is what nobody else has: edits that were not delivered, edits that the relay refused,
    /// decisions that were not carried out. Once the key is destroyed nothing in the files opens any more,
    /// whatever the passphrase; where it breaks off then, the next command removes what is left. Other
    /// files in the directory stay, and backups and copies elsewhere are not reached. It does not end the
    /// device's right (`nahtlos device revoke`, on another one). Exit status: 0 wiped, or nothing was done
    /// because you said no; 1 a file could not be removed, and the next command goes on; 4 wrong
    /// passphrase, no vault, or in use.
    #[command(after_long_help = WIPE_EXAMPLE)]
    Wipe {
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

/// In which form a report is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// Comma-separated values, for spreadsheets.
    Csv,
    /// For programs.
    Json,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Lists the keys this device has a path to, and which it holds
    List,
    /// Explains how keys decide who reads; for a section, who holds its key
    Explain {
        /// Number or name, or the beginning of either
        #[arg(requires = "section")]
        case: Option<String>,
        /// Section code
        section: Option<String>,
    },
    /// Changes the passphrase of this device's vault.
    ///
    /// The present passphrase is asked for or read as always; the new one is asked for twice, or read
    /// from the file that NAHTLOS_NEW_PASSPHRASE_FILE names or from the command in
    /// NAHTLOS_NEW_PASSPHRASE_COMMAND. A crash at any moment leaves a vault that opens with one of the
    /// two. Copies and backups of the home made before open with the passphrase they were made under,
    /// for ever; destroy them where it has become known. Exit
    /// status: 0 changed; 1 the disk failed, and it says which passphrase counts; 2 the new one is too
    /// short, typed differently or the present one; 4 wrong passphrase, no vault, or in use.
    #[command(after_long_help = super::vault::PASSPHRASE_EXAMPLE)]
    Passphrase,
    /// Makes a paper that brings you back when all your devices are lost: 24 words.
    ///
    /// The page with the words is written to a new file that you alone can read: open it in a browser,
    /// print it, keep the print where you keep what must not be lost or seen, and delete the file. The
    /// words are shown nowhere else and kept on no device. Some of them are asked for, so that a paper
    /// that was not printed is not taken for one; then it is a device of yours (`device list`), which
    /// reads all that you read, and is ended like any other (`device revoke`). Exit status: 0 made; 1 the
    /// words were not given back or the file cannot be written, and nothing was made; 5 this device was
    /// revoked.
    #[command(after_long_help = PAPER_EXAMPLE)]
    Paper {
        /// The file for the page; one that exists is not overwritten
        #[arg(value_name = "FILE.html")]
        page: PathBuf,
        /// What you call it; your devices see it, colleagues do not
        #[arg(long, value_name = "NAME", default_value = "Paper")]
        name: String,
    },
    /// Makes new keys at once, for a case, one of its sections, or everything you may
    Rotate {
        /// Number or name, or the beginning of either
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        case: Option<String>,
        /// Section code; without one: every section of the case
        section: Option<String>,
        /// Your team and every section of every case
        #[arg(long)]
        all: bool,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

/// What can be done with decisions. A decision is named by the beginning of its identifier.
#[derive(Debug, Subcommand)]
pub enum DecisionCommand {
    /// Lists changes of access that came back to you, and those that wait for the next sync
    List,
    /// Decides it again, on what is known now; it is carried out at the next sync
    Retry {
        /// Which decision
        decision: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Drops it: it is not carried out
    Drop {
        /// Which decision
        decision: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

/// What can be done with what is held.
#[derive(Debug, Subcommand)]
pub enum HeldCommand {
    /// Lists what is held and why
    List,
    /// Shows a held change: who wrote it when, and what it would change
    Show {
        /// Which one: the beginning of its identifier
        held: String,
    },
    /// Takes a held change over: it counts, and your name stands for it
    Adopt {
        /// Which one: the beginning of its identifier
        held: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Decides that a held change does not count; what was written stays with its author. One of your
    /// own that was decided about is put away
    Discard {
        /// Which one: the beginning of its identifier
        held: String,
        /// Why.
        #[command(flatten)]
        reason: TypedValue,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Writes your own refused edits to a file, unencrypted
    Export {
        /// The file (made new, for you alone), or `-` for standard output
        #[arg(long, value_name = "FILE|-")]
        to: PathBuf,
    },
}

/// Where the reference goes.
#[derive(Debug, Args)]
pub struct DocsOptions {
    /// Write manual pages into this directory instead of printing Markdown
    #[arg(long, value_name = "DIR")]
    pub man: Option<PathBuf>,
}
