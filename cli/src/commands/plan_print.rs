//! `nahtlos plan print`: a version as a page for the client, made of the text that is signed, and beside it of
//! what the person disputes in the plan on the day it is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nahtlos_casework::access::DisclosureForm;
use nahtlos_casework::edit::{GoalKey, PlanKey, RiskKey, StepKey};
use nahtlos_casework::fields::{
    Date, Field, OverallTarget, Party, Priority, ProblemArea, Severity, Stored, Suspension,
};
use nahtlos_casework::plan_version::{PlanContent, VersionView};
use nahtlos_casework::view::{DisputesView, PlanView};
use nahtlos_casework::{SectionKind, code_names};
use serde_json::json;

use super::case_title;
use super::disclosing::Disclosing;
use super::dispute::Contested;
use super::names::Names;
use super::plan_print_words::Language;
use super::plan_version::{chosen, newest};
use super::plan_version_pages::{payers_in_words, responsible_in_words};
use super::printed_page::{escaped, framed};
use crate::arguments::{DisclosedTo, VersionOf};
use crate::context::{Context, write_private_file};
use crate::failure::Failure;
use crate::output::{Answer, dates};

/// How the name of a dependency begins in a step, and that of a risk in the plan.
const DEPENDS_ON: &str = "depends_on:";
const RISK: &str = "risk:";

pub fn run(
    context: &Context,
    words: &VersionOf,
    language: Option<&str>,
    to: &Path,
    disclosed: &DisclosedTo,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let disclosing = Disclosing::begin(context, &nahtlos, disclosed, DisclosureForm::Printed)?;
    let case = nahtlos.find_case(&words.case)?;
    let version = chosen(&nahtlos, &case, words, newest)?;
    let title = case_title(&nahtlos, &case)?;
    let names = Names::of_case(&nahtlos, &case);
    let document = nahtlos.section_document(&case, &SectionKind::Plan)?;
    let authors = nahtlos.section_authors(&case, &SectionKind::Plan)?;
    let (language, which) = Language::for_client(&nahtlos, &case, language);
    let page = Print {
        language,
        version: &version,
        content: version.text.content(),
        names: &names,
        disputes: &Contested::of(&document, &DisputesView::read(&document, &authors)),
        numbers: numbers(&PlanView::read(&document, &authors)),
    };
    let html = page.html(&title);
    write_private_file(to, html.as_bytes())?;
    let (number, code) = (version.number, &version.code);
    let data = json!({
        "case": case.id.to_string(), "file": to, "version": number, "code": code,
        "bytes": html.len(), "language": language.code(),
    });
    let said = format!(
        "{title}: version {number} (code {code}) is in {}.",
        to.display()
    );
    let answer = Answer::sentence(data, said)
        .note(which)
        .note(format!(
            "Print it from a browser. Once the client has signed: `nahtlos plan sign CASE --version \
             {number} --for client --paper SCAN --code {code}`."
        ))
        .note("The file is not encrypted: delete it when it has served.");
    disclosing.record(&mut nahtlos, &case, vec![SectionKind::Plan], answer)
}

/// One page in the making. Every text that comes from people goes through [`escaped`].
struct Print<'a> {
    language: Language,
    version: &'a VersionView,
    content: &'a PlanContent,
    names: &'a Names,
    disputes: &'a Contested,
    /// Goals, steps and risks by their numbers on the screen: what is named on paper is found there.
    numbers: BTreeMap<String, usize>,
}

/// The number of each goal, of each step in its goal, and of each risk.
fn numbers(plan: &PlanView) -> BTreeMap<String, usize> {
    let goals = plan.goals.iter();
    let steps = goals
        .clone()
        .flat_map(|goal| (1..).zip(&goal.steps))
        .map(|(number, step)| (step.id.canonical(), number));
    let risks = (1..).zip(&plan.risks);
    let risks = risks.map(|(number, risk)| (format!("{RISK}{}", risk.id.canonical()), number));
    let goals = (1..).zip(goals);
    let goals = goals.map(|(number, goal)| (goal.id.canonical(), number));
    steps.chain(risks).chain(goals).collect()
}

impl Print<'_> {
    fn html(&self, title: &str) -> String {
        let words = self.language.words();
        let mut body = format!(
            "<h1>{}: {}</h1>\n<p class=\"meta\">{} {} · {} <b>{}</b> · {} {} · {} {}</p>\n",
            words.title,
            escaped(title),
            words.version,
            self.version.number,
            words.code,
            escaped(&self.version.code),
            words.proposed,
            escaped(&day(self.version.origin.at.map(dates::time))),
            words.lead,
            escaped(&self.names.institution(self.version.lead.as_str())),
        );
        body.push_str(&self.plan_fields(&[
            PlanKey::Situation,
            PlanKey::OverallGoal,
            PlanKey::Target,
        ]));
        for (number, goal) in self.in_order(self.content.names(&["goals"])) {
            body.push_str(&self.goal(number, goal));
        }
        let agreements = self.plan_fields(&[
            PlanKey::JobSearchSuspended,
            PlanKey::ContactRhythm,
            PlanKey::Reachability,
        ]);
        if !agreements.is_empty() {
            body.push_str(&format!("<h2>{}</h2>\n{agreements}", words.agreements));
        }
        body.push_str(&self.risks());
        body.push_str(&self.unknown());
        body.push_str(&contested(&SectionKind::Plan, self.disputes, self.language));
        body.push_str(&self.signatures());
        framed(self.language, words.title, STYLE, &body)
    }

    /// In the order of the screen, with their numbers there.
    fn in_order<'b>(&self, names: BTreeSet<&'b str>) -> Vec<(usize, &'b str)> {
        let last = self.numbers.len() + 1;
        let number = |name: &str| self.numbers.get(name).copied().unwrap_or(last);
        let mut names: Vec<(usize, &str)> =
            names.into_iter().map(|name| (number(name), name)).collect();
        names.sort_unstable();
        names
    }

    fn plan_fields(&self, keys: &[PlanKey]) -> String {
        let fields = keys.iter().map(|key| {
            let value = self.content.text(&["plan", key.code()]);
            (key.names(), value.map(|text| self.coded(key.code(), &text)))
        });
        self.definitions(fields)
    }

    fn goal(&self, number: usize, id: &str) -> String {
        let words = self.language.words();
        let text = |field: &str| self.content.text(&["goals", id, field]);
        let statement = text("statement").unwrap_or_default();
        let mut html = format!("<h2>{} {number}: {}</h2>\n", words.goal, lines(&statement));
        let keys = [
            GoalKey::ClientWords,
            GoalKey::Area,
            GoalKey::MeasureOfSuccess,
            GoalKey::Due,
            GoalKey::Priority,
        ];
        let fields = keys.iter().map(|key| {
            let value = text(key.code()).map(|text| self.coded(key.code(), &text));
            (key.names(), value)
        });
        html.push_str(&self.definitions(fields));
        if text("status").is_some() {
            html.push_str(&format!("<p><b>{}</b></p>\n", words.ended));
        }
        let steps = self.content.names(&["goals", id, "steps"]);
        if steps.is_empty() {
            return html;
        }
        html.push_str("<table>\n<tr>");
        for heading in [words.step, words.who, words.when, words.paid_by] {
            html.push_str(&format!("<th>{heading}</th>"));
        }
        html.push_str("</tr>\n");
        for (_, step) in self.in_order(steps) {
            html.push_str(&self.step(id, step));
        }
        html.push_str("</table>\n");
        html
    }

    fn step(&self, goal: &str, id: &str) -> String {
        let words = self.language.words();
        let path = ["goals", goal, "steps", id];
        let text = |key: StepKey| {
            let field = [path.as_slice(), &[key.code()]].concat();
            self.content.text(&field)
        };
        let mut what = vec![text(StepKey::Title).unwrap_or_default()];
        what.extend(text(StepKey::Catalogue));
        let names = self.content.names(&path);
        let waits = names
            .iter()
            .filter_map(|name| name.strip_prefix(DEPENDS_ON));
        what.extend(waits.map(|other| format!("{}: {}", words.waits_for, self.step_title(other))));
        if text(StepKey::Status).is_some() {
            let reason = text(StepKey::Reason).unwrap_or_default();
            what.push(format!("{}: {reason}", words.ended));
        }
        let days = [
            (words.from, StepKey::Start),
            (words.until, StepKey::End),
            (words.due, StepKey::Due),
            (words.review, StepKey::ReviewAt),
        ];
        let days: Vec<String> = days
            .iter()
            .filter_map(|(word, key)| Some(format!("{word} {}", shown_day(&text(*key)?))))
            .collect();
        let who = text(StepKey::Responsible).map(|text| self.responsible(&text));
        let payers = text(StepKey::Payers).map(|text| payers_in_words(&text, self.names));
        let cells = [
            what.join("\n"),
            who.unwrap_or_default(),
            days.join("\n"),
            payers.unwrap_or_default(),
        ];
        let cells = cells.map(|cell| format!("<td>{}</td>", lines(&cell)));
        format!("<tr>{}</tr>\n", cells.concat())
    }

    /// The title of a step in whichever goal.
    fn step_title(&self, id: &str) -> String {
        let goals = self.content.names(&["goals"]).into_iter();
        let mut titles =
            goals.filter_map(|goal| self.content.text(&["goals", goal, "steps", id, "title"]));
        titles.next().unwrap_or_else(|| id.to_owned())
    }

    fn responsible(&self, text: &str) -> String {
        match text {
            "client" => self.language.words().client.to_owned(),
            _ => responsible_in_words(text, self.names),
        }
    }

    fn risks(&self) -> String {
        let names = self.content.names(&["plan"]);
        let risks: BTreeSet<&str> = names
            .into_iter()
            .filter(|name| name.starts_with(RISK))
            .collect();
        let risks: Vec<String> = self
            .in_order(risks)
            .into_iter()
            .map(|(_, name)| {
                let keys = [RiskKey::Description, RiskKey::Severity, RiskKey::Response];
                let fields = keys.iter().map(|key| {
                    let text = self.content.text(&["plan", name, key.code()]);
                    (key.names(), text.map(|text| self.coded(key.code(), &text)))
                });
                self.definitions(fields)
            })
            .collect();
        if risks.is_empty() {
            return String::new();
        }
        format!(
            "<h2>{}</h2>\n{}",
            self.language.words().risks,
            risks.concat()
        )
    }

    /// What a newer program wrote is signed as well, so it stands on the page.
    fn unknown(&self) -> String {
        let unknown: Vec<String> = self
            .content
            .iter()
            .filter(|(path, _)| {
                let steps: Vec<&str> = path.iter().map(String::as_str).collect();
                nahtlos_casework::names_of(&nahtlos_casework::SectionKind::Plan, &steps).is_none()
            })
            .map(|(path, value)| format!("<p>{}: {}</p>\n", escaped(&path.join("/")), lines(value)))
            .collect();
        if unknown.is_empty() {
            return String::new();
        }
        format!(
            "<h2>{}</h2>\n{}",
            self.language.words().other,
            unknown.concat()
        )
    }

    fn signatures(&self) -> String {
        let words = self.language.words();
        let mut rows = String::new();
        for party in &self.version.parties {
            let name = match &party.party {
                Party::Client => words.client.to_owned(),
                Party::Institution(institution) => self.names.institution(institution.as_str()),
            };
            let signed = party.signed_at.map_or_else(String::new, |time| {
                format!("{} {}", words.agreed, day(Some(dates::time(time))))
            });
            rows.push_str(&format!(
                "<tr><td>{}</td><td>{}</td><td class=\"sign\"></td></tr>\n",
                escaped(&name),
                escaped(&signed)
            ));
        }
        format!(
            "<section class=\"signatures\"><h2>{}</h2>\n<p>{}</p>\n<table>\n\
             <tr><th>{}</th><th>{}</th><th>{}</th></tr>\n{rows}</table>\n\
             <p class=\"hash\">{} {} · {} {} · SHA-256 {}</p></section>\n",
            words.signatures,
            words.what_you_sign,
            words.who,
            words.place_date,
            words.signature,
            words.version,
            self.version.number,
            words.code,
            escaped(&self.version.code),
            self.version.text_hash,
        )
    }

    /// A value whose code has words, or a day.
    fn coded(&self, field: &str, text: &str) -> String {
        let list = match field {
            "target" => OverallTarget::NAME,
            "area" => ProblemArea::NAME,
            "priority" => Priority::NAME,
            "severity" => Severity::NAME,
            _ => return shown_day(text),
        };
        match code_names(list, text) {
            Some(names) => self.language.pick(&names).to_owned(),
            None => shown_day(text),
        }
    }

    fn definitions(
        &self,
        fields: impl Iterator<Item = ([&'static str; 3], Option<String>)>,
    ) -> String {
        let rows: Vec<String> = fields
            .filter_map(|(names, value)| {
                let name = escaped(self.language.pick(&names));
                Some(format!("<dt>{name}</dt><dd>{}</dd>\n", lines(&value?)))
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        format!("<dl>\n{}</dl>\n", rows.concat())
    }
}

/// What stands contested in a section. It is no part of what is signed.
pub fn contested(kind: &SectionKind, contested: &Contested, language: Language) -> String {
    let words = language.words();
    let marks: Vec<String> = contested
        .disputes
        .standing()
        .map(|mark| {
            let place = contested.in_words(kind, &mark.path, language);
            let day = mark.stated_at.as_ref();
            let day = day.map_or_else(String::new, ToString::to_string);
            let text = mark.text.as_ref();
            let text = text.map_or_else(String::new, Stored::canonical);
            format!(
                "<p><b>{}</b> · {} {}: {}</p>\n",
                escaped(&place),
                words.contested_on,
                escaped(&day),
                lines(&text)
            )
        })
        .collect();
    if marks.is_empty() {
        return String::new();
    }
    format!("<h2>{}</h2>\n{}", words.contested, marks.concat())
}

/// A day, or a first and last day, as people write it; any other text as it is.
fn shown_day(text: &str) -> String {
    if let Ok(day) = Date::parse(text) {
        return day.to_string();
    }
    match Suspension::parse(text) {
        Ok(period) => {
            let reason = period
                .reason()
                .map_or_else(String::new, |why| format!(": {why}"));
            format!("{}–{}{reason}", period.from(), period.until())
        }
        Err(_) => text.to_owned(),
    }
}

/// The day of a point in time.
fn day(time: Option<String>) -> String {
    let time = time.unwrap_or_default();
    time.split(' ').next().unwrap_or_default().to_owned()
}

/// Text with its line breaks.
pub fn lines(text: &str) -> String {
    escaped(text).replace('\n', "<br>")
}

/// How a page of a plan or a round table looks.
pub const STYLE: &str = r#"  body { font: 12pt/1.45 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #000; background: #fff; }
  h1 { font-size: 17pt; margin: 0 0 .3rem; }
  h2 { font-size: 13pt; margin: 1.4rem 0 .4rem; break-after: avoid; }
  dl { display: grid; grid-template-columns: 13rem 1fr; gap: .2rem 1rem; margin: .3rem 0; }
  dt { color: #333; } dd { margin: 0; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
  th, td { border: 1px solid #555; padding: .35rem .5rem; text-align: left; vertical-align: top; }
  tr { break-inside: avoid; }
  td.sign { width: 16rem; height: 3.2rem; }
  .meta, .hash { color: #333; font-size: 10pt; overflow-wrap: anywhere; }
  .signatures { break-inside: avoid; }
  @media print { body { margin: 0; padding: 0; max-width: none; } @page { size: A4; margin: 18mm; } }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_on_the_page_whatever_it_holds() {
        assert_eq!(
            lines("<script>\"x\" & 'y'</script>\nb"),
            "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;<br>b"
        );
        assert_eq!(lines("100\u{202e}001\u{7}"), "100\u{fffd}001\u{fffd}");
    }

    #[test]
    fn days_and_periods_stand_as_people_write_them() {
        assert_eq!(shown_day("2027-03-31"), "31.03.2027");
        assert_eq!(shown_day("2027-01-01/2027-03-31"), "01.01.2027–31.03.2027");
        assert_eq!(
            shown_day("2027-01-01/2027-06-30 Unfall"),
            "01.01.2027–30.06.2027: Unfall"
        );
        assert_eq!(shown_day("einmal in der Woche"), "einmal in der Woche");
    }
}
