use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
};

use futures::Sink as _;
use tokio::task::{JoinHandle, LocalSet, yield_now};
use yawc::{CompressionLevel, Frame, OpCode, Options, WebSocket};

use super::{Opening, Peer, Round, hyper_io};
use crate::{
    heap,
    io::{Pipe, READ, ready},
    workload::{Kind, Message, Role, Sink},
};

pub struct Yawc;

const EXTENSION: Option<&str> = Some("permessage-deflate");

impl Peer for Yawc {
    fn name(&self) -> &'static str {
        "yawc"
    }

    fn notes(&self) -> &'static str {
        "`WebSocket`, `poll_next_frame` and its `Sink`, with `check_utf8` on (its default is \
         off), limits of 16 and 64 MiB, and a read buffer of 64 KiB; idle memory is with the \
         default buffers. Fragmented text is validated only when it is whole. Its server's \
         handshake is hyper's; its client spawns a task, so that row has a current-thread \
         runtime of tokio in it."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        Some(decode(open(pipe, Role::Server, None)))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        Some(encode(open(pipe, role, None), messages))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        Some(echo(open(pipe, Role::Server, None)))
    }

    fn accept(&self, pipe: Pipe) -> Option<Round> {
        Some(Box::new(move |sink| {
            let open = hyper_io::accept(pipe.clone(), |request| {
                WebSocket::upgrade(request).expect("upgrades")
            });
            sink.messages += usize::from(open);
        }))
    }

    fn connect(&self) -> Option<Box<dyn Opening>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Some(Box::new(Handshakes { runtime, local: LocalSet::new(), waiting: Vec::new() }))
    }

    fn inflate(&self, pipe: Pipe) -> Option<Round> {
        Some(decode(open(pipe, Role::Server, EXTENSION)))
    }

    fn deflate(&self, pipe: Pipe, messages: &Rc<[Message]>) -> Option<Round> {
        Some(encode(open(pipe, Role::Server, EXTENSION), messages))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<WebSocket<Pipe>>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        let before = heap::live();
        let ws = WebSocket::from_stream(pipe.clone(), yawc::Role::Server, options()).ok()?;
        let mut echo = echo(ws);
        echo(sink);
        Some(heap::live() - before - size_of_val(&*echo))
    }
}

fn options() -> Options {
    Options::default().with_utf8().with_limits(16 << 20, 64 << 20)
}

fn open(pipe: Pipe, role: Role, extension: Option<&str>) -> WebSocket<Pipe> {
    let role = match role {
        Role::Server => yawc::Role::Server,
        Role::Client => yawc::Role::Client,
    };
    let mut options = options().with_read_buffer_capacity(READ);
    if extension.is_some() {
        options = options.with_compression_level(CompressionLevel::new(6));
    }
    WebSocket::from_stream_with_extensions(pipe, role, extension, options).expect("opens")
}

fn decode(mut ws: WebSocket<Pipe>) -> Round {
    Box::new(move |sink| {
        while sink.hungry() {
            let frame = ready(|cx| ws.poll_next_frame(cx)).expect("reads");
            match frame.opcode() {
                OpCode::Text => sink.put(Kind::Text, frame.payload()),
                OpCode::Binary => sink.binary(frame.payload()),
                _ => {}
            }
        }
        // Pongs go out when it has to wait.
        let waits = ws.poll_next_frame(&mut Context::from_waker(Waker::noop()));
        assert!(waits.is_pending(), "nothing more to read");
    })
}

fn encode(mut ws: WebSocket<Pipe>, messages: &Rc<[Message]>) -> Round {
    let messages = Rc::clone(messages);
    Box::new(move |_| {
        for message in messages.iter() {
            let data = message.data.clone();
            let text = message.kind == Kind::Text;
            send(&mut ws, if text { Frame::text(data) } else { Frame::binary(data) });
        }
        ready(|cx| Pin::new(&mut ws).poll_flush(cx)).expect("flushes");
    })
}

fn echo(mut ws: WebSocket<Pipe>) -> Round {
    Box::new(move |sink| {
        while sink.hungry() {
            let frame = ready(|cx| ws.poll_next_frame(cx)).expect("reads");
            sink.echoed(frame.payload().len());
            send(&mut ws, frame);
        }
        ready(|cx| Pin::new(&mut ws).poll_flush(cx)).expect("flushes");
    })
}

#[inline]
fn send(ws: &mut WebSocket<Pipe>, frame: Frame) {
    ready(|cx| Pin::new(&mut *ws).poll_ready(cx)).expect("is open");
    Pin::new(ws).start_send(frame).expect("sends");
}

struct Handshakes {
    runtime: tokio::runtime::Runtime,
    local: LocalSet,
    waiting: Vec<JoinHandle<bool>>,
}

impl Opening for Handshakes {
    fn request(&mut self, pipes: &[Pipe]) {
        for pipe in pipes {
            let (pipe, url) = (pipe.clone(), crate::handshake::URL.parse().expect("a URL"));
            self.waiting.push(self.local.spawn_local(async move {
                WebSocket::handshake(url, pipe, Options::default()).await.is_ok()
            }));
        }
        self.local.block_on(&self.runtime, async {
            for _ in 0..4 {
                yield_now().await;
            }
        });
    }

    fn response(&mut self) -> usize {
        let waiting = std::mem::take(&mut self.waiting);
        self.local.block_on(&self.runtime, async {
            let mut open = 0;
            for handshake in waiting {
                open += usize::from(handshake.await.unwrap_or(false));
            }
            open
        })
    }
}
