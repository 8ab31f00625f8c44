//! One person, two devices: the second is let in by the first, reads what the person reads, and is ended
//! by the first. Whoever else answers, or answers otherwise, is not let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nahtlos_casework::SectionKind;
use nahtlos_client::ClientError;
use nahtlos_client::devices::{DEVICE_INVITATION_LIFETIME_MS, DeviceLine};
use nahtlos_client::ending::Reason;
use nahtlos_client::refusal::Refusal;
use nahtlos_client::transport::Transport;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::{committing_aead, derive::derive, label};
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::effect::Member;
use nahtlos_protocol::space::{Effect, Role, SignedOperation};
use nahtlos_protocol::wire::device::DeviceInvitation;
use nahtlos_protocol::wire::join::JoinRequest;
use nahtlos_protocol::wire::{Item, ItemKind, JOIN_PATH};
use nahtlos_tests::{Home, Passing, World, note};

const JOURNAL: SectionKind = SectionKind::Journal;

/// A network with one person, who has a case with a journal.
fn one_person(world: &World) -> (Home, String) {
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    (berger, number)
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn invite(home: &mut Home) -> DeviceInvitation {
    let invitation = home.nahtlos.invite_device().unwrap();
    home.sync();
    invitation
}

fn ask(world: &World, home: &mut Home, text: &DeviceInvitation, name: &str) -> Option<Refusal> {
    let joined = home
        .nahtlos
        .join_as_device(&mut world.transport(), text, name);
    match joined {
        Ok(()) => None,
        Err(ClientError::Refused { refusal, .. }) => Some(refusal),
        Err(other) => panic!("{other}"),
    }
}

/// A further device of who has `first`, let in and synced once.
fn second(world: &World, first: &mut Home, name: &str) -> Home {
    let invitation = invite(first);
    let mut home = world.home(name);
    assert_eq!(ask(world, &mut home, &invitation, name), None);
    first.sync();
    home.sync();
    home
}

fn states(home: &Home) -> Vec<(String, &'static str, bool)> {
    let lines = home.nahtlos.devices().unwrap().into_iter();
    let shown =
        lines.map(|line: DeviceLine| (line.name.unwrap_or_default(), line.state, line.this));
    let mut shown: Vec<_> = shown.collect();
    shown.sort();
    shown
}

fn all(opens: &[bool]) -> bool {
    !opens.is_empty() && opens.iter().all(|opens| *opens)
}

fn none(opens: &[bool]) -> bool {
    !opens.is_empty() && opens.iter().all(|opens| !*opens)
}

/// How often a section was wrapped to anybody: epochs and later wraps in its log.
fn wrapped(world: &World, section: &SpaceId) -> usize {
    let operations = world.stored_operations();
    let operations = operations
        .iter()
        .filter_map(|bytes| SignedOperation::decode(bytes).ok());
    let of_section = operations.filter(|signed| signed.space() == *section);
    let effects = of_section.flat_map(|signed| signed.operation().effects.clone());
    effects
        .filter(|effect| matches!(effect, Effect::Epoch { .. } | Effect::Wrap { .. }))
        .count()
}

#[test]
fn a_second_device_reads_all_that_the_person_reads_after_one_sync_and_no_section_is_wrapped_again()
{
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let case = berger.nahtlos.find_case(&number).unwrap();
    let before: Vec<usize> = case
        .sections
        .values()
        .map(|one| wrapped(&world, one))
        .collect();
    assert!(before.iter().all(|wraps| *wraps > 0), "control");

    let phone = second(&world, &mut berger, "Mobile");
    assert_eq!(phone.journal(&number), berger.journal(&number));
    assert!(
        phone
            .journal(&number)
            .contains(&"Anna Berger: entry 1".to_owned())
    );
    let found = phone.nahtlos.find_case(&number).unwrap();
    assert_eq!(found.sections, case.sections);
    for kind in case.sections.keys() {
        let stored = world.stored_envelopes(&berger, &number, kind);
        assert!(
            stored.is_empty() || all(&world.opens(&phone, &stored)),
            "{}",
            kind.code()
        );
    }
    let after: Vec<usize> = case
        .sections
        .values()
        .map(|one| wrapped(&world, one))
        .collect();
    assert_eq!(before, after);

    // Both know both, by name; the person is the same, and the team that opens cases.
    let own = [
        ("".to_owned(), "live", true),
        ("Mobile".to_owned(), "live", false),
    ];
    assert_eq!(states(&berger), own);
    let own = [
        ("".to_owned(), "live", false),
        ("Mobile".to_owned(), "live", true),
    ];
    assert_eq!(states(&phone), own);
    let (one, other) = (
        berger.nahtlos.status().unwrap(),
        phone.nahtlos.status().unwrap(),
    );
    assert_eq!((other.enrolment, &other.person), ("enrolled", &one.person));
    assert_eq!(other.team, one.team);
    assert_eq!(one.open_invitations, Vec::<String>::new());
    let heard = phone.nahtlos.devices().unwrap();
    let heard = heard.iter().find(|line| !line.this).unwrap();
    assert!(heard.heard_at_ms.is_some(), "it was heard of");
}

#[test]
fn a_colleague_who_joined_a_team_adds_a_second_device_that_reads_what_the_team_reads() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let mut keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
    berger.sync();
    keller.sync();
    let laptop = second(&world, &mut keller, "Laptop");
    assert_eq!(laptop.journal(&number), berger.journal(&number));
    // A colleague sees the devices, and not what they are called.
    berger.sync();
    let seen = berger.nahtlos.devices().unwrap();
    let kellers: Vec<_> = seen
        .iter()
        .filter(|line| line.person == "Eva Keller")
        .collect();
    assert_eq!(kellers.len(), 2);
    assert!(kellers.iter().all(|line| line.name.is_none()));
}

#[test]
fn two_devices_of_one_person_write_offline_and_at_once_and_neither_is_taken_for_a_copy() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let mut phone = second(&world, &mut berger, "Mobile");
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    phone.nahtlos.edit_case(&number, &[note(3)]).unwrap();
    // Cases opened on both, offline, have different numbers.
    let numbers = [berger.open_example_case(), phone.open_example_case()];
    assert_ne!(numbers[0], numbers[1]);
    for _ in 0..2 {
        berger.sync();
        phone.sync();
    }
    assert_eq!(berger.journal(&number), phone.journal(&number));
    for entry in 1..=3 {
        let line = format!("Anna Berger: entry {entry}");
        assert!(berger.journal(&number).contains(&line), "{line}");
    }
    for home in [&berger, &phone] {
        assert_eq!(home.nahtlos.status().unwrap().other_copy, None);
        assert_eq!(home.nahtlos.held_list().unwrap(), []);
        for number in &numbers {
            assert!(home.nahtlos.find_case(number).is_ok(), "{number}");
        }
    }
    let journal = berger.nahtlos.find_case(&number).unwrap().section(&JOURNAL);
    let journal = journal.unwrap();
    assert_eq!(
        berger.nahtlos.counting_of(&journal),
        phone.nahtlos.counting_of(&journal)
    );
}

#[test]
fn a_revoked_second_device_opens_nothing_new_and_the_first_reads_on() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let mut phone = second(&world, &mut berger, "Mobile");
    let before = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(all(&world.opens(&phone, &before)), "control");

    let lost = phone.nahtlos.device_fingerprint();
    let ending = berger.nahtlos.device_to_revoke(&lost[..9]).unwrap();
    berger.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    berger.sync();
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    berger.sync();
    let _ = phone.try_sync();
    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    let (old, new) = stored.split_at(before.len());
    assert!(none(&world.opens(&phone, new)), "revoked");
    assert!(all(&world.opens(&phone, old)), "what it had stays");
    assert!(all(&world.opens(&berger, &stored)), "the first reads on");
    let gone = [
        ("".to_owned(), "live", true),
        ("Mobile".to_owned(), "revoked", false),
    ];
    assert_eq!(states(&berger), gone);

    // The person goes on with another one.
    let tablet = second(&world, &mut berger, "Tablet");
    assert_eq!(tablet.journal(&number), berger.journal(&number));
    assert!(none(&world.opens(&phone, new)), "still revoked");
}

#[test]
fn the_second_device_revokes_the_first_and_reads_on() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let mut phone = second(&world, &mut berger, "Mobile");
    let before = world.stored_envelopes(&berger, &number, &JOURNAL).len();
    let lost = berger.nahtlos.device_id().to_string();
    let ending = phone.nahtlos.device_to_revoke(&lost).unwrap();
    phone.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    phone.sync();
    phone.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    phone.sync();
    let _ = berger.try_sync();
    let stored = world.stored_envelopes(&phone, &number, &JOURNAL);
    let (old, new) = stored.split_at(before);
    assert!(none(&world.opens(&berger, new)), "revoked");
    assert!(all(&world.opens(&berger, old)), "control");
    assert!(all(&world.opens(&phone, &stored)));
    let refused = berger.nahtlos.invite_device();
    assert!(
        matches!(refused, Err(ClientError::NoRight { .. })),
        "a revoked device invites none: {refused:?}"
    );
}

#[test]
fn a_device_that_was_never_added_opens_nothing_and_is_served_nothing() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let invitation = invite(&mut berger);
    let mut stranger = world.home("stranger");
    assert_eq!(ask(&world, &mut stranger, &invitation, "Stranger"), None);
    // It asked, and the first device has not synced since.
    assert!(matches!(stranger.try_sync(), Err(ClientError::NotAdmitted)));
    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(none(&world.opens(&stranger, &stored)), "not added");
    let early = stranger.nahtlos.invite_device();
    assert!(matches!(early, Err(ClientError::NotAdmitted)), "{early:?}");
    berger.sync();
    stranger.sync();
    assert!(all(&world.opens(&stranger, &stored)), "control: added");
}

#[test]
fn an_invitation_that_is_unknown_used_or_expired_is_refused_each_by_its_word() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let early = berger.nahtlos.invite_device().unwrap();
    let mut phone = world.home("phone");
    let unknown = ask(&world, &mut phone, &early, "Mobile");
    assert_eq!(unknown, Some(Refusal::InvitationUnknown));
    // The same request again, once the first device has synced.
    berger.sync();
    assert_eq!(ask(&world, &mut phone, &early, "Mobile"), None);
    let mut other = world.home("other");
    let used = ask(&world, &mut other, &early, "Tablet");
    assert_eq!(used, Some(Refusal::InvitationUsed));
    berger.sync();
    phone.sync();

    // Its clock is behind: the relay sees an invitation whose hour is over.
    let behind_ms = 2 * DEVICE_INVITATION_LIFETIME_MS;
    phone
        .nahtlos
        .set_clock(Box::new(move || now_ms() - behind_ms));
    let expired = phone.nahtlos.invite_device().unwrap();
    phone.sync();
    let answer = ask(&world, &mut other, &expired, "Tablet");
    assert_eq!(answer, Some(Refusal::InvitationExpired));
    // It heard the relay's time meanwhile: the next one is good. The refused home may ask again.
    let good = invite(&mut phone);
    assert_eq!(ask(&world, &mut other, &good, "Tablet"), None);
    phone.sync();
    other.sync();
    assert_eq!(other.nahtlos.status().unwrap().enrolment, "enrolled");
}

#[test]
fn a_device_that_is_not_let_in_within_the_hour_asks_anew_with_another_invitation() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let invitation = invite(&mut berger);
    let mut phone = world.home("phone");
    assert_eq!(ask(&world, &mut phone, &invitation, "Mobile"), None);
    // The hour is over when the request has come: somebody who found the text later, and a relay that
    // takes what they send.
    let passed_ms = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&passed_ms);
    let clock = move || now_ms() + clock.load(Ordering::SeqCst);
    berger.nahtlos.set_clock(Box::new(clock));
    let later = |_| passed_ms.store(DEVICE_INVITATION_LIFETIME_MS + 1, Ordering::SeqCst);
    let report = berger.nahtlos.sync(&mut world.transport(), &mut { later });
    let report = report.unwrap();
    assert_eq!(report.admitted, Vec::<String>::new());
    let said = report.notices.join(" ");
    assert!(said.contains("within the hour"), "{said}");
    for _ in 0..2 {
        let said = berger.sync().notices.join(" ");
        assert!(!said.contains("was not added"), "it is said once: {said}");
    }
    assert!(matches!(phone.try_sync(), Err(ClientError::NotAdmitted)));

    let again = invite(&mut berger);
    assert_eq!(ask(&world, &mut phone, &again, "Mobile"), None);
    berger.sync();
    phone.sync();
    assert_eq!(phone.journal(&number), berger.journal(&number));
}

/// The bytes of a request that the relay never saw: it answers an invitation as it should.
fn unsent_request(home: &Home, invitation: &DeviceInvitation) -> Vec<u8> {
    let member = home.nahtlos.admission_to(&invitation.person);
    let sealed = introduction(invitation);
    let request = JoinRequest::of_device(invitation, home.nahtlos.device_id(), &member, sealed);
    request.unwrap().bytes().to_vec()
}

#[test]
fn a_relay_that_takes_two_requests_under_one_invitation_gets_one_device_in() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let invitation = invite(&mut berger);
    let mut phone = world.home("phone");
    let requests = ["thief", "other"].map(|name| unsent_request(&world.home(name), &invitation));
    assert_eq!(ask(&world, &mut phone, &invitation, "Mobile"), None);
    let mut admitted = Vec::new();
    let mut notices = Vec::new();
    // One beside the first, and one once the first is in.
    for request in requests {
        let mut injected = Some(request);
        let report = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut |response| {
            let receipt = response.items.first().map(|item| item.receipt.clone());
            if let Some((receipt, bytes)) = receipt.zip(injected.take()) {
                response.items.push(Item {
                    kind: ItemKind::JoinRequest,
                    bytes,
                    receipt,
                    wraps: Vec::new(),
                });
            }
            Passing::Arrives
        });
        assert!(injected.is_none(), "control: it was served");
        let report = report.unwrap();
        admitted.extend(report.admitted);
        notices.extend(report.notices);
        // Something arrives with the next sync, too.
        phone.sync();
        phone.open_example_case();
        phone.sync();
    }
    assert_eq!(admitted.len(), 1, "{admitted:?}");
    assert!(admitted[0].contains(&phone.nahtlos.device_fingerprint()));
    let second = "another device had answered the same invitation";
    let told = notices.iter().filter(|notice| notice.contains(second));
    assert_eq!(told.count(), 2, "{notices:?}");
    assert_eq!(berger.nahtlos.devices().unwrap().len(), 2);
}

#[test]
fn a_device_whose_admission_was_stored_and_not_answered_is_in_and_nobody_else_comes_by_it() {
    let world = World::new();
    let (mut berger, number) = one_person(&world);
    let invitation = invite(&mut berger);
    let mut phone = world.home("phone");
    assert_eq!(ask(&world, &mut phone, &invitation, "Mobile"), None);
    let broken = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut |response| {
        if response.results.is_empty() {
            Passing::Arrives
        } else {
            Passing::Breaks
        }
    });
    assert!(broken.is_err(), "control: the line broke");
    let report = berger.sync();
    assert_eq!(report.notices, Vec::<String>::new());
    phone.sync();
    assert_eq!(phone.journal(&number), berger.journal(&number));
    assert_eq!(berger.nahtlos.devices().unwrap().len(), 2);
    let status = berger.nahtlos.status().unwrap();
    assert_eq!(status.open_invitations, Vec::<String>::new());
}

/// A device's introduction, sealed for who invited it.
fn introduction(invitation: &DeviceInvitation) -> Vec<u8> {
    let key = derive(&invitation.seed, label::INTRODUCTION, &[]);
    let json = br#"{"name":"Mobile","function":""}"#;
    let sealed = committing_aead::seal(&key, &[1; 32], label::INTRODUCTION, b"", json).unwrap();
    [[1; 32].as_slice(), &sealed.commitment, &sealed.ciphertext].concat()
}

/// What somebody with a modified program sends under an invitation.
struct Forged<'a> {
    invitation: &'a DeviceInvitation,
    device: DeviceId,
    carried: Vec<Vec<u8>>,
}

impl Forged<'_> {
    /// Sends it as the relay takes it, and returns what the inviting device says of it.
    fn answered_with(self, world: &World, inviter: &mut Home) -> String {
        let request = JoinRequest::sign(
            &self.invitation.as_invitation(),
            SpaceId(self.device.0),
            self.carried,
            introduction(self.invitation),
        );
        let answer = world
            .transport()
            .post(JOIN_PATH, None, request.unwrap().bytes());
        assert_eq!(answer.unwrap().status, 200, "the relay cannot tell");
        let report = inviter.sync();
        assert_eq!(report.admitted, Vec::<String>::new());
        report.notices.join(" ")
    }
}

fn encoded(member: &Member) -> Vec<u8> {
    nahtlos_protocol::codec::encode(member)
}

#[test]
fn somebody_elses_device_a_forged_consent_and_a_newcomer_in_its_place_are_not_let_in() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
    let stranger = world.home("stranger");
    let person = berger.nahtlos.identity().person.unwrap();
    let team = berger.nahtlos.identity().team.unwrap();
    let devices = berger.nahtlos.devices().unwrap().len();
    let id = stranger.nahtlos.device_id();
    let agreed = encoded(&stranger.nahtlos.admission_to(&person));
    let elsewhere = encoded(&stranger.nahtlos.admission_to(&team));
    let colleague = encoded(&keller.nahtlos.admission_to(&person));
    let unknown = DeviceSeed::from_secret(Secret32::from_bytes([9; 32])).keys();
    let unknown = DeviceId(unknown.public_keys().device_id());
    let space = encoded(&Member::Space { id: person });
    let forgeries = [
        (unknown, vec![agreed.clone()], "another device"),
        (id, vec![elsewhere], "did not agree"),
        (id, vec![space], "does not hold a device's keys"),
        (id, vec![], "does not hold a device's keys"),
        (id, vec![agreed.clone(), agreed.clone()], "does not hold"),
        (
            keller.nahtlos.device_id(),
            vec![colleague],
            "a device of Eva Keller",
        ),
    ];
    for (device, carried, reason) in forgeries {
        let invitation = &invite(&mut berger);
        let forged = Forged {
            invitation,
            device,
            carried,
        };
        let said = forged.answered_with(&world, &mut berger);
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(said.contains("nahtlos device add"), "{said}");
    }
    assert_eq!(berger.nahtlos.devices().unwrap().len(), devices);

    // Under an invitation to a team a device is no person.
    let invited = berger.nahtlos.invite_person(&team, Role::Write, "Nina Neu");
    let invited = invited.unwrap();
    berger.sync();
    let pretended = DeviceInvitation {
        url: invited.url.clone(),
        relay: invited.relay,
        network: invited.network,
        person: invited.inviting,
        institution: invited.guardian.unwrap(),
        team,
        seed: invited.seed.clone(),
    };
    let forged = Forged {
        invitation: &pretended,
        device: id,
        carried: vec![encoded(&stranger.nahtlos.admission_to(&team))],
    };
    let said = forged.answered_with(&world, &mut berger);
    assert!(said.contains("is not valid"), "{said}");
    assert_eq!(berger.nahtlos.devices().unwrap().len(), devices);

    // Control: the same device, asking as it should.
    let invitation = invite(&mut berger);
    let mut stranger = stranger;
    assert_eq!(ask(&world, &mut stranger, &invitation, "Mobile"), None);
    assert_eq!(berger.sync().admitted.len(), 1);
}

#[test]
fn a_person_who_answers_an_invitation_of_a_device_founds_nobody() {
    let world = World::new();
    let (mut berger, _) = one_person(&world);
    let devices = berger.nahtlos.devices().unwrap().len();
    let invitation = invite(&mut berger);
    let mut nina = world.home("nina");
    let introduction = nahtlos_client::Introduction {
        name: "Nina Neu".into(),
        function: "coach".into(),
    };
    nina.nahtlos
        .join_as_person(
            &mut world.transport(),
            &invitation.as_invitation(),
            &introduction,
        )
        .unwrap();
    let report = berger.sync();
    assert_eq!(report.admitted, Vec::<String>::new());
    let said = report.notices.join(" ");
    assert!(said.contains("does not hold a device's keys"), "{said}");
    assert!(matches!(nina.try_sync(), Err(ClientError::NotAdmitted)));
    assert_eq!(berger.nahtlos.devices().unwrap().len(), devices);
}
