//! A right ends while its holder is offline: what they type afterwards is held, visible, and
//! counts only when somebody who manages the section takes it over.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, JournalEdit};
use nahtlos_casework::fields::{Field, JournalKind, JournalText, Stored};
use nahtlos_casework::view::JournalView;
use nahtlos_client::ending::Reason;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::EnvelopeId;

use super::DemoError;
use super::matrix::Stored as StoredItems;
use super::narrator::Narrator;
use super::story::{new_id, sync_until_quiet};
use super::world::{Who, World};

/// What Keller types after the right ended, without knowing.
const LATE: &str = "Probetag im Pflegeheim: gut verlaufen.";
/// What Berger types after it.
const AFTER: &str = "Auftrag an Stellwerk beendet.";

/// Keller's right to the journal ends.
///
/// # Errors
/// [`DemoError`].
pub fn tell(world: &mut World, number: &str, narrator: &mut Narrator<'_>) -> Result<(), DemoError> {
    narrator.step("Berger ends Keller's right to the journal while he is offline and types on")?;
    let before = journal_envelopes(world, number)?;
    withdraw(world, number, narrator)?;
    write(world, Who::Keller, number, LATE)?;
    write(world, Who::Berger, number, AFTER)?;
    sync_until_quiet(world, &mut 0)?;
    let held = world.home(Who::Berger)?.nahtlos.held_list()?;
    let own = world.home(Who::Keller)?.nahtlos.held_list()?;
    let shown = readers_of(world, number, LATE)?;
    let [late] = held.as_slice() else {
        return Ok(narrator.claim("Keller's late entry is held.", false)?);
    };
    narrator.claim(
        "Keller's late entry is held: in nobody's journal, and Berger and Keller see it.",
        shown.is_empty() && late.author == Who::Keller.name() && own.len() == 1,
    )?;
    try_new_keys(world, number, &before, &late.id, narrator)?;
    world.home(Who::Berger)?.nahtlos.held_adopt(&late.id)?;
    sync_until_quiet(world, &mut 0)?;
    let left = world.home(Who::Berger)?.nahtlos.held_list()?;
    narrator.claim(
        "Berger takes it over: now all four others show it, under Keller's name.",
        readers_of(world, number, LATE)? == [Who::Berger, Who::Trachsel, Who::Iseli, Who::Sommer]
            && left.is_empty(),
    )?;
    Ok(())
}

fn withdraw(world: &mut World, number: &str, narrator: &mut Narrator<'_>) -> Result<(), DemoError> {
    let berger = &mut world.home(Who::Berger)?.nahtlos;
    let case = berger.find_case(number)?;
    let keller = berger.directory()?.find_member(Who::Keller.name())?;
    let ending = berger.withdrawal(&case, &SectionKind::Journal, &keller)?;
    let preview = berger.preview_end(&ending)?;
    narrator.claim(
        "Asked before, the program says who will no longer read: Urs Keller, and nobody else.",
        preview.lose == [Who::Keller.name()],
    )?;
    berger.end(&ending, Reason::Replaced)?;
    world.home(Who::Berger)?.sync()?;
    Ok(())
}

/// What was written since: Keller's keys against Berger's.
fn try_new_keys(
    world: &mut World,
    number: &str,
    before: &BTreeSet<EnvelopeId>,
    late: &str,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let case = world.home(Who::Berger)?.nahtlos.find_case(number)?;
    let space = case.section(&SectionKind::Journal)?;
    let stored = StoredItems::read(&world.relay_database())?;
    let since: Vec<&Envelope> = stored
        .envelopes
        .iter()
        .filter(|envelope| envelope.header().space == space)
        .filter(|envelope| !before.contains(&envelope.id()) && envelope.id().to_string() != late)
        .collect();
    let mut opened = Vec::new();
    for who in [Who::Berger, Who::Keller] {
        let mut trial = world.home(who)?.nahtlos.key_trial()?;
        trial.take_wraps(&stored.wraps(), &stored.operations);
        opened.push(
            since
                .iter()
                .filter(|envelope| trial.opens(envelope))
                .count(),
        );
    }
    narrator.claim(
        format!(
            "Of what was written there since, Keller's keys open {} of {}, Berger's all.",
            opened.last().unwrap_or(&0),
            since.len()
        ),
        !since.is_empty() && opened == [since.len(), 0],
    )?;
    Ok(())
}

fn journal_envelopes(world: &mut World, number: &str) -> Result<BTreeSet<EnvelopeId>, DemoError> {
    let case = world.home(Who::Berger)?.nahtlos.find_case(number)?;
    let space = case.section(&SectionKind::Journal)?;
    let stored = StoredItems::read(&world.relay_database())?;
    let these = stored.envelopes.iter();
    let these = these.filter(|envelope| envelope.header().space == space);
    Ok(these.map(Envelope::id).collect())
}

fn write(world: &mut World, who: Who, number: &str, text: &str) -> Result<(), DemoError> {
    let entry = JournalEdit::AddEntry {
        id: new_id()?,
        at: None,
        kind: JournalKind::parse("call")?,
        text: JournalText::parse(text)?,
        correction_of: None,
    };
    let home = world.home(who)?;
    Ok(home.nahtlos.edit_case(number, &[Edit::Journal(entry)])?)
}

/// Whose journal shows an entry under Keller's name.
fn readers_of(world: &World, number: &str, text: &str) -> Result<Vec<Who>, DemoError> {
    let mut readers = Vec::new();
    for home in &world.homes {
        let case = home.nahtlos.find_case(number)?;
        let document = home
            .nahtlos
            .section_document(&case, &SectionKind::Journal)?;
        let authors = home.nahtlos.section_authors(&case, &SectionKind::Journal)?;
        let shows = JournalView::read(&document, &authors)
            .entries
            .iter()
            .any(|entry| {
                let written = entry.text.as_ref().map(Stored::canonical);
                let author = entry.origin.author.as_ref();
                written.as_deref() == Some(text)
                    && author
                        .is_some_and(|author| author.display_name.canonical() == Who::Keller.name())
            });
        if shows {
            readers.push(home.who);
        }
    }
    Ok(readers)
}
