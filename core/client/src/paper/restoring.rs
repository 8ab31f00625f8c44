//! Bringing a person back: the paper's words make its device once more, for one errand. It learns from
//! the relay who it is, reads what the person reads, and lets this new device in as any device of the
//! person lets in a further one.

use std::path::Path;

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::identifier::{RecipientId, SpaceId};
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::effect::{Effect, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::wire::paper::PaperText;

use crate::borrowed::{Borrowed, Place};
use crate::devices::DeviceLine;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::session::Progress;
use crate::transport::Transport;
use crate::vault::Collection;

/// A person who is back.
#[derive(Clone, Debug)]
pub struct BroughtBack {
    /// Who.
    pub person: String,
    /// Their other devices that are not revoked, the paper among them.
    pub others: Vec<DeviceLine>,
    /// What the syncs said.
    pub notices: Vec<String>,
}

/// Whose device this is, by the logs.
pub(crate) struct Belonging {
    pub person: SpaceId,
    pub institution: SpaceId,
    pub team: SpaceId,
}

impl Nahtlos {
    /// Makes this new device one of the person whose paper it is, under a name that may be empty. `home`
    /// is this device's own; nothing of the paper stays in it. What was interrupted is taken up by the
    /// same call.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`]; [`ClientError::PaperUnknown`], [`ClientError::PaperRevoked`],
    /// [`ClientError::NoRight`] where the person belongs to nobody any more; as [`Nahtlos::sync`] and
    /// [`Nahtlos::join_as_device`].
    pub fn restore_by_paper(
        &mut self,
        home: &Path,
        seed: &DeviceSeed,
        text: &PaperText,
        name: &str,
        transport: &mut dyn Transport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<BroughtBack, ClientError> {
        self.require_not_restored()?;
        if self.device.admitted {
            return Err(ClientError::AlreadyEnrolled);
        }
        let place = Place {
            url: text.url.clone(),
            relay: text.relay,
            network: text.network,
        };
        let mut borrowed = Borrowed::open(home, seed, &place)?;
        let paper = borrowed.replica()?;
        paper.take_clock_of(self);
        match paper.sync(transport, progress) {
            Err(ClientError::NotAdmitted) => return Err(ClientError::PaperUnknown),
            other => other?,
        };
        let belonging = paper.own_belonging()?;
        paper.be_who(belonging.person, belonging.institution, belonging.team)?;
        let invitation = paper.invite_device()?;
        // Both devices are in this hand: nobody's words are to be compared.
        paper.note_own_newcomer(&invitation, self.device_id)?;
        paper.sync(transport, progress)?;
        self.join_as_device(transport, &invitation, name)?;
        let mut notices = paper.sync(transport, progress)?.notices;
        notices.extend(self.sync(transport, progress)?.notices);
        let person = self.directory()?.person_name(&belonging.person);
        let mut others = self.devices()?;
        others.retain(|line| line.person == person && line.state == "live" && !line.this);
        Ok(BroughtBack {
            person,
            others,
            notices,
        })
    }

    /// Whose device this is. A device signed the admission to its person itself, the person's founding
    /// names the institution, and its log the teams.
    pub(crate) fn own_belonging(&self) -> Result<Belonging, ClientError> {
        let mut person = None;
        for (_, bytes) in self.vault.list_all(Collection::Operation)? {
            let Ok(signed) = SignedOperation::decode(&bytes) else {
                continue;
            };
            if signed
                .operation()
                .effects
                .iter()
                .any(|effect| self.is_own_admission(effect))
            {
                person = Some(signed.space());
            }
        }
        let Some(state) = person.and_then(|person| self.logs().state(&person)) else {
            // The relay knows it, and serves it nothing but its own end.
            return Err(if self.is_told_of_its_end()? {
                ClientError::PaperRevoked
            } else {
                ClientError::PaperUnknown
            });
        };
        let own = MemberId::Device(self.device_id);
        if !state.live_grants().any(|grant| grant.member == own) {
            return Err(ClientError::PaperRevoked);
        }
        let team = match state.guardian() {
            Some(institution) => self.team_of_person(&state.id(), &institution)?,
            None => None,
        };
        match (state.guardian(), team) {
            (Some(institution), Some(team)) => Ok(Belonging {
                person: state.id(),
                institution,
                team,
            }),
            _ => Err(ClientError::NoRight {
                action: "come back",
                reason: "the person of this paper belongs to no team of an institution any more"
                    .into(),
            }),
        }
    }

    fn is_own_admission(&self, effect: &Effect) -> bool {
        let Effect::Add {
            member: Member::Device { keys, .. },
            ..
        } = effect
        else {
            return false;
        };
        keys.device_id() == self.device_id
    }

    /// Whether an operation that waits for its log ends this device.
    fn is_told_of_its_end(&self) -> Result<bool, ClientError> {
        let own = Some(RecipientId::from(self.device_id));
        let waiting = self.waiting_operations()?;
        let mut effects = waiting
            .iter()
            .flat_map(|(signed, _)| &signed.operation().effects);
        Ok(effects.any(|effect| matches!(effect, Effect::Remove { member, .. } if *member == own)))
    }

    /// The team of the person's card, where they are in it still; else the one with the strongest role.
    pub(crate) fn team_of_person(
        &self,
        person: &SpaceId,
        institution: &SpaceId,
    ) -> Result<Option<SpaceId>, ClientError> {
        let mut teams: Vec<(Role, SpaceId)> = Vec::new();
        for above in self.spaces_above(person)? {
            let Some(state) = self.logs().load(&above)? else {
                continue;
            };
            if state.kind() != Kind::Team || state.guardian() != Some(*institution) {
                continue;
            }
            let member = MemberId::Space(*person);
            let own = state.live_grants().filter(|grant| grant.member == member);
            let roles = own.filter(|grant| grant.is_confirmed() && grant.role.holds_keys());
            teams.extend(
                roles
                    .map(|grant| grant.role)
                    .max()
                    .map(|role| (role, above)),
            );
        }
        let directory = self.shared_directory()?;
        let card = directory.people.get(&person.to_string());
        let named = card.and_then(|card| SpaceId::from_hex(card.team.as_deref()?));
        let is_in = |team: &SpaceId| teams.iter().any(|(_, known)| known == team);
        let strongest = teams.iter().max().map(|(_, team)| *team);
        Ok(named.filter(is_in).or(strongest))
    }
}
