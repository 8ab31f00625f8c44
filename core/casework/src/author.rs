//! Who wrote what.

use std::collections::BTreeMap;

use nahtlos_document::{Actor, ChangeHash, ConflictingValue, Value};
use serde::Serialize;

use crate::edit::{SOURCE_AT, SOURCE_BY};
use crate::fields::{DeviceId, Field, InstitutionId, Line, Name, PersonId, Stored, UtcTime};
use crate::rules::ImmutableEntry;

/// A person at a device, as the caller verified it from signatures and logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Author {
    /// The device that signed.
    pub device: DeviceId,
    /// The person the device belongs to.
    pub person: PersonId,
    /// The institution for which the person acts.
    pub institution: InstitutionId,
    /// The name to show.
    pub display_name: Name,
}

/// Maps an automerge actor to its verified author.
///
/// Values in a document carry no author of their own: anybody could write another's name. Who wrote
/// a value follows from the change that holds it, whose actor the caller's gate accepted only from
/// that author's signed envelope.
pub trait AuthorOf {
    /// The author; nothing if the actor is not known (an envelope that does not count any more).
    fn author(&self, actor: &[u8; 16]) -> Option<Author>;

    /// The institution for which the author made a change; nothing if their role there had ended when it came:
    /// they may still write, through another one. The caller knows, who has logs and receipts.
    fn acted_for(&self, actor: &[u8; 16], _change: &ChangeHash) -> Option<InstitutionId> {
        self.author(actor).map(|author| author.institution)
    }
}

impl AuthorOf for BTreeMap<[u8; 16], Author> {
    fn author(&self, actor: &[u8; 16]) -> Option<Author> {
        self.get(actor).cloned()
    }
}

impl<F: Fn(&[u8; 16]) -> Option<Author>> AuthorOf for F {
    fn author(&self, actor: &[u8; 16]) -> Option<Author> {
        self(actor)
    }
}

/// Who wrote a value, when and in which change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The verified author, if the caller knows one.
    pub author: Option<Author>,
    /// The institution for which they did it. It is what every rule asks that is about institutions.
    #[serde(skip)]
    pub acted_for: Option<InstitutionId>,
    /// When, by the author's clock; advisory.
    pub at: Option<UtcTime>,
    /// The change, as 64 hexadecimal digits.
    pub change: String,
    /// Who wrote it, as the file says that it was taken over from; `author` is who took it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<TakenOver>,
}

/// Who wrote an entry, when, as a file said: nobody signed that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    /// Who.
    pub written_by: Stored<Line>,
    /// When.
    pub written_at: Option<Stored<UtcTime>>,
}

impl TakenOver {
    /// What an entry says of the file that it comes from; nothing where it was written here.
    pub(crate) fn of(fields: &BTreeMap<String, Value>) -> Option<Self> {
        fn read<F: Field>(fields: &BTreeMap<String, Value>, name: &str) -> Option<Stored<F>> {
            fields.get(name).and_then(Value::as_str).map(Stored::read)
        }
        Some(Self {
            written_by: read(fields, SOURCE_BY)?,
            written_at: read(fields, SOURCE_AT),
        })
    }
}

impl Origin {
    pub(crate) fn new(
        authors: &dyn AuthorOf,
        actor: &Actor,
        change: &ChangeHash,
        time_seconds: i64,
    ) -> Self {
        Self {
            author: authors.author(actor.as_bytes()),
            acted_for: authors.acted_for(actor.as_bytes(), change),
            at: UtcTime::from_seconds(time_seconds).ok(),
            change: change.to_string(),
            taken_over: None,
        }
    }

    pub(crate) fn of(authors: &dyn AuthorOf, value: &ConflictingValue) -> Self {
        Self::new(authors, &value.actor, &value.change, value.time_seconds)
    }

    /// Of an entry that is never changed, with what it says of the file that it may come from.
    pub(crate) fn of_entry(authors: &dyn AuthorOf, entry: &ImmutableEntry) -> Self {
        Self {
            taken_over: TakenOver::of(&entry.fields),
            ..Self::of(authors, &entry.created)
        }
    }
}
