//! The close frame's body: a code and a reason (RFC 6455 §5.5.1 and §7.4).

use core::fmt;

use crate::frame::MAX_CONTROL_PAYLOAD;
use crate::utf8;

/// The longest reason, in bytes: a control payload less the two bytes of the code.
pub const MAX_REASON_LEN: usize = MAX_CONTROL_PAYLOAD - 2;

/// Why a connection was closed: the registry of RFC 6455 §7.4.1 and §11.7.
///
/// ```
/// use websans::CloseCode;
///
/// assert!(CloseCode::NORMAL_CLOSURE.is_sendable());
/// assert!(CloseCode::from(4000).is_sendable(), "4000–4999 are the application's own");
/// assert!(!CloseCode::ABNORMAL_CLOSURE.is_sendable(), "never on the wire");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $words:literal;)*) => {
        impl CloseCode {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The registry's wording, or an empty string for a code that it does not name.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self.0 {
                    $($number => $words,)*
                    _ => "",
                }
            }
        }
    };
}

close_codes! {
    /// 1000: the purpose for which the connection was established has been fulfilled.
    NORMAL_CLOSURE = 1000, "Normal Closure";
    /// 1001: a server going down, or a page navigated away from.
    GOING_AWAY = 1001, "Going Away";
    /// 1002: the peer broke the protocol.
    PROTOCOL_ERROR = 1002, "Protocol error";
    /// 1003: a type of data that the endpoint cannot accept, such as binary where it wants text.
    UNSUPPORTED_DATA = 1003, "Unsupported Data";
    /// 1005: the peer's close frame had no code. Never on the wire.
    NO_STATUS_RCVD = 1005, "No Status Rcvd";
    /// 1006: there was no close frame. Never on the wire.
    ABNORMAL_CLOSURE = 1006, "Abnormal Closure";
    /// 1007: data not consistent with the type of the message, such as bad UTF-8 in text.
    INVALID_FRAME_PAYLOAD_DATA = 1007, "Invalid frame payload data";
    /// 1008: a message that violates the endpoint's policy.
    POLICY_VIOLATION = 1008, "Policy Violation";
    /// 1009: a message too big to process.
    MESSAGE_TOO_BIG = 1009, "Message Too Big";
    /// 1010: a client that expected an extension which the server did not agree to.
    MANDATORY_EXT = 1010, "Mandatory Ext.";
    /// 1011: a condition that keeps the server from fulfilling the request.
    INTERNAL_ERROR = 1011, "Internal Error";
    /// 1012: the service is restarting.
    SERVICE_RESTART = 1012, "Service Restart";
    /// 1013: the service is overloaded.
    TRY_AGAIN_LATER = 1013, "Try Again Later";
    /// 1014: a gateway got an invalid response from upstream.
    BAD_GATEWAY = 1014, "Bad Gateway";
    /// 1015: the TLS handshake failed. Never on the wire.
    TLS_HANDSHAKE = 1015, "TLS handshake";
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a close frame, either way: 1000–1003, 1007–1014, 3000–4999.
    ///
    /// §7.4.2 reserves 1016–2999 for later versions and extensions, of which none is negotiated;
    /// 1004, 1005, 1006 and 1015 must not be sent (§7.4.1); below 1000 and above 4999 nothing is
    /// defined.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<u16> for CloseCode {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.description() {
            "" => write!(f, "{}", self.0),
            words => write!(f, "{} ({words})", self.0),
        }
    }
}

/// Why bytes are not the body of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidClose {
    OneByte,
    Code(CloseCode),
    ReasonUtf8 { valid_up_to: usize },
}

/// What a peer's close frame said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'b> {
    /// The code, or `None` where the frame had no body ([`CloseCode::NO_STATUS_RCVD`] to APIs
    /// that need a number).
    pub code: Option<CloseCode>,
    /// The reason, at most [`MAX_REASON_LEN`] bytes; often empty.
    pub reason: &'b str,
}

impl<'b> CloseFrame<'b> {
    /// Reads the body of a close frame (§5.5.1): empty, or a code and a reason in UTF-8.
    pub(crate) fn decode(body: &'b [u8]) -> Result<Self, InvalidClose> {
        let (code, reason) = match body {
            [] => return Ok(Self { code: None, reason: "" }),
            [_] => return Err(InvalidClose::OneByte),
            [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        };
        if !code.is_sendable() {
            return Err(InvalidClose::Code(code));
        }
        match utf8::whole_characters(reason) {
            Ok(whole) if whole == reason.len() => {
                Ok(Self { code: Some(code), reason: utf8::checked_str(reason) })
            }
            Ok(valid_up_to) | Err(utf8::Utf8Error { valid_up_to }) => {
                Err(InvalidClose::ReasonUtf8 { valid_up_to })
            }
        }
    }
}

/// Writes the body of a close frame (§5.5.1). Without a code there is none, and a reason that is
/// longer than [`MAX_REASON_LEN`] is cut off, which the callers rule out.
pub(crate) fn encode<'a>(
    code: Option<CloseCode>,
    reason: &str,
    place: &'a mut [u8; MAX_CONTROL_PAYLOAD],
) -> &'a [u8] {
    let Some(code) = code else { return &[] };
    let mut len = 0;
    for (to, from) in place.iter_mut().zip(code.0.to_be_bytes().iter().chain(reason.as_bytes())) {
        *to = *from;
        len += 1;
    }
    place.get(..len).unwrap_or_default()
}
