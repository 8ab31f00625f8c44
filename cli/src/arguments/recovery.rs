//! Commands about an institution's recovery key.

use std::path::PathBuf;

use clap::Subcommand;

use super::values::Answered;

/// What can be done with a recovery key.
#[derive(Debug, Subcommand)]
pub enum RecoveryCommand {
    /// Shows the recovery key: who holds a share, which teams it covers, what was done with it
    List,
    /// Makes a recovery key and splits it among custodians.
    ///
    /// With as many shares as the threshold says, and not with fewer, somebody can be let into a team
    /// that nobody can open any more. The key covers your institution and every team that you manage; it
    /// reads what they read, so it is listed among their people. It lies nowhere whole: each custodian's
    /// share is sealed to the devices they have now, and comes to them by their next sync. An earlier
    /// recovery key ends with it: make a new one after each use, when a custodian leaves, and when one
    /// has a new device only. A team that the earlier key covers and that you do not manage would be left
    /// without any: that is refused unless `--without` names the team. Exit status: 0 decided; 1 a team would
    /// be left without any; 2 the numbers do not fit; 5 you do not manage the institution.
    #[command(after_long_help = SETUP_EXAMPLE)]
    Setup {
        /// How many shares it takes
        #[arg(long, value_name = "NUMBER")]
        threshold: u8,
        /// How many shares there are: as many as custodians
        #[arg(long, value_name = "NUMBER")]
        of: usize,
        /// A person of your institution who holds a share; once for each
        #[arg(long, value_name = "PERSON", required = true)]
        custodian: Vec<String>,
        /// A team that the earlier key covers and the new one will not, because you do not manage it; once
        /// for each
        #[arg(long, value_name = "TEAM")]
        without: Vec<String>,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Lets the recovery key cover a further team that you manage
    Cover {
        /// The team
        team: String,
    },
    /// Hands your share to the person who carries a recovery out: into a file that only their devices
    /// open
    Share {
        /// The person
        #[arg(long = "for", value_name = "PERSON")]
        recipient: String,
        /// The file, made new
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Writes your own share as a page to be printed: it lasts where your devices do not.
    ///
    /// The page has the set, the number of the share, its check words and 24 words. Whoever reads it holds
    /// your share; print it, delete the file, and lock the print away. It is typed in with `--printed`. Exit
    /// status: 0 written; 1 there is no recovery key, or your share is not on this device; 5 you hold none.
    Print {
        /// The file for the page; one that exists is not overwritten
        #[arg(value_name = "FILE.html")]
        page: PathBuf,
    },
    /// Rehearses: whether the shares at hand are right and enough; nothing is opened.
    ///
    /// Without a file it looks at your own share alone. One printed share alone is looked at, and whether it is
    /// enough with your own. Exit status: 0 your share is right, or the shares
    /// are enough; 1 one is wrong or too few are here, and it says whose.
    #[command(after_long_help = VERIFY_EXAMPLE)]
    Verify {
        /// A share that was handed to you; once for each. Your own is added
        #[arg(long, value_name = "FILE")]
        share: Vec<PathBuf>,
        /// Number of a printed share, whose words are asked for or read from standard input; once for each
        #[arg(long, value_name = "NUMBER")]
        printed: Vec<u8>,
    },
    /// Lets somebody into teams that nobody can open any more.
    ///
    /// They manage these teams from then on, and read all of their cases; with `--institution` they administer
    /// it, as where its only administrator is gone. It stands in the logs
    /// for good: your people, and every institution that shares a case with them, are told. Exit status:
    /// 0 done; 1 a share is wrong or missing, a team is not covered or did not take them; 20 the relay
    /// was not reached: run it again.
    #[command(after_long_help = USE_EXAMPLE)]
    Use {
        /// Who is let in: a person of your institution
        #[arg(long = "for", value_name = "PERSON")]
        person: String,
        /// Into which team; once for each
        #[arg(long, value_name = "TEAM", required_unless_present = "institution")]
        team: Vec<String>,
        /// Into your institution itself: they administer it then (people, devices, teams, a new recovery key)
        #[arg(long)]
        institution: bool,
        /// A share that was handed to you; once for each. Your own is added
        #[arg(long, value_name = "FILE")]
        share: Vec<PathBuf>,
        /// Number of a printed share, whose words are asked for or read from standard input; once for each
        #[arg(long, value_name = "NUMBER")]
        printed: Vec<u8>,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

/// Each of these was run, by `cli/tests/recovery.rs`, which holds them to what the program says.
const SETUP_EXAMPLE: &str = "\
$ nahtlos recovery setup --threshold 2 --of 3 --custodian Berger --custodian Keller --custodian Trachsel --dry-run
A recovery key: 2 of 3 shares open it.
share 1  Anna Berger
share 2  Keller
share 3  Trachsel
covers   RAV Langnau, RAV Team, Team Bern
Nothing was done (--dry-run).";

const VERIFY_EXAMPLE: &str = "\
$ nahtlos recovery verify --share keller.share
The shares of Anna Berger and Keller are right, and enough: 2 are needed.";

const USE_EXAMPLE: &str = "\
$ nahtlos recovery use --for Berger --team Bern --share keller.share --yes
Anna Berger was let into Team Bern.";
