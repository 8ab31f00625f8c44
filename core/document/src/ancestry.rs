//! Which of some selected changes a change builds on.

use std::collections::BTreeMap;

use automerge::{Automerge, ChangeHash};

use crate::history::ordered;

/// The ancestor relation among a few selected changes of a document.
///
/// One bit per selected change is carried through the whole history, so the cost is the length of
/// the history times the number of selected changes, divided by 64.
pub(crate) struct Ancestry {
    numbers: BTreeMap<ChangeHash, usize>,
    /// For each selected change by number: its selected ancestors, itself not included.
    ancestors: Vec<Vec<u64>>,
}

impl Ancestry {
    pub(crate) fn among(engine: &Automerge, selected: &[ChangeHash]) -> Ancestry {
        let numbers: BTreeMap<ChangeHash, usize> = selected
            .iter()
            .enumerate()
            .map(|(number, hash)| (*hash, number))
            .collect();
        let words = selected.len().div_ceil(64);
        let mut ancestors = vec![vec![0; words]; selected.len()];
        let mut carried: BTreeMap<ChangeHash, Vec<u64>> = BTreeMap::new();
        for change in ordered(engine) {
            let mut bits = vec![0u64; words];
            for dependency in &change.deps {
                if let Some(inherited) = carried.get(dependency) {
                    for (word, more) in bits.iter_mut().zip(inherited) {
                        *word |= more;
                    }
                }
            }
            if let Some(number) = numbers.get(&change.hash) {
                if let Some(own) = ancestors.get_mut(*number) {
                    own.clone_from(&bits);
                }
                if let Some(word) = bits.get_mut(number / 64) {
                    *word |= 1 << (number % 64);
                }
            }
            carried.insert(change.hash, bits);
        }
        Ancestry { numbers, ancestors }
    }

    /// True if `later` builds on `earlier`, directly or through others.
    pub(crate) fn builds_on(&self, later: &ChangeHash, earlier: &ChangeHash) -> bool {
        let (Some(later), Some(earlier)) = (self.numbers.get(later), self.numbers.get(earlier))
        else {
            return false;
        };
        self.ancestors
            .get(*later)
            .and_then(|bits| bits.get(earlier / 64))
            .is_some_and(|word| word & (1 << (earlier % 64)) != 0)
    }

    /// True if two different changes know nothing of each other.
    pub(crate) fn concurrent(&self, left: &ChangeHash, right: &ChangeHash) -> bool {
        left != right && !self.builds_on(left, right) && !self.builds_on(right, left)
    }

    /// Those of `changes` that no other of them builds on, in their order.
    pub(crate) fn latest(&self, changes: &[ChangeHash]) -> Vec<ChangeHash> {
        changes
            .iter()
            .filter(|change| !changes.iter().any(|other| self.builds_on(other, change)))
            .copied()
            .collect()
    }
}

/// True if every change builds on the one before it, so that nothing was concurrent. (It may name others
/// besides: the engine names an author's own last change also where somebody else's builds on it.)
pub(crate) fn is_linear(engine: &Automerge) -> bool {
    let mut previous: Option<ChangeHash> = None;
    ordered(engine).iter().all(|change| {
        let before = previous.replace(change.hash);
        before.is_none_or(|before| change.deps.contains(&before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, Document, EncodedChange, GateLimits, WriteError};

    fn write(document: &mut Document, actor: u8, value: &str) -> EncodedChange {
        document.set_actor(Actor::from_bytes([actor; 16]));
        let change = document.edit(0, None, |editor| {
            editor.put(["client", "name"], value)?;
            Ok::<(), WriteError>(())
        });
        change.unwrap().unwrap()
    }

    #[test]
    fn two_who_write_in_turns_write_one_after_the_other_and_two_at_once_do_not() {
        let mut document = Document::genesis(&["client"]).unwrap();
        write(&mut document, 1, "a");
        write(&mut document, 2, "b");
        let again = write(&mut document, 1, "c");
        assert!(again.dependencies().len() > 1, "names its own last one too");
        assert!(is_linear(document.engine()));
        let mut elsewhere = document.clone();
        let at_once = write(&mut elsewhere, 2, "d");
        write(&mut document, 1, "e");
        let batch = [at_once.into_bytes()];
        let limits = GateLimits::default();
        document.apply(&batch, &|_| true, &limits).unwrap();
        assert!(!is_linear(document.engine()));
        write(&mut document, 1, "f");
        assert!(!is_linear(document.engine()), "nor later");
    }
}
