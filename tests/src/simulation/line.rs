//! The line between a device and its relay: what passes is witnessed, and may be lost, doubled, late or
//! overtaken.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_client::Nahtlos;
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::SignedOperation;
use nahtlos_protocol::wire::{
    Item, ItemKind, PushItem, SYNC_PATH, Status, SyncRequest, SyncResponse,
};

use super::observer::Sealed;
use super::store::DiskFault;
use super::world::{DEPTH_MAX, World};

/// Largest message a test decodes.
pub(super) const BYTES_MAX: usize = 1 << 25;
/// Effects after which a relay may end.
const RELAY_EFFECTS_MAX: u64 = 12;

/// A device's line, while it syncs.
pub struct Line<'a> {
    /// What is around it.
    pub world: &'a mut World,
    /// Whose line.
    pub device: usize,
    /// How many others are in the middle of a request already.
    pub depth: u32,
}

/// A request whose sender has given it up and that arrives later all the same.
#[derive(Clone, Debug)]
pub struct InTheAir {
    pub(super) relay: usize,
    pub(super) device: usize,
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Transport for Line<'_> {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let request = InTheAir {
            relay: self.world.devices[self.device].relay,
            device: self.device,
            path: path.to_owned(),
            token: token.map(str::to_owned),
            body: body.to_owned(),
        };
        self.world.carry(request, self.depth)
    }
}

fn broken(reason: &str) -> TransportError {
    TransportError::Unreachable {
        url: "simulated".into(),
        reason: reason.into(),
    }
}

impl World {
    fn carry(&mut self, mut request: InTheAir, depth: u32) -> Result<Answer, TransportError> {
        self.story.witness("request", &request.body);
        self.settle_knowledge(request.device);
        self.note_sealed(&request);
        self.tamper(&mut request);
        if self.devices[request.device].cut_off {
            self.coverage.count("fault: partition");
            return Err(broken("cut off"));
        }
        if self.strikes(self.plan.drop, "drop") {
            return Err(broken("the request is lost"));
        }
        if self.strikes(self.plan.late, "delay") {
            self.air.push(request);
            return Err(broken("the request is late"));
        }
        let device = request.device;
        self.let_others_go_first(depth, "reorder");
        let doubled = self.strikes(self.plan.duplicate, "duplicate");
        let mut answer = self.reach(&request);
        if doubled {
            let second = self.reach(&request);
            if self.chance.percent(50) {
                answer = second;
            }
        }
        let answer = answer.ok_or_else(|| broken("the relay ended"))?;
        let answer = self.lie(&request, answer);
        self.let_others_go_first(depth, "late answer");
        if self.strikes(self.plan.lose_answer, "lost answer") {
            return Err(broken("the answer is lost"));
        }
        self.note_received(device, &answer);
        Ok(answer)
    }

    /// What came in the answer before was stored before a device asks again.
    pub(super) fn settle_knowledge(&mut self, device: usize) {
        let received = self.received.remove(&device).unwrap_or_default();
        if !received.is_empty() {
            Arc::make_mut(&mut self.known[device]).extend(received);
        }
    }

    /// A sync broke off: of what came in the answer before, a device knows what it had stored by then.
    pub(super) fn settle_what_was_stored(&mut self, device: usize) {
        let received = self.received.remove(&device).unwrap_or_default();
        let replica = self.devices[device].replica.as_ref();
        let stored = replica.and_then(|replica| replica.operations_stored(&received).ok());
        let stored = stored.unwrap_or_default();
        if !stored.is_empty() {
            Arc::make_mut(&mut self.known[device]).extend(stored);
        }
    }

    fn note_received(&mut self, device: usize, answer: &Answer) {
        let Ok(response) = codec::decode::<SyncResponse>(&answer.body, BYTES_MAX) else {
            return;
        };
        let spoilt = self.spoilt.remove(&device);
        let mut ids: Vec<ItemId> = response.items.iter().filter_map(operation_id).collect();
        ids.retain(|id| Some(*id) != spoilt);
        // A relay that lies gives receipts that prove nothing: the device does not take it in then.
        let relay = SigningKey::from_seed(&Secret32::from_bytes(self.relay_seed)).verifying_key();
        let stored = response.results.iter().filter(|result| {
            let receipt = result.receipt.as_ref();
            receipt.is_some_and(|receipt| receipt.verify(&result.id, &relay).is_ok())
        });
        ids.extend(stored.map(|result| result.id));
        self.received.insert(device, ids);
    }

    /// What is sealed before the sync that sends it is sealed by what its author knows now.
    pub(super) fn note_sealed_early(&mut self, device: usize) {
        let replica = self.devices[device].replica.as_ref();
        let sealed = replica.map(Nahtlos::sealed_envelopes);
        for envelope in sealed.into_iter().flatten().flatten() {
            self.note_one_sealed(device, &envelope);
        }
    }

    /// What an envelope's author knew when it was sealed: at the latest when it is first sent.
    fn note_sealed(&mut self, request: &InTheAir) {
        for item in pushed(request) {
            let PushItem::Envelope { bytes, .. } = item else {
                continue;
            };
            let Ok(envelope) = Envelope::decode(&bytes) else {
                continue;
            };
            self.note_one_sealed(request.device, &envelope);
        }
    }

    fn note_one_sealed(&mut self, device: usize, envelope: &Envelope) {
        let header = envelope.header();
        let sealed = Sealed {
            space: header.space,
            key_id: header.key_id,
            known: Arc::clone(&self.known[device]),
            device,
        };
        let seen = &mut self.seen.envelopes;
        seen.entry(envelope.id()).or_insert(sealed);
    }

    /// What a relay answers; none where it ended over it.
    pub(super) fn reach(&mut self, request: &InTheAir) -> Option<Answer> {
        let ends = self.chance.percent(self.plan.relay_crash);
        let full = self.chance.percent(self.plan.relay_disk_full);
        let after = self.chance.below(RELAY_EFFECTS_MAX);
        let keeps = self.chance.percent(50);
        // The copy may have ended meanwhile.
        self.relays.get(request.relay)?;
        for item in pushed(request) {
            if let PushItem::Operation { bytes, wraps, .. } = &item {
                self.seen.operation(bytes, wraps);
            }
            self.last_pushed = Some(item);
        }
        let relay = &mut self.relays[request.relay];
        if ends {
            relay.disk.set(DiskFault::Crash { after, keeps });
        } else if full {
            relay.disk.set(DiskFault::Full { after });
        }
        let disk = relay.disk.clone();
        let answer = relay.post(&request.path, request.token.as_deref(), &request.body);
        if disk.has_failed() {
            let word = if disk.has_crashed() {
                self.story.tell("the relay ended and is started again");
                "relay crash"
            } else {
                self.story.tell("the relay's disk was full");
                "relay disk full"
            };
            self.coverage.count(format!("fault: {word}"));
        }
        self.relays[request.relay].mend();
        if let Some(answer) = &answer {
            self.witness(request, answer);
        }
        answer
    }

    fn witness(&mut self, request: &InTheAir, answer: &Answer) {
        self.story.witness("answer", &answer.body);
        if answer.status != 200 {
            let code = problem_code(&answer.body);
            self.coverage.count(format!("refusal: {code}"));
            self.story.tell(format!("the relay refuses: {code}"));
            return;
        }
        if request.path != SYNC_PATH {
            return;
        }
        let Ok(response) = codec::decode::<SyncResponse>(&answer.body, BYTES_MAX) else {
            self.fail("an answer that does not decode");
            return;
        };
        let operations = operations(request);
        for result in &response.results {
            if matches!(result.status, Status::Accepted | Status::Duplicate) {
                self.seen.taken.insert(result.id);
            }
            let status = format!("{:?}", result.status).to_lowercase();
            let code = result.code.map(|code| code.word());
            self.coverage.count(format!("status: {status}"));
            if let Some(code) = code {
                self.coverage.count(format!("code: {code}"));
            }
            let id: String = result.id.to_string().chars().take(8).collect();
            let code = code.map_or_else(String::new, |code| format!(" ({code})"));
            let missing = result.missing.iter().map(|id| id.to_string());
            let missing: String = missing.map(|id| format!(" {}", &id[..8])).collect();
            let what = operations.get(&result.id).map_or("", String::as_str);
            self.story
                .tell(format!("the relay: {id}{what} {status}{code}{missing}"));
        }
    }

    /// Whether a fault strikes now.
    fn strikes(&mut self, percent: u64, name: &str) -> bool {
        let strikes = self.chance.percent(percent);
        if strikes {
            self.coverage.count(format!("fault: {name}"));
            self.story.tell(format!("({name})"));
        }
        strikes
    }

    fn let_others_go_first(&mut self, depth: u32, name: &str) {
        if depth >= DEPTH_MAX || !self.strikes(self.plan.overtake, name) {
            return;
        }
        for _ in 0..=self.chance.below(3) {
            self.step(depth + 1);
        }
    }

    /// A request arrives that its sender gave up; nobody takes the answer.
    pub(super) fn land_one(&mut self) {
        if self.air.is_empty() {
            return;
        }
        let place = self.chance.below(self.air.len() as u64);
        let request = self.air.remove(usize::try_from(place).unwrap_or(0));
        let name = &self.devices[request.device].name;
        self.story
            .tell(format!("a request that {name} gave up arrives"));
        self.coverage.count("fault: late arrival");
        let _nobody_takes_it = self.reach(&request);
    }
}

fn pushed(request: &InTheAir) -> Vec<PushItem> {
    if request.path != SYNC_PATH {
        return Vec::new();
    }
    let decoded = codec::decode::<SyncRequest>(&request.body, BYTES_MAX);
    decoded.map_or_else(|_| Vec::new(), |request| request.push)
}

fn problem_code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split("\"code\":\"").nth(1);
    code.and_then(|rest| rest.split('"').next())
        .unwrap_or("unexplained")
        .to_owned()
}

/// What each pushed operation does, for the story.
fn operations(request: &InTheAir) -> BTreeMap<ItemId, String> {
    let operations = pushed(request).into_iter().filter_map(|item| {
        let PushItem::Operation { bytes, .. } = item else {
            return None;
        };
        let signed = SignedOperation::decode(&bytes).ok()?;
        let body = signed.operation();
        let effects = body.effects.iter().map(|effect| {
            let whole = format!("{effect:?}");
            let name: String = whole.chars().take_while(|c| c.is_alphabetic()).collect();
            name
        });
        let effects: Vec<String> = effects.collect();
        let space: String = signed.space().to_string().chars().take(4).collect();
        let text = format!(" ({} as {space}/{})", effects.join(", "), body.index);
        Some((signed.id().into(), text))
    });
    operations.collect()
}

/// The id of an operation that was served; none of anything else.
pub(super) fn operation_id(item: &Item) -> Option<ItemId> {
    if item.kind != ItemKind::Operation {
        return None;
    }
    let signed = SignedOperation::decode(&item.bytes).ok()?;
    Some(signed.id().into())
}
