//! The first inputs of each entry: what the vectors hold, and what the document's own code makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use nahtlos_document::{Document, SnapshotLimits};
use serde_json::Value;

use super::fixture;

/// Inputs by the name of their entry.
pub type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// Where the kept inputs lie: a directory for each entry.
#[must_use]
pub fn corpus() -> PathBuf {
    tests().join("fuzz/corpus")
}

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every first input.
///
/// # Panics
/// Where a vector cannot be read.
#[must_use]
pub fn all() -> Seeds {
    let mut seeds = Seeds::new();
    from_forms(&mut seeds);
    from_refused(&mut seeds);
    of_documents(&mut seeds);
    of_texts(&mut seeds);
    of_programs(&mut seeds);
    of_bundles(&mut seeds);
    seeds
}

fn add(seeds: &mut Seeds, name: &'static str, input: Vec<u8>) {
    seeds.entry(name).or_default().push(input);
}

fn vectors(file: &str) -> Vec<Value> {
    let path = tests().join("vectors/v1").join(file);
    let text = std::fs::read_to_string(path).expect("a file of vectors");
    let mut file: Value = serde_json::from_str(&text).expect("JSON");
    match file["vectors"].take() {
        Value::Array(vectors) => vectors,
        other => panic!("no vectors but {other}"),
    }
}

fn bytes(vector: &Value, field: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(vector[field].as_str()?.as_bytes()).ok()
}

fn from_forms(seeds: &mut Seeds) {
    let files: [(&str, &[(&'static str, &str)]); 12] = [
        ("operations", &[("operation", "bytes")]),
        ("effects", &[("operation_body", "bytes")]),
        ("headers", &[("header", "bytes")]),
        (
            "envelopes",
            &[
                ("envelope", "bytes"),
                ("payload", "plaintext"),
                ("snapshot_payload", "plaintext"),
            ],
        ),
        ("wraps", &[("wrap", "wrap"), ("wrap", "link")]),
        (
            "sealing",
            &[
                ("sealed", "sealed"),
                ("sealed", "bytes"),
                ("sealed", "padded"),
            ],
        ),
        ("receipts", &[("receipt", "bytes")]),
        ("journal", &[("receipt", "bytes")]),
        ("sync_requests", &[("sync_request", "bytes")]),
        ("sync_responses", &[("sync_response", "bytes")]),
        ("joining", &[("claim_request", "bytes"), ("join", "bytes")]),
        (
            "keys",
            &[("public_key", "verifying"), ("public_key", "kem")],
        ),
    ];
    for (file, fields) in files {
        for vector in vectors(&format!("forms/{file}.json")) {
            for (name, field) in fields {
                bytes(&vector, field)
                    .into_iter()
                    .for_each(|input| add(seeds, name, input));
            }
        }
    }
    for vector in vectors("forms/operations.json") {
        // Without the outer array, byte string head and signature: the body alone.
        let signed = bytes(&vector, "bytes").unwrap_or_default();
        let mut decoder = minicbor::Decoder::new(&signed);
        if decoder.array().is_ok()
            && let Ok(body) = decoder.bytes()
        {
            add(seeds, "operation_body", body.to_vec());
        }
    }
    for vector in vectors("forms/joining.json") {
        if let Some(text) = vector["text"].as_str() {
            add(seeds, "texts", text.as_bytes().to_vec());
        }
    }
    for vector in vectors("forms/tokens.json") {
        for field in ["token", "time"] {
            let text = vector[field].as_str().expect("text");
            add(seeds, "token", text.as_bytes().to_vec());
            if let Ok(signed) = BASE64URL_NOPAD.decode(text.as_bytes()) {
                // The token within `[token, signature (66)]`.
                add(seeds, "token", signed[1..signed.len() - 66].to_vec());
            }
        }
    }
}

fn from_refused(seeds: &mut Seeds) {
    for vector in vectors("refused/bytes.json") {
        let Some(input) = bytes(&vector, "bytes").filter(|input| input.len() < 4096) else {
            continue;
        };
        let name = match vector["form"].as_str() {
            Some("operation") => "operation",
            Some("envelope") => "envelope",
            Some("sync request") => "sync_request",
            Some("receipt") => "receipt",
            _ => continue,
        };
        add(seeds, name, input);
    }
}

fn of_documents(seeds: &mut Seeds) {
    let change = fixture::beats_change();
    let data = fixture::data_of(change.as_bytes());
    add(seeds, "change", change.as_bytes().to_vec());
    add(seeds, "change", data.to_vec());
    add(seeds, "gate", batches(&[&[data]]));
    let mut beat = fixture::scene().clone();
    let _taken = beat.apply(
        &[change.as_bytes().to_vec()],
        &|_| true,
        &nahtlos_document::GateLimits::default(),
    );
    beat.set_actor(fixture::BEAT);
    let next = fixture::edit(&mut beat, |editor| {
        editor.put(["client", "name"], "Synthetic")
    });
    let next = fixture::data_of(next.as_bytes());
    add(seeds, "gate", batches(&[&[data, next]]));
    add(seeds, "gate", batches(&[&[data], &[next]]));
    for document in [
        fixture::scene().clone(),
        fixture::with_concurrent_edits(),
        beat,
    ] {
        add(
            seeds,
            "snapshot",
            [&[0], fixture::data_of(&document.save())].concat(),
        );
    }
    let snapshot = fixture::scene()
        .snapshot(&SnapshotLimits::default())
        .expect("within the limits");
    let whole = [
        &[0xff],
        snapshot.bytes.to_le_bytes().as_slice(),
        &snapshot.compressed,
    ]
    .concat();
    add(seeds, "snapshot", whole);
    let empty = Document::genesis(&["entries"]).expect("a document");
    add(
        seeds,
        "snapshot",
        [&[0], fixture::data_of(&empty.save())].concat(),
    );
}

/// The form that the entry `gate` reads.
#[must_use]
pub fn batches(batches: &[&[&[u8]]]) -> Vec<u8> {
    let mut input = Vec::new();
    for batch in batches {
        input.push(batch.len() as u8 - 1);
        for data in *batch {
            input.push(0);
            input.extend((data.len() as u16).to_le_bytes());
            input.extend(*data);
        }
    }
    input
}

fn of_texts(seeds: &mut Seeds) {
    let case = tests().join("../core/casework/tests/data/case-mosimann.json");
    add(
        seeds,
        "case_file",
        std::fs::read(case).expect("the example"),
    );
    for (chosen, table) in [
        (
            0,
            "official_name;first_name;birth\r\nMosimann;Ruth;17.05.1982\r\n",
        ),
        (1, "kind,text\ncontact,\"Gespräch, lang\"\n"),
        (2, "title,due\nAnrufen,2026-12-01\n"),
        (3, "employer,from,to\nBäckerei,2019-01,2020-02\n"),
        (
            0,
            r#"{"schema_version":1,"list":"permits","extract":true,"entries":[{"code":"02","de":"B","fr":"B"}]}"#,
        ),
    ] {
        let input = [&[chosen], table.as_bytes()].concat();
        add(seeds, "tables", input);
    }
    for text in [
        "756.1234.5678.97",
        "1985-05",
        "1985-05-17",
        "Ruth Mosimann",
        "+41 79 555 01 42",
        "ruth@example.ch",
        "CHE-123.456.789",
        "rav-langnau=50;soz-oberemmental=50",
        "BE-2026-AB-000001",
        "de",
        "B2",
        "50",
        "1234.55",
        "3550",
        "0902",
        "BE",
        "CH",
        "2026-11-22T02:00:00Z",
        "person:0a0a0a0a0a0a0a0a",
        r#"{"street":"Dorfstrasse 1","postcode":"3550","place":"Langnau"}"#,
        "measure/ab12",
    ] {
        add(seeds, "fields", text.as_bytes().to_vec());
    }
    for text in [
        r#"{"name":"Eva Sommer","function":"coach"}"#,
        r#"{"name":"RAV Langnau","kind":"alv"}"#,
        r#"{"code":"device_unknown","detail":"d","title":"t"}"#,
        r#"{"name":"Team","institution":"00"}"#,
    ] {
        add(seeds, "client", text.as_bytes().to_vec());
    }
    let label = [
        &[0x83, 0x64],
        b"plan".as_slice(),
        &[0x58, 0x20],
        &[1; 32],
        &[0x50],
        &[2; 16],
    ]
    .concat();
    add(seeds, "client", label);
}

fn of_programs(seeds: &mut Seeds) {
    let counted =
        |step: u8, length: u8| (0..length).map(|place| place.wrapping_mul(step)).collect();
    for step in [1, 3, 7, 11, 37, 91, 131, 201] {
        add(seeds, "log", counted(step, 200));
        add(seeds, "graph", counted(step, 250));
    }
}

/// Whole files, and what stands in them one part after the other.
fn of_bundles(seeds: &mut Seeds) {
    for vector in vectors("added/bundles.json") {
        if let Some(file) = bytes(&vector, "file") {
            add(seeds, "bundle", file);
        }
        let parts = vector["parts"].as_array().expect("parts").iter();
        let mut together = Vec::new();
        for part in parts {
            let part = HEXLOWER.decode(part.as_str().expect("hex").as_bytes());
            let part = part.expect("hex");
            together.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            together.extend(&part);
            add(seeds, "bundle", part);
        }
        add(seeds, "bundle", together);
    }
}
