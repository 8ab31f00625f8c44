//! Proposing a version of the plan: the lead's, of a plan without open conflicts.

use nahtlos_casework::edit::{Edit, NewVersion, PlanEdit, Wording};
use nahtlos_casework::fields::{Digest, FieldError, InstitutionId};
use nahtlos_casework::plan_version::{PlanContent, PlanVersions, VersionText, VersionView};
use nahtlos_casework::{SectionKind, conflicts};
use nahtlos_document::Document;

use crate::cases::Case;
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;

const PROPOSE: &str = "propose a version of this plan";

/// A version that was proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedVersion {
    /// Its number.
    pub number: u32,
    /// What tells it apart on paper.
    pub code: String,
}

impl Nahtlos {
    /// Keeps what the plan says now as its next version, to be signed. Works offline.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution leads the case; [`ClientError::Field`] where
    /// the plan is empty, has conflicts that nobody has settled, or says what its newest version says.
    /// Nothing is changed then.
    pub fn propose_plan_version(&mut self, case: &Case) -> Result<ProposedVersion, ClientError> {
        let (proposed, edit) = self.new_version(case)?;
        self.edit_space(&case.section(&SectionKind::Plan)?, &[edit])?;
        Ok(proposed)
    }

    /// What [`Self::propose_plan_version`] would propose.
    ///
    /// # Errors
    /// As there.
    pub fn preview_plan_version(&self, case: &Case) -> Result<ProposedVersion, ClientError> {
        let (proposed, edit) = self.new_version(case)?;
        self.make_edits(&case.section(&SectionKind::Plan)?, &[edit])?;
        Ok(proposed)
    }

    fn new_version(&self, case: &Case) -> Result<(ProposedVersion, TypedEdit), ClientError> {
        let lead = self.require_lead(case, PROPOSE)?;
        let space = case.section(&SectionKind::Plan)?;
        let document = self.working_document(&space)?;
        self.refuse_open_conflicts(case, &document)?;
        let versions = self.versions_of_plan(case)?;
        let content = PlanContent::of(&document.read());
        refuse_nothing_new(&versions, &content, &lead)?;
        let text = VersionText::new(versions.next_number(&lead), lead, content);
        let heads = document.heads();
        let proposed = ProposedVersion {
            number: text.number(),
            code: text.hash().code(),
        };
        let edit = Edit::Plan(PlanEdit::ProposeVersion(NewVersion {
            id: random::entry_id(),
            heads: heads
                .iter()
                .map(|head| Digest::from_bytes(*head.as_bytes()))
                .collect(),
            text: Wording::new(text.render()),
        }));
        edit.validate()?;
        Ok((proposed, TypedEdit::Case(edit)))
    }

    fn refuse_open_conflicts(&self, case: &Case, plan: &Document) -> Result<(), ClientError> {
        let authors = self.section_authors(case, &SectionKind::Plan)?;
        match conflicts(plan, &SectionKind::Plan, &authors).len() {
            0 => Ok(()),
            1 => Err(not_settled(
                "the plan has a conflict that nobody has settled",
            )),
            _ => Err(not_settled(
                "the plan has conflicts that nobody has settled",
            )),
        }
    }
}

fn not_settled(reason: &'static str) -> ClientError {
    FieldError::new(
        "plan",
        "conflicts",
        reason,
        "settle it first, because nobody signs what two people say differently: `nahtlos conflict`",
    )
    .into()
}

fn refuse_nothing_new(
    versions: &PlanVersions,
    content: &PlanContent,
    lead: &InstitutionId,
) -> Result<(), ClientError> {
    if content.is_empty() {
        let remedy = "write goals and steps first, with `nahtlos plan goal add CASE`";
        return Err(FieldError::new("plan", "empty", "the plan says nothing yet", remedy).into());
    }
    // What a lead before proposed stands in nobody's way.
    let own = |version: &&VersionView| version.doubt.is_none() && version.lead == *lead;
    let newest = versions.versions.iter().rfind(own);
    let says_the_same = |version: &&VersionView| version.text.content() == content;
    match newest
        .filter(says_the_same)
        .or_else(|| versions.in_force().filter(says_the_same))
    {
        None => Ok(()),
        Some(version) => Err(FieldError::new(
            "plan",
            "unchanged",
            format!("the plan says what its version {} says", version.number),
            "sign that one with `nahtlos plan sign CASE`, or change the plan first",
        )
        .into()),
    }
}
