//! Where the relay's random bytes come from: the operating system; in a simulation its seed, so that
//! a run can be repeated byte for byte.

#[cfg(not(feature = "in-process"))]
pub(crate) use system::{fill, of_this_thread, take_over};

#[cfg(feature = "in-process")]
pub(crate) use seeded::{fill, of_this_thread, seed_this_thread, take_over};

#[cfg(not(feature = "in-process"))]
mod system {
    pub(crate) fn fill(target: &mut [u8]) -> Result<(), getrandom::Error> {
        getrandom::fill(target)
    }

    /// Nothing to hand over: threads share the operating system's.
    pub(crate) struct OperatingSystems;

    pub(crate) fn of_this_thread() -> OperatingSystems {
        OperatingSystems
    }

    pub(crate) fn take_over(_: OperatingSystems) {}
}

#[cfg(feature = "in-process")]
mod seeded {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From now on this thread, and the writer of a relay started on it, make random bytes of `seed`;
    /// with none, the operating system does.
    pub(crate) fn seed_this_thread(seed: Option<u64>) {
        STATE.set(seed);
    }

    pub(crate) fn fill(target: &mut [u8]) -> Result<(), getrandom::Error> {
        let Some(mut state) = STATE.get() else {
            return getrandom::fill(target);
        };
        for chunk in target.chunks_mut(8) {
            // SplitMix64: of no use as a secret, and repeatable.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            for (byte, random) in chunk.iter_mut().zip(mixed.to_be_bytes()) {
                *byte = random;
            }
        }
        STATE.set(Some(state));
        Ok(())
    }

    /// What another thread may go on with.
    pub(crate) fn of_this_thread() -> Option<u64> {
        STATE.get().map(|state| state ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn take_over(state: Option<u64>) {
        STATE.set(state);
    }
}
