//! A program that ends, or a line that breaks, after the relay did something and before its answer was
//! taken; and an answer that stays the same however often one asks.

use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::transport::{Answer, TransportError};
use nahtlos_client::vault::Fault;
use nahtlos_client::{HttpTransport, Introduction, Transport};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::{JOIN_PATH, PushItem, SYNC_PATH};
use nahtlos_tests::scene::{scene, type_notes};
use nahtlos_tests::{Passing, World};

/// A line on which the answers to these requests are lost, in this order; others pass.
struct Losing {
    inner: HttpTransport,
    lost: Vec<&'static str>,
}

impl Transport for Losing {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let answer = self.inner.post(path, token, body)?;
        if self.lost.first() == Some(&path) {
            self.lost.remove(0);
            return Err(TransportError::Unreachable {
                url: "test".into(),
                reason: "the line broke".into(),
            });
        }
        Ok(answer)
    }
}

/// The newcomer's answer to the invitation arrived, and they were let in; then the relay went back, and a
/// colleague brought back what it had lost. The newcomer heard nothing of that: when they answer again, the
/// invitation is used, and the question whether the relay knows them gets no answer.
#[test]
fn a_newcomer_whose_question_whether_they_are_known_got_no_answer_asks_again() {
    let mut world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    let team = berger.nahtlos.identity().team.unwrap();
    let invitation = berger.nahtlos.invite_person(&team, Role::Write, "Neu");
    let invitation = invitation.unwrap();
    berger.sync();
    let backup = world.back_up_relay();
    let mut newcomer = world.home("neu");
    let introduction = Introduction {
        name: "Eva Neu".into(),
        function: "officer".into(),
    };
    let mut line = Losing {
        inner: world.transport(),
        lost: vec![JOIN_PATH, SYNC_PATH],
    };
    let joined = newcomer
        .nahtlos
        .join_as_person(&mut line, &invitation, &introduction);
    assert_eq!(joined.unwrap_err().code(), "relay_unreachable");
    berger.sync();
    world.go_back_to(&backup);
    berger.sync();
    let asked = newcomer.nahtlos.sync(&mut line, &mut |_| {});
    assert_eq!(asked.unwrap_err().code(), "relay_unreachable");
    assert_eq!(line.lost, Vec::<&str>::new(), "control: both were lost");
    assert_eq!(newcomer.nahtlos.status().unwrap().enrolment, "unanswered");
    newcomer.sync();
    assert_eq!(newcomer.nahtlos.status().unwrap().enrolment, "enrolled");
    assert_eq!(newcomer.journal(&number), berger.journal(&number));
}

/// Keller, who is in no institution any more and does not know it, opens a case.
#[test]
fn what_was_founded_by_who_is_in_no_institution_is_sent_once_in_a_sync() {
    let mut scene = scene();
    let team = scene.berger.nahtlos.identity().team.unwrap();
    let person = scene.keller.nahtlos.identity().person.unwrap();
    let removed = Ending::Member(team, person);
    scene.berger.nahtlos.end(&removed, Reason::Left).unwrap();
    scene.berger.sync();
    scene.keller.open_example_case();
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let synced = scene.keller.sync_over(
        &scene.world,
        &mut |request| {
            sent.extend(request.push.iter().filter_map(|item| match item {
                PushItem::Operation { bytes, .. } => Some(bytes.clone()),
                PushItem::Envelope { .. } | PushItem::Question { .. } => None,
            }));
            Passing::Arrives
        },
        &mut |_| Passing::Arrives,
    );
    synced.unwrap();
    let is_founding = |bytes: &Vec<u8>| {
        let signed = SignedOperation::decode(bytes).unwrap();
        signed.operation().index == 0
    };
    sent.retain(is_founding);
    assert!(!sent.is_empty(), "control");
    let times = sent.len();
    sent.sort();
    sent.dedup();
    assert_eq!(times, sent.len(), "each once");
}

/// The program ends after any number of commits of a sync that delivers an edit, and the relay goes back to
/// where this device saw it last: by its number alone nothing is missing.
#[test]
fn wherever_the_program_ends_an_edit_that_was_let_go_is_given_to_a_relay_that_went_back_behind_it()
{
    let mut scene = scene();
    let (mut crashed, mut let_go) = (0, 0);
    for after in 0..12 {
        scene.berger.sync();
        let backup = scene.world.back_up_relay();
        scene.berger.sync();
        type_notes(&mut scene.berger.nahtlos, &scene.number, &[after + 1]);
        let fault = Fault::Crash { after, keeps: true };
        scene.berger.nahtlos.vault_mut().set_fault(Some(fault));
        let ended = scene.berger.try_sync().is_err();
        scene.berger = scene.world.closed_and_reopened(scene.berger);
        let status = scene.berger.nahtlos.status().unwrap();
        crashed += u32::from(ended);
        let_go += u32::from(ended && status.undelivered_edits == 0);
        scene.world.go_back_to(&backup);
        scene.berger.sync();
        scene.berger.sync();
        scene.iseli.sync();
        let expected: Vec<u64> = (1..=after + 1).collect();
        assert_eq!(scene.notes(&scene.iseli), expected, "after {after} commits");
    }
    assert!(crashed > 3 && let_go > 0, "control: {crashed}, {let_go}");
}
