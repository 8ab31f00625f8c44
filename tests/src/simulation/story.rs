//! What happened, for a person to read, and a hash over every byte that went between devices and
//! relays: two runs of a seed must agree in both.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The course of one run.
#[derive(Default)]
pub struct Story {
    lines: Vec<String>,
    hasher: DefaultHasher,
}

impl Story {
    /// Adds a line.
    pub fn tell(&mut self, line: impl Into<String>) {
        let line = line.into();
        line.hash(&mut self.hasher);
        self.lines.push(line);
    }

    /// Adds bytes that went over a line, without telling them.
    pub fn witness(&mut self, what: &str, bytes: &[u8]) {
        what.hash(&mut self.hasher);
        bytes.hash(&mut self.hasher);
    }

    /// The hash of everything so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// All lines, numbered.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            let _infallible = writeln!(text, "{number:4}  {line}");
        }
        text
    }
}
