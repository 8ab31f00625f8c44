//! The change that each kind of document begins with is the one that PROTOCOL §27 says: who wrote by another
//! list of containers would write another document.

use nahtlos_casework::{SectionKind, containers};
use nahtlos_document::Document;

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");

/// Sections whose containers §15 lists.
const FILLED: [SectionKind; 7] = [
    SectionKind::Core,
    SectionKind::Ident,
    SectionKind::Function,
    SectionKind::Journal,
    SectionKind::Tasks,
    SectionKind::Plan,
    SectionKind::Consent,
];

#[test]
fn every_filled_section_begins_with_the_change_that_the_protocol_says() {
    let (_, values) = PROTOCOL.split_once("genesis changes (§15)").unwrap();
    for kind in FILLED {
        let document = Document::genesis(containers(&kind)).unwrap();
        let hash = document.heads()[0].to_string();
        let code = kind.code();
        let stated = values.lines().find_map(|line| {
            let (name, value) = line.trim().split_once(' ')?;
            (name == code).then_some(value.trim())
        });
        assert_eq!(stated, Some(hash.as_str()), "{code}");
        let names = containers(&kind)
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(" ");
        let row = |code: &str| format!("| {code} | {names} |\n");
        let is_listed = PROTOCOL.contains(&row(&format!("`{code}`")))
            || PROTOCOL.contains(&row(&format!("section `{code}`")));
        assert!(is_listed, "the containers of {code} in §15");
    }
}
