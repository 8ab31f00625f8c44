//! A vault of an earlier version of this software, kept: whatever vaults will be, this one opens.
//!
//! `fixtures/vault-v1` was made by the ignored test below, with invented people, under the weakest
//! passphrase derivation that was ever accepted. A new format gets a vault beside it, and the program
//! a way from each kept one to the newest; a kept vault is never made again.

use std::path::{Path, PathBuf};

use nahtlos_client::vault::{Collection, KeyDerivation, VaultError};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_tests::{PASSPHRASE, World, note_saying};

const TYPED_LAST: &str = "Noch nicht zugestellt.";

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vault-v1/vault.sqlite")
}

/// A home of its own with the kept vault in it.
fn home(world: &World, name: &str) -> PathBuf {
    let home = world.directory.path().join(name);
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(kept(), home.join("vault.sqlite")).unwrap();
    home
}

#[test]
#[ignore = "makes the vault that is kept: once for each format"]
fn making_the_kept_vault() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.sync();
    berger
        .nahtlos
        .edit_case(&number, &[note_saying(1, TYPED_LAST)])
        .unwrap();
    let weakest = KeyDerivation {
        memory_kib: 19 * 1024,
        iterations: 2,
        lanes: 1,
    };
    let vault = berger.nahtlos.vault_mut();
    vault.change_passphrase(PASSPHRASE, weakest).unwrap();
    let path = berger.path.clone();
    drop(berger);
    assert!(!kept().exists(), "a kept vault is never made again");
    std::fs::create_dir_all(kept().parent().unwrap()).unwrap();
    std::fs::copy(path.join("vault.sqlite"), kept()).unwrap();
}

#[test]
fn a_vault_of_format_1_opens_and_its_case_is_read() {
    let world = World::new();
    home(&world, "kept");
    let mut kept = world.reopen("kept");
    let strengthened = kept.nahtlos.vault_mut().strengthened().unwrap();
    assert_eq!(strengthened.to, KeyDerivation::default());

    let findings = kept.nahtlos.check_vault().unwrap();
    assert!(findings.is_sound(), "{findings:?}");
    assert!(
        findings.sound_logs > 3 && findings.sound_receipts > 5,
        "{findings:?}"
    );
    let status = kept.nahtlos.status().unwrap();
    assert_eq!(status.person.as_deref(), Some("Anna Berger"));
    assert_eq!(status.institution.as_deref(), Some("RAV Langnau"));
    let cases = kept.nahtlos.cases().unwrap();
    assert_eq!(cases.len(), 1);
    let number = cases[0].summary.case_number.clone().unwrap();
    let journal = kept.journal(&number);
    assert!(journal.len() > 1, "what was delivered too: {journal:?}");
    assert!(journal.contains(&format!("Anna Berger: {TYPED_LAST}")));
    assert_eq!(kept.nahtlos.undelivered().unwrap().len(), 1);
    // It is a device's own home still, which works on.
    assert!(kept.nahtlos.restored_backup().unwrap().is_none());
    let edit = note_saying(2, "Weiter.");
    kept.nahtlos.edit_case(&number, &[edit]).unwrap();
    let kept = world.closed_and_reopened(kept);
    assert!(
        kept.journal(&number)
            .contains(&"Anna Berger: Weiter.".into())
    );
}

#[test]
fn a_vault_of_a_newer_format_is_refused_with_its_number_and_left_as_it_is() {
    let world = World::new();
    let home = home(&world, "newer");
    let file = home.join("vault.sqlite");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", 2).unwrap();
    drop(database);
    let newer = std::fs::read(&file).unwrap();
    let refused = [
        Nahtlos::open(&home, PASSPHRASE).err(),
        Nahtlos::restore(&world.directory.path().join("other"), &file, PASSPHRASE).err(),
        Nahtlos::create(&home, PASSPHRASE, KeyDerivation::fast_for_tests()).err(),
    ];
    for refusal in refused {
        assert!(
            matches!(
                refusal,
                Some(ClientError::Vault(VaultError::UnknownFormat {
                    found: 2,
                    supported: 1
                }))
            ),
            "{refusal:?}"
        );
    }
    assert_eq!(std::fs::read(&file).unwrap(), newer);
    let database = rusqlite::Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    drop(database);
    assert!(Nahtlos::open(&home, PASSPHRASE).is_ok(), "control");
}

#[test]
fn a_log_that_was_put_together_from_other_operations_is_found_by_the_check() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    berger.open_example_case();
    berger.sync();
    assert!(berger.nahtlos.check_vault().unwrap().is_sound(), "control");
    // What a program with a defect could do: sealed as every record is, and not what it says.
    let operations = berger.nahtlos.vault_mut().list_all(Collection::Operation);
    let operations = operations.unwrap();
    let longest = operations.iter().max_by_key(|(_, bytes)| bytes.len());
    let (key, bytes) = longest.unwrap().clone();
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    put(&mut berger.nahtlos, Collection::Operation, &key, &altered);
    let findings = berger.nahtlos.check_vault().unwrap();
    assert!(findings.records.is_sound(), "every record opens");
    assert!(!findings.is_sound());
    assert!(!findings.broken_logs.is_empty(), "{findings:?}");
    put(&mut berger.nahtlos, Collection::Operation, &key, &bytes);

    let receipts = berger.nahtlos.vault_mut().list_all(Collection::Receipt);
    let receipts = receipts.unwrap();
    let [(first, _), (_, other), ..] = receipts.as_slice() else {
        panic!("{}", receipts.len());
    };
    put(&mut berger.nahtlos, Collection::Receipt, first, other);
    let findings = berger.nahtlos.check_vault().unwrap();
    assert_eq!(findings.foreign_receipts, 1, "{findings:?}");
    let seeds = berger.nahtlos.vault_mut().list_all(Collection::EpochSeed);
    let seeds = seeds.unwrap();
    let [(first, _), (_, other), ..] = seeds.as_slice() else {
        panic!("{}", seeds.len());
    };
    put(&mut berger.nahtlos, Collection::EpochSeed, first, other);
    let findings = berger.nahtlos.check_vault().unwrap();
    assert_eq!(findings.misplaced, [Collection::EpochSeed]);
}

/// Under its own group and position, so that only the value is another.
fn put(nahtlos: &mut Nahtlos, collection: Collection, key: &[u8], value: &[u8]) {
    let (group, position) = match collection {
        Collection::Operation => {
            let index: [u8; 8] = key[32..].try_into().unwrap();
            (&key[..32], i64::from_be_bytes(index))
        }
        _ => (&b""[..], 0),
    };
    let stored: Result<(), VaultError> = nahtlos
        .vault_mut()
        .transaction(|transaction| transaction.put(collection, group, key, position, value));
    stored.unwrap();
}
