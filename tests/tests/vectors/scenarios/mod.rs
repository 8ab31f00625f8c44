//! The worlds. Institution 1: team T1 with A (device a1, manages) and B (b1). Institution 2: team T2
//! with C (c1, manages) and D (d1), and K (k1), who administers without keys. A network of both.

pub mod edges;
pub mod ends;
pub mod erased;
pub mod healed;
pub mod keys;
pub mod removal;
pub mod shared;
pub mod snapshots;
pub mod suspended;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{InvitationId, SignatureBytes, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::effect::InvitationProof;
use nahtlos_protocol::space::{Draft, Effect, Kind, Role, invitation_message};

use crate::support::root;
use crate::world::{Device, NOW_MS, World};

/// Bundles that are expected to come out as their `expected.json` says.
pub const BUNDLES: [&str; 23] = [
    "shared",
    "removal/provisional",
    "removal/held",
    "removal/adopted",
    "removal/removed_device",
    "from_now/before",
    "from_now/newcomer",
    "junk_epoch",
    "custodian/waiting",
    "custodian/confirmed",
    "ends/all",
    "ends/custodian",
    "healed/forked",
    "healed/healed",
    "healed/other_side",
    "suspended/suspended",
    "suspended/decided",
    "suspended/added",
    "snapshots",
    "edges/keys",
    "edges/rights",
    "edges/branches",
    "erased",
];

/// Who builds which bundles.
const WRITERS: [(&str, fn()); 13] = [
    ("shared", shared::write),
    ("removal", removal::write),
    ("from_now", keys::write_from_now),
    ("junk_epoch", keys::write_junk_epoch),
    ("custodian", keys::write_custodian),
    ("ends", ends::write),
    ("healed", healed::write),
    ("suspended", suspended::write),
    ("snapshots", snapshots::write),
    ("edges/keys", edges::write_keys),
    ("edges/rights", edges::write_rights),
    ("edges/branches", edges::write_branches),
    ("erased", erased::write),
];

/// Builds the worlds that are missing and writes their bundles.
pub fn write_missing() {
    for (name, build) in WRITERS {
        if !root().join("worlds").join(name).exists() {
            build();
        }
    }
}

/// Everybody.
pub struct Town {
    pub world: World,
    pub a1: Device,
    pub b1: Device,
    pub c1: Device,
    pub d1: Device,
    pub k1: Device,
    pub one: House,
    pub two: House,
    pub person_b: SpaceId,
    pub person_d: SpaceId,
    pub person_k: SpaceId,
    pub network: SpaceId,
}

/// An institution with its first person and team.
#[derive(Clone, Copy)]
pub struct House {
    pub institution: SpaceId,
    pub person: SpaceId,
    pub team: SpaceId,
}

impl Town {
    pub fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let devices = [1, 2, 3, 4, 5].map(Device::new);
        let [a1, b1, c1, d1, k1] = devices;
        let one = house(&mut world, &a1);
        let network = network(&mut world, &a1, one.institution);
        let two = house(&mut world, &c1);
        invite_institution(&mut world, &a1, network, two.institution);
        let person_b = person(&mut world, &b1, one.institution);
        let person_d = person(&mut world, &d1, two.institution);
        let person_k = person(&mut world, &k1, two.institution);
        join(&mut world, &a1, one.team, person_b, Role::Manage);
        join(&mut world, &c1, two.team, person_d, Role::Write);
        let administer = world.add(person_k, Role::Administer);
        world.act(&c1, Draft::new().effect(administer), Some(two.institution));
        Self {
            world,
            a1,
            b1,
            c1,
            d1,
            k1,
            one,
            two,
            person_b,
            person_d,
            person_k,
            network,
        }
    }

    /// A section of one case: T1 manages, T2 writes.
    pub fn section(&mut self, code: &str) -> SpaceId {
        let section = self.own_section(code);
        join(
            &mut self.world,
            &self.a1,
            section,
            self.two.team,
            Role::Write,
        );
        section
    }

    /// A section that T1 has for itself.
    pub fn own_section(&mut self, code: &str) -> SpaceId {
        let world = &mut self.world;
        let create = world.create(Kind::Section, Some(self.one.institution), None);
        let manage = world.add(self.one.team, Role::Manage);
        let mut epoch = world.fresh(None);
        epoch.label = Some(label_of(code, self.one.institution));
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        world.act(&self.a1, draft, None)
    }

    /// What a device of institution 1 reads for.
    pub fn groups_of_one(&self) -> Vec<SpaceId> {
        vec![
            self.one.person,
            self.person_b,
            self.one.team,
            self.one.institution,
            self.network,
        ]
    }

    /// What C's device reads for.
    pub fn groups_of_two(&self) -> Vec<SpaceId> {
        vec![
            self.two.person,
            self.two.team,
            self.two.institution,
            self.network,
        ]
    }
}

/// The plaintext of a section's label.
pub fn label_of(code: &str, home: SpaceId) -> Vec<u8> {
    let bytes = |bytes: &[u8]| minicbor::bytes::ByteVec::from(bytes.to_vec());
    codec::encode(&(code.to_owned(), bytes(&home.0), bytes(&[0x5a; 16])))
}

fn house(world: &mut World, founder: &Device) -> House {
    let create = world.create(Kind::Institution, None, Some(founder.public()));
    let institution = world.act(founder, Draft::new().effect(create), None);
    let person = person(world, founder, institution);
    let manage = world.add(person, Role::Manage);
    let administer = world.add(person, Role::Administer);
    let epoch = world.fresh(None);
    let draft = Draft::new().effect(manage).effect(administer).epoch(epoch);
    world.act(founder, draft, Some(institution));
    let create = world.create(Kind::Team, Some(institution), None);
    let manage = world.add(person, Role::Manage);
    let epoch = world.fresh(None);
    let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
    let team = world.act(founder, draft, None);
    House {
        institution,
        person,
        team,
    }
}

/// A person with one device and an epoch of its own.
pub fn person(world: &mut World, device: &Device, institution: SpaceId) -> SpaceId {
    let create = world.create(Kind::Person, Some(institution), None);
    let admit = world.add_device(device, None);
    let epoch = world.fresh(None);
    let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
    world.act(device, draft, None)
}

/// Adds a member with its wrap.
pub fn join(world: &mut World, who: &Device, space: SpaceId, member: SpaceId, role: Role) {
    let add = world.add(member, role);
    let current = world.current_seed(space);
    world.act(
        who,
        Draft::new().effect(add).wrap_missing(current),
        Some(space),
    );
}

fn network(world: &mut World, founder: &Device, institution: SpaceId) -> SpaceId {
    let create = world.create(Kind::Network, None, None);
    let relay = Effect::SetRelay {
        key: VerifyingKeyBytes(*world.relay.verifying_key().as_bytes()),
    };
    let manage = world.add(institution, Role::Manage);
    let epoch = world.fresh(None);
    let draft = Draft::new()
        .effect(create)
        .effect(relay)
        .effect(manage)
        .epoch(epoch);
    let network = world.act(founder, draft, None);
    world.replica.network = Some(network);
    network
}

/// By an invitation, with its proof.
fn invite_institution(world: &mut World, who: &Device, network: SpaceId, newcomer: SpaceId) {
    let key = SigningKey::from_seed(&Secret32::from_bytes([0x1e; 32]));
    let invitation = InvitationId(*key.verifying_key().as_bytes());
    let invite = Effect::Invite {
        invitation,
        role: Role::Write,
        not_after_ms: NOW_MS + 1_000_000,
    };
    world.act(who, Draft::new().effect(invite), Some(network));
    let message = invitation_message(network, newcomer);
    let proof = InvitationProof {
        invitation,
        signature: SignatureBytes(*key.sign(label::INVITATION_SIGN, &message).as_bytes()),
    };
    let mut add = world.add(newcomer, Role::Write);
    if let Effect::Add { invitation, .. } = &mut add {
        *invitation = Some(proof);
    }
    let current = world.current_seed(network);
    world.act(
        who,
        Draft::new().effect(add).wrap_missing(current),
        Some(network),
    );
}
