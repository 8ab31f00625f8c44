//! The line between a device and its relay: what passes is witnessed, and may be lost, doubled, late or
//! overtaken.

use std::sync::atomic::Ordering;

use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_protocol::codec;
use nahtlos_protocol::wire::{SYNC_PATH, SyncResponse};

use super::store::DiskFault;
use super::world::{DEPTH_MAX, World};

/// Largest message a test decodes.
const BYTES_MAX: usize = 1 << 25;
/// Effects after which a relay may end.
const RELAY_EFFECTS_MAX: u64 = 30;

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
    relay: usize,
    device: usize,
    path: String,
    token: Option<String>,
    body: Vec<u8>,
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
    fn carry(&mut self, request: InTheAir, depth: u32) -> Result<Answer, TransportError> {
        self.story.witness("request", &request.body);
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
        self.let_others_go_first(depth, "late answer");
        if self.strikes(self.plan.lose_answer, "lost answer") {
            return Err(broken("the answer is lost"));
        }
        Ok(answer)
    }

    /// What a relay answers; none where it ended over it.
    fn reach(&mut self, request: &InTheAir) -> Option<Answer> {
        let ends = self.chance.percent(self.plan.relay_crash);
        let full = self.chance.percent(self.plan.relay_disk_full);
        let after = self.chance.below(RELAY_EFFECTS_MAX);
        let keeps = self.chance.percent(50);
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
        for result in &response.results {
            let status = format!("{:?}", result.status).to_lowercase();
            let code = result.code.map(|code| code.word());
            self.coverage.count(format!("status: {status}"));
            if let Some(code) = code {
                self.coverage.count(format!("code: {code}"));
            }
            let id: String = result.id.to_string().chars().take(8).collect();
            let code = code.map_or_else(String::new, |code| format!(" ({code})"));
            self.story.tell(format!("the relay: {id} {status}{code}"));
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

    /// What breaks or heals between two steps.
    pub(super) fn break_something(&mut self) {
        if self.chance.percent(25) {
            self.land_one();
        }
        let Some(device) = self.somebody() else {
            return;
        };
        let name = self.devices[device].name.clone();
        if self.chance.percent(self.plan.partition) {
            let cut = !self.devices[device].cut_off;
            self.devices[device].cut_off = cut;
            let word = if cut { "is cut off" } else { "is back" };
            self.story.tell(format!("{name} {word}"));
        }
        if self.chance.percent(self.plan.skew) {
            let day_ms = 24 * 60 * 60 * 1000;
            let wrong = self.chance.below(2 * day_ms);
            let wrong_ms = i64::try_from(wrong).unwrap_or(0) - 24 * 60 * 60 * 1000;
            self.devices[device]
                .skew_ms
                .store(wrong_ms, Ordering::SeqCst);
            self.coverage.count("fault: clock skew");
            self.story
                .tell(format!("{name}'s clock is {} s off", wrong_ms / 1000));
        }
    }
}

fn problem_code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split("\"code\":\"").nth(1);
    code.and_then(|rest| rest.split('"').next())
        .unwrap_or("unexplained")
        .to_owned()
}
