//! Hands one case over, in one step: who leads it, and what goes with that. Beside it: the mark that keeps
//! a case from somebody who has a conflict of interest there.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{Field, InstitutionId, PersonId};
use nahtlos_casework::record::Lead;
use nahtlos_casework::view::CoreView;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;

use super::section_steps::SectionStep;
use super::{HandoverCase, HandoverPlan, Parties};
use crate::cases::Case;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;

impl Nahtlos {
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
        for (kind, space) in &case.sections {
            let state = self.section_state(space)?;
            for step in self.section_steps(parties, kind, &state)? {
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
    /// [`ClientError::NoRight`], also where somebody would take the mark away from themselves;
    /// [`ClientError::NothingToChange`] where there is none to take away; nothing is changed then.
    pub fn recuse(
        &mut self,
        case: &Case,
        person: &SpaceId,
        is_recused: bool,
    ) -> Result<(), ClientError> {
        if !is_recused && self.device.person == Some(*person) {
            return Err(ClientError::NoRight {
                action: "lift the mark of a conflict of interest of your own",
                reason: "whether there is still one is for somebody else to say".into(),
            });
        }
        let core = CoreView::read(&self.section_document_unrecorded(case, &SectionKind::Core)?);
        if !is_recused && !core.recused.contains(&person.to_string()) {
            return Err(ClientError::NothingToChange);
        }
        let person = PersonId::parse(&person.to_string())?;
        let edit = if is_recused {
            CoreEdit::Recuse(person)
        } else {
            CoreEdit::LiftRecusal(person)
        };
        self.edit_case(&case.id.to_string(), &[Edit::Core(edit)])
    }
}
