//! What travels: receipts, marks, tokens, sync requests and responses with every status and code,
//! join requests, and the texts of claims and invitations.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{
    DeviceId, ItemId, JournalId, RecipientId, SignatureBytes, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::claim::{Claim, ClaimRequest, InvitationText};
use nahtlos_protocol::wire::join::{JoinAnswer, JoinRequest};
use nahtlos_protocol::wire::receipt::chain;
use nahtlos_protocol::wire::sync::{Item, ItemResult};
use nahtlos_protocol::wire::token::{read_time, sign_time};
use nahtlos_protocol::wire::{
    Batch, ItemKind, JournalMark, PushItem, Receipt, Status, SyncRequest, SyncResponse, Token,
    VerdictCode,
};
use serde_json::{Value, json};

use crate::describe;
use crate::forms::{device, file, same_again};
use crate::support::{array, bytes, each, hex, secret, stored};
use crate::world::{Device, NOW_MS};

fn relay() -> SigningKey {
    SigningKey::from_seed(&Secret32::from_bytes([0xee; 32]))
}

fn batch(count: u8) -> Batch {
    Batch {
        journal: JournalId([0x0a; 16]),
        accepted_at_ms: NOW_MS,
        items: (0..count)
            .map(|number| (u64::from(number) * 3 + 100, ItemId([number; 32])))
            .collect(),
    }
}

fn a_receipt() -> Receipt {
    batch(5).receipts(&relay())[4].clone()
}

fn a_mark() -> JournalMark {
    JournalMark {
        journal: JournalId([0x0a; 16]),
        sequence: 112,
        hash: ItemId([0x0b; 32]),
        began_after: 90,
    }
}

#[test]
fn receipts_and_the_journals_chain_verify_as_they_did() {
    let stored = stored("forms/receipts.json", || {
        let mut vectors = Vec::new();
        for count in [1, 2, 3, 5, 8] {
            let batch = batch(count);
            for (receipt, (_, item)) in batch.receipts(&relay()).iter().zip(&batch.items) {
                vectors.push(json!({
                    "name": format!("{} of {count}", receipt.position),
                    "relay_seed": hex(&[0xee; 32]),
                    "relay": hex(relay().verifying_key().as_bytes()),
                    "item": item.to_string(),
                    "bytes": hex(&codec::encode(receipt)),
                    "value": describe::receipt(receipt),
                }));
            }
        }
        file("§17", "receipts of batches of several sizes", vectors)
    });
    for (name, vector) in each(&stored) {
        let receipt: Receipt = same_again(name, &bytes(vector, "bytes"));
        assert_eq!(describe::receipt(&receipt), vector["value"], "{name}");
        let relay = SigningKey::from_seed(&secret(vector, "relay_seed"));
        let key = relay.verifying_key();
        assert_eq!(hex(key.as_bytes()), vector["relay"], "{name}");
        assert_eq!(
            receipt.verify(&ItemId(array(vector, "item")), &key),
            Ok(()),
            "{name}"
        );
    }
    let mut hash = ItemId([0; 32]);
    for (sequence, item) in batch(3).items {
        hash = chain(&hash, sequence, &item);
    }
    // Also in PROTOCOL's words: 100, 103 and 106 with items of zeros, ones and twos.
    let chained = stored_chain(hash);
    assert_eq!(hash.to_string(), chained);
}

fn stored_chain(hash: ItemId) -> String {
    let stored = stored("forms/journal.json", || {
        let items: Vec<Value> = batch(3)
            .items
            .iter()
            .map(|(sequence, item)| json!({ "sequence": sequence, "item": item.to_string() }))
            .collect();
        let vectors = vec![
            json!({ "name": "chain", "items": items, "hash": hash.to_string() }),
            json!({ "name": "mark", "bytes": hex(&codec::encode(&a_mark())), "value": describe::mark(&a_mark()) }),
        ];
        file(
            "§17",
            "the journal's chain from 32 zero bytes, and a mark",
            vectors,
        )
    });
    let (_, mark) = each(&stored).nth(1).expect("a mark");
    let read: JournalMark = same_again("mark", &bytes(mark, "bytes"));
    assert_eq!(describe::mark(&read), mark["value"]);
    let (_, chain) = each(&stored).next().expect("a chain");
    chain["hash"].as_str().expect("text").to_owned()
}

#[test]
fn tokens_and_the_relays_time_are_good_as_they_were() {
    let stored = stored("forms/tokens.json", || {
        let author = Device::new(9);
        let token = Token::issue(
            author.id,
            &author.keys.signing,
            &relay().verifying_key(),
            NOW_MS,
        );
        let vectors = vec![json!({
            "name": "token",
            "seed": hex(&author.seed),
            "device": author.id.to_string(),
            "relay_seed": hex(&[0xee; 32]),
            "now_ms": NOW_MS,
            "token": token,
            "time_ms": NOW_MS + 7,
            "time": sign_time(&relay(), NOW_MS + 7, &token),
        })];
        file(
            "§18",
            "a token, and the relay's time beside it where it is refused",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let relay = SigningKey::from_seed(&secret(vector, "relay_seed"));
        let author = Device::new(bytes(vector, "seed")[0]);
        let now_ms = vector["now_ms"].as_u64().expect("a number");
        let text = vector["token"].as_str().expect("text");
        let key = author.keys.public_keys().verifying;
        let token = Token::verify(text, &relay.verifying_key(), now_ms, |_| Some(key)).expect(name);
        assert_eq!(token.device, device(vector, "device"), "{name}");
        let again = Token::issue(
            token.device,
            &author.keys.signing,
            &relay.verifying_key(),
            now_ms,
        );
        assert_eq!(again, text, "{name}");
        let time = vector["time"].as_str().expect("text");
        let read = read_time(time, &relay.verifying_key(), text);
        assert_eq!(read, vector["time_ms"].as_u64(), "{name}");
    }
}

fn requests() -> Vec<(&'static str, SyncRequest)> {
    let wrap = |number: u8, length| Wrap {
        recipient: RecipientId([number; 32]),
        bytes: vec![number; length],
    };
    let request = |cursor, journal_mark, push| SyncRequest {
        version: 1,
        cursor,
        journal_mark,
        push,
        max_bytes: 8 * 1024 * 1024,
    };
    let operation = |receipt| PushItem::Operation {
        bytes: vec![0x0c; 20],
        wraps: vec![wrap(1, 48), wrap(2, 1168)],
        receipt,
    };
    let envelope = |receipt| PushItem::Envelope {
        bytes: vec![0x0d; 20],
        receipt,
    };
    vec![
        ("idle, the first", request(0, None, Vec::new())),
        ("idle", request(112, Some(a_mark()), Vec::new())),
        (
            "push",
            request(112, Some(a_mark()), vec![operation(None), envelope(None)]),
        ),
        (
            "offer again",
            request(
                112,
                Some(a_mark()),
                vec![operation(Some(a_receipt())), envelope(Some(a_receipt()))],
            ),
        ),
    ]
}

#[test]
fn sync_requests_are_the_bytes_they_were() {
    let stored = stored("forms/sync_requests.json", || {
        let vectors = requests()
            .iter()
            .map(|(name, request)| json!({ "name": name, "bytes": hex(&codec::encode(request)), "value": describe_request(request) }))
            .collect();
        file("§19", "sync requests", vectors)
    });
    for (name, vector) in each(&stored) {
        let request: SyncRequest = same_again(name, &bytes(vector, "bytes"));
        assert_eq!(describe_request(&request), vector["value"], "{name}");
    }
}

/// What version 1 gained after its vectors were opened: a question about one's own envelope, and the
/// code of its answer.
#[test]
fn questions_and_what_answers_them_are_the_bytes_they_were() {
    let ask = SyncRequest {
        version: 1,
        cursor: 112,
        journal_mark: Some(a_mark()),
        push: vec![PushItem::Question {
            id: ItemId([0x31; 32]),
        }],
        max_bytes: 8 * 1024 * 1024,
    };
    let voided = ItemResult {
        id: ItemId([0x31; 32]),
        status: Status::Held,
        code: Some(VerdictCode::Voided),
        receipt: Some(a_receipt()),
        missing: Vec::new(),
    };
    let stored = stored("added/questions.json", || {
        let vectors = vec![
            json!({ "name": "question", "bytes": hex(&codec::encode(&ask)), "value": describe_request(&ask) }),
            json!({ "name": "voided", "bytes": hex(&codec::encode(&voided)), "value": describe::result(&voided) }),
        ];
        let what = "a sync request that asks about an envelope, and the result that it was voided";
        file("§19", what, vectors)
    });
    let mut read = each(&stored);
    let (name, vector) = read.next().expect("a request");
    let request: SyncRequest = same_again(name, &bytes(vector, "bytes"));
    assert_eq!(describe_request(&request), vector["value"], "{name}");
    let (name, vector) = read.next().expect("a result");
    let result: ItemResult = same_again(name, &bytes(vector, "bytes"));
    assert_eq!(describe::result(&result), vector["value"], "{name}");
    assert_eq!((request, result), (ask, voided));
}

fn describe_request(request: &SyncRequest) -> Value {
    let push: Vec<Value> = request
        .push
        .iter()
        .map(|item| match item {
            PushItem::Operation {
                bytes,
                wraps,
                receipt,
            } => json!({
                "operation": hex(bytes),
                "wraps": wraps.iter().map(describe::wrap).collect::<Vec<_>>(),
                "receipt": receipt.as_ref().map(describe::receipt),
            }),
            PushItem::Envelope { bytes, receipt } => json!({
                "envelope": hex(bytes),
                "receipt": receipt.as_ref().map(describe::receipt),
            }),
            PushItem::Question { id } => json!({ "question": id.to_string() }),
        })
        .collect();
    json!({
        "version": request.version,
        "cursor": request.cursor,
        "journal_mark": request.journal_mark.as_ref().map(describe::mark),
        "push": push,
        "max_bytes": request.max_bytes,
    })
}

/// Every status, and every code with the status it comes with.
fn results() -> Vec<ItemResult> {
    let result = |number: u8, status, code, receipt, missing| ItemResult {
        id: ItemId([number; 32]),
        status,
        code,
        receipt,
        missing,
    };
    let rejected = [
        VerdictCode::Malformed,
        VerdictCode::TooLarge,
        VerdictCode::BadSignature,
        VerdictCode::NotEntitled,
        VerdictCode::LogMoved,
        VerdictCode::Invalid,
        VerdictCode::NotExact,
        VerdictCode::WrapMismatch,
        VerdictCode::UnknownSpace,
        VerdictCode::NotAdmitted,
        VerdictCode::Quota,
        VerdictCode::NeedsNewer,
        VerdictCode::Unsupported,
    ];
    let held = [
        VerdictCode::AccessEnded,
        VerdictCode::AccessReduced,
        VerdictCode::Closed,
    ];
    let missing = vec![ItemId([0x21; 32]), ItemId([0x22; 32])];
    let mut results = vec![
        result(1, Status::Accepted, None, Some(a_receipt()), Vec::new()),
        result(2, Status::Duplicate, None, Some(a_receipt()), Vec::new()),
        result(3, Status::StaleAccess, None, None, Vec::new()),
        result(4, Status::MissingParents, None, None, missing),
    ];
    results.extend(
        held.map(|code| result(5, Status::Held, Some(code), Some(a_receipt()), Vec::new())),
    );
    results.extend(rejected.map(|code| result(6, Status::Rejected, Some(code), None, Vec::new())));
    results
}

fn responses() -> Vec<(&'static str, SyncResponse)> {
    let item = |kind| Item {
        kind,
        bytes: vec![0x0e; 20],
        wraps: Vec::new(),
        receipt: a_receipt(),
    };
    let mut with_wraps = item(ItemKind::Operation);
    with_wraps.wraps.push(Wrap {
        recipient: RecipientId([1; 32]),
        bytes: vec![1; 48],
    });
    let response = |results, items, more| {
        let mut response = SyncResponse {
            version: 1,
            results,
            items,
            cursor: 112,
            more,
            journal_mark: a_mark(),
            time_ms: NOW_MS,
            signature: SignatureBytes([0; 64]),
        };
        response.sign(&relay(), &Device::new(9).id);
        response
    };
    let items = vec![
        with_wraps,
        item(ItemKind::Envelope),
        item(ItemKind::JoinRequest),
    ];
    vec![
        ("idle", response(Vec::new(), Vec::new(), false)),
        (
            "every status and code",
            response(results(), Vec::new(), false),
        ),
        ("every kind of item", response(Vec::new(), items, true)),
    ]
}

#[test]
fn sync_responses_are_the_bytes_they_were_and_their_signatures_good() {
    let stored = stored("forms/sync_responses.json", || {
        let vectors = responses()
            .iter()
            .map(|(name, response)| {
                let asking = Device::new(9).id;
                json!({
                    "name": name,
                    "relay_seed": hex(&[0xee; 32]),
                    "device": asking.to_string(),
                    "statement": hex(&response.statement(&asking)),
                    "bytes": hex(&codec::encode(response)),
                    "value": describe_response(response),
                })
            })
            .collect();
        file(
            "§19",
            "sync responses to one device, with the statement the relay signs",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let response: SyncResponse = same_again(name, &bytes(vector, "bytes"));
        assert_eq!(describe_response(&response), vector["value"], "{name}");
        let asking: DeviceId = device(vector, "device");
        let statement = response.statement(&asking);
        assert_eq!(
            (hex(&statement), statement.len()),
            (hex(&bytes(vector, "statement")), 145),
            "{name}"
        );
        let relay = SigningKey::from_seed(&secret(vector, "relay_seed")).verifying_key();
        assert!(response.is_signed_by(&relay, &asking), "{name}");
        assert!(!response.is_signed_by(&relay, &DeviceId([0; 32])), "{name}");
    }
}

fn describe_response(response: &SyncResponse) -> Value {
    json!({
        "version": response.version,
        "results": response.results.iter().map(describe::result).collect::<Vec<_>>(),
        "items": response.items.iter().map(describe::item).collect::<Vec<_>>(),
        "cursor": response.cursor,
        "more": response.more,
        "journal_mark": describe::mark(&response.journal_mark),
        "time_ms": response.time_ms,
        "signature": response.signature.to_string(),
    })
}

fn invitation(guardian: Option<SpaceId>) -> InvitationText {
    InvitationText {
        url: "https://relay.example".into(),
        relay: VerifyingKeyBytes(*relay().verifying_key().as_bytes()),
        network: SpaceId([0x41; 32]),
        inviting: SpaceId([0x42; 32]),
        guardian,
        seed: Secret32::from_bytes([0x43; 32]),
    }
}

fn claim() -> Claim {
    Claim {
        url: "https://relay.example:8443".into(),
        relay: VerifyingKeyBytes(*relay().verifying_key().as_bytes()),
        seed: Secret32::from_bytes([0x44; 32]),
    }
}

#[test]
fn claims_invitations_and_join_requests_are_read_as_they_were() {
    let stored = stored("forms/joining.json", || {
        let join = JoinRequest::sign(
            &invitation(None),
            SpaceId([0x45; 32]),
            vec![vec![0x46; 30]],
            vec![0x47; 200],
        );
        let join = join.expect("it is short");
        let answer = JoinAnswer {
            status: Status::Accepted,
            receipt: a_receipt(),
        };
        let request = ClaimRequest::sign(&claim(), SpaceId([0x41; 32]), Vec::new());
        let vectors = vec![
            json!({ "name": "claim", "text": claim().to_string(), "url": claim().url, "seed": hex(&[0x44; 32]) }),
            json!({ "name": "invitation of an institution", "text": invitation(None).to_string(), "guardian": null, "seed": hex(&[0x43; 32]) }),
            json!({ "name": "invitation of a person", "text": invitation(Some(SpaceId([0x48; 32]))).to_string(), "guardian": hex(&[0x48; 32]), "seed": hex(&[0x43; 32]) }),
            json!({ "name": "claim request", "bytes": hex(&codec::encode(&request)) }),
            json!({ "name": "join request", "bytes": hex(join.bytes()), "id": join.id().to_string(), "newcomer": hex(&[0x45; 32]) }),
            json!({ "name": "join answer", "bytes": hex(&codec::encode(&answer)) }),
        ];
        file(
            "§20, §21",
            "claim and invitation texts (good once, and here published), and what is sent under them",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let text = || vector["text"].as_str().expect("text");
        match name {
            "claim" => {
                let read: Claim = text().parse().expect(name);
                assert_eq!((read.to_string().as_str(), &read), (text(), &claim()));
            }
            "claim request" => {
                let read: ClaimRequest = same_again(name, &bytes(vector, "bytes"));
                let key = SigningKey::from_seed(&claim().seed).verifying_key();
                assert!(read.is_signed_by(&key, &relay().verifying_key()));
            }
            "join request" => {
                let read = JoinRequest::decode(&bytes(vector, "bytes")).expect(name);
                assert_eq!(read.id().to_string(), vector["id"]);
                assert_eq!(read.body().newcomer.to_string(), vector["newcomer"]);
                assert_eq!(read.invitation(), invitation(None).invitation());
            }
            "join answer" => {
                let read: JoinAnswer = same_again(name, &bytes(vector, "bytes"));
                assert_eq!((read.status, read.receipt), (Status::Accepted, a_receipt()));
            }
            _ => {
                let read: InvitationText = text().parse().expect(name);
                let guardian = read.guardian.map(|id| id.to_string());
                assert_eq!(json!(guardian), vector["guardian"], "{name}");
                assert_eq!(
                    (read.to_string().as_str(), &read.seed),
                    (text(), &secret(vector, "seed"))
                );
            }
        }
    }
}
