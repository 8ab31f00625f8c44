//! Two institutions write one section at once, and each a card of the directory.

use nahtlos_document::{Editor, WriteError};

use super::Town;
use crate::desk::{DIRECTORY, Desk, section_containers, task};

pub fn write() {
    let mut town = Town::new(1);
    let section = town.section("tasks");
    let alone = town.own_section("journal");
    let Town {
        world, a1, c1, d1, ..
    } = &mut town;
    let tasks = section_containers("tasks");
    let replica = world.replica.clone();

    // A and C at once, then D on both.
    let mut at_a = Desk::new(world, a1, section, tasks);
    let mut at_c = Desk::new(world, c1, section, tasks);
    let mut at_d = Desk::new(world, d1, section, tasks);
    let first = at_a.write(world, &replica, a1, task("t1", "Bewerbungsdossier prüfen"));
    let second = at_c.write(world, &replica, c1, task("t2", "Standortgespräch"));
    for envelope in [&first, &second] {
        world.accept_envelope(envelope);
        at_d.receive(world, envelope);
    }
    let third = at_d.write(world, &replica, d1, |editor| {
        editor.put(["tasks", "t1", "title"], "Bewerbungsdossier geprüft")
    });
    world.accept_envelope(&third);
    // A again, on D's.
    at_a.receive(world, &second);
    at_a.receive(world, &third);
    let fourth = at_a.write(world, &replica, a1, task("t3", "Kostengutsprache"));
    world.accept_envelope(&fourth);

    // What T1 has for itself: T2's device has the log of it and no key.
    let journal = section_containers("journal");
    let mut private = Desk::new(world, a1, alone, journal);
    let entry = private.write(world, &replica, a1, |editor| {
        editor.put(["entries", "e1"], "nur für T1")
    });
    world.accept_envelope(&entry);

    let network = town.network;
    let (one, two) = (town.one.institution, town.two.institution);
    let world = &mut town.world;
    let mut cards_a = Desk::new(world, &town.a1, network, &DIRECTORY);
    let mut cards_c = Desk::new(world, &town.c1, network, &DIRECTORY);
    let card = |id: String, name: &'static str, kind: &'static str| {
        move |editor: &mut Editor<'_>| -> Result<(), WriteError> {
            let text = format!("{{\"name\":\"{name}\",\"kind\":\"{kind}\"}}");
            editor.put(["institutions", id.as_str()], text.as_str())
        }
    };
    let by_a = cards_a.write(
        world,
        &replica,
        &town.a1,
        card(one.to_string(), "RAV", "alv"),
    );
    world.accept_envelope(&by_a);
    cards_c.receive(world, &by_a);
    let by_c = cards_c.write(
        world,
        &replica,
        &town.c1,
        card(two.to_string(), "IV-Stelle", "iv"),
    );
    world.accept_envelope(&by_c);

    let groups = town.groups_of_two();
    town.world.write_bundle("shared", &town.c1, Some(&groups));
}
