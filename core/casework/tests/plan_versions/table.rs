//! Four devices of four institutions at one plan, and how they propose, sign and read its versions.

use std::collections::BTreeMap;

use crate::support::{Authors, Replica, at, field, id, replicas};
use nahtlos_casework::edit::{
    GoalField, NewSignature, NewVersion, PlanEdit, PlanField, RiskField, StepField, StepRef,
    Wording,
};
use nahtlos_casework::fields::{
    Digest, EntryId, Field, InstitutionId, Party, PersonId, SignatureMethod,
};
use nahtlos_casework::plan_version::{
    PlanAgreement, PlanContent, PlanVersions, ReadingRules, SignatureCheck, SignatureDoubt,
    SignedEntry, Signer, VersionText, VersionView,
};
use nahtlos_casework::{Author, Edit, SectionKind};
pub const BERGER: usize = 0;
pub const ISELI: usize = 1;
pub const SOMMER: usize = 2;
pub const KELLER: usize = 3;

pub const STEP: StepRef = StepRef {
    goal: EntryId::from_random([1; 8]),
    step: EntryId::from_random([3; 8]),
};
/// Identifiers of institutions of a network.
pub fn institution(of: usize) -> InstitutionId {
    field(&format!("{of}a").repeat(32))
}

pub fn client_signed(paper: &[u8]) -> (Party, SignatureMethod, Option<Digest>) {
    (
        Party::Client,
        SignatureMethod::Paper,
        Some(Digest::of(paper)),
    )
}

/// Four devices of four institutions, each with the plan, and who they are.
pub struct Table {
    pub replicas: [Replica; 4],
    pub authors: Authors,
    pub next: u8,
}

impl Table {
    pub fn new() -> Self {
        let mut replicas = replicas(&SectionKind::Plan);
        let mut authors = crate::support::authors();
        for (position, replica) in replicas.iter_mut().enumerate() {
            replica.author.institution = institution(position);
        }
        for author in authors.values_mut() {
            let of = |replica: &&Replica| replica.author.person == author.person;
            author.institution = replicas.iter().find(of).unwrap().author.institution.clone();
        }
        let mut table = Self {
            replicas,
            authors,
            next: 100,
        };
        table.write_plan();
        table
    }

    pub fn apply(&mut self, who: usize, edit: PlanEdit) {
        self.replicas[who].apply(&Edit::Plan(edit), 1);
    }

    pub fn write_plan(&mut self) {
        let goal = |number: u8, statement: &str, fields| PlanEdit::AddGoal {
            id: id(number),
            statement: field(statement),
            fields,
        };
        let step = |number: u8, title: &str, who: usize, fields: Vec<StepField>| {
            let responsible = StepField::Responsible(field(institution(who).as_str()));
            PlanEdit::AddStep {
                at: StepRef {
                    goal: id(1),
                    step: id(number),
                },
                title: field(title),
                fields: [fields, vec![responsible]].concat(),
            }
        };
        let iv_pays = format!("{}=100", institution(ISELI));
        let edits = [
            PlanEdit::Set(PlanField::Situation(field("Frau M. ist\nseit Mai krank."))),
            goal(1, "Eine Stelle in der \"Spitex\".", vec![]),
            goal(
                2,
                "Schulden ordnen.",
                vec![GoalField::Due(field("2027-06-30"))],
            ),
            step(
                3,
                "Arbeitsversuch",
                ISELI,
                vec![StepField::Payers(field(&iv_pays))],
            ),
            step(4, "Budgetberatung", SOMMER, vec![]),
            PlanEdit::AddDependency {
                at: STEP,
                on: id(4),
            },
            PlanEdit::AddRisk {
                id: id(5),
                description: field("Rückfall"),
                fields: vec![RiskField::Severity(field("2"))],
            },
        ];
        for edit in edits {
            self.apply(BERGER, edit);
        }
        self.sync();
    }

    pub fn sync(&mut self) {
        crate::support::sync(&mut self.replicas);
    }

    pub fn id(&mut self) -> EntryId {
        self.next += 1;
        id(self.next)
    }

    pub fn heads(&self, who: usize) -> Vec<Digest> {
        let heads = self.replicas[who].document.heads();
        let heads = heads
            .iter()
            .map(|head| Digest::from_bytes(*head.as_bytes()));
        heads.collect()
    }

    pub fn text(&self, who: usize, number: u32) -> VersionText {
        let content = PlanContent::of(&self.replicas[who].document.read());
        VersionText::new(
            number,
            self.replicas[who].author.institution.clone(),
            content,
        )
    }

    pub fn proposal(&mut self, who: usize, number: u32) -> PlanEdit {
        PlanEdit::ProposeVersion(NewVersion {
            id: self.id(),
            heads: self.heads(who),
            text: Wording::new(self.text(who, number).render()),
        })
    }

    pub fn propose(&mut self, who: usize, number: u32) {
        let proposal = self.proposal(who, number);
        self.apply(who, proposal);
    }

    /// The signature of somebody's institution over a version as they see it.
    pub fn sign(&mut self, who: usize, number: u32) {
        let party = Party::Institution(institution(who));
        self.sign_as(who, number, (party, SignatureMethod::DeviceKey, None));
    }

    pub fn sign_as(
        &mut self,
        who: usize,
        number: u32,
        (party, method, paper): (Party, SignatureMethod, Option<Digest>),
    ) {
        let versions = self.read(who);
        let version = of_number(&versions, number);
        let agreement = agreement(version, party, method, paper, who);
        self.add_signature(who, version, agreement);
    }

    pub fn add_signature(&mut self, who: usize, version: &VersionView, agreement: PlanAgreement) {
        let edit = PlanEdit::SignVersion(NewSignature {
            id: self.id(),
            version: *version.id.known().unwrap(),
            agreement,
            signature: field(&signed_by(who)),
        });
        self.apply(who, edit);
    }

    /// What another program may write: any fields under any signature.
    pub fn write_signature(
        &mut self,
        who: usize,
        fields: &BTreeMap<String, String>,
        signature: &str,
    ) {
        self.replicas[who].tamper(|editor| {
            editor.put_map(["plan", "signature:x"])?;
            let mut fields = fields.iter();
            fields.try_for_each(|(name, value)| {
                editor.put(["plan", "signature:x", name.as_str()], value.as_str())
            })?;
            editor.put(["plan", "signature:x", "signature"], signature)
        });
    }

    pub fn sign_all(&mut self, number: u32) {
        for who in [BERGER, ISELI, SOMMER] {
            self.sign(who, number);
        }
        self.sign_as(BERGER, number, client_signed(b"scan"));
        self.sync();
    }

    pub fn read(&self, who: usize) -> PlanVersions {
        self.read_led_by(who, [institution(BERGER)])
    }

    pub fn read_led_by<const N: usize>(
        &self,
        who: usize,
        led_by: [InstitutionId; N],
    ) -> PlanVersions {
        let rules = ReadingRules {
            authors: &self.authors,
            signatures: &Names(&self.replicas),
            led_by: Some(led_by.into()),
        };
        PlanVersions::read(&self.replicas[who].document, &rules)
    }
}

/// What a version says, as an agreement to it for somebody's institution.
pub fn agreement(
    version: &VersionView,
    party: Party,
    method: SignatureMethod,
    paper: Option<Digest>,
    who: usize,
) -> PlanAgreement {
    PlanAgreement {
        number: version.number,
        heads: version.heads.clone(),
        text_hash: version.text_hash,
        party,
        method,
        paper,
        note: None,
        institution: institution(who),
    }
}

/// How somebody signs in these tests.
pub fn signed_by(who: usize) -> String {
    format!("device{who}")
}

/// Knows by its name whose signature one is.
pub struct Names<'a>(&'a [Replica; 4]);

impl SignatureCheck for Names<'_> {
    fn check(&self, entry: &SignedEntry<'_>) -> Result<Signer, SignatureDoubt> {
        let name = entry.signature.strip_prefix("device");
        let by: usize = name
            .and_then(|name| name.parse().ok())
            .ok_or(SignatureDoubt::BadSignature)?;
        let author: &Author = &self.0[by].author;
        if author.institution != *entry.institution {
            return Err(SignatureDoubt::NotCertified);
        }
        Ok(Signer {
            device: author.device.clone(),
            person: PersonId::parse(author.person.as_str()).unwrap(),
            at: at(10 + i64::try_from(by).unwrap()),
        })
    }
}

pub fn of_number(versions: &PlanVersions, number: u32) -> &VersionView {
    let of_number = || versions.versions.iter().filter(|one| one.number == number);
    let mut sound = of_number().filter(|version| version.doubt.is_none());
    sound.next().or_else(|| of_number().next()).unwrap()
}

pub fn doubts(versions: &PlanVersions) -> Vec<SignatureDoubt> {
    let signatures = versions.versions.iter().flat_map(|one| &one.signatures);
    let all = signatures.chain(&versions.strays);
    all.filter_map(|signature| signature.doubt).collect()
}
