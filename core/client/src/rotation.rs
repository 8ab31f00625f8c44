//! New epochs: what one carries, and rotating at once everything that somebody held.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::staleness;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Draft, Logs, NewEpoch, SpaceState, authority};
use serde::Serialize;

use crate::cases::hex;
use crate::directory::Directory;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::records::{self, Intent};
use crate::repair::can_act;
use crate::session::Progress;
use crate::transport::Transport;

/// What to rotate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// These spaces.
    Spaces(Vec<SpaceId>),
    /// Every space whose present key is one that a device had, by way of its person and that person's teams.
    HeldByDevice(DeviceId),
    /// The same for a person or a team.
    HeldBy(SpaceId),
    /// What a person held and does not open any more once they are out of a group.
    LostBy {
        /// The person.
        person: SpaceId,
        /// The group they leave, or have left.
        out_of: SpaceId,
    },
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RotationProgress {
    /// Spaces to rotate, all together.
    pub spaces: u64,
    /// Spaces rotated so far.
    pub rotated: u64,
}

/// A space whose key this device may not make anew: somebody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftToOthers {
    /// Hexadecimal space id.
    pub space: String,
    /// Hexadecimal case id, where it is a section whose label is known here.
    pub case: Option<String>,
    /// Section code, or the name of the person, team or institution; none where neither is known here.
    pub name: Option<String>,
    /// Who may make it, by name: teams and people that write there and have a device. Nobody where it is
    /// closed, and where its log is not here.
    pub writers: Vec<String>,
    /// Whether it is closed: nothing is written there, so it needs no new key.
    pub closed: bool,
}

/// What came of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RotationReport {
    /// Spaces that have a new key.
    pub rotated: u64,
    /// Spaces that wait for the next sync.
    pub left: u64,
    /// Spaces that this device may not rotate: their own writers do, at their next write.
    pub not_ours: u64,
}

/// A rotation at once, and the sync that it came with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// What came of it.
    pub keys: RotationReport,
    /// What else the sync has to tell a person, as [`crate::SyncReport::notices`].
    pub notices: Vec<String>,
}

impl Nahtlos {
    /// Whether nothing may be sealed under a space's present epoch.
    pub(crate) fn is_stale(&self, logs: &dyn Logs, state: &SpaceState) -> bool {
        staleness::is_stale(logs, state, &self.suspended_in(logs, state)).unwrap_or(true)
    }

    /// A draft that begins a new epoch; none where this device does not know what the space is.
    pub(crate) fn rotation(&self, state: &SpaceState) -> Option<Draft> {
        let epoch = self.next_epoch(state)?;
        Some(Draft::new().epoch(epoch))
    }

    /// The next epoch of a space, linked to the present one where its seed is held: otherwise
    /// earlier content waits for a colleague's device. A section's label is sealed anew; who does
    /// not know it has nothing to write there.
    pub(crate) fn next_epoch(&self, state: &SpaceState) -> Option<NewEpoch> {
        let label = match state.kind() {
            Kind::Section => Some(records::encode(&self.label(&state.id()).ok()?)),
            _ => None,
        };
        Some(NewEpoch {
            previous: self.seed_to_hand_on(state),
            label,
            ..self.fresh_epoch()
        })
    }

    /// Spaces that a rotation concerns and how many of them this device may rotate.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn preview_rotation(&self, rotation: &Rotation) -> Result<RotationReport, ClientError> {
        let (own, others) = self.spaces_to_rotate(rotation)?;
        Ok(RotationReport {
            rotated: 0,
            left: own.len() as u64,
            not_ours: others.len() as u64,
        })
    }

    /// Which of the spaces that a rotation concerns this device leaves to others, and to whom.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn left_to_others(&self, rotation: &Rotation) -> Result<Vec<LeftToOthers>, ClientError> {
        let (_, others) = self.spaces_to_rotate(rotation)?;
        let directory = self.shared_directory().unwrap_or_default();
        let logs = self.logs();
        let leaver = match rotation {
            Rotation::LostBy { person, .. } => Some(*person),
            _ => None,
        };
        let gone = match rotation {
            Rotation::HeldByDevice(device) => Some(*device),
            _ => None,
        };
        let acts = |member: &SpaceId| {
            Some(*member) != leaver && can_act(&logs, member, gone.as_ref(), &directory)
        };
        let mut lines = Vec::new();
        for space in others {
            let state = logs.load(&space)?;
            let label = self.label(&space).ok();
            let group = state.iter().find(|state| state.kind() != Kind::Section);
            lines.push(LeftToOthers {
                space: space.to_string(),
                case: label.as_ref().map(|label| hex(&label.case())),
                name: label
                    .map(|label| label.kind)
                    .or_else(|| group.map(|group| directory.name(&group.id()))),
                writers: state
                    .as_ref()
                    .map_or_else(Vec::new, |state| writers(state, acts, &directory)),
                closed: state.is_some_and(|state| state.closed_at().is_some()),
            });
        }
        Ok(lines)
    }

    /// Rotates at once. What is to be done is kept before anything is sent, so it goes on at the next
    /// sync where this one breaks off; each space is rotated whole or not at all, and one that was
    /// rotated by somebody else in between is left alone.
    ///
    /// # Errors
    /// As [`Nahtlos::sync`]; what is left stays to be done.
    pub fn rotate_now(
        &mut self,
        transport: &mut dyn Transport,
        rotation: &Rotation,
        progress: &mut dyn FnMut(RotationProgress),
    ) -> Result<Rotated, ClientError> {
        let (own, others) = self.spaces_to_rotate(rotation)?;
        let waiting: BTreeSet<SpaceId> = self.rotations_left()?.into_iter().collect();
        let mut decided = Vec::new();
        for space in own.iter().filter(|space| !waiting.contains(*space)) {
            let state = self.logs().load(space)?;
            let current = state.and_then(|state| Some(state.current_epoch()?.key_id));
            let intent = Intent::Rotate {
                space: *space,
                replaced: current,
            };
            decided.push(self.decision_about(intent, space)?);
        }
        // One durable commit for all of them.
        self.commit(|transaction| {
            decided
                .iter()
                .try_for_each(|record| put_intent(transaction, record))
        })?;
        let spaces = self.rotations_left()?.len() as u64;
        let mut told = |step: Progress| {
            let rotated = step.delivered.min(spaces);
            progress(RotationProgress { spaces, rotated });
        };
        let notices = self.sync(transport, &mut told)?.notices;
        let left = self.rotations_left()?.len() as u64;
        let keys = RotationReport {
            rotated: spaces.saturating_sub(left),
            left,
            not_ours: others.len() as u64,
        };
        Ok(Rotated { keys, notices })
    }

    /// Spaces whose rotation was decided and is not done.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn rotations_left(&self) -> Result<Vec<SpaceId>, ClientError> {
        let waiting = self.waiting_intents()?;
        Ok(waiting
            .iter()
            .filter_map(|record| match record.intent {
                Intent::Rotate { space, .. } => Some(space),
                _ => None,
            })
            .collect())
    }

    /// Whether a person opens a space by another way than by being in one group.
    fn opens_without(&self, space: &SpaceId, person: &SpaceId, group: &SpaceId) -> bool {
        if space == person {
            return true;
        }
        let Some(state) = self.logs().state(space).filter(|_| space != group) else {
            return false;
        };
        let holds = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let mut held = state.live_grants().filter(holds);
        held.any(|grant| match grant.member {
            MemberId::Space(member) => self.opens_without(&member, person, group),
            MemberId::Device(_) => false,
        })
    }

    /// Those this device may rotate, members first, and the others.
    fn spaces_to_rotate(
        &self,
        rotation: &Rotation,
    ) -> Result<(Vec<SpaceId>, Vec<SpaceId>), ClientError> {
        let concerned = match rotation {
            Rotation::Spaces(spaces) => spaces.iter().copied().collect(),
            Rotation::HeldBy(member) => self.with_all_above([*member])?,
            Rotation::LostBy { person, out_of } => {
                let mut held = self.with_all_above([*person])?;
                held.retain(|space| !self.opens_without(space, person, out_of));
                held
            }
            Rotation::HeldByDevice(device) => {
                let person = self.person_of_any_device(device)?;
                self.open_to_device(&person, device)?
            }
        };
        let logs = self.logs();
        let mut own = Vec::new();
        let mut others = Vec::new();
        for space in concerned {
            let Some(state) = logs.load(&space)? else {
                others.push(space);
                continue;
            };
            let right = authority::right(&logs, &self.device_id, &space);
            if right.at_least(Role::Write) && state.closed_at().is_none() {
                own.push((state.kind(), space));
            } else {
                others.push(space);
            }
        }
        own.sort_unstable();
        Ok((own.into_iter().map(|(_, space)| space).collect(), others))
    }
}

/// Who makes a space's keys, by name: of those who write there who has a device. A person's own devices do,
/// where it is a person. Who leaves makes none.
fn writers(
    state: &SpaceState,
    acts: impl Fn(&SpaceId) -> bool,
    directory: &Directory,
) -> Vec<String> {
    if state.kind() == Kind::Person {
        let own = acts(&state.id()).then(|| directory.person_name(&state.id()));
        return own.into_iter().collect();
    }
    if state.closed_at().is_some() {
        return Vec::new();
    }
    let writes =
        |grant: &&Grant| grant.is_confirmed() && matches!(grant.role, Role::Write | Role::Manage);
    let named = state.live_grants().filter(writes);
    let named: BTreeSet<String> = named
        .filter_map(|grant| match grant.member {
            MemberId::Space(member) if acts(&member) => Some(directory.name(&member)),
            MemberId::Space(_) | MemberId::Device(_) => None,
        })
        .collect();
    named.into_iter().collect()
}
