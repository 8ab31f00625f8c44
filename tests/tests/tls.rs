//! TLS to the relay: a private certificate authority is trusted when it is named, and only then.

use std::path::PathBuf;

use nahtlos_client::vault::KeyDerivation;
use nahtlos_client::{Founder, HttpTransport, InstitutionCard, Introduction, Nahtlos, NetworkCard};
use nahtlos_relay::{Config, RunningRelay, TlsFiles};
use nahtlos_tests::PASSPHRASE;

fn relay_with_tls(directory: &std::path::Path) -> (RunningRelay, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut config = Config::new(directory.join("relay"), "127.0.0.1:0".parse().unwrap());
    config.tls = Some(TlsFiles {
        certificate: certificate.clone(),
        key,
    });
    (RunningRelay::start(config).unwrap(), certificate)
}

#[test]
fn a_network_is_founded_over_tls_with_the_named_authority_and_refused_without() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, authority) = relay_with_tls(directory.path());
    let url = format!("https://localhost:{}", relay.address.port());
    let home = directory.path().join("home");
    let derivation = KeyDerivation::fast_for_tests();
    let mut nahtlos = Nahtlos::create(&home, PASSPHRASE, derivation).unwrap();
    let mut claim: nahtlos_protocol::wire::claim::Claim =
        relay.claim.as_deref().unwrap().parse().unwrap();
    claim.url.clone_from(&url);
    let network = NetworkCard {
        name: "IIZ Bern".into(),
        canton: "BE".into(),
    };
    let founder = Founder {
        introduction: Introduction {
            name: "Anna Berger".into(),
            function: "officer".into(),
        },
        institution: InstitutionCard {
            name: "RAV Langnau".into(),
            kind: "alv".into(),
            merged_into: None,
        },
        team: "Team 1".into(),
    };

    let mut untrusting = HttpTransport::new(&url, None).unwrap();
    let refused = nahtlos
        .found_network(&mut untrusting, &claim, &network, &founder)
        .unwrap_err();
    assert_eq!(refused.code(), "relay_certificate", "{refused}");

    let mut trusting = HttpTransport::new(&url, Some(&authority)).unwrap();
    nahtlos
        .found_network(&mut trusting, &claim, &network, &founder)
        .unwrap();
    let report = nahtlos.sync(&mut trusting, &mut |_| {}).unwrap();
    assert_eq!(report.envelopes_delivered, 1);

    let other = directory.path().join("other.pem");
    std::fs::write(&other, "not a certificate").unwrap();
    let unusable = HttpTransport::new(&url, Some(&other));
    assert_eq!(
        unusable.err().map(|error| error.code()),
        Some("certificate_file")
    );
}
