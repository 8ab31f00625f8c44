//! What can be typed on the command line.

mod attachment;
mod bundle;
mod case;
mod consent;
mod device;
mod draft;
mod enquiry;
#[cfg(test)]
mod examples;
mod function;
mod invitation;
mod journal;
mod list;
mod meeting;
mod network;
mod plan;
mod process;
mod recovery;
mod reference;
mod sample;
mod section;
mod share;
mod subject;
mod subject_export;
mod values;
mod vault;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use attachment::{AttachmentAdd, AttachmentCommand, AttachmentSave};
pub use bundle::BundleCommand;
pub use case::{
    CaseCommand, CaseExport, CaseFilter, CaseHandover, CaseImport, CaseOpen, ExportFormat,
};
pub use consent::{
    ConsentCommand, ConsentExtend, ConsentGive, ConsentManner, ConsentNarrow, ConsentWithdraw,
};
pub use device::{
    DecisionCommand, DeviceCommand, DocsOptions, HeldCommand, KeyCommand, ReportFormat,
};
pub use draft::DraftCommand;
pub use enquiry::{EnquiryCommand, EnquirySend};
pub use function::{FunctionAdd, FunctionCommand};
pub use invitation::HandingOver;
pub use journal::{JournalAdd, JournalCommand, JournalCorrect, JournalList};
pub use list::ListCommand;
pub use meeting::{MeetingCall, MeetingCommand, MeetingDecide, MeetingOf};
pub use network::{
    FounderOptions, InstitutionCommand, IntroductionOptions, MemberCommand, MemberRole,
    NetworkCommand, TeamCommand, YesOrNo,
};
pub use plan::{
    GoalCommand, PlanCommand, PlanSign, ReviewAdd, RiskCommand, StepAdd, StepCommand, TaskAdd,
    TaskCommand, TaskFilter, VersionOf,
};
pub use process::{CaseClose, CaseErase, CaseReopen, CompetenceAdd, CompetenceCommand};
pub use recovery::RecoveryCommand;
pub use reference::{command_line_reference, manual_pages};
pub use sample::{SampleCommand, SampleGenerate};
pub use section::{SectionCommand, SectionEdit, SectionExport};
pub use share::{
    ConflictCommand, ReasonCode, SectionRole, ShareCommand, ShareGrant, ShareRole, ShareSlice,
    ShareWithdraw,
};
pub use subject_export::{DisputeCommand, SubjectCommand};
pub use values::{Answered, DisclosedTo, TypedValue};
pub use vault::VaultCommand;

/// One shared, end-to-end encrypted case file and integration plan for several institutions.
///
/// Everything works offline; `nahtlos sync` exchanges with the others. Commands read
/// "thing verb case": a thing alone lists. A case is named by its number or name, or by an
/// unambiguous beginning of either. What describes a client is asked for or read with `--from`,
/// never taken from the command line, where the shell's history would keep it.
#[derive(Debug, Parser)]
#[command(
    name = "nahtlos",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit status: 0 done · 1 failed · 2 not a valid command or value · 3 done in part, something is held · \
4 locked or not enrolled · 5 refused, no right · 6 somebody must settle a conflict first · \
20 relay not reached, edits are safe here · 130 interrupted at a question"
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct GlobalOptions {
    /// Directory of this device's vault [default: nahtlos in the platform's data directory].
    #[arg(
        long,
        global = true,
        env = "NAHTLOS_HOME",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub home: Option<PathBuf>,
    /// Answer as JSON, errors on standard error included.
    #[arg(long, global = true)]
    pub json: bool,
    /// Trust the certificates in this PEM file for the relay, instead of the public authorities.
    #[arg(
        long,
        global = true,
        env = "NAHTLOS_TLS_CA",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub tls_ca: Option<PathBuf>,
    /// For what you read, e.g. "round table of 12 March": recorded with what you read of a case.
    #[arg(long, global = true, value_name = "TEXT")]
    pub occasion: Option<String>,
    /// Refused with an explanation: a passphrase never stands on a command line.
    #[arg(long, global = true, hide = true, value_name = "NEVER")]
    pub passphrase: Option<String>,
}

/// Things and what can be done with them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The network of institutions that one relay serves; alone: who is who in it
    Network {
        /// What to do.
        #[command(subcommand)]
        command: Option<NetworkCommand>,
    },
    /// Institutions; alone: lists them
    Institution {
        /// What to do.
        #[command(subcommand)]
        command: Option<InstitutionCommand>,
    },
    /// Teams; alone: lists them
    Team {
        /// What to do.
        #[command(subcommand)]
        command: Option<TeamCommand>,
    },
    /// People who work on cases; alone: lists them
    Member {
        /// What to do.
        #[command(subcommand)]
        command: Option<MemberCommand>,
    },
    /// Devices of your institution's people; alone: lists them
    Device {
        /// What to do.
        #[command(subcommand)]
        command: Option<DeviceCommand>,
    },
    /// Keys this device holds; alone: lists them
    Key {
        /// What to do.
        #[command(subcommand)]
        command: Option<KeyCommand>,
    },
    /// Your institution's way back into teams that nobody can open; alone: shows it
    Recovery {
        /// What to do.
        #[command(subcommand)]
        command: Option<RecoveryCommand>,
    },
    /// This device's vault: its backup, and whether it is whole
    Vault {
        /// What to do.
        #[command(subcommand)]
        command: VaultCommand,
    },
    /// Files for a USB stick or a mail, where there is no relay
    Bundle {
        /// What to do.
        #[command(subcommand)]
        command: BundleCommand,
    },
    /// Cases; alone: lists them
    #[command(args_conflicts_with_subcommands = true)]
    Case {
        /// Which cases to list.
        #[command(flatten)]
        filter: CaseFilter,
        /// What to do.
        #[command(subcommand)]
        command: Option<CaseCommand>,
    },
    /// Anonymous enquiries: coded facts without a name, to one team of another institution; alone: lists them
    Enquiry {
        /// What to do.
        #[command(subcommand)]
        command: Option<EnquiryCommand>,
    },
    /// Finds words in the names of all cases and in the journals and notes that you can read
    ///
    /// Case and accents do not matter: "hadzic" finds "Hadžić". All words must stand in one entry. Without
    /// words you are asked, so that the shell's history does not keep them.
    #[command(after_long_help = "$ nahtlos search praktikum")]
    Search {
        /// What to look for
        #[arg(value_name = "WORD")]
        words: Vec<String>,
        /// How many places to show
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
    },
    /// Sections: the parts of a case file that are shared together
    Section {
        /// What to do.
        #[command(subcommand)]
        command: SectionCommand,
    },
    /// Files that belong to a section: small ones in it, of larger ones name, size and hash
    Attachment {
        /// What to do.
        #[command(subcommand)]
        command: AttachmentCommand,
    },
    /// The integration plan of a case
    Plan {
        /// What to do.
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// The journal of a case: the shared one, or your institution's own notes; with a case alone: lists the
    /// shared one
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Journal {
        /// Whose journal to show.
        #[arg(value_name = "CASE", required = true)]
        case: Option<String>,
        /// What to do.
        #[command(subcommand)]
        command: Option<JournalCommand>,
    },
    /// What somebody can do: assessments, without diagnosis
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Function {
        /// Whose assessments to show.
        #[arg(value_name = "CASE", required = true)]
        case: Option<String>,
        /// What to do.
        #[command(subcommand)]
        command: Option<FunctionCommand>,
    },
    /// Shared tasks of a case
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Task {
        /// Whose tasks to show.
        #[arg(value_name = "CASE", required = true)]
        case: Option<String>,
        /// What to do.
        #[command(subcommand)]
        command: Option<TaskCommand>,
    },
    /// Round tables of a case: call, minute, decide
    Meeting {
        /// What to do.
        #[command(subcommand)]
        command: MeetingCommand,
    },
    /// Who can see what of a case, and why
    Share {
        /// What to do.
        #[command(subcommand)]
        command: ShareCommand,
    },
    /// What a client allowed and took back, and which rights rest on it
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Consent {
        /// Whose consents to show.
        #[arg(value_name = "CASE", required = true)]
        case: Option<String>,
        /// What to do.
        #[command(subcommand)]
        command: Option<ConsentCommand>,
    },
    /// What the person whom a case is about may ask for
    Subject {
        /// What to do.
        #[command(subcommand)]
        command: SubjectCommand,
    },
    /// What people decided differently at the same time; alone: lists it for all cases
    Conflict {
        /// What to do.
        #[command(subcommand)]
        command: Option<ConflictCommand>,
    },
    /// Changes of access that came back to you because something changed meanwhile; alone: lists them
    Decision {
        /// What to do.
        #[command(subcommand)]
        command: Option<DecisionCommand>,
    },
    /// Exchanges with the relay: sends what was typed here, brings what others wrote
    Sync {
        /// Ask for everything again: for a device that lacks something the relay did not serve;
        /// what is held here and not signed by who it names is forgotten
        #[arg(long)]
        all: bool,
    },
    /// What this device is, what is not delivered, what is held
    Status,
    /// Looks for what is wrong: vault, clock, relay, permissions
    Doctor {
        /// Take note that the relay went back to an earlier state, once this device can do nothing more
        /// about it: it stays in the history, and the next time is told again
        #[arg(long)]
        acknowledge: bool,
    },
    /// Changes that do not count, or could not be delivered or applied; nothing of it is lost
    Held {
        /// What to do.
        #[command(subcommand)]
        command: Option<HeldCommand>,
    },
    /// Drafts: what was typed for a change and not stored; alone: lists them
    Draft {
        /// What to do.
        #[command(subcommand)]
        command: Option<DraftCommand>,
    },
    /// Shows everything with invented people: a relay, six institutions, seven devices, two cases
    Demo(crate::demo::DemoOptions),
    /// Lists of names with the times they are valid: communes, permits, kinds of institutions
    List {
        /// What to do.
        #[command(subcommand)]
        command: ListCommand,
    },
    /// Invented cases, for trying things out
    Sample {
        /// What to do.
        #[command(subcommand)]
        command: SampleCommand,
    },
    /// Prints a script that completes commands in your shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Prints the reference of all commands
    #[command(hide = true)]
    Docs(DocsOptions),
}
