//! Several processes, interrupted creation, permissions.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

const ROLE: &str = "NAHTLOS_VAULT_TEST_ROLE";
const HOME: &str = "NAHTLOS_VAULT_TEST_HOME";

/// What another process does in the tests below, which start it.
#[test]
#[ignore = "only the other tests run this, in a process of its own"]
#[allow(clippy::print_stdout, reason = "how it tells the test that started it")]
fn as_another_process() {
    let home = PathBuf::from(std::env::var_os(HOME).unwrap());
    match std::env::var(ROLE).unwrap().as_str() {
        "create" => drop(create_at(&home).unwrap()),
        "be refused" => {
            let outcome = Vault::open(&home, PASSPHRASE);
            assert!(matches!(outcome, Err(VaultError::InUse)));
        }
        "hold an open transaction" => {
            let mut vault = Vault::open(&home, PASSPHRASE).unwrap();
            put(&mut vault, Collection::Case, b"committed", b"value");
            let _: Result<(), VaultError> = vault.transaction(|transaction| {
                transaction.put(Collection::Case, b"", b"not committed", 0, b"value")?;
                println!("\nHOLDING");
                std::thread::sleep(std::time::Duration::from_secs(600));
                Ok(())
            });
        }
        other => panic!("{other}"),
    }
}

fn start(role: &str, home: &Path) -> Child {
    // The umask that hides nothing by itself.
    Command::new("sh")
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "vault::tests::processes::as_another_process"])
        .args(["--ignored", "--nocapture"])
        .env(ROLE, role)
        .env(HOME, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn succeeds(role: &str, home: &Path) -> bool {
    start(role, home)
        .wait_with_output()
        .unwrap()
        .status
        .success()
}

#[cfg(unix)]
pub(super) fn assert_private(home: &Path, files: &[&str]) {
    use std::os::unix::fs::MetadataExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(home), 0o700);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.file_name());
        found.push(entry.file_name().into_string().unwrap());
    }
    found.sort();
    assert_eq!(found, files);
}

#[cfg(unix)]
#[test]
fn a_home_made_without_any_umask_is_private() {
    let (_directory, home) = new_home();
    assert!(succeeds("create", &home));
    assert_private(&home, &["vault.lock", "vault.sqlite"]);
}

#[cfg(unix)]
#[test]
fn a_killed_process_leaves_private_files_a_free_home_and_what_it_committed() {
    let (_directory, home) = new_home();
    drop(create_at(&home).unwrap());
    let mut holder = start("hold an open transaction", &home);
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "HOLDING"));
    assert!(matches!(
        Vault::open(&home, PASSPHRASE),
        Err(VaultError::InUse)
    ));
    assert_private(&home, &["vault.lock", "vault.sqlite", "vault.sqlite-wal"]);
    holder.kill().unwrap();
    holder.wait().unwrap();

    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert!(vault.get(Collection::Case, b"committed").unwrap().is_some());
    assert_eq!(vault.get(Collection::Case, b"not committed").unwrap(), None);
    assert!(vault.check().unwrap().is_sound());
}

#[test]
fn an_open_vault_is_refused_to_everybody_else() {
    let (_directory, vault) = new_vault();
    let home = vault.home().to_path_buf();
    for outcome in [Vault::open(&home, PASSPHRASE), create_at(&home)] {
        assert!(matches!(outcome, Err(VaultError::InUse)));
    }
    assert!(succeeds("be refused", &home));
    drop(vault);
    assert!(!succeeds("be refused", &home));
    assert!(Vault::open(&home, PASSPHRASE).is_ok());
}

#[test]
fn an_existing_vault_is_not_created_again() {
    let (_directory, mut vault) = new_vault();
    let home = vault.home().to_path_buf();
    put(&mut vault, Collection::Case, b"key", b"value");
    drop(vault);
    assert!(matches!(create_at(&home), Err(VaultError::AlreadyExists)));
    let vault = Vault::open(&home, PASSPHRASE).unwrap();
    assert!(vault.get(Collection::Case, b"key").unwrap().is_some());
}

#[test]
fn a_home_without_a_vault_is_not_found_and_stays_untouched() {
    let (directory, home) = new_home();
    assert!(matches!(
        Vault::open(&home, PASSPHRASE),
        Err(VaultError::NotFound)
    ));
    assert!(!home.exists());
    assert!(matches!(
        Vault::open(directory.path(), PASSPHRASE),
        Err(VaultError::NotFound)
    ));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_interrupted_creation_is_not_found_and_can_be_completed() {
    // After each step that comes before the one transaction with tables and header.
    let interruptions: [fn(&Path); 3] = [
        |_| (),
        |file| std::fs::write(file, b"").unwrap(),
        |file| {
            std::fs::write(file, b"").unwrap();
            schema::make_durable(&schema::connect(file).unwrap()).unwrap();
        },
    ];
    for interrupt in interruptions {
        let (_directory, home) = new_home();
        std::fs::create_dir(&home).unwrap();
        interrupt(&home.join(DATABASE_FILE));
        assert!(matches!(
            Vault::open(&home, PASSPHRASE),
            Err(VaultError::NotFound)
        ));
        drop(create_at(&home).unwrap());
        assert!(Vault::open(&home, PASSPHRASE).is_ok());
    }
}
