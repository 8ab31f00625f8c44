//! `nahtlos consent narrow` and `consent extend`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Date, LongText};
use nahtlos_client::consent::{ConsentExtension, Less};
use nahtlos_client::ending::WHAT_STAYS_READABLE;
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::consent::{find_consent, in_words, named, read, shares_named};
use super::consent_give::{OF_AGE, receivers_page, shares_data};
use super::consent_withdraw::{after_taking_back, preview_page};
use super::entries::known_id;
use super::reads_recorded::with_access;
use super::sync::count;
use super::values::{parse, parse_option};
use super::{NOT_DELIVERED_YET, case_title, consent_terms, ending};
use crate::arguments::{ConsentExtend, ConsentNarrow};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn narrow(context: &Context, words: &ConsentNarrow) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.note)?;
    let stated: Option<Date> = parse_option("stated", words.stated.as_deref())?;
    let until: Option<Date> = parse_option("until", words.until.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    let consents = read(&nahtlos, &case)?;
    let given = find_consent(&consents, &words.consent)?;
    let id = known_id(&given.id)?;
    let part = shares_named(&nahtlos, &words.only)?;
    let less = Less {
        part: (!part.is_empty()).then_some(part.as_slice()),
        valid_until: until,
    };
    let stated = match stated {
        Some(day) => day,
        None => nahtlos.today()?,
    };
    let mut page = Page::default()
        .title(case_title(&nahtlos, &case)?)
        .line(format!("Narrowed on {stated}: {}.", in_words(given)));
    if let Some(until) = until {
        page = page.line(format!(
            "All that stays in it ends on {until} now, and the rights that rest on it with the first sync \
             of a device of your institution after that day."
        ));
    }
    let preview = nahtlos.preview_narrowing(&case, &id, &less, stated)?;
    let page = match less.part {
        Some(_) => preview_page(page, &case, &preview),
        None => page.line(WHAT_STAYS_READABLE),
    };
    let note: Option<LongText> =
        input::optional_text(&words.note, "Note (may be empty)", words.answered)?;
    let data = |done: &str| {
        json!({
            "done": done,
            "consent": id,
            "stated_at": stated,
            "valid_until": until,
            "sections": less.part.map(|_| json::value(&preview.sections)),
            "left_to_others": json::value(&preview.left_to_others),
        })
    };
    let question = "Record it and end these rights?";
    if let Some(answer) = ending::unless_confirmed(words.answered, page, question, data)? {
        return Ok(answer);
    }
    let narrowed = nahtlos.consent_narrow(&case, &id, &less, stated, note)?;
    let ended = (narrowed.ended + narrowed.dropped) as u64;
    if !narrowed.recorded && ended == 0 {
        let said = format!(
            "This was taken out of consent {} before; nothing was changed.",
            named(given)
        );
        return Ok(Answer::sentence(data("nothing"), said));
    }
    let said = format!(
        "Consent {} is narrowed; {} with it.",
        named(given),
        count(ended, "right ends", "rights end"),
    );
    let answer = Answer::sentence(data("narrowed"), said);
    Ok(after_taking_back(answer, &case, &preview, &narrowed))
}

pub fn extend(context: &Context, words: &ConsentExtend) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.note)?;
    let until: Option<Date> = parse_option("until", words.until.as_deref())?;
    let form = parse("form", &words.form)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    let consents = read(&nahtlos, &case)?;
    let given = find_consent(&consents, &words.consent)?;
    let id = known_id(&given.id)?;
    let shares = consent_terms::shares(&nahtlos, &words.read, &words.write, &words.manner)?;
    let known = consents.shares_of(&id).unwrap_or_default();
    let known = known
        .iter()
        .filter(|share| share.section == SectionKind::Access);
    let known: Vec<SpaceId> = known
        .filter_map(|share| SpaceId::from_hex(share.member.as_str()))
        .collect();
    let left_out = words.manner.reads_unrecorded;
    let along = with_access(&nahtlos, &case, shares, &known, left_out)?;
    let (shares, along) = (along.shares, along.said);
    let told = consent_terms::told(&words.manner, false, &words.note, words.answered)?;
    let extension = ConsentExtension {
        consent: id,
        shares,
        valid_until: until,
        form,
        details: told.details,
        note: told.note,
    };
    let (previews, holds_until) = nahtlos.preview_extension(&case, &extension)?;
    let mut page = Page::default()
        .title(case_title(&nahtlos, &case)?)
        .line(format!("Extended: {}.", in_words(given)));
    if until.is_some()
        && let Some(last) = holds_until
    {
        page = page.line(format!("All of it holds until {last} now."));
    }
    if until != holds_until && until.is_some() {
        page = page.line(OF_AGE);
    }
    if !extension.shares.is_empty() {
        page = receivers_page(page, &extension.shares, &previews);
    }
    if let Some(said) = &along {
        page = page.line(said.clone());
    }
    let data = |done: &str| {
        json!({
            "done": done,
            "consent": id,
            "valid_until": holds_until.filter(|_| until.is_some()),
            "shares": shares_data(&extension.shares, &previews),
        })
    };
    let question = "Record it and share?";
    if let Some(answer) = ending::unless_confirmed(words.answered, page, question, data)? {
        return Ok(answer);
    }
    let extended = nahtlos.consent_extend(&case, &extension)?;
    let new = count(
        extended.new as u64,
        "new right follows",
        "new rights follow",
    );
    let longer = count(extended.longer as u64, "goes", "go");
    let said = match extended.longer {
        0 => format!("Consent {} is extended; {new} from it.", named(given)),
        _ => format!(
            "Consent {} is extended; {new} from it, {longer} on for longer.",
            named(given)
        ),
    };
    let answer = Answer::sentence(data("extended"), said);
    let along = along.filter(|_| words.answered.yes);
    Ok(along
        .into_iter()
        .fold(answer, Answer::note)
        .note(NOT_DELIVERED_YET))
}
