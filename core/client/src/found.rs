//! Founding and joining: a network at a new relay, an institution by invitation, a person by
//! invitation. Everything but the claim and the join request works offline.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::committing_aead;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{InvitationId, SignatureBytes, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::effect::{DeviceKeys, Effect, History, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::replay::admission_message;
use nahtlos_protocol::space::{Draft, NewEpoch, Prepared, SpaceState};
use nahtlos_protocol::wire::claim::{Claim, ClaimRequest, InvitationText};
use nahtlos_protocol::wire::join::JoinRequest;
use nahtlos_protocol::wire::{CLAIM_PATH, JOIN_PATH, Status, SyncResponse};
use rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::directory::{DirectoryEdit, InstitutionCard, NetworkCard, PersonCard, TeamCard};
use crate::documents::TypedEdit;
use crate::error::ClientError;
use crate::intents::{add_space, put_intent};
use crate::nahtlos::{Nahtlos, put_device};
use crate::random;
use crate::records::{self, Intent, IntentRecord, InvitationRecord};
use crate::sync::refusal;
use crate::transport::{Transport, TransportError};
use crate::vault::Collection;

/// How a newcomer introduces themselves: readable only by who invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// The person's name.
    pub name: String,
    /// The person's function, e.g. `coach`.
    pub function: String,
}

/// Who founds: the person at this device and what it belongs to.
#[derive(Clone, Debug)]
pub struct Founder {
    /// The person.
    pub introduction: Introduction,
    /// The institution.
    pub institution: InstitutionCard,
    /// Its first team.
    pub team: String,
}

/// How long an invitation is good, in milliseconds: two weeks.
pub const INVITATION_LIFETIME_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// Key in `Collection::Setting`: cards to publish once the directory can be written.
const CARDS: &[u8] = b"cards-to-publish";
const SALT_BYTES: usize = 32;
const COMMITMENT_BYTES: usize = 32;

impl Introduction {
    /// Salt (32) ‖ commitment (32) ‖ ciphertext, under a key only the invitation's holders know.
    fn seal(&self, seed: &Secret32) -> Result<Vec<u8>, ClientError> {
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
    /// Founds a network at a relay that was never claimed: the institution that coordinates, its
    /// first team, this person, and the network itself.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`]; where the relay refuses or is not reached, nothing has
    /// happened anywhere.
    pub fn found_network(
        &mut self,
        transport: &mut dyn Transport,
        claim: &Claim,
        network: &NetworkCard,
        founder: &Founder,
    ) -> Result<(), ClientError> {
        self.require_new()?;
        let mut home = self.found_home(true)?;
        let institution = self.state_of(&home.prepared, &home.institution)?;
        let create = Draft::new()
            .effect(create(Kind::Network, None, None))
            .effect(Effect::SetRelay { key: claim.relay })
            .effect(add_space(
                random::grant_id(),
                institution.id(),
                Role::Manage,
                None,
                None,
            ))
            .epoch(self.fresh_epoch());
        let founded = self.prepare(create, &home.prepared, None)?;
        let network_id = founded.state.id();
        home.prepared.push(founded);
        let push = home
            .prepared
            .iter()
            .map(crate::session::operation_item)
            .collect();
        let request = ClaimRequest::sign(claim, network_id, push);
        let answer = transport.post(CLAIM_PATH, None, &codec::encode(&request))?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        let response: SyncResponse = decode_answer(&answer.body)?;
        let relay =
            VerifyingKey::from_bytes(&claim.relay.0).map_err(|_| ClientError::OtherRelay)?;
        if !response.is_signed_by(&relay, &self.device_id) {
            return Err(ClientError::OtherRelay);
        }
        let taken = |status| matches!(status, Status::Accepted | Status::Duplicate);
        if !response.results.iter().all(|result| taken(result.status)) {
            return Err(ClientError::Refused {
                code: "claim_items".into(),
                detail: "the relay did not take the founding operations".into(),
            });
        }
        let mut cards = vec![DirectoryEdit::Network(network.clone())];
        cards.extend(founder_cards(&home, founder));
        self.enrol(
            &home,
            network_id,
            &claim.url,
            claim.relay,
            true,
            &[],
            &cards,
        )
    }

    /// Answers an invitation to found an institution in a network.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`]; where the relay refuses or is not reached, nothing has
    /// happened anywhere.
    pub fn join_as_institution(
        &mut self,
        transport: &mut dyn Transport,
        invitation: &InvitationText,
        founder: &Founder,
    ) -> Result<(), ClientError> {
        self.require_new()?;
        if invitation.guardian.is_some() {
            return Err(ClientError::NotFound {
                what: "invitation for an institution",
                input: "this invitation, which is for a person".into(),
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
        post_join(transport, &request)?;
        let intents = [
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
        let (url, relay) = (invitation.url.as_str(), invitation.relay);
        self.enrol(
            &home,
            invitation.network,
            url,
            relay,
            false,
            &intents,
            &cards,
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
        self.require_new()?;
        let Some(institution) = invitation.guardian else {
            return Err(ClientError::NotFound {
                what: "invitation for a person",
                input: "this invitation, which is for an institution".into(),
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
        post_join(transport, &request)?;
        let intents = [Intent::FirstEpoch { space: home.person }];
        let (url, relay) = (invitation.url.as_str(), invitation.relay);
        self.enrol(&home, invitation.network, url, relay, false, &intents, &[])
    }

    /// Invites an institution to this network. The text is to be handed over by a second channel;
    /// it is good once this device has synced.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the network.
    pub fn invite_institution(&mut self, note: &str) -> Result<InvitationText, ClientError> {
        let network = self.network()?;
        self.invite(network, None, Role::Write, note)
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
        self.invite(*team, Some(institution), role, note)
    }

    fn invite(
        &mut self,
        inviting: SpaceId,
        guardian: Option<SpaceId>,
        role: Role,
        note: &str,
    ) -> Result<InvitationText, ClientError> {
        self.require_manager(&inviting, "invite")?;
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
        let invitation: InvitationId = text.invitation();
        let record = InvitationRecord {
            text: text.to_string(),
            note: note.to_owned(),
            not_after_ms,
            completed: false,
        };
        self.commit(|transaction| {
            let value = records::encode(&record);
            transaction.put(Collection::Invitation, b"", &invitation.0, 0, &value)?;
            Ok(())
        })?;
        let intent = Intent::Invite {
            space: inviting,
            invitation,
            role,
            not_after_ms,
        };
        self.decide(intent, &inviting)?;
        Ok(text)
    }

    /// Founds a further team in one's institution.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the institution.
    pub fn found_team(&mut self, name: &str) -> Result<SpaceId, ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "found a team")?;
        let person = self.person()?;
        let draft = Draft::new()
            .effect(create(Kind::Team, Some(institution), None))
            .effect(add_space(
                random::grant_id(),
                person,
                Role::Manage,
                None,
                None,
            ))
            .epoch(self.fresh_epoch());
        let prepared = self.prepare(draft, &[], None)?;
        let team = prepared.state.id();
        self.store_own(&[prepared], |_| Ok(()))?;
        let grant = random::grant_id();
        self.decide(
            Intent::AddTeam {
                institution,
                team,
                grant,
            },
            &institution,
        )?;
        let card = TeamCard {
            name: name.to_owned(),
            institution: institution.to_string(),
        };
        let edit = DirectoryEdit::Team {
            id: team.to_string(),
            card,
        };
        self.edit_space(&self.network()?, &[TypedEdit::Directory(edit)])?;
        Ok(team)
    }

    /// Publishes the cards that waited for the directory to be writable.
    pub(crate) fn publish_waiting_cards(&mut self) -> Result<(), ClientError> {
        let Some(bytes) = self.vault.get(Collection::Setting, CARDS)? else {
            return Ok(());
        };
        let network = self.network()?;
        if self.require_writable(&network).is_err() || self.working_document(&network).is_err() {
            return Ok(());
        }
        let cards: Vec<DirectoryEdit> =
            serde_json::from_slice(&bytes).map_err(|error| ClientError::DamagedRecord {
                reason: error.to_string(),
            })?;
        let edits: Vec<TypedEdit> = cards.into_iter().map(TypedEdit::Directory).collect();
        self.edit_space(&network, &edits)?;
        self.commit(|transaction| {
            transaction.delete(Collection::Setting, CARDS)?;
            Ok(())
        })
    }

    fn require_new(&self) -> Result<(), ClientError> {
        if self.device.person.is_some() {
            return Err(ClientError::AlreadyEnrolled);
        }
        Ok(())
    }

    /// Institution, person and first team. With `epochs` every space gets its first epoch at once;
    /// without, institution and person get theirs when they are admitted (a join request is small).
    fn found_home(&self, epochs: bool) -> Result<Home, ClientError> {
        let founding = create(Kind::Institution, None, Some(self.own_keys()));
        let mut prepared = vec![self.prepare(Draft::new().effect(founding), &[], None)?];
        let institution = last_id(&prepared)?;
        let mut person = self.create_person(institution);
        if epochs {
            person = person.epoch(self.fresh_epoch());
        }
        let person = self.prepare(person, &prepared, None)?;
        let person_id = person.state.id();
        prepared.push(person);
        let mut members = Draft::new()
            .effect(add_space(
                random::grant_id(),
                person_id,
                Role::Administer,
                None,
                None,
            ))
            .effect(add_space(
                random::grant_id(),
                person_id,
                Role::Manage,
                None,
                None,
            ));
        if epochs {
            members = members.epoch(self.fresh_epoch());
        }
        let state = self.state_of(&prepared, &institution)?;
        prepared.push(self.prepare(members, &prepared, Some(&state))?);
        let team = Draft::new()
            .effect(create(Kind::Team, Some(institution), None))
            .effect(add_space(
                random::grant_id(),
                person_id,
                Role::Manage,
                None,
                None,
            ))
            .epoch(self.fresh_epoch());
        let team = self.prepare(team, &prepared, None)?;
        let team_id = team.state.id();
        prepared.push(team);
        if epochs {
            let state = self.state_of(&prepared, &institution)?;
            let seed = self.current_seed(&state).ok_or(ClientError::NotEnrolled)?;
            let add = add_space(random::grant_id(), team_id, Role::Read, None, None);
            let draft = Draft::new().effect(add).wrap_missing(seed);
            prepared.push(self.prepare(draft, &prepared, Some(&state))?);
        }
        Ok(Home {
            person: person_id,
            institution,
            team: team_id,
            prepared,
        })
    }

    fn create_person(&self, institution: SpaceId) -> Draft {
        let message = admission_message(None, self.device_id);
        let countersignature = self.keys.signing.sign(label::ADMISSION_SIGN, &message);
        Draft::new()
            .effect(create(Kind::Person, Some(institution), None))
            .effect(Effect::Add {
                grant: random::grant_id(),
                member: Member::Device {
                    keys: self.own_keys(),
                    countersignature: SignatureBytes(*countersignature.as_bytes()),
                },
                role: Role::Manage,
                history: History::Full,
                basis: None,
                not_after_ms: None,
                invitation: None,
            })
    }

    fn own_keys(&self) -> DeviceKeys {
        let public = self.keys.public_keys();
        DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        }
    }

    pub(crate) fn fresh_epoch(&self) -> NewEpoch {
        let seed = EpochSeed::random(&mut random::system());
        self.seeds.put(&seed);
        NewEpoch {
            seed,
            previous: None,
            label: None,
        }
    }

    /// Prepares on our logs with what was prepared before laid over them.
    pub(crate) fn prepare(
        &self,
        draft: Draft,
        before: &[Prepared],
        state: Option<&SpaceState>,
    ) -> Result<Prepared, ClientError> {
        let above = before
            .iter()
            .map(|one| (one.state.id(), std::sync::Arc::new(one.state.clone())))
            .collect();
        let logs = crate::logs::Overlay {
            below: self.logs(),
            above,
        };
        let mut rng = random::system();
        Ok(draft.prepare(&logs, &self.key_ring(), &self.author(), &mut rng, state)?)
    }

    fn state_of(&self, prepared: &[Prepared], space: &SpaceId) -> Result<SpaceState, ClientError> {
        prepared
            .iter()
            .rev()
            .find(|one| one.state.id() == *space)
            .map(|one| one.state.clone())
            .ok_or(ClientError::NotEnrolled)
    }

    #[allow(clippy::too_many_arguments)]
    fn enrol(
        &mut self,
        home: &Home,
        network: SpaceId,
        relay_url: &str,
        relay_key: VerifyingKeyBytes,
        admitted: bool,
        intents: &[Intent],
        cards: &[DirectoryEdit],
    ) -> Result<(), ClientError> {
        let mut device = self.device.clone();
        device.person = Some(home.person);
        device.institution = Some(home.institution);
        device.team = Some(home.team);
        device.network = Some(network);
        device.relay_url = Some(relay_url.to_owned());
        device.relay_key = Some(relay_key);
        device.admitted = admitted;
        let cards = serde_json::to_vec(cards).map_err(|error| ClientError::Document {
            reason: error.to_string(),
        })?;
        let now_ms = self.now_ms();
        self.store_own(&home.prepared, |transaction| {
            put_device(transaction, &device)?;
            for (offset, intent) in (0u64..).zip(intents) {
                let record = IntentRecord {
                    id: random::nonce(&mut random::system()),
                    intent: intent.clone(),
                    decided_at: None,
                    decided_at_ms: now_ms.saturating_add(offset),
                };
                put_intent(transaction, &record)?;
            }
            transaction.put(Collection::Setting, b"", CARDS, 0, &cards)?;
            Ok(())
        })?;
        self.device = device;
        Ok(())
    }
}

/// What founding made.
struct Home {
    person: SpaceId,
    institution: SpaceId,
    team: SpaceId,
    prepared: Vec<Prepared>,
}

/// The founding effect of a space.
pub(crate) fn create(kind: Kind, guardian: Option<SpaceId>, founder: Option<DeviceKeys>) -> Effect {
    Effect::Create {
        kind,
        nonce: random::nonce(&mut random::system()),
        guardian,
        founder,
    }
}

fn founder_cards(home: &Home, founder: &Founder) -> Vec<DirectoryEdit> {
    let institution = home.institution.to_string();
    vec![
        DirectoryEdit::Institution {
            id: institution.clone(),
            card: founder.institution.clone(),
        },
        DirectoryEdit::Team {
            id: home.team.to_string(),
            card: TeamCard {
                name: founder.team.clone(),
                institution: institution.clone(),
            },
        },
        DirectoryEdit::Person {
            id: home.person.to_string(),
            card: PersonCard {
                name: founder.introduction.name.clone(),
                function: founder.introduction.function.clone(),
                institution,
                team: Some(home.team.to_string()),
            },
        },
    ]
}

fn last_id(prepared: &[Prepared]) -> Result<SpaceId, ClientError> {
    prepared
        .last()
        .map(|one| one.state.id())
        .ok_or(ClientError::NotEnrolled)
}

fn post_join(transport: &mut dyn Transport, request: &JoinRequest) -> Result<(), ClientError> {
    let answer = transport.post(JOIN_PATH, None, request.bytes())?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(refusal(&answer))
    }
}

fn decode_answer(body: &[u8]) -> Result<SyncResponse, ClientError> {
    codec::decode(body, nahtlos_protocol::limits::SYNC_RESPONSE_BYTES_MAX).map_err(|error| {
        TransportError::NotARelay {
            reason: error.to_string(),
        }
        .into()
    })
}
