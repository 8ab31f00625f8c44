//! Commands about cases and their sections.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::device::ReportFormat;
use super::process::{
    CLOSE_EXAMPLE, CaseClose, CaseErase, CaseReopen, CompetenceCommand, ERASE_EXAMPLE,
    PHASE_EXAMPLE, REOPEN_EXAMPLE,
};
use super::values::{Answered, DisclosedTo, TypedValue};

/// Which cases to list.
#[derive(Clone, Debug, Default, Args)]
pub struct CaseFilter {
    /// Only cases whose number, name, birth or phase holds these words, whatever their case and accents
    #[arg(long, visible_alias = "search", value_name = "TEXT")]
    pub filter: Option<String>,
    /// Closed cases too; without it only those of them in which something is to be done
    #[arg(long)]
    pub all: bool,
    /// Cases that were erased instead: when, by whom, why, and whose devices have confirmed it
    #[arg(long, conflicts_with_all = ["filter", "all"])]
    pub erased: bool,
}

/// What a case is opened with.
#[derive(Clone, Debug, Default, Args)]
pub struct CaseOpen {
    /// The case file.
    #[command(flatten)]
    pub file: TypedValue,
    /// Record this consent with it (a JSON file as `consent give --file` reads), and share what it covers
    #[arg(long, value_name = "FILE|-")]
    pub consent: Option<PathBuf>,
    /// Do not ask: open it even if there is a case of this name and birth already, and record the consent
    #[arg(long)]
    pub yes: bool,
    /// Only say what would be done
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// Run by `tests/tests/story_leaving/`, which holds it to what the program says.
const HANDOVER_EXAMPLE: &str = "\
$ nahtlos case handover --from Rüegg --to Trachsel --yes
Handed over: 61 cases.";

const ACCESS_LOG_EXAMPLE: &str = "\
$ nahtlos case access-log Mosimann
Disclosed:
  01.07.2026 14:00  IV-Stelle Bern Team 1 (IV-Stelle Bern)  core, plan  right to write  AVG35a1  Anna Berger
Read:
  02.07.2026 09:12–09:40  Marc Iseli (officer, IV-Stelle Bern)  core, plan  2  computer  02.07.2026 10:05
$ nahtlos case access-log Mosimann --format csv --to mosimann-access.csv";

/// Whose cases go to whom.
#[derive(Clone, Debug, Default, Args)]
pub struct CaseHandover {
    /// Who leads the cases now
    #[arg(long, value_name = "PERSON", required_unless_present = "ordered_only")]
    pub from: Option<String>,
    /// Who leads them from then on
    #[arg(long, value_name = "PERSON", requires = "from", required_unless_present_any = ["ordered_only", "cancel_order"])]
    pub to: Option<String>,
    /// Only these, by number or name or the beginning of either, separated by commas
    #[arg(long, value_name = "CASE,…", value_delimiter = ',')]
    pub cases: Vec<String>,
    /// Only order it: for who manages the institution and reads no case; the device of who takes over
    /// carries it out
    #[arg(long, requires = "to", conflicts_with_all = ["cases", "cancel_order", "ordered_only"])]
    pub order: bool,
    /// Take such an order back
    #[arg(long, requires = "from", conflicts_with_all = ["to", "cases", "ordered_only"])]
    pub cancel_order: bool,
    /// Carry out what was ordered and is for you to take over
    #[arg(long = "ordered", id = "ordered_only", conflicts_with_all = ["from", "to"])]
    pub ordered_only: bool,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// Run by `cli/tests/interchange.rs`.
const EXPORT_EXAMPLE: &str = "\
$ nahtlos case export BE-2026-031-A7-0042-K --to mosimann.json
$ nahtlos case export mosimann --to journal.csv --format csv --list journal";

/// A form of exported files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON file, as `case open --from` reads it
    #[default]
    Json,
    /// Comma-separated values in UTF-8 (RFC 4180), for spreadsheets
    Csv,
}

/// What of a case is exported, and where to.
#[derive(Clone, Debug, Args)]
pub struct CaseExport {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Write to this file (made new, for you alone)
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// Only this list, with a column for each of its fields: journal, tasks, or a section and its list, as
    /// labour.employments; without it, CSV has one row for each value of the case
    #[arg(long, value_name = "LIST")]
    pub list: Option<String>,
    /// Who gets the file.
    #[command(flatten)]
    pub disclosed: DisclosedTo,
}

/// Run by `cli/tests/interchange.rs`.
const IMPORT_EXAMPLE: &str = "\
$ nahtlos case import --from people.csv
$ nahtlos case import BE-2026-031-A7-0042-K --list journal --from journal.csv";

/// Rows of a table, and what they are.
#[derive(Clone, Debug, Args)]
pub struct CaseImport {
    /// Number or name, or the beginning of either, of the case that the rows are added to; without it, each
    /// row opens a case
    #[arg(requires = "list")]
    pub case: Option<String>,
    /// The CSV file, or `-` for standard input
    #[arg(long, value_name = "FILE|-")]
    pub from: PathBuf,
    /// What the rows are: journal, tasks, or a section and its list, as labour.employments
    #[arg(long, value_name = "LIST", requires = "case")]
    pub list: Option<String>,
    /// Open a second case also for people of whom there is one
    #[arg(long, conflicts_with = "case")]
    pub second_cases: bool,
    /// Add the rows also where their identifiers say that they were exported from another case
    #[arg(long, requires = "case")]
    pub from_another_case: bool,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What can be done with cases.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// Lists cases; closed ones only where something is to be done
    List {
        /// Which.
        #[command(flatten)]
        filter: CaseFilter,
    },
    /// Opens a case, with the client's consent if there is one: from files, or by asking for name, birth,
    /// telephone, who works on it and what they may see; says first how many people will read what
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
        /// official_name, first_name, call_name, birth, sex, phone, email, address, …; of
        /// `ident`: ahvn13, zemis
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Who read what of a case, and what was disclosed to whom, when and on what basis.
    ///
    /// A device notes what is read on it, offline too, and the next sync hands it over to the case's section
    /// `access`: one entry for the first reading of a day, one for the rest of that day once it is over. Who
    /// read is who signed the entry. What a modified program reads, and what is read where nobody may write
    /// `access` (providers, employers), is not recorded. Rights that were given stand here from the
    /// sections' signed logs.
    #[command(after_long_help = ACCESS_LOG_EXAMPLE)]
    AccessLog {
        /// Number or name, or the beginning of either
        case: String,
        /// In which form
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
        /// Write it to this file (made new, for you alone) instead of standard output
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Shows the phase of a case and what may follow on it, or says that it is in another phase now.
    ///
    /// reported, preclarified, consented, assessed, planned, running, paused, closing, closed, reopened, archived,
    /// deleted. A recorded consent moves a case to `consented` by itself. Who leads the case changes it; where two
    /// people do so at the same time, everybody sees one conflict (`nahtlos conflict`).
    #[command(after_long_help = PHASE_EXAMPLE)]
    Phase {
        /// Number or name, or the beginning of either
        case: String,
        /// The phase it is in now
        #[arg(value_name = "PHASE")]
        phase: Option<String>,
    },
    /// Closes a case, after a look at what is still open, and makes tasks to follow it up.
    ///
    /// Listed first: unfinished tasks, steps that have not ended, edits that are held or not delivered, conflicts,
    /// consents that hold, and who can read something. Nobody's access ends by it. The follow-up tasks are due 3, 6
    /// and 12 months later. What somebody did offline meanwhile is kept, and shown to all as a conflict.
    #[command(after_long_help = CLOSE_EXAMPLE)]
    Close(CaseClose),
    /// Opens a closed case again
    #[command(after_long_help = REOPEN_EXAMPLE)]
    Reopen(CaseReopen),
    /// Erases a closed case for everybody and for good: keys and contents on every device that learns of it, and what
    /// the relay stores.
    ///
    /// Who manages the case does it, once it need not be kept any more, or for a reason that holds before. Each section
    /// is closed with the next sync, then all are erased: every device of those who could read them destroys its copy
    /// when it syncs, and says so. Only the case's identifier is kept, that it was erased, when, by whom and why. How
    /// long which kind of institution keeps a case is a list; `retention.json` in the home takes its place.
    #[command(after_long_help = ERASE_EXAMPLE)]
    Erase(CaseErase),
    /// Who leads and who pays, as it was decided, by whom and why; with a case alone: lists it
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Competence {
        /// Whose decisions to show.
        #[arg(value_name = "CASE", required = true)]
        case: Option<String>,
        /// What to do.
        #[command(subcommand)]
        command: Option<CompetenceCommand>,
    },
    /// Hands cases over: another person leads them; says first which, which not and why, and what gets a
    /// new key.
    ///
    /// Not handed over are cases in which the new lead has a conflict of interest (`case recuse`), whose core
    /// data they cannot open, that another team leads, and those whose lead is in conflict. A hand-over
    /// shares nothing: sections that the new lead's team reads it manages from then on, the others stay closed
    /// to it. Sections get new keys where the earlier lead may not read any more, with the next sync. Each case
    /// is handed over whole or not at all; run the same command again after an interruption. Where two people
    /// hand one case over at the same time, everybody sees one conflict (`nahtlos conflict`), and nobody loses
    /// anything until it is settled. Exit status: 0 done, or nothing was done because you said no; 1 no such
    /// person or case; 3 some cases stay as they were; 5 no right.
    #[command(after_long_help = HANDOVER_EXAMPLE)]
    Handover(CaseHandover),
    /// Exports what you can read of a case, unencrypted; says which sections are not readable here
    ///
    /// A JSON file opens as a new case with the same content (`nahtlos case open --from FILE`), marks of what the
    /// person contests and who wrote an entry among it. Consents, readings, versions, signatures, approvals, closings and
    /// slices are of this case alone and stay behind; how many is said when it is opened. What a newer version wrote and
    /// this one does not understand stands in it as it is stored. The form is described in
    /// docs/INTERCHANGE.md.
    #[command(after_long_help = EXPORT_EXAMPLE)]
    Export(CaseExport),
    /// Reads a table from a spreadsheet (CSV in UTF-8): a case for each row, or entries of one list of a case;
    /// all of it or nothing
    ///
    /// The first row names the columns: those of `case export --format csv --list LIST`, or for cases
    /// official_name, first_name, call_name, birth, sex, street, house_number, extra_line, postcode, town,
    /// country, phone, email, preferred_channel, voicemail_allowed, correspondence_language, interpreter,
    /// phase. Commas, semicolons and tabs separate cells. What is wrong is named by line and column.
    #[command(after_long_help = IMPORT_EXAMPLE)]
    Import(CaseImport),
    /// Marks that somebody has a conflict of interest in a case: it is never handed over to them
    Recuse {
        /// Number or name, or the beginning of either
        case: String,
        /// A person of the network
        #[arg(value_name = "PERSON")]
        person: String,
        /// Take the mark away
        #[arg(long)]
        lift: bool,
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
