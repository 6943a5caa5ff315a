//! Messages, RFC 6455 §5.4: one or more frames, of which the first says what it is. How one is
//! received, and how an application says what to send.

use alloc::sync::Arc;

use crate::error::Error;
use crate::frame::{self, FrameHeader, Opcode};
use crate::payload::{Payload, TextPayload};

/// How far the message that is being received has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    /// The rest of the frame in progress.
    payload: frame::Payload,
    /// Whether that frame is the message's last.
    fin: bool,
    opcode: Option<Opcode>,
    /// Whether its payload is compressed (RFC 7692 §6).
    compressed: bool,
    /// Whether more can come out of what has arrived.
    inflating: bool,
    /// How many more frames may begin.
    frames_left: u64,
    /// How many more bytes they may announce.
    allowance: u64,
    /// How many bytes were delivered in parts.
    delivered: u64,
}

/// What a peer may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_message_size: u64,
    pub(crate) max_frame_size: u64,
    pub(crate) max_fragments: u64,
}

impl Default for Incoming {
    fn default() -> Self {
        Self::NONE
    }
}

impl Incoming {
    pub(crate) const NONE: Self = Self {
        payload: frame::Payload::EMPTY,
        fin: false,
        opcode: None,
        compressed: false,
        inflating: false,
        frames_left: 0,
        allowance: 0,
        delivered: 0,
    };

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.opcode.is_none()
    }

    /// Text or binary, if a message is in progress.
    #[inline]
    pub(crate) fn opcode(&self) -> Option<Opcode> {
        self.opcode
    }

    /// Begins the data frame of this header. Whether it begins a message, too.
    #[inline]
    pub(crate) fn begin_frame(
        &mut self,
        header: &FrameHeader,
        limits: &Limits,
    ) -> Result<bool, Error> {
        let opcode = header.opcode();
        let first = opcode != Opcode::CONTINUATION;
        if first {
            if self.opcode.is_some() {
                return Err(Error::ExpectedContinuation { opcode });
            }
            (self.opcode, self.delivered) = (Some(opcode), 0);
            (self.compressed, self.inflating) = (header.rsv1(), false);
            (self.frames_left, self.allowance) = (limits.max_fragments, self.limit(limits));
        } else if self.opcode.is_none() {
            return Err(Error::UnexpectedContinuation);
        }
        let len = header.payload_len();
        if len > limits.max_frame_size {
            return Err(Error::FrameTooLarge { len, limit: limits.max_frame_size });
        }
        let Some(allowance) = self.allowance.checked_sub(len) else {
            // Saturating, for who goes on with the message may not be who began it.
            let len = self.limit(limits).saturating_sub(self.allowance).saturating_add(len);
            return Err(Error::MessageTooLarge { len, limit: limits.max_message_size });
        };
        let Some(frames_left) = self.frames_left.checked_sub(1) else {
            return Err(Error::TooManyFragments { limit: limits.max_fragments });
        };
        (self.allowance, self.frames_left) = (allowance, frames_left);
        self.payload = frame::Payload::of(header);
        self.fin = header.fin();
        Ok(first)
    }

    /// How many bytes the frames of a message may announce. What does not compress grows a little;
    /// its size is checked as it is inflated.
    fn limit(&self, limits: &Limits) -> u64 {
        let max = limits.max_message_size;
        if self.compressed { max.saturating_add(max / 8 + 1024) } else { max }
    }

    /// The message has been delivered to its end.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.opcode = None;
    }

    /// The rest of the frame in progress, if there is one.
    #[inline]
    pub(crate) fn payload(&mut self) -> &mut frame::Payload {
        &mut self.payload
    }

    /// Whether its payload is compressed.
    #[inline]
    pub(crate) fn compressed(&self) -> bool {
        self.compressed
    }

    /// Whether all that has arrived of the frame in progress has been taken, to its end.
    #[inline]
    pub(crate) fn at_frame_end(&self) -> bool {
        self.payload.remaining() == 0 && !self.inflating
    }

    #[inline]
    pub(crate) fn set_inflating(&mut self, inflating: bool) {
        self.inflating = inflating;
    }

    /// Whether the frame in progress ends the message.
    #[inline]
    pub(crate) fn fin(&self) -> bool {
        self.fin
    }

    /// How many bytes of the message were delivered in parts.
    #[inline]
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    #[inline]
    pub(crate) fn add_delivered(&mut self, n: usize) {
        self.delivered = self.delivered.saturating_add(n as u64);
    }

    /// How many bytes the frame in progress still wants.
    pub(crate) fn wanted(&self) -> usize {
        usize::try_from(self.payload.remaining()).unwrap_or(usize::MAX)
    }

    /// How many bytes the message may still bring within its limit.
    pub(crate) fn allowance(&self) -> usize {
        let later = if self.fin { 0 } else { self.allowance };
        usize::try_from(later.saturating_add(self.payload.remaining())).unwrap_or(usize::MAX)
    }
}

/// What an application asks to send: for [`send`](crate::Connection::send), where
/// [`send_text`](crate::Connection::send_text) and [`send_binary`](crate::Connection::send_binary)
/// say too little.
///
/// Its [`Payload`] is borrowed or owned; a long one that is owned is sent without a copy.
///
/// ```
/// use websans::{Config, Connection, Message, SendBuf};
///
/// let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
/// // A message whose length is not known yet, sent as it is made (§5.4):
/// ws.send(Message::text("to be ").part(false), &mut tx)?;
/// ws.send(Message::text("continued").part(true), &mut tx)?;
/// assert_eq!(tx.as_slice(), b"\x01\x06to be \x80\x09continued");
/// # Ok::<(), websans::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Message<'a> {
    opcode: Opcode,
    payload: Payload<'a>,
    part: Option<bool>,
    compress: bool,
}

impl<'a> Message<'a> {
    /// A text message: of a `&str`, a `String`, or what else becomes a [`TextPayload`].
    #[must_use]
    #[inline]
    pub fn text(text: impl Into<TextPayload<'a>>) -> Self {
        Self::new(Opcode::TEXT, text.into().into_payload())
    }

    /// A binary message: of a `&[u8]`, a `Vec<u8>`, or what else becomes a [`Payload`].
    #[must_use]
    #[inline]
    pub fn binary(data: impl Into<Payload<'a>>) -> Self {
        Self::new(Opcode::BINARY, data.into())
    }

    #[inline]
    pub(crate) const fn new(opcode: Opcode, payload: Payload<'a>) -> Self {
        Self { opcode, payload, part: None, compress: true }
    }

    /// Only a part of the message: the next one, and whether it is the `last`. Each part goes out
    /// as one frame. Control frames may be sent between them, other messages may not.
    #[must_use]
    pub const fn part(mut self, last: bool) -> Self {
        self.part = Some(last);
        self
    }

    /// Text or binary.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.payload.as_slice()
    }

    #[inline]
    pub(crate) fn into_payload(self) -> Payload<'a> {
        self.payload
    }

    /// Not to be compressed, whatever was agreed on. For what is secret, where an attacker may
    /// choose other parts of the message or other messages and see how long it gets (CRIME), and
    /// for what does not compress. Of a message in parts the first decides.
    #[must_use]
    pub const fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    pub(crate) const fn may_compress(&self) -> bool {
        self.compress
    }

    pub(crate) const fn as_part(&self) -> Option<bool> {
        self.part
    }
}

/// A message encoded once, to be sent to many: as a frame without masking it is the same bytes
/// for every client of a server. A long one is sent to all of them without a copy.
///
/// ```
/// use websans::{Config, Connection, Message, PreparedMessage, SendBuf};
///
/// let price = PreparedMessage::new(Message::text("42.50"));
/// for _ in 0..3 {
///     let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
///     ws.send_prepared(&price, &mut tx)?;
///     assert_eq!(tx.as_slice(), b"\x81\x0542.50");
/// }
/// # Ok::<(), websans::SendError>(())
/// ```
///
/// A clone shares the encoded message.
#[derive(Clone, Debug)]
pub struct PreparedMessage {
    opcode: Opcode,
    frame: Arc<[u8]>,
    header_len: usize,
}

impl PreparedMessage {
    /// Encodes the message, as a whole one.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // as for `send`
    pub fn new(message: Message<'_>) -> Self {
        let payload = message.payload();
        let header = FrameHeader::new(message.opcode, payload.len() as u64).encode();
        let frame = [&header, payload].concat().into();
        Self { opcode: message.opcode, frame, header_len: header.len() }
    }

    /// Text or binary.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.frame.get(self.header_len..).unwrap_or_default()
    }

    pub(crate) fn frame(&self) -> &Arc<[u8]> {
        &self.frame
    }
}
