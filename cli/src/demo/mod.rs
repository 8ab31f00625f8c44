//! `nahtlos demo`: the main job in one go, with everything real and every claim checked.

mod conflicts;
mod disk;
mod error;
mod matrix;
mod narrator;
mod onward;
mod reader_bundle;
mod removal;
mod story;
mod world;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::{SECTIONS_OPENED_AT_ONCE, SectionKind};
use nahtlos_client::audit::KeyTrial;
use nahtlos_client::vault::VaultError;
use nahtlos_client::{Case, ClientError};
use nahtlos_protocol::identifier::SpaceId;

pub use error::DemoError;

use conflicts::tell_conflicts;
use disk::Marker;
use matrix::{Column, Row, Stored};
use narrator::{Narrator, output_is_unicode};
use world::{Who, World};

/// What can be said about the demo.
#[derive(Clone, Debug, Default, Args)]
pub struct DemoOptions {
    /// Where it puts everything: a new or empty directory [default: ./nahtlos-demo-TIME]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Repeat a run's order of synchronisation, which is otherwise random
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Also leave in DIR/reader-bundle what one device was given, seed included, to be read by a
    /// second implementation of the protocol
    #[arg(long)]
    pub reader_bundle: bool,
}

/// Runs the demo. Succeeds only if every claim it printed was checked and held.
pub fn run(options: &DemoOptions) -> ExitCode {
    let mut output = anstream::stdout().lock();
    if tell(options, &mut output, output_is_unicode()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the demo and tells it to `output`; false where a claim did not hold, or it could not go on.
pub fn tell(options: &DemoOptions, output: &mut dyn Write, unicode: bool) -> bool {
    let mut narrator = Narrator::new(output, unicode);
    let started = Instant::now();
    let ended = play(options, &mut narrator).or_else(|error| narrator.stopped(error));
    let (held, broken) = (narrator.held(), narrator.broken());
    let last = if broken == 0 {
        let seconds = started.elapsed().as_secs_f32();
        format!("All {held} claims were checked and hold ({seconds:.1} s).")
    } else {
        format!("FAILED: {broken} of {} claims do not hold.", held + broken)
    };
    let said = narrator.line("").and_then(|()| narrator.line(last));
    ended.and(said).is_ok() && broken == 0
}

fn play(options: &DemoOptions, narrator: &mut Narrator<'_>) -> Result<(), DemoError> {
    let directory = options.dir.clone().unwrap_or_else(default_directory);
    let mut seed = options.seed.unwrap_or_else(random_seed);
    narrator
        .line("Four institutions share one encrypted case through a relay that cannot read it.")?;
    narrator.line(format!(
        "Everything here is real but the people, and lies in {}. What is marked {} was checked just now.",
        directory.display(),
        narrator.check_mark()
    ))?;
    let mut world = found(&directory, narrator)?;
    let number = open_and_share(&mut world, narrator)?;
    let targets = story::targets(&world.home(Who::Berger)?.nahtlos, &number)?;
    edit_offline(&mut world, &targets, narrator)?;
    sync_all(&mut world, &number, &mut seed, narrator)?;
    let due = tell_conflicts(&mut world, &targets, narrator)?;
    let own = own_case(&mut world)?;
    try_keys(&mut world, &number, &own, narrator)?;
    removal::tell(&mut world, &number, narrator)?;
    if options.reader_bundle {
        let bundle = reader_bundle::write(&mut world)?;
        narrator.say(format!("For a second reader: {}.", bundle.display()))?;
    }
    search_disks(&mut world, &number, narrator)?;
    onward::tell(&world, due.as_ref(), narrator)
}

/// Step 1.
fn found(directory: &Path, narrator: &mut Narrator<'_>) -> Result<World, DemoError> {
    narrator.step("A relay, four institutions, five devices")?;
    let (mut world, claim) = World::new(directory)?;
    narrator.say(format!(
        "The relay listens on http://{} and keeps its data in {} (SQLite).",
        world.address,
        world.relay_directory().display()
    ))?;
    narrator.busy("founding the network and inviting everybody");
    world.found(&claim)?;
    story::sync_until_quiet(&mut world, &mut 0)?;
    for who in Who::ALL {
        narrator.say(format!(
            "{:<14} {:<8} {:<29} {}",
            who.name(),
            who.function(),
            who.institution().0,
            world.home_directory(who).display()
        ))?;
    }
    let mut all_see_all = world.homes.len() == Who::ALL.len();
    for home in &world.homes {
        let seen = home.nahtlos.directory()?;
        all_see_all &= (seen.institutions.len(), seen.people.len()) == (4, 5);
    }
    narrator.claim(
        "Every device sees the same four institutions and five people.",
        all_see_all,
    )?;
    Ok(world)
}

/// Step 2.
fn open_and_share(world: &mut World, narrator: &mut Narrator<'_>) -> Result<String, DemoError> {
    narrator.step("Berger opens a case and shares it by section, each right on its legal basis")?;
    let number = story::open_case(world)?;
    narrator.say(format!("Case {number}: Ruth Mosimann, 44, care assistant."))?;
    for share in &story::SHARES {
        narrator.say(format!(
            "{:<36} {:<42} {}",
            share.with,
            share.rights(),
            share.basis
        ))?;
    }
    story::share(world, &number)?;
    story::sync_until_quiet(world, &mut 0)?;
    let mut as_granted = true;
    for home in &world.homes {
        let case = home.nahtlos.find_case(&number)?;
        as_granted &= case.sections.keys().eq(SECTIONS_OPENED_AT_ONCE
            .iter()
            .filter(|kind| may_open(home.who, kind))
            .collect::<std::collections::BTreeSet<_>>());
    }
    narrator.claim(
        "After syncing, each device has exactly the sections shared with it.",
        as_granted,
    )?;
    let berger = &world.home(Who::Berger)?.nahtlos;
    let sommer = berger.directory()?.find_member(Who::Sommer.name())?;
    let case = berger.find_case(&number)?;
    let explained = berger.explain_share(
        &case,
        &SectionKind::Function,
        &sommer,
        &LegalBases::provided(),
    )?;
    let mut sentences = explained.sentences.iter();
    narrator.claim(
        format!(
            "share explain: {}",
            sentences.next().map_or("", String::as_str)
        ),
        explained.role.is_none() && !explained.holds_key,
    )?;
    narrator.say(sentences.next().map_or("", String::as_str))?;
    Ok(number)
}

/// What follows from the consent: `function` is not for social aid.
fn may_open(who: Who, kind: &SectionKind) -> bool {
    !(who == Who::Sommer && *kind == SectionKind::Function)
}

/// Step 3.
fn edit_offline(
    world: &mut World,
    targets: &story::Targets,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("The relay is switched off, and four people edit at once")?;
    world.stop_relay();
    for sentence in [
        "Berger and Keller reword the same sentence of goal 1.",
        "Iseli sets the work trial due on 31.03.2027, Sommer on 30.04.2027.",
        "Iseli lets the IV pay all of it and approves; Sommer splits the costs in two halves.",
        "Keller adds two tasks and completes a third one, which Sommer deletes.",
    ] {
        narrator.say(sentence)?;
    }
    story::edit_offline(world, targets)?;
    let (mut offline, mut kept) = (true, 0);
    for home in world
        .homes
        .iter_mut()
        .filter(|home| home.who != Who::Trachsel)
    {
        let refused = home.sync();
        offline &= matches!(refused, Err(ClientError::Transport(_)));
        kept += home.nahtlos.status()?.undelivered_edits;
    }
    narrator
        .claim(
            format!("No device reaches the relay; all {kept} edits are safe on the devices."),
            offline && kept == story::OFFLINE_EDITS,
        )
        .map_err(DemoError::from)
}

/// Step 4.
fn sync_all(
    world: &mut World,
    number: &str,
    seed: &mut u64,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step(format!("All sync, in an arbitrary order (--seed {seed})"))?;
    world.start_relay()?;
    let quiet = story::sync_until_quiet(world, seed)?;
    let order: Vec<&str> = quiet.first.iter().map(|who| who.last_name()).collect();
    narrator.say(format!(
        "First round: {}. After {} rounds nothing moves any more.",
        order.join(", "),
        quiet.rounds
    ))?;
    let (agree, compared) = story::all_agree(world, number)?;
    let mut undelivered = 0;
    for home in &world.homes {
        undelivered += home.nahtlos.status()?.undelivered_edits;
    }
    narrator.claim(
        format!("All agree: {compared} documents on five devices, per section the same heads and content."),
        agree && compared == 24,
    )?;
    for held in &quiet.held {
        narrator.say(format!("held back: {held}"))?;
    }
    narrator.claim(
        "Every edit was delivered, and nothing is held back.",
        undelivered == 0 && quiet.held.is_empty(),
    )?;
    Ok(())
}

/// Sommer's own case, which nobody else is given.
fn own_case(world: &mut World) -> Result<Case, DemoError> {
    let number = story::open_own_case(world)?;
    story::sync_until_quiet(world, &mut 0)?;
    Ok(world.home(Who::Sommer)?.nahtlos.find_case(&number)?)
}

/// Step 6.
fn try_keys(
    world: &mut World,
    number: &str,
    own: &Case,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("Who can open what: every device's keys, tried on what the relay stores")?;
    let stored = Stored::read(&world.relay_database())?;
    narrator.say(format!(
        "{} envelopes and {} wrapped keys, read from the relay's file. No permission is asked, and each",
        stored.envelopes.len(),
        stored.wraps.len()
    ))?;
    narrator.say("device is handed all wrapped keys, as by a relay that sides with it.")?;
    let columns = columns(world, number, own)?;
    let mut rows = Vec::new();
    for home in &world.homes {
        narrator.busy(format!("trying {}'s keys", home.who.last_name()));
        let mut trial = home.nahtlos.key_trial()?;
        trial.take_wraps(&stored.wraps(), &stored.operations);
        rows.push(Row::by_trial(
            home.who.name(),
            &trial,
            &stored.envelopes,
            &columns,
            |column| expected(home.who, &column.title),
        ));
    }
    let mut trial = KeyTrial::of_device(*stored.relay_secret);
    trial.take_wraps(&stored.wraps(), &stored.operations);
    rows.push(Row::by_trial(
        "the relay",
        &trial,
        &stored.envelopes,
        &columns,
        |_| false,
    ));
    for line in matrix::table(&columns, &rows) {
        narrator.say(line)?;
    }
    tell_matrix(&columns, &rows, &stored, narrator)
}

fn tell_matrix(
    columns: &[Column],
    rows: &[Row],
    stored: &Stored,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let differences = matrix::differences(columns, rows);
    for difference in &differences {
        narrator.say(difference)?;
    }
    let covered = stored.envelopes.iter().all(|envelope| {
        let space = envelope.header().space;
        columns.iter().any(|column| column.spaces.contains(&space))
    });
    narrator.claim(
        format!(
            "All {} cells are as the consent says, and every stored envelope is in one column.",
            columns.len() * rows.len()
        ),
        differences.is_empty() && covered,
    )?;
    let berger_opens_the_case = rows.first().is_some_and(|row| {
        let cells = row.cells.iter().zip(columns);
        cells
            .filter(|(_, column)| column.title != OWN_CASE)
            .all(|(cell, _)| *cell == matrix::Cell::All)
    });
    narrator.claim(
        "Control: with Berger's keys every envelope of her case opens, so the trial can succeed.",
        berger_opens_the_case,
    )?;
    let closed = |row: Option<&Row>, title: &str| {
        row.is_some_and(|row| {
            let cells = row.cells.iter().zip(columns);
            cells
                .filter(|(_, column)| title.is_empty() || column.title == title)
                .all(|(cell, _)| *cell == matrix::Cell::None)
        })
    };
    narrator.claim(
        "The one secret on the relay's disk, its signing key, opens nothing.",
        closed(rows.last(), ""),
    )?;
    narrator.claim(
        "Sommer's own case is closed even to Berger, who founded the network.",
        closed(rows.first(), OWN_CASE),
    )?;
    Ok(())
}

const DIRECTORY: &str = "who is who";
const OWN_CASE: &str = "Sommer's own";

fn expected(who: Who, column: &str) -> bool {
    match column {
        DIRECTORY => true,
        OWN_CASE => who == Who::Sommer,
        code => may_open(who, &SectionKind::from_code(code)),
    }
}

/// The directory, the sections of the shared case, and Sommer's own case.
fn columns(world: &mut World, number: &str, own: &Case) -> Result<Vec<Column>, DemoError> {
    let case = world.home(Who::Berger)?.nahtlos.find_case(number)?;
    let own: Vec<SpaceId> = own.sections.values().copied().collect();
    let mut columns = Vec::new();
    for kind in &SECTIONS_OPENED_AT_ONCE {
        columns.push(Column {
            title: kind.code(),
            spaces: vec![case.section(kind)?],
        });
    }
    let keys = world.home(Who::Berger)?.nahtlos.key_lines()?;
    let network = keys.iter().find(|line| line.kind == "network");
    let network = network.and_then(|line| SpaceId::from_hex(&line.id));
    columns.insert(
        0,
        Column {
            title: DIRECTORY.into(),
            spaces: network.into_iter().collect(),
        },
    );
    columns.push(Column {
        title: OWN_CASE.into(),
        spaces: own,
    });
    Ok(columns)
}

/// Step 8.
fn search_disks(
    world: &mut World,
    number: &str,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("What the disks hold: relay stopped, homes locked, every byte searched")?;
    let markers = markers(number);
    let mut named: Vec<&str> = markers.iter().map(|marker| marker.what).collect();
    named.dedup();
    narrator.say(format!(
        "Searched for {} texts, as UTF-8 and UTF-16, capitals or not:",
        markers.len()
    ))?;
    narrator.say(format!("{}.", named.join(", ")))?;
    let copy = world.directory.join("unsealed-copy");
    write_unsealed_copy(world, number, &copy)?;
    world.stop_relay();
    world.lock_homes();
    narrator.busy("searching");
    let in_file = |source| DemoError::File {
        path: world.directory.clone(),
        source,
    };
    let relay = disk::search(&world.relay_directory(), &markers).map_err(in_file)?;
    tell_search(narrator, "the relay's disk", &relay)?;
    let mut homes = disk::Found::default();
    for who in Who::ALL {
        homes.add(disk::search(&world.home_directory(who), &markers).map_err(in_file)?);
    }
    tell_search(narrator, "the five locked homes", &homes)?;
    let control = disk::search(&copy, &markers).map_err(in_file)?;
    fs::remove_dir_all(&copy).map_err(in_file)?;
    narrator.claim(
        "Control: in an unsealed copy (Berger's export, removed again) the same search finds every one.",
        control.has_all(&markers) && !copy.exists(),
    )?;
    let wrong = world.opens(Who::Iseli, Some("not the passphrase"));
    let refused = matches!(wrong, Err(ClientError::Vault(VaultError::WrongPassphrase)));
    narrator.claim(
        "A locked home refuses a wrong passphrase and opens with the right one.",
        refused && world.opens(Who::Iseli, None).is_ok(),
    )?;
    Ok(())
}

fn tell_search(narrator: &mut Narrator<'_>, place: &str, found: &disk::Found) -> io::Result<()> {
    for (marker, path) in found.hits.iter().take(5) {
        narrator.say(format!("{} stands in {}", marker.what, path.display()))?;
    }
    narrator.claim(
        format!(
            "None of them on {place} ({} files, {} KiB).",
            found.files,
            found.bytes / 1024
        ),
        found.hits.is_empty() && found.bytes > 10_000,
    )
}

/// What somebody would look for. Five letters at least, so that noise does not look like a name.
fn markers(number: &str) -> Vec<Marker> {
    let texts = [
        ("client's name", "Mosimann"),
        ("birth", "1982-05-17"),
        ("street", "Marktstrasse"),
        ("telephone", "795550142"),
        ("mail address", "ruth.mosimann@example.ch"),
        ("case number", number),
        ("goal", "Schichtbetrieb"),
        ("capacity", "Zeitdruck"),
        ("task", "Arbeitszeugnisse"),
        ("journal", "Eingliederungsgespräch"),
    ];
    let institutions = ["RAV Langnau", "IV-Stelle", "Sozialdienst", "Stellwerk"];
    let people = Who::ALL.map(Who::last_name);
    let institutions = institutions.map(|name| ("institutions", name));
    let people = people.map(|name| ("caseworkers", name));
    texts
        .into_iter()
        .chain(institutions)
        .chain(people)
        .map(|(what, text)| Marker {
            what,
            text: text.to_owned(),
        })
        .collect()
}

/// What Berger's device would export, unencrypted.
fn write_unsealed_copy(world: &mut World, number: &str, copy: &Path) -> Result<(), DemoError> {
    let berger = &world.home(Who::Berger)?.nahtlos;
    let case = berger.find_case(number)?;
    let failed = |source| DemoError::File {
        path: copy.to_owned(),
        source,
    };
    fs::create_dir(copy).map_err(failed)?;
    for kind in case.sections.keys() {
        let json = berger.section_document(&case, kind)?.export_json();
        let path = copy.join(format!("{}.json", kind.code()));
        fs::write(path, json.to_string()).map_err(failed)?;
    }
    let directory = serde_json::to_vec(&berger.directory()?)?;
    fs::write(copy.join("directory.json"), directory).map_err(failed)
}

fn default_directory() -> PathBuf {
    let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let name = format!("nahtlos-demo-{now}");
    let free = |path: &PathBuf| !path.exists();
    let numbered = (2..100).map(|number| PathBuf::from(format!("./{name}-{number}")));
    std::iter::once(PathBuf::from(format!("./{name}")))
        .chain(numbered)
        .find(free)
        .unwrap_or_else(|| PathBuf::from(name))
}

/// Short enough to be typed.
fn random_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_nanos()) % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_something_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("letter"), "mine").unwrap();
        let options = DemoOptions {
            dir: Some(directory.path().to_owned()),
            seed: None,
            reader_bundle: false,
        };
        let mut output = Vec::new();
        assert!(!tell(&options, &mut output, false));
        let text = String::from_utf8(output).unwrap();
        assert!(
            text.contains("FAILED") && text.contains("is not empty"),
            "{text}"
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_expected_matrix_says_no_exactly_where_nothing_was_shared() {
        let titles = [
            DIRECTORY, "core", "function", "plan", "journal", "tasks", OWN_CASE,
        ];
        for who in Who::ALL {
            let closed: Vec<&str> = titles
                .into_iter()
                .filter(|title| !expected(who, title))
                .collect();
            let known: &[&str] = if who == Who::Sommer {
                &["function"]
            } else {
                &[OWN_CASE]
            };
            assert_eq!(closed, known, "{who:?}");
        }
    }
}
