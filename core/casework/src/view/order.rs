//! In which order things were written, where a second is too long to tell.

use std::collections::HashMap;

use nahtlos_document::Document;

use crate::author::Origin;
use crate::fields::UtcTime;

/// By the authors' clocks, and within one second by what builds on what: the same on every device.
pub(super) struct WrittenOrder(HashMap<String, usize>);

impl WrittenOrder {
    pub(super) fn of(document: &Document) -> Self {
        let mut generations = HashMap::new();
        // Each change comes after those that it builds on.
        for change in document.history() {
            let before = change.dependencies.iter();
            let before = before.filter_map(|hash| generations.get(&hash.to_string()));
            let generation = before.max().map_or(0, |last: &usize| last + 1);
            generations.insert(change.hash.to_string(), generation);
        }
        Self(generations)
    }

    pub(super) fn place(&self, origin: &Origin) -> (Option<UtcTime>, Option<usize>) {
        (origin.at, self.0.get(&origin.change).copied())
    }
}
