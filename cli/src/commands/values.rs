//! From a field's code and a typed text to a typed value.

use nahtlos_casework::edit::{
    CoreEdit, CoreField, CoreKey, Edit, GoalField, GoalKey, IdentEdit, IdentField, IdentKey,
    PlanField, PlanKey, RiskField, RiskKey, StepField, StepKey, TaskField, TaskKey,
};
use nahtlos_casework::fields::{Field, FieldError};
use nahtlos_casework::is_called;
use nahtlos_casework::record::Address;

use super::names::Names;
use crate::exit::Exit;
use crate::failure::Failure;

/// The one with this code, or with this label in one of the three languages.
fn found<K>(
    typed: &str,
    all: impl Iterator<Item = (K, &'static str, [&'static str; 3])> + Clone,
) -> Option<K> {
    let own = all.clone().find(|(_, code, _)| *code == typed.trim());
    let mut called = all.filter(|(_, _, names)| is_called(names, typed));
    match (own, called.next(), called.next()) {
        (Some((key, ..)), _, _) | (None, Some((key, ..)), None) => Some(key),
        _ => None,
    }
}

/// The field with this code.
macro_rules! key_of {
    ($name:ident, $Key:ident) => {
        /// The field with this code.
        ///
        /// # Errors
        /// Where there is none: the failure lists all.
        pub fn $name(code: &str) -> Result<$Key, Failure> {
            let all = $Key::ALL;
            let codes = all.iter().map(|key| (*key, key.code(), key.names()));
            found(code, codes)
                .ok_or_else(|| unknown_field(all.iter().map(|key| (key.code(), key.names()[2]))))
        }
    };
}

key_of!(plan_key, PlanKey);
key_of!(goal_key, GoalKey);
key_of!(step_key, StepKey);
key_of!(task_key, TaskKey);
key_of!(risk_key, RiskKey);

/// A field that `case set` sets: of `core`, or of `ident`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseKey {
    /// Of `core`.
    Core(CoreKey),
    /// Of `ident`.
    Ident(IdentKey),
}

impl CaseKey {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Core(key) => key.code(),
            Self::Ident(key) => key.code(),
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        self.names()[2]
    }

    fn names(self) -> [&'static str; 3] {
        match self {
            Self::Core(key) => key.names(),
            Self::Ident(key) => key.names(),
        }
    }
}

/// The field of a case with this code.
///
/// # Errors
/// Where there is none: the failure lists all.
pub fn case_key(code: &str) -> Result<CaseKey, Failure> {
    let core = CoreKey::ALL.iter().copied().map(CaseKey::Core);
    let all = core.chain(IdentKey::ALL.iter().copied().map(CaseKey::Ident));
    let codes = all.clone().map(|key| (key, key.code(), key.names()));
    found(code, codes).ok_or_else(|| unknown_field(all.map(|key| (key.code(), key.label()))))
}

/// Refuses a field that is neither typed nor emptied, before anything is asked.
///
/// # Errors
/// For number and lead, which the program sets, and for the phase, which has a command of its own.
pub fn refuse_not_typed(key: CaseKey) -> Result<(), Failure> {
    match key {
        CaseKey::Core(CoreKey::Phase) => Err(Failure::new(
            Exit::Usage,
            "not_typed",
            "`phase` is not typed; nothing was changed.",
            "A phase follows on another one.",
            "See what may follow with `nahtlos case phase CASE`; `nahtlos case phase CASE PHASE` changes it.",
        )),
        CaseKey::Core(CoreKey::CaseNumber | CoreKey::Lead) => Err(set_by_program(key.code())),
        _ => Ok(()),
    }
}

/// The edit that gives a field of a case the typed value, or empties it.
///
/// # Errors
/// Where it is not one of the field; number, lead and phase are not typed ([`refuse_not_typed`]).
pub fn case_edit(key: CaseKey, text: Option<&str>) -> Result<Edit, Failure> {
    Ok(match (key, text) {
        (CaseKey::Core(key), Some(text)) => Edit::Core(CoreEdit::Set(core_field(key, text)?)),
        (CaseKey::Core(key), None) => Edit::Core(CoreEdit::Clear(key)),
        (CaseKey::Ident(key), Some(text)) => Edit::Ident(IdentEdit::Set(ident_field(key, text)?)),
        (CaseKey::Ident(key), None) => Edit::Ident(IdentEdit::Clear(key)),
    })
}

/// A value of the section `ident`.
///
/// # Errors
/// Where it is not one of the field.
fn ident_field(key: IdentKey, text: &str) -> Result<IdentField, Failure> {
    Ok(match key {
        IdentKey::Ahvn13 => IdentField::Ahvn13(parse(key.code(), text)?),
        IdentKey::Zemis => IdentField::Zemis(parse(key.code(), text)?),
    })
}

/// A value of the core data.
///
/// # Errors
/// Where it is not one of the field; number and lead are not typed.
fn core_field(key: CoreKey, text: &str) -> Result<CoreField, Failure> {
    Ok(match key {
        CoreKey::CaseNumber | CoreKey::Lead | CoreKey::Phase => {
            return Err(set_by_program(key.code()));
        }
        CoreKey::OfficialName => CoreField::OfficialName(parse(key.code(), text)?),
        CoreKey::FirstName => CoreField::FirstName(parse(key.code(), text)?),
        CoreKey::CallName => CoreField::CallName(parse(key.code(), text)?),
        CoreKey::Birth => CoreField::Birth(parse(key.code(), text)?),
        CoreKey::Sex => CoreField::Sex(parse(key.code(), text)?),
        CoreKey::Address => CoreField::Address(address(text)?),
        CoreKey::Phone => CoreField::Phone(parse(key.code(), text)?),
        CoreKey::Email => CoreField::Email(parse(key.code(), text)?),
        CoreKey::PreferredChannel => CoreField::PreferredChannel(parse(key.code(), text)?),
        CoreKey::VoicemailAllowed => CoreField::VoicemailAllowed(truth(key.code(), text)?),
        CoreKey::CorrespondenceLanguage => {
            CoreField::CorrespondenceLanguage(parse(key.code(), text)?)
        }
        CoreKey::Interpreter => CoreField::Interpreter(parse(key.code(), text)?),
    })
}

/// A value of the plan itself.
///
/// # Errors
/// Where it is not one of the field.
pub fn plan_field(key: PlanKey, text: &str) -> Result<PlanField, Failure> {
    Ok(match key {
        PlanKey::Situation => PlanField::Situation(parse(key.code(), text)?),
        PlanKey::OverallGoal => PlanField::OverallGoal(parse(key.code(), text)?),
        PlanKey::Target => PlanField::Target(parse(key.code(), text)?),
        PlanKey::JobSearchSuspended => PlanField::JobSearchSuspended(parse(key.code(), text)?),
        PlanKey::ContactRhythm => PlanField::ContactRhythm(parse(key.code(), text)?),
        PlanKey::Reachability => PlanField::Reachability(parse(key.code(), text)?),
    })
}

/// A value of a risk.
///
/// # Errors
/// Where it is not one of the field.
pub fn risk_field(key: RiskKey, text: &str) -> Result<RiskField, Failure> {
    Ok(match key {
        RiskKey::Description => RiskField::Description(parse(key.code(), text)?),
        RiskKey::Severity => RiskField::Severity(parse(key.code(), text)?),
        RiskKey::Response => RiskField::Response(parse(key.code(), text)?),
        RiskKey::Status => RiskField::Status(parse(key.code(), text)?),
    })
}

/// A value of a goal.
///
/// # Errors
/// Where it is not one of the field.
pub fn goal_field(key: GoalKey, text: &str) -> Result<GoalField, Failure> {
    Ok(match key {
        GoalKey::ClientWords => GoalField::ClientWords(parse(key.code(), text)?),
        GoalKey::Area => GoalField::Area(parse(key.code(), text)?),
        GoalKey::MeasureOfSuccess => GoalField::MeasureOfSuccess(parse(key.code(), text)?),
        GoalKey::Due => GoalField::Due(parse(key.code(), text)?),
        GoalKey::Priority => GoalField::Priority(parse(key.code(), text)?),
        GoalKey::Status => GoalField::Status(parse(key.code(), text)?),
    })
}

/// A value of a step.
///
/// # Errors
/// Where it is not one of the field, or nobody of that name is known.
pub fn step_field(names: &Names, key: StepKey, text: &str) -> Result<StepField, Failure> {
    Ok(match key {
        StepKey::Title => StepField::Title(parse(key.code(), text)?),
        StepKey::Catalogue => StepField::Catalogue(parse(key.code(), text)?),
        StepKey::Responsible => StepField::Responsible(names.parse_responsible(text)?),
        StepKey::Payers => StepField::Payers(names.parse_payers(text)?),
        StepKey::Start => StepField::Start(parse(key.code(), text)?),
        StepKey::End => StepField::End(parse(key.code(), text)?),
        StepKey::Due => StepField::Due(parse(key.code(), text)?),
        StepKey::ReviewAt => StepField::ReviewAt(parse(key.code(), text)?),
        StepKey::Status => StepField::Status(parse(key.code(), text)?),
        StepKey::Reason => StepField::Reason(parse(key.code(), text)?),
    })
}

/// A value of a task.
///
/// # Errors
/// Where it is not one of the field, or nobody of that name is known.
pub fn task_field(names: &Names, key: TaskKey, text: &str) -> Result<TaskField, Failure> {
    Ok(match key {
        TaskKey::Title => TaskField::Title(parse(key.code(), text)?),
        TaskKey::Responsible => TaskField::Responsible(names.parse_responsible(text)?),
        TaskKey::Due => TaskField::Due(parse(key.code(), text)?),
        TaskKey::Priority => TaskField::Priority(parse(key.code(), text)?),
        TaskKey::Status => TaskField::Status(parse(key.code(), text)?),
        TaskKey::Reminder => TaskField::Reminder(parse(key.code(), text)?),
    })
}

/// Reads a value; the error names the field as it was typed.
///
/// # Errors
/// Where the text is not one of the field.
pub fn parse<F: Field>(code: &'static str, text: &str) -> Result<F, FieldError> {
    F::parse_typed(text).map_err(|error| FieldError {
        field: code,
        ..error
    })
}

/// Reads an option's value where it was given.
///
/// # Errors
/// As [`parse`].
pub fn parse_option<F: Field>(
    code: &'static str,
    text: Option<&str>,
) -> Result<Option<F>, FieldError> {
    text.map(|text| parse(code, text)).transpose()
}

fn truth(code: &'static str, text: &str) -> Result<bool, FieldError> {
    match text.trim().to_lowercase().as_str() {
        "yes" | "y" | "true" | "ja" | "oui" => Ok(true),
        "no" | "n" | "false" | "nein" | "non" => Ok(false),
        _ => Err(FieldError::new(
            code,
            "unknown_code",
            "this is neither yes nor no",
            "write yes or no",
        )),
    }
}

/// `Dorfstrasse 12a, 3550 Langnau`, or the JSON of a case file.
///
/// # Errors
/// Where it is neither.
pub fn address(text: &str) -> Result<Address, FieldError> {
    let text = text.trim();
    if text.starts_with('{') {
        return Address::parse(text);
    }
    let refused = || {
        FieldError::new(
            "address",
            "format",
            "this is not a street and a town",
            "write it as Dorfstrasse 12a, 3550 Langnau",
        )
    };
    let (street, town) = match text.rsplit_once(',') {
        Some((street, town)) => (Some(street.trim()), town.trim()),
        None => (None, text),
    };
    let (postcode, town) = match town.split_once(' ') {
        Some((postcode, town)) if postcode.chars().all(|digit| digit.is_ascii_digit()) => {
            (Some(parse("address", postcode)?), town)
        }
        _ => (None, town),
    };
    let (street, house_number) = match street.and_then(|street| street.rsplit_once(' ')) {
        Some((street, number)) if number.starts_with(|first: char| first.is_ascii_digit()) => {
            (Some(street), Some(number))
        }
        _ => (street, None),
    };
    Ok(Address {
        street: parse_option("address", street)?,
        house_number: parse_option("address", house_number)?,
        extra_line: None,
        postcode,
        town: parse("address", town).map_err(|_| refused())?,
        country: None,
    })
}

fn unknown_field<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> Failure {
    let mut failure = Failure::new(
        Exit::Usage,
        "unknown_field",
        "There is no such field here.",
        "These can be set:",
        "Run the command again with one of them.",
    );
    failure.details = all.map(|(code, name)| format!("{code} ({name})")).collect();
    failure
}

fn set_by_program(code: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "set_by_program",
        format!("`{code}` is not typed."),
        "The case number is made when a case is opened and never changes; the lead is who opened it.",
        "See `nahtlos case show CASE`.",
    )
}

#[cfg(test)]
mod tests {
    use nahtlos_casework::SectionKind;

    use super::*;

    #[test]
    fn an_address_is_read_from_one_line() {
        let read = address("Obere Dorfstrasse 12a, 3550 Langnau i. E.").unwrap();
        assert_eq!(
            read.to_string(),
            "Obere Dorfstrasse 12a, 3550 Langnau i. E."
        );
        assert_eq!(read.house_number.unwrap().as_str(), "12a");
        assert_eq!(address("Weiler, Trub").unwrap().to_string(), "Weiler, Trub");
        for wrong in ["", "Dorfstrasse 12, ", "Dorfstrasse, 999 Langnau"] {
            assert_eq!(address(wrong).unwrap_err().field, "address", "{wrong}");
        }
    }

    #[test]
    fn a_number_of_the_person_becomes_an_edit_of_ident_and_a_wrong_one_names_its_field() {
        let key = case_key("ahvn13").unwrap();
        let edit = case_edit(key, Some("756.1234.5678.97")).unwrap();
        assert_eq!(edit.section(), SectionKind::Ident);
        assert_eq!(
            case_edit(key, None).unwrap(),
            Edit::Ident(IdentEdit::Clear(IdentKey::Ahvn13))
        );
        for (code, wrong) in [("ahvn13", "756.1234.5678.90"), ("zemis", "none")] {
            let failure = case_edit(case_key(code).unwrap(), Some(wrong)).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{code}");
            assert!(failure.what.contains(code), "{code}: {}", failure.what);
        }
    }

    #[test]
    fn every_field_of_the_core_data_reads_a_good_value_and_refuses_a_bad_one() {
        for key in CoreKey::ALL {
            let code = key.code();
            let bad = core_field(*key, "\u{7}").unwrap_err();
            assert_eq!(bad.exit, Exit::Usage, "{code}");
            assert!(bad.what.contains(code), "{code}: {}", bad.what);
        }
        assert!(core_field(CoreKey::Birth, "17.05.1982").is_ok());
        assert!(core_field(CoreKey::VoicemailAllowed, "ja").is_ok());
        assert_eq!(case_key("birthday").unwrap_err().code, "unknown_field");
    }
}
