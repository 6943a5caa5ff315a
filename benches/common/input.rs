//! The inputs. What a peer sends is made here octet by octet, so that the crate does not check
//! itself.

/// A request as browsers send it.
pub const REQUEST: &str = "GET /chat?room=7 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: https://www.example.com\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\r\n";

/// The answer to [`REQUEST`], with the accept key of RFC 6455 §1.3.
pub const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// What a client connects to, in the benches of its handshake.
pub const URL: &str = "ws://server.example.com/chat?room=7";

/// What [`REQUEST`]'s key is made of: base64 of it is "dGhlIHNhbXBsZSBub25jZQ==".
pub const NONCE: &[u8; 16] = b"the sample nonce";

/// The answer of a server that says a little more, as most do.
pub const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
    Server: example\r\n\r\n";

/// The masking key of all frames, with no two octets alike.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What pings say.
pub const PAYLOAD: &[u8] = b"are you there?";

pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// What a payload consists of.
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

impl Content {
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ascii",
            Self::Mixed => "mixed",
            Self::Json => "json",
        }
    }

    pub fn opcode(self) -> u8 {
        if self == Self::Binary { BINARY } else { TEXT }
    }

    /// `len` bytes of it.
    pub fn bytes(self, len: usize) -> Vec<u8> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ len as u64);
        let mut bytes = Vec::with_capacity(len + 64);
        while bytes.len() < len {
            match self {
                Self::Binary => bytes.extend_from_slice(&random.next().to_le_bytes()),
                Self::Ascii => bytes.push(random.of(b"etaoin shrdlu ETAOIN,.0123456789")),
                Self::Mixed => bytes.extend_from_slice(random.of(&WORDS).as_bytes()),
                Self::Json => bytes.extend_from_slice(random.record().as_bytes()),
            }
        }
        bytes.truncate(len);
        if self == Self::Mixed {
            // A character that was cut at the end becomes full stops.
            let whole = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
            bytes.truncate(whole);
            bytes.resize(len, b'.');
        }
        bytes
    }
}

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

/// A small generator with good enough bits; the point is that it repeats itself.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn record(&mut self) -> String {
        format!(
            "{{\"id\":{},\"user\":\"{}\",\"price\":{}.{:02},\"live\":{}}},",
            self.below(1_000_000),
            self.of(&["alice", "bob", "carol", "dave", "erin", "frank"]),
            self.below(10_000),
            self.below(100),
            self.below(2) == 0,
        )
    }
}

/// RFC 6455 §5.3, octet by octet.
pub fn mask(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    payload.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key).collect()
}

/// A frame of a client, masked, or of a server.
pub fn frame(from_client: bool, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let masked = if from_client { 0x80 } else { 0 };
    let mut frame = vec![if fin { 0x80 | opcode } else { opcode }];
    match payload.len() {
        len @ ..126 => frame.push(masked | len as u8),
        len @ ..0x1_0000 => {
            frame.push(masked | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if from_client {
        frame.extend_from_slice(&KEY);
        frame.extend_from_slice(&mask(payload, KEY));
    } else {
        frame.extend_from_slice(payload);
    }
    frame
}

/// A message in fragments of `size` bytes, with a ping after every `ping` of them.
pub fn fragments(opcode: u8, payload: &[u8], size: usize, ping: usize) -> Vec<u8> {
    let count = payload.len().div_ceil(size);
    let mut wire = Vec::new();
    for (i, fragment) in payload.chunks(size).enumerate() {
        if i > 0 && i % ping == 0 {
            wire.extend_from_slice(&frame(true, true, PING, PAYLOAD));
        }
        let opcode = if i == 0 { opcode } else { 0 };
        wire.extend_from_slice(&frame(true, i + 1 == count, opcode, fragment));
    }
    wire
}

/// "16 B", "4 KiB", "1 MiB".
pub fn name_of(len: usize) -> String {
    match len {
        ..1024 => format!("{len} B"),
        1024..0x10_0000 => format!("{} KiB", len >> 10),
        _ => format!("{} MiB", len >> 20),
    }
}
