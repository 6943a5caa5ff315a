//! The two ends of a DEFLATE stream, on zlib-rs.
//!
//! zlib-rs is used directly, and not through flate2, for the one setting that flate2 hides: the
//! memory level.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{DeflateFlush, InflateFlush, Status};

use super::{AgreedDeflate, Corrupt, Direction, Inflated, PermessageDeflate, Stopped};
use crate::buffer::PIECE;
use crate::connection::Role;

/// What the end of a message lacks on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The reading end of the extension.
#[derive(Debug)]
pub(crate) struct Inflation {
    peer: Direction,
    /// The context, if it is taken over.
    own: Option<Box<Inflater>>,
}

impl Inflation {
    pub(crate) fn new(role: Role, agreed: &AgreedDeflate) -> Self {
        let peer = match role {
            Role::Client => agreed.server,
            Role::Server => agreed.client,
        };
        Self { peer, own: None }
    }

    /// A message begins.
    pub(crate) fn begin(&mut self, shared: &mut Option<Box<Inflater>>) {
        // Raw DEFLATE of 8 window bits decodes with 9, and many who say 8 compress with 9.
        let bits = self.peer.max_window_bits.max(9);
        let slot = if self.peer.no_context_takeover { shared } else { &mut self.own };
        match slot {
            Some(inflater) if inflater.bits == bits => {}
            _ => *slot = Some(Box::new(Inflater::new(bits))),
        }
        if let (true, Some(inflater)) = (self.peer.no_context_takeover, slot) {
            inflater.history.clear();
            inflater.restart();
        }
    }

    /// Decompresses `input` to the end of `out`, at most `room` bytes of it. At the `end` of the
    /// message the tail follows the input.
    pub(crate) fn inflate(
        &mut self,
        shared: &mut Option<Box<Inflater>>,
        input: &[u8],
        end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<Inflated, Corrupt> {
        let slot = if self.peer.no_context_takeover { shared } else { &mut self.own };
        let inflater = slot.as_mut().ok_or(Corrupt)?;
        let mut new = out.len();
        let limit = new.saturating_add(room);
        let inflated = inflater.inflate(input, end, out, limit, &mut new)?;
        inflater.remember(out.get(new..).unwrap_or_default());
        Ok(inflated)
    }

    /// Gives back all memory but for what the peer may still refer to. Between messages only.
    pub(crate) fn release(&mut self) {
        if let Some(inflater) = &mut self.own {
            inflater.zlib = None;
            inflater.history.shrink_to_fit();
        }
    }
}

/// Decompresses messages.
pub(crate) struct Inflater {
    /// `None` while its memory is released; `history` suffices to go on.
    zlib: Option<zlib_rs::Inflate>,
    bits: u8,
    /// The last bytes that came out, as many as the peer may refer to. zlib has them as well, but
    /// forgets them at the end of a DEFLATE stream, after which a peer may go on (§7.2.3.4).
    history: VecDeque<u8>,
    /// How much of the tail has been consumed.
    tail: usize,
}

impl Inflater {
    fn new(bits: u8) -> Self {
        Self { zlib: None, bits, history: VecDeque::new(), tail: 0 }
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
            let in_tail = rest.is_empty() && end;
            let rest = if in_tail { TAIL.get(self.tail..).unwrap_or_default() } else { rest };
            // Output comes in pieces that grow with the input, so that little is wasted on short
            // messages and little done at once on long ones.
            let piece = rest.len().saturating_mul(4).clamp(256, PIECE);
            let start = out.len();
            out.resize(start.saturating_add(piece).min(limit), 0);
            let (status, taken, made) = self.run(rest, out.get_mut(start..).unwrap_or_default())?;
            let full = start + made == out.len();
            out.truncate(start + made);
            if in_tail {
                self.tail += taken;
            } else {
                consumed += taken;
            }
            let stopped = if status == Status::StreamEnd {
                // §7.2.3.4: what follows may refer to what came before.
                self.remember(out.get(*new..).unwrap_or_default());
                *new = out.len();
                self.begin_stream();
                continue;
            } else if full && out.len() == limit {
                Stopped::NeedsRoom
            } else if !full && taken == rest.len() && in_tail {
                self.tail = 0;
                Stopped::End
            } else if !full && taken == rest.len() && !end {
                Stopped::NeedsInput
            } else if taken + made == 0 && !rest.is_empty() {
                return Err(Corrupt);
            } else {
                continue;
            };
            return Ok(Inflated { consumed, stopped });
        }
    }

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<(Status, usize, usize), Corrupt> {
        let bits = self.bits;
        let zlib = self.zlib.get_or_insert_with(|| zlib_rs::Inflate::new(false, bits));
        let (input_before, output_before) = (zlib.total_in(), zlib.total_out());
        if input_before == 0 && !self.history.is_empty() {
            zlib.set_dictionary(self.history.make_contiguous()).map_err(|_| Corrupt)?;
        }
        let status = zlib.decompress(input, out, InflateFlush::NoFlush).map_err(|_| Corrupt)?;
        Ok((status, since(input_before, zlib.total_in()), since(output_before, zlib.total_out())))
    }

    /// Begins a message that refers to none before it.
    fn restart(&mut self) {
        self.tail = 0;
        self.begin_stream();
    }

    /// Begins a DEFLATE stream.
    fn begin_stream(&mut self) {
        // zlib-rs resets to a window of 15 bits.
        match &mut self.zlib {
            Some(zlib) if self.bits == 15 => zlib.reset(false),
            slot => *slot = None,
        }
    }

    fn remember(&mut self, new: &[u8]) {
        let window = 1 << self.bits;
        let new = new.get(new.len().saturating_sub(window)..).unwrap_or_default();
        let excess = (self.history.len() + new.len()).saturating_sub(window);
        self.history.drain(..excess);
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
