//! Damage and tampering from outside: typed errors, no panic, nothing overwritten.

use super::*;

fn closed_vault_with_records() -> (TempDir, PathBuf) {
    let (directory, mut vault) = new_vault();
    for key in [b"one", b"two"] {
        put(&mut vault, Collection::Document, key, &[key[0]; 100]);
    }
    put(&mut vault, Collection::Outbox, b"three", b"value");
    let home = vault.home().to_path_buf();
    (directory, home)
}

fn tamper(home: &Path, sql: &str) {
    raw_database(home).execute_batch(sql).unwrap();
}

fn open(home: &Path) -> Result<Vault, VaultError> {
    Vault::open(home, PASSPHRASE)
}

fn is_damaged<T>(outcome: Result<T, VaultError>, part: DamagedPart) -> bool {
    matches!(outcome, Err(VaultError::Damaged { what }) if what == part)
}

/// Asserts that both documents fail as damaged, that nothing else does, and that `check` says so.
fn assert_documents_damaged(home: &Path, damaged: u64) {
    let vault = open(home).unwrap();
    let part = DamagedPart::Record(Collection::Document);
    assert!(is_damaged(vault.list_all(Collection::Document), part));
    assert!(vault.get(Collection::Outbox, b"three").unwrap().is_some());
    let report = vault.check().unwrap();
    assert!(!report.is_sound());
    assert_eq!(
        report.damaged_records,
        [(Collection::Document, damaged)].into()
    );
    assert_eq!(report.sound_records, 3 - damaged);
}

#[test]
fn an_untouched_vault_is_sound() {
    let (_directory, home) = closed_vault_with_records();
    let vault = open(&home).unwrap();
    let report = vault.check().unwrap();
    assert!(report.is_sound());
    assert_eq!(report.sound_records, 3);
    assert_eq!(vault.list_all(Collection::Document).unwrap().len(), 2);
}

#[test]
fn swapped_values_open_neither_record() {
    let (_directory, home) = closed_vault_with_records();
    tamper(
        &home,
        "CREATE TEMP TABLE before AS SELECT key_tag, value FROM record WHERE collection = 6;
         UPDATE record SET value =
           (SELECT value FROM before WHERE before.key_tag <> record.key_tag)
         WHERE collection = 6",
    );
    assert_documents_damaged(&home, 2);
    let vault = open(&home).unwrap();
    let part = DamagedPart::Record(Collection::Document);
    assert!(is_damaged(vault.get(Collection::Document, b"one"), part));
}

#[test]
fn a_record_with_another_group_or_position_does_not_open() {
    for change in [
        "group_tag = zeroblob(16)",
        "position = 1",
        "value = zeroblob(150)",
    ] {
        let (_directory, home) = closed_vault_with_records();
        tamper(
            &home,
            &format!("UPDATE record SET {change} WHERE collection = 6"),
        );
        assert_documents_damaged(&home, 2);
    }
}

#[test]
fn a_tag_of_the_wrong_size_does_not_open() {
    let (_directory, home) = closed_vault_with_records();
    tamper(
        &home,
        "UPDATE record SET group_tag = x'00' WHERE collection = 6",
    );
    assert_documents_damaged(&home, 2);
}

#[test]
fn a_record_moved_to_another_collection_does_not_open_there() {
    let (_directory, home) = closed_vault_with_records();
    tamper(
        &home,
        "UPDATE record SET collection = 6 WHERE collection = 7",
    );
    let vault = open(&home).unwrap();
    let part = DamagedPart::Record(Collection::Document);
    assert!(is_damaged(vault.list_all(Collection::Document), part));
    assert!(vault.get(Collection::Document, b"one").unwrap().is_some());
    assert!(vault.list_all(Collection::Outbox).unwrap().is_empty());
}

#[test]
fn a_row_of_an_unknown_collection_is_reported() {
    let (_directory, home) = closed_vault_with_records();
    tamper(
        &home,
        "UPDATE record SET collection = 200 WHERE collection = 7",
    );
    let report = open(&home).unwrap().check().unwrap();
    assert_eq!((report.unknown_rows, report.sound_records), (1, 2));
    assert!(!report.is_sound());
}

#[test]
fn a_vault_of_another_format_is_named_and_left_alone() {
    for (version, found) in [(2, 2), (0, 0), (-1, u32::MAX)] {
        let (_directory, home) = closed_vault_with_records();
        tamper(&home, &format!("PRAGMA user_version = {version}"));
        for outcome in [open(&home), create_at(&home)] {
            match outcome {
                Err(VaultError::UnknownFormat {
                    found: f,
                    supported: 1,
                }) => assert_eq!(f, found),
                other => panic!("{other:?}"),
            }
        }
        tamper(&home, "PRAGMA user_version = 1");
        assert!(open(&home).is_ok());
    }
}

#[test]
fn an_added_trigger_view_or_column_is_refused() {
    let changes = [
        "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END",
        "CREATE VIEW v AS SELECT * FROM record",
        "ALTER TABLE record ADD COLUMN more INTEGER",
        "DROP TABLE vault_header",
        "DROP INDEX record_by_group",
    ];
    for change in changes {
        let (_directory, home) = closed_vault_with_records();
        tamper(&home, change);
        assert!(is_damaged(open(&home), DamagedPart::Schema), "{change}");
    }
}

#[test]
fn a_missing_or_altered_header_is_told_from_a_wrong_passphrase() {
    let (_directory, home) = closed_vault_with_records();
    let header = schema::read_header(&raw_database(&home)).unwrap();
    let set = |bytes: &[u8]| schema::replace_header(&raw_database(&home), bytes).unwrap();
    for position in 0..header.len() {
        let mut bad = header.clone();
        bad[position] ^= 0x10;
        set(&bad);
        assert!(is_damaged(open(&home), DamagedPart::Header));
    }
    set(&header::tests::altered(&header, |bytes| bytes[3] = 8));
    assert!(matches!(
        open(&home),
        Err(VaultError::DerivationRefused { memory_kib: 8, .. })
    ));
    set(&header);
    drop(open(&home).unwrap());
    tamper(&home, "DELETE FROM vault_header");
    assert!(is_damaged(open(&home), DamagedPart::Header));
}

#[test]
fn a_foreign_file_is_refused_and_not_changed() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(DATABASE_FILE);
    std::fs::write(
        &file,
        b"not a database at all, but somebody's text".repeat(200),
    )
    .unwrap();
    let before = std::fs::read(&file).unwrap();
    assert!(is_damaged(open(home.path()), DamagedPart::Database));
    assert!(is_damaged(create_at(home.path()), DamagedPart::Database));
    assert_eq!(std::fs::read(&file).unwrap(), before);

    let other = tempfile::tempdir().unwrap();
    tamper(other.path(), "CREATE TABLE somebody (else_s INTEGER)");
    let before = std::fs::read(other.path().join(DATABASE_FILE)).unwrap();
    assert!(is_damaged(open(other.path()), DamagedPart::Database));
    assert!(is_damaged(create_at(other.path()), DamagedPart::Database));
    let after = std::fs::read(other.path().join(DATABASE_FILE)).unwrap();
    assert_eq!(after, before);
}

#[test]
fn no_damaged_byte_of_the_file_makes_anything_panic_or_lie() {
    let (_directory, home) = closed_vault_with_records();
    let file = home.join(DATABASE_FILE);
    let good = std::fs::read(&file).unwrap();
    let sound = open(&home).unwrap().list_all(Collection::Document).unwrap();
    let mut refused = 0;
    for position in (0..110).chain((110..good.len()).step_by(97)) {
        let mut bad = good.clone();
        bad[position] ^= 0x41;
        std::fs::write(&file, &bad).unwrap();
        // Damage may be refused, may hide a record, or may lie in unused space; what opens is true.
        match open(&home) {
            Ok(vault) => {
                let _ = vault.check();
                match vault.list_all(Collection::Document) {
                    Ok(list) => assert!(list.iter().all(|record| sound.contains(record))),
                    Err(_) => refused += 1,
                }
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "the damage reached the vault");
    std::fs::write(&file, &good).unwrap();
    assert!(open(&home).unwrap().check().unwrap().is_sound());
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let (_directory, home) = closed_vault_with_records();
    let file = home.join(DATABASE_FILE);
    let good = std::fs::read(&file).unwrap();
    for length in (1..good.len()).step_by(509) {
        std::fs::write(&file, &good[..length]).unwrap();
        let whole = open(&home).and_then(|vault| {
            let report = vault.check()?;
            Ok(report.is_sound() && report.sound_records == 3)
        });
        assert!(!matches!(whole, Ok(true)), "{length} bytes");
    }
    std::fs::write(&file, &good).unwrap();
    assert!(open(&home).unwrap().check().unwrap().is_sound());
}
