//! Founding and joining: a network at a new relay, an institution by invitation, a person by
//! invitation. Everything but the claim and the join request works offline.

use std::collections::BTreeMap;

use nahtlos_casework::fields::FieldError;
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::identifier::{SignatureBytes, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::admission_message;
use nahtlos_protocol::space::effect::{DeviceKeys, Effect, History, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::{Draft, NewEpoch, Prepared, SpaceState};
use nahtlos_protocol::wire::CLAIM_PATH;
use nahtlos_protocol::wire::claim::{Claim, ClaimRequest};

use crate::directory::{DirectoryEdit, InstitutionCard, NetworkCard, PersonCard, TeamCard};
use crate::edits::TypedEdit;
use crate::enrolment::{CARDS, Enrolment};
use crate::error::ClientError;
use crate::intents::add_space;
use crate::joining::Introduction;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;
use crate::transport::Transport;
use crate::vault::Collection;

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

impl Nahtlos {
    /// Founds a network at a relay that was never claimed: the institution that coordinates, its
    /// first team, this person, and the network itself.
    ///
    /// # Errors
    /// [`ClientError::AlreadyEnrolled`]; where the relay refuses, this home is new again; where it is
    /// not reached, the same call (or a sync) sends the same request again.
    pub fn found_network(
        &mut self,
        transport: &mut dyn Transport,
        claim: &Claim,
        network: &NetworkCard,
        founder: &Founder,
    ) -> Result<(), ClientError> {
        if self.has_pending_enrolment(&claim.to_string())? {
            return self.send_pending_enrolment(transport);
        }
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
        let mut cards = vec![DirectoryEdit::Network(network.clone())];
        cards.extend(founder_cards(&home, founder));
        self.enrol(
            transport,
            Enrolment {
                home: &home,
                network: network_id,
                relay_url: &claim.url,
                relay_key: claim.relay,
                intents: Vec::new(),
                cards,
                path: CLAIM_PATH,
                request: codec::encode(&request),
                answers: claim.to_string(),
            },
        )
    }

    /// Founds a further team in one's institution.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the institution;
    /// [`ClientError::Field`] where the institution has a team of this name: people choose by name
    /// whom they share with.
    pub fn found_team(&mut self, name: &str) -> Result<SpaceId, ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "found a team")?;
        if self.directory()?.has_team(&institution, name) {
            return Err(FieldError::new(
                "team",
                "team_exists",
                "there is a team of this name already",
                "choose another name (`nahtlos team` lists them)",
            )
            .into());
        }
        self.all_or_nothing(|this| this.make_team(institution, name))
    }

    fn make_team(&mut self, institution: SpaceId, name: &str) -> Result<SpaceId, ClientError> {
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
            merged_into: None,
        };
        let edit = DirectoryEdit::Team {
            id: team.to_string(),
            card,
        };
        self.publish_card(edit)?;
        Ok(team)
    }

    /// Publishes a card, as soon as the directory is writable: a sync must not break off because it
    /// is not.
    pub(crate) fn publish_card(&mut self, card: DirectoryEdit) -> Result<(), ClientError> {
        let damaged = |error: serde_json::Error| ClientError::DamagedRecord {
            reason: error.to_string(),
        };
        let mut cards: Vec<DirectoryEdit> = match self.vault.get(Collection::Setting, CARDS)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(damaged)?,
            None => Vec::new(),
        };
        cards.push(card);
        let value = serde_json::to_vec(&cards).map_err(damaged)?;
        self.commit(|transaction| {
            transaction.put(Collection::Setting, b"", CARDS, 0, &value)?;
            Ok(())
        })?;
        self.publish_waiting_cards()
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

    /// Institution, person and first team. With `epochs` every space gets its first epoch at once;
    /// without, institution and person get theirs when they are admitted (a join request is small).
    pub(crate) fn found_home(&self, epochs: bool) -> Result<Home, ClientError> {
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

    pub(crate) fn create_person(&self, institution: SpaceId) -> Draft {
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

    pub(crate) fn own_keys(&self) -> DeviceKeys {
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
            cut: false,
        }
    }

    /// Prepares on our logs with what was prepared before laid over them.
    pub(crate) fn prepare(
        &self,
        draft: Draft,
        before: &[Prepared],
        state: Option<&SpaceState>,
    ) -> Result<Prepared, ClientError> {
        let above: BTreeMap<_, _> = before
            .iter()
            .map(|one| (one.state.id(), std::sync::Arc::new(one.state.clone())))
            .collect();
        let logs = crate::logs::Overlay {
            below: self.logs(),
            above: &above,
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
}

/// What founding made.
pub(crate) struct Home {
    pub person: SpaceId,
    pub institution: SpaceId,
    pub team: SpaceId,
    pub prepared: Vec<Prepared>,
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

pub(crate) fn founder_cards(home: &Home, founder: &Founder) -> Vec<DirectoryEdit> {
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
                merged_into: None,
            },
        },
        DirectoryEdit::Person {
            id: home.person.to_string(),
            card: PersonCard {
                name: founder.introduction.name.clone(),
                function: founder.introduction.function.clone(),
                institution,
                team: Some(home.team.to_string()),
                recovery: None,
                handover: None,
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
