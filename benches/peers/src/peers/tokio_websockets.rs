use std::{pin::Pin, rc::Rc};

use futures::{Sink as _, Stream as _};
use tokio_websockets::{ClientBuilder, Message, ServerBuilder, WebSocketStream};

use super::{Opening, Peer, Round, async_client::Pending};
use crate::{
    io::{Pipe, now, ready},
    workload::{self, Role},
};

pub struct TokioWebsockets;

impl Peer for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn notes(&self) -> &'static str {
        "`WebSocketStream` polled as a `Stream` and a `Sink`, payloads handed over as `Bytes`; \
         defaults. Its masking keys (feature `fastrand`) are not cryptographically strong; SHA-1 \
         is aws-lc's. No permessage-deflate."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut ws = ServerBuilder::new().serve(pipe);
        Some(Box::new(move |sink| {
            while sink.hungry() {
                let message = next(&mut ws);
                if let Some(text) = message.as_text() {
                    sink.text(text);
                } else if message.is_binary() {
                    sink.binary(message.as_payload());
                }
            }
        }))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[workload::Message]>) -> Option<Round> {
        let mut ws = match role {
            Role::Server => ServerBuilder::new().serve(pipe),
            Role::Client => ClientBuilder::new().take_over(pipe),
        };
        let messages = Rc::clone(messages);
        Some(Box::new(move |_| {
            for message in messages.iter() {
                send(&mut ws, Message::binary(message.data.clone()));
            }
            ready(|cx| Pin::new(&mut ws).poll_flush(cx)).expect("flushes");
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut ws = ServerBuilder::new().serve(pipe);
        Some(Box::new(move |sink| {
            while sink.hungry() {
                let message = next(&mut ws);
                sink.echoed(message.as_payload().len());
                send(&mut ws, message);
            }
            ready(|cx| Pin::new(&mut ws).poll_flush(cx)).expect("flushes");
        }))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        let builder = ServerBuilder::new();
        Some(Box::new(move |sink| {
            sink.messages += usize::from(now(builder.accept(pipe.clone())).is_ok());
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        let uri: hyper::Uri = crate::handshake::URL.parse().expect("a URI");
        Some(Pending::boxed(move |pipe| {
            let builder = ClientBuilder::from_uri(uri.clone());
            async move { builder.connect_on(pipe).await.is_ok() }
        }))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<WebSocketStream<Pipe>>())
    }
}

#[inline]
fn next(ws: &mut WebSocketStream<Pipe>) -> Message {
    ready(|cx| Pin::new(&mut *ws).poll_next(cx)).expect("is open").expect("reads")
}

#[inline]
fn send(ws: &mut WebSocketStream<Pipe>, message: Message) {
    ready(|cx| Pin::new(&mut *ws).poll_ready(cx)).expect("is open");
    Pin::new(ws).start_send(message).expect("sends");
}
