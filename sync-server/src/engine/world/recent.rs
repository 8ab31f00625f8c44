//! What the newest commits delivered, and where the journal stood after each: a device that is nearly up
//! to date is answered from here, without the disk.

use std::collections::{BTreeSet, VecDeque};

use nahtlos_protocol::identifier::{ItemId, SpaceId};

/// Deliveries that are kept, below a megabyte. Whoever is further behind is answered from the disk.
const DELIVERIES_MAX: usize = 8192;
/// Commits whose marks are kept: a device names the mark of its last answer.
const MARKS_MAX: usize = 1024;

/// A delivery of one of the newest commits.
#[derive(Clone, Copy, Debug)]
struct Recently {
    number: u64,
    feed: SpaceId,
    /// None where something older was delivered again.
    new_item: Option<ItemId>,
}

/// The newest deliveries, or those of a batch in preparation.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Ascending by number: all there are after `after`.
    deliveries: VecDeque<Recently>,
    after: u64,
    /// The last number and the hash chain after each commit.
    marks: VecDeque<(u64, ItemId)>,
}

impl Recent {
    /// Nothing is known of what was delivered up to a number.
    pub(crate) fn after(number: u64) -> Self {
        Self {
            after: number,
            ..Self::default()
        }
    }

    /// Notes a delivery in a feed; of a new item which one.
    pub(crate) fn note(&mut self, feed: SpaceId, number: u64, new_item: Option<ItemId>) {
        self.deliveries.push_back(Recently {
            number,
            feed,
            new_item,
        });
    }

    /// Merges a committed batch in, after which the journal stands here.
    pub(crate) fn absorb(&mut self, batch: Self, last_number: u64, chain: ItemId) {
        self.deliveries.extend(batch.deliveries);
        while self.deliveries.len() > DELIVERIES_MAX {
            let Some(oldest) = self.deliveries.pop_front() else {
                break;
            };
            self.after = oldest.number;
        }
        self.marks.push_back((last_number, chain));
        if self.marks.len() > MARKS_MAX {
            self.marks.pop_front();
        }
    }

    /// Whether one of the newest commits left the journal like this.
    pub(crate) fn has_mark(&self, last_number: u64, chain: &ItemId) -> bool {
        let newest_first = self.marks.iter().rev();
        let mut found = newest_first.filter(|(number, _)| *number == last_number);
        found.any(|(_, hash)| hash == chain)
    }

    /// Whether all that was delivered after a number in feeds that `reads` (feed, number) tells are these
    /// items themselves; false also where that is not known here.
    pub(crate) fn is_nothing_but(
        &self,
        after: u64,
        items: &BTreeSet<ItemId>,
        reads: impl Fn(&SpaceId, u64) -> bool,
    ) -> bool {
        if after < self.after {
            return false;
        }
        let first = self.deliveries.partition_point(|one| one.number <= after);
        let mut since = self.deliveries.range(first..);
        since.all(|one| {
            let is_own = one.new_item.is_some_and(|item| items.contains(&item));
            is_own || !reads(&one.feed, one.number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u64) -> ItemId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        ItemId(id)
    }

    fn commit(recent: &mut Recent, number: u64, feed: u8, new_item: Option<ItemId>) {
        let mut batch = Recent::default();
        batch.note(SpaceId([feed; 32]), number, new_item);
        recent.absorb(batch, number, item(number));
    }

    fn is_idle(recent: &Recent, after: u64, own: &[u64], feed: u8) -> bool {
        let own = own.iter().map(|number| item(*number)).collect();
        let feed = SpaceId([feed; 32]);
        recent.is_nothing_but(after, &own, |read, _| *read == feed)
    }

    #[test]
    fn whoever_was_delivered_nothing_but_their_own_items_has_no_news() {
        let mut recent = Recent::after(10);
        commit(&mut recent, 11, 1, Some(item(11)));
        commit(&mut recent, 12, 2, Some(item(12)));
        commit(&mut recent, 13, 1, Some(item(13)));
        assert!(is_idle(&recent, 10, &[11, 13], 1));
        assert!(!is_idle(&recent, 10, &[11], 1), "13 is news");
        assert!(is_idle(&recent, 13, &[], 1), "all was seen");
        assert!(!is_idle(&recent, 10, &[11, 13], 2), "12 is news there");
        assert!(is_idle(&recent, 10, &[], 3), "nothing for them");
    }

    #[test]
    fn what_is_delivered_again_or_lies_further_back_is_never_passed_over() {
        let mut recent = Recent::after(10);
        commit(&mut recent, 11, 1, None);
        assert!(!is_idle(&recent, 10, &[11], 1), "delivered again");
        assert!(!is_idle(&recent, 9, &[11], 3), "nobody knows what 10 was");
        for number in 12..12 + DELIVERIES_MAX as u64 {
            commit(&mut recent, number, 2, Some(item(number)));
        }
        assert!(!is_idle(&recent, 10, &[], 3), "11 is forgotten");
        assert!(is_idle(&recent, 11, &[], 3));
        assert_eq!(recent.deliveries.len(), DELIVERIES_MAX);
    }

    #[test]
    fn the_newest_marks_are_known_by_number_and_hash() {
        let mut recent = Recent::default();
        for number in 1..=MARKS_MAX as u64 + 1 {
            commit(&mut recent, number, 1, None);
        }
        assert!(!recent.has_mark(1, &item(1)), "forgotten");
        assert!(recent.has_mark(2, &item(2)));
        assert!(!recent.has_mark(2, &item(3)), "another history");
    }
}
