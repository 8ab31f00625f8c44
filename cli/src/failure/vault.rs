//! Failures of the vault.

use nahtlos_client::vault::{DamagedPart, VaultError};

use super::Failure;
use crate::exit::Exit;

/// What a person is told of a vault's failure.
pub(super) fn failure(code: &str, error: &VaultError) -> Failure {
    let say = |exit, what: &str, why: &str, next: &str| Failure::new(exit, code, what, why, next);
    match error {
        VaultError::WrongPassphrase => say(
            Exit::Locked,
            "The passphrase does not open this vault.",
            "It was mistyped, or it belongs to another home.",
            "Run the command again and type it slowly; `--home DIR` names another home.",
        ),
        VaultError::EmptyPassphrase => say(
            Exit::Locked,
            "The passphrase is empty.",
            "An empty passphrase protects nothing.",
            "Run the command again with a passphrase of several words.",
        ),
        VaultError::NotFound => say(
            Exit::Locked,
            "There is no vault in this home yet.",
            "This device has not founded or joined anything here.",
            NO_HOME_NEXT,
        ),
        VaultError::Wiped => say(
            Exit::Locked,
            "This home was being wiped: what was left of it is removed now, and nothing of it opens any more.",
            "`nahtlos device wipe` had destroyed its key and was interrupted before it removed the files.",
            "To work on, come back as a new device: with your paper (`nahtlos device restore --paper`), by another device of \
             yours (`nahtlos device add`), or by who administers your institution (`nahtlos device add --for YOU`).",
        ),
        VaultError::AlreadyExists => say(
            Exit::Failed,
            "There is already a vault in this home.",
            "A vault is never overwritten.",
            "Use it as it is (`nahtlos status`), or name an empty directory with `--home DIR`.",
        ),
        VaultError::FileExists => say(
            Exit::Failed,
            "A file of this name exists already and is not overwritten.",
            "A backup never takes another file's place.",
            "Name another file, or a directory, then run the command again.",
        ),
        VaultError::InUse => say(
            Exit::Locked,
            "The vault is in use by another program.",
            "Another nahtlos command is running with the same home.",
            "Wait until it has ended, then run the command again.",
        ),
        VaultError::Damaged { what } => say(
            Exit::Failed,
            "The vault is damaged.",
            &format!(
                "This part does not open: {}. Nothing was changed.",
                part(*what)
            ),
            "Copy the whole home directory somewhere safe first, then run `nahtlos doctor`. \
             What was synced is at the relay and on your colleagues' devices.",
        ),
        VaultError::UnknownFormat { found, supported } => say(
            Exit::Failed,
            "The vault was written by another version of nahtlos.",
            &format!("It has format {found}; this program reads format {supported}."),
            "Update nahtlos, then run the command again; `nahtlos --version` shows the one you have.",
        ),
        VaultError::DerivationRefused { .. } => say(
            Exit::Failed,
            "The vault's protection of its passphrase is outside what this program accepts.",
            "It was altered, or written by another program.",
            "Copy the home directory somewhere safe and ask your key custodian before you go on.",
        ),
        VaultError::TooLarge { limit_bytes, .. } => say(
            Exit::Usage,
            "What you entered is too large to be stored.",
            &format!("One entry may have {limit_bytes} bytes. Nothing was changed."),
            "Shorten it or split it, then run the command again.",
        ),
        VaultError::DiskFull => say(
            Exit::Failed,
            "The disk is full.",
            "What did not fit was not stored; everything that was stored before is still there.",
            "Free some space, then run the command again.",
        ),
        VaultError::Unsure(_) => say(
            Exit::Failed,
            "The disk failed at the last moment: it is not sure whether this was stored.",
            "It was written whole, and the disk did not confirm it. Everything stored before is still there.",
            "Look whether it is there before you do it again, then copy the home directory to another disk: this one may be failing. `nahtlos doctor` checks the vault.",
        ),
        VaultError::NoRandomness(_) => say(
            Exit::Failed,
            "The operating system gives no randomness.",
            "Without it no key is safe, so nothing was done.",
            "Restart the machine, then run the command again.",
        ),
        _ => say(
            Exit::Failed,
            "The vault's files cannot be read or written.",
            "Rights are missing, or the disk fails. What could not be written was not stored; everything that was stored before is still there.",
            "Check the rights of the home directory, then run `nahtlos doctor`.",
        ),
    }
}

fn part(damaged: DamagedPart) -> String {
    match damaged {
        DamagedPart::Header => "its header".into(),
        other => other.to_string(),
    }
}

pub(super) const NO_HOME_NEXT: &str = "With an invitation: `nahtlos member join --invitation FILE` (to work in a team) or \
     `nahtlos institution join --invitation FILE`. For a new relay: \
     `nahtlos network found --claim FILE --canton BE --name NAME`. `nahtlos demo` shows everything \
     with invented people.";
