//! The `nahtlos` program as a library: the command line over [`nahtlos_client`].
//!
//! [`run`] is the whole program; `main.rs` only calls it, so that tests of other packages can run
//! it too. Commands make answers ([`output`]), errors become failures with what happened, why and
//! the next command ([`failure`]), and both are printed in one place.

pub mod advice;
pub mod arguments;
mod commands;
mod context;
pub mod demo;
mod drafting;
pub mod exit;
pub mod failure;
mod input;
mod interruption;
pub mod output;
mod panic_guard;
pub mod passphrase;
mod scan;
mod typed_lines;

use std::ffi::OsString;
use std::io::Write;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

pub use arguments::command_line_reference;
pub use exit::Exit;

use advice::Advice;
use arguments::Arguments;
use context::Context;
use failure::Failure;
use output::{Answer, Printer};

/// Runs the program with its arguments, the program's name first, and prints what it answers.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let typed = help_as_option(arguments.into_iter().collect());
    let mut printer = Printer {
        json: before_double_dash(&typed).any(|word| word == "--json"),
        advice: Advice {
            home: home_option(&typed),
            ..Advice::default()
        },
    };
    let parsed = match Arguments::try_parse_from(&typed) {
        Ok(parsed) => parsed,
        Err(error) => return not_parsed(&printer, &typed, &error),
    };
    let (case, section) = parsed.command.subject();
    printer.advice.case = case.map(str::to_owned);
    printer.advice.section = section.map(str::to_owned);
    let answer = panic_guard::guarded(|| {
        let context = Context::new(&parsed.global, printer.advice.home.is_some())?;
        drafting::begin(&typed, printer.advice.case.as_deref());
        let answer = drafting::end(commands::run(&context, parsed.command));
        with_notices(answer, context.take_notices())
    });
    match answer {
        Ok(answer) => printer.answer(&answer),
        Err(failure) => printer.failure(&failure),
    }
}

/// What happened by the way is said, whether or not the command came to its end.
fn with_notices(answer: Result<Answer, Failure>, notices: Vec<String>) -> Result<Answer, Failure> {
    match answer {
        Ok(answer) => Ok(notices.into_iter().fold(answer, Answer::note)),
        Err(mut failure) => {
            let details = failure.details.iter().cloned().chain(notices);
            failure.details = details.collect();
            Err(failure)
        }
    }
}

/// Help and version are answers; the rest is a wrong command.
fn not_parsed(printer: &Printer, typed: &[OsString], error: &clap::Error) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let mut stdout = anstream::stdout().lock();
        let _ = write!(stdout, "{}", error.render().ansi());
        let _ = stdout.flush();
        return Exit::Done;
    }
    if printer.json {
        let rendered = error.render().to_string();
        let first = rendered.lines().next().unwrap_or_default();
        return printer.failure(&Failure::new(
            Exit::Usage,
            "usage",
            first.trim_start_matches("error: ").to_owned(),
            "The command line is not valid; nothing was done.",
            "`nahtlos --help` shows the commands; `--help` after a command shows its arguments.",
        ));
    }
    let told = if error.kind() == ErrorKind::MissingSubcommand {
        help_of(typed)
    } else {
        error.render()
    };
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{}", told.ansi());
    let _ = stderr.flush();
    Exit::Usage
}

/// The help of the command typed so far. The parser shows it by itself only where the environment
/// sets no option, else a bare list of names; both are no valid command and end with status 2.
fn help_of(typed: &[OsString]) -> clap::builder::StyledStr {
    let mut command = Arguments::command();
    command.build();
    for word in before_double_dash(typed) {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner.clone();
        }
    }
    command.render_help()
}

/// `nahtlos help case open` as `nahtlos case open --help`.
fn help_as_option(mut typed: Vec<OsString>) -> Vec<OsString> {
    if typed.get(1).is_some_and(|word| word == "help") {
        typed.remove(1);
        typed.push("--help".into());
    }
    typed
}

/// `--home` as it was typed, to be repeated in advice. The environment's needs no repeating.
fn home_option(typed: &[OsString]) -> Option<String> {
    let words: Vec<&str> = before_double_dash(typed)
        .filter_map(|word| word.to_str())
        .collect();
    let position = words.iter().position(|word| *word == "--home");
    let separate = position.and_then(|position| words.get(position + 1).copied());
    let joined = words.iter().find_map(|word| word.strip_prefix("--home="));
    separate.or(joined).map(str::to_owned)
}

fn before_double_dash(typed: &[OsString]) -> impl Iterator<Item = &OsString> {
    typed.iter().skip(1).take_while(|word| *word != "--")
}
