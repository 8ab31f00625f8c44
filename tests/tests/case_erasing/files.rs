//! Small files stand in their sections' documents: they go with the case, on every device and at the relay.

use data_encoding::BASE64;
use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{AttachmentChange, AttachmentEdit, Edit, NewAttachment};
use nahtlos_casework::fields::{EntryId, Field, FileBytes, FileName, MediaType};
use nahtlos_casework::view::{AttachmentContent, AttachmentsView};
use nahtlos_client::vault::Collection;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_tests::{Home, bytes_below, holds};

use super::{Scene, erased, holds_nothing, missing, scene_with};

/// A file of the journal, which Iseli reads, and one of the function, which only Berger's team does.
const LETTER: [&str; 2] = [
    "kuendigung-mosimann.pdf",
    "%PDF-1.7 Sehr geehrte Frau Mosimann, wir kündigen",
];
const FINDING: [&str; 2] = [
    "belastung-mosimann.pdf",
    "%PDF-1.7 Heben über fünf Kilogramm nicht zumutbar",
];

fn added(number: u8, section: SectionKind, [name, bytes]: [&str; 2]) -> Edit {
    let attachment = NewAttachment::whole(
        FileName::parse(name).unwrap(),
        MediaType::parse("application/pdf").unwrap(),
        None,
        FileBytes::from(bytes.as_bytes().to_vec()),
    );
    let id = EntryId::from_random([number; 8]);
    Edit::Attachment(AttachmentEdit {
        section,
        change: AttachmentChange::Add { id, attachment },
    })
}

fn scene() -> Scene {
    scene_with(&[
        added(0xa1, SectionKind::Journal, LETTER),
        added(0xa2, SectionKind::Function, FINDING),
    ])
}

/// Names and bytes of the files that a device opens in a section; none where it holds no key of it.
fn opened(home: &Home, number: &str, section: &SectionKind) -> Vec<(String, Vec<u8>)> {
    let case = home.nahtlos.find_case(number).unwrap();
    let Ok(document) = home.nahtlos.section_document(&case, section) else {
        return Vec::new();
    };
    let authors = home.nahtlos.section_authors(&case, section).unwrap();
    let view = AttachmentsView::read(&document, &SectionKind::Journal, &authors);
    let files = view.attachments.into_iter().map(|one| {
        assert_eq!(one.content, AttachmentContent::Here);
        let name = one.name.unwrap().canonical();
        (name, one.bytes.unwrap().as_slice().to_vec())
    });
    files.collect()
}

/// Name, bytes, and the bytes as a record writes them that was typed here.
fn traces([name, bytes]: [&str; 2]) -> [Vec<u8>; 3] {
    // Whole groups of three bytes: whatever follows them, they are written like this.
    let whole = bytes.len() / 3 * 3;
    let in_text = BASE64.encode(&bytes.as_bytes()[..whole]);
    [name.into(), bytes.into(), in_text.into()]
}

/// Where the records of a device, opened, hold a file.
fn kept(home: &Home, file: [&str; 2]) -> Vec<Collection> {
    let traces = traces(file).into_iter();
    let found = traces.flat_map(|trace| home.nahtlos.collections_holding(&trace).unwrap());
    found.collect()
}

/// Whether these sealed envelopes are in what the relay keeps, byte by byte.
fn in_relay(scene: &Scene, envelopes: &[Envelope]) -> Vec<bool> {
    let relay = scene.world.relay_bytes();
    let end = |envelope: &Envelope| {
        let bytes = envelope.bytes();
        bytes[bytes.len() - 64..].to_vec()
    };
    let ends = envelopes.iter().map(end);
    ends.map(|end| relay.windows(end.len()).any(|window| window == end))
        .collect()
}

fn on_no_disk(scene: &Scene) {
    let everything = bytes_below(scene.world.directory.path());
    for text in [LETTER, FINDING].concat() {
        assert!(!holds(&everything, text), "{text}");
    }
}

#[test]
fn files_go_with_the_case_on_every_device_and_at_the_relay_and_no_key_opens_them_again() {
    let mut scene = scene();
    let journal = SectionKind::Journal;
    let letter = [(LETTER[0].to_owned(), LETTER[1].as_bytes().to_vec())];
    for home in [&scene.berger, &scene.fluckiger, &scene.iseli] {
        assert_eq!(opened(home, &scene.number, &journal), letter, "control");
        let kept = kept(home, LETTER);
        assert!(kept.contains(&Collection::Document), "control: {kept:?}");
    }
    // As somebody may have copied them from the relay before.
    let sealed = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &journal);
    assert!(sealed.len() > 2, "control");
    assert_eq!(in_relay(&scene, &sealed), vec![true; sealed.len()]);
    for home in [&scene.berger, &scene.iseli] {
        assert!(
            scene.world.opens(home, &sealed).iter().all(|opens| *opens),
            "control"
        );
    }
    on_no_disk(&scene);

    scene.erase();
    scene.iseli.sync();
    scene.fluckiger.sync();
    scene.berger.sync();
    assert_eq!(missing(&scene.berger), [""; 0]);
    assert_eq!(erased(&scene.berger).own_edits, 0);
    for home in [&scene.berger, &scene.fluckiger, &scene.iseli] {
        holds_nothing(home, &scene.number);
        for file in [LETTER, FINDING] {
            assert_eq!(kept(home, file), []);
        }
        let opens = scene.world.opens(home, &sealed);
        assert!(opens.iter().all(|opens| !opens), "{opens:?}");
    }
    assert_eq!(in_relay(&scene, &sealed), vec![false; sealed.len()]);
    on_no_disk(&scene);
    // Neither after the programs were ended, which tidies their databases up.
    scene.world.stop_relay();
    assert_eq!(in_relay(&scene, &sealed), vec![false; sealed.len()]);
    scene.world.start_relay();
    let mut iseli = scene.world.closed_and_reopened(scene.iseli);
    iseli.sync();
    assert_eq!(kept(&iseli, LETTER), []);
}

#[test]
fn who_lacks_the_key_of_a_section_has_neither_name_nor_bytes_of_its_files_before_or_after() {
    let mut scene = scene();
    let function = SectionKind::Function;
    let finding = [(FINDING[0].to_owned(), FINDING[1].as_bytes().to_vec())];
    for home in [&scene.berger, &scene.fluckiger] {
        assert_eq!(opened(home, &scene.number, &function), finding, "control");
        assert!(!kept(home, FINDING).is_empty(), "control");
    }
    let sealed = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &function);
    assert!(
        scene.world.opens(&scene.berger, &sealed).contains(&true),
        "control"
    );
    let unread = |scene: &Scene| {
        assert_eq!(kept(&scene.iseli, FINDING), []);
        let opens = scene.world.opens(&scene.iseli, &sealed);
        assert!(!opens.contains(&true), "{opens:?}");
    };
    let of_iseli = scene.iseli.nahtlos.find_case(&scene.number).unwrap();
    assert!(!of_iseli.sections.contains_key(&function));
    unread(&scene);
    scene.erase();
    scene.iseli.sync();
    unread(&scene);
}
