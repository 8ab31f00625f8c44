//! What this machine can do at best, measured in the same run, so that figures can be compared.

use std::hint::black_box;
use std::path::Path;

use nahtlos_casework::edit::{Edit, JournalEdit};
use nahtlos_casework::fields::{
    DeviceId, EntryId, Field, InstitutionId, JournalKind, JournalText, Name, PersonId, UtcTime,
};
use nahtlos_casework::{Author, SectionKind, containers};
use nahtlos_document::{Actor, Document};
use nahtlos_protocol::crypto::committing_aead;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;

use crate::load;
use crate::process::Child;
use crate::report::Report;
use crate::sampling::{interleaved, microseconds, milliseconds};

/// Entries in the journal of a case of fourteen months of which every change is an entry.
pub const LONG_JOURNAL_ENTRIES: u64 = 436;
/// People who write in it.
const LONG_JOURNAL_AUTHORS: u8 = 6;
/// What one record of a vault or one row of a journal is, roughly.
const RECORD_BYTES: usize = 300;

/// A SQLite database as vault and relay keep theirs: write-ahead log, `synchronous=FULL`.
pub struct PlainDatabase {
    connection: rusqlite::Connection,
}

impl PlainDatabase {
    /// A new database.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn new(file: &Path) -> Self {
        let connection = rusqlite::Connection::open(file).expect("a database");
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .expect("a write-ahead log");
        assert_eq!(mode, "wal");
        connection
            .execute_batch(
                "PRAGMA synchronous = FULL;
                 PRAGMA locking_mode = EXCLUSIVE;
                 CREATE TABLE record (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
            )
            .expect("a table");
        Self { connection }
    }

    /// One durable commit of one small record.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn commit(&self, number: u64) {
        self.put(&number.to_be_bytes(), &[7; RECORD_BYTES]);
    }

    /// One durable commit.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn put(&self, key: &[u8], value: &[u8]) {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO record VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute((key, value)))
            .expect("room on the disk");
    }

    /// Reads everything; returns how many bytes.
    ///
    /// # Panics
    /// Never on a good disk.
    pub fn read_all(&self) -> usize {
        let mut statement = self
            .connection
            .prepare_cached("SELECT key, value FROM record")
            .expect("a table");
        let mut rows = statement.query([]).expect("a query");
        let mut bytes = 0;
        while let Some(row) = rows.next().expect("a row") {
            let value: Vec<u8> = row.get(1).expect("a value");
            bytes += black_box(value).len();
        }
        bytes
    }
}

/// What other figures are held against.
pub struct Limits {
    /// One verify_strict, in microseconds.
    pub verify_us: f64,
    /// HTTP requests that are answered in a second, each with as many bytes as an edit has.
    pub echo_rate: f64,
    /// Processor time of the echo server for one of them, in microseconds.
    pub echo_processor_us: f64,
}

/// Clients of the HTTP echo, as many as of the relay.
const ECHO_CLIENTS: usize = 50;
const ECHO_REQUESTS: u32 = 200;
/// What a request with one edit is, roughly.
const ECHO_BYTES: usize = 1_000;

/// Measures the machine.
pub fn measure(report: &mut Report, directory: &Path) -> Limits {
    let database = PlainDatabase::new(&directory.join("machine.sqlite"));
    let mut number = 0;
    let message = [3; RECORD_BYTES];
    let signing = SigningKey::from_seed(&Secret32::from_bytes([1; 32]));
    let (verifying, signature) = (signing.verifying_key(), signing.sign(b"bench", &message));
    let key = Secret32::from_bytes([2; 32]);
    let plaintext = [4; 4 * 1024];
    let journal = long_journal().save();
    let reader = Actor::from_bytes([9; 16]);
    let [commit, verify, seal, load] = interleaved(
        200,
        [
            &mut || {
                number += 1;
                database.commit(number);
            },
            &mut || {
                black_box(verifying.verify(b"bench", &message, &signature)).expect("a signature");
            },
            &mut || {
                black_box(committing_aead::seal(
                    &key, &[5; 32], b"bench", b"header", &plaintext,
                ))
                .expect("a short text");
            },
            &mut || {
                black_box(Document::load(&journal, reader)).expect("a document");
            },
        ],
    );
    report.section("What this machine can do (medians of 200)");
    report.note(
        "one SQLite commit of 300 bytes, WAL, synchronous=FULL",
        microseconds(commit),
        "µs",
    );
    report.note(
        "one ed25519 verify_strict of 300 bytes",
        microseconds(verify),
        "µs",
    );
    report.note(
        "sealing 4 KiB (HKDF, commitment, padding, ChaCha20-Poly1305)",
        microseconds(seal),
        "µs",
    );
    report.note(
        "loading a journal of 14 months (436 entries), verified",
        milliseconds(load),
        "ms",
    );
    #[allow(clippy::cast_precision_loss)]
    report.note(
        "that journal, saved uncompressed",
        journal.len() as f64 / 1024.0,
        "KiB",
    );
    let (echo_rate, echo_processor_us) = measure_echo();
    report.note("HTTP echoes a second, 50 clients", echo_rate, "1/s");
    report.note(
        "processor time of the server for one",
        echo_processor_us,
        "µs",
    );
    Limits {
        verify_us: microseconds(verify),
        echo_rate,
        echo_processor_us,
    }
}

/// Rate, and microseconds of the server's processor time for each.
fn measure_echo() -> (f64, f64) {
    let mut server = Child::start(&["echo"]);
    let address = server.line().parse().expect("an address");
    let before = server.processor_time();
    let clients = vec![[7; ECHO_BYTES]; ECHO_CLIENTS];
    let (time, _) = load::run(address, clients, |connection, body| {
        for _ in 0..ECHO_REQUESTS {
            let answer = connection.post("/", "", &body);
            assert_eq!(answer.len(), body.len());
        }
    });
    let processor = server.processor_time() - before;
    #[allow(clippy::cast_precision_loss)]
    let requests = ECHO_CLIENTS as f64 * f64::from(ECHO_REQUESTS);
    (
        requests / time.as_secs_f64(),
        microseconds(processor) / requests,
    )
}

/// A journal as it is after fourteen months.
pub fn long_journal() -> Document {
    let mut document =
        Document::genesis(containers(&SectionKind::Journal)).expect("the format's containers");
    for number in 0..LONG_JOURNAL_ENTRIES {
        let author = u8::try_from(number % u64::from(LONG_JOURNAL_AUTHORS)).unwrap_or_default();
        document.set_actor(Actor::from_bytes([author + 1; 16]));
        add_entry(&mut document, number);
    }
    document
}

/// One change: an entry in a journal.
///
/// # Panics
/// Never.
pub fn add_entry(document: &mut Document, number: u64) {
    let author = author();
    let seconds = 1_700_000_000 + i64::try_from(number % 1_000).unwrap_or_default() * 36_000;
    let at = UtcTime::from_seconds(seconds).expect("a time");
    document
        .edit(seconds, None, |editor| {
            journal_entry(number).apply(editor, &author, at)
        })
        .expect("a valid edit");
}

/// An entry for a journal.
///
/// # Panics
/// Never.
pub fn journal_entry(number: u64) -> Edit {
    let text = format!(
        "Telefon {number} mit dem Betrieb: der Arbeitsversuch geht gut, das Pensum steigt ab Montag auf 60 %. \
         Nächstes Gespräch am runden Tisch, Unterlagen sind bei der IV-Stelle."
    );
    Edit::Journal(JournalEdit::AddEntry {
        id: EntryId::from_random(number.to_be_bytes()),
        at: None,
        kind: JournalKind::Note,
        text: JournalText::parse(&text).expect("a valid text"),
        correction_of: None,
    })
}

fn author() -> Author {
    let id = "ab".repeat(32);
    Author {
        device: DeviceId::parse(&id).expect("an id"),
        person: PersonId::parse(&id).expect("an id"),
        institution: InstitutionId::parse(&id).expect("an id"),
        display_name: Name::parse("Anna Berger").expect("a name"),
    }
}
