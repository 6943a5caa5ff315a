use std::rc::Rc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};
use websocket_codec::{ClientRequest, Message, MessageCodec, Opcode, UpgradeCodec};

use super::{Opening, Peer, Round};
use crate::{
    handshake::{HOST, PATH},
    heap,
    io::{Pipe, READ},
    keys::Keys,
    workload::{self, Kind, Role, Sink},
};

pub struct Codec;

impl Peer for Codec {
    fn name(&self) -> &'static str {
        "websocket-codec"
    }

    fn notes(&self) -> &'static str {
        "`MessageCodec` (no I/O). Takes unmasked frames from clients, has no limit of size, no \
         closing handshake; pongs are up to the caller. It has no HTTP: the server's handshake \
         is httparse's and a response written here around its `ClientRequest`, the client's a \
         request written here and its `UpgradeCodec`. No permessage-deflate."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Connection::new(MessageCodec::server(), pipe);
        Some(Box::new(move |sink| {
            peer.run(|codec, message, out| match message.opcode() {
                Opcode::Text => sink.text(message.as_text().unwrap_or_default()),
                Opcode::Binary => sink.binary(message.data()),
                Opcode::Ping => {
                    codec.encode(Message::pong(message.into_data()), out).expect("sends")
                }
                _ => {}
            });
        }))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let mut peer =
            Connection::new(MessageCodec::with_masked_encode(role == Role::Client), pipe);
        let messages = Rc::clone(messages);
        Some(Box::new(move |_| {
            for message in messages.iter() {
                peer.send(message);
            }
            peer.flush();
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Connection::new(MessageCodec::server(), pipe);
        Some(Box::new(move |sink| peer.echo(sink)))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        let mut buf = Vec::with_capacity(READ);
        Some(Box::new(move |sink| {
            buf.clear();
            pipe.chunk(|chunk| buf.extend_from_slice(chunk));
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut parsed = httparse::Request::new(&mut headers);
            assert!(parsed.parse(&buf).is_ok_and(|status| status.is_complete()));
            let header = |name: &str| {
                let header = parsed.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name))?;
                str::from_utf8(header.value).ok()
            };
            let request = ClientRequest::parse(header).expect("is valid");
            let mut response = String::from(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: ",
            );
            request.ws_accept_buf(&mut response);
            response.push_str("\r\n\r\n");
            pipe.put(response.as_bytes());
            std::hint::black_box(MessageCodec::server());
            sink.messages += 1;
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Box::<Handshakes>::default())
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<MessageCodec>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = heap::live();
        let mut peer = Connection::new(MessageCodec::server(), pipe.clone());
        peer.echo(sink);
        assert!(peer.buf.is_empty() && peer.out.is_empty());
        let Connection { codec, pipe: _, buf, out } = peer;
        drop((buf, out));
        let heap = heap::live() - before;
        drop(codec);
        Some(heap)
    }
}

/// A codec and the buffers that its caller provides.
struct Connection {
    codec: MessageCodec,
    pipe: Pipe,
    buf: BytesMut,
    out: BytesMut,
}

impl Connection {
    fn new(codec: MessageCodec, pipe: Pipe) -> Self {
        Self { codec, pipe, buf: BytesMut::new(), out: BytesMut::new() }
    }

    #[inline]
    fn run(&mut self, mut on_message: impl FnMut(&mut MessageCodec, Message, &mut BytesMut)) {
        while self.pipe.chunk(|chunk| self.buf.extend_from_slice(chunk)) {
            while let Some(message) = self.codec.decode(&mut self.buf).expect("reads") {
                on_message(&mut self.codec, message, &mut self.out);
            }
            if self.out.len() >= READ {
                self.flush();
            }
        }
        self.flush();
    }

    fn echo(&mut self, sink: &mut Sink) {
        self.run(|codec, message, out| {
            sink.echoed(message.data().len());
            codec.encode(message, out).expect("sends");
        });
    }

    #[inline]
    fn send(&mut self, message: &workload::Message) {
        let opcode = if message.kind == Kind::Text { Opcode::Text } else { Opcode::Binary };
        let message = Message::new(opcode, message.data.clone()).expect("is UTF-8");
        self.codec.encode(&message, &mut self.out).expect("sends");
        if self.out.len() >= READ {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.pipe.put(&self.out);
        self.out.clear();
    }
}

#[derive(Default)]
struct Handshakes {
    keys: Keys,
    waiting: Vec<(Pipe, UpgradeCodec)>,
}

impl Opening for Handshakes {
    fn request(&mut self, pipes: &[Pipe]) {
        for pipe in pipes {
            let key = BASE64_STANDARD.encode(self.keys.nonce());
            pipe.put(
                format!(
                    "GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: {key}\r\n\r\n"
                )
                .as_bytes(),
            );
            self.waiting.push((pipe.clone(), UpgradeCodec::new(&key)));
        }
    }

    fn response(&mut self) -> usize {
        let open = self.waiting.drain(..).filter_map(|(pipe, mut codec)| {
            let mut buf = BytesMut::new();
            pipe.chunk(|chunk| buf.extend_from_slice(chunk));
            std::hint::black_box(MessageCodec::client());
            codec.decode(&mut buf).expect("is valid")
        });
        open.count()
    }
}
