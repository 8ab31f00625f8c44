//! The reference of all commands, made from their definition.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use super::Arguments;
use crate::exit::Exit;

/// `docs/cli.md`.
pub fn command_line_reference() -> String {
    let mut root = Arguments::command().term_width(100);
    root.build();
    let mut text = String::from(
        "# The `nahtlos` program\n\n\
         <!-- Generated from the program's own definition: change that, then run the test\n     \
         `command_line_reference` with NAHTLOS_WRITE_REFERENCE=1. -->\n\n",
    );
    paragraph(&mut text, &about(&root));
    environment(&mut text);
    exit_status(&mut text);
    text.push_str("## Options of every command\n\n");
    options(
        &mut text,
        root.get_arguments().filter(|a| a.is_global_set()),
    );
    for command in visible(&root) {
        section(&mut text, command, "nahtlos", 2);
    }
    format!("{}\n", text.trim_end())
}

/// Writes one manual page per command into a directory.
///
/// # Errors
/// Where the directory cannot be written.
pub fn manual_pages(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Arguments::command(), directory)
}

fn environment(text: &mut String) {
    text.push_str(
        "## Passphrase and environment\n\n\
         Every command that needs the vault unlocks it: with `NAHTLOS_PASSPHRASE_FILE` (a file), \
         else with `NAHTLOS_PASSPHRASE_COMMAND` (run by `sh -c`, its output is the passphrase), \
         else by asking. One line break at the end is not part of it. A passphrase is never an \
         argument. `nahtlos key passphrase` reads the new one from \
         `NAHTLOS_NEW_PASSPHRASE_FILE`, else from `NAHTLOS_NEW_PASSPHRASE_COMMAND`, else by asking \
         twice. A vault whose passphrase is protected more weakly than a new vault's (by an earlier \
         version) is protected as well as that one at the next command, which says so.\n\n\
         `NAHTLOS_HOME` and `NAHTLOS_TLS_CA` stand for `--home` and `--tls-ca`. `NO_COLOR` is \
         honoured. Standard output holds the answer, standard error everything else. With `--json` \
         an answer is one object with `schema_version` 1, and so is an error: \
         `{\"schema_version\": 1, \"error\": {\"code\", \"message\", \"why\", \"next\", \"exit\"}}`. \
         Dates are shown as dd.mm.yyyy hh:mm in Swiss time, in JSON as ISO 8601 or Unix milliseconds.\n\n",
    );
}

fn exit_status(text: &mut String) {
    text.push_str("## Exit status\n\n| status | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "| {} | {} |", exit.code(), exit.meaning());
    }
    text.push('\n');
}

fn section(text: &mut String, command: &Command, above: &str, level: usize) {
    let name = format!("{above} {}", command.get_name());
    let _ = writeln!(text, "{} `{name}`\n", "#".repeat(level.min(4)));
    paragraph(text, &about(command));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let lines: Vec<&str> = usage.lines().map(str::trim).collect();
    let _ = writeln!(text, "```text\n{}\n```\n", lines.join("\n"));
    let own = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set());
    options(text, own);
    if let Some(example) = command.get_after_long_help() {
        let _ = writeln!(text, "```text\n{example}\n```\n");
    }
    for inner in visible(command) {
        section(text, inner, &name, level + 1);
    }
}

fn options<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let mut rows = String::new();
    for argument in arguments {
        let id = argument.get_id().as_str();
        if argument.is_hide_set() || id == "help" || id == "version" {
            continue;
        }
        let help = argument.get_help().map(ToString::to_string);
        let mut help = help.unwrap_or_default();
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        if !defaults.is_empty() && argument.get_action().takes_values() {
            let _ = write!(help, " [default: {}]", defaults.join(", "));
        }
        for alias in argument.get_visible_aliases().unwrap_or_default() {
            let _ = write!(help, " (also `--{alias}`)");
        }
        let possible: Vec<String> = argument
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect();
        if !possible.is_empty() && argument.get_action().takes_values() {
            let _ = write!(help, " [{}]", possible.join(", "));
        }
        let _ = writeln!(
            rows,
            "| `{}` | {} |",
            label(argument).replace('|', "\\|"),
            help.replace('|', "\\|").replace('\n', " ")
        );
    }
    if !rows.is_empty() {
        let _ = writeln!(text, "| argument | meaning |\n|---|---|\n{rows}");
    }
}

fn label(argument: &Arg) -> String {
    let values: Vec<String> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| format!("<{name}>"))
        .collect();
    match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => {
            format!("--{long} {}", values.join(" "))
        }
        Some(long) => format!("--{long}"),
        None => values.join(" "),
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
}

fn about(command: &Command) -> String {
    command
        .get_long_about()
        .or_else(|| command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn paragraph(text: &mut String, words: &str) {
    if words.is_empty() {
        return;
    }
    let end = if words.ends_with(['.', '…']) {
        ""
    } else {
        "."
    };
    let _ = writeln!(text, "{words}{end}\n");
}
