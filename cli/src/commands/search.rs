//! `nahtlos search`.

use std::collections::BTreeMap;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Field, UtcTime};
use nahtlos_casework::view::DisputesView;
use nahtlos_client::Nahtlos;
use nahtlos_client::searching::Found;
use serde_json::json;

use super::case::disputes;
use super::pages::CONTESTED;
use super::sync::count;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json as as_json};

/// A time as people read it; one of a newer form as it stands.
fn shown_time(at: &str) -> String {
    UtcTime::parse(at).map_or_else(|_| at.to_owned(), dates::time)
}

/// Which of what was found the person contests. Only what is shown is looked at, each section once.
fn contested(nahtlos: &Nahtlos, found: &[Found]) -> Vec<bool> {
    let mut known: BTreeMap<(String, String), DisputesView> = BTreeMap::new();
    let of = |one: &Found| {
        let section = one.section.as_ref()?;
        let entry = one.entry.as_ref()?;
        let key = (one.case.clone(), section.clone());
        let disputes = known.entry(key).or_insert_with(|| {
            let case = nahtlos.find_case(&one.case);
            let kind = SectionKind::from_code(section);
            case.map_or_else(
                |_| DisputesView::default(),
                |case| disputes(nahtlos, &case, &kind),
            )
        });
        let mut maps = ["entries", "records"].iter();
        Some(maps.any(|map| disputes.concerns(&[map, entry])))
    };
    found
        .iter()
        .map(of)
        .map(Option::unwrap_or_default)
        .collect()
}

/// Finds words in summaries, journals and notes.
pub fn run(context: &Context, words: &[String], limit: usize) -> Result<Answer, Failure> {
    let typed = match words {
        [] => input::ask_line("Search for").map_err(without_terminal)?,
        words => words.join(" "),
    };
    let mut nahtlos = context.open()?;
    let answer = nahtlos.search(&typed, limit)?;
    let contested = contested(&nahtlos, &answer.found);
    let rows = answer
        .found
        .iter()
        .zip(&contested)
        .map(|(found, is_contested)| {
            let case = found.case_number.clone().unwrap_or_else(|| {
                let id = found.case.get(..8).unwrap_or(&found.case);
                format!("({id})")
            });
            let of = |value: &Option<String>| value.clone().unwrap_or_default();
            vec![
                case,
                of(&found.display_name),
                of(&found.section),
                of(&found.at.as_deref().map(shown_time)),
                of(&found.by),
                match found.section {
                    Some(_) if *is_contested => format!("{}{CONTESTED}", found.excerpt),
                    Some(_) => found.excerpt.clone(),
                    None => String::new(),
                },
            ]
        });
    let headers = ["case", "name", "in", "when", "by", "text"];
    let page = Page::default().table(
        &headers,
        rows.collect(),
        "Nothing found in what you can read.",
    );
    let mut found = as_json::value(&answer.found);
    for (one, is_contested) in found.as_array_mut().into_iter().flatten().zip(&contested) {
        one["contested"] = json!(is_contested);
    }
    let data = json!({ "found": found, "more": answer.more });
    let page = Answer::new(data, page);
    Ok(match answer.more {
        0 => page,
        more => page.note(format!(
            "{} not shown: look for more words, or add `--limit NUMBER`.",
            count(more as u64, "more place is", "more places are")
        )),
    })
}

/// The words stand on the command line or are typed; there is no file of them.
fn without_terminal(failure: Failure) -> Failure {
    match failure.code.as_str() {
        "value_missing" => Failure {
            next: "Give the words: `nahtlos search WORD …`; at a terminal they are asked for, and the shell's history does \
                   not keep them."
                .into(),
            ..failure
        },
        _ => failure,
    }
}
