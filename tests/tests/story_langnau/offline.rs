//! Seventy minutes without a network, the four conflicts that come of it, and how Berger settles them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::scene::Who::{self, Berger, Iseli, Keller, Sommer};
use super::scene::{CASE, Langnau, assert_origin, assert_sides, author, text};
use super::story::exit;

/// How Berger and Keller reword the first sentence of goal 1.
const BERGER_WORDS: (&str, &str) = ("eine Stelle", "eine feste Stelle");
const KELLER_WORDS: (&str, &str) = ("in der Pflege", "in der Spitex");

/// What the edits of the round table are about.
pub struct Targets {
    pub goal: String,
    pub step: String,
    pub task: String,
    pub wording: String,
}

impl Targets {
    /// What goal 1 says with both people's words.
    pub fn merged(&self) -> String {
        [BERGER_WORDS, KELLER_WORDS]
            .iter()
            .fold(self.wording.clone(), |text, (from, to)| {
                text.replacen(from, to, 1)
            })
    }

    /// Checks that these are the four conflicts of the round table, whole, and no other. Returns
    /// their identifiers by what they are about.
    pub fn assert_are_these(&self, conflicts: &[Value]) -> BTreeMap<&'static str, String> {
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
    pub fn assert_splits(&self, alternatives: &Value) {
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

impl Langnau {
    /// Seventy minutes without a network: nobody's edits meet before the next sync.
    pub fn edit_offline(&self) -> Targets {
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
}

pub fn assert_nobody_saw_anything_yet(story: &Langnau) {
    for who in Who::ALL {
        assert_eq!(story.conflicts(who), [Value::Null; 0], "{who:?}");
        let status = story.device(who).json(&["status"]);
        assert!(status["undelivered_edits"].as_u64() > Some(0), "{status}");
    }
}

/// The words a person reads on any device.
pub fn assert_people_are_told(story: &Langnau, found: &BTreeMap<&str, String>) {
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
pub fn settle(story: &Langnau, conflicts: &[Value], found: &BTreeMap<&str, String>) {
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

pub fn assert_all_settled(story: &Langnau, targets: &Targets) {
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
pub fn assert_only_a_payer_approves(story: &Langnau, targets: &Targets) {
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
