//! Recovery: an institution's way back into teams that nobody can open any more. A *recovery member*, a
//! person without people, manages each covered group; the seed of its one device is split among
//! custodians ([`shares`]), each share sealed to its custodian in the member's card. [`setup`] makes a
//! set, [`using`] puts shares together: to rehearse, or to let somebody into a group, which every member
//! of that group sees in its log. [`uses`] tells of whatever was done with a key.

mod printed;
pub mod setup;
mod shares;
mod uses;
pub mod using;

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::{Deserialize, Serialize};

use crate::directory::PersonCard;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::paper::words::WordsError;

pub use printed::{PrintedShare, TypedShare};
pub use shares::{SHARES_MAX, THRESHOLD_MIN};
pub use uses::{RecoveryAct, RecoveryUse};

/// States of a custodian.
const HOLDS: &str = "holds";
const LEFT: &str = "left";
const OTHER_DEVICES: &str = "other_devices";

/// Function of a recovery member, in its card.
pub(crate) const FUNCTION: &str = "recovery";

/// What a recovery member's card says beside its name: who holds which share, and how many it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverySet {
    /// How many shares it takes.
    pub threshold: u8,
    /// By index, from 1.
    pub shares: Vec<SealedShare>,
}

/// One custodian's share as the directory has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedShare {
    /// The custodian, hexadecimal space id.
    pub custodian: String,
    /// Hash of the share, hexadecimal: a wrong one is known by it.
    pub commitment: String,
    /// The share wrapped to each of the custodian's devices: hexadecimal device id to Base64.
    pub sealed: BTreeMap<String, String>,
}

/// Why shares open nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// No recovery key was set up, or none that this device knows of.
    #[error("no recovery key is set up")]
    NoSet,
    /// Threshold and number make no set.
    #[error(
        "{threshold} of {count} is no set: from {THRESHOLD_MIN} up to all, at most {SHARES_MAX}"
    )]
    Numbers {
        /// How many are to be enough.
        threshold: u8,
        /// How many there are.
        count: usize,
    },
    /// A recovery key was decided and is not carried out yet: another would stand beside it.
    #[error("a recovery key waits for the next sync")]
    Waits,
    /// Teams that the earlier key covers and the new one would not, and that nobody left out by name.
    #[error("no recovery key would open {} any more", .groups.join(", "))]
    WouldEnd {
        /// All of them.
        groups: Vec<String>,
    },
    /// Somebody who cannot hold a share.
    #[error("{name} cannot hold a share: {reason}")]
    Custodian {
        /// Who.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// This device's person is no custodian of the set.
    #[error("you hold no share of this recovery key")]
    NoCustodian,
    /// A share is of an earlier or another set.
    #[error("a share is not of the present set")]
    OtherSet {
        /// Which share was given, counted from 1.
        given: usize,
        /// Whose it is, where the earlier set is known.
        custodian: Option<String>,
    },
    /// A share was sealed for somebody else's devices, or for one this person had no more then.
    #[error("the share of {custodian} is not sealed to this device")]
    NotForThisDevice {
        /// Whose share it is.
        custodian: String,
    },
    /// A share does not open, or is not the one that was published.
    #[error("the share of {custodian} is wrong")]
    WrongShare {
        /// Whose share it is.
        custodian: String,
    },
    /// The present set has no share of this number.
    #[error("the recovery key has no share {index}")]
    NoSuchShare {
        /// Which was named.
        index: u8,
        /// How many it has.
        shares: usize,
        /// Fingerprint of the present set, which stands on its pages.
        set: String,
    },
    /// The words of a printed share are in order, and are not those of this share of the present set.
    #[error("the words are not those of share {index}, of {custodian}")]
    PrintedOther {
        /// Which was named.
        index: u8,
        /// Whose it is.
        custodian: String,
        /// Fingerprint of the present set, which stands on its pages.
        set: String,
    },
    /// The words of a printed share were typed differently.
    #[error("the share of {custodian}: {problem}")]
    Words {
        /// Whose share it is.
        custodian: String,
        /// Where to look again.
        problem: WordsError,
    },
    /// Too few shares.
    #[error("{} of {threshold} shares are here", .have.len())]
    TooFew {
        /// Whose are here.
        have: Vec<String>,
        /// How many it takes.
        threshold: u8,
        /// Whose are not.
        missing: Vec<String>,
    },
    /// The shares are as published and do not make the recovery device: whoever set it up published
    /// something else.
    #[error("the shares do not make the recovery key that the log names")]
    OtherDevice,
    /// A group in which the recovery member has no right.
    #[error("{group} is not covered by the recovery key")]
    NotCovered {
        /// The group.
        group: String,
    },
    /// Who is to be let in is nobody of the institution whose key it is.
    #[error("{person} is not a person of this institution")]
    NotOfInstitution {
        /// Whom.
        person: String,
    },
    /// The group did not take the person in.
    #[error("{person} was not let into {group}: {reason}")]
    NotLetIn {
        /// Who.
        person: String,
        /// Where.
        group: String,
        /// Why.
        reason: String,
    },
}

impl RecoveryError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSet => "recovery_not_set_up",
            Self::Numbers { .. } => "recovery_numbers",
            Self::Waits => "recovery_waits",
            Self::WouldEnd { .. } => "recovery_would_end",
            Self::Custodian { .. } => "recovery_custodian",
            Self::NoCustodian => "recovery_no_custodian",
            Self::OtherSet { .. } => "share_other_set",
            Self::NotForThisDevice { .. } => "share_not_for_this_device",
            Self::WrongShare { .. } | Self::PrintedOther { .. } | Self::NoSuchShare { .. } => {
                "share_wrong"
            }
            Self::Words { .. } => "share_words",
            Self::TooFew { .. } => "shares_too_few",
            Self::OtherDevice => "recovery_other_device",
            Self::NotCovered { .. } => "recovery_not_covered",
            Self::NotOfInstitution { .. } => "recovery_not_of_institution",
            Self::NotLetIn { .. } => "recovery_not_let_in",
        }
    }
}

/// A recovery key as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveryLine {
    /// Fingerprint of the set.
    pub set: String,
    /// The institution.
    pub institution: String,
    /// Whether it may still open anything: a set that was replaced does not.
    pub is_present: bool,
    /// How many shares it takes.
    pub threshold: u8,
    /// Who holds them, by index.
    pub custodians: Vec<CustodianLine>,
    /// Groups it can let somebody into.
    pub covered: Vec<String>,
    /// Teams of the institution that it does not cover.
    pub not_covered: Vec<String>,
    /// What was done with it.
    pub uses: Vec<RecoveryUse>,
}

/// One custodian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CustodianLine {
    /// Who.
    pub name: String,
    /// From 1.
    pub index: u8,
    /// To be read to each other: both speak of the same share.
    pub check_words: String,
    /// Whether it is this device's person.
    pub is_own: bool,
    /// `holds` it; `left` the institution; or has `other_devices` only than those it is sealed to.
    pub state: &'static str,
}

impl CustodianLine {
    /// Whether this share can still be handed over.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.state == HOLDS
    }
}

/// A recovery member that counts: its card is its institution's, and its form is good.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub person: SpaceId,
    pub institution: SpaceId,
    pub set: RecoverySet,
}

impl Nahtlos {
    /// Recovery keys of this institution, the present one first.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; where the vault cannot be read.
    pub fn recovery_lines(&self) -> Result<Vec<RecoveryLine>, ClientError> {
        let own = self.institution()?;
        let mut lines = Vec::new();
        for known in self.recovery_known()? {
            if known.institution == own {
                lines.push(self.recovery_line(&known)?);
            }
        }
        lines.sort_by_key(|line| !line.is_present);
        Ok(lines)
    }

    /// The present recovery key of this institution.
    pub(crate) fn present_recovery(&self) -> Result<Option<Known>, ClientError> {
        let own = self.institution()?;
        for known in self.recovery_known()? {
            if known.institution == own && !self.groups_covered_by(&known.person)?.is_empty() {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// Every recovery member whose card counts, the newest first.
    pub(crate) fn recovery_known(&self) -> Result<Vec<Known>, ClientError> {
        // Who cannot read the directory yet knows of none: no reason to end a sync.
        let Ok(directory) = self.shared_directory() else {
            return Ok(Vec::new());
        };
        let mut found: Vec<(u64, Known)> = Vec::new();
        for (id, card) in &directory.people {
            let Some(known) = known_of(id, card) else {
                continue;
            };
            let state = self.logs().load(&known.person)?;
            let state = state.filter(|state| state.guardian() == Some(known.institution));
            if let Some(first) = state.as_ref().and_then(|state| state.grants().first()) {
                found.push((first.claimed_at_ms, known));
            }
        }
        found.sort_by_key(|(made_at_ms, known)| (std::cmp::Reverse(*made_at_ms), known.person));
        Ok(found.into_iter().map(|(_, known)| known).collect())
    }

    /// Groups in which a recovery member may let somebody in.
    pub(crate) fn groups_covered_by(&self, person: &SpaceId) -> Result<Vec<SpaceId>, ClientError> {
        let mut covered = Vec::new();
        for above in self.spaces_above(person)? {
            let state = self.logs().load(&above)?;
            if state.is_some_and(|state| is_live_member(&state, person)) {
                covered.push(above);
            }
        }
        Ok(covered)
    }

    fn recovery_line(&self, known: &Known) -> Result<RecoveryLine, ClientError> {
        let directory = self.shared_directory()?;
        let covered = self.groups_covered_by(&known.person)?;
        let names = |spaces: &mut dyn Iterator<Item = &SpaceId>| {
            let mut names: Vec<String> = spaces.map(|space| directory.name(space)).collect();
            names.sort();
            names
        };
        let teams = self.teams_of(&known.institution)?;
        let without: BTreeSet<&SpaceId> = teams
            .iter()
            .filter(|team| !covered.contains(team))
            .collect();
        let own = self.device.person.map(|person| person.to_string());
        let custodians = (1..=u8::MAX).zip(&known.set.shares).map(|(index, share)| {
            let custodian = SpaceId::from_hex(&share.custodian);
            CustodianLine {
                name: custodian.map_or_else(String::new, |id| directory.person_name(&id)),
                index,
                check_words: commitment_of(share)
                    .map_or_else(String::new, |bytes| shares::check_words(&bytes)),
                is_own: own.as_ref() == Some(&share.custodian),
                state: custodian.map_or(LEFT, |id| {
                    self.custodian_state(&id, share, &known.institution)
                }),
            }
        });
        Ok(RecoveryLine {
            set: nahtlos_protocol::crypto::fingerprint::Fingerprint::of(&known.person.0)
                .to_string(),
            institution: directory.institution_name(&known.institution),
            is_present: !covered.is_empty(),
            threshold: known.set.threshold,
            custodians: custodians.collect(),
            covered: names(&mut covered.iter()),
            not_covered: names(&mut without.into_iter()),
            uses: self.uses_of(known)?,
        })
    }

    fn custodian_state(
        &self,
        custodian: &SpaceId,
        share: &SealedShare,
        institution: &SpaceId,
    ) -> &'static str {
        if !self.person_spaces_beneath(institution).contains(custodian) {
            return LEFT;
        }
        let state = self.logs().state(custodian);
        let has_device = state.is_some_and(|state| {
            state.live_grants().any(|grant| match grant.member {
                MemberId::Device(device) => share.sealed.contains_key(&device.to_string()),
                MemberId::Space(_) => false,
            })
        });
        if has_device { HOLDS } else { OTHER_DEVICES }
    }

    /// Teams in an institution's log that live.
    pub(crate) fn teams_of(&self, institution: &SpaceId) -> Result<Vec<SpaceId>, ClientError> {
        let Some(state) = self.logs().load(institution)? else {
            return Ok(Vec::new());
        };
        let members = state.live_grants().filter_map(|grant| match grant.member {
            MemberId::Space(member) => Some(member),
            MemberId::Device(_) => None,
        });
        let members: BTreeSet<SpaceId> = members.collect();
        let mut teams = Vec::new();
        for member in members {
            let state = self.logs().load(&member)?;
            if state.is_some_and(|state| state.kind() == Kind::Team) {
                teams.push(member);
            }
        }
        Ok(teams)
    }
}

impl Known {
    /// The custodian of an index, from 1.
    pub fn share(&self, index: u8) -> Option<&SealedShare> {
        let place = usize::from(index).checked_sub(1)?;
        self.set.shares.get(place)
    }
}

/// A recovery member's card of a good form; none of anybody else's.
fn known_of(id: &str, card: &PersonCard) -> Option<Known> {
    let set = card.recovery.clone()?;
    let count = u8::try_from(set.shares.len()).ok()?;
    let is_set = (THRESHOLD_MIN..=count).contains(&set.threshold) && count <= SHARES_MAX;
    let is_whole = set.shares.iter().all(|share| {
        commitment_of(share).is_some() && SpaceId::from_hex(&share.custodian).is_some()
    });
    Some(Known {
        person: SpaceId::from_hex(id)?,
        institution: SpaceId::from_hex(&card.institution)?,
        set: Some(set).filter(|_| is_set && is_whole)?,
    })
}

/// The published hash of a share.
pub(crate) fn commitment_of(share: &SealedShare) -> Option<[u8; 32]> {
    SpaceId::from_hex(&share.commitment).map(|bytes| bytes.0)
}

fn is_live_member(state: &SpaceState, person: &SpaceId) -> bool {
    let mut grants = state.live_grants();
    grants.any(|grant| grant.member == MemberId::Space(*person) && grant.is_confirmed())
}
