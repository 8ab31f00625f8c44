//! Wraps of an epoch of a healed branch that a cut separates from the current one (PROTOCOL §12, `Wrap`),
//! operation by operation.

use std::sync::Arc;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::identifier::{KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::effect::{HealedOperation, Recipient, WrapMethod};
use nahtlos_protocol::space::recipients::wrap_hash;
use nahtlos_protocol::space::{
    Draft, Effect, History, Kind, LogHead, NewEpoch, Operation, Role, SignedOperation, SpaceState,
};
use serde_json::{Value, json};

use crate::forms::file;
use crate::policies::replayed;
use crate::scenarios::Town;
use crate::support::{bytes, each, hex, stored};
use crate::world::{Device, NOW_MS, Replica, add_as};

#[test]
fn wraps_of_what_a_cut_took_from_a_lost_branch_come_out_as_they_did() {
    let stored = stored("added/past_wraps.json", || {
        let what = "operations, each tried on what those before it left: one without an error is taken; the network is \
                    the only one there; then to whom, and to which of their keys, the operation's log wrapped epochs \
                    of healed branches";
        file("§11, §12", what, Story::told())
    });
    let mut replica = Replica::default();
    let (mut taken, mut refused) = (0, 0);
    for (name, vector) in each(&stored) {
        let signed = SignedOperation::decode(&bytes(vector, "operation")).expect("an operation");
        let tried = replayed(&replica, &signed);
        assert_eq!(json!(tried.as_ref().err()), vector["error"], "{name}");
        if let Ok(state) = tried {
            assert_eq!(outcome(&state), vector["outcome"], "{name}");
            if state.kind() == Kind::Network {
                replica.network = Some(state.id());
            }
            replica.logs.insert(state.id(), Arc::new(state));
            taken += 1;
        } else {
            refused += 1;
        }
    }
    assert!(taken > 20 && refused > 8, "{taken} and {refused}");
}

fn outcome(state: &SpaceState) -> Value {
    let all = state.wrapped_in_the_past();
    let all = all.flat_map(|(key_id, records)| {
        let records = records.iter();
        records.map(move |record| {
            let Recipient { id, key, .. } = record.recipient;
            json!([key_id.to_string(), id.to_string(), key.to_string()])
        })
    });
    Value::Array(all.collect())
}

/// C began an epoch that the relay lost; before C carries it back, A lets in K from now.
struct Story {
    town: Town,
    section: SpaceId,
    lost: EpochSeed,
    vectors: Vec<Value>,
}

impl Story {
    fn told() -> Vec<Value> {
        let mut story = Self::begun();
        story.nobody_else();
        story.both_teams();
        story.with_another_key();
        story.vectors
    }

    fn begun() -> Self {
        let mut town = Town::new(55);
        let section = town.section("tasks");
        let network = town.network;
        let mut vectors: Vec<Value> = Vec::new();
        let mut replica = Replica::default();
        for encoded in town.world.operations() {
            let signed = SignedOperation::decode(&encoded).expect("an operation");
            let state = replayed(&replica, &signed).expect("it replays");
            vectors.push(vector("what was before", &signed, Ok(&state)));
            replica.logs.insert(state.id(), Arc::new(state));
        }
        let start = town.world.replica.clone();
        let epoch = town.world.fresh(Some(section));
        let lost = epoch.seed.clone();
        let c1 = Device::new(3);
        let draft = Draft::new().epoch(epoch);
        let made = town.world.prepare(&start, &c1, draft, Some(section));
        town.world.accept(&made.operation, made.wraps.clone());
        let id = made.operation.id().into();
        let receipt = town.world.receipt(id);
        town.world.restore_without(&[id]);
        town.world.forget_lost();
        town.world.replica = start;
        let mut story = Self {
            town,
            section,
            lost,
            vectors,
        };
        let k = story.town.person_k;
        story.let_in_from_now("A lets in K from now", 1, section, k);
        let branch = vec![HealedOperation {
            operation: made.operation.bytes().to_vec(),
            receipt: codec::encode(&receipt),
        }];
        let heal = Draft::new().effect(Effect::Heal { branch }).after(network);
        story.take("C carries the branch back", 3, heal, section);
        story
    }

    fn nobody_else(&mut self) {
        let (k, d, two) = (self.town.person_k, self.town.person_d, self.town.two.team);
        self.refuse("to K, who came from now", vec![self.to(k)]);
        let device = Device::new(5).id;
        let key = KeyId(device.0);
        self.refuse("to K's device", vec![(device.into(), key)]);
        let add = self.town.world.add(d, Role::Write);
        let current = self.town.world.current_seed(self.section);
        let draft = Draft::new().effect(add).wrap_missing(current);
        self.take("A lets in D, who sees all", 1, draft, self.section);
        self.refuse("to D, who came after the cut", vec![self.to(d)]);
        self.refuse("to nobody", vec![]);
        self.refuse("to one twice", vec![self.to(two), self.to(two)]);
        let (_, other) = self.to(d);
        self.refuse("to another key", vec![(two.into(), other)]);
        let first = self.town.world.state(self.section).epochs()[0].key_id;
        let to = vec![self.to(two)];
        self.refuse_of("of an epoch of the log", first, to);
    }

    fn both_teams(&mut self) {
        let draft = Draft::new().wrap_missing(self.lost.clone());
        self.take("C gives it to both teams", 3, draft, self.section);
        self.refuse("to one of them again", vec![self.to(self.town.one.team)]);
    }

    fn with_another_key(&mut self) {
        let (one, two, k) = (self.town.one.team, self.town.two.team, self.town.person_k);
        let old = self.to(one);
        let epoch = self.town.world.fresh(Some(one));
        self.take(
            "A's team has another key",
            1,
            Draft::new().epoch(epoch),
            one,
        );
        self.refuse("to the key before", vec![old]);
        self.let_in_from_now("K comes into C's team from now", 3, two, k);
        self.refuse("to that team", vec![self.to(two)]);
        let draft = Draft::new().wrap_missing(self.lost.clone());
        self.take("A's team is given it again", 3, draft, self.section);
        let epoch = self.town.world.fresh(Some(self.section));
        let again = self.town.world.fresh(Some(one));
        self.take("another key once more", 1, Draft::new().epoch(again), one);
        let past = self.wrap(KeyId(self.lost.key_id()), vec![self.to(one)]);
        let both = Draft::new().epoch(epoch);
        let made = {
            let replica = self.town.world.replica.clone();
            let a1 = Device::new(1);
            self.town
                .world
                .prepare(&replica, &a1, both, Some(self.section))
        };
        let mut effects = made.operation.operation().effects.clone();
        effects.push(past);
        self.refuse_effects("twice in one operation", 1, effects);
    }

    fn let_in_from_now(&mut self, name: &str, who: u8, space: SpaceId, member: SpaceId) {
        let grant = self.town.world.grant_id();
        let cut = NewEpoch {
            previous: None,
            cut: true,
            ..self.town.world.fresh(None)
        };
        let (seed, key_id) = (cut.seed.clone(), KeyId(cut.seed.key_id()));
        let confirm = Effect::Confirm {
            grant,
            key_id: Some(key_id),
        };
        let draft = Draft::new()
            .effect(add_as(grant, member, Role::Read, History::FromNow))
            .epoch(cut)
            .effect_after_epoch(confirm)
            .wrap_missing(seed);
        self.take(name, who, draft, space);
    }

    /// A space with the key it has now.
    fn to(&self, space: SpaceId) -> (RecipientId, KeyId) {
        let current = self.town.world.state(space).current_epoch();
        (space.into(), current.expect("an epoch").key_id)
    }

    fn wrap(&self, key_id: KeyId, to: Vec<(RecipientId, KeyId)>) -> Effect {
        let recipients = to.into_iter().map(|(id, key)| Recipient {
            id,
            key,
            method: WrapMethod::Hybrid,
            wrap: wrap_hash(&[7]),
        });
        Effect::Wrap {
            key_id,
            recipients: recipients.collect(),
            suspended: vec![],
        }
    }

    fn take(&mut self, name: &str, who: u8, draft: Draft, space: SpaceId) {
        let replica = self.town.world.replica.clone();
        let device = Device::new(who);
        let world = &mut self.town.world;
        let made = world.prepare(&replica, &device, draft, Some(space));
        self.vectors
            .push(vector(name, &made.operation, Ok(&made.state)));
        world.accept(&made.operation, made.wraps);
    }

    fn refuse(&mut self, name: &str, to: Vec<(RecipientId, KeyId)>) {
        self.refuse_of(name, KeyId(self.lost.key_id()), to);
    }

    fn refuse_of(&mut self, name: &str, key_id: KeyId, to: Vec<(RecipientId, KeyId)>) {
        let effect = self.wrap(key_id, to);
        self.refuse_effects(name, 3, vec![effect]);
    }

    /// The section's next operation, by somebody who knows everything, though it is not right.
    fn refuse_effects(&mut self, name: &str, who: u8, effects: Vec<Effect>) {
        let device = Device::new(who);
        let world = &self.town.world;
        let logs = world.replica.logs.values();
        let heads = logs.filter_map(|state| state.head());
        let references: Vec<LogHead> = heads.filter(|head| head.space != self.section).collect();
        let state = world.state(self.section);
        let operation = Operation {
            version: 1,
            suite: 2,
            space: Some(self.section),
            index: state.length(),
            previous: state.head().map(|head| head.operation),
            author: device.id,
            claimed_at_ms: NOW_MS,
            references,
            effects,
        };
        let signed = SignedOperation::sign(operation, &device.keys.signing);
        let error = replayed(&world.replica, &signed).err();
        let error = error.unwrap_or_else(|| panic!("{name} is taken"));
        self.vectors.push(vector(name, &signed, Err(error)));
    }
}

fn vector(name: &str, signed: &SignedOperation, came: Result<&SpaceState, &str>) -> Value {
    json!({
        "name": name,
        "operation": hex(signed.bytes()),
        "error": came.err(),
        "outcome": came.ok().map(outcome),
    })
}
