//! Edits of the section `plan`: the integration plan, its goals and their steps, risks, reviews,
//! versions and signatures.
//!
//! The document is born with the maps `plan` and `goals` alone (PROTOCOL §15). So risks, reviews,
//! versions and signatures lie in `plan` itself, each under a name with a prefix: two people who add
//! one at the same time never make the same map twice.

mod dependency;
mod review;
mod risk;
mod version;

use nahtlos_document::{Editor, Path};
use serde::{Deserialize, Serialize};

use super::field_set::{ToStored, field_set};
use super::{ApplyError, Wording, check_order, entry_path, path, require};
use crate::author::Author;
use crate::fields::{
    Date, EntryId, Field, FieldError, GoalStatus, Line, LongText, OverallTarget, PayerShares,
    Priority, ProblemArea, Responsible, RiskStatus, Severity, StepStatus, Suspension, UtcTime,
};

pub(crate) use dependency::{DEPENDS_ON, leads_to};
pub(crate) use review::REVIEW;
pub use review::Review;
pub(crate) use risk::RISK;
pub(crate) use version::{ENTRY_SIGNATURE, SIGNATURE, VERSION};
pub use version::{NewSignature, NewVersion};

field_set! {
    /// A field of the plan itself with its new value.
    PlanField,
    /// The name of a field of the plan itself.
    PlanKey {
        /// Where the person stands.
        Situation(LongText) = ["plan", "situation"], "situation", "Ausgangslage", "situation", "situation";
        /// Where the plan leads, in words.
        OverallGoal(LongText) = ["plan", "overall_goal"], "overall_goal", "Gesamtziel", "objectif général", "overall goal";
        /// Where the plan leads, as a code.
        Target(OverallTarget) = ["plan", "target"], "target", "Zielrichtung", "orientation", "target";
        /// From when to when no proof of looking for work is asked.
        JobSearchSuspended(Suspension) = ["plan", "job_search_suspended"], "job_search_suspended", "Pflicht zur Arbeitssuche ausgesetzt", "obligation de chercher un emploi suspendue", "job-search duty suspended";
        /// How often those involved are in touch.
        ContactRhythm(LongText) = ["plan", "contact_rhythm"], "contact_rhythm", "Kontaktrhythmus", "rythme des contacts", "contact rhythm";
        /// When and how the client can be reached.
        Reachability(LongText) = ["plan", "reachability"], "reachability", "Erreichbarkeit", "joignabilité", "reachability";
    }
}

field_set! {
    /// A field of a goal with its new value. The statement is reworded, not set.
    GoalField,
    /// The name of a field of a goal.
    GoalKey {
        /// In the client's own words.
        ClientWords(LongText) = ["client_words"], "client_words", "in eigenen Worten", "en ses propres mots", "in the client's words";
        /// Area.
        Area(ProblemArea) = ["area"], "area", "Bereich", "domaine", "area";
        /// How one sees that it is reached.
        MeasureOfSuccess(LongText) = ["measure_of_success"], "measure_of_success", "Erfolgskriterium", "critère de réussite", "measure of success";
        /// By when.
        Due(Date) = ["due"], "due", "fällig am", "échéance", "due";
        /// How urgent.
        Priority(Priority) = ["priority"], "priority", "Priorität", "priorité", "priority";
        /// How far.
        Status(GoalStatus) = ["status"], "status", "Status", "statut", "status";
    }
}

field_set! {
    /// A field of a step with its new value.
    StepField,
    /// The name of a field of a step.
    StepKey {
        /// What is done.
        Title(Line) = ["title"], "title", "Schritt", "étape", "step";
        /// Reference to a measure of the catalogue.
        Catalogue(Line) = ["catalogue"], "catalogue", "Angebot", "offre", "catalogue entry";
        /// Who does it.
        Responsible(Responsible) = ["responsible"], "responsible", "verantwortlich", "responsable", "responsible";
        /// Who pays.
        Payers(PayerShares) = ["payers"], "payers", "Kostenträger", "répartition des coûts", "payers";
        /// First day.
        Start(Date) = ["start"], "start", "Beginn", "début", "start";
        /// Last day.
        End(Date) = ["end"], "end", "Ende", "fin", "end";
        /// By when.
        Due(Date) = ["due"], "due", "fällig am", "échéance", "due";
        /// When it is looked at again.
        ReviewAt(Date) = ["review_at"], "review_at", "Überprüfung am", "réexamen le", "review on";
        /// How far.
        Status(StepStatus) = ["status"], "status", "Status", "statut", "status";
        /// Why it was aborted or refused.
        Reason(LongText) = ["reason"], "reason", "Begründung", "motif", "reason";
    }
}

field_set! {
    /// A field of a risk with its new value.
    RiskField,
    /// The name of a field of a risk.
    RiskKey {
        /// What may go wrong.
        Description(LongText) = ["description"], "description", "Risiko", "risque", "risk";
        /// How heavily it weighs.
        Severity(Severity) = ["severity"], "severity", "Gewicht", "gravité", "severity";
        /// What is done about it.
        Response(LongText) = ["response"], "response", "Vorkehrung", "mesure prévue", "response";
        /// Whether it is still to be watched.
        Status(RiskStatus) = ["status"], "status", "Status", "statut", "status";
    }
}

/// Which step: steps lie in goals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRef {
    /// The goal.
    pub goal: EntryId,
    /// The step.
    pub step: EntryId,
}

/// An edit of the section `plan`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlanEdit {
    /// Sets a field of the plan itself.
    Set(PlanField),
    /// Empties a field of the plan itself.
    Clear(PlanKey),
    /// Adds a goal; its status is `open` unless a field says otherwise.
    AddGoal {
        /// Its new identifier.
        id: EntryId,
        /// The goal's wording, later reworded by several people.
        statement: LongText,
        /// More fields.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields: Vec<GoalField>,
    },
    /// Rewords a goal. Both people's words survive when two do it at once.
    RewordGoal {
        /// The goal.
        id: EntryId,
        /// The wording this edit was made on.
        before: Wording,
        /// The new wording.
        after: LongText,
    },
    /// Puts one wording of a goal in the place of several that were written at once. Two who settle it at once
    /// and choose alike agree; where they choose differently, both wordings stand there whole, to be settled.
    SettleGoal {
        /// The goal.
        id: EntryId,
        /// The text, as it read with everybody's edits.
        before: Wording,
        /// The wording that is to stand.
        after: LongText,
    },
    /// Sets a field of a goal.
    SetGoal {
        /// The goal.
        id: EntryId,
        /// The field and its value.
        field: GoalField,
    },
    /// Empties a field of a goal other than its status.
    ClearGoal {
        /// The goal.
        id: EntryId,
        /// The field.
        field: GoalKey,
    },
    /// Adds a step; its status is `planned` unless a field says otherwise.
    AddStep {
        /// The goal, and the step's new identifier.
        at: StepRef,
        /// What is done.
        title: Line,
        /// More fields.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields: Vec<StepField>,
    },
    /// Sets a field of a step.
    SetStep {
        /// The step.
        at: StepRef,
        /// The field and its value.
        field: StepField,
    },
    /// Empties a field of a step other than title and status.
    ClearStep {
        /// The step.
        at: StepRef,
        /// The field.
        field: StepKey,
    },
    /// Ends a step with a reason.
    EndStep {
        /// The step.
        at: StepRef,
        /// `aborted` or `refused`.
        status: StepStatus,
        /// Why.
        reason: LongText,
    },
    /// Approves a step for the author's institution, which must be one of its payers.
    ApproveStep {
        /// The step.
        at: StepRef,
        /// The approval's new identifier.
        id: EntryId,
        /// The split that is approved; refused if it has changed meanwhile.
        payers: PayerShares,
    },
    /// Says that a step waits for another one.
    AddDependency {
        /// The step that waits.
        at: StepRef,
        /// The step it waits for, in whichever goal.
        on: EntryId,
    },
    /// Says that a step waits for another one no more.
    RemoveDependency {
        /// The step that waited.
        at: StepRef,
        /// The step it waited for.
        on: EntryId,
    },
    /// Adds a risk; its status is `open` unless a field says otherwise.
    AddRisk {
        /// Its new identifier.
        id: EntryId,
        /// What may go wrong.
        description: LongText,
        /// More fields.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields: Vec<RiskField>,
    },
    /// Sets a field of a risk.
    SetRisk {
        /// The risk.
        id: EntryId,
        /// The field and its value.
        field: RiskField,
    },
    /// Empties a field of a risk other than its description and status.
    ClearRisk {
        /// The risk.
        id: EntryId,
        /// The field.
        field: RiskKey,
    },
    /// Records a review. It is never changed.
    AddReview {
        /// Its new identifier.
        id: EntryId,
        /// What was found and decided.
        review: Review,
    },
    /// Keeps a version of the plan to be signed. Only the institution that leads the case does.
    ProposeVersion(NewVersion),
    /// Keeps a signature over a version. Refused unless it is over exactly what stands here.
    SignVersion(NewSignature),
}

impl PlanEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        match self {
            Self::AddStep { fields, .. } => {
                fields.iter().try_for_each(check_step_field)?;
                let day = |wanted: StepKey| {
                    fields.iter().find_map(|field| match field {
                        StepField::Start(date) | StepField::End(date) if field.key() == wanted => {
                            Some(*date)
                        }
                        _ => None,
                    })
                };
                check_order("end", day(StepKey::Start), day(StepKey::End))
            }
            Self::SetStep { field, .. } => check_step_field(field),
            Self::EndStep { status, .. } if !status.needs_reason() => Err(FieldError::new(
                "step_status",
                "not_an_end",
                "a step ends with a reason only as aborted or refused",
                "write aborted or refused",
            )),
            Self::ClearGoal {
                field: GoalKey::Status,
                ..
            }
            | Self::ClearStep {
                field: StepKey::Title | StepKey::Status,
                ..
            }
            | Self::ClearRisk {
                field: RiskKey::Description | RiskKey::Status,
                ..
            } => Err(FieldError::new(
                "field",
                "required",
                "goals, steps and risks always have a status, steps a title, risks a description",
                "set another value instead",
            )),
            Self::ProposeVersion(version) => version.validate(),
            Self::SignVersion(signature) => signature.validate(),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(
        &self,
        editor: &mut Editor<'_>,
        author: &Author,
        at: UtcTime,
    ) -> Result<(), ApplyError> {
        match self {
            Self::Set(field) => Ok(editor.put(path(field.key().steps()), field.to_value())?),
            Self::Clear(key) => Ok(editor.delete(path(key.steps()))?),
            Self::AddGoal {
                id,
                statement,
                fields,
            } => add_goal(editor, id, statement, fields),
            Self::RewordGoal { id, before, after } => {
                let statement = wording_path(editor, id, before)?;
                Ok(editor.update_text(&statement, after.as_str())?)
            }
            Self::SettleGoal { id, before, after } => {
                let statement = wording_path(editor, id, before)?;
                Ok(editor.replace_text(&statement, after.as_str())?)
            }
            Self::SetGoal { id, field } => {
                let goal = goal_path(editor, id)?;
                Ok(editor.put(goal.join(field.key().code()), field.to_value())?)
            }
            Self::ClearGoal { id, field } => {
                let goal = goal_path(editor, id)?;
                Ok(editor.delete(goal.join(field.code()))?)
            }
            Self::AddStep { at, title, fields } => add_step(editor, at, title, fields),
            Self::SetStep { at, field } => {
                let step = step_path(editor, at)?;
                Ok(editor.put(step.join(field.key().code()), field.to_value())?)
            }
            Self::ClearStep { at, field } => {
                let step = step_path(editor, at)?;
                Ok(editor.delete(step.join(field.code()))?)
            }
            Self::EndStep { at, status, reason } => {
                let step = step_path(editor, at)?;
                editor.put(step.join("status"), status.to_stored())?;
                Ok(editor.put(step.join("reason"), reason.to_stored())?)
            }
            Self::ApproveStep {
                at: step,
                id,
                payers,
            } => approve(editor, author, at, step, id, payers),
            Self::AddDependency { at, on } => dependency::add(editor, at, on),
            Self::RemoveDependency { at, on } => dependency::remove(editor, at, on),
            Self::AddRisk {
                id,
                description,
                fields,
            } => risk::add(editor, id, description, fields),
            Self::SetRisk { id, field } => risk::set(editor, id, field),
            Self::ClearRisk { id, field } => risk::clear(editor, id, *field),
            Self::AddReview { id, review } => review.add(editor, id),
            Self::ProposeVersion(version) => version.propose(editor, author),
            Self::SignVersion(signature) => signature.add(editor),
        }
    }
}

/// Where an entry lies that is kept in `plan` under a prefix.
fn prefixed_path(prefix: &str, id: &EntryId) -> Path {
    Path::from_iter(["plan".to_owned(), format!("{prefix}{id}")])
}

fn check_step_field(field: &StepField) -> Result<(), FieldError> {
    let StepField::Status(status) = field else {
        return Ok(());
    };
    match status {
        StepStatus::Approved => Err(FieldError::new(
            "step_status",
            "use_approve",
            "a step is approved by its payers, not by a status",
            "let each payer approve the step",
        )),
        status if status.needs_reason() => Err(FieldError::new(
            "step_status",
            "reason_missing",
            "an aborted or refused step needs a reason",
            "end the step with a reason",
        )),
        _ => Ok(()),
    }
}

fn goal_path(editor: &Editor<'_>, id: &EntryId) -> Result<Path, ApplyError> {
    let goal = entry_path("goals", id);
    require(editor, &goal, "goal")?;
    Ok(goal)
}

fn step_path(editor: &Editor<'_>, at: &StepRef) -> Result<Path, ApplyError> {
    let step = entry_path("goals", &at.goal)
        .join("steps")
        .join(at.step.canonical());
    require(editor, &step, "step")?;
    Ok(step)
}

fn add_goal(
    editor: &mut Editor<'_>,
    id: &EntryId,
    statement: &LongText,
    fields: &[GoalField],
) -> Result<(), ApplyError> {
    let goal = entry_path("goals", id);
    editor.put_map(&goal)?;
    editor.put_text(goal.join("statement"), statement.as_str())?;
    editor.put(goal.join("status"), GoalStatus::Open.to_stored())?;
    for field in fields {
        editor.put(goal.join(field.key().code()), field.to_value())?;
    }
    Ok(editor.put_map(goal.join("steps"))?)
}

/// Rewording is a comparison with the text as it stands; on a text that somebody else has changed
/// meanwhile it would silently take that person's words back, so it is refused.
fn wording_path(editor: &Editor<'_>, id: &EntryId, before: &Wording) -> Result<Path, ApplyError> {
    let statement = goal_path(editor, id)?.join("statement");
    let current = editor.get(&statement);
    if current.as_ref().and_then(|value| value.as_str()) != Some(before.as_str()) {
        return Err(ApplyError::Changed {
            what: "the goal's wording",
        });
    }
    Ok(statement)
}

fn add_step(
    editor: &mut Editor<'_>,
    at: &StepRef,
    title: &Line,
    fields: &[StepField],
) -> Result<(), ApplyError> {
    let step = goal_path(editor, &at.goal)?
        .join("steps")
        .join(at.step.canonical());
    editor.put_map(&step)?;
    editor.put(step.join("title"), title.to_stored())?;
    editor.put(step.join("status"), StepStatus::Planned.to_stored())?;
    for field in fields {
        editor.put(step.join(field.key().code()), field.to_value())?;
    }
    Ok(editor.put_map(step.join("approvals"))?)
}

fn approve(
    editor: &mut Editor<'_>,
    author: &Author,
    now: UtcTime,
    at: &StepRef,
    id: &EntryId,
    payers: &PayerShares,
) -> Result<(), ApplyError> {
    let step = step_path(editor, at)?;
    let stored = editor.get(step.join("payers"));
    let stored = stored.as_ref().and_then(|value| value.as_str());
    if stored.is_none() {
        return Err(ApplyError::NoPayer);
    }
    if stored != Some(payers.canonical().as_str()) {
        return Err(ApplyError::Changed {
            what: "who pays the step",
        });
    }
    if !payers.pays(&author.institution) {
        return Err(ApplyError::NotEntitled {
            institution: author.institution.clone(),
            rule: "only an institution that pays a step may approve it",
        });
    }
    let approval = step.join("approvals").join(id.canonical());
    editor.put_map(&approval)?;
    editor.put(approval.join("institution"), author.institution.to_stored())?;
    editor.put(approval.join("payers"), payers.to_stored())?;
    Ok(editor.put(approval.join("at"), now.to_stored())?)
}
