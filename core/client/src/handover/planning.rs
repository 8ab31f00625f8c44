//! Says which cases of a person would be handed over, and which stay and why. Nothing is changed.

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::view::CoreView;
use nahtlos_casework::{ConflictKind, SectionKind};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::{Grant, MemberId};

use super::section_steps::SectionStep;
use super::{ExcludedCase, Exclusion, HandoverCase, HandoverPlan, LedByOther, Parties};
use crate::cases::{Case, CaseLine};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

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
            named_in_command: (
                directory.named_in_command(from),
                directory.named_in_command(to),
            ),
            to_institution: directory.institution_name(&institution),
            cases: Vec::new(),
            excluded: Vec::new(),
            led_by_others: Vec::new(),
            is_in_their_team: self.is_in_a_team_of(to, from)?,
            parties: Parties {
                from: *from,
                to: *to,
                institution,
            },
        };
        for line in self.cases()? {
            let case = self.case(&line.id)?;
            let is_named = only.iter().any(|one| one.id == case.id);
            if only.is_empty() || is_named {
                self.plan_case(&mut plan, &line, &case, is_named)?;
            }
        }
        Ok(plan)
    }

    fn plan_case(
        &self,
        plan: &mut HandoverPlan,
        line: &CaseLine,
        case: &Case,
        is_named: bool,
    ) -> Result<(), ClientError> {
        let Ok(document) = self.section_document_unrecorded(case, &SectionKind::Core) else {
            return Ok(());
        };
        let core = CoreView::read(&document);
        let from = plan.parties.from.to_string();
        let conflict = self.lead_conflict(case)?;
        let lead = core.lead.as_ref().and_then(|lead| lead.known());
        let lead = lead.map(|lead| lead.person.to_string());
        let leads = lead.as_ref() == Some(&from);
        let is_one_of = conflict.iter().flatten().any(|lead| lead.contains(&from));
        if !(leads || is_one_of || is_named && conflict.is_some()) {
            if is_named {
                let id = lead.as_deref().and_then(SpaceId::from_hex);
                let directory = self.shared_directory()?;
                plan.led_by_others.push(LedByOther {
                    case: line.id.clone(),
                    case_number: line.summary.case_number.clone(),
                    client: line.summary.display_name.clone(),
                    lead: id.map(|id| directory.told_apart(&id.to_string())),
                    is_done: id == Some(plan.parties.to),
                });
            }
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
        let conflicts = self.open_conflicts(case)?;
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
            ConflictKind::Wordings { .. }
            | ConflictKind::DeletedMeanwhile { .. }
            | ConflictKind::ClosedMeanwhile { .. } => Vec::new(),
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
            for step in self.section_steps(parties, kind, &state)? {
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
}
