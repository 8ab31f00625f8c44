//! What a person is told when a command fails: what happened, why, and the exact next command.

mod client;
mod recovery;
mod relay;
mod vault;

use nahtlos_casework::ImportError;
use nahtlos_casework::fields::FieldError;
use serde_json::{Value, json};

use crate::advice::Advice;
use crate::exit::Exit;
use crate::output::SCHEMA_VERSION;

/// A failed command. Holds no value that a person typed about a client.
#[derive(Debug)]
pub struct Failure {
    /// How the program exits.
    pub exit: Exit,
    /// A stable code.
    pub code: String,
    /// What happened, one sentence.
    pub what: String,
    /// Why, one or two sentences; empty where there is nothing to add.
    pub why: String,
    /// What to do, with the command in backticks.
    pub next: String,
    /// More than one thing to mend: one line each.
    pub details: Box<[String]>,
}

impl Failure {
    /// A failure with its three sentences.
    pub fn new(
        exit: Exit,
        code: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code: code.into(),
            what: what.into(),
            why: why.into(),
            next: next.into(),
            details: Box::default(),
        }
    }

    /// A value that is not one of its field.
    pub fn field(error: &FieldError) -> Self {
        Self::new(
            Exit::Usage,
            error.code,
            format!("The value for `{}` was not accepted.", error.field),
            format!("{}.", capitalised(&error.reason)),
            format!(
                "{}, then run the command again.",
                capitalised(&error.remedy)
            ),
        )
    }

    /// A step that a case cannot take from here: what is to be done is another command, not this one again.
    pub fn step(error: &FieldError) -> Self {
        let exit = match error.code {
            "conflicts" => Exit::Conflict,
            _ => Exit::Usage,
        };
        Self::new(
            exit,
            error.code,
            format!("Nothing was changed: {}.", error.reason),
            "",
            format!("{}.", capitalised(&error.remedy)),
        )
    }

    /// A case file with errors. The file is read as a whole or not at all.
    pub fn import(errors: &[ImportError]) -> Self {
        let count = errors.len();
        let plural = if count == 1 { "error" } else { "errors" };
        let mut failure = Self::new(
            Exit::Usage,
            errors.first().map_or("case_file", |error| error.code),
            format!("The case file has {count} {plural}; no case was opened."),
            "A case file is read as a whole or not at all.",
            "Correct the places named above, then run the command again.",
        );
        failure.details = errors.iter().map(ToString::to_string).collect();
        failure
    }

    /// A file about one section with errors. It is read as a whole or not at all.
    pub fn section_file(errors: &[ImportError]) -> Self {
        let mut failure = Self::import(errors);
        let count = errors.len();
        let plural = if count == 1 { "error" } else { "errors" };
        failure.what = format!("The file has {count} {plural}; nothing was changed.");
        failure.why = "It is read as a whole or not at all.".to_owned();
        failure
    }

    /// A table with errors. It is read as a whole or not at all.
    pub fn table(errors: &[ImportError]) -> Self {
        let mut failure = Self::section_file(errors);
        let begins = errors.first().map_or("table", |error| error.code);
        failure.code = begins.to_owned();
        failure.next = "Correct the lines named above, then run the command again.".to_owned();
        failure
    }

    /// A consent file with errors. It is read as a whole or not at all.
    pub fn consent_file(errors: &[ImportError]) -> Self {
        let count = errors.len();
        let plural = if count == 1 { "error" } else { "errors" };
        let mut failure = Self::new(
            Exit::Usage,
            errors.first().map_or("consent_file", |error| error.code),
            format!("The consent file has {count} {plural}; nothing was recorded."),
            "A consent file is read as a whole or not at all.",
            "Correct the places named above, then run the command again.",
        );
        failure.details = errors.iter().map(ToString::to_string).collect();
        failure
    }

    /// A file that cannot be read or written.
    pub fn file(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            Exit::Failed,
            "file",
            format!("The file {} could not be {action}.", path.display()),
            system_says(error),
            match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    "Name another file, then run the command again."
                }
                _ => "Check the path and your rights to it, then run the command again.",
            },
        )
    }

    /// The object that stands on standard error with `--json`.
    pub fn to_json(&self, advice: &Advice) -> Value {
        let mut error = json!({
            "code": self.code,
            "exit": self.exit.code(),
            "message": self.what,
            "why": self.why,
            "next": advice.complete(&self.next),
        });
        if !self.details.is_empty() {
            error["details"] = json!(&*self.details);
        }
        json!({ "schema_version": SCHEMA_VERSION, "error": error })
    }

    /// The lines for people; the first is the most important one.
    pub fn to_lines(&self, advice: &Advice) -> Vec<String> {
        let mut lines = vec![self.what.clone()];
        if !self.why.is_empty() {
            lines.push(self.why.clone());
        }
        lines.extend(self.details.iter().map(|detail| format!("  {detail}")));
        lines.push(format!("Next: {}", advice.complete(&self.next)));
        lines
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Self::field(&error)
    }
}

/// What the system says of a file, in words of people who do not program.
pub(crate) fn system_says(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let known = match error.kind() {
        ErrorKind::NotFound => "There is no such file.",
        ErrorKind::AlreadyExists => "A file of this name exists already and is not overwritten.",
        ErrorKind::PermissionDenied => "You have no right to it.",
        ErrorKind::IsADirectory => "It is a directory.",
        ErrorKind::NotADirectory => "A part of the path is no directory.",
        ErrorKind::StorageFull => "The disk is full.",
        ErrorKind::ReadOnlyFilesystem => "The disk can only be read.",
        ErrorKind::InvalidData => "It is not a text in UTF-8.",
        other => return format!("The system says: {other}."),
    };
    known.to_owned()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_in_the_way_is_said_in_words() {
        let said = |kind: std::io::ErrorKind| {
            Failure::file("read", std::path::Path::new("x"), &kind.into()).why
        };
        assert_eq!(said(std::io::ErrorKind::NotFound), "There is no such file.");
        assert!(said(std::io::ErrorKind::AlreadyExists).contains("not overwritten"));
        let next = |kind: std::io::ErrorKind| {
            Failure::file("written", std::path::Path::new("x"), &kind.into()).next
        };
        assert!(next(std::io::ErrorKind::AlreadyExists).starts_with("Name another file"));
        assert!(next(std::io::ErrorKind::PermissionDenied).contains("your rights"));
        assert!(said(std::io::ErrorKind::TimedOut).starts_with("The system says: "));
    }

    #[test]
    fn every_failure_says_what_why_and_next_in_both_forms() {
        let failure = Failure::field(&FieldError::new(
            "birth",
            "format",
            "this is no date",
            "write 1982",
        ));
        assert_eq!(failure.exit, Exit::Usage);
        let lines = failure.to_lines(&Advice::default());
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("`birth`") && lines[2].starts_with("Next: Write 1982"));
        let json = failure.to_json(&Advice::default());
        assert_eq!(json["schema_version"], 1);
        assert_eq!(json["error"]["code"], "format");
        assert_eq!(json["error"]["exit"], 2);
    }
}
