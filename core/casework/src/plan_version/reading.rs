//! The versions of a plan as every reader judges them.

use std::collections::BTreeMap;

use nahtlos_document::{ChangeHash, Document, MadeEntry, Path, Value};
use serde::Serialize;

use super::agreement::PlanAgreement;
use super::content::PlanContent;
use super::difference::{PlanDifference, difference};
use super::heads;
use super::signature::{
    Candidate, SignatureCheck, SignatureDoubt, SignatureView, Signed, SignedEntry, judge,
};
use super::standing::{Agreement, VersionStatus, statuses};
use super::text::VersionText;
use crate::author::{AuthorOf, Origin};
use crate::edit::{ENTRY_SIGNATURE, SIGNATURE, VERSION};
use crate::fields::{Digest, EntryId, InstitutionId, Party, Stored, UtcTime};
use crate::rules::{Rule, Violation, immutable_entries_named};

/// Why a version can never be agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionDoubt {
    /// It was not proposed by the institution that leads the case.
    NotByTheLead,
    /// Its text is not what the plan said at its heads.
    OtherText,
}

impl VersionDoubt {
    /// German, French and English.
    pub const fn texts(self) -> [&'static str; 3] {
        match self {
            Self::NotByTheLead => [
                "nicht von der Fallführung vorgeschlagen",
                "pas proposée par la conduite du cas",
                "not proposed by the lead",
            ],
            Self::OtherText => [
                "ihr Text ist nicht, was der Plan damals sagte",
                "son texte n'est pas ce que le plan disait alors",
                "its text is not what the plan said then",
            ],
        }
    }
}

/// One who must agree, and when they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartyView {
    /// Who.
    pub party: Party,
    /// When; nothing as long as no signature of theirs counts.
    pub signed_at: Option<UtcTime>,
}

/// One version.
#[derive(Clone, PartialEq, Serialize)]
pub struct VersionView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Its number.
    pub number: u32,
    /// What tells it apart on paper: the beginning of the hash of its text.
    pub code: String,
    /// The hash of its text.
    pub text_hash: Digest,
    /// The changes whose plan it is.
    pub heads: Vec<Digest>,
    /// The institution that led the case.
    pub lead: InstitutionId,
    /// Where it stands.
    pub status: VersionStatus,
    /// Why it cannot be agreed to.
    pub doubt: Option<VersionDoubt>,
    /// True if its text was compared with the plan at its heads; false where those are not here any
    /// more, and the signatures over the text decide alone.
    pub is_compared: bool,
    /// True if another version that can be agreed to has the same number.
    pub shares_number: bool,
    /// Who must agree.
    pub parties: Vec<PartyView>,
    /// When the last of them did.
    pub agreed_at: Option<UtcTime>,
    /// Every signature over it.
    pub signatures: Vec<SignatureView>,
    /// Who proposed it.
    pub origin: Origin,
    /// Its canonical text.
    #[serde(skip)]
    pub text: VersionText,
    /// Which of the institutions that led named it; 0 where that is not known.
    #[serde(skip)]
    lead_place: usize,
}

crate::fields::hidden_debug!(VersionView);

impl VersionView {
    /// Which of two comes later: the one of a later lead, else the one with the higher number.
    pub(crate) const fn rank(&self) -> (usize, u32) {
        (self.lead_place, self.number)
    }

    /// Those who have not agreed yet.
    pub fn missing(&self) -> impl Iterator<Item = &Party> {
        let missing = |party: &&PartyView| party.signed_at.is_none();
        self.parties
            .iter()
            .filter(missing)
            .map(|party| &party.party)
    }
}

/// All versions of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanVersions {
    /// By when their lead led, then by number, then by the history's order.
    pub versions: Vec<VersionView>,
    /// Signatures over none of them.
    pub strays: Vec<SignatureView>,
    /// Versions that this program cannot read.
    pub unreadable: Vec<Origin>,
    /// What the plan says otherwise now than the version in force.
    pub changed: Vec<PlanDifference>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// By what versions and signatures are judged.
pub struct ReadingRules<'a> {
    /// Who stands behind each actor.
    pub authors: &'a dyn AuthorOf,
    /// Verifies signatures.
    pub signatures: &'a dyn SignatureCheck,
    /// The institutions that ever led the case, in the order in which they were named last; nothing where
    /// the core data is not shared with the reader, who then trusts the signatures alone.
    pub led_by: Option<Vec<InstitutionId>>,
}

impl PlanVersions {
    /// Reads a document of the section `plan`.
    ///
    /// A version, or a signature, is what stood in it after the change that made it, whatever anybody
    /// did to it since: it can be neither changed nor removed.
    pub fn read(document: &Document, rules: &ReadingRules<'_>) -> Self {
        let made = Made::of(document);
        let (mut versions, unreadable) = made.versions(rules);
        let strays = made.sign(&mut versions, rules);
        set_agreements(&mut versions);
        versions.sort_by_key(VersionView::rank);
        let now = PlanContent::of(&document.read());
        let in_force = versions
            .iter()
            .find(|version| version.status == VersionStatus::InForce);
        let changed =
            in_force.map_or_else(Vec::new, |version| difference(version.text.content(), &now));
        Self {
            versions,
            strays,
            unreadable,
            changed,
            violations: made.violations(rules.authors),
        }
    }

    /// The version that is in force.
    pub fn in_force(&self) -> Option<&VersionView> {
        let mut versions = self.versions.iter();
        versions.find(|version| version.status == VersionStatus::InForce)
    }

    /// The number of the next version of an institution that leads. What is no version that anybody could
    /// agree to takes no number: anybody who may write the plan could use them all up.
    pub fn next_number(&self, lead: &InstitutionId) -> u32 {
        let sound = self.versions.iter().filter(|one| one.doubt.is_none());
        let highest = |of: &dyn Fn(&&VersionView) -> bool| {
            let numbers = sound.clone().filter(of).map(|version| version.number);
            numbers.max().unwrap_or(0)
        };
        // A lead before may have used them up; which one is in force does not rest on its numbers.
        let after_all = highest(&|_| true).checked_add(1);
        after_all.unwrap_or_else(|| highest(&|one| one.lead == *lead).saturating_add(1))
    }
}

/// Versions and signatures as they were made.
struct Made<'a> {
    document: &'a Document,
    entries: Vec<(MadeEntry, BTreeMap<String, Value>)>,
}

impl<'a> Made<'a> {
    fn of(document: &'a Document) -> Self {
        let made = document.made_entries(Path::from_iter(["plan"])).into_iter();
        let wanted = made
            .filter(|entry| entry.name.starts_with(VERSION) || entry.name.starts_with(SIGNATURE));
        let entries = wanted.filter_map(|entry| {
            let fields = fields_when_made(document, &entry)?;
            Some((entry, fields))
        });
        Self {
            document,
            entries: entries.collect(),
        }
    }

    fn with_prefix<'b>(
        &'b self,
        prefix: &'static str,
        authors: &'b dyn AuthorOf,
    ) -> impl Iterator<Item = (&'b str, &'b MadeEntry, &'b BTreeMap<String, Value>, Origin)> {
        self.entries.iter().filter_map(move |(entry, fields)| {
            let id = entry.name.strip_prefix(prefix)?;
            let by = &entry.made_by;
            let origin = Origin::new(authors, &by.actor, &by.change, by.time_seconds);
            Some((id, entry, fields, origin))
        })
    }

    /// Every version once, however often it was written. Of equal ones the sound one stands.
    fn versions(&self, rules: &ReadingRules<'_>) -> (Vec<VersionView>, Vec<Origin>) {
        let mut versions: Vec<VersionView> = Vec::new();
        let mut unreadable = Vec::new();
        for (id, _, fields, origin) in self.with_prefix(VERSION, rules.authors) {
            let Some((text, heads)) = text_and_heads(fields) else {
                unreadable.push(origin);
                continue;
            };
            let version = self.version(id, text, heads, origin, rules);
            let same = versions
                .iter_mut()
                .find(|known| known.text_hash == version.text_hash && known.heads == version.heads);
            match same {
                Some(known) if known.doubt.is_some() => *known = version,
                Some(_) => {}
                None => versions.push(version),
            }
        }
        (versions, unreadable)
    }

    fn version(
        &self,
        id: &str,
        text: VersionText,
        heads: Vec<Digest>,
        origin: Origin,
        rules: &ReadingRules<'_>,
    ) -> VersionView {
        let led_by = rules.led_by.as_ref();
        let place = led_by.map(|leads| leads.iter().position(|lead| lead == text.lead()));
        let by_lead = origin.acted_for.as_ref() == Some(text.lead())
            && place.is_none_or(|place| place.is_some());
        let then = content_at(self.document, &heads);
        let doubt = match &then {
            _ if !by_lead => Some(VersionDoubt::NotByTheLead),
            Some(content) if content != text.content() => Some(VersionDoubt::OtherText),
            _ => None,
        };
        let text_hash = text.hash();
        VersionView {
            id: Stored::read(id),
            number: text.number(),
            code: text_hash.code(),
            text_hash,
            heads,
            lead: text.lead().clone(),
            status: VersionStatus::Proposed,
            doubt,
            is_compared: then.is_some(),
            shares_number: false,
            parties: Vec::new(),
            agreed_at: None,
            signatures: Vec::new(),
            origin,
            text,
            lead_place: place.flatten().unwrap_or(0),
        }
    }

    /// Puts signatures to their versions; those of none come back.
    fn sign(&self, versions: &mut [VersionView], rules: &ReadingRules<'_>) -> Vec<SignatureView> {
        let mut strays = Vec::new();
        for (id, entry, fields, origin) in self.with_prefix(SIGNATURE, rules.authors) {
            let signed = verified(id, &entry.made_by.change, fields, rules);
            let candidates: Vec<Candidate<'_>> = versions.iter().map(candidate).collect();
            let judged = match &signed {
                Ok(signed) => judge(signed, origin.author.as_ref(), &candidates),
                Err(doubt) => Err(*doubt),
            };
            let signed = signed.ok();
            let place = judged
                .ok()
                .or_else(|| named_by(&signed.as_ref()?.agreement, &candidates));
            let view = signature_view(id, signed, origin, judged.err());
            match place.and_then(|position| versions.get_mut(position)) {
                Some(version) => version.signatures.push(view),
                None => strays.push(view),
            }
        }
        strays
    }

    /// Who changed or removed what nobody may change.
    fn violations(&self, authors: &dyn AuthorOf) -> Vec<Violation> {
        let container = Path::from_iter(["plan"]);
        let mut violations = Vec::new();
        for prefix in [VERSION, SIGNATURE] {
            let (_, changed) = immutable_entries_named(self.document, &container, authors, prefix);
            violations.extend(changed);
        }
        let reader = self.document.read();
        let unfit = PlanContent::unfit_names(&reader).into_iter();
        violations.extend(unfit.filter_map(|path| {
            let path = Path::from_iter(path.iter().map(String::as_str));
            let written = reader.get_all(&path).into_iter().next()?;
            let by = Origin::of(authors, &written);
            Some(Violation::new(Rule::NamesFitThePlan, &path, by))
        }));
        for (entry, _) in &self.entries {
            let path = container.join(entry.name.as_str());
            let stands = reader.get_all(&path);
            if stands
                .iter()
                .all(|value| value.change != entry.made_by.change)
            {
                violations.extend(self.removal(&path, entry, authors));
            }
        }
        violations
    }

    fn removal(&self, path: &Path, entry: &MadeEntry, authors: &dyn AuthorOf) -> Option<Violation> {
        let made_in = entry.made_by.change;
        let stands_at = |heads: &[ChangeHash]| {
            let values = self.document.read_at(heads).ok().map(|at| at.get_all(path));
            values.is_some_and(|values| values.iter().any(|value| value.change == made_in))
        };
        let history = self.document.history();
        let removal = history
            .iter()
            .find(|change| stands_at(&change.dependencies) && !stands_at(&[change.hash]))?;
        let by = Origin::new(authors, &removal.actor, &removal.hash, removal.time_seconds);
        Some(Violation::new(Rule::EntriesAreImmutable, path, by))
    }
}

fn fields_when_made(document: &Document, entry: &MadeEntry) -> Option<BTreeMap<String, Value>> {
    let change = entry.made_by.change;
    let state = document.read_at(&[change]).ok()?;
    let path = Path::from_iter(["plan"]).join(entry.name.as_str());
    let mut made = state.get_all(path).into_iter();
    let value = made.find(|value| value.change == change)?.value;
    match value {
        Value::Map(fields) => Some(fields),
        _ => None,
    }
}

fn text_and_heads(fields: &BTreeMap<String, Value>) -> Option<(VersionText, Vec<Digest>)> {
    let text = VersionText::parse(fields.get("text")?.as_str()?).ok()?;
    let heads = heads::read(fields.get("heads")?.as_str()?)?;
    Some((text, heads))
}

/// An entry that claims to be a signature, once it is verified.
fn verified(
    id: &str,
    change: &ChangeHash,
    fields: &BTreeMap<String, Value>,
    rules: &ReadingRules<'_>,
) -> Result<Signed, SignatureDoubt> {
    let texts: Option<BTreeMap<String, String>> = fields
        .iter()
        .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let mut texts = texts.ok_or(SignatureDoubt::Unreadable)?;
    let signature = texts.remove(ENTRY_SIGNATURE);
    let agreement = PlanAgreement::read(&texts).ok_or(SignatureDoubt::Unreadable)?;
    let signer = rules.signatures.check(&SignedEntry {
        id,
        fields: &texts,
        signature: signature.as_deref().unwrap_or_default(),
        institution: &agreement.institution,
        change,
    })?;
    Ok(Signed { agreement, signer })
}

/// What the plan said at these heads; nothing where they are not here.
fn content_at(document: &Document, heads: &[Digest]) -> Option<PlanContent> {
    let heads: Vec<ChangeHash> = heads
        .iter()
        .map(|head| ChangeHash(*head.as_bytes()))
        .collect();
    let state = document.read_at(&heads).ok()?;
    Some(PlanContent::of(&state))
}

fn candidate(version: &VersionView) -> Candidate<'_> {
    Candidate {
        heads: &version.heads,
        text: &version.text,
        text_hash: version.text_hash,
    }
}

/// The version that a signature names though it does not count: exactly this one, else the first of the
/// number.
fn named_by(agreement: &PlanAgreement, versions: &[Candidate<'_>]) -> Option<usize> {
    let is_exact = |version: &Candidate<'_>| version.text_hash == agreement.text_hash;
    let has_number = |version: &Candidate<'_>| version.text.number() == agreement.number;
    let exact = versions.iter().position(is_exact);
    exact.or_else(|| versions.iter().position(has_number))
}

fn signature_view(
    id: &str,
    signed: Option<Signed>,
    origin: Origin,
    doubt: Option<SignatureDoubt>,
) -> SignatureView {
    let (agreement, signer) = signed.map(|one| (one.agreement, one.signer)).unzip();
    let says = agreement.as_ref();
    SignatureView {
        id: Stored::read(id),
        party: says.map(|one| one.party.clone()),
        method: says.map(|one| one.method),
        person: signer.as_ref().map(|one| one.person.clone()),
        institution: says.map(|one| one.institution.clone()),
        at: signer.map(|one| one.at),
        paper: says.and_then(|one| one.paper),
        note: agreement.and_then(|one| one.note),
        origin,
        doubt,
    }
}

/// Who has agreed to each version, and where it stands by that.
fn set_agreements(versions: &mut [VersionView]) {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for version in versions.iter_mut() {
        if version.doubt.is_none() {
            *counts.entry(version.number).or_default() += 1;
        }
        let parties = version.text.parties().into_iter();
        version.parties = parties
            .map(|party| PartyView {
                signed_at: signed_at(&version.signatures, &party),
                party,
            })
            .collect();
        let times: Option<Vec<UtcTime>> = version
            .parties
            .iter()
            .map(|party| party.signed_at)
            .collect();
        version.agreed_at = times.and_then(|times| times.into_iter().max());
    }
    let agreements: Vec<Agreement> = versions
        .iter()
        .map(|version| Agreement {
            rank: version.rank(),
            is_sound: version.doubt.is_none(),
            is_signed_by_all: version.agreed_at.is_some(),
        })
        .collect();
    for (version, status) in versions.iter_mut().zip(statuses(&agreements)) {
        version.status = status;
        let is_sound = version.doubt.is_none();
        version.shares_number = is_sound && counts.get(&version.number) > Some(&1);
    }
}

/// When a party first signed in a way that counts.
fn signed_at(signatures: &[SignatureView], party: &Party) -> Option<UtcTime> {
    let counting = signatures
        .iter()
        .filter(|signature| signature.doubt.is_none() && signature.party.as_ref() == Some(party));
    counting.filter_map(|signature| signature.at).min()
}
