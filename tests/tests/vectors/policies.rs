//! How an institution admits (PROTOCOL §12, `Policy`): the effect in its bytes, and logs in which it takes
//! two administrators to make one, operation by operation.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{GrantId, RecipientId, SpaceId};
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{
    Draft, Effect, Kind, LogHead, Operation, Role, SignedOperation, SpaceState,
};
use serde_json::{Value, json};

use crate::describe;
use crate::forms::{file, same_again};
use crate::support::{bytes, each, hex, stored};
use crate::words::error_word;
use crate::world::{Device, NOW_MS, Replica, World};

#[test]
fn a_policy_is_the_bytes_it_was() {
    let stored = stored("added/policy_effects.json", || {
        let vectors = [(1, false), (1, true), (2, false), (2, true)].map(|(number, compares)| {
            let effect = policy(number, compares);
            json!({
                "name": format!("Policy {number} {compares}"),
                "bytes": hex(&codec::encode(&effect)),
                "value": describe::effect(&effect),
            })
        });
        file("§12", "the effect Policy", vectors.to_vec())
    });
    for (name, vector) in each(&stored) {
        let effect: Effect = same_again(name, &bytes(vector, "bytes"));
        assert_eq!(describe::effect(&effect), vector["value"], "{name}");
    }
}

#[test]
fn logs_with_a_policy_come_out_as_they_did() {
    let stored = stored("added/policies.json", || {
        let what = "operations of an institution and its people, each tried on what those before it left: one \
                    without an error is taken; then the institution's policy, what is proposed, and the live \
                    grants of the operation's log that nobody stands for";
        file("§11, §12", what, Office::story())
    });
    let mut replica = Replica::default();
    let (mut taken, mut refused) = (0, 0);
    for (name, vector) in each(&stored) {
        let encoded = bytes(vector, "operation");
        let signed = SignedOperation::decode(&encoded).expect("an operation");
        let tried = replayed(&replica, &signed);
        let word = tried.as_ref().err().copied();
        assert_eq!(json!(word), vector["error"], "{name}");
        if let Ok(state) = tried {
            assert_eq!(outcome(&state), vector["outcome"], "{name}");
            replica.logs.insert(state.id(), Arc::new(state));
            taken += 1;
        } else {
            refused += 1;
        }
    }
    assert!(taken > 10 && refused > 10, "{taken} and {refused}");
}

fn policy(administrators: u8, compares: bool) -> Effect {
    Effect::Policy {
        administrators,
        compares,
    }
}

/// What an operation leaves, or the word that refuses it.
pub fn replayed(replica: &Replica, signed: &SignedOperation) -> Result<SpaceState, &'static str> {
    match replica.logs.get(&signed.space()) {
        None => SpaceState::found(signed, replica, Signatures::Verify),
        Some(state) => SpaceState::clone(state).append(signed, replica, Signatures::Verify),
    }
    .map_err(|error| error_word(&error))
}

fn outcome(state: &SpaceState) -> Value {
    let of =
        |policy: nahtlos_protocol::space::Policy| json!([policy.administrators, policy.compares]);
    let waiting = state.live_grants().filter(|grant| !grant.is_confirmed());
    let waiting: Vec<String> = waiting.map(|grant| grant.id.to_string()).collect();
    json!({
        "policy": of(state.policy()),
        "proposed": state.proposed_policy().map(|record| of(record.policy)),
        "without_sponsor": waiting,
    })
}

/// A (devices 1 and 2) and B (3) manage an institution, K (5) administers it; C (4) and D (6) are people of
/// it.
struct Office {
    world: World,
    institution: SpaceId,
    people: BTreeMap<u8, SpaceId>,
    vectors: Vec<Value>,
}

impl Office {
    fn story() -> Vec<Value> {
        let mut office = Self::found();
        office.before_it_takes_two();
        office.two_make_one();
        office.two_change_the_policy();
        office.somebody_without_devices();
        office.vectors
    }

    fn found() -> Self {
        let mut office = Self {
            world: World::new(37),
            institution: SpaceId([0; 32]),
            people: BTreeMap::new(),
            vectors: Vec::new(),
        };
        let a1 = Device::new(1);
        let create = office
            .world
            .create(Kind::Institution, None, Some(a1.public()));
        let draft = Draft::new().effect(create);
        office.institution = office.take("A founds the institution", 1, draft, None);
        for (number, name) in [(1, "A"), (3, "B"), (4, "C"), (5, "K"), (6, "D")] {
            let device = Device::new(number);
            let institution = Some(office.institution);
            let create = office.world.create(Kind::Person, institution, None);
            let admit = office.world.add_device(&device, None);
            let epoch = office.world.fresh(None);
            let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
            let person = office.take(&format!("{name} is founded"), number, draft, None);
            office.people.insert(number, person);
        }
        let a = office.people[&1];
        office.people.insert(2, a);
        let second = office.world.add_device(&Device::new(2), Some(a));
        let seed = office.world.current_seed(a);
        let draft = Draft::new().effect(second).wrap_missing(seed);
        office.take("A has a second device", 1, draft, Some(a));
        let roles = [
            (1, Role::Administer),
            (1, Role::Manage),
            (5, Role::Administer),
        ];
        let epoch = office.world.fresh(None);
        let draft = roles.into_iter().fold(Draft::new(), |draft, (who, role)| {
            draft.effect(office.world.add(office.people[&who], role))
        });
        office.take_here("A manages, K administers", 1, draft.epoch(epoch));
        office
    }

    fn before_it_takes_two(&mut self) {
        let d = self.add(6, Role::Manage);
        self.refuse("two, where one manages", 1, vec![policy(2, false)]);
        self.refuse("a policy by who holds no key", 5, vec![policy(1, true)]);
        self.refuse("three administrators", 1, vec![policy(3, false)]);
        self.refuse("none", 1, vec![policy(0, false)]);
        self.refuse("the policy that holds", 1, vec![policy(1, false)]);
        let draft = Draft::new().effect(policy(1, true));
        self.take_here("it compares, by one", 1, draft);
        let b = self.add(3, Role::Manage);
        let seed = self.world.current_seed(self.institution);
        let draft = Draft::new().effect(b).wrap_missing(seed);
        self.take_here("one makes B an administrator", 1, draft);
        self.take_here("K adds D", 5, Draft::new().effect(d.clone()));
        self.refuse("two, while somebody waits", 1, vec![policy(2, true)]);
        let draft = Draft::new().effect(remove(granted(&d)));
        self.take_here("D waits no more", 5, draft);
        let draft = Draft::new().effect(policy(2, true));
        self.take_here("it takes two", 1, draft);
    }

    fn two_make_one(&mut self) {
        let both = self.add(4, Role::Manage);
        let effects = vec![both.clone(), confirm(granted(&both))];
        self.refuse("adding and confirming at once", 1, effects);
        let c = self.add(4, Role::Manage);
        let grant = granted(&c);
        self.take_here("A adds C, who waits", 1, Draft::new().effect(c));
        self.refuse("A's own word", 1, vec![confirm(grant)]);
        self.refuse("A's word by another device", 2, vec![confirm(grant)]);
        self.refuse("K's word, who holds no key", 5, vec![confirm(grant)]);
        let b = self.world.grant_of(self.institution, self.people[&3]);
        self.refuse("the last but one", 1, vec![remove(b)]);
        let seed = self.world.current_seed(self.institution);
        let draft = Draft::new().effect(confirm(grant)).wrap_missing(seed);
        self.take_here("B confirms C", 3, draft);
        let d = self.add(6, Role::Write);
        let writes = granted(&d);
        let seed = self.world.current_seed(self.institution);
        let draft = Draft::new().effect(d).wrap_missing(seed);
        self.take_here("D writes, by one", 1, draft);
        let role = Role::Manage;
        let raise = Effect::SetRole {
            grant: writes,
            role,
        };
        self.refuse("a raise", 1, vec![raise]);
        let keyless = self.add(6, Role::Administer);
        let grant = granted(&keyless);
        self.take_here(
            "K adds D as one without keys",
            5,
            Draft::new().effect(keyless),
        );
        let draft = Draft::new().effect(confirm(grant));
        self.take_here("A confirms D", 1, draft);
    }

    fn two_change_the_policy(&mut self) {
        for (name, who, asked) in [
            ("A proposes one", 1, policy(1, true)),
            ("A's other device says so too", 2, policy(1, true)),
            ("B proposes something else", 3, policy(2, false)),
            ("A drops it", 1, policy(2, true)),
            ("B proposes one, after it was dropped", 3, policy(1, true)),
        ] {
            self.take_here(name, who, Draft::new().effect(asked));
        }
    }

    fn somebody_without_devices(&mut self) {
        let d = self.people[&6];
        let new = Device::new(7);
        let add = self.world.add_device(&new, Some(d));
        let grant = granted(&add);
        let gone = Effect::Remove {
            grant: None,
            member: Some(RecipientId::from(Device::new(6).id)),
            reason: 2,
        };
        let draft = Draft::new().effect(gone).effect(add).after(self.people[&1]);
        self.take("A ends D's device and adds one", 1, draft, Some(d));
        let above = [self.institution];
        let effects = || vec![confirm(grant)];
        self.refuse_in("A stands for it too", 1, d, effects(), &above);
        self.refuse_in("A, by another device", 2, d, effects(), &above);
        let draft = Draft::new().effect(confirm(grant)).after(self.institution);
        self.take("B stands for it", 3, draft, Some(d));
        let draft = Draft::new().effect(policy(1, true));
        self.take_here("A says what B proposed: it takes one again", 1, draft);
    }

    fn add(&mut self, who: u8, role: Role) -> Effect {
        let person = self.people[&who];
        self.world.add(person, role)
    }

    fn take_here(&mut self, name: &str, who: u8, draft: Draft) {
        let institution = self.institution;
        self.take(name, who, draft, Some(institution));
    }

    fn take(&mut self, name: &str, who: u8, draft: Draft, space: Option<SpaceId>) -> SpaceId {
        let replica = self.world.replica.clone();
        let device = Device::new(who);
        let prepared = self.world.prepare(&replica, &device, draft, space);
        self.vectors.push(json!({
            "name": name,
            "operation": hex(prepared.operation.bytes()),
            "error": null,
            "outcome": outcome(&prepared.state),
        }));
        self.world.accept(&prepared.operation, prepared.wraps)
    }

    fn refuse(&mut self, name: &str, who: u8, effects: Vec<Effect>) {
        let institution = self.institution;
        self.refuse_in(name, who, institution, effects, &[]);
    }

    /// The next operation of a log, by somebody who knows everything, though it is not right.
    fn refuse_in(
        &mut self,
        name: &str,
        who: u8,
        space: SpaceId,
        effects: Vec<Effect>,
        after: &[SpaceId],
    ) {
        let device = Device::new(who);
        let people = self.people.values().copied();
        let mut heads: BTreeMap<SpaceId, LogHead> = BTreeMap::new();
        for named in people.chain(after.iter().copied()) {
            if named != space {
                heads.insert(named, self.world.state(named).head().expect("a head"));
            }
        }
        let state = self.world.state(space);
        let operation = Operation {
            version: 1,
            suite: 2,
            space: Some(space),
            index: state.length(),
            previous: state.head().map(|head| head.operation),
            author: device.id,
            claimed_at_ms: NOW_MS,
            references: heads.into_values().collect(),
            effects,
        };
        let signed = SignedOperation::sign(operation, &device.keys.signing);
        let error = replayed(&self.world.replica, &signed).err();
        assert!(error.is_some(), "{name} is taken");
        self.vectors.push(json!({
            "name": name,
            "operation": hex(signed.bytes()),
            "error": error,
        }));
    }
}

fn confirm(grant: GrantId) -> Effect {
    Effect::Confirm {
        grant,
        key_id: None,
    }
}

fn remove(grant: GrantId) -> Effect {
    Effect::Remove {
        grant: Some(grant),
        member: None,
        reason: 0,
    }
}

fn granted(effect: &Effect) -> GrantId {
    match effect {
        Effect::Add { grant, .. } => *grant,
        other => panic!("{other:?} is no Add"),
    }
}
