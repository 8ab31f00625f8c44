//! Storing, reading, ordering and undoing.

use super::*;

fn keys(list: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<Vec<u8>> {
    list.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn a_committed_record_is_there_after_closing_and_opening() {
    let (_directory, mut vault) = new_vault();
    let home = vault.home().to_path_buf();
    put(&mut vault, Collection::Case, b"key", b"value");
    assert_eq!(
        vault.get(Collection::Case, b"key").unwrap().unwrap(),
        b"value"
    );
    drop(vault);

    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert_eq!(
        vault.get(Collection::Case, b"key").unwrap().unwrap(),
        b"value"
    );
    assert_eq!(vault.get(Collection::Case, b"other").unwrap(), None);
    assert_eq!(vault.get(Collection::Label, b"key").unwrap(), None);
}

#[test]
fn what_is_there_is_known_and_counted_without_being_opened() {
    let (_directory, mut vault) = new_vault();
    assert_eq!(vault.count(Collection::Case).unwrap(), 0);
    put(&mut vault, Collection::Case, b"one", b"value");
    put(&mut vault, Collection::Case, b"two", b"value");
    assert!(vault.contains(Collection::Case, b"one").unwrap());
    assert!(!vault.contains(Collection::Case, b"three").unwrap());
    assert!(!vault.contains(Collection::Label, b"one").unwrap());
    assert_eq!(vault.count(Collection::Case).unwrap(), 2);
    assert_eq!(vault.count(Collection::Label).unwrap(), 0);
}

#[test]
fn a_group_is_listed_by_position_and_then_by_key() {
    let (_directory, mut vault) = new_vault();
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        for (key, position) in [(b"d", 7), (b"b", -1), (b"c", 7), (b"a", 9)] {
            transaction.put(Collection::Outbox, b"group", key, position, b"value")?;
        }
        transaction.put(Collection::Outbox, b"other group", b"z", 8, b"value")?;
        transaction.put(Collection::Sealed, b"group", b"y", 0, b"value")
    });
    outcome.unwrap();

    let group = vault.list(Collection::Outbox, b"group").unwrap();
    assert_eq!(keys(group), [b"b", b"c", b"d", b"a"]);
    let all = vault.list_all(Collection::Outbox).unwrap();
    assert_eq!(keys(all), [b"b", b"c", b"d", b"z", b"a"]);
    assert!(
        vault
            .list(Collection::Outbox, b"no group")
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_key_put_again_replaces_value_group_and_position() {
    let (_directory, mut vault) = new_vault();
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        transaction.put(Collection::Case, b"old", b"key", 1, b"first")?;
        transaction.put(Collection::Case, b"new", b"key", 2, b"second")
    });
    outcome.unwrap();
    assert!(vault.list(Collection::Case, b"old").unwrap().is_empty());
    let expected = [(b"key".to_vec(), b"second".to_vec())];
    assert_eq!(vault.list(Collection::Case, b"new").unwrap(), expected);
}

#[test]
fn a_transaction_reads_its_own_writes_and_deletions() {
    let (_directory, mut vault) = new_vault();
    put(&mut vault, Collection::Case, b"kept", b"value");
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        transaction.put(Collection::Case, b"g", b"one", 1, b"1")?;
        transaction.put(Collection::Case, b"g", b"two", 2, b"2")?;
        assert_eq!(transaction.get(Collection::Case, b"one")?.unwrap(), b"1");
        assert!(transaction.delete(Collection::Case, b"one")?);
        assert!(!transaction.delete(Collection::Case, b"one")?);
        assert_eq!(transaction.get(Collection::Case, b"one")?, None);
        assert_eq!(keys(transaction.list(Collection::Case, b"g")?), [b"two"]);
        assert_eq!(transaction.delete_group(Collection::Case, b"g")?, 1);
        assert_eq!(keys(transaction.list_all(Collection::Case)?), [b"kept"]);
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(keys(vault.list_all(Collection::Case).unwrap()), [b"kept"]);
}

#[test]
fn a_transaction_that_ends_in_an_error_keeps_nothing() {
    let (_directory, mut vault) = new_vault();
    put(&mut vault, Collection::Case, b"before", b"value");
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        transaction.put(Collection::Case, b"", b"after", 0, b"value")?;
        transaction.delete(Collection::Case, b"before")?;
        Err(VaultError::NotFound)
    });
    assert!(matches!(outcome, Err(VaultError::NotFound)));
    assert_eq!(keys(vault.list_all(Collection::Case).unwrap()), [b"before"]);
    put(&mut vault, Collection::Case, b"after", b"value");
    assert_eq!(vault.list_all(Collection::Case).unwrap().len(), 2);
}

#[test]
fn a_transaction_that_panics_keeps_nothing() {
    let (_directory, mut vault) = new_vault();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _: Result<(), VaultError> = vault.transaction(|transaction| {
            transaction.put(Collection::Case, b"", b"key", 0, b"value")?;
            panic!("in the middle of a change");
        });
    }));
    assert!(unwound.is_err());
    assert!(vault.list_all(Collection::Case).unwrap().is_empty());
    put(&mut vault, Collection::Case, b"key", b"value");
}

#[test]
fn a_full_disk_is_reported_and_keeps_what_was_committed_before() {
    let (_directory, mut vault) = new_vault();
    put(&mut vault, Collection::Case, b"before", b"value");
    let pages: i64 = vault
        .database()
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    limit_pages(&vault, pages + 2);

    let large = vec![0; 100_000];
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        transaction.put(Collection::Case, b"", b"small", 0, b"value")?;
        transaction.put(Collection::Case, b"", b"large", 0, &large)
    });
    assert!(matches!(outcome, Err(VaultError::DiskFull)));

    let swallowed: Result<(), VaultError> = vault.transaction(|transaction| {
        let full = transaction.put(Collection::Case, b"", b"large", 0, &large);
        assert!(matches!(full, Err(VaultError::DiskFull)));
        let later = transaction.put(Collection::Case, b"", b"small", 0, b"value");
        assert!(matches!(later, Err(VaultError::TransactionFailed)));
        Ok(())
    });
    assert!(matches!(swallowed, Err(VaultError::TransactionFailed)));

    assert_eq!(keys(vault.list_all(Collection::Case).unwrap()), [b"before"]);
    limit_pages(&vault, 1_000_000);
    put(&mut vault, Collection::Case, b"large", &large);
    assert!(vault.check().unwrap().is_sound());
}

fn limit_pages(vault: &Vault, pages: i64) {
    let set = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    vault
        .database()
        .connection
        .pragma_update_and_check(None, "max_page_count", pages, set)
        .unwrap();
}

#[test]
fn a_large_and_an_empty_record_are_stored_alike() {
    let (_directory, mut vault) = new_vault();
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    put(&mut vault, Collection::Attachment, b"large", &large);
    put(&mut vault, Collection::Attachment, b"", b"");
    let read = |key: &[u8]| vault.get(Collection::Attachment, key).unwrap().unwrap();
    assert_eq!(read(b"large"), large);
    assert_eq!(read(b""), b"");
}

#[test]
fn a_vault_is_made_durable_before_it_is_used() {
    let (_directory, vault) = new_vault();
    let setting = |name: &str| -> i64 {
        vault
            .database()
            .connection
            .pragma_query_value(None, name, |row| row.get(0))
            .unwrap()
    };
    assert_eq!(setting("synchronous"), 2, "FULL");
    assert_eq!(setting("secure_delete"), 1);
    assert_eq!(setting("temp_store"), 2, "MEMORY");
    assert_eq!(setting("trusted_schema"), 0);
    let mode: String = vault
        .database()
        .connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[test]
#[ignore = "measures; run with --release --ignored --nocapture"]
#[allow(clippy::print_stderr, reason = "a measurement for who runs it by hand")]
fn a_thousand_summaries_are_listed_fast_and_an_edit_is_one_commit() {
    let (directory, mut vault) = new_vault();
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        for number in 0..1_000_u32 {
            let key = number.to_be_bytes();
            transaction.put(Collection::Summary, b"", &key, i64::from(number), &[7; 300])?;
        }
        Ok(())
    });
    outcome.unwrap();
    let begin = std::time::Instant::now();
    assert_eq!(vault.list(Collection::Summary, b"").unwrap().len(), 1_000);
    eprintln!("list of 1,000 summaries: {:?}", begin.elapsed());

    let begin = std::time::Instant::now();
    for number in 0..200_u32 {
        put(
            &mut vault,
            Collection::Outbox,
            &number.to_be_bytes(),
            &[7; 300],
        );
    }
    eprintln!("one edit: {:?}", begin.elapsed() / 200);

    let plain = Connection::open(directory.path().join("plain.sqlite")).unwrap();
    plain
        .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (v BLOB)")
        .unwrap();
    let begin = std::time::Instant::now();
    for _ in 0..200 {
        plain
            .execute("INSERT INTO t VALUES (?1)", [[7_u8; 300]])
            .unwrap();
    }
    eprintln!("one plain FULL commit: {:?}", begin.elapsed() / 200);

    let home = vault.home().to_path_buf();
    vault
        .change_passphrase(PASSPHRASE, KeyDerivation::default())
        .unwrap();
    drop(vault);
    let begin = std::time::Instant::now();
    Vault::open(&home, PASSPHRASE).unwrap();
    eprintln!("open with the default derivation: {:?}", begin.elapsed());
}
