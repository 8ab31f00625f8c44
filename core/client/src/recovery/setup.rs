//! Making a set: the recovery member, its shares, its place in the groups, and the end of the one before.

use data_encoding::BASE64;
use nahtlos_protocol::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::identifier::{
    DeviceId, KeyId, RecipientId, SignatureBytes, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::authority::{self, View};
use nahtlos_protocol::space::effect::{DeviceKeys, Effect, History, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::{
    Author, Draft, Prepared, SpaceState, Suspended, Wrap, admission_message, recipients,
};

use super::shares::{self, Share};
use super::{FUNCTION, RecoveryError, RecoverySet, SealedShare};
use crate::directory::{DirectoryEdit, PersonCard};
use crate::ending::Reason;
use crate::error::ClientError;
use crate::founding::create;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;

/// What the directory calls the member.
const NAME: &str = "Recovery key";

/// What setting up would do, or did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RecoverySetup {
    /// Groups that will be covered.
    pub covered: Vec<String>,
    /// Teams of the institution that this device does not manage: their managers cover them.
    pub not_covered: Vec<String>,
    /// Of these, what an earlier set covers: no set opens it any more until its managers have it covered.
    pub no_longer_covered: Vec<String>,
    /// Whether an earlier set ends with it.
    pub replaces: bool,
}

impl Nahtlos {
    /// What [`Self::set_up_recovery`] would do.
    ///
    /// # Errors
    /// As there.
    pub fn preview_recovery(
        &self,
        threshold: u8,
        custodians: &[SpaceId],
        without: &[SpaceId],
    ) -> Result<RecoverySetup, ClientError> {
        self.require_sending()?;
        let institution = self.institution()?;
        self.require_manager(&institution, "set up a recovery key")?;
        self.check_custodians(threshold, custodians)?;
        self.require_none_waiting()?;
        let (covered, others) = self.groups_to_cover(&institution)?;
        let directory = self.shared_directory()?;
        let names = |spaces: &[SpaceId]| {
            let mut names: Vec<String> = spaces.iter().map(|one| directory.name(one)).collect();
            names.sort();
            names
        };
        let mut lost: Vec<SpaceId> = Vec::new();
        for (group, _) in self.covered_before(&institution)? {
            if !covered.contains(&group) && !lost.contains(&group) {
                lost.push(group);
            }
        }
        let unsaid: Vec<SpaceId> = lost
            .iter()
            .filter(|one| !without.contains(one))
            .copied()
            .collect();
        if !unsaid.is_empty() {
            return Err(RecoveryError::WouldEnd {
                groups: names(&unsaid),
            }
            .into());
        }
        Ok(RecoverySetup {
            covered: names(&covered),
            not_covered: names(&others),
            no_longer_covered: names(&lost),
            replaces: self.present_recovery()?.is_some(),
        })
    }

    /// Makes a recovery key for the institution and for every team that this device manages, and splits
    /// it among custodians, in their order. Decided now, carried out at the next sync; from then on the
    /// earlier set opens nothing that is sealed later. The key is in memory alone, and only here.
    /// A team that the earlier set covers and this one would not is left out only where it is named
    /// (`without`): if nobody there has a device any more, nothing else would ever open it.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the institution;
    /// [`RecoveryError::Numbers`], [`RecoveryError::Custodian`], [`RecoveryError::Waits`],
    /// [`RecoveryError::WouldEnd`].
    pub fn set_up_recovery(
        &mut self,
        threshold: u8,
        custodians: &[SpaceId],
        without: &[SpaceId],
    ) -> Result<RecoverySetup, ClientError> {
        let preview = self.preview_recovery(threshold, custodians, without)?;
        let institution = self.institution()?;
        let (groups, _) = self.groups_to_cover(&institution)?;
        let ended = self.covered_before(&institution)?;
        let seed = DeviceSeed::random(&mut random::system());
        let member = self.found_member(&seed, institution)?;
        let person = member.state.id();
        let set = self.seal_set(&seed, &member.state, threshold, custodians)?;
        let card = DirectoryEdit::Person {
            id: person.to_string(),
            card: PersonCard {
                name: NAME.into(),
                function: FUNCTION.into(),
                institution: institution.to_string(),
                team: None,
                recovery: Some(set),
                handover: None,
            },
        };
        self.all_or_nothing(|this| {
            this.store_own(&[member], |_| Ok(()))?;
            for group in &groups {
                this.decide_cover(group, &person)?;
            }
            for (group, earlier) in &ended {
                let intent = Intent::Remove {
                    space: *group,
                    grant: None,
                    member: Some(RecipientId::from(*earlier)),
                    reason: Reason::Replaced.code(),
                };
                this.decide(intent, group)?;
            }
            this.publish_card(card)
        })?;
        Ok(preview)
    }

    /// Every group that an earlier recovery key of the institution covers, with the key's member.
    fn covered_before(
        &self,
        institution: &SpaceId,
    ) -> Result<Vec<(SpaceId, SpaceId)>, ClientError> {
        let mut before = Vec::new();
        for earlier in self.recovery_known()? {
            if earlier.institution == *institution {
                let covered = self.groups_covered_by(&earlier.person)?;
                before.extend(covered.into_iter().map(|group| (group, earlier.person)));
            }
        }
        Ok(before)
    }

    /// Lets the present recovery key cover a further team that this device manages; whether it did not before.
    ///
    /// # Errors
    /// [`RecoveryError::NoSet`], [`ClientError::NoRight`].
    pub fn cover_by_recovery(&mut self, team: &SpaceId) -> Result<bool, ClientError> {
        self.require_manager(team, "let the recovery key cover this team")?;
        let known = self.present_recovery()?.ok_or(RecoveryError::NoSet)?;
        if self.groups_covered_by(&known.person)?.contains(team) {
            return Ok(false);
        }
        self.decide_cover(team, &known.person)?;
        Ok(true)
    }

    fn decide_cover(&mut self, group: &SpaceId, member: &SpaceId) -> Result<(), ClientError> {
        let intent = Intent::Grant {
            space: *group,
            grant: random::grant_id(),
            member: *member,
            role: Role::Manage,
            basis: String::new(),
            not_after_ms: None,
            history: History::Full,
        };
        self.decide(intent, group)
    }

    /// The institution and its teams: those this device manages, and the other teams.
    fn groups_to_cover(
        &self,
        institution: &SpaceId,
    ) -> Result<(Vec<SpaceId>, Vec<SpaceId>), ClientError> {
        let mut groups = vec![*institution];
        groups.extend(self.teams_of(institution)?);
        let manages = |group: &SpaceId| {
            authority::right(&self.logs(), &self.device_id, group).at_least(Role::Manage)
        };
        Ok(groups.into_iter().partition(manages))
    }

    /// Of two sets that are decided before a sync, the first would not know of the second, and stay.
    fn require_none_waiting(&self) -> Result<(), ClientError> {
        let known = self.recovery_known()?;
        let is_for_one = |intent: &Intent| match intent {
            Intent::Grant { member, .. } => known.iter().any(|known| known.person == *member),
            _ => false,
        };
        let waiting = self.waiting_intents()?;
        if waiting.iter().any(|record| is_for_one(&record.intent)) {
            return Err(RecoveryError::Waits.into());
        }
        Ok(())
    }

    fn check_custodians(&self, threshold: u8, custodians: &[SpaceId]) -> Result<(), ClientError> {
        let count = custodians.len();
        let is_set = u8::try_from(count).is_ok_and(|count| {
            (shares::THRESHOLD_MIN..=count).contains(&threshold) && count <= shares::SHARES_MAX
        });
        if !is_set {
            return Err(RecoveryError::Numbers { threshold, count }.into());
        }
        let people = self.people_of_institution()?;
        let recovery = self.recovery_known()?;
        let directory = self.shared_directory()?;
        for (place, custodian) in custodians.iter().enumerate() {
            let no = |reason| {
                let name = directory.name(custodian);
                Err(RecoveryError::Custodian { name, reason }.into())
            };
            let earlier = custodians.iter().take(place);
            if earlier.clone().any(|other| other == custodian) {
                return no("they are named twice, and would hold two shares");
            }
            if !people.contains(custodian) {
                return no("they are not a person of your institution");
            }
            if recovery.iter().any(|known| known.person == *custodian) {
                return no("it is a recovery key itself");
            }
            if self.devices_to_seal_to(custodian)?.is_empty() {
                return no("they have no device");
            }
        }
        Ok(())
    }

    /// A person whose one device is the split one. It has no key of its own: what it may read is sealed
    /// to the device.
    fn found_member(
        &self,
        seed: &DeviceSeed,
        institution: SpaceId,
    ) -> Result<Prepared, ClientError> {
        let keys = seed.keys();
        let device = DeviceId(keys.public_keys().device_id());
        let signature = keys
            .signing
            .sign(label::ADMISSION_SIGN, &admission_message(None, device));
        let draft = Draft::new()
            .effect(create(Kind::Person, Some(institution), None))
            .effect(Effect::Add {
                grant: random::grant_id(),
                member: Member::Device {
                    keys: device_keys(&keys),
                    countersignature: SignatureBytes(*signature.as_bytes()),
                },
                role: Role::Manage,
                history: History::Full,
                basis: None,
                not_after_ms: None,
                invitation: None,
            });
        let author = Author {
            device,
            signing: &keys.signing,
            now_ms: self.now_ms(),
        };
        let mut rng = random::system();
        Ok(draft.prepare(&self.logs(), &self.key_ring(), &author, &mut rng, None)?)
    }

    fn seal_set(
        &self,
        seed: &DeviceSeed,
        member: &SpaceState,
        threshold: u8,
        custodians: &[SpaceId],
    ) -> Result<RecoverySet, ClientError> {
        let numbers = || RecoveryError::Numbers {
            threshold,
            count: custodians.len(),
        };
        let count = u8::try_from(custodians.len()).map_err(|_| numbers())?;
        let split = shares::split(seed, threshold, count).ok_or_else(numbers)?;
        let mut sealed = Vec::new();
        for (share, custodian) in split.iter().zip(custodians) {
            let commitment = share.commitment(&member.id());
            let wraps = self.seal_share(share, member, custodian)?;
            sealed.push(SealedShare {
                custodian: custodian.to_string(),
                commitment: SpaceId(commitment).to_string(),
                sealed: wraps
                    .iter()
                    .map(|wrap| {
                        (
                            SpaceId(wrap.recipient.0).to_string(),
                            BASE64.encode(&wrap.bytes),
                        )
                    })
                    .collect(),
            });
        }
        Ok(RecoverySet {
            threshold,
            shares: sealed,
        })
    }

    /// A share, wrapped as an epoch's seed is (PROTOCOL §8) to each device of a person: its commitment
    /// stands where the epoch's key id does, so it opens as nothing else.
    pub(super) fn seal_share(
        &self,
        share: &Share,
        member: &SpaceState,
        person: &SpaceId,
    ) -> Result<Vec<Wrap>, ClientError> {
        let commitment = KeyId(share.commitment(&member.id()));
        let mut wraps = Vec::new();
        for target in self.devices_to_seal_to(person)? {
            let info = wrap_info(&member.nonce(), &commitment, target.id(), target.key());
            let rng = &mut random::system();
            let bytes = wrap::wrap_hybrid(rng, target.kem(), &info, &share.secret);
            wraps.push(Wrap {
                recipient: target.id(),
                bytes: bytes.map_err(|error| ClientError::Document {
                    reason: error.to_string(),
                })?,
            });
        }
        Ok(wraps)
    }

    /// A person's devices, with keys from their replayed log.
    fn devices_to_seal_to(
        &self,
        person: &SpaceId,
    ) -> Result<Vec<recipients::WrapTarget>, ClientError> {
        let Some(state) = self.logs().load(person)? else {
            return Ok(Vec::new());
        };
        let none = Suspended::new();
        let targets = recipients::effective_recipients(&self.logs(), &state, View::NEWEST, &none);
        Ok(targets.map_or_else(|_| Vec::new(), |targets| targets.into_values().collect()))
    }
}

fn device_keys(keys: &OwnKeys) -> DeviceKeys {
    let public = keys.public_keys();
    DeviceKeys {
        verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
        kem: public.kem.as_bytes().to_vec(),
    }
}
