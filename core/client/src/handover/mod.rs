//! Handing cases over: another person leads them from then on. Each case is handed over whole or not at
//! all, and what is left is done by running it again.
//!
//! A hand-over opens no section to anybody who could not read it: it says who leads, lets a team that
//! reads manage where that is needed (never a slice, which is a copy for its reader), and makes new keys where the earlier lead may not read any more.
//! Whoever manages the institution may *order* one ([`HandoverOrder`]) without reading a case; a device that
//! leads the cases carries it out.

mod carrying_out;
mod ordering;
mod planning;
mod section_steps;
mod settling;

use nahtlos_protocol::identifier::SpaceId;
use serde::Serialize;

pub use ordering::OrderedHandover;
pub use settling::{RaisedInVain, is_about_lead};

/// What a hand-over would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandoverPlan {
    /// Who leads now.
    pub from: String,
    /// Who is to lead.
    pub to: String,
    /// What names them in a command, both: a name, or an id where others are called the same.
    #[serde(skip)]
    pub named_in_command: (String, String),
    /// The institution of who is to lead.
    pub to_institution: String,
    /// Cases that are handed over.
    pub cases: Vec<HandoverCase>,
    /// Cases that are not, and why.
    pub excluded: Vec<ExcludedCase>,
    /// Cases that were named and that the first person does not lead.
    pub led_by_others: Vec<LedByOther>,
    /// Whether who is to lead is in a team of who leads now: else an order would reach nobody.
    #[serde(skip)]
    pub is_in_their_team: bool,
    #[serde(skip)]
    parties: Parties,
}

/// A case that is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandoverCase {
    /// Hexadecimal case id.
    pub case: String,
    /// Its number.
    pub case_number: Option<String>,
    /// Whom it is about.
    pub client: Option<String>,
    /// Sections that get a new key: the earlier lead held one and may not read any more.
    pub new_keys: Vec<String>,
    /// Sections that the new lead's team reads, and manages from then on.
    pub raised: Vec<String>,
    /// Sections that are not shared with the new lead: a hand-over shares nothing.
    pub not_shared: Vec<String>,
    /// Sections that were shared with the earlier lead by name: they stay.
    pub stays_by_name: Vec<String>,
}

/// A case that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExcludedCase {
    /// Hexadecimal case id.
    pub case: String,
    /// Its number.
    pub case_number: Option<String>,
    /// Whom it is about.
    pub client: Option<String>,
    /// Why.
    pub because: Exclusion,
}

/// A case that was named, and that somebody else leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedByOther {
    /// Hexadecimal case id.
    pub case: String,
    /// Its number.
    pub case_number: Option<String>,
    /// Whom it is about.
    pub client: Option<String>,
    /// Who leads it; none where nobody does.
    pub lead: Option<String>,
    /// Whether that is who was to take it over.
    pub is_done: bool,
}

/// Why a case is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// The new lead has a conflict of interest there.
    ConflictOfInterest,
    /// Several people lead it at the same time: somebody must settle that first.
    LeadInConflict,
    /// The core data are not shared with the new lead.
    NotShared,
    /// This device does not manage the case's core: another team leads it.
    NotYours,
    /// The core data are closed.
    Closed,
}

impl Exclusion {
    /// In words.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ConflictOfInterest => "conflict of interest",
            Self::LeadInConflict => "who leads it is in conflict: settle that first",
            Self::NotShared => "its core data are not shared with who is to lead it",
            Self::NotYours => "your team does not manage its core data",
            Self::Closed => "its core data are closed",
        }
    }
}

/// Who is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parties {
    from: SpaceId,
    to: SpaceId,
    institution: SpaceId,
}
