//! Step 3: two people hand the same case over, offline.

use serde_json::Value;

use crate::scene::*;
use crate::story::{Device, exit};

#[test]
fn story_s3_two_hand_overs_at_the_same_time_are_one_conflict_for_all_and_cost_nobody_access() {
    let story = Leaving::begin(CLIENTS.len());
    let Leaving {
        lanz,
        ruegg,
        trachsel,
        wyss,
        iseli,
        ..
    } = &story;
    // 3: Wyss, offline, signs that the IV takes the case over, as Iseli proposed; Trachsel hands it to himself.
    wyss.done(&[
        "case", "handover", "--from", "Rüegg", "--to", "Iseli", "--cases", "Mosimann", "--yes",
    ]);
    trachsel.done(&[
        "case", "handover", "--from", "Rüegg", "--to", "Trachsel", "--cases", "Mosimann", "--yes",
    ]);
    sync(&[trachsel, wyss, lanz, iseli, ruegg, trachsel, wyss]);
    let mut ids = Vec::new();
    for device in [lanz, ruegg, trachsel, wyss, iseli] {
        let listed = device.json(&["conflict", "list", "Mosimann"]);
        let conflicts = listed["conflicts"].as_array().unwrap();
        let about_lead = conflicts
            .iter()
            .filter(|one| one["conflict"]["path"] == serde_json::json!(["case", "lead"]));
        let found: Vec<&Value> = about_lead.collect();
        assert_eq!(found.len(), 1, "{listed}");
        ids.push(found[0]["conflict"]["id"].clone());
        assert_eq!(
            found[0]["conflict"]["alternatives"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the same one for all");
    let id = ids[0].as_str().unwrap();
    let shown = iseli.done(&["conflict", "show", "Mosimann", id]).stdout;
    assert!(
        shown.contains("Ueli Trachsel") && shown.contains("Marc Iseli"),
        "{shown}"
    );
    assert!(shown.contains("keeps its duties"), "{shown}");
    assert!(shown.contains("ends for who is not chosen"), "{shown}");
    let of_iv = |device: &Device| roles_of(device, IV_TEAM);
    assert!(
        of_iv(lanz).iter().any(|(_, role)| role == "manage"),
        "control: {:?}",
        of_iv(lanz)
    );
    // Nobody lost access, and the IV, which is to lead, may let others in.
    for device in [ruegg, trachsel, wyss, iseli] {
        let text = format!("Weiter offen für {}", device.home.display());
        let typed = device.type_in(&["plan", "set", "Mosimann", "situation"], &text);
        typed.expect_exit(exit::DONE, &["plan", "set"]);
    }
    sync(&[ruegg, trachsel, wyss, iseli]);
    // Nor may the IV, which was not chosen yet, end what the team that led the case until now may do.
    let team = roles_of(iseli, TEAM);
    let managed = team.iter().find(|(_, role)| role == "manage");
    let (section, _) = managed.expect("the team manages its case");
    let withdraw = [
        "share", "withdraw", "Mosimann", section, "--from", TEAM, "--yes",
    ];
    iseli.refused(&withdraw, exit::USAGE, "conflicts");
    let lower = [
        "share", "role", "Mosimann", section, "read", "--for", TEAM, "--yes",
    ];
    iseli.refused(&lower, exit::USAGE, "conflicts");
    assert_eq!(roles_of(iseli, TEAM), team);
    // While it is in conflict nobody hands it over once more; settled, it is one lead for all.
    let words = [
        "case",
        "handover",
        "--from",
        "Trachsel",
        "--to",
        "Wyss",
        "--cases",
        "Mosimann",
        "--dry-run",
    ];
    let plan = &lanz.json(&words)["plans"][0]["plan"];
    assert_eq!(plan["excluded"][0]["because"], "lead_in_conflict", "{plan}");
    lanz.done(&["sync"]);
    let listed = lanz.json(&["conflict", "show", "Mosimann", id]);
    let values = listed["conflict"]["alternatives"].as_array().unwrap();
    let trachsels = values.iter().position(|one| {
        let by = &one["origin"]["author"];
        by.to_string().contains("Trachsel") || one["origin"].to_string().contains("Trachsel")
    });
    let number = (trachsels.unwrap() + 1).to_string();
    let settled = lanz.json(&["conflict", "resolve", "Mosimann", id, "--take", &number]);
    sync(&[lanz, iseli, trachsel, wyss]);
    // What the other hand-over let the IV do has ended: it may what it might before, and manages nothing.
    let raised = settled["raised_in_vain"].as_array().unwrap();
    assert_eq!(raised.len(), 2, "{settled}");
    for one in raised {
        assert_eq!(one["member"], IV_TEAM, "{settled}");
        assert_eq!(one["role"], "write", "{settled}");
        assert_eq!(one["ends"], true, "{settled}");
    }
    for device in [lanz, iseli, trachsel] {
        let roles = of_iv(device);
        assert!(!roles.is_empty(), "control");
        assert!(roles.iter().all(|(_, role)| role != "manage"), "{roles:?}");
        assert!(roles.iter().any(|(_, role)| role == "write"), "{roles:?}");
    }
    for device in [lanz, trachsel, wyss, iseli] {
        let led = led_by(device, "Ueli Trachsel");
        assert_eq!(led.len(), 1, "{led:?}");
    }
}

/// What a team may do in which section of the case.
fn roles_of(device: &Device, team: &str) -> Vec<(String, String)> {
    let shared = device.json(&["share", "list", "Mosimann"]);
    let mut roles = Vec::new();
    for row in shared["shares"].as_array().unwrap() {
        for grant in row["grants"].as_array().unwrap() {
            if grant["member"] == team {
                let word = |value: &Value| value.as_str().unwrap().to_owned();
                roles.push((word(&row["section"]), word(&grant["role"])));
            }
        }
    }
    roles
}
