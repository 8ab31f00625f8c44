//! The phase of a case: what it is, who may change it, and what it lets out of the institution.

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{Field, FieldError, InstitutionId, Phase, Stored};
use nahtlos_casework::legal::is_code;
use nahtlos_casework::phase::{Gate, Transition, judge, next};
use nahtlos_casework::view::{CoreView, ProcessView};
use nahtlos_casework::{SectionKind, conflicts};
use nahtlos_document::Document;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::state::MemberId;

use crate::acting::SectionAuthors;
use crate::cases::{Case, hex};
use crate::consent::consent_in;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::opening::LEAD_BASIS;
use crate::records::Intent;

const CHANGE: &str = "change the phase of this case";

impl Nahtlos {
    /// How a case was led: its phase, closings, reopenings and decisions about competence.
    ///
    /// # Errors
    /// [`ClientError::NotShared`] and others where the core data cannot be opened here.
    pub fn process(&self, case: &Case) -> Result<ProcessView, ClientError> {
        let core = self.section_document(case, &SectionKind::Core)?;
        let authors = self.section_authors(case, &SectionKind::Core)?;
        Ok(ProcessView::read(&core, &authors))
    }

    /// The same for what no person is shown.
    pub(crate) fn process_unrecorded(&self, case: &Case) -> Result<ProcessView, ClientError> {
        let core = self.section_document_unrecorded(case, &SectionKind::Core)?;
        let authors = self.section_authors(case, &SectionKind::Core)?;
        Ok(ProcessView::read(&core, &authors))
    }

    /// The phase of a case, as lists show it.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn phase(&self, case: &Case) -> Result<Stored<Phase>, ClientError> {
        Ok(self.process_unrecorded(case)?.phase)
    }

    /// The steps that the case may take from its phase.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn next_phases(&self, case: &Case) -> Result<Vec<&'static Transition>, ClientError> {
        let phase = self.phase(case)?;
        Ok(phase
            .known()
            .map_or_else(Vec::new, |from| next(*from).collect()))
    }

    /// Says that the case is in another phase now. Works offline.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution leads; [`ClientError::Field`] where the table has
    /// no such step, its gate is shut, or people disagree about the phase. Nothing is changed then.
    pub fn change_phase(&mut self, case: &Case, to: Phase) -> Result<Phase, ClientError> {
        let from = self.settled_phase(case, CHANGE)?;
        judge(from, to, self.has_basis(case)?)?;
        let edit = Edit::Core(CoreEdit::Set(CoreField::Phase(to)));
        self.edit_case(&hex(&case.id), &[edit])?;
        Ok(from)
    }

    /// The phase of a case that one's own institution leads, if nobody disagrees about it.
    pub(crate) fn settled_phase(
        &self,
        case: &Case,
        action: &'static str,
    ) -> Result<Phase, ClientError> {
        self.require_lead(case, action)?;
        let process = self.process_unrecorded(case)?;
        if process.phase_is_disputed {
            return Err(FieldError::new(
                "phase",
                "conflicts",
                "two people named two phases at the same time",
                "settle it first: `nahtlos conflict`",
            )
            .into());
        }
        process
            .phase
            .known()
            .copied()
            .ok_or(ClientError::NeedsNewer)
    }

    /// While two hand-overs of a case stand against each other, whoever is to lead may manage its sections: nobody
    /// ends the right of another one to manage them before that is settled.
    ///
    /// # Errors
    /// [`ClientError::Field`] where who leads the case is in conflict, as far as this device reads it.
    pub fn refuse_while_lead_is_disputed(&self, case: &Case) -> Result<(), ClientError> {
        let core = self.section_document_unrecorded(case, &SectionKind::Core);
        let Ok(core) = core else {
            return Ok(());
        };
        let authors = self.section_authors(case, &SectionKind::Core)?;
        match is_lead_disputed(&core, &authors) {
            true => Err(lead_disputed().into()),
            false => Ok(()),
        }
    }

    /// The lead's institution, if it is one's own.
    pub(crate) fn require_lead(
        &self,
        case: &Case,
        action: &'static str,
    ) -> Result<InstitutionId, ClientError> {
        let no_right = |reason: &str| ClientError::NoRight {
            action,
            reason: reason.to_owned(),
        };
        let core = self
            .section_document_unrecorded(case, &SectionKind::Core)
            .map_err(|_| no_right("the core data, which names the lead, is not readable here"))?;
        let authors = self.section_authors(case, &SectionKind::Core)?;
        if is_lead_disputed(&core, &authors) {
            return Err(lead_disputed().into());
        }
        let lead = CoreView::read(&core).lead;
        let lead = lead.as_ref().and_then(Stored::known);
        let own = InstitutionId::parse(&self.institution()?.to_string())?;
        match lead {
            Some(lead) if lead.institution == own => Ok(own),
            Some(_) => Err(no_right("the institution that leads the case does this")),
            None => Err(no_right("nobody is named who leads the case")),
        }
    }

    /// Whether a consent holds today, or another institution reads something by a law. Decisions that wait
    /// for the next sync count.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn has_basis(&self, case: &Case) -> Result<bool, ClientError> {
        let today = self.today()?;
        if let Ok(consents) = self.known_consents(case)
            && consents
                .coverage()
                .iter()
                .any(|one| one.is_in_force_on(today))
        {
            return Ok(true);
        }
        let is_law =
            |member: &SpaceId, basis: &str| is_law(basis) && !self.is_of_own_institution(member);
        for space in case.sections.values() {
            let state = self.section_state(space)?;
            let by_law = state.live_grants().any(|grant| {
                let MemberId::Space(member) = grant.member else {
                    return false;
                };
                let basis = self.open_basis(&state, grant);
                basis.is_some_and(|basis| is_law(&member, &basis))
            });
            if by_law {
                return Ok(true);
            }
        }
        let sections: Vec<&SpaceId> = case.sections.values().collect();
        let waiting = self.waiting_intents()?;
        Ok(waiting.iter().any(|record| match &record.intent {
            Intent::Grant {
                space,
                member,
                basis,
                ..
            } => sections.contains(&space) && is_law(member, basis),
            _ => false,
        }))
    }

    /// Before the person consented nothing personal leaves the institution but by a consent or a law. A team
    /// of one's own institution is no other institution.
    pub(crate) fn refuse_before_consent(
        &self,
        case: &Case,
        member: &SpaceId,
        basis: &str,
    ) -> Result<(), ClientError> {
        if consent_in(basis).is_some() || is_law(basis) || self.is_of_own_institution(member) {
            return Ok(());
        }
        let phase = self.phase(case)?;
        let phase = phase.known().filter(|phase| phase.is_before_consent());
        let Some(phase) = phase else {
            return Ok(());
        };
        Err(FieldError::new(
            "basis",
            "before_consent",
            format!(
                "the case is {}: before the person consented nothing personal leaves your institution but by a law",
                phase.names()[2]
            ),
            "record the consent: `nahtlos consent give CASE`; or name the law: `nahtlos share bases`",
        )
        .into())
    }

    fn is_of_own_institution(&self, member: &SpaceId) -> bool {
        let of = self.confirmed_institution(member);
        of.is_some() && of == self.institution().ok()
    }

    /// A case in which the person has just consented is `consented`, if it was not that far. Whoever may not
    /// write the core data leaves it to who may; of two phases nobody has chosen it chooses none.
    pub(crate) fn move_on_by_consent(&mut self, case: &Case) -> Result<(), ClientError> {
        let case = self.case(&hex(&case.id))?;
        let core = case.section(&SectionKind::Core)?;
        if self.require_writable(&core).is_err() {
            return Ok(());
        }
        let Ok(process) = self.process_unrecorded(&case) else {
            return Ok(());
        };
        let phase = process.phase.known().filter(|_| !process.phase_is_disputed);
        let by_consent = |row: &&Transition| row.to == Phase::Consented && row.gate == Gate::Basis;
        let is_early = phase.is_some_and(|phase| phase.is_before_consent());
        let moves = phase.is_some_and(|phase| next(*phase).any(|row| by_consent(&row)));
        if !(is_early && moves) {
            return Ok(());
        }
        let edit = Edit::Core(CoreEdit::Set(CoreField::Phase(Phase::Consented)));
        self.edit_case(&hex(&case.id), &[edit])
    }
}

fn is_lead_disputed(core: &Document, authors: &SectionAuthors) -> bool {
    let found = conflicts(core, &SectionKind::Core, authors);
    found.iter().any(|one| one.path == ["case", "lead"])
}

fn lead_disputed() -> FieldError {
    FieldError::new(
        "lead",
        "conflicts",
        "who leads the case is in conflict: two people named two institutions",
        "settle it first: `nahtlos conflict`",
    )
}

/// Whether a basis names a law; that of the team that leads is its mandate.
fn is_law(basis: &str) -> bool {
    basis != LEAD_BASIS && is_code(basis)
}
