use std::rc::Rc;

use shiguredo_websocket::{
    ClientConnectionOptions, ConnectionEvent, ConnectionOutput, ConnectionState, Error,
    PerMessageDeflateConfig, RandomSource, ServerConnectionOptions, Timestamp,
    WebSocketClientConnection, WebSocketServerConnection,
};

use super::{Opening, Peer, Round};
use crate::{
    handshake::{self, HOST, PATH, REQUEST},
    heap,
    io::Pipe,
    keys::Shared,
    workload::{Kind, Message, Role, Sink},
};

pub struct Shiguredo;

/// What its documentation reads at a time. With more it gets slower: it moves what is left in
/// its buffer after every frame.
const READ: usize = 4096;

impl Peer for Shiguredo {
    fn name(&self) -> &'static str {
        "shiguredo_websocket"
    }

    fn notes(&self) -> &'static str {
        "`WebSocketServerConnection` and `WebSocketClientConnection` (no I/O), read 4 KiB at a \
         time as its documentation does; no ping timer. Its masking keys are the caller's: from \
         the kernel, 1024 at a time. Its deflate is its own, with context takeover."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        Some(decode(server(REQUEST), pipe))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        Some(match role {
            Role::Server => encode(server(REQUEST), pipe, messages),
            Role::Client => encode(client(), pipe, messages),
        })
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut ws = server(REQUEST);
        Some(Box::new(move |sink| {
            while sink.hungry() {
                echo(&mut ws, &pipe, sink);
            }
        }))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        Some(Box::new(move |sink| {
            let mut ws = WebSocketServerConnection::new(options());
            pipe.chunk_of(READ, |chunk| ws.feed_recv_buf(chunk).expect("is valid"));
            ws.accept_handshake_auto().expect("accepts");
            flush(&mut ws, &pipe);
            sink.messages += usize::from(ws.state() == ConnectionState::Connected);
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Box::<Handshakes>::default())
    }

    fn inflate(&self, pipe: Pipe) -> Option<Round> {
        Some(decode(server(&handshake::request_with_deflate()), pipe))
    }

    fn deflate(&self, pipe: Pipe, messages: &Rc<[Message]>) -> Option<Round> {
        Some(encode(server(&handshake::request_with_deflate()), pipe, messages))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<WebSocketServerConnection>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = heap::live();
        let mut ws = server(REQUEST);
        while sink.hungry() {
            echo(&mut ws, pipe, sink);
        }
        Some(heap::live() - before)
    }
}

/// Its two connections have the same methods, but no trait for them.
trait Connection {
    fn feed(&mut self, data: &[u8]) -> Result<(), Error>;
    fn event(&mut self) -> Option<ConnectionEvent>;
    fn output(&mut self) -> Option<ConnectionOutput>;
    fn text(&mut self, text: &str) -> Result<(), Error>;
    fn binary(&mut self, data: &[u8]) -> Result<(), Error>;
}

macro_rules! connection {
    ($connection:ty $(, $now:expr)?) => {
        impl Connection for $connection {
            fn feed(&mut self, data: &[u8]) -> Result<(), Error> {
                self.feed_recv_buf(data $(, $now)?)
            }

            fn event(&mut self) -> Option<ConnectionEvent> {
                self.poll_event()
            }

            fn output(&mut self) -> Option<ConnectionOutput> {
                self.poll_output()
            }

            fn text(&mut self, text: &str) -> Result<(), Error> {
                self.send_text(text)
            }

            fn binary(&mut self, data: &[u8]) -> Result<(), Error> {
                self.send_binary(data)
            }
        }
    };
}

connection!(WebSocketServerConnection);
connection!(WebSocketClientConnection<Shared>, Timestamp::from_millis(0));

impl RandomSource for Shared {
    fn masking_key(&mut self) -> [u8; 4] {
        self.next()
    }

    fn nonce(&mut self) -> [u8; 16] {
        Shared::nonce(self)
    }
}

fn options() -> ServerConnectionOptions {
    ServerConnectionOptions::new().ping_interval(0).deflate(PerMessageDeflateConfig::new())
}

fn server(request: &str) -> WebSocketServerConnection {
    let mut ws = WebSocketServerConnection::new(options());
    ws.feed_recv_buf(request.as_bytes()).expect("is valid");
    ws.accept_handshake_auto().expect("accepts");
    while ws.poll_output().is_some() || ws.poll_event().is_some() {}
    ws
}

fn client() -> WebSocketClientConnection<Shared> {
    let (mut handshakes, pipe) = (Handshakes::default(), Pipe::new());
    pipe.record();
    handshakes.request(std::slice::from_ref(&pipe));
    pipe.load(&handshake::response_to(&pipe.recorded()).expect("is a request"));
    let (pipe, mut ws) = handshakes.waiting.remove(0);
    pipe.chunk(|chunk| ws.feed(chunk).expect("is valid"));
    while ws.poll_output().is_some() || ws.poll_event().is_some() {}
    ws
}

fn decode(mut ws: impl Connection + 'static, pipe: Pipe) -> Round {
    Box::new(move |sink| {
        while pipe.chunk_of(READ, |chunk| ws.feed(chunk).expect("reads")) {
            while let Some(event) = ws.event() {
                match event {
                    ConnectionEvent::TextMessage(text) => sink.text(&text),
                    ConnectionEvent::BinaryMessage(data) => sink.binary(&data),
                    _ => {}
                }
            }
            flush(&mut ws, &pipe);
        }
    })
}

fn encode(mut ws: impl Connection + 'static, pipe: Pipe, messages: &Rc<[Message]>) -> Round {
    let messages = Rc::clone(messages);
    Box::new(move |_| {
        for message in messages.iter() {
            match message.kind {
                Kind::Text => ws.text(str::from_utf8(&message.data).expect("is UTF-8")),
                Kind::Binary => ws.binary(&message.data),
            }
            .expect("sends");
            flush(&mut ws, &pipe);
        }
    })
}

/// Reads once, and sends back what arrived.
fn echo(ws: &mut WebSocketServerConnection, pipe: &Pipe, sink: &mut Sink) {
    pipe.chunk_of(READ, |chunk| ws.feed(chunk).expect("reads"));
    while let Some(event) = ws.event() {
        match event {
            ConnectionEvent::TextMessage(text) => {
                sink.echoed(text.len());
                ws.text(&text).expect("sends");
            }
            ConnectionEvent::BinaryMessage(data) => {
                sink.echoed(data.len());
                ws.binary(&data).expect("sends");
            }
            _ => {}
        }
    }
    flush(ws, pipe);
}

fn flush(ws: &mut impl Connection, pipe: &Pipe) {
    while let Some(output) = ws.output() {
        if let ConnectionOutput::SendData(data) = output {
            pipe.put(&data);
        }
    }
}

#[derive(Default)]
struct Handshakes {
    waiting: Vec<(Pipe, WebSocketClientConnection<Shared>)>,
}

impl Opening for Handshakes {
    fn request(&mut self, pipes: &[Pipe]) {
        for pipe in pipes {
            let options = ClientConnectionOptions::new(HOST, PATH).ping_interval(0);
            let mut ws = WebSocketClientConnection::new(options, Shared);
            ws.connect().expect("connects");
            flush(&mut ws, pipe);
            self.waiting.push((pipe.clone(), ws));
        }
    }

    fn response(&mut self) -> usize {
        let open = self.waiting.drain(..).filter_map(|(pipe, mut ws)| {
            pipe.chunk_of(READ, |chunk| ws.feed(chunk).expect("is valid"));
            (ws.state() == ConnectionState::Connected).then_some(())
        });
        open.count()
    }
}
