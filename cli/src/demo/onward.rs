//! Commands to go on from what the demo leaves behind.

use std::path::{Path, PathBuf};

use nahtlos_casework::ConflictId;

use super::DemoError;
use super::narrator::Narrator;
use super::world::{Who, World};

/// Step 9.
///
/// # Errors
/// Where the output is closed.
pub fn tell(
    world: &World,
    conflict: Option<&ConflictId>,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("Go on from here: everything is still there (copy and paste)")?;
    let (nahtlos, relay) = programs();
    for command in offline_commands(world, &nahtlos, conflict) {
        narrator.say(command)?;
    }
    narrator.say("And to sync again, the relay in a second shell, then:")?;
    narrator.say(format!(
        "{relay} serve --data {} --listen {}",
        quoted(&world.relay_directory()),
        world.address
    ))?;
    narrator.say(at(world, &nahtlos, Who::Iseli, "sync"))?;
    Ok(())
}

fn offline_commands(world: &World, nahtlos: &str, conflict: Option<&ConflictId>) -> Vec<String> {
    let at = |who, what: &str| at(world, nahtlos, who, what);
    let export = quoted(&world.directory.join("plan.automerge"));
    let subject = quoted(&world.directory.join("for-emir"));
    let passphrase = quoted(&world.passphrase_file());
    let mut commands = vec![
        format!("export NAHTLOS_PASSPHRASE_FILE={passphrase}"),
        at(Who::Iseli, "conflict list Mosimann"),
        at(Who::Berger, "share explain Mosimann function --for Sommer"),
        at(Who::Iseli, "plan diff Mosimann"),
        at(Who::Sommer, &format!("search {}", super::caseload::WORD)),
        at(
            Who::Ruegg,
            &format!("subject export Hadžić --language de --to {subject}"),
        ),
        at(
            Who::Iseli,
            &format!("section export Mosimann plan --automerge --to {export}"),
        ),
    ];
    if let Some(conflict) = conflict {
        let resolve = format!("conflict resolve Mosimann {conflict} --restore");
        commands.push(at(Who::Iseli, &resolve));
    }
    commands
}

fn at(world: &World, nahtlos: &str, who: Who, what: &str) -> String {
    let home = quoted(&world.home_directory(who));
    format!("{nahtlos} --home {home} {what}")
}

/// How the two programs are called: beside this one where it was built, else by cargo, which
/// builds the relay's program first.
fn programs() -> (String, String) {
    let Ok(here) = std::env::current_exe() else {
        return ("nahtlos".into(), "nahtlos-relay".into());
    };
    let relay = here.with_file_name("nahtlos-relay");
    let built_by_cargo = here.components().any(|part| part.as_os_str() == "target");
    let nahtlos = quoted(&from_here(&here));
    let relay = match (relay.exists(), built_by_cargo) {
        (true, _) => quoted(&from_here(&relay)),
        (false, true) => "cargo run --release -p nahtlos-relay --".into(),
        (false, false) => "nahtlos-relay".into(),
    };
    (nahtlos, relay)
}

/// Relative to the working directory where it lies below, which is shorter to read.
fn from_here(path: &Path) -> PathBuf {
    let below = std::env::current_dir().ok();
    let below = below.and_then(|current| path.strip_prefix(current).ok().map(Path::to_owned));
    match below {
        Some(below) => Path::new(".").join(below),
        None => path.to_owned(),
    }
}

/// For a POSIX shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_or_quotes_is_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("./demo-1/relay")), "./demo-1/relay");
        assert_eq!(quoted(Path::new("my demo")), "'my demo'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
