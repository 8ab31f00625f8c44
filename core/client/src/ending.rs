//! Ending rights: withdraw a section, remove a person from a team, revoke a device, change a role,
//! close a section. Each is decided now and carried out at the next sync, and each can first say
//! what it would do.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, GrantId, RecipientId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{SpaceState, authority};
use serde::Serialize;

use crate::cases::Case;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;
use crate::share::GrantLine;

/// Why the last path with `manage` stays, and what to do.
pub(crate) const LAST_MANAGER: &str =
    "it would end the last `manage` here: grant `manage` to somebody else first";

/// What the end of any right means for whom it ends: the one wording of it, wherever it is said.
pub const WHAT_STAYS_READABLE: &str = "What was delivered to them before stays readable to them. What \
    is sealed after the relay has the end of their right is not: the key is renewed with the next edit \
    at the latest, at once with `nahtlos key rotate`.";

/// The same, where the keys are renewed in the same run.
pub const WHAT_STAYS_READABLE_NOW: &str = "What was delivered to them before stays readable to them. What \
    is sealed after the relay has the end of their right is not.";

/// Why a right ends, as a code that stands in the log in clear: nothing about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not stated.
    Unstated,
    /// Left the team or institution.
    Left,
    /// The device is lost or stolen.
    DeviceLost,
    /// The consent was withdrawn.
    ConsentWithdrawn,
    /// The legal basis ended.
    BasisEnded,
    /// The case is closed.
    CaseClosed,
    /// Conflict of interest.
    ConflictOfInterest,
    /// Somebody else took over.
    Replaced,
    /// A key or device is in wrong hands.
    Compromised,
}

impl Reason {
    /// Every reason, by its code.
    pub const ALL: [Self; 9] = [
        Self::Unstated,
        Self::Left,
        Self::DeviceLost,
        Self::ConsentWithdrawn,
        Self::BasisEnded,
        Self::CaseClosed,
        Self::ConflictOfInterest,
        Self::Replaced,
        Self::Compromised,
    ];

    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unstated => "unstated",
            Self::Left => "left",
            Self::DeviceLost => "device_lost",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::BasisEnded => "basis_ended",
            Self::CaseClosed => "case_closed",
            Self::ConflictOfInterest => "conflict_of_interest",
            Self::Replaced => "replaced",
            Self::Compromised => "compromised",
        }
    }

    /// The reason of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }

    /// The reason of this code; none for one that this version does not know.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    pub(crate) fn code(self) -> u8 {
        let place = Self::ALL.iter().position(|reason| *reason == self);
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(0)
    }
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// One grant of a section or group; others of the same member stand.
    Grant(SpaceId, GrantId),
    /// Every grant of a team, person or institution there.
    Member(SpaceId, SpaceId),
    /// A device of a person.
    Device(SpaceId, DeviceId),
}

/// What ending a right would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndPreview {
    /// Who holds what ends: team, person, institution, or a device's fingerprint.
    pub member: String,
    /// Section code, or the name of the group or person.
    pub from: String,
    /// The grants that end.
    pub ends: Vec<GrantLine>,
    /// Grants by which the same member still has a right there.
    pub stands: Vec<GrantLine>,
    /// People who can read now and will not read what is written from then on.
    pub lose: Vec<String>,
    /// What stays possible and what does not, in words.
    pub sentences: Vec<String>,
}

impl Nahtlos {
    /// What withdrawing, removing or revoking would do; refused where it is not possible.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`], [`ClientError::LastManager`].
    pub fn preview_end(&self, ending: &Ending) -> Result<EndPreview, ClientError> {
        let state = self.ending_state(ending)?;
        let directory = self.directory()?;
        let (ends, stands): (Vec<&Grant>, Vec<&Grant>) = state
            .live_grants()
            .filter(|grant| ending.is_about(&state, grant))
            .partition(|grant| ending.names(grant));
        let lines = |grants: &[&Grant]| {
            let lines = grants.iter();
            lines
                .map(|grant| self.grant_line(&state, grant, &directory))
                .collect()
        };
        let readers = |without: bool| -> BTreeSet<SpaceId> {
            let kept = state.live_grants().filter(|grant| grant.role.holds_keys());
            kept.filter(|grant| !(without && ending.names(grant)))
                .filter_map(|grant| match grant.member {
                    MemberId::Space(member) => Some(self.person_spaces_beneath(&member)),
                    MemberId::Device(_) => None,
                })
                .flatten()
                .collect()
        };
        let after = readers(true);
        let lost = readers(false);
        let lost = lost.difference(&after);
        let lose: Vec<String> = lost.map(|person| directory.person_name(person)).collect();
        let member = match ends.first().map(|grant| grant.member) {
            Some(MemberId::Space(member)) => directory.name(&member),
            Some(MemberId::Device(device)) => Fingerprint::of(&device.0).to_string(),
            None => String::new(),
        };
        let from = match self.label(&state.id()) {
            Ok(label) => label.kind,
            Err(_) => directory.name(&state.id()),
        };
        Ok(EndPreview {
            sentences: end_sentences(&member, &stands, &lose),
            ends: lines(&ends),
            stands: lines(&stands),
            member,
            from,
            lose,
        })
    }

    /// Withdraws, removes or revokes. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::preview_end`].
    pub fn end(&mut self, ending: &Ending, reason: Reason) -> Result<(), ClientError> {
        let space = self.ending_state(ending)?.id();
        let (grant, member) = match ending {
            Ending::Grant(_, grant) => (Some(*grant), None),
            Ending::Member(_, member) => (None, Some(RecipientId::from(*member))),
            Ending::Device(_, device) => (None, Some(RecipientId::from(*device))),
        };
        let intent = Intent::Remove {
            space,
            grant,
            member,
            reason: reason.code(),
        };
        if self.is_end_waiting(&intent)? {
            return Ok(());
        }
        self.decide(intent, &space)
    }

    /// Whether the very same end waits for the next sync: whoever says it again offline says it once.
    fn is_end_waiting(&self, intent: &Intent) -> Result<bool, ClientError> {
        let waiting = self.waiting_intents()?;
        Ok(waiting.iter().any(|record| match (&record.intent, intent) {
            (
                Intent::Remove {
                    space,
                    grant,
                    member,
                    reason,
                },
                Intent::Remove {
                    space: other_space,
                    grant: other_grant,
                    member: other_member,
                    reason: other_reason,
                },
            ) => {
                (space, grant, member, reason)
                    == (other_space, other_grant, other_member, other_reason)
            }
            _ => false,
        }))
    }

    /// What withdrawing a section from a team or person is called here.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the case has no such section here.
    pub fn withdrawal(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<Ending, ClientError> {
        Ok(Ending::Member(case.section(kind)?, *member))
    }

    /// What revoking a device is called here, by the beginning of its id or its fingerprint, among
    /// the devices that stand in one's institution, those of people who left it included.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn device_to_revoke(&self, input: &str) -> Result<Ending, ClientError> {
        let wanted = input.trim().to_lowercase();
        let mut found = Vec::new();
        for person in self.people_ever_of_institution()? {
            let Some(state) = self.logs().load(&person)? else {
                continue;
            };
            for grant in state.live_grants() {
                if let MemberId::Device(device) = grant.member {
                    let fingerprint = Fingerprint::of(&device.0).to_string().to_lowercase();
                    let named =
                        device.to_string().starts_with(&wanted) || fingerprint.starts_with(&wanted);
                    if named && wanted.len() >= 4 {
                        found.push((person, device));
                    }
                }
            }
        }
        match found.as_slice() {
            [(person, device)] => Ok(Ending::Device(*person, *device)),
            [] => Err(ClientError::NotFound {
                what: "device",
                input: input.to_owned(),
            }),
            several => Err(ClientError::Ambiguous {
                what: "devices",
                input: input.to_owned(),
                matches: several
                    .iter()
                    .map(|(_, device)| Fingerprint::of(&device.0).to_string())
                    .collect(),
            }),
        }
    }

    /// Lets a grant allow more or less. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where no such grant stands, [`ClientError::NoRight`],
    /// [`ClientError::LastManager`].
    pub fn set_role(
        &mut self,
        space: &SpaceId,
        grant: &GrantId,
        role: Role,
    ) -> Result<(), ClientError> {
        self.check_role(space, &[*grant], role)?;
        let intent = Intent::SetRole {
            space: *space,
            grant: *grant,
            role,
        };
        self.decide(intent, space)
    }

    /// Whether these grants together may be given another role here.
    ///
    /// # Errors
    /// As [`Self::set_role`].
    pub fn check_role(
        &self,
        space: &SpaceId,
        grants: &[GrantId],
        role: Role,
    ) -> Result<(), ClientError> {
        let state = self.known_space(space)?;
        for grant in grants {
            self.check_role_of(&state, grant, role)?;
        }
        let changed = |other: &Grant| grants.contains(&other.id);
        if role < Role::Manage && !is_managed_without(&state, changed) {
            return Err(ClientError::LastManager);
        }
        Ok(())
    }

    fn check_role_of(
        &self,
        state: &SpaceState,
        grant: &GrantId,
        role: Role,
    ) -> Result<(), ClientError> {
        let (space, length) = (&state.id(), state.length());
        let known = state.grant(grant).filter(|known| known.is_live_at(length));
        let known = known.ok_or_else(|| no_such_grant(&grant.to_string()))?;
        if known.role.holds_keys() != role.holds_keys() {
            return Err(ClientError::NoRight {
                action: "change this role",
                reason: "`administer` holds no key: end one grant and make another".into(),
            });
        }
        if role <= known.role {
            return self.require_member_changer(space, "reduce this role");
        }
        self.require_manager(space, "raise this role")?;
        let label = self.label(space).ok().map(|label| label.kind);
        let kind = label.map(|code| SectionKind::from_code(&code));
        if kind.is_some_and(|kind| kind.as_slice().is_some()) {
            return Err(ClientError::NoRight {
                action: "raise this role",
                reason: "a slice is read by whom it was written for, and written by nobody there"
                    .into(),
            });
        }
        Ok(())
    }

    /// The grants by which somebody is a member of a team, strongest first.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where this device does not know the team.
    pub fn memberships(
        &self,
        team: &SpaceId,
        member: &SpaceId,
    ) -> Result<Vec<GrantLine>, ClientError> {
        let state = self.known_space(team)?;
        let directory = self.directory()?;
        let mut own: Vec<&Grant> = state
            .live_grants()
            .filter(|grant| grant.member == MemberId::Space(*member))
            .collect();
        own.sort_by_key(|grant| std::cmp::Reverse(grant.role));
        Ok(own
            .into_iter()
            .map(|grant| self.grant_line(&state, grant, &directory))
            .collect())
    }

    /// Closes a section: from then on it is read, not written; access can still be withdrawn. What
    /// was typed here before goes out first.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`].
    pub fn close_section(&mut self, case: &Case, kind: &SectionKind) -> Result<(), ClientError> {
        let space = case.section(kind)?;
        self.require_manager(&space, "close this section")?;
        self.decide(Intent::Close { space }, &space)
    }

    /// Whether this device may close a section.
    ///
    /// # Errors
    /// As [`Self::close_section`].
    pub fn check_close(&self, case: &Case, kind: &SectionKind) -> Result<(), ClientError> {
        self.require_manager(&case.section(kind)?, "close this section")
    }

    /// The space whose right ends, once it is sure that this device may end it.
    fn ending_state(&self, ending: &Ending) -> Result<std::sync::Arc<SpaceState>, ClientError> {
        let space = match ending {
            Ending::Grant(space, _) | Ending::Member(space, _) | Ending::Device(space, _) => space,
        };
        let state = self.known_space(space)?;
        self.require_member_changer(space, action_of(state.kind()))?;
        if !state.live_grants().any(|grant| ending.names(grant)) {
            return Err(no_such_grant(&ending.input()));
        }
        if !is_managed_without(&state, |grant| ending.names(grant)) {
            return Err(ClientError::LastManager);
        }
        Ok(state)
    }

    fn known_space(&self, space: &SpaceId) -> Result<std::sync::Arc<SpaceState>, ClientError> {
        self.logs()
            .load(space)?
            .ok_or_else(|| ClientError::NotFound {
                what: "space",
                input: space.to_string(),
            })
    }

    pub(crate) fn require_member_changer(
        &self,
        space: &SpaceId,
        action: &'static str,
    ) -> Result<(), ClientError> {
        if authority::right(&self.logs(), &self.device_id, space).changes_members() {
            return Ok(());
        }
        self.require_manager(space, action)
    }
}

/// What is refused to who has no right to it.
fn action_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Section => "end this right",
        Kind::Person => "end the right of a device",
        Kind::Team | Kind::Institution | Kind::Network => "remove somebody from this group",
    }
}

impl Ending {
    /// Whether this grant ends.
    fn names(&self, grant: &Grant) -> bool {
        match self {
            Self::Grant(_, id) => grant.id == *id,
            Self::Member(_, member) => grant.member == MemberId::Space(*member),
            Self::Device(_, device) => grant.member == MemberId::Device(*device),
        }
    }

    /// Whether a grant is for the member this is about.
    fn is_about(&self, state: &SpaceState, grant: &Grant) -> bool {
        match self {
            Self::Grant(_, id) => state
                .grant(id)
                .is_some_and(|named| named.member == grant.member),
            _ => self.names(grant),
        }
    }

    fn input(&self) -> String {
        match self {
            Self::Grant(_, grant) => grant.to_string(),
            Self::Member(_, member) => member.to_string(),
            Self::Device(_, device) => device.to_string(),
        }
    }
}

fn end_sentences(member: &str, stands: &[&Grant], lose: &[String]) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(strongest) = stands.iter().map(|grant| grant.role).max() {
        sentences.push(format!(
            "{member} may still {} by {} that stands: a member keeps its strongest live grant.",
            strongest.word(),
            if stands.len() == 1 {
                "a grant"
            } else {
                "grants"
            }
        ));
    }
    if !lose.is_empty() {
        sentences.push(format!("Will no longer read on: {}.", lose.join(", ")));
    }
    sentences.push(WHAT_STAYS_READABLE.into());
    sentences
}

/// Whether somebody still manages a space once some grants are gone. A person's space is the
/// exception: the only device of somebody may be lost, and must be revocable.
pub(crate) fn is_managed_without(state: &SpaceState, gone: impl Fn(&Grant) -> bool) -> bool {
    let manages = |grant: &&Grant| grant.is_confirmed() && grant.role == Role::Manage;
    let mut before = state.live_grants().filter(manages);
    let mut after = state.live_grants().filter(manages);
    state.kind() == Kind::Person || before.next().is_none() || after.any(|grant| !gone(grant))
}

fn no_such_grant(input: &str) -> ClientError {
    ClientError::NotFound {
        what: "grant",
        input: input.to_owned(),
    }
}
