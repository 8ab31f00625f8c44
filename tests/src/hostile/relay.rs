//! Messages between a device and the relay, in both directions.

use data_encoding::BASE64URL_NOPAD;
use nahtlos_protocol::codec as form;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::identifier::{DeviceId, ItemId, SignatureBytes};
use nahtlos_protocol::limits;
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::wire::join::{JoinAnswer, JoinBody, JoinRequest};
use nahtlos_protocol::wire::token::read_time;
use nahtlos_protocol::wire::{
    Item, JournalMark, PushItem, Receipt, SyncRequest, SyncResponse, Token,
};

use super::codec::{self, canonical};
use super::fixture;

/// What the relay reads of a claim at most (`sync-server/src/http/claim.rs`).
const CLAIM_BYTES_MAX: usize = 8 * 1024 * 1024;
const NOW_MS: u64 = 1_800_000_000_000;

pub fn token(bytes: &[u8]) {
    let (device, relay) = (fixture::signing(0), fixture::signing(1).verifying_key());
    let verify = |text: &str| Token::verify(text, &relay, NOW_MS, |_| Some(device.verifying_key()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _time = read_time(text, &relay, "refused");
        if let Ok(token) = verify(text) {
            let issued = Token::issue(token.device, &device, &relay, token.issued_at_ms);
            assert_eq!(text.len(), issued.len());
        }
    }
    let _verdict = verify(&BASE64URL_NOPAD.encode(bytes));
    // With a right signature around whatever the device says.
    let signature = SignatureBytes(*device.sign(label::REQUEST_SIGN, bytes).as_bytes());
    let signed = [&[0x82], bytes, &form::encode(&signature)].concat();
    if let Ok(token) = verify(&BASE64URL_NOPAD.encode(&signed)) {
        assert_eq!(form::encode(&token), bytes);
        assert!(token.expires_at_ms >= NOW_MS);
        assert!(token.issued_at_ms <= NOW_MS + limits::TOKEN_SKEW_MS_MAX);
        assert!(token.expires_at_ms - token.issued_at_ms <= limits::TOKEN_LIFETIME_MS_MAX);
    }
}

pub fn sync_request(bytes: &[u8]) {
    if let Some(request) = canonical::<SyncRequest>(bytes, limits::SYNC_REQUEST_BYTES_MAX) {
        assert!(request.push.len() <= limits::PUSH_ITEMS_MAX);
        request.push.iter().for_each(pushed);
    }
}

/// What the relay does first with each item.
fn pushed(item: &PushItem) {
    match item {
        PushItem::Operation { bytes, receipt, .. } => {
            codec::operation(bytes);
            receipt.iter().for_each(verified);
        }
        PushItem::Envelope { bytes, receipt } => {
            codec::envelope(bytes);
            receipt.iter().for_each(verified);
        }
        PushItem::Question { .. } => {}
    }
}

pub fn sync_response(bytes: &[u8]) {
    canonical::<Vec<Item>>(bytes, limits::SYNC_RESPONSE_BYTES_MAX);
    let Some(response) = canonical::<SyncResponse>(bytes, limits::SYNC_RESPONSE_BYTES_MAX) else {
        return;
    };
    assert!(response.items.len() <= limits::RESPONSE_ITEMS_MAX);
    assert!(response.results.len() <= limits::PUSH_ITEMS_MAX);
    let _signed = response.is_signed_by(&fixture::signing(1).verifying_key(), &DeviceId([1; 32]));
    for item in &response.items {
        codec::operation(&item.bytes);
        codec::envelope(&item.bytes);
        let _request = JoinRequest::decode(&item.bytes);
        verified(&item.receipt);
    }
}

pub fn receipt(bytes: &[u8]) {
    canonical::<JournalMark>(bytes, limits::RECEIPT_BYTES_MAX);
    if let Some(receipt) = canonical::<Receipt>(bytes, limits::RECEIPT_BYTES_MAX) {
        verified(&receipt);
    }
}

fn verified(receipt: &Receipt) {
    let relay = fixture::signing(1).verifying_key();
    if receipt.verify(&ItemId([0; 32]), &relay).is_ok() {
        assert!(receipt.position < receipt.count);
        assert!(
            receipt.verify(&ItemId([1; 32]), &relay).is_err(),
            "a receipt for two items"
        );
    }
}

pub fn claim_request(bytes: &[u8]) {
    if let Some(request) = canonical::<ClaimRequest>(bytes, CLAIM_BYTES_MAX) {
        let claim = fixture::signing(0).verifying_key();
        let _signed = request.is_signed_by(&claim, &fixture::signing(1).verifying_key());
        request.push.iter().for_each(pushed);
    }
}

/// As it comes in, and as the body of a request that is signed by the invitation.
pub fn join(bytes: &[u8]) {
    canonical::<JoinAnswer>(bytes, limits::JOIN_REQUEST_BYTES_MAX);
    canonical::<JoinBody>(bytes, limits::JOIN_REQUEST_BYTES_MAX);
    let signature = fixture::signing(0).sign(label::JOIN_SIGN, bytes);
    let signed = fixture::signed_bytes(bytes, SignatureBytes(*signature.as_bytes()));
    for whole in [bytes, &signed] {
        let Ok(request) = JoinRequest::decode(whole) else {
            continue;
        };
        assert_eq!(request.bytes(), whole);
        assert!(whole.len() <= limits::JOIN_REQUEST_BYTES_MAX);
        assert!(request.body().operations.len() <= limits::JOIN_OPERATIONS_MAX);
        assert!(request.body().introduction.len() <= limits::INTRODUCTION_BYTES_MAX);
        for operation in &request.body().operations {
            codec::operation(&operation.0);
        }
        if let Ok((device, member)) = request.device() {
            assert_eq!(device.0, request.body().newcomer.0);
            let carried = nahtlos_protocol::codec::encode(&member);
            assert_eq!(carried, request.body().operations[0].0);
        }
    }
}
