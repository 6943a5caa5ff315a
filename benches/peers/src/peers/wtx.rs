use std::rc::Rc;

use wtx::{
    collection::Vector,
    misc::UriRef,
    rng::{Xorshift64, simple_seed},
    web_socket::{
        Compression, CompressionLevel, DeflateConfig, Frame, OpCode, WebSocket, WebSocketAcceptor,
        WebSocketBuffer, WebSocketConnector, WebSocketPayloadOrigin,
        compression::{Flate2, NegotiatedCompression, NegotiatedFlate2, WindowBits},
    },
};

use super::{Opening, Peer, Round, async_client::Pending};
use crate::{
    handshake::URL,
    heap,
    io::{Pipe, READ, now},
    workload::{Kind, Message, Role, Sink},
};

pub struct Wtx;

type Connection<NC, const IS_CLIENT: bool> =
    WebSocket<NC, Xorshift64, Pipe, WebSocketBuffer, IS_CLIENT>;

impl Peer for Wtx {
    fn name(&self) -> &'static str {
        "wtx"
    }

    fn notes(&self) -> &'static str {
        "`WebSocket` over its own stream traits, `read_frame` with `Adaptive` payloads (lent, \
         not copied) and `write_frame`, with a network buffer of 64 KiB; idle memory is with its \
         default buffers. SHA-1 is aws-lc's. As a client it masks the caller's \
         payload in place, so the caller's copy is in that row. Its masking keys (xorshift) are \
         not cryptographically strong. permessage-deflate at 15 bits and level 6, without \
         context takeover."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        Some(decode(open::<(), false>((), pipe)))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        Some(match role {
            Role::Server => encode(open::<(), false>((), pipe), messages),
            Role::Client => encode(open::<(), true>((), pipe), messages),
        })
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let (mut ws, mut buffer) = (open::<(), false>((), pipe), Vector::new());
        Some(Box::new(move |sink| {
            while sink.hungry() {
                echo(&mut ws, &mut buffer, sink);
            }
        }))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        Some(Box::new(move |sink| {
            let acceptor = WebSocketAcceptor::default().no_masking(false);
            let accepted: wtx::Result<_> = now(acceptor.accept(pipe.clone()));
            sink.messages += usize::from(accepted.is_ok());
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Pending::boxed(|pipe| async move {
            let connector = WebSocketConnector::default().no_masking(false);
            let connected: wtx::Result<_> = connector.connect(pipe, &UriRef::new(URL)).await;
            connected.is_ok()
        }))
    }

    fn inflate(&self, pipe: Pipe) -> Option<Round> {
        Some(decode(open::<_, false>(compressed(), pipe)))
    }

    fn deflate(&self, pipe: Pipe, messages: &Rc<[Message]>) -> Option<Round> {
        Some(encode(open::<_, false>(compressed(), pipe), messages))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<Connection<(), false>>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = heap::live();
        let rng = Xorshift64::from(simple_seed());
        let mut ws = WebSocket::new((), false, rng, pipe.clone(), WebSocketBuffer::new());
        let mut buffer = Vector::new();
        echo(&mut ws, &mut buffer, sink);
        drop(buffer);
        Some(heap::live() - before)
    }
}

fn open<NC: NegotiatedCompression, const IS_CLIENT: bool>(
    compression: NC,
    pipe: Pipe,
) -> Connection<NC, IS_CLIENT> {
    let rng = Xorshift64::from(simple_seed());
    let buffer = WebSocketBuffer::with_capacity(READ, 0, 0).expect("has memory");
    WebSocket::new(compression, false, rng, pipe, buffer)
}

fn compressed() -> Option<NegotiatedFlate2> {
    let config = DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        compression_level: CompressionLevel::Six,
        server_max_window_bits: WindowBits::Fifteen,
    };
    let offer = httparse::Header { name: "Sec-WebSocket-Extensions", value: b"permessage-deflate" };
    let flate2 = Flate2::from(config);
    Compression::<false>::negotiate(flate2, [offer].iter()).expect("is an offer")
}

fn decode<NC: NegotiatedCompression + 'static>(mut ws: Connection<NC, false>) -> Round {
    let mut buffer = Vector::new();
    Box::new(move |sink| {
        while sink.hungry() {
            let frame = now(ws.read_frame(&mut buffer, WebSocketPayloadOrigin::Adaptive));
            let frame = frame.expect("reads");
            match frame.op_code() {
                OpCode::Text => sink.put(Kind::Text, frame.payload()),
                OpCode::Binary => sink.binary(frame.payload()),
                _ => {}
            }
        }
    })
}

fn encode<NC: NegotiatedCompression + 'static, const IS_CLIENT: bool>(
    mut ws: Connection<NC, IS_CLIENT>,
    messages: &Rc<[Message]>,
) -> Round {
    // A server leaves the payload as it is, so one mutable copy serves for all rounds.
    let mut messages: Vec<_> =
        messages.iter().map(|message| (message.kind, message.data.to_vec())).collect();
    let mut masked = Vec::new();
    Box::new(move |_| {
        for (kind, data) in &mut messages {
            let opcode = if *kind == Kind::Text { OpCode::Text } else { OpCode::Binary };
            let data = if IS_CLIENT {
                masked.clear();
                masked.extend_from_slice(data);
                &mut masked
            } else {
                data
            };
            let mut frame = Frame::<_, IS_CLIENT>::new_fin(opcode, data.as_mut_slice());
            now(ws.write_frame(&mut frame)).expect("writes");
        }
    })
}

fn echo(ws: &mut Connection<(), false>, buffer: &mut Vector<u8>, sink: &mut Sink) {
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let frame = reader.read_frame(buffer, &mut common, WebSocketPayloadOrigin::Adaptive);
    let mut frame = now(frame).expect("reads");
    sink.echoed(frame.payload().len());
    now(writer.write_frame(&mut common, &mut frame)).expect("writes");
}
