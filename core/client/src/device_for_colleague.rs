//! A new device for a colleague who has none left. Who looks after the institution invites it into the
//! colleague's own space; it is let in once its words were compared, and stood for from a space above:
//! nobody is left inside. What it may read comes to it by the groups the colleague is in.

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::{DeviceId, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::authority::{self, At};
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{EndReason, MemberId};
use nahtlos_protocol::space::{Draft, Logs, SpaceState, is_another};
use nahtlos_protocol::wire::device::DeviceInvitation;

use crate::devices::DEVICE_INVITATION_LIFETIME_MS;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::InvitationRecord;
use crate::vault::Collection;

/// Group in `Collection::Setting`: devices that were told of; key = what ‖ device.
const TOLD: &[u8] = b"told-of-devices";
const LET_IN_BY_OTHERS: &[u8] = b"told-in";
const LOST: &[u8] = b"told-lost";

impl Nahtlos {
    /// Invites a new device of a colleague who has no device left. The text is to be handed to them
    /// alone; it is good once this device has synced, for one device and
    /// [`DEVICE_INVITATION_LIFETIME_MS`], and the device is let in once its words were compared.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not look after the colleague's institution, or
    /// could stand for nobody there; [`ClientError::HasDevices`] where they have a device still.
    pub fn invite_device_for(&mut self, person: &SpaceId) -> Result<DeviceInvitation, ClientError> {
        self.require_sending()?;
        let directory = self.shared_directory()?;
        let name = directory.person_name(person);
        let no = |reason: &str| {
            Err(ClientError::NoRight {
                action: "invite a device for a colleague",
                reason: reason.into(),
            })
        };
        if Some(*person) == self.device.person {
            return no("it is you: a further device of your own is invited without it");
        }
        let state = self.logs().load(person)?;
        let guardian = state.as_ref().and_then(|state| state.guardian());
        let guardian = guardian.filter(|guardian| self.is_or_became_own(guardian));
        let Some((state, institution)) = state.zip(guardian) else {
            return no("they are not a person of your institution");
        };
        if !authority::right(&self.logs(), &self.device_id, person).administer {
            return no("this device does not administer your institution");
        }
        let Some(team) = self.team_of_person(person, &institution)? else {
            return no(
                "they are in no team of your institution any more: invite them to one as somebody new",
            );
        };
        let alone = "this device writes in no group they are in, so it could not stand for them";
        // Before anybody ends their last device for it.
        if !self.writes_where_they_are(person)? {
            return no(alone);
        }
        let devices = live_devices(&state);
        if !devices.is_empty() {
            let devices = devices.iter().map(|id| Fingerprint::of(&id.0).to_string());
            return Err(ClientError::HasDevices {
                person: name,
                devices: devices.collect(),
            });
        }
        if self.writes_above(person, &self.logs())?.is_none() {
            return no(alone);
        }
        let relay = self.relay_key().ok_or(ClientError::NotEnrolled)?;
        let url = self.device.relay_url.clone();
        let text = DeviceInvitation {
            url: url.ok_or(ClientError::NotEnrolled)?,
            relay: VerifyingKeyBytes(*relay.as_bytes()),
            network: self.network()?,
            person: *person,
            institution,
            team,
            seed: Secret32::random(&mut random::system()),
        };
        let record = InvitationRecord {
            text: text.to_string(),
            note: format!("a new device of {name}"),
            not_after_ms: self
                .relay_now_ms()?
                .saturating_add(DEVICE_INVITATION_LIFETIME_MS),
            completed: false,
            compared: None,
            refused: None,
            withdrawn: None,
        };
        let invitation = text.invitation();
        self.all_or_nothing(|this| this.issue(*person, invitation, Role::Manage, &record))?;
        Ok(text)
    }

    /// Whether this device writes in a group that they are in, whatever devices they have.
    fn writes_where_they_are(&self, person: &SpaceId) -> Result<bool, ClientError> {
        let logs = self.logs();
        let theirs = |above: &SpaceId| {
            let state = logs.state(above);
            state.is_some_and(|state| {
                let mut members = state.live_grants();
                members.any(|grant| grant.member == MemberId::Space(*person))
            })
        };
        let writes =
            |above: &SpaceId| authority::right(&logs, &self.device_id, above).at_least(Role::Write);
        let above = self.spaces_above(person)?;
        Ok(above.iter().any(|above| theirs(above) && writes(above)))
    }

    /// Adds a colleague's device and stands for it from above. Where it takes two administrators, the
    /// second one stands for it. Why it cannot be, in words.
    pub(crate) fn draft_for_colleague(
        &self,
        member: &Member,
        state: &SpaceState,
        logs: &dyn Logs,
    ) -> Result<Result<Draft, String>, ClientError> {
        if !live_devices(state).is_empty() {
            return Ok(Err("they have another device again".into()));
        }
        let Some(above) = self.writes_above(&state.id(), logs)? else {
            return Ok(Err(
                "this device writes in no group they are in any more".into()
            ));
        };
        let grant = random::grant_id();
        let draft = Draft::new().effect(Effect::Add {
            grant,
            member: member.clone(),
            role: Role::Manage,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        });
        let draft = match state.guardian() {
            Some(guardian) => draft.after(above).after(guardian),
            None => draft.after(above),
        };
        if self.takes_two_for(state, logs) {
            return Ok(Ok(draft));
        }
        Ok(Ok(draft.effect(Effect::Confirm {
            grant,
            key_id: None,
        })))
    }

    /// Whether a newcomer whose words were compared here waits for another administrator afterwards: a
    /// colleague's device, where it takes two. The place is a hexadecimal space id.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn takes_another_for(&self, place: &str) -> Result<bool, ClientError> {
        let place = SpaceId::from_hex(place).filter(|place| Some(*place) != self.device.person);
        let Some(place) = place else {
            return Ok(false);
        };
        let state = self.logs().load(&place)?;
        Ok(state.is_some_and(|state| {
            state.kind() == Kind::Person && self.takes_two_for(&state, &self.logs())
        }))
    }

    /// Whether it takes a second administrator to stand for somebody in a person's space from above.
    pub(crate) fn takes_two_for(&self, state: &SpaceState, logs: &dyn Logs) -> bool {
        let guardian = state.guardian().and_then(|guardian| logs.state(&guardian));
        guardian.is_some_and(|guardian| guardian.policy().takes_two())
    }

    /// Whether this device is another administrator of an institution than a device.
    pub(crate) fn is_another_than(
        &self,
        than: &DeviceId,
        institution: &SpaceState,
        logs: &dyn Logs,
    ) -> bool {
        let length = institution.length();
        is_another(institution, length, &self.device_id, than, logs, At::Newest)
    }

    /// Devices of colleagues that somebody else let in, and lost devices of one's own, as sentences; each
    /// once.
    pub(crate) fn tell_of_devices(&mut self) -> Result<Vec<String>, ClientError> {
        let (mut keys, mut said) = (Vec::new(), Vec::new());
        self.let_in_by_others(&mut keys, &mut said)?;
        self.own_lost_devices(&mut keys, &mut said)?;
        if !keys.is_empty() {
            self.commit(|transaction| {
                for key in &keys {
                    transaction.put(Collection::Setting, TOLD, key, 0, b"")?;
                }
                Ok(())
            })?;
        }
        Ok(said)
    }

    fn let_in_by_others(
        &self,
        keys: &mut Vec<Vec<u8>>,
        said: &mut Vec<String>,
    ) -> Result<(), ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        // Who belongs to nobody yet has no colleagues.
        for person in self.people_of_institution().unwrap_or_default() {
            let Some(state) = self.logs().load(&person)? else {
                continue;
            };
            for grant in state.live_grants() {
                let MemberId::Device(device) = grant.member else {
                    continue;
                };
                let by_themselves = state.devices().contains_key(&grant.added_by);
                if by_themselves || !grant.is_confirmed() || grant.added_by == self.device_id {
                    continue;
                }
                let key = [LET_IN_BY_OTHERS, &device.0].concat();
                if self.vault.contains(Collection::Setting, &key)? {
                    continue;
                }
                keys.push(key);
                let who = self
                    .person_in_or_above(&grant.added_by, &person)
                    .map_or_else(|| "somebody".into(), |by| directory.person_name(&by));
                let fingerprint = Fingerprint::of(&device.0);
                said.push(if Some(person) == self.device.person {
                    format!("the device {fingerprint} was let in as yours by {who}")
                } else {
                    let name = directory.person_name(&person);
                    let may = authority::right(&self.logs(), &self.device_id, &person);
                    let what = if may.changes_members() {
                        format!("run 'nahtlos device revoke {fingerprint} --lost --now'")
                    } else {
                        format!(
                            "tell {} at once: they end it with 'nahtlos device revoke {fingerprint} --lost --now'",
                            self.administrators_in_words()
                        )
                    };
                    format!(
                        "a new device of {name} ({fingerprint}) was let in by {who}; if {name} does not know of it, {what}"
                    )
                });
            }
        }
        Ok(())
    }

    /// Who administers the institution, by name.
    fn administrators_in_words(&self) -> String {
        let policy = self.institution_policy();
        let people = policy.map_or_else(|_| Vec::new(), |policy| policy.people);
        let people = people
            .into_iter()
            .filter(|line| !line.waits && !line.is_recovery);
        let names: Vec<String> = people.map(|line| line.name).collect();
        match names.as_slice() {
            [] => "somebody who administers your institution".into(),
            names => names.join(" or "),
        }
    }

    fn own_lost_devices(
        &self,
        keys: &mut Vec<Vec<u8>>,
        said: &mut Vec<String>,
    ) -> Result<(), ClientError> {
        let state = self
            .device
            .person
            .and_then(|person| self.logs().state(&person));
        let Some(state) = state else {
            return Ok(());
        };
        let Some(own) = state.devices().get(&self.device_id) else {
            return Ok(());
        };
        for grant in state.grants() {
            let (MemberId::Device(device), Some(end)) = (grant.member, grant.ended) else {
                continue;
            };
            let is_lost = end.reason == EndReason::Removed(Reason::DeviceLost.code());
            // The devices that were there before know already.
            if !is_lost || end.at > own.added_at {
                continue;
            }
            let key = [LOST, &device.0].concat();
            if self.vault.contains(Collection::Setting, &key)? {
                continue;
            }
            let Some(known) = state.devices().get(&device) else {
                continue;
            };
            keys.push(key);
            let fingerprint = Fingerprint::of(&device.0);
            let heard = self.device_heard(&device, &known.verifying)?;
            let heard = heard.and_then(moment).map_or_else(
                || "nothing of it has come to this device".to_owned(),
                |moment| format!("the last of it that the relay has is from {moment}"),
            );
            said.push(format!(
                "your device {fingerprint} was revoked as lost: {heard}, and what was typed on it since has not arrived; if it is found, let it sync once, and what is on it is handed in to be decided"
            ));
        }
        Ok(())
    }
}

fn live_devices(state: &SpaceState) -> Vec<DeviceId> {
    let live = state.live_grants().filter(|grant| grant.is_confirmed());
    let devices = live.filter_map(|grant| match grant.member {
        MemberId::Device(device) => Some(device),
        MemberId::Space(_) => None,
    });
    devices.collect()
}

/// A moment in Switzerland, as people write it.
fn moment(at_ms: u64) -> Option<String> {
    let timestamp = jiff::Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap_or(jiff::tz::TimeZone::UTC);
    let zoned = timestamp.to_zoned(zone);
    Some(zoned.strftime("%d.%m.%Y %H:%M").to_string())
}
