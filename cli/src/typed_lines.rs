//! Lines that are typed or pasted at a terminal, and Ctrl-C among them.

use std::io::{self, BufRead};
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{not_usable, show};

/// As much of one line as a terminal passes on; the rest it drops without a word (Linux, `n_tty`).
const TERMINAL_LINE_BYTES_MAX: usize = 4095;

/// What a terminal makes of Ctrl-C.
const INTERRUPTION: u8 = 3;

/// How long a terminal may take to hand over the next piece of a pasted text.
pub const PASTE_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was ended.
    Line,
    /// The input ended.
    Input,
    /// Ctrl-C.
    Interruption,
}

/// Lines up to one that holds only a point, or the end. `None` where the input ends at once. `keep` is given what was
/// typed so far whenever nothing more waits to be read.
pub fn several_lines(
    input: &mut impl BufRead,
    mut keep: impl FnMut(&str),
) -> Result<Option<(String, End)>, Failure> {
    let mut lines: Vec<String> = Vec::new();
    let mut ended = None;
    while let Some((line, end)) = one_line(input)? {
        if line.trim() == "." {
            ended = Some(End::Line);
            break;
        }
        lines.push(line);
        if end != End::Line {
            ended = Some(end);
            break;
        }
        if !more_waits() {
            keep(lines.join("\n").trim());
        }
    }
    if lines.is_empty() && ended.is_none() {
        return Ok(None);
    }
    let text = lines.join("\n").trim().to_owned();
    keep(&text);
    Ok(Some((text, ended.unwrap_or(End::Input))))
}

/// One line, and how it ended; `None` at the end of the input.
pub fn one_line(input: &mut impl BufRead) -> Result<Option<(String, End)>, Failure> {
    let mut bytes = Vec::new();
    let mut end = End::Input;
    while end == End::Input {
        let read = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Failure::file("read", Path::new("-"), &error))?,
        };
        if read.is_empty() {
            break;
        }
        let mut taken = 0;
        for byte in read {
            taken += 1;
            match *byte {
                b'\n' => end = End::Line,
                INTERRUPTION => end = End::Interruption,
                other => bytes.push(other),
            }
            if end != End::Input {
                break;
            }
        }
        input.consume(taken);
    }
    if bytes.is_empty() && end == End::Input {
        return Ok(None);
    }
    let line = whole_line(bytes)?;
    Ok(Some((without_tabs(&line), end)))
}

/// One line, and those that wait behind it.
pub fn pasted_lines(
    input: &mut impl BufRead,
    mut more_waits: impl FnMut() -> bool,
) -> Result<Option<(String, End)>, Failure> {
    let Some((mut text, mut end)) = one_line(input)? else {
        return Ok(None);
    };
    while end == End::Line && more_waits() {
        let Some((line, its_end)) = one_line(input)? else {
            break;
        };
        text = format!("{text}\n{line}");
        end = its_end;
    }
    Ok(Some((text, end)))
}

/// While it lives, Ctrl-C ends the line and not the program: what was typed of it is kept.
pub struct InterruptionsAsLines {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl InterruptionsAsLines {
    /// Switches a control character off (`_POSIX_VDISABLE`).
    const NO_CHARACTER: u8 = if cfg!(any(target_os = "linux", target_os = "android")) {
        0
    } else {
        0xff
    };

    pub fn begin() -> Self {
        use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        // Where the terminal does not take it, Ctrl-C ends the program, and the lines before are kept.
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            let mut changed = before.clone();
            changed.special_codes[SpecialCodeIndex::VINTR] = Self::NO_CHARACTER;
            changed.special_codes[SpecialCodeIndex::VEOL] = INTERRUPTION;
            let _taken_or_not = tcsetattr(&stdin, OptionalActions::Now, &changed);
        }
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for InterruptionsAsLines {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.before {
            let _gone_with_its_terminal = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(not(unix))]
impl InterruptionsAsLines {
    pub fn begin() -> Self {
        Self {}
    }
}

/// Whether more of a pasted text waits to be read.
pub fn more_waits() -> bool {
    #[cfg(unix)]
    return rustix::io::ioctl_fionread(io::stdin()).is_ok_and(|bytes| bytes > 0);
    #[cfg(not(unix))]
    return false;
}

/// Fields hold no control characters; a tab in a pasted text means a space.
pub fn without_tabs(text: &str) -> String {
    text.replace('\t', " ")
}

/// What is left of a pasted text is not for the next question, nor for the shell, which would run it
/// and keep it in its history. A terminal hands a long text over in pieces, hence two rounds.
#[cfg(unix)]
pub fn discard_typeahead() {
    let stdin = io::stdin();
    let mut discarded = false;
    for _ in 0..2 {
        std::thread::sleep(PASTE_PAUSE);
        discarded |= rustix::io::ioctl_fionread(&stdin).is_ok_and(|bytes| bytes > 0);
        // A terminal that is gone has nothing to discard.
        let _ = rustix::termios::tcflush(&stdin, rustix::termios::QueueSelector::IFlush);
    }
    if discarded {
        show("  More lines came than were asked for; the rest was not taken.\n");
    }
}

#[cfg(not(unix))]
pub fn discard_typeahead() {}

/// The line without its end, if the terminal cannot have cut it. The length comes first: a cut may
/// also fall into the middle of a character.
fn whole_line(bytes: Vec<u8>) -> Result<String, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_the_terminal_may_have_cut_is_refused() {
        let longest = "x".repeat(TERMINAL_LINE_BYTES_MAX - 1);
        let line = whole_line(longest.clone().into_bytes()).unwrap();
        assert_eq!(line, longest);
        for cut in [
            format!("{longest}x").into_bytes(),
            // Cut in the middle of an "ü".
            [longest.as_bytes(), b"\xc3"].concat(),
        ] {
            let failure = whole_line(cut).unwrap_err();
            assert_eq!(
                (failure.exit, failure.code.as_ref()),
                (Exit::Usage, "line_cut")
            );
        }
        assert_eq!(whole_line(b"\xc3".to_vec()).unwrap_err().code, "not_text");
    }

    #[test]
    fn a_pasted_letter_keeps_its_empty_lines_and_ends_at_a_point() {
        let read = |typed: &str| {
            let lines = several_lines(&mut typed.as_bytes(), |_| ()).unwrap();
            lines.map(|(text, _)| text)
        };
        let letter = "Guten Tag\n\nDer Kurs beginnt.\n\nGruss";
        for end in ["\n.\n", "\n . \nls\n", "\n", ""] {
            assert_eq!(read(&format!("{letter}{end}")).unwrap(), letter, "{end:?}");
        }
        assert_eq!(read(""), None);
        assert_eq!(read(".\n").unwrap(), "");
    }

    #[test]
    fn what_was_typed_until_an_interruption_is_kept_line_by_line() {
        let kept = std::cell::RefCell::new(Vec::new());
        let typed = several_lines(&mut "Eins\nZwei\nDr\u{3}ei\n".as_bytes(), |text| {
            kept.borrow_mut().push(text.to_owned());
        });
        let (text, end) = typed.unwrap().unwrap();
        assert_eq!((text.as_str(), end), ("Eins\nZwei\nDr", End::Interruption));
        assert_eq!(kept.borrow().last().unwrap(), "Eins\nZwei\nDr");
        let line = one_line(&mut "\u{3}".as_bytes()).unwrap();
        assert_eq!(line, Some((String::new(), End::Interruption)));
        assert_eq!(one_line(&mut "".as_bytes()).unwrap(), None);
    }

    #[test]
    fn of_a_text_that_is_pasted_at_a_question_for_one_line_every_line_is_taken() {
        let mut waiting = [true, false].into_iter();
        let mut input = "Erste Zeile\nZweite Zeile\nAndere Frage\n".as_bytes();
        let pasted = pasted_lines(&mut input, || waiting.next().unwrap()).unwrap();
        let both = "Erste Zeile\nZweite Zeile".to_owned();
        assert_eq!(pasted, Some((both, End::Line)));
        let typed = pasted_lines(&mut input, || false).unwrap();
        assert_eq!(typed, Some(("Andere Frage".to_owned(), End::Line)));
    }

    #[test]
    fn a_tab_in_a_typed_text_becomes_one_space() {
        let read = several_lines(&mut "Kurs:\tB1\n\tab Mai\n".as_bytes(), |_| ()).unwrap();
        assert_eq!(read.unwrap().0, "Kurs: B1\n ab Mai");
        let line = one_line(&mut "Ruth\tM.\n".as_bytes()).unwrap();
        assert_eq!(line.unwrap(), ("Ruth M.".to_owned(), End::Line));
    }
}
