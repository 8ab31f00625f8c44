//! What somebody learns who has the disk, and the passphrase.

use super::*;

const MARKERS: [&[u8]; 3] = [
    b"MARKER-GROUP-Meier",
    b"MARKER-KEY-Meier",
    b"MARKER-VALUE-Meier",
];

#[test]
fn no_name_or_content_stands_in_any_file_open_or_closed() {
    let (_directory, mut vault) = new_vault();
    let home = vault.home().to_path_buf();
    let [group, key, value] = MARKERS;
    let outcome: Result<(), VaultError> = vault.transaction(|transaction| {
        for number in 0..50_u8 {
            let key = [key, &[number]].concat();
            transaction.put(Collection::Case, group, &key, 0, &value.repeat(200))?;
        }
        transaction.delete_group(Collection::Case, group)?;
        transaction.put(Collection::Case, group, key, 0, value)
    });
    outcome.unwrap();
    let while_open = raw_bytes(&home);
    drop(vault);
    let after_closing = raw_bytes(&home);
    for marker in MARKERS.into_iter().chain([PASSPHRASE]) {
        assert!(!contains(&while_open, marker));
        assert!(!contains(&after_closing, marker));
    }
    assert!(!home.join("vault.sqlite-wal").exists());
}

#[test]
fn the_same_search_finds_the_markers_in_a_plain_database() {
    let home = tempfile::tempdir().unwrap();
    let plain = raw_database(home.path());
    plain
        .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (g BLOB, k BLOB, v BLOB)")
        .unwrap();
    plain
        .execute("INSERT INTO t VALUES (?1, ?2, ?3)", MARKERS)
        .unwrap();
    let while_open = raw_bytes(home.path());
    drop(plain);
    let after_closing = raw_bytes(home.path());
    for marker in MARKERS {
        assert!(contains(&while_open, marker));
        assert!(contains(&after_closing, marker));
    }
}

#[test]
fn only_the_right_passphrase_opens() {
    let (_directory, vault) = new_vault();
    let home = vault.home().to_path_buf();
    drop(vault);
    for wrong in [&b"another passphrase"[..], b"an invented passphrase ", b"a"] {
        assert!(matches!(
            Vault::open(&home, wrong),
            Err(VaultError::WrongPassphrase)
        ));
    }
    assert!(matches!(
        Vault::open(&home, b""),
        Err(VaultError::EmptyPassphrase)
    ));
    assert!(Vault::open(&home, PASSPHRASE).is_ok());
}

#[test]
fn a_changed_passphrase_replaces_the_old_one_and_keeps_the_records() {
    let (_directory, mut vault) = new_vault();
    let home = vault.home().to_path_buf();
    put(&mut vault, Collection::Case, b"key", b"value");
    let old_header = schema::read_header(&vault.database().connection).unwrap();
    let derivation = KeyDerivation::fast_for_tests();
    assert!(matches!(
        vault.change_passphrase(b"", derivation),
        Err(VaultError::EmptyPassphrase)
    ));
    vault.change_passphrase(b"the new one", derivation).unwrap();
    // An old header that stayed behind would let the old passphrase open the vault key.
    assert!(!contains(&raw_bytes(&home), &old_header));
    drop(vault);

    assert!(matches!(
        Vault::open(&home, PASSPHRASE),
        Err(VaultError::WrongPassphrase)
    ));
    let vault = Vault::open(&home, b"the new one").unwrap();
    assert_eq!(
        vault.get(Collection::Case, b"key").unwrap().unwrap(),
        b"value"
    );
    let new_header = schema::read_header(&vault.database().connection).unwrap();
    assert!(contains(&raw_bytes(&home), &new_header));
}

#[test]
fn an_unacceptable_passphrase_or_derivation_creates_nothing() {
    let (_directory, home) = new_home();
    let weak = KeyDerivation {
        memory_kib: 1024,
        ..KeyDerivation::default()
    };
    let outcome = Vault::create(&home, PASSPHRASE, weak, &mut CountingRng(0));
    assert!(matches!(outcome, Err(VaultError::DerivationRefused { .. })));
    let strong = KeyDerivation::default();
    let outcome = Vault::create(&home, b"", strong, &mut CountingRng(0));
    assert!(matches!(outcome, Err(VaultError::EmptyPassphrase)));
    assert!(!home.exists());
    assert!(create_at(&home).is_ok());
}

#[test]
fn debugging_output_shows_neither_key_nor_home() {
    let (_directory, vault) = new_vault();
    assert_eq!(format!("{vault:?}"), "Vault { .. }");
}

#[test]
fn a_vault_can_move_to_another_thread() {
    fn require_send<T: Send>(_: &T) {}
    let (_directory, vault) = new_vault();
    require_send(&vault);
}

#[cfg(unix)]
#[test]
fn permissions_that_became_too_wide_are_narrowed_when_opening() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, vault) = new_vault();
    let home = vault.home().to_path_buf();
    drop(vault);
    let widen = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    widen(&home, 0o755);
    widen(&home.join("vault.sqlite"), 0o644);
    let mut vault = Vault::open(&home, PASSPHRASE).unwrap();
    put(&mut vault, Collection::Case, b"key", b"value");
    super::processes::assert_private(&home, &["vault.lock", "vault.sqlite", "vault.sqlite-wal"]);
}
