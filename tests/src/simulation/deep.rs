//! Deep worlds: what takes several people one after the other, chance alone seldom brings together. Somebody
//! loses a right while they write offline, and a manager decides about what came late; a snapshot is
//! attested and half a year passes; keys are changed on their way; an old copy of a home is put over its
//! newer self.
//!
//! They are a family of seeds of their own: the worlds of the seeds below stay what they were.

use super::chance::Chance;
use super::people::PEOPLE_FROM;
use super::plan::Plan;
use super::world::World;

/// The first seed of a deep world.
pub const DEEP_FROM: u64 = 2_000_000_000;

/// What a deep world has beside its [`Plan`], in a hundred steps, answers or requests.
#[derive(Clone, Debug)]
pub struct Deep {
    /// Several people do one thing after the other.
    pub course: u64,
    /// A home is copied, or the copy put over its newer self.
    pub old_home: u64,
    /// Of the keys that the relay serves one is changed.
    pub swapped_key: u64,
    /// A hostile member leaves keys out beside its own operations, or alters them.
    pub tampered_key: u64,
}

impl Deep {
    /// What a seed has of it, and the plan that fits to it. None below the first deep seed and from the
    /// first one with people on, where nothing is drawn.
    pub fn draw(seed: u64, plan: &mut Plan, chance: &mut Chance) -> Option<Self> {
        if !(DEEP_FROM..PEOPLE_FROM).contains(&seed) {
            return None;
        }
        let mut often = |share, percent| {
            if chance.percent(share) { percent } else { 0 }
        };
        let (hostile, old_home, swapped_key) = (often(60, 8), often(40, 15), often(40, 15));
        if plan.restore + plan.split == 0 {
            plan.hostile = hostile;
        }
        // The copy of a home that runs beside it is seen alone.
        if old_home > 0 {
            plan.clone = 0;
        }
        // Half a year passes after a snapshot only.
        plan.prune = 0;
        plan.steps = 8 + chance.below(12);
        Some(Self {
            course: 50,
            old_home,
            swapped_key,
            tampered_key: 40,
        })
    }
}

impl World {
    /// What happens in deep worlds only; whether anything did that takes the place of other work.
    pub(super) fn go_deep(&mut self, depth: u32) -> bool {
        let Some(deep) = self.deep.clone() else {
            return false;
        };
        if self.chance.percent(deep.old_home) {
            self.keep_or_put_back_home();
        }
        // While others are in the middle of a request, people do simple things.
        let goes = depth == 0 && self.chance.percent(deep.course);
        if goes {
            self.run_course(depth);
        }
        goes
    }
}
