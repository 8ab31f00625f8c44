//! Versions of a plan (PROTOCOL §31): the canonical text of what a document says, and which version is in
//! force by what stands in a plan.

mod plan;
mod plans;

use nahtlos_casework::fields::{Field, InstitutionId};
use nahtlos_casework::plan_version::{PlanContent, VersionText};
use nahtlos_casework::{SectionKind, containers};
use nahtlos_document::{Actor, Document, Editor, Path};
use serde_json::{Value, json};

use crate::forms::file;
use crate::support::{each, stored};

const TIME_SECONDS: i64 = 1_800_000_000;

#[test]
fn the_texts_of_plans_are_what_they_were() {
    let made = || [texts(), no_texts()].concat();
    let stored = stored("added/plan_texts.json", || {
        let what = "a plan's document, its canonical text with the hash, and who must agree; texts that are none";
        file("§31", what, made())
    });
    assert_eq!(stored["vectors"], Value::from(made()));
    for (name, vector) in each(&stored) {
        let text = vector["text"].as_str().unwrap();
        let read = VersionText::parse(text);
        assert_eq!(read.is_ok(), vector["error"].is_null(), "{name}");
        if let Ok(read) = read {
            assert_eq!(read.render(), text, "{name}");
        }
    }
}

#[test]
fn the_same_version_of_a_plan_is_in_force_as_it_was() {
    let stored = stored("added/plan_versions.json", || {
        let what = "entries of plans in the order in which they were made, and what the logs say of them: which \
                    versions are sound, which signatures count, and which version is in force";
        file("§31", what, plans::made())
    });
    assert_eq!(stored["vectors"], Value::from(plans::made()));
    let in_force = each(&stored).filter(|(_, vector)| !vector["in_force"].is_null());
    let (with, all) = (in_force.count(), each(&stored).count());
    assert!(with > 3 && all - with > 10, "{with} of {all}");
}

fn of(number: u8) -> InstitutionId {
    InstitutionId::parse(&format!("{number}a").repeat(32)).unwrap()
}

/// A document of the section `plan` that says this.
fn document(says: &Value) -> Document {
    let mut document = Document::genesis(containers(&SectionKind::Plan)).unwrap();
    document.set_actor(Actor::from_bytes([0xdd; 16]));
    edit(&mut document, |editor| {
        for (name, value) in says.as_object().unwrap() {
            write(editor, &Path::from_iter([name.as_str()]), value);
        }
    });
    document
}

fn edit(document: &mut Document, change: impl FnOnce(&mut Editor<'_>)) {
    document
        .edit(TIME_SECONDS, None, |editor| {
            change(editor);
            Ok::<(), nahtlos_document::WriteError>(())
        })
        .unwrap()
        .unwrap();
}

fn write(editor: &mut Editor<'_>, path: &Path, value: &Value) {
    match value {
        Value::Object(fields) => {
            if !editor.exists(path) {
                editor.put_map(path).unwrap();
            }
            for (name, value) in fields {
                write(editor, &path.join(name.as_str()), value);
            }
        }
        Value::String(text) => editor.put(path, text.as_str()).unwrap(),
        Value::Bool(truth) => editor.put(path, *truth).unwrap(),
        Value::Number(number) => editor.put(path, number.as_i64().unwrap()).unwrap(),
        other => panic!("{other}"),
    }
}

fn text_of(number: u32, lead: u8, document: &Document) -> VersionText {
    VersionText::new(number, of(lead), PlanContent::of(&document.read()))
}

fn texts() -> Vec<Value> {
    let vector = |name: &str, number: u32, says: Value| {
        let document = document(&says);
        let text = text_of(number, 0, &document);
        let mut parties: Vec<String> = text.parties().iter().map(Field::canonical).collect();
        parties.sort();
        json!({
            "name": name,
            "number": number,
            "lead": of(0),
            "document": document.export_json(),
            "text": text.render(),
            "sha256": text.hash(),
            "parties": parties,
            "error": null,
        })
    };
    vec![
        vector("one field", 1, json!({ "plan": { "situation": "x" } })),
        vector("what is left out", 4_294_967_295, left_out()),
        vector("order, escapes, other values", 12, forms_of_values()),
    ]
}

fn left_out() -> Value {
    let step = |status: &str, responsible: &str| {
        json!({
            "title": "t", "status": status, "responsible": responsible,
            "approvals": { "a": { "payers": "iv=100" } },
        })
    };
    let (iv, social, body) = (of(1), of(2), "pflegeheim");
    json!({
        "acknowledged": { "x": true },
        "plan": {
            "status": "open",
            "version:aaaa": { "heads": "", "text": "" },
            "version:bbbb": "no map",
            "signature:aaaa": { "number": "1" },
            "review:aaaa": { "outcome": "go on" },
            "risk:aaaa": { "description": "Rückfall", "status": "open" },
            "reviewed": "stays",
        },
        "goals": {
            "g1": {
                "status": "open", "statement": "s", "approvals": "stays",
                "steps": {
                    "s1": step("planned", iv.as_str()),
                    "s2": step("aborted", &format!("{social}/person")),
                    "s3": step("unheard-of", body),
                    "s4": step("done", &format!("{body}/person")),
                    "s5": step("requested", "client"),
                },
            },
            "g2": { "status": "dropped", "statement": "s", "steps": { "s1": step("done", social.as_str()) } },
            "g3": { "status": "partly", "statement": "s", "steps": {} },
            "g4": { "status": "unheard-of", "steps": { "s1": { "status": "running" } } },
            "g5": { "status": true },
        },
    })
}

fn forms_of_values() -> Value {
    json!({
        "plan": {
            "a": "Zeile eins\nZeile zwei\r\ttab \"so\" \\ / \u{8}\u{c}\u{1}\u{1f}\u{7f}",
            "b": "é e\u{301} 漢 🙂 \u{2028}",
            "c": "", "d": true, "e": false, "f": -12, "g": 9_007_199_254_740_991_i64,
        },
        "goals": {
            "g": { "x": "1" }, "g-h": { "x": "2" }, "g h": { "x": "3" }, "é": { "x": "4" }, "z": { "x": "5" },
            "G": { "later": { "than": { "this": "program" } } },
        },
        "unknown": { "to": "this program" },
    })
}

fn no_texts() -> Vec<Value> {
    let lead = of(0);
    let right = format!("nahtlos-plan 1\nnumber\t1\nlead\t{lead}\nplan/a\t\"x\"\nplan/b\t\"y\"\n");
    let swapped =
        format!("nahtlos-plan 1\nnumber\t1\nlead\t{lead}\nplan/b\t\"y\"\nplan/a\t\"x\"\n");
    let wrong = [
        ("nothing", String::new()),
        ("without the last line feed", right.trim_end().to_owned()),
        ("a line more", format!("{right}\n")),
        (
            "another form",
            right.replace("nahtlos-plan 1", "nahtlos-plan 2"),
        ),
        (
            "a number with a zero before it",
            right.replace("number\t1", "number\t01"),
        ),
        ("number 0", right.replace("number\t1", "number\t0")),
        (
            "a number that is none",
            right.replace("number\t1", "number\t-1"),
        ),
        (
            "a number that is too large",
            right.replace("number\t1", "number\t4294967296"),
        ),
        (
            "white space before a value",
            right.replacen("\t\"x\"", "\t \"x\"", 1),
        ),
        (
            "an escape that is not required",
            right.replacen("\"x\"", "\"\\u0078\"", 1),
        ),
        ("an escaped slash", right.replacen("\"x\"", "\"\\/\"", 1)),
        ("a value that is no JSON", right.replacen("\"x\"", "x", 1)),
        (
            "a value with more behind it",
            right.replacen("\"x\"", "\"x\" 1", 1),
        ),
        ("no value", right.replacen("\t\"x\"", "", 1)),
        ("another order", swapped),
        ("a field twice", right.replace("plan/b", "plan/a")),
        ("line ends of Windows", right.replace('\n', "\r\n")),
        ("no lead", right.replace(&format!("lead\t{lead}\n"), "")),
    ];
    assert!(VersionText::parse(&right).is_ok(), "control");
    wrong
        .into_iter()
        .map(|(name, text)| json!({ "name": name, "text": text, "error": "not_canonical" }))
        .collect()
}
