//! A relay with small limits, an honest device, and one that is not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{PushItem, Status, SyncRequest, Token};

use crate::client::{Answer, Client, exchange, found, get, now_ms, post, read_response};
use crate::world::{TestDevice, World, push_envelope, seal_bytes};

const PROGRAM: &str = env!("CARGO_BIN_EXE_story-nahtlos-relay");

/// How long a test waits for what has to come on a busy machine. Nothing is measured by it: without
/// the relay's limits it never comes.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// What a relay holds beside its budgets and connections, in KiB: its program, its threads, the
/// database's pages, and what the allocator keeps.
const OWN_KIB: u64 = 128 * 1024;
/// What a connection may hold, in KiB: buffers for reading ahead and for the body of one request.
const CONNECTION_KIB: u64 = 256;

/// The relay's process.
pub struct RelayUnderAbuse {
    child: Child,
    data: PathBuf,
    pub address: SocketAddr,
    pub metrics: SocketAddr,
}

impl RelayUnderAbuse {
    fn start(mut command: Command, data: PathBuf) -> Self {
        let mut child = command
            .env("NAHTLOS_RELAY_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| {
            let line = lines.next().unwrap().unwrap();
            let (_, after) = line.split_once(before).expect("an address");
            after.trim_end_matches("/metrics").parse().unwrap()
        };
        let (address, metrics) = (
            address("listening on http://"),
            address("metrics on http://"),
        );
        // The rest of what it says must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            data,
            address,
            metrics,
        }
    }

    /// The most memory it ever held, in KiB.
    pub fn peak_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Files and connections it has open.
    pub fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).unwrap().count()
    }

    /// One of its counters.
    pub fn counter(&self, name: &str) -> u64 {
        let text = String::from_utf8(get(self.metrics, "/metrics").body).unwrap();
        let line = text.lines().find_map(|line| {
            let value = line.strip_prefix("nahtlos_relay_")?.strip_prefix(name)?;
            value.strip_prefix(' ')
        });
        line.expect("a counter").parse().unwrap()
    }

    /// Ends it as an operator would; what it keeps must be good.
    pub fn stop_and_check(mut self) {
        let mut kill = Command::new("kill");
        let told = kill.arg(self.child.id().to_string()).status();
        assert!(told.unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let check = Command::new(PROGRAM)
            .args(["check", "--data"])
            .arg(&self.data)
            .output();
        let said = check.unwrap();
        assert!(said.status.success(), "{said:?}");
    }
}

impl Drop for RelayUnderAbuse {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

/// A device with a section to write in.
pub struct Person {
    pub device: TestDevice,
    section: SpaceId,
    written: u64,
}

/// A relay, an honest institution, and one with a hostile device.
pub struct Scene {
    pub relay: RelayUnderAbuse,
    pub client: Client,
    world: World,
    pub honest: Person,
    pub hostile: Person,
    budget_kib: u64,
    _directory: tempfile::TempDir,
}

/// Budgets of every relay here.
const BODY_MEMORY_MIB: u64 = 64;
const ANSWER_MEMORY_MIB: u64 = 128;

impl Scene {
    /// A relay with these options, on budgets of 64 MiB for bodies and 128 MiB for answers.
    pub fn new(options: &[&str]) -> Self {
        Self::started_by(options, |program| Command::new(program))
    }

    /// As [`Self::new`], by a command that is told the program.
    pub fn started_by(options: &[&str], command: impl Fn(&str) -> Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let mut command = command(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(&data);
        command.args(["--metrics-listen", "127.0.0.1:0"]);
        command.args(["--body-memory-mib", &BODY_MEMORY_MIB.to_string()]);
        command.args(["--answer-memory-mib", &ANSWER_MEMORY_MIB.to_string()]);
        // What is limited here is everything else.
        command.args(["--device-burst", "1000000"]);
        command.args(options);
        let relay = RelayUnderAbuse::start(command, data.clone());
        let claim = std::fs::read_to_string(data.join("claim")).unwrap();
        let claim = claim.trim().parse().unwrap();
        let (mut world, a1, a, network, mut client) = found(&claim, relay.address);
        let b1 = TestDevice::new(2);
        let b = world.institution(&b1);
        world.add_member(&a1, network, b.institution, Role::Read);
        let sections = [world.section(&a1, a.team), world.section(&b1, b.team)];
        client.push(&a1, world.take());
        let person = |device, section| Person {
            device,
            section,
            written: 0,
        };
        Self {
            honest: person(a1, sections[0]),
            hostile: person(b1, sections[1]),
            relay,
            client,
            world,
            budget_kib: (BODY_MEMORY_MIB + ANSWER_MEMORY_MIB) * 1024,
            _directory: directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.relay.address
    }

    /// The control: an honest device stores an edit and gets it back. Says how long it took.
    pub fn honest_work(&mut self) -> Duration {
        let edit = self.edit_of_honest(100);
        let began = Instant::now();
        let told = self.honest_push(&edit);
        let took = began.elapsed();
        assert_eq!(told, Ok(Status::Accepted));
        self.assert_is_served(&[edit.id().into()]);
        took
    }

    /// An edit of so many bytes.
    pub fn edit_of_honest(&mut self, bytes: usize) -> Envelope {
        edit(&mut self.world, &mut self.honest, bytes)
    }

    pub fn edit_of_hostile(&mut self, bytes: usize) -> Envelope {
        edit(&mut self.world, &mut self.hostile, bytes)
    }

    /// The verdict on an edit, or the code with which the whole request was refused.
    pub fn honest_push(&self, edit: &Envelope) -> Result<Status, String> {
        let push = vec![push_envelope(edit)];
        let body = self.body(push, 1, self.client.cursor);
        let answer = post(self.address(), "/v1/sync", Some(&self.token()), &body);
        match answer.status {
            200 => Ok(read_response(&answer).results[0].status),
            _ => Err(answer.code()),
        }
    }

    /// Everything the relay serves the honest device is read, and these are among it.
    pub fn assert_is_served(&self, ids: &[ItemId]) {
        let mut reader = Client::new(self.address(), self.client.relay);
        reader.cursor = self.client.cursor;
        let served = crate::client::ids(&reader.sync(&self.honest.device, Vec::new()).1);
        for id in ids {
            assert!(served.contains(id));
        }
    }

    /// A token of the honest device.
    pub fn token(&self) -> String {
        self.token_of(&self.honest)
    }

    /// A token of the hostile device, which is one of the network's.
    pub fn hostile_token(&self) -> String {
        self.token_of(&self.hostile)
    }

    fn token_of(&self, person: &Person) -> String {
        let keys = &person.device.keys.signing;
        Token::issue(person.device.id, keys, &self.client.relay, now_ms())
    }

    /// A sync request's body.
    pub fn body(&self, push: Vec<PushItem>, max_bytes: u32, cursor: u64) -> Vec<u8> {
        codec::encode(&SyncRequest {
            version: 1,
            cursor,
            journal_mark: None,
            push,
            max_bytes,
        })
    }

    /// The hostile device's request as it would be sent.
    pub fn hostile_request(&self, body: &[u8]) -> Vec<u8> {
        let mut request = sync_head(&self.hostile_token(), body.len()).into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// The hostile device asks, and takes the answer.
    pub fn hostile_ask(&self, body: &[u8]) -> Answer {
        let head = sync_head(&self.hostile_token(), body.len());
        exchange(self.address(), head, body).unwrap()
    }

    /// Fills the hostile section with a mebibyte after the other.
    pub fn store_mebibytes_of_hostile(&mut self, count: usize) {
        self.store_of_hostile(count, 1 << 20);
    }

    /// Fills the hostile section with edits of this many bytes.
    pub fn store_of_hostile(&mut self, count: usize, bytes: usize) {
        for _ in 0..count {
            let large = self.edit_of_hostile(bytes);
            let body = self.body(vec![push_envelope(&large)], 1, u64::MAX >> 1);
            let answer = self.hostile_ask(&body);
            let told = &read_response(&answer).results[0];
            assert_eq!(told.status, Status::Accepted, "{told:?}");
        }
    }

    /// It never held more than it may: its budgets, its connections, and what it is itself.
    pub fn assert_memory_is_bounded(&self, connections: u64) {
        let bound = OWN_KIB + self.budget_kib + connections * CONNECTION_KIB;
        let peak = self.relay.peak_kib();
        let mut output = std::io::stdout();
        writeln!(output, "peak {peak} KiB of {bound} KiB").unwrap();
        assert!(peak <= bound, "{peak} KiB, more than {bound}");
    }

    /// Waits until the relay has let go of all connections but that of the question itself.
    pub fn wait_until_alone(&self) {
        wait_until("the relay lets go", || {
            self.relay.counter("connections") == 0
        });
    }
}

fn edit(world: &mut World, person: &mut Person, bytes: usize) -> Envelope {
    person.written += 1;
    let header = world.header(&person.device, person.section, person.written);
    seal_bytes(&person.device, &header, vec![7; bytes])
}

/// The head of a sync request with a body of this length.
pub fn sync_head(token: &str, length: usize) -> String {
    format!(
        "POST /v1/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// A connection whose reads and writes end at some time, so that a test fails and does not hang.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until the relay ends the connection; fails where it does not.
pub fn read_until_let_go(mut stream: &TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return received,
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the relay never lets go")
            }
            // Reset: let go with something unread.
            Err(_) => return received,
        }
    }
}

/// Waits for what has to come.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the long variants were asked for.
pub fn all_of_it() -> bool {
    std::env::var_os("NAHTLOS_ABUSE").is_some_and(|wanted| wanted == "all")
}
