use std::rc::Rc;

use bytes::BytesMut;
use sockudo_ws::{
    CompressedProtocol, DeflateConfig, Message,
    handshake::{
        build_request, build_response, generate_accept_key, generate_key, parse_request,
        parse_response, validate_accept_key,
    },
    protocol::Protocol,
};

use super::{Opening, Peer, Round};
use crate::{
    handshake::{HOST, PATH},
    heap,
    io::{Pipe, READ},
    workload::{self, Role, Sink},
};

pub struct Sockudo;

const MAX_FRAME: usize = 16 << 20;
const MAX_MESSAGE: usize = 64 << 20;

impl Peer for Sockudo {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn notes(&self) -> &'static str {
        "`Protocol` (no I/O), `process_into` and `encode_message`; the handshake by its parts \
         (`parse_request`, `generate_accept_key`, `build_response`). Pongs are up to the caller. \
         Its masking keys (feature `fastrand`) are not cryptographically strong."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Connection::new(server(), pipe);
        Some(Box::new(move |sink| peer.decode(sink)))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let role = match role {
            Role::Server => sockudo_ws::Role::Server,
            Role::Client => sockudo_ws::Role::Client,
        };
        let mut peer = Connection::new(Protocol::new(role, MAX_FRAME, MAX_MESSAGE), pipe);
        let messages = Rc::clone(messages);
        Some(Box::new(move |_| peer.encode(&messages)))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Connection::new(server(), pipe);
        Some(Box::new(move |sink| peer.echo(sink)))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        let mut buf = Vec::with_capacity(READ);
        Some(Box::new(move |sink| {
            buf.clear();
            pipe.chunk(|chunk| buf.extend_from_slice(chunk));
            let (request, _) = parse_request(&buf).expect("is valid").expect("is whole");
            let response = build_response(&generate_accept_key(request.key), None, None);
            pipe.put(&response);
            std::hint::black_box(server());
            sink.messages += 1;
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Box::<Handshakes>::default())
    }

    fn inflate(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Connection::new(compressed(), pipe);
        Some(Box::new(move |sink| peer.decode(sink)))
    }

    fn deflate(&self, pipe: Pipe, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let (mut peer, messages) = (Connection::new(compressed(), pipe), Rc::clone(messages));
        Some(Box::new(move |_| peer.encode(&messages)))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<Protocol>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = heap::live();
        let mut peer = Connection::new(server(), pipe.clone());
        peer.echo(sink);
        assert!(peer.buf.is_empty() && peer.out.is_empty());
        let Connection { protocol, pipe: _, buf, messages, out } = peer;
        drop((buf, messages, out));
        let heap = heap::live() - before;
        drop(protocol);
        Some(heap)
    }
}

fn server() -> Protocol {
    Protocol::new(sockudo_ws::Role::Server, MAX_FRAME, MAX_MESSAGE)
}

fn compressed() -> CompressedProtocol {
    CompressedProtocol::server(MAX_FRAME, MAX_MESSAGE, DeflateConfig::default())
}

/// The two protocols have the same methods, but no trait for them.
trait Machine {
    fn take(&mut self, buf: &mut BytesMut, messages: &mut Vec<Message>);
    fn send(&mut self, message: &Message, out: &mut BytesMut);
    fn pong(&mut self, data: &[u8], out: &mut BytesMut);
}

macro_rules! machine {
    ($($protocol:ty),*) => {$(
        impl Machine for $protocol {
            fn take(&mut self, buf: &mut BytesMut, messages: &mut Vec<Message>) {
                self.process_into(buf, messages).expect("reads");
            }

            fn send(&mut self, message: &Message, out: &mut BytesMut) {
                self.encode_message(message, out).expect("sends");
            }

            fn pong(&mut self, data: &[u8], out: &mut BytesMut) {
                self.encode_pong(data, out);
            }
        }
    )*};
}

machine!(Protocol, CompressedProtocol);

/// A protocol and the buffers that its caller provides.
struct Connection<P> {
    protocol: P,
    pipe: Pipe,
    buf: BytesMut,
    messages: Vec<Message>,
    out: BytesMut,
}

impl<P: Machine> Connection<P> {
    fn new(protocol: P, pipe: Pipe) -> Self {
        let (buf, out) = (BytesMut::new(), BytesMut::new());
        Self { protocol, pipe, buf, messages: Vec::new(), out }
    }

    /// Reads once; `false` when there is nothing to read.
    fn read(&mut self) -> bool {
        let read = self.pipe.chunk(|chunk| self.buf.extend_from_slice(chunk));
        if read {
            self.protocol.take(&mut self.buf, &mut self.messages);
        }
        read
    }

    fn decode(&mut self, sink: &mut Sink) {
        while self.read() {
            for message in self.messages.drain(..) {
                match message {
                    Message::Text(data) => sink.put(workload::Kind::Text, &data),
                    Message::Binary(data) => sink.binary(&data),
                    Message::Ping(data) => self.protocol.pong(&data, &mut self.out),
                    _ => {}
                }
            }
        }
        self.flush();
    }

    fn echo(&mut self, sink: &mut Sink) {
        while self.read() {
            for message in self.messages.drain(..) {
                sink.echoed(message.as_bytes().len());
                self.protocol.send(&message, &mut self.out);
            }
            if self.out.len() >= READ {
                self.flush();
            }
        }
        self.flush();
    }

    fn encode(&mut self, messages: &[workload::Message]) {
        for message in messages {
            let data = message.data.clone();
            let text = message.kind == workload::Kind::Text;
            let message = if text { Message::Text(data) } else { Message::Binary(data) };
            self.protocol.send(&message, &mut self.out);
            if self.out.len() >= READ {
                self.flush();
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        self.pipe.put(&self.out);
        self.out.clear();
    }
}

#[derive(Default)]
struct Handshakes {
    waiting: Vec<(Pipe, String)>,
    buf: Vec<u8>,
}

impl Opening for Handshakes {
    fn request(&mut self, pipes: &[Pipe]) {
        for pipe in pipes {
            let key = generate_key();
            pipe.put(&build_request(HOST, PATH, &key, None, None));
            self.waiting.push((pipe.clone(), key));
        }
    }

    fn response(&mut self) -> usize {
        let mut open = 0;
        for (pipe, key) in self.waiting.drain(..) {
            self.buf.clear();
            pipe.chunk(|chunk| self.buf.extend_from_slice(chunk));
            let (response, _) = parse_response(&self.buf).expect("is valid").expect("is whole");
            open += usize::from(response.accept.is_some_and(|it| validate_accept_key(&key, it)));
            std::hint::black_box(Protocol::new(sockudo_ws::Role::Client, MAX_FRAME, MAX_MESSAGE));
        }
        open
    }
}
