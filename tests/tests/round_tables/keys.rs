//! What the keys of each device open of what the relay stores of two round tables of one case, with every wrap that the
//! relay has: who takes part opens one, and after the end of the consent nothing newer.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, FormChange, FormEdit, ScalarValue};
use nahtlos_casework::fields::{ConsentForm, EntryId};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_client::consent::{ConsentExtension, ConsentShare, NewConsent};
use nahtlos_client::share::Terms;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const AID_TEAM: &str = "Sozialdienst Team 1";

struct Scene {
    world: World,
    number: String,
    berger: Home,
    iseli: Home,
    sommer: Home,
}

impl Scene {
    fn begin() -> Self {
        let world = World::new();
        let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
        let iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
        let sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
        let number = berger.open_example_case();
        let mut scene = Self {
            world,
            number,
            berger,
            iseli,
            sommer,
        };
        scene.sync();
        scene
    }

    fn sync(&mut self) {
        for _ in 0..2 {
            for home in [&mut self.berger, &mut self.iseli, &mut self.sommer] {
                home.sync();
            }
        }
        self.berger.sync();
    }

    fn share(&self, kind: &SectionKind, team: &str) -> ConsentShare {
        let directory = self.berger.nahtlos.directory().unwrap();
        ConsentShare {
            section: kind.clone(),
            member: directory.find_member(team).unwrap(),
            role: Role::Write,
            purpose: None,
        }
    }

    fn consent(&mut self) -> EntryId {
        let new = NewConsent {
            giver: Giver::Client,
            shares: vec![self.share(&SectionKind::Tasks, IV_TEAM)],
            valid_from: self.berger.nahtlos.today().unwrap(),
            valid_until: None,
            form: ConsentForm::Paper,
            details: ConsentDetails::default(),
            replaces: None,
            note: None,
        };
        let nahtlos = &mut self.berger.nahtlos;
        let case = nahtlos.find_case(&self.number).unwrap();
        nahtlos.consent_give(&case, &new).unwrap()
    }

    /// As `meeting call` does for who works on the case by a consent.
    fn call_by_consent(&mut self, kind: &SectionKind, consent: EntryId) {
        let extension = ConsentExtension {
            consent,
            shares: vec![self.share(kind, IV_TEAM)],
            valid_until: None,
            form: ConsentForm::Verbal,
            details: ConsentDetails::default(),
            note: None,
        };
        let nahtlos = &mut self.berger.nahtlos;
        let case = nahtlos.find_case(&self.number).unwrap();
        nahtlos.open_section(&case, kind).unwrap();
        let case = nahtlos.find_case(&self.number).unwrap();
        nahtlos.consent_extend(&case, &extension).unwrap();
    }

    fn call_by_law(&mut self, kind: &SectionKind) {
        let member = self.share(kind, AID_TEAM).member;
        let nahtlos = &mut self.berger.nahtlos;
        let case = nahtlos.find_case(&self.number).unwrap();
        nahtlos.open_section(&case, kind).unwrap();
        let case = nahtlos.find_case(&self.number).unwrap();
        let terms = Terms::new(Role::Write, "AVG35a1");
        nahtlos.grant(&case, kind, &member, &terms).unwrap();
    }

    /// A decision in a round table, by Berger.
    fn decide(&mut self, kind: &SectionKind, number: u8) {
        let said = ScalarValue::Text(format!("Beschluss {number}"));
        let change = FormChange::Add {
            list: "decisions".into(),
            id: EntryId::from_random([number; 8]),
            correction_of: None,
            values: [("decision".to_owned(), said)].into(),
        };
        let section = kind.clone();
        let edit = Edit::Form(FormEdit { section, change });
        let nahtlos = &mut self.berger.nahtlos;
        let case = nahtlos.find_case(&self.number).unwrap().id.to_string();
        nahtlos.edit_case(&case, &[edit]).unwrap();
    }

    /// How many of the envelopes that the relay stores of a round table Berger, Iseli and Sommer open.
    fn opened(&self, kind: &SectionKind) -> [usize; 3] {
        let stored = (self.world).stored_envelopes(&self.berger, &self.number, kind);
        assert!(!stored.is_empty(), "nothing to try");
        [&self.berger, &self.iseli, &self.sommer].map(|home| {
            let trial = self.world.trial_with_all_wraps(home);
            stored
                .iter()
                .filter(|envelope| trial.opens(envelope))
                .count()
        })
    }
}

#[test]
fn who_does_not_take_part_opens_nothing_of_a_round_table_that_the_relay_stores() {
    let mut scene = Scene::begin();
    let [by_consent, by_law] =
        ["meeting/m1", "meeting/m2"].map(|code| SectionKind::parse(code).unwrap());
    let consent = scene.consent();
    scene.call_by_consent(&by_consent, consent);
    scene.call_by_law(&by_law);
    scene.decide(&by_consent, 1);
    scene.decide(&by_law, 2);
    scene.sync();
    // Iseli and Sommer work on the same case, and each opens one of its two round tables.
    let [all, iseli, sommer] = scene.opened(&by_consent);
    assert_eq!((iseli, sommer), (all, 0));
    let [all_by_law, iseli, sommer] = scene.opened(&by_law);
    assert_eq!((iseli, sommer), (0, all_by_law));
    for (home, kind) in [(&scene.iseli, &by_law), (&scene.sommer, &by_consent)] {
        let case = home.nahtlos.find_case(&scene.number).ok();
        assert!(case.is_none_or(|case| !case.sections.contains_key(kind)));
    }

    let nahtlos = &mut scene.berger.nahtlos;
    let case = nahtlos.find_case(&scene.number).unwrap();
    let today = nahtlos.today().unwrap();
    nahtlos
        .consent_withdraw(&case, &consent, None, today, None)
        .unwrap();
    scene.sync();
    scene.decide(&by_consent, 3);
    scene.decide(&by_law, 4);
    scene.sync();
    let [more, iseli, sommer] = scene.opened(&by_consent);
    assert!(more > all, "something was written");
    assert_eq!(
        (iseli, sommer),
        (all, 0),
        "what came before cannot be taken back"
    );
    let [more, iseli, sommer] = scene.opened(&by_law);
    assert!(more > all_by_law);
    assert_eq!((iseli, sommer), (0, more));
}
