//! Replicas of one section's document on several devices, in one process.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

use nahtlos_casework::fields::{EntryId, Field, UtcTime};
use nahtlos_casework::{ApplyError, Author, Conflict, Edit, SectionKind, conflicts, containers};
use nahtlos_document::{Actor, Document, EditError, EncodedChange, GateLimits};

pub type Authors = BTreeMap<[u8; 16], Author>;

/// One device's copy of a section.
#[derive(Clone)]
pub struct Replica {
    pub document: Document,
    pub author: Author,
}

pub const PEOPLE: [(&str, &str); 4] = [
    ("rav", "berger"),
    ("iv", "iseli"),
    ("soz", "sommer"),
    ("stellwerk", "keller"),
];

pub fn author(institution: &str, person: &str) -> Author {
    Author {
        device: Field::parse(&format!("{person}-tablet")).unwrap(),
        person: Field::parse(person).unwrap(),
        institution: Field::parse(institution).unwrap(),
        display_name: Field::parse(person).unwrap(),
    }
}

fn actor(position: usize) -> Actor {
    Actor::from_bytes([u8::try_from(position).unwrap() + 1; 16])
}

pub fn authors() -> Authors {
    PEOPLE
        .iter()
        .enumerate()
        .map(|(position, (institution, person))| {
            (*actor(position).as_bytes(), author(institution, person))
        })
        .collect()
}

/// Berger, Iseli, Sommer and Keller, each with a new copy of the section.
pub fn replicas(section: &SectionKind) -> [Replica; 4] {
    std::array::from_fn(|position| {
        let mut document = Document::genesis(containers(section)).unwrap();
        document.set_actor(actor(position));
        let (institution, person) = PEOPLE[position];
        Replica {
            document,
            author: author(institution, person),
        }
    })
}

pub fn at(minute: i64) -> UtcTime {
    UtcTime::from_seconds(1_800_000_000 + minute * 60).unwrap()
}

pub fn id(number: u8) -> EntryId {
    EntryId::from_random([number; 8])
}

pub fn field<F: Field>(text: &str) -> F {
    F::parse(text).unwrap()
}

impl Replica {
    pub fn try_apply(&mut self, edit: &Edit, minute: i64) -> Result<(), ApplyError> {
        let author = self.author.clone();
        let result = self.document.edit(at(minute).seconds(), None, |editor| {
            edit.apply(editor, &author, at(minute))
        });
        match result {
            Ok(_) => Ok(()),
            Err(EditError::Refused(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    pub fn apply(&mut self, edit: &Edit, minute: i64) {
        self.try_apply(edit, minute).unwrap();
    }

    /// Writes what the program would refuse.
    pub fn tamper(
        &mut self,
        write: impl FnOnce(
            &mut nahtlos_document::Editor<'_>,
        ) -> Result<(), nahtlos_document::WriteError>,
    ) {
        self.document
            .edit(at(99).seconds(), None, write)
            .unwrap()
            .unwrap();
    }

    /// The same with several writes and edits in one change.
    pub fn tamper_with(&mut self, write: impl FnOnce(&mut nahtlos_document::Editor<'_>)) {
        self.tamper(|editor| {
            write(editor);
            Ok(())
        });
    }

    pub fn pull(&mut self, other: &Replica) {
        let batch: Vec<Vec<u8>> = other
            .document
            .changes_since(&self.document.heads())
            .into_iter()
            .map(EncodedChange::into_bytes)
            .collect();
        self.document
            .apply(&batch, &|_| true, &GateLimits::default())
            .unwrap();
    }
}

/// Every order in which four replicas can hand over their changes.
pub fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for a in 0..4 {
        for b in 0..4 {
            for c in 0..4 {
                for d in 0..4 {
                    let order = [a, b, c, d];
                    if (0..4).all(|wanted| order.contains(&wanted)) {
                        orders.push(order);
                    }
                }
            }
        }
    }
    orders
}

/// A replica that takes the others' changes in this order.
pub fn merged(replicas: &[Replica; 4], order: [usize; 4]) -> Replica {
    let mut result = replicas[order[0]].clone();
    for position in &order[1..] {
        result.pull(&replicas[*position]);
    }
    result
}

/// Everybody has everything.
pub fn sync(replicas: &mut [Replica; 4]) {
    let all = merged(replicas, [0, 1, 2, 3]);
    for replica in replicas {
        replica.pull(&all);
    }
}

/// The four of the round table, as replicas are numbered.
pub const BERGER: usize = 0;
pub const ISELI: usize = 1;
pub const SOMMER: usize = 2;
pub const KELLER: usize = 3;

/// What is listed of a section in one replica.
pub fn listed(replica: &Replica, section: &SectionKind) -> Vec<Conflict> {
    conflicts(&replica.document, section, &authors())
}

/// The conflict about what lies at this last step of its path.
pub fn at_field<'a>(conflicts: &'a [Conflict], last_step: &str) -> &'a Conflict {
    conflicts
        .iter()
        .find(|conflict| conflict.path.last().is_some_and(|step| step == last_step))
        .unwrap()
}
