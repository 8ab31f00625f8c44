//! Versions of a case's plan: proposing one, signing it, and what is in force.
//!
//! Everything is kept in the plan's own document, and judged anew at every reading from verified
//! authors, signatures and replayed logs ([`nahtlos_casework::plan_version`]).

mod checking;
mod proposing;
mod signing;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::InstitutionId;
use nahtlos_casework::plan_version::{PlanVersions, ReadingRules, institutions_that_led};

pub use proposing::ProposedVersion;
pub use signing::{Agreeing, SignedVersion, VersionChoice};

use crate::cases::Case;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// All versions of a case's plan with their signatures, and what has changed since the one in force; to be
    /// shown to a person: the plan is recorded as read.
    ///
    /// # Errors
    /// [`ClientError::NotShared`] where the plan is not shared, [`ClientError::NoKey`].
    pub fn plan_versions(&self, case: &Case) -> Result<PlanVersions, ClientError> {
        let versions = self.versions_of_plan(case)?;
        self.note_reading(case, &SectionKind::Plan);
        Ok(versions)
    }

    pub(crate) fn versions_of_plan(&self, case: &Case) -> Result<PlanVersions, ClientError> {
        let space = case.section(&SectionKind::Plan)?;
        let document = self.section_document_unrecorded(case, &SectionKind::Plan)?;
        let authors = self.authors(&space)?;
        let rules = ReadingRules {
            authors: &authors,
            signatures: &self.entry_check(space),
            led_by: self.institutions_that_led(case),
        };
        Ok(PlanVersions::read(&document, &rules))
    }

    /// The institutions that ever led a case, in their order; nothing where its core data cannot be read here.
    fn institutions_that_led(&self, case: &Case) -> Option<Vec<InstitutionId>> {
        let core = self
            .section_document_unrecorded(case, &SectionKind::Core)
            .ok()?;
        Some(institutions_that_led(&core))
    }
}
