//! The people of the story, and what its tests ask their devices.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::story::{self, CASE_FILE, Device, Ended, Homes, Stage, disk, text_of};

pub const TEAM: &str = "Sozialdienst Team Nord";
pub const IV_TEAM: &str = "IV-Stelle Eingliederung";
pub const EARLY: &str = "Noch vor dem Austritt geschrieben und geliefert";
pub const LATE: &str = "Zuletzt auf dem Laptop notiert, nie geliefert";
pub const AFTER: &str = "Nach der Übergabe notiert";
/// As the story has them: all of Rüegg's, those in which Trachsel may not lead, and those with an edit that
/// her laptop alone has.
pub const CASES: usize = 63;
pub const CONFLICTS_OF_INTEREST: usize = 2;
pub const LATE_EDITS: usize = 8;
/// Whom the first cases are about; of the others it makes no difference.
pub const CLIENTS: [&str; 3] = ["Mosimann", "Gerber", "Zaugg"];

/// Rüegg leads some cases; Trachsel is her deputy, Wyss a colleague, Lanz the custodian who founded the
/// institution. The IV reads the first case's core.
pub struct Leaving {
    pub stage: Stage,
    pub lanz: Device,
    pub ruegg: Device,
    pub trachsel: Device,
    pub wyss: Device,
    pub iseli: Device,
    pub numbers: Vec<String>,
}

impl Leaving {
    /// Everybody, with so many cases of Rüegg's.
    pub fn begin(cases: usize) -> Self {
        let mut story = Self::people(TEAM, &[]);
        story.open_cases(cases);
        story
    }

    /// Everybody, before there is any case. Rüegg works in a team of this name; the others in [`TEAM`]. The relay
    /// has these options.
    pub fn people(team_of_ruegg: &str, options: &[&str]) -> Self {
        let stage = Stage::new(Homes::Quick, options);
        let words = [
            "Sozialdienst Oberes Emmental",
            "soz",
            TEAM,
            "Eva Lanz",
            "custodian",
        ];
        let lanz = stage.found("device-1", &words);
        let words = ["IV-Stelle Bern", "iv", IV_TEAM, "Marc Iseli", "officer"];
        let iseli = stage.join(&lanz, "device-2", &words);
        sync(&[&lanz, &iseli]);
        if team_of_ruegg != TEAM {
            lanz.done(&["team", "create", team_of_ruegg]);
            sync(&[&lanz]);
        }
        let ruegg = colleague(&stage, &lanz, team_of_ruegg, "device-3", "Nora Rüegg");
        let trachsel = colleague(&stage, &lanz, TEAM, "device-4", "Ueli Trachsel");
        let wyss = colleague(&stage, &lanz, TEAM, "device-5", "Pia Wyss");
        let story = Self {
            stage,
            lanz,
            ruegg,
            trachsel,
            wyss,
            iseli,
            numbers: Vec::new(),
        };
        sync(&story.everybody());
        story
    }

    pub fn everybody(&self) -> [&Device; 5] {
        let Self {
            lanz,
            ruegg,
            trachsel,
            wyss,
            iseli,
            ..
        } = self;
        [lanz, ruegg, trachsel, wyss, iseli]
    }

    /// Lanz leaves the team that she founded: from then on she looks after it and reads nothing.
    pub fn lanz_reads_nothing(&self) {
        let words = ["member", "remove", "Lanz", "--team", TEAM, "--yes"];
        self.trachsel.done(&words);
        sync(&[&self.trachsel, &self.lanz]);
        sync(&self.everybody());
    }

    /// Rüegg opens cases and shares the first one with the IV.
    pub fn open_cases(&mut self, cases: usize) {
        let ruegg = &self.ruegg;
        for number in 0..cases {
            let another = format!("Nummer {number}");
            let client = CLIENTS.get(number).copied().unwrap_or(&another);
            open_case(&self.stage, ruegg, client);
        }
        ruegg.done(&["sync"]);
        let numbers = led_by(ruegg, "Nora Rüegg");
        assert_eq!(numbers.len(), cases);
        share_with_iv(ruegg, "core,plan");
        note(ruegg, "Mosimann", EARLY);
        sync(&[ruegg]);
        sync(&self.everybody());
        self.numbers = numbers;
    }

    pub fn remove_ruegg(&self) -> Value {
        let words = [
            "member", "remove", "Rüegg", "--team", TEAM, "--reason", "left",
        ];
        self.lanz.json(&[&words[..], &["--now", "--yes"]].concat())
    }
}

/// Lets the IV write in sections of the first case.
pub fn share_with_iv(device: &Device, sections: &str) {
    let grant = ["share", "grant", "Mosimann", "--section", sections];
    let terms = ["--to", IV_TEAM, "--role", "write", "--basis", "IVG68bis2"];
    device.done(&[&grant[..], &terms, &["--yes"]].concat());
}

pub fn sync(devices: &[&Device]) {
    for device in devices {
        device.done(&["sync"]);
    }
}

pub fn colleague(stage: &Stage, inviting: &Device, team: &str, name: &str, person: &str) -> Device {
    let file = text_of(&stage.path(&format!("invitation-{name}")));
    let invite = [
        "member", "invite", "--team", team, "--role", "manage", "--to", &file,
    ];
    inviting.done(&invite);
    inviting.done(&["sync"]);
    let device = stage.device(name);
    let words = ["member", "join", "--invitation", &file, "--person", person];
    device.done(&[&words[..], &["--function", "lead"]].concat());
    inviting.done(&["sync"]);
    device.done(&["sync"]);
    device
}

pub fn open_case(stage: &Stage, device: &Device, client: &str) {
    let example = std::fs::read_to_string(CASE_FILE).unwrap();
    let file = stage.path("case.json");
    story::write_private(&file, &example.replace("Mosimann", client));
    device.done(&["case", "open", "--from", &text_of(&file)]);
}

pub fn note(device: &Device, case: &str, text: &str) {
    device.done_with(&["journal", "add", case], text);
}

pub fn entries(device: &Device, case: &str) -> Vec<Value> {
    let shown = device.json(&["section", "show", case, "journal"]);
    shown["content"]["entries"].as_array().unwrap().clone()
}

pub fn has(device: &Device, case: &str, text: &str) -> bool {
    entries(device, case).iter().any(|one| one["text"] == text)
}

/// Numbers of the cases that somebody leads, ascending. The name stands on the page of one of them; the
/// others are those of the same person.
pub fn led_by(device: &Device, person: &str) -> Vec<String> {
    let listed = device.json(&["case"]);
    let mut by_lead: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in listed["cases"].as_array().unwrap() {
        let number = case["case_number"].as_str().unwrap().to_owned();
        let lead = case["lead_person"].as_str().unwrap();
        by_lead.entry(lead).or_default().push(number);
    }
    let mut theirs = by_lead.into_values().filter(|numbers| {
        let shown = device.done(&["case", "show", &numbers[0]]).stdout;
        let lead = shown.lines().find(|line| line.starts_with("case lead"));
        lead.unwrap().contains(person)
    });
    theirs.next().unwrap_or_default()
}

pub fn codes(plan: &Value, of: &str) -> Vec<String> {
    let all = plan[of].as_array().unwrap().iter();
    let codes = all.map(|one| one["case_number"].as_str().unwrap().to_owned());
    codes.collect()
}

pub fn held(device: &Device) -> Vec<Value> {
    device.json(&["held"])["edits"].as_array().unwrap().clone()
}

pub fn stderr_says(ended: &Ended, text: &str) {
    assert!(ended.stderr.contains(text), "{text}\n{}", ended.stderr);
}

pub fn nothing_stands_on_any_disk(stage: &Stage, devices: &[&str], markers: &[String]) {
    let mut places: Vec<_> = stage.relay.everything().into();
    places.extend(devices.iter().map(|name| stage.path(name)));
    let (found, bytes) = disk::search(&places, markers);
    assert_eq!(found, [""; 0]);
    assert!(bytes > 100_000, "only {bytes} bytes were searched");
}
