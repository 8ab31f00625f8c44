//! Times that mean something on a busy machine: everything that is compared runs in turns within
//! one loop, and medians are compared, never single times.

use std::time::{Duration, Instant};

/// Runs `work` and says how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

/// Runs all candidates `rounds` times in turns, each round beginning with another one, and
/// returns the median of each.
pub fn interleaved<const N: usize>(
    rounds: usize,
    candidates: [&mut dyn FnMut(); N],
) -> [Duration; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    for round in 0..rounds {
        for turn in 0..N {
            let chosen = (round + turn) % N;
            times[chosen].push(timed(&mut *candidates[chosen]).0);
        }
    }
    times.map(median)
}

/// The middle one.
///
/// # Panics
/// Without any.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Milliseconds with fractions.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds with fractions.
pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// How many times longer `time` is than `reference`.
pub fn ratio(time: Duration, reference: Duration) -> f64 {
    time.as_secs_f64() / reference.as_secs_f64()
}
