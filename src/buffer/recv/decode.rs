//! What the decoders do with what was received: in place, and at the boundaries they are told.

use alloc::vec::Vec;

use super::{Lent, Memory, RecvBuf};
use crate::buffer::{PIECE, Retention};
use crate::deflate::{Corrupt, Inflated, Inflation, Stopped};
use crate::frame::Opcode;
use crate::mask::Mask;
use crate::message::Incoming;
use crate::utf8::{self, Utf8Error};

/// What stands for a range that is out of bounds. None is: they are cut to what is there. Being
/// cold it is jumped to, and the address of a payload does not depend on the comparison.
#[cold]
pub(super) fn nothing<'a>() -> &'a mut [u8] {
    &mut []
}

impl RecvBuf {
    /// Consumes the next `n` bytes and lends them.
    pub(crate) fn lend(&mut self, n: usize) -> &[u8] {
        let range = self.consume(n, Mask::NONE);
        self.lent = Lent::NONE;
        self.bytes(range)
    }

    /// Everything that was received is of no use any more.
    pub(crate) fn discard(&mut self) {
        self.lent = Lent::NONE;
        self.rewind();
        self.inflating.clear(self.config.retained);
        self.incoming = Incoming::NONE;
        self.retention = Retention::NEW;
        if self.buf.capacity() > self.config.retained {
            self.buf = Vec::new();
        }
    }

    /// What was delivered has been seen.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.lent = Lent::NONE;
        self.inflating.forget(self.config.retained);
    }

    /// To be called when no event can be made of what is there.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.held() == 0 && self.inflating.len() == 0 {
            let used = self.filled;
            self.rewind();
            if self.incoming.is_none() {
                self.inflating.clear(self.config.retained);
                if self.retention.gives_back(self.buf.capacity(), used, &self.config) {
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
        self.lent = Lent { start, end: self.head, of: Memory::Received };
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
        self.head = end;
        let payload = self.buf.get_mut(start..end).unwrap_or_else(nothing);
        if !text {
            mask.apply_whole(payload);
        } else if !mask.apply_whole_and_test_ascii(payload) && !utf8::is_valid(payload) {
            return Err(Utf8Error { valid_up_to: utf8::whole_characters(payload)? });
        }
        let of = if text { Memory::ReceivedText } else { Memory::Received };
        self.lent = Lent { start, end, of };
        Ok(self.lent)
    }

    /// Unmasks the next `n` bytes and appends them to the message. What is `text` is validated
    /// while it is in cache; what is left of it waits for [`validate`](Self::validate).
    #[inline]
    pub(crate) fn join(&mut self, n: usize, mut mask: Mask, text: bool) -> Result<(), Utf8Error> {
        let mut left = n;
        loop {
            let piece = left.min(PIECE);
            let (from, at) = (self.head, self.joined);
            self.head += piece;
            self.joined += piece;
            // What comes behind something else has to be looked at once more in any case.
            let test = text && self.valid == at;
            let payload = self.buf.get_mut(at..self.head).unwrap_or_default();
            let is_ascii = match (from - at, test) {
                (0, true) => mask.apply_and_test_ascii(payload),
                (0, false) => {
                    mask.apply(payload);
                    false
                }
                // A later fragment: its header lies between.
                (distance, true) => mask.apply_and_move::<true>(payload, distance),
                (distance, false) => {
                    mask.apply_and_move::<false>(payload, distance);
                    false
                }
            };
            if is_ascii {
                self.valid = self.joined;
            }
            if text && self.joined - self.valid >= PIECE {
                self.validate()?;
            }
            left -= piece;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Validates what was joined as text; a character that is cut waits for its rest. An error's
    /// `valid_up_to` counts from where the message, or what of it was not delivered, begins.
    pub(crate) fn validate(&mut self) -> Result<(), Utf8Error> {
        let unchecked = self.buf.get(self.valid..self.joined).unwrap_or_default();
        self.valid += utf8::whole_characters(unchecked).map_err(|error| Utf8Error {
            valid_up_to: self.valid - self.start + error.valid_up_to,
        })?;
        Ok(())
    }

    /// Passes over `n` bytes and begins a compressed message behind them.
    pub(crate) fn begin_compressed(&mut self, n: usize, inflation: &mut Inflation) {
        self.begin_message(n);
        self.inflating.begin_message(inflation, self.config.retained);
    }

    /// How many bytes lie here of the payload in progress that have not been taken.
    #[inline]
    pub(crate) fn available(&self) -> usize {
        self.filled - self.head - self.plain
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
        let masked = self.head + self.plain;
        mask.apply_whole(self.buf.get_mut(masked..masked + n).unwrap_or_default());
        self.plain += n;
        let input = self.buf.get(self.head..masked + n).unwrap_or_default();
        let Inflated { consumed, stopped } = self.inflating.inflate(inflation, input, end, room)?;
        self.plain -= consumed;
        self.skip(consumed);
        (self.start, self.valid, self.joined) = (self.head, self.head, self.head);
        Ok(stopped)
    }

    /// Validates what was decompressed as text. An error's `valid_up_to` is as for
    /// [`validate`](Self::validate).
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

    /// Delivers the next `n` bytes of the message, which are not more than
    /// [`deliverable`](Self::deliverable).
    #[inline]
    pub(crate) fn deliver(&mut self, n: usize) -> Lent {
        let text = self.incoming.opcode() == Some(Opcode::TEXT);
        self.lent = if self.incoming.compressed() {
            let start = self.inflating.deliver(n);
            let of = if text { Memory::InflatedText } else { Memory::Inflated };
            Lent { start, end: start + n, of }
        } else {
            let start = self.start;
            self.start += n;
            self.valid = self.valid.max(self.start);
            let of = if text { Memory::ReceivedText } else { Memory::Received };
            Lent { start, end: start + n, of }
        };
        self.lent
    }

    #[inline]
    pub(crate) fn bytes(&self, lent: Lent) -> &[u8] {
        if lent.of.is_inflated() {
            return self.inflating.bytes(lent.start, lent.end);
        }
        self.buf.get(lent.start..lent.end).unwrap_or_else(|| nothing())
    }

    /// Of a range that was delivered as text.
    #[inline]
    pub(crate) fn text(&self, lent: Lent) -> &str {
        // `take_whole` has validated it, or `deliverable` cut it behind a whole character, and
        // nothing has written to it since: that takes `&mut self`, and the only caller has just
        // delivered it.
        utf8::checked_str(self.bytes(lent))
    }
}
