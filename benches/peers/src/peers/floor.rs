//! Not a library: a decoder and an encoder written by hand for one connection, with the RFC's
//! checks of headers, order and UTF-8, messages lent from the one buffer, and no comforts: no
//! limits, no close, no extensions. What is attainable.

use std::rc::Rc;

use super::{Peer, Round};
use crate::{
    handshake::accept_key,
    io::{Pipe, READ},
    kernels,
    keys::Keys,
    workload::{Kind, Message, Role},
};

pub struct Floor;

/// From this size on a frame is read to its end and not beyond, and is sent without a copy.
const LARGE: usize = 16 * 1024;

impl Peer for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn package(&self) -> Option<&'static str> {
        None
    }

    fn notes(&self) -> &'static str {
        "Not a library: written by hand for this benchmark, with the RFC's checks of headers, \
         order and UTF-8 and nothing else. Its server handshake is httparse and the accept key \
         alone. Its masking keys come from the kernel, 1024 at a time."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut decoder = Decoder::default();
        Some(Box::new(move |sink| decoder.run(&pipe, &mut |kind, data| sink.put(kind, data))))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        let (mut encoder, messages) = (Encoder::new(role), Rc::clone(messages));
        Some(Box::new(move |_| {
            messages.iter().for_each(|message| encoder.send(&pipe, message.kind, &message.data));
            encoder.flush(&pipe);
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let (mut decoder, mut encoder) = (Decoder::default(), Encoder::new(Role::Server));
        Some(Box::new(move |sink| {
            decoder.run(&pipe, &mut |kind, data| {
                encoder.send(&pipe, kind, data);
                sink.echoed(data.len());
            });
            encoder.flush(&pipe);
        }))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        let mut head = Vec::with_capacity(READ);
        Some(Box::new(move |sink| {
            head.clear();
            pipe.chunk(|chunk| head.extend_from_slice(chunk));
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut request = httparse::Request::new(&mut headers);
            assert!(request.parse(&head).is_ok_and(|status| status.is_complete()));
            let key = request.headers.iter().find(|header| header.name == "Sec-WebSocket-Key");
            pipe.put(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
            pipe.put(&accept_key(key.map_or(&[], |header| header.value)));
            pipe.put(b"\r\n\r\n");
            sink.messages += 1;
        }))
    }
}

/// `buf[at..end]` is read and not yet parsed; `buf[base..base + joined]` is the open message.
#[derive(Default)]
struct Decoder {
    buf: Vec<u8>,
    at: usize,
    end: usize,
    open: Option<Kind>,
    base: usize,
    joined: usize,
    /// How much of the frame at `at` is unmasked, and of the open message is valid UTF-8.
    unmasked: usize,
    valid: usize,
    /// How long the frame at `at` is with its header, once that is known.
    frame: usize,
}

impl Decoder {
    fn run(&mut self, pipe: &Pipe, deliver: &mut impl FnMut(Kind, &[u8])) {
        loop {
            self.make_room();
            let rest = (self.at + self.frame).saturating_sub(self.end);
            let want = if self.frame >= LARGE { rest.min(READ) } else { READ };
            match pipe.read_into(&mut self.buf[self.end..self.end + want]) {
                0 => return,
                n => self.end += n,
            }
            while self.step(pipe, deliver) {}
        }
    }

    fn make_room(&mut self) {
        if self.at == self.end && self.open.is_none() {
            (self.at, self.end, self.base) = (0, 0, 0);
        }
        if self.needed() <= self.buf.len() {
            return;
        }
        if self.open.is_some() && self.base > 0 {
            self.buf.copy_within(self.base..self.base + self.joined, 0);
        }
        self.buf.copy_within(self.at..self.end, self.joined);
        (self.at, self.end, self.base) = (self.joined, self.joined + self.end - self.at, 0);
        self.buf.resize(self.needed().max(self.buf.len()).max(2 * READ), 0);
    }

    /// How long the buffer has to be for the next read.
    fn needed(&self) -> usize {
        if self.frame >= LARGE { self.at + self.frame } else { self.end + READ }
    }

    /// Takes one frame; `false` when it is not all there.
    #[inline(always)]
    fn step(&mut self, pipe: &Pipe, deliver: &mut impl FnMut(Kind, &[u8])) -> bool {
        let bytes = &self.buf[self.at..self.end];
        let [first, second, ..] = *bytes else { return false };
        let (len, head) = match (second & 0x7f, bytes) {
            (126, [_, _, a, b, ..]) => (u16::from_be_bytes([*a, *b]).into(), 8),
            (127, [_, _, len @ ..]) => match len.first_chunk() {
                Some(len) => (usize::try_from(u64::from_be_bytes(*len)).expect("fits"), 14),
                None => return false,
            },
            (126, _) => return false,
            (len, _) => (usize::from(len), 6),
        };
        let Some(&key) = bytes.get(..head).and_then(<[u8]>::last_chunk::<4>) else { return false };
        assert!(first & 0x70 == 0 && second & 0x80 != 0, "no extension, and masked");
        self.frame = head + len;
        let arrived = (bytes.len() - head).min(len);
        let whole = arrived == len;
        if !whole && self.frame < LARGE {
            return false;
        }
        // What has arrived is unmasked while it is in cache, in steps that keep the key's phase.
        let ready = if whole { len } else { arrived & !3 };
        let payload = &mut self.buf[self.at + head..self.at + head + ready];
        kernels::xor(&mut payload[self.unmasked..], key);
        let fin = first & 0x80 != 0;
        let kind = match (first & 0x0f, self.open) {
            (1, None) => Kind::Text,
            (2, None) => Kind::Binary,
            (0, Some(kind)) => kind,
            (9 | 10, _) if fin && len < 126 => {
                if first & 0x0f == 9 {
                    pipe.put(&[0x8a, len as u8]);
                    pipe.put(payload);
                }
                self.at += self.frame;
                self.frame = 0;
                return true;
            }
            _ => panic!("no such frame here"),
        };
        let start = self.at + head;
        if self.open.is_none() {
            if whole && fin && self.unmasked == 0 {
                if kind == Kind::Text {
                    assert!(is_utf8(payload), "text is UTF-8");
                }
                deliver(kind, payload);
                self.at += self.frame;
                self.frame = 0;
                return true;
            }
            (self.base, self.joined) = (start, 0);
            if self.unmasked == 0 {
                self.valid = 0;
            }
        }
        self.unmasked = ready;
        if whole {
            if start > self.base + self.joined {
                self.buf.copy_within(start..start + len, self.base + self.joined);
            }
            self.joined += len;
            self.open = Some(kind);
            self.at += self.frame;
            (self.frame, self.unmasked) = (0, 0);
        }
        // A message in one frame lies where its bytes arrive; fragments are joined when whole.
        let joined = if self.open.is_some() { self.joined } else { ready };
        if kind == Kind::Text && (self.open.is_none() || whole) {
            let text = &self.buf[self.base + self.valid..self.base + joined];
            let cut = if whole && fin { text.len() } else { whole_characters(text) };
            assert!(is_utf8(&text[..cut]), "text is UTF-8");
            self.valid += cut;
        }
        if whole && fin {
            deliver(kind, &self.buf[self.base..self.base + self.joined]);
            (self.open, self.joined) = (None, 0);
        }
        whole
    }
}

#[inline]
fn is_utf8(data: &[u8]) -> bool {
    (data.len() < 256 && is_ascii(data)) || simdutf8::basic::from_utf8(data).is_ok()
}

/// For a few bytes faster than the standard library's, which returns early.
#[inline]
fn is_ascii(data: &[u8]) -> bool {
    let (words, rest) = data.as_chunks::<8>();
    let words = words.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word));
    let rest = rest.iter().fold(0, |all, byte| all | byte);
    words & 0x8080_8080_8080_8080 == 0 && rest < 0x80
}

/// How much of `text` is whole characters: all but a last one that is cut.
fn whole_characters(text: &[u8]) -> usize {
    let tail = text.len().saturating_sub(3);
    let cut = text[tail..].iter().rposition(|byte| byte & 0xc0 != 0x80);
    match cut.map(|i| (tail + i, text[tail + i])) {
        Some((at, 0xc0..=0xdf)) if text.len() - at < 2 => at,
        Some((at, 0xe0..=0xef)) if text.len() - at < 3 => at,
        Some((at, 0xf0..)) if text.len() - at < 4 => at,
        _ => text.len(),
    }
}

struct Encoder {
    role: Role,
    out: Vec<u8>,
    keys: Keys,
}

impl Encoder {
    fn new(role: Role) -> Self {
        Self { role, out: Vec::with_capacity(2 * READ), keys: Keys::default() }
    }

    #[inline]
    fn send(&mut self, pipe: &Pipe, kind: Kind, data: &[u8]) {
        let (mut head, mask) = ([0; 10], if self.role == Role::Client { 0x80 } else { 0 });
        head[0] = if kind == Kind::Text { 0x81 } else { 0x82 };
        let size = match data.len() {
            len @ ..126 => {
                head[1] = mask | len as u8;
                2
            }
            len @ ..0x1_0000 => {
                head[1] = mask | 126;
                head[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                head[1] = mask | 127;
                head[2..].copy_from_slice(&(len as u64).to_be_bytes());
                10
            }
        };
        self.out.extend_from_slice(&head[..size]);
        match self.role {
            Role::Server if data.len() >= LARGE => {
                self.flush(pipe);
                pipe.put(data);
            }
            Role::Server => self.out.extend_from_slice(data),
            Role::Client => {
                let key = self.keys.next();
                self.out.extend_from_slice(&key);
                for piece in data.chunks(LARGE) {
                    kernels::append_xor(&mut self.out, piece, key);
                    if piece.len() == LARGE {
                        self.flush(pipe);
                    }
                }
            }
        }
        if self.out.len() >= READ {
            self.flush(pipe);
        }
    }

    fn flush(&mut self, pipe: &Pipe) {
        pipe.put(&self.out);
        self.out.clear();
    }
}
