//! Founding the network.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::{SigningKey, VerifyingKey};
use nahtlos_protocol::wire::claim::{Claim, ClaimRequest};
use nahtlos_relay::RunningRelay;

use crate::client::{Setting, config, found, get, post};
use crate::world::{TestDevice, World};

#[test]
fn a_claim_founds_one_network_and_its_file_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let relay = RunningRelay::start(config(&directory)).unwrap();
    let file = directory.path().join("data/claim");
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(Some(written.trim()), relay.claim.as_deref());
    let claim: Claim = written.parse().unwrap();
    assert_eq!(claim.url, relay.url);
    let (mut world, a1, _, _, mut client) = found(&claim, relay.address);
    assert!(!file.exists());
    let (_, items) = client.sync(&a1, Vec::new());
    assert!(items.is_empty(), "who founds has everything");

    let again = ClaimRequest::sign(
        &claim,
        nahtlos_protocol::identifier::SpaceId([1; 32]),
        world.take(),
    );
    let answer = post(relay.address, "/v1/claim", None, &codec::encode(&again));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "already_claimed")
    );
}

#[test]
fn a_wrong_claim_or_a_network_for_another_relay_founds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let relay = RunningRelay::start(config(&directory)).unwrap();
    let claim: Claim = relay.claim.as_ref().unwrap().parse().unwrap();
    let key = VerifyingKey::from_bytes(&claim.relay.0).unwrap();
    let other_key = SigningKey::from_seed(&Secret32::from_bytes([9; 32])).verifying_key();
    let guessed = Claim {
        seed: Secret32::from_bytes([3; 32]),
        ..claim.clone()
    };
    for (claim_used, relay_key) in [(&guessed, &key), (&claim, &other_key)] {
        let (mut world, a1) = (World::new(), TestDevice::new(1));
        let a = world.institution(&a1);
        let network = world.network(&a1, relay_key, a.institution);
        let request = ClaimRequest::sign(claim_used, network, world.take());
        let answer = post(relay.address, "/v1/claim", None, &codec::encode(&request));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "claim_refused")
        );
    }
    assert!(directory.path().join("data/claim").exists());
    // The control: the right one still works, so nothing of the wrong ones was kept.
    found(&claim, relay.address);
}

#[test]
fn a_claim_with_one_bad_item_stores_none() {
    let directory = tempfile::tempdir().unwrap();
    let relay = RunningRelay::start(config(&directory)).unwrap();
    let claim: Claim = relay.claim.as_ref().unwrap().parse().unwrap();
    let key = VerifyingKey::from_bytes(&claim.relay.0).unwrap();
    let (mut world, a1) = (World::new(), TestDevice::new(1));
    let a = world.institution(&a1);
    let network = world.network(&a1, &key, a.institution);
    let mut push = world.take();
    push.remove(1);
    let request = ClaimRequest::sign(&claim, network, push);
    let answer = post(relay.address, "/v1/claim", None, &codec::encode(&request));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "claim_refused")
    );
    assert_eq!(relay.commits(), 0);
    found(&claim, relay.address);
    assert_eq!(relay.commits(), 1);
}

#[test]
fn an_unclaimed_relay_started_again_keeps_its_claim_under_its_new_address() {
    let directory = tempfile::tempdir().unwrap();
    let first = RunningRelay::start(config(&directory)).unwrap();
    let before: Claim = first.claim.as_ref().unwrap().parse().unwrap();
    first.stop();
    let second = RunningRelay::start(config(&directory)).unwrap();
    let after: Claim = second.claim.as_ref().unwrap().parse().unwrap();
    assert_eq!(
        (before.seed, before.relay),
        (after.seed.clone(), after.relay)
    );
    found(&after, second.address);
}

#[test]
fn two_relays_never_share_a_directory() {
    let setting = Setting::new();
    let refused = RunningRelay::start(config(&setting.directory));
    assert!(matches!(
        refused.err(),
        Some(nahtlos_relay::RelayError::AlreadyRunning { .. })
    ));
}

#[test]
fn plain_http_leaves_the_machine_only_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut open = config(&directory);
    open.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(
        RunningRelay::start(open.clone()).err(),
        Some(nahtlos_relay::RelayError::PlainHttp { .. })
    ));
    open.allow_plain_http = true;
    RunningRelay::start(open).unwrap().stop();
}

#[test]
fn health_and_metrics_answer_on_their_own_listener() {
    let setting = Setting::with(|config| {
        config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    });
    let relay = setting.relay.as_ref().unwrap();
    for address in [relay.address, relay.metrics_address.unwrap()] {
        assert_eq!(get(address, "/livez").status, 200);
        assert_eq!(get(address, "/readyz").status, 200);
    }
    let metrics = get(relay.metrics_address.unwrap(), "/metrics");
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(text.contains("nahtlos_relay_commits_total 1"), "{text}");
    let refused = get(relay.address, "/metrics");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "not_found")
    );
}
