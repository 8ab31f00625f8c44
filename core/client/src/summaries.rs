//! Sealed summaries: what a list shows of a case without opening its documents. Kept with the
//! edits and envelopes that change them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nahtlos_casework::SectionKind;
use nahtlos_casework::view::{CaseSummary, CoreView, PlanView, TasksView};
use nahtlos_document::Document;
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::{Logs, SpaceState, authority};

use crate::acting::SectionAuthors;
use crate::cases::{Case, CaseLine, hex};
use crate::edits::{NewEdits, put_lines};
use crate::enquiry::enquiry_in;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, LabelRecord};
use crate::searching::forget_search_text;
use crate::slices::mark_source;
use crate::vault::Collection;

/// Group in `Collection::Notice`: sections that claim a case they are no part of; key = `f` ‖ space.
const FOREIGN_SECTIONS: &[u8] = b"foreign-sections";
/// Sections with their labels.
type Labels = Vec<(SpaceId, LabelRecord)>;

/// The documents a summary is read from.
#[derive(Default)]
struct Sources {
    core: Option<Arc<Document>>,
    plan: Option<(Arc<Document>, SectionAuthors)>,
    tasks: Option<Arc<Document>>,
}

impl Sources {
    fn summary(&self, conflicts: usize) -> CaseSummary {
        CaseSummary::new(
            self.core.as_deref().map(CoreView::read).as_ref(),
            self.plan
                .as_ref()
                .map(|(plan, authors)| PlanView::read(plan, authors))
                .as_ref(),
            self.tasks.as_deref().map(TasksView::read).as_ref(),
            conflicts,
        )
    }
}

impl Nahtlos {
    /// The summaries that these edits change. Only what they touch is looked at again.
    pub(crate) fn lines_after(
        &self,
        new: &[NewEdits],
    ) -> Result<Vec<(Nonce, CaseLine)>, ClientError> {
        let mut lines: BTreeMap<Nonce, CaseLine> = BTreeMap::new();
        // What one transaction edits in several sections of a case is seen together.
        let mut sources: BTreeMap<Nonce, Option<Sources>> = BTreeMap::new();
        for edits in new {
            let Some(bytes) = self.vault.get(Collection::Label, &edits.space.0)? else {
                continue;
            };
            let label: LabelRecord = records::decode(&bytes)?;
            let line = match lines.remove(&label.case()) {
                Some(line) => line,
                None => match self.stored_line(&label.case())? {
                    Some(line) => line,
                    None => self.summarise(&self.case(&hex(&label.case()))?)?,
                },
            };
            let kind = SectionKind::from_code(&label.kind);
            let sources = sources.entry(label.case()).or_default();
            let line = self.line_after(line, &kind, edits, sources)?;
            lines.insert(label.case(), line);
        }
        Ok(lines.into_iter().collect())
    }

    fn line_after(
        &self,
        mut line: CaseLine,
        kind: &SectionKind,
        edits: &NewEdits,
        sources: &mut Option<Sources>,
    ) -> Result<CaseLine, ClientError> {
        line.undelivered += edits.records.len() as u64;
        let mut authors = self.authors(&edits.space)?;
        authors.insert(*self.actor(&edits.space).as_bytes(), self.case_author()?);
        let with_carried = match self.carried_edits(&edits.space)? {
            0 => None,
            _ => Some(self.with_carried(&edits.space, edits.document.clone())?),
        };
        let shown = with_carried.as_ref().unwrap_or(&edits.document);
        let conflicts = nahtlos_casework::conflicts(shown, kind, &authors).len();
        set_conflicts(&mut line, kind, conflicts);
        set_enquiry(&mut line, kind, shown);
        let total = line.conflicts_by_section.values().sum();
        if !is_summarised(kind) {
            line.summary.conflicts = total;
            return Ok(line);
        }
        let sources = match sources {
            Some(known) => known,
            None => sources.insert(self.sources(&self.case(&line.id)?)?),
        };
        let edited = Arc::new(shown.clone());
        match kind {
            SectionKind::Core => sources.core = Some(edited),
            SectionKind::Plan => sources.plan = Some((edited, authors)),
            _ => sources.tasks = Some(edited),
        }
        line.summary = sources.summary(total);
        Ok(line)
    }

    /// The summary of a case that is being opened: nothing of it is stored yet.
    pub(crate) fn summarise_new(
        &self,
        case: &Nonce,
        labels: &[(SpaceId, LabelRecord)],
        new: &[NewEdits],
    ) -> Result<CaseLine, ClientError> {
        let mut sources = Sources::default();
        let mut sections = BTreeMap::new();
        let mut undelivered = 0;
        for ((space, label), edits) in labels.iter().zip(new) {
            sections.insert(label.kind.clone(), space.to_string());
            undelivered += edits.records.len() as u64;
            let document = Arc::new(edits.document.clone());
            match SectionKind::from_code(&label.kind) {
                SectionKind::Core => sources.core = Some(document),
                SectionKind::Plan => sources.plan = Some((document, SectionAuthors::default())),
                SectionKind::Tasks => sources.tasks = Some(document),
                _ => {}
            }
        }
        Ok(CaseLine {
            id: hex(case),
            summary: sources.summary(0),
            sections,
            unread: 0,
            undelivered,
            carried: 0,
            conflicts_by_section: BTreeMap::new(),
            enquiry: None,
        })
    }

    /// The summary of a case once a section is added to it, with its first edits, which are not stored yet.
    pub(crate) fn line_with_section(
        &self,
        case: &Case,
        kind: &SectionKind,
        edits: &NewEdits,
    ) -> Result<CaseLine, ClientError> {
        let mut line = match self.stored_line(&case.id)? {
            Some(line) => line,
            None => self.summarise(case)?,
        };
        line.sections.insert(kind.code(), edits.space.to_string());
        set_enquiry(&mut line, kind, &edits.document);
        Ok(line)
    }

    pub(crate) fn stored_line(&self, case: &Nonce) -> Result<Option<CaseLine>, ClientError> {
        let Some(bytes) = self.vault.get(Collection::Summary, &case.0)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ClientError::DamagedRecord {
                reason: error.to_string(),
            })
    }

    fn sources(&self, case: &Case) -> Result<Sources, ClientError> {
        let document = |kind: &SectionKind| {
            let space = case.sections.get(kind)?;
            self.document_to_read(space).ok()
        };
        let plan = match (
            document(&SectionKind::Plan),
            case.sections.get(&SectionKind::Plan),
        ) {
            (Some(plan), Some(space)) => Some((plan, self.authors(space)?)),
            _ => None,
        };
        Ok(Sources {
            core: document(&SectionKind::Core),
            plan,
            tasks: document(&SectionKind::Tasks),
        })
    }

    /// After a sync: opens the labels of sections that became readable, refreshes the summaries of
    /// what changed, and publishes cards that waited.
    pub(crate) fn refresh_after_sync(
        &mut self,
        spaces: &BTreeSet<SpaceId>,
    ) -> Result<(), ClientError> {
        let (labels, foreign) = self.new_labels(spaces)?;
        if !foreign.is_empty() {
            self.commit(|transaction| {
                for space in &foreign {
                    let key = [b"f".as_slice(), &space.0].concat();
                    transaction.put(Collection::Notice, FOREIGN_SECTIONS, &key, 0, b"")?;
                }
                Ok(())
            })?;
        }
        if !labels.is_empty() {
            self.commit(|transaction| {
                for (space, label) in &labels {
                    let foreign = [b"f".as_slice(), &space.0].concat();
                    transaction.delete(Collection::Notice, &foreign)?;
                    let value = records::encode(label);
                    transaction.put(Collection::Label, &label.case().0, &space.0, 0, &value)?;
                }
                Ok(())
            })?;
            // Envelopes that waited for the label (which says how the document is born) go on.
            let opened: BTreeSet<SpaceId> = labels.iter().map(|(space, _)| *space).collect();
            self.apply_waiting(&opened)?;
        }
        let mut touched: BTreeMap<Nonce, BTreeSet<SpaceId>> = BTreeMap::new();
        for space in spaces {
            if let Some(bytes) = self.vault.get(Collection::Label, &space.0)? {
                let label: LabelRecord = records::decode(&bytes)?;
                touched.entry(label.case()).or_default().insert(*space);
            }
        }
        let (mut lines, mut cases) = (Vec::new(), Vec::new());
        for (id, touched) in &touched {
            if let Ok(case) = self.case(&hex(id)) {
                lines.push((*id, self.summarise_again(&case, touched)?));
                cases.push((case, touched));
            }
        }
        if !lines.is_empty() {
            self.commit(|transaction| {
                for (case, touched) in &cases {
                    mark_source(transaction, case, touched)?;
                }
                let mut changed = touched.values().flatten();
                changed.try_for_each(|space| forget_search_text(transaction, space))?;
                put_lines(transaction, &lines)
            })?;
        }
        self.publish_waiting_cards()
    }

    fn new_labels(
        &self,
        spaces: &BTreeSet<SpaceId>,
    ) -> Result<(Labels, Vec<SpaceId>), ClientError> {
        let mut candidates = Labels::new();
        for space in spaces {
            if self.vault.get(Collection::Label, &space.0)?.is_some() {
                continue;
            }
            let is_section = self
                .logs()
                .state(space)
                .is_some_and(|state| state.kind() == Kind::Section);
            if !is_section {
                continue;
            }
            let role = authority::right(&self.logs(), &self.device_id, space).role;
            if role.is_some()
                && let Ok(label) = self.label(space)
            {
                candidates.push((*space, label));
            }
        }
        // Who may open a second ledger of consents is read from the core.
        candidates.sort_by_key(|(_, label)| label.kind != SectionKind::Core.code());
        let (mut labels, mut foreign) = (Labels::new(), Vec::new());
        for (space, label) in candidates {
            if self.is_part_of_its_case(&space, &label, &labels)? {
                labels.push((space, label));
            } else {
                foreign.push(space);
            }
        }
        Ok((labels, foreign))
    }

    /// Whether a section is what its label says: founded by a device of the institution that opened
    /// the case, and the first of its kind there. Anything else would let a participant slip a
    /// section of their own into a case, and read what is then written in it.
    ///
    /// An institution's notes it founds itself, and only its own devices take them for a part of the
    /// case: to anybody else they say nothing, whoever shares them.
    ///
    /// Nor need a slice be the first of its number: two devices may refresh one at once, and the readers of
    /// one of them go over to the other.
    ///
    /// A ledger of consents need not be the first: two who record the first consent at once, offline,
    /// open one each, and neither consent may be lost. Whoever founded a further one manages the core.
    fn is_part_of_its_case(
        &self,
        space: &SpaceId,
        label: &LabelRecord,
        new: &[(SpaceId, LabelRecord)],
    ) -> Result<bool, ClientError> {
        let logs = self.logs();
        let state = logs.state(space);
        let founder = state.as_ref().map(|state| state.founder());
        let at_home = match SectionKind::from_code(&label.kind) {
            SectionKind::Internal(institution) => {
                let own = self.institution()?;
                institution == own.to_string()
                    && state.is_some_and(|state| self.founded_for_itself(&own, &state))
            }
            _ => founder
                .zip(logs.state(&label.home))
                .is_some_and(|(founder, home)| {
                    authority::person_of(&logs, &founder, &home).is_some()
                }),
        };
        let case = label.case();
        let mut others: Labels = new
            .iter()
            .filter(|(_, other)| other.case() == case)
            .cloned()
            .collect();
        for (other, bytes) in self.vault.list(Collection::Label, &case.0)? {
            if let Some(other) = SpaceId::from_slice(&other) {
                others.push((other, records::decode(&bytes)?));
            }
        }
        // An enquiry stands alone.
        let enquiry = SectionKind::Enquiry.code();
        let is_enquiry = |kind: &String| *kind == enquiry;
        let stands_alone = is_enquiry(&label.kind) && others.is_empty();
        if !stands_alone
            && (is_enquiry(&label.kind) || others.iter().any(|(_, other)| is_enquiry(&other.kind)))
        {
            return Ok(false);
        }
        let first = !others.iter().any(|(_, other)| other.kind == label.kind);
        let kind = SectionKind::from_code(&label.kind);
        let may_be_further = || {
            let core = others
                .iter()
                .find(|(_, other)| other.kind == SectionKind::Core.code());
            let manages = core.zip(founder).map(|((core, _), founder)| {
                authority::right(&logs, &founder, core).at_least(Role::Manage)
            });
            match kind {
                SectionKind::Consent => manages == Some(true),
                // Whom a slice is for reads no core.
                SectionKind::Slice(_) => manages != Some(false),
                _ => false,
            }
        };
        Ok(at_home && (first || may_be_further()))
    }

    /// Whether an institution's own person founded a section while they belonged to it. Its log knows others, too:
    /// who has left, and after a merger all people of the other institution.
    fn founded_for_itself(&self, institution: &SpaceId, section: &SpaceState) -> bool {
        let (logs, founder) = (self.logs(), section.founder());
        let Some(home) = logs.state(institution) else {
            return false;
        };
        let person = authority::person_of(&logs, &founder, &home);
        let guardian = person.and_then(|person| logs.state(&person)?.guardian());
        let founding = section.operation(0).map(|record| record.id.into());
        guardian == Some(*institution) && self.stands_or_stood(&home, &founder, founding)
    }

    /// Sections shared with this device that claim a case they are no part of.
    pub(crate) fn foreign_sections(&self) -> Result<Vec<SpaceId>, ClientError> {
        let foreign = self.vault.list(Collection::Notice, FOREIGN_SECTIONS)?;
        Ok(foreign
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key.get(1..)?))
            .collect())
    }

    /// Brings a case's line up to date after these of its sections changed; without any, its counts.
    pub(crate) fn refresh_summary(
        &mut self,
        case: &Nonce,
        touched: &BTreeSet<SpaceId>,
    ) -> Result<(), ClientError> {
        let Ok(known) = self.case(&hex(case)) else {
            return Ok(());
        };
        let lines = [(*case, self.summarise_again(&known, touched)?)];
        self.commit(|transaction| {
            let mut changed = touched.iter();
            changed.try_for_each(|space| forget_search_text(transaction, space))?;
            put_lines(transaction, &lines)
        })
    }

    /// The summary of a case after these sections changed. What the line says of the others stands:
    /// their documents are not opened.
    fn summarise_again(
        &self,
        case: &Case,
        touched: &BTreeSet<SpaceId>,
    ) -> Result<CaseLine, ClientError> {
        let Some(mut line) = self.stored_line(&case.id)? else {
            return self.summarise(case);
        };
        let before = std::mem::take(&mut line.sections);
        let mut conflicts_before = std::mem::take(&mut line.conflicts_by_section);
        (line.unread, line.undelivered, line.carried) = (0, 0, 0);
        let mut has_new_sources = false;
        for (kind, space) in &case.sections {
            let (code, id) = (kind.code(), space.to_string());
            let is_changed = touched.contains(space) || before.get(&code) != Some(&id);
            has_new_sources |= is_changed && is_summarised(kind);
            if is_changed {
                self.count_conflicts(&mut line, kind, space)?;
            } else if let Some(conflicts) = conflicts_before.remove(&code) {
                set_conflicts(&mut line, kind, conflicts);
            }
            self.count_edits(&mut line, kind, space)?;
            line.sections.insert(code, id);
        }
        let total = line.conflicts_by_section.values().sum();
        if has_new_sources || before.keys().any(|code| !line.sections.contains_key(code)) {
            line.summary = self.sources(case)?.summary(total);
        } else {
            line.summary.conflicts = total;
        }
        Ok(line)
    }

    fn count_conflicts(
        &self,
        line: &mut CaseLine,
        kind: &SectionKind,
        space: &SpaceId,
    ) -> Result<(), ClientError> {
        if let Ok(document) = self.document_to_read(space) {
            let authors = self.authors(space)?;
            let conflicts = nahtlos_casework::conflicts(&document, kind, &authors);
            set_conflicts(line, kind, conflicts.len());
            set_enquiry(line, kind, &document);
        }
        Ok(())
    }

    fn count_edits(
        &self,
        line: &mut CaseLine,
        kind: &SectionKind,
        space: &SpaceId,
    ) -> Result<(), ClientError> {
        // That somebody read is no news of the client.
        if *kind != SectionKind::Access {
            line.unread += self.document_record(space)?.unread;
        }
        line.undelivered += self.pending_edits(space)?.len() as u64;
        line.carried += self.carried_edits(space)?;
        Ok(())
    }

    fn summarise(&self, case: &Case) -> Result<CaseLine, ClientError> {
        let mut line = CaseLine {
            id: hex(&case.id),
            summary: CaseSummary::default(),
            sections: BTreeMap::new(),
            unread: 0,
            undelivered: 0,
            carried: 0,
            conflicts_by_section: BTreeMap::new(),
            enquiry: None,
        };
        for (kind, space) in &case.sections {
            line.sections.insert(kind.code(), space.to_string());
            self.count_edits(&mut line, kind, space)?;
            self.count_conflicts(&mut line, kind, space)?;
        }
        let total = line.conflicts_by_section.values().sum();
        line.summary = self.sources(case)?.summary(total);
        Ok(line)
    }
}

/// Whether a list shows something of what is in it.
fn is_summarised(kind: &SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::Core | SectionKind::Plan | SectionKind::Tasks
    )
}

/// An institution's own notes say from which anonymous enquiry their case was opened.
fn set_enquiry(line: &mut CaseLine, kind: &SectionKind, document: &Document) {
    if matches!(kind, SectionKind::Internal(_)) {
        line.enquiry = enquiry_in(document, kind);
    }
}

fn set_conflicts(line: &mut CaseLine, kind: &SectionKind, conflicts: usize) {
    if conflicts == 0 {
        line.conflicts_by_section.remove(&kind.code());
    } else {
        line.conflicts_by_section.insert(kind.code(), conflicts);
    }
}
