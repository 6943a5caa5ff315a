//! A stream of frames, from bytes as they arrive.

use super::{FrameError, FrameHeader, MAX_HEADER_LEN};
use crate::mask::Mask;

/// The part of a frame's payload that is still to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    remaining: u64,
    mask: Mask,
}

impl Payload {
    pub(crate) const EMPTY: Self = Self { remaining: 0, mask: Mask::NONE };

    #[inline]
    pub(crate) fn of(header: &FrameHeader) -> Self {
        let mask = header.masking_key.map_or(Mask::NONE, Mask::new);
        Self { remaining: header.payload_len, mask }
    }

    /// How many bytes are still to come.
    #[inline]
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Takes as much as `available` bytes hold: how many of them belong to this payload, and the
    /// mask to apply to those.
    #[inline]
    pub(crate) fn take(&mut self, available: usize) -> (usize, Mask) {
        let n = usize::try_from(self.remaining).map_or(available, |rest| rest.min(available));
        let mask = self.mask;
        self.remaining -= n as u64;
        self.mask.advance(n);
        (n, mask)
    }
}

/// Decodes a stream of frames from bytes as they arrive, unmasking payloads in place.
///
/// ```
/// use websans::frame::{FrameDecoder, FramePart, Opcode};
///
/// let mut decoder = FrameDecoder::new();
/// let mut payload = Vec::new();
/// // "Hello", masked (RFC 6455 §5.7), in two reads
/// for mut read in [vec![0x81, 0x85, 0x37], vec![0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]] {
///     let mut input = &mut read[..];
///     while let Some(part) = decoder.decode(&mut input)? {
///         match part {
///             FramePart::Header(header) => assert_eq!(header.opcode(), Opcode::TEXT),
///             FramePart::Payload { data, .. } => payload.extend_from_slice(data),
///         }
///     }
/// }
/// assert_eq!(payload, b"Hello");
/// # Ok::<(), websans::frame::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    payload: Payload,
    /// The beginning of a header whose rest has not arrived.
    head: [u8; MAX_HEADER_LEN],
    head_len: usize,
    failed: Option<FrameError>,
}

/// What [`FrameDecoder::decode`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum FramePart<'a> {
    /// A frame begins. One with `payload_len() == 0` ends here, too.
    Header(FrameHeader),
    /// The next bytes of its payload, unmasked.
    Payload {
        /// At least one byte.
        data: &'a mut [u8],
        /// Whether the frame ends here.
        end: bool,
    },
}

impl FrameDecoder {
    /// A decoder that expects a frame header.
    #[must_use]
    pub const fn new() -> Self {
        Self { payload: Payload::EMPTY, head: [0; MAX_HEADER_LEN], head_len: 0, failed: None }
    }

    /// Takes the next part from the front of `input`, which is shortened by what was consumed.
    /// `None` means that `input` has been consumed whole and more bytes are needed.
    ///
    /// An error ([`FrameError`]) is final: where the next frame begins cannot be known, and every
    /// later call returns the same.
    pub fn decode<'a>(
        &mut self,
        input: &mut &'a mut [u8],
    ) -> Result<Option<FramePart<'a>>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.payload.remaining() > 0 {
            let (n, mut mask) = self.payload.take(input.len());
            let Some(data) = input.split_off_mut(..n) else { return Ok(None) };
            if data.is_empty() {
                return Ok(None);
            }
            mask.apply(data);
            return Ok(Some(FramePart::Payload { data, end: self.payload.remaining() == 0 }));
        }
        let Some(header) = self.decode_header(input).inspect_err(|e| self.failed = Some(*e))?
        else {
            return Ok(None);
        };
        self.payload = Payload::of(&header);
        Ok(Some(FramePart::Header(header)))
    }

    fn decode_header(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHeader>, FrameError> {
        // Bring as much as a header can take together with what came before; whatever of it turns
        // out to be payload is left in `input`.
        let before = self.head_len;
        let mut head = self.head;
        let room = head.get_mut(before..).unwrap_or_default();
        let taken = room.len().min(input.len());
        for (to, from) in room.iter_mut().zip(input.iter()) {
            *to = *from;
        }
        let held = before + taken;
        let decoded = FrameHeader::decode(head.get(..held).unwrap_or_default())?;
        let consumed = match decoded {
            // The header is longer than what came before, or it would have been found then.
            Some((_, len)) => len.saturating_sub(before),
            None => taken,
        };
        let _ = input.split_off_mut(..consumed);
        (self.head, self.head_len) = if decoded.is_some() { (head, 0) } else { (head, held) };
        Ok(decoded.map(|(header, _)| header))
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new()
    }
}
