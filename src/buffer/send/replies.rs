//! How many bytes of pongs wait to be written, so that a peer that pings and does not read can be
//! bounded.

use alloc::collections::VecDeque;

/// Pongs with fewer other bytes than this between them are counted as one run, so that what this
/// takes is small beside what waits.
const SAME_RUN: usize = 256;

/// The pongs that wait, by where they lie in the buffer.
///
/// A run that has been written to its end counts no more; of one that is being written no more
/// counts than is left of it.
pub(super) struct Replies {
    runs: VecDeque<Run>,
    /// The pongs in all runs.
    len: usize,
}

/// INVARIANT: runs lie one behind the other, and `len <= end - start`.
struct Run {
    start: usize,
    end: usize,
    /// The pongs within it.
    len: usize,
}

impl Replies {
    pub(super) const NEW: Self = Self { runs: VecDeque::new(), len: 0 };

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes wait, when what lies before `sent` has been written.
    pub(super) fn waiting(&self, sent: usize) -> usize {
        let first = self.runs.front().map_or(0, |run| {
            let left = run.end - sent.clamp(run.start, run.end);
            run.len - run.len.min(left)
        });
        self.len - first
    }

    /// A pong lies at `start..end`, behind all others.
    pub(super) fn push(&mut self, start: usize, end: usize) {
        let len = end - start;
        self.len += len;
        match self.runs.back_mut() {
            Some(run) if start - run.end < SAME_RUN => {
                run.end = end;
                run.len += len;
            }
            _ => self.runs.push_back(Run { start, end, len }),
        }
    }

    /// What lies before `sent` has been written.
    pub(super) fn written(&mut self, sent: usize) {
        while let Some(run) = self.runs.front()
            && run.end <= sent
        {
            self.len -= run.len;
            self.runs.pop_front();
        }
    }

    /// What was written has been removed from the buffer.
    pub(super) fn moved(&mut self, by: usize) {
        for run in &mut self.runs {
            run.start = run.start.saturating_sub(by);
            run.end = run.end.saturating_sub(by);
            run.len = run.len.min(run.end - run.start);
        }
        self.len = self.runs.iter().map(|run| run.len).sum();
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.runs.clear();
        self.runs.shrink_to(64);
    }
}
