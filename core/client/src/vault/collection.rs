//! The kinds of record a vault holds.

use super::error::{DamagedPart, VaultError};

/// What a record is. The number is stored and authenticated with each record, so it never changes
/// and is never given to another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Collection {
    /// This device's own keys and who it belongs to.
    Identity = 1,
    /// Signed operations of the spaces this device follows.
    Operation = 2,
    /// Epoch secrets wrapped to keys of this device or of its spaces.
    Wrap = 3,
    /// Epoch seeds that were opened.
    EpochSeed = 4,
    /// Sealed envelopes as received.
    Envelope = 5,
    /// Documents as last saved.
    Document = 6,
    /// Edits that were made here and not yet accepted by the relay.
    Outbox = 7,
    /// Sealed bytes that were offered to the relay, kept until it answered.
    Sealed = 8,
    /// Summaries of cases, for listing and searching.
    Summary = 9,
    /// Position of synchronisation: cursor and journal marks.
    Sync = 10,
    /// Invitations given or received.
    Invitation = 11,
    /// Changes of access that were asked for and not yet completed.
    Intent = 12,
    /// Items the relay or this device holds back, with the reason.
    Held = 13,
    /// Notices a person has not yet dismissed.
    Notice = 14,
    /// Opened labels of spaces and members.
    Label = 15,
    /// Receipts signed by the relay.
    Receipt = 16,
    /// Settings of this device.
    Setting = 17,
    /// Which spaces make up a case.
    Case = 18,
    /// People, teams and institutions known here.
    Directory = 19,
    /// Attachments, whole or in chunks.
    Attachment = 20,
    /// Input a person has begun and not yet saved.
    Draft = 21,
    /// Shares and commitments of recovery keys.
    Recovery = 22,
    /// Signed facts of envelopes and the verdicts on them: which edits count.
    Counting = 23,
    /// Signed items that a bundle brought and no relay has acknowledged.
    Carried = 24,
    /// Entries of journals as texts, for searching; made again from the documents.
    SearchText = 25,
}

impl Collection {
    /// Every kind, by rising number.
    pub const ALL: [Collection; 25] = [
        Collection::Identity,
        Collection::Operation,
        Collection::Wrap,
        Collection::EpochSeed,
        Collection::Envelope,
        Collection::Document,
        Collection::Outbox,
        Collection::Sealed,
        Collection::Summary,
        Collection::Sync,
        Collection::Invitation,
        Collection::Intent,
        Collection::Held,
        Collection::Notice,
        Collection::Label,
        Collection::Receipt,
        Collection::Setting,
        Collection::Case,
        Collection::Directory,
        Collection::Attachment,
        Collection::Draft,
        Collection::Recovery,
        Collection::Counting,
        Collection::Carried,
        Collection::SearchText,
    ];

    /// The stored number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number; [`VaultError::Damaged`] when there is none.
    pub(super) fn from_number(number: i64) -> Result<Self, VaultError> {
        Self::ALL
            .into_iter()
            .find(|collection| i64::from(collection.number()) == number)
            .ok_or(VaultError::Damaged {
                what: DamagedPart::Database,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_number_names_the_same_collection_again() {
        for (index, collection) in Collection::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(collection.number()), index + 1);
            let number = i64::from(collection.number());
            assert_eq!(Collection::from_number(number).unwrap(), collection);
        }
    }

    #[test]
    fn a_number_without_a_collection_is_refused() {
        for number in [0, 26, 256 + 1, -1, i64::MAX, i64::MIN] {
            assert!(matches!(
                Collection::from_number(number),
                Err(VaultError::Damaged {
                    what: DamagedPart::Database
                })
            ));
        }
    }
}
