//! From messages to the transport.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{PIECE, RETAINED, Retention};
use crate::deflate::{Corrupt, Deflater, Deflation};
use crate::frame::{EncodedHeader, FrameHeader, MAX_HEADER_LEN};
use crate::mask::Mask;

/// Bytes on their way to the transport: whole frames, in the order in which they were sent.
///
/// The caller writes them ([`write_to`](Self::write_to), or [`as_slice`](Self::as_slice) and
/// [`consume`](Self::consume)) whenever the transport takes them. [`len`](Self::len) is what
/// browsers call `bufferedAmount`, headers included.
///
/// **Memory.** `new` allocates nothing, and never more than twice what waits. That is limited by
/// [`Config::max_queued`](crate::Config::max_queued) and
/// [`Config::max_queued_replies`](crate::Config::max_queued_replies). When it has been emptied,
/// memory over 80 KiB is given back. Only if it has been filled with more than that twice in a row, up
/// to 4 MiB are kept for the next time, until less is sent. [`release`](Self::release) gives back
/// all. While it is empty it may serve another connection.
#[derive(Default)]
pub struct SendBuf {
    /// INVARIANT: `sent <= announced_at (if any) <= buf.len()`
    buf: Vec<u8>,
    sent: usize,
    announced: Option<Announced>,
    replies: Replies,
    retention: Retention,
    /// The context of connections that do not take theirs over.
    deflater: Option<Box<Deflater>>,
}

/// A payload that comes from elsewhere.
#[derive(Clone, Copy)]
struct Announced {
    /// What stands in the buffer from here on comes after it.
    at: usize,
    remaining: u64,
    /// Of a client, whose payload has to pass through the buffer.
    mask: Option<Mask>,
}

/// How many bytes of pongs wait: counted up as they are queued, and down when everything that was
/// queued at some moment has been sent. That is at least as many as do wait.
#[derive(Clone, Copy, Default)]
struct Replies {
    /// Of those queued before the mark, and after.
    before: usize,
    after: usize,
    /// A place in the buffer.
    mark: usize,
}

impl SendBuf {
    /// An empty buffer, without any memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buf: Vec::new(),
            sent: 0,
            announced: None,
            replies: Replies { before: 0, after: 0, mark: 0 },
            retention: Retention::NEW,
            deflater: None,
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes wait to be written, a payload that was only announced included.
    #[must_use]
    #[inline]
    pub fn len(&self) -> u64 {
        self.buffered().saturating_add(self.payload_remaining())
    }

    /// How many bytes of it lie here.
    #[inline]
    pub(crate) fn buffered(&self) -> u64 {
        (self.buf.len() - self.sent) as u64
    }

    /// Throws away what it holds, as when its connection is gone.
    pub fn clear(&mut self) {
        self.announced = None;
        self.retention = Retention::NEW;
        self.rewind();
    }

    /// How many bytes of memory it holds, without a context of permessage-deflate.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Gives back all memory, if the buffer [is empty](Self::is_empty).
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }

    /// What to write next; if a payload was announced, only what comes before it.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        let end = self.announced.map_or(self.buf.len(), |payload| payload.at);
        self.buf.get(self.sent..end).unwrap_or_default()
    }

    /// Says that the first `n` bytes of [`as_slice`](Self::as_slice) were written. More than it
    /// has counts as all.
    #[inline]
    pub fn consume(&mut self, n: usize) {
        self.sent += n.min(self.as_slice().len());
        if self.sent == self.buf.len() && self.announced.is_none() {
            self.rewind();
        } else if self.sent >= self.replies.mark {
            self.replies.before = core::mem::take(&mut self.replies.after);
            self.replies.mark = self.buf.len();
        }
    }

    /// How many bytes of a payload announced with
    /// [`send_header`](crate::Connection::send_header) the caller has still to give: to
    /// [`write_with_payload`](Self::write_with_payload) or
    /// [`extend_payload`](Self::extend_payload), or, a server, to the transport itself once
    /// [`as_slice`](Self::as_slice) is empty.
    #[must_use]
    #[inline]
    pub fn payload_remaining(&self) -> u64 {
        self.announced.map_or(0, |payload| payload.remaining)
    }

    /// Takes the next bytes of the announced payload in here, masked if we are a client: how many,
    /// as there are never more than 16 KiB of it here at once, and none while more than 8 KiB wait.
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
        // What was sent since is moved each time, so pieces must not be tiny.
        let room = PIECE.saturating_sub(self.as_slice().len());
        if room < PIECE / 2 {
            return 0;
        }
        let room = room.min(payload.len());
        if self.announced.is_some() {
            self.reserve(room);
        }
        let Some(announced) = &mut self.announced else { return 0 };
        let n = room.min(usize::try_from(announced.remaining).unwrap_or(usize::MAX));
        let piece = payload.get(..n).unwrap_or_default();
        match &mut announced.mask {
            None => self.buf.extend_from_slice(piece),
            Some(mask) => {
                mask.append(piece, &mut self.buf);
                mask.advance(n);
            }
        }
        // Before what was sent since the announcement.
        self.buf.get_mut(announced.at..).unwrap_or_default().rotate_right(n);
        if self.replies.mark > announced.at {
            self.replies.mark += n;
        }
        announced.at += n;
        announced.remaining -= n as u64;
        if announced.remaining == 0 {
            self.announced = None;
        }
        n
    }

    /// Says that the next `n` bytes of the announced payload were written. More than there are
    /// counts as all; none while [`as_slice`](Self::as_slice) has bytes that go before, and none
    /// for a client, whose payload has to be masked here.
    pub fn consume_payload(&mut self, n: usize) {
        if !self.as_slice().is_empty() {
            return;
        }
        if let Some(payload @ Announced { mask: None, .. }) = &mut self.announced {
            payload.remaining = payload.remaining.saturating_sub(n as u64);
            if payload.remaining == 0 {
                self.announced = None;
                self.consume(0);
            }
        }
    }

    /// Writes all that waits, up to a payload that was announced: how many bytes that was.
    ///
    /// Errors are the transport's; `Interrupted` is tried again, and what was written before an
    /// error (`WouldBlock`, say) is gone from the buffer.
    #[cfg(feature = "std")]
    pub fn write_to(
        &mut self,
        transport: &mut (impl std::io::Write + ?Sized),
    ) -> std::io::Result<usize> {
        let mut written = 0;
        while !self.as_slice().is_empty() {
            let n = write_some(|| transport.write(self.as_slice()))?;
            self.consume(n);
            written += n;
        }
        Ok(written)
    }

    /// Writes what waits before the announced payload together with `payload`, its next bytes:
    /// how many bytes of `payload` are done with. Bytes beyond what was announced are not written.
    ///
    /// A server's go out in one vectored write from where they lie. A client's are masked here, at
    /// most 16 KiB at once, and what the transport does not take of that goes out with the next
    /// write. 0 is no error and no end: as with an empty `payload`, where nothing waits.
    ///
    /// Errors: as for [`write_to`](Self::write_to), when nothing of `payload` was done with.
    ///
    /// ```
    /// use websans::{Config, Connection, Message, SendBuf};
    ///
    /// let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
    /// let movie = vec![7; 1 << 20];
    /// let mut socket = Vec::new();
    /// ws.send_header(Message::binary(&movie), movie.len() as u64, &mut tx)?;
    /// let mut rest = &movie[..];
    /// while tx.payload_remaining() > 0 {
    ///     let written = tx.write_with_payload(&mut socket, rest)?;
    ///     rest = &rest[written..];
    /// }
    /// assert_eq!(socket[10..], movie);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn write_with_payload(
        &mut self,
        transport: &mut (impl std::io::Write + ?Sized),
        payload: &[u8],
    ) -> std::io::Result<usize> {
        if self.announced.is_some_and(|payload| payload.mask.is_some()) {
            let taken = self.extend_payload(payload);
            if self.as_slice().is_empty() {
                return Ok(taken);
            }
            return match write_some(|| transport.write(self.as_slice())) {
                Ok(n) => {
                    self.consume(n);
                    Ok(taken)
                }
                // It comes again with the next write.
                Err(_) if taken > 0 => Ok(taken),
                Err(error) => Err(error),
            };
        }
        let most = usize::try_from(self.payload_remaining()).unwrap_or(usize::MAX);
        let payload = payload.get(..most).unwrap_or(payload);
        let before = self.as_slice();
        if before.is_empty() && payload.is_empty() {
            return Ok(0);
        }
        let slices = [std::io::IoSlice::new(before), std::io::IoSlice::new(payload)];
        let n = write_some(|| transport.write_vectored(&slices))?;
        let of_payload = n.saturating_sub(before.len());
        self.consume(n - of_payload);
        self.consume_payload(of_payload);
        Ok(of_payload)
    }
}

#[cfg(feature = "std")]
fn write_some(mut write: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match write() {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl SendBuf {
    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.buf.extend_from_slice(bytes);
    }

    /// Appends a frame: one reservation, one pass over the payload.
    #[inline]
    pub(crate) fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.reserve(EncodedHeader::PADDED_LEN + payload.len());
        let encoded = header.encode();
        let begin = self.buf.len() + encoded.len();
        self.buf.extend_from_slice(encoded.padded());
        self.buf.truncate(begin);
        match header.masking_key() {
            None => self.buf.extend_from_slice(payload),
            Some(key) => Mask::new(key).append(payload, &mut self.buf),
        }
    }

    /// Appends a frame whose payload is `payload` compressed: the header's length is not known
    /// before, so the longest is left room for, and what is there moved up.
    pub(crate) fn push_compressed(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        first: bool,
        deflation: &mut Deflation,
    ) -> Result<(), Corrupt> {
        self.reserve(MAX_HEADER_LEN + payload.len() / 2);
        let at = self.buf.len();
        self.buf.resize(at + MAX_HEADER_LEN, 0);
        let result =
            deflation.deflate(&mut self.deflater, payload, first, header.fin(), &mut self.buf);
        if result.is_err() {
            self.buf.truncate(at);
            return result;
        }
        let begin = at + MAX_HEADER_LEN;
        let header = header.with_rsv1(first).with_payload_len((self.buf.len() - begin) as u64);
        let encoded = header.encode();
        let place = self.buf.get_mut(at..).unwrap_or_default();
        for (to, from) in place.iter_mut().zip(encoded.iter()) {
            *to = *from;
        }
        self.buf.copy_within(begin.., at + encoded.len());
        self.buf.truncate(self.buf.len() - (MAX_HEADER_LEN - encoded.len()));
        if let Some(key) = header.masking_key() {
            Mask::new(key).apply(self.buf.get_mut(at + encoded.len()..).unwrap_or_default());
        }
        Ok(())
    }

    /// Appends a header whose payload comes from elsewhere.
    pub(crate) fn push_header(&mut self, header: &FrameHeader) {
        self.push(&header.encode());
        let (at, remaining) = (self.buf.len(), header.payload_len());
        let mask = header.masking_key().map(Mask::new);
        self.announced = (remaining > 0).then_some(Announced { at, remaining, mask });
    }

    /// Appends a pong, unless that makes more than `limit` bytes of pongs wait.
    pub(crate) fn queue_reply(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        limit: usize,
    ) -> bool {
        let len = header.encode().len() + payload.len();
        if self.replies.before.saturating_add(self.replies.after).saturating_add(len) > limit {
            return false;
        }
        self.push_frame(header, payload);
        self.replies.after += len;
        true
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
        self.buf.drain(..self.sent);
        if let Some(payload) = &mut self.announced {
            payload.at -= self.sent;
        }
        self.replies.mark = self.replies.mark.saturating_sub(self.sent);
        self.sent = 0;
        if !cheap || self.buf.capacity() - waiting < n {
            // At first not beyond what an empty buffer keeps, if that will do.
            let until_kept = RETAINED.saturating_sub(waiting);
            let is_below = self.buf.capacity() < RETAINED;
            self.buf.reserve_exact(n.max(if is_below { waiting.min(until_kept) } else { waiting }));
        }
    }

    fn rewind(&mut self) {
        let used = self.buf.len();
        self.buf.clear();
        if self.retention.gives_back(self.buf.capacity(), used) {
            self.buf = Vec::new();
        }
        (self.sent, self.replies) = (0, Replies::default());
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
