//! What can go wrong, in two families that are never mixed: the peer broke the protocol or a
//! limit ([`Error`]), or the caller asked for what may not be sent ([`SendError`]).

use core::fmt;

use crate::close::{CloseCode, InvalidClose, MAX_REASON_LEN};
use crate::deflate::Corrupt;
use crate::frame::{FrameError, MAX_CONTROL_PAYLOAD, Opcode};
use crate::masking_key::NoEntropy;
use crate::reply::Reply;
use crate::utf8::Utf8Error;

/// Why the connection failed: what the peer did (RFC 6455 §7.1.7).
///
/// It is final. [`Connection`](crate::Connection) has queued a close frame with
/// [`close_code`](Self::close_code), and every later call returns the same error. The events that
/// were delivered before it are whole and valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// §5.2: the length of a frame is malformed. 1002.
    Frame(FrameError),
    /// §5.2: a reserved bit is set that no extension gives a meaning here. 1002.
    ReservedBit {
        /// Which one: 1, 2 or 3.
        rsv: u8,
        /// On what kind of frame.
        opcode: Opcode,
    },
    /// §5.2: an opcode without a meaning. 1002.
    ReservedOpcode {
        /// 3–7 or 11–15.
        opcode: Opcode,
    },
    /// §5.1: a client sent a frame that is not masked. 1002.
    UnmaskedFrame {
        /// On what kind of frame.
        opcode: Opcode,
    },
    /// §5.1: a server sent a frame that is masked. 1002.
    MaskedFrame {
        /// On what kind of frame.
        opcode: Opcode,
    },
    /// §5.5: a control frame without FIN. 1002.
    FragmentedControl {
        /// Close, ping or pong.
        opcode: Opcode,
    },
    /// §5.5: the payload of a control frame is longer than 125 bytes. 1002.
    ControlTooLong {
        /// Close, ping or pong.
        opcode: Opcode,
        /// The length as announced, in bytes.
        len: u64,
    },
    /// §5.4: a continuation frame while no message is in progress. 1002.
    UnexpectedContinuation,
    /// §5.4: a new message while another is in progress. 1002.
    ExpectedContinuation {
        /// Text or binary.
        opcode: Opcode,
    },
    /// §5.5.1: a close frame whose body is one byte, which is no code. 1002.
    CloseBodyOfOneByte,
    /// §7.4: a close code that must not be on the wire. 1002.
    CloseCode {
        /// The code received.
        code: CloseCode,
    },
    /// §5.5.1: the reason of a close frame is not UTF-8. 1007.
    CloseReasonUtf8 {
        /// How many bytes of the reason are valid.
        valid_up_to: usize,
    },
    /// §8.1: a text message is not UTF-8. 1007.
    InvalidUtf8 {
        /// How many bytes of the message's text are valid.
        valid_up_to: u64,
    },
    /// RFC 7692 §7.2.2: what should be compressed is not a DEFLATE stream. 1007.
    CorruptDeflate,
    /// A frame over [`Config::max_frame_size`](crate::Config::max_frame_size). 1009.
    FrameTooLarge {
        /// The length as announced, in bytes.
        len: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A message over [`Config::max_message_size`](crate::Config::max_message_size). 1009.
    MessageTooLarge {
        /// The length, in bytes, as far as it was announced.
        len: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A message in more frames than [`Config::max_fragments`](crate::Config::max_fragments). 1008.
    TooManyFragments {
        /// The limit, in frames.
        limit: u64,
    },
    /// More pongs wait than [`Config::max_queued_replies`](crate::Config::max_queued_replies):
    /// the peer sends pings and does not read. 1008.
    TooManyReplies {
        /// The limit, in bytes.
        limit: usize,
    },
    /// No pong could be sent: the masking key source failed. 1011, which cannot be sent either.
    NoEntropy,
    /// §7.1.5: the transport ended without a close frame. 1006, which is never on the wire.
    Eof {
        /// Whether it ended within a message.
        within_message: bool,
    },
    /// A deadline of the [`Session`](crate::Session) has passed. 1008 where the peer can still be
    /// told, otherwise 1006, which is never on the wire: see [`Timeout`].
    Timeout(Timeout),
}

/// Which deadline of a [`Session`](crate::Session) has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// The peer has sent nothing since it was pinged: [`Deadlines::pong`](crate::Deadlines::pong).
    /// 1008.
    Pong,
    /// A message was incomplete for too long: [`Deadlines::message`](crate::Deadlines::message).
    /// 1008.
    Message,
    /// The transport has taken nothing: [`Deadlines::write`](crate::Deadlines::write). No close
    /// frame can reach the peer: 1006.
    Write,
    /// The closing handshake was not done in time: [`Deadlines::close`](crate::Deadlines::close).
    /// 1006.
    Close,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pong => "the peer has sent nothing since it was pinged",
            Self::Message => "the peer has not completed a message in time",
            Self::Write => "the transport has taken nothing for too long",
            Self::Close => "the closing handshake was not done in time",
        })
    }
}

impl Error {
    /// The code of the close frame that goes out; 1006 where none can.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::Frame(_)
            | Self::ReservedBit { .. }
            | Self::ReservedOpcode { .. }
            | Self::UnmaskedFrame { .. }
            | Self::MaskedFrame { .. }
            | Self::FragmentedControl { .. }
            | Self::ControlTooLong { .. }
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation { .. }
            | Self::CloseBodyOfOneByte
            | Self::CloseCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::CloseReasonUtf8 { .. } | Self::InvalidUtf8 { .. } | Self::CorruptDeflate => {
                CloseCode::INVALID_FRAME_PAYLOAD_DATA
            }
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. }
            | Self::TooManyReplies { .. }
            | Self::Timeout(Timeout::Pong | Timeout::Message) => CloseCode::POLICY_VIOLATION,
            Self::NoEntropy => CloseCode::INTERNAL_ERROR,
            Self::Eof { .. } | Self::Timeout(Timeout::Write | Timeout::Close) => {
                CloseCode::ABNORMAL_CLOSURE
            }
        }
    }

    /// What this error obliges the endpoint to send, for [`Writer::reply`](crate::Writer::reply): the
    /// close frame that tells the peer, if there is one, and nothing after it (§7.1.7).
    /// [`Connection`](crate::Connection) does this by itself.
    pub fn reply(&self) -> Reply {
        Reply::to_failure(self.close_code(), self.reason())
    }

    /// The reason that goes with the close code: the rule, in a few words.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Frame(FrameError::NonMinimalLength { .. }) => "length not minimal",
            Self::Frame(FrameError::LengthTopBit { .. }) => "length with top bit",
            Self::ReservedBit { .. } => "reserved bit",
            Self::ReservedOpcode { .. } => "reserved opcode",
            Self::UnmaskedFrame { .. } => "frame not masked",
            Self::MaskedFrame { .. } => "frame masked",
            Self::FragmentedControl { .. } => "fragmented control frame",
            Self::ControlTooLong { .. } => "control frame too long",
            Self::UnexpectedContinuation => "unexpected continuation",
            Self::ExpectedContinuation { .. } => "expected continuation",
            Self::CloseBodyOfOneByte => "close body of one byte",
            Self::CloseCode { .. } => "invalid close code",
            Self::CloseReasonUtf8 { .. } | Self::InvalidUtf8 { .. } => "invalid UTF-8",
            Self::CorruptDeflate => "corrupt compressed data",
            Self::FrameTooLarge { .. } => "frame too large",
            Self::MessageTooLarge { .. } => "message too large",
            Self::TooManyFragments { .. } => "too many fragments",
            Self::TooManyReplies { .. } => "too many pings unanswered",
            Self::Timeout(Timeout::Pong) => "no answer to a ping",
            Self::Timeout(Timeout::Message) => "message not completed in time",
            Self::NoEntropy | Self::Eof { .. } | Self::Timeout(Timeout::Write | Timeout::Close) => {
                ""
            }
        }
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<InvalidClose> for Error {
    fn from(error: InvalidClose) -> Self {
        match error {
            InvalidClose::OneByte => Self::CloseBodyOfOneByte,
            InvalidClose::Code(code) => Self::CloseCode { code },
            InvalidClose::ReasonUtf8 { valid_up_to } => Self::CloseReasonUtf8 { valid_up_to },
        }
    }
}

impl From<Utf8Error> for Error {
    fn from(error: Utf8Error) -> Self {
        Self::InvalidUtf8 { valid_up_to: error.valid_up_to as u64 }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => fmt::Display::fmt(error, f),
            Self::ReservedBit { rsv, opcode } => {
                write!(f, "reserved bit RSV{rsv} is set on a {opcode} frame")
            }
            Self::ReservedOpcode { opcode } => write!(f, "reserved {opcode}"),
            Self::UnmaskedFrame { opcode } => {
                write!(f, "a {opcode} frame from a client is not masked")
            }
            Self::MaskedFrame { opcode } => write!(f, "a {opcode} frame from a server is masked"),
            Self::FragmentedControl { opcode } => write!(f, "a {opcode} frame is fragmented"),
            Self::ControlTooLong { opcode, len } => write!(
                f,
                "a {opcode} frame has {len} bytes of payload, more than {MAX_CONTROL_PAYLOAD}"
            ),
            Self::UnexpectedContinuation => {
                f.write_str("a continuation frame while no message is in progress")
            }
            Self::ExpectedContinuation { opcode } => {
                write!(f, "a {opcode} frame while another message is in progress")
            }
            Self::CloseBodyOfOneByte => f.write_str("a close frame with a body of one byte"),
            Self::CloseCode { code } => write!(f, "close code {code} must not be on the wire"),
            Self::CloseReasonUtf8 { valid_up_to } => {
                write!(f, "a close reason is invalid UTF-8 after {valid_up_to} valid bytes")
            }
            Self::InvalidUtf8 { valid_up_to } => {
                write!(f, "a text message is invalid UTF-8 after {valid_up_to} valid bytes")
            }
            Self::CorruptDeflate => {
                f.write_str("a compressed message is not a valid DEFLATE stream")
            }
            Self::FrameTooLarge { len, limit } => {
                write!(f, "a frame of {len} bytes is over the limit of {limit}")
            }
            Self::MessageTooLarge { len, limit } => {
                write!(f, "a message of at least {len} bytes is over the limit of {limit}")
            }
            Self::TooManyFragments { limit } => {
                write!(f, "a message has more than {limit} fragments")
            }
            Self::TooManyReplies { limit } => write!(
                f,
                "the peer sends pings and does not read: more than {limit} bytes of pongs wait"
            ),
            Self::NoEntropy => fmt::Display::fmt(&NoEntropy, f),
            Self::Eof { within_message: false } => {
                f.write_str("the transport ended without a close frame")
            }
            Self::Eof { within_message: true } => {
                f.write_str("the transport ended in the middle of a message")
            }
            Self::Timeout(timeout) => fmt::Display::fmt(timeout, f),
        }
    }
}

impl core::error::Error for Error {}

/// Why something was not sent: what the caller asked for. Nothing has been queued, nothing has
/// changed, and the connection is as good as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The opening handshake of the [`Session`](crate::Session) is not done.
    Connecting,
    /// §5.5.1: a close frame was sent, or the connection has failed: nothing may follow.
    Closed,
    /// [`Config::max_queued`](crate::Config::max_queued) bytes or more wait in the buffer. Write
    /// them to the transport, then send again.
    Full {
        /// The bytes that wait.
        queued: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// §5.5: a control frame holds at most 125 bytes.
    ControlTooLong {
        /// The length asked for, in bytes.
        len: usize,
    },
    /// §7.4: an application may send 1000–1003, 1007–1014 and 3000–4999.
    CloseCode {
        /// The code asked for.
        code: CloseCode,
    },
    /// §5.5.1: a reason without a code has no place in the frame.
    ReasonWithoutCode,
    /// §5.5.1: a reason holds at most 123 bytes.
    ReasonTooLong {
        /// The length asked for, in bytes.
        len: usize,
    },
    /// §5.4: a message sent in parts must end before another begins.
    MessageInProgress {
        /// What the message in progress is: text or binary.
        opcode: Opcode,
    },
    /// A payload announced with [`send_header`](crate::Writer::send_header) must be written
    /// before the next one is announced.
    PayloadPending {
        /// How many bytes of it are still to be written.
        remaining: u64,
    },
    /// §5.2: a payload is shorter than 2^63 bytes.
    PayloadTooLong,
    /// More pongs wait than [`Config::max_queued_replies`](crate::Config::max_queued_replies).
    TooManyReplies {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The compressor failed.
    Deflate,
    /// The masking key source failed.
    NoEntropy,
}

impl From<Corrupt> for SendError {
    fn from(Corrupt: Corrupt) -> Self {
        Self::Deflate
    }
}

impl From<Corrupt> for Error {
    fn from(Corrupt: Corrupt) -> Self {
        Self::CorruptDeflate
    }
}

impl From<NoEntropy> for SendError {
    fn from(NoEntropy: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("the opening handshake is not done"),
            Self::Closed => f.write_str("the connection is closing or closed"),
            Self::Full { queued, limit } => {
                write!(f, "{queued} bytes wait to be written, the limit is {limit}")
            }
            Self::ControlTooLong { len } => write!(
                f,
                "a control frame holds at most {MAX_CONTROL_PAYLOAD} bytes of payload, not {len}"
            ),
            Self::CloseCode { code } => write!(f, "close code {code} must not be sent"),
            Self::ReasonWithoutCode => f.write_str("a close reason needs a close code"),
            Self::ReasonTooLong { len } => {
                write!(f, "a close reason holds at most {MAX_REASON_LEN} bytes, not {len}")
            }
            Self::MessageInProgress { opcode } => {
                write!(f, "a {opcode} message is being sent in parts and has not ended")
            }
            Self::PayloadPending { remaining } => {
                write!(f, "{remaining} bytes of an announced payload have not been written")
            }
            Self::PayloadTooLong => f.write_str("a payload must be shorter than 2^63 bytes"),
            Self::TooManyReplies { limit } => {
                write!(f, "more than {limit} bytes of pongs wait to be written")
            }
            Self::Deflate => f.write_str("the compressor failed"),
            Self::NoEntropy => fmt::Display::fmt(&NoEntropy, f),
        }
    }
}

impl core::error::Error for SendError {}
