//! The bytes that every peer gets and what must come of them: messages, frames on the wire, and
//! a decoder of its own that checks what a peer wrote. All of it is the same in every run.

use std::rc::Rc;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

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
    /// Text of which about four characters in ten are of two to four bytes.
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
            Content::Mixed => data.extend_from_slice(random.character().as_bytes()),
            Content::Json => data.extend_from_slice(random.record().as_bytes()),
        }
    }
    if content == Content::Mixed {
        data.truncate(std::str::from_utf8(&data[..size]).map_or_else(|e| e.valid_up_to(), str::len));
        data.resize(size, b'.');
    }
    data.truncate(size);
    let kind = if content == Content::Binary { Kind::Binary } else { Kind::Text };
    Message { kind, data: data.into() }
}

/// A small generator with good enough bits; the point is that it repeats itself.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
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

    fn character(&mut self) -> &'static str {
        const WIDE: [&str; 10] = ["é", "ß", "ж", "ω", "中", "文", "語", "한", "€", "😀"];
        const NARROW: [&str; 8] = ["e", "t", "a", " ", "n", "o", "r", "s"];
        if self.below(10) < 4 { WIDE[self.below(10)] } else { NARROW[self.below(8)] }
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

/// How messages become frames.
#[derive(Clone, Copy)]
pub enum Framing {
    Whole,
    /// Fragments of `size` bytes, and after every `ping` of them a ping.
    Fragments {
        size: usize,
        ping: Option<usize>,
    },
    /// Each message compressed for itself (permessage-deflate).
    Deflate,
}

/// What a client sends, ready to be read.
pub struct Wire {
    pub bytes: Rc<[u8]>,
    pub messages: Rc<[Message]>,
    pub pings: usize,
    /// Where each message ends in `bytes`.
    pub ends: Vec<usize>,
}

impl Wire {
    pub fn new(messages: &Rc<[Message]>, framing: Framing) -> Self {
        let (mut bytes, mut pings, mut ends) = (Vec::new(), 0, Vec::new());
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut frame = |bytes: &mut Vec<u8>, first: u8, payload: &[u8]| {
            push_frame(bytes, first, payload, &random.next().to_le_bytes()[..4]);
        };
        for message in messages.iter() {
            let opcode = if message.kind == Kind::Text { 1 } else { 2 };
            match framing {
                Framing::Whole => frame(&mut bytes, 0x80 | opcode, &message.data),
                Framing::Deflate => frame(&mut bytes, 0xc0 | opcode, &compressed(&message.data)),
                Framing::Fragments { size, ping } => {
                    let last = message.data.len().div_ceil(size) - 1;
                    for (i, part) in message.data.chunks(size).enumerate() {
                        let opcode = if i == 0 { opcode } else { 0 };
                        let fin = if i == last { 0x80 } else { 0 };
                        if ping.is_some_and(|every| i > 0 && i % every == 0) {
                            frame(&mut bytes, 0x89, b"are you there?");
                            pings += 1;
                        }
                        frame(&mut bytes, fin | opcode, part);
                    }
                }
            }
            ends.push(bytes.len());
        }
        Self { bytes: bytes.into(), messages: Rc::clone(messages), pings, ends }
    }
}

fn push_frame(out: &mut Vec<u8>, first: u8, payload: &[u8], key: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ ..126 => out.push(0x80 | len as u8),
        len @ ..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

fn compressed(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 64);
    Compress::new(Compression::new(6), false)
        .compress_vec(data, &mut out, FlushCompress::Sync)
        .expect("compresses");
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]), "room for all of it");
    out.truncate(out.len() - 4);
    out
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

/// Whether `written` is exactly these messages as frames of `role`, and `pongs` pongs.
pub fn check_frames(
    role: Role,
    expected: &[Message],
    pongs: usize,
    mut written: &[u8],
) -> Result<(), String> {
    let (mut got, mut seen) = (Vec::new(), 0);
    let (mut inflate, mut open) = (Decompress::new(false), None::<(Kind, bool, Vec<u8>)>);
    while !written.is_empty() {
        let frame = Frame::take(&mut written, role).ok_or("a frame is cut or not of this role")?;
        let kind = match frame.opcode {
            0 => None,
            1 => Some(Kind::Text),
            2 => Some(Kind::Binary),
            10 => {
                seen += 1;
                continue;
            }
            other => return Err(format!("a frame with opcode {other}")),
        };
        let (kind, rsv1, data) = match (open.take(), kind) {
            (None, Some(kind)) => (kind, frame.rsv1, frame.payload),
            (Some((kind, rsv1, mut data)), None) => {
                data.extend_from_slice(&frame.payload);
                (kind, rsv1, data)
            }
            _ => return Err("fragments out of order".into()),
        };
        if !frame.fin {
            open = Some((kind, rsv1, data));
            continue;
        }
        let data = if rsv1 { inflated(&mut inflate, data)? } else { data };
        got.push(Message { kind, data: data.into() });
    }
    if seen != pongs {
        return Err(format!("{seen} pongs instead of {pongs}"));
    }
    check_messages(expected, &got)
}

struct Frame {
    fin: bool,
    rsv1: bool,
    opcode: u8,
    payload: Vec<u8>,
}

impl Frame {
    fn take(bytes: &mut &[u8], role: Role) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let masked = second & 0x80 != 0;
        let (len, rest) = match second & 0x7f {
            126 => rest.split_first_chunk().map(|(len, r)| (u16::from_be_bytes(*len).into(), r))?,
            127 => rest.split_first_chunk().map(|(len, r)| (u64::from_be_bytes(*len), r))?,
            len => (u64::from(len), rest),
        };
        let (key, rest) = if masked { rest.split_at_checked(4)? } else { (&[0; 4][..], rest) };
        let (payload, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        *bytes = rest;
        (masked == (role == Role::Client) && first & 0x30 == 0).then_some(Self {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            opcode: first & 0x0f,
            payload: payload.collect(),
        })
    }
}

fn inflated(inflate: &mut Decompress, mut data: Vec<u8>) -> Result<Vec<u8>, String> {
    data.extend_from_slice(&[0, 0, 0xff, 0xff]);
    let (mut out, start) = (Vec::with_capacity(1 << 21), inflate.total_in());
    inflate.decompress_vec(&data, &mut out, FlushDecompress::Sync).map_err(|e| e.to_string())?;
    let all = inflate.total_in() - start == data.len() as u64;
    all.then_some(out).ok_or_else(|| "compressed data left over".into())
}
