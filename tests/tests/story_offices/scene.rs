//! Two institutions on one relay, and short words for what the tests of their changes ask.

use serde_json::Value;

use crate::story::{CASE_FILE, Device, Ended, Homes, Stage, exit, text_of};

pub const TEAM: &str = "RAV Team";
pub const IV_TEAM: &str = "Eingliederung";

/// Berger founded the network and administers her institution; Iseli another one.
pub struct Office {
    pub stage: Stage,
    pub berger: Device,
    pub iseli: Device,
}

impl Office {
    pub fn new() -> Self {
        let stage = Stage::new(Homes::Quick, &[]);
        let words = ["RAV Langnau", "alv", TEAM, "Anna Berger", "officer"];
        let berger = stage.found("berger", &words);
        let words = ["IV-Stelle", "iv", IV_TEAM, "Urs Iseli", "officer"];
        let iseli = stage.join(&berger, "iseli", &words);
        sync(&[&berger, &iseli]);
        Self {
            stage,
            berger,
            iseli,
        }
    }

    /// A colleague in Berger's team, admitted and synced.
    pub fn colleague(&self, name: &str, role: &str) -> Device {
        self.colleague_of(&self.berger, TEAM, name, role)
    }

    /// A colleague in a team, whom a device invites.
    pub fn colleague_of(&self, inviting: &Device, team: &str, name: &str, role: &str) -> Device {
        let file = text_of(&self.stage.path(&format!("{name}.invitation")));
        let invite = ["member", "invite", "--team", team, "--role", role];
        inviting.done(&[&invite[..], &["--to", &file]].concat());
        inviting.done(&["sync"]);
        let device = self.stage.device(name);
        let join = ["member", "join", "--invitation", &file, "--person", name];
        device.done(&[&join[..], &["--function", "officer"]].concat());
        sync(&[inviting, &device]);
        device
    }

    /// Opens a case about somebody on Berger's device; returns its number.
    pub fn open_case(&self) -> String {
        self.open_case_on(&self.berger, "Mosimann")
    }

    /// Opens a case about somebody of this name; returns its number.
    pub fn open_case_on(&self, device: &Device, client: &str) -> String {
        let example = std::fs::read_to_string(CASE_FILE).unwrap();
        let file = self.stage.path("case.json");
        crate::story::write_private(&file, &example.replace("Mosimann", client));
        let opened = device.json(&["case", "open", "--from", &text_of(&file)]);
        opened["case_number"].as_str().unwrap().to_owned()
    }
}

/// Each syncs twice, in this order.
pub fn sync(devices: &[&Device]) {
    for _ in 0..2 {
        for device in devices {
            device.done(&["sync"]);
        }
    }
}

pub fn json(device: &Device, words: &[&str]) -> Ended {
    device.run(&[words, &["--json"]].concat())
}

/// What an ended command says, or that it was refused.
pub trait Says {
    /// The answer of one that must have succeeded.
    fn json(&self) -> Value;
    /// The same, without looking at the answer.
    fn ok(self) -> Self;
}

impl Says for Ended {
    fn json(&self) -> Value {
        let ended = self.clone().expect_exit(exit::DONE, &[]);
        serde_json::from_str(&ended.stdout).expect("an answer in JSON")
    }

    fn ok(self) -> Self {
        self.expect_exit(exit::DONE, &[])
    }
}

#[track_caller]
pub fn refused(ended: &Ended, exit: i32, code: &str) {
    ended.is_refusal(exit, code, &[]);
}

pub fn told(ended: &Ended) -> String {
    format!("{}{}", ended.stdout, ended.stderr)
}
