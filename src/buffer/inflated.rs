//! Where compressed messages come out: beside the bytes from the transport, in the same buffer.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::deflate::{Corrupt, Inflated, Inflater, Inflation};
use crate::utf8::{self, Utf8Error};

/// The message that is being decompressed, or the part of it that was not delivered.
#[derive(Debug, Default)]
pub(crate) struct Inflating {
    /// INVARIANT: `start <= valid <= out.len()`
    out: Vec<u8>,
    start: usize,
    /// If it is text: whole, valid characters are `start..valid`.
    valid: usize,
    /// The context of connections that do not take theirs over.
    shared: Option<Box<Inflater>>,
}

impl Inflating {
    pub(super) const NEW: Self = Self { out: Vec::new(), start: 0, valid: 0, shared: None };

    pub(super) fn begin_message(&mut self, inflation: &mut Inflation, retained: usize) {
        self.clear(retained);
        inflation.begin(&mut self.shared);
    }

    /// Decompresses at most `room` bytes more of the message.
    pub(super) fn inflate(
        &mut self,
        inflation: &mut Inflation,
        input: &[u8],
        end: bool,
        room: usize,
    ) -> Result<Inflated, Corrupt> {
        if self.start > 0 {
            self.out.drain(..self.start); // at most a part of a character stays
            (self.valid, self.start) = (self.valid - self.start, 0);
        }
        let limit = self.out.len().saturating_add(room);
        inflation.inflate(&mut self.shared, input, end, &mut self.out, limit)
    }

    /// Validates what has come out as text.
    pub(super) fn validate(&mut self) -> Result<(), Utf8Error> {
        let unchecked = self.out.get(self.valid..).unwrap_or_default();
        self.valid += utf8::whole_characters(unchecked).map_err(|error| Utf8Error {
            valid_up_to: self.valid - self.start + error.valid_up_to,
        })?;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.out.len() - self.start
    }

    pub(super) fn capacity(&self) -> usize {
        self.out.capacity()
    }

    /// What can be delivered now: if text, its whole characters.
    pub(super) fn deliverable(&self, text: bool) -> usize {
        (if text { self.valid } else { self.out.len() }) - self.start
    }

    /// Delivers the next `n` bytes: where they begin.
    pub(super) fn deliver(&mut self, n: usize) -> usize {
        let start = self.start;
        self.start += n;
        self.valid = self.valid.max(self.start);
        start
    }

    pub(super) fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.out.get(start..end).unwrap_or_default()
    }

    /// What was delivered has been seen.
    #[inline]
    pub(super) fn forget(&mut self, retained: usize) {
        if self.start > 0 && self.start == self.out.len() {
            self.clear(retained);
        }
    }

    /// The whole memory, if the message that was delivered last fills it.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let out = core::mem::take(&mut self.out);
        (self.start, self.valid) = (0, 0);
        out
    }

    /// Keeps at most so many bytes of memory.
    pub(super) fn clear(&mut self, retained: usize) {
        self.out.clear();
        (self.start, self.valid) = (0, 0);
        if self.out.capacity() > retained {
            self.out = Vec::new();
        }
    }
}
