//! Which faults a run has, and how often: few at a time, so that each is also seen alone.

use super::chance::Chance;
use super::deep::DEEP_FROM;

/// From this seed on everything may come together: a relay that is restored while a copy of it runs
/// beside it, with a hostile member. Below, and in deep worlds, a run has one of the three. Such worlds
/// were the first to end with two opinions: the normal tests keep those that once did, and whoever looks
/// for more finds them here.
pub const ALL_TOGETHER_FROM: u64 = 1_000_000_000;

/// How often each fault happens, in a hundred requests or steps; 0 in runs without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps before the faults end.
    pub steps: u64,
    /// A request is lost.
    pub drop: u64,
    /// A request arrives twice.
    pub duplicate: u64,
    /// A request arrives much later, when its sender has given it up.
    pub late: u64,
    /// Others go on while a request or its answer is on its way.
    pub overtake: u64,
    /// An answer is lost after the relay has done its work.
    pub lose_answer: u64,
    /// A device's program ends at one of its effects.
    pub crash: u64,
    /// A device's disk is full for a while.
    pub disk_full: u64,
    /// The relay ends at one of its effects.
    pub relay_crash: u64,
    /// The relay's disk is full for a while.
    pub relay_disk_full: u64,
    /// A device is cut off, or reaches the relay again.
    pub partition: u64,
    /// A device's clock goes wrong by up to a day.
    pub skew: u64,
    /// A device's program ends between two things it does.
    pub restart: u64,
    /// The operator copies the relay's data, or puts a copy in its place.
    pub restore: u64,
    /// A copy of the relay runs beside it for a while.
    pub split: u64,
    /// Somebody runs a copy of their home.
    pub clone: u64,
    /// The relay lies.
    pub lie: u64,
    /// A member sends what the rules forbid.
    pub hostile: u64,
    /// Half a year passes, and the relay drops what snapshots cover.
    pub prune: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64, chance: &mut Chance) -> Self {
        let mut often = |percent| {
            if chance.percent(25) { percent } else { 0 }
        };
        let mut plan = Self {
            drop: often(15),
            duplicate: often(15),
            late: often(12),
            overtake: often(20),
            lose_answer: often(15),
            crash: often(12),
            disk_full: often(10),
            relay_crash: often(8),
            relay_disk_full: often(6),
            partition: often(6),
            skew: often(4),
            restart: often(5),
            restore: often(10),
            split: often(10),
            clone: often(4),
            prune: often(4),
            lie: often(20),
            hostile: often(20),
            steps: 0,
        };
        plan.steps = 12 + chance.below(24);
        if !(ALL_TOGETHER_FROM..DEEP_FROM).contains(&seed) {
            if plan.restore > 0 {
                plan.split = 0;
            }
            if plan.restore + plan.split > 0 {
                plan.hostile = 0;
            }
        }
        plan
    }

    /// The same without faults: what a run ends with.
    #[must_use]
    pub fn without_faults() -> Self {
        Self::default()
    }
}
