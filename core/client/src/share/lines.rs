//! Grants as people read them: those that stand, and those that wait for the next sync.

use nahtlos_protocol::crypto::epoch_secret;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::state::{Grant, MemberId};
use serde::Serialize;

use crate::cases::Case;
use crate::directory::Directory;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;

/// A grant as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantLine {
    /// Hexadecimal grant id.
    pub id: String,
    /// `live`, `waits_for_sync`, `waits_for_confirmation` or `suspended`.
    pub state: &'static str,
    /// Who holds it: team or person.
    pub member: String,
    /// The member's institution.
    pub institution: String,
    /// Whether that one left the network: then this ends with the next sync of a device that manages the section.
    pub outside: bool,
    /// `read`, `write`, `manage`, `administer`.
    pub role: &'static str,
    /// Legal basis or consent, as stated by who granted; none where it cannot be opened.
    pub basis: Option<String>,
    /// Who granted it.
    pub granted_by: String,
    /// When, by that person's clock, Unix milliseconds.
    pub granted_at_ms: u64,
    /// Until when, Unix milliseconds.
    pub not_after_ms: Option<u64>,
    /// Whether the relay has it; a grant decided offline waits for the next sync.
    pub delivered: bool,
    /// People who read through it.
    pub people: Vec<String>,
}

/// One row of the sharing matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionShares {
    /// Section code.
    pub section: String,
    /// Its grants, with the roles as granted.
    pub grants: Vec<GrantLine>,
    /// Whether it is closed: then it is read, and who manages it can withdraw access, and no more.
    pub closed: bool,
    /// Why this device cannot open it, where it cannot.
    pub notice: Option<String>,
}

impl Nahtlos {
    /// Who can see which section, grants waiting for the next sync included.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn shares(&self, case: &Case) -> Result<Vec<SectionShares>, ClientError> {
        let directory = self.directory()?;
        let mut rows = Vec::new();
        for (kind, space) in &case.sections {
            let state = self.section_state(space)?;
            let mut grants: Vec<GrantLine> = state
                .live_grants()
                .map(|grant| self.grant_line(&state, grant, &directory))
                .collect();
            grants.extend(self.waiting_grants(space, &directory, |_, _| true)?);
            let notice = self
                .key_notice(space)
                .map(|notice| self.key_explanation(space, notice));
            rows.push(SectionShares {
                section: kind.code(),
                grants,
                closed: state.closed_at().is_some(),
                notice,
            });
        }
        Ok(rows)
    }

    pub(crate) fn grant_line(
        &self,
        state: &SpaceState,
        grant: &Grant,
        directory: &Directory,
    ) -> GrantLine {
        let (member, institution, people) = match grant.member {
            MemberId::Space(space) => {
                let institution = self
                    .confirmed_institution(&space)
                    .map_or_else(String::new, |id| directory.institution_name(&id));
                (
                    directory.name(&space),
                    institution,
                    self.people_beneath(&space, directory),
                )
            }
            MemberId::Device(device) => (device_name(&device), String::new(), Vec::new()),
        };
        let is_suspended = || self.suspended(state).contains(&grant.id);
        let outside = match grant.member {
            MemberId::Space(member) => self.is_outside(&member),
            MemberId::Device(_) => false,
        };
        GrantLine {
            id: grant.id.to_string(),
            outside,
            state: match grant.is_confirmed() {
                false => "waits_for_confirmation",
                true if is_suspended() => "suspended",
                true => "live",
            },
            member,
            institution,
            role: grant.role.word(),
            basis: self.open_basis(state, grant),
            granted_by: self
                .person_of_device(&grant.added_by, &state.id())
                .map_or_else(
                    || device_name(&grant.added_by),
                    |(person, _)| directory.person_name(&person),
                ),
            granted_at_ms: grant.claimed_at_ms,
            not_after_ms: grant.not_after_ms,
            delivered: true,
            people,
        }
    }

    pub(crate) fn open_basis(&self, state: &SpaceState, grant: &Grant) -> Option<String> {
        let sealed = grant.basis.as_deref()?;
        // Sealed under the epoch that was current when the grant was made.
        let epoch = state.epoch_at(grant.added_at.saturating_add(1))?;
        let seed = self.key_ring().open(&state.id(), &epoch.key_id).ok()?;
        let opened = epoch_secret::open_label(&seed, &grant.id.0, sealed).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }

    /// Grants of a section that wait for the next sync: those whose holder and basis are wanted.
    pub(crate) fn waiting_grants(
        &self,
        space: &SpaceId,
        directory: &Directory,
        is_wanted: impl Fn(&SpaceId, &str) -> bool,
    ) -> Result<Vec<GrantLine>, ClientError> {
        let mut lines = Vec::new();
        for record in self.waiting_intents()? {
            let Intent::Grant {
                space: wanted,
                grant,
                member,
                role,
                basis,
                not_after_ms,
                ..
            } = record.intent
            else {
                continue;
            };
            if wanted != *space || !is_wanted(&member, &basis) {
                continue;
            }
            lines.push(GrantLine {
                id: grant.to_string(),
                state: "waits_for_sync",
                member: directory.name(&member),
                institution: self
                    .confirmed_institution(&member)
                    .map_or_else(String::new, |id| directory.institution_name(&id)),
                outside: self.is_outside(&member),
                role: role.word(),
                basis: Some(basis),
                granted_by: directory.person_name(&self.person()?),
                granted_at_ms: record.decided_at_ms,
                not_after_ms,
                delivered: false,
                people: self.people_beneath(&member, directory),
            });
        }
        Ok(lines)
    }
}

fn device_name(device: &DeviceId) -> String {
    format!("device {}", Fingerprint::of(&device.0))
}
