//! Twelve lies of a relay, each told to the real program by a relay that has the relay's own key: what
//! comes of it, and the sentence that a person reads. Nothing is applied that should not be, nothing is
//! lost, and nobody new can read. (A thirteenth way to notice, a bundle handed over by other means, is in
//! `bundles.rs`.)

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use nahtlos_casework::SectionKind;
use nahtlos_client::audit::KeyTrial;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{
    DeviceId, GrantId, ItemId, SignatureBytes, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::effect::{DeviceKeys, History, Member};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_protocol::wire::{Item, ItemKind, PushItem, Status, SyncResponse};
use nahtlos_tests::liar::{Liar, receipt};
use nahtlos_tests::scene::{IV_TEAM, scene};
use nahtlos_tests::{Home, PASSPHRASE, World, note};

/// Three people at one journal, and a relay that lies: see [`nahtlos_tests::scene::Scene`].
struct Stage {
    world: World,
    liar: Liar,
    homes: BTreeMap<&'static str, Home>,
    number: String,
    journal: SpaceId,
    passphrase: PathBuf,
}

/// What a command said, on both outputs, and how it ended.
#[derive(Debug)]
struct Said {
    exit: i32,
    text: String,
}

impl Said {
    #[track_caller]
    fn says(&self, sentence: &str) -> &Self {
        assert!(
            self.text.contains(sentence),
            "{sentence}\n---\n{}",
            self.text
        );
        self
    }
}

fn stage() -> Stage {
    let scene = scene();
    let mut world = scene.world;
    let passphrase = world.directory.path().join("passphrase");
    std::fs::write(&passphrase, PASSPHRASE).unwrap();
    std::fs::set_permissions(&passphrase, Permissions::from_mode(0o600)).unwrap();
    let liar = Liar::instead_of_the_relay_of(&mut world);
    Stage {
        world,
        liar,
        homes: BTreeMap::from([
            ("berger", scene.berger),
            ("iseli", scene.iseli),
            ("keller", scene.keller),
        ]),
        number: scene.number,
        journal: scene.journal,
        passphrase,
    }
}

impl Stage {
    fn home(&mut self, name: &str) -> &mut Home {
        self.homes.get_mut(name).unwrap()
    }

    fn device(&self, name: &str) -> DeviceId {
        self.homes[name].nahtlos.device_id()
    }

    fn journal(&self, name: &str) -> Vec<String> {
        self.homes[name].journal(&self.number)
    }

    fn types(&mut self, name: &str, number: u64) {
        let case = self.number.clone();
        let nahtlos = &mut self.home(name).nahtlos;
        nahtlos.edit_case(&case, &[note(number)]).unwrap();
    }

    /// The real program with a device's home.
    fn runs(&mut self, name: &'static str, words: &[&str]) -> Said {
        drop(self.homes.remove(name));
        let output = Command::new(env!("CARGO_BIN_EXE_story-nahtlos"))
            .args(words)
            .env("NAHTLOS_HOME", self.world.directory.path().join(name))
            .env("NAHTLOS_PASSPHRASE_FILE", &self.passphrase)
            .env_remove("NAHTLOS_PASSPHRASE_COMMAND")
            .env_remove("NAHTLOS_TLS_CA")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        self.homes.insert(name, self.world.reopen(name));
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("panicked"), "{text}");
        Said {
            exit: output.status.code().unwrap(),
            text,
        }
    }

    /// Honest again, all come to the same.
    fn heals(&mut self) {
        self.liar.is_honest();
        for _ in 0..2 {
            for name in ["berger", "iseli", "keller"] {
                self.home(name).sync();
            }
        }
        for name in ["iseli", "keller"] {
            assert_eq!(self.journal(name), self.journal("berger"), "{name}");
        }
        for home in self.homes.values() {
            assert_eq!(home.nahtlos.status().unwrap().undelivered_edits, 0);
        }
    }

    /// Whether a section of the case opens here.
    fn shows(&self, name: &str, kind: &SectionKind) -> bool {
        let nahtlos = &self.homes[name].nahtlos;
        let case = nahtlos.find_case(&self.number).unwrap();
        nahtlos.section_document(&case, kind).is_ok()
    }

    /// The journal's grants as a device knows them.
    fn grants(&self, name: &str) -> Vec<String> {
        let grants = self.homes[name].nahtlos.grants_of(&self.journal);
        let lines = grants.iter();
        lines
            .map(|grant| format!("{:?} {:?}", grant.member, grant.role))
            .collect()
    }

    /// When a device last heard of an institution.
    fn heard(&self, name: &str, institution: &str) -> Option<u64> {
        let status = self.homes[name].nahtlos.status().unwrap();
        let mut heard = status.institutions_heard.iter();
        heard
            .find(|one| one.name == institution)
            .unwrap()
            .heard_at_ms
    }

    /// The advice, followed: nothing is held any more.
    fn forgets_what_was_forged(&mut self, name: &'static str) {
        self.liar.is_honest();
        let again = self.runs(name, &["sync", "--all"]);
        assert_eq!(again.exit, 0, "{again:?}");
        let status = self.runs(name, &["status"]);
        assert_nothing_wrong(&status);
    }

    /// Which envelopes of the journal the relay's own device could open, every wrap in its hands.
    fn relay_opens(&self) -> usize {
        let envelopes =
            self.world
                .stored_envelopes(&self.homes["berger"], &self.number, &SectionKind::Journal);
        let trial = self.world.with_all_wraps(KeyTrial::of_device(FORGER));
        envelopes.iter().filter(|one| trial.opens(one)).count()
    }
}

/// `status` shows no sign of anything.
#[track_caller]
fn assert_nothing_wrong(status: &Said) {
    assert_eq!(status.exit, 0, "{status:?}");
    assert!(!status.text.contains("! "), "{}", status.text);
    status.says("held             0");
}

const FORGED: &str = "1 item could not be delivered or applied; one of them is not signed by who it names: \
                      forged, or altered on the way; it was not applied.";
const FORGED_NEXT: &str = "Run `nahtlos sync --all`: it forgets what is not signed and asks for everything \
                           again. If this comes back, tell the relay's operator.";

/// The seed of a device that the relay made up.
const FORGER: [u8; 32] = [0x5a; 32];

fn forger() -> nahtlos_protocol::crypto::device_key::DeviceKeys {
    DeviceSeed::from_secret(Secret32::from_bytes(FORGER)).keys()
}

/// What the relay made of an operation, under the name of its author, with a receipt.
fn forged(
    answer: &mut SyncResponse,
    key: &SigningKey,
    model: &SignedOperation,
    effects: Vec<Effect>,
) {
    let mut body = model.operation().clone();
    body.index += 1;
    body.previous = Some(model.id());
    body.effects = effects;
    let operation = SignedOperation::sign(body, &forger().signing);
    let id = ItemId::from(operation.id());
    answer.items.push(Item {
        kind: ItemKind::Operation,
        bytes: operation.bytes().to_vec(),
        receipt: receipt(
            key,
            answer.journal_mark.journal,
            answer.journal_mark.sequence,
            id,
        ),
        wraps: Vec::new(),
    });
}

/// The newest operation of the journal's log.
fn newest(stage: &Stage) -> SignedOperation {
    let database = stage.world.relay_directory().join("relay.sqlite");
    let connection = rusqlite::Connection::open(database).unwrap();
    let bytes: Vec<u8> = connection
        .query_row(
            "SELECT body.bytes FROM journal JOIN body USING (sequence) \
             WHERE kind = 1 AND space = ?1 ORDER BY log_index DESC LIMIT 1",
            [stage.journal.0.as_slice()],
            |row| row.get(0),
        )
        .unwrap();
    SignedOperation::decode(&bytes).unwrap()
}

#[test]
fn lie_01_a_swapped_key() {
    let mut stage = stage();
    let number = stage.number.clone();
    stage
        .home("berger")
        .share(&number, &SectionKind::Plan, IV_TEAM, Role::Write, "AVG35a1");
    stage.home("berger").sync();
    let iseli = stage.device("iseli");
    stage.liar.lies_to(iseli, |_, answer| {
        for wrap in answer.items.iter_mut().flat_map(|item| &mut item.wraps) {
            wrap.bytes.reverse();
        }
    });
    let said = stage.runs("iseli", &["sync"]);
    let status = stage.runs("iseli", &["status"]);
    let doctor = stage.runs("iseli", &["doctor"]);
    assert_eq!((said.exit, doctor.exit), (3, 1));
    said.says("1 item is held here, nothing of it is lost: see `nahtlos held`.");
    status.says("it waits for a key from a colleague's device");
    status.says("`nahtlos sync --all` asks again for what is missing.");
    doctor.says("NOT OK");
    assert!(!stage.shows("iseli", &SectionKind::Plan));
    stage.liar.is_honest();
    let again = stage.runs("iseli", &["sync", "--all"]);
    assert_eq!(again.exit, 0, "{again:?}");
    assert!(
        stage.shows("iseli", &SectionKind::Plan),
        "the right one came"
    );
    stage.heals();
}

#[test]
fn lie_02_a_replayed_envelope() {
    let mut stage = stage();
    stage.types("berger", 1);
    stage.home("berger").sync();
    stage.home("iseli").sync();
    let before = stage.journal("iseli");
    let old =
        stage
            .world
            .stored_envelopes(&stage.homes["berger"], &stage.number, &SectionKind::Journal);
    let (iseli, key) = (stage.device("iseli"), stage.liar.key());
    stage.liar.lies_to(iseli, move |_, answer| {
        for envelope in old.iter().chain(&old) {
            let mark = answer.journal_mark;
            answer.items.push(Item {
                kind: ItemKind::Envelope,
                bytes: envelope.bytes().to_vec(),
                receipt: receipt(&key, mark.journal, mark.sequence, envelope.id().into()),
                wraps: Vec::new(),
            });
        }
    });
    let said = stage.runs("iseli", &["sync"]);
    let status = stage.runs("iseli", &["status"]);
    // Harmless: it is recognised, and there is nothing to say.
    assert_eq!(said.exit, 0, "{said:?}");
    said.says("received           0 edits");
    assert_nothing_wrong(&status);
    assert_eq!(stage.journal("iseli"), before);
    stage.heals();
}

#[test]
fn lie_03_a_reordered_feed() {
    let mut stage = stage();
    for number in 1..6 {
        stage.types("berger", number);
        stage.home("berger").sync();
    }
    let iseli = stage.device("iseli");
    stage
        .liar
        .lies_to(iseli, |_, answer| answer.items.reverse());
    let said = stage.runs("iseli", &["sync", "--all"]);
    let status = stage.runs("iseli", &["status"]);
    // Harmless: everything finds its place.
    assert_eq!(said.exit, 0, "{said:?}");
    said.says("received           5 edits");
    assert_nothing_wrong(&status);
    assert_eq!(stage.journal("iseli"), stage.journal("berger"));
    stage.heals();
}

#[test]
fn lie_04_a_withheld_item() {
    let mut stage = stage();
    stage.types("berger", 1);
    stage.home("berger").sync();
    let iseli = stage.device("iseli");
    stage.liar.lies_to(iseli, |_, answer| {
        answer.items.retain(|item| item.kind != ItemKind::Envelope)
    });
    let heard_before = stage.heard("iseli", "RAV Langnau");
    let silent = stage.runs("iseli", &["sync"]);
    stage.home("keller").sync();
    // Nothing can be noticed yet, but that nothing was heard since.
    assert_eq!(silent.exit, 0, "{silent:?}");
    silent.says("received           0 edits");
    assert_eq!(stage.heard("iseli", "RAV Langnau"), heard_before);
    assert!(
        stage.heard("keller", "RAV Langnau") > heard_before,
        "control"
    );
    stage.liar.is_honest();
    stage.types("berger", 2);
    stage.home("berger").sync();
    let said = stage.runs("iseli", &["sync"]);
    let status = stage.runs("iseli", &["status"]);
    // The next one builds on it.
    assert_eq!(said.exit, 3, "{said:?}");
    said.says("1 item is held here, nothing of it is lost: see `nahtlos held`.");
    status.says("it waits for something that has not arrived yet.");
    status.says("`nahtlos sync --all` asks again for what is missing.");
    let again = stage.runs("iseli", &["sync", "--all"]);
    assert_eq!(again.exit, 0, "{again:?}");
    assert_eq!(stage.journal("iseli"), stage.journal("berger"));
    stage.heals();
}

#[test]
fn lie_05_a_rolled_back_log() {
    let mut stage = stage();
    stage.types("keller", 1);
    stage.home("keller").sync();
    let (before, grants) = (stage.journal("keller"), stage.grants("keller"));
    let keller = stage.device("keller");
    stage.liar.lies_to(keller, |_, answer| {
        answer.journal_mark.sequence -= 3;
        answer.journal_mark.hash = ItemId([7; 32]);
        answer.cursor = answer.cursor.min(answer.journal_mark.sequence);
        answer.items.clear();
    });
    let said = stage.runs("keller", &["sync"]);
    let status = stage.runs("keller", &["status"]);
    let doctor = stage.runs("keller", &["doctor"]);
    let told = "the relay went back to an earlier state (restored from a backup?): tell its operator; \
                what you typed is still on this device, and what the relay lost is offered to it again.";
    assert_eq!(said.text.matches(told).count(), 1, "once: {said:?}");
    status.says("not delivered    0 edits");
    doctor.says("NOT OK  relay's memory");
    doctor.says("Tell its operator, who may have restored an old backup");
    // A removal once seen is never un-seen, whatever log the relay shows.
    assert_eq!(stage.grants("keller"), grants);
    assert_eq!(stage.journal("keller"), before);
    stage.heals();
}

#[test]
fn lie_06_a_forked_log() {
    let mut stage = stage();
    let number = stage.number.clone();
    // The relay takes Berger's decision, gives a receipt, and hides it; Keller decides otherwise.
    stage
        .home("berger")
        .share(&number, &SectionKind::Plan, IV_TEAM, Role::Write, "AVG35a1");
    let (berger, key) = (stage.device("berger"), stage.liar.key());
    let hidden = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&hidden);
    stage.liar.lies_both_ways(
        berger,
        move |request| {
            let mut hidden = kept.lock().unwrap();
            request.push.retain(|item| match item {
                PushItem::Operation { bytes, .. } => {
                    hidden.push(bytes.clone());
                    false
                }
                _ => true,
            });
        },
        move |said, answer| {
            let mark = answer.journal_mark;
            let mut real = std::mem::take(&mut answer.results).into_iter();
            for item in &said.push {
                answer.results.extend(match item {
                    PushItem::Operation { bytes, .. } => {
                        let id = ItemId::from(SignedOperation::decode(bytes).unwrap().id());
                        Some(nahtlos_protocol::wire::ItemResult {
                            id,
                            status: Status::Accepted,
                            code: None,
                            receipt: Some(receipt(&key, mark.journal, mark.sequence + 1, id)),
                            missing: Vec::new(),
                        })
                    }
                    _ => real.next(),
                });
            }
        },
    );
    let lied = stage.runs("berger", &["sync"]);
    stage.liar.is_honest();
    assert_eq!(hidden.lock().unwrap().len(), 1);
    stage
        .home("keller")
        .share(&number, &SectionKind::Plan, IV_TEAM, Role::Read, "AVG35a1");
    let kellers = stage.runs("keller", &["sync"]);
    let said = stage.runs("berger", &["sync"]);
    let status = stage.runs("berger", &["status"]);
    let doctor = stage.runs("berger", &["doctor"]);
    lied.says("1 delivered");
    kellers.says("1 delivered");
    // Noticed, and both histories joined at once; which of the two stands is said.
    assert_eq!(said.exit, 0, "{said:?}");
    said.says("changes of access  1 received, 1 delivered");
    let sentence = format!(
        "IV-Stelle Bern Team 1 was to write in {number} plan, but the relay lost that decision and took \
         another one in its place."
    );
    status
        .says(&sentence)
        .says("Who manages it decides it anew");
    doctor.says("NOT OK  lost_addition").says(&sentence);
    for name in ["berger", "keller"] {
        let nahtlos = &stage.homes[name].nahtlos;
        let case = nahtlos.find_case(&number).unwrap();
        let grants = nahtlos.grants_of(&case.section(&SectionKind::Plan).unwrap());
        let roles: Vec<Role> = grants.iter().map(|grant| grant.role).collect();
        assert_eq!(roles, [Role::Manage, Role::Read], "{name}");
    }
    stage.heals();
}

#[test]
fn lie_07_a_forged_removal() {
    let mut stage = stage();
    let grants = stage.grants("berger");
    let live = stage.homes["berger"].nahtlos.grants_of(&stage.journal);
    let iselis = live.iter().find(|grant| grant.role == Role::Write);
    let grant = iselis.unwrap().id;
    let (berger, key, model) = (stage.device("berger"), stage.liar.key(), newest(&stage));
    stage.liar.lies_to(berger, move |_, answer| {
        forged(
            answer,
            &key,
            &model,
            vec![Effect::Remove {
                grant: Some(grant),
                member: None,
                reason: 1,
            }],
        );
    });
    let said = stage.runs("berger", &["sync"]);
    let status = stage.runs("berger", &["status"]);
    let held = stage.runs("berger", &["held"]);
    assert_eq!(said.exit, 3, "{said:?}");
    status.says(FORGED).says(FORGED_NEXT);
    held.says("is not signed by who it names");
    assert_eq!(stage.grants("berger"), grants, "the right stands");
    stage.forgets_what_was_forged("berger");
    stage.heals();
    stage.types("iseli", 1);
    stage.heals();
}

#[test]
fn lie_08_a_forged_grant() {
    let mut stage = stage();
    let (berger, key, model) = (stage.device("berger"), stage.liar.key(), newest(&stage));
    let grants = stage.grants("berger");
    let device = forger().public_keys();
    let add = Effect::Add {
        grant: GrantId([7; 16]),
        member: Member::Device {
            keys: DeviceKeys {
                verifying: VerifyingKeyBytes(*device.verifying.as_bytes()),
                kem: device.kem.as_bytes().to_vec(),
            },
            countersignature: SignatureBytes([0; 64]),
        },
        role: Role::Manage,
        history: History::Full,
        basis: None,
        not_after_ms: None,
        invitation: None,
    };
    stage.liar.lies_to(berger, move |_, answer| {
        forged(answer, &key, &model, vec![add.clone()])
    });
    let said = stage.runs("berger", &["sync"]);
    let status = stage.runs("berger", &["status"]);
    assert_eq!(said.exit, 3, "{said:?}");
    status.says(FORGED).says(FORGED_NEXT);
    assert_eq!(stage.grants("berger"), grants, "nobody was added");
    stage.forgets_what_was_forged("berger");
    stage.types("berger", 1);
    stage.heals();
    assert_eq!(stage.relay_opens(), 0);
}

#[test]
fn lie_09_a_stale_epoch() {
    let mut stage = stage();
    let before = stage.journal("berger").len();
    stage.types("berger", 1);
    let berger = stage.device("berger");
    stage.liar.lies_both_ways(
        berger,
        |request| request.push.clear(),
        |said, answer| {
            answer.results = said
                .push
                .iter()
                .filter_map(|item| {
                    let PushItem::Envelope { bytes, .. } = item else {
                        return None;
                    };
                    Some(nahtlos_protocol::wire::ItemResult {
                        id: Envelope::decode(bytes).unwrap().id().into(),
                        status: Status::StaleAccess,
                        code: None,
                        receipt: None,
                        missing: Vec::new(),
                    })
                })
                .collect();
        },
    );
    let said = stage.runs("berger", &["sync"]);
    let status = stage.runs("berger", &["status"]);
    said.says("not delivered      1 edit");
    said.says(
        "the relay did not take what was typed here, in several attempts: it stays on this device and \
         is sent with the next sync; if this goes on, something may have been kept from this device: `nahtlos sync --all` asks for everything again; if that does not help, tell the relay's operator.",
    );
    status.says("not delivered    1 edit");
    status.says("`nahtlos sync` delivers what waits.");
    assert_eq!(stage.journal("berger").len(), before + 1, "still here");
    stage.heals();
}

/// What of a header is altered.
#[derive(Clone, Copy)]
enum Part {
    Space,
    Parents,
}

#[test]
fn lie_10_an_altered_header() {
    alters_a_header(Part::Space);
    alters_a_header(Part::Parents);
}

fn alters_a_header(part: Part) {
    let mut stage = stage();
    stage.types("berger", 1);
    stage.home("berger").sync();
    let iseli = stage.device("iseli");
    let before = stage.journal("iseli");
    stage.liar.lies_to(iseli, move |_, answer| {
        let items = answer.items.iter_mut();
        for item in items.filter(|item| item.kind == ItemKind::Envelope) {
            let envelope = Envelope::decode(&item.bytes).unwrap();
            let header = envelope.header();
            let altered = match part {
                Part::Space => header.space.0,
                Part::Parents => header.parents[0].0,
            };
            let at = item.bytes.windows(32).position(|bytes| bytes == altered);
            item.bytes[at.unwrap()] ^= 1;
        }
    });
    let said = stage.runs("iseli", &["sync"]);
    let status = stage.runs("iseli", &["status"]);
    assert_eq!(said.exit, 3, "{said:?}");
    said.says("1 item is held here, nothing of it is lost: see `nahtlos held`.");
    assert_eq!(stage.journal("iseli"), before);
    match part {
        Part::Space => status.says("it waits for something that has not arrived yet."),
        Part::Parents => status.says(FORGED).says(FORGED_NEXT),
    };
    stage.forgets_what_was_forged("iseli");
    assert_eq!(stage.journal("iseli"), stage.journal("berger"));
    stage.heals();
}

#[test]
fn lie_11_a_wrong_receipt() {
    let mut stage = stage();
    stage.types("berger", 1);
    let berger = stage.device("berger");
    let key = stage.liar.key();
    stage.liar.lies_to(berger, move |_, answer| {
        let mark = answer.journal_mark;
        for result in &mut answer.results {
            let other = receipt(&key, mark.journal, mark.sequence, ItemId([9; 32]));
            result.receipt = result.receipt.as_ref().map(|_| other.clone());
        }
    });
    let said = stage.runs("berger", &["sync"]);
    let status = stage.runs("berger", &["status"]);
    let told = "the relay gave no valid receipt for an edit: it stays on this device and is sent again; \
                if this goes on, tell the relay's operator.";
    assert_eq!(said.text.matches(told).count(), 1, "once: {said:?}");
    said.says("not delivered      1 edit");
    status.says("not delivered    1 edit");
    stage.liar.is_honest();
    let delivered = stage.runs("berger", &["sync"]);
    delivered.says("delivered          1 edit");
    stage.heals();
}

#[test]
fn lie_12_another_networks_relay() {
    let mut stage = stage();
    stage.types("berger", 1);
    let other = World::new();
    let _founder = other.found("stranger", "Eva Fremd", "RAV Thun", "alv");
    let own = stage.liar.leads_to(other.url());
    let said = stage.runs("berger", &["sync"]);
    let doctor = stage.runs("berger", &["doctor"]);
    assert_eq!(said.exit, 1, "{said:?}");
    said.says("Another relay answered than the one of your network. Your edits are safe here.");
    said.says("nothing of it was taken.");
    said.says("Run `nahtlos sync` again over another connection");
    doctor.says("NOT OK  relay");
    let status = stage.homes["berger"].nahtlos.status().unwrap();
    assert_eq!(status.undelivered_edits, 1);
    stage.liar.leads_to(&own);
    stage.heals();
}
