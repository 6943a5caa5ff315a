//! Opcodes (RFC 6455 §5.2) and close codes (§7.4).

use std::fmt;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// A message, or a fragment of one.
    Data(Data),
    /// A close, ping or pong.
    Control(Control),
}

/// Opcodes 0–7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// 0: the next fragment of the message in progress.
    Continue,
    /// 1: begins a message that is UTF-8.
    Text,
    /// 2: begins a message of arbitrary bytes.
    Binary,
    /// 3–7: without a meaning yet.
    Reserved(u8),
}

/// Opcodes 8–15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// 8: connection close.
    Close,
    /// 9: ping.
    Ping,
    /// 10: pong.
    Pong,
    /// 11–15: without a meaning yet.
    Reserved(u8),
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continue => f.write_str("CONTINUE"),
            Self::Text => f.write_str("TEXT"),
            Self::Binary => f.write_str("BINARY"),
            Self::Reserved(number) => write!(f, "RESERVED_DATA_{number}"),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close => f.write_str("CLOSE"),
            Self::Ping => f.write_str("PING"),
            Self::Pong => f.write_str("PONG"),
            Self::Reserved(number) => write!(f, "RESERVED_CONTROL_{number}"),
        }
    }
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => data.fmt(f),
            Self::Control(control) => control.fmt(f),
        }
    }
}

impl From<OpCode> for u8 {
    fn from(code: OpCode) -> Self {
        match code {
            OpCode::Data(Data::Continue) => 0,
            OpCode::Data(Data::Text) => 1,
            OpCode::Data(Data::Binary) => 2,
            OpCode::Control(Control::Close) => 8,
            OpCode::Control(Control::Ping) => 9,
            OpCode::Control(Control::Pong) => 10,
            OpCode::Data(Data::Reserved(number)) | OpCode::Control(Control::Reserved(number)) => {
                number
            }
        }
    }
}

/// Of the low four bits.
impl From<u8> for OpCode {
    fn from(byte: u8) -> Self {
        match byte & 0x0F {
            0 => Self::Data(Data::Continue),
            1 => Self::Data(Data::Text),
            2 => Self::Data(Data::Binary),
            number @ 3..=7 => Self::Data(Data::Reserved(number)),
            8 => Self::Control(Control::Close),
            9 => Self::Control(Control::Ping),
            10 => Self::Control(Control::Pong),
            number => Self::Control(Control::Reserved(number)),
        }
    }
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::manual_non_exhaustive)] // as in tungstenite
pub enum CloseCode {
    /// 1000: the purpose for which the connection was established has been fulfilled.
    Normal,
    /// 1001: a server going down, or a page navigated away from.
    Away,
    /// 1002: the peer broke the protocol.
    Protocol,
    /// 1003: a type of data that the endpoint cannot accept.
    Unsupported,
    /// 1005: there was no code. Never on the wire.
    Status,
    /// 1006: there was no close frame. Never on the wire.
    Abnormal,
    /// 1007: data not consistent with the type of the message, such as bad UTF-8 in text.
    Invalid,
    /// 1008: a message that violates the endpoint's policy.
    Policy,
    /// 1009: a message too big to process.
    Size,
    /// 1010: a client that expected an extension which the server did not agree to.
    Extension,
    /// 1011: a condition that keeps the server from fulfilling the request.
    Error,
    /// 1012: the service is restarting.
    Restart,
    /// 1013: the service is overloaded.
    Again,
    #[doc(hidden)]
    Tls,
    #[doc(hidden)]
    Reserved(u16),
    #[doc(hidden)]
    Iana(u16),
    #[doc(hidden)]
    Library(u16),
    #[doc(hidden)]
    Bad(u16),
}

impl CloseCode {
    /// Whether the code may stand in a close frame, as tungstenite has it. (1014, which was
    /// registered later, is not allowed here, but received and sent all the same.)
    #[must_use]
    pub fn is_allowed(self) -> bool {
        !matches!(
            self,
            Self::Bad(_) | Self::Reserved(_) | Self::Status | Self::Abnormal | Self::Tls
        )
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", u16::from(*self))
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        match code {
            CloseCode::Normal => 1000,
            CloseCode::Away => 1001,
            CloseCode::Protocol => 1002,
            CloseCode::Unsupported => 1003,
            CloseCode::Status => 1005,
            CloseCode::Abnormal => 1006,
            CloseCode::Invalid => 1007,
            CloseCode::Policy => 1008,
            CloseCode::Size => 1009,
            CloseCode::Extension => 1010,
            CloseCode::Error => 1011,
            CloseCode::Restart => 1012,
            CloseCode::Again => 1013,
            CloseCode::Tls => 1015,
            CloseCode::Reserved(number)
            | CloseCode::Iana(number)
            | CloseCode::Library(number)
            | CloseCode::Bad(number) => number,
        }
    }
}

impl<'t> From<&'t CloseCode> for u16 {
    fn from(code: &'t CloseCode) -> Self {
        (*code).into()
    }
}

impl From<u16> for CloseCode {
    fn from(number: u16) -> Self {
        match number {
            1000 => Self::Normal,
            1001 => Self::Away,
            1002 => Self::Protocol,
            1003 => Self::Unsupported,
            1005 => Self::Status,
            1006 => Self::Abnormal,
            1007 => Self::Invalid,
            1008 => Self::Policy,
            1009 => Self::Size,
            1010 => Self::Extension,
            1011 => Self::Error,
            1012 => Self::Restart,
            1013 => Self::Again,
            1015 => Self::Tls,
            1016..=2999 => Self::Reserved(number),
            3000..=3999 => Self::Iana(number),
            4000..=4999 => Self::Library(number),
            _ => Self::Bad(number),
        }
    }
}
