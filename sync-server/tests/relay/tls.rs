//! TLS: the relay speaks it itself, and its claim says so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use nahtlos_protocol::wire::claim::Claim;
use nahtlos_relay::{RelayError, RunningRelay, TlsFiles};
use rustls::pki_types::ServerName;

use crate::client::config;

#[test]
fn a_relay_with_a_certificate_answers_those_who_trust_it() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let files = TlsFiles {
        certificate: directory.path().join("cert.pem"),
        key: directory.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut config = config(&directory);
    config.tls = Some(files.clone());
    let relay = RunningRelay::start(config.clone()).unwrap();
    let claim: Claim = relay.claim.as_ref().unwrap().parse().unwrap();
    assert_eq!(claim.url, format!("https://{}", relay.address));

    let get = |trusted: bool| -> std::io::Result<String> {
        let mut roots = rustls::RootCertStore::empty();
        if trusted {
            roots.add(made.cert.der().clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        let socket = TcpStream::connect(relay.address)?;
        let mut stream = rustls::StreamOwned::new(connection, socket);
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    assert!(get(true).unwrap().starts_with("HTTP/1.1 200"));
    assert!(get(false).is_err());
    relay.stop();

    std::fs::write(&files.key, "no key").unwrap();
    let refused = RunningRelay::start(config);
    assert!(matches!(refused.err(), Some(RelayError::Tls(_))));
}
