//! Every example in the help of a command is one that the program takes, and every command that a help text
//! names is one that there is.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

use super::Arguments;

/// Help texts of a command and all below it: what it says of itself, and of its arguments.
fn help_texts(command: &Command) -> Vec<String> {
    let of_command = [
        command.get_about(),
        command.get_long_about(),
        command.get_before_help(),
        command.get_before_long_help(),
        command.get_after_help(),
        command.get_after_long_help(),
    ];
    let arguments = command.get_arguments();
    let of_arguments = arguments.flat_map(|one| [one.get_help(), one.get_long_help()]);
    let own = of_command.into_iter().chain(of_arguments).flatten();
    let mut texts: Vec<String> = own.map(ToString::to_string).collect();
    texts.extend(command.get_subcommands().flat_map(help_texts));
    texts
}

/// Words as a shell would give them to the program.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    assert_eq!(quote, None, "an open quotation mark: {line}");
    words
}

/// Lines that show what is typed.
fn examples(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("$ "))
}

/// Commands that a sentence names.
fn mentions(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|mention| mention.starts_with("nahtlos "))
}

#[test]
fn every_example_in_a_help_text_is_a_command_line_that_the_program_takes() {
    let texts = help_texts(&Arguments::command());
    let shown: Vec<&str> = texts.iter().flat_map(|text| examples(text)).collect();
    assert!(shown.len() > 15, "{shown:?}");
    for line in shown {
        assert!(line.starts_with("nahtlos "), "{line}");
        if let Err(error) = Arguments::try_parse_from(words(line)) {
            panic!("{line}\n{error}");
        }
    }
    let wrong = words("nahtlos case handover --from Berger --two Keller");
    assert!(Arguments::try_parse_from(wrong).is_err(), "control");
}

#[test]
fn every_command_that_a_help_text_names_is_one_that_there_is() {
    let texts = help_texts(&Arguments::command());
    let named: Vec<&str> = texts.iter().flat_map(|text| mentions(text)).collect();
    assert!(named.len() > 5, "{named:?}");
    for mention in named {
        let Err(error) = Arguments::try_parse_from(words(mention)) else {
            continue;
        };
        // A sentence may leave out what is to be filled in.
        let is_shortened = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelp
        );
        assert!(is_shortened, "{mention}\n{error}");
    }
    let wrong = Arguments::try_parse_from(words("nahtlos case hand")).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidSubcommand, "control");
}
