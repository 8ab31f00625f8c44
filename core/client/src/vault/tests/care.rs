//! Another passphrase, a stronger derivation, a backup and its restoring.

use super::*;
use crate::vault::header::tests::altered;

const NEW: &[u8] = b"another invented passphrase";
const MARK: &[u8] = b"mark";

/// The weakest that a program accepts, as a vault of long ago may have.
const WEAK: KeyDerivation = KeyDerivation {
    memory_kib: 19 * 1024,
    iterations: 2,
    lanes: 1,
};

fn marked(transaction: &Transaction<'_>) -> Result<(), VaultError> {
    transaction.put(Collection::Notice, b"", MARK, 0, b"a copy")
}

fn vault_with_records() -> (TempDir, Vault) {
    let (directory, mut vault) = new_vault();
    for key in [b"one", b"two"] {
        put(&mut vault, Collection::Document, key, &[key[0]; 5000]);
    }
    put(&mut vault, Collection::Outbox, b"three", b"typed");
    (directory, vault)
}

fn restore(home: &Path, backup: &Path) -> Result<CheckReport, VaultError> {
    Vault::restore(home, backup, PASSPHRASE, marked)
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[cfg(feature = "test-key-derivation")]
#[test]
fn a_crash_at_a_change_of_the_passphrase_leaves_one_of_the_two() {
    for keeps in [false, true] {
        let (_directory, mut vault) = vault_with_records();
        let home = vault.home().to_path_buf();
        vault.set_fault(Some(Fault::Crash { after: 0, keeps }));
        let derivation = KeyDerivation::fast_for_tests();
        assert!(vault.change_passphrase(NEW, derivation).is_err());
        drop(vault);
        let (valid, other) = if keeps {
            (NEW, PASSPHRASE)
        } else {
            (PASSPHRASE, NEW)
        };
        assert!(matches!(
            Vault::open(&home, other),
            Err(VaultError::WrongPassphrase)
        ));
        let vault = Vault::open(&home, valid).unwrap();
        assert!(vault.check().unwrap().is_sound());
    }
}

#[cfg(feature = "test-key-derivation")]
#[test]
fn a_full_disk_at_a_change_of_the_passphrase_keeps_the_earlier_one() {
    let (_directory, mut vault) = vault_with_records();
    let (home, derivation) = (vault.home().to_path_buf(), KeyDerivation::fast_for_tests());
    vault.set_fault(Some(Fault::Full {
        after: 0,
        failing: 1,
    }));
    let outcome = vault.change_passphrase(NEW, derivation);
    assert!(matches!(outcome, Err(VaultError::DiskFull)));
    drop(vault);
    let mut vault = Vault::open(&home, PASSPHRASE).unwrap();
    let control = vault.change_passphrase(NEW, derivation);
    assert_eq!(control.unwrap(), EarlierHeader::Overwritten);
    drop(vault);
    assert!(Vault::open(&home, NEW).is_ok());
}

#[test]
fn a_weaker_derivation_is_strengthened_at_the_next_opening_and_told_once() {
    let (_directory, home) = new_home();
    let mut vault = Vault::create(&home, PASSPHRASE, WEAK, &mut CountingRng(0)).unwrap();
    put(&mut vault, Collection::Case, b"key", b"value");
    let weak_header = schema::read_header(&vault.database().connection).unwrap();
    drop(vault);

    assert!(
        matches!(Vault::open(&home, NEW), Err(VaultError::WrongPassphrase)),
        "who does not know it strengthens nothing"
    );
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    let told = vault.strengthened().unwrap();
    assert_eq!((told.from, told.to), (WEAK, KeyDerivation::default()));
    assert_eq!(vault.derivation().unwrap(), KeyDerivation::default());
    assert!(!contains(&raw_bytes(&home), &weak_header));
    drop(vault);
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert_eq!(vault.strengthened(), None);
    let value = vault.get(Collection::Case, b"key").unwrap();
    assert_eq!(value.unwrap(), b"value");
}

#[test]
fn strengthening_never_lowers_a_part_that_is_stronger_already() {
    let mixed = KeyDerivation {
        memory_kib: 19 * 1024,
        iterations: 9,
        lanes: 2,
    };
    let default = KeyDerivation::default();
    let expected = KeyDerivation {
        memory_kib: default.memory_kib,
        ..mixed
    };
    assert_eq!(mixed.strengthened(), Some(expected));
    assert_eq!(expected.strengthened(), None);
    assert_eq!(default.strengthened(), None, "control");
}

#[cfg(feature = "test-key-derivation")]
#[test]
fn a_weaker_derivation_that_cannot_be_strengthened_opens_all_the_same() {
    let (_directory, mut vault) = vault_with_records();
    vault.set_fault(Some(Fault::Full {
        after: 0,
        failing: 9,
    }));
    vault.strengthen(WEAK, PASSPHRASE);
    assert_eq!(vault.strengthened(), None);
    assert!(vault.get(Collection::Outbox, b"three").unwrap().is_some());
    vault.set_fault(None);
    vault.strengthen(WEAK, PASSPHRASE);
    assert!(vault.strengthened().is_some(), "control");
}

#[test]
fn a_backup_is_one_private_file_with_every_record_and_its_mark() {
    let (directory, vault) = vault_with_records();
    let file = directory.path().join("backup");
    let report = vault.back_up(&file, marked).unwrap();
    assert!(report.is_sound());
    assert_eq!(report.sound_records, 4, "three and the mark");
    assert_eq!(names_in(directory.path()), ["backup", "home"]);
    assert_eq!(
        vault.get(Collection::Notice, MARK).unwrap(),
        None,
        "the vault itself bears no mark"
    );
    let bytes = std::fs::read(&file).unwrap();
    assert!(!contains(&bytes, b"typed") && !contains(&bytes, &[b'o'; 100]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = std::fs::metadata(&file).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    let home = directory.path().join("restored");
    assert_eq!(restore(&home, &file).unwrap().sound_records, 4);
    let restored = Vault::open(&home, PASSPHRASE).unwrap();
    for (collection, records) in [
        (Collection::Document, 2),
        (Collection::Outbox, 1),
        (Collection::Notice, 1),
    ] {
        assert_eq!(restored.list_all(collection).unwrap().len(), records);
    }
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "it was only read");
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_where_it_fails() {
    let (directory, vault) = vault_with_records();
    let file = directory.path().join("backup");
    std::fs::write(&file, b"somebody's").unwrap();
    let outcome = vault.back_up(&file, marked);
    assert!(matches!(outcome, Err(VaultError::FileExists)));
    assert_eq!(std::fs::read(&file).unwrap(), b"somebody's");
    #[cfg(unix)]
    {
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &link).unwrap();
        let outcome = vault.back_up(&link, marked);
        assert!(matches!(outcome, Err(VaultError::FileExists)));
        std::fs::remove_file(link).unwrap();
    }
    let other = directory.path().join("other");
    let failing = vault.back_up(&other, |_| Err(VaultError::DiskFull));
    assert!(matches!(failing, Err(VaultError::DiskFull)));
    assert_eq!(names_in(directory.path()), ["backup", "home"]);
    let missing = vault.back_up(&directory.path().join("no/such"), marked);
    assert!(matches!(missing, Err(VaultError::Io(_))));
    assert!(vault.back_up(&other, marked).is_ok(), "control");
}

#[test]
fn a_backup_says_what_does_not_open_in_it() {
    let (directory, vault) = vault_with_records();
    let home = vault.home().to_path_buf();
    drop(vault);
    raw_database(&home)
        .execute_batch("UPDATE record SET position = 7 WHERE collection = 7")
        .unwrap();
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    let file = directory.path().join("backup");
    let report = vault.back_up(&file, marked).unwrap();
    assert_eq!(report.damaged_records, [(Collection::Outbox, 1)].into());
    let restored = restore(&directory.path().join("restored"), &file).unwrap();
    assert_eq!(restored, report, "the rest can be read");
}

#[test]
fn a_backup_cut_short_or_altered_is_refused_or_its_damage_is_told() {
    let (directory, vault) = vault_with_records();
    let file = directory.path().join("backup");
    vault.back_up(&file, marked).unwrap();
    let good = std::fs::read(&file).unwrap();
    let home = directory.path().join("restored");
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        match restore(&home, &file) {
            Ok(report) => {
                std::fs::remove_dir_all(&home).unwrap();
                !report.is_sound() || report.sound_records != 4
            }
            Err(_) => {
                assert_eq!(names_in(&home), ["vault.lock"], "no vault was made");
                true
            }
        }
    };
    for length in (0..good.len()).step_by(1021) {
        assert!(refused(&good[..length]), "cut at {length}");
    }
    let mut unnoticed = 0;
    let positions = (0..good.len()).step_by(173);
    let tried = positions.clone().count();
    for position in positions {
        let mut bad = good.clone();
        bad[position] ^= 0x41;
        unnoticed += usize::from(!refused(&bad));
    }
    // Unused space of pages says nothing: about half of this small file.
    assert!(tried - unnoticed > 40, "{unnoticed} of {tried}");
    assert!(!refused(&good), "control");
}

#[test]
fn a_backup_is_restored_as_often_as_one_likes_but_never_over_a_vault() {
    let (directory, vault) = vault_with_records();
    let file = directory.path().join("backup");
    vault.back_up(&file, marked).unwrap();
    for name in ["first", "second"] {
        let home = directory.path().join(name);
        assert!(restore(&home, &file).is_ok());
        let before = std::fs::read(home.join(DATABASE_FILE)).unwrap();
        let again = restore(&home, &file);
        assert!(matches!(again, Err(VaultError::AlreadyExists)));
        assert_eq!(std::fs::read(home.join(DATABASE_FILE)).unwrap(), before);
    }
    let own = vault.home().to_path_buf();
    assert!(matches!(restore(&own, &file), Err(VaultError::InUse)));
    drop(vault);
    assert!(matches!(
        restore(&own, &file),
        Err(VaultError::AlreadyExists)
    ));
}

#[test]
fn a_home_with_a_log_and_no_database_gets_no_vault() {
    let (directory, vault) = vault_with_records();
    let file = directory.path().join("backup");
    vault.back_up(&file, marked).unwrap();
    let home = directory.path().join("restored");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("vault.sqlite-wal"), b"somebody's log").unwrap();
    assert!(matches!(
        restore(&home, &file),
        Err(VaultError::AlreadyExists)
    ));
    std::fs::remove_file(home.join("vault.sqlite-wal")).unwrap();
    // What an interrupted creation and an interrupted restoring leave is no vault.
    std::fs::write(home.join("vault.sqlite"), b"").unwrap();
    std::fs::write(home.join("vault.sqlite.restoring"), b"half").unwrap();
    std::fs::write(home.join("vault.sqlite.restoring-wal"), b"half").unwrap();
    assert!(restore(&home, &file).is_ok());
    assert_eq!(names_in(&home), ["vault.lock", "vault.sqlite"]);
}

#[test]
fn the_database_of_a_home_that_is_not_closed_is_no_backup() {
    let (directory, vault) = vault_with_records();
    let open_home = vault.home().join(DATABASE_FILE);
    let home = directory.path().join("restored");
    assert!(matches!(
        restore(&home, &open_home),
        Err(VaultError::NotClosed)
    ));
    drop(vault);
    assert!(restore(&home, &open_home).is_ok(), "closed, it is one");
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert!(vault.get(Collection::Notice, MARK).unwrap().is_some());
}

#[test]
fn a_backup_of_another_passphrase_or_format_is_refused_and_left_alone() {
    let (directory, mut vault) = vault_with_records();
    let file = directory.path().join("backup");
    vault.back_up(&file, marked).unwrap();
    let derivation = KeyDerivation::fast_for_tests();
    vault.change_passphrase(NEW, derivation).unwrap();
    let home = directory.path().join("restored");
    let with_new = Vault::restore(&home, &file, NEW, marked);
    assert!(
        matches!(with_new, Err(VaultError::WrongPassphrase)),
        "it opens with the passphrase of its time"
    );
    let bytes = std::fs::read(&file).unwrap();
    let set = |sql: &str| Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    set("PRAGMA user_version = 2");
    let newer = std::fs::read(&file).unwrap();
    assert!(matches!(
        restore(&home, &file),
        Err(VaultError::UnknownFormat {
            found: 2,
            supported: 1
        })
    ));
    assert_eq!(std::fs::read(&file).unwrap(), newer);
    set("PRAGMA user_version = 1");
    // A header whose parameters would exhaust the machine is refused before they are used.
    let connection = Connection::open(&file).unwrap();
    let header = schema::read_header(&connection).unwrap();
    let exhausting = altered(&header, |bytes| bytes[3..7].fill(0xff));
    schema::replace_header(&connection, &exhausting).unwrap();
    drop(connection);
    assert!(matches!(
        restore(&home, &file),
        Err(VaultError::DerivationRefused { .. })
    ));
    std::fs::write(&file, bytes).unwrap();
    assert!(restore(&home, &file).is_ok(), "control");
}
