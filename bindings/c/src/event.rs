//! Events as tagged structs.

use websans::{CloseStatus, Event, Part, PartialEvent, State};

use crate::boundary::{Ptr, pointer, sized_structs};
use crate::incoming::websans_request;
use crate::response::websans_response;

/// What kind of event it is.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum websans_event_kind {
    /// There is none: the next one takes more bytes, or time.
    None = 0,
    /// A text message, or a part of one.
    Text = 1,
    /// A binary message, or a part of one.
    Binary = 2,
    /// A ping, at most 125 bytes. The pong has been queued.
    Ping = 3,
    /// A pong, at most 125 bytes, also one that answers a ping of the session's own.
    Pong = 4,
    /// The peer's close frame: nothing comes after it. The reply has been queued.
    Close = 5,
    /// A server's session: the client's request, to be answered with `websans_session_accept` or
    /// `websans_session_reject`.
    Request = 6,
    /// A client's session: the server has accepted, and messages can be sent.
    Accepted = 7,
    /// A client's session: the server has refused, and the session ends.
    Refused = 8,
}

/// What the peer sent.
///
/// `data` points into the receive buffer and is lent until that buffer is used again; connections
/// and send buffers may be used meanwhile, so that a message can be answered from where it lies.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_event {
    /// The size of this struct, to be set once: `websans_event event = {sizeof event}`.
    pub size: usize,
    /// What the event is, and which of the following members have a meaning.
    pub kind: websans_event_kind,
    /// Text and binary: whether the message begins here. Always true for whole messages.
    pub first: bool,
    /// Text and binary: whether the message ends here. Always true for whole messages.
    pub last: bool,
    /// Close: the code of the close frame, or 1005 if it had none.
    pub close_code: u16,
    /// The payload of text, binary, ping and pong; the reason of a close frame. Text is valid UTF-8,
    /// without a zero byte behind it.
    pub data: *const u8,
    /// How many bytes there are at `data`.
    pub len: usize,
    /// Request: what the client asks for, until it is answered. Otherwise NULL.
    pub request: Ptr<websans_request>,
    /// Accepted and refused: what the server answered, until the session is freed. Otherwise NULL.
    pub response: Ptr<websans_response>,
}

/// Where a connection stands.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum websans_state {
    /// The opening handshake is not done, or has failed.
    Connecting = 0,
    /// Messages flow both ways.
    Open = 1,
    /// One of the two close frames is missing.
    Closing = 2,
    /// Both close frames have passed, or the connection has failed.
    Closed = 3,
}

/// How a connection ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_close_status {
    /// The size of this struct, to be set before the call.
    pub size: usize,
    /// The code of the peer's close frame, or 1005 if it had none. After a failure the code that went
    /// out because of it, or 1006 if none could.
    pub code: u16,
    /// Whether both close frames have passed.
    pub clean: bool,
    /// Whether the connection failed before the peer's close frame came.
    pub failed: bool,
    /// The reason in the peer's close frame, until the connection is used again.
    pub reason: *const u8,
    /// Its length in bytes.
    pub reason_len: usize,
}

sized_structs!(
    websans_event: size_of::<websans_event>(),
    websans_close_status: size_of::<websans_close_status>(),
);

impl websans_event {
    pub(crate) const NONE: Self = Self {
        size: size_of::<Self>(),
        kind: websans_event_kind::None,
        first: true,
        last: true,
        close_code: 0,
        data: core::ptr::null(),
        len: 0,
        request: Ptr::NULL,
        response: Ptr::NULL,
    };

    #[inline]
    fn payload(kind: websans_event_kind, data: &[u8]) -> Self {
        Self { kind, data: pointer(data), len: data.len(), ..Self::NONE }
    }

    #[inline]
    fn part(kind: websans_event_kind, part: Part<&[u8]>) -> Self {
        let Part { data, first, last } = part;
        Self { first, last, ..Self::payload(kind, data) }
    }

    pub(crate) fn request(request: Ptr<websans_request>) -> Self {
        Self { kind: websans_event_kind::Request, request, ..Self::NONE }
    }

    pub(crate) fn response(kind: websans_event_kind, response: Ptr<websans_response>) -> Self {
        Self { kind, response, ..Self::NONE }
    }

    #[inline]
    pub(crate) fn binary(data: &[u8]) -> Self {
        Self::payload(websans_event_kind::Binary, data)
    }

    #[inline]
    pub(crate) fn whole(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::payload(websans_event_kind::Text, text.as_bytes()),
            Event::Binary(data) => Self::binary(data),
            Event::Ping(data) => Self::payload(websans_event_kind::Ping, data),
            Event::Pong(data) => Self::payload(websans_event_kind::Pong, data),
            Event::Close(frame) => Self::close(frame),
        }
    }

    pub(crate) fn partial(event: PartialEvent<'_>) -> Self {
        match event {
            Event::Text(Part { data, first, last }) => {
                Self::part(websans_event_kind::Text, Part { data: data.as_bytes(), first, last })
            }
            Event::Binary(part) => Self::part(websans_event_kind::Binary, part),
            Event::Ping(data) => Self::payload(websans_event_kind::Ping, data),
            Event::Pong(data) => Self::payload(websans_event_kind::Pong, data),
            Event::Close(frame) => Self::close(frame),
        }
    }

    fn close(frame: websans::CloseFrame<'_>) -> Self {
        let code = frame.code.unwrap_or(websans::CloseCode::NO_STATUS_RCVD).number();
        let event = Self::payload(websans_event_kind::Close, frame.reason.as_bytes());
        Self { close_code: code, ..event }
    }
}

impl From<State> for websans_state {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Closing => Self::Closing,
            State::Closed => Self::Closed,
        }
    }
}

impl websans_close_status {
    pub(crate) fn of(status: CloseStatus<'_>) -> Self {
        Self {
            size: size_of::<Self>(),
            code: status.code.number(),
            clean: status.clean,
            failed: status.failed,
            reason: pointer(status.reason.as_bytes()),
            reason_len: status.reason.len(),
        }
    }
}
