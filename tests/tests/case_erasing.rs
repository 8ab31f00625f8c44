//! A case is erased for everybody: who manages it says so, every device that learns of it destroys what it
//! holds, the relay drops what it stores, and nobody takes anything of it back.

#[path = "case_erasing/files.rs"]
mod files;

use std::io::Cursor;
use std::slice;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::{ClosingReason, ReopeningReason};
use nahtlos_casework::retention::Retention;
use nahtlos_client::Case;
use nahtlos_client::bundle::BundleScope;
use nahtlos_client::case_erasing::telling::ErasedCase;
use nahtlos_client::drafts::Draft;
use nahtlos_client::ending::Reason;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, Nonce};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{Item, ItemKind};
use nahtlos_tests::liar::{Liar, receipt};
use nahtlos_tests::{Home, World, note_saying};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const MISTAKE: &str = "opened_by_mistake";

/// Berger leads a closed case in which Iseli of another institution and Flückiger, a colleague, take part.
struct Scene {
    world: World,
    berger: Home,
    fluckiger: Home,
    iseli: Home,
    number: String,
    case: Case,
}

fn scene() -> Scene {
    scene_with(&[])
}

/// The same, with what the leader adds before she closes the case.
fn scene_with(added: &[Edit]) -> Scene {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut fluckiger = world.colleague(&mut berger, "fluckiger", "Rita Flückiger", Role::Write);
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    for section in [SectionKind::Core, SectionKind::Journal] {
        berger.share(&number, &section, IV_TEAM, Role::Write, "AVG35a1");
    }
    berger
        .nahtlos
        .edit_case(&number, &[note_saying(1, "von der Leiterin")])
        .unwrap();
    for edit in added {
        berger
            .nahtlos
            .edit_case(&number, slice::from_ref(edit))
            .unwrap();
    }
    berger.sync();
    iseli.sync();
    iseli
        .nahtlos
        .edit_case(&number, &[note_saying(2, "von der IV")])
        .unwrap();
    iseli.sync();
    let case = berger.nahtlos.find_case(&number).unwrap();
    berger.sync();
    berger
        .nahtlos
        .close_case(&case, ClosingReason::OpenedByMistake, None)
        .unwrap();
    for home in [&mut berger, &mut fluckiger, &mut iseli] {
        home.sync();
        let journal = home.journal(&number);
        for text in ["von der Leiterin", "von der IV"] {
            assert!(journal.iter().any(|one| one.contains(text)), "control");
        }
    }
    Scene {
        world,
        berger,
        fluckiger,
        iseli,
        number,
        case,
    }
}

impl Scene {
    fn erase(&mut self) {
        let retention = Retention::provided();
        self.berger
            .nahtlos
            .erase_case(&self.case, MISTAKE, &retention)
            .unwrap();
        self.berger.sync();
    }
}

fn erased(home: &Home) -> ErasedCase {
    let mut cases = home.nahtlos.erased_cases().unwrap();
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

/// Nothing of the case is left in what a device shows.
fn holds_nothing(home: &Home, number: &str) {
    assert_eq!(home.nahtlos.cases().unwrap().len(), 0);
    let found = home.nahtlos.find_case(number);
    assert_eq!(found.unwrap_err().code(), "not_found");
    assert_eq!(home.nahtlos.lost_sections().unwrap(), []);
}

fn begin_to_type(home: &Home, case: Option<Nonce>) {
    let mut draft = Draft {
        number: 0,
        command: "nahtlos journal add".into(),
        purpose: String::new(),
        case,
        typed_at_ms: 0,
        answers: Vec::new(),
    };
    home.nahtlos.draft_keeper().keep(&mut draft).unwrap();
}

/// Devices that have not confirmed, by person.
fn missing(home: &Home) -> Vec<String> {
    let devices = erased(home).devices.into_iter();
    devices
        .filter(|device| !device.confirmed())
        .map(|device| device.person)
        .collect()
}

#[test]
fn a_closed_case_is_erased_on_every_device_that_syncs_and_each_says_so() {
    let mut scene = scene();
    scene.erase();
    holds_nothing(&scene.berger, &scene.number);
    let told = erased(&scene.berger);
    assert_eq!(told.by, "Anna Berger");
    assert_eq!(told.institution.as_deref(), Some("RAV Langnau"));
    assert_eq!(told.reason.as_deref(), Some(MISTAKE));
    assert_eq!(told.id.as_deref(), Some(scene.case.id.to_string().as_str()));
    assert_eq!(missing(&scene.berger), ["Marc Iseli", "Rita Flückiger"]);

    let said = scene.iseli.sync().notices;
    assert!(
        said.iter()
            .any(|one| one.starts_with("Anna Berger (RAV Langnau) erased a case")),
        "{said:?}"
    );
    holds_nothing(&scene.iseli, &scene.number);
    let there = erased(&scene.iseli);
    assert_eq!(
        (there.by.as_str(), there.reason.as_deref()),
        ("Anna Berger", Some(MISTAKE))
    );
    scene.berger.sync();
    assert_eq!(missing(&scene.berger), ["Rita Flückiger"]);
    let iseli = erased(&scene.berger)
        .devices
        .into_iter()
        .find(|one| one.person == "Marc Iseli");
    let iseli = iseli.unwrap();
    assert!(
        iseli.confirmed_at_ms.is_some() && iseli.heard_at_ms.is_some(),
        "{iseli:?}"
    );

    scene.fluckiger.sync();
    holds_nothing(&scene.fluckiger, &scene.number);
    for home in [&mut scene.berger, &mut scene.iseli] {
        home.sync();
        assert_eq!(missing(home), [""; 0]);
        let nothing: [(String, u64); 0] = [];
        assert_eq!(home.sync().held, nothing, "nothing waits, nothing is wrong");
    }
    assert!(scene.berger.nahtlos.decisions().unwrap().is_empty());
}

#[test]
fn no_key_and_no_content_is_left_on_any_disk_nor_at_the_relay() {
    let mut scene = scene();
    let spaces: Vec<_> = scene.case.sections.values().copied().collect();
    let kept = |home: &Home| home.nahtlos.content_kept_of(&spaces).unwrap();
    let (at_berger, at_iseli) = (kept(&scene.berger), kept(&scene.iseli));
    for what in ["document", "envelopes", "keys", "label"] {
        for kept in [&at_berger, &at_iseli] {
            assert!(kept.iter().any(|(one, _)| one == what), "control: {what}");
        }
    }
    let before = scene.world.bodies_and_wraps_at_relay(&spaces);
    assert!(before.0 > 5 && before.1 > 5, "control: {before:?}");
    // What Iseli had begun to type about it goes along, and what he typed about others stays.
    let case = scene.case.id;
    for of in [Some(case), None, Some(Nonce([9; 16]))] {
        begin_to_type(&scene.iseli, of);
    }
    scene.erase();
    scene.iseli.sync();
    let left = scene.iseli.nahtlos.drafts().unwrap();
    let left: Vec<_> = left.into_iter().map(|draft| draft.case).collect();
    assert_eq!(left, [None, Some(Nonce([9; 16]))]);
    assert_eq!(scene.iseli.nahtlos.preview_wipe().unwrap().drafts, 2);
    for home in [&scene.berger, &scene.iseli] {
        assert_eq!(kept(home), []);
    }
    assert_eq!(scene.world.bodies_and_wraps_at_relay(&spaces), (0, 0));
    // A device that comes later is served none of it.
    let mut neu = scene
        .world
        .colleague(&mut scene.berger, "neu", "Eva Neu", Role::Write);
    neu.sync();
    neu.sync();
    assert_eq!(neu.nahtlos.cases().unwrap().len(), 0);
    assert_eq!(kept(&neu), []);
}

#[test]
fn who_may_not_is_told_why_and_nothing_happens() {
    let mut scene = scene();
    let provided = Retention::provided();
    let zero = include_str!("../../core/casework/data/retention.json")
        .replace("\"years_otherwise\": 10", "\"years_otherwise\": 0");
    let at_once = Retention::parse(&zero).unwrap();
    let refused = |home: &mut Home, case: &Case, reason: &str, retention: &Retention| {
        let error = home
            .nahtlos
            .erase_case(case, reason, retention)
            .unwrap_err();
        (error.code(), error.to_string())
    };
    let case = scene.case.clone();
    let (code, said) = refused(&mut scene.iseli, &case, MISTAKE, &provided);
    assert_eq!(code, "no_right");
    assert!(said.contains("RAV Langnau"), "{said}");
    let (code, said) = refused(&mut scene.berger, &case, "retention_ended", &provided);
    assert_eq!(code, "retention");
    assert!(said.contains("has to be kept until"), "{said}");
    let preview = |home: &Home, reason, retention| {
        home.nahtlos.preview_case_erasure(&case, reason, retention)
    };
    assert!(
        preview(&scene.berger, "retention_ended", &at_once).is_ok(),
        "control"
    );
    assert!(
        preview(&scene.berger, "ordered", &provided).is_ok(),
        "control"
    );
    let (code, _) = refused(&mut scene.berger, &case, "tidy_up", &provided);
    assert_eq!(code, "unknown_code");

    // Something typed here is not delivered.
    let note = note_saying(3, "noch etwas");
    scene
        .berger
        .nahtlos
        .edit_case(&scene.number, &[note])
        .unwrap();
    let (code, said) = refused(&mut scene.berger, &case, MISTAKE, &provided);
    assert_eq!(code, "not_synchronised");
    assert!(said.contains("`nahtlos sync` first"), "{said}");
    scene.berger.sync();
    // A case that is open again.
    let reason = ReopeningReason::ClosedByMistake;
    scene
        .berger
        .nahtlos
        .reopen_case(&case, reason, None)
        .unwrap();
    scene.berger.sync();
    let (code, said) = refused(&mut scene.berger, &case, MISTAKE, &provided);
    assert_eq!(code, "not_closed");
    assert!(said.contains("closed case"), "{said}");
    for home in [&mut scene.berger, &mut scene.iseli] {
        home.sync();
        assert!(home.nahtlos.find_case(&scene.number).is_ok());
        assert_eq!(home.nahtlos.erased_cases().unwrap(), []);
    }
}

#[test]
fn what_was_decided_is_dropped_before_the_sync_and_then_nothing_happens() {
    let mut scene = scene();
    let retention = Retention::provided();
    let preview = scene
        .berger
        .nahtlos
        .erase_case(&scene.case, MISTAKE, &retention);
    let preview = preview.unwrap();
    assert_eq!(preview.number.as_deref(), Some(scene.number.as_str()));
    assert!(
        preview.sections.contains(&"journal".to_owned()),
        "{preview:?}"
    );
    assert_eq!(preview.devices.len(), 3);
    let twice = scene
        .berger
        .nahtlos
        .erase_case(&scene.case, MISTAKE, &retention);
    assert!(twice.unwrap_err().to_string().contains("decided already"));
    for decision in scene.berger.nahtlos.decisions().unwrap() {
        assert!(
            decision.what.starts_with("erase the section"),
            "{decision:?}"
        );
        scene.berger.nahtlos.drop_decision(&decision.id).unwrap();
    }
    scene.berger.sync();
    scene.iseli.sync();
    assert_eq!(scene.iseli.nahtlos.erased_cases().unwrap(), []);
    assert!(scene.berger.nahtlos.find_case(&scene.number).is_ok());
}

#[test]
fn what_a_colleague_typed_offline_is_shown_to_them_and_written_out_until_they_put_it_away() {
    let mut scene = scene();
    let note = note_saying(4, "offline getippt");
    scene
        .iseli
        .nahtlos
        .edit_case(&scene.number, &[note])
        .unwrap();
    scene.erase();
    let report = scene.iseli.sync();
    assert_eq!(report.held, [("case_erased".to_owned(), 1)]);
    holds_nothing(&scene.iseli, &scene.number);
    assert_eq!(erased(&scene.iseli).own_edits, 1);
    let kept = scene.iseli.nahtlos.set_aside_edits().unwrap();
    assert_eq!(kept.len(), 1);
    let typed = serde_json::to_string(&kept[0].edits).unwrap();
    assert!(typed.contains("offline getippt"), "{typed}");
    assert!(kept[0].sentence.contains("erased"), "{}", kept[0].sentence);
    let exported = serde_json::to_string(&scene.iseli.nahtlos.own_edits_kept().unwrap()).unwrap();
    assert!(exported.contains("offline getippt"), "{exported}");
    // It is sent to nobody, and stays until its author puts it away.
    let mut iseli = scene.world.closed_and_reopened(scene.iseli);
    iseli.sync();
    scene.berger.sync();
    assert_eq!(
        erased(&scene.berger)
            .devices
            .iter()
            .filter(|one| one.confirmed())
            .count(),
        2
    );
    let id = iseli.nahtlos.set_aside_edits().unwrap()[0]
        .id
        .clone()
        .unwrap();
    iseli.nahtlos.held_discard(&id, "").unwrap();
    assert!(iseli.nahtlos.set_aside_edits().unwrap().is_empty());
    assert_eq!(erased(&iseli).own_edits, 0);
}

#[test]
fn a_relay_that_went_back_serves_it_again_and_no_device_takes_it_back() {
    let mut scene = scene();
    let backup = scene.world.back_up_relay();
    scene.erase();
    scene.iseli.sync();
    let spaces: Vec<_> = scene.case.sections.values().copied().collect();
    assert_eq!(
        scene.world.bodies_and_wraps_at_relay(&spaces),
        (0, 0),
        "control"
    );
    scene.world.go_back_to(&backup);
    assert!(
        scene.world.bodies_and_wraps_at_relay(&spaces).0 > 5,
        "control"
    );
    // Iseli's device asks for everything again, and is served everything again.
    scene.iseli.nahtlos.pull_everything_again().unwrap();
    scene.iseli.sync();
    holds_nothing(&scene.iseli, &scene.number);
    assert_eq!(scene.iseli.nahtlos.content_kept_of(&spaces).unwrap(), []);
    // What it says of the erasure is there again by it, and the relay drops all of it once more.
    scene.iseli.sync();
    let shared: Vec<_> = [SectionKind::Core, SectionKind::Journal]
        .map(|kind| scene.case.sections[&kind])
        .to_vec();
    assert_eq!(scene.world.bodies_and_wraps_at_relay(&shared), (0, 0));
    scene.berger.sync();
    scene.berger.sync();
    assert_eq!(scene.world.bodies_and_wraps_at_relay(&spaces), (0, 0));
    holds_nothing(&scene.berger, &scene.number);
    // Who had not heard of it does now.
    scene.fluckiger.sync();
    scene.fluckiger.sync();
    holds_nothing(&scene.fluckiger, &scene.number);
}

/// What the relay serves this device from now on, beside everything else.
fn serves(liar: &Liar, to: &Home, bytes: Vec<u8>) {
    let key = liar.key();
    let id = ItemId::from(Envelope::decode(&bytes).unwrap().id());
    liar.lies_to(to.nahtlos.device_id(), move |_, answer| {
        let mark = answer.journal_mark;
        let receipt = receipt(&key, mark.journal, mark.sequence, id);
        answer.items.push(Item {
            kind: ItemKind::Envelope,
            bytes: bytes.clone(),
            wraps: Vec::new(),
            receipt,
        });
    });
}

#[test]
fn a_member_who_does_not_manage_erases_nothing_even_together_with_the_relay() {
    let mut scene = scene();
    let journal = scene.case.sections[&SectionKind::Journal];
    let before = scene.berger.nahtlos.hostile_erasure(&journal).unwrap();
    scene
        .berger
        .nahtlos
        .close_section(&scene.case, &SectionKind::Journal)
        .unwrap();
    for home in [&mut scene.berger, &mut scene.iseli, &mut scene.fluckiger] {
        home.sync();
    }
    let by_writer = scene.iseli.nahtlos.hostile_erasure(&journal).unwrap();
    let by_manager = scene.berger.nahtlos.hostile_erasure(&journal).unwrap();
    let liar = Liar::instead_of_the_relay_of(&mut scene.world);
    // By a writer; and by a manager who names no closing.
    for (forged, is_lead) in [(&by_writer, true), (&by_writer, false), (&before, false)] {
        let to = match is_lead {
            true => &mut scene.berger,
            false => &mut scene.fluckiger,
        };
        serves(&liar, to, forged.clone());
        to.sync();
        to.sync();
        assert_eq!(to.nahtlos.erased_cases().unwrap(), []);
        let journal = to.journal(&scene.number);
        assert!(journal.iter().any(|one| one.contains("von der IV")));
    }
    // Control: the same way, by who manages it.
    serves(&liar, &scene.fluckiger, by_manager);
    scene.fluckiger.sync();
    assert_eq!(erased(&scene.fluckiger).sections, 1);
    let kept = scene.fluckiger.nahtlos.content_kept_of(&[journal]).unwrap();
    assert_eq!(kept, []);
}

#[test]
fn a_bundle_brings_the_erasure_and_never_what_was_erased() {
    let mut scene = scene();
    let everything = BundleScope::default();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let written = scene
        .fluckiger
        .nahtlos
        .export_bundle(&mut before, &everything)
        .unwrap();
    assert!(written.envelopes > 5, "control");
    scene.erase();
    let spaces: Vec<_> = scene.case.sections.values().copied().collect();
    let import = |home: &mut Home, file: &[u8]| {
        home.nahtlos.import_bundle(&mut Cursor::new(file)).unwrap();
    };
    import(&mut scene.berger, &before);
    holds_nothing(&scene.berger, &scene.number);
    assert_eq!(scene.berger.nahtlos.content_kept_of(&spaces).unwrap(), []);
    // The word travels in a bundle, too, to whom no relay reaches.
    scene
        .berger
        .nahtlos
        .export_bundle(&mut after, &everything)
        .unwrap();
    import(&mut scene.iseli, &after);
    holds_nothing(&scene.iseli, &scene.number);
    assert_eq!(scene.iseli.nahtlos.content_kept_of(&spaces).unwrap(), []);
    import(&mut scene.iseli, &before);
    holds_nothing(&scene.iseli, &scene.number);
    scene.iseli.sync();
    scene.berger.sync();
    assert_eq!(missing(&scene.berger), ["Rita Flückiger"]);
}

/// Iseli's team could read the journal, and cannot any more when the case is erased: no word about the journal
/// reaches his device, which has a copy of it.
#[test]
fn a_copy_of_a_section_that_was_lost_before_goes_with_its_erased_case() {
    let mut scene = scene();
    let iv = scene
        .berger
        .nahtlos
        .directory()
        .unwrap()
        .find_team(IV_TEAM)
        .unwrap();
    let ending = scene
        .berger
        .nahtlos
        .withdrawal(&scene.case, &SectionKind::Journal, &iv)
        .unwrap();
    scene
        .berger
        .nahtlos
        .end(&ending, Reason::BasisEnded)
        .unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    let lost = scene.iseli.nahtlos.lost_sections().unwrap();
    assert_eq!((lost.len(), lost[0].erased), (1, false), "control");
    let held = |home: &Home| home.nahtlos.collections_holding(b"von der IV").unwrap();
    assert!(!held(&scene.iseli).is_empty(), "control");
    let stored = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &SectionKind::Journal);
    assert!(
        scene.world.opens(&scene.iseli, &stored).contains(&true),
        "control"
    );

    scene.erase();
    let said = scene.iseli.sync().notices;
    assert!(
        said.iter()
            .any(|one| one.contains("destroyed what it held of it:")),
        "{said:?}"
    );
    scene.iseli.sync();
    holds_nothing(&scene.iseli, &scene.number);
    assert!(held(&scene.iseli).is_empty());
    assert!(!scene.world.opens(&scene.iseli, &stored).contains(&true));
    scene.berger.sync();
    assert_eq!(missing(&scene.berger), ["Rita Fl\u{fc}ckiger"]);
}
