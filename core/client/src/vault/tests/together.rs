//! Several transactions as one.

use super::*;
use crate::nahtlos::Nahtlos;

fn keys(vault: &Vault) -> usize {
    vault.list_all(Collection::Case).unwrap().len()
}

#[test]
fn transactions_within_one_see_each_other_and_are_kept_or_undone_together() {
    let (_directory, home) = new_home();
    let mut vault = create_at(&home).unwrap();
    put(&mut vault, Collection::Case, b"before", b"");
    vault.begin().unwrap();
    put(&mut vault, Collection::Case, b"first", b"");
    put(&mut vault, Collection::Case, b"second", b"");
    assert_eq!(keys(&vault), 3, "each sees the ones before");
    vault.undo();
    assert_eq!(keys(&vault), 1);

    vault.begin().unwrap();
    put(&mut vault, Collection::Case, b"first", b"");
    let refused = vault.transaction(|transaction| {
        transaction.put(Collection::Case, b"", b"refused", 0, b"value")?;
        Err(VaultError::InUse)
    });
    let refused: Result<(), VaultError> = refused;
    assert!(refused.is_err());
    put(&mut vault, Collection::Case, b"second", b"");
    vault.end().unwrap();
    drop(vault);
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert_eq!(keys(&vault), 3, "one of them was undone alone");
}

#[test]
fn what_was_begun_and_not_ended_before_the_program_did_is_not_there() {
    let (_directory, home) = new_home();
    let mut vault = create_at(&home).unwrap();
    put(&mut vault, Collection::Case, b"before", b"");
    vault.begin().unwrap();
    put(&mut vault, Collection::Case, b"first", b"");
    drop(vault);
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert_eq!(keys(&vault), 1);
}

#[test]
fn a_home_whose_making_was_interrupted_gets_its_device_at_the_next_start() {
    let (_directory, home) = new_home();
    drop(create_at(&home).unwrap());
    let nahtlos = Nahtlos::open(&home, PASSPHRASE).unwrap();
    let device = nahtlos.device_id();
    drop(nahtlos);
    let again = Nahtlos::open(&home, PASSPHRASE).unwrap();
    assert_eq!(again.device_id(), device, "the same one from then on");

    let (_directory, home) = new_home();
    let mut vault = create_at(&home).unwrap();
    put(&mut vault, Collection::Case, b"case", b"");
    drop(vault);
    let refused = Nahtlos::open(&home, PASSPHRASE).map(drop).unwrap_err();
    assert_eq!(refused.code(), "vault_damaged", "control: not empty");
}
