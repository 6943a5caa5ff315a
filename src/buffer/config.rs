//! How much memory a buffer takes and keeps.

/// How much memory a [`RecvBuf`](crate::RecvBuf) or a [`SendBuf`](crate::SendBuf) takes and keeps:
/// for [`RecvBuf::with_config`](crate::RecvBuf::with_config) and
/// [`SendBuf::with_config`](crate::SendBuf::with_config).
///
/// The defaults suit connections that have buffers of their own, and messages of any size. An
/// event loop that lends one pair of buffers to all its connections does better with large reads
/// and memory that stays; where memory is scarce, smaller values serve.
///
/// ```
/// use websans::{BufferConfig, RecvBuf, SendBuf};
///
/// let config = BufferConfig::default().read_size(256 << 10).retained(1 << 20);
/// let (rx, tx) = (RecvBuf::with_config(config), SendBuf::with_config(config));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferConfig {
    pub(super) read_size: usize,
    pub(super) retained: usize,
    pub(super) retained_for_large: usize,
}

impl BufferConfig {
    /// The defaults, each explained at its setter.
    #[must_use]
    pub const fn new() -> Self {
        Self { read_size: (16 << 10) + 64, retained: 80 << 10, retained_for_large: 4 << 20 }
    }

    /// How much room a read is offered mostly, in bytes, at least 4 KiB. Default 16 KiB and 64
    /// bytes: a message of 16 KiB fits with its header, and what is read stays in the first-level
    /// cache of the processor. For a message that is longer than that, a read is offered room for
    /// the rest of it, up to 64 KiB or this.
    ///
    /// Larger reads save system calls where much arrives at once. They cost this much memory for
    /// each buffer that is read into.
    #[must_use]
    pub const fn read_size(mut self, bytes: usize) -> Self {
        self.read_size = if bytes < 4 << 10 { 4 << 10 } else { bytes };
        self
    }

    /// How much memory a buffer keeps when it has been emptied, in bytes. Default 80 KiB: a
    /// message of 64 KiB fits. [`release`](crate::RecvBuf::release) gives back all.
    #[must_use]
    pub const fn retained(mut self, bytes: usize) -> Self {
        self.retained = bytes;
        self
    }

    /// How much memory it keeps instead, in bytes, while large messages follow each other: after
    /// the second that needed more than [`retained`](Self::retained), and until a smaller one
    /// comes. Default 4 MiB.
    #[must_use]
    pub const fn retained_for_large(mut self, bytes: usize) -> Self {
        self.retained_for_large = bytes;
        self
    }
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self::new()
    }
}
