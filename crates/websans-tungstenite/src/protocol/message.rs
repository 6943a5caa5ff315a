//! Messages.

use std::fmt;

use bytes::Bytes;

use super::frame::{CloseFrame, Frame, Utf8Bytes};
use crate::error::Result;

/// A message, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, of at most 125 bytes.
    Ping(Bytes),
    /// A pong, of at most 125 bytes.
    Pong(Bytes),
    /// A close frame, with or without a body.
    Close(Option<CloseFrame>),
    /// A frame to be sent as it is, by those who know what they do. Never received.
    Frame(Frame),
}

impl Message {
    /// A text message.
    pub fn text<S: Into<Utf8Bytes>>(string: S) -> Self {
        Self::Text(string.into())
    }

    /// A binary message.
    pub fn binary<B: Into<Bytes>>(bin: B) -> Self {
        Self::Binary(bin.into())
    }

    /// Whether this is a text message.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Whether this is a ping.
    #[must_use]
    pub fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_))
    }

    /// Whether this is a pong.
    #[must_use]
    pub fn is_pong(&self) -> bool {
        matches!(self, Self::Pong(_))
    }

    /// Whether this is a close frame.
    #[must_use]
    pub fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// The length in bytes: of the payload, of a close frame's reason, of a whole raw frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data.len(),
            Self::Close(frame) => frame.as_ref().map_or(0, |frame| frame.reason.len()),
            Self::Frame(frame) => frame.len(),
        }
    }

    /// Whether the length is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload; of a close frame the reason.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(frame) => frame.map_or_else(Bytes::new, |frame| frame.reason.into()),
            Self::Frame(frame) => frame.into_payload(),
        }
    }

    /// The payload as text, if it is UTF-8; of a close frame the reason.
    pub fn into_text(self) -> Result<Utf8Bytes> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => Ok(data.try_into()?),
            Self::Close(frame) => Ok(frame.map(|frame| frame.reason).unwrap_or_default()),
            Self::Frame(frame) => Ok(frame.into_text()?),
        }
    }

    /// The payload as text, if it is UTF-8; of a close frame the reason.
    pub fn to_text(&self) -> Result<&str> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => {
                Ok(std::str::from_utf8(data)?)
            }
            Self::Close(frame) => Ok(frame.as_ref().map_or("", |frame| &frame.reason)),
            Self::Frame(frame) => Ok(frame.to_text()?),
        }
    }
}

impl From<String> for Message {
    #[inline]
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<'s> From<&'s str> for Message {
    #[inline]
    fn from(text: &'s str) -> Self {
        Self::text(text)
    }
}

impl<'b> From<&'b [u8]> for Message {
    #[inline]
    fn from(data: &'b [u8]) -> Self {
        Self::binary(Bytes::copy_from_slice(data))
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::binary(data)
    }
}

impl From<Vec<u8>> for Message {
    #[inline]
    fn from(data: Vec<u8>) -> Self {
        Self::binary(data)
    }
}

impl From<Message> for Bytes {
    #[inline]
    fn from(message: Message) -> Self {
        message.into_data()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_text() {
            Ok(text) => f.write_str(text),
            Err(_) => write!(f, "Binary Data<length={}>", self.len()),
        }
    }
}
