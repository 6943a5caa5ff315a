//! The two buffers between a transport and a connection, both owned by the caller.
//!
//! ```text
//! transport ──read──► RecvBuf ──next_event──► Event<'_>
//! transport ◄─write── SendBuf ◄──send, reply─ application, Connection
//! ```

mod config;
mod inflated;
mod recv;
mod send;

pub use config::BufferConfig;
pub(crate) use recv::Lent;
pub use recv::RecvBuf;
pub use send::SendBuf;

/// Whether a buffer that has been emptied gives back memory over
/// [`BufferConfig::retained`]: not while large messages follow each other, as it would be allocated
/// and initialised for each of them.
#[derive(Clone, Copy, Default)]
struct Retention {
    /// Whether the memory was filled with more than that the last time.
    was_large: bool,
    /// Whether it has been since, and was given back before it was emptied.
    is_large: bool,
}

impl Retention {
    const NEW: Self = Self { was_large: false, is_large: false };

    /// Whether memory is kept although little of it is used.
    fn keeps(self, capacity: usize, config: &BufferConfig) -> bool {
        self.was_large && capacity <= config.retained_for_large
    }

    /// To be asked each time, with how much has been `used` since the last time.
    fn gives_back(&mut self, capacity: usize, used: usize, config: &BufferConfig) -> bool {
        if used == 0 {
            return false;
        }
        let large = used > config.retained || core::mem::take(&mut self.is_large);
        let again = core::mem::replace(&mut self.was_large, large) && large;
        capacity > config.retained && !(again && capacity <= config.retained_for_large)
    }
}

/// Pieces of a payload are masked and validated while they are in the first-level cache.
pub(crate) const PIECE: usize = 16 << 10;
