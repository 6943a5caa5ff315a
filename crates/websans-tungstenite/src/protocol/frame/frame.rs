//! One frame, RFC 6455 §5.2.

use std::fmt;
use std::io::{Cursor, Write};
use std::str::Utf8Error;

use bytes::{Bytes, BytesMut};
use websans::frame::Opcode;
use websans::mask::Mask;

use super::coding::{CloseCode, Control, Data, OpCode};
use super::utf8::Utf8Bytes;
use crate::error::{ProtocolError, Result, invalid_data};

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why.
    pub code: CloseCode,
    /// Why, in words.
    pub reason: Utf8Bytes,
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

/// Everything of a frame but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// FIN: whether this is the last (or only) fragment of its message.
    pub is_final: bool,
    /// RSV1.
    pub rsv1: bool,
    /// RSV2.
    pub rsv2: bool,
    /// RSV3.
    pub rsv3: bool,
    /// What the frame is for.
    pub opcode: OpCode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
}

impl Default for FrameHeader {
    fn default() -> Self {
        Self::of(OpCode::Control(Control::Close))
    }
}

impl FrameHeader {
    fn of(opcode: OpCode) -> Self {
        Self { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None }
    }

    /// Reads a header, and the length of the payload. `None` if it is not complete yet; then the
    /// cursor stays where it was.
    ///
    /// Errors: an opcode without a meaning, and a length that is malformed.
    pub fn parse(cursor: &mut Cursor<impl AsRef<[u8]>>) -> Result<Option<(Self, u64)>> {
        let at = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let wire = cursor.get_ref().as_ref().get(at..).unwrap_or_default();
        let Some((header, payload_len, len)) = Self::decode(wire)? else { return Ok(None) };
        cursor.set_position(cursor.position() + len as u64);
        Ok(Some((header, payload_len)))
    }

    /// The header that `wire` begins with, the length of the payload, and that of the header.
    pub(crate) fn decode(wire: &[u8]) -> Result<Option<(Self, u64, usize)>> {
        let decoded = websans::frame::FrameHeader::decode(wire).map_err(invalid_data)?;
        let Some((header, len)) = decoded else { return Ok(None) };
        let opcode = header.opcode();
        if opcode.is_reserved() {
            return Err(ProtocolError::InvalidOpcode(opcode.number()).into());
        }
        let decoded = Self {
            is_final: header.fin(),
            rsv1: header.rsv1(),
            rsv2: header.rsv2(),
            rsv3: header.rsv3(),
            opcode: opcode.number().into(),
            mask: header.masking_key(),
        };
        Ok(Some((decoded, header.payload_len(), len)))
    }

    /// How many bytes the header takes, before a payload of `length` bytes.
    #[allow(clippy::len_without_is_empty)]
    #[must_use]
    pub fn len(&self, length: u64) -> usize {
        self.encode(length).len()
    }

    /// Writes the header, before a payload of `length` bytes.
    pub fn format(&self, length: u64, output: &mut impl Write) -> Result<()> {
        Ok(output.write_all(&self.encode(length))?)
    }

    fn encode(&self, length: u64) -> websans::frame::EncodedHeader {
        self.with_len(length).encode()
    }

    /// The same for websans, before a payload of `length` bytes.
    pub(crate) fn with_len(&self, length: u64) -> websans::frame::FrameHeader {
        websans::frame::FrameHeader::new(Opcode::new(self.opcode.into()), length)
            .with_fin(self.is_final)
            .with_rsv1(self.rsv1)
            .with_rsv2(self.rsv2)
            .with_rsv3(self.rsv3)
            .with_masking_key(self.mask)
    }
}

/// A frame. Its payload is never masked here: [`format`](Self::format) masks it, if the header has a
/// masking key. ([`FrameSocket`](super::FrameSocket) returns payloads as they come.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    payload: Bytes,
}

impl Frame {
    /// How many bytes it takes on the wire.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.header.len(self.payload.len() as u64) + self.payload.len()
    }

    /// Never: the header alone takes two bytes.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The header.
    #[must_use]
    #[inline]
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// The header, to be changed.
    #[inline]
    pub fn header_mut(&mut self) -> &mut FrameHeader {
        &mut self.header
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as text.
    #[inline]
    pub fn into_text(self) -> Result<Utf8Bytes, Utf8Error> {
        self.payload.try_into()
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// The payload as text.
    #[inline]
    pub fn to_text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.payload)
    }

    /// A text or binary frame, or a continuation.
    #[inline]
    pub fn message(data: impl Into<Bytes>, opcode: OpCode, is_final: bool) -> Self {
        debug_assert!(matches!(opcode, OpCode::Data(_)), "{opcode} is no opcode of data");
        Self { header: FrameHeader { is_final, ..FrameHeader::of(opcode) }, payload: data.into() }
    }

    /// A pong.
    #[inline]
    pub fn pong(data: impl Into<Bytes>) -> Self {
        Self { header: FrameHeader::of(OpCode::Control(Control::Pong)), payload: data.into() }
    }

    /// A ping.
    #[inline]
    pub fn ping(data: impl Into<Bytes>) -> Self {
        Self { header: FrameHeader::of(OpCode::Control(Control::Ping)), payload: data.into() }
    }

    /// A close frame.
    #[inline]
    #[must_use]
    pub fn close(frame: Option<CloseFrame>) -> Self {
        let mut body = BytesMut::new();
        if let Some(CloseFrame { code, reason }) = frame {
            body.extend_from_slice(&u16::from(code).to_be_bytes());
            body.extend_from_slice(reason.as_bytes());
        }
        Self { header: FrameHeader::default(), payload: body.freeze() }
    }

    /// Of a header and a payload, which is not masked.
    #[must_use]
    pub fn from_payload(header: FrameHeader, payload: Bytes) -> Self {
        Self { header, payload }
    }

    /// Writes the frame, masked if the header has a masking key.
    pub fn format(self, output: &mut impl Write) -> Result<()> {
        self.header.format(self.payload.len() as u64, output)?;
        match self.header.mask {
            None => output.write_all(&self.payload)?,
            Some(key) => {
                let mut masked = Vec::from(self.payload);
                Mask::new(key).apply(&mut masked);
                output.write_all(&masked)?;
            }
        }
        Ok(())
    }

    /// Appends the frame, masked if the header has a masking key.
    pub(crate) fn format_into_buf(self, output: &mut Vec<u8>) -> Result<()> {
        output.extend_from_slice(&self.header.encode(self.payload.len() as u64));
        let at = output.len();
        output.extend_from_slice(&self.payload);
        if let Some(key) = self.header.mask {
            Mask::new(key).apply(output.get_mut(at..).unwrap_or_default());
        }
        Ok(())
    }

    /// Text or binary, in one frame.
    pub(crate) fn of_data(data: Data, payload: Bytes) -> Self {
        Self::message(payload, OpCode::Data(data), true)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameHeader { is_final, rsv1, rsv2, rsv3, opcode, .. } = &self.header;
        write!(f, "final: {is_final}, reserved: {rsv1} {rsv2} {rsv3}, opcode: {opcode}, ")?;
        write!(f, "length: {}, payload length: {}, ", self.len(), self.payload.len())?;
        f.write_str("payload: 0x")?;
        self.payload.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
