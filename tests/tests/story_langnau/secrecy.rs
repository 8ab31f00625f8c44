//! Whether everything is sound, and what stands in clear anywhere: nothing.

use super::scene::{CASE, Langnau, SECTIONS, Who};
use super::story::{self, disk, exit};

impl Langnau {
    /// Killed and restarted, the relay's journal is whole, and no device finds anything wrong.
    pub fn assert_everything_is_sound(&self) {
        for device in self.devices.values() {
            let doctor = device.json(&["doctor"]);
            assert_eq!(doctor["sound"], true, "{doctor}");
        }
        self.stage.relay.stop();
        let checked = self.stage.relay.check();
        assert_eq!(checked.exit, exit::DONE, "{checked:?}");
    }

    /// Neither the relay nor a closed home holds anything of the story in clear. The same search
    /// finds all of it in what Berger's device exports.
    pub fn assert_nothing_stands_in_clear(&self, typed: &[&str]) {
        let markers = self.markers(typed);
        let homes = self.devices.values().map(|device| device.home.clone());
        let places: Vec<_> = self
            .stage
            .relay
            .everything()
            .into_iter()
            .chain(homes)
            .collect();
        let (found, bytes) = disk::search(&places, &markers);
        assert_eq!(found, [""; 0]);
        assert!(bytes > 500_000, "only {bytes} bytes were searched");

        let export = self.stage.path("export");
        std::fs::create_dir_all(&export).unwrap();
        let meeting = self.meeting.as_deref().expect("it was called");
        for section in SECTIONS.into_iter().chain([meeting]) {
            let file = story::text_of(&export.join(section.replace('/', "-")));
            let words = ["section", "export", CASE, section, "--to", &file];
            self.device(Who::Berger).done(&words);
        }
        let network = self.device(Who::Berger).json(&["network"]).to_string();
        std::fs::write(export.join("network"), network).unwrap();
        let enquiries = self.device(Who::Berger).json(&["enquiry"]).to_string();
        std::fs::write(export.join("enquiries"), enquiries).unwrap();
        for marker in &markers {
            let (found, _) =
                disk::search(std::slice::from_ref(&export), std::slice::from_ref(marker));
            assert!(!found.is_empty(), "the search does not find {marker}");
        }
        std::fs::remove_dir_all(&export).unwrap();
    }

    /// Long enough that noise does not look like one of them.
    pub fn markers(&self, typed: &[&str]) -> Vec<String> {
        let invented = [
            "Mosimann",
            "1982-05-17",
            "Marktstrasse",
            "Langnau i. E.",
            "795550142",
            "ruth.mosimann@example.ch",
            "Schichtbetrieb",
            "Nachtdienste",
            "Zeitdruck",
            "Belastungsgrenzen",
            "Arbeitszeugnisse",
            "Eingliederungsgespr",
            "feste Stelle",
            "Probetag",
        ];
        let people = Who::ALL.map(Who::name);
        let institutions = Who::ALL.map(|who| who.introduction()[0]);
        let teams = Who::ALL.map(|who| who.introduction()[2]);
        [
            &invented[..],
            &people,
            &institutions,
            &teams,
            typed,
            &[&self.number],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }
}
