//! What occurred, how often: a simulation in which a fault, a result or a reason never occurs proves
//! nothing about it.

use std::collections::BTreeMap;

/// Counters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

impl Coverage {
    /// Counts one occurrence.
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_insert(0) += 1;
    }

    /// How often something occurred.
    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_insert(0) += count;
        }
    }

    /// What of a list occurred less often than this.
    #[must_use]
    pub fn missing<'a>(&self, expected: &[&'a str], at_least: u64) -> Vec<&'a str> {
        let missing = expected.iter().filter(|what| self.of(what) < at_least);
        missing.copied().collect()
    }

    /// Every name with its count, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts
            .iter()
            .map(|(what, count)| (what.as_str(), *count))
    }
}
