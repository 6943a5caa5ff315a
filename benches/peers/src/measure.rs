//! Time: of this thread on the processor, in rounds that take turns.

use std::hint::black_box;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How often each gets its turn.
    pub turns: usize,
    /// How many rounds are timed in a turn, after one that is not.
    pub rounds: usize,
}

impl Plan {
    pub const FULL: Self = Self { turns: 60, rounds: 4 };
    pub const QUICK: Self = Self { turns: 6, rounds: 2 };
}

/// What a cell of a table says, in nanoseconds (or bytes).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    pub min: f64,
    pub median: f64,
}

impl Stat {
    pub fn exact(value: usize) -> Self {
        Self { min: value as f64, median: value as f64 }
    }
}

/// One that takes turns: it times one round and says how long it took for `per` things.
pub struct Runner {
    run: Box<dyn FnMut() -> u64>,
    per: usize,
    samples: Vec<f64>,
}

impl Runner {
    pub fn new(per: usize, run: impl FnMut() -> u64 + 'static) -> Self {
        Self { run: Box::new(run), per, samples: Vec::new() }
    }
}

/// Lets all take turns, each time starting with another, and says how long a thing took each.
pub fn take_turns(plan: Plan, runners: Vec<Option<Runner>>) -> Vec<Option<Stat>> {
    let mut runners = runners;
    let count = runners.len();
    for turn in 0..plan.turns {
        for i in 0..count {
            let Some(runner) = &mut runners[(turn + i) % count] else { continue };
            (runner.run)();
            for _ in 0..plan.rounds {
                let time = (runner.run)();
                runner.samples.push(time as f64 / runner.per as f64);
            }
        }
    }
    runners.into_iter().map(|runner| runner.map(|runner| stat(runner.samples))).collect()
}

fn stat(mut samples: Vec<f64>) -> Stat {
    samples.sort_by(f64::total_cmp);
    Stat { min: samples[0], median: samples[samples.len() / 2] }
}

/// How many nanoseconds of this thread `work` takes.
#[inline]
pub fn timed<T>(work: impl FnOnce() -> T) -> u64 {
    let start = thread_time();
    black_box(work());
    thread_time() - start
}

fn thread_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` that may be written.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "this system has the thread's clock");
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
