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

/// A buffer that has been emptied gives its memory back if it is more than this: a frame of 64 KiB
/// fits.
const RETAINED: usize = 80 << 10;

/// Pieces of a payload are masked and validated while they are in the first-level cache.
pub(crate) const PIECE: usize = 16 << 10;
