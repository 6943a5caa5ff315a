use std::rc::Rc;

use futures::io::{BufReader, BufWriter};
use soketto::{
    Mode, Receiver, Sender,
    connection::Builder,
    extension::{Extension, Param, deflate::Deflate},
    handshake::{Client, Server, ServerResponse, server::Response},
};

use super::{Opening, Peer, Round, async_client::Pending};
use crate::{
    handshake::{HOST, PATH},
    io::{Pipe, now},
    workload::{Kind, Message, Role, Sink},
};

pub struct Soketto;

/// It reads a header two bytes at a time, and writes it apart from its payload.
type Stream = BufReader<BufWriter<Pipe>>;

impl Peer for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn notes(&self) -> &'static str {
        "`Receiver::receive_data` into one `Vec`, `Sender::send_binary` or `send_text`, one \
         `flush` at the end; a `BufReader` and a `BufWriter` around the transport, as in its \
         examples. Does not validate text (`std::str::from_utf8` is called here, as \
         its documentation does), and takes unmasked frames from clients. Its deflate is at \
         flate2's fast level, which cannot be changed, and without context takeover; its inflate \
         fails with flate2 1.1.11, which takes the end of a message that RFC 7692 leaves open \
         for an error (\"incomplete deflate stream\"), so that row is empty."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let (sender, mut receiver) = Builder::new(buffered(pipe), Mode::Server).finish();
        let mut data = Vec::new();
        Some(Box::new(move |sink| {
            // The halves share a lock: the receiver answers pings.
            let _ = &sender;
            while sink.hungry() {
                let text = receive(&mut receiver, &mut data);
                sink.put(if text { Kind::Text } else { Kind::Binary }, &data);
            }
        }))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        let mode = if role == Role::Client { Mode::Client } else { Mode::Server };
        Some(encode(Builder::new(buffered(pipe), mode), messages))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let (mut sender, mut receiver) = Builder::new(buffered(pipe), Mode::Server).finish();
        let mut data = Vec::new();
        Some(Box::new(move |sink| {
            while sink.hungry() {
                let text = receive(&mut receiver, &mut data);
                sink.echoed(data.len());
                send(&mut sender, text, &data);
            }
            now(sender.flush()).expect("flushes");
        }))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        Some(Box::new(move |sink| {
            let mut server = Server::new(buffered(pipe.clone()));
            let key = now(server.receive_request()).expect("is valid").key();
            let response = Response::Accept { key, protocol: None };
            now(server.send_response(&response)).expect("sends");
            std::hint::black_box(server.into_builder().finish());
            sink.messages += 1;
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        Some(Pending::boxed(|pipe| async move {
            let mut client = Client::new(buffered(pipe), HOST, PATH);
            let response = client.handshake().await;
            std::hint::black_box(client.into_builder().finish());
            matches!(response, Ok(ServerResponse::Accepted { .. }))
        }))
    }

    fn deflate(&self, pipe: Pipe, messages: &Rc<[Message]>) -> Option<Round> {
        Some(encode(compressed(pipe), messages))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<(Sender<Stream>, Receiver<Stream>)>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = crate::heap::live();
        let (mut sender, mut receiver) =
            Builder::new(buffered(pipe.clone()), Mode::Server).finish();
        let mut data = Vec::new();
        let text = receive(&mut receiver, &mut data);
        sink.echoed(data.len());
        send(&mut sender, text, &data);
        now(sender.flush()).ok()?;
        drop(data);
        Some(crate::heap::live() - before)
    }
}

fn buffered(pipe: Pipe) -> Stream {
    BufReader::new(BufWriter::new(pipe))
}

fn compressed(pipe: Pipe) -> Builder<Stream> {
    let mut deflate = Deflate::new(Mode::Server);
    deflate.configure(&[Param::new("server_no_context_takeover")]).expect("is known");
    let mut builder = Builder::new(buffered(pipe), Mode::Server);
    builder.add_extensions([Box::new(deflate) as Box<dyn Extension + Send>]);
    builder
}

fn encode(builder: Builder<Stream>, messages: &Rc<[Message]>) -> Round {
    let (mut sender, receiver) = builder.finish();
    let messages = Rc::clone(messages);
    Box::new(move |_| {
        let _ = &receiver;
        for message in messages.iter() {
            send(&mut sender, message.kind == Kind::Text, &message.data);
        }
        now(sender.flush()).expect("flushes");
    })
}

/// Receives one message; whether it is text, which is then valid.
#[inline]
fn receive(receiver: &mut Receiver<Stream>, data: &mut Vec<u8>) -> bool {
    data.clear();
    let text = now(receiver.receive_data(data)).expect("reads").is_text();
    if text {
        str::from_utf8(data).expect("is UTF-8");
    }
    text
}

#[inline]
fn send(sender: &mut Sender<Stream>, text: bool, data: &[u8]) {
    if text {
        // SAFETY: text of the workload and text received, which `receive` has validated.
        now(sender.send_text(unsafe { str::from_utf8_unchecked(data) })).expect("sends");
    } else {
        now(sender.send_binary(data)).expect("sends");
    }
}
