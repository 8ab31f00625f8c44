//! The directory: who is who. The network's own document, written by the managers of each
//! institution, read by everybody in the network.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use nahtlos_casework::searching::folded;
use nahtlos_document::{ChangeHash, Document, Editor, Value, WriteError};
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, authority};
use serde::{Deserialize, Serialize};

use crate::acting::Acted;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::recovery::RecoverySet;

/// Top-level maps of the network's document.
pub(crate) const CONTAINERS: &[&str] = &["network", "institutions", "teams", "people"];

/// What is known of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkCard {
    /// Its name.
    pub name: String,
    /// Canton code, the first part of case numbers.
    pub canton: String,
}

/// What is known of an institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstitutionCard {
    /// Its name.
    pub name: String,
    /// Its kind code (`alv`, `iv`, `soz`, …).
    pub kind: String,
    /// The institution that it says it goes on as, hexadecimal space id. Once that one has taken in a team
    /// or person of it, who administers that one writes this one's cards of teams and people, too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub merged_into: Option<String>,
}

/// What is known of a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamCard {
    /// Its name.
    pub name: String,
    /// Its institution, hexadecimal space id.
    pub institution: String,
    /// The team that it was merged into, hexadecimal space id: what was shared with it stays, and nothing
    /// new is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub merged_into: Option<String>,
}

/// What is known of a person who works on cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonCard {
    /// Name as colleagues know it.
    pub name: String,
    /// Function, e.g. `coach`.
    pub function: String,
    /// The institution, hexadecimal space id.
    pub institution: String,
    /// The team, hexadecimal space id; none for the institution's own custodians.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub team: Option<String>,
    /// Of an institution's recovery member: who holds which share of its key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovery: Option<RecoverySet>,
    /// To whom their cases go, by an order of whoever manages the institution.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handover: Option<HandoverOrder>,
}

/// That a person's cases go to another one. Who gives it need not read any of them: a device that leads
/// the cases lists and carries it out, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverOrder {
    /// Who takes over, hexadecimal space id.
    pub to: String,
    /// When it was given, by the clock of who gave it, Unix milliseconds.
    pub ordered_at_ms: u64,
}

/// An edit of the directory, re-appliable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryEdit {
    /// The network's own card.
    Network(NetworkCard),
    /// An institution's card.
    Institution {
        /// Hexadecimal space id.
        id: String,
        /// The card.
        card: InstitutionCard,
    },
    /// A team's card.
    Team {
        /// Hexadecimal space id.
        id: String,
        /// The card.
        card: TeamCard,
    },
    /// A person's card.
    Person {
        /// Hexadecimal space id.
        id: String,
        /// The card.
        card: PersonCard,
    },
}

impl DirectoryEdit {
    /// Each card is one immutable value: two managers who write one concurrently make one conflict,
    /// never a mix.
    pub(crate) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), WriteError> {
        let (container, id, json) = match self {
            Self::Network(card) => ("network", "card", serde_json::to_string(card)),
            Self::Institution { id, card } => {
                ("institutions", id.as_str(), serde_json::to_string(card))
            }
            Self::Team { id, card } => ("teams", id.as_str(), serde_json::to_string(card)),
            Self::Person { id, card } => ("people", id.as_str(), serde_json::to_string(card)),
        };
        // Cards are plain strings: serialising them cannot fail.
        editor.put(
            [container, id].as_slice(),
            Value::String(json.unwrap_or_default()),
        )
    }
}

/// The directory as this device has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Directory {
    /// The network.
    pub network: Option<NetworkCard>,
    /// Institutions by hexadecimal space id.
    pub institutions: BTreeMap<String, InstitutionCard>,
    /// Teams by hexadecimal space id.
    pub teams: BTreeMap<String, TeamCard>,
    /// People by hexadecimal space id.
    pub people: BTreeMap<String, PersonCard>,
    /// Institutions that were merged, and into which: said by their own cards, and by the log of the one
    /// that took something of theirs in.
    #[serde(skip)]
    pub mergers: BTreeMap<String, String>,
    /// The network's space.
    #[serde(skip)]
    pub network_space: Option<SpaceId>,
    /// Of the people, those who stand in a team's log while no card names them.
    #[serde(skip)]
    pub without_card: BTreeSet<SpaceId>,
}

/// Who may write which card: names decide whom people share with, so a card counts only from a
/// device of the institution it speaks of. Evaluated at reading, by every reader.
pub(crate) struct Entitlement<'a> {
    /// The institution (hexadecimal) for which the device behind an automerge actor made a change.
    pub institution_of: &'a dyn Fn(&[u8; 16], &ChangeHash) -> Option<String>,
    /// The institution (hexadecimal) whose team or person a space is, from its log.
    pub guardian_of: &'a dyn Fn(&str) -> Option<String>,
    /// Whether an institution's log (the first) ever took in a team or person of another (both hexadecimal).
    pub took_in: &'a dyn Fn(&str, &str) -> bool,
    /// The institution that coordinates: only it names the network.
    pub coordinating: Option<String>,
}

impl Directory {
    pub(crate) fn read(document: &Document, entitlement: &Entitlement<'_>) -> Self {
        let own = |writer: &str, id: &str| writer == id;
        let cards = Cards {
            document,
            entitlement,
        };
        let institutions = cards.all("institutions", |writer, id, _: &InstitutionCard| {
            own(writer, id)
        });
        let said = institutions.iter().filter_map(|(id, card)| {
            let into = card.merged_into.as_ref()?;
            (entitlement.took_in)(into, id).then(|| (id.clone(), into.clone()))
        });
        let mergers: BTreeMap<String, String> = said.collect();
        let of = |writer: &str, id: &str, institution: &str| {
            (entitlement.guardian_of)(id).as_deref() == Some(institution)
                && became(&mergers, institution).any(|name| name == writer)
        };
        Self {
            network: cards
                .all("network", |writer, _, _: &NetworkCard| {
                    entitlement.coordinating.as_deref() == Some(writer)
                })
                .remove("card"),
            teams: cards.all("teams", |writer, id, card: &TeamCard| {
                of(writer, id, &card.institution)
            }),
            people: cards.all("people", |writer, id, card: &PersonCard| {
                of(writer, id, &card.institution)
            }),
            institutions,
            mergers,
            network_space: None,
            without_card: BTreeSet::new(),
        }
    }

    /// Whether a card names a person.
    pub(crate) fn has_card_of(&self, person: &SpaceId) -> bool {
        let id = person.to_string();
        let card = self.people.get(&id);
        card.is_some_and(|card| card.name != unknown(&id))
    }

    /// The institution that one says, on its own card, to go on as.
    #[must_use]
    pub fn says_it_goes_on_as(&self, institution: &SpaceId) -> Option<SpaceId> {
        let card = self.institutions.get(&institution.to_string())?;
        SpaceId::from_hex(card.merged_into.as_ref()?)
    }

    /// The institution as which one goes on: itself, or the last of those it was merged into.
    #[must_use]
    pub fn goes_on_as(&self, institution: &SpaceId) -> SpaceId {
        let id = institution.to_string();
        let last = became(&self.mergers, &id).last();
        last.and_then(SpaceId::from_hex).unwrap_or(*institution)
    }

    /// The name of an institution, without what it was merged into.
    #[must_use]
    pub fn institution_own_name(&self, institution: &SpaceId) -> String {
        let id = institution.to_string();
        self.institutions
            .get(&id)
            .map_or_else(|| unknown(&id), |card| card.name.clone())
    }

    /// The name of a person, or a short form of the id where nobody published a card.
    #[must_use]
    pub fn person_name(&self, person: &SpaceId) -> String {
        let id = person.to_string();
        self.people
            .get(&id)
            .map_or_else(|| unknown(&id), |card| card.name.clone())
    }

    /// A person's name as the directory has it; where another person is called the same, with the beginning of the
    /// id (hexadecimal), by which they are found, too.
    #[must_use]
    pub fn told_apart(&self, person: &str) -> String {
        let Some(card) = self.people.get(person) else {
            return unknown(person);
        };
        let name = card.name.to_lowercase();
        let mut others = self.people.iter().filter(|(id, _)| *id != person);
        match others.any(|(_, other)| other.name.to_lowercase() == name) {
            true => format!("{} (id {})", card.name, short_id(person)),
            false => card.name.clone(),
        }
    }

    /// What names a person in a command: their name, or the beginning of their id where another person is called
    /// the same.
    #[must_use]
    pub fn named_in_command(&self, person: &SpaceId) -> String {
        let id = person.to_string();
        let name = self.person_name(person);
        match self.told_apart(&id) == name {
            true => name,
            false => short_id(&id).to_owned(),
        }
    }

    /// The name of an institution; of one that was merged, with what it is now.
    #[must_use]
    pub fn institution_name(&self, institution: &SpaceId) -> String {
        let (name, now) = (
            self.institution_own_name(institution),
            self.goes_on_as(institution),
        );
        if now == *institution {
            name
        } else {
            format!("{name} (now {})", self.institution_own_name(&now))
        }
    }

    /// The name of whatever space this is.
    #[must_use]
    pub fn name(&self, space: &SpaceId) -> String {
        let id = space.to_string();
        let person = self.people.get(&id).map(|card| &card.name);
        let team = self.teams.get(&id).map(|card| &card.name);
        let institution = self.institutions.get(&id).map(|card| &card.name);
        let network = self.network.as_ref();
        let network = network.filter(|_| self.network_space.as_ref() == Some(space));
        person
            .or(team)
            .or(institution)
            .or(network.map(|card| &card.name))
            .cloned()
            .unwrap_or_else(|| unknown(&id))
    }

    /// A team or a person, by name, part of a name, or id prefix. Institutions are not offered:
    /// nothing is shared with a whole institution.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_member(&self, input: &str) -> Result<SpaceId, ClientError> {
        let teams = self.teams.iter().map(|(id, card)| {
            let institution = self.institutions.get(&card.institution);
            (
                id,
                card.name.as_str(),
                institution.map_or("", |card| card.name.as_str()),
            )
        });
        let people = self.people.iter().map(|(id, card)| {
            let institution = self.institutions.get(&card.institution);
            (
                id,
                card.name.as_str(),
                institution.map_or("", |card| card.name.as_str()),
            )
        });
        find("team or person", input, teams.chain(people))
    }

    /// An institution, by name, part of a name, or id prefix.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_institution(&self, input: &str) -> Result<SpaceId, ClientError> {
        find(
            "institution",
            input,
            self.institutions
                .iter()
                .map(|(id, card)| (id, card.name.as_str(), "")),
        )
    }

    /// A person, by name, part of a name, or id prefix.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_person(&self, input: &str) -> Result<SpaceId, ClientError> {
        find(
            "person",
            input,
            self.people
                .iter()
                .map(|(id, card)| (id, card.name.as_str(), "")),
        )
    }

    /// The team that took over a team that was merged, and that goes on itself; none for one that does.
    #[must_use]
    pub fn taken_over_by(&self, team: &SpaceId) -> Option<SpaceId> {
        let next = |team: &SpaceId| {
            let card = self.teams.get(&team.to_string())?;
            SpaceId::from_hex(card.merged_into.as_ref()?)
        };
        let mut last = next(team)?;
        // Cards that lead in a circle lead nowhere: as many steps as there are teams.
        for _ in 0..self.teams.len() {
            match next(&last) {
                Some(later) => last = later,
                None => break,
            }
        }
        Some(last)
    }

    /// Whether an institution has a team of this name, however it is capitalised.
    pub(crate) fn has_team(&self, institution: &SpaceId, name: &str) -> bool {
        let (institution, name) = (institution.to_string(), name.trim().to_lowercase());
        self.teams
            .values()
            .any(|card| card.institution == institution && card.name.trim().to_lowercase() == name)
    }

    /// A team, by name, part of a name, or id prefix.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_team(&self, input: &str) -> Result<SpaceId, ClientError> {
        find(
            "team",
            input,
            self.teams
                .iter()
                .map(|(id, card)| (id, card.name.as_str(), "")),
        )
    }
}

/// An institution and those it was merged into, one after the other, hexadecimal. Cards that lead in a circle
/// end: as many steps as there are mergers.
fn became<'a>(
    mergers: &'a BTreeMap<String, String>,
    institution: &'a str,
) -> impl Iterator<Item = &'a str> {
    let next = |id: &&'a str| mergers.get(*id).map(String::as_str);
    std::iter::successors(Some(institution), next).take(mergers.len().saturating_add(1))
}

/// A device that wrote in the directory.
struct Writer {
    institution: SpaceId,
    acted: Acted,
}

/// What somebody is called whom no card names.
pub(crate) fn unknown(id: &str) -> String {
    format!("unknown ({})", short_id(id))
}

fn short_id(id: &str) -> &str {
    id.get(..ID_CHARACTERS).unwrap_or(id)
}

/// The network's document, looked at with the rules of who may write what.
struct Cards<'a> {
    document: &'a Document,
    entitlement: &'a Entitlement<'a>,
}

impl Cards<'_> {
    /// The cards of a container whose writer was entitled. Of concurrent ones the entitled stands.
    fn all<T: for<'a> Deserialize<'a>>(
        &self,
        container: &str,
        entitled: impl Fn(&str, &str, &T) -> bool,
    ) -> BTreeMap<String, T> {
        let reader = self.document.read();
        let mut cards = BTreeMap::new();
        for id in reader.keys([container].as_slice()) {
            let found = reader
                .get_all([container, id.as_str()].as_slice())
                .into_iter()
                .find_map(|written| {
                    let writer = (self.entitlement.institution_of)(
                        written.actor.as_bytes(),
                        &written.change,
                    )?;
                    let card: T = serde_json::from_str(written.value.as_str()?).ok()?;
                    entitled(&writer, &id, &card).then_some(card)
                });
            if let Some(card) = found {
                cards.insert(id, card);
            }
        }
        cards
    }
}

/// Characters of an id that name somebody.
const ID_CHARACTERS: usize = 8;

/// What somebody typed to name a person or a team: a name, a part of it, the beginning of an id, or what lists show
/// of two that are called the same, "Peter Meier (id 80198619)".
pub struct Named {
    small: String,
    folded: String,
    id: Option<String>,
}

impl Named {
    /// Reads what was typed.
    #[must_use]
    pub fn parse(typed: &str) -> Self {
        let typed = typed.trim();
        let shown = typed
            .strip_suffix(')')
            .and_then(|rest| rest.rsplit_once("(id "));
        let shown = shown.filter(|(_, id)| {
            id.len() >= ID_CHARACTERS && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let (name, id) = match shown {
            Some((name, id)) => (name.trim(), Some(id.to_lowercase())),
            None => (typed, None),
        };
        Self {
            small: name.to_lowercase(),
            folded: folded(name),
            id,
        }
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.small.is_empty()
    }

    /// Whether it is this name as it stands, whatever its capitals, of this id (hexadecimal).
    #[must_use]
    pub fn is(&self, name: &str, id: &str) -> bool {
        self.is_of(id) && name.to_lowercase() == self.small
    }

    /// The same, whatever the accents.
    #[must_use]
    pub fn is_folded(&self, name: &str, id: &str) -> bool {
        self.is_of(id) && folded(name) == self.folded
    }

    /// Whether it is a part of this name, whatever capitals and accents, or the beginning of this id.
    #[must_use]
    pub fn fits(&self, name: &str, id: &str) -> bool {
        let is_id = self.small.len() >= ID_CHARACTERS && id.starts_with(&self.small);
        self.is_of(id) && (is_id || folded(name).contains(&self.folded))
    }

    /// Where an id was typed beside the name, it decides.
    fn is_of(&self, id: &str) -> bool {
        self.id.as_ref().is_none_or(|typed| id.starts_with(typed))
    }
}

/// The first of these by which any is found: the name as it stands, the name whatever its accents, also with its
/// institution as lists show it, a part of both as it stands, or whatever its accents, or an id's beginning of at
/// least 8 characters.
fn find<'a>(
    what: &'static str,
    input: &str,
    entries: impl Iterator<Item = (&'a String, &'a str, &'a str)>,
) -> Result<SpaceId, ClientError> {
    let wanted = Named::parse(input);
    let entries: Vec<_> = entries.collect();
    type Entry<'a> = (&'a String, &'a str, &'a str);
    let shown = |(_, name, institution): &Entry<'_>| match *institution {
        "" => vec![(*name).to_owned()],
        of => vec![
            (*name).to_owned(),
            format!("{of} {name}"),
            format!("{name} ({of})"),
        ],
    };
    let tests: [&dyn Fn(&Entry<'_>) -> bool; 4] = [
        &|(id, name, _)| wanted.is(name, id),
        &|entry| {
            shown(entry)
                .iter()
                .any(|name| wanted.is_folded(name, entry.0))
        },
        &|(id, name, institution)| {
            let whole = format!("{institution} {name}").to_lowercase();
            wanted.is_of(id) && whole.contains(&wanted.small)
        },
        &|(id, name, institution)| wanted.fits(&format!("{institution} {name}"), id),
    ];
    let mut found: Vec<&Entry<'_>> = Vec::new();
    for test in tests {
        found = entries.iter().filter(|entry| test(entry)).collect();
        if !found.is_empty() {
            break;
        }
    }
    match found.as_slice() {
        [(id, ..)] if !wanted.is_empty() => SpaceId::from_hex(id).ok_or(ClientError::NotFound {
            what,
            input: input.to_owned(),
        }),
        [] => Err(ClientError::NotFound {
            what,
            input: input.to_owned(),
        }),
        several => Err(ClientError::Ambiguous {
            what,
            input: input.to_owned(),
            matches: told_apart(several),
        }),
    }
}

/// Names, each with its institution; those that are the same with the beginning of their id, by which they
/// are found too.
fn told_apart(several: &[&(&String, &str, &str)]) -> Vec<String> {
    let label = |name: &str, institution: &str| match institution {
        "" => name.to_owned(),
        institution => format!("{institution} {name}"),
    };
    let labels: Vec<String> = several
        .iter()
        .map(|(_, name, institution)| label(name, institution))
        .collect();
    let is_alone = |wanted: &String| labels.iter().filter(|label| *label == wanted).count() == 1;
    several
        .iter()
        .zip(&labels)
        .map(|((id, ..), label)| match is_alone(label) {
            true => label.clone(),
            false => format!("{label} (id {})", id.get(..ID_CHARACTERS).unwrap_or(id)),
        })
        .collect()
}

impl Nahtlos {
    /// Who is who, with one's own edits that are not delivered yet.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::NotAdmitted`], or where the vault cannot be read.
    pub fn directory(&self) -> Result<Directory, ClientError> {
        Ok((*self.shared_directory()?).clone())
    }

    /// The directory, shared with the cache.
    pub(crate) fn shared_directory(&self) -> Result<Arc<Directory>, ClientError> {
        if let Some(known) = self.documents.directory() {
            return Ok(known);
        }
        let network = self.network()?;
        // The same answer as the relay's to who is not admitted, instead of one about keys.
        if !self.device.admitted && self.logs().state(&network).is_none() {
            return Err(ClientError::NotAdmitted);
        }
        let document = self.shared_document(&network)?;
        let writers = self.institutions_of_actors(&network)?;
        let mut directory = Directory::read(
            &document,
            &Entitlement {
                institution_of: &|actor, change| {
                    let writer = writers.get(actor)?;
                    writer
                        .acted
                        .includes(change)
                        .then(|| writer.institution.to_string())
                },
                guardian_of: &|id| {
                    let state = self.logs().state(&SpaceId::from_hex(id)?)?;
                    state.guardian().map(|guardian| guardian.to_string())
                },
                took_in: &|into, from| self.took_in(into, from),
                coordinating: self.coordinating_institution(&network),
            },
        );
        directory.network_space = Some(network);
        self.add_people_without_card(&mut directory);
        let directory = Arc::new(directory);
        self.documents
            .put_directory(network, Arc::clone(&directory));
        Ok(directory)
    }

    /// The institution of each device that wrote in the network's document, by automerge actor, and which of its
    /// changes it made for it: whoever reads there only, or has left, writes by another one's right.
    fn institutions_of_actors(
        &self,
        network: &SpaceId,
    ) -> Result<BTreeMap<[u8; 16], Rc<Writer>>, ClientError> {
        let mut by_device: BTreeMap<DeviceId, Option<Rc<Writer>>> = BTreeMap::new();
        let mut writers = BTreeMap::new();
        for (actor, device) in self.devices_of_actors(network)? {
            if let std::collections::btree_map::Entry::Vacant(new) = by_device.entry(device) {
                new.insert(self.directory_writer(&device, network)?.map(Rc::new));
            }
            if let Some(Some(writer)) = by_device.get(&device) {
                writers.insert(actor, Rc::clone(writer));
            }
        }
        Ok(writers)
    }

    fn directory_writer(
        &self,
        device: &DeviceId,
        network: &SpaceId,
    ) -> Result<Option<Writer>, ClientError> {
        if *device == self.device_id {
            // What is typed here shows here, also what waits to be sent.
            return Ok(self.device.institution.map(|institution| Writer {
                institution,
                acted: Acted::Always,
            }));
        }
        let Some((_, Some(institution))) = self.person_of_device(device, network) else {
            return Ok(None);
        };
        Ok(Some(Writer {
            institution,
            acted: self.acted_for(&institution, device, network, Role::Write)?,
        }))
    }

    /// Whether an institution's log ever took in a team or person whose guardian another one is: with `read`, as
    /// all members are that do not administer it. (Who only administers it, for another one, is not taken in.)
    fn took_in(&self, into: &str, from: &str) -> bool {
        let from = SpaceId::from_hex(from);
        let into = SpaceId::from_hex(into).and_then(|into| self.logs().state(&into));
        into.is_some_and(|into| {
            let mut members = into.grants().iter().filter_map(|grant| match grant.member {
                MemberId::Space(member) if grant.role == Role::Read => Some(member),
                _ => None,
            });
            members.any(|member| {
                let state = self.logs().state(&member);
                from.is_some() && state.is_some_and(|state| state.guardian() == from)
            })
        })
    }

    /// The first institution of the network: the one that founded it.
    fn coordinating_institution(&self, network: &SpaceId) -> Option<String> {
        let state = self.logs().state(network)?;
        state.grants().iter().find_map(|grant| match grant.member {
            MemberId::Space(institution) => Some(institution.to_string()),
            MemberId::Device(_) => None,
        })
    }

    /// The person behind a device, from the logs beneath `space`, and that person's institution,
    /// where the institution's log confirms it.
    pub(crate) fn person_of_device(
        &self,
        device: &DeviceId,
        space: &SpaceId,
    ) -> Option<(SpaceId, Option<SpaceId>)> {
        let logs = self.logs();
        let person = authority::person_of(&logs, device, &*logs.state(space)?)?;
        // A person names its guardian alone; only that institution's own log says who belongs to it.
        let claimed = logs.state(&person).and_then(|state| state.guardian());
        let institution = claimed.filter(|claimed| {
            logs.state(claimed)
                .filter(|home| home.kind() == Kind::Institution)
                .is_some_and(|home| authority::person_of(&logs, device, &home) == Some(person))
        });
        Some((person, institution))
    }
}
