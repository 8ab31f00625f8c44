//! Versions of the plan that are agreed to, and the signatures over them.

use nahtlos_document::Editor;
use serde::{Deserialize, Serialize};

use super::prefixed_path;
use crate::author::Author;
use crate::edit::field_set::ToStored;
use crate::edit::{ApplyError, Wording, require};
use crate::fields::{Digest, EntryId, EntrySignature, FieldError};
use crate::plan_version::{PlanAgreement, VersionText, heads};

/// How the name of a version begins in `plan`.
pub(crate) const VERSION: &str = "version:";
/// How the name of a signature begins in `plan`.
pub(crate) const SIGNATURE: &str = "signature:";
/// The field of a signature's entry that holds the device's signature over all others.
pub(crate) const ENTRY_SIGNATURE: &str = "signature";

/// A version of the plan, to be signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// Its new identifier.
    pub id: EntryId,
    /// The changes whose plan it is, ascending.
    pub heads: Vec<Digest>,
    /// Its canonical text.
    pub text: Wording,
}

/// A signature over a version of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSignature {
    /// Its new identifier.
    pub id: EntryId,
    /// The version.
    pub version: EntryId,
    /// What is agreed to, by whom and how.
    pub agreement: PlanAgreement,
    /// The recording device's signature over it.
    pub signature: EntrySignature,
}

impl NewVersion {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        check_heads(&self.heads)?;
        VersionText::parse(self.text.as_str()).map(|_| ())
    }

    pub(super) fn propose(
        &self,
        editor: &mut Editor<'_>,
        author: &Author,
    ) -> Result<(), ApplyError> {
        let text = VersionText::parse(self.text.as_str())?;
        if text.lead() != &author.institution {
            return Err(ApplyError::NotEntitled {
                institution: author.institution.clone(),
                rule: "only the institution that leads the case proposes a version of its plan",
            });
        }
        let version = prefixed_path(VERSION, &self.id);
        editor.put_map(&version)?;
        editor.put(version.join("heads"), heads::written(&self.heads))?;
        Ok(editor.put(version.join("text"), self.text.as_str())?)
    }
}

impl NewSignature {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        check_heads(&self.agreement.heads)
    }

    pub(super) fn add(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let version = prefixed_path(VERSION, &self.version);
        require(editor, &version, "version of the plan")?;
        let stored = |name: &str| {
            let value = editor.get(version.join(name));
            value.and_then(|value| value.as_str().map(str::to_owned))
        };
        let stored_heads = stored("heads");
        let text_hash = stored("text").map(|text| Digest::of(text.as_bytes()));
        let agreement = &self.agreement;
        if stored_heads != Some(heads::written(&agreement.heads))
            || text_hash != Some(agreement.text_hash)
        {
            return Err(ApplyError::Invalid(FieldError::new(
                "heads",
                "other_heads",
                "what was signed is not this version of the plan",
                "look at the version as it stands here, and let what it says be signed",
            )));
        }
        let signature = prefixed_path(SIGNATURE, &self.id);
        editor.put_map(&signature)?;
        for (name, value) in agreement.fields() {
            editor.put(signature.join(name.as_str()), value)?;
        }
        Ok(editor.put(signature.join(ENTRY_SIGNATURE), self.signature.to_stored())?)
    }
}

fn check_heads(named: &[Digest]) -> Result<(), FieldError> {
    if heads::are_in_order(named) {
        return Ok(());
    }
    Err(FieldError::new(
        "heads",
        "format",
        "the changes that a version is made of are not named once each, in their order",
        "propose the version again",
    ))
}
