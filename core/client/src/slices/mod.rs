//! Slices: parts of a section, written for an institution that does not read the section itself.
//!
//! A slice is a section of its own, founded and managed by the lead's team, read by teams of one
//! institution. What it holds follows from the source alone (`nahtlos_casework::view::slice_content`), so
//! every device of the team writes the same. It is refreshed where the source has changed
//! ([`refreshing`]); what has to go is left out of a new one with the next number, and the readers go over
//! to it: the history of a slice holds nothing that is not meant for who is let in later.

mod refreshing;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, SliceContent, SliceEdit, SliceState};
use nahtlos_casework::fields::{Date, Field, FieldError, InstitutionId};
use nahtlos_casework::role::InstitutionKind;
use nahtlos_casework::slice::{Slice, SliceRule, slice_rule, slice_rule_of_kind};
use nahtlos_casework::view::{slice_content, slice_of_consents};
use nahtlos_protocol::identifier::{GrantId, Nonce, SpaceId};
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

pub(crate) use refreshing::mark_source;

use crate::cases::{Case, hex};
use crate::consent::{member_id, not_confirmed, short_name};
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, Intent, LabelRecord};
use crate::share::Terms;
use crate::vault::Collection;

const WRITE: &str = "write a slice";

/// What sharing a slice would do, said before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlicePreview {
    /// Code of the slice.
    pub slice: String,
    /// Code of the section that it is a part of.
    pub section: String,
    /// Whom.
    pub member: String,
    /// Their institution.
    pub institution: String,
    /// Kind code of that institution.
    pub kind: String,
    /// People who will read it, each with the institution in parentheses.
    pub people: Vec<String>,
    /// What it rests on.
    pub basis: String,
    /// Until when, Unix milliseconds.
    pub not_after_ms: Option<u64>,
    /// Codes of the fields that it holds, and of lists with the number of their entries.
    pub holds: Vec<String>,
    /// Whether a new document is written, which has no earlier content.
    pub is_new: bool,
    /// Whether they read it already.
    pub already: bool,
}

/// A slice that is to be shared.
struct Planned {
    slice: Slice,
    content: SliceContent,
    basis: String,
    not_after_ms: Option<u64>,
    /// What stands there: nothing where a new document is to be written.
    present: Option<(SpaceId, SliceState)>,
}

/// Somebody who reads a slice, by a grant or by a decision to make one.
pub(crate) struct Reader {
    member: SpaceId,
    basis: String,
    not_after_ms: Option<u64>,
    by: By,
}

/// What lets somebody read.
#[derive(Clone, Copy)]
enum By {
    Grant(GrantId),
    Decision(Nonce),
}

impl Nahtlos {
    /// What sharing a slice of a section would do. Without a basis, it rests on the consent that covers the
    /// section for them.
    ///
    /// # Errors
    /// As [`Self::share_slice`].
    pub fn preview_slice(
        &self,
        case: &Case,
        of: &SectionKind,
        member: &SpaceId,
        basis: Option<&str>,
    ) -> Result<SlicePreview, ClientError> {
        let planned = self.plan_slice(case, of, member, basis)?;
        let directory = self.directory()?;
        let institution = self.confirmed_institution(member);
        let card = institution.and_then(|id| directory.institutions.get(&id.to_string()));
        let kind = SectionKind::Slice(Box::new(planned.slice.clone()));
        let already = match planned.present {
            Some(_) => self.is_granted(case, &kind, member, Role::Read, planned.not_after_ms)?,
            None => false,
        };
        Ok(SlicePreview {
            slice: kind.code(),
            section: of.code(),
            member: directory.name(member),
            institution: institution.map_or_else(String::new, |id| directory.institution_name(&id)),
            kind: card.map_or_else(String::new, |card| card.kind.clone()),
            people: self.people_with_institution(member, &directory),
            holds: held(&planned.content),
            basis: planned.basis,
            not_after_ms: planned.not_after_ms,
            is_new: planned.present.is_none(),
            already,
        })
    }

    /// Writes a slice of a section for a team or person, or brings it up to date, and lets them read it.
    /// Carried out at the next sync. From then on it follows its source by itself.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where the matrix provides for no slice of it for them, or the case is led by
    /// others; [`ClientError::Field`] where nothing covers it. Nothing is kept then.
    pub fn share_slice(
        &mut self,
        case: &Case,
        of: &SectionKind,
        member: &SpaceId,
        basis: Option<&str>,
    ) -> Result<SectionKind, ClientError> {
        let planned = self.plan_slice(case, of, member, basis)?;
        let kind = SectionKind::Slice(Box::new(planned.slice.clone()));
        let case = hex(&case.id);
        self.all_or_nothing(|nahtlos| {
            nahtlos.write_slice(&case, &planned)?;
            let terms = Terms::new(Role::Read, &planned.basis).until(planned.not_after_ms);
            let case = nahtlos.case(&case)?;
            nahtlos.grant(&case, &kind, member, &terms)
        })?;
        Ok(kind)
    }

    fn write_slice(&mut self, case: &str, planned: &Planned) -> Result<(), ClientError> {
        let known = self.case(case)?;
        let (institution, of) = (planned.slice.institution(), planned.slice.of());
        match planned.present {
            None => {
                self.found_slice(&known, &planned.slice, planned.content.clone())?;
                let space = self.case(case)?.section(&code_of(&planned.slice))?;
                self.move_readers(&known, of, institution, &space)
            }
            Some((_, SliceState::Current)) => Ok(()),
            Some((space, _)) => self.rewrite_slice(&space, &planned.slice, planned.content.clone()),
        }
    }

    /// What is to be shared and on what, and that it is possible.
    fn plan_slice(
        &self,
        case: &Case,
        of: &SectionKind,
        member: &SpaceId,
        basis: Option<&str>,
    ) -> Result<Planned, ClientError> {
        let case = self.case(&hex(&case.id))?;
        self.require_manager(&case.section(&SectionKind::Core)?, WRITE)?;
        let known = self.logs().state(member).map(|state| state.kind());
        if !known.is_some_and(|known| Kind::Section.admits_space(known)) {
            return Err(ClientError::NotFound {
                what: "team or person",
                input: member.to_string(),
            });
        }
        self.refuse_where_merged(member)?;
        let rule = self
            .slice_rule_for(of, member)?
            .ok_or_else(|| none_of(of))?;
        let institution = self
            .confirmed_institution(member)
            .ok_or_else(not_confirmed)?;
        let institution = InstitutionId::parse(&institution.to_string())?;
        let basis = self.basis_of_slice(&case, of, member, basis, rule)?;
        let not_after_ms = self.basis_ends_ms(&case, of, member, &basis)?;
        let content = self.content_of_slice(&case, of, &institution, rule)?;
        let (slice, present) = match self.newest_slice(&case, of, &institution) {
            None => (Slice::first(of, &institution), None),
            Some((newest, space)) => {
                let document = self.shared_document(&space)?;
                let state = content.state_of(&document, &code_of(&newest));
                // A right that ended does not go on: what is given anew begins anew.
                if state == SliceState::HoldsMore || self.readers_of_slice(&space)?.is_empty() {
                    (newest.next(), None)
                } else {
                    (Some(newest), Some((space, state)))
                }
            }
        };
        Ok(Planned {
            slice: slice.ok_or_else(|| none_of(of))?,
            content,
            basis,
            not_after_ms,
            present,
        })
    }

    /// What the matrix lets a team or person have of a section in a slice.
    pub(crate) fn slice_rule_for(
        &self,
        of: &SectionKind,
        member: &SpaceId,
    ) -> Result<Option<SliceRule>, ClientError> {
        let party = self.party_of(member)?;
        Ok(party.and_then(|party| slice_rule(of, party)))
    }

    /// What a slice rests on: what was named, or else the consent that covers it.
    fn basis_of_slice(
        &self,
        case: &Case,
        of: &SectionKind,
        member: &SpaceId,
        named: Option<&str>,
        rule: SliceRule,
    ) -> Result<String, ClientError> {
        let is_consent = |basis: &str| crate::consent::consent_in(basis).is_some();
        if let Some(named) = named.filter(|named| is_consent(named) || !rule.needs_consent) {
            return Ok(named.to_owned());
        }
        let consents = self.known_consents(case)?;
        let covering = consents.covering(of, &member_id(member)?, self.today()?);
        let covering = covering.iter().max_by_key(|coverage| {
            // One without a last day goes on the longest.
            (coverage.until.is_none(), coverage.until, coverage.consent)
        });
        if let (Some(coverage), None) = (covering, named) {
            return Ok(format!("consent {}", short_name(&coverage.consent)));
        }
        let (code, reason) = match rule.needs_consent {
            true => (
                "not_covered",
                format!("they read a part of `{of}` only with a consent that names it for them"),
            ),
            false => ("missing", "it rests on nothing".to_owned()),
        };
        let remedy = match rule.needs_consent {
            true => {
                "record the consent: `nahtlos consent give CASE --read SECTION=TEAM --form FORM`"
            }
            false => {
                "record the consent: `nahtlos consent give CASE --read SECTION=TEAM --form FORM`, or name the code \
             of a law (`nahtlos share bases`)"
            }
        };
        Err(FieldError::new("basis", code, reason, remedy).into())
    }

    /// What a slice is to hold now.
    fn content_of_slice(
        &self,
        case: &Case,
        of: &SectionKind,
        institution: &InstitutionId,
        rule: SliceRule,
    ) -> Result<SliceContent, ClientError> {
        if *of == SectionKind::Consent {
            return Ok(slice_of_consents(institution, &self.known_consents(case)?));
        }
        let source = case.section(of)?;
        let (document, authors) = (self.shared_document(&source)?, self.authors(&source)?);
        Ok(slice_content(
            of,
            rule.part,
            institution,
            &document,
            &authors,
        ))
    }

    /// The slice of a section for an institution with the highest number, and its space.
    pub(crate) fn newest_slice(
        &self,
        case: &Case,
        of: &SectionKind,
        institution: &InstitutionId,
    ) -> Option<(Slice, SpaceId)> {
        let slices = case.sections.iter().filter_map(|(kind, space)| {
            let slice = kind.as_slice()?;
            let is_wanted = slice.of() == of && slice.institution() == institution;
            is_wanted.then(|| (slice.clone(), *space))
        });
        slices.max_by_key(|(slice, _)| slice.number())
    }

    /// Every slice of a section that this device knows in a case, two of one number included: two devices may
    /// have founded one each.
    pub(crate) fn slices_of(
        &self,
        case: &Nonce,
        of: &SectionKind,
    ) -> Result<Vec<(Slice, SpaceId)>, ClientError> {
        let mut slices = Vec::new();
        for (space, bytes) in self.vault.list(Collection::Label, &case.0)? {
            let label: LabelRecord = records::decode(&bytes)?;
            let SectionKind::Slice(slice) = SectionKind::from_code(&label.kind) else {
                continue;
            };
            if let Some(space) = SpaceId::from_slice(&space).filter(|_| slice.of() == of) {
                slices.push((*slice, space));
            }
        }
        Ok(slices)
    }

    /// Who reads a slice: teams and people that hold `read`, those whose grant waits for the next sync
    /// included, those whose end waits for it not.
    pub(crate) fn readers_of_slice(&self, space: &SpaceId) -> Result<Vec<Reader>, ClientError> {
        let (state, waiting) = (self.section_state(space)?, self.waiting_intents()?);
        let ends = |grant: GrantId, member: SpaceId| {
            waiting.iter().any(|record| match &record.intent {
                Intent::Remove {
                    space: of,
                    grant: named,
                    member: whose,
                    ..
                } => {
                    let is_whose = whose.is_some_and(|whose| whose.0 == member.0);
                    of == space && (*named == Some(grant) || is_whose)
                }
                _ => false,
            })
        };
        let mut readers = Vec::new();
        for grant in state.live_grants().filter(|grant| grant.role == Role::Read) {
            let MemberId::Space(member) = grant.member else {
                continue;
            };
            if !ends(grant.id, member) {
                readers.push(Reader {
                    member,
                    basis: self.open_basis(&state, grant).unwrap_or_default(),
                    not_after_ms: grant.not_after_ms,
                    by: By::Grant(grant.id),
                });
            }
        }
        for record in &waiting {
            if let Intent::Grant {
                space: of,
                member,
                role: Role::Read,
                basis,
                not_after_ms,
                ..
            } = &record.intent
                && of == space
            {
                readers.push(Reader {
                    member: *member,
                    basis: basis.clone(),
                    not_after_ms: *not_after_ms,
                    by: By::Decision(record.id),
                });
            }
        }
        Ok(readers)
    }

    fn found_slice(
        &mut self,
        case: &Case,
        slice: &Slice,
        content: SliceContent,
    ) -> Result<(), ClientError> {
        let edit = slice_edit(slice, content, self.today()?);
        let edits = |_: &Self, _: &SpaceId| Ok(vec![edit]);
        self.open_section_with(case, &code_of(slice), edits, |_| Ok(()))
    }

    fn rewrite_slice(
        &mut self,
        space: &SpaceId,
        slice: &Slice,
        content: SliceContent,
    ) -> Result<(), ClientError> {
        let edit = slice_edit(slice, content, self.today()?);
        self.edit_space(space, &[TypedEdit::Case(edit)])
    }

    /// The rule for an institution by its kind, as its card says.
    fn slice_rule_of_institution(
        &self,
        of: &SectionKind,
        institution: &InstitutionId,
    ) -> Result<Option<SliceRule>, ClientError> {
        let directory = self.shared_directory()?;
        let card = directory.institutions.get(institution.as_str());
        let kind = card.and_then(|card| InstitutionKind::parse(&card.kind).ok());
        Ok(kind.and_then(|kind| slice_rule_of_kind(of, kind)))
    }
}

fn code_of(slice: &Slice) -> SectionKind {
    SectionKind::Slice(Box::new(slice.clone()))
}

fn slice_edit(slice: &Slice, content: SliceContent, as_of: Date) -> Edit {
    Edit::Slice(SliceEdit {
        section: code_of(slice),
        content,
        as_of,
    })
}

fn none_of(of: &SectionKind) -> ClientError {
    ClientError::NoRight {
        action: WRITE,
        reason: format!("the matrix provides for no slice of `{of}` for them"),
    }
}

/// Fields by their codes, lists with how many entries they have.
fn held(content: &SliceContent) -> Vec<String> {
    let mut lists: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for entry in content.entries.values() {
        *lists.entry(&entry.list).or_default() += 1;
    }
    let lists = lists
        .iter()
        .map(|(list, count)| format!("{list} ({count})"));
    content.fields.keys().cloned().chain(lists).collect()
}
