//! Who waits for somebody to stand for them: members that a keyless administrator added, additions
//! whose author's right had ended, and those whose past is still to be cut off.

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, GrantId, SpaceId};
use nahtlos_protocol::space::authority::View;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState, authority};
use serde::Serialize;

use crate::comparing::{WAITS_FOR_COMPARISON, is_read_out, words_of};
use crate::directory::Directory;
use crate::error::ClientError;
use crate::key_report::kind_word;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;

/// Whose words are compared where a device asks.
pub(crate) const DEVICE: &str = "device";

/// A grant that nothing is wrapped to until somebody stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingGrant {
    /// Hexadecimal grant id.
    pub grant: String,
    /// Hexadecimal space id.
    pub space: String,
    /// Name of the space, or section code.
    pub in_space: String,
    /// Kind of space.
    pub kind: &'static str,
    /// Who was added: a name, or whose new device it is.
    pub member: String,
    /// Fingerprint of the newcomer's device or space: to be compared with them by voice.
    pub fingerprint: String,
    /// The same as words.
    pub words: String,
    /// Whose they are: `device`, `person`, `team` or `institution`; somebody has words of several of them.
    pub words_of: &'static str,
    /// What they are to be allowed.
    pub role: &'static str,
    /// Who added them.
    pub added_by: String,
    /// When, by that person's clock, Unix milliseconds.
    pub added_at_ms: u64,
    /// `waits_for_confirmation`, `waits_for_cut`, `suspended`; `waits_for_second`, where it takes another
    /// administrator than who added them; or `waits_for_comparison`: they answered an invitation of this
    /// device, and stand in no log.
    pub reason: &'static str,
    /// Whether this device may confirm it.
    pub can_confirm: bool,
    /// Whether this device may refuse it.
    pub can_refuse: bool,
}

impl Nahtlos {
    /// Grants that wait for somebody to stand for them, in every space known here.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn waiting_members(&self) -> Result<Vec<WaitingGrant>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let mut waiting = self.waiting_newcomers()?;
        for space in self.spaces_known()? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            let suspended = self.suspended(&state);
            for grant in state.live_grants() {
                if !self.is_listed(grant, &state) {
                    continue;
                }
                let reason = match grant.is_confirmed() {
                    true if suspended.contains(&grant.id) => "suspended",
                    true => continue,
                    false if self.waits_for_second(grant, &state) => "waits_for_second",
                    false if Self::is_from_now(grant) => "waits_for_cut",
                    false => "waits_for_confirmation",
                };
                waiting.push(self.waiting_grant(&state, grant, reason, &directory)?);
            }
        }
        Ok(waiting)
    }

    /// Both grants of an administrator wait together, and one of them stands for both.
    fn is_listed(&self, grant: &Grant, state: &SpaceState) -> bool {
        if grant.role.holds_keys() {
            return true;
        }
        let together = self.waiting_together(&grant.id, state);
        !grant.is_confirmed() && together.len() < 2
    }

    /// Whether it takes another administrator than who added them.
    fn waits_for_second(&self, grant: &Grant, state: &SpaceState) -> bool {
        let from_above = state.kind() == Kind::Person
            && !has_device(&self.logs(), &state.id())
            && self.takes_two_for(state, &self.logs());
        from_above || self.takes_two(grant, state)
    }

    /// Stands for a grant, once the newcomer's fingerprint was compared with them by another way.
    /// Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where no such grant waits; [`ClientError::NoRight`];
    /// [`ClientError::OtherFingerprint`]: then somebody else was added than is thought.
    pub fn confirm(&mut self, grant: &str, fingerprint: &str) -> Result<WaitingGrant, ClientError> {
        let waiting = self.waiting_member(grant)?;
        if !waiting.can_confirm {
            return Err(not_yours("confirm this member"));
        }
        if !is_read_out(fingerprint, &waiting.fingerprint, &waiting.words) {
            return Err(ClientError::OtherFingerprint);
        }
        if waiting.reason == WAITS_FOR_COMPARISON {
            self.require_sending()?;
            self.note_compared(&waiting)?;
            return Ok(waiting);
        }
        let (space, grant) = parsed(&waiting)?;
        self.decide(Intent::Confirm { space, grant }, &space)?;
        Ok(waiting)
    }

    /// Refuses a grant that waits: it ends. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`].
    pub fn refuse(&mut self, grant: &str) -> Result<WaitingGrant, ClientError> {
        let waiting = self.waiting_member(grant)?;
        if !waiting.can_refuse {
            return Err(not_yours("refuse this member"));
        }
        if waiting.reason == WAITS_FOR_COMPARISON {
            self.refuse_newcomer(&waiting)?;
            return Ok(waiting);
        }
        let (space, grant) = parsed(&waiting)?;
        self.decide(Intent::Refuse { space, grant }, &space)?;
        Ok(waiting)
    }

    /// The space above `space` that lets this device confirm there: it may write in it, `space` is
    /// its member, it answers for `space`, and no device holds a key in `space` any more.
    pub(crate) fn writes_above(
        &self,
        space: &SpaceId,
        logs: &dyn Logs,
    ) -> Result<Option<SpaceId>, ClientError> {
        let Some(state) = logs.state(space).filter(|_| !has_device(logs, space)) else {
            return Ok(None);
        };
        Ok(self.spaces_above(space)?.into_iter().find(|above| {
            let right = authority::right(logs, &self.device_id, above);
            right.at_least(Role::Write)
                && logs.state(above).is_some_and(|above| {
                    let mut members = above.live_grants();
                    let is_member = members.any(|grant| {
                        grant.member == MemberId::Space(*space)
                            && grant.is_confirmed()
                            && grant.role.holds_keys()
                    });
                    is_member && state.is_answered_for_by(logs, &above, View::NEWEST)
                })
        }))
    }

    /// The person behind a device, from the logs beneath a space or beneath its guardian.
    pub(crate) fn person_in_or_above(&self, device: &DeviceId, space: &SpaceId) -> Option<SpaceId> {
        let guardian = self.logs().state(space).and_then(|state| state.guardian());
        let places = [Some(*space), guardian, self.device.network];
        places.into_iter().flatten().find_map(|space| {
            let (person, _) = self.person_of_device(device, &space)?;
            Some(person)
        })
    }

    /// People of one's institution, oneself among them.
    pub(crate) fn people_of_institution(&self) -> Result<Vec<SpaceId>, ClientError> {
        let institution = self.institution()?;
        let mut people = self.person_spaces_beneath(&institution);
        people.insert(self.person()?);
        // Who was a member of nothing but a team that was removed is still under its guardian.
        let known = self.spaces_known()?;
        for space in known {
            let state = self.logs().load(&space)?;
            let is_own = state.is_some_and(|state| {
                state.kind() == Kind::Person && state.guardian() == Some(institution)
            });
            if is_own {
                people.insert(space);
            }
        }
        Ok(people.into_iter().collect())
    }

    /// One's own person, team, institution and network, everything beneath them, and all sections.
    fn spaces_known(&self) -> Result<Vec<SpaceId>, ClientError> {
        let own = [
            self.device.person,
            self.device.team,
            self.device.institution,
            self.device.network,
        ];
        let mut known: std::collections::BTreeSet<SpaceId> = std::collections::BTreeSet::new();
        let mut waiting: Vec<SpaceId> = own.into_iter().flatten().collect();
        for case in self.case_lines()? {
            let sections = case.sections.values();
            waiting.extend(sections.filter_map(|space| SpaceId::from_hex(space)));
        }
        while let Some(space) = waiting.pop() {
            if known.insert(space)
                && let Some(state) = self.logs().load(&space)?
            {
                waiting.extend(state.live_grants().filter_map(|grant| match grant.member {
                    MemberId::Space(member) => Some(member),
                    MemberId::Device(_) => None,
                }));
            }
        }
        Ok(known.into_iter().collect())
    }

    fn waiting_member(&self, input: &str) -> Result<WaitingGrant, ClientError> {
        let wanted = input.trim().to_lowercase();
        let mut found = self.waiting_members()?;
        found.retain(|waiting| !wanted.is_empty() && waiting.grant.starts_with(&wanted));
        if found.len() > 1 {
            return Err(ClientError::Ambiguous {
                what: "grants",
                input: input.to_owned(),
                matches: found.into_iter().map(|waiting| waiting.grant).collect(),
            });
        }
        found.pop().ok_or_else(|| ClientError::NotFound {
            what: "grant that waits",
            input: input.to_owned(),
        })
    }

    fn waiting_grant(
        &self,
        state: &SpaceState,
        grant: &Grant,
        reason: &'static str,
        directory: &Directory,
    ) -> Result<WaitingGrant, ClientError> {
        let logs = self.logs();
        let space = state.id();
        let (member, id, words_of_whom) = match grant.member {
            MemberId::Space(member) => (
                directory.name(&member),
                member.0,
                logs.state(&member)
                    .map_or("team", |state| kind_word(state.kind())),
            ),
            MemberId::Device(device) => (
                format!("a new device of {}", directory.person_name(&space)),
                device.0,
                DEVICE,
            ),
        };
        let right = authority::right(&logs, &self.device_id, &space);
        let clears_doubt = grant.is_confirmed();
        let can_confirm = if clears_doubt {
            right.at_least(Role::Manage)
        } else if reason == "waits_for_second" {
            let inside =
                state.kind() == Kind::Institution || self.writes_above(&space, &logs)?.is_some();
            inside && self.is_second(grant, state, &logs)
        } else {
            right.at_least(Role::Write) || self.writes_above(&space, &logs)?.is_some()
        };
        Ok(WaitingGrant {
            grant: grant.id.to_string(),
            space: space.to_string(),
            in_space: match self.label(&space) {
                Ok(label) => label.kind,
                Err(_) => directory.name(&space),
            },
            kind: kind_word(state.kind()),
            member,
            fingerprint: Fingerprint::of(&id).to_string(),
            words: words_of(&id),
            words_of: words_of_whom,
            role: grant.role.word(),
            added_by: self
                .person_in_or_above(&grant.added_by, &space)
                .map_or_else(
                    || "somebody".into(),
                    |person| directory.person_name(&person),
                ),
            added_at_ms: grant.claimed_at_ms,
            reason,
            can_confirm,
            can_refuse: right.changes_members(),
        })
    }
}

/// Whether any device holds a key in a space or in one beneath it.
pub(crate) fn has_device(logs: &dyn Logs, space: &SpaceId) -> bool {
    logs.state(space).is_some_and(|state| {
        state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .any(|grant| match grant.member {
                MemberId::Device(_) => true,
                MemberId::Space(member) => has_device(logs, &member),
            })
    })
}

/// Whether anybody with a device is left in a team or is this person: somebody who can be asked to do
/// something. The device that is just being revoked is none, and neither is a recovery key, which acts only
/// through custodians.
pub(crate) fn can_act(
    logs: &dyn Logs,
    space: &SpaceId,
    gone: Option<&DeviceId>,
    directory: &Directory,
) -> bool {
    let card = directory.people.get(&space.to_string());
    if card.is_some_and(|card| card.recovery.is_some()) {
        return false;
    }
    logs.state(space).is_some_and(|state| {
        let holding = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let mut holders = state.live_grants().filter(holding);
        holders.any(|grant| match grant.member {
            MemberId::Device(device) => Some(&device) != gone,
            MemberId::Space(member) => can_act(logs, &member, gone, directory),
        })
    })
}

fn parsed(waiting: &WaitingGrant) -> Result<(SpaceId, GrantId), ClientError> {
    let space = SpaceId::from_hex(&waiting.space);
    let grant = GrantId::from_hex(&waiting.grant);
    space.zip(grant).ok_or_else(|| ClientError::NotFound {
        what: "grant that waits",
        input: waiting.grant.clone(),
    })
}

fn not_yours(action: &'static str) -> ClientError {
    ClientError::NoRight {
        action,
        reason: "somebody who may write there, or who manages it, has to".into(),
    }
}
