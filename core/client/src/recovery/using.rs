//! Using a set: a custodian hands their share to whoever carries the recovery out, who gathers enough,
//! rehearses, or lets somebody into groups. The recovery device lives for that errand alone.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::BASE64;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::identifier::{
    DeviceId, GrantId, KeyId, RecipientId, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::wire::share::ShareText;

use super::shares::{self, Share};
use super::{Known, RecoveryError, TypedShare, commitment_of};
use crate::audit::KeyTrial;
use crate::borrowed::{Borrowed, Place};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;
use crate::session::Progress;
use crate::transport::Transport;

/// Shares that were put together and make the recovery key. Nothing was opened with it.
#[derive(Debug)]
pub struct Rehearsed {
    member: SpaceId,
    pub(crate) seed: DeviceSeed,
    /// Whose shares they are.
    pub custodians: Vec<String>,
    /// How many it takes.
    pub threshold: u8,
}

impl Rehearsed {
    /// What the key opens: its device's own key, to be tried on ciphertext from anywhere.
    #[must_use]
    pub fn key_trial(&self) -> KeyTrial {
        KeyTrial::of_device(*self.seed.as_secret().expose())
    }
}

/// Whether somebody manages a group.
enum Entry {
    In,
    /// Added, and another administrator has to confirm it.
    Waits(GrantId),
    Out,
}

/// Whether a person has a role in a group, by the group's own log.
fn entry_by(state: &SpaceState, person: &SpaceId, role: Role) -> Entry {
    let wanted = MemberId::Space(*person);
    let mut entry = Entry::Out;
    for grant in state.live_grants() {
        if grant.member != wanted || grant.role != role {
            continue;
        }
        if grant.is_confirmed() {
            return Entry::In;
        }
        entry = Entry::Waits(grant.id);
    }
    entry
}

/// What is said where the recovery key is one of two.
const WAITS_FOR_SECOND: &str = "it takes two administrators here: another one has to confirm it, see 'nahtlos member waiting' on their device";

/// Groups into which somebody was let.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Who.
    pub person: String,
    /// Where; also those in which they were already.
    pub groups: Vec<String>,
    /// What the syncs said.
    pub notices: Vec<String>,
}

impl Nahtlos {
    /// This custodian's share, sealed to the devices of the person who carries the recovery out. The
    /// text is nothing to anybody else.
    ///
    /// # Errors
    /// [`RecoveryError::NoSet`], [`RecoveryError::NoCustodian`], [`RecoveryError::NotForThisDevice`],
    /// [`RecoveryError::WrongShare`]; [`RecoveryError::Custodian`] where the person is nobody of this
    /// institution who has a device.
    pub fn hand_over_share(&self, to: &SpaceId) -> Result<ShareText, ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        let (member, share) = self.own_share(&known)?.ok_or(RecoveryError::NoCustodian)?;
        let sealed = if self.people_of_institution()?.contains(to) {
            self.seal_share(&share, &member, to)?
        } else {
            Vec::new()
        };
        if sealed.is_empty() {
            let name = self.shared_directory()?.name(to);
            let reason = "they are not a person of your institution who has a device";
            return Err(RecoveryError::Custodian { name, reason }.into());
        }
        Ok(ShareText {
            set: known.person,
            index: share.index,
            sealed,
        })
    }

    /// Whether this custodian's share opens here and is the published one; its check words.
    ///
    /// # Errors
    /// As [`Self::hand_over_share`].
    pub fn check_own_share(&self) -> Result<String, ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        let (member, share) = self.own_share(&known)?.ok_or(RecoveryError::NoCustodian)?;
        Ok(shares::check_words(&share.commitment(&member.id())))
    }

    /// Puts one's own share, where one has one, and those that were handed over together. Opens nothing.
    ///
    /// # Errors
    /// [`RecoveryError`]: which share is wrong, and whose are missing.
    pub fn rehearse_recovery(&self, given: &[ShareText]) -> Result<Rehearsed, ClientError> {
        self.rehearse_with_printed(given, &[])
    }

    /// The same with shares that were typed from print.
    ///
    /// # Errors
    /// As [`Self::rehearse_recovery`].
    pub fn rehearse_with_printed(
        &self,
        given: &[ShareText],
        typed: &[TypedShare],
    ) -> Result<Rehearsed, ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        let mut gathered: BTreeMap<u8, Share> = BTreeMap::new();
        // Who typed their own from print needs the sealed one no more.
        let own = match self.own_share(&known) {
            Err(ClientError::Recovery(RecoveryError::NotForThisDevice { .. }))
                if !typed.is_empty() =>
            {
                None
            }
            own => own?,
        };
        if let Some((_, share)) = own {
            gathered.insert(share.index, share);
        }
        for (place, text) in given.iter().enumerate() {
            if text.set != known.person {
                return Err(RecoveryError::OtherSet {
                    given: place + 1,
                    custodian: self.custodian_of(text)?,
                }
                .into());
            }
            let share = self.open_handed_over(&known, text)?;
            gathered.insert(share.index, share);
        }
        // Each was held against the present set as it was typed.
        let typed = typed.iter().filter(|typed| typed.set == known.person);
        gathered.extend(typed.map(|typed| (typed.share.index, typed.share.clone())));
        let threshold = known.set.threshold;
        let names = |is_here: bool| {
            let indices = 1..=u8::try_from(known.set.shares.len()).unwrap_or(u8::MAX);
            let wanted = indices.filter(|index| gathered.contains_key(index) == is_here);
            wanted
                .map(|index| self.custodian_name(&known, index))
                .collect()
        };
        let (have, missing): (Vec<String>, Vec<String>) = (names(true), names(false));
        if gathered.len() < usize::from(threshold) {
            return Err(RecoveryError::TooFew {
                have,
                threshold,
                missing,
            }
            .into());
        }
        let enough: Vec<Share> = gathered.values().take(threshold.into()).cloned().collect();
        let seed = shares::combine(&enough).ok_or(RecoveryError::OtherDevice)?;
        let device = MemberId::Device(DeviceId(seed.keys().public_keys().device_id()));
        let state = self.member_state(&known.person)?;
        if !state.live_grants().any(|grant| grant.member == device) {
            return Err(RecoveryError::OtherDevice.into());
        }
        Ok(Rehearsed {
            member: known.person,
            seed,
            custodians: have,
            threshold,
        })
    }

    /// Whether the recovery key may let somebody into these groups.
    ///
    /// # Errors
    /// [`RecoveryError::NoSet`], [`RecoveryError::NotCovered`].
    pub fn check_covered(&self, groups: &[SpaceId]) -> Result<(), ClientError> {
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        let covered = self.groups_covered_by(&known.person)?;
        let directory = self.shared_directory()?;
        match groups.iter().find(|group| !covered.contains(group)) {
            None => Ok(()),
            Some(group) => Err(RecoveryError::NotCovered {
                group: directory.name(group),
            }
            .into()),
        }
    }

    /// Whether a person is one of this institution's: the recovery key lets nobody else into its groups.
    ///
    /// # Errors
    /// [`RecoveryError::NotOfInstitution`].
    pub fn check_of_institution(&self, person: &SpaceId) -> Result<(), ClientError> {
        if self.people_of_institution()?.contains(person) {
            return Ok(());
        }
        let person = self.shared_directory()?.name(person);
        Err(RecoveryError::NotOfInstitution { person }.into())
    }

    /// Lets a person into groups, as managers of them, with the recovery key. `home` is this device's
    /// own; nothing of the key stays in it. Every member of the groups, and whoever shares with them,
    /// sees it.
    ///
    /// # Errors
    /// [`RecoveryError::NotCovered`], [`RecoveryError::NotOfInstitution`], [`RecoveryError::NotLetIn`]; as
    /// [`Nahtlos::sync`].
    pub fn use_recovery(
        &mut self,
        home: &Path,
        rehearsed: &Rehearsed,
        person: &SpaceId,
        groups: &[SpaceId],
        transport: &mut dyn Transport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recovered, ClientError> {
        self.require_sending()?;
        self.check_covered(groups)?;
        self.check_of_institution(person)?;
        let let_in = |member: &mut Self| {
            for group in groups {
                match member.entry(group, person)? {
                    Entry::In => {}
                    // Somebody of the institution added them already: the recovery key is the second one.
                    Entry::Waits(grant) => member.decide(
                        Intent::Confirm {
                            space: *group,
                            grant,
                        },
                        group,
                    )?,
                    Entry::Out => member.decide_entry(group, person)?,
                }
            }
            Ok(())
        };
        let mut borrowed = self.borrow_recovery(home, rehearsed, groups.first())?;
        let mut notices = errand(borrowed.replica()?, transport, progress, let_in)?;
        for group in groups {
            borrowed
                .replica()?
                .require_in(group, person, &mut notices)?;
        }
        drop(borrowed);
        notices.extend(self.sync(transport, progress)?.notices);
        let directory = self.shared_directory()?;
        Ok(Recovered {
            person: directory.name(person),
            groups: groups.iter().map(|group| directory.name(group)).collect(),
            notices,
        })
    }

    /// What as many custodians as the threshold says can do with a program of their own: whatever the
    /// recovery member may. For tests; the program lets somebody in and does nothing else.
    ///
    /// # Errors
    /// As [`Nahtlos::sync`], and what `act` ends with.
    #[cfg(feature = "test-key-derivation")]
    pub fn hostile_recovery(
        &self,
        home: &Path,
        rehearsed: &Rehearsed,
        team: &SpaceId,
        transport: &mut dyn Transport,
        act: impl FnOnce(&mut Self) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let mut borrowed = self.borrow_recovery(home, rehearsed, Some(team))?;
        errand(borrowed.replica()?, transport, &mut |_| {}, act).map(|_notices| ())
    }

    /// The recovery member's replica, which lives for one errand. It opens cases in no team, but it has to
    /// be in one.
    fn borrow_recovery(
        &self,
        home: &Path,
        rehearsed: &Rehearsed,
        team: Option<&SpaceId>,
    ) -> Result<Borrowed, ClientError> {
        let relay = self.relay_key().ok_or(ClientError::NotEnrolled)?;
        let url = self.device.relay_url.clone();
        let place = Place {
            url: url.ok_or(ClientError::NotEnrolled)?,
            relay: VerifyingKeyBytes(*relay.as_bytes()),
            network: self.network()?,
        };
        let institution = self.institution()?;
        let mut borrowed = Borrowed::open(home, &rehearsed.seed, &place)?;
        let team = team.copied().unwrap_or(institution);
        let member = borrowed.replica()?;
        member.take_clock_of(self);
        member.be_who(rehearsed.member, institution, team)?;
        Ok(borrowed)
    }

    fn decide_entry(&mut self, group: &SpaceId, person: &SpaceId) -> Result<(), ClientError> {
        if self.is_institution(group)? {
            // Who holds its key alone would change nobody in it.
            return self.decide_administrator(group, person);
        }
        let intent = Intent::Grant {
            space: *group,
            grant: random::grant_id(),
            member: *person,
            role: Role::Manage,
            basis: String::new(),
            not_after_ms: None,
            history: History::Full,
        };
        self.decide(intent, group)
    }

    fn entry(&self, group: &SpaceId, person: &SpaceId) -> Result<Entry, ClientError> {
        let Some(state) = self.logs().load(group)? else {
            return Ok(Entry::Out);
        };
        let managing = entry_by(&state, person, Role::Manage);
        if state.kind() != Kind::Institution {
            return Ok(managing);
        }
        Ok(
            match (managing, entry_by(&state, person, Role::Administer)) {
                (Entry::In, administering) => administering,
                // Both were added together, and who confirms one confirms both.
                (Entry::Waits(grant), Entry::In | Entry::Waits(_)) => Entry::Waits(grant),
                (Entry::Waits(_) | Entry::Out, _) => Entry::Out,
            },
        )
    }

    fn is_institution(&self, group: &SpaceId) -> Result<bool, ClientError> {
        let state = self.logs().load(group)?;
        Ok(state.is_some_and(|state| state.kind() == Kind::Institution))
    }

    fn require_in(
        &self,
        group: &SpaceId,
        person: &SpaceId,
        notices: &mut Vec<String>,
    ) -> Result<(), ClientError> {
        match self.entry(group, person)? {
            Entry::In => return Ok(()),
            Entry::Waits(_) => {
                notices.push(WAITS_FOR_SECOND.into());
                return Ok(());
            }
            Entry::Out => {}
        }
        let directory = self.shared_directory()?;
        Err(RecoveryError::NotLetIn {
            person: directory.name(person),
            group: directory.name(group),
            reason: notices
                .first()
                .cloned()
                .unwrap_or_else(|| "the relay did not take it".into()),
        }
        .into())
    }

    pub(super) fn member_state(
        &self,
        member: &SpaceId,
    ) -> Result<std::sync::Arc<SpaceState>, ClientError> {
        let state = self.logs().load(member)?;
        state.ok_or_else(|| RecoveryError::NoSet.into())
    }

    /// One's own share, where one is a custodian.
    pub(super) fn own_share(
        &self,
        known: &Known,
    ) -> Result<Option<(std::sync::Arc<SpaceState>, Share)>, ClientError> {
        let own = self.person()?.to_string();
        let mut indexed = (1..=u8::MAX).zip(&known.set.shares);
        let Some((index, sealed)) = indexed.find(|(_, share)| share.custodian == own) else {
            return Ok(None);
        };
        let custodian = self.custodian_name(known, index);
        let wrap = sealed.sealed.get(&self.device_id.to_string());
        let wrap = wrap.and_then(|text| BASE64.decode(text.as_bytes()).ok());
        let Some(wrap) = wrap else {
            return Err(RecoveryError::NotForThisDevice { custodian }.into());
        };
        let member = self.member_state(&known.person)?;
        let share = self.open_share(known, &member, index, &wrap)?;
        Ok(Some((member, share)))
    }

    fn open_handed_over(&self, known: &Known, text: &ShareText) -> Result<Share, ClientError> {
        let custodian = self.custodian_name(known, text.index);
        let own = RecipientId::from(self.device_id);
        let wrap = text.sealed.iter().find(|wrap| wrap.recipient == own);
        let wrap = wrap.ok_or(RecoveryError::NotForThisDevice { custodian })?;
        let member = self.member_state(&known.person)?;
        self.open_share(known, &member, text.index, &wrap.bytes)
    }

    /// Opens a share and holds it against what was published of it.
    fn open_share(
        &self,
        known: &Known,
        member: &SpaceState,
        index: u8,
        wrap: &[u8],
    ) -> Result<Share, ClientError> {
        let wrong = || RecoveryError::WrongShare {
            custodian: self.custodian_name(known, index),
        };
        let commitment = known
            .share(index)
            .and_then(commitment_of)
            .ok_or_else(wrong)?;
        let own = RecipientId::from(self.device_id);
        let key = KeyId(self.device_id.0);
        let info = wrap_info(&member.nonce(), &KeyId(commitment), own, key);
        let secret = wrap::open_hybrid(&self.keys.kem, &info, wrap).map_err(|_| wrong())?;
        let share = Share { index, secret };
        if share.commitment(&member.id()) == commitment {
            Ok(share)
        } else {
            Err(wrong().into())
        }
    }

    pub(super) fn custodian_name(&self, known: &Known, index: u8) -> String {
        let id = known
            .share(index)
            .and_then(|share| SpaceId::from_hex(&share.custodian));
        let directory = self.shared_directory().unwrap_or_default();
        id.map_or_else(
            || format!("number {index}, which the set does not have"),
            |id| directory.person_name(&id),
        )
    }

    /// Whose share a text is, where its set is known here.
    fn custodian_of(&self, text: &ShareText) -> Result<Option<String>, ClientError> {
        let known = self.recovery_known()?;
        let known = known.iter().find(|known| known.person == text.set);
        Ok(known.map(|known| self.custodian_name(known, text.index)))
    }
}

/// Learns the newest logs, does something, and sends it. Returns what the second sync said.
fn errand(
    member: &mut Nahtlos,
    transport: &mut dyn Transport,
    progress: &mut dyn FnMut(Progress),
    act: impl FnOnce(&mut Nahtlos) -> Result<(), ClientError>,
) -> Result<Vec<String>, ClientError> {
    member.sync(transport, progress)?;
    act(member)?;
    Ok(member.sync(transport, progress)?.notices)
}
