//! Commands about anonymous enquiries.

use clap::{Args, Subcommand};

use super::case::CaseOpen;
use nahtlos_casework::form::ENQUIRY_ANSWERS;

use super::values::{Answered, OneOf, TypedValue};

/// Parsed by a test of the arguments.
const SEND_EXAMPLE: &str = "\
$ nahtlos enquiry send --to \"IV-Stelle Eingliederung\" --from anfrage.json --yes

The file is one JSON object:
{ \"question\": \"joint\", \"age\": \"35_49\", \"permit\": \"swiss\", \"work\": \"unemployed\",
  \"psychic\": 2, \"debts\": 1, \"text\": \"Seit Monaten erschöpft, möchte in der Pflege bleiben\" }
question: competence entitlement measure joint advice · age: under_16 16_17 18_24 25_34 35_49 50_59 60_or_over
permit: swiss settled residence asylum other · work: employed unemployed benefits_ended incapable training none
Areas, 0 none to 3 heavy: somatic psychic addiction debts housing family language qualification residence justice
digital motivation. question and age are needed, the rest is not.";

const ANSWER_EXAMPLE: &str = "$ nahtlos enquiry answer 5e7fbe41 --as more --from antwort.txt";

const CASE_EXAMPLE: &str = "$ nahtlos enquiry case 5e7fbe41 --from fall.json";

/// To whom an enquiry goes.
#[derive(Debug, Args)]
pub struct EnquirySend {
    /// A team of another institution
    #[arg(long, value_name = "TEAM")]
    pub to: String,
    /// The facts: one JSON object with codes.
    #[command(flatten)]
    pub facts: TypedValue,
    /// Whether to ask.
    #[command(flatten)]
    pub answered: Answered,
}

/// What can be done with anonymous enquiries. One is named by the beginning of its id.
#[derive(Debug, Subcommand)]
pub enum EnquiryCommand {
    /// Sends coded facts about somebody, without a name, to one team of another institution
    ///
    /// It is part of no case, and nothing of any case goes along: whoever reads it learns the codes, your short
    /// text, and who you are. Texts with an AHV number, an e-mail address, a telephone number, a day, a case
    /// number or another long number are refused. A program does not recognise a name, nor a life that only
    /// one person leads: that nobody can be known from it is your responsibility.
    #[command(after_help = SEND_EXAMPLE)]
    Send(EnquirySend),
    /// Lists the enquiries that your institution sent or was asked
    List,
    /// Shows an enquiry with its answers
    Show {
        /// Beginning of its id
        enquiry: String,
    },
    /// Answers an enquiry: takes part, declines with a reason, or asks for more, without a name
    #[command(after_help = ANSWER_EXAMPLE)]
    Answer {
        /// Beginning of its id
        enquiry: String,
        /// What you answer
        #[arg(long = "as", value_name = "ANSWER", value_parser = OneOf(ENQUIRY_ANSWERS))]
        answer: String,
        /// Why you decline, or what you need to know.
        #[command(flatten)]
        text: TypedValue,
    },
    /// Tells more about an enquiry that your institution sent, without a name
    Add {
        /// Beginning of its id
        enquiry: String,
        /// What is to be told.
        #[command(flatten)]
        text: TypedValue,
    },
    /// Withdraws an enquiry: before it went out nobody ever reads it, later nothing newer of it
    Withdraw {
        /// Beginning of its id
        enquiry: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Opens a case from an enquiry that your institution sent, as `case open` does
    ///
    /// Only your own institution's notes in the case say from which enquiry it came. Who was asked learns nothing
    /// of the case until a consent or a law shares it with them, and nothing of the enquiry leads to the case.
    #[command(after_help = CASE_EXAMPLE)]
    Case {
        /// Beginning of its id
        enquiry: String,
        /// The case file.
        #[command(flatten)]
        source: CaseOpen,
    },
}
