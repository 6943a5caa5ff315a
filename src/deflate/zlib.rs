//! The two ends of a DEFLATE stream, on zlib-rs.
//!
//! zlib-rs is used directly, and not through flate2, for the one setting that flate2 hides: the
//! memory level.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use zlib_rs::{DeflateFlush, InflateFlush, Status};

use super::{AgreedDeflate, Corrupt, Direction, Inflated, PermessageDeflate, Stopped};
use crate::buffer::PIECE;
use crate::connection::Role;

/// What the end of a message lacks on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The tail, and an empty block of no compression, which leaves the window as it is, and may follow
/// the end of any message.
const ENDING: [u8; 9] = [0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF];

/// How many DEFLATE streams may end within one message, beside one for each KiB of it. Each costs
/// as much as inflating some KiB.
const MAX_STREAMS: usize = 16;

/// The reading end of the extension.
#[derive(Debug)]
pub(crate) struct Inflation {
    peer: Direction,
    /// The context, if it is taken over.
    own: Option<Box<Inflater>>,
    /// Whether a message is in progress.
    busy: bool,
}

impl Inflation {
    pub(crate) fn new(role: Role, agreed: &AgreedDeflate) -> Self {
        let peer = match role {
            Role::Client => agreed.server,
            Role::Server => agreed.client,
        };
        Self { peer, own: None, busy: false }
    }

    /// A message begins.
    pub(crate) fn begin(&mut self, shared: &mut Option<Box<Inflater>>) {
        self.busy = true;
        if self.peer.no_context_takeover {
            // The widest window serves all who share it.
            shared.get_or_insert_with(|| Box::new(Inflater::new(15))).restart();
        } else {
            // Raw DEFLATE of 8 window bits decodes with 9, and many who say 8 compress with 9.
            let bits = self.peer.max_window_bits.max(9);
            self.own.get_or_insert_with(|| Box::new(Inflater::new(bits))).begin_message();
        }
    }

    /// Decompresses `input` to the end of `out`, which then holds at most `limit` bytes. At the
    /// `end` of the message the tail follows the input.
    pub(crate) fn inflate(
        &mut self,
        shared: &mut Option<Box<Inflater>>,
        input: &[u8],
        end: bool,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Inflated, Corrupt> {
        let slot = if self.peer.no_context_takeover { shared } else { &mut self.own };
        let inflater = slot.as_mut().ok_or(Corrupt)?;
        let mut new = out.len();
        let inflated = inflater.inflate(input, end, out, limit, &mut new)?;
        inflater.remember(out.get(new..).unwrap_or_default());
        self.busy = inflated.stopped != Stopped::End;
        Ok(inflated)
    }

    /// Gives back all memory but for what the peer may still refer to. While a message is
    /// incomplete it does nothing.
    pub(crate) fn release(&mut self) {
        if let (Some(inflater), false) = (&mut self.own, self.busy) {
            (inflater.zlib, inflater.is_fresh) = (None, true);
            inflater.history.shrink_to_fit();
        }
    }
}

/// Decompresses messages.
pub(crate) struct Inflater {
    /// `None` where a stream begins: `history` suffices to go on.
    zlib: Option<zlib_rs::Inflate>,
    /// Whether zlib does not know the history.
    is_fresh: bool,
    bits: u8,
    /// The last bytes that came out, as many as the peer may refer to. zlib has them as well, but
    /// forgets them at the end of a DEFLATE stream, after which a peer may go on (§7.2.3.4).
    history: VecDeque<u8>,
    /// Of the message in progress: how many bytes were consumed, and how many streams ended.
    consumed: usize,
    streams: usize,
    /// Whether the stream in progress began in this message and has consumed nothing of it.
    unused: bool,
    /// Whether more may come out of what was consumed.
    pending: bool,
}

impl Inflater {
    fn new(bits: u8) -> Self {
        Self {
            zlib: None,
            is_fresh: true,
            bits,
            history: VecDeque::new(),
            consumed: 0,
            streams: 0,
            unused: false,
            pending: false,
        }
    }

    /// Begins a message that may refer to those before it.
    fn begin_message(&mut self) {
        (self.consumed, self.streams) = (0, 0);
        (self.unused, self.pending) = (false, false);
        // zlib-rs has a window of 32 KiB, whatever it is told. A smaller one that was agreed on
        // (RFC 7692 §7.1.2) is kept to from message to message.
        if self.bits < 15 {
            self.begin_stream();
        }
    }

    /// Begins a message that refers to none before it.
    fn restart(&mut self) {
        self.begin_message();
        self.history.clear();
        self.begin_stream();
    }

    /// Begins a DEFLATE stream that may refer to the history.
    fn begin_stream(&mut self) {
        self.is_fresh = true;
        if let Some(zlib) = &mut self.zlib {
            zlib.reset(false);
        }
    }

    /// `new` is where in `out` begins what is not in the history.
    fn inflate(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut Vec<u8>,
        limit: usize,
        new: &mut usize,
    ) -> Result<Inflated, Corrupt> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            if rest.is_empty() && !self.pending {
                if !end {
                    return Ok(Inflated { consumed, stopped: Stopped::NeedsInput });
                }
                self.finish()?;
                return Ok(Inflated { consumed, stopped: Stopped::End });
            }
            // Output comes in pieces that grow with the input, so that little is wasted on short
            // messages and little done at once on long ones.
            let piece = rest.len().saturating_mul(4).clamp(256, PIECE);
            let start = out.len();
            let most = start.saturating_add(piece).min(limit);
            if out.capacity() < most {
                out.reserve_exact(piece.max(start).min(limit - start));
            }
            out.resize(most, 0);
            let place = out.get_mut(start..).unwrap_or_default();
            let (status, taken, made) = self.run(rest, place, InflateFlush::NoFlush);
            // What came out before an error is kept: whether it is text is found out first.
            out.truncate(start + made);
            let status = status?;
            self.pending = start + made == most;
            consumed += taken;
            self.consumed = self.consumed.saturating_add(taken);
            self.unused &= taken == 0;
            if status == Status::StreamEnd {
                // §7.2.3.4: what follows may refer to what came before.
                self.remember(out.get(*new..).unwrap_or_default());
                *new = out.len();
                self.begin_stream();
                (self.unused, self.pending) = (true, false);
                self.streams += 1;
                if self.streams > MAX_STREAMS + self.consumed / 1024 {
                    return Err(Corrupt);
                }
            } else if self.pending && most == limit {
                return Ok(Inflated { consumed, stopped: Stopped::NeedsRoom });
            } else if taken + made == 0 && !rest.is_empty() {
                return Err(Corrupt);
            }
        }
    }

    /// How it went, how much was consumed, and how much came out.
    fn run(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        flush: InflateFlush,
    ) -> (Result<Status, Corrupt>, usize, usize) {
        let zlib = self.zlib.get_or_insert_with(|| zlib_rs::Inflate::new(false, self.bits));
        if core::mem::take(&mut self.is_fresh)
            && !self.history.is_empty()
            && zlib.set_dictionary(self.history.make_contiguous()).is_err()
        {
            return (Err(Corrupt), 0, 0);
        }
        let (input_before, output_before) = (zlib.total_in(), zlib.total_out());
        let status = zlib.decompress(input, out, flush).map_err(|_| Corrupt);
        (status, since(input_before, zlib.total_in()), since(output_before, zlib.total_out()))
    }

    /// The input has ended, and all that came of it is out.
    fn finish(&mut self) -> Result<(), Corrupt> {
        if self.unused {
            return Ok(()); // with the end of a stream, after which the tail has no place in another
        }
        // The tail must be the end of an empty block, where zlib stops although there is more.
        let (tail, block) = ENDING.split_at(TAIL.len());
        match self.run(&ENDING, &mut [0; 1], InflateFlush::Block) {
            (Ok(Status::Ok), taken, 0) if taken == tail.len() => {}
            _ => return Err(Corrupt),
        }
        // If it ended before the last bits of the tail, which are ones, they begin another block.
        match self.run(block, &mut [0; 1], InflateFlush::NoFlush) {
            (Ok(Status::Ok | Status::BufError), taken, 0) if taken == block.len() => {}
            // The empty block may be the last of its stream.
            (Ok(Status::StreamEnd), 0, 0) => self.begin_stream(),
            _ => return Err(Corrupt),
        }
        Ok(())
    }

    fn remember(&mut self, new: &[u8]) {
        let window = 1 << self.bits;
        let new = new.get(new.len().saturating_sub(window)..).unwrap_or_default();
        let excess = (self.history.len() + new.len()).saturating_sub(window);
        self.history.drain(..excess);
        let held = self.history.len();
        let least = held + new.len();
        if self.history.capacity() < least {
            self.history.reserve_exact(least.max(2 * held).min(window) - held);
        }
        self.history.extend(new);
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("bits", &self.bits).finish_non_exhaustive()
    }
}

/// The writing end of the extension.
#[derive(Debug)]
pub(crate) struct Deflation {
    settings: Settings,
    no_context_takeover: bool,
    min_size: usize,
    /// The context, if it is taken over, or while a message is being sent in parts.
    own: Option<Box<Deflater>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    window_bits: u8,
    level: u8,
    mem_level: u8,
}

impl Deflation {
    /// `None` where we must not use more than the 256 bytes of 8 window bits: zlib compresses with
    /// at least 512, so that messages go uncompressed then.
    pub(crate) fn new(
        role: Role,
        agreed: &AgreedDeflate,
        config: &PermessageDeflate,
    ) -> Option<Self> {
        let own = match role {
            Role::Client => agreed.client,
            Role::Server => agreed.server,
        };
        (own.max_window_bits >= 9).then_some(Self {
            settings: Settings {
                window_bits: own.max_window_bits,
                level: config.level,
                mem_level: config.mem_level,
            },
            no_context_takeover: own.no_context_takeover,
            min_size: config.min_size,
            own: None,
        })
    }

    /// Whether a message of this size is worth it.
    pub(crate) fn wants(&self, len: usize) -> bool {
        len >= self.min_size
    }

    /// Compresses a message, or a part of one, to the end of `out`.
    pub(crate) fn deflate(
        &mut self,
        shared: &mut Option<Box<Deflater>>,
        payload: &[u8],
        first: bool,
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let slot = match self.own.take() {
            None if self.no_context_takeover => shared.take(),
            own => own,
        };
        let mut deflater = slot
            .filter(|deflater| deflater.settings == self.settings)
            .unwrap_or_else(|| Box::new(Deflater::new(self.settings)));
        if first && self.no_context_takeover {
            deflater.zlib.reset();
        }
        deflater.deflate(payload, last, out)?;
        *(if self.no_context_takeover && last { shared } else { &mut self.own }) = Some(deflater);
        Ok(())
    }

    /// Gives back all memory. The next message refers to none before it. Between messages only.
    pub(crate) fn release(&mut self) {
        self.own = None;
    }
}

/// Compresses messages.
pub(crate) struct Deflater {
    zlib: zlib_rs::Deflate,
    settings: Settings,
}

impl Deflater {
    fn new(settings: Settings) -> Self {
        let zlib = zlib_rs::Deflate::new_with_config(zlib_rs::DeflateConfig {
            level: settings.level.into(),
            // Negative: without zlib's header.
            window_bits: -i32::from(settings.window_bits),
            mem_level: settings.mem_level.into(),
            ..zlib_rs::DeflateConfig::default()
        });
        Self { zlib, settings }
    }

    /// RFC 7692 §7.2.1.
    fn deflate(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let begin = out.len();
        let mut rest = payload;
        // zlib flushes nothing where nothing has come since the last flush.
        while !payload.is_empty() {
            // More than the 6 bytes below which zlib might repeat the flush marker.
            let piece = (rest.len() / 2).clamp(64, PIECE);
            let start = out.len();
            out.resize(start + piece, 0);
            let target = out.get_mut(start..).unwrap_or_default();
            let (input_before, output_before) = (self.zlib.total_in(), self.zlib.total_out());
            self.zlib.compress(rest, target, DeflateFlush::SyncFlush).map_err(|_| Corrupt)?;
            let made = since(output_before, self.zlib.total_out());
            rest = rest.get(since(input_before, self.zlib.total_in())..).unwrap_or_default();
            out.truncate(start + made);
            if made < piece {
                break;
            }
        }
        if last {
            match out.get(begin..).unwrap_or_default().strip_suffix(&TAIL) {
                Some(stripped) => {
                    let len = stripped.len();
                    out.truncate(begin + len);
                }
                // §7.2.3.6: nothing to flush becomes one empty block.
                None => out.push(0),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// How far one of zlib's counters has moved, which is no further than a slice is long.
#[allow(clippy::cast_possible_truncation)]
fn since(before: u64, now: u64) -> usize {
    (now - before) as usize
}

// zlib's states hold pointers, for which these are not derived. After a panic within zlib a context
// may have lost its place in the stream, which shows as an error or as other text, as it does after
// any corruption; it does nothing unsound.
impl UnwindSafe for Inflater {}
impl RefUnwindSafe for Inflater {}
impl UnwindSafe for Deflater {}
impl RefUnwindSafe for Deflater {}
