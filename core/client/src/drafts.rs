//! Drafts: what a person typed for a change that is not written yet. They stay in this device's vault and are
//! delivered to nobody.

use minicbor::{Decode, Encode};
use nahtlos_protocol::identifier::Nonce;
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::{Clock, Nahtlos};
use crate::records;
use crate::vault::{Beside, Collection, Transaction, VaultError};

/// First byte of a draft's key in `Collection::Draft`; its number follows.
const KEY: u8 = b'd';
/// Group of drafts that belong to no case.
const WITHOUT_CASE: &[u8] = b"without case";

/// What was typed for one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
#[cbor(array)]
pub struct Draft {
    /// Its number on this device.
    #[n(0)]
    pub number: u32,
    /// The command that goes on with it.
    #[n(1)]
    pub command: String,
    /// What is one with that command, however it was typed: the case by its identifier.
    #[n(2)]
    #[serde(skip)]
    pub purpose: String,
    /// The case it belongs to.
    #[n(3)]
    #[serde(skip)]
    pub case: Option<Nonce>,
    /// When something was typed last, Unix milliseconds.
    #[n(4)]
    pub typed_at_ms: u64,
    /// What was typed, in this order; of one question also what was refused.
    #[n(5)]
    pub answers: Vec<TypedAnswer>,
}

/// An answer as it was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
#[cbor(array)]
pub struct TypedAnswer {
    /// The question.
    #[n(0)]
    pub question: String,
    /// How often that question had been asked before.
    #[n(1)]
    pub repetition: u32,
    /// The answer.
    #[n(2)]
    pub text: String,
}

impl Draft {
    /// What was answered last to a question.
    #[must_use]
    pub fn answer(&self, question: &str, repetition: u32) -> Option<&str> {
        let mut answers = self.answers.iter().rev();
        let is_it =
            |answer: &&TypedAnswer| answer.question == question && answer.repetition == repetition;
        answers.find(is_it).map(|answer| answer.text.as_str())
    }
}

/// Keeps drafts while a command asks, which has the vault open itself.
pub struct DraftKeeper {
    beside: Beside,
    clock: Clock,
}

impl DraftKeeper {
    /// All drafts, the one typed last at the end.
    ///
    /// # Errors
    /// Where the vault cannot be read, or was closed.
    pub fn drafts(&self) -> Result<Vec<Draft>, ClientError> {
        in_order(self.beside.list_all(Collection::Draft)?)
    }

    /// From now on the vault stays open until this is dropped: who wrote the change discards its draft.
    ///
    /// # Errors
    /// Where it was closed.
    pub fn keep_open(&mut self) -> Result<(), ClientError> {
        Ok(self.beside.keep_open()?)
    }

    /// Keeps what was typed for a draft, on the disk, and the vault open; a new one has no number yet and is given one.
    ///
    /// # Errors
    /// Where the vault cannot be written, or was closed; what was kept before stays.
    pub fn keep(&mut self, draft: &mut Draft) -> Result<(), ClientError> {
        self.keep_open()?;
        if draft.number == 0 {
            let numbers = self.drafts()?.into_iter().map(|draft| draft.number);
            draft.number = numbers.max().unwrap_or_default().saturating_add(1);
        }
        draft.typed_at_ms = (self.clock)();
        self.beside.note(|transaction| put(transaction, draft))?;
        Ok(())
    }

    /// Discards a draft.
    ///
    /// # Errors
    /// Where the vault cannot be written, or was closed.
    pub fn discard(&self, number: u32) -> Result<(), ClientError> {
        self.beside.note(|transaction| {
            transaction.delete(Collection::Draft, &key(number))?;
            Ok(())
        })?;
        Ok(())
    }
}

/// Shows nothing of what was typed.
impl std::fmt::Debug for DraftKeeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DraftKeeper")
            .finish_non_exhaustive()
    }
}

impl Nahtlos {
    /// All drafts, the one typed last at the end.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn drafts(&self) -> Result<Vec<Draft>, ClientError> {
        in_order(self.vault.list_all(Collection::Draft)?)
    }

    /// A draft by its number.
    ///
    /// # Errors
    /// [`ClientError::NotFound`].
    pub fn draft(&self, number: u32) -> Result<Draft, ClientError> {
        let found = self.drafts()?;
        let found = found.into_iter().find(|draft| draft.number == number);
        found.ok_or_else(|| ClientError::NotFound {
            what: "draft",
            input: number.to_string(),
        })
    }

    /// Discards a draft for good.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], and where the vault cannot be written.
    pub fn discard_draft(&mut self, number: u32) -> Result<Draft, ClientError> {
        let draft = self.draft(number)?;
        self.commit(|transaction| {
            transaction.delete(Collection::Draft, &key(number))?;
            Ok(())
        })?;
        Ok(draft)
    }

    /// Keeps drafts while this one asks.
    #[must_use]
    pub fn draft_keeper(&self) -> DraftKeeper {
        DraftKeeper {
            beside: self.vault.beside(),
            clock: self.clock(),
        }
    }
}

/// Discards what was typed about a case that is erased.
pub(crate) fn forget_drafts(transaction: &Transaction<'_>, case: &Nonce) -> Result<(), VaultError> {
    transaction.delete_group(Collection::Draft, &group(Some(case)))?;
    Ok(())
}

fn put(transaction: &Transaction<'_>, draft: &Draft) -> Result<(), VaultError> {
    transaction.put(
        Collection::Draft,
        &group(draft.case.as_ref()),
        &key(draft.number),
        0,
        &records::encode(draft),
    )
}

fn key(number: u32) -> Vec<u8> {
    [&[KEY][..], &number.to_be_bytes()].concat()
}

fn group(case: Option<&Nonce>) -> Vec<u8> {
    match case {
        Some(case) => [&[KEY][..], &case.0].concat(),
        None => WITHOUT_CASE.to_vec(),
    }
}

/// Other records of this kind stand beside: what was in edits that are held.
fn in_order(records: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<Draft>, ClientError> {
    let own = records.iter().filter(|(key, _)| key.first() == Some(&KEY));
    let mut drafts = own
        .map(|(_, bytes)| records::decode(bytes))
        .collect::<Result<Vec<Draft>, _>>()?;
    drafts.sort_by_key(|draft| (draft.typed_at_ms, draft.number));
    Ok(drafts)
}
