//! A version of a plan is signed by somebody of the IV who leaves afterwards: what they signed stays
//! signed, for whoever reads it and whatever became of the edits it was made of; what they sign later
//! does not count.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, PlanEdit, PlanField, StepField, StepRef};
use nahtlos_casework::fields::{Digest, Field, InstitutionId, LongText, Party, Responsible};
use nahtlos_casework::plan_version::{PlanVersions, SignatureDoubt, VersionStatus, VersionView};
use nahtlos_casework::view::PlanView;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::plan_versions::{Agreeing, VersionChoice};
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::Home;
use nahtlos_tests::scene::{IV_TEAM, Line, Scene, newcomer, scene};

const PLAN: SectionKind = SectionKind::Plan;

/// The scene with a plan that the IV writes in, too, and Huber of the IV.
struct Agreement {
    scene: Scene,
    huber: Home,
}

impl Agreement {
    fn new() -> Self {
        let mut scene = scene();
        let berger = &mut scene.berger;
        berger.share(&scene.number, &PLAN, IV_TEAM, Role::Write, "AVG35a1");
        let mut huber = scene
            .world
            .colleague(&mut scene.iseli, "huber", "Rosa Huber", Role::Write);
        let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
        // What the scene tells of envelopes, it tells of the plan from here on.
        scene.journal = case.section(&PLAN).unwrap();
        scene.sync_all();
        huber.sync();
        let mut agreement = Self { scene, huber };
        agreement.name_the_iv();
        agreement.sync();
        agreement
    }

    fn sync(&mut self) {
        for _ in 0..2 {
            self.scene.sync_all();
            self.huber.sync();
        }
    }

    /// The IV is responsible for every step.
    fn name_the_iv(&mut self) {
        let iv = self.scene.iseli.nahtlos.identity().institution.unwrap();
        let iv = InstitutionId::parse(&iv.to_string()).unwrap();
        let berger = &mut self.scene.berger.nahtlos;
        let case = berger.find_case(&self.scene.number).unwrap();
        let document = berger.section_document(&case, &PLAN).unwrap();
        let authors = berger.section_authors(&case, &PLAN).unwrap();
        let plan = PlanView::read(&document, &authors);
        let mut edits = Vec::new();
        for goal in &plan.goals {
            for step in &goal.steps {
                let at = StepRef {
                    goal: *goal.id.known().unwrap(),
                    step: *step.id.known().unwrap(),
                };
                let field = StepField::Responsible(Responsible::Institution(iv.clone()));
                edits.push(Edit::Plan(PlanEdit::SetStep { at, field }));
            }
        }
        assert!(!edits.is_empty());
        berger.edit_case(&self.scene.number, &edits).unwrap();
    }

    fn set_situation(&mut self, words: &str) {
        let situation = PlanField::Situation(LongText::parse(words).unwrap());
        let edit = Edit::Plan(PlanEdit::Set(situation));
        let berger = &mut self.scene.berger.nahtlos;
        berger.edit_case(&self.scene.number, &[edit]).unwrap();
    }

    fn propose(&mut self) {
        let berger = &mut self.scene.berger.nahtlos;
        let case = berger.find_case(&self.scene.number).unwrap();
        berger.propose_plan_version(&case).unwrap();
    }

    fn client_signs(&mut self) {
        let agreeing = Agreeing::Paper {
            party: Party::Client,
            hash: Digest::of(b"a scan"),
            note: None,
        };
        sign(&mut self.scene.berger, &self.scene.number, &agreeing);
    }

    /// Version 1: proposed by Berger, signed by all, for the IV by Huber.
    fn agree(&mut self) {
        self.propose();
        self.sync();
        let number = self.scene.number.clone();
        sign(&mut self.huber, &number, &Agreeing::OwnInstitution);
        sign(&mut self.scene.berger, &number, &Agreeing::OwnInstitution);
        self.client_signs();
        self.sync();
    }

    fn huber_leaves(&mut self) {
        let team = self.scene.iseli.nahtlos.identity().team.unwrap();
        let person = self.huber.nahtlos.identity().person.unwrap();
        let iseli = &mut self.scene.iseli;
        let ending = Ending::Member(team, person);
        iseli.nahtlos.end(&ending, Reason::Left).unwrap();
        self.scene.sync_all();
    }

    fn versions(&self, home: &Home) -> PlanVersions {
        let case = home.nahtlos.find_case(&self.scene.number).unwrap();
        home.nahtlos.plan_versions(&case).unwrap()
    }
}

fn sign(home: &mut Home, number: &str, agreeing: &Agreeing) {
    let case = home.nahtlos.find_case(number).unwrap();
    let newest = VersionChoice::default();
    home.nahtlos
        .sign_plan_version(&case, &newest, agreeing)
        .unwrap();
}

/// In force, every signature in it counts, and for the IV it was Huber's.
fn assert_signed_by_huber(version: &VersionView, huber: &Home) {
    assert_eq!(version.status, VersionStatus::InForce);
    assert!(version.signatures.iter().all(|one| one.doubt.is_none()));
    let person = huber.nahtlos.identity().person.unwrap().to_string();
    let mut people = version.signatures.iter().flat_map(|one| &one.person);
    assert!(people.any(|signer| signer.as_str() == person));
}

#[test]
fn a_version_stays_in_force_after_who_signed_it_has_left_and_what_they_sign_then_does_not_count() {
    let mut agreement = Agreement::new();
    agreement.agree();
    agreement.set_situation("Der Befund liegt vor.");
    agreement.propose();
    agreement.sync();
    agreement.huber_leaves();
    // Huber, who has not heard of it, signs version 2.
    let number = agreement.scene.number.clone();
    sign(&mut agreement.huber, &number, &Agreeing::OwnInstitution);
    let own = agreement.versions(&agreement.huber);
    let second = own.versions.last().unwrap();
    assert_eq!(
        second.missing().count(),
        2,
        "on her own device she has signed"
    );
    let _told_that_it_is_held = agreement.huber.try_sync();
    agreement.scene.sync_all();

    for home in [&agreement.scene.berger, &agreement.scene.iseli] {
        let versions = agreement.versions(home);
        assert_signed_by_huber(versions.in_force().unwrap(), &agreement.huber);
        assert_eq!(versions.in_force().unwrap().number, 1);
        let second = versions.versions.last().unwrap();
        assert_eq!(second.status, VersionStatus::Proposed);
        assert_eq!(second.missing().count(), 3, "nobody has signed it");
    }
    // Control: who is still there signs it for the IV.
    sign(
        &mut agreement.scene.iseli,
        &number,
        &Agreeing::OwnInstitution,
    );
    // Berger syncs before Iseli does.
    agreement.scene.sync_all();
    agreement.scene.berger.sync();
    let versions = agreement.versions(&agreement.scene.berger);
    assert_eq!(versions.versions.last().unwrap().missing().count(), 2);
}

/// Who left may write the plan still, through a team of another institution. The logs that a signature names are
/// the signer's choice: hers are those from before.
#[test]
fn who_left_signs_for_the_institution_no_more_though_they_may_write_the_plan_through_another_one() {
    let mut agreement = Agreement::new();
    let team = agreement.scene.berger.nahtlos.identity().team.unwrap();
    let person = agreement.huber.nahtlos.identity().person.unwrap();
    let berger = &mut agreement.scene.berger;
    let added = berger
        .nahtlos
        .add_member(&team, &person, Role::Write, false);
    added.unwrap();
    agreement.sync();
    agreement.agree();
    agreement.set_situation("Der Befund liegt vor.");
    agreement.propose();
    agreement.sync();
    agreement.huber_leaves();
    let number = agreement.scene.number.clone();
    sign(&mut agreement.huber, &number, &Agreeing::OwnInstitution);
    agreement.sync();
    for home in [
        &agreement.scene.berger,
        &agreement.scene.iseli,
        &agreement.scene.keller,
        &agreement.huber,
    ] {
        let versions = agreement.versions(home);
        let first = versions.in_force().unwrap();
        assert_eq!(first.number, 1);
        assert_signed_by_huber(first, &agreement.huber);
        let second = versions.versions.last().unwrap();
        let signatures = second.signatures.iter().chain(&versions.strays);
        let doubts: Vec<Option<SignatureDoubt>> = signatures.map(|one| one.doubt).collect();
        assert_eq!(
            doubts,
            [Some(SignatureDoubt::NoLongerCertified)],
            "it arrived, and does not count"
        );
        assert_eq!(second.missing().count(), 3);
    }
    // Control: who is still there signs for the IV.
    let iseli = &mut agreement.scene.iseli;
    sign(iseli, &number, &Agreeing::OwnInstitution);
    agreement.sync();
    let versions = agreement.versions(&agreement.scene.berger);
    assert_eq!(versions.versions.last().unwrap().missing().count(), 2);
}

#[test]
fn who_begins_with_a_snapshot_after_the_signer_left_reads_the_same_version_in_force() {
    let mut agreement = Agreement::new();
    agreement.agree();
    let noise = "Gespräch geführt und den Stand festgehalten. ".repeat(40);
    for round in 0..60 {
        agreement.set_situation(&format!("{round} {noise}"));
    }
    agreement.set_situation("Wie zuvor.");
    agreement.sync();
    agreement.huber_leaves();
    agreement.scene.sync_all();
    let standings = agreement.scene.standings(&agreement.scene.berger);
    let said = |kind: &str| standings.iter().filter(|(_, what, _)| what == kind).count();
    assert_eq!((said("Snapshot"), said("Attest")), (1, 1), "control");
    let snapshot = standings.iter().find(|(_, what, _)| what == "Snapshot");
    let (snapshot, ..) = snapshot.unwrap();
    let berger = &agreement.scene.berger.nahtlos;
    let dropped: Vec<EnvelopeId> = berger.covered_by(&agreement.scene.journal, snapshot);
    assert!(dropped.len() > 3, "control");
    let mut home = newcomer(&mut agreement.scene, "newcomer");
    for _ in 0..2 {
        let mut line = Line::to(&agreement.scene.world);
        line.drops.clone_from(&dropped);
        home.sync_through(&mut line);
    }
    let (theirs, ours) = (
        agreement.versions(&home),
        agreement.versions(&agreement.scene.berger),
    );
    assert_signed_by_huber(theirs.in_force().unwrap(), &agreement.huber);
    assert_eq!(theirs.versions, ours.versions);
    assert_eq!(theirs.changed.len(), 1, "the situation");
}
