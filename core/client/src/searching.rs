//! Searching the summaries and the journals of all cases.
//!
//! For each journal the vault keeps its entries as one sealed record, so that a search opens no document. The
//! record goes as soon as anything of the section changes (a typed edit, a sync, the end of access, an
//! erasure) and is made again by the next search: what did not change costs nothing. Before anything is shown
//! it is asked whether this device may still read the section.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::fields::Stored;
use nahtlos_casework::searching::Search;
use nahtlos_casework::view::{FormView, JournalView};
use nahtlos_casework::{Origin, SectionKind};
use nahtlos_protocol::identifier::SpaceId;
use serde::{Deserialize, Serialize};

use crate::cases::CaseLine;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::{Collection, Transaction};

/// A text that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Hexadecimal case id.
    pub case: String,
    /// Its number, where it is known here.
    pub case_number: Option<String>,
    /// The name that it goes by.
    pub display_name: Option<String>,
    /// Section code; nothing where the summary of the case was found.
    pub section: Option<String>,
    /// Identifier of the entry.
    pub entry: Option<String>,
    /// When it happened, RFC 3339.
    pub at: Option<String>,
    /// Code of what it reports.
    pub kind: Option<String>,
    /// Who wrote it.
    pub by: Option<String>,
    /// The text around what was found.
    pub excerpt: String,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchAnswer {
    /// Cases whose summary was found first, then entries, the newest first.
    pub found: Vec<Found>,
    /// How many more there are.
    pub more: usize,
    /// Sections whose entries were read anew for it, because something changed since the last search.
    pub read_anew: usize,
}

/// The entries of one section: `Collection::SearchText`, key = space.
#[derive(Default, Serialize, Deserialize)]
struct SearchText {
    entries: Vec<SearchEntry>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SearchEntry {
    id: String,
    at: Option<String>,
    kind: Option<String>,
    by: Option<String>,
    text: String,
}

impl Nahtlos {
    /// Looks for text in what a list shows of the cases and in the journals and notes that this device can
    /// read, at most `limit` places.
    ///
    /// # Errors
    /// [`ClientError::Field`] where there is nothing to look for; where the vault fails.
    pub fn search(&mut self, typed: &str, limit: usize) -> Result<SearchAnswer, ClientError> {
        let search = Search::parse(typed)?;
        let lines = self.cases()?;
        let mut answer = SearchAnswer {
            found: Vec::new(),
            more: 0,
            read_anew: 0,
        };
        for line in lines.iter().filter(|line| search.is_in(&line.text())) {
            let found = found_in(line);
            answer.found.push(found);
        }
        let (texts, read_anew) = self.search_texts(&lines)?;
        answer.read_anew = read_anew;
        let mut entries: Vec<(&CaseLine, &String, &SearchEntry)> = Vec::new();
        for (line, section, space, text) in &texts {
            let of_section = text.entries.iter();
            let of_section: Vec<&SearchEntry> = of_section
                .filter(|entry| search.is_in(&entry.text))
                .collect();
            // Asked only of sections that something was found in: it means reading their logs.
            if of_section.is_empty() || !self.reads(space) {
                continue;
            }
            entries.extend(of_section.into_iter().map(|entry| (*line, section, entry)));
        }
        entries.sort_by(|(_, _, left), (_, _, right)| {
            (&right.at, &right.id).cmp(&(&left.at, &left.id))
        });
        answer.more = (answer.found.len() + entries.len()).saturating_sub(limit);
        answer.found.truncate(limit);
        let shown = entries.into_iter().take(limit - answer.found.len());
        answer
            .found
            .extend(shown.map(|(line, section, entry)| Found {
                section: Some(section.clone()),
                entry: Some(entry.id.clone()),
                at: entry.at.clone(),
                kind: entry.kind.clone(),
                by: entry.by.clone(),
                excerpt: search.excerpt(&entry.text),
                ..found_in(line)
            }));
        self.note_readings_of(&answer.found)?;
        Ok(answer)
    }

    /// Who is shown an entry reads its section: noted together, in one write.
    fn note_readings_of(&mut self, found: &[Found]) -> Result<(), ClientError> {
        let shown: BTreeSet<(&str, &str)> = found
            .iter()
            .filter_map(|one| Some((one.case.as_str(), one.section.as_deref()?)))
            .collect();
        if shown.is_empty() {
            return Ok(());
        }
        self.all_or_nothing(|nahtlos| {
            for (case, section) in shown {
                let case = nahtlos.case(case)?;
                nahtlos.note_reading(&case, &SectionKind::from_code(section));
            }
            Ok(())
        })
    }

    /// What is searched in, and how many sections had to be read for it. What was read is kept.
    #[allow(clippy::type_complexity, reason = "used once, just above")]
    fn search_texts<'a>(
        &mut self,
        lines: &'a [CaseLine],
    ) -> Result<(Vec<(&'a CaseLine, String, SpaceId, SearchText)>, usize), ClientError> {
        let kept = self.vault.list_all(Collection::SearchText)?;
        let mut kept: BTreeMap<Vec<u8>, Vec<u8>> = kept.into_iter().collect();
        let (mut texts, mut new) = (Vec::new(), Vec::new());
        for line in lines {
            for (code, space) in &line.sections {
                let kind = SectionKind::from_code(code);
                let Some(space) = SpaceId::from_hex(space).filter(|_| is_searched(&kind)) else {
                    continue;
                };
                let bytes = kept.remove(space.0.as_slice());
                // One that this version cannot read is made again.
                let text = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let text = match text {
                    Some(text) => text,
                    None => match self.search_text(&kind, &space)? {
                        Some(text) => {
                            new.push((space, encoded(&text)?));
                            text
                        }
                        None => continue,
                    },
                };
                texts.push((line, code.clone(), space, text));
            }
        }
        let read_anew = new.len();
        if !new.is_empty() {
            self.commit(|transaction| {
                new.iter().try_for_each(|(space, value)| {
                    transaction.put(Collection::SearchText, b"", &space.0, 0, value)?;
                    Ok(())
                })
            })?;
        }
        Ok((texts, read_anew))
    }

    /// Nothing where this device may not read the section any more, or cannot open it.
    fn search_text(
        &self,
        kind: &SectionKind,
        space: &SpaceId,
    ) -> Result<Option<SearchText>, ClientError> {
        if !self.reads(space) {
            return Ok(None);
        }
        let Ok(document) = self.document_to_read(space) else {
            return Ok(None);
        };
        let authors = self.authors(space)?;
        let entries = match kind {
            SectionKind::Journal => {
                let view = JournalView::read(&document, &authors);
                let entries = view.entries.into_iter().map(|entry| SearchEntry {
                    id: entry.id.canonical(),
                    at: entry.at.as_ref().map(Stored::canonical),
                    kind: entry.kind.as_ref().map(Stored::canonical),
                    by: name_of(&entry.origin),
                    text: entry
                        .text
                        .as_ref()
                        .map(Stored::canonical)
                        .unwrap_or_default(),
                });
                entries.collect()
            }
            _ => notes(&FormView::read(&document, kind, &authors)),
        };
        Ok(Some(SearchText { entries }))
    }
}

/// Entries of notes: whatever of them is text.
fn notes(view: &FormView) -> Vec<SearchEntry> {
    let entries = view.lists.values().flatten().filter(|entry| !entry.deleted);
    entries
        .map(|entry| {
            let shown = |code: &str| entry.fields.get(code).map(|field| field.shown.clone());
            let texts = entry.fields.values().map(|field| field.shown.as_str());
            SearchEntry {
                id: entry.id.canonical(),
                at: shown("at"),
                kind: shown("kind"),
                by: entry.origin.as_ref().and_then(name_of),
                text: shown("text").unwrap_or_else(|| texts.collect::<Vec<_>>().join(" · ")),
            }
        })
        .collect()
}

fn name_of(origin: &Origin) -> Option<String> {
    let author = origin.author.as_ref()?;
    Some(match &origin.taken_over {
        Some(source) => format!(
            "{} (as a file says; taken over by {})",
            source.written_by, author.display_name
        ),
        None => author.display_name.to_string(),
    })
}

fn encoded(text: &SearchText) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(text).map_err(|error| ClientError::Document {
        reason: error.to_string(),
    })
}

/// Whether what is written in the section is searched.
fn is_searched(kind: &SectionKind) -> bool {
    matches!(kind, SectionKind::Journal | SectionKind::Internal(_))
}

fn found_in(line: &CaseLine) -> Found {
    Found {
        case: line.id.clone(),
        case_number: line.summary.case_number.clone(),
        display_name: line.summary.display_name.clone(),
        section: None,
        entry: None,
        at: None,
        kind: None,
        by: None,
        excerpt: line.text(),
    }
}

/// Something of the section changed, or its access ended: what was kept for searching goes.
pub(crate) fn forget_search_text(
    transaction: &Transaction<'_>,
    space: &SpaceId,
) -> Result<(), ClientError> {
    transaction.delete(Collection::SearchText, &space.0)?;
    Ok(())
}
