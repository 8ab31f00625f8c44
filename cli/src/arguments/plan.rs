//! Commands about the plan, the journal and tasks.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Answered, DisclosedTo, PAGE_LANGUAGES, TypedValue};

/// What can be done with a plan.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Shows the plan with the numbers of its goals and steps, and its versions
    #[command(disable_version_flag = true)]
    Show {
        /// Which case, and which of its versions; the plan as it reads now where none is named.
        #[command(flatten)]
        version: VersionOf,
    },
    /// Keeps what the plan says now as a version to be signed; the lead's institution does this
    Propose {
        /// Number or name, or the beginning of either
        case: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Signs a version for your institution, or, as the lead, records what the client signed
    #[command(disable_version_flag = true)]
    Sign(PlanSign),
    /// Shows what the plan says otherwise now than a version, by default the one in force
    #[command(disable_version_flag = true)]
    Diff {
        /// Which case, and which of its versions.
        #[command(flatten)]
        version: VersionOf,
    },
    /// Writes a version as a page to be printed and signed by the client
    #[command(disable_version_flag = true)]
    Print {
        /// Which case, and which of its versions; the newest where none is named.
        #[command(flatten)]
        version: VersionOf,
        /// Language of the page; without it the client's language of correspondence, else German
        #[arg(long, value_name = "LANGUAGE", value_parser = PAGE_LANGUAGES)]
        language: Option<String>,
        /// Where the page is written (HTML); the file must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Who gets the page.
        #[command(flatten)]
        disclosed: DisclosedTo,
    },
    /// Sets a field of the plan itself; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// situation, overall_goal, target, job_search_suspended, contact_rhythm, reachability
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Goals
    Goal {
        /// What to do.
        #[command(subcommand)]
        command: GoalCommand,
    },
    /// Steps towards a goal
    Step {
        /// What to do.
        #[command(subcommand)]
        command: StepCommand,
    },
    /// What may go wrong
    Risk {
        /// What to do.
        #[command(subcommand)]
        command: RiskCommand,
    },
    /// Records a review of the plan; who took part is asked for
    Review(ReviewAdd),
}

/// A version of a case's plan.
#[derive(Debug, Args)]
pub struct VersionOf {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Number of the version
    #[arg(long = "version", value_name = "NUMBER")]
    pub number: Option<u32>,
    /// The code on its paper, where two versions have one number
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
}

/// A signature under a version.
#[derive(Debug, Args)]
pub struct PlanSign {
    /// Which case, and which of its versions; the newest that waits for signatures where none is named.
    #[command(flatten)]
    pub version: VersionOf,
    /// Who agreed on paper or by word of mouth: client, or a body that does not use this program
    #[arg(long = "for", value_name = "WHO")]
    pub party: Option<String>,
    /// Scan of the signed paper; its hash is recorded, the file stays where it is. Needs --code
    #[arg(long, value_name = "FILE", requires_all = ["party", "code"], conflicts_with = "verbal")]
    pub paper: Option<PathBuf>,
    /// They agreed by word of mouth; when and to whom is asked for
    #[arg(long, requires = "party")]
    pub verbal: bool,
    /// When and to whom they agreed.
    #[command(flatten)]
    pub note: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What can be done with risks. A risk is named by its number in the last `plan show`, or by the
/// beginning of its identifier, which never changes.
#[derive(Debug, Subcommand)]
pub enum RiskCommand {
    /// Adds a risk; its description is asked for
    Add {
        /// Number or name, or the beginning of either
        case: String,
        /// 0 none, 1 light, 2 marked, 3 heavy
        #[arg(long, value_name = "0-3")]
        severity: Option<String>,
        /// The description.
        #[command(flatten)]
        description: TypedValue,
    },
    /// Sets a field of a risk; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// Which risk, e.g. 1
        risk: String,
        /// description, severity, response, status
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
}

/// A new review.
#[derive(Debug, Args)]
pub struct ReviewAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// What was decided
    #[arg(long, value_name = "OUTCOME", value_parser = ["continue", "adapt", "stop"])]
    pub outcome: String,
    /// How a goal stands, -2 to 2, e.g. 1=-1; may be repeated
    #[arg(long, value_name = "GOAL=RATING")]
    pub rating: Vec<String>,
    /// The day; today where it is missing
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,
    /// Who took part.
    #[command(flatten)]
    pub participants: TypedValue,
}

/// What can be done with goals. A goal is named by its number in the last `plan show` (numbers follow
/// priority, so they may move), or by the beginning of its identifier, which never changes.
#[derive(Debug, Subcommand)]
pub enum GoalCommand {
    /// Adds a goal; its wording is asked for
    Add {
        /// Number or name, or the beginning of either
        case: String,
        /// By when
        #[arg(long, value_name = "DATE")]
        due: Option<String>,
        /// 1 is first
        #[arg(long, value_name = "1-3")]
        priority: Option<String>,
        /// The wording.
        #[command(flatten)]
        statement: TypedValue,
    },
    /// Rewords a goal; both people's words survive when two do it at once
    Reword {
        /// Number or name, or the beginning of either
        case: String,
        /// Which goal, e.g. 1
        goal: String,
        /// The new wording.
        #[command(flatten)]
        statement: TypedValue,
    },
    /// Sets a field of a goal; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// Which goal, e.g. 1
        goal: String,
        /// client_words, area, measure_of_success, due, priority, status
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
}

/// A new step.
#[derive(Debug, Args)]
pub struct StepAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Which goal, e.g. 1
    pub goal: String,
    /// Who does it: client, an institution, or a person of the network
    #[arg(long, value_name = "WHO")]
    pub responsible: Option<String>,
    /// Who pays, 100 % together, e.g. "IV-Stelle=50;RAV=50"
    #[arg(long, value_name = "SHARES")]
    pub payers: Option<String>,
    /// First day
    #[arg(long, value_name = "DATE")]
    pub start: Option<String>,
    /// Last day
    #[arg(long, value_name = "DATE")]
    pub end: Option<String>,
    /// By when
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// When it is looked at again
    #[arg(long, value_name = "DATE")]
    pub review_at: Option<String>,
    /// The title.
    #[command(flatten)]
    pub title: TypedValue,
}

/// What can be done with steps. A step is named by its number in the last `plan show`, e.g. 1.3
/// (numbers follow dates, so they may move), or by the beginning of its identifier, which never changes.
#[derive(Debug, Subcommand)]
pub enum StepCommand {
    /// Adds a step to a goal; its title is asked for
    Add(StepAdd),
    /// Sets a field of a step; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// Which step, e.g. 1.3
        step: String,
        /// title, catalogue, responsible, start, end, due, review_at, status
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Says who pays a step
    Payers {
        /// Number or name, or the beginning of either
        case: String,
        /// Which step, e.g. 1.3
        step: String,
        /// Institutions with their shares, 100 % together, e.g. "IV-Stelle=50;RAV=50"
        shares: String,
    },
    /// Says that a step waits for another one
    Wait {
        /// Number or name, or the beginning of either
        case: String,
        /// Which step, e.g. 1.3
        step: String,
        /// The step it waits for, in whichever goal
        #[arg(long = "for", value_name = "STEP")]
        other: String,
        /// It waits for it no more
        #[arg(long)]
        no_more: bool,
    },
    /// Approves a step for your institution, which must be one of its payers
    Approve {
        /// Number or name, or the beginning of either
        case: String,
        /// Which step, e.g. 1.3
        step: String,
    },
    /// Ends a step as aborted or refused; the reason is asked for
    End {
        /// Number or name, or the beginning of either
        case: String,
        /// Which step, e.g. 1.3
        step: String,
        /// How it ends
        #[arg(long = "as", value_name = "STATUS", value_parser = ["aborted", "refused"])]
        status: String,
        /// The reason.
        #[command(flatten)]
        reason: TypedValue,
    },
}

/// A new task.
#[derive(Debug, Args)]
pub struct TaskAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// By when
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// 1 is first
    #[arg(long, value_name = "1-3")]
    pub priority: Option<String>,
    /// Who does it: client, an institution, or a person of the network
    #[arg(long, value_name = "WHO")]
    pub responsible: Option<String>,
    /// What is to be done.
    #[command(flatten)]
    pub title: TypedValue,
}

const TASK_LIST_EXAMPLE: &str = "$ nahtlos task list --mine --due-before 31.03.2027";
const TASK_CALENDAR_EXAMPLE: &str = "$ nahtlos task calendar --mine --to aufgaben.ics";

/// Which tasks of all cases.
#[derive(Clone, Debug, Default, Args)]
pub struct TaskFilter {
    /// Only those for which you are responsible
    #[arg(long, conflicts_with = "of")]
    pub mine: bool,
    /// Only those of: client, an institution with its people, or a person of the network
    #[arg(long, value_name = "WHO")]
    pub of: Option<String>,
    /// Only those whose due day has passed
    #[arg(long)]
    pub overdue: bool,
    /// Only those due before this day
    #[arg(long, value_name = "DATE")]
    pub due_before: Option<String>,
    /// Also those that are done or cancelled
    #[arg(long)]
    pub all: bool,
}

/// What can be done with tasks. A task is named by its number in the last list (numbers follow due
/// days, so they may move), or by the beginning of its identifier, which never changes.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Adds a task; its title is asked for
    Add(TaskAdd),
    /// Sets a field of a task; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
        /// title, responsible, due, priority, status, reminder
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
    },
    /// Lists open tasks of all your cases, those due first
    #[command(after_help = TASK_LIST_EXAMPLE)]
    List(TaskFilter),
    /// Shows a task with its checklist and links
    Show {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
    },
    /// Adds a line to a task's checklist
    Item {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
        /// What it says.
        #[command(flatten)]
        text: TypedValue,
    },
    /// Ticks a line of a task's checklist off
    Check {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
        /// Which line, by its number in `task show`
        item: String,
        /// It is not done after all
        #[arg(long)]
        undo: bool,
    },
    /// Links a task to a journal entry, a step or a round table of the case
    Link {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
        /// journal/ENTRY, step/GOAL/STEP or meeting/ID, with whole ids as `--json` gives them
        #[arg(long, value_name = "LINK")]
        to: String,
        /// Take this link away
        #[arg(long)]
        no_more: bool,
    },
    /// Writes the open tasks that have a due day as a calendar (iCalendar) for another program
    ///
    /// In it stand, for each task, the number of the case, the title, the due day, the priority and the reminder: no
    /// name of the client, no checklist, nobody who is responsible. A title that names somebody names them there as
    /// well: with `--without-titles` only the number of the case stands in it. Each entry is a whole day, marked
    /// private; a second import changes it instead of adding another.
    #[command(after_help = TASK_CALENDAR_EXAMPLE)]
    Calendar {
        /// Which tasks.
        #[command(flatten)]
        filter: TaskFilter,
        /// Only the number of the case instead of what the task says
        #[arg(long)]
        without_titles: bool,
        /// Where it is written; the file must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Marks a task as done
    Done {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
    },
    /// Deletes a task; it can be restored
    Delete {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Brings a deleted task back
    Restore {
        /// Number or name, or the beginning of either
        case: String,
        /// Which task, e.g. 2
        task: String,
    },
}
