//! Commands about the section `function`.

use clap::{Args, Subcommand};

use super::values::TypedValue;

/// A new assessment.
#[derive(Debug, Args)]
pub struct FunctionAdd {
    /// Number or name, or the beginning of either
    pub case: String,
    /// The assessment: one JSON object, or field by field.
    #[command(flatten)]
    pub assessment: TypedValue,
}

/// What can be done with assessments.
#[derive(Debug, Subcommand)]
pub enum FunctionCommand {
    /// Adds an assessment beside those that stand there: from a JSON file, or by asking
    Add(FunctionAdd),
}
