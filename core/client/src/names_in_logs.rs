//! Names that stand in a team's log: of people whom somebody let in who may not write the directory.
//!
//! Who manages a team lets colleagues in, also where they do not administer the institution, or it goes on as
//! another one. A card is written by who administers. So the name goes along with the operation that lets the
//! newcomer in, in the place of a grant's basis, sealed to the institution's people; they see it at once, and the next device
//! that may write the directory makes it a card (PROTOCOL §24). Who stands in a log without a card and without such
//! a name is listed all the same, by the beginning of their id: else nobody could see or remove them.

use std::collections::BTreeMap;

use nahtlos_protocol::crypto::epoch_secret;
use nahtlos_protocol::identifier::{GrantId, KeyId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};

use crate::directory::{Directory, DirectoryEdit, PersonCard, unknown};
use crate::error::ClientError;
use crate::joining::Introduction;
use crate::nahtlos::Nahtlos;
use crate::random;

/// Bytes of the key id before what is sealed.
const KEY_ID_BYTES: usize = 32;

impl Nahtlos {
    /// Whether this device may write cards.
    pub(crate) fn may_write_cards(&self) -> bool {
        self.network()
            .is_ok_and(|network| self.require_writable(&network).is_ok())
    }

    /// How a newcomer introduced themselves, for the operation that lets them into a team: the key id of the
    /// institution's present epoch, and under that what [`epoch_secret::seal_label`] makes. None where this device
    /// does not hold it.
    pub(crate) fn introduction_for_log(
        &self,
        guardian: &SpaceId,
        grant: &GrantId,
        introduction: &Introduction,
    ) -> Option<Vec<u8>> {
        let directory = self.shared_directory().ok()?;
        // Who administers the institution as which it goes on holds that one's key in any case.
        let now = directory.goes_on_as(guardian);
        let institutions = [now, *guardian].into_iter();
        let seed = institutions
            .filter_map(|institution| self.logs().state(&institution))
            .find_map(|state| self.current_seed(&state))?;
        let text = serde_json::to_vec(introduction).ok()?;
        let sealed =
            epoch_secret::seal_label(&seed, &mut random::system(), &grant.0, &text).ok()?;
        let bytes = [seed.key_id().as_slice(), &sealed].concat();
        (bytes.len() <= limits::SEALED_LABEL_BYTES_MAX).then_some(bytes)
    }

    /// What [`Self::introduction_for_log`] made, where this device holds the key.
    fn introduction_in_log(&self, institutions: &[SpaceId], grant: &Grant) -> Option<Introduction> {
        let (key_id, sealed) = grant
            .basis
            .as_deref()?
            .split_first_chunk::<KEY_ID_BYTES>()?;
        let key_id = KeyId(*key_id);
        let ring = self.key_ring();
        institutions.iter().find_map(|institution| {
            let seed = ring.open(institution, &key_id).ok()?;
            let opened = epoch_secret::open_label(&seed, &grant.id.0, sealed).ok()?;
            let introduction: Introduction = serde_json::from_slice(&opened).ok()?;
            (!introduction.name.trim().is_empty()).then_some(introduction)
        })
    }

    /// Completes a directory by the people who stand in a team's log and whom no card names.
    pub(crate) fn add_people_without_card(&self, directory: &mut Directory) {
        let mut found: BTreeMap<SpaceId, Found> = BTreeMap::new();
        let teams = directory
            .teams
            .keys()
            .filter_map(|id| SpaceId::from_hex(id));
        for (team, state) in teams.filter_map(|id| Some((id, self.logs().state(&id)?))) {
            for grant in state.grants() {
                let MemberId::Space(person) = grant.member else {
                    continue;
                };
                if directory.has_card_of(&person) {
                    continue;
                }
                let found = found.entry(person).or_default();
                if grant.ended.is_none() || found.team.is_none() {
                    found.team = Some(team);
                }
                if found.introduction.is_none() {
                    let institutions = institutions_of(directory, &state);
                    found.introduction = self.introduction_in_log(&institutions, grant);
                }
            }
        }
        for (person, found) in found {
            if let Some(card) = self.card_of_found(directory, &person, found) {
                directory.people.insert(person.to_string(), card);
                directory.without_card.insert(person);
            }
        }
    }

    fn card_of_found(
        &self,
        directory: &Directory,
        person: &SpaceId,
        found: Found,
    ) -> Option<PersonCard> {
        let state = self
            .logs()
            .state(person)
            .filter(|state| state.kind() == Kind::Person)?;
        let team = found.team?;
        let id = person.to_string();
        let introduction = found.introduction;
        let card = directory.people.get(&id);
        Some(PersonCard {
            name: introduction
                .as_ref()
                .map_or_else(|| unknown(&id), |one| one.name.clone()),
            function: introduction.map_or_else(String::new, |one| one.function),
            institution: state.guardian()?.to_string(),
            team: Some(directory.taken_over_by(&team).unwrap_or(team).to_string()),
            recovery: card.and_then(|card| card.recovery.clone()),
            handover: card.and_then(|card| card.handover.clone()),
        })
    }

    /// Writes the cards of people of one's institution whom somebody let in who may not write them.
    pub(crate) fn publish_names_in_logs(&mut self) -> Result<(), ClientError> {
        let Ok(directory) = self.shared_directory() else {
            return Ok(());
        };
        if directory.without_card.is_empty() || !self.may_write_cards() {
            return Ok(());
        }
        let named = directory.without_card.iter().filter_map(|person| {
            let id = person.to_string();
            let card = directory.people.get(&id)?;
            let institution = SpaceId::from_hex(&card.institution)?;
            let is_named = card.name != unknown(&id) && self.is_or_became_own(&institution);
            is_named.then(|| DirectoryEdit::Person {
                id,
                card: card.clone(),
            })
        });
        let cards: Vec<DirectoryEdit> = named.collect();
        cards
            .into_iter()
            .try_for_each(|card| self.publish_card(card))
    }
}

/// The institution whose team or person this is, after the one as which it goes on.
fn institutions_of(directory: &Directory, state: &SpaceState) -> Vec<SpaceId> {
    let guardian = state.guardian();
    guardian.map_or_else(Vec::new, |guardian| {
        vec![directory.goes_on_as(&guardian), guardian]
    })
}

/// Somebody in a team's log whom no card names.
#[derive(Default)]
struct Found {
    /// A team that they are in; else one that they were in.
    team: Option<SpaceId>,
    introduction: Option<Introduction>,
}
