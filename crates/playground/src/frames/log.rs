//! What is kept of frames until the page gets it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use websans::frame::FrameHeader;

/// How much of a payload or a message is shown, in bytes.
const EXCERPT: usize = 120;

/// How many entries wait for the page. The older ones are left out when there are more.
const ENTRIES: usize = 256;

/// The entries of all connections of one page.
#[derive(Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    left_out: u64,
    connections: u32,
}

/// A row of the frame view: a frame, or another event in the life of a connection.
pub(super) struct Entry {
    pub(super) connection: u32,
    pub(super) path: &'static str,
    /// Since the connection was opened.
    pub(super) at: Duration,
    pub(super) frame: Option<(Direction, Frame)>,
    pub(super) message: Option<Excerpt>,
    pub(super) verdict: String,
    pub(super) state: String,
}

#[derive(Clone, Copy)]
pub(super) enum Direction {
    Received,
    Sent,
}

/// A frame, of which a part may be missing.
pub(super) struct Frame {
    /// When its header was there, since the connection was opened.
    pub(super) at: Duration,
    pub(super) header: FrameHeader,
    payload: Excerpt,
}

/// The beginning of some bytes, and how many there are.
#[derive(Default)]
pub(crate) struct Excerpt {
    bytes: Vec<u8>,
    len: u64,
}

impl Log {
    /// A number for a connection, which this log has not given to another.
    pub(super) fn name_connection(&mut self) -> u32 {
        self.connections += 1;
        self.connections
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= ENTRIES {
            self.entries.pop_front();
            self.left_out += 1;
        }
        self.entries.push_back(entry);
    }

    /// So many frames cannot be shown.
    pub(super) fn leave_out(&mut self, frames: u64) {
        self.left_out += frames;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.left_out == 0
    }

    /// Takes what there is, as a message for the page.
    pub(crate) fn take(&mut self) -> Value {
        let entries: Vec<Value> = self.entries.drain(..).map(|entry| entry.to_json()).collect();
        json!({ "frames": entries, "left_out": std::mem::take(&mut self.left_out) })
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let message = self.message.as_ref();
        json!({
            "connection": self.connection,
            "path": self.path,
            "at": self.at.as_secs_f64(),
            "verdict": self.verdict,
            "state": self.state,
            "frame": self.frame.as_ref().map(|(direction, frame)| frame.to_json(*direction)),
            "message": message.map(|it| json!({ "length": it.len, "bytes": hex(&it.bytes) })),
        })
    }
}

impl Frame {
    /// A frame of which the header is there.
    pub(super) fn new(at: Duration, header: FrameHeader) -> Self {
        Self { at, header, payload: Excerpt::default() }
    }

    fn to_json(&self, direction: Direction) -> Value {
        let header = &self.header;
        json!({
            "from": match direction {
                Direction::Received => "client",
                Direction::Sent => "server",
            },
            "opcode": header.opcode().number(),
            "fin": header.fin(),
            "rsv": [header.rsv1(), header.rsv2(), header.rsv3()],
            "mask": header.masking_key().map(|key| hex(&key)),
            "length": header.payload_len(),
            // Headers whose length is not in its shortest form do not come here, so these are the
            // bytes as they were.
            "header": hex(&header.encode()),
            "payload": hex(&self.payload.bytes),
        })
    }

    /// The next bytes of its payload, which are shown if there is room.
    pub(super) fn extend(&mut self, payload: &[u8], is_shown: bool) {
        if is_shown {
            self.payload.extend(payload);
        }
        self.payload.len += payload.len() as u64;
    }

    /// The beginning of its payload.
    pub(super) fn shown(&self) -> &[u8] {
        &self.payload.bytes
    }

    pub(super) fn is_whole(&self) -> bool {
        self.payload.len == self.header.payload_len()
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.payload.bytes.capacity()
    }
}

impl Excerpt {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut excerpt = Self { bytes: Vec::new(), len: bytes.len() as u64 };
        excerpt.extend(bytes);
        excerpt
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = EXCERPT - self.bytes.len().min(EXCERPT);
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}
