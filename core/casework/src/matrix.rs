//! The default access matrix: what each party may do with a section before anybody decides otherwise.
//!
//! The table is data, `core/casework/data/access-matrix.txt`. An agreement or a consent
//! narrows it; only a consent or a legal basis widens it. It is what a grant is proposed from and
//! `share explain` compares with; who can really read is decided by keys alone.

use crate::role::InstitutionKind;
use crate::section::SectionKind;

/// The table: a line of columns, then a line for each section. What stands behind `#` is for people.
const TABLE: &str = include_str!("../data/access-matrix.txt");
/// What the line of columns begins with.
const HEADING: &str = "section";
/// The column of the team that leads the case, and the one of coaches.
const LEAD: &str = "lead";
const COACH: &str = "coach";
/// The column that says who manages the section, and the one that says who writes in it.
const MANAGED_BY: &str = "managed-by";
const WRITTEN_BY: &str = "written-by";

/// A column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// The team that leads the case.
    Lead,
    /// A coach, whatever the institution.
    Coach,
    /// An institution that takes part, by its kind.
    Institution(InstitutionKind),
}

/// What the matrix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `W`: reads and writes.
    Write,
    /// `R`: reads.
    Read,
    /// `–`: nothing.
    None,
    /// `c`: reads only with a consent for that scope.
    ReadWithConsent,
    /// `c W`: reads and writes, both only with a consent for that scope.
    WriteWithConsent,
    /// `l`: reads only on a legal basis; a consent does not replace it.
    ReadByLaw,
    /// `W own`: writes what concerns itself, e.g. a provider its own measure, and nothing else of it.
    WriteOwn,
    /// `own`: notes that are this institution's own; of others' nothing.
    OwnNotes,
    /// `participants`: whoever was invited reads and writes.
    Participant,
    /// `minors`: reads while the person is under age.
    ReadOfMinors,
    /// Reads a slice: a document written for this party, holding a part of the section.
    Slice(SlicePart),
    /// A slice, and only with a consent for that scope.
    SliceWithConsent(SlicePart),
}

/// Which part of a section a slice holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlicePart {
    /// What a provider needs to know of `core`.
    Contact,
    /// The person's name.
    Name,
    /// What a measure needs of the section.
    Extract,
    /// Adaptations of the workplace, without capacity and limits.
    Adaptations,
    /// The party's own lines.
    OwnLines,
    /// What is marked as a note for this party.
    Note,
}

/// What a grant of the whole section is made on, where the matrix allows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Taking part in the case.
    TakingPart,
    /// A consent for that scope, or a legal basis.
    Consent,
    /// A legal basis; a consent does not replace it.
    Law,
    /// That the section is the party's own: its measure, its notes.
    Own,
    /// An invitation to the meeting.
    Invitation,
    /// That the person is under age.
    Minor,
}

/// A grant that the matrix proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// Whether it lets write; else it lets read.
    pub writes: bool,
    /// What it is made on.
    pub condition: Condition,
}

/// Who decides about grants of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManagedBy {
    /// The team that leads the case.
    Lead,
    /// The team for which it was opened, whoever leads the case.
    Opener,
    /// The institution whose section it is.
    Institution,
}

impl Access {
    /// Every word of the table.
    const WORDS: [(&'static str, Self); 16] = [
        ("W", Self::Write),
        ("R", Self::Read),
        ("-", Self::None),
        ("c", Self::ReadWithConsent),
        ("cW", Self::WriteWithConsent),
        ("l", Self::ReadByLaw),
        ("W:own", Self::WriteOwn),
        ("own", Self::OwnNotes),
        ("participant", Self::Participant),
        ("minors", Self::ReadOfMinors),
        ("slice:contact", Self::Slice(SlicePart::Contact)),
        ("slice:name", Self::Slice(SlicePart::Name)),
        ("slice:own", Self::Slice(SlicePart::OwnLines)),
        ("slice:note", Self::Slice(SlicePart::Note)),
        (
            "c-slice:extract",
            Self::SliceWithConsent(SlicePart::Extract),
        ),
        (
            "c-slice:adaptations",
            Self::SliceWithConsent(SlicePart::Adaptations),
        ),
    ];

    /// The access that a word of the table says.
    fn of_word(word: &str) -> Option<Self> {
        let entry = Self::WORDS.iter().find(|entry| entry.0 == word)?;
        Some(entry.1)
    }
}

/// The default for a party in a section; nothing for a section of a newer version.
///
/// A kind of institution that has no column reads nothing by default.
pub fn default_access(section: &SectionKind, party: Party) -> Option<Access> {
    let row = row(section)?;
    let cell = column(party).and_then(|column| row.split_whitespace().nth(column));
    Some(cell.and_then(Access::of_word).unwrap_or(Access::None))
}

/// The grant of the whole section that the matrix proposes for a party; nothing where it reads
/// nothing, or a slice only.
pub fn proposal(section: &SectionKind, party: Party) -> Option<Proposal> {
    let (writes, condition) = match default_access(section, party)? {
        Access::Write => (true, Condition::TakingPart),
        Access::Read => (readers_write(section), Condition::TakingPart),
        Access::ReadWithConsent => (false, Condition::Consent),
        Access::WriteWithConsent => (true, Condition::Consent),
        Access::ReadByLaw => (false, Condition::Law),
        Access::WriteOwn | Access::OwnNotes => (true, Condition::Own),
        Access::Participant => (true, Condition::Invitation),
        Access::ReadOfMinors => (false, Condition::Minor),
        Access::None | Access::Slice(_) | Access::SliceWithConsent(_) => return None,
    };
    Some(Proposal { writes, condition })
}

/// Who decides about grants of a section; nothing for one of a newer version.
pub fn managed_by(section: &SectionKind) -> Option<ManagedBy> {
    Some(match marked(section, MANAGED_BY)? {
        "opener" => ManagedBy::Opener,
        "institution" => ManagedBy::Institution,
        _ => ManagedBy::Lead,
    })
}

/// Whether whoever reads a section also adds to it: entries of their own that nobody changes.
pub fn readers_write(section: &SectionKind) -> bool {
    marked(section, WRITTEN_BY) == Some("readers")
}

fn marked(section: &SectionKind, title: &str) -> Option<&'static str> {
    let column = columns().position(|column| column == title)?;
    row(section)?.split_whitespace().nth(column)
}

fn lines() -> impl Iterator<Item = &'static str> {
    let lines = TABLE.lines().map(|line| {
        let before = line.split('#').next();
        before.unwrap_or_default().trim()
    });
    lines.filter(|line| !line.is_empty())
}

fn columns() -> impl Iterator<Item = &'static str> {
    let heading = lines().find(|line| line.split_whitespace().next() == Some(HEADING));
    heading.unwrap_or_default().split_whitespace()
}

/// The line of a section; of `measure/<id>` the one of `measure`.
fn row(section: &SectionKind) -> Option<&'static str> {
    // A slice has no line of its own: it is a part that the line of its section names.
    if matches!(section, SectionKind::Unknown(_) | SectionKind::Slice(_)) {
        return None;
    }
    let code = section.code();
    let kind = code.split('/').next().unwrap_or_default();
    lines().find(|line| line.split_whitespace().next() == Some(kind))
}

/// A column names one or several kinds of institution, separated by commas.
fn column(party: Party) -> Option<usize> {
    columns().position(|column| match party {
        Party::Lead => column == LEAD,
        Party::Coach => column == COACH,
        Party::Institution(kind) => column.split(',').any(|word| word == kind.code()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::PLAIN_SECTIONS;

    /// The table as people in the domain print it: W write, R read, c with consent, l by law.
    const PRINTED: &str = include_str!("../tests/data/matrix-of-the-domain.md");

    const COLUMNS: [&[Party]; 10] = {
        use InstitutionKind as Kind;
        [
            &[Party::Lead],
            &[Party::Institution(Kind::Alv)],
            &[Party::Institution(Kind::Iv)],
            &[
                Party::Institution(Kind::Soz),
                Party::Institution(Kind::Asyl),
            ],
            &[
                Party::Institution(Kind::Biz),
                Party::Institution(Kind::Cmbb),
                Party::Institution(Kind::Triage),
            ],
            &[Party::Institution(Kind::Mig), Party::Institution(Kind::Int)],
            &[Party::Institution(Kind::Uv), Party::Institution(Kind::Ktg)],
            &[Party::Institution(Kind::Provider)],
            &[Party::Institution(Kind::Employer)],
            &[Party::Coach],
        ]
    };

    /// What the table prints for an access; `–` for nothing.
    fn printed(access: Access) -> &'static [&'static str] {
        match access {
            Access::Write => &["W"],
            Access::Read => &["R"],
            Access::None => &["–", ""],
            Access::ReadWithConsent => &["c"],
            Access::WriteWithConsent => &["c W"],
            Access::ReadByLaw => &["l"],
            Access::WriteOwn => &["W own"],
            Access::OwnNotes => &["own"],
            Access::Participant => &["participants", ""],
            Access::ReadOfMinors => &["minors"],
            Access::Slice(SlicePart::Contact) => &["slice"],
            Access::Slice(SlicePart::Name) => &["name"],
            Access::Slice(SlicePart::OwnLines) => &["own lines (slice)", "own"],
            Access::Slice(SlicePart::Note) => &["note"],
            Access::SliceWithConsent(SlicePart::Extract) => &["c slice"],
            Access::SliceWithConsent(SlicePart::Adaptations) => &["c adaptations"],
            other => panic!("not in the matrix: {other:?}"),
        }
    }

    fn sections() -> Vec<SectionKind> {
        let parts = ["measure/m1", "internal/iv", "meeting/t1", "employer/e1"];
        let parts = parts.iter().map(|code| SectionKind::parse(code).unwrap());
        PLAIN_SECTIONS.into_iter().chain(parts).collect()
    }

    #[test]
    fn the_matrix_is_the_domains_cell_by_cell() {
        let rows: Vec<Vec<&str>> = PRINTED
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert_eq!(rows.len(), sections().len());
        for section in sections() {
            let code = section.code();
            let kind = code.split('/').next().unwrap();
            let row = rows
                .iter()
                .find(|row| row[0].trim_matches('`').split('/').next() == Some(kind))
                .unwrap();
            // Code and content, then a cell for each column.
            assert_eq!(row.len(), 2 + COLUMNS.len(), "{section}");
            for (parties, cell) in COLUMNS.iter().zip(&row[2..]) {
                for party in *parties {
                    let access = default_access(&section, *party).unwrap();
                    // A round table's row says once for all columns who takes part in it.
                    let empty_participant = access == Access::Participant && cell.is_empty();
                    let says = printed(access);
                    assert!(
                        says[0] == *cell || says.get(1) == Some(cell) || empty_participant,
                        "{section} {party:?}: {access:?}, and the domain says {cell:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_cell_of_the_data_is_a_word_that_is_known_and_every_row_is_whole() {
        let width = columns().count();
        let mut rows = 0;
        for line in lines().filter(|line| !line.starts_with(HEADING)) {
            rows += 1;
            assert_eq!(line.split_whitespace().count(), width, "{line}");
            for (title, cell) in columns().zip(line.split_whitespace()).skip(1) {
                match title {
                    MANAGED_BY => assert!(["lead", "opener", "institution"].contains(&cell)),
                    WRITTEN_BY => assert!(["writers", "readers"].contains(&cell)),
                    _ => assert!(Access::of_word(cell).is_some(), "{cell}"),
                }
            }
        }
        assert_eq!(rows, sections().len());
        for word in Access::WORDS {
            let stands = lines().any(|line| line.split_whitespace().any(|cell| cell == word.0));
            assert!(stands, "no cell says {}", word.0);
        }
    }

    #[test]
    fn who_manages_is_the_lead_but_for_medical_and_notes_of_an_institution() {
        for section in sections() {
            let expected = match &section {
                SectionKind::Medical => ManagedBy::Opener,
                SectionKind::Internal(_) => ManagedBy::Institution,
                _ => ManagedBy::Lead,
            };
            assert_eq!(managed_by(&section), Some(expected), "{section}");
            let readers_write = readers_write(&section);
            assert_eq!(readers_write, section == SectionKind::Access, "{section}");
        }
    }

    #[test]
    fn a_grant_is_proposed_where_the_whole_section_may_be_read_and_names_its_condition() {
        let of = |section: &str, party| proposal(&SectionKind::parse(section).unwrap(), party);
        let kind = Party::Institution;
        let expected = |writes, condition| Some(Proposal { writes, condition });
        let cases = [
            (
                "plan",
                kind(InstitutionKind::Iv),
                expected(true, Condition::TakingPart),
            ),
            (
                "ident",
                kind(InstitutionKind::Iv),
                expected(false, Condition::Law),
            ),
            ("ident", kind(InstitutionKind::Provider), None),
            ("medical", Party::Lead, expected(false, Condition::Consent)),
            (
                "medical",
                kind(InstitutionKind::Uv),
                expected(true, Condition::Consent),
            ),
            ("medical", kind(InstitutionKind::Alv), None),
            ("function", kind(InstitutionKind::Employer), None),
            (
                "access",
                kind(InstitutionKind::Soz),
                expected(true, Condition::TakingPart),
            ),
            ("internal/iv", Party::Lead, None),
            (
                "internal/iv",
                kind(InstitutionKind::Iv),
                expected(true, Condition::Own),
            ),
            (
                "meeting/t1",
                kind(InstitutionKind::Provider),
                expected(true, Condition::Invitation),
            ),
            (
                "measure/m1",
                kind(InstitutionKind::Provider),
                expected(true, Condition::Own),
            ),
        ];
        for (section, party, expected) in cases {
            assert_eq!(of(section, party), expected, "{section} {party:?}");
        }
    }

    #[test]
    fn who_has_no_column_reads_nothing_and_a_newer_section_has_no_default() {
        let steering = Party::Institution(InstitutionKind::Steuerung);
        for section in sections() {
            assert_eq!(default_access(&section, steering), Some(Access::None));
            assert_eq!(proposal(&section, steering), None);
        }
        let newer = SectionKind::Unknown("genetics".into());
        assert_eq!(default_access(&newer, Party::Lead), None);
        assert_eq!(managed_by(&newer), None);
    }
}
