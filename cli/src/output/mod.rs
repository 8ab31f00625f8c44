//! Printing: standard output is data, standard error the rest.

pub mod csv;
pub mod dates;
pub mod json;
mod page;
pub mod qr;
mod table;

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

pub use json::SCHEMA_VERSION;
pub use page::{Answer, Page};
pub use table::visible;

use crate::advice::Advice;
use crate::exit::Exit;
use crate::failure::Failure;

const ALARM: Style = AnsiColor::Red.on_default().bold();

/// How to print.
#[derive(Clone, Debug)]
pub struct Printer {
    /// As JSON.
    pub json: bool,
    /// What completes the commands in advice.
    pub advice: Advice,
}

/// A page without styles, as for a file.
pub fn in_text(page: &Page) -> String {
    anstream::adapter::strip_str(&table::draw(page, false)).to_string()
}

impl Printer {
    /// Prints an answer. Somebody who stops reading (`| head -1`) is no failure.
    pub fn answer(&self, answer: &Answer) -> Exit {
        let text = if answer.data.is_null() {
            String::new()
        } else if self.json {
            format!("{}\n", json::render(&answer.data))
        } else {
            table::draw(&answer.page, io::stdout().is_terminal())
        };
        let mut stdout = anstream::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        for note in &answer.notes {
            self.note(note);
        }
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.failure(&Failure::new(
                Exit::Failed,
                "output",
                "The answer could not be written.",
                format!(
                    "The system says: {}. What was asked for is done.",
                    error.kind()
                ),
                "Check the disk or the program that reads, then look at the result again.",
            )),
            _ => answer.exit,
        }
    }

    /// Prints a failure.
    pub fn failure(&self, failure: &Failure) -> Exit {
        let mut text = String::new();
        if self.json {
            text.push_str(&failure.to_json(&self.advice).to_string());
            text.push('\n');
        } else {
            for (position, line) in failure.to_lines(&self.advice).iter().enumerate() {
                let line = visible(line);
                if position == 0 {
                    text.push_str(&format!("{ALARM}nahtlos:{ALARM:#} {line}\n"));
                } else {
                    text.push_str(&format!("{line}\n"));
                }
            }
        }
        say(&text);
        failure.exit
    }

    fn note(&self, note: &str) {
        say(&format!("{}\n", visible(&self.advice.complete(note))));
    }
}

/// Standard error; where nobody listens there is nobody to tell.
fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
