//! The canonical text of a version: one form, the same bytes on every device.
//!
//! UTF-8, one line a field, each ended by a line feed: the path's steps joined by slashes, a tab, the
//! value as JSON (PROTOCOL §30). Steps hold neither slash nor control character, and JSON escapes
//! those, so no value can look like another line.

use std::collections::{BTreeMap, BTreeSet};

use super::content::PlanContent;
use crate::fields::{Digest, Field, FieldError, InstitutionId, Party};

/// First line.
const FORMAT: &str = "nahtlos-plan 1";
const NUMBER: &str = "number";
const LEAD: &str = "lead";

/// What is signed: a version's number, who leads the case, and what the plan says.
#[derive(Clone, PartialEq, Eq)]
pub struct VersionText {
    number: u32,
    lead: InstitutionId,
    content: PlanContent,
}

crate::fields::hidden_debug!(VersionText);

impl VersionText {
    /// The text of a version; numbers count from 1.
    pub fn new(number: u32, lead: InstitutionId, content: PlanContent) -> Self {
        Self {
            number,
            lead,
            content,
        }
    }

    /// The canonical text.
    pub fn render(&self) -> String {
        let mut text = format!(
            "{FORMAT}\n{NUMBER}\t{}\n{LEAD}\t{}\n",
            self.number, self.lead
        );
        for (path, value) in self.content.iter() {
            text.push_str(&format!("{}\t{value}\n", path.join("/")));
        }
        text
    }

    /// Reads a canonical text; any other form of the same is refused.
    ///
    /// # Errors
    /// `format` for what is not the canonical text of a version.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let read = read(text).ok_or_else(refused)?;
        if read.render() == text {
            Ok(read)
        } else {
            Err(refused())
        }
    }

    /// The hash of the canonical text.
    pub fn hash(&self) -> Digest {
        Digest::of(self.render().as_bytes())
    }

    /// The version's number, from 1.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The institution that led the case.
    pub const fn lead(&self) -> &InstitutionId {
        &self.lead
    }

    /// What the plan says.
    pub const fn content(&self) -> &PlanContent {
        &self.content
    }

    /// Who must agree: the client, the lead, and every institution that is named responsible.
    pub fn parties(&self) -> BTreeSet<Party> {
        let mut parties = self.content.responsible();
        parties.insert(Party::Institution(self.lead.clone()));
        parties.insert(Party::Client);
        parties
    }
}

fn read(text: &str) -> Option<VersionText> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != FORMAT {
        return None;
    }
    let number: u32 = lines.next()?.strip_prefix(NUMBER)?.trim().parse().ok()?;
    let lead = InstitutionId::parse(lines.next()?.strip_prefix(LEAD)?.trim()).ok()?;
    let mut fields = BTreeMap::new();
    for line in lines {
        let (path, value) = line.split_once('\t')?;
        let value: serde_json::Value = serde_json::from_str(value).ok()?;
        let path = path.split('/').map(str::to_owned).collect();
        fields.insert(path, value.to_string());
    }
    (number > 0).then(|| VersionText::new(number, lead, PlanContent::from_fields(fields)))
}

fn refused() -> FieldError {
    FieldError::new(
        "version_text",
        "format",
        "this is not the text of a version of a plan, or of a newer form",
        "update the program if the version was made by a newer one",
    )
}
