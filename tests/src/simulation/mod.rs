//! A simulated world: devices of several institutions and their relay live through faults that a seed
//! decides, then everything heals, and what must be true is looked at.
//!
//! Only the edges are simulated: the network between devices and relay, the disks below them, the
//! clocks, and what people do. The vault, session, engine and store are those that ship. The same seed
//! gives the same run, byte for byte.
//!
//! Reading order: [`world`] (a run) → [`plan`] (which faults) → [`line`] (what passes) → [`work`] (what
//! people do) → [`healing`] → [`checks`] with [`model`]. What chance alone seldom brings: [`deep`]. What
//! people do with their devices, recovery keys and cases: [`people`].

pub mod chance;
pub mod checks;
pub mod courses;
pub mod coverage;
pub mod deep;
pub mod device;
pub mod errand;
pub mod expected;
pub mod handing_over;
pub mod healing;
pub mod hostile;
pub mod lies;
pub mod line;
pub mod mishaps;
pub mod model;
pub mod observer;
pub mod pairing;
pub mod paper;
pub mod people;
pub mod people_checks;
pub mod people_scene;
pub mod plan;
pub mod recovering;
pub mod relay;
pub mod runs;
pub mod scene;
pub mod store;
pub mod story;
pub mod work;
pub mod world;

use std::panic::AssertUnwindSafe;

use coverage::Coverage;
pub use deep::DEEP_FROM;
pub use expected::{AT_LEAST, EXPECTED, EXPECTED_OF_PEOPLE};
pub use people::PEOPLE_FROM;
use world::World;

/// What came of one run.
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What should never have happened; empty for a good run.
    pub failures: Vec<String>,
    /// What occurred.
    pub coverage: Coverage,
    /// The course of it, for a person to read.
    pub story: String,
    /// A hash over the story and every byte that passed.
    pub hash: u64,
}

/// Lives through one seed.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    live_through(World::new(seed))
}

/// The same, but at the end everybody is taken to hold everybody's keys: whoever may not read something could
/// open it then, and the run fails where the check of that sees anything at all.
#[must_use]
pub fn run_with_keys_for_all(seed: u64) -> Outcome {
    let mut world = World::new(seed);
    world.leaks = true;
    live_through(world)
}

fn live_through(mut world: World) -> Outcome {
    let seed = world.seed;
    let lived = std::panic::catch_unwind(AssertUnwindSafe(|| {
        world.live();
        if world.failures.is_empty() {
            world.heal();
        }
        if world.failures.is_empty() {
            world.check();
        }
    }));
    if let Err(defect) = lived {
        let text = defect.downcast_ref::<String>().cloned();
        let text = text.or_else(|| defect.downcast_ref::<&str>().map(ToString::to_string));
        world.fail(format!("a panic: {}", text.unwrap_or_default()));
    }
    nahtlos_client::simulated::unseed_this_thread();
    Outcome {
        seed,
        failures: std::mem::take(&mut world.failures),
        coverage: std::mem::take(&mut world.coverage),
        story: world.story.text(),
        hash: world.story.hash(),
    }
}
