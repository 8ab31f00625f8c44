//! Values of the consent ledger.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fields::{
    Digest, Direction, Field, FieldError, InstitutionId, LanguageCode, Line, MemberId, Name,
    Purpose, Recurrence, WithdrawalNotice,
};
use crate::section::SectionKind;

/// Shares one consent may cover.
const SCOPES_MAX: usize = 200;

/// Who gave a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Giver {
    /// The person whom the case is about.
    Client,
    /// Somebody who acts for them.
    Representative {
        /// That person's name.
        name: Name,
    },
}

/// One share a consent covers: a section for a team or a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConsentScope {
    /// The section.
    pub section: SectionKind,
    /// The team or person it is for.
    pub member: MemberId,
    /// The institution the member belongs to, as it was when the consent was given.
    pub institution: InstitutionId,
    /// What for; `coordination` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Which way it goes; not known where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// How a consent came about, beside who gave it and in what form. Each part may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentDetails {
    /// Once, or for as long as the consent holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// The language in which it was explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<LanguageCode>,
    /// Who interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Name>,
    /// SHA-256 of the scanned paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_sha256: Option<Digest>,
    /// Whether it was said that a consent can be withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawable_notice: Option<WithdrawalNotice>,
    /// Who was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Name>,
    /// Which form of words was used, with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Line>,
}

/// The shares a consent, or a withdrawal, covers: 1 to 200, each once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<ConsentScope>", into = "BTreeSet<ConsentScope>")]
pub struct ConsentScopes(BTreeSet<ConsentScope>);

impl ConsentScopes {
    /// From shares in any order.
    ///
    /// # Errors
    /// `empty` for none, `too_many` for more than 200.
    pub fn new(scopes: impl IntoIterator<Item = ConsentScope>) -> Result<Self, FieldError> {
        Self::try_from(scopes.into_iter().collect::<BTreeSet<_>>())
    }

    /// In a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &ConsentScope> {
        self.0.iter()
    }

    /// Whether this section is covered for this member.
    pub fn covers(&self, section: &SectionKind, member: &MemberId) -> bool {
        self.iter()
            .any(|scope| scope.section == *section && scope.member == *member)
    }

    /// These without others.
    #[must_use]
    pub fn without(&self, others: &Self) -> Vec<ConsentScope> {
        let rest = self.iter().filter(|scope| !others.contains(scope));
        rest.cloned().collect()
    }

    /// Whether exactly this share is among them.
    pub fn contains(&self, scope: &ConsentScope) -> bool {
        self.0.contains(scope)
    }
}

impl TryFrom<BTreeSet<ConsentScope>> for ConsentScopes {
    type Error = FieldError;

    fn try_from(scopes: BTreeSet<ConsentScope>) -> Result<Self, FieldError> {
        let (code, reason) = match scopes.len() {
            0 => ("empty", "it covers nothing"),
            1..=SCOPES_MAX => return Ok(Self(scopes)),
            _ => ("too_many", "it covers more than 200 shares"),
        };
        let remedy = "name at least one section for one team or person, and at most 200";
        Err(FieldError::new(Self::NAME, code, reason, remedy))
    }
}

impl From<ConsentScopes> for BTreeSet<ConsentScope> {
    fn from(scopes: ConsentScopes) -> Self {
        scopes.0
    }
}

super::record!(Giver, "giver");
super::record!(ConsentScopes, "scope");

impl fmt::Display for Giver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => formatter.write_str("client"),
            Self::Representative { name } => write!(formatter, "{name}, representative"),
        }
    }
}

impl fmt::Display for ConsentScopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares: Vec<String> = self
            .iter()
            .map(|scope| format!("{} for {}", scope.section, scope.member))
            .collect();
        formatter.write_str(&shares.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::refusal;

    #[test]
    fn shares_stand_once_and_in_one_order_whoever_typed_them() {
        let json = r#"[{"section":"function","member":"b2","institution":"iv"},{"section":"core","member":"b2","institution":"iv"},{"section":"core","member":"b2","institution":"iv"}]"#;
        let scopes = ConsentScopes::parse(json).unwrap();
        assert_eq!(scopes.to_string(), "core for b2, function for b2");
        assert_eq!(ConsentScopes::parse(&scopes.canonical()).unwrap(), scopes);
        let b2 = MemberId::parse("b2").unwrap();
        assert!(scopes.covers(&SectionKind::Core, &b2));
        assert!(!scopes.covers(&SectionKind::Plan, &b2));
    }

    #[test]
    fn a_consent_to_nothing_or_to_everything_at_once_is_refused() {
        let scope = |number: usize| ConsentScope {
            section: SectionKind::Core,
            member: MemberId::parse(&format!("m{number}")).unwrap(),
            institution: InstitutionId::parse("iv").unwrap(),
            purpose: None,
            direction: None,
        };
        assert_eq!(ConsentScopes::new([]).unwrap_err().code, "empty");
        assert!(ConsentScopes::new((0..SCOPES_MAX).map(scope)).is_ok());
        let many = ConsentScopes::new((0..=SCOPES_MAX).map(scope));
        assert_eq!(many.unwrap_err().code, "too_many");
        assert_eq!(refusal::<ConsentScopes>("[]"), "format");
    }

    #[test]
    fn a_representative_has_a_name_that_no_debugger_shows() {
        let json = r#"{"kind":"representative","name":"Lejla Hadžić"}"#;
        let giver = Giver::parse(json).unwrap();
        assert_eq!(giver.canonical(), json);
        assert_eq!(giver.to_string(), "Lejla Hadžić, representative");
        assert!(!format!("{giver:?}").contains("Lejla"));
        assert_eq!(Giver::Client.canonical(), r#"{"kind":"client"}"#);
        for wrong in [r#"{"kind":"representative"}"#, r#"{"kind":"neighbour"}"#] {
            assert_eq!(refusal::<Giver>(wrong), "format", "{wrong}");
        }
    }
}
