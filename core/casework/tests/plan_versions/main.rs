//! A version of the plan is signed, an older copy is edited offline, and what was signed
//! stays what it was. Signatures are a test's own, the name of who signed: keys are the caller's part.

mod extras;
mod hindered;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::edit::{
    GoalField, NewSignature, NewVersion, PlanEdit, PlanField, StepField, Wording,
};
use nahtlos_casework::fields::{Digest, GoalStatus, Party, SignatureMethod, StepStatus};
use nahtlos_casework::plan_version::{
    PlanAgreement, SignatureDoubt, VersionDoubt, VersionStatus, VersionText,
};
use nahtlos_casework::{ApplyError, Edit, Rule};
use support::{at, field, id};
use table::{
    BERGER, ISELI, KELLER, SOMMER, STEP, Table, agreement, client_signed, doubts, institution,
    of_number, signed_by,
};

const GOLDEN: &str = include_str!("../data/plan-version-1.txt");

/// What stands in the golden file was written by another program from PROTOCOL §31.
#[test]
fn the_canonical_text_of_a_version_is_the_golden_one_byte_for_byte_on_every_device() {
    let table = Table::new();
    for who in [BERGER, ISELI, SOMMER, KELLER] {
        let text = VersionText::new(1, institution(BERGER), table.text(who, 1).content().clone());
        assert_eq!(text.render(), GOLDEN);
    }
    let read = VersionText::parse(GOLDEN).unwrap();
    assert_eq!(read.hash(), Digest::of(GOLDEN.as_bytes()));
    let parties: Vec<Party> = [BERGER, ISELI, SOMMER]
        .map(|who| Party::Institution(institution(who)))
        .into();
    let expected: BTreeSet<Party> = [vec![Party::Client], parties]
        .concat()
        .into_iter()
        .collect();
    assert_eq!(read.parties(), expected);
    for other in [
        GOLDEN.trim_end().to_owned(),
        GOLDEN.replace("number\t1", "number\t01"),
        GOLDEN.replace("number\t1", "number\t0"),
        GOLDEN.replace("nahtlos-plan 1", "nahtlos-plan 2"),
        GOLDEN.replacen("\t\"", "\t \"", 1),
        format!("{GOLDEN}\n"),
        String::new(),
    ] {
        assert_eq!(
            VersionText::parse(&other).unwrap_err().code,
            "format",
            "{other}"
        );
    }
}

#[test]
fn a_version_is_in_force_once_lead_responsible_institutions_and_client_have_signed() {
    let mut table = Table::new();
    table.propose(BERGER, 1);
    table.sync();
    let steps: [&dyn Fn(&mut Table); 4] = [
        &|table| table.sign(SOMMER, 1),
        &|table| table.sign_as(BERGER, 1, client_signed(b"scan")),
        &|table| table.sign(ISELI, 1),
        &|table| table.sign(BERGER, 1),
    ];
    for (position, step) in steps.into_iter().enumerate() {
        let versions = table.read(KELLER);
        let version = of_number(&versions, 1);
        assert_eq!(version.status, VersionStatus::Proposed);
        assert_eq!(version.missing().count(), 4 - position);
        assert!(version.is_compared && versions.in_force().is_none());
        step(&mut table);
        table.sync();
    }
    for who in [BERGER, ISELI, SOMMER, KELLER] {
        let versions = table.read(who);
        assert_eq!(of_number(&versions, 1).status, VersionStatus::InForce);
        // The last of them by their own clock.
        assert_eq!(versions.in_force().unwrap().agreed_at, Some(at(12)));
        assert_eq!(doubts(&versions), []);
        assert!(versions.changed.is_empty() && versions.violations.is_empty());
    }
}

#[test]
fn an_older_copy_edited_offline_changes_nothing_that_was_signed_and_shows_as_the_difference() {
    let mut table = Table::new();
    let reword = PlanEdit::RewordGoal {
        id: id(2),
        before: Wording::new("Schulden ordnen."),
        after: field("Schulden ordnen, mit der Beratungsstelle."),
    };
    // Keller has no version yet.
    table.apply(KELLER, reword);
    table.replicas[BERGER..KELLER].iter().for_each(|replica| {
        assert_eq!(replica.document.heads().len(), 1);
    });
    let keller = table.replicas[KELLER].clone();
    table.replicas[KELLER] = table.replicas[BERGER].clone();
    table.propose(BERGER, 1);
    table.sync();
    table.sign_all(1);
    let before = table.read(BERGER);
    table.replicas[KELLER] = keller;
    table.sync();
    for who in [BERGER, ISELI, SOMMER, KELLER] {
        let after = table.read(who);
        assert_eq!(
            after.versions, before.versions,
            "nothing signed has changed"
        );
        assert_eq!(after.in_force().unwrap().number, 1);
        let [only] = after.changed.as_slice() else {
            panic!("one difference: {:?}", after.changed.len());
        };
        assert_eq!(only.path, ["goals", &id(2).to_string(), "statement"]);
        assert_eq!(only.before.as_deref(), Some("Schulden ordnen."));
        assert_eq!(
            only.after.as_deref(),
            Some("Schulden ordnen, mit der Beratungsstelle.")
        );
    }
}

#[test]
fn how_far_a_plan_is_changes_nothing_and_that_a_step_ended_does() {
    let mut table = Table::new();
    table.propose(BERGER, 1);
    table.sync();
    table.sign_all(1);
    let shares = field(&format!("{}=100", institution(ISELI)));
    let approval = PlanEdit::ApproveStep {
        at: STEP,
        id: id(9),
        payers: shares,
    };
    table.apply(ISELI, approval);
    let field_of = |field| PlanEdit::SetGoal { id: id(1), field };
    table.apply(ISELI, field_of(GoalField::Status(GoalStatus::Active)));
    table.sync();
    assert!(table.read(BERGER).changed.is_empty());
    let end = PlanEdit::EndStep {
        at: STEP,
        status: StepStatus::Aborted,
        reason: field("krank"),
    };
    table.apply(ISELI, end);
    table.sync();
    let changed = table.read(BERGER).changed;
    let fields: Vec<&str> = changed.iter().map(|one| one.path[4].as_str()).collect();
    assert_eq!(fields, ["reason", "status"]);
    assert_eq!(changed[1].after.as_deref(), Some("aborted"));
    assert_eq!(changed[1].entry.as_deref(), Some("Arbeitsversuch"));
}

#[test]
fn a_signature_that_is_not_what_it_claims_is_shown_and_never_counts() {
    let mut table = Table::new();
    table.propose(BERGER, 1);
    table.sync();
    let versions = table.read(BERGER);
    let version = of_number(&versions, 1);
    let own = Party::Institution(institution(SOMMER));
    let by_key = SignatureMethod::DeviceKey;
    let right = agreement(version, own, by_key, None, SOMMER).fields();
    let other = Digest::of(b"another").to_string();
    let other = other.as_str();
    let (iv, lead) = (institution(ISELI), institution(BERGER));
    let (iv, lead) = (iv.as_str(), lead.as_str());
    use SignatureDoubt::*;
    let by_sommer = [
        (vec![("party", iv)], ForAnother),
        (vec![("heads", other)], OtherHeads),
        (vec![("text_hash", other)], OtherHeads),
        (vec![("number", "7")], NoSuchVersion),
        (vec![("number", "07")], Unreadable),
        (vec![("institution", iv)], NotCertified),
        (
            vec![("party", "client"), ("method", "paper"), ("paper", other)],
            OnlyLeadRecords,
        ),
        (vec![("method", "paper"), ("paper", other)], WrongMethod),
    ];
    let by_berger = [
        (vec![], WrongMethod),
        (vec![("method", "paper")], WrongMethod),
        (vec![("method", "verbal")], WrongMethod),
        (vec![("party", iv)], ForAnother),
    ];
    let mut wrong: Vec<(usize, BTreeMap<String, String>, String, SignatureDoubt)> = Vec::new();
    let changed = |changes: &[(&str, &str)]| {
        let mut fields = right.clone();
        let changes = changes.iter();
        fields.extend(changes.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fields
    };
    for (changes, doubt) in by_sommer {
        wrong.push((SOMMER, changed(&changes), signed_by(SOMMER), doubt));
    }
    for (changes, doubt) in by_berger {
        let as_lead = [vec![("institution", lead), ("party", "client")], changes].concat();
        wrong.push((BERGER, changed(&as_lead), signed_by(BERGER), doubt));
    }
    let of_iv = changed(&[("institution", iv), ("party", iv)]);
    wrong.push((SOMMER, of_iv, signed_by(ISELI), PutThereByAnother));
    wrong.push((SOMMER, right.clone(), "forged".into(), BadSignature));
    let mut less = right.clone();
    less.remove("method");
    wrong.push((SOMMER, less, signed_by(SOMMER), Unreadable));
    let anew = || Table {
        replicas: table.replicas.clone(),
        authors: table.authors.clone(),
        next: 150,
    };
    for (who, fields, signature, expected) in wrong {
        let mut table = anew();
        table.write_signature(who, &fields, &signature);
        table.sync();
        let versions = table.read(KELLER);
        assert_eq!(doubts(&versions), [expected], "{fields:?}");
        assert_eq!(of_number(&versions, 1).missing().count(), 4, "{fields:?}");
    }
    let mut control = anew();
    control.write_signature(SOMMER, &right, &signed_by(SOMMER));
    control.sync();
    let versions = control.read(KELLER);
    assert_eq!(doubts(&versions), []);
    assert_eq!(of_number(&versions, 1).missing().count(), 3);
}

#[test]
fn a_body_that_uses_no_program_signs_on_paper_and_only_the_lead_records_it() {
    let mut table = Table::new();
    let responsible = StepField::Responsible(field("pflegeheim-lindenhof"));
    table.apply(
        BERGER,
        PlanEdit::SetStep {
            at: STEP,
            field: responsible,
        },
    );
    table.propose(BERGER, 1);
    table.sync();
    let body = Party::Institution(field("pflegeheim-lindenhof"));
    let paper = (body.clone(), SignatureMethod::Paper, Some(Digest::of(b"x")));
    table.sign_as(SOMMER, 1, paper.clone());
    table.sync();
    assert_eq!(
        doubts(&table.read(KELLER)),
        [SignatureDoubt::OnlyLeadRecords]
    );
    table.sign_as(BERGER, 1, paper);
    table.sync();
    let versions = table.read(KELLER);
    assert!(
        !of_number(&versions, 1)
            .missing()
            .any(|party| *party == body)
    );
}

#[test]
fn two_versions_with_one_number_show_and_none_is_silently_in_force() {
    let mut table = Table::new();
    let change = |words: &str| PlanEdit::Set(PlanField::OverallGoal(field(words)));
    let mut other = Table {
        replicas: table.replicas.clone(),
        authors: table.authors.clone(),
        next: 150,
    };
    // Two devices of the lead, which did not see each other.
    table.propose(BERGER, 1);
    other.apply(SOMMER, change("Eine feste Stelle."));
    other.replicas[SOMMER].author.institution = institution(BERGER);
    other.propose(SOMMER, 1);
    for author in table.authors.values_mut() {
        if author.person.as_str() == "sommer" {
            author.institution = institution(BERGER);
        }
    }
    let second = other.replicas[SOMMER].clone();
    table.replicas[BERGER].pull(&second);
    table.sync();
    let versions = table.read(KELLER);
    let shown: Vec<(u32, bool, VersionStatus)> = versions
        .versions
        .iter()
        .map(|version| (version.number, version.shares_number, version.status))
        .collect();
    assert_eq!(shown, [(1, true, VersionStatus::Proposed); 2]);
    let codes: BTreeSet<&str> = versions
        .versions
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes.len(), 2);
    for version in &versions.versions {
        for (who, party) in [
            (BERGER, Party::Institution(institution(BERGER))),
            (ISELI, Party::Institution(institution(ISELI))),
            (BERGER, Party::Client),
        ] {
            let client = party == Party::Client;
            let (method, paper) = match client {
                true => (SignatureMethod::Paper, Some(Digest::of(b"x"))),
                false => (SignatureMethod::DeviceKey, None),
            };
            table.add_signature(who, version, agreement(version, party, method, paper, who));
        }
    }
    // Sommer's own institution is named responsible; a device of it signs both.
    table.sync();
    let waiting = table.read(KELLER);
    assert!(
        waiting
            .versions
            .iter()
            .all(|version| version.missing().count() == 1)
    );
    assert!(waiting.in_force().is_none());
}

#[test]
fn who_does_not_lead_proposes_nothing_and_a_text_that_the_plan_never_said_is_no_version() {
    let mut table = Table::new();
    // The program refuses it at the edit …
    let mut foreign = table.text(BERGER, 1).render();
    let proposal = |text: &str, heads: Vec<Digest>| {
        Edit::Plan(PlanEdit::ProposeVersion(NewVersion {
            id: id(77),
            heads,
            text: Wording::new(text),
        }))
    };
    let heads = table.heads(SOMMER);
    let refused = table.replicas[SOMMER].try_apply(&proposal(&foreign, heads.clone()), 1);
    assert!(matches!(refused, Err(ApplyError::NotEntitled { .. })));
    // … and every reader refuses what another program wrote.
    let own = table.text(SOMMER, 1).render();
    table.replicas[SOMMER].apply(&proposal(&own, heads.clone()), 1);
    foreign = foreign.replace("Schulden", "Vermögen");
    table.replicas[BERGER].apply(&proposal(&foreign, heads), 1);
    table.sync();
    let found: BTreeMap<_, _> = table
        .read(KELLER)
        .versions
        .into_iter()
        .map(|version| (version.lead.clone(), (version.doubt, version.status)))
        .collect();
    let refused = |doubt| (Some(doubt), VersionStatus::Refused);
    assert_eq!(
        found,
        BTreeMap::from([
            (institution(SOMMER), refused(VersionDoubt::NotByTheLead)),
            (institution(BERGER), refused(VersionDoubt::OtherText)),
        ])
    );
    // Positive control: had Sommer led the case once, hers would stand.
    let led = table.read_led_by(KELLER, [institution(BERGER), institution(SOMMER)]);
    let mut versions = led.versions.iter();
    assert!(versions.any(|version| version.status == VersionStatus::Proposed));
}

#[test]
fn a_version_and_its_signatures_stand_whatever_a_modified_program_does_to_them() {
    let mut table = Table::new();
    table.propose(BERGER, 1);
    table.sync();
    table.sign_all(1);
    let before = table.read(KELLER);
    let names = table.replicas[SOMMER].document.read().keys(["plan"]);
    let entries: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with("version:") || name.starts_with("signature:"))
        .collect();
    assert_eq!(entries.len(), 5);
    table.replicas[SOMMER].tamper(|editor| {
        entries
            .iter()
            .try_for_each(|name| editor.delete(["plan", name.as_str()]))
    });
    table.sync();
    let after = table.read(KELLER);
    assert_eq!(after.versions, before.versions);
    assert_eq!(after.violations.len(), 5);
    for violation in &after.violations {
        let by = violation.by.author.as_ref().unwrap();
        assert_eq!(
            (violation.rule, by.person.as_str()),
            (Rule::EntriesAreImmutable, "sommer")
        );
    }
}

/// What a version was made of may be gone: it was compacted, or an edit in it does not count any more.
#[test]
fn a_version_whose_heads_are_gone_stands_by_the_signatures_over_its_text() {
    let mut table = Table::new();
    let proposal = PlanEdit::ProposeVersion(NewVersion {
        id: id(70),
        heads: vec![Digest::of(b"gone")],
        text: Wording::new(table.text(BERGER, 1).render()),
    });
    table.apply(BERGER, proposal);
    table.sync();
    assert!(!of_number(&table.read(KELLER), 1).is_compared);
    table.sign_all(1);
    let versions = table.read(KELLER);
    let version = versions.in_force().unwrap();
    assert!(!version.is_compared && version.text.render() == GOLDEN);
    assert!(versions.changed.is_empty());
}

#[test]
fn a_signature_over_other_heads_is_refused_with_field_reason_and_remedy_and_nothing_is_written() {
    let mut table = Table::new();
    table.propose(BERGER, 1);
    let versions = table.read(BERGER);
    let version = of_number(&versions, 1);
    let heads = table.heads(BERGER);
    let signature = |heads: Vec<Digest>, text_hash: Digest| {
        let own = Party::Institution(institution(BERGER));
        let agreed = agreement(version, own, SignatureMethod::DeviceKey, None, BERGER);
        Edit::Plan(PlanEdit::SignVersion(NewSignature {
            id: id(88),
            version: *version.id.known().unwrap(),
            agreement: PlanAgreement {
                heads,
                text_hash,
                ..agreed
            },
            signature: field(&signed_by(BERGER)),
        }))
    };
    let wrong = [
        signature(vec![Digest::of(b"other")], version.text_hash),
        signature(version.heads.clone(), Digest::of(b"other")),
    ];
    for edit in wrong {
        let Err(ApplyError::Invalid(error)) = table.replicas[BERGER].try_apply(&edit, 1) else {
            panic!("it was taken");
        };
        assert_eq!((error.field, error.code), ("heads", "other_heads"));
        assert!(!error.reason.is_empty() && !error.remedy.is_empty());
        assert_eq!(table.heads(BERGER), heads);
    }
    let right = signature(version.heads.clone(), version.text_hash);
    table.replicas[BERGER].apply(&right, 1);
}
