//! Rights that end, said before they end: shared by `share withdraw`, `member remove` and
//! `device revoke`.

use nahtlos_client::Nahtlos;
use nahtlos_client::ending::{
    EndPreview, Ending, Reason, WHAT_STAYS_READABLE, WHAT_STAYS_READABLE_NOW,
};
use nahtlos_client::share::GrantLine;
use serde_json::json;

use super::sync::count;
use crate::arguments::{Answered, ReasonCode};
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// One place in which a right ends.
pub struct End {
    /// What ends.
    pub endings: Vec<Ending>,
    /// What the client says of it.
    pub preview: EndPreview,
    /// Grants that lead to the same member by another way and stay.
    pub stays: Vec<GrantLine>,
}

impl End {
    /// What ends at once, with nothing said of other ways.
    ///
    /// # Errors
    /// As [`Nahtlos::preview_end`].
    pub fn of(nahtlos: &Nahtlos, ending: Ending) -> Result<Self, Failure> {
        let preview = nahtlos.preview_end(&ending)?;
        Ok(Self {
            endings: vec![ending],
            stays: preview.stands.clone(),
            preview,
        })
    }

    /// The same, said of an end with which the keys are renewed at once.
    pub fn renewed_now(mut self) -> Self {
        for sentence in &mut self.preview.sentences {
            if sentence == WHAT_STAYS_READABLE {
                *sentence = WHAT_STAYS_READABLE_NOW.into();
            }
        }
        self
    }
}

/// The reason as the client knows it.
pub fn reason(code: Option<ReasonCode>) -> Reason {
    match code {
        None => Reason::Unstated,
        Some(ReasonCode::Left) => Reason::Left,
        Some(ReasonCode::DeviceLost) => Reason::DeviceLost,
        Some(ReasonCode::ConsentWithdrawn) => Reason::ConsentWithdrawn,
        Some(ReasonCode::BasisEnded) => Reason::BasisEnded,
        Some(ReasonCode::CaseClosed) => Reason::CaseClosed,
        Some(ReasonCode::ConflictOfInterest) => Reason::ConflictOfInterest,
        Some(ReasonCode::Replaced) => Reason::Replaced,
        Some(ReasonCode::Compromised) => Reason::Compromised,
    }
}

/// What would end, what stays, and who will no longer read.
pub fn page(title: impl Into<String>, ends: &[End]) -> Page {
    let rows = ends
        .iter()
        .map(|end| {
            vec![
                end.preview.from.clone(),
                grants(&end.preview.ends),
                grants(&end.stays),
                listed(&end.preview.lose),
            ]
        })
        .collect();
    let page = Page::default().title(title).table(
        &["in", "ends", "stays", "will no longer read"],
        rows,
        "",
    );
    let mut said: Vec<&String> = Vec::new();
    for sentence in ends.iter().flat_map(|end| &end.preview.sentences) {
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said.into_iter()
        .fold(page, |page, sentence| page.line(sentence.clone()))
}

/// For programs: what [`page`] shows.
pub fn data(done: &str, ends: &[End]) -> serde_json::Value {
    let rows: Vec<_> = ends
        .iter()
        .map(
            |end| json!({ "preview": json::value(&end.preview), "stays": json::value(&end.stays) }),
        )
        .collect();
    json!({ "done": done, "ends": rows })
}

/// Whether to go on: `None` where it is to be done, else the answer that says nothing was.
///
/// # Errors
/// Where nobody can be asked.
pub fn unless_confirmed(
    answered: Answered,
    page: Page,
    question: &str,
    data: impl Fn(&str) -> serde_json::Value,
) -> Result<Option<Answer>, Failure> {
    if answered.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Ok(Some(Answer::new(data("dry_run"), page)));
    }
    if answered.yes {
        return Ok(None);
    }
    page.show_before_asking();
    if input::confirm(question)? {
        return Ok(None);
    }
    Ok(Some(Answer::sentence(data("nothing"), "Nothing was done.")))
}

/// Decides all of it.
///
/// # Errors
/// As [`Nahtlos::end`].
pub fn carry_out(nahtlos: &mut Nahtlos, ends: &[End], reason: Reason) -> Result<(), Failure> {
    let mut endings = ends.iter().flat_map(|end| &end.endings);
    nahtlos
        .all_or_nothing(|nahtlos| endings.try_for_each(|ending| nahtlos.end(ending, reason)))
        .map_err(Failure::from)
}

/// Decided here; others learn of it later.
pub const WITH_NEXT_SYNC: &str = "It takes effect with the next `nahtlos sync`; until then \
     `nahtlos decision drop ID` takes it back (`nahtlos decision` shows the ID).";

/// Roles with what they rest on.
fn grants(lines: &[GrantLine]) -> String {
    let words = lines.iter().map(|line| {
        let basis = line.basis.as_deref();
        basis.map_or_else(
            || format!("{} ({})", line.role, line.member),
            |basis| format!("{} ({}, {basis})", line.role, line.member),
        )
    });
    let words: Vec<String> = words.collect();
    listed(&words)
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        "–".into()
    } else {
        words.join(", ")
    }
}

/// "1 section of", for sentences.
pub fn sections(number: usize) -> String {
    count(number as u64, "section", "sections")
}
