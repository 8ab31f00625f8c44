//! What a signature under a version says: the fields of its entry but the signature itself (PROTOCOL §31).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::heads;
use crate::fields::{Digest, Field, InstitutionId, LongText, Party, SignatureMethod};

/// That a party agrees to a version, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanAgreement {
    /// The version's number.
    pub number: u32,
    /// The changes whose plan it is, ascending.
    pub heads: Vec<Digest>,
    /// The hash of the version's canonical text.
    pub text_hash: Digest,
    /// Who agrees by it.
    pub party: Party,
    /// How.
    pub method: SignatureMethod,
    /// The hash of the scanned paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<Digest>,
    /// Who signed, or what was said and to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
    /// The institution for which the device signs.
    pub institution: InstitutionId,
}

impl PlanAgreement {
    /// What is written into the entry, and signed: every field by its name.
    pub fn fields(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        let mut put = |name: &str, value: String| fields.insert(name.to_owned(), value);
        put("number", self.number.to_string());
        put("heads", heads::written(&self.heads));
        put("text_hash", self.text_hash.canonical());
        put("party", self.party.canonical());
        put("method", self.method.canonical());
        if let Some(paper) = &self.paper {
            put("paper", paper.canonical());
        }
        if let Some(note) = &self.note {
            put("note", note.canonical());
        }
        put("institution", self.institution.canonical());
        fields
    }

    /// Reads the fields of an entry; nothing where one is missing or in another form than it is written in.
    /// Fields of a newer version are passed over.
    pub(super) fn read(fields: &BTreeMap<String, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).map(String::as_str);
        let read = Self {
            number: text("number")?.parse().ok()?,
            heads: heads::read(text("heads")?)?,
            text_hash: Digest::parse(text("text_hash")?).ok()?,
            party: Party::parse(text("party")?).ok()?,
            method: SignatureMethod::parse(text("method")?).ok()?,
            paper: match text("paper") {
                Some(paper) => Some(Digest::parse(paper).ok()?),
                None => None,
            },
            note: match text("note") {
                Some(note) => Some(LongText::parse(note).ok()?),
                None => None,
            },
            institution: InstitutionId::parse(text("institution")?).ok()?,
        };
        let as_written = read.fields();
        let mut written = as_written.iter();
        written
            .all(|(name, value)| fields.get(name) == Some(value))
            .then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement() -> PlanAgreement {
        PlanAgreement {
            number: 2,
            heads: vec![Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32])],
            text_hash: Digest::of(b"text"),
            party: Party::Client,
            method: SignatureMethod::Paper,
            paper: Some(Digest::of(b"scan")),
            note: LongText::parse("die Mutter unterschrieb").ok(),
            institution: InstitutionId::parse(&"0a".repeat(32)).unwrap(),
        }
    }

    #[test]
    fn an_agreement_reads_as_it_was_written_and_in_no_other_form() {
        let fields = agreement().fields();
        assert_eq!(PlanAgreement::read(&fields), Some(agreement()));
        let mut newer = fields.clone();
        newer.insert("place".into(), "Langnau".into());
        assert_eq!(PlanAgreement::read(&newer), Some(agreement()));
        for (name, value) in [
            ("number", "02"),
            ("number", "-1"),
            ("heads", ""),
            ("text_hash", "AB"),
            ("party", " client"),
            ("method", "Paper"),
            ("paper", &"AB".repeat(32)),
            ("note", ""),
            ("institution", ""),
        ] {
            let mut wrong = fields.clone();
            wrong.insert(name.into(), value.into());
            assert_eq!(PlanAgreement::read(&wrong), None, "{name} {value:?}");
        }
        for name in [
            "number",
            "heads",
            "text_hash",
            "party",
            "method",
            "institution",
        ] {
            let mut less = fields.clone();
            less.remove(name);
            assert_eq!(PlanAgreement::read(&less), None, "{name}");
        }
    }
}
