//! What a piece of work allocates at most, where the program counts (`#[global_allocator]` is
//! [`PeakAlloc`] in the tests and fuzzers that ask; elsewhere the answer is 0).

use std::sync::Mutex;

use peak_alloc::PeakAlloc;

/// The counters are those of the whole process: one piece of work at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `work`; what it returned, and how many bytes more than before were allocated at its highest.
pub fn highest<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    let done = work();
    (done, PeakAlloc.peak_usage().saturating_sub(before))
}
