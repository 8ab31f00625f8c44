//! Consents as proof: written with the logs that say who signed, and verified from the file alone, without
//! a vault, a relay or a network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use data_encoding::BASE64;
use nahtlos_casework::edit::CONSENT_CASE;
use nahtlos_casework::fields::{Field, UtcTime};
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority::{self, Knowledge};
use nahtlos_protocol::space::effect::Effect;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{LogHead, Logs, SpaceState};
use nahtlos_protocol::statement::{Statement, StatementError, StatementKind, StatementSignature};
use serde::Serialize;

use super::proof_file::{ProofEvent, ProofFile, ProofLedger, ProofLog, SCHEMA_VERSION, WHAT};
use crate::cases::{Case, hex};
use crate::error::ClientError;
use crate::logs::operation_key;
use crate::nahtlos::Nahtlos;
use crate::statements::read_signature;
use crate::vault::Collection;

/// Bytes of a file that is read.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why an event does not hold although it is signed.
const OF_ANOTHER_CASE: &str = "it was signed in another case than the file names";

/// Why an event cannot be judged whose signer knew of a healed fork.
const AFTER_A_HEALED_FORK: &str =
    "it was signed after a healed fork of a log: it cannot be judged from this file alone";

/// What a file's logs say.
struct Replayed {
    logs: BTreeMap<SpaceId, Arc<SpaceState>>,
    /// Whether one of them goes no further because a lost branch was carried back there.
    stops_at_heal: bool,
}

/// Consents as they leave the program.
pub type Proof = ProofFile;

/// Why a file is no proof at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is not such a file.
    #[error("this is no file of consents: {reason}")]
    NotAProof {
        /// What is wrong, with the place.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("a newer nahtlos wrote this file")]
    NeedsNewer,
}

/// What verifying a file found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The case's id, as the file says.
    pub case: String,
    /// Whether every event that holds was signed together with this case. Those that an earlier version recorded
    /// name none: of them it is the file's word alone.
    pub case_is_signed: bool,
    /// The institutions that keep the ledgers, each with the fingerprint by which people compare it.
    pub institutions: Vec<ProvenInstitution>,
    /// Event by event.
    pub events: Vec<ProvenEvent>,
}

/// An institution that the file's ledgers name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvenInstitution {
    /// Its id.
    pub id: String,
    /// The id as people compare it.
    pub fingerprint: String,
    /// Its name as the file says; nobody signed it.
    pub name_in_file: Option<String>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvenEvent {
    /// Its identifier.
    pub id: String,
    /// What kind, as it says.
    pub kind: String,
    /// Whether it stands as a device of the institution signed it.
    pub holds: bool,
    /// Why not.
    pub problem: Option<String>,
    /// The device that signed, as people compare it.
    pub signed_by: Option<String>,
    /// The person's id whose device it was; none where it does not hold.
    pub person: Option<String>,
    /// When, by that device's clock, Unix milliseconds.
    pub signed_at_ms: Option<u64>,
}

impl Verified {
    /// Whether there is an event, and each of them holds.
    pub fn holds(&self) -> bool {
        !self.events.is_empty() && self.events.iter().all(|event| event.holds)
    }
}

impl Nahtlos {
    /// The consents of a case with all that it takes to verify them later: by somebody who has the file alone,
    /// after the document was compacted, and after who signed has left.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the case has no ledger here; where the vault cannot be read.
    pub fn prove_consents(&self, case: &Case) -> Result<Proof, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let (mut ledgers, mut events, mut heads) = (Vec::new(), Vec::new(), Vec::new());
        for (space, label) in self.ledgers(&case.id)? {
            let Some(founding) = self.operation_bytes(&space, 0)? else {
                continue;
            };
            ledgers.push(ProofLedger {
                space: space.to_string(),
                founding: BASE64.encode(&founding),
            });
            for recorded in self.ledger(&space, &label)?.recorded {
                let signature = recorded
                    .signature
                    .as_deref()
                    .and_then(|text| read_signature(text).ok());
                heads.extend(signature.into_iter().flat_map(|signed| signed.heads));
                events.push(ProofEvent {
                    ledger: space.to_string(),
                    id: recorded.id,
                    fields: recorded.fields,
                    signature: recorded.signature,
                });
            }
        }
        if ledgers.is_empty() {
            return Err(ClientError::NotFound {
                what: "consent",
                input: hex(&case.id),
            });
        }
        let seconds = i64::try_from(self.now_ms() / 1000).unwrap_or(i64::MAX);
        let mut file = ProofFile {
            what: WHAT.into(),
            schema_version: SCHEMA_VERSION,
            case: case.id.to_string(),
            written_at: UtcTime::from_seconds(seconds)?.canonical(),
            names: self.names_in(&events)?,
            ledgers,
            events,
            logs: self.logs_up_to(&heads)?,
        };
        let directory = self.directory()?;
        for person in file
            .verify()
            .events
            .into_iter()
            .filter_map(|event| event.person)
        {
            if let Some(id) = SpaceId::from_hex(&person) {
                file.names.insert(person, directory.person_name(&id));
            }
        }
        Ok(file)
    }

    fn operation_bytes(&self, space: &SpaceId, index: u64) -> Result<Option<Vec<u8>>, ClientError> {
        let key = operation_key(space, index);
        Ok(self.vault.get(Collection::Operation, &key)?)
    }

    /// These positions and everything they come after, log by log.
    fn logs_up_to(&self, heads: &[LogHead]) -> Result<Vec<ProofLog>, ClientError> {
        let mut logs: BTreeMap<SpaceId, Vec<String>> = BTreeMap::new();
        let mut waiting: Vec<LogHead> = heads.to_vec();
        while let Some(head) = waiting.pop() {
            let operations = logs.entry(head.space).or_default();
            while operations.len() as u64 <= head.index {
                let index = operations.len() as u64;
                let Some(bytes) = self.operation_bytes(&head.space, index)? else {
                    break;
                };
                if let Ok(signed) = SignedOperation::decode(&bytes) {
                    waiting.extend(&signed.operation().references);
                }
                operations.push(BASE64.encode(&bytes));
            }
        }
        let logs = logs.into_iter().map(|(space, operations)| ProofLog {
            space: space.to_string(),
            operations,
        });
        Ok(logs.collect())
    }

    /// What the ids in the events are called now.
    fn names_in(&self, events: &[ProofEvent]) -> Result<BTreeMap<String, String>, ClientError> {
        let directory = self.directory()?;
        let text = serde_json::to_string(events).unwrap_or_default();
        let is_hexadecimal = |word: &&str| word.len() == 64;
        let ids: BTreeSet<&str> = text
            .split(|letter: char| !letter.is_ascii_hexdigit())
            .filter(is_hexadecimal)
            .collect();
        let home = self.institution()?;
        let ids = ids.into_iter().filter_map(SpaceId::from_hex).chain([home]);
        let names = ids.filter_map(|id| {
            let (name, id_text) = (directory.institution_name(&id), id.to_string());
            let is_institution = directory.institutions.contains_key(&id_text);
            let name = if is_institution {
                name
            } else {
                directory.name(&id)
            };
            (!id_text.starts_with(&name)).then_some((id_text, name))
        });
        Ok(names.collect())
    }
}

impl ProofFile {
    /// Reads a file; nothing in it is believed yet.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let not = |reason: String| ProofError::NotAProof { reason };
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(not("it is too large".into()));
        }
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| not(error.to_string()))?;
        if value.get("what").and_then(serde_json::Value::as_str) != Some(WHAT) {
            return Err(not("it does not say that it is one".into()));
        }
        let version = value
            .get("schema_version")
            .and_then(serde_json::Value::as_u64);
        if version.is_some_and(|version| version > SCHEMA_VERSION) {
            return Err(ProofError::NeedsNewer);
        }
        serde_json::from_value(value).map_err(|error| not(error.to_string()))
    }

    /// Verifies every event from the file alone: the logs are replayed, and each event must have been signed, as
    /// it stands there, by a device that belonged to the institution that keeps the ledger.
    ///
    /// That the institution is the one somebody means, they compare by its fingerprint.
    pub fn verify(&self) -> Verified {
        let Replayed {
            logs,
            stops_at_heal,
        } = self.replayed();
        let keepers: BTreeMap<&str, SpaceId> = self
            .ledgers
            .iter()
            .filter_map(|ledger| Some((ledger.space.as_str(), ledger.keeper()?)))
            .collect();
        let institutions: BTreeSet<SpaceId> = keepers.values().copied().collect();
        let institutions = institutions.into_iter().map(|id| ProvenInstitution {
            id: id.to_string(),
            fingerprint: Fingerprint::of(&id.0).to_string(),
            name_in_file: self.names.get(&id.to_string()).cloned(),
        });
        let mut events = Vec::new();
        for event in &self.events {
            let mut proven = event.verify(&keepers, &logs);
            let is_unknown = proven.problem == Some(StatementError::UnknownLog.to_string());
            if is_unknown && stops_at_heal {
                proven.problem = Some(AFTER_A_HEALED_FORK.to_owned());
            }
            let names_another = event.case().is_some_and(|case| *case != self.case);
            if proven.holds && names_another {
                proven.holds = false;
                proven.person = None;
                proven.problem = Some(OF_ANOTHER_CASE.to_owned());
            }
            events.push(proven);
        }
        let mut recorded = self.events.iter();
        Verified {
            case: self.case.clone(),
            case_is_signed: recorded.all(|event| event.case().is_some()),
            institutions: institutions.collect(),
            events,
        }
    }

    /// The logs as far as they hold.
    ///
    /// A branch of a healed fork bears receipts of the network's relay. Whether a key is that relay's, a file cannot
    /// say: whoever makes one could name a relay of their own. So a log holds up to there.
    fn replayed(&self) -> Replayed {
        let mut waiting: Vec<(SpaceId, Vec<SignedOperation>)> = Vec::new();
        for log in &self.logs {
            let operations = log.operations.iter().map_while(|text| {
                let bytes = BASE64.decode(text.as_bytes()).ok()?;
                SignedOperation::decode(&bytes).ok()
            });
            // Taken from the end.
            let mut operations: Vec<SignedOperation> = operations.collect();
            operations.reverse();
            if let Some(space) = SpaceId::from_hex(&log.space) {
                waiting.push((space, operations));
            }
        }
        let mut logs = BTreeMap::new();
        let mut stops_at_heal = false;
        loop {
            let mut went_on = false;
            for (space, operations) in &mut waiting {
                while let Some(next) = operations.last() {
                    // What it comes after is not replayed yet: later.
                    if Knowledge::of(&logs, &next.operation().references).is_err() {
                        break;
                    }
                    let state = match logs.get(space) {
                        Some(state) => {
                            SpaceState::clone(state).append(next, &logs, Signatures::Verify)
                        }
                        None => SpaceState::found(next, &logs, Signatures::Verify),
                    };
                    match state {
                        Ok(state) if state.id() == *space => {
                            logs.insert(*space, Arc::new(state));
                            operations.pop();
                            went_on = true;
                        }
                        // The log holds up to here.
                        _ => {
                            let mut effects = next.operation().effects.iter();
                            stops_at_heal |= effects.any(|it| matches!(it, Effect::Heal { .. }));
                            operations.clear();
                        }
                    }
                }
            }
            if !went_on {
                return Replayed {
                    logs,
                    stops_at_heal,
                };
            }
        }
    }
}

impl ProofLedger {
    /// The institution that its id commits to.
    fn keeper(&self) -> Option<SpaceId> {
        let bytes = BASE64.decode(self.founding.as_bytes()).ok()?;
        let founding = SignedOperation::decode(&bytes).ok()?;
        if founding.space().to_string() != self.space || founding.operation().index != 0 {
            return None;
        }
        match founding.operation().effects.first() {
            Some(Effect::Create { guardian, .. }) => *guardian,
            _ => None,
        }
    }
}

impl ProofEvent {
    /// The case that it was signed with.
    fn case(&self) -> Option<&String> {
        self.fields.get(CONSENT_CASE)
    }

    fn verify(
        &self,
        keepers: &BTreeMap<&str, SpaceId>,
        logs: &BTreeMap<SpaceId, Arc<SpaceState>>,
    ) -> ProvenEvent {
        let signed = self
            .signature
            .as_deref()
            .and_then(|text| read_signature(text).ok());
        let problem = match (&self.signature, &signed) {
            (None, _) => Some("it was not signed".to_owned()),
            (Some(_), None) => Some("what stands for its signature is none".to_owned()),
            (Some(_), Some(signed)) => self.problem_of(signed, keepers, logs),
        };
        let holds = problem.is_none();
        let person = signed.as_ref().filter(|_| holds).and_then(|signed| {
            let institution = logs.state(keepers.get(self.ledger.as_str())?)?;
            authority::person_of(logs, &signed.device, &institution)
        });
        ProvenEvent {
            id: self.id.clone(),
            kind: self.fields.get("kind").cloned().unwrap_or_default(),
            holds,
            problem,
            signed_by: signed
                .as_ref()
                .map(|signed| Fingerprint::of(&signed.device.0).to_string()),
            person: person.map(|person| person.to_string()),
            signed_at_ms: signed.map(|signed| signed.signed_at_ms),
        }
    }

    fn problem_of(
        &self,
        signed: &StatementSignature,
        keepers: &BTreeMap<&str, SpaceId>,
        logs: &BTreeMap<SpaceId, Arc<SpaceState>>,
    ) -> Option<String> {
        let ledger = SpaceId::from_hex(&self.ledger);
        let (Some(ledger), Some(keeper)) = (ledger, keepers.get(self.ledger.as_str())) else {
            return Some("nothing says which institution keeps its ledger".to_owned());
        };
        let statement = Statement {
            kind: StatementKind::ConsentEvent,
            space: ledger,
            entry: &self.id,
            fields: &self.fields,
        };
        let verified = statement.verify(signed, keeper, logs);
        verified.err().map(|error| error.to_string())
    }
}
