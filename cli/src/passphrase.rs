//! Where the passphrase comes from: a file, a command, or a person. Never an argument.

use std::io::{ErrorKind, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::context::require_long;
use crate::exit::Exit;
use crate::failure::{Failure, system_says};

/// Names a file that holds the passphrase.
pub const FILE_VARIABLE: &str = "NAHTLOS_PASSPHRASE_FILE";
/// A command whose output is the passphrase.
pub const COMMAND_VARIABLE: &str = "NAHTLOS_PASSPHRASE_COMMAND";

/// Names a file that holds the passphrase that takes the present one's place.
pub const NEW_FILE_VARIABLE: &str = "NAHTLOS_NEW_PASSPHRASE_FILE";
/// A command whose output is that passphrase.
pub const NEW_COMMAND_VARIABLE: &str = "NAHTLOS_NEW_PASSPHRASE_COMMAND";

/// Where a passphrase may come from without anybody being asked.
struct Variables {
    file: &'static str,
    command: &'static str,
}

const PRESENT: Variables = Variables {
    file: FILE_VARIABLE,
    command: COMMAND_VARIABLE,
};
const NEW: Variables = Variables {
    file: NEW_FILE_VARIABLE,
    command: NEW_COMMAND_VARIABLE,
};

/// A passphrase, wiped when dropped.
pub type Passphrase = Zeroizing<Vec<u8>>;

/// Longer ones are files named by mistake.
const BYTES_MAX: u64 = 4096;

/// The passphrase of an existing vault.
///
/// # Errors
/// Where its source cannot be read, or nobody is there to be asked.
pub fn for_opening() -> Result<Passphrase, Failure> {
    match configured(&PRESENT)? {
        Some(passphrase) => Ok(passphrase),
        None => ask("Passphrase: ", &PRESENT),
    }
}

/// The passphrase of a new vault: typed twice, where it is typed.
///
/// # Errors
/// As [`for_opening`], and where the two differ.
pub fn for_a_new_vault() -> Result<Passphrase, Failure> {
    match configured(&PRESENT)? {
        Some(passphrase) => Ok(passphrase),
        None => ask_twice(
            "Choose a passphrase for this device (several words): ",
            &PRESENT,
        ),
    }
}

/// The passphrase that takes the present one's place. What holds the present one is never read for it.
///
/// # Errors
/// As [`for_a_new_vault`].
pub fn for_replacing() -> Result<Passphrase, Failure> {
    match configured(&NEW)? {
        Some(passphrase) => Ok(passphrase),
        None => ask_twice("Choose the new passphrase (several words): ", &NEW),
    }
}

fn ask_twice(question: &str, instead: &Variables) -> Result<Passphrase, Failure> {
    let first = ask(question, instead)?;
    // Before it is typed again.
    require_long(&first)?;
    let second = ask("The same again: ", instead)?;
    if *first == *second {
        return Ok(first);
    }
    Err(Failure::new(
        Exit::Usage,
        "passphrase_differs",
        "The two passphrases differ; nothing was made or changed.",
        "",
        "Run the command again and type the same passphrase twice.",
    ))
}

fn configured(variables: &Variables) -> Result<Option<Passphrase>, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = set(variables.file) {
        return from_file(&PathBuf::from(path), variables).map(Some);
    }
    match set(variables.command) {
        Some(command) => from_command(&command, variables).map(Some),
        None => Ok(None),
    }
}

fn from_file(path: &Path, variables: &Variables) -> Result<Passphrase, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX as usize + 1));
    std::fs::File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            let why = format!(
                "{} names {}. {}",
                variables.file,
                path.display(),
                system_says(&error).trim_end_matches('.')
            );
            source_failed(why, variables)
        })?;
    checked(bytes, variables)
}

fn from_command(command: &std::ffi::OsStr, variables: &Variables) -> Result<Passphrase, Failure> {
    let name = variables.command;
    let output = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| source_failed(format!("{name}: {}", error.kind()), variables))?;
    let bytes = Zeroizing::new(output.stdout);
    if !output.status.success() {
        let why = format!("the command in {name} ended with {}", output.status);
        return Err(source_failed(why, variables));
    }
    checked(bytes, variables)
}

fn checked(mut bytes: Passphrase, variables: &Variables) -> Result<Passphrase, Failure> {
    if bytes.len() as u64 > BYTES_MAX {
        let why = format!("it has more than {BYTES_MAX} bytes: is it the right file?");
        return Err(source_failed(why, variables));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(bytes)
}

/// Asks at the terminal, without showing what is typed.
fn ask(question: &str, instead: &Variables) -> Result<Passphrase, Failure> {
    if !std::io::stderr().is_terminal() {
        return Err(no_source(instead));
    }
    let typed = rpassword::prompt_password(question).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => not_given(),
        _ => no_source(instead),
    })?;
    Ok(Zeroizing::new(typed.into_bytes()))
}

/// Somebody ended the input at the question.
fn not_given() -> Failure {
    Failure::new(
        Exit::Locked,
        "passphrase_missing",
        "No passphrase was given.",
        "",
        "Run the command again and type it.",
    )
}

fn no_source(variables: &Variables) -> Failure {
    let Variables { file, command } = variables;
    let what = if *file == FILE_VARIABLE {
        "The vault is locked and nobody can be asked for the passphrase here."
    } else {
        "Nobody can be asked for the new passphrase here; the present one stays."
    };
    Failure::new(
        Exit::Locked,
        "passphrase_missing",
        what,
        "There is no terminal.",
        format!("Set {file} to a file that holds it, or {command} to a command that prints it."),
    )
}

fn source_failed(why: String, variables: &Variables) -> Failure {
    let Variables { file, command } = variables;
    let what = if *file == FILE_VARIABLE {
        "The passphrase could not be read, so the vault stays locked."
    } else {
        "The new passphrase could not be read; the present one stays."
    };
    Failure::new(
        Exit::Locked,
        "passphrase_source",
        what,
        format!("{why}."),
        format!("Correct {file} or {command}, or remove them to be asked."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_the_passphrase() {
        let read = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            from_file(file.path(), &PRESENT).unwrap().to_vec()
        };
        assert_eq!(read("drei Worte\n"), b"drei Worte");
        assert_eq!(read("drei Worte\r\n"), b"drei Worte");
        assert_eq!(read("drei Worte\n\n"), b"drei Worte\n");
        assert_eq!(read(" drei Worte "), b" drei Worte ");
    }

    #[test]
    fn a_file_that_is_not_there_is_said_in_words() {
        let why = from_file(Path::new("/no/such/file"), &PRESENT)
            .unwrap_err()
            .why;
        assert!(
            why.ends_with("names /no/such/file. There is no such file."),
            "{why}"
        );
    }

    #[test]
    fn a_command_gives_the_passphrase_unless_it_fails() {
        let run = |command: &str| from_command(std::ffi::OsStr::new(command), &PRESENT);
        assert_eq!(run("echo drei Worte").unwrap().to_vec(), b"drei Worte");
        assert_eq!(
            run("echo half; exit 3").unwrap_err().code,
            "passphrase_source"
        );
        assert_eq!(
            run("head -c 5000 /dev/zero").unwrap_err().code,
            "passphrase_source"
        );
    }
}
