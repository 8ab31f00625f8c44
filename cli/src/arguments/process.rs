//! Commands about how a case is led: phases, closing, who leads and who pays.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Answered, TypedValue};

/// Parsed by the tests beside it, as every example is.
pub const PHASE_EXAMPLE: &str = "\
$ nahtlos case phase Mosimann
$ nahtlos case phase Mosimann preclarified";
pub const CLOSE_EXAMPLE: &str = "\
$ nahtlos case close Mosimann --reason employment --dry-run
$ nahtlos case close Mosimann --reason other --note note.txt --yes";
pub const ERASE_EXAMPLE: &str = "\
$ nahtlos case erase Mosimann --reason retention_ended --dry-run
$ nahtlos case erase Mosimann --reason opened_by_mistake --confirm BE-2026-031-A7-0042-U
$ nahtlos case list --erased";
pub const REOPEN_EXAMPLE: &str = "$ nahtlos case reopen Mosimann --reason job_lost";
const COMPETENCE_EXAMPLE: &str = "\
$ nahtlos case competence add Mosimann --kind payer --institution 'IV-Stelle Bern' --since 01.04.2027 \
--by 'Runder Tisch' --from grounds.txt";

/// A case that is closed.
#[derive(Debug, Args)]
pub struct CaseClose {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Why: employment, training, supported_work, pension, stabilised, other_support, not_eligible, declined,
    /// consent_withdrawn, contact_lost, moved_away, deceased, opened_by_mistake, other (with a note)
    #[arg(long, value_name = "CODE")]
    pub reason: String,
    /// A note, from this file or from standard input
    #[arg(long, value_name = "FILE|-")]
    pub note: Option<PathBuf>,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// A closed case that is opened again.
#[derive(Debug, Args)]
pub struct CaseReopen {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Why: job_lost, training_broken_off, new_need, health, consent_again, returned, closed_by_mistake, other
    /// (with a note)
    #[arg(long, value_name = "CODE")]
    pub reason: String,
    /// A note, from this file or from standard input
    #[arg(long, value_name = "FILE|-")]
    pub note: Option<PathBuf>,
}

/// A case that is erased.
#[derive(Debug, Args)]
pub struct CaseErase {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Why: retention_ended, ordered (by a court or a data protection office), opened_by_mistake, persons_request
    /// (the person's right to erasure), or a code of a list of your own
    #[arg(long, value_name = "CODE", required_unless_present = "take_back")]
    pub reason: Option<String>,
    /// Take the decision back, whole: until a sync has begun to carry it out
    #[arg(long, conflicts_with_all = ["reason", "confirm", "dry_run"])]
    pub take_back: bool,
    /// The number of the case, typed back, where nobody can be asked
    #[arg(long, value_name = "NUMBER")]
    pub confirm: Option<String>,
    /// Say what it would do and what cannot be recalled, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A decision about who leads or pays.
#[derive(Debug, Args)]
pub struct CompetenceAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// lead or payer
    #[arg(long, value_name = "KIND")]
    pub kind: String,
    /// Which institution: of the network, or one that the case names
    #[arg(long, value_name = "INSTITUTION")]
    pub institution: String,
    /// For what, where it is not for the whole case, e.g. 'Arbeitsversuch'; nothing about the client
    #[arg(long = "for", value_name = "WHAT")]
    pub subject: Option<String>,
    /// From which day on
    #[arg(long, value_name = "DATE")]
    pub since: String,
    /// The last day, where there is one
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// The day on which it was decided; today, where it is missing
    #[arg(long, value_name = "DATE")]
    pub decided: Option<String>,
    /// Who decided it, e.g. 'Runder Tisch' or a person
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// The decision that it corrects: its beginning, from `nahtlos case competence CASE`
    #[arg(long, value_name = "DECISION")]
    pub corrects: Option<String>,
    /// The grounds, which are asked for. Everybody who takes part in the case reads them.
    #[command(flatten)]
    pub grounds: TypedValue,
}

/// What can be done with decisions about who leads and who pays.
#[derive(Debug, Subcommand)]
pub enum CompetenceCommand {
    /// Records a decision. It is never changed: a correction is a new one. It changes neither the lead nor
    /// anybody's access: `nahtlos case handover --ordered` and its options do that
    #[command(after_long_help = COMPETENCE_EXAMPLE)]
    Add(CompetenceAdd),
}
