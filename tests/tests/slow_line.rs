//! A line that breaks whenever much is on its way: what is asked for gets less, until it arrives.

use nahtlos_casework::SectionKind;
use nahtlos_protocol::codec;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, Passing, World, note_saying};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
/// What the line carries in one answer.
const CARRIED_BYTES: usize = 360 * 1024;

/// Ten thousand characters that no compression makes much shorter.
fn long_text(number: u64) -> String {
    let mut state = number + 1;
    let mut digit = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from_digit(u32::try_from(state >> 59).unwrap(), 32).unwrap()
    };
    (0..10_000).map(|_| digit()).collect()
}

/// Whether a sync came to its end, and the most that one request asked for.
fn sync(world: &World, home: &mut Home) -> (bool, u32) {
    let mut asked_for = 0;
    let synced = home.sync_over(
        world,
        &mut |request| {
            asked_for = asked_for.max(request.max_bytes);
            Passing::Arrives
        },
        &mut |answer| {
            if codec::encode(answer).len() > CARRIED_BYTES {
                Passing::Breaks
            } else {
                Passing::Arrives
            }
        },
    );
    if let Err(error) = &synced {
        assert_eq!(error.code(), "relay_unreachable");
    }
    (synced.is_ok(), asked_for)
}

#[test]
fn on_a_line_that_breaks_less_is_asked_for_until_everything_has_come() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    for kind in [SectionKind::Core, SectionKind::Journal] {
        berger.share(&number, &kind, IV_TEAM, Role::Write, "AVG35a1");
    }
    for round in 0..5 {
        let edits = (0..8).map(|entry| round * 8 + entry);
        let edits: Vec<_> = edits
            .map(|entry| note_saying(entry, &long_text(entry)))
            .collect();
        berger.nahtlos.edit_case(&number, &edits).unwrap();
        berger.sync();
    }
    let mut syncs = Vec::new();
    while syncs.len() < 5 && syncs.last().is_none_or(|(ended, _)| !ended) {
        syncs.push(sync(&world, &mut iseli));
    }
    let mebibyte = 1 << 20;
    let asked_for: Vec<u32> = syncs.iter().map(|(_, asked_for)| *asked_for).collect();
    assert_eq!(asked_for[..2], [8 * mebibyte, 2 * mebibyte], "control");
    assert!(syncs.last().unwrap().0, "{syncs:?}");
    assert_eq!(iseli.journal(&number), berger.journal(&number));
    // What comes to its end may be more the next time.
    let (ended, next) = sync(&world, &mut iseli);
    assert!(ended && next > *asked_for.last().unwrap(), "{next}");
}
