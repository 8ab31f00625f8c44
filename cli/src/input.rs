//! What people type or hand over in files. Values about clients come only from here.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use nahtlos_casework::fields::Field;

use crate::arguments::TypedValue;
use crate::exit::Exit;
use crate::failure::Failure;

/// Largest input: as much as a case file may have, and one byte to notice more.
const BYTES_MAX: u64 = 4 * 1024 * 1024 + 1;

/// As much of one line as a terminal passes on; the rest it drops without a word (Linux, `n_tty`).
const TERMINAL_LINE_BYTES_MAX: usize = 4095;

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
        return Err(not_usable(source, "too_large", "It has more than 4 MiB."));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| not_usable(source, "not_text", "It is not text in UTF-8."))?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// The value of one field: from `--from`, else typed. `None` for an empty answer.
///
/// # Errors
/// As [`read_text`]; a value on the command line is refused.
pub fn value(typed: &TypedValue, question: &str) -> Result<Option<String>, Failure> {
    refuse_command_line(typed)?;
    let text = match &typed.from {
        Some(source) => read_text(source)?,
        None => ask(question)?,
    };
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A longer text: from `--from`, else typed in several lines up to an empty one.
///
/// # Errors
/// As [`value`].
pub fn text(typed: &TypedValue, question: &str) -> Result<String, Failure> {
    refuse_command_line(typed)?;
    if let Some(source) = &typed.from {
        return read_text(source);
    }
    require_terminal(question)?;
    show(&format!("{question} (end with an empty line)\n"));
    let mut lines = Vec::new();
    while let Some(line) = terminal_line()? {
        if line.trim().is_empty() {
            break;
        }
        lines.push(line);
    }
    Ok(lines.join("\n"))
}

/// Asks for one line.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask(question: &str) -> Result<String, Failure> {
    require_terminal(question)?;
    show(&format!("{question}: "));
    Ok(terminal_line()?.unwrap_or_default().trim().to_owned())
}

/// Asks until the answer is one of the field's. An empty answer is `None` where it may be.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask_field<F: Field>(question: &str, may_be_empty: bool) -> Result<Option<F>, Failure> {
    loop {
        let answer = ask(question)?;
        if answer.is_empty() && may_be_empty {
            return Ok(None);
        }
        match F::parse(&answer) {
            Ok(value) => return Ok(Some(value)),
            Err(error) => show(&format!("  {}: {}\n", error.reason, error.remedy)),
        }
    }
}

/// Asks yes or no; no is the answer to everything but y and yes.
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
    let answer = ask(&format!("{question} [y/N]"))?;
    Ok(matches!(
        answer.to_lowercase().as_str(),
        "y" | "yes" | "j" | "ja" | "o" | "oui"
    ))
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

/// One line from the terminal; `None` at the end of the input.
fn terminal_line() -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_until(b'\n', &mut bytes)
        .map_err(|error| Failure::file("read", Path::new("-"), &error))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    whole_line(bytes).map(Some)
}

/// The line without its end, if the terminal cannot have cut it. The length comes first: a cut may
/// also fall into the middle of a character.
fn whole_line(mut bytes: Vec<u8>) -> Result<String, Failure> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.len() >= TERMINAL_LINE_BYTES_MAX {
        return Err(Failure::new(
            Exit::Usage,
            "line_cut",
            format!(
                "Nothing was stored: this terminal passes on at most {TERMINAL_LINE_BYTES_MAX} \
                 bytes of one line, and yours was cut there."
            ),
            "",
            "Write it into a file and use `--from FILE`.",
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| not_usable(Path::new("-"), "not_text", "It is not text in UTF-8."))
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
fn show(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

fn not_usable(source: &Path, code: &str, why: &str) -> Failure {
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
    fn a_line_that_the_terminal_may_have_cut_is_refused() {
        let longest = "x".repeat(TERMINAL_LINE_BYTES_MAX - 1);
        let line = whole_line(format!("{longest}\n").into_bytes()).unwrap();
        assert_eq!(line, longest);
        for cut in [
            format!("{longest}x\n").into_bytes(),
            format!("{longest}x").into_bytes(),
            // Cut in the middle of an "ü".
            [longest.as_bytes(), b"\xc3\n"].concat(),
        ] {
            let failure = whole_line(cut).unwrap_err();
            assert_eq!(
                (failure.exit, failure.code.as_ref()),
                (Exit::Usage, "line_cut")
            );
        }
        assert_eq!(whole_line(b"\xc3\n".to_vec()).unwrap_err().code, "not_text");
    }
}
