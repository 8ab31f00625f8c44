//! Snapshots, and what is said about them.

use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, SpaceId};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{Status, VerdictCode};

use crate::client::{Client, Setting};
use crate::ends::{edit, envelopes, section};
use crate::world::{TestDevice, push_envelope, seal};

type Told = (Status, Option<VerdictCode>);

fn rejected(code: VerdictCode) -> Told {
    (Status::Rejected, Some(code))
}

const ACCEPTED: Told = (Status::Accepted, None);

/// A device pushes an envelope of a kind on these parents.
fn say(
    setting: &mut Setting,
    client: &mut Client,
    device: &TestDevice,
    space: SpaceId,
    kind: EnvelopeKind,
    parents: &[EnvelopeId],
) -> (EnvelopeId, Told) {
    let mut header = setting.world.header(device, space, 9);
    header.kind = kind;
    header.parents = parents.to_vec();
    let envelope = seal(device, &header);
    let result = client.push_one(device, push_envelope(&envelope));
    (envelope.id(), (result.status, result.code))
}

#[test]
fn a_reader_may_attest_and_dispute_a_snapshot_and_nothing_builds_on_either() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (b, mut b_client) = setting.second_institution(&b1);
    let section = section(&mut setting);
    setting
        .world
        .add_member(&setting.a1, section, b.team, Role::Read);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    b1.hold(&setting.a1);
    let first = EnvelopeId(edit(&mut setting, section, 1).0);
    b_client.sync(&b1, Vec::new());
    let a1 = TestDevice::new(1);
    a1.hold(&setting.a1);
    let mut a_client = Client::new(setting.client.address, setting.client.relay);
    use EnvelopeKind::{Attest, Blob, Changes, Dispute, Snapshot};

    let (snapshot, told) = say(
        &mut setting,
        &mut a_client,
        &a1,
        section,
        Snapshot,
        &[first],
    );
    assert_eq!(told, ACCEPTED);
    // What a reader may say, and what not.
    let (attest, told) = say(
        &mut setting,
        &mut b_client,
        &b1,
        section,
        Attest,
        &[snapshot],
    );
    assert_eq!(told, ACCEPTED);
    let (_, told) = say(
        &mut setting,
        &mut b_client,
        &b1,
        section,
        Dispute,
        &[snapshot],
    );
    assert_eq!(told, ACCEPTED);
    for kind in [Snapshot, Changes] {
        let (_, told) = say(&mut setting, &mut b_client, &b1, section, kind, &[first]);
        assert_eq!(told, rejected(VerdictCode::NotEntitled));
    }
    // Each on what it is about.
    let invalid: [(EnvelopeKind, &[EnvelopeId]); 7] = [
        (Attest, &[]),
        (Attest, &[first]),
        (Dispute, &[attest]),
        (Snapshot, &[]),
        (Snapshot, &[snapshot]),
        (Changes, &[snapshot]),
        (Changes, &[attest]),
    ];
    for (kind, parents) in invalid {
        let (_, told) = say(&mut setting, &mut a_client, &a1, section, kind, parents);
        assert_eq!(told, rejected(VerdictCode::Invalid), "{kind:?} {parents:?}");
    }
    let unknown = [EnvelopeId([9; 32])];
    let (_, told) = say(&mut setting, &mut a_client, &a1, section, Attest, &unknown);
    assert_eq!(told.0, Status::MissingParents);
    let (_, told) = say(&mut setting, &mut a_client, &a1, section, Blob, &[]);
    assert_eq!(told, rejected(VerdictCode::Unsupported));
    let (_, told) = say(&mut setting, &mut a_client, &a1, section, Changes, &[first]);
    assert_eq!(told, ACCEPTED, "the control");
    let mut fresh = Client::new(setting.client.address, setting.client.relay);
    let seen = envelopes(&fresh.sync(&b1, Vec::new()).1);
    assert!(seen.contains(&ItemId::from(snapshot)) && seen.contains(&ItemId::from(attest)));
}
