//! What a client sends and what has to come back, framed by hand: nothing here is shared with any
//! of the libraries that are measured.
//!
//! A message is its number, which no other message of a run has, and then random bytes from a place
//! that is the connection's own. So an echo that was mixed up with another one is noticed as well
//! as one with a wrong byte.

use std::io;

/// Bytes of the number at the head of each message.
const NUMBER: usize = 8;

const BINARY: u8 = 0x2;
const CONTINUATION: u8 = 0x0;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// How far from each other connections begin in the random bytes.
const STRIDE: usize = 61;

/// The random bytes that all messages are cut from.
pub struct Payloads {
    bytes: Vec<u8>,
    size: usize,
}

impl Payloads {
    /// For messages of `size` bytes on so many connections.
    pub fn new(size: usize, connections: usize) -> Self {
        assert!(size > NUMBER, "a message has to have room for its number");
        let mut bytes = vec![0; size + STRIDE * connections];
        fastrand::Rng::with_seed(6455).fill(&mut bytes);
        Self { bytes, size }
    }

    fn of(&self, connection: usize) -> &[u8] {
        &self.bytes[STRIDE * connection..][..self.size]
    }
}

/// A batch of masked frames, ready to be written again and again: only the numbers change.
pub struct Batch {
    pub bytes: Vec<u8>,
    /// The masking key, twice, as the number is as long as two of them.
    key: [u8; NUMBER],
    frame: usize,
    header: usize,
}

impl Batch {
    pub fn new(payloads: &Payloads, connection: usize, messages: usize) -> Self {
        let key = [fastrand::u8(1..), fastrand::u8(1..), fastrand::u8(1..), fastrand::u8(1..)];
        let mut bytes = header(BINARY, payloads.size, key);
        let header = bytes.len();
        bytes.extend(payloads.of(connection).iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
        let frame = bytes.len();
        let mut key_twice = [0; NUMBER];
        key_twice.copy_from_slice(&[key, key].concat());
        Self { bytes: bytes.repeat(messages), key: key_twice, frame, header }
    }

    /// Gives the messages the numbers from `first` on.
    pub fn number(&mut self, first: u64) {
        for (number, frame) in (first..).zip(self.bytes.chunks_exact_mut(self.frame)) {
            let masked = u64::from_be_bytes(self.key) ^ number;
            frame[self.header..][..NUMBER].copy_from_slice(&masked.to_be_bytes());
        }
    }
}

fn header(opcode: u8, size: usize, key: [u8; 4]) -> Vec<u8> {
    let mut header = vec![FIN | opcode];
    match size {
        0..=125 => header.push(MASKED | size as u8),
        126..=0xFFFF => {
            header.push(MASKED | 126);
            header.extend((size as u16).to_be_bytes());
        }
        _ => {
            header.push(MASKED | 127);
            header.extend((size as u64).to_be_bytes());
        }
    }
    header.extend(key);
    header
}

/// Reads the frames of a server, in whatever pieces they come, and compares their payloads with what
/// was sent.
#[derive(Default)]
pub struct Echoes {
    header: Vec<u8>,
    /// What is left of the payload of the present frame; `None` between frames.
    left: Option<u64>,
    opcode: u8,
    fin: bool,
    /// How much of the present message has come.
    at: usize,
    /// The number of the message that has to come next.
    next: u64,
    control: Vec<u8>,
    /// Pongs that have to be sent.
    pub pongs: Vec<u8>,
}

impl Echoes {
    /// The first echo will be that of the message with this number.
    pub fn new(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// How many messages have been completed by these bytes.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        payloads: &Payloads,
        connection: usize,
    ) -> io::Result<usize> {
        let mut messages = 0;
        while !bytes.is_empty() {
            let Some(left) = self.left else {
                self.header.push(bytes[0]);
                bytes = &bytes[1..];
                self.left = self.parse_header(payloads.size)?;
                if self.left == Some(0) {
                    messages += self.end_frame(payloads.size)?;
                }
                continue;
            };
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(take);
            bytes = rest;
            if self.opcode >= CLOSE {
                self.control.extend_from_slice(piece);
            } else {
                self.compare(piece, payloads.of(connection))?;
            }
            self.left = Some(left - take as u64);
            if self.left == Some(0) {
                messages += self.end_frame(payloads.size)?;
            }
        }
        Ok(messages)
    }

    /// The length of the payload, once the header is whole.
    fn parse_header(&mut self, size: usize) -> io::Result<Option<u64>> {
        let [first, second, extended @ ..] = &self.header[..] else { return Ok(None) };
        let length = match (second, extended) {
            (127, &[a, b, c, d, e, f, g, h]) => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            (126, &[a, b]) => u16::from_be_bytes([a, b]).into(),
            (126 | 127, _) => return Ok(None),
            (&length @ 0..=125, _) => length.into(),
            _ => return Err(wrong("a masked frame")),
        };
        (self.fin, self.opcode) = (first & FIN != 0, first & 0x0F);
        let expected = if self.at == 0 { BINARY } else { CONTINUATION };
        match self.opcode {
            _ if first & 0x70 != 0 => return Err(wrong("a reserved bit")),
            CLOSE => return Err(wrong("a close frame")),
            PING | PONG => {}
            opcode if opcode != expected => return Err(wrong("an unexpected opcode")),
            _ if length > (size - self.at) as u64 => return Err(wrong("a message too long")),
            _ => {}
        }
        self.header.clear();
        Ok(Some(length))
    }

    fn compare(&mut self, mut piece: &[u8], payload: &[u8]) -> io::Result<()> {
        let number = self.next.to_be_bytes();
        if let Some(number) = number.get(self.at..) {
            let (head, rest) = piece.split_at(number.len().min(piece.len()));
            if !number.starts_with(head) {
                return Err(wrong("another message than the next"));
            }
            self.at += head.len();
            piece = rest;
        }
        if payload[self.at..][..piece.len()] != *piece {
            return Err(wrong("a wrong byte"));
        }
        self.at += piece.len();
        Ok(())
    }

    /// How many messages have ended with this frame.
    fn end_frame(&mut self, size: usize) -> io::Result<usize> {
        self.left = None;
        if self.opcode == PING {
            let key = [0x12, 0x34, 0x56, 0x78];
            self.pongs.extend(header(PONG, self.control.len(), key));
            self.pongs.extend(self.control.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
        }
        if self.opcode >= CLOSE {
            self.control.clear();
            return Ok(0);
        }
        if !self.fin {
            return Ok(0);
        }
        if self.at != size {
            return Err(wrong("a message too short"));
        }
        self.at = 0;
        self.next += 1;
        Ok(1)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the echo is wrong: {what} came"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 6] = [9, 125, 126, 65_535, 65_536, 100_000];

    /// The batch, unmasked, as a server has to send it back.
    fn echo(batch: &Batch) -> Vec<u8> {
        let mut out = Vec::new();
        for frame in batch.bytes.chunks(batch.frame) {
            let (header, payload) = frame.split_at(batch.header);
            let key = &header[header.len() - 4..];
            out.push(header[0]);
            out.push(header[1] & !MASKED);
            out.extend(&header[2..header.len() - 4]);
            out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
        }
        out
    }

    fn receive(payloads: &Payloads, first: u64, bytes: &[u8], piece: usize) -> io::Result<usize> {
        let mut echoes = Echoes::new(first);
        bytes.chunks(piece).map(|piece| echoes.receive(piece, payloads, 3)).sum()
    }

    #[test]
    fn an_echo_is_right_in_whatever_pieces_it_comes() {
        for size in SIZES {
            let payloads = Payloads::new(size, 4);
            let mut batch = Batch::new(&payloads, 3, 2);
            batch.number(0x0102_0304_0506_0708);
            let echo = echo(&batch);
            for piece in [1, 2, 3, 7, 1000, usize::MAX] {
                let received = receive(&payloads, 0x0102_0304_0506_0708, &echo, piece);
                assert_eq!(received.ok(), Some(2), "{size} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let payloads = Payloads::new(125, 4);
        let mut batch = Batch::new(&payloads, 3, 1);
        batch.number(7);
        let echo = echo(&batch);
        for at in 0..echo.len() {
            for bit in 0..8 {
                let mut echo = echo.clone();
                echo[at] ^= 1 << bit;
                let received = receive(&payloads, 7, &echo, usize::MAX);
                assert_ne!(received.ok(), Some(1), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn an_echo_of_another_message_or_connection_is_wrong() {
        let payloads = Payloads::new(125, 4);
        for (connection, number) in [(3, 8), (2, 7)] {
            let mut batch = Batch::new(&payloads, connection, 1);
            batch.number(number);
            assert!(receive(&payloads, 7, &echo(&batch), usize::MAX).is_err());
        }
    }

    #[test]
    fn fragments_are_joined_and_a_ping_between_them_is_answered() {
        let payloads = Payloads::new(125, 4);
        let mut batch = Batch::new(&payloads, 3, 1);
        batch.number(7);
        let payload = &echo(&batch)[2..];
        let mut frames = vec![BINARY, 100];
        frames.extend(&payload[..100]);
        frames.extend([FIN | PING, 2, b'h', b'i', FIN | CONTINUATION, 25]);
        frames.extend(&payload[100..]);
        let mut echoes = Echoes::new(7);
        assert_eq!(echoes.receive(&frames, &payloads, 3).ok(), Some(1));
        let [0x8A, 0x82, a, b, _, _, h, i] = echoes.pongs[..] else { panic!("is a pong") };
        assert_eq!([h ^ a, i ^ b], *b"hi");
    }
}
