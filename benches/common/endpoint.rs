//! An endpoint and its transport in memory, which hands over at most 64 KiB a read: one copy in
//! and one copy out, as with a socket and an application.

use std::sync::Arc;

use websans::frame::{FrameHeader, Opcode};
use websans::{Config, Connection, Event, Message, RecvBuf, SendBuf};

use super::input::mask;

/// How much a read hands over at most, and from how much on what waits is written.
const CHUNK: usize = 64 << 10;

/// Where bytes are copied to, round and round: it stays in cache.
pub struct Ring {
    bytes: Box<[u8]>,
    at: usize,
    /// All that came, where that is wanted.
    record: Option<Vec<u8>>,
}

impl Ring {
    fn new() -> Self {
        Self { bytes: vec![0; CHUNK].into(), at: 0, record: None }
    }

    #[inline]
    pub fn put(&mut self, data: &[u8]) {
        for data in data.chunks(CHUNK) {
            if data.len() > CHUNK - self.at {
                self.at = 0;
            }
            self.bytes[self.at..self.at + data.len()].copy_from_slice(data);
            self.at += data.len();
        }
        if let Some(record) = &mut self.record {
            record.extend_from_slice(data);
        }
    }
}

/// How many messages came, and how many bytes they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub messages: usize,
    pub bytes: usize,
}

pub struct Endpoint {
    pub ws: Connection,
    pub rx: RecvBuf,
    pub tx: SendBuf,
    /// What the application takes out.
    pub application: Ring,
    /// What was written to the transport.
    pub transport: Ring,
}

impl Endpoint {
    pub fn new(ws: Connection) -> Self {
        let (rx, tx) = (RecvBuf::new(), SendBuf::new());
        Self { ws, rx, tx, application: Ring::new(), transport: Ring::new() }
    }

    pub fn server() -> Self {
        Self::new(Connection::server(Config::default()))
    }

    pub fn client() -> Self {
        Self::new(Connection::client(Config::default()))
    }

    /// Reads all of `wire` and takes the messages out.
    #[inline]
    pub fn decode(&mut self, wire: &[u8]) -> Received {
        self.run(wire, |_, _, application, data| application.put(data.bytes()))
    }

    /// Reads all of `wire` and sends each message back.
    #[inline]
    pub fn echo(&mut self, wire: &[u8]) -> Received {
        self.run(wire, |ws, tx, _, data| match data {
            Data::Text(text) => ws.send_text(text, tx).expect("sends"),
            Data::Binary(data) => ws.send_binary(data, tx).expect("sends"),
        })
    }

    /// Sends `message` so many times.
    #[inline]
    pub fn encode(&mut self, message: &[u8], times: usize) {
        for _ in 0..times {
            self.ws.send_binary(message, &mut self.tx).expect("sends");
            self.flush_from(CHUNK);
        }
        self.flush_from(1);
    }

    /// The same with a payload that the application owns.
    #[inline]
    pub fn encode_owned(&mut self, message: &Arc<[u8]>, times: usize) {
        for _ in 0..times {
            let message = Message::binary(Arc::clone(message));
            self.ws.send(message, &mut self.tx).expect("sends");
            self.flush_from(CHUNK);
        }
        self.flush_from(1);
    }

    #[inline]
    fn run(
        &mut self,
        wire: &[u8],
        mut deliver: impl FnMut(&mut Connection, &mut SendBuf, &mut Ring, Data<'_>),
    ) -> Received {
        let mut received = Received::default();
        for mut chunk in wire.chunks(CHUNK) {
            while !chunk.is_empty() {
                self.rx.read_from(&mut chunk).expect("reads from memory");
                let Self { ws, rx, tx, application, .. } = self;
                while let Some(event) = ws.next_event(rx, tx).expect("no violation") {
                    let data = match event {
                        Event::Text(text) => Data::Text(text),
                        Event::Binary(data) => Data::Binary(data),
                        _ => continue,
                    };
                    received.messages += 1;
                    received.bytes += data.bytes().len();
                    deliver(ws, tx, application, data);
                }
                self.flush_from(CHUNK);
            }
        }
        self.flush_from(1);
        received
    }

    /// Writes what waits, if it is at least this much.
    #[inline]
    fn flush_from(&mut self, len: usize) {
        if self.tx.len() >= len as u64 {
            self.tx.slices().for_each(|slice| self.transport.put(slice));
            self.tx.consume(usize::MAX);
        }
    }

    /// What `f` delivers to the application, and what it writes to the transport.
    pub fn record<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> (T, Vec<u8>, Vec<u8>) {
        self.application.record = Some(Vec::new());
        self.transport.record = Some(Vec::new());
        let result = f(self);
        let delivered = self.application.record.take().unwrap_or_default();
        (result, delivered, self.transport.record.take().unwrap_or_default())
    }
}

/// Whether exactly that was written: so many binary messages, masked or not.
pub fn check_frames(mut written: &[u8], message: &[u8], count: usize, from_client: bool) {
    for _ in 0..count {
        let (header, len) = FrameHeader::decode(written).expect("a frame").expect("is whole");
        let (payload, rest) = written[len..].split_at(message.len());
        assert!(header.fin() && header.opcode() == Opcode::BINARY);
        assert_eq!(header.payload_len(), message.len() as u64);
        assert_eq!(header.masking_key().is_some(), from_client);
        let plain = mask(payload, header.masking_key().unwrap_or_default());
        assert!(plain == message, "another message than was sent");
        written = rest;
    }
    assert!(written.is_empty(), "more than was to be sent");
}

enum Data<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> Data<'a> {
    #[inline]
    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }
}
