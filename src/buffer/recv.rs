//! From the transport to events.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::inflated::Inflating;
use super::{PIECE, RETAINED};
use crate::deflate::{Corrupt, Inflated, Inflation, Stopped};
use crate::mask::Mask;
use crate::message::Incoming;
use crate::utf8::{self, Utf8Error};

/// How much room a read is offered at least: reads of this size stay in the first-level cache.
const READ: usize = 16 << 10;

/// How much room a read is offered at most, when a large payload is on its way.
const MAX_READ: usize = 64 << 10;

/// How many times what has arrived may be reserved for what was announced.
const AHEAD: usize = 8;

/// From this length on, handing a message over is cheaper than copying it.
const HAND_OVER: usize = 16 << 10;

/// Bytes from the transport on their way to becoming events.
///
/// The transport writes into it ([`read_from`](Self::read_from), or [`spare_mut`](Self::spare_mut)
/// and [`advance`](Self::advance), or [`extend`](Self::extend)), and
/// [`next_event`](crate::Connection::next_event) lends messages out of it: unmasked where they
/// lie, and joined there when they come in fragments.
///
/// It also holds how far decoding has come, so that it goes on rightly whichever connection of
/// the same kind it is handed to. While it [is empty](Self::is_empty) one buffer can serve any
/// number of connections in turn; keep it with its connection otherwise.
///
/// **Memory.** `new` allocates nothing. It grows with what arrives: at most 8 times that is
/// reserved ahead, and never more than the message limit and 128 KiB. When it has been emptied,
/// memory over 64 KiB is given back; [`release`](Self::release) gives back all.
pub struct RecvBuf {
    /// Its length is how far the memory is initialised; nothing lies behind `filled`.
    ///
    /// INVARIANT: `start <= valid <= joined <= head <= filled <= buf.len()`
    buf: Vec<u8>,
    /// The message (or the part of it that was not delivered) is `start..joined`, unmasked.
    start: usize,
    joined: usize,
    /// If it is text: whole, valid characters are `start..valid`.
    valid: usize,
    /// What has not been decoded is `head..filled`.
    head: usize,
    filled: usize,
    inflating: Inflating,
    /// What the last event lent.
    lent: Lent,
    pub(crate) incoming: Incoming,
}

/// A range that is lent out.
#[derive(Clone, Copy)]
pub(crate) struct Lent {
    start: usize,
    end: usize,
    inflated: bool,
}

impl Lent {
    const NONE: Self = Self { start: 0, end: 0, inflated: false };
}

impl RecvBuf {
    /// An empty buffer, without any memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buf: Vec::new(),
            start: 0,
            joined: 0,
            valid: 0,
            head: 0,
            filled: 0,
            inflating: Inflating::NEW,
            lent: Lent::NONE,
            incoming: Incoming::NONE,
        }
    }

    /// Whether nothing is half-way: no bytes wait, and no message is incomplete. An empty buffer
    /// may serve another connection next.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.incoming.is_none()
    }

    /// How many bytes it holds that no event has delivered.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.held() + self.inflating.len()
    }

    #[inline]
    fn held(&self) -> usize {
        self.joined - self.start + self.filled - self.head
    }

    /// How many bytes of memory it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity() + self.inflating.capacity()
    }

    /// Gives back all memory, if the buffer [is empty](Self::is_empty).
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }

    /// Appends bytes that were read elsewhere.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buf.truncate(self.filled);
        self.buf.extend_from_slice(bytes);
        self.filled = self.buf.len();
    }

    /// Room for the transport to read into, 16–64 KiB; [`advance`](Self::advance) says how much
    /// of it was used.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        // Somewhat more than the rest of the message, or the next one would begin with an empty
        // buffer, which gives its memory back.
        let wanted = self.incoming.wanted().saturating_add(READ).min(MAX_READ);
        self.make_room(READ);
        let room = (self.buf.capacity() - self.filled).min(wanted);
        if self.buf.len() - self.filled < room {
            self.buf.resize(self.filled + room, 0);
        }
        self.buf.get_mut(self.filled..self.filled + room).unwrap_or_default()
    }

    /// Says that the first `n` bytes of [`spare_mut`](Self::spare_mut) were filled. More than it
    /// had counts as all.
    pub fn advance(&mut self, n: usize) {
        self.lent = Lent::NONE;
        self.filled = self.filled.saturating_add(n).min(self.buf.len());
    }

    /// Reads once from a transport: how many bytes came, 0 at its end.
    ///
    /// Errors are the transport's; `Interrupted` is tried again.
    #[cfg(feature = "std")]
    pub fn read_from(
        &mut self,
        transport: &mut (impl std::io::Read + ?Sized),
    ) -> std::io::Result<usize> {
        let n = loop {
            match transport.read(self.spare_mut()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.advance(n);
        Ok(n)
    }

    /// The payload of the event that was returned last, as the caller's own.
    ///
    /// A message that fills most of its memory, from 16 KiB on, is handed over without a copy;
    /// others are copied, so that a message that is kept never pins more than twice its size.
    /// Empty when there was no such event, or bytes have been received since.
    pub fn take_binary(&mut self) -> Vec<u8> {
        let Lent { start, end, inflated } = core::mem::replace(&mut self.lent, Lent::NONE);
        let len = end - start;
        if inflated {
            let bytes = self.inflating.bytes(start, end);
            if start > 0 || len < HAND_OVER || self.inflating.len() > 0 {
                return bytes.to_vec();
            }
            let mut message = self.inflating.take();
            message.shrink_to(len + len / 2);
            return message;
        }
        let worth_it = len >= HAND_OVER && len >= self.buf.capacity() / 2;
        if start > 0 || !worth_it || self.joined > self.start {
            return self.buf.get(start..end).unwrap_or_default().to_vec();
        }
        let rest = self.buf.get(self.head..self.filled).unwrap_or_default().to_vec();
        let mut message = core::mem::replace(&mut self.buf, rest);
        message.truncate(end);
        (self.start, self.joined, self.valid, self.head) = (0, 0, 0, 0);
        self.filled = self.buf.len();
        message
    }

    /// [`take_binary`](Self::take_binary) as [`Bytes`](bytes::Bytes), which can be cloned and cut
    /// without a copy.
    #[cfg(feature = "bytes")]
    pub fn take_bytes(&mut self) -> bytes::Bytes {
        self.take_binary().into()
    }

    /// [`take_binary`](Self::take_binary) as text; empty if the event was not text.
    pub fn take_text(&mut self) -> String {
        String::from_utf8(self.take_binary()).unwrap_or_default()
    }

    /// Makes room for `n` more bytes, and for what is announced as far as that is wise.
    fn make_room(&mut self, n: usize) {
        self.lent = Lent::NONE;
        let held = self.held();
        if held == 0 {
            self.rewind();
        }
        let ahead = self.incoming.wanted().min(held.saturating_mul(AHEAD));
        let room = n.max(ahead.saturating_add(READ));
        let free = self.buf.capacity() - self.filled;
        if free >= room {
            return;
        }
        // Either moving costs no more than what has been consumed since the last move, or memory
        // must grow, and then all is moved anyway.
        let wasted = self.filled - held;
        let to_move = if self.start > 0 { held } else { self.filled - self.head };
        if wasted >= to_move || free + wasted < room {
            self.close_gaps();
        }
        let free = self.buf.capacity() - self.filled;
        if free < room {
            // At least doubled, so that growing is linear in what arrives, but not beyond what
            // the message may still bring.
            let double = held.min(self.incoming.allowance().saturating_add(READ));
            self.buf.truncate(self.filled);
            self.buf.reserve_exact(room.max(double));
        }
    }

    fn rewind(&mut self) {
        (self.start, self.valid, self.joined, self.head, self.filled) = (0, 0, 0, 0, 0);
    }

    /// Moves the message to the front, and what was not decoded behind it.
    fn close_gaps(&mut self) {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.joined, 0);
            self.valid -= self.start;
            self.joined -= self.start;
            self.start = 0;
        }
        if self.joined < self.head {
            self.buf.copy_within(self.head..self.filled, self.joined);
            self.filled -= self.head - self.joined;
            self.head = self.joined;
        }
    }
}

/// What the decoders use. None of it can go out of bounds: ranges are cut to what is there.
impl RecvBuf {
    /// The bytes that have not been decoded.
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.buf.get(self.head..self.filled).unwrap_or_default()
    }

    /// Consumes the next `n` bytes and lends them.
    pub(crate) fn lend(&mut self, n: usize) -> &[u8] {
        let range = self.consume(n, Mask::NONE);
        self.bytes(range)
    }

    /// Everything that was received is of no use any more.
    pub(crate) fn discard(&mut self) {
        self.rewind();
        self.inflating.clear();
        self.incoming = Incoming::NONE;
        self.settle();
    }

    /// To be called when no event can be made of what is there.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.held() == 0 && self.inflating.len() == 0 {
            self.rewind();
            if self.incoming.is_none() {
                self.inflating.clear();
                if self.buf.capacity() > RETAINED {
                    self.buf = Vec::new();
                }
            }
        }
    }

    /// Passes over `n` bytes and begins a message behind them.
    #[inline]
    pub(crate) fn begin_message(&mut self, n: usize) {
        self.skip(n);
        (self.start, self.valid, self.joined) = (self.head, self.head, self.head);
    }

    /// Passes over `n` bytes.
    #[inline]
    pub(crate) fn skip(&mut self, n: usize) {
        self.head = self.head.saturating_add(n).min(self.filled);
    }

    /// Consumes a control frame's payload of `n` bytes where it lies.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize, mask: Mask) -> Lent {
        let start = self.head;
        self.skip(n);
        if self.joined == self.start {
            (self.start, self.valid, self.joined) = (self.head, self.head, self.head);
        }
        mask.apply_whole(self.buf.get_mut(start..self.head).unwrap_or_default());
        self.lent = Lent { start, end: self.head, inflated: false };
        self.lent
    }

    /// Passes over a header and takes the `n` bytes of payload behind it as a whole message.
    #[inline]
    pub(crate) fn take_whole(
        &mut self,
        header_len: usize,
        n: usize,
        mask: Mask,
        text: bool,
    ) -> Result<Lent, Utf8Error> {
        let start = self.head + header_len;
        let end = (start + n).min(self.filled);
        (self.start, self.valid, self.joined, self.head) = (end, end, end, end);
        self.lent = Lent { start, end, inflated: false };
        let payload = self.buf.get_mut(start..end).unwrap_or_default();
        if !text {
            mask.apply_whole(payload);
        } else if !mask.apply_whole_and_test_ascii(payload) {
            let valid_up_to = utf8::whole_characters(payload)?;
            if valid_up_to < n {
                return Err(Utf8Error { valid_up_to });
            }
        }
        Ok(self.lent)
    }

    /// Unmasks the next `n` bytes and appends them to the message. What is `text` is validated on
    /// the way; an error's `valid_up_to` counts from where the message, or what of it was not
    /// delivered, begins.
    #[inline]
    pub(crate) fn join(&mut self, n: usize, mut mask: Mask, text: bool) -> Result<(), Utf8Error> {
        let mut left = n;
        loop {
            let piece = left.min(PIECE);
            let (from, at) = (self.head, self.joined);
            if at < from {
                // A later fragment: its header lies between.
                self.buf.copy_within(from..from + piece, at);
            }
            self.head += piece;
            self.joined += piece;
            let payload = self.buf.get_mut(at..at + piece).unwrap_or_default();
            if !text {
                mask.apply(payload);
            } else if mask.apply_and_test_ascii(payload) && self.valid == at {
                self.valid = self.joined;
            } else {
                let unchecked = self.buf.get(self.valid..self.joined).unwrap_or_default();
                self.valid += utf8::whole_characters(unchecked).map_err(|error| Utf8Error {
                    valid_up_to: self.valid - self.start + error.valid_up_to,
                })?;
            }
            left -= piece;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Passes over `n` bytes and begins a compressed message behind them.
    pub(crate) fn begin_compressed(&mut self, n: usize, inflation: &mut Inflation) {
        self.begin_message(n);
        self.inflating.begin_message(inflation);
    }

    /// How many bytes lie here of the payload in progress that have not been taken.
    #[inline]
    pub(crate) fn available(&self) -> usize {
        self.filled - self.head - self.inflating.plain
    }

    /// [`join`](Self::join) for a compressed message: the next `n` bytes are unmasked, and of all
    /// that are at most `room` bytes of the message come out. At its `end` nothing follows them.
    pub(crate) fn inflate(
        &mut self,
        inflation: &mut Inflation,
        n: usize,
        mask: Mask,
        end: bool,
        room: usize,
    ) -> Result<Stopped, Corrupt> {
        let masked = self.head + self.inflating.plain;
        mask.apply_whole(self.buf.get_mut(masked..masked + n).unwrap_or_default());
        self.inflating.plain += n;
        let input = self.buf.get(self.head..masked + n).unwrap_or_default();
        let Inflated { consumed, stopped } = self.inflating.inflate(inflation, input, end, room)?;
        self.inflating.plain -= consumed;
        self.skip(consumed);
        (self.start, self.valid, self.joined) = (self.head, self.head, self.head);
        Ok(stopped)
    }

    /// Validates what was decompressed as text. An error's `valid_up_to` is as for
    /// [`join`](Self::join).
    pub(crate) fn validate_inflated(&mut self) -> Result<(), Utf8Error> {
        self.inflating.validate()
    }

    /// What of the message can be delivered now: if text, its whole characters.
    #[inline]
    pub(crate) fn deliverable(&self, text: bool) -> usize {
        if self.incoming.compressed() {
            return self.inflating.deliverable(text);
        }
        (if text { self.valid } else { self.joined }) - self.start
    }

    /// How many bytes of the message have not been delivered.
    #[inline]
    pub(crate) fn undelivered(&self) -> usize {
        if self.incoming.compressed() { self.inflating.len() } else { self.joined - self.start }
    }

    /// Delivers the next `n` bytes of the message.
    #[inline]
    pub(crate) fn deliver(&mut self, n: usize) -> Lent {
        self.lent = if self.incoming.compressed() {
            let start = self.inflating.deliver(n);
            Lent { start, end: start + n, inflated: true }
        } else {
            let start = self.start;
            self.start += n;
            self.valid = self.valid.max(self.start);
            Lent { start, end: start + n, inflated: false }
        };
        self.lent
    }

    #[inline]
    pub(crate) fn bytes(&self, lent: Lent) -> &[u8] {
        if lent.inflated {
            return self.inflating.bytes(lent.start, lent.end);
        }
        self.buf.get(lent.start..lent.end).unwrap_or_default()
    }

    /// Of a range that was delivered as text.
    #[inline]
    pub(crate) fn text(&self, lent: Lent) -> &str {
        // `deliverable` has cut it behind a whole character, and nothing has written to it since:
        // that takes `&mut self`, and the only caller has just delivered it.
        utf8::checked_str(self.bytes(lent))
    }
}

impl Default for RecvBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RecvBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBuf")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
