//! What rests on a consent: grants whose basis names it, and decisions that would make one.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::EntryId;
use nahtlos_casework::record::ConsentScope;
use nahtlos_protocol::identifier::{GrantId, Nonce, SpaceId};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState, authority};
use serde::Serialize;

use super::basis::{consent_in, is_named, rests_on};
use super::member_id;
use crate::cases::{Case, hex};
use crate::directory::Directory;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{Intent, IntentRecord};

/// What rests on a consent: in the sections that this device knows, and the sections that it does not know.
#[derive(Default)]
pub(super) struct AllResting {
    pub known: Vec<Resting>,
    unknown: Vec<SectionKind>,
}

impl AllResting {
    /// Decisions to grant that are dropped: one's own, so whoever manages the section.
    pub fn waiting(&self) -> impl Iterator<Item = &Nonce> {
        self.known.iter().flat_map(|resting| &resting.waiting)
    }
}

/// A section in which others end what rests on a consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftToOthers {
    /// Section code.
    pub section: String,
    /// Who manages it, each with the institution; nobody where the section is not known on this device.
    pub by: Vec<String>,
    /// How many rights stay until then; none where this device does not know.
    pub rights: Option<usize>,
}

/// What rests on a consent in one section.
pub(super) struct Resting {
    pub consent: EntryId,
    pub kind: SectionKind,
    pub space: SpaceId,
    pub members: BTreeSet<SpaceId>,
    pub live: Vec<GrantId>,
    /// Decisions to grant that were not carried out.
    pub waiting: Vec<Nonce>,
    /// Whether this device may end it, also in a closed section. Where not, others do.
    pub ends_here: bool,
}

impl Resting {
    /// What this device ends.
    pub fn ending(&self) -> &[GrantId] {
        match self.ends_here {
            true => &self.live,
            false => &[],
        }
    }
}

impl Nahtlos {
    /// What rests on a consent, in the sections of these shares. A section that this device does not manage,
    /// or does not know, is in nobody's way: each section is judged by itself.
    pub(super) fn resting_on<'a>(
        &self,
        case: &Case,
        consent: &EntryId,
        shares: impl IntoIterator<Item = &'a ConsentScope>,
    ) -> Result<AllResting, ClientError> {
        let mut members: BTreeMap<&SectionKind, BTreeSet<SpaceId>> = BTreeMap::new();
        for share in shares {
            let member = SpaceId::from_hex(share.member.as_str());
            members.entry(&share.section).or_default().extend(member);
        }
        let mut all = AllResting::default();
        let mut places = Vec::new();
        for (kind, members) in members {
            let space = case.sections.get(kind).copied();
            places.push((kind.clone(), space, members.clone()));
            for (slice, space) in self.slices_of(&case.id, kind)? {
                let slice = SectionKind::Slice(Box::new(slice));
                places.push((slice, Some(space), members.clone()));
            }
        }
        for (kind, space, members) in places {
            let state = space.map(|space| self.logs().load(&space)).transpose()?;
            let (Some(space), Some(state)) = (space, state.flatten()) else {
                all.unknown.push(kind);
                continue;
            };
            let ending = self.waiting_ends(&space)?;
            let live = state.live_grants().filter(|grant| {
                let basis = self.open_basis(&state, grant);
                matches!(grant.member, MemberId::Space(member) if members.contains(&member))
                    && basis.is_some_and(|basis| rests_on(&basis, consent))
                    && !ending.contains(&grant.id)
            });
            let live: Vec<GrantId> = live.map(|grant| grant.id).collect();
            let waiting = self.waiting_on(consent, &space, &members)?;
            if live.is_empty() && waiting.is_empty() && kind.as_slice().is_some() {
                continue;
            }
            let right = authority::right(&self.logs(), &self.device_id, &space);
            all.known.push(Resting {
                consent: *consent,
                kind,
                space,
                members,
                live,
                waiting,
                ends_here: right.changes_members(),
            });
        }
        Ok(all)
    }

    /// The sections in which others end what rests on a consent.
    pub(super) fn ends_left_to_others(
        &self,
        resting: &AllResting,
        directory: &Directory,
    ) -> Result<Vec<LeftToOthers>, ClientError> {
        let mut left = Vec::new();
        for resting in &resting.known {
            if resting.ends_here || resting.live.is_empty() {
                continue;
            }
            let state = self.section_state(&resting.space)?;
            left.push(LeftToOthers {
                section: resting.kind.code(),
                by: self.managers_who_can_act(&state, directory),
                rights: Some(resting.live.len()),
            });
        }
        left.extend(resting.unknown.iter().map(|kind| LeftToOthers {
            section: kind.code(),
            by: Vec::new(),
            rights: None,
        }));
        Ok(left)
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
            let mut about = coverage
                .iter()
                .filter(|coverage| is_named(coverage, name, &kind, &holder));
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

    /// The ends of what this device may end.
    pub(super) fn decisions_to_end(
        &self,
        resting: &AllResting,
        reason: Reason,
    ) -> Result<Vec<IntentRecord>, ClientError> {
        let ends = resting.known.iter().flat_map(|resting| {
            resting.ending().iter().map(|grant| {
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
