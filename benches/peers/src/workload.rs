//! The messages that every peer gets, the same in every run, and where it delivers them.

use std::rc::Rc;

use bytes::Bytes;

use crate::io::Ring;

/// What one round moves at least, over all its messages.
const ROUND: usize = 128 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Binary,
    /// Text of one-byte characters.
    Ascii,
    /// Words of many scripts, a third of them without anything but ASCII.
    Mixed,
    /// Text that compresses as records in JSON do.
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: Kind,
    pub data: Bytes,
}

/// As many messages of `size` bytes as one round sends.
pub fn messages(content: Content, size: usize) -> Rc<[Message]> {
    messages_of(content, size, (ROUND / (size + 8)).max(4))
}

pub fn messages_of(content: Content, size: usize, count: usize) -> Rc<[Message]> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ size as u64);
    (0..count).map(|_| message(content, size, &mut random)).collect()
}

fn message(content: Content, size: usize, random: &mut Random) -> Message {
    let mut data = Vec::with_capacity(size + 64);
    while data.len() < size {
        match content {
            Content::Binary => data.extend_from_slice(&random.next().to_le_bytes()),
            Content::Ascii => data.push(random.ascii()),
            Content::Mixed => data.extend_from_slice(random.word().as_bytes()),
            Content::Json => data.extend_from_slice(random.record().as_bytes()),
        }
    }
    if content == Content::Mixed {
        data.truncate(
            std::str::from_utf8(&data[..size]).map_or_else(|e| e.valid_up_to(), str::len),
        );
        data.resize(size, b'.');
    }
    data.truncate(size);
    let kind = if content == Content::Binary { Kind::Binary } else { Kind::Text };
    Message { kind, data: data.into() }
}

/// A small generator with good enough bits; the point is that it repeats itself.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    fn ascii(&mut self) -> u8 {
        b"etaoin shrdlu ETAOIN,.0123456789"[self.below(32)]
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 24] = [
            "hello ",
            "world, ",
            "the ",
            "quick ",
            "brown ",
            "fox ",
            "jumps ",
            "over. ",
            "größer ",
            "Straße ",
            "café ",
            "naïve ",
            "señor ",
            "привет ",
            "быстрая ",
            "мир, ",
            "γειά ",
            "κόσμε ",
            "日本語の",
            "文字列、",
            "你好世界",
            "안녕 ",
            "€42 ",
            "😀👍 ",
        ];
        WORDS[self.below(WORDS.len())]
    }

    fn record(&mut self) -> String {
        const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
        format!(
            "{{\"id\":{},\"user\":\"{}\",\"price\":{}.{:02},\"live\":{},\"tags\":[\"a{}\",\"b{}\"]}},",
            self.below(1_000_000),
            NAMES[self.below(6)],
            self.below(10_000),
            self.below(100),
            self.below(2) == 0,
            self.below(50),
            self.below(50),
        )
    }
}

/// Where peers deliver messages: it copies each one out and counts.
pub struct Sink {
    ring: Ring,
    wanted: usize,
    pub messages: usize,
    pub bytes: usize,
    record: Option<Vec<Message>>,
}

impl Sink {
    pub fn new() -> Self {
        Self { ring: Ring::new(), wanted: 0, messages: 0, bytes: 0, record: None }
    }

    /// Starts over, to receive `wanted` messages.
    pub fn expect(&mut self, wanted: usize) {
        (self.wanted, self.messages, self.bytes) = (wanted, 0, 0);
    }

    /// Starts over, and keeps what is delivered.
    pub fn record(&mut self, wanted: usize) {
        self.expect(wanted);
        self.record = Some(Vec::with_capacity(wanted));
    }

    pub fn recorded(&mut self) -> Vec<Message> {
        self.record.take().unwrap_or_default()
    }

    /// Whether a message is still to come.
    #[inline]
    pub fn hungry(&self) -> bool {
        self.messages < self.wanted
    }

    #[inline]
    pub fn text(&mut self, text: &str) {
        self.put(Kind::Text, text.as_bytes());
    }

    #[inline]
    pub fn binary(&mut self, data: &[u8]) {
        self.put(Kind::Binary, data);
    }

    #[inline]
    pub fn put(&mut self, kind: Kind, data: &[u8]) {
        self.messages += 1;
        self.bytes += data.len();
        self.ring.put(data);
        if self.record.is_some() {
            self.keep(kind, data);
        }
    }

    /// Counts a message that was sent back instead of delivered.
    #[inline]
    pub fn echoed(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len;
    }

    #[cold]
    fn keep(&mut self, kind: Kind, data: &[u8]) {
        let message = Message { kind, data: Bytes::copy_from_slice(data) };
        self.record.get_or_insert_default().push(message);
    }
}

/// Whether exactly these messages arrived, byte for byte.
pub fn check_messages(expected: &[Message], got: &[Message]) -> Result<(), String> {
    if expected.len() != got.len() {
        return Err(format!("{} messages instead of {}", got.len(), expected.len()));
    }
    match expected.iter().zip(got).position(|(expected, got)| expected != got) {
        Some(i) => Err(format!("message {i} differs ({} bytes)", got[i].data.len())),
        None => Ok(()),
    }
}
