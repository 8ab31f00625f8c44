//! A person whose devices are all lost comes back by 24 words on paper: the paper is a device of theirs,
//! reads what they read, and lets a new one in. A revoked paper brings nobody back and opens nothing
//! that is sealed later. What devices are called is told among the devices of one person.

use nahtlos_casework::SectionKind;
use nahtlos_client::audit::KeyTrial;
use nahtlos_client::devices::DeviceLine;
use nahtlos_client::ending::Reason;
use nahtlos_client::paper::restoring::BroughtBack;
use nahtlos_client::paper::{Paper, words};
use nahtlos_client::transport::{Answer, TransportError};
use nahtlos_client::{ClientError, HttpTransport, Transport};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World, bytes_below, holds, note};

const JOURNAL: SectionKind = SectionKind::Journal;

/// A network with one person, who has a case with a journal.
fn one_person(world: &World) -> (Home, String) {
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    (berger, number)
}

/// A paper of this person, listed and known to the relay.
fn paper(home: &mut Home) -> Paper {
    let paper = home.nahtlos.draw_paper().unwrap();
    home.nahtlos.list_paper(&paper, "Paper").unwrap();
    home.sync();
    paper
}

/// The seed that the paper's words make.
fn seed(paper: &Paper) -> DeviceSeed {
    words::read(&paper.words().join(" "), &paper.text().device).unwrap()
}

fn restore(world: &World, home: &mut Home, paper: &Paper) -> Result<BroughtBack, ClientError> {
    let (path, mut transport) = (home.path.clone(), world.transport());
    home.nahtlos.restore_by_paper(
        &path,
        &seed(paper),
        paper.text(),
        "Laptop",
        &mut transport,
        &mut |_| {},
    )
}

/// A line that breaks for good after some answers; what was asked last did arrive.
struct Breaking {
    inner: HttpTransport,
    left: usize,
}

impl Transport for Breaking {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let answer = self.inner.post(path, token, body)?;
        let Some(left) = self.left.checked_sub(1) else {
            return Err(TransportError::Unreachable {
                url: "test".into(),
                reason: "the line broke".into(),
            });
        };
        self.left = left;
        Ok(answer)
    }
}

/// What the words open, once the relay has handed over every wrap it stores.
fn opens(world: &World, paper: &Paper, envelopes: &[Envelope]) -> Vec<bool> {
    let trial = KeyTrial::of_device(*seed(paper).as_secret().expose());
    let trial = world.with_all_wraps(trial);
    envelopes
        .iter()
        .map(|envelope| trial.opens(envelope))
        .collect()
}

fn all(opens: &[bool]) -> bool {
    !opens.is_empty() && opens.iter().all(|opens| *opens)
}

fn none(opens: &[bool]) -> bool {
    !opens.is_empty() && opens.iter().all(|opens| !*opens)
}

fn names(home: &Home) -> Vec<(String, &'static str)> {
    let lines = home.nahtlos.devices().unwrap().into_iter();
    let mut shown: Vec<_> = lines
        .map(|line: DeviceLine| (line.name.unwrap_or_default(), line.state))
        .collect();
    shown.sort();
    shown
}

#[test]
fn a_person_who_lost_every_device_is_back_by_the_words_and_reads_and_writes_as_before() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let paper = paper(&mut berger);
    assert_eq!(
        names(&berger),
        [("".into(), "live"), ("Paper".into(), "live")]
    );
    let before = berger.journal(&number);
    drop(berger);

    let mut laptop = world.home("laptop");
    let back = restore(&world, &mut laptop, &paper).unwrap();
    assert_eq!(back.person, "Anna Berger");
    assert_eq!(laptop.journal(&number), before);
    let status = laptop.nahtlos.status().unwrap();
    assert_eq!(status.enrolment, "enrolled");
    assert_eq!(status.team.as_deref(), Some("RAV Langnau Team 1"));
    let shown = [
        ("".into(), "live"),
        ("Laptop".into(), "live"),
        ("Paper".into(), "live"),
    ];
    assert_eq!(names(&laptop), shown);
    assert!(
        back.others
            .iter()
            .any(|line| line.fingerprint == paper.fingerprint())
    );
    let others: Vec<bool> = back.others.iter().map(|line| line.this).collect();
    assert_eq!(others, [false, false], "the lost one and the paper");

    // It goes on: writes, opens cases, and ends what was lost.
    laptop.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    let new = laptop.open_example_case();
    assert_ne!(new, number);
    laptop.sync();
    let lost = back.others.iter().find(|line| line.name.is_none()).unwrap();
    let ending = laptop.nahtlos.device_to_revoke(&lost.id).unwrap();
    laptop.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    laptop.sync();
    // Nothing of the paper stays in the home.
    let left: Vec<String> = std::fs::read_dir(&laptop.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        left.iter().all(|name| name.starts_with("vault")),
        "{left:?}"
    );
}

#[test]
fn the_words_lie_on_no_disk_and_nothing_is_listed_before_the_paper_is_written_down() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let paper = berger.nahtlos.draw_paper().unwrap();
    berger.sync();
    assert_eq!(names(&berger), [("".into(), "live")], "drawn, not listed");
    let mut laptop = world.home("laptop");
    let unknown = restore(&world, &mut laptop, &paper).unwrap_err();
    assert!(matches!(unknown, ClientError::PaperUnknown), "{unknown}");

    berger.nahtlos.list_paper(&paper, "Paper").unwrap();
    berger.sync();
    restore(&world, &mut laptop, &paper).unwrap();
    let secret = *seed(&paper).as_secret().expose();
    let has_seed = |bytes: &[u8]| bytes.windows(32).any(|window| window == secret);
    assert!(
        has_seed(&[&[0; 7], &secret[..], &[0; 7]].concat()),
        "control"
    );
    let words = paper.words().join(" ");
    for path in [&berger.path, &laptop.path, &world.relay_directory()] {
        let bytes = bytes_below(path);
        assert!(bytes.len() > 1000, "control");
        assert!(!has_seed(&bytes) && !holds(&bytes, &words[..20]));
    }
}

#[test]
fn a_revoked_paper_brings_nobody_back_and_opens_nothing_that_is_sealed_later() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let (old, kept) = (paper(&mut berger), paper(&mut berger));
    let before = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(all(&opens(&world, &old, &before)), "control");

    let ending = berger.nahtlos.device_to_revoke(&old.fingerprint()).unwrap();
    berger.nahtlos.end(&ending, Reason::Compromised).unwrap();
    berger.sync();
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    berger.sync();
    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    let new = &stored[before.len()..];
    assert!(none(&opens(&world, &old, new)), "revoked");
    assert!(
        all(&opens(&world, &old, &before)),
        "what it could open stays"
    );
    assert!(
        all(&opens(&world, &kept, &stored)),
        "the other one opens all"
    );

    let mut laptop = world.home("laptop");
    let refused = restore(&world, &mut laptop, &old).unwrap_err();
    assert!(matches!(refused, ClientError::PaperRevoked), "{refused}");
    assert_eq!(laptop.nahtlos.status().unwrap().enrolment, "new");
    assert!(!laptop.path.join("borrowed").exists());
    restore(&world, &mut laptop, &kept).unwrap();
    assert_eq!(laptop.journal(&number), berger.journal(&number));
}

#[test]
fn who_has_the_paper_of_somebody_who_left_comes_back_to_nothing() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let mut keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
    berger.sync();
    keller.sync();
    let paper = paper(&mut keller);
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_team("RAV Langnau Team 1").unwrap();
    let person = directory.find_member("Eva Keller").unwrap();
    let ending = nahtlos_client::ending::Ending::Member(team, person);
    berger.nahtlos.end(&ending, Reason::Left).unwrap();
    berger.sync();
    let mut laptop = world.home("laptop");
    let refused = restore(&world, &mut laptop, &paper).unwrap_err();
    assert!(
        matches!(
            refused,
            ClientError::NoRight { .. } | ClientError::PaperUnknown
        ),
        "{refused:?}"
    );
    assert_eq!(laptop.nahtlos.status().unwrap().enrolment, "new");
}

#[test]
fn a_restore_that_broke_off_is_taken_up_by_the_same_call() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let paper = paper(&mut berger);
    let before = berger.journal(&number);
    drop(berger);
    let mut laptop = world.home("laptop");
    // Each answer in its turn is the first that does not arrive.
    let mut broken = 0;
    for left in 0..40 {
        let inner = world.transport();
        let mut line = Breaking { inner, left };
        let path = laptop.path.clone();
        let done = laptop.nahtlos.restore_by_paper(
            &path,
            &seed(&paper),
            paper.text(),
            "Laptop",
            &mut line,
            &mut |_| {},
        );
        match done {
            Ok(_) => break,
            Err(ClientError::Transport(_)) => broken += 1,
            Err(other) => panic!("after {left} answers: {other}"),
        }
        laptop = world.closed_and_reopened(laptop);
    }
    assert!(broken > 5, "control: it broke off {broken} times");
    assert_eq!(laptop.journal(&number), before);
    let laptops = names(&laptop)
        .into_iter()
        .filter(|(name, _)| name == "Laptop");
    assert_eq!(laptops.count(), 1, "one device came of it");
}

#[test]
fn a_renamed_device_is_called_so_by_all_devices_of_the_person_and_by_no_colleague() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let mut keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
    berger.sync();
    let invitation = berger.nahtlos.invite_device().unwrap();
    berger.sync();
    let mut phone = world.home("phone");
    let mut transport = world.transport();
    phone
        .nahtlos
        .join_as_device(&mut transport, &invitation, "Mobile")
        .unwrap();
    berger.sync();
    phone.sync();

    // The first device, which never had a name, and the second, by its name; one of them offline.
    let own = berger.nahtlos.device_fingerprint();
    let renamed = phone.nahtlos.rename_device(&own[..9], "Büro").unwrap();
    assert_eq!(renamed, (own, None));
    let renamed = phone.nahtlos.rename_device("mobile", "Tablet").unwrap();
    assert_eq!(renamed.1.as_deref(), Some("Mobile"));
    let own: Vec<_> = [("Büro".to_owned(), "live"), ("Tablet".to_owned(), "live")].into();
    let of_berger = |home: &Home| {
        let mut names = names(home);
        names.retain(|(name, _)| !name.is_empty());
        names
    };
    assert_eq!(of_berger(&phone), own);
    phone.sync();
    berger.sync();
    assert_eq!(of_berger(&berger), own);
    keller.sync();
    assert_eq!(of_berger(&keller), [], "colleagues see no names");
    assert!(
        keller.nahtlos.devices().unwrap().len() > 2,
        "control: they see the devices"
    );
    let unknown = keller.nahtlos.rename_device("Tablet", "X").unwrap_err();
    assert!(matches!(unknown, ClientError::NotFound { .. }), "{unknown}");
    // A later device is told, too, after the person's key was renewed.
    let lost = phone.nahtlos.device_fingerprint();
    let ending = berger.nahtlos.device_to_revoke(&lost).unwrap();
    berger.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    berger.sync();
    let invitation = berger.nahtlos.invite_device().unwrap();
    berger.sync();
    let mut next = world.home("next");
    next.nahtlos
        .join_as_device(&mut world.transport(), &invitation, "Next")
        .unwrap();
    berger.sync();
    next.sync();
    let mut shown = of_berger(&next);
    shown.sort();
    let expected: Vec<_> = [("Büro", "live"), ("Next", "live"), ("Tablet", "revoked")].into();
    let shown: Vec<_> = shown
        .iter()
        .map(|(name, state)| (name.as_str(), *state))
        .collect();
    assert_eq!(shown, expected);
    // Who was revoked renames nothing.
    let _ = phone.try_sync();
    let refused = phone.nahtlos.rename_device("Büro", "Nein").unwrap_err();
    assert!(matches!(refused, ClientError::NoRight { .. }), "{refused}");
}
