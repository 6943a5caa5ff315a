use std::{pin::Pin, rc::Rc};

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocket, handshake, upgrade};
use http_body_util::Empty;
use hyper::{Request, body::Bytes, header};

use super::{
    Opening, Peer, Round,
    async_client::{Pending, Tasks},
    hyper_io,
};
use crate::{
    io::{Pipe, now},
    workload::{Kind, Message, Role},
};

pub struct Fastwebsockets;

impl Peer for Fastwebsockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn notes(&self) -> &'static str {
        "`FragmentCollector`, `read_frame` and `write_frame`; defaults. Takes unmasked frames \
         from clients, and pongs longer than 125 bytes. Its handshakes are hyper's. Its client \
         does not check Sec-WebSocket-Accept. No permessage-deflate."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut ws = open(pipe, Role::Server);
        Some(Box::new(move |sink| {
            while sink.hungry() {
                let frame = now(ws.read_frame()).expect("reads");
                match frame.opcode {
                    OpCode::Text => sink.put(Kind::Text, &frame.payload),
                    OpCode::Binary => sink.binary(&frame.payload),
                    _ => {}
                }
            }
        }))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        let (mut ws, messages) =
            (WebSocket::after_handshake(pipe, role.into()), Rc::clone(messages));
        Some(Box::new(move |_| {
            for message in messages.iter() {
                let frame = Frame::binary(Payload::Borrowed(&message.data));
                now(ws.write_frame(frame)).expect("writes");
            }
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut ws = open(pipe, Role::Server);
        Some(Box::new(move |sink| {
            while sink.hungry() {
                let frame = now(ws.read_frame()).expect("reads");
                sink.echoed(frame.payload.len());
                now(ws.write_frame(frame)).expect("writes");
            }
        }))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        Some(Box::new(move |sink| {
            let open = hyper_io::accept(pipe.clone(), |request| {
                upgrade::upgrade(request).expect("upgrades")
            });
            sink.messages += usize::from(open);
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        let tasks = Rc::new(Tasks::default());
        let executor = Rc::new(Executor(Rc::clone(&tasks)));
        Some(Pending::with_tasks(tasks, move |pipe| {
            let executor = Rc::clone(&executor);
            async move {
                let request = Request::get(crate::handshake::PATH)
                    .header(header::HOST, crate::handshake::HOST)
                    .header(header::UPGRADE, "websocket")
                    .header(header::CONNECTION, "upgrade")
                    .header(header::SEC_WEBSOCKET_KEY, handshake::generate_key())
                    .header(header::SEC_WEBSOCKET_VERSION, "13")
                    .body(Empty::<Bytes>::new())
                    .expect("a request");
                handshake::client(&*executor, request, pipe).await.is_ok()
            }
        }))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<FragmentCollector<Pipe>>())
    }
}

fn open(pipe: Pipe, role: Role) -> FragmentCollector<Pipe> {
    FragmentCollector::new(WebSocket::after_handshake(pipe, role.into()))
}

impl From<Role> for fastwebsockets::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Server => Self::Server,
            Role::Client => Self::Client,
        }
    }
}

struct Executor(Rc<Tasks>);

impl hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>> for Executor {
    fn execute(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.add(task);
    }
}
