//! What two people write in a case: eleven changes each in each of its five sections, so that every
//! document is built from 22 changes or more by two authors.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::{EntryId, Field};
use serde_json::{Value, json};

/// Changes that each author makes in each section.
pub const CHANGES_PER_AUTHOR: u64 = 11;
/// Characters of a journal entry, as people write them.
const ENTRY_CHARACTERS: usize = 200;

const WORDS: [&str; 64] = [
    "Telefon",
    "Betrieb",
    "Arbeitsversuch",
    "Pensum",
    "Montag",
    "Gespräch",
    "Unterlagen",
    "Vertrag",
    "Pflege",
    "Schicht",
    "Coach",
    "Einsatz",
    "Bewerbung",
    "Zeugnis",
    "Lohn",
    "Taggeld",
    "Frist",
    "Antwort",
    "Leitung",
    "Team",
    "Pause",
    "Belastung",
    "Ziel",
    "Kurs",
    "Deutsch",
    "Prüfung",
    "Termin",
    "Woche",
    "Monat",
    "Herbst",
    "ruhig",
    "motiviert",
    "pünktlich",
    "schrittweise",
    "gemeinsam",
    "unsicher",
    "regelmässig",
    "möglich",
    "wichtig",
    "offen",
    "spricht",
    "beginnt",
    "meldet",
    "klärt",
    "sucht",
    "erhält",
    "braucht",
    "steigert",
    "besucht",
    "schreibt",
    "mit",
    "ohne",
    "nach",
    "bis",
    "für",
    "über",
    "wegen",
    "trotz",
    "bald",
    "noch",
    "wieder",
    "danach",
    "heute",
    "zuerst",
];
const LANGUAGES: [&str; 4] = ["de", "fr", "it", "en"];

/// What a person sees while working, made of a seed: the same number gives the same text.
pub struct Writer(u64);

impl Writer {
    /// Everything it writes follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Xorshift: repeatable, and good enough for the choice of words.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap_or(0)
    }

    /// Words up to a number of characters.
    pub fn text(&mut self, characters: usize) -> String {
        let mut text = String::new();
        while text.chars().count() < characters {
            text.push_str(WORDS[self.below(WORDS.len())]);
            text.push(if self.below(9) == 0 { '.' } else { ' ' });
        }
        let cut: String = text.chars().take(characters - 1).collect();
        format!("{}.", cut.trim_end())
    }

    fn entry(&mut self) -> String {
        EntryId::from_random(self.next().to_be_bytes()).canonical()
    }

    fn number(&mut self) -> String {
        format!("{:02} {:02}", self.below(90) + 10, self.below(90) + 10)
    }

    /// One more change in a section, of the kind people make there most.
    pub fn change(&mut self, kind: &SectionKind, number: u64) -> Edit {
        let value = match kind {
            SectionKind::Core => self.core(number),
            SectionKind::Function => json!({"function": {"add_assessment": {
                "id": self.entry(),
                "assessment": {"capacity": "40", "from": "2026-09-01", "basis": self.text(30),
                    "limits": self.text(60)},
            }}}),
            SectionKind::Tasks => json!({"tasks": {"add": {
                "id": self.entry(), "title": self.text(50), "due": "2026-10-02", "priority": "2",
            }}}),
            SectionKind::Plan => json!({"plan": {"add_goal": {
                "id": self.entry(), "statement": self.text(100),
            }}}),
            _ => json!({"journal": {"add_entry": {
                "id": self.entry(), "kind": "note", "text": self.text(ENTRY_CHARACTERS),
            }}}),
        };
        edit(value)
    }

    fn core(&mut self, number: u64) -> Value {
        let set = |field: Value| json!({"core": {"set": field}});
        match number % CHANGES_PER_AUTHOR {
            0 => set(json!({"first_name": self.name()})),
            1 => set(json!({"call_name": self.name()})),
            2 => set(json!({"phone": format!("079 555 {}", self.number())})),
            3 => set(json!({"email": format!("{}@example.ch", self.next())})),
            4 => set(json!({"voicemail_allowed": self.below(2) == 0})),
            5 => set(json!({"correspondence_language": LANGUAGES[self.below(4)]})),
            6 => set(json!({"interpreter": LANGUAGES[self.below(4)]})),
            7 => set(json!({"official_name": self.name()})),
            8 => set(json!({"birth": format!("17.05.{}", 1950 + self.below(50))})),
            _ => json!({"core": {"set_body": {
                "institution": format!("body-{}", self.next()),
                "body": {"kind": "soz", "name": self.name(), "contact": self.text(24)},
            }}}),
        }
    }

    fn name(&mut self) -> String {
        format!("{}berger", WORDS[self.below(30)])
    }
}

/// The sections that [`everywhere`] writes in.
pub const SECTIONS: [SectionKind; 5] = [
    SectionKind::Core,
    SectionKind::Function,
    SectionKind::Journal,
    SectionKind::Tasks,
    SectionKind::Plan,
];

/// So many changes in each section of a case.
pub fn everywhere(seed: u64, changes: u64) -> Vec<Edit> {
    let mut writer = Writer::new(seed);
    let mut edits = Vec::new();
    for kind in &SECTIONS {
        edits.extend((0..changes).map(|number| writer.change(kind, number)));
    }
    edits
}

/// The name a case is found by.
pub fn official_name(number: usize) -> Edit {
    let name = format!("Mosimann {number}");
    edit(json!({"core": {"set": {"official_name": name}}}))
}

fn edit(value: Value) -> Edit {
    serde_json::from_value(value).expect("an edit that people could make")
}
