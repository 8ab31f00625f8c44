//! A held edit is adopted by one manager and discarded by another before the adoption went out: what was
//! typed upon it is not lost.

use nahtlos_client::HttpTransport;
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_protocol::codec;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{PushItem, SYNC_PATH, SyncRequest};
use nahtlos_tests::note;
use nahtlos_tests::scene::{Scene, correction, scene, type_notes};

/// A line that breaks before the relay sees an envelope.
struct NoEnvelopes(HttpTransport);

impl Transport for NoEnvelopes {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        if path == SYNC_PATH {
            let request: SyncRequest = codec::decode(body, 1 << 25).expect("a request");
            let is_envelope = |item: &PushItem| matches!(item, PushItem::Envelope { .. });
            if request.push.iter().any(is_envelope) {
                return Err(TransportError::Unreachable {
                    url: "test".into(),
                    reason: "the line broke".into(),
                });
            }
        }
        self.0.post(path, token, body)
    }
}

/// An edit of Iseli's is held, and Keller adopts it, offline. Returns its id.
fn adopted_by_keller(scene: &mut Scene) -> String {
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.sync_all();
    let keller = &mut scene.keller.nahtlos;
    let held = keller.held_list().unwrap();
    keller.held_adopt(&held[0].id).unwrap();
    assert_eq!(scene.notes(&scene.keller), [1], "control");
    held[0].id.clone()
}

fn discarded_by_berger(scene: &mut Scene, id: &str) {
    let berger = &mut scene.berger.nahtlos;
    berger.held_discard(id, "reported twice").unwrap();
    scene.berger.sync();
}

/// Keller's sync brings the discarding, and breaks before anything of theirs goes out.
fn keller_hears_of_it(scene: &mut Scene) {
    let mut line = NoEnvelopes(scene.world.transport());
    let broken = scene.keller.nahtlos.sync(&mut line, &mut |_| {});
    assert_eq!(broken.unwrap_err().code(), "relay_unreachable");
}

#[test]
fn what_was_typed_upon_an_adopted_edit_that_somebody_else_discarded_goes_out_without_it() {
    let mut scene = scene();
    let id = adopted_by_keller(&mut scene);
    let keller = &mut scene.keller.nahtlos;
    type_notes(keller, &scene.number, &[2]);
    let edits = [correction(3, 1), note(4)];
    keller.edit_case(&scene.number, &edits).unwrap();
    assert_eq!(scene.notes(&scene.keller), [1, 2, 3, 4], "control");
    discarded_by_berger(&mut scene, &id);

    keller_hears_of_it(&mut scene);
    assert_eq!(scene.notes(&scene.keller), [2, 4], "as soon as it is known");
    let aside = scene.keller.nahtlos.set_aside_edits().unwrap();
    assert_eq!(aside.len(), 1, "the correction is kept: {aside:?}");

    scene.keller.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [2, 4]);
        assert_eq!(home.nahtlos.held_list().unwrap().len(), 1, "the voided one");
        assert_eq!(scene.standings(home), scene.standings(&scene.berger));
    }
}

/// What was sealed with the adoption names the discarded edit, and is held. What was typed since is not.
#[test]
fn what_was_typed_after_the_adoption_was_sealed_goes_out_without_it() {
    let mut scene = scene();
    let id = adopted_by_keller(&mut scene);
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[2]);
    keller_hears_of_it(&mut scene);
    discarded_by_berger(&mut scene, &id);
    let keller = &mut scene.keller.nahtlos;
    let edits = [note(4), correction(5, 2)];
    keller.edit_case(&scene.number, &edits).unwrap();
    assert_eq!(scene.notes(&scene.keller), [1, 2, 4, 5], "control");

    let told = scene.keller.sync().notices;
    let told: Vec<_> = told.iter().filter(|one| one.contains("upon")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [4]);
        assert_eq!(scene.standings(home), scene.standings(&scene.berger));
    }
    let held = scene.keller.nahtlos.held_list().unwrap();
    let mut reasons: Vec<&str> = held.iter().map(|one| one.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["builds_on_voided", "voided"], "kept, and said");
    let aside = scene.keller.nahtlos.set_aside_edits().unwrap();
    assert_eq!(aside.len(), 1, "the correction is kept: {aside:?}");
}
