//! Very many connections that do nothing, and more of them than there may be.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::Command;

use socket2::{Domain, Socket, Type};

use crate::scene::{PATIENCE, Scene, all_of_it, connect, read_until_let_go, wait_until};

/// A connection from another address of this machine.
fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from(SocketAddrV4::new(from, 0));
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A request to join whose body does not come.
const JOIN_NEVER_FINISHED: &[u8] =
    b"POST /v1/join HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4000\r\n\r\n";

fn is_open(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn connections_that_do_nothing_make_room_for_a_device_that_works() {
    // Their time does not run out: who waits makes room because somebody else comes.
    let mut scene = Scene::new(&["--connections-max", "50", "--header-timeout-s", "600"]);
    let count = if all_of_it() { 5000 } else { 500 };
    let idle: Vec<TcpStream> = (0..count)
        .map(|number| {
            let mut stream = connect(scene.address());
            // Some begin a request, some wait behind one that was answered.
            let beginning: &[u8] = match number % 3 {
                0 => b"",
                1 => b"GET /livez HT",
                _ => b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n",
            };
            let _made_room_already = stream.write_all(beginning);
            stream
        })
        .collect();
    scene.honest_work();
    scene.honest_work();
    wait_until("only so many are left", || {
        idle.iter().filter(|stream| is_open(stream)).count() <= 50
    });
    drop(idle);
    scene.honest_work();
    scene.assert_memory_is_bounded(60);
}

#[test]
fn an_address_that_holds_all_it_may_is_refused_more_and_another_one_is_served() {
    let options = [
        "--connections-max",
        "40",
        "--connections-per-address-max",
        "10",
        "--header-timeout-s",
        "600",
        "--pace-window-s",
        "600",
        "--request-timeout-s",
        "600",
    ];
    let mut scene = Scene::new(&options);
    // Requests to join that are never finished: none of these waits, so none has to make room.
    let [abuser, bystander] = [2, 3].map(|last| Ipv4Addr::new(127, 0, 0, last));
    let held: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = connect_from(abuser, scene.address());
            stream.write_all(JOIN_NEVER_FINISHED).unwrap();
            // The relay has asked for the body.
            stream.read_exact(&mut [0; 25]).unwrap();
            stream
        })
        .collect();
    for _ in 0..50 {
        let refused = connect_from(abuser, scene.address());
        assert_eq!(read_until_let_go(&refused), b"");
    }
    assert_eq!(scene.relay.counter("connections_refused_total"), 50);
    assert!(held.iter().all(is_open));
    scene.honest_work();
    let mut other = connect_from(bystander, scene.address());
    other
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    other.read_exact(&mut [0; 15]).unwrap();
    drop(held);
    // Its places are free again.
    wait_until("the address is served again", || {
        let mut again = connect_from(abuser, scene.address());
        let asked = again.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
        asked.is_ok() && again.read_exact(&mut [0; 15]).is_ok()
    });
}

#[test]
fn a_relay_that_may_open_few_files_keeps_enough_of_them_for_its_database() {
    let beside = tempfile::tempdir().unwrap();
    let log = beside.path().join("log");
    let mut scene = Scene::started_by(&["--header-timeout-s", "600"], |program| {
        let mut command = Command::new("sh");
        // Soft and hard: it cannot help itself.
        command.args(["-c", "ulimit -n 200 && exec \"$0\" \"$@\"", program]);
        command.stderr(File::create(&log).unwrap());
        command
    });
    let idle: Vec<TcpStream> = (0..600).map(|_| connect(scene.address())).collect();
    scene.honest_work();
    let files = scene.relay.open_files();
    assert!((60..150).contains(&files), "{files} files");
    for _ in 0..5 {
        scene.honest_work();
    }
    drop(idle);
    scene.honest_work();
    scene.relay.stop_and_check();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("may open too few files"), "{log}");
    assert!(!log.contains("could not be accepted"), "{log}");
}
