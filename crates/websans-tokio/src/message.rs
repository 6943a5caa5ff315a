//! What is sent and received.

use bytes::Bytes;
use bytestring::ByteString;
use websans::{CloseCode, PreparedMessage};

/// A message, text or binary.
///
/// Control frames are not messages: pings are answered, and the peer's close frame ends the stream
/// and is [`ReadHalf::close_frame`](crate::ReadHalf::close_frame). So whatever was received can be
/// sent.
///
/// A clone shares the payload, and so does what is cut from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Text; a [`ByteString`] is a [`str`] whose bytes are shared.
    Text(ByteString),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// The text; `None` if it is binary.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// The payload, with its memory.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// Encodes the message once, to be sent to many:
    /// [`WebSocket::send_prepared`](crate::WebSocket::send_prepared).
    #[must_use]
    pub fn prepare(&self) -> PreparedMessage {
        PreparedMessage::new(self.borrowed())
    }

    fn borrowed(&self) -> websans::Message<'_> {
        match self {
            Self::Text(text) => websans::Message::text(text),
            Self::Binary(data) => websans::Message::binary(data),
        }
    }

    /// With the payload as it is: a large one is not copied.
    pub(crate) fn into_owned(self) -> websans::Message<'static> {
        match self {
            Self::Text(text) => websans::Message::text(text),
            Self::Binary(data) => websans::Message::binary(data),
        }
    }
}

/// A part of a message: of [`WebSocket::next_part`](crate::WebSocket::next_part). A character of
/// text is never cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The part: text or binary.
    pub data: Message,
    /// Whether the message begins with it.
    pub first: bool,
    /// Whether the message ends with it.
    pub last: bool,
}

/// What the peer's close frame said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why it closed; `None` if it did not say.
    pub code: Option<CloseCode>,
    /// In words, at most 123 bytes; often empty.
    pub reason: ByteString,
}

impl From<ByteString> for Message {
    fn from(text: ByteString) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}
