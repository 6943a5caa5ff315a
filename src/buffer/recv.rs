//! From the transport to events.

mod decode;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::inflated::Inflating;
use super::{BufferConfig, Retention};
use crate::frame::MAX_HEADER_LEN;
use crate::message::Incoming;
use crate::utf8;

/// How much room a read is offered at least, so that what is half there need not be moved.
const LEAST_READ: usize = 4 << 10;

/// How much room a read is offered at least, when a large payload is on its way.
const MAX_READ: usize = 64 << 10;

/// How many times what has arrived may be reserved for what was announced.
const AHEAD: usize = 8;

/// Beyond this not more is reserved for what was announced than has arrived.
const MAX_AHEAD: usize = 1 << 20;

/// From this length on, handing a message over is cheaper than copying it.
const HAND_OVER: usize = 16 << 10;

/// Bytes from the transport on their way to becoming events.
///
/// The transport writes into it ([`read_from`](Self::read_from), or [`spare_mut`](Self::spare_mut)
/// and [`advance`](Self::advance), or [`extend`](Self::extend)), and
/// [`next_event`](crate::Connection::next_event) lends messages out of it: unmasked where they
/// lie, and joined there when they come in fragments.
///
/// It also holds how far decoding has come. While it [is empty](Self::is_empty) one buffer can
/// serve any number of connections in turn; keep it with its connection otherwise. A connection
/// that is handed the buffer of another goes on with the other's message; where that is compressed
/// and permessage-deflate takes its context over, what it refers to is missing, and the message is
/// an error or another text.
///
/// **Memory.** `new` allocates nothing. It grows with what arrives: over 80 KiB at most 8 times that
/// is reserved ahead, over 1 MiB as much again, and never more than the message limit and 128 KiB.
/// When it has been emptied, memory over 80 KiB is given back. Only if it has been filled with more
/// than that twice in a row, up to 4 MiB are kept for the next large message, until less comes in its
/// place. A [`BufferConfig`] sets both. [`release`](Self::release) gives back all.
pub struct RecvBuf {
    config: BufferConfig,
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
    /// How much of that is unmasked already, for it is being decompressed.
    plain: usize,
    /// How much room `spare_mut` has offered.
    offered: usize,
    inflating: Inflating,
    retention: Retention,
    /// What the last event lent.
    lent: Lent,
    pub(crate) incoming: Incoming,
}

/// A range that is lent out.
#[derive(Clone, Copy)]
pub(crate) struct Lent {
    start: usize,
    end: usize,
    of: Memory,
}

/// Where a range lies, and whether it was found to be UTF-8. It is as wide as what stands beside
/// it: with padding, which is copied bytewise, small messages took a third longer.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Memory {
    Received,
    ReceivedText,
    Inflated,
    InflatedText,
}

impl Memory {
    #[inline]
    fn is_inflated(self) -> bool {
        matches!(self, Self::Inflated | Self::InflatedText)
    }

    fn is_text(self) -> bool {
        matches!(self, Self::ReceivedText | Self::InflatedText)
    }
}

impl Lent {
    const NONE: Self = Self { start: 0, end: 0, of: Memory::Received };
}

impl RecvBuf {
    /// An empty buffer, without any memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_config(BufferConfig::new())
    }

    /// An empty buffer, without any memory yet, that takes and keeps as much as `config` says.
    #[must_use]
    pub const fn with_config(config: BufferConfig) -> Self {
        Self {
            config,
            buf: Vec::new(),
            start: 0,
            joined: 0,
            valid: 0,
            head: 0,
            filled: 0,
            plain: 0,
            offered: 0,
            inflating: Inflating::NEW,
            retention: Retention::NEW,
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

    /// How many bytes of memory it holds, without a context of permessage-deflate.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity() + self.inflating.capacity()
    }

    /// Gives back all memory, if the buffer [is empty](Self::is_empty).
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::with_config(self.config);
        }
    }

    /// Throws away what it holds, as when its connection is gone in the middle of a message.
    pub fn clear(&mut self) {
        self.discard();
    }

    /// Appends bytes that were read elsewhere.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len(), bytes.len());
        self.offered = 0;
        self.buf.truncate(self.filled);
        self.buf.extend_from_slice(bytes);
        self.filled = self.buf.len();
    }

    /// Room for the transport to read into, 4–64 KiB, or as [`BufferConfig::read_size`] says;
    /// [`advance`](Self::advance) says how much of it was used.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        let wanted = self.incoming.wanted();
        // The rest of a large message and not more, so that the next one begins in an empty buffer,
        // and half of it need not be moved.
        let read = self.config.read_size;
        let beyond = if wanted >= LEAST_READ && self.incoming.fin() { 0 } else { read };
        self.make_room(wanted.clamp(LEAST_READ, read), beyond);
        let room = wanted.saturating_add(beyond).min(read.max(MAX_READ)).min(self.free());
        if self.buf.len() - self.filled < room {
            self.buf.resize(self.filled + room, 0);
        }
        self.offered = room;
        self.buf.get_mut(self.filled..self.filled + room).unwrap_or_default()
    }

    /// Says that the first `n` bytes of what [`spare_mut`](Self::spare_mut) returned were filled.
    /// More than it had counts as all, and a second time as none.
    pub fn advance(&mut self, n: usize) {
        self.lent = Lent::NONE;
        self.filled += n.min(self.offered);
        self.offered = 0;
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
    /// A message that fills most of its memory, from 16 KiB on, is handed over with that memory;
    /// others are copied, so that a message that is kept never pins more than twice its size.
    /// Empty when the buffer or the connection has been used since that event.
    pub fn take_binary(&mut self) -> Vec<u8> {
        let Lent { start, end, of } = core::mem::replace(&mut self.lent, Lent::NONE);
        let len = end - start;
        if of.is_inflated() {
            let bytes = self.inflating.bytes(start, end);
            if start > 0 || len < HAND_OVER || self.inflating.len() > 0 {
                return bytes.to_vec();
            }
            let mut message = self.inflating.take();
            message.shrink_to(len + len / 2);
            return message;
        }
        let worth_it = len >= HAND_OVER && len >= self.buf.capacity() / 2;
        if !worth_it || self.joined > self.start {
            return self.buf.get(start..end).unwrap_or_default().to_vec();
        }
        let rest = self.buf.get(self.head..self.filled).unwrap_or_default().to_vec();
        let mut message = core::mem::replace(&mut self.buf, rest);
        message.truncate(end);
        message.drain(..start); // nothing, where the buffer had to grow for the message
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

    /// [`take_binary`](Self::take_binary) as text. That of a text message is not validated again;
    /// what is not UTF-8 is empty.
    pub fn take_text(&mut self) -> String {
        let is_text = self.lent.of.is_text();
        let bytes = self.take_binary();
        if is_text {
            utf8::checked_string(bytes)
        } else {
            String::from_utf8(bytes).unwrap_or_default()
        }
    }

    /// [`take_text`](Self::take_text) as [`ByteString`](bytestring::ByteString), which can be
    /// cloned and cut without a copy.
    #[cfg(feature = "bytes")]
    pub fn take_byte_string(&mut self) -> bytestring::ByteString {
        self.take_text().into()
    }

    /// The bytes that were received and of which nothing has been decoded.
    #[must_use]
    #[inline]
    pub fn unread(&self) -> &[u8] {
        self.buf.get(self.head..self.filled).unwrap_or_else(|| decode::nothing())
    }

    /// Takes [`unread`](Self::unread) out: for what follows on the same transport and is not of
    /// this connection, such as the bytes behind a handshake that was refused, or behind the peer's
    /// close frame.
    ///
    /// After a close frame take them before [`next_event`](crate::Connection::next_event) is called
    /// again, which ignores what follows it (RFC 6455 §1.4). While a message is incomplete the rest
    /// of it may be among them.
    ///
    /// ```
    /// use websans::{Config, Connection, Event, RecvBuf, SendBuf};
    ///
    /// let (mut ws, mut rx, mut tx) =
    ///     (Connection::client(Config::default()), RecvBuf::new(), SendBuf::new());
    /// rx.extend(b"\x88\x00another protocol");
    /// assert!(matches!(ws.next_event(&mut rx, &mut tx)?, Some(Event::Close(_))));
    /// assert_eq!(rx.take_unread(), b"another protocol");
    /// # Ok::<(), websans::Error>(())
    /// ```
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.lent = Lent::NONE;
        let unread = self.unread().to_vec();
        (self.filled, self.plain, self.offered) = (self.head, 0, 0);
        unread
    }

    /// Makes room for `least` more bytes; if that takes moving or growing, for `n`, and for what is
    /// announced as far as that is wise.
    fn make_room(&mut self, least: usize, n: usize) {
        self.lent = Lent::NONE;
        let (held, used) = (self.held(), self.filled);
        if held == 0 {
            self.rewind();
        }
        let most = held.saturating_mul(AHEAD).min(held.max(MAX_AHEAD));
        let wanted = self.incoming.wanted();
        let room = n.saturating_add(wanted.min(most)).max(least);
        let capacity = self.buf.capacity();
        // What has begun after a large message may become another.
        let may_be_large = self.retention.was_large && !self.incoming.is_none();
        if capacity / 4 > held.saturating_add(wanted)
            && (capacity > self.config.retained_for_large
                || !may_be_large && self.retention.gives_back(capacity, used, &self.config))
        {
            self.close_gaps();
            self.reallocate(room);
        }
        if self.free() >= least {
            return;
        }
        let wasted = self.filled - held;
        let to_move = if self.start > 0 { held } else { self.filled - self.head };
        self.close_gaps();
        // Moving has cost no more than what was consumed since the last time, or else memory is at
        // least doubled: either way the cost is linear in what arrives. Within a message not more
        // is reserved than that may still bring.
        if wasted < to_move || self.free() < room {
            let double = if self.incoming.is_none() {
                held
            } else {
                held.min(self.incoming.allowance().saturating_add(self.config.read_size))
            };
            // What has to grow at all grows to what an empty buffer may keep: the more room, the
            // fewer moves of what is half there.
            let kept = if self.buf.capacity() == 0 {
                0
            } else {
                self.config.retained.saturating_sub(held)
            };
            // And a header, so that the next message of this length fits, too.
            let more = room.max(double).saturating_add(MAX_HEADER_LEN).max(kept);
            self.buf.truncate(self.filled);
            if self.buf.try_reserve_exact(more).is_err() {
                self.buf.reserve_exact(least);
            }
        }
    }

    fn free(&self) -> usize {
        self.buf.capacity() - self.filled
    }

    /// A large message has gone, and a little has come behind it.
    #[cold]
    fn reallocate(&mut self, room: usize) {
        let mut small = Vec::with_capacity(self.filled + room);
        small.extend_from_slice(self.buf.get(..self.filled).unwrap_or_default());
        self.buf = small;
    }

    fn rewind(&mut self) {
        (self.start, self.valid, self.joined, self.head, self.filled) = (0, 0, 0, 0, 0);
        (self.plain, self.offered) = (0, 0);
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
