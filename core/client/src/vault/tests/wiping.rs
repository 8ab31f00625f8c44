//! A vault that is destroyed: the key first, then the files.

use super::*;

/// A home with a vault, and the wrapped key that its header holds.
fn vault_with_header() -> (TempDir, Vault, Vec<u8>) {
    let (directory, mut vault) = new_vault();
    put(&mut vault, Collection::Outbox, b"one", b"typed");
    let header = schema::read_header(&vault.database().connection).unwrap();
    // Where another transaction was carried over, the header stands in the database file itself.
    schema::settle(&vault.database().connection).unwrap();
    assert!(contains(&raw_bytes(vault.home()), &header), "control");
    (directory, vault, header)
}

#[test]
fn a_wiped_home_is_gone() {
    let (_directory, vault, _) = vault_with_header();
    let home = vault.home().to_path_buf();
    vault.wipe().unwrap();
    assert!(!home.exists());
    assert!(matches!(
        Vault::open(&home, PASSPHRASE),
        Err(VaultError::NotFound)
    ));
}

#[test]
fn what_else_lies_in_a_wiped_home_stays() {
    let (_directory, vault, _) = vault_with_header();
    let home = vault.home().to_path_buf();
    std::fs::write(home.join("letter.txt"), b"a person's own").unwrap();
    vault.wipe().unwrap();
    let left = std::fs::read_dir(&home).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["letter.txt"]);
}

/// The program ends right after the key was destroyed.
#[test]
fn where_wiping_breaks_off_after_the_key_nothing_opens_and_the_next_opening_removes_the_rest() {
    let (_directory, mut vault, header) = vault_with_header();
    let home = vault.home().to_path_buf();
    vault.destroy_key().unwrap();
    drop(vault);
    let left = raw_bytes(&home);
    assert!(!contains(&left, &header), "the wrapped key is overwritten");
    assert!(left.len() > 1000, "control: the records are still there");
    assert!(matches!(
        Vault::open(&home, PASSPHRASE),
        Err(VaultError::Wiped)
    ));
    assert!(!home.exists(), "finished");
}

#[cfg(feature = "test-key-derivation")]
#[test]
fn where_wiping_breaks_off_before_the_key_nothing_is_lost_and_after_it_nothing_opens() {
    for keeps in [false, true] {
        let (_directory, mut vault, _) = vault_with_header();
        let home = vault.home().to_path_buf();
        vault.set_fault(Some(Fault::Crash { after: 0, keeps }));
        assert!(vault.wipe().is_err());
        match Vault::open(&home, PASSPHRASE) {
            Ok(vault) => {
                assert!(!keeps);
                let typed = vault.get(Collection::Outbox, b"one").unwrap();
                assert_eq!(typed.as_deref(), Some(b"typed".as_slice()));
            }
            Err(VaultError::Wiped) => {
                assert!(keeps);
                assert!(!home.exists());
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// The database is gone, the lock file not: as after a crash at the last step.
#[test]
fn a_home_of_which_only_the_lock_is_left_is_a_home_without_a_vault() {
    let (_directory, vault, _) = vault_with_header();
    let home = vault.home().to_path_buf();
    vault.wipe().unwrap();
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("vault.lock"), b"").unwrap();
    assert!(matches!(
        Vault::open(&home, PASSPHRASE),
        Err(VaultError::NotFound)
    ));
    create_at(&home).unwrap();
}
