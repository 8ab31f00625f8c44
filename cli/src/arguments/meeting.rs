//! Commands about round tables.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use nahtlos_casework::form::ATTENDANCE;

use super::values::{Answered, DisclosedTo, OneOf, PAGE_LANGUAGES, TypedValue};

const CALL_EXAMPLE: &str = "\
$ nahtlos meeting call mosimann --at \"31.03.2027 14:00\" --invite \"IV-Stelle Eingliederung\" --from einladung.json --yes

The file is one JSON object; all of it may be left out:
{ \"place\": \"RAV Langnau\", \"purpose\": \"Standortgespräch\", \"invitees\": [{ \"who\": \"Ruth Mosimann\" }],
  \"agenda\": [{ \"point\": \"Stand der Dinge\", \"planned\": 20 }], \"documents\": [{ \"document\": \"Zeugnis 2024\" }] }";

const DECIDE_EXAMPLE: &str = "$ nahtlos meeting decide mosimann --task --responsible \"Marc Iseli\" --due 30.04.2027 --from beschluss.txt";

/// A new round table.
#[derive(Debug, Args)]
pub struct MeetingCall {
    /// Number or name, or the beginning of either
    pub case: String,
    /// When, e.g. "31.03.2027 14:00"
    #[arg(long, value_name = "TIME")]
    pub at: String,
    /// A team or person who takes part, reads and writes it; once for each of them
    #[arg(long = "invite", value_name = "TEAM OR PERSON")]
    pub invite: Vec<String>,
    /// What their right rests on: the code of a law, or "consent NAME"; without it the one consent by which they
    /// work on the case, which is extended by this round table
    #[arg(long, value_name = "BASIS", requires = "invite")]
    pub basis: Option<String>,
    /// How the client agreed that they come, where a consent is extended by it: paper, device, verbal
    #[arg(long, value_name = "FORM", requires = "invite")]
    pub form: Option<String>,
    /// Call it although one is called at the same time already
    #[arg(long)]
    pub again: bool,
    /// Place, purpose, agenda, documents and further people: one JSON object.
    #[command(flatten)]
    pub file: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// Which round table.
#[derive(Clone, Debug, Args)]
pub struct MeetingOf {
    /// Number or name, or the beginning of either
    pub case: String,
    /// Which one, by its number in `meeting list` or the beginning of its id; needed where the case has several
    #[arg(long, value_name = "MEETING")]
    pub meeting: Option<String>,
}

/// A decision of a round table.
#[derive(Debug, Args)]
pub struct MeetingDecide {
    /// Which round table.
    #[command(flatten)]
    pub of: MeetingOf,
    /// One that is recorded, by its number in `meeting show`: what is named here changes, and so does the task
    /// that was made of it; its text stays unless `--from` names a new one
    #[arg(long, value_name = "DECISION")]
    pub decision: Option<String>,
    /// Who sees to it: client, an institution, or a person of the network
    #[arg(long, value_name = "WHO")]
    pub responsible: Option<String>,
    /// By when
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// Make a task of it, linked to the decision; once, however often it is said
    #[arg(long)]
    pub task: bool,
    /// Make a step of this goal of it: its number in `plan show`
    #[arg(long, value_name = "GOAL")]
    pub step: Option<String>,
    /// The decision.
    #[command(flatten)]
    pub text: TypedValue,
}

/// What can be done with round tables.
#[derive(Debug, Subcommand)]
pub enum MeetingCommand {
    /// Calls a round table: opens its section and shares it with those who take part, and nobody else
    ///
    /// The team that leads the case does this. Their right rests on a law that you name, or on the client's
    /// consent: where one consent lets them work on the case, it is extended by this round table, which is recorded
    /// as what the client said; `--form` names how. Says first how many people will read it.
    #[command(after_help = CALL_EXAMPLE)]
    Call(MeetingCall),
    /// Lists the round tables of a case that you can open
    List {
        /// Number or name, or the beginning of either
        case: String,
    },
    /// Shows a round table: invitees, agenda with minutes, decisions, documents
    Show(MeetingOf),
    /// Writes the minutes of one point of the agenda; what others write in it at the same time stays
    ///
    /// Where the point has minutes, they are shown before the new text is asked for, and what is typed goes below
    /// them. A text that comes from a file or another program needs `--append` or `--replace` then.
    Minutes {
        /// Which round table.
        #[command(flatten)]
        of: MeetingOf,
        /// Which point, by its number in `meeting show` (1 is the first of the agenda) or its id
        #[arg(long, value_name = "POINT")]
        point: String,
        /// Put the new text in the place of the minutes that the point has
        #[arg(long, conflicts_with = "append")]
        replace: bool,
        /// Put the new text below the minutes that the point has
        #[arg(long)]
        append: bool,
        /// The new text.
        #[command(flatten)]
        text: TypedValue,
    },
    /// Says who comes, came or did not come
    Attend {
        /// Which round table.
        #[command(flatten)]
        of: MeetingOf,
        /// Who, by the number in `meeting show` (1 is the first invitee) or the id
        #[arg(long, value_name = "INVITEE")]
        who: String,
        /// How
        #[arg(long = "as", value_name = "ATTENDANCE", value_parser = OneOf(ATTENDANCE))]
        attendance: String,
    },
    /// Records a decision or changes one, and makes a task or a step of the plan of it in the same moment
    #[command(after_help = DECIDE_EXAMPLE)]
    Decide(MeetingDecide),
    /// Notes how long it was, and says what is still missing in it
    ///
    /// It can be edited afterwards. What somebody wrote in it without knowing that it was closed is shown as a
    /// conflict, and all of it is kept.
    Close {
        /// Which round table.
        #[command(flatten)]
        of: MeetingOf,
        /// How many minutes it took; up to 90 is what it should
        #[arg(long, value_name = "MINUTES")]
        length: String,
    },
    /// Writes the minutes as a page to be printed
    Print {
        /// Which round table.
        #[command(flatten)]
        of: MeetingOf,
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
}
