//! `nahtlos task list`, `show` and `calendar`: tasks of all cases.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_casework::calendar::{CalendarTask, calendar};
use nahtlos_casework::fields::{
    Date, Field, InstitutionId, PersonId, Responsible, Stored, UtcTime,
};
use nahtlos_casework::view::{CaseSummary, TaskView, TasksView};
use nahtlos_client::{CaseLine, Nahtlos};
use serde_json::json;

use super::entries::{cell, find, short_id, shown};
use super::names::Names;
use super::values::parse_option;
use super::{case_title, sync::count};
use crate::arguments::TaskFilter;
use crate::context::{Context, write_private_file};
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

/// Characters of a case's id where it has no number.
const SHORT_ID_CHARS: usize = 8;

/// A task and the case that it is of.
struct Listed {
    case: String,
    number: String,
    task: TaskView,
}

pub fn list(context: &Context, filter: &TaskFilter) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let wanted = Wanted::of(&nahtlos, filter)?;
    let names = Names::new(&nahtlos);
    let tasks = listed(&nahtlos, &wanted)?;
    let rows = tasks.iter().map(|one| {
        let responsible = one.task.responsible.as_ref();
        let due = day_of(&one.task);
        let late = due.is_some_and(|due| due < wanted.today && one.task.is_open());
        vec![
            one.number.clone(),
            short_id(&one.task.id),
            cell(&one.task.title),
            responsible.map_or_else(String::new, |who| names.responsible(who)),
            format!(
                "{}{}",
                cell(&one.task.due),
                if late { " (overdue)" } else { "" }
            ),
            cell(&one.task.priority),
            cell(&one.task.status),
        ]
    });
    let rows = rows.collect();
    let data = tasks.iter().map(|one| {
        json!({ "case": one.case, "case_number": one.number, "task": json::value(&one.task) })
    });
    let data = json!({ "tasks": data.collect::<Vec<_>>() });
    let headers = ["case", "id", "task", "who", "due", "priority", "status"];
    let page = Page::default().table(&headers, rows, "No such task.");
    Ok(Answer::new(data, page))
}

pub fn show(context: &Context, case: &str, task: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let view = TasksView::read(&nahtlos.section_document(&case, &SectionKind::Tasks)?);
    let tasks: Vec<_> = (1..)
        .zip(&view.tasks)
        .map(|(number, task): (usize, _)| (number.to_string(), task.id.canonical(), task))
        .collect();
    let task = *find("task", task, &tasks)?;
    let names = Names::of_case(&nahtlos, &case);
    let links: Vec<String> = task.links.iter().map(ToString::to_string).collect();
    let status = match task.deleted {
        true => Some("deleted".to_owned()),
        false => shown(&task.status),
    };
    let rows = (1..)
        .zip(&task.checklist)
        .map(|(number, line): (usize, _)| {
            let done = if line.done { "done" } else { "" };
            vec![number.to_string(), cell(&line.text), done.to_owned()]
        });
    let page = Page::default()
        .title(format!(
            "{} · {}",
            case_title(&nahtlos, &case)?,
            cell(&task.title)
        ))
        .fields([
            (
                "who",
                task.responsible.as_ref().map(|who| names.responsible(who)),
            ),
            ("due", shown(&task.due)),
            ("reminder", shown(&task.reminder)),
            ("priority", shown(&task.priority)),
            ("status", status),
            ("linked to", (!links.is_empty()).then(|| links.join("\n"))),
            ("id", Some(short_id(&task.id))),
        ])
        .table(&["no", "to tick off", ""], rows.collect(), "");
    let data = json!({ "case": case.id.to_string(), "task": json::value(task) });
    Ok(Answer::new(data, page))
}

pub fn calendar_file(
    context: &Context,
    filter: &TaskFilter,
    without_titles: bool,
    to: &Path,
) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let wanted = Wanted::of(&nahtlos, filter)?;
    let listed = listed(&nahtlos, &wanted)?;
    let entries: Vec<CalendarTask> = listed
        .iter()
        .filter_map(|one| {
            let known = |day: &Option<Stored<Date>>| day.as_ref().and_then(Stored::known).copied();
            let title = match without_titles {
                true => one.number.clone(),
                false => format!("{}: {}", one.number, cell(&one.task.title)),
            };
            Some(CalendarTask {
                uid: format!("{}.{}@nahtlos", one.task.id.canonical(), one.case),
                summary: title,
                due: day_of(&one.task)?,
                reminder: known(&one.task.reminder),
                priority: one.task.priority.as_ref().and_then(Stored::known).copied(),
            })
        })
        .collect();
    if entries.is_empty() {
        let data = json!({ "file": null, "tasks": 0, "without_due_day": listed.len() });
        let said = "No such task has a due day: no calendar was written.";
        return Ok(Answer::sentence(data, said));
    }
    let text = calendar(&entries, now()?);
    write_private_file(to, text.as_bytes())?;
    let without_day = listed.len() - entries.len();
    let what = match without_titles {
        true => "the number of the case, the due day, priority and reminder",
        false => "the number of the case, the title, the due day, priority and reminder",
    };
    let data = json!({
        "file": to, "tasks": entries.len(), "without_due_day": without_day,
        "titles": !without_titles,
    });
    let tasks = count(entries.len() as u64, "task", "tasks");
    let mut answer = Answer::sentence(data, format!("{tasks} in {}.", to.display())).note(format!(
        "In it stand {what}. The file is not encrypted: whoever gets the calendar reads that. Delete the file once it is imported."
    ));
    if without_day > 0 {
        let tasks = count(without_day as u64, "task has", "tasks have");
        answer = answer.note(format!("{tasks} no due day and do not stand in it."));
    }
    Ok(answer)
}

fn now() -> Result<UtcTime, Failure> {
    let seconds = jiff::Timestamp::now().as_second();
    Ok(UtcTime::from_seconds(seconds)?)
}

/// Which tasks are wanted.
struct Wanted {
    today: Date,
    /// Only those of them.
    of: Option<Responsible>,
    /// Only those due before this day.
    before: Option<Date>,
    ended_too: bool,
}

impl Wanted {
    fn of(nahtlos: &Nahtlos, filter: &TaskFilter) -> Result<Self, Failure> {
        let today = nahtlos.today()?;
        let stated: Option<Date> = parse_option("due_before", filter.due_before.as_deref())?;
        let overdue = filter.overdue.then_some(today);
        let of = match (&filter.of, filter.mine) {
            (Some(who), _) => Some(Names::new(nahtlos).parse_responsible(who)?),
            (None, true) => Some(Responsible::Person(
                InstitutionId::parse(&nahtlos.own_institution_id()?)?,
                PersonId::parse(&nahtlos.own_person_id()?)?,
            )),
            (None, false) => None,
        };
        Ok(Self {
            today,
            of,
            before: stated.into_iter().chain(overdue).min(),
            ended_too: filter.all,
        })
    }

    /// A case in which nothing is open, or due in time, is not opened.
    fn may_be_in(&self, line: &CaseLine) -> bool {
        let CaseSummary {
            next_due,
            open_tasks,
            ..
        } = &line.summary;
        let has_tasks = line.sections.contains_key(&SectionKind::Tasks.code());
        let has_open = *open_tasks > 0
            && self
                .before
                .is_none_or(|before| next_due.is_some_and(|due| due < before));
        has_tasks && (self.ended_too || has_open)
    }

    fn is(&self, task: &TaskView) -> bool {
        let responsible = task.responsible.as_ref().and_then(Stored::known);
        let is_theirs = self
            .of
            .as_ref()
            .is_none_or(|of| responsible.is_some_and(|responsible| is_of(responsible, of)));
        let in_time = self
            .before
            .is_none_or(|before| day_of(task).is_some_and(|due| due < before));
        let stands = !task.deleted && (self.ended_too || task.is_open());
        stands && is_theirs && in_time
    }
}

/// Whether somebody is meant by it: a person also where they changed their institution since, an institution with
/// all its people.
fn is_of(responsible: &Responsible, of: &Responsible) -> bool {
    match (responsible, of) {
        (Responsible::Person(_, person), Responsible::Person(_, wanted)) => person == wanted,
        (_, Responsible::Institution(wanted)) => responsible.institution() == Some(wanted),
        (responsible, of) => responsible == of,
    }
}

/// Tasks of all cases, those due first first, those without a day last.
fn listed(nahtlos: &Nahtlos, wanted: &Wanted) -> Result<Vec<Listed>, Failure> {
    let mut tasks = Vec::new();
    for line in nahtlos.cases()? {
        if !wanted.may_be_in(&line) {
            continue;
        }
        let case = nahtlos.find_case(&line.id)?;
        // What is not readable here is told by `case show`.
        let Ok(document) = nahtlos.section_document_unrecorded(&case, &SectionKind::Tasks) else {
            continue;
        };
        let short = line.id.chars().take(SHORT_ID_CHARS).collect();
        let number: String = line.summary.case_number.clone().unwrap_or(short);
        let view = TasksView::read(&document);
        let of_case = view.tasks.into_iter().filter(|task| wanted.is(task));
        let before = tasks.len();
        tasks.extend(of_case.map(|task| Listed {
            case: line.id.clone(),
            number: number.clone(),
            task,
        }));
        // Only what is listed was shown to somebody.
        if tasks.len() > before {
            nahtlos.note_reading(&case, &SectionKind::Tasks);
        }
    }
    tasks.sort_by_cached_key(|one| {
        let due = day_of(&one.task);
        (
            due.is_none(),
            due,
            one.number.clone(),
            one.task.id.canonical(),
        )
    });
    Ok(tasks)
}

fn day_of(task: &TaskView) -> Option<Date> {
    task.due.as_ref().and_then(Stored::known).copied()
}
