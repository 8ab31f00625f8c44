//! Making edits: applied to the working document, kept durably with the case's summary in one
//! transaction, sealed at the next sync.

use nahtlos_casework::Author as CaseAuthor;
use nahtlos_casework::edit::{ApplyError, Edit};
use nahtlos_casework::fields::UtcTime;
use nahtlos_document::{Document, EditError, EncodedChange, WriteError};
use nahtlos_protocol::identifier::SpaceId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::cases::CaseLine;
use crate::directory::DirectoryEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::outbox::OUTBOX_SPACES;
use crate::profile::ProfileEdit;
use crate::random;
use crate::records::{self, OutboxRecord};
use crate::searching::forget_search_text;
use crate::vault::{Collection, Transaction};
use nahtlos_protocol::identifier::Nonce;

/// An edit as it is stored until the relay has accepted it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypedEdit {
    /// Of a case's section.
    Case(Edit),
    /// Of the directory.
    Directory(DirectoryEdit),
    /// Of one's own person's document.
    Profile(ProfileEdit),
}

/// An edit that is kept apart, as it was typed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum KeptEdit {
    /// One that this program knows.
    Known(Box<TypedEdit>),
    /// One that a newer program stored and this one cannot read: as it stands in the vault.
    Unread(serde_json::Value),
}

impl KeptEdit {
    /// From what is stored. Nothing that was typed is left out, whoever stored it.
    pub(crate) fn of(stored: &str) -> Self {
        if let Ok(edit) = serde_json::from_str(stored) {
            return Self::Known(Box::new(edit));
        }
        let value = serde_json::from_str(stored);
        Self::Unread(value.unwrap_or_else(|_| stored.into()))
    }
}

/// Edits of one space that apply, not kept yet.
pub(crate) struct NewEdits {
    pub space: SpaceId,
    /// The document after them.
    pub document: Document,
    pub records: Vec<OutboxRecord>,
}

impl Nahtlos {
    /// Applies edits of one space one after the other, each as a change of its own, and keeps them
    /// durably until the relay has accepted them. All or nothing.
    ///
    /// # Errors
    /// [`ClientError::Edit`] and others; nothing is changed then.
    pub(crate) fn edit_space(
        &mut self,
        space: &SpaceId,
        edits: &[TypedEdit],
    ) -> Result<(), ClientError> {
        let new = self.make_edits(space, edits)?;
        self.keep_edits(vec![new])
    }

    /// Applies edits to a copy of the working document.
    pub(crate) fn make_edits(
        &self,
        space: &SpaceId,
        edits: &[TypedEdit],
    ) -> Result<NewEdits, ClientError> {
        self.require_writable(space)?;
        let document = self.working_document(space)?;
        match self.make_edits_on(document, space, edits) {
            // It is shown, and not part of what edits are made on.
            Err(ClientError::Edit(ApplyError::Missing { .. }))
                if self.carried_edits(space)? > 0 =>
            {
                Err(ClientError::OnlyCarried)
            }
            made => made,
        }
    }

    /// Applies edits to a document at hand.
    pub(crate) fn make_edits_on(
        &self,
        mut document: Document,
        space: &SpaceId,
        edits: &[TypedEdit],
    ) -> Result<NewEdits, ClientError> {
        let typed_at_ms = self.now_ms();
        let author = self.case_author()?;
        let mut records = Vec::new();
        for edit in edits {
            if let Some(change) = apply_edit(&mut document, edit, &author, typed_at_ms)? {
                records.push(OutboxRecord {
                    id: random::nonce(&mut random::system()),
                    edit: to_json(edit)?,
                    change,
                    run_nonce: self.run_nonce,
                    typed_at_ms,
                });
            }
        }
        Ok(NewEdits {
            space: *space,
            document,
            records,
        })
    }

    /// Keeps edits of any number of spaces and the summaries they change, in one transaction.
    pub(crate) fn keep_edits(&mut self, new: Vec<NewEdits>) -> Result<(), ClientError> {
        self.keep_edits_and(new, |_| Ok(()))
    }

    /// The same with what belongs to the edits, in the same transaction.
    pub(crate) fn keep_edits_and(
        &mut self,
        new: Vec<NewEdits>,
        also: impl FnOnce(&Transaction<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let lines = self.lines_after(&new)?;
        let positions: Result<Vec<i64>, ClientError> = new
            .iter()
            .map(|edits| self.next_outbox_position(&edits.space))
            .collect();
        let positions = positions?;
        self.commit(|transaction| {
            for (edits, first) in new.iter().zip(positions) {
                put_edits(transaction, edits, first)?;
                forget_search_text(transaction, &edits.space)?;
            }
            put_lines(transaction, &lines)?;
            also(transaction)
        })?;
        self.remember_edited(new);
        Ok(())
    }

    /// After the transaction: the edited documents are what the next look sees.
    pub(crate) fn remember_edited(&self, new: Vec<NewEdits>) {
        for edits in new {
            self.documents.forget(&edits.space);
            self.documents.put(edits.space, Arc::new(edits.document));
        }
    }

    /// Positions only order the edits of one space on this device. Each change builds on the one
    /// before, so what was typed later stands later, also where the clock was set back meanwhile.
    pub(crate) fn next_outbox_position(&self, space: &SpaceId) -> Result<i64, ClientError> {
        let micros = i64::try_from(self.now_ms())
            .unwrap_or(i64::MAX / 2000)
            .saturating_mul(1000);
        let last = self.vault.last_position(Collection::Outbox, &space.0)?;
        Ok(last.map_or(micros, |last| micros.max(last.saturating_add(1))))
    }
}

/// Stores edits in the outbox.
pub(crate) fn put_edits(
    transaction: &Transaction<'_>,
    new: &NewEdits,
    first: i64,
) -> Result<(), ClientError> {
    let space = &new.space.0;
    for (position, edit) in (first..).zip(&new.records) {
        let value = records::encode(edit);
        transaction.put(Collection::Outbox, space, &edit.id.0, position, &value)?;
    }
    if !new.records.is_empty() {
        transaction.put(Collection::Setting, OUTBOX_SPACES, space, 0, b"")?;
    }
    Ok(())
}

/// Stores summaries.
pub(crate) fn put_lines(
    transaction: &Transaction<'_>,
    lines: &[(Nonce, CaseLine)],
) -> Result<(), ClientError> {
    for (id, line) in lines {
        let value = serde_json::to_vec(line).map_err(|error| ClientError::Document {
            reason: error.to_string(),
        })?;
        transaction.put(Collection::Summary, b"", &id.0, 0, &value)?;
    }
    Ok(())
}

/// Runs one typed edit as one change; none if it changed nothing.
pub(crate) fn apply_edit(
    document: &mut Document,
    edit: &TypedEdit,
    author: &CaseAuthor,
    at_ms: u64,
) -> Result<Option<Vec<u8>>, ClientError> {
    let seconds = i64::try_from(at_ms / 1000).unwrap_or(i64::MAX);
    let change = match edit {
        TypedEdit::Case(edit) => {
            let at = UtcTime::from_seconds(seconds)?;
            document
                .edit(seconds, None, |editor| edit.apply(editor, author, at))
                .map_err(|error| match error {
                    EditError::Refused(refused) => ClientError::Edit(refused),
                    other => ClientError::Document {
                        reason: other.to_string(),
                    },
                })?
        }
        TypedEdit::Directory(edit) => document
            .edit(seconds, None, |editor| edit.apply(editor))
            .map_err(not_applied)?,
        TypedEdit::Profile(edit) => document
            .edit(seconds, None, |editor| edit.apply(editor))
            .map_err(not_applied)?,
    };
    Ok(change.map(EncodedChange::into_bytes))
}

fn not_applied(error: EditError<WriteError>) -> ClientError {
    ClientError::Document {
        reason: error.to_string(),
    }
}

fn to_json(edit: &TypedEdit) -> Result<String, ClientError> {
    serde_json::to_string(edit).map_err(|error| ClientError::Document {
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::KeptEdit;

    #[test]
    fn what_an_older_program_cannot_read_is_exported_as_it_stands_and_not_left_out() {
        let newer = r#"{"case":{"dictated":{"text":"Am Telefon notiert."}}}"#;
        let exported = |stored: &str| serde_json::to_string(&KeptEdit::of(stored)).unwrap();
        assert_eq!(exported(newer), newer);
        assert_eq!(exported("no JSON"), r#""no JSON""#);
        let known = r#"{"profile":{"device_name":{"device":"a1","name":"Phone"}}}"#;
        assert_eq!(exported(known), known);
    }
}
