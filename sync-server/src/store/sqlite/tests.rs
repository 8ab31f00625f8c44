//! The conformance suite, and what only SQLite can do wrong.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::SqliteStore;
use crate::store::{Reader, Store, StoreError, conformance};

#[test]
fn sqlite_passes_the_conformance_suite() {
    conformance::run(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.sqlite");
        conformance::Fixture {
            reopen: Box::new(move || Box::new(SqliteStore::open(&path, None).unwrap())),
            _directory: directory,
        }
    });
}

#[test]
fn a_full_disk_is_told_from_other_failures_and_loses_nothing_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sqlite");
    let mut store = SqliteStore::open(&path, Some(200 * 1024)).unwrap();
    let big = vec![7; 300 * 1024];
    store.begin().unwrap();
    store.put_item(&conformance::item(1, &[1])).unwrap();
    store.commit().unwrap();
    store.begin().unwrap();
    let refused = store.put_item(&conformance::item(2, &big));
    assert!(matches!(refused, Err(StoreError::Full(_))));
    store.roll_back();
    assert!(store.item(1).unwrap().is_some());
    assert!(store.item(2).unwrap().is_none());
}

#[test]
fn only_the_owner_can_read_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sqlite");
    let mut store = SqliteStore::open(&path, None).unwrap();
    store.probe(1).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert_eq!(files, 3, "database, -wal and -shm");
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sqlite");
    drop(SqliteStore::open(&path, None).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    for opened in [
        SqliteStore::open(&path, None),
        SqliteStore::open_to_read(&path),
    ] {
        assert!(matches!(
            opened,
            Err(StoreError::NeedsNewer { found: 99, .. })
        ));
    }
    connection.pragma_update(None, "user_version", 1).unwrap();
    assert!(SqliteStore::open_to_read(&path).is_ok());
}
