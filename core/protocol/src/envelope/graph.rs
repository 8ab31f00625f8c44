//! The blind merge: a space's envelopes as a graph of parents, without a look inside.
//!
//! The relay keeps it to refuse an envelope whose parents it lacks and to know the heads; a client
//! keeps it to know what to build on.

use std::collections::{BTreeMap, BTreeSet};

use crate::identifier::{DeviceId, EnvelopeId};

/// The merged graph of one space.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    heads: BTreeSet<EnvelopeId>,
    known: BTreeSet<EnvelopeId>,
    sequences: BTreeMap<DeviceId, u64>,
}

/// Why an envelope does not fit.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum GraphError {
    /// These parents are not known here.
    #[error("{} parents are not known", missing.len())]
    MissingParents {
        /// Which.
        missing: Vec<EnvelopeId>,
    },
}

/// What adding an envelope showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// New.
    New,
    /// Known already.
    Duplicate,
    /// New, and its author has another one of this number: the device was cloned. Both count.
    Cloned,
}

impl Graph {
    /// Adds an envelope whose parents are all known.
    ///
    /// # Errors
    /// [`GraphError::MissingParents`]; the graph is unchanged.
    pub fn add(
        &mut self,
        id: EnvelopeId,
        parents: &[EnvelopeId],
        author: DeviceId,
        author_sequence: u64,
    ) -> Result<Added, GraphError> {
        if self.known.contains(&id) {
            return Ok(Added::Duplicate);
        }
        let missing: Vec<EnvelopeId> = parents
            .iter()
            .filter(|parent| !self.known.contains(parent))
            .copied()
            .collect();
        if !missing.is_empty() {
            return Err(GraphError::MissingParents { missing });
        }
        for parent in parents {
            self.heads.remove(parent);
        }
        self.heads.insert(id);
        self.known.insert(id);
        let last = self.sequences.entry(author).or_insert(0);
        let cloned = author_sequence <= *last;
        *last = (*last).max(author_sequence);
        Ok(if cloned { Added::Cloned } else { Added::New })
    }

    /// Envelopes nothing builds on yet, ascending.
    #[must_use]
    pub fn heads(&self) -> Vec<EnvelopeId> {
        self.heads.iter().copied().collect()
    }

    /// Whether an envelope is known.
    #[must_use]
    pub fn contains(&self, id: &EnvelopeId) -> bool {
        self.known.contains(id)
    }

    /// Number of envelopes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The highest number an author has used.
    #[must_use]
    pub fn last_sequence(&self, author: &DeviceId) -> u64 {
        self.sequences.get(author).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> EnvelopeId {
        EnvelopeId([number; 32])
    }

    #[test]
    fn two_concurrent_edits_are_two_heads_until_somebody_builds_on_both() {
        let (a, b) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let mut graph = Graph::default();
        graph.add(id(1), &[], a, 1).unwrap();
        graph.add(id(2), &[id(1)], a, 2).unwrap();
        graph.add(id(3), &[id(1)], b, 1).unwrap();
        assert_eq!(graph.heads(), [id(2), id(3)]);
        graph.add(id(4), &[id(2), id(3)], b, 2).unwrap();
        assert_eq!(graph.heads(), [id(4)]);
    }

    #[test]
    fn an_edit_on_an_unknown_parent_is_refused_by_name_and_changes_nothing() {
        let mut graph = Graph::default();
        graph.add(id(1), &[], DeviceId([1; 32]), 1).unwrap();
        let refused = graph.add(id(3), &[id(1), id(2)], DeviceId([1; 32]), 2);
        assert_eq!(
            refused,
            Err(GraphError::MissingParents {
                missing: vec![id(2)]
            })
        );
        assert_eq!(graph.heads(), [id(1)]);
        assert_eq!(graph.last_sequence(&DeviceId([1; 32])), 1);
    }

    #[test]
    fn a_cloned_device_is_noticed_and_both_edits_stay() {
        let mut graph = Graph::default();
        assert_eq!(graph.add(id(1), &[], DeviceId([1; 32]), 1), Ok(Added::New));
        assert_eq!(
            graph.add(id(1), &[], DeviceId([1; 32]), 1),
            Ok(Added::Duplicate)
        );
        assert_eq!(
            graph.add(id(2), &[], DeviceId([1; 32]), 1),
            Ok(Added::Cloned)
        );
        assert_eq!(graph.heads(), [id(1), id(2)]);
    }
}
