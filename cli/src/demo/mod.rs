//! `nahtlos demo`: the main job in one go, with everything real and every claim checked.

mod agreement;
mod asking;
mod caseload;
mod conflicts;
mod disk;
mod error;
mod keys;
mod matrix;
mod narrator;
mod onward;
mod reader_bundle;
mod story;
mod withdrawal;
mod world;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use nahtlos_casework::SectionKind;
use nahtlos_casework::legal::LegalBases;
use nahtlos_client::ClientError;
use nahtlos_client::vault::VaultError;

pub use error::DemoError;

use conflicts::tell_conflicts;
use disk::Marker;
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
        .line("Six institutions share encrypted cases through a relay that cannot read them.")?;
    narrator.line(format!(
        "Everything here is real but the people, and lies in {}. What is marked {} was checked just now.",
        directory.display(),
        narrator.check_mark()
    ))?;
    let mut world = found(&directory, narrator)?;
    let enquiries = asking::tell(&mut world, narrator)?;
    let number = open_and_share(&mut world, narrator)?;
    let targets = story::targets(&world.home(Who::Berger)?.nahtlos, &number)?;
    edit_offline(&mut world, &targets, narrator)?;
    sync_all(&mut world, &number, &mut seed, narrator)?;
    let deleted = tell_conflicts(&mut world, &targets, narrator)?;
    agreement::tell(&mut world, &targets, narrator)?;
    let second = withdrawal::tell(&mut world, narrator)?;
    keys::tell(&mut world, &number, &second, &enquiries, narrator)?;
    if options.reader_bundle {
        let bundle = reader_bundle::write(&mut world)?;
        narrator.say(format!("For a second reader: {}.", bundle.display()))?;
    }
    caseload::tell(&mut world, narrator)?;
    search_disks(&mut world, [&number, &second], narrator)?;
    onward::tell(&world, deleted.as_ref(), narrator)
}

fn found(directory: &Path, narrator: &mut Narrator<'_>) -> Result<World, DemoError> {
    narrator.step("A relay, six institutions, seven devices")?;
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
            "{:<14} {:<9} {:<29} {}",
            who.name(),
            who.function(),
            who.institution().0,
            world.home_directory(who).display()
        ))?;
    }
    let mut all_see_all = world.homes.len() == Who::ALL.len();
    for home in &world.homes {
        let seen = home.nahtlos.directory()?;
        all_see_all &= (seen.institutions.len(), seen.people.len()) == (6, 7);
    }
    narrator.claim(
        "Every device sees the same six institutions and seven people.",
        all_see_all,
    )?;
    Ok(world)
}

fn open_and_share(world: &mut World, narrator: &mut Narrator<'_>) -> Result<String, DemoError> {
    narrator
        .step("Berger opens the case; Ruth Mosimann's consent shares it, section by section")?;
    let number = story::open_case(world)?;
    narrator.say(format!("Case {number}: Ruth Mosimann, 44, care assistant."))?;
    for share in &story::SHARES {
        narrator.say(format!("{:<36} {}", share.with, share.rights()))?;
    }
    story::consent(world, &number)?;
    story::sync_until_quiet(world, &mut 0)?;
    let mut as_granted = true;
    for home in &world.homes {
        let known = home.nahtlos.find_case(&number);
        let known = known.map(|case| case.sections).unwrap_or_default();
        let mut kinds = known.keys();
        let all = SectionKind::Medical;
        as_granted &= Who::ROUND_TABLE.contains(&home.who) != known.is_empty()
            && kinds.all(|kind| *kind != all && keys::may_open(home.who, kind))
            && keys::SHARED
                .iter()
                .all(|kind| keys::may_open(home.who, kind) == known.contains_key(kind));
    }
    narrator.claim(
        "After syncing, each device has exactly the sections that the consent names for it.",
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
    let typing = [Who::Berger, Who::Iseli, Who::Sommer, Who::Keller];
    for home in world
        .homes
        .iter_mut()
        .filter(|home| typing.contains(&home.who))
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
        agree && compared == keys::DOCUMENTS,
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

/// What lies on the disks of the relay and of all devices.
fn search_disks(
    world: &mut World,
    numbers: [&str; 2],
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("What the disks hold: relay stopped, homes locked, every byte searched")?;
    let markers = markers(numbers);
    let mut named: Vec<&str> = markers.iter().map(|marker| marker.what).collect();
    named.dedup();
    narrator.say(format!(
        "Searched for {} texts, as UTF-8 and UTF-16, capitals or not:",
        markers.len()
    ))?;
    narrator.say(format!("{}.", named.join(", ")))?;
    let copy = world.directory.join("unsealed-copy");
    write_unsealed_copy(world, numbers, &copy)?;
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
    tell_search(narrator, "the seven locked homes", &homes)?;
    let control = disk::search(&copy, &markers).map_err(in_file)?;
    fs::remove_dir_all(&copy).map_err(in_file)?;
    narrator.claim(
        "Control: in an unsealed copy (exports, removed again) the same search finds every one.",
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
fn markers([number, second]: [&str; 2]) -> Vec<Marker> {
    let texts = [
        ("clients' names", "Mosimann"),
        ("clients' names", "Hadžić"),
        ("birth", "1982-05-17"),
        ("street", "Marktstrasse"),
        ("telephone", "795550142"),
        ("mail address", "ruth.mosimann@example.ch"),
        ("case numbers", number),
        ("case numbers", second),
        ("goal", "Schichtbetrieb"),
        ("capacity", "Zeitdruck"),
        ("task", "Arbeitszeugnisse"),
        ("journal", "Eingliederungsgespräch"),
        ("adaptation", "Stehpult"),
    ];
    let institutions = [
        "RAV Langnau",
        "IV-Stelle",
        "Sozialdienst",
        "Stellwerk",
        "Holzbau",
    ];
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

/// What the leads' devices would export, unencrypted.
fn write_unsealed_copy(
    world: &mut World,
    [first, second]: [&str; 2],
    copy: &Path,
) -> Result<(), DemoError> {
    let failed = |source| DemoError::File {
        path: copy.to_owned(),
        source,
    };
    fs::create_dir(copy).map_err(failed)?;
    for (who, number) in [(Who::Berger, first), (Who::Ruegg, second)] {
        let nahtlos = &world.home(who)?.nahtlos;
        let case = nahtlos.find_case(number)?;
        for kind in case.sections.keys() {
            let json = nahtlos.section_document(&case, kind)?.export_json();
            let name = format!("{}-{}.json", who.directory(), kind.code().replace('/', "-"));
            fs::write(copy.join(name), json.to_string()).map_err(failed)?;
        }
    }
    let directory = serde_json::to_vec(&world.home(Who::Berger)?.nahtlos.directory()?)?;
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
}
