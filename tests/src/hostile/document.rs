//! Foreign changes and snapshots, with the checksum an author would give them, and then everything
//! that reads a document.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use nahtlos_casework::access::AccessView;
use nahtlos_casework::plan_version::{
    PlanVersions, ReadingRules, SignatureCheck, SignatureDoubt, SignedEntry, Signer,
    institutions_that_led,
};
use nahtlos_casework::view::{
    AttachmentsView, ConsentView, CoreView, DisputesView, EnquiryView, FormView, FunctionView,
    IdentView, JournalView, PlanView, ProcessView, TasksView,
};
use nahtlos_casework::{Author, PLAIN_SECTIONS, SectionKind, conflicts};
use nahtlos_document::{
    Actor, ChangeHash, Document, EncodedChange, GateLimits, Snapshot, SnapshotLimits,
};

use super::columns::unsigned;
use super::fixture::{self, CARLA, chunk, edit};
use super::source::Source;

/// As it is, and as the data of a change whose checksum is right.
pub fn change(bytes: &[u8]) {
    for candidate in [bytes.to_vec(), chunk(1, bytes)] {
        if let Ok(change) = EncodedChange::from_bytes(candidate.clone()) {
            assert_eq!(change.as_bytes(), candidate, "another change than was sent");
        }
    }
}

/// Batches, each of some changes behind their lengths.
pub fn gate(bytes: &[u8]) {
    let mut source = Source(bytes);
    let mut document = fixture::with_concurrent_edits();
    for _ in 0..4 {
        let mut batch = Vec::new();
        for _ in 0..=source.below(3) {
            let kind = source.byte();
            let data = source.part();
            batch.push(if kind == 0xff {
                data.to_vec()
            } else {
                chunk(1, data)
            });
        }
        let _verdict = offer(&mut document, &batch);
        if source.is_empty() {
            break;
        }
    }
}

/// Offers a batch; it is taken whole and by every replica, or the document is as it was.
///
/// # Errors
/// The code of its refusal.
pub fn offer(document: &mut Document, batch: &[Vec<u8>]) -> Result<(), &'static str> {
    let before = document.clone();
    let (limits, allowed) = (GateLimits::default(), |actor: &Actor| *actor != CARLA);
    match document.apply(batch, &allowed, &limits) {
        Err(refused) => {
            assert!(!refused.code().is_empty());
            assert_eq!(document.heads(), before.heads(), "refused, and yet changed");
            assert_eq!(document.save(), before.save(), "refused, and yet changed");
            Err(refused.code())
        }
        Ok(applied) => {
            assert_eq!(applied.heads_after, document.heads());
            for change in &applied.new_changes {
                assert!(document.contains(change));
            }
            let mut one_by_one = before;
            for change in batch {
                let taken = one_by_one.apply(std::slice::from_ref(change), &allowed, &limits);
                taken.expect("taken within its batch");
            }
            assert_eq!(one_by_one.heads(), document.heads(), "replicas differ");
            assert_eq!(
                one_by_one.export_json(),
                document.export_json(),
                "replicas differ"
            );
            read_everything(document);
            Ok(())
        }
    }
}

/// A saved document, or a compressed one as it is.
pub fn snapshot(bytes: &[u8]) {
    let mut source = Source(bytes);
    let kind = source.byte();
    if kind == 0xff {
        let announced = source.number();
        let made = Snapshot {
            compressed: source.0.to_vec(),
            bytes: announced,
            heads: Vec::new(),
        };
        load(&made);
        return;
    }
    load(&compressed(&chunk(0, source.0)));
}

/// A saved document as its author would send it, with the heads that stand in it.
pub fn compressed(saved: &[u8]) -> Snapshot {
    Snapshot {
        compressed: zlib(saved, Compression::fast()),
        bytes: saved.len() as u64,
        heads: heads_in(fixture::data_of(saved)).unwrap_or_default(),
    }
}

/// A zlib stream.
pub fn zlib(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}

/// Loads a snapshot; what is taken can be read, stored and gone on with. Says whether it was taken.
pub fn load(snapshot: &Snapshot) -> bool {
    let limits = SnapshotLimits::default();
    let Ok(document) = Document::load_snapshot(snapshot, CARLA, &limits) else {
        return false;
    };
    assert_eq!(document.heads(), snapshot.heads);
    let _actors = document.actors();
    read_everything(&document);
    true
}

/// actors (count, each) ‖ heads (count, 32 bytes each) ‖ …
fn heads_in(data: &[u8]) -> Option<Vec<ChangeHash>> {
    let mut rest = data;
    for _ in 0..unsigned(&mut rest)? {
        let length = unsigned(&mut rest)?;
        rest = rest.get(usize::try_from(length).ok()?..)?;
    }
    let mut heads = Vec::new();
    for _ in 0..unsigned(&mut rest)? {
        let (head, after) = rest.split_first_chunk::<32>()?;
        heads.push(ChangeHash(*head));
        rest = after;
    }
    heads.sort_unstable();
    Some(heads)
}

/// All that a program asks of a document; then it is edited, stored and loaded.
pub fn read_everything(document: &Document) {
    let whole = document.export_json();
    let _conflicts = document.conflicts();
    let goals = document.read().keys(["goals"]);
    for goal in &goals {
        let _reworded =
            document.soft_text_conflicts(["goals", goal.as_str(), "statement"].as_slice());
    }
    let _deleted = document.concurrent_deletions(["goals"]);
    let heads = document.heads();
    document.difference(&[], &heads).expect("its own heads");
    for entry in document.history() {
        document
            .read_at(&[entry.hash])
            .expect("its own change")
            .root();
    }
    let _changes = document.changes_since(&[]);
    read_as_sections(document);

    let saved = document.save();
    let mut loaded = Document::load(&saved, CARLA).expect("what was taken can be stored");
    assert_eq!(loaded.heads(), heads);
    assert_eq!(loaded.export_json(), whole);
    if document.read().exists(["client"]) {
        let after = edit(&mut loaded, |editor| editor.put(["goals", "after"], "it"));
        let mut document = document.clone();
        let applied = document.apply(&[after.into_bytes()], &|_| true, &GateLimits::default());
        applied.expect("who reads it can go on from it");
    }
}

/// Knows nobody's signature.
struct NoKeys;

impl SignatureCheck for NoKeys {
    fn check(&self, _: &SignedEntry<'_>) -> Result<Signer, SignatureDoubt> {
        Err(SignatureDoubt::NotYetKnown)
    }
}

fn read_as_sections(document: &Document) {
    let nobody = |_: &[u8; 16]| -> Option<Author> { None };
    let _core = CoreView::read(document);
    let _ident = IdentView::read(document);
    let _function = FunctionView::read(document, &nobody);
    let _journal = JournalView::read(document, &nobody);
    let _process = ProcessView::read(document, &nobody);
    let _disputes = DisputesView::read(document, &nobody);
    let _access = AccessView::read(document, &nobody);
    let _plan = PlanView::read(document, &nobody);
    let rules = ReadingRules {
        authors: &nobody,
        signatures: &NoKeys,
        led_by: Some(institutions_that_led(document)),
    };
    let _versions = PlanVersions::read(document, &rules);
    let _tasks = TasksView::read(document);
    let home = "soz".parse();
    if let Ok(home) = home {
        let _consent = ConsentView::read(document, &nobody, &home);
        let _enquiry = EnquiryView::read(document, &nobody, &home);
    }
    let parts = ["measure/m", "internal/i", "meeting/t", "employer/e"];
    let parts = parts.map(SectionKind::from_code);
    for section in PLAIN_SECTIONS.iter().chain(&parts) {
        let _view = FormView::read(document, section, &nobody);
        let _attachments = AttachmentsView::read(document, section, &nobody);
        let _conflicts = conflicts(document, section, &nobody);
    }
}
