//! A relay or a line that drops, changes or swaps: what the client notices, and that nothing typed
//! is lost. The tampering stands between a real client and a real relay.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{CoreEdit, CoreKey, Edit};
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_client::{ClientError, HttpTransport};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{ItemKind, SYNC_PATH, SyncResponse};
use nahtlos_tests::{Home, World, founder, note};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";

/// What to do with the answers to syncs.
type Change = Box<dyn FnMut(&mut SyncResponse) -> Verdict>;

enum Verdict {
    /// Pass the (changed) answer on.
    Pass,
    /// The line breaks after the relay has done its work.
    Lose,
}

struct Tampering {
    inner: HttpTransport,
    change: Change,
    requests: u32,
}

impl Transport for Tampering {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let mut answer = self.inner.post(path, token, body)?;
        if path == SYNC_PATH && answer.status == 200 {
            self.requests += 1;
            let mut response: SyncResponse =
                codec::decode(&answer.body, 1 << 25).expect("a response");
            if let Verdict::Lose = (self.change)(&mut response) {
                return Err(TransportError::Unreachable {
                    url: "test".into(),
                    reason: "the line broke".into(),
                });
            }
            answer.body = codec::encode(&response);
        }
        Ok(answer)
    }
}

fn sync_through(
    world: &World,
    home: &mut Home,
    change: impl FnMut(&mut SyncResponse) -> Verdict + 'static,
) -> Result<nahtlos_client::SyncReport, ClientError> {
    let mut transport = Tampering {
        inner: world.transport(),
        change: Box::new(change),
        requests: 0,
    };
    home.nahtlos.sync(&mut transport, &mut |_| {})
}

/// Two institutions, one case, core shared with the second.
fn shared_world() -> (World, Home, Home, String) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    for kind in [SectionKind::Core, SectionKind::Journal] {
        berger.share(&number, &kind, IV_TEAM, Role::Write, "AVG35a1");
    }
    berger.sync();
    iseli.sync();
    (world, berger, iseli, number)
}

#[test]
fn a_lost_acknowledgement_is_sent_again_unchanged_and_counts_once() {
    let (world, mut berger, mut iseli, number) = shared_world();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    for _ in 0..5 {
        let mut pushes = 0;
        let lost = sync_through(&world, &mut berger, move |response| {
            pushes += response.results.len();
            if pushes > 0 {
                Verdict::Lose
            } else {
                Verdict::Pass
            }
        });
        assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
        assert_eq!(
            berger.nahtlos.status().unwrap().undelivered_edits,
            1,
            "nothing is lost"
        );
    }
    let report = berger.sync();
    assert_eq!(report.envelopes_delivered, 1);
    assert_eq!(berger.nahtlos.status().unwrap().undelivered_edits, 0);
    iseli.sync();
    assert_eq!(iseli.journal(&number).len(), 3);
    assert_eq!(berger.journal(&number).len(), 3);
}

#[test]
fn an_answer_of_another_relay_is_refused_and_changes_nothing() {
    let (world, mut berger, _, number) = shared_world();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let refused = sync_through(&world, &mut berger, |response| {
        response.signature.0[0] ^= 1;
        Verdict::Pass
    });
    assert_eq!(refused.unwrap_err().code(), "other_relay");
    let moved = sync_through(&world, &mut berger, |response| {
        response.journal_mark.sequence += 1;
        Verdict::Pass
    });
    assert_eq!(moved.unwrap_err().code(), "other_relay");
    assert_eq!(berger.nahtlos.status().unwrap().undelivered_edits, 1);
    assert_eq!(berger.sync().envelopes_delivered, 1, "control");
}

#[test]
fn a_swapped_wrap_opens_nothing_and_is_named_until_the_right_one_comes() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    let case = berger.nahtlos.find_case(&number).unwrap();
    berger.share(&number, &SectionKind::Core, IV_TEAM, Role::Read, "AVG35a1");
    berger.sync();
    let report = sync_through(&world, &mut iseli, |response| {
        for item in &mut response.items {
            for wrap in &mut item.wraps {
                wrap.bytes.reverse();
            }
        }
        Verdict::Pass
    })
    .unwrap();
    assert!(
        report.held.iter().any(|(reason, _)| reason == "pending"),
        "{report:?}"
    );
    assert!(iseli.nahtlos.find_case(&number).is_err());
    let core = case.section(&SectionKind::Core).unwrap();
    assert!(iseli.nahtlos.openable_epochs(&core).is_empty());
    assert_eq!(berger.nahtlos.openable_epochs(&core).len(), 1, "control");
}

#[test]
fn changed_operations_and_envelopes_are_not_taken_and_good_ones_beside_them_are() {
    let (world, mut berger, mut iseli, number) = shared_world();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    let before = iseli.journal(&number).len();
    let report = sync_through(&world, &mut iseli, |response| {
        for item in &mut response.items {
            if item.kind == ItemKind::Envelope {
                let last = item.bytes.len() - 1;
                item.bytes[last] ^= 1;
            }
        }
        Verdict::Pass
    })
    .unwrap();
    assert_eq!(iseli.journal(&number).len(), before);
    assert_eq!(
        report.held,
        [("bad_signature".to_owned(), 1)],
        "kept and named"
    );
}

#[test]
fn an_item_withheld_by_the_relay_shows_when_a_descendant_arrives_and_can_be_asked_for_again() {
    let (world, mut berger, mut iseli, number) = shared_world();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    // The relay hides this one …
    sync_through(&world, &mut iseli, |response| {
        response
            .items
            .retain(|item| item.kind != ItemKind::Envelope);
        Verdict::Pass
    })
    .unwrap();
    assert_eq!(iseli.journal(&number).len(), 2);
    // … and the next edit builds on it.
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    berger.sync();
    let report = iseli.sync();
    assert_eq!(report.held, [("missing_parents".to_owned(), 1)]);
    assert_eq!(iseli.journal(&number).len(), 2);
    iseli.nahtlos.pull_everything_again().unwrap();
    let report = iseli.sync();
    assert!(report.held.is_empty(), "{report:?}");
    assert_eq!(iseli.journal(&number).len(), 4);
}

#[test]
fn a_relay_restored_from_a_backup_is_noticed_at_the_next_sync() {
    let (mut world, mut berger, _, number) = shared_world();
    let backup = world.back_up_relay();
    assert!(
        berger.sync().notices.is_empty(),
        "control: a restart alone is no incident"
    );
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    assert_eq!(berger.sync().envelopes_delivered, 1);
    world.go_back_to(&backup);
    let report = berger.sync();
    assert!(
        report
            .notices
            .iter()
            .any(|notice| notice.contains("went back")),
        "{report:?}"
    );
    assert_eq!(berger.nahtlos.status().unwrap().relay_went_back, 1);
    assert_eq!(
        berger.journal(&number).len(),
        3,
        "what was typed is still here"
    );
}

#[test]
fn an_operation_of_a_newer_program_makes_its_section_read_only_and_no_other() {
    use nahtlos_protocol::wire::Item;
    let (world, mut berger, mut iseli, number) = shared_world();
    let case = iseli.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&SectionKind::Journal).unwrap();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    // Beside the real items stands an operation of version 2 for the journal's log.
    sync_through(&world, &mut iseli, move |response| {
        let receipt = response.items.first().map(|item| item.receipt.clone());
        let body = codec::encode(&(2u8, 2u8, journal, 9u64));
        let mut encoder = minicbor::Encoder::new(Vec::new());
        encoder
            .array(2)
            .unwrap()
            .bytes(&body)
            .unwrap()
            .bytes(&[0; 64])
            .unwrap();
        response.items.extend(receipt.map(|receipt| Item {
            kind: ItemKind::Operation,
            bytes: encoder.into_writer(),
            wraps: Vec::new(),
            receipt,
        }));
        Verdict::Pass
    })
    .unwrap();
    assert_eq!(iseli.journal(&number).len(), 3, "reading goes on");
    let refused = iseli.nahtlos.edit_case(&number, &[note(2)]).unwrap_err();
    assert_eq!(refused.code(), "needs_newer");
    let other = Edit::Core(CoreEdit::Clear(CoreKey::Phone));
    assert!(
        iseli.nahtlos.edit_case(&number, &[other]).is_ok(),
        "control: another section"
    );
}

/// Loses the answer to every request until it is told to stop.
struct Losing {
    inner: HttpTransport,
    lose: bool,
}

impl Transport for Losing {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let answer = self.inner.post(path, token, body)?;
        if self.lose {
            return Err(TransportError::Unreachable {
                url: "test".into(),
                reason: "the line broke".into(),
            });
        }
        Ok(answer)
    }
}

#[test]
fn a_claim_and_a_join_whose_answers_are_lost_are_repeated_and_take_effect_once() {
    use nahtlos_client::NetworkCard;
    let world = World::new();
    let card = NetworkCard {
        name: "IIZ Bern".into(),
        canton: "BE".into(),
    };
    let claim = world.claim().parse().unwrap();
    let mut berger = world.home("berger");
    let mut line = Losing {
        inner: world.transport(),
        lose: true,
    };
    for _ in 0..2 {
        let founder = founder("Anna Berger", "RAV Langnau", "alv");
        let lost = berger
            .nahtlos
            .found_network(&mut line, &claim, &card, &founder);
        assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    }
    line.lose = false;
    let again = founder("Anna Berger", "RAV Langnau", "alv");
    berger
        .nahtlos
        .found_network(&mut line, &claim, &card, &again)
        .unwrap();
    berger.sync();
    assert_eq!(berger.nahtlos.directory().unwrap().institutions.len(), 1);

    let invitation = berger.nahtlos.invite_institution("IV").unwrap();
    berger.sync();
    let mut iseli = world.home("iseli");
    line.lose = true;
    let joiner = founder("Marc Iseli", "IV-Stelle Bern", "iv");
    let lost = iseli
        .nahtlos
        .join_as_institution(&mut line, &invitation, &joiner);
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    // The next command after a power cut is simply a sync.
    let mut iseli = world.closed_and_reopened(iseli);
    assert_eq!(iseli.try_sync().unwrap_err().code(), "not_admitted");
    berger.sync();
    iseli.sync();
    berger.sync();
    assert_eq!(berger.nahtlos.directory().unwrap().institutions.len(), 2);
    // An invitation that was used by somebody else leaves the latecomer's home as new.
    let mut late = world.home("late");
    let refused = late
        .nahtlos
        .join_as_institution(&mut world.transport(), &invitation, &joiner);
    assert!(matches!(refused.unwrap_err(), ClientError::Refused { .. }));
    assert_eq!(late.nahtlos.status().unwrap().enrolment, "new");
}

/// The relay's own signing key: what a relay that lies has.
fn relay_key(world: &World) -> SigningKey {
    let database = world.directory.path().join("relay/relay.sqlite");
    let connection = rusqlite::Connection::open(database).unwrap();
    let seed: [u8; 32] = connection
        .query_row("SELECT seed FROM identity", [], |row| row.get(0))
        .unwrap();
    SigningKey::from_seed(&Secret32::from_bytes(seed))
}

#[test]
fn what_was_typed_after_a_refused_edit_and_does_not_need_it_goes_out_without_it() {
    use nahtlos_protocol::wire::{Status, VerdictCode};
    let (world, mut berger, mut iseli, number) = shared_world();
    let before = berger.journal(&number).len();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let lost = sync_through(&world, &mut berger, |response| {
        match response.results.is_empty() {
            true => Verdict::Pass,
            false => Verdict::Lose,
        }
    });
    assert!(lost.is_err(), "sealed and unanswered");
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    let refuse = |response: &mut SyncResponse| {
        for result in &mut response.results {
            result.status = Status::Rejected;
            result.code = Some(VerdictCode::NotEntitled);
            result.receipt = None;
        }
        response.items.clear();
    };
    // Somebody on the line cannot say so …
    let forged = sync_through(&world, &mut berger, move |response| {
        refuse(response);
        Verdict::Pass
    });
    assert_eq!(forged.unwrap_err().code(), "other_relay");
    // … the relay itself can.
    let (relay, device) = (relay_key(&world), berger.nahtlos.device_id());
    let mut refusing = true;
    let refused = sync_through(&world, &mut berger, move |response| {
        if !response.results.is_empty() && std::mem::take(&mut refusing) {
            refuse(response);
            response.sign(&relay, &device);
        }
        response.items.clear();
        Verdict::Pass
    });
    assert_eq!(refused.unwrap().held, [("not_entitled".to_owned(), 1)]);
    assert_eq!(berger.journal(&number).len(), before + 1, "2 went out");
    // What is typed from now on arrives, whatever the relay did with the refused one.
    berger.nahtlos.edit_case(&number, &[note(3)]).unwrap();
    assert_eq!(berger.sync().envelopes_delivered, 1);
    iseli.sync();
    assert_eq!(
        iseli.journal(&number).len(),
        before + 3,
        "1 came all the same"
    );
}

#[test]
fn what_arrived_just_before_the_program_was_killed_shows_after_the_next_sync() {
    let (world, mut berger, mut iseli, number) = shared_world();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    let before = iseli.journal(&number).len();
    let mut transport = world.transport();
    // Stored and not yet applied: the end comes between the two.
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _never = iseli
            .nahtlos
            .sync(&mut transport, &mut |_| panic!("killed"));
    }));
    assert!(killed.is_err());
    let mut iseli = world.closed_and_reopened(iseli);
    assert_eq!(iseli.journal(&number).len(), before, "not applied yet");
    assert_eq!(
        iseli.sync().envelopes_received,
        0,
        "the relay has nothing more"
    );
    assert_eq!(iseli.journal(&number).len(), before + 1);
}
