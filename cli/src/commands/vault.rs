//! `nahtlos vault`, and the passphrase of the vault.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nahtlos_client::checking::VaultFindings;
use nahtlos_client::vault::{CheckReport, Collection, EarlierHeader, KeyDerivation, VaultError};
use nahtlos_client::{ClientError, Nahtlos};
use serde_json::{Value, json};

use super::sync::count;
use crate::arguments::VaultCommand;
use crate::context::{Context, derivation_in_words, require_long};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};
use crate::passphrase;

pub fn run(context: &Context, command: VaultCommand) -> Result<Answer, Failure> {
    match command {
        VaultCommand::Backup { to } => back_up(context, &to),
        VaultCommand::Restore { backup } => restore(context, &backup),
        VaultCommand::Check => check(context),
    }
}

/// `nahtlos key passphrase`.
///
/// # Errors
/// Where the vault does not open, or the new passphrase is not usable; after a failing disk, where it
/// is not sure which of the two is valid.
pub fn change_passphrase(context: &Context) -> Result<Answer, Failure> {
    context.require_vault()?;
    let present = passphrase::for_opening()?;
    let mut nahtlos = context.unlock(&present)?;
    let new = passphrase::for_replacing()?;
    require_long(&new)?;
    if *new == *present {
        return Err(Failure::new(
            Exit::Usage,
            "passphrase_same",
            "This is the present passphrase; nothing was changed.",
            "",
            "Run the command again and choose another one.",
        ));
    }
    let vault = nahtlos.vault_mut();
    let derivation = vault.derivation().map_err(ClientError::from)?;
    let derivation = derivation.at_least(KeyDerivation::default());
    let earlier = vault
        .change_passphrase(&new, derivation)
        .map_err(not_changed)?;
    let data = json!({
        "changed": true,
        "derivation": derivation_data(derivation),
        "earlier_overwritten": earlier == EarlierHeader::Overwritten,
    });
    let answer = Answer::sentence(data, "The passphrase is changed.").note(
        "Backups and copies of this home made before open with the earlier passphrase. Where somebody \
         may know it, destroy them and make a new one: `nahtlos vault backup FILE`. Where a file or a \
         command gives the passphrase, let it give the new one.",
    );
    Ok(match earlier {
        EarlierHeader::Overwritten => answer,
        EarlierHeader::Lingers => answer
            .note(
                "The new passphrase counts, but the disk did not let the rest of the earlier one be \
                 overwritten yet. Look at the disk, then run `nahtlos vault check`, which tries again.",
            )
            .exit(Exit::Failed),
    })
}

/// A person must know which passphrase to type next.
fn not_changed(error: VaultError) -> Failure {
    if !matches!(error, VaultError::Unsure(_)) {
        let mut failure = Failure::from(ClientError::Vault(error));
        failure.why = format!("{} The present passphrase stays valid.", failure.why);
        return failure;
    }
    let mut failure = Failure::from(ClientError::Vault(error));
    failure.what =
        "The disk failed at the last moment: it is not sure which passphrase is valid now.".into();
    failure.why = "The change was written whole, and the disk did not confirm it. One of the two \
                   passphrases opens the vault, whatever happened; nothing else was touched."
        .into();
    failure.next =
        "Run `nahtlos vault check` with the new passphrase; where it does not open, with \
                    the earlier one. Then make a backup on another disk: this one may be failing."
            .into();
    failure
}

fn back_up(context: &Context, to: &Path) -> Result<Answer, Failure> {
    let file = backup_file(to);
    let nahtlos = context.open_when_free()?;
    let report = nahtlos
        .back_up(&file)
        .map_err(|error| not_backed_up(error, &file))?;
    let data = json!({
        "file": file,
        "records": report.sound_records,
        "damaged_records": report.damaged(),
    });
    let said = format!(
        "The backup is in {}: {}, all of them read back.",
        file.display(),
        count(report.sound_records, "record", "records")
    );
    if report.is_sound() {
        return Ok(Answer::sentence(data, said).note(
            "It opens with today's passphrase. It brings back what can be read, not the right to act \
             as this device: `nahtlos vault restore --help`.",
        ));
    }
    let said = format!(
        "The backup is in {}, but {} of this vault did not open and are damaged in it too.",
        file.display(),
        count(report.damaged(), "record", "records")
    );
    Ok(Answer::sentence(data, said)
        .note("See what is damaged: `nahtlos vault check`. Keep earlier backups.")
        .exit(Exit::Failed))
}

/// In a directory, a name with the time.
fn backup_file(to: &Path) -> PathBuf {
    if !to.is_dir() {
        return to.to_owned();
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX))
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H%M%SZ");
    to.join(format!("nahtlos-{time}.backup"))
}

/// What fails here is mostly the place of the backup, not the vault.
fn not_backed_up(error: ClientError, file: &Path) -> Failure {
    match error {
        ClientError::Vault(VaultError::Io(error)) => {
            let mut failure = Failure::file("written", file, &error);
            if error.kind() == ErrorKind::NotFound {
                failure.why = "The directory for it does not exist.".into();
            }
            failure
        }
        ClientError::Vault(VaultError::DiskFull) => Failure::file(
            "written",
            file,
            &std::io::Error::from(ErrorKind::StorageFull),
        ),
        ClientError::Vault(VaultError::FileExists) => Failure::file(
            "written",
            file,
            &std::io::Error::from(ErrorKind::AlreadyExists),
        ),
        other => other.into(),
    }
}

fn restore(context: &Context, backup: &Path) -> Result<Answer, Failure> {
    // Said before anybody types a passphrase.
    if context.has_vault() {
        return Err(ClientError::Vault(VaultError::AlreadyExists).into());
    }
    if let Err(error) = std::fs::File::open(backup).and_then(|file| file.metadata()) {
        return Err(Failure::file("read", backup, &error));
    }
    if backup.is_dir() {
        let error = std::io::Error::from(ErrorKind::IsADirectory);
        return Err(Failure::file("read", backup, &error));
    }
    let passphrase = passphrase::for_opening()?;
    let report = Nahtlos::restore(&context.home, backup, &passphrase)
        .map_err(|error| not_restored(error, backup))?;
    let nahtlos = context.unlock(&passphrase)?;
    let status = nahtlos.status()?;
    let undelivered = status.undelivered_edits;
    let data = json!({
        "home": context.home,
        "backup": json::value(&nahtlos.restored_backup()?),
        "records": report.sound_records,
        "damaged_records": report.damaged(),
        "undelivered_edits": undelivered,
        "waiting_decisions": status.waiting_decisions,
    });
    let said = format!(
        "The backup is in {}: {} can be read there.",
        context.home.display(),
        count(report.sound_records, "record", "records")
    );
    let mut answer = Answer::sentence(data, said);
    if !report.is_sound() {
        answer = answer
            .note(format!(
                "{} of the backup did not open; an older backup may have them. See which: `nahtlos vault check`.",
                count(report.damaged(), "record", "records")
            ))
            .exit(Exit::Failed);
    }
    if undelivered > 0 {
        answer = answer.note(format!(
            "{} typed before the backup and not delivered then. Where it was never delivered, save it \
             and type it again: `nahtlos held export --to FILE`.",
            count(undelivered, "edit was", "edits were")
        ));
    }
    Ok(answer.note(JOIN_ANEW))
}

/// What a restored home can and cannot do, and what the person does next.
pub const JOIN_ANEW: &str = "It is read here and never acts again. To work on, come back as a new device in a \
    new home: with your paper, `nahtlos device restore --paper --home NEW_DIR`; without it, who administers your \
    institution ends the lost device (`nahtlos device revoke`) and lets a new one in (`nahtlos device add --for \
    YOU`), which answers with `nahtlos device join FILE --home NEW_DIR`.";

fn not_restored(error: ClientError, backup: &Path) -> Failure {
    let say = |code: &str, what: String, why: &str, next: &str| {
        Failure::new(Exit::Failed, code, what, why, next)
    };
    let name = backup.display();
    let code = error.code();
    match error {
        ClientError::Vault(VaultError::Damaged { .. }) | ClientError::DamagedRecord { .. } => say(
            code,
            format!("{name} is no whole backup; nothing was restored."),
            &format!(
                "It was cut short or altered, or is another file: {}.",
                error
            ),
            "Try an earlier backup, or copy this one again from where it was kept.",
        ),
        ClientError::Vault(VaultError::NotClosed) => say(
            code,
            format!(
                "{name} is the database of a home that was not closed, not a backup; nothing was restored."
            ),
            "A part of it lies in a file beside it and would be lost.",
            "Let the program itself make the backup of that home: `nahtlos vault backup FILE --home THAT_DIR`. Then restore that file.",
        ),
        ClientError::Vault(VaultError::WrongPassphrase) => {
            let mut failure = Failure::from(error);
            failure.what = "The passphrase does not open this backup; nothing was restored.".into();
            failure.why = "A backup opens with the passphrase of the time it was made.".into();
            failure.next = "Run the command again with that passphrase.".into();
            failure
        }
        other => other.into(),
    }
}

fn check(context: &Context) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let findings = nahtlos.check_vault()?;
    let derivation = nahtlos.vault_mut().derivation();
    let derivation = derivation.map_err(ClientError::from)?;
    let sound = findings.is_sound();
    let lines = damage(&findings);
    let mut page = Page::default().line(if sound {
        "The vault is whole."
    } else {
        "The vault is damaged:"
    });
    for line in &lines {
        page = page.line(format!("  {line}"));
    }
    let page = page.fields([
        ("records", Some(findings.records.sound_records.to_string())),
        (
            "logs",
            Some(format!(
                "{} with {}",
                findings.sound_logs,
                count(findings.operations, "operation", "operations")
            )),
        ),
        ("receipts", Some(findings.sound_receipts.to_string())),
        ("passphrase", Some(derivation_in_words(derivation))),
    ]);
    let answer = Answer::new(data(&findings, derivation, &lines), page);
    if sound {
        return Ok(answer);
    }
    Ok(answer.note(what_to_do(&findings)).exit(Exit::Failed))
}

fn data(findings: &VaultFindings, derivation: KeyDerivation, lines: &[String]) -> Value {
    let by_kind = |report: &CheckReport| -> Value {
        let kinds = report.damaged_records.iter();
        kinds
            .map(|(collection, number)| json!({ "kind": format!("{collection:?}"), "count": number }))
            .collect()
    };
    let misplaced = findings.misplaced.iter();
    let misplaced: Vec<String> = misplaced.map(|kind| format!("{kind:?}")).collect();
    json!({
        "sound": findings.is_sound(),
        "records": findings.records.sound_records,
        "damaged_records": by_kind(&findings.records),
        "unknown_records": findings.records.unknown_rows,
        "file_problems": findings.records.database_problems,
        "misplaced_records": misplaced,
        "logs": findings.sound_logs,
        "operations": findings.operations,
        "broken_logs": json::value(&findings.broken_logs),
        "receipts": findings.sound_receipts,
        "foreign_receipts": findings.foreign_receipts,
        "derivation": derivation_data(derivation),
        "damage": lines,
    })
}

fn derivation_data(derivation: KeyDerivation) -> Value {
    json!({
        "memory_kib": derivation.memory_kib,
        "iterations": derivation.iterations,
        "lanes": derivation.lanes,
    })
}

/// What is damaged, one line each, the worst first.
fn damage(findings: &VaultFindings) -> Vec<String> {
    let records = &findings.records;
    let mut lines: Vec<String> = records.database_problems.clone();
    for line in &mut lines {
        *line = format!("the database file: {line}");
    }
    for (collection, number) in &records.damaged_records {
        let (one, many) = in_words(*collection);
        lines.push(format!("{} did not open", count(*number, one, many)));
    }
    if records.unknown_rows > 0 {
        let rows = count(records.unknown_rows, "record", "records");
        lines.push(format!("{rows} of a kind that this program does not know"));
    }
    for collection in &findings.misplaced {
        let (one, _) = in_words(*collection);
        lines.push(format!("1 {one} is not the one its name promises"));
    }
    for log in &findings.broken_logs {
        let space = log.space.get(..8).unwrap_or(&log.space);
        lines.push(format!("the log {space} does not replay: {}", log.reason));
    }
    if findings.foreign_receipts > 0 {
        lines.push(format!(
            "{} not signed by the relay of this network",
            count(findings.foreign_receipts, "receipt is", "receipts are")
        ));
    }
    lines
}

fn what_to_do(findings: &VaultFindings) -> &'static str {
    let only_receipts = VaultFindings {
        foreign_receipts: 0,
        ..findings.clone()
    };
    if only_receipts.is_sound() {
        return "Such receipts prove nothing. `nahtlos sync --all` asks the relay for true ones; tell its \
                operator if this stays.";
    }
    "Copy the whole home directory somewhere safe first, and keep every backup. `nahtlos sync --all` \
     brings again what the relay has, but not what was typed here and not delivered: look with `nahtlos \
     status`. Where it stays damaged, restore the last backup to read it: `nahtlos vault restore --help`."
}

/// What a record of a collection is, for people: one, several.
const fn in_words(collection: Collection) -> (&'static str, &'static str) {
    match collection {
        Collection::Identity => (
            "record of this device's own keys",
            "records of this device's own keys",
        ),
        Collection::Operation => ("change of access", "changes of access"),
        Collection::Wrap => ("sealed key", "sealed keys"),
        Collection::EpochSeed => ("key of a section or group", "keys of sections or groups"),
        Collection::Envelope => ("sealed change as received", "sealed changes as received"),
        Collection::Document => ("document of a section", "documents of sections"),
        Collection::Outbox => (
            "edit typed here and not delivered",
            "edits typed here and not delivered",
        ),
        Collection::Sealed => (
            "sealed change on its way to the relay",
            "sealed changes on their way to the relay",
        ),
        Collection::Summary => ("summary of a case", "summaries of cases"),
        Collection::Sync => (
            "record of where the last sync ended",
            "records of where the last sync ended",
        ),
        Collection::Invitation => ("invitation", "invitations"),
        Collection::Intent => (
            "decision that waits for the next sync",
            "decisions that wait for the next sync",
        ),
        Collection::Held => ("note on a held change", "notes on held changes"),
        Collection::Notice => ("notice", "notices"),
        Collection::Label => ("label of a section", "labels of sections"),
        Collection::Receipt => ("receipt of the relay", "receipts of the relay"),
        Collection::Setting => ("setting of this device", "settings of this device"),
        Collection::Case => ("list of a case's sections", "lists of a case's sections"),
        Collection::Directory => ("entry of the directory", "entries of the directory"),
        Collection::Attachment => ("attachment", "attachments"),
        Collection::Draft => ("draft", "drafts"),
        Collection::Recovery => ("record of a recovery key", "records of recovery keys"),
        Collection::Counting => ("verdict on a change", "verdicts on changes"),
        Collection::Carried => (
            "change that a bundle brought and the relay lacks",
            "changes that bundles brought and the relay lacks",
        ),
        Collection::SearchText => ("journal kept for searching", "journals kept for searching"),
    }
}
