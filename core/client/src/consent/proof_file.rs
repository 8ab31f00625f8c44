//! The file in which a case's consents leave the program: readable by people, and verified by whoever has
//! nothing but the file. What it takes for that goes along: the logs that say whose device signed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the file says that it is.
pub(super) const WHAT: &str = "nahtlos consents";
/// The version of the form.
pub(super) const SCHEMA_VERSION: u64 = 1;

/// A case's consents with what it takes to verify them. Bytes are base64, ids hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    /// What the file is.
    pub what: String,
    /// 1.
    pub schema_version: u64,
    /// The case's id.
    pub case: String,
    /// When it was written, UTC, by the writer's clock: for people.
    pub written_at: String,
    /// What the ids in it stood for when it was written: for people, nobody signed it.
    pub names: BTreeMap<String, String>,
    /// The ledgers of the case; more than one only where two devices opened one at the same time.
    pub ledgers: Vec<ProofLedger>,
    /// Every event, in the order of the ledger.
    pub events: Vec<ProofEvent>,
    /// The logs that say whose devices signed, each from its first operation on.
    pub logs: Vec<ProofLog>,
}

/// A ledger, and the operation whose hash is its id: it names the institution that keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofLedger {
    /// The ledger's id.
    pub space: String,
    /// Its first operation.
    pub founding: String,
}

/// An event as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofEvent {
    /// The ledger it stands in.
    pub ledger: String,
    /// Its identifier there.
    pub id: String,
    /// What it says, field by field.
    pub fields: BTreeMap<String, String>,
    /// The signature over all of it; none where the event was not signed.
    pub signature: Option<String>,
}

/// A log as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofLog {
    /// Whose log.
    pub space: String,
    /// Its operations from the first on.
    pub operations: Vec<String>,
}
