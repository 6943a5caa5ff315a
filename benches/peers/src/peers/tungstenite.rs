use std::rc::Rc;

use tungstenite::{
    HandshakeError, Message, WebSocket,
    client::IntoClientRequest,
    handshake::{
        MidHandshake,
        client::ClientHandshake,
        server::{NoCallback, ServerHandshake},
    },
    protocol::{Role, WebSocketConfig},
};

use super::{Opening, Peer, Round};
use crate::{
    io::{Pipe, READ},
    workload::{self, Sink},
};

pub struct Tungstenite;

impl Peer for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn notes(&self) -> &'static str {
        "`WebSocket` over a blocking stream, `read`, `write` and one `flush` at the end. Its \
         read buffer is set to the transport's 64 KiB: it zeroes the buffer before each read, \
         and its default of 128 KiB costs it more. Idle memory is with its defaults. No \
         permessage-deflate."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut ws = open(pipe, Role::Server);
        Some(Box::new(move |sink| {
            while sink.hungry() {
                match ws.read().expect("reads") {
                    Message::Text(text) => sink.text(&text),
                    Message::Binary(data) => sink.binary(&data),
                    _ => {}
                }
            }
        }))
    }

    fn encode(
        &self,
        pipe: Pipe,
        role: workload::Role,
        messages: &Rc<[workload::Message]>,
    ) -> Option<Round> {
        let role = if role == workload::Role::Client { Role::Client } else { Role::Server };
        let (mut ws, messages) = (open(pipe, role), Rc::clone(messages));
        Some(Box::new(move |_| {
            for message in messages.iter() {
                ws.write(Message::Binary(message.data.clone())).expect("writes");
            }
            ws.flush().expect("flushes");
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        Some(echo(open(pipe, Role::Server)))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        Some(Box::new(move |sink| {
            let handshake = ServerHandshake::start(pipe.clone(), NoCallback, None);
            sink.messages += usize::from(handshake.handshake().is_ok());
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Box::<Handshakes>::default())
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<WebSocket<Pipe>>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = crate::heap::live();
        let mut echo = echo(WebSocket::from_raw_socket(pipe.clone(), Role::Server, None));
        echo(sink);
        Some(crate::heap::live() - before - size_of_val(&*echo))
    }
}

fn open(pipe: Pipe, role: Role) -> WebSocket<Pipe> {
    let config = WebSocketConfig::default().read_buffer_size(READ);
    WebSocket::from_raw_socket(pipe, role, Some(config))
}

fn echo(mut ws: WebSocket<Pipe>) -> Round {
    Box::new(move |sink| {
        while sink.hungry() {
            let message = ws.read().expect("reads");
            sink.echoed(message.len());
            ws.write(message).expect("writes");
        }
        ws.flush().expect("flushes");
    })
}

#[derive(Default)]
struct Handshakes(Vec<MidHandshake<ClientHandshake<Pipe>>>);

impl Opening for Handshakes {
    fn request(&mut self, pipes: &[Pipe]) {
        self.0.extend(pipes.iter().map(|pipe| {
            let request = crate::handshake::URL.into_client_request().expect("a URL");
            let handshake = ClientHandshake::start(pipe.clone(), request, None).expect("starts");
            match handshake.handshake() {
                Err(HandshakeError::Interrupted(waiting)) => waiting,
                _ => panic!("no response yet"),
            }
        }));
    }

    fn response(&mut self) -> usize {
        self.0.drain(..).filter_map(|waiting| waiting.handshake().ok()).count()
    }
}
