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
    pub(crate) fn count(&mut self, moved: Moved) {
        self.bytes.received += u64::from(moved.received);
        self.bytes.sent += u64::from(moved.sent);
    }
}

/// The bytes that one socket has moved since they were last counted: less than 4 GiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moved {
    received: u32,
    sent: u32,
}

impl Moved {
    pub(crate) fn received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { received: self.received - before.received, sent: self.sent - before.sent }
    }
}
