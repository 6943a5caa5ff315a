//! What a connection reports.

use crate::close::CloseFrame;
use crate::reply::Reply;

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
    /// What this event obliges the endpoint to send, for [`Writer::reply`](crate::Writer::reply): a
    /// pong for a ping (§5.5.2), a close frame for a close frame (§5.5.1).
    /// [`Connection`](crate::Connection) does this by itself.
    #[must_use]
    #[inline]
    pub fn reply(&self) -> Option<Reply> {
        match self {
            Self::Text(_) | Self::Binary(_) | Self::Pong(_) => None,
            Self::Ping(payload) => Some(Reply::to_ping(payload)),
            Self::Close(frame) => Some(Reply::to_close(frame.code, frame.reason)),
        }
    }
}
