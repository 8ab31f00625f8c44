//! Keys of a branch that a relay lost. Once the branch is carried back, who may read today reads what
//! was sealed under them, also who came afterwards or was never given them; nobody else does.

use nahtlos_casework::SectionKind;
use nahtlos_client::Transport as _;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::rotation::Rotation;
use nahtlos_client::share::Terms;
use nahtlos_protocol::crypto::wrap::HYBRID_WRAP_BYTES;
use nahtlos_protocol::identifier::{KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::effect::{Recipient, WrapMethod};
use nahtlos_protocol::space::recipients::wrap_hash;
use nahtlos_protocol::space::{Effect, Role, Wrap};
use nahtlos_protocol::wire::{PushItem, SYNC_PATH, Status, SyncRequest, SyncResponse, VerdictCode};
use nahtlos_protocol::{PROTOCOL_VERSION, codec};
use nahtlos_tests::{Home, Passing, World, note};

const JOURNAL: SectionKind = SectionKind::Journal;
const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const SOCIAL_TEAM: &str = "Sozialdienst Langnau Team 1";

/// Berger and her colleagues Keller and Moser manage a journal; Iseli's team reads it.
struct Office {
    world: World,
    berger: Home,
    keller: Home,
    moser: Home,
    iseli: Home,
    aebi: Home,
    number: String,
    journal: SpaceId,
}

fn office() -> Office {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let aebi = world.institution(
        &mut berger,
        "aebi",
        "Lea Aebi",
        "Sozialdienst Langnau",
        "sozialhilfe",
    );
    let mut keller = world.colleague(&mut berger, "keller", "Rita Keller", Role::Manage);
    let mut moser = world.colleague(&mut berger, "moser", "Urs Moser", Role::Manage);
    let number = berger.open_example_case();
    for kind in [SectionKind::Core, JOURNAL] {
        berger.share(&number, &kind, IV_TEAM, Role::Read, "AVG35a1");
    }
    for home in [&mut berger, &mut keller, &mut moser, &mut iseli] {
        home.sync();
    }
    let case = berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&JOURNAL).unwrap();
    Office {
        world,
        berger,
        keller,
        moser,
        iseli,
        aebi,
        number,
        journal,
    }
}

fn begin_epoch(world: &World, home: &mut Home, space: SpaceId) {
    let rotation = Rotation::Spaces(vec![space]);
    let mut transport = world.transport();
    let rotated = home
        .nahtlos
        .rotate_now(&mut transport, &rotation, &mut |_| {});
    assert_eq!(rotated.unwrap().keys.rotated, 1);
}

impl Office {
    /// The relay forgets what `on_the_lost_branch` does, and `on_the_other` takes its place. Returns the
    /// journal's key on the lost branch.
    fn fork(
        &mut self,
        on_the_lost_branch: impl FnOnce(&mut Self),
        on_the_other: impl FnOnce(&mut Self),
    ) -> KeyId {
        let backup = self.world.back_up_relay();
        on_the_lost_branch(self);
        let lost = self.berger.nahtlos.epoch_in(&self.journal).unwrap();
        self.world.go_back_to(&backup);
        on_the_other(self);
        assert_ne!(self.moser.nahtlos.epoch_in(&self.journal), Some(lost));
        lost
    }

    fn sync_all(&mut self) {
        for _ in 0..3 {
            for home in [
                &mut self.berger,
                &mut self.keller,
                &mut self.moser,
                &mut self.iseli,
                &mut self.aebi,
            ] {
                home.sync();
            }
        }
    }

    /// Berger begins a key of the journal and writes under it.
    fn write_under_a_new_key(&mut self) {
        begin_epoch(&self.world, &mut self.berger, self.journal);
        self.berger
            .nahtlos
            .edit_case(&self.number, &[note(1)])
            .unwrap();
        self.berger.sync();
    }

    fn begin_another_key(&mut self) {
        begin_epoch(&self.world, &mut self.moser, self.journal);
    }

    fn holds(&self, home: &Home, key: &KeyId) -> bool {
        home.nahtlos.holds_seed(&self.journal, key)
    }

    fn grant_social_team_from_now(&mut self, by_moser: bool) {
        let home = if by_moser {
            &mut self.moser
        } else {
            &mut self.berger
        };
        let case = home.nahtlos.find_case(&self.number).unwrap();
        let directory = home.nahtlos.directory().unwrap();
        let team = directory.find_team(SOCIAL_TEAM).unwrap();
        let granted = home.nahtlos.grant(
            &case,
            &JOURNAL,
            &team,
            &Terms::new(Role::Read, "SHG8").from_now(),
        );
        granted.unwrap();
        home.sync();
    }
}

/// Two hold the lost key, and one link is made.
#[test]
fn who_joins_after_the_branch_was_carried_back_reads_what_was_sealed_on_it() {
    let mut office = office();
    let lost = office.fork(
        |office| {
            office.write_under_a_new_key();
            office.keller.sync();
        },
        Office::begin_another_key,
    );
    assert!(office.holds(&office.berger, &lost) && office.holds(&office.keller, &lost));
    assert!(!office.holds(&office.moser, &lost), "control: never given");
    office.sync_all();
    assert_eq!(
        office.berger.nahtlos.links_supplied(&office.journal),
        [lost],
        "once"
    );
    let newcomer = office
        .world
        .colleague(&mut office.berger, "neu", "Nina Neu", Role::Read);
    let expected = office.berger.journal(&office.number);
    assert!(
        expected.iter().any(|line| line.contains(": entry 1")),
        "{expected:?}"
    );
    for home in [&newcomer, &office.moser, &office.keller, &office.iseli] {
        assert!(office.holds(home, &lost));
        assert_eq!(home.journal(&office.number), expected);
    }
    // The next key leads back through the present one: nothing is supplied again.
    office.begin_another_key();
    office.sync_all();
    assert_eq!(
        office.berger.nahtlos.links_supplied(&office.journal).len(),
        1
    );
}

/// Berger's device never comes back; of those who are left, one who only reads holds the key.
#[test]
fn a_reader_who_holds_a_lost_key_supplies_the_link() {
    let mut office = office();
    let lost = office.fork(
        |office| {
            office.write_under_a_new_key();
            office.iseli.sync();
        },
        Office::begin_another_key,
    );
    for _ in 0..2 {
        office.iseli.sync();
        office.moser.sync();
    }
    assert!(office.holds(&office.moser, &lost));
    let notes = office.moser.journal(&office.number);
    assert!(
        notes.iter().any(|line| line.contains(": entry 1")),
        "{notes:?}"
    );
}

#[test]
fn who_was_removed_on_the_lost_branch_gets_none_of_its_keys() {
    let mut office = office();
    let iv = office.iseli.nahtlos.identity().team.unwrap();
    let lost = office.fork(
        |office| {
            let ending = Ending::Member(office.journal, iv);
            office
                .berger
                .nahtlos
                .end(&ending, Reason::BasisEnded)
                .unwrap();
            office.berger.sync();
            office.write_under_a_new_key();
        },
        Office::begin_another_key,
    );
    office.iseli.sync();
    let wrapped_to_iseli = office.moser.nahtlos.epoch_in(&office.journal).unwrap();
    assert!(
        office.holds(&office.iseli, &wrapped_to_iseli),
        "control: on the other branch they read on"
    );
    office.sync_all();
    let edit = office.berger.nahtlos.edit_case(&office.number, &[note(2)]);
    edit.unwrap();
    office.sync_all();
    let newcomer = office
        .world
        .colleague(&mut office.berger, "neu", "Nina Neu", Role::Read);
    office.sync_all();
    let current = office.berger.nahtlos.epoch_in(&office.journal).unwrap();
    assert_ne!(current, wrapped_to_iseli);
    for key in [lost, current] {
        assert!(office.holds(&newcomer, &key), "control");
        assert!(!office.holds(&office.iseli, &key));
    }
}

#[test]
fn who_is_let_in_from_now_on_gets_no_key_of_a_branch_that_was_carried_back() {
    let mut office = office();
    let lost = office.fork(Office::write_under_a_new_key, Office::begin_another_key);
    office.sync_all();
    assert!(office.holds(&office.moser, &lost), "control: it is linked");
    office.grant_social_team_from_now(false);
    office.sync_all();
    let current = office.berger.nahtlos.epoch_in(&office.journal).unwrap();
    assert!(office.holds(&office.aebi, &current), "control");
    assert!(!office.holds(&office.aebi, &lost));
}

/// On the branch that stands somebody was let in from now on: a link from there on would lead them to
/// what was written before. Nobody makes one; who reads from the beginning is given the lost key itself.
#[test]
fn across_a_cut_since_the_fork_a_lost_key_goes_to_who_reads_from_the_beginning_and_not_to_the_newcomer()
 {
    let mut office = office();
    let lost = office.fork(Office::write_under_a_new_key, |office| {
        office.grant_social_team_from_now(true);
    });
    office.sync_all();
    let edit = office.berger.nahtlos.edit_case(&office.number, &[note(2)]);
    edit.unwrap();
    office.sync_all();
    let current = office.berger.nahtlos.epoch_in(&office.journal).unwrap();
    assert!(office.holds(&office.aebi, &current), "control");
    let links = office.berger.nahtlos.links_supplied(&office.journal);
    assert!(!links.contains(&lost));
    let newcomer = office
        .world
        .colleague(&mut office.berger, "neu", "Nina Neu", Role::Read);
    let expected = office.berger.journal(&office.number);
    for entry in [": entry 1", ": entry 2"] {
        assert!(expected.iter().any(|line| line.contains(entry)));
    }
    for home in [&office.moser, &office.keller, &office.iseli, &newcomer] {
        assert!(office.holds(home, &lost));
        assert_eq!(home.journal(&office.number), expected);
    }
    assert!(!office.holds(&office.aebi, &lost));
    // Each team once, also after the next key.
    let team = |home: &Home| home.nahtlos.identity().team.unwrap();
    let mut to = [&office.berger, &office.iseli].map(|home| (lost, RecipientId::from(team(home))));
    to.sort_unstable();
    office.begin_another_key();
    office.sync_all();
    let supplied = |home: &Home| home.nahtlos.cut_off_keys_supplied(&office.journal);
    assert_eq!(supplied(&office.moser), to);
    // A program that asks nobody wraps it to the newcomers: the relay refuses that.
    let aebi = team(&office.aebi);
    let bytes = vec![7; HYBRID_WRAP_BYTES];
    let recipient = Recipient {
        id: aebi.into(),
        key: office.berger.nahtlos.epoch_in(&aebi).unwrap(),
        method: WrapMethod::Hybrid,
        wrap: wrap_hash(&bytes),
    };
    let effect = Effect::Wrap {
        key_id: lost,
        recipients: vec![recipient],
        suspended: Vec::new(),
    };
    let wrap = Wrap {
        recipient: aebi.into(),
        bytes,
    };
    let answer = push_forbidden(&office, &office.berger, effect, wrap);
    assert_eq!(answer, (Status::Rejected, Some(VerdictCode::NotExact)));
}

/// The relay's word on an operation of the journal that a program signed which keeps to no rule.
fn push_forbidden(
    office: &Office,
    home: &Home,
    effect: Effect,
    wrap: Wrap,
) -> (Status, Option<VerdictCode>) {
    let operation = home
        .nahtlos
        .forbidden_operation(&office.journal, vec![effect]);
    let request = SyncRequest {
        version: PROTOCOL_VERSION,
        cursor: 0,
        journal_mark: None,
        push: vec![PushItem::Operation {
            bytes: operation.unwrap(),
            wraps: vec![wrap],
            receipt: None,
        }],
        max_bytes: 1,
    };
    let token = home.nahtlos.request_token();
    let mut transport = office.world.transport();
    let answer = transport.post(SYNC_PATH, token.as_deref(), &codec::encode(&request));
    let answer: SyncResponse = codec::decode(&answer.unwrap().body, 1 << 25).unwrap();
    (answer.results[0].status, answer.results[0].code)
}

/// While the branch was lost, somebody was let in from now on, and Iseli's team was removed.
#[test]
fn across_a_cut_who_was_removed_is_not_given_a_lost_key() {
    let mut office = office();
    let lost = office.fork(Office::write_under_a_new_key, |office| {
        office.grant_social_team_from_now(true);
        let iv = office.iseli.nahtlos.identity().team.unwrap();
        let ending = Ending::Member(office.journal, iv);
        let moser = &mut office.moser;
        moser.nahtlos.end(&ending, Reason::BasisEnded).unwrap();
        moser.sync();
    });
    office.sync_all();
    assert!(office.holds(&office.moser, &lost), "control");
    for home in [&office.iseli, &office.aebi] {
        assert!(!office.holds(home, &lost));
    }
}

/// On the lost branch Iseli's team was removed: carried back, that makes the present key stale, which
/// Iseli holds. Nobody writes, and yet nobody waits for the lost key for ever.
#[test]
fn a_stale_section_gets_a_new_key_before_a_lost_one_is_linked() {
    let mut office = office();
    let lost = office.fork(
        |office| {
            let berger = &mut office.berger;
            let case = berger.nahtlos.find_case(&office.number).unwrap();
            let directory = berger.nahtlos.directory().unwrap();
            let team = directory.find_team(IV_TEAM).unwrap();
            let ending = berger.nahtlos.withdrawal(&case, &JOURNAL, &team);
            let ending = ending.unwrap();
            berger.nahtlos.end(&ending, Reason::BasisEnded).unwrap();
            berger.sync();
            berger
                .nahtlos
                .edit_case(&office.number, &[note(1)])
                .unwrap();
            berger.sync();
        },
        |office| {
            office.begin_another_key();
            office.iseli.sync();
        },
    );
    let stale = office.moser.nahtlos.epoch_in(&office.journal).unwrap();
    assert!(office.holds(&office.iseli, &stale), "control");
    office.sync_all();
    let newest = office.moser.nahtlos.epoch_in(&office.journal).unwrap();
    assert_ne!(newest, stale);
    for home in [&office.moser, &office.keller] {
        assert!(office.holds(home, &lost));
        let notes = home.journal(&office.number);
        assert!(
            notes.iter().any(|line| line.contains(": entry 1")),
            "{notes:?}"
        );
    }
    for key in [lost, newest] {
        assert!(!office.holds(&office.iseli, &key));
    }
}

/// Both of Iseli's team hold the lost branch; on the other one their team is removed. One joins the two,
/// and the other is not served that: there is nothing left for them to do.
#[test]
fn who_lost_the_section_does_not_try_for_ever_to_join_what_a_colleague_has_joined() {
    let mut office = office();
    let iseli = &mut office.iseli;
    let mut huber = office
        .world
        .colleague(iseli, "huber", "Rosa Huber", Role::Write);
    office.fork(
        |office| {
            office.write_under_a_new_key();
            office.iseli.sync();
            huber.sync();
        },
        |office| {
            let iv = office.iseli.nahtlos.identity().team.unwrap();
            let ending = Ending::Member(office.journal, iv);
            let moser = &mut office.moser;
            moser.nahtlos.end(&ending, Reason::BasisEnded).unwrap();
            moser.sync();
        },
    );
    office.iseli.sync();
    let is_operation = |item: &PushItem| {
        let offered = nahtlos_tests::is_offered_again(item);
        matches!(item, PushItem::Operation { .. }) && !offered
    };
    let (_, pushed) = huber.sync_and_list_pushed(&office.world);
    let tried = pushed.iter().filter(|item| is_operation(item)).count();
    assert_eq!(tried, 1, "once");
    let (idle, pushed) = huber.sync_and_list_pushed(&office.world);
    assert_eq!((idle.requests, pushed.len()), (1, 0));
    let forks = huber.nahtlos.forks().unwrap();
    assert!(
        forks.iter().any(|fork| fork.sentence.contains("not serve")),
        "{forks:?}"
    );
    office.sync_all();
    assert!(
        office.moser.nahtlos.forks().unwrap().is_empty(),
        "control: it is joined"
    );
}

/// Keller's device received what was written under the lost key, and not yet the key. While the branch
/// is lost, no log here names the key that it is sealed under.
#[test]
fn what_waited_for_a_key_whose_branch_was_lost_is_read_once_it_is_carried_back() {
    let mut office = office();
    let lost = office.fork(
        |office| {
            office.write_under_a_new_key();
            let mut without_keys = |answer: &mut SyncResponse| {
                answer.items.iter_mut().for_each(|item| item.wraps.clear());
                Passing::Arrives
            };
            let (keller, world) = (&mut office.keller, &office.world);
            let synced = keller.sync_over(world, &mut |_| Passing::Arrives, &mut without_keys);
            assert_eq!(synced.unwrap().held.len(), 1, "control: it waits");
        },
        Office::begin_another_key,
    );
    let report = office.keller.sync();
    assert_eq!(report.operations_delivered, 1, "they carry it back");
    assert!(!office.holds(&office.keller, &lost), "control: no key yet");
    office.sync_all();
    assert!(office.holds(&office.keller, &lost));
    let expected = office.berger.journal(&office.number);
    assert!(expected.iter().any(|line| line.contains(": entry 1")));
    assert_eq!(office.keller.journal(&office.number), expected);
}

/// Two restores. Berger's six keys are carried back by somebody who has only those; what Berger's device
/// holds after them has a place that is free, and can stand there no more.
#[test]
fn what_came_after_a_branch_that_others_carried_back_is_carried_back_too() {
    let mut office = office();
    let backup = office.world.back_up_relay_marked();
    office.begin_another_key();
    office.iseli.sync();
    office.world.go_back_to(&backup);
    for _ in 0..6 {
        begin_epoch(&office.world, &mut office.berger, office.journal);
    }
    office.keller.sync();
    office.moser.sync();
    let healed = office.moser.nahtlos.log_head(&office.journal).unwrap();
    office.write_under_a_new_key();
    let head = office.berger.nahtlos.log_head(&office.journal).unwrap();
    assert!(
        head.index > healed.index,
        "control: it goes on after a heal"
    );

    office.world.go_back_to(&backup);
    office.iseli.sync();
    office.keller.sync();
    let carried = office.keller.nahtlos.log_head(&office.journal).unwrap();
    assert!(carried.index < healed.index, "control: its place is free");
    office.berger.sync();
    assert_eq!(office.berger.nahtlos.forks().unwrap(), []);
    office.sync_all();
    let head = office.berger.nahtlos.log_head(&office.journal);
    let expected = office.berger.journal(&office.number);
    assert!(expected.iter().any(|line| line.contains(": entry 1")));
    for home in [&office.keller, &office.moser, &office.iseli] {
        assert_eq!(home.nahtlos.forks().unwrap(), []);
        assert_eq!(home.nahtlos.log_head(&office.journal), head);
        assert_eq!(home.journal(&office.number), expected);
    }
}

/// The relay forgets that the journal was shared with a second team, and a key that was made for it. A
/// device of that team has the key, and nothing else of the journal.
#[test]
fn a_breach_report_lists_what_only_a_lost_branch_let_a_device_open() {
    let mut office = office();
    let south = office.berger.nahtlos.found_team("Team Süd").unwrap();
    office.berger.sync();
    let invited = office
        .berger
        .nahtlos
        .invite_person(&south, Role::Read, "Sommer");
    let invitation = invited.unwrap();
    office.berger.sync();
    let mut sommer = office.world.home("sommer");
    let introduction = nahtlos_client::Introduction {
        name: "Eva Sommer".into(),
        function: "coach".into(),
    };
    let mut transport = office.world.transport();
    sommer
        .nahtlos
        .join_as_person(&mut transport, &invitation, &introduction)
        .unwrap();
    office.berger.sync();
    sommer.sync();
    office.sync_all();
    let device = sommer.nahtlos.device_id().to_string();
    let listed = |home: &Home, journal: &SpaceId| {
        let report = home.nahtlos.breach_report(Some(&device)).unwrap();
        let mut sections = report.sections.into_iter();
        sections.find(|one| one.space == journal.to_string())
    };
    assert!(listed(&office.berger, &office.journal).is_none(), "control");

    let lost = office.fork(
        |office| {
            office
                .berger
                .share(&office.number, &JOURNAL, "Team Süd", Role::Read, "AVG35a1");
            office.write_under_a_new_key();
            sommer.sync();
        },
        Office::begin_another_key,
    );
    assert!(office.holds(&sommer, &lost));
    office.sync_all();
    office
        .moser
        .nahtlos
        .edit_case(&office.number, &[note(2)])
        .unwrap();
    office.sync_all();
    let stored = office
        .world
        .stored_envelopes(&office.berger, &office.number, &JOURNAL);
    let opens = office.world.opens(&sommer, &stored);
    assert!(
        opens.contains(&true),
        "control: it opens what was sealed there"
    );
    assert_eq!(opens.last(), Some(&false), "control: and nothing newer");
    // Moser never had the branch itself: it came to him in the log that carries it.
    for home in [&office.berger, &office.moser] {
        let section = listed(home, &office.journal).expect("a section it can open");
        assert_eq!(section.reach.role, None, "what was granted there waits");
        let closed = section.reach.new_key_since.expect("a key it has no way to");
        assert!(section.reach.since < closed, "{section:?}");
        assert!(section.reach.content_since < closed, "{section:?}");
    }
}

/// Iseli's team lost the journal, and Iseli erases his copy: with it goes the key that only a lost branch gave him.
#[test]
fn who_erases_their_copy_keeps_no_key_of_a_branch_that_was_carried_back() {
    let mut office = office();
    let lost = office.fork(
        |office| {
            office.write_under_a_new_key();
            office.iseli.sync();
        },
        Office::begin_another_key,
    );
    office.sync_all();
    let kept = |home: &Home| {
        let seeds = home.nahtlos.stored_seeds();
        seeds.iter().any(|seed| KeyId(seed.key_id()) == lost)
    };
    assert!(kept(&office.iseli), "control");
    let case = office.berger.nahtlos.find_case(&office.number).unwrap();
    let directory = office.berger.nahtlos.directory().unwrap();
    let team = directory.find_team(IV_TEAM).unwrap();
    let ending = office.berger.nahtlos.withdrawal(&case, &JOURNAL, &team);
    let ended = office
        .berger
        .nahtlos
        .end(&ending.unwrap(), Reason::ConsentWithdrawn);
    ended.unwrap();
    office.sync_all();
    let copies = office.iseli.nahtlos.lost_sections().unwrap();
    let copy = copies.iter().find(|one| one.section == JOURNAL.code());
    let erased = office.iseli.nahtlos.erase_lost(&copy.unwrap().space);
    erased.unwrap();
    assert!(!kept(&office.iseli));
    assert!(kept(&office.berger), "control: who may read keeps it");
}
