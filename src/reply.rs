//! What reading obliges an endpoint to send: the value that travels from the half that reads to
//! the half that writes.

use crate::close::{self, CloseCode};
use crate::frame::MAX_CONTROL_PAYLOAD;

/// What the reading half asks the writing half to send: a pong, a ping, a close frame, or the
/// close frame of a failure, after which nothing is sent.
///
/// [`Event::reply`](crate::Event::reply) and [`Error::reply`](crate::Error::reply) make it, and
/// [`Writer::reply`](crate::Writer::reply) sends it. [`Connection`](crate::Connection) does both by
/// itself. It owns its bytes and has a fixed size, so that a channel can carry it.
///
/// A peer that pings faster than the writing half writes must not make replies pile up.
/// [`merge`](Self::merge) joins two replies into one that keeps the newest pong, as RFC 6455 §5.5.3
/// allows, so that a single slot is enough between the halves:
///
/// ```
/// use websans::{Event, Reply};
///
/// let mut slot = Reply::default();
/// for payload in [b"1", b"2", b"3"] {
///     slot.merge(Event::<&str, &[u8]>::Ping(payload).reply().unwrap());
/// }
/// assert_eq!(slot.pong_payload(), Some(&b"3"[..]));
/// ```
#[must_use = "the peer waits for it: give it to `Writer::reply`"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pong: Option<Payload>,
    ping: Option<Payload>,
    end: Option<End>,
}

/// How the reply ends what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer's close frame, with its whole body: it is answered with the same code.
    Close(Payload),
    /// The connection has failed: the body of the close frame that says why, if one can be sent.
    Failure(Option<Payload>),
}

/// At most 125 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Payload {
    len: u8,
    bytes: [u8; MAX_CONTROL_PAYLOAD],
}

impl Payload {
    /// What is longer than 125 bytes is cut off.
    fn new(payload: &[u8]) -> Self {
        let mut bytes = [0; MAX_CONTROL_PAYLOAD];
        let mut len = 0;
        for (to, from) in bytes.iter_mut().zip(payload) {
            *to = *from;
            len += 1;
        }
        Self { len, bytes }
    }

    fn of_close(code: Option<CloseCode>, reason: &str) -> Self {
        Self::new(close::encode(code, reason, &mut [0; MAX_CONTROL_PAYLOAD]))
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Reply {
    /// §5.5.3: a pong has the same payload as its ping.
    pub(crate) fn to_ping(payload: &[u8]) -> Self {
        Self { pong: Some(Payload::new(payload)), ..Self::default() }
    }

    /// A close frame from the peer, with this code and reason.
    pub(crate) fn to_close(code: Option<CloseCode>, reason: &str) -> Self {
        Self { end: Some(End::Close(Payload::of_close(code, reason))), ..Self::default() }
    }

    /// A failure that is told to the peer with this code, if it may be sent, and this reason.
    pub(crate) fn to_failure(code: CloseCode, reason: &str) -> Self {
        let body = code.is_sendable().then(|| Payload::of_close(Some(code), reason));
        Self { end: Some(End::Failure(body)), ..Self::default() }
    }

    /// A ping, for a reading half that watches whether the peer is alive. A payload longer than
    /// 125 bytes (§5.5) is cut off.
    pub fn ping(payload: &[u8]) -> Self {
        Self { ping: Some(Payload::new(payload)), ..Self::default() }
    }

    /// Joins a newer reply to this one: of pongs and of pings the newer one stays, of close frames
    /// and failures the older one.
    pub fn merge(&mut self, newer: Self) {
        let Self { pong, ping, end } = newer;
        self.pong = pong.or(self.pong);
        self.ping = ping.or(self.ping);
        self.end = self.end.or(end);
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pong.is_none() && self.ping.is_none() && self.end.is_none()
    }

    /// The payload of the pong, if there is one to send.
    #[must_use]
    pub fn pong_payload(&self) -> Option<&[u8]> {
        self.pong.as_ref().map(Payload::as_slice)
    }

    /// The payload of the ping, if there is one to send.
    #[must_use]
    pub fn ping_payload(&self) -> Option<&[u8]> {
        self.ping.as_ref().map(Payload::as_slice)
    }

    /// The body of the close frame, if there is one to send: empty, or a code and a reason.
    #[must_use]
    pub fn close_body(&self) -> Option<&[u8]> {
        match &self.end {
            // §5.5.1: it typically echoes the status code it received.
            Some(End::Close(body)) => body.as_slice().get(..2).or(Some(&[])),
            Some(End::Failure(body)) => body.as_ref().map(Payload::as_slice),
            None => None,
        }
    }

    /// Whether the connection has failed, with a close frame or without one.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self.end, Some(End::Failure(_)))
    }

    /// Whether nothing may be sent after it.
    pub(crate) const fn ends(&self) -> bool {
        self.end.is_some()
    }

    /// The reason in the peer's close frame, if that is what is answered.
    pub(crate) fn peer_reason(&self) -> Option<&str> {
        let Some(End::Close(body)) = &self.end else { return None };
        core::str::from_utf8(body.as_slice().get(2..)?).ok()
    }
}
