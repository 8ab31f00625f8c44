//! What somebody who has a device, and its passphrase, can read: from which epochs were wrapped to it, by
//! whatever way. For a device that was lost: whose data, since when, and what has a new key since.
//!
//! Only logs are asked, never a right: the report says what the keys opened, also where a grant that
//! leads to them had ended or waited. It names a client only where the device it is made on may read
//! their name itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Epoch, Grant, MemberId, WrapRecord};
use serde::Serialize;

use crate::cases::{CaseLine, hex};
use crate::directory::Named;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::former_people::MemberRemoval;
use crate::nahtlos::Nahtlos;
use crate::out_of_sight::TeamOutOfSight;
use crate::records::Intent;
use crate::revocation::{Revocation, last_end};
use crate::rotation::Rotation;

/// Characters of a fingerprint or id by which a device may be named.
const INPUT_CHARACTERS_MIN: usize = 4;

/// What a device can open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreachReport {
    /// Short fingerprint of the device.
    pub device: String,
    /// Its hexadecimal id.
    pub device_id: String,
    /// Whose it is.
    pub person: String,
    /// How its person ceased to be a member of any team; none while they are one.
    pub member_removed: Option<MemberRemoval>,
    /// When it was admitted.
    pub added: Moment,
    /// How its right ended; none where it stands.
    pub revoked: Option<Revocation>,
    /// Whether its end was decided on this device and waits for the next sync: until then the relay serves it.
    pub revocation_waits: bool,
    /// When the relay took in the newest item of it that reached this device, Unix milliseconds. What
    /// was typed on it since has not arrived; it may have received more.
    pub heard_at_ms: Option<u64>,
    /// When this report was made, by this device's clock, Unix milliseconds.
    pub made_at_ms: u64,
    /// Every section it can open something of.
    pub sections: Vec<BreachedSection>,
    /// Its person, and the teams and institutions whose keys it had.
    pub groups: Vec<BreachedGroup>,
    /// Teams of these whose cases this device does not see: what could be opened there is not in this report.
    pub teams_out_of_sight: Vec<TeamOutOfSight>,
}

/// A section whose content somebody with the device can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreachedSection {
    /// Hexadecimal space id.
    pub space: String,
    /// Hexadecimal case id; none where this device may not read what the section is.
    pub case: Option<String>,
    /// Number of the case, where this device may read it.
    pub case_number: Option<String>,
    /// Whom the case is about, where this device may read it.
    pub client: Option<String>,
    /// Section code, where this device may read it.
    pub section: Option<String>,
    /// The keys that it had.
    #[serde(flatten)]
    pub reach: Reach,
}

/// A person, team or institution whose key the device had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreachedGroup {
    /// `person`, `team`, `institution` or `network`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The keys that it had.
    #[serde(flatten)]
    pub reach: Reach,
}

/// Since when a device had a space's keys, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The strongest role it ever had; none where keys came to it though no grant leads there.
    pub role: Option<&'static str>,
    /// When the first of the keys came to it.
    pub since: Moment,
    /// What was written from this moment on can be read with them: the past goes along where it is not
    /// cut off.
    pub content_since: Moment,
    /// When its right there ended: the relay served it nothing from then on. None where it stands.
    pub until: Option<Moment>,
    /// When the space got a key that the device has no way to; what is written since stays closed to it.
    /// None where the present key is one that it had.
    pub new_key_since: Option<Moment>,
}

/// A time, and whose clock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Moment {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Whether the relay's receipt says so; else the clock of who did it.
    pub by_relay: bool,
}

/// What leads to a device in a space: since when each epoch is open to it, and its right.
#[derive(Default)]
struct Opened {
    epochs: BTreeMap<KeyId, Moment>,
}

/// A right of the device in a group or section, whatever became of it.
#[derive(Clone, Copy)]
struct Path {
    role: Role,
    /// None while it stands.
    until: Option<Moment>,
}

impl Nahtlos {
    /// What somebody who has this device of one's institution can read. Without a name: the only one
    /// that was revoked as lost, or is with the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`] by the beginning of its fingerprint or id,
    /// or its person's name where they ever had one only; where the vault cannot be read.
    pub fn breach_report(&self, input: Option<&str>) -> Result<BreachReport, ClientError> {
        let (person, device) = self.device_ever(input)?;
        let state = self.known_person(&person)?;
        let known = state.devices().get(&device);
        let known = known.ok_or_else(|| not_found(&device.to_string()))?;
        let mut report = BreachReport {
            device: Fingerprint::of(&device.0).to_string(),
            device_id: device.to_string(),
            person: self.directory().unwrap_or_default().person_name(&person),
            member_removed: self.member_removal(&person)?,
            added: self.moment(&state, known.added_at),
            revoked: self.revocation(&state, &device),
            revocation_waits: self.revocation_that_waits(&person, &device)?.is_some(),
            heard_at_ms: self.device_heard(&device, &known.verifying)?,
            made_at_ms: self.now_ms(),
            sections: Vec::new(),
            groups: Vec::new(),
            teams_out_of_sight: self.teams_out_of_sight(&Rotation::HeldByDevice(device))?,
        };
        self.follow_keys(&state, &device, &mut report)?;
        Ok(report)
    }

    /// Every space that it can open something of.
    fn follow_keys(
        &self,
        person: &SpaceState,
        device: &DeviceId,
        report: &mut BreachReport,
    ) -> Result<(), ClientError> {
        let cases = self.cases()?;
        for (state, reach) in self.reaches(person, device)? {
            if state.kind() == Kind::Section {
                let section = self.breached_section(&state.id(), reach, &cases);
                report.sections.push(section);
            } else {
                report.groups.push(BreachedGroup {
                    kind: word(state.kind()),
                    name: self.group_name(&state),
                    reach,
                });
            }
        }
        let named = |one: &BreachedSection| (one.case_number.clone(), one.case.clone());
        report
            .sections
            .sort_by_key(|one| (named(one), one.section.clone(), one.space.clone()));
        Ok(())
    }

    /// The spaces whose present key is one that a person's device had.
    pub(crate) fn open_to_device(
        &self,
        person: &SpaceId,
        device: &DeviceId,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        let person = self.known_person(person)?;
        let reaches = self.reaches(&person, device)?.into_iter();
        let open = reaches.filter(|(_, reach)| reach.new_key_since.is_none());
        Ok(open.map(|(state, _)| state.id()).collect())
    }

    /// The keys of a person's own space that came to one of their devices, or that such keys lead to.
    pub(crate) fn keys_open_to(&self, person: &SpaceState, device: &DeviceId) -> BTreeSet<KeyId> {
        let open = self.opened_here(person, device, &Opened::default());
        open.into_keys().collect()
    }

    /// From the device upwards: its person, the person's teams, what these were let into; each that it
    /// ever had a key of.
    pub(crate) fn reaches(
        &self,
        person: &SpaceState,
        device: &DeviceId,
    ) -> Result<Vec<(Arc<SpaceState>, Reach)>, ClientError> {
        let mut opened = Opened::default();
        let mut paths: BTreeMap<SpaceId, Path> = BTreeMap::new();
        let mut spaces = Vec::new();
        for space in self.with_all_above([person.id()])? {
            spaces.extend(self.logs().load(&space)?);
        }
        // Whoever is a member stands on a lower level than what it is a member of.
        spaces.sort_by_key(|state| (state.kind(), state.id()));
        let mut reaches = Vec::new();
        for state in spaces {
            let path = if state.id() == person.id() {
                self.path_of_device(&state, device)
            } else {
                self.path_through(&state, &paths)
            };
            paths.extend(path.map(|path| (state.id(), path)));
            let reach = self.reach(&state, device, path, &mut opened);
            reaches.extend(reach.map(|reach| (state, reach)));
        }
        Ok(reaches)
    }

    fn group_name(&self, state: &SpaceState) -> String {
        let directory = self.shared_directory().unwrap_or_default();
        let network = directory.network.as_ref();
        let network = network.filter(|_| state.kind() == Kind::Network);
        network.map_or_else(|| directory.name(&state.id()), |card| card.name.clone())
    }

    /// None where the device never had a key of the space.
    fn reach(
        &self,
        state: &SpaceState,
        device: &DeviceId,
        path: Option<Path>,
        opened: &mut Opened,
    ) -> Option<Reach> {
        let here = self.opened_here(state, device, opened);
        let since = *here.values().min()?;
        let histories = state.histories().into_iter();
        let began = histories.filter_map(|history| {
            let mut epochs = history.epochs().iter();
            let first = epochs.find(|one| here.contains_key(&one.key_id))?;
            Some(self.moment(history, first.began_at))
        });
        let content_since = began.min().unwrap_or(since);
        let new_key_since = self.closed_since(state, &here);
        opened.epochs.extend(here);
        Some(Reach {
            role: path.map(|path| path.role.word()),
            since,
            content_since,
            until: path.and_then(|path| path.until),
            new_key_since,
        })
    }

    /// When the space got a key that none of these leads to; none where its present key is one of them. What
    /// was written on a branch under keys of the branch was, until the branch was carried back.
    fn closed_since(&self, state: &SpaceState, here: &BTreeMap<KeyId, Moment>) -> Option<Moment> {
        let epochs = state.epochs();
        let is_open = |epoch: &Epoch| here.contains_key(&epoch.key_id);
        let next = epochs.iter().rposition(is_open);
        let next = epochs.get(next.map_or(0, |newest| newest.saturating_add(1)))?;
        let of_log: BTreeSet<KeyId> = epochs.iter().map(|epoch| epoch.key_id).collect();
        let is_its_own = |history: &&SpaceState| {
            let mut epochs = history.epochs().iter();
            epochs.any(|epoch| is_open(epoch) && !of_log.contains(&epoch.key_id))
        };
        let opened = state.branches().iter().filter(|branch| {
            let histories = branch.left_as().histories();
            histories.iter().any(is_its_own)
        });
        let healed = opened.map(|branch| self.moment(state, branch.healed_at));
        healed.chain([self.moment(state, next.began_at)]).max()
    }

    /// The epochs of a space that are open to the device, and since when: wrapped to it or to what is
    /// open to it, made by itself, and what these lead back to. Those of branches that were carried back
    /// too: what was sealed under them is stored still.
    fn opened_here(
        &self,
        state: &SpaceState,
        device: &DeviceId,
        below: &Opened,
    ) -> BTreeMap<KeyId, Moment> {
        let mut here: BTreeMap<KeyId, Moment> = BTreeMap::new();
        let own = RecipientId::from(*device);
        let histories = state.histories();
        let opened_at = |history: &SpaceState, record: &WrapRecord| {
            let at = self.moment(history, record.at);
            if record.recipient.id == own {
                return Some(at);
            }
            let through = below.epochs.get(&record.recipient.key)?;
            Some(at.max(*through))
        };
        for history in &histories {
            for (key_id, records) in history.wrapped_in_the_past() {
                let wrapped = records.iter();
                let wrapped = wrapped.filter_map(|record| opened_at(history, record));
                if let Some(first) = wrapped.min() {
                    here.entry(*key_id)
                        .and_modify(|known| *known = first.min(*known))
                        .or_insert(first);
                }
            }
            for epoch in history.epochs() {
                let wrapped = epoch.recipients.values();
                let wrapped = wrapped.filter_map(|record| opened_at(history, record));
                let made = epoch.began_by == *device;
                let made = made.then(|| self.moment(history, epoch.began_at));
                if let Some(first) = wrapped.chain(made).min() {
                    here.entry(epoch.key_id)
                        .and_modify(|known| *known = first.min(*known))
                        .or_insert(first);
                }
            }
        }
        self.follow_links(&histories, &mut here);
        here
    }

    /// Newest first, so that one look leads as far back as the links go. (A link that was supplied later, or
    /// that leads into a branch, may lead forward in this order: then once more.)
    fn follow_links(&self, histories: &[&SpaceState], here: &mut BTreeMap<KeyId, Moment>) {
        let mut has_more = true;
        while has_more {
            has_more = false;
            for history in histories {
                for epoch in history.epochs().iter().rev() {
                    let Some(since) = here.get(&epoch.key_id).copied() else {
                        continue;
                    };
                    for (earlier, linked_at) in self.links(history, epoch) {
                        let at = since.max(linked_at);
                        let known = here.get(&earlier);
                        if known.is_none_or(|known| at < *known) {
                            here.insert(earlier, at);
                            has_more = true;
                        }
                    }
                }
            }
        }
    }

    fn links(&self, state: &SpaceState, epoch: &Epoch) -> Vec<(KeyId, Moment)> {
        let own = epoch.previous.filter(|_| epoch.link.is_some());
        let own = own.map(|previous| (previous, self.moment(state, epoch.began_at)));
        let later = epoch.links.iter();
        let later = later.map(|link| (link.previous, self.moment(state, link.at)));
        own.into_iter().chain(later).collect()
    }

    fn path_of_device(&self, state: &SpaceState, device: &DeviceId) -> Option<Path> {
        let mut own = state.grants().iter();
        let role = own.find(|grant| grant.member == MemberId::Device(*device))?;
        let end = last_end(state, device);
        Some(Path {
            role: role.role,
            until: end.map(|end| self.moment(state, end.at)),
        })
    }

    /// The weakest link of each way, the strongest way of all; the right ends with the last of them.
    fn path_through(&self, state: &SpaceState, below: &BTreeMap<SpaceId, Path>) -> Option<Path> {
        let holding = |grant: &&Grant| grant.role.holds_keys() && !grant.sponsors.is_empty();
        let ways = state.grants().iter().filter(holding).filter_map(|grant| {
            let MemberId::Space(member) = grant.member else {
                return None;
            };
            let through = below.get(&member)?;
            let ended = grant.ended.map(|end| self.moment(state, end.at));
            let ends = ended.into_iter().chain(through.until);
            let before = grant.changes.iter().map(|change| change.before);
            let strongest = before.chain([grant.role]).max()?;
            Some(Path {
                role: strongest.min(through.role),
                until: ends.min(),
            })
        });
        ways.reduce(|one, other| Path {
            role: one.role.max(other.role),
            until: one
                .until
                .zip(other.until)
                .map(|(one, other)| one.max(other)),
        })
    }

    fn breached_section(
        &self,
        space: &SpaceId,
        reach: Reach,
        cases: &[CaseLine],
    ) -> BreachedSection {
        let label = self.label(space).ok();
        let case = label.as_ref().map(|label| hex(&label.case()));
        let line = cases.iter().find(|line| Some(&line.id) == case.as_ref());
        // A summary of what is not shared with this device any more is no right to it.
        let line = line.filter(|line| {
            let core = line.sections.get("core");
            let core = core.and_then(|core| SpaceId::from_hex(core));
            core.is_some_and(|core| self.reads(&core))
        });
        BreachedSection {
            space: space.to_string(),
            case_number: line.and_then(|line| line.summary.case_number.clone()),
            client: line.and_then(|line| line.summary.display_name.clone()),
            section: label.map(|label| label.kind),
            case,
            reach,
        }
    }

    /// When an operation was taken in by the relay; else when its author says that it was made.
    fn moment(&self, state: &SpaceState, index: u64) -> Moment {
        if let Some(at_ms) = self.received_at(state, index) {
            return Moment {
                at_ms,
                by_relay: true,
            };
        }
        Moment {
            at_ms: state.operation(index).map_or(0, |one| one.claimed_at_ms),
            by_relay: false,
        }
    }

    /// The coded reason of a device's end that was decided here and is not delivered.
    fn revocation_that_waits(
        &self,
        person: &SpaceId,
        device: &DeviceId,
    ) -> Result<Option<u8>, ClientError> {
        let wanted = RecipientId::from(*device);
        let waiting = self.waiting_intents()?.into_iter();
        let mut reasons = waiting.filter_map(|record| match record.intent {
            Intent::Remove {
                space,
                member: Some(member),
                reason,
                ..
            } => (space == *person && member == wanted).then_some(reason),
            _ => None,
        });
        Ok(reasons.next())
    }

    pub(crate) fn known_person(&self, person: &SpaceId) -> Result<Arc<SpaceState>, ClientError> {
        let state = self.logs().load(person)?;
        state.ok_or_else(|| not_found(&person.to_string()))
    }

    /// A device that one's institution has or had.
    fn device_ever(&self, input: Option<&str>) -> Result<(SpaceId, DeviceId), ClientError> {
        let wanted = input.unwrap_or_default().trim().to_lowercase();
        let named = Named::parse(input.unwrap_or_default());
        let directory = self.directory().unwrap_or_default();
        let mut by_device = BTreeSet::new();
        let mut by_person = BTreeSet::new();
        for person in self.people_ever_of_institution()? {
            let Some(state) = self.logs().load(&person)? else {
                continue;
            };
            let name = directory.person_name(&person);
            for device in state.devices().keys() {
                let fingerprint = Fingerprint::of(&device.0).to_string().to_lowercase();
                let starts = |text: String| text.starts_with(&wanted);
                let is_meant = match input {
                    None => {
                        let revoked = self.revocation(&state, device);
                        revoked.is_some_and(|revoked| revoked.reason == Some("device_lost"))
                            || self.revocation_that_waits(&person, device)?
                                == Some(Reason::DeviceLost.code())
                    }
                    Some(_) => {
                        wanted.len() >= INPUT_CHARACTERS_MIN
                            && (starts(device.to_string()) || starts(fingerprint))
                    }
                };
                if is_meant {
                    by_device.insert((person, *device));
                }
                if !named.is_empty() && named.fits(&name, &person.to_string()) {
                    by_person.insert((person, *device));
                }
            }
        }
        let found = if by_device.is_empty() {
            by_person
        } else {
            by_device
        };
        let mut each = found.iter();
        match (each.next(), each.next()) {
            (Some(one), None) => Ok(*one),
            (None, _) => Err(not_found(input.unwrap_or("revoked as lost"))),
            _ => Err(ClientError::Ambiguous {
                what: "devices",
                input: input.unwrap_or("revoked as lost").to_owned(),
                matches: found
                    .iter()
                    .map(|(_, device)| Fingerprint::of(&device.0).to_string())
                    .collect(),
            }),
        }
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Person => "person",
        Kind::Team => "team",
        Kind::Institution => "institution",
        Kind::Network => "network",
        Kind::Section => "section",
    }
}

fn not_found(input: &str) -> ClientError {
    ClientError::NotFound {
        what: "device",
        input: input.to_owned(),
    }
}
