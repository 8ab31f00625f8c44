//! Many clients at once, each sending one request after the other over a kept connection. They cost
//! little, because they share the machine with what they measure.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// A kept HTTP/1.1 connection.
pub struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// Where nobody listens.
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let buffer = Vec::with_capacity(64 * 1024);
        Self {
            stream,
            address,
            buffer,
        }
    }

    /// Posts a body and returns the answer's; `headers` are whole lines.
    ///
    /// # Panics
    /// Where the answer is not 200 with a length.
    pub fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        self.stream.write_all(&request).expect("an open connection");
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            let length = self.stream.read(&mut chunk).expect("an answer");
            assert!(length > 0, "the connection was closed");
            self.buffer.extend_from_slice(&chunk[..length]);
            if let Some(body) = whole_body(&self.buffer) {
                return body.to_vec();
            }
        }
    }
}

/// The body, once all of it is here.
fn whole_body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).expect("a head of characters");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.expect("a length");
    (answer.len() >= end + length).then(|| &answer[end..end + length])
}

/// Runs all clients at once, each on a connection of its own, and says how long it took from the
/// first request to the last answer.
///
/// # Panics
/// Where a client does.
pub fn run<C: Send, T: Send>(
    address: SocketAddr,
    clients: Vec<C>,
    work: impl Fn(&mut Connection, C) -> T + Sync,
) -> (Duration, Vec<T>) {
    let start = Barrier::new(clients.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .map(|client| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    let mut connection = Connection::new(address);
                    start.wait();
                    work(&mut connection, client)
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        let joined = threads.into_iter().map(|thread| thread.join());
        let results = joined.map(|result| result.expect("a client")).collect();
        (began.elapsed(), results)
    })
}
