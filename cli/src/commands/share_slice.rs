//! `nahtlos share slice`: a part of a section for who does not read the section itself.

use nahtlos_client::slices::SlicePreview;
use serde_json::json;

use super::sync::count;
use super::{case_title, section_kind, share};
use crate::arguments::ShareSlice;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, words: &ShareSlice) -> Result<Answer, Failure> {
    let kind = section_kind(&words.section)?;
    let bases = context.legal_bases()?;
    let named = words.basis.as_deref();
    let named = named
        .map(|text| share::basis(&bases, Some(text)))
        .transpose()?;
    let named = named.as_deref();
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    let member = nahtlos.directory()?.find_member(&words.to)?;
    let preview = nahtlos.preview_slice(&case, &kind, &member, named)?;
    let data = |done: &str| json!({ "done": done, "share": json::value(&preview) });
    let basis = share::basis_shown(&bases, &preview.basis);
    let page = preview_page(&case_title(&nahtlos, &case)?, &preview, &basis);
    if words.answered.dry_run {
        return Ok(Answer::new(
            data("dry_run"),
            page.line("Nothing was done (--dry-run)."),
        ));
    }
    if !words.answered.yes {
        page.show_before_asking();
        if !input::confirm("Share this slice?")? {
            return Ok(Answer::sentence(data("nothing"), "Nothing was shared."));
        }
    }
    nahtlos.share_slice(&case, &kind, &member, named)?;
    let done = match preview.already {
        true => "refreshed",
        false => "shared",
    };
    let said = format!(
        "Slice of `{kind}` {done} with {}.",
        member_in_words(&preview)
    );
    Ok(Answer::sentence(data(done), said).note(
        "It takes effect with the next `nahtlos sync`, and follows the section from then on.",
    ))
}

fn preview_page(title: &str, preview: &SlicePreview, basis: &str) -> Page {
    let people = &preview.people;
    let holds = match preview.holds.as_slice() {
        [] => "nothing yet".to_owned(),
        holds => holds.join(", "),
    };
    let page = Page::default()
        .title(title)
        .line(format!(
            "{} will read a part of `{}`: {}.",
            count(people.len() as u64, "person", "people"),
            preview.section,
            match people.is_empty() {
                true => member_in_words(preview),
                false => people.join(", "),
            }
        ))
        .fields([
            ("to", Some(member_in_words(preview))),
            ("holds", Some(holds)),
            ("basis", Some(basis.to_owned())),
            ("until", preview.not_after_ms.map(dates::moment)),
        ]);
    let page = match preview.is_new {
        true => page.line(
            "A new document is written for them: nothing of the section's history goes along.",
        ),
        false => page,
    };
    page.line("What was delivered cannot be taken back, also if the right ends later.")
}

fn member_in_words(preview: &SlicePreview) -> String {
    let SlicePreview {
        member,
        institution,
        kind,
        ..
    } = preview;
    match institution.as_str() {
        "" => format!("{member} (institution not confirmed)"),
        institution => format!("{member} ({institution}, {kind})"),
    }
}
