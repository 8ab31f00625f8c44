//! Mutated changes with a repaired checksum. Alone in its process: it silences the panic hook.

mod common;

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};

use common::*;
use nahtlos_document::Document;

/// SplitMix64: the same mutations in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Dependency, actor, numbers and the two other actors of the change in this scene.
const HEADER_BYTES: usize = 1 + 32 + 17 + 1 + 1 + 5 + 1 + 1 + 17 + 17;

fn read_everything(document: &mut Document) {
    document.export_json();
    document.conflicts();
    document.soft_text_conflicts(["goals", "g1", "statement"]);
    document.concurrent_deletions(["goals"]);
    document.difference(&[], &document.heads()).unwrap();
    for entry in document.history() {
        document.read_at(&[entry.hash]).unwrap().root();
    }
    document.changes_since(&[]);
    let mut loaded = Document::load(&document.save(), CARLA).unwrap();
    assert_eq!(loaded.heads(), document.heads());
    edit(&mut loaded, |editor| {
        editor.put(["client", "name"], "after")
    });
    document.set_actor(CARLA);
    bring(&loaded, document);
}

#[test]
fn mutated_changes_never_end_the_process_nor_spoil_the_document() {
    let (document, change) = scene();
    let mut concurrent = document.clone();
    edit(&mut concurrent, |editor| {
        editor.delete(["goals", "g1", "status"])?;
        editor.splice_text(["goals", "g1", "statement"], 0, 9, "x")
    });
    let data = data_of(change.as_bytes());
    let mut random = Random(1);
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..2_000 {
            let mut mutated = data.clone();
            for _ in 0..=random.below(3) {
                // Two thirds hit the operations' columns, behind hash, actors and numbers.
                let first = if random.below(3) > 0 { HEADER_BYTES } else { 0 };
                let position = first + random.below(mutated.len() - first);
                mutated[position] = match random.below(3) {
                    0 => random.next() as u8,
                    1 => mutated[position] ^ (1 << random.below(8)),
                    _ => mutated[position].wrapping_add(1),
                };
            }
            let sealed = seal(1, &mutated);
            let mut target = concurrent.clone();
            let before = target.save();
            let verdict = match try_apply(&mut target, &[sealed]) {
                Ok(applied) => {
                    assert_eq!(applied.new_changes.len(), 1);
                    read_everything(&mut target);
                    "accepted".to_owned()
                }
                Err(error) => {
                    assert_eq!(target.save(), before);
                    error.code().to_owned()
                }
            };
            *verdicts.entry(verdict).or_default() += 1;
        }
    }));
    panic::set_hook(hook);
    if let Err(payload) = result {
        panic::resume_unwind(payload);
    }
    // Controls: mutations reach all stages, and harmless ones (a time, a letter) still pass.
    assert!(verdicts["accepted"] > 100, "{verdicts:?}");
    for code in [
        "change_malformed",
        "operation",
        "sequence",
        "dependency_unknown",
    ] {
        assert!(verdicts.contains_key(code), "{code}: {verdicts:?}");
    }
}
