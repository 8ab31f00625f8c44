//! What people type or hand over in files. Values about clients come only from here.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use nahtlos_casework::fields::Field;

use crate::arguments::{Answered, TypedValue};
use crate::commands::values;
use crate::drafting::{self, Question};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::visible;
use crate::typed_lines::{
    End, InterruptionsAsLines, PASTE_PAUSE, discard_typeahead, more_waits, one_line, pasted_lines,
    several_lines, without_tabs,
};

/// Largest input: as much as a case file may have, and one byte to notice more.
const BYTES_MAX: u64 = nahtlos_casework::CASE_FILE_BYTES_MAX as u64 + 1;

/// What ends a text of several lines.
const TEXT_ENDS: &str = "end with a line that holds only a point, or Ctrl-D";

/// Reads a file, or standard input where it is `-`.
///
/// # Errors
/// Where it cannot be read, is too large, or is not text.
pub fn read_text(source: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if source.as_os_str() == "-" {
        io::stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(source).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file("read", source, &error))?;
    if bytes.len() as u64 >= BYTES_MAX {
        return Err(not_usable(source, "too_large", "It has more than 32 MiB."));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| not_usable(source, "not_text", "It is not text in UTF-8."))?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// Reads the bytes of a table, or of standard input where it is `-`; one byte more than a table may have where
/// there are more.
///
/// # Errors
/// Where it cannot be read.
pub fn read_table(source: &Path) -> Result<Vec<u8>, Failure> {
    let most = nahtlos_casework::import::table::TABLE_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = if source.as_os_str() == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(source).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file("read", source, &error))?;
    Ok(bytes)
}

/// The new value of a field that exists: from `--from`, else typed. `None` where it is to be emptied,
/// which is said with `--empty` or confirmed at the prompt; who answers with nothing is told what the field says now.
///
/// # Errors
/// As [`read_text`]; a value on the command line is refused, and so is an empty input.
pub fn replacement(
    typed: &TypedValue,
    question: &str,
    current: Option<&str>,
) -> Result<Option<String>, Failure> {
    refuse_command_line(typed)?;
    if typed.empty {
        return Ok(None);
    }
    if let Some(source) = &typed.from {
        let text = without_tabs(&read_text(source)?).trim().to_owned();
        return if text.is_empty() {
            Err(empty_input())
        } else {
            Ok(Some(text))
        };
    }
    let answer = ask_kept(&mut drafting::question(question)?)?.ok_or_else(nothing_changed)?;
    if !answer.is_empty() {
        return Ok(Some(answer));
    }
    empty_it(current)
}

/// Nothing was answered: is the field to be emptied?
fn empty_it<T>(current: Option<&str>) -> Result<Option<T>, Failure> {
    let says = current.map_or_else(String::new, |current| format!(" (it says {current})"));
    if confirm(&format!("Empty the field{says}?"))? {
        return Ok(None);
    }
    Err(nothing_changed())
}

/// The value of something new: from `--from`, else typed.
///
/// # Errors
/// As [`read_text`]; a value on the command line is refused, and so is `--empty`.
pub fn new_value(typed: &TypedValue, question: &str) -> Result<String, Failure> {
    refuse_command_line(typed)?;
    refuse_empty(typed)?;
    let text = match &typed.from {
        Some(source) => without_tabs(&read_text(source)?),
        None => ask_kept(&mut drafting::question(question)?)?.ok_or_else(nothing_stored)?,
    };
    Ok(text.trim().to_owned())
}

/// A field's text: from `--from`, else typed in several lines up to one that holds only a point, or
/// the end of the input. Empty lines belong to it: the rest of a pasted letter must not reach the
/// shell. Who types it is told before how long it may be, and asked again where it is refused.
///
/// # Errors
/// As [`new_value`], and where what stands in a file is not one of the field.
pub fn text<F: Field>(
    typed: &TypedValue,
    code: &'static str,
    question: &str,
) -> Result<F, Failure> {
    text_read(typed, question, F::CHARACTERS_MAX, |text| {
        Ok(values::parse(code, text)?)
    })
}

/// As [`text`], read as what it is to be.
///
/// # Errors
/// As [`text`].
pub fn text_read<T>(
    typed: &TypedValue,
    question: &str,
    characters_max: Option<usize>,
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<T, Failure> {
    refuse_command_line(typed)?;
    refuse_empty(typed)?;
    if let Some(source) = &typed.from {
        return read(&without_tabs(&read_text(source)?));
    }
    let read = |text: &str| read(text).map_err(|failure| refusal(&failure));
    let value = ask_text(question, characters_max, false, read)?;
    value.ok_or_else(nothing_stored)
}

/// The codes that a field takes, each with its names, where it takes one of a list: what it says of no code at all.
fn codes_of<T>(read: &impl Fn(&str) -> Result<T, Failure>) -> Option<String> {
    let refused = read("?").err()?;
    (refused.code == "unknown_code").then(|| what_to_write(&refused))
}

/// Why a value was refused, for who is asked again.
fn refusal(failure: &Failure) -> String {
    format!("{} {}", failure.why, what_to_write(failure))
}

fn what_to_write(failure: &Failure) -> String {
    let next = failure
        .next
        .trim_end_matches(", then run the command again.");
    format!("{}.", next.trim_end_matches('.'))
}

/// As [`new_value`], read as a field's. Who types it is asked again where it is refused.
///
/// # Errors
/// As [`new_value`], and where what stands in a file is not one of the field.
pub fn new_field<F: Field>(
    typed: &TypedValue,
    code: &'static str,
    question: &str,
) -> Result<F, Failure> {
    if typed.from.is_some() || typed.empty || typed.is_on_command_line() {
        return Ok(values::parse(code, &new_value(typed, question)?)?);
    }
    let read = |text: &str| {
        values::parse(code, text).map_err(|error| format!("{}: {}", error.reason, error.remedy))
    };
    ask_value(question, false, read)?.ok_or_else(nothing_stored)
}

/// In how many lines a new value may be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// One.
    One,
    /// Several, with so many characters at most.
    Several(Option<usize>),
}

/// The new value of a field that exists, read as what it is to be: from `--from`, else typed. `None` where it is to be
/// emptied, which is said with `--empty` or confirmed at the prompt. Who types it is asked again where it is refused.
///
/// # Errors
/// As [`read_text`], and where what stands in a file is not one of the field; a value on the command line is refused,
/// and so is an empty input.
pub fn changed<T, E: Into<Failure>>(
    typed: &TypedValue,
    question: &str,
    current: Option<&str>,
    lines: Lines,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    if typed.from.is_some() || typed.empty || typed.is_on_command_line() {
        let text = replacement(typed, question, current)?;
        return text.map(|text| read(&text).map_err(Into::into)).transpose();
    }
    let read = |text: &str| read(text).map_err(Into::into);
    if let Some(codes) = codes_of(&read)
        && may_ask()
    {
        show(&format!("  {codes}\n"));
    }
    let read = |text: &str| read(text).map_err(|failure| refusal(&failure));
    let answer = match lines {
        Lines::One => ask_value(question, true, read)?,
        Lines::Several(most) => ask_text(question, most, true, read)?,
    };
    if answer.is_some() {
        return Ok(answer);
    }
    empty_it(current)
}

/// Asks for one line that is no value about a client.
///
/// # Errors
/// Where nobody can be asked, or nothing is answered.
pub fn ask_line(question: &str) -> Result<String, Failure> {
    let answer = ask(question)?.unwrap_or_default();
    if answer.is_empty() {
        return Err(no_answer("Nothing was done."));
    }
    Ok(answer)
}

/// Asks for one line. `None` where the input ends instead.
///
/// # Errors
/// Where nobody can be asked.
fn ask(question: &str) -> Result<Option<String>, Failure> {
    match ask_once(question)? {
        Some((_, End::Interruption)) => Err(drafting::interrupted()),
        line => Ok(line.map(|(line, _)| line)),
    }
}

fn ask_once(question: &str) -> Result<Option<(String, End)>, Failure> {
    require_terminal(question)?;
    // Before the question stands there: who sees it may type Ctrl-C.
    let _until_answered = InterruptionsAsLines::begin();
    show(&format!("{question}: "));
    let line = one_line(&mut io::stdin().lock());
    discard_typeahead();
    shown_as_ended(line?)
}

/// As [`ask_once`]; of a text that is pasted, all lines.
fn ask_pasted(question: &str) -> Result<Option<(String, End)>, Failure> {
    require_terminal(question)?;
    let _until_answered = InterruptionsAsLines::begin();
    show(&format!("{question}: "));
    let lines = pasted_lines(&mut io::stdin().lock(), || {
        std::thread::sleep(PASTE_PAUSE);
        more_waits()
    });
    discard_typeahead();
    shown_as_ended(lines?)
}

fn shown_as_ended(line: Option<(String, End)>) -> Result<Option<(String, End)>, Failure> {
    if line.as_ref().is_none_or(|(_, end)| *end != End::Line) {
        show("\n");
    }
    Ok(line.map(|(line, end)| (line.trim().to_owned(), end)))
}

/// Asks for one line, which is kept in the draft. What was answered at an earlier time is proposed.
fn ask_kept(question: &mut Question) -> Result<Option<String>, Failure> {
    let shown = match &question.earlier {
        Some(earlier) => format!("{} [{}]", question.text(), visible(earlier)),
        None => question.text().to_owned(),
    };
    let Some((line, end)) = ask_pasted(&shown)? else {
        return Ok(None);
    };
    let answer = match (line.as_str(), &question.earlier) {
        ("", Some(earlier)) => earlier.clone(),
        (".", Some(_)) => String::new(),
        _ => line,
    };
    question.keep(&answer);
    match end {
        End::Interruption => Err(drafting::interrupted()),
        _ => Ok(Some(answer)),
    }
}

/// Asks for a text of several lines; each is kept in the draft. A text of an earlier time is gone on with.
fn ask_text_kept(question: &mut Question, most: Option<usize>) -> Result<Option<String>, Failure> {
    let _until_answered = InterruptionsAsLines::begin();
    let earlier = question.earlier.clone();
    let taken_over = match &earlier {
        Some(_) => ": the earlier text is taken over; what you type is added below it",
        None => "",
    };
    let most = most.map_or_else(String::new, |most| {
        format!("at most {} characters; ", grouped(most))
    });
    show(&format!(
        "{}{taken_over} ({most}{TEXT_ENDS})\n",
        question.text()
    ));
    let whole = |typed: &str| match &earlier {
        Some(earlier) if typed.is_empty() => earlier.clone(),
        Some(earlier) => format!("{earlier}\n{typed}"),
        None => typed.to_owned(),
    };
    let typed = several_lines(&mut io::stdin().lock(), |so_far| {
        question.keep(&whole(so_far));
    });
    discard_typeahead();
    match typed? {
        Some((_, End::Interruption)) => {
            show("\n");
            Err(drafting::interrupted())
        }
        Some((typed, _)) => Ok(Some(whole(&typed))),
        None => Ok(earlier),
    }
}

/// Asks until the answer is one of the field's. An empty answer is `None` where it may be.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask_field<F: Field>(question: &str, may_be_empty: bool) -> Result<Option<F>, Failure> {
    ask_value(question, may_be_empty, |answer| {
        F::parse_typed(answer).map_err(|error| format!("{}: {}", error.reason, error.remedy))
    })
}

/// Asks until `read` takes the answer; what it refuses it with is shown. An empty answer is `None`
/// where it may be.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask_value<T>(
    question: &str,
    may_be_empty: bool,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    require_terminal(question)?;
    // Also between a refusal and the question that follows it.
    let _until_answered = InterruptionsAsLines::begin();
    let mut question = drafting::question(question)?;
    loop {
        let answer = ask_kept(&mut question)?.ok_or_else(nothing_stored)?;
        if answer.is_empty() && may_be_empty {
            return Ok(None);
        }
        match read(&answer) {
            Ok(value) => return Ok(Some(value)),
            Err(refused) => show(&format!("  {refused}\n")),
        }
        question.again();
    }
}

/// As [`ask_value`], of a text in several lines; a point alone is the empty answer.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask_text<T>(
    question: &str,
    characters_max: Option<usize>,
    may_be_empty: bool,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    require_terminal(question)?;
    // Also between a refusal and the question that follows it.
    let _until_answered = InterruptionsAsLines::begin();
    let mut question = drafting::question(question)?;
    loop {
        let answer = ask_text_kept(&mut question, characters_max)?.ok_or_else(nothing_stored)?;
        if answer.is_empty() && may_be_empty {
            return Ok(None);
        }
        match read(&answer) {
            Ok(value) => return Ok(Some(value)),
            Err(refused) => show(&format!(
                "  {refused} What you typed stays in the draft: type it anew, or stop with Ctrl-C.\n"
            )),
        }
        question.again();
    }
}

/// A text that may be missing: from `--from`, else asked for where somebody sits at a terminal and
/// did not say that nothing is to be asked, in one line.
///
/// # Errors
/// As [`read_text`], and where it is not one of the field; a value on the command line is refused,
/// and so is `--empty`.
pub fn optional_text<F: Field>(
    typed: &TypedValue,
    question: &str,
    answered: Answered,
) -> Result<Option<F>, Failure> {
    refuse_command_line(typed)?;
    refuse_empty(typed)?;
    let Some(source) = &typed.from else {
        let asks = may_ask() && !answered.yes && !answered.dry_run;
        return if asks {
            ask_field(question, true)
        } else {
            Ok(None)
        };
    };
    let text = without_tabs(&read_text(source)?);
    match text.trim() {
        "" => Ok(None),
        text => Ok(Some(F::parse(text)?)),
    }
}

/// Asks whether to do it until yes or no is the answer; nothing is a no.
///
/// # Errors
/// Where nobody can be asked: then `--yes` must say it.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    if !may_ask() {
        return Err(Failure::new(
            Exit::Usage,
            "confirmation_missing",
            "Nothing was done: this asks first, and nobody can be asked here.",
            format!("The question is: {question}"),
            "Run the command again with `--yes`, or with `--dry-run` to see what it would do.",
        ));
    }
    let goes_on = agrees(question, false)?;
    if !goes_on {
        drafting::declined();
    }
    Ok(goes_on)
}

/// Asks yes or no until one of them is the answer.
///
/// # Errors
/// Where nobody can be asked.
pub fn agrees(question: &str, if_nothing: bool) -> Result<bool, Failure> {
    let _until_answered = InterruptionsAsLines::begin();
    let choice = if if_nothing { "Y/n" } else { "y/N" };
    loop {
        let answer = ask(&format!("{question} [{choice}]"))?.unwrap_or_default();
        if answer.is_empty() {
            return Ok(if_nothing);
        }
        match yes_or_no(&answer) {
            Some(answer) => return Ok(answer),
            None => show("  Please answer y (yes, ja, oui) or n (no, nein, non).\n"),
        }
    }
}

/// What an answer means; none where it is neither.
fn yes_or_no(answer: &str) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" | "j" | "ja" | "o" | "oui" => Some(true),
        "" | "n" | "no" | "nein" | "non" => Some(false),
        _ => None,
    }
}

/// Whether somebody sits at a terminal.
pub fn may_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Refuses a value about a client on the command line.
///
/// # Errors
/// Where one stands there.
pub fn refuse_command_line(typed: &TypedValue) -> Result<(), Failure> {
    if !typed.is_on_command_line() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "value_on_command_line",
        "Nothing was stored: a value about a client does not belong on the command line.",
        "The shell keeps it in its history, and others on this machine see it in the list of processes.",
        "Run the command without it and type it when you are asked, or use `--from FILE` \
         (`--from -` reads standard input). Remove the line from your shell's history.",
    ))
}

/// `10,000`.
fn grouped(number: usize) -> String {
    match (number / 1000, number % 1000) {
        (0, small) => small.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

fn refuse_empty(typed: &TypedValue) -> Result<(), Failure> {
    if !typed.empty {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "nothing_to_empty",
        "Nothing was stored: there is no field to be emptied here.",
        "`--empty` is for the commands that change a field.",
        "Run the command again without `--empty`.",
    ))
}

fn empty_input() -> Failure {
    Failure::new(
        Exit::Usage,
        "input_empty",
        "Nothing was changed: the input is empty.",
        "",
        "Check where it comes from; to empty the field use `--empty`.",
    )
}

fn nothing_changed() -> Failure {
    no_answer("Nothing was changed.")
}

fn nothing_stored() -> Failure {
    no_answer("Nothing was stored.")
}

fn no_answer(what: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "no_answer",
        what,
        "",
        "Run the command again and answer the question.",
    )
}

fn require_terminal(question: &str) -> Result<(), Failure> {
    if may_ask() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "value_missing",
        format!("A value is missing: {question}."),
        "It would be asked for at a terminal, and there is none.",
        "Give it with `--from FILE`, or `--from -` for standard input; `--help` shows the options.",
    ))
}

/// Standard error; where nobody listens there is nobody to tell.
pub fn show(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// A file that is no input.
pub fn not_usable(source: &Path, code: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        code,
        format!("The input {} cannot be used.", source.display()),
        why,
        "Check that it is the right file, then run the command again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_neither_yes_nor_no_is_no_answer() {
        for yes in ["y", "Yes", "j", "JA", "o", "oui "] {
            assert_eq!(yes_or_no(yes), Some(true), "{yes}");
        }
        for no in ["", " ", "n", "No", "nein", "Non"] {
            assert_eq!(yes_or_no(no), Some(false), "{no}");
        }
        for neither in ["vielleicht", "yesno", "1", "je ne sais pas", "."] {
            assert_eq!(yes_or_no(neither), None, "{neither}");
        }
    }
}
