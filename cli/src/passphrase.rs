//! Where the passphrase comes from: a file, a command, or a person. Never an argument.

use std::io::{ErrorKind, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::{Failure, system_says};

/// Names a file that holds the passphrase.
pub const FILE_VARIABLE: &str = "NAHTLOS_PASSPHRASE_FILE";
/// A command whose output is the passphrase.
pub const COMMAND_VARIABLE: &str = "NAHTLOS_PASSPHRASE_COMMAND";

/// A passphrase, wiped when dropped.
pub type Passphrase = Zeroizing<Vec<u8>>;

/// Longer ones are files named by mistake.
const BYTES_MAX: u64 = 4096;

/// The passphrase of an existing vault.
///
/// # Errors
/// Where its source cannot be read, or nobody is there to be asked.
pub fn for_opening() -> Result<Passphrase, Failure> {
    match configured()? {
        Some(passphrase) => Ok(passphrase),
        None => ask("Passphrase: "),
    }
}

/// The passphrase of a new vault: typed twice, where it is typed.
///
/// # Errors
/// As [`for_opening`], and where the two differ.
pub fn for_a_new_vault() -> Result<Passphrase, Failure> {
    if let Some(passphrase) = configured()? {
        return Ok(passphrase);
    }
    let first = ask("Choose a passphrase for this device (several words): ")?;
    let second = ask("The same again: ")?;
    if *first == *second {
        return Ok(first);
    }
    Err(Failure::new(
        Exit::Usage,
        "passphrase_differs",
        "The two passphrases differ; nothing was made.",
        "",
        "Run the command again and type the same passphrase twice.",
    ))
}

fn configured() -> Result<Option<Passphrase>, Failure> {
    if let Some(path) = std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()) {
        return from_file(&PathBuf::from(path)).map(Some);
    }
    match std::env::var_os(COMMAND_VARIABLE).filter(|command| !command.is_empty()) {
        Some(command) => from_command(&command).map(Some),
        None => Ok(None),
    }
}

fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX as usize + 1));
    std::fs::File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            source_failed(format!(
                "{FILE_VARIABLE} names {}. {}",
                path.display(),
                system_says(&error).trim_end_matches('.')
            ))
        })?;
    checked(bytes)
}

fn from_command(command: &std::ffi::OsStr) -> Result<Passphrase, Failure> {
    let output = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| source_failed(format!("{COMMAND_VARIABLE}: {}", error.kind())))?;
    let bytes = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(source_failed(format!(
            "the command in {COMMAND_VARIABLE} ended with {}",
            output.status
        )));
    }
    checked(bytes)
}

fn checked(mut bytes: Passphrase) -> Result<Passphrase, Failure> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(source_failed(format!(
            "it has more than {BYTES_MAX} bytes: is it the right file?"
        )));
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
fn ask(question: &str) -> Result<Passphrase, Failure> {
    if !std::io::stderr().is_terminal() {
        return Err(no_source());
    }
    let typed = rpassword::prompt_password(question).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => not_given(),
        _ => no_source(),
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

fn no_source() -> Failure {
    Failure::new(
        Exit::Locked,
        "passphrase_missing",
        "The vault is locked and nobody can be asked for the passphrase here.",
        "There is no terminal.",
        format!(
            "Set {FILE_VARIABLE} to a file that holds it, or {COMMAND_VARIABLE} to a command that prints it."
        ),
    )
}

fn source_failed(why: String) -> Failure {
    Failure::new(
        Exit::Locked,
        "passphrase_source",
        "The passphrase could not be read, so the vault stays locked.",
        format!("{why}."),
        format!("Correct {FILE_VARIABLE} or {COMMAND_VARIABLE}, or remove them to be asked."),
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
            from_file(file.path()).unwrap().to_vec()
        };
        assert_eq!(read("drei Worte\n"), b"drei Worte");
        assert_eq!(read("drei Worte\r\n"), b"drei Worte");
        assert_eq!(read("drei Worte\n\n"), b"drei Worte\n");
        assert_eq!(read(" drei Worte "), b" drei Worte ");
    }

    #[test]
    fn a_file_that_is_not_there_is_said_in_words() {
        let why = from_file(Path::new("/no/such/file")).unwrap_err().why;
        assert!(
            why.ends_with("names /no/such/file. There is no such file."),
            "{why}"
        );
    }

    #[test]
    fn a_command_gives_the_passphrase_unless_it_fails() {
        let run = |command: &str| from_command(std::ffi::OsStr::new(command));
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
