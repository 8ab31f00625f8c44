//! Slices: documents that hold a part of a section, written for one institution that does not read the
//! section itself (DOMAIN §3).
//!
//! A slice is a section of its own. Its code names the section that it is a part of, whom it is for, and its
//! number: what is taken out of a slice must not stay in the history that somebody who is let in later
//! receives, so a slice from which something goes is followed by a new one.

use std::fmt;

use crate::fields::reference::is_reference;
use crate::fields::{Field, InstitutionId};
use crate::form;
use crate::matrix::{Access, Party, SlicePart, default_access};
use crate::role::InstitutionKind;
use crate::section::SectionKind;

/// What a slice's code begins with.
const PREFIX: &str = "slice";
/// The highest number of a slice.
const NUMBER_MAX: u16 = 9999;

/// Which slice: `slice/<section>/<institution>/<number>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slice {
    of: SectionKind,
    institution: InstitutionId,
    number: u16,
}

/// What the matrix lets a party have of a section in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceRule {
    /// Which part.
    pub part: SlicePart,
    /// Whether only with a consent that names the section for them.
    pub needs_consent: bool,
}

impl Slice {
    /// The first slice of a section for an institution; nothing for a section of which there are none.
    pub fn first(of: &SectionKind, institution: &InstitutionId) -> Option<Self> {
        form::form_of_slice(of)?;
        Some(Self {
            of: of.clone(),
            institution: institution.clone(),
            number: 1,
        })
    }

    /// The one that follows it; nothing where there is no further number.
    pub fn next(&self) -> Option<Self> {
        let number = self.number.checked_add(1)?;
        (number <= NUMBER_MAX).then(|| Self {
            number,
            ..self.clone()
        })
    }

    /// The section that it is a part of.
    pub fn of(&self) -> &SectionKind {
        &self.of
    }

    /// Whom it is for.
    pub fn institution(&self) -> &InstitutionId {
        &self.institution
    }

    /// Its number among the slices of that section for them, from 1.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Whether both are of the same section for the same institution, whatever their numbers.
    pub fn follows_or_precedes(&self, other: &Self) -> bool {
        self.of == other.of && self.institution == other.institution
    }

    /// Reads what stands behind `slice/`.
    pub(crate) fn from_code(rest: &str) -> Option<Self> {
        let mut parts = rest.split('/');
        let of = SectionKind::from_code(parts.next()?);
        let institution = parts.next().filter(|id| is_reference(id))?;
        let number = parts.next()?;
        let first = Self::first(&of, &InstitutionId::parse(institution).ok()?)?;
        let read = Self {
            number: number.parse().ok()?,
            ..first
        };
        // One code, one slice: no leading zeros, signs or further parts.
        let is_exact = read.number.to_string() == number && parts.next().is_none();
        ((1..=NUMBER_MAX).contains(&read.number) && is_exact).then_some(read)
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            of,
            institution,
            number,
        } = self;
        write!(formatter, "{PREFIX}/{of}/{institution}/{number}")
    }
}

/// What the matrix lets a party have of a section in a slice; nothing where it reads the section itself, or
/// nothing of it.
pub fn slice_rule(section: &SectionKind, party: Party) -> Option<SliceRule> {
    let (part, needs_consent) = match default_access(section, party)? {
        Access::Slice(part) => (part, false),
        Access::SliceWithConsent(part) => (part, true),
        _ => return None,
    };
    Some(SliceRule {
        part,
        needs_consent,
    })
}

/// What the matrix lets an institution's people have in a slice that is for them: by the institution's kind,
/// or as coaches, where only they have one.
pub fn slice_rule_of_kind(section: &SectionKind, kind: InstitutionKind) -> Option<SliceRule> {
    let of_kind = slice_rule(section, Party::Institution(kind));
    of_kind.or_else(|| slice_rule(section, Party::Coach))
}

/// Whether the matrix keeps a section from somebody as a whole, whatever it rests on: employers never read
/// about health.
pub fn is_never_whole(section: &SectionKind, party: Party) -> bool {
    let is_about_health = matches!(section, SectionKind::Function | SectionKind::Medical);
    is_about_health && party == Party::Institution(InstitutionKind::Employer)
}

/// What somebody is to be told who shares a whole section with a provider, a social enterprise or an employer, of
/// which the matrix gives them a part or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeyondMatrix {
    /// They receive a slice of it.
    OnlyASlice,
    /// They receive nothing of it.
    Nothing,
}

/// Whether a whole section is more than the matrix gives a provider, a social enterprise or an employer. What other
/// institutions receive beyond it rests on what a person decides.
pub fn beyond_matrix(section: &SectionKind, party: Party) -> Option<BeyondMatrix> {
    let Party::Institution(
        InstitutionKind::Provider | InstitutionKind::SocialEnterprise | InstitutionKind::Employer,
    ) = party
    else {
        return None;
    };
    match default_access(section, party)? {
        Access::Slice(_) | Access::SliceWithConsent(_) => Some(BeyondMatrix::OnlyASlice),
        Access::None => Some(BeyondMatrix::Nothing),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::PLAIN_SECTIONS;

    fn slice(code: &str) -> Option<Slice> {
        match SectionKind::from_code(code) {
            SectionKind::Slice(slice) => Some(*slice),
            _ => None,
        }
    }

    #[test]
    fn a_slice_is_named_by_its_section_whom_it_is_for_and_its_number() {
        for code in ["slice/core/holzbau/1", "slice/plan/ab-12/9999"] {
            let read = slice(code).unwrap();
            assert_eq!(read.to_string(), code);
            assert_eq!(SectionKind::parse(code).unwrap().code(), code);
        }
        let first = slice("slice/function/holzbau/1").unwrap();
        assert_eq!(first.of(), &SectionKind::Function);
        assert_eq!(first.institution().as_str(), "holzbau");
        let next = first.next().unwrap();
        assert_eq!(next.to_string(), "slice/function/holzbau/2");
        assert!(next.follows_or_precedes(&first) && next > first);
        assert!(slice("slice/plan/ab-12/9999").unwrap().next().is_none());
        let other = slice("slice/function/spital/2").unwrap();
        assert!(!next.follows_or_precedes(&other));
    }

    #[test]
    fn what_is_no_code_of_a_slice_is_of_a_newer_version() {
        for code in [
            "slice",
            "slice/core",
            "slice/core/holzbau",
            "slice/core/holzbau/",
            "slice/core/holzbau/0",
            "slice/core/holzbau/01",
            "slice/core/holzbau/+1",
            "slice/core/holzbau/10000",
            "slice/core/holzbau/1/2",
            "slice/core/holz bau/1",
            "slice/core//1",
            "slice/genetics/holzbau/1",
            "slice/slice/holzbau/1",
        ] {
            assert_eq!(slice(code), None, "{code}");
            assert_eq!(SectionKind::from_code(code).code(), code);
        }
    }

    #[test]
    fn there_are_slices_of_the_sections_that_the_matrix_slices_and_of_no_other() {
        let institution = InstitutionId::parse("holzbau").unwrap();
        let parties: Vec<Party> = InstitutionKind::ALL
            .iter()
            .map(|kind| Party::Institution(*kind))
            .chain([Party::Coach, Party::Lead])
            .collect();
        for section in PLAIN_SECTIONS {
            let mut of_matrix = parties.iter().map(|party| slice_rule(&section, *party));
            assert_eq!(
                Slice::first(&section, &institution).is_some(),
                of_matrix.any(|rule| rule.is_some()),
                "{section}"
            );
        }
        for never in [
            SectionKind::Ident,
            SectionKind::Medical,
            SectionKind::Social,
            SectionKind::Finance,
        ] {
            assert_eq!(Slice::first(&never, &institution), None, "{never}");
        }
    }

    #[test]
    fn employers_never_read_about_health_as_a_whole_and_others_by_the_matrix() {
        let employer = Party::Institution(InstitutionKind::Employer);
        let provider = Party::Institution(InstitutionKind::Provider);
        for section in PLAIN_SECTIONS {
            let health = matches!(section, SectionKind::Function | SectionKind::Medical);
            assert_eq!(is_never_whole(&section, employer), health, "{section}");
            assert!(!is_never_whole(&section, provider), "{section}");
        }
    }

    #[test]
    fn providers_and_employers_get_no_whole_section_that_the_matrix_gives_them_in_part_or_not_at_all()
     {
        let of = |kind| Party::Institution(kind);
        let (provider, employer) = (of(InstitutionKind::Provider), of(InstitutionKind::Employer));
        for party in [provider, of(InstitutionKind::SocialEnterprise), employer] {
            for section in [SectionKind::Core, SectionKind::Plan] {
                let says = beyond_matrix(&section, party);
                assert_eq!(says, Some(BeyondMatrix::OnlyASlice), "{section} {party:?}");
            }
            for section in [
                SectionKind::Journal,
                SectionKind::Social,
                SectionKind::Medical,
            ] {
                let says = beyond_matrix(&section, party);
                assert_eq!(says, Some(BeyondMatrix::Nothing), "{section} {party:?}");
            }
        }
        // A provider reads an assessment with a consent, and writes its measure.
        assert_eq!(beyond_matrix(&SectionKind::Function, provider), None);
        let measure = SectionKind::Measure("m1".into());
        assert_eq!(beyond_matrix(&measure, provider), None);
        // Control: who takes part in leading a case is no matter of this.
        for party in [of(InstitutionKind::Iv), Party::Coach, Party::Lead] {
            for section in PLAIN_SECTIONS {
                assert_eq!(beyond_matrix(&section, party), None, "{section} {party:?}");
            }
        }
    }
}
