//! What people call the fields of a document, and which of them may be written again.

use nahtlos_document::Value;

use crate::edit::{
    ATTACHMENT, ATTACHMENT_END, CLOSED_MARK, CLOSING, COMPETENCE, CoreKey, DEPENDS_ON, DISPUTE,
    DISPUTE_END, GoalKey, IdentKey, LINK, PlanKey, RECUSED, REOPENED_MARK, REOPENING, REVIEW, RISK,
    RiskKey, SIGNATURE, SOURCE_AT, SOURCE_BY, StepKey, TaskKey, VERSION,
};
use crate::fields::FieldError;
use crate::form::{self, Form, FormField, Keeps, ValueType, form_of};
use crate::section::SectionKind;

/// German, French and English.
pub type Names = [&'static str; 3];

/// What may stand in a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// A string.
    Text,
    /// A truth value.
    Truth,
    /// A collaborative text, which is reworded and never replaced.
    Wording,
    /// Part of an entry that nobody changes after it was written.
    Immutable,
}

/// The label of a field; the last step of the path for one this version does not know.
pub fn names_of(section: &SectionKind, steps: &[&str]) -> Option<Names> {
    lookup(section, steps).map(|(names, _)| names)
}

/// True if the field lies in an entry that nobody changes after it was written.
pub(crate) fn is_immutable(section: &SectionKind, steps: &[&str]) -> bool {
    matches!(lookup(section, steps), Some((_, Content::Immutable)))
}

/// Whether `value` may be written into a field to settle a conflict.
pub(crate) fn check_choice(
    section: &SectionKind,
    steps: &[&str],
    value: &Value,
) -> Result<(), FieldError> {
    let fits = match lookup(section, steps) {
        Some((_, Content::Text)) => matches!(value, Value::String(_)),
        Some((_, Content::Truth)) => matches!(value, Value::Bool(_)),
        Some((_, Content::Wording | Content::Immutable)) => false,
        // A field of a newer version: whatever was there may stand there again.
        None => steps.len() >= 2,
    };
    if fits {
        return Ok(());
    }
    Err(FieldError::new(
        "value",
        "not_of_this_field",
        "the field cannot be settled by this value",
        "choose one of the values in the conflict",
    ))
}

fn lookup(section: &SectionKind, steps: &[&str]) -> Option<(Names, Content)> {
    if let ["acknowledged", mark] = steps
        && (mark.starts_with(CLOSED_MARK) || mark.starts_with(REOPENED_MARK))
    {
        return Some((["Abschluss", "clôture", "closing"], Content::Immutable));
    }
    if let ["acknowledged", mark, ..] = steps
        && (mark.starts_with(DISPUTE) || mark.starts_with(DISPUTE_END))
    {
        let names = [
            "Bestreitungsvermerk",
            "mention de contestation",
            "mark of contestation",
        ];
        return Some((names, Content::Immutable));
    }
    if let ["acknowledged", entry, ..] = steps
        && (entry.starts_with(ATTACHMENT) || entry.starts_with(ATTACHMENT_END))
    {
        return Some((["Anhang", "pièce jointe", "attachment"], Content::Immutable));
    }
    match section {
        SectionKind::Core => core(steps),
        SectionKind::Ident => ident(steps),
        SectionKind::Tasks => task(steps),
        SectionKind::Plan => plan(steps),
        SectionKind::Journal if matches!(steps, ["entries", ..]) => Some((
            ["Journaleintrag", "entrée du journal", "journal entry"],
            Content::Immutable,
        )),
        SectionKind::Consent if matches!(steps, ["events", ..]) => Some((
            ["Einwilligung", "consentement", "consent"],
            Content::Immutable,
        )),
        SectionKind::Function if matches!(steps, ["assessments", ..]) => Some((
            ["Einschätzung", "évaluation", "assessment"],
            Content::Immutable,
        )),
        _ => of_form(form_of(section)?, steps),
    }
}

fn of_form(form: &'static Form, steps: &[&str]) -> Option<(Names, Content)> {
    let named = |field: &FormField| {
        let content = match field.value {
            ValueType::Truth => Content::Truth,
            ValueType::Wording => Content::Wording,
            _ => Content::Text,
        };
        (field.names, content)
    };
    Some(match steps {
        ["fields", code] => named(form.field(code)?),
        ["entries", _, form::DELETED] => (["gelöscht", "supprimée", "deleted"], Content::Truth),
        // Which list an entry belongs to is said once.
        ["entries", _, form::LIST] => (["Liste", "liste", "list"], Content::Immutable),
        ["entries", _, SOURCE_BY | SOURCE_AT] => (
            [
                "Verfasst von (laut Datei)",
                "écrit par (selon le fichier)",
                "written by (as the file says)",
            ],
            Content::Immutable,
        ),
        ["entries", _, code] => named(form.field_of_entries(code)?),
        ["records", ..] => {
            let list = form
                .lists
                .iter()
                .find(|list| list.keeps == Keeps::Records)?;
            (list.names, Content::Immutable)
        }
        _ => return None,
    })
}

fn core(steps: &[&str]) -> Option<(Names, Content)> {
    Some(match steps {
        ["bodies", _] => (
            ["beteiligte Stelle", "organisme impliqué", "body involved"],
            Content::Text,
        ),
        ["case", key] if key.starts_with(RECUSED) => {
            (["Ausstand", "récusation", "recusal"], Content::Truth)
        }
        ["case", key, ..] if key.starts_with(CLOSING) => {
            (["Abschluss", "clôture", "closing"], Content::Immutable)
        }
        ["case", key, ..] if key.starts_with(REOPENING) => (
            ["Wiedereröffnung", "réouverture", "reopening"],
            Content::Immutable,
        ),
        ["case", key, ..] if key.starts_with(COMPETENCE) => (
            ["Zuständigkeit", "compétence", "competence"],
            Content::Immutable,
        ),
        _ => {
            let key = CoreKey::of_steps(steps)?;
            let content = match key {
                CoreKey::VoicemailAllowed => Content::Truth,
                _ => Content::Text,
            };
            (key.names(), content)
        }
    })
}

fn ident(steps: &[&str]) -> Option<(Names, Content)> {
    Some(match steps {
        ["local_ids", _] => (
            ["lokale Nummer", "numéro local", "local number"],
            Content::Text,
        ),
        _ => (IdentKey::of_steps(steps)?.names(), Content::Text),
    })
}

fn task(steps: &[&str]) -> Option<(Names, Content)> {
    Some(match steps {
        ["tasks", _, "deleted"] => (["gelöscht", "supprimée", "deleted"], Content::Truth),
        ["tasks", _, "checklist", _, "done"] => (
            ["Checkliste", "liste de contrôle", "checklist"],
            Content::Truth,
        ),
        ["tasks", _, "checklist", _, "text"] => (
            ["Checkliste", "liste de contrôle", "checklist"],
            Content::Immutable,
        ),
        ["tasks", _, name] if name.starts_with(LINK) => {
            (["Verknüpfung", "lien", "link"], Content::Truth)
        }
        ["tasks", _, rest @ ..] => (TaskKey::of_steps(rest)?.names(), Content::Text),
        _ => return None,
    })
}

fn plan(steps: &[&str]) -> Option<(Names, Content)> {
    Some(match steps {
        ["goals", _, "statement"] => (["Ziel", "objectif", "goal"], Content::Wording),
        ["goals", _, "steps", _, "approvals", ..] => (
            ["Kostengutsprache", "approbation", "approval"],
            Content::Immutable,
        ),
        ["goals", _, "steps", _, name] if name.starts_with(DEPENDS_ON) => {
            (["wartet auf", "attend", "waits for"], Content::Truth)
        }
        ["goals", _, "steps", _, rest @ ..] => (StepKey::of_steps(rest)?.names(), Content::Text),
        ["goals", _, rest @ ..] => (GoalKey::of_steps(rest)?.names(), Content::Text),
        ["plan", name, rest @ ..] if name.starts_with(RISK) => {
            (RiskKey::of_steps(rest)?.names(), Content::Text)
        }
        ["plan", name, ..] if name.starts_with(REVIEW) => (
            ["Standortbestimmung", "bilan", "review"],
            Content::Immutable,
        ),
        ["plan", name, ..] if name.starts_with(VERSION) => {
            (["Fassung", "version", "version"], Content::Immutable)
        }
        ["plan", name, ..] if name.starts_with(SIGNATURE) => (
            ["Unterschrift", "signature", "signature"],
            Content::Immutable,
        ),
        _ => (PlanKey::of_steps(steps)?.names(), Content::Text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_names_and_takes_only_its_kind_of_value() {
        for key in CoreKey::ALL {
            let names = names_of(&SectionKind::Core, key.steps()).unwrap();
            assert!(names.iter().all(|name| !name.is_empty()));
        }
        let ident = IdentKey::ALL.iter().map(|key| key.steps());
        for steps in ident.chain([&["local_ids", "a"][..]]) {
            let names = names_of(&SectionKind::Ident, steps).unwrap();
            assert!(names.iter().all(|name| !name.is_empty()));
        }
        let text = Value::String("x".into());
        let check = |steps: &[&str], value: &Value| check_choice(&SectionKind::Plan, steps, value);
        assert!(check(&["goals", "g", "due"], &text).is_ok());
        assert!(check(&["goals", "g", "due"], &Value::Bool(true)).is_err());
        assert!(check(&["goals", "g", "statement"], &text).is_err());
        assert!(
            check(
                &["goals", "g", "steps", "s", "approvals", "a", "institution"],
                &text
            )
            .is_err()
        );
        assert!(check(&["goals", "g", "steps", "s", "invented_later"], &text).is_ok());
        assert!(check(&["goals"], &text).is_err());
    }
}
