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
    /// All but the last run, in order, and the pongs within them.
    earlier: VecDeque<Run>,
    earlier_len: usize,
    last: Run,
}

struct Run {
    end: usize,
    /// The pongs within it.
    len: usize,
}

impl Run {
    const EMPTY: Self = Self { end: 0, len: 0 };

    /// How many bytes of pongs may be left of it when what lies before `sent` has been written.
    #[inline]
    fn left(&self, sent: usize) -> usize {
        self.len.min(self.end.saturating_sub(sent))
    }
}

impl Replies {
    pub(super) const NEW: Self =
        Self { earlier: VecDeque::new(), earlier_len: 0, last: Run::EMPTY };

    /// How many bytes wait, when what lies before `sent` has been written.
    #[inline]
    pub(super) fn waiting(&self, sent: usize) -> usize {
        match self.earlier.front() {
            None => self.last.left(sent),
            Some(first) => self.earlier_len - first.len + first.left(sent) + self.last.len,
        }
    }

    /// A pong lies at `start..end`, behind all others.
    #[inline]
    pub(super) fn push(&mut self, start: usize, end: usize) {
        if start - self.last.end >= SAME_RUN && self.last.len > 0 {
            self.begin_run();
        }
        self.last.end = end;
        self.last.len += end - start;
    }

    #[cold]
    fn begin_run(&mut self) {
        let run = core::mem::replace(&mut self.last, Run::EMPTY);
        self.earlier_len += run.len;
        self.earlier.push_back(run);
    }

    /// What lies before `sent` has been written.
    #[inline]
    pub(super) fn written(&mut self, sent: usize) {
        while let Some(run) = self.earlier.front()
            && run.end <= sent
        {
            self.earlier_len -= run.len;
            self.earlier.pop_front();
        }
        if self.last.end <= sent {
            self.last = Run::EMPTY;
        }
    }

    /// So many bytes, which were written, have been removed from the buffer.
    pub(super) fn removed(&mut self, by: usize) {
        for run in self.earlier.iter_mut().chain([&mut self.last]) {
            run.end = run.end.saturating_sub(by);
        }
    }

    /// Everything has been written.
    #[inline]
    pub(super) fn clear(&mut self) {
        if self.earlier.capacity() > 0 {
            self.earlier = VecDeque::new();
            self.earlier_len = 0;
        }
        self.last = Run::EMPTY;
    }
}
