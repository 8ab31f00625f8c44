//! `nahtlos search`.

use nahtlos_casework::fields::{Field, UtcTime};
use serde_json::json;

use super::sync::count;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json as as_json};

/// A time as people read it; one of a newer form as it stands.
fn shown_time(at: &str) -> String {
    UtcTime::parse(at).map_or_else(|_| at.to_owned(), dates::time)
}

/// Finds words in summaries, journals and notes.
pub fn run(context: &Context, words: &[String], limit: usize) -> Result<Answer, Failure> {
    let typed = match words {
        [] => input::ask_line("Search for")?,
        words => words.join(" "),
    };
    let mut nahtlos = context.open()?;
    let answer = nahtlos.search(&typed, limit)?;
    let rows = answer.found.iter().map(|found| {
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
    let data = json!({ "found": as_json::value(&answer.found), "more": answer.more });
    let page = Answer::new(data, page);
    Ok(match answer.more {
        0 => page,
        more => page.note(format!(
            "{} not shown: look for more words, or add `--limit NUMBER`.",
            count(more as u64, "more place is", "more places are")
        )),
    })
}
