//! The line between devices and the relay: real sockets, and a cut at a chosen moment.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::relay::Killable;

/// When the relay is killed within a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Half of the first request has arrived at the relay.
    HalfOfARequest,
    /// The relay begins to answer for the nth time: what it answers is done, and nobody hears it.
    Answer(usize),
}

struct Cut {
    moment: Moment,
    relay: Killable,
    answers: usize,
}

#[derive(Default)]
struct Wiring {
    relay: Option<SocketAddr>,
    cut: Option<Cut>,
}

/// A port that devices use for the relay's.
pub struct Line {
    address: SocketAddr,
    wiring: Arc<Mutex<Wiring>>,
}

impl Line {
    /// A line that leads nowhere yet.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Self {
            address: listener.local_addr().unwrap(),
            wiring: Arc::default(),
        };
        let wiring = Arc::clone(&line.wiring);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for device in listener.incoming().flatten() {
                let wiring = Arc::clone(&wiring);
                std::thread::spawn(move || connect(&device, &wiring));
            }
        });
        line
    }

    /// What devices are told.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it leads.
    pub fn lead_to(&self, relay: SocketAddr) {
        self.wiring().relay = Some(relay);
    }

    /// Kills the relay at this moment of the next exchange, once.
    pub fn kill_at(&self, moment: Moment, relay: Killable) {
        self.wiring().cut = Some(Cut {
            moment,
            relay,
            answers: 0,
        });
    }

    /// Whether the moment came.
    pub fn has_cut(&self) -> bool {
        self.wiring().cut.is_none()
    }

    fn wiring(&self) -> std::sync::MutexGuard<'_, Wiring> {
        self.wiring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToRelay,
    ToDevice,
}

fn connect(device: &TcpStream, wiring: &Arc<Mutex<Wiring>>) {
    let relay = wiring.lock().unwrap_or_else(PoisonError::into_inner).relay;
    let Some(relay) = relay.and_then(|address| TcpStream::connect(address).ok()) else {
        let _gone = device.shutdown(Shutdown::Both);
        return;
    };
    let (from_device, to_device) = (device.try_clone().unwrap(), device.try_clone().unwrap());
    let (from_relay, to_relay) = (relay.try_clone().unwrap(), relay.try_clone().unwrap());
    let other = Arc::clone(wiring);
    let requests = std::thread::spawn(move || {
        carry(from_device, to_relay, Direction::ToRelay, &other);
    });
    carry(from_relay, to_device, Direction::ToDevice, wiring);
    requests.join().unwrap();
}

/// Carries bytes until either end closes, or the line is cut: then both ends are closed.
fn carry(mut from: TcpStream, mut to: TcpStream, direction: Direction, wiring: &Mutex<Wiring>) {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        let bytes = &buffer[..length];
        let sent = match due(direction, wiring) {
            None => to.write_all(bytes),
            Some(cut) => {
                if cut.moment == Moment::HalfOfARequest {
                    let _gone = to.write_all(&bytes[..length / 2]);
                }
                cut.relay.kill();
                Err(io::Error::other("cut"))
            }
        };
        if sent.is_err() {
            break;
        }
    }
    let _gone = from.shutdown(Shutdown::Both);
    let _gone = to.shutdown(Shutdown::Both);
}

/// The cut that these bytes bring about.
fn due(direction: Direction, wiring: &Mutex<Wiring>) -> Option<Cut> {
    let mut wiring = wiring.lock().unwrap_or_else(PoisonError::into_inner);
    let cut = wiring.cut.as_mut()?;
    match (cut.moment, direction) {
        (Moment::HalfOfARequest, Direction::ToRelay) => wiring.cut.take(),
        (Moment::Answer(number), Direction::ToDevice) => {
            cut.answers += 1;
            if cut.answers == number {
                wiring.cut.take()
            } else {
                None
            }
        }
        _ => None,
    }
}
