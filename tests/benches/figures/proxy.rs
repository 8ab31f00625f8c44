//! A TCP proxy that counts: every byte that an HTTP client and server exchange, headers included.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts what passes between a client and `upstream`.
pub struct CountingProxy {
    address: SocketAddr,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    stopped: AtomicBool,
}

/// What passed, as a client sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// HTTP requests.
    pub requests: u64,
    /// Bytes to the relay.
    pub sent_bytes: u64,
    /// Bytes from the relay.
    pub received_bytes: u64,
}

impl Traffic {
    /// Both ways together.
    pub fn bytes(self) -> u64 {
        self.sent_bytes + self.received_bytes
    }
}

impl CountingProxy {
    /// Listens on a free loopback port.
    ///
    /// # Panics
    /// Where the machine has none.
    pub fn new(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                join(client, upstream, &shared);
            }
        });
        Self { address, counters }
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What passed since the last call.
    pub fn take(&self) -> Traffic {
        Traffic {
            requests: self.counters.requests.swap(0, Ordering::SeqCst),
            sent_bytes: self.counters.sent.swap(0, Ordering::SeqCst),
            received_bytes: self.counters.received.swap(0, Ordering::SeqCst),
        }
    }
}

impl Drop for CountingProxy {
    fn drop(&mut self) {
        self.counters.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the flag.
        let _woken = TcpStream::connect(self.address);
    }
}

fn join(client: TcpStream, upstream: SocketAddr, counters: &Arc<Counters>) {
    let server = TcpStream::connect(upstream).expect("the relay listens");
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("a TCP socket");
    }
    let (from_client, to_client) = (client.try_clone().expect("a socket"), client);
    let (from_server, to_server) = (server.try_clone().expect("a socket"), server);
    let shared = Arc::clone(counters);
    std::thread::spawn(move || {
        copy(from_client, to_server, |bytes| {
            // A client that waits for each answer begins a request at the beginning of a read.
            if bytes.starts_with(b"POST ") || bytes.starts_with(b"GET ") {
                shared.requests.fetch_add(1, Ordering::SeqCst);
            }
            shared.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        });
    });
    let shared = Arc::clone(counters);
    std::thread::spawn(move || {
        copy(from_server, to_client, |bytes| {
            shared
                .received
                .fetch_add(bytes.len() as u64, Ordering::SeqCst);
        });
    });
}

fn copy(mut from: TcpStream, mut to: TcpStream, count: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 {
            break;
        }
        // Counted before it is passed on: whoever gets the last byte reads a complete count.
        count(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _already_closed = to.shutdown(Shutdown::Write);
}
