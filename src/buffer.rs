//! The two buffers between a transport and a connection, both owned by the caller.
//!
//! ```text
//! transport ──read──► RecvBuf ──next_event──► Event<'_>
//! transport ◄─write── SendBuf ◄──send, reply─ application, Connection
//! ```

mod inflated;
mod recv;
mod send;

pub(crate) use recv::Lent;
pub use recv::RecvBuf;
pub use send::SendBuf;

/// A buffer that has been emptied keeps so much of its memory: a frame of 64 KiB fits.
const RETAINED: usize = 80 << 10;

/// How much it keeps for the next large message.
const KEPT: usize = 4 << 20;

/// Whether a buffer that has been emptied gives back memory over [`RETAINED`]: not while large
/// messages follow each other, as it would be allocated and initialised for each of them.
#[derive(Clone, Copy, Default)]
struct Retention {
    /// Whether the memory was filled with more than [`RETAINED`] the last time.
    was_large: bool,
    /// Whether it has been since, and was given back before it was emptied.
    is_large: bool,
}

impl Retention {
    const NEW: Self = Self { was_large: false, is_large: false };

    /// Whether memory is kept although little of it is used.
    fn keeps(self, capacity: usize) -> bool {
        self.was_large && capacity <= KEPT
    }

    /// To be asked each time, with how much has been `used` since the last time.
    fn gives_back(&mut self, capacity: usize, used: usize) -> bool {
        if used == 0 {
            return false;
        }
        let large = used > RETAINED || core::mem::take(&mut self.is_large);
        let again = core::mem::replace(&mut self.was_large, large) && large;
        capacity > RETAINED && !(again && capacity <= KEPT)
    }
}

/// Pieces of a payload are masked and validated while they are in the first-level cache.
pub(crate) const PIECE: usize = 16 << 10;
