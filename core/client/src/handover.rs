//! Handing cases over: another person leads them from then on. Each case is handed over whole or not at
//! all, and what is left is done by running it again.
//!
//! A hand-over opens no section to anybody who could not read it: it says who leads, lets a team that
//! reads manage where that is needed, and makes new keys where the earlier lead may not read any more.
//! Whoever manages the institution may *order* one ([`HandoverOrder`]) without reading a case; a device that
//! leads the cases carries it out.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{Field, InstitutionId, PersonId};
use nahtlos_casework::record::Lead;
use nahtlos_casework::view::CoreView;
use nahtlos_protocol::identifier::{GrantId, RecipientId, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::Serialize;

use crate::cases::{Case, CaseLine};
use crate::directory::{Directory, DirectoryEdit, HandoverOrder, PersonCard};
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;

/// What a hand-over would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandoverPlan {
    /// Who leads now.
    pub from: String,
    /// Who is to lead.
    pub to: String,
    /// The institution of who is to lead.
    pub to_institution: String,
    /// Cases that are handed over.
    pub cases: Vec<HandoverCase>,
    /// Cases that are not, and why.
    pub excluded: Vec<ExcludedCase>,
    #[serde(skip)]
    parties: Parties,
}

/// A case that is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandoverCase {
    /// Hexadecimal case id.
    pub case: String,
    /// Its number.
    pub case_number: Option<String>,
    /// Whom it is about.
    pub client: Option<String>,
    /// Sections that get a new key: the earlier lead held one and may not read any more.
    pub new_keys: Vec<String>,
    /// Sections that the new lead's team reads, and manages from then on.
    pub raised: Vec<String>,
    /// Sections that are not shared with the new lead: a hand-over shares nothing.
    pub not_shared: Vec<String>,
    /// Sections that were shared with the earlier lead by name: they stay.
    pub stays_by_name: Vec<String>,
}

/// A case that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExcludedCase {
    /// Hexadecimal case id.
    pub case: String,
    /// Its number.
    pub case_number: Option<String>,
    /// Whom it is about.
    pub client: Option<String>,
    /// Why.
    pub because: Exclusion,
}

/// Why a case is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// The new lead has a conflict of interest there.
    ConflictOfInterest,
    /// Several people lead it at the same time: somebody must settle that first.
    LeadInConflict,
    /// The core data are not shared with the new lead.
    NotShared,
    /// This device does not manage the case's core: another team leads it.
    NotYours,
    /// The core data are closed.
    Closed,
}

impl Exclusion {
    /// In words.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ConflictOfInterest => "conflict of interest",
            Self::LeadInConflict => "who leads it is in conflict: settle that first",
            Self::NotShared => "its core data are not shared with who is to lead it",
            Self::NotYours => "your team does not manage its core data",
            Self::Closed => "its core data are closed",
        }
    }
}

/// An order that somebody may carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderedHandover {
    /// Whose cases.
    pub from: String,
    /// Hexadecimal id of that person.
    pub from_id: String,
    /// Who takes over.
    pub to: String,
    /// Hexadecimal id of that person.
    pub to_id: String,
    /// Who gave the order; none where this device does not know them.
    pub ordered_by: Option<String>,
    /// When, by their clock, Unix milliseconds.
    pub ordered_at_ms: u64,
    /// Cases that the first of them leads, as far as this device knows.
    pub cases: usize,
}

/// Who is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parties {
    from: SpaceId,
    to: SpaceId,
    institution: SpaceId,
}

/// What becomes of one section.
enum SectionStep {
    NewKey,
    Raise(GrantId),
    NotShared,
    Nothing,
}

impl Nahtlos {
    /// What handing over would do: every case that the first person leads, or those of them that are
    /// named. Nothing is changed.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the new lead's institution is not confirmed by its own log; where
    /// the vault cannot be read.
    pub fn plan_handover(
        &self,
        from: &SpaceId,
        to: &SpaceId,
        only: &[Case],
    ) -> Result<HandoverPlan, ClientError> {
        let directory = self.directory()?;
        let institution = self
            .confirmed_institution(to)
            .ok_or_else(|| ClientError::NotFound {
                what: "institution of the new lead",
                input: directory.person_name(to),
            })?;
        let mut plan = HandoverPlan {
            from: directory.person_name(from),
            to: directory.person_name(to),
            to_institution: directory.institution_name(&institution),
            cases: Vec::new(),
            excluded: Vec::new(),
            parties: Parties {
                from: *from,
                to: *to,
                institution,
            },
        };
        for line in self.cases()? {
            let case = self.case(&line.id)?;
            let is_named = only.is_empty() || only.iter().any(|one| one.id == case.id);
            if is_named {
                self.plan_case(&mut plan, &line, &case)?;
            }
        }
        Ok(plan)
    }

    fn plan_case(
        &self,
        plan: &mut HandoverPlan,
        line: &CaseLine,
        case: &Case,
    ) -> Result<(), ClientError> {
        let Ok(document) = self.section_document(case, &SectionKind::Core) else {
            return Ok(());
        };
        let core = CoreView::read(&document);
        let from = plan.parties.from.to_string();
        let conflict = self.lead_conflict(case)?;
        let leads = core
            .lead
            .as_ref()
            .and_then(|lead| lead.known())
            .is_some_and(|lead| lead.person.to_string() == from);
        let is_one_of = conflict.iter().flatten().any(|lead| lead.contains(&from));
        if !leads && !is_one_of {
            return Ok(());
        }
        match self.exclusion(&plan.parties, case, &core, conflict.is_some())? {
            Some(because) => plan.excluded.push(ExcludedCase {
                case: line.id.clone(),
                case_number: line.summary.case_number.clone(),
                client: line.summary.display_name.clone(),
                because,
            }),
            None => {
                let planned = self.planned_case(&plan.parties, line, case)?;
                plan.cases.push(planned);
            }
        }
        Ok(())
    }

    /// The values of a conflict about the lead, as stored; none where there is no such conflict.
    fn lead_conflict(&self, case: &Case) -> Result<Option<Vec<String>>, ClientError> {
        use nahtlos_casework::ConflictKind;
        use nahtlos_casework::edit::ScalarValue;
        let conflicts = self.conflicts(case)?;
        let about_lead = conflicts.into_iter().find(|one| {
            one.section == SectionKind::Core && one.path.as_slice() == ["case", "lead"]
        });
        Ok(about_lead.map(|conflict| match conflict.kind {
            ConflictKind::Values { alternatives } => alternatives
                .into_iter()
                .filter_map(|one| match one.value {
                    ScalarValue::Text(text) => Some(text),
                    ScalarValue::Bool(_) | ScalarValue::Integer(_) => None,
                })
                .collect(),
            ConflictKind::Wordings { .. } | ConflictKind::DeletedMeanwhile { .. } => Vec::new(),
        }))
    }

    fn exclusion(
        &self,
        parties: &Parties,
        case: &Case,
        core: &CoreView,
        in_conflict: bool,
    ) -> Result<Option<Exclusion>, ClientError> {
        let space = case.section(&SectionKind::Core)?;
        let state = self.section_state(&space)?;
        let right = authority::right(&self.logs(), &self.device_id, &space);
        let to = parties.to.to_string();
        Ok(if core.recused.contains(&to) {
            Some(Exclusion::ConflictOfInterest)
        } else if in_conflict {
            Some(Exclusion::LeadInConflict)
        } else if state.closed_at().is_some() {
            Some(Exclusion::Closed)
        } else if !right.at_least(Role::Write) || !self.team_manages(&state) {
            Some(Exclusion::NotYours)
        } else if !self.reads_as_member(&state, &parties.to) {
            Some(Exclusion::NotShared)
        } else {
            None
        })
    }

    /// Whether this person, or a team of theirs, manages the section: they lead the case, whatever this
    /// person may do in the team.
    fn team_manages(&self, state: &SpaceState) -> bool {
        let Some(person) = self.device.person else {
            return false;
        };
        let managing = |grant: &&Grant| grant.is_confirmed() && grant.role == Role::Manage;
        let mut managers = state.live_grants().filter(managing);
        managers.any(|grant| self.leads_to(grant, &person))
    }

    fn reads_as_member(&self, state: &SpaceState, person: &SpaceId) -> bool {
        let stands = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let mut standing = state.live_grants().filter(stands);
        standing.any(|grant| self.leads_to(grant, person))
    }

    fn planned_case(
        &self,
        parties: &Parties,
        line: &CaseLine,
        case: &Case,
    ) -> Result<HandoverCase, ClientError> {
        let mut planned = HandoverCase {
            case: line.id.clone(),
            case_number: line.summary.case_number.clone(),
            client: line.summary.display_name.clone(),
            new_keys: Vec::new(),
            raised: Vec::new(),
            not_shared: Vec::new(),
            stays_by_name: Vec::new(),
        };
        for (kind, space) in &case.sections {
            let state = self.section_state(space)?;
            let by_name = |grant: &Grant| grant.member == MemberId::Space(parties.from);
            if state.live_grants().any(by_name) {
                planned.stays_by_name.push(kind.code());
            }
            for step in self.section_steps(parties, &state)? {
                match step {
                    SectionStep::NewKey => planned.new_keys.push(kind.code()),
                    SectionStep::Raise(_) => planned.raised.push(kind.code()),
                    SectionStep::NotShared => planned.not_shared.push(kind.code()),
                    SectionStep::Nothing => {}
                }
            }
        }
        Ok(planned)
    }

    fn section_steps(
        &self,
        parties: &Parties,
        state: &SpaceState,
    ) -> Result<[SectionStep; 2], ClientError> {
        let right = authority::right(&self.logs(), &self.device_id, &state.id());
        let is_open = state.closed_at().is_none();
        let needs_key = is_open
            && right.at_least(Role::Write)
            && self.held_by(state, &parties.from)
            && !self.will_read(state, &parties.from)?;
        let key = if needs_key {
            SectionStep::NewKey
        } else {
            SectionStep::Nothing
        };
        Ok([
            self.access_step(parties, state, right.at_least(Role::Manage)),
            key,
        ])
    }

    /// What the new lead needs in a section: nothing where their team manages it.
    fn access_step(&self, parties: &Parties, state: &SpaceState, manages: bool) -> SectionStep {
        let stands = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let theirs = state.live_grants().filter(stands);
        let theirs = theirs.filter(|grant| self.leads_to(grant, &parties.to));
        match theirs.max_by_key(|grant| grant.role) {
            None => SectionStep::NotShared,
            Some(grant) if grant.role == Role::Manage => SectionStep::Nothing,
            Some(grant) if manages && state.closed_at().is_none() => SectionStep::Raise(grant.id),
            Some(_) => SectionStep::Nothing,
        }
    }

    /// Whether a person ever had the present key: it was wrapped to them, or to a team they were in.
    fn held_by(&self, state: &SpaceState, person: &SpaceId) -> bool {
        let Some(epoch) = state.current_epoch() else {
            return false;
        };
        let ever_member = |space: &SpaceId| {
            let state = self.logs().state(space);
            state.is_some_and(|state| {
                let mut grants = state.grants().iter();
                grants.any(|grant| grant.member == MemberId::Space(*person))
            })
        };
        epoch.recipients.keys().any(|recipient| {
            let member = SpaceId(recipient.0);
            member == *person || ever_member(&member)
        })
    }

    /// Whether a person reads a section by what stands, once what was decided here is carried out.
    fn will_read(&self, state: &SpaceState, person: &SpaceId) -> Result<bool, ClientError> {
        if !self.reads_as_member(state, person) {
            return Ok(false);
        }
        let removed: Vec<SpaceId> = self
            .waiting_intents()?
            .into_iter()
            .filter_map(|record| match record.intent {
                Intent::Remove {
                    space,
                    member: Some(member),
                    ..
                } if member == RecipientId::from(*person) => Some(space),
                _ => None,
            })
            .collect();
        let stands = |grant: &&Grant| {
            let through = match grant.member {
                MemberId::Space(member) => member,
                MemberId::Device(_) => return false,
            };
            let is_out =
                removed.contains(&through) || (through == *person && removed.contains(&state.id()));
            !is_out && grant.role.holds_keys() && self.leads_to(grant, person)
        };
        let reads = state.live_grants().any(|grant| stands(&grant));
        Ok(reads)
    }

    /// Hands one case of a plan over: who leads it, and what goes with that, in one step. A case that is not
    /// to be handed over any more, because somebody did so meanwhile, is left alone: `false`.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] and others; nothing of this case is changed then.
    pub fn hand_over(
        &mut self,
        plan: &HandoverPlan,
        handed: &HandoverCase,
    ) -> Result<bool, ClientError> {
        let parties = plan.parties.clone();
        let case = self.case(&handed.case)?;
        let now = self.plan_handover(&parties.from, &parties.to, std::slice::from_ref(&case))?;
        if now.cases.is_empty() {
            return Ok(false);
        }
        self.all_or_nothing(|this| this.hand_over_whole(&parties, &case))?;
        Ok(true)
    }

    fn hand_over_whole(&mut self, parties: &Parties, case: &Case) -> Result<(), ClientError> {
        let lead = Lead {
            institution: InstitutionId::parse(&parties.institution.to_string())?,
            person: PersonId::parse(&parties.to.to_string())?,
            since: self.today()?,
            until: None,
        };
        for space in case.sections.values() {
            let state = self.section_state(space)?;
            for step in self.section_steps(parties, &state)? {
                match step {
                    SectionStep::Raise(grant) => self.set_role(space, &grant, Role::Manage)?,
                    SectionStep::NewKey => {
                        let replaced = state.current_epoch().map(|epoch| epoch.key_id);
                        let intent = Intent::Rotate {
                            space: *space,
                            replaced,
                        };
                        self.decide(intent, space)?;
                    }
                    SectionStep::NotShared | SectionStep::Nothing => {}
                }
            }
        }
        let edit = Edit::Core(CoreEdit::Set(CoreField::Lead(lead)));
        self.edit_case(&case.id.to_string(), &[edit])
    }

    /// Marks that a person has a conflict of interest in a case, or takes the mark away. Everybody who reads
    /// the core data sees it, without a reason.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] and others; nothing is changed then.
    pub fn recuse(
        &mut self,
        case: &Case,
        person: &SpaceId,
        is_recused: bool,
    ) -> Result<(), ClientError> {
        let person = PersonId::parse(&person.to_string())?;
        let edit = if is_recused {
            CoreEdit::Recuse(person)
        } else {
            CoreEdit::LiftRecusal(person)
        };
        self.edit_case(&case.id.to_string(), &[Edit::Core(edit)])
    }

    /// Orders that a person's cases go to another of one's institution, or takes the order back. It stands
    /// on their card in the directory, signed by this device; who leads the cases carries it out.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where one of them has no card of this institution;
    /// [`ClientError::NoRight`] where this device does not manage the institution.
    pub fn order_handover(
        &mut self,
        from: &SpaceId,
        to: Option<&SpaceId>,
    ) -> Result<(), ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "order a hand-over")?;
        let card = self.own_card(&institution, from)?;
        if let Some(to) = to {
            self.own_card(&institution, to)?;
        }
        let card = PersonCard {
            handover: to.map(|to| HandoverOrder {
                to: to.to_string(),
                ordered_at_ms: self.now_ms(),
            }),
            ..card
        };
        let network = self.network()?;
        let edit = DirectoryEdit::Person {
            id: from.to_string(),
            card,
        };
        self.edit_space(&network, &[TypedEdit::Directory(edit)])
    }

    fn own_card(&self, institution: &SpaceId, person: &SpaceId) -> Result<PersonCard, ClientError> {
        let directory = self.directory()?;
        let card = directory.people.get(&person.to_string()).cloned();
        let own = card.filter(|card| card.institution == institution.to_string());
        own.ok_or_else(|| ClientError::NotFound {
            what: "person of your institution",
            input: directory.person_name(person),
        })
    }

    /// Orders of one's institution about cases that are led by somebody still, as far as this device knows.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn ordered_handovers(&self) -> Result<Vec<OrderedHandover>, ClientError> {
        let directory = self.directory()?;
        let cases = self.cases()?;
        let mut orders = Vec::new();
        for (id, card) in &directory.people {
            let Some(order) = &card.handover else {
                continue;
            };
            let led = cases
                .iter()
                .filter(|line| line.summary.lead_person.as_ref() == Some(id));
            let led = led.count();
            let Some(to) = SpaceId::from_hex(&order.to).filter(|_| led > 0) else {
                continue;
            };
            orders.push(OrderedHandover {
                from: card.name.clone(),
                from_id: id.clone(),
                to: directory.person_name(&to),
                to_id: order.to.clone(),
                ordered_by: self.card_writer(id, &directory)?,
                ordered_at_ms: order.ordered_at_ms,
                cases: led,
            });
        }
        Ok(orders)
    }

    /// Who wrote a person's card as it stands.
    fn card_writer(&self, id: &str, directory: &Directory) -> Result<Option<String>, ClientError> {
        let network = self.network()?;
        let document = self.shared_document(&network)?;
        let written = document.read().get_all(["people", id].as_slice());
        let card = directory.people.get(id);
        let stands = written.into_iter().find(|one| {
            let read = one
                .value
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok());
            read.as_ref() == card
        });
        let Some(actor) = stands.map(|one| *one.actor.as_bytes()) else {
            return Ok(None);
        };
        let devices = self.devices_of_actors(&network)?;
        let device = devices.into_iter().find(|(known, _)| *known == actor);
        Ok(device.and_then(|(_, device)| {
            let (person, _) = self.person_of_device(&device, &network)?;
            Some(directory.person_name(&person))
        }))
    }
}
