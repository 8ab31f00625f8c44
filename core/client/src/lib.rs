//! One device's replica: an encrypted [`vault`], the logs and documents in it, the sync
//! [`session`], the HTTP [`transport`], and the facade [`Nahtlos`] that the CLI, a local user
//! interface and mobile bindings call. No async runtime stands in its interface.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod acting;
pub mod administrators;
mod admission;
mod apply;
pub mod audit;
mod authorship;
pub mod backups;
mod beginning;
mod borrowed;
pub mod breach;
mod building_on;
pub mod bundle;
pub mod case_erasing;
pub mod cases;
pub mod checking;
pub mod clones;
pub mod closing;
pub mod comparing;
pub mod consent;
pub mod counting;
mod cut_off_keys;
mod device_admission;
mod device_for_colleague;
pub mod devices;
pub mod directory;
mod document_cache;
mod documents;
pub mod drafts;
mod edits;
pub mod ending;
pub mod enquiry;
mod enrolment;
pub mod erasing;
pub mod error;
pub mod explaining;
pub mod fate;
pub mod forks;
pub mod former_people;
mod founding;
pub mod handover;
pub mod held;
#[cfg(feature = "test-key-derivation")]
mod hostile;
#[cfg(feature = "test-key-derivation")]
mod hostile_signing;
pub mod incidents;
mod ingest;
pub mod institution_leaving;
pub mod institution_merging;
pub mod institution_policy;
pub mod intents;
pub mod invitations;
pub mod joining;
pub mod key_notices;
pub mod key_report;
mod keys;
pub mod leaving;
mod left_institutions;
mod logs;
mod nahtlos;
mod names_in_logs;
mod network_managers;
mod notes;
#[cfg(feature = "test-key-derivation")]
mod observed;
mod offering;
mod opening;
pub mod out_of_sight;
mod outbox;
pub mod paper;
mod phases;
pub mod plan_versions;
mod probe;
pub mod profile;
mod random;
pub mod reading;
mod rebuilding;
mod receipts;
mod records;
pub mod recovery;
pub mod refusal;
pub mod reorganising;
pub mod repair;
pub mod revocation;
pub mod rotation;
pub mod searching;
mod seeds;
pub mod session;
pub mod share;
pub mod silence;
#[cfg(feature = "test-key-derivation")]
pub mod simulated;
pub mod slices;
mod snapshots;
mod statements;
pub mod status;
mod summaries;
mod sync;
pub mod team_people;
pub mod transport;
#[cfg(feature = "test-key-derivation")]
pub mod untrusted;
mod upkeep;
pub mod vault;
pub mod vouching;
mod waiting;
pub mod wiping;

pub use cases::{Case, CaseLine};
pub use directory::{
    Directory, HandoverOrder, InstitutionCard, Named, NetworkCard, PersonCard, TeamCard,
};
pub use edits::{KeptEdit, TypedEdit};
pub use error::ClientError;
pub use founding::Founder;
pub use incidents::Incident;
pub use joining::Introduction;
pub use key_notices::KeyNotice;
pub use nahtlos::Nahtlos;
pub use probe::{Identity, RelayProbe};
pub use session::{Progress, SyncReport};
pub use transport::{HttpTransport, Transport, TransportError};
