//! Frames, RFC 6455 §5.2: the header's wire form, and a decoder that hands out payloads piece by
//! piece as they arrive.
//!
//! This layer allocates nothing and knows nothing of endpoints: it keeps reserved bits and
//! reserved opcodes, does not join fragments and does not mind who masks. That makes it enough
//! for a proxy that forwards frames, and for an analyser. What an endpoint must refuse is decided
//! by [`Reader`](crate::Reader).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |     Extended payload length continued, if payload len == 127  |
//! + - - - - - - - - - - - - - - - +-------------------------------+
//! |                               |Masking-key, if MASK set to 1  |
//! +-------------------------------+-------------------------------+
//! | Masking-key (continued)       |          Payload Data         |
//! +-------------------------------- - - - - - - - - - - - - - - - +
//! ```

mod decoder;

use core::fmt;

pub(crate) use decoder::Payload;
pub use decoder::{FrameDecoder, FramePart};

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest frame header, in bytes: 2, 8 of extended length, 4 of masking key.
pub const MAX_HEADER_LEN: usize = 14;

/// What a frame is for: the registry of RFC 6455 §11.8, four bits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opcode(u8);

impl Opcode {
    /// Continuation frame: the next fragment of the message in progress.
    pub const CONTINUATION: Self = Self(0x0);
    /// Text frame: begins a message whose payload is UTF-8.
    pub const TEXT: Self = Self(0x1);
    /// Binary frame: begins a message of arbitrary bytes.
    pub const BINARY: Self = Self(0x2);
    /// Connection close frame.
    pub const CLOSE: Self = Self(0x8);
    /// Ping frame.
    pub const PING: Self = Self(0x9);
    /// Pong frame.
    pub const PONG: Self = Self(0xA);

    /// The opcode of the given number, of which only the low four bits count.
    #[must_use]
    #[inline]
    pub const fn new(number: u8) -> Self {
        Self(number & 0x0F)
    }

    /// The number on the wire, 0–15.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Control frames (8–15) may come between fragments and may not be fragmented themselves.
    #[must_use]
    #[inline]
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Opcodes 3–7 and 11–15 have no meaning yet; an endpoint fails the connection on them.
    #[must_use]
    #[inline]
    pub const fn is_reserved(self) -> bool {
        self.0 & 0x7 > 2
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CONTINUATION => f.write_str("continuation"),
            Self::TEXT => f.write_str("text"),
            Self::BINARY => f.write_str("binary"),
            Self::CLOSE => f.write_str("close"),
            Self::PING => f.write_str("ping"),
            Self::PONG => f.write_str("pong"),
            Self(number) => write!(f, "opcode {number:#X}"),
        }
    }
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2: u8 = 0x20;
const RSV3: u8 = 0x10;
const MASK: u8 = 0x80;

/// Everything of a frame but its payload.
///
/// ```
/// use websans::frame::{FrameHeader, Opcode};
///
/// let header = FrameHeader::new(Opcode::BINARY, 256);
/// assert_eq!(*header.encode(), [0x82, 0x7E, 0x01, 0x00]); // RFC 6455 §5.7
/// let wire = [0x82, 0x7E, 0x01, 0x00, 0xAA];
/// assert_eq!(FrameHeader::decode(&wire), Ok(Some((header, 4))));
/// assert_eq!(FrameHeader::decode(&wire[..3]), Ok(None), "needs more bytes");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The first octet as on the wire: FIN, RSV1–3, opcode.
    first: u8,
    masking_key: Option<[u8; 4]>,
    payload_len: u64,
}

impl FrameHeader {
    /// The header of a final, unmasked frame without reserved bits. The length is below 2^63, as
    /// §5.2 has it; a higher bit is ignored.
    #[must_use]
    #[inline]
    pub const fn new(opcode: Opcode, payload_len: u64) -> Self {
        Self { first: FIN | opcode.0, masking_key: None, payload_len: payload_len & !(1 << 63) }
    }

    /// Sets or clears the FIN bit: whether this is the last fragment of its message.
    #[must_use]
    #[inline]
    pub const fn with_fin(mut self, fin: bool) -> Self {
        self.first = if fin { self.first | FIN } else { self.first & !FIN };
        self
    }

    /// Sets or clears the RSV1 bit: with permessage-deflate, "this message is compressed".
    #[must_use]
    #[inline]
    pub const fn with_rsv1(mut self, rsv1: bool) -> Self {
        self.first = if rsv1 { self.first | RSV1 } else { self.first & !RSV1 };
        self
    }

    /// Sets or clears the RSV2 bit.
    #[must_use]
    #[inline]
    pub const fn with_rsv2(mut self, rsv2: bool) -> Self {
        self.first = if rsv2 { self.first | RSV2 } else { self.first & !RSV2 };
        self
    }

    /// Sets or clears the RSV3 bit.
    #[must_use]
    #[inline]
    pub const fn with_rsv3(mut self, rsv3: bool) -> Self {
        self.first = if rsv3 { self.first | RSV3 } else { self.first & !RSV3 };
        self
    }

    /// Sets or clears the masking key.
    #[must_use]
    #[inline]
    pub const fn with_masking_key(mut self, masking_key: Option<[u8; 4]>) -> Self {
        self.masking_key = masking_key;
        self
    }

    #[inline]
    pub(crate) const fn with_payload_len(mut self, payload_len: u64) -> Self {
        self.payload_len = payload_len;
        self
    }

    /// Whether this is the last (or only) fragment of its message.
    #[must_use]
    #[inline]
    pub const fn fin(&self) -> bool {
        self.first & FIN != 0
    }

    /// The RSV1 bit.
    #[must_use]
    #[inline]
    pub const fn rsv1(&self) -> bool {
        self.first & RSV1 != 0
    }

    /// The RSV2 bit.
    #[must_use]
    #[inline]
    pub const fn rsv2(&self) -> bool {
        self.first & RSV2 != 0
    }

    /// The RSV3 bit.
    #[must_use]
    #[inline]
    pub const fn rsv3(&self) -> bool {
        self.first & RSV3 != 0
    }

    /// Whether this is a data frame as RFC 6455 defines it, without reserved bits.
    #[inline]
    pub(crate) const fn is_plain_data(&self) -> bool {
        self.first & !FIN <= Opcode::BINARY.0
    }

    /// Whether this frame is a whole message, without reserved bits.
    #[inline]
    pub(crate) const fn is_whole_message(&self) -> bool {
        matches!(self.first, 0x81 | 0x82)
    }

    /// The first of the reserved bits that is set and has no meaning here: 1, 2 or 3.
    #[inline]
    pub(crate) const fn reserved_bit(&self, rsv1_has_meaning: bool) -> Option<u8> {
        let known = if rsv1_has_meaning { RSV1 } else { 0 };
        match self.first & (RSV1 | RSV2 | RSV3) & !known {
            0 => None,
            RSV1.. => Some(1),
            RSV2.. => Some(2),
            _ => Some(3),
        }
    }

    /// What the frame is for.
    #[must_use]
    #[inline]
    pub const fn opcode(&self) -> Opcode {
        Opcode(self.first & 0x0F)
    }

    /// The masking key, if the payload is masked.
    #[must_use]
    #[inline]
    pub const fn masking_key(&self) -> Option<[u8; 4]> {
        self.masking_key
    }

    /// The payload's length in bytes, below 2^63.
    #[must_use]
    #[inline]
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Reads the header that `wire` begins with, and how many bytes it takes. `None` means that
    /// it is not complete yet. Errors: see [`FrameError`].
    #[inline]
    pub fn decode(wire: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let [first, second, rest @ ..] = wire else { return Ok(None) };
        let (payload_len, rest, header_len) = match second & !MASK {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from(u16::from_be_bytes(*len));
                if len < 126 {
                    return Err(FrameError::NonMinimalLength { len });
                }
                (len, rest, 4)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from_be_bytes(*len);
                if len >> 63 != 0 {
                    return Err(FrameError::LengthTopBit { len });
                }
                if len <= 0xFFFF {
                    return Err(FrameError::NonMinimalLength { len });
                }
                (len, rest, 10)
            }
            len => (u64::from(len), rest, 2),
        };
        if second & MASK == 0 {
            return Ok(Some((Self { first: *first, masking_key: None, payload_len }, header_len)));
        }
        let Some(key) = rest.first_chunk() else { return Ok(None) };
        Ok(Some((Self { first: *first, masking_key: Some(*key), payload_len }, header_len + 4)))
    }

    /// The wire form, with the length in its shortest form as §5.2 demands.
    #[must_use]
    #[inline]
    pub fn encode(&self) -> EncodedHeader {
        let (mask, key) = match self.masking_key {
            None => (0, 0),
            Some(key) => (MASK, u128::from(u32::from_le_bytes(key))),
        };
        // Octet by octet in one register: what is written to memory in pieces cannot be read from
        // there as a whole at once.
        #[allow(clippy::cast_possible_truncation)] // the ranges say so
        let (second, rest, len) = match self.payload_len {
            len @ 0..=125 => (len as u8, key, 2),
            len @ 126..=0xFFFF => (126, u128::from((len as u16).swap_bytes()) | key << 16, 4),
            len => (127, u128::from(len.swap_bytes()) | key << 64, 10),
        };
        let octets = u128::from(self.first) | u128::from(mask | second) << 8 | rest << 16;
        let key_len = if self.masking_key.is_some() { 4 } else { 0 };
        EncodedHeader { octets: octets.to_le_bytes(), len: len + key_len }
    }
}

impl fmt::Debug for FrameHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameHeader")
            .field("fin", &self.fin())
            .field("rsv1", &self.rsv1())
            .field("rsv2", &self.rsv2())
            .field("rsv3", &self.rsv3())
            .field("opcode", &self.opcode())
            .field("masking_key", &self.masking_key)
            .field("payload_len", &self.payload_len)
            .finish()
    }
}

/// The wire form of a [`FrameHeader`]: 2–14 bytes, to which it dereferences.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    octets: [u8; Self::PADDED_LEN],
    len: usize,
}

impl EncodedHeader {
    pub(crate) const PADDED_LEN: usize = 16;

    /// With zeros behind it: of a fixed length, which is quicker to copy.
    #[inline]
    pub(crate) fn padded(&self) -> &[u8; Self::PADDED_LEN] {
        &self.octets
    }
}

impl core::ops::Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&self.octets)
    }
}

/// Why bytes are not a frame header (RFC 6455 §5.2). Both are answered with close code 1002.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is not in its shortest form.
    NonMinimalLength {
        /// The length as announced, in bytes.
        len: u64,
    },
    /// The most significant bit of a 64-bit length is set.
    LengthTopBit {
        /// The length as announced, in bytes.
        len: u64,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonMinimalLength { len } => {
                write!(f, "a payload length of {len} is not in its shortest form")
            }
            Self::LengthTopBit { len } => {
                write!(f, "a payload length of {len:#x} has its most significant bit set")
            }
        }
    }
}

impl core::error::Error for FrameError {}
