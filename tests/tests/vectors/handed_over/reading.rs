//! Reading a bundle file as a device that has nothing else: what the client's own door says of it.

use std::io::Cursor;

use nahtlos_client::bundle::{Imported, OpenedBundle};
use nahtlos_client::paper::words;
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::{SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::wire::paper::PaperText;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::hex;
use crate::world::{Device, World};

/// A paper as it is printed: words and text.
pub fn paper_of(device: &Device, world: &World, network: SpaceId) -> Value {
    let seed = DeviceSeed::from_secret(Secret32::from_bytes(device.seed));
    let text = PaperText {
        url: "https://relay.example".into(),
        relay: VerifyingKeyBytes(*world.relay.verifying_key().as_bytes()),
        network,
        device: Fingerprint::of(&device.id.0),
    };
    json!({
        "seed": hex(&device.seed),
        "words": words::of_seed(&seed).join(" "),
        "text": text.to_string(),
    })
}

/// A file that was opened with a paper.
pub struct Reading {
    pub opened: OpenedBundle,
    _directory: TempDir,
}

impl Reading {
    /// Opens a file with the words and the text of a paper.
    pub fn with(paper: &Value, file: &[u8]) -> Result<Self, ClientError> {
        let directory = tempfile::tempdir().expect("a directory");
        let text: PaperText = paper["text"]
            .as_str()
            .expect("text")
            .parse()
            .expect("a text");
        let seed = words::read(paper["words"].as_str().expect("words"), &text.device);
        let seed = seed.expect("the words are the text's");
        let opened = OpenedBundle::open(&mut Cursor::new(file), directory.path(), &seed, &text)?;
        Ok(Self {
            opened,
            _directory: directory,
        })
    }

    pub fn replica(&mut self) -> &mut Nahtlos {
        self.opened.replica().expect("it is open")
    }

    /// What the file brought, what of it is shown, and what stands there.
    pub fn said(&mut self) -> Value {
        let imported = numbers(self.opened.imported());
        let replica = self.replica();
        let carried = replica.carried_lines().expect("the vault reads");
        let carried: Vec<Value> = carried
            .iter()
            .map(|line| {
                json!({ "space": line.space, "state": line.state, "edits": line.edits,
                    "is_new_section": line.is_new_section })
            })
            .collect();
        let devices = replica.devices().expect("the vault reads");
        let own = devices
            .iter()
            .filter(|line| line.name.is_some() || line.this);
        let devices: Vec<Value> = own
            .map(|line| json!({ "id": line.id, "name": line.name, "state": line.state }))
            .collect();
        json!({ "imported": imported, "carried": carried, "devices": devices })
    }

    /// The documents of a case, as they are shown, by the code of the section.
    pub fn documents(&mut self, case: &str) -> Value {
        let replica = self.replica();
        let case = replica.find_case(case).expect("the case is here");
        let mut documents = serde_json::Map::new();
        for (kind, space) in &case.sections {
            let document = replica.section_document(&case, kind).expect("it opens");
            let one = json!({ "space": space.to_string(), "document": document.export_json() });
            documents.insert(kind.code(), one);
        }
        Value::Object(documents)
    }
}

/// How many of what.
pub fn numbers(imported: &Imported) -> Value {
    let mut refused: Vec<&str> = Vec::new();
    for one in &imported.refused {
        refused.extend((0..one.count).map(|_| one.reason));
    }
    refused.sort_unstable();
    json!({
        "operations": imported.operations,
        "envelopes": imported.envelopes,
        "pending": imported.pending,
        "known": imported.known,
        "not_shared": imported.not_shared,
        "left_out": imported.needs_newer,
        "refused": refused,
    })
}
