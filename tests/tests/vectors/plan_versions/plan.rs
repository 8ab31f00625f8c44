//! Plans with versions and signatures in them, and what readers make of them.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::Author;
use nahtlos_casework::fields::{Digest, EntryId, Field, InstitutionId, PersonId, UtcTime};
use nahtlos_casework::plan_version::{
    PlanAgreement, PlanVersions, ReadingRules, SignatureCheck, SignatureDoubt, SignedEntry, Signer,
    VersionText,
};
use nahtlos_document::{Actor, Document, Path};
use serde_json::{Value, json};

use super::{TIME_SECONDS, document, edit, of, text_of};

/// A plan with what stands in it, and what the logs say.
pub struct Plan {
    pub document: Document,
    pub led_by: Option<Vec<InstitutionId>>,
    authors: BTreeMap<[u8; 16], Author>,
    /// What the plan says at the heads of versions that are here.
    pub known_heads: BTreeMap<String, Value>,
    /// By the entry: the device that signed, where the statement holds.
    holds: Holds,
    entries: Vec<Value>,
}

/// How one entry differs from the right one.
#[derive(Default)]
pub struct But {
    pub fields: Vec<(&'static str, Option<String>)>,
    /// The device that made the change, where it is not the one that signed.
    pub made_by: Option<u8>,
    pub does_not_hold: bool,
}

impl Plan {
    pub fn new() -> Self {
        let step = |responsible: &InstitutionId| json!({ "title": "t", "responsible": responsible.as_str() });
        let says =
            json!({ "goals": { "g": { "statement": "s", "steps": { "s": step(&of(1)) } } } });
        Self {
            document: document(&says),
            led_by: Some(vec![of(0)]),
            authors: BTreeMap::new(),
            known_heads: BTreeMap::new(),
            holds: Holds(BTreeMap::new()),
            entries: Vec::new(),
        }
    }

    /// A version of the plan as it is, by a device of institution `lead`; its text and heads.
    pub fn version(&mut self, id: &str, number: u32, lead: u8) -> (VersionText, Vec<Digest>) {
        let text = text_of(number, lead, &self.document);
        let heads = self.document.heads();
        let heads: Vec<Digest> = heads
            .iter()
            .map(|head| Digest::from_bytes(*head.as_bytes()))
            .collect();
        self.known_heads
            .insert(written(&heads), self.document.export_json());
        self.version_of(id, &text, &heads, lead);
        (text, heads)
    }

    pub fn version_of(&mut self, id: &str, text: &VersionText, heads: &[Digest], by: u8) {
        let fields = [("heads", written(heads)), ("text", text.render())];
        let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
        self.enter(&format!("version:{}", entry_id(id)), &fields, by);
    }

    /// A right signature by a device of institution `by`, but for what is named.
    pub fn sign(
        &mut self,
        id: &str,
        (text, heads): &(VersionText, Vec<Digest>),
        by: u8,
        party: &str,
        but: But,
    ) {
        let is_own = party == of(by).as_str();
        let agreement = PlanAgreement {
            number: text.number(),
            heads: heads.clone(),
            text_hash: text.hash(),
            party: Field::parse(party).unwrap(),
            method: Field::parse(if is_own { "device_key" } else { "paper" }).unwrap(),
            paper: (!is_own).then(|| Digest::of(b"scan")),
            note: None,
            institution: of(by),
        };
        let mut fields = agreement.fields();
        for (name, value) in but.fields {
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
        }
        fields.insert("signature".into(), "c2lnbmVk".into());
        if !but.does_not_hold {
            self.holds.0.insert(entry_id(id), by);
        }
        self.enter(
            &format!("signature:{}", entry_id(id)),
            &fields,
            but.made_by.unwrap_or(by),
        );
    }

    fn enter(&mut self, name: &str, fields: &BTreeMap<String, String>, by: u8) {
        let actor = [by + 1; 16];
        self.authors.insert(actor, author(by));
        self.document.set_actor(Actor::from_bytes(actor));
        let path = Path::from_iter(["plan", name]);
        edit(&mut self.document, |editor| {
            editor.put_map(&path).unwrap();
            for (name, value) in fields {
                editor
                    .put(path.join(name.as_str()), value.as_str())
                    .unwrap();
            }
        });
        self.entries.push(json!({
            "name": name, "fields": fields, "device": device(by), "institution": of(by),
        }));
    }

    /// How many entries there are: to call the next one by.
    pub fn next_entry(&self) -> usize {
        self.entries.len()
    }

    /// Everybody signs.
    pub fn all_sign(&mut self, version: &(VersionText, Vec<Digest>)) {
        let (lead, responsible) = (of(0).canonical(), of(1).canonical());
        for (who, party) in [(0, lead.as_str()), (1, &responsible), (0, "client")] {
            let id = format!("s{}", self.next_entry());
            self.sign(&id, version, who, party, But::default());
        }
    }

    pub fn vector(self, name: &str) -> Value {
        let rules = ReadingRules {
            authors: &self.authors,
            signatures: &self.holds,
            led_by: self.led_by.clone(),
        };
        let read = PlanVersions::read(&self.document, &rules);
        let versions = || read.versions.iter();
        let sound = versions().filter(|version| version.doubt.is_none());
        let counting = versions()
            .flat_map(|version| &version.signatures)
            .filter(|signature| signature.doubt.is_none());
        let ids = |ids: BTreeSet<String>| json!(ids);
        json!({
            "name": name,
            "led_by": self.led_by,
            "entries": self.entries,
            "plans": self.known_heads,
            "holds": self.holds.0.iter().map(|(id, by)| (id.clone(), device(*by))).collect::<BTreeMap<_, _>>(),
            "sound": ids(sound.map(|version| version.id.canonical()).collect()),
            "counting": ids(counting.map(|signature| signature.id.canonical()).collect()),
            "in_force": read.in_force().map(|version| version.id.canonical()),
        })
    }
}

/// The identifier of an entry that is called so here.
fn entry_id(called: &str) -> String {
    let digest = Digest::of(called.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.as_bytes()[..8]);
    EntryId::from_random(bytes).canonical()
}

fn written(heads: &[Digest]) -> String {
    let heads: Vec<String> = heads.iter().map(Field::canonical).collect();
    heads.join(",")
}

fn device(of: u8) -> String {
    format!("{of}d").repeat(32)
}

fn author(by: u8) -> Author {
    Author {
        device: Field::parse(&device(by)).unwrap(),
        person: Field::parse(&format!("{by}e").repeat(32)).unwrap(),
        institution: of(by),
        display_name: Field::parse("Somebody").unwrap(),
    }
}

/// By a signature's entry: whose device it holds for.
struct Holds(BTreeMap<String, u8>);

impl SignatureCheck for Holds {
    fn check(&self, entry: &SignedEntry<'_>) -> Result<Signer, SignatureDoubt> {
        let by = self.0.get(entry.id).ok_or(SignatureDoubt::BadSignature)?;
        Ok(Signer {
            device: Field::parse(&device(*by)).unwrap(),
            person: PersonId::parse(&format!("{by}e").repeat(32)).unwrap(),
            at: UtcTime::from_seconds(TIME_SECONDS).unwrap(),
        })
    }
}
