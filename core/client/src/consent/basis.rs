//! How a grant says that it rests on a consent. The basis is text, sealed with the grant; a program
//! of any version shows it as it stands.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Date, EntryId, Field, MemberId};
use nahtlos_casework::view::Coverage;

/// Characters of a consent's identifier that a basis names: 40 bits, for the consents of one case.
const NAMED_CHARS: usize = 8;

/// As much of a consent's identifier as people and bases name it by.
pub fn short_name(consent: &EntryId) -> String {
    consent.canonical().chars().take(NAMED_CHARS).collect()
}

/// The basis of a grant that rests on a consent.
pub(super) fn basis_on(consent: &EntryId, until: Option<Date>) -> String {
    let name = short_name(consent);
    until.map_or_else(
        || format!("consent {name}"),
        |until| format!("consent {name}, valid until {until}"),
    )
}

/// The consent that a basis names; none where it names a law, or a consent in words.
pub fn consent_in(basis: &str) -> Option<&str> {
    let rest = basis.strip_prefix("consent ")?;
    let name = rest.split(',').next()?;
    let is_named = name.len() == NAMED_CHARS
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte));
    is_named.then_some(name)
}

/// A basis without the last day that a consent had when the grant was made: the consent may have been narrowed or
/// extended since.
pub(crate) fn without_last_day(basis: &str) -> String {
    consent_in(basis).map_or_else(|| basis.to_owned(), |name| format!("consent {name}"))
}

/// Whether a grant with this basis rests on this consent.
pub(super) fn rests_on(basis: &str, consent: &EntryId) -> bool {
    consent_in(basis).is_some_and(|name| name == short_name(consent))
}

/// Whether this is the coverage that a basis names for somebody's right to a section or a slice of it, in force
/// or not.
pub(crate) fn is_named(
    coverage: &Coverage,
    name: &str,
    kind: &SectionKind,
    member: &MemberId,
) -> bool {
    short_name(&coverage.consent) == name
        && coverage.share.section == *kind.source()
        && coverage.share.member == *member
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_names_its_consent_and_no_other() {
        let (one, other) = (EntryId::from_random([7; 8]), EntryId::from_random([8; 8]));
        let until = Date::parse("31.12.2027").ok();
        for basis in [basis_on(&one, until), basis_on(&one, None)] {
            assert!(rests_on(&basis, &one), "{basis}");
            assert!(!rests_on(&basis, &other), "{basis}");
        }
        assert!(basis_on(&one, until).ends_with(", valid until 31.12.2027"));
    }

    #[test]
    fn a_law_or_a_consent_in_words_names_none() {
        for basis in [
            "IVG68bis2",
            "lead",
            "consent of 12.03.2027",
            "consent",
            "consent orallyok1",
            "no consent abcdefgh",
        ] {
            assert_eq!(consent_in(basis), None, "{basis}");
        }
        assert_eq!(consent_in("consent abcdefg2"), Some("abcdefg2"), "control");
    }
}
