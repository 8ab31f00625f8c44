//! Story S2, consent withdrawn while a coach is offline, through the real programs: one relay process, one home for each of four institutions, sockets and files.

mod story;

use serde_json::Value;
use story::{CASE_FILE, Device, Homes, Stage, disk, exit};

const CASE: &str = "mosimann";
const COACHING: &str = "Stellwerk Coaching";
const IV_TEAM: &str = "IV-Stelle Eingliederung";
const WORKSHOP: &str = "Holzbau Werkstatt";

const ADAPTATIONS: &str = "Stehpult neben der Werkbank";

const BEFORE: &str = "Belastbar am Vormittag, zwei Stunden am Stück";
const BY_LEAD: &str = "Nach dem Widerruf neu eingeschätzt";
const BY_COACH: &str = "Im Betrieb beobachtet, ohne Netz aufgeschrieben";
const AFTERWARDS: &str = "Nach der neuen Einwilligung eingeschätzt";
const NOTE: &str = "Besuch in der Werkstatt, Emir ist pünktlich";

/// The lead (Rüegg), the IV (Iseli), a coach (Keller) and an employer (Gerber), with one case between them.
struct Withdrawal {
    stage: Stage,
    ruegg: Device,
    iseli: Device,
    keller: Device,
    gerber: Device,
    consent: String,
}

impl Withdrawal {
    /// Day 1: the consent opens the case to the coach; the IV reads `function` by law.
    fn begin() -> Self {
        let stage = Stage::new(Homes::Quick, &[]);
        let team = "Sozialdienst Team Nord";
        let words = [
            "Sozialdienst Oberes Emmental",
            "soz",
            team,
            "Nora Rüegg",
            "lead",
        ];
        let ruegg = stage.found("device-1", &words);
        let words = ["IV-Stelle Bern", "iv", IV_TEAM, "Marc Iseli", "officer"];
        let iseli = stage.join(&ruegg, "device-2", &words);
        let words = ["Stellwerk", "provider", COACHING, "Urs Keller", "coach"];
        let keller = stage.join(&ruegg, "device-3", &words);
        let words = ["Holzbau AG", "employer", WORKSHOP, "Jan Gerber", "officer"];
        let gerber = stage.join(&ruegg, "device-4", &words);
        ruegg.done(&["case", "open", "--from", CASE_FILE]);
        for device in [&ruegg, &iseli, &keller, &gerber, &ruegg] {
            device.done(&["sync"]);
        }
        let grant = [
            "share",
            "grant",
            CASE,
            "--section",
            "core,function",
            "--to",
            IV_TEAM,
        ];
        let terms = ["--role", "read", "--basis", "IVG68bis", "--yes"];
        ruegg.done(&[&grant[..], &terms].concat());
        let core = format!("core={COACHING}");
        let rest = format!("access,function,journal,plan,tasks={COACHING}");
        let sliced = format!("function={WORKSHOP}");
        let give = ["consent", "give", CASE, "--read", &core, "--read", &sliced];
        let terms = ["--write", &rest, "--form", "paper", "--yes"];
        let given = ruegg.json(&[&give[..], &terms].concat());
        let consent = text(&given["consent"]).to_owned();
        assess(&ruegg, BEFORE);
        let slice = ["share", "slice", CASE, "function", "--to", WORKSHOP];
        let asked = ruegg.done(&[&slice[..], &["--dry-run"]].concat()).stdout;
        for part in [
            "Jan Gerber",
            "adaptations (1)",
            "consent",
            "Nothing was done",
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
        ruegg.done(&[&slice[..], &["--yes"]].concat());
        for device in [&ruegg, &iseli, &keller, &gerber, &ruegg] {
            device.done(&["sync"]);
        }
        Self {
            stage,
            ruegg,
            iseli,
            keller,
            gerber,
            consent,
        }
    }

    /// Day 21: the client withdraws `function` for coach and employer; the lead records it offline.
    fn withdraw(&self) {
        let only = format!("function={COACHING}");
        let sliced = format!("function={WORKSHOP}");
        let words = ["consent", "withdraw", CASE, &self.consent, "--only", &only];
        let words = [&words[..], &["--only", &sliced]].concat();
        let said = self
            .ruegg
            .done(&[&words[..], &["--dry-run"]].concat())
            .stdout;
        assert!(
            said.contains("Urs Keller") && said.contains("IVG68bis"),
            "{said}"
        );
        assert!(said.contains("function"), "{said}");
        self.ruegg.done(&[&words[..], &["--yes"]].concat());
    }
}

impl Withdrawal {
    /// The client's extract lists the consent and its withdrawal, what was disclosed to whom, and who read it,
    /// the coach without a network too.
    fn tell_the_client(&self) {
        let directory = self.stage.path("for-emir");
        let to = directory.to_str().unwrap();
        let words = ["subject", "export", CASE, "--language", "de", "--to", to];
        let made = self.ruegg.json(&words);
        let read = |field: &str| std::fs::read_to_string(text(&made[field])).unwrap();
        let data: Value = serde_json::from_str(&read("data")).unwrap();
        let withdrawn = |one: &&Value| one["ended"]["reason"] == "consent_withdrawn";
        let to: Vec<&str> = data["disclosures"]
            .as_array()
            .unwrap()
            .iter()
            .filter(withdrawn)
            .map(|one| text(&one["to"]))
            .collect();
        assert_eq!(to.len(), 2, "{data}");
        assert!(to.contains(&COACHING) && to.contains(&WORKSHOP), "{to:?}");
        let coverage = data["coverage"].as_array().unwrap().iter();
        let taken_back = coverage.filter(|one| !one["withdrawn_at"].is_null());
        assert_eq!(taken_back.count(), 2, "{data}");
        let reads = data["reads"].as_array().unwrap();
        let by_coach = |one: &&Value| one["person"] == "Urs Keller";
        let of_coach: Vec<&Value> = reads.iter().filter(by_coach).collect();
        let function = Value::from("function");
        assert!(
            of_coach
                .iter()
                .any(|one| one["sections"].as_array().unwrap().contains(&function)),
            "{reads:?}"
        );
        let page = read("page");
        for part in ["Urs Keller", "Stellwerk", WORKSHOP, "IVG68bis"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // Not encrypted, and named so where it was made.
        std::fs::remove_dir_all(&directory).unwrap();
    }

    fn prove(&self) {
        let file = self.stage.path("consents.json");
        let file = file.to_str().unwrap();
        self.ruegg.done(&["consent", "export", CASE, "--to", file]);
        let stranger = self.stage.device("device-9");
        let verified = stranger.json(&["consent", "verify", file]);
        assert_eq!(verified["holds"], true, "{verified}");
        let kinds: Vec<&str> = verified["verified"]["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| text(&event["kind"]))
            .collect();
        assert!(
            kinds.contains(&"given") && kinds.contains(&"withdrawn"),
            "{kinds:?}"
        );
        let written = std::fs::read_to_string(file).unwrap();
        let changed = written.replace("\"given\"", "\"narrowed\"");
        assert_ne!(changed, written, "control");
        let other = self.stage.path("changed.json");
        story::write_private(&other, &changed);
        let words = ["consent", "verify", other.to_str().unwrap()];
        stranger.run(&words).expect_exit(1, &words);
    }

    fn consent_again(&self) {
        let share = format!("function={COACHING}");
        let words = [
            "consent", "give", CASE, "--write", &share, "--form", "verbal",
        ];
        let told = ["--withdrawable-said", "--yes"];
        self.ruegg.done(&[&words[..], &told].concat());
        self.ruegg.done(&["sync"]);
        assess(&self.ruegg, AFTERWARDS);
        self.ruegg.done(&["sync"]);
        self.keller.run(&["sync"]);
        self.keller.run(&["sync"]);
        let read = bases(&self.keller);
        for expected in [BEFORE, BY_LEAD, AFTERWARDS] {
            assert!(read.contains(&expected.to_owned()), "{expected}: {read:?}");
        }
    }
}

/// Adds an assessment whose basis is a text.
fn assess(device: &Device, basis: &str) {
    let assessment = format!(
        r#"{{"capacity": 50, "from": "2026-10-01", "basis": "{basis}", "adaptations": "{ADAPTATIONS}"}}"#
    );
    device.done_with(&["function", "add", CASE], &assessment);
}

/// The employer's slice as their program shows it, for people and for programs.
fn slice_of(employer: &Device) -> (String, Value) {
    let cases = employer.json(&["case", "list"]);
    let words = ["section", "show", text(&cases["cases"][0]["id"]), "slice"];
    (employer.done(&words).stdout, employer.json(&words))
}

/// What the assessments of a device rest on, in order.
fn bases(device: &Device) -> Vec<String> {
    let shown = device.json(&["section", "show", CASE, "function"]);
    let assessments = shown["content"]["assessments"].as_array().unwrap();
    let mut bases: Vec<String> = assessments
        .iter()
        .map(|one| text(&one["basis"]).to_owned())
        .collect();
    bases.sort();
    bases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn story_s2_a_consent_is_withdrawn_while_the_coach_writes_offline() {
    let story = Withdrawal::begin();
    let Withdrawal {
        ruegg,
        iseli,
        keller,
        gerber,
        ..
    } = &story;
    assert!(
        bases(keller).contains(&BEFORE.to_owned()),
        "control: the coach reads"
    );

    let (shown, slice) = slice_of(gerber);
    assert!(shown.contains("A slice: a part of `function`"), "{shown}");
    assert!(
        shown.contains(ADAPTATIONS) && !shown.contains(BEFORE),
        "{shown}"
    );
    assert_eq!(slice["slice"]["of"], "function");
    assert!(!slice["content"]["fields"]["as_of"].is_null(), "{slice}");

    // 2, 3: offline the lead withdraws, syncs in the evening, and goes on writing.
    story.withdraw();
    ruegg.done(&["sync"]);
    assess(ruegg, BY_LEAD);
    ruegg.done(&["sync"]);
    iseli.done(&["sync"]);
    assert!(
        bases(iseli).contains(&BY_LEAD.to_owned()),
        "the IV reads on by law"
    );
    gerber.done(&["sync"]);
    let (shown, slice) = slice_of(gerber);
    let ended = &slice["no_longer_shared"]["ended"];
    assert_eq!(ended["reason"], "consent_withdrawn", "{slice}");
    assert!(shown.contains("old copy"), "{shown}");

    // 4: still offline the coach reads, writes a note, which is allowed, and in `function`.
    assert!(bases(keller).contains(&BEFORE.to_owned()));
    keller.done_with(&["journal", "add", CASE, "--kind", "visit"], NOTE);
    assess(keller, BY_COACH);
    let synced = keller.run(&["sync"]);
    let synced = synced.expect_exit(exit::HELD, &["sync"]);
    assert!(
        synced.stdout.contains("held") || synced.stderr.contains("held"),
        "{synced:?}"
    );
    let own = keller.json(&["held", "list"]);
    assert_eq!(own["edits"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(own["edits"][0]["reason"], "access_ended");
    assert_eq!(own["edits"][0]["own"], true);
    let told = ruegg.run(&["sync"]).expect_exit(exit::HELD, &["sync"]);
    assert!(told.stderr.contains("held"), "{told:?}");
    let journal = ruegg
        .json(&["section", "show", CASE, "journal"])
        .to_string();
    assert!(journal.contains(NOTE), "what is still allowed arrives");
    assert!(
        !bases(ruegg).contains(&BY_COACH.to_owned()),
        "held for everybody"
    );
    let held = ruegg.json(&["held", "list"]);
    let held = &held["edits"][0];
    assert_eq!(text(&held["author"]), "Urs Keller", "{held}");
    let id = text(&held["id"]);
    let shown = ruegg.done(&["held", "show", id]).stdout;
    assert!(
        shown.contains("Urs Keller") && shown.contains(BY_COACH),
        "{shown}"
    );
    ruegg.done(&["held", "adopt", id, "--yes"]);
    ruegg.done(&["sync"]);
    iseli.done(&["sync"]);
    for device in [ruegg, iseli] {
        assert!(
            bases(device).contains(&BY_COACH.to_owned()),
            "adopted, under its author's name"
        );
    }

    // Nothing newer reached the coach, and another sync is in nobody's way.
    keller.run(&["sync"]);
    assert_eq!(
        bases_in_the_dark(keller)
            .iter()
            .filter(|basis| *basis == BY_LEAD)
            .count(),
        0
    );

    // 5: the coach's device erases its copy; the lead sees "not confirmed" until it says so.
    let matrix = |device: &Device| device.json(&["share", "list", CASE])["former"].clone();
    assert_eq!(matrix(ruegg)[0]["erased"], 0, "{}", matrix(ruegg));
    keller.done(&["section", "erase", CASE, "function", "--yes"]);
    keller.run(&["sync"]);
    let kept = keller.done(&["held", "export", "--to", "-"]).stdout;
    assert!(kept.contains(BY_COACH), "what he typed stays his: {kept}");
    ruegg.done(&["sync"]);
    let former = matrix(ruegg);
    assert_eq!(
        (&former[0]["devices"], &former[0]["erased"]),
        (&1.into(), &1.into())
    );

    // 6: the IV's access rests on law and is unchanged.
    let explained = ruegg
        .done(&["share", "explain", CASE, "function", "--for", IV_TEAM])
        .stdout;
    assert!(explained.contains("IVG68bis"), "{explained}");
    let explained = ruegg
        .done(&["share", "explain", CASE, "function", "--for", COACHING])
        .stdout;
    assert!(
        explained.contains("withdrawn") || explained.contains("ended"),
        "{explained}"
    );
    let chain = "Chain: missing: a consent";
    assert!(explained.contains(chain), "{explained}");
    let explained = ruegg
        .done(&["share", "explain", CASE, "function", "--for", IV_TEAM])
        .stdout;
    for part in [
        "Chain: legal basis IVG68bis",
        "the current key, wrapped to them",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }

    // 7: what the client is given.
    story.tell_the_client();

    // What was allowed and taken back verifies by itself, on a device that has nothing of the case.
    story.prove();
    // 8: consent again, and Keller reads what stands there now, and what comes.
    story.consent_again();

    for device in [ruegg, iseli, keller, gerber] {
        let doctor = device.run(&["doctor", "--json"]);
        let doctor: Value = serde_json::from_str(&doctor.stdout).unwrap();
        assert_eq!(doctor["sound"], true, "{doctor}");
    }
    let markers = [
        BEFORE,
        BY_LEAD,
        BY_COACH,
        AFTERWARDS,
        NOTE,
        ADAPTATIONS,
        "Mosimann",
    ];
    let markers = markers.map(str::to_owned);
    let homes = [ruegg, iseli, keller, gerber].map(|device| device.home.clone());
    let places: Vec<_> = story
        .stage
        .relay
        .everything()
        .into_iter()
        .chain(homes)
        .collect();
    let (found, bytes) = disk::search(&places, &markers);
    assert_eq!(found, [""; 0]);
    assert!(bytes > 100_000, "only {bytes} bytes were searched");
}

/// What a device that lost the section still shows of it, where it shows anything.
fn bases_in_the_dark(device: &Device) -> Vec<String> {
    let shown = device.run(&["section", "show", CASE, "function", "--json"]);
    let Ok(shown) = serde_json::from_str::<Value>(&shown.stdout) else {
        return Vec::new();
    };
    let assessments = shown["content"]["assessments"].as_array();
    let texts = assessments.into_iter().flatten();
    texts.map(|one| text(&one["basis"]).to_owned()).collect()
}
