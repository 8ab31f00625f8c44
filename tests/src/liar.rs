//! A relay that lies: it stands at the relay's address, has the relay's key, and leads to the real one.
//! What it answers to a sync is changed as a test says, and signed as the relay would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use nahtlos_client::{HttpTransport, Transport};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{DeviceId, ItemId, JournalId};
use nahtlos_protocol::wire::receipt::Batch;
use nahtlos_protocol::wire::{Receipt, SYNC_PATH, SyncRequest, SyncResponse};
use nahtlos_relay::RunningRelay;

use crate::World;

type OnRequest = dyn FnMut(&mut SyncRequest) + Send;
type OnAnswer = dyn FnMut(&SyncRequest, &mut SyncResponse) + Send;

/// Changes what reaches the relay and what it answers.
struct Lie {
    /// Changes a request before the real relay gets it.
    request: Box<OnRequest>,
    /// Changes the real relay's answer to a request as the device sent it.
    answer: Box<OnAnswer>,
}

struct Inside {
    /// The real relay's address.
    leads_to: String,
    key: Arc<SigningKey>,
    /// To whom what is changed is signed.
    device: Option<DeviceId>,
    lie: Option<Lie>,
}

/// The lying relay.
pub struct Liar {
    inside: Arc<Mutex<Inside>>,
    key: Arc<SigningKey>,
    _real: RunningRelay,
}

impl Liar {
    /// Takes a relay's address over. It is honest until it is told otherwise.
    ///
    /// # Panics
    /// Where the address is taken, or the relay does not start elsewhere.
    #[must_use]
    pub fn instead_of_the_relay_of(world: &mut World) -> Self {
        let key = Arc::new(world.relay_signing_key());
        world.stop_relay();
        let data = world.relay_directory();
        let real = RunningRelay::start(World::config(&data, "127.0.0.1:0"));
        let real = real.expect("the relay starts elsewhere");
        let inside = Arc::new(Mutex::new(Inside {
            leads_to: format!("http://{}", real.address),
            key: Arc::clone(&key),
            device: None,
            lie: None,
        }));
        let listener = TcpListener::bind(world.url().trim_start_matches("http://"));
        let listener = listener.expect("the relay's address is free");
        let shared = Arc::clone(&inside);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for device in listener.incoming().flatten() {
                // A device that went away hears nothing.
                let _gone = serve(device, &shared);
            }
        });
        Self {
            inside,
            key,
            _real: real,
        }
    }

    /// From now on it lies to this device.
    pub fn lies_to(
        &self,
        device: DeviceId,
        answer: impl FnMut(&SyncRequest, &mut SyncResponse) + Send + 'static,
    ) {
        self.lies_both_ways(device, |_| (), answer);
    }

    /// From now on it lies to this device, and about what the device said.
    pub fn lies_both_ways(
        &self,
        device: DeviceId,
        request: impl FnMut(&mut SyncRequest) + Send + 'static,
        answer: impl FnMut(&SyncRequest, &mut SyncResponse) + Send + 'static,
    ) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.device = Some(device);
        inside.lie = Some(Lie {
            request: Box::new(request),
            answer: Box::new(answer),
        });
    }

    /// It is honest again.
    pub fn is_honest(&self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.lie = None;
    }

    /// It leads to another relay from now on. Returns where it led before.
    pub fn leads_to(&self, url: &str) -> String {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut inside.leads_to, url.to_owned())
    }

    /// What the relay signs with.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.key)
    }
}

/// A receipt for one item, for whatever the relay likes to sign.
///
/// # Panics
/// Never.
#[must_use]
pub fn receipt(key: &SigningKey, journal: JournalId, sequence: u64, item: ItemId) -> Receipt {
    let batch = Batch {
        journal,
        accepted_at_ms: 1_700_000_000_000,
        items: vec![(sequence, item)],
    };
    batch.receipts(key).remove(0)
}

/// One request, and the end of the connection.
fn serve(mut device: TcpStream, inside: &Mutex<Inside>) -> std::io::Result<()> {
    let mut reader = BufReader::new(device.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let (mut length, mut token) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, time, body) = answer(&path, token.as_deref(), body, inside);
    let time = time.map_or_else(String::new, |time| format!("nahtlos-time: {time}\r\n"));
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{time}connection: close\r\n\r\n",
        body.len()
    );
    device.write_all(head.as_bytes())?;
    device.write_all(&body)
}

fn answer(
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
    inside: &Mutex<Inside>,
) -> (u16, Option<String>, Vec<u8>) {
    let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
    let mut real = HttpTransport::new(&inside.leads_to, None).expect("loopback");
    let lies = path == SYNC_PATH && inside.lie.is_some();
    let said: Option<SyncRequest> = lies.then(|| codec::decode(&body, 1 << 25).ok()).flatten();
    let mut passed_on = body;
    if let (Some(said), Some(lie)) = (&said, &mut inside.lie) {
        let mut changed = said.clone();
        (lie.request)(&mut changed);
        passed_on = codec::encode(&changed);
    }
    let Ok(mut answer) = real.post(path, token, &passed_on) else {
        return (503, None, Vec::new());
    };
    let response = codec::decode::<SyncResponse>(&answer.body, 1 << 25);
    if let (Some(said), Ok(mut response), 200) = (said, response, answer.status) {
        let (key, device) = (Arc::clone(&inside.key), inside.device);
        // What the real relay answers to others stays as it is.
        let device = device.filter(|device| response.is_signed_by(&key.verifying_key(), device));
        if let (Some(lie), Some(device)) = (&mut inside.lie, device) {
            (lie.answer)(&said, &mut response);
            response.sign(&key, &device);
            answer.body = codec::encode(&response);
        }
    }
    (answer.status, answer.relay_time, answer.body)
}
