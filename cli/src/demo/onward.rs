//! Commands to go on from what the demo leaves behind.

use std::path::{Path, PathBuf};

use nahtlos_casework::ConflictId;

use super::DemoError;
use super::narrator::Narrator;
use super::world::{Who, World};

/// Step 8.
///
/// # Errors
/// Where the output is closed.
pub fn tell(
    world: &World,
    conflict: Option<&ConflictId>,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("Go on from here: everything is still there (copy and paste)")?;
    for command in commands(world, conflict) {
        narrator.say(command)?;
    }
    Ok(())
}

fn commands(world: &World, conflict: Option<&ConflictId>) -> Vec<String> {
    let (nahtlos, relay) = programs();
    let at = |who: Who| format!("{nahtlos} --home {}", quoted(&world.home_directory(who)));
    let export = world.directory.join("plan.automerge");
    let mut commands = vec![
        format!(
            "{relay} serve --data {} --listen {} &",
            quoted(&world.relay_directory()),
            world.address
        ),
        format!(
            "export NAHTLOS_PASSPHRASE_FILE={}",
            quoted(&world.passphrase_file())
        ),
        format!("{} conflict list Mosimann", at(Who::Iseli)),
        format!(
            "{} share explain Mosimann function --for Sommer",
            at(Who::Berger)
        ),
        format!(
            "{} section export Mosimann plan --automerge --to {}",
            at(Who::Iseli),
            quoted(&export)
        ),
    ];
    if let Some(conflict) = conflict {
        commands.push(format!(
            "{} conflict resolve Mosimann {conflict} --take 1",
            at(Who::Iseli)
        ));
    }
    commands.push(format!("{} sync", at(Who::Iseli)));
    commands
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
