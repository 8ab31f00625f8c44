//! A hand-written HTTP client over a plain socket, which counts every byte, and a device that
//! syncs with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{DeviceId, ItemId};
use nahtlos_protocol::wire::claim::{Claim, ClaimRequest};
use nahtlos_protocol::wire::{
    Item, ItemResult, JournalMark, MEDIA_TYPE, PushItem, Status, SyncRequest, SyncResponse, Token,
};
use nahtlos_relay::{Config, RunningRelay};

use crate::world::{Institution, TestDevice, World};

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    pub bytes_both_ways: usize,
}

impl Answer {
    /// The stable code of a problem document.
    pub fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert!(self.head.contains("application/problem+json"), "{text}");
        let (_, after) = text.split_once("\"code\":\"").expect("a code");
        after.split('"').next().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

pub fn post(address: SocketAddr, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n");
    request += &format!("content-type: {MEDIA_TYPE}\r\n");
    if let Some(token) = token {
        request += &format!("authorization: Bearer {token}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n", body.len());
    exchange(address, request, body).expect("the relay answers")
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    exchange(address, request, &[]).expect("the relay answers")
}

pub fn exchange(address: SocketAddr, request: String, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    // A refusal may come before the whole body was taken.
    let _refused_early = stream.write_all(&bytes);
    let sent = bytes.len();
    let mut received = Vec::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        if let Some(answer) = parse(&received, sent) {
            return Ok(answer);
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&buffer[..count]);
    }
}

fn parse(received: &[u8], sent: usize) -> Option<Answer> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let length: usize = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().unwrap())
        })
        .unwrap_or(0);
    let body = received.get(end..end + length)?.to_vec();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        head,
        body,
        bytes_both_ways: sent + received.len(),
    })
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// A device's sync state.
pub struct Client {
    pub address: SocketAddr,
    pub relay: VerifyingKey,
    pub cursor: u64,
    pub mark: Option<JournalMark>,
    /// Sent with all requests of a device, as devices do: what a token opens is asked each time.
    tokens: RefCell<HashMap<DeviceId, String>>,
}

impl Client {
    pub fn new(address: SocketAddr, relay: VerifyingKey) -> Self {
        Self {
            address,
            relay,
            cursor: 0,
            mark: None,
            tokens: RefCell::default(),
        }
    }

    pub fn request(&self, device: &TestDevice, push: Vec<PushItem>, max_bytes: u32) -> Answer {
        let issue = || Token::issue(device.id, &device.keys.signing, &self.relay, now_ms());
        let mut tokens = self.tokens.borrow_mut();
        let token = tokens.entry(device.id).or_insert_with(issue).clone();
        let request = SyncRequest {
            version: 1,
            cursor: self.cursor,
            journal_mark: self.mark,
            push,
            max_bytes,
        };
        let body = codec::encode(&request);
        post(self.address, "/v1/sync", Some(&token), &body)
    }

    /// Pushes, and reads until nothing is waiting. Checks every signature and receipt.
    pub fn sync(
        &mut self,
        device: &TestDevice,
        mut push: Vec<PushItem>,
    ) -> (Vec<ItemResult>, Vec<Item>) {
        let (mut results, mut items) = (Vec::new(), Vec::new());
        loop {
            let answer = self.request(device, std::mem::take(&mut push), 1 << 20);
            assert_eq!(
                answer.status,
                200,
                "{}",
                String::from_utf8_lossy(&answer.body)
            );
            let response = read_response(&answer);
            assert!(response.is_signed_by(&self.relay, &device.id));
            for result in &response.results {
                if let Some(receipt) = &result.receipt {
                    receipt.verify(&result.id, &self.relay).unwrap();
                }
            }
            for item in &response.items {
                item.receipt.verify(&item_id(item), &self.relay).unwrap();
            }
            self.cursor = response.cursor;
            self.mark = Some(response.journal_mark);
            results.extend(response.results);
            items.extend(response.items);
            if !response.more {
                return (results, items);
            }
        }
    }

    /// Reads everything in pages of one item.
    pub fn read_in_small_pages(&mut self, device: &TestDevice) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            let response = read_response(&self.request(device, Vec::new(), 1));
            items.extend(response.items);
            self.cursor = response.cursor;
            if !response.more {
                return items;
            }
        }
    }

    /// Pushes, and insists that everything is accepted.
    pub fn push(&mut self, device: &TestDevice, push: Vec<PushItem>) -> Vec<Item> {
        let (results, items) = self.sync(device, push);
        for result in &results {
            assert_eq!(result.status, Status::Accepted, "{result:?}");
        }
        items
    }

    /// Pushes one item and returns its verdict.
    pub fn push_one(&mut self, device: &TestDevice, item: PushItem) -> ItemResult {
        let (mut results, _) = self.sync(device, vec![item]);
        assert_eq!(results.len(), 1);
        results.remove(0)
    }
}

pub fn read_response(answer: &Answer) -> SyncResponse {
    codec::decode(&answer.body, 64 << 20).expect("a sync response")
}

/// The id an item's own bytes give.
pub fn item_id(item: &Item) -> ItemId {
    use nahtlos_protocol::envelope::Envelope;
    use nahtlos_protocol::space::SignedOperation;
    use nahtlos_protocol::wire::ItemKind;
    use nahtlos_protocol::wire::join::JoinRequest;
    match item.kind {
        ItemKind::Operation => SignedOperation::decode(&item.bytes).unwrap().id().into(),
        ItemKind::Envelope => Envelope::decode(&item.bytes).unwrap().id().into(),
        ItemKind::JoinRequest => JoinRequest::decode(&item.bytes).unwrap().id(),
    }
}

pub fn ids(items: &[Item]) -> Vec<ItemId> {
    items.iter().map(item_id).collect()
}

/// A relay with a founded network, its founder, and a second institution in the network.
pub struct Setting {
    pub relay: Option<RunningRelay>,
    pub directory: tempfile::TempDir,
    pub world: World,
    pub a1: TestDevice,
    pub a: Institution,
    pub network: nahtlos_protocol::identifier::SpaceId,
    pub client: Client,
}

pub fn config(directory: &tempfile::TempDir) -> Config {
    let mut config = Config::new(
        directory.path().join("data"),
        "127.0.0.1:0".parse().unwrap(),
    );
    config.limits.device_burst = 10_000;
    config
}

impl Setting {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(&directory);
        change(&mut config);
        let relay = RunningRelay::start(config).unwrap();
        let claim: Claim = relay.claim.as_ref().unwrap().parse().unwrap();
        let address = relay.address;
        let (world, a1, a, network, client) = found(&claim, address);
        Self {
            relay: Some(relay),
            directory,
            world,
            a1,
            a,
            network,
            client,
        }
    }

    /// Founds a second institution, which the first one takes into the network.
    pub fn second_institution(&mut self, device: &TestDevice) -> (Institution, Client) {
        let institution = self.world.institution(device);
        self.world
            .add_member(&self.a1, self.network, institution.institution, Role::Read);
        let push = self.world.take();
        self.client.push(&self.a1, push);
        let client = Client::new(self.client.address, self.client.relay);
        (institution, client)
    }

    pub fn commits(&self) -> u64 {
        self.relay.as_ref().unwrap().commits()
    }

    /// Stops the relay and starts it again on the same directory.
    pub fn restart(&mut self) {
        self.relay.take().unwrap().stop();
        let relay = RunningRelay::start(config(&self.directory)).unwrap();
        assert_eq!(relay.claim, None);
        self.client.address = relay.address;
        self.relay = Some(relay);
    }
}

use nahtlos_protocol::space::Role;

pub type Founded = (
    World,
    TestDevice,
    Institution,
    nahtlos_protocol::identifier::SpaceId,
    Client,
);

/// Founds a network at an unclaimed relay.
pub fn found(claim: &Claim, address: SocketAddr) -> Founded {
    let relay = VerifyingKey::from_bytes(&claim.relay.0).unwrap();
    let (mut world, a1) = (World::new(), TestDevice::new(1));
    let a = world.institution(&a1);
    let network = world.network(&a1, &relay, a.institution);
    let request = ClaimRequest::sign(claim, network, world.take());
    let answer = post(address, "/v1/claim", None, &codec::encode(&request));
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let response = read_response(&answer);
    assert!(response.is_signed_by(&relay, &a1.id));
    let mut client = Client::new(address, relay);
    client.cursor = response.cursor;
    client.mark = Some(response.journal_mark);
    (world, a1, a, network, client)
}
