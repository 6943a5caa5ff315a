//! Deadlines: a machine of its own, beside the connection, to which time is passed in.

use core::time::Duration;

/// What [`Keepalive`] watches over; `None` switches a part off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepaliveConfig {
    /// How long the opening handshake may take. Default 10 s.
    pub handshake: Option<Duration>,
    /// After how long without a byte from the peer to send a ping. Default 20 s; at least 1 ns, so
    /// that pings come to an end at any moment.
    pub ping_interval: Option<Duration>,
    /// How long after that ping the peer may stay silent. Default 20 s. Any byte of it counts:
    /// a pong may have to wait behind a long frame.
    pub pong: Option<Duration>,
    /// How long a message may be incomplete. Default 5 minutes. For a peer that sends a byte now
    /// and then, which keeps it alive and makes us hold what came before.
    pub message: Option<Duration>,
    /// How long after our close frame the peer's close frame and the end of the transport may
    /// take. Default 10 s.
    pub close: Option<Duration>,
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        Self {
            handshake: Some(Duration::from_secs(10)),
            ping_interval: Some(Duration::from_secs(20)),
            pong: Some(Duration::from_secs(20)),
            message: Some(Duration::from_secs(300)),
            close: Some(Duration::from_secs(10)),
        }
    }
}

/// The shortest time between two pings.
const MOMENT: Duration = Duration::from_nanos(1);

/// Which deadline has passed, and so what the caller is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepaliveTimeout {
    /// The opening handshake took too long: drop the transport.
    Handshake,
    /// The peer has been silent: send a ping.
    Ping,
    /// The peer has not answered it: drop the transport.
    Pong,
    /// The peer has not finished a message: close with 1008, and drop the transport.
    Message,
    /// The peer has not answered our close frame: drop the transport.
    Close,
}

/// The timers of one connection. It reads no clock: `now` is the time since any moment that the
/// caller keeps to, for example `start.elapsed()`; a `now` before an earlier one counts as that.
///
/// ```
/// use core::time::Duration;
/// use websans::{Keepalive, KeepaliveConfig, KeepaliveTimeout};
///
/// let at = Duration::from_secs;
/// let mut keepalive = Keepalive::new(KeepaliveConfig::default(), at(0));
/// keepalive.handle_open(at(1));
/// assert_eq!(keepalive.next_timeout(), Some(at(21)));
/// assert_eq!(keepalive.handle_timeout(at(21)), Some(KeepaliveTimeout::Ping)); // ws.send_ping(…)
/// keepalive.handle_received(at(22)); // some bytes were read
/// assert_eq!(keepalive.next_timeout(), Some(at(42)));
/// ```
#[derive(Clone, Debug)]
pub struct Keepalive {
    config: KeepaliveConfig,
    phase: Phase,
    /// Since when a message has been incomplete.
    incomplete: Option<Duration>,
    now: Duration,
}

/// What is awaited, and since when.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Handshake { since: Duration },
    Idle { since: Duration },
    Pong { since: Duration },
    Close { since: Duration },
    Expired,
}

impl Keepalive {
    /// The timers of a connection whose transport was opened `now`.
    #[must_use]
    pub const fn new(config: KeepaliveConfig, now: Duration) -> Self {
        Self { config, phase: Phase::Handshake { since: now }, incomplete: None, now }
    }

    /// The opening handshake is done.
    pub fn handle_open(&mut self, now: Duration) {
        let now = self.at(now);
        if let Phase::Handshake { .. } = self.phase {
            self.phase = Phase::Idle { since: now };
        }
    }

    /// Bytes have come from the peer.
    pub fn handle_received(&mut self, now: Duration) {
        let now = self.at(now);
        if let Phase::Idle { .. } | Phase::Pong { .. } = self.phase {
            self.phase = Phase::Idle { since: now };
        }
    }

    /// Whether a message is incomplete: `!rx.is_empty()`, once all events have been taken.
    pub fn handle_incomplete(&mut self, incomplete: bool, now: Duration) {
        let now = self.at(now);
        self.incomplete = incomplete.then(|| self.incomplete.unwrap_or(now));
    }

    /// A message has been delivered: one that is incomplete now began no earlier.
    pub fn handle_message(&mut self, now: Duration) {
        let now = self.at(now);
        self.incomplete = self.incomplete.map(|_| now);
    }

    /// Our close frame was sent, or the peer's was answered: from now on the end is awaited, and
    /// no more pings are due.
    pub fn handle_close(&mut self, now: Duration) {
        let now = self.at(now);
        if !matches!(self.phase, Phase::Close { .. } | Phase::Expired) {
            self.phase = Phase::Close { since: now };
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` for never.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        let (since, after) = match self.phase {
            Phase::Handshake { since } => (since, self.config.handshake),
            Phase::Idle { since } => (since, self.config.ping_interval.map(|it| it.max(MOMENT))),
            Phase::Pong { since } => (since, self.config.pong),
            Phase::Close { since } => (since, self.config.close),
            Phase::Expired => return None,
        };
        // A deadline beyond the end of time is none.
        let phase = after.and_then(|after| since.checked_add(after));
        [phase, self.message_timeout()].into_iter().flatten().min()
    }

    fn message_timeout(&self) -> Option<Duration> {
        match self.phase {
            Phase::Idle { .. } | Phase::Pong { .. } => {
                self.incomplete?.checked_add(self.config.message?)
            }
            _ => None,
        }
    }

    /// Which deadline has passed, if one has. Each is reported once.
    pub fn handle_timeout(&mut self, now: Duration) -> Option<KeepaliveTimeout> {
        let now = self.at(now);
        if self.next_timeout()? > now {
            return None;
        }
        if self.message_timeout().is_some_and(|timeout| timeout <= now) {
            self.phase = Phase::Expired;
            return Some(KeepaliveTimeout::Message);
        }
        let (phase, timeout) = match self.phase {
            Phase::Handshake { .. } => (Phase::Expired, KeepaliveTimeout::Handshake),
            Phase::Idle { .. } if self.config.pong.is_none() => {
                (Phase::Idle { since: now }, KeepaliveTimeout::Ping)
            }
            Phase::Idle { .. } => (Phase::Pong { since: now }, KeepaliveTimeout::Ping),
            Phase::Pong { .. } => (Phase::Expired, KeepaliveTimeout::Pong),
            Phase::Close { .. } => (Phase::Expired, KeepaliveTimeout::Close),
            Phase::Expired => return None,
        };
        self.phase = phase;
        Some(timeout)
    }

    fn at(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        self.now
    }
}
