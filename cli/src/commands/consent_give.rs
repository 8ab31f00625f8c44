//! `nahtlos consent give`.

use nahtlos_casework::fields::{Date, Field, FieldError, LongText, Name};
use nahtlos_casework::record::Giver;
use nahtlos_client::consent::{ConsentShare, NewConsent, short_name};
use nahtlos_client::share::GrantPreview;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::consent::shares_named;
use super::sync::count;
use super::values::{parse, parse_option};
use super::{NOT_DELIVERED_YET, case_title, share};
use crate::arguments::ConsentGive;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// Months a consent holds where nothing else is said (DOMAIN §6).
const DEFAULT_MONTHS: i8 = 12;

pub fn give(context: &Context, words: &ConsentGive) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.note)?;
    let form = parse("form", &words.form)?;
    let valid_from: Option<Date> = parse_option("valid_from", words.valid_from.as_deref())?;
    let valid_until: Option<Date> = parse_option("until", words.until.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    let mut shares = Vec::new();
    for (texts, role) in [(&words.read, Role::Read), (&words.write, Role::Write)] {
        for (section, member) in shares_named(&nahtlos, texts)? {
            shares.push(ConsentShare {
                section,
                member,
                role,
            });
        }
    }
    let valid_from = match valid_from {
        Some(day) => day,
        None => nahtlos.today()?,
    };
    let valid_until = match valid_until {
        Some(day) => day,
        None => months_later(valid_from, DEFAULT_MONTHS)?,
    };
    let (giver, note) = giver_and_note(words)?;
    let new = NewConsent {
        giver,
        shares,
        valid_from,
        valid_until: Some(valid_until),
        form,
        note,
    };
    let previews = nahtlos.preview_consent(&case, &new)?;
    let page = give_page(&case_title(&nahtlos, &case)?, &new, &previews);
    let data = |done: &str, consent: Option<String>| {
        json!({
            "done": done,
            "consent": consent,
            "valid_from": new.valid_from,
            "valid_until": new.valid_until,
            "shares": shares_data(&new, &previews),
        })
    };
    if words.answered.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Ok(Answer::new(data("dry_run", None), page));
    }
    if !words.answered.yes {
        page.show_before_asking();
        if !input::confirm("Record this consent and share?")? {
            return Ok(Answer::sentence(
                data("nothing", None),
                "Nothing was recorded, nothing was shared.",
            ));
        }
    }
    let id = nahtlos.consent_give(&case, &new)?;
    let said = format!(
        "Consent {} recorded; {} from it.",
        short_name(&id),
        count(new.shares.len() as u64, "right follows", "rights follow"),
    );
    let answer = Answer::sentence(data("given", Some(id.to_string())), said);
    Ok(answer.note(NOT_DELIVERED_YET))
}

fn shares_data(new: &NewConsent, previews: &[GrantPreview]) -> Vec<serde_json::Value> {
    let shares = new.shares.iter().zip(previews);
    let lines = shares.map(|(share, preview)| {
        let mut value = json::value(preview);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("role".into(), share.role.word().into());
        }
        value
    });
    lines.collect()
}

/// Before it is recorded: who will read what.
fn give_page(title: &str, new: &NewConsent, previews: &[GrantPreview]) -> Page {
    let shares: Vec<(&ConsentShare, &GrantPreview)> = new.shares.iter().zip(previews).collect();
    let mut page = Page::default().title(title).fields([
        ("given by", Some(new.giver.to_string())),
        ("form", Some(new.form.to_string())),
        ("from", Some(new.valid_from.to_string())),
        ("until", new.valid_until.map(|day| day.to_string())),
    ]);
    let mut members: Vec<&GrantPreview> = Vec::new();
    for preview in previews {
        if !members.iter().any(|known| same_member(known, preview)) {
            members.push(preview);
        }
    }
    for member in members {
        let codes: Vec<&str> = previews
            .iter()
            .filter(|preview| same_member(preview, member))
            .map(|preview| preview.section.as_str())
            .collect();
        let people = count(member.people.len() as u64, "person", "people");
        page = page.line(format!(
            "{people} will read {}: {}.",
            codes.join(", "),
            if member.people.is_empty() {
                share::with_institution(member)
            } else {
                member.people.join(", ")
            }
        ));
    }
    let rows = shares
        .iter()
        .map(|(share, preview)| {
            vec![
                preview.section.clone(),
                share::with_institution(preview),
                share.role.word().to_owned(),
                share::history(preview),
                preview.already.unwrap_or("").to_owned(),
            ]
        })
        .collect();
    page.table(
        &[
            "section",
            "for",
            "may",
            "its history goes along",
            "may already",
        ],
        rows,
        "",
    )
    .line("They read all of these sections, also what was written before today.")
    .line("What was delivered cannot be taken back, also if the consent is withdrawn later.")
}

fn same_member(one: &GrantPreview, other: &GrantPreview) -> bool {
    (&one.member, &one.institution) == (&other.member, &other.institution)
}

/// Who gave it, and a note: personal, so typed or from a file.
fn giver_and_note(words: &ConsentGive) -> Result<(Giver, Option<LongText>), Failure> {
    if words.note.from.is_none() && input::may_ask() {
        let giver = match words.representative {
            true => representative(input::ask_field("Name of the representative", false)?)?,
            false => Giver::Client,
        };
        return Ok((
            giver,
            input::optional_text(&words.note, "Note (may be empty)", words.answered)?,
        ));
    }
    let text = input::optional_text::<LongText>(&words.note, "Note", words.answered)?;
    if !words.representative {
        return Ok((Giver::Client, text));
    }
    let text = text.map_or_else(String::new, |text| text.canonical());
    let (name, note) = text.split_once('\n').unwrap_or((&text, ""));
    let name = match name.trim() {
        "" => None,
        name => Some(parse("representative", name)?),
    };
    let note = match note.trim() {
        "" => None,
        note => Some(parse("note", note)?),
    };
    Ok((representative(name)?, note))
}

fn representative(name: Option<Name>) -> Result<Giver, Failure> {
    let name = name.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "value_missing",
            "Nothing was recorded: the representative's name is missing.",
            "It is personal, so it never stands on the command line.",
            "Give it as the first line of `--from FILE`, or `--from -` for standard input.",
        )
    })?;
    Ok(Giver::Representative { name })
}

/// The same day some months later, or the last day of that month; less one day: a year from the 4th
/// ends on the 3rd.
fn months_later(day: Date, months: i8) -> Result<Date, Failure> {
    let (year, month, number) = day.parts();
    let later = jiff::civil::Date::new(year, month, number)
        .and_then(|day| day.checked_add(jiff::Span::new().months(months)))
        .and_then(|day| day.yesterday());
    let later = later.map_err(|_| {
        FieldError::new(
            "until",
            "no_such_day",
            "no last day follows from the first",
            "name one with --until",
        )
    })?;
    Ok(Date::new(later.year(), later.month(), later.day())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_of_twelve_months_ends_on_the_day_before_the_same_day() {
        for (first, last) in [
            ("2027-01-04", "2028-01-03"),
            ("2027-03-01", "2028-02-29"),
            ("2028-02-29", "2029-02-27"),
        ] {
            let day = Date::parse(first).unwrap();
            let until = months_later(day, DEFAULT_MONTHS).unwrap();
            assert_eq!(until.canonical(), last, "{first}");
        }
    }
}
