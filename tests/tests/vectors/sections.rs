//! What version 1 gained with the sections of a case file: which containers the document of each is
//! born with, and the genesis that follows.

use nahtlos_casework::{PLAIN_SECTIONS, SectionKind, containers};
use nahtlos_document::Document;
use serde_json::{Value, json};

use crate::forms::file;
use crate::support::{each, stored};

fn sections() -> Vec<SectionKind> {
    let parts = ["measure/m1", "internal/iv", "meeting/t1", "employer/e1"];
    let parts = parts.iter().map(|code| SectionKind::from_code(code));
    let newer = SectionKind::from_code("genetics");
    PLAIN_SECTIONS
        .into_iter()
        .chain(parts)
        .chain([newer])
        .collect()
}

/// The one head of a new document; none for a section without containers.
fn genesis(section: &SectionKind) -> Option<String> {
    let document = Document::genesis(containers(section)).unwrap();
    document.heads().first().map(ToString::to_string)
}

fn made() -> Vec<Value> {
    let vector = |section: &SectionKind| {
        json!({
            "name": section.code(),
            "containers": containers(section),
            "hash": genesis(section),
        })
    };
    sections().iter().map(vector).collect()
}

#[test]
fn the_document_of_every_section_begins_as_it_did() {
    let stored = stored("added/sections.json", || {
        file(
            "§15",
            "containers and genesis of every section's document",
            made(),
        )
    });
    let vectors: Vec<(&str, &Value)> = each(&stored).collect();
    assert_eq!(vectors.len(), sections().len());
    for (section, (name, vector)) in sections().iter().zip(vectors) {
        assert_eq!(section.code(), name);
        assert_eq!(vector["containers"], json!(containers(section)), "{name}");
        assert_eq!(vector["hash"], json!(genesis(section)), "{name}");
    }
}
