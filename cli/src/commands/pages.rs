//! Sections as people read them.

use nahtlos_casework::fields::{EntryId, GoalRatings, Stored};
use nahtlos_casework::view::{
    CoreView, CorrectionView, DisputesView, FunctionView, GoalView, IdentView, JournalView,
    PlanView, StepView, TasksView,
};
use nahtlos_casework::{Conflict, Origin, Violation};

use super::conflict::wordings_at;
use super::entries::{cell, short_id, shown};
use super::names::Names;
use crate::output::{Page, dates};

/// The core data, field by field.
pub fn core_fields(
    core: &CoreView,
    names: &Names,
    disputes: &DisputesView,
) -> Vec<(&'static str, Option<String>)> {
    let fields = core_values(core, names);
    marked(fields, disputes, &CORE_PLACES)
}

/// Where what the page calls a field stands.
type Places = [(&'static str, &'static [&'static str])];

const CORE_PLACES: [(&str, &[&str]); 15] = [
    ("phase", &["case", "phase"]),
    ("case lead", &["case", "lead"]),
    ("official name", &["person", "official_name"]),
    ("first name", &["person", "first_name"]),
    ("call name", &["person", "call_name"]),
    ("born", &["person", "birth"]),
    ("sex", &["person", "sex"]),
    ("address", &["contact", "address"]),
    ("telephone", &["contact", "phone"]),
    ("e-mail", &["contact", "email"]),
    ("preferred channel", &["contact", "preferred_channel"]),
    ("voicemail allowed", &["contact", "voicemail_allowed"]),
    ("correspondence in", &["contact", "correspondence_language"]),
    ("interpreter for", &["contact", "interpreter"]),
    ("bodies involved", &["bodies"]),
];

const IDENT_PLACES: [(&str, &[&str]); 3] = [
    ("AHV number", &["ident", "ahvn13"]),
    ("ZEMIS number", &["ident", "zemis"]),
    ("local numbers", &["local_ids"]),
];

const PLAN_PLACES: [(&str, &[&str]); 6] = [
    ("situation", &["plan", "situation"]),
    ("overall goal", &["plan", "overall_goal"]),
    ("target", &["plan", "target"]),
    (
        "job-search duty suspended",
        &["plan", "job_search_suspended"],
    ),
    ("contact rhythm", &["plan", "contact_rhythm"]),
    ("reachability", &["plan", "reachability"]),
];

/// Whoever sees a value that the person contests sees that, too.
fn marked(
    fields: Vec<(&'static str, Option<String>)>,
    disputes: &DisputesView,
    places: &Places,
) -> Vec<(&'static str, Option<String>)> {
    let is_contested = |name: &str| {
        let mut places = places.iter();
        let place = places.find(|(own, _)| *own == name);
        place.is_some_and(|(_, path)| disputes.concerns(path))
    };
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| {
            let value = value.map(|value| match is_contested(name) {
                true => format!("{value}{CONTESTED}"),
                false => value,
            });
            (name, value)
        })
        .collect()
}

/// Behind a value that the person contests.
pub const CONTESTED: &str = " (contested)";

/// The words behind what is contested at a place, above or beneath it; nothing behind others.
pub fn contested(disputes: &DisputesView, path: &[&str]) -> &'static str {
    match disputes.concerns(path) {
        true => CONTESTED,
        false => "",
    }
}

fn core_values(core: &CoreView, names: &Names) -> Vec<(&'static str, Option<String>)> {
    let truth = |value: Option<bool>| value.map(|yes| if yes { "yes" } else { "no" }.to_owned());
    let joined = |items: Vec<String>| (!items.is_empty()).then(|| items.join("\n"));
    let bodies = core.bodies.values().map(ToString::to_string).collect();
    vec![
        ("phase", shown(&core.phase)),
        ("case lead", core.lead.as_ref().map(|lead| names.lead(lead))),
        (
            "recused",
            (!core.recused.is_empty()).then(|| {
                let people = core.recused.iter().map(|id| names.person(id));
                people.collect::<Vec<_>>().join(", ")
            }),
        ),
        ("official name", shown(&core.official_name)),
        ("first name", shown(&core.first_name)),
        ("call name", shown(&core.call_name)),
        ("born", shown(&core.birth)),
        ("sex", shown(&core.sex)),
        ("address", shown(&core.address)),
        ("telephone", shown(&core.phone)),
        ("e-mail", shown(&core.email)),
        ("preferred channel", shown(&core.preferred_channel)),
        ("voicemail allowed", truth(core.voicemail_allowed)),
        ("correspondence in", shown(&core.correspondence_language)),
        ("interpreter for", shown(&core.interpreter)),
        ("bodies involved", joined(bodies)),
    ]
}

/// The numbers under which others know the person.
pub fn ident_fields(
    ident: &IdentView,
    names: &Names,
    disputes: &DisputesView,
) -> Vec<(&'static str, Option<String>)> {
    let local_ids: Vec<String> = ident
        .local_ids
        .values()
        .map(|stored| match stored {
            Stored::Known(local) => {
                let institution = names.institution(local.institution.as_str());
                format!("{institution}: {}", local.number)
            }
            unknown => unknown.to_string(),
        })
        .collect();
    let fields = vec![
        ("AHV number", shown(&ident.ahvn13)),
        ("ZEMIS number", shown(&ident.zemis)),
        (
            "local numbers",
            (!local_ids.is_empty()).then(|| local_ids.join("\n")),
        ),
    ];
    marked(fields, disputes, &IDENT_PLACES)
}

/// The plan with numbers for goals and steps.
pub fn plan_page(
    page: Page,
    plan: &PlanView,
    names: &Names,
    (disputes, conflicts): (&DisputesView, &[Conflict]),
) -> Page {
    let fields = vec![
        ("situation", shown(&plan.situation)),
        ("overall goal", shown(&plan.overall_goal)),
        ("target", shown(&plan.target)),
        (
            "job-search duty suspended",
            shown(&plan.job_search_suspended),
        ),
        ("contact rhythm", shown(&plan.contact_rhythm)),
        ("reachability", shown(&plan.reachability)),
    ];
    let mut page = page.fields(marked(fields, disputes, &PLAN_PLACES));
    if plan.goals.is_empty() {
        page = page.line("No goal yet: `nahtlos plan goal add CASE`.");
    }
    for (position, goal) in plan.goals.iter().enumerate() {
        let id = goal.id.canonical();
        let wordings = wordings_at(conflicts, &["goals", &id, "statement"]);
        let numbered = (position + 1, wordings);
        page = goal_page(page, numbered, goal, plan, (names, disputes));
    }
    violations_page(extras_page(page, plan), &plan.violations)
}

/// Risks and reviews.
fn extras_page(page: Page, plan: &PlanView) -> Page {
    let mut page = page;
    if !plan.risks.is_empty() {
        let rows = plan.risks.iter().enumerate().map(|(position, risk)| {
            vec![
                (position + 1).to_string(),
                short_id(&risk.id),
                cell(&risk.description),
                cell(&risk.severity),
                cell(&risk.response),
                cell(&risk.status),
            ]
        });
        let headers = ["no", "id", "risk", "severity", "response", "status"];
        page = page.title("Risks").table(&headers, rows.collect(), "");
    }
    if !plan.reviews.is_empty() {
        let rows = plan.reviews.iter().map(|review| {
            vec![
                cell(&review.date),
                cell(&review.outcome),
                review
                    .ratings
                    .as_ref()
                    .map_or_else(String::new, |ratings| goal_ratings(ratings, plan)),
                cell(&review.participants),
                who(&review.origin),
            ]
        });
        let headers = ["date", "decided", "goals", "who took part", "recorded by"];
        page = page.title("Reviews").table(&headers, rows.collect(), "");
    }
    page
}

/// How goals stood, by their numbers in this list.
fn goal_ratings(ratings: &Stored<GoalRatings>, plan: &PlanView) -> String {
    let Some(known) = ratings.known() else {
        return ratings.to_string();
    };
    let number = |id: &EntryId| {
        let mut goals = plan.goals.iter();
        let position = goals.position(|goal| goal.id.known() == Some(id));
        position.map_or_else(|| id.to_string(), |position| (position + 1).to_string())
    };
    let lines = known
        .iter()
        .map(|(goal, rating)| format!("goal {}: {rating}", number(goal)));
    lines.collect::<Vec<_>>().join("\n")
}

fn goal_page(
    page: Page,
    (number, wordings): (usize, Option<String>),
    goal: &GoalView,
    plan: &PlanView,
    (names, disputes): (&Names, &DisputesView),
) -> Page {
    let id = goal.id.canonical();
    let is_contested = disputes.marks(&["goals", &id, "statement"]);
    let mark = if is_contested { CONTESTED } else { "" };
    let statement = wordings.unwrap_or_else(|| cell(&goal.statement));
    let (first, rest) = statement.split_once('\n').unwrap_or((&statement, ""));
    let page = page.title(format!("Goal {number}: {first}{mark}"));
    rest.lines()
        .fold(page, Page::line)
        .fields([
            ("in the client's words", shown(&goal.client_words)),
            ("area", shown(&goal.area)),
            ("measure of success", shown(&goal.measure_of_success)),
            ("due", shown(&goal.due)),
            ("priority", shown(&goal.priority)),
            ("status", shown(&goal.status)),
            ("id", Some(short_id(&goal.id))),
        ])
        .table(
            &["no", "id", "step", "who", "when", "paid by", "status"],
            goal.steps
                .iter()
                .enumerate()
                .map(|(position, step)| {
                    let mut row = step_row(number, position + 1, step, plan, names);
                    let place = ["goals", &id, "steps", &step.id.canonical()];
                    if let Some(title) = row.get_mut(STEP_TITLE) {
                        title.push_str(contested(disputes, &place));
                    }
                    row
                })
                .collect(),
            "  no step yet",
        )
}

/// Where in its row a step's title stands.
const STEP_TITLE: usize = 2;

fn step_row(
    goal: usize,
    number: usize,
    step: &StepView,
    plan: &PlanView,
    names: &Names,
) -> Vec<String> {
    let approved: Vec<String> = step
        .approvals
        .iter()
        .filter(|approval| approval.covers_present_payers)
        .map(|approval| names.institution(approval.institution.as_str()))
        .collect();
    let mut payers = step
        .payers
        .as_ref()
        .map_or_else(String::new, |payers| names.payers(payers));
    if !approved.is_empty() {
        payers = format!("{payers}\napproved: {}", approved.join(", "));
    }
    let mut status = cell(&step.status);
    if let Some(reason) = &step.reason {
        status = format!("{status}: {reason}");
    }
    for other in &step.depends_on {
        status = format!("{status}\nwaits for {}", step_number(other, plan));
    }
    if step.waits_in_a_circle {
        status =
            format!("{status}\nwaits for itself: remove one of these (`nahtlos plan step wait`)");
    }
    vec![
        format!("{goal}.{number}"),
        short_id(&step.id),
        cell(&step.title),
        step.responsible
            .as_ref()
            .map_or_else(String::new, |who| names.responsible(who)),
        days(step),
        payers,
        status,
    ]
}

/// A step by its number in this list.
fn step_number(id: &Stored<EntryId>, plan: &PlanView) -> String {
    for (goal_position, goal) in plan.goals.iter().enumerate() {
        let position = goal.steps.iter().position(|step| step.id == *id);
        if let Some(position) = position {
            return format!("{}.{}", goal_position + 1, position + 1);
        }
    }
    format!("a step that is not here ({})", short_id(id))
}

/// The days of a step, one a line.
fn days(step: &StepView) -> String {
    let span = match (shown(&step.start), shown(&step.end)) {
        (Some(start), Some(end)) => Some(format!("{start}–{end}")),
        (Some(start), None) => Some(format!("from {start}")),
        (None, Some(end)) => Some(format!("until {end}")),
        (None, None) => None,
    };
    let due = shown(&step.due).map(|day| format!("due {day}"));
    let review = shown(&step.review_at).map(|day| format!("review {day}"));
    let lines: Vec<String> = [span, due, review].into_iter().flatten().collect();
    lines.join("\n")
}

/// Tasks with their numbers.
pub fn tasks_page(page: Page, tasks: &TasksView, names: &Names, disputes: &DisputesView) -> Page {
    let rows = tasks
        .tasks
        .iter()
        .enumerate()
        .map(|(position, task)| {
            let ticked = task.checklist.iter().filter(|line| line.done).count();
            let title = match task.checklist.len() {
                0 => cell(&task.title),
                lines => format!("{} ({ticked}/{lines})", cell(&task.title)),
            };
            let mark = contested(disputes, &["tasks", &task.id.canonical()]);
            vec![
                (position + 1).to_string(),
                short_id(&task.id),
                format!("{title}{mark}"),
                task.responsible
                    .as_ref()
                    .map_or_else(String::new, |who| names.responsible(who)),
                cell(&task.due),
                cell(&task.priority),
                if task.deleted {
                    "deleted".into()
                } else {
                    cell(&task.status)
                },
            ]
        })
        .collect();
    page.table(
        &["no", "id", "task", "who", "due", "priority", "status"],
        rows,
        "No task yet: `nahtlos task add CASE`.",
    )
}

/// The journal, oldest first.
pub fn journal_page(page: Page, journal: &JournalView, disputes: &DisputesView) -> Page {
    let rows = journal
        .entries
        .iter()
        .map(|entry| {
            let at = match &entry.at {
                Some(Stored::Known(time)) => dates::time(*time),
                other => cell(other),
            };
            let mut text = cell(&entry.text);
            if let Some(corrected) = &entry.correction_of {
                text = format!("(corrects {}) {text}", short_id(corrected));
            }
            for by in &entry.corrected_by {
                text = format!("{text}\n(corrected by {})", correction(by));
            }
            let id = entry.id.canonical();
            // An institution's notes are records.
            if ["entries", "records"]
                .iter()
                .any(|map| disputes.concerns(&[*map, id.as_str()]))
            {
                text = format!("(contested) {text}");
            }
            vec![
                short_id(&entry.id),
                at,
                who(&entry.origin),
                cell(&entry.kind),
                text,
            ]
        })
        .collect();
    let page = page.table(
        &["id", "when", "by", "kind", "text"],
        rows,
        "No entry yet: `nahtlos journal add CASE`.",
    );
    violations_page(page, &journal.violations)
}

/// Who corrected an entry, when, and with which.
pub fn correction(correction: &CorrectionView) -> String {
    let id = short_id(&correction.id);
    let (by, at) = (who(&correction.origin), when(&correction.origin));
    format!("{by}, {at}: {id}")
}

/// Assessments of what somebody can do.
pub fn function_page(page: Page, function: &FunctionView, disputes: &DisputesView) -> Page {
    let mut page = page;
    if function.assessments.is_empty() {
        page = page.line("No assessment yet.");
    }
    for entry in &function.assessments {
        page = page
            .title(format!(
                "Capacity {}{}",
                cell(&entry.capacity),
                contested(disputes, &["assessments", &entry.id.canonical()])
            ))
            .fields([
                ("from", shown(&entry.from)),
                ("to", shown(&entry.to)),
                ("basis", shown(&entry.basis)),
                ("hours a day", shown(&entry.hours_per_day)),
                ("limits", shown(&entry.limits)),
                ("adaptations", shown(&entry.adaptations)),
                ("id", Some(short_id(&entry.id))),
                ("by", Some(who(&entry.origin))),
            ]);
    }
    violations_page(page, &function.violations)
}

/// Who wrote something, as people know them.
pub fn who(origin: &Origin) -> String {
    let signed = origin.author.as_ref().map_or_else(
        || "unknown".into(),
        |author| author.display_name.to_string(),
    );
    let Some(source) = &origin.taken_over else {
        return signed;
    };
    let at = source.written_at.as_ref();
    let at = at.map_or_else(String::new, |at| match at {
        Stored::Known(time) => format!(", {}", dates::time(*time)),
        unknown => format!(", {unknown}"),
    });
    format!(
        "{}{at} (as a file says; taken over by {signed})",
        source.written_by
    )
}

/// When something was written, by its author's clock.
pub fn when(origin: &Origin) -> String {
    origin.at.map_or_else(String::new, dates::time)
}

/// What somebody wrote who was not entitled to it.
pub fn violations_page(page: Page, violations: &[Violation]) -> Page {
    if violations.is_empty() {
        return page;
    }
    let rows = violations
        .iter()
        .map(|violation| {
            vec![
                when(&violation.by),
                who(&violation.by),
                violation.rule.texts()[2].to_owned(),
            ]
        })
        .collect();
    page.title("Changes that count for nothing")
        .table(&["when", "by", "why"], rows, "")
}
