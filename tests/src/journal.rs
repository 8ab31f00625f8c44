//! What tests write into journals and read from them.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, JournalEdit};
use nahtlos_casework::fields::{EntryId, Field, JournalKind, JournalText};
use nahtlos_casework::view::JournalView;
use nahtlos_client::share::Terms;
use nahtlos_protocol::space::Role;

use crate::Home;

/// Above the numbers of the example case's entries.
pub(crate) const FIRST_NOTE: u64 = 1_000_000;

/// A new journal entry that says `entry 7`. Another number makes another entry.
///
/// # Panics
/// Never.
#[must_use]
pub fn note(number: u64) -> Edit {
    note_saying(number, &format!("entry {number}"))
}

/// A new journal entry. Another number makes another entry.
///
/// # Panics
/// Where the text is empty or too long.
#[must_use]
pub fn note_saying(number: u64, text: &str) -> Edit {
    Edit::Journal(JournalEdit::AddEntry {
        id: EntryId::from_random((FIRST_NOTE + number).to_be_bytes()),
        at: None,
        kind: JournalKind::Note,
        text: JournalText::parse(text).expect("a text"),
        correction_of: None,
    })
}

impl Home {
    /// Grants a section of a case to a team or person, at the next sync.
    ///
    /// # Panics
    /// Where the case or the member is not known, or the grant is refused.
    pub fn share(&mut self, case: &str, kind: &SectionKind, with: &str, role: Role, basis: &str) {
        let case = self.nahtlos.find_case(case).expect("the case");
        let directory = self.nahtlos.directory().expect("a directory");
        let member = directory.find_member(with).expect("the member");
        self.nahtlos
            .grant(&case, kind, &member, &Terms::new(role, basis))
            .expect("a manager");
    }

    /// The journal of a case as `author: text`, ascending. Whose name is not known is empty.
    ///
    /// # Panics
    /// Where the journal cannot be read.
    #[must_use]
    pub fn journal(&self, case: &str) -> Vec<String> {
        let case = self.nahtlos.find_case(case).expect("the case");
        let kind = SectionKind::Journal;
        let document = self.nahtlos.section_document_unrecorded(&case, &kind);
        let authors = self.nahtlos.section_authors(&case, &kind);
        let view = JournalView::read(&document.expect("the journal"), &authors.expect("authors"));
        let lines = view.entries.iter().map(|entry| {
            let author = entry.origin.author.as_ref();
            let name = author.map(|author| author.display_name.to_string());
            let text = entry.text.as_ref().map(|text| text.canonical());
            format!("{}: {}", name.unwrap_or_default(), text.unwrap_or_default())
        });
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines
    }
}
