//! The changes whose plan a version is, as they stand in the document.

use crate::fields::{Digest, Field};

/// What stands between two heads.
const SEPARATOR: &str = ",";
/// As many heads as a version may have (PROTOCOL §31).
const HEADS_MAX: usize = 64;

/// Whether they are named once each, in ascending order, and not too many.
pub(crate) fn are_in_order(heads: &[Digest]) -> bool {
    let ascending = heads
        .windows(2)
        .all(|pair| matches!(pair, [left, right] if left < right));
    ascending && (1..=HEADS_MAX).contains(&heads.len())
}

/// As they are written.
pub(crate) fn written(heads: &[Digest]) -> String {
    let digits: Vec<String> = heads.iter().map(Field::canonical).collect();
    digits.join(SEPARATOR)
}

/// Reads them; nothing for any other form.
pub(super) fn read(text: &str) -> Option<Vec<Digest>> {
    let heads: Result<Vec<Digest>, _> = text.split(SEPARATOR).map(Digest::parse).collect();
    let heads = heads.ok()?;
    (are_in_order(&heads) && written(&heads) == text).then_some(heads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_stand_once_each_in_their_order_in_small_digits() {
        let (one, two) = (
            Digest::from_bytes([0xa1; 32]),
            Digest::from_bytes([0xb2; 32]),
        );
        let text = written(&[one, two]);
        assert_eq!(read(&text), Some(vec![one, two]));
        for wrong in [
            String::new(),
            written(&[two, one]),
            written(&[one, one]),
            text.to_uppercase(),
            format!("{text},"),
            text.replace(',', ", "),
            text.replace(',', ";"),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
        let mut many: Vec<Digest> = (0..=64)
            .map(|byte| Digest::from_bytes([byte; 32]))
            .collect();
        assert!(!are_in_order(&many));
        many.pop();
        assert!(are_in_order(&many));
    }
}
