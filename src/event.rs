//! What a connection reports, and what that obliges us to send.

use crate::close::{CloseCode, CloseFrame};
use crate::frame::{MAX_CONTROL_PAYLOAD, Opcode};

/// What the peer sent. It borrows the [`RecvBuf`](crate::RecvBuf), not the connection, so that
/// the connection can send while an event is held.
///
/// `T` and `B` are how messages come: whole, from
/// [`next_event`](crate::Connection::next_event), or in parts, as [`PartialEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'b, T = &'b str, B = &'b [u8]> {
    /// A text message (§5.6).
    Text(T),
    /// A binary message (§5.6).
    Binary(B),
    /// A ping (§5.5.2), at most 125 bytes. [`Connection`](crate::Connection) has queued the pong.
    Ping(&'b [u8]),
    /// A pong (§5.5.3), at most 125 bytes, whether a ping asked for it or not.
    Pong(&'b [u8]),
    /// The peer's close frame (§5.5.1): nothing comes after it.
    /// [`Connection`](crate::Connection) has queued the reply, if it had not sent one before.
    Close(CloseFrame<'b>),
}

/// An event of [`next_partial`](crate::Connection::next_partial): messages come in parts.
pub type PartialEvent<'b> = Event<'b, Part<&'b str>, Part<&'b [u8]>>;

/// A part of a message: as much of it as has arrived, however it was cut into frames and reads.
///
/// Text is cut between characters. A part may be empty, where only its end had been missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<D> {
    /// The next bytes or characters of the message.
    pub data: D,
    /// Whether the message begins with this part.
    pub first: bool,
    /// Whether the message ends with this part.
    pub last: bool,
}

impl<T, B> Event<'_, T, B> {
    /// What this event obliges to send: a pong for a ping (§5.5.2), a close frame for a close
    /// frame (§5.5.1), for [`Writer::reply`](crate::Writer::reply).
    /// [`Connection`](crate::Connection) does this by itself.
    #[must_use]
    #[inline]
    pub fn reply(&self) -> Option<Reply> {
        match self {
            Self::Text(_) | Self::Binary(_) | Self::Pong(_) => None,
            // §5.5.3: with identical application data.
            Self::Ping(payload) => Some(Reply::new(Opcode::PONG, payload, &[])),
            // §5.5.1: it typically echoes the status code it received.
            Self::Close(frame) => Some(Reply::close(frame.code, "")),
        }
    }
}

/// A control frame that reading obliges to send: a small value that can travel from the task that
/// reads to the task that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    opcode: Opcode,
    len: u8,
    payload: [u8; MAX_CONTROL_PAYLOAD],
}

impl Reply {
    /// The payload is the two pieces one after the other, which the callers keep to 125 bytes.
    fn new(opcode: Opcode, first: &[u8], second: &[u8]) -> Self {
        let mut payload = [0; MAX_CONTROL_PAYLOAD];
        let mut len = 0;
        for (to, from) in payload.iter_mut().zip(first.iter().chain(second)) {
            *to = *from;
            len += 1;
        }
        Self { opcode, len, payload }
    }

    pub(crate) fn close(code: Option<CloseCode>, reason: &str) -> Self {
        match code {
            Some(code) => Self::new(Opcode::CLOSE, &code.number().to_be_bytes(), reason.as_bytes()),
            None => Self::new(Opcode::CLOSE, &[], &[]),
        }
    }

    /// [`Opcode::PONG`] or [`Opcode::CLOSE`].
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The frame's payload, at most 125 bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.get(..usize::from(self.len)).unwrap_or_default()
    }
}
