//! The demo as a whole: it ends well, is short, and what it leaves behind can be gone on with.

use nahtlos::demo::{DemoOptions, tell};

#[test]
fn the_demo_checks_every_claim_ends_well_and_is_short() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("demo");
    let options = DemoOptions {
        dir: Some(directory.clone()),
        seed: Some(1848),
    };
    let mut output = Vec::new();
    let ended_well = tell(&options, &mut output, true);
    let text = String::from_utf8(output).unwrap();
    println!("{text}");
    assert!(ended_well, "{text}");
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.matches('✓').count() > 15, "{text}");
    assert!(
        text.lines().count() <= 100,
        "{} lines",
        text.lines().count()
    );
    for name in [
        "relay",
        "berger",
        "trachsel",
        "iseli",
        "sommer",
        "keller",
        "passphrase",
    ] {
        assert!(directory.join(name).exists(), "{name}");
    }
}
