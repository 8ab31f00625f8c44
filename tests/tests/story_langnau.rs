//! Story S1, an offline round table in Langnau, through the real programs: one relay process, one
//! home for each of four institutions, sockets and files. Its first step, the anonymous enquiry, is told by
//! `enquiry.rs`.

#[path = "story_langnau/plan_version.rs"]
mod plan_version;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use story::line::Moment;
use story::{CASE_FILE, Device, Homes, Stage, disk, exit};

/// By how much of the client's name everybody names the case.
const CASE: &str = "mosimann";

const SECTIONS: [&str; 5] = ["core", "function", "journal", "plan", "tasks"];
/// Where reading is recorded: opened with the case, and covered by no consent here.
const ACCESS: &str = "access";

/// How Berger and Keller reword the first sentence of goal 1.
const BERGER_WORDS: (&str, &str) = ("eine Stelle", "eine feste Stelle");
const KELLER_WORDS: (&str, &str) = ("in der Pflege", "in der Spitex");

/// Who takes part, in the order the story names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Berger,
    Iseli,
    Sommer,
    Keller,
}

use Who::{Berger, Iseli, Keller, Sommer};

impl Who {
    const ALL: [Self; 4] = [Berger, Iseli, Sommer, Keller];

    const fn name(self) -> &'static str {
        match self {
            Berger => "Anna Berger",
            Iseli => "Marc Iseli",
            Sommer => "Eva Sommer",
            Keller => "Urs Keller",
        }
    }

    /// Institution, kind, team, person, function.
    const fn introduction(self) -> [&'static str; 5] {
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
    fn shared(self) -> BTreeMap<&'static str, &'static str> {
        let role = |section: &str| match (self, section) {
            (Berger, _) => Some("manage"),
            (_, "core") | (Keller, "function") => Some("read"),
            (Sommer, "function") => None,
            _ => Some("write"),
        };
        let own = (self == Berger).then_some((ACCESS, "manage"));
        let sections = SECTIONS.into_iter();
        sections
            .filter_map(|section| Some((section, role(section)?)))
            .chain(own)
            .collect()
    }
}

/// The story's stage with its four devices.
struct Langnau {
    stage: Stage,
    devices: BTreeMap<Who, Device>,
    number: String,
}

impl Langnau {
    /// Four institutions in one network, and a case that Berger has shared with the others.
    fn begin() -> Self {
        let stage = Stage::new(Homes::Quick, &[]);
        let berger = stage.found("device-1", &Berger.introduction());
        let mut devices = BTreeMap::from([(Berger, berger.clone())]);
        for (position, who) in [Iseli, Sommer, Keller].into_iter().enumerate() {
            let home = format!("device-{}", position + 2);
            devices.insert(who, stage.join(&berger, &home, &who.introduction()));
        }
        let opened = berger.json(&["case", "open", "--from", CASE_FILE]);
        let number = opened["case_number"].as_str().unwrap().to_owned();
        let story = Self {
            stage,
            devices,
            number,
        };
        // Berger admits the three, they introduce themselves, Berger learns who they are.
        story.sync(&[Berger, Iseli, Sommer, Keller, Berger]);
        story.share();
        story.sync(&[Berger, Iseli, Sommer, Keller, Berger]);
        story
    }

    fn device(&self, who: Who) -> &Device {
        &self.devices[&who]
    }

    fn sync(&self, order: &[Who]) {
        for who in order {
            self.device(*who).done(&["sync"]);
        }
    }

    fn share(&self) {
        for who in [Iseli, Sommer, Keller] {
            let mut by_role: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (section, role) in who.shared() {
                by_role.entry(role).or_default().push(section);
            }
            for (role, sections) in by_role {
                let words = [
                    "share",
                    "grant",
                    CASE,
                    "--section",
                    &sections.join(","),
                    "--to",
                    who.introduction()[2],
                    "--role",
                    role,
                    "--basis",
                    "AVG35a1",
                    "--yes",
                ];
                self.device(Berger).done(&words);
            }
        }
    }

    /// One section as its document stands on a device.
    fn section(&self, who: Who, section: &str) -> Value {
        self.device(who).json(&["section", "export", CASE, section])["content"].clone()
    }

    /// What `section show` reads out of it.
    fn view(&self, who: Who, section: &str) -> Value {
        self.device(who).json(&["section", "show", CASE, section])["content"].clone()
    }

    fn conflicts(&self, who: Who) -> Vec<Value> {
        let listed = self.device(who).json(&["conflict", "list", CASE]);
        let listed = listed["conflicts"].as_array().unwrap();
        listed.iter().map(|line| line["conflict"].clone()).collect()
    }

    /// Goal 1 and its third step as they are named on the command line, and the goal's wording.
    fn goal_and_step(&self) -> (String, String, String) {
        let plan = self.view(Berger, "plan");
        let goal = &plan["goals"][0];
        let steps = goal["steps"].as_array().unwrap();
        let is_third = |step: &&Value| text(&step["title"]).starts_with("Arbeitsversuch");
        let step = steps.iter().find(is_third).expect("the third step");
        (
            text(&goal["id"]).to_owned(),
            text(&step["id"]).to_owned(),
            text(&goal["statement"]).to_owned(),
        )
    }

    fn task(&self, title: &str) -> String {
        let tasks = self.view(Berger, "tasks");
        let tasks = tasks["tasks"].as_array().unwrap();
        let is_it = |task: &&Value| text(&task["title"]).starts_with(title);
        text(&tasks.iter().find(is_it).expect("the task")["id"]).to_owned()
    }

    /// Seventy minutes without a network: nobody's edits meet before the next sync.
    fn edit_offline(&self) -> Targets {
        let (goal, step, wording) = self.goal_and_step();
        let task = self.task("Arbeitszeugnisse");
        for (who, (from, to)) in [(Berger, BERGER_WORDS), (Keller, KELLER_WORDS)] {
            let reworded = wording.replacen(from, to, 1);
            let words = ["plan", "goal", "reword", CASE, &goal];
            self.device(who).done_with(&words, &reworded);
        }
        for (who, day) in [(Iseli, "31.03.2027"), (Sommer, "30.04.2027")] {
            let words = ["plan", "step", "set", CASE, &step, "due"];
            self.device(who).done_with(&words, day);
        }
        let payers = |who: Who, shares: &str| {
            let words = ["plan", "step", "payers", CASE, &step, shares];
            self.device(who).done(&words);
        };
        payers(Iseli, "IV-Stelle Bern=100");
        let approve = ["plan", "step", "approve", CASE, &step];
        self.device(Iseli).done(&approve);
        payers(Sommer, "IV-Stelle Bern=50;Sozialdienst Oberes Emmental=50");
        for title in ["Anfrage an zwei Pflegeheime", "Probetag vereinbaren"] {
            self.device(Keller).done_with(&["task", "add", CASE], title);
        }
        self.device(Keller).done(&["task", "done", CASE, &task]);
        let delete = ["task", "delete", CASE, &task, "--yes"];
        self.device(Sommer).done(&delete);
        Targets {
            goal,
            step,
            task,
            wording,
        }
    }

    /// Kills the relay within somebody's sync, and shows that the sync said so, that what was
    /// typed is safe, and that the next sync after a restart delivers it.
    fn kill_the_relay_while(&mut self, who: Who, moment: Moment, note: &str) {
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
    fn entries(&self, who: Who, note: &str) -> usize {
        let journal = self.view(who, "journal");
        let entries = journal["entries"].as_array().unwrap();
        entries.iter().filter(|entry| entry["text"] == note).count()
    }

    /// All four hold the same, byte for byte, in every section that they share.
    fn assert_all_agree(&self) {
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
    fn assert_each_opens_its_own(&self) {
        for who in Who::ALL {
            let device = self.device(who);
            let shared = who.shared();
            let listed = device.json(&["section", "list", CASE]);
            let listed: BTreeMap<&str, &str> = listed["sections"]
                .as_array()
                .unwrap()
                .iter()
                .inspect(|line| assert!(line["notice"].is_null(), "{line}"))
                .map(|line| (text(&line["section"]), text(&line["role"])))
                .collect();
            assert_eq!(listed, shared, "{who:?}");
            let held: BTreeSet<String> = self.keys_held(who);
            let expected = shared
                .keys()
                .map(|section| format!("{} {section}", self.number));
            assert_eq!(held, expected.collect(), "{who:?}");
            for section in SECTIONS.into_iter().chain([ACCESS]) {
                let show = ["section", "show", CASE, section];
                if shared.contains_key(section) {
                    // That it opens, every comparison of its content shows.
                    continue;
                }
                device.refused(&show, exit::NO_RIGHT, "not_found");
                let export = ["section", "export", CASE, section];
                device.refused(&export, exit::NO_RIGHT, "not_found");
            }
        }
    }

    /// Names of the sections whose key a device holds.
    fn keys_held(&self, who: Who) -> BTreeSet<String> {
        let keys = self.device(who).json(&["key", "list"]);
        let keys = keys["keys"].as_array().unwrap();
        keys.iter()
            .filter(|key| key["kind"] == "section" && key["state"] == "held")
            .map(|key| text(&key["space"]).to_owned())
            .collect()
    }

    /// Killed and restarted, the relay's journal is whole, and no device finds anything wrong.
    fn assert_everything_is_sound(&self) {
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
    fn assert_nothing_stands_in_clear(&self, typed: &[&str]) {
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
        for section in SECTIONS {
            let file = story::text_of(&export.join(section));
            let words = ["section", "export", CASE, section, "--to", &file];
            self.device(Berger).done(&words);
        }
        let network = self.device(Berger).json(&["network"]).to_string();
        std::fs::write(export.join("network"), network).unwrap();
        for marker in &markers {
            let (found, _) =
                disk::search(std::slice::from_ref(&export), std::slice::from_ref(marker));
            assert!(!found.is_empty(), "the search does not find {marker}");
        }
        std::fs::remove_dir_all(&export).unwrap();
    }

    /// Long enough that noise does not look like one of them.
    fn markers(&self, typed: &[&str]) -> Vec<String> {
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
        .filter(|marker| *marker != "AVG35a1")
        .map(str::to_owned)
        .collect()
    }
}

/// What the edits of the round table are about.
struct Targets {
    goal: String,
    step: String,
    task: String,
    wording: String,
}

impl Targets {
    /// What goal 1 says with both people's words.
    fn merged(&self) -> String {
        [BERGER_WORDS, KELLER_WORDS]
            .iter()
            .fold(self.wording.clone(), |text, (from, to)| {
                text.replacen(from, to, 1)
            })
    }

    /// Checks that these are the four conflicts of the round table, whole, and no other. Returns
    /// their identifiers by what they are about.
    fn assert_are_these(&self, conflicts: &[Value]) -> BTreeMap<&'static str, String> {
        let mut found = BTreeMap::new();
        for conflict in conflicts {
            let path: Vec<&str> = conflict["path"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect();
            let about = match *path.last().unwrap() {
                "statement" => {
                    assert!(path.contains(&self.goal.as_str()));
                    assert_eq!(conflict["kind"], "wordings", "{conflict}");
                    assert_eq!(conflict["merged"], self.merged());
                    let reworded = |(from, to)| self.wording.replacen(from, to, 1);
                    let expected = [
                        (Berger, reworded(BERGER_WORDS)),
                        (Keller, reworded(KELLER_WORDS)),
                    ];
                    assert_sides(&conflict["alternatives"], &expected);
                    "wording"
                }
                "due" => {
                    assert!(path.contains(&self.step.as_str()));
                    assert_eq!(conflict["kind"], "values", "{conflict}");
                    let days = ["2027-03-31", "2027-04-30"].map(str::to_owned);
                    let [iseli, sommer] = days;
                    assert_sides(
                        &conflict["alternatives"],
                        &[(Iseli, iseli), (Sommer, sommer)],
                    );
                    "due"
                }
                "payers" => {
                    assert!(path.contains(&self.step.as_str()));
                    assert_eq!(conflict["kind"], "values", "{conflict}");
                    self.assert_splits(&conflict["alternatives"]);
                    "payers"
                }
                last => {
                    assert_eq!(last, self.task, "{conflict}");
                    assert_eq!(conflict["kind"], "deleted_meanwhile", "{conflict}");
                    assert_eq!(conflict["completed"], true, "{conflict}");
                    assert_origin(&conflict["deleted_by"], Sommer);
                    assert_sides(&conflict["edits"], &[(Keller, "done".to_owned())]);
                    "task"
                }
            };
            found.insert(about, text(&conflict["id"]).to_owned());
        }
        let about: Vec<&str> = found.keys().copied().collect();
        assert_eq!(about, ["due", "payers", "task", "wording"], "{conflicts:?}");
        assert_eq!(conflicts.len(), 4, "{conflicts:?}");
        found
    }

    /// Iseli's 100 % and Sommer's two halves, each whole.
    fn assert_splits(&self, alternatives: &Value) {
        let sides = alternatives.as_array().unwrap();
        assert_eq!(sides.len(), 2, "{alternatives}");
        let of = |who: Who| {
            let side = sides
                .iter()
                .find(|side| author(&side["origin"]) == who.name())
                .expect("both take part");
            assert_origin(&side["origin"], who);
            text(&side["value"]).to_owned()
        };
        let (iseli, sommer) = (of(Iseli), of(Sommer));
        let whole = iseli.strip_suffix("=100").expect(&iseli);
        let halves: BTreeSet<&str> = sommer.split(';').collect();
        assert_eq!(halves.len(), 2, "{sommer}");
        assert!(halves.iter().all(|half| half.ends_with("=50")), "{sommer}");
        assert!(halves.contains(format!("{whole}=50").as_str()), "{sommer}");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn author(origin: &Value) -> &str {
    text(&origin["author"]["display_name"])
}

/// Who and when stand there.
#[track_caller]
fn assert_origin(origin: &Value, who: Who) {
    assert_eq!(author(origin), who.name(), "{origin}");
    assert!(text(&origin["at"]).starts_with("20"), "{origin}");
}

/// Exactly these values stand there, each with its author and time.
#[track_caller]
fn assert_sides(alternatives: &Value, expected: &[(Who, String)]) {
    let sides = alternatives.as_array().unwrap();
    assert_eq!(sides.len(), expected.len(), "{alternatives}");
    for (who, value) in expected {
        let side = sides.iter().find(|side| text(&side["value"]) == value);
        assert_origin(&side.expect(value)["origin"], *who);
    }
}

/// The round table: offline edits, two rounds of syncs in this order, a relay that is killed in
/// the middle of the second, and what everybody sees then and after Berger has decided.
fn round_table(order: [Who; 4], moment: Moment) {
    let mut story = Langnau::begin();
    assert_function_is_not_for_social_aid(&story);
    story.assert_each_opens_its_own();
    let targets = story.edit_offline();
    assert_nobody_saw_anything_yet(&story);

    story.sync(&order);
    let note = "Telefon mit dem Pflegeheim Lindenhof.";
    story.sync(&order[..2]);
    story.kill_the_relay_while(order[2], moment, note);
    story.sync(&order[2..]);
    story.sync(&order);

    story.assert_all_agree();
    for who in Who::ALL {
        assert_eq!(story.entries(who, note), 1, "{who:?}");
    }
    assert_eq!(
        story.view(Sommer, "plan")["goals"][0]["statement"],
        targets.merged()
    );
    let conflicts = story.conflicts(Berger);
    let found = targets.assert_are_these(&conflicts);
    for who in [Iseli, Sommer, Keller] {
        assert_eq!(story.conflicts(who), conflicts, "{who:?}");
    }
    assert_people_are_told(&story, &found);
    story.assert_each_opens_its_own();

    settle(&story, &conflicts, &found);
    assert_all_settled(&story, &targets);
    assert_only_a_payer_approves(&story, &targets);
    plan_version::sign_and_change(&story, &targets);
    story.assert_everything_is_sound();
    story.assert_nothing_stands_in_clear(&[note]);
}

fn assert_function_is_not_for_social_aid(story: &Langnau) {
    let explain = |who: Who| {
        let words = ["share", "explain", CASE, "function", "--for", who.name()];
        story.device(Berger).json(&words)["explanation"].clone()
    };
    let no = explain(Sommer);
    assert!(no["role"].is_null() && no["holds_key"] == false, "{no}");
    assert!(
        text(&no["sentences"][0]).starts_with("No: Eva Sommer cannot see"),
        "{no}"
    );
    assert_eq!(no["grants"], serde_json::json!([]));
    for (who, role) in [(Iseli, "write"), (Keller, "read")] {
        let yes = explain(who);
        assert_eq!(
            (text(&yes["role"]), &yes["holds_key"]),
            (role, &true.into()),
            "{yes}"
        );
    }
    // Who may only read, may not write.
    let words = ["case", "set", CASE, "phone", "--json"];
    let refused = story.device(Iseli).type_in(&words, "079 555 01 43");
    refused.is_refusal(exit::NO_RIGHT, "no_right", &words);
}

fn assert_nobody_saw_anything_yet(story: &Langnau) {
    for who in Who::ALL {
        assert_eq!(story.conflicts(who), [Value::Null; 0], "{who:?}");
        let status = story.device(who).json(&["status"]);
        assert!(status["undelivered_edits"].as_u64() > Some(0), "{status}");
    }
}

/// The words a person reads on any device.
fn assert_people_are_told(story: &Langnau, found: &BTreeMap<&str, String>) {
    let listed = story.device(Keller).done(&["conflict"]).stdout;
    for told in [
        "deleted, completed meanwhile",
        "2 different values",
        "both reworded the same sentence",
    ] {
        assert!(listed.contains(told), "{listed}");
    }
    let show = |about: &str| {
        let words = ["conflict", "show", CASE, &found[about]];
        story.device(Sommer).done(&words).stdout
    };
    let due = show("due");
    for told in ["31.03.2027", "30.04.2027", "Marc Iseli", "Eva Sommer"] {
        assert!(due.contains(told), "{due}");
    }
    let payers = show("payers");
    assert!(payers.contains("IV-Stelle Bern 100 %"), "{payers}");
    assert!(
        payers.contains("Sozialdienst Oberes Emmental 50 %"),
        "{payers}"
    );
    let task = show("task");
    assert!(
        task.contains("Eva Sommer deleted this task") && task.contains("completed"),
        "{task}"
    );
}

/// Berger decides all four, and everybody syncs.
fn settle(story: &Langnau, conflicts: &[Value], found: &BTreeMap<&str, String>) {
    let by = |about: &str, who: Who| {
        let conflict = conflicts
            .iter()
            .find(|conflict| conflict["id"] == found[about]);
        let sides = conflict.unwrap()["alternatives"].as_array().unwrap();
        let position = sides
            .iter()
            .position(|side| author(&side["origin"]) == who.name());
        (position.unwrap() + 1).to_string()
    };
    let berger = story.device(Berger);
    let resolve = |about: &str, way: &[&str]| {
        let words = ["conflict", "resolve", CASE, &found[about]];
        berger.done(&[&words[..], way].concat());
    };
    resolve("wording", &["--as-it-is"]);
    resolve("due", &["--take", &by("due", Sommer)]);
    resolve("payers", &["--take", &by("payers", Iseli)]);
    resolve("task", &["--restore"]);
    let again = ["conflict", "resolve", CASE, &found["task"], "--as-it-is"];
    berger.refused(&again, exit::CONFLICT, "not_found");
    story.sync(&[Berger, Iseli, Sommer, Keller]);
}

fn assert_all_settled(story: &Langnau, targets: &Targets) {
    story.assert_all_agree();
    for who in Who::ALL {
        assert_eq!(story.conflicts(who), [Value::Null; 0], "{who:?}");
        let status = story.device(who).json(&["status"]);
        assert_eq!(
            (&status["conflicts"], &status["held"]),
            (&0.into(), &serde_json::json!([]))
        );
    }
    let plan = story.view(Keller, "plan");
    let steps = plan["goals"][0]["steps"].as_array().unwrap();
    let step = steps
        .iter()
        .find(|step| step["id"] == targets.step)
        .unwrap();
    assert_eq!(step["due"], "2027-04-30", "{step}");
    assert!(text(&step["payers"]).ends_with("=100"), "{step}");
    assert_eq!(plan["goals"][0]["statement"], targets.merged());
    let tasks = story.view(Iseli, "tasks");
    let tasks = tasks["tasks"].as_array().unwrap();
    let task = tasks
        .iter()
        .find(|task| task["id"] == targets.task)
        .unwrap();
    assert_eq!(task["status"], "done", "{task}");
    let titles: Vec<&str> = tasks.iter().map(|task| text(&task["title"])).collect();
    for title in ["Anfrage an zwei Pflegeheime", "Probetag vereinbaren"] {
        let count = titles.iter().filter(|found| **found == title).count();
        assert_eq!(count, 1, "{titles:?}");
    }
}

/// Only an institution that pays a step approves it.
fn assert_only_a_payer_approves(story: &Langnau, targets: &Targets) {
    let before = story.section(Sommer, "plan");
    let approve = ["plan", "step", "approve", CASE, &targets.step];
    let error = story
        .device(Sommer)
        .refused(&approve, exit::NO_RIGHT, "not_entitled");
    let why = text(&error["why"]);
    assert!(
        why.contains("pays") && why.contains("your institution does not"),
        "{why}"
    );
    assert_eq!(story.section(Sommer, "plan"), before, "nothing was written");
    assert_eq!(
        story.device(Sommer).json(&["status"])["undelivered_edits"],
        0
    );
    story.device(Iseli).done(&approve);
}

#[test]
fn four_devices_agree_when_coach_lead_social_aid_and_iv_sync_in_this_order() {
    round_table([Keller, Berger, Sommer, Iseli], Moment::Answer(1));
}

#[test]
fn four_devices_agree_when_they_sync_the_other_way_round() {
    round_table([Iseli, Sommer, Berger, Keller], Moment::HalfOfARequest);
}

#[test]
fn four_devices_agree_when_the_lead_syncs_last() {
    round_table([Sommer, Iseli, Keller, Berger], Moment::Answer(2));
}
