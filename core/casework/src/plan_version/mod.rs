//! Versions of the integration plan: what was agreed to, who signed it, and what has changed since.
//!
//! A version keeps its canonical text ([`VersionText`]) in the plan's own document, so that what was
//! signed can be read, compared and verified whatever became of the history it was made of. Whether
//! it is in force follows from the signatures that count, by rules every reader applies alike
//! ([`PlanVersions::read`]). Signatures themselves are the caller's: this crate has no keys
//! ([`SignatureCheck`]).

mod agreement;
mod content;
mod difference;
pub(crate) mod heads;
mod lead;
mod reading;
mod signature;
mod standing;
mod text;

pub use agreement::PlanAgreement;
pub use content::PlanContent;
pub use difference::{PlanDifference, difference};
pub use lead::institutions_that_led;
pub use reading::{PartyView, PlanVersions, ReadingRules, VersionDoubt, VersionView};
pub use signature::{SignatureCheck, SignatureDoubt, SignatureView, SignedEntry, Signer};
pub use standing::VersionStatus;
pub use text::VersionText;
