//! `nahtlos task list`, `show` and `calendar`: tasks of all cases.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_casework::calendar::{CalendarTask, calendar};
use nahtlos_casework::fields::{Date, Field, InstitutionId, PersonId, Responsible, Stored};
use nahtlos_casework::view::{CaseSummary, TaskView, TasksView};
use nahtlos_client::{CaseLine, Nahtlos};
use serde_json::json;

use super::entries::{cell, find, short_id, shown};
use super::names::Names;
use super::pages::CONTESTED;
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
    /// Whether the person contests it.
    is_contested: bool,
}

pub fn list(context: &Context, filter: &TaskFilter) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let wanted = Wanted::of(&nahtlos, filter)?;
    let names = Names::new(&nahtlos);
    let Found { tasks, left_out } = listed(&nahtlos, &wanted)?;
    let rows = tasks.iter().map(|one| {
        let responsible = one.task.responsible.as_ref();
        let due = day_of(&one.task);
        let late = due.is_some_and(|due| due < wanted.today && one.task.is_open());
        vec![
            one.number.clone(),
            short_id(&one.task.id),
            format!(
                "{}{}",
                cell(&one.task.title),
                if one.is_contested { CONTESTED } else { "" }
            ),
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
        json!({
            "case": one.case, "case_number": one.number, "task": json::value(&one.task),
            "contested": one.is_contested,
        })
    });
    let data = json!({ "tasks": data.collect::<Vec<_>>(), "left_out": left_out_data(&left_out) });
    let headers = ["case", "id", "task", "who", "due", "priority", "status"];
    let page = Page::default().table(&headers, rows, "No such task.");
    Ok(with_left_out(Answer::new(data, page), &left_out))
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
    let disputes = super::case::disputes(&nahtlos, &case, &SectionKind::Tasks);
    let said = disputes.said_of(&["tasks", &task.id.canonical()]);
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
            (
                "the person contests",
                (!said.is_empty()).then(|| said.join("\n")),
            ),
            ("linked to", (!links.is_empty()).then(|| links.join("\n"))),
            ("id", Some(short_id(&task.id))),
        ])
        .table(&["no", "to tick off", ""], rows.collect(), "");
    let data = json!({
        "case": case.id.to_string(), "task": json::value(task), "contested": said,
    });
    Ok(Answer::new(data, page))
}

pub fn calendar_file(
    context: &Context,
    filter: &TaskFilter,
    without_titles: bool,
    to: &Path,
) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let mut wanted = Wanted::of(&nahtlos, filter)?;
    // What has ended since is cancelled in the calendar that it went into before.
    wanted.ended_from = Some(wanted.today);
    let Found {
        tasks: listed,
        left_out,
    } = listed(&nahtlos, &wanted)?;
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
                is_over: !one.task.is_open(),
            })
        })
        .collect();
    if entries.is_empty() {
        let data = json!({
            "file": null, "tasks": 0, "without_due_day": listed.len(),
            "left_out": left_out_data(&left_out),
        });
        let said = "No such task has a due day: no calendar was written.";
        return Ok(with_left_out(Answer::sentence(data, said), &left_out));
    }
    let text = calendar(&entries, nahtlos.now()?);
    write_private_file(to, text.as_bytes())?;
    let without_day = listed.len() - entries.len();
    let over = entries.iter().filter(|entry| entry.is_over).count();
    let what = match without_titles {
        true => "the number of the case, the due day, priority and reminder",
        false => "the number of the case, the title, the due day, priority and reminder",
    };
    let data = json!({
        "file": to, "tasks": entries.len(), "over": over, "without_due_day": without_day,
        "titles": !without_titles, "left_out": left_out_data(&left_out),
    });
    let tasks = count(entries.len() as u64, "task", "tasks");
    let mut answer = Answer::sentence(data, format!("{tasks} in {}.", to.display())).note(format!(
        "In it stand {what}. The file is not encrypted: whoever gets the calendar reads that. Delete the file once it is imported."
    ));
    if over > 0 {
        answer = answer.note(format!(
            "Of them {over} ended or deleted, marked as cancelled: a calendar that has them takes them out or strikes them through."
        ));
    }
    if without_day > 0 {
        let tasks = count(without_day as u64, "task has", "tasks have");
        answer = answer.note(format!("{tasks} no due day and do not stand in it."));
    }
    Ok(with_left_out(answer, &left_out))
}

/// Why the tasks of a case are not listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LeftOut {
    /// They are not shared any more: what is here is an old copy, and nobody's work.
    NoLongerShared,
    /// They cannot be opened on this device.
    NotReadable,
}

/// What was asked for, and the cases whose tasks could not be looked at, by their numbers.
struct Found {
    tasks: Vec<Listed>,
    left_out: Vec<(String, LeftOut)>,
}

fn left_out_data(left_out: &[(String, LeftOut)]) -> serde_json::Value {
    let cases = left_out.iter().map(|(number, why)| {
        let why = match why {
            LeftOut::NoLongerShared => "no_longer_shared",
            LeftOut::NotReadable => "not_readable",
        };
        json!({ "case_number": number, "why": why })
    });
    cases.collect()
}

/// A list that is not whole says so: nobody may take a missing task for one that is done.
fn with_left_out(mut answer: Answer, left_out: &[(String, LeftOut)]) -> Answer {
    let of = |wanted: LeftOut| -> Option<String> {
        let cases = left_out.iter().filter(|(_, why)| *why == wanted);
        let cases: Vec<&str> = cases.map(|(number, _)| number.as_str()).collect();
        (!cases.is_empty()).then(|| cases.join(", "))
    };
    if let Some(cases) = of(LeftOut::NoLongerShared) {
        answer = answer.note(format!(
            "Left out, since their tasks are not shared with you any more: {cases}. \
             `nahtlos section show CASE tasks` shows the old copy."
        ));
    }
    if let Some(cases) = of(LeftOut::NotReadable) {
        answer = answer.note(format!(
            "Left out, since their tasks cannot be opened on this device: {cases}. \
             `nahtlos case show CASE` says why."
        ));
    }
    answer
}

/// Which tasks are wanted.
struct Wanted {
    today: Date,
    /// Only those of them.
    of: Option<Responsible>,
    /// Only those due before this day.
    before: Option<Date>,
    ended_too: bool,
    /// Those that ended too, due on this day or later.
    ended_from: Option<Date>,
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
            ended_from: None,
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
        has_tasks && (self.ended_too || self.ended_from.is_some() || has_open)
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
        let due = day_of(task);
        let ended_since = !task.is_open()
            && self
                .ended_from
                .is_some_and(|from| due.is_some_and(|due| due >= from));
        (stands || ended_since) && is_theirs && in_time
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
fn listed(nahtlos: &Nahtlos, wanted: &Wanted) -> Result<Found, Failure> {
    let (mut tasks, mut left_out) = (Vec::new(), Vec::new());
    let lost = nahtlos.lost_sections()?;
    let code = SectionKind::Tasks.code();
    for line in nahtlos.cases()? {
        if !wanted.may_be_in(&line) {
            continue;
        }
        let short = line.id.chars().take(SHORT_ID_CHARS).collect();
        let number: String = line.summary.case_number.clone().unwrap_or(short);
        if lost
            .iter()
            .any(|one| one.case == line.id && one.section == code)
        {
            left_out.push((number, LeftOut::NoLongerShared));
            continue;
        }
        let case = nahtlos.find_case(&line.id)?;
        let Ok(document) = nahtlos.section_document_unrecorded(&case, &SectionKind::Tasks) else {
            left_out.push((number, LeftOut::NotReadable));
            continue;
        };
        let view = TasksView::read(&document);
        let of_case = view.tasks.into_iter().filter(|task| wanted.is(task));
        let before = tasks.len();
        let disputes = super::case::disputes(nahtlos, &case, &SectionKind::Tasks);
        tasks.extend(of_case.map(|task| Listed {
            case: line.id.clone(),
            number: number.clone(),
            is_contested: disputes.concerns(&["tasks", &task.id.canonical()]),
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
    Ok(Found { tasks, left_out })
}

fn day_of(task: &TaskView) -> Option<Date> {
    task.due.as_ref().and_then(Stored::known).copied()
}
