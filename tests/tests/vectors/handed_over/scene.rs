//! What one device hands over: A's, of institution 1, writes a bundle for whoever holds A's paper. Beside
//! what the relay has there is what nobody acknowledged: an edit of A and one of C, and a section that A
//! opened.

use std::sync::Arc;

use nahtlos_document::{Editor, WriteError};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::epoch_secret;
use nahtlos_protocol::crypto::wrap::wrap_hybrid;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::authority::View;
use nahtlos_protocol::space::{Draft, Effect, Kind, Prepared, Role, Wrap, recipients};
use nahtlos_protocol::wire::bundle::{BUNDLE_VERSION, BundleHead, BundleItem, BundleKey};
use nahtlos_protocol::wire::{ItemKind, Receipt};

use crate::desk::{DIRECTORY, Desk, section_containers, task};
use crate::scenarios::{Town, label_of};
use crate::world::{Device, NOW_MS, Replica, World};

/// What the paper is called in its grant, and in the person's document later.
pub const FIRST_NAME: &str = "Papier";
pub const SECOND_NAME: &str = "Papier im Tresor";

pub struct Scene {
    pub town: Town,
    pub paper: Device,
    /// T1 and T2 write it.
    pub section: SpaceId,
    /// A opened it; no relay has it.
    pub new_section: SpaceId,
    /// The logs with that section.
    pub with_new_section: Replica,
    /// What A and C have of the section.
    pub at_a: Desk,
    pub at_c: Desk,
    /// What C has of a section that T2 has for itself.
    pub at_c_alone: Desk,
    pub snapshot: Envelope,
    pub head: BundleHead,
    pub items: Vec<BundleItem>,
}

impl Scene {
    pub fn new() -> Self {
        let mut town = Town::new(20);
        let paper = Device::new(6);
        list_paper(&mut town, &paper);
        let section = town.section("tasks");
        let of_two = section_of(
            &mut town.world,
            &town.c1,
            town.two.institution,
            town.two.team,
        );
        write_cards(&mut town);
        name_paper(&mut town, &paper);
        let replica = town.world.replica.clone();
        let Town { world, a1, c1, .. } = &mut town;

        let tasks = section_containers("tasks");
        let mut at_a = Desk::new(world, a1, section, tasks);
        let mut at_c = Desk::new(world, c1, section, tasks);
        let first = at_a.write(world, &replica, a1, task("t1", "Lebenslauf prüfen"));
        let second = at_c.write(world, &replica, c1, task("t2", "Standortgespräch"));
        world.accept_envelope(&first);
        world.accept_envelope(&second);
        at_a.receive(world, &second);
        at_c.receive(world, &first);
        let snapshot = at_a.snapshot(world, &replica, a1);
        world.accept_envelope(&snapshot);
        let attest = at_c.say(world, &replica, c1, EnvelopeKind::Attest, &snapshot);
        world.accept_envelope(&attest);
        let third = at_a.write(world, &replica, a1, task("t3", "Kostengutsprache"));
        world.accept_envelope(&third);
        at_c.receive(world, &third);
        let mut at_c_alone = Desk::new(world, c1, of_two, section_containers("journal"));
        let alone = at_c_alone.write(world, &replica, c1, entry("e1", "nur für T2"));
        world.accept_envelope(&alone);

        // From here on nothing reaches the relay.
        let by_c = at_c.write(world, &replica, c1, task("t5", "von C, ohne Relay"));
        let by_a = at_a.write(world, &replica, a1, task("t4", "von A, ohne Relay"));
        let (with_new_section, new_section, founding) = open_section(&mut town);
        let Town { world, a1, .. } = &mut town;
        let mut journal = Desk::new(world, a1, new_section, section_containers("journal"));
        let in_new = journal.write(world, &with_new_section, a1, entry("e1", "erster Eintrag"));

        let mut items = receipted(&mut town);
        items.extend(founding.into_iter().map(|prepared| operation(&prepared)));
        items.extend([&by_c, &by_a, &in_new].map(|envelope| pending(envelope.bytes())));
        let head = head_of(&mut town);
        Self {
            town,
            paper,
            section,
            new_section,
            with_new_section,
            at_a,
            at_c,
            at_c_alone,
            snapshot,
            head,
            items,
        }
    }

    /// The parts of the file.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![codec::encode(&self.head)];
        parts.extend(self.items.iter().map(codec::encode));
        parts
    }
}

/// An operation without a receipt.
pub fn operation(prepared: &Prepared) -> BundleItem {
    BundleItem {
        kind: ItemKind::Operation,
        bytes: prepared.operation.bytes().to_vec(),
        wraps: prepared.wraps.clone(),
        receipt: None,
    }
}

/// An envelope without a receipt.
pub fn pending(bytes: &[u8]) -> BundleItem {
    BundleItem {
        kind: ItemKind::Envelope,
        bytes: bytes.to_vec(),
        wraps: Vec::new(),
        receipt: None,
    }
}

/// The same with a receipt.
pub fn with_receipt(item: &BundleItem, receipt: Receipt) -> BundleItem {
    BundleItem {
        receipt: Some(receipt),
        ..item.clone()
    }
}

/// An entry of a journal.
pub fn entry(id: &str, text: &str) -> impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError> {
    move |editor| editor.put(["entries", id], text)
}

/// What a founder of a section appends first.
pub fn founding_of(world: &mut World, guardian: SpaceId, manager: SpaceId) -> Draft {
    let create = world.create(Kind::Section, Some(guardian), None);
    let manage = world.add(manager, Role::Manage);
    let mut epoch = world.fresh(None);
    epoch.label = Some(label_of("journal", guardian));
    Draft::new().effect(create).effect(manage).epoch(epoch)
}

/// A further device of A's person, with its name as the basis of its grant.
pub fn list_paper(town: &mut Town, paper: &Device) {
    let person = town.one.person;
    let world = &mut town.world;
    let current = world.current_seed(person);
    let mut add = world.add_device(paper, Some(person));
    if let Effect::Add { grant, basis, .. } = &mut add {
        let name = FIRST_NAME.as_bytes();
        let sealed = epoch_secret::seal_label(&current, &mut world.random, &grant.0, name);
        *basis = Some(sealed.expect("it is short"));
    }
    let draft = Draft::new().effect(add).wrap_missing(current);
    world.act(&town.a1, draft, Some(person));
}

fn section_of(world: &mut World, who: &Device, guardian: SpaceId, team: SpaceId) -> SpaceId {
    let draft = founding_of(world, guardian, team);
    world.act(who, draft, None)
}

/// The person's own document: the paper has another name since.
fn name_paper(town: &mut Town, paper: &Device) {
    let replica = town.world.replica.clone();
    let (person, world) = (town.one.person, &mut town.world);
    let mut desk = Desk::new(world, &town.a1, person, &["devices"]);
    let id = paper.id.to_string();
    let named = desk.write(world, &replica, &town.a1, |editor| {
        editor.put(["devices", id.as_str()], SECOND_NAME)
    });
    world.accept_envelope(&named);
}

/// Cards of both institutions; A's people card names the team to come back to.
pub fn write_cards(town: &mut Town) -> Desk {
    let replica = town.world.replica.clone();
    let (one, two, network) = (town.one, town.two, town.network);
    let world = &mut town.world;
    let card = |name: &str| format!("{{\"name\":\"{name}\"");
    let institution = |name: &str, kind: &str| format!("{},\"kind\":\"{kind}\"}}", card(name));
    let person = |name: &str, of: SpaceId, team: SpaceId| {
        let function = "\"function\":\"coach\"";
        let rest = format!("\"institution\":\"{of}\",\"team\":\"{team}\"}}");
        format!("{},{function},{rest}", card(name))
    };
    let mut at_a = Desk::new(world, &town.a1, network, &DIRECTORY);
    let mut at_c = Desk::new(world, &town.c1, network, &DIRECTORY);
    let by_a = at_a.write(world, &replica, &town.a1, |editor| {
        let (id, team, own) = (
            one.institution.to_string(),
            one.team.to_string(),
            one.person.to_string(),
        );
        let network_card = format!("{},\"canton\":\"BE\"}}", card("IIZ Bern"));
        editor.put(["network", "card"], network_card.as_str())?;
        editor.put(["institutions", &id], institution("RAV", "alv").as_str())?;
        let team_card = format!("{},\"institution\":\"{id}\"}}", card("Team Bern"));
        editor.put(["teams", &team], team_card.as_str())?;
        let own_card = person("Anna Berger", one.institution, one.team);
        editor.put(["people", &own], own_card.as_str())
    });
    world.accept_envelope(&by_a);
    at_c.receive(world, &by_a);
    let by_c = at_c.write(world, &replica, &town.c1, |editor| {
        let (id, own) = (two.institution.to_string(), two.person.to_string());
        let card = institution("IV-Stelle", "iv");
        editor.put(["institutions", &id], card.as_str())?;
        let own_card = person("Marc Iseli", two.institution, two.team);
        editor.put(["people", &own], own_card.as_str())
    });
    world.accept_envelope(&by_c);
    at_a.receive(world, &by_c);
    at_a
}

/// A section of A that no relay has: founded, then shared with T2.
fn open_section(town: &mut Town) -> (Replica, SpaceId, [Prepared; 2]) {
    let (one, team) = (town.one, town.two.team);
    let world = &mut town.world;
    let mut replica = world.replica.clone();
    let draft = founding_of(world, one.institution, one.team);
    let first = world.prepare(&replica, &town.a1, draft, None);
    let space = first.operation.space();
    replica.logs.insert(space, Arc::new(first.state.clone()));
    let key_id = first.state.current_epoch().expect("an epoch").key_id;
    let add = world.add(team, Role::Write);
    let draft = Draft::new()
        .effect(add)
        .wrap_missing(world.seeds.get(&key_id));
    let second = world.prepare(&replica, &town.a1, draft, Some(space));
    replica.logs.insert(space, Arc::new(second.state.clone()));
    (replica, space, [first, second])
}

/// What the relay has and A's device was served.
pub fn receipted(town: &mut Town) -> Vec<BundleItem> {
    let groups = [
        town.one.person,
        town.one.team,
        town.one.institution,
        town.network,
    ];
    let served = town.world.served(&town.a1, Some(&groups));
    served
        .into_iter()
        .map(|item| BundleItem {
            kind: item.kind,
            bytes: item.bytes,
            wraps: item.wraps,
            receipt: Some(item.receipt),
        })
        .collect()
}

/// The head of a bundle that A's device writes: the key of its person for each of that person's devices.
pub fn head_of(town: &mut Town) -> BundleHead {
    let (person, world) = (town.one.person, &mut town.world);
    let replica = world.replica.clone();
    let state = &replica.logs[&person];
    let key_id = state.current_epoch().expect("an epoch").key_id;
    let seed = world.seeds.get(&key_id);
    let none = std::collections::BTreeSet::new();
    let targets = recipients::effective_recipients(&replica, state, View::NEWEST, &none);
    let keys = targets.expect("the logs are here").into_iter();
    let keys = keys.map(|(recipient, target)| {
        let info = wrap_info(&state.nonce(), &key_id, recipient, target.key());
        let bytes = wrap_hybrid(&mut world.random, target.kem(), &info, seed.as_secret());
        let bytes = bytes.expect("the key is good");
        BundleKey {
            space: person,
            key_id,
            wrap: Wrap { recipient, bytes },
        }
    });
    BundleHead {
        version: BUNDLE_VERSION,
        network: town.network,
        device: town.a1.id,
        made_at_ms: NOW_MS,
        is_whole: true,
        keys: keys.collect(),
    }
}
