//! The chain by which somebody sees a section, link by link: a consent or law, the grant that rests on it, the
//! key. Or the first link that is missing, and what to type for it.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::Stored;
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::view::ConsentView;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::state::{Grant, MemberId};
use serde::Serialize;

use super::GrantLine;
use crate::cases::Case;
use crate::consent::{consent_in, is_named, short_name};
use crate::enquiry::ENQUIRY_BASIS;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::opening::LEAD_BASIS;

/// One link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Whether it holds; none where this device cannot tell.
    pub holds: Option<bool>,
    /// In words.
    pub text: String,
}

/// From what a right rests on to the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The grant's id; none where there is no grant.
    pub id: Option<String>,
    /// The consent or law.
    pub basis: Link,
    /// The grant.
    pub grant: Link,
    /// The key of the section, wrapped to who holds the grant.
    pub key: Link,
}

impl Chain {
    /// The chain in one line.
    pub fn sentence(&self) -> String {
        let mark = |link: &Link| match link.holds {
            Some(true) => "",
            Some(false) => "missing: ",
            None => "not known here: ",
        };
        let [basis, grant, key] = [&self.basis, &self.grant, &self.key]
            .map(|link| format!("{}{}", mark(link), link.text));
        format!("Chain: {basis} → {grant} → {key}.")
    }
}

fn link(holds: impl Into<Option<bool>>, text: impl Into<String>) -> Link {
    Link {
        holds: holds.into(),
        text: text.into(),
    }
}

impl Nahtlos {
    /// The chain of every grant that leads to somebody; where there is none, what is missing.
    pub(crate) fn chains(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        state: &SpaceState,
        lines: &[GrantLine],
        bases: &LegalBases,
    ) -> Result<Vec<Chain>, ClientError> {
        // What this device cannot read of the ledger, it cannot judge.
        let ledger_is_here = case.sections.contains_key(&SectionKind::Consent)
            || self.require_home(case, "read the ledger").is_ok();
        let consents = self.known_consents(case).ok().filter(|_| ledger_is_here);
        if lines.is_empty() {
            return Ok(vec![self.nothing(kind, member, consents.as_ref())?]);
        }
        let chains = lines.iter().map(|line| {
            let granted = state
                .grants()
                .iter()
                .find(|known| known.id.to_string() == line.id);
            let holder = granted.map_or(*member, |grant| match grant.member {
                MemberId::Space(holder) => holder,
                MemberId::Device(_) => *member,
            });
            Ok(Chain {
                id: Some(line.id.clone()),
                basis: self.basis_link(kind, &holder, line, consents.as_ref(), bases)?,
                grant: grant_link(line),
                key: key_link_of(
                    granted,
                    granted.is_some_and(|grant| self.is_wrapped(state, &grant.member)),
                ),
            })
        });
        chains.collect()
    }

    fn basis_link(
        &self,
        kind: &SectionKind,
        holder: &SpaceId,
        line: &GrantLine,
        consents: Option<&ConsentView>,
        bases: &LegalBases,
    ) -> Result<Link, ClientError> {
        let Some(basis) = line.basis.as_deref() else {
            return Ok(link(None, "a consent or law that this device cannot open"));
        };
        if basis == LEAD_BASIS {
            return Ok(link(true, "the mandate of the team that opened the case"));
        }
        if basis == ENQUIRY_BASIS {
            return Ok(link(true, "an anonymous enquiry, which names nobody"));
        }
        let Some(name) = consent_in(basis) else {
            return Ok(match bases.find(basis) {
                Some(known) => link(true, format!("legal basis {} ({})", known.code, known.de)),
                None => link(
                    None,
                    format!("\"{basis}\", which is no law that is known here"),
                ),
            });
        };
        let Some(consents) = consents else {
            return Ok(link(None, basis));
        };
        let (member, today) = (crate::consent::member_id(holder)?, self.today()?);
        let coverage = consents.coverage();
        let mut about = coverage
            .iter()
            .filter(|coverage| is_named(coverage, name, kind, &member));
        let holds = about.clone().any(|coverage| coverage.is_in_force_on(today));
        let giver = about
            .next()
            .and_then(|coverage| consents.given(&coverage.consent)?.giver.as_ref())
            .map(Stored::to_string);
        Ok(match giver {
            Some(giver) => link(holds, format!("{basis} (given by: {giver})")),
            None => link(false, format!("consent {name} in the ledger")),
        })
    }

    /// What somebody lacks who holds no grant.
    fn nothing(
        &self,
        kind: &SectionKind,
        member: &SpaceId,
        consents: Option<&ConsentView>,
    ) -> Result<Chain, ClientError> {
        let today = self.today()?;
        let coverage = consents.map(ConsentView::coverage).unwrap_or_default();
        let covers = coverage.iter().find(|coverage| {
            let holder = SpaceId::from_hex(coverage.share.member.as_str());
            coverage.share.section == *kind
                && coverage.is_in_force_on(today)
                && holder.is_some_and(|holder| self.is_or_leads_to(&holder, member))
        });
        if self.slice_rule_for(kind, member)?.is_some() {
            let basis = match covers {
                Some(coverage) => link(true, format!("consent {}", short_name(&coverage.consent))),
                None => link(
                    false,
                    format!(
                        "a consent (`nahtlos consent give CASE --read {kind}=MEMBER --form FORM`) or a law"
                    ),
                ),
            };
            return Ok(Chain {
                id: None,
                basis,
                grant: link(
                    false,
                    format!(
                        "a grant of the section; the matrix gives them a part of it only: `nahtlos share slice CASE {kind} --to MEMBER`"
                    ),
                ),
                key: key_link_of(None, false),
            });
        }
        let (basis, grant) = match covers {
            Some(coverage) => {
                let name = short_name(&coverage.consent);
                let how = format!("a grant (`nahtlos share grant … --basis \"consent {name}\"`)");
                (link(true, format!("consent {name}")), how)
            }
            None => (
                link(
                    false,
                    format!(
                        "a consent (`nahtlos consent give CASE --read {kind}=MEMBER --form FORM`) or a law"
                    ),
                ),
                "a grant (with the consent; with a law `nahtlos share grant … --basis CODE`)"
                    .to_owned(),
            ),
        };
        Ok(Chain {
            id: None,
            basis,
            grant: link(false, grant),
            key: key_link_of(None, false),
        })
    }
}

fn key_link_of(grant: Option<&Grant>, is_wrapped: bool) -> Link {
    match (grant, is_wrapped) {
        (Some(_), true) => link(true, "the current key, wrapped to them"),
        (Some(_), false) => link(
            false,
            "the current key, which the next sync of who manages the section wraps to them",
        ),
        (None, _) => link(false, "the key, which goes out with the grant"),
    }
}

fn grant_link(line: &GrantLine) -> Link {
    let what = format!(
        "`{}` for {}, granted by {}",
        line.role, line.member, line.granted_by
    );
    match line.state {
        "live" => link(true, what),
        "waits_for_sync" => link(false, format!("{what}, which goes out with the next sync")),
        _ => link(false, format!("{what}, which waits to be confirmed")),
    }
}
