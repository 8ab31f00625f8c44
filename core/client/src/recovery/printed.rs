//! A share on paper: its words, to be printed by its custodian and typed in when it is needed. It lasts
//! where the custodian's devices do not.

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::SpaceId;

use super::shares::{self, Share};
use super::{Known, RecoveryError, commitment_of};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::paper::words::{self, WordsError};

/// What stands on the page. Whoever reads it holds the share.
pub struct PrintedShare {
    /// Which of the set, from 1.
    pub index: u8,
    /// 24 words, in their order.
    pub words: Vec<&'static str>,
    /// By which two people hear that they speak of the same share; no secret.
    pub check_words: String,
    /// Fingerprint of the set.
    pub set: String,
    /// How many shares of the set it takes.
    pub threshold: u8,
    /// How many there are.
    pub count: usize,
    /// Whose share it is.
    pub custodian: String,
    /// The institution.
    pub institution: String,
}

/// A share that was typed from print, and is the one that was published.
#[derive(Debug)]
pub struct TypedShare {
    pub(super) set: SpaceId,
    pub(super) share: Share,
    /// Whose it is.
    pub custodian: String,
}

impl Nahtlos {
    /// This custodian's own share, to be printed.
    ///
    /// # Errors
    /// As [`Self::hand_over_share`].
    pub fn print_share(&self) -> Result<PrintedShare, ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        let (member, share) = self.own_share(&known)?.ok_or(RecoveryError::NoCustodian)?;
        let directory = self.shared_directory()?;
        Ok(PrintedShare {
            index: share.index,
            words: words::of_secret(&share.secret),
            check_words: shares::check_words(&share.commitment(&member.id())),
            set: Fingerprint::of(&known.person.0).to_string(),
            threshold: known.set.threshold,
            count: known.set.shares.len(),
            custodian: self.custodian_name(&known, share.index),
            institution: directory.institution_name(&known.institution),
        })
    }

    /// Whether the present set has a share of this index, before anybody types its words.
    ///
    /// # Errors
    /// [`RecoveryError::NoSet`], [`RecoveryError::NoSuchShare`].
    pub fn require_printed(&self, index: u8) -> Result<(), ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        match known.share(index) {
            Some(_) => Ok(()),
            None => Err(RecoveryError::NoSuchShare {
                index,
                shares: known.set.shares.len(),
                set: Fingerprint::of(&known.person.0).to_string(),
            }
            .into()),
        }
    }

    /// Reads the words of a printed share and holds it against what was published of it.
    ///
    /// # Errors
    /// [`RecoveryError::NoSet`]; [`RecoveryError::Words`], where to look again;
    /// [`RecoveryError::PrintedOther`] where the words are another share's or another set's.
    pub fn read_printed_share(&self, index: u8, typed: &str) -> Result<TypedShare, ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        let custodian = self.custodian_name(&known, index);
        let commitment = known.share(index).and_then(commitment_of);
        let Some(commitment) = commitment else {
            return Err(other(&known, index, custodian));
        };
        let member = self.member_state(&known.person)?;
        let is_published = |secret: &nahtlos_protocol::crypto::secret::Secret32| {
            let share = Share {
                index,
                secret: secret.clone(),
            };
            share.commitment(&member.id()) == commitment
        };
        match words::read_secret(typed, &is_published) {
            Ok(secret) => Ok(TypedShare {
                set: known.person,
                share: Share { index, secret },
                custodian,
            }),
            Err(WordsError::OtherPaper) => Err(other(&known, index, custodian)),
            Err(problem) => Err(RecoveryError::Words { custodian, problem }.into()),
        }
    }
}

fn other(known: &Known, index: u8, custodian: String) -> ClientError {
    let set = Fingerprint::of(&known.person.0).to_string();
    RecoveryError::PrintedOther {
        index,
        custodian,
        set,
    }
    .into()
}
