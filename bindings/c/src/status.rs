//! Error codes, their texts, and what the last error of a thread was.

use core::cell::Cell;
use core::ffi::c_char;
use core::fmt::Write as _;

use websans::frame::FrameError;
use websans::{Error, HandshakeError, InvalidHandshake, SendError, SessionError};

use crate::boundary::{Out, guard, sized_structs};
use crate::{codes, texts};

/// What a function came to: 0 is success, and everything else is an error. By their hundreds:
///
/// | codes | who made the error | what holds afterwards |
/// |---|---|---|
/// | 1 to 99 | the program: it misused the library | nothing has happened |
/// | 100 to 199 | the program: it asked to send what cannot be sent | nothing was queued, and the connection goes on |
/// | 200 to 299 | the peer: it broke the protocol or a limit | the connection has failed; a close frame was queued |
/// | 300 to 399 | the peer: the opening handshake failed | there is no connection; a server has queued the answer |
/// | 400 to 499 | the program: it asked for a handshake that cannot be | nothing was queued |
///
/// Later versions may add codes; a program treats those it does not know by their hundreds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // some are for C only
pub enum websans_status {
    /// No error.
    Ok = 0,

    // Misuse: nothing has happened.
    /// An argument is NULL that must not be.
    Null = 1,
    /// An argument is not a handle of its type, or was freed.
    Handle = 2,
    /// A callback came back to a handle that is in use.
    Busy = 3,
    /// The size member of a struct was not set, or the struct asks for what this version does not know.
    Size = 4,
    /// A length is more than memory can have.
    TooLong = 5,
    /// A text argument is not UTF-8.
    Utf8 = 6,
    /// An argument is not one of the values that it can have.
    Value = 7,
    /// The call is out of order: what it needs has not come, or was taken before.
    Order = 8,
    /// The payload lies in the buffer that it is to be put into.
    Aliased = 9,
    /// An error in the library itself; the handles of that call can only be freed.
    Panic = 10,

    // What the caller asked for cannot be sent: nothing was queued, and the connection goes on.
    /// The opening handshake is not done.
    SendConnecting = 100,
    /// The connection is closing or closed.
    SendClosed = 101,
    /// As much waits to be written as max_queued allows.
    SendFull = 102,
    /// A control frame holds at most 125 bytes of payload.
    SendControlTooLong = 103,
    /// This close code must not be sent.
    SendCloseCode = 104,
    /// A close reason needs a close code.
    SendReasonWithoutCode = 105,
    /// A close reason holds at most 123 bytes.
    SendReasonTooLong = 106,
    /// A message is being sent in parts and has not ended.
    SendMessageInProgress = 107,
    /// An announced payload has not been written.
    SendPayloadPending = 108,
    /// A payload must be shorter than 2^63 bytes.
    SendPayloadTooLong = 109,
    /// As many pongs wait as max_queued_replies allows.
    SendTooManyReplies = 110,
    /// The compressor failed.
    SendDeflate = 111,
    /// The source of masking keys failed.
    SendNoEntropy = 112,

    // What the peer did: the connection has failed, finally.
    /// The length of a frame is not in its shortest form.
    FrameLengthNotMinimal = 200,
    /// The length of a frame has its most significant bit set.
    FrameLengthTopBit = 201,
    /// A reserved bit is set.
    ReservedBit = 202,
    /// A reserved opcode.
    ReservedOpcode = 203,
    /// A frame from a client is not masked.
    UnmaskedFrame = 204,
    /// A frame from a server is masked.
    MaskedFrame = 205,
    /// A control frame is fragmented.
    FragmentedControl = 206,
    /// A control frame has more than 125 bytes of payload.
    ControlTooLong = 207,
    /// A continuation frame while no message is in progress.
    UnexpectedContinuation = 208,
    /// A new message while another is in progress.
    ExpectedContinuation = 209,
    /// A close frame with a body of one byte.
    CloseBodyOfOneByte = 210,
    /// A close code that must not be on the wire.
    CloseCode = 211,
    /// A close reason is not UTF-8.
    CloseReasonUtf8 = 212,
    /// A text message is not UTF-8.
    InvalidUtf8 = 213,
    /// A compressed message is not a valid DEFLATE stream.
    CorruptDeflate = 214,
    /// A frame is over max_frame_size.
    FrameTooLarge = 215,
    /// A message is over max_message_size.
    MessageTooLarge = 216,
    /// A message has more frames than max_fragments.
    TooManyFragments = 217,
    /// The peer sends pings and does not read: max_queued_replies.
    TooManyReplies = 218,
    /// No pong could be sent: the source of masking keys failed.
    NoEntropy = 219,
    /// The transport ended without a close frame.
    Eof = 220,
    /// The peer has sent nothing since it was pinged.
    TimeoutPong = 221,
    /// The peer has not completed a message in time.
    TimeoutMessage = 222,
    /// The transport has taken nothing for too long.
    TimeoutWrite = 223,
    /// The closing handshake was not done in time.
    TimeoutClose = 224,
    /// The peer broke the protocol in a way that this version has no number for.
    Protocol = 299,

    // What the peer did in the opening handshake, which has failed, finally.
    /// The first bytes from the peer are not HTTP.
    HandshakeNotHttp = 300,
    /// The head of the request or response is malformed.
    HandshakeMalformedHead = 301,
    /// The version of HTTP cannot be upgraded.
    HandshakeHttpVersion = 302,
    /// The method of the request is not GET.
    HandshakeMethod = 303,
    /// The head is over max_head_size.
    HandshakeHeadTooLarge = 304,
    /// The head has more header fields than max_headers.
    HandshakeTooManyHeaders = 305,
    /// The request has a body.
    HandshakeBody = 306,
    /// The request does not ask for a WebSocket connection.
    HandshakeNotAnUpgrade = 307,
    /// Sec-WebSocket-Version is not 13.
    HandshakeVersion = 308,
    /// A header field is missing.
    HandshakeMissingHeader = 309,
    /// A header field is there more than once.
    HandshakeDuplicateHeader = 310,
    /// A header field has an invalid value.
    HandshakeInvalidHeader = 311,
    /// Sec-WebSocket-Accept does not answer the key that was sent.
    HandshakeAcceptMismatch = 312,
    /// The server chose a subprotocol that was not offered.
    HandshakeSubprotocolNotOffered = 313,
    /// The server chose an extension that was not offered.
    HandshakeExtensionNotOffered = 314,
    /// The parameters of permessage-deflate do not fit what was offered.
    HandshakeExtensionParameters = 315,
    /// The server refused the handshake.
    HandshakeRefused = 316,
    /// The request or response has been handed out before.
    HandshakeFinished = 317,
    /// The opening handshake took too long.
    HandshakeTimeout = 318,
    /// The transport ended within the opening handshake.
    HandshakeEof = 319,
    /// The opening handshake failed in a way that this version has no number for.
    Handshake = 399,

    // What the caller asked for in an opening handshake: nothing was queued.
    /// A WebSocket URI begins with ws:// or wss://.
    UriScheme = 400,
    /// A WebSocket URI has no user name.
    UriUserinfo = 401,
    /// The host of the URI is invalid.
    UriHost = 402,
    /// The port of the URI is not a number from 1 to 65535.
    UriPort = 403,
    /// A WebSocket URI has no fragment.
    UriFragment = 404,
    /// A byte of the path or query has no place there.
    UriResourceName = 405,
    /// The name of a header field must be a token.
    RequestHeaderName = 410,
    /// The value of a header field must not contain control characters.
    RequestHeaderValue = 411,
    /// This header field is written by the handshake itself.
    RequestReservedHeader = 412,
    /// A subprotocol must be a token.
    RequestSubprotocol = 413,
    /// A subprotocol is offered twice.
    RequestDuplicateSubprotocol = 414,
    /// The client has not offered this subprotocol.
    RequestSubprotocolNotOffered = 415,
    /// A rejection has a status from 200 to 599.
    RequestStatus = 416,
    /// A response with this status has no body.
    RequestBody = 417,
    /// The source of masking keys failed.
    RequestNoEntropy = 418,
    /// The handshake asked for is invalid in a way that this version has no number for.
    Request = 499,
}

/// What went wrong, in full.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_error {
    /// The size of this struct, to be set before the call: `sizeof(websans_error)`.
    pub size: usize,
    /// The code.
    pub status: websans_status,
    /// Of codes from 200 to 299: the code of the close frame that goes out, and 1006 where none can.
    /// Otherwise 0.
    pub close_code: u16,
    /// Of codes from 300 to 399: the status that a server has answered with, or that a client was
    /// refused with. Otherwise 0.
    pub http_status: u16,
    /// The rule that was broken: a section of an RFC, or the name of a setting. It lives as long as
    /// the library, and is empty where there is none.
    pub rule: *const c_char,
    /// A sentence with the numbers of this case, cut off where it is longer. It ends with a zero byte.
    pub text: [u8; 192],
}

sized_structs!(websans_error: size_of::<websans_error>());

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Status(websans_status),
    Send(SendError),
    Peer(Error),
    Handshake(HandshakeError),
    Invalid(InvalidHandshake),
}

macro_rules! from {
    ($($error:ty => $variant:ident),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(SendError => Send, Error => Peer, HandshakeError => Handshake, InvalidHandshake => Invalid);

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Handshake(error) => Self::Handshake(error),
            SessionError::Connection(error) => Self::Peer(error),
            _ => Self::Status(websans_status::Protocol),
        }
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        Self::Peer(error.into())
    }
}

thread_local! {
    static LAST: Cell<Option<Failure>> = const { Cell::new(None) };
}

impl Failure {
    /// Notes it as the thread's last error.
    #[cold]
    pub(crate) fn report(self) -> websans_status {
        // A thread that is ending has no last error any more.
        let _ = LAST.try_with(|last| last.set(Some(self)));
        self.status()
    }

    pub(crate) fn status(self) -> websans_status {
        match self {
            Self::Status(status) => status,
            Self::Send(error) => codes::of_send(error),
            Self::Peer(error) => codes::of_peer(error),
            Self::Handshake(error) => codes::of_handshake(error),
            Self::Invalid(error) => codes::of_invalid(error),
        }
    }

    fn close_code(self) -> u16 {
        match self {
            Self::Peer(error) => error.close_code().number(),
            _ => 0,
        }
    }

    fn http_status(self) -> u16 {
        match self {
            Self::Handshake(HandshakeError::Refused { status }) => status,
            Self::Handshake(error) => error.status().unwrap_or(0),
            _ => 0,
        }
    }

    pub(crate) fn to_error(self) -> websans_error {
        let status = self.status();
        let mut text = texts::Text::new();
        // What does not fit is cut off.
        let _ = match self {
            Self::Status(status) => text.write_str(texts::of(status).to_str().unwrap_or_default()),
            Self::Send(error) => write!(text, "{error}"),
            Self::Peer(error) => write!(text, "{error}"),
            Self::Handshake(error) => write!(text, "{error}"),
            Self::Invalid(error) => write!(text, "{error}"),
        };
        websans_error {
            size: size_of::<websans_error>(),
            status,
            close_code: self.close_code(),
            http_status: self.http_status(),
            rule: texts::rule_of(status).as_ptr(),
            text: text.into_bytes(),
        }
    }
}

/// The text of a code, without the numbers of a case: a string that lives as long as the library,
/// and "unknown code" for a number that is none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_status_text(status: i32) -> *const c_char {
    let known = texts::ALL.iter().find(|it| **it as i32 == status);
    known.map_or(c"unknown code", |it| texts::of(*it)).as_ptr()
}

/// What the last error on this thread was: of the last function of this library that returned an
/// error, or something in place of one. Functions that succeed leave it as it is.
///
/// Errors: WEBSANS_STATUS_ORDER if there was none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_last_error(error: Out<websans_error>) -> websans_status {
    guard(|| {
        let last = LAST.try_with(Cell::get).ok().flatten();
        let last = last.ok_or(Failure::Status(websans_status::Order))?;
        error.set_struct(&last.to_error())
    })
}
