//! What people say about themselves when they found or join. It is kept in the vault until the
//! relay has taken it, so that nobody types it twice.

use std::path::Path;

use nahtlos_casework::fields::{Field, Name};
use nahtlos_casework::role::{Function, InstitutionKind};
use nahtlos_client::vault::{Collection, VaultError};
use nahtlos_client::{ClientError, Founder, InstitutionCard, Introduction, Nahtlos};
use serde::{Deserialize, Serialize};

use super::values::{parse, parse_option};
use crate::arguments::{FounderOptions, IntroductionOptions};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;

/// Answers given so far. As JSON also what `--from` reads.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    institution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    team: Option<String>,
}

/// Key in `Collection::Setting`.
const ANSWERS: &[u8] = b"answers-when-founding";

impl Answers {
    /// From options and `--from`; what is not valid is refused before anything is made.
    pub fn of_founder(options: &FounderOptions) -> Result<Self, Failure> {
        Self {
            institution: options.institution.clone(),
            kind: options.kind.clone(),
            team: options.team.clone(),
            ..Self::of_person(&options.introduction)
        }
        .with_file(options.from.as_deref())
    }

    /// From the options of who joins a team.
    pub fn of_member(options: &IntroductionOptions, from: Option<&Path>) -> Result<Self, Failure> {
        Self::of_person(options).with_file(from)
    }

    fn of_person(options: &IntroductionOptions) -> Self {
        Self {
            person: options.person.clone(),
            function: options.function.clone(),
            ..Self::default()
        }
    }

    fn with_file(self, from: Option<&Path>) -> Result<Self, Failure> {
        let answers = match from {
            None => self,
            Some(source) => {
                let text = input::read_text(source)?;
                let file: Self = serde_json::from_str(&text).map_err(|error| not_json(&error))?;
                self.or(file)
            }
        };
        answers.check()?;
        Ok(answers)
    }

    fn or(self, other: Self) -> Self {
        Self {
            person: self.person.or(other.person),
            function: self.function.or(other.function),
            institution: self.institution.or(other.institution),
            kind: self.kind.or(other.kind),
            team: self.team.or(other.team),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        parse_option::<Name>("person", self.person.as_deref())?;
        parse_option::<Function>("function", self.function.as_deref())?;
        parse_option::<Name>("institution", self.institution.as_deref())?;
        parse_option::<InstitutionKind>("kind", self.kind.as_deref())?;
        parse_option::<Name>("team", self.team.as_deref())?;
        Ok(())
    }

    fn introduction(&mut self) -> Result<Introduction, Failure> {
        Ok(Introduction {
            name: complete::<Name>("person", "Your name (--person)", &mut self.person)?,
            function: complete::<Function>(
                "function",
                "Your function, e.g. officer, coach, lead (--function)",
                &mut self.function,
            )?,
        })
    }

    fn founder(&mut self) -> Result<Founder, Failure> {
        Ok(Founder {
            introduction: self.introduction()?,
            institution: InstitutionCard {
                name: complete::<Name>(
                    "institution",
                    "Name of your institution (--institution)",
                    &mut self.institution,
                )?,
                kind: complete::<InstitutionKind>(
                    "kind",
                    "Its kind, e.g. alv, iv, soz, provider (--kind)",
                    &mut self.kind,
                )?,
                merged_into: None,
            },
            team: complete::<Name>("team", "Name of its first team (--team)", &mut self.team)?,
        })
    }
}

/// Unlocks or makes the home of who joins a team, and completes the answers.
pub fn prepare_member(
    context: &Context,
    answers: Answers,
) -> Result<(Nahtlos, Introduction), Failure> {
    prepare(context, answers, Answers::introduction)
}

/// Unlocks or makes the home of who founds, and completes the answers.
pub fn prepare_founder(context: &Context, answers: Answers) -> Result<(Nahtlos, Founder), Failure> {
    prepare(context, answers, Answers::founder)
}

/// A founding that did not reach the relay is simply done again.
pub fn failed(error: ClientError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.exit == Exit::RelayUnreachable {
        failure.next = "Run the same command again when the relay can be reached; this home and \
                        your answers are kept, and `nahtlos doctor` looks for what is wrong."
            .into();
    }
    failure
}

/// Forgets the kept answers: the relay has taken them.
pub fn completed(nahtlos: &mut Nahtlos) -> Result<(), Failure> {
    let forgotten = nahtlos.vault_mut().transaction(|transaction| {
        transaction.delete(Collection::Setting, ANSWERS)?;
        Ok::<(), VaultError>(())
    });
    forgotten.map_err(|error| ClientError::Vault(error).into())
}

fn prepare<T>(
    context: &Context,
    answers: Answers,
    complete: impl FnOnce(&mut Answers) -> Result<T, Failure>,
) -> Result<(Nahtlos, T), Failure> {
    let mut nahtlos = context.open_or_create()?;
    if nahtlos.identity().person.is_some() && !nahtlos.is_enrolment_unanswered()? {
        return Err(ClientError::AlreadyEnrolled.into());
    }
    let mut answers = answers.or(kept(&mut nahtlos)?);
    let completed = complete(&mut answers);
    keep(&mut nahtlos, &answers)?;
    Ok((nahtlos, completed?))
}

fn kept(nahtlos: &mut Nahtlos) -> Result<Answers, Failure> {
    let kept = nahtlos.vault_mut().get(Collection::Setting, ANSWERS);
    let kept = kept.map_err(ClientError::Vault)?;
    Ok(kept
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default())
}

fn keep(nahtlos: &mut Nahtlos, answers: &Answers) -> Result<(), Failure> {
    // Optional strings: the writer has nothing to refuse.
    let bytes = serde_json::to_vec(answers).unwrap_or_default();
    let kept = nahtlos.vault_mut().transaction(|transaction| {
        transaction.put(Collection::Setting, b"", ANSWERS, 0, &bytes)?;
        Ok::<(), VaultError>(())
    });
    kept.map_err(|error| ClientError::Vault(error).into())
}

/// The answer as the field writes it; asked for where it is missing.
fn complete<F: Field>(
    code: &'static str,
    question: &str,
    answer: &mut Option<String>,
) -> Result<String, Failure> {
    let value: F = match answer {
        Some(text) => parse(code, text)?,
        None => match input::ask_field(question, false)? {
            Some(value) => value,
            None => return Err(missing(question)),
        },
    };
    let text = value.canonical();
    *answer = Some(text.clone());
    Ok(text)
}

fn missing(question: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "value_missing",
        format!("A value is missing: {question}."),
        "",
        "Run the command again; what you answered before is kept.",
    )
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        "format",
        "The answers in `--from` could not be read; nothing was done.",
        format!(
            "At line {}, column {} it is not an object with person, function, institution, kind, team.",
            error.line(),
            error.column()
        ),
        "Correct the file, then run the command again.",
    )
}
