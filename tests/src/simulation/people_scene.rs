//! Where runs with people begin: the scene of all runs, with two more people of the first institution in a
//! team of their own, who read nothing of the case. With one of the others they can hold a recovery key.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nahtlos_client::{Nahtlos, simulated};
use nahtlos_protocol::space::Role;

use super::relay::SimulatedRelay;
use super::scene::{BEGIN_MS, DEVICES, Founding, SCENE, Scene, collect, directory};
use crate::PASSPHRASE;

/// The institution that opened the case, and of everybody whom these runs add.
pub const INSTITUTION: &str = "RAV Langnau";
/// The team whose case it is.
pub const OWN_TEAM: &str = "RAV Langnau Team 1";
/// The team of those who read nothing of it.
pub const MANAGEMENT: &str = "RAV Langnau Leitung";
/// Those in it: who manages it, and who does not.
pub const MANAGERS: [(&str, &str); 2] = [("trachsel", INSTITUTION), ("ruegg", INSTITUTION)];

/// The scene, founded at its first use.
pub static PEOPLE_SCENE: LazyLock<Scene> = LazyLock::new(found);

fn found() -> Scene {
    let scene = &*SCENE;
    simulated::seed_this_thread(u64::MAX);
    let directory = directory();
    scene.lay_out(directory.path());
    let clock = Arc::new(AtomicU64::new(BEGIN_MS - 500_000));
    let mut founding = Founding {
        directory: directory.path().to_owned(),
        relay: SimulatedRelay::start(directory.path().join("relay"), Arc::clone(&clock), 0),
        clock,
    };
    let mut homes: Vec<Nahtlos> = DEVICES
        .iter()
        .map(|(name, _)| open(&directory.path().join(name), &founding.clock))
        .collect();
    let team = homes[0].found_team(MANAGEMENT).expect("a manager");
    founding.sync(&mut homes[0]);
    for ((name, _), role) in MANAGERS.iter().zip([Role::Manage, Role::Write]) {
        let invitation = homes[0].invite_person(&team, role, name);
        founding.sync(&mut homes[0]);
        let mut home = founding.home(name);
        founding.join(&mut home, &invitation.expect("a manager"), name);
        founding.sync(&mut homes[0]);
        founding.sync(&mut home);
        homes.push(home);
    }
    for _ in 0..3 {
        for home in &mut homes {
            founding.sync(home);
        }
    }
    drop((homes, founding));
    simulated::unseed_this_thread();
    let mut files = Vec::new();
    collect(directory.path(), directory.path(), &mut files);
    files.sort();
    Scene::of(files, scene.case.clone())
}

fn open(home: &Path, clock: &Arc<AtomicU64>) -> Nahtlos {
    let mut home = Nahtlos::open(home, PASSPHRASE).expect("a home of the scene");
    let clock = Arc::clone(clock);
    home.set_clock(Box::new(move || clock.load(Ordering::SeqCst)));
    home
}
