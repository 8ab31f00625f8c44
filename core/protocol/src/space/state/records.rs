//! The records of a log's operations, so that a state of a long log is copied cheaply: each operation
//! is applied to a copy, and what came before it never changes.

use std::sync::Arc;

use super::OperationRecord;

/// Records in one part. A copy shares all parts, and the first change of it copies the last one.
const PART: usize = 64;

/// Records in the order of the log.
#[derive(Clone, Debug, Default)]
pub(in crate::space) struct Records {
    /// All full but the last one, and none empty.
    parts: Vec<Arc<Vec<OperationRecord>>>,
}

impl Records {
    pub(in crate::space) fn len(&self) -> usize {
        match self.parts.split_last() {
            Some((last, full)) => full.len() * PART + last.len(),
            None => 0,
        }
    }

    pub(in crate::space) fn last(&self) -> Option<&OperationRecord> {
        self.parts.last()?.last()
    }

    pub(in crate::space) fn get(&self, index: usize) -> Option<&OperationRecord> {
        self.parts.get(index / PART)?.get(index % PART)
    }

    pub(in crate::space) fn push(&mut self, record: OperationRecord) {
        match self.parts.last_mut().filter(|part| part.len() < PART) {
            Some(part) => Arc::make_mut(part).push(record),
            None => self.parts.push(Arc::new(vec![record])),
        }
    }

    pub(in crate::space) fn iter(&self) -> impl Iterator<Item = &OperationRecord> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// Keeps the first `length`.
    pub(in crate::space) fn truncate(&mut self, length: usize) {
        self.parts.truncate(length.div_ceil(PART));
        let left = length.saturating_sub(self.parts.len().saturating_sub(1) * PART);
        if let Some(part) = self.parts.last_mut().filter(|part| part.len() > left) {
            Arc::make_mut(part).truncate(left);
        }
    }

    /// The index of the last record for which this holds.
    pub(in crate::space) fn last_position(
        &self,
        holds: impl Fn(&OperationRecord) -> bool,
    ) -> Option<usize> {
        (0..self.len())
            .rev()
            .find(|index| self.get(*index).is_some_and(&holds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::{DeviceId, OperationId};

    fn record(number: usize) -> OperationRecord {
        OperationRecord {
            id: OperationId([0; 32]),
            author: DeviceId([0; 32]),
            claimed_at_ms: number as u64,
            knowledge: Arc::default(),
        }
    }

    fn records(count: usize) -> Records {
        let mut records = Records::default();
        (0..count).for_each(|number| records.push(record(number)));
        records
    }

    fn numbers(records: &Records) -> Vec<u64> {
        let found = (0..records.len()).map(|index| records.get(index));
        let numbers: Vec<u64> = found.map(|found| found.unwrap().claimed_at_ms).collect();
        let one_by_one = records.iter().map(|found| found.claimed_at_ms);
        assert!(one_by_one.eq(numbers.iter().copied()));
        numbers
    }

    #[test]
    fn records_are_found_where_they_were_pushed_across_parts() {
        for count in [0, 1, PART - 1, PART, PART + 1, 3 * PART] {
            let records = records(count);
            let expected: Vec<u64> = (0..count as u64).collect();
            assert_eq!(numbers(&records), expected);
            assert_eq!(
                records.last().map(|last| last.claimed_at_ms),
                expected.last().copied()
            );
            assert!(records.get(count).is_none());
            let even = records.last_position(|found| found.claimed_at_ms % 2 == 0);
            assert_eq!(even, expected.iter().rposition(|number| number % 2 == 0));
        }
    }

    #[test]
    fn a_copy_that_grows_or_is_cut_leaves_the_other_as_it_was() {
        let whole = records(2 * PART + 3);
        for length in [
            0,
            1,
            PART - 1,
            PART,
            PART + 1,
            2 * PART,
            2 * PART + 2,
            9 * PART,
        ] {
            let mut copy = whole.clone();
            copy.truncate(length);
            let kept = length.min(whole.len()) as u64;
            assert_eq!(numbers(&copy), (0..kept).collect::<Vec<u64>>());
            copy.push(record(7_000));
            assert_eq!(copy.len() as u64, kept + 1);
            assert_eq!(copy.last().unwrap().claimed_at_ms, 7_000);
        }
        assert_eq!(
            numbers(&whole),
            (0..2 * PART as u64 + 3).collect::<Vec<u64>>()
        );
    }
}
