//! How long each part of a connection's life may take.

use core::fmt;
use core::time::Duration;

/// How long each part of the life of a [`Session`](crate::Session) may take, for
/// [`Config::deadlines`](crate::Config::deadlines).
///
/// A deadline takes a duration, or `None` for none; zero means zero.
///
/// While something waits to be written only [`write`](Self::write) and [`close`](Self::close) run,
/// for many a program reads nothing then and cannot know what the peer has said.
///
/// ```
/// use core::time::Duration;
/// use websans::{Config, Deadlines};
///
/// let deadlines = Deadlines::default().ping_interval(Duration::from_secs(60)).message(None);
/// let config = Config::default().deadlines(deadlines);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    pub(crate) handshake: Patience,
    pub(crate) ping_interval: Patience,
    pub(crate) pong: Patience,
    pub(crate) message: Patience,
    pub(crate) write: Patience,
    pub(crate) close: Patience,
}

/// A time to wait, in nanoseconds: half as large as a [`Duration`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Patience(u64);

impl Patience {
    /// Over five hundred years, which no session reaches.
    const FOR_EVER: Self = Self(u64::MAX);

    const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    fn new(time: impl Into<Option<Duration>>) -> Self {
        time.into().map_or(Self::FOR_EVER, |time| Self(nanoseconds(time)))
    }

    /// How long to wait, in nanoseconds; `None` for ever.
    pub(crate) fn nanoseconds(self) -> Option<u64> {
        (self != Self::FOR_EVER).then_some(self.0)
    }
}

/// As many as fit.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nanoseconds() {
            Some(nanoseconds) => Duration::from_nanos(nanoseconds).fmt(f),
            None => f.write_str("for ever"),
        }
    }
}

/// The shortest time between two pings: 1 ms.
const LEAST_PING_INTERVAL: Patience = Patience(1_000_000);

impl Deadlines {
    /// The defaults, each explained at its setter.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            handshake: Patience::seconds(10),
            ping_interval: Patience::seconds(20),
            pong: Patience::seconds(20),
            message: Patience::seconds(300),
            write: Patience::seconds(30),
            close: Patience::seconds(10),
        }
    }

    /// How long the opening handshake may take, from the beginning to the 101 response. Default
    /// 10 s. A server answers 408 then.
    #[must_use]
    pub fn handshake(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.handshake = Patience::new(time);
        self
    }

    /// After how long without a byte from the peer the session pings it (§5.5.2). Default 20 s;
    /// less than 1 ms counts as that, so that pings cannot fill the time between two calls.
    #[must_use]
    pub fn ping_interval(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.ping_interval = Patience::new(time).max(LEAST_PING_INTERVAL);
        self
    }

    /// How long after that ping the peer may stay silent. Default 20 s. Any byte from the peer
    /// counts as an answer, since a pong may wait behind a long frame, and so does a transport that
    /// takes bytes again after it had taken none. Otherwise: [`Timeout::Pong`](crate::Timeout::Pong).
    #[must_use]
    pub fn pong(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.pong = Patience::new(time);
        self
    }

    /// How long a message may be incomplete. Default 5 minutes. It ends a peer that sends a byte
    /// now and then, which keeps the connection alive and makes the session hold what came before.
    /// For messages in parts it is the time between two parts. Control frames do not count.
    /// Otherwise: [`Timeout::Message`](crate::Timeout::Message).
    #[must_use]
    pub fn message(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.message = Patience::new(time);
        self
    }

    /// How long the transport may take nothing while something waits to be written. Default 30 s.
    /// Otherwise: [`Timeout::Write`](crate::Timeout::Write).
    #[must_use]
    pub fn write(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.write = Patience::new(time);
        self
    }

    /// How long the end may take: from our close frame, the peer's close frame or a failure until
    /// everything has been written, the closing handshake is done and the peer has closed the
    /// transport. Default 10 s. It is never put off, whatever the peer sends or takes. Otherwise:
    /// [`Timeout::Close`](crate::Timeout::Close), or no error if only the peer's end of the
    /// transport is missing.
    #[must_use]
    pub fn close(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.close = Patience::new(time);
        self
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::new()
    }
}
