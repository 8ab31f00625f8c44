//! What rests on a consent: grants whose basis names it, and decisions that would make one.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::EntryId;
use nahtlos_casework::record::ConsentScopes;
use nahtlos_protocol::identifier::{GrantId, Nonce, SpaceId};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};

use super::basis::{consent_in, rests_on, short_name};
use super::member_id;
use super::withdrawal::WITHDRAW;
use crate::cases::{Case, hex};
use crate::ending::Reason;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{Intent, IntentRecord};

/// What rests on a consent in one section.
pub(super) struct Resting {
    pub consent: EntryId,
    pub kind: SectionKind,
    pub space: SpaceId,
    pub members: BTreeSet<SpaceId>,
    pub live: Vec<GrantId>,
    /// Decisions to grant that were not carried out.
    pub waiting: Vec<Nonce>,
}

impl Nahtlos {
    /// What rests on a consent, in the sections of this scope.
    pub(super) fn resting_on(
        &self,
        case: &Case,
        consent: &EntryId,
        scope: &ConsentScopes,
    ) -> Result<Vec<Resting>, ClientError> {
        let mut members: BTreeMap<&SectionKind, BTreeSet<SpaceId>> = BTreeMap::new();
        for share in scope.iter() {
            let member = SpaceId::from_hex(share.member.as_str());
            members.entry(&share.section).or_default().extend(member);
        }
        let mut places = Vec::new();
        for (kind, members) in members {
            places.push((kind.clone(), case.section(kind)?, members.clone()));
            for (slice, space) in self.slices_of(&case.id, kind)? {
                let slice = SectionKind::Slice(Box::new(slice));
                places.push((slice, space, members.clone()));
            }
        }
        let mut found = Vec::new();
        for (kind, space, members) in places {
            let state = self.section_state(&space)?;
            let ending = self.waiting_ends(&space)?;
            let live = state.live_grants().filter(|grant| {
                let basis = self.open_basis(&state, grant);
                matches!(grant.member, MemberId::Space(member) if members.contains(&member))
                    && basis.is_some_and(|basis| rests_on(&basis, consent))
                    && !ending.contains(&grant.id)
            });
            let live: Vec<GrantId> = live.map(|grant| grant.id).collect();
            let waiting = self.waiting_on(consent, &space, &members)?;
            if live.is_empty() && waiting.is_empty() {
                if kind.as_slice().is_some() {
                    continue;
                }
            } else {
                self.require_manager(&space, WITHDRAW)?;
            }
            found.push(Resting {
                consent: *consent,
                kind,
                space,
                members,
                live,
                waiting,
            });
        }
        Ok(found)
    }

    /// Grants whose end waits for the next sync already.
    fn waiting_ends(&self, section: &SpaceId) -> Result<BTreeSet<GrantId>, ClientError> {
        let waiting = self.waiting_intents()?;
        let ends = waiting.iter().filter_map(|record| match &record.intent {
            Intent::Remove {
                space,
                grant: Some(grant),
                ..
            } if space == section => Some(*grant),
            _ => None,
        });
        Ok(ends.collect())
    }

    /// The consent that holds no more whose right would go on if this decision to end it were dropped. None
    /// where another decision ends the right too, where it has ended, and where the ledger is not
    /// readable here.
    pub(crate) fn consent_that_forbids_dropping(
        &self,
        decision: &IntentRecord,
    ) -> Result<Option<String>, ClientError> {
        let Some(space) = decision.intent.space() else {
            return Ok(None);
        };
        let (Some(state), Ok(label)) = (self.logs().state(&space), self.label(&space)) else {
            return Ok(None);
        };
        let Ok(consents) = self.known_consents(&self.case(&hex(&label.case()))?) else {
            return Ok(None);
        };
        let (kind, coverage) = (SectionKind::from_code(&label.kind), consents.coverage());
        let today = self.today()?;
        let mut others = self.waiting_intents()?;
        others.retain(|other| other.id != decision.id);
        for grant in state.live_grants() {
            let MemberId::Space(member) = grant.member else {
                continue;
            };
            let ends_too = others
                .iter()
                .any(|other| ends(&other.intent, &space, grant));
            if ends_too || !ends(&decision.intent, &space, grant) {
                continue;
            }
            let basis = self.open_basis(&state, grant);
            let Some(name) = basis.as_deref().and_then(consent_in) else {
                continue;
            };
            let holder = member_id(&member)?;
            let mut about = coverage.iter().filter(|coverage| {
                coverage.share.section == *kind.source()
                    && coverage.share.member == holder
                    && short_name(&coverage.consent) == name
            });
            let is_known = about.clone().next().is_some();
            if is_known && !about.any(|coverage| coverage.is_in_force_on(today)) {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    /// Decisions to grant that rest on a consent and are not carried out, those that came back
    /// included: a person must not be able to take them again.
    fn waiting_on(
        &self,
        consent: &EntryId,
        section: &SpaceId,
        members: &BTreeSet<SpaceId>,
    ) -> Result<Vec<Nonce>, ClientError> {
        let mut records = self.waiting_intents()?;
        records.extend(
            self.returned_decisions()?
                .into_iter()
                .map(|returned| returned.record),
        );
        records.retain(|record| match &record.intent {
            Intent::Grant {
                space,
                member,
                basis,
                ..
            } => space == section && members.contains(member) && rests_on(basis, consent),
            _ => false,
        });
        Ok(records.iter().map(|record| record.id).collect())
    }

    pub(super) fn decisions_to_end(
        &self,
        resting: &[Resting],
        reason: Reason,
    ) -> Result<Vec<IntentRecord>, ClientError> {
        let ends = resting.iter().flat_map(|resting| {
            resting.live.iter().map(|grant| {
                let intent = Intent::Remove {
                    space: resting.space,
                    grant: Some(*grant),
                    member: None,
                    reason: reason.code(),
                };
                self.decision_about(intent, &resting.space)
            })
        });
        ends.collect()
    }

    /// People who read by these grants.
    pub(super) fn readers_by(&self, grants: &[&Grant]) -> BTreeSet<SpaceId> {
        let keyed = grants.iter().filter(|grant| grant.role.holds_keys());
        keyed
            .filter_map(|grant| match grant.member {
                MemberId::Space(member) => Some(self.person_spaces_beneath(&member)),
                MemberId::Device(_) => None,
            })
            .flatten()
            .collect()
    }

    pub(super) fn unreadable(&self, state: &SpaceState, resting: &Resting) -> usize {
        let of_members = state.live_grants().filter(
            |grant| matches!(grant.member, MemberId::Space(member) if resting.members.contains(&member)),
        );
        let hidden = of_members
            .filter(|grant| grant.basis.is_some() && self.open_basis(state, grant).is_none());
        hidden.count()
    }
}

/// Whether an intent ends this grant of this space.
fn ends(intent: &Intent, space: &SpaceId, known: &Grant) -> bool {
    let Intent::Remove {
        space: named,
        grant,
        member,
        ..
    } = intent
    else {
        return false;
    };
    let by_member = member.is_some_and(|member| member == known.member.recipient());
    named == space && (*grant == Some(known.id) || by_member)
}
