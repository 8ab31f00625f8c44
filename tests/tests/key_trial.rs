//! Trying keys on what a relay stores, without asking any permission: the measure that the
//! matrix of the demo rests on must say yes where a key is held, and no where none is.

use nahtlos_casework::SectionKind;
use nahtlos_client::audit::{KeyTrial, StoredWrap};
use nahtlos_client::{Case, ClientError};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::space::Role;
use nahtlos_relay::store::Reader;
use nahtlos_relay::store::sqlite::SqliteStore;
use nahtlos_tests::World;

fn envelopes(world: &World, case: &Case, kind: &SectionKind) -> Vec<Vec<u8>> {
    let database = world.directory.path().join("relay/relay.sqlite");
    let store = SqliteStore::open_to_read(&database).unwrap();
    let places = store.envelope_places(&case.section(kind).unwrap()).unwrap();
    let stored = places
        .into_iter()
        .map(|place| store.item(place).unwrap().unwrap().bytes.unwrap());
    stored.collect()
}

#[test]
fn a_key_trial_opens_exactly_what_was_granted_and_no_bytes_that_were_changed() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
    let number = berger.open_example_case();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let function = SectionKind::Function;
    let iv_team = "IV-Stelle Bern Team 1";
    berger.share(&number, &function, iv_team, Role::Read, "IVG68bis2");
    for home in [&mut berger, &mut iseli, &mut sommer] {
        home.sync();
    }
    let stored = envelopes(&world, &case, &function);
    assert!(!stored.is_empty(), "control");
    for bytes in &stored {
        assert!(berger.nahtlos.try_open(bytes).unwrap());
        assert!(iseli.nahtlos.try_open(bytes).unwrap());
        assert!(!sommer.nahtlos.try_open(bytes).unwrap());
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        assert!(!berger.nahtlos.try_open(&changed).unwrap_or(false));
    }
    for bytes in envelopes(&world, &case, &SectionKind::Core) {
        assert!(berger.nahtlos.try_open(&bytes).unwrap());
        assert!(!iseli.nahtlos.try_open(&bytes).unwrap());
    }
    assert!(matches!(
        sommer.nahtlos.try_open(b"not an envelope"),
        Err(ClientError::DamagedRecord { .. })
    ));
}

#[test]
fn a_relay_that_hands_over_every_wrap_gives_nobody_a_key_that_was_not_granted() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
    let number = berger.open_example_case();
    berger.sync();
    sommer.sync();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let database = world.directory.path().join("relay/relay.sqlite");
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut wraps = connection
        .prepare(
            "SELECT body.bytes, wraps.recipient, wraps.bytes FROM wraps \
             JOIN body ON body.sequence = wraps.operation",
        )
        .unwrap();
    let wraps: Vec<(Vec<u8>, [u8; 32], Vec<u8>)> = wraps
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut operations = connection
        .prepare("SELECT body.bytes FROM journal JOIN body USING (sequence) WHERE kind = 1")
        .unwrap();
    let operations: Vec<Vec<u8>> = operations
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let wraps: Vec<StoredWrap<'_>> = wraps
        .iter()
        .map(|(operation, recipient, bytes)| StoredWrap {
            operation,
            recipient: *recipient,
            bytes,
        })
        .collect();
    let stored = envelopes(&world, &case, &SectionKind::Core);
    let opens_all = |trial: &KeyTrial| {
        let mut envelopes = stored.iter().map(|bytes| Envelope::decode(bytes).unwrap());
        envelopes.all(|envelope| trial.opens(&envelope))
    };

    // Control: a device that has forgotten every seed but its own finds the way by the wraps.
    let mut from_nothing = berger.nahtlos.bare_key_trial();
    assert!(!opens_all(&from_nothing));
    assert!(from_nothing.take_wraps(&wraps, &operations) > 5);
    assert!(opens_all(&from_nothing));

    let mut trial = sommer.nahtlos.key_trial().unwrap();
    trial.take_wraps(&wraps, &operations);
    assert!(!opens_all(&trial));
}
