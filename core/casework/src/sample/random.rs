//! A generator of numbers that look random and are the same for the same seed: for invented data only.

/// SplitMix64.
pub(super) struct Numbers(u64);

impl Numbers {
    /// Of one seed each number is a row of its own.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut of_seed = Self(seed);
        let start = of_seed.next() ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(start)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most.saturating_sub(least) + 1)
    }

    /// One of several.
    pub(super) fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        let count = all.len().max(1) as u64;
        let position = usize::try_from(self.between(0, count - 1)).unwrap_or(0);
        all.get(position).copied().unwrap_or("")
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.between(1, 100) <= share
    }
}
