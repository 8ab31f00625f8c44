//! Anonymous enquiries (story S1, step 1): who can open one and who cannot, what leaves the device that sends it,
//! and what somebody who was asked learns of the case that it becomes.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::ScalarValue;
use nahtlos_client::ClientError;
use nahtlos_client::enquiry::{Enquiry, EnquiryState, EnquiryValues};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World, example_edits, holds};

const IV: &str = "IV-Stelle Bern Team 1";
const SOCIAL_AID: &str = "Sozialdienst Team 1";
const FACT: &str = "Seit Monaten erschöpft, möchte in der Pflege bleiben";

/// What the case on Berger's device says of the person.
const MARKERS: [&str; 5] = [
    "Mosimann",
    "Ruth",
    "1982-05-17",
    "Marktstrasse",
    "example.ch",
];

/// Berger (RAV) asks; Iseli (IV) and Sommer (social aid) may be asked; Keller is nobody's addressee.
struct Scene {
    world: World,
    berger: Home,
    iseli: Home,
    sommer: Home,
    keller: Home,
}

impl Scene {
    fn begin() -> Self {
        let world = World::new();
        let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
        let iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
        let sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
        let keller =
            world.institution(&mut berger, "keller", "Urs Keller", "Stellwerk", "provider");
        let mut scene = Self {
            world,
            berger,
            iseli,
            sommer,
            keller,
        };
        scene.sync();
        scene
    }

    /// Everybody twice, Berger first and last.
    fn sync(&mut self) {
        for _ in 0..2 {
            for home in [
                &mut self.berger,
                &mut self.iseli,
                &mut self.sommer,
                &mut self.keller,
            ] {
                home.sync();
            }
        }
        self.berger.sync();
    }

    fn send(&mut self, team: &str) -> String {
        let team = self.berger.nahtlos.directory().unwrap().find_team(team);
        self.berger
            .nahtlos
            .send_enquiry(&team.unwrap(), facts())
            .unwrap()
    }
}

fn values(values: &[(&str, &str)]) -> EnquiryValues {
    let value =
        |(code, text): &(&str, &str)| ((*code).to_owned(), ScalarValue::Text((*text).to_owned()));
    values.iter().map(value).collect()
}

fn facts() -> EnquiryValues {
    values(&[
        ("question", "joint"),
        ("age", "35_49"),
        ("permit", "swiss"),
        ("psychic", "2"),
        ("text", FACT),
    ])
}

fn the_one(home: &Home) -> Enquiry {
    let mut all = home.nahtlos.enquiries().unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn answer(home: &mut Home, said: &[(&str, &str)]) -> Result<(), ClientError> {
    let enquiry = the_one(home);
    home.nahtlos.answer_enquiry(&enquiry, values(said))
}

fn status(home: &Home, id: &str) -> &'static str {
    let enquiry = home.nahtlos.find_enquiry(id).unwrap();
    match enquiry.state {
        EnquiryState::Sent => enquiry.content.status.word(),
        other => other.word(),
    }
}

fn no_right<T: std::fmt::Debug>(result: Result<T, ClientError>) -> bool {
    matches!(result, Err(ClientError::NoRight { .. }))
}

#[test]
fn two_institutions_answer_an_enquiry_each_and_nothing_personal_has_left_the_device() {
    let mut scene = Scene::begin();
    // Berger knows who it is about: the case stands on her device and nowhere else.
    let number = scene.berger.open_example_case();
    let core = |home: &Home| {
        let case = home.nahtlos.find_case(&number).unwrap();
        let document = home.nahtlos.section_document(&case, &SectionKind::Core);
        document.unwrap().export_json().to_string()
    };
    for marker in MARKERS {
        assert!(core(&scene.berger).contains(marker), "control: {marker}");
    }
    let (to_iv, to_aid) = (scene.send(IV), scene.send(SOCIAL_AID));
    assert_ne!(to_iv, to_aid);
    assert_eq!(status(&scene.berger, &to_iv), "waits_for_sync");
    scene.sync();

    // Each reads its own enquiry and no other; who was not asked reads none.
    for (home, id) in [(&scene.iseli, &to_iv), (&scene.sommer, &to_aid)] {
        let enquiry = the_one(home);
        assert_eq!((&enquiry.id, enquiry.is_own), (id, false));
        assert_eq!(enquiry.from, "RAV Langnau");
        let facts = enquiry.content.facts.as_ref().unwrap();
        assert_eq!(facts.fields["text"].shown, FACT);
        assert!(home.nahtlos.cases().unwrap().is_empty());
        assert_eq!(home.nahtlos.cases_not_arrived().unwrap(), 0);
        let all = serde_json::to_string(&home.nahtlos.enquiries().unwrap()).unwrap();
        for marker in MARKERS.iter().chain([&number.as_str()]) {
            assert!(!all.contains(marker), "{marker}: {all}");
        }
    }
    assert!(scene.keller.nahtlos.enquiries().unwrap().is_empty());
    for (id, opens) in [
        (&to_iv, [true, true, false, false]),
        (&to_aid, [true, false, true, false]),
    ] {
        let envelopes = scene
            .world
            .stored_envelopes(&scene.berger, id, &SectionKind::Enquiry);
        assert!(!envelopes.is_empty());
        let homes = [&scene.berger, &scene.iseli, &scene.sommer, &scene.keller];
        for (home, opens) in homes.into_iter().zip(opens) {
            let opened = scene.world.opens(home, &envelopes);
            assert!(
                opened.iter().all(|one| *one == opens),
                "{}",
                home.path.display()
            );
        }
    }
    // Of the case itself nobody else has any key, whatever the relay handed them.
    for kind in [SectionKind::Core, SectionKind::Plan] {
        let envelopes = scene.world.stored_envelopes(&scene.berger, &number, &kind);
        for home in [&scene.iseli, &scene.sommer, &scene.keller] {
            assert!(!scene.world.opens(home, &envelopes).contains(&true));
        }
        assert!(
            scene.world.opens(&scene.berger, &envelopes).contains(&true),
            "control"
        );
    }

    // Iseli wants to know more, is told, and takes part; Sommer declines with a reason.
    assert!(
        answer(&mut scene.iseli, &[("answer", "more")]).is_err(),
        "what?"
    );
    answer(
        &mut scene.iseli,
        &[("answer", "more"), ("text", "Seit wann?")],
    )
    .unwrap();
    assert!(
        answer(&mut scene.sommer, &[("answer", "decline")]).is_err(),
        "why?"
    );
    answer(
        &mut scene.sommer,
        &[("answer", "decline"), ("text", "Kein Bedarf")],
    )
    .unwrap();
    scene.sync();
    assert_eq!(status(&scene.berger, &to_iv), "more_wanted");
    assert_eq!(status(&scene.berger, &to_aid), "declined");
    let asked = scene.berger.nahtlos.find_enquiry(&to_iv).unwrap();
    let told = |text: &str| (asked.clone(), text.to_owned());
    let (enquiry, text) = told("Ruth, Tel. 034 402 11 22");
    let refused = scene.berger.nahtlos.add_to_enquiry(&enquiry, &text);
    assert_eq!(refused.unwrap_err().code(), "phone");
    let (enquiry, text) = told("Seit dem Winter");
    scene
        .berger
        .nahtlos
        .add_to_enquiry(&enquiry, &text)
        .unwrap();
    // Nobody answers oneself, and nobody tells more in another's enquiry or withdraws it.
    assert!(no_right(
        scene
            .berger
            .nahtlos
            .answer_enquiry(&asked, values(&[("answer", "accept")]))
    ));
    let received = the_one(&scene.iseli);
    assert!(no_right(scene.iseli.nahtlos.add_to_enquiry(&received, "x")));
    assert!(no_right(scene.iseli.nahtlos.withdraw_enquiry(&received)));
    scene.sync();
    // A change says the second in which it was made: of two answers in one second either may be the last.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    answer(&mut scene.iseli, &[("answer", "accept")]).unwrap();
    scene.sync();
    assert_eq!(status(&scene.berger, &to_iv), "accepted");
    assert_eq!(status(&scene.iseli, &to_iv), "accepted");

    // What the relay keeps and what lies in the other homes says nothing of the person in clear.
    let mut stored = scene.world.relay_bytes();
    for home in ["iseli", "sommer", "keller"] {
        stored.extend(nahtlos_tests::bytes_below(
            &scene.world.directory.path().join(home),
        ));
    }
    assert!(stored.len() > 100_000);
    for marker in MARKERS.iter().chain([&number.as_str(), &FACT]) {
        assert!(!holds(&stored, marker), "{marker}");
    }
    assert!(holds(core(&scene.berger).as_bytes(), MARKERS[0]), "control");
}

#[test]
fn who_was_asked_learns_nothing_of_the_case_that_an_enquiry_becomes_until_it_is_shared() {
    let mut scene = Scene::begin();
    let id = scene.send(IV);
    scene.sync();
    answer(&mut scene.iseli, &[("answer", "accept")]).unwrap();
    scene.sync();
    let before = serde_json::to_string(&the_one(&scene.iseli)).unwrap();
    let keys = scene.iseli.nahtlos.key_lines().unwrap().len();

    let berger = &mut scene.berger.nahtlos;
    let enquiry = berger.find_enquiry(&id[..8]).unwrap();
    let number = berger.open_case(&example_edits()).unwrap().to_string();
    let case = berger.find_case(&number).unwrap();
    berger.note_enquiry_of(&case, &enquiry).unwrap();
    let case = berger.find_case(&number).unwrap();
    let line = |home: &Home| home.nahtlos.cases().unwrap().remove(0);
    assert_eq!(line(&scene.berger).enquiry.as_ref(), Some(&id));
    scene.sync();
    // One's own institution knows, also on another device after a sync; nobody else.
    let known = scene.berger.nahtlos.find_enquiry(&id).unwrap();
    assert_eq!(known.case, Some(case.id.to_string()));
    assert_eq!(line(&scene.berger).enquiry.as_ref(), Some(&id));
    let colleague =
        scene
            .world
            .colleague(&mut scene.berger, "trachsel", "Ida Trachsel", Role::Write);
    assert_eq!(line(&colleague).enquiry.as_ref(), Some(&id));
    assert_eq!(the_one(&colleague).case, Some(case.id.to_string()));
    scene.sync();
    assert!(scene.iseli.nahtlos.cases().unwrap().is_empty());
    assert_eq!(scene.iseli.nahtlos.cases_not_arrived().unwrap(), 0);
    assert_eq!(
        serde_json::to_string(&the_one(&scene.iseli)).unwrap(),
        before
    );
    assert_eq!(scene.iseli.nahtlos.key_lines().unwrap().len(), keys);

    // Shared by a law, the case says nothing of where it came from.
    scene
        .berger
        .share(&number, &SectionKind::Core, IV, Role::Read, "IVG68bis2");
    scene.sync();
    let shared = line(&scene.iseli);
    assert_eq!(shared.summary.case_number, Some(number.clone()));
    assert_eq!(shared.enquiry, None);
    let sections: Vec<&String> = shared.sections.keys().collect();
    assert_eq!(sections, ["core"]);
    assert_eq!(the_one(&scene.iseli).case, None);
    let notes = SectionKind::Internal(scene.berger.nahtlos.own_institution_id().unwrap());
    let envelopes = scene.world.stored_envelopes(&scene.berger, &number, &notes);
    assert!(!envelopes.is_empty());
    assert!(!scene.world.opens(&scene.iseli, &envelopes).contains(&true));
    assert!(
        scene.world.opens(&colleague, &envelopes).contains(&true),
        "control"
    );
}

#[test]
fn an_enquiry_that_is_withdrawn_before_it_goes_out_is_never_served_and_later_serves_nothing_new() {
    let mut scene = Scene::begin();
    let never = scene.send(SOCIAL_AID);
    let enquiry = scene.berger.nahtlos.find_enquiry(&never).unwrap();
    scene.berger.nahtlos.withdraw_enquiry(&enquiry).unwrap();
    let sent = scene.send(IV);
    scene.sync();
    assert_eq!(status(&scene.berger, &never), "withdrawn");
    assert!(scene.sommer.nahtlos.enquiries().unwrap().is_empty());
    let envelopes = scene
        .world
        .stored_envelopes(&scene.berger, &never, &SectionKind::Enquiry);
    assert!(!scene.world.opens(&scene.sommer, &envelopes).contains(&true));
    let again = scene.berger.nahtlos.find_enquiry(&never).unwrap();
    assert!(no_right(scene.berger.nahtlos.withdraw_enquiry(&again)));

    let enquiry = scene.berger.nahtlos.find_enquiry(&sent).unwrap();
    scene.berger.nahtlos.withdraw_enquiry(&enquiry).unwrap();
    assert_eq!(
        status(&scene.berger, &sent),
        "withdrawn",
        "also before the sync"
    );
    scene.sync();
    assert_eq!(status(&scene.berger, &sent), "withdrawn");
    let late = scene.berger.nahtlos.find_enquiry(&sent).unwrap();
    assert!(no_right(
        scene
            .berger
            .nahtlos
            .add_to_enquiry(&late, "Seit dem Winter")
    ));
    assert_eq!(status(&scene.iseli, &sent), "withdrawn");
    assert!(no_right(answer(&mut scene.iseli, &[("answer", "accept")])));
    assert_eq!(
        the_one(&scene.iseli).content.facts.unwrap().fields.len(),
        5,
        "their copy stays"
    );
}

#[test]
fn an_enquiry_goes_to_one_team_elsewhere_and_is_no_case_and_no_part_of_one() {
    let mut scene = Scene::begin();
    let number = scene.berger.open_example_case();
    let berger = &mut scene.berger.nahtlos;
    let directory = berger.directory().unwrap();
    let own = directory.find_team("RAV Langnau Team 1").unwrap();
    assert!(no_right(berger.send_enquiry(&own, facts())));
    let person = directory.find_person("Marc Iseli").unwrap();
    let refused = berger.send_enquiry(&person, facts()).unwrap_err();
    assert_eq!(refused.code(), "not_found");
    let iv = directory.find_team(IV).unwrap();
    for (wrong, code) in [
        (values(&[("question", "joint")]), "missing"),
        (
            values(&[("question", "joint"), ("age", "44")]),
            "unknown_code",
        ),
        (
            values(&[
                ("question", "joint"),
                ("age", "35_49"),
                ("text", "AHV 7561234567897"),
            ]),
            "ahv_number",
        ),
    ] {
        assert_eq!(berger.send_enquiry(&iv, wrong).unwrap_err().code(), code);
    }
    assert!(berger.enquiries().unwrap().is_empty(), "nothing was kept");
    let undelivered = berger.status().unwrap().undelivered_edits;
    let id = berger.send_enquiry(&iv, facts()).unwrap();
    assert_eq!(berger.status().unwrap().undelivered_edits, undelivered + 1);

    // It does not stand among the cases, opens no section, and is shared with nobody else.
    assert_eq!(berger.cases().unwrap().len(), 1);
    assert!(berger.find_case(&id[..8]).is_err());
    let alone = berger.find_case(&id).unwrap();
    let notes = SectionKind::Internal(berger.own_institution_id().unwrap());
    for kind in [SectionKind::Core, notes, SectionKind::Enquiry] {
        assert!(no_right(berger.open_section(&alone, &kind)), "{kind}");
    }
    let case = berger.find_case(&number).unwrap();
    assert!(no_right(berger.open_section(&case, &SectionKind::Enquiry)));
    let aid = directory.find_team(SOCIAL_AID).unwrap();
    let terms = nahtlos_client::share::Terms::new(Role::Read, "AVG35a1");
    assert!(no_right(berger.grant(
        &alone,
        &SectionKind::Enquiry,
        &aid,
        &terms
    )));
    scene.sync();
    assert!(scene.sommer.nahtlos.enquiries().unwrap().is_empty());
    assert_eq!(the_one(&scene.iseli).id, id);
    let kept = scene.world.closed_and_reopened(scene.berger);
    assert_eq!(
        kept.nahtlos.find_enquiry(&id).unwrap().state,
        EnquiryState::Sent
    );
}
