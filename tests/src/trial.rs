//! What a device's keys open of everything the relay stores, whoever may see it: permissions are
//! not asked.

use nahtlos_casework::SectionKind;
use nahtlos_client::audit::{KeyTrial, StoredWrap};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_relay::store::Reader;
use nahtlos_relay::store::sqlite::SqliteStore;

use crate::{Home, World};

impl World {
    /// Every envelope of a section that the relay stores, oldest first.
    ///
    /// # Panics
    /// Where the relay's store cannot be read.
    #[must_use]
    pub fn stored_envelopes(&self, home: &Home, case: &str, kind: &SectionKind) -> Vec<Envelope> {
        let case = home.nahtlos.find_case(case).expect("the case");
        let space = case.section(kind).expect("the section");
        let database = self.directory.path().join("relay/relay.sqlite");
        let store = SqliteStore::open_to_read(&database).expect("the store");
        let places = store.envelope_places(&space).expect("places");
        let stored = places.into_iter().map(|place| {
            let item = store.item(place).expect("a readable store");
            let bytes = item.expect("an item").bytes.expect("its bytes");
            Envelope::decode(&bytes).expect("an envelope")
        });
        stored.collect()
    }

    /// Everything a device can open with, once the relay has handed it every wrap it stores.
    ///
    /// # Panics
    /// Where the relay's store cannot be read.
    #[must_use]
    pub fn trial_with_all_wraps(&self, home: &Home) -> KeyTrial {
        self.with_all_wraps(home.nahtlos.key_trial().expect("a trial"))
    }

    /// The same for keys that are no home's.
    ///
    /// # Panics
    /// Where the relay's store cannot be read.
    #[must_use]
    pub fn with_all_wraps(&self, mut trial: KeyTrial) -> KeyTrial {
        let database = self.directory.path().join("relay/relay.sqlite");
        let connection = rusqlite::Connection::open(database).expect("the store");
        let mut wraps = connection
            .prepare(
                "SELECT body.bytes, wraps.recipient, wraps.bytes FROM wraps \
                 JOIN body ON body.sequence = wraps.operation",
            )
            .expect("a table of wraps");
        let wraps: Vec<(Vec<u8>, [u8; 32], Vec<u8>)> = wraps
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("rows");
        let operations = self.stored_operations();
        let wraps: Vec<StoredWrap<'_>> = wraps
            .iter()
            .map(|(operation, recipient, bytes)| StoredWrap {
                operation,
                recipient: *recipient,
                bytes,
            })
            .collect();
        trial.take_wraps(&wraps, &operations);
        trial
    }

    /// Every operation that the relay stores.
    ///
    /// # Panics
    /// Where the relay's store cannot be read.
    #[must_use]
    pub fn stored_operations(&self) -> Vec<Vec<u8>> {
        let database = self.directory.path().join("relay/relay.sqlite");
        let connection = rusqlite::Connection::open(database).expect("the store");
        let mut operations = connection
            .prepare("SELECT body.bytes FROM journal JOIN body USING (sequence) WHERE kind = 1")
            .expect("a journal");
        operations
            .query_map([], |row| row.get(0))
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("rows")
    }

    /// Which of these envelopes a device can open, every wrap in its hands.
    #[must_use]
    pub fn opens(&self, home: &Home, envelopes: &[Envelope]) -> Vec<bool> {
        let trial = self.trial_with_all_wraps(home);
        let opens = envelopes.iter().map(|envelope| trial.opens(envelope));
        opens.collect()
    }
}
