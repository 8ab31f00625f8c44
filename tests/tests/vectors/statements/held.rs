//! Who signed a statement: operations of two institutions, and between them statements, each judged by the
//! logs as they are then.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{Draft, Effect, Kind, LogHead, Role, SignedOperation, SpaceState};
use nahtlos_protocol::statement::{Statement, StatementSignature};
use serde_json::{Value, json};

use super::{ENTRY, kind_of, word};
use crate::forms::file;
use crate::support::{array, bytes, each, hex, stored};
use crate::world::{Device, NOW_MS, Replica, World};

/// The section in which all of this is said.
const SECTION: SpaceId = SpaceId([9; 32]);

#[test]
fn statements_hold_by_the_logs_as_they_did() {
    let stored = stored("added/statements_held.json", || {
        let what = "operations, each taken on what those before it left; between them statements for an \
                    institution: whose they are, or the word of what does not hold";
        file("§30", what, Office::story())
    });
    assert_eq!(stored["vectors"], Value::from(Office::story()));
    let mut replica = Replica::default();
    let (mut held, mut refused) = (0, 0);
    for (name, vector) in each(&stored) {
        if !vector["operation"].is_null() {
            take(&mut replica, &bytes(vector, "operation"));
            continue;
        }
        let verdict = judge(&replica, vector);
        assert_eq!(verdict, vector["verdict"], "{name}");
        match verdict["error"].is_null() {
            true => held += 1,
            false => refused += 1,
        }
    }
    assert!(held > 5 && refused > 15, "{held} and {refused}");
}

fn take(replica: &mut Replica, encoded: &[u8]) {
    let signed = SignedOperation::decode(encoded).expect("an operation");
    let state = match replica.logs.get(&signed.space()) {
        None => SpaceState::found(&signed, &*replica, Signatures::Verify),
        Some(state) => SpaceState::clone(state).append(&signed, &*replica, Signatures::Verify),
    };
    let state = state.expect("it is taken");
    replica.logs.insert(state.id(), Arc::new(state));
}

/// The word of what does not hold, and whose device signed where all does.
fn judge(replica: &Replica, vector: &Value) -> Value {
    let fields: BTreeMap<String, String> =
        serde_json::from_value(vector["fields"].clone()).expect("fields");
    let institution = SpaceId(array(vector, "institution"));
    let statement = Statement {
        kind: kind_of(vector["kind"].as_u64().expect("a kind")),
        space: SpaceId(array(vector, "space")),
        entry: vector["entry"].as_str().expect("an entry"),
        fields: &fields,
    };
    let read = StatementSignature::from_bytes(&bytes(vector, "signature"));
    let verified = read.and_then(|signed| {
        statement.verify(&signed, &institution, replica)?;
        Ok(signed.device)
    });
    match verified {
        Err(error) => json!({ "error": word(error) }),
        Ok(device) => {
            let person = authority::person_of(replica, &device, &replica.logs[&institution]);
            json!({ "error": null, "device": hex(&device.0), "person": person.map(|id| hex(&id.0)) })
        }
    }
}

/// One: A (device 1, later 2), B (3, comes and goes), K (4, administers without keys). Two: C (5).
struct Office {
    world: World,
    one: SpaceId,
    two: SpaceId,
    team: SpaceId,
    people: BTreeMap<u8, SpaceId>,
    vectors: Vec<Value>,
}

/// A statement before it is signed.
#[derive(Clone)]
struct Said {
    who: u8,
    kind: u8,
    institution: SpaceId,
    heads: Vec<LogHead>,
}

impl Office {
    fn story() -> Vec<Value> {
        let mut office = Self::found();
        office.before_b_is_let_in();
        office.b_is_let_in();
        office.what_reads_otherwise();
        office.what_names_other_logs();
        office.for_another();
        office.b_leaves();
        office.a_second_device();
        office.vectors
    }

    fn found() -> Self {
        let none = SpaceId([0; 32]);
        let mut office = Self {
            world: World::new(41),
            one: none,
            two: none,
            team: none,
            people: BTreeMap::new(),
            vectors: Vec::new(),
        };
        office.one = office.institution(1, &[1, 3, 4]);
        office.two = office.institution(5, &[5]);
        let create = office.world.create(Kind::Team, Some(office.one), None);
        let manage = office.world.add(office.people[&1], Role::Manage);
        let epoch = office.world.fresh(None);
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        office.team = office.take("a team of one", 1, draft, None);
        let keyless = office.world.add(office.people[&4], Role::Administer);
        let draft = Draft::new().effect(keyless);
        office.take("K administers one", 1, draft, Some(office.one));
        office
    }

    /// An institution that the first of its people manages; the others are founded.
    fn institution(&mut self, founder: u8, people: &[u8]) -> SpaceId {
        let keys = Some(Device::new(founder).public());
        let create = self.world.create(Kind::Institution, None, keys);
        let draft = Draft::new().effect(create);
        let institution = self.take("an institution is founded", founder, draft, None);
        for number in people {
            let create = self.world.create(Kind::Person, Some(institution), None);
            let admit = self.world.add_device(&Device::new(*number), None);
            let epoch = self.world.fresh(None);
            let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
            let person = self.take("a person is founded", *number, draft, None);
            self.people.insert(*number, person);
        }
        let person = self.people[&founder];
        let administer = self.world.add(person, Role::Administer);
        let manage = self.world.add(person, Role::Manage);
        let epoch = self.world.fresh(None);
        let draft = Draft::new().effect(administer).effect(manage).epoch(epoch);
        self.take("its founder manages it", founder, draft, Some(institution));
        institution
    }

    fn before_b_is_let_in(&mut self) {
        self.say("A for one", self.said(1, self.one));
        self.say(
            "that a plan is agreed to",
            Said {
                kind: 2,
                ..self.said(1, self.one)
            },
        );
        self.say("B before anybody let him in", self.with_own_log(3));
        let named = self.heads_of(&[self.one]);
        self.say(
            "B, whose key no log names",
            Said {
                heads: named,
                ..self.said(3, self.one)
            },
        );
        self.say("K, who holds no key", self.with_own_log(4));
    }

    fn b_is_let_in(&mut self) {
        let before = self.with_own_log(3);
        let add = self.world.add(self.people[&3], Role::Read);
        let seed = self.world.current_seed(self.one);
        let draft = Draft::new().effect(add).wrap_missing(seed);
        self.take("B is let in", 1, draft, Some(self.one));
        self.say("B for one", self.said(3, self.one));
        self.say("B under heads of before", before);
    }

    fn what_reads_otherwise(&mut self) {
        let said = self.said(3, self.one);
        let change = |vector: &mut Value, name: &str, value: Value| vector[name] = value;
        let fields = json!({ "kind": "given", "form": "verbal" });
        let more = json!({ "kind": "given", "form": "paper", "note": "" });
        for (name, field, value) in [
            ("another value", "fields", fields),
            ("another field", "fields", more),
            ("another section", "space", json!(hex(&[8; 32]))),
            ("another entry", "entry", json!("aaaaaaaaaaaaa")),
            ("another kind", "kind", json!(2)),
        ] {
            self.say_changed(name, said.clone(), |vector| change(vector, field, value));
        }
        self.say_signed("another time", said.clone(), |signed| {
            signed.signed_at_ms += 1
        });
        self.say_signed("another device", said.clone(), |signed| {
            signed.device = Device::new(1).id;
        });
        self.say_signed("a head less", said.clone(), |signed| {
            signed.heads.remove(0);
        });
        self.say_signed("another signature", said.clone(), |signed| {
            signed.signature.0[40] ^= 1
        });
        self.say_signed("version 2", said.clone(), |signed| signed.version = 2);
        self.say_changed("a byte more", said, |vector| {
            let longer = format!("{}00", vector["signature"].as_str().expect("hexadecimal"));
            vector["signature"] = json!(longer);
        });
    }

    fn what_names_other_logs(&mut self) {
        let said = self.said(3, self.one);
        let signed = |heads: Vec<LogHead>| Said {
            heads,
            ..said.clone()
        };
        let mut turned = said.heads.clone();
        turned.reverse();
        let mut twice = said.heads.clone();
        twice.insert(0, said.heads[0]);
        let mut other = said.heads.clone();
        other[0].operation.0[0] ^= 1;
        let mut later = said.heads.clone();
        later[0].index += 1;
        let mut unknown = said.heads.clone();
        unknown[1].space = SpaceId([0xff; 32]);
        for (name, heads) in [
            ("heads that descend", turned),
            ("a head twice", twice),
            ("another operation at that place", other),
            ("a place that the log has not reached", later),
            ("a log that nobody knows", unknown),
            ("no head at all", Vec::new()),
        ] {
            self.say_exactly(name, signed(heads));
        }
    }

    fn for_another(&mut self) {
        self.say("C for two", self.said(5, self.two));
        let mut both = self.said(5, self.two).heads;
        both.extend(self.heads_of(&[self.one]));
        for (name, institution) in [
            ("C for one", self.one),
            ("C for two, with more logs", self.two),
        ] {
            let heads = both.clone();
            self.say(
                name,
                Said {
                    heads,
                    ..self.said(5, institution)
                },
            );
        }
        let heads = self.heads_of(&[self.team, self.people[&1], self.one]);
        self.say(
            "A for the team",
            Said {
                heads: heads.clone(),
                ..self.said(1, self.team)
            },
        );
        self.say(
            "A, with more logs",
            Said {
                heads,
                ..self.said(1, self.one)
            },
        );
        let nowhere = SpaceId([0xfe; 32]);
        let heads = self.said(1, self.one).heads;
        self.say(
            "A for what nobody knows",
            Said {
                heads,
                institution: nowhere,
                ..self.said(1, self.one)
            },
        );
    }

    fn b_leaves(&mut self) {
        let said = self.said(3, self.one);
        let before = self
            .vectors
            .iter()
            .find(|vector| vector["name"] == "B for one");
        let again = before.cloned();
        let grant = self.world.grant_of(self.one, self.people[&3]);
        let draft = Draft::new().effect(remove(grant));
        self.take("B leaves", 1, draft, Some(self.one));
        self.vectors.extend(again.map(|mut vector| {
            vector["name"] = json!("B for one, after he left");
            vector
        }));
        self.say("B under the heads of before he left", said);
        self.say("B under the heads of now", self.with_own_log(3));
    }

    fn a_second_device(&mut self) {
        let person = self.people[&1];
        let before = self.said(1, self.one).heads;
        let add = self.world.add_device(&Device::new(2), Some(person));
        let seed = self.world.current_seed(person);
        let draft = Draft::new().effect(add).wrap_missing(seed);
        self.take("A has a second device", 1, draft, Some(person));
        self.people.insert(2, person);
        self.say("A's second device", self.said(2, self.one));
        self.say(
            "A's second device under heads of before",
            Said {
                heads: before,
                ..self.said(2, self.one)
            },
        );
    }

    fn heads_of(&self, spaces: &[SpaceId]) -> Vec<LogHead> {
        let heads = spaces.iter().map(|space| self.world.state(*space).head());
        heads.map(|head| head.expect("a head")).collect()
    }

    /// With the heads that a device names.
    fn said(&self, who: u8, institution: SpaceId) -> Said {
        let state = self.world.state(institution);
        let device = Device::new(who).id;
        let mut heads = authority::path_heads(&self.world.replica, &device, state);
        heads.extend(state.head().map(|head| (institution, head)));
        let heads = heads.into_values().collect();
        Said {
            who,
            kind: 1,
            institution,
            heads,
        }
    }

    /// With the heads of the institution and of one's own log, whatever they say.
    fn with_own_log(&self, who: u8) -> Said {
        let heads = self.heads_of(&[self.one, self.people[&who]]);
        Said {
            who,
            kind: 1,
            institution: self.one,
            heads,
        }
    }

    fn take(&mut self, name: &str, who: u8, draft: Draft, space: Option<SpaceId>) -> SpaceId {
        let replica = self.world.replica.clone();
        let prepared = self
            .world
            .prepare(&replica, &Device::new(who), draft, space);
        let operation = hex(prepared.operation.bytes());
        self.vectors
            .push(json!({ "name": name, "operation": operation }));
        self.world.accept(&prepared.operation, prepared.wraps)
    }

    /// Signs with the heads in their order.
    fn say(&mut self, name: &str, mut said: Said) {
        said.heads.sort_unstable();
        said.heads.dedup();
        self.say_exactly(name, said);
    }

    /// Signs with the heads as they are.
    fn say_exactly(&mut self, name: &str, said: Said) {
        self.push(name, &said, |_| {}, |_| {});
    }

    fn say_signed(&mut self, name: &str, said: Said, change: impl FnOnce(&mut StatementSignature)) {
        self.push(name, &said, change, |_| {});
    }

    fn say_changed(&mut self, name: &str, said: Said, change: impl FnOnce(&mut Value)) {
        self.push(name, &said, |_| {}, change);
    }

    fn push(
        &mut self,
        name: &str,
        said: &Said,
        change_signature: impl FnOnce(&mut StatementSignature),
        change_vector: impl FnOnce(&mut Value),
    ) {
        let fields = [("kind", "given"), ("form", "paper")];
        let fields: BTreeMap<String, String> = fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let statement = Statement {
            kind: kind_of(u64::from(said.kind)),
            space: SECTION,
            entry: ENTRY,
            fields: &fields,
        };
        let mut signed = signed_with(&statement, said);
        change_signature(&mut signed);
        let mut vector = json!({
            "name": name,
            "kind": said.kind,
            "space": hex(&SECTION.0),
            "entry": ENTRY,
            "fields": fields,
            "signature": hex(&signed.to_bytes()),
            "institution": hex(&said.institution.0),
        });
        change_vector(&mut vector);
        vector["verdict"] = judge(&self.world.replica, &vector);
        self.vectors.push(vector);
    }
}

/// The program sorts the heads; who does not is heard, too.
fn signed_with(statement: &Statement<'_>, said: &Said) -> StatementSignature {
    use nahtlos_protocol::crypto::label;
    use nahtlos_protocol::identifier::SignatureBytes;
    let device = Device::new(said.who);
    let key = &device.keys.signing;
    let mut signed = statement.sign(device.id, key, NOW_MS, said.heads.clone());
    if signed.heads != said.heads {
        let message = statement.message(device.id, NOW_MS, &said.heads);
        let signature = key.sign(label::STATEMENT_SIGN, &message);
        signed.heads.clone_from(&said.heads);
        signed.signature = SignatureBytes(*signature.as_bytes());
    }
    signed
}

fn remove(grant: GrantId) -> Effect {
    Effect::Remove {
        grant: Some(grant),
        member: None,
        reason: 1,
    }
}
