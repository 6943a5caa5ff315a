//! From messages to the transport.

mod frames;
mod replies;
mod transport;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use self::replies::Replies;
use super::{BufferConfig, PIECE, Retention};
use crate::deflate::Deflater;
use crate::mask::Mask;
use crate::masking_key::Keys;
use crate::payload::OwnedPayload;

/// When it is emptied the buffer keeps memory for so many payloads of their own.
const RETAINED_PAYLOADS: usize = 32;

/// Bytes on their way to the transport: whole frames, in the order in which they were sent.
///
/// The caller writes them ([`write_to`](Self::write_to), or [`as_slice`](Self::as_slice) and
/// [`consume`](Self::consume)) whenever the transport takes them. [`len`](Self::len) is what
/// browsers call `bufferedAmount`, headers included.
///
/// It is one queue of headers and short payloads, which are copied together, and of long payloads
/// that the application owned ([`Payload`](crate::Payload)), which stay where they are. A transport
/// with vectored writes takes all of it at once: [`slices`](Self::slices),
/// [`io_slices`](Self::io_slices). With the feature `bytes` it is a `bytes::Buf`.
///
/// **Memory.** `new` allocates nothing. What waits is limited by
/// [`Config::max_queued`](crate::Config::max_queued) and
/// [`Config::max_queued_replies`](crate::Config::max_queued_replies), and owned payloads are dropped
/// as soon as they have been written. Memory of the buffer's own
/// ([`capacity`](Self::capacity)) over 80 KiB is at most four times what waits in it, and is given
/// back when the buffer has been emptied. Only if it has been filled with more than 80 KiB twice in
/// a row, up to 4 MiB are kept for the next time, until less is sent. A [`BufferConfig`] sets both.
/// [`release`](Self::release) gives back all. While it is empty it may serve another connection.
pub struct SendBuf {
    config: BufferConfig,
    /// Headers, and payloads that were copied. `buf[sent..]` waits.
    ///
    /// INVARIANT: `sent <= buf.len()`, and no piece lies before `sent`.
    buf: Vec<u8>,
    sent: usize,
    /// What is written between them, in order. Only that of `announced` may have nothing left.
    pieces: VecDeque<Piece>,
    /// How many bytes wait in `pieces`.
    pieces_len: usize,
    announced: Option<Announced>,
    replies: Replies,
    retention: Retention,
    /// The context of connections that do not take theirs over.
    deflater: Option<Box<Deflater>>,
    /// Of the client that sent last.
    pub(crate) keys: Option<Box<Keys>>,
}

/// A payload that was not copied.
struct Piece {
    /// What stands in `buf` from here on comes behind it.
    at: usize,
    payload: OwnedPayload,
    sent: usize,
}

impl Piece {
    #[inline]
    fn rest(&self) -> &[u8] {
        self.payload.as_slice().get(self.sent..).unwrap_or_default()
    }
}

/// A payload that is made as it is sent.
#[derive(Clone, Copy)]
struct Announced {
    /// Which of the pieces holds what was made of it.
    index: usize,
    /// How many bytes the caller has still to give.
    remaining: u64,
    mask: Mask,
}

impl SendBuf {
    /// An empty buffer, without any memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_config(BufferConfig::new())
    }

    /// An empty buffer, without any memory yet, that keeps as much as `config` says.
    #[must_use]
    pub const fn with_config(config: BufferConfig) -> Self {
        Self {
            config,
            buf: Vec::new(),
            sent: 0,
            pieces: VecDeque::new(),
            pieces_len: 0,
            announced: None,
            replies: Replies::NEW,
            retention: Retention::NEW,
            deflater: None,
            keys: None,
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.buf.len() == self.sent && self.pieces.is_empty()
    }

    /// How many bytes wait to be written, what is missing of an announced payload included.
    #[must_use]
    #[inline]
    pub fn len(&self) -> u64 {
        self.buffered().saturating_add(self.payload_remaining())
    }

    /// How many bytes of it lie here.
    #[inline]
    pub(crate) fn buffered(&self) -> u64 {
        (self.buf.len() - self.sent) as u64 + self.pieces_len as u64
    }

    /// Throws away what it holds, as when its connection is gone.
    pub fn clear(&mut self) {
        self.pieces.clear();
        (self.pieces_len, self.announced) = (0, None);
        self.retention = Retention::NEW;
        self.rewind();
    }

    /// How many bytes of memory it holds, without owned payloads and a context of
    /// permessage-deflate.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Gives back all memory, if the buffer [is empty](Self::is_empty).
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::with_config(self.config);
        }
    }

    /// What to write next: as much as lies together. It is empty when nothing waits, or when the
    /// next bytes of an announced payload are [missing](Self::payload_remaining).
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self.pieces.front() {
            None => self.buf.get(self.sent..).unwrap_or_default(),
            Some(piece) if piece.at > self.sent => {
                self.buf.get(self.sent..piece.at).unwrap_or_default()
            }
            Some(piece) => piece.rest(),
        }
    }

    /// Says that the next `n` bytes were written: of [`as_slice`](Self::as_slice), and of what
    /// [`slices`](Self::slices) has behind it. More than can be written now counts as all of that.
    #[inline]
    pub fn consume(&mut self, n: usize) {
        if self.pieces.is_empty() {
            self.sent += n.min(self.buf.len() - self.sent);
        } else {
            self.consume_pieces(n);
        }
        if self.is_empty() {
            self.rewind();
        } else {
            self.replies.written(self.sent);
            self.shrink();
        }
    }

    fn consume_pieces(&mut self, mut n: usize) {
        loop {
            let end = self.pieces.front().map_or(self.buf.len(), |piece| piece.at);
            let before = n.min(end - self.sent);
            self.sent += before;
            n -= before;
            let Some(piece) = self.pieces.front_mut() else { return };
            if self.sent < piece.at {
                return;
            }
            let rest = piece.rest().len();
            let of_payload = n.min(rest);
            piece.sent += of_payload;
            self.pieces_len -= of_payload;
            n -= of_payload;
            if of_payload < rest || !self.drop_written() {
                return;
            }
        }
    }

    /// Drops the first piece if there is nothing left of it, and nothing to come: whether it was.
    fn drop_written(&mut self) -> bool {
        let is_announced = self.announced.is_some_and(|payload| payload.index == 0);
        if is_announced || self.pieces.front().is_none_or(|piece| !piece.rest().is_empty()) {
            return false;
        }
        self.pieces.pop_front();
        if let Some(payload) = &mut self.announced {
            payload.index -= 1;
        }
        true
    }

    /// How many bytes of a payload announced with
    /// [`send_header`](crate::Connection::send_header) the caller has still to give to
    /// [`extend_payload`](Self::extend_payload).
    #[must_use]
    #[inline]
    pub fn payload_remaining(&self) -> u64 {
        self.announced.map_or(0, |payload| payload.remaining)
    }

    /// Takes the next bytes of the announced payload in here, masked if we are a client: how many,
    /// as there are never more than 16 KiB of it here at once, and none while more than 8 KiB of it
    /// wait.
    ///
    /// ```
    /// use websans::{Config, Connection, Message, SendBuf};
    ///
    /// let (mut ws, mut tx) = (Connection::client(Config::default()), SendBuf::new());
    /// ws.send_header(Message::text(""), 10, &mut tx)?;
    /// assert_eq!(tx.extend_payload(b"made "), 5);
    /// // … write what `tx` holds, make some more of the message …
    /// assert_eq!(tx.extend_payload(b"later"), 5);
    /// assert_eq!(tx.payload_remaining(), 0);
    /// # Ok::<(), websans::SendError>(())
    /// ```
    pub fn extend_payload(&mut self, payload: &[u8]) -> usize {
        let Some(announced) = &mut self.announced else { return 0 };
        let Some(piece) = self.pieces.get_mut(announced.index) else { return 0 };
        let OwnedPayload::Vec(made) = &mut piece.payload else { return 0 };
        let room = PIECE.saturating_sub(made.len() - piece.sent);
        if room < PIECE / 2 {
            return 0;
        }
        let n = room.min(payload.len());
        let n = n.min(usize::try_from(announced.remaining).unwrap_or(usize::MAX));
        // No more is moved than was written since the last time.
        if made.len() + n > PIECE {
            made.drain(..piece.sent);
            piece.sent = 0;
        }
        made.reserve(n);
        announced.mask.append(payload.get(..n).unwrap_or_default(), made);
        announced.mask.advance(n);
        announced.remaining -= n as u64;
        self.pieces_len += n;
        if announced.remaining == 0 {
            self.announced = None;
        }
        n
    }

    #[inline]
    fn reserve(&mut self, n: usize) {
        if self.buf.capacity() - self.buf.len() < n {
            self.make_room(n);
        }
    }

    /// Moves what waits to the front. That has cost no more than what was sent since the last time,
    /// or else memory is at least doubled.
    #[cold]
    fn make_room(&mut self, n: usize) {
        let waiting = self.buf.len() - self.sent;
        let cheap = self.sent >= waiting;
        self.remove_written();
        if self.buf.capacity() > self.config.retained
            && self.buf.capacity() / 4 > waiting.saturating_add(n)
        {
            // As much as this has been sent while never much of it waited.
            self.retention = Retention::NEW;
            self.buf.shrink_to(self.config.retained.max(2 * waiting));
        }
        if !cheap || self.buf.capacity() - waiting < n {
            // At first not beyond what an empty buffer keeps, if that will do.
            let until_kept = self.config.retained.saturating_sub(waiting);
            let is_below = self.buf.capacity() < self.config.retained;
            self.buf.reserve_exact(n.max(if is_below { waiting.min(until_kept) } else { waiting }));
        }
    }

    fn remove_written(&mut self) {
        self.buf.drain(..self.sent);
        for piece in &mut self.pieces {
            piece.at -= self.sent;
        }
        self.replies.removed(self.sent);
        self.sent = 0;
    }

    /// Gives back memory that is large beside what waits, unless it is kept for the next time.
    #[inline]
    fn shrink(&mut self) {
        let waiting = self.buf.len() - self.sent;
        if self.buf.capacity() > self.config.retained
            && self.buf.capacity() / 4 > waiting
            && !self.retention.keeps(self.buf.capacity(), &self.config)
        {
            self.retention.is_large = true;
            self.remove_written();
            self.buf.shrink_to(self.config.retained.max(2 * waiting));
        }
    }

    fn rewind(&mut self) {
        let used = self.buf.len();
        self.buf.clear();
        if self.retention.gives_back(self.buf.capacity(), used, &self.config) {
            self.buf = Vec::new();
        }
        self.sent = 0;
        if self.pieces.capacity() > RETAINED_PAYLOADS {
            self.pieces = VecDeque::new();
        }
        self.replies.clear();
    }
}

impl Default for SendBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SendBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBuf")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
