//! What has gone through the server since it was started.

use std::ops::Sub;

/// Counts of messages and of bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) messages: Traffic,
    pub(crate) bytes: Traffic,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Figures {
    /// Adds the bytes that a socket has moved.
    pub(crate) fn count(&mut self, moved: Traffic) {
        self.bytes.received += moved.received;
        self.bytes.sent += moved.sent;
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { received: self.received - before.received, sent: self.sent - before.sent }
    }
}
