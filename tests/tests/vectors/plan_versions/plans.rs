//! What may stand in a plan: what is in force by it, and what is not.

use nahtlos_casework::fields::{Digest, Field};
use nahtlos_casework::plan_version::VersionText;
use serde_json::Value;

use super::of;
use super::plan::{But, Plan};

pub fn made() -> Vec<Value> {
    [
        by_who_signed(),
        by_how_the_institution_signed(),
        by_how_the_client_agreed(),
        by_version(),
        by_several_versions(),
        by_two_leads(),
    ]
    .concat()
}

fn by_who_signed() -> Vec<Value> {
    let who = |name: &str, signers: &[(u8, &str)]| {
        let mut plan = Plan::new();
        let version = plan.version("v1", 1, 0);
        for (position, (by, party)) in signers.iter().enumerate() {
            let id = format!("s{position}");
            plan.sign(&id, &version, *by, party, But::default());
        }
        plan.vector(name)
    };
    let (lead, iv) = (of(0), of(1));
    let (lead, iv) = (lead.as_str(), iv.as_str());
    vec![
        Plan::new().vector("no version"),
        who("nobody signed", &[]),
        who("all signed", &[(1, iv), (0, lead), (0, "client")]),
        who("the client is missing", &[(1, iv), (0, lead)]),
        who("the lead is missing", &[(1, iv), (0, "client")]),
        who("who is responsible is missing", &[(0, lead), (0, "client")]),
        who(
            "somebody signed who need not",
            &[(1, iv), (0, lead), (0, "client"), (2, of(2).as_str())],
        ),
        who(
            "one signed twice",
            &[(1, iv), (1, iv), (0, lead), (0, "client")],
        ),
    ]
}

/// Lead and client have signed; all hangs on the institution that is responsible.
fn by_how_the_institution_signed() -> Vec<Value> {
    let how = |name: &str, but: But| {
        let mut plan = Plan::new();
        let version = plan.version("v1", 1, 0);
        plan.sign("lead", &version, 0, of(0).as_str(), But::default());
        plan.sign("client", &version, 0, "client", But::default());
        plan.sign("iv", &version, 1, of(1).as_str(), but);
        plan.vector(name)
    };
    let with = |name: &'static str, value: &str| But {
        fields: vec![(name, Some(value.to_owned()))],
        ..But::default()
    };
    let without = |name: &'static str| But {
        fields: vec![(name, None)],
        ..But::default()
    };
    let other = Digest::of(b"another").canonical();
    let scan = Digest::of(b"scan").canonical();
    let on_paper = But {
        fields: vec![
            ("method", Some("paper".into())),
            ("paper", Some(scan.clone())),
        ],
        ..But::default()
    };
    vec![
        how(
            "its statement does not hold",
            But {
                does_not_hold: true,
                ..But::default()
            },
        ),
        how(
            "another device entered it",
            But {
                made_by: Some(2),
                ..But::default()
            },
        ),
        how(
            "the lead's device entered it",
            But {
                made_by: Some(0),
                ..But::default()
            },
        ),
        how("over other heads", with("heads", &other)),
        how("over no heads", with("heads", "")),
        how("over another text", with("text_hash", &other)),
        how(
            "over the hash in capitals",
            with("text_hash", &other.to_uppercase()),
        ),
        how("over another number", with("number", "2")),
        how("over a number with a zero before it", with("number", "01")),
        how("for another institution", with("party", of(2).as_str())),
        how(
            "as another institution",
            with("institution", of(2).as_str()),
        ),
        how("for the client", with("party", "client")),
        how("for nobody", with("party", "")),
        how("on paper", on_paper),
        how("by word of mouth", with("method", "verbal")),
        how("in a way that nobody knows", with("method", "nod")),
        how(
            "with a hash of a paper that it does not need",
            with("paper", &scan),
        ),
        how("with a paper that is no hash", with("paper", "none")),
        how("with a note", with("note", "Frau Iseli hat gezeichnet.")),
        how("with an empty note", with("note", "")),
        how("with a field of a newer program", with("place", "Langnau")),
        how("without the method", without("method")),
        how("without the institution", without("institution")),
        how("without its signature's number", without("number")),
    ]
}

/// Lead and institution have signed; all hangs on the client.
fn by_how_the_client_agreed() -> Vec<Value> {
    let how = |name: &str, by: u8, fields: Vec<(&'static str, Option<String>)>| {
        let mut plan = Plan::new();
        let version = plan.version("v1", 1, 0);
        plan.sign("lead", &version, 0, of(0).as_str(), But::default());
        plan.sign("iv", &version, 1, of(1).as_str(), But::default());
        plan.sign(
            "client",
            &version,
            by,
            "client",
            But {
                fields,
                ..But::default()
            },
        );
        plan.vector(name)
    };
    let note = || Some("am 12. März, Frau Berger gegenüber".to_owned());
    let verbal = || ("method", Some("verbal".to_owned()));
    vec![
        how("the client signed on paper", 0, vec![]),
        how("a paper without its hash", 0, vec![("paper", None)]),
        how(
            "the client said so",
            0,
            vec![verbal(), ("paper", None), ("note", note())],
        ),
        how(
            "nobody noted what the client said",
            0,
            vec![verbal(), ("paper", None)],
        ),
        how(
            "a device signed for the client",
            0,
            vec![("method", Some("device_key".into()))],
        ),
        how("who does not lead recorded it", 1, vec![]),
    ]
}

fn by_version() -> Vec<Value> {
    let mut by_another = Plan::new();
    let version = by_another.version("v1", 1, 2);
    by_another.all_sign(&version);
    by_another.sign("own", &version, 2, of(2).as_str(), But::default());
    by_another.sign("of-client", &version, 2, "client", But::default());

    let mut once_led = Plan::new();
    once_led.led_by = Some(vec![of(0), of(2)]);
    let version = once_led.version("v1", 1, 2);
    once_led.sign("own", &version, 2, of(2).as_str(), But::default());
    once_led.sign("iv", &version, 1, of(1).as_str(), But::default());
    once_led.sign("client", &version, 2, "client", But::default());

    let mut no_core = Plan::new();
    no_core.led_by = None;
    let version = no_core.version("v1", 1, 0);
    no_core.all_sign(&version);

    let mut entered_by_another = Plan::new();
    let (text, heads) = entered_by_another.version("v1", 1, 0);
    let again = VersionText::new(2, of(0), text.content().clone());
    entered_by_another.version_of("v2", &again, &heads, 1);
    entered_by_another.all_sign(&(again, heads));

    let mut other_text = Plan::new();
    let (text, heads) = other_text.version("v1", 1, 0);
    let changed = text
        .render()
        .replace("\"s\"", "\"another goal\"")
        .replace("number\t1", "number\t2");
    let changed = VersionText::parse(&changed).unwrap();
    other_text.version_of("v2", &changed, &heads, 0);
    other_text.all_sign(&(changed, heads));

    let mut gone = Plan::new();
    let (text, _) = gone.version("v1", 1, 0);
    let (later, heads) = (
        VersionText::new(2, of(0), text.content().clone()),
        vec![Digest::of(b"gone")],
    );
    gone.version_of("v2", &later, &heads, 0);
    gone.all_sign(&(later, heads));

    vec![
        by_another.vector("a version of who does not lead"),
        once_led.vector("a version of who led once"),
        no_core.vector("who led is not readable"),
        entered_by_another.vector("a version that another institution entered"),
        other_text.vector("a text that the plan did not say"),
        gone.vector("heads that are not in the document"),
    ]
}

fn by_several_versions() -> Vec<Value> {
    let two = |name: &str, numbers: [u32; 2], signed: [bool; 2]| {
        let mut plan = Plan::new();
        let versions = numbers.map(|number| {
            let id = format!("v{}", plan.next_entry());
            plan.version(&id, number, 0)
        });
        for (version, _) in versions.iter().zip(signed).filter(|(_, signed)| *signed) {
            plan.all_sign(version);
        }
        plan.vector(name)
    };
    vec![
        two("the later of two", [1, 2], [true, true]),
        two("the later is not signed", [1, 2], [true, false]),
        two("the earlier is not signed", [1, 2], [false, true]),
        two("the later came first", [2, 1], [true, true]),
        two("two of one number", [1, 1], [true, true]),
        two(
            "two of one number, one of them signed",
            [1, 1],
            [true, false],
        ),
        two("numbers are not in a row", [3, 7], [true, true]),
    ]
}

/// Both are signed by all who must; the earlier lead's has the higher number.
fn by_two_leads() -> Vec<Value> {
    let led_by = |name: &str, leads: Option<Vec<u8>>| {
        let mut plan = Plan::new();
        plan.led_by = leads.map(|leads| leads.into_iter().map(of).collect());
        let present = plan.version("v1", 1, 0);
        plan.all_sign(&present);
        let other = plan.version("v7", 7, 2);
        plan.sign("own", &other, 2, of(2).as_str(), But::default());
        plan.sign("iv", &other, 1, of(1).as_str(), But::default());
        plan.sign("of-client", &other, 2, "client", But::default());
        plan.vector(name)
    };
    vec![
        led_by("a higher number of who led before", Some(vec![2, 0])),
        led_by("a higher number of who leads now", Some(vec![0, 2])),
        led_by("two leads, and who led is not readable", None),
    ]
}
