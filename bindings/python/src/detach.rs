//! When other Python threads run while the core works.
//!
//! Whoever gives the interpreter away gets it back only when another thread lets go of it, which is
//! up to `sys.getswitchinterval()` later: 5 ms, where a message of 64 bytes takes half a
//! microsecond. So it is given away for what takes long by itself.

use pyo3::prelude::*;

/// From how many bytes of one message on other threads run meanwhile.
const WORTH_DETACHING: usize = 1 << 20;

/// The same for bytes to compress or decompress, which take some twenty times as long.
const WORTH_DETACHING_DEFLATE: usize = 64 << 10;

/// Does what takes long while other Python threads run.
pub(crate) fn detached<R: Send>(
    py: Python<'_>,
    bytes: usize,
    deflate: bool,
    work: impl FnOnce() -> R + Send,
) -> R {
    let enough = if deflate { WORTH_DETACHING_DEFLATE } else { WORTH_DETACHING };
    if bytes >= enough { py.detach(work) } else { work() }
}

/// How much of what was received the next event will take. Many small messages may wait behind each
/// other, so it is guessed from the event before.
pub(crate) struct Pace {
    last: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { last: usize::MAX }
    }
}

impl Pace {
    /// Of `waiting` bytes, as many as the event before took.
    pub(crate) fn expected(&self, waiting: usize) -> usize {
        waiting.min(self.last)
    }

    /// Notes that an event, or the part of one that was there, left `rest` of `waiting` bytes.
    pub(crate) fn observe(&mut self, waiting: usize, rest: usize) {
        if waiting > 0 {
            self.last = waiting.saturating_sub(rest);
        }
    }
}
