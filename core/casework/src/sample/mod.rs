//! Invented cases for demonstrations, tests and benches: fourteen months of work by four institutions, in
//! German or French, always the same for the same seed.
//!
//! Ten sections and some 436 changes, as a case of that length was measured (DOMAIN §7). The people are made
//! up from lists of spread names. Their numbers are valid and meant to be nobody's: AHV numbers begin with
//! 756.0000 (nobody publishes which ranges are given out, so nobody can promise it), telephone numbers lie in
//! 079 555, mail addresses below `example.com` (RFC 2606).

mod filled;
mod history;
mod random;
mod words;

use std::collections::BTreeMap;

use nahtlos_document::{Actor, Document, EditError};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

pub use self::filled::filled_case_file;
use self::history::History;
use self::random::Numbers;
use crate::author::Author;
use crate::edit::{ApplyError, Edit};
use crate::export::{SectionToExport, case_file};
use crate::fields::{FieldError, UtcTime};
use crate::section::{SectionKind, containers};

/// The version of the form of a sample's history ([`Sample::history`]).
pub const HISTORY_SCHEMA_VERSION: u64 = 1;

/// One invented case.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Who works on it; the first leads it.
    pub authors: Vec<Author>,
    /// What they did, by time.
    pub changes: Vec<SampleChange>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleChange {
    /// Whose, by position among the authors.
    pub author: usize,
    /// When.
    pub at: UtcTime,
    /// What.
    pub edit: Edit,
}

/// Why a sample could not be made: a defect of the generator, which a test excludes.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A value that its field refuses.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// An edit that does not apply.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The document refused it.
    #[error("the document refused a change: {0}")]
    Document(String),
}

impl Sample {
    /// Makes the case with this number of a seed. Cases of one seed differ, and none depends on the others.
    ///
    /// # Errors
    /// [`SampleError`], never for what a person could give.
    pub fn generate(seed: u64, number: u64) -> Result<Self, SampleError> {
        History::new(Numbers::new(seed, number), number).write()
    }

    /// The edits, in the order in which they were made.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.changes.iter().map(|change| &change.edit)
    }

    /// The sections after all of it, each change with its author and time, and who stands behind each actor.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn documents(&self) -> Result<(BTreeMap<SectionKind, Document>, Authors), SampleError> {
        let mut documents = BTreeMap::new();
        for change in &self.changes {
            let kind = change.edit.section();
            if !documents.contains_key(&kind) {
                let document = Document::genesis(containers(&kind)).map_err(refused)?;
                documents.insert(kind.clone(), document);
            }
            let (Some(document), Some(author)) =
                (documents.get_mut(&kind), self.authors.get(change.author))
            else {
                continue;
            };
            document.set_actor(actor(change.author));
            let applied = document.edit(change.at.seconds(), None, |editor| {
                change.edit.apply(editor, author, change.at)
            });
            applied.map_err(|error| match error {
                EditError::Refused(error) => SampleError::Apply(error),
                other => refused(other),
            })?;
        }
        let authors = self.authors.iter().enumerate();
        let authors =
            authors.map(|(position, author)| (*actor(position).as_bytes(), author.clone()));
        Ok((documents, authors.collect()))
    }

    /// The case as `case open --from` reads it.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn case_file(&self) -> Result<Json, SampleError> {
        let (documents, authors) = self.documents()?;
        let sections: Vec<SectionToExport<'_>> = documents
            .iter()
            .map(|(kind, document)| SectionToExport {
                kind: kind.clone(),
                document,
                authors: &authors,
            })
            .collect();
        let mut reference = Map::new();
        reference.insert("invented".to_owned(), Json::Bool(true));
        Ok(case_file(&sections, reference))
    }

    /// How the case came about: authors, and every change with author and time.
    pub fn history(&self) -> Json {
        json!({
            "schema_version": HISTORY_SCHEMA_VERSION,
            "invented": true,
            "authors": self.authors,
            "changes": self.changes,
        })
    }
}

/// Authors by automerge actor.
pub type Authors = BTreeMap<[u8; 16], Author>;

fn actor(position: usize) -> Actor {
    let byte = u8::try_from(position)
        .unwrap_or(u8::MAX - 1)
        .saturating_add(1);
    Actor::from_bytes([byte; 16])
}

fn refused(error: impl std::fmt::Display) -> SampleError {
    SampleError::Document(error.to_string())
}
