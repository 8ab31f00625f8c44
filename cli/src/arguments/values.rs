//! Values that are typed at a prompt or come from a file, and never from the command line.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command};
use nahtlos_casework::form::CodeList;
use nahtlos_casework::is_called;

/// Reads one of a list of codes, or what it is called in German, French or English; the value is the code.
#[derive(Clone, Copy)]
pub struct OneOf(pub CodeList);

/// Languages of pages.
pub const PAGE_LANGUAGES: OneOf = OneOf(&[
    ("de", ["Deutsch", "allemand", "German"]),
    ("fr", ["Französisch", "français", "French"]),
]);

impl TypedValueParser for OneOf {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        option: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let typed = value.to_string_lossy();
        let mut named = self.0.iter().filter(|(code, names)| {
            code.eq_ignore_ascii_case(typed.trim()) || is_called(names, &typed)
        });
        let code = match (named.next(), named.next()) {
            (Some((code, _)), None) => (*code).to_owned(),
            _ => typed.into_owned(),
        };
        let codes = PossibleValuesParser::new(self.0.iter().map(|(code, _)| *code));
        codes.parse_ref(command, option, OsStr::new(&code))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let codes = self.0.iter();
        Some(Box::new(codes.map(|(code, [german, french, _])| {
            PossibleValue::new(*code).help(format!("{german}, {french}"))
        })))
    }
}

/// A value about a client.
#[derive(Clone, Debug, Default, Args)]
pub struct TypedValue {
    /// Read it from this file, or from standard input with `-`, instead of being asked
    #[arg(long, value_name = "FILE|-")]
    pub from: Option<PathBuf>,
    /// Empty the field (commands that change one)
    #[arg(long, conflicts_with = "from")]
    pub empty: bool,
    /// Refused with an explanation.
    #[arg(
        long = "value",
        aliases = ["text", "title", "statement", "reason", "name", "first-name", "official-name", "birth", "phone", "email", "ahvn13", "zemis"],
        hide = true,
        num_args = 0..=1,
        default_missing_value = "",
        value_name = "NEVER"
    )]
    pub tempting_option: Option<String>,
    /// Refused with an explanation.
    #[arg(hide = true, num_args = 0.., value_name = "NEVER")]
    pub tempting_value: Vec<String>,
}

impl TypedValue {
    /// Whether somebody put the value on the command line.
    pub fn is_on_command_line(&self) -> bool {
        self.tempting_option.is_some() || !self.tempting_value.is_empty()
    }
}

/// For commands that ask before they act.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Answered {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Only say what would be done
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// Who gets what is written out of the program.
#[derive(Clone, Debug, Default, Args)]
pub struct DisclosedTo {
    /// Who gets the file: recorded in the case's section `access`
    #[arg(long = "for", value_name = "WHO", requires = "basis")]
    pub recipient: Option<String>,
    /// On what that rests: a code of `nahtlos share bases`, or words
    #[arg(long, value_name = "BASIS", requires = "recipient")]
    pub basis: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_takes_the_name_of_a_code_and_gives_the_code() {
        let read = |typed: &str| {
            let option = Arg::new("language").value_parser(PAGE_LANGUAGES);
            let command = Command::new("page").arg(option);
            let read = command.try_get_matches_from(["page", typed]);
            read.map(|read| read.get_one::<String>("language").cloned().unwrap())
        };
        for french in ["fr", "FR", "Französisch", "FRANCAIS", "french"] {
            assert_eq!(read(french).unwrap(), "fr", "{french}");
        }
        assert_eq!(read("allemand").unwrap(), "de");
        for other in ["it", "", "italiano"] {
            let refused = read(other).unwrap_err();
            assert_eq!(refused.kind(), clap::error::ErrorKind::InvalidValue);
            assert!(refused.to_string().contains("de, fr"), "{refused}");
        }
    }
}
