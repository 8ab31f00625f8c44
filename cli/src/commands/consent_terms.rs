//! What a consent says, from the command line, from prompts or from a file.

use std::path::Path;

use nahtlos_casework::fields::{
    Date, Field, FieldError, Line, LongText, Name, Purpose, Recurrence, WithdrawalNotice,
};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::{ConsentFile, ConsentFileShare, ImportError, May, SectionKind};
use nahtlos_client::Nahtlos;
use nahtlos_client::consent::{ConsentShare, NewConsent};
use nahtlos_protocol::space::kind::Role;

use super::consent::shares_named;
use super::values::{parse, parse_option};
use crate::arguments::{Answered, ConsentGive, ConsentManner, TypedValue};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;

/// Months a consent holds where nothing else is said.
const DEFAULT_MONTHS: i32 = 12;
/// Days one holds by which something is told once.
const ONCE_DAYS: i32 = 30;

/// What somebody is asked for: names and a note. They are personal, so they never stand on the command line.
pub struct Told {
    pub representative: Option<Name>,
    pub details: ConsentDetails,
    pub note: Option<LongText>,
}

/// A consent as the options say it.
pub fn from_options(nahtlos: &Nahtlos, words: &ConsentGive) -> Result<NewConsent, Failure> {
    let form = parse("form", words.form.as_deref().unwrap_or_default())?;
    let valid_from: Option<Date> = parse_option("valid_from", words.valid_from.as_deref())?;
    let valid_until: Option<Date> = parse_option("until", words.until.as_deref())?;
    let shares = shares(nahtlos, &words.read, &words.write, &words.manner)?;
    let mut told = told(
        &words.manner,
        words.representative,
        &words.note,
        words.answered,
    )?;
    if words.once {
        told.details.recurrence = Some(Recurrence::Once);
    }
    let valid_from = match valid_from {
        Some(day) => day,
        None => nahtlos.today()?,
    };
    Ok(NewConsent {
        giver: giver(told.representative),
        shares,
        valid_from,
        valid_until: Some(last_day(valid_from, valid_until, &told.details)?),
        form,
        details: told.details,
        replaces: None,
        note: told.note,
    })
}

/// A consent as a file says it: `sections` are those that the case has.
pub fn from_file(
    nahtlos: &Nahtlos,
    path: &Path,
    sections: &[SectionKind],
) -> Result<NewConsent, Failure> {
    let file = ConsentFile::parse(&input::read_text(path)?)
        .map_err(|errors| Failure::consent_file(&errors))?;
    let mut shares = Vec::new();
    let mut errors = Vec::new();
    for share in &file.shares {
        match shares_of(nahtlos, share, sections) {
            Ok(found) => shares.extend(found),
            Err(Refused::Here(error)) => errors.push(error),
            Err(Refused::Failed(failure)) => return Err(failure),
        }
    }
    if !errors.is_empty() {
        return Err(Failure::consent_file(&errors));
    }
    let valid_from = match file.valid_from {
        Some(day) => day,
        None => nahtlos.today()?,
    };
    Ok(NewConsent {
        giver: giver(file.representative),
        shares,
        valid_from,
        valid_until: Some(last_day(valid_from, file.valid_until, &file.details)?),
        form: file.form,
        details: file.details,
        replaces: None,
        note: file.note,
    })
}

/// Why a share of a file is not possible: a place in the file, or anything else.
enum Refused {
    Here(ImportError),
    Failed(Failure),
}

fn shares_of(
    nahtlos: &Nahtlos,
    share: &ConsentFileShare,
    sections: &[SectionKind],
) -> Result<Vec<ConsentShare>, Refused> {
    let here = |code: &'static str, reason: String, remedy: &str| {
        Refused::Here(ImportError {
            path: share.path.clone(),
            line: share.line,
            code,
            reason,
            remedy: remedy.to_owned(),
        })
    };
    let failed = |error: nahtlos_client::ClientError| Refused::Failed(error.into());
    let directory = nahtlos.directory().map_err(failed)?;
    let member = directory
        .find_member(&share.member.to_string())
        .map_err(|error| {
            let remedy = "name a team or person as `nahtlos institution list` does";
            here(error.code(), error.to_string(), remedy)
        })?;
    let named = share.sections.as_deref();
    if let Some(missing) = named
        .unwrap_or_default()
        .iter()
        .find(|kind| !sections.contains(kind))
    {
        let reason = format!("the case has no section `{missing}`");
        let remedy = "open it first (`nahtlos section open CASE SECTION`), or leave it out";
        return Err(here("not_shared", reason, remedy));
    }
    let proposals = nahtlos
        .proposals(named.unwrap_or(sections), &member)
        .map_err(failed)?;
    let role = |kind: &SectionKind| match share.may {
        Some(May::Read) => Role::Read,
        Some(May::Write) => Role::Write,
        None => {
            let proposed = proposals.iter().find(|proposal| proposal.section == *kind);
            proposed.map_or(Role::Read, |proposal| proposal.role)
        }
    };
    let kinds: Vec<SectionKind> = match named {
        Some(named) => named.to_vec(),
        None => {
            let proposed = proposals.iter().filter(|proposal| !proposal.only_if_named);
            proposed.map(|proposal| proposal.section.clone()).collect()
        }
    };
    if kinds.is_empty() {
        let reason = "the matrix proposes no section for them".to_owned();
        return Err(here("nothing_proposed", reason, "name the sections"));
    }
    let shares = kinds.into_iter().map(|section| ConsentShare {
        role: role(&section),
        section,
        member,
        purpose: share.purpose,
    });
    Ok(shares.collect())
}

/// The shares of `--read` and `--write`.
pub fn shares(
    nahtlos: &Nahtlos,
    read: &[String],
    write: &[String],
    manner: &ConsentManner,
) -> Result<Vec<ConsentShare>, Failure> {
    let purpose: Option<Purpose> = parse_option("purpose", manner.purpose.as_deref())?;
    let mut shares = Vec::new();
    for (texts, role) in [(read, Role::Read), (write, Role::Write)] {
        for (section, member) in shares_named(nahtlos, texts)? {
            shares.push(ConsentShare {
                section,
                member,
                role,
                purpose,
            });
        }
    }
    Ok(shares)
}

/// How it came about: what the options say, and the names that are asked for.
pub fn told(
    manner: &ConsentManner,
    representative: bool,
    note: &TypedValue,
    answered: Answered,
) -> Result<Told, Failure> {
    let mut details = ConsentDetails {
        recurrence: None,
        language: parse_option("explained_in", manner.explained_in.as_deref())?,
        interpreter: None,
        paper_sha256: manner
            .paper
            .as_deref()
            .map(crate::scan::hash_of)
            .transpose()?,
        withdrawable_notice: manner.withdrawable_said.then_some(WithdrawalNotice::Given),
        witness: None,
        template: parse_option::<Line>("template", manner.template.as_deref())?,
    };
    let wanted = [
        (representative, "representative"),
        (manner.interpreter, "interpreter"),
        (manner.witness, "witness"),
    ];
    let (names, note) = if note.from.is_none() && input::may_ask() {
        let names = wanted.map(|(wanted, who)| match wanted {
            true => input::ask_field::<Name>(&format!("Name of the {who}"), false),
            false => Ok(None),
        });
        (
            names,
            input::optional_text(note, "Note (may be empty)", answered)?,
        )
    } else {
        let text = input::optional_text::<LongText>(note, "Note", answered)?;
        let text = text.map_or_else(String::new, |text| text.canonical());
        let mut lines = text.lines();
        let names = wanted.map(|(wanted, who)| match wanted {
            true => named_in(lines.next(), who).map(Some),
            false => Ok(None),
        });
        let rest: Vec<&str> = lines.collect();
        let note = match rest.join("\n").trim() {
            "" => None,
            note => Some(parse("note", note)?),
        };
        (names, note)
    };
    let [representative, interpreter, witness] = names;
    details.interpreter = interpreter?;
    details.witness = witness?;
    Ok(Told {
        representative: representative?,
        details,
        note,
    })
}

fn named_in(line: Option<&str>, who: &'static str) -> Result<Name, Failure> {
    match line.map(str::trim).filter(|line| !line.is_empty()) {
        Some(name) => Ok(parse(who, name)?),
        None => Err(Failure::new(
            Exit::Usage,
            "value_missing",
            format!("Nothing was recorded: the name of the {who} is missing."),
            "It is personal, so it never stands on the command line.",
            "Give it as a line of `--from FILE`, or `--from -` for standard input: first the names, in \
             the order representative, interpreter, witness, then the note.",
        )),
    }
}

fn giver(representative: Option<Name>) -> Giver {
    match representative {
        Some(name) => Giver::Representative { name },
        None => Giver::Client,
    }
}

/// The last day that was named; else a year less a day, a year from the 4th ends on the 3rd.
pub fn last_day(
    first: Date,
    named: Option<Date>,
    details: &ConsentDetails,
) -> Result<Date, FieldError> {
    let later = match details.recurrence {
        _ if named.is_some() => named,
        Some(Recurrence::Once) => first.plus_days(ONCE_DAYS),
        _ => first
            .plus_months(DEFAULT_MONTHS)
            .and_then(|day| day.plus_days(-1)),
    };
    later.ok_or_else(|| {
        FieldError::new(
            "until",
            "no_such_day",
            "no last day follows from the first",
            "name one with --until",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_of_twelve_months_ends_on_the_day_before_the_same_day() {
        let recurring = ConsentDetails::default();
        for (first, last) in [
            ("2027-01-04", "2028-01-03"),
            ("2027-03-01", "2028-02-29"),
            ("2028-02-29", "2029-02-27"),
        ] {
            let until = last_day(Date::parse(first).unwrap(), None, &recurring).unwrap();
            assert_eq!(until.canonical(), last, "{first}");
        }
        let day = Date::parse("2027-01-04").unwrap();
        let once = ConsentDetails {
            recurrence: Some(Recurrence::Once),
            ..recurring
        };
        assert_eq!(
            last_day(day, None, &once).unwrap().canonical(),
            "2027-02-03"
        );
        assert_eq!(last_day(day, Some(day), &once), Ok(day));
    }
}
