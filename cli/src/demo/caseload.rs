//! An office's other cases, invented ones of fourteen months: listed, searched, and opened one section at a time.

use std::collections::BTreeSet;
use std::time::Instant;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, JournalEdit, PlanEdit};
use nahtlos_casework::fields::Field;
use nahtlos_casework::sample::Sample;
use nahtlos_casework::view::PlanView;
use nahtlos_client::CaseLine;

use super::DemoError;
use super::narrator::Narrator;
use super::story::{missing, sync_until_quiet};
use super::world::{Who, World};

/// How many there are: German ones and French ones.
const CASES: u64 = 6;
/// How many sections each has.
const SECTIONS: usize = 10;
/// Of the generator; `sample generate --seed 1` invents the same.
const SEED: u64 = 1;
/// Whose cases they are. No later command of the demo names a client of hers: some are called like Ruth and Emir.
const LEAD: Who = Who::Sommer;
/// What is looked for; some journals mention it in the middle of a sentence, and others do not.
pub const WORD: &str = "Kinderbetreuung";
/// More than are found.
const PLACES_MAX: usize = 1_000;

/// One case, and what the generator wrote into it.
struct Opened {
    sample: Sample,
    line: CaseLine,
}

/// Tells it.
///
/// # Errors
/// [`DemoError`].
pub fn tell(world: &mut World, narrator: &mut Narrator<'_>) -> Result<(), DemoError> {
    narrator.step(format!(
        "{}'s other cases: {CASES} invented ones of fourteen months",
        LEAD.name()
    ))?;
    narrator.busy("inventing and opening them");
    let opened = open(world)?;
    sync_until_quiet(world, &mut 0)?;
    let changes: usize = opened.iter().map(|one| one.sample.changes.len()).sum();
    narrator.say(format!(
        "{changes} changes, in German and French, as `nahtlos sample generate --seed {SEED}` writes them."
    ))?;
    tell_list(world, &opened, narrator)?;
    tell_search(world, &opened, narrator)?;
    tell_plan(world, &opened, narrator)
}

fn open(world: &mut World) -> Result<Vec<Opened>, DemoError> {
    let nahtlos = &mut world.home(LEAD)?.nahtlos;
    let mut opened = Vec::new();
    for number in 1..=CASES {
        let sample = Sample::generate(SEED, number)?;
        let edits: Vec<Edit> = sample.edits().cloned().collect();
        let number = nahtlos.open_case(&edits)?.to_string();
        let case = nahtlos.find_case(&number)?;
        let lines = nahtlos.cases()?;
        let line = lines
            .into_iter()
            .find(|line| line.id == case.id.to_string());
        let line = line.ok_or(missing("invented case"))?;
        opened.push(Opened { sample, line });
    }
    Ok(opened)
}

fn tell_list(
    world: &World,
    opened: &[Opened],
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let with_all_sections = opened.iter().all(|one| {
        let sections: BTreeSet<String> = one
            .sample
            .edits()
            .map(|edit| edit.section().code())
            .collect();
        sections.len() == SECTIONS
            && sections
                .iter()
                .all(|code| one.line.sections.contains_key(code))
    });
    let ours = ids(opened);
    let mut elsewhere = 0;
    for home in world.homes.iter().filter(|home| home.who != LEAD) {
        let lines = home.nahtlos.cases()?;
        elsewhere += lines
            .iter()
            .filter(|line| ours.contains(line.id.as_str()))
            .count();
    }
    narrator.claim(
        format!(
            "All {CASES} are in {}'s list with their ten sections, and in nobody else's.",
            LEAD.last_name()
        ),
        ours.len() == opened.len() && with_all_sections && elsewhere == 0,
    )?;
    Ok(())
}

/// The search is held against what the generator wrote.
fn tell_search(
    world: &mut World,
    opened: &[Opened],
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let written: usize = opened.iter().map(|one| mentions(&one.sample)).sum();
    let nahtlos = &mut world.home(LEAD)?.nahtlos;
    let ours = ids(opened);
    let read_once = nahtlos.search(WORD, PLACES_MAX)?;
    let again = nahtlos.search(WORD, PLACES_MAX)?;
    let found = again.found.iter();
    let found = found
        .filter(|found| ours.contains(found.case.as_str()))
        .count();
    narrator.claim(
        format!(
            "`search {WORD}` finds the {written} journal entries that mention it; searched again, it reads no journal."
        ),
        found == written && written > 0 && read_once.read_anew >= opened.len() && again.read_anew == 0,
    )?;
    Ok(())
}

/// How many entries mention the word. Sample journals are never corrected or deleted.
fn mentions(sample: &Sample) -> usize {
    let word = WORD.to_lowercase();
    let mentions = |edit: &&Edit| {
        matches!(edit, Edit::Journal(JournalEdit::AddEntry { text, .. })
            if text.canonical().to_lowercase().contains(&word))
    };
    sample.edits().filter(mentions).count()
}

fn tell_plan(
    world: &mut World,
    opened: &[Opened],
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let one = opened.first().ok_or(missing("invented case"))?;
    let nahtlos = &world.home(LEAD)?.nahtlos;
    let started = Instant::now();
    let case = nahtlos.find_case(&one.line.id)?;
    let document = nahtlos.section_document(&case, &SectionKind::Plan)?;
    let authors = nahtlos.section_authors(&case, &SectionKind::Plan)?;
    let plan = PlanView::read(&document, &authors);
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    let written = one.sample.edits();
    let written = written.filter(|edit| matches!(edit, Edit::Plan(PlanEdit::AddGoal { .. })));
    let (shown, written) = (plan.goals.len(), written.count());
    narrator.claim(
        format!("The plan of the first opens in {milliseconds:.0} ms and has the {written} goals that were set."),
        shown == written && written > 0,
    )?;
    Ok(())
}

fn ids(opened: &[Opened]) -> BTreeSet<&str> {
    opened.iter().map(|one| one.line.id.as_str()).collect()
}
