//! Story S4, a lost phone, through the real programs: one relay process, one home for each device,
//! sockets and files. Keller has a laptop too, by which the new phone comes in; a custodian revokes.

mod story;

use serde_json::Value;
use story::{CASE_FILE, Device, Homes, Stage, disk, exit, text_of};

const CASE: &str = "mosimann";
const COACHING: &str = "Stellwerk Coaching";
const BEFORE: &str = "Erstgespräch in der Werkstatt geführt";
const ON_THE_PHONE: [&str; 2] = [
    "Im Zug notiert, Termin mit dem Betrieb",
    "Kurz vor dem Verlust ergänzt",
];
const AFTER: &str = "Nach dem Verlust geschrieben, nur für das Team";

struct LostPhone {
    stage: Stage,
    berger: Device,
    kunz: Device,
    laptop: Device,
    phone: Device,
}

impl LostPhone {
    /// One case, which Keller has on two devices; since the phone's last sync, two entries on it.
    fn begin(homes: Homes) -> Self {
        let stage = Stage::new(homes, &[]);
        let berger = stage.found("device-1", &story::BERGER);
        let words = ["Stellwerk", "provider", COACHING, "Lea Kunz", "custodian"];
        let kunz = stage.join(&berger, "device-2", &words);
        sync(&[&berger, &kunz]);
        let laptop = join_team(&stage, &kunz, "device-3");
        sync(&[&kunz, &laptop, &kunz, &berger]);
        let phone = add_device(&stage, &laptop, "device-4", "Handy");
        berger.done(&["case", "open", "--from", CASE_FILE]);
        berger.done(&["sync"]);
        for (sections, role) in [("core", "read"), ("journal,plan,function", "write")] {
            let grant = [
                "share",
                "grant",
                CASE,
                "--section",
                sections,
                "--to",
                COACHING,
            ];
            let terms = ["--role", role, "--basis", "AVG35a1", "--yes"];
            berger.done(&[&grant[..], &terms].concat());
        }
        note(&berger, BEFORE);
        sync(&[&berger, &kunz, &laptop, &phone, &kunz, &berger]);
        assert!(entries(&phone).contains(&BEFORE.to_owned()), "control");
        for text in ON_THE_PHONE {
            note(&phone, text);
        }
        Self {
            stage,
            berger,
            kunz,
            laptop,
            phone,
        }
    }

    fn fingerprint(&self, device: &Device) -> String {
        let status = device.json(&["status"]);
        status["device"].as_str().unwrap().to_owned()
    }

    /// The custodian revokes the phone, and every key of hers that it held is made anew.
    fn revoke(&self) -> Value {
        let fingerprint = self.fingerprint(&self.phone);
        self.kunz
            .json(&["device", "revoke", &fingerprint, "--lost", "--now", "--yes"])
    }
}

fn sync(devices: &[&Device]) {
    for device in devices {
        device.done(&["sync"]);
    }
}

fn join_team(stage: &Stage, inviting: &Device, name: &str) -> Device {
    let file = text_of(&stage.path(&format!("invitation-{name}")));
    inviting.done(&["member", "invite", "--team", COACHING, "--to", &file]);
    inviting.done(&["sync"]);
    let device = stage.device(name);
    let words = ["member", "join", "--invitation", &file];
    let introduction = ["--person", "Urs Keller", "--function", "coach"];
    device.done(&[&words[..], &introduction].concat());
    device
}

fn add_device(stage: &Stage, own: &Device, name: &str, called: &str) -> Device {
    let file = text_of(&stage.path(&format!("invitation-{name}")));
    own.done(&["device", "add", "--to", &file]);
    own.done(&["sync"]);
    let device = stage.device(name);
    device.done(&["device", "join", &file, "--name", called]);
    own.done(&["sync"]);
    device.done(&["sync"]);
    device
}

fn note(device: &Device, text: &str) {
    device.done_with(&["journal", "add", CASE], text);
}

fn entries(device: &Device) -> Vec<String> {
    let shown = device.json(&["section", "show", CASE, "journal"]);
    let entries = shown["content"]["entries"].as_array().unwrap();
    let texts = entries.iter().map(|one| one["text"].as_str().unwrap());
    texts.map(str::to_owned).collect()
}

/// Ids of what waits for this device's decision.
fn held(device: &Device) -> Vec<String> {
    let list = device.json(&["held"]);
    let edits = list["edits"].as_array().unwrap();
    let ids = edits.iter().map(|one| one["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

#[test]
fn story_s4_a_lost_phone_is_revoked_its_edits_are_held_and_adopted_and_it_wipes() {
    let story = LostPhone::begin(Homes::Quick);
    let LostPhone {
        stage,
        berger,
        kunz,
        laptop,
        phone,
    } = &story;

    // 1: revoked as lost, refused at once, and everything of the custodian's has a new key.
    let dry = kunz.done(&[
        "device",
        "revoke",
        &story.fingerprint(phone),
        "--lost",
        "--now",
        "--dry-run",
    ]);
    assert!(
        dry.stdout.contains("all of these keys are renewed now"),
        "{}",
        dry.stdout
    );
    let revoked = story.revoke();
    let rotated = revoked["rotation"]["rotated"].as_u64().unwrap();
    assert!(
        rotated >= 4,
        "the team, and three sections to write in: {revoked}"
    );
    assert_eq!(revoked["rotation"]["left"], 0);
    let left = revoked["left_to_others"].as_array().unwrap();
    let to_read = left.iter().find(|one| one["name"] == "core").unwrap();
    assert_eq!(
        to_read["writers"],
        serde_json::json!([story::BERGER[2]]),
        "{left:?}"
    );
    let again = kunz.json(&["device", "list"]);
    let states = again["devices"].as_array().unwrap().iter();
    let states: Vec<&str> = states.map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(
        states.iter().filter(|state| **state == "revoked").count(),
        1
    );

    breach(&story);
    note(berger, AFTER);
    sync(&[berger, kunz, laptop]);
    assert!(entries(laptop).contains(&AFTER.to_owned()), "control");

    // 4: a new phone, by the laptop; the old one was last heard of before, and nothing of it has come.
    let new_phone = add_device(stage, laptop, "device-5", "Neues Handy");
    sync(&[kunz, berger, laptop, &new_phone]);
    let now = entries(&new_phone);
    assert!(now.contains(&AFTER.to_owned()), "{now:?}");
    assert!(
        ON_THE_PHONE
            .iter()
            .all(|text| !now.contains(&(*text).to_owned()))
    );

    // 3, 5: the phone is switched on. It is told, receives nothing newer, and its edits are held.
    let told = phone.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    assert!(
        told.stderr.contains("This device was revoked on")
            && told.stderr.contains("Lea Kunz")
            && told.stderr.contains("device lost"),
        "{}",
        told.stderr
    );
    let status = phone.json(&["status"]);
    assert_eq!(status["revoked"]["reason"], "device_lost");
    assert_eq!(status["attention"][0]["code"], "revoked", "{status}");
    assert!(!entries(phone).contains(&AFTER.to_owned()), "nothing newer");
    let late = ["journal", "add", CASE, "--json"];
    let refused = phone.type_in(&late, "Vom Finder geschrieben");
    refused.is_refusal(exit::NO_RIGHT, "no_right", &late);

    // Keller adopts both on the new phone: one envelope, since they were sealed together.
    let told = new_phone.run(&["sync"]);
    assert!(told.stderr.contains("held"), "{}", told.stderr);
    let waiting = held(&new_phone);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let managers = berger.run(&["sync"]);
    assert!(managers.stderr.contains("held"), "{}", managers.stderr);
    assert_eq!(held(berger), waiting, "the section's managers see the same");
    let shown = new_phone.done(&["held", "show", &waiting[0]]).stdout;
    assert!(
        ON_THE_PHONE.iter().all(|text| shown.contains(text)),
        "{shown}"
    );
    new_phone.done(&["held", "adopt", &waiting[0], "--yes"]);
    sync(&[&new_phone, berger]);
    laptop.run(&["sync"]);
    for device in [berger, laptop, &new_phone] {
        let now = entries(device);
        assert!(
            ON_THE_PHONE
                .iter()
                .all(|text| now.contains(&(*text).to_owned())),
            "{now:?}"
        );
    }
    wipe(phone);

    // The laptop goes on: nobody else's right ended.
    note(laptop, "Auf dem Laptop weitergearbeitet");
    sync(&[laptop, berger]);
    assert!(entries(berger).contains(&"Auf dem Laptop weitergearbeitet".to_owned()));
    nothing_in_clear(&story);
}

/// How many cases Keller's team has.
const CASES: usize = 48;

/// Keller's only device, in Berger's team; 48 cases, and two entries on it that the relay never saw.
fn only_a_phone(stage: &Stage, berger: &Device) -> Device {
    let file = text_of(&stage.path("invitation-phone"));
    berger.done(&[
        "member",
        "invite",
        "--team",
        story::BERGER[2],
        "--to",
        &file,
    ]);
    berger.done(&["sync"]);
    let phone = stage.device("phone");
    let join = ["member", "join", "--invitation", &file];
    let introduction = ["--person", "Urs Keller", "--function", "officer"];
    phone.done(&[&join[..], &introduction].concat());
    berger.done(&["case", "open", "--from", CASE_FILE]);
    let template = std::fs::read_to_string(CASE_FILE).unwrap();
    for number in 1..CASES {
        let other = template.replace("Mosimann", &format!("Klient{number}"));
        berger.done_with(&["case", "open", "--yes"], &other);
    }
    sync(&[berger, &phone]);
    note(&phone, BEFORE);
    sync(&[&phone, berger, &phone]);
    for text in ON_THE_PHONE {
        note(&phone, text);
    }
    phone
}

#[test]
fn story_s4_who_lost_the_only_phone_enrols_a_new_one_with_a_colleague_who_compared_its_words() {
    let stage = Stage::new(Homes::Quick, &[]);
    let berger = stage.found("device-1", &story::BERGER);
    let phone = only_a_phone(&stage, &berger);
    let cases = |device: &Device| device.json(&["case"])["cases"].as_array().unwrap().len();
    assert_eq!(cases(&phone), CASES, "control");
    let heard = |device: &Device| {
        let list = device.json(&["device"]);
        let devices = list["devices"].as_array().unwrap();
        let old = devices
            .iter()
            .find(|one| one["state"] == "revoked")
            .unwrap();
        old["heard_at_ms"].as_u64().unwrap()
    };
    berger.done(&["device", "revoke", "Keller", "--lost", "--now", "--yes"]);
    let file = text_of(&stage.path("invitation-new-phone"));
    berger.done(&["device", "add", "--for", "Keller", "--to", &file]);
    berger.done(&["sync"]);
    let new_phone = stage.device("new-phone");
    new_phone.done(&["device", "join", &file, "--name", "Neues Handy"]);

    // By telephone: six words, which both screens show.
    berger.done(&["sync"]);
    let waiting = berger.json(&["member", "waiting"])["waiting"][0].clone();
    let words = new_phone.json(&["status"])["device_words"].clone();
    assert_eq!(waiting["words"], words);
    let confirm = ["member", "confirm", waiting["grant"].as_str().unwrap()];
    berger.done(&[&confirm[..], &["--words", words.as_str().unwrap()]].concat());
    let mut delivered = 0;
    let mut told = String::new();
    for _ in 0..2 {
        let report = berger.json(&["sync"]);
        delivered += report["operations_delivered"].as_u64().unwrap();
        let synced = new_phone.done(&["sync"]);
        told.push_str(&synced.stderr);
    }
    assert_eq!(cases(&new_phone), CASES);
    assert!(
        (1..10).contains(&delivered),
        "{delivered}: the team's key alone is handed on, and no section has a new one"
    );
    assert_eq!(heard(&new_phone), heard(&berger));
    let listed = berger.done(&["device"]).stdout;
    let last = told
        .split("the last of it that the relay has is from ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .unwrap_or_else(|| panic!("{told}"));
    assert!(listed.contains(last), "{last} in {listed}");
    assert!(
        told.contains("what was typed on it since has not arrived"),
        "{told}"
    );
    let shown = entries(&new_phone);
    assert!(shown.contains(&BEFORE.to_owned()));
    assert!(
        ON_THE_PHONE
            .iter()
            .all(|text| !shown.contains(&(*text).to_owned()))
    );

    // The phone is found: what was typed on it arrives as held, and Keller adopts it.
    phone.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    new_phone.run(&["sync"]);
    let waiting = held(&new_phone);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    new_phone.done(&["held", "adopt", &waiting[0], "--yes"]);
    sync(&[&new_phone, &berger]);
    let now = entries(&berger);
    assert!(
        ON_THE_PHONE
            .iter()
            .all(|text| now.contains(&(*text).to_owned())),
        "{now:?}"
    );
}

/// What would be lost is said first; once it is wiped, nothing is there.
fn wipe(phone: &Device) {
    let dry = phone.json(&["device", "wipe", "--dry-run"]);
    assert_eq!(dry["done"], "dry_run");
    assert_eq!(
        dry["loses_something"], false,
        "its edits are at the relay: {dry}"
    );
    let unasked = phone.run(&["device", "wipe"]);
    assert_eq!(unasked.exit, exit::USAGE, "{}", unasked.stderr);
    assert!(phone.home.exists());
    let said = phone.done(&["device", "wipe", "--yes"]).stdout;
    let wiped = format!(
        "Wiped: the key of this home is destroyed and its files are removed ({}).\n",
        phone.home.display()
    );
    assert_eq!(said, wiped, "as docs/cli.md shows it");
    assert!(!phone.home.exists(), "nothing is left");
    phone.refused(&["status"], exit::LOCKED, "vault_not_found");
}

fn nothing_in_clear(story: &LostPhone) {
    let LostPhone { stage, .. } = story;
    let mut places: Vec<_> = stage.relay.everything().into();
    for name in ["device-1", "device-2", "device-3", "device-5"] {
        places.push(stage.path(name));
    }
    let mut markers: Vec<String> = ON_THE_PHONE.map(str::to_owned).into();
    markers.extend([BEFORE.to_owned(), AFTER.to_owned(), "Mosimann".to_owned()]);
    let (found, bytes) = disk::search(&places, &markers);
    assert_eq!(found, [""; 0]);
    assert!(bytes > 100_000, "only {bytes} bytes were searched");
}

#[test]
fn story_s4_a_copied_vault_shows_nothing_without_the_passphrase_and_nothing_newer_with_it() {
    // As the program makes vaults: a wrong passphrase is refused by the real derivation.
    let story = LostPhone::begin(Homes::Real);
    let LostPhone {
        stage,
        berger,
        phone,
        ..
    } = &story;
    let copy = Device {
        home: stage.path("copied"),
        passphrase: phone.passphrase.clone(),
    };
    std::fs::create_dir(&copy.home).unwrap();
    for file in disk::files(&phone.home) {
        std::fs::copy(&file, copy.home.join(file.file_name().unwrap())).unwrap();
    }

    // 2: without the passphrase.
    let markers: Vec<String> = [BEFORE, ON_THE_PHONE[0], "Mosimann", "Urs Keller"]
        .map(str::to_owned)
        .into();
    let (found, bytes) = disk::search(std::slice::from_ref(&copy.home), &markers);
    assert_eq!(found, [""; 0]);
    assert!(bytes > 50_000, "only {bytes} bytes were searched");
    let exported = text_of(&stage.path("control.json"));
    phone.done(&["section", "export", CASE, "journal", "--to", &exported]);
    let (found, _) = disk::search(&[stage.path("control.json")], &markers[1..2]);
    assert_eq!(
        found.len(),
        1,
        "control: in an unsealed copy the search finds it"
    );
    let guess = Device {
        passphrase: stage.path("guess"),
        ..copy.clone()
    };
    story::write_private(&guess.passphrase, "ein geratenes Wort und noch eines");
    guess.refused(&["case", "show", CASE], exit::LOCKED, "passphrase_wrong");

    // 3: with it, what was there; once revoked, nothing newer, and what is pushed is held.
    assert!(entries(&copy).contains(&ON_THE_PHONE[1].to_owned()));
    let fingerprint = story.fingerprint(phone);
    let words = ["device", "revoke", &fingerprint, "--lost", "--now", "--yes"];
    let said = story.kunz.done(&words).stdout;
    let mut lines = said.lines();
    let revoked = format!("Revoked: {fingerprint}, a device of Urs Keller.");
    assert_eq!(
        lines.next(),
        Some(revoked.as_str()),
        "as docs/cli.md shows it"
    );
    assert!(
        lines.next().unwrap().ends_with(" new keys were made."),
        "{said}"
    );
    note(berger, AFTER);
    sync(&[berger]);
    note(&copy, "Vom Finder, mit der Uhr von gestern");
    copy.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    assert!(!entries(&copy).contains(&AFTER.to_owned()));
    berger.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    let now = entries(berger);
    assert!(now.contains(&AFTER.to_owned()), "control");
    assert!(
        now.iter().all(|text| !text.starts_with("Vom Finder")),
        "{now:?}"
    );
    assert_eq!(held(berger).len(), 1, "it is held, and said who wrote it");
}

#[test]
fn wiping_says_what_nobody_else_has_and_does_nothing_unasked() {
    let story = LostPhone::begin(Homes::Quick);
    let phone = &story.phone;
    let dry = phone.json(&["device", "wipe", "--dry-run"]);
    assert_eq!(dry["loses_something"], true);
    assert_eq!(dry["wipe"]["undelivered"][0]["edits"], 2, "{dry}");
    assert_eq!(dry["wipe"]["only_device"], false, "the laptop stays");
    assert!(dry["wipe"]["revoked"].is_null());
    let shown = phone.done(&["device", "wipe", "--dry-run"]).stdout;
    assert!(
        shown.contains("2 edits") && shown.contains("journal"),
        "{shown}"
    );
    assert!(shown.contains("held export"), "{shown}");
    assert!(
        entries(phone).contains(&ON_THE_PHONE[0].to_owned()),
        "nothing was done"
    );
    let done = phone.done(&["device", "wipe", "--yes"]);
    assert!(
        done.stderr.contains("device revoke"),
        "its right stands: {}",
        done.stderr
    );
    assert!(!phone.home.exists());
}

/// The report by the custodian, in each form; another institution reports on its own devices only.
fn breach(story: &LostPhone) {
    let LostPhone {
        stage,
        berger,
        kunz,
        phone,
        ..
    } = story;
    let report = kunz.json(&["device", "breach-report"]);
    assert_eq!(report["device"], story.fingerprint(phone));
    assert_eq!(report["person"], "Urs Keller");
    assert_eq!(report["cases"], 1);
    assert_eq!(report["revoked"]["reason"], "device_lost");
    let sections = report["sections"].as_array().unwrap();
    let codes: Vec<&str> = sections
        .iter()
        .map(|one| one["section"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["core", "function", "journal", "plan"]);
    for one in sections {
        assert!(
            one["client"].as_str().unwrap().contains("Mosimann"),
            "{one}"
        );
        assert!(one["since"]["by_relay"].as_bool().unwrap(), "{one}");
        assert!(
            one["since"]["at_ms"].as_u64() <= one["until"]["at_ms"].as_u64(),
            "{one}"
        );
        // The custodian may write in three of them; in the fourth the next writer makes a new key.
        assert_eq!(
            one["new_key_since"].is_null(),
            one["section"] == "core",
            "{one}"
        );
        assert_eq!(
            one["role"],
            if one["section"] == "core" {
                "read"
            } else {
                "write"
            }
        );
    }
    let csv = kunz
        .done(&["device", "breach-report", "--format", "csv"])
        .stdout;
    assert_eq!(csv.lines().count(), 5, "{csv}");
    assert!(
        csv.starts_with("\"case_number\",\"client\",\"section\""),
        "{csv}"
    );
    assert!(csv.contains("Mosimann"), "{csv}");
    let file = text_of(&stage.path("breach.csv"));
    let written = kunz.done(&["device", "breach-report", "--format", "csv", "--to", &file]);
    assert!(
        written.stdout.contains("The report is in"),
        "{}",
        written.stdout
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);
    std::fs::remove_file(&file).unwrap();
    let text = kunz.done(&["device", "breach-report"]).stdout;
    assert!(
        text.contains("Mosimann") && text.contains("1 case"),
        "{text}"
    );
    berger.refused(
        &["device", "breach-report", &story.fingerprint(phone)],
        exit::FAILED,
        "not_found",
    );
}
