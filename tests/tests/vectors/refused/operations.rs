//! Operations that follow a world and are refused, with the word stated beside each.

use nahtlos_protocol::identifier::{
    GrantId, KeyId, Nonce, OperationId, RecipientId, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::authority::path_heads;
use nahtlos_protocol::space::{
    Effect, History, Kind, LogHead, Logs, Member, Operation, Role, SignedOperation, SpaceState,
};

use crate::forms::IntoSecret;
use crate::outcome::Outcome;
use crate::support::root;
use crate::world::{Device, Replica};

/// The worlds that operations are refused in.
pub const WORLDS: [&str; 2] = ["shared", "ends/all"];

/// World, name, operation, word.
pub type Refused = (&'static str, String, SignedOperation, Option<&'static str>);

/// Everything that is refused, and a control of each world that is not.
pub fn all() -> Vec<Refused> {
    let shared = Scene::of("shared");
    [
        shared.positions(),
        shared.members(),
        shared.keys(),
        shared.foundings(),
        closed(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A world with its people.
pub struct Scene {
    world: &'static str,
    pub replica: Replica,
    pub a1: Device,
    pub c1: Device,
    k1: Device,
    pub section: SpaceId,
    pub team: SpaceId,
}

impl Scene {
    pub fn of(world: &'static str) -> Self {
        let replica = Outcome::of(&root().join("worlds").join(world)).replica;
        let (a1, c1, k1) = (Device::new(1), Device::new(3), Device::new(5));
        let of_kind = |kind, writer: &Device| {
            let found = replica.logs.values().find(|state| {
                state.kind() == kind
                    && state.current_epoch().is_some()
                    && nahtlos_protocol::space::authority::right(&replica, &writer.id, &state.id())
                        .at_least(Role::Write)
            });
            found.expect("a space").id()
        };
        let section = of_kind(Kind::Section, &c1);
        let team = of_kind(Kind::Team, &c1);
        Self {
            world,
            section,
            team,
            replica,
            a1,
            c1,
            k1,
        }
    }

    pub fn state(&self, space: SpaceId) -> &SpaceState {
        &self.replica.logs[&space]
    }

    /// The next operation of a space, by somebody who knows everything.
    fn next(&self, who: &Device, space: SpaceId, effects: Vec<Effect>) -> Operation {
        let state = self.state(space);
        let mut references = path_heads(&self.replica, &who.id, state);
        for grant in state.live_grants() {
            let member = SpaceId(grant.member.recipient().0);
            self.beneath(member, &mut references);
        }
        references.remove(&space);
        Operation {
            version: 1,
            suite: 2,
            space: Some(space),
            index: state.length(),
            previous: state.head().map(|head| head.operation),
            author: who.id,
            claimed_at_ms: 0,
            references: references.into_values().collect(),
            effects,
        }
    }

    fn beneath(&self, space: SpaceId, heads: &mut std::collections::BTreeMap<SpaceId, LogHead>) {
        let Some(state) = self.replica.state(&space) else {
            return;
        };
        heads.insert(space, state.head().expect("a log is not empty"));
        for grant in state.live_grants() {
            self.beneath(SpaceId(grant.member.recipient().0), heads);
        }
    }

    fn signed(
        &self,
        name: &str,
        who: &Device,
        operation: Operation,
        error: &'static str,
    ) -> Refused {
        let signed = SignedOperation::sign(operation, &who.keys.signing);
        (self.world, name.to_owned(), signed, Some(error))
    }

    pub fn refuse(&self, name: &str, who: &Device, effect: Effect, error: &'static str) -> Refused {
        let operation = self.next(who, self.section, vec![effect]);
        self.signed(name, who, operation, error)
    }

    fn positions(&self) -> Vec<Refused> {
        let (a1, section) = (&self.a1, self.section);
        let invite = || vec![self.invitation()];
        let with = |change: &dyn Fn(&mut Operation)| {
            let mut operation = self.next(a1, section, invite());
            change(&mut operation);
            operation
        };
        let refuse = |name, operation, error| self.signed(name, a1, operation, error);
        let control = SignedOperation::sign(with(&|_| {}), &a1.keys.signing);
        let unknown = Device::new(77);
        let mut by_unknown = with(&|_| {});
        by_unknown.author = unknown.id;
        let by_unknown = self.signed(
            "an author whose keys no log names",
            &unknown,
            by_unknown,
            "unknown_author",
        );
        vec![
            (
                self.world,
                "control: this one follows".into(),
                control,
                None,
            ),
            refuse(
                "an index too high",
                with(&|operation| operation.index += 1),
                "not_next",
            ),
            refuse(
                "another operation before it",
                with(&|operation| operation.previous = Some(OperationId([7; 32]))),
                "not_next",
            ),
            refuse(
                "references that do not ascend",
                with(&|operation| operation.references.reverse()),
                "bad_references",
            ),
            refuse(
                "a reference to its own space",
                with(&|operation| {
                    let own = LogHead {
                        space: section,
                        index: 0,
                        operation: OperationId([7; 32]),
                    };
                    operation.references.push(own);
                    operation.references.sort();
                }),
                "bad_references",
            ),
            refuse(
                "a reference to what is not here",
                with(&|operation| operation.references[0].operation = OperationId([7; 32])),
                "unknown_reference",
            ),
            refuse(
                "a known operation at another index",
                with(&|operation| operation.references[0].index += 1),
                "unknown_reference",
            ),
            self.signed(
                "signed by somebody else",
                &self.c1,
                with(&|_| {}),
                "bad_signature",
            ),
            by_unknown,
            refuse(
                "no effect",
                with(&|operation| operation.effects.clear()),
                "contradiction",
            ),
        ]
    }

    fn invitation(&self) -> Effect {
        let key =
            nahtlos_protocol::crypto::signature::SigningKey::from_seed(&[0x2a; 32].into_secret());
        Effect::Invite {
            invitation: nahtlos_protocol::identifier::InvitationId(*key.verifying_key().as_bytes()),
            role: Role::Read,
            not_after_ms: 1,
        }
    }

    pub fn grant_of_team(&self) -> GrantId {
        let member = RecipientId::from(self.team);
        let mut live = self.state(self.section).live_grants();
        live.find(|grant| grant.member.recipient() == member)
            .expect("a grant")
            .id
    }

    fn members(&self) -> Vec<Refused> {
        let (a1, c1, k1) = (&self.a1, &self.c1, &self.k1);
        let grant = self.grant_of_team();
        let managing = self
            .state(self.section)
            .live_grants()
            .find(|grant| grant.role == Role::Manage)
            .expect("a manager")
            .id;
        let add = |grant, member| Effect::Add {
            grant,
            member: Member::Space { id: member },
            role: Role::Read,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        };
        let fresh = GrantId([9; 16]);
        let create = Effect::Create {
            kind: Kind::Section,
            nonce: Nonce([1; 16]),
            guardian: None,
            founder: None,
        };
        let set = |grant, role| Effect::SetRole { grant, role };
        let remove = |grant, member| Effect::Remove {
            grant,
            member,
            reason: 0,
        };
        vec![
            self.refuse("Create in a log that exists", a1, create, "contradiction"),
            self.refuse(
                "Add under a grant id that exists",
                a1,
                add(grant, self.team),
                "contradiction",
            ),
            self.refuse(
                "Add of a space that is not here",
                a1,
                add(fresh, SpaceId([7; 32])),
                "missing_log",
            ),
            self.refuse(
                "Add of a space of its own kind",
                a1,
                add(fresh, self.replica.network.expect("a network")),
                "missing_log",
            ),
            self.refuse("Add by a writer", c1, add(fresh, self.team), "not_entitled"),
            self.refuse(
                "Confirm of no grant",
                a1,
                Effect::Confirm {
                    grant: fresh,
                    key_id: None,
                },
                "contradiction",
            ),
            self.refuse(
                "Confirm with a cut that is not needed",
                a1,
                Effect::Confirm {
                    grant,
                    key_id: Some(KeyId([7; 32])),
                },
                "contradiction",
            ),
            self.refuse(
                "Confirm again, by a writer",
                c1,
                Effect::Confirm {
                    grant,
                    key_id: None,
                },
                "not_entitled",
            ),
            self.refuse(
                "Remove by a writer",
                c1,
                remove(Some(grant), None),
                "not_entitled",
            ),
            self.refuse(
                "Remove by another institution's custodian, whom no reference leads to",
                k1,
                remove(Some(grant), None),
                "unknown_author",
            ),
            self.refuse(
                "Remove of a grant and a member",
                a1,
                remove(Some(grant), Some(self.team.into())),
                "contradiction",
            ),
            self.refuse("Remove of nobody", a1, remove(None, None), "contradiction"),
            self.refuse(
                "Remove of no grant",
                a1,
                remove(Some(fresh), None),
                "contradiction",
            ),
            self.refuse(
                "Remove of the last manager",
                a1,
                remove(Some(managing), None),
                "contradiction",
            ),
            self.refuse(
                "SetRole to the same",
                a1,
                set(grant, Role::Write),
                "contradiction",
            ),
            self.refuse(
                "SetRole to a role without keys",
                a1,
                set(grant, Role::Administer),
                "contradiction",
            ),
            self.refuse(
                "SetRole of the last manager",
                a1,
                set(managing, Role::Write),
                "contradiction",
            ),
            self.refuse(
                "SetRole upwards by a writer",
                c1,
                set(grant, Role::Manage),
                "not_entitled",
            ),
            self.refuse(
                "Expire of what does not end",
                a1,
                Effect::Expire { grant },
                "contradiction",
            ),
            self.refuse(
                "Void of nothing",
                a1,
                Effect::Void {
                    envelopes: vec![],
                    grants: vec![],
                },
                "contradiction",
            ),
            self.refuse(
                "Void by a writer",
                c1,
                Effect::Void {
                    envelopes: vec![],
                    grants: vec![grant],
                },
                "not_entitled",
            ),
            self.refuse("Close by a writer", c1, Effect::Close {}, "not_entitled"),
            self.refuse(
                "SetRelay in a section",
                a1,
                Effect::SetRelay {
                    key: VerifyingKeyBytes([9; 32]),
                },
                "contradiction",
            ),
            self.refuse("Invite by a writer", c1, self.invitation(), "not_entitled"),
        ]
    }

    fn foundings(&self) -> Vec<Refused> {
        let a1 = &self.a1;
        let found = |name: &str, effects: Vec<Effect>, error| {
            let operation = Operation {
                version: 1,
                suite: 2,
                space: None,
                index: 0,
                previous: None,
                author: a1.id,
                claimed_at_ms: 0,
                references: vec![],
                effects,
            };
            self.signed(name, a1, operation, error)
        };
        let create = |kind, guardian, founder| Effect::Create {
            kind,
            nonce: Nonce([1; 16]),
            guardian,
            founder,
        };
        let institution = SpaceId([7; 32]);
        vec![
            found(
                "a founding without Create",
                vec![Effect::Close {}],
                "bad_founding",
            ),
            found(
                "a network with a guardian",
                vec![create(Kind::Network, Some(institution), Some(a1.public()))],
                "bad_founding",
            ),
            found(
                "another founder's keys",
                vec![create(Kind::Section, None, Some(self.c1.public()))],
                "bad_founding",
            ),
            found(
                "a founder whom no log names",
                vec![create(Kind::Section, None, None)],
                "unknown_author",
            ),
            found(
                "Create twice",
                vec![
                    create(Kind::Section, None, Some(a1.public())),
                    create(Kind::Section, None, None),
                ],
                "contradiction",
            ),
        ]
    }
}

/// In a closed section nothing follows but what ends rights.
fn closed() -> Vec<Refused> {
    let mut scene = Scene::of("ends/all");
    let closed = scene
        .replica
        .logs
        .values()
        .find(|state| state.closed_at().is_some());
    scene.section = closed.expect("a closed section").id();
    let a1 = Device::new(1);
    let managing = scene
        .state(scene.section)
        .live_grants()
        .next()
        .expect("a grant")
        .id;
    vec![
        scene.refuse(
            "Invite in a closed space",
            &a1,
            scene.invitation(),
            "contradiction",
        ),
        scene.refuse("Close again", &a1, Effect::Close {}, "contradiction"),
        scene.refuse(
            "Remove of the last manager of a closed space",
            &a1,
            Effect::Remove {
                grant: Some(managing),
                member: None,
                reason: 5,
            },
            "contradiction",
        ),
    ]
}
