//! The page of `subject export`. Every text that comes from people goes through [`escaped`].

use std::collections::BTreeSet;

use nahtlos_casework::fields::{
    ConsentEventKind, ConsentForm, Date, EntryId, Field, JournalKind, LanguageCode, Purpose,
    Stored, UtcTime, WithdrawalNotice,
};
use nahtlos_casework::form::form_of;
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::record::{ConsentScopes, Giver};
use nahtlos_casework::view::{AttachmentsView, ConsentView, DisputesView, GivenView, JournalView};
use nahtlos_casework::{Author, Origin, SectionKind};
use nahtlos_client::acting::SectionAuthors;
use nahtlos_client::consent::{consent_in, short_name};
use nahtlos_client::reading::{AccessLog, DisclosureLine, ReadLine};
use nahtlos_client::share::SectionShares;
use nahtlos_document::Document;
use serde_json::Value;

use super::dispute::Contested;
use super::names::Names;
use super::plan_print::lines;
use super::plan_print_words::Language;
use super::printed_page::{escaped, framed};
use super::subject_words::{FRENCH, GERMAN, Words, code};
use crate::output::dates;

/// One section that could be read.
pub struct SectionPart {
    pub kind: SectionKind,
    pub document: Document,
    pub authors: SectionAuthors,
    /// Since which day it is not shared any more, where it is an old copy.
    pub old_since: Option<String>,
    /// As programs read it.
    pub content: Value,
}

/// Everything that stands in the export.
pub struct Gathered {
    pub title: String,
    pub language: Language,
    pub words: &'static Words,
    pub made_at: String,
    pub made_by: String,
    pub sections: Vec<SectionPart>,
    pub consents: ConsentView,
    pub rights: Vec<SectionShares>,
    pub log: AccessLog,
    pub missing: Vec<String>,
    pub names: Names,
    pub bases: LegalBases,
    /// Whether the section of consents opens here, and whether it is an old copy.
    pub consents_readable: bool,
    pub consents_old: bool,
    /// Codes of sections that are not shared with this device any more.
    pub lost: BTreeSet<String>,
    /// When this device last had a word from the relay.
    pub synced_at: Option<String>,
}

/// The page, for a browser and a printer.
pub fn html(gathered: &Gathered) -> String {
    let words = gathered.words;
    let mut body = format!(
        "<h1>{}</h1>\n<p><b>{}</b></p>\n<p class=\"meta\">{} {} {} {}</p>\n<p>{}</p>\n",
        words.title,
        escaped(&gathered.title),
        words.made,
        escaped(&gathered.made_at),
        words.by,
        escaped(&gathered.made_by),
        words.explained,
    );
    let old: Vec<String> = gathered
        .sections
        .iter()
        .filter_map(|part| {
            let since = part.old_since.as_ref()?;
            let title = gathered.section_title(&part.kind);
            Some(format!("{title} ({} {since})", words.since))
        })
        .collect();
    if !old.is_empty() {
        body.push_str(&format!(
            "<p><b>{}: {}.</b></p>\n",
            words.old_page,
            escaped(&old.join(", "))
        ));
    }
    body.push_str(&format!("<h2>{}</h2>\n", words.sections));
    for part in &gathered.sections {
        body.push_str(&gathered.section(part));
    }
    body.push_str(&format!(
        "<h2>{}</h2>\n{}",
        words.consents,
        gathered.consents()
    ));
    body.push_str(&format!("<h2>{}</h2>\n{}", words.rights, gathered.rights()));
    body.push_str(&format!(
        "<h2>{}</h2>\n{}",
        words.disclosures,
        gathered.disclosures()
    ));
    body.push_str(&format!("<h2>{}</h2>\n{}", words.reads, gathered.reads()));
    let missing = gathered.missing.iter();
    let missing: String = missing
        .map(|line| format!("<li>{}</li>\n", escaped(line)))
        .collect();
    body.push_str(&format!(
        "<h2>{}</h2>\n<ul>\n{missing}</ul>\n",
        words.missing
    ));
    framed(gathered.language, words.title, STYLE, &body)
}

impl Gathered {
    fn section(&self, part: &SectionPart) -> String {
        let heading = self.section_title(&part.kind);
        let old = part.old_since.as_ref().map_or_else(String::new, |since| {
            format!(
                "<p><b>{} {}.</b></p>\n",
                self.words.old_copy,
                escaped(since)
            )
        });
        let content = match (&part.kind, form_of(&part.kind)) {
            (SectionKind::Journal, _) => self.journal(part),
            (_, Some(form)) => self.form(part, form),
            (_, None) => self.walked(part),
        };
        let content = match content.is_empty() {
            true => format!("<p>{}</p>\n", self.words.nothing_written),
            false => content,
        };
        let disputed = self.disputed(part);
        let files = self.files(part);
        format!(
            "<h3>{}</h3>\n{old}{disputed}{content}{files}",
            escaped(&heading)
        )
    }

    /// The files that belong to it; their bytes stand in the file for programs.
    fn files(&self, part: &SectionPart) -> String {
        let view = AttachmentsView::read(&part.document, &part.kind, &part.authors);
        let words = self.words;
        let rows: Vec<[String; 4]> = view
            .standing()
            .map(|one| {
                [
                    one.name
                        .as_ref()
                        .map_or_else(String::new, Stored::canonical),
                    one.size_bytes
                        .map_or_else(String::new, |size| size.to_string()),
                    one.note
                        .as_ref()
                        .map_or_else(String::new, Stored::canonical),
                    self.written_by(&one.origin),
                ]
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        let headings = [words.file, words.size, words.text, words.recorded_by];
        self.table(&headings, rows.into_iter())
    }

    /// What the person disputes in it, and how that was settled.
    fn disputed(&self, part: &SectionPart) -> String {
        let view = DisputesView::read(&part.document, &part.authors);
        if view.disputes.is_empty() {
            return String::new();
        }
        let words = self.words;
        let contested = Contested::of(&part.document, &view);
        let rows = view.disputes.iter().map(|one| {
            let settled = one.settled.iter().map(|end| {
                let text = end
                    .text
                    .as_ref()
                    .map_or_else(String::new, Stored::canonical);
                let day = end
                    .stated_at
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string);
                format!("{day}: {text}")
            });
            [
                contested.in_words(&part.kind, &one.path, self.language),
                one.text
                    .as_ref()
                    .map_or_else(String::new, Stored::canonical),
                one.stated_at
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
                self.written_by(&one.origin),
                settled.collect::<Vec<_>>().join("\n"),
            ]
        });
        let headings = [
            words.disputed,
            words.text,
            words.when,
            words.recorded_by,
            words.settled,
        ];
        self.table(&headings, rows)
    }

    fn journal(&self, part: &SectionPart) -> String {
        let view = JournalView::read(&part.document, &part.authors);
        let disputes = DisputesView::read(&part.document, &part.authors);
        let rows = view.entries.iter().map(|entry| {
            let at = match &entry.at {
                Some(Stored::Known(time)) => dates::time(*time),
                other => other.as_ref().map_or_else(String::new, Stored::canonical),
            };
            let kind = entry.kind.as_ref().map(Stored::canonical);
            let mut text = entry
                .text
                .as_ref()
                .map_or_else(String::new, Stored::canonical);
            if let Some(corrected) = &entry.correction_of {
                let mut earlier = view.entries.iter().filter(|one| one.id == *corrected);
                let of = earlier
                    .next()
                    .and_then(|one| one.at.as_ref()?.known().copied());
                let of = of.map_or_else(String::new, |at| format!(": {}", dates::time(at)));
                text = format!("({}{of}) {text}", self.words.corrects);
            }
            if disputes.concerns(&["entries", &entry.id.canonical()]) {
                text.push_str(&self.mark());
            }
            let kind = kind.and_then(|kind| self.named(JournalKind::NAME, &kind).or(Some(kind)));
            let kind = kind.unwrap_or_default();
            [at, self.written_by(&entry.origin), kind, text]
        });
        let words = self.words;
        self.table(&[words.when, words.who, words.kind, words.text], rows)
    }

    pub(super) fn coded(&self, field: &str, text: &str) -> String {
        code(field, text).map_or_else(
            || text.to_owned(),
            |words| self.language.pick(&words).to_owned(),
        )
    }

    pub(super) fn truth(&self, truth: bool) -> String {
        let words = self.words;
        if truth { words.yes } else { words.no }.to_owned()
    }

    /// Who wrote something; of what was taken over from a file, whom that names, and who took it over.
    pub(super) fn written_by(&self, origin: &Origin) -> String {
        let signed = self.author(origin.author.as_ref());
        match &origin.taken_over {
            Some(source) => format!(
                "{}, {} {signed}",
                source.written_by, self.words.taken_over_by
            ),
            None => signed,
        }
    }

    fn author(&self, author: Option<&Author>) -> String {
        match author {
            Some(author) => format!(
                "{} ({})",
                author.display_name,
                self.names.institution(author.institution.as_str())
            ),
            None => self.words.unknown.to_owned(),
        }
    }

    /// What a consent is called on this page: by its number in the chapter, and by its name.
    fn consent_name(&self, name: &str) -> String {
        let mut given = (1..).zip(&self.consents.given);
        let number =
            given.find(|(_, given)| given.id.known().is_some_and(|id| short_name(id) == name));
        let word = self.words.consent;
        match number {
            Some((number, _)) => format!("{word} {number} ({name})"),
            None => format!("{word} {name}"),
        }
    }

    fn consents(&self) -> String {
        let words = self.words;
        if !self.consents_readable {
            return format!("<p>{}</p>\n", words.consents_closed);
        }
        let mut html = match self.consents_old {
            true => format!("<p><b>{}</b></p>\n", words.consents_old),
            false => String::new(),
        };
        if self.consents.given.is_empty() {
            html.push_str(&format!("<p>{}</p>\n", words.no_consent));
        }
        let coverage = self.consents.coverage();
        for (number, given) in (1..).zip(&self.consents.given) {
            let name = given.id.known().map_or_else(String::new, short_name);
            html.push_str(&format!(
                "<h4>{} {number} ({})</h4>\n",
                words.consent,
                escaped(&name)
            ));
            html.push_str(&self.definitions(&self.consent_rows(given)));
            let own = coverage
                .iter()
                .filter(|one| Some(&one.consent) == given.id.known());
            let rows = own.map(|one| {
                let today = match (one.withdrawn_at, one.superseded_at, one.until) {
                    (Some(day), _, _) => format!("{} {day}", words.withdrawn),
                    (None, Some(day), _) => format!("{} {day}", words.replaced),
                    (None, None, Some(until)) => format!("{} {until}", words.until),
                    (None, None, None) => String::new(),
                };
                let purpose = one.share.purpose.as_ref().map(Field::canonical);
                let purpose = purpose.and_then(|code| self.named(Purpose::NAME, &code));
                [
                    self.section_name(&one.share.section.code()),
                    self.names.institution(one.share.institution.as_str()),
                    purpose.unwrap_or_default(),
                    today,
                ]
            });
            let headings = [words.what, words.to, words.purpose, words.until];
            html.push_str(&self.table(&headings, rows));
            html.push_str(&self.consent_changes(given));
        }
        html
    }

    /// Who gave it, how, and what they were told.
    fn consent_rows(&self, given: &GivenView) -> Vec<(String, String)> {
        let words = self.words;
        let giver = match given.giver.as_ref().and_then(Stored::known) {
            Some(Giver::Client) => words.client.to_owned(),
            Some(Giver::Representative { name }) => {
                format!("{}, {} {name}", words.client, words.representative)
            }
            None => words.not_readable.to_owned(),
        };
        let day =
            |day: &Option<Stored<Date>>| day.as_ref().map_or_else(String::new, ToString::to_string);
        let until = given
            .id
            .known()
            .and_then(|id| self.last_day_of(&short_name(id)))
            .unwrap_or_else(|| day(&given.valid_until));
        let details = &given.details;
        let coded = |list: &str, code: Option<String>| {
            code.and_then(|code| self.named(list, &code))
                .unwrap_or_default()
        };
        fn text<F: Field>(value: &Option<Stored<F>>) -> Option<String> {
            value.as_ref().map(Stored::canonical)
        }
        [
            (words.given_by, giver),
            (words.form, coded(ConsentForm::NAME, text(&given.form))),
            (words.from, day(&given.valid_from)),
            (words.until, until),
            (
                words.explained_in,
                coded(LanguageCode::NAME, text(&details.language)),
            ),
            (
                words.interpreted_by,
                text(&details.interpreter).unwrap_or_default(),
            ),
            (
                words.withdrawable,
                coded(WithdrawalNotice::NAME, text(&details.withdrawable_notice)),
            ),
            (words.witness, text(&details.witness).unwrap_or_default()),
            (words.note, text(&given.note).unwrap_or_default()),
            (words.recorded_by, self.written_by(&given.origin)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// What narrowed, extended, replaced or withdrew it, with the days.
    fn consent_changes(&self, given: &GivenView) -> String {
        let words = self.words;
        let is_own = |about: &Option<Stored<EntryId>>| about.as_ref() == Some(&given.id);
        let scope = |scope: &Option<Stored<ConsentScopes>>| {
            let scopes = scope.as_ref().and_then(Stored::known)?;
            let shares = scopes.iter().map(|one| {
                let to = self.names.institution(one.institution.as_str());
                format!("{} ({to})", self.section_name(&one.section.code()))
            });
            Some(shares.collect::<Vec<_>>().join(", "))
        };
        let day =
            |day: &Option<Stored<Date>>| day.as_ref().map_or_else(String::new, ToString::to_string);
        let kind = |kind: ConsentEventKind| {
            self.named(ConsentEventKind::NAME, kind.code())
                .unwrap_or_default()
        };
        let mut rows: Vec<[String; 4]> = Vec::new();
        for one in self
            .consents
            .changed
            .iter()
            .filter(|one| is_own(&one.consent))
        {
            let until = one
                .valid_until
                .as_ref()
                .map(|day| format!("{} {day}", words.until));
            let by = one.by.as_ref().and_then(Stored::known);
            let by = by.map(|id| self.consent_name(&short_name(id)));
            let note = one.note.as_ref().map(Stored::canonical);
            let what = [scope(&one.scope), until, by, note].into_iter().flatten();
            let what = what.collect::<Vec<_>>().join("; ");
            rows.push([
                day(&one.stated_at),
                kind(one.kind),
                what,
                self.written_by(&one.origin),
            ]);
        }
        for one in self
            .consents
            .withdrawn
            .iter()
            .filter(|one| is_own(&one.consent))
        {
            let what = scope(&one.scope).unwrap_or_else(|| words.all_of_it.to_owned());
            let note = one.note.as_ref().map(Stored::canonical);
            let what = [Some(what), note]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ");
            let withdrawn = kind(ConsentEventKind::Withdrawn);
            rows.push([
                day(&one.stated_at),
                withdrawn,
                what,
                self.written_by(&one.origin),
            ]);
        }
        if rows.is_empty() {
            return String::new();
        }
        let headings = [words.when, words.change, words.what, words.recorded_by];
        self.table(&headings, rows.into_iter())
    }

    /// The last day of a consent, as it is after what was narrowed, extended and withdrawn in time.
    fn last_day_of(&self, consent: &str) -> Option<String> {
        let coverage = self.consents.coverage();
        let mut of_consent = coverage
            .iter()
            .filter(|coverage| short_name(&coverage.consent) == consent);
        of_consent.find_map(|coverage| Some(coverage.until?.to_string()))
    }

    /// The last day of a right: of one that rests on a consent that is known, the consent's.
    fn last_day_of_right(&self, basis: Option<&str>, not_after_ms: Option<u64>) -> String {
        let consent = basis.and_then(consent_in);
        let last_day = consent.and_then(|name| self.last_day_of(name));
        let moment = || not_after_ms.map_or_else(String::new, dates::moment);
        last_day.unwrap_or_else(moment)
    }

    fn rights(&self) -> String {
        let words = self.words;
        let kept = self
            .rights
            .iter()
            .filter(|row| !self.lost.contains(&row.section));
        let rows = kept.flat_map(|row| {
            row.grants.iter().map(|grant| {
                [
                    self.section_name(&row.section),
                    with_institution(&grant.member, &grant.institution),
                    self.coded("role", grant.role),
                    self.basis(grant.basis.as_deref()),
                    self.last_day_of_right(grant.basis.as_deref(), grant.not_after_ms),
                    grant.people.join("\n"),
                ]
            })
        });
        let headings = [
            words.what,
            words.who,
            words.how,
            words.basis,
            words.until,
            words.people,
        ];
        let table = self.table(&headings, rows);
        let old = match self.lost.is_empty() {
            true => String::new(),
            false => format!("<p><b>{}</b></p>\n", words.rights_old),
        };
        let as_of = self.synced_at.as_ref().map_or_else(String::new, |at| {
            format!("<p class=\"meta\">{}: {}</p>\n", words.as_of, escaped(at))
        });
        format!("{old}{table}{as_of}")
    }

    fn disclosures(&self) -> String {
        let words = self.words;
        let rows = self.log.disclosures.iter().map(|one| {
            [
                self.moment(one.at),
                with_institution(&self.purpose(&one.to), &one.to_institution),
                self.section_names(&one.sections),
                self.how(one),
                self.basis(one.basis.as_deref()),
                with_institution(&one.by, &one.by_institution),
                match (&one.ended, one.not_after_ms) {
                    (Some(ended), _) => dates::moment(ended.ended_at_ms),
                    (None, Some(_)) => {
                        let basis = one.basis.as_deref();
                        format!(
                            "{} {}",
                            words.until,
                            self.last_day_of_right(basis, one.not_after_ms)
                        )
                    }
                    (None, None) => String::new(),
                },
            ]
        });
        let headings = [
            words.when,
            words.to,
            words.what,
            words.how,
            words.basis,
            words.by,
            words.ended,
        ];
        self.table(&headings, rows)
    }

    fn how(&self, one: &DisclosureLine) -> String {
        match (one.role, &one.form) {
            (Some(role), _) => self.coded("role", role),
            (None, Some(form)) => self.coded("form", form),
            (None, None) => String::new(),
        }
    }

    fn reads(&self) -> String {
        let words = self.words;
        let rows = self.log.reads.iter().map(|one| {
            [
                self.span(one),
                with_institution(&one.person, &one.institution),
                self.section_names(&one.sections),
                one.times.to_string(),
                one.purpose
                    .as_deref()
                    .map_or_else(String::new, |purpose| self.purpose(purpose)),
                match one.handed_over_at {
                    None => words.not_handed_over.to_owned(),
                    Some(at) if one.late => format!("{} {}", words.late, dates::time(at)),
                    Some(at) => dates::time(at),
                },
            ]
        });
        let headings = [
            words.when,
            words.who,
            words.what,
            words.times,
            words.purpose,
            words.arrived,
        ];
        let table = self.table(&headings, rows);
        let not_recorded = match self.log.not_recorded.is_empty() {
            true => String::new(),
            false => {
                let whose = self.log.not_recorded.join(", ");
                format!(
                    "<p><b>{}: {}.</b></p>\n",
                    words.not_recorded,
                    escaped(&whose)
                )
            }
        };
        format!("{table}{not_recorded}")
    }

    fn span(&self, one: &ReadLine) -> String {
        let (first, last) = (self.moment(one.first), self.moment(one.last));
        match first == last {
            true => first,
            false => format!("{first} – {last}"),
        }
    }

    fn moment(&self, time: Option<UtcTime>) -> String {
        time.map_or_else(|| self.words.unknown.to_owned(), dates::time)
    }

    fn basis(&self, basis: Option<&str>) -> String {
        match basis {
            Some(basis) => self.basis_in_words(basis),
            None => self.words.not_readable.to_owned(),
        }
    }

    fn basis_in_words(&self, basis: &str) -> String {
        if let Some(rest) = basis.strip_prefix("consent ") {
            return self.consent_name(rest.split(',').next().unwrap_or(rest));
        }
        if let Some(article) = self.bases.find(basis) {
            let text = match self.language {
                Language::German => &article.de,
                Language::French => &article.fr,
            };
            return format!("{}: {text}", article.code);
        }
        match code("basis", basis) {
            Some(words) => self.language.pick(&words).to_owned(),
            None => self.purpose(basis),
        }
    }

    /// Words that an earlier export stored in its own language.
    fn purpose(&self, stored: &str) -> String {
        if [GERMAN.right_of_access, FRENCH.right_of_access].contains(&stored) {
            return self.words.right_of_access.to_owned();
        }
        if [GERMAN.client, FRENCH.client].contains(&stored) {
            return self.words.client.to_owned();
        }
        self.coded("purpose", stored)
    }

    fn section_name(&self, code: &str) -> String {
        self.section_title(&SectionKind::from_code(code))
    }

    /// What a section is called, and whose or for whom it is.
    pub(super) fn section_title(&self, kind: &SectionKind) -> String {
        let mut letters = self.language.pick(&kind.titles()).chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let title: String = first.chain(letters).collect();
        match kind {
            SectionKind::Slice(slice) => format!(
                "{} «{}» {} {}",
                self.words.slice_of,
                self.section_title(slice.of()),
                self.words.for_whom,
                self.names.institution(slice.institution().as_str())
            ),
            SectionKind::Internal(institution) | SectionKind::Employer(institution) => {
                format!("{title}: {}", self.names.institution(institution))
            }
            SectionKind::Measure(name) | SectionKind::Meeting(name) => format!("{title} ({name})"),
            _ => title,
        }
    }

    pub(super) fn section_names(&self, codes: &[String]) -> String {
        let names: Vec<String> = codes.iter().map(|code| self.section_name(code)).collect();
        names.join(", ")
    }

    pub(super) fn definitions(&self, rows: &[(String, String)]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let rows: String = rows
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), lines(value)))
            .collect();
        format!("<dl>\n{rows}</dl>\n")
    }

    fn table<const N: usize>(
        &self,
        headings: &[&str; N],
        rows: impl Iterator<Item = [String; N]>,
    ) -> String {
        let rows: String = rows
            .map(|cells| {
                let cells: String = cells
                    .iter()
                    .map(|cell| format!("<td>{}</td>", lines(cell)))
                    .collect();
                format!("<tr>{cells}</tr>\n")
            })
            .collect();
        if rows.is_empty() {
            return format!("<p>{}</p>\n", self.words.none_known);
        }
        let headings: String = headings
            .iter()
            .map(|heading| format!("<th>{heading}</th>"))
            .collect();
        format!("<table>\n<tr>{headings}</tr>\n{rows}</table>\n")
    }
}

fn with_institution(name: &str, institution: &str) -> String {
    match institution {
        "" => name.to_owned(),
        institution => format!("{name} ({institution})"),
    }
}

/// How the page looks.
const STYLE: &str = r#"  body { font: 11pt/1.45 sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #000; background: #fff; }
  h1 { font-size: 17pt; margin: 0 0 .3rem; }
  h2 { font-size: 14pt; margin: 1.8rem 0 .4rem; break-after: avoid; border-bottom: 1px solid #555; }
  h3 { font-size: 12pt; margin: 1.2rem 0 .3rem; break-after: avoid; }
  h4 { font-size: 11pt; margin: .8rem 0 .2rem; break-after: avoid; }
  dl { display: grid; grid-template-columns: 13rem 1fr; gap: .2rem 1rem; margin: .3rem 0; }
  dt { color: #333; } dd { margin: 0; overflow-wrap: anywhere; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: 10pt; }
  th, td { border: 1px solid #555; padding: .25rem .4rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
  tr { break-inside: avoid; }
  .meta { color: #333; font-size: 10pt; }
  @media print { body { margin: 0; padding: 0; max-width: none; } @page { size: A4; margin: 18mm; } }
"#;
