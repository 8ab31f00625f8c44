//! A consent from a file: what `consent give --file` and `case open --consent` read.
//!
//! ```text
//! schema_version       1
//! representative       their name, where somebody gave it for the client
//! form                 paper, device, verbal
//! from, until          today and 12 months later, where they are missing
//! recurrence           once, recurring
//! language             in which it was explained
//! interpreter, witness names
//! paper_sha256         of the scan
//! withdrawable_notice  given, not_given
//! template             the form of words, with its version
//! note
//! shares[]             for (a team or person), sections[] (missing: as the default matrix proposes),
//!                      may (read, write; missing: as the matrix says), purpose
//! ```

use serde_json::Value as Json;

use super::reading::{Node, Object, Reading};
use super::{ImportError, parse_text, place};
use crate::fields::{ConsentForm, Date, Line, LongText, Name, Purpose, coded_enum};
use crate::record::ConsentDetails;
use crate::section::SectionKind;

/// The version of the form that this crate reads.
pub const CONSENT_FILE_SCHEMA_VERSION: u64 = 1;

coded_enum! {
    /// What a receiver may do with a section.
    May, "may", "write read or write" {
        Read = "read",
        Write = "write",
    }
}

/// A consent file that was read without any error.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentFile {
    /// Who gave it for the client.
    pub representative: Option<Name>,
    /// Which sections for whom.
    pub shares: Vec<ConsentFileShare>,
    /// How it was given.
    pub form: ConsentForm,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_until: Option<Date>,
    /// How it came about.
    pub details: ConsentDetails,
    /// What else is to be known about it.
    pub note: Option<LongText>,
}

/// A receiver and what is for them.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentFileShare {
    /// A team or person by name.
    pub member: Line,
    /// Which sections; none: as the default matrix proposes.
    pub sections: Option<Vec<SectionKind>>,
    /// What they may do; none: as the default matrix says.
    pub may: Option<May>,
    /// What for.
    pub purpose: Option<Purpose>,
    /// Where the name stands in the file, for errors about it.
    pub path: String,
    /// The line of that place.
    pub line: Option<usize>,
}

impl ConsentFile {
    /// Reads a file as a whole or not at all.
    ///
    /// # Errors
    /// Every error of the file, each with its place.
    pub fn parse(json: &str) -> Result<Self, Vec<ImportError>> {
        let mut reading = Reading::default();
        let Some(value) = parse_text(json, &mut reading) else {
            return Err(reading.errors);
        };
        match read(&value, &mut reading) {
            Some(mut file) if reading.errors.is_empty() => {
                let paths = file.shares.iter().map(|share| share.path.as_str());
                let lines = place::lines_of(json, paths);
                for share in &mut file.shares {
                    share.line = lines.get(&share.path).copied();
                }
                Ok(file)
            }
            _ => {
                place::locate(json, &mut reading.errors);
                Err(reading.errors)
            }
        }
    }
}

fn read(value: &Json, reading: &mut Reading) -> Option<ConsentFile> {
    let mut root = reading.object(Node::root(value))?;
    let version = value.get("schema_version").and_then(Json::as_u64);
    root.take("schema_version");
    if version != Some(CONSENT_FILE_SCHEMA_VERSION) {
        reading.error(
            "$.schema_version",
            "schema_version",
            "this version of the form is not known",
            "write 1, or use a newer nahtlos",
        );
        return None;
    }
    let representative = root.optional(reading, "representative");
    let form = root.required(reading, "form");
    let (valid_from, valid_until) = (
        root.optional(reading, "from"),
        root.optional(reading, "until"),
    );
    let details = read_details(&mut root, reading);
    let note = root.optional(reading, "note");
    let nodes = root.list(reading, "shares");
    if nodes.is_empty() {
        reading.error(
            "$.shares",
            "empty",
            "it covers nothing",
            r#"name at least one: "shares": [{"for": "Team or person", "sections": ["core"]}]"#,
        );
    }
    let shares: Vec<_> = nodes
        .into_iter()
        .map(|node| read_share(node, reading))
        .collect();
    root.finish(reading);
    Some(ConsentFile {
        representative,
        shares: shares.into_iter().collect::<Option<_>>()?,
        form: form?,
        valid_from,
        valid_until,
        details,
        note,
    })
}

fn read_details(root: &mut Object<'_>, reading: &mut Reading) -> ConsentDetails {
    ConsentDetails {
        recurrence: root.optional(reading, "recurrence"),
        language: root.optional(reading, "language"),
        interpreter: root.optional(reading, "interpreter"),
        paper_sha256: root.optional(reading, "paper_sha256"),
        withdrawable_notice: root.optional(reading, "withdrawable_notice"),
        witness: root.optional(reading, "witness"),
        template: root.optional(reading, "template"),
    }
}

fn read_share(node: Node<'_>, reading: &mut Reading) -> Option<ConsentFileShare> {
    let mut share = reading.object(node)?;
    let path = format!("{}.for", share.path());
    let member = share.required(reading, "for");
    let may = share.optional(reading, "may");
    let purpose = share.optional(reading, "purpose");
    let names_sections = share.has("sections");
    let mut sections = Vec::new();
    for node in share.list(reading, "sections") {
        let Some(code) = reading.value::<Line>(&node) else {
            continue;
        };
        match SectionKind::parse(&code.to_string()) {
            Ok(kind) if sections.contains(&kind) => {}
            Ok(kind) => sections.push(kind),
            Err(error) => reading.field_error(node.path.as_str(), error),
        }
    }
    share.finish(reading);
    Some(ConsentFileShare {
        member: member?,
        sections: names_sections.then_some(sections),
        may,
        purpose,
        path,
        line: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Field;

    const FILE: &str = r#"{
  "schema_version": 1,
  "form": "paper",
  "language": "bs",
  "interpreter": "Lejla Hadžić",
  "withdrawable_notice": "given",
  "shares": [
    {"for": "Stellwerk Coaching", "sections": ["function", "plan", "plan"], "may": "write",
     "purpose": "placement"},
    {"for": "IV-Stelle"}
  ]
}"#;

    #[test]
    fn a_file_gives_its_shares_and_leaves_what_it_does_not_say_to_the_matrix() {
        let file = ConsentFile::parse(FILE).unwrap();
        assert_eq!(file.shares.len(), 2);
        let coach = &file.shares[0];
        let named = coach.sections.clone().unwrap();
        assert_eq!(named, [SectionKind::Function, SectionKind::Plan]);
        assert_eq!(coach.may, Some(May::Write));
        assert_eq!(coach.purpose, Some(Purpose::Placement));
        assert_eq!(
            (file.shares[1].sections.as_ref(), file.shares[1].may),
            (None, None)
        );
        assert_eq!(file.shares[1].line, Some(10));
        assert_eq!(
            file.details.interpreter.unwrap().canonical(),
            "Lejla Hadžić"
        );
        assert_eq!((file.valid_from, file.representative), (None, None));
    }

    #[test]
    fn an_unknown_section_is_refused_with_its_line_and_so_is_every_other_error_at_once() {
        let wrong = FILE.replace("\"plan\", \"plan\"", "\"diagnosis\"");
        let errors = ConsentFile::parse(&wrong).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let error = &errors[0];
        assert_eq!(error.code, "unknown_section");
        assert_eq!(error.path, "$.shares[0].sections[1]");
        assert_eq!(error.line, Some(8));
        assert!(error.remedy.contains("core"), "{error}");
        assert!(
            error.to_string().starts_with("line 8, $.shares[0]"),
            "{error}"
        );
        let wrong = wrong.replace("paper", "nod").replace("\"for\"", "\"fro\"");
        let codes: Vec<_> = ConsentFile::parse(&wrong).unwrap_err();
        let codes: Vec<_> = codes
            .into_iter()
            .map(|error| (error.line, error.code))
            .collect();
        for expected in [
            (Some(3), "unknown_code"),
            (Some(8), "missing"),
            (Some(8), "unknown_section"),
            (Some(8), "unknown_field"),
            (Some(10), "missing"),
        ] {
            assert!(codes.contains(&expected), "{expected:?}: {codes:?}");
        }
        assert!(ConsentFile::parse(FILE).is_ok(), "control");
    }

    #[test]
    fn a_file_that_is_no_json_or_covers_nothing_is_refused() {
        let code = |text: &str| ConsentFile::parse(text).unwrap_err()[0].code;
        assert_eq!(code("{"), "syntax");
        assert_eq!(code("[]"), "type");
        assert_eq!(code("{}"), "schema_version");
        let nothing = r#"{"schema_version": 1, "form": "paper", "shares": []}"#;
        assert_eq!(code(nothing), "empty");
    }
}
