//! Commands about the plan, the journal and tasks.

use clap::{Args, Subcommand};

use super::values::{Answered, TypedValue};

/// What can be done with a plan.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Shows the plan with the numbers of its goals and steps
    Show {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Sets a field of the plan itself; an empty answer empties it
    Set {
        /// Number or name, or the beginning of either
        case: String,
        /// situation, overall_goal, target
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

/// A new journal entry.
#[derive(Debug, Args)]
pub struct JournalAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// call, visit, mail, meeting, note, decision, event
    #[arg(long, value_name = "KIND", default_value = "note")]
    pub kind: String,
    /// When it happened, e.g. "31.03.2027 14:30"; now, where it is missing
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The entry it corrects: its beginning, from `nahtlos journal CASE`
    #[arg(long, value_name = "ENTRY")]
    pub corrects: Option<String>,
    /// The text.
    #[command(flatten)]
    pub text: TypedValue,
}

/// What can be done with a journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Adds an entry; its text is asked for. Entries never change: a correction is a new entry
    Add(JournalAdd),
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
        /// title, responsible, due, priority, status
        field: String,
        /// The value.
        #[command(flatten)]
        value: TypedValue,
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
