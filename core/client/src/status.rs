//! What a person should know about this device: what is not delivered, what is held, what waits.

use nahtlos_protocol::counting::HeldReason;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, authority};
use serde::Serialize;

use crate::backups::RestoredBackup;
use crate::bundle::CarriedLine;
use crate::clones::OtherCopy;
use crate::comparing::words_of;
use crate::edits::KeptEdit;
use crate::error::ClientError;
use crate::fate::Fate;
use crate::forks::{Fork, LostAddition};
use crate::former_people::{InstitutionLeft, MemberRemoval, TeamLeft};
use crate::incidents::Incident;
use crate::ingest::NOT_LOOKED_AT;
use crate::intents::returned::Decision;
use crate::nahtlos::Nahtlos;
use crate::records::{self, HeldItem, HeldRecord};
use crate::revocation::Revocation;
use crate::silence::InstitutionHeard;
use crate::vault::Collection;

/// The reason of what waits for a key that has not arrived.
const KEY_AWAITED: &str = "pending";

/// The state of this device.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The person, as the directory names them.
    pub person: Option<String>,
    /// The institution; of one that was merged, with what it is now.
    pub institution: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// Whether the person is in that team no longer.
    pub team_left: bool,
    /// The network.
    pub network: Option<String>,
    /// Short fingerprint of this device.
    pub device: String,
    /// The same as words, to be read to somebody who compares them.
    pub device_words: String,
    /// Short fingerprint of the person: what they read to somebody who confirms them.
    pub person_fingerprint: Option<String>,
    /// The same as words: what a new administrator reads to who confirms them.
    pub person_words: Option<String>,
    /// Short fingerprint of the team.
    pub team_fingerprint: Option<String>,
    /// Relay address.
    pub relay: Option<String>,
    /// `new`, `unanswered` (founding or joining was begun, and the next sync goes on with it),
    /// `waiting_for_admission`, `waiting_for_confirmation` (this device was added, and another administrator
    /// has to confirm it before it receives a key), `enrolled`, `revoked` (this device's right ended),
    /// `removed` (its person is a member of nothing any more) or `outside` (its institution left the network).
    pub enrolment: &'static str,
    /// Last complete sync, Unix milliseconds.
    pub synced_at_ms: Option<u64>,
    /// Edits typed here that the relay has not confirmed.
    pub undelivered_edits: u64,
    /// What bundles brought from others and the relay does not have yet.
    pub carried: Vec<CarriedLine>,
    /// Changes of access that wait for the next sync.
    pub waiting_decisions: Vec<String>,
    /// Changes of access that came back: a person must decide them again, or drop them.
    pub returned_decisions: Vec<Decision>,
    /// What is held and why.
    pub held: Vec<HeldLine>,
    /// Invitations issued here and not answered.
    pub open_invitations: Vec<String>,
    /// Sections shared with this device that claim a case they are no part of; they are not shown.
    pub foreign_sections: usize,
    /// How often the relay went back to an earlier state.
    pub relay_went_back: usize,
    /// Each of these times.
    pub incidents: Vec<Incident>,
    /// Logs that have forked and are not healed yet: nothing is written there.
    pub forks: Vec<Fork>,
    /// Access given on lost branches: it waits for a manager to decide it anew.
    pub lost_additions: Vec<LostAddition>,
    /// Another copy of this home that has written: this one sends nothing any more.
    pub other_copy: Option<OtherCopy>,
    /// This home was restored from a backup: it is read, and never acts as the device it was.
    pub restored_backup: Option<RestoredBackup>,
    /// How this device's right ended: it receives nothing more.
    pub revoked: Option<Revocation>,
    /// How this device's person ceased to be a member of any team: it receives nothing more.
    pub removed: Option<MemberRemoval>,
    /// How this device's institution left the network: it receives nothing more.
    pub institution_left: Option<InstitutionLeft>,
    /// Teams that this device's person is in no longer, while they stay a member of another group.
    pub teams_left: Vec<TeamLeft>,
    /// When each institution of the network was last heard of.
    pub institutions_heard: Vec<InstitutionHeard>,
}

/// Something held: never lost, visible, exportable.
#[derive(Clone, Debug, Serialize)]
pub struct HeldLine {
    /// Stable word.
    pub reason: String,
    /// In words.
    pub sentence: String,
    /// Hexadecimal space id, where known.
    pub space: Option<String>,
    /// Who sent it, as the directory names them, where it is somebody else's.
    pub author: Option<String>,
    /// One's own edits, as typed.
    pub edits: Vec<KeptEdit>,
    /// Hexadecimal id of the held envelope they were in, whose copy was erased here.
    pub id: Option<String>,
    /// What became of that one.
    pub fate: Option<Fate>,
}

impl Nahtlos {
    /// The state of this device.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn status(&self) -> Result<Status, ClientError> {
        let directory = self.directory().unwrap_or_default();
        let name = |space: Option<SpaceId>| space.map(|space| directory.name(&space));
        let fingerprint =
            |space: Option<SpaceId>| space.map(|space| Fingerprint::of(&space.0).to_string());
        let sync = self.sync_record()?;
        let intents = self.waiting_intents()?;
        let incidents = self.incidents()?;
        let (revoked, removed) = (self.own_revocation()?, self.own_removal()?);
        let institution_left = self.own_institution_left()?;
        Ok(Status {
            person: name(self.device.person),
            institution: self
                .device
                .institution
                .map(|own| directory.institution_name(&own)),
            team: name(self.device.team),
            team_left: self.device.team.is_some_and(|team| self.team_left(&team)),
            network: directory.network.as_ref().map(|card| card.name.clone()),
            device: self.device_fingerprint(),
            device_words: self.device_words(),
            person_fingerprint: fingerprint(self.device.person),
            person_words: self.device.person.map(|person| words_of(&person.0)),
            team_fingerprint: fingerprint(self.device.team),
            relay: self.device.relay_url.clone(),
            enrolment: match (self.device.person, self.device.admitted) {
                (None, _) => "new",
                _ if self.is_enrolment_unanswered()? => "unanswered",
                _ if revoked.is_some() => "revoked",
                _ if removed.is_some() => "removed",
                _ if institution_left.is_some() => "outside",
                (Some(_), false) => "waiting_for_admission",
                (Some(person), true) if self.waits_to_be_confirmed(&person) => {
                    "waiting_for_confirmation"
                }
                (Some(_), true) => "enrolled",
            },
            synced_at_ms: sync.synced_at_ms,
            undelivered_edits: self.vault.count(Collection::Outbox)?,
            carried: self.carried_lines()?,
            waiting_decisions: intents
                .iter()
                .map(|record| self.describe_intent(&record.intent))
                .collect::<Result<_, _>>()?,
            returned_decisions: self
                .decisions()?
                .into_iter()
                .filter(|decision| decision.state == "returned")
                .collect(),
            held: self.held_lines()?,
            open_invitations: self
                .invitations()?
                .into_iter()
                .map(|open| open.note)
                .collect(),
            foreign_sections: self.foreign_sections()?.len(),
            relay_went_back: incidents.len(),
            incidents,
            forks: self.forks()?,
            lost_additions: self.lost_additions()?,
            other_copy: self.other_copy()?,
            restored_backup: self.restored_backup()?,
            revoked,
            removed,
            institution_left,
            teams_left: self.own_teams_left()?,
            institutions_heard: self.heard_where_enrolled()?,
        })
    }

    /// Whether this device stands in its person's log and nobody who may has confirmed it yet.
    fn waits_to_be_confirmed(&self, person: &SpaceId) -> bool {
        let own = MemberId::Device(self.device_id);
        self.logs().state(person).is_some_and(|state| {
            let mut grants = state.live_grants().filter(|grant| grant.member == own);
            let first = grants.next();
            first.is_some_and(|grant| !grant.is_confirmed())
                && grants.all(|grant| !grant.is_confirmed())
        })
    }

    fn heard_where_enrolled(&self) -> Result<Vec<InstitutionHeard>, ClientError> {
        match self.institutions_heard() {
            Err(ClientError::NotEnrolled) => Ok(Vec::new()),
            other => other,
        }
    }

    /// Everything held, one's own refused edits with what was typed.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn held_lines(&self) -> Result<Vec<HeldLine>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let mut lines = Vec::new();
        for (key, bytes) in self.vault.list_all(Collection::Held)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if record.reason == NOT_LOOKED_AT
                || waits_for_a_manager(&record)
                || self.waits_in_vain(&record)?
            {
                continue;
            }
            let held = match &record.item {
                HeldItem::Edits { .. } => key.get(32..).and_then(EnvelopeId::from_slice),
                HeldItem::Envelope { .. } | HeldItem::Operation { .. } => None,
            };
            let (space, edits) = match &record.item {
                HeldItem::Edits { edits } => (
                    key.get(..32).and_then(SpaceId::from_slice),
                    edits.iter().map(|edit| KeptEdit::of(&edit.edit)).collect(),
                ),
                HeldItem::Operation { .. } | HeldItem::Envelope { .. } => (None, Vec::new()),
            };
            let from = self.sender(&record.item)?;
            let author = from.map(|(author, space)| {
                let who = self.person_of_device(&author, &space);
                who.map_or_else(
                    || format!("unknown device {}", Fingerprint::of(&author.0)),
                    |(person, _)| directory.person_name(&person),
                )
            });
            let space = space.or(from.map(|(_, space)| space));
            lines.push(HeldLine {
                sentence: sentence(&record),
                reason: record.reason,
                space: space.map(|space| space.to_string()),
                author,
                edits,
                id: held.map(|id| id.to_string()),
                fate: held.map(|id| self.fate(&id)).transpose()?,
            });
        }
        Ok(lines)
    }

    /// Which device sent a foreign item, and for which space.
    fn sender(&self, item: &HeldItem) -> Result<Option<(DeviceId, SpaceId)>, ClientError> {
        Ok(match item {
            HeldItem::Operation { bytes, .. } => SignedOperation::decode(bytes)
                .ok()
                .map(|signed| (signed.operation().author, signed.space())),
            HeldItem::Envelope { id } => self.stored_envelope(id)?.map(|envelope| {
                let header = envelope.header();
                (header.author_device, header.space)
            }),
            HeldItem::Edits { .. } => None,
        })
    }

    /// What could not be delivered or applied, by reason.
    pub(crate) fn held_counts(&self) -> Result<Vec<(String, u64)>, ClientError> {
        let mut counts = std::collections::BTreeMap::new();
        for (_, bytes) in self.vault.list_all(Collection::Held)? {
            let record: HeldRecord = records::decode(&bytes)?;
            let is_fault = record.reason != NOT_LOOKED_AT && !is_after_an_end(&record.reason);
            if is_fault && !self.waits_in_vain(&record)? {
                *counts.entry(record.reason).or_insert(0) += 1;
            }
        }
        Ok(counts.into_iter().collect())
    }

    /// Whether something waits for a key that no device has any more.
    fn waits_in_vain(&self, record: &HeldRecord) -> Result<bool, ClientError> {
        match (&record.item, record.reason.as_str()) {
            (HeldItem::Envelope { id }, KEY_AWAITED) => self.is_closed_for_good(id),
            _ => Ok(false),
        }
    }

    /// This device's own right in a space, as a word.
    #[must_use]
    pub fn own_role(&self, space: &SpaceId) -> Option<&'static str> {
        authority::right(&self.logs(), &self.device_id, space)
            .role
            .map(|role| role.word())
    }

    /// One's own edits that the relay refused, as typed, to be taken up again or exported.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn set_aside_edits(&self) -> Result<Vec<HeldLine>, ClientError> {
        let mut lines = self.held_lines()?;
        lines.retain(|line| !line.edits.is_empty());
        Ok(lines)
    }
}

/// An edit that does not count: nothing is wrong with it, and [`Nahtlos::held_list`] lists it.
fn waits_for_a_manager(record: &HeldRecord) -> bool {
    matches!(record.item, HeldItem::Envelope { .. }) && is_after_an_end(&record.reason)
}

/// Whether something does not count because a right had ended: then nothing is wrong with it.
#[must_use]
pub fn is_after_an_end(reason: &str) -> bool {
    HeldReason::ALL.iter().any(|known| known.word() == reason)
}

fn sentence(record: &HeldRecord) -> String {
    match record.reason.as_str() {
        "missing_parents" | "missing_log" => "waits for something that has not arrived yet".into(),
        "pending" | "no_epoch" => "waits for a key from a colleague's device".into(),
        "bad_wrap" => "waits for a key: the one that arrived does not open".into(),
        "not_granted" => "is for a section that is not shared with this device".into(),
        "no_label" => {
            "is for a section that does not say what it is, as no honest program founds one: ask who shared it"
                .into()
        }
        "newer_section" => {
            "is for a kind of section that a newer nahtlos knows: update this program, nothing is lost"
                .into()
        }
        "needs_newer" => "was written by a newer nahtlos: update this program".into(),
        "not_admitted" => {
            "is not taken by the relay: its author's institution takes no part in the network, because it left it \
             or was not let in"
                .into()
        }
        "not_entitled" => "was written without the right to do so".into(),
        "bad_signature" => {
            "is not signed by who it names: forged, or altered on the way; it was not applied"
                .into()
        }
        "gate" => format!(
            "damages the document and was not applied: {}",
            record.detail
        ),
        "parent_is_no_edit" => format!(
            "builds on something that is no edit, as no honest program does: {}",
            record.detail
        ),
        "founding_refused" => format!(
            "a case, section or team founded here was refused by the relay for good ({})",
            record.detail
        ),
        "forked_or_gap" => "contradicts the log this device has".into(),
        "access_ended" | "access_reduced" | "never_entitled" | "closed" | "voided"
        | "builds_on_voided" => crate::held::sentence(&record.reason).into(),
        "case_erased" => {
            "was typed in a case that is erased meanwhile: export it if you need it elsewhere, then put it away"
                .into()
        }
        "builds_on_held" => "needs an edit that does not count".into(),
        other if record.detail.is_empty() => format!("was refused: {other}"),
        other => format!("was refused: {other} ({})", record.detail),
    }
}
