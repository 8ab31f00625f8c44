//! Whoever may write the plan, with a modified program, and whoever led the case before: neither ends the
//! proposing of versions, nor takes the place of what was agreed to.

use nahtlos_casework::Rule;
use nahtlos_casework::edit::{PlanEdit, PlanField};
use nahtlos_casework::fields::{Digest, Party, SignatureMethod};
use nahtlos_casework::plan_version::{PlanVersions, VersionStatus, VersionText};
use nahtlos_document::{GateLimits, WriteError};

use crate::support::field;
use crate::table::{
    BERGER, ISELI, KELLER, SOMMER, Table, agreement, client_signed, institution, of_number,
};

/// Proposes what the plan says as the next version, as the client program does, and lets all sign it.
fn agree_anew(table: &mut Table) -> u32 {
    let number = table.read(BERGER).next_number(&institution(BERGER));
    table.propose(BERGER, number);
    table.sync();
    table.sign_all(number);
    number
}

/// A change with another name in it, of as many bytes, and the checksum that fits.
fn renamed(change: &[u8], name: &str, other: &str) -> Vec<u8> {
    const CHECKSUM: std::ops::Range<usize> = 4..8;
    let (mut change, name) = (change.to_vec(), name.as_bytes());
    let at = change.windows(name.len()).position(|bytes| bytes == name);
    let at = at.unwrap();
    change[at..at + name.len()].copy_from_slice(other.as_bytes());
    let digest = Digest::of(&change[CHECKSUM.end..]);
    change[CHECKSUM].copy_from_slice(&digest.as_bytes()[..4]);
    change
}

fn statuses(versions: &PlanVersions) -> Vec<(u32, VersionStatus)> {
    let versions = versions.versions.iter();
    versions.map(|one| (one.number, one.status)).collect()
}

#[test]
fn versions_that_nobody_can_agree_to_take_no_number() {
    let mut table = Table::new();
    // Sommer leads nothing; one entry names her institution, the other the lead's.
    table.propose(SOMMER, u32::MAX);
    let heads = table.replicas[SOMMER].document.heads();
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    let content = table.text(SOMMER, 1).content().clone();
    for number in [1, 2, u32::MAX] {
        let text = VersionText::new(number, institution(BERGER), content.clone()).render();
        let name = format!("version:forged{number}");
        table.replicas[SOMMER].tamper(|editor| {
            editor.put_map(["plan", name.as_str()])?;
            editor.put(["plan", name.as_str(), "heads"], heads.join(","))?;
            editor.put(["plan", name.as_str(), "text"], text.as_str())
        });
    }
    table.sync();
    assert_eq!(
        table.read(BERGER).versions.len(),
        4,
        "control: they are there"
    );
    assert_eq!(agree_anew(&mut table), 1);
    for who in [BERGER, SOMMER, KELLER] {
        let versions = table.read(who);
        let in_force = versions.in_force().unwrap();
        assert_eq!((in_force.number, in_force.shares_number), (1, false));
    }
}

#[test]
fn a_lead_whose_numbers_are_used_up_by_an_earlier_one_goes_on_with_its_own() {
    let mut table = Table::new();
    table.propose(SOMMER, u32::MAX);
    table.sync();
    let both = [institution(SOMMER), institution(BERGER)];
    let versions = table.read_led_by(BERGER, both);
    assert_eq!(of_number(&versions, u32::MAX).doubt, None, "control");
    assert_eq!(versions.next_number(&institution(BERGER)), 1);
}

#[test]
fn what_stands_under_a_name_that_no_field_has_is_told_and_hinders_no_version() {
    for name in ["a/b", "a\tb", "a\nb"] {
        let mut table = Table::new();
        let mut copy = table.replicas[SOMMER].document.clone();
        let honest = copy.edit(99, None, |editor| editor.put(["plan", "a#b"], "x"));
        let honest = honest.unwrap().unwrap().into_bytes();
        let batch = [renamed(&honest, "a#b", name)];
        for replica in &mut table.replicas {
            let applied = replica
                .document
                .apply(&batch, &|_| true, &GateLimits::default());
            applied.unwrap();
        }
        assert_eq!(agree_anew(&mut table), 1, "{name:?}");
        for who in [BERGER, KELLER] {
            let versions = table.read(who);
            assert_eq!(versions.in_force().map(|one| one.number), Some(1));
            assert!(versions.changed.is_empty());
            let [only] = versions.violations.as_slice() else {
                panic!("one violation: {:?}", versions.violations);
            };
            assert_eq!(only.rule, Rule::NamesFitThePlan);
            assert_eq!(only.path, ["plan", name]);
            assert_eq!(only.by.author.as_ref().unwrap().person.as_str(), "sommer");
        }
    }
}

#[test]
fn who_led_before_takes_the_place_of_nothing_that_was_agreed_to_under_the_present_lead() {
    let mut table = Table::new();
    // Sommer led, then handed over to Berger, under whom version 1 was agreed to.
    agree_anew(&mut table);
    let situation = PlanField::Situation(field("Ganz anders."));
    table.apply(SOMMER, PlanEdit::Set(situation));
    table.propose(SOMMER, 2);
    table.sync();
    let both = [institution(SOMMER), institution(BERGER)];
    let versions = table.read_led_by(SOMMER, both.clone());
    let second = of_number(&versions, 2);
    let own = |who| {
        (
            Party::Institution(institution(who)),
            SignatureMethod::DeviceKey,
            None,
        )
    };
    for (who, (party, method, paper)) in [
        (SOMMER, own(SOMMER)),
        (ISELI, own(ISELI)),
        (SOMMER, client_signed(b"by word of mouth")),
    ] {
        let agreement = agreement(second, party, method, paper, who);
        table.add_signature(who, second, agreement);
    }
    table.sync();
    let before = [institution(BERGER), institution(SOMMER)];
    let turned_round = table.read_led_by(KELLER, before);
    assert_eq!(
        turned_round.in_force().map(|one| one.number),
        Some(2),
        "control: were Sommer the lead now, all have signed hers"
    );
    for who in [BERGER, ISELI, KELLER] {
        let versions = table.read_led_by(who, both.clone());
        assert_eq!(
            statuses(&versions),
            [(2, VersionStatus::Superseded), (1, VersionStatus::InForce)]
        );
    }
}

/// Otherwise one change would hide every version there ever was, and every goal.
#[test]
fn another_map_in_the_place_of_the_plan_reaches_nobody() {
    let mut table = Table::new();
    agree_anew(&mut table);
    let before = table.read(KELLER);
    let mut forged = table.replicas[SOMMER].document.clone();
    let written = forged.edit(0, None, |editor| {
        editor.delete(["plan"])?;
        editor.put_map(["plan"])?;
        Ok::<(), WriteError>(())
    });
    let change = written.unwrap().unwrap();
    let batch = [change.into_bytes()];
    let keller = &mut table.replicas[KELLER].document;
    let refused = keller.apply(&batch, &|_| true, &GateLimits::default());
    assert_eq!(refused.unwrap_err().code(), "operation");
    assert_eq!(table.read(KELLER), before);
}
