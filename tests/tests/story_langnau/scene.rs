//! Who takes part, the four devices, and what everybody is asked at any time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::story::line::Moment;
use super::story::{Device, Homes, Stage, exit};
use super::{consent, enquiry};

/// By how much of the client's name everybody names the case.
pub const CASE: &str = "mosimann";

pub const SECTIONS: [&str; 6] = ["core", "function", "journal", "labour", "plan", "tasks"];
/// Where reading is recorded: goes along with a consent, without being named.
pub const ACCESS: &str = "access";
/// Where reading is recorded, and the ledger of consents: named in no consent here.
pub const OWN: [&str; 2] = [ACCESS, "consent"];

/// Who takes part, in the order the story names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Berger,
    Iseli,
    Sommer,
    Keller,
}

pub use Who::{Berger, Iseli, Keller, Sommer};

impl Who {
    pub const ALL: [Self; 4] = [Berger, Iseli, Sommer, Keller];

    pub const fn name(self) -> &'static str {
        match self {
            Berger => "Anna Berger",
            Iseli => "Marc Iseli",
            Sommer => "Eva Sommer",
            Keller => "Urs Keller",
        }
    }

    /// Institution, kind, team, person, function.
    pub const fn introduction(self) -> [&'static str; 5] {
        let (institution, kind, team, function) = match self {
            Berger => ("RAV Langnau", "alv", "RAV Langnau Beratung", "lead"),
            Iseli => ("IV-Stelle Bern", "iv", "IV-Stelle Eingliederung", "officer"),
            Sommer => (
                "Sozialdienst Oberes Emmental",
                "soz",
                "Sozialdienst Team Nord",
                "officer",
            ),
            Keller => ("Stellwerk", "provider", "Stellwerk Coaching", "coach"),
        };
        [institution, kind, team, self.name(), function]
    }

    /// The sections that Ruth Mosimann's consent opens to this person, with what may be done there.
    pub fn shared(self) -> BTreeMap<&'static str, &'static str> {
        let role = |section: &str| match (self, section) {
            (Berger, _) => Some("manage"),
            (_, "core" | "labour") | (Keller, "function") => Some("read"),
            (Sommer, "function") => None,
            _ => Some("write"),
        };
        let own = OWN.into_iter().filter(|_| self == Berger);
        let own = own.map(|section| (section, "manage"));
        // What they read they record; the matrix lets coaches record nothing.
        let recorded = matches!(self, Iseli | Sommer).then_some((ACCESS, "write"));
        let sections = SECTIONS.into_iter();
        sections
            .filter_map(|section| Some((section, role(section)?)))
            .chain(own)
            .chain(recorded)
            .collect()
    }
}

/// The story's stage with its four devices.
pub struct Langnau {
    pub stage: Stage,
    pub devices: BTreeMap<Who, Device>,
    pub number: String,
    /// The section of the round table, once it is called.
    pub meeting: Option<String>,
}

impl Langnau {
    /// Four institutions in one network, and a case that Berger has shared with the others.
    pub fn begin() -> Self {
        let stage = Stage::new(Homes::Quick, &[]);
        let berger = stage.found("device-1", &Berger.introduction());
        let mut devices = BTreeMap::from([(Berger, berger.clone())]);
        for (position, who) in [Iseli, Sommer, Keller].into_iter().enumerate() {
            let home = format!("device-{}", position + 2);
            devices.insert(who, stage.join(&berger, &home, &who.introduction()));
        }
        let mut story = Self {
            stage,
            devices,
            number: String::new(),
            meeting: None,
        };
        // Berger admits the three, they introduce themselves, Berger learns who they are.
        story.sync(&[Berger, Iseli, Sommer, Keller, Berger]);
        let asked = enquiry::ask(&story);
        story.number = enquiry::open_case(&story, &asked);
        consent::record(&story);
        story.sync(&[Berger, Iseli, Sommer, Keller, Berger]);
        story
    }

    pub fn device(&self, who: Who) -> &Device {
        &self.devices[&who]
    }

    pub fn sync(&self, order: &[Who]) {
        for who in order {
            self.device(*who).done(&["sync"]);
        }
    }

    /// One section as its document stands on a device.
    pub fn section(&self, who: Who, section: &str) -> Value {
        self.device(who).json(&["section", "export", CASE, section])["content"].clone()
    }

    /// What `section show` reads out of it.
    pub fn view(&self, who: Who, section: &str) -> Value {
        self.device(who).json(&["section", "show", CASE, section])["content"].clone()
    }

    pub fn conflicts(&self, who: Who) -> Vec<Value> {
        let listed = self.device(who).json(&["conflict", "list", CASE]);
        let listed = listed["conflicts"].as_array().unwrap();
        listed.iter().map(|line| line["conflict"].clone()).collect()
    }

    /// Kills the relay within somebody's sync, and shows that the sync said so, that what was
    /// typed is safe, and that the next sync after a restart delivers it.
    pub fn kill_the_relay_while(&mut self, who: Who, moment: Moment, note: &str) {
        let device = self.device(who).clone();
        device.done_with(&["journal", "add", CASE, "--kind", "call"], note);
        self.stage.line.kill_at(moment, self.stage.relay.killable());
        device.refused(&["sync"], exit::NO_RELAY, "relay_unreachable");
        assert!(
            self.stage.line.has_cut(),
            "the relay was killed within the sync"
        );
        // Still offline, all is there and can be read.
        let status = device.json(&["status"]);
        assert_eq!(status["undelivered_edits"], 1, "{status}");
        assert_eq!(self.entries(who, note), 1);
        device.refused(&["sync"], exit::NO_RELAY, "relay_unreachable");
        let stored = self.stage.relay.check().stdout;
        self.stage.restart_relay();
        device.done(&["sync"]);
        // Of the three moments, the last one leaves the note stored and the device unaware of it.
        let was_stored = stored == self.stage.relay.check().stdout;
        assert_eq!(was_stored, moment == Moment::Answer(2), "{stored}");
        assert_eq!(device.json(&["status"])["undelivered_edits"], 0);
    }

    /// How often a journal entry stands on a device.
    pub fn entries(&self, who: Who, note: &str) -> usize {
        let journal = self.view(who, "journal");
        let entries = journal["entries"].as_array().unwrap();
        entries.iter().filter(|entry| entry["text"] == note).count()
    }

    /// All four hold the same, byte for byte, in every section that they share.
    pub fn assert_all_agree(&self) {
        for section in SECTIONS {
            let reference = self.section(Berger, section);
            for who in [Iseli, Sommer, Keller] {
                if who.shared().contains_key(section) {
                    assert_eq!(
                        self.section(who, section),
                        reference,
                        "{section} of {who:?}"
                    );
                }
            }
        }
    }

    /// Each device opens the sections it should and no other, whatever the way it is asked.
    pub fn assert_each_opens_its_own(&self) {
        for who in Who::ALL {
            let device = self.device(who);
            let listed = device.json(&["section", "list", CASE]);
            let (notes, listed): (BTreeMap<String, String>, BTreeMap<_, _>) = listed["sections"]
                .as_array()
                .unwrap()
                .iter()
                .inspect(|line| assert!(line["notice"].is_null(), "{line}"))
                .map(|line| [&line["section"], &line["role"]].map(|value| text(value).to_owned()))
                .map(|[section, role]| (section, role))
                .partition(|(section, _)| section.starts_with("internal/"));
            let expected = self.opened(who);
            assert_eq!(listed, expected, "{who:?}");
            // From which enquiry it came stands in Berger's notes alone.
            assert_eq!(notes.len(), usize::from(who == Berger), "{notes:?}");
            let (of_case, of_enquiries): (BTreeSet<String>, BTreeSet<_>) = self
                .keys_held(who)
                .into_iter()
                .partition(|name| name.starts_with(&self.number));
            let sections = expected.keys().chain(notes.keys());
            let keys = sections.map(|section| format!("{} {section}", self.number));
            assert_eq!(of_case, keys.collect(), "{who:?}");
            let enquiries = match who {
                Berger => 2,
                Iseli | Sommer => 1,
                Keller => 0,
            };
            assert_eq!(of_enquiries.len(), enquiries, "{who:?}: {of_enquiries:?}");
            for section in SECTIONS.into_iter().chain(OWN) {
                let show = ["section", "show", CASE, section];
                if expected.contains_key(section) {
                    // That it opens, every comparison of its content shows.
                    continue;
                }
                device.refused(&show, exit::NO_RIGHT, "not_found");
                let export = ["section", "export", CASE, section];
                device.refused(&export, exit::NO_RIGHT, "not_found");
            }
        }
    }

    /// The sections that somebody opens by now, with what may be done there.
    fn opened(&self, who: Who) -> BTreeMap<String, String> {
        let role = if who == Berger { "manage" } else { "write" };
        let meeting = self.meeting.iter().map(|section| (section.as_str(), role));
        let all = who.shared().into_iter().chain(meeting);
        all.map(|(section, role)| (section.to_owned(), role.to_owned()))
            .collect()
    }

    /// Names of the sections whose key a device holds.
    pub fn keys_held(&self, who: Who) -> BTreeSet<String> {
        let keys = self.device(who).json(&["key", "list"]);
        let keys = keys["keys"].as_array().unwrap();
        keys.iter()
            .filter(|key| key["kind"] == "section" && key["state"] == "held")
            .map(|key| text(&key["space"]).to_owned())
            .collect()
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn author(origin: &Value) -> &str {
    text(&origin["author"]["display_name"])
}

/// Who and when stand there.
#[track_caller]
pub fn assert_origin(origin: &Value, who: Who) {
    assert_eq!(author(origin), who.name(), "{origin}");
    assert!(text(&origin["at"]).starts_with("20"), "{origin}");
}

/// Exactly these values stand there, each with its author and time.
#[track_caller]
pub fn assert_sides(alternatives: &Value, expected: &[(Who, String)]) {
    let sides = alternatives.as_array().unwrap();
    assert_eq!(sides.len(), expected.len(), "{alternatives}");
    for (who, value) in expected {
        let side = sides.iter().find(|side| text(&side["value"]) == value);
        assert_origin(&side.expect(value)["origin"], *who);
    }
}
