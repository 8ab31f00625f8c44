//! Which institutions manage the network.

use crate::scene::*;
use crate::story::{Device, text_of};

#[test]
fn a_second_institution_comes_to_manage_the_network_invites_and_goes_on_when_the_first_stops() {
    let office = Office::new();
    let (berger, iseli) = (&office.berger, &office.iseli);
    let all = [berger, iseli];
    sync(&all);
    let manager = |home: &Device, name: &str, more: &[&str]| {
        json(home, &[&["network", "manager", name], more].concat())
    };
    let managed_by = |home: &Device| {
        let page = home.run(&["network"]).ok().stdout;
        let line = page.lines().find(|line| line.starts_with("managed by"));
        line.unwrap()
            .trim_start_matches("managed by")
            .trim()
            .to_owned()
    };
    let invite = |home: &Device| {
        let name = home.home.file_name().unwrap().to_string_lossy();
        let file = text_of(&office.stage.path(&format!("{name}.net")));
        let words = ["institution", "invite", "--to", &file];
        json(home, &words)
    };
    assert_eq!(managed_by(iseli), "RAV Langnau");
    refused(&manager(iseli, "IV", &["--dry-run"]), 5, "no_right");
    refused(
        &manager(berger, "RAV", &["--remove", "--dry-run"]),
        5,
        "last_manager",
    );
    refused(
        &manager(berger, "RAV", &["--dry-run"]),
        1,
        "nothing_to_change",
    );
    refused(
        &manager(berger, "IV", &["--remove", "--yes"]),
        1,
        "nothing_to_change",
    );
    refused(&invite(iseli), 5, "no_right");

    manager(berger, "IV", &["--yes"]).json();
    sync(&all);
    assert_eq!(managed_by(iseli), managed_by(berger));
    assert!(managed_by(iseli).contains("IV-Stelle") && managed_by(iseli).contains("RAV Langnau"));
    let shown = json(berger, &["institution", "show", "IV"]).json();
    assert_eq!(shown["manages_network"], true, "{shown}");
    invite(iseli).json();

    manager(iseli, "RAV", &["--remove", "--yes"]).json();
    sync(&[iseli, berger]);
    assert_eq!(managed_by(berger), "IV-Stelle");
    refused(&invite(berger), 5, "no_right");
    refused(
        &manager(iseli, "IV", &["--remove", "--yes"]),
        5,
        "last_manager",
    );
    // It takes part as before: it writes its own cards.
    berger.run(&["team", "create", "Zweites Team"]).ok();
    sync(&[berger, iseli]);
    let network = iseli.run(&["network"]).ok().stdout;
    assert!(network.contains("Zweites Team"), "{network}");
}
