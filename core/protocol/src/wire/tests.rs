//! Every message round-trips, and every other form of it is refused.

use super::claim::{Claim, ClaimRequest, InvitationText, TextError, to_text};
use super::device::DeviceInvitation;
use super::join::{JoinError, JoinRequest};
use super::paper::PaperText;
use super::receipt::{Batch, JournalMark};
use super::share::ShareText;
use super::sync::{
    Item, ItemKind, ItemResult, PushItem, Status, SyncRequest, SyncResponse, VerdictCode,
};
use crate::codec::{self, CodecError};
use crate::crypto::secret::Secret32;
use crate::crypto::signature::SigningKey;
use crate::identifier::{
    DeviceId, ItemId, JournalId, RecipientId, SignatureBytes, SpaceId, VerifyingKeyBytes,
};
use crate::space::Wrap;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret32::from_bytes([number; 32]))
}

fn mark() -> JournalMark {
    JournalMark {
        journal: JournalId([1; 16]),
        sequence: 300,
        hash: ItemId([2; 32]),
        began_after: 12,
    }
}

fn request() -> SyncRequest {
    SyncRequest {
        version: 1,
        cursor: 42,
        journal_mark: Some(mark()),
        push: vec![
            PushItem::Operation {
                bytes: vec![1, 2, 3],
                wraps: vec![Wrap {
                    recipient: RecipientId([3; 32]),
                    bytes: vec![4; 48],
                }],
                receipt: None,
            },
            PushItem::Envelope {
                bytes: vec![5; 300],
                receipt: None,
            },
            PushItem::Question {
                id: ItemId([6; 32]),
            },
        ],
        max_bytes: 1 << 20,
    }
}

fn response() -> SyncResponse {
    let batch = Batch {
        journal: JournalId([1; 16]),
        accepted_at_ms: 7,
        items: vec![(300, ItemId([9; 32]))],
    };
    let receipt = batch.receipts(&key(1)).remove(0);
    let mut response = SyncResponse {
        version: 1,
        results: vec![ItemResult {
            id: ItemId([9; 32]),
            status: Status::Rejected,
            code: Some(VerdictCode::LogMoved),
            receipt: Some(receipt.clone()),
            missing: vec![ItemId([8; 32])],
        }],
        items: vec![Item {
            kind: ItemKind::Envelope,
            bytes: vec![1; 10],
            wraps: Vec::new(),
            receipt,
        }],
        cursor: 300,
        more: true,
        journal_mark: mark(),
        time_ms: 8,
        signature: SignatureBytes([0; 64]),
    };
    response.sign(&key(1), &DeviceId([5; 32]));
    response
}

/// Decodes back to itself; cut, extended or changed in its first byte it is refused.
fn round_trips<T>(value: &T)
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()> + PartialEq + std::fmt::Debug,
{
    let bytes = codec::encode(value);
    assert_eq!(codec::decode::<T>(&bytes, 1 << 20).as_ref(), Ok(value));
    for end in 0..bytes.len() {
        assert!(
            codec::decode::<T>(&bytes[..end], 1 << 20).is_err(),
            "cut at {end}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(
        codec::decode::<T>(&longer, 1 << 20),
        Err(CodecError::NotCanonical)
    );
    assert!(matches!(
        codec::decode::<T>(&bytes, 4),
        Err(CodecError::TooLong { .. })
    ));
}

#[test]
fn sync_messages_round_trip_and_every_cut_is_refused() {
    round_trips(&request());
    round_trips(&response());
    round_trips(&SyncRequest {
        journal_mark: None,
        push: Vec::new(),
        ..request()
    });
    round_trips(&ClaimRequest {
        network: SpaceId([1; 32]),
        signature: SignatureBytes([2; 64]),
        push: request().push,
    });
}

#[test]
fn an_idle_request_and_its_answer_are_small() {
    let idle = SyncRequest {
        push: Vec::new(),
        ..request()
    };
    let answer = SyncResponse {
        results: Vec::new(),
        items: Vec::new(),
        ..response()
    };
    assert!(codec::encode(&idle).len() + codec::encode(&answer).len() < 256);
}

#[test]
fn a_response_is_bound_to_the_relay_the_device_and_where_the_journal_stood() {
    let (relay, device) = (key(1).verifying_key(), DeviceId([5; 32]));
    assert!(response().is_signed_by(&relay, &device), "control");
    assert!(!response().is_signed_by(&key(2).verifying_key(), &device));
    assert!(!response().is_signed_by(&relay, &DeviceId([6; 32])));
    let changes: [fn(&mut SyncResponse); 8] = [
        |response| response.cursor += 1,
        |response| response.more = false,
        |response| response.results[0].status = Status::Accepted,
        |response| response.results.clear(),
        |response| response.journal_mark.sequence += 1,
        |response| response.journal_mark.journal.0[0] ^= 1,
        |response| response.journal_mark.hash.0[0] ^= 1,
        |response| response.time_ms += 1,
    ];
    for change in changes {
        let mut changed = response();
        change(&mut changed);
        assert!(!changed.is_signed_by(&relay, &device));
    }
}

#[test]
fn an_unknown_status_code_or_item_kind_is_named_as_newer() {
    assert_eq!(
        codec::decode::<Status>(&[7], 9),
        Err(CodecError::UnknownVariant)
    );
    assert_eq!(
        codec::decode::<ItemKind>(&[9], 9),
        Err(CodecError::UnknownVariant)
    );
    assert_eq!(
        codec::decode::<VerdictCode>(&[24, 200], 9),
        Err(CodecError::UnknownVariant)
    );
    assert_eq!(
        codec::decode::<Status>(&[1], 9),
        Ok(Status::Accepted),
        "control"
    );
}

fn invitation() -> InvitationText {
    InvitationText {
        url: "https://relay.example".into(),
        relay: VerifyingKeyBytes([1; 32]),
        network: SpaceId([2; 32]),
        inviting: SpaceId([3; 32]),
        guardian: Some(SpaceId([4; 32])),
        seed: Secret32::from_bytes([5; 32]),
    }
}

#[test]
fn an_invitation_round_trips_and_one_wrong_character_is_noticed() {
    let text = invitation().to_string();
    assert_eq!(text.parse::<InvitationText>(), Ok(invitation()));
    let without_guardian = InvitationText {
        guardian: None,
        ..invitation()
    };
    assert_eq!(without_guardian.to_string().parse(), Ok(without_guardian));
    let last = text.len() - 1;
    let wrong = if text.ends_with('a') { 'b' } else { 'a' };
    let mistyped = format!("{}{wrong}", &text[..last]);
    assert_eq!(mistyped.parse::<InvitationText>(), Err(TextError::Mistyped));
}

/// Whoever has one would look for a typing error for ever.
#[test]
fn a_text_of_a_newer_version_is_no_mistyped_one_however_it_goes_on() {
    fn read<T: std::str::FromStr<Err = TextError>>(prefix: &str, body: &[u8]) -> Option<TextError> {
        to_text(prefix, body).parse::<T>().err()
    }
    let another_form = |version: u8| codec::encode(&(version, "only a url"));
    let of_every_kind = |body: &[u8]| {
        [
            read::<Claim>("nahtlos-claim-", body),
            read::<InvitationText>("nahtlos-invite-", body),
            read::<DeviceInvitation>("nahtlos-device-", body),
            read::<PaperText>("nahtlos-paper-", body),
            read::<ShareText>("nahtlos-share-", body),
        ]
    };
    let newer = of_every_kind(&another_form(2));
    assert_eq!(newer, [Some(TextError::NeedsNewer); 5]);
    let mistyped = of_every_kind(&another_form(1));
    assert_eq!(mistyped, [Some(TextError::Mistyped); 5], "control");
    let too_long = codec::encode(&(2_u8, "u".repeat(1024)));
    let too_long = read::<PaperText>("nahtlos-paper-", &too_long);
    assert_eq!(
        too_long,
        Some(TextError::Mistyped),
        "its length comes first"
    );
}

#[test]
fn a_join_request_is_bound_to_its_invitation_and_stays_within_four_kibibytes() {
    let newcomer = SpaceId([7; 32]);
    let sign = |operations, introduction| {
        JoinRequest::sign(&invitation(), newcomer, operations, introduction)
    };
    let request = sign(vec![vec![1; 1500], vec![2; 1500]], vec![3; 300]).unwrap();
    assert_eq!(JoinRequest::decode(request.bytes()), Ok(request.clone()));
    assert_eq!(request.invitation(), invitation().invitation());
    for position in 0..request.bytes().len() {
        let mut changed = request.bytes().to_vec();
        changed[position] ^= 1;
        assert!(JoinRequest::decode(&changed).is_err(), "byte {position}");
    }
    assert!(matches!(
        sign(vec![vec![1; 4096]], Vec::new()),
        Err(JoinError::Codec(_))
    ));
    assert!(matches!(
        sign(vec![Vec::new(); 9], Vec::new()),
        Err(JoinError::Codec(_))
    ));
    assert_eq!(sign(Vec::new(), vec![0; 1025]), Err(JoinError::TooMuch));
}
