//! Joining by invitation: an institution into a network, a person into a team. Inviter and invitee
//! are never online together; the join request waits at the relay.

use nahtlos_protocol::crypto::committing_aead;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::{InvitationId, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::wire::JOIN_PATH;
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::join::JoinRequest;
use rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::directory::DirectoryEdit;
use crate::enrolment::Enrolment;
use crate::error::ClientError;
use crate::founding::{Founder, Home, founder_cards};
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{self, Intent, InvitationRecord};
use crate::transport::Transport;
use crate::vault::Collection;

/// How a newcomer introduces themselves: readable only by who invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// The person's name.
    pub name: String,
    /// The person's function, e.g. `coach`.
    pub function: String,
}

/// How long an invitation is good, in milliseconds: two weeks.
pub const INVITATION_LIFETIME_MS: u64 = 14 * 24 * 60 * 60 * 1000;
const SALT_BYTES: usize = 32;
const COMMITMENT_BYTES: usize = 32;

impl Introduction {
    /// Salt (32) ‖ commitment (32) ‖ ciphertext, under a key only the invitation's holders know.
    pub(crate) fn seal(&self, seed: &Secret32) -> Result<Vec<u8>, ClientError> {
        let mut salt = [0; SALT_BYTES];
        random::system().fill_bytes(&mut salt);
        let json = serde_json::to_vec(self).map_err(|error| ClientError::Document {
            reason: error.to_string(),
        })?;
        let key = derive(seed, label::INTRODUCTION, &[]);
        let sealed = committing_aead::seal(&key, &salt, label::INTRODUCTION, b"", &json).map_err(
            |error| ClientError::Document {
                reason: error.to_string(),
            },
        )?;
        Ok([salt.as_slice(), &sealed.commitment, &sealed.ciphertext].concat())
    }

    /// Opens what [`Self::seal`] sealed.
    pub(crate) fn open(seed: &Secret32, bytes: &[u8]) -> Option<Self> {
        let (salt, rest) = bytes.split_first_chunk::<SALT_BYTES>()?;
        let (commitment, ciphertext) = rest.split_first_chunk::<COMMITMENT_BYTES>()?;
        let key = derive(seed, label::INTRODUCTION, &[]);
        let json =
            committing_aead::open(&key, salt, label::INTRODUCTION, b"", commitment, ciphertext)
                .ok()?;
        serde_json::from_slice(&json).ok()
    }
}

impl Nahtlos {
    /// Answers an invitation to found an institution in a network.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`]; where the relay refuses, this home is new again; where it is
    /// not reached, the same call (or a sync) sends the same request again.
    pub fn join_as_institution(
        &mut self,
        transport: &mut dyn Transport,
        invitation: &InvitationText,
        founder: &Founder,
    ) -> Result<(), ClientError> {
        if self.has_pending_enrolment(&invitation.to_string())? {
            return self.send_pending_enrolment(transport);
        }
        if invitation.guardian.is_some() {
            return Err(ClientError::OtherInvitation {
                for_institution: false,
            });
        }
        let home = self.found_home(false)?;
        // The team's own log does not travel in the join request: it is sent once admitted.
        let request: Vec<Vec<u8>> = home
            .prepared
            .iter()
            .filter(|one| one.state.id() != home.team)
            .map(|one| one.operation.bytes().to_vec())
            .collect();
        let introduction = founder.introduction.seal(&invitation.seed)?;
        let request = JoinRequest::sign(invitation, home.institution, request, introduction)
            .map_err(|error| ClientError::Document {
                reason: error.to_string(),
            })?;
        let intents = vec![
            Intent::FirstEpoch { space: home.person },
            Intent::FirstEpoch {
                space: home.institution,
            },
            Intent::AddTeam {
                institution: home.institution,
                team: home.team,
                grant: random::grant_id(),
            },
            Intent::WrapMissing {
                space: invitation.network,
            },
        ];
        let cards = founder_cards(&home, founder);
        self.enrol(
            transport,
            enrolment(&home, invitation, &request, intents, cards),
        )
    }

    /// Answers an invitation to work in a team.
    ///
    /// # Errors
    /// As [`Self::join_as_institution`].
    pub fn join_as_person(
        &mut self,
        transport: &mut dyn Transport,
        invitation: &InvitationText,
        introduction: &Introduction,
    ) -> Result<(), ClientError> {
        if self.has_pending_enrolment(&invitation.to_string())? {
            return self.send_pending_enrolment(transport);
        }
        let Some(institution) = invitation.guardian else {
            return Err(ClientError::OtherInvitation {
                for_institution: true,
            });
        };
        let person = self.prepare(self.create_person(institution), &[], None)?;
        let home = Home {
            person: person.state.id(),
            institution,
            team: invitation.inviting,
            prepared: vec![person],
        };
        let operations = home
            .prepared
            .iter()
            .map(|one| one.operation.bytes().to_vec())
            .collect();
        let sealed = introduction.seal(&invitation.seed)?;
        let request =
            JoinRequest::sign(invitation, home.person, operations, sealed).map_err(|error| {
                ClientError::Document {
                    reason: error.to_string(),
                }
            })?;
        let intents = vec![Intent::FirstEpoch { space: home.person }];
        self.enrol(
            transport,
            enrolment(&home, invitation, &request, intents, Vec::new()),
        )
    }

    /// Invites an institution to this network. The text is to be handed over by a second channel;
    /// it is good once this device has synced.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the network.
    pub fn invite_institution(&mut self, note: &str) -> Result<InvitationText, ClientError> {
        let network = self.network()?;
        self.all_or_nothing(|this| this.invite(network, None, Role::Write, note))
    }

    /// Invites a person to a team of one's own institution.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the team.
    pub fn invite_person(
        &mut self,
        team: &SpaceId,
        role: Role,
        note: &str,
    ) -> Result<InvitationText, ClientError> {
        let institution = self.institution()?;
        self.all_or_nothing(|this| this.invite(*team, Some(institution), role, note))
    }

    fn invite(
        &mut self,
        inviting: SpaceId,
        guardian: Option<SpaceId>,
        role: Role,
        note: &str,
    ) -> Result<InvitationText, ClientError> {
        let action = match guardian {
            Some(_) => "invite into this team",
            None => "invite an institution",
        };
        self.require_manager(&inviting, action)?;
        let text = InvitationText {
            url: self
                .device
                .relay_url
                .clone()
                .ok_or(ClientError::NotEnrolled)?,
            relay: self
                .relay_key()
                .map(|key| VerifyingKeyBytes(*key.as_bytes()))
                .ok_or(ClientError::NotEnrolled)?,
            network: self.network()?,
            inviting,
            guardian,
            seed: Secret32::random(&mut random::system()),
        };
        let not_after_ms = self.now_ms().saturating_add(INVITATION_LIFETIME_MS);
        let record = InvitationRecord {
            text: text.to_string(),
            note: note.to_owned(),
            not_after_ms,
            completed: false,
            compared: None,
            refused: None,
            withdrawn: None,
        };
        self.issue(inviting, text.invitation(), role, &record)?;
        Ok(text)
    }

    /// Keeps an invitation, and decides that its key is to stand in the inviting space's log.
    pub(crate) fn issue(
        &mut self,
        inviting: SpaceId,
        invitation: InvitationId,
        role: Role,
        record: &InvitationRecord,
    ) -> Result<(), ClientError> {
        self.commit(|transaction| {
            let value = records::encode(record);
            transaction.put(Collection::Invitation, b"", &invitation.0, 0, &value)?;
            Ok(())
        })?;
        let intent = Intent::Invite {
            space: inviting,
            invitation,
            role,
            not_after_ms: record.not_after_ms,
        };
        self.decide(intent, &inviting)
    }
}

fn enrolment<'a>(
    home: &'a Home,
    invitation: &'a InvitationText,
    request: &JoinRequest,
    intents: Vec<Intent>,
    cards: Vec<DirectoryEdit>,
) -> Enrolment<'a> {
    Enrolment {
        home,
        network: invitation.network,
        relay_url: &invitation.url,
        relay_key: invitation.relay,
        intents,
        cards,
        path: JOIN_PATH,
        request: request.bytes().to_vec(),
        answers: invitation.to_string(),
    }
}
