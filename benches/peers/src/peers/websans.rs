use std::rc::Rc;

use websans::{
    ClientHandshake, Config, Connection, Event, Message, PermessageDeflate, RecvBuf, Request,
    Response, SendBuf, ServerHandshake,
};

use super::{Opening, Peer, Round};
use crate::{
    handshake::{URL, request_with_deflate},
    heap,
    io::{Pipe, READ},
    workload::{self, Role, Sink},
};

pub struct Websans;

/// The same with payloads that the application owns.
pub struct Owned;

impl Peer for Websans {
    fn name(&self) -> &'static str {
        "websans"
    }

    fn notes(&self) -> &'static str {
        "`Connection::next_event`, `send_text` and `send_binary`, `RecvBuf::read_from` and \
         `SendBuf::write_to`; defaults. Its deflate is zlib-rs itself, with context takeover."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Open::new(Connection::server(Config::default()), pipe);
        Some(Box::new(move |sink| peer.decode(sink)))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let ws = match role {
            Role::Server => Connection::server(Config::default()),
            Role::Client => Connection::client(Config::default()),
        };
        let (mut peer, messages) = (Open::new(ws, pipe), Rc::clone(messages));
        Some(Box::new(move |_| {
            for message in messages.iter() {
                peer.ws.send_binary(&message.data, &mut peer.tx).expect("sends");
                peer.flush_from(READ);
            }
            peer.flush_from(1);
        }))
    }

    fn inflate(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Open::new(compressed(), pipe);
        Some(Box::new(move |sink| peer.decode(sink)))
    }

    fn deflate(&self, pipe: Pipe, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let (mut peer, messages) = (Open::new(compressed(), pipe), Rc::clone(messages));
        Some(Box::new(move |_| {
            for message in messages.iter() {
                let text = str::from_utf8(&message.data).expect("is UTF-8");
                peer.ws.send_text(text, &mut peer.tx).expect("sends");
                peer.flush_from(READ);
            }
            peer.flush_from(1);
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Open::new(Connection::server(Config::default()), pipe);
        Some(Box::new(move |sink| peer.echo(sink)))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        let (mut rx, mut tx, mut pipe) = (RecvBuf::new(), SendBuf::new(), pipe);
        Some(Box::new(move |sink| {
            let mut handshake = ServerHandshake::new(Config::default());
            rx.read_from(&mut pipe).expect("reads");
            let request = handshake.next_request(&mut rx, &mut tx);
            let request = request.expect("is valid").expect("is whole");
            let ws = request.accept(&Response::new(), &mut tx).expect("accepts");
            tx.write_to(&mut pipe).expect("writes");
            std::hint::black_box(ws);
            sink.messages += 1;
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Box::<Handshakes>::default())
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<Connection>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = heap::live();
        let mut peer = Open::new(Connection::server(Config::default()), pipe.clone());
        peer.echo(sink);
        assert!(peer.rx.is_empty() && peer.tx.is_empty());
        let Open { ws, rx, tx, pipe: _ } = peer;
        drop((rx, tx));
        let heap = heap::live() - before;
        drop(ws);
        Some(heap)
    }
}

impl Peer for Owned {
    fn name(&self) -> &'static str {
        "websans-owned"
    }

    fn package(&self) -> Option<&'static str> {
        Some("websans")
    }

    fn notes(&self) -> &'static str {
        "The same with `Connection::send` of `Bytes`: a server's payload is written from where it \
         lies; a client's, which others share, is copied and masked. An echo takes messages out \
         of the buffer (`RecvBuf::take_bytes`, `take_byte_string`) and sends them."
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut peer = Open::new(Connection::server(Config::default()), pipe);
        Some(Box::new(move |sink| {
            let Open { ws, rx, tx, pipe } = &mut peer;
            while !pipe.is_drained() {
                rx.read_from(pipe).expect("reads");
                while let Some(event) = ws.next_event(rx, tx).expect("reads") {
                    let message = match event {
                        Event::Text(text) => {
                            sink.echoed(text.len());
                            Message::text(rx.take_byte_string())
                        }
                        Event::Binary(data) => {
                            sink.echoed(data.len());
                            Message::binary(rx.take_bytes())
                        }
                        _ => continue,
                    };
                    ws.send(message, tx).expect("sends");
                }
                if tx.len() >= READ as u64 {
                    tx.write_to(pipe).expect("writes");
                }
            }
            tx.write_to(pipe).expect("writes");
        }))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let ws = match role {
            Role::Server => Connection::server(Config::default()),
            Role::Client => Connection::client(Config::default()),
        };
        let (mut peer, messages) = (Open::new(ws, pipe), Rc::clone(messages));
        Some(Box::new(move |_| {
            for message in messages.iter() {
                let message = Message::binary(message.data.clone());
                peer.ws.send(message, &mut peer.tx).expect("sends");
                peer.flush_from(READ);
            }
            peer.flush_from(1);
        }))
    }
}

/// A server's connection with permessage-deflate.
fn compressed() -> Connection {
    let config = Config::default().permessage_deflate(PermessageDeflate::default().level(6));
    let (mut handshake, mut rx) = (ServerHandshake::new(config), RecvBuf::new());
    rx.extend(request_with_deflate().as_bytes());
    let request = handshake.next_request(&mut rx, &mut SendBuf::new());
    let request = request.expect("is valid").expect("is whole");
    let ws = request.accept(&Response::new(), &mut SendBuf::new()).expect("accepts");
    assert!(ws.permessage_deflate().is_some(), "the feature is on");
    ws
}

/// A connection and the buffers that its caller provides.
struct Open {
    ws: Connection,
    rx: RecvBuf,
    tx: SendBuf,
    pipe: Pipe,
}

impl Open {
    fn new(ws: Connection, pipe: Pipe) -> Self {
        Self { ws, rx: RecvBuf::new(), tx: SendBuf::new(), pipe }
    }

    #[inline]
    fn run(&mut self, mut on_event: impl FnMut(&mut Connection, Event<'_>, &mut SendBuf)) {
        while !self.pipe.is_drained() {
            self.rx.read_from(&mut self.pipe).expect("reads");
            while let Some(event) = self.ws.next_event(&mut self.rx, &mut self.tx).expect("reads") {
                on_event(&mut self.ws, event, &mut self.tx);
            }
            self.flush_from(READ);
        }
        self.flush_from(1);
    }

    fn decode(&mut self, sink: &mut Sink) {
        self.run(|_, event, _| match event {
            Event::Text(text) => sink.text(text),
            Event::Binary(data) => sink.binary(data),
            _ => {}
        });
    }

    fn echo(&mut self, sink: &mut Sink) {
        self.run(|ws, event, tx| match event {
            Event::Text(text) => {
                sink.echoed(text.len());
                ws.send_text(text, tx).expect("sends");
            }
            Event::Binary(data) => {
                sink.echoed(data.len());
                ws.send_binary(data, tx).expect("sends");
            }
            _ => {}
        });
    }

    /// Writes what waits, if it is at least this much.
    #[inline]
    fn flush_from(&mut self, len: usize) {
        if self.tx.len() >= len as u64 {
            self.tx.write_to(&mut self.pipe).expect("writes");
        }
    }
}

#[derive(Default)]
struct Handshakes {
    waiting: Vec<(Pipe, ClientHandshake)>,
    rx: RecvBuf,
    tx: SendBuf,
}

impl Opening for Handshakes {
    fn request(&mut self, pipes: &[Pipe]) {
        for pipe in pipes {
            let (mut pipe, request) = (pipe.clone(), Request::new(URL).expect("a URI"));
            let handshake = ClientHandshake::new(&request, Config::default(), &mut self.tx);
            self.tx.write_to(&mut pipe).expect("writes");
            self.waiting.push((pipe, handshake.expect("has keys")));
        }
    }

    fn response(&mut self) -> usize {
        let Self { waiting, rx, .. } = self;
        let open = waiting.drain(..).filter_map(|(mut pipe, mut handshake)| {
            rx.read_from(&mut pipe).expect("reads");
            let response = handshake.next_response(rx).expect("is valid").expect("is whole");
            response.into_connection().ok()
        });
        open.count()
    }
}
