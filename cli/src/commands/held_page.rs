//! A held change on a page: who wrote it on which device, why it does not count, and what taking it over
//! would change.

use nahtlos_client::fate::Fate;
use nahtlos_client::held::{HeldEnvelope, HeldPreview};
use nahtlos_client::revocation::Revocation;
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_document::Difference;
use serde_json::{Value, json};

use super::names::Names;
use super::section_history::{differences_table, to_json};
use super::sync::count;
use super::{conflict, held_news, section_kind};
use crate::failure::Failure;
use crate::output::{Page, dates, json};

/// Characters of an identifier that lists show.
const SHOWN: usize = 8;

/// What can be seen of a held change.
pub enum Looked {
    /// With what it would change.
    Open(Box<HeldPreview>),
    /// It cannot be opened here: it can still be decided about.
    Closed(Box<HeldEnvelope>),
}

impl Looked {
    /// # Errors
    /// As [`Nahtlos::held_show`].
    pub fn at(nahtlos: &Nahtlos, id: &str) -> Result<Self, ClientError> {
        match nahtlos.held_show(id) {
            Ok(preview) => Ok(Self::Open(Box::new(preview))),
            Err(ClientError::HeldNotOpened) => Ok(Self::Closed(Box::new(nahtlos.held_named(id)?))),
            Err(error) => Err(error),
        }
    }

    /// The change itself.
    pub fn envelope(&self) -> &HeldEnvelope {
        match self {
            Self::Open(preview) => &preview.envelope,
            Self::Closed(envelope) => envelope,
        }
    }

    /// What is known of it.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn page(&self, nahtlos: &Nahtlos) -> Result<Page, Failure> {
        match self {
            Self::Open(preview) => preview_page(nahtlos, preview),
            Self::Closed(envelope) => Ok(head(nahtlos, envelope, &[]).line(
                "It cannot be opened on this device, or needs something that is not here: what it would change is \
                 not known.",
            )),
        }
    }

    /// The same for programs.
    pub fn data(&self) -> Value {
        match self {
            Self::Open(preview) => preview_data(preview),
            Self::Closed(envelope) => {
                json!({ "edit": json::value(envelope), "with": [], "differences": null, "conflicts": [] })
            }
        }
    }
}

/// What is said of every held change.
fn head(nahtlos: &Nahtlos, one: &HeldEnvelope, with: &[HeldEnvelope]) -> Page {
    let page = Page::default()
        .title(place_of(nahtlos, &one.space))
        .fields([
            ("by", Some(who(one))),
            ("typed", one.typed_at_ms.map(dates::moment)),
            ("arrived", one.received_at_ms.map(dates::moment)),
            (
                if one.adopting {
                    "how it stands"
                } else {
                    "held because"
                },
                Some(why(one)),
            ),
            ("decided", one.own.then(|| decision(one.fate).to_owned())),
            (
                "comes with it",
                (!with.is_empty()).then(|| {
                    let with: Vec<String> = with
                        .iter()
                        .map(|other| format!("{} by {}", short(&other.id), who(other)))
                        .collect();
                    with.join(", ")
                }),
            ),
        ]);
    match warning(one) {
        Some(warning) => page.line(warning),
        None => page,
    }
}

/// With what it would change.
///
/// # Errors
/// Where the vault cannot be read.
pub fn preview_page(nahtlos: &Nahtlos, preview: &HeldPreview) -> Result<Page, Failure> {
    let one = &preview.envelope;
    let page =
        head(nahtlos, one, &preview.with).line("What it would change, against what counts now:");
    let (Some(kind), Some(case)) = (&preview.section, &one.case) else {
        return Ok(differences_of_group(page, nahtlos, &preview.differences));
    };
    let case = nahtlos.find_case(case)?;
    let document = nahtlos.section_document(&case, &section_kind(&kind.code())?)?;
    let names = Names::of_case(nahtlos, &case);
    let (differences, conflicts) = (&preview.differences, &preview.conflicts);
    let page = if differences.is_empty() && !conflicts.is_empty() {
        page.line("No value that is shown now; but it does not agree with what was written since:")
    } else {
        differences_table(page, kind, &document, differences, &names)
    };
    if conflicts.is_empty() {
        return Ok(page);
    }
    let page = page.line(format!(
        "It makes {} that somebody has to settle (`nahtlos conflict`):",
        count(conflicts.len() as u64, "conflict", "conflicts")
    ));
    Ok(conflict::table_of(page, conflicts, &names))
}

/// What would differ in a person's own document, and in another one that belongs to no case.
fn differences_of_group(page: Page, nahtlos: &Nahtlos, differences: &[Difference]) -> Page {
    let devices = nahtlos.devices().unwrap_or_default();
    let field = |path: &str| {
        let mut known = devices.iter().filter(|line| path.ends_with(&line.id));
        known.next().map_or_else(
            || path.to_owned(),
            |line| format!("name of {}", line.fingerprint),
        )
    };
    let shown = |value: Option<&nahtlos_document::Value>| {
        let text = value.map(|value| value.as_str().map(str::to_owned));
        let value = text.and_then(|text| text.or_else(|| Some(value?.to_json().to_string())));
        value.unwrap_or_default()
    };
    let rows = differences.iter().map(|one| {
        vec![
            field(&one.path.to_string()),
            shown(one.before.as_ref()),
            shown(one.after.as_ref()),
        ]
    });
    page.table(
        &["field", "before", "after"],
        rows.collect(),
        "Nothing differs.",
    )
}

/// The same for programs.
pub fn preview_data(preview: &HeldPreview) -> Value {
    let differences: Vec<Value> = preview.differences.iter().map(to_json).collect();
    json!({
        "edit": json::value(&preview.envelope),
        "with": json::value(&preview.with),
        "differences": differences,
        "conflicts": json::value(&preview.conflicts),
    })
}

/// Who wrote it, and on which device where its right has ended: then nobody knows who had it in hand.
pub fn who(one: &HeldEnvelope) -> String {
    let author = match (one.own, one.institution.as_str()) {
        (true, _) if one.by_this_device => return "you".into(),
        (true, _) if one.device_revoked.is_some() => "in your name".into(),
        (true, _) => "you".into(),
        (false, "") => format!("{} (institution not confirmed)", one.author),
        (false, institution) => format!("{} ({institution})", one.author),
    };
    match (&one.device_revoked, one.own) {
        (Some(revoked), _) => format!("{author}, on {}", device_in_words(&one.device, revoked)),
        (None, true) => format!("{author}, on {}", one.device),
        (None, false) => author,
    }
}

/// A device whose right ended: `4ZQX-…, revoked as lost on 22.11.2026 10:00`.
pub fn device_in_words(device: &str, revoked: &Revocation) -> String {
    let lost = if revoked.is_lost() { " as lost" } else { "" };
    format!(
        "{device}, revoked{lost} on {}",
        dates::moment(revoked.at_ms())
    )
}

/// What to do before it is taken over, where somebody else may have typed it.
pub fn warning(one: &HeldEnvelope) -> Option<String> {
    let revoked = one.device_revoked.as_ref()?;
    if one.by_this_device || !one.fate.is_waiting() {
        return None;
    }
    let whose = if one.own { "your" } else { "their" };
    let ask = if one.own {
        "take over only what you typed yourself".to_owned()
    } else {
        format!("ask {} what they typed before you take it over", one.author)
    };
    Some(format!(
        "It was written on {}. Whoever has that device and its passphrase can write in {whose} name: {ask}.",
        device_in_words(&one.device, revoked)
    ))
}

/// Why it does not count.
pub fn why(one: &HeldEnvelope) -> String {
    if one.adopting {
        return "taken over; the next sync tells the others".into();
    }
    if let Some(reason) = &one.discarded {
        return format!("you discarded it: {reason}");
    }
    one.sentence.to_string()
}

/// What was decided, or that nothing was.
pub fn decision(fate: Fate) -> &'static str {
    held_news::decided(fate).unwrap_or("not yet: whoever manages the section decides")
}

/// Case number and section, where this device knows them; the person's own document.
pub fn place_of(nahtlos: &Nahtlos, space: &str) -> String {
    let own = nahtlos.identity().person.map(|person| person.to_string());
    if own.as_deref() == Some(space) {
        return "names of your devices".into();
    }
    let cases = nahtlos.cases().unwrap_or_default();
    cases
        .iter()
        .find_map(|case| {
            let (code, _) = case.sections.iter().find(|(_, id)| *id == space)?;
            let number = case.summary.case_number.as_deref().unwrap_or(&case.id);
            Some(format!("{number} {code}"))
        })
        .unwrap_or_default()
}

/// The beginning of an identifier.
pub fn short(id: &str) -> String {
    id.chars().take(SHOWN).collect()
}
