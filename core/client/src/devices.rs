//! A person's devices: a further one is invited by one that the person has, joins, and is listed. The
//! person's own space invites it; [`crate::device_admission`] lets it in.

use std::collections::BTreeMap;

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::{DeviceId, SignatureBytes, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::effect::Member;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::{Device, Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState, admission_message, authority};
use nahtlos_protocol::wire::JOIN_PATH;
use nahtlos_protocol::wire::device::DeviceInvitation;
use nahtlos_protocol::wire::join::JoinRequest;
use serde::Serialize;

use crate::comparing::words_of;
use crate::directory::Directory;
use crate::enrolment::Enrolment;
use crate::error::ClientError;
use crate::former_people::MemberRemoval;
use crate::founding::Home;
use crate::joining::Introduction;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::InvitationRecord;
use crate::revocation::Revocation;
use crate::transport::Transport;

/// How long an invitation of a further device is good, in milliseconds: one hour, by the relay's clock.
/// The new device asks within it, and the inviting one lets it in within it.
pub const DEVICE_INVITATION_LIFETIME_MS: u64 = 60 * 60 * 1000;
/// What `nahtlos status` calls such an invitation.
const NOTE: &str = "a further device of your own";

/// A device in the logs.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceLine {
    /// Short fingerprint.
    pub fingerprint: String,
    /// Hexadecimal device id.
    pub id: String,
    /// What its person calls it. Sealed for the person's own devices; none elsewhere, and for a device
    /// without a name.
    pub name: Option<String>,
    /// The fingerprint as words, to be read to somebody who compares them.
    pub words: String,
    /// Whose it is.
    pub person: String,
    /// Their hexadecimal space id.
    pub person_id: String,
    /// When it was added, Unix milliseconds: by the relay's clock where this device has its receipt.
    pub added_at_ms: u64,
    /// `live`, `waits_for_confirmation` or `revoked`.
    pub state: &'static str,
    /// How its right ended; none while it stands.
    pub revoked: Option<Revocation>,
    /// How its person ceased to be a member of any team; none while they are one.
    pub member_removed: Option<MemberRemoval>,
    /// When the relay took in the newest item of it that reached this device, by the relay's clock, Unix
    /// milliseconds; none where nothing has. A device that only reads is not heard of.
    pub heard_at_ms: Option<u64>,
    /// Whether it is this one.
    pub this: bool,
}

impl Nahtlos {
    /// Invites a further device of this person. The text is to be handed to it where nobody else reads
    /// it; it is good once this device has synced, for one device and
    /// [`DEVICE_INVITATION_LIFETIME_MS`].
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::NotAdmitted`]; [`ClientError::NoRight`] where this
    /// device was revoked.
    pub fn invite_device(&mut self) -> Result<DeviceInvitation, ClientError> {
        let person = self.person()?;
        if !self.device.admitted {
            return Err(ClientError::NotAdmitted);
        }
        let right = authority::right(&self.logs(), &self.device_id, &person);
        if !right.at_least(Role::Manage) {
            return Err(ClientError::NoRight {
                action: "add a device",
                reason: "this device was revoked".into(),
            });
        }
        let relay = self.relay_key().ok_or(ClientError::NotEnrolled)?;
        let url = self.device.relay_url.clone();
        let text = DeviceInvitation {
            url: url.ok_or(ClientError::NotEnrolled)?,
            relay: VerifyingKeyBytes(*relay.as_bytes()),
            network: self.network()?,
            person,
            institution: self.institution()?,
            team: self.device.team.ok_or(ClientError::NotEnrolled)?,
            seed: Secret32::random(&mut random::system()),
        };
        let record = InvitationRecord {
            text: text.to_string(),
            note: NOTE.into(),
            not_after_ms: self
                .relay_now_ms()?
                .saturating_add(DEVICE_INVITATION_LIFETIME_MS),
            completed: false,
            compared: None,
            refused: None,
            withdrawn: None,
        };
        let invitation = text.invitation();
        self.all_or_nothing(|this| this.issue(person, invitation, Role::Manage, &record))?;
        Ok(text)
    }

    /// Answers an invitation to be a further device of a person, under a name for it that the person's
    /// devices will see; it may be empty. A home that asked before and was not let in asks anew.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`]; where the relay refuses, this home is new again; where it is
    /// not reached, the same call (or a sync) sends the same request again.
    pub fn join_as_device(
        &mut self,
        transport: &mut dyn Transport,
        invitation: &DeviceInvitation,
        name: &str,
    ) -> Result<(), ClientError> {
        let answers = invitation.to_string();
        if self.has_pending_enrolment(&answers)? {
            return self.send_pending_enrolment(transport);
        }
        let introduction = Introduction {
            name: name.to_owned(),
            function: String::new(),
        };
        let sealed = introduction.seal(&invitation.seed)?;
        let member = self.agreed_member(&invitation.person);
        let request = JoinRequest::of_device(invitation, self.device_id, &member, sealed);
        let request = request.map_err(|error| ClientError::Document {
            reason: error.to_string(),
        })?;
        let home = Home {
            person: invitation.person,
            institution: invitation.institution,
            team: invitation.team,
            prepared: Vec::new(),
        };
        self.enrol(
            transport,
            Enrolment {
                home: &home,
                network: invitation.network,
                relay_url: &invitation.url,
                relay_key: invitation.relay,
                intents: Vec::new(),
                cards: Vec::new(),
                path: JOIN_PATH,
                request: request.bytes().to_vec(),
                answers,
            },
        )
    }

    /// Whether this home asked to be a further device of somebody and was not let in yet. It has founded
    /// nothing, so nothing is lost where it asks anew.
    pub(crate) fn waits_as_device(&self) -> bool {
        let person = self.device.person.filter(|_| !self.device.admitted);
        person.is_some_and(|person| self.logs().state(&person).is_none())
    }

    /// This device's keys, and its consent to be a device of a person.
    pub(crate) fn agreed_member(&self, person: &SpaceId) -> Member {
        let message = admission_message(Some(*person), self.device_id);
        let countersignature = self.keys.signing.sign(label::ADMISSION_SIGN, &message);
        Member::Device {
            keys: self.own_keys(),
            countersignature: SignatureBytes(*countersignature.as_bytes()),
        }
    }

    /// Devices of this institution's people, from the logs: revoked ones too, and those of people who left.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; where the vault cannot be read.
    pub fn devices(&self) -> Result<Vec<DeviceLine>, ClientError> {
        let directory = self.directory().unwrap_or_default();
        let names = self.device_names();
        let mut lines = Vec::new();
        for person in self.people_ever_of_institution()? {
            let Some(state) = self.logs().load(&person)? else {
                continue;
            };
            let removed = self.member_removal(&person)?;
            for (id, device) in state.devices() {
                let mut line = self.device_line(&state, id, device, &directory)?;
                line.name = self.device_name(&state, id, &names);
                line.member_removed.clone_from(&removed);
                lines.push(line);
            }
        }
        Ok(lines)
    }

    /// What a device is called: since it was renamed, else since it was added. None of a colleague's.
    pub(crate) fn device_name(
        &self,
        state: &SpaceState,
        id: &DeviceId,
        names: &BTreeMap<String, String>,
    ) -> Option<String> {
        if Some(state.id()) != self.device.person {
            return None;
        }
        let mut grants = state.grants().iter();
        let added = grants.find(|grant| grant.member == MemberId::Device(*id));
        let renamed = names.get(&id.to_string()).cloned();
        renamed.or_else(|| self.open_basis(state, added?))
    }

    /// Without its name and what became of its person.
    fn device_line(
        &self,
        state: &SpaceState,
        id: &DeviceId,
        device: &Device,
        directory: &Directory,
    ) -> Result<DeviceLine, ClientError> {
        let is_this_device = |grant: &&Grant| grant.member == MemberId::Device(*id);
        let mut live = state.live_grants().filter(is_this_device);
        let added_at_ms = self.received_at(state, device.added_at).unwrap_or_else(|| {
            let added = state.operation(device.added_at);
            added.map_or(0, |operation| operation.claimed_at_ms)
        });
        Ok(DeviceLine {
            fingerprint: Fingerprint::of(&id.0).to_string(),
            id: id.to_string(),
            name: None,
            words: words_of(&id.0),
            person: directory.person_name(&state.id()),
            person_id: state.id().to_string(),
            added_at_ms,
            state: match live.next() {
                Some(grant) if grant.is_confirmed() => "live",
                Some(_) => "waits_for_confirmation",
                None => "revoked",
            },
            revoked: self.revocation(state, id),
            member_removed: None,
            heard_at_ms: self.device_heard(id, &device.verifying)?,
            this: *id == self.device_id,
        })
    }
}
