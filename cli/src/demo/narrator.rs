//! Printing: plain sentences, and claims that are printed only together with their check.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

const HELD: Style = AnsiColor::Green.on_default().bold();
const BROKEN: Style = AnsiColor::Red.on_default().bold();
const HEADING: Style = Style::new().bold();

/// Tells what happens, and keeps count of what was checked.
pub struct Narrator<'a> {
    output: &'a mut dyn Write,
    progress: ProgressBar,
    check_mark: &'static str,
    step: usize,
    held: usize,
    broken: usize,
}

impl<'a> Narrator<'a> {
    /// Writes to `output`, and shows on standard error, where that is a terminal, what is being
    /// done. Without `unicode` it writes ASCII only.
    pub fn new(output: &'a mut dyn Write, unicode: bool) -> Self {
        let progress = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            let ticks = if unicode {
                "⠋⠙⠹⠸⠼⠴⠦⠧ "
            } else {
                r"-\|/ "
            };
            progress.set_style(style.tick_chars(ticks));
        }
        progress.enable_steady_tick(Duration::from_millis(100));
        Self {
            output,
            progress,
            check_mark: if unicode { "✓" } else { "ok" },
            step: 0,
            held: 0,
            broken: 0,
        }
    }

    /// What stands before a claim that held.
    pub fn check_mark(&self) -> &'static str {
        self.check_mark
    }

    /// The heading of the next step, after an empty line.
    ///
    /// # Errors
    /// Where the output is closed, as for every method that prints.
    pub fn step(&mut self, title: impl Display) -> io::Result<()> {
        self.step += 1;
        self.progress.set_message(title.to_string());
        let number = self.step;
        self.write("")?;
        self.write(format!("{HEADING}{number}. {title}{HEADING:#}"))
    }

    /// Says on standard error what is being done now.
    pub fn busy(&self, what: impl Display) {
        self.progress.set_message(what.to_string());
    }

    /// One sentence that is no claim.
    ///
    /// # Errors
    /// Where the output is closed.
    pub fn say(&mut self, sentence: impl Display) -> io::Result<()> {
        self.write(format!("   {sentence}"))
    }

    /// One sentence, from the first column on.
    ///
    /// # Errors
    /// Where the output is closed.
    pub fn line(&mut self, sentence: impl Display) -> io::Result<()> {
        self.write(sentence)
    }

    /// A sentence that was checked: says it where the check held, and says that it FAILED where
    /// not. What follows goes on, so that one run shows everything that is wrong.
    ///
    /// # Errors
    /// Where the output is closed.
    pub fn claim(&mut self, sentence: impl Display, holds: bool) -> io::Result<()> {
        if holds {
            self.held += 1;
            let mark = self.check_mark;
            self.write(format!(" {HELD}{mark}{HELD:#} {sentence}"))
        } else {
            self.broken += 1;
            self.write(format!(" {BROKEN}FAILED{BROKEN:#} not true: {sentence}"))
        }
    }

    /// That the demo could not go on.
    ///
    /// # Errors
    /// Where the output is closed.
    pub fn stopped(&mut self, error: impl Display) -> io::Result<()> {
        self.broken += 1;
        self.write(format!(" {BROKEN}FAILED{BROKEN:#} the demo stops: {error}"))
    }

    /// Claims that held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Claims that did not, and stops.
    pub fn broken(&self) -> usize {
        self.broken
    }

    fn write(&mut self, line: impl Display) -> io::Result<()> {
        let output = &mut *self.output;
        self.progress.suspend(|| writeln!(output, "{line}"))
    }
}

impl Drop for Narrator<'_> {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}

/// Whether standard output is likely to show more than ASCII, by the locale that POSIX names.
pub fn output_is_unicode() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tell: impl FnOnce(&mut Narrator<'_>)) -> (String, usize, usize) {
        let mut output = Vec::new();
        let mut narrator = Narrator::new(&mut output, true);
        tell(&mut narrator);
        let (held, broken) = (narrator.held(), narrator.broken());
        drop(narrator);
        (String::from_utf8(output).unwrap(), held, broken)
    }

    #[test]
    fn a_claim_that_holds_is_printed_with_a_check_mark() {
        let (text, held, broken) = told(|narrator| narrator.claim("snow is white", true).unwrap());
        assert!(
            text.contains('✓') && text.contains("snow is white"),
            "{text}"
        );
        assert!(!text.contains("FAILED"), "{text}");
        assert_eq!((held, broken), (1, 0));
    }

    #[test]
    fn a_claim_that_does_not_hold_is_never_printed_as_true() {
        let (text, held, broken) = told(|narrator| narrator.claim("snow is red", false).unwrap());
        assert!(!text.contains('✓'), "{text}");
        assert!(
            text.contains("FAILED") && text.contains("not true: snow is red"),
            "{text}"
        );
        assert_eq!((held, broken), (0, 1));
    }
}
