//! Hostile changes and snapshots without end, each with the checksum its author would give it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::Compression;
use nahtlos_document::{Actor, Document, EncodedChange, Snapshot, Value};

use super::columns::{ChangeParts, Column, DocumentParts, leb128, positive};
use super::document::{compressed, load, offer, zlib};
use super::fixture::{self, CARLA, chunk, data_of, edit};

/// What became of one attack.
pub enum Outcome {
    /// It was taken or refused, and all that must hold held: the verdict's code.
    Verdict(String),
    /// Something did not hold, with the input.
    Broken(String),
}

/// Makes attacks; the same for the same seed.
pub struct Attacker {
    random: Random,
    /// A document, and batches that are good for it.
    targets: Vec<(Document, Vec<Vec<u8>>)>,
    /// Data of saved documents.
    saved: Vec<Vec<u8>>,
    made: u64,
}

/// One attack.
enum Attack {
    Batch(usize, Vec<Vec<u8>>),
    Snapshot(Snapshot),
}

impl Attacker {
    /// With the seed of all its choices.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let beat = fixture::beats_change();
        let mut after = fixture::with_concurrent_edits();
        let taken = after.apply(&[beat.as_bytes().to_vec()], &|_| true, &Default::default());
        taken.expect("an honest change");
        let (plan, plans_changes) = plan();
        let saved = [fixture::scene(), &after, &plan].map(|one| data_of(&one.save()).to_vec());
        let one = vec![beat.into_bytes()];
        let targets = vec![
            (fixture::with_concurrent_edits(), one.clone()),
            (fixture::scene().clone(), one),
            (fixture::scene().clone(), plans_changes),
        ];
        Self {
            random: Random(seed),
            targets,
            saved: saved.into(),
            made: 0,
        }
    }

    /// Makes an attack and tries it.
    pub fn attack(&mut self) -> Outcome {
        self.made += 1;
        let attack = self.next();
        let tried = catch_unwind(AssertUnwindSafe(|| match &attack {
            Attack::Batch(target, batch) => {
                let mut document = self.targets[*target].0.clone();
                match offer(&mut document, batch) {
                    Ok(()) => "taken".to_owned(),
                    Err(code) => code.to_owned(),
                }
            }
            Attack::Snapshot(snapshot) => {
                let verdict = if load(snapshot) {
                    "snapshot taken"
                } else {
                    "snapshot refused"
                };
                verdict.to_owned()
            }
        }));
        match tried {
            Ok(verdict) => Outcome::Verdict(verdict),
            Err(panic) => {
                let words = panic.downcast_ref::<String>().cloned();
                let words = words.or_else(|| {
                    panic
                        .downcast_ref::<&str>()
                        .map(|words| (*words).to_owned())
                });
                Outcome::Broken(format!("{}: {}", words.unwrap_or_default(), shown(&attack)))
            }
        }
    }

    fn next(&mut self) -> Attack {
        // Rare, because each of them is thousands of changes.
        if self.made.is_multiple_of(5_000) {
            return self.orphans(4_000);
        }
        match self.random.below(32) {
            0..12 => self.mutated_change(),
            12..20 => self.mutated_snapshot(),
            20..23 => self.endless_runs(),
            23..25 => self.columns_of_another(),
            25..27 => self.other_actors(),
            27..29 => self.bomb(),
            29 => self.orphans(3),
            30 => self.other_order(),
            _ => self.cut_or_doubled(),
        }
    }

    fn change(&mut self) -> (usize, Vec<u8>) {
        let target = self.random.below(self.targets.len());
        let first = self.targets[target].1[0].as_slice();
        (target, data_of(first).to_vec())
    }

    fn document(&mut self) -> Vec<u8> {
        let which = self.random.below(self.saved.len());
        self.saved[which].clone()
    }

    /// One to three bytes, two thirds of them behind the header.
    fn mutate(&mut self, data: &mut [u8], header: usize) {
        for _ in 0..=self.random.below(3) {
            let first = if self.random.below(3) > 0 {
                header.min(data.len() - 1)
            } else {
                0
            };
            let place = first + self.random.below(data.len() - first);
            data[place] = match self.random.below(3) {
                0 => self.random.next() as u8,
                1 => data[place] ^ (1 << self.random.below(8)),
                _ => data[place].wrapping_add(1),
            };
        }
    }

    fn mutated_change(&mut self) -> Attack {
        let (target, mut data) = self.change();
        let header = ChangeParts::of(&data).map_or(0, |parts| parts.header.len());
        self.mutate(&mut data, header);
        // What is honest and follows must not be pulled along.
        let mut batch = vec![chunk(1, &data)];
        if self.random.below(4) == 0 {
            batch.extend(self.targets[target].1.iter().skip(1).cloned());
        }
        Attack::Batch(target, batch)
    }

    fn mutated_snapshot(&mut self) -> Attack {
        let mut data = self.document();
        let header = DocumentParts::of(&data).map_or(0, |parts| parts.header.len());
        self.mutate(&mut data, header);
        Attack::Snapshot(compressed(&chunk(0, &data)))
    }

    /// A column of few bytes that claims rows without end.
    fn endless_runs(&mut self) -> Attack {
        let length =
            [1 << 60, (1 << 62) - 1, 1 << 40, 1 << 33, 5_000_001, 100_001][self.random.below(6)];
        let value = leb128(self.random.next() >> self.random.below(64));
        let column = match self.random.below(4) {
            0 => [positive(length), value].concat(),
            1 => [vec![0], leb128(length)].concat(),
            2 => [leb128(length), leb128(length), leb128(length)].concat(),
            _ => [positive(2), vec![1], positive(length), value].concat(),
        };
        if self.random.below(2) == 0 {
            let (target, data) = self.change();
            let mut parts = ChangeParts::of(&data).expect("an honest change");
            self.put_into(&mut parts.columns, column);
            return Attack::Batch(target, vec![chunk(1, &parts.data())]);
        }
        let mut parts = DocumentParts::of(&self.document()).expect("an honest document");
        let of_changes = self.random.below(2) == 0;
        let columns = if of_changes {
            &mut parts.changes
        } else {
            &mut parts.operations
        };
        self.put_into(columns, column);
        Attack::Snapshot(compressed(&chunk(0, &parts.data())))
    }

    fn put_into(&mut self, columns: &mut [Column], data: Vec<u8>) {
        let which = self.random.below(columns.len());
        columns[which].1 = data;
    }

    /// Columns that are each well-formed but belong to another change or document.
    fn columns_of_another(&mut self) -> Attack {
        if self.random.below(2) == 0 {
            let ((target, mine), (_, other)) = (self.change(), self.change());
            let mut mine = ChangeParts::of(&mine).expect("an honest change");
            let other = ChangeParts::of(&other).expect("an honest change");
            self.swap(&mut mine.columns, &other.columns);
            return Attack::Batch(target, vec![chunk(1, &mine.data())]);
        }
        let mut mine = DocumentParts::of(&self.document()).expect("an honest document");
        let other = DocumentParts::of(&self.document()).expect("an honest document");
        if self.random.below(2) == 0 {
            self.swap(&mut mine.changes, &other.changes);
        } else {
            self.swap(&mut mine.operations, &other.operations);
        }
        Attack::Snapshot(compressed(&chunk(0, &mine.data())))
    }

    fn swap(&mut self, mine: &mut [Column], other: &[Column]) {
        let which = self.random.below(mine.len());
        let same = other
            .iter()
            .find(|(specification, _)| *specification == mine[which].0);
        let any = &other[self.random.below(other.len())];
        mine[which].1.clone_from(
            &same
                .filter(|_| self.made.is_multiple_of(2))
                .unwrap_or(any)
                .1,
        );
    }

    /// Actors that nobody knows, that must not write here, or of another length.
    fn other_actors(&mut self) -> Attack {
        let (target, mut data) = self.change();
        let known = [fixture::ANNA, fixture::BEAT, Actor::from_bytes([0; 16])];
        let old = known[self.random.below(known.len())];
        let mut random = [0; 16];
        random[..8].copy_from_slice(&self.random.next().to_be_bytes());
        let choices = [
            CARLA,
            Actor::from_bytes(random),
            known[self.random.below(known.len())],
        ];
        let new = choices[self.random.below(choices.len())];
        let length = [16, 16, 16, 8, 0][self.random.below(5)];
        let places: Vec<usize> = (1..data.len().saturating_sub(16))
            .filter(|place| data[*place..].starts_with(old.as_bytes()) && data[place - 1] == 16)
            .collect();
        if let Some(place) = places.get(self.random.below(places.len().max(1))) {
            data.splice(
                place - 1..place + 16,
                [&[length as u8], &new.as_bytes()[..length]].concat(),
            );
        }
        Attack::Batch(target, vec![chunk(1, &data)])
    }

    /// Few bytes that expand to many: streams, compressed chunks, compressed columns.
    fn bomb(&mut self) -> Attack {
        let expanded = 1 << (10 + self.random.below(11));
        let zeros = zlib(&vec![0; expanded], Compression::best());
        let (target, data) = self.change();
        match self.random.below(4) {
            0 => {
                let bytes = [1_000, expanded as u64, 1 << 26, u64::MAX][self.random.below(4)];
                Attack::Snapshot(Snapshot {
                    compressed: zeros,
                    bytes,
                    heads: Vec::new(),
                })
            }
            // The engine's own deflate has no zlib header.
            1 => Attack::Batch(target, vec![chunk(2, &zeros[2..])]),
            2 => {
                let mut parts = ChangeParts::of(&data).expect("an honest change");
                let which = self.random.below(parts.columns.len());
                parts.columns[which].0 |= 0x08;
                parts.columns[which].1 = zeros[2..].to_vec();
                Attack::Batch(target, vec![chunk(1, &parts.data())])
            }
            _ => {
                let mut parts = DocumentParts::of(&self.document()).expect("an honest document");
                let which = self.random.below(parts.operations.len());
                parts.operations[which].0 |= 0x08;
                parts.operations[which].1 = zeros[2..].to_vec();
                Attack::Snapshot(compressed(&chunk(0, &parts.data())))
            }
        }
    }

    /// Changes that build on one that never comes.
    fn orphans(&mut self, count: usize) -> Attack {
        let mut somebody = fixture::scene().clone();
        somebody.set_actor(fixture::BEAT);
        let mut batch = Vec::new();
        for number in 0..=count.min(40) {
            let name = format!("{number}");
            batch.push(edit(&mut somebody, |editor| {
                editor.put(["client", "name"], name.as_str())
            }));
        }
        let mut batch: Vec<Vec<u8>> = batch
            .into_iter()
            .skip(1)
            .map(EncodedChange::into_bytes)
            .collect();
        // The others are copies with another time, so each of them is another change.
        let last = data_of(batch.last().expect("some")).to_vec();
        for number in batch.len()..count {
            let mut data = last.clone();
            let place = 1 + 32 + 17 + 2;
            data[place..place + 4].copy_from_slice(&[
                0x80 | (number & 0x7f) as u8,
                0x80 | (number >> 7 & 0x7f) as u8,
                0x80,
                0x80,
            ]);
            batch.push(chunk(1, &data));
        }
        Attack::Batch(1, batch)
    }

    fn other_order(&mut self) -> Attack {
        let target = self.targets.len() - 1;
        let mut batch = self.targets[target].1.clone();
        for _ in 0..=self.random.below(3) {
            let (one, other) = (
                self.random.below(batch.len()),
                self.random.below(batch.len()),
            );
            batch.swap(one, other);
        }
        let doubled = self.random.below(batch.len());
        batch.push(batch[doubled].clone());
        Attack::Batch(target, batch)
    }

    fn cut_or_doubled(&mut self) -> Attack {
        let (target, data) = self.change();
        let (from, to) = (self.random.below(data.len()), self.random.below(data.len()));
        let (from, to) = (from.min(to), from.max(to));
        let data = if self.random.below(2) == 0 {
            [&data[..from], &data[to..]].concat()
        } else {
            [&data[..to], &data[from..]].concat()
        };
        Attack::Batch(target, vec![chunk(self.random.below(4) as u8, &data)])
    }
}

/// What a plan looks like after two people wrote in it for a while, and the changes of one of them.
fn plan() -> (Document, Vec<Vec<u8>>) {
    let mut beat = fixture::scene().clone();
    beat.set_actor(fixture::BEAT);
    let mut changes = Vec::new();
    for number in 0..8i64 {
        let goal = format!("b{number}");
        let goal = goal.as_str();
        changes.push(edit(&mut beat, |editor| {
            editor.put_map(["goals", goal])?;
            editor.put(
                ["goals", goal, "due"],
                Value::TimestampMs(1_700_000_000_000 + number),
            )?;
            editor.put(
                ["goals", goal, "tags"],
                Value::List(vec!["x".into(), number.into()]),
            )?;
            editor.put_text(
                ["goals", goal, "statement"],
                "Er besucht den Kurs. Sie hilft.",
            )?;
            editor.splice_text(["goals", goal, "statement"], 3, 7, "macht")?;
            editor.splice_text(["goals", "g1", "statement"], number as usize, 1, "ü")
        }));
    }
    (
        beat,
        changes.into_iter().map(EncodedChange::into_bytes).collect(),
    )
}

fn shown(attack: &Attack) -> String {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    match attack {
        Attack::Batch(target, batch) => {
            let batch: Vec<String> = batch.iter().take(4).map(|one| hex(one)).collect();
            format!("target {target}, batch {}", batch.join(" "))
        }
        Attack::Snapshot(snapshot) => {
            format!("{} bytes: {}", snapshot.bytes, hex(&snapshot.compressed))
        }
    }
}

/// SplitMix64: the same attacks for the same seed.
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
