//! Settles who leads, after two people handed the same case over without knowing of each other: what a hand-over
//! let the team of somebody do who is not chosen ends with it.

use nahtlos_casework::edit::{Edit, ScalarValue};
use nahtlos_casework::fields::Field;
use nahtlos_casework::record::Lead;
use nahtlos_casework::{Alternative, Choice, Conflict, ConflictKind, SectionKind};
use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::Grant;
use nahtlos_protocol::space::{SpaceState, authority};
use serde::Serialize;

use crate::cases::Case;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// What a hand-over that was not chosen had let somebody do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RaisedInVain {
    /// The team or person that came to manage.
    pub member: String,
    /// What they may do again: `read` or `write`.
    pub role: &'static str,
    /// Section code.
    pub section: String,
    /// Whether it ends with the next sync of this device; else it is left to who manages the section.
    pub ends: bool,
}

/// One of them, with what is to be done.
struct Raised {
    line: RaisedInVain,
    space: SpaceId,
    grant: GrantId,
    before: Role,
}

/// Whether a conflict is about who leads the case.
#[must_use]
pub fn is_about_lead(conflict: &Conflict) -> bool {
    conflict.section == SectionKind::Core && conflict.path.as_slice() == ["case", "lead"]
}

impl Nahtlos {
    /// Makes the edit that settles a conflict. Where it is about who leads, and one of those proposed is chosen, `manage`
    /// that the other hand-overs gave becomes again what it was before, as far as this device manages the
    /// sections.
    ///
    /// # Errors
    /// Where this device may not edit the section; nothing is changed then.
    pub fn settle(
        &mut self,
        case: &Case,
        conflict: &Conflict,
        choice: Choice,
        edit: Edit,
    ) -> Result<Vec<RaisedInVain>, ClientError> {
        let raised = match choice {
            Choice::Alternative(chosen) if is_about_lead(conflict) => {
                self.raised_in_vain(case, conflict, chosen)?
            }
            _ => Vec::new(),
        };
        self.all_or_nothing(|this| {
            for one in raised.iter().filter(|one| one.line.ends) {
                this.set_role(&one.space, &one.grant, one.before)?;
            }
            this.edit_case(&case.id.to_string(), std::slice::from_ref(&edit))
        })?;
        Ok(raised.into_iter().map(|one| one.line).collect())
    }

    fn raised_in_vain(
        &self,
        case: &Case,
        conflict: &Conflict,
        chosen: usize,
    ) -> Result<Vec<Raised>, ClientError> {
        let ConflictKind::Values { alternatives } = &conflict.kind else {
            return Ok(Vec::new());
        };
        let lead = alternatives.get(chosen).and_then(person_of);
        let directory = self.shared_directory()?;
        let mut raised = Vec::new();
        for (place, other) in alternatives.iter().enumerate() {
            let Some(person) = person_of(other).filter(|_| place != chosen) else {
                continue;
            };
            for (kind, space) in &case.sections {
                let state = self.section_state(space)?;
                let manages =
                    authority::right(&self.logs(), &self.device_id, space).at_least(Role::Manage);
                let theirs = state.live_grants().filter(|grant| {
                    self.leads_to(grant, &person)
                        && !lead.is_some_and(|lead| self.leads_to(grant, &lead))
                });
                for (grant, before) in
                    theirs.filter_map(|grant| Some((grant, raised_by(&state, grant, other)?)))
                {
                    raised.push(Raised {
                        line: RaisedInVain {
                            member: self.grant_line(&state, grant, &directory).member,
                            role: before.word(),
                            section: kind.code(),
                            ends: manages && state.closed_at().is_none(),
                        },
                        space: *space,
                        grant: grant.id,
                        before,
                    });
                }
            }
        }
        Ok(raised)
    }
}

/// Whom one of the values names.
fn person_of(alternative: &Alternative) -> Option<SpaceId> {
    let ScalarValue::Text(text) = &alternative.value else {
        return None;
    };
    SpaceId::from_hex(&Lead::parse(text).ok()?.person.to_string())
}

/// What a grant allowed before it came to `manage` by who handed over, since they did; none where it did not.
fn raised_by(state: &SpaceState, grant: &Grant, handed_over: &Alternative) -> Option<Role> {
    let last = grant
        .changes
        .last()
        .filter(|last| grant.role == Role::Manage && last.before < Role::Manage)?;
    let operation = state.operation(last.at)?;
    let author = handed_over.origin.author.as_ref()?;
    let typed_at = handed_over.origin.at?.seconds();
    let signed_at = i64::try_from(operation.claimed_at_ms / 1000).ok()?;
    (operation.author.to_string() == author.device.to_string() && signed_at >= typed_at)
        .then_some(last.before)
}
