//! The default access matrix: what each party may do with a section before anybody decides otherwise.
//!
//! DOMAIN §3. An agreement or a consent narrows it; only a consent or a legal basis widens it. It is
//! what a grant is proposed from and `share explain` compares with; who can really read is decided by
//! keys alone.

use crate::role::InstitutionKind;
use crate::section::SectionKind;

/// A column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// The team that leads the case.
    Lead,
    /// A coach, whatever the institution.
    Coach,
    /// An institution that takes part, by its kind.
    Institution(InstitutionKind),
}

/// What the matrix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `W`: reads and writes.
    Write,
    /// `R`: reads.
    Read,
    /// `–`: nothing.
    None,
    /// `c`: reads only with a consent for that scope.
    ReadWithConsent,
    /// `l`: reads only on a legal basis; a consent does not replace it.
    ReadByLaw,
    /// Reads a slice: a document written for this party, holding a part of the section.
    Slice(SlicePart),
    /// A slice, and only with a consent for that scope.
    SliceWithConsent(SlicePart),
}

/// Which part of a section a slice holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlicePart {
    /// What a provider needs to know of `core`.
    Contact,
    /// The person's name.
    Name,
    /// Adaptations of the workplace, without capacity and limits.
    Adaptations,
    /// The party's own lines.
    OwnLines,
}

/// One row: lead, alv, iv, soz/asyl, biz/cmbb/triage, mig/int, uv/ktg, provider, employer, coach.
type Row = [Access; 10];

const W: Access = Access::Write;
const R: Access = Access::Read;
const N: Access = Access::None;
const C: Access = Access::ReadWithConsent;
const L: Access = Access::ReadByLaw;
const OWN: Access = Access::Slice(SlicePart::OwnLines);

const CORE: Row = [
    W,
    R,
    R,
    R,
    R,
    C,
    C,
    Access::Slice(SlicePart::Contact),
    Access::Slice(SlicePart::Name),
    R,
];
/// Never providers and employers (AHVG art. 153b–153d).
const IDENT: Row = [W, L, L, L, L, L, L, N, N, N];
const FUNCTION: Row = [
    W,
    C,
    W,
    C,
    C,
    N,
    C,
    C,
    Access::SliceWithConsent(SlicePart::Adaptations),
    C,
];
const PLAN: Row = [W, W, W, W, W, R, R, OWN, OWN, W];
const JOURNAL: Row = [W, W, W, W, W, W, R, N, N, W];
const TASKS: Row = [W, W, W, W, W, W, W, OWN, N, W];
const CONSENT: Row = [W, R, R, R, R, R, R, OWN, N, R];

/// The default for a party in one of the seven sections that have content; nothing for the others.
///
/// A kind of institution that has no column reads nothing by default.
pub fn default_access(section: &SectionKind, party: Party) -> Option<Access> {
    let row = match section {
        SectionKind::Core => &CORE,
        SectionKind::Ident => &IDENT,
        SectionKind::Function => &FUNCTION,
        SectionKind::Plan => &PLAN,
        SectionKind::Journal => &JOURNAL,
        SectionKind::Tasks => &TASKS,
        SectionKind::Consent => &CONSENT,
        _ => return None,
    };
    Some(
        column(party)
            .and_then(|column| row.get(column))
            .copied()
            .unwrap_or(Access::None),
    )
}

fn column(party: Party) -> Option<usize> {
    use InstitutionKind as Kind;
    Some(match party {
        Party::Lead => 0,
        Party::Institution(Kind::Alv) => 1,
        Party::Institution(Kind::Iv) => 2,
        Party::Institution(Kind::Soz | Kind::Asyl) => 3,
        Party::Institution(Kind::Biz | Kind::Cmbb | Kind::Triage) => 4,
        Party::Institution(Kind::Mig | Kind::Int) => 5,
        Party::Institution(Kind::Uv | Kind::Ktg) => 6,
        Party::Institution(Kind::Provider | Kind::SocialEnterprise) => 7,
        Party::Institution(Kind::Employer) => 8,
        Party::Coach => 9,
        Party::Institution(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::SECTIONS_WITH_CONTENT;

    /// The rows as DOMAIN §3 prints them.
    const PRINTED: [(SectionKind, [&str; 10]); 7] = [
        (
            SectionKind::Core,
            ["W", "R", "R", "R", "R", "c", "c", "slice", "name", "R"],
        ),
        (
            SectionKind::Ident,
            ["W", "l", "l", "l", "l", "l", "l", "–", "–", "–"],
        ),
        (
            SectionKind::Function,
            ["W", "c", "W", "c", "c", "–", "c", "c", "c adaptations", "c"],
        ),
        (
            SectionKind::Plan,
            ["W", "W", "W", "W", "W", "R", "R", "own", "own", "W"],
        ),
        (
            SectionKind::Journal,
            ["W", "W", "W", "W", "W", "W", "R", "–", "–", "W"],
        ),
        (
            SectionKind::Tasks,
            ["W", "W", "W", "W", "W", "W", "W", "own", "–", "W"],
        ),
        (
            SectionKind::Consent,
            ["W", "R", "R", "R", "R", "R", "R", "own", "–", "R"],
        ),
    ];

    const COLUMNS: [Party; 10] = [
        Party::Lead,
        Party::Institution(InstitutionKind::Alv),
        Party::Institution(InstitutionKind::Iv),
        Party::Institution(InstitutionKind::Soz),
        Party::Institution(InstitutionKind::Cmbb),
        Party::Institution(InstitutionKind::Int),
        Party::Institution(InstitutionKind::Uv),
        Party::Institution(InstitutionKind::Provider),
        Party::Institution(InstitutionKind::Employer),
        Party::Coach,
    ];

    fn printed(access: Access) -> &'static str {
        match access {
            Access::Write => "W",
            Access::Read => "R",
            Access::None => "–",
            Access::ReadWithConsent => "c",
            Access::ReadByLaw => "l",
            Access::Slice(SlicePart::Contact) => "slice",
            Access::Slice(SlicePart::Name) => "name",
            Access::Slice(SlicePart::OwnLines) => "own",
            Access::SliceWithConsent(SlicePart::Adaptations) => "c adaptations",
            other => panic!("not in the matrix: {other:?}"),
        }
    }

    #[test]
    fn the_matrix_is_the_domains() {
        assert_eq!(PRINTED.len(), SECTIONS_WITH_CONTENT.len());
        for (section, row) in PRINTED {
            for (party, expected) in COLUMNS.into_iter().zip(row) {
                let access = default_access(&section, party).unwrap();
                assert_eq!(printed(access), expected, "{section} {party:?}");
            }
        }
    }

    #[test]
    fn who_has_no_column_reads_nothing() {
        let steering = Party::Institution(InstitutionKind::Steuerung);
        for section in SECTIONS_WITH_CONTENT {
            assert_eq!(default_access(&section, steering), Some(Access::None));
        }
        assert_eq!(default_access(&SectionKind::Medical, Party::Lead), None);
    }
}
